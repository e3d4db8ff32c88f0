/* return - a coordinator that is gone, silent, somebody else, or whose doorkeeper answers
 * what it likes, for a while: until then every question ends by its deadline, without an
 * answer; afterwards the same client is answered, with nobody's help.
 *
 * The cases run side by side, a thread and a port each. */

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zmq.h>

#include "base/clock.h"
#include "base/memory.h"
#include "check.h"
#include "consortium.h"
#include "wire/transport.h"

enum {
    DEADLINE_MS = 700,
    FAULT_MS = 2000,
    SLACK_MS = 3000, /* of a machine with other things to do */
    BACK_MS = 5000,
    PATIENCE_MS = TRANSPORT_HANDSHAKE_MS + 2 * BACK_MS
};

enum fault {
    NOBODY, /* the port is closed */
    /* What listens is no ZeroMQ, or half of one. */
    ACCEPTS_ONLY,
    HANGS_UP,
    GREETS_ONLY,
    GREETS_GARBAGE,
    SPEAKS_HTTP,
    /* The coordinator's key, and a doorkeeper that answers so. */
    ZAP_200_AND_SILENCE,
    ZAP_300,
    ZAP_400,
    ZAP_500,
    ZAP_GARBAGE,
    ZAP_SILENCE,
    /* Another key. */
    IMPOSTOR,
    FAULTS
};

static const char *const names[FAULTS] = {
    "nobody",      "accepts only",    "hangs up", "greets only", "greets garbage",
    "speaks HTTP", "200 and silence", "ZAP 300",  "ZAP 400",     "ZAP 500",
    "ZAP garbage", "ZAP silence",     "impostor"};

/* When it begins: before the first question, after one was answered, or while one waits
 * and for less than its deadline, so that the question itself is answered. */
enum begin { FIRST, LATER, WITHIN, BEGINS };

struct scene {
    const struct consortium *c;
    enum fault fault;
    enum begin begin;
    uint16_t port;
    atomic_bool stop; /* whoever serves */
    char why[200];    /* empty: it held */
    int back_ms;
    pthread_t thread;
};

static uint64_t now_ms(void)
{
    return clock_steady_ms(&clock_machine);
}

static void fails(struct scene *scene, const char *what, int number)
{
    if (!*scene->why)
        snprintf(scene->why, sizeof scene->why, "%s (%d)", what, number);
}

/* --- who serves the port
 * ---------------------------------------------------------------------- */

static int listen_at(uint16_t port)
{
    const int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 16) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Sixty-four bytes of a ZMTP 3.1 greeting, as far as it goes. */
static void greet(int fd, enum fault fault)
{
    static const char http[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    uint8_t greeting[64] = {0xff, 0, 0, 0,   0,   0,   0,   0,  1,
                            0x7f, 3, 1, 'C', 'U', 'R', 'V', 'E'};
    if (fault == GREETS_GARBAGE)
        memset(greeting, 0xa5, sizeof greeting);
    const void *said = fault == SPEAKS_HTTP ? (const void *)http : greeting;
    size_t size = fault == SPEAKS_HTTP ? sizeof http - 1 : sizeof greeting;
    if (fault >= GREETS_ONLY && send(fd, said, size, MSG_NOSIGNAL) < 0)
        return;
}

static void *serve_bytes(void *argument)
{
    struct scene *scene = argument;
    int taken[64], count = 0, fd = -1;
    while (!scene->stop && (fd = listen_at(scene->port)) < 0)
        poll(NULL, 0, 10);
    while (!scene->stop) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        if (poll(&item, 1, 20) <= 0 || count == 64)
            continue;
        int one = accept(fd, NULL, NULL);
        if (one < 0)
            continue;
        greet(one, scene->fault);
        if (scene->fault == HANGS_UP)
            close(one);
        else
            taken[count++] = one;
    }
    while (count > 0)
        close(taken[--count]);
    if (fd >= 0)
        close(fd);
    return NULL;
}

