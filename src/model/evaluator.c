/* evaluator - runs a model's program for one patient: values and derivatives, the
 * Jacobian, steady states, switching times. Called by model/twin. */

#include "model_impl.h"

#include <assert.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "numerics/linalg.h"
#include "operation.h"

/* Inside a piece, time stays this share of its ends, or of what conditions add to time,
 * away from them: far above the rounding of a condition, far below anything the solver
 * can see. */
#define PIECE_MARGIN (64 * DBL_EPSILON)

/* Of the size of what is compared, beside the rounding of a course's every step. */
#define MODE_SLACK 1e-12

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
    size_t states, directions; /* directions 0: values only */
    double *registers;         /* [registers] */

    double from, to;         /* the piece in which conditions on time keep their branch */
    struct mode_span *spans; /* [modes] */
    const double *sizes;     /* of states; NULL: nobody holds modes */
    double *dxdt, *dsdt, *dfdx, *seed; /* room for the search for a steady state */

    struct moment *moments;
    size_t moment_capacity, break_count;
    double *breaks, *d_breaks; /* [break_count], [break_count][directions] */
};

/* --- running -------------------------------------------------------------------- */

static void run(struct evaluator *evaluator, const struct stream *stream)
{
    double *r = evaluator->registers;
    const struct instruction *end = stream->instructions + stream->count;
    for (const struct instruction *at = stream->instructions; at < end; at++)
        r[at->to] = operation_value(at->op, r[at->a], r[at->b], r[at->c]);
}

static double result(const struct evaluator *evaluator, const struct stream *stream,
                     size_t index)
{
    return evaluator->registers[stream->results[index]];
}

static void set_states(struct evaluator *evaluator, double t, const double *x)
{
    evaluator->registers[evaluator->program->time] = t;
    if (x && evaluator->states)
        memcpy(evaluator->registers + evaluator->program->states, x,
               evaluator->states * sizeof *x);
}

static void set_sensitivities(struct evaluator *evaluator, const double *s)
{
    const struct program *program = evaluator->program;
    double *to = evaluator->registers + program->sensitivities;
    for (size_t i = 0; i < program->sensitivity_count; i++)
        to[i] = s[program->sensitivity[i].column * evaluator->states +
                  program->sensitivity[i].row];
}

/* --- begin and end -------------------------------------------------------------- */

struct evaluator *evaluator_new(const struct model *model, bool derivatives)
{
    const struct program *program = model->program;
    struct evaluator *out = mem_new(1, sizeof *out);
    size_t states = model->syntax->state_count;
    size_t directions = derivatives ? program->direction_count : 0;
    *out = (struct evaluator){
        .model = model,
        .program = program,
        .states = states,
        .directions = directions,
        .registers = mem_copy(program->image, program->registers * sizeof(double)),
        .from = -INFINITY,
        .to = INFINITY,
        .dxdt = mem_new(states, sizeof(double)),
        .dsdt = mem_new(states * directions, sizeof(double)),
        .dfdx = mem_new(states * states, sizeof(double)),
        .seed = mem_new(states * directions, sizeof(double)),
        .spans = mem_new(program->mode_count, sizeof(struct mode_span)),
    };
    return out;
}

void evaluator_destroy(struct evaluator **evaluator)
{
    struct evaluator *gone = *evaluator;
    if (!gone)
        return;
    mem_free(gone->registers);
    mem_free(gone->dxdt);
    mem_free(gone->dsdt);
    mem_free(gone->dfdx);
    mem_free(gone->seed);
    mem_free(gone->breaks);
    mem_free(gone->d_breaks);
    mem_free(gone->moments);
    mem_free(gone->spans);
    mem_free(gone);
    *evaluator = NULL;
}

/* A span in which no gap is. */
static void forget_modes(struct evaluator *evaluator)
{
    for (size_t i = 0; i < evaluator->program->mode_count; i++)
        evaluator->spans[i] = (struct mode_span){INFINITY, -INFINITY, 0};
}

static void run_covariates(struct evaluator *evaluator)
{
    run(evaluator, &evaluator->program->covariate);
    if (evaluator->directions)
        run(evaluator, &evaluator->program->covariate_slopes);
}

