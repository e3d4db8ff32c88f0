#ifndef NUMERICS_LANES_H
#define NUMERICS_LANES_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* lanes - several initial value problems of one system carried at once, one in each lane
 * of a block, every one with its own time, step and error, by one of the methods below.
 *
 * A row is a component of y, an array [LANES] of doubles; lanes never mix, so that what
 * happens in one does not depend in any bit on what is in the others. The same bits come
 * out for every `simd`. It knows nothing of patients. Called by model/ensemble. */

#define LANES 8

enum simd { SIMD_SCALAR, SIMD_AVX2, SIMD_AVX512 };
enum simd simd_best(void); /* the widest that this machine has */
const char *simd_name(enum simd simd);

#define EACH_LANE for (size_t l = 0; l < LANES; l++)

/* Some of the lanes, as bits; the lowest of them, and the others. */
typedef unsigned lane_set;
#define LANE_BIT(lane) (1u << (lane))
#define EACH_OF(set)                                                                     \
    for (lane_set left_ = (set); left_; left_ &= left_ - 1)                              \
        for (size_t l = (size_t)__builtin_ctz(left_), once_ = 1; once_; once_ = 0)

/* The same for arithmetic on whole rows, which may be written over as they are read. gcc
 * has to be told; clang finds out, and would warn where it does not. */
#ifdef __clang__
#define ROW_LANES EACH_LANE
#else
#define ROW_LANES _Pragma("GCC ivdep") EACH_LANE
#endif

/* A function `name` out of an inline one, name_rows, that stands three times, compiled
 * for what each kind of machine has; `kind` says which runs. */
#define LANES_INLINE static inline __attribute__((always_inline))
#if defined(__x86_64__)
#ifdef __clang__
#define LANES_AVX512 __attribute__((target("avx512f,avx512dq,avx512vl")))
#else
#define LANES_AVX512                                                                     \
    __attribute__((target("avx512f,avx512dq,avx512vl,prefer-vector-width=512")))
#endif
#define LANES_KINDS(name, kind, parameters, ...)                                         \
    LANES_AVX512 static void name##_avx512 parameters                                    \
    {                                                                                    \
        name##_rows(__VA_ARGS__);                                                        \
    }                                                                                    \
    __attribute__((target("avx2,fma"))) static void name##_avx2 parameters               \
    {                                                                                    \
        name##_rows(__VA_ARGS__);                                                        \
    }                                                                                    \
    static void name parameters                                                          \
    {                                                                                    \
        if ((kind) == SIMD_AVX512)                                                       \
            name##_avx512(__VA_ARGS__);                                                  \
        else if ((kind) == SIMD_AVX2)                                                    \
            name##_avx2(__VA_ARGS__);                                                    \
        else                                                                             \
            name##_rows(__VA_ARGS__);                                                    \
    }
/* The same without SIMD_SCALAR, for what is not worth its length there. */
#define LANES_WIDE_KINDS(name, kind, parameters, ...)                                    \
    LANES_AVX512 static void name##_avx512 parameters                                    \
    {                                                                                    \
        name##_rows(__VA_ARGS__);                                                        \
    }                                                                                    \
    __attribute__((target("avx2,fma"))) static void name##_avx2 parameters               \
    {                                                                                    \
        name##_rows(__VA_ARGS__);                                                        \
    }                                                                                    \
    static void name parameters                                                          \
    {                                                                                    \
        if ((kind) == SIMD_AVX512)                                                       \
            name##_avx512(__VA_ARGS__);                                                  \
        else                                                                             \
            name##_avx2(__VA_ARGS__);                                                    \
    }
#else
#define LANES_KINDS(name, kind, parameters, ...)                                         \
    static void name parameters                                                          \
    {                                                                                    \
        name##_rows(__VA_ARGS__);                                                        \
    }
#define LANES_WIDE_KINDS LANES_KINDS
#endif

/* --- Tsitouras' step (LANES_TSITOURAS), for whoever computes its rates -----------------
 */

#define LANES_STAGES 7
static const double lanes_node[LANES_STAGES] = {0, 0.161, 0.327, 0.9, 0.9800255409045097,
                                                1, 1};

/* The last row is that of the result: its rate is the next step's first. */
static const double lanes_weight[LANES_STAGES][LANES_STAGES - 1] = {
    {0},
    {0.161},
    {-0.008480655492356989, 0.335480655492357},
    {2.8971530571054935, -6.359448489975075, 4.3622954328695815},
    {5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525},
    {5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401,
     -0.028269050394068383},
    {0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081,
     2.324710524099774},
};

