#include "node/serve.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "node/control.h"
#include "node/heads.h"
#include "node/newest.h"
#include "node/pace.h"
#include "node/part.h"

#define PAUSE_AFTER_LOSS_MS 1000
#define CLOCK_OFF_S 120 /* from the coordinator's, before people are told */

/* An attempt this hospital is in, one a study at most. */
struct running {
    uint8_t study[STUDY_BYTES];
    struct part *part; /* NULL: the place is free */
    char *name;        /* of the study */
    bool left;         /* its masked sum, once */
};

struct service {
    struct node *node;
    struct cli *cli;
    struct transport_client *client;
    char *endpoint;  /* of the client */
    bool invited;    /* it is the invitation's */
    int64_t ahead_s; /* this machine's clock, beside the coordinator's */
    struct control *control;
    bool lost;         /* the coordinator did not answer last time */
    char refusal[256]; /* said last: the same is not said every turn */
    bool progressed;   /* something was stored or sent in this turn */
    unsigned pause_ms;
    size_t unfinished; /* approved studies that still have rounds to come */
    struct running *running;
    size_t places, capacity;
};

char *node_serve_status_path(const char *folder)
{
    return file_join(folder, "status.json");
}

/* An alarm of each line, with these words around it; the lines are used up. */
static void add_alarms(struct json *alarms, struct bytes *lines, const char *before,
                       const char *after)
{
    bytes_u8(lines, '\0');
    for (char *line = (char *)lines->data, *end; (end = strchr(line, '\n'));
         line = end + 1) {
        char *sentence = mem_format("%s%.*s%s", before, (int)(end - line), line, after);
        json_add(alarms, json_new_text(sentence));
        mem_free(sentence);
    }
    lines->size = 0;
}

struct json *node_serve_alarms(struct node *node)
{
    struct json *alarms = json_new_array();
    struct bytes lines = {0};
    if (node_studies_distrusted(node, &lines) != ERR_OK)
        log_error(LOG_LEVEL_WARNING, "status.alarms");
    add_alarms(
        alarms, &lines, "the study ",
        " is distrusted: its coordinator contradicted itself; tell the consortium");
    if (node_heads_ledger(node) == ERR_VERIFY)
        json_add(alarms, json_new_text(err_text()));
    if (node_pace_alarms(node, &lines) != ERR_OK)
        log_error(LOG_LEVEL_WARNING, "status.alarms");
    add_alarms(alarms, &lines, "", "");
    bytes_free(&lines);
    return alarms;
}

/* Deadlines and the roster's dates are read by this machine's clock: one that is off is
 * refused for reasons that do not name it. NULL when it is not; caller frees. */
static char *clock_sentence(const struct service *s)
{
    int64_t off = s->ahead_s < 0 ? -s->ahead_s : s->ahead_s;
    if (off <= CLOCK_OFF_S)
        return NULL;
    return mem_format(
        "this machine's clock is %lld s %s the coordinator's: deadlines and "
        "the roster's dates are read by it",
        (long long)off, s->ahead_s > 0 ? "ahead of" : "behind");
}

/* Said when it begins, and when it is over. */
static void note_clock(struct service *s, int64_t ahead_s)
{
    char *before = clock_sentence(s);
    s->ahead_s = ahead_s;
    char *now = clock_sentence(s);
    if (!before != !now) {
        char *quoted = log_quote(now ? now : "the clock agrees with the coordinator's");
        log_event(LOG_LEVEL_WARNING, "clock", "ahead_s=%lld text=%s", (long long)ahead_s,
                  quoted);
        mem_free(quoted);
    }
    mem_free(before);
    mem_free(now);
}

static void write_status(struct service *s, const char *study, const char *waiting)
{
    struct json *json = json_new_object(), *daemon = json_new_object();
    char now[CLOCK_TEXT_SIZE];
    clock_text(clock_wall(&clock_machine), now);
    json_set_integer(daemon, "pid", getpid());
    json_set_text(daemon, "time", now);
    json_set_boolean(daemon, "coordinator_reachable", !s->lost);
    json_set_text(daemon, "study", study);
    json_set_text(daemon, "waiting", waiting);
    struct json *alarms = node_serve_alarms(s->node);
    char *clock = clock_sentence(s);
    if (clock)
        json_add(alarms, json_new_text(clock));
    json_set(json, "daemon", daemon);
    json_set(json, "alarms", alarms);
    mem_free(clock);
    char *text = json_format(json),
         *path = node_serve_status_path(home_folder(s->node->home));
    if (file_write(path, text, strlen(text), 0600) != ERR_OK)
        log_error(LOG_LEVEL_WARNING, "status.write");
    mem_free(path);
    mem_free(text);
    json_destroy(&json);
}

