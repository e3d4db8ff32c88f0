#include "check.h"
#include "hospital.h"

#include "wire/archive.h"

/* A question, and room for its answer. */
struct asked {
    struct node_exchange exchange;
    struct bytes question, answer;
    struct node_exchange_news news;
};

static void ask(struct hospital *h, struct node_study *study, struct asked *asked)
{
    *asked = (struct asked){0};
    assert_ok(node_exchange_ask(h->node, &asked->exchange, study, &asked->question));
}

static void forget(struct asked *asked)
{
    bytes_free(&asked->question);
    bytes_free(&asked->answer);
    node_exchange_news_clear(&asked->news);
}

/* Ask, and take this reply. */
static enum err converse(struct hospital *h, struct node_study *study,
                         const struct reply *reply, struct node_exchange_news *news)
{
    struct asked asked;
    ask(h, study, &asked);
    hospital_reply(h, &asked.question, reply, &asked.answer);
    enum err err = node_exchange_take(h->node, &h->clock, &asked.exchange, study,
                                      &asked.answer, &asked.news);
    if (news) {
        *news = asked.news;
        asked.news = (struct node_exchange_news){0};
    }
    forget(&asked);
    return err;
}

static struct reply nothing_new(void)
{
    return (struct reply){.retry_after_ms = 1000, .waiting = "nothing", .now = NOW};
}

static uint64_t roster_version(const struct hospital *h)
{
    return roster_fields(h->node->consortium.roster)->version;
}

/* Append the roster of `version` after the consortium's; `issued` tells two apart. */
static void sign_roster(const struct hospital *h, uint64_t version, uint64_t issued,
                        const uint8_t *previous, struct bytes *bytes)
{
    struct roster_fields fields = h->c->fields;
    fields.version = version;
    fields.issued = issued;
    memset(fields.previous, 0, HASH_BYTES);
    if (previous)
        memcpy(fields.previous, previous, HASH_BYTES);
    assert_ok(roster_sign(h->c->governance, &fields, bytes));
}

/* --- asking ---------------------------------------------------------------------------
 */

static void exchange__a_poll_says_what_the_node_holds(void **state)
{
    struct hospital *h = *state;
    struct arena *arena = arena_new(1 << 20);
    struct node_study *study = hospital_approved(h);
    struct asked asked;
    struct poll poll;
    ask(h, NULL, &asked);
    struct envelope envelope = hospital_envelope(&asked.question, arena);
    assert_int_equal(envelope.kind, MESSAGE_POLL);
    assert_memory_equal(envelope.consortium, roster_consortium(h->c->roster), HASH_BYTES);
    assert_memory_equal(envelope.sender, h->c->keys, KEY_BYTES);
    assert_memory_equal(envelope.recipient, h->c->coordinator_key, KEY_BYTES);
    assert_true(bytes_are_zero(envelope.study, STUDY_BYTES));
    assert_ok(codec_decode_poll(envelope.body, arena, &poll));
    assert_int_equal(poll.roster_version, 1);
    assert_memory_equal(poll.roster_hash, roster_hash(h->c->roster), HASH_BYTES);
    assert_int_equal(poll.ledger_length + poll.chain_length, 0);
    assert_int_equal(poll.terms_known.count, 1);
    assert_memory_equal(poll.terms_known.items, h->c->terms_hash, HASH_BYTES);
    forget(&asked);
    ask(h, study, &asked);
    envelope = hospital_envelope(&asked.question, arena);
    assert_memory_equal(envelope.study, h->c->terms.study, STUDY_BYTES);
    assert_int_equal(envelope.round + envelope.attempt, 0);
    assert_ok(codec_decode_poll(envelope.body, arena, &poll));
    assert_memory_equal(poll.chain_head, h->c->terms_hash, HASH_BYTES);
    assert_int_equal(poll.terms_known.count, 0);
    forget(&asked);
    node_study_destroy(&study);
    arena_destroy(&arena);
}

/* --- opening an answer, docs/protocol.md section 4 -------------------------------------
 */

static void take_refused(struct hospital *h, struct asked *asked, enum reason reason)
{
    struct node_exchange_news news = {.links = 77};
    enum err err = node_exchange_take(h->node, &h->clock, &asked->exchange, NULL,
                                      &asked->answer, &news);
    assert_int_not_equal(err, ERR_OK);
    if (!strstr(err_text(), reason_sentence(reason)))
        fail_msg("\"%s\" does not say \"%s\"", err_text(), reason_sentence(reason));
    assert_int_equal(news.links, 77);
    assert_int_equal(roster_version(h), 1);
}

