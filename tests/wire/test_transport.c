#include "wire/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

/* ---- a server that echoes, in a thread of its own ---- */

struct echo {
    struct transport_server *server;
    struct transport_peer peer; /* of the last frame */
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
    while ((result = transport_server_receive(echo->server, 60000, echo->stop,
                                              &echo->peer, &frame)) != ERR_INTERRUPTED) {
        if (result != ERR_OK)
            continue;
        echo->frames++;
        if (!echo->silent)
            transport_server_send(echo->server, &echo->peer, codec_view(&frame));
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
    assert_ok(transport_server_new(endpoint, identity_curve_secret(c->coordinator),
                                   &curves, &echo->server));
    snprintf(echo->endpoint, sizeof echo->endpoint, "%s",
             transport_server_endpoint(echo->server));
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
    transport_server_destroy(&echo->server);
    assert_null(echo->server);
    close(echo->stop);
}

/* ---- peers that do not keep to the rules: the library itself, and bare TCP ---- */

static struct rogue rogue_new(const struct consortium *c, const struct echo *echo,
                              const struct identity *identity, const char *route)
{
    return rogue_at(c, echo->endpoint, identity, route, route ? strlen(route) : 0);
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

static void transport__carries_a_question_and_its_answer(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    assert_non_null(strstr(echo.endpoint, "tcp://127.0.0.1:"));
    assert_null(strchr(echo.endpoint, '*'));
    echo_go(&echo);
    struct transport_client *client = client_of(c, echo.endpoint, c->hospitals[2]);
    assert_ok(ask(client, "hello", 5000));
    assert_ok(ask(client, "hello again", 5000));
    struct bytes large = {0}, answer = {0};
    for (size_t i = 0; i < WIRE_FRAME_MAX; i++)
        bytes_u8(&large, (uint8_t)(i * i));
    assert_ok(transport_client_ask(client, &large, 5000, -1, &answer));
    assert_int_equal(answer.size, WIRE_FRAME_MAX);
    assert_memory_equal(answer.data, large.data, WIRE_FRAME_MAX);
    bytes_u8(&large, 0);
    assert_refused(ERR_RANGE, "1048577 bytes",
                   transport_client_ask(client, &large, 5000, -1, &answer));
    large.size = 0;
    assert_refused(ERR_RANGE, "0 bytes",
                   transport_client_ask(client, &large, 5000, -1, &answer));
    echo_halt(&echo);
    assert_int_equal(echo.frames, 3);
    assert_memory_equal(echo.peer.curve, c->curves[2], KEY_BYTES);
    assert_int_equal(transport_server_dropped(echo.server), 0);
    assert_refused(ERR_RANGE, "0 bytes",
                   transport_server_send(echo.server, &echo.peer, codec_view(&large)));
    transport_client_destroy(&client);
    assert_null(client);
    /* the peer is gone now; that is nobody's fault */
    assert_ok(transport_server_send(echo.server, &echo.peer, codec_view(&answer)));
    bytes_free(&large);
    bytes_free(&answer);
    echo_end(&echo);
}

static void transport__answers_go_to_who_asked(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    struct transport_client *clients[HOSPITALS];
    char question[40];
    echo_start(&echo, c, ANY, HOSPITALS);
    echo_go(&echo);
    for (size_t i = 0; i < HOSPITALS; i++)
        clients[i] = client_of(c, echo.endpoint, c->hospitals[i]);
    for (int round = 0; round < 50; round++)
        for (size_t i = 0; i < HOSPITALS; i++) {
            snprintf(question, sizeof question, "question %d of %zu", round, i);
            assert_ok(ask(clients[i], question, 5000));
        }
    for (size_t i = 0; i < HOSPITALS; i++)
        transport_client_destroy(&clients[i]);
    echo_halt(&echo);
    echo_end(&echo);
}

static void transport__lets_in_nobody_it_does_not_know(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, 2);
    echo_go(&echo);
    struct transport_client *stranger = client_of(c, echo.endpoint, c->stranger);
    struct transport_client *not_yet = client_of(c, echo.endpoint, c->hospitals[2]);
    struct rogue plain = rogue_new(c, &echo, NULL, NULL); /* no CURVE at all */
    zmq_send(plain.socket, "hello", 5, 0);
    assert_refused(ERR_GONE, "no connection", ask(stranger, "hello", 400));
    assert_non_null(strstr(err_hint_text(), "roster"));
    assert_int_equal(ask(not_yet, "hello", 400), ERR_GONE);
    assert_int_equal(rogue_hears(&plain, 200), -1);
    struct transport_client *known = client_of(c, echo.endpoint, c->hospitals[1]);
    assert_ok(ask(known, "hello", 5000));
    /* admitted later, without a restart */
    struct bytes curves = {0};
    bytes_append(&curves, c->curves, 3 * KEY_BYTES);
    transport_server_allow(echo.server, &curves);
    assert_ok(ask(not_yet, "hello", 5000));
    assert_int_equal(ask(stranger, "hello", 400), ERR_GONE);
    echo_halt(&echo);
    assert_int_equal(echo.frames, 2);
    bytes_free(&curves);
    transport_client_destroy(&stranger);
    transport_client_destroy(&not_yet);
    transport_client_destroy(&known);
    rogue_end(&plain);
    echo_end(&echo);
}

static void transport__talks_to_the_pinned_server_only(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    struct transport_client *client = NULL;
    uint8_t other[KEY_BYTES];
    echo_start(&echo, c, ANY, HOSPITALS);
    echo_go(&echo);
    identity_curve(c->stranger, other);
    assert_ok(transport_client_new(echo.endpoint, other, c->hospitals[0], &client));
    assert_int_equal(ask(client, "hello", 400), ERR_GONE);
    transport_client_destroy(&client);
    echo_halt(&echo);
    assert_int_equal(echo.frames, 0);
    echo_end(&echo);
}

static void transport__a_key_struck_off_is_not_heard_any_more(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, 2);
    echo_go(&echo);
    struct transport_client *one = client_of(c, echo.endpoint, c->hospitals[0]);
    struct transport_client *other = client_of(c, echo.endpoint, c->hospitals[1]);
    assert_ok(ask(one, "hello", 5000));
    assert_ok(ask(other, "hello", 5000));
    struct bytes curves = {0};
    bytes_append(&curves, c->curves[1], KEY_BYTES);
    transport_server_allow(echo.server, &curves);
    assert_int_equal(ask(one, "over the old connection", 300), ERR_GONE);
    assert_int_equal(ask(one, "over a new one", 300), ERR_GONE);
    assert_ok(ask(other, "hello", 5000));
    echo_halt(&echo);
    assert_int_equal(transport_server_dropped(echo.server), 1);
    assert_int_equal(echo.frames, 3);
    bytes_append(&curves, c->curves[0], KEY_BYTES);
    transport_server_allow(echo.server, &curves);
    echo_go(&echo); /* its stop descriptor is still readable: ends at once */
    pthread_join(echo.thread, NULL);
    uint64_t counted;
    assert_int_equal(read(echo.stop, &counted, sizeof counted), sizeof counted);
    echo_go(&echo);
    assert_ok(ask(one, "back again", 5000));
    echo_halt(&echo);
    bytes_free(&curves);
    transport_client_destroy(&one);
    transport_client_destroy(&other);
    echo_end(&echo);
}