/* Where the coordinator is: by the roster, or by the invitation taken last, which is how
 * a hospital hears of a move that it slept through. */
static const char *endpoint_of(const struct node *node, bool invited)
{
    const struct node_consortium *c = &node->consortium;
    return c->roster && !invited ? roster_fields(c->roster)->endpoint : c->endpoint;
}

static enum err connect_out(struct node *node, bool invited,
                            struct transport_client **client)
{
    const struct node_consortium *c = &node->consortium;
    if (!c->known) {
        err_set(ERR_STATE, "this node belongs to no consortium yet");
        return err_hint("take an invitation: gemel-node enrol FILE");
    }
    return transport_client_new(endpoint_of(node, invited), c->coordinator_curve,
                                node->identity, client);
}

/* Whoever is lost at one address is looked for at the other one; a new roster may have
 * another as well. */
static enum err follow(struct service *s)
{
    struct transport_client *client;
    const char *endpoint = endpoint_of(s->node, s->invited);
    if (strcmp(endpoint, s->endpoint) == 0)
        return ERR_OK;
    if (connect_out(s->node, s->invited, &client) != ERR_OK)
        return err_code();
    transport_client_destroy(&s->client);
    s->client = client;
    mem_free(s->endpoint);
    s->endpoint = mem_text(endpoint);
    log_event(LOG_LEVEL_INFO, "coordinator.address", "endpoint=%s", endpoint);
    return ERR_OK;
}

static unsigned deadline_ms(const struct node *node)
{
    return (unsigned)conf_integer(node->conf, "answer_seconds") * 1000;
}

static enum err ask(struct node *node, struct transport_client *client,
                    const struct bytes *frame, struct bytes *answer)
{
    return transport_client_ask(client, frame, deadline_ms(node), cli_interrupt_fd(),
                                answer);
}

/* One question and its answer; `study` NULL: rosters and offers. */
static enum err converse(struct node *node, struct transport_client *client,
                         struct node_study *study, struct node_exchange_news *news)
{
    struct node_exchange exchange;
    struct bytes frame = {0}, answer = {0};
    enum err result = node_exchange_ask(node, &exchange, study, &frame);
    if (result == ERR_OK)
        result = ask(node, client, &frame, &answer);
    if (result == ERR_OK)
        result =
            node_exchange_take(node, &clock_machine, &exchange, study, &answer, news);
    bytes_free(&frame);
    bytes_free(&answer);
    return result;
}

enum err node_serve_fetch(struct node *node, size_t *studies)
{
    struct transport_client *client;
    struct node_exchange_news news = {0};
    if (connect_out(node, false, &client) != ERR_OK)
        return err_code();
    enum err result = converse(node, client, NULL, &news);
    if (result == ERR_GONE &&
        strcmp(endpoint_of(node, true), endpoint_of(node, false)) != 0) {
        transport_client_destroy(&client);
        result = connect_out(node, true, &client);
        if (result == ERR_OK)
            result = converse(node, client, NULL, &news);
    }
    if (result == ERR_GONE)
        err_hint("is the coordinator running, and is this hospital in its roster?");
    if (result == ERR_OK)
        *studies = news.studies;
    node_exchange_news_clear(&news);
    transport_client_destroy(&client);
    return result;
}

/* --- a study's turn
 * -------------------------------------------------------------------------- */

static void fitted(void *context, size_t done, size_t total)
{
    cli_progress(context, "fitting twins", done, total);
}

static bool interrupted(void *context)
{
    (void)context;
    return cli_interrupted();
}

static struct running *running_of(struct service *s, const uint8_t study[STUDY_BYTES])
{
    for (size_t i = 0; i < s->places; i++)
        if (s->running[i].part && memcmp(s->running[i].study, study, STUDY_BYTES) == 0)
            return &s->running[i];
    return NULL;
}

