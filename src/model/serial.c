#include "serial.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/normal.h"

/* With a = d (expected -e) / df, h = d log g / df, at both, the score of a quantified
 * value is h_j (1 - x^2) - x (a_j f_j' - rho a_b f_b') / s - x e_b (rho / s) (h_j f_j' -
 * h_b f_b'), x its innovation; x and e_b are independent and standard normal. */
static struct link quantified(const struct standard *now, const struct standard *before,
                              const struct memory *m)
{
    double x = (now->e - m->rho * before->e) / m->s;
    double r = m->rho / m->s, h = now->d_log_g, h_before = before->d_log_g;
    double a = now->slope / m->s, a_before = r * before->slope;
    return (struct link){
        .minus2_log_likelihood = now->log_density + 2 * log(m->s) + x * x,
        .d_now = 2 * h + 2 * x * now->d_e / m->s,
        .d_before = -2 * x * r * before->d_e,
        .now = a * a + 2 * h * h + r * r * h * h,
        .both = -a * a_before - r * r * h * h_before,
        .before = a_before * a_before + r * r * h_before * h_before,
    };
}

/* -2 log Phi(u), u = side (limit - rho e_b) / s; side 1: below, -1: above. */
static struct link censored(const struct standard *limit, const struct standard *before,
                            const struct memory *m, double side)
{
    double u = side * (limit->e - m->rho * before->e) / m->s;
    double lambda = normal_inverse_mills(u), curve = lambda * (lambda + u);
    double by_now = side * limit->d_e / m->s,
           by_before = -side * m->rho * before->d_e / m->s;
    return (struct link){
        .minus2_log_likelihood = -2 * normal_log_cdf(u),
        .d_now = -2 * lambda * by_now,
        .d_before = -2 * lambda * by_before,
        .now = curve * by_now * by_now,
        .both = curve * by_now * by_before,
        .before = curve * by_before * by_before,
    };
}

enum err serial_link(const struct residual *residual, double value,
                     enum censoring censoring, double prediction,
                     const struct standard *before, double dt, struct standard *standard,
                     struct link *link)
{
    static const struct standard nothing;
    struct memory memory = observe_memory(residual, before ? dt : INFINITY);
    if (observe_surely_below(residual, value, censoring, prediction)) {
        *link = (struct link){0}; /* whatever was before */
        return ERR_OK;
    }
    enum err err = observe_standard(residual, value, prediction, standard);
    if (err != ERR_OK)
        return err;
    if (!before)
        before = &nothing;
    *link = censoring == CENSORED_NOT ? quantified(standard, before, &memory)
                                      : censored(standard, before, &memory,
                                                 censoring == CENSORED_BELOW ? 1 : -1);
    if (!isfinite(link->minus2_log_likelihood) || !isfinite(link->d_now) ||
        !isfinite(link->d_before) || !isfinite(link->now))
        return err_set(ERR_NUMERIC, "a likelihood that is not finite");
    return ERR_OK;
}

/* --- sums --------------------------------------------------------------------------- */

struct last {
    bool any;
    double time;
    struct standard standard;
    double *slopes; /* [directions] */
};

struct serial {
    size_t directions, observations;
    struct last *last; /* [observations] */
};

struct serial *serial_new(size_t directions)
{
    struct serial *out = mem_new(1, sizeof *out);
    out->directions = directions;
    return out;
}

void serial_destroy(struct serial **serial)
{
    if (!*serial)
        return;
    for (size_t o = 0; o < (*serial)->observations; o++)
        mem_free((*serial)->last[o].slopes);
    mem_free((*serial)->last);
    mem_free(*serial);
    *serial = NULL;
}

void serial_begin(struct serial *serial, size_t observations)
{
    for (size_t o = 0; o < serial->observations; o++)
        serial->last[o].any = false;
    if (observations <= serial->observations)
        return;
    serial->last = mem_resize(serial->last, observations, sizeof *serial->last);
    for (; serial->observations < observations; serial->observations++)
        serial->last[serial->observations] =
            (struct last){.slopes = mem_new(serial->directions, sizeof(double))};
}

void serial_add(struct serial *serial, const struct residual *residual,
                size_t observation, double time, double value, enum censoring censoring,
                double f, const double *slopes, double *sums, size_t stride)
{
    struct last *last = &serial->last[observation];
    struct standard standard;
    struct link link;
    size_t d = serial->directions;
    if (serial_link(residual, value, censoring, f, last->any ? &last->standard : NULL,
                    time - last->time, &standard, &link) != ERR_OK)
        link = (struct link){NAN, NAN, NAN, NAN, NAN, NAN};
    const double *before = last->slopes;
    double *information = sums + (1 + d) * stride;
    *sums += link.minus2_log_likelihood;
    for (size_t a = 0; a < d; a++) {
        double now_a = slopes[a], before_a = last->any ? before[a] : 0;
        sums[(1 + a) * stride] += 0.5 * (link.d_now * now_a + link.d_before * before_a);
        double by_now = link.now * now_a + link.both * before_a;
        double by_before = link.both * now_a + link.before * before_a;
        for (size_t b = 0; b <= a; b++, information += stride)
            *information += by_now * slopes[b] + (last->any ? by_before * before[b] : 0);
    }
    if (censoring != CENSORED_NOT)
        return;
    last->any = true;
    last->time = time;
    last->standard = standard;
    if (d)
        memcpy(last->slopes, slopes, d * sizeof *slopes);
}
