#include "check.h"

#include <dirent.h>
#include <threads.h>

#include "base/memory.h"
#include "numerics/linalg.h"

/* Uniform on [-1, 1), the same on every machine (splitmix64). */
static double draw(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1;
}

static double *draw_matrix(size_t n, size_t m, uint64_t seed)
{
    double *a = mem_new(n * m, sizeof *a);
    for (size_t i = 0; i < n * m; i++)
        a[i] = draw(&seed);
    return a;
}

static double *draw_spd(size_t n, uint64_t seed)
{
    double *g = draw_matrix(n, n, seed), *a = mem_new(n * n, sizeof *a);
    linalg_multiply_nt(n, n, n, g, g, a);
    for (size_t i = 0; i < n; i++)
        a[i * n + i] += 0.1;
    mem_free(g);
    return a;
}

static void assert_matrix_near(size_t count, const double *got, const double *expected,
                               double tolerance)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs(got[i] - expected[i]) <= tolerance))
            fail_msg("entry %zu: %.17g, expected %.17g", i, got[i], expected[i]);
}

static const size_t sizes[] = {1, 2, 3, 7, 12, 40};
#define SIZES (sizeof sizes / sizeof *sizes)

static void linalg__cholesky_of_a_published_matrix(void **state)
{
    (void)state;
    /* The usual textbook example: factor (2 0 0; 6 1 0; -8 5 3). */
    double a[] = {4, 12, -16, 12, 37, -43, -16, -43, 98};
    static const double l[] = {2, 0, 0, 6, 1, 0, -8, 5, 3};
    assert_ok(linalg_cholesky(3, a));
    assert_matrix_near(9, a, l, 1e-13);
    assert_near(linalg_lower_log_det(3, a), log(36), 1e-13);
}

static void linalg__cholesky_reads_the_lower_triangle_only(void **state)
{
    (void)state;
    double a[] = {4, NAN, NAN, 12, 37, NAN, -16, -43, 98};
    static const double l[] = {2, 0, 0, 6, 1, 0, -8, 5, 3};
    assert_ok(linalg_cholesky(3, a));
    assert_matrix_near(9, a, l, 1e-13);
}

static void linalg__cholesky_multiplies_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < SIZES; k++) {
        size_t n = sizes[k];
        double *a = draw_spd(n, 7 + k), *l = mem_copy(a, n * n * sizeof *a);
        double *back = mem_new(n * n, sizeof *back);
        assert_ok(linalg_cholesky(n, l));
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n; j++)
                assert_true(l[i * n + j] == 0);
        linalg_multiply_nt(n, n, n, l, l, back);
        assert_matrix_near(n * n, back, a, 1e-13 * (double)n);
        mem_free(a);
        mem_free(l);
        mem_free(back);
    }
}

static void linalg__triangular_solves_undo_products(void **state)
{
    (void)state;
    for (size_t k = 0; k < SIZES; k++) {
        size_t n = sizes[k], m = 3;
        double *l = draw_spd(n, 70 + k), *x = draw_matrix(n, m, k);
        double *b = mem_new(n * m, sizeof *b);
        assert_ok(linalg_cholesky(n, l));
        linalg_multiply(n, n, m, l, x, b);
        linalg_lower_solve(n, l, m, b);
        assert_matrix_near(n * m, b, x, 1e-10);
        linalg_multiply_tn(n, n, m, l, x, b);
        linalg_lower_transposed_solve(n, l, m, b);
        assert_matrix_near(n * m, b, x, 1e-10);
        mem_free(l);
        mem_free(x);
        mem_free(b);
    }
}

static void linalg__spd_inverse_and_solve_agree(void **state)
{
    (void)state;
    for (size_t k = 0; k < SIZES; k++) {
        size_t n = sizes[k];
        double *a = draw_spd(n, 700 + k), *inverse = mem_new(n * n, sizeof *inverse);
        double *product = mem_new(n * n, sizeof *product);
        double *identity = mem_new(n * n, sizeof *identity);
        for (size_t i = 0; i < n; i++)
            identity[i * n + i] = 1;
        assert_ok(linalg_spd_inverse(n, a, inverse));
        linalg_multiply(n, n, n, a, inverse, product);
        assert_matrix_near(n * n, product, identity, 1e-11);
        memcpy(product, identity, n * n * sizeof *a);
        assert_ok(linalg_spd_solve(n, a, n, product));
        assert_matrix_near(n * n, product, inverse, 1e-11);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < i; j++)
                assert_true(inverse[i * n + j] == inverse[j * n + i]);
        mem_free(a);
        mem_free(inverse);
        mem_free(product);
        mem_free(identity);
    }
}

