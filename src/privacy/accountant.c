#include "privacy/accountant.h"

#include <math.h>

#include "base/normal.h"
#include "privacy/noise.h"

#define DELTA_MIN 1e-300
#define LOSS_DELTA_MIN 1e-30
#define LOSS_EPSILON_MAX 100.0
#define TAIL 40.0 /* standard deviations: phi there is below 1e-347 */
#define PI 3.14159265358979323846

/* Upward: covers the few roundings of the lines it ends, and terms that underflow. */
#define UPWARD (1 + 0x1p-38)

/* M(c - h) - M(c + h) of the Mills ratio M, h = mu / 2, without cancellation.
 * Below mu = 0.01 by the odd Taylor terms, with M' = xM - 1 and M^(n+1) = xM^(n) +
 * nM^(n-1); the first one left out is below 1e-15 of the sum. */
static double mills_drop(double centre, double mu)
{
    double h = mu / 2;
    if (mu >= 0.01)
        return normal_mills(centre - h) - normal_mills(centre + h);
    double d[6] = {normal_mills(centre)};
    d[1] = centre * d[0] - 1;
    for (int n = 1; n < 5; n++)
        d[n + 1] = centre * d[n] + n * d[n - 1];
    return -2 * h * (d[1] + h * h / 6 * (d[3] + h * h / 20 * d[5]));
}

/* log delta(epsilon) for mu > 0. With a = epsilon/mu - mu/2: e^epsilon phi(a + mu) =
 * phi(a), so delta = phi(a) (M(a) - M(a + mu)), which neither overflows nor cancels for
 * a > 0; below that Phi(-a) >= 1/2 leads and M(a) alone could overflow. Past TAIL delta
 * counts as 0. */
static double log_delta(double mu, double epsilon)
{
    double a = epsilon / mu - mu / 2;
    if (a > TAIL)
        return -INFINITY;
    double log_density = -a * a / 2 - log(2 * PI) / 2;
    if (a > 0 || mu < 0.01)
        return log_density + log(mills_drop(epsilon / mu, mu));
    return log(normal_cdf(-a) - exp(log_density) * normal_mills(a + mu));
}

static enum err mu_check(double mu)
{
    if (!(mu >= 0 && mu <= ACCOUNTANT_MU_MAX))
        return err_set(ERR_RANGE, "mu %g, expected 0 to %g", mu, ACCOUNTANT_MU_MAX);
    return ERR_OK;
}

static enum err epsilon_check(double epsilon)
{
    if (!(epsilon >= 0 && isfinite(epsilon)))
        return err_set(ERR_RANGE, "epsilon %g, expected a number from 0", epsilon);
    return ERR_OK;
}

static enum err delta_check(double delta)
{
    if (!(delta >= DELTA_MIN && delta < 1))
        return err_set(ERR_RANGE, "delta %g, expected above 0 and below 1", delta);
    return ERR_OK;
}

/* With z^2 = square + rest exactly, q z^2 - 1 = (q square - 1) + q rest. The first term
 * is rounded once and below 2^-50, so the computed sum's sign is right when it is 2^-100
 * or more; otherwise q is raised, unless it is exact. The start is below the answer and
 * the end at most four doubles on, as 1 / square is off by 2^-52 at most. Outside the
 * range where all of this holds the answer is a bound and no more. */
double accountant_cost(double noise_multiplier)
{
    double square = noise_multiplier * noise_multiplier;
    if (!(square > 0x1p-900 && square < 0x1p900))
        return square >= 0x1p900 ? 0x1p-900 : INFINITY;
    double rest = fma(noise_multiplier, noise_multiplier, -square);
    double q = nextafter(nextafter(1 / square, 0), 0);
    for (;;) {
        double above = fma(q, square, -1);
        if (above + q * rest >= 0x1p-100 || (above == 0 && rest == 0))
            return q;
        q = nextafter(q, INFINITY);
    }
}

/* The rounding error of a sum is a double and comes out exactly (Knuth's two-sum). */
double accountant_sum(double mu2, double more)
{
    double sum = mu2 + more, second = sum - mu2;
    double lost = (mu2 - (sum - second)) + (more - second);
    return lost > 0 ? nextafter(sum, INFINITY) : sum;
}

