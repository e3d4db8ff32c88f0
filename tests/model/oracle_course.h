#ifndef TESTS_MODEL_ORACLE_COURSE_H
#define TESTS_MODEL_ORACLE_COURSE_H

/* oracle_course - a second way to run a course, for tests: the checked tree walked in
 * extended precision (oracle.h), carried by Gragg, Bulirsch and Stoer's extrapolation
 * (Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, II.9), stopping
 * at every dose, covariate change and switch (`time < T` or `time >= T` in a rate, T
 * without time and states). No register program, no derivatives, no CVODES. Models whose
 * rates switch otherwise, or begin in a steady state, are not for it. */

#include "course.h"
#include "model/unit.h"
#include "oracle.h"

#define ORACLE_COLUMNS 9
#define ORACLE_TOLERANCE 1e-17L
#define ORACLE_SIZE_MIN 1e-4L /* what is smaller than this in its unit counts as this */

struct oracle_dose {
    long double start, end, amount; /* end == start: a bolus */
    size_t state;
    const struct input_line *jumps; /* or NULL */
};

struct oracle_course {
    struct oracle oracle;
    struct oracle_memo memo;
    const struct course *course;
    struct oracle_dose doses[64];
    long double switches[64];
    size_t dose_count, switch_count;
    long double from, to; /* the piece it is in: its rates are those between the ends */
    long double inflow[MODEL_STATES_MAX];
    long double size[MODEL_STATES_MAX]; /* the largest that each state has been */
};

static inline long double oracle_back(const struct model_parameter *parameter,
                                      long double phi)
{
    switch (parameter->transform) {
    case TRANSFORM_LOG:
        return expl(phi);
    case TRANSFORM_LOGIT:
        return parameter->low + (parameter->high - parameter->low) / (1 + expl(-phi));
    default:
        return phi;
    }
}

/* Each covariate's value at time t: the last one at or before it, or the first. */
static inline void oracle_covariates(struct oracle_course *run, long double t)
{
    const struct model *model = run->course->model;
    const struct record *record = run->course->record;
    run->memo.individual = run->memo.moment += 1;
    for (size_t c = 0; c < model_covariates(model); c++) {
        bool known = false;
        run->oracle.covariates[c] = model_covariate(model, c)->default_value;
        for (size_t i = 0; i < record->covariate_count; i++) {
            const struct record_covariate *row = &record->covariates[i];
            if (strcmp(row->name, model_covariate(model, c)->name) == 0 &&
                (!known || (long double)row->time <= t)) {
                run->oracle.covariates[c] = row->value;
                known = true;
            }
        }
    }
}

static inline long double oracle_or(const struct oracle *oracle, const struct expr *expr,
                                    long double otherwise)
{
    return expr ? oracle_value(oracle, expr) : otherwise;
}

static inline void oracle_doses(struct oracle_course *run)
{
    const struct model *model = run->course->model;
    const struct record *record = run->course->record;
    for (size_t i = 0; i < record->dose_count; i++) {
        const struct record_dose *row = &record->doses[i];
        size_t input = 0;
        while (strcmp(model_input(model, input)->name, row->input) != 0)
            input++;
        const struct input_line *line = &model->syntax->inputs[input];
        double factor;
        assert_ok(
            unit_convert(row->unit, model_input(model, input)->accepted_unit, &factor));
        struct oracle_dose *dose = &run->doses[run->dose_count++];
        dose->state = model_input(model, input)->state;
        dose->jumps = line->jump_count ? line : NULL;
        dose->amount = (long double)row->amount * factor *
                       model_input(model, input)->accepted_factor *
                       oracle_or(&run->oracle, line->fraction, 1);
        dose->start = row->time + oracle_or(&run->oracle, line->lag, 0);
        dose->end =
            dose->start +
            (row->duration >= 0 ? row->duration : oracle_or(&run->oracle, line->over, 0));
    }
}

/* When what is in a rate switches. */
static inline void oracle_switches(struct oracle_course *run, const struct expr *expr)
{
    bool compares = expr->op == OP_LESS || expr->op == OP_GREATER_EQUAL;
    if (compares && expr->arguments[0]->symbol == SYMBOL_TIME)
        run->switches[run->switch_count++] =
            oracle_value(&run->oracle, expr->arguments[1]);
    if (expr->op == OP_NAME && expr->symbol == SYMBOL_QUANTITY)
        oracle_switches(run, run->course->model->syntax->quantities[expr->index].expr);
    for (size_t i = 0; i < expr->count; i++)
        oracle_switches(run, expr->arguments[i]);
}

