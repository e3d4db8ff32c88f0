#include "coordinator/exchange.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "coordinator/attempts.h"
#include "coordinator/heads.h"

/* --- the heads of the hospitals' ledgers
 * --------------------------------------------------- */

struct head {
    uint64_t length;
    uint8_t head[HASH_BYTES];
};

static enum err head_read(struct coordinator *c, const uint8_t member[KEY_BYTES],
                          struct head *head)
{
    struct query *query;
    bool row;
    *head = (struct head){0};
    if (store_query(c->store, "SELECT length, head FROM heads WHERE member = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, member, KEY_BYTES);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (row) {
        size_t size;
        head->length = (uint64_t)query_get_int(query, 0);
        memcpy(head->head, query_get_blob(query, 1, &size), HASH_BYTES);
        query_reset(query);
    }
    return ERR_OK;
}

/* Remember a longer ledger. A shorter one, or another of the same length, is not taken:
 * the answer repeats the one held, and the node finds out. */
static enum err head_note(struct coordinator *c, const uint8_t member[KEY_BYTES],
                          uint64_t length, const uint8_t head[HASH_BYTES], bool *behind)
{
    struct head held;
    struct query *query;
    if (head_read(c, member, &held) != ERR_OK)
        return err_code();
    *behind = length < held.length || (length == held.length && length > 0 &&
                                       memcmp(head, held.head, HASH_BYTES) != 0);
    if (*behind || length == held.length)
        return ERR_OK;
    if (store_query(c->store,
                    "REPLACE INTO heads (member, length, head) VALUES (?, ?, ?)",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, member, KEY_BYTES);
    query_int(query, 2, (int64_t)length);
    query_blob(query, 3, head, HASH_BYTES);
    return query_run(query);
}

/* --- answers
 * --------------------------------------------------------------------------------- */

static enum err refuse(const struct coordinator *c, const struct bytes *frame,
                       enum reason reason, struct bytes *answer,
                       struct coord_exchange_outcome *outcome)
{
    outcome->reason = reason;
    return envelope_refuse(c->identity, codec_view(frame), reason, "", answer);
}

/* --- polls without a study: what is new
 * ------------------------------------------------------- */

struct offers {
    struct bytes storage;
    struct view terms[WIRE_REPLY_TERMS_MAX];
    size_t count;
};

static bool knows(const struct poll *poll, const uint8_t hash[HASH_BYTES])
{
    return terms_include(&poll->terms_known, hash);
}

static enum err gather_offers(struct coordinator *c, const struct envelope *question,
                              const struct poll *poll, struct offers *offers)
{
    struct query *query;
    bool row;
    size_t total = 0;
    enum err result = store_query(
        c->store, "SELECT hash, terms FROM studies WHERE state = 'open' ORDER BY rowid",
        &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
        size_t hash_size, size;
        const uint8_t *hash = query_get_blob(query, 0, &hash_size);
        const void *data = query_get_blob(query, 1, &size);
        struct arena *arena = codec_arena(size);
        struct terms terms;
        uint8_t opened[HASH_BYTES];
        bool wanted = !knows(poll, hash) &&
                      terms_open((struct view){data, size}, c->key, arena, &terms,
                                 opened) == ERR_OK &&
                      terms_include(&terms.participants, question->sender);
        arena_destroy(&arena);
        if (!wanted)
            continue;
        total += size;
        if (offers->count == WIRE_REPLY_TERMS_MAX ||
            (offers->count && total > WIRE_FRAME_MAX / 2)) {
            query_reset(query);
            break;
        }
        bytes_append(&offers->storage, data, size);
        offers->terms[offers->count++].size = size;
    }
    const uint8_t *at = offers->storage.data;
    for (size_t i = 0; i < offers->count; at += offers->terms[i++].size)
        offers->terms[i].data = at;
    return result;
}

/* --- polls about a study: links and the plan
 * --------------------------------------------------- */

struct news {
    struct bytes link_storage, heads_storage, plan;
    struct view links[WIRE_REPLY_LINKS_MAX], heads[WIRE_REPLY_HEADS_MAX];
    size_t link_count, heads_count;
};

/* The plan, for a member that can still enter its attempt, did not before, and has not
 * said that it will not. */
static enum err gather_plan(struct coordinator *c, const struct clock *clock,
                            const struct coord_study *study,
                            const struct envelope *question, struct news *news)
{
    struct coord_attempt *attempt;
    enum err result = attempts_find(c, clock, study->terms.study, &attempt);
    if (result != ERR_OK)
        return result == ERR_NOT_FOUND ? ERR_OK : result;
    const struct plan *plan = collection_plan(attempt->collection);
    bool entered = question->round == plan->round && question->attempt == plan->attempt;
    /* Who is in an attempt asks by its messages: who entered it and polls has lost its
     * part. */
    if (entered)
        collection_leave(attempt->collection, question->sender, REASON_NONE);
    if (attempt->open && !collection_has_left(attempt->collection, question->sender) &&
        collection_phase(attempt->collection) == PHASE_ADVERTISE &&
        terms_include(&plan->participants, question->sender)) {
        struct view signed_plan = collection_signed_plan(attempt->collection);
        bytes_append(&news->plan, signed_plan.data, signed_plan.size);
    }
    return ERR_OK;
}

/* As many links as fit a frame; the plan only with the last of them, which it continues.
 */
static enum err gather_news(struct coordinator *c, const struct clock *clock,
                            const struct coord_study *study,
                            const struct envelope *question, const struct poll *poll,
                            struct news *news)
{
    enum err result = coord_studies_links(c, study->terms.study, poll->chain_length,
                                          WIRE_REPLY_LINKS_MAX, &news->link_storage,
                                          news->links, &news->link_count);
    size_t total = 0, fit = 0;
    while (fit < news->link_count &&
           (total += news->links[fit].size) <= WIRE_FRAME_MAX / 2)
        fit++;
    news->link_count = fit;
    if (result == ERR_OK)
        result = coord_heads_gather(c, study, question->sender, &news->heads_storage,
                                    news->heads, &news->heads_count);
    if (result == ERR_OK && poll->chain_length + fit == study->chain.length &&
        study->open)
        result = gather_plan(c, clock, study, question, news);
    return result;
}

/* Whether the member may ask about this study, with the chain it holds. */
static enum err open_asked(struct coordinator *c, const struct envelope *question,
                           const struct poll *poll, const struct coord_study **study,
                           enum reason *reason)
{
    uint8_t held[HASH_BYTES];
    enum err result = coord_studies_open(c, question->study, study);
    if (result == ERR_NOT_FOUND)
        *reason = REASON_UNKNOWN_STUDY;
    else if (result != ERR_OK)
        return result;
    else if (!terms_include(&(*study)->terms.participants, question->sender))
        *reason = REASON_NOT_PARTICIPANT;
    else if ((result = coord_studies_head_at(c, *study, poll->chain_length, held)) ==
                 ERR_NOT_FOUND ||
             (result == ERR_OK && memcmp(held, poll->chain_head, HASH_BYTES) != 0))
        *reason = REASON_WRONG_CHAIN;
    else if (result == ERR_OK) {
        const struct heads heads = heads_shown(poll, question->sender);
        if (heads_verify(&heads, question->study) != ERR_OK)
            *reason = REASON_BAD_SIGNATURE;
    }
    return *reason != REASON_NONE ? ERR_OK : result;
}

/* What a reply is made of, and where its views point. */
struct findings {
    const struct coord_study *study;
    struct offers offers;
    struct news news;
    struct head head; /* shown before now */
    bool behind;
    char waiting[256];
};

static void findings_clear(struct findings *findings)
{
    bytes_free(&findings->offers.storage);
    bytes_free(&findings->news.link_storage);
    bytes_free(&findings->news.heads_storage);
    bytes_free(&findings->news.plan);
}

static enum err find(struct coordinator *c, const struct clock *clock,
                     const struct envelope *question, const struct poll *poll,
                     struct findings *found, enum reason *reason)
{
    snprintf(found->waiting, sizeof found->waiting, "nothing");
    if (head_read(c, question->sender, &found->head) != ERR_OK ||
        head_note(c, question->sender, poll->ledger_length, poll->ledger_head,
                  &found->behind) != ERR_OK)
        return err_code();
    if (bytes_are_zero(question->study, STUDY_BYTES))
        return gather_offers(c, question, poll, &found->offers);
    enum err result = open_asked(c, question, poll, &found->study, reason);
    if (result != ERR_OK || *reason != REASON_NONE)
        return result;
    result = coord_heads_note(c, found->study, question->sender, poll);
    if (result == ERR_OK && !found->behind)
        result = gather_news(c, clock, found->study, question, poll, &found->news);
    if (result == ERR_OK)
        result = rounds_waiting(c, clock, found->study, found->waiting);
    return result;
}

static enum err reply_with(struct coordinator *c, const struct envelope *question,
                           const struct poll *poll, const struct findings *found,
                           uint64_t now, struct bytes *answer)
{
    struct bytes body = {0};
    struct reply reply = {
        .retry_after_ms = (uint32_t)conf_integer(c->conf, "retry_ms"),
        .waiting = found->waiting,
        .now = now,
        .ledger_length = found->head.length,
        .plan = codec_view(&found->news.plan),
        .terms = {found->offers.terms, found->offers.count},
        .links = {found->news.links, found->news.link_count},
        .heads = {found->news.heads, found->news.heads_count},
    };
    memcpy(reply.ledger_head, found->head.head, HASH_BYTES);
    if (poll->roster_version < roster_fields(c->roster)->version)
        reply.roster = roster_bytes(c->roster);
    enum err result = codec_encode_reply(&reply, &body);
    if (result == ERR_OK)
        result = envelope_answer(c->identity, question, MESSAGE_REPLY, &body, answer);
    bytes_free(&body);
    return result;
}

static enum err answer_poll(struct coordinator *c, const struct clock *clock,
                            const struct envelope *question, const struct bytes *frame,
                            struct arena *arena, struct bytes *answer,
                            struct coord_exchange_outcome *outcome)
{
    struct poll poll;
    struct findings found = {0};
    enum reason reason = REASON_NONE;
    if (codec_decode_poll(question->body, arena, &poll) != ERR_OK)
        return refuse(c, frame, REASON_MALFORMED, answer, outcome);
    enum err result = find(c, clock, question, &poll, &found, &reason);
    if (result == ERR_OK && reason != REASON_NONE)
        result = refuse(c, frame, reason, answer, outcome);
    else if (result == ERR_OK)
        result = reply_with(c, question, &poll, &found, clock_wall(clock), answer);
    if (found.behind)
        outcome->reason = REASON_LEDGER_BEHIND;
    findings_clear(&found);
    return result;
}

/* --- the phases of an attempt
 * ------------------------------------------------------------------- */

/* The attempt that a message of a phase is about. */
static enum err find_attempt(struct coordinator *c, const struct clock *clock,
                             const struct envelope *question,
                             struct coord_attempt **attempt, enum reason *reason)
{
    const struct coord_study *study;
    enum err result = coord_studies_open(c, question->study, &study);
    if (result == ERR_NOT_FOUND)
        *reason = REASON_UNKNOWN_STUDY;
    if (result != ERR_OK)
        return *reason != REASON_NONE ? ERR_OK : result;
    if (!terms_include(&study->terms.participants, question->sender)) {
        *reason = REASON_NOT_PARTICIPANT;
        return ERR_OK;
    }
    result = attempts_find(c, clock, question->study, attempt);
    if (result != ERR_OK && result != ERR_NOT_FOUND)
        return result;
    bool ended = result == ERR_OK && !(*attempt)->open; /* not everybody has heard it */
    if (result == ERR_NOT_FOUND && attempts_past(c, question->study, question->round,
                                                 question->attempt, reason) != ERR_OK)
        return err_code();
    if (*reason != REASON_NONE)
        return ERR_OK;
    if (!study->open && !ended)
        *reason = REASON_STUDY_CLOSED;
    else if (result == ERR_NOT_FOUND)
        *reason = REASON_WRONG_ROUND;
    else
        *reason = plan_concerns(collection_plan((*attempt)->collection), question);
    return ERR_OK;
}

/* An input shows the member's ledger after the charge for it. One that is behind another
 * shown since is no fault: several studies charge one ledger, and messages are asked
 * again; an older store that was put back shows in the next poll. */
static enum err note_ledger(struct coordinator *c, const struct envelope *question,
                            const struct collection *collection)
{
    struct input input;
    bool behind;
    if (question->kind != MESSAGE_INPUT)
        return ERR_OK;
    struct arena *arena = codec_arena(WIRE_SIGNED_SMALL_MAX);
    enum err result = collection_input(collection, question->sender, arena, &input);
    if (result == ERR_OK)
        result = head_note(c, question->sender, input.ledger_length, input.ledger_head,
                           &behind);
    arena_destroy(&arena);
    return result;
}

static enum err write_waiting(struct coordinator *c, const struct collection *collection,
                              struct bytes *body)
{
    char text[256];
    struct waiting waiting = {(uint32_t)conf_integer(c->conf, "retry_ms"), text};
    snprintf(text, sizeof text, "phase %s: %zu of %zu hospitals answered",
             phase_name(collection_phase(collection)), collection_received(collection),
             collection_expected(collection));
    return codec_encode_waiting(&waiting, body);
}

/* Countersigns the ledger that the member's input has shown, by the signature of the
 * answer.
 */
static enum err write_receipt(const struct envelope *question,
                              const struct collection *collection,
                              const struct bytes *frame, struct bytes *body)
{
    struct input input;
    uint8_t message[HASH_BYTES];
    struct arena *arena = codec_arena(WIRE_SIGNED_SMALL_MAX);
    enum err result = collection_input(collection, question->sender, arena, &input);
    if (result == ERR_OK)
        result = envelope_hash(codec_view(frame), message);
    if (result == ERR_OK)
        result = phase_receipt(&input, message, body);
    arena_destroy(&arena);
    return result;
}

/* The answer to a message that was taken. */
static enum err answer_taken(struct coordinator *c, const struct envelope *question,
                             struct collection *collection, const struct bytes *frame,
                             struct bytes *answer, struct coord_exchange_outcome *outcome)
{
    struct bytes body = {0};
    uint32_t kind;
    enum err result =
        collection_answer(collection, question->sender, question->kind, &kind, &body);
    if (result == ERR_STATE)
        return refuse(c, frame, REASON_ABANDONED, answer, outcome);
    outcome->waiting = kind == MESSAGE_WAIT;
    if (result == ERR_OK && kind == MESSAGE_WAIT)
        result = write_waiting(c, collection, &body);
    if (result == ERR_OK && kind == MESSAGE_RECEIPT)
        result = write_receipt(question, collection, frame, &body);
    if (result == ERR_OK)
        result = envelope_answer(c->identity, question, kind, &body, answer);
    bytes_free(&body);
    return result;
}

static enum err answer_phase(struct coordinator *c, const struct clock *clock,
                             const struct envelope *question, const struct bytes *frame,
                             struct bytes *answer, struct coord_exchange_outcome *outcome)
{
    struct coord_attempt *attempt;
    enum reason reason = REASON_NONE;
    enum err failure = ERR_OK;
    enum err result = find_attempt(c, clock, question, &attempt, &reason);
    if (result != ERR_OK)
        return result;
    if (reason == REASON_NONE)
        reason = collection_take(attempt->collection, question->sender, question->kind,
                                 question->body, &outcome->stored, &failure);
    if (failure != ERR_OK)
        return failure;
    if (reason != REASON_NONE)
        return refuse(c, frame, reason, answer, outcome);
    if (outcome->stored && note_ledger(c, question, attempt->collection) != ERR_OK)
        return err_code();
    return answer_taken(c, question, attempt->collection, frame, answer, outcome);
}

/* Whose share did not open, as a member says: a hint for people, since it may be the
 * member that lies. */
static bool accuses(const struct refusal *refusal, uint8_t accused[KEY_BYTES])
{
    return refusal->reason == REASON_BAD_PARCEL &&
           strlen(refusal->detail) == (size_t)2 * KEY_BYTES &&
           bytes_from_hex(refusal->detail, accused, KEY_BYTES) == ERR_OK;
}

/* A member has left its attempt, or does not enter it: it is not waited for, and people
 * hear why. */
static enum err answer_refusal(struct coordinator *c, const struct clock *clock,
                               const struct envelope *question, const struct bytes *frame,
                               struct arena *arena, struct bytes *answer,
                               struct coord_exchange_outcome *outcome)
{
    struct coord_attempt *attempt;
    struct refusal refusal;
    struct bytes body = {0};
    uint8_t accused[KEY_BYTES];
    enum reason reason = REASON_NONE;
    enum err result = find_attempt(c, clock, question, &attempt, &reason);
    if (result != ERR_OK)
        return result;
    if (reason == REASON_NONE &&
        !terms_include(&collection_plan(attempt->collection)->participants,
                       question->sender))
        reason = REASON_NOT_PARTICIPANT;
    if (reason == REASON_NONE &&
        (codec_decode_refusal(question->body, arena, &refusal) != ERR_OK ||
         reason_from_number(refusal.reason, &outcome->gave_up) != ERR_OK))
        reason = REASON_MALFORMED;
    if (reason != REASON_NONE)
        return refuse(c, frame, reason, answer, outcome);
    bool names = accuses(&refusal, accused);
    if (names)
        outcome->accused = coordinator_member_name(c, accused);
    collection_leave(attempt->collection, question->sender, outcome->gave_up);
    result = attempts_left(attempt, question->sender, outcome->gave_up,
                           names ? accused : NULL);
    if (result == ERR_OK)
        result = write_waiting(c, attempt->collection, &body);
    if (result == ERR_OK)
        result = envelope_answer(c->identity, question, MESSAGE_WAIT, &body, answer);
    bytes_free(&body);
    return result;
}

enum err coord_exchange_answer(struct coordinator *c, const struct clock *clock,
                               const uint8_t curve[KEY_BYTES], const struct bytes *frame,
                               struct bytes *answer,
                               struct coord_exchange_outcome *outcome)
{
    struct roster_gate gate = {c->roster, curve, clock_wall(clock)};
    struct envelope_rule rule = {
        .kinds = 1u << MESSAGE_POLL | 1u << MESSAGE_ADVERT | 1u << MESSAGE_SHARES |
                 1u << MESSAGE_INPUT | 1u << MESSAGE_CONFIRM | 1u << MESSAGE_UNMASK |
                 1u << MESSAGE_REFUSAL,
        .admit = roster_admits,
        .who = &gate,
    };
    struct envelope question;
    struct arena *arena = codec_arena(frame->size);
    memcpy(rule.consortium, c->consortium, HASH_BYTES);
    memcpy(rule.recipient, c->key, KEY_BYTES);
    *outcome = (struct coord_exchange_outcome){.member = "?", .accused = "?"};
    enum err result = ERR_OK;
    enum reason reason = envelope_open(&rule, codec_view(frame), arena, &question);
    if (reason != REASON_NONE) {
        if (refuse(c, frame, reason, answer, outcome) == ERR_FORMAT)
            answer->size = 0; /* no message: nobody to answer */
    } else {
        outcome->kind = question.kind;
        outcome->member = coordinator_member_name(c, question.sender);
        if (question.kind == MESSAGE_POLL)
            result = answer_poll(c, clock, &question, frame, arena, answer, outcome);
        else if (question.kind == MESSAGE_REFUSAL)
            result = answer_refusal(c, clock, &question, frame, arena, answer, outcome);
        else
            result = answer_phase(c, clock, &question, frame, answer, outcome);
    }
    arena_destroy(&arena);
    return result;
}
