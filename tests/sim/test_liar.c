/* liar - what a coordinator can get by lying, together with its colluders: the attacks on
 * secure aggregation that are in the literature, one test each, and a search at random.
 *
 *   test_sim_liar            all of them
 *   test_sim_liar nightly    the long search */

#include "stage.h"

#include "node/attempt_impl.h"
#include "privacy/identity.h"
#include "verified.h"

/* A member that is told this in its present phase ends its part for this reason, keeps no
 * secret and says nothing more. */
static void assert_refuses(struct stage *s, size_t member, const struct liar_view *view,
                           enum reason reason)
{
    const struct attempt *attempt = liar_part(s->liar, 0, member)->attempt;
    uint32_t kind;
    struct view body;
    assert_string_equal(reason_name(liar_tell(s->liar, 0, member, view)),
                        reason_name(reason));
    assert_int_equal(attempt_phase(attempt), PHASE_END);
    assert_null(attempt->secrets);
    assert_int_equal(attempt_message(attempt, &kind, &body), ERR_STATE);
}

/* --- the honest run, and what it gives the adversary
 * ---------------------------------------------- */

static void liar__that_tells_the_truth_gets_one_sum(void **state)
{
    (void)state;
    struct stage s = five_after(PHASE_UNMASK);
    size_t smallest;
    assert_int_equal(spoils_bared(s.liar->spoils), 0);
    assert_int_equal(spoils_sums(s.liar->spoils, &smallest), 1);
    assert_int_equal(smallest, N - 1);
    for (size_t i = 0; i < N - 1; i++)
        assert_true(attempt_succeeded(liar_part(s.liar, 0, i)->attempt));
    leave(&s);
}

/* --- plans: 1, 4, 6, 7, 10
 * ----------------------------------------------------------------------------------------
 */

static void other_model(struct plan *plan)
{
    plan->chain_head[0] ^= 1;
}

/* Model inconsistency (Pasquini et al. 2022): the prior, and with it what is computed, is
 * in the plan's hash, so that no half can be joined with the other. */
static void liar__shows_two_halves_two_priors(void **state)
{
    (void)state;
    struct stage s = stage_of(N, 1, 1u << COLLUDER, 1);
    const struct liar_view half = {0x13, 0x13, 0x13, 0x13};
    for (size_t scene = 0; scene < 2; scene++) {
        assert_ok(liar_enter(s.liar, scene, 2 * scene));
        assert_ok(liar_enter(s.liar, scene, 2 * scene + 1));
        assert_ok(liar_enter(s.liar, scene, COLLUDER));
        change_plan(s.r, other_model);
    }
    assert_refuses(&s, 0, &honest, REASON_WRONG_PLAN);
    assert_refuses(&s, 1, &half, REASON_TOO_FEW);
    assert_string_equal(reason_name(liar_tell(s.liar, 1, 2, &honest)),
                        reason_name(REASON_WRONG_PLAN));
    assert_nothing_out(&s);
    leave(&s);
}

static void two_members(struct plan *plan)
{
    plan->participants.count = 2;
    plan->quorum = plan->threshold = plan->survivors = 2;
    plan->degree = 1;
}
static void three_members(struct plan *plan) /* u_min - c = 1 */
{
    plan->participants.count = 3;
    plan->colluders = 2;
    plan->quorum = plan->threshold = plan->survivors = 3;
    plan->degree = 2;
}
static void small_quorum(struct plan *plan)
{
    plan->quorum--;
}
static void few_survivors(struct plan *plan)
{
    plan->survivors = plan->quorum - 1;
}
static void small_threshold(struct plan *plan)
{
    plan->threshold = plan->colluders;
}
static void large_threshold(struct plan *plan)
{
    plan->threshold = plan->quorum + 1;
}
static void all_collude(struct plan *plan)
{
    plan->colluders = N;
}
static void few_neighbours(struct plan *plan)
{
    plan->degree = 2;
}

/* Sybils and small cohorts (Boenisch et al. 2023), a threshold of the coordinator's
 * choice: whatever makes a plan unsafe by itself is refused before anything is drawn. */
static void liar__plans_what_is_not_safe(void **state)
{
    (void)state;
    static void (*const changes[])(struct plan *) = {
        two_members,     three_members,   small_quorum, few_survivors,
        small_threshold, large_threshold, all_collude,  few_neighbours};
    struct stage s = stage_of(N, 1, 0, 1);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        change_plan(s.r, changes[i]);
        assert_int_equal(rehearsal_enter(s.r, 0), ERR_DENIED);
        assert_null(s.r->members[0].attempt);
        assert_false(s.r->members[0].world.entered);
    }
    leave(&s);
}

static void without_the_first(struct plan *plan)
{
    plan->participants.items += KEY_BYTES;
    plan->participants.count--;
    plan->degree--;
}

/* No trust on first use: a plan counts under the coordinator's key only, and for those
 * who are named in it. */
