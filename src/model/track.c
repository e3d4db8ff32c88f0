#include "model/track.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/normal.h"
#include "flow.h"
#include "follow.h"
#include "model/observe.h"
#include "numerics/linalg.h"
#include "resolution.h"
#include "twin_impl.h"

#define STEPS_MAX 200000

/* P is kept to this share of its states' sizes, or to what z is kept to where that is
 * finer: what is finer than this is rounding of its products. */
#define COVARIANCE_FRACTION 1e-15
/* How much of a reading's variance may be that. */
#define SHARE_OF_VARIANCE 0.02
/* A limit so many sd away is sure. */
#define SURELY 8.0

/* What is believed of one patient at one time. */
struct belief {
    double t;
    double *z, *p; /* [width], [width][width] */
    bool *given;   /* [doses] is over: nothing of it is still to happen */
};

/* The machinery, between its beginning and its end. */
struct filter {
    const struct model *model;
    const struct prior_layout *layout;
    const struct prior *prior;
    const struct twin *whole;
    const struct schedule *schedule; /* of the whole twin */
    struct follow *follow;
    struct flow flow; /* of the followed model */
    struct ode *ode;  /* z and P; NULL where nothing moves */
    struct watch watch;
    struct run run;
    size_t own, states, errors, width, packed; /* own: the model's, without drifts */
    size_t error_of[MODEL_PARAMETERS_MAX];     /* observation to error; SIZE_MAX: none */
    struct residual *residuals;                /* [observations] */
    double *parameters;                        /* of the model, natural scale */
    double *set;                               /* of the followed one */
    double *rates;                             /* [width] -1/tau of errors, 0 elsewhere */
    double *q;                                 /* [width] noise, variance per time */
    double *size;                              /* [width] the largest so far */
    double *scale;                             /* [width] what the solver takes it for */
    double tolerance, fine;                    /* relative; of P, in units of sizes */
    double *a, *p, *ap;                        /* [width][width] */
    double *f, *d_f;  /* of every observation, along all directions */
    double *h, *gain; /* [width] */
    double *y;        /* [width + packed] */
    struct schedule window;
    size_t *dose_index; /* of the window's doses */
};

/* --- z and P between stops
 * -------------------------------------------------------------- */

static void unpack(size_t n, const double *packed, double *p)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            p[i * n + j] = p[j * n + i] = *packed++;
}

static void pack(size_t n, const double *p, double *packed)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            *packed++ = p[i * n + j];
}

/* x' = f, A = df/dx; of errors -1/tau. */
static int move_mean(struct filter *filter, double t, const double *z, double *dzdt)
{
    const struct flow *flow = &filter->flow;
    size_t n = filter->width, states = filter->states;
    if (states && (evaluator_rate(flow->evaluator, t, z, dzdt) ||
                   evaluator_jacobian(flow->evaluator, t, z, filter->ap)))
        return 1;
    memset(filter->a, 0, n * n * sizeof(double));
    for (size_t i = 0; i < states; i++) {
        dzdt[i] += flow->inflow[i];
        memcpy(filter->a + i * n, filter->ap + i * states, states * sizeof(double));
    }
    for (size_t i = states; i < n; i++) {
        dzdt[i] = filter->rates[i] * z[i];
        filter->a[i * n + i] = filter->rates[i];
    }
    return 0;
}

/* And P' = A P + (A P)' + Q. */
static int move(void *context, double t, const double *y, double *dydt)
{
    struct filter *filter = context;
    size_t n = filter->width;
    if (move_mean(filter, t, y, dydt))
        return 1;
    unpack(n, y + n, filter->p);
    memset(filter->ap, 0, n * n * sizeof(double));
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            double a = filter->a[i * n + k];
            for (size_t j = 0; a != 0 && j < n; j++)
                filter->ap[i * n + j] += a * filter->p[k * n + j];
        }
    double *out = dydt + n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            *out++ = filter->ap[i * n + j] + filter->ap[j * n + i] +
                     (i == j ? filter->q[i] : 0);
    return 0;
}

/* Sizes of z, as large as it has been or as its sd, and of P their products: there in
 * units of what is allowed of z. */