/* Every step's refusal, each with whatever a later step would refuse wrong as well. */
static void exchange__answers_are_opened_in_order(void **state)
{
    struct hospital *h = *state;
    struct arena *arena = arena_new(1 << 20);
    struct bytes newer = {0}, body = {0};
    struct asked asked;
    sign_roster(h, 2, NOW, roster_hash(h->c->roster), &newer);
    struct reply reply = nothing_new();
    reply.roster = codec_view(&newer);
    assert_ok(codec_encode_reply(&reply, &body));
    ask(h, NULL, &asked);
    const struct envelope question = hospital_envelope(&asked.question, arena);
    struct envelope wrong = question;
    memcpy(wrong.recipient, question.sender, KEY_BYTES);
    wrong.kind = MESSAGE_REPLY;
    wrong.body = (struct view){(const uint8_t *)"?", 1};
#define SEAL(signer)                                                                     \
    asked.answer.size = 0;                                                               \
    assert_ok(envelope_seal(signer, &wrong, &asked.answer))
    take_refused(h, &asked, REASON_MALFORMED); /* nothing at all */
    SEAL(h->c->coordinator);
    assert_refused(ERR_FORMAT, "reply:", /* step 10 */
                   node_exchange_take(h->node, &h->clock, &asked.exchange, NULL,
                                      &asked.answer, &asked.news));
    wrong.body = codec_view(&body);
    wrong.nonce[0] ^= 1;
    SEAL(h->c->coordinator);
    take_refused(h, &asked, REASON_WRONG_NONCE);
    asked.answer.data[asked.answer.size - 1] ^= 1;
    take_refused(h, &asked, REASON_BAD_SIGNATURE);
    SEAL(h->c->stranger);
    take_refused(h, &asked, REASON_UNKNOWN_SENDER);
    wrong.kind = MESSAGE_RECEIPT;
    SEAL(h->c->stranger);
    take_refused(h, &asked, REASON_WRONG_KIND);
    wrong.recipient[0] ^= 1;
    SEAL(h->c->stranger);
    take_refused(h, &asked, REASON_WRONG_RECIPIENT);
    wrong.consortium[0] ^= 1;
    SEAL(h->c->stranger);
    take_refused(h, &asked, REASON_WRONG_CONSORTIUM);
#undef SEAL
    /* the version is the object's first field: 08 01 behind the Signed's header */
    uint8_t *version = memmem(asked.answer.data, 16, "\x08\x01", 2);
    assert_non_null(version);
    version[1] = 2;
    take_refused(h, &asked, REASON_BAD_VERSION);
    version[0] = 0xff;
    take_refused(h, &asked, REASON_MALFORMED);
    forget(&asked);
    assert_ok(converse(h, NULL, &reply, NULL)); /* the same said right is believed */
    assert_int_equal(roster_version(h), 2);
    bytes_free(&newer);
    bytes_free(&body);
    arena_destroy(&arena);
}

static void exchange__a_refusal_says_why_and_changes_nothing(void **state)
{
    struct hospital *h = *state;
    for (uint32_t number = 1; number <= REASON_COUNT; number++) {
        struct asked asked;
        struct refusal refusal = {.reason = number, .detail = "such is life"};
        struct bytes body = {0};
        ask(h, NULL, &asked);
        assert_ok(codec_encode_refusal(&refusal, &body));
        hospital_answer(h, &asked.question, MESSAGE_REFUSAL, &body, &asked.answer);
        if (number < REASON_COUNT) {
            take_refused(h, &asked, (enum reason)number);
            assert_non_null(strstr(err_text(), "the coordinator refused: such is life"));
        } else { /* not in the table: shown as it is */
            assert_refused(ERR_RANGE, "46",
                           node_exchange_take(h->node, &h->clock, &asked.exchange, NULL,
                                              &asked.answer, &asked.news));
        }
        bytes_free(&body);
        forget(&asked);
    }
}

/* --- a reply, all of it or nothing
 * ------------------------------------------------------ */

static void exchange__a_ledger_that_was_longer_stops_everything(void **state)
{
    struct hospital *h = *state;
    struct bytes newer = {0};
    sign_roster(h, 2, NOW, roster_hash(h->c->roster), &newer);
    struct reply reply = nothing_new();
    reply.roster = codec_view(&newer);
    reply.ledger_length = 1;
    memset(reply.ledger_head, 3, HASH_BYTES);
    assert_refused(ERR_VERIFY, reason_sentence(REASON_LEDGER_BEHIND),
                   converse(h, NULL, &reply, NULL));
    assert_non_null(strstr(err_hint_text(), "put the newest store back"));
    assert_int_equal(roster_version(h), 1);
    bytes_free(&newer);
}

