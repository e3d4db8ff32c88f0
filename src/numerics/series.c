/* series - Taylor's series, for what is affine: between two walls y' = A y + b with A and
 * b at rest, as drugs move among compartments. Then
 *
 *     y(t + theta h) = sum over k of c_k theta^k,   c_0 = y,   c_1 = h (A y + b),
 *     c_(k+1) = h / (k+1) A c_k,
 *
 * so that a power more costs one rate, less what the rate is at 0, which is b, and needs
 * no other stage. The coefficients are good for any theta up to 1: h is all of the way to
 * the wall, how far they reach is found once they are known, the step goes as far, and
 * none is refused. (For theta above 1 they are not: of A c that is less than b's last
 * digit the difference leaves nothing.) By the last power's share in it, at most what the
 * tolerance allows, the series is cut off; the first of those left out is smaller.
 * Between the ends of a step the same polynomial holds.
 *
 * Two terms are asked, for the last may lie where much is allowed and the next one where
 * little is: of cos t at 0 every other power is nothing. What is stiff has a long piece
 * for the fastest rate, and that takes many steps. */

#include <float.h>
#include <math.h>
#include <string.h>

#include "lanes_impl.h"
#include "numerics/elementary.h"

#define ORDER LANES_POWERS

/* The last term but one may be so many times as large as the last. */
#define BEFORE_MOST 8.0
#define TERM_LEAST 1e-250 /* square of what counts as none */
#define SHRINK_BLIND 1e-3 /* when a term is not a number */
#define WALL_SHARE 1e-9   /* as in lanes.c */
#define STEP_ULPS 16
/* More steps than this from wall to wall are for another method. */
#define PIECE_STEPS_MAX 1000

/* --- loops over rows, as in lanes.c
 * ----------------------------------------------------- */

/* How long a step the coefficients are for: all of the way, unless they were no numbers.
 */
LANES_INLINE void plan_rows(struct lanes *lanes)
{
    ROW_LANES
    {
        double left = lanes->wall[l] - lanes->t[l];
        double tried = lanes->h[l] < left ? lanes->h[l] : left;
        lanes->tried[l] = lanes->moves[l] != 0 ? tried : 0;
    }
}

/* All coefficients: of each power from what stands in `stage`, which is the one before.
 */
LANES_INLINE void terms_rows(const struct lanes *lanes)
{
    const struct lanes_system *system = &lanes->system;
    const double *rest = lanes->k[0], *rate = lanes->wrong;
    double *stage = system->stage;
    for (size_t power = 1; power <= ORDER; power++) {
        double *c = lanes->terms + (power - 1) * LANES;
        double share[LANES], without = power > 1;
        system->rate(system->context, lanes->t, lanes->wrong);
        ROW_LANES share[l] = lanes->tried[l] / (double)power;
        for (size_t i = 0; i < system->rows * LANES; i += LANES)
            ROW_LANES
            {
                double term = share[l] * fma(-without, rest[i + l], rate[i + l]);
                c[ORDER * i + l] = term;
                stage[i + l] = term;
            }
    }
}

/* What the powers of theta come to in a lane of a row. Four sums by theta^4, none of
 * which waits for another one. */
#define BY_FOURTHS(m)                                                                    \
    fma(q,                                                                               \
        fma(q,                                                                           \
            fma(q, fma(q, c[(16 + m) * LANES], c[(12 + m) * LANES]),                     \
                c[(8 + m) * LANES]),                                                     \
            c[(4 + m) * LANES]),                                                         \
        c[m * LANES])
LANES_INLINE double risen(const double *c, double theta)
{
    _Static_assert(ORDER == 20, "its powers are written out");
    double q = theta * theta * (theta * theta);
    double upper = fma(theta, BY_FOURTHS(3), BY_FOURTHS(2));
    double lower = fma(theta, BY_FOURTHS(1), BY_FOURTHS(0));
    return theta * fma(theta * theta, upper, lower);
}

/* Squares of the largest groups' norms of the last two terms, in what is allowed. */
LANES_INLINE void size_rows(const struct lanes *lanes, double *last, double *before)
{
    const double *y = lanes->y, *absolute = lanes->absolute;
    const double *c = lanes->terms;
    double relative = lanes->system.relative_tolerance, poison[LANES] = {0};
    size_t r = 0;
    ROW_LANES last[l] = before[l] = 0;
    for (size_t g = 0; g < lanes->system.groups; g++) {
        double square[2][LANES] = {{0}};
        for (; r < lanes->group_end[g]; r++)
            ROW_LANES
            {
                size_t at = r * LANES + l;
                double inverse = 1 / fma(relative, fabs(y[at]), absolute[at]);
                double one = c[((r + 1) * ORDER - 1) * LANES + l] * inverse;
                double other = c[((r + 1) * ORDER - 2) * LANES + l] * inverse;
                square[0][l] = fma(one, one, square[0][l]);
                square[1][l] = fma(other, other, square[1][l]);
            }
        double share = lanes->group_share[g];
        ROW_LANES
        {
            double one = square[0][l] * share, other = square[1][l] * share;
            last[l] = last[l] > one ? last[l] : one;
            before[l] = before[l] > other ? before[l] : other;
            poison[l] += 0 * one + 0 * other; /* what is no number stays none */
        }
    }
    ROW_LANES last[l] += poison[l];
}

