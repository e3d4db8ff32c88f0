/* One piece of a course that is a formula of time. */

#include "sight.h"

#include <math.h>
#include <string.h>

#include "check.h"

struct piece {
    struct model *model;
    struct evaluator *evaluator;
    double t[SIGHT_SAMPLES], *values, *rules, *probe;
    size_t looks;
    struct sight sight;
};

static void look(void *context, double t, double *values)
{
    struct piece *piece = context;
    piece->looks++;
    evaluator_course(piece->evaluator, t, NULL, values);
}

/* Of what one outcome looks at, between two times. */
static void piece_open(struct piece *piece, const char *formula, const char *outcome,
                       double a, double b)
{
    double times[SIGHT_SAMPLES * LANES], none = 0;
    const bool all[MODEL_FUNCTIONALS_MAX] = {true, true};
    char *text = mem_format("model m version 1\ntime h\n[equations]\nx = time/(1 h)\n%s\n"
                            "[observations]\no : q ~ add(1)\n[outcomes]\n%s\n",
                            formula, outcome);
    *piece = (struct piece){0};
    assert_ok(model_parse(text, strlen(text), "sight.twin", &piece->model));
    size_t width = sight_width(piece->model);
    piece->evaluator = evaluator_new(piece->model, false);
    evaluator_individual(piece->evaluator, &none, &none);
    piece->values = lanes_rows_new(width * SIGHT_SAMPLES);
    piece->rules = lanes_rows_new(sight_ruled(piece->model) * RULES);
    piece->probe = mem_new(width, sizeof(double));
    sight_times(a, b, piece->t);
    for (size_t i = 0; i < SIGHT_SAMPLES; i++) {
        evaluator_course(piece->evaluator, piece->t[i], NULL, piece->probe);
        for (size_t v = 0; v < width; v++)
            piece->values[(v * SIGHT_SAMPLES + i) * LANES] = piece->probe[v];
        EACH_LANE times[i * LANES + l] = piece->t[i];
    }
    sight_rules(piece->model, all, times, piece->values, piece->rules, simd_best());
    piece->sight = (struct sight){.model = piece->model,
                                  .t = piece->t,
                                  .values = piece->values,
                                  .rules = piece->rules,
                                  .look = look,
                                  .context = piece,
                                  .probe = piece->probe};
    mem_free(text);
}

static void piece_close(struct piece *piece)
{
    evaluator_destroy(&piece->evaluator);
    lanes_rows_free(piece->values);
    lanes_rows_free(piece->rules);
    mem_free(piece->probe);
    model_destroy(&piece->model);
}

/* Gauss' is exact to degree 13, Kronrod's to 23; they differ where the piece is rough. */
static void sight__rules_integrate(void **state)
{
    (void)state;
    struct piece piece;
    piece_open(&piece, "q = 14*x^13 - 3*x^2", "o1 = auc(q)", -1, 2);
    assert_near(sight_rule(&piece.sight, 0, RULE_GAUSS), 16383 - 9, 1e-9);
    assert_near(sight_rule(&piece.sight, 0, RULE_KRONROD), 16383 - 9, 1e-9);
    assert_near(sight_rule(&piece.sight, 0, RULE_SIZE), 14 * 8192 - 12, 1e-9);
    assert_near(sight_rule(&piece.sight, 0, RULE_HIGH), 14 * 8192 - 12, 1e-9);
    assert_near(sight_rule(&piece.sight, 0, RULE_LOW), -17, 1e-12);
    piece_close(&piece);
    piece_open(&piece, "q = 24*x^23", "o1 = auc(q)", 0, 2);
    double whole = pow(2, 24);
    assert_near(sight_rule(&piece.sight, 0, RULE_KRONROD), whole, 1e-13 * whole);
    assert_true(fabs(sight_rule(&piece.sight, 0, RULE_GAUSS) - whole) > 1e-6 * whole);
    piece_close(&piece);
    piece_open(&piece, "q = x^4 + x^3", "o1 = auc(q)", -1, 2);
    assert_near(sight_rule(&piece.sight, 0, RULE_ENDS), 0, 1e-14);
    piece_close(&piece);
    /* Between an end and the first node: both rules see a line. */
    for (int end = 0; end < 2; end++) {
        piece_open(&piece, end ? "q = min(x, 1.998)" : "q = max(x, 0.002)", "o1 = auc(q)",
                   0, 2);
        double off = sight_rule(&piece.sight, 0, RULE_GAUSS) -
                     sight_rule(&piece.sight, 0, RULE_KRONROD);
        assert_near(off, 0, 1e-14);
        assert_true(sight_rule(&piece.sight, 0, RULE_ENDS) > 1e-6);
        piece_close(&piece);
    }
    piece_open(&piece, "q = x^3", "o1 = sd(q)", 0, 2);
    assert_near(sight_squares(&piece.sight, 0, 1), 128.0 / 7 - 8 + 2, 1e-13);
    piece_close(&piece);
}