static void linalg__inverse_of_the_hilbert_matrix(void **state)
{
    (void)state;
    /* Its inverse is known in integers; 4 x 4, condition 1.6e4. */
    static const double expected[] = {16,  -120,  240,  -140,  -120, 1200, -2700, 1680,
                                      240, -2700, 6480, -4200, -140, 1680, -4200, 2800};
    double hilbert[16], inverse[16];
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            hilbert[i * 4 + j] = 1 / (double)(i + j + 1);
    assert_ok(linalg_spd_inverse(4, hilbert, inverse));
    assert_matrix_near(16, inverse, expected, 1e-8);
}

static void linalg__solve_finds_the_solution_of_any_square_system(void **state)
{
    (void)state;
    double a[] = {0, 2, 1, 1, -2, -3, -1, 1, 2}, b[] = {-8, 0, 3};
    static const double x[] = {-4, -5, 2};
    assert_ok(linalg_solve(3, a, 1, b));
    assert_matrix_near(3, b, x, 1e-13);
    for (size_t k = 0; k < SIZES; k++) {
        size_t n = sizes[k], m = k + 1;
        double *g = draw_matrix(n, n, 20 + k), *xs = draw_matrix(n, m, 30 + k);
        double *bs = mem_new(n * m, sizeof *bs);
        linalg_multiply(n, n, m, g, xs, bs);
        assert_ok(linalg_solve(n, g, m, bs));
        assert_matrix_near(n * m, bs, xs, 1e-10);
        mem_free(g);
        mem_free(xs);
        mem_free(bs);
    }
}

/* Of permutations, of a product of triangles, of what has none. */
static void linalg__determinants_have_a_sign(void **state)
{
    (void)state;
    static const double even[] = {0, 1, 0, 0, 0, 1, 1, 0, 0},
                        odd[] = {0, 1, 0, 1, 0, 0, 0, 0, 1}, product[] = {2, 1, 4, 1},
                        flat[] = {1, 2, 2, 4}, nothing[] = {NAN}, small[] = {-1e-300};
    assert_int_equal(linalg_determinant_sign(3, even), 1);
    assert_int_equal(linalg_determinant_sign(3, odd), -1);
    assert_int_equal(linalg_determinant_sign(2, product), -1);
    assert_int_equal(linalg_determinant_sign(2, flat), 0);
    assert_int_equal(linalg_determinant_sign(1, nothing), 0);
    assert_int_equal(linalg_determinant_sign(1, small), -1);
}

static void linalg__solve_does_not_mind_units(void **state)
{
    (void)state;
    double a[] = {1e-20, 2e-20, 3e10, -4e10}, b[] = {5e-20, 5e10};
    assert_ok(linalg_solve(2, a, 1, b));
    assert_relative(b[0], 3.0, 1e-14);
    assert_relative(b[1], 1.0, 1e-14);
}

static void linalg__singular_and_indefinite_are_refused(void **state)
{
    (void)state;
    double singular[] = {1, 2, 2, 4}, b[] = {1, 1}, values[2], vectors[4];
    assert_refused(ERR_NUMERIC, "singular", linalg_solve(2, singular, 1, b));
    double nearly[] = {1, 0.1, 0.1, 0.01 * (1 + 1e-16)};
    assert_refused(ERR_NUMERIC, "singular", linalg_solve(2, nearly, 1, b));
    assert_true(b[0] == 1 && b[1] == 1);
    assert_refused(ERR_NUMERIC, "row 1", linalg_cholesky(2, singular));
    double indefinite[] = {1, 2, 2, 1}, negative[] = {-1}, zero[] = {0};
    assert_refused(ERR_NUMERIC, "not positive definite", linalg_cholesky(2, indefinite));
    assert_refused(ERR_NUMERIC, "row 0", linalg_cholesky(1, negative));
    assert_refused(ERR_NUMERIC, "row 0", linalg_cholesky(1, zero));
    double rank_two[] = {2, 1, 3, 1, 5, 6, 3, 6, 9};
    assert_refused(ERR_NUMERIC, "row 2", linalg_cholesky(3, rank_two));
    double bad[] = {1, 0, NAN, 1}, infinite[] = {INFINITY};
    assert_refused(ERR_NUMERIC, "(1, 0) is not finite", linalg_cholesky(2, bad));
    assert_refused(ERR_NUMERIC, "not finite", linalg_eigen(2, bad, values, vectors));
    assert_refused(ERR_NUMERIC, "not finite", linalg_spd_inverse(1, infinite, values));
    assert_refused(ERR_NUMERIC, "not finite", linalg_solve(1, infinite, 1, b));
    assert_refused(ERR_RANGE, "dimension 0", linalg_cholesky(0, b));
}