static void liar__plans_for_others(void **state)
{
    (void)state;
    struct stage s = stage_of(N, 1, 0, 1);
    uint8_t key[KEY_BYTES];
    memcpy(key, s.r->coordinator_key, KEY_BYTES);
    memcpy(s.r->coordinator_key, s.r->members[1].key, KEY_BYTES);
    assert_int_equal(rehearsal_enter(s.r, 0), ERR_VERIFY);
    memcpy(s.r->coordinator_key, key, KEY_BYTES);
    change_plan(s.r, without_the_first);
    assert_refused(ERR_DENIED, reason_sentence(REASON_NOT_PARTICIPANT),
                   rehearsal_enter(s.r, 0));
    assert_ok(rehearsal_enter(s.r, 1));
    leave(&s);
}

/* --- adverts: U1, 2, 3, 5, 13
 * --------------------------------------------------------------------------- */

/* Sign the colluder's advert anew with something else in it. */
static void forge_advert(struct stage *s, void (*change)(struct advert *advert))
{
    struct bytes *said = &liar_part(s->liar, 0, COLLUDER)->said[PHASE_ADVERTISE];
    struct arena *arena = codec_arena(said->size);
    struct advert advert;
    assert_ok(phase_read_advert(codec_view(said), arena, &advert));
    change(&advert);
    bytes_free(said);
    assert_ok(phase_sign_advert(s->r->members[COLLUDER].identity, &advert, said));
    arena_destroy(&arena);
}

/* Change a byte of what a member said, from its end. */
static void spoil(struct stage *s, size_t member, enum phase phase, size_t from_end)
{
    struct bytes *said = &liar_part(s->liar, 0, member)->said[phase];
    said->data[said->size - 1 - from_end] ^= 1;
}

static void low_mask_key(struct advert *advert)
{
    memset(advert->mask_key, 0, KEY_BYTES);
}
static void low_seal_key(struct advert *advert)
{
    memset(advert->seal_key, 0, KEY_BYTES);
    advert->seal_key[0] = 1;
}
static void one_key_twice(struct advert *advert)
{
    memcpy(advert->mask_key, advert->seal_key, KEY_BYTES);
}

static void liar__relays_keys_that_are_not_the_members(void **state)
{
    (void)state;
    struct stage s = five();
    spoil(&s, 1, PHASE_ADVERTISE, 0); /* the signature */
    assert_refuses(&s, 0, &honest, REASON_BAD_SIGNATURE);
    spoil(&s, 1, PHASE_ADVERTISE, 0);
    spoil(&s, 1, PHASE_ADVERTISE, SIGNATURE_BYTES + 2 + HASH_BYTES); /* what is signed */
    assert_int_not_equal(liar_tell(s.liar, 0, 2, &honest), REASON_NONE);
    assert_nothing_out(&s);
    leave(&s);
}

static void liar__keeps_adverts_back(void **state)
{
    (void)state;
    struct stage s = five();
    const struct liar_view three = {.adverts = 0x13}, not_mine = {.adverts = WITHOUT(1)};
    assert_refuses(&s, 0, &three, REASON_TOO_FEW);
    assert_refuses(&s, 1, &not_mine, REASON_NOT_INCLUDED);
    leave(&s);
    s = five(); /* another advert of its own, from an earlier entry */
    assert_ok(liar_enter(s.liar, 0, 2));
    struct bytes other = {0};
    const struct bytes *said = &liar_part(s.liar, 0, 2)->said[PHASE_ADVERTISE];
    bytes_append(&other, said->data, said->size);
    assert_ok(liar_enter(s.liar, 0, 2));
    bytes_free(&liar_part(s.liar, 0, 2)->said[PHASE_ADVERTISE]);
    liar_part(s.liar, 0, 2)->said[PHASE_ADVERTISE] = other;
    assert_refuses(&s, 2, &honest, REASON_NOT_INCLUDED);
    leave(&s);
}

/* Keys of low order, one key for two uses. A mask key is used only after the ledger was
 * asked, and before it was charged. */
static void liar__shows_keys_that_give_a_known_secret(void **state)
{
    (void)state;
    struct stage s = five();
    forge_advert(&s, one_key_twice);
    assert_refuses(&s, 0, &honest, REASON_DUPLICATE_KEY);
    leave(&s);
    s = five();
    forge_advert(&s, low_seal_key);
    assert_refuses(&s, 0, &honest, REASON_BAD_KEY);
    leave(&s);
    s = five();
    forge_advert(&s, low_mask_key);
    assert_int_equal(liar_lead(s.liar, 0, 0xf, &honest, PHASE_ADVERTISE), REASON_NONE);
    const struct liar_view four = {ALL, 0xf, 0xf, 0xf};
    assert_int_equal(liar_tell(s.liar, 0, 0, &four), REASON_NONE); /* it did not deal */
    assert_int_equal(s.r->members[0].world.charged, 1);
    leave(&s);
}

