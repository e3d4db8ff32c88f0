#include "serial.h"

#include "check.h"
#include "tally.h"

#define N 7
#define TAU 1.7

static const double times[N] = {0, 0.4, 0.5, 2, 3.1, 3.3, 9};
static const double values[N] = {2.1, 2.6, 2.2, 3.5, 4.1, 3.0, 2.4};

static const struct residual residuals[] = {
    {RESIDUAL_ADDITIVE, 0.7, 0, TAU},    {RESIDUAL_PROPORTIONAL, 0, 0.3, TAU},
    {RESIDUAL_COMBINED1, 0.4, 0.1, TAU}, {RESIDUAL_COMBINED2, 0.4, 0.2, TAU},
    {RESIDUAL_LOGNORMAL, 0.3, 0, TAU},
};
#define KINDS (sizeof residuals / sizeof *residuals)

/* Predictions of a curve with two numbers. */
static double curve(const double *by, size_t j)
{
    return by[0] * exp(-0.2 * times[j]) + by[1] * times[j];
}

/* Cholesky factor in place, and log det. */
static double factor(size_t n, double *a)
{
    double log_det = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i * n + j];
            for (size_t k = 0; k < j; k++)
                sum -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
            if (i == j)
                log_det += 2 * log(a[i * n + i]);
        }
    return log_det;
}

/* -2 log of the density of all values by their whole covariance. */
static double dense(const struct residual *residual, const double *by)
{
    double covariance[N * N], r[N], sd[N], total = N * log(2 * M_PI), jacobian = 0;
    bool logarithm = residual->kind == RESIDUAL_LOGNORMAL;
    for (size_t i = 0; i < N; i++) {
        double f = curve(by, i);
        sd[i] = observe_sd(residual, f);
        r[i] = logarithm ? log(values[i] / f) : values[i] - f;
        jacobian += logarithm ? 2 * log(values[i]) : 0;
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            covariance[i * N + j] = sd[i] * sd[j] * exp(-fabs(times[i] - times[j]) / TAU);
    total += factor(N, covariance);
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < i; j++)
            r[i] -= covariance[i * N + j] * r[j];
        r[i] /= covariance[i * N + i];
        total += r[i] * r[i];
    }
    return total + jacobian;
}

/* The same by links, with slopes by both numbers. */
static void summed(const struct residual *residual, const double *by, double *sums)
{
    struct serial *serial = serial_new(2);
    serial_begin(serial, 1);
    memset(sums, 0, TALLY_SUMS(2) * sizeof *sums);
    for (size_t j = 0; j < N; j++) {
        const double slopes[] = {exp(-0.2 * times[j]), times[j]};
        serial_add(serial, residual, 0, times[j], values[j], CENSORED_NOT, curve(by, j),
                   slopes, sums, 1);
    }
    serial_destroy(&serial);
}

static void serial__is_the_density_of_all_together(void **state)
{
    (void)state;
    double by[] = {2.5, 0.3}, sums[TALLY_SUMS(2)], h = 1e-5;
    for (size_t k = 0; k < KINDS; k++) {
        summed(&residuals[k], by, sums);
        assert_near(sums[0], dense(&residuals[k], by), 1e-10);
        for (size_t a = 0; a < 2; a++) {
            by[a] += h;
            double up = dense(&residuals[k], by);
            by[a] -= 2 * h;
            double down = dense(&residuals[k], by);
            by[a] += h;
            assert_near(sums[TALLY_SLOPE + a], 0.5 * (up - down) / (2 * h), 1e-6);
        }
    }
}

/* X := R^-1 X by the factor of R. */
static void solve(const double *lower, double *x)
{
    for (size_t c = 0; c < N; c++) {
        for (size_t i = 0; i < N; i++) {
            for (size_t j = 0; j < i; j++)
                x[i * N + c] -= lower[i * N + j] * x[j * N + c];
            x[i * N + c] /= lower[i * N + i];
        }
        for (size_t i = N; i-- > 0;) {
            for (size_t j = i + 1; j < N; j++)
                x[i * N + c] -= lower[j * N + i] * x[j * N + c];
            x[i * N + c] /= lower[i * N + i];
        }
    }
}

static void covariance_at(const struct residual *residual, const double *by, double *out)
{
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            out[i * N + j] = observe_sd(residual, curve(by, i)) *
                             observe_sd(residual, curve(by, j)) *
                             exp(-fabs(times[i] - times[j]) / TAU);
}

/* F' R^-1 F + tr R^-1 R_a R^-1 R_b / 2, the information of a normal vector whose mean and
 * covariance R both move (of logarithms for a lognormal error). */
