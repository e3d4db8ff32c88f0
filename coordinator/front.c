#include "coordinator/front.h"

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

struct front {
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
static void become(const struct front *front, int relay, int said)
{
    char *const arguments[] = {(char *)"gemel-front", NULL}, *const nothing[] = {NULL};
    int null = open("/dev/null", O_RDWR);
    if (dup2(null, STDIN_FILENO) < 0 || dup2(said, STDOUT_FILENO) < 0 ||
        dup2(said, STDERR_FILENO) < 0 || dup2(relay, RELAY_DESCRIPTOR) < 0 ||
        fcntl(RELAY_DESCRIPTOR, F_SETFD, 0) != 0 ||
        close_range(RELAY_DESCRIPTOR + 1, ~0U, 0) != 0)
        _exit(127);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
#ifndef __SANITIZE_ADDRESS__
    limit(RLIMIT_DATA, front->memory_max);
#endif
    signal(SIGINT, SIG_IGN); /* the terminal's are for the engine */
    signal(SIGTERM, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execve(front->program, arguments, nothing);
    _exit(127);
}

static enum err spawn(struct front *front)
{
    int ends[2], says[2];
    if (access(front->program, X_OK) != 0)
        return err_set(ERR_NOT_FOUND, "%s: %s", front->program, strerror(errno));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set(ERR_STORAGE, "a pair of sockets: %s", strerror(errno));
    if (pipe2(says, O_CLOEXEC | O_NONBLOCK) != 0) {
        close(ends[0]);
        close(ends[1]);
        return err_set(ERR_STORAGE, "a pipe: %s", strerror(errno));
    }
    front->pid = fork();
    if (front->pid == 0)
        become(front, ends[1], says[1]);
    close(ends[1]);
    close(says[1]);
    if (front->pid < 0) {
        front->pid = 0;
        close(ends[0]);
        close(says[0]);
        return err_set(ERR_STORAGE, "the front cannot be started: %s", strerror(errno));
    }
    front->relay = relay_new(ends[0]);
    front->said = says[0];
    return ERR_OK;
}

/* The same port again, if it was any. */
static enum err launch(struct front *front)
{
    const char *endpoint = front->bound ? front->bound : front->endpoint;
    const struct relay_note start = {
        .kind = RELAY_START,
        .text = {(const uint8_t *)endpoint, strlen(endpoint)},
        .secret = {identity_curve_secret(front->identity), KEY_BYTES},
        .curves = codec_view(&front->curves),
    };
    front->life++;
    front->ready = front->gone = false;
    front->dropped = 0;
    front->began_ms = front->heard_ms = now_ms();
    if (spawn(front) != ERR_OK)
        return err_code();
    relay_put(front->relay, &start);
    enum err result = relay_flush(front->relay, ANSWER_MS);
    if (result == ERR_OK)
        relay_wipe(front->relay);
    return result;
}

/* --- ending one
 * --------------------------------------------------------------------------------- */

/* What it has said to nobody: the library's last words, or a loader's; caller frees. */
static char *last_words(struct front *front)
{
    char text[SAID_MAX + 1];
    ssize_t size = front->said >= 0 ? read(front->said, text, SAID_MAX) : 0;
    if (front->said >= 0)
        close(front->said);
    front->said = -1;
    text[size > 0 ? size : 0] = '\0';
    for (char *at = text + strlen(text); at > text && at[-1] == '\n';)
        *--at = '\0';
    return log_quote(text);
}

static bool reap(struct front *front, unsigned patience_ms, int *status)
{
    const uint64_t until = now_ms() + patience_ms;
    pid_t got;
    while ((got = waitpid(front->pid, status, WNOHANG)) == 0 && now_ms() < until)
        poll(NULL, 0, 5);
    return got != 0;
}

/* Whatever is left of it, after `patience_ms` for its own end. */
static void bury(struct front *front, unsigned patience_ms, int *status)
{
    *status = 0;
    relay_destroy(&front->relay);
    front->ready = false;
    if (front->pid == 0)
        return;
    if (!reap(front, patience_ms, status)) {
        kill(front->pid, SIGKILL);
        while (waitpid(front->pid, status, 0) < 0 && errno == EINTR)
            ;
    }
    front->pid = 0;
}

/* It is gone, or has to go for the reason in err_text; the next one comes after a pause.
 */
static void lose(struct front *front)
{
    int status;
    pid_t pid = front->pid;
    uint64_t lived = now_ms() - front->began_ms;
    char *why = log_quote(err_text());
    bury(front, CLOSING_MS, &status);
    char *words = last_words(front);
    front->pauses = lived >= SHORT_LIFE_MS       ? 0
                    : front->pauses < PAUSES_MAX ? front->pauses + 1
                                                 : PAUSES_MAX;
    unsigned pause = front->pauses > 1 ? (unsigned)PAUSE_MS << (front->pauses - 1) : 0;
    front->again_ms = now_ms() + pause;
    log_event(LOG_LEVEL_WARNING, "front.end",
              "pid=%d why=%s signal=%d lived_ms=%llu ended=%llu pause_ms=%u said=%s",
              (int)pid, why, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
              (unsigned long long)lived, (unsigned long long)front->life, pause, words);
    mem_free(why);
    mem_free(words);
}

/* --- what it says
 * ------------------------------------------------------------------------------- */

static enum err take_ready(struct front *front, const struct relay_note *note)
{
    char *bound = mem_text_n((const char *)note->text.data, note->text.size);
    bool sound = !front->ready && endpoint_check(bound, true) == ERR_OK;
    if (sound && !front->bound)
        front->bound = mem_text(bound);
    mem_free(bound);
    if (!sound)
        return err_set(ERR_FORMAT, "it is ready twice, or nowhere");
    front->ready = true;
    log_event(note->number ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "front.start",
              "pid=%d took_ms=%llu confined=%d", (int)front->pid,
              (unsigned long long)(now_ms() - front->began_ms), note->number == 1);
    return ERR_OK;
}

/* Its own refusal, as far as a front may speak: its sentence, under a code that exists.
 */
static enum err take_failure(struct front *front, const struct relay_note *note)
{
    enum err code = note->number > ERR_OK && note->number <= ERR_INTERRUPTED
                        ? (enum err)note->number
                        : ERR_STATE;
    front->gone = true;
    return err_set(code, "%.*s", (int)note->text.size, (const char *)note->text.data);
}

/* A line a second at most, whatever it says. */
static void note_dropped(struct front *front, uint64_t dropped)
{
    if (dropped <= front->dropped || front->heard_ms - front->told_ms < 1000)
        return;
    front->told_ms = front->heard_ms;
    log_event(LOG_LEVEL_WARNING, "front.dropped", "messages=%llu",
              (unsigned long long)(dropped - front->dropped));
    front->dropped = dropped;
}

/* Take in what is there, until a question. ERR_GONE: none; anything else: it has to go.
 */
static enum err hear(struct front *front, struct front_peer *peer, struct bytes *frame)
{
    struct relay_note note;
    enum err result = ERR_OK;
    for (int i = 0; i < NOTES_MAX; i++) {
        if ((result = relay_take(front->relay, &note)) != ERR_OK)
            break;
        front->heard_ms = now_ms();
        if (note.kind == RELAY_QUESTION && front->ready) {
            *peer = (struct front_peer){note.peer, front->life};
            frame->size = 0;
            bytes_append(frame, note.frame.data, note.frame.size);
            return ERR_OK;
        }
        if (note.kind == RELAY_READY)
            result = take_ready(front, &note);
        else if (note.kind == RELAY_FAILED)
            result = take_failure(front, &note);
        else if (note.kind == RELAY_ALIVE)
            note_dropped(front, note.number);
        else
            result = err_set(ERR_FORMAT, "a note of kind %u is not a front's", note.kind);
        if (result != ERR_OK)
            return result == ERR_GONE ? ERR_STATE : result;
    }
    if (result == ERR_OK)
        return ERR_GONE;
    uint64_t now = now_ms();
    if (result == ERR_GONE &&
        now - front->heard_ms > (front->ready ? SILENCE_MS : START_MS))
        return err_set(ERR_STATE, "it has said nothing for %llu ms",
                       (unsigned long long)(now - front->heard_ms));
    return result;
}

/* --- to its owner
 * ------------------------------------------------------------------------------- */

/* Until a question, a deadline or a wake; the first start ends with readiness as well. */
static enum err turn(struct front *front, uint64_t until, int wake_fd,
                     struct front_peer *peer, struct bytes *frame)
{
    uint64_t now = now_ms(), next = until;
    if (!front->relay && now >= front->again_ms && launch(front) != ERR_OK)
        lose(front);
    if (front->relay) {
        enum err result = hear(front, peer, frame);
        if (result == ERR_OK)
            return ERR_OK;
        if (result != ERR_GONE)
            lose(front);
    }
    if (!front->relay && front->again_ms < next)
        next = front->again_ms;
    if (now + LOOK_MS < next)
        next = now + LOOK_MS;
    struct pollfd items[] = {
        {.fd = wake_fd, .events = POLLIN},
        {.fd = front->relay ? relay_descriptor(front->relay) : -1, .events = POLLIN}};
    now = now_ms();
    poll(items, 2, next > now ? (int)(next - now) : 0);
    if (items[0].revents)
        return err_set(ERR_INTERRUPTED, "waiting for a node was interrupted");
    return err_set(ERR_GONE, "no node said anything");
}

enum err front_receive(struct front *front, unsigned timeout_ms, int wake_fd,
                       struct front_peer *peer, struct bytes *frame)
{
    const uint64_t until = now_ms() + timeout_ms;
    enum err result;
    do
        result = turn(front, until, wake_fd, peer, frame);
    while (result == ERR_GONE && now_ms() < until);
    return result;
}

enum err front_send(struct front *front, const struct front_peer *peer,
                    const struct bytes *frame)
{
    const struct relay_note note = {
        .kind = RELAY_ANSWER, .peer = peer->network, .frame = codec_view(frame)};
    if (frame->size < 1 || frame->size > WIRE_FRAME_MAX)
        return err_set(ERR_RANGE, "an answer of %zu bytes", frame->size);
    if (!front->ready || peer->life != front->life)
        return ERR_OK;
    relay_put(front->relay, &note);
    if (relay_flush(front->relay, ANSWER_MS) != ERR_OK)
        lose(front);
    return ERR_OK;
}

void front_allow(struct front *front, const struct bytes *curves)
{
    const struct relay_note note = {.kind = RELAY_ALLOW, .curves = codec_view(curves)};
    if (curves != &front->curves) {
        front->curves.size = 0;
        bytes_append(&front->curves, curves->data, curves->size);
    }
    if (!front->relay)
        return; /* the next one begins with them */
    relay_put(front->relay, &note);
    if (relay_flush(front->relay, ANSWER_MS) != ERR_OK)
        lose(front);
}

/* The first one has to come up; those after it are waited for in front_receive. */
static enum err come_up(struct front *front)
{
    struct front_peer peer;
    struct bytes frame = {0};
    const uint64_t until = now_ms() + START_MS;
    enum err result = launch(front);
    while (result == ERR_OK && !front->ready) {
        struct pollfd item = {.fd = relay_descriptor(front->relay), .events = POLLIN};
        poll(&item, 1, 100);
        result = hear(front, &peer, &frame);
        if (result == ERR_GONE && now_ms() < until)
            result = ERR_OK;
    }
    bytes_free(&frame);
    if (result == ERR_OK || result == ERR_NOT_FOUND || front->gone)
        return result == ERR_OK ? ERR_OK : err_code();
    char *words = last_words(front);
    err_set(ERR_GONE, "%s did not come up: %s", front->program, words);
    mem_free(words);
    return ERR_GONE;
}

enum err front_new(const struct front_start *start, struct front **front)
{
    struct front *fresh = mem_new(1, sizeof *fresh);
    fresh->program = mem_text(start->program);
    fresh->endpoint = mem_text(start->endpoint);
    fresh->identity = start->identity;
    fresh->memory_max = start->memory_max;
    fresh->said = -1;
    bytes_append(&fresh->curves, start->curves->data, start->curves->size);
    enum err result = come_up(fresh);
    if (result == ERR_OK)
        *front = fresh;
    else
        front_destroy(&fresh);
    return result;
}

void front_destroy(struct front **front)
{
    struct front *gone = *front;
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
    *front = NULL;
}

const char *front_endpoint(const struct front *front)
{
    return front->bound;
}

pid_t front_process(const struct front *front)
{
    return front->pid;
}

uint64_t front_restarts(const struct front *front)
{
    return front->life - 1;
}
