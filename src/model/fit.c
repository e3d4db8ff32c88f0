#include "model/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/observe.h"
#include "numerics/linalg.h"

#define EVALUATIONS_MAX 200

/* First steps are at most this many prior standard deviations long: a longer one can land
 * where a large prediction with its proportional error explains everything a little. */
#define RADIUS_START 2.0
#define RADIUS_LEAST 1e-7
#define RATIO_ACCEPT 1e-4
/* A look around a mode that finds a place lower by this starts the search anew there. */
#define LOWER_ENOUGH 1e-6
#define RESTARTS_MAX 4

/* A search that comes this near to a known mode, in its posterior standard deviations, is
 * taken to end there. */
#define NEAR_MODE 0.1

#define CURVATURE_LEAST 0.05

/* A mode is found when a step promises less of O than this. */
#define PROMISE_DONE 1e-12
/* Where rounding in the solver stops progress earlier, this still counts as found. */
#define PROMISE_ENOUGH 1e-6

/* Central-difference step in posterior standard deviations. Truncation is of its square
 * (4e-6), rounding is the solver's tolerance over it (1e-9 / 2e-3 = 5e-7). */
#define DIFFERENCE_STEP 2e-3

/* Where differences straddle a kink, u can be anything: a mean that would be farther from
 * the mode than two posterior standard deviations is brought back to there. Sparse binary
 * records reach 1.5 without one, so that less than that would spoil the score. */
#define SKEW_MAX 4.0

/* --- one evaluation at z ----------------------------------------------------------- */

struct point {
    double objective;          /* O */
    double *gradient;          /* [p] half of dO/dz */
    double *curvature;         /* A [p][p] */
    double *f;                 /* [n] */
    double *jacobian;          /* [n][p + q]: by z, then by gamma */
    struct observed *observed; /* [n] */
};

struct problem {
    struct engine *engine;
    const struct twin *twin;
    const struct prior *prior;
    size_t p, q, n;
    double *centre;             /* B x [p] */
    struct residual *residuals; /* [observations] */
};

static struct point point_new(const struct problem *problem)
{
    size_t p = problem->p, d = p + problem->q, n = problem->n;
    return (struct point){
        .gradient = mem_new(p, sizeof(double)),
        .curvature = mem_new(p * p, sizeof(double)),
        .f = mem_new(n, sizeof(double)),
        .jacobian = mem_new(n * d, sizeof(double)),
        .observed = mem_new(n, sizeof(struct observed)),
    };
}

static void point_clear(struct point *point)
{
    mem_free(point->gradient);
    mem_free(point->curvature);
    mem_free(point->f);
    mem_free(point->jacobian);
    mem_free(point->observed);
}

static void problem_init(struct problem *problem, struct engine *engine,
                         const struct twin *twin, const struct prior *prior)
{
    const struct model *model = engine_model(engine);
    size_t p = prior->p, k = prior->k;
    *problem = (struct problem){engine, twin, prior, p, prior->q, twin_measurements(twin),
                                NULL,   NULL};
    problem->centre = mem_new(p, sizeof(double));
    linalg_multiply(p, k, 1, prior->effects, twin_x(twin), problem->centre);
    problem->residuals = mem_new(model_observations(model), sizeof(struct residual));
    for (size_t o = 0; o < model_observations(model); o++)
        prior_residual(model, engine_layout(engine), prior, o, &problem->residuals[o]);
}

static void problem_clear(struct problem *problem)
{
    mem_free(problem->centre);
    mem_free(problem->residuals);
}

static void to_phi(const struct problem *problem, const double *z, double *phi)
{
    linalg_multiply(problem->p, problem->p, 1, problem->prior->factor, z, phi);
    for (size_t a = 0; a < problem->p; a++)
        phi[a] += problem->centre[a];
}

/* Everything at (z, gamma), of which the point has the prediction and its derivatives by
 * phi and gamma already. */
static enum err assemble(const struct problem *problem, const double *z,
                         struct point *point)
{
    size_t p = problem->p, d = p + problem->q;
    double by_z[MODEL_PARAMETERS_MAX];
    point->objective = 0;
    memset(point->curvature, 0, p * p * sizeof(double));
    for (size_t a = 0; a < p; a++) {
        point->objective += z[a] * z[a];
        point->gradient[a] = z[a];
        point->curvature[a * p + a] = 1;
    }
    for (size_t j = 0; j < problem->n; j++) {
        const struct twin_measurement *y = twin_measurement(problem->twin, j);
        struct observed *o = &point->observed[j];
        if (observe(&problem->residuals[y->observation], y->value, y->censoring,
                    point->f[j], o) != ERR_OK)
            return err_code();
        double *row = point->jacobian + j * d;
        linalg_multiply(1, p, p, row, problem->prior->factor, by_z);
        memcpy(row, by_z, p * sizeof(double));
        point->objective += o->minus2_log_likelihood;
        for (size_t a = 0; a < p; a++) {
            point->gradient[a] += 0.5 * o->d_prediction * row[a];
            for (size_t b = 0; b < p; b++)
                point->curvature[a * p + b] += o->information * row[a] * row[b];
        }
    }
    if (!isfinite(point->objective))
        return err_set(ERR_NUMERIC, "the objective is not finite");
    return ERR_OK;
}

