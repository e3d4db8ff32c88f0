#include "coordinator/serve.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "coordinator/exchange.h"
#include "coordinator/porter.h"
#include "coordinator/refusals.h"

/* How long a wait for frames lasts at most before deadlines are looked at. */
#define WAIT_MS 500
/* How long a question waits for its phase to end before it is told to wait, and how many
 * frames one transaction takes. */
#define HOLD_MS 2000
#define BATCH_MAX 64
/* With until_finished: how long hospitals have to fetch the last prior. */
#define FAREWELL_MS 10000

/* A question that could only be told to wait. */
struct question {
    struct porter_peer peer;
    struct bytes frame;
    uint64_t since_ms;
};

struct service {
    struct coordinator *c;
    struct porter *porter;
    struct question *held;
    size_t count, capacity;
    struct refusals *refused;
};

static void allow_members(struct coordinator *c, struct porter *porter)
{
    struct bytes curves = {0};
    roster_curves(c->roster, clock_wall(&clock_machine), &curves);
    porter_allow(porter, &curves);
    bytes_free(&curves);
}

static void log_outcome(const struct service *s,
                        const struct coord_exchange_outcome *outcome)
{
    char *member = log_quote(outcome->member), *accused = log_quote(outcome->accused);
    uint64_t times = outcome->reason != REASON_NONE
                         ? refusals_count(s->refused, outcome->member, outcome->reason)
                         : 0;
    if (times > 0)
        log_event(LOG_LEVEL_WARNING, "refused", "member=%s kind=%u reason=%s times=%llu",
                  member, outcome->kind, reason_name(outcome->reason),
                  (unsigned long long)times);
    else if (outcome->gave_up != REASON_NONE)
        log_event(LOG_LEVEL_WARNING, "attempt.left", "member=%s reason=%s accused=%s",
                  member, reason_name(outcome->gave_up), accused);
    else if (outcome->stored)
        log_event(LOG_LEVEL_DEBUG, "message", "member=%s kind=%u", member, outcome->kind);
    mem_free(member);
    mem_free(accused);
}

/* --- questions and answers
 * --------------------------------------------------------------------- */

static void hold(struct service *s, const struct porter_peer *peer, struct bytes *frame)
{
    size_t place = s->count++;
    MEM_GROW(s->held, s->count, &s->capacity);
    s->held[place] = (struct question){*peer, *frame, clock_steady_ms(&clock_machine)};
    *frame = (struct bytes){0};
}

static void release(struct service *s, size_t place)
{
    bytes_free(&s->held[place].frame);
    s->held[place] = s->held[--s->count];
}

/* Whoever asked again, on whichever connection, is answered there and no longer here. */
static void forget_peer(struct service *s, const struct porter_peer *peer)
{
    for (size_t i = 0; i < s->count;)
        if (memcmp(s->held[i].peer.network.curve, peer->network.curve, KEY_BYTES) == 0)
            release(s, i);
        else
            i++;
}

/* Ask the held questions again: all after something has `changed`, and those that have
 * waited long enough are told to. */
static enum err answer_held(struct service *s, bool changed)
{
    uint64_t now = clock_steady_ms(&clock_machine);
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < s->count;) {
        struct question *held = &s->held[i];
        bool due = now - held->since_ms >= HOLD_MS;
        struct bytes answer = {0};
        struct coord_exchange_outcome outcome = {.waiting = true};
        if (changed || due)
            result = coord_exchange_answer(s->c, &clock_machine, held->peer.network.curve,
                                           &held->frame, &answer, &outcome);
        if (result == ERR_OK && (due || !outcome.waiting)) {
            if (answer.size)
                porter_send(s->porter, &held->peer, &answer);
            release(s, i);
        } else {
            i++;
        }
        bytes_free(&answer);
    }
    return result;
}

/* Answers of one transaction: sent once it is durable. */
struct batch {
    size_t count;
    struct porter_peer peers[BATCH_MAX];
    struct bytes answers[BATCH_MAX];
};

static enum err take_frame(struct service *s, struct batch *batch,
                           const struct porter_peer *peer, struct bytes *frame)
{
    struct coord_exchange_outcome outcome;
    struct bytes answer = {0};
    enum err result = coord_exchange_answer(s->c, &clock_machine, peer->network.curve,
                                            frame, &answer, &outcome);
    if (result != ERR_OK) {
        bytes_free(&answer);
        return result;
    }
    log_outcome(s, &outcome);
    forget_peer(s, peer);
    if (outcome.waiting) {
        hold(s, peer, frame);
        bytes_free(&answer);
    } else if (answer.size) {
        batch->peers[batch->count] = *peer;
        batch->answers[batch->count++] = answer;
    }
    return ERR_OK;
}

/* Everything that is there, in one transaction, or nothing: what comes back is the
 * store's error, after which memory and store may differ, and the process must end. */