/* Rounding makes the last pivot of such a matrix tiny of either sign, by how much depends
 * on the BLAS kernel and, through the condition of the rows before, on the draw. */
static void linalg__cholesky_refuses_what_only_rounding_makes_definite(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        double *g = draw_matrix(6, 5, seed), a[36];
        linalg_multiply_nt(6, 5, 6, g, g, a);
        assert_refused(ERR_NUMERIC, "not positive definite", linalg_cholesky(6, a));
        mem_free(g);
    }
}

/* The Hilbert matrix of order 8 has condition 1.5e10 and is definite all the same; its
 * determinant is 2.737050113791e-33. */
static void linalg__cholesky_accepts_what_is_merely_ill_conditioned(void **state)
{
    (void)state;
    double a[64];
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < 8; j++)
            a[i * 8 + j] = 1 / (double)(i + j + 1);
    assert_ok(linalg_cholesky(8, a));
    assert_relative(exp(linalg_lower_log_det(8, a)), 2.737050113791e-33, 1e-5);
}

static void linalg__cholesky_does_not_mind_units(void **state)
{
    (void)state;
    double a[] = {1e-24, 0.5, 0.5, 1e24};
    assert_ok(linalg_cholesky(2, a));
    assert_relative(a[3] * a[3], 0.75e24, 1e-14);
}

static void linalg__eigen_of_published_matrices(void **state)
{
    (void)state;
    /* Second difference matrix: 2 - 2 cos(k pi / (n + 1)), vectors sin(i k pi / (n + 1)).
     */
    enum { N = 5 };
    double a[N * N] = {0}, values[N], vectors[N * N];
    for (size_t i = 0; i < N; i++) {
        a[i * N + i] = 2;
        if (i > 0)
            a[i * N + i - 1] = a[(i - 1) * N + i] = -1;
    }
    assert_ok(linalg_eigen(N, a, values, vectors));
    for (size_t k = 0; k < N; k++) {
        assert_near(values[k], 2 - 2 * cos((double)(k + 1) * M_PI / (N + 1)), 1e-14);
        double ratio = sin(2.0 * (double)(k + 1) * M_PI / (N + 1)) /
                       sin((double)(k + 1) * M_PI / (N + 1));
        assert_near(vectors[1 * N + k] / vectors[0 * N + k], ratio, 1e-13);
    }
}

static void linalg__eigen_rebuilds_and_is_orthonormal(void **state)
{
    (void)state;
    for (size_t k = 0; k < SIZES; k++) {
        size_t n = sizes[k];
        double *a = draw_spd(n, 900 + k), *values = mem_new(n, sizeof *values);
        double *v = mem_new(n * n, sizeof *v), *scaled = mem_new(n * n, sizeof *v);
        double *back = mem_new(n * n, sizeof *v);
        a[0] -= 5; /* indefinite is fine */
        assert_ok(linalg_eigen(n, a, values, v));
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                scaled[i * n + j] = v[i * n + j] * values[j];
        linalg_multiply_nt(n, n, n, scaled, v, back);
        assert_matrix_near(n * n, back, a, 1e-12 * (double)n);
        linalg_multiply_tn(n, n, n, v, v, back);
        for (size_t i = 0; i < n; i++)
            back[i * n + i] -= 1;
        assert_matrix_near(n * n, back, memset(scaled, 0, n * n * sizeof *v), 1e-13);
        for (size_t i = 1; i < n; i++)
            assert_true(values[i - 1] <= values[i]);
        mem_free(a);
        mem_free(values);
        mem_free(v);
        mem_free(scaled);
        mem_free(back);
    }
}

static void linalg__eigenvectors_have_a_fixed_sign(void **state)
{
    (void)state;
    double a[] = {2, 1, 1, 2}, values[3], vectors[9];
    assert_ok(linalg_eigen(2, a, values, vectors));
    assert_near(values[0], 1, 1e-15);
    assert_near(values[1], 3, 1e-15);
    assert_near(vectors[0], M_SQRT1_2,
                1e-15); /* (1, -1) / sqrt 2: a tie, the first wins */
    assert_near(vectors[2], -M_SQRT1_2, 1e-15);
    assert_near(vectors[1], M_SQRT1_2, 1e-15);
    assert_near(vectors[3], M_SQRT1_2, 1e-15);
    for (uint64_t seed = 0; seed < 200; seed++) {
        double *b = draw_spd(3, seed);
        assert_ok(linalg_eigen(3, b, values, vectors));
        for (size_t k = 0; k < 3; k++) {
            size_t largest = 0;
            for (size_t i = 1; i < 3; i++)
                if (fabs(vectors[i * 3 + k]) > fabs(vectors[largest * 3 + k]))
                    largest = i;
            assert_true(vectors[largest * 3 + k] > 0);
        }
        mem_free(b);
    }
}