/* A place, and everything there. */
struct place {
    double z[MODEL_PARAMETERS_MAX], gamma[MODEL_PARAMETERS_MAX];
    struct point point;
    enum err err; /* ERR_NUMERIC: not one where the model can be evaluated */
};

/* All at once, because that takes less time. */
static void evaluate_all(struct problem *problem, struct place *places, size_t count)
{
    struct twin_point *points = mem_new(count, sizeof *points);
    double *phi = mem_new(count * problem->p, sizeof *phi);
    for (size_t i = 0; i < count; i++) {
        to_phi(problem, places[i].z, phi + i * problem->p);
        points[i] = (struct twin_point){
            problem->twin,     phi + i * problem->p,     places[i].gamma,
            places[i].point.f, places[i].point.jacobian, ERR_OK};
    }
    twin_predict_all(problem->engine, points, count, true);
    for (size_t i = 0; i < count; i++)
        places[i].err = points[i].err == ERR_OK
                            ? assemble(problem, places[i].z, &places[i].point)
                            : points[i].err;
    mem_free(points);
    mem_free(phi);
}

static struct place *places_new(const struct problem *problem, const double *z,
                                size_t count)
{
    struct place *places = mem_new(count, sizeof *places);
    for (size_t i = 0; i < count; i++) {
        memcpy(places[i].z, z, problem->p * sizeof *z);
        memcpy(places[i].gamma, problem->prior->population,
               problem->q * sizeof *places[i].gamma);
        places[i].point = point_new(problem);
    }
    return places;
}

static void places_free(struct place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        point_clear(&places[i].point);
    mem_free(places);
}

static enum err evaluate(struct problem *problem, const double *z, struct point *point)
{
    double phi[MODEL_PARAMETERS_MAX];
    to_phi(problem, z, phi);
    enum err err = twin_predict(problem->engine, problem->twin, phi,
                                problem->prior->population, point->f, point->jacobian);
    return err == ERR_OK ? assemble(problem, z, point) : err;
}

