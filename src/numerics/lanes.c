#include "numerics/lanes.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "lanes_impl.h"
#include "numerics/elementary.h"

/* --- Tsitouras' method
 * -------------------------------------------------------------------- */

#define STAGES LANES_STAGES

/* Inside a step, y + h sum_i k_i theta (c_i0 + theta (c_i1 + theta (c_i2 + ...))). */
static const double inside[STAGES][4] = {
    {1, -2.763706197274826, 2.9132554618219126, -1.0530884977290216},
    {0, 0.13169999999999998, -0.2234, 0.1017},
    {0, 3.9302962368947516, -5.941033872131505, 2.490627285651253},
    {0, -12.411077166933676, 30.33818863028232, -16.548102889244902},
    {0, 37.50931341651104, -88.1789048947664, 47.37952196281928},
    {0, -27.896526289197286, 65.09189467479366, -34.87065786149661},
    {0, 1.5, -4, 2.5},
};

/* --- step control ------------------------------------------------------------------- */

#define SAFETY 0.9
#define SHRINK_MOST 0.2
#define GROW_MOST 5.0
#define ERROR_LEAST                                                                      \
    1e-12 /* squares beyond which h grows, and shrinks, as it may at most */
#define ERROR_MOST 1e8
#define SHRINK_BLIND 0.1 /* when the error is not a number */
/* A step that leaves less than this share of itself to the wall goes to the wall. */
#define WALL_SHARE 1e-9
/* No step is shorter than this share of t, which is about as finely as t is known. Where
 * a rate jumps unannounced, as those of derivatives do where a max changes sides, a tight
 * tolerance asks for one that is: then one of this length stands whatever its error, and
 * another one only after an ordinary step. */
#define STEP_ULPS 16
#define FIRST_SHARE 0.01 /* of the time in which y changes by its own size */

/* Tsitouras' steps are stable to h |lambda| = 3.5 on the negative axis, and about that is
 * what they come to, the refused ones among them, where nothing else holds them. Looks
 * that find this, so many after each other, say that a problem is stiff. */
#define LOOK_EVERY 32
#define LOOKS 4
#define STABLE_MOST 2.2
#define TURNS 12
#define TURNS_COUNTED 8 /* a power of 2 */

/* --- loops over rows, once for each kind of machine ------------------------------------
 *
 * Each function stands three times, compiled for what the machine has. There is no
 * arithmetic across lanes, and products are fused with sums where fma() says so and
 * nowhere else, so that all three give the same bits. */

/* Weights of each lane's own. */
#define LANE_WEIGHT(j) w[j][l]

/* Where and when a stage is. */
LANES_INLINE void put_rows(size_t rows, const struct lanes_stages *stages, size_t stage,
                           double *restrict to, double *restrict t, enum simd simd)
{
    const struct lanes_stages here = *stages;
    (void)simd;
    ROW_LANES t[l] = lanes_time(&here, stage, l);
#define PUT(n)                                                                           \
    case n:                                                                              \
        for (size_t i = 0; i < rows * LANES; i += LANES)                                 \
            ROW_LANES to[i + l] = lanes_put(&here, n, i + l, l);                         \
        break
    switch (stage) {
        PUT(1);
        PUT(2);
        PUT(3);
        PUT(4);
        PUT(5);
        PUT(STAGES - 1);
    }
#undef PUT
}

LANES_INLINE void finish_rows(const struct lanes *lanes,
                              const struct lanes_stages *stages)
{
    lanes_finish(stages, lanes->system.rows, stages->next, stages->wrong);
}

/* 1 / x to 2 %, for positive x: a guess by the exponent, and Newton's iteration. An error
 * need not be known better, and a division takes as long as all else in a row of it. */
LANES_INLINE double about_inverse(double x)
{
    double guess =
        elementary_from_bits((uint64_t)0x7fde6238502484ba - elementary_bits(x));
    return guess * fma(-x, guess, 2);
}

