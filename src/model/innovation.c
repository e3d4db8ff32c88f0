#include "innovation.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "numerics/linalg.h"

/* Of a logarithm, for differences: truncation is of its fourth power, rounding 1e-16 of
 * the objective over it, or over its square in the curvature. */
#define SIDE 2e-3

/* --- scores and curvature ----------------------------------------------------------- */

struct study {
    const struct target *target;
    const struct detail *here;
    const double *z, *u;
    struct prior prior; /* the target's, with residual errors of its own */
    struct tally_error *errors;
    struct detail detail;
    double place[MODEL_PARAMETERS_MAX];
};

/* Under some residual errors: O + log det A, and that less g' A^-1 g, what O falls to
 * where the mode then is (g half its slope where it was); u' g. */
struct height {
    double fixed, moved, along;
};

/* Where the sds between occasions are other ones, the same effects stand elsewhere in
 * whitened coordinates, and the slopes are others by as much. */
static void scale_occasions(struct study *study, size_t k, double by_k, size_t l,
                            double by_l)
{
    const struct prior_layout *layout = study->target->layout;
    size_t p = study->target->p, d = p + study->target->q;
    for (size_t i = 0; i < layout->r; i++) {
        size_t a = p - layout->r + i, of = layout->between[i];
        double factor = exp((of == k ? by_k : 0) + (of == l ? by_l : 0));
        study->place[a] = study->z[a] / factor;
        for (size_t j = 0; j < study->target->n; j++)
            study->detail.jacobian[j * d + a] = study->here->jacobian[j * d + a] * factor;
    }
}

static struct height height_at(struct study *study, size_t k, double by_k, size_t l,
                               double by_l)
{
    const struct target *target = study->target;
    const struct prior *prior = target->prior;
    size_t p = target->p;
    struct point *point = &study->detail.point;
    double step[MODEL_PARAMETERS_MAX], along = 0, reach = 0;
    memcpy(study->prior.residual, prior->residual, prior->m * sizeof(double));
    study->prior.residual[k] += by_k;
    study->prior.residual[l] += by_l;
    scale_occasions(study, k, by_k, l, by_l);
    for (size_t o = 0; o < target->subject.observations; o++) {
        struct residual residual;
        prior_residual(target->model, target->layout, &study->prior, o, &residual);
        tally_error(&residual, &study->errors[o]);
    }
    if (target_weigh(target, study->errors, study->place, &study->detail) != ERR_OK ||
        (p && linalg_cholesky(p, point->curvature) != ERR_OK))
        return (struct height){NAN, NAN, NAN};
    double log_det = p ? linalg_lower_log_det(p, point->curvature) : 0;
    memcpy(step, point->gradient, p * sizeof *step);
    if (p)
        linalg_lower_solve(p, point->curvature, 1, step);
    for (size_t a = 0; a < p; a++) {
        reach += step[a] * step[a];
        along += study->u[a] * point->gradient[a];
    }
    double fixed = point->objective + log_det;
    return (struct height){fixed, fixed - reach, along};
}

static struct study study_new(const struct target *target, const struct detail *here,
                              const double *z, const double *u)
{
    size_t d = target->p + target->q, n = target->n, m = target->prior->m;
    struct study out = {target, here, z, u, *target->prior, NULL, detail_new(target),
                        {0}};
    memcpy(out.place, z, target->p * sizeof *z);
    out.prior.residual = mem_new(m, sizeof(double));
    out.errors = mem_new(target->subject.observations, sizeof *out.errors);
    memcpy(out.detail.f, here->f, n * sizeof(double));
    if (d)
        memcpy(out.detail.jacobian, here->jacobian, n * d * sizeof(double));
    return out;
}

static void study_clear(struct study *study)
{
    mem_free(study->prior.residual);
    mem_free(study->errors);
    detail_clear(&study->detail);
}

/* By five places along each logarithm: the score, and the curvature on its diagonal. */
static void along_one(struct study *study, size_t l, const struct height *middle,
                      struct moments *moments)
{
    struct height far_up = height_at(study, l, 2 * SIDE, l, 0),
                  up = height_at(study, l, SIDE, l, 0),
                  down = height_at(study, l, -SIDE, l, 0),
                  far_down = height_at(study, l, -2 * SIDE, l, 0);
    double score = (8 * (up.fixed - up.along - down.fixed + down.along) -
                    (far_up.fixed - far_up.along - far_down.fixed + far_down.along)) /
                   (12 * SIDE);
    double curve = (16 * (up.moved + down.moved) - far_up.moved - far_down.moved -
                    30 * middle->moved) /
                   (12 * SIDE * SIDE);
    size_t m = study->target->prior->m;
    moments->residual_score[l] = isfinite(score) ? -0.5 * score : 0;
    moments->residual_curvature[l * m + l] = isfinite(curve) ? 0.5 * curve : 0;
}

