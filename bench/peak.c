#include "bench/peak.h"

#include <time.h>

/* Chains that do not wait for each other: more than a core has in flight. */
#define CHAINS 16
#define ROUNDS 2000000

typedef double row8 __attribute__((vector_size(LANES * sizeof(double))));

/* Compiled with products and sums fused: CMakeLists.txt. */
LANES_INLINE void chains_rows(double *sums, double by, double more, enum simd simd)
{
    (void)simd; /* has been obeyed */
    row8 a0 = {0}, a1 = {1}, a2 = {2}, a3 = {3}, a4 = {4}, a5 = {5}, a6 = {6}, a7 = {7};
    row8 b0 = {8}, b1 = {9}, b2 = {10}, b3 = {11}, b4 = {12}, b5 = {13}, b6 = {14},
         b7 = {15};
    for (size_t i = 0; i < ROUNDS; i++) {
        a0 = a0 * by + more, a1 = a1 * by + more, a2 = a2 * by + more;
        a3 = a3 * by + more, a4 = a4 * by + more, a5 = a5 * by + more;
        a6 = a6 * by + more, a7 = a7 * by + more, b0 = b0 * by + more;
        b1 = b1 * by + more, b2 = b2 * by + more, b3 = b3 * by + more;
        b4 = b4 * by + more, b5 = b5 * by + more, b6 = b6 * by + more;
        b7 = b7 * by + more;
    }
    row8 all =
        a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + b0 + b1 + b2 + b3 + b4 + b5 + b6 + b7;
    for (size_t l = 0; l < LANES; l++)
        sums[l] = all[l];
}

LANES_KINDS(chains, simd, (double *sums, double by, double more, enum simd simd), sums,
            by, more, simd)

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double peak_flops(enum simd simd)
{
    double best = 0, sums[LANES];
    volatile double by = 0.999, more = 1e-3;
    for (int i = 0; i < 5; i++) {
        double begun = seconds();
        chains(sums, by, more, simd);
        double rate = 2.0 * ROUNDS * CHAINS * LANES / (seconds() - begun);
        best = rate > best && sums[0] > 0 ? rate : best;
    }
    return best;
}
