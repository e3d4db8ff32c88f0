/* gemel-porter - the coordinator's porter: ROUTER, CURVE and the list of keys that may
 * connect, between the network and coordinator/porter, at the other end of descriptor 3.
 *
 * It links neither the store nor anything that signs, has no name for a file it could
 * open, and holds nothing that is not made anew when it is started again. Frames pass
 * unread. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "base/clock.h"
#include "base/memory.h"
#include "wire/relay.h"

#define START_MS 10000
#define ALIVE_MS 1000
#define QUEUED_MAX                                                                       \
    ((size_t)64 << 20) /* bytes of answers before it waits for them to leave */
#define DRAIN_MS 1000  /* without one byte leaving; then answers are dropped */

static uint64_t now_ms(void)
{
    return clock_steady_ms(&clock_machine);
}

/* --- confinement
 * -------------------------------------------------------------------------------- */

/* As struct landlock_ruleset_attr is in Linux 6.12; older headers have less of it. */
struct ruleset {
    uint64_t files, network, scoped;
};
#define SCOPED_ALL 3 /* abstract sockets and signals of processes outside */

/* Give up every file, and where the kernel can, signals to others: version 1 of Landlock
 * knows 13 ways to touch a file, later ones one or two more. The engine's store belongs
 * to the same user, so that without this it would be the porter's to read. */
static bool confine(void)
{
    static const unsigned ways[] = {0, 13, 14, 15, 15, 16};
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    struct ruleset rules = {.files = ((uint64_t)1 << ways[version < 5 ? version : 5]) - 1,
                            .scoped = version >= 6 ? SCOPED_ALL : 0};
    size_t size = version >= 6 ? sizeof rules : sizeof rules.files;
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (fd < 0)
        return false;
    bool confined = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    close(fd);
    int file = open("/", O_RDONLY | O_CLOEXEC); /* believe it when it is seen */
    if (file >= 0)
        close(file);
    return confined && file < 0 && errno == EACCES;
}

/* --- to the engine
 * ------------------------------------------------------------------------------ */

/* Until the relay can be read from, or written to where something is left to send. */
static void wait_for_relay(const struct relay *relay, int timeout_ms)
{
    struct pollfd item = {.fd = relay_descriptor(relay), .events = POLLIN};
    if (!relay_is_idle(relay))
        item.events |= POLLOUT;
    poll(&item, 1, timeout_ms);
}

/* A note to an engine that may not be reading: sent as far as it goes. */
static enum err tell(struct relay *relay, const struct relay_note *note)
{
    relay_put(relay, note);
    enum err result = relay_flush(relay, 0);
    return result == ERR_GONE ? ERR_OK : result;
}

static void tell_failure(struct relay *relay)
{
    const char *text = err_text();
    size_t size = strlen(text);
    const struct relay_note note = {
        .kind = RELAY_FAILED,
        .text = {(const uint8_t *)text, size < RELAY_TEXT_MAX ? size : RELAY_TEXT_MAX},
        .number = err_code()};
    relay_put(relay, &note);
    (void)relay_flush(relay, ALIVE_MS);
}

/* --- the loop
 * ----------------------------------------------------------------------------------- */

struct porter {
    struct relay *relay;
    struct transport_server *server;
    uint64_t told_ms;
    bool stuck; /* answers did not leave: dropped until some do */
};

/* Bound what peers that do not read can make it hold. A round's answers to everybody come
 * faster than they leave, so it waits for those that are read. */
static bool has_room(struct porter *porter)
{
    size_t least = transport_server_queued(porter->server);
    uint64_t until = now_ms() + (porter->stuck ? 0 : DRAIN_MS);
    while (least > QUEUED_MAX && now_ms() < until) {
        poll(NULL, 0, 2);
        size_t queued = transport_server_queued(porter->server);
        if (queued < least)
            until = now_ms() + DRAIN_MS;
        least = queued < least ? queued : least;
    }
    porter->stuck = least > QUEUED_MAX;
    return !porter->stuck;
}

