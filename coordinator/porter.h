#ifndef COORDINATOR_PORTER_H
#define COORDINATOR_PORTER_H

#include <sys/types.h>

#include "privacy/identity.h"
#include "wire/transport.h"

/* porter - the coordinator's hold of its porter: the process that owns the sockets,
 * gemel-porter (porter_main.c).
 *
 * The porter has the CURVE secret, the keys that may connect and nothing else: no store,
 * no signing key, no file, a limit of memory. What peers can make it do ends with it: it
 * is started again, and whoever was connected connects again and repeats its question.
 * Nor is it believed: a frame from it counts as one from the network, so signatures are
 * checked here, and a note that breaks wire/relay's rules, ten seconds of silence or two
 * in which it does not take an answer end it, too. Called by coordinator/serve and
 * sim/load_center. */

struct porter;

struct porter_start {
    const char *program;             /* gemel-porter's path */
    const char *endpoint;            /* as transport_server_new has it */
    const struct identity *identity; /* the coordinator's; must outlive the porter */
    const struct bytes *curves;      /* allowed keys, as transport_server_new has them */
    size_t memory_max;               /* bytes of data the porter may have */
};

/* Where an answer goes back to: copied at will, useless once the connection or the porter
 * that had it is gone. */
struct porter_peer {
    struct transport_peer network;
    uint64_t life; /* of the porter */
};

/* Start one and wait until it is bound. Its refusals are those of transport_server_new;
 * ERR_NOT_FOUND without the program, ERR_GONE when it did not come up. */
enum err porter_new(const struct porter_start *start, struct porter **porter);
void porter_destroy(
    struct porter **porter); /* lets last answers leave; NULL is fine; nulls */

const char *porter_endpoint(const struct porter *porter); /* with its real port */
pid_t porter_process(const struct porter *porter);        /* 0: none at the moment */
uint64_t porter_restarts(const struct porter *porter);

void porter_allow(struct porter *porter, const struct bytes *curves);

/* As transport_server_receive, and meanwhile a porter that has ended is replaced: at
 * once, but after a pause that doubles to 0.8 s when it lived for less than ten seconds.
 */
enum err porter_receive(struct porter *porter, unsigned timeout_ms, int wake_fd,
                        struct porter_peer *peer, struct bytes *frame);

/* An answer whose peer or porter is gone is lost, which is no error; the peer asks again.
 * Waits two seconds at most. ERR_RANGE for a frame that is empty or too large. */
enum err porter_send(struct porter *porter, const struct porter_peer *peer,
                     const struct bytes *frame);

#endif
