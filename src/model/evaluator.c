/* evaluator - runs a model's program for one patient: values, tangents along the caller's
 * directions, columns of the Jacobian, steady states, switching times. Called by
 * model/twin. */

#include "model_impl.h"

#include <assert.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "numerics/linalg.h"
#include "operation.h"

/* Inside a piece, time stays this share of its ends away from them: far above the
 * rounding of a condition, far below anything the solver can see. */
#define PIECE_MARGIN (64 * DBL_EPSILON)

/* More switches of one condition than this in one run are a mistake in its period. */
#define BREAKS_MAX ((size_t)100000)

/* The search for a steady state: implicit Euler steps that grow into Newton's. */
#define STEADY_STEPS_MAX 300
#define STEADY_GROWTH 4.0
#define STEADY_SHRINK 0.1
#define STEADY_TOLERANCE 1e-11

struct moment { /* at which a switching switches */
    double time;
    uint32_t switching;
};

struct evaluator {
    const struct model *model;
    const struct program *program;
    size_t states, directions;
    double *registers; /* [registers] */
    double *tangents;  /* [registers][directions] */
    double *columns;   /* [registers][states], of the Jacobian */
    bool with_tangents;

    double *covariates, *slopes; /* [covariates], as of `covariates_at` */
    double covariates_at;
    double from, to; /* the piece in which conditions on time keep their branch */
    double *dxdt, *dsdt, *dfdx, *seed; /* room for the search for a steady state */

    struct moment *moments;
    size_t moment_capacity, break_count;
    double *breaks, *d_breaks; /* [break_count], [break_count][directions] */
};

/* What leaves read. */
struct leaves {
    double t;
    const double *x, *parameters;
};

/* --- values --------------------------------------------------------------------- */

static double leaf_value(const struct evaluator *evaluator, const struct instruction *at,
                         const struct leaves *leaves)
{
    switch (at->op) {
    case OP_PARAMETER:
        return leaves->parameters[at->a];
    case OP_COVARIATE:
        return evaluator->covariates[at->a];
    case OP_LINEAR:
        return evaluator->covariates[at->a] +
               evaluator->slopes[at->a] * (leaves->t - evaluator->covariates_at);
    case OP_STATE:
        return leaves->x[at->a];
    default: /* OP_TIME */
        return leaves->t;
    }
}

static void run_values(const struct evaluator *evaluator, const struct list *list,
                       const struct leaves *leaves)
{
    double *r = evaluator->registers;
    const struct instruction *end = list->instructions + list->count;
    for (const struct instruction *at = list->instructions; at < end; at++)
        r[at->to] = at->op <= OP_STATE
                        ? leaf_value(evaluator, at, leaves)
                        : operation_value(at->op, r[at->a], r[at->b], r[at->c]);
}

/* --- tangents ------------------------------------------------------------------- */

/* Where tangents live, and what the leaves' are. */
struct tangents {
    enum tangent kind;
    size_t width;
    double *rows;               /* [registers][width] */
    const double *d_parameters; /* [parameters][width] */
    const double *s;            /* [width][states] */
    size_t states;
};

static void leaf_tangent(const struct tangents *tangents, const struct instruction *at,
                         double *to)
{
    size_t width = tangents->width;
    if (at->op == OP_PARAMETER) {
        memcpy(to, tangents->d_parameters + at->a * width, width * sizeof(double));
    } else if (tangents->kind == TANGENT_STATES) {
        memset(to, 0, width * sizeof(double));
        to[at->a] = 1;
    } else {
        for (size_t k = 0; k < width; k++)
            to[k] = tangents->s[k * tangents->states + at->a];
    }
}

/* to += slope * from, where an infinite slope along nothing is nothing: a power below one
 * at 0, before the first dose. */
static void add_steep(double *to, double slope, const double *from, size_t width)
{
    for (size_t k = 0; k < width; k++)
        to[k] += from[k] == 0 ? 0 : slope * from[k];
}

