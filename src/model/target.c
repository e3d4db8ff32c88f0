#include "target.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "numerics/linalg.h"

/* With the effects of occasions behind the others, independent of all. */
static struct prior with_occasions(const struct prior_layout *layout,
                                   const struct prior *prior)
{
    size_t p = prior->p, all = p + layout->r;
    struct prior out = *prior;
    if (layout->r == 0)
        return out;
    out.p = all;
    out.omega = mem_new(all * all, sizeof(double));
    out.factor = mem_new(all * all, sizeof(double));
    for (size_t a = 0; a < p; a++) {
        memcpy(out.omega + a * all, prior->omega + a * p, p * sizeof(double));
        memcpy(out.factor + a * all, prior->factor + a * p, p * sizeof(double));
    }
    for (size_t i = 0; i < layout->r; i++) {
        double sd = exp(prior->residual[layout->between[i]]);
        out.omega[(p + i) * (all + 1)] = sd * sd;
        out.factor[(p + i) * (all + 1)] = sd;
    }
    return out;
}

void target_init(struct target *target, struct engine *engine, const struct twin *twin,
                 const struct prior *prior)
{
    const struct model *model = engine_model(engine);
    const struct prior_layout *layout = engine_layout(engine);
    size_t observations = model_observations(model);
    *target = (struct target){.model = model,
                              .layout = layout,
                              .prior = prior,
                              .twin = twin,
                              .p = prior->p + layout->r,
                              .q = prior->q,
                              .n = twin_measurements(twin),
                              .whole = with_occasions(layout, prior)};
    target->centre = mem_new(target->p, sizeof(double));
    linalg_multiply(prior->p, prior->k, 1, prior->effects, twin_x(twin), target->centre);
    target->errors = mem_new(observations, sizeof *target->errors);
    for (size_t o = 0; o < observations; o++) {
        struct residual residual;
        prior_residual(model, layout, prior, o, &residual);
        tally_error(&residual, &target->errors[o]);
        target->subject.serial |= residual.correlation_time > 0;
    }
    target->subject.measurements = twin_measured(twin);
    target->subject.values = twin_values(twin);
    target->subject.errors = target->errors;
    target->subject.observations = observations;
}

void target_clear(struct target *target)
{
    if (target->whole.p != target->prior->p) {
        mem_free(target->whole.omega);
        mem_free(target->whole.factor);
    }
    mem_free(target->centre);
    mem_free(target->errors);
}

void target_phi(const struct target *target, const double *z, double *phi)
{
    linalg_multiply(target->p, target->p, 1, target->whole.factor, z, phi);
    for (size_t a = 0; a < target->p; a++)
        phi[a] += target->centre[a];
}

enum err target_whiten(const struct target *target, double *phi)
{
    bool off = false;
    for (size_t a = 0; a < target->p; a++) {
        phi[a] -= target->centre[a];
        off |= phi[a] != 0;
    }
    return off ? linalg_solve(target->p, target->whole.factor, 1, phi) : ERR_OK;
}

struct point point_new(size_t p)
{
    return (struct point){.gradient = mem_new(p, sizeof(double)),
                          .curvature = mem_new(p * p, sizeof(double))};
}

void point_clear(struct point *point)
{
    mem_free(point->gradient);
    mem_free(point->curvature);
}

double target_objective(const struct target *target, const double *z, const double *sums)
{
    double total = sums[0];
    for (size_t a = 0; a < target->p; a++)
        total += z[a] * z[a];
    return total;
}

/* Sums are by phi = B x + L z: the slope by z is L' times theirs, the information L' I L;
 * the prior adds z and the identity. */
