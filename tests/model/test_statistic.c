#include "check.h"

#include "model/statistic.h"

static struct prior_layout layout_of(size_t p, size_t k, size_t q, size_t m)
{
    return (struct prior_layout){.p = p, .k = k, .q = q, .m = m};
}

static void statistic__blocks_follow_each_other(void **state)
{
    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        struct prior_layout layout = layout_of(4, 3, 2, 3);
        struct statistic s;
        statistic_layout(&layout, exact, &s);
        size_t at = 0;
        for (size_t b = 0; b < STATISTIC_BLOCKS; b++) {
            assert_int_equal(s.offset[b], at);
            at += s.size[b];
            assert_non_null(statistic_name((enum statistic_block)b));
            assert_non_null(statistic_meaning((enum statistic_block)b));
        }
        assert_int_equal(s.dimension, at);
        assert_int_equal(s.size[STATISTIC_LIKELIHOOD], exact ? 3 : 0);
    }
}

static void statistic__exact_form_scales_nothing(void **state)
{
    (void)state;
    struct prior_layout layout = layout_of(3, 2, 1, 2);
    struct statistic s;
    statistic_layout(&layout, true, &s);
    for (size_t b = 0; b < STATISTIC_BLOCKS; b++)
        assert_near(s.factor[b], 1, 0);
    const double known[] = {0.9, 0.5, 0};
    double kappa[3];
    assert_true(isinf(statistic_reach(&s, known, 1, s.room, kappa)));
    for (size_t a = 0; a < 3; a++)
        assert_near(kappa[a], 1, 0);
}

