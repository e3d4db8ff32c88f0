#include "coordinator/porter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "client.h"
#include "scratch.h"
#include "strangers.h"
#include "wire/relay.h"

#define PROGRAM BINARY_DIR "/gemel-porter"
#define MEMORY ((size_t)64 << 20)

/* `test_coordinator_porter nightly`: the figures of the long tests. */
static bool nightly;
static FILE *quiet; /* where logs go */

/* ---- an engine that echoes, in a thread of its own ---- */

struct engine {
    struct porter *porter;
    char endpoint[64];
    pthread_t thread;
    int stop; /* readable: end */
    atomic_bool silent;
    atomic_ulong questions;
    atomic_int process; /* the porter's, 0: none at the moment */
    atomic_ulong restarts;
    char
        *directory; /* NULL: no files. One is written at every question: a store's work */
    unsigned unwritten;
};

static void write_a_file(struct engine *engine)
{
    char *path = file_join(engine->directory, "journal");
    if (file_write(path, "x", 1, 0600) != ERR_OK)
        engine->unwritten++;
    mem_free(path);
}

static void *engine_run(void *argument)
{
    struct engine *engine = argument;
    struct bytes frame = {0};
    struct porter_peer peer;
    enum err result;
    do {
        result = porter_receive(engine->porter, 20, engine->stop, &peer, &frame);
        if (result == ERR_OK) {
            engine->questions++;
            if (engine->directory)
                write_a_file(engine);
            if (!engine->silent)
                porter_send(engine->porter, &peer, &frame);
        }
        engine->process = (int)porter_process(engine->porter);
        engine->restarts = porter_restarts(engine->porter);
    } while (result != ERR_INTERRUPTED);
    bytes_free(&frame);
    return NULL;
}

static void engine_start(struct engine *engine, const struct consortium *c,
                         size_t allowed, size_t memory_max)
{
    struct bytes curves = {0};
    *engine = (struct engine){.stop = eventfd(0, 0)};
    bytes_append(&curves, c->curves, allowed * KEY_BYTES);
    const struct porter_start start = {PROGRAM, ANY, c->coordinator, &curves, memory_max};
    assert_ok(porter_new(&start, &engine->porter));
    snprintf(engine->endpoint, sizeof engine->endpoint, "%s",
             porter_endpoint(engine->porter));
    engine->process = (int)porter_process(engine->porter);
    bytes_free(&curves);
}

static void engine_go(struct engine *engine)
{
    assert_int_equal(pthread_create(&engine->thread, NULL, engine_run, engine), 0);
}

/* After this the porter may be asked and told. */
static void engine_halt(struct engine *engine)
{
    uint64_t one = 1;
    assert_int_equal(write(engine->stop, &one, sizeof one), sizeof one);
    pthread_join(engine->thread, NULL);
    assert_int_equal(read(engine->stop, &one, sizeof one), sizeof one);
}

static void engine_end(struct engine *engine)
{
    porter_destroy(&engine->porter);
    assert_null(engine->porter);
    close(engine->stop);
}

/* As a node does: ask, a second each, until there is an answer. How long it took. */
static uint64_t ask_until_answered(struct transport_client *client, const char *question)
{
    uint64_t before = now_ms();
    while (ask(client, question, 1000) != ERR_OK)
        if (now_ms() - before > 20000)
            fail_msg("%s was not answered within 20 s", question);
    return now_ms() - before;
}

static void wait_for_restarts(struct engine *engine, unsigned long restarts)
{
    uint64_t before = now_ms();
    while (engine->restarts < restarts && now_ms() - before < 20000)
        poll(NULL, 0, 2);
    assert_true(engine->restarts >= restarts);
}

/* ---- what /proc says of a process ---- */

static size_t status_kib(pid_t process, const char *field)
{
    char path[64], line[200];
    unsigned long value = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0)
            value = strtoul(line + strlen(field) + 1, NULL, 10);
    if (file)
        fclose(file);
    return value;
}

/* Descriptors of a process whose target has `part` in it; `all` counts the others. */
static size_t descriptors(pid_t process, const char *part, size_t *all)
{
    char path[300], target[300];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)process);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    *all = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)process, entry->d_name);
        ssize_t size = readlink(path, target, sizeof target - 1);
        target[size > 0 ? size : 0] = '\0';
        count += size > 0 && strstr(target, part) != NULL;
        *all += size > 0;
    }
    closedir(directory);
    return count;
}

