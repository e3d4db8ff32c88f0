#include "search.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "numerics/linalg.h"

#define EVALUATIONS_MAX 200 /* of one descent */

/* First steps are at most this many prior standard deviations long: a longer one can land
 * where a large prediction with its proportional error explains everything a little. */
#define RADIUS_START 2.0
#define RADIUS_LEAST 1e-7
#define RATIO_ACCEPT 1e-4
/* A look around a mode that finds a place lower by this starts the search anew there. */
#define LOWER_ENOUGH 1e-6
#define RESTARTS_MAX 4

/* O rises by 3 to every place of that look if it is quadratic. Where it rises by less
 * than half of that, another mode may lie beyond, and a search starts twice as far out.
 */
#define RISES_LITTLE 1.5

/* A search that comes this near to a known mode, in its posterior standard deviations, is
 * taken to end there. */
#define NEAR_MODE 0.1

#define CURVATURE_LEAST 0.05

/* A mode is found when what Newton's step leaves to another is less of O than this: the
 * square of that one's length in posterior standard deviations. Coarser answers cannot
 * tell as much: of 1e-4, the solver itself moves a mode by 0.007 of them. */
#define PROMISE_DONE 1e-12
#define PROMISE_COARSE(tolerance)                                                        \
    fmin(fmax(1e-6, 0.3 * (tolerance)), 1e6 * (tolerance) * (tolerance))
/* Whether O fell by less than this is a matter of the solver's errors: below it, a step
 * may instead make the slope smaller, whose errors do not grow with the measurements. */
#define PROMISE_NOISY(tolerance) (1e3 * (tolerance))
/* So much more may the expected curvature alone promise, or secants are not believed. */
#define PROMISE_TRUST 4
/* However much of its promise the last step kept, the next one is not trusted to leave
 * less than this of its own. */
#define LEFT_LEAST 0.1
/* Where rounding in the solver stops progress earlier, this still counts as found. */
#define PROMISE_ENOUGH 1e-6
/* By coarse answers a descent comes so near: a thirtieth of a posterior sd. */
#define PROMISE_NEAR 1e-3

/* Where a parameter moves doses or switches in time, once more from one and two prior
 * standard deviations of it to either side. */
static const double shifts[] = {-1, 1, -2, 2};
#define SHIFTS (sizeof shifts / sizeof shifts[0])

/* --- what it remembers ------------------------------------------------------------- */

enum asked { ASKED_START, ASKED_TRIAL, ASKED_NEAR, ASKED_AROUND };

struct way {
    double *room; /* of all arrays of numbers, the search's as well */
    const struct prior *prior;
    size_t p;
    double tolerance, coarse_tolerance;
    enum asked asked;
    bool coarse; /* so far, the descent */

    double *z; /* where the descent stands, and O there */
    struct point here;
    double *lack, *step; /* B [p][p]; the step being tried [p] */
    double radius, promise, length;
    bool learned, secants; /* B is not 0; it counts */
    bool whole;            /* the step being tried is Newton's */
    double promised;       /* by that step, if it was and led here; else 0 */
    double left;           /* so much of what a step promises it leaves to the next one */
    size_t limit, restarts;

    bool *moving;          /* of the first descent */
    bool later;            /* that one is over */
    bool only;             /* it is the only one, and nobody looks around */
    double *beyond;        /* [beyonds][p] of what its last look saw rising little */
    size_t beyonds, shift; /* not begun from yet; begun from so many shifted places */
};

/* --- the quadratic model -----------------------------------------------------------
 *
 * Around a point, with the Hessian H = A + B, where B is what secants have shown A to
 * lack, or H = A, whichever has better foreseen where the last step led (Dennis, Gay,
 * Welsch 1981: NL2SOL). Secants of long steps mislead. */

static void forget_secants(struct way *way)
{
    memset(way->lack, 0, way->p * way->p * sizeof *way->lack);
    way->learned = way->secants = false;
}

static void hessian_at(const struct way *way, double *hessian)
{
    for (size_t i = 0; i < way->p * way->p; i++)
        hessian[i] = way->here.curvature[i] + (way->secants ? way->lack[i] : 0);
}