static void transport__drops_what_is_not_one_frame_by_an_ordinary_route(void **state)
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
    assert_int_equal(transport_server_dropped(echo.server), 5);
    rogue_end(&rogue);
    rogue_end(&named);
    echo_end(&echo);
}

static void transport__drops_what_is_too_large(void **state)
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
    struct transport_client *client = client_of(c, echo.endpoint, c->hospitals[1]);
    assert_ok(ask(client, "hello", 5000));
    echo_halt(&echo);
    assert_int_equal(echo.frames, 2);
    assert_int_equal(transport_server_dropped(echo.server),
                     0); /* never taken in, in fact */
    mem_free(large);
    rogue_end(&rogue);
    transport_client_destroy(&client);
    echo_end(&echo);
}

static void transport__deadlines_are_kept(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    struct transport_peer peer;
    struct bytes frame = {0};
    uint64_t before = now_ms();
    assert_refused(ERR_GONE, "no node said anything for 200 ms",
                   transport_server_receive(echo.server, 200, -1, &peer, &frame));
    assert_in_range(now_ms() - before, 200, 2000);
    assert_int_equal(transport_server_receive(echo.server, 0, -1, &peer, &frame),
                     ERR_GONE);
    echo.silent = true;
    echo_go(&echo);
    struct transport_client *client = client_of(c, echo.endpoint, c->hospitals[0]);
    before = now_ms();
    assert_int_equal(ask(client, "hello", 1500), ERR_GONE);
    assert_in_range(now_ms() - before, 1500, 4000);
    echo_halt(&echo);
    assert_int_equal(echo.frames, 1);
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "%s", echo.endpoint);
    echo_end(&echo);
    transport_client_destroy(&client);
    snprintf(echo.endpoint, sizeof echo.endpoint, "%s", endpoint);
    client = client_of(c, echo.endpoint, c->hospitals[0]); /* nobody listens there now */
    before = now_ms();
    assert_refused(ERR_GONE, "no connection", ask(client, "hello", 300));
    assert_in_range(now_ms() - before, 300, 2000);
    transport_client_destroy(&client);
    bytes_free(&frame);
}