/* x^(-1/10) to 0.5 %, likewise; a tenth of the bits is 3/32 (1 + 1/16) (1 + 1/256) of
 * them. The step's size need not be known better, and a power would be what a step waits
 * for. */
LANES_INLINE double about_root(double x)
{
    uint64_t bits = elementary_bits(x), tenth = (bits >> 4) + (bits >> 5);
    tenth += tenth >> 4;
    tenth += tenth >> 8;
    double guess = elementary_from_bits((uint64_t)0x4653e938e560418a - tenth);
    double square = guess * guess, fourth = square * square;
    return guess * fma(-0.1 * x, fourth * fourth * square, 1.1);
}

/* Largest group's mean square of error over tolerance: of what stands in rows, or, NULL,
 * of Tsitouras' step. */
LANES_INLINE void norm_rows(struct lanes *lanes, const double *errors)
{
    double largest[LANES] = {0}, poison[LANES] = {0};
    double relative = lanes->system.relative_tolerance;
    const double *y = lanes->y, *next = lanes->next, *absolute = lanes->absolute;
    const double *first = lanes->wrong, *last = lanes->k[STAGES - 1], *h = lanes->tried;
    size_t r = 0;
    for (size_t g = 0; g < lanes->system.groups; g++) {
        double square[LANES] = {0};
        double share = lanes->group_share[g];
        for (; r < lanes->group_end[g]; r++) {
            ROW_LANES
            {
                size_t at = r * LANES + l;
                double before = fabs(y[at]), after = fabs(next[at]);
                double size = before > after ? before : after;
                double allowed = fma(relative, size, absolute[at]);
                double wrong =
                    errors ? errors[at]
                           : fma(lanes_error_weight[STAGES - 1], last[at], first[at]);
                double e = wrong * about_inverse(allowed);
                square[l] = fma(e, e, square[l]);
            }
        }
        ROW_LANES
        {
            double mean = square[l] * share;
            largest[l] = largest[l] > mean ? largest[l] : mean;
            poison[l] += 0 * mean; /* what is no number stays none */
        }
    }
    ROW_LANES
    {
        double square = (errors ? 1 : h[l] * h[l]) * largest[l] + poison[l];
        double least = square > ERROR_LEAST ? square : ERROR_LEAST;
        double factor = SAFETY * about_root(least < ERROR_MOST ? least : ERROR_MOST);
        factor = factor < GROW_MOST ? factor : GROW_MOST;
        factor = factor > SHRINK_MOST ? factor : SHRINK_MOST;
        lanes->error[l] = square;
        lanes->factor[l] = square < INFINITY ? factor : SHRINK_BLIND;
    }
}

/* The largest |eigenvalue| of J, by power iteration in units of what an error is allowed:
 * how much a vector grows on average, once it has turned. */
LANES_INLINE void radius_rows(const struct lanes *lanes, double *radius)
{
    size_t n = lanes->group_end[0];
    double relative = lanes->system.relative_tolerance, share = lanes->group_share[0];
    const double *y = lanes->system.stage, *absolute = lanes->absolute;
    double *scale = lanes->look, *v = scale + n * LANES, *w = v + n * LANES;
    ROW_LANES radius[l] = 1;
    for (size_t i = 0; i < n * LANES; i += LANES)
        ROW_LANES
        {
            double allowed = fma(relative, fabs(y[i + l]), absolute[i + l]);
            v[i + l] = allowed * (1 + (double)(i / LANES % 3));
            scale[i + l] = 1 / allowed;
        }
    for (size_t turn = 0; turn < TURNS; turn++) {
        double square[LANES] = {0}, inverse[LANES];
        for (size_t row = 0, e = 0; row < n; row++) {
            double sum[LANES] = {0};
            for (; e < lanes->entry_count && lanes->entries[e].row == row; e++) {
                const double *from = v + lanes->entries[e].column * (size_t)LANES;
                const double *slope = lanes->slopes + e * LANES;
                ROW_LANES sum[l] = fma(slope[l], from[l], sum[l]);
            }
            ROW_LANES w[row * LANES + l] = sum[l];
        }
        for (size_t i = 0; i < n * LANES; i += LANES)
            ROW_LANES
            {
                double part = w[i + l] * scale[i + l];
                square[l] = fma(part * share, part, square[l]);
            }
        ROW_LANES
        {
            double grows = sqrt(square[l]);
            inverse[l] = grows > 0 ? 1 / grows : 0;
            radius[l] *= turn < TURNS - TURNS_COUNTED ? 1 : grows;
        }
        for (size_t i = 0; i < n * LANES; i += LANES)
            ROW_LANES v[i + l] = w[i + l] * inverse[l];
    }
    ROW_LANES radius[l] = sqrt(sqrt(sqrt(radius[l])));
}

