#include "wire/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zmq.h>

#include "base/clock.h"
#include "check.h"
#include "consortium.h"

#define ANY "tcp://127.0.0.1:*"

static uint64_t now_ms(void)
{
    return clock_steady_ms(&clock_machine);
}

static struct bytes text_frame(const char *text)
{
    struct bytes frame = {0};
    bytes_append(&frame, text, strlen(text));
    return frame;
}

/* ---- a server that echoes, in a thread of its own ---- */

struct echo {
    struct link_server *server;
    struct link_peer peer; /* of the last frame */
    uint64_t frames;
    char endpoint[64];
    pthread_t thread;
    int stop; /* readable: end */
    bool silent;
};

static void *echo_run(void *argument)
{
    struct echo *echo = argument;
    struct bytes frame = {0};
    enum err result;
    while ((result = link_server_receive(echo->server, 60000, echo->stop, &echo->peer,
                                         &frame)) != ERR_INTERRUPTED) {
        if (result != ERR_OK)
            continue;
        echo->frames++;
        if (!echo->silent)
            link_server_send(echo->server, &echo->peer, codec_view(&frame));
    }
    bytes_free(&frame);
    return NULL;
}

static void echo_start(struct echo *echo, const struct consortium *c,
                       const char *endpoint, size_t allowed)
{
    struct bytes curves = {0};
    *echo = (struct echo){.stop = eventfd(0, 0)};
    bytes_append(&curves, c->curves, allowed * KEY_BYTES);
    assert_ok(link_server_new(endpoint, identity_curve_secret(c->coordinator), &curves,
                              &echo->server));
    snprintf(echo->endpoint, sizeof echo->endpoint, "%s",
             link_server_endpoint(echo->server));
    bytes_free(&curves);
}

static void echo_go(struct echo *echo)
{
    assert_int_equal(pthread_create(&echo->thread, NULL, echo_run, echo), 0);
}

/* After this the server may be asked what it saw. */
static void echo_halt(struct echo *echo)
{
    uint64_t one = 1;
    assert_int_equal(write(echo->stop, &one, sizeof one), sizeof one);
    pthread_join(echo->thread, NULL);
}

static void echo_end(struct echo *echo)
{
    link_server_destroy(&echo->server);
    assert_null(echo->server);
    close(echo->stop);
}

static struct link_client *client_of(const struct consortium *c, const struct echo *echo,
                                     const struct identity *identity)
{
    struct link_client *client = NULL;
    assert_ok(
        link_client_new(echo->endpoint, c->fields.coordinator_curve, identity, &client));
    return client;
}

static enum err ask(struct link_client *client, const char *question,
                    unsigned deadline_ms)
{
    struct bytes frame = text_frame(question), answer = {0};
    enum err result = link_client_ask(client, &frame, deadline_ms, -1, &answer);
    if (result == ERR_OK) {
        assert_int_equal(answer.size, frame.size);
        assert_memory_equal(answer.data, frame.data, frame.size);
    }
    bytes_free(&frame);
    bytes_free(&answer);
    return result;
}

/* ---- peers that do not keep to the rules: the library itself, and bare TCP ---- */

struct rogue {
    void *context, *socket;
};

static struct rogue rogue_new(const struct consortium *c, const struct echo *echo,
                              const struct identity *identity, const char *route)
{
    struct rogue rogue = {zmq_ctx_new(), NULL};
    uint8_t curve[KEY_BYTES];
    int none = 0;
    rogue.socket = zmq_socket(rogue.context, ZMQ_DEALER);
    zmq_setsockopt(rogue.socket, ZMQ_LINGER, &none, sizeof none);
    if (identity) {
        identity_curve(identity, curve);
        zmq_setsockopt(rogue.socket, ZMQ_CURVE_SERVERKEY, c->fields.coordinator_curve,
                       KEY_BYTES);
        zmq_setsockopt(rogue.socket, ZMQ_CURVE_PUBLICKEY, curve, KEY_BYTES);
        zmq_setsockopt(rogue.socket, ZMQ_CURVE_SECRETKEY, identity_curve_secret(identity),
                       KEY_BYTES);
    }
    if (route)
        zmq_setsockopt(rogue.socket, ZMQ_ROUTING_ID, route, strlen(route));
    assert_int_equal(zmq_connect(rogue.socket, echo->endpoint), 0);
    return rogue;
}