static enum err receive_batch(struct service *s)
{
    struct batch batch = {0};
    struct porter_peer peer;
    struct bytes frame = {0};
    size_t taken = 0;
    enum err heard =
        porter_receive(s->porter, WAIT_MS, cli_interrupt_fd(), &peer, &frame);
    enum err result = heard == ERR_OK ? store_begin(s->c->store) : ERR_OK;
    while (result == ERR_OK && heard == ERR_OK) {
        result = take_frame(s, &batch, &peer, &frame);
        if (++taken == BATCH_MAX)
            break;
        heard = porter_receive(s->porter, 0, cli_interrupt_fd(), &peer, &frame);
    }
    if (taken > 0 && result == ERR_OK)
        result = store_commit(s->c->store);
    else if (taken > 0)
        store_rollback(s->c->store);
    for (size_t i = 0; i < batch.count; i++) {
        if (result == ERR_OK)
            porter_send(s->porter, &batch.peers[i], &batch.answers[i]);
        bytes_free(&batch.answers[i]);
    }
    bytes_free(&frame);
    return result != ERR_OK || heard == ERR_GONE || heard == ERR_INTERRUPTED ? result
                                                                             : heard;
}

/* --- the loop
 * ---------------------------------------------------------------------------------- */

static enum err advance_studies(struct coordinator *c, size_t *open, bool *changed)
{
    uint8_t(*numbers)[STUDY_BYTES] = NULL;
    size_t count = 0;
    *open = 0;
    *changed = false;
    enum err result = archive_list(c->store, &numbers, &count);
    for (size_t i = 0; result == ERR_OK && i < count; i++) {
        const struct coord_study *study;
        enum rounds_outcome outcome;
        char told[256];
        if ((result = coord_studies_open(c, numbers[i], &study)) != ERR_OK)
            break;
        result = rounds_advance(c, &clock_machine, study, &outcome, told);
        if (result == ERR_OK && outcome != ROUNDS_NOTHING) {
            *changed = true;
            char *quoted = log_quote(told), *name = log_quote(study->terms.name);
            log_event(LOG_LEVEL_INFO, "study", "name=%s did=%s", name, quoted);
            mem_free(quoted);
            mem_free(name);
        }
        *open += study->open;
    }
    mem_free(numbers);
    return result;
}

static enum err open_porter(const struct coordinator *c, struct porter **porter)
{
    const char *listen = conf_text(c->conf, "listen");
    struct bytes curves = {0};
    char *folder;
    if (!c->roster) {
        err_set(ERR_STATE, "there is no roster yet, so nobody may connect");
        return err_hint("see `gemel-coordinator help roster`");
    }
    if (file_program_folder(&folder) != ERR_OK)
        return err_code();
    roster_curves(c->roster, clock_wall(&clock_machine), &curves);
    char *program = file_join(folder, "gemel-porter");
    const struct porter_start start = {
        .program = program,
        .endpoint = *listen ? listen : conf_text(c->conf, "endpoint"),
        .identity = c->identity,
        .curves = &curves,
        .memory_max = (size_t)conf_integer(c->conf, "porter_memory_mb") << 20,
    };
    enum err result = porter_new(&start, porter);
    bytes_free(&curves);
    mem_free(program);
    mem_free(folder);
    return result;
}

enum err coord_serve_run(struct coordinator *c, struct cli *cli, bool until_finished)
{
    struct service s = {.c = c};
    enum err result = open_porter(c, &s.porter);
    if (result != ERR_OK)
        return result;
    s.refused = refusals_new();
    log_event(LOG_LEVEL_INFO, "serve.start", "pid=%d endpoint=%s", (int)getpid(),
              porter_endpoint(s.porter));
    cli_say(cli, "serving %s at %s", c->name, porter_endpoint(s.porter));
    const struct audit_entry start = {.kind = AUDIT_START}, stop = {.kind = AUDIT_STOP};
    result = audit_write_alone(c->store, &start, "the daemon starts");
    uint64_t finished_at = 0, members_at = 0;
    size_t open = 1;
    while (result == ERR_OK && !cli_interrupted()) {
        uint64_t now = clock_steady_ms(&clock_machine);
        if (now - members_at > 60000 ||
            members_at == 0) { /* validity ends by the clock */
            allow_members(c, s.porter);
            members_at = now;
        }
        bool changed;
        result = advance_studies(c, &open, &changed);
        if (result == ERR_OK)
            result = answer_held(&s, changed);
        if (result == ERR_OK)
            result = receive_batch(&s);
        if (open)
            finished_at = 0;
        else if (!finished_at)
            finished_at = now;
        if (until_finished && !open && now - finished_at > FAREWELL_MS)
            break;
    }
    log_event(LOG_LEVEL_INFO, "serve.end", "interrupted=%d porters=%llu",
              cli_interrupted(), (unsigned long long)porter_restarts(s.porter) + 1);
    if (result == ERR_OK)
        result = audit_write_alone(c->store, &stop, "the daemon stops");
    while (s.count)
        release(&s, 0);
    mem_free(s.held);
    refusals_destroy(&s.refused);
    porter_destroy(&s.porter);
    return result;
}