/* Bad frames one after the other do not stretch a wait. */
static void transport__a_flood_of_bad_frames_ends_with_the_deadline(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    struct rogue rogue = rogue_new(c, &echo, c->hospitals[0], NULL);
    for (int i = 0; i < 1000; i++)
        zmq_send(rogue.socket, "", 0, ZMQ_DONTWAIT);
    struct transport_peer peer;
    struct bytes frame = {0};
    uint64_t before = now_ms();
    assert_int_equal(transport_server_receive(echo.server, 300, -1, &peer, &frame),
                     ERR_GONE);
    assert_in_range(now_ms() - before, 300, 2000);
    assert_true(transport_server_dropped(echo.server) > 0);
    rogue_end(&rogue);
    echo_end(&echo);
}

static void transport__a_late_answer_is_never_the_next_ones(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    struct transport_client *client = client_of(c, echo.endpoint, c->hospitals[0]);
    assert_int_equal(ask(client, "first", 1500), ERR_GONE); /* taken in, not answered */
    struct transport_peer late;
    struct bytes first = {0};
    assert_ok(transport_server_receive(echo.server, 5000, -1, &late, &first));
    assert_memory_equal(first.data, "first", 5);
    for (int i = 0; i < 3; i++)
        assert_ok(transport_server_send(echo.server, &late, codec_view(&first)));
    echo_go(&echo);
    assert_ok(ask(client, "second", 5000));
    echo_halt(&echo);
    bytes_free(&first);
    transport_client_destroy(&client);
    echo_end(&echo);
}

static void transport__a_server_that_comes_back_is_found_again(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    char endpoint[64];
    echo_start(&echo, c, ANY, HOSPITALS);
    snprintf(endpoint, sizeof endpoint, "%s", echo.endpoint);
    echo_go(&echo);
    struct transport_client *client = client_of(c, echo.endpoint, c->hospitals[0]);
    struct transport_client *patient = client_of(c, echo.endpoint, c->hospitals[1]);
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
    transport_client_destroy(&client);
    transport_client_destroy(&patient);
    echo_end(&echo);
}

static void transport__a_descriptor_ends_a_wait(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    struct transport_peer peer;
    struct bytes frame = text_frame("hello"), answer = {0};
    int wake = eventfd(1, 0);
    echo_start(&echo, c, ANY, HOSPITALS);
    uint64_t before = now_ms();
    assert_int_equal(transport_server_receive(echo.server, 5000, wake, &peer, &frame),
                     ERR_INTERRUPTED);
    struct transport_client *client = client_of(c, echo.endpoint, c->hospitals[0]);
    assert_int_equal(transport_client_ask(client, &frame, 5000, wake, &answer),
                     ERR_INTERRUPTED);
    assert_true(now_ms() - before < 3000);
    uint64_t counted;
    assert_int_equal(read(wake, &counted, sizeof counted), sizeof counted);
    echo_go(&echo);
    assert_ok(transport_client_ask(client, &frame, 5000, wake, &answer));
    echo_halt(&echo);
    transport_client_destroy(&client);
    bytes_free(&frame);
    bytes_free(&answer);
    close(wake);
    echo_end(&echo);
}

/* Half of them say nothing, half begin a greeting, a byte at a time or with garbage. All
 * are shown out when the time for a handshake is over. */
