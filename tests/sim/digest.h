#ifndef TESTS_SIM_DIGEST_H
#define TESTS_SIM_DIGEST_H

/* digest - what a program knows and keeps, as one hash: equal before and after what it
 * refuses. */

#include "base/file.h"
#include "check.h"
#include "coordinator/collection_impl.h"
#include "node/node.h"

static inline void digest_collection(const struct collection *c, uint8_t hash[HASH_BYTES])
{
    struct bytes all = {0};
    bytes_u32(&all, c->phase);
    bytes_u32(&all, c->reason);
    bytes_u64(&all, c->received);
    bytes_u64(&all, c->count);
    bytes_u64(&all, c->survivor_count);
    bytes_u64(&all, c->blamed_count);
    bytes_append(&all, c->bundle, HASH_BYTES);
    bytes_append(&all, c->dealers, HASH_BYTES);
    bytes_append(&all, c->survivors, HASH_BYTES);
    for (size_t i = 0; i < c->plan.participants.count; i++)
        for (enum phase phase = 0; phase < PHASE_END; phase++) {
            bytes_u8(&all, c->members[i].came[phase]);
            bytes_field(&all, c->members[i].hash[phase], HASH_BYTES);
            bytes_field(&all, c->members[i].kept[phase].data,
                        c->members[i].kept[phase].size);
        }
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        bytes_field(&all, c->answers[phase].data, c->answers[phase].size);
    for (size_t i = 0; i < c->plan.dimension; i++)
        bytes_u64(&all, c->sum[i]);
    bytes_hash("collection", all.data, all.size, hash);
    bytes_free(&all);
}

/* A store, byte by byte: a write that was taken back would show. */
static inline void digest_file(const char *folder, const char *name,
                               uint8_t hash[HASH_BYTES])
{
    struct bytes bytes = {0};
    char *path = file_join(folder, name);
    assert_ok(file_read(path, (size_t)64 << 20, &bytes));
    bytes_hash("file", bytes.data, bytes.size, hash);
    bytes_free(&bytes);
    mem_free(path);
}

static inline void digest_rows(struct store *store, const char *sql, struct bytes *all)
{
    struct query *query;
    bool row;
    assert_ok(store_query(store, sql, &query));
    for (;;) {
        assert_ok(query_step(query, &row));
        if (!row)
            return;
        const char *text = query_get_text(query, 0);
        bytes_text(all, text ? text : "");
    }
}

/* All that a node decides by: its studies, attempts, priors and keys, and its ledger. Not
 * its audit record, in which a refusal is entered. */
static inline void digest_node(struct node *node, uint8_t hash[HASH_BYTES])
{
    static const char *const rows[] = {
        "SELECT quote(study) || quote(hash) || quote(terms) || state FROM studies"
        " ORDER BY study",
        "SELECT quote(study) || round || ' ' || attempt || quote(plan)"
        " || quote(survivors) || quote(summed) FROM attempts ORDER BY study, round, "
        "attempt",
        "SELECT quote(link) FROM links ORDER BY study, round",
        "SELECT name || quote(value) FROM named ORDER BY name",
        "SELECT count(*) || '' FROM ledger_patients"};
    struct bytes all = {0};
    uint8_t head[HASH_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        digest_rows(node->store, rows[i], &all);
    ledger_head(node->ledger, head);
    bytes_append(&all, head, HASH_BYTES);
    bytes_u64(&all, ledger_length(node->ledger));
    bytes_hash("node", all.data, all.size, hash);
    bytes_free(&all);
}

#endif