/* Sockets of TCP that a process has. */
static size_t tcp_sockets(pid_t process)
{
    static const char *const tables[] = {"/proc/net/tcp", "/proc/net/tcp6"};
    size_t count = 0, all;
    for (int i = 0; i < 2; i++) {
        char line[400], socket[64];
        unsigned long inode;
        FILE *file = fopen(tables[i], "re");
        while (file && fgets(line, sizeof line, file))
            if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %lu", &inode) == 1) {
                snprintf(socket, sizeof socket, "socket:[%lu]", inode);
                count += descriptors(process, socket, &all);
            }
        if (file)
            fclose(file);
    }
    return count;
}

/* Whether these bytes are anywhere in what the process may write to. */
static bool memory_has(pid_t process, const uint8_t *bytes, size_t size)
{
    char path[64], line[400];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)process);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)process);
    FILE *maps = fopen(path, "re");
    assert_true(memory >= 0 && maps);
    while (!found && fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 || !strstr(line, " rw") ||
            to - from > (size_t)1 << 28) /* AddressSanitizer's shadow */
            continue;
        uint8_t *copy = mem_new(to - from, 1);
        ssize_t got = pread(memory, copy, to - from, (off_t)from);
        found = got > 0 && memmem(copy, (size_t)got, bytes, size);
        bytes_wipe(copy, to - from);
        mem_free(copy);
    }
    fclose(maps);
    close(memory);
    return found;
}

/* ---- what it is for ---- */

static void porter__carries_questions_and_answers(void **state)
{
    const struct consortium *c = *state;
    struct engine engine;
    engine_start(&engine, c, 2, MEMORY);
    assert_non_null(strstr(engine.endpoint, "tcp://127.0.0.1:"));
    assert_null(strchr(engine.endpoint, '*'));
    engine_go(&engine);
    struct transport_client *client = client_of(c, engine.endpoint, c->hospitals[0]);
    struct transport_client *later = client_of(c, engine.endpoint, c->hospitals[2]);
    assert_ok(ask(client, "hello", 5000));
    struct bytes large = {0}, answer = {0};
    for (size_t i = 0; i < WIRE_FRAME_MAX; i++)
        bytes_u8(&large, (uint8_t)(i * i));
    for (int i = 0; i < 20; i++) {
        assert_ok(transport_client_ask(client, &large, 5000, -1, &answer));
        assert_int_equal(answer.size, WIRE_FRAME_MAX);
        assert_memory_equal(answer.data, large.data, WIRE_FRAME_MAX);
    }
    assert_int_equal(ask(later, "hello", 400), ERR_GONE);
    engine_halt(&engine);
    struct bytes curves = {0};
    bytes_append(&curves, c->curves[2], KEY_BYTES);
    porter_allow(engine.porter, &curves); /* one comes, the other goes */
    engine_go(&engine);
    (void)ask_until_answered(later, "hello");
    assert_int_equal(ask(client, "hello", 400), ERR_GONE);
    kill(engine.process, SIGKILL); /* the next one knows it, too */
    wait_for_restarts(&engine, 1);
    assert_true(ask_until_answered(later, "hello") < 5000);
    assert_int_equal(ask(client, "hello", 400), ERR_GONE);
    engine_halt(&engine);
    large.size = 0;
    const struct porter_peer nobody = {.life = 1};
    assert_refused(ERR_RANGE, "0 bytes", porter_send(engine.porter, &nobody, &large));
    assert_ok(porter_send(engine.porter, &nobody, &answer)); /* lost */
    bytes_free(&large);
    bytes_free(&answer);
    bytes_free(&curves);
    transport_client_destroy(&client);
    transport_client_destroy(&later);
    engine_end(&engine);
}

static void porter__says_why_it_cannot_begin(void **state)
{
    const struct consortium *c = *state;
    struct engine engine;
    struct bytes none = {0};
    struct porter *porter = NULL;
    engine_start(&engine, c, 1, MEMORY);
    struct porter_start start = {PROGRAM, engine.endpoint, c->coordinator, &none, MEMORY};
    assert_refused(ERR_GONE, "cannot be bound", porter_new(&start, &porter));
    start.endpoint = "ipc:///tmp/x:1";
    assert_refused(ERR_RANGE, "ipc:///tmp/x:1", porter_new(&start, &porter));
    start.endpoint = ANY;
    start.program = BINARY_DIR "/no-such-program";
    assert_refused(ERR_NOT_FOUND, "no-such-program", porter_new(&start, &porter));
    start.program = "/bin/true";
    assert_refused(ERR_GONE, "/bin/true did not come up", porter_new(&start, &porter));
    assert_null(porter);
    porter_destroy(&porter);
    engine_end(&engine);
    assert_int_equal(system(PROGRAM " 2>/dev/null 3>&-") >> 8, 2);
}

