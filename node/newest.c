#include "node/newest.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "wire/permit.h"

/* What an entry that nobody here knows is taken to have released, for the lattice. */
#define UNKNOWN_DIMENSION ((uint64_t)1 << 20)
#define UNKNOWN_NOISE_LOG2 20

#define KEPT "refused_head"
#define ANCHOR_KEY "anchor_key"

static const char *anchor_path(const struct node *node)
{
    const char *path = conf_text(node->conf, "anchor");
    return *path ? path : NULL;
}

/* --- what the coordinator repeated
 * -------------------------------------------------------- */

enum err newest_keep(struct node *node, uint64_t length, const uint8_t head[HASH_BYTES])
{
    struct bytes value = {0};
    bytes_u64(&value, length);
    bytes_append(&value, head, HASH_BYTES);
    enum err result = home_set(node->home, KEPT, value.data, value.size);
    bytes_free(&value);
    return result;
}

/* The head that is kept, if the ledger cannot account for it; else length 0. */
static enum err read_kept(struct node *node, struct reanchor_claim *kept)
{
    struct bytes value = {0};
    *kept = (struct reanchor_claim){0};
    enum err result = home_get(node->home, KEPT, &value);
    if (result == ERR_OK) {
        struct cursor cursor = {.data = value.data, .size = value.size};
        result = cursor_u64(&cursor, &kept->length);
        if (result == ERR_OK && value.size != sizeof(uint64_t) + HASH_BYTES)
            result = err_set(ERR_STORAGE, "the refused head kept in the store has %zu "
                                          "bytes",
                             value.size);
        if (result == ERR_OK)
            memcpy(kept->head, value.data + sizeof(uint64_t), HASH_BYTES);
        if (result == ERR_OK && ledger_accounts(node->ledger, kept->length, kept->head))
            kept->length = 0;
    }
    bytes_free(&value);
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

/* --- is the ledger the newest
 * ------------------------------------------------------------- */

static enum err refuse(const struct node *node, const char *who, uint64_t length)
{
    uint64_t here = ledger_length(node->ledger);
    if (length > here)
        err_set(ERR_VERIFY,
                "%s knows %llu entries of this hospital's ledger and this store has %llu: "
                "an older copy was put back",
                who, (unsigned long long)length, (unsigned long long)here);
    else
        err_set(ERR_VERIFY,
                "%s knows another entry %llu of this hospital's ledger than this store "
                "has: there are two copies of it",
                who, (unsigned long long)length);
    return err_hint("put the newest store back, or let two officers re-anchor this one: "
                    "gemel-node ledger request");
}

/* The anchor's own keys, which stay when the node's are replaced. */
static enum err anchor_signer(struct node *node, struct identity **signer)
{
    struct bytes secret = {0};
    enum err result = home_get(node->home, ANCHOR_KEY, &secret);
    if (result == ERR_OK && secret.size != IDENTITY_SECRET_BYTES)
        result = err_set(ERR_STORAGE, "the anchor's key kept in the store has %zu bytes",
                         secret.size);
    if (result == ERR_OK)
        result = identity_read(secret.data, signer);
    bytes_free(&secret);
    if (result != ERR_NOT_FOUND)
        return result;
    err_set(ERR_VERIFY, "no anchor was made since this store was");
    return err_hint("a first one is made with: gemel-node ledger anchor");
}

static enum err read_anchor(struct node *node, const char *path, struct anchor *anchor)
{
    struct identity *signer;
    uint8_t key[KEY_BYTES];
    if (anchor_signer(node, &signer) != ERR_OK)
        return err_code();
    identity_public(signer, key);
    identity_destroy(&signer);
    enum err result = anchor_read(path, key, anchor);
    if (result != ERR_NOT_FOUND)
        return result;
    err_set(ERR_VERIFY, "the anchor %s is not there", path);
    return err_hint("is its disk mounted? A first one is made with: gemel-node ledger "
                    "anchor");
}

static enum err write_anchor(struct node *node, const char *path)
{
    struct identity *signer;
    if (anchor_signer(node, &signer) != ERR_OK)
        return err_code();
    enum err result = anchor_write(path, node->ledger, signer);
    identity_destroy(&signer);
    return result;
}

static enum err check_anchor(struct node *node, const char *path)
{
    struct anchor anchor;
    if (read_anchor(node, path, &anchor) != ERR_OK)
        return err_code();
    const struct reanchor_claim *last =
        anchor.count > 0 ? &anchor.entries[anchor.count - 1] : NULL;
    bool known = !last || ledger_accounts(node->ledger, last->length, last->head);
    uint64_t length = last ? last->length : 0;
    anchor_clear(&anchor);
    if (!known)
        return refuse(node, "the anchor", length);
    return length == ledger_length(node->ledger) ? ERR_OK : write_anchor(node, path);
}

enum err newest_check(struct node *node)
{
    struct reanchor_claim kept;
    if (read_kept(node, &kept) != ERR_OK)
        return err_code();
    if (kept.length > 0)
        return refuse(node, "the consortium", kept.length);
    return anchor_path(node) ? check_anchor(node, anchor_path(node)) : ERR_OK;
}

enum err newest_advance(struct node *node)
{
    const char *path = anchor_path(node);
    return path ? write_anchor(node, path) : ERR_OK;
}

/* In the caller's transaction: a key for the first anchor, and that there is one. */
static enum err begin_anchor(struct node *node)
{
    struct identity *signer;
    uint8_t head[HASH_BYTES];
    ledger_head(node->ledger, head);
    const struct audit_entry entry = {.kind = AUDIT_ANCHOR, .object = head};
    if (identity_new(&signer) != ERR_OK)
        return err_code();
    enum err result = home_set(node->home, ANCHOR_KEY, identity_secret(signer),
                               IDENTITY_SECRET_BYTES);
    identity_destroy(&signer);
    return result == ERR_OK
               ? audit_write(node->store, &entry, "a first anchor, of entry %llu",
                             (unsigned long long)ledger_length(node->ledger))
               : result;
}

enum err newest_anchor(struct node *node)
{
    const char *path = anchor_path(node);
    if (!path) {
        err_set(ERR_STATE, "the settings name no anchor");
        return err_hint("give `anchor` in %s/gemel-node.yaml a path on another disk",
                        home_folder(node->home));
    }
    if (file_exists(path))
        return err_set(ERR_STATE, "%s is there already", path);
    if (store_begin(node->store) != ERR_OK)
        return err_code();
    enum err result = begin_anchor(node);
    if (result == ERR_OK)
        result = store_commit(node->store);
    else
        store_rollback(node->store);
    return result == ERR_OK ? write_anchor(node, path) : result;
}

enum err newest_state(struct node *node, struct newest_state *state)
{
    struct reanchor_claim kept;
    struct anchor anchor = {0};
    *state = (struct newest_state){0};
    if (read_kept(node, &kept) != ERR_OK)
        return err_code();
    state->refused_length = kept.length;
    if (!anchor_path(node))
        return ERR_OK;
    enum err result = read_anchor(node, anchor_path(node), &anchor);
    state->anchored = result == ERR_OK;
    if (result == ERR_OK && anchor.count > 0)
        state->anchor_length = anchor.entries[anchor.count - 1].length;
    anchor_clear(&anchor);
    return result == ERR_VERIFY ? ERR_OK : result;
}

/* --- the officers' way on
 * ----------------------------------------------------------------- */

/* An entry that costs at least what the policy lets anybody spend. */
static enum err cost_everything(const struct node *node, struct reanchor_claim *claim)
{
    struct discretisation lattice;
    double mu2;
    if (ledger_discretisation(node->ledger, &lattice) != ERR_OK ||
        permit_cap(node->policy, &lattice, &mu2) != ERR_OK)
        return err_code();
    double z = 1 / sqrt(mu2);
    while (accountant_cost(z) < mu2)
        z = nextafter(z, 0);
    claim->noise_multiplier = z;
    claim->dimension = UNKNOWN_DIMENSION;
    claim->noise_log2 = UNKNOWN_NOISE_LOG2;
    return ERR_OK;
}

/* What is known outside and not here. */
static enum err gather(struct node *node, struct reanchor *reanchor)
{
    struct reanchor_claim kept;
    struct anchor anchor = {0};
    enum err result = ERR_OK;
    if (read_kept(node, &kept) != ERR_OK ||
        (anchor_path(node) && read_anchor(node, anchor_path(node), &anchor) != ERR_OK))
        return err_code();
    reanchor->claims = mem_new(anchor.count + 1, sizeof *reanchor->claims);
    reanchor->claim_count = anchor_lost(&anchor, node->ledger, reanchor->claims);
    if (kept.length > 0 && !anchor_has(&anchor, kept.length, kept.head)) {
        result = cost_everything(node, &kept);
        reanchor->claims[reanchor->claim_count++] = kept;
    }
    anchor_clear(&anchor);
    return result != ERR_OK || reanchor->claim_count > 0
               ? result
               : err_set(ERR_STATE, "nobody knows an entry that this ledger does not have");
}

enum err newest_request(struct node *node, uint64_t wall, struct reanchor *reanchor)
{
    if (!node->policy)
        return err_set(ERR_DENIED, "no policy is in force, so nobody is an officer here");
    *reanchor = (struct reanchor){.after = ledger_length(node->ledger), .issued = wall};
    memcpy(reanchor->node, node->key, KEY_BYTES);
    ledger_head(node->ledger, reanchor->head);
    if (gather(node, reanchor) != ERR_OK) {
        reanchor_clear(reanchor);
        return err_code();
    }
    reanchor->number = reanchor->after;
    for (size_t i = 0; i < reanchor->claim_count; i++)
        if (reanchor->claims[i].length > reanchor->number)
            reanchor->number = reanchor->claims[i].length;
    reanchor->number++;
    return ERR_OK;
}

static bool same_statement(const struct reanchor *signed_one, const struct reanchor *now)
{
    struct reanchor unsigned_one = *signed_one;
    struct bytes a = {0}, b = {0};
    unsigned_one.signature_count = 0;
    reanchor_write(&unsigned_one, &a);
    reanchor_write(now, &b);
    bool same = a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
    bytes_free(&a);
    bytes_free(&b);
    return same;
}

static enum err check_officers(const struct node *node, const struct reanchor *reanchor)
{
    if (reanchor_check(reanchor) != ERR_OK)
        return err_code();
    for (size_t i = 0; i < reanchor->signature_count; i++)
        if (!policy_has_officer(node->policy, reanchor->signatures[i].key))
            return err_set(ERR_DENIED,
                           "signature %zu is of nobody whom the policy in force names as an "
                           "officer",
                           i + 1);
    return ERR_OK;
}

static enum err note_reanchor(struct node *node, const struct reanchor *reanchor)
{
    uint8_t head[HASH_BYTES];
    char keys[REANCHOR_SIGNATURES][2 * KEY_BYTES + 1];
    ledger_head(node->ledger, head);
    for (size_t i = 0; i < REANCHOR_SIGNATURES; i++)
        bytes_to_hex(reanchor->signatures[i].key, KEY_BYTES, keys[i]);
    const struct audit_entry entry = {.kind = AUDIT_ANCHOR, .object = head};
    return audit_write(node->store, &entry,
                       "re-anchored after entry %llu, with %zu entries claimed, by %s and "
                       "%s",
                       (unsigned long long)reanchor->after, reanchor->claim_count, keys[0],
                       keys[1]);
}

enum err newest_reanchor(struct node *node, const struct reanchor *reanchor)
{
    struct reanchor now;
    if (newest_request(node, reanchor->issued, &now) != ERR_OK)
        return err_code();
    bool same = same_statement(reanchor, &now);
    reanchor_clear(&now);
    if (!same) {
        err_set(ERR_STATE, "the request is not about this node's ledger as it is now");
        return err_hint("make a new one: gemel-node ledger request");
    }
    if (check_officers(node, reanchor) != ERR_OK)
        return err_code();
    if (store_begin(node->store) != ERR_OK)
        return err_code();
    enum err result = ledger_reanchor(node->ledger, reanchor);
    if (result == ERR_OK)
        result = note_reanchor(node, reanchor);
    if (result == ERR_OK)
        result = store_commit(node->store);
    else
        store_rollback(node->store);
    if (result != ERR_OK) {
        ledger_reload(node->ledger);
        return result;
    }
    return newest_advance(node);
}