/* A roster of one's own (Bonawitz et al. 2017, section 6): keys of nobody in the plan. */
static void liar__invents_members(void **state)
{
    (void)state;
    struct stage s = five(), other = stage_of(N, 1, 0, 2);
    struct advert advert;
    struct arena *arena = codec_arena(WIRE_SIGNED_SMALL_MAX);
    struct bytes *said = &liar_part(s.liar, 0, COLLUDER)->said[PHASE_ADVERTISE];
    assert_ok(phase_read_advert(codec_view(said), arena, &advert));
    memcpy(advert.member, other.r->members[0].key, KEY_BYTES);
    bytes_free(said);
    assert_ok(phase_sign_advert(other.r->members[0].identity, &advert, said));
    assert_refuses(&s, 0, &honest, REASON_NOT_PARTICIPANT);
    arena_destroy(&arena);
    leave(&s);
    leave(&other);
}

/* Two bundles: what one half sealed does not open for the other, and a half by itself is
 * too small. */
static void liar__splits_the_adverts(void **state)
{
    (void)state;
    struct stage s = five();
    const struct liar_view one = {WITHOUT(0), WITHOUT(0), 0, 0},
                           other = {WITHOUT(3), WITHOUT(3), 0, 0},
                           small = {WITHOUT(0), 0x12 | 8, 0, 0};
    assert_int_equal(liar_lead(s.liar, 0, 0x1a, &one, PHASE_ADVERTISE), REASON_NONE);
    assert_int_equal(liar_lead(s.liar, 1, 0x15, &other, PHASE_ADVERTISE), REASON_NONE);
    assert_refuses(&s, 1, &one, REASON_BAD_PARCEL); /* of 2, who saw the other */
    assert_refuses(&s, 3, &small, REASON_TOO_FEW);
    assert_string_equal(reason_name(liar_tell(s.liar, 1, 0, &other)),
                        reason_name(REASON_BAD_PARCEL));
    for (size_t i = 0; i < N; i++)
        assert_int_equal(s.r->members[i].world.charged, 0);
    assert_nothing_out(&s);
    leave(&s);
}

/* --- dealers and parcels: U2, 13
 * ------------------------------------------------------------------------------- */

static void liar__splits_the_dealers(void **state)
{
    (void)state;
    struct stage s = five_after(PHASE_ADVERTISE);
    const struct liar_view four = {ALL, 0xf, 0xf, 0xf}, three = {ALL, 0x7, 0x7, 0x7},
                           not_mine = {ALL, WITHOUT(3), 0, 0};
    assert_int_equal(liar_lead(s.liar, 0, 0x3, &four, PHASE_SHARE), REASON_NONE);
    assert_int_equal(liar_lead(s.liar, 0, 0x14, &honest, PHASE_SHARE), REASON_NONE);
    assert_refuses(&s, 3, &not_mine, REASON_NOT_INCLUDED);
    assert_refuses(&s, 0, &honest, REASON_WRONG_DEALERS);
    assert_refuses(&s, 2, &(struct liar_view){.inputs = 0x17}, REASON_WRONG_DEALERS);
    assert_nothing_out(&s);
    leave(&s);
    s = five_after(PHASE_ADVERTISE);
    assert_refuses(&s, 0, &three, REASON_TOO_FEW);
    leave(&s);
}

/* A dealer who never advertised. */
static void liar__names_dealers_who_are_not_there(void **state)
{
    (void)state;
    struct stage s = five();
    const struct liar_view four = {0xf, ALL, 0, 0};
    assert_int_equal(liar_lead(s.liar, 0, 0xf, &four, PHASE_ADVERTISE), REASON_NONE);
    assert_refuses(&s, 0, &four, REASON_NOT_PARTICIPANT);
    leave(&s);
}

/* What it then has to say to the coordinator names who sealed it. */
static void assert_accuses(struct stage *s, size_t member, const char *accused)
{
    struct bytes body = {0};
    struct refusal refusal;
    struct arena *arena = codec_arena(4096);
    assert_ok(attempt_statement(liar_part(s->liar, 0, member)->attempt, &body));
    assert_ok(codec_decode_refusal(codec_view(&body), arena, &refusal));
    assert_int_equal(refusal.reason, REASON_BAD_PARCEL);
    assert_string_equal(refusal.detail, accused);
    arena_destroy(&arena);
    bytes_free(&body);
}

/* Sealed is also authenticated: a parcel of which any byte was changed does not open, nor
 * one sealed for somebody else. */
static void liar__changes_what_is_sealed(void **state)
{
    (void)state;
    char member[2 * KEY_BYTES + 1];
    for (size_t byte = 0; byte < PAIRKEY_PARCEL_BYTES; byte += 15) {
        struct stage s = five_after(PHASE_ADVERTISE);
        spoil(&s, 3, PHASE_SHARE, PAIRKEY_PARCEL_BYTES + 3 + byte); /* 3's to 2 */
        if (byte == 0)
            assert_int_equal(liar_tell(s.liar, 0, 1, &honest), REASON_NONE);
        bytes_to_hex(s.r->members[3].key, KEY_BYTES, member);
        liar_tell(s.liar, 0, 2, &honest);
        assert_non_null(strstr(err_text(), member));
        assert_refuses(&s, 2, &honest, REASON_BAD_PARCEL);
        assert_accuses(&s, 2, member);
        leave(&s);
    }
    struct stage s = five_after(PHASE_ADVERTISE);
    struct bytes body = {0};
    assert_ok(liar_compose(s.liar, 0, 1, PHASE_SHARE, &honest, &body));
    assert_string_equal(reason_name(liar_hand(s.liar, 0, 0, codec_view(&body))),
                        reason_name(REASON_BAD_PARCEL));
    bytes_free(&body);
    leave(&s);
}

