#include "search.h"

#include "check.h"

/* O without a patient: P coordinates, the prior's identity and half a residual square on
 * top; `residual` and its slopes are the case's. */
#define P 2

struct hill {
    /* One residual r(z) with its slopes; O = z'z + r^2. False: nothing is there. */
    bool (*residual)(const double *z, double *r, double *slope);
    bool moving;
    double off;              /* so far beside it coarse answers look */
    double coarse_tolerance; /* 0: there are none */
    size_t coarse;           /* of `asked` */
    size_t asked, values;    /* places asked for, with derivatives and without */
};

static double objective_at(const struct hill *hill, const double *z)
{
    double r, slope[P];
    return hill->residual(z, &r, slope) ? z[0] * z[0] + z[1] * z[1] + r * r : INFINITY;
}

static void answer_point(const struct hill *hill, struct search *search)
{
    double r, slope[P], by = search->coarse ? hill->off : 0,
                        z[P] = {search->z[0] + by, search->z[1] - by};
    struct point *point = &search->answer;
    point->err = hill->residual(z, &r, slope) ? ERR_OK : ERR_NUMERIC;
    point->objective = objective_at(hill, z);
    for (size_t a = 0; a < P; a++) {
        point->gradient[a] = z[a] + r * slope[a];
        for (size_t b = 0; b < P; b++)
            point->curvature[a * P + b] = (a == b) + slope[a] * slope[b];
    }
}

static void climb_from(const double *start, struct hill *hill, double tolerance,
                       struct search *search)
{
    double omega[] = {1, 0, 0, 1};
    struct prior prior = {.p = P, .omega = omega, .factor = omega};
    search_begin(search, &prior, start, tolerance,
                 fmax(tolerance, hill->coarse_tolerance));
    do {
        for (size_t a = 0; a < P; a++)
            search->moving[a] = hill->moving;
        hill->coarse += search->derivatives && search->coarse;
        if (search->derivatives)
            hill->asked++, answer_point(hill, search);
        else
            hill->values += search->count;
        for (size_t i = 0; !search->derivatives && i < search->count; i++)
            search->objectives[i] = objective_at(hill, search->z + i * P);
    } while (search_go_on(search));
}

static void climb(struct hill *hill, double tolerance, struct search *search)
{
    climb_from(NULL, hill, tolerance, search);
}

/* Rosenbrock's valley, of which only the end satisfies the gradient. */
static bool valley(const double *z, double *r, double *slope)
{
    *r = 10 * (z[1] - 1 - z[0] * z[0]);
    slope[0] = -20 * z[0];
    slope[1] = 10;
    return true;
}

static void search__ends_where_the_slope_is_zero(void **state)
{
    (void)state;
    size_t before = 0;
    for (int k = 0; k < 2; k++) {
        struct hill hill = {.residual = valley};
        struct search search;
        climb(&hill, k ? 1e-4 : 1e-9, &search);
        assert_true(search.found);
        assert_int_equal(search.evaluations, hill.asked);
        assert_int_equal(hill.values, 2 * P);
        /* z1 = 1 + z0^2 + r / 10 with r = -z1 / 10; z0 = 0 by symmetry. */
        assert_near(search.mode[0], 0, k ? 0.02 : 1e-6);
        assert_near(search.mode[1], 1 / 1.01, k ? 0.02 : 1e-6);
        if (k)
            assert_true(search.evaluations <= before);
        before = search.evaluations;
        search_clear(&search);
    }
}

/* It goes most of the way by coarse answers, which are of a place beside it, and ends
 * where fine ones say. */
static void search__approaches_by_coarse_answers(void **state)
{
    (void)state;
    struct hill hill = {.residual = valley, .off = 0.02, .coarse_tolerance = 1e-4};
    struct search search;
    climb(&hill, 1e-9, &search);
    assert_true(search.found);
    assert_true(hill.coarse >= 2);
    assert_in_range(hill.asked - hill.coarse, 2, hill.asked - 2);
    assert_near(search.mode[0], 0, 1e-6);
    assert_near(search.mode[1], 1 / 1.01, 1e-6);
    search_clear(&search);
    hill = (struct hill){.residual = valley};
    climb(&hill, 1e-9, &search);
    assert_int_equal(hill.coarse, 0);
    search_clear(&search);
}

/* All but linear where it ends, and steep on the way there: a secant of the first step
 * speaks of a bend that is behind it. */
static bool slide(const double *z, double *r, double *slope)
{
    double rise = exp(1.5 * z[0] - 0.5 * z[1]);
    *r = 40 * (rise - 8);
    slope[0] = 60 * rise;
    slope[1] = -20 * rise;
    return true;
}