/* It tries a file when it starts, and says whether it was refused: on every kernel that
 * has Landlock it must have been. */
static void porter__is_confined_where_the_kernel_can(void **state)
{
    const struct consortium *c = *state;
    struct engine engine;
    char line[400] = "", *confined = NULL;
    FILE *log = tmpfile();
    assert_non_null(log);
    log_setup(log, LOG_LEVEL_INFO, &clock_machine);
    engine_start(&engine, c, HOSPITALS, MEMORY);
    engine_end(&engine);
    rewind(log);
    while (!confined && fgets(line, sizeof line, log))
        confined = strstr(line, "porter.start") ? strstr(line, "confined=") : NULL;
    log_setup(quiet, LOG_LEVEL_INFO, &clock_machine);
    fclose(log);
    assert_non_null(confined);
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    assert_int_equal(confined[9], version >= 1 ? '1' : '0');
}

/* It has the network and nothing else; the engine has all else and no network. */
static void porter__has_no_file_and_no_signing_key(void **state)
{
    const struct consortium *c = *state;
    struct engine engine;
    size_t all;
    struct stat about;
    char path[64];
    engine_start(&engine, c, HOSPITALS, MEMORY);
    pid_t process = porter_process(engine.porter);
    assert_int_equal(tcp_sockets(getpid()), 0);
    snprintf(path, sizeof path, "/proc/%d/fd/3", (int)process);
    if (stat(path, &about) != 0 && errno == EACCES) { /* it cannot be traced: by design */
        engine_end(&engine);
        skip();
    }
    assert_int_equal(tcp_sockets(process), 1);
    size_t files = descriptors(process, "/", &all);
    assert_int_equal(files, descriptors(process, "/dev/null", &all));
    assert_true(all < 20);
    const uint8_t *secret = identity_secret(c->coordinator);
    assert_true(memory_has(process, secret + 32, 32)); /* CURVE's: so the search finds */
    assert_false(memory_has(process, secret, 32));
    snprintf(path, sizeof path, "/proc/%d/environ", (int)process);
    struct bytes environment = {0};
    assert_ok(file_read(path, 100000, &environment));
    assert_int_equal(environment.size, 0);
    struct rlimit limit;
    assert_int_equal(prlimit(process, RLIMIT_CORE, NULL, &limit), 0);
    assert_int_equal(limit.rlim_max, 0);
    assert_int_equal(prlimit(process, RLIMIT_FSIZE, NULL, &limit), 0);
    assert_int_equal(limit.rlim_max, 0);
#ifndef __SANITIZE_ADDRESS__ /* which reserves more than any limit */
    assert_int_equal(prlimit(process, RLIMIT_DATA, NULL, &limit), 0);
    assert_int_equal(limit.rlim_max, MEMORY);
#endif
    engine_end(&engine);
    assert_int_equal(kill(process, 0), -1);
}

/* ---- what becomes of it ---- */

/* Killed at any moment it is back within two seconds, and who asks is answered. */
static void porter__killed_is_back_within_two_seconds(void **state)
{
    const struct consortium *c = *state;
    struct engine engine;
    int kills = nightly ? 100 : 8;
    engine_start(&engine, c, HOSPITALS, MEMORY);
    engine_go(&engine);
    struct transport_client *clients[2] = {
        client_of(c, engine.endpoint, c->hospitals[0]),
        client_of(c, engine.endpoint, c->hospitals[1])};
    srand(1);
    for (int i = 0; i < kills; i++) {
        assert_true(ask_until_answered(clients[0], "before") < 5000);
        poll(NULL, 0, rand() % 100);
        unsigned long restarts = engine.restarts;
        uint64_t before = now_ms();
        kill(engine.process, SIGKILL);
        wait_for_restarts(&engine, restarts + 1);
        if (now_ms() - before >= 2000)
            fail_msg("restart %d took %d ms", i, (int)(now_ms() - before));
        assert_true(ask_until_answered(clients[1], "after") < 5000);
    }
    assert_int_equal(engine.restarts, kills);
    for (int i = 0; i < 2; i++)
        transport_client_destroy(&clients[i]);
    engine_halt(&engine);
    engine_end(&engine);
}