/* The colluder seals for member 0 what an honest dealer would not. */
static void seal_for_first(struct stage *s, uint16_t point, bool canonical)
{
    struct attempt *a = liar_part(s->liar, 0, COLLUDER)->attempt;
    struct bytes *said = &liar_part(s->liar, 0, COLLUDER)->said[PHASE_SHARE];
    struct pairkey_place place = attempt_place(a, 0);
    struct pairkey_parcel parcel = {.point = point};
    uint8_t sealed[PAIRKEY_PARCEL_BYTES], note[PAIRKEY_NOTE_BYTES] = {0};
    if (!canonical)
        memset(parcel.self_share, 0xff, SCALAR_BYTES);
    pairkey_seal(&place, &a->secrets->keys, a->adverts[0].seal_key,
                 attempt_pair(a, 0)->agreed, &parcel, note,
                 s->r->members[COLLUDER].random, sealed);
    size_t parcels = 4 * (PAIRKEY_PARCEL_BYTES + 3); /* each behind its tag and length */
    memcpy(said->data + said->size - parcels + 3, sealed, sizeof sealed);
}

static void liar__deals_shares_at_zero_or_beyond_the_field(void **state)
{
    (void)state;
    static const struct {
        uint16_t point;
        bool canonical;
        enum reason reason;
    } cases[] = {{1, true, REASON_NONE},
                 {0, true, REASON_BAD_PARCEL},
                 {2, true, REASON_BAD_PARCEL},
                 {1, false, REASON_BAD_PARCEL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stage s = five_after(PHASE_ADVERTISE);
        seal_for_first(&s, cases[i].point, cases[i].canonical);
        assert_string_equal(reason_name(liar_tell(s.liar, 0, 0, &honest)),
                            reason_name(cases[i].reason));
        leave(&s);
    }
}

/* --- survivors: U3, 19
 * -------------------------------------------------------------------- */

enum field { PLAN, BUNDLE, DEALERS, VECTOR };

/* Sign the colluder's input anew with one of its hashes changed. */
static void forge_input(struct stage *s, enum field field)
{
    struct bytes *said = &liar_part(s->liar, 0, COLLUDER)->said[PHASE_MASK];
    struct bytes anew = {0};
    struct arena *arena = codec_arena(said->size);
    struct masked_input masked;
    struct input input;
    assert_ok(codec_decode_masked_input(codec_view(said), arena, &masked));
    assert_ok(phase_read_input(masked.input, arena, &input));
    (field == PLAN      ? input.plan
     : field == BUNDLE  ? input.bundle
     : field == DEALERS ? input.dealers
                        : input.vector_hash)[7] ^= 1;
    assert_ok(phase_sign_input(s->r->members[COLLUDER].identity, &input, &anew));
    masked.input = codec_view(&anew);
    struct bytes whole = {0};
    assert_ok(codec_encode_masked_input(&masked, &whole));
    arena_destroy(&arena);
    bytes_free(&anew);
    bytes_free(said);
    *said = whole;
}

static void liar__forges_survivors(void **state)
{
    (void)state;
    static const enum reason reasons[] = {[PLAN] = REASON_WRONG_PLAN,
                                          [BUNDLE] = REASON_WRONG_BUNDLE,
                                          [DEALERS] = REASON_WRONG_DEALERS};
    for (enum field field = PLAN; field <= DEALERS; field++) {
        struct stage s = five_after(PHASE_SHARE);
        forge_input(&s, field);
        assert_refuses(&s, 0, &honest, reasons[field]);
        leave(&s);
    }
    struct stage s = five_after(PHASE_SHARE);
    struct masked_input masked;
    struct bytes *said = &liar_part(s.liar, 0, 1)->said[PHASE_MASK];
    struct arena *arena = codec_arena(said->size);
    assert_ok(codec_decode_masked_input(codec_view(said), arena, &masked));
    /* 1's input under a signature that is not 1's. */
    said->data[(size_t)(masked.input.size) - 10] ^= 1;
    assert_refuses(&s, 0, &honest, REASON_BAD_SIGNATURE);
    assert_refuses(&s, 2, &(struct liar_view){.inputs = 0x1d & ~8u}, REASON_TOO_FEW);
    assert_refuses(&s, 3, &(struct liar_view){.inputs = 0x17 & ~2u}, REASON_TOO_FEW);
    arena_destroy(&arena);
    assert_nothing_out(&s);
    leave(&s);
}

/* A sum without one's own input, or with another input of one's own. */
static void liar__leaves_a_members_own_input_out(void **state)
{
    (void)state;
    struct stage s = five_after(PHASE_SHARE);
    const struct liar_view not_mine = {.inputs = WITHOUT(0)};
    assert_refuses(&s, 0, &not_mine, REASON_NOT_INCLUDED);
    /* The colluder's identity is honest code with a vector of its own choice. */
    forge_input(&s, VECTOR);
    assert_string_equal(reason_name(liar_tell(s.liar, 0, COLLUDER, &honest)),
                        reason_name(REASON_NOT_INCLUDED));
    assert_nothing_out(&s);
    leave(&s);
}

/* An input of somebody who did not deal has no masks to take off, and whoever is not
 * masked with it would stand alone. */
static void liar__counts_inputs_of_those_who_did_not_deal(void **state)
{
    (void)state;
    struct stage s = five_after(PHASE_ADVERTISE);
    const struct liar_view four = {ALL, 0xf, ALL, 0xf};
    assert_int_equal(liar_lead(s.liar, 0, 0xf, &four, PHASE_SHARE), REASON_NONE);
    assert_int_equal(liar_lead(s.liar, 0, 0x10, &honest, PHASE_SHARE), REASON_NONE);
    assert_refuses(&s, 0, &four, REASON_NOT_PARTICIPANT);
    leave(&s);
}

/* Two sets of survivors: no quorum confirms either, also with colluders who confirm both.
 */
static void liar__splits_the_survivors(void **state)
{
    (void)state;
    struct stage s = five_after(PHASE_SHARE);
    const struct liar_view four = {ALL, ALL, 0xf, 0x1f}, all = honest;
    assert_int_equal(liar_lead(s.liar, 0, 0x3, &four, PHASE_MASK), REASON_NONE);
    assert_int_equal(liar_lead(s.liar, 0, 0x1c, &all, PHASE_MASK), REASON_NONE);
    assert_refuses(&s, 0, &honest, REASON_WRONG_SURVIVORS);
    assert_refuses(&s, 2, &honest, REASON_WRONG_SURVIVORS);
    assert_refuses(&s, 1, &(struct liar_view){.confirms = 0x3}, REASON_TOO_FEW);
    assert_refuses(&s, 3, &(struct liar_view){.confirms = 0x1c}, REASON_TOO_FEW);
    assert_nothing_out(&s);
    leave(&s);
}

/* --- confirmations and unmasking: 5, 6
 * ------------------------------------------------------------- */

/* Sign the colluder's confirmation anew with one of its hashes changed. */
static void forge_confirm(struct stage *s, size_t field)
{
    struct bytes *said = &liar_part(s->liar, 0, COLLUDER)->said[PHASE_CONFIRM];
    struct arena *arena = codec_arena(said->size);
    struct confirm confirm;
    assert_ok(phase_read_confirm(codec_view(said), arena, &confirm));
    uint8_t *const fields[] = {confirm.plan, confirm.bundle, confirm.dealers,
                               confirm.survivors};
    fields[field][3] ^= 1;
    bytes_free(said);
    assert_ok(phase_sign_confirm(s->r->members[COLLUDER].identity, &confirm, said));
    arena_destroy(&arena);
}

static void liar__forges_confirmations(void **state)
{
    (void)state;
    static const enum reason reasons[] = {REASON_WRONG_PLAN, REASON_WRONG_BUNDLE,
                                          REASON_WRONG_DEALERS, REASON_WRONG_SURVIVORS};
    for (size_t field = 0; field < 4; field++) {
        struct stage s = five_after(PHASE_MASK);
        forge_confirm(&s, field);
        assert_refuses(&s, 0, &honest, reasons[field]);
        assert_nothing_out(&s);
        leave(&s);
    }
    struct stage s = five_after(PHASE_MASK);
    spoil(&s, 1, PHASE_CONFIRM, 5);
    assert_refuses(&s, 0, &honest, REASON_BAD_SIGNATURE);
    assert_refuses(&s, 2, &(struct liar_view){.confirms = 0x1c}, REASON_TOO_FEW);
    assert_nothing_out(&s);
    leave(&s);
}

/* Confirmations count of participants alone: a coordinator has as many other keys as it
 * likes. */
static void liar__confirms_with_keys_of_nobody(void **state)
{
    (void)state;
    struct stage s = five_after(PHASE_MASK);
    struct bytes *said = &liar_part(s.liar, 0, COLLUDER)->said[PHASE_CONFIRM];
    struct arena *arena = codec_arena(said->size);
    struct identity *nobody;
    struct confirm confirm;
    assert_int_equal(phase_open_confirm(codec_view(said),
                                        attempt_context(s.r->members[0].attempt), arena,
                                        &confirm),
                     REASON_NONE);
    assert_ok(identity_new(&nobody));
    identity_public(nobody, confirm.member);
    bytes_free(said);
    assert_ok(phase_sign_confirm(nobody, &confirm, said));
    assert_refuses(&s, 0, &honest, REASON_NOT_PARTICIPANT);
    assert_nothing_out(&s);
    identity_destroy(&nobody);
    arena_destroy(&arena);
    leave(&s);
}

/* The same confirmation four times is one. */
static void liar__counts_one_confirmation_for_many(void **state)
{
    (void)state;
    struct stage s = five_after(PHASE_MASK);
    for (size_t i = 0; i < N; i++) {
        struct bytes *said = &liar_part(s.liar, 0, i)->said[PHASE_CONFIRM];
        const struct bytes *one = &liar_part(s.liar, 0, COLLUDER)->said[PHASE_CONFIRM];
        if (i == COLLUDER)
            continue;
        bytes_free(said);
        bytes_append(said, one->data, one->size);
    }
    assert_refuses(&s, 0, &honest, REASON_MALFORMED);
    assert_nothing_out(&s);
    leave(&s);
}

/* Once it has answered, a node answers nothing else: the same bytes until it is told that
 * they arrived, and then no more. */
static void liar__asks_for_shares_again(void **state)
{
    (void)state;
    struct stage s = five_after(PHASE_CONFIRM);
    const struct liar_view four = {ALL, ALL, 0xf, 0xf};
    struct attempt *attempt = liar_part(s.liar, 0, 0)->attempt;
    struct bytes body = {0};
    assert_null(attempt->secrets);
    for (enum phase phase = PHASE_MASK; phase <= PHASE_CONFIRM; phase++) {
        struct attempt *asked = liar_part(s.liar, 0, phase)->attempt;
        assert_ok(liar_compose(s.liar, 0, phase, phase, &four, &body));
        attempt_take(asked, phase_answer(phase), codec_view(&body));
        assert_int_equal(attempt_reason(asked), REASON_WRONG_PHASE);
        assert_int_equal(attempt_phase(asked), PHASE_END);
    }
    bytes_free(&body);
    assert_one_sum(&s, "asked again", 1);
    leave(&s);
}

/* An input that was sent, of a member who is then said to have dropped out: its pair
 * masks come off, its self mask never does. */
static void liar__declares_a_member_dropped_whose_input_it_has(void **state)
{
    (void)state;
    struct stage s = five_after(PHASE_SHARE);
    const struct liar_view four = {ALL, ALL, WITHOUT(3), WITHOUT(3)};
    size_t smallest;
    assert_int_equal(liar_lead(s.liar, 0, WITHOUT(3), &four, PHASE_UNMASK), REASON_NONE);
    assert_int_equal(spoils_bared(s.liar->spoils), 0);
    assert_int_equal(spoils_sums(s.liar->spoils, &smallest), 1);
    assert_int_equal(smallest, 3); /* u_min - c, and not the fourth */
    assert_refuses(&s, 3, &four, REASON_NOT_INCLUDED);
    assert_one_sum(&s, "declared dropped", 1);
    leave(&s);
}

/* Every way to tell four honest members which of five sets of survivors they are in, all
 * or all but one of them, with the colluder confirming every set, and to each the
 * confirmations of all who confirmed the same: 5^4. */
static size_t one_way(size_t way)
{
    struct stage s = five();
    uint64_t told[LIAR_SCENES] = {0};
    size_t smallest;
    for (size_t i = 0; i < N - 1; i++, way /= LIAR_SCENES)
        told[way % LIAR_SCENES] |= 1u << i;
    liar_lead(s.liar, 0, WITHOUT(COLLUDER), &honest, PHASE_ADVERTISE);
    for (size_t scene = 0; scene < LIAR_SCENES; scene++) {
        assert_ok(liar_enter(s.liar, scene, COLLUDER)); /* with the same keys */
        liar_lead(s.liar, scene, 1u << COLLUDER, &honest, PHASE_ADVERTISE);
        liar_lead(s.liar, scene, told[scene], &honest, PHASE_SHARE);
    }
    for (size_t scene = 0; scene < LIAR_SCENES; scene++) {
        struct liar_view view = {ALL, ALL, scene ? WITHOUT(scene - 1) : ALL,
                                 told[scene] | 1u << COLLUDER};
        if (told[scene] == 0)
            continue;
        liar_lead(s.liar, scene, 1u << COLLUDER, &honest, PHASE_SHARE);
        liar_lead(s.liar, scene, told[scene] | 1u << COLLUDER, &view, PHASE_MASK);
        liar_lead(s.liar, scene, told[scene], &view, PHASE_CONFIRM);
    }
    size_t sums = spoils_sums(s.liar->spoils, &smallest);
    assert_one_sum(&s, "a way", 0);
    leave(&s);
    return sums;
}

static void liar__asks_for_every_kind_in_every_order(void **state)
{
    (void)state;
    size_t sums = 0;
    for (size_t way = 0; way < 625; way++)
        sums += one_way(way);
    /* Three or four of them are told of all: 4 * 4 + 1 ways. Or the three of one of the
     * four smaller sets are told of that, whatever the fourth hears: 4 * 5. */
    assert_int_equal(sums, 37);
}

/* --- replay: 9
 * ----------------------------------------------------------------------- */

/* Every answer of the first attempt, given in the second. */
static void liar__replays_an_earlier_attempt(void **state)
{
    (void)state;
    static const enum reason reasons[] = {REASON_WRONG_PLAN, REASON_BAD_PARCEL,
                                          REASON_WRONG_PLAN, REASON_WRONG_PLAN,
                                          REASON_WRONG_PLAN};
    struct stage s = five();
    struct bytes answers[PHASE_END] = {0};
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        assert_ok(liar_compose(s.liar, 0, 0, phase, &honest, &answers[phase]));
        assert_int_equal(liar_lead(s.liar, 0, ALL, &honest, phase), REASON_NONE);
    }
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        assert_ok(rehearsal_sign_plan(s.r, 1, 2 + phase));
        assert_ok(liar_enter_all(s.liar));
        if (phase > 0)
            assert_int_equal(liar_lead(s.liar, 0, ALL, &honest, phase - 1), REASON_NONE);
        assert_string_equal(
            reason_name(liar_hand(s.liar, 0, 0, codec_view(&answers[phase]))),
            reason_name(reasons[phase]));
        bytes_free(&answers[phase]);
    }
    assert_one_sum(&s, "replayed", 1);
    leave(&s);
}