static void scores_and_curvature(struct study *study, struct moments *moments)
{
    size_t m = study->target->prior->m;
    struct height middle = height_at(study, 0, 0, 0, 0);
    for (size_t l = 0; l < m; l++)
        along_one(study, l, &middle, moments);
    for (size_t l = 0; l < m; l++)
        for (size_t k = 0; k < l; k++) {
            double cross = height_at(study, k, SIDE, l, SIDE).moved -
                           height_at(study, k, SIDE, l, -SIDE).moved -
                           height_at(study, k, -SIDE, l, SIDE).moved +
                           height_at(study, k, -SIDE, l, -SIDE).moved;
            double curve = isfinite(cross) ? 0.5 * cross / (4 * SIDE * SIDE) : 0;
            moments->residual_curvature[k * m + l] = curve;
            moments->residual_curvature[l * m + k] = curve;
        }
}

/* --- information -----------------------------------------------------------------------
 *
 * R = D C D, D of the g_j, and B, two numbers a row, with B C B' = I: innovations are B
 * times standardised errors. In them the predictions' slopes are G = B D^-1 F, and R's
 * derivative by a logarithm is X = T + T', T = B S B^-1 for the g's (S of the shares d
 * log g) and T = - B_tau B^-1 for a correlation time. */

struct whitening {
    const struct target *target;
    const struct detail *here;
    size_t p, n;
    double *slopes; /* D^-1 F [n][p]; 0 where there is no g */
    double *g;      /* B of them */
    struct memory *memory;
    double *half; /* [n][p], for passing */
};

static bool is_first(const struct whitening *w, size_t j)
{
    return w->here->before[j] == DETAIL_FIRST;
}

/* rho / s and its kin are 0 for the first of a row. */
static struct whitening whitening_new(const struct target *target,
                                      const struct detail *here)
{
    size_t p = target->p, d = p + target->q, n = target->n;
    struct whitening w = {target,
                          here,
                          p,
                          n,
                          mem_new(n * p, sizeof(double)),
                          mem_new(n * p, sizeof(double)),
                          mem_new(n, sizeof *w.memory),
                          mem_new(n * p, sizeof(double))};
    for (size_t j = 0; j < n; j++) {
        const struct twin_measurement *y = twin_measurement(target->twin, j);
        const struct residual *residual = &target->errors[y->observation].residual;
        const struct observed *o = &here->observed[j];
        bool quantified =
            y->censoring == CENSORED_NOT && residual->kind != RESIDUAL_BERNOULLI;
        size_t before = here->before[j];
        w.memory[j] = (struct memory){0, 1, 0};
        if (quantified && before != DETAIL_FIRST)
            w.memory[j] = observe_memory(
                residual, y->time - twin_measurement(target->twin, before)->time);
        for (size_t a = 0; quantified && a < p; a++) {
            w.slopes[j * p + a] = here->jacobian[j * d + a] / sqrt(o->variance);
            double from = is_first(&w, j) ? 0 : w.slopes[before * p + a];
            w.g[j * p + a] =
                (w.slopes[j * p + a] - w.memory[j].rho * from) / w.memory[j].s;
        }
    }
    return w;
}

static void whitening_clear(struct whitening *w)
{
    mem_free(w->slopes);
    mem_free(w->g);
    mem_free(w->memory);
    mem_free(w->half);
}

/* half := B^-T half. */
static void solve_transposed(struct whitening *w)
{
    size_t p = w->p;
    for (size_t j = w->n; j-- > 0;)
        for (size_t a = 0; a < p; a++) {
            double *own = &w->half[j * p + a];
            if (!is_first(w, j)) /* what was before stands before it in time */
                w->half[w->here->before[j] * p + a] += w->memory[j].rho * *own;
            *own *= w->memory[j].s;
        }
}

/* The share of logarithm l in log g_j; 0 for a correlation time's and a censored value.
 */