/* The step that stands becomes the past of the next. */
LANES_INLINE void commit_rows(struct lanes *lanes)
{
    double *y = lanes->y, *first = lanes->k[0];
    const double *next = lanes->next, *last = lanes->k[lanes->last];
    const double *stands = lanes->stepped;
    for (size_t i = 0; i < lanes->system.rows * LANES; i += LANES)
        ROW_LANES
        {
            y[i + l] = stands[l] != 0 ? next[i + l] : y[i + l];
            first[i + l] = stands[l] != 0 ? last[i + l] : first[i + l];
        }
}

/* What step to try in each lane, and when it ends. */
LANES_INLINE void plan_rows(struct lanes *lanes)
{
    double *h = lanes->tried, *end = lanes->end;
    ROW_LANES
    {
        double left = lanes->wall[l] - lanes->t[l];
        double arrives = lanes->h[l] >= left * (1 - WALL_SHARE) ? lanes->moves[l] : 0;
        double tried = arrives != 0 ? left : lanes->h[l];
        h[l] = lanes->moves[l] != 0 ? tried : 0;
        end[l] = arrives != 0 ? lanes->wall[l] : lanes->t[l] + h[l];
    }
}

/* Whether it stands, and what comes next. */
LANES_INLINE void decide_rows(struct lanes *lanes)
{
    const double *h = lanes->tried, *end = lanes->end;
    double steps_max = (double)lanes->system.steps_max;
    ROW_LANES
    {
        double moves = lanes->moves[l], known = lanes->h[l], now = lanes->t[l];
        double least = STEP_ULPS * DBL_EPSILON * fabs(now) + DBL_MIN;
        double ordinary = lanes->error[l] <= 1 ? moves : 0;
        double forced = lanes->error[l] < INFINITY ? lanes->forces[l] * moves : 0;
        double stands = forced > ordinary ? forced : ordinary;
        double factor = lanes->factor[l], most = lanes->refused[l] != 0 ? 1 : GROW_MOST;
        double tried = h[l] * (factor < most ? factor : most);
        /* A step cut short by the wall says little about the next. */
        double least_next = h[l] < known ? known : 0;
        double grown = tried < least_next ? least_next : tried;
        double next = stands != 0 ? grown : tried;
        lanes->forced[l] = ordinary != 0 ? 0 : lanes->forced[l] + forced;
        double may = next < least ? 1 - lanes->forced[l] : 0;
        lanes->forces[l] = stands != 0 ? 0 : may;
        next = may + (stands - ordinary) > 0 ? least : next;
        lanes->h[l] = moves != 0 ? next : known;
        lanes->refused[l] = moves != 0 ? 1 - stands : lanes->refused[l];
        lanes->begun[l] = stands != 0 ? now : lanes->begun[l];
        lanes->taken[l] = stands != 0 ? h[l] : lanes->taken[l];
        lanes->t[l] = stands != 0 ? end[l] : now;
        lanes->stepped[l] = stands;
        lanes->steps[l] += moves;
        double spent = lanes->steps[l] >= steps_max ? moves : 0;
        double failed = lanes->h[l] < least ? moves : spent;
        lanes->arrived[l] = end[l] == lanes->wall[l] ? stands : 0;
        lanes->halts[l] = lanes->arrived[l] + failed;
        lanes->moves[l] = lanes->halts[l] != 0 ? 0 : moves;
        double goes_on = lanes->halts[l] != 0 ? 0 : stands;
        lanes->looks[l] = lanes->steps[l] >= lanes->look_at[l] ? goes_on : 0;
    }
}

