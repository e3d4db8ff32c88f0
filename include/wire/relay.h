#ifndef WIRE_RELAY_H
#define WIRE_RELAY_H

#include <stdbool.h>

#include "wire/transport.h"

/* relay - notes between the two processes of a coordinator, over a pair of local sockets:
 * the porter, which owns the network, and the engine, which owns the state.
 *
 * A note is its length as four bytes, little-endian, its kind as one, and the parts that
 * the kind has, in the order of struct relay_note: views as fields of base/bytes, the
 * number as eight bytes. Neither side believes the other: a length, kind or part out of
 * its limits ends the relay, and whoever asks gets no more memory than one note at its
 * largest. What a note says is its reader's to check. One note each way is under way at a
 * time. Called by the coordinator's porter and by coordinator/porter. */

enum relay_kind {
    RELAY_START = 1, /* engine, first and once: text: where to bind; secret; curves */
    RELAY_ALLOW,     /* engine: curves, which replace those before */
    RELAY_ANSWER,    /* engine: peer, frame */
    RELAY_READY,  /* porter, first: text: where it is bound; number: 1: it is confined */
    RELAY_FAILED, /* porter, last: text: why; number: an enum err */
    RELAY_QUESTION, /* porter: peer, frame */
    RELAY_ALIVE,    /* porter, every second: number: messages dropped so far */
};

#define RELAY_DESCRIPTOR 3 /* the porter's end, when it begins */
#define RELAY_TEXT_MAX 1000
#define RELAY_CURVES_MAX ((size_t)TRANSPORT_CONNECTIONS_MAX * KEY_BYTES)
#define RELAY_NOTE_MAX (WIRE_FRAME_MAX + 128) /* of a note's bytes behind its length */

/* Parts that a kind does not have are empty. */
struct relay_note {
    enum relay_kind kind;
    struct view text;   /* 0 to RELAY_TEXT_MAX bytes */
    struct view secret; /* the CURVE secret, KEY_BYTES */
    struct view curves; /* keys, one after the other, up to RELAY_CURVES_MAX bytes */
    struct transport_peer peer;
    struct view frame; /* 1 to WIRE_FRAME_MAX bytes */
    uint64_t number;
};

/* The bytes behind the length. Encoding appends; a part out of its limits is our own
 * mistake and aborts. Decoding: ERR_FORMAT; views point into `bytes`. */
void relay_encode(const struct relay_note *note, struct bytes *bytes);
enum err relay_decode(struct view bytes, struct relay_note *note);

struct relay;

struct relay *
relay_new(int descriptor); /* one end of a stream; taken and made not to block */
void relay_destroy(struct relay **relay);        /* closes it; NULL is fine; nulls */
int relay_descriptor(const struct relay *relay); /* to wait on; not to read */

/* The next note that is there. Never waits; ERR_GONE: none yet. Views hold until the next
 * call. ERR_STATE: the other side has closed; ERR_FORMAT: it broke the rules. */
enum err relay_take(struct relay *relay, struct relay_note *note);
/* Put a note on its way: the one before must have left. relay_flush sends as much as goes
 * within timeout_ms: ERR_OK once all has left, ERR_GONE when time was up, ERR_STATE as
 * above. */
void relay_put(struct relay *relay, const struct relay_note *note);
enum err relay_flush(struct relay *relay, unsigned timeout_ms);
bool relay_is_idle(const struct relay *relay); /* nothing is left to send */

/* Wipe the last note of each way, one of which held the secret; both must be whole. */
void relay_wipe(struct relay *relay);

#endif