/* Of the difference between the results of orders 5 and 4. */
static const double lanes_error_weight[LANES_STAGES] = {
    -0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995,
    -0.1447110071732629,     0.5823571654525552,     -0.45808210592918697,
    0.015151515151515152};

/* A step of h [LANES] from t to `end`, which is being tried. The rates k[0] are known,
 * and wanted are the others, where it ends, and what all rates but the last say of its
 * error, by a length of 1. */
struct lanes_stages {
    const double *y, *t, *h, *end;
    double *k[LANES_STAGES], *next, *wrong; /* [rows][LANES] */
};

LANES_INLINE double lanes_time(const struct lanes_stages *stages, size_t stage, size_t l)
{
    double inside = stages->t[l] + lanes_node[stage] * stages->h[l];
    return lanes_node[stage] == 1 ? stages->end[l] : inside;
}

/* Where a stage is at index `at`: the compiler has to know which one, and the sum is
 * written out, because compilers that unroll a loop forget to make vectors of the one
 * around it. */
LANES_INLINE double lanes_put(const struct lanes_stages *stages, size_t stage, size_t at,
                              size_t l)
{
    const double *w = lanes_weight[stage];
    double *const *k = stages->k;
    if (stage == LANES_STAGES - 1)
        return stages->next[at];
    double h = stages->h[l], sum = stages->y[at];
    sum = stage > 0 ? fma(h * w[0], k[0][at], sum) : sum;
    sum = stage > 1 ? fma(h * w[1], k[1][at], sum) : sum;
    sum = stage > 2 ? fma(h * w[2], k[2][at], sum) : sum;
    sum = stage > 3 ? fma(h * w[3], k[3][at], sum) : sum;
    sum = stage > 4 ? fma(h * w[4], k[4][at], sum) : sum;
    return sum;
}

/* `next` and `wrong`, once all rates but the last are known: they are at hand. */
LANES_INLINE void lanes_finish(const struct lanes_stages *stages, size_t rows,
                               double *restrict next, double *restrict wrong)
{
    const double *y = stages->y,
                 *h = stages->h, *const *k = (const double *const *)stages->k;
    const double *w = lanes_weight[LANES_STAGES - 1], *e = lanes_error_weight;
    for (size_t i = 0; i < rows * LANES; i += LANES)
        ROW_LANES
        {
            double sum = y[i + l], error = 0;
            sum = fma(h[l] * w[0], k[0][i + l], sum);
            sum = fma(h[l] * w[1], k[1][i + l], sum);
            sum = fma(h[l] * w[2], k[2][i + l], sum);
            sum = fma(h[l] * w[3], k[3][i + l], sum);
            sum = fma(h[l] * w[4], k[4][i + l], sum);
            next[i + l] = fma(h[l] * w[5], k[5][i + l], sum);
            error = fma(e[0], k[0][i + l], error);
            error = fma(e[1], k[1][i + l], error);
            error = fma(e[2], k[2][i + l], error);
            error = fma(e[3], k[3][i + l], error);
            error = fma(e[4], k[4][i + l], error);
            wrong[i + l] = fma(e[5], k[5][i + l], error);
        }
}

/* Additions and products of a row in a step, a fused pair as two, the rate's not counted:
 * stages and result 42, error 25. */
#define LANES_STEP_FLOPS 67

/* Powers in a step of LANES_SERIES, each of one rate; and, of a row, what they are made
 * of beside it and summed up by. */
#define LANES_POWERS 20
#define LANES_POWER_FLOPS 5

enum lanes_method {
    /* Tsitouras' explicit Runge-Kutta pair of orders 5 and 4 (Comput. Math. Appl. 62:770,
     * 2011) with its interpolant of order 4 between the ends of a step. */
    LANES_TSITOURAS,
    /* For what is stiff (numerics/rosenbrock.c): linear algebra in every step, and steps
     * as long as the solution is smooth. */
    LANES_ROSENBROCK,
    /* Runge and Kutta's, of order 4, in steps of one length (numerics/classic.c). */
    LANES_CLASSIC,
    /* Taylor's series, for what is affine in y between two walls (numerics/series.c). */
    LANES_SERIES,
};

/* A place in a matrix that can be different from zero. */
struct lanes_entry {
    uint32_t row, column;
};