static void rogue_end(struct rogue *rogue)
{
    zmq_close(rogue->socket);
    zmq_ctx_term(rogue->context);
}

/* Size of what comes within `ms`; -1: nothing. */
static int rogue_hears(struct rogue *rogue, int ms)
{
    char data[64];
    zmq_pollitem_t item = {rogue->socket, 0, ZMQ_POLLIN, 0};
    return zmq_poll(&item, 1, ms) > 0 ? zmq_recv(rogue->socket, data, sizeof data, 0)
                                      : -1;
}

static int tcp_connect(const char *endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* ---- the tests ---- */

static void link__carries_a_question_and_its_answer(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    assert_non_null(strstr(echo.endpoint, "tcp://127.0.0.1:"));
    assert_null(strchr(echo.endpoint, '*'));
    echo_go(&echo);
    struct link_client *client = client_of(c, &echo, c->hospitals[2]);
    assert_ok(ask(client, "hello", 5000));
    assert_ok(ask(client, "hello again", 5000));
    struct bytes large = {0}, answer = {0};
    for (size_t i = 0; i < WIRE_FRAME_MAX; i++)
        bytes_u8(&large, (uint8_t)(i * i));
    assert_ok(link_client_ask(client, &large, 5000, -1, &answer));
    assert_int_equal(answer.size, WIRE_FRAME_MAX);
    assert_memory_equal(answer.data, large.data, WIRE_FRAME_MAX);
    bytes_u8(&large, 0);
    assert_refused(ERR_RANGE, "1048577 bytes",
                   link_client_ask(client, &large, 5000, -1, &answer));
    large.size = 0;
    assert_refused(ERR_RANGE, "0 bytes",
                   link_client_ask(client, &large, 5000, -1, &answer));
    echo_halt(&echo);
    assert_int_equal(echo.frames, 3);
    assert_memory_equal(echo.peer.curve, c->curves[2], KEY_BYTES);
    assert_int_equal(link_server_dropped(echo.server), 0);
    assert_refused(ERR_RANGE, "0 bytes",
                   link_server_send(echo.server, &echo.peer, codec_view(&large)));
    link_client_destroy(&client);
    assert_null(client);
    /* the peer is gone now; that is nobody's fault */
    assert_ok(link_server_send(echo.server, &echo.peer, codec_view(&answer)));
    bytes_free(&large);
    bytes_free(&answer);
    echo_end(&echo);
}

static void link__answers_go_to_who_asked(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    struct link_client *clients[HOSPITALS];
    char question[40];
    echo_start(&echo, c, ANY, HOSPITALS);
    echo_go(&echo);
    for (size_t i = 0; i < HOSPITALS; i++)
        clients[i] = client_of(c, &echo, c->hospitals[i]);
    for (int round = 0; round < 50; round++)
        for (size_t i = 0; i < HOSPITALS; i++) {
            snprintf(question, sizeof question, "question %d of %zu", round, i);
            assert_ok(ask(clients[i], question, 5000));
        }
    for (size_t i = 0; i < HOSPITALS; i++)
        link_client_destroy(&clients[i]);
    echo_halt(&echo);
    echo_end(&echo);
}

static void link__lets_in_nobody_it_does_not_know(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, 2);
    echo_go(&echo);
    struct link_client *stranger = client_of(c, &echo, c->stranger);
    struct link_client *not_yet = client_of(c, &echo, c->hospitals[2]);
    struct rogue plain = rogue_new(c, &echo, NULL, NULL); /* no CURVE at all */
    zmq_send(plain.socket, "hello", 5, 0);
    assert_refused(ERR_GONE, "no connection", ask(stranger, "hello", 400));
    assert_non_null(strstr(err_hint_text(), "roster"));
    assert_int_equal(ask(not_yet, "hello", 400), ERR_GONE);
    assert_int_equal(rogue_hears(&plain, 200), -1);
    struct link_client *known = client_of(c, &echo, c->hospitals[1]);
    assert_ok(ask(known, "hello", 5000));
    /* admitted later, without a restart */
    struct bytes curves = {0};
    bytes_append(&curves, c->curves, 3 * KEY_BYTES);
    link_server_allow(echo.server, &curves);
    assert_ok(ask(not_yet, "hello", 5000));
    assert_int_equal(ask(stranger, "hello", 400), ERR_GONE);
    echo_halt(&echo);
    assert_int_equal(echo.frames, 2);
    bytes_free(&curves);
    link_client_destroy(&stranger);
    link_client_destroy(&not_yet);
    link_client_destroy(&known);
    rogue_end(&plain);
    echo_end(&echo);
}

