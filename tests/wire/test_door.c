/* door - who may connect, seen from inside: the doorkeeper of wire/transport, asked as
 * libzmq asks it, and what becomes of strangers when it is gone. The source itself is
 * included, because no call of its header can take a doorkeeper away. */

#ifdef SPOILT /* a sabotaged build's */
#include SPOILT
#else
#include "transport.c"
#endif

#include <poll.h>

#include "check.h"
#include "consortium.h"

static struct transport_server *server_of(const struct consortium *c, size_t allowed)
{
    struct transport_server *server = NULL;
    struct bytes curves = {0};
    bytes_append(&curves, c->curves, allowed * KEY_BYTES);
    assert_ok(transport_server_new(
        "tcp://127.0.0.1:*", identity_curve_secret(c->coordinator), &curves, &server));
    bytes_free(&curves);
    return server;
}

/* A connection that has said something, by this identity. */
static void *knock(void *context, const char *endpoint, const struct consortium *c,
                   const struct identity *identity)
{
    void *dealer = NULL;
    int none = 0;
    assert_ok(open_dealer(context, endpoint, c->fields.coordinator_curve, identity, true,
                          &dealer));
    zmq_setsockopt(dealer, ZMQ_LINGER, &none, sizeof none);
    assert_int_equal(zmq_send(dealer, "hello", 5, 0), 5);
    return dealer;
}

/* The library alone: with CURVE and a ZAP domain, but nobody to ask, 4.3.4 takes a
 * stranger's message in. Whichever version this is, no such message has a User-Id. */