void evaluator_individual(struct evaluator *evaluator, const double *parameters,
                          const double *covariates)
{
    const struct program *program = evaluator->program;
    const struct syntax *syntax = evaluator->model->syntax;
    double *r = evaluator->registers;
    if (syntax->parameter_count)
        memcpy(r + program->parameters, parameters,
               syntax->parameter_count * sizeof(double));
    if (syntax->covariate_count)
        memcpy(r + program->covariates, covariates,
               syntax->covariate_count * sizeof(double));
    memset(r + program->drifts, 0, syntax->covariate_count * sizeof(double));
    r[program->since] = 0;
    evaluator->from = -INFINITY;
    evaluator->to = INFINITY;
    forget_modes(evaluator);
    run(evaluator, &program->individual);
    if (evaluator->directions)
        run(evaluator, &program->individual_slopes);
    run_covariates(evaluator);
}

void evaluator_covariates(struct evaluator *evaluator, double t, const double *covariates,
                          const double *slopes)
{
    const struct program *program = evaluator->program;
    size_t count = evaluator->model->syntax->covariate_count;
    double *r = evaluator->registers;
    if (count) {
        memcpy(r + program->covariates, covariates, count * sizeof(double));
        memcpy(r + program->drifts, slopes, count * sizeof(double));
    }
    r[program->since] = t;
    run_covariates(evaluator);
}

/* --- where and when --------------------------------------------------------------- */

/* The most that a condition on time adds to it: a time just before a turn, which may be
 * near 0, is rounded to so much's last digits there. */
static double most_added(const struct evaluator *evaluator)
{
    const struct program *program = evaluator->program;
    double most = 0;
    for (size_t i = 0; i < program->switching_count; i++) {
        const struct switching *at = &program->switchings[i];
        double added =
            fabs(evaluator->registers[at->offset] / evaluator->registers[at->slope]);
        most = isfinite(added) ? fmax(most, added) : most;
    }
    return most;
}

void evaluator_between(struct evaluator *evaluator, double from, double to)
{
    double size = fmax(isfinite(from) ? fabs(from) : 0, isfinite(to) ? fabs(to) : 0);
    size = fmax(size, most_added(evaluator));
    double margin = PIECE_MARGIN * size + DBL_MIN;
    bool room = to - from > 2 * margin;
    evaluator->from = room ? from + margin : from + (to - from) / 2;
    evaluator->to = room ? to - margin : evaluator->from;
}

static double inside(const struct evaluator *evaluator, double t)
{
    return t < evaluator->from ? evaluator->from : t > evaluator->to ? evaluator->to : t;
}

/* --- modes ---------------------------------------------------------------------- */

void evaluator_hold(struct evaluator *evaluator, const double *sizes)
{
    evaluator->sizes = sizes;
}

size_t evaluator_modes(const struct evaluator *evaluator)
{
    return evaluator->program->mode_count;
}

const struct mode_span *evaluator_spans(const struct evaluator *evaluator)
{
    return evaluator->spans;
}

void evaluator_gaps(struct evaluator *evaluator, double t, const double *x, double *gaps)
{
    const struct stream *stream = &evaluator->program->gap;
    set_states(evaluator, inside(evaluator, t), x);
    run(evaluator, stream);
    for (size_t i = 0; i < stream->result_count; i++)
        gaps[i] = result(evaluator, stream, i);
}

/* What a mode is where this is its gap. */
static void set_mode(struct evaluator *evaluator, size_t mode, double gap)
{
    double *value = &evaluator->registers[evaluator->program->modes + mode];
    struct mode_span *span = &evaluator->spans[mode];
    if (evaluator->program->mode_counts[mode]) {
        *value = floor(gap);
        *span = (struct mode_span){*value, *value + 1, 0};
    } else {
        *value = gap > 0;
        *span = gap > 0 ? (struct mode_span){0, INFINITY, 0}
                        : (struct mode_span){-INFINITY, 0, 0};
    }
}

/* What rounding in states may make of gaps. */
static void allow_slack(struct evaluator *evaluator, const double *x)
{
    const struct stream *stream = &evaluator->program->gap_by;
    size_t states = evaluator->states, modes = evaluator->program->mode_count;
    run(evaluator, stream);
    for (size_t m = 0; m < modes; m++) {
        double sum = 0;
        for (size_t i = 0; i < states; i++)
            sum += fabs(result(evaluator, stream, modes + m * states + i)) *
                   fmax(fabs(x[i]), evaluator->sizes[i]);
        evaluator->spans[m].slack = isfinite(sum) ? MODE_SLACK * sum : 0;
    }
}

