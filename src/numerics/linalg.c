#include "numerics/linalg.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/memory.h"

/* LAPACK is column-major. A symmetric matrix reads the same both ways, and our lower
 * triangle is its upper one ('U'), so nothing is transposed except where said. */

/* The distributions' serial OpenBLAS hands out its work space without a lock: two threads
 * that call it at once can get the same, and wrong numbers. So one thread at a time. */
static once_flag library_once = ONCE_FLAG_INIT;
static mtx_t library_lock;

static void library_begin(void)
{
    openblas_set_num_threads(1);
    assert(openblas_get_num_threads() == 1);
    if (mtx_init(&library_lock, mtx_plain) != thrd_success)
        abort();
}

static void library_enter(void)
{
    call_once(&library_once, library_begin);
    mtx_lock(&library_lock);
}

static void library_leave(void)
{
    mtx_unlock(&library_lock);
}

static enum err dimension_check(size_t n)
{
    if (n == 0 || n > LINALG_DIM_MAX)
        return err_set(ERR_RANGE, "matrix of dimension %zu outside [1, %zu]", n,
                       LINALG_DIM_MAX);
    return ERR_OK;
}

/* Up to this dimension a factor, a triangular solve and a product are loops of our own:
 * entering the library and what it does before it begins takes longer than they do. */
#define SMALL 16

/* Of room that is on the caller's stack if it is small. */
static void give_back(const double *small, double *taken)
{
    if (taken != small)
        mem_free(taken);
}

/* LAPACK neither promises to notice nor to end on infinities. */
static enum err finite_check(size_t count, const double *a)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(a[i]))
            return err_set(ERR_NUMERIC, "matrix entry %zu is not finite", i);
    return ERR_OK;
}

static enum err lower_finite_check(size_t n, const double *a)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            if (!isfinite(a[i * n + j]))
                return err_set(ERR_NUMERIC, "matrix entry (%zu, %zu) is not finite", i,
                               j);
    return ERR_OK;
}

/* A row whose remaining share is above this is not asked whether rounding made it. */
#define SHARE_SURE 1e-4

/* Could rounding alone have made the last pivot of row i? The computed factor is that of
 * A + E with |e_jk| <= (n + 1) eps sqrt(a_jj a_kk) (Higham 2002, theorem 10.3). With w
 * the combination of earlier rows that explains row i best, that moves what is left of
 * it, a_ii - w' A w, by up to (n + 1) eps (sqrt a_ii + sum |w_j| sqrt a_jj)^2; the same
 * again is allowed for the rounding of A itself. Scaling of rows cancels, so units do not
 * matter. */
static bool pivot_is_rounding(size_t n, const double *a, const double *diagonal, size_t i,
                              double *w)
{
    double left = a[i * n + i] * a[i * n + i], reach = sqrt(diagonal[i]);
    if (!(left > 0))
        return true;
    if (left > SHARE_SURE * diagonal[i])
        return false;
    memcpy(w, a + i * n, i * sizeof *w);
    for (size_t j = i; j-- > 0;) { /* w := L^-T (row i of L) */
        for (size_t k = j + 1; k < i; k++)
            w[j] -= a[k * n + j] * w[k];
        w[j] /= a[j * n + j];
        reach += fabs(w[j]) * sqrt(diagonal[j]);
    }
    return !(left > 2 * (double)(n + 1) * DBL_EPSILON * reach * reach);
}

/* The lower triangle into its factor; the first row without a pivot, or n. */
static size_t factorise(size_t n, double *a)
{
    if (n > SMALL) {
        library_enter();
        lapack_int info =
            LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, a, (lapack_int)n);
        library_leave();
        return info > 0 ? (size_t)info - 1 : n;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double left = a[i * n + j];
            for (size_t k = 0; k < j; k++)
                left -= a[i * n + k] * a[j * n + k];
            if (i == j && !(left > 0))
                return i;
            a[i * n + j] = i == j ? sqrt(left) : left / a[j * n + j];
        }
    return n;
}

enum err linalg_cholesky(size_t n, double *a)
{
    if (dimension_check(n) || lower_finite_check(n, a))
        return err_code();
    double small[2 * SMALL], *work = n <= SMALL ? small : mem_new(2 * n, sizeof *work);
    double *diagonal = work + n;
    for (size_t i = 0; i < n; i++)
        diagonal[i] = a[i * n + i];
    size_t bad = factorise(n, a);
    for (size_t i = 0; i < n && i < bad; i++)
        if (pivot_is_rounding(n, a, diagonal, i, work))
            bad = i;
    give_back(small, work);
    if (bad < n)
        return err_set(ERR_NUMERIC,
                       "matrix of dimension %zu is not positive definite (row %zu)", n,
                       bad);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            a[i * n + j] = 0;
    return ERR_OK;
}