static void link__talks_to_the_pinned_server_only(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    struct link_client *client = NULL;
    uint8_t other[KEY_BYTES];
    echo_start(&echo, c, ANY, HOSPITALS);
    echo_go(&echo);
    identity_curve(c->stranger, other);
    assert_ok(link_client_new(echo.endpoint, other, c->hospitals[0], &client));
    assert_int_equal(ask(client, "hello", 400), ERR_GONE);
    link_client_destroy(&client);
    echo_halt(&echo);
    assert_int_equal(echo.frames, 0);
    echo_end(&echo);
}

static void link__a_key_struck_off_is_not_heard_any_more(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, 2);
    echo_go(&echo);
    struct link_client *one = client_of(c, &echo, c->hospitals[0]);
    struct link_client *other = client_of(c, &echo, c->hospitals[1]);
    assert_ok(ask(one, "hello", 5000));
    assert_ok(ask(other, "hello", 5000));
    struct bytes curves = {0};
    bytes_append(&curves, c->curves[1], KEY_BYTES);
    link_server_allow(echo.server, &curves);
    assert_int_equal(ask(one, "over the old connection", 300), ERR_GONE);
    assert_int_equal(ask(one, "over a new one", 300), ERR_GONE);
    assert_ok(ask(other, "hello", 5000));
    echo_halt(&echo);
    assert_int_equal(link_server_dropped(echo.server), 1);
    assert_int_equal(echo.frames, 3);
    bytes_append(&curves, c->curves[0], KEY_BYTES);
    link_server_allow(echo.server, &curves);
    echo_go(&echo); /* its stop descriptor is still readable: ends at once */
    pthread_join(echo.thread, NULL);
    uint64_t counted;
    assert_int_equal(read(echo.stop, &counted, sizeof counted), sizeof counted);
    echo_go(&echo);
    assert_ok(ask(one, "back again", 5000));
    echo_halt(&echo);
    bytes_free(&curves);
    link_client_destroy(&one);
    link_client_destroy(&other);
    echo_end(&echo);
}

static void link__drops_what_is_not_one_frame_by_an_ordinary_route(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    echo_go(&echo);
    struct rogue rogue = rogue_new(c, &echo, c->hospitals[0], NULL);
    struct rogue named = rogue_new(c, &echo, c->hospitals[1], "chosen");
    zmq_send(rogue.socket, "one", 3, ZMQ_SNDMORE);
    zmq_send(rogue.socket, "two", 3, 0);
    zmq_send(rogue.socket, "", 0, ZMQ_SNDMORE); /* as a REQ socket would */
    zmq_send(rogue.socket, "delimited", 9, 0);
    for (int i = 0; i < 50; i++)
        zmq_send(rogue.socket, "many", 4, i < 49 ? ZMQ_SNDMORE : 0);
    zmq_send(rogue.socket, "", 0, 0);
    zmq_send(rogue.socket, "proper", 6, 0);
    assert_int_equal(rogue_hears(&rogue, 5000), 6);
    zmq_send(named.socket, "hello", 5, 0);
    assert_int_equal(rogue_hears(&named, 300), -1);
    assert_int_equal(rogue_hears(&rogue, 0), -1);
    echo_halt(&echo);
    assert_int_equal(echo.frames, 1);
    assert_int_equal(link_server_dropped(echo.server), 5);
    rogue_end(&rogue);
    rogue_end(&named);
    echo_end(&echo);
}