/* A gap hangs on earlier modes, so that each round leaves one more as it stays. */
void evaluator_settle(struct evaluator *evaluator, double t, const double *x)
{
    const struct stream *stream = &evaluator->program->gap;
    size_t count = evaluator->program->mode_count;
    bool settled = count == 0;
    for (size_t round = 0; round <= count && !settled; round++) {
        settled = true;
        set_states(evaluator, inside(evaluator, t), x);
        run(evaluator, stream);
        for (size_t i = 0; i < count && settled; i++) {
            double gap = result(evaluator, stream, i);
            settled = span_holds(&evaluator->spans[i], gap);
            if (!settled)
                set_mode(evaluator, i, gap);
        }
    }
    if (count && evaluator->sizes)
        allow_slack(evaluator, x);
}

void evaluator_turn(struct evaluator *evaluator, size_t mode, bool up, double gap)
{
    double *value = &evaluator->registers[evaluator->program->modes + mode];
    struct mode_span *span = &evaluator->spans[mode];
    bool counts = evaluator->program->mode_counts[mode];
    double width = counts ? 1 : INFINITY, level = counts ? *value + up : 0;
    *value = counts ? *value + (up ? 1 : -1) : up;
    *span = up ? (struct mode_span){fmin(level, gap), level + width, 0}
               : (struct mode_span){level - width, fmax(level, gap), 0};
}

void evaluator_tolerate(struct evaluator *evaluator, size_t mode, const double *gaps)
{
    for (size_t m = 0; m < evaluator->program->mode_count; m++) {
        struct mode_span *span = &evaluator->spans[m];
        double out = fmax(span->from - gaps[m], gaps[m] - span->to);
        if (m != mode)
            span->slack = fmax(span->slack, out);
    }
}

double evaluator_gap_rate(struct evaluator *evaluator, size_t mode, double t,
                          const double *x, const double *rate)
{
    const struct stream *stream = &evaluator->program->gap_by;
    size_t states = evaluator->states, first = evaluator->program->mode_count;
    set_states(evaluator, inside(evaluator, t), x);
    run(evaluator, stream);
    double sum = result(evaluator, stream, mode);
    for (size_t i = 0; i < states; i++)
        sum += result(evaluator, stream, first + mode * states + i) * rate[i];
    return sum;
}

void evaluator_gap_slopes(struct evaluator *evaluator, size_t mode, double t,
                          const double *x, const double *s, double *slopes)
{
    const struct stream *stream = &evaluator->program->gap_slopes;
    if (evaluator->directions == 0)
        return;
    set_states(evaluator, inside(evaluator, t), x);
    set_sensitivities(evaluator, s);
    run(evaluator, stream);
    for (size_t k = 0; k < evaluator->directions; k++)
        slopes[k] = result(evaluator, stream, mode * evaluator->directions + k);
}

/* Modes as they are here, where nobody holds them; and where. */
static void set_place(struct evaluator *evaluator, double t, const double *x)
{
    if (!evaluator->sizes && evaluator->program->mode_count) {
        forget_modes(evaluator);
        evaluator_settle(evaluator, t, x);
    }
    set_states(evaluator, inside(evaluator, t), x);
}

/* --- rates ---------------------------------------------------------------------- */

int evaluator_rate(struct evaluator *evaluator, double t, const double *x, double *dxdt)
{
    const struct stream *stream = &evaluator->program->rate;
    bool finite = true;
    set_place(evaluator, t, x);
    run(evaluator, stream);
    for (size_t i = 0; i < evaluator->states; i++) {
        dxdt[i] = result(evaluator, stream, i);
        finite &= isfinite(dxdt[i]) != 0;
    }
    return !finite;
}

int evaluator_rate_directions(struct evaluator *evaluator, double t, const double *x,
                              const double *s, double *dxdt, double *dsdt)
{
    const struct program *program = evaluator->program;
    const struct stream *stream = &program->rate_slopes;
    size_t states = evaluator->states;
    bool finite = true;
    if (evaluator->directions == 0)
        return evaluator_rate(evaluator, t, x, dxdt);
    set_place(evaluator, t, x);
    set_sensitivities(evaluator, s);
    run(evaluator, stream);
    for (size_t i = 0; i < states; i++) {
        dxdt[i] = result(evaluator, stream, i);
        finite &= isfinite(dxdt[i]) != 0;
    }
    memset(dsdt, 0, states * evaluator->directions * sizeof *dsdt);
    for (size_t i = 0; i < program->sensitivity_count; i++) {
        struct entry at = program->sensitivity[i];
        double one = result(evaluator, stream, states + i);
        dsdt[at.column * states + at.row] = one;
        finite &= isfinite(one) != 0;
    }
    return !finite;
}