/* A question that waits for its answer is asked again of the next one, unasked. */
static void porter__a_question_survives_it(void **state)
{
    const struct consortium *c = *state;
    struct engine engine;
    engine_start(&engine, c, HOSPITALS, MEMORY);
    engine.silent = true;
    engine_go(&engine);
    pid_t child = fork();
    if (child == 0) {
        struct transport_client *client = client_of(c, engine.endpoint, c->hospitals[0]);
        _exit(ask(client, "patience", 15000) != ERR_OK);
    }
    uint64_t began = now_ms();
    while (engine.questions < 1 && now_ms() - began < 5000)
        poll(NULL, 0, 2);
    assert_int_equal(engine.questions, 1);
    kill(engine.process, SIGKILL);
    began = now_ms();
    engine.silent = false;
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_true(now_ms() - began < 5000);
    engine_halt(&engine);
    assert_int_equal(engine.questions, 2);
    engine_end(&engine);
}

/* An answer to a question of one porter is never given by the next, whose connections may
 * well have the same routes. */
static void porter__answers_do_not_outlive_it(void **state)
{
    const struct consortium *c = *state;
    struct engine engine;
    struct porter_peer first, second;
    struct transport_crowd *crowd = NULL;
    struct bytes frame = {0}, question = text_frame("first");
    size_t member;
    engine_start(&engine, c, HOSPITALS, MEMORY);
    assert_ok(
        transport_crowd_new(engine.endpoint, c->fields.coordinator_curve, 1, &crowd));
    assert_ok(transport_crowd_join(crowd, c->hospitals[0], &member));
    assert_ok(transport_crowd_send(crowd, member, &question));
    assert_ok(porter_receive(engine.porter, 5000, -1, &first, &frame));
    kill(porter_process(engine.porter), SIGKILL);
    question.data[0]++;
    while (porter_receive(engine.porter, 200, -1, &second, &frame) != ERR_OK)
        (void)transport_crowd_send(crowd, member, &question);
    assert_int_equal(porter_restarts(engine.porter), 1);
    struct porter_peer late = {second.network, first.life};
    question.data[0]--;
    assert_ok(porter_send(engine.porter, &late, &question));
    assert_ok(porter_send(engine.porter, &second, &frame));
    assert_ok(transport_crowd_receive(crowd, 5000, &member, &question));
    assert_int_equal(question.size, frame.size);
    assert_memory_equal(question.data, frame.data, frame.size);
    bytes_free(&question);
    bytes_free(&frame);
    transport_crowd_destroy(&crowd);
    engine_end(&engine);
}

/* One that stands still is ended: at once when an answer is due, else by its silence. */
static void porter__that_hangs_is_replaced(void **state)
{
    const struct consortium *c = *state;
    struct engine engine;
    struct porter_peer peer;
    struct transport_crowd *crowd = NULL;
    struct bytes frame = text_frame("first"), large = {0};
    size_t member;
    engine_start(&engine, c, HOSPITALS, MEMORY);
    assert_ok(
        transport_crowd_new(engine.endpoint, c->fields.coordinator_curve, 1, &crowd));
    assert_ok(transport_crowd_join(crowd, c->hospitals[0], &member));
    assert_ok(transport_crowd_send(crowd, member, &frame));
    assert_ok(porter_receive(engine.porter, 20000, -1, &peer, &frame));
    kill(porter_process(engine.porter), SIGSTOP);
    for (size_t i = 0; i < WIRE_FRAME_MAX; i++)
        bytes_u8(&large, 0);
    uint64_t before = now_ms();
    assert_ok(porter_send(engine.porter, &peer, &large));
    assert_in_range(now_ms() - before, 1900, 6000);
    engine_go(&engine);
    struct transport_client *client = client_of(c, engine.endpoint, c->hospitals[1]);
    assert_true(ask_until_answered(client, "second") < 5000);
    if (nightly) {
        unsigned long restarts = engine.restarts;
        kill(engine.process, SIGSTOP);
        before = now_ms();
        wait_for_restarts(&engine, restarts + 1);
        assert_in_range(now_ms() - before, 8000, 15000);
        assert_true(ask_until_answered(client, "third") < 5000);
    }
    engine_halt(&engine);
    bytes_free(&frame);
    bytes_free(&large);
    transport_crowd_destroy(&crowd);
    transport_client_destroy(&client);
    engine_end(&engine);
}