static void transport__idle_and_slow_strangers_are_shown_out(void **state)
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
    struct transport_client *client = client_of(c, echo.endpoint, c->hospitals[0]);
    for (int i = 0; i < 20; i++)
        assert_ok(ask(client, "hello", 5000));
    int open = STRANGERS;
    while (open > 0 && now_ms() - before < TRANSPORT_HANDSHAKE_MS + 10000) {
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
    assert_true(now_ms() - before >= TRANSPORT_HANDSHAKE_MS - 500);
    for (int i = 0; i < STRANGERS; i++)
        close(strangers[i]);
    transport_client_destroy(&client);
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
static void transport__a_peer_that_does_not_read_costs_little(void **state)
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
    struct transport_peer peer;
    struct bytes frame = {0}, large = {0};
    assert_ok(transport_server_receive(echo.server, 5000, -1, &peer, &frame));
    for (size_t i = 0; i < WIRE_FRAME_MAX; i++)
        bytes_u8(&large, (uint8_t)i);
    size_t before = held();
    for (int i = 0; i < 200; i++) {
        assert_ok(transport_server_send(echo.server, &peer, codec_view(&large)));
        if (i % 20 == 0)
            poll(NULL, 0, 5);
    }
    assert_true(held() <= before + 10 * WIRE_FRAME_MAX); /* 200 MiB were offered */
    echo_go(&echo);
    struct transport_client *client = client_of(c, echo.endpoint, c->hospitals[1]);
    assert_ok(ask(client, "hello", 5000));
    echo_halt(&echo);
    bytes_free(&frame);
    bytes_free(&large);
    transport_client_destroy(&client);
    rogue_end(&rogue);
    echo_end(&echo);
}

static void transport__says_which_address_it_cannot_use(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    struct bytes none = {0};
    struct transport_server *server = NULL;
    struct transport_client *client = NULL;
    echo_start(&echo, c, ANY, 0);
    assert_refused(ERR_GONE, echo.endpoint,
                   transport_server_new(echo.endpoint,
                                        identity_curve_secret(c->coordinator), &none,
                                        &server));
    assert_refused(ERR_GONE, "cannot be bound",
                   transport_server_new("tcp://192.0.2.1:7400",
                                        identity_curve_secret(c->coordinator), &none,
                                        &server));
    assert_refused(ERR_RANGE, "ipc:///tmp/x:1",
                   transport_server_new("ipc:///tmp/x:1",
                                        identity_curve_secret(c->coordinator), &none,
                                        &server));
    assert_refused(ERR_RANGE, "inproc://x:1",
                   transport_client_new("inproc://x:1", c->fields.coordinator_curve,
                                        c->hospitals[0], &client));
    assert_refused(ERR_RANGE, "port",
                   transport_client_new("tcp://127.0.0.1:*", c->fields.coordinator_curve,
                                        c->hospitals[0], &client));
    assert_null(server);
    assert_null(client);
    transport_server_destroy(&server);
    transport_client_destroy(&client);
    echo_end(&echo);
}

/* ---- downgrades ---- */

/* What a stranger may begin with instead of ZMTP 3.1 with CURVE, written out: `@` is the
 * greeting's signature, `{NAME}` a mechanism of 20 bytes, `~` 31 zeros, `#` 200 bytes of
 * noise, `\\x` a byte. */