static void link__drops_what_is_too_large(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    echo_go(&echo);
    struct rogue rogue = rogue_new(c, &echo, c->hospitals[0], NULL);
    uint8_t *large = mem_new(WIRE_FRAME_MAX + 2, 1);
    zmq_send(rogue.socket, large, WIRE_FRAME_MAX + 1, 0);
    assert_int_equal(rogue_hears(&rogue, 400), -1);
    zmq_send(rogue.socket, large, WIRE_FRAME_MAX, 0); /* the connection is a new one */
    assert_true(rogue_hears(&rogue, 5000) > 0);
    struct link_client *client = client_of(c, &echo, c->hospitals[1]);
    assert_ok(ask(client, "hello", 5000));
    echo_halt(&echo);
    assert_int_equal(echo.frames, 2);
    assert_int_equal(link_server_dropped(echo.server), 0); /* never taken in, in fact */
    mem_free(large);
    rogue_end(&rogue);
    link_client_destroy(&client);
    echo_end(&echo);
}

static void link__deadlines_are_kept(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    struct link_peer peer;
    struct bytes frame = {0};
    uint64_t before = now_ms();
    assert_refused(ERR_GONE, "no node said anything for 200 ms",
                   link_server_receive(echo.server, 200, -1, &peer, &frame));
    assert_in_range(now_ms() - before, 200, 2000);
    assert_int_equal(link_server_receive(echo.server, 0, -1, &peer, &frame), ERR_GONE);
    echo.silent = true;
    echo_go(&echo);
    struct link_client *client = client_of(c, &echo, c->hospitals[0]);
    before = now_ms();
    assert_int_equal(ask(client, "hello", 300), ERR_GONE);
    assert_in_range(now_ms() - before, 300, 2000);
    echo_halt(&echo);
    assert_int_equal(echo.frames, 1);
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "%s", echo.endpoint);
    echo_end(&echo);
    link_client_destroy(&client);
    snprintf(echo.endpoint, sizeof echo.endpoint, "%s", endpoint);
    client = client_of(c, &echo, c->hospitals[0]); /* nobody listens there now */
    before = now_ms();
    assert_refused(ERR_GONE, "no connection", ask(client, "hello", 300));
    assert_in_range(now_ms() - before, 300, 2000);
    link_client_destroy(&client);
    bytes_free(&frame);
}

/* Bad frames one after the other do not stretch a wait. */
static void link__a_flood_of_bad_frames_ends_with_the_deadline(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    struct rogue rogue = rogue_new(c, &echo, c->hospitals[0], NULL);
    for (int i = 0; i < 1000; i++)
        zmq_send(rogue.socket, "", 0, ZMQ_DONTWAIT);
    struct link_peer peer;
    struct bytes frame = {0};
    uint64_t before = now_ms();
    assert_int_equal(link_server_receive(echo.server, 300, -1, &peer, &frame), ERR_GONE);
    assert_in_range(now_ms() - before, 300, 2000);
    assert_true(link_server_dropped(echo.server) > 0);
    rogue_end(&rogue);
    echo_end(&echo);
}

static void link__a_late_answer_is_never_the_next_ones(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    struct link_client *client = client_of(c, &echo, c->hospitals[0]);
    assert_int_equal(ask(client, "first", 300), ERR_GONE); /* taken in, not answered */
    struct link_peer late;
    struct bytes first = {0};
    assert_ok(link_server_receive(echo.server, 5000, -1, &late, &first));
    assert_memory_equal(first.data, "first", 5);
    for (int i = 0; i < 3; i++)
        assert_ok(link_server_send(echo.server, &late, codec_view(&first)));
    echo_go(&echo);
    assert_ok(ask(client, "second", 5000));
    echo_halt(&echo);
    bytes_free(&first);
    link_client_destroy(&client);
    echo_end(&echo);
}