/* A x = value L L' x for x = L^-T v; of A = 4 L L' all values are 4. */
static void linalg__eigen_relative_solves_the_general_problem(void **state)
{
    (void)state;
    for (size_t k = 0; k < SIZES; k++) {
        size_t n = sizes[k];
        double *a = draw_spd(n, 930 + k), *unit = draw_spd(n, 960 + k);
        double *l = mem_copy(unit, n * n * sizeof *l),
               *values = mem_new(n, sizeof *values);
        double *v = mem_new(n * n, sizeof *v), *left = mem_new(n * n, sizeof *v);
        double *right = mem_new(n * n, sizeof *v);
        a[0] -= 5; /* indefinite is fine */
        assert_ok(linalg_cholesky(n, l));
        assert_ok(linalg_eigen_relative(n, l, a, values, v));
        linalg_lower_transposed_solve(n, l, n, v);
        linalg_multiply(n, n, n, a, v, left);
        linalg_multiply(n, n, n, unit, v, right);
        for (size_t i = 0; i < n * n; i++)
            right[i] *= values[i % n];
        assert_matrix_near(n * n, left, right, 1e-10 * (double)n);
        for (size_t i = 0; i < n * n; i++)
            a[i] = 4 * unit[i];
        assert_ok(linalg_eigen_relative(n, l, a, values, v));
        for (size_t i = 0; i < n; i++)
            assert_near(values[i], 4, 1e-9);
        mem_free(a);
        mem_free(unit);
        mem_free(l);
        mem_free(values);
        mem_free(v);
        mem_free(left);
        mem_free(right);
    }
}

static void linalg__products_match_the_definition(void **state)
{
    (void)state;
    enum { N = 3, K = 5, M = 4 };
    double *a = draw_matrix(N, K, 1), *b = draw_matrix(K, M, 2), expected[N * M],
           c[N * M];
    double at[K * N], bt[M * K];
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < M; j++) {
            expected[i * M + j] = 0;
            for (size_t k = 0; k < K; k++)
                expected[i * M + j] += a[i * K + k] * b[k * M + j];
        }
    for (size_t k = 0; k < K; k++) {
        for (size_t i = 0; i < N; i++)
            at[k * N + i] = a[i * K + k];
        for (size_t j = 0; j < M; j++)
            bt[j * K + k] = b[k * M + j];
    }
    linalg_multiply(N, K, M, a, b, c);
    assert_matrix_near(N * M, c, expected, 1e-15);
    linalg_multiply_tn(N, K, M, at, b, c);
    assert_matrix_near(N * M, c, expected, 1e-15);
    linalg_multiply_nt(N, K, M, a, bt, c);
    assert_matrix_near(N * M, c, expected, 1e-15);
    linalg_multiply(N, 0, M, a, b, c);
    assert_matrix_near(N * M, c, (double[N * M]){0}, 0);
    mem_free(a);
    mem_free(b);
}

static void linalg__svec_keeps_inner_products(void **state)
{
    (void)state;
    for (size_t k = 0; k < SIZES; k++) {
        size_t n = sizes[k], packed = LINALG_SVEC_DIM(n);
        double *a = draw_spd(n, 40 + k), *b = draw_spd(n, 50 + k);
        double *pa = mem_new(packed, sizeof *pa), *pb = mem_new(packed, sizeof *pb);
        double *back = mem_new(n * n, sizeof *back), trace = 0, inner = 0;
        linalg_svec(n, a, pa);
        linalg_svec(n, b, pb);
        for (size_t i = 0; i < n * n; i++)
            trace += a[i] * b[i];
        for (size_t i = 0; i < packed; i++)
            inner += pa[i] * pb[i];
        assert_relative(inner, trace, 1e-13);
        linalg_svec_unpack(n, pa, back);
        assert_matrix_near(n * n, back, a, 1e-14);
        mem_free(a);
        mem_free(b);
        mem_free(pa);
        mem_free(pb);
        mem_free(back);
    }
    double a[] = {1, 2, 4, 2, 3, 5, 4, 5, 6}, packed[6];
    static const double order[] = {1, 2 * M_SQRT2, 3, 4 * M_SQRT2, 5 * M_SQRT2, 6};
    linalg_svec(3, a, packed);
    assert_matrix_near(6, packed, order, 1e-15);
}

