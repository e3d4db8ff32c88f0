#include "privacy/accountant.h"

#include "check.h"
#include "golden.h"

#define TOLERANCE 1e-11

static void accountant__epsilon_matches_every_golden_row(void **state)
{
    (void)state;
    struct golden golden = golden_open("gaussian_composed.csv");
    while (golden_next(&golden)) {
        double mu2 = 0, epsilon = 0;
        struct charge charge = {CHARGE_GAUSSIAN, golden_number(&golden, "sigma"),
                                (uint32_t)golden_number(&golden, "T")};
        assert_ok(accountant_mu2(&charge, 1, &mu2));
        double delta = golden_number(&golden, "delta");
        assert_ok(accountant_epsilon(sqrt(mu2), delta, &epsilon));
        assert_relative(epsilon, golden_number(&golden, "eps_exact_gdp"), TOLERANCE);
        double zcdp = golden_number(&golden, "eps_zcdp_best_order");
        assert_true(epsilon < zcdp); /* the looser accountant never reports less */
    }
    assert_int_equal(golden.rows, 259);
}

static void accountant__delta_matches_every_golden_row(void **state)
{
    (void)state;
    struct golden golden = golden_open("gaussian_delta_of_eps.csv");
    while (golden_next(&golden)) {
        double mu = sqrt(golden_number(&golden, "T")) / golden_number(&golden, "sigma");
        double delta = 0;
        assert_ok(accountant_delta(mu, golden_number(&golden, "eps"), &delta));
        assert_relative(delta, golden_number(&golden, "delta_exact_gdp"), TOLERANCE);
    }
    assert_int_equal(golden.rows, 282);
}

static void accountant__calibration_matches_every_golden_row(void **state)
{
    (void)state;
    struct golden golden = golden_open("calibration_sigma.csv");
    while (golden_next(&golden)) {
        double epsilon = golden_number(&golden, "eps"), mu = 0, multiplier = 0, back = 0;
        double delta = golden_number(&golden, "delta");
        assert_ok(accountant_mu(epsilon, delta, &mu));
        assert_relative(mu, golden_number(&golden, "mu_total_exact"), TOLERANCE);
        uint32_t rounds = (uint32_t)golden_number(&golden, "T");
        assert_ok(accountant_noise_multiplier(epsilon, delta, rounds, &multiplier));
        assert_relative(multiplier,
                        golden_number(&golden, "sigma_noise_multiplier_exact"),
                        TOLERANCE);
        assert_ok(accountant_epsilon(mu, delta, &back));
        assert_relative(back, epsilon, 1e-12);
        assert_true(rounds / (multiplier * multiplier) < mu * mu);
    }
    assert_int_equal(golden.rows, 63);
}

static void accountant__composition_matches_every_golden_row(void **state)
{
    (void)state;
    struct golden golden = golden_open("ledger_gdp.csv");
    struct charge charges[64];
    size_t count = 0;
    while (golden_next(&golden)) {
        if (golden_number(&golden, "step") == 1)
            count = 0;
        charges[count++] = (struct charge){
            CHARGE_GAUSSIAN, golden_number(&golden, "noise_multiplier_sigma_over_Delta"),
            1};
        double mu2 = 0;
        assert_ok(accountant_mu2(charges, count, &mu2));
        assert_relative(mu2, golden_number(&golden, "sum_mu_squared"), TOLERANCE);
        assert_relative(sqrt(mu2), golden_number(&golden, "mu_total"), TOLERANCE);
        const char *columns[] = {"eps_delta_1e-5", "eps_delta_1e-6", "eps_delta_1e-8"};
        const double deltas[] = {1e-5, 1e-6, 1e-8};
        for (size_t i = 0; i < 3; i++) {
            double epsilon = 0;
            assert_ok(accountant_epsilon(sqrt(mu2), deltas[i], &epsilon));
            assert_relative(epsilon, golden_number(&golden, columns[i]), TOLERANCE);
        }
    }
    assert_int_equal(golden.rows, 30);
}

/* Exact for doubles between 2^-40 and 1. */
static unsigned __int128 steps(double x)
{
    return (unsigned __int128)ldexp(x, 100);
}

/* z of 30 bits: z^2 of 60 and the cost of 53 multiply exactly in 128. Costs and sums that
 * are doubles are exact, others the next double up. */