static void link__a_server_that_comes_back_is_found_again(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    char endpoint[64];
    echo_start(&echo, c, ANY, HOSPITALS);
    snprintf(endpoint, sizeof endpoint, "%s", echo.endpoint);
    echo_go(&echo);
    struct link_client *client = client_of(c, &echo, c->hospitals[0]);
    struct link_client *patient = client_of(c, &echo, c->hospitals[1]);
    assert_ok(ask(client, "before", 5000));
    assert_ok(ask(patient, "before", 5000));
    echo_halt(&echo);
    echo_end(&echo);
    assert_int_equal(ask(client, "meanwhile", 300), ERR_GONE);
    echo_start(&echo, c, endpoint, HOSPITALS);
    echo_go(&echo);
    assert_ok(ask(client, "after", 8000));
    assert_ok(ask(patient, "after", 8000)); /* its own connection, made anew */
    echo_halt(&echo);
    link_client_destroy(&client);
    link_client_destroy(&patient);
    echo_end(&echo);
}

static void link__a_descriptor_ends_a_wait(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    struct link_peer peer;
    struct bytes frame = text_frame("hello"), answer = {0};
    int wake = eventfd(1, 0);
    echo_start(&echo, c, ANY, HOSPITALS);
    uint64_t before = now_ms();
    assert_int_equal(link_server_receive(echo.server, 5000, wake, &peer, &frame),
                     ERR_INTERRUPTED);
    struct link_client *client = client_of(c, &echo, c->hospitals[0]);
    assert_int_equal(link_client_ask(client, &frame, 5000, wake, &answer),
                     ERR_INTERRUPTED);
    assert_true(now_ms() - before < 3000);
    uint64_t counted;
    assert_int_equal(read(wake, &counted, sizeof counted), sizeof counted);
    echo_go(&echo);
    assert_ok(link_client_ask(client, &frame, 5000, wake, &answer));
    echo_halt(&echo);
    link_client_destroy(&client);
    bytes_free(&frame);
    bytes_free(&answer);
    close(wake);
    echo_end(&echo);
}

/* Half of them say nothing, half begin a greeting, a byte at a time or with garbage. All
 * are shown out when the time for a handshake is over. */
static void link__idle_and_slow_strangers_are_shown_out(void **state)
{
    enum { STRANGERS = 100 };
    const struct consortium *c = *state;
    struct echo echo;
    int strangers[STRANGERS];
    echo_start(&echo, c, ANY, HOSPITALS);
    echo_go(&echo);
    uint64_t before = now_ms();
    for (int i = 0; i < STRANGERS; i++) {
        strangers[i] = tcp_connect(echo.endpoint);
        if (i % 4 == 1)
            assert_int_equal(write(strangers[i], "\xff", 1), 1);
        if (i % 4 == 3)
            assert_int_equal(write(strangers[i], "GET / HTTP/1.1\r\n\r\n", 18), 18);
    }
    struct link_client *client = client_of(c, &echo, c->hospitals[0]);
    for (int i = 0; i < 20; i++)
        assert_ok(ask(client, "hello", 5000));
    int open = STRANGERS;
    while (open > 0 && now_ms() - before < LINK_HANDSHAKE_MS + 10000) {
        open = 0;
        for (int i = 0; i < STRANGERS; i++) {
            char data[128];
            ssize_t got;
            do
                got = recv(strangers[i], data, sizeof data, MSG_DONTWAIT);
            while (got > 0);
            open += got < 0 && errno == EAGAIN;
        }
        assert_ok(ask(client, "hello", 5000));
        poll(NULL, 0, 100);
    }
    assert_int_equal(open, 0);
    assert_true(now_ms() - before >= LINK_HANDSHAKE_MS - 500);
    for (int i = 0; i < STRANGERS; i++)
        close(strangers[i]);
    link_client_destroy(&client);
    echo_halt(&echo);
    echo_end(&echo);
}