static void rescale(struct filter *filter, const struct belief *belief)
{
    size_t n = filter->width;
    double *scale = mem_new(n + filter->packed, sizeof *scale), *out = scale + n;
    double fine = filter->fine / (filter->tolerance * ABSOLUTE_FRACTION);
    for (size_t i = 0; i < n; i++) {
        double sd = sqrt(fmax(0, belief->p[i * (n + 1)]));
        filter->size[i] = fmax(filter->size[i], fmax(fabs(belief->z[i]), sd));
        scale[i] = filter->size[i];
        if (scale[i] == 0)
            scale[i] = i < filter->states ? filter->flow.scale[i] : 1;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            *out++ = fine * scale[i] * scale[j];
    ode_scale(filter->ode, scale);
    memcpy(filter->scale, scale, n * sizeof *scale);
    mem_free(scale);
}

static enum err restart(struct filter *filter, const struct belief *belief)
{
    size_t n = filter->width;
    rescale(filter, belief);
    memcpy(filter->y, belief->z, n * sizeof(double));
    pack(n, belief->p, filter->y + n);
    watch_begin(&filter->watch, belief->t);
    return ode_restart(filter->ode, belief->t, filter->y, NULL);
}

/* To `to`, or, before it, to where something turns. */
static enum err carry_on(struct filter *filter, struct belief *belief, double to)
{
    size_t n = filter->width;
    double reached, wall = run_wall(&filter->run);
    enum err err = watch_advance(&filter->watch, to, wall, &reached);
    if (err == ERR_OK)
        err = ode_advance(filter->ode, reached, wall, filter->y, NULL);
    if (err != ERR_OK)
        return err;
    belief->t = reached;
    memcpy(belief->z, filter->y, n * sizeof(double));
    unpack(n, filter->y + n, belief->p);
    return ERR_OK;
}

/* --- stops
 * ------------------------------------------------------------------------------ */

/* The unit matrix in the place of sensitivities. */
static void unit_sensitivities(struct filter *filter)
{
    struct flow *flow = &filter->flow;
    size_t n = filter->states;
    memset(flow->s, 0, flow->directions * n * sizeof(double));
    for (size_t i = 0; i < n; i++)
        flow->s[(filter->follow->first + i) * n + i] = 1;
}

/* P := J P J', J the derivatives of the states after by those before. */
static void jump(struct filter *filter, double *p)
{
    size_t n = filter->width, states = filter->states;
    const double *s = filter->flow.s + filter->follow->first * states;
    memset(filter->a, 0, n * n * sizeof(double));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            filter->a[i * n + j] = i < states && j < states ? s[j * states + i]
                                   : i == j                 ? 1
                                                            : 0;
    linalg_multiply(n, n, n, filter->a, p, filter->ap);
    linalg_multiply_nt(n, n, n, filter->ap, filter->a, p);
}

/* A condition of the rates turns, and states that are off find it do so at another time.
 */
static enum err turn(struct filter *filter, struct belief *belief)
{
    struct flow *flow = &filter->flow;
    flow->t = belief->t;
    memcpy(flow->x, belief->z, filter->states * sizeof(double));
    unit_sensitivities(filter);
    enum err err = run_turn(&filter->run, &filter->watch.next);
    if (err == ERR_OK)
        jump(filter, belief->p);
    return err;
}

static enum err advance(struct filter *filter, struct belief *belief, bool *settled)
{
    double to = run_next(&filter->run);
    const struct watch *watch = &filter->watch;
    enum err err = ERR_OK;
    while (err == ERR_OK && filter->ode && belief->t < to) {
        if (!*settled)
            err = restart(filter, belief);
        *settled = true;
        if (err == ERR_OK)
            err = carry_on(filter, belief, to);
        if (err == ERR_OK && watch->turns && watch->ahead == belief->t) {
            err = turn(filter, belief);
            *settled = false;
        }
    }
    if (err == ERR_OK)
        belief->t = fmax(to, belief->t);
    return err;
}

static enum err stop(struct filter *filter, struct belief *belief)
{
    struct run *run = &filter->run;
    struct flow *flow = &filter->flow;
    const struct stop *at = &run->stops[run->stop];
    bool dose = at->kind == STOP_DOSE && run->deliveries[at->index].duration <= 0;
    bool jumps =
        dose && model_input(filter->model, run->schedule->doses[at->index].input)->jumps;
    flow->t = belief->t;
    memcpy(flow->x, belief->z, filter->states * sizeof(double));
    unit_sensitivities(filter);
    if (dose || at->kind == STOP_END)
        belief->given[filter->dose_index[at->index]] = true;
    enum err err = run_stop(run);
    memcpy(belief->z, flow->x, filter->states * sizeof(double));
    if (err == ERR_OK && jumps)
        jump(filter, belief->p);
    return err;
}

/* --- from one time to others -----------------------------------------------------------
 */

/* What still happens after t, and what of the past still goes on: infusions, and of each
 * covariate the value, with the one behind `until` towards which it moves. */
static void make_window(struct filter *filter, const struct belief *belief, double until)
{
    const struct schedule *whole = filter->schedule;
    struct schedule *window = &filter->window;
    size_t last[MODEL_COVARIATES_MAX];
    bool beyond[MODEL_COVARIATES_MAX] = {false};
    window->dose_count = window->change_count = 0;
    for (size_t i = 0; i < whole->dose_count; i++)
        if (!belief->given[i] && whole->doses[i].time <= until) {
            filter->dose_index[window->dose_count] = i;
            window->doses[window->dose_count++] = whole->doses[i];
        }
    for (size_t c = 0; c < MODEL_COVARIATES_MAX; c++)
        last[c] = SIZE_MAX;
    for (size_t i = 0; i < whole->change_count; i++)
        if (whole->changes[i].time <= belief->t)
            last[whole->changes[i].covariate] = i;
    for (size_t i = 0; i < whole->change_count; i++) {
        const struct change *one = &whole->changes[i];
        if (one->time <= belief->t ? last[one->covariate] != i : beyond[one->covariate])
            continue;
        beyond[one->covariate] = one->time > until;
        window->changes[window->change_count++] = *one;
    }
}

static enum err refuse_moving(const struct filter *filter)
{
    return err_set(ERR_NUMERIC, "model %s has no value while it is followed",
                   model_name(filter->model));
}

typedef enum err look_function(struct filter *filter, struct belief *belief, size_t read,
                               void *context);

/* On to these times, ascending and not before, looking at each. */
static enum err carry(struct filter *filter, struct belief *belief, const double *reads,
                      const size_t *orders, size_t count, look_function *look,
                      void *context)
{
    struct run *run = &filter->run;
    bool settled = false;
    if (count == 0)
        return ERR_OK;
    make_window(filter, belief, reads[count - 1]);
    follow_parameters(filter->follow, filter->model, filter->parameters, belief->z,
                      filter->set);
    enum err err = run_begin(run, &filter->flow, &filter->window, filter->set, belief->t);
    if (err == ERR_OK)
        err = run_plan(run, reads, orders, count);
    while (err == ERR_OK && !run_ended(run)) {
        err = advance(filter, belief, &settled);
        if (err == ERR_OK && run_reads(run)) {
            size_t read = run->read++;
            err = look(filter, belief, read, context);
        } else if (err == ERR_OK) {
            err = stop(filter, belief);
            settled = false;
        }
    }
    run_clear(run);
    return err;
}

/* --- readings
 * ---------------------------------------------------------------------------- */

/* What a reading of one observation is expected to be: on the scale of its error (of
 * logarithms for lognormal ones) the mean, its derivatives h by z, and the variance. */
struct expected {
    double f, mean, variance, rest; /* rest: the part of the error that is not in z */
    bool logarithm;
    bool unresolved; /* it can be told from nothing no more than that: mean is f */
    bool certain;    /* it is below the limit as nothing is */
};

/* What is asked of an observation: of a reading, or NULL, of whichever comes. */
static bool can_tell(struct filter *filter, const struct belief *belief,
                     const struct twin_measurement *reading, size_t observation,
                     struct expected *out)
{
    const struct residual *residual = &filter->residuals[observation];
    struct observed observed;
    double value = reading ? reading->value : out->f;
    enum censoring censoring = reading ? reading->censoring : CENSORED_NOT;
    out->certain = observe(residual, value, censoring, out->f, &observed) == ERR_OK &&
                   isinf(observed.variance);
    if (!resolution_matters(residual) || out->certain)
        return true;
    memcpy(filter->flow.scale, filter->scale, filter->states * sizeof(double));
    double off = resolution(&filter->flow, filter->tolerance, belief->t, belief->z,
                            observation, NULL);
    return resolution_suffices(residual, value, censoring, out->f, off);
}

/* Is it beyond a limit by far, if its variance is off by so much? On the scale of the
 * reading, on which a solver is off. */
static bool is_sure(const struct twin_measurement *reading,
                    const struct expected *expected, double off)
{
    double sd = sqrt(fmax(expected->variance, 0) + off),
           room = reading->value - expected->f;
    if (expected->logarithm)
        sd *= expected->f;
    return reading->censoring != CENSORED_NOT &&
           (reading->censoring == CENSORED_BELOW ? room : -room) > SURELY * sd;
}

/* Its mean, and the derivatives h by z. */
static enum err linearise(struct filter *filter, const struct belief *belief,
                          size_t observation, struct expected *out)
{
    const struct residual *residual = &filter->residuals[observation];
    size_t d = filter->flow.directions, e = filter->error_of[observation];
    double f = out->f, g = observe_sd(residual, f), by = 1;
    struct standard standard;
    if (observe_standard(residual, f, f, &standard) != ERR_OK)
        return err_code();
    memset(filter->h, 0, filter->width * sizeof(double));
    out->rest = g * g;
    if (e != SIZE_MAX) {
        by = out->logarithm ? 1 : 1 + g * standard.d_log_g * belief->z[e];
        filter->h[e] = g;
        out->rest = 0;
        out->mean += out->logarithm ? 0 : g * belief->z[e];
    }
    if (out->logarithm) {
        by /= f;
        out->mean = log(f) + (e != SIZE_MAX ? g * belief->z[e] : 0);
    }
    for (size_t i = 0; i < filter->states; i++)
        filter->h[i] = by * filter->d_f[observation * d + filter->follow->first + i];
    return ERR_OK;
}

/* And P h, and the variance; how far that can be off. */
static double gain(struct filter *filter, const struct belief *belief,
                   struct expected *out)
{
    size_t n = filter->width;
    double size = 0;
    out->variance = out->rest;
    for (size_t i = 0; i < n; i++) {
        filter->gain[i] = 0;
        for (size_t j = 0; j < n; j++)
            filter->gain[i] += belief->p[i * n + j] * filter->h[j];
    }
    for (size_t i = 0; i < n; i++) {
        out->variance += filter->h[i] * filter->gain[i];
        size += fabs(filter->h[i]) * filter->scale[i];
    }
    return filter->fine * size * size;
}

/* Of this reading, or, NULL, of whichever comes. */
static enum err expect(struct filter *filter, const struct belief *belief,
                       const struct twin_measurement *reading, size_t observation,
                       struct expected *out)
{
    const struct residual *residual = &filter->residuals[observation];
    unit_sensitivities(filter);
    if (evaluator_outputs(filter->flow.evaluator, belief->t, belief->z, filter->flow.s,
                          filter->f, filter->d_f, NULL))
        return refuse_moving(filter);
    double f = filter->f[observation];
    *out = (struct expected){.f = f, .mean = f, .variance = NAN};
    out->logarithm = residual->kind == RESIDUAL_LOGNORMAL;
    out->unresolved = !can_tell(filter, belief, reading, observation, out);
    if (out->unresolved || out->certain)
        return ERR_OK;
    if (linearise(filter, belief, observation, out) != ERR_OK)
        return err_code();
    double off = gain(filter, belief, out);
    if (resolution_matters(residual) && !(off <= SHARE_OF_VARIANCE * out->variance)) {
        out->certain = reading && is_sure(reading, out, off);
        out->unresolved = !out->certain;
        out->mean = f;
        out->variance = NAN;
        return ERR_OK;
    }
    if (!(out->variance > 0) || !isfinite(out->variance))
        return err_set(ERR_NUMERIC, "the variance of a reading is not positive");
    return ERR_OK;
}

/* What it says, on the scale of what is read. */
static double expected_value(const struct expected *expected)
{
    bool logarithm = expected->logarithm && !expected->unresolved && !expected->certain;
    return logarithm ? exp(expected->mean) : expected->mean;
}

/* P := (I - K h') P (I - K h')' + K K' (rest + more), K = P h' / S (Joseph's form), and
 * no variance below 0. `more`: what is still not known of the reading. */
static void narrow(struct filter *filter, double *p, const struct expected *expected,
                   double more)
{
    size_t n = filter->width;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            filter->a[i * n + j] =
                (i == j) - filter->gain[i] / expected->variance * filter->h[j];
    linalg_multiply(n, n, n, filter->a, p, filter->ap);
    linalg_multiply_nt(n, n, n, filter->ap, filter->a, p);
    double by = (expected->rest + more) / (expected->variance * expected->variance);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double one = (p[i * n + j] + p[j * n + i]) / 2 +
                         filter->gain[i] * filter->gain[j] * by;
            p[i * n + j] = p[j * n + i] = i == j ? fmax(one, 0) : one;
        }
}