static double share_of(const struct whitening *w, size_t l, size_t j)
{
    const struct prior_layout *layout = w->target->layout;
    bool own = twin_measurement(w->target->twin, j)->observation ==
                   layout->residual[l].observation &&
               layout->residual[l].which < 2;
    return own ? w->here->observed[j].share[layout->residual[l].which] : 0;
}

/* Does logarithm l tell how long errors remember, and j's of them? */
static bool remembers(const struct whitening *w, size_t l, size_t j)
{
    const struct prior_layout *layout = w->target->layout;
    return layout->residual[l].which == 2 && !is_first(w, j) &&
           twin_measurement(w->target->twin, j)->censoring == CENSORED_NOT &&
           twin_measurement(w->target->twin, j)->observation ==
               layout->residual[l].observation;
}

/* T G + T' G of a standard deviation's logarithm: B S D^-1 F + B^-T S B' G. */
static void move_sd(struct whitening *w, size_t l, double *out)
{
    size_t p = w->p;
    memset(w->half, 0, w->n * p * sizeof(double));
    for (size_t j = 0; j < w->n; j++) {
        struct memory m = w->memory[j];
        double share = share_of(w, l, j);
        size_t before = w->here->before[j];
        double other = is_first(w, j) ? 0 : share_of(w, l, before);
        for (size_t a = 0; a < p; a++) {
            double g = w->g[j * p + a] / m.s;
            double from = is_first(w, j) ? 0 : w->slopes[before * p + a];
            out[j * p + a] = (share * w->slopes[j * p + a] - m.rho * other * from) / m.s;
            w->half[j * p + a] += share * g;
            if (!is_first(w, j))
                w->half[before * p + a] -= other * m.rho * g;
        }
    }
}

/* The same of a correlation time's: - B_tau D^-1 F - B^-T B_tau' G; d (1 / s) = rho d_rho
 * / s^3, d (rho / s) = d_rho / s^3. */
static void move_memory(struct whitening *w, size_t l, double *out)
{
    size_t p = w->p;
    memset(w->half, 0, w->n * p * sizeof(double));
    memset(out, 0, w->n * p * sizeof(double));
    for (size_t j = 0; j < w->n; j++) {
        struct memory m = w->memory[j];
        double by = m.d_rho / (m.s * m.s * m.s);
        size_t before = w->here->before[j];
        if (!remembers(w, l, j))
            continue;
        for (size_t a = 0; a < p; a++) {
            out[j * p + a] =
                by * (w->slopes[before * p + a] - m.rho * w->slopes[j * p + a]);
            w->half[j * p + a] -= by * m.rho * w->g[j * p + a];
            w->half[before * p + a] += by * w->g[j * p + a];
        }
    }
}

/* X G of logarithm l. */
static void move(struct whitening *w, size_t l, double *out)
{
    if (w->target->layout->residual[l].which == 2)
        move_memory(w, l, out);
    else
        move_sd(w, l, out);
    solve_transposed(w);
    for (size_t i = 0; i < w->n * w->p; i++)
        out[i] += w->half[i];
}

/* tr X_k X_l / 2, the information without random effects: what the scores' innovations
 * have in common, h_j (1 - x^2) - x e_b (rho / s) (h_j - h_b) of a standard deviation,
 * - (rho d_rho / s^2) (1 - x^2) - x e_b d_rho / s of a correlation time. */
static double alone(const struct whitening *w, size_t k, size_t l)
{
    double sum = 0;
    for (size_t j = 0; j < w->n; j++) {
        double straight[2], crossed[2];
        struct memory m = w->memory[j];
        for (int i = 0; i < 2; i++) {
            size_t at = i ? l : k;
            double own = share_of(w, at, j);
            double other = is_first(w, j) ? 0 : share_of(w, at, w->here->before[j]);
            bool time = remembers(w, at, j);
            straight[i] = time ? -m.rho * m.d_rho / (m.s * m.s) : own;
            crossed[i] = time ? m.d_rho / m.s : m.rho / m.s * (own - other);
        }
        sum += 2 * straight[0] * straight[1] + crossed[0] * crossed[1];
    }
    return sum;
}

/* tr X / 2. */
static double mean_of(const struct whitening *w, size_t l)
{
    double sum = 0;
    for (size_t j = 0; j < w->n; j++) {
        struct memory m = w->memory[j];
        sum += remembers(w, l, j) ? -m.rho * m.d_rho / (m.s * m.s) : share_of(w, l, j);
    }
    return sum;
}

