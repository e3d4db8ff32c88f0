#include "sim/load.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "privacy/fixedpoint.h"
#include "privacy/identity.h"
#include "privacy/noise.h"
#include "privacy/random.h"
#include "sim/load_impl.h"

#define INTEGER_BITS 20 /* of a member's synthetic integers, and a sign */
#define PROCESSES_MAX 16

/* --- who takes part
 * ------------------------------------------------------------------------------ */

enum err load_choose(uint32_t nodes, const char *degree, uint32_t dropped,
                     struct load_plan *plan)
{
    struct quorum *quorum = &plan->quorum;
    if (quorum_choose(nodes, quorum_colluders(nodes), 0, quorum) != ERR_OK)
        return err_code();
    if (degree && strcmp(degree, "complete") == 0) {
        quorum->degree = nodes - 1;
        quorum->threshold =
            (nodes / 2 > quorum->colluders ? nodes / 2 : quorum->colluders) + 1;
    } else if (degree && strcmp(degree, "sparse") != 0) {
        return err_set(ERR_USAGE, "--degree %s: expected complete or sparse", degree);
    } else if (degree && quorum->degree == nodes - 1) {
        return err_set(ERR_RANGE, "no sparse graph is safe among %u nodes", nodes);
    }
    if (dropped > nodes - quorum->survivors)
        return err_set(ERR_RANGE, "%u of %u nodes cannot drop out; at most %u can",
                       dropped, nodes, nodes - quorum->survivors);
    plan->dropped = dropped;
    return quorum_check(quorum);
}

static struct random *stream(const struct load_cast *cast, const char *tag,
                             uint64_t number)
{
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    bytes_u64(&bytes, cast->plan.seed);
    bytes_u64(&bytes, number);
    bytes_hash(tag, bytes.data, bytes.size, hash);
    bytes_free(&bytes);
    return random_new_seeded(hash);
}

enum err load_identity(const struct load_cast *cast, uint64_t number,
                       struct identity **identity)
{
    uint8_t secret[IDENTITY_SECRET_BYTES];
    struct random *random = stream(cast, "gemel/load/identity", number);
    random_fill(random, secret, sizeof secret);
    random_destroy(&random);
    return identity_read(secret, identity);
}

void load_graph_seed(const struct load_cast *cast, size_t place, uint8_t seed[HASH_BYTES])
{
    struct random *random = stream(cast, "gemel/load/graph", cast->members[place].number);
    random_fill(random, seed, HASH_BYTES);
    random_destroy(&random);
}

/* Every so many members one, so that they lie all over the order of keys. */
bool load_drops(const struct load_cast *cast, size_t place)
{
    size_t dropped = cast->plan.dropped;
    size_t step = dropped ? cast->plan.quorum.members / dropped : 0;
    return dropped && place % step == step - 1 && place / step < dropped;
}

size_t load_place(const struct load_cast *cast, const uint8_t key[KEY_BYTES])
{
    size_t low = 0, high = cast->plan.quorum.members;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(key, cast->members[middle].key, KEY_BYTES);
        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return cast->plan.quorum.members;
}

enum err load_add(const struct load_cast *cast, size_t place, uint64_t *sum)
{
    size_t dimension = cast->plan.dimension;
    uint64_t number = cast->members[place].number;
    int64_t *values = mem_new(dimension, sizeof *values);
    struct random *random = stream(cast, "gemel/load/integers", number);
    for (size_t j = 0; j < dimension; j++)
        values[j] =
            (int64_t)random_bits(random, INTEGER_BITS + 1) - ((int64_t)1 << INTEGER_BITS);
    fixedpoint_add(sum, values, dimension);
    random_destroy(&random);
    random = stream(cast, "gemel/load/noise", number);
    enum err result = noise_fill(random, NOISE_LOG2, dimension, values);
    if (result == ERR_OK)
        fixedpoint_add(sum, values, dimension);
    random_destroy(&random);
    mem_free(values);
    return result;
}

static int member_order(const void *a, const void *b)
{
    const struct load_member *one = a, *other = b;
    return memcmp(one->key, other->key, KEY_BYTES);
}

static enum err public_keys(const struct load_cast *cast, uint64_t number,
                            uint8_t key[KEY_BYTES], uint8_t curve[KEY_BYTES])
{
    struct identity *identity;
    if (load_identity(cast, number, &identity) != ERR_OK)
        return err_code();
    identity_public(identity, key);
    identity_curve(identity, curve);
    identity_destroy(&identity);
    return ERR_OK;
}

static enum err choose_cast(struct load_cast *cast)
{
    uint32_t members = cast->plan.quorum.members;
    cast->members = mem_new(members, sizeof *cast->members);
    enum err result = public_keys(cast, LOAD_COORDINATOR, cast->coordinator_key,
                                  cast->coordinator_curve);
    for (uint32_t i = 0; result == ERR_OK && i < members; i++) {
        cast->members[i].number = i;
        result = public_keys(cast, i, cast->members[i].key, cast->members[i].curve);
    }
    qsort(cast->members, members, sizeof *cast->members, member_order);
    bytes_hash("gemel/load/consortium", NULL, 0, cast->consortium);
    memcpy(cast->study, cast->consortium, STUDY_BYTES);
    return result;
}