static void linalg__uses_one_thread(void **state)
{
    (void)state;
    size_t n = 300, tasks = 0;
    double *a = draw_matrix(n, n, 3), *c = mem_new(n * n, sizeof *c);
    linalg_multiply(n, n, n, a, a, c);
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        tasks += entry->d_name[0] != '.';
    closedir(folder);
    assert_int_equal(tasks, 1);
    mem_free(a);
    mem_free(c);
}

enum { BUSY_N = 12, BUSY_TURNS = 4000, BUSY_THREADS = 4 };

/* A product, a solution and eigenvectors again and again; how often they were not the
 * same bits as the first time, when nobody else was there. */
struct busy {
    double *a, *spd, *product; /* product, solution, vectors, one after the other */
    size_t wrong;
};

static void busy_turn(const struct busy *busy, double *out)
{
    size_t square = BUSY_N * BUSY_N;
    double values[BUSY_N];
    linalg_multiply(BUSY_N, BUSY_N, BUSY_N, busy->a, busy->a, out);
    memcpy(out + square, busy->a, square * sizeof *out);
    assert_ok(linalg_spd_solve(BUSY_N, busy->spd, BUSY_N, out + square));
    assert_ok(linalg_eigen(BUSY_N, busy->spd, values, out + 2 * square));
}

static int busy_work(void *argument)
{
    struct busy *busy = argument;
    size_t square = BUSY_N * BUSY_N;
    double *out = mem_new(3 * square, sizeof *out);
    for (size_t i = 0; i < BUSY_TURNS; i++) {
        busy_turn(busy, out);
        busy->wrong += memcmp(out, busy->product, 3 * square * sizeof *out) != 0;
    }
    mem_free(out);
    return 0;
}

static void linalg__threads_do_not_spoil_each_other(void **state)
{
    (void)state;
    struct busy busy[BUSY_THREADS];
    thrd_t threads[BUSY_THREADS];
    for (size_t i = 0; i < BUSY_THREADS; i++) {
        busy[i] = (struct busy){.a = draw_matrix(BUSY_N, BUSY_N, i + 1),
                                .spd = draw_spd(BUSY_N, i + 1),
                                .product = mem_new(3 * BUSY_N * BUSY_N, sizeof(double))};
        busy_turn(&busy[i], busy[i].product);
    }
    for (size_t i = 0; i < BUSY_THREADS; i++)
        assert_int_equal(thrd_create(&threads[i], busy_work, &busy[i]), thrd_success);
    for (size_t i = 0; i < BUSY_THREADS; i++) {
        thrd_join(threads[i], NULL);
        assert_int_equal(busy[i].wrong, 0);
        mem_free(busy[i].a);
        mem_free(busy[i].spd);
        mem_free(busy[i].product);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linalg__cholesky_of_a_published_matrix),
        cmocka_unit_test(linalg__cholesky_reads_the_lower_triangle_only),
        cmocka_unit_test(linalg__cholesky_multiplies_back),
        cmocka_unit_test(linalg__triangular_solves_undo_products),
        cmocka_unit_test(linalg__spd_inverse_and_solve_agree),
        cmocka_unit_test(linalg__inverse_of_the_hilbert_matrix),
        cmocka_unit_test(linalg__solve_finds_the_solution_of_any_square_system),
        cmocka_unit_test(linalg__determinants_have_a_sign),
        cmocka_unit_test(linalg__solve_does_not_mind_units),
        cmocka_unit_test(linalg__singular_and_indefinite_are_refused),
        cmocka_unit_test(linalg__cholesky_refuses_what_only_rounding_makes_definite),
        cmocka_unit_test(linalg__cholesky_accepts_what_is_merely_ill_conditioned),
        cmocka_unit_test(linalg__cholesky_does_not_mind_units),
        cmocka_unit_test(linalg__eigen_of_published_matrices),
        cmocka_unit_test(linalg__eigen_rebuilds_and_is_orthonormal),
        cmocka_unit_test(linalg__eigenvectors_have_a_fixed_sign),
        cmocka_unit_test(linalg__eigen_relative_solves_the_general_problem),
        cmocka_unit_test(linalg__products_match_the_definition),
        cmocka_unit_test(linalg__svec_keeps_inner_products),
        cmocka_unit_test(linalg__uses_one_thread),
        cmocka_unit_test(linalg__threads_do_not_spoil_each_other),
    };
    return cmocka_run_group_tests_name("linalg", tests, NULL, NULL);
}