static double log_det(size_t p, const double *curvature)
{
    double lower[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    memcpy(lower, curvature, p * p * sizeof(double));
    if (p == 0 || linalg_cholesky(p, lower) != ERR_OK)
        return p == 0 ? 0 : NAN;
    return linalg_lower_log_det(p, lower);
}

/* --- the mode ---------------------------------------------------------------------- */

/* The quadratic model around a point, in the eigenvectors of its Hessian: H = A + B,
 * where B is what secants have shown A to lack (Dennis, Gay, Welsch 1981: NL2SOL). */
struct bowl {
    size_t p;
    double value[MODEL_PARAMETERS_MAX]; /* eigenvalues, ascending */
    double vector[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    double slope[MODEL_PARAMETERS_MAX]; /* half gradient in eigenvectors */
};

static enum err bowl_init(struct bowl *bowl, const struct problem *problem,
                          const struct point *point, double *lack)
{
    size_t p = bowl->p = problem->p;
    double hessian[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    for (size_t i = 0; i < p * p; i++)
        hessian[i] = point->curvature[i] + lack[i];
    enum err err = linalg_eigen(p, hessian, bowl->value, bowl->vector);
    /* A is at least the identity; a sum that is not even near it is not to be trusted. */
    if (err == ERR_OK && bowl->value[0] < CURVATURE_LEAST) {
        memset(lack, 0, p * p * sizeof *lack);
        err = linalg_eigen(p, point->curvature, bowl->value, bowl->vector);
    }
    if (err == ERR_OK)
        linalg_multiply_tn(p, p, 1, bowl->vector, point->gradient, bowl->slope);
    return err;
}

/* Length of the step with damping, and its derivative by it. */
static double bowl_length(const struct bowl *bowl, double damping, double *derivative)
{
    double square = 0, change = 0;
    for (size_t i = 0; i < bowl->p; i++) {
        double t = bowl->slope[i] / (bowl->value[i] + damping);
        square += t * t;
        change -= t * t / (bowl->value[i] + damping);
    }
    double length = sqrt(square);
    *derivative = length > 0 ? change / length : 0;
    return length;
}

/* The minimiser of the quadratic within `radius` (Newton on the secular equation, More
 * and Sorensen 1983); the decrease of O it promises. */
static double bowl_step(const struct bowl *bowl, double radius, double *step,
                        double *length)
{
    double damping = 0, derivative, promise = 0;
    *length = bowl_length(bowl, 0, &derivative);
    for (int i = 0; i < 30 && *length > radius * 1.01; i++) {
        damping += (*length / radius - 1) * *length / -derivative;
        *length = bowl_length(bowl, damping, &derivative);
    }
    memset(step, 0, bowl->p * sizeof *step);
    for (size_t i = 0; i < bowl->p; i++) {
        double t = -bowl->slope[i] / (bowl->value[i] + damping);
        promise -= t * (2 * bowl->slope[i] + bowl->value[i] * t);
        for (size_t a = 0; a < bowl->p; a++)
            step[a] += bowl->vector[a * bowl->p + i] * t;
    }
    return promise;
}

/* Symmetric rank one: B (new) s = y - A (new) s. */
static void learn_lack(const struct problem *problem, const struct point *before,
                       const struct point *after, const double *step, double *lack)
{
    size_t p = problem->p;
    double rest[MODEL_PARAMETERS_MAX], along = 0, rest_norm = 0, step_norm = 0;
    for (size_t a = 0; a < p; a++) {
        rest[a] = after->gradient[a] - before->gradient[a];
        for (size_t b = 0; b < p; b++)
            rest[a] -= (after->curvature[a * p + b] + lack[a * p + b]) * step[b];
        along += rest[a] * step[a];
        rest_norm += rest[a] * rest[a];
        step_norm += step[a] * step[a];
    }
    if (!(fabs(along) > 1e-8 * sqrt(rest_norm * step_norm)))
        return;
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            lack[a * p + b] += rest[a] * rest[b] / along;
}

/* A mode that is known already. */
struct known {
    const double *z, *curvature;
};

/* Is z, of an objective not below the mode's, within NEAR_MODE of its posterior sds? */
static bool is_near(size_t p, const struct known *known, const double *z)
{
    double square = 0;
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            square +=
                (z[a] - known->z[a]) * known->curvature[a * p + b] * (z[b] - known->z[b]);
    return square < NEAR_MODE * NEAR_MODE;
}

/* Trust-region search in whitened coordinates from z. True when it came to rest: at a
 * smooth minimum the promise vanishes, at a kink (a lag time crossing a measurement) the
 * radius does. It ends early, without a find, on the way into a mode that is `known`. */
static bool descend(struct problem *problem, const struct known *known, double *z,
                    struct point *here, size_t *count)
{
    size_t p = problem->p;
    double step[MODEL_PARAMETERS_MAX], trial_z[MODEL_PARAMETERS_MAX], length;
    double *lack = mem_new(p * p, sizeof *lack), radius = RADIUS_START;
    struct bowl *bowl = mem_new(1, sizeof *bowl);
    struct point trial = point_new(problem);
    bool found = false;
    size_t limit = *count + EVALUATIONS_MAX;
    while (!found && *count < limit) {
        if (bowl_init(bowl, problem, here, lack) != ERR_OK)
            break;
        double promise = bowl_step(bowl, radius, step, &length);
        if ((found = promise < PROMISE_DONE) || (known && is_near(p, known, z)))
            break;
        for (size_t a = 0; a < p; a++)
            trial_z[a] = z[a] + step[a];
        ++*count;
        enum err err = evaluate(problem, trial_z, &trial);
        double ratio =
            err == ERR_OK ? (here->objective - trial.objective) / promise : -INFINITY;
        if (err == ERR_OK && isfinite(ratio))
            learn_lack(problem, here, &trial, step, lack);
        if (ratio > RATIO_ACCEPT) {
            struct point swap = *here;
            *here = trial;
            trial = swap;
            memcpy(z, trial_z, p * sizeof(double));
        } else if (promise < PROMISE_ENOUGH) {
            found = true;
        }
        if (ratio < 0.25)
            radius = length / 4;
        else if (ratio > 0.75)
            radius = fmax(radius, 2 * length);
        found |= radius < RADIUS_LEAST;
    }
    point_clear(&trial);
    mem_free(lack);
    mem_free(bowl);
    return found;
}

/* O of a prediction at z; +inf where it is not finite. */
static double objective_of(const struct problem *problem, const double *z,
                           const double *f)
{
    double total = 0;
    for (size_t a = 0; a < problem->p; a++)
        total += z[a] * z[a];
    for (size_t j = 0; j < problem->n; j++) {
        const struct twin_measurement *y = twin_measurement(problem->twin, j);
        struct observed observed;
        if (observe(&problem->residuals[y->observation], y->value, y->censoring, f[j],
                    &observed) != ERR_OK)
            return INFINITY;
        total += observed.minus2_log_likelihood;
    }
    return isfinite(total) ? total : INFINITY;
}

/* O alone at each z [count][p]; +inf where the model cannot be evaluated. */
static void objectives_at(struct problem *problem, const double *z, size_t count,
                          double *objectives)
{
    size_t p = problem->p, n = problem->n;
    struct twin_point *points = mem_new(count, sizeof *points);
    double *phi = mem_new(count * p, sizeof *phi), *f = mem_new(count * n, sizeof *f);
    for (size_t i = 0; i < count; i++) {
        to_phi(problem, z + i * p, phi + i * p);
        points[i] =
            (struct twin_point){problem->twin, phi + i * p, problem->prior->population,
                                f + i * n,     NULL,        ERR_OK};
    }
    twin_predict_all(problem->engine, points, count, false);
    for (size_t i = 0; i < count; i++)
        objectives[i] = points[i].err == ERR_OK
                            ? objective_of(problem, z + i * p, f + i * n)
                            : INFINITY;
    mem_free(points);
    mem_free(phi);
    mem_free(f);
}

/* The lowest of the points sqrt 3 posterior standard deviations from the mode along each
 * eigenvector of the curvature, and by how much O is lower there. */
static double look_around(struct problem *problem, const double *z,
                          const struct point *here, double *lowest_z)
{
    size_t p = problem->p, count = 2 * p;
    double value[MODEL_PARAMETERS_MAX], lowest = 0;
    double *vector = mem_new(p * p, sizeof *vector);
    double *moved = mem_new(count * p, sizeof *moved);
    double *objectives = mem_new(count, sizeof *objectives);
    bool usable = p && linalg_eigen(p, here->curvature, value, vector) == ERR_OK;
    for (size_t i = 0; usable && i < count; i++) {
        double h = (i % 2 ? -1 : 1) * sqrt(3 / value[i / 2]);
        for (size_t a = 0; a < p; a++)
            moved[i * p + a] = z[a] + h * vector[a * p + i / 2];
    }
    if (usable)
        objectives_at(problem, moved, count, objectives);
    for (size_t i = 0; usable && i < count; i++) {
        double change = objectives[i] - here->objective;
        if (change < lowest) {
            lowest = change;
            memcpy(lowest_z, moved + i * p, p * sizeof *moved);
        }
    }
    mem_free(vector);
    mem_free(moved);
    mem_free(objectives);
    return -lowest;
}

/* The mode near z, if it is not `known`, and again from the best of what a look around it
 * finds. */
static bool settle(struct problem *problem, const struct known *known, double *z,
                   struct point *here, size_t *count)
{
    double elsewhere[MODEL_PARAMETERS_MAX];
    bool found = evaluate(problem, z, here) == ERR_OK;
    for (int i = 0; found && i < RESTARTS_MAX; i++) {
        found = descend(problem, known, z, here, count);
        if (!found || look_around(problem, z, here, elsewhere) < LOWER_ENOUGH)
            break;
        memcpy(z, elsewhere, problem->p * sizeof *z);
        found = evaluate(problem, z, here) == ERR_OK;
        ++*count;
    }
    return found;
}

/* Where a parameter moves doses or switches in time, once more from one and two prior
 * standard deviations of it to either side; the lowest mode counts. */
static const double shifts[] = {-1, 1, -2, 2};

static bool find_mode(struct problem *problem, double *z, struct point *here,
                      size_t *count)
{
    size_t p = problem->p;
    bool moving[MODEL_PARAMETERS_MAX] = {false},
         found = settle(problem, NULL, z, here, count);
    for (size_t a = 0; a < p; a++)
        moving[a] = engine_moving(problem->engine)[a];
    struct point other = point_new(problem);
    for (size_t i = 0; i < 4 * p; i++) {
        double start[MODEL_PARAMETERS_MAX] = {0};
        const struct known known = {z, here->curvature};
        if (!moving[i / 4])
            continue;
        start[i / 4] = shifts[i % 4] * sqrt(problem->prior->omega[i / 4 * (p + 1)]);
        if (linalg_solve(p, problem->prior->factor, 1, start) == ERR_OK &&
            settle(problem, found ? &known : NULL, start, &other, count) &&
            (!found || other.objective < here->objective - LOWER_ENOUGH)) {
            struct point swap = *here;
            *here = other;
            other = swap;
            memcpy(z, start, p * sizeof *z);
            found = true;
        }
    }
    point_clear(&other);
    return found;
}

static struct fit *fit_on_prior(const struct problem *problem, const char *reason)
{
    size_t p = problem->p;
    struct fit *fit = mem_new(1, sizeof *fit);
    fit->p = p;
    fit->n = problem->n;
    fit->phi = mem_copy(problem->centre, p * sizeof(double));
    fit->covariance = mem_copy(problem->prior->omega, p * p * sizeof(double));
    fit->objective = fit->minus2_log_likelihood = NAN;
    snprintf(fit->reason, sizeof fit->reason, "%s", reason);
    return fit;
}

/* V = L A^-1 L'. */
static void covariance_at(const struct problem *problem, const double *curvature,
                          double *covariance)
{
    size_t p = problem->p;
    double inverse[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    double half[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    if (p == 0 || linalg_spd_inverse(p, curvature, inverse) != ERR_OK)
        return;
    linalg_multiply(p, p, p, problem->prior->factor, inverse, half);
    linalg_multiply_nt(p, p, p, half, problem->prior->factor, covariance);
}

enum err fit_new(struct engine *engine, const struct twin *twin,
                 const struct prior *prior, struct fit **fit)
{
    struct problem problem;
    problem_init(&problem, engine, twin, prior);
    struct point here = point_new(&problem);
    double z[MODEL_PARAMETERS_MAX] = {0};
    size_t evaluations = 1;
    struct fit *out;
    if (evaluate(&problem, z, &here) != ERR_OK) {
        out = fit_on_prior(&problem, err_text());
    } else if (!find_mode(&problem, z, &here, &evaluations)) {
        out = fit_on_prior(&problem, "the search for the mode did not come to rest");
    } else {
        out = fit_on_prior(&problem, "");
        out->converged = true;
        to_phi(&problem, z, out->phi);
        covariance_at(&problem, here.curvature, out->covariance);
    }
    if (evaluations > 1 || out->converged) {
        out->objective = here.objective;
        out->minus2_log_likelihood = here.objective + log_det(problem.p, here.curvature);
    }
    out->evaluations = evaluations;
    point_clear(&here);
    problem_clear(&problem);
    *fit = out;
    return ERR_OK;
}

void fit_destroy(struct fit **fit)
{
    if (!*fit)
        return;
    mem_free((*fit)->phi);
    mem_free((*fit)->covariance);
    mem_free(*fit);
    *fit = NULL;
}

/* --- moments for the population step ----------------------------------------------- */

static struct fit_moments *moments_new(size_t p, size_t q, size_t m)
{
    struct fit_moments *moments = mem_new(1, sizeof *moments);
    moments->z = mem_new(p, sizeof(double));
    moments->w = mem_new(p * p, sizeof(double));
    moments->posterior = mem_new(p * p, sizeof(double));
    moments->residual_score = mem_new(m, sizeof(double));
    moments->residual_information = mem_new(m * m, sizeof(double));
    moments->residual_curvature = mem_new(m * m, sizeof(double));
    moments->residual_squares = mem_new(m, sizeof(double));
    moments->residual_shape = mem_new(m * p * p, sizeof(double));
    moments->population_score = mem_new(q, sizeof(double));
    moments->population_information = mem_new(q * q, sizeof(double));
    moments->population_cross = mem_new(q * p, sizeof(double));
    for (size_t a = 0; a < p; a++)
        moments->w[a * p + a] = moments->posterior[a * p + a] = 1;
    return moments;
}

void fit_moments_destroy(struct fit_moments **moments)
{
    if (!*moments)
        return;
    mem_free((*moments)->z);
    mem_free((*moments)->w);
    mem_free((*moments)->posterior);
    mem_free((*moments)->residual_score);
    mem_free((*moments)->residual_information);
    mem_free((*moments)->residual_curvature);
    mem_free((*moments)->residual_squares);
    mem_free((*moments)->residual_shape);
    mem_free((*moments)->population_score);
    mem_free((*moments)->population_information);
    mem_free((*moments)->population_cross);
    mem_free(*moments);
    *moments = NULL;
}

/* Differences of the half gradient and of log det A between two points 2 h apart. */
struct difference {
    double gradient[MODEL_PARAMETERS_MAX];
    double log_det;
    bool usable;
};

static struct difference difference(const struct problem *problem, const struct point *up,
                                    const struct point *down, double h)
{
    struct difference out;
    for (size_t a = 0; a < problem->p; a++)
        out.gradient[a] = (up->gradient[a] - down->gradient[a]) / (2 * h);
    out.log_det =
        (log_det(problem->p, up->curvature) - log_det(problem->p, down->curvature)) /
        (2 * h);
    out.usable = isfinite(out.log_det);
    return out;
}

/* u' A u / 4, held by shortening u. */
static double tame(size_t p, const double *curvature, double *u)
{
    double square = 0;
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            square += u[a] * curvature[a * p + b] * u[b] / 4;
    for (size_t a = 0; square > SKEW_MAX && a < p; a++)
        u[a] *= sqrt(SKEW_MAX / square);
    return fmin(square, SKEW_MAX);
}

/* u = S^-1 c and what is left to go to the very mode, S^-1 gradient, which z is moved by.
 * Returns the skew of u. Where S is not positive definite the curvature A stands in for
 * it; where a neighbouring point cannot be evaluated nothing is corrected (u = 0). */
static double correction(struct problem *problem, double *z, const struct point *here,
                         const double *posterior, double *u)
{
    size_t p = problem->p;
    double s[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    double sides[2 * MODEL_PARAMETERS_MAX] = {0}, rest = 0;
    struct place *places = places_new(problem, z, 2 * p);
    bool usable = true;
    for (size_t k = 0; k < p; k++) {
        double h = DIFFERENCE_STEP * sqrt(posterior[k * p + k]);
        places[2 * k].z[k] = z[k] + h;
        places[2 * k + 1].z[k] = z[k] - h;
    }
    evaluate_all(problem, places, 2 * p);
    for (size_t k = 0; k < p && usable; k++) {
        const struct place *up = &places[2 * k], *down = up + 1;
        double h = DIFFERENCE_STEP * sqrt(posterior[k * p + k]);
        usable = up->err == ERR_OK && down->err == ERR_OK;
        if (!usable)
            break;
        struct difference by = difference(problem, &up->point, &down->point, h);
        usable = by.usable;
        sides[2 * k] = by.log_det;
        sides[2 * k + 1] = here->gradient[k];
        for (size_t a = 0; a < p; a++)
            s[a * p + k] = by.gradient[a];
    }
    places_free(places, 2 * p);
    for (size_t a = 0; usable && a < p; a++)
        for (size_t b = 0; b < a; b++)
            s[a * p + b] = s[b * p + a] = (s[a * p + b] + s[b * p + a]) / 2;
    usable = usable && (linalg_spd_solve(p, s, 2, sides) == ERR_OK ||
                        linalg_spd_solve(p, here->curvature, 2, sides) == ERR_OK);
    for (size_t k = 0; usable && k < p; k++) {
        u[k] = sides[2 * k];
        rest += sides[2 * k + 1] * here->gradient[k];
    }
    for (size_t k = 0; usable && rest < PROMISE_ENOUGH && k < p; k++)
        z[k] -= sides[2 * k + 1];
    return tame(p, here->curvature, u);
}

/* Score of log residual parameter l: -1/2 of d(O + log det A) at the fixed mode, and
 * through the mode -1/2 u' (d gradient). */
static void residual_scores(const struct problem *problem, const struct point *here,
                            const double *posterior, const double *u,
                            struct fit_moments *moments)
{
    const struct prior_layout *layout = engine_layout(problem->engine);
    size_t p = problem->p, d = p + problem->q;
    for (size_t l = 0; l < layout->m; l++) {
        int which = layout->residual[l].which;
        double total = 0;
        for (size_t j = 0; j < problem->n; j++) {
            if (twin_measurement(problem->twin, j)->observation !=
                layout->residual[l].observation)
                continue;
            const struct observed *o = &here->observed[j];
            const double *row = here->jacobian + j * d;
            double spread = 0, along = 0;
            for (size_t a = 0; a < p; a++) {
                along += u[a] * row[a];
                for (size_t b = 0; b < p; b++)
                    spread += row[a] * posterior[a * p + b] * row[b];
            }
            total += o->d_log_residual[which] + o->d_information[which] * spread -
                     0.5 * o->dd_log_residual[which] * along;
        }
        moments->residual_score[l] = -0.5 * total;
    }
}

/* The derivative of the score of log residual k by l, with the sign turned, in a model
 * linearised at the mode: directly, sum_j 2 s_kj s_lj (e_j^2 / g_j^2 + h_j) - 2 s_kj
 * (1[k = l] - s_lj) (e_j^2 / g_j^2 - 1 + h_j), e the residuals and h the hat values;
 * through the mode, - c_k' V c_l / 4, c the derivative of dO/dz; through log det A,
 * - 2 tr V Q_k V Q_l. */
static void residual_curvature(const struct problem *problem, const struct point *here,
                               const double *posterior, const double *vq,
                               struct fit_moments *moments)
{
    const struct prior_layout *layout = engine_layout(problem->engine);
    size_t p = problem->p, d = p + problem->q, m = layout->m;
    double *c = mem_new(m * p, sizeof *c), *out = moments->residual_curvature;
    for (size_t j = 0; j < problem->n; j++) {
        const struct observed *o = &here->observed[j];
        const double *row = here->jacobian + j * d;
        double hat = 0;
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++)
                hat += row[a] * posterior[a * p + b] * row[b] / o->variance;
        for (size_t k = 0; k < m; k++) {
            double share = o->share[layout->residual[k].which];
            if (twin_measurement(problem->twin, j)->observation !=
                    layout->residual[k].observation ||
                share == 0)
                continue;
            double square = 1 - o->d_log_residual[layout->residual[k].which] / share / 2;
            for (size_t a = 0; a < p; a++)
                c[k * p + a] += o->dd_log_residual[layout->residual[k].which] * row[a];
            for (size_t l = 0; l < m; l++) {
                double other = o->share[layout->residual[l].which];
                if (layout->residual[l].observation == layout->residual[k].observation)
                    out[k * m + l] += 2 * share * other * (square + hat) -
                                      2 * share * ((k == l) - other) * (square - 1 + hat);
            }
        }
    }
    for (size_t k = 0; k < m; k++)
        for (size_t l = 0; l < m; l++)
            for (size_t a = 0; a < p; a++)
                for (size_t b = 0; b < p; b++)
                    out[k * m + l] -=
                        c[k * p + a] * posterior[a * p + b] * c[l * p + b] / 4 +
                        2 * vq[k * p * p + a * p + b] * vq[l * p * p + b * p + a];
    mem_free(c);
}

/* With M = I - G V G', G_j = f_j' / g_j, the marginal information of log residual
 * parameters k and l is 2 sum_ij s_ki M_ij^2 s_lj, s the shares d log g: the trace form
 * of a Gaussian linearised at the mode. With Q_l = sum_j s_lj G_j G_j' that is 2 (sum_j
 * s_kj s_lj (1 - 2 G_j' V G_j) + tr V Q_k V Q_l). Their cross-information with Omega is V
 * Q_l V. */
static void residual_information(const struct problem *problem, const struct point *here,
                                 const double *posterior, struct fit_moments *moments)
{
    const struct prior_layout *layout = engine_layout(problem->engine);
    size_t p = problem->p, d = p + problem->q, m = layout->m;
    double *vq = mem_new(m * p * p, sizeof *vq), *q = mem_new(p * p, sizeof *q);
    double *information = moments->residual_information;
    for (size_t l = 0; l < m; l++) {
        memset(q, 0, p * p * sizeof *q);
        for (size_t j = 0; j < problem->n; j++) {
            const struct observed *o = &here->observed[j];
            const double *row = here->jacobian + j * d;
            double share = o->share[layout->residual[l].which], hat = 0;
            if (twin_measurement(problem->twin, j)->observation !=
                layout->residual[l].observation)
                continue;
            for (size_t a = 0; a < p; a++)
                for (size_t b = 0; b < p; b++) {
                    q[a * p + b] += share * row[a] * row[b] / o->variance;
                    hat += row[a] * posterior[a * p + b] * row[b] / o->variance;
                }
            moments->residual_squares[l] += share * (1 - hat);
            for (size_t k = 0; k < m; k++)
                if (layout->residual[k].observation == layout->residual[l].observation)
                    information[k * m + l] +=
                        2 * share * (1 - 2 * hat) * o->share[layout->residual[k].which];
        }
        linalg_multiply(p, p, p, posterior, q, vq + l * p * p);
        linalg_multiply(p, p, p, vq + l * p * p, posterior,
                        moments->residual_shape + l * p * p);
    }
    for (size_t k = 0; k < m; k++)
        for (size_t l = 0; l < m; l++)
            for (size_t a = 0; a < p; a++)
                for (size_t b = 0; b < p; b++)
                    information[k * m + l] +=
                        2 * vq[k * p * p + a * p + b] * vq[l * p * p + b * p + a];
    residual_curvature(problem, here, posterior, vq, moments);
    mem_free(vq);
    mem_free(q);
}

/* Information of (z, gamma) at the mode, J = sum information_j f_j' f_j'^T, with the
 * random effects profiled out: J_gg - J_gz V J_zg, and V J_zg across to the typical
 * values. */
static void population_information(const struct problem *problem,
                                   const struct point *here, const double *posterior,
                                   struct fit_moments *moments)
{
    size_t p = problem->p, q = problem->q, d = p + q;
    double *joint = mem_new(q * d, sizeof(double)); /* rows of J for gamma */
    for (size_t j = 0; j < problem->n; j++) {
        const double *row = here->jacobian + j * d;
        for (size_t i = 0; i < q; i++)
            for (size_t a = 0; a < d; a++)
                joint[i * d + a] += here->observed[j].information * row[p + i] * row[a];
    }
    for (size_t i = 0; i < q; i++)
        for (size_t a = 0; a < p; a++)
            for (size_t b = 0; b < p; b++)
                moments->population_cross[i * p + a] +=
                    joint[i * d + b] * posterior[b * p + a];
    for (size_t i = 0; i < q; i++) {
        for (size_t k = 0; k < q; k++) {
            double value = joint[i * d + p + k];
            for (size_t a = 0; a < p; a++)
                value -= moments->population_cross[i * p + a] * joint[k * d + a];
            moments->population_information[i * q + k] = value;
        }
    }
    mem_free(joint);
}

static void population_scores(struct problem *problem, const double *z,
                              const struct point *here, const double *u,
                              struct fit_moments *moments)
{
    size_t p = problem->p, q = problem->q, d = p + q;
    double h[MODEL_PARAMETERS_MAX], direct[MODEL_PARAMETERS_MAX] = {0};
    struct place *places = places_new(problem, z, 2 * q);
    for (size_t i = 0; i < q; i++) {
        double curvature = 0;
        for (size_t j = 0; j < problem->n; j++) {
            double slope = here->jacobian[j * d + p + i];
            direct[i] += here->observed[j].d_prediction * slope;
            curvature += here->observed[j].information * slope * slope;
        }
        /* A step of DIFFERENCE_STEP of what this patient can tell, but not a large one on
         * the parameter's own scale when that is little. */
        double size = fmax(1, fabs(problem->prior->population[i]));
        h[i] = DIFFERENCE_STEP * fmin(size, 1 / sqrt(curvature + 1e-300));
        places[2 * i].gamma[i] += h[i];
        places[2 * i + 1].gamma[i] -= h[i];
    }
    evaluate_all(problem, places, 2 * q);
    for (size_t i = 0; i < q; i++) {
        const struct place *up = &places[2 * i], *down = up + 1;
        struct difference by = {.usable = false};
        if (up->err == ERR_OK && down->err == ERR_OK)
            by = difference(problem, &up->point, &down->point, h[i]);
        double through = 0;
        for (size_t a = 0; by.usable && a < p; a++)
            through += u[a] * by.gradient[a];
        moments->population_score[i] =
            -0.5 * (direct[i] + (by.usable ? by.log_det - through : 0));
    }
    places_free(places, 2 * q);
}

enum err fit_moments(struct engine *engine, const struct twin *twin,
                     const struct prior *prior, const struct fit *fit,
                     struct fit_moments **moments)
{
    size_t p = prior->p, q = prior->q;
    struct fit_moments *out = moments_new(p, q, prior->m);
    *moments = out;
    if (!fit->converged || fit->n == 0)
        return ERR_OK; /* stays on the prior: z = 0, W = I, nothing known */
    struct problem problem;
    problem_init(&problem, engine, twin, prior);
    struct point here = point_new(&problem);
    double z[MODEL_PARAMETERS_MAX], u[MODEL_PARAMETERS_MAX] = {0};
    for (size_t a = 0; a < p; a++)
        z[a] = fit->phi[a] - problem.centre[a];
    enum err err = p ? linalg_solve(p, prior->factor, 1, z) : ERR_OK;
    if (err == ERR_OK)
        err = evaluate(&problem, z, &here);
    if (err == ERR_OK && p)
        err = linalg_spd_inverse(p, here.curvature, out->posterior);
    if (err == ERR_OK) {
        out->skew = correction(&problem, z, &here, out->posterior, u);
        for (size_t a = 0; a < p; a++) {
            out->z[a] = z[a] - u[a] / 2;
            for (size_t b = 0; b < p; b++)
                out->w[a * p + b] = out->posterior[a * p + b] - u[a] * u[b] / 4;
        }
        residual_scores(&problem, &here, out->posterior, u, out);
        residual_information(&problem, &here, out->posterior, out);
        population_information(&problem, &here, out->posterior, out);
        population_scores(&problem, z, &here, u, out);
    }
    point_clear(&here);
    problem_clear(&problem);
    if (err != ERR_OK)
        fit_moments_destroy(moments);
    return err;
}