LANES_INLINE void judge_rows(struct lanes *lanes)
{
    norm_rows(lanes, NULL);
    decide_rows(lanes);
}

LANES_INLINE void judge_errors_rows(struct lanes *lanes, const double *errors)
{
    norm_rows(lanes, errors);
    decide_rows(lanes);
}

LANES_INLINE void between_rows(struct lanes *lanes, const double *t, const size_t *rows,
                               size_t count)
{
    double theta[LANES], w[STAGES][LANES], *out = lanes->system.stage;
    const double *k[STAGES], *y = lanes->y, *next = lanes->next;
    const double *stepped = lanes->stepped;
    for (size_t j = 0; j < STAGES; j++)
        k[j] = lanes->k[j];
    ROW_LANES
    {
        double part = (t[l] - lanes->begun[l]) / lanes->taken[l];
        part = t[l] < lanes->t[l] ? part : 1;
        theta[l] = stepped[l] != 0 ? part : 1;
    }
#pragma GCC unroll 7
    for (size_t j = 0; j < STAGES; j++) {
        const double *c = inside[j];
        ROW_LANES
        {
            double cubic =
                fma(theta[l], fma(theta[l], fma(theta[l], c[3], c[2]), c[1]), c[0]);
            w[j][l] = lanes->taken[l] * theta[l] * cubic;
        }
    }
    for (size_t n = 0; n < count; n++) {
        size_t i = rows[n] * LANES;
        ROW_LANES
        {
            double end = stepped[l] != 0 ? next[i + l] : y[i + l];
            double within = SUM7(y[i + l], LANE_WEIGHT, k, i + l);
            out[i + l] = theta[l] < 1 ? within : end;
        }
    }
}

LANES_INLINE void bend_rows(const struct lanes *lanes, const size_t *rows, size_t count,
                            double *curves)
{
    const struct lanes_basis *basis = &lanes->basis;
    double length[LANES];
    ROW_LANES length[l] = basis->timed ? lanes->taken[l] : 1;
    for (size_t n = 0; n < count; n++) {
        const double *y = lanes->y + rows[n] * LANES,
                     *next = lanes->next + rows[n] * LANES;
        double *out = curves + n * (LANES_DEGREE + 1) * LANES;
        ROW_LANES out[l] = y[l];
        for (size_t m = 0; m < LANES_DEGREE; m++) {
            double *power = out + (m + 1) * LANES, sum[LANES] = {0};
            for (size_t j = 0; j < lanes->stages; j++) {
                const double *k = lanes->k[j] + rows[n] * LANES;
                ROW_LANES sum[l] = fma(basis->by[j][m], k[l], sum[l]);
            }
            ROW_LANES power[l] = fma(basis->rise[m], next[l] - y[l], length[l] * sum[l]);
        }
    }
}

LANES_KINDS(put, simd,
            (size_t rows, const struct lanes_stages *stages, size_t stage, double *to,
             double *t, enum simd simd),
            rows, stages, stage, to, t, simd)
LANES_KINDS(finish, lanes->simd,
            (const struct lanes *lanes, const struct lanes_stages *stages), lanes, stages)
LANES_KINDS(radius, lanes->simd, (const struct lanes *lanes, double *radius), lanes,
            radius)
