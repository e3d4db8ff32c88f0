#ifndef WIRE_TRANSPORT_H
#define WIRE_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "wire/codec.h"

/* transport - frames between a node and the coordinator over ZeroMQ with CURVE: the only
 * door to zmq.h.
 *
 * Nodes connect outward only and ask; the coordinator answers. It carries opaque frames
 * and says which CURVE key a frame came in by; who that is and whether it may speak is
 * the envelope's and the roster's business. ZAP alone fails open in libzmq 4.3.4, so a
 * frame without a User-Id that this module's own doorkeeper set is dropped, the
 * doorkeeper's death ends the process, and a server proves at start that an unknown key
 * is refused. One payload frame a message; sizes, queues and handshakes are bounded, but
 * not the frames of a message that is still to be dropped nor, by anything but
 * descriptors, the connections: a server belongs in a process of its own with a limit of
 * memory (coordinator/porter, docs/protocol.md, "Transport"). libzmq keeps a copy of the
 * CURVE secret in memory that is not locked. Called by node/ and coordinator/. Not
 * thread-safe: one thread a server or client. */

struct identity;

#define TRANSPORT_CONNECTIONS_MAX 1024 /* of members, at the same time */
#define TRANSPORT_DESCRIPTORS_MAX                                                        \
    32768 /* a server asks for, most of them for strangers */
#define TRANSPORT_HANDSHAKE_MS 5000

/* --- the coordinator's side
 * ------------------------------------------------------------- */

struct transport_server;

/* Where an answer goes back to: copied at will, useless once the peer is gone. */
struct transport_peer {
    uint8_t route[16];
    size_t route_size;
    uint8_t curve[KEY_BYTES]; /* the key the connection proved */
};

/* Run the self-test on a port of its own, then bind to tcp://host:port (port 0 or *: any
 * free one). ERR_STATE when an unknown key was not refused. `curves`: allowed keys, one
 * after the other, none is fine. ERR_GONE when the address cannot be bound, ERR_RANGE
 * when it is none. Raises the process's soft limit of descriptors as far as it may.
 * `secret` is the server's CURVE secret; libzmq keeps it. */
enum err transport_server_new(const char *endpoint, const uint8_t secret[KEY_BYTES],
                              const struct bytes *curves,
                              struct transport_server **server);
void transport_server_destroy(struct transport_server **server); /* NULL is fine; nulls */
const char *
transport_server_endpoint(const struct transport_server *server); /* with its real port */

/* Replace the allowed keys: at once for new connections; frames by keys no longer allowed
 * are dropped from now on. */
void transport_server_allow(struct transport_server *server, const struct bytes *curves);

/* Wait at most timeout_ms for one frame, which replaces what `frame` held. ERR_GONE: none
 * came. Frames that break the rules above are dropped and counted. `wake_fd` (-1: none):
 * a readable descriptor also ends the wait (ERR_INTERRUPTED) and is not read. */
enum err transport_server_receive(struct transport_server *server, unsigned timeout_ms,
                                  int wake_fd, struct transport_peer *peer,
                                  struct bytes *frame);

/* Never waits. A peer that is gone, or does not read what it is sent, loses the answer
 * and asks again. Of connections that proved one key the one that asked last has the
 * session: answers to another are dropped. ERR_RANGE for a frame that is empty or too
 * large. */
enum err transport_server_send(struct transport_server *server,
                               const struct transport_peer *peer, struct view frame);
uint64_t transport_server_dropped(const struct transport_server *server);
size_t
transport_server_queued(const struct transport_server *server); /* bytes not yet sent */

/* --- the node's side
 * ---------------------------------------------------------------------- */

struct transport_client;

/* Connects in the background, and again whenever the connection is lost. `identity` must
 * outlive it. */
enum err transport_client_new(const char *endpoint, const uint8_t server_curve[KEY_BYTES],
                              const struct identity *identity,
                              struct transport_client **client);
void transport_client_destroy(struct transport_client **client); /* NULL is fine; nulls */

/* Send `frame`, again whenever the connection is lost meanwhile, and wait for the one
 * answer, which replaces what `answer` held. ERR_GONE after deadline_ms, and the
 * connection is then made anew, so that a late answer is never taken for the next
 * question's. ERR_INTERRUPTED when wake_fd (-1: none) became readable. A server that does
 * not know this node's key says nothing at all: that, too, is ERR_GONE. */
enum err transport_client_ask(struct transport_client *client, const struct bytes *frame,
                              unsigned deadline_ms, int wake_fd, struct bytes *answer);

/* --- many nodes in one process: gemel-sim's
 * ----------------------------------------------- */

/* Nodes with a connection each, served by one thread that never waits for one of them
 * alone. Raises the process's soft limit of descriptors as far as it may. */
struct transport_crowd;

enum err transport_crowd_new(const char *endpoint, const uint8_t server_curve[KEY_BYTES],
                             size_t members_max, struct transport_crowd **crowd);
void transport_crowd_destroy(struct transport_crowd **crowd); /* NULL is fine; nulls */

/* Connect one more, in the background, and again whenever the connection is lost. They
 * are numbered as they join: 0, 1, ... ERR_RANGE when members_max are there. `identity`
 * is not kept. */
enum err transport_crowd_join(struct transport_crowd *crowd,
                              const struct identity *identity, size_t *member);

/* Never waits; a frame is sent once its member is connected. ERR_GONE: the two before it
 * have not left yet, or the server does not let it in. ERR_RANGE for a frame that is
 * empty or too large. */
enum err transport_crowd_send(struct transport_crowd *crowd, size_t member,
                              const struct bytes *frame);

/* Wait at most timeout_ms for one frame to any of them, in turn; it replaces what `frame`
 * held. ERR_GONE: none came. */
enum err transport_crowd_receive(struct transport_crowd *crowd, unsigned timeout_ms,
                                 size_t *member, struct bytes *frame);

#endif