static void combine(const struct tangents *tangents, const struct instruction *at,
                    struct slopes slopes)
{
    size_t width = tangents->width;
    unsigned live = at->live[tangents->kind];
    double *restrict to = tangents->rows + at->to * width;
    const double *a = tangents->rows + at->a * width;
    const double *b = tangents->rows + at->b * width;
    const double *c = tangents->rows + at->c * width;
    if (!isfinite(slopes.a + slopes.b)) {
        memset(to, 0, width * sizeof(double));
        if (live & LIVE_A)
            add_steep(to, slopes.a, a, width);
        if (live & LIVE_B)
            add_steep(to, slopes.b, b, width);
        return;
    }
    switch (live & (LIVE_A | LIVE_B | LIVE_C)) {
    case LIVE_A:
        for (size_t k = 0; k < width; k++)
            to[k] = slopes.a * a[k];
        return;
    case LIVE_B:
        for (size_t k = 0; k < width; k++)
            to[k] = slopes.b * b[k];
        return;
    case LIVE_C:
        for (size_t k = 0; k < width; k++)
            to[k] = slopes.c * c[k];
        return;
    case LIVE_A | LIVE_B:
        for (size_t k = 0; k < width; k++)
            to[k] = slopes.a * a[k] + slopes.b * b[k];
        return;
    default: /* OP_SELECT of two live branches: one slope is 1, the other 0 */
        memcpy(to, slopes.b != 0 ? b : c, width * sizeof(double));
    }
}

/* After run_values of the same list. */
static void run_tangents(const struct evaluator *evaluator, const struct list *list,
                         const struct tangents *tangents)
{
    const double *r = evaluator->registers;
    const struct instruction *end = list->instructions + list->count;
    for (const struct instruction *at = list->instructions; at < end; at++) {
        if (!(at->live[tangents->kind] & LIVE_RESULT))
            continue;
        if (at->op <= OP_STATE)
            leaf_tangent(tangents, at, tangents->rows + at->to * tangents->width);
        else
            combine(tangents, at,
                    operation_slopes(at->op, r[at->a], r[at->b], r[at->to]));
    }
}

static struct tangents along_directions(const struct evaluator *evaluator,
                                        const double *d_parameters, const double *s)
{
    return (struct tangents){
        TANGENT_DIRECTIONS, evaluator->directions, evaluator->tangents, d_parameters, s,
        evaluator->states};
}

/* The tangent of a register, zero where it cannot have one. */
static double tangent(const struct evaluator *evaluator, uint32_t at, size_t direction)
{
    return evaluator->program->live[at] >> TANGENT_DIRECTIONS & 1
               ? evaluator->tangents[at * evaluator->directions + direction]
               : 0;
}

/* --- begin and end -------------------------------------------------------------- */

struct evaluator *evaluator_new(const struct model *model, size_t directions)
{
    const struct program *program = model->program;
    struct evaluator *out = mem_new(1, sizeof *out);
    size_t states = model->syntax->state_count, n = program->registers;
    *out = (struct evaluator){
        .model = model,
        .program = program,
        .states = states,
        .directions = directions,
        .registers = mem_copy(program->constants, n * sizeof(double)),
        .tangents = mem_new(n * directions, sizeof(double)),
        .columns = mem_new(n * states, sizeof(double)),
        .covariates = mem_new(model->syntax->covariate_count, sizeof(double)),
        .slopes = mem_new(model->syntax->covariate_count, sizeof(double)),
        .from = -INFINITY,
        .to = INFINITY,
        .dxdt = mem_new(states, sizeof(double)),
        .dsdt = mem_new(states * directions, sizeof(double)),
        .dfdx = mem_new(states * states, sizeof(double)),
        .seed = mem_new(states * directions, sizeof(double)),
    };
    return out;
}

void evaluator_destroy(struct evaluator **evaluator)
{
    struct evaluator *gone = *evaluator;
    if (!gone)
        return;
    mem_free(gone->registers);
    mem_free(gone->tangents);
    mem_free(gone->columns);
    mem_free(gone->covariates);
    mem_free(gone->slopes);
    mem_free(gone->dxdt);
    mem_free(gone->dsdt);
    mem_free(gone->dfdx);
    mem_free(gone->seed);
    mem_free(gone->breaks);
    mem_free(gone->d_breaks);
    mem_free(gone->moments);
    mem_free(gone);
    *evaluator = NULL;
}

static void run_covariates(struct evaluator *evaluator)
{
    const struct list *list = &evaluator->program->covariate;
    struct leaves leaves = {evaluator->covariates_at, NULL, NULL};
    struct tangents tangents = along_directions(evaluator, NULL, NULL);
    run_values(evaluator, list, &leaves);
    if (evaluator->with_tangents)
        run_tangents(evaluator, list, &tangents);
}

