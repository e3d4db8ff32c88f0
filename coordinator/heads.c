#include "coordinator/heads.h"


enum err coord_heads_note(struct coordinator *c, const struct coord_study *study,
                          const uint8_t member[KEY_BYTES], const struct poll *poll)
{
    struct query *query;
    struct bytes kept = {0};
    const struct heads heads = heads_shown(poll, member);
    if (store_query(c->store,
                    "REPLACE INTO joined (study, member, seed_commitment, heads)"
                    " VALUES (?, ?, ?, ?)",
                    &query) != ERR_OK)
        return err_code();
    heads_write(&heads, &kept);
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    query_blob(query, 2, member, KEY_BYTES);
    query_blob(query, 3, poll->seed_commitment, HASH_BYTES);
    query_blob(query, 4, kept.data, kept.size);
    bytes_free(&kept);
    return query_run(query);
}

/* Those on one side of the asker. */
static enum err gather_side(struct coordinator *c, const struct coord_study *study,
                            const uint8_t asker[KEY_BYTES], const char *sql,
                            struct bytes *storage, size_t *count)
{
    struct query *query;
    bool row;
    enum err result = store_query(c->store, sql, &query);
    if (result != ERR_OK)
        return result;
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    query_blob(query, 2, asker, KEY_BYTES);
    query_int(query, 3, (int64_t)(WIRE_REPLY_HEADS_MAX - *count));
    while ((result = query_step(query, &row)) == ERR_OK && row) {
        size_t size;
        const void *heads = query_get_blob(query, 0, &size);
        if (size != WIRE_HEADS_BYTES) /* joined before there were any */
            continue;
        bytes_append(storage, heads, size);
        (*count)++;
    }
    return result;
}

enum err coord_heads_gather(struct coordinator *c, const struct coord_study *study,
                            const uint8_t asker[KEY_BYTES], struct bytes *storage,
                            struct view views[WIRE_REPLY_HEADS_MAX], size_t *count)
{
    *count = 0;
    enum err result = gather_side(c, study, asker,
                                  "SELECT heads FROM joined WHERE study = ?1"
                                  " AND member > ?2 ORDER BY member LIMIT ?3",
                                  storage, count);
    if (result == ERR_OK)
        result = gather_side(c, study, asker,
                             "SELECT heads FROM joined WHERE study = ?1"
                             " AND member < ?2 ORDER BY member LIMIT ?3",
                             storage, count);
    for (size_t i = 0; i < *count; i++)
        views[i] = (struct view){storage->data + i * WIRE_HEADS_BYTES, WIRE_HEADS_BYTES};
    return result;
}