int evaluator_jacobian(struct evaluator *evaluator, double t, const double *x,
                       double *dfdx)
{
    const struct program *program = evaluator->program;
    const struct stream *stream = &program->jacobian;
    size_t states = evaluator->states;
    bool finite = true;
    set_place(evaluator, t, x);
    run(evaluator, stream);
    for (size_t i = 0; i < states; i++) {
        evaluator->dxdt[i] = result(evaluator, stream, i);
        finite &= isfinite(evaluator->dxdt[i]) != 0;
    }
    memset(dfdx, 0, states * states * sizeof *dfdx);
    for (size_t i = 0; i < program->jacobian_count; i++) {
        struct entry at = program->jacobian_entry[i];
        double one = result(evaluator, stream, states + i);
        dfdx[at.row * states + at.column] = isfinite(one) ? one : 0;
    }
    return !finite;
}

void evaluator_rest(const struct evaluator *evaluator, double *registers, size_t stride,
                    double *from, double *to)
{
    const struct program *program = evaluator->program;
    uint32_t hoisted = program->sensitivities + (uint32_t)program->sensitivity_count;
    for (uint32_t i = program->parameters; i < program->states; i++)
        registers[i * stride] = evaluator->registers[i];
    for (uint32_t i = hoisted; i < program->rest; i++)
        registers[i * stride] = evaluator->registers[i];
    *from = evaluator->from;
    *to = evaluator->to;
}

/* --- initial values ------------------------------------------------------------- */

/* A step of the search: (1/dt - J) step = f over the steady states alone. Where the
 * determinant is not positive, as it is for little dt, something runs away that dt is too
 * long for: the step would lead where the patient does not go, or anywhere. */
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
    solved = solved && linalg_determinant_sign(n, matrix) > 0 &&
             linalg_solve(n, matrix, 1, step) == ERR_OK;
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

static enum err initial_refuse(const struct evaluator *evaluator, size_t state)
{
    return err_set(ERR_NUMERIC, "model %s: the initial value of '%s' is not finite",
                   evaluator->model->syntax->name,
                   evaluator->model->syntax->states[state].name);
}

enum err evaluator_initial(struct evaluator *evaluator, double t, double *x, double *dx)
{
    const struct program *program = evaluator->program;
    size_t states = evaluator->states, directions = dx ? evaluator->directions : 0;
    const struct stream *stream = directions ? &program->init_slopes : &program->init;
    set_states(evaluator, t, NULL);
    run(evaluator, stream);
    for (size_t i = 0; i < states; i++) {
        x[i] = result(evaluator, stream, i);
        if (!isfinite(x[i]))
            return initial_refuse(evaluator, i);
    }
    if (directions)
        memset(dx, 0, states * directions * sizeof *dx);
    for (size_t i = 0; directions && i < program->sensitivity_count; i++) {
        struct entry at = program->sensitivity[i];
        double one = result(evaluator, stream, states + i);
        dx[at.row * directions + at.column] = one;
        if (!isfinite(one))
            return initial_refuse(evaluator, at.row);
    }
    enum err err = ERR_OK;
    const double *sizes = evaluator->sizes;
    evaluator->sizes = NULL;
    if (program->steady_count)
        err = steady_solve(evaluator, t, x);
    if (err == ERR_OK && program->steady_count && directions)
        err = steady_derivatives(evaluator, t, x, dx);
    evaluator->sizes = sizes;
    return err;
}

enum err evaluator_lead(struct evaluator *evaluator, double *lead, double *d_lead)
{
    const struct program *program = evaluator->program;
    const struct syntax *syntax = evaluator->model->syntax;
    size_t directions = d_lead ? evaluator->directions : 0;
    const struct stream *stream = directions ? &program->period_slopes : &program->period;
    *lead = 0;
    for (size_t k = 0; k < directions; k++)
        d_lead[k] = 0;
    if (!syntax->period)
        return ERR_OK;
    run(evaluator, stream);
    *lead = syntax->periods * result(evaluator, stream, 0);
    for (size_t k = 0; k < directions; k++)
        d_lead[k] = syntax->periods * result(evaluator, stream, 1 + k);
    return *lead > 0 && isfinite(*lead)
               ? ERR_OK
               : err_set(ERR_NUMERIC, "model %s: a period is not positive", syntax->name);
}