/* Row i of the solution: what the rows before it, or after it, leave. */
static void eliminate(size_t n, const double *l, size_t m, double *b, size_t i, bool up)
{
    for (size_t k = up ? i + 1 : 0; k < (up ? n : i); k++) {
        double factor = up ? l[k * n + i] : l[i * n + k];
        for (size_t j = 0; j < m; j++)
            b[i * m + j] -= factor * b[k * m + j];
    }
    for (size_t j = 0; j < m; j++)
        b[i * m + j] /= l[i * n + i];
}

static void triangular_solve(CBLAS_TRANSPOSE transposed, size_t n, const double *l,
                             size_t m, double *b)
{
    assert(n <= LINALG_DIM_MAX && m <= INT32_MAX);
    if (n == 0 || m == 0)
        return;
    if (n <= SMALL) {
        bool up = transposed == CblasTrans; /* from the last row */
        for (size_t done = 0; done < n; done++)
            eliminate(n, l, m, b, up ? n - 1 - done : done, up);
        return;
    }
    library_enter();
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, transposed, CblasNonUnit, (int)n,
                (int)m, 1.0, l, (int)n, b, (int)m);
    library_leave();
}

void linalg_lower_solve(size_t n, const double *l, size_t m, double *b)
{
    triangular_solve(CblasNoTrans, n, l, m, b);
}

void linalg_lower_transposed_solve(size_t n, const double *l, size_t m, double *b)
{
    triangular_solve(CblasTrans, n, l, m, b);
}

double linalg_lower_log_det(size_t n, const double *l)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += log(l[i * n + i]);
    return 2 * sum;
}

enum err linalg_spd_inverse(size_t n, const double *a, double *inverse)
{
    if (dimension_check(n))
        return err_code();
    memset(inverse, 0, n * n * sizeof *inverse);
    for (size_t i = 0; i < n; i++)
        inverse[i * n + i] = 1;
    if (linalg_spd_solve(n, a, n, inverse) != ERR_OK || finite_check(n * n, inverse))
        return err_code();
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            inverse[j * n + i] = inverse[i * n + j];
    return ERR_OK;
}

enum err linalg_spd_solve(size_t n, const double *a, size_t m, double *b)
{
    if (dimension_check(n))
        return err_code();
    double small[SMALL * SMALL],
        *work = n <= SMALL ? small : mem_new(n * n, sizeof *work);
    memcpy(work, a, n * n * sizeof *work);
    enum err result = linalg_cholesky(n, work);
    if (!result) {
        linalg_lower_solve(n, work, m, b);
        linalg_lower_transposed_solve(n, work, m, b);
    }
    give_back(small, work);
    return result;
}

/* The expert driver: it equilibrates first, so that a badly scaled but regular matrix is
 * not called singular, refines, and reports info = n + 1 when 1 / condition < eps. Our
 * row-major A is LAPACK's A', hence 'T'; the right-hand sides are transposed by hand. */
static lapack_int solve_expert(size_t n, double *a, size_t m, double *b, double *x)
{
    lapack_int size = (lapack_int)n, sides = (lapack_int)m, info;
    double *factors = mem_new(n * n, sizeof *factors);
    double *scales = mem_new(6 * n + 2 * m, sizeof *scales);
    lapack_int *pivots = mem_new(2 * n, sizeof *pivots);
    char equilibrated = 'N';
    double reciprocal_condition;
    library_enter();
    info = LAPACKE_dgesvx_work(LAPACK_COL_MAJOR, 'E', 'T', size, sides, a, size, factors,
                               size, pivots, &equilibrated, scales, scales + n, b, size,
                               x, size, &reciprocal_condition, scales + 2 * n,
                               scales + 2 * n + m, scales + 2 * n + 2 * m, pivots + n);
    library_leave();
    mem_free(factors);
    mem_free(scales);
    mem_free(pivots);
    return info;
}

enum err linalg_solve(size_t n, const double *a, size_t m, double *b)
{
    if (dimension_check(n) || finite_check(n * n, a))
        return err_code();
    if (m == 0)
        return ERR_OK;
    double *work = mem_copy(a, n * n * sizeof *a);
    double *sides = mem_new(n * m, sizeof *sides);
    double *x = mem_new(n * m, sizeof *x);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++)
            sides[j * n + i] = b[i * m + j];
    enum err result = ERR_OK;
    if (solve_expert(n, work, m, sides, x) != 0)
        result = err_set(ERR_NUMERIC,
                         "matrix of dimension %zu is singular to working precision", n);
    for (size_t i = 0; i < n && !result; i++)
        for (size_t j = 0; j < m; j++)
            b[i * m + j] = x[j * n + i];
    mem_free(work);
    mem_free(sides);
    mem_free(x);
    return result;
}

int linalg_determinant_sign(size_t n, const double *a)
{
    double *factors = mem_copy(a, n * n * sizeof *a);
    lapack_int *pivots = mem_new(n, sizeof *pivots), size = (lapack_int)n;
    library_enter();
    LAPACKE_dgetrf_work(LAPACK_COL_MAJOR, size, size, factors, size, pivots);
    library_leave();
    int sign = 1;
    for (size_t i = 0; i < n; i++) {
        double pivot = factors[i * n + i];
        sign *= (pivot > 0) - (pivot < 0);
        sign *= pivots[i] == (lapack_int)i + 1 ? 1 : -1;
    }
    mem_free(factors);
    mem_free(pivots);
    return sign;
}