/* --- what processes say
 * --------------------------------------------------------------------------- */

double load_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double cpu_seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double load_cpu_seconds(void)
{
    return cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

double load_cpu_seconds_of(pid_t process)
{
    clockid_t clock;
    return clock_getcpuclockid(process, &clock) == 0 ? cpu_seconds(clock) : 0;
}

/* Smaller than PIPE_BUF, so whole. */
void load_tell(int pipe, const struct load_note *note)
{
    if (write(pipe, note, sizeof *note) != (ssize_t)sizeof *note)
        _exit(1); /* the parent is gone */
}

static void tell_failure(int pipe)
{
    struct load_note note = {.kind = LOAD_FAILED, .code = err_code()};
    snprintf(note.text, sizeof note.text, "%s", err_text());
    snprintf(note.hint, sizeof note.hint, "%s", err_hint_text());
    load_tell(pipe, &note);
}

/* --- the parent
 * -------------------------------------------------------------------------------------
 */

struct child {
    pid_t pid; /* 0: none */
    int pipe;
    bool done;
    struct load_note end;
};

struct trial {
    struct load_cast cast;
    const struct load_watch *watch;
    struct child center, nodes[PROCESSES_MAX];
    double phases[PHASE_END];
    uint8_t *survived; /* [members] */
    uint64_t *sum;     /* [dimension] */
};

/* In the child: it goes when its parent goes, and leaves the terminal's signals to it. */
static void become(const struct trial *trial, const char *endpoint, uint32_t process,
                   int pipe)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    log_setup(stderr, LOG_LEVEL_WARNING, &clock_machine);
    enum err result = endpoint ? load_nodes(&trial->cast, endpoint, process, pipe)
                               : load_center(&trial->cast, pipe);
    if (result != ERR_OK)
        tell_failure(pipe);
    _exit(result != ERR_OK);
}

/* The coordinator without an endpoint, nodes with one. */
static enum err start(struct trial *trial, struct child *child, const char *endpoint,
                      uint32_t process)
{
    int ends[2];
    if (pipe(ends) != 0)
        return err_set(ERR_STORAGE, "a pipe: %s", strerror(errno));
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[0]);
        become(trial, endpoint, process, ends[1]);
    }
    close(ends[1]);
    child->pipe = ends[0];
    if (child->pid > 0)
        return ERR_OK;
    child->pid = 0;
    close(ends[0]);
    return err_set(ERR_STORAGE, "a process cannot be started: %s", strerror(errno));
}

static void stop(struct child *child)
{
    if (child->pid == 0)
        return;
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(child->pipe);
    child->pid = 0;
}

static enum err read_whole(int pipe, void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t got = read(pipe, (uint8_t *)data + at, size - at);
        if (got == 0 || (got < 0 && errno != EINTR))
            return err_set(ERR_STATE, "a process of the trial ended before its time");
        at += got > 0 ? (size_t)got : 0;
    }
    return ERR_OK;
}

static void say_phase(struct trial *trial, const struct load_note *note)
{
    trial->phases[note->phase] = note->seconds;
    char *sentence = mem_format("%s: %zu messages, %.1f s", phase_name(note->phase),
                                note->count, note->seconds);
    trial->watch->step(trial->watch->context, sentence);
    mem_free(sentence);
}

static enum err hear(struct trial *trial, struct child *child)
{
    struct load_note note;
    if (read_whole(child->pipe, &note, sizeof note) != ERR_OK)
        return err_code();
    switch (note.kind) {
    case LOAD_FAILED:
        err_set(note.code, "%s", note.text);
        return *note.hint ? err_hint("%s", note.hint) : err_code();
    case LOAD_PHASE:
        say_phase(trial, &note);
        return ERR_OK;
    case LOAD_READY:
        child->end = note;
        return ERR_OK;
    case LOAD_DONE:
        child->end = note;
        child->done = true;
        if (child != &trial->center)
            return ERR_OK;
        if (read_whole(child->pipe, trial->survived, trial->cast.plan.quorum.members) !=
            ERR_OK)
            return err_code();
        return read_whole(child->pipe, trial->sum,
                          trial->cast.plan.dimension * sizeof *trial->sum);
    }
    return ERR_OK;
}

