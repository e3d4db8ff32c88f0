#include "follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_impl.h"

/* What is added to the parsed text. */
struct change {
    struct syntax *syntax;
    struct arena *arena;
};

/* Some tens of nodes and two names for each of MODEL_STATES_MAX at most. */
#define ARENA_BYTES ((size_t)4 << 20)

static void *take(struct change *change, size_t size)
{
    void *taken = arena_take(change->arena, size);
    if (!taken)
        abort(); /* it is large enough by construction */
    return taken;
}

/* --- expressions that no text holds --------------------------------------------------
 */

static struct expr *expr_of(struct change *change, enum op op, struct expr *a,
                            struct expr *b)
{
    struct expr *made = take(change, sizeof *made);
    made->op = op;
    made->height = 1;
    made->factor = 1;
    made->count = a ? b ? 2 : 1 : 0;
    made->arguments = take(change, 2 * sizeof(struct expr *));
    made->arguments[0] = a;
    made->arguments[1] = b;
    return made;
}

static struct expr *name_of(struct change *change, const char *name)
{
    struct expr *made = expr_of(change, OP_NAME, NULL, NULL);
    made->name = name;
    return made;
}

static struct expr *number_of(struct change *change, double number,
                              struct unit_text *unit)
{
    struct expr *made = expr_of(change, OP_NUMBER, NULL, NULL);
    made->number = number;
    made->unit = unit;
    return made;
}

/* NAME.TAIL: no name of a text holds a dot. */
static const char *tailed(struct change *change, const char *name, const char *tail)
{
    size_t size = strlen(name) + strlen(tail) + 2;
    char *made = take(change, size);
    snprintf(made, size, "%s.%s", name, tail);
    return made;
}

/* --- moves ---------------------------------------------------------------------------
 */

static void rename_in(struct expr *expr, const char *from, const char *to)
{
    if (!expr)
        return;
    if (expr->op == OP_NAME && strcmp(expr->name, from) == 0)
        expr->name = to;
    for (size_t i = 0; i < expr->count; i++)
        rename_in(expr->arguments[i], from, to);
}

static void rename_everywhere(struct syntax *s, const char *from, const char *to)
{
    for (size_t i = 0; i < s->quantity_count; i++)
        rename_in(s->quantities[i].expr, from, to);
    for (size_t i = 0; i < s->state_count; i++)
        rename_in(s->states[i].rate, from, to);
    for (size_t i = 0; i < s->observation_count; i++)
        rename_in(s->observations[i].expr, from, to);
    for (size_t i = 0; i < s->input_count; i++)
        for (size_t j = 0; j < s->inputs[i].jump_count; j++)
            rename_in(s->inputs[i].jumps[j].expr, from, to);
}

/* What the parameter is now: the transform of its own value and of L. */
static struct expr *moved(struct change *c, struct parameter_line *line, const char *off)
{
    struct expr *own = name_of(c, line->name), *by = name_of(c, off);
    if (line->transform == TRANSFORM_IDENTITY)
        return expr_of(c, OP_ADD, own, by);
    struct expr *odds = expr_of(c, OP_EXP, by, NULL);
    if (line->transform == TRANSFORM_LOG)
        return expr_of(c, OP_MULTIPLY, own, odds);
    /* with a = theta - low, b = high - theta: low + (high - low) a e / (a e + b) */
    struct expr *low = number_of(c, line->low, &line->unit),
                *high = number_of(c, line->high, &line->unit);
    struct expr *a = expr_of(c, OP_MULTIPLY, expr_of(c, OP_SUBTRACT, own, low), odds);
    struct expr *b = expr_of(c, OP_SUBTRACT, high, name_of(c, line->name));
    struct expr *share = expr_of(c, OP_DIVIDE, a, expr_of(c, OP_ADD, a, b));
    struct expr *width = number_of(c, line->high - line->low, &line->unit);
    return expr_of(c, OP_ADD, number_of(c, line->low, &line->unit),
                   expr_of(c, OP_MULTIPLY, width, share));
}