/* The reading has this mean now, and this variance: 0 where it is known. */
static void learn(struct filter *filter, struct belief *belief,
                  const struct expected *expected, double off, double variance)
{
    bool positive;
    for (size_t i = 0; i < filter->width; i++)
        belief->z[i] += filter->gain[i] / expected->variance * off;
    narrow(filter, belief->p, expected, variance);
    for (size_t i = 0; i < filter->own; i++) {
        model_noise(filter->model, i, &positive);
        if (positive)
            belief->z[i] = fmax(belief->z[i], 0);
    }
}

/* A value beyond a limit: the moments of the normal distribution cut off there. */
static double learn_limit(struct filter *filter, struct belief *belief,
                          const struct expected *expected, double off, bool below)
{
    double sd = sqrt(expected->variance), side = below ? 1 : -1, u = side * off / sd;
    double lambda = normal_inverse_mills(u);
    learn(filter, belief, expected, -side * sd * lambda,
          expected->variance * fmax(0, 1 - lambda * (lambda + u)));
    return -2 * normal_log_cdf(u);
}

static enum err take(struct filter *filter, struct belief *belief,
                     const struct twin_measurement *reading, struct track *track,
                     struct track_point *point)
{
    struct expected expected;
    enum err err = expect(filter, belief, reading, reading->observation, &expected);
    if (err != ERR_OK)
        return err;
    point->predicted = expected_value(&expected);
    point->sd = sqrt(expected.variance);
    point->innovation = NAN;
    point->unresolved = expected.unresolved;
    track->unresolved += expected.unresolved;
    if (expected.unresolved || expected.certain)
        return ERR_OK;
    double sd = point->sd,
           value = expected.logarithm ? log(reading->value) : reading->value,
           off = value - expected.mean;
    bool quantified = reading->censoring == CENSORED_NOT,
         below = reading->censoring == CENSORED_BELOW;
    point->innovation = quantified ? off / sd : NAN;
    double against = quantified ? fabs(off) : below ? -off : off;
    point->set_aside = !(against <= TRACK_GATE * sd);
    if (point->set_aside) {
        track->set_aside++;
        return ERR_OK;
    }
    if (!quantified) {
        track->minus2_log_likelihood +=
            learn_limit(filter, belief, &expected, off, below);
        return ERR_OK;
    }
    track->minus2_log_likelihood += log(2 * 3.14159265358979323846 * expected.variance) +
                                    off * off / expected.variance +
                                    (expected.logarithm ? 2 * value : 0);
    learn(filter, belief, &expected, off, 0);
    return ERR_OK;
}