/* Wrong kinds: every message of every kind, in every phase. */
static void liar__answers_another_question(void **state)
{
    (void)state;
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        for (uint32_t kind = 0; kind < 32; kind++) {
            if (kind == phase_answer(phase) || kind == MESSAGE_WAIT)
                continue;
            struct stage s = five();
            if (phase > 0)
                liar_lead(s.liar, 0, ALL, &honest, phase - 1);
            struct attempt *attempt = liar_part(s.liar, 0, 0)->attempt;
            const struct bytes *said =
                &liar_part(s.liar, 0, 0)->said[attempt_phase(attempt)];
            attempt_take(attempt, kind, codec_view(said));
            assert_int_equal(attempt_reason(attempt), REASON_WRONG_PHASE);
            assert_int_equal(attempt_phase(attempt), PHASE_END);
            leave(&s);
            kind += 6; /* one in seven of them a phase, another one each time */
        }
}

/* --- at random
 * ------------------------------------------------------------------------------- */

/* Views that are just possible: as many are missing, from some phase on, as may be; now
 * and then one more. */
static struct liar_view draw_view(struct random *random, const struct quorum *quorum)
{
    uint64_t spare =
        quorum->members - quorum->survivors + (random_below(random, 32) == 0);
    uint64_t all = (1ull << quorum->members) - 1;
    struct liar_view view = {all, all, all, all};
    uint64_t *const sets[] = {&view.adverts, &view.dealers, &view.inputs};
    for (uint64_t i = random_below(random, 4) ? spare : 0; i > 0; i--) {
        uint64_t missing = 1ull << random_below(random, quorum->members);
        for (uint64_t k = random_below(random, 3); k < 3; k++)
            *sets[k] &= ~missing;
    }
    if (random_below(random, 2))
        view.confirms = view.inputs;
    return view;
}