/* All that the engine has said. ERR_STATE once it has closed. */
static enum err obey(struct porter *porter)
{
    struct relay_note note;
    enum err result;
    while ((result = relay_take(porter->relay, &note)) == ERR_OK) {
        struct bytes curves = {0};
        switch (note.kind) {
        case RELAY_ANSWER:
            if (has_room(porter))
                (void)transport_server_send(porter->server, &note.peer, note.frame);
            break;
        case RELAY_ALLOW:
            bytes_append(&curves, note.curves.data, note.curves.size);
            transport_server_allow(porter->server, &curves);
            bytes_free(&curves);
            break;
        default:
            return err_set(ERR_FORMAT, "a note of kind %u is not an engine's", note.kind);
        }
    }
    return result == ERR_GONE ? ERR_OK : result;
}

static enum err serve(struct porter *porter)
{
    struct bytes frame = {0};
    enum err result = ERR_OK;
    while (result == ERR_OK && (result = obey(porter)) == ERR_OK) {
        struct relay_note note = {.kind = RELAY_QUESTION};
        if (!relay_is_idle(porter->relay)) { /* the engine is busy: peers wait */
            wait_for_relay(porter->relay, ALIVE_MS);
            result = relay_flush(porter->relay, 0);
            result = result == ERR_GONE ? ERR_OK : result;
            continue;
        }
        if (now_ms() - porter->told_ms >= ALIVE_MS) {
            note = (struct relay_note){
                .kind = RELAY_ALIVE, .number = transport_server_dropped(porter->server)};
            porter->told_ms = now_ms();
            result = tell(porter->relay, &note);
            continue;
        }
        if (transport_server_receive(porter->server, ALIVE_MS,
                                     relay_descriptor(porter->relay), &note.peer,
                                     &frame) == ERR_OK) {
            note.frame = codec_view(&frame);
            result = tell(porter->relay, &note);
        }
    }
    bytes_free(&frame);
    return result;
}

/* --- the beginning
 * ------------------------------------------------------------------------------ */

static enum err open_server(struct porter *porter, const struct relay_note *start)
{
    struct bytes curves = {0};
    char *endpoint = mem_text_n((const char *)start->text.data, start->text.size);
    bytes_append(&curves, start->curves.data, start->curves.size);
    enum err result =
        transport_server_new(endpoint, start->secret.data, &curves, &porter->server);
    bytes_free(&curves);
    mem_free(endpoint);
    return result;
}

static enum err start(struct porter *porter, bool confined)
{
    struct relay_note note;
    const uint64_t until = now_ms() + START_MS;
    enum err result;
    while ((result = relay_take(porter->relay, &note)) == ERR_GONE && now_ms() < until)
        wait_for_relay(porter->relay, START_MS);
    if (result == ERR_OK && note.kind != RELAY_START)
        result = err_set(ERR_FORMAT, "the engine does not begin with a start");
    if (result == ERR_OK)
        result = open_server(porter, &note);
    relay_wipe(porter->relay);
    if (result != ERR_OK)
        return result;
    const char *endpoint = transport_server_endpoint(porter->server);
    note = (struct relay_note){.kind = RELAY_READY,
                               .text = {(const uint8_t *)endpoint, strlen(endpoint)},
                               .number = confined};
    return tell(porter->relay, &note);
}

int main(void)
{
    struct porter porter = {0};
    int type;
    socklen_t size = sizeof type;
    if (getsockopt(RELAY_DESCRIPTOR, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
        fputs("gemel-porter is a part of gemel-coordinator, which starts it\n", stderr);
        return 2;
    }
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    mem_keep_private();
    bool confined = confine();
    porter.relay = relay_new(RELAY_DESCRIPTOR);
    enum err result = start(&porter, confined);
    if (result != ERR_OK)
        tell_failure(porter.relay);
    else
        result = serve(&porter);
    transport_server_destroy(&porter.server);
    relay_destroy(&porter.relay);
    return result == ERR_STATE ? 0 : 1; /* the engine has closed: the end */
}
