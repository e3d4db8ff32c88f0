#include "coordinator/serve.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "coordinator/exchange.h"
#include "wire/link.h"

/* How long a wait for frames lasts at most before deadlines are looked at. */
#define WAIT_MS 500
/* With until_finished: how long hospitals have to fetch the last prior. */
#define FAREWELL_MS 10000

static void allow_members(struct coordinator *c, struct link_server *link)
{
    struct bytes curves = {0};
    roster_curves(c->roster, clock_wall(&clock_machine), &curves);
    link_server_allow(link, &curves);
    bytes_free(&curves);
}

static void log_outcome(const struct coord_exchange_outcome *outcome)
{
    char *member = log_quote(outcome->member);
    if (outcome->reason != REASON_NONE)
        log_event(LOG_LEVEL_WARNING, "refused", "member=%s kind=%u reason=%s", member,
                  outcome->kind, reason_name(outcome->reason));
    else if (outcome->stored)
        log_event(LOG_LEVEL_INFO, "contribution", "member=%s", member);
    mem_free(member);
}

/* Only the store's errors come back. */
static enum err receive_one(struct coordinator *c, struct link_server *link)
{
    struct link_peer peer;
    struct bytes frame = {0}, answer = {0};
    struct coord_exchange_outcome outcome;
    enum err result =
        link_server_receive(link, WAIT_MS, cli_interrupt_fd(), &peer, &frame);
    if (result == ERR_GONE || result == ERR_INTERRUPTED) {
        bytes_free(&frame);
        return ERR_OK;
    }
    if (result == ERR_OK)
        result = coord_exchange_answer(c, &clock_machine, peer.curve, &frame, &answer,
                                       &outcome);
    if (result == ERR_OK) {
        log_outcome(&outcome);
        if (answer.size)
            link_server_send(link, &peer, &answer);
    }
    bytes_free(&frame);
    bytes_free(&answer);
    return result;
}

static enum err advance_studies(struct coordinator *c, size_t *open)
{
    uint8_t(*numbers)[STUDY_BYTES] = NULL;
    size_t count = 0;
    *open = 0;
    enum err result = archive_list(c->store, &numbers, &count);
    for (size_t i = 0; result == ERR_OK && i < count; i++) {
        const struct coord_study *study;
        enum rounds_outcome outcome;
        char told[256];
        if ((result = coord_studies_open(c, numbers[i], &study)) != ERR_OK)
            break;
        result = rounds_advance(c, &clock_machine, study, &outcome, told);
        if (result == ERR_OK && outcome != ROUNDS_NOTHING) {
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

enum err coord_serve_run(struct coordinator *c, struct cli *cli, bool until_finished)
{
    struct link_server *link;
    struct bytes curves = {0};
    const char *listen = conf_text(c->conf, "listen");
    if (!c->roster) {
        err_set(ERR_STATE, "there is no roster yet, so nobody may connect");
        return err_hint("see `gemel-coordinator help roster`");
    }
    roster_curves(c->roster, clock_wall(&clock_machine), &curves);
    enum err result = link_server_new(*listen ? listen : conf_text(c->conf, "endpoint"),
                                      c->identity, &curves, &link);
    bytes_free(&curves);
    if (result != ERR_OK)
        return result;
    log_event(LOG_LEVEL_INFO, "serve.start", "pid=%d endpoint=%s", (int)getpid(),
              link_server_endpoint(link));
    cli_say(cli, "serving %s at %s", c->name, link_server_endpoint(link));
    uint64_t finished_at = 0, members_at = 0;
    size_t open = 1;
    while (result == ERR_OK && !cli_interrupted()) {
        uint64_t now = clock_steady_ms(&clock_machine);
        if (now - members_at > 60000 ||
            members_at == 0) { /* validity ends by the clock */
            allow_members(c, link);
            members_at = now;
        }
        result = advance_studies(c, &open);
        if (result == ERR_OK)
            result = receive_one(c, link);
        if (open)
            finished_at = 0;
        else if (!finished_at)
            finished_at = now;
        if (until_finished && !open && now - finished_at > FAREWELL_MS)
            break;
    }
    log_event(LOG_LEVEL_INFO, "serve.end", "interrupted=%d", cli_interrupted());
    link_server_destroy(&link);
    return result;
}