/* An extreme takes a few looks, one at the end of the piece one. */
static void sight__extremes_take_few_looks(void **state)
{
    (void)state;
    static const struct {
        const char *formula;
        double sign, value, time;
        size_t looks;
    } rows[] = {
        {"q = exp(-(x - 0.37)^2)", -1, 1, 0.37, 20},
        {"q = abs(x - 0.37)", 1, 0, 0.37, 60},
        {"q = x^2", 1, 0, 0, 1},
        {"q = exp(-x)", 1, 0.36787944117144233, 1, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct piece piece;
        struct lowest lowest = {INFINITY, 0};
        piece_open(&piece, rows[i].formula, "o1 = min(q)", 0, 1);
        sight_least(&piece.sight, 0, rows[i].sign, &lowest);
        assert_near(rows[i].sign * lowest.value, rows[i].value, i == 1 ? 1e-8 : 1e-15);
        assert_near(lowest.time, rows[i].time, 2e-8);
        assert_in_range(piece.looks, 1, rows[i].looks);
        /* What lies above what is known already needs no look. */
        piece.looks = 0;
        lowest.value -= 10;
        sight_least(&piece.sight, 0, rows[i].sign, &lowest);
        assert_int_equal(piece.looks, 0);
        piece_close(&piece);
    }
}

static void sight__conditions_turn_where_they_do(void **state)
{
    (void)state;
    const struct {
        const char *condition;
        size_t looks;
        double half, from; /* it holds within so much of 0.37, but not before `from` */
    } rows[] = {
        {"q > 0.9", 80, sqrt(-log(0.9)), 0},
        {"q > 0.5", 0, 1, 0},
        {"q > 2", 0, 0, 0},
        {"q > 0.99999", 80, sqrt(-log(0.99999)), 0}, /* between two samples */
        {"q > 0.9 and x > 0.5", 80, sqrt(-log(0.9)), 0.5},
        {"not q <= 0.9 or x > 2", 80, sqrt(-log(0.9)), 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct piece piece;
        struct stretch holds[SIGHT_STRETCHES_MAX];
        char *outcome = mem_format("o1 = duration(%s)", rows[i].condition);
        piece_open(&piece, "q = exp(-(x - 0.37)^2)", outcome, 0, 1);
        size_t count = sight_holds(&piece.sight, 0, holds);
        assert_int_equal(count > 0, rows[i].half > 0);
        if (count) {
            double half = rows[i].half;
            assert_near(holds[0].from, fmax(0.37 - half, rows[i].from), 1e-13);
            assert_near(holds[count - 1].to, fmin(0.37 + half, 1), 1e-13);
        }
        for (size_t k = 1; k < count; k++)
            assert_true(holds[k].from == holds[k - 1].to);
        assert_in_range(piece.looks, 0, rows[i].looks);
        mem_free(outcome);
        piece_close(&piece);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sight__rules_integrate),
        cmocka_unit_test(sight__extremes_take_few_looks),
        cmocka_unit_test(sight__conditions_turn_where_they_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