static void porter__ends_with_its_engine(void **state)
{
    const struct consortium *c = *state;
    int tells[2];
    pid_t porter = 0;
    assert_int_equal(pipe(tells), 0);
    pid_t child = fork();
    if (child == 0) {
        struct engine engine;
        engine_start(&engine, c, HOSPITALS, MEMORY);
        porter = porter_process(engine.porter);
        _exit(write(tells[1], &porter, sizeof porter) == sizeof porter && pause());
    }
    assert_int_equal(read(tells[0], &porter, sizeof porter), sizeof porter);
    assert_int_equal(kill(porter, 0), 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    uint64_t before = now_ms();
    while (kill(porter, 0) == 0 && status_kib(porter, "VmRSS") &&
           now_ms() - before < 5000)
        poll(NULL, 0, 5);
    assert_true(now_ms() - before < 2000);
    close(tells[0]);
    close(tells[1]);
}

/* ---- a porter that was taken over ---- */

/* The shell's command that says a note; caller frees. */
static char *saying(const struct relay_note *note)
{
    struct bytes bytes = {0}, line = {0};
    char octal[8];
    relay_encode(note, &bytes);
    bytes_append(&line, "printf '", 8);
    for (size_t i = 0; i < 4 + bytes.size; i++) {
        unsigned byte =
            i < 4 ? (unsigned)(bytes.size >> (8 * i)) & 255 : bytes.data[i - 4];
        snprintf(octal, sizeof octal, "\\%03o", byte);
        bytes_append(&line, octal, 4);
    }
    bytes_append(&line, "' >&3\n", 6);
    bytes_u8(&line, 0);
    bytes_free(&bytes);
    return (char *)line.data;
}

/* Run a porter that is a shell script for a second, and on until there were `least` of
 * them or ten have passed; how many there were. */
static uint64_t play_porter(const struct consortium *c, const char *directory,
                            const char *script, uint64_t least)
{
    char *path = file_join(directory, "porter");
    char *text = mem_format("#!/bin/sh\n%s\n", script);
    struct bytes none = {0}, frame = {0};
    struct porter *porter = NULL;
    struct porter_peer peer;
    assert_ok(file_write(path, text, strlen(text), 0700));
    const struct porter_start start = {path, ANY, c->coordinator, &none, MEMORY};
    uint64_t porters = 0, before = now_ms();
    if (porter_new(&start, &porter) == ERR_OK) {
        while (now_ms() - before < 1000 ||
               (porters < least && now_ms() - before < 10000)) {
            uint64_t began = now_ms();
            if (porter_receive(porter, 50, -1, &peer, &frame) == ERR_OK)
                porter_send(porter, &peer, &frame);
            assert_true(now_ms() - began < 3000);
            porters = porter_restarts(porter) + 1;
        }
    }
    porter_destroy(&porter);
    bytes_free(&frame);
    mem_free(text);
    mem_free(path);
    return porters;
}

/* Whatever it says, the engine goes on, at its own pace and within its own memory. */
static void porter__that_was_taken_over_is_not_believed(void **state)
{
    const struct consortium *c = *state;
    const struct transport_peer peer = {.route = {0, 1, 2, 3, 4}, .route_size = 5};
    const struct relay_note ready = {.kind = RELAY_READY,
                                     .text = {(const uint8_t *)"tcp://a:1", 9}};
    const struct relay_note nowhere = {.kind = RELAY_READY,
                                       .text = {(const uint8_t *)"nowhere", 7}};
    const struct relay_note anywhere = {.kind = RELAY_READY,
                                        .text = {(const uint8_t *)"tcp://*:7400", 12}};
    const struct relay_note start = {.kind = RELAY_ALLOW};
    const struct relay_note question = {
        .kind = RELAY_QUESTION, .peer = peer, .frame = {(const uint8_t *)"hello", 5}};
    const struct relay_note failed = {
        .kind = RELAY_FAILED, .text = {(const uint8_t *)"no", 2}, .number = 1 << 20};
    const struct relay_note alive = {.kind = RELAY_ALIVE, .number = UINT64_MAX};
    char *says_ready = saying(&ready), *says_nowhere = saying(&nowhere),
         *says_anywhere = saying(&anywhere), *says_start = saying(&start),
         *asks = saying(&question), *says_failed = saying(&failed),
         *says_alive = saying(&alive);
    static const char waits[] = "while :; do sleep 9; done";
    const struct {
        const char *first, *then, *last;
        uint64_t least, most; /* porters within a second, or later for the least */
    } lies[] = {
        {says_anywhere, "", waits, 1, 1},       /* no lie */
        {says_nowhere, "", waits, 0, 0},        /* it did not come up */
        {asks, "", waits, 0, 0},                /* nor did this */
        {says_failed, "", waits, 0, 0},         /* nor this */
        {says_ready, says_ready, waits, 2, 5},  /* twice ready */
        {says_ready, says_start, waits, 2, 5},  /* an engine's note */
        {says_ready, says_failed, waits, 2, 5}, /* a code that is none */
        {says_ready, "printf '\\377\\377\\377\\377' >&3\n", waits, 2,
         6}, /* 4 GiB to come */
        {says_ready, "printf '\\000\\000\\020\\000' >&3\n", waits, 1,
         1}, /* 1 MiB, which never comes */
        {says_ready, "cat /dev/urandom >&3\n", waits, 2, 5},
        {says_ready, "while :; do\n", NULL, 1, 1}, /* the same note for ever */
        {says_ready, "", "while cat <&3 >&3; do :; done", 2,
         6}, /* the engine's own words */
    };
    char *directory = NULL;
    assert_int_equal(scratch_setup((void **)&directory), 0);
    size_t before = status_kib(getpid(), "VmRSS");
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char *script = lies[i].last ? mem_format("%ssleep 0.2\n%s%s", lies[i].first,
                                                 lies[i].then, lies[i].last)
                                    : mem_format("%s%s%s%sdone", lies[i].first,
                                                 lies[i].then, asks, says_alive);
        uint64_t porters = play_porter(c, directory, script, lies[i].least);
        if (porters < lies[i].least || porters > lies[i].most)
            fail_msg("lie %zu: %d porters", i, (int)porters);
        mem_free(script);
    }
    assert_true(status_kib(getpid(), "VmRSS") < before + 16384);
    scratch_teardown((void **)&directory);
    char *texts[] = {says_ready, says_anywhere, says_nowhere, says_start,
                     asks,       says_failed,   says_alive};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        mem_free(texts[i]);
}