/* --- inputs and outputs --------------------------------------------------------- */

/* Row `index` of the derivatives that follow `count` values. */
static void copy_slopes(const struct evaluator *evaluator, const struct stream *stream,
                        size_t count, size_t index, double *out)
{
    size_t d = evaluator->directions;
    for (size_t k = 0; out && k < d; k++)
        out[k] = result(evaluator, stream, count + index * d + k);
}

void evaluator_input(struct evaluator *evaluator, size_t input,
                     struct input_modifiers *modifiers, double *d_fraction, double *d_lag,
                     double *d_duration)
{
    const struct program *program = evaluator->program;
    const struct stream *stream =
        evaluator->directions ? &program->input_slopes : &program->input;
    size_t first = input * MODIFIERS;
    size_t count = evaluator->model->syntax->input_count * MODIFIERS;
    run(evaluator, stream);
    *modifiers =
        (struct input_modifiers){result(evaluator, stream, first + MODIFIER_FRACTION),
                                 result(evaluator, stream, first + MODIFIER_LAG),
                                 result(evaluator, stream, first + MODIFIER_DURATION)};
    copy_slopes(evaluator, stream, count, first + MODIFIER_FRACTION, d_fraction);
    copy_slopes(evaluator, stream, count, first + MODIFIER_LAG, d_lag);
    copy_slopes(evaluator, stream, count, first + MODIFIER_DURATION, d_duration);
}

int evaluator_jump(struct evaluator *evaluator, size_t input, double t, double amount,
                   double *x, double *s)
{
    const struct program *program = evaluator->program;
    size_t directions = s ? evaluator->directions : 0, states = evaluator->states;
    const struct stream *stream = directions ? &program->jump_slopes : &program->jump;
    size_t count = program->jump_first[evaluator->model->syntax->input_count];
    bool finite = true;
    set_states(evaluator, t, x);
    evaluator->registers[program->dose] = amount;
    if (directions)
        set_sensitivities(evaluator, s);
    run(evaluator, stream);
    for (size_t i = program->jump_first[input]; i < program->jump_first[input + 1]; i++) {
        size_t state = program->jump_states[i];
        x[state] = result(evaluator, stream, i);
        finite &= isfinite(x[state]) != 0;
        for (size_t k = 0; k < directions; k++) {
            s[k * states + state] = result(evaluator, stream, count + i * directions + k);
            finite &= isfinite(s[k * states + state]) != 0;
        }
    }
    return !finite;
}

int evaluator_outputs(struct evaluator *evaluator, double t, const double *x,
                      const double *s, double *f, double *d_f, double *derived)
{
    const struct program *program = evaluator->program;
    size_t directions = d_f ? evaluator->directions : 0;
    size_t count = evaluator->model->syntax->observation_count;
    const struct stream *stream =
        directions ? &program->observe_slopes : &program->observe;
    bool finite = true;
    set_states(evaluator, t, x);
    if (directions && evaluator->states)
        set_sensitivities(evaluator, s);
    run(evaluator, stream);
    for (size_t i = 0; i < count; i++) {
        f[i] = result(evaluator, stream, i);
        finite &= isfinite(f[i]) != 0;
        if (directions)
            copy_slopes(evaluator, stream, count, i, d_f + i * directions);
        for (size_t k = 0; k < directions; k++)
            finite &= isfinite(d_f[i * directions + k]) != 0;
    }
    if (!derived)
        return !finite;
    run(evaluator, &program->derive);
    for (size_t i = 0; i < evaluator->model->syntax->quantity_count; i++)
        derived[i] = result(evaluator, &program->derive, i);
    return !finite;
}

/* --- outcomes ------------------------------------------------------------------- */

static void read_results(const struct evaluator *evaluator, const struct stream *stream,
                         double *out)
{
    for (size_t i = 0; i < stream->result_count; i++)
        out[i] = result(evaluator, stream, i);
}

