/* aggregate - what comes out of the protocol, and what is seen of it on the way, as
 * distributions: the noise in the sum, the words of the masked inputs, and what an
 * auditor can tell from releases (T3, T9 and T5 of privacy audits' usual list).
 *
 * Fixed seeds; thresholds at 1e-6, two-sided 4.9 standard deviations. */

#include "base/memory.h"
#include "check.h"
#include "privacy/noise.h"
#include "privacy/random.h"
#include "sim/rehearsal.h"

#define SIGMAS 4.9
#define ROUNDS 4
enum { N = 10, DIM = 25000 };

static struct random *stream(const char *what)
{
    uint8_t seed[RANDOM_SEED_BYTES] = {0};
    memcpy(seed, what, strlen(what));
    return random_new_seeded(seed);
}

static struct rehearsal *consortium_of(uint32_t members, uint32_t colluders,
                                       uint32_t dimension)
{
    struct quorum quorum;
    struct rehearsal *r;
    assert_ok(quorum_choose(members, colluders, 0, &quorum));
    assert_ok(rehearsal_new(&quorum, dimension, 1, &r));
    return r;
}

/* --- noise in the sum
 * ---------------------------------------------------------------------- */

/* In units of one hospital's standard deviation. */
static double scaled(uint64_t word)
{
    return ldexp((double)(int64_t)word, -NOISE_LOG2);
}

static double correlation(const double *a, const double *b, size_t count)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < count; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

/* One round of noise alone, `gone` members having left before their input. */
static void sum_noise(struct rehearsal *r, uint64_t round, size_t gone, double *sum,
                      double *first, double *second)
{
    enum phase leaves[N];
    int64_t *noise = mem_new(DIM, sizeof *noise);
    for (size_t i = 0; i < N; i++) {
        leaves[i] = i < gone ? PHASE_MASK : PHASE_END;
        assert_ok(noise_fill(r->members[i].random, NOISE_LOG2, DIM, noise));
        for (size_t k = 0; k < DIM; k++)
            r->members[i].integers[k] = (uint64_t)noise[k];
    }
    mem_free(noise);
    assert_ok(rehearsal_open(r, round, 1));
    assert_ok(rehearsal_play(r, leaves));
    assert_true(rehearsal_sum_is_exact(r, leaves));
    for (size_t k = 0; k < DIM; k++) {
        sum[k] = scaled(collection_sum(r->collection)[k]);
        first[k] = scaled(r->members[N - 1].integers[k]);
        second[k] = scaled(r->members[N - 2].integers[k]);
    }
}

/* T3: |U3| times the variance of one, at every number of survivors that may be; centred;
 * and nothing of it is in the next number, the next round or another hospital's. */
static void aggregate__noise_has_the_variance_of_its_survivors(void **state)
{
    (void)state;
    enum { ALL = DIM * ROUNDS };
    struct rehearsal *r = consortium_of(N, 2, DIM);
    double *sum = mem_new(ALL, sizeof *sum), *first = mem_new(ALL, sizeof *first),
           *second = mem_new(ALL, sizeof *second);
    double least = SIGMAS / sqrt(ALL - DIM);
    assert_int_equal(r->quorum.survivors, N - 2);
    for (size_t gone = 0; gone <= N - r->quorum.survivors; gone++) {
        double squares = 0, mean = 0, variance = (double)(N - gone);
        for (size_t round = 0; round < ROUNDS; round++)
            sum_noise(r, round + 1, gone, sum + round * DIM, first + round * DIM,
                      second + round * DIM);
        for (size_t k = 0; k < ALL; k++) {
            squares += sum[k] * sum[k];
            mean += sum[k] / ALL;
            assert_true(sum[k] != 0); /* also where no hospital has anything */
        }
        print_message("%zu survivors: variance %.3f, mean %.4f\n", N - gone,
                      squares / ALL, mean);
        assert_near(squares / (ALL * variance), 1, SIGMAS * sqrt(2.0 / ALL));
        assert_near(mean, 0, SIGMAS * sqrt(variance / ALL));
        assert_near(correlation(sum, sum + 1, ALL - 1), 0, least);
        assert_near(correlation(sum, sum + DIM, ALL - DIM), 0, least);
        assert_near(correlation(first, second, ALL), 0, least);
        assert_near(correlation(first, first + DIM, ALL - DIM), 0, least);
        /* Each is in the sum once, as one of so many. */
        assert_near(correlation(first, sum, ALL), 1 / sqrt(variance), least);
    }
    mem_free(sum);
    mem_free(first);
    mem_free(second);
    rehearsal_destroy(&r);
}

/* --- masked words
 * ------------------------------------------------------------------------- */

enum { LONG = 40000, BYTES = 256, CHI = 378 }; /* 255 degrees of freedom, p = 1e-6 */