void evaluator_individual(struct evaluator *evaluator, const double *parameters,
                          const double *d_parameters, const double *covariates)
{
    size_t count = evaluator->model->syntax->covariate_count;
    struct leaves leaves = {0, NULL, parameters};
    struct tangents tangents = along_directions(evaluator, d_parameters, NULL);
    const struct list *list = &evaluator->program->individual;
    if (count)
        memcpy(evaluator->covariates, covariates, count * sizeof(double));
    memset(evaluator->slopes, 0, count * sizeof(double));
    evaluator->covariates_at = 0;
    evaluator->from = -INFINITY;
    evaluator->to = INFINITY;
    evaluator->with_tangents = d_parameters != NULL;
    run_values(evaluator, list, &leaves);
    if (evaluator->with_tangents)
        run_tangents(evaluator, list, &tangents);
    run_covariates(evaluator);
}

void evaluator_covariates(struct evaluator *evaluator, double t, const double *covariates,
                          const double *slopes)
{
    size_t count = evaluator->model->syntax->covariate_count;
    if (count) {
        memcpy(evaluator->covariates, covariates, count * sizeof(double));
        memcpy(evaluator->slopes, slopes, count * sizeof(double));
    }
    evaluator->covariates_at = t;
    run_covariates(evaluator);
}

/* --- rates ---------------------------------------------------------------------- */

void evaluator_between(struct evaluator *evaluator, double from, double to)
{
    double size = fmax(isfinite(from) ? fabs(from) : 0, isfinite(to) ? fabs(to) : 0);
    double margin = PIECE_MARGIN * size + DBL_MIN;
    bool room = to - from > 2 * margin;
    evaluator->from = room ? from + margin : from + (to - from) / 2;
    evaluator->to = room ? to - margin : evaluator->from;
}

static double inside(const struct evaluator *evaluator, double t)
{
    return t < evaluator->from ? evaluator->from : t > evaluator->to ? evaluator->to : t;
}

int evaluator_rate(struct evaluator *evaluator, double t, const double *x, double *dxdt)
{
    const struct program *program = evaluator->program;
    struct leaves leaves = {inside(evaluator, t), x, NULL};
    run_values(evaluator, &program->rate, &leaves);
    bool finite = true;
    for (size_t i = 0; i < evaluator->states; i++) {
        dxdt[i] = evaluator->registers[program->rates[i]];
        finite &= isfinite(dxdt[i]) != 0;
    }
    return !finite;
}

int evaluator_rate_directions(struct evaluator *evaluator, double t, const double *x,
                              const double *s, double *dxdt, double *dsdt)
{
    const struct program *program = evaluator->program;
    size_t states = evaluator->states, directions = evaluator->directions;
    assert(evaluator->with_tangents || directions == 0);
    struct tangents tangents = along_directions(evaluator, NULL, s);
    bool finite = evaluator_rate(evaluator, t, x, dxdt) == 0;
    run_tangents(evaluator, &program->rate, &tangents);
    for (size_t i = 0; i < states; i++)
        for (size_t k = 0; k < directions; k++) {
            double one = tangent(evaluator, program->rates[i], k);
            dsdt[k * states + i] = one;
            finite &= isfinite(one) != 0;
        }
    return !finite;
}

int evaluator_jacobian(struct evaluator *evaluator, double t, const double *x,
                       double *dfdx)
{
    const struct program *program = evaluator->program;
    size_t states = evaluator->states;
    struct tangents tangents = {TANGENT_STATES, states, evaluator->columns,
                                NULL,           NULL,   states};
    bool finite = evaluator_rate(evaluator, t, x, evaluator->dxdt) == 0;
    run_tangents(evaluator, &program->rate, &tangents);
    for (size_t i = 0; i < states; i++) {
        uint32_t at = program->rates[i];
        bool live = program->live[at] >> TANGENT_STATES & 1;
        for (size_t j = 0; j < states; j++) {
            double one = live ? evaluator->columns[at * states + j] : 0;
            dfdx[i * states + j] = isfinite(one) ? one : 0;
        }
    }
    return !finite;
}

/* --- initial values ------------------------------------------------------------- */

