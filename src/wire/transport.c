#include "wire/transport.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <zmq.h>

#include "base/clock.h"
#include "privacy/identity.h"
#include "wire/endpoint.h"

#define DOOR "inproc://zeromq.zap.01" /* where libzmq asks, RFC 27 */
#define DOMAIN "gemel"
#define PROVE_MS 5000  /* for the self-test's refusal to arrive */
#define CURVE_EXTRA 33 /* what encryption adds to a frame, RFC 26 */
#define QUIET_MS 100   /* in which nothing may arrive after it */
#define LINGER_MS 200  /* for last answers when a server closes */
#define SOCKETS_MAX 16 /* more than a server or a client opens */
#define RECONNECT_MS 200
#define LOOK_MS                                                                          \
    100 /* less, so that a lost connection is noticed before there is another */
#define ROUTE_BYTES                                                                      \
    5 /* of the routes libzmq gives, after a zero: a peer has to guess them */

static uint64_t now_ms(void)
{
    return clock_steady_ms(&clock_machine);
}

static enum err refused_by_library(const char *what)
{
    return err_set(ERR_STATE, "%s: %s", what, zmq_strerror(errno));
}

/* --- the doorkeeper: who may connect
 * ------------------------------------------------------ */

/* libzmq asks it about every CURVE handshake. Without an answer libzmq 4.3.4 lets
 * everybody in, so nothing but `leave` may end its thread. */
struct door {
    void *questions; /* REP, the thread's */
    void *leave;     /* PAIR, the thread's end */
    void *dismiss;   /* PAIR, the owner's end */
    pthread_t thread;
    bool open;
    pthread_mutex_t lock; /* of what follows */
    struct bytes allowed; /* keys one after the other */
    uint8_t watched[KEY_BYTES];
    bool watched_refused;
};

static bool contains(const struct bytes *keys, const uint8_t key[KEY_BYTES])
{
    for (size_t at = 0; at + KEY_BYTES <= keys->size; at += KEY_BYTES)
        if (memcmp(keys->data + at, key, KEY_BYTES) == 0)
            return true;
    return false;
}

static bool door_admits(struct door *door, const uint8_t key[KEY_BYTES])
{
    pthread_mutex_lock(&door->lock);
    bool known = contains(&door->allowed, key);
    if (!known && memcmp(key, door->watched, KEY_BYTES) == 0)
        door->watched_refused = true;
    pthread_mutex_unlock(&door->lock);
    return known;
}

static bool door_has_refused(struct door *door)
{
    pthread_mutex_lock(&door->lock);
    bool refused = door->watched_refused;
    pthread_mutex_unlock(&door->lock);
    return refused;
}

static void door_allow(struct door *door, const struct bytes *curves)
{
    pthread_mutex_lock(&door->lock);
    door->allowed.size = 0;
    bytes_append(&door->allowed, curves->data, curves->size);
    pthread_mutex_unlock(&door->lock);
}

/* A question's frames: version, id, domain, address, identity, mechanism, credentials. */
#define QUESTION_FRAMES 7
struct question {
    uint8_t frames[QUESTION_FRAMES][256];
    size_t sizes[QUESTION_FRAMES];
    size_t count; /* QUESTION_FRAMES + 1: malformed */
};

static void read_question(void *socket, struct question *question)
{
    int more = 1;
    question->count = 0;
    while (more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, 0) < 0)
            abort(); /* see struct door */
        size_t size = zmq_msg_size(&part);
        if (question->count >= QUESTION_FRAMES || size > sizeof question->frames[0]) {
            question->count = QUESTION_FRAMES + 1;
        } else {
            memcpy(question->frames[question->count], zmq_msg_data(&part), size);
            question->sizes[question->count++] = size;
        }
        more = zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
}

static bool frame_is(const struct question *question, size_t index, const char *text)
{
    return question->sizes[index] == strlen(text) &&
           memcmp(question->frames[index], text, strlen(text)) == 0;
}