/* A doorkeeper's answer to one request, which is read to its end. */
static void keep_door(void *zap, enum fault fault)
{
    char part[256], id[64] = "1";
    int more = 1, index = 0;
    size_t size = sizeof more;
    while (more) {
        int got = zmq_recv(zap, part, sizeof part, 0);
        if (got < 0)
            return;
        if (index++ == 1 && (size_t)got < sizeof id)
            memcpy(id, part, (size_t)got), id[got] = '\0';
        zmq_getsockopt(zap, ZMQ_RCVMORE, &more, &size);
    }
    if (fault == ZAP_SILENCE)
        return; /* REP then waits for it for ever */
    const char *code = fault == ZAP_300       ? "300"
                       : fault == ZAP_400     ? "400"
                       : fault == ZAP_500     ? "500"
                       : fault == ZAP_GARBAGE ? "2x"
                                              : "200";
    const char *const parts[] = {"1.0", id, code, "so it is", "somebody", ""};
    int last = fault == ZAP_GARBAGE ? 3 : 5;
    for (int i = 0; i <= last; i++)
        zmq_send(zap, parts[i], strlen(parts[i]), i < last ? ZMQ_SNDMORE : 0);
}

/* A ROUTER with a key, which answers nothing. */
static void *serve_door(void *argument)
{
    struct scene *scene = argument;
    char endpoint[64], buffer[2048];
    const int one = 1, zero = 0;
    const struct identity *who =
        scene->fault == IMPOSTOR ? scene->c->stranger : scene->c->coordinator;
    void *context = zmq_ctx_new(), *router = zmq_socket(context, ZMQ_ROUTER),
         *zap = zmq_socket(context, ZMQ_REP);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", scene->port);
    zmq_bind(zap, "inproc://zeromq.zap.01");
    zmq_setsockopt(router, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(zap, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(router, ZMQ_CURVE_SERVER, &one, sizeof one);
    zmq_setsockopt(router, ZMQ_CURVE_SECRETKEY, identity_curve_secret(who), KEY_BYTES);
    zmq_setsockopt(router, ZMQ_ZAP_DOMAIN, "gemel", 5);
    while (!scene->stop && zmq_bind(router, endpoint) != 0)
        poll(NULL, 0, 10);
    while (!scene->stop) {
        zmq_pollitem_t items[] = {{router, 0, ZMQ_POLLIN, 0}, {zap, 0, ZMQ_POLLIN, 0}};
        zmq_poll(items, 2, 20);
        if (items[0].revents)
            zmq_recv(router, buffer, sizeof buffer, ZMQ_DONTWAIT);
        if (items[1].revents)
            keep_door(zap, scene->fault);
    }
    zmq_close(router);
    zmq_close(zap);
    zmq_ctx_term(context);
    return NULL;
}

/* The coordinator itself: the product's own server, which echoes. */
static void *serve_truly(void *argument)
{
    struct scene *scene = argument;
    struct transport_server *server = NULL;
    struct transport_peer peer;
    struct bytes curves = {0}, frame = {0};
    char endpoint[64];
    bytes_append(&curves, scene->c->curves[0], KEY_BYTES);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", scene->port);
    while (!scene->stop &&
           transport_server_new(endpoint, identity_curve_secret(scene->c->coordinator),
                                &curves, &server) != ERR_OK)
        poll(NULL, 0, 10);
    while (!scene->stop)
        if (transport_server_receive(server, 20, -1, &peer, &frame) == ERR_OK)
            (void)transport_server_send(server, &peer, codec_view(&frame));
    transport_server_destroy(&server);
    bytes_free(&curves);
    bytes_free(&frame);
    return NULL;
}

static pthread_t begin(struct scene *scene, void *(*serve)(void *))
{
    pthread_t thread;
    scene->stop = false;
    if (pthread_create(&thread, NULL, serve, scene) != 0)
        abort();
    return thread;
}

static void end(struct scene *scene, pthread_t thread)
{
    scene->stop = true;
    pthread_join(thread, NULL);
}

static void *serve_nobody(void *argument)
{
    (void)argument;
    return NULL;
}

static void *(*server_of(enum fault fault))(void *)
{
    return fault == NOBODY               ? serve_nobody
           : fault < ZAP_200_AND_SILENCE ? serve_bytes
                                         : serve_door;
}

/* --- who asks
 * ---------------------------------------------------------------------------------- */

/* One question; whether it was answered, and by what it asked. */
static bool ask(struct scene *scene, struct transport_client *client,
                unsigned deadline_ms)
{
    struct bytes question = {0}, answer = {0};
    bytes_u64(&question, now_ms());
    uint64_t before = now_ms();
    enum err result = transport_client_ask(client, &question, deadline_ms, -1, &answer);
    int took = (int)(now_ms() - before);
    bool same = result == ERR_OK && answer.size == question.size &&
                memcmp(answer.data, question.data, answer.size) == 0;
    if (result == ERR_OK && !same)
        fails(scene, "an answer that is none", (int)answer.size);
    if (result != ERR_OK && result != ERR_GONE)
        fails(scene, "it ends with another error", (int)result);
    if (took > (int)deadline_ms + SLACK_MS)
        fails(scene, "it took longer than its deadline, ms", took);
    bytes_free(&question);
    bytes_free(&answer);
    return same;
}

static void until_answered(struct scene *scene, struct transport_client *client)
{
    const uint64_t from = now_ms();
    while (!ask(scene, client, 1000) && now_ms() - from < BACK_MS + SLACK_MS)
        ;
    scene->back_ms = (int)(now_ms() - from);
}

static void suffer(struct scene *scene, struct transport_client *client)
{
    pthread_t thread = begin(scene, server_of(scene->fault));
    const uint64_t until = now_ms() + FAULT_MS;
    while (now_ms() < until)
        if (ask(scene, client, DEADLINE_MS))
            fails(scene, "answered by nobody", (int)scene->fault);
    end(scene, thread);
}

struct asked {
    struct scene *scene;
    struct transport_client *client;
    bool answered;
};

static void *ask_patiently(void *argument)
{
    struct asked *asked = argument;
    asked->answered = ask(asked->scene, asked->client, PATIENCE_MS);
    return NULL;
}

/* The question is asked before the fault and answered after it, being sent once more. */
static void suffer_within(struct scene *scene, struct transport_client *client)
{
    struct asked asked = {.scene = scene, .client = client};
    pthread_t asking, thread = begin(scene, server_of(scene->fault));
    if (pthread_create(&asking, NULL, ask_patiently, &asked) != 0)
        abort();
    poll(NULL, 0, FAULT_MS / 2);
    end(scene, thread);
    thread = begin(scene, serve_truly);
    pthread_join(asking, NULL);
    end(scene, thread);
    if (!asked.answered)
        fails(scene, "the question that waited is not answered", 0);
}

static void *play(void *argument)
{
    struct scene *scene = argument;
    struct transport_client *client;
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", scene->port);
    if (transport_client_new(endpoint, scene->c->fields.coordinator_curve,
                             scene->c->hospitals[0], &client) != ERR_OK) {
        fails(scene, "no client", 0);
        return NULL;
    }
    if (scene->begin != FIRST) {
        pthread_t thread = begin(scene, serve_truly);
        until_answered(scene, client);
        end(scene, thread);
    }
    if (scene->begin == WITHIN)
        suffer_within(scene, client);
    else
        suffer(scene, client);
    pthread_t thread = begin(scene, serve_truly);
    until_answered(scene, client);
    end(scene, thread);
    if (scene->back_ms > BACK_MS)
        fails(scene, "back only after ms", scene->back_ms);
    transport_client_destroy(&client);
    return NULL;
}

/* A port that nobody has now, kept by nobody. */
static uint16_t free_port(void)
{
    static uint16_t next;
    if (next == 0)
        next = (uint16_t)(12000 + getpid() % 7000);
    for (;;) {
        int fd = listen_at(++next);
        if (fd >= 0) {
            close(fd);
            return next;
        }
    }
}

static void return__the_same_client_is_answered_again(void **state)
{
    static struct scene scenes[FAULTS * BEGINS];
    size_t count = 0, failed = 0;
    int longest = 0;
    for (enum fault fault = 0; fault < FAULTS; fault++)
        for (enum begin when = 0; when < BEGINS; when++) {
            /* A connection that stands there, mute, is known by the heartbeat only. */
            if (when == WITHIN && fault != NOBODY && fault != HANGS_UP &&
                fault != SPEAKS_HTTP && fault != GREETS_GARBAGE)
                continue;
            scenes[count++] = (struct scene){
                .c = *state, .fault = fault, .begin = when, .port = free_port()};
        }
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&scenes[i].thread, NULL, play, &scenes[i]), 0);
    for (size_t i = 0; i < count; i++) {
        pthread_join(scenes[i].thread, NULL);
        longest = scenes[i].back_ms > longest ? scenes[i].back_ms : longest;
        failed += *scenes[i].why != '\0';
        if (*scenes[i].why)
            print_message("%s, %d: %s\n", names[scenes[i].fault], scenes[i].begin,
                          scenes[i].why);
    }
    print_message("%zu cases, back after %d ms at most\n", count, longest);
    assert_true(count >= 30);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(return__the_same_client_is_answered_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
