#include "tally.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "numerics/elementary.h"

#define LOG_2_PI 1.8378770664093454836

/* Of a row: does lane l take part? */
#define TAKES(tally, l) (((tally)->takes >> (l)&1) != 0)

/* In a lane that does not take part. */
static const struct twin_measurement nothing;
static const struct tally_error exact = {.constant = 1, .ordinary = true};
static const struct tally_subject nobody = {
    .measurements = &nothing, .values = &nothing.value, .errors = &exact};

struct tally {
    enum simd simd;
    size_t directions;
    double *sums; /* [TALLY_SUMS][LANES] */
    const struct tally_subject *subjects[LANES];
    /* The error of each lane's last measurement, and whose are not ordinary; whose vary.
     */
    const struct tally_error *errors[LANES];
    double constant[LANES], linear[LANES], square[LANES];
    double weight[LANES], log_constant[LANES];
    lane_set odd, varying;
    /* The values of those lanes that have no others and always the same error. */
    const double *values[LANES];
    lane_set plain;
    struct serial *serial[LANES]; /* NULL until a subject has needed one */
    /* Of the measurements looked at, and which of them are others than uncensored with a
     * normal error: */
    const struct twin_measurement *measured[LANES];
    double value[LANES];
    lane_set others;
    uint64_t takes; /* of these, the lanes whose predictions are being added */
    double likelihood[LANES], slope[LANES], information[LANES];
};

void tally_error(const struct residual *residual, struct tally_error *error)
{
    double a = residual->additive, b = residual->proportional;
    *error = (struct tally_error){.residual = *residual,
                                  .ordinary = residual->correlation_time == 0};
    switch (residual->kind) {
    case RESIDUAL_ADDITIVE:
        error->constant = a * a;
        break;
    case RESIDUAL_PROPORTIONAL:
        error->square = b * b;
        break;
    case RESIDUAL_COMBINED1: /* (a + b |f|)^2 */
        error->constant = a * a;
        error->linear = 2 * a * b;
        error->square = b * b;
        break;
    case RESIDUAL_COMBINED2:
        error->constant = a * a;
        error->square = b * b;
        break;
    case RESIDUAL_LOGNORMAL:
    case RESIDUAL_BERNOULLI:
        error->ordinary = false;
        break;
    }
    error->log_constant = elementary_log(error->constant);
}

/* --- one alone -------------------------------------------------------------------------
 */

void tally_add_one(const struct tally_subject *subject, size_t index, double f,
                   const double *slopes, size_t directions, struct serial *serial,
                   double *sums)
{
    const struct twin_measurement *y = &subject->measurements[index];
    const struct residual *residual = &subject->errors[y->observation].residual;
    struct observed o;
    if (residual->correlation_time > 0) {
        serial_add(serial, residual, y->observation, y->time, y->value, y->censoring, f,
                   slopes, sums, 1);
        return;
    }
    if (observe(residual, y->value, y->censoring, f, &o) != ERR_OK)
        o = (struct observed){NAN, NAN, NAN, {0}, {0}, {0}, {0}, 0};
    sums[0] += o.minus2_log_likelihood;
    double *information = sums + TALLY_INFORMATION(directions);
    for (size_t a = 0; a < directions; a++) {
        sums[TALLY_SLOPE + a] += 0.5 * o.d_prediction * slopes[a];
        for (size_t b = 0; b <= a; b++)
            *information++ += o.information * slopes[a] * slopes[b];
    }
}

/* --- in lanes --------------------------------------------------------------------------
 */

/* Values with a normal error, of the variance v = constant + linear |f| + square f^2:
 * observe's `quantified`, for all lanes. */