/* --- the beginning
 * ------------------------------------------------------------------------ */

static enum err nothing(struct run *run, size_t index, void *context)
{
    (void)run, (void)index, (void)context;
    return ERR_OK;
}

/* The twin at the mode after `known` readings: the states and their derivatives [state]
 * [directions], and which doses are over. */
static enum err calibrated(struct filter *filter, size_t known, struct belief *belief,
                           double *derivatives)
{
    struct request asked = twin_request(filter->whole);
    struct flow flow;
    struct run run;
    size_t n = filter->own;
    flow_init(&flow, filter->model, true);
    if (n)
        flow_solver(&flow, ODE_BDF, ENGINE_TOLERANCE);
    enum err err =
        run_begin(&run, &flow, filter->schedule, filter->parameters, asked.start);
    const double first = nextafter(asked.start, -INFINITY); /* nothing has happened yet */
    if (err == ERR_OK && (known || run.start < first)) {
        err = known ? run_plan(&run, asked.reads + known - 1,
                               asked.read_order + known - 1, 1)
                    : run_plan(&run, &first, NULL, 1);
        if (err == ERR_OK)
            err = run_all(&run, nothing, NULL);
        for (size_t i = 0; i < run.stop; i++) {
            const struct stop *at = &run.stops[i];
            if ((at->kind == STOP_DOSE && run.deliveries[at->index].duration <= 0) ||
                at->kind == STOP_END)
                belief->given[at->index] = true;
        }
    }
    belief->t = known ? asked.reads[known - 1] : asked.start;
    for (size_t i = 0; i < n; i++) {
        belief->z[i] = flow.x[i];
        if (known) /* as far as that solver can tell */
            filter->size[i] = flow.scale[i] * ENGINE_TOLERANCE / filter->tolerance;
        for (size_t k = 0; k < flow.directions; k++)
            derivatives[i * flow.directions + k] = flow.s[k * n + i];
    }
    run_clear(&run);
    flow_clear(&flow);
    return err;
}