struct lanes_system {
    enum lanes_method method;
    size_t rows;
    /* Rows of a group follow each other and have one error norm (root of the mean square
     * of error over tolerance); a step stands when no group's is above 1. The states are
     * a group, and each direction's sensitivities are: without them in the test a state
     * at rest lets the step grow until they explode. */
    const size_t *group_end; /* [groups] one past each group's last row; copied */
    size_t groups;
    /* dydt [rows][LANES] at t [LANES] and at what stands in `stage` [rows][LANES]. What
     * is not finite makes that lane's step smaller. */
    void (*rate)(void *context, const double *t, double *dydt);
    double *stage;
    /* All of a step's, for whom it is quicker to go through its stages by himself; or
     * NULL. */
    void (*rates)(void *context, const struct lanes_stages *stages);
    void *context;
    double relative_tolerance;
    double step;      /* of LANES_CLASSIC */
    size_t steps_max; /* of a problem, refused ones too */
    /* Explicit: after so many steps a problem is looked at, and given up as LANE_STIFF
     * where stability alone keeps its steps short. 0: never. */
    size_t stiff_after;

    /* What LANES_ROSENBROCK and looks for stiffness need: the first group are the states
     * x, every other one derivatives s of some of them along a direction, so that y' =
     * (f(t, x), J s + ...). A state that J leads to from one in a group is in it as well.
     */
    const size_t *state; /* [rows] which state, or the derivative of which; copied */
    /* Rates by states: J's entries, by state and state, then those of the others, by row
     * and state; copied. */
    const struct lanes_entry *slopes; /* [slope_count] */
    size_t slope_count;
    /* Values of these [slope_count][LANES], then dydt by t [rows][LANES], at t and at
     * what stands in `stage`. */
    void (*linear)(void *context, const double *t, double *out);
};

enum lane_state {
    LANE_IDLE,
    LANE_MOVING,
    LANE_ARRIVED, /* at its wall: wants a new one, or something else done */
    LANE_FAILED,  /* out of steps, or none is small enough */
    LANE_STIFF,   /* for another method */
};

/* Zeroed memory that begins a cache line, as whoever has arrays [LANES] in a struct wants
 * it (LANES_ALIGNED), and such rows, each in a line of its own; caller frees. */
#define LANES_ALIGNED _Alignas(LANES * sizeof(double))
void *lanes_memory_new(size_t size);
void lanes_memory_free(void *memory);
double *lanes_rows_new(size_t rows);
void lanes_rows_free(double *rows);

struct lanes *lanes_new(const struct lanes_system *system, enum simd simd);
void lanes_destroy(struct lanes **lanes);

/* A new problem in a lane: y [rows] at t, absolute tolerances [rows]. It is at a wall. */
void lanes_begin(struct lanes *lanes, size_t lane, double t, const double *y,
                 const double *absolute);
/* Something happened at the wall: other values y [rows], or another system. */
void lanes_jump(struct lanes *lanes, size_t lane, const double *y);
/* The last step, which stands, has not been made: from where it began on to `wall`. */
void lanes_retreat(struct lanes *lanes, size_t lane, double wall);
/* Go on to `wall` >= now, evaluating nothing beyond it. */
void lanes_go(struct lanes *lanes, size_t lane, double wall);
void lanes_rest(struct lanes *lanes, size_t lane); /* idle from now on */

/* One attempt at a step for all that move. */
void lanes_step(struct lanes *lanes);

/* [LANES], as they are from step to step. */
const enum lane_state *lanes_states(const struct lanes *lanes);
const double *lanes_times(const struct lanes *lanes);
size_t lanes_steps(const struct lanes *lanes, size_t lane); /* of its problem so far */
void lanes_values(const struct lanes *lanes, size_t lane, double *y /* [rows] */);

/* These rows [count] into `stage`: every lane at a time of its own in its last step;
 * where that is not before the step's end, the values there. */
void lanes_between(struct lanes *lanes, const double *t /* [LANES] */, const size_t *rows,
                   size_t count);

/* The last step of each lane, for whoever looks at all of it: from `begun` on for `taken`
 * [LANES], and of these rows [count] the polynomials, by the share of it that has passed,
 * curves [count][LANES_DEGREE + 1][LANES]. Returns whose last attempt stands, with no jump
 * since; of the others there is nothing to be seen, nor ever of LANES_SERIES, whose
 * polynomials are longer. */
#define LANES_DEGREE 4
lane_set lanes_curves(const struct lanes *lanes, const size_t *rows, size_t count,
                      double *curves, double *begun, double *taken);

#endif