static void keep_running(struct service *s, const struct node_study *study,
                         struct part *part)
{
    size_t place = 0;
    while (place < s->places && s->running[place].part)
        place++;
    if (place == s->places) {
        s->places++;
        MEM_GROW(s->running, s->places, &s->capacity);
    }
    s->running[place] =
        (struct running){.part = part, .name = mem_text(study->terms.name)};
    memcpy(s->running[place].study, study->terms.study, STUDY_BYTES);
}

/* Said once: a coordinator that does not hear it waits a little longer. */
static void tell(struct service *s, const struct bytes *frame)
{
    struct bytes answer = {0};
    if (ask(s->node, s->client, frame, &answer) != ERR_OK)
        log_error(LOG_LEVEL_WARNING, "attempt.untold");
    bytes_free(&answer);
}

/* A plan that is not entered, and why, which stays the error. */
static enum err decline(struct service *s, const struct node_study *study,
                        const struct part_refusal *refusal)
{
    enum err result = err_code();
    char *why = mem_text(err_text()), *hint = mem_text(err_hint_text());
    struct node_exchange exchange;
    struct bytes frame = {0};
    if (part_decline(s->node, study->terms.study, refusal, &exchange, &frame) == ERR_OK)
        tell(s, &frame);
    bytes_free(&frame);
    err_set(result, "%s", why);
    if (*hint)
        err_hint("%s", hint);
    mem_free(why);
    mem_free(hint);
    return result;
}

static enum err enter_plan(struct service *s, const struct node_study *study,
                           const struct bytes *plan)
{
    const struct crowd_progress progress = {fitted, interrupted, s->cli};
    struct part *part;
    struct part_refusal refusal;
    if (part_new(s->node, &clock_machine, study->terms.study, codec_view(plan), &progress,
                 &part, &refusal) != ERR_OK)
        return decline(s, study, &refusal);
    keep_running(s, study, part);
    char *name = log_quote(study->terms.name);
    const struct plan *entered = attempt_plan(part_attempt(part));
    log_event(LOG_LEVEL_INFO, "attempt.enter", "study=%s round=%llu attempt=%u", name,
              (unsigned long long)entered->round, entered->attempt);
    mem_free(name);
    s->progressed = true;
    return ERR_OK;
}

/* The end of a part, in whichever phase; what the coordinator did wrong is said. What
 * went wrong here stays the error. */
static void leave(struct service *s, struct running *running, enum phase phase,
                  enum err result)
{
    const struct attempt *attempt = part_attempt(running->part);
    char *why = mem_text(err_text());
    struct node_exchange exchange;
    struct bytes frame = {0};
    if (attempt_succeeded(attempt))
        log_event(LOG_LEVEL_INFO, "attempt.done", "round=%llu",
                  (unsigned long long)attempt_plan(attempt)->round);
    else
        log_event(LOG_LEVEL_WARNING, "attempt.lost", "round=%llu phase=%s reason=%s",
                  (unsigned long long)attempt_plan(attempt)->round, phase_name(phase),
                  attempt_reason(attempt) != REASON_NONE
                      ? reason_name(attempt_reason(attempt))
                      : err_name(result));
    if (part_tell(running->part, &exchange, &frame) == ERR_OK)
        tell(s, &frame);
    bytes_free(&frame);
    part_destroy(&running->part);
    mem_free(running->name);
    if (result != ERR_OK)
        err_set(result, "%s", why);
    mem_free(why);
}

static bool ends(const struct service *s)
{
    return cli_interrupted() || control_stopped(s->control);
}

/* Whoever asks meanwhile is answered, and ends the pause: there may be more to do. */
static void pause_for(const struct service *s, unsigned ms)
{
    struct pollfd wake[] = {
        {.fd = cli_interrupt_fd(), .events = POLLIN},
        {.fd = control_descriptor(s->control), .events = POLLIN},
    };
    poll(wake, 2, (int)ms);
    control_attend(s->control);
}

/* To the slot within the 5 ms between two looks at the clock, whenever it was ready. */
static void wait_for_slot(const struct service *s)
{
    uint64_t slot = (uint64_t)conf_integer(s->node->conf, "slot_seconds");
    uint64_t now = clock_wall(&clock_machine), due = part_slot(now, slot);
    while (now < due && !ends(s)) {
        pause_for(s, due - now > 1 ? 500 : 5);
        now = clock_wall(&clock_machine);
    }
}

