/* gate - forty priors that would harm at a bedside and twenty that would not, published
 * by a coordinator that signs them all: the node takes over the twenty, and of the forty
 * nothing, while it goes on forecasting with the last good one.
 *
 * The harmful ones are the mistakes that are made: units, parameters in one another's
 * place, priors from somewhere else, too sure or too unsure of themselves, numbers that
 * are none. */

#include <math.h>

#include "digest.h"
#include "node/outlook.h"

#include "../node/hospital.h"

static const char kinetics[] = "model kinetics version 1 \"t\"\n"
                               "time h\n"
                               "[parameters]\n"
                               "CL = 3 L/h (0.1, 50) lognormal sd 0.3 on WT\n"
                               "V = 30 L (2, 2000) lognormal sd 0.25\n"
                               "ka = 1.5 1/h (0.05, 20) lognormal sd 0.5\n"
                               "F = 0.8 1 (0.05, 1) logitnormal sd 0.4\n"
                               "R = 2 1 (0.1, 100) estimated\n"
                               "[population]\n"
                               "correlated CL, V 0.4\n"
                               "[covariates]\n"
                               "WT kg centre 70 scale 40\n"
                               "[doses]\n"
                               "oral -> depot mg fraction F\n"
                               "[equations]\n"
                               "d/dt(depot) = -ka*depot\n"
                               "d/dt(central) = ka*depot - CL/V*central\n"
                               "Cp = R*central/V\n"
                               "[observations]\n"
                               "level : Cp ~ combined2(add 0.3 mg/L, prop 0.12)\n";

enum { CL, V, KA, F, P }; /* rows; and the columns of the effects */
enum { TYPICAL, WEIGHT, K };
enum { ADD, PROP };

/* --- what is done to the model's own prior
 * -------------------------------------------------- */

static double *omega(struct prior *prior, size_t a, size_t b)
{
    return &prior->omega[a * P + b];
}

static void multiply(struct prior *prior, size_t row, double factor)
{
    prior->effects[row * K + TYPICAL] += log(factor);
}

static void widen(struct prior *prior, size_t row, double factor)
{
    for (size_t b = 0; b < P; b++) {
        *omega(prior, row, b) *= factor;
        *omega(prior, b, row) *= factor;
    }
}

static void correlate(struct prior *prior, double correlation)
{
    double product = sqrt(*omega(prior, CL, CL) * *omega(prior, V, V));
    *omega(prior, CL, V) = *omega(prior, V, CL) = correlation * product;
}

static void swap(struct prior *prior, size_t a, size_t b)
{
    double kept = prior->effects[a * K];
    prior->effects[a * K] = prior->effects[b * K];
    prior->effects[b * K] = kept;
}

static void typical_times(struct prior *prior, double cl, double v, double ka)
{
    multiply(prior, CL, cl);
    multiply(prior, V, v);
    multiply(prior, KA, ka);
}

static void all_widen(struct prior *prior, double factor)
{
    for (size_t a = 0; a < P; a++)
        widen(prior, a, factor);
}

#define CHANGE(name, statement)                                                          \
    static void name(struct prior *prior)                                                \
    {                                                                                    \
        statement;                                                                       \
    }