LANES_KINDS(commit, lanes->simd, (struct lanes * lanes), lanes)
LANES_KINDS(plan, lanes->simd, (struct lanes * lanes), lanes)
LANES_KINDS(judge, lanes->simd, (struct lanes * lanes), lanes)
LANES_KINDS(judge_errors, lanes->simd, (struct lanes * lanes, const double *errors),
            lanes, errors)
LANES_KINDS(between, lanes->simd,
            (struct lanes * lanes, const double *t, const size_t *rows, size_t count),
            lanes, t, rows, count)
LANES_KINDS(bend, lanes->simd,
            (const struct lanes *lanes, const size_t *rows, size_t count, double *curves),
            lanes, rows, count, curves)

enum simd simd_best(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return SIMD_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return SIMD_AVX2;
#endif
    return SIMD_SCALAR;
}

const char *simd_name(enum simd simd)
{
    return simd == SIMD_AVX512 ? "avx512" : simd == SIMD_AVX2 ? "avx2" : "scalar";
}

/* --- begin and end --------------------------------------------------------------------
 */

/* Where the allocation begins stands before the first row. */
void *lanes_memory_new(size_t size)
{
    const size_t line = LANES * sizeof(double);
    char *raw = mem_new(size + 2 * line, 1);
    char *out = raw + 2 * line - (uintptr_t)raw % line;
    memcpy(out - line, &raw, sizeof raw);
    return out;
}

void lanes_memory_free(void *memory)
{
    char *raw;
    if (!memory)
        return;
    memcpy(&raw, (char *)memory - LANES * sizeof(double), sizeof raw);
    mem_free(raw);
}

double *lanes_rows_new(size_t rows)
{
    return lanes_memory_new(rows * LANES * sizeof(double));
}

void lanes_rows_free(double *rows)
{
    lanes_memory_free(rows);
}

static void tsitouras_basis(struct lanes_basis *basis)
{
    *basis = (struct lanes_basis){.timed = true};
    for (size_t j = 0; j < STAGES; j++)
        memcpy(basis->by[j], inside[j], sizeof inside[j]);
}

/* What looks for stiffness need. */
static void look_ahead(struct lanes *lanes)
{
    const struct lanes_system *system = &lanes->system;
    size_t states = lanes->group_end[0];
    while (lanes->entry_count < system->slope_count &&
           system->slopes[lanes->entry_count].row < states)
        lanes->entry_count++;
    lanes->entries =
        mem_copy(system->slopes, lanes->entry_count * sizeof *lanes->entries);
    lanes->slopes = lanes_rows_new(system->slope_count + system->rows);
    lanes->look = lanes_rows_new(3 * states);
}

/* From an array to the next so many rows, at least as many as there are, that the same
 * row of any of the later ones lies some rows short of a multiple of 4096 bytes beyond
 * it: of addresses that agree in their last twelve bits, processors take a load for one
 * of what is still being stored. (Six rates of a model with 32 rows take half as long
 * again with arrays packed.) */
static size_t rows_apart(size_t rows)
{
    return rows + (64 + 58 - rows % 64) % 64;
}

struct lanes *lanes_new(const struct lanes_system *system, enum simd simd)
{
    struct lanes *out = lanes_memory_new(sizeof *out);
    size_t size = system->rows * LANES;
    out->system = *system;
    out->simd = simd < simd_best() ? simd : simd_best();
    out->group_end =
        mem_copy(system->group_end, system->groups * sizeof *system->group_end);
    out->system.group_end = out->group_end;
    out->group_share = mem_new(system->groups, sizeof *out->group_share);
    for (size_t g = 0, first = 0; g < system->groups; first = system->group_end[g++])
        out->group_share[g] = 1 / (double)(system->group_end[g] - first);
    static const struct {
        size_t stages, last;
        void (*basis)(struct lanes_basis *basis);
    } rates[] = {[LANES_TSITOURAS] = {STAGES, STAGES - 1, tsitouras_basis},
                 [LANES_ROSENBROCK] = {ROSENBROCK_STAGES + 1, 0, rosenbrock_basis},
                 [LANES_CLASSIC] = {CLASSIC_STAGES + 1, CLASSIC_STAGES, classic_basis},
                 [LANES_SERIES] = {1, 0, NULL}};