/* Until the coordinator has its sum and every process of nodes has ended well. */
static enum err follow(struct trial *trial)
{
    uint32_t processes = trial->cast.plan.processes;
    enum err result = ERR_OK;
    for (bool done = false; result == ERR_OK && !done;) {
        struct child *children[PROCESSES_MAX + 1];
        struct pollfd items[PROCESSES_MAX + 1];
        nfds_t count = 0;
        for (uint32_t i = 0; i <= processes; i++) {
            struct child *child = i < processes ? &trial->nodes[i] : &trial->center;
            if (child->done)
                continue;
            children[count] = child;
            items[count++] = (struct pollfd){.fd = child->pipe, .events = POLLIN};
        }
        done = count == 0;
        if (!done && poll(items, count, 200) < 0 && errno != EINTR)
            result = err_set(ERR_STATE, "the trial's pipes: %s", strerror(errno));
        for (nfds_t i = 0; result == ERR_OK && i < count; i++)
            if (items[i].revents)
                result = hear(trial, children[i]);
        if (result == ERR_OK && trial->watch->interrupted(trial->watch->context))
            result = err_set(ERR_INTERRUPTED, "interrupted; nothing was kept");
    }
    return result;
}

static enum err play(struct trial *trial)
{
    enum err result = start(trial, &trial->center, NULL, 0);
    if (result == ERR_OK)
        result = hear(trial, &trial->center);
    char *endpoint = mem_text(trial->center.end.text);
    for (uint32_t i = 0; result == ERR_OK && i < trial->cast.plan.processes; i++)
        result = start(trial, &trial->nodes[i], endpoint, i);
    if (result == ERR_OK)
        result = follow(trial);
    for (uint32_t i = 0; i < trial->cast.plan.processes; i++)
        stop(&trial->nodes[i]);
    stop(&trial->center);
    mem_free(endpoint);
    return result;
}

/* --- the result
 * ----------------------------------------------------------------------------------------
 */

static bool sum_is_exact(const struct trial *trial)
{
    size_t dimension = trial->cast.plan.dimension;
    uint64_t *expected = mem_new(dimension, sizeof *expected);
    bool exact = true;
    for (size_t i = 0; i < trial->cast.plan.quorum.members; i++)
        if (trial->survived[i])
            exact = load_add(&trial->cast, i, expected) == ERR_OK && exact;
    exact = exact && memcmp(expected, trial->sum, dimension * sizeof *expected) == 0;
    mem_free(expected);
    return exact;
}

static struct json *tell(const struct trial *trial)
{
    const struct load_plan *plan = &trial->cast.plan;
    const struct load_note *end = &trial->center.end;
    struct json *result = json_new_object(), *phases = json_new_object();
    double nodes_cpu = 0;
    size_t succeeded = 0;
    for (uint32_t i = 0; i < plan->processes; i++) {
        nodes_cpu += trial->nodes[i].end.cpu_seconds;
        succeeded += trial->nodes[i].end.count;
    }
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        json_set_real(phases, phase_name(phase), trial->phases[phase]);
    json_set_integer(result, "nodes", plan->quorum.members);
    json_set_integer(result, "dimension", plan->dimension);
    json_set_integer(result, "degree", plan->quorum.degree);
    json_set_text(result, "graph",
                  plan->quorum.degree == plan->quorum.members - 1 ? "complete"
                                                                  : "sparse");
    json_set_integer(result, "threshold", plan->quorum.threshold);
    json_set_integer(result, "dropped", plan->dropped);
    json_set_integer(result, "processes", plan->processes);
    json_set_real(result, "setup_seconds", end->setup_seconds);
    json_set_real(result, "round_seconds", end->seconds);
    json_set_real(result, "waited_seconds", end->waited_seconds);
    json_set(result, "phase_seconds", phases);
    json_set_integer(result, "survivors", (int64_t)end->count);
    json_set_integer(result, "nodes_succeeded", (int64_t)succeeded);
    json_set_real(result, "coordinator_peak_mb", (double)end->peak_kib * 1024e-6);
    json_set_real(result, "coordinator_cpu_seconds", end->cpu_seconds);
    json_set_real(result, "nodes_cpu_seconds", nodes_cpu);
    json_set_integer(result, "frames", (int64_t)end->frames);
    return result;
}

/* Nodes keep their one-time secrets in locked memory. */
static void raise_locked(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_MEMLOCK, &limit);
}

enum err load_run(const struct load_plan *plan, const struct load_watch *watch,
                  bool *exact, struct json **result)
{
    struct trial *trial = mem_new(1, sizeof *trial);
    trial->cast.plan = *plan;
    trial->watch = watch;
    if (trial->cast.plan.processes > PROCESSES_MAX)
        trial->cast.plan.processes = PROCESSES_MAX;
    if (trial->cast.plan.processes > plan->quorum.members)
        trial->cast.plan.processes = plan->quorum.members;
    trial->survived = mem_new(plan->quorum.members, 1);
    trial->sum = mem_new(plan->dimension, sizeof *trial->sum);
    raise_locked();
    watch->step(watch->context, "keys and connections");
    enum err code = choose_cast(&trial->cast);
    if (code == ERR_OK)
        code = play(trial);
    if (code == ERR_OK) {
        *exact = sum_is_exact(trial);
        *result = tell(trial);
        json_set_boolean(*result, "sum_exact", *exact);
    }
    mem_free(trial->cast.members);
    mem_free(trial->survived);
    mem_free(trial->sum);
    mem_free(trial);
    return code;
}