/* What the last known error of each observation tells of the next, as a forecast has it:
 * its rho-th part, with its derivatives by phi, and what is new. */
static enum err remember(struct filter *filter, struct engine *engine,
                         const struct twin *known, const struct fit *fit,
                         struct belief *belief, double *derivatives, double *own)
{
    size_t n = twin_measurements(known),
           d = filter->layout->p + filter->layout->r + filter->layout->q;
    double *f = mem_new(n, sizeof *f), *jacobian = mem_new(n * d, sizeof *jacobian);
    enum err err = n && filter->errors
                       ? twin_predict(engine, known, fit->phi, filter->prior->population,
                                      f, jacobian)
                       : ERR_OK;
    for (size_t o = 0; err == ERR_OK && o < model_observations(filter->model); o++) {
        size_t e = filter->error_of[o], b = n;
        const struct residual *residual = &filter->residuals[o];
        struct standard standard;
        if (e == SIZE_MAX)
            continue;
        own[e] = 1;
        while (b-- > 0) {
            const struct twin_measurement *one = twin_measurement(known, b);
            if (one->observation != o || one->censoring != CENSORED_NOT)
                continue;
            err = observe_standard(residual, one->value, f[b], &standard);
            struct memory memory = observe_memory(residual, belief->t - one->time);
            belief->z[e] = memory.rho * standard.e;
            own[e] = memory.s * memory.s;
            for (size_t k = 0; k < d; k++)
                derivatives[e * d + k] = memory.rho * standard.d_e * jacobian[b * d + k];
            break;
        }
    }
    mem_free(f);
    mem_free(jacobian);
    return err;
}

/* P = D V D' and what is each one's own, D the derivatives of z by phi. */
static void spread(const struct filter *filter, const struct fit *fit, size_t directions,
                   const double *derivatives, const double *own, double *p)
{
    size_t n = filter->width, d = fit->p;
    double *half = mem_new(n * d, sizeof *half), *slopes = mem_new(n * d, sizeof *slopes);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d; k++)
            slopes[i * d + k] = derivatives[i * directions + k];
    linalg_multiply(n, d, d, slopes, fit->covariance, half);
    linalg_multiply_nt(n, d, n, half, slopes, p);
    for (size_t i = 0; i < n; i++)
        p[i * (n + 1)] += own[i];
    mem_free(half);
    mem_free(slopes);
}