    out->stages = rates[system->method].stages;
    out->last = rates[system->method].last;
    if (rates[system->method].basis)
        rates[system->method].basis(&out->basis);
    size_t apart = rows_apart(system->rows);
    out->block = lanes_rows_new((out->stages + 4) * apart);
    out->y = out->block;
    for (size_t j = 0; j < out->stages; j++)
        out->k[j] = out->block + (j + 1) * apart * LANES;
    out->next = out->block + (out->stages + 1) * apart * LANES;
    out->wrong = out->next + apart * LANES;
    out->absolute = out->wrong + apart * LANES;
    if (system->method == LANES_SERIES)
        out->terms = lanes_rows_new(system->rows * LANES_POWERS);
    for (size_t i = 0; i < size; i++)
        out->absolute[i] = 1;
    if (system->method == LANES_ROSENBROCK)
        out->rosenbrock = rosenbrock_new(system, out->simd);
    if (system->stiff_after)
        look_ahead(out);
    out->system.state = NULL; /* the caller's, and copied */
    out->system.slopes = NULL;
    return out;
}

void lanes_destroy(struct lanes **lanes)
{
    struct lanes *gone = *lanes;
    if (!gone)
        return;
    mem_free(gone->group_end);
    mem_free(gone->group_share);
    lanes_rows_free(gone->block);
    lanes_rows_free(gone->terms);
    rosenbrock_destroy(&gone->rosenbrock);
    mem_free(gone->entries);
    lanes_rows_free(gone->slopes);
    lanes_rows_free(gone->look);
    lanes_memory_free(gone);
    *lanes = NULL;
}

void lanes_begin(struct lanes *lanes, size_t lane, double t, const double *y,
                 const double *absolute)
{
    for (size_t r = 0; r < lanes->system.rows; r++)
        lanes->absolute[r * LANES + lane] = absolute[r];
    lanes->t[lane] = lanes->begun[lane] = t;
    lanes->taken[lane] = 0;
    lanes->steps[lane] = 0;
    lanes->hits[lane] = 0;
    lanes->origin[lane] = t;
    lanes->passed[lane] = lanes->passes[lane] = 0;
    lanes->look_at[lane] = (double)lanes->system.stiff_after;
    lanes->sized &= ~LANE_BIT(lane);
    lanes->moves[lane] = 0;
    lanes->state[lane] = LANE_ARRIVED;
    lanes_jump(lanes, lane, y);
}

void lanes_jump(struct lanes *lanes, size_t lane, const double *y)
{
    for (size_t r = 0; r < lanes->system.rows; r++)
        lanes->y[r * LANES + lane] = y[r];
    lanes->stepped[lane] = 0;
    lanes->jumped |= LANE_BIT(lane);
    lanes->refused[lane] = 0;
    lanes->forces[lane] = lanes->forced[lane] = 0;
}

void lanes_go(struct lanes *lanes, size_t lane, double wall)
{
    lanes->wall[lane] = wall;
    lanes->state[lane] = wall > lanes->t[lane] ? LANE_MOVING : LANE_ARRIVED;
    lanes->moves[lane] = lanes->state[lane] == LANE_MOVING;
}

void lanes_retreat(struct lanes *lanes, size_t lane, double wall)
{
    lanes->t[lane] = lanes->begun[lane];
    lanes->stepped[lane] = 0;
    lanes->passed[lane] -= lanes->passes[lane];
    lanes_go(lanes, lane, wall);
}

