#include "tally.h"

#include <math.h>

#include "check.h"

#define DIRECTIONS 3
#define MEASUREMENTS 24

static const struct residual residuals[] = {
    {RESIDUAL_ADDITIVE, 0.7, 0, 0},    {RESIDUAL_PROPORTIONAL, 0, 0.2, 0},
    {RESIDUAL_COMBINED1, 0.4, 0.1, 0}, {RESIDUAL_COMBINED2, 0.4, 0.1, 0},
    {RESIDUAL_LOGNORMAL, 0.3, 0, 0},   {RESIDUAL_BERNOULLI, 0, 0, 0}};
#define KINDS (sizeof residuals / sizeof residuals[0])

/* Measurements of every kind and censoring, predicted somehow. */
struct scene {
    struct twin_measurement measurements[MEASUREMENTS + 1]; /* one says nothing */
    struct tally_error errors[KINDS];
    struct tally_subject subject;
    double f[MEASUREMENTS], slopes[MEASUREMENTS][DIRECTIONS];
};

static void scene_init(struct scene *scene, double shift)
{
    static const enum censoring censorings[] = {CENSORED_NOT, CENSORED_NOT,
                                                CENSORED_BELOW, CENSORED_ABOVE};
    for (size_t o = 0; o < KINDS; o++)
        tally_error(&residuals[o], &scene->errors[o]);
    for (size_t i = 0; i < MEASUREMENTS; i++) {
        bool binary = residuals[i % KINDS].kind == RESIDUAL_BERNOULLI;
        scene->measurements[i] = (struct twin_measurement){
            (double)i, binary ? (double)(i % 4 < 2) : 1 + 0.3 * (double)i + shift,
            i % KINDS, binary ? CENSORED_NOT : censorings[i / KINDS]};
        scene->f[i] = binary ? 0.3 + shift : 1.5 + 0.25 * (double)i;
        for (size_t a = 0; a < DIRECTIONS; a++)
            scene->slopes[i][a] = sin((double)(i * DIRECTIONS + a) + shift);
    }
    scene->f[2] = -1.2; /* |f| has two sides */
    scene->subject = (struct tally_subject){.measurements = scene->measurements,
                                            .errors = scene->errors,
                                            .observations = KINDS};
}

/* Each lane takes another subject's measurements, and lane 5 none at all. */
static void tally_all(const struct scene *scenes, enum simd simd,
                      double sums[LANES][TALLY_SUMS(DIRECTIONS)])
{
    struct tally *tally = tally_new(DIRECTIONS, simd);
    for (size_t l = 0; l < LANES; l++)
        tally_begin(tally, l, &scenes[l].subject);
    for (size_t i = 0; i < MEASUREMENTS; i++) {
        double f[LANES], rows[DIRECTIONS][LANES];
        const double *slopes[DIRECTIONS];
        size_t index[LANES];
        for (size_t l = 0; l < LANES; l++) {
            bool takes = l != 5;
            index[l] = i;
            f[l] = takes ? scenes[l].f[i] : NAN;
            for (size_t a = 0; a < DIRECTIONS; a++)
                rows[a][l] = takes ? scenes[l].slopes[i][a] : INFINITY;
        }
        for (size_t a = 0; a < DIRECTIONS; a++)
            slopes[a] = rows[a];
        tally_look(tally, 0xffu & ~LANE_BIT(5), index);
        tally_add(tally, 0x0fu, f, slopes);
        tally_add(tally, 0xf0u & ~LANE_BIT(5), f, slopes);
    }
    for (size_t l = 0; l < LANES; l++)
        tally_end(tally, l, sums[l]);
    tally_destroy(&tally);
}

static void tally__is_the_sum_of_observe(void **state)
{
    (void)state;
    struct scene scenes[LANES];
    double sums[LANES][TALLY_SUMS(DIRECTIONS)], first[LANES][TALLY_SUMS(DIRECTIONS)];
    for (size_t l = 0; l < LANES; l++)
        scene_init(&scenes[l], 0.05 * (double)l);
    for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++) {
        tally_all(scenes, simd, sums);
        for (size_t l = 0; l < LANES; l++) {
            double one[TALLY_SUMS(DIRECTIONS)] = {0}, by_hand = 0;
            for (size_t i = 0; l != 5 && i < MEASUREMENTS; i++) {
                struct observed o;
                const struct twin_measurement *y = &scenes[l].measurements[i];
                tally_add_one(&scenes[l].subject, i, scenes[l].f[i], scenes[l].slopes[i],
                              DIRECTIONS, NULL, one);
                assert_ok(observe(&residuals[y->observation], y->value, y->censoring,
                                  scenes[l].f[i], &o));
                by_hand +=
                    o.information * scenes[l].slopes[i][2] * scenes[l].slopes[i][1];
            }
            for (size_t i = 0; i < TALLY_SUMS(DIRECTIONS); i++)
                assert_near(sums[l][i], one[i], 1e-12 * (1 + fabs(one[i])));
            assert_near(sums[l][TALLY_INFORMATION(DIRECTIONS) + 4], by_hand,
                        1e-12 * (1 + fabs(by_hand)));
        }
        if (simd == SIMD_SCALAR)
            memcpy(first, sums, sizeof first);
        assert_memory_equal(first, sums, sizeof first);
    }
}