void target_point(const struct target *target, const double *z, const double *sums,
                  struct point *point)
{
    size_t p = target->p, d = p + target->q;
    const double *factor = target->whole.factor;
    double by_phi[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    double half[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    const double *packed = sums + TALLY_INFORMATION(d);
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b <= a; b++)
            by_phi[a * p + b] = by_phi[b * p + a] = *packed++;
    point->objective = target_objective(target, z, sums);
    linalg_multiply_tn(p, p, 1, factor, sums + TALLY_SLOPE, point->gradient);
    linalg_multiply(p, p, p, by_phi, factor, half);
    linalg_multiply_tn(p, p, p, factor, half, point->curvature);
    for (size_t a = 0; a < p; a++) {
        point->gradient[a] += z[a];
        point->curvature[a * p + a] += 1;
        for (size_t b = 0; b < a; b++) /* to the last bit */
            point->curvature[b * p + a] = point->curvature[a * p + b];
    }
    point->err = ERR_OK;
}

struct detail detail_new(const struct target *target)
{
    size_t d = target->p + target->q, n = target->n;
    bool linked = target->subject.serial || target->layout->r;
    return (struct detail){
        .point = point_new(target->p),
        .f = mem_new(n, sizeof(double)),
        .jacobian = mem_new(n * d, sizeof(double)),
        .observed = mem_new(n, sizeof(struct observed)),
        .before = linked ? mem_new(n, sizeof(size_t)) : NULL,
        .shared = linked ? mem_new(n, sizeof(double)) : NULL,
    };
}

void detail_clear(struct detail *detail)
{
    point_clear(&detail->point);
    mem_free(detail->f);
    mem_free(detail->jacobian);
    mem_free(detail->observed);
    mem_free(detail->before);
    mem_free(detail->shared);
}

/* The links of measurements whose errors are correlated, in order of time. */
static enum err weigh_serial(const struct target *target,
                             const struct tally_error *errors, struct detail *detail)
{
    size_t last[MODEL_PARAMETERS_MAX]; /* quantified, of each observation */
    struct standard *standards = mem_new(target->n, sizeof *standards);
    enum err err = ERR_OK;
    for (size_t o = 0; o < target->subject.observations; o++)
        last[o] = DETAIL_FIRST;
    for (size_t j = 0; err == ERR_OK && j < target->n; j++) {
        const struct twin_measurement *y = twin_measurement(target->twin, j);
        const struct residual *residual = &errors[y->observation].residual;
        struct observed *o = &detail->observed[j];
        struct link link;
        size_t before = detail->before[j] = last[y->observation];
        if (!(residual->correlation_time > 0)) {
            detail->before[j] = DETAIL_FIRST;
            continue;
        }
        bool first = before == DETAIL_FIRST;
        double dt = first ? 0 : y->time - twin_measurement(target->twin, before)->time;
        err = serial_link(residual, y->value, y->censoring, detail->f[j],
                          first ? NULL : &standards[before], dt, &standards[j], &link);
        if (err != ERR_OK)
            break;
        o->minus2_log_likelihood = link.minus2_log_likelihood;
        o->d_prediction = link.d_now;
        o->information = link.now;
        detail->shared[j] = link.both;
        if (!first) {
            detail->observed[before].d_prediction += link.d_before;
            detail->observed[before].information += link.before;
        }
        if (y->censoring == CENSORED_NOT)
            last[y->observation] = j;
    }
    mem_free(standards);
    return err;
}

static void add_shared(const struct target *target, const struct detail *detail, size_t j)
{
    size_t p = target->p, d = p + target->q;
    const double *row = detail->jacobian + j * d,
                 *other = detail->jacobian + detail->before[j] * d;
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            detail->point.curvature[a * p + b] +=
                detail->shared[j] * (row[a] * other[b] + other[a] * row[b]);
}

enum err target_weigh(const struct target *target, const struct tally_error *errors,
                      const double *z, struct detail *detail)
{
    size_t p = target->p, d = p + target->q;
    struct point *point = &detail->point;
    point->objective = 0;
    memset(point->curvature, 0, p * p * sizeof(double));
    for (size_t a = 0; a < p; a++) {
        point->objective += z[a] * z[a];
        point->gradient[a] = z[a];
        point->curvature[a * p + a] = 1;
    }
    for (size_t j = 0; j < target->n; j++) {
        const struct twin_measurement *y = twin_measurement(target->twin, j);
        if (observe(&errors[y->observation].residual, y->value, y->censoring,
                    detail->f[j], &detail->observed[j]) != ERR_OK)
            return err_code();
    }
    if (detail->before && weigh_serial(target, errors, detail) != ERR_OK)
        return err_code();
    for (size_t j = 0; j < target->n; j++) {
        const struct observed *o = &detail->observed[j];
        const double *row = detail->jacobian + j * d;
        point->objective += o->minus2_log_likelihood;
        for (size_t a = 0; a < p; a++) {
            point->gradient[a] += 0.5 * o->d_prediction * row[a];
            for (size_t b = 0; b < p; b++)
                point->curvature[a * p + b] += o->information * row[a] * row[b];
        }
        if (detail->before && detail->before[j] != DETAIL_FIRST)
            add_shared(target, detail, j);
    }
    if (!isfinite(point->objective))
        return err_set(ERR_NUMERIC, "the objective is not finite");
    return ERR_OK;
}

enum err target_detail(const struct target *target, const double *z,
                       struct detail *detail)
{
    size_t p = target->p, d = p + target->q;
    double by_z[MODEL_PARAMETERS_MAX];
    for (size_t j = 0; j < target->n; j++) {
        double *row = detail->jacobian + j * d;
        linalg_multiply(1, p, p, row, target->whole.factor, by_z);
        memcpy(row, by_z, p * sizeof(double));
    }
    return target_weigh(target, target->errors, z, detail);
}
