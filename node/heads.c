#include "node/heads.h"

#include <string.h>

#include "node/newest.h"
#include "privacy/pairkey.h"

/* Of every other hospital the longest ledger it has shown, with its own signature. */
const char NODE_HEADS_SCHEMA[] =
    "CREATE TABLE peers (member BLOB PRIMARY KEY NOT NULL, length INTEGER NOT NULL,"
    " head BLOB NOT NULL, signature BLOB NOT NULL)";

/* The head of this node's chain of the study after `length` links; there are as many. */
static enum err own_head(struct node *node, const struct node_study *study,
                         uint64_t length, uint8_t head[HASH_BYTES])
{
    struct query *query;
    bool row;
    memcpy(head, length == 0 ? study->hash : study->chain.head, HASH_BYTES);
    if (length == 0 || length == study->chain.length)
        return ERR_OK;
    if (store_query(node->store, "SELECT hash FROM links WHERE study = ? AND round = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    query_int(query, 2, (int64_t)length);
    enum err result = query_step(query, &row);
    if (result != ERR_OK)
        return result;
    size_t size = 0;
    const void *hash = row ? query_get_blob(query, 0, &size) : NULL;
    if (size == HASH_BYTES)
        memcpy(head, hash, HASH_BYTES);
    else
        result = err_set(ERR_STORAGE, "link %llu of the study %s is not in the store",
                         (unsigned long long)length, study->terms.name);
    query_reset(query);
    return result;
}

static const char *name_of(const struct node *node, const uint8_t key[KEY_BYTES])
{
    const struct roster *roster = node->consortium.roster;
    const struct member *member = roster ? roster_by_key(roster, key) : NULL;
    return member ? member->name : "a hospital no longer in the roster";
}

/* On one chain, or the coordinator has said two things, or kept one back. */
static enum err compare(struct node *node, const struct node_study *study,
                        const struct heads *heads, bool more_links, bool *contradicted)
{
    uint8_t own[HASH_BYTES];
    if (heads->chain_length > study->chain.length) {
        if (more_links)
            return ERR_OK;
        *contradicted = true;
        reason_set(REASON_WITHHELD);
        return err_wrap("%s has %llu priors, this node was shown %llu",
                        name_of(node, heads->member),
                        (unsigned long long)heads->chain_length,
                        (unsigned long long)study->chain.length);
    }
    if (own_head(node, study, heads->chain_length, own) != ERR_OK)
        return err_code();
    if (memcmp(own, heads->chain_head, HASH_BYTES) == 0)
        return ERR_OK;
    *contradicted = true;
    reason_set(REASON_EQUIVOCATION);
    return err_wrap("%s was shown another prior of round %llu",
                    name_of(node, heads->member),
                    (unsigned long long)heads->chain_length);
}

static enum err remember_ledger(struct node *node, const struct heads *heads)
{
    struct query *query;
    if (heads->ledger_length == 0 || heads->ledger_length > INT64_MAX)
        return ERR_OK;
    if (store_query(node->store,
                    "REPLACE INTO peers (member, length, head, signature)"
                    " SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS"
                    " (SELECT 1 FROM peers WHERE member = ?1 AND length >= ?2)",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, heads->member, KEY_BYTES);
    query_int(query, 2, (int64_t)heads->ledger_length);
    query_blob(query, 3, heads->ledger_head, HASH_BYTES);
    query_blob(query, 4, heads->ledger_signature, SIGNATURE_BYTES);
    return query_run(query);
}

enum err node_heads_check(struct node *node, const struct node_study *study,
                          const struct views *all, bool more_links, bool *contradicted)
{
    for (size_t i = 0; i < all->count; i++) {
        struct heads heads;
        if (heads_read(all->items[i], &heads) != ERR_OK)
            return err_code();
        if (!terms_include(&study->terms.participants, heads.member))
            return reason_set(REASON_NOT_PARTICIPANT);
        if (heads_verify(&heads, study->terms.study) != ERR_OK)
            return reason_set(REASON_BAD_SIGNATURE);
        if (compare(node, study, &heads, more_links, contradicted) != ERR_OK ||
            remember_ledger(node, &heads) != ERR_OK)
            return err_code();
    }
    return ERR_OK;
}

/* --- reminders
 * ------------------------------------------------------------------------------ */

_Static_assert(HEADS_NOTE_BYTES == PAIRKEY_NOTE_BYTES, "a note is a parcel's");

#define PROOF "ledger_shown" /* a named value: the note that showed an older store */

void node_heads_tell(void *context, const uint8_t member[KEY_BYTES],
                     uint8_t note[HEADS_NOTE_BYTES])
{
    struct node *node = context;
    struct query *query;
    struct heads heads;
    bool row;
    if (store_query(node->store,
                    "SELECT length, head, signature FROM peers WHERE member = ?",
                    &query) != ERR_OK)
        return; /* it is a service to the other, who may hear it from somebody else */
    query_blob(query, 1, member, KEY_BYTES);
    if (query_step(query, &row) != ERR_OK || !row)
        return;
    size_t head_size, signature_size;
    const void *head = query_get_blob(query, 1, &head_size),
               *signature = query_get_blob(query, 2, &signature_size);
    if (head_size == HASH_BYTES && signature_size == SIGNATURE_BYTES) {
        heads.ledger_length = (uint64_t)query_get_int(query, 0);
        memcpy(heads.ledger_head, head, HASH_BYTES);
        memcpy(heads.ledger_signature, signature, SIGNATURE_BYTES);
        heads_note_write(&heads, note);
    }
    query_reset(query);
}

/* Whether the ledger continues what the note says that it was. */
static bool continues(const struct node *node, const uint8_t note[HEADS_NOTE_BYTES])
{
    struct heads shown;
    heads_note_read(note, &shown);
    memcpy(shown.member, node->key, KEY_BYTES);
    if (shown.ledger_length == 0 || heads_verify_ledger(&shown) != ERR_OK)
        return true; /* nothing that this hospital has signed */
    return ledger_accounts(node->ledger, shown.ledger_length, shown.ledger_head);
}

static enum err behind(const uint8_t note[HEADS_NOTE_BYTES])
{
    struct heads shown;
    heads_note_read(note, &shown);
    reason_set(REASON_LEDGER_BEHIND);
    err_wrap("another hospital has seen one of %llu entries",
             (unsigned long long)shown.ledger_length);
    return err_hint("put the newest store back, or let two officers re-anchor this one: "
                    "gemel-node ledger request");
}

enum err node_heads_told(void *context, const uint8_t member[KEY_BYTES],
                         const uint8_t note[HEADS_NOTE_BYTES])
{
    struct node *node = context;
    (void)member;
    if (continues(node, note))
        return ERR_OK;
    struct heads shown;
    heads_note_read(note, &shown);
    if (home_set(node->home, PROOF, note, HEADS_NOTE_BYTES) != ERR_OK ||
        newest_keep(node, shown.ledger_length, shown.ledger_head) != ERR_OK)
        return err_code();
    return behind(note);
}

enum err node_heads_ledger(struct node *node)
{
    struct bytes note = {0};
    enum err result = home_get(node->home, PROOF, &note);
    if (result == ERR_OK && note.size == HEADS_NOTE_BYTES && !continues(node, note.data))
        result = behind(note.data);
    bytes_free(&note);
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}
