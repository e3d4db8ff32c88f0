#include "node/preview.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "node/exchange.h"
#include "privacy/accountant.h"
#include "privacy/mask.h"
#include "privacy/noise.h"
#include "privacy/random.h"
#include "wire/permit.h"

const double preview_deltas[PREVIEW_DELTAS] = {1e-5, 1e-6, 1e-8};

const char *preview_block(enum statistic_block block)
{
    static const char *const words[STATISTIC_BLOCKS] = {
        [STATISTIC_COUNT] = "how many patients",
        [STATISTIC_COVARIATES] = "their covariates, in pairs",
        [STATISTIC_EFFECT_SCORE] = "how far their twins lie from the prior, by covariate",
        [STATISTIC_OMEGA_SCORE] = "how much they differ from each other",
        [STATISTIC_INFORMATION] = "how much their records say",
        [STATISTIC_INFORMATION_SQUARE] = "the same, in pairs",
        [STATISTIC_INFORMATION_PAIRS] = "never sent",
        [STATISTIC_EFFECT_INFORMATION] = "never sent",
        [STATISTIC_EFFECT_CURVATURE] = "never sent",
        [STATISTIC_OMEGA_CURVATURE] = "never sent",
        [STATISTIC_RESIDUAL_CURVATURE] = "never sent",
        [STATISTIC_POPULATION_CURVATURE] = "never sent",
        [STATISTIC_RESIDUAL_SCORE] = "whether errors of measurement are as expected",
        [STATISTIC_RESIDUAL_INFORMATION] = "how much their records say of such errors",
        [STATISTIC_RESIDUAL_SHAPE] = "how errors and differences go together",
        [STATISTIC_POPULATION_SCORE] = "how far what all have in common is off",
        [STATISTIC_POPULATION_INFORMATION] = "how much their records say of that",
        [STATISTIC_POPULATION_CROSS] = "how that goes together with typical values",
        [STATISTIC_LIKELIHOOD] = "never sent",
    };
    return words[block];
}

/* --- the attempt
 * ----------------------------------------------------------------------------------- */

/* As a coordinator plans it that all participants have joined (docs/protocol.md, "Plan").
 */
static enum err make_plan(const struct node_study *study, struct plan *plan)
{
    const struct terms *terms = &study->terms;
    struct quorum quorum;
    if (study->chain.length >= terms->rounds)
        return err_set(ERR_STATE, "the %u rounds of the study %s are over", terms->rounds,
                       terms->name);
    if (quorum_choose((uint32_t)terms->participants.count, terms->colluders,
                      terms->hospitals_min, &quorum) != ERR_OK)
        return err_code();
    *plan = (struct plan){.round = study->chain.length + 1,
                          .attempt = 1,
                          .dimension = terms->dimension,
                          .noise_multiplier =
                              terms->noise_multipliers.items[study->chain.length],
                          .noise_log2 = terms->noise_log2,
                          .participants = terms->participants,
                          .colluders = quorum.colluders,
                          .quorum = quorum.quorum,
                          .threshold = quorum.threshold,
                          .survivors = quorum.survivors,
                          .degree = quorum.degree};
    memcpy(plan->study, terms->study, STUDY_BYTES);
    uint32_t shares = plan_shares(plan);
    if (noise_norm_max(plan->noise_multiplier, shares, &plan->norm_max) != ERR_OK)
        return err_code();
    return noise_step(plan->noise_multiplier / noise_pooled(shares), &plan->step);
}

/* The masked vector: the mask's seed is as good as any, and forgotten. */
static enum err make_vector(struct node *node, const struct node_study *study,
                            const struct clock *clock,
                            const struct crowd_progress *progress,
                            struct preview *preview, uint64_t *vector)
{
    struct crowd crowd = {0};
    const struct ledger_entry entry = crowd_entry(&preview->plan, clock);
    enum err result = crowd_gather(node, &entry, &crowd);
    if (result == ERR_OK)
        result = crowd_sum(node, study, &preview->plan, &crowd, NULL, progress, vector,
                           &preview->report);
    if (result == ERR_OK) {
        uint8_t seed[MASK_SEED_BYTES];
        random_bytes(seed, sizeof seed);
        mask_add(seed, vector, preview->plan.dimension);
        bytes_wipe(seed, sizeof seed);
        preview->patients = crowd.paying_count;
    }
    crowd_clear(&crowd);
    return result;
}