/* count * cost, rounded up. */
static double cost_of(const struct charge *charge)
{
    double cost = accountant_cost(charge->noise_multiplier);
    double product = charge->count * cost;
    return fma(charge->count, cost, -product) > 0 ? nextafter(product, INFINITY)
                                                  : product;
}

enum err accountant_mu2(const struct charge *charges, size_t count, double *mu2)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (charges[i].kind != CHARGE_GAUSSIAN)
            return err_set(ERR_RANGE, "charge %zu has kind %d, which is not known", i,
                           (int)charges[i].kind);
        double z = charges[i].noise_multiplier;
        if (!(z > 0 && isfinite(z)))
            return err_set(ERR_RANGE, "charge %zu has noise multiplier %g", i, z);
        sum = accountant_sum(sum, cost_of(&charges[i]));
    }
    if (!isfinite(sum))
        return err_set(ERR_RANGE, "charges too large to add up");
    *mu2 = sum;
    return ERR_OK;
}

enum err accountant_delta(double mu, double epsilon, double *delta)
{
    enum err code = mu_check(mu);
    if (!code)
        code = epsilon_check(epsilon);
    if (code)
        return code;
    *delta = mu > 0 ? exp(log_delta(mu, epsilon)) : 0;
    return ERR_OK;
}

/* delta falls in epsilon, and is below every allowed delta at TAIL. The bracket closes
 * until no double is left inside; its end with the smaller delta is the answer. */
enum err accountant_epsilon(double mu, double delta, double *epsilon)
{
    enum err code = mu_check(mu);
    if (!code)
        code = delta_check(delta);
    if (code)
        return code;
    double target = log(delta), low = 0, high = mu * (mu / 2 + TAIL);
    if (mu == 0 || log_delta(mu, 0) <= target) {
        *epsilon = 0;
        return ERR_OK;
    }
    for (double middle; (middle = low + (high - low) / 2) > low && middle < high;)
        if (log_delta(mu, middle) > target)
            low = middle;
        else
            high = middle;
    *epsilon = high;
    return ERR_OK;
}

/* delta grows in mu. */
enum err accountant_mu(double epsilon, double delta, double *mu)
{
    enum err code = epsilon_check(epsilon);
    if (!code)
        code = delta_check(delta);
    if (code)
        return code;
    double target = log(delta), low = 0, high = ACCOUNTANT_MU_MAX;
    if (!(log_delta(high, epsilon) > target))
        return err_set(ERR_RANGE, "epsilon %g and delta %g allow a mu above %g", epsilon,
                       delta, ACCOUNTANT_MU_MAX);
    for (double middle; (middle = low + (high - low) / 2) > low && middle < high;)
        if (log_delta(middle, epsilon) > target)
            high = middle;
        else
            low = middle;
    *mu = low;
    return ERR_OK;
}

static enum err rounds_check(uint32_t rounds)
{
    if (rounds < 1 || rounds > ACCOUNTANT_ROUNDS_MAX)
        return err_set(ERR_RANGE, "%u rounds, expected 1 to %d", rounds,
                       ACCOUNTANT_ROUNDS_MAX);
    return ERR_OK;
}

enum err accountant_noise_multiplier(double epsilon, double delta, uint32_t rounds,
                                     double *noise_multiplier)
{
    double mu = 0;
    enum err code = rounds_check(rounds);
    if (!code)
        code = accountant_mu(epsilon, delta, &mu);
    if (code)
        return code;
    if (!(mu > 0))
        return err_set(ERR_RANGE, "epsilon %g and delta %g allow nothing", epsilon,
                       delta);
    *noise_multiplier = sqrt(rounds) / mu * UPWARD;
    return ERR_OK;
}

enum err accountant_shares(double mu, double ratio, uint32_t rounds, double *multipliers)
{
    enum err code = rounds_check(rounds);
    if (!code)
        code = mu_check(mu);
    if (code)
        return code;
    if (!(ratio > 0 && ratio <= 1))
        return err_set(ERR_RANGE,
                       "ratio %g of budget shares, expected above 0, at most 1", ratio);
    double sum = 0;
    for (uint32_t t = 1; t <= rounds; t++)
        sum += pow(ratio, rounds - t);
    /* The first round has the least. */
    double largest = sqrt(sum / pow(ratio, rounds - 1)) / mu * UPWARD;
    if (!(largest <= NOISE_MULTIPLIER_MAX))
        return err_set(ERR_RANGE,
                       "round 1 of %u would get a noise multiplier of %g, above 2^19",
                       rounds, largest);
    for (uint32_t t = 1; t <= rounds; t++)
        multipliers[t - 1] = sqrt(sum / pow(ratio, rounds - t)) / mu * UPWARD;
    return ERR_OK;
}