/* A step of the search: (1/dt - J) step = f over the steady states alone. */
static bool steady_step(struct evaluator *evaluator, double t, const double *x, double dt,
                        double *step)
{
    const struct program *program = evaluator->program;
    size_t n = program->steady_count, states = evaluator->states;
    double *matrix = mem_new(n * n, sizeof(double));
    bool solved = !evaluator_jacobian(evaluator, t, x, evaluator->dfdx);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            matrix[i * n + j] =
                -evaluator->dfdx[program->steady[i] * states + program->steady[j]];
        matrix[i * n + i] += 1 / dt;
        step[i] = evaluator->dxdt[program->steady[i]];
    }
    solved = solved && linalg_solve(n, matrix, 1, step) == ERR_OK;
    mem_free(matrix);
    return solved;
}

/* The fastest rate at which the steady states feel themselves. */
static double steady_speed(const struct evaluator *evaluator)
{
    const struct program *program = evaluator->program;
    double fastest = 0;
    for (size_t i = 0; i < program->steady_count; i++) {
        size_t row = program->steady[i] * evaluator->states;
        fastest = fmax(fastest, fabs(evaluator->dfdx[row + program->steady[i]]));
    }
    return fastest > 0 ? fastest : 1;
}

static enum err steady_refuse(const struct evaluator *evaluator, const char *why)
{
    return err_set(ERR_NUMERIC, "model %s: the steady state of '%s' %s",
                   evaluator->model->syntax->name,
                   evaluator->model->syntax->states[evaluator->program->steady[0]].name,
                   why);
}

/* The share of a step that leaves every state at least a tenth of itself: amounts and
 * concentrations do not change sign, and a pole (km + x = 0) lies on the other side. */
static double steady_share(const struct evaluator *evaluator, const double *x,
                           const double *step)
{
    const struct program *program = evaluator->program;
    double share = 1;
    for (size_t i = 0; i < program->steady_count; i++) {
        double value = x[program->steady[i]];
        if (value * step[i] < 0 && fabs(step[i]) > 0.9 * fabs(value))
            share = fmin(share, 0.9 * fabs(value / step[i]));
    }
    return share;
}

/* Take this share of the step if the rates are finite where it leads; false: x is as
 * before. */
static bool steady_take(struct evaluator *evaluator, double t, double *x,
                        const double *step, double share)
{
    const struct program *program = evaluator->program;
    double before[MODEL_STATES_MAX];
    memcpy(before, x, evaluator->states * sizeof(double));
    for (size_t i = 0; i < program->steady_count; i++)
        x[program->steady[i]] += share * step[i];
    if (evaluator_rate(evaluator, t, x, evaluator->dxdt) == 0)
        return true;
    memcpy(x, before, evaluator->states * sizeof(double));
    return false;
}

static bool steady_reached(const struct evaluator *evaluator, const double *x,
                           const double *step)
{
    const struct program *program = evaluator->program;
    double largest = 0;
    for (size_t i = 0; i < program->steady_count; i++)
        largest = fmax(largest, fabs(x[program->steady[i]]));
    for (size_t i = 0; i < program->steady_count; i++) {
        double allowed = STEADY_TOLERANCE * fabs(x[program->steady[i]]);
        if (fabs(step[i]) > fmax(allowed, DBL_EPSILON * largest))
            return false;
    }
    return true;
}

/* f(t, x) = 0 over the steady states, the others held: pseudo-transient continuation
 * (Kelley and Keyes, SIAM J. Numer. Anal. 35:508, 1998). It follows the dynamics, so that
 * from where it starts it ends where the patient would, and turns into Newton's iteration
 * as its steps grow. Returns whether it arrived. */
static bool steady_search(struct evaluator *evaluator, double t, double *x,
                          bool keep_signs)
{
    double step[MODEL_STATES_MAX] = {0};
    if (evaluator_jacobian(evaluator, t, x, evaluator->dfdx))
        return false;
    double dt = 1 / steady_speed(evaluator), newton = 1e12 * dt;
    for (int i = 0; i < STEADY_STEPS_MAX && dt > 0; i++) {
        if (!steady_step(evaluator, t, x, dt, step)) {
            dt *= STEADY_SHRINK;
            continue;
        }
        bool close = steady_reached(evaluator, x, step);
        double share = keep_signs && !close ? steady_share(evaluator, x, step) : 1;
        if (!steady_take(evaluator, t, x, step, share)) {
            dt *= STEADY_SHRINK;
            continue;
        }
        if (dt >= newton && close)
            return true;
        if (share == 1)
            dt = fmin(dt * STEADY_GROWTH, 1e16 * newton);
    }
    return false;
}

/* Amounts first: whatever is positive at the start stays so. Over-basal variables may
 * have to change sign. */