static const struct downgrade {
    const char *name, *says;
} downgrades[] = {
    {"ZMTP 1.0, nobody", "\\01\\00"},
    {"ZMTP 1.0, named", "\\06\\00Mainz\\06\\00hello"},
    {"ZMTP 2.0, DEALER", "@\\01\\05\\00\\00\\00\\05hello"},
    {"ZMTP 2.1, REQ", "@\\02\\03\\00\\00\\00\\05hello"},
    {"NULL of 3.0",
     "@\\03\\00{NULL}\\00~\\04\\1a\\05READY\\0bSocket-Type\\00\\00\\00\\06DEALER"},
    {"NULL of 3.1",
     "@\\03\\01{NULL}\\00~\\04\\1a\\05READY\\0bSocket-Type\\00\\00\\00\\06DEALER"},
    {"NULL and a message", "@\\03\\01{NULL}\\00~\\00\\05hello"},
    {"PLAIN", "@\\03\\01{PLAIN}\\00~\\04\\11\\05HELLO\\05Mainz\\04open"},
    {"PLAIN, as a server", "@\\03\\01{PLAIN}\\01~\\04\\08\\07WELCOME"},
    {"GSSAPI", "@\\03\\01{GSSAPI}\\00~\\04\\0e\\08INITIATE\\00\\00\\00\\01x"},
    {"no mechanism", "@\\03\\01{}\\00~\\04\\06\\05READY"},
    {"a mechanism of its own", "@\\03\\01{CURVE2}\\00~\\04\\06\\05READY"},
    {"a name in small letters", "@\\03\\01{curve}\\00~\\04\\06\\05READY"},
    {"version 0", "@\\00\\00{CURVE}\\00~\\04\\06\\05READY"},
    {"version 4", "@\\04\\00{CURVE}\\00~\\04\\06\\05READY"},
    {"CURVE, then ready at once", "@\\03\\01{CURVE}\\00~\\04\\06\\05READY"},
    {"CURVE, then a message in clear", "@\\03\\01{CURVE}\\00~\\00\\05hello"},
    {"CURVE, then a message of its kind",
     "@\\03\\01{CURVE}\\00~\\04\\20\\07MESSAGE\\00\\00\\00\\00\\00\\00\\00\\01"
     "0123456789abcdef"},
    {"a HELLO of noise", "@\\03\\01{CURVE}\\00~\\04\\c8\\05HELLO\\01\\00#"},
    {"a HELLO of version 2", "@\\03\\01{CURVE}\\00~\\04\\c8\\05HELLO\\02\\00#"},
    {"a short HELLO", "@\\03\\01{CURVE}\\00~\\04\\08\\05HELLO\\01\\00"},
    {"INITIATE first", "@\\03\\01{CURVE}\\00~\\04\\c8\\08INITIATE#"},
    {"a command of 4 GiB",
     "@\\03\\01{CURVE}\\00~\\06\\00\\00\\00\\01\\00\\00\\00\\00\\05HELLO"},
    {"an error", "@\\03\\01{CURVE}\\00~\\04\\09\\05ERROR\\02no"},
};
#define DOWNGRADES (sizeof downgrades / sizeof *downgrades)

static size_t spell(const char *says, uint8_t *out)
{
    static const uint8_t signature[] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f};
    uint8_t *at = out;
    for (; *says; says++) {
        unsigned byte;
        if (*says == '@') {
            memcpy(at, signature, sizeof signature);
            at += sizeof signature;
        } else if (*says == '{') {
            size_t size = strcspn(says + 1, "}");
            memset(at, 0, 20);
            memcpy(at, says + 1, size);
            at += 20;
            says += size + 1;
        } else if (*says == '~' || *says == '#') {
            size_t size = *says == '~' ? 31 : 200;
            memset(at, *says == '~' ? 0 : 0x5a, size);
            at += size;
        } else if (*says == '\\') {
            assert_int_equal(sscanf(says + 1, "%2x", &byte), 1);
            *at++ = (uint8_t)byte;
            says += 2;
        } else {
            *at++ = (uint8_t)*says;
        }
    }
    return (size_t)(at - out);
}

/* All that came on this connection, until it is closed by `until`; false: it was not. */
static bool hear_out(int fd, uint64_t until, struct bytes *heard)
{
    uint8_t data[1024];
    for (;;) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        uint64_t now = now_ms();
        if (poll(&item, 1, until > now ? (int)(until - now) : 0) <= 0)
            return false;
        ssize_t got = recv(fd, data, sizeof data, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return true;
        bytes_append(heard, data, got > 0 ? (size_t)got : 0);
    }
}

/* The server offers CURVE and nothing else, closes what is not it within the time for a
 * handshake, and hands nothing of it on: no body is ever looked at. These are 24 cases;
 * exchange__bz5_refuses_before_it_reads_a_body has 12 of messages. */