/* Ties of magnitude are decided by rounding; a component this close to the largest counts
 * as largest, so that (1, -1) / sqrt 2 gets its sign from its first component. */
#define SIGN_TIE (1 - 1e-8)

static double sign_of(size_t n, const double *vector)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(vector[i]));
    for (size_t i = 0; i < n; i++)
        if (fabs(vector[i]) >= SIGN_TIE * largest)
            return vector[i] < 0 ? -1 : 1;
    return 1;
}

enum err linalg_eigen(size_t n, const double *a, double *values, double *vectors)
{
    if (dimension_check(n) || lower_finite_check(n, a))
        return err_code();
    double *work = mem_copy(a, n * n * sizeof *a);
    double *found = mem_new(n, sizeof *found);
    enum err result = ERR_OK;
    library_enter();
    lapack_int info = LAPACKE_dsyev(LAPACK_COL_MAJOR, 'V', 'U', (lapack_int)n, work,
                                    (lapack_int)n, found);
    library_leave();
    if (info)
        result = err_set(ERR_NUMERIC,
                         "eigenvalues of a matrix of dimension %zu did not converge", n);
    if (!result) {
        memcpy(values, found, n * sizeof *found);
        for (size_t k = 0; k < n; k++) {
            double sign = sign_of(n, work + k * n);
            for (size_t i = 0; i < n; i++)
                vectors[i * n + k] = sign * work[k * n + i];
        }
    }
    mem_free(work);
    mem_free(found);
    return result;
}

enum err linalg_eigen_relative(size_t n, const double *l, const double *a, double *values,
                               double *vectors)
{
    double *half = mem_copy(a, n * n * sizeof *a), *whole = mem_new(n * n, sizeof *whole);
    linalg_lower_solve(n, l, n, half);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            whole[i * n + j] = half[j * n + i];
    linalg_lower_solve(n, l, n, whole);
    enum err result = linalg_eigen(n, whole, values, vectors);
    mem_free(half);
    mem_free(whole);
    return result;
}

static void multiply_small(CBLAS_TRANSPOSE left, CBLAS_TRANSPOSE right, size_t n,
                           size_t k, size_t m, const double *a, const double *b,
                           double *c)
{
    bool a_lies = left == CblasTrans, b_lies = right == CblasTrans;
    size_t a_down = a_lies ? 1 : k, a_on = a_lies ? n : 1;
    size_t b_down = b_lies ? 1 : m, b_on = b_lies ? k : 1;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            double sum = 0;
            for (size_t at = 0; at < k; at++)
                sum += a[i * a_down + at * a_on] * b[at * b_down + j * b_on];
            c[i * m + j] = sum;
        }
}

static void multiply(CBLAS_TRANSPOSE left, CBLAS_TRANSPOSE right, size_t n, size_t k,
                     size_t m, const double *a, const double *b, double *c)
{
    assert(n <= INT32_MAX && k <= INT32_MAX && m <= INT32_MAX);
    if (n == 0 || m == 0)
        return;
    if (n <= SMALL && m <= SMALL && k <= SMALL) {
        multiply_small(left, right, n, k, m, a, b, c);
        return;
    }
    if (k == 0) {
        memset(c, 0, n * m * sizeof *c);
        return;
    }
    library_enter();
    cblas_dgemm(CblasRowMajor, left, right, (int)n, (int)m, (int)k, 1.0, a,
                left == CblasNoTrans ? (int)k : (int)n, b,
                right == CblasNoTrans ? (int)m : (int)k, 0.0, c, (int)m);
    library_leave();
}

void linalg_multiply(size_t n, size_t k, size_t m, const double *a, const double *b,
                     double *c)
{
    multiply(CblasNoTrans, CblasNoTrans, n, k, m, a, b, c);
}

void linalg_multiply_tn(size_t n, size_t k, size_t m, const double *a, const double *b,
                        double *c)
{
    multiply(CblasTrans, CblasNoTrans, n, k, m, a, b, c);
}

void linalg_multiply_nt(size_t n, size_t k, size_t m, const double *a, const double *b,
                        double *c)
{
    multiply(CblasNoTrans, CblasTrans, n, k, m, a, b, c);
}

void linalg_svec(size_t n, const double *a, double *packed)
{
    for (size_t i = 0, at = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            packed[at++] = i == j ? a[i * n + j] : M_SQRT2 * a[i * n + j];
}

void linalg_svec_unpack(size_t n, const double *packed, double *a)
{
    for (size_t i = 0, at = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++, at++)
            a[i * n + j] = a[j * n + i] = i == j ? packed[at] : packed[at] / M_SQRT2;
}