static enum err steady_solve(struct evaluator *evaluator, double t, double *x)
{
    double start[MODEL_STATES_MAX];
    memcpy(start, x, evaluator->states * sizeof(double));
    if (steady_search(evaluator, t, x, true))
        return ERR_OK;
    memcpy(x, start, evaluator->states * sizeof(double));
    if (steady_search(evaluator, t, x, false))
        return ERR_OK;
    return steady_refuse(evaluator, "was not found");
}

/* Implicit function theorem: J_ss ds = -(df along the directions with ds = 0). */
static enum err steady_derivatives(struct evaluator *evaluator, double t, const double *x,
                                   double *dx)
{
    const struct program *program = evaluator->program;
    size_t n = program->steady_count, states = evaluator->states;
    size_t directions = evaluator->directions;
    for (size_t i = 0; i < states; i++)
        for (size_t k = 0; k < directions; k++)
            evaluator->seed[k * states + i] = dx[i * directions + k];
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < directions; k++)
            evaluator->seed[k * states + program->steady[i]] = 0;
    if (evaluator_rate_directions(evaluator, t, x, evaluator->seed, evaluator->dxdt,
                                  evaluator->dsdt) ||
        evaluator_jacobian(evaluator, t, x, evaluator->dfdx))
        return steady_refuse(evaluator, "has no finite derivative");
    double *matrix = mem_new(n * n, sizeof(double));
    double *right = mem_new(n * directions, sizeof(double));
    for (size_t i = 0; i < n; i++) {
        size_t row = program->steady[i];
        for (size_t j = 0; j < n; j++)
            matrix[i * n + j] = -evaluator->dfdx[row * states + program->steady[j]];
        for (size_t k = 0; k < directions; k++)
            right[i * directions + k] = evaluator->dsdt[k * states + row];
    }
    enum err err = linalg_solve(n, matrix, directions, right);
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        memcpy(dx + program->steady[i] * directions, right + i * directions,
               directions * sizeof(double));
    mem_free(matrix);
    mem_free(right);
    return err == ERR_OK ? ERR_OK
                         : steady_refuse(evaluator, "is not a single point, so that it "
                                                    "has no derivative");
}

enum err evaluator_initial(struct evaluator *evaluator, double t, double *x, double *dx)
{
    const struct program *program = evaluator->program;
    size_t directions = evaluator->directions;
    struct leaves leaves = {t, NULL, NULL};
    struct tangents tangents = along_directions(evaluator, NULL, NULL);
    run_values(evaluator, &program->init, &leaves);
    if (dx && evaluator->with_tangents)
        run_tangents(evaluator, &program->init, &tangents);
    for (size_t i = 0; i < evaluator->states; i++) {
        x[i] = evaluator->registers[program->inits[i]];
        bool finite = isfinite(x[i]);
        for (size_t k = 0; dx && k < directions; k++) {
            dx[i * directions + k] = tangent(evaluator, program->inits[i], k);
            finite &= isfinite(dx[i * directions + k]) != 0;
        }
        if (!finite)
            return err_set(
                ERR_NUMERIC, "model %s: the initial value of '%s' is not finite",
                evaluator->model->syntax->name, evaluator->model->syntax->states[i].name);
    }
    enum err err = ERR_OK;
    if (program->steady_count)
        err = steady_solve(evaluator, t, x);
    if (err == ERR_OK && program->steady_count && dx && directions)
        err = steady_derivatives(evaluator, t, x, dx);
    return err;
}

/* --- inputs and outputs --------------------------------------------------------- */

static void copy_tangent(const struct evaluator *evaluator, uint32_t at, double *out)
{
    for (size_t k = 0; out && k < evaluator->directions; k++)
        out[k] = evaluator->with_tangents ? tangent(evaluator, at, k) : 0;
}

void evaluator_input(struct evaluator *evaluator, size_t input,
                     struct input_modifiers *modifiers, double *d_fraction, double *d_lag,
                     double *d_duration)
{
    const struct program *program = evaluator->program;
    const uint32_t *at = program->inputs[input];
    const double *r = evaluator->registers;
    struct leaves leaves = {evaluator->covariates_at, NULL, NULL};
    struct tangents tangents = along_directions(evaluator, NULL, NULL);
    run_values(evaluator, &program->input, &leaves);
    if (evaluator->with_tangents)
        run_tangents(evaluator, &program->input, &tangents);
    *modifiers = (struct input_modifiers){r[at[MODIFIER_FRACTION]], r[at[MODIFIER_LAG]],
                                          r[at[MODIFIER_DURATION]]};
    copy_tangent(evaluator, at[MODIFIER_FRACTION], d_fraction);
    copy_tangent(evaluator, at[MODIFIER_LAG], d_lag);
    copy_tangent(evaluator, at[MODIFIER_DURATION], d_duration);
}