/* Values of one observation and uncensored, alone or as measurements, in some lanes, in
 * all and in none. */
static void tally__of_values_alone_is_that_of_measurements(void **state)
{
    (void)state;
    static const lane_set alone[] = {0, 0xaau, 0xffu};
    struct scene scenes[LANES];
    double values[LANES][MEASUREMENTS], first[LANES][TALLY_SUMS(DIRECTIONS)],
        sums[LANES][TALLY_SUMS(DIRECTIONS)];
    for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++) {
        for (size_t l = 0; l < LANES; l++) {
            scene_init(&scenes[l], 0.05 * (double)l);
            for (size_t j = 0; j < MEASUREMENTS; j++) {
                struct twin_measurement *y = &scenes[l].measurements[j];
                y->observation = l % (KINDS - 1);
                y->censoring = CENSORED_NOT;
                y->value = values[l][j] = 2 + 0.3 * (double)j;
                scenes[l].f[j] = fabs(scenes[l].f[j]);
            }
            scenes[l].subject.values = alone[i] >> l & 1 ? values[l] : NULL;
        }
        tally_all(scenes, simd_best(), sums);
        if (i == 0)
            memcpy(first, sums, sizeof first);
        assert_true(isfinite(sums[4][0]) != 0 && sums[0][0] != sums[1][0]);
        assert_memory_equal(first, sums, sizeof first);
    }
}

/* Correlated errors in some lanes and not in others. */
static void tally__remembers_in_every_lane_for_itself(void **state)
{
    (void)state;
    struct scene scenes[LANES];
    double sums[LANES][TALLY_SUMS(DIRECTIONS)], before[LANES][TALLY_SUMS(DIRECTIONS)];
    struct serial *serial = serial_new(DIRECTIONS);
    for (size_t l = 0; l < LANES; l++)
        scene_init(&scenes[l], 0.05 * (double)l);
    tally_all(scenes, simd_best(), before);
    for (size_t l = 0; l < LANES; l += 2) {
        for (size_t o = 0; o + 1 < KINDS; o++) {
            struct residual residual = residuals[o];
            residual.correlation_time = 4;
            tally_error(&residual, &scenes[l].errors[o]);
        }
        scenes[l].subject.serial = true;
    }
    tally_all(scenes, simd_best(), sums);
    for (size_t l = 0; l < LANES; l++) {
        double one[TALLY_SUMS(DIRECTIONS)] = {0};
        serial_begin(serial, KINDS);
        for (size_t i = 0; l != 5 && i < MEASUREMENTS; i++)
            tally_add_one(&scenes[l].subject, i, scenes[l].f[i], scenes[l].slopes[i],
                          DIRECTIONS, serial, one);
        for (size_t i = 0; i < TALLY_SUMS(DIRECTIONS); i++)
            assert_near(sums[l][i], one[i], 1e-12 * (1 + fabs(one[i])));
        assert_true(l % 2 ? sums[l][0] == before[l][0]
                          : fabs(sums[l][0] - before[l][0]) > 0.1);
    }
    serial_destroy(&serial);
}

static void tally__of_what_cannot_be_used_is_no_number(void **state)
{
    (void)state;
    struct scene scenes[LANES];
    double sums[LANES][TALLY_SUMS(DIRECTIONS)], one[TALLY_SUMS(DIRECTIONS)] = {0};
    for (size_t l = 0; l < LANES; l++)
        scene_init(&scenes[l], 0);
    scenes[0].f[0] = NAN;
    scenes[1].f[1] = 0;  /* no variance */
    scenes[2].f[4] = -1; /* no logarithm */
    scenes[3].f[5] = 1;  /* no probability */
    scenes[4].slopes[3][1] = INFINITY;
    tally_all(scenes, simd_best(), sums);
    for (size_t l = 0; l < 4; l++)
        assert_false(isfinite(sums[l][0]) != 0);
    assert_false(isfinite(sums[4][TALLY_SLOPE + 1]) != 0);
    assert_true(isfinite(sums[6][0]) != 0);
    tally_add_one(&scenes[2].subject, 4, -1, scenes[2].slopes[4], DIRECTIONS, NULL, one);
    assert_false(isfinite(one[0]) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tally__is_the_sum_of_observe),
        cmocka_unit_test(tally__of_values_alone_is_that_of_measurements),
        cmocka_unit_test(tally__remembers_in_every_lane_for_itself),
        cmocka_unit_test(tally__of_what_cannot_be_used_is_no_number),
    };
    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