/* An honest member hears one of the two stories, mostly its side's; a colluder both. */
static void tell_in_phase(struct stage *s, struct random *random, size_t side,
                          size_t member, const struct liar_view views[2],
                          enum phase phase)
{
    bool colluder = s->liar->corrupt >> member & 1;
    for (size_t scene = 0; scene < 2; scene++) {
        if (!colluder && scene != (random_below(random, 64) ? side : 1 - side))
            continue;
        const struct liar_part *part = liar_part(s->liar, scene, member);
        if (attempt_phase(part->attempt) == phase)
            liar_tell(s->liar, scene, member, &views[scene]);
    }
}

static bool lie_at_random(uint64_t seed)
{
    uint8_t bytes[RANDOM_SEED_BYTES] = "a liar at random";
    memcpy(bytes + 24, &seed, sizeof seed);
    struct random *random = random_new_seeded(bytes);
    uint32_t members = (uint32_t)(5 + seed % 4), colluders = 1 + (members == 8);
    uint64_t corrupt = 0;
    for (uint32_t i = 0; i < colluders; i++)
        corrupt |= 1ull << random_below(random, members);
    struct stage s = stage_of(members, colluders, corrupt, seed);
    struct liar_view views[2], strange;
    size_t smallest;
    assert_ok(liar_enter_all(s.liar));
    views[0] = draw_view(random, &s.r->quorum);
    views[1] = views[0];
    strange = draw_view(random, &s.r->quorum);
    uint64_t from = random_below(random, 5); /* alike up to there */
    if (from < 1)
        views[1].adverts = strange.adverts;
    if (from < 2)
        views[1].dealers = strange.dealers & views[1].adverts;
    if (from < 3)
        views[1].inputs = strange.inputs & views[1].dealers;
    uint64_t side = random_below(random, 3) ? random_u64(random) : 0;
    if (random_below(random, 4)) { /* to each side only what its own confirmed */
        views[0].confirms = ~side | corrupt;
        views[1].confirms = side | corrupt;
    }
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        for (size_t i = 0; i < members; i++)
            tell_in_phase(&s, random, side >> i & 1, i, views, phase);
    assert_one_sum(&s, "at random", seed);
    bool summed = spoils_sums(s.liar->spoils, &smallest) > 0;
    leave(&s);
    random_destroy(&random);
    return summed;
}