CHANGE(none, (void)prior)
/* shifted */
CHANGE(cl_6, multiply(prior, CL, 6))
CHANGE(cl_6th, multiply(prior, CL, 1 / 6.0))
CHANGE(v_4, multiply(prior, V, 4))
CHANGE(v_4th, multiply(prior, V, 1 / 4.0))
CHANGE(ka_13, multiply(prior, KA, 13))
CHANGE(f_up, prior->effects[F * K] += 2.1)
CHANGE(f_down, prior->effects[F * K] -= 2.1)
CHANGE(ka_below, multiply(prior, KA, 0.032)) /* below the model's least */
CHANGE(weight_up, prior->effects[CL * K + WEIGHT] += 1.6)
CHANGE(weight_down, prior->effects[CL * K + WEIGHT] -= 1.6)
CHANGE(r_13, prior->population[0] += log(13))
CHANGE(r_above, prior->population[0] += log(51))
/* units */
CHANGE(cl_ml_per_min, multiply(prior, CL, 1000 / 60.0))
CHANGE(cl_ml, multiply(prior, CL, 1000))
CHANGE(v_ml, multiply(prior, V, 1000))
CHANGE(v_dl, multiply(prior, V, 10))
CHANGE(ka_per_min, multiply(prior, KA, 1 / 60.0))
CHANGE(ka_per_day, multiply(prior, KA, 24))
CHANGE(per_kg, typical_times(prior, 1 / 70.0, 1 / 70.0, 1))
CHANGE(days, typical_times(prior, 24, 1, 24))
CHANGE(add_ng, prior->residual[ADD] += log(1000))
CHANGE(prop_percent, prior->residual[PROP] += log(100))
/* in one another's place */
CHANGE(cl_v, swap(prior, CL, V))
CHANGE(v_ka, swap(prior, V, KA))
CHANGE(v_f, swap(prior, V, F))
CHANGE(errors, prior->residual[ADD] -= log(30); prior->residual[PROP] += log(30))
/* too sure, too unsure */
CHANGE(cl_narrow, widen(prior, CL, 1 / 11.0))
CHANGE(ka_narrow, widen(prior, KA, 1 / 11.0))
CHANGE(all_narrow, all_widen(prior, 1 / 11.0))
CHANGE(one_line, correlate(prior, 0.9999))
CHANGE(exact, prior->residual[PROP] -= log(11))
CHANGE(v_wide, widen(prior, V, 11))
CHANGE(all_wide, all_widen(prior, 11))
CHANGE(no_measure, prior->residual[ADD] += log(11))
/* no prior at all; these keep the factor that they had */
CHANGE(negative, *omega(prior, CL, CL) = -0.09)
CHANGE(beyond_one, correlate(prior, 1.2))
CHANGE(undeclared, *omega(prior, CL, KA) = *omega(prior, KA, CL) = 0.01)
CHANGE(nan_typical, prior->effects[0] = NAN)
CHANGE(infinite_error, prior->residual[ADD] = INFINITY)
CHANGE(nan_spread, *omega(prior, V, V) = NAN)
/* good */
CHANGE(cl_1_8, multiply(prior, CL, 1.8))
CHANGE(cl_half, multiply(prior, CL, 0.55))
CHANGE(v_1_6, multiply(prior, V, 1.6))
CHANGE(v_6, multiply(prior, V, 0.6))
CHANGE(ka_2_7, multiply(prior, KA, 2.7))
CHANGE(ka_third, multiply(prior, KA, 0.37))
CHANGE(f_more, prior->effects[F * K] += 0.8)
CHANGE(f_less, prior->effects[F * K] -= 0.8)
CHANGE(cl_far, multiply(prior, CL, 4.4)) /* 4.94 sds */
CHANGE(by_weight, prior->effects[CL * K + WEIGHT] += 0.75)
CHANGE(r_2, prior->population[0] += log(2))
CHANGE(r_half, prior->population[0] -= log(2))
CHANGE(ka_wider, widen(prior, KA, 3))
CHANGE(f_narrower, widen(prior, F, 1 / 3.0))
CHANGE(all_wider, all_widen(prior, 2))
CHANGE(add_2, prior->residual[ADD] += log(2))
CHANGE(prop_third, prior->residual[PROP] -= log(3))
CHANGE(against, correlate(prior, -0.5))
CHANGE(together, correlate(prior, 0.95))

struct listed {
    const char *name;
    void (*change)(struct prior *prior);
    const char *said; /* NULL: it is taken */
};

