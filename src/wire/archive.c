#include "wire/archive.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum err archive_list(struct store *store, uint8_t (**numbers)[STUDY_BYTES],
                      size_t *count)
{
    struct query *query;
    bool row;
    uint8_t(*list)[STUDY_BYTES] = NULL;
    size_t used = 0, room = 0;
    enum err result =
        store_query(store, "SELECT study FROM studies ORDER BY rowid", &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
        size_t size;
        const void *number = query_get_blob(query, 0, &size);
        MEM_GROW(list, used + 1, &room);
        if (size == STUDY_BYTES)
            memcpy(list[used++], number, STUDY_BYTES);
    }
    if (result != ERR_OK) {
        mem_free(list);
        return result;
    }
    *numbers = list;
    *count = used;
    return ERR_OK;
}

enum err archive_find(struct store *store, const char *text, uint8_t number[STUDY_BYTES])
{
    struct query *query;
    bool row;
    size_t found = 0, length = strlen(text);
    enum err result =
        store_query(store, "SELECT study, name FROM studies ORDER BY rowid", &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
        size_t size;
        char digits[2 * STUDY_BYTES + 1];
        const void *each = query_get_blob(query, 0, &size);
        const char *name = query_get_text(query, 1);
        if (size != STUDY_BYTES)
            continue;
        bytes_to_hex(each, size, digits);
        if (strcmp(name, text) == 0 ||
            (length >= 4 && strncmp(digits, text, length) == 0)) {
            memcpy(number, each, STUDY_BYTES);
            found++;
        }
    }
    if (result != ERR_OK || found == 1)
        return result;
    if (found == 0)
        return err_set(ERR_NOT_FOUND, "no study is called %s", text);
    err_set(ERR_RANGE, "%zu studies are called %s", found, text);
    return err_hint("use the first digits of its number, as `study list` shows it");
}

enum err archive_terms(struct store *store, const uint8_t number[STUDY_BYTES],
                       struct bytes *terms, char state[ARCHIVE_STATE_SIZE])
{
    struct query *query;
    bool row;
    size_t size;
    if (store_query(store, "SELECT terms, state FROM studies WHERE study = ?", &query) !=
        ERR_OK)
        return err_code();
    query_blob(query, 1, number, STUDY_BYTES);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (!row)
        return err_set(ERR_NOT_FOUND, "there is no such study");
    const void *data = query_get_blob(query, 0, &size);
    bytes_append(terms, data, size);
    snprintf(state, ARCHIVE_STATE_SIZE, "%s", query_get_text(query, 1));
    query_reset(query);
    return ERR_OK;
}

enum err archive_chain(struct store *store, const uint8_t coordinator_key[KEY_BYTES],
                       struct chain *chain, struct bytes *prior)
{
    struct query *query;
    bool row;
    struct chain reached = *chain;
    struct bytes newest = {0};
    if (store_query(store, "SELECT link FROM links WHERE study = ? ORDER BY round",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, chain->study, STUDY_BYTES);
    enum err result;
    while ((result = query_step(query, &row)) == ERR_OK && row) {
        struct chain_link link;
        struct view view;
        view.data = query_get_blob(query, 0, &view.size);
        struct arena *arena = codec_arena(view.size);
        if (chain_extend(&reached, view, coordinator_key, arena, &link) == REASON_NONE) {
            newest.size = 0;
            bytes_append(&newest, link.prior.data, link.prior.size);
        } else {
            result = err_wrap("link %llu", (unsigned long long)reached.length + 1);
        }
        arena_destroy(&arena);
        if (result != ERR_OK)
            break;
    }
    query_reset(query);
    if (result == ERR_OK && reached.length > chain->length) {
        bytes_free(prior);
        *prior = newest;
        newest = (struct bytes){0};
    }
    if (result == ERR_OK)
        *chain = reached;
    bytes_free(&newest);
    return result;
}