void lanes_rest(struct lanes *lanes, size_t lane)
{
    lanes->state[lane] = LANE_IDLE;
    lanes->jumped &= ~LANE_BIT(lane);
    lanes->moves[lane] = 0;
    lanes->stepped[lane] = 0;
    for (size_t r = 0; r < lanes->system.rows; r++)
        lanes->y[r * LANES + lane] = lanes->k[0][r * LANES + lane] = 0;
}

const enum lane_state *lanes_states(const struct lanes *lanes)
{
    return lanes->state;
}

const double *lanes_times(const struct lanes *lanes)
{
    return lanes->t;
}

size_t lanes_steps(const struct lanes *lanes, size_t lane)
{
    return (size_t)lanes->steps[lane];
}

void lanes_values(const struct lanes *lanes, size_t lane, double *y)
{
    const double *from = lanes->stepped[lane] != 0 ? lanes->next : lanes->y;
    for (size_t r = 0; r < lanes->system.rows; r++)
        y[r] = from[r * LANES + lane];
}

/* --- a step ----------------------------------------------------------------------------
 */

static void swap_rows(double **a, double **b)
{
    double *kept = *a;
    *a = *b;
    *b = kept;
}

/* Of what is 1 or 0 by lane: without a branch, which would often be mistaken. */
static bool any_of(const double *flags)
{
    uint64_t bits = 0;
    EACH_LANE bits |= elementary_bits(flags[l]);
    return bits != 0;
}

static bool all_of(const double *flags)
{
    uint64_t bits = UINT64_MAX;
    EACH_LANE bits &= elementary_bits(flags[l]);
    return bits != 0;
}

static void take_past(struct lanes *lanes)
{
    if (all_of(lanes->stepped)) {
        swap_rows(&lanes->y, &lanes->next);
        swap_rows(&lanes->k[0], &lanes->k[lanes->last]);
    } else {
        commit(lanes);
    }
    memset(lanes->stepped, 0, sizeof lanes->stepped);
}

/* A first step from the sizes of y and of its rate (Hairer, Norsett, Wanner, II.4). */
static void size_first(struct lanes *lanes, size_t l)
{
    double size = 0, speed = 0, span = lanes->wall[l] - lanes->t[l];
    for (size_t r = 0; r < lanes->system.rows; r++) {
        size_t at = r * LANES + l;
        double tolerance =
            lanes->absolute[at] + lanes->system.relative_tolerance * fabs(lanes->y[at]);
        double y = lanes->y[at] / tolerance, f = lanes->k[0][at] / tolerance;
        size += y * y;
        speed += f * f;
    }
    double h = FIRST_SHARE * sqrt(size / speed);
    lanes->h[l] = h > 1e-6 * span && h < span ? h : 1e-6 * span;
    lanes->sized |= LANE_BIT(l);
}

/* Whose first rates are to be found. */
static lane_set fresh_lanes(const struct lanes *lanes)
{
    lane_set fresh = 0;
    EACH_OF(lanes->jumped)
    if (lanes->moves[l] != 0)
        fresh |= LANE_BIT(l);
    return fresh;
}

static void size_new(struct lanes *lanes, lane_set fresh)
{
    EACH_OF(fresh & ~lanes->sized) size_first(lanes, l);
    lanes->jumped &= ~fresh;
}

/* Rates where something has jumped; those of the others are known. */
static void take_first_rates(struct lanes *lanes)
{
    lane_set moved = fresh_lanes(lanes);
    if (!moved)
        return;
    double *fresh = lanes->k[lanes->last];
    size_t size = lanes->system.rows * LANES;
    memcpy(lanes->system.stage, lanes->y, size * sizeof(double));
    lanes->system.rate(lanes->system.context, lanes->t, fresh);
    EACH_OF(moved)
    for (size_t i = l; i < size; i += LANES)
        lanes->k[0][i] = fresh[i];
    size_new(lanes, moved);
}