static void transport__bz5_no_other_mechanism_or_version_is_spoken(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    int fds[DOWNGRADES];
    uint8_t said[600];
    echo_start(&echo, c, ANY, HOSPITALS);
    echo_go(&echo);
    uint64_t until = now_ms() + TRANSPORT_HANDSHAKE_MS + 10000;
    for (size_t i = 0; i < DOWNGRADES; i++) {
        fds[i] = tcp_connect(echo.endpoint);
        size_t size = spell(downgrades[i].says, said);
        assert_int_equal(send(fds[i], said, size, MSG_NOSIGNAL), size);
    }
    for (size_t i = 0; i < DOWNGRADES; i++) {
        struct bytes heard = {0};
        if (!hear_out(fds[i], until, &heard))
            fail_msg("%s: still connected", downgrades[i].name);
        if (heard.size >= 32 && memcmp(heard.data + 12, "CURVE\0\0", 7) != 0)
            fail_msg("%s: the server offers %.20s", downgrades[i].name, heard.data + 12);
        if (heard.size > 64 + 200) /* its greeting, and an ERROR at most */
            fail_msg("%s: the server answers %zu bytes", downgrades[i].name, heard.size);
        close(fds[i]);
        bytes_free(&heard);
    }
    struct transport_client *client = client_of(c, echo.endpoint, c->hospitals[0]);
    assert_ok(ask(client, "hello", 5000));
    transport_client_destroy(&client);
    echo_halt(&echo);
    assert_int_equal(echo.frames, 1);
    assert_int_equal(transport_server_dropped(echo.server), 0);
    echo_end(&echo);
}

/* ---- sessions ---- */

/* Two connections of one key, and the questions that came over them. */
struct rivals {
    struct rogue old, new;
    struct transport_peer old_peer, new_peer;
};

static void rivals_ask(struct echo *echo, struct rogue *rogue, const char *question,
                       struct transport_peer *peer)
{
    struct bytes frame = {0};
    zmq_send(rogue->socket, question, strlen(question), 0);
    assert_ok(transport_server_receive(echo->server, 5000, -1, peer, &frame));
    assert_int_equal(frame.size, strlen(question));
    assert_memory_equal(frame.data, question, frame.size);
    bytes_free(&frame);
}

static void rivals_answer(struct echo *echo, const struct transport_peer *peer,
                          const char *answer)
{
    assert_ok(transport_server_send(
        echo->server, peer, (struct view){(const uint8_t *)answer, strlen(answer)}));
}

static void rivals_begin(struct rivals *rivals, struct echo *echo,
                         const struct consortium *c)
{
    echo_start(echo, c, ANY, HOSPITALS);
    rivals->old = rogue_new(c, echo, c->hospitals[0], NULL);
    rivals_ask(echo, &rivals->old, "old", &rivals->old_peer);
    rivals->new = rogue_new(c, echo, c->hospitals[0], NULL);
    rivals_ask(echo, &rivals->new, "new", &rivals->new_peer);
    assert_memory_equal(rivals->old_peer.curve, rivals->new_peer.curve, KEY_BYTES);
}

static void rivals_end(struct rivals *rivals, struct echo *echo)
{
    rogue_end(&rivals->old);
    rogue_end(&rivals->new);
    echo_end(echo);
}

/* Of two connections with one key the one that asked last has the session: six cases. */
static void transport__bz6_one_key_has_one_session(void **state)
{
    const struct consortium *c = *state;
    struct rivals r;
    struct echo echo;
    rivals_begin(&r, &echo, c);
    rivals_answer(&echo, &r.old_peer, "late"); /* 1: the older hears nothing */
    rivals_answer(&echo, &r.new_peer, "answer");
    assert_int_equal(rogue_hears(&r.new, 5000), 6); /* 2: the newer its own answer */
    assert_int_equal(rogue_hears(&r.old, 200), -1);
    rivals_ask(&echo, &r.old, "again", &r.old_peer); /* 3: asking takes it back */
    rivals_answer(&echo, &r.new_peer, "late");
    rivals_answer(&echo, &r.old_peer, "answer");
    assert_int_equal(rogue_hears(&r.old, 5000), 6);
    assert_int_equal(rogue_hears(&r.new, 200), -1);
    for (int i = 0; i < 50; i++) { /* 4: in turn, each its own */
        struct rogue *who = i % 2 ? &r.old : &r.new, *other = i % 2 ? &r.new : &r.old;
        struct transport_peer peer;
        char question[20] = "0123456789012345678";
        question[1 + i % 15] = '\0';
        rivals_ask(&echo, who, question, &peer);
        rivals_answer(&echo, &peer, question);
        assert_int_equal(rogue_hears(who, 5000), strlen(question));
        assert_int_equal(rogue_hears(other, 0), -1);
    }
    rivals_ask(&echo, &r.new, "last", &r.new_peer);
    zmq_disconnect(r.old.socket,
                   echo.endpoint); /* 5: the older's end is not the newer's */
    poll(NULL, 0, 100);
    rivals_answer(&echo, &r.new_peer, "answer");
    assert_int_equal(rogue_hears(&r.new, 5000), 6);
    struct bytes curves = {0}; /* 6: struck off and taken in again it has to ask first */
    bytes_append(&curves, c->curves[1], KEY_BYTES);
    transport_server_allow(echo.server, &curves);
    bytes_append(&curves, c->curves[0], KEY_BYTES);
    transport_server_allow(echo.server, &curves);
    rivals_answer(&echo, &r.new_peer, "late");
    assert_int_equal(rogue_hears(&r.new, 200), -1);
    rivals_ask(&echo, &r.new, "back", &r.new_peer);
    rivals_answer(&echo, &r.new_peer, "answer");
    assert_int_equal(rogue_hears(&r.new, 5000), 6);
    bytes_free(&curves);
    rivals_end(&r, &echo);
}