/* How far the terms reach, as a multiple of the step they are for. */
LANES_INLINE void reach_rows(const double *last, const double *before, double *reach)
{
    ROW_LANES
    {
        double other = before[l] * (1 / (BEFORE_MOST * BEFORE_MOST));
        double far = elementary_log(last[l] + TERM_LEAST) * (-0.5 / ORDER);
        double near = elementary_log(other + TERM_LEAST) * (-0.5 / (ORDER - 1));
        reach[l] = elementary_exp(elementary_if(near < far, near, far));
    }
}

/* Who goes how far. */
LANES_INLINE void decide_rows(struct lanes *lanes, const double *last,
                              const double *before)
{
    double steps_max = (double)lanes->system.steps_max, reach[LANES];
    reach_rows(last, before, reach);
    ROW_LANES
    {
        double moves = lanes->moves[l], now = lanes->t[l], h = lanes->tried[l];
        double left = lanes->wall[l] - now, far = h * reach[l];
        double least = STEP_ULPS * DBL_EPSILON * fabs(now) + DBL_MIN;
        double finite = last[l] + before[l] < INFINITY ? moves : 0;
        double arrives = far >= left * (1 - WALL_SHARE) ? finite : 0;
        double taken = arrives != 0 ? left : far;
        double end = arrives != 0 ? lanes->wall[l] : now + taken;
        double known = lanes->h[l], most = moves - finite != 0 ? h * SHRINK_BLIND : known;
        lanes->h[l] = most;
        lanes->begun[l] = finite != 0 ? now : lanes->begun[l];
        lanes->taken[l] = finite != 0 ? taken : lanes->taken[l];
        lanes->t[l] = finite != 0 ? end : now;
        lanes->stepped[l] = finite;
        lanes->steps[l] += moves;
        lanes->passed[l] += moves;
        double spent = lanes->steps[l] >= steps_max ? moves : 0;
        double failed = most < least ? moves : spent;
        lanes->arrived[l] = arrives;
        lanes->halts[l] = arrives + failed;
        lanes->moves[l] = lanes->halts[l] != 0 ? 0 : moves;
    }
}

/* Where a step ends. */
LANES_INLINE void finish_rows(const struct lanes *lanes)
{
    const double *y = lanes->y, *c = lanes->terms;
    double *next = lanes->next, theta[LANES];
    ROW_LANES theta[l] = lanes->stepped[l] != 0 ? lanes->taken[l] / lanes->tried[l] : 0;
    for (size_t i = 0; i < lanes->system.rows * LANES; i += LANES)
        ROW_LANES next[i + l] = y[i + l] + risen(c + ORDER * i + l, theta[l]);
}

LANES_INLINE void within_rows(const struct lanes *lanes, const double *t,
                              const size_t *rows, size_t count)
{
    const double *y = lanes->y, *next = lanes->next, *c = lanes->terms;
    const double *stepped = lanes->stepped;
    double theta[LANES], inside[LANES], *out = lanes->system.stage;
    ROW_LANES
    {
        inside[l] = t[l] < lanes->t[l] ? stepped[l] : 0;
        double part = (t[l] - lanes->begun[l]) / lanes->tried[l];
        theta[l] = inside[l] != 0 ? part : 0;
    }
    for (size_t n = 0; n < count; n++) {
        size_t i = rows[n] * LANES;
        ROW_LANES
        {
            double end = stepped[l] != 0 ? next[i + l] : y[i + l];
            double within = y[i + l] + risen(c + ORDER * i + l, theta[l]);
            out[i + l] = inside[l] != 0 ? within : end;
        }
    }
}

LANES_KINDS(plan, lanes->simd, (struct lanes * lanes), lanes)
LANES_KINDS(terms, lanes->simd, (const struct lanes *lanes), lanes)
LANES_KINDS(size, lanes->simd, (const struct lanes *lanes, double *last, double *before),
            lanes, last, before)
LANES_KINDS(decide, lanes->simd,
            (struct lanes * lanes, const double *last, const double *before), lanes, last,
            before)
LANES_KINDS(finish, lanes->simd, (const struct lanes *lanes), lanes)
LANES_KINDS(within, lanes->simd,
            (const struct lanes *lanes, const double *t, const size_t *rows,
             size_t count),
            lanes, t, rows, count)

/* --- a step
 * ------------------------------------------------------------------------------- */

/* b, of those whose pieces begin. */
static void begin_pieces(struct lanes *lanes, lane_set fresh)
{
    const struct lanes_system *system = &lanes->system;
    double *rates = lanes->wrong;
    size_t size = system->rows * LANES;
    memset(system->stage, 0, size * sizeof(double));
    system->rate(system->context, lanes->t, rates);
    EACH_OF(fresh)
    {
        for (size_t i = l; i < size; i += LANES)
            lanes->k[0][i] = rates[i];
        lanes->passed[l] = 0;
        lanes->h[l] = INFINITY;
    }
    lanes->jumped &= ~fresh;
}

void series_step(struct lanes *lanes, lane_set fresh)
{
    const struct lanes_system *system = &lanes->system;
    double last[LANES], before[LANES];
    if (fresh)
        begin_pieces(lanes, fresh);
    plan(lanes);
    memcpy(system->stage, lanes->y, system->rows * LANES * sizeof(double));
    terms(lanes);
    size(lanes, last, before);
    decide(lanes, last, before);
    finish(lanes);
    EACH_LANE
    if (lanes->passed[l] >= PIECE_STEPS_MAX && lanes->moves[l] != 0) {
        lanes->state[l] = LANE_STIFF;
        lanes->moves[l] = 0;
    }
}

void series_between(struct lanes *lanes, const double *t, const size_t *rows,
                    size_t count)
{
    within(lanes, t, rows, count);
}