static void exchange__rosters_only_go_forward(void **state)
{
    struct hospital *h = *state;
    struct bytes second = {0}, other = {0};
    struct node_exchange_news news;
    struct reply reply = nothing_new();
    sign_roster(h, 2, NOW, roster_hash(h->c->roster), &second);
    sign_roster(h, 2, NOW + 1, roster_hash(h->c->roster), &other);
    reply.roster = codec_view(&second);
    assert_ok(converse(h, NULL, &reply, &news));
    assert_true(news.roster);
    reply.roster = codec_view(&h->c->roster_bytes); /* version 1 again */
    assert_refused(ERR_DENIED, "", converse(h, NULL, &reply, NULL));
    reply.roster = codec_view(&other);
    assert_refused(ERR_VERIFY, "", converse(h, NULL, &reply, NULL));
    other.size = 0; /* a higher version under another governance key */
    struct roster_fields fields = h->c->fields;
    fields.version = 3;
    memcpy(fields.governance_key, h->c->stranger_key, KEY_BYTES);
    memcpy(fields.previous, roster_hash(h->node->consortium.roster), HASH_BYTES);
    assert_ok(roster_sign(h->c->stranger, &fields, &other));
    reply.roster = codec_view(&other);
    assert_refused(ERR_VERIFY, "", converse(h, NULL, &reply, NULL));
    hospital_restart(h);
    assert_int_equal(roster_version(h), 2);
    bytes_free(&second);
    bytes_free(&other);
}

static void exchange__what_comes_with_a_refused_part_is_not_taken(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct bytes roster = {0}, first = {0}, astray = {0};
    uint8_t head[HASH_BYTES], none[HASH_BYTES] = {1};
    sign_roster(h, 2, NOW, roster_hash(h->c->roster), &roster);
    hospital_link(h, 1, h->c->terms_hash, 0.5, &first, head);
    hospital_link(h, 2, none, 0.5, &astray, head);
    const struct view links[] = {codec_view(&first), codec_view(&astray)};
    const uint8_t *prior = (const uint8_t *)study->prior;
    struct reply reply = nothing_new();
    reply.roster = codec_view(&roster);
    reply.links = (struct views){links, 2};
    assert_refused(ERR_VERIFY, reason_sentence(REASON_WRONG_CHAIN),
                   converse(h, study, &reply, NULL));
    for (int again = 0; again < 2; again++) {
        assert_int_equal(roster_version(h), 1);
        assert_int_equal(study->chain.length, 0);
        assert_memory_equal(study->chain.head, h->c->terms_hash, HASH_BYTES);
        assert_near(study->prior->effects[0], h->prior->effects[0], 0);
        if (again)
            break;
        assert_ptr_equal(study->prior, prior);
        node_study_destroy(&study);
        hospital_restart(h);
        study = hospital_opened(h);
    }
    reply.links.count = 1;
    assert_ok(converse(h, study, &reply, NULL));
    assert_int_equal(roster_version(h), 2);
    assert_int_equal(study->chain.length, 1);
    assert_near(study->prior->effects[0], h->prior->effects[0] + 0.5, 0);
    node_study_destroy(&study);
    bytes_free(&roster);
    bytes_free(&first);
    bytes_free(&astray);
}

static void exchange__links_without_a_question_are_refused(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct bytes first = {0};
    uint8_t head[HASH_BYTES];
    hospital_link(h, 1, h->c->terms_hash, 0.5, &first, head);
    const struct view links[] = {codec_view(&first)};
    struct reply reply = nothing_new();
    reply.links = (struct views){links, 1};
    assert_refused(ERR_FORMAT, "not asked about", converse(h, NULL, &reply, NULL));
    node_study_destroy(&study);
    bytes_free(&first);
}

static void exchange__a_reply_cannot_shorten_the_chain(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct bytes first = {0}, second = {0}, other = {0};
    struct node_exchange_news news;
    uint8_t head[HASH_BYTES], unused[HASH_BYTES];
    hospital_link(h, 1, h->c->terms_hash, 0.5, &first, head);
    hospital_link(h, 2, head, 0.75, &second, unused);
    hospital_link(h, 1, h->c->terms_hash, 0.25, &other, unused);
    struct view links[] = {codec_view(&first), codec_view(&second)};
    struct reply reply = nothing_new();
    reply.links = (struct views){links, 2};
    assert_ok(converse(h, study, &reply, &news));
    assert_int_equal(news.links, 2);
    reply.links.count = 1; /* as if only round 1 had been published */
    assert_ok(converse(h, study, &reply, &news));
    assert_int_equal(news.links, 0);
    assert_int_equal(study->chain.length, 2);
    links[0] = codec_view(&other); /* another round 1: proof of two tongues */
    assert_refused(ERR_VERIFY, reason_sentence(REASON_EQUIVOCATION),
                   converse(h, study, &reply, NULL));
    assert_non_null(strstr(err_hint_text(), "distrusted"));
    assert_int_equal(study->state, STUDY_DISTRUSTED);
    assert_int_equal(study->chain.length, 2);
    node_study_destroy(&study);
    hospital_restart(h);
    study = hospital_opened(h);
    assert_int_equal(study->state, STUDY_DISTRUSTED);
    assert_int_equal(study->chain.length, 2);
    node_study_destroy(&study);
    bytes_free(&first);
    bytes_free(&second);
    bytes_free(&other);
}

