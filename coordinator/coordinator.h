#ifndef COORDINATOR_COORDINATOR_H
#define COORDINATOR_COORDINATOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/home.h"
#include "privacy/audit.h"
#include "privacy/identity.h"
#include "wire/roster.h"

/* coordinator - the consortium's opened home: store, settings, identity and the roster in
 * force.
 *
 * It keeps no patient and no governance key: it can neither admit a hospital nor read
 * one's records. Everything in coordinator/ works on one of these. It holds no socket:
 * coordinator/serve does. */

struct coordinator {
    struct home *home;
    struct store *store;
    const struct conf *conf;
    struct identity *identity;
    uint8_t key[KEY_BYTES], curve[KEY_BYTES];
    char *name;                        /* the consortium's */
    uint8_t governance_key[KEY_BYTES]; /* pinned at init */
    uint8_t consortium[HASH_BYTES];
    struct roster *roster; /* NULL: none installed yet */

    /* Studies kept open by coordinator/studies, and how it lets go of them. */
    struct coord_study *studies;
    void (*forget_studies)(struct coordinator *coordinator);
    /* The same of coordinator/attempts. */
    struct coord_attempt *attempts;
    void (*forget_attempts)(struct coordinator *coordinator);
};

/* Set up a home in `folder` for the consortium `name`, governed by `governance_key`, to
 * be reached by nodes at `endpoint` (tcp://host:port). */
enum err coordinator_create(const char *folder, const char *name, const char *endpoint,
                            const uint8_t governance_key[KEY_BYTES],
                            struct coordinator **coordinator);
enum err coordinator_open(const char *folder, struct coordinator **coordinator);
void coordinator_destroy(struct coordinator **coordinator);

/* Take a newer roster into force: signature by the pinned governance key, order, and our
 * own keys in it. */
enum err coordinator_roster(struct coordinator *coordinator, struct view signed_roster);

/* Hospitals that asked to join: their request files, checked, until a roster has them. */
enum err coordinator_add_request(struct coordinator *coordinator, const char *text,
                                 size_t size, struct arena *arena,
                                 struct enrol_request *request);

/* A member's request for new keys: signed by its present one, under its name. */
enum err coordinator_add_rotation(struct coordinator *coordinator, const char *text,
                                  size_t size, struct arena *arena,
                                  struct enrol_request *request);

/* The next roster for the governance key to sign: members in force, but the names in
 * `removed`, every request not yet in it (new keys in their old ones' place), valid for
 * `days` from `wall`. Appends its unsigned encoding. */
enum err coordinator_draft(struct coordinator *coordinator, uint64_t wall, uint64_t days,
                           const char *const *removed, size_t removed_count,
                           struct bytes *draft, size_t *added);

/* A member's name in the roster; "?" for a stranger. */
const char *coordinator_member_name(const struct coordinator *coordinator,
                                    const uint8_t key[KEY_BYTES]);

#endif