/* What became of a sum that was sent; what went wrong stays the error. */
static void note_answer(struct service *s, const struct running *running, enum err result)
{
    char *why = mem_text(err_text());
    bool taken =
        result == ERR_OK && attempt_phase(part_attempt(running->part)) != PHASE_MASK;
    if ((taken || result == ERR_STATE) &&
        node_pace_answered(s->node, running->name, !taken) != ERR_OK)
        log_error(LOG_LEVEL_WARNING, "pace");
    if (result != ERR_OK)
        err_set(result, "%s", why);
    mem_free(why);
}

/* One question of the attempt's phase and its answer. A coordinator that does not answer
 * leaves the part as it was: the same question is asked again. */
static enum err step(struct service *s, struct running *running)
{
    struct node_exchange exchange;
    struct part_wait wait = {0};
    struct bytes frame = {0}, answer = {0};
    enum phase before = attempt_phase(part_attempt(running->part));
    if (before == PHASE_MASK && !running->left) {
        wait_for_slot(s);
        running->left = true;
    }
    enum err result = part_ask(running->part, &exchange, &frame);
    if (result == ERR_OK)
        result = ask(s->node, s->client, &frame, &answer);
    if (result == ERR_OK)
        result = part_take(running->part, &exchange, &answer, &wait);
    bytes_free(&frame);
    bytes_free(&answer);
    if (before == PHASE_MASK)
        note_answer(s, running, result);
    if (attempt_phase(part_attempt(running->part)) == PHASE_END)
        leave(s, running, before, result);
    else if (attempt_phase(part_attempt(running->part)) == before &&
             wait.retry_after_ms < s->pause_ms)
        s->pause_ms = wait.retry_after_ms;
    s->progressed |=
        !running->part || attempt_phase(part_attempt(running->part)) != before;
    return result;
}

static enum err poll_study(struct service *s, struct node_study *study)
{
    struct node_exchange_news news = {0};
    enum err result = converse(s->node, s->client, study, &news);
    if (result == ERR_OK && news.links) {
        log_event(LOG_LEVEL_INFO, "prior.taken", "round=%llu",
                  (unsigned long long)study->chain.length);
        s->progressed = true;
    }
    if (result == ERR_OK && news.plan.size)
        result = enter_plan(s, study, &news.plan);
    if (result == ERR_OK && news.retry_after_ms < s->pause_ms)
        s->pause_ms = news.retry_after_ms;
    if (result == ERR_OK)
        write_status(s, study->terms.name, news.waiting);
    node_exchange_news_clear(&news);
    return result;
}

/* After the last prior there is no plan that would name it: one more question shows the
 * others what this hospital was given, and it what they were. */
static enum err show_last_head(struct service *s, struct node_study *study)
{
    struct node_exchange_news news = {0};
    enum err result = converse(s->node, s->client, study, &news);
    node_exchange_news_clear(&news);
    return result == ERR_GONE ? ERR_OK : result;
}

/* To ask about a study is to say that this hospital takes part: not when the policy that
 * permitted it has ended or changed. */
static enum err permit_study(struct service *s, const struct node_study *study)
{
    const struct audit_entry about = {.study = study->terms.study, .object = study->hash};
    return node_studies_permit(s->node, study, clock_wall(&clock_machine)) == REASON_NONE
               ? ERR_OK
               : node_refuse(s->node, &about);
}

static enum err study_turn(struct service *s, const uint8_t number[STUDY_BYTES])
{
    struct node_study *study;
    struct running *running = running_of(s, number);
    if (running) {
        s->unfinished++;
        return step(s, running);
    }
    if (node_studies_open(s->node, number, &study) != ERR_OK)
        return err_code();
    enum err result = ERR_OK;
    if (study->state == STUDY_DISTRUSTED)
        write_status(s, study->terms.name, "nothing: the study is distrusted");
    if (study->state == STUDY_APPROVED && study->chain.length < study->terms.rounds) {
        result = permit_study(s, study);
        if (result == ERR_OK) {
            result = poll_study(s, study);
            s->unfinished += study->chain.length < study->terms.rounds;
        }
        if (result == ERR_OK && study->chain.length == study->terms.rounds)
            result = show_last_head(s, study);
    }
    node_study_destroy(&study);
    return result;
}