static void exchange__offers_are_stored_and_counted_once(void **state)
{
    struct hospital *h = *state;
    const struct view terms[] = {codec_view(&h->c->terms_bytes)};
    struct node_exchange_news news;
    struct reply reply = nothing_new();
    reply.terms = (struct views){terms, 1};
    assert_ok(converse(h, NULL, &reply, &news));
    assert_int_equal(news.studies, 1);
    assert_int_equal(news.retry_after_ms, 1000);
    assert_string_equal(news.waiting, "nothing");
    assert_ok(converse(h, NULL, &reply, &news));
    assert_int_equal(news.studies, 0);
}

/* --- a store of before
 * --------------------------------------------------------------------- */

/* Rows of the tables as they were come over as they are. */
static void exchange__earlier_stores_keep_their_attempts_and_links(void **state)
{
    const struct hospital *h = *state;
    static const char before[] =
        "CREATE TABLE attempts (study BLOB NOT NULL, round INTEGER NOT NULL,"
        " attempt INTEGER NOT NULL, plan BLOB NOT NULL, entered INTEGER NOT NULL,"
        " message BLOB, survivors BLOB, summed BLOB, PRIMARY KEY (study, round, "
        "attempt));"
        "INSERT INTO attempts VALUES (x'01', 2, 3, x'04', 5, x'06', x'07', x'08'),"
        " (x'01', 2, 4, x'05', 6, NULL, NULL, NULL);"
        "CREATE TABLE links (study BLOB NOT NULL, round INTEGER NOT NULL,"
        " link BLOB NOT NULL, hash BLOB NOT NULL, prior BLOB NOT NULL,"
        " PRIMARY KEY (study, round));"
        "INSERT INTO links VALUES (x'01', 1, x'02', x'03', x'04');";
    const char *const steps[] = {before, NODE_EXCHANGE_SCHEMA};
    const struct store_schema then = {"earlier", steps, 1}, now = {"earlier", steps, 2};
    const uint8_t key[STORE_KEY_BYTES] = {1};
    char *path = scratch_path(h->directory, "earlier.db");
    struct store *store;
    struct query *query;
    bool row;
    assert_ok(store_create(path, key, &then, &store));
    store_destroy(&store);
    assert_ok(store_open(path, key, &now, &store));
    assert_ok(store_query(
        store,
        "SELECT group_concat(quote(study) || round || attempt || quote(plan) || entered"
        " || quote(survivors) || quote(summed), ' ') FROM attempts",
        &query));
    assert_ok(query_step(query, &row));
    assert_string_equal(query_get_text(query, 0),
                        "X'01'23X'04'5X'07'X'08' X'01'24X'05'6NULLNULL");
    query_reset(query);
    assert_ok(store_query(
        store, "SELECT quote(study) || round || quote(link) || quote(hash) FROM links",
        &query));
    assert_ok(query_step(query, &row));
    assert_string_equal(query_get_text(query, 0), "X'01'1X'02'X'03'");
    query_reset(query);
    assert_refused(ERR_STORAGE, "prior",
                   store_query(store, "SELECT prior FROM links", &query));
    store_destroy(&store);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(exchange__a_poll_says_what_the_node_holds),
        IN_HOSPITAL(exchange__answers_are_opened_in_order),
        IN_HOSPITAL(exchange__a_refusal_says_why_and_changes_nothing),
        IN_HOSPITAL(exchange__a_ledger_that_was_longer_stops_everything),
        IN_HOSPITAL(exchange__rosters_only_go_forward),
        IN_HOSPITAL(exchange__what_comes_with_a_refused_part_is_not_taken),
        IN_HOSPITAL(exchange__links_without_a_question_are_refused),
        IN_HOSPITAL(exchange__a_reply_cannot_shorten_the_chain),
        IN_HOSPITAL(exchange__offers_are_stored_and_counted_once),
        IN_HOSPITAL(exchange__earlier_stores_keep_their_attempts_and_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