int evaluator_outputs(struct evaluator *evaluator, double t, const double *x,
                      const double *s, double *f, double *d_f, double *derived)
{
    const struct program *program = evaluator->program;
    size_t directions = evaluator->directions;
    struct leaves leaves = {t, x, NULL};
    struct tangents tangents = along_directions(evaluator, NULL, s);
    bool finite = true;
    run_values(evaluator, &program->observe, &leaves);
    if (d_f && evaluator->with_tangents)
        run_tangents(evaluator, &program->observe, &tangents);
    for (size_t i = 0; i < evaluator->model->syntax->observation_count; i++) {
        f[i] = evaluator->registers[program->observed[i]];
        finite &= isfinite(f[i]) != 0;
        for (size_t k = 0; d_f && k < directions; k++) {
            d_f[i * directions + k] = tangent(evaluator, program->observed[i], k);
            finite &= isfinite(d_f[i * directions + k]) != 0;
        }
    }
    if (!derived)
        return !finite;
    run_values(evaluator, &program->derive, &leaves);
    for (size_t i = 0; i < evaluator->model->syntax->quantity_count; i++)
        derived[i] = evaluator->registers[program->derived[i]];
    return !finite;
}

/* --- scheduled breaks ----------------------------------------------------------- */

static int compare_breaks(const void *left, const void *right)
{
    const struct moment *a = left, *b = right;
    return (a->time > b->time) - (a->time < b->time);
}

/* Where slope t + offset is 0, or whole: the times strictly between from and to. */
static enum err find_breaks(struct evaluator *evaluator, double from, double to)
{
    const struct program *program = evaluator->program;
    evaluator->break_count = 0;
    for (uint32_t i = 0; i < program->switching_count; i++) {
        const struct switching *at = &program->switchings[i];
        double slope = evaluator->registers[at->slope];
        double offset = evaluator->registers[at->offset];
        double first = 0, last = 0;
        if (at->periodic) {
            first = ceil(fmin(slope * from, slope * to) + offset);
            last = floor(fmax(slope * from, slope * to) + offset);
        }
        if (!(last - first <= (double)BREAKS_MAX)) /* a period of 0 makes NaN */
            return err_set(ERR_RANGE, "model %s: a period so short that it ends %g times",
                           evaluator->model->syntax->name, last - first);
        for (double turn = first; turn <= last; turn++) {
            double time = (turn - offset) / slope;
            if (!(time > from && time < to))
                continue;
            MEM_GROW(evaluator->moments, evaluator->break_count + 1,
                     &evaluator->moment_capacity);
            evaluator->moments[evaluator->break_count++] = (struct moment){time, i};
        }
    }
    return ERR_OK;
}

enum err evaluator_breaks(struct evaluator *evaluator, double from, double to,
                          size_t *count, const double **times, const double **d_times)
{
    const struct program *program = evaluator->program;
    size_t directions = evaluator->directions;
    enum err err = find_breaks(evaluator, from, to);
    if (err != ERR_OK)
        return err;
    size_t n = evaluator->break_count;
    evaluator->breaks = mem_resize(evaluator->breaks, n, sizeof(double));
    evaluator->d_breaks = mem_resize(evaluator->d_breaks, n * directions, sizeof(double));
    if (n)
        qsort(evaluator->moments, n, sizeof *evaluator->moments, compare_breaks);
    for (size_t i = 0; i < n; i++) {
        const struct moment *moment = &evaluator->moments[i];
        const struct switching *at = &program->switchings[moment->switching];
        evaluator->breaks[i] = moment->time;
        for (size_t k = 0; k < directions && evaluator->with_tangents; k++)
            evaluator->d_breaks[i * directions + k] =
                -(tangent(evaluator, at->offset, k) +
                  moment->time * tangent(evaluator, at->slope, k)) /
                evaluator->registers[at->slope];
    }
    *count = n;
    *times = evaluator->breaks;
    *d_times = evaluator->with_tangents ? evaluator->d_breaks : NULL;
    return ERR_OK;
}
