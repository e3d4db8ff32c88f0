#include "coordinator/porter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "wire/endpoint.h"
#include "wire/relay.h"

#define START_MS 30000 /* to come up, self-test included */
#define SILENCE_MS 10000
#define ANSWER_MS 2000 /* to take one */
#define FAREWELL_MS 2000
#define SHORT_LIFE_MS 10000
#define PAUSE_MS 100 /* before one that lived shortly is replaced, doubled each time */
#define PAUSES_MAX 4
#define SAID_MAX 400   /* of what it said on its standard error */
#define CLOSING_MS 200 /* from its socket's end to its own */
#define LOOK_MS 1000   /* between two looks at the clock */
#define NOTES_MAX 64   /* taken in without looking at the clock */

struct porter {
    char *program, *endpoint, *bound; /* bound NULL: never yet */
    const struct identity *identity;
    struct bytes curves;
    size_t memory_max;

    pid_t pid;           /* 0: none */
    struct relay *relay; /* NULL: none */
    int said;            /* what it writes on its standard error */
    bool ready, gone;    /* gone: it has failed and said so */
    uint64_t life;       /* number of the process, from 1 */
    uint64_t began_ms, heard_ms, again_ms;
    unsigned pauses;
    uint64_t dropped, told_ms; /* messages, of those logged, and when */
};

static uint64_t now_ms(void)
{
    return clock_steady_ms(&clock_machine);
}

/* --- starting one
 * ------------------------------------------------------------------------------- */

static void limit(__rlimit_resource_t resource, rlim_t value)
{
    const struct rlimit both = {value, value};
    setrlimit(resource, &both);
}

/* In the child: only calls that are safe after a fork. The limit of memory counts what
 * AddressSanitizer reserves, which is everything. */
