/* poison - hospitals that lie about their patients, each as loudly as the clip lets it:
 * how far the published prior follows them, beside how far it can (docs/statistics.md,
 * "Hospitals that lie"), and where the nodes stop it. */

#include <math.h>

#include "base/memory.h"
#include "check.h"
#include "model/gate.h"
#include "model/learn.h"
#include "node/contribute.h"
#include "numerics/linalg.h"
#include "privacy/fixedpoint.h"
#include "privacy/noise.h"
#include "sim/rehearsal.h"

static const char growth[] = "model growth version 1 \"t\"\n"
                             "time a\n"
                             "[parameters]\n"
                             "level = 150 cm normal sd 10 on SEX\n"
                             "slope = 6 cm normal sd 2\n"
                             "bend = 0.5 cm estimated identity\n"
                             "[population]\n"
                             "correlated level, slope 0.3\n"
                             "[covariates]\n"
                             "SEX 1\n"
                             "[equations]\n"
                             "f = level + slope*time/(1 a) + bend*(time/(1 a))^2\n"
                             "[observations]\n"
                             "height : f ~ add(3 cm)\n";

enum { N = 10, LIARS = 3, EACH = 60, READINGS = 4 };
#define MULTIPLIER 4.0

struct consortium {
    struct model *model;
    struct prior_layout layout;
    struct prior *prior;
    struct statistic statistic;
    struct rehearsal *rehearsal;
    double step;
    uint64_t norm_max;
    uint64_t *honest[N]; /* [dimension] what each would add, noise included */
};

/* --- ten hospitals
 * -------------------------------------------------------------------------- */

/* Patient `index` of all, as the model has them. */
static enum err draw_record(void *source, size_t index, struct record **record)
{
    struct random *random = source;
    double z[2 + READINGS];
    for (size_t i = 0; i < 2 + READINGS; i++)
        z[i] = ldexp((double)noise_draw(random, NOISE_LOG2), -NOISE_LOG2);
    *record = record_new("p", "a");
    double level = 152 + 9 * z[0], slope = 6.5 + 1.8 * (0.3 * z[0] + 0.95 * z[1]);
    assert_ok(record_covariate(*record, 0, "SEX", NULL, index % 2 ? 1 : -1, 0));
    for (size_t j = 0; j < READINGS; j++) {
        double t = (double)j - 1.5;
        assert_ok(record_measurement(*record, t, "height", NULL,
                                     level + slope * t + 0.5 * t * t + 3 * z[2 + j],
                                     CENSORED_NOT, j + 1));
    }
    return ERR_OK;
}

static void contribute_honestly(struct consortium *c, size_t hospital)
{
    uint8_t seed[2][RANDOM_SEED_BYTES] = {{1, (uint8_t)hospital}, {2, (uint8_t)hospital}};
    struct random *people = random_new_seeded(seed[0]),
                  *noise = random_new_seeded(seed[1]);
    const struct contribute_task task = {.model = c->model,
                                         .layout = &c->layout,
                                         .prior = c->prior,
                                         .patients = EACH,
                                         .record = draw_record,
                                         .source = people,
                                         .step = c->step,
                                         .norm_max = c->norm_max,
                                         .random = noise,
                                         .threads = 1};
    struct contribute_report report;
    c->honest[hospital] = mem_new(c->statistic.dimension, sizeof(uint64_t));
    assert_ok(contribute(&task, c->honest[hospital], &report));
    assert_int_equal(report.converged, EACH);
    random_destroy(&people);
    random_destroy(&noise);
}

static int set_up(void **state)
{
    struct consortium *c = mem_new(1, sizeof *c);
    struct quorum quorum;
    assert_ok(model_parse(growth, strlen(growth), "growth", &c->model));
    assert_ok(prior_layout(c->model, &c->layout));
    assert_ok(prior_from_model(c->model, &c->prior));
    statistic_layout(&c->layout, false, &c->statistic);
    assert_ok(quorum_choose(N, LIARS, 0, &quorum));
    uint32_t shares = quorum.survivors - quorum.colluders;
    assert_ok(noise_step(MULTIPLIER / noise_pooled(shares), &c->step));
    assert_ok(noise_norm_max(MULTIPLIER, shares, &c->norm_max));
    assert_ok(rehearsal_new(&quorum, (uint32_t)c->statistic.dimension, 1, &c->rehearsal));
    for (size_t i = 0; i < N; i++)
        contribute_honestly(c, i);
    *state = c;
    return 0;
}