static void accountant__costs_and_sums_are_rounded_up(void **state)
{
    (void)state;
    assert_true(accountant_cost(4) == 0.0625);
    assert_true(accountant_sum(0.0625, 0.5) == 0.5625);
    uint64_t x = 88172645463325252;
    int rounded = 0;
    for (int i = 0; i < 100000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17; /* xorshift */
        uint64_t m = (x >> 34 | 1) + (1 << 29);
        double cost = accountant_cost(ldexp((double)m, -20));
        int exponent;
        uint64_t q = (uint64_t)ldexp(frexp(cost, &exponent), 53);
        /* cost z^2 = q m^2 2^(exponent - 53 - 40), to be 1 or the least more */
        unsigned __int128 one = (unsigned __int128)1 << (93 - exponent);
        unsigned __int128 square = (unsigned __int128)m * m;
        assert_true(q * square >= one);
        assert_true((q - 1) * square < one);
        double sum = accountant_sum(cost, 0.1);
        unsigned __int128 exact = steps(cost) + steps(0.1);
        assert_true(steps(sum) >= exact && steps(nextafter(sum, 0)) < exact);
        rounded += sum != cost + 0.1;
    }
    assert_in_range((uint64_t)rounded, 10000, 90000);
    double mu2 = 0;
    struct charge charge = {CHARGE_GAUSSIAN, 10, 3};
    assert_ok(accountant_mu2(&charge, 1, &mu2));
    assert_true(steps(mu2) >= 3 * steps(0.01));
    assert_near(mu2, 0.03, 1e-17);
    assert_true(accountant_cost(1e-200) == INFINITY && accountant_cost(1e200) > 0);
}

static void accountant__geometric_shares_match_the_golden_schedule(void **state)
{
    (void)state;
    double multipliers[6];
    assert_ok(accountant_shares(0.5, 0.5, 6, multipliers));
    struct golden golden = golden_open("ledger_gdp.csv");
    int seen = 0;
    while (golden_next(&golden)) {
        if (strcmp(golden_text(&golden, "sequence"), "geometric_r0.5_T6_total_mu_0.5") !=
            0)
            continue;
        int t = (int)golden_number(&golden, "step");
        assert_relative(multipliers[t - 1],
                        golden_number(&golden, "noise_multiplier_sigma_over_Delta"),
                        TOLERANCE);
        seen++;
    }
    assert_int_equal(seen, 6);
    double many[100], sum = 0;
    for (int r = 1; r <= 10; r++) {
        assert_ok(accountant_shares(0.2367, r / 10.0, 10, many));
        sum = 0;
        for (int t = 0; t < 10; t++)
            sum += 1 / (many[t] * many[t]);
        assert_true(sum <= 0.2367 * 0.2367);
        assert_relative(sum, 0.2367 * 0.2367, TOLERANCE);
    }
    assert_refused(ERR_RANGE, "round 1 of 100", accountant_shares(0.1, 0.5, 100, many));
    assert_refused(ERR_RANGE, "ratio 0", accountant_shares(0.1, 0, 10, many));
    assert_refused(ERR_RANGE, "ratio 1.1", accountant_shares(0.1, 1.1, 10, many));
    assert_refused(ERR_RANGE, "round 1", accountant_shares(0, 0.5, 10, many));
    assert_refused(ERR_RANGE, "0 rounds", accountant_shares(0.1, 0.5, 0, many));
}

/* delta by its definition in extended precision, where that does not cancel too much. */
static void accountant__delta_is_its_definition(void **state)
{
    (void)state;
    for (double mu = 1e-4; mu < 20; mu *= 1.7)
        for (double epsilon = 0; epsilon < 5 * mu; epsilon += mu / 3) {
            long double m = mu, e = epsilon, root = sqrtl(2);
            long double direct = (erfcl((e / m - m / 2) / root) -
                                  expl(e) * erfcl((e / m + m / 2) / root)) /
                                 2;
            double delta = 0;
            assert_ok(accountant_delta(mu, epsilon, &delta));
            assert_relative(delta, (double)direct, 1e-12 + 1e-17 / mu / delta * mu);
        }
    const double tiny[][3] = {/* mu, epsilon, delta, in 80-digit arithmetic */
                              {0.009, 0.05, 2.1689688693605388e-11},
                              {0.001, 0.004, 7.1595624349382469e-9},
                              {0.0001, 0.0001, 8.33196363992521e-6},
                              {1e-05, 6e-05, 1.5636167037498356e-15},
                              {1e-06, 0, 3.9894228040141604e-7}};
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i++) {
        double delta = 0;
        assert_ok(accountant_delta(tiny[i][0], tiny[i][1], &delta));
        assert_relative(delta, tiny[i][2], 1e-12);
    }
    double zero = 1;
    assert_ok(accountant_delta(0, 1, &zero));
    assert_true(zero == 0);
    assert_ok(accountant_delta(1e-9, 1, &zero)); /* 1e9 standard deviations out */
    assert_true(zero == 0);
    assert_ok(accountant_delta(0x1p-1074, 1, &zero));
    assert_true(zero == 0);
    assert_ok(accountant_epsilon(0, 1e-6, &zero));
    assert_true(zero == 0);
    assert_ok(accountant_epsilon(0.1, 0.5, &zero)); /* delta(0) = 0.04 is less already */
    assert_true(zero == 0);
}