/* What a model does not have takes no share of the clipping norm. */
static void statistic__layout_is_public_and_fixed(void **state)
{
    (void)state;
    struct prior_layout layout = layout_of(3, 1, 0, 1);
    struct statistic a, b;
    statistic_layout(&layout, false, &a);
    statistic_layout(&layout, false, &b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(a.size[STATISTIC_COVARIATES], 0);
    assert_int_equal(a.size[STATISTIC_POPULATION_SCORE], 0);
    assert_true(a.factor[STATISTIC_COUNT] > 0 && a.factor[STATISTIC_COUNT] < 1);
}

/* E f(r^2) for a standard normal vector in p dimensions, by the trapezium rule. */
static double expected(size_t p, double (*f)(double r2, double reach2), double reach2)
{
    double sum = 0, total = 0, n = (double)p;
    for (double r = 5e-4; r < 14; r += 1e-3) {
        double weight = pow(r, n - 1) * exp(-r * r / 2);
        sum += weight * f(r * r, reach2);
        total += weight;
    }
    return sum / total;
}

static double cut(double r2, double reach2)
{
    return fmin(r2, reach2);
}

static double outside(double r2, double reach2)
{
    return r2 > reach2;
}

static double squared(double r2, double reach2)
{
    return cut(r2, reach2) * cut(r2, reach2);
}

/* d E zeta by a shift: E (w + r w' / p) with w = min(1, reach / r). */
static double shifted_in(double r2, double reach2)
{
    return r2 > reach2 ? sqrt(reach2 / r2) : 1;
}

static double shifted_out(double r2, double reach2)
{
    return r2 > reach2 ? sqrt(reach2 / r2) : 0;
}

static void statistic__shortening_agrees_with_integrals(void **state)
{
    (void)state;
    for (size_t p = 1; p <= 9; p++) {
        double n = (double)p, reach2 = 0.9 * n;
        struct shortening got = statistic_shortening(n, sqrt(reach2));
        double kappa = expected(p, cut, reach2) / n, out = expected(p, outside, reach2);
        assert_near(got.kappa, kappa, 2e-3);
        assert_near(
            got.mean_slope,
            expected(p, shifted_in, reach2) - expected(p, shifted_out, reach2) / n, 2e-3);
        assert_near(got.scale_slope, kappa - reach2 * out / n, 2e-3);
        assert_near(got.shape_slope, kappa - 2 * reach2 * out / (n * (n + 2)), 2e-3);
        double fourth = expected(p, squared, reach2) / (n * (n + 2));
        assert_relative(got.shape_loss, fourth / (got.shape_slope * got.shape_slope),
                        5e-3);
        assert_true(got.mean_loss >= 1 && got.shape_loss >= 1);
    }
    double slope;
    for (double dof = 0.5; dof < 9; dof *= 1.7) { /* by the same rule, over x */
        double limit = 1.3 * dof, mean = 0, total = 0;
        for (double u = 5e-5; u < 9; u += 1e-4) { /* x = u^2 tames the origin */
            double weight = pow(u, dof - 1) * exp(-u * u / 2);
            mean += weight * fmin(u * u, limit);
            total += weight;
        }
        assert_near(statistic_truncated(dof, limit, &slope), mean / total, 5e-3 * dof);
        assert_true(slope > 0 && slope < 1);
    }
    struct shortening none = statistic_shortening(4, INFINITY);
    assert_near(none.kappa, 1, 0);
    assert_near(statistic_shortening(4, 40).mean_slope, 1, 1e-12);
}

/* Abramowitz and Stegun, table 26.8: what chi-square exceeds with a probability. */
static void statistic__chi_square_agrees_with_the_table(void **state)
{
    (void)state;
    static const struct {
        double dof, outside, x;
    } table[] = {{1, 0.05, 3.84146},   {1, 0.001, 10.8276}, {10, 0.95, 3.94030},
                 {19, 0.05, 30.1435},  {19, 0.5, 18.3376}, {19, 0.001, 43.820},
                 {100, 0.005, 140.169}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_relative(1 - statistic_chi_square(table[i].dof, table[i].x),
                        table[i].outside, 2e-4);
}

static double uniform(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 11) * 0x1p-53;
}

/* One patient as far as the scores of z see them. */
struct view_of_one {
    size_t p;
    double known[8], x2, room, reach, kappa[8];
};

static struct view_of_one draw_one(const struct statistic *s, uint64_t *seed)
{
    struct view_of_one one = {.p = s->p};
    double equal = uniform(seed), empty = uniform(seed) / 2;
    bool alike = uniform(seed) < 0.3;
    for (size_t a = 0; a < s->p; a++) {
        one.known[a] = alike ? equal : uniform(seed);
        if (a > 0 && uniform(seed) < empty) /* records that say nothing of it */
            one.known[a] = 0;
    }
    one.x2 = 1 + ((double)s->k - 1) * uniform(seed);
    one.room = 1 - 0.9 * uniform(seed) * uniform(seed);
    one.reach = statistic_reach(s, one.known, one.x2, one.room, one.kappa);
    return one;
}

/* Squared norm of both scores of z along `way`, as far as it may reach or, with `share`
 * below 1, less far. */
static double squared_scores(const struct statistic *s, const struct view_of_one *one,
                             const double *way, double share)
{
    double length = 1e-300, z[8], z2 = 0, square = 0;
    for (size_t a = 0; a < one->p; a++)
        length += one->known[a] > 0 ? way[a] * way[a] : 0;
    for (size_t a = 0; a < one->p; a++) {
        z[a] = one->known[a] > 0 ? share * one->reach * way[a] / sqrt(length) : 0;
        z2 += z[a] * z[a];
    }
    for (size_t a = 0; a < one->p; a++) {
        for (size_t b = 0; b < one->p; b++) {
            double m = z[a] * z[b] - (a == b) * one->kappa[a] * one->known[a];
            square += m * m;
        }
    }
    double f = s->factor[STATISTIC_EFFECT_SCORE], g = s->factor[STATISTIC_OMEGA_SCORE];
    return f * f * z2 * one->x2 + g * g * square;
}

/* Uphill to the longest scores, from a random z or from the farthest in what is known
 * least. */
static double climb(const struct statistic *s, const struct view_of_one *one,
                    bool farthest, uint64_t *seed)
{
    double way[8], next[8], share = farthest ? 1 : uniform(seed), size = 1;
    double least = INFINITY;
    size_t top = 0;
    for (size_t a = 0; a < one->p; a++) {
        double kept = one->kappa[a] * one->known[a];
        if (one->known[a] > 0 && kept < least) {
            least = kept;
            top = a;
        }
    }
    for (size_t a = 0; a < one->p; a++)
        way[a] = farthest ? a == top : uniform(seed) - 0.5;
    double best = squared_scores(s, one, way, share);
    for (int i = 0; i < 300; i++) {
        for (size_t a = 0; a < one->p; a++)
            next[a] = way[a] + size * (uniform(seed) - 0.5);
        double other = fmin(1, fmax(0, share + size * (uniform(seed) - 0.5)));
        double found = squared_scores(s, one, next, other);
        size = fmax(1e-3, found > best ? 1.3 * size : 0.9 * size);
        if (found <= best)
            continue;
        best = found;
        share = other;
        memcpy(way, next, sizeof way);
    }
    return best;
}

/* Whatever a patient's records know, wherever they put z: the scores stay within the
 * room; and the room is used. */
static void statistic__scores_of_z_fill_their_room_and_no_more(void **state)
{
    (void)state;
    uint64_t seed = 9;
    for (size_t p = 1; p <= 8; p++) {
        struct prior_layout layout = layout_of(p, 1 + p % 4, 0, 1);
        struct statistic s;
        statistic_layout(&layout, false, &s);
        for (int draw = 0; draw < 120; draw++) {
            struct view_of_one one = draw_one(&s, &seed);
            double longest = 0;
            for (int start = 0; start < 5; start++)
                longest = fmax(longest, climb(&s, &one, start == 0, &seed));
            assert_true(longest <= one.room * (1 + 1e-9));
            if (one.reach < 19) /* else nobody is shortened */
                assert_true(longest > 0.97 * one.room);
        }
    }
}

/* Nobody who leaves more room or has smaller covariates reaches less far; who knows
 * equally little of everything reaches farther in what they know. */
static void statistic__reach_is_wider_for_who_knows_less(void **state)
{
    (void)state;
    struct prior_layout layout = layout_of(3, 2, 0, 1);
    struct statistic s;
    statistic_layout(&layout, false, &s);
    double last = 0, kappa[3], other[3];
    for (double known = 1; known > 0.01; known *= 0.8) {
        const double all[] = {known, known, known};
        double reach = statistic_reach(&s, all, 1.5, 0.8, kappa);
        assert_true(reach / sqrt(known) > last);
        assert_true(statistic_reach(&s, all, 1.2, 0.8, other) >= reach);
        assert_true(statistic_reach(&s, all, 1.5, 0.9, other) >= reach);
        last = reach / sqrt(known);
        struct shortening equal = statistic_shortening(3, last);
        assert_near(kappa[0], equal.kappa, 1e-6);
        assert_near(statistic_typical(3, all, reach).mean_slope, equal.mean_slope, 1e-9);
    }
    /* only directions of which anything is known count */
    const double one[] = {0.8, 0, 0}, nothing[] = {0, 0, 0};
    double reach = statistic_reach(&s, one, 1.5, 0.8, kappa);
    assert_near(kappa[0], statistic_shortening(1, reach / sqrt(0.8)).kappa, 1e-6);
    assert_near(statistic_reach(&s, nothing, 1, 1, kappa), 0, 0);
}

/* What is left of the squares of normal parts that are shortened together, by drawing
 * them: records that know equally much of everything, nothing of something, less and less.
 */
static void statistic__kappa_is_what_shortening_leaves(void **state)
{
    (void)state;
    enum { DRAWS = 60000 };
    static const double known[][4] = {{0.7, 0.7, 0.7, 0.7},  {0.95, 0.4, 0.8, 0.4},
                                      {0.98, 0.9, 0.5, 0.01}, {0.9, 0.2, 0, 0},
                                      {0.9, 0.3, 0.1, 0.05}};
    struct prior_layout layout = layout_of(4, 2, 0, 1);
    struct statistic s;
    statistic_layout(&layout, false, &s);
    uint64_t seed = 5;
    for (size_t c = 0; c < sizeof known / sizeof *known; c++) {
        double kappa[4], left[4] = {0}, reach;
        reach = statistic_reach(&s, known[c], 1.5, s.room, kappa);
        for (size_t i = 0; i < DRAWS; i++) {
            double z[4], square = 0;
            for (size_t a = 0; a < 4; a++) {
                double u = 1 - uniform(&seed);
                z[a] = sqrt(-2 * log(u) * known[c][a]) * cos(2 * M_PI * uniform(&seed));
                square += z[a] * z[a];
            }
            for (size_t a = 0; a < 4; a++)
                left[a] += z[a] * z[a] * fmin(1, reach * reach / square) / DRAWS;
        }
        for (size_t a = 0; a < 4; a++) /* three standard errors, and Satterthwaite's */
            assert_near(left[a] - kappa[a] * known[c][a], 0,
                        (3 * sqrt(2.0 / DRAWS) + 0.004) * known[c][a]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistic__blocks_follow_each_other),
        cmocka_unit_test(statistic__exact_form_scales_nothing),
        cmocka_unit_test(statistic__layout_is_public_and_fixed),
        cmocka_unit_test(statistic__shortening_agrees_with_integrals),
        cmocka_unit_test(statistic__chi_square_agrees_with_the_table),
        cmocka_unit_test(statistic__scores_of_z_fill_their_room_and_no_more),
        cmocka_unit_test(statistic__reach_is_wider_for_who_knows_less),
        cmocka_unit_test(statistic__kappa_is_what_shortening_leaves),
    };
    return cmocka_run_group_tests_name("statistic", tests, NULL, NULL);
}