static void take_stages(struct lanes *lanes)
{
    const struct lanes_system *system = &lanes->system;
    struct lanes_stages stages = {.y = lanes->y,
                                  .t = lanes->t,
                                  .h = lanes->tried,
                                  .end = lanes->end,
                                  .next = lanes->next,
                                  .wrong = lanes->wrong};
    memcpy(stages.k, lanes->k, sizeof stages.k);
    if (system->rates) {
        system->rates(system->context, &stages);
        return;
    }
    for (size_t i = 1; i < STAGES; i++) {
        double t[LANES];
        if (i == STAGES - 1)
            finish(lanes, &stages);
        put(system->rows, &stages, i, system->stage, t, lanes->simd);
        system->rate(system->context, t, lanes->k[i]);
    }
}

static void step_tsitouras(struct lanes *lanes)
{
    take_first_rates(lanes);
    plan(lanes);
    take_stages(lanes);
    judge(lanes);
}

static void step_rosenbrock(struct lanes *lanes)
{
    rosenbrock_linearise(lanes);
    size_new(lanes, fresh_lanes(lanes));
    plan(lanes);
    rosenbrock_stages(lanes);
    judge_errors(lanes, lanes->k[ROSENBROCK_STAGES]);
}

/* Gives up what stability alone has kept short for so many steps. */
static void look_for_stiffness(struct lanes *lanes)
{
    double most[LANES];
    memcpy(lanes->system.stage, lanes->next, lanes->system.rows * LANES * sizeof(double));
    lanes->system.linear(lanes->system.context, lanes->t, lanes->slopes);
    radius(lanes, most);
    EACH_LANE
    {
        if (lanes->looks[l] == 0)
            continue;
        lanes->look_at[l] += LOOK_EVERY;
        lanes->hits[l] = most[l] * lanes->taken[l] > STABLE_MOST ? lanes->hits[l] + 1 : 0;
        if (lanes->hits[l] < LOOKS)
            continue;
        lanes->state[l] = LANE_STIFF;
        lanes->moves[l] = 0;
    }
}

void lanes_step(struct lanes *lanes)
{
    take_past(lanes);
    switch (lanes->system.method) {
    case LANES_TSITOURAS:
        step_tsitouras(lanes);
        break;
    case LANES_ROSENBROCK:
        step_rosenbrock(lanes);
        break;
    case LANES_CLASSIC:
        take_first_rates(lanes);
        classic_step(lanes);
        break;
    case LANES_SERIES:
        series_step(lanes, fresh_lanes(lanes));
    }
    if (any_of(lanes->halts))
        EACH_LANE
    if (lanes->halts[l] != 0)
        lanes->state[l] = lanes->arrived[l] != 0 ? LANE_ARRIVED : LANE_FAILED;
    if (lanes->system.stiff_after && any_of(lanes->looks))
        look_for_stiffness(lanes);
}

void lanes_between(struct lanes *lanes, const double *t, const size_t *rows, size_t count)
{
    switch (lanes->system.method) {
    case LANES_TSITOURAS:
        between(lanes, t, rows, count);
        break;
    case LANES_ROSENBROCK:
        rosenbrock_between(lanes, t, rows, count);
        break;
    case LANES_CLASSIC:
        classic_between(lanes, t, rows, count);
        break;
    case LANES_SERIES:
        series_between(lanes, t, rows, count);
    }
}

lane_set lanes_curves(const struct lanes *lanes, const size_t *rows, size_t count,
                      double *curves, double *begun, double *taken)
{
    lane_set stand = 0;
    if (lanes->system.method == LANES_SERIES)
        return 0;
    bend(lanes, rows, count, curves);
    EACH_LANE stand |= (lane_set)(lanes->stepped[l] != 0) << l;
    memcpy(begun, lanes->begun, sizeof lanes->begun);
    memcpy(taken, lanes->taken, sizeof lanes->taken);
    return stand;
}