static const struct listed listed[] = {
    {"the model's own", none, NULL},
    {"clearance six times as large", cl_6, "a typical CL is 5.97"},
    {"clearance a sixth", cl_6th, "a typical CL is 5.97"},
    {"clearance 1.8 times", cl_1_8, NULL},
    {"volume four times as large", v_4, "a typical V is 5.55"},
    {"volume a quarter", v_4th, "a typical V is 5.55"},
    {"clearance 0.55 times", cl_half, NULL},
    {"absorption thirteen times as fast", ka_13, "a typical ka is 5.13"},
    {"absorption slower than the model's least", ka_below, "outside of 0.05 to 20"},
    {"volume 1.6 times", v_1_6, NULL},
    {"bioavailability 97 %", f_up, "a typical F is 5.25"},
    {"bioavailability 32 %", f_down, "a typical F is 5.25"},
    {"volume 0.6 times", v_6, NULL},
    {"weight explains everything", weight_up, "a covariate's effect on CL is 5.33"},
    {"weight the other way", weight_down, "a covariate's effect on CL is 5.33"},
    {"absorption 2.7 times", ka_2_7, NULL},
    {"a common ratio thirteen times as large", r_13, "a common R is 5.13"},
    {"a common ratio above the model's most", r_above, "outside of 0.1 to 100"},
    {"absorption 0.37 times", ka_third, NULL},
    {"clearance in mL/min", cl_ml_per_min, "typical CL of 50"},
    {"clearance in mL/h", cl_ml, "typical CL of 3000 L/h"},
    {"bioavailability two spreads up", f_more, NULL},
    {"volume in mL", v_ml, "typical V of 3e+04 L"},
    {"volume in dL", v_dl, "a typical V is 9.21"},
    {"bioavailability two spreads down", f_less, NULL},
    {"absorption per minute", ka_per_min, "typical ka of 0.025 1/h"},
    {"absorption per day", ka_per_day, "typical ka of 36 1/h"},
    {"clearance at the edge", cl_far, NULL},
    {"clearance and volume per kg", per_kg, "typical CL of 0.04286 L/h"},
    {"time in days", days, "typical CL of 72 L/h"},
    {"clearance by weight", by_weight, NULL},
    {"additive error in ng/mL", add_ng, "the measurement error of level is 1e+03 times"},
    {"proportional error in %", prop_percent, "the measurement error of level is 100"},
    {"a common ratio of 4", r_2, NULL},
    {"clearance and volume exchanged", cl_v, "a typical CL is 7.68"},
    {"volume and absorption exchanged", v_ka, "typical V of 1.5 L"},
    {"a common ratio of 1", r_half, NULL},
    {"volume and bioavailability exchanged", v_f, "a typical V is"},
    {"measurement errors exchanged", errors, "the measurement error of level is"},
    {"absorption three times as various", ka_wider, NULL},
    {"everybody clears alike", cl_narrow, "the spread of CL is 0.0909"},
    {"everybody absorbs alike", ka_narrow, "the spread of ka is 0.0909"},
    {"bioavailability a third as various", f_narrower, NULL},
    {"everybody is alike", all_narrow, "the spread of CL is 0.0909"},
    {"volume follows from clearance", one_line, "patients, taken together"},
    {"everything twice as various", all_wider, NULL},
    {"measurements without error", exact, "the measurement error of level is 0.0909"},
    {"volume as various as may be", v_wide, "the spread of V is 11"},
    {"twice the additive error", add_2, NULL},
    {"nothing is known of anybody", all_wide, "the spread of CL is 11"},
    {"measurements say nothing", no_measure, "the measurement error of level is 11"},
    {"a third of the proportional error", prop_third, NULL},
    {"a negative variance", negative, "its factor does not give its covariance"},
    {"a correlation of 1.2", beyond_one, "its factor does not give its covariance"},
    {"a negative correlation", against, NULL},
    {"a correlation nobody declared", undeclared, "is not as the model declares it"},
    {"a typical value that is no number", nan_typical, "is not finite"},
    {"a strong correlation", together, NULL},
    {"an infinite error", infinite_error, "is not finite"},
    {"a spread that is no number", nan_spread, "is not finite"},
};

/* --- the node
 * ------------------------------------------------------------------------------- */

struct bedside {
    struct hospital *h;
    struct node_study *study;
    struct record *record;
    uint8_t head[HASH_BYTES]; /* of the chain, as the coordinator has it */
};

static void approve(struct hospital *h, struct bedside *b)
{
    hospital_terms(h, kinetics);
    *b = (struct bedside){.h = h, .study = hospital_approved(h)};
    memcpy(b->head, h->c->terms_hash, HASH_BYTES);
    b->record = record_new("anna", "h");
    assert_ok(record_dose(b->record, 0, "oral", NULL, 300, 0, 0));
    assert_ok(record_covariate(b->record, 0, "WT", NULL, 80, 0));
    for (size_t i = 1; i < 4; i++)
        assert_ok(record_measurement(b->record, 2 * (double)i, "level", NULL,
                                     12 - 2 * (double)i, CENSORED_NOT, i));
}

static void leave(struct bedside *b)
{
    node_study_destroy(&b->study);
    record_destroy(&b->record);
}

/* What a clinician sees now of the patient: a text that follows from the prior. */
static char *forecast(const struct bedside *b)
{
    const struct outlook_question question = {.model = b->study->model,
                                              .layout = &b->study->layout,
                                              .prior = b->study->prior,
                                              .record = b->record,
                                              .until = 3};
    struct json *json;
    assert_ok(outlook_json(&question, &json));
    char *text = json_format(json);
    json_destroy(&json);
    return text;
}

/* The changed prior as bytes, with the factor of its covariance where it has one. */
static void write_prior(const struct hospital *h, void (*change)(struct prior *prior),
                        struct bytes *bytes)
{
    struct prior *prior = prior_copy(h->prior);
    change(prior);
    if (prior_factor(prior, NULL) != ERR_OK)
        memcpy(prior->factor, h->prior->factor, P * P * sizeof *prior->factor);
    prior_write(prior, bytes);
    prior_destroy(&prior);
}

