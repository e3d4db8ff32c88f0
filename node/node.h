#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/home.h"
#include "privacy/audit.h"
#include "privacy/identity.h"
#include "privacy/ledger.h"
#include "wire/policy.h"
#include "wire/roster.h"

/* node - one hospital's opened home: store, settings, identity, ledger, and what it knows
 * of its consortium.
 *
 * Everything in node/ works on one of these. It holds no socket: node/serve does. */

/* What the invitation pinned; `known` false before `enrol`. */
struct node_consortium {
    bool known;
    char *name, *endpoint;
    uint8_t id[HASH_BYTES];
    uint8_t governance_key[KEY_BYTES];
    uint8_t coordinator_key[KEY_BYTES], coordinator_curve[KEY_BYTES];
    struct roster *roster; /* NULL: none received yet */
};

struct node {
    struct home *home;
    struct store *store;
    const struct conf *conf;
    struct identity *identity;
    uint8_t key[KEY_BYTES];
    struct ledger *ledger;
    struct policy *policy; /* in force, or NULL: node/policies */
    struct node_consortium consortium;
    uint8_t graph_secret[HASH_BYTES]; /* of this process: node_exchange_seed */
};

#define NODE_PATIENTS_MAX ((size_t)10000000)

/* Set up a home in `folder` for the hospital `name` (1 to 100 bytes of UTF-8); the
 * store's key is made there. With `store_key` it is where that setting says (base/home).
 */
enum err node_create(const char *folder, const char *name, struct node **node);
enum err node_create_keyed(const char *folder, const char *name, const char *store_key,
                           struct node **node);
const struct home_kind *node_kind(void); /* what such a home is, to make one again */

/* Open it: checks the whole chains of ledger and audit record and that every release is
 * in both, all policies, the roster's signature and the identity; enters what settings
 * have changed. */
enum err node_open(const char *folder, struct node **node);
void node_destroy(struct node **node);

/* Read ledger and audit record again from the store, and check them as node_open does. */
enum err node_check_records(struct node *node);

/* A daemon that runs commands for others lends them its node: node_open gives this one
 * out, and node_destroy leaves it alone, until it is lent no more (NULL). */
void node_lend(struct node *node);
bool node_is_lent(const struct node *node); /* NULL: is any? */

/* The settings alone, for commands that must work beside a running daemon. */
enum err node_settings(const char *folder, struct conf **conf);

/* The last error of this thread, entered into the audit record if it is a refusal: of
 * what somebody asked for, not of the disk, the network or an interruption. `about`: what
 * was refused; kind not looked at. Returns the error, or ERR_STORAGE. */
enum err node_refuse(struct node *node, const struct audit_entry *about);

/* Pin an invitation's keys. ERR_DENIED once it has expired, ERR_STATE when another
 * consortium is pinned already; the same again is fine. `wall`: Unix seconds. */
enum err node_pin(struct node *node, const char *text, size_t size, uint64_t wall);

/* Ask for new keys: draw them (NODE_NEXT_NETWORK: the CURVE key only), keep them beside
 * the present ones, and give the request for the operator, signed by both. Asked again
 * before they are in force it is the same keys. ERR_STATE without a consortium, or while
 * the other kind is asked for. Caller frees the text. */
enum node_next { NODE_NEXT_IDENTITY, NODE_NEXT_NETWORK };
enum err node_rotate(struct node *node, enum node_next which, uint64_t wall, char **text);

/* Take a newer roster that has the new keys, and put them in force with it: both or
 * neither, durably. ERR_STATE when none were asked for, ERR_DENIED for a roster without
 * them, and what node_roster refuses. */
enum err node_adopt(struct node *node, struct view signed_roster);

/* Take a newer roster (the signed bytes) into use: signature, order, membership. It may
 * be the caller's transaction: `replaced` is the one in use before (NULL: none), which
 * the caller destroys once it has committed, or puts back into node->consortium. */
enum err node_roster(struct node *node, struct view signed_roster,
                     struct roster **replaced);

#endif