void evaluator_course(struct evaluator *evaluator, double t, const double *x,
                      double *values)
{
    const struct stream *stream = &evaluator->program->course;
    set_states(evaluator, inside(evaluator, t), x);
    run(evaluator, stream);
    read_results(evaluator, stream, values);
}

void evaluator_watch(struct evaluator *evaluator, double t, const double *x,
                     double *values)
{
    const struct program *program = evaluator->program;
    set_states(evaluator, inside(evaluator, t), x);
    run(evaluator, &program->watch);
    for (size_t i = 0; i < program->watched_count; i++)
        values[program->watched[i]] = result(evaluator, &program->watch, i);
}

void evaluator_course_slopes(struct evaluator *evaluator, double t, const double *x,
                             const double *s, double *slopes)
{
    const struct stream *stream = &evaluator->program->course_slopes;
    set_states(evaluator, inside(evaluator, t), x);
    if (evaluator->states)
        set_sensitivities(evaluator, s);
    run(evaluator, stream);
    read_results(evaluator, stream, slopes);
}

void evaluator_course_trends(struct evaluator *evaluator, double t, const double *x,
                             const double *dxdt, double *trends)
{
    const struct stream *stream = &evaluator->program->course_trends;
    size_t count = evaluator->program->watched_count, states = evaluator->states;
    set_states(evaluator, inside(evaluator, t), x);
    run(evaluator, stream);
    for (size_t i = 0; i < count; i++) {
        trends[i] = result(evaluator, stream, i);
        for (size_t j = 0; j < states; j++)
            trends[i] += result(evaluator, stream, count + i * states + j) * dxdt[j];
    }
}

void evaluator_reach(struct evaluator *evaluator, double t, double *reach, double *slopes)
{
    const struct program *program = evaluator->program;
    size_t count = evaluator->model->syntax->observation_count;
    const struct stream *stream =
        evaluator->directions ? &program->reach_slopes : &program->reach;
    set_states(evaluator, t, NULL);
    run(evaluator, stream);
    for (size_t o = 0; o < count; o++) {
        reach[o] = result(evaluator, stream, o);
        copy_slopes(evaluator, stream, count, o, slopes + o * evaluator->directions);
    }
}

void evaluator_functionals(struct evaluator *evaluator, const double *values,
                           const double *slopes)
{
    const struct program *program = evaluator->program;
    size_t count = evaluator->model->syntax->functional_count,
           sloped = program->watched_count * evaluator->directions;
    if (count)
        memcpy(evaluator->registers + program->functionals, values,
               count * sizeof(double));
    if (sloped)
        memcpy(evaluator->registers + program->functional_slopes, slopes,
               sloped * sizeof(double));
}

void evaluator_windows(struct evaluator *evaluator, double t, double *bounds)
{
    set_states(evaluator, t, NULL);
    run(evaluator, &evaluator->program->window);
    read_results(evaluator, &evaluator->program->window, bounds);
}

void evaluator_conclude(struct evaluator *evaluator, double t, const double *functionals,
                        double *outcomes)
{
    const struct program *program = evaluator->program;
    size_t count = evaluator->model->syntax->functional_count;
    if (count)
        memcpy(evaluator->registers + program->functionals, functionals,
               count * sizeof(double));
    set_states(evaluator, t, NULL);
    run(evaluator, &program->outcome);
    read_results(evaluator, &program->outcome, outcomes);
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
    size_t n = *count = evaluator->break_count;
    if (n == 0)
        return ERR_OK;
    evaluator->breaks = mem_resize(evaluator->breaks, n, sizeof(double));
    evaluator->d_breaks = mem_resize(evaluator->d_breaks, n * directions, sizeof(double));
    qsort(evaluator->moments, n, sizeof *evaluator->moments, compare_breaks);
    for (size_t i = 0; i < n; i++) {
        const struct moment *moment = &evaluator->moments[i];
        const struct switching *at = &program->switchings[moment->switching];
        evaluator->breaks[i] = moment->time;
        for (size_t k = 0; k < directions; k++)
            evaluator->d_breaks[i * directions + k] =
                -(evaluator->registers[at->d_offset[k]] +
                  moment->time * evaluator->registers[at->d_slope[k]]) /
                evaluator->registers[at->slope];
    }
    *times = evaluator->breaks;
    *d_times = directions ? evaluator->d_breaks : NULL;
    return ERR_OK;
}