static int tear_down(void **state)
{
    struct consortium *c = *state;
    for (size_t i = 0; i < N; i++)
        mem_free(c->honest[i]);
    rehearsal_destroy(&c->rehearsal);
    prior_destroy(&c->prior);
    model_destroy(&c->model);
    mem_free(c);
    return 0;
}

/* --- a lie
 * ------------------------------------------------------------------------------- */

/* A patient who is nothing but one number of the vector, as long as the clip permits. */
struct lie {
    size_t entry;
    int sign;
    uint64_t patients; /* that each liar claims */
};

static void put(struct consortium *c, size_t liars, const struct lie *lie)
{
    size_t bytes = c->statistic.dimension * sizeof(uint64_t);
    for (size_t i = 0; i < N; i++) {
        uint64_t *integers = c->rehearsal->members[i].integers;
        if (i >= liars) {
            memcpy(integers, c->honest[i], bytes);
            continue;
        }
        memset(integers, 0, bytes);
        uint64_t much = lie->patients * c->norm_max;
        integers[lie->entry] = lie->sign > 0 ? much : -much;
    }
}

/* In the order of the coordinator's own (coordinator/rounds): whole numbers, real ones,
 * the next prior. The caller destroys it. */
static struct prior *learn_from(struct consortium *c, double *sum, double *noise_stddev)
{
    size_t dimension = c->statistic.dimension;
    int64_t *integers = mem_new(dimension, sizeof *integers);
    struct prior *next;
    struct learn_report report;
    assert_ok(rehearsal_open(c->rehearsal, 1, 1));
    assert_ok(rehearsal_play(c->rehearsal, NULL));
    assert_true(rehearsal_sum_is_exact(c->rehearsal, NULL));
    fixedpoint_signed(collection_sum(c->rehearsal->collection), dimension, integers);
    fixedpoint_real(integers, dimension, c->step, sum);
    *noise_stddev = ldexp(c->step, NOISE_LOG2) * sqrt(N);
    const struct learn_round round = {c->prior, sum, *noise_stddev};
    assert_ok(
        learn_step(c->model, &c->layout, &c->statistic, &round, 1, NULL, &next, &report));
    mem_free(integers);
    return next;
}

/* --- how far it went, and how far it can
 * ------------------------------------------------------ */

static double block_norm(const struct statistic *s, const double *sum,
                         enum statistic_block block)
{
    double squares = 0;
    for (size_t i = 0; i < s->size[block]; i++)
        squares += sum[s->offset[block] + i] * sum[s->offset[block] + i];
    return squares;
}

/* How far a prior has gone, in the units of the start's uncertainty: |L^-1 (B' - B)|, in
 * between-patient sds, and the same of population parameters, in their own units. */
struct shift {
    double typical, common;
};

static struct shift shift_of(const struct consortium *c, const struct prior *next)
{
    size_t p = c->layout.p, k = c->layout.k;
    double *moved = mem_new(p * k, sizeof *moved);
    struct shift squares = {0};
    for (size_t i = 0; i < p * k; i++)
        moved[i] = next->effects[i] - c->prior->effects[i];
    linalg_lower_solve(p, c->prior->factor, k, moved);
    for (size_t i = 0; i < p * k; i++)
        squares.typical += moved[i] * moved[i];
    for (size_t i = 0; i < c->layout.q; i++) {
        double off = (next->population[i] - c->prior->population[i]) /
                     fmax(1, fabs(c->prior->population[i]));
        squares.common += off * off;
    }
    mem_free(moved);
    return (struct shift){sqrt(squares.typical), sqrt(squares.common)};
}

/* The least and the most that a variance was multiplied by, along any direction. */
static void spread_of(const struct consortium *c, const struct prior *next, double *least,
                      double *most)
{
    enum { P = 2 };
    double half[P * P], whole[P * P], values[P], vectors[P * P];
    assert_int_equal(c->layout.p, P);
    memcpy(half, next->omega, sizeof half);
    linalg_lower_solve(P, c->prior->factor, P, half);
    for (size_t a = 0; a < P; a++)
        for (size_t b = 0; b < P; b++)
            whole[a * P + b] = half[b * P + a];
    linalg_lower_solve(P, c->prior->factor, P, whole);
    assert_ok(linalg_eigen(P, whole, values, vectors));
    *least = values[0];
    *most = values[P - 1];
}