/* A route is the server's to give: five ways to take one. Nobody is heard by a route of
 * another form, and nobody's answers go to another key. */
static void transport__bz6_no_route_can_be_squatted(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    struct transport_peer peer, other;
    struct bytes frame = {0};
    echo_start(&echo, c, ANY, HOSPITALS);
    struct rogue honest = rogue_new(c, &echo, c->hospitals[0], NULL);
    rivals_ask(&echo, &honest, "question", &peer);
    struct rogue squatters[] = {
        rogue_new(c, &echo, c->hospitals[1], "chosen"),
        rogue_new(c, &echo, c->hospitals[2], "chosen"), /* the same: libzmq keeps one */
        rogue_new(c, &echo, c->hospitals[3], "12345"),  /* as long as those it gives */
        rogue_new(c, &echo, c->hospitals[0], "honest"), /* with the honest one's key */
        rogue_at(c, echo.endpoint, c->hospitals[4], peer.route,
                 5), /* a guess that is right */
    };
    enum { SQUATTERS = sizeof squatters / sizeof *squatters };
    for (size_t i = 0; i < SQUATTERS; i++)
        zmq_send(squatters[i].socket, "mine", 4, 0);
    assert_int_equal(transport_server_receive(echo.server, 1000, -1, &other, &frame),
                     ERR_GONE);
    rivals_answer(&echo, &peer, "answer");
    assert_int_equal(rogue_hears(&honest, 5000), 6);
    for (size_t i = 0; i < SQUATTERS; i++)
        assert_int_equal(rogue_hears(&squatters[i], 50), -1);
    assert_int_equal(transport_server_dropped(echo.server),
                     3); /* two were never let in */
    rogue_end(&honest);  /* and now the guess has the route for itself */
    rogue_end(&squatters[4]);
    squatters[4] = rogue_at(c, echo.endpoint, c->hospitals[4], peer.route, 5);
    rivals_ask(&echo, &squatters[4], "mine", &other);
    assert_memory_equal(other.curve, c->curves[4], KEY_BYTES);
    assert_memory_equal(other.route, peer.route, 5);
    rivals_answer(&echo, &peer, "for the honest one");
    rivals_answer(&echo, &other, "answer");
    assert_int_equal(rogue_hears(&squatters[4], 5000), 6);
    for (size_t i = 0; i < SQUATTERS; i++)
        rogue_end(&squatters[i]);
    bytes_free(&frame);
    echo_end(&echo);
}

/* ---- many nodes in one process ---- */

static struct transport_crowd *crowd_of(const struct consortium *c,
                                        const struct echo *echo, size_t members)
{
    struct transport_crowd *crowd = NULL;
    size_t member;
    assert_ok(transport_crowd_new(echo->endpoint, c->fields.coordinator_curve, members,
                                  &crowd));
    for (size_t i = 0; i < members; i++) {
        assert_ok(transport_crowd_join(crowd, c->hospitals[i], &member));
        assert_int_equal(member, i);
    }
    return crowd;
}