static enum err begin(struct filter *filter, struct engine *engine,
                      const struct twin *known, const struct fit *fit,
                      struct belief *belief)
{
    const struct follow *follow = filter->follow;
    const struct prior_layout *layout = filter->layout;
    size_t n = filter->width, d = layout->p + layout->r + layout->q;
    double *derivatives = mem_new(n * d, sizeof *derivatives),
           *own = mem_new(n, sizeof *own);
    enum err err = calibrated(filter, twin_measurements(known), belief, derivatives);
    for (size_t i = 0; i < follow->moved; i++) {
        const struct model_parameter *one =
            model_parameter(filter->model, follow->moves[i]);
        size_t at = filter->own + i;
        for (size_t a = 0; a < layout->p; a++)
            derivatives[at * d + a] = layout->individual[a] == follow->moves[i];
        own[at] = one->drift * one->drift * one->drift_back / 2;
    }
    if (err == ERR_OK)
        err = remember(filter, engine, known, fit, belief, derivatives, own);
    if (err == ERR_OK)
        spread(filter, fit, d, derivatives, own, belief->p);
    mem_free(derivatives);
    mem_free(own);
    return err;
}

/* --- foretelling
 * -------------------------------------------------------------------------- */

static struct belief belief_new(const struct filter *filter)
{
    size_t n = filter->width;
    return (struct belief){0, mem_new(n, sizeof(double)), mem_new(n * n, sizeof(double)),
                           mem_new(filter->schedule->dose_count, sizeof(bool))};
}

static void belief_clear(struct belief *belief)
{
    mem_free(belief->z);
    mem_free(belief->p);
    mem_free(belief->given);
}

static struct belief belief_copy(const struct filter *filter, const struct belief *from)
{
    size_t n = filter->width;
    struct belief out = belief_new(filter);
    out.t = from->t;
    memcpy(out.z, from->z, n * sizeof(double));
    memcpy(out.p, from->p, n * n * sizeof(double));
    if (filter->schedule->dose_count)
        memcpy(out.given, from->given, filter->schedule->dose_count * sizeof(bool));
    return out;
}

static enum err foretell_one(struct filter *filter, struct belief *belief, size_t read,
                             void *context)
{
    struct track_point *point = (struct track_point *)context + read;
    struct expected expected;
    enum err err = expect(filter, belief, NULL, point->observation, &expected);
    if (err != ERR_OK)
        return err;
    point->foretold = expected_value(&expected);
    point->foretold_sd = sqrt(expected.variance);
    return ERR_OK;
}

static enum err foretell_all(struct filter *filter, struct belief *belief, size_t read,
                             void *context)
{
    struct track *track = context;
    struct expected expected;
    (void)read;
    for (size_t o = 0; o < model_observations(filter->model); o++) {
        if (filter->residuals[o].kind == RESIDUAL_BERNOULLI)
            continue;
        if (expect(filter, belief, NULL, o, &expected) != ERR_OK)
            return err_code();
        track->next[o] = expected_value(&expected);
        track->next_sd[o] = sqrt(expected.variance);
    }
    return ERR_OK;
}

/* A time that was asked for may be off by rounding. */
#define SLACK 1e-6

/* Whatever is read at least `ahead` after this belief and less than that after the next
 * one; `read` is the next reading's place. */
static enum err foretell(struct filter *filter, const struct belief *belief, size_t read,
                         double ahead, struct track *track)
{
    struct request asked = twin_request(filter->whole);
    size_t known = twin_measurements(filter->whole) - track->count, from = read;
    double here = belief->t + ahead * (1 - SLACK),
           next = read < track->count ? track->points[read].time + ahead * (1 - SLACK)
                                      : INFINITY;
    while (from < track->count && track->points[from].time < here)
        from++;
    size_t to = from;
    while (to < track->count && track->points[to].time < next)
        to++;
    if (!(ahead > 0) || (to == from && read < track->count))
        return ERR_OK;
    struct belief later = belief_copy(filter, belief);
    enum err err =
        carry(filter, &later, asked.reads + known + from, asked.read_order + known + from,
              to - from, foretell_one, track->points + from);
    double last = belief->t + ahead;
    if (err == ERR_OK && read == track->count)
        err = carry(filter, &later, &last, NULL, 1, foretell_all, track);
    belief_clear(&later);
    return err;
}

/* --- reading by reading
 * -------------------------------------------------------------------- */

struct reading {
    struct track *track;
    size_t at; /* of its points */
    const struct twin_measurement *measurement;
};

static enum err take_one(struct filter *filter, struct belief *belief, size_t read,
                         void *context)
{
    const struct reading *reading = context;
    struct track *track = reading->track;
    size_t at = reading->at, n = filter->width;
    (void)read;
    enum err err = take(filter, belief, reading->measurement, track, &track->points[at]);
    for (size_t i = 0; i < n; i++) {
        track->mean[at * n + i] = belief->z[i];
        track->variance[at * n + i] = belief->p[i * (n + 1)];
    }
    return err;
}

static enum err take_all(struct filter *filter, struct belief *belief, double ahead,
                         struct track *track)
{
    struct request asked = twin_request(filter->whole);
    size_t known = twin_measurements(filter->whole) - track->count;
    enum err err = foretell(filter, belief, 0, ahead, track);
    for (size_t i = 0; err == ERR_OK && i < track->count; i++) {
        struct reading reading = {track, i, twin_measurement(filter->whole, known + i)};
        err = carry(filter, belief, asked.reads + known + i, asked.read_order + known + i,
                    1, take_one, &reading);
        if (err == ERR_OK)
            err = foretell(filter, belief, i + 1, ahead, track);
    }
    return err;
}