static void accountant__curve_and_inverse_agree(void **state)
{
    (void)state;
    for (double mu = 1e-5; mu <= 1000; mu *= 3.3)
        for (double delta = 1e-300; delta < 0.5; delta = sqrt(delta * 1e-1)) {
            double epsilon = 0, back = 0, mu_back = 0;
            assert_ok(accountant_epsilon(mu, delta, &epsilon));
            if (epsilon == 0)
                break;
            assert_ok(accountant_delta(mu, epsilon, &back));
            assert_relative(back, delta, 1e-8);
            if (mu < 900) {
                assert_ok(accountant_mu(epsilon, delta, &mu_back));
                assert_relative(mu_back, mu, 1e-11);
            }
            if (delta > 0.09)
                break;
        }
}

static void accountant__refuses_what_it_does_not_know(void **state)
{
    (void)state;
    double out = 7;
    struct charge charges[2] = {{CHARGE_GAUSSIAN, 4, 1}, {(enum charge_kind)2, 4, 1}};
    assert_refused(ERR_RANGE, "charge 1 has kind 2", accountant_mu2(charges, 2, &out));
    charges[1] = (struct charge){CHARGE_GAUSSIAN, 0, 1};
    assert_refused(ERR_RANGE, "multiplier 0", accountant_mu2(charges, 2, &out));
    charges[1].noise_multiplier = NAN;
    assert_refused(ERR_RANGE, "charge 1", accountant_mu2(charges, 2, &out));
    charges[1].noise_multiplier = 1e-200;
    assert_refused(ERR_RANGE, "too large", accountant_mu2(charges, 2, &out));
    assert_refused(ERR_RANGE, "mu -1", accountant_delta(-1, 1, &out));
    assert_refused(ERR_RANGE, "mu", accountant_delta(NAN, 1, &out));
    assert_refused(ERR_RANGE, "epsilon -1", accountant_delta(1, -1, &out));
    assert_refused(ERR_RANGE, "delta 0", accountant_epsilon(1, 0, &out));
    assert_refused(ERR_RANGE, "delta 1", accountant_epsilon(1, 1, &out));
    assert_refused(ERR_RANGE, "delta", accountant_mu(1, NAN, &out));
    assert_refused(ERR_RANGE, "above 1000", accountant_mu(1e6, 0.1, &out));
    assert_refused(ERR_RANGE, "0 rounds", accountant_noise_multiplier(1, 1e-6, 0, &out));
    assert_true(out == 7);
}

/* The table states d = 1, L = 200 and measured differences against the exact pmf: the
 * correction is the table's (to its digits) and never below what was measured. */
static void accountant__discretisation_covers_the_exact_gap(void **state)
{
    (void)state;
    struct golden golden = golden_open("discrete_gaussian_vs_gdp_gap.csv");
    int checked = 0;
    while (golden_next(&golden)) {
        double parameter = golden_number(&golden, "sigma_lattice");
        unsigned k = (unsigned)log2(parameter);
        if (ldexp(1, (int)k) != parameter)
            continue;
        struct discretisation more;
        assert_ok(accountant_discretisation(1, k, 1, &more));
        assert_relative(more.epsilon, golden_number(&golden, "correction_d1_L200"), 1e-5);
        double mu = golden_number(&golden, "mu"), delta = golden_number(&golden, "delta");
        double exact = golden_number(&golden, "eps_exact_discrete");
        struct privacy_loss loss;
        assert_ok(accountant_loss(mu * mu, &more, delta, &loss));
        assert_true(loss.epsilon >= exact);
        checked++;
    }
    assert_true(checked >= 20);
    struct discretisation one, many;
    assert_ok(accountant_discretisation(1000000, 20, 1, &one));
    assert_relative(one.epsilon, 1e6 / 12 * 0x1p-40, 0.05); /* about d / (12 s^2) */
    assert_ok(accountant_discretisation(1000000, 20, 16, &many));
    assert_relative(many.epsilon, one.epsilon / 16, 1e-4);
    for (size_t dim = 1; dim <= 1 << 20;
         dim *= 32) /* the ledger's: one share covers all */
        for (uint32_t shares = 2; shares <= 10000; shares = shares * 5 / 2) {
            assert_ok(accountant_discretisation(dim, 20, 1, &one));
            assert_ok(accountant_discretisation(dim, 20, shares, &many));
            assert_true(many.epsilon <= one.epsilon && many.log_delta <= one.log_delta);
        }
    assert_ok(accountant_discretisation(4, 2, 2, &many)); /* the sum's own correction */
    assert_ok(accountant_discretisation(4, 2, 1, &one));
    assert_true(many.epsilon > 0 && many.epsilon < one.epsilon);
    assert_refused(ERR_RANGE, "0 numbers", accountant_discretisation(0, 20, 1, &one));
    assert_refused(ERR_RANGE, "2^1 steps", accountant_discretisation(1, 1, 1, &one));
    assert_refused(ERR_RANGE, "0 shares", accountant_discretisation(1, 20, 0, &one));
}

