#include "numerics/elimination.h"

#include "base/memory.h"
#include "check.h"
#include "numerics/linalg.h"

#define STATES 24
#define ENTRIES_MAX (STATES * STATES)

/* The i-th of a fixed sequence of numbers in (-1, 1) without pattern. */
static double spread(size_t i)
{
    double whole;
    return 2 * modf(0.5 + 0.6180339887498949 * (double)(i * i + i + 1), &whole) - 1;
}

/* A pattern by its `kind`: an arrow whose head is the first state, so that its order as
 * it stands would fill everything; a chain with a loop back; scattered. */
static size_t pattern(size_t kind, struct lanes_entry *entries)
{
    size_t count = 0;
    for (uint32_t i = 0; i < STATES; i++)
        for (uint32_t j = 0; j < STATES; j++) {
            bool arrow = i == 0 || j == 0 || i == j;
            bool chain = i == j || i == j + 1 || (i == 3 && j == STATES - 1);
            bool scattered = spread(i * STATES + j) > 0.7;
            if (kind == 0 ? arrow : kind == 1 ? chain : scattered)
                entries[count++] = (struct lanes_entry){i, j};
        }
    return count;
}

static void fill(const struct lanes_entry *entries, size_t count, double *values,
                 double *shift, double *b)
{
    (void)entries;
    for (size_t i = 0; i < count * LANES; i++)
        values[i] = spread(i + 7);
    for (size_t l = 0; l < LANES; l++)
        shift[l] = 8 + (double)l;
    for (size_t i = 0; i < STATES * LANES; i++)
        b[i] = spread(3 * i + 1);
}

static void elimination__solves_what_linalg_solves(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < 3; kind++) {
        struct lanes_entry entries[ENTRIES_MAX];
        size_t count = pattern(kind, entries), row_of[STATES];
        double *values = lanes_rows_new(count), *x = lanes_rows_new(STATES), shift[LANES];
        double b[STATES * LANES];
        for (size_t i = 0; i < STATES; i++)
            row_of[i] = STATES - 1 - i;
        fill(entries, count, values, shift, b);
        memcpy(x, b, sizeof b);
        struct elimination *e = elimination_new(STATES, entries, count, simd_best());
        struct elimination_plan *plan = elimination_plan(e, row_of);
        elimination_factor(e, shift, values);
        elimination_solve(e, plan, x);
        for (size_t l = 0; l < LANES; l++) {
            double matrix[STATES * STATES] = {0}, right[STATES];
            for (size_t i = 0; i < STATES; i++) {
                matrix[i * STATES + i] = shift[l];
                right[i] = b[row_of[i] * LANES + l];
            }
            for (size_t i = 0; i < count; i++)
                matrix[entries[i].row * STATES + entries[i].column] -=
                    values[i * LANES + l];
            assert_ok(linalg_solve(STATES, matrix, 1, right));
            for (size_t i = 0; i < STATES; i++)
                assert_near(x[row_of[i] * LANES + l], right[i], 1e-13);
        }
        elimination_plan_free(plan);
        elimination_destroy(&e);
        lanes_rows_free(values);
        lanes_rows_free(x);
    }
}

/* An arrow and a chain are not filled, but for the loop's one column. */
static void elimination__fills_little(void **state)
{
    (void)state;
    struct lanes_entry entries[ENTRIES_MAX];
    static const size_t more[] = {0, STATES - 5};
    for (size_t kind = 0; kind < 2; kind++) {
        size_t count = pattern(kind, entries);
        struct elimination *e = elimination_new(STATES, entries, count, SIMD_SCALAR);
        assert_in_range(elimination_factors(e), count, count + more[kind]);
        elimination_destroy(&e);
    }
}

/* A plan for the states below 10 of a chain, which nothing above leads to. */
static void elimination__leaves_out_what_stays_zero(void **state)
{
    (void)state;
    struct lanes_entry entries[2 * STATES];
    size_t count = 0, all[STATES], some[STATES];
    for (uint32_t i = 0; i < STATES; i++) {
        entries[count++] = (struct lanes_entry){i, i};
        if (i > 0)
            entries[count++] = (struct lanes_entry){i, i - 1};
        all[i] = i;
        some[i] = i < 10 ? ELIMINATION_NONE : i - 10;
    }
    double *values = lanes_rows_new(count), *x = lanes_rows_new(STATES), shift[LANES];
    double *y = lanes_rows_new(STATES), b[STATES * LANES];
    fill(entries, count, values, shift, b);
    memcpy(x + 10 * LANES, b, (STATES - 10) * LANES * sizeof(double));
    memcpy(y, b, (STATES - 10) * LANES * sizeof(double));
    struct elimination *e = elimination_new(STATES, entries, count, simd_best());
    struct elimination_plan *whole = elimination_plan(e, all);
    struct elimination_plan *part = elimination_plan(e, some);
    elimination_factor(e, shift, values);
    elimination_solve(e, whole, x);
    elimination_solve(e, part, y);
    assert_memory_equal(x + 10 * LANES, y, (STATES - 10) * LANES * sizeof(double));
    elimination_plan_free(whole);
    elimination_plan_free(part);
    elimination_destroy(&e);
    lanes_rows_free(values);
    lanes_rows_free(x);
    lanes_rows_free(y);
}

static void elimination__is_the_same_on_every_machine(void **state)
{
    (void)state;
    struct lanes_entry entries[ENTRIES_MAX];
    size_t count = pattern(2, entries), row_of[STATES];
    double *values = lanes_rows_new(count), shift[LANES];
    double *x[3], b[STATES * LANES];
    for (size_t i = 0; i < STATES; i++)
        row_of[i] = i;
    fill(entries, count, values, shift, b);
    shift[5] = 0; /* what is no number in one lane */
    for (enum simd simd = SIMD_SCALAR; simd <= SIMD_AVX512; simd++) {
        struct elimination *e = elimination_new(STATES, entries, count, simd);
        struct elimination_plan *plan = elimination_plan(e, row_of);
        x[simd] = lanes_rows_new(STATES);
        memcpy(x[simd], b, sizeof b);
        elimination_factor(e, shift, values);
        elimination_solve(e, plan, x[simd]);
        elimination_plan_free(plan);
        elimination_destroy(&e);
    }
    for (size_t i = 0; i < STATES * LANES; i++)
        for (size_t simd = 1; simd < 3 && i % LANES != 5; simd++)
            assert_memory_equal(&x[simd][i], &x[0][i], sizeof(double));
    for (size_t simd = 0; simd < 3; simd++)
        lanes_rows_free(x[simd]);
    lanes_rows_free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elimination__solves_what_linalg_solves),
        cmocka_unit_test(elimination__fills_little),
        cmocka_unit_test(elimination__leaves_out_what_stays_zero),
        cmocka_unit_test(elimination__is_the_same_on_every_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