static void door_answer(struct door *door)
{
    struct question question;
    char user[2 * KEY_BYTES + 1] = "";
    read_question(door->questions, &question);
    bool whole = question.count == QUESTION_FRAMES;
    if (whole && frame_is(&question, 0, "1.0") && frame_is(&question, 2, DOMAIN) &&
        frame_is(&question, 5, "CURVE") && question.sizes[6] == KEY_BYTES &&
        door_admits(door, question.frames[6]))
        bytes_to_hex(question.frames[6], KEY_BYTES, user);
    const struct {
        const void *data;
        size_t size;
    } frames[] = {
        {"1.0", 3},
        {question.frames[1], whole ? question.sizes[1] : 0},
        {*user ? "200" : "400", 3},
        {"", 0},
        {user, strlen(user)},
        {"", 0},
    };
    size_t last = sizeof frames / sizeof *frames - 1;
    for (size_t i = 0; i <= last; i++)
        if (zmq_send(door->questions, frames[i].data, frames[i].size,
                     i < last ? ZMQ_SNDMORE : 0) < 0)
            abort();
}

static void *door_keep(void *argument)
{
    struct door *door = argument;
    zmq_pollitem_t items[] = {{door->questions, 0, ZMQ_POLLIN, 0},
                              {door->leave, 0, ZMQ_POLLIN, 0}};
    for (;;) {
        if (zmq_poll(items, 2, -1) < 0) {
            if (errno != EINTR)
                abort();
        } else if (items[1].revents) {
            return NULL;
        } else if (items[0].revents) {
            door_answer(door);
        }
    }
}

static enum err door_open(struct door *door, void *context)
{
    pthread_mutex_init(&door->lock, NULL);
    door->questions = zmq_socket(context, ZMQ_REP);
    door->leave = zmq_socket(context, ZMQ_PAIR);
    door->dismiss = zmq_socket(context, ZMQ_PAIR);
    if (!door->questions || !door->leave || !door->dismiss ||
        zmq_bind(door->questions, DOOR) != 0 ||
        zmq_bind(door->leave, "inproc://door.leave") != 0 ||
        zmq_connect(door->dismiss, "inproc://door.leave") != 0)
        return refused_by_library("the doorkeeper of the network");
    sigset_t all, before; /* signals are for the program's own thread */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&door->thread, NULL, door_keep, door);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return err_set(ERR_STATE, "the doorkeeper of the network: %s", strerror(failed));
    door->open = true;
    return ERR_OK;
}

static void door_close(struct door *door)
{
    if (door->open) {
        while (zmq_send(door->dismiss, "", 0, 0) < 0 && errno == EINTR)
            ;
        pthread_join(door->thread, NULL);
    }
    void *const sockets[] = {door->questions, door->leave, door->dismiss};
    for (size_t i = 0; i < 3; i++)
        if (sockets[i])
            zmq_close(sockets[i]);
    bytes_free(&door->allowed);
    pthread_mutex_destroy(&door->lock);
}

/* --- what both ends have in common
 * ---------------------------------------------------------- */

struct option {
    int name, value;
};

static bool set_options(void *socket, const struct option *options, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (zmq_setsockopt(socket, options[i].name, &options[i].value,
                           sizeof options[i].value) != 0)
            return false;
    return true;
}

/* Two messages of queue each way: a question and its answer, and one more. */
static bool set_common(void *socket)
{
    static const struct option options[] = {
        {ZMQ_IPV6, 1},
        {ZMQ_SNDHWM, 2},
        {ZMQ_RCVHWM, 2},
        {ZMQ_HANDSHAKE_IVL, TRANSPORT_HANDSHAKE_MS},
        {ZMQ_HEARTBEAT_IVL, 5000},
        {ZMQ_HEARTBEAT_TIMEOUT, 15000},
        {ZMQ_HEARTBEAT_TTL, 20000},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, 60},
        {ZMQ_TCP_KEEPALIVE_INTVL, 15},
        {ZMQ_TCP_KEEPALIVE_CNT, 4},
    };
    int64_t size_max = WIRE_FRAME_MAX + CURVE_EXTRA;
    return set_options(socket, options, sizeof options / sizeof *options) &&
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max) == 0;
}

static enum err new_context(int sockets_max, void **context)
{
    *context = zmq_ctx_new();
    if (!*context || zmq_ctx_set(*context, ZMQ_MAX_SOCKETS, sockets_max) != 0)
        return refused_by_library("the network library");
    return ERR_OK;
}

static void end_context(void *context)
{
    while (context && zmq_ctx_term(context) != 0 && errno == EINTR)
        ;
}