/* The node asks, and the coordinator's reply has one more link. */
static enum err publish(struct bedside *b, const struct bytes *prior,
                        uint8_t hash[HASH_BYTES])
{
    struct hospital *h = b->h;
    struct node_exchange exchange;
    struct node_exchange_news news = {0};
    struct bytes question = {0}, link = {0}, answer = {0};
    struct chain_link fields = {.round = b->study->chain.length + 1, .contributions = 4};
    memcpy(fields.study, h->c->terms.study, STUDY_BYTES);
    memcpy(fields.previous, b->head, HASH_BYTES);
    fields.prior = codec_view(prior);
    assert_ok(chain_sign(h->c->coordinator, &fields, &link, hash));
    struct view view = codec_view(&link);
    const struct reply reply = {.waiting = "", .links = {&view, 1}};
    assert_ok(node_exchange_ask(h->node, &exchange, b->study, &question));
    hospital_reply(h, &question, &reply, &answer);
    enum err result =
        node_exchange_take(h->node, &h->clock, &exchange, b->study, &answer, &news);
    assert_int_equal(news.links, result == ERR_OK);
    node_exchange_news_clear(&news);
    bytes_free(&question);
    bytes_free(&link);
    bytes_free(&answer);
    return result;
}

static void refuse(struct bedside *b, const struct listed *one, const struct bytes *prior)
{
    uint8_t before[HASH_BYTES], after[HASH_BYTES], hash[HASH_BYTES];
    uint64_t length = b->study->chain.length;
    char *seen = forecast(b);
    digest_node(b->h->node, before);
    assert_int_not_equal(publish(b, prior, hash), ERR_OK);
    if (!strstr(err_text(), one->said))
        fail_msg("%s: \"%s\" does not say \"%s\"", one->name, err_text(), one->said);
    digest_node(b->h->node, after);
    assert_memory_equal(before, after, HASH_BYTES);
    assert_int_equal(b->study->chain.length, length);
    assert_memory_equal(b->study->chain.head, b->head, HASH_BYTES);
    assert_int_equal(b->study->state, STUDY_APPROVED);
    char *still = forecast(b);
    assert_string_equal(still, seen);
    mem_free(seen);
    mem_free(still);
}

static void accept(struct bedside *b, const struct listed *one, const struct bytes *prior)
{
    uint8_t hash[HASH_BYTES];
    struct bytes held = {0};
    uint64_t length = b->study->chain.length;
    if (publish(b, prior, hash) != ERR_OK)
        fail_msg("%s: %s", one->name, err_text());
    memcpy(b->head, hash, HASH_BYTES);
    assert_int_equal(b->study->chain.length, length + 1);
    prior_write(b->study->prior, &held);
    assert_int_equal(held.size, prior->size);
    assert_memory_equal(held.data, prior->data, prior->size);
    bytes_free(&held);
}

static void gate__refuses_forty_and_takes_twenty(void **state)
{
    struct bedside b;
    size_t taken = 0, refused = 0;
    approve(*state, &b);
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++) {
        struct bytes prior = {0};
        write_prior(b.h, listed[i].change, &prior);
        if (listed[i].said)
            refuse(&b, &listed[i], &prior);
        else
            accept(&b, &listed[i], &prior);
        *(listed[i].said ? &refused : &taken) += 1;
        bytes_free(&prior);
    }
    assert_int_equal(refused, 40);
    assert_int_equal(taken, 20);
    leave(&b);
}

/* A study may not begin beyond the gate either. */
static void gate__refuses_a_start_that_is_not_the_models(void **state)
{
    struct hospital *h = *state;
    struct bytes prior = {0};
    bool fresh;
    hospital_terms(h, kinetics);
    write_prior(h, cl_6, &prior);
    h->c->terms.prior = codec_view(&prior);
    h->c->terms_bytes.size = 0;
    assert_ok(terms_sign(h->c->coordinator, &h->c->terms, &h->c->terms_bytes,
                         h->c->terms_hash));
    assert_refused(
        ERR_DENIED, "the starting prior of the study pressure",
        node_studies_offer(h->node, codec_view(&h->c->terms_bytes), NOW, &fresh));
    assert_false(fresh);
    bytes_free(&prior);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(gate__refuses_forty_and_takes_twenty),
        IN_HOSPITAL(gate__refuses_a_start_that_is_not_the_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
