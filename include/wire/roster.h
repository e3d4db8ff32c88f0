#ifndef WIRE_ROSTER_H
#define WIRE_ROSTER_H

#include <stdbool.h>

#include "wire/codec.h"
#include "wire/reason.h"

/* roster - who belongs to the consortium, as the governance key signed it; and the
 * files by which a hospital joins and takes new keys.
 *
 * The governance key is held offline and is not the coordinator's: whoever runs the
 * coordinator can neither add nor drop a hospital unseen. A roster's hash `rid` goes into
 * every plan. It is not a login system: there is no other list of who may speak. Called
 * by node/ and coordinator/. */

struct identity;
struct roster;

/* Check the fields against each other and sign them: members have names and CURVE keys of
 * their own, valid_from < valid_to, the governance key is the signer's and nobody else's,
 * version 1 has no previous and every later one has. Appends the Signed Roster. */
enum err roster_sign(const struct identity *governance,
                     const struct roster_fields *fields, struct bytes *bytes);

/* Read and check one signed by `governance_key` (pinned since the invitation).
 * ERR_FORMAT, ERR_VERIFY. Keeps its own copy of the bytes. */
enum err roster_new(struct view bytes, const uint8_t governance_key[KEY_BYTES],
                    struct roster **roster);
void roster_destroy(struct roster **roster); /* NULL is fine; nulls */

/* Whether `next` may replace `held` (NULL: none yet): same consortium and governance key,
 * a higher version, and, when it is the very next, the held one's hash as its previous.
 * A gap is permitted, since a node may sleep through versions; another roster of the held
 * version is ERR_VERIFY, an older one ERR_DENIED; the same again is ERR_OK. */
enum err roster_follows(const struct roster *held, const struct roster *next);

const struct roster_fields *roster_fields(const struct roster *roster);
const uint8_t *roster_hash(const struct roster *roster);       /* rid */
const uint8_t *roster_consortium(const struct roster *roster); /* its hash */
struct view roster_bytes(const struct roster *roster);         /* as received, signed */
/* NULL when there is no such member. */
const struct member *roster_by_key(const struct roster *roster,
                                   const uint8_t key[KEY_BYTES]);

bool roster_valid(const struct member *member, uint64_t now);

/* The coordinator's `admit` (wire/envelope): the sender is a member, valid at `now`, and
 * the connection's CURVE key is that member's. */
struct roster_gate {
    const struct roster *roster; /* NULL: nobody belongs yet */
    const uint8_t *curve; /* of the connection the message came in by */
    uint64_t now;         /* Unix seconds */
};
enum reason roster_admits(const void *gate, const uint8_t sender[KEY_BYTES]);

/* CURVE keys of the members valid at `now`, one after the other: for
 * transport_server_allow.
 */
void roster_curves(const struct roster *roster, uint64_t now, struct bytes *curves);

/* Enrolment: armoured text files, each signed by the key it introduces. The signature
 * shows that the keys belong together; that they belong to the hospital, or to the
 * operator, people make sure of by comparing fingerprints over another channel. Caller
 * frees the text; what reading gives lies in the arena. */
enum err roster_request_text(const struct identity *node,
                             const struct enrol_request *request, char **text);
enum err roster_request_read(const char *text, size_t size, struct arena *arena,
                             struct enrol_request *request);
enum err roster_invite_text(const struct identity *coordinator,
                            const struct enrol_invite *invite, char **text);
enum err roster_invite_read(const char *text, size_t size, struct arena *arena,
                            struct enrol_invite *invite);

/* A member's next keys: a request to join as above, by the new keys, and the member's
 * present key's signature over it. Reading tells whose place it asks for; that a roster
 * has that member is the coordinator's to check, that it is the hospital's wish the
 * telephone's. ERR_RANGE for a request that its new identity does not sign. */
enum err roster_rotation_text(const struct identity *present, const struct identity *next,
                              const struct enrol_request *request, char **text);
enum err roster_rotation_read(const char *text, size_t size, struct arena *arena,
                              struct enrol_request *request, uint8_t present[KEY_BYTES]);

/* What people compare by telephone: the first 160 bits of the hash of the keys given, as
 * eight groups of four letters and digits without look-alikes. */
#define ROSTER_FINGERPRINT_SIZE 40
void roster_fingerprint(const uint8_t *keys, size_t size,
                        char text[ROSTER_FINGERPRINT_SIZE]);

#endif
