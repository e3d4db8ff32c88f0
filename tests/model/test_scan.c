/* A scan of formulas of time, shown to it by hand. */

#include "scan.h"

#include <math.h>
#include <string.h>

#include "check.h"

struct shown {
    struct evaluator *evaluator;
    size_t pieces, looks; /* inside pieces, at times of their own */
    double first, begun, last;
    const double *bounds; /* that no piece may cross, ending with INFINITY */
};

static void look(void *context, double t, double *values)
{
    struct shown *shown = context;
    shown->looks++;
    evaluator_course(shown->evaluator, t, NULL, values);
}

/* Everything that is asked for until `to`. */
static void show(struct shown *shown, const struct model *model, struct scan *scan,
                 double to)
{
    double t[SIGHT_SAMPLES];
    bool all[MODEL_FUNCTIONALS_MAX];
    memset(all, true, sizeof all);
    size_t width = sight_width(model);
    double *row = mem_new(width, sizeof *row);
    double *values = lanes_rows_new(width * SIGHT_SAMPLES);
    double *rules = lanes_rows_new(sight_ruled(model) * RULES),
           times[SIGHT_SAMPLES * LANES];
    scan_open(scan, shown->evaluator, to);
    while (scan_asks(scan, t)) {
        for (size_t i = 0; i < SIGHT_SAMPLES; i++) {
            evaluator_course(shown->evaluator, t[i], NULL, row);
            for (size_t v = 0; v < width; v++)
                values[(v * SIGHT_SAMPLES + i) * LANES] = row[v];
        }
        for (const double *b = shown->bounds; *b < INFINITY; b++)
            assert_true(t[0] >= *b || t[SIGHT_SAMPLES - 1] <= *b);
        shown->first = shown->pieces++ ? shown->first : t[0];
        assert_true(shown->pieces == 1 || t[0] >= shown->begun);
        shown->begun = t[0];
        shown->last = t[SIGHT_SAMPLES - 1];
        for (size_t i = 0; i < SIGHT_SAMPLES * LANES; i++)
            times[i] = t[i / LANES];
        sight_rules(model, all, times, values, rules, SIMD_SCALAR);
        const struct sight sight = {.model = model,
                                    .t = t,
                                    .values = values,
                                    .rules = rules,
                                    .look = look,
                                    .context = shown,
                                    .probe = row};
        scan_see(scan, &sight);
    }
    mem_free(row);
    lanes_rows_free(values);
    lanes_rows_free(rules);
}

static struct evaluator *evaluator_of(const struct model *model)
{
    struct evaluator *out = evaluator_new(model, false);
    double none = 0;
    evaluator_individual(out, &none, &none);
    return out;
}

static struct model *model_of(const char *text)
{
    struct model *model;
    assert_ok(model_parse(text, strlen(text), "scan.twin", &model));
    return model;
}

static const char waves[] =
    "model m version 1\ntime h\n[equations]\nq = sin(time/(1 h)) + 0.5*sin(3*time/(1 h)) "
    "+ 0.01*time/(1 h)\n"
    "[observations]\no : q ~ add(1)\n"
    "[outcomes]\ntop = max(q) over 1 h .. 9 h\nat = time_of_max(q) over 1 h .. 9 h\n"
    "area = auc(q) over 1 h .. 9 h\nup = duration(q > 0.25) over 2 h .. 8 h\n"
    "both = duration(q > 0.25 and q < 0.75) over 2 h .. 8 h\nhours = max(q) per 3 h\n"
    "outside = max(q) over 5 h .. 11 h\n";

static double wave(double t)
{
    return sin(t) + 0.5 * sin(3 * t) + 0.01 * t;
}

/* How long it is above a level, by bisection in each cell of a grid. */
static double above(double level, double from, double to)
{
    const size_t cells = 6000;
    double sum = 0, width = (to - from) / (double)cells;
    for (size_t i = 0; i < cells; i++) {
        double a = from + (double)i * width, b = a + width, left = a, right = b;
        bool before = wave(a) > level, after = wave(b) > level;
        for (int k = 0; k < 60 && before != after; k++) {
            double m = (a + b) / 2;
            *((wave(m) > level) == before ? &a : &b) = m;
        }
        sum += before == after ? (before ? width : 0) : before ? a - left : right - a;
    }
    return sum;
}

static double value(const struct scan *scan, size_t outcome)
{
    assert_int_equal(scan_windows(scan, outcome), 1);
    return scan_window(scan, outcome, 0).value;
}