/* L, which falls to 0 over `back`, if at all, and the parameter as a quantity of it. */
static void add_move(struct change *c, struct parameter_line *line)
{
    struct syntax *s = c->syntax;
    const char *now = tailed(c, line->name, "now"), *off = tailed(c, line->name, "off");
    struct state_line *state = &s->states[s->state_count++];
    struct quantity_line *quantity = &s->quantities[s->quantity_count];
    bool identity = line->transform == TRANSFORM_IDENTITY;
    rename_everywhere(s, line->name, now);
    *quantity = (struct quantity_line){
        .name = now, .expr = moved(c, line, off), .unit = line->unit};
    s->quantity_count++;
    *state = (struct state_line){.name = off,
                                 .rate = number_of(c, 0, NULL),
                                 .unit = {.text = identity ? line->unit.text : "1",
                                          .unit = identity ? line->unit.unit : UNIT_ONE}};
    if (line->drift_back > 0)
        state->rate = expr_of(c, OP_DIVIDE, expr_of(c, OP_NEGATE, name_of(c, off), NULL),
                              number_of(c, line->drift_back, &line->drift_back_unit));
}

/* --- beginnings ------------------------------------------------------------------------
 */

/* A parameter for where the state begins. */
static enum err add_beginning(struct change *c, size_t index, const char *unit)
{
    struct syntax *s = c->syntax;
    struct state_line *state = &s->states[index];
    if (!state->unit.text) {
        state->unit.text = unit;
        if (unit_parse(unit, strlen(unit), &state->unit.unit) != ERR_OK)
            return err_code();
    }
    struct parameter_line *line = &s->parameters[s->parameter_count++];
    *line = (struct parameter_line){.name = tailed(c, state->name, "0"),
                                    .unit = state->unit,
                                    .spread = SPREAD_POPULATION,
                                    .transform = TRANSFORM_IDENTITY};
    state->init = name_of(c, line->name);
    state->steady = false;
    return ERR_OK;
}

/* Only beginnings are directions; and deviations on occasions, which cannot be without
 * their parameters' spread: nobody asks for those. */
static void hold_parameters(struct syntax *s)
{
    for (size_t i = 0; i < s->parameter_count; i++)
        if (s->parameters[i].occasions == 0) {
            s->parameters[i].spread = SPREAD_FIXED;
            s->parameters[i].on_count = 0;
            s->parameters[i].drifts_at = 0;
        }
    s->correlated_count = 0;
}

/* What looks back has no reading here; it stays as what it looks at now. */
static struct expr *present(struct change *c, struct expr *expr, struct expr *over)
{
    for (size_t i = 0; i < expr->count; i++)
        expr->arguments[i] = present(c, expr->arguments[i], over);
    if (expr->op != OP_FUNCTIONAL)
        return expr;
    return expr->functional == FUNCTIONAL_AUC
               ? expr_of(c, OP_MULTIPLY, expr->arguments[0], over)
               : expr->arguments[0];
}

static void hold_windows(struct change *c)
{
    for (size_t o = 0; o < c->syntax->observation_count; o++) {
        struct observation_line *line = &c->syntax->observations[o];
        line->expr = present(c, line->expr, line->over);
        line->over = NULL;
        line->functional_count = 0;
    }
}

static void drop_what_nobody_asks(struct syntax *s)
{
    s->outcome_count = s->plausible_count = s->functional_count = s->range_count = 0;
    s->period = NULL;
    s->step = (struct step_line){0};
    for (size_t i = 0; i < s->quantity_count; i++)
        s->quantities[i].individual = false;
}

static bool fits(const struct model *model, const struct syntax *s, size_t moved)
{
    size_t states = s->state_count + moved;
    return states <= MODEL_STATES_MAX &&
           model->syntax->parameter_count + states <= MODEL_PARAMETERS_MAX &&
           s->quantity_count + moved <= MODEL_QUANTITIES_MAX;
}