/* ---- a hostile network ---- */

/* A member that sends a message of so many frames that they cost twice what the porter
 * may have; they leave once the last is there. */
static void flood(const struct consortium *c, const struct engine *engine,
                  size_t part_size)
{
    static const uint8_t part[WIRE_FRAME_MAX - 1];
    size_t parts = 2 * MEMORY / (part_size + 100); /* and the library's own */
    struct rogue rogue = rogue_at(c, engine->endpoint, c->hospitals[1], NULL, 0);
    for (size_t i = 1; i <= parts; i++)
        zmq_send(rogue.socket, part, part_size, i < parts ? ZMQ_SNDMORE : 0);
    pause();
}

/* Until the flood has filled a porter to its limit, or ended one; the most it had, in
 * KiB.
 */
static size_t watch_flood(struct engine *engine)
{
    unsigned long restarts = engine->restarts;
    size_t most = 0;
    for (uint64_t began = now_ms(); now_ms() - began < 20000; poll(NULL, 0, 5)) {
        size_t data = status_kib(engine->process, "VmData");
        most = data > most ? data : most;
        if (engine->restarts > restarts)
            return MEMORY / 1024;
        if (most > MEMORY / 1024 * 9 / 10)
            break;
    }
    return most;
}

/* It meets the porter's limit of memory: the library drops the connection, or the porter
 * ends. The engine's memory and files are not touched, and the others are answered. */
