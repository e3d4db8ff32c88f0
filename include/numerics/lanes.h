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

/* Where a stage of a step is: at y + sum over j < count of h weight_j k_j, lane by lane.
 */
#define LANES_TERMS_MAX 5
struct lanes_place {
    const double *y, *k[LANES_TERMS_MAX]; /* [rows][LANES] */
    const double *h;                      /* [LANES] */
    const double *weight;                 /* [LANES_TERMS_MAX] */
    size_t count;
};

/* At index `at` of a place of count n, which the compiler has to know: written out,
 * because compilers that unroll a loop forget to make vectors of the one around it. */
LANES_INLINE double lanes_put(const struct lanes_place *place, size_t n, size_t at,
                              size_t l)
{
    const double *w = place->weight;
    double h = place->h[l], sum = place->y[at];
    sum = n > 0 ? fma(h * w[0], place->k[0][at], sum) : sum;
    sum = n > 1 ? fma(h * w[1], place->k[1][at], sum) : sum;
    sum = n > 2 ? fma(h * w[2], place->k[2][at], sum) : sum;
    sum = n > 3 ? fma(h * w[3], place->k[3][at], sum) : sum;
    sum = n > 4 ? fma(h * w[4], place->k[4][at], sum) : sum;
    return sum;
}

/* Additions and products of a row in a step, a fused pair as two, the rate's not counted:
 * stages and result 42, error 25. */
#define LANES_STEP_FLOPS 67

enum lanes_method {
    /* Tsitouras' explicit Runge-Kutta pair of orders 5 and 4 (Comput. Math. Appl. 62:770,
     * 2011) with its interpolant of order 4 between the ends of a step. */
    LANES_TSITOURAS,
    /* For what is stiff (numerics/rosenbrock.c): linear algebra in every step, and steps
     * as long as the solution is smooth. */
    LANES_ROSENBROCK,
    /* Runge and Kutta's, of order 4, in steps of one length (numerics/classic.c). */
    LANES_CLASSIC,
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
    /* The same at a place that needs not be in `stage`, for whom it is quicker to go
     * there by himself; or NULL. */
    void (*rate_at)(void *context, const double *t, const struct lanes_place *place,
                    double *dydt);
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
 * since; of the others there is nothing to be seen. */
#define LANES_DEGREE 4
lane_set lanes_curves(const struct lanes *lanes, const size_t *rows, size_t count,
                      double *curves, double *begun, double *taken);

#endif