/* Does direction k decide what stands behind a dose, or when something switches? The
 * register of what does not depend on it is that of the number 0, the first. */
static bool decides_once(const struct model *model, size_t k)
{
    const struct program *program = model->program;
    size_t inputs = model_inputs(model) * MODIFIERS, d = program->direction_count;
    bool decides = false;
    for (size_t i = 0; i < inputs; i++)
        decides |= program->input_slopes.results[inputs + i * d + k] != 0;
    for (size_t i = 0; i < program->switching_count; i++)
        decides |=
            program->switchings[i].d_slope[k] || program->switchings[i].d_offset[k];
    return decides;
}

static enum err choose(const struct model *model, const struct syntax *s,
                       struct follow *follow)
{
    for (size_t i = 0; i < s->parameter_count; i++)
        if (s->parameters[i].drifts_at)
            follow->moves[follow->moved++] = i;
    follow->drifts = follow->moved;
    if (!fits(model, s, follow->drifts))
        return err_set(
            ERR_RANGE,
            "model %s is too large to be followed: parameters, states and what "
            "drifts are at most %d together",
            s->name, MODEL_PARAMETERS_MAX);
    for (size_t k = 0; k < model_directions(model); k++) {
        size_t i = model_direction(model, k);
        const struct model_parameter *one = model_parameter(model, i);
        if (one->kind == PARAMETER_INDIVIDUAL && one->occasions == 0 && one->drift == 0 &&
            !decides_once(model, k))
            follow->moves[follow->moved++] = i;
    }
    if (!fits(model, s, follow->moved))
        follow->moved = follow->drifts;
    return ERR_OK;
}

static enum err change(const struct model *model, struct change *c, struct follow *follow)
{
    struct syntax *s = c->syntax;
    hold_windows(c);
    drop_what_nobody_asks(s);
    follow->written = s->parameter_count;
    enum err err = choose(model, s, follow);
    size_t own = s->state_count;
    for (size_t i = 0; err == ERR_OK && i < follow->moved; i++)
        add_move(c, &s->parameters[follow->moves[i]]);
    hold_parameters(s);
    follow->states = s->state_count;
    for (size_t i = 0; err == ERR_OK && i < follow->states; i++)
        err = add_beginning(c, i, i < own ? model_state(model, i)->unit : NULL);
    return err;
}

enum err follow_new(const struct model *model, struct follow **follow)
{
    struct follow *out = mem_new(1, sizeof *out);
    struct model *changed = out->model = mem_new(1, sizeof *changed);
    out->arena = arena_new(ARENA_BYTES);
    enum err err = syntax_parse(model->canonical, strlen(model->canonical),
                                model_name(model), &changed->syntax);
    if (err == ERR_OK)
        err = change(model, &(struct change){changed->syntax, out->arena}, out);
    if (err == ERR_OK)
        err = model_check(changed);
    if (err == ERR_OK)
        err = program_new(changed, &changed->program);
    if (err != ERR_OK) {
        follow_destroy(&out);
        return err;
    }
    out->first = model_directions(changed) - out->states;
    *follow = out;
    return ERR_OK;
}

void follow_destroy(struct follow **follow)
{
    if (!*follow)
        return;
    model_destroy(&(*follow)->model);
    arena_destroy(&(*follow)->arena);
    mem_free(*follow);
    *follow = NULL;
}

void follow_parameters(const struct follow *follow, const struct model *original,
                       const double *parameters, const double *states, double *out)
{
    size_t written = follow->written, count = model_parameters(original);
    memcpy(out, parameters, written * sizeof *out);
    memcpy(out + written, states, follow->states * sizeof *out);
    memcpy(out + written + follow->states, parameters + written,
           (count - written) * sizeof *out);
}