static void serial__information_is_the_trace_form(void **state)
{
    (void)state;
    const double by[] = {2.5, 0.3}, h = 1e-5;
    for (size_t k = 0; k < KINDS; k++) {
        double r[N * N], moved[2][N * N], sums[TALLY_SUMS(2)];
        bool logarithm = residuals[k].kind == RESIDUAL_LOGNORMAL;
        covariance_at(&residuals[k], by, r);
        factor(N, r);
        double slopes[N * N] = {0}, solved[N * N];
        for (size_t i = 0; i < N; i++) {
            double scale = logarithm ? curve(by, i) : 1;
            slopes[i * N] = exp(-0.2 * times[i]) / scale;
            slopes[i * N + 1] = times[i] / scale;
        }
        memcpy(solved, slopes, sizeof solved);
        solve(r, solved);
        for (size_t a = 0; a < 2; a++) {
            double up[] = {by[0], by[1]}, down[] = {by[0], by[1]}, other[N * N];
            up[a] += h, down[a] -= h;
            covariance_at(&residuals[k], up, moved[a]);
            covariance_at(&residuals[k], down, other);
            for (size_t i = 0; i < N * N; i++)
                moved[a][i] = (moved[a][i] - other[i]) / (2 * h);
            solve(r, moved[a]);
        }
        summed(&residuals[k], by, sums);
        const double *got = sums + TALLY_INFORMATION(2);
        for (size_t a = 0; a < 2; a++)
            for (size_t b = 0; b <= a; b++) {
                double want = 0;
                for (size_t i = 0; i < N; i++) {
                    want += slopes[i * N + a] * solved[i * N + b];
                    for (size_t j = 0; j < N; j++)
                        want += moved[a][i * N + j] * moved[b][j * N + i] / 2;
                }
                assert_relative(*got++, want, 1e-6);
            }
    }
}

/* P(y_2 < limit | y_1) as an integral of the joint density over y_2; and above. */
static void serial__censored_values_are_weighed_given_the_last(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        const struct residual *residual = &residuals[k];
        bool logarithm = residual->kind == RESIDUAL_LOGNORMAL;
        double f1 = 2.5, f2 = 2.2, y1 = 3.1, limit = 2.4, dt = 0.8, h = 1e-5;
        double rho = exp(-dt / TAU);
        double e1 = (logarithm ? log(y1 / f1) : y1 - f1) / observe_sd(residual, f1);
        double top =
            (logarithm ? log(limit / f2) : limit - f2) / observe_sd(residual, f2);
        double below = 0, step = 1e-4, width = sqrt(1 - rho * rho);
        for (double e = top - step / 2; e > -12; e -= step)
            below += step * exp(-0.5 * pow((e - rho * e1) / width, 2)) /
                     (width * sqrt(2 * M_PI));
        struct standard before, now;
        struct link low, high, up, down;
        assert_ok(observe_standard(residual, y1, f1, &before));
        assert_ok(
            serial_link(residual, limit, CENSORED_BELOW, f2, &before, dt, &now, &low));
        assert_ok(
            serial_link(residual, limit, CENSORED_ABOVE, f2, &before, dt, &now, &high));
        assert_near(exp(-low.minus2_log_likelihood / 2), below, 1e-7);
        assert_near(exp(-high.minus2_log_likelihood / 2), 1 - below, 1e-7);
        assert_ok(
            serial_link(residual, limit, CENSORED_BELOW, f2 + h, &before, dt, &now, &up));
        assert_ok(serial_link(residual, limit, CENSORED_BELOW, f2 - h, &before, dt, &now,
                              &down));
        assert_near(low.d_now,
                    (up.minus2_log_likelihood - down.minus2_log_likelihood) / (2 * h),
                    1e-6);
        assert_true(low.now > 0 && low.now * low.before >= low.both * low.both - 1e-12);
        assert_ok(observe_standard(residual, y1, f1 + h, &before));
        assert_ok(
            serial_link(residual, limit, CENSORED_BELOW, f2, &before, dt, &now, &up));
        assert_ok(observe_standard(residual, y1, f1 - h, &before));
        assert_ok(
            serial_link(residual, limit, CENSORED_BELOW, f2, &before, dt, &now, &down));
        assert_near(low.d_before,
                    (up.minus2_log_likelihood - down.minus2_log_likelihood) / (2 * h),
                    1e-6);
    }
}

/* After so long that nothing is remembered, and before anything was, a link is observe's.
 */
static void serial__of_nothing_remembered_is_the_measurement_alone(void **state)
{
    (void)state;
    static const enum censoring censorings[] = {CENSORED_NOT, CENSORED_BELOW,
                                                CENSORED_ABOVE};
    for (size_t k = 0; k < KINDS; k++)
        for (size_t c = 0; c < 3; c++)
            for (int first = 0; first < 2; first++) {
                struct standard before, now;
                struct link link;
                struct observed alone;
                assert_ok(observe_standard(&residuals[k], 3, 2, &before));
                assert_ok(observe(&residuals[k], 2.4, censorings[c], 2.2, &alone));
                assert_ok(serial_link(&residuals[k], 2.4, censorings[c], 2.2,
                                      first ? NULL : &before, 1e9, &now, &link));
                assert_relative(link.minus2_log_likelihood, alone.minus2_log_likelihood,
                                1e-12);
                assert_relative(link.d_now, alone.d_prediction, 1e-12);
                assert_relative(link.now, alone.information, 1e-12);
                assert_near(link.d_before, 0, 0);
                assert_near(link.both, 0, 0);
                assert_near(link.before, 0, 0);
            }
}