static double trace_of_product(size_t p, const double *a, const double *b)
{
    double sum = 0;
    for (size_t i = 0; i < p; i++)
        for (size_t j = 0; j < p; j++)
            sum += a[i * p + j] * b[j * p + i];
    return sum;
}

/* Of the sd between occasions of some effects kappa, P = I - V: with Omega P_:k P_k:,
 * summed up, in common; its mean is their tr P. */
static void occasions_shape(const struct whitening *w, size_t l, const double *posterior,
                            struct moments *moments)
{
    const struct prior_layout *layout = w->target->layout;
    size_t p = w->p;
    double *shape = moments->residual_shape + l * p * p;
    for (size_t i = 0; i < layout->r; i++) {
        size_t k = p - layout->r + i;
        if (layout->between[i] != l)
            continue;
        moments->residual_squares[l] += 1 - posterior[k * (p + 1)];
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++)
                shape[a * p + b] +=
                    ((a == k) - posterior[a * p + k]) * ((k == b) - posterior[k * p + b]);
    }
}

/* 2 tr of a shape's block of the effects kappa whose sd logarithm l is. */
static double occasions_information(const struct whitening *w, size_t l,
                                    const double *shape)
{
    const struct prior_layout *layout = w->target->layout;
    double sum = 0;
    for (size_t i = 0; i < layout->r; i++)
        if (layout->between[i] == l)
            sum += 2 * shape[(w->p - layout->r + i) * (w->p + 1)];
    return sum;
}

/* X G of logarithm l, and V Q and V Q V of Q = G' X G / 2. */
static void residual_shape(struct whitening *w, size_t l, const double *posterior,
                           double *moved, double *vq, struct moments *moments)
{
    size_t p = w->p;
    double *square = mem_new(p * p, sizeof *square);
    move(w, l, moved);
    linalg_multiply_tn(p, w->n, p, w->g, moved, square);
    for (size_t i = 0; i < p * p; i++)
        square[i] /= 2;
    linalg_multiply(p, p, p, posterior, square, vq);
    linalg_multiply(p, p, p, vq, posterior, moments->residual_shape + l * p * p);
    moments->residual_squares[l] = mean_of(w, l);
    for (size_t a = 0; a < p; a++)
        moments->residual_squares[l] -= vq[a * (p + 1)];
    mem_free(square);
}

/* With M = I - G V G': tr M X_k M X_l / 2 = tr X_k X_l / 2 - tr V (X_k G)' (X_l G) + 2 tr
 * V Q_k V Q_l; with Omega V Q_l V in common, and with the sd between occasions 2 tr of
 * that in its block. */
static void information(struct whitening *w, const double *posterior,
                        struct moments *moments)
{
    const struct prior_layout *layout = w->target->layout;
    size_t p = w->p, n = w->n, m = w->target->prior->m;
    double *moved = mem_new(m * n * p, sizeof *moved),
           *vq = mem_new(m * p * p, sizeof *vq), *square = mem_new(p * p, sizeof *square);
    for (size_t l = 0; l < m; l++)
        if (layout->residual[l].which == 3)
            occasions_shape(w, l, posterior, moments);
        else
            residual_shape(w, l, posterior, moved + l * n * p, vq + l * p * p, moments);
    for (size_t k = 0; k < m; k++)
        for (size_t l = 0; l < m; l++) {
            double *out = &moments->residual_information[k * m + l];
            if (layout->residual[l].which == 3) {
                *out = occasions_information(w, l, moments->residual_shape + k * p * p);
                continue;
            }
            if (layout->residual[k].which == 3) {
                *out = occasions_information(w, k, moments->residual_shape + l * p * p);
                continue;
            }
            linalg_multiply_tn(p, n, p, moved + k * n * p, moved + l * n * p, square);
            *out = alone(w, k, l) - trace_of_product(p, posterior, square) +
                   2 * trace_of_product(p, vq + k * p * p, vq + l * p * p);
        }
    mem_free(moved);
    mem_free(vq);
    mem_free(square);
}

void innovation_moments(const struct target *target, const struct detail *here,
                        const double *z, const double *posterior, const double *u,
                        struct moments *moments)
{
    if (target->prior->m == 0)
        return;
    struct study study = study_new(target, here, z, u);
    scores_and_curvature(&study, moments);
    study_clear(&study);
    struct whitening w = whitening_new(target, here);
    information(&w, posterior, moments);
    whitening_clear(&w);
}
