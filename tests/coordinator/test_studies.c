#include "check.h"
#include "centre.h"

#include "model/learn.h"
#include "privacy/accountant.h"

static void studies__terms_carry_out_what_was_asked(void **state)
{
    struct centre *s = *state;
    const struct coord_study *study;
    struct discretisation all;
    struct privacy_loss loss;
    double mu2 = 0;
    centre_study(s);
    centre_restart(s);
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    const struct terms *terms = &study->terms;
    assert_true(study->open);
    assert_string_equal(terms->name, "pressure");
    assert_int_equal(terms->rounds, 2);
    assert_int_equal(terms->dimension, study->statistic.dimension);
    assert_int_equal(terms->participants.count, HOSPITALS);
    assert_memory_equal(terms->participants.items, s->c->keys, sizeof s->c->keys);
    assert_int_equal(study->chain.length, 0);
    /* what both rounds cost is the epsilon promised, the lattice included */
    for (size_t i = 0; i < 2; i++)
        mu2 += accountant_cost(terms->noise_multipliers.items[i]);
    assert_ok(accountant_discretisation(terms->dimension, terms->noise_log2, 1, &all));
    all.epsilon *= 2;
    all.log_delta *= 2;
    assert_ok(accountant_loss(mu2, &all, 1e-6, &loss));
    assert_near(loss.epsilon, 1, 1e-6);
    assert_true(loss.epsilon <= 1);
    assert_relative(terms->noise_multipliers.items[0] / terms->noise_multipliers.items[1],
                    sqrt(2), 1e-9); /* half the budget: 1/z^2 doubles */
}

static void studies__cannot_be_made_of_anything(void **state)
{
    struct centre *s = *state;
    struct coord_study_request request = centre_request(s);
    const struct coord_study_request good = request;
#define WRONG(change, code, part)                                                        \
    change;                                                                              \
    assert_refused(code, part,                                                           \
                   coord_studies_create(s->coordinator, &request, NOW, s->number));      \
    request = good
    WRONG((void)0, ERR_STATE, "no roster yet");
    centre_roster(s, 1, HOSPITALS);
    WRONG(request.rounds = 0, ERR_RANGE, "1 to 1000 rounds");
    WRONG(request.rounds = 1001, ERR_RANGE, "1 to 1000 rounds");
    WRONG(request.hospitals_min = HOSPITALS + 1, ERR_RANGE, "participants");
    WRONG(request.name = "", ERR_RANGE, "name");
    WRONG(request.epsilon = 0, ERR_RANGE, "");
    WRONG(request.budget_ratio = 0, ERR_RANGE, "");
    assert_ok(coord_studies_create(s->coordinator, &request, NOW, s->number));
    WRONG((void)0, ERR_STATE, "a study called pressure is there already");
#undef WRONG
}

static void studies__are_found_by_name_and_number(void **state)
{
    struct centre *s = *state;
    uint8_t number[STUDY_BYTES];
    char digits[2 * STUDY_BYTES + 1];
    centre_study(s);
    assert_ok(coord_studies_find(s->coordinator, "pressure", number));
    assert_memory_equal(number, s->number, STUDY_BYTES);
    bytes_to_hex(s->number, STUDY_BYTES, digits);
    assert_ok(coord_studies_find(s->coordinator, digits, number));
    assert_refused(ERR_NOT_FOUND, "no study is called nothing",
                   coord_studies_find(s->coordinator, "nothing", number));
    assert_non_null(strstr(err_hint_text(), "gemel-coordinator study list"));
}

