#ifndef TESTS_SIM_DIGEST_H
#define TESTS_SIM_DIGEST_H

/* digest - what a program knows and keeps, as one hash: equal before and after what it
 * refuses. */

#include "base/file.h"
#include "check.h"
#include "coordinator/collection_impl.h"

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

#endif