static void door__nobody_marks_what_nobody_was_asked_about(void **state)
{
    const struct consortium *c = *state;
    struct transport_server bare = {.context = zmq_ctx_new()};
    char endpoint[100];
    size_t size = sizeof endpoint;
    assert_ok(open_router(&bare, identity_curve_secret(c->coordinator)));
    assert_int_equal(zmq_bind(bare.router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(bare.router, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    void *context = zmq_ctx_new(), *stranger = knock(context, endpoint, c, c->stranger);
    bool came = wait_for(bare.router, ZMQ_POLLIN, now_ms() + 1000, -1) == WAIT_READY;
    print_message("libzmq %d.%d.%d without a doorkeeper %s\n", ZMQ_VERSION_MAJOR,
                  ZMQ_VERSION_MINOR, ZMQ_VERSION_PATCH,
                  came ? "lets strangers in" : "keeps strangers out");
    for (int i = 0; came && i < 2; i++) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        assert_true(zmq_msg_recv(&part, bare.router, 0) >= 0);
        assert_null(zmq_msg_gets(&part, "User-Id"));
        zmq_msg_close(&part);
    }
    zmq_close(stranger);
    zmq_ctx_term(context);
    zmq_close(bare.router);
    end_context(bare.context);
}

/* A server does not open without one: the self-test meets the library as it is. */
static void door__is_missed_by_the_self_test(void **state)
{
    const struct consortium *c = *state;
    struct transport_server bare = {.context = zmq_ctx_new()};
    const uint8_t *secret = identity_curve_secret(c->coordinator);
    pthread_mutex_init(&bare.door.lock, NULL);
    assert_ok(derive_key(secret, bare.key));
    assert_memory_equal(bare.key, c->fields.coordinator_curve, KEY_BYTES);
    assert_ok(open_router(&bare, secret));
    assert_refused(ERR_STATE, "an unknown key was", prove_refusal(&bare));
    zmq_close(bare.router);
    end_context(bare.context);
}

#define KNOCKS 4

/* After its loss, which in the program ends the process, nothing comes through any more.
 */
static void door__gone_lets_nobody_through(void **state)
{
    const struct consortium *c = *state;
    struct transport_server *server = server_of(c, HOSPITALS);
    struct transport_peer peer;
    struct bytes frame = {0};
    void *context = zmq_ctx_new();
    void *member = knock(context, server->endpoint, c, c->hospitals[0]);
    assert_ok(transport_server_receive(server, 5000, -1, &peer,
                                       &frame)); /* while it is there */
    assert_int_equal(zmq_send(server->door.dismiss, "", 0, 0), 0);
    pthread_join(server->door.thread, NULL);
    server->door.open = false;
    zmq_close(server->door.questions);
    server->door.questions = NULL;
    /* Who knocks while the library takes the doorkeeper's socket down may hear nothing. */
    void *strangers[KNOCKS][2];
    size_t knocks = 0;
    do {
        strangers[knocks][0] = knock(context, server->endpoint, c, c->stranger);
        strangers[knocks][1] = knock(context, server->endpoint, c, c->hospitals[1]);
        assert_int_equal(transport_server_receive(server, 1000, -1, &peer, &frame),
                         ERR_GONE);
    } while (++knocks < KNOCKS && transport_server_dropped(server) == 0);
    print_message("%d messages without a User-Id were dropped\n",
                  (int)transport_server_dropped(server));
    assert_int_equal(zmq_send(member, "again", 5, 0),
                     5); /* it was asked about: it stays */
    assert_ok(transport_server_receive(server, 5000, -1, &peer, &frame));
    assert_memory_equal(peer.curve, c->curves[0], KEY_BYTES);
    for (size_t i = 0; i < 2 * knocks; i++)
        zmq_close(strangers[i / 2][i % 2]);
    zmq_close(member);
    zmq_ctx_term(context);
    bytes_free(&frame);
    transport_server_destroy(&server);
}

/* Who it is stands on the payload; libzmq 4.3.4 loses it on the route once it has polled.
 */
static void door__marks_the_payload(void **state)
{
    const struct consortium *c = *state;
    struct transport_server *server = server_of(c, HOSPITALS);
    void *context = zmq_ctx_new();
    void *member = knock(context, server->endpoint, c, c->hospitals[2]);
    char expected[2 * KEY_BYTES + 1];
    zmq_msg_t route, payload;
    bytes_to_hex(c->curves[2], KEY_BYTES, expected);
    assert_int_equal(wait_for(server->router, ZMQ_POLLIN, now_ms() + 5000, -1),
                     WAIT_READY);
    zmq_msg_init(&route);
    zmq_msg_init(&payload);
    assert_int_equal(zmq_msg_recv(&route, server->router, 0), ROUTE_BYTES);
    assert_int_equal(zmq_msg_recv(&payload, server->router, 0), 5);
    print_message("the route %s a User-Id\n",
                  zmq_msg_gets(&route, "User-Id") ? "has" : "lacks");
    assert_non_null(zmq_msg_gets(&payload, "User-Id"));
    assert_string_equal(zmq_msg_gets(&payload, "User-Id"), expected);
    zmq_msg_close(&route);
    zmq_msg_close(&payload);
    zmq_close(member);
    zmq_ctx_term(context);
    transport_server_destroy(&server);
}

/* ---- questions as libzmq asks them, RFC 27 ---- */

struct asked {
    const char *version, *domain, *mechanism;
    size_t frames; /* 7 are right */
    size_t key;    /* bytes of the credentials */
    bool member;   /* whose they are */
    const char *status;
};

/* The answer's status, and its User-Id in `user`. */
static void put_question(void *socket, const struct asked *asked, const uint8_t *key,
                         char status[8], char user[100])
{
    const struct {
        const void *data;
        size_t size;
    } frames[] = {
        {asked->version, strlen(asked->version)},
        {"7", 1},
        {asked->domain, strlen(asked->domain)},
        {"127.0.0.1", 9},
        {"", 0},
        {asked->mechanism, strlen(asked->mechanism)},
        {key, asked->key},
        {"more", 4},
        {"more", 4},
    };
    for (size_t i = 0; i < asked->frames; i++)
        assert_true(zmq_send(socket, frames[i].data, frames[i].size,
                             i + 1 < asked->frames ? ZMQ_SNDMORE : 0) >= 0);
    for (int i = 0; i < 6; i++) {
        char part[256];
        int size = zmq_recv(socket, part, sizeof part - 1, 0);
        assert_true(size >= 0);
        part[size] = '\0';
        if (i == 2)
            snprintf(status, 8, "%s", part);
        else if (i == 4)
            snprintf(user, 100, "%s", part);
    }
}

static void door__answers_what_it_understands_and_no_more(void **state)
{
    static const struct asked cases[] = {
        {"1.0", DOMAIN, "CURVE", 7, 32, true, "200"},
        {"1.0", DOMAIN, "CURVE", 7, 32, false, "400"}, /* a stranger */
        {"1.0", DOMAIN, "NULL", 7, 32, true, "400"},
        {"1.0", DOMAIN, "PLAIN", 7, 32, true, "400"},
        {"1.0", DOMAIN, "GSSAPI", 7, 32, true, "400"},
        {"1.0", DOMAIN, "curve", 7, 32, true, "400"},
        {"1.0", "another", "CURVE", 7, 32, true, "400"},
        {"1.0", "", "CURVE", 7, 32, true, "400"},
        {"1.1", DOMAIN, "CURVE", 7, 32, true, "400"},
        {"2.0", DOMAIN, "CURVE", 7, 32, true, "400"},
        {"1.0", DOMAIN, "CURVE", 7, 31, true, "400"},
        {"1.0", DOMAIN, "CURVE", 7, 0, true, "400"},
        {"1.0", DOMAIN, "CURVE", 7, 200, true, "400"},
        {"1.0", DOMAIN, "CURVE", 7, 300, true, "400"}, /* more than it has room for */
        {"1.0", DOMAIN, "CURVE", 6, 32, true, "400"},
        {"1.0", DOMAIN, "CURVE", 8, 32, true, "400"},
        {"1.0", DOMAIN, "CURVE", 9, 32, true, "400"},
        {"1.0", DOMAIN, "CURVE", 1, 32, true, "400"},
    };
    const struct consortium *c = *state;
    struct transport_server *server = server_of(c, HOSPITALS);
    void *socket = zmq_socket(server->context, ZMQ_REQ);
    uint8_t key[300] = {0};
    assert_int_equal(zmq_connect(socket, DOOR), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char status[8] = "", user[100] = "", expected[2 * KEY_BYTES + 1] = "";
        memcpy(key, cases[i].member ? c->curves[1] : c->stranger_key, KEY_BYTES);
        put_question(socket, &cases[i], key, status, user);
        if (strcmp(cases[i].status, "200") == 0)
            bytes_to_hex(c->curves[1], KEY_BYTES, expected);
        if (strcmp(status, cases[i].status) != 0 || strcmp(user, expected) != 0)
            fail_msg("question %zu: %s %s", i, status, user);
    }
    zmq_close(socket);
    transport_server_destroy(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(door__nobody_marks_what_nobody_was_asked_about),
        TEST_WITH_CONSORTIUM(door__is_missed_by_the_self_test),
        TEST_WITH_CONSORTIUM(door__gone_lets_nobody_through),
        TEST_WITH_CONSORTIUM(door__marks_the_payload),
        TEST_WITH_CONSORTIUM(door__answers_what_it_understands_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
