#ifndef NUMERICS_LINALG_H
#define NUMERICS_LINALG_H

#include <stddef.h>

#include "base/err.h"

/* linalg - the few dense operations the statistics need: our only door to BLAS and
 * LAPACK.
 *
 * Matrices are row-major, n x m, `a[i * m + j]`. Sizes are small (at most
 * LINALG_DIM_MAX). BLAS runs on one thread, set in code, because its results change in
 * the last bits with the number of threads. Any threads may call at once: inside the
 * library one at a time, because the serial OpenBLAS is not made for more; factors,
 * triangular solves and products of the smallest matrices do without it. Called by
 * numerics/, model/, coordinator/ and sim/. */

#define LINALG_DIM_MAX ((size_t)4096)

/* Cholesky A = L L' of a symmetric positive definite matrix, lower triangle in place,
 * upper triangle set to zero. ERR_NUMERIC when A is not positive definite (A is then
 * undefined). */
enum err linalg_cholesky(size_t n, double *a);

/* X := L^-1 B or L^-T B, B n x m in place, L lower triangular. */
void linalg_lower_solve(size_t n, const double *l, size_t m, double *b);
void linalg_lower_transposed_solve(size_t n, const double *l, size_t m, double *b);

double linalg_lower_log_det(size_t n, const double *l); /* log det (L L') */

/* Inverse of a symmetric positive definite matrix, both triangles filled. ERR_NUMERIC
 * (`inverse` is then undefined). */
enum err linalg_spd_inverse(size_t n, const double *a, double *inverse);

/* Solve A x = b for symmetric positive definite A (A untouched), m right-hand sides. */
enum err linalg_spd_solve(size_t n, const double *a, size_t m, double *b);

/* Solve A X = B for any square A (A untouched). ERR_NUMERIC when A is singular to working
 * precision. */
enum err linalg_solve(size_t n, const double *a, size_t m, double *b);

/* The sign of A's determinant, 1 or -1 (A untouched); 0 when a pivot of it is 0 or no
 * number. */
int linalg_determinant_sign(size_t n, const double *a);

/* Symmetric eigenproblem A = V diag(values) V', values ascending, columns of V the
 * vectors, each with its first component of largest magnitude positive (so that it is
 * unique). */
enum err linalg_eigen(size_t n, const double *a, double *values, double *vectors);

/* The same of L^-1 A L^-T, L lower triangular: of A where L L' is the unit. */
enum err linalg_eigen_relative(size_t n, const double *l, const double *a, double *values,
                               double *vectors);

/* C := A B (n x k times k x m), C := A' B (A k x n), C := A B' (B m x k). */
void linalg_multiply(size_t n, size_t k, size_t m, const double *a, const double *b,
                     double *c);
void linalg_multiply_tn(size_t n, size_t k, size_t m, const double *a, const double *b,
                        double *c);
void linalg_multiply_nt(size_t n, size_t k, size_t m, const double *a, const double *b,
                        double *c);

/* svec: the n (n + 1) / 2 numbers of a symmetric matrix with off-diagonal entries times
 * sqrt 2, so that inner products and norms agree: |svec(A)|_2 = |A|_F. Order: row by row
 * of the lower triangle, (0,0), (1,0), (1,1), (2,0), ... */
#define LINALG_SVEC_DIM(n) ((n) * ((n) + 1) / 2)
void linalg_svec(size_t n, const double *a, double *packed);
void linalg_svec_unpack(size_t n, const double *packed, double *a);

#endif