LANES_INLINE void weigh_rows(struct tally *tally, const double *f)
{
    ROW_LANES
    {
        double at = TAKES(tally, l) ? f[l] : 0, size = fabs(at);
        double v =
            tally->constant[l] + size * (tally->linear[l] + size * tally->square[l]);
        double steepness = tally->linear[l] + 2 * size * tally->square[l];
        double d_v = at < 0 ? -steepness : steepness;
        double w = 1 / v, r = tally->value[l] - at, h = d_v * w, chi = r * r * w;
        double likelihood = LOG_2_PI + elementary_log(v) + chi;
        double slope = 0.5 * h * (1 - chi) - r * w;
        double information = w + 0.5 * h * h;
        tally->likelihood[l] = TAKES(tally, l) ? likelihood : 0;
        tally->slope[l] = TAKES(tally, l) ? slope : 0;
        tally->information[l] = TAKES(tally, l) ? information : 0;
    }
}

/* The same where no lane's variance depends on f. */
LANES_INLINE void weigh_constant_rows(struct tally *tally, const double *f)
{
    ROW_LANES
    {
        double at = TAKES(tally, l) ? f[l] : 0;
        double w = tally->weight[l], r = tally->value[l] - at;
        double likelihood = LOG_2_PI + tally->log_constant[l] + r * r * w;
        tally->likelihood[l] = TAKES(tally, l) ? likelihood : 0;
        tally->slope[l] = TAKES(tally, l) ? 0 - r * w : 0;
        tally->information[l] = TAKES(tally, l) ? w : 0;
    }
}

/* Slopes of lanes that do not take part count as zeros, whatever they are. */
LANES_INLINE void add_rows(struct tally *tally, const double *const *slopes)
{
    size_t d = tally->directions;
    double *sums = tally->sums, *information = sums + TALLY_INFORMATION(d) * LANES;
    double taken[MODEL_PARAMETERS_MAX][LANES], scaled[LANES];
    ROW_LANES sums[l] += tally->likelihood[l];
    for (size_t a = 0; a < d; a++) {
        const double *row = slopes[a];
        double *slope = sums + (TALLY_SLOPE + a) * LANES;
        ROW_LANES
        {
            double one = TAKES(tally, l) ? row[l] : 0;
            slope[l] = fma(tally->slope[l], one, slope[l]);
            scaled[l] = tally->information[l] * one;
            taken[a][l] = one;
        }
        for (size_t b = 0; b <= a; b++, information += LANES)
            ROW_LANES information[l] = fma(scaled[l], taken[b][l], information[l]);
    }
}

LANES_KINDS(weigh, tally->simd, (struct tally * tally, const double *f), tally, f)
LANES_KINDS(weigh_constant, tally->simd, (struct tally * tally, const double *f), tally,
            f)
LANES_KINDS(add, tally->simd, (struct tally * tally, const double *const *slopes), tally,
            slopes)

static void take_error(struct tally *tally, size_t lane, const struct tally_error *error)
{
    tally->errors[lane] = error;
    tally->constant[lane] = error->constant;
    tally->weight[lane] = 1 / error->constant;
    tally->log_constant[lane] = error->log_constant;
    tally->linear[lane] = error->linear;
    tally->square[lane] = error->square;
    lane_set varies = error->ordinary && (error->linear != 0 || error->square != 0);
    tally->odd = (tally->odd & ~LANE_BIT(lane)) | (lane_set)!error->ordinary << lane;
    tally->varying = (tally->varying & ~LANE_BIT(lane)) | varies << lane;
}

static void take_subject(struct tally *tally, size_t lane,
                         const struct tally_subject *subject)
{
    take_error(tally, lane, subject->errors + subject->measurements->observation);
    bool plain = subject->values && tally->errors[lane]->ordinary;
    tally->subjects[lane] = subject;
    tally->values[lane] = plain ? subject->values : &nothing.value;
    tally->plain = (tally->plain & ~LANE_BIT(lane)) | (lane_set)plain << lane;
}

struct tally *tally_new(size_t directions, enum simd simd)
{
    struct tally *out = mem_new(1, sizeof *out);
    out->simd = simd < simd_best() ? simd : simd_best();
    out->directions = directions;
    out->sums = lanes_rows_new(TALLY_SUMS(directions));
    EACH_LANE take_subject(out, l, &nobody);
    return out;
}