static void porter__a_message_without_end_costs_at_most_the_porter(void **state)
{
#ifdef __SANITIZE_ADDRESS__ /* no limit of memory */
    skip();
#endif
    static const size_t part_sizes[] = {64, 65536, WIRE_FRAME_MAX - 1};
    const struct consortium *c = *state;
    struct engine engine;
    unsigned long floods = nightly ? 30 : 3;
    size_t least = SIZE_MAX, most = 0;
    uint64_t longest = 0;
    engine_start(&engine, c, HOSPITALS, MEMORY);
    assert_int_equal(scratch_setup((void **)&engine.directory), 0);
    engine_go(&engine);
    struct transport_client *client = client_of(c, engine.endpoint, c->hospitals[0]);
    assert_ok(ask(client, "before", 5000));
    size_t before = status_kib(getpid(), "RssAnon");
    for (unsigned long i = 1; i <= floods; i++) {
        pid_t child = fork(); /* whose memory is not ours */
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            flood(c, &engine, part_sizes[i % 3]);
        }
        size_t filled = watch_flood(&engine);
        struct transport_client *fresh = client_of(c, engine.endpoint, c->hospitals[2]);
        uint64_t old = ask_until_answered(client, "old"),
                 new = ask_until_answered(fresh, "new");
        transport_client_destroy(&fresh);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        longest = old > longest ? old : new > longest ? new : longest;
        least = filled < least ? filled : least;
        most = filled > most ? filled : most;
    }
    print_message("%lu floods, %lu porters ended, members waited at most %d ms\n", floods,
                  (unsigned long)engine.restarts, (int)longest);
    engine_halt(&engine);
    transport_client_destroy(&client);
    scratch_teardown((void **)&engine.directory);
    engine_end(&engine);
    assert_true(least > MEMORY / 1024 * 9 / 10); /* each was one */
    assert_true(most <= MEMORY / 1024);
    assert_true(longest < 5000);
    assert_int_equal(engine.unwritten, 0);
    assert_true(status_kib(getpid(), "RssAnon") < before + 16384);
}

/* A child with so many connections of strangers; it tells through the pipe how many it
 * has. */
static pid_t besiege(const struct engine *engine, int count, int tells)
{
    pid_t child = fork();
    if (child == 0)
        strangers_stay((uint16_t)atoi(strrchr(engine->endpoint, ':') + 1), count, tells);
    return child;
}