/* A censored value stands between two others: it is weighed given the first, and the
 * second, as if it were not there. Each observation remembers its own. */
static void serial__remembers_the_last_quantified_of_each(void **state)
{
    (void)state;
    const struct residual *residual = &residuals[3];
    double slope = 1, sums[TALLY_SUMS(1)] = {0};
    struct serial *serial = serial_new(1);
    struct standard before, other;
    struct link between, after;
    serial_begin(serial, 2);
    serial_add(serial, residual, 1, 0, 2.0, CENSORED_NOT, 2.5, &slope, sums, 1);
    serial_add(serial, residual, 0, 1, 9.0, CENSORED_NOT, 8.5, &slope, sums, 1);
    double first = sums[0];
    serial_add(serial, residual, 1, 2, 1.0, CENSORED_BELOW, 2.1, &slope, sums, 1);
    serial_add(serial, residual, 1, 3, 1.8, CENSORED_NOT, 2.0, &slope, sums, 1);
    assert_ok(observe_standard(residual, 2.0, 2.5, &before));
    assert_ok(
        serial_link(residual, 1.0, CENSORED_BELOW, 2.1, &before, 2, &other, &between));
    assert_ok(serial_link(residual, 1.8, CENSORED_NOT, 2.0, &before, 3, &other, &after));
    assert_near(sums[0],
                first + between.minus2_log_likelihood + after.minus2_log_likelihood,
                1e-12);
    serial_begin(serial, 2); /* somebody else */
    double fresh[TALLY_SUMS(1)] = {0};
    struct observed alone;
    serial_add(serial, residual, 1, 0, 2.0, CENSORED_NOT, 2.5, &slope, fresh, 1);
    assert_ok(observe(residual, 2.0, CENSORED_NOT, 2.5, &alone));
    assert_relative(fresh[0], alone.minus2_log_likelihood, 1e-12);
    serial_destroy(&serial);
}

/* What is nothing is below any limit whatever the error before it was: the end of what
 * small predictions come to. Above one it cannot be, nor be measured. */
static void serial__nothing_is_surely_below_a_limit(void **state)
{
    (void)state;
    const struct residual *proportional = &residuals[1], *lognormal = &residuals[4];
    struct standard before, now;
    struct link link;
    for (size_t k = 1; k < KINDS; k += 3)
        for (double f = 1e-6; f >= 0; f = f > 1e-12 ? f / 1e3 : f > 0 ? 0 : -1) {
            assert_ok(observe_standard(&residuals[k], 3, 2, &before));
            assert_ok(serial_link(&residuals[k], 1, CENSORED_BELOW, f, &before, 0.5, &now,
                                  &link));
            assert_near(link.minus2_log_likelihood, 0, 1e-12);
            assert_near(link.d_now, 0, 1e-12);
            assert_near(link.d_before, 0, 1e-12);
            assert_near(fabs(link.now) + fabs(link.both) + fabs(link.before), 0, 1e-12);
        }
    assert_ok(serial_link(lognormal, 1, CENSORED_BELOW, -1e-15, NULL, 0, &now, &link));
    assert_int_equal(
        serial_link(lognormal, 1, CENSORED_ABOVE, 0, &before, 0.5, &now, &link),
        ERR_NUMERIC);
    assert_int_equal(
        serial_link(proportional, 1, CENSORED_NOT, 0, &before, 0.5, &now, &link),
        ERR_NUMERIC);
}

static void serial__makes_no_numbers_of_what_cannot_be_used(void **state)
{
    (void)state;
    double slope = 1, sums[TALLY_SUMS(1)] = {0};
    struct serial *serial = serial_new(1);
    serial_begin(serial, 1);
    serial_add(serial, &residuals[4], 0, 0, 2.0, CENSORED_NOT, -1, &slope, sums, 1);
    assert_true(isnan(sums[0]) && isnan(sums[1]) && isnan(sums[2]));
    serial_destroy(&serial);
    assert_null(serial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serial__is_the_density_of_all_together),
        cmocka_unit_test(serial__information_is_the_trace_form),
        cmocka_unit_test(serial__censored_values_are_weighed_given_the_last),
        cmocka_unit_test(serial__of_nothing_remembered_is_the_measurement_alone),
        cmocka_unit_test(serial__remembers_the_last_quantified_of_each),
        cmocka_unit_test(serial__nothing_is_surely_below_a_limit),
        cmocka_unit_test(serial__makes_no_numbers_of_what_cannot_be_used),
    };
    return cmocka_run_group_tests_name("serial", tests, NULL, NULL);
}