/* --- its messages
 * ---------------------------------------------------------------------------------- */

static struct views copies(size_t count, size_t size, struct view *items)
{
    static const uint8_t zeros[WIRE_PARCEL_BYTES];
    for (size_t i = 0; i < count; i++)
        items[i] = (struct view){zeros, size};
    return (struct views){items, count};
}

/* The body of a phase's message, of nothing but zeros where secrets and hashes stand: its
 * size is that of any other. */
static enum err make_body(enum phase phase, const struct identity *identity,
                          const struct plan *plan, const uint64_t *vector,
                          struct bytes *body)
{
    struct bytes inner = {0};
    struct view *items = mem_new(plan->participants.count, sizeof *items);
    struct advert advert = {0};
    struct dealing dealing = {0};
    struct input input = {0};
    struct confirm confirm = {0};
    enum err result = ERR_OK;
    identity_public(identity, advert.member);
    memcpy(dealing.member, advert.member, KEY_BYTES);
    memcpy(input.member, advert.member, KEY_BYTES);
    memcpy(confirm.member, advert.member, KEY_BYTES);
    if (phase == PHASE_ADVERTISE) {
        result = phase_sign_advert(identity, &advert, body);
    } else if (phase == PHASE_SHARE) {
        result = phase_sign_dealing(identity, &dealing, &inner);
        const struct shares shares = {codec_view(&inner),
                                      copies(plan->degree, WIRE_PARCEL_BYTES, items)};
        if (result == ERR_OK)
            result = codec_encode_shares(&shares, body);
    } else if (phase == PHASE_MASK) {
        result = phase_sign_input(identity, &input, &inner);
        const struct masked_input masked = {codec_view(&inner),
                                            {vector, plan->dimension}};
        if (result == ERR_OK)
            result = codec_encode_masked_input(&masked, body);
    } else if (phase == PHASE_CONFIRM) {
        result = phase_sign_confirm(identity, &confirm, body);
    } else {
        const struct unmask unmask = {.self_shares =
                                          copies(plan->degree + 1, KEY_BYTES, items)};
        result = codec_encode_unmask(&unmask, body);
    }
    mem_free(items);
    bytes_free(&inner);
    return result;
}

/* Under a key of nobody's, so that what is sealed here could be shown to nobody. */
static enum err measure(const struct identity *nobody, uint32_t kind,
                        const struct plan *plan, const struct bytes *body, size_t *size)
{
    struct bytes frame = {0};
    struct envelope envelope = {.kind = kind,
                                .round = plan->round,
                                .attempt = plan->attempt,
                                .body = codec_view(body)};
    memcpy(envelope.study, plan->study, STUDY_BYTES);
    enum err result = envelope_seal(nobody, &envelope, &frame);
    *size = frame.size;
    bytes_free(&frame);
    return result;
}

static enum err measure_poll(struct node *node, const struct node_study *study,
                             size_t *size)
{
    struct node_exchange exchange;
    struct bytes frame = {0};
    enum err result =
        node_exchange_ask(node, &exchange, (struct node_study *)study, &frame);
    *size = frame.size;
    bytes_free(&frame);
    return result;
}

static enum err measure_all(struct node *node, const struct node_study *study,
                            const uint64_t *vector, struct preview *preview)
{
    static const char *const words[PHASE_END] = {
        [PHASE_ADVERTISE] = "one-time keys, and the head of the ledger",
        [PHASE_SHARE] = "shares of one-time secrets, sealed for the others",
        [PHASE_MASK] = "the sum with noise and masks on it, once",
        [PHASE_CONFIRM] = "whose sums are to be added",
        [PHASE_UNMASK] = "shares that take the masks off the sum of all",
    };
    struct identity *nobody;
    if (identity_new(&nobody) != ERR_OK)
        return err_code();
    preview->messages[0] = (struct preview_message){
        "poll", "which roster, studies, prior and ledger are here", 0};
    enum err result = measure_poll(node, study, &preview->messages[0].size);
    for (enum phase phase = PHASE_ADVERTISE; result == ERR_OK && phase < PHASE_END;
         phase++) {
        struct bytes body = {0};
        struct preview_message *message = &preview->messages[1 + phase];
        *message = (struct preview_message){phase_name(phase), words[phase], 0};
        result = make_body(phase, nobody, &preview->plan, vector, &body);
        if (result == ERR_OK)
            result = measure(nobody, phase_question(phase), &preview->plan, &body,
                             &message->size);
        bytes_free(&body);
    }
    identity_destroy(&nobody);
    return result;
}