static inline void oracle_rate(struct oracle_course *run, long double t,
                               const long double *x, long double *out)
{
    const struct syntax *syntax = run->course->model->syntax;
    long double margin = 1e-17L * (1 + fabsl(run->to));
    run->memo.moment++;
    run->oracle.t = fminl(fmaxl(t, run->from + margin), run->to - margin);
    memcpy(run->oracle.states, x, syntax->state_count * sizeof *x);
    for (size_t i = 0; i < syntax->state_count; i++)
        out[i] = oracle_value(&run->oracle, syntax->states[i].rate) + run->inflow[i];
}

/* The modified midpoint rule with n substeps over h. */
static inline void oracle_midpoint(struct oracle_course *run, long double t,
                                   long double h, size_t n, const long double *x,
                                   long double *out)
{
    size_t states = run->course->model->syntax->state_count;
    long double before[MODEL_STATES_MAX], now[MODEL_STATES_MAX], rate[MODEL_STATES_MAX];
    long double step = h / (long double)n;
    memcpy(before, x, states * sizeof *x);
    oracle_rate(run, t, x, rate);
    for (size_t i = 0; i < states; i++)
        now[i] = x[i] + step * rate[i];
    for (size_t k = 1; k < n; k++) {
        oracle_rate(run, t + step * (long double)k, now, rate);
        for (size_t i = 0; i < states; i++) {
            long double next = before[i] + 2 * step * rate[i];
            before[i] = now[i];
            now[i] = next;
        }
    }
    oracle_rate(run, t + h, now, rate);
    for (size_t i = 0; i < states; i++)
        out[i] = (now[i] + before[i] + step * rate[i]) / 2;
}

/* One extrapolated step; returns its error as a share of each state's size up to its end.
 */
static inline long double oracle_step(struct oracle_course *run, long double t,
                                      long double h, const long double *x,
                                      long double *out)
{
    static const size_t substeps[ORACLE_COLUMNS] = {2, 4, 6, 8, 10, 12, 14, 16, 18};
    size_t states = run->course->model->syntax->state_count;
    long double table[ORACLE_COLUMNS][MODEL_STATES_MAX], error = 0;
    for (size_t k = 0; k < ORACLE_COLUMNS; k++) {
        oracle_midpoint(run, t, h, substeps[k], x, table[k]);
        for (size_t j = k; j-- > 0;) {
            long double ratio = (long double)substeps[k] / (long double)substeps[j];
            for (size_t i = 0; i < states; i++)
                table[j][i] = table[j + 1][i] +
                              (table[j + 1][i] - table[j][i]) / (ratio * ratio - 1);
        }
    }
    for (size_t i = 0; i < states; i++) {
        long double gap = fabsl(table[0][i] - table[1][i]);
        long double size = fmaxl(run->size[i], fabsl(table[0][i]));
        out[i] = table[0][i];
        error = fmaxl(error, gap / fmaxl(size, ORACLE_SIZE_MIN));
    }
    return error;
}

static inline void oracle_carry(struct oracle_course *run, long double from,
                                long double to, long double *x)
{
    size_t states = run->course->model->syntax->state_count;
    long double next[MODEL_STATES_MAX], t = from, h = (to - from) / 8;
    run->from = from;
    run->to = to;
    while (states && t < to) {
        h = fminl(h, to - t);
        long double error = oracle_step(run, t, h, x, next);
        long double change =
            0.8L * powl(ORACLE_TOLERANCE / (error + 1e-30L), 1.0L / (2 * ORACLE_COLUMNS));
        if (!(error <= ORACLE_TOLERANCE) && h > 1e-9L * (to - from)) {
            h *= fmaxl(change, 0.2L);
            continue;
        }
        t = to - t - h > 1e-15L * to ? t + h : to;
        memcpy(x, next, states * sizeof *x);
        for (size_t i = 0; i < states; i++)
            run->size[i] = fmaxl(run->size[i], fabsl(x[i]));
        /* Far below the tolerance the error is rounding, and says nothing of the step. */
        h *= error < ORACLE_TOLERANCE / 10 ? 4 : fminl(change, 4);
    }
}

/* The next time after t at which something starts or ends, at most `last`. */
static inline long double oracle_stop(const struct oracle_course *run, long double t,
                                      long double last)
{
    const struct record *record = run->course->record;
    for (size_t i = 0; i < run->dose_count; i++) {
        if (run->doses[i].start > t)
            last = fminl(last, run->doses[i].start);
        if (run->doses[i].end > t)
            last = fminl(last, run->doses[i].end);
    }
    for (size_t i = 0; i < run->switch_count; i++)
        if (run->switches[i] > t)
            last = fminl(last, run->switches[i]);
    for (size_t i = 0; i < record->covariate_count; i++)
        if (record->covariates[i].time > (double)t)
            last = fminl(last, record->covariates[i].time);
    return last;
}