void tally_destroy(struct tally **tally)
{
    if (!*tally)
        return;
    lanes_rows_free((*tally)->sums);
    for (size_t l = 0; l < LANES; l++)
        serial_destroy(&(*tally)->serial[l]);
    mem_free(*tally);
    *tally = NULL;
}

void tally_begin(struct tally *tally, size_t lane, const struct tally_subject *subject)
{
    take_subject(tally, lane, subject);
    for (size_t i = 0; i < TALLY_SUMS(tally->directions); i++)
        tally->sums[i * LANES + lane] = 0;
    if (subject->serial && !tally->serial[lane])
        tally->serial[lane] = serial_new(tally->directions);
    if (subject->serial)
        serial_begin(tally->serial[lane], subject->observations);
}

/* Everything but an uncensored value with a normal error. */
static void weigh_one(struct tally *tally, size_t lane, const struct tally_error *error,
                      const struct twin_measurement *y, double f)
{
    struct observed o;
    if (observe(&error->residual, y->value, y->censoring, f, &o) != ERR_OK)
        o = (struct observed){NAN, NAN, NAN, {0}, {0}, {0}, {0}, 0};
    tally->likelihood[lane] = o.minus2_log_likelihood;
    tally->slope[lane] = 0.5 * o.d_prediction;
    tally->information[lane] = o.information;
}

/* Given the one before it; what the lanes then add together is nothing here. */
static void add_serial(struct tally *tally, size_t lane, const struct residual *residual,
                       const struct twin_measurement *y, double f,
                       const double *const *slopes)
{
    double own[MODEL_PARAMETERS_MAX];
    for (size_t a = 0; a < tally->directions; a++)
        own[a] = slopes[a][lane];
    serial_add(tally->serial[lane], residual, y->observation, y->time, y->value,
               y->censoring, f, own, tally->sums + lane, LANES);
    tally->takes &= ~(uint64_t)LANE_BIT(lane);
    tally->likelihood[lane] = tally->slope[lane] = tally->information[lane] = 0;
}

/* Who takes part is as good as random: no branch depends on it. */
static void look_plainly(struct tally *tally, lane_set takes, const size_t *index)
{
    EACH_LANE tally->value[l] =
        tally->values[l][index[l] & (0 - (size_t)(takes >> l & 1))];
    tally->others = 0;
}

void tally_look(struct tally *tally, lane_set takes, const size_t *index)
{
    if (!(takes & ~tally->plain)) {
        look_plainly(tally, takes, index);
        return;
    }
    lane_set censored = 0, fresh = 0;
    EACH_LANE
    {
        size_t take = takes >> l & 1, own = index[l] & (0 - take);
        const struct tally_subject *subject = tally->subjects[l];
        const struct twin_measurement *y = subject->measurements + own;
        const struct tally_error *error = subject->errors + y->observation;
        tally->measured[l] = y;
        tally->value[l] = y->value;
        censored |= (lane_set)(y->censoring != CENSORED_NOT) << l;
        fresh |= (lane_set)(take & (size_t)(error != tally->errors[l])) << l;
    }
    EACH_OF(fresh)
    take_error(tally, l, tally->subjects[l]->errors + tally->measured[l]->observation);
    tally->others = takes & (censored | tally->odd);
}

void tally_add(struct tally *tally, lane_set takes, const double *f,
               const double *const *slopes)
{
    lane_set others = takes & tally->others;
    tally->takes = takes;
    if (takes & ~others & tally->varying)
        weigh(tally, f);
    else
        weigh_constant(tally, f);
    EACH_OF(others)
    {
        const struct twin_measurement *y = tally->measured[l];
        const struct tally_error *error = &tally->subjects[l]->errors[y->observation];
        if (error->residual.correlation_time > 0)
            add_serial(tally, l, &error->residual, y, f[l], slopes);
        else
            weigh_one(tally, l, error, y, f[l]);
    }
    add(tally, slopes);
}

void tally_end(struct tally *tally, size_t lane, double *sums)
{
    take_subject(tally, lane, &nobody);
    for (size_t i = 0; i < TALLY_SUMS(tally->directions); i++)
        sums[i] = tally->sums[i * LANES + lane];
}