static void lie_often(uint64_t from, uint64_t count)
{
    size_t summed = 0;
    for (uint64_t seed = from; seed < from + count; seed++)
        summed += lie_at_random(seed);
    print_message("seeds %llu to %llu: a sum came out of %zu\n", (unsigned long long)from,
                  (unsigned long long)(from + count - 1), summed);
    assert_true(summed > count / 10); /* or the lies are too crude to test anything */
    assert_true(summed < count);
}

static void liar__finds_nothing_at_random(void **state)
{
    (void)state;
    lie_often(1, 400);
}

static void liar__finds_nothing_for_long(void **state)
{
    (void)state;
    lie_often(1000, 20000);
}

/* --- what is no answer
 * ------------------------------------------------------------------------ */

/* A true answer, cut short, with a byte too many, or made of anything. */
static void garble(struct bytes *body, int way)
{
    if (way == 0)
        body->size--;
    if (way == 1)
        bytes_u8(body, 0);
    if (way == 2)
        memset(body->data, 0xff, body->size);
}

/* In every phase: refused as malformed, the secrets gone, and no way back. */
static void liar__says_what_does_not_decode(void **state)
{
    (void)state;
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        for (int way = 0; way < 3; way++) {
            struct stage s = phase ? five_after(phase - 1) : five();
            struct attempt *attempt = s.r->members[0].attempt;
            struct bytes body = {0};
            struct input none = {0};
            static const uint8_t hash[HASH_BYTES];
            if (phase == PHASE_UNMASK)
                assert_ok(phase_receipt(&none, hash, &body));
            else
                assert_ok(liar_compose(s.liar, 0, 0, phase, &honest, &body));
            garble(&body, way);
            assert_int_not_equal(
                attempt_take(attempt, phase_answer(phase), codec_view(&body)), ERR_OK);
            assert_int_equal(attempt_reason(attempt), REASON_MALFORMED);
            assert_int_equal(attempt_phase(attempt), PHASE_END);
            assert_null(attempt->secrets);
            assert_refused(ERR_STATE, "has ended",
                           attempt_take(attempt, phase_answer(phase), codec_view(&body)));
            bytes_free(&body);
            leave(&s);
        }
}