/* docs/privacy.md, claim 3: eta1 + eta2 + tau d with L = 200 for s = sqrt(shares) 2^k.
 * tau's largest term has exponent -pi^2 4^k, there are shares - 1 of them. */
enum err accountant_discretisation(size_t dim, unsigned noise_log2, uint32_t noise_shares,
                                   struct discretisation *discretisation)
{
    if (dim < 1 || dim > (size_t)1 << 20)
        return err_set(ERR_RANGE, "a release of %zu numbers, expected 1 to 2^20", dim);
    if (noise_log2 < 2 || noise_log2 > 40)
        return err_set(ERR_RANGE, "noise of 2^%u steps, expected 2^2 to 2^40",
                       noise_log2);
    if (noise_shares < 1 || noise_shares > 10000)
        return err_set(ERR_RANGE, "%u shares of noise, expected 1 to 10000",
                       noise_shares);
    const double tail = 200;
    double d = (double)dim, local2 = ldexp(1, 2 * (int)noise_log2);
    double s2 = noise_shares * local2;
    double eta1 = d / (24 * s2);
    double norm = sqrt(s2 * (d + 2 * sqrt(d * tail) + 2 * tail)) + sqrt(d) / 2;
    double theta = 2.1 * exp(-2 * PI * PI * s2);
    double eta2 = norm * norm / (24 * s2 * s2) + d * theta;
    double tau = 10.0 * (noise_shares - 1) * exp(-PI * PI * local2);
    discretisation->epsilon = (eta1 + eta2 + 2 * d * tau) * UPWARD;
    discretisation->log_delta = (eta1 + d * tau) * UPWARD;
    return ERR_OK;
}

double accountant_tpr(double mu, double fpr)
{
    return normal_cdf(normal_quantile(fpr) + mu);
}

/* What continuous noise may use of delta when the lattice takes its part; 1e-9 of it is
 * left for the tail of its bound. */
static double delta_left(double delta, const struct discretisation *discretisation)
{
    return delta * exp(-discretisation->log_delta) * (1 - 1e-9);
}

enum err accountant_mu_within(double epsilon, double delta,
                              const struct discretisation *discretisation, double *mu)
{
    double left = (epsilon - discretisation->epsilon) / UPWARD;
    if (!(left >= 0))
        return err_set(ERR_RANGE,
                       "epsilon %g is below what the lattice of the noise costs, %g",
                       epsilon, discretisation->epsilon);
    return accountant_mu(left, delta_left(delta, discretisation), mu);
}

enum err accountant_loss(double mu2, const struct discretisation *discretisation,
                         double delta, struct privacy_loss *loss)
{
    if (!(mu2 >= 0))
        return err_set(ERR_RANGE, "mu^2 %g, expected a number from 0", mu2);
    if (!(delta >= LOSS_DELTA_MIN && delta < 1))
        return err_set(ERR_RANGE, "delta %g, expected %g or more, below 1", delta,
                       LOSS_DELTA_MIN);
    const struct discretisation none = {0},
                                *more = discretisation ? discretisation : &none;
    double mu = sqrt(mu2), epsilon = 0;
    double inner = discretisation ? delta_left(delta, more) : delta;
    enum err code = accountant_epsilon(mu, inner, &epsilon);
    if (code)
        return code;
    if (epsilon > LOSS_EPSILON_MAX)
        return err_set(ERR_RANGE,
                       "mu %g is an epsilon of %g at delta %g: that protects nobody", mu,
                       epsilon, delta);
    *loss = (struct privacy_loss){
        .mu = mu,
        .epsilon = epsilon + more->epsilon,
        .delta = delta,
        .attack_auc = normal_cdf(mu / sqrt(2)),
        .attack_tpr_1pc = accountant_tpr(mu, 0.01),
    };
    return ERR_OK;
}