static void porter__strangers_do_not_keep_members_out(void **state)
{
    const struct consortium *c = *state;
    struct engine engine;
    const int strangers = nightly ? 20000 : 1000, processes = nightly ? 4 : 1;
    pid_t children[4];
    int tells[2], held = 0;
    engine_start(&engine, c, HOSPITALS, (size_t)512 << 20);
    assert_int_equal(scratch_setup((void **)&engine.directory), 0);
    assert_int_equal(pipe(tells), 0);
    engine_go(&engine);
    struct transport_client *before = client_of(c, engine.endpoint, c->hospitals[0]);
    assert_ok(ask(before, "before", 5000));
    for (int i = 0; i < processes; i++)
        children[i] = besiege(&engine, strangers / processes, tells[1]);
    for (int i = 0, made; i < processes; i++, held += made)
        assert_int_equal(read(tells[0], &made, sizeof made), sizeof made);
    uint64_t began = now_ms(), longest = 0;
    while (now_ms() - began < (nightly ? 60000 : 7000)) {
        struct transport_client *during = client_of(c, engine.endpoint, c->hospitals[1]);
        uint64_t old = ask_until_answered(before, "old"),
                 fresh = ask_until_answered(during, "new");
        longest = old > longest ? old : longest;
        longest = fresh > longest ? fresh : longest;
        transport_client_destroy(&during);
        poll(NULL, 0, 200);
    }
    size_t peak = status_kib(engine.process, "VmHWM");
    print_message(
        "%d connections of strangers: members waited at most %d ms, the porter had "
        "%zu MiB\n",
        held, (int)longest, peak / 1024);
    assert_true(held >= strangers * 9 / 10);
#ifndef __SANITIZE_ADDRESS__
    assert_true(peak < 256 * 1024);
#endif
    for (int i = 0; i < processes; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    engine_halt(&engine);
    assert_int_equal(engine.unwritten, 0);
    assert_int_equal(porter_restarts(engine.porter), 0);
    transport_client_destroy(&before);
    scratch_teardown((void **)&engine.directory);
    engine_end(&engine);
    close(tells[0]);
    close(tells[1]);
}

/* With no descriptor left it takes nobody new in, for as long as a handshake may last;
 * whoever is in stays in, and the engine's files are the engine's. */
static void porter__without_descriptors_touches_nothing_else(void **state)
{
    const struct consortium *c = *state;
    struct engine engine;
    struct rlimit few = {64, 64};
    int tells[2], held;
    engine_start(&engine, c, HOSPITALS, MEMORY);
    assert_int_equal(scratch_setup((void **)&engine.directory), 0);
    assert_int_equal(pipe(tells), 0);
    assert_int_equal(prlimit(porter_process(engine.porter), RLIMIT_NOFILE, &few, NULL),
                     0);
    engine_go(&engine);
    struct transport_client *client = client_of(c, engine.endpoint, c->hospitals[0]);
    assert_ok(ask(client, "before", 5000));
    pid_t child = besiege(&engine, 200, tells[1]);
    assert_int_equal(read(tells[0], &held, sizeof held), sizeof held);
    assert_int_equal(held, 200); /* the kernel's queue has them */
    for (uint64_t began = now_ms(); now_ms() - began < 3000; poll(NULL, 0, 50))
        assert_ok(ask(client, "during", 5000));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    struct transport_client *fresh = client_of(c, engine.endpoint, c->hospitals[1]);
    assert_true(ask_until_answered(fresh, "after") < TRANSPORT_HANDSHAKE_MS + 5000);
    engine_halt(&engine);
    assert_int_equal(engine.unwritten, 0);
    assert_int_equal(porter_restarts(engine.porter), 0);
    transport_client_destroy(&client);
    transport_client_destroy(&fresh);
    scratch_teardown((void **)&engine.directory);
    engine_end(&engine);
    close(tells[0]);
    close(tells[1]);
}

/* Members that connect, ask, and go before or after they are answered, and a porter that
 * is killed at any moment of it. */
static void porter__comes_and_goes(void **state)
{
    const struct consortium *c = *state;
    struct engine engine;
    const int cycles = nightly ? 10000 : 200;
    unsigned long kills = 0;
    size_t all, first = 0;
    engine_start(&engine, c, HOSPITALS, MEMORY);
    engine_go(&engine);
    srand(2);
    for (int i = 0; i < cycles; i++) {
        struct transport_client *client =
            client_of(c, engine.endpoint, c->hospitals[i % HOSPITALS]);
        if (i % 20 == 0) /* however slow the machine is */
            (void)ask_until_answered(client, "hello");
        else
            (void)ask(client, "hello", (unsigned)(rand() % 40));
        transport_client_destroy(&client);
        if (rand() % 50 == 0 && engine.restarts == kills) {
            kill(engine.process, SIGKILL);
            kills++;
            wait_for_restarts(&engine, kills);
        }
        if (i == cycles / 10)
            (void)descriptors(getpid(), "/", &first);
    }
    (void)descriptors(getpid(), "/", &all);
    if (all > first + 8) /* what they are says whose they are */
        (void)!system(
            "ls -l /proc/$PPID/fd | sed 's/.*-> //; s/[0-9]//g' | sort | uniq -c");
    assert_in_range(all, 3, first + 8);
    struct transport_client *client = client_of(c, engine.endpoint, c->hospitals[0]);
    assert_true(ask_until_answered(client, "last") < 5000);
    assert_int_equal(engine.restarts, kills);
    print_message("%d connections, %lu porters killed, %lu questions\n", cycles, kills,
                  (unsigned long)engine.questions);
    assert_true(kills > 0 && engine.questions >= (unsigned long)cycles / 20);
    transport_client_destroy(&client);
    engine_halt(&engine);
    engine_end(&engine);
}

int main(int argc, char **argv)
{
    nightly = argc > 1 && strcmp(argv[1], "nightly") == 0;
    quiet = fopen("/dev/null", "we");
    log_setup(quiet, LOG_LEVEL_INFO, &clock_machine);
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(porter__carries_questions_and_answers),
        TEST_WITH_CONSORTIUM(porter__says_why_it_cannot_begin),
        TEST_WITH_CONSORTIUM(porter__is_confined_where_the_kernel_can),
        TEST_WITH_CONSORTIUM(porter__has_no_file_and_no_signing_key),
        TEST_WITH_CONSORTIUM(porter__killed_is_back_within_two_seconds),
        TEST_WITH_CONSORTIUM(porter__a_question_survives_it),
        TEST_WITH_CONSORTIUM(porter__answers_do_not_outlive_it),
        TEST_WITH_CONSORTIUM(porter__that_hangs_is_replaced),
        TEST_WITH_CONSORTIUM(porter__ends_with_its_engine),
        TEST_WITH_CONSORTIUM(porter__that_was_taken_over_is_not_believed),
        TEST_WITH_CONSORTIUM(porter__a_message_without_end_costs_at_most_the_porter),
        TEST_WITH_CONSORTIUM(porter__strangers_do_not_keep_members_out),
        TEST_WITH_CONSORTIUM(porter__without_descriptors_touches_nothing_else),
        TEST_WITH_CONSORTIUM(porter__comes_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