/* --- its cost
 * --------------------------------------------------------------------------------------
 */

static void cost(const struct terms *terms, double mu2, double releases,
                 struct preview_cost *cost)
{
    struct discretisation lattice = {0};
    struct privacy_loss loss;
    cost->mu = sqrt(mu2);
    enum err known =
        accountant_discretisation(terms->dimension, terms->noise_log2, 1, &lattice);
    lattice.epsilon *= releases;
    lattice.log_delta *= releases;
    for (size_t i = 0; i < PREVIEW_DELTAS; i++)
        cost->epsilon[i] =
            known == ERR_OK &&
                    accountant_loss(mu2, &lattice, preview_deltas[i], &loss) == ERR_OK
                ? loss.epsilon
                : NAN;
}

static enum err costs(const struct node *node, const struct terms *terms,
                      struct preview *preview)
{
    double attempts = (double)conf_integer(policy_lines(node->policy), "attempts_max"),
           rounds = terms->rounds, mu2 = 0, cap;
    static const struct discretisation none;
    for (size_t i = 0; i < terms->noise_multipliers.count; i++)
        mu2 = accountant_sum(mu2, accountant_cost(terms->noise_multipliers.items[i]));
    if (permit_cap(node->policy, &none, &cap) != ERR_OK)
        return err_code();
    cost(terms, accountant_cost(preview->plan.noise_multiplier), 1, &preview->next);
    cost(terms, mu2, rounds, &preview->study);
    cost(terms, mu2 * attempts < cap ? mu2 * attempts : cap, rounds * attempts,
         &preview->attempts);
    cost(terms, mu2 * node_study_shares_most(terms), rounds, &preview->alone);
    return ERR_OK;
}

static enum err permitted_plan(const struct node *node, const struct node_study *study,
                               struct plan *plan)
{
    if (make_plan(study, plan) != ERR_OK)
        return err_code();
    return permit_plan(node->policy, plan) == REASON_NONE ? ERR_OK : err_code();
}

enum err preview_permits(struct node *node, const struct node_study *study,
                         const struct clock *clock)
{
    struct plan plan;
    struct crowd crowd = {0};
    enum err result = permitted_plan(node, study, &plan);
    if (result == ERR_OK) {
        const struct ledger_entry entry = crowd_entry(&plan, clock);
        result = crowd_gather(node, &entry, &crowd);
    }
    crowd_clear(&crowd);
    return result;
}

enum err preview_make(struct node *node, const struct node_study *study,
                      const struct clock *clock, const struct crowd_progress *progress,
                      struct preview *preview)
{
    struct preview made = {0};
    if (permitted_plan(node, study, &made.plan) != ERR_OK)
        return err_code();
    made.round = made.plan.round;
    size_t size = made.plan.dimension * sizeof(uint64_t);
    uint64_t *vector = mem_new(made.plan.dimension, sizeof *vector);
    enum err result = make_vector(node, study, clock, progress, &made, vector);
    if (result == ERR_OK)
        result = measure_all(node, study, vector, &made);
    if (result == ERR_OK)
        result = costs(node, &study->terms, &made);
    if (result == ERR_OK) {
        made.word_count =
            made.plan.dimension < PREVIEW_WORDS ? made.plan.dimension : PREVIEW_WORDS;
        memcpy(made.words, vector, made.word_count * sizeof *vector);
        *preview = made;
    }
    bytes_wipe(vector, size);
    mem_free(vector);
    return result;
}