/* One parcel more than dealers, the last one twice. */
static void liar__delivers_a_parcel_too_many(void **state)
{
    (void)state;
    struct stage s = five_after(PHASE_ADVERTISE);
    struct bytes body = {0}, more = {0};
    struct delivery delivery;
    struct view parcels[N];
    assert_ok(liar_compose(s.liar, 0, 0, PHASE_SHARE, &honest, &body));
    struct arena *arena = codec_arena(body.size);
    assert_ok(codec_decode_delivery(codec_view(&body), arena, &delivery));
    assert_int_equal(delivery.parcels.count, N - 1);
    memcpy(parcels, delivery.parcels.items, sizeof *parcels * (N - 1));
    parcels[N - 1] = parcels[N - 2];
    delivery.parcels = (struct views){parcels, N};
    assert_ok(codec_encode_delivery(&delivery, &more));
    assert_string_equal(reason_name(liar_hand(s.liar, 0, 0, codec_view(&more))),
                        "BAD_PARCEL");
    assert_nothing_out(&s);
    arena_destroy(&arena);
    bytes_free(&body);
    bytes_free(&more);
    leave(&s);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(liar__says_what_does_not_decode),
        cmocka_unit_test(liar__delivers_a_parcel_too_many),
        cmocka_unit_test(liar__that_tells_the_truth_gets_one_sum),
        cmocka_unit_test(liar__shows_two_halves_two_priors),
        cmocka_unit_test(liar__plans_what_is_not_safe),
        cmocka_unit_test(liar__plans_for_others),
        cmocka_unit_test(liar__relays_keys_that_are_not_the_members),
        cmocka_unit_test(liar__keeps_adverts_back),
        cmocka_unit_test(liar__shows_keys_that_give_a_known_secret),
        cmocka_unit_test(liar__invents_members),
        cmocka_unit_test(liar__splits_the_adverts),
        cmocka_unit_test(liar__splits_the_dealers),
        cmocka_unit_test(liar__names_dealers_who_are_not_there),
        cmocka_unit_test(liar__changes_what_is_sealed),
        cmocka_unit_test(liar__deals_shares_at_zero_or_beyond_the_field),
        cmocka_unit_test(liar__forges_survivors),
        cmocka_unit_test(liar__leaves_a_members_own_input_out),
        cmocka_unit_test(liar__counts_inputs_of_those_who_did_not_deal),
        cmocka_unit_test(liar__splits_the_survivors),
        cmocka_unit_test(liar__forges_confirmations),
        cmocka_unit_test(liar__confirms_with_keys_of_nobody),
        cmocka_unit_test(liar__counts_one_confirmation_for_many),
        cmocka_unit_test(liar__asks_for_shares_again),
        cmocka_unit_test(liar__declares_a_member_dropped_whose_input_it_has),
        cmocka_unit_test(liar__asks_for_every_kind_in_every_order),
        cmocka_unit_test(liar__replays_an_earlier_attempt),
        cmocka_unit_test(liar__answers_another_question),
        cmocka_unit_test(liar__finds_nothing_at_random),
    };
    const struct CMUnitTest nightly[] = {
        cmocka_unit_test(liar__finds_nothing_for_long),
    };
    if (count > 1 && strcmp(arguments[1], "nightly") == 0)
        return cmocka_run_group_tests(nightly, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