/* The study's own figures: epsilon 1 at 1e-6 is mu 0.2367, AUC 0.566, 1.8 % at 1 %. */
static void accountant__loss_states_the_attack_bounds(void **state)
{
    (void)state;
    double mu = 0;
    assert_ok(accountant_mu(1, 1e-6, &mu));
    struct discretisation more;
    struct privacy_loss loss;
    assert_ok(accountant_discretisation(200, 20, 1, &more));
    assert_ok(accountant_loss(mu * mu, &more, 1e-6, &loss));
    assert_near(loss.mu, 0.2367, 5e-5);
    struct privacy_loss planned;
    assert_ok(accountant_loss(mu * mu, NULL, 1e-6, &planned));
    assert_near(planned.epsilon, 1, 1e-12);
    assert_true(planned.epsilon < loss.epsilon);
    assert_true(loss.epsilon > 1);
    assert_near(loss.epsilon, 1, 1e-7);
    assert_near(loss.attack_auc, 0.566, 5e-4);
    assert_near(loss.attack_tpr_1pc, 0.0183, 5e-4);
    assert_near(accountant_tpr(0, 0.3), 0.3, 1e-12);
    assert_refused(ERR_RANGE, "protect", accountant_loss(400, &more, 1e-6, &loss));
    assert_refused(ERR_RANGE, "delta", accountant_loss(1, &more, 1e-31, &loss));
    assert_refused(ERR_RANGE, "mu^2", accountant_loss(-1, &more, 1e-6, &loss));
}

/* What is planned within (epsilon, delta) costs at most that when all is told, and hardly
 * less; planned without the lattice it costs more. */
static void accountant__room_leaves_the_lattice_its_part(void **state)
{
    (void)state;
    const double epsilons[] = {0.01, 0.5, 1, 8};
    const size_t dims[] = {1, 26, 1000, 65536};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++) {
            struct discretisation more;
            struct privacy_loss loss;
            double mu, bare;
            assert_ok(accountant_discretisation(dims[j], 20, 1, &more));
            more.epsilon *= 10;
            more.log_delta *= 10;
            assert_ok(accountant_mu_within(epsilons[i], 1e-6, &more, &mu));
            assert_ok(accountant_loss(mu * mu, &more, 1e-6, &loss));
            assert_true(loss.epsilon <= epsilons[i]);
            assert_true(loss.epsilon > epsilons[i] * (1 - 1e-9));
            assert_ok(accountant_mu(epsilons[i], 1e-6, &bare));
            assert_ok(accountant_loss(bare * bare, &more, 1e-6, &loss));
            assert_true(loss.epsilon > epsilons[i]);
        }
    const struct discretisation all = {.epsilon = 2};
    double mu;
    assert_refused(ERR_RANGE, "lattice", accountant_mu_within(1, 1e-6, &all, &mu));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accountant__epsilon_matches_every_golden_row),
        cmocka_unit_test(accountant__delta_matches_every_golden_row),
        cmocka_unit_test(accountant__calibration_matches_every_golden_row),
        cmocka_unit_test(accountant__composition_matches_every_golden_row),
        cmocka_unit_test(accountant__costs_and_sums_are_rounded_up),
        cmocka_unit_test(accountant__geometric_shares_match_the_golden_schedule),
        cmocka_unit_test(accountant__delta_is_its_definition),
        cmocka_unit_test(accountant__curve_and_inverse_agree),
        cmocka_unit_test(accountant__refuses_what_it_does_not_know),
        cmocka_unit_test(accountant__discretisation_covers_the_exact_gap),
        cmocka_unit_test(accountant__loss_states_the_attack_bounds),
        cmocka_unit_test(accountant__room_leaves_the_lattice_its_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