struct worst {
    double typical, common, bound; /* the largest of each over all lies */
};

static void judge(struct consortium *c, size_t liars, const struct lie *lie,
                  struct worst *worst)
{
    const struct statistic *s = &c->statistic;
    double *sum = mem_new(s->dimension, sizeof *sum), noise, least, most;
    put(c, liars, lie);
    struct prior *next = learn_from(c, sum, &noise);
    double lied = (double)liars * (double)lie->patients * (double)c->norm_max * c->step;
    sum[lie->entry] -= lie->sign * lied; /* what the others said, and all noise */
    double others = sqrt(block_norm(s, sum, STATISTIC_EFFECT_SCORE) +
                         block_norm(s, sum, STATISTIC_POPULATION_SCORE));
    double bound = (others + lied) / noise / 2;
    struct shift shift = shift_of(c, next);
    if (hypot(shift.typical, shift.common) > bound)
        fail_msg("%zu liars, number %zu: shift %g and %g, bound %g", liars, lie->entry,
                 shift.typical, shift.common, bound);
    spread_of(c, next, &least, &most);
    assert_true(least >= 0.25 - 1e-9 && most <= 4 + 1e-9);
    for (size_t i = 0; i < c->layout.m; i++)
        assert_true(fabs(next->residual[i] - c->prior->residual[i]) <= log(2) + 1e-9);
    worst->typical = fmax(worst->typical, shift.typical);
    worst->common = fmax(worst->common, shift.common);
    worst->bound = fmax(worst->bound, bound);
    prior_destroy(&next);
    mem_free(sum);
}

/* Every number of the vector, up and down, by one, two and three of ten. */
static void poison__moves_the_prior_no_farther_than_the_bound(void **state)
{
    struct consortium *c = *state;
    size_t lies = 0;
    for (size_t liars = 0; liars <= LIARS; liars++) {
        struct worst worst = {0};
        for (size_t entry = 0; entry < c->statistic.dimension; entry++)
            for (int sign = -1; sign <= 1 && (liars || lies == 0); sign += 2) {
                const struct lie lie = {entry, sign, EACH};
                judge(c, liars, &lie, &worst);
                lies++;
            }
        print_message("%zu of %d lie: typical values shift by %.2f sds, a common one by "
                      "%.2f; bound %.1f\n",
                      liars, N, worst.typical, worst.common, worst.bound);
    }
    print_message("%zu lies over %zu numbers\n", lies, c->statistic.dimension);
}

/* What nobody can bound is how many patients a liar claims. However many: either the
 * prior stays within what a hospital permits, or no node takes it over. */
static void poison__beyond_the_gate_is_not_taken_over(void **state)
{
    struct consortium *c = *state;
    const struct gate_limits limits = {3, 5};
    size_t first = c->statistic.offset[STATISTIC_EFFECT_SCORE];
    double *sum = mem_new(c->statistic.dimension, sizeof *sum), noise;
    size_t refused = 0;
    for (uint64_t patients = 1; patients <= 1000000; patients *= 10)
        for (size_t entry = 0; entry < c->statistic.size[STATISTIC_EFFECT_SCORE];
             entry++) {
            const struct lie lie = {first + entry, 1, patients};
            put(c, LIARS, &lie);
            struct prior *next = learn_from(c, sum, &noise);
            enum err judged = gate_check(c->model, &c->layout, next, &limits);
            for (size_t a = 0; a < c->layout.p && judged == ERR_OK; a++)
                for (size_t k = 0; k < c->layout.k; k++) {
                    size_t at = a * c->layout.k + k;
                    double sd = sqrt(c->prior->omega[a * (c->layout.p + 1)]);
                    assert_true(fabs(next->effects[at] - c->prior->effects[at]) <=
                                3 * sd);
                }
            refused += judged != ERR_OK;
            prior_destroy(&next);
        }
    print_message("%zu priors refused\n", refused);
    assert_true(refused >= 3); /* or the lies were too small to tell */
    mem_free(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(poison__moves_the_prior_no_farther_than_the_bound,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(poison__beyond_the_gate_is_not_taken_over, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