/* --- the filter
 * ---------------------------------------------------------------------------- */

/* Of whatever is followed; a yes or no is not. */
static enum err check_readings(const struct filter *filter, size_t known)
{
    for (size_t i = known; i < twin_measurements(filter->whole); i++) {
        size_t o = twin_measurement(filter->whole, i)->observation;
        const struct model_observation *one = model_observation(filter->model, o);
        if (model_looks_back(filter->model, o))
            return err_set(ERR_RANGE,
                           "%s looks back over a window, and who follows reading by "
                           "reading knows the present alone",
                           one->name);
        if (one->residual != RESIDUAL_BERNOULLI)
            continue;
        err_set(ERR_RANGE, "%s is yes or no: what it says is not followed", one->name);
        return err_hint("gemel-node forecast has its probability");
    }
    return ERR_OK;
}

static void take_residuals(struct filter *filter)
{
    size_t count = model_observations(filter->model);
    filter->residuals = mem_new(count, sizeof *filter->residuals);
    for (size_t o = 0; o < count; o++) {
        struct residual *residual = &filter->residuals[o];
        prior_residual(filter->model, filter->layout, filter->prior, o, residual);
        filter->error_of[o] =
            residual->correlation_time > 0 ? filter->errors++ : SIZE_MAX;
    }
}

/* Behind the states stand the errors. */
static void place_noise(struct filter *filter)
{
    bool positive;
    for (size_t i = 0; i < filter->own; i++) {
        double noise = model_noise(filter->model, i, &positive);
        filter->q[i] = noise * noise;
    }
    for (size_t i = 0; i < filter->follow->moved; i++) {
        double drift = model_parameter(filter->model, filter->follow->moves[i])->drift;
        filter->q[filter->own + i] = drift * drift;
    }
    for (size_t o = 0; o < model_observations(filter->model); o++)
        if (filter->error_of[o] != SIZE_MAX) {
            double tau = filter->residuals[o].correlation_time;
            filter->error_of[o] += filter->states;
            filter->rates[filter->error_of[o]] = -1 / tau;
            filter->q[filter->error_of[o]] = 2 / tau;
        }
}

static void make_room(struct filter *filter)
{
    size_t n = filter->width, o = model_observations(filter->model);
    size_t doses = filter->schedule->dose_count, changes = filter->schedule->change_count;
    size_t states = filter->states;
    filter->parameters = mem_new(model_parameters(filter->model), sizeof(double));
    filter->set = mem_new(model_parameters(filter->follow->model), sizeof(double));
    filter->rates = mem_new(n, sizeof(double));
    filter->q = mem_new(n, sizeof(double));
    filter->size = mem_new(n, sizeof(double));
    filter->scale = mem_new(n, sizeof(double));
    filter->a = mem_new(n * n, sizeof(double));
    filter->p = mem_new(n * n, sizeof(double));
    filter->ap = mem_new(n * n, sizeof(double));
    filter->f = mem_new(o, sizeof(double));
    filter->d_f = mem_new(o * model_directions(filter->follow->model), sizeof(double));
    filter->h = mem_new(n, sizeof(double));
    filter->gain = mem_new(n, sizeof(double));
    filter->y = mem_new(n + filter->packed, sizeof(double));
    filter->window = (struct schedule){filter->follow->model,
                                       mem_new(doses, sizeof *filter->window.doses),
                                       0,
                                       mem_new(changes, sizeof *filter->window.changes),
                                       0,
                                       filter->schedule->covariates};
    filter->dose_index = mem_new(doses, sizeof *filter->dose_index);
    flow_init(&filter->flow, filter->follow->model, states > 0);
}

static enum err filter_open(struct filter *filter, double tolerance)
{
    take_residuals(filter);
    if (follow_new(filter->model, &filter->follow) != ERR_OK)
        return err_code();
    filter->own = model_states(filter->model);
    filter->states = filter->follow->states;
    size_t n = filter->width = filter->states + filter->errors;
    filter->packed = n * (n + 1) / 2;
    filter->tolerance = tolerance;
    filter->fine = fmin(COVARIANCE_FRACTION, tolerance * ABSOLUTE_FRACTION);
    make_room(filter);
    place_noise(filter);
    struct ode_system system = {n + filter->packed, 0, move, NULL, NULL, filter};
    struct ode_options options = {.method = ODE_ADAMS,
                                  .relative_tolerance = tolerance,
                                  .absolute_tolerance = tolerance * ABSOLUTE_FRACTION,
                                  .steps_max = STEPS_MAX};
    enum err err = n ? ode_new(&system, &options, &filter->ode) : ERR_OK;
    filter->watch = (struct watch){.ode = filter->ode,
                                   .evaluator = filter->flow.evaluator,
                                   .x = mem_new(system.states, sizeof(double))};
    return err;
}