/* So bent where it ends that the expected curvature is half of what is there. */
static bool bow(const double *z, double *r, double *slope)
{
    *r = 3 - z[0] + 0.25 * z[0] * z[0] + 0.3 * z[1] + 0.1 * z[1] * z[1];
    slope[0] = -1 + 0.5 * z[0];
    slope[1] = 0.3 + 0.2 * z[1];
    return true;
}

/* Always with them the slide takes eleven questions, always without the bow 28. */
static void search__follows_secants_where_they_foresee(void **state)
{
    (void)state;
    static const struct hill hills[] = {{.residual = slide}, {.residual = bow}};
    for (size_t i = 0; i < 2; i++) {
        struct hill hill = hills[i];
        struct search search;
        double r, slope[P];
        climb(&hill, 1e-9, &search);
        assert_true(search.found);
        assert_in_range(search.evaluations, 4, 9);
        hill.residual(search.mode, &r, slope);
        for (size_t a = 0; a < P; a++)
            assert_near(search.mode[a] + r * slope[a], 0, 1e-4);
        search_clear(&search);
    }
}

/* A pit beside where the descent ends, sqrt 3 posterior standard deviations away. */
static bool pit(const double *z, double *r, double *slope)
{
    double at = z[0] - sqrt(3), depth = exp(-40 * (at * at + z[1] * z[1]));
    *r = 3 * (1 - depth);
    slope[0] = 3 * 80 * at * depth;
    slope[1] = 3 * 80 * z[1] * depth;
    return true;
}

static void search__looks_around(void **state)
{
    (void)state;
    struct hill hill = {.residual = pit};
    struct search search;
    climb(&hill, 1e-9, &search);
    assert_true(search.found);
    assert_true(search.mode[0] > 1.5); /* not the 0 where it began */
    assert_true(hill.values > 2 * P);
    search_clear(&search);
}

/* The mode that is there: below the flat, or in the pit beside it. */
static void search__goes_from_a_start_to_what_is_there(void **state)
{
    (void)state;
    static const double starts[][P] = {{-0.5, 0.2}, {1.6, 0.1}};
    for (size_t i = 0; i < 2; i++) {
        struct hill hill = {.residual = pit, .moving = true};
        struct search search;
        climb_from(starts[i], &hill, 1e-9, &search);
        assert_true(search.found);
        assert_int_equal(hill.values, 0);
        assert_int_equal(hill.asked, search.evaluations);
        assert_true(i ? search.mode[0] > 1.5 : fabs(search.mode[0]) < 1e-6);
        search_clear(&search);
    }
}

/* Two valleys, of which the deeper cannot be seen from the other. */
static bool wall(const double *z, double *r, double *slope)
{
    *r = z[0] > -1 ? 4 : 0.5 * (z[0] + 1.5);
    slope[0] = z[0] > -1 ? 0 : 0.5;
    slope[1] = 0;
    return true;
}

static void search__begins_again_where_doses_move(void **state)
{
    (void)state;
    for (int moving = 0; moving < 2; moving++) {
        struct hill hill = {.residual = wall, .moving = moving != 0};
        struct search search;
        climb(&hill, 1e-9, &search);
        assert_true(search.found);
        /* The look around sees the other valley as well, where it reaches. */
        assert_true(moving ? search.mode[0] < -1 : hill.asked < 40);
        search_clear(&search);
    }
}

static bool nothing(const double *z, double *r, double *slope)
{
    (void)z;
    *r = slope[0] = slope[1] = 0;
    return false;
}

static bool cliff(const double *z, double *r, double *slope)
{
    *r = 2 * (z[0] - 3);
    slope[0] = 2;
    slope[1] = 0;
    return z[0] < 1;
}

static void search__lives_with_places_where_nothing_is(void **state)
{
    (void)state;
    struct hill hill = {.residual = nothing};
    struct search search;
    climb(&hill, 1e-9, &search);
    assert_false(search.found);
    assert_int_equal(search.evaluations, 1);
    search_clear(&search);
    hill = (struct hill){.residual = cliff}; /* comes to rest at the edge */
    climb(&hill, 1e-9, &search);
    assert_true(search.found);
    assert_near(search.mode[0], 1, 1e-3);
    search_clear(&search);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search__ends_where_the_slope_is_zero),
        cmocka_unit_test(search__approaches_by_coarse_answers),
        cmocka_unit_test(search__follows_secants_where_they_foresee),
        cmocka_unit_test(search__looks_around),
        cmocka_unit_test(search__goes_from_a_start_to_what_is_there),
        cmocka_unit_test(search__begins_again_where_doses_move),
        cmocka_unit_test(search__lives_with_places_where_nothing_is),
    };
    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