static enum err check_size(size_t size)
{
    return size >= 1 && size <= WIRE_FRAME_MAX
               ? ERR_OK
               : err_set(ERR_RANGE, "a frame of %zu bytes; 1 to %zu can be sent", size,
                         WIRE_FRAME_MAX);
}

enum wait { WAIT_READY, WAIT_OVER, WAIT_WOKEN };

/* Until the socket is ready for `events`, the steady clock passes `until_ms`, or wake_fd
 * is readable; waking comes first. */
static enum wait wait_for(void *socket, short events, uint64_t until_ms, int wake_fd)
{
    for (;;) {
        zmq_pollitem_t items[] = {{socket, 0, events, 0}, {NULL, wake_fd, ZMQ_POLLIN, 0}};
        uint64_t now = now_ms();
        long left = until_ms > now ? (long)(until_ms - now) : 0;
        int ready = zmq_poll(items, wake_fd >= 0 ? 2 : 1, left);
        if (ready > 0 && items[1].revents)
            return WAIT_WOKEN;
        if (ready > 0)
            return WAIT_READY;
        if (left == 0)
            return WAIT_OVER;
    }
}

/* Receive and forget what is left of a message. */
static void drop_rest(void *socket, bool more)
{
    while (more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        more = zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
}

/* --- the coordinator's side
 * ------------------------------------------------------------------ */

/* The connection that asked last with a key. */
struct session {
    uint8_t curve[KEY_BYTES], route[ROUTE_BYTES];
};

struct transport_server {
    void *context, *router;
    uint8_t key[KEY_BYTES]; /* its CURVE key, public */
    struct door door;
    char *endpoint;
    uint64_t dropped;
    struct session sessions[TRANSPORT_CONNECTIONS_MAX]; /* of allowed keys alone */
    size_t session_count;
    atomic_size_t queued; /* bytes of answers that libzmq holds */
};

/* Connections are descriptors. */
static void raise_descriptors(rlim_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* The public half, in the only form the library computes it in. */
static enum err derive_key(const uint8_t secret[KEY_BYTES], uint8_t key[KEY_BYTES])
{
    char secret_text[41], key_text[41];
    bool done = zmq_z85_encode(secret_text, secret, KEY_BYTES) &&
                zmq_curve_public(key_text, secret_text) == 0 &&
                zmq_z85_decode(key, key_text);
    bytes_wipe(secret_text, sizeof secret_text);
    return done ? ERR_OK : refused_by_library("the coordinator's key");
}

static enum err open_router(struct transport_server *server,
                            const uint8_t secret[KEY_BYTES])
{
    static const struct option options[] = {{ZMQ_LINGER, LINGER_MS},
                                            {ZMQ_BACKLOG, TRANSPORT_CONNECTIONS_MAX},
                                            {ZMQ_CURVE_SERVER, 1}};
    server->router = zmq_socket(server->context, ZMQ_ROUTER);
    if (!server->router || !set_common(server->router) ||
        !set_options(server->router, options, sizeof options / sizeof *options) ||
        zmq_setsockopt(server->router, ZMQ_CURVE_SECRETKEY, secret, KEY_BYTES) != 0 ||
        zmq_setsockopt(server->router, ZMQ_ZAP_DOMAIN, DOMAIN, strlen(DOMAIN)) != 0)
        return refused_by_library("the coordinator's socket");
    return ERR_OK;
}

/* A client whose fresh key nobody allowed, connected to `endpoint`, having said
 * something. */
static enum err open_intruder(struct transport_server *server, const char *endpoint,
                              void **intruder)
{
    char public_key[41], secret_key[41];
    int none = 0;
    *intruder = zmq_socket(server->context, ZMQ_DEALER);
    if (!*intruder || zmq_curve_keypair(public_key, secret_key) != 0)
        return refused_by_library("the network's self-test");
    pthread_mutex_lock(&server->door.lock);
    zmq_z85_decode(server->door.watched, public_key);
    pthread_mutex_unlock(&server->door.lock);
    if (!set_common(*intruder) ||
        zmq_setsockopt(*intruder, ZMQ_LINGER, &none, sizeof none) != 0 ||
        zmq_setsockopt(*intruder, ZMQ_CURVE_PUBLICKEY, public_key, sizeof public_key) !=
            0 ||
        zmq_setsockopt(*intruder, ZMQ_CURVE_SECRETKEY, secret_key, sizeof secret_key) !=
            0 ||
        zmq_setsockopt(*intruder, ZMQ_CURVE_SERVERKEY, server->key, KEY_BYTES) != 0 ||
        zmq_connect(*intruder, endpoint) != 0 ||
        zmq_send(*intruder, "let me in", 9, 0) < 0)
        return refused_by_library("the network's self-test");
    return ERR_OK;
}

/* The doorkeeper must have been asked about the intruder, and nothing may come through.
 */
static enum err watch_intruder(struct transport_server *server)
{
    uint64_t until = now_ms() + PROVE_MS;
    while (!door_has_refused(&server->door)) {
        if (wait_for(server->router, ZMQ_POLLIN, now_ms() + 10, -1) != WAIT_OVER)
            return err_set(ERR_STATE,
                           "the network's self-test: an unknown key was let in");
        if (now_ms() >= until)
            return err_set(ERR_STATE,
                           "the network's self-test: an unknown key was not "
                           "refused within %d ms",
                           PROVE_MS);
    }
    if (wait_for(server->router, ZMQ_POLLIN, now_ms() + QUIET_MS, -1) != WAIT_OVER)
        return err_set(
            ERR_STATE,
            "the network's self-test: an unknown key was refused and yet let in");
    return ERR_OK;
}

/* On a port of its own, so that the real one opens only after it. */
static enum err prove_refusal(struct transport_server *server)
{
    char endpoint[ENDPOINT_TEXT_MAX];
    size_t size = sizeof endpoint;
    void *intruder = NULL;
    if (zmq_bind(server->router, "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt(server->router, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0)
        return refused_by_library("the network's self-test");
    enum err result = open_intruder(server, endpoint, &intruder);
    if (result == ERR_OK)
        result = watch_intruder(server);
    if (intruder)
        zmq_close(intruder);
    if (result == ERR_OK && zmq_unbind(server->router, endpoint) != 0)
        result = refused_by_library("the network's self-test");
    return result;
}

/* The host as it was given, the port as it came out. */
static enum err bind_router(struct transport_server *server, const char *endpoint)
{
    char bound[ENDPOINT_TEXT_MAX];
    size_t size = sizeof bound;
    if (zmq_bind(server->router, endpoint) != 0 ||
        zmq_getsockopt(server->router, ZMQ_LAST_ENDPOINT, bound, &size) != 0)
        return err_set(ERR_GONE, "%s cannot be bound: %s", endpoint, zmq_strerror(errno));
    int host = (int)(strrchr(endpoint, ':') - endpoint);
    server->endpoint = mem_format("%.*s%s", host, endpoint, strrchr(bound, ':'));
    return ERR_OK;
}

enum err transport_server_new(const char *endpoint, const uint8_t secret[KEY_BYTES],
                              const struct bytes *curves,
                              struct transport_server **server)
{
    if (endpoint_check(endpoint, true) != ERR_OK)
        return err_code();
    raise_descriptors(TRANSPORT_DESCRIPTORS_MAX);
    struct transport_server *fresh = mem_new(1, sizeof *fresh);
    enum err result = new_context(SOCKETS_MAX, &fresh->context);
    if (result == ERR_OK)
        result = derive_key(secret, fresh->key);
    if (result == ERR_OK)
        result = door_open(&fresh->door, fresh->context);
    if (result == ERR_OK)
        result = open_router(fresh, secret);
    if (result == ERR_OK)
        result = prove_refusal(fresh);
    if (result == ERR_OK) {
        door_allow(&fresh->door, curves);
        result = bind_router(fresh, endpoint);
    }
    if (result == ERR_OK)
        *server = fresh;
    else
        transport_server_destroy(&fresh);
    return result;
}

/* The router goes first: its doorkeeper must not leave before it. */
void transport_server_destroy(struct transport_server **server)
{
    if (!*server)
        return;
    if ((*server)->router)
        zmq_close((*server)->router);
    door_close(&(*server)->door);
    end_context((*server)->context);
    mem_free((*server)->endpoint);
    mem_free(*server);
    *server = NULL;
}

const char *transport_server_endpoint(const struct transport_server *server)
{
    return server->endpoint;
}

void transport_server_allow(struct transport_server *server, const struct bytes *curves)
{
    size_t kept = 0;
    door_allow(&server->door, curves);
    for (size_t i = 0; i < server->session_count; i++)
        if (contains(curves, server->sessions[i].curve))
            server->sessions[kept++] = server->sessions[i];
    server->session_count = kept;
}

uint64_t transport_server_dropped(const struct transport_server *server)
{
    return server->dropped;
}

size_t transport_server_queued(const struct transport_server *server)
{
    return atomic_load(&server->queued);
}

static struct session *session_of(struct transport_server *server,
                                  const uint8_t curve[KEY_BYTES])
{
    for (size_t i = 0; i < server->session_count; i++)
        if (memcmp(server->sessions[i].curve, curve, KEY_BYTES) == 0)
            return &server->sessions[i];
    return NULL;
}

/* The peer's connection has the session of its key from now on. False where the allowed
 * keys are more than may connect. */
static bool begin_session(struct transport_server *server,
                          const struct transport_peer *peer)
{
    struct session *session = session_of(server, peer->curve);
    for (size_t i = 0; i < server->session_count; i++) /* one route, one connection */
        if (&server->sessions[i] != session &&
            memcmp(server->sessions[i].route, peer->route, ROUTE_BYTES) == 0)
            memset(server->sessions[i].route, 0xff, ROUTE_BYTES);
    if (!session && server->session_count == TRANSPORT_CONNECTIONS_MAX)
        return false;
    if (!session)
        session = &server->sessions[server->session_count++];
    memcpy(session->curve, peer->curve, KEY_BYTES);
    memcpy(session->route, peer->route, ROUTE_BYTES);
    return true;
}

/* The payload's User-Id is what our doorkeeper said of the connection; the routing id's
 * is not looked at, because libzmq 4.3.4 loses it. The key may have been struck off
 * since. */
static bool read_peer(struct transport_server *server, zmq_msg_t *route,
                      zmq_msg_t *payload, struct transport_peer *peer)
{
    const char *user = zmq_msg_gets(payload, "User-Id");
    size_t size = zmq_msg_size(route);
    const uint8_t *data = zmq_msg_data(route);
    if (size != ROUTE_BYTES || data[0] != 0 || !user ||
        bytes_from_hex(user, peer->curve, KEY_BYTES) != ERR_OK)
        return false;
    memcpy(peer->route, data, size);
    peer->route_size = size;
    return door_admits(&server->door, peer->curve);
}

/* Take one message; false when there was none or it was dropped. */
static bool take(struct transport_server *server, struct transport_peer *peer,
                 struct bytes *frame)
{
    zmq_msg_t route, payload;
    bool kept = false;
    zmq_msg_init(&route);
    zmq_msg_init(&payload);
    if (zmq_msg_recv(&route, server->router, ZMQ_DONTWAIT) >= 0) {
        bool more = zmq_msg_more(&route) &&
                    zmq_msg_recv(&payload, server->router, ZMQ_DONTWAIT) >= 0 &&
                    zmq_msg_more(&payload);
        drop_rest(server->router, more);
        size_t size = zmq_msg_size(&payload);
        kept = !more && size >= 1 && size <= WIRE_FRAME_MAX &&
               read_peer(server, &route, &payload, peer) && begin_session(server, peer);
        if (kept) {
            frame->size = 0;
            bytes_append(frame, zmq_msg_data(&payload), size);
        } else {
            server->dropped++;
        }
    }
    zmq_msg_close(&route);
    zmq_msg_close(&payload);
    return kept;
}

enum err transport_server_receive(struct transport_server *server, unsigned timeout_ms,
                                  int wake_fd, struct transport_peer *peer,
                                  struct bytes *frame)
{
    uint64_t until = now_ms() + timeout_ms;
    for (;;)
        switch (wait_for(server->router, ZMQ_POLLIN, until, wake_fd)) {
        case WAIT_WOKEN:
            return err_set(ERR_INTERRUPTED, "waiting for a node was interrupted");
        case WAIT_OVER:
            return err_set(ERR_GONE, "no node said anything for %u ms", timeout_ms);
        case WAIT_READY:
            if (take(server, peer, frame))
                return ERR_OK;
            if (now_ms() >= until)
                return err_set(ERR_GONE, "no node said anything proper for %u ms",
                               timeout_ms);
        }
}

/* An answer on its way out, counted until libzmq lets go of it, in a thread of its own.
 */
struct answer {
    atomic_size_t *queued;
    size_t size;
    uint8_t data[];
};

static void let_go(void *data, void *hint)
{
    struct answer *answer = hint;
    (void)data;
    atomic_fetch_sub(answer->queued, answer->size);
    mem_free(answer);
}

static bool wrap_answer(struct transport_server *server, struct view frame,
                        zmq_msg_t *message)
{
    struct answer *answer = mem_new(1, sizeof *answer + frame.size);
    answer->queued = &server->queued;
    answer->size = frame.size;
    memcpy(answer->data, frame.data, frame.size);
    atomic_fetch_add(answer->queued, answer->size);
    if (zmq_msg_init_data(message, answer->data, frame.size, let_go, answer) == 0)
        return true;
    let_go(answer->data, answer);
    return false;
}

enum err transport_server_send(struct transport_server *server,
                               const struct transport_peer *peer, struct view frame)
{
    if (check_size(frame.size) != ERR_OK)
        return err_code();
    const struct session *session = session_of(server, peer->curve);
    if (!session || peer->route_size != ROUTE_BYTES ||
        memcmp(session->route, peer->route, ROUTE_BYTES) != 0)
        return ERR_OK; /* it asked on another connection since */
    zmq_msg_t message;
    if (zmq_send(server->router, peer->route, peer->route_size,
                 ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        !wrap_answer(server, frame, &message))
        return refused_by_library("an answer to a node");
    if (zmq_msg_send(&message, server->router, ZMQ_DONTWAIT) < 0) {
        refused_by_library("an answer to a node");
        zmq_msg_close(&message);
        return err_code();
    }
    return ERR_OK;
}

/* --- the node's side
 * ---------------------------------------------------------------------------- */

struct transport_client {
    void *context, *dealer; /* dealer NULL: to be made at the next question */
    char *endpoint;
    uint8_t server_curve[KEY_BYTES];
    const struct identity *identity;
};

/* A connection to be made; `at_once`: a frame may be queued before there is one. */
static enum err open_dealer(void *context, const char *endpoint,
                            const uint8_t server_curve[KEY_BYTES],
                            const struct identity *identity, bool at_once, void **dealer)
{
    const struct option options[] = {{ZMQ_LINGER, 0},
                                     {ZMQ_IMMEDIATE, !at_once},
                                     {ZMQ_CONNECT_TIMEOUT, 5000},
                                     {ZMQ_RECONNECT_IVL, RECONNECT_MS},
                                     {ZMQ_RECONNECT_IVL_MAX, 2000}};
    uint8_t own[KEY_BYTES];
    identity_curve(identity, own);
    *dealer = zmq_socket(context, ZMQ_DEALER);
    if (!*dealer || !set_common(*dealer) ||
        !set_options(*dealer, options, sizeof options / sizeof *options) ||
        zmq_setsockopt(*dealer, ZMQ_CURVE_SERVERKEY, server_curve, KEY_BYTES) != 0 ||
        zmq_setsockopt(*dealer, ZMQ_CURVE_PUBLICKEY, own, KEY_BYTES) != 0 ||
        zmq_setsockopt(*dealer, ZMQ_CURVE_SECRETKEY, identity_curve_secret(identity),
                       KEY_BYTES) != 0 ||
        zmq_connect(*dealer, endpoint) != 0) {
        bool full = errno == EMFILE;
        refused_by_library("the connection to the coordinator");
        return full ? err_hint("raise the limit of open files: ulimit -n") : err_code();
    }
    return ERR_OK;
}

static enum err connect_client(struct transport_client *client)
{
    return open_dealer(client->context, client->endpoint, client->server_curve,
                       client->identity, false, &client->dealer);
}

static void close_dealer(struct transport_client *client)
{
    if (client->dealer)
        zmq_close(client->dealer);
    client->dealer = NULL;
}

enum err transport_client_new(const char *endpoint, const uint8_t server_curve[KEY_BYTES],
                              const struct identity *identity,
                              struct transport_client **client)
{
    if (endpoint_check(endpoint, false) != ERR_OK)
        return err_code();
    struct transport_client *fresh = mem_new(1, sizeof *fresh);
    fresh->endpoint = mem_text(endpoint);
    fresh->identity = identity;
    memcpy(fresh->server_curve, server_curve, KEY_BYTES);
    enum err result = new_context(SOCKETS_MAX, &fresh->context);
    if (result == ERR_OK)
        result = connect_client(fresh);
    if (result == ERR_OK)
        *client = fresh;
    else
        transport_client_destroy(&fresh);
    return result;
}

void transport_client_destroy(struct transport_client **client)
{
    if (!*client)
        return;
    close_dealer(*client);
    end_context((*client)->context);
    mem_free((*client)->endpoint);
    mem_free(*client);
    *client = NULL;
}

/* The one frame of the next message; false when it is none such, or not there yet. */
static bool take_answer(void *dealer, struct bytes *answer)
{
    zmq_msg_t part;
    zmq_msg_init(&part);
    bool kept = false;
    if (zmq_msg_recv(&part, dealer, ZMQ_DONTWAIT) >= 0) {
        bool more = zmq_msg_more(&part);
        drop_rest(dealer, more);
        size_t size = zmq_msg_size(&part);
        kept = !more && size >= 1 && size <= WIRE_FRAME_MAX;
        if (kept) {
            answer->size = 0;
            bytes_append(answer, zmq_msg_data(&part), size);
        }
    }
    zmq_msg_close(&part);
    return kept;
}

/* A socket with ZMQ_IMMEDIATE can send while it is connected, and it takes longer than a
 * look to connect again. */
static bool is_connected(void *dealer)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(dealer, ZMQ_EVENTS, &events, &size) == 0 &&
           events & ZMQ_POLLOUT;
}

/* Send, then receive, until the deadline or until woken. A question whose connection was
 * lost is sent again over the next one: its answer would have come over the old one. A
 * socket that has met somebody who speaks something else never connects again (libzmq
 * ends its session), so that one which is not connected after the time for a handshake is
 * made anew. */
static enum wait exchange(struct transport_client *client, const struct bytes *frame,
                          uint64_t until, int wake_fd, bool *sent, struct bytes *answer)
{
    bool waiting = *sent = false;
    uint64_t alone = now_ms(); /* since when */
    for (;;) {
        uint64_t look = now_ms() + LOOK_MS;
        enum wait wait = wait_for(client->dealer, waiting ? ZMQ_POLLIN : ZMQ_POLLOUT,
                                  look < until ? look : until, wake_fd);
        if (wait == WAIT_WOKEN)
            return wait;
        if (wait == WAIT_READY && waiting && take_answer(client->dealer, answer))
            return WAIT_READY;
        if (wait == WAIT_READY && !waiting)
            waiting = *sent =
                zmq_send(client->dealer, frame->data, frame->size, ZMQ_DONTWAIT) >= 0;
        if (waiting)
            alone = now_ms();
        if (wait == WAIT_OVER && waiting)
            waiting = is_connected(client->dealer);
        if (now_ms() - alone >= TRANSPORT_HANDSHAKE_MS) {
            close_dealer(client);
            if (connect_client(client) != ERR_OK)
                return WAIT_OVER;
            alone = now_ms();
        }
        if (now_ms() >= until)
            return WAIT_OVER;
    }
}

enum err transport_client_ask(struct transport_client *client, const struct bytes *frame,
                              unsigned deadline_ms, int wake_fd, struct bytes *answer)
{
    bool sent;
    if (check_size(frame->size) != ERR_OK)
        return err_code();
    if (!client->dealer && connect_client(client) != ERR_OK) {
        close_dealer(client);
        return err_code();
    }
    enum wait wait =
        exchange(client, frame, now_ms() + deadline_ms, wake_fd, &sent, answer);
    if (wait == WAIT_READY)
        return ERR_OK;
    close_dealer(client);
    if (wait == WAIT_WOKEN)
        return err_set(ERR_INTERRUPTED, "waiting for the coordinator was interrupted");
    err_set(ERR_GONE, "%s the coordinator at %s within %u ms",
            sent ? "no answer from" : "no connection to", client->endpoint, deadline_ms);
    return err_hint(
        "is it running, and is this node's key in its roster? It does not speak "
        "to keys it does not know");
}

/* --- many nodes in one process
 * ------------------------------------------------------------------ */

struct transport_crowd {
    void *context;
    char *endpoint;
    uint8_t server_curve[KEY_BYTES];
    zmq_pollitem_t *items; /* [members_max] a socket a member */
    size_t members, members_max;
    size_t next; /* member to look at first; those before it had their turn */
    int ready;   /* members with something to read, of the last poll */
};

enum err transport_crowd_new(const char *endpoint, const uint8_t server_curve[KEY_BYTES],
                             size_t members_max, struct transport_crowd **crowd)
{
    if (endpoint_check(endpoint, false) != ERR_OK)
        return err_code();
    if (members_max < 1 || members_max > TRANSPORT_CONNECTIONS_MAX)
        return err_set(ERR_RANGE, "%zu nodes in one process; 1 to %d can be", members_max,
                       TRANSPORT_CONNECTIONS_MAX);
    raise_descriptors(4 * TRANSPORT_CONNECTIONS_MAX);
    struct transport_crowd *fresh = mem_new(1, sizeof *fresh);
    fresh->endpoint = mem_text(endpoint);
    fresh->items = mem_new(members_max, sizeof *fresh->items);
    fresh->members_max = members_max;
    memcpy(fresh->server_curve, server_curve, KEY_BYTES);
    enum err result = new_context((int)members_max + SOCKETS_MAX, &fresh->context);
    *crowd = fresh;
    if (result != ERR_OK)
        transport_crowd_destroy(crowd);
    return result;
}

void transport_crowd_destroy(struct transport_crowd **crowd)
{
    struct transport_crowd *gone = *crowd;
    if (!gone)
        return;
    for (size_t i = 0; i < gone->members; i++)
        zmq_close(gone->items[i].socket);
    end_context(gone->context);
    mem_free(gone->items);
    mem_free(gone->endpoint);
    mem_free(gone);
    *crowd = NULL;
}

enum err transport_crowd_join(struct transport_crowd *crowd,
                              const struct identity *identity, size_t *member)
{
    void *dealer = NULL;
    if (crowd->members == crowd->members_max)
        return err_set(ERR_RANGE, "%zu nodes are in this process, and room for no more",
                       crowd->members);
    if (open_dealer(crowd->context, crowd->endpoint, crowd->server_curve, identity, true,
                    &dealer) != ERR_OK) {
        if (dealer)
            zmq_close(dealer);
        return err_code();
    }
    *member = crowd->members++;
    crowd->items[*member] = (zmq_pollitem_t){.socket = dealer, .events = ZMQ_POLLIN};
    return ERR_OK;
}

enum err transport_crowd_send(struct transport_crowd *crowd, size_t member,
                              const struct bytes *frame)
{
    if (check_size(frame->size) != ERR_OK)
        return err_code();
    if (zmq_send(crowd->items[member].socket, frame->data, frame->size, ZMQ_DONTWAIT) < 0)
        return err_set(ERR_GONE, "node %zu cannot send: %s", member, zmq_strerror(errno));
    return ERR_OK;
}

/* The next member's frame of the last poll; each has one turn a poll. */
static bool take_turn(struct transport_crowd *crowd, size_t *member, struct bytes *frame)
{
    for (; crowd->ready > 0 && crowd->next < crowd->members; crowd->next++) {
        if (!(crowd->items[crowd->next].revents & ZMQ_POLLIN))
            continue;
        crowd->ready--;
        *member = crowd->next;
        if (take_answer(crowd->items[crowd->next].socket, frame)) {
            crowd->next++;
            return true;
        }
    }
    crowd->ready = 0;
    return false;
}

enum err transport_crowd_receive(struct transport_crowd *crowd, unsigned timeout_ms,
                                 size_t *member, struct bytes *frame)
{
    uint64_t until = now_ms() + timeout_ms;
    while (!take_turn(crowd, member, frame)) {
        uint64_t now = now_ms();
        crowd->ready = zmq_poll(crowd->items, (int)crowd->members,
                                until > now ? (long)(until - now) : 0);
        crowd->next = 0;
        if (crowd->ready <= 0 && now >= until)
            return err_set(ERR_GONE, "no answer to any of %zu nodes within %u ms",
                           crowd->members, timeout_ms);
    }
    return ERR_OK;
}