static void filter_close(struct filter *filter)
{
    ode_destroy(&filter->ode);
    mem_free(filter->watch.x);
    if (filter->follow)
        flow_clear(&filter->flow);
    follow_destroy(&filter->follow);
    mem_free(filter->residuals);
    mem_free(filter->parameters);
    mem_free(filter->set);
    mem_free(filter->rates);
    mem_free(filter->q);
    mem_free(filter->size);
    mem_free(filter->scale);
    mem_free(filter->a);
    mem_free(filter->p);
    mem_free(filter->ap);
    mem_free(filter->f);
    mem_free(filter->d_f);
    mem_free(filter->h);
    mem_free(filter->gain);
    mem_free(filter->y);
    mem_free(filter->window.doses);
    mem_free(filter->window.changes);
    mem_free(filter->dose_index);
}

/* --- the track
 * ----------------------------------------------------------------------------- */

static struct track *track_begin(const struct filter *filter, size_t known)
{
    struct track *out = mem_new(1, sizeof *out);
    size_t n = filter->width, o = model_observations(filter->model);
    out->states = filter->own;
    out->drifts = filter->follow->drifts;
    memcpy(out->drift, filter->follow->moves, out->drifts * sizeof *out->drift);
    out->errors = filter->errors;
    out->width = n;
    out->count = twin_measurements(filter->whole) - known;
    out->points = mem_new(out->count, sizeof *out->points);
    out->mean = mem_new(out->count * n, sizeof(double));
    out->variance = mem_new(out->count * n, sizeof(double));
    out->next = mem_new(o, sizeof(double));
    out->next_sd = mem_new(o, sizeof(double));
    for (size_t i = 0; i < o; i++)
        out->next[i] = out->next_sd[i] = NAN;
    for (size_t i = 0; i < out->count; i++) {
        const struct twin_measurement *one = twin_measurement(filter->whole, known + i);
        out->points[i] = (struct track_point){.time = one->time,
                                              .observation = one->observation,
                                              .value = one->value,
                                              .censoring = one->censoring,
                                              .foretold = NAN,
                                              .foretold_sd = NAN};
    }
    return out;
}

/* Everything, once there is a filter. */
static enum err track_all(struct filter *filter, struct engine *engine,
                          const struct twin *known, double ahead, struct track **track)
{
    struct track *out = track_begin(filter, twin_measurements(known));
    struct belief belief = belief_new(filter);
    enum err err = fit_new(engine, known, filter->prior, &out->fit);
    if (err == ERR_OK) {
        twin_parameters(filter->model, filter->layout, out->fit->phi,
                        filter->prior->population, filter->parameters);
        err = begin(filter, engine, known, out->fit, &belief);
    }
    out->start = belief.t;
    if (err == ERR_OK)
        err = take_all(filter, &belief, ahead, out);
    out->z = belief.z;
    out->covariance = belief.p;
    mem_free(belief.given);
    if (err == ERR_OK)
        *track = out;
    else
        track_destroy(&out);
    return err;
}

enum err track_new(struct engine *engine, const struct twin *known,
                   const struct twin *whole, const struct prior *prior,
                   const struct track_options *options, struct track **track)
{
    struct track_options chosen = {0};
    if (options)
        chosen = *options;
    if (!(chosen.tolerance > 0))
        chosen.tolerance = TRACK_TOLERANCE;
    if (!twin_begins(whole, known))
        return err_set(ERR_RANGE, "a reading to follow from before what is known");
    struct filter filter = {.model = engine_model(engine),
                            .layout = engine_layout(engine),
                            .prior = prior,
                            .whole = whole,
                            .schedule = twin_request(whole).schedule};
    enum err err = check_readings(&filter, twin_measurements(known));
    if (err == ERR_OK)
        err = filter_open(&filter, chosen.tolerance);
    if (err == ERR_OK)
        err = track_all(&filter, engine, known, chosen.ahead, track);
    filter_close(&filter);
    return err;
}

void track_destroy(struct track **track)
{
    struct track *gone = *track;
    if (!gone)
        return;
    fit_destroy(&gone->fit);
    mem_free(gone->points);
    mem_free(gone->mean);
    mem_free(gone->variance);
    mem_free(gone->z);
    mem_free(gone->covariance);
    mem_free(gone->next);
    mem_free(gone->next_sd);
    mem_free(gone);
    *track = NULL;
}

void track_parameter(const struct track *track, const struct model *model,
                     const struct prior_layout *layout, size_t drift, size_t point,
                     double *median, double *low, double *high)
{
    const struct model_parameter *one = model_parameter(model, track->drift[drift]);
    size_t at = point * track->width + track->states + drift, a = 0;
    while (layout->individual[a] != track->drift[drift])
        a++;
    double phi = track->fit->phi[a] + track->mean[at],
           half = normal_quantile(0.975) * sqrt(track->variance[at]);
    *median = transform_back(one, phi);
    *low = transform_back(one, phi - half);
    *high = transform_back(one, phi + half);
}
