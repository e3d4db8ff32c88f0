#include "node/person.h"

#include <float.h>
#include <string.h>

#include "base/memory.h"
#include "model/unit.h"

/* In a unit that is no time's, all is one day. */
static double day_in(const char *time_unit)
{
    double factor;
    return unit_convert("d", time_unit, &factor) == ERR_OK ? factor : DBL_MAX;
}

void person_clear(struct person *person)
{
    mem_free(person->name);
    mem_free(person->time_unit);
    *person = (struct person){0};
}

enum err person_read(struct node *node, int64_t id, struct person *person)
{
    struct query *query;
    bool row;
    size_t size;
    if (store_query(node->store,
                    "SELECT name, time_unit, packed, pseudonym FROM patients WHERE id = ?",
                    &query) != ERR_OK)
        return err_code();
    query_int(query, 1, id);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (!row)
        return err_set(ERR_NOT_FOUND, "there is no patient number %lld", (long long)id);
    *person = (struct person){.id = id,
                              .name = mem_text(query_get_text(query, 0)),
                              .time_unit = mem_text(query_get_text(query, 1)),
                              .packed = !query_get_null(query, 2),
                              .sum = (uint64_t)query_get_int(query, 2)};
    person->day = day_in(person->time_unit);
    const void *pseudonym = query_get_blob(query, 3, &size);
    if (size == LEDGER_PSEUDONYM_BYTES)
        memcpy(person->pseudonym, pseudonym, size);
    query_reset(query);
    return ERR_OK;
}

enum err person_keep(struct node *node, const struct person *person)
{
    struct query *query;
    if (store_query(node->store, "UPDATE patients SET packed = ? WHERE id = ?", &query) !=
        ERR_OK)
        return err_code();
    if (person->packed)
        query_int(query, 1, (int64_t)person->sum);
    else
        query_null(query, 1);
    query_int(query, 2, person->id);
    return query_run(query);
}