/* --- the loop
 * -------------------------------------------------------------------------------- */

/* What went wrong with one question is said and survived; what is wrong with this node
 * ends the loop. */
static enum err survive(struct service *s, enum err result)
{
    if (result == ERR_GONE) {
        if (!s->lost)
            log_error(LOG_LEVEL_WARNING, "coordinator.lost");
        s->lost = true;
        s->invited = !s->invited;
        s->pause_ms = PAUSE_AFTER_LOSS_MS;
        return ERR_OK;
    }
    if (result == ERR_OK && s->lost)
        log_event(LOG_LEVEL_INFO, "coordinator.found", "again=1");
    s->lost = false;
    if (result == ERR_OK || result == ERR_INTERRUPTED)
        return ERR_OK;
    if (result == ERR_STORAGE || result == ERR_LOCKED || result == ERR_KEY)
        return result;
    if (result == ERR_VERIFY && newest_check(s->node) != ERR_OK)
        return err_code();
    if (strncmp(s->refusal, err_text(), sizeof s->refusal - 1) != 0) {
        snprintf(s->refusal, sizeof s->refusal, "%s", err_text());
        log_error(LOG_LEVEL_ERROR, "refused");
    }
    return ERR_OK;
}

static enum err turn(struct service *s)
{
    struct node_exchange_news news = {0};
    uint8_t(*numbers)[STUDY_BYTES] = NULL;
    size_t count = 0;
    s->progressed = false;
    s->unfinished = 0;
    s->pause_ms = (unsigned)conf_integer(s->node->conf, "poll_seconds") * 1000;
    enum err result = follow(s);
    if (result == ERR_OK) {
        result = converse(s->node, s->client, NULL, &news);
        if (result == ERR_OK)
            note_clock(s, news.ahead_s);
        result = survive(s, result);
    }
    if (news.studies)
        log_event(LOG_LEVEL_INFO, "study.offered", "count=%zu", news.studies);
    node_exchange_news_clear(&news);
    if (result == ERR_OK)
        result = archive_list(s->node->store, &numbers, &count);
    for (size_t i = 0; result == ERR_OK && !s->lost && !ends(s) && i < count; i++) {
        result = survive(s, study_turn(s, numbers[i]));
        control_attend(s->control);
    }
    mem_free(numbers);
    return result;
}

enum err node_serve_run(struct node *node, struct cli *cli, bool once)
{
    struct service s = {.node = node, .cli = cli};
    if (newest_check(node) != ERR_OK || connect_out(node, false, &s.client) != ERR_OK)
        return err_code();
    s.endpoint = mem_text(endpoint_of(node, false));
    if (control_new(node, cli, &s.control) != ERR_OK) {
        transport_client_destroy(&s.client);
        mem_free(s.endpoint);
        return err_code();
    }
    log_event(LOG_LEVEL_INFO, "serve.start", "pid=%d", (int)getpid());
    const struct audit_entry start = {.kind = AUDIT_START}, stop = {.kind = AUDIT_STOP};
    enum err result = audit_write_alone(node->store, &start, "the daemon starts");
    while (result == ERR_OK && !ends(&s)) {
        result = turn(&s);
        if (result == ERR_OK && once && !s.lost && s.unfinished == 0)
            break;
        if (result == ERR_OK && !s.progressed && !ends(&s))
            pause_for(&s, s.pause_ms);
    }
    log_event(LOG_LEVEL_INFO, "serve.end", "interrupted=%d", cli_interrupted());
    if (result == ERR_OK)
        result = audit_write_alone(node->store, &stop, "the daemon stops");
    char *path = node_serve_status_path(home_folder(node->home));
    unlink(path);
    mem_free(path);
    control_destroy(&s.control);
    transport_client_destroy(&s.client);
    mem_free(s.endpoint);
    for (size_t i = 0; i < s.places; i++) {
        if (s.running[i].part)
            mem_free(s.running[i].name);
        part_destroy(&s.running[i].part);
    }
    mem_free(s.running);
    return result;
}