/* All from what was before, each into its own. */
static inline void oracle_jump(struct oracle_course *run, const struct oracle_dose *dose,
                               long double t, long double *x)
{
    run->oracle.t = t;
    run->oracle.dose = dose->amount;
    memcpy(run->oracle.states, x, sizeof run->oracle.states);
    for (size_t i = 0; i < dose->jumps->jump_count; i++)
        x[dose->jumps->jumps[i].into] =
            oracle_value(&run->oracle, dose->jumps->jumps[i].expr);
}

/* Boluses at t, and the infusions that run from t on. */
static inline void oracle_give(struct oracle_course *run, long double t, long double *x)
{
    memset(run->inflow, 0, sizeof run->inflow);
    for (size_t i = 0; i < run->dose_count; i++) {
        const struct oracle_dose *dose = &run->doses[i];
        if (dose->start == t && dose->end == t && dose->jumps)
            oracle_jump(run, dose, t, x);
        else if (dose->start == t && dose->end == t)
            x[dose->state] += dose->amount;
        if (dose->start <= t && dose->end > t)
            run->inflow[dose->state] += dose->amount / (dose->end - dose->start);
    }
}

/* Readings f [count][course_readings] at ascending times from 0 on, for transformed
 * parameters phi [parameters] (fixed ones as they are). */
static inline void oracle_run(const struct course *course, const long double *phi,
                              const double *times, size_t count, long double *f)
{
    const struct syntax *syntax = course->model->syntax;
    struct oracle_course run = {.course = course, .oracle.model = course->model};
    long double x[MODEL_STATES_MAX], t = 0;
    run.oracle.memo = &run.memo;
    for (size_t i = 0; i < syntax->parameter_count; i++)
        run.oracle.parameters[i] =
            course->model->parameters[i].kind == PARAMETER_FIXED
                ? phi[i]
                : oracle_back(&course->model->parameters[i], phi[i]);
    oracle_covariates(&run, 0);
    oracle_doses(&run);
    for (size_t i = 0; i < syntax->state_count; i++)
        oracle_switches(&run, syntax->states[i].rate);
    if (syntax->period)
        t = -syntax->periods * oracle_value(&run.oracle, syntax->period);
    run.oracle.t = t;
    for (size_t i = 0; i < syntax->state_count; i++)
        x[i] = oracle_or(&run.oracle, syntax->states[i].init, 0);
    while (t < 0) {
        long double next = oracle_stop(&run, t, 0);
        oracle_carry(&run, t, next, x);
        t = next;
    }
    oracle_give(&run, 0, x);
    for (size_t k = 0; k < count; k++) {
        while (t < times[k]) {
            long double next = oracle_stop(&run, t, times[k]);
            oracle_carry(&run, t, next, x);
            oracle_covariates(&run, t = next);
            oracle_give(&run, t, x);
        }
        run.memo.moment++;
        run.oracle.t = t;
        memcpy(run.oracle.states, x, syntax->state_count * sizeof *x);
        for (size_t i = 0; i < syntax->observation_count; i++)
            if (!model_looks_back(course->model, i))
                *f++ = oracle_value(&run.oracle, syntax->observations[i].expr);
    }
}

/* Four times the oracle: a central difference of fourth order along parameter `a`. */
static inline void oracle_difference(const struct course *course, const double *phi,
                                     size_t a, const double *times, size_t count,
                                     long double *out)
{
    size_t n = count * course_readings(course);
    long double at[MODEL_PARAMETERS_MAX], h = 2e-4L * (1 + fabsl((long double)phi[a]));
    long double *f = mem_new(n, sizeof *f);
    memset(out, 0, n * sizeof *out);
    for (int side = -2; side <= 2; side++) {
        static const long double weights[] = {1, -8, 0, 8, -1};
        for (size_t i = 0; i < model_parameters(course->model); i++)
            at[i] = course->parameters[i];
        for (size_t i = 0; i < course->layout.p + course->layout.q; i++)
            at[course_learned(course, i)] = phi[i] + (i == a ? side * h : 0);
        if (side == 0)
            continue;
        oracle_run(course, at, times, count, f);
        for (size_t i = 0; i < n; i++)
            out[i] += weights[side + 2] * f[i] / (12 * h);
    }
    mem_free(f);
}

#endif