/* Bytes the process holds from the allocator; 0 under a sanitizer, which has its own. */
static size_t held(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* A member that asks and asks and never reads loses its answers and costs little. */
static void link__a_peer_that_does_not_read_costs_little(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    int one = 1;
    struct rogue rogue = rogue_new(c, &echo, c->hospitals[0], NULL);
    zmq_setsockopt(rogue.socket, ZMQ_RCVHWM, &one, sizeof one);
    zmq_disconnect(rogue.socket, echo.endpoint);
    zmq_connect(rogue.socket, echo.endpoint);
    zmq_send(rogue.socket, "hello", 5, 0);
    struct link_peer peer;
    struct bytes frame = {0}, large = {0};
    assert_ok(link_server_receive(echo.server, 5000, -1, &peer, &frame));
    for (size_t i = 0; i < WIRE_FRAME_MAX; i++)
        bytes_u8(&large, (uint8_t)i);
    size_t before = held();
    for (int i = 0; i < 200; i++) {
        assert_ok(link_server_send(echo.server, &peer, codec_view(&large)));
        if (i % 20 == 0)
            poll(NULL, 0, 5);
    }
    assert_true(held() <= before + 10 * WIRE_FRAME_MAX); /* 200 MiB were offered */
    echo_go(&echo);
    struct link_client *client = client_of(c, &echo, c->hospitals[1]);
    assert_ok(ask(client, "hello", 5000));
    echo_halt(&echo);
    bytes_free(&frame);
    bytes_free(&large);
    link_client_destroy(&client);
    rogue_end(&rogue);
    echo_end(&echo);
}

static void link__says_which_address_it_cannot_use(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    struct bytes none = {0};
    struct link_server *server = NULL;
    struct link_client *client = NULL;
    echo_start(&echo, c, ANY, 0);
    assert_refused(ERR_GONE, echo.endpoint,
                   link_server_new(echo.endpoint, identity_curve_secret(c->coordinator),
                                   &none, &server));
    assert_refused(ERR_GONE, "cannot be bound",
                   link_server_new("tcp://192.0.2.1:7400",
                                   identity_curve_secret(c->coordinator), &none,
                                   &server));
    assert_refused(ERR_RANGE, "ipc:///tmp/x:1",
                   link_server_new("ipc:///tmp/x:1",
                                   identity_curve_secret(c->coordinator), &none,
                                   &server));
    assert_refused(ERR_RANGE, "inproc://x:1",
                   link_client_new("inproc://x:1", c->fields.coordinator_curve,
                                   c->hospitals[0], &client));
    assert_refused(ERR_RANGE, "port",
                   link_client_new("tcp://127.0.0.1:*", c->fields.coordinator_curve,
                                   c->hospitals[0], &client));
    assert_null(server);
    assert_null(client);
    link_server_destroy(&server);
    link_client_destroy(&client);
    echo_end(&echo);
}

/* ---- many nodes in one process ---- */

static struct link_crowd *crowd_of(const struct consortium *c, const struct echo *echo,
                                   size_t members)
{
    struct link_crowd *crowd = NULL;
    size_t member;
    assert_ok(
        link_crowd_new(echo->endpoint, c->fields.coordinator_curve, members, &crowd));
    for (size_t i = 0; i < members; i++) {
        assert_ok(link_crowd_join(crowd, c->hospitals[i], &member));
        assert_int_equal(member, i);
    }
    return crowd;
}

/* Whose answer comes next, and that it is what this member asked. */
static size_t crowd_hears(struct link_crowd *crowd, unsigned timeout_ms)
{
    struct bytes answer = {0};
    size_t member = SIZE_MAX;
    if (link_crowd_receive(crowd, timeout_ms, &member, &answer) == ERR_OK) {
        char expected[32];
        snprintf(expected, sizeof expected, "I am %zu", member);
        assert_int_equal(answer.size, strlen(expected));
        assert_memory_equal(answer.data, expected, answer.size);
    } else {
        assert_int_equal(err_code(), ERR_GONE);
        member = SIZE_MAX;
    }
    bytes_free(&answer);
    return member;
}

static void crowd_asks(struct link_crowd *crowd, size_t member)
{
    char question[32];
    snprintf(question, sizeof question, "I am %zu", member);
    struct bytes frame = text_frame(question);
    assert_ok(link_crowd_send(crowd, member, &frame));
    bytes_free(&frame);
}

static void link__a_crowd_gets_each_its_own_answers(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    echo_go(&echo);
    struct link_crowd *crowd = crowd_of(c, &echo, HOSPITALS);
    for (int round = 0; round < 20; round++) {
        bool heard[HOSPITALS] = {0};
        for (size_t i = 0; i < HOSPITALS; i++)
            crowd_asks(crowd, i);
        for (size_t i = 0; i < HOSPITALS; i++) {
            size_t member = crowd_hears(crowd, 5000);
            assert_true(member < HOSPITALS && !heard[member]);
            heard[member] = true;
        }
    }
    assert_int_equal(crowd_hears(crowd, 0), SIZE_MAX);
    size_t member;
    assert_refused(ERR_RANGE, "no more", link_crowd_join(crowd, c->stranger, &member));
    struct bytes none = {0};
    assert_refused(ERR_RANGE, "0 bytes", link_crowd_send(crowd, 0, &none));
    link_crowd_destroy(&crowd);
    assert_null(crowd);
    link_crowd_destroy(&crowd);
    echo_halt(&echo);
    echo_end(&echo);
}

/* One whom the server does not know hears nothing, and the others all the same. */
static void link__a_crowd_does_not_wait_for_one_member(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, 2);
    echo_go(&echo);
    struct link_crowd *crowd = crowd_of(c, &echo, 3); /* the third is not allowed */
    for (size_t i = 0; i < 3; i++)
        crowd_asks(crowd, i);
    size_t first = crowd_hears(crowd, 5000), second = crowd_hears(crowd, 5000);
    assert_true(first + second == 1);
    uint64_t before = now_ms();
    assert_int_equal(crowd_hears(crowd, 300), SIZE_MAX);
    assert_in_range(now_ms() - before, 300, 2000);
    struct bytes frame = text_frame("nobody listens");
    for (int i = 0; i < 2; i++)
        (void)link_crowd_send(crowd, 2, &frame);
    assert_refused(ERR_GONE, "node 2", link_crowd_send(crowd, 2, &frame));
    crowd_asks(crowd, 0);
    assert_int_equal(crowd_hears(crowd, 5000), 0);
    bytes_free(&frame);
    link_crowd_destroy(&crowd);
    echo_halt(&echo);
    assert_int_equal(echo.frames, 3);
    echo_end(&echo);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(link__carries_a_question_and_its_answer),
        TEST_WITH_CONSORTIUM(link__answers_go_to_who_asked),
        TEST_WITH_CONSORTIUM(link__lets_in_nobody_it_does_not_know),
        TEST_WITH_CONSORTIUM(link__talks_to_the_pinned_server_only),
        TEST_WITH_CONSORTIUM(link__a_key_struck_off_is_not_heard_any_more),
        TEST_WITH_CONSORTIUM(link__drops_what_is_not_one_frame_by_an_ordinary_route),
        TEST_WITH_CONSORTIUM(link__drops_what_is_too_large),
        TEST_WITH_CONSORTIUM(link__deadlines_are_kept),
        TEST_WITH_CONSORTIUM(link__a_flood_of_bad_frames_ends_with_the_deadline),
        TEST_WITH_CONSORTIUM(link__a_late_answer_is_never_the_next_ones),
        TEST_WITH_CONSORTIUM(link__a_server_that_comes_back_is_found_again),
        TEST_WITH_CONSORTIUM(link__a_descriptor_ends_a_wait),
        TEST_WITH_CONSORTIUM(link__idle_and_slow_strangers_are_shown_out),
        TEST_WITH_CONSORTIUM(link__a_peer_that_does_not_read_costs_little),
        TEST_WITH_CONSORTIUM(link__says_which_address_it_cannot_use),
        TEST_WITH_CONSORTIUM(link__a_crowd_gets_each_its_own_answers),
        TEST_WITH_CONSORTIUM(link__a_crowd_does_not_wait_for_one_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