static void become(const struct porter *porter, int relay, int said)
{
    char *const arguments[] = {(char *)"gemel-porter", NULL}, *const nothing[] = {NULL};
    int null = open("/dev/null", O_RDWR);
    if (dup2(null, STDIN_FILENO) < 0 || dup2(said, STDOUT_FILENO) < 0 ||
        dup2(said, STDERR_FILENO) < 0 || dup2(relay, RELAY_DESCRIPTOR) < 0 ||
        fcntl(RELAY_DESCRIPTOR, F_SETFD, 0) != 0 ||
        close_range(RELAY_DESCRIPTOR + 1, ~0U, 0) != 0)
        _exit(127);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
#ifndef __SANITIZE_ADDRESS__
    limit(RLIMIT_DATA, porter->memory_max);
#endif
    signal(SIGINT, SIG_IGN); /* the terminal's are for the engine */
    signal(SIGTERM, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execve(porter->program, arguments, nothing);
    _exit(127);
}

static enum err spawn(struct porter *porter)
{
    int ends[2], says[2];
    if (access(porter->program, X_OK) != 0)
        return err_set(ERR_NOT_FOUND, "%s: %s", porter->program, strerror(errno));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set(ERR_STORAGE, "a pair of sockets: %s", strerror(errno));
    if (pipe2(says, O_CLOEXEC | O_NONBLOCK) != 0) {
        close(ends[0]);
        close(ends[1]);
        return err_set(ERR_STORAGE, "a pipe: %s", strerror(errno));
    }
    porter->pid = fork();
    if (porter->pid == 0)
        become(porter, ends[1], says[1]);
    close(ends[1]);
    close(says[1]);
    if (porter->pid < 0) {
        porter->pid = 0;
        close(ends[0]);
        close(says[0]);
        return err_set(ERR_STORAGE, "the porter cannot be started: %s", strerror(errno));
    }
    porter->relay = relay_new(ends[0]);
    porter->said = says[0];
    return ERR_OK;
}

/* The same port again, if it was any. */
static enum err launch(struct porter *porter)
{
    const char *endpoint = porter->bound ? porter->bound : porter->endpoint;
    const struct relay_note start = {
        .kind = RELAY_START,
        .text = {(const uint8_t *)endpoint, strlen(endpoint)},
        .secret = {identity_curve_secret(porter->identity), KEY_BYTES},
        .curves = codec_view(&porter->curves),
    };
    porter->life++;
    porter->ready = porter->gone = false;
    porter->dropped = 0;
    porter->began_ms = porter->heard_ms = now_ms();
    if (spawn(porter) != ERR_OK)
        return err_code();
    relay_put(porter->relay, &start);
    enum err result = relay_flush(porter->relay, ANSWER_MS);
    if (result == ERR_OK)
        relay_wipe(porter->relay);
    return result;
}

/* --- ending one
 * --------------------------------------------------------------------------------- */

/* What it has said to nobody: the library's last words, or a loader's; caller frees. */
static char *last_words(struct porter *porter)
{
    char text[SAID_MAX + 1];
    ssize_t size = porter->said >= 0 ? read(porter->said, text, SAID_MAX) : 0;
    if (porter->said >= 0)
        close(porter->said);
    porter->said = -1;
    text[size > 0 ? size : 0] = '\0';
    for (char *at = text + strlen(text); at > text && at[-1] == '\n';)
        *--at = '\0';
    return log_quote(text);
}

static bool reap(struct porter *porter, unsigned patience_ms, int *status)
{
    const uint64_t until = now_ms() + patience_ms;
    pid_t got;
    while ((got = waitpid(porter->pid, status, WNOHANG)) == 0 && now_ms() < until)
        poll(NULL, 0, 5);
    return got != 0;
}

/* Whatever is left of it, after `patience_ms` for its own end. */
static void bury(struct porter *porter, unsigned patience_ms, int *status)
{
    *status = 0;
    relay_destroy(&porter->relay);
    porter->ready = false;
    if (porter->pid == 0)
        return;
    if (!reap(porter, patience_ms, status)) {
        kill(porter->pid, SIGKILL);
        while (waitpid(porter->pid, status, 0) < 0 && errno == EINTR)
            ;
    }
    porter->pid = 0;
}

/* It is gone, or has to go for the reason in err_text; the next one comes after a pause.
 */
static void lose(struct porter *porter)
{
    int status;
    pid_t pid = porter->pid;
    uint64_t lived = now_ms() - porter->began_ms;
    char *why = log_quote(err_text());
    bury(porter, CLOSING_MS, &status);
    char *words = last_words(porter);
    porter->pauses = lived >= SHORT_LIFE_MS        ? 0
                     : porter->pauses < PAUSES_MAX ? porter->pauses + 1
                                                   : PAUSES_MAX;
    unsigned pause = porter->pauses > 1 ? (unsigned)PAUSE_MS << (porter->pauses - 1) : 0;
    porter->again_ms = now_ms() + pause;
    log_event(LOG_LEVEL_WARNING, "porter.end",
              "pid=%d why=%s signal=%d lived_ms=%llu ended=%llu pause_ms=%u said=%s",
              (int)pid, why, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
              (unsigned long long)lived, (unsigned long long)porter->life, pause, words);
    mem_free(why);
    mem_free(words);
}

/* --- what it says
 * ------------------------------------------------------------------------------- */

static enum err take_ready(struct porter *porter, const struct relay_note *note)
{
    char *bound = mem_text_n((const char *)note->text.data, note->text.size);
    bool sound = !porter->ready && endpoint_check(bound, true) == ERR_OK;
    if (sound && !porter->bound)
        porter->bound = mem_text(bound);
    mem_free(bound);
    if (!sound)
        return err_set(ERR_FORMAT, "it is ready twice, or nowhere");
    porter->ready = true;
    log_event(note->number ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "porter.start",
              "pid=%d took_ms=%llu confined=%d", (int)porter->pid,
              (unsigned long long)(now_ms() - porter->began_ms), note->number == 1);
    return ERR_OK;
}

/* Its own refusal, as far as a porter may speak: its sentence, under a code that exists.
 */
static enum err take_failure(struct porter *porter, const struct relay_note *note)
{
    enum err code = note->number > ERR_OK && note->number <= ERR_INTERRUPTED
                        ? (enum err)note->number
                        : ERR_STATE;
    porter->gone = true;
    return err_set(code, "%.*s", (int)note->text.size, (const char *)note->text.data);
}

/* A line a second at most, whatever it says. */
static void note_dropped(struct porter *porter, uint64_t dropped)
{
    if (dropped <= porter->dropped || porter->heard_ms - porter->told_ms < 1000)
        return;
    porter->told_ms = porter->heard_ms;
    log_event(LOG_LEVEL_WARNING, "porter.dropped", "messages=%llu",
              (unsigned long long)(dropped - porter->dropped));
    porter->dropped = dropped;
}

/* Take in what is there, until a question. ERR_GONE: none; anything else: it has to go.
 */
static enum err hear(struct porter *porter, struct porter_peer *peer, struct bytes *frame)
{
    struct relay_note note;
    enum err result = ERR_OK;
    for (int i = 0; i < NOTES_MAX; i++) {
        if ((result = relay_take(porter->relay, &note)) != ERR_OK)
            break;
        porter->heard_ms = now_ms();
        if (note.kind == RELAY_QUESTION && porter->ready) {
            *peer = (struct porter_peer){note.peer, porter->life};
            frame->size = 0;
            bytes_append(frame, note.frame.data, note.frame.size);
            return ERR_OK;
        }
        if (note.kind == RELAY_READY)
            result = take_ready(porter, &note);
        else if (note.kind == RELAY_FAILED)
            result = take_failure(porter, &note);
        else if (note.kind == RELAY_ALIVE)
            note_dropped(porter, note.number);
        else
            result =
                err_set(ERR_FORMAT, "a note of kind %u is not a porter's", note.kind);
        if (result != ERR_OK)
            return result == ERR_GONE ? ERR_STATE : result;
    }
    if (result == ERR_OK)
        return ERR_GONE;
    uint64_t now = now_ms();
    if (result == ERR_GONE &&
        now - porter->heard_ms > (porter->ready ? SILENCE_MS : START_MS))
        return err_set(ERR_STATE, "it has said nothing for %llu ms",
                       (unsigned long long)(now - porter->heard_ms));
    return result;
}

/* --- to its owner
 * ------------------------------------------------------------------------------- */

/* Until a question, a deadline or a wake; the first start ends with readiness as well. */
static enum err turn(struct porter *porter, uint64_t until, int wake_fd,
                     struct porter_peer *peer, struct bytes *frame)
{
    uint64_t now = now_ms(), next = until;
    if (!porter->relay && now >= porter->again_ms && launch(porter) != ERR_OK)
        lose(porter);
    if (porter->relay) {
        enum err result = hear(porter, peer, frame);
        if (result == ERR_OK)
            return ERR_OK;
        if (result != ERR_GONE)
            lose(porter);
    }
    if (!porter->relay && porter->again_ms < next)
        next = porter->again_ms;
    if (now + LOOK_MS < next)
        next = now + LOOK_MS;
    struct pollfd items[] = {
        {.fd = wake_fd, .events = POLLIN},
        {.fd = porter->relay ? relay_descriptor(porter->relay) : -1, .events = POLLIN}};
    now = now_ms();
    poll(items, 2, next > now ? (int)(next - now) : 0);
    if (items[0].revents)
        return err_set(ERR_INTERRUPTED, "waiting for a node was interrupted");
    return err_set(ERR_GONE, "no node said anything");
}

enum err porter_receive(struct porter *porter, unsigned timeout_ms, int wake_fd,
                        struct porter_peer *peer, struct bytes *frame)
{
    const uint64_t until = now_ms() + timeout_ms;
    enum err result;
    do
        result = turn(porter, until, wake_fd, peer, frame);
    while (result == ERR_GONE && now_ms() < until);
    return result;
}

enum err porter_send(struct porter *porter, const struct porter_peer *peer,
                     const struct bytes *frame)
{
    const struct relay_note note = {
        .kind = RELAY_ANSWER, .peer = peer->network, .frame = codec_view(frame)};
    if (frame->size < 1 || frame->size > WIRE_FRAME_MAX)
        return err_set(ERR_RANGE, "an answer of %zu bytes", frame->size);
    if (!porter->ready || peer->life != porter->life)
        return ERR_OK;
    relay_put(porter->relay, &note);
    if (relay_flush(porter->relay, ANSWER_MS) != ERR_OK)
        lose(porter);
    return ERR_OK;
}

void porter_allow(struct porter *porter, const struct bytes *curves)
{
    const struct relay_note note = {.kind = RELAY_ALLOW, .curves = codec_view(curves)};
    if (curves != &porter->curves) {
        porter->curves.size = 0;
        bytes_append(&porter->curves, curves->data, curves->size);
    }
    if (!porter->relay)
        return; /* the next one begins with them */
    relay_put(porter->relay, &note);
    if (relay_flush(porter->relay, ANSWER_MS) != ERR_OK)
        lose(porter);
}

/* The first one has to come up; those after it are waited for in porter_receive. */
static enum err come_up(struct porter *porter)
{
    struct porter_peer peer;
    struct bytes frame = {0};
    const uint64_t until = now_ms() + START_MS;
    enum err result = launch(porter);
    while (result == ERR_OK && !porter->ready) {
        struct pollfd item = {.fd = relay_descriptor(porter->relay), .events = POLLIN};
        poll(&item, 1, 100);
        result = hear(porter, &peer, &frame);
        if (result == ERR_GONE && now_ms() < until)
            result = ERR_OK;
    }
    bytes_free(&frame);
    if (result == ERR_OK || result == ERR_NOT_FOUND || porter->gone)
        return result == ERR_OK ? ERR_OK : err_code();
    char *words = last_words(porter);
    err_set(ERR_GONE, "%s did not come up: %s", porter->program, words);
    mem_free(words);
    return ERR_GONE;
}

enum err porter_new(const struct porter_start *start, struct porter **porter)
{
    struct porter *fresh = mem_new(1, sizeof *fresh);
    fresh->program = mem_text(start->program);
    fresh->endpoint = mem_text(start->endpoint);
    fresh->identity = start->identity;
    fresh->memory_max = start->memory_max;
    fresh->said = -1;
    bytes_append(&fresh->curves, start->curves->data, start->curves->size);
    enum err result = come_up(fresh);
    if (result == ERR_OK)
        *porter = fresh;
    else
        porter_destroy(&fresh);
    return result;
}

void porter_destroy(struct porter **porter)
{
    struct porter *gone = *porter;
    int status;
    if (!gone)
        return;
    bury(gone, FAREWELL_MS, &status);
    if (gone->said >= 0)
        close(gone->said);
    bytes_free(&gone->curves);
    mem_free(gone->program);
    mem_free(gone->endpoint);
    mem_free(gone->bound);
    mem_free(gone);
    *porter = NULL;
}

const char *porter_endpoint(const struct porter *porter)
{
    return porter->bound;
}

pid_t porter_process(const struct porter *porter)
{
    return porter->pid;
}

uint64_t porter_restarts(const struct porter *porter)
{
    return porter->life - 1;
}
