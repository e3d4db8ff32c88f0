#ifndef TESTS_WIRE_CLIENT_H
#define TESTS_WIRE_CLIENT_H

/* client - who asks a coordinator that echoes, over real sockets: members, and rogues
 * that use the library as they like. Link PkgConfig::ZMQ. */

#include <zmq.h>

#include "base/clock.h"
#include "check.h"
#include "consortium.h"
#include "wire/transport.h"

#define ANY "tcp://127.0.0.1:*"

static inline uint64_t now_ms(void)
{
    return clock_steady_ms(&clock_machine);
}

static inline struct bytes text_frame(const char *text)
{
    struct bytes frame = {0};
    bytes_append(&frame, text, strlen(text));
    return frame;
}

static inline struct transport_client *client_of(const struct consortium *c,
                                                 const char *endpoint,
                                                 const struct identity *identity)
{
    struct transport_client *client = NULL;
    assert_ok(
        transport_client_new(endpoint, c->fields.coordinator_curve, identity, &client));
    return client;
}

/* An answer is the question again. */
static inline enum err ask(struct transport_client *client, const char *question,
                           unsigned deadline_ms)
{
    struct bytes frame = text_frame(question), answer = {0};
    enum err result = transport_client_ask(client, &frame, deadline_ms, -1, &answer);
    if (result == ERR_OK) {
        assert_int_equal(answer.size, frame.size);
        assert_memory_equal(answer.data, frame.data, frame.size);
    }
    bytes_free(&frame);
    bytes_free(&answer);
    return result;
}

struct rogue {
    void *context, *socket;
};

/* `identity` NULL: no CURVE at all. `route_size` 0: the route that the library chooses.
 */
static inline struct rogue rogue_at(const struct consortium *c, const char *endpoint,
                                    const struct identity *identity, const void *route,
                                    size_t route_size)
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
    if (route_size)
        zmq_setsockopt(rogue.socket, ZMQ_ROUTING_ID, route, route_size);
    assert_int_equal(zmq_connect(rogue.socket, endpoint), 0);
    return rogue;
}

#endif