/* The copy kept in memory is the store's, whatever changes; what was handed out lives. */
static void studies__kept_open_are_never_out_of_date(void **state)
{
    struct centre *s = *state;
    const struct coord_study *first, *again;
    uint8_t other[STUDY_BYTES] = {1};
    centre_study(s);
    assert_ok(coord_studies_open(s->coordinator, s->number, &first));
    assert_ok(coord_studies_open(s->coordinator, s->number, &again));
    assert_ptr_equal(first, again); /* not read twice */
    assert_refused(ERR_NOT_FOUND, "no such study",
                   coord_studies_open(s->coordinator, other, &again));
    assert_ok(coord_studies_set_state(s->coordinator, s->number, "closed"));
    assert_string_equal(first->state, "open"); /* as handed out */
    assert_ok(coord_studies_open(s->coordinator, s->number, &again));
    assert_false(again->open);
    assert_ok(coord_studies_set_state(s->coordinator, s->number, "open"));
    centre_join(s, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    centre_play(s, HOSPITALS);
    assert_ok(coord_studies_open(s->coordinator, s->number, &first));
    assert_int_equal(first->chain.length, 0);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_ok(coord_studies_open(s->coordinator, s->number, &again));
    assert_int_equal(again->chain.length, 1);
    uint8_t head[HASH_BYTES];
    memcpy(head, again->chain.head, HASH_BYTES);
    struct bytes kept = {0}, read = {0};
    prior_write(again->prior, &kept);
    centre_restart(s);
    assert_ok(coord_studies_open(s->coordinator, s->number, &again));
    prior_write(again->prior, &read);
    assert_memory_equal(again->chain.head, head, HASH_BYTES);
    assert_int_equal(kept.size, read.size);
    assert_memory_equal(kept.data, read.data, read.size);
    bytes_free(&kept);
    bytes_free(&read);
}

/* Two rounds published, read back in every way there is. */
static void studies__published_rounds_can_be_read_back(void **state)
{
    struct centre *s = *state;
    const struct coord_study *study;
    struct coord_study_round *rounds;
    struct bytes storage = {0};
    struct view links[3];
    uint8_t head[HASH_BYTES];
    char *report;
    size_t count;
    centre_study(s);
    centre_join(s, HOSPITALS);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(centre_advance(s), ROUNDS_OPENED);
        centre_play(s, HOSPITALS);
        assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    }
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    assert_string_equal(study->state, "finished");
    assert_ok(
        coord_studies_links(s->coordinator, s->number, 0, 3, &storage, links, &count));
    assert_int_equal(count, 2);
    struct chain chain = chain_start(&study->terms, study->hash);
    for (size_t i = 0; i <= 2; i++) {
        assert_ok(coord_studies_head_at(s->coordinator, study, i, head));
        assert_memory_equal(head, chain.head, HASH_BYTES);
        if (i == 2)
            break;
        struct arena *arena = codec_arena(links[i].size);
        struct chain_link link;
        assert_int_equal(
            chain_extend(&chain, links[i], s->c->coordinator_key, arena, &link),
            REASON_NONE);
        assert_int_equal(link.contributions, HOSPITALS);
        arena_destroy(&arena);
    }
    assert_refused(ERR_NOT_FOUND, "round 3 has not been published",
                   coord_studies_head_at(s->coordinator, study, 3, head));
    storage.size = 0;
    assert_ok(
        coord_studies_links(s->coordinator, s->number, 1, 3, &storage, links, &count));
    assert_int_equal(count, 1);
    assert_ok(coord_studies_report(s->coordinator, s->number, 2, &report));
    assert_non_null(strstr(report, "hospitals 5"));
    mem_free(report);
    assert_refused(ERR_NOT_FOUND, "round 3",
                   coord_studies_report(s->coordinator, s->number, 3, &report));
    assert_ok(coord_studies_rounds(s->coordinator, study, &rounds, &count));
    assert_int_equal(count, 2);
    /* any four are a sum, one of whom may collude: three noises make the multiplier */
    assert_relative(rounds[0].noise_stddev,
                    study->terms.noise_multipliers.items[0] * sqrt(HOSPITALS / 3.),
                    1e-14);
    coord_studies_rounds_free(rounds, count);
    bytes_free(&storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_CENTRE(studies__terms_carry_out_what_was_asked),
        IN_CENTRE(studies__cannot_be_made_of_anything),
        IN_CENTRE(studies__are_found_by_name_and_number),
        IN_CENTRE(studies__kept_open_are_never_out_of_date),
        IN_CENTRE(studies__published_rounds_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