/* From -2 on, in stretches of any length; the course begins at 0. */
static void scan__sees_what_there_is_however_it_is_cut(void **state)
{
    (void)state;
    static const double ends[][6] = {{10}, {-1, 0.3, 4, 4.5, 10}, {2, 5, 8, 9.5, 12}};
    static const double bounds[] = {0, 1, 2, 3, 6, 8, 9, 10, INFINITY};
    struct model *model = model_of(waves);
    for (size_t i = 0; i < 3; i++) {
        struct shown shown = {evaluator_of(model), .bounds = bounds};
        struct scan *scan = scan_new(model, 0, 10);
        scan_begin(scan);
        for (size_t k = 0; k < 6 && ends[i][k] != 0; k++)
            show(&shown, model, scan, ends[i][k]);
        assert_ok(scan_refuses(scan));
        scan_end(scan, shown.evaluator);
        assert_true(shown.first == 0 && shown.last == 9); /* nobody looks beyond */
        /* where q' = 0, beyond 8, is the highest of 1 .. 9 */
        double a = 8.4, b = 9;
        for (int k = 0; k < 100; k++) {
            double m = (a + b) / 2;
            *(cos(m) + 1.5 * cos(3 * m) + 0.01 > 0 ? &a : &b) = m;
        }
        assert_near(value(scan, 1), a, 1e-7);
        assert_near(value(scan, 0), wave(a), 1e-13);
        assert_near(value(scan, 2), cos(1) - cos(9) + (cos(3) - cos(27)) / 6 + 0.4,
                    1e-11);
        double high = above(0.25, 2, 8);
        assert_near(value(scan, 3), high, 1e-12);
        assert_near(value(scan, 4), high - above(0.75, 2, 8), 1e-12);
        assert_true(isnan(value(scan, 6)));
        assert_int_equal(scan_windows(scan, 5), 3);
        assert_near(scan_window(scan, 5, 2).from, 6, 0);
        assert_near(scan_window(scan, 5, 2).value, value(scan, 0), 1e-13);
        scan_destroy(&scan);
        evaluator_destroy(&shown.evaluator);
    }
    model_destroy(&model);
}

/* A run that another method begins anew has seen nothing of the first one. */
static void scan__begins_anew(void **state)
{
    (void)state;
    static const double none[] = {INFINITY};
    struct model *model = model_of(waves);
    struct shown shown = {evaluator_of(model), .bounds = none};
    struct scan *once = scan_new(model, 0, 10), *twice = scan_new(model, 0, 10);
    scan_begin(twice);
    show(&shown, model, twice, 7.3);
    shown.pieces = 0;
    scan_begin(twice);
    show(&shown, model, twice, 10);
    shown.pieces = 0;
    scan_begin(once);
    show(&shown, model, once, 10);
    scan_end(once, shown.evaluator);
    scan_end(twice, shown.evaluator);
    for (size_t i = 0; i < 5; i++)
        assert_true(value(once, i) == value(twice, i));
    scan_destroy(&once);
    scan_destroy(&twice);
    evaluator_destroy(&shown.evaluator);
    model_destroy(&model);
}

/* What should be zero and is rounding has no smooth piece, however small. */
static void scan__of_rounding_comes_to_an_end(void **state)
{
    (void)state;
    static const double none[] = {INFINITY};
    struct model *model =
        model_of("model rounding version 1\ntime h\n[equations]\nx = time/1 h\n"
                 "q = exp(x)/exp(x/2)/exp(x/2) - 1\n"
                 "[observations]\no : q ~ add(1)\n"
                 "[outcomes]\naverage = mean(q)\nbegin = start(q)\nsure = max(x)\n");
    struct shown shown = {evaluator_of(model), .bounds = none};
    struct scan *scan = scan_new(model, 0, 10);
    scan_begin(scan);
    show(&shown, model, scan, 4);
    show(&shown, model, scan, 10);
    assert_in_range(shown.pieces, 100, 10000);
    scan_end(scan, shown.evaluator);
    assert_near(value(scan, 0), 0, 1e-15);
    assert_near(value(scan, 2), 10, 1e-13);
    scan_destroy(&scan);
    evaluator_destroy(&shown.evaluator);
    model_destroy(&model);
}

/* A reading every hundredth of an hour, each of the two hours before it: what each says
 * alone, and a piece is searched once for all two hundred windows that lie over it. */
static void scan__searches_a_piece_once_for_all_its_windows(void **state)
{
    (void)state;
    static const double none[] = {INFINITY};
    struct model *model =
        model_of("model m version 1\ntime h\n[equations]\nq = sin(time/(1 h)) + "
                 "0.5*sin(3*time/(1 h)) + 0.01*time/(1 h)\n"
                 "[observations]\no : max(q) over last 2 h ~ add(1)\n");
    struct shown shown = {evaluator_of(model), .bounds = none};
    struct scan *many = scan_of_readings(model, 0), *one = scan_of_readings(model, 0);
    double highest, alone;
    scan_readings(many, 0, 10);
    for (int i = 200; i <= 1000; i++)
        scan_reading(many, 0, (i - 200) / 100.0, i / 100.0, NULL);
    scan_ready(many);
    show(&shown, model, many, 10);
    assert_in_range(shown.pieces, 1000, 1100);
    assert_true(shown.looks < 4 * shown.pieces);
    for (int i = 200; i <= 1000; i++) {
        scan_read(many, 0, &highest, NULL);
        if (i % 50 != 0)
            continue;
        scan_readings(one, 0, 10);
        scan_reading(one, 0, (i - 200) / 100.0, i / 100.0, NULL);
        scan_ready(one);
        shown.pieces = 0;
        show(&shown, model, one, 10);
        scan_read(one, 0, &alone, NULL);
        assert_near(highest, alone, 1e-13);
    }
    scan_destroy(&many);
    scan_destroy(&one);
    evaluator_destroy(&shown.evaluator);
    model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan__sees_what_there_is_however_it_is_cut),
        cmocka_unit_test(scan__begins_anew),
        cmocka_unit_test(scan__of_rounding_comes_to_an_end),
        cmocka_unit_test(scan__searches_a_piece_once_for_all_its_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