/* Masked words of all three members, every integer being `value`. */
static uint64_t *masked_words(uint64_t value, size_t *count)
{
    struct rehearsal *r = consortium_of(3, 1, LONG);
    uint64_t *words = mem_new(3 * LONG, sizeof *words);
    bool moved;
    for (size_t i = 0; i < 3 * LONG; i++)
        r->members[i / LONG].integers[i % LONG] = value;
    assert_ok(rehearsal_open(r, 1, 1));
    while (collection_phase(r->collection) < PHASE_MASK) {
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(rehearsal_send(r, i), REASON_NONE);
        assert_ok(collection_advance(r->collection, false, &moved));
        for (size_t i = 0; i < 3; i++)
            assert_ok(rehearsal_receive(r, i));
    }
    for (size_t i = 0; i < 3; i++) {
        struct masked_input masked;
        struct arena *arena = codec_arena(WIRE_FRAME_MAX);
        uint32_t kind;
        struct view body;
        assert_ok(attempt_message(r->members[i].attempt, &kind, &body));
        assert_ok(codec_decode_masked_input(body, arena, &masked));
        memcpy(words + i * LONG, masked.vector.items, LONG * sizeof *words);
        arena_destroy(&arena);
    }
    *count = 3 * LONG;
    rehearsal_destroy(&r);
    return words;
}

static void count_bytes(const uint64_t *words, size_t count, unsigned shift,
                        double *counts)
{
    for (size_t i = 0; i < BYTES; i++)
        counts[i] = 0;
    for (size_t i = 0; i < count; i++)
        counts[words[i] >> shift & 0xff]++;
}

/* T9: every byte of every word is uniform, no value missing at either end, and the words
 * over zeros cannot be told from those over the largest numbers. */
static void aggregate__masked_words_are_uniform(void **state)
{
    (void)state;
    size_t count;
    uint64_t *zeros = masked_words(0, &count),
             *large = masked_words(UINT64_MAX / 3, &count);
    for (unsigned shift = 0; shift < 64; shift += 8) {
        double of_zeros[BYTES], of_large[BYTES], chi = 0, two_sample = 0;
        double expected = (double)count / BYTES;
        count_bytes(zeros, count, shift, of_zeros);
        count_bytes(large, count, shift, of_large);
        for (size_t i = 0; i < BYTES; i++) {
            double difference = of_zeros[i] - of_large[i];
            chi += (of_zeros[i] - expected) * (of_zeros[i] - expected) / expected;
            two_sample += difference * difference / (of_zeros[i] + of_large[i]);
        }
        if (chi > CHI)
            fail_msg("byte %u of the masked words: chi^2 = %g", shift / 8, chi);
        /* The same keys mask both, so differences are the same everywhere. */
        assert_true(two_sample < CHI);
    }
    /* Two members' words have a mask in common, added to one and taken from the other,
     * under masks of their own. */
    double *one = mem_new(LONG, sizeof *one), *other = mem_new(LONG, sizeof *other);
    for (size_t i = 0; i < LONG; i++) {
        one[i] = ldexp((double)(int64_t)zeros[i], -63);
        other[i] = ldexp((double)(int64_t)zeros[LONG + i], -63);
    }
    assert_near(correlation(one, other, LONG), 0, SIGMAS / sqrt(LONG));
    assert_near(correlation(one, one + 1, LONG - 1), 0, SIGMAS / sqrt(LONG - 1));
    mem_free(one);
    mem_free(other);
    mem_free(zeros);
    mem_free(large);
}

/* --- the audit
 * ---------------------------------------------------------------------------- */

/* What an auditor measures who sees `runs` releases with and as many without one patient
 * of the largest permitted effect: the difference of the means in standard deviations.
 * `honest` hospitals add noise, each of 2^log2 steps. */
static double audited_mu(struct random *random, size_t runs, uint32_t honest,
                         unsigned log2, double mu)
{
    double canary = round(mu * sqrt(honest) * ldexp(1, NOISE_LOG2));
    double sums[2] = {0}, squares = 0;
    for (size_t run = 0; run < 2 * runs; run++) {
        double release = run % 2 ? canary : 0;
        for (uint32_t i = 0; i < honest; i++)
            release += (double)noise_draw(random, log2);
        sums[run % 2] += release;
        release -= run % 2 ? canary : 0;
        squares += release * release;
    }
    return (sums[1] - sums[0]) / (double)runs / sqrt(squares / (double)(2 * runs));
}

/* T5, epsilon 1 at delta 1e-5: the least an auditor must see and the most, at 1e-6. */
static void audit(size_t runs)
{
    const double mu = 0.2367;
    const uint32_t honest = 6;
    struct random *random = stream("an auditor");
    double slack = 4.753 * sqrt(2.0 / (double)runs + mu * mu / (4 * (double)runs));
    double seen = audited_mu(random, runs, honest, NOISE_LOG2, mu);
    double half = audited_mu(random, runs, honest, NOISE_LOG2 - 1, mu);
    print_message("mu claimed %.4f, seen %.4f, alarm above %.4f; with half the noise "
                  "%.4f\n",
                  mu, seen, mu + slack, half);
    assert_near(seen, mu, slack);
    assert_true(half > mu + slack); /* or it would not notice */
    random_destroy(&random);
}

static void aggregate__an_auditor_sees_what_is_claimed(void **state)
{
    (void)state;
    audit(100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregate__noise_has_the_variance_of_its_survivors),
        cmocka_unit_test(aggregate__masked_words_are_uniform),
        cmocka_unit_test(aggregate__an_auditor_sees_what_is_claimed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