/* The whole step to the quadratic's minimum and what it promises; false: it has none. */
static bool newton_step(struct way *way)
{
    size_t p = way->p;
    double hessian[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX], square = 0;
    way->promise = 0;
    hessian_at(way, hessian);
    for (size_t a = 0; a < p; a++)
        way->step[a] = -way->here.gradient[a];
    if (p && linalg_spd_solve(p, hessian, 1, way->step) != ERR_OK)
        return false;
    for (size_t a = 0; a < p; a++) {
        way->promise -= way->step[a] * way->here.gradient[a];
        square += way->step[a] * way->step[a];
    }
    way->length = sqrt(square);
    return true;
}

/* In the eigenvectors of the Hessian. */
struct bowl {
    size_t p;
    double value[MODEL_PARAMETERS_MAX]; /* eigenvalues, ascending */
    double vector[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    double slope[MODEL_PARAMETERS_MAX]; /* half gradient in eigenvectors */
};

static enum err bowl_init(struct bowl *bowl, struct way *way)
{
    size_t p = bowl->p = way->p;
    double hessian[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    hessian_at(way, hessian);
    enum err err = linalg_eigen(p, hessian, bowl->value, bowl->vector);
    /* A is at least the identity; a sum that is not even near it is not to be trusted. */
    if (err == ERR_OK && bowl->value[0] < CURVATURE_LEAST) {
        forget_secants(way);
        err = linalg_eigen(p, way->here.curvature, bowl->value, bowl->vector);
    }
    if (err == ERR_OK)
        linalg_multiply_tn(p, p, 1, bowl->vector, way->here.gradient, bowl->slope);
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

/* The minimiser of the quadratic within the radius (Newton on the secular equation, More
 * and Sorensen 1983), and what it promises. */
static enum err bowl_step(struct way *way)
{
    struct bowl bowl;
    double damping = 0, derivative;
    enum err err = bowl_init(&bowl, way);
    if (err != ERR_OK)
        return err;
    way->length = bowl_length(&bowl, 0, &derivative);
    for (int i = 0; i < 30 && way->length > way->radius * 1.01; i++) {
        damping += (way->length / way->radius - 1) * way->length / -derivative;
        way->length = bowl_length(&bowl, damping, &derivative);
    }
    way->promise = 0;
    memset(way->step, 0, bowl.p * sizeof *way->step);
    for (size_t i = 0; i < bowl.p; i++) {
        double t = -bowl.slope[i] / (bowl.value[i] + damping);
        way->promise -= t * (2 * bowl.slope[i] + bowl.value[i] * t);
        for (size_t a = 0; a < bowl.p; a++)
            way->step[a] += bowl.vector[a * bowl.p + i] * t;
    }
    return ERR_OK;
}

/* --- the way -----------------------------------------------------------------------
 *
 * settle_from asks for O where a descent is to begin; descent_step asks for a trial,
 * again and again; look_around asks for the neighbours of where it ended; elsewhere
 * begins again. Each of the take_* hears the answer and asks the next. */

static void swap_points(struct point *a, struct point *b)
{
    struct point kept = *a;
    *a = *b;
    *b = kept;
}

static bool ask_point(struct search *search, enum asked asked, const double *z)
{
    search->count = 1;
    search->derivatives = true;
    search->coarse = search->way->coarse;
    memmove(search->z, z, search->way->p * sizeof *z);
    search->way->asked = asked;
    search->evaluations++;
    return true;
}

static bool settle_from(struct search *search, const double *z)
{
    search->way->restarts = 0;
    search->way->coarse = search->way->coarse_tolerance > search->way->tolerance;
    return ask_point(search, ASKED_START, z);
}

/* From now on by fine answers. */
static bool draw_near(struct search *search, const double *z)
{
    search->way->coarse = false;
    return ask_point(search, ASKED_NEAR, z);
}

/* From another place: beyond what rose little, then the shifted ones; false when there is
 * none left. */
static bool elsewhere(struct search *search)
{
    struct way *way = search->way;
    size_t p = way->p;
    if (way->beyonds)
        return settle_from(search, way->beyond + --way->beyonds * p);
    while (way->shift < SHIFTS * p) {
        size_t a = way->shift / SHIFTS;
        double start[MODEL_PARAMETERS_MAX] = {0};
        double by = shifts[way->shift++ % SHIFTS];
        start[a] = by * sqrt(way->prior->omega[a * (p + 1)]);
        if (way->moving[a] && linalg_solve(p, way->prior->factor, 1, start) == ERR_OK)
            return settle_from(search, start);
    }
    return false;
}

/* A search from one place is over; the mode around which most lies counts. */
static bool settle_ended(struct search *search, bool found)
{
    struct way *way = search->way;
    if (!way->later)
        memcpy(way->moving, search->moving, way->p * sizeof *way->moving);
    way->later = true;
    if (found &&
        (!search->found || search_mass(way->p, &way->here) <
                               search_mass(way->p, &search->at_mode) - LOWER_ENOUGH)) {
        memcpy(search->mode, way->z, way->p * sizeof *way->z);
        swap_points(&search->at_mode, &way->here);
        search->found = true;
    }
    return elsewhere(search);
}

/* Is z within NEAR_MODE, in its posterior sds, of the mode that is known already? */
static bool is_known(const struct search *search, const double *z)
{
    size_t p = search->way->p;
    double square = 0;
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            square += (z[a] - search->mode[a]) * search->at_mode.curvature[a * p + b] *
                      (z[b] - search->mode[b]);
    return search->found && square < NEAR_MODE * NEAR_MODE;
}

/* Asks for the points sqrt 3 posterior standard deviations from the mode along each
 * eigenvector of the curvature. */
static bool look_around(struct search *search)
{
    struct way *way = search->way;
    size_t p = way->p;
    double value[MODEL_PARAMETERS_MAX];
    double vector[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    if (p == 0 || linalg_eigen(p, way->here.curvature, value, vector) != ERR_OK)
        return settle_ended(search, true);
    for (size_t i = 0; i < 2 * p; i++) {
        double h = (i % 2 ? -1 : 1) * sqrt(3 / value[i / 2]);
        for (size_t a = 0; a < p; a++)
            search->z[i * p + a] = way->z[a] + h * vector[a * p + i / 2];
    }
    search->count = 2 * p;
    search->derivatives = false;
    way->asked = ASKED_AROUND;
    return true;
}

static bool descent_ended(struct search *search, bool found)
{
    if (search->way->coarse)
        return draw_near(search, search->way->z);
    bool looks = found && !search->way->only;
    return looks ? look_around(search) : settle_ended(search, found);
}

/* Where the descent rests, or is near enough to go on by fine answers. */
static double promise_done(const struct way *way)
{
    return way->coarse ? PROMISE_NEAR
                       : fmax(PROMISE_DONE, PROMISE_COARSE(way->tolerance));
}

/* What Newton's step would promise, by the expected curvature. */
static double decrement(size_t p, const struct point *point)
{
    double step[MODEL_PARAMETERS_MAX], out = 0;
    memcpy(step, point->gradient, p * sizeof *step);
    if (linalg_spd_solve(p, point->curvature, 1, step) != ERR_OK)
        return INFINITY;
    for (size_t a = 0; a < p; a++)
        out += point->gradient[a] * step[a];
    return out;
}

/* Of what Newton's step promised, the share that the step after it promises: so much is
 * the next one taken to leave as well. */
static double left_over(const struct way *way)
{
    double share = way->promised > 0 ? way->promise / way->promised : 1;
    return fmin(fmax(share, LEFT_LEAST), 1);
}

/* The next trial of the trust-region search. It came to rest where a step, the last,
 * which is taken on trust, leaves next to nothing, at a smooth minimum, or where the
 * radius does, at a kink (a lag time crossing a measurement). It ends early, without a
 * find, on the way into a mode that is known. */
static bool descent_step(struct search *search)
{
    struct way *way = search->way;
    size_t p = way->p;
    double trial[MODEL_PARAMETERS_MAX];
    if (p == 0) /* nothing differs between patients */
        return descent_ended(search, true);
    if (search->evaluations >= way->limit)
        return descent_ended(search, false);
    bool whole = newton_step(way);
    if (way->asked == ASKED_TRIAL)
        way->left = left_over(way);
    double enough = promise_done(way) / way->left;
    if (whole && way->promise < enough && way->secants &&
        !(decrement(p, &way->here) < PROMISE_TRUST * enough)) {
        forget_secants(way);
        whole = newton_step(way);
    }
    if (whole && way->promise < enough) {
        for (size_t a = 0; a < p; a++)
            way->z[a] += way->step[a];
        way->here.objective -= way->promise;
        return descent_ended(search, true);
    }
    way->whole = whole && way->length <= way->radius;
    if (!way->whole && bowl_step(way) != ERR_OK)
        return descent_ended(search, false);
    if (is_known(search, way->z))
        return descent_ended(search, false);
    for (size_t a = 0; a < p; a++)
        trial[a] = way->z[a] + way->step[a];
    return ask_point(search, ASKED_TRIAL, trial);
}

static bool take_start(struct search *search)
{
    struct way *way = search->way;
    if (search->answer.err != ERR_OK)
        return search->evaluations > 1 && settle_ended(search, way->restarts > 0);
    /* What looked lower at a glance need not be. */
    if (way->restarts &&
        !(search->answer.objective <= way->here.objective - LOWER_ENOUGH))
        return settle_ended(search, true);
    memcpy(way->z, search->z, way->p * sizeof *way->z);
    swap_points(&way->here, &search->answer);
    forget_secants(way);
    way->left = 1;
    way->radius = RADIUS_START;
    way->limit = search->evaluations + EVALUATIONS_MAX;
    return descent_step(search);
}

/* Where coarse answers end a descent fine ones begin it, with the secants learned on the
 * way, but not with a radius that coarse answers may have made nothing. */
static bool take_near(struct search *search)
{
    struct way *way = search->way;
    if (search->answer.err != ERR_OK)
        return settle_ended(search, false);
    memcpy(way->z, search->z, way->p * sizeof *way->z);
    swap_points(&way->here, &search->answer);
    way->radius = RADIUS_START;
    way->limit = search->evaluations + EVALUATIONS_MAX;
    return descent_step(search);
}

/* Which model has foreseen the slope better where the last step led: by what Newton's
 * step there would promise of the rest. */
static void choose_model(struct way *way, const struct point *after)
{
    size_t p = way->p;
    double wrong[MODEL_PARAMETERS_MAX][2], step[MODEL_PARAMETERS_MAX][2], by[2] = {0};
    if (!way->learned)
        return;
    for (size_t a = 0; a < p; a++) {
        double lacks = 0, without = after->gradient[a] - way->here.gradient[a];
        for (size_t b = 0; b < p; b++) {
            without -= way->here.curvature[a * p + b] * way->step[b];
            lacks += way->lack[a * p + b] * way->step[b];
        }
        wrong[a][0] = step[a][0] = without;
        wrong[a][1] = step[a][1] = without - lacks;
    }
    if (linalg_spd_solve(p, after->curvature, 2, step[0]) != ERR_OK)
        return;
    for (size_t a = 0; a < p; a++)
        for (size_t i = 0; i < 2; i++)
            by[i] += wrong[a][i] * step[a][i];
    way->secants = by[1] < by[0];
}

/* Symmetric rank one: B (new) s = y - A (new) s. */
static void learn_lack(struct way *way, const struct point *after)
{
    size_t p = way->p;
    const double *step = way->step;
    double rest[MODEL_PARAMETERS_MAX], along = 0, rest_norm = 0, step_norm = 0;
    for (size_t a = 0; a < p; a++) {
        rest[a] = after->gradient[a] - way->here.gradient[a];
        for (size_t b = 0; b < p; b++)
            rest[a] -= (after->curvature[a * p + b] + way->lack[a * p + b]) * step[b];
        along += rest[a] * step[a];
        rest_norm += rest[a] * rest[a];
        step_norm += step[a] * step[a];
    }
    if (!(fabs(along) > 1e-8 * sqrt(rest_norm * step_norm)))
        return;
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            way->lack[a * p + b] += rest[a] * rest[b] / along;
    way->learned = true;
}

static bool take_trial(struct search *search)
{
    struct way *way = search->way;
    bool known = search->answer.err == ERR_OK, rests = false;
    double ratio = known ? (way->here.objective - search->answer.objective) / way->promise
                         : -INFINITY;
    bool lower = ratio > RATIO_ACCEPT;
    double noisy = PROMISE_NOISY(way->coarse ? way->coarse_tolerance : way->tolerance);
    bool flatter = known && !lower && !way->coarse && way->promise < noisy &&
                   way->promise > PROMISE_ENOUGH &&
                   decrement(way->p, &search->answer) < decrement(way->p, &way->here);
    way->promised = way->whole && (lower || flatter) ? way->promise : 0;
    if (known && isfinite(ratio)) {
        choose_model(way, &search->answer);
        learn_lack(way, &search->answer);
    }
    if (lower || flatter) {
        memcpy(way->z, search->z, way->p * sizeof *way->z);
        swap_points(&way->here, &search->answer);
    } else if (way->promise < (way->coarse ? noisy : PROMISE_ENOUGH)) {
        rests = true;
    }
    if (ratio < 0.25 && !flatter)
        way->radius = way->length / 4;
    else if (ratio > 0.75)
        way->radius = fmax(way->radius, 2 * way->length);
    if (rests || way->radius < RADIUS_LEAST)
        return descent_ended(search, true);
    return descent_step(search);
}

/* Where to begin again later: beyond what rose little. */
static void keep_beyond(struct search *search)
{
    struct way *way = search->way;
    size_t p = way->p;
    way->beyonds = 0;
    for (size_t i = 0; i < search->count; i++) {
        for (size_t a = 0; a < p; a++)
            way->beyond[way->beyonds * p + a] = 2 * search->z[i * p + a] - way->z[a];
        if (search->objectives[i] < way->here.objective + RISES_LITTLE)
            way->beyonds++;
    }
}

/* Once more from the lowest of what is around, if it is lower. */
static bool take_around(struct search *search)
{
    struct way *way = search->way;
    size_t lowest = 0;
    for (size_t i = 1; i < search->count; i++)
        if (search->objectives[i] < search->objectives[lowest])
            lowest = i;
    if (!way->later)
        keep_beyond(search);
    if (!(search->objectives[lowest] <= way->here.objective - LOWER_ENOUGH) ||
        way->restarts++ == RESTARTS_MAX)
        return settle_ended(search, true);
    return ask_point(search, ASKED_START, search->z + lowest * way->p);
}

/* --- from outside ------------------------------------------------------------------ */

double search_mass(size_t p, const struct point *mode)
{
    double half[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    memcpy(half, mode->curvature, p * p * sizeof *half);
    if (p == 0)
        return mode->objective;
    if (linalg_cholesky(p, half) != ERR_OK)
        return NAN;
    return mode->objective + linalg_lower_log_det(p, half);
}

/* All that is kept is of one room: a search of three parameters takes microseconds. */
static double *take(double **room, size_t count)
{
    double *out = *room;
    *room += count;
    return out;
}

static struct point take_point(double **room, size_t p)
{
    struct point out = {.gradient = take(room, p)};
    out.curvature = take(room, p * p);
    return out;
}

void search_begin(struct search *search, const struct prior *prior, const double *start,
                  double tolerance, double coarse_tolerance)
{
    size_t p = prior->p, most = p ? 2 * p : 1;
    size_t numbers = (2 * most + 1) * p + most + 3 * p + p * p + 3 * (p + p * p);
    struct way *way = mem_new(1, sizeof *way);
    double *room = way->room = mem_new(numbers, sizeof *room);
    *search = (struct search){.way = way,
                              .z = take(&room, most * p),
                              .answer = take_point(&room, p),
                              .moving = mem_new(2 * p + prior->q, sizeof(bool)),
                              .objectives = take(&room, most),
                              .mode = take(&room, p),
                              .at_mode = take_point(&room, p)};
    way->prior = prior;
    way->p = p;
    way->tolerance = tolerance;
    way->coarse_tolerance = coarse_tolerance;
    way->z = take(&room, p);
    way->here = take_point(&room, p);
    way->lack = take(&room, p * p);
    way->step = take(&room, p);
    way->moving = search->moving + p + prior->q;
    way->beyond = take(&room, (most + 1) * p);
    way->only = start != NULL;
    way->shift = start ? SHIFTS * p : 0;
    settle_from(search, start ? start : way->z);
}

bool search_go_on(struct search *search)
{
    switch (search->way->asked) {
    case ASKED_START:
        return take_start(search);
    case ASKED_TRIAL:
        return take_trial(search);
    case ASKED_NEAR:
        return take_near(search);
    case ASKED_AROUND:
        return take_around(search);
    }
    return false;
}

void search_clear(struct search *search)
{
    struct way *way = search->way;
    if (!way)
        return;
    mem_free(search->moving);
    mem_free(way->room);
    mem_free(way);
    search->way = NULL;
}
