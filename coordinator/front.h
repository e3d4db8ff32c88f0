#ifndef COORDINATOR_FRONT_H
#define COORDINATOR_FRONT_H

#include <sys/types.h>

#include "privacy/identity.h"
#include "wire/transport.h"

/* front - the coordinator's hold of its front: the process that owns the sockets,
 * gemel-front (front_main.c).
 *
 * The front has the CURVE secret, the keys that may connect and nothing else: no store,
 * no signing key, no file, a limit of memory. What peers can make it do ends with it: it
 * is started again, and whoever was connected connects again and repeats its question.
 * Nor is it believed: a frame from it counts as one from the network, so signatures are
 * checked here, and a note that breaks wire/relay's rules, ten seconds of silence or two
 * in which it does not take an answer end it, too. Called by coordinator/serve and
 * sim/load_center. */

struct front;

struct front_start {
    const char *program;             /* gemel-front's path */
    const char *endpoint;            /* as transport_server_new has it */
    const struct identity *identity; /* the coordinator's; must outlive the front */
    const struct bytes *curves;      /* allowed keys, as transport_server_new has them */
    size_t memory_max;               /* bytes of data the front may have */
};

/* Where an answer goes back to: copied at will, useless once the connection or the front
 * that had it is gone. */
struct front_peer {
    struct transport_peer network;
    uint64_t life; /* of the front */
};

/* Start one and wait until it is bound. Its refusals are those of transport_server_new;
 * ERR_NOT_FOUND without the program, ERR_GONE when it did not come up. */
enum err front_new(const struct front_start *start, struct front **front);
void front_destroy(
    struct front **front); /* lets last answers leave; NULL is fine; nulls */

const char *front_endpoint(const struct front *front); /* with its real port */
pid_t front_process(const struct front *front);        /* 0: none at the moment */
uint64_t front_restarts(const struct front *front);

void front_allow(struct front *front, const struct bytes *curves);

/* As transport_server_receive, and meanwhile a front that has ended is replaced: at once,
 * but after a pause that doubles to 0.8 s when it lived for less than ten seconds. */
enum err front_receive(struct front *front, unsigned timeout_ms, int wake_fd,
                       struct front_peer *peer, struct bytes *frame);

/* An answer whose peer or front is gone is lost, which is no error; the peer asks again.
 * Waits two seconds at most. ERR_RANGE for a frame that is empty or too large. */
enum err front_send(struct front *front, const struct front_peer *peer,
                    const struct bytes *frame);

#endif