/* Whose answer comes next, and that it is what this member asked. */
static size_t crowd_hears(struct transport_crowd *crowd, unsigned timeout_ms)
{
    struct bytes answer = {0};
    size_t member = SIZE_MAX;
    if (transport_crowd_receive(crowd, timeout_ms, &member, &answer) == ERR_OK) {
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

static void crowd_asks(struct transport_crowd *crowd, size_t member)
{
    char question[32];
    snprintf(question, sizeof question, "I am %zu", member);
    struct bytes frame = text_frame(question);
    assert_ok(transport_crowd_send(crowd, member, &frame));
    bytes_free(&frame);
}

static void transport__a_crowd_gets_each_its_own_answers(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, HOSPITALS);
    echo_go(&echo);
    struct transport_crowd *crowd = crowd_of(c, &echo, HOSPITALS);
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
    assert_refused(ERR_RANGE, "no more",
                   transport_crowd_join(crowd, c->stranger, &member));
    struct bytes none = {0};
    assert_refused(ERR_RANGE, "0 bytes", transport_crowd_send(crowd, 0, &none));
    transport_crowd_destroy(&crowd);
    assert_null(crowd);
    transport_crowd_destroy(&crowd);
    echo_halt(&echo);
    echo_end(&echo);
}

/* One whom the server does not know hears nothing, and the others all the same. */
static void transport__a_crowd_does_not_wait_for_one_member(void **state)
{
    const struct consortium *c = *state;
    struct echo echo;
    echo_start(&echo, c, ANY, 2);
    echo_go(&echo);
    struct transport_crowd *crowd = crowd_of(c, &echo, 3); /* the third is not allowed */
    for (size_t i = 0; i < 3; i++)
        crowd_asks(crowd, i);
    size_t first = crowd_hears(crowd, 5000), second = crowd_hears(crowd, 5000);
    assert_true(first + second == 1);
    uint64_t before = now_ms();
    assert_int_equal(crowd_hears(crowd, 300), SIZE_MAX);
    assert_in_range(now_ms() - before, 300, 2000);
    struct bytes frame = text_frame("nobody listens");
    for (int i = 0; i < 2; i++)
        (void)transport_crowd_send(crowd, 2, &frame);
    assert_refused(ERR_GONE, "node 2", transport_crowd_send(crowd, 2, &frame));
    crowd_asks(crowd, 0);
    assert_int_equal(crowd_hears(crowd, 5000), 0);
    bytes_free(&frame);
    transport_crowd_destroy(&crowd);
    echo_halt(&echo);
    assert_int_equal(echo.frames, 3);
    echo_end(&echo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(transport__carries_a_question_and_its_answer),
        TEST_WITH_CONSORTIUM(transport__answers_go_to_who_asked),
        TEST_WITH_CONSORTIUM(transport__lets_in_nobody_it_does_not_know),
        TEST_WITH_CONSORTIUM(transport__talks_to_the_pinned_server_only),
        TEST_WITH_CONSORTIUM(transport__a_key_struck_off_is_not_heard_any_more),
        TEST_WITH_CONSORTIUM(transport__drops_what_is_not_one_frame_by_an_ordinary_route),
        TEST_WITH_CONSORTIUM(transport__drops_what_is_too_large),
        TEST_WITH_CONSORTIUM(transport__deadlines_are_kept),
        TEST_WITH_CONSORTIUM(transport__a_flood_of_bad_frames_ends_with_the_deadline),
        TEST_WITH_CONSORTIUM(transport__a_late_answer_is_never_the_next_ones),
        TEST_WITH_CONSORTIUM(transport__a_server_that_comes_back_is_found_again),
        TEST_WITH_CONSORTIUM(transport__a_descriptor_ends_a_wait),
        TEST_WITH_CONSORTIUM(transport__idle_and_slow_strangers_are_shown_out),
        TEST_WITH_CONSORTIUM(transport__a_peer_that_does_not_read_costs_little),
        TEST_WITH_CONSORTIUM(transport__says_which_address_it_cannot_use),
        TEST_WITH_CONSORTIUM(transport__bz5_no_other_mechanism_or_version_is_spoken),
        TEST_WITH_CONSORTIUM(transport__bz6_one_key_has_one_session),
        TEST_WITH_CONSORTIUM(transport__bz6_no_route_can_be_squatted),
        TEST_WITH_CONSORTIUM(transport__a_crowd_gets_each_its_own_answers),
        TEST_WITH_CONSORTIUM(transport__a_crowd_does_not_wait_for_one_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
