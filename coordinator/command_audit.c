#include "coordinator/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "coordinator/coordinator.h"
#include "coordinator/studies.h"

/* Which entries are wanted, and where they go. */
struct search {
    struct cli *cli;
    struct json *list;
    bool kinds[AUDIT_KIND_COUNT], by_kind, by_study;
    uint64_t from; /* an entry's number */
    uint8_t study[STUDY_BYTES];
};

static void set_bytes(struct json *json, const char *key, const uint8_t *data,
                      size_t size)
{
    json_set_hex(json, key, bytes_are_zero(data, size) ? NULL : data, size);
}

static struct json *row_json(const struct audit_row *row, const char *time)
{
    struct json *json = json_new_object();
    json_set_integer(json, "number", (int64_t)row->number);
    json_set_text(json, "time", time);
    json_set_text(json, "kind", audit_kind_name(row->entry.kind));
    json_set_integer(json, "user", row->user);
    set_bytes(json, "study", row->entry.study, STUDY_BYTES);
    json_set_integer(json, "round", (int64_t)row->entry.round);
    json_set_integer(json, "attempt", row->entry.attempt);
    set_bytes(json, "object", row->entry.object, HASH_BYTES);
    json_set_text(json, "sentence", row->sentence);
    set_bytes(json, "hash", row->hash, HASH_BYTES);
    return json;
}

static enum err show_row(void *context, const struct audit_row *row)
{
    const struct search *search = context;
    const struct audit_entry *entry = &row->entry;
    char time[CLOCK_TEXT_SIZE], place[64] = "";
    if ((search->by_kind && !search->kinds[entry->kind]) ||
        (search->by_study && memcmp(entry->study, search->study, STUDY_BYTES) != 0))
        return ERR_OK;
    clock_text(entry->wall, time);
    if (entry->attempt)
        snprintf(place, sizeof place,
                 "round %llu attempt %u: ", (unsigned long long)entry->round,
                 entry->attempt);
    if (cli_is_json(search->cli))
        json_add(search->list, row_json(row, time));
    else
        printf("%5llu  %s  %-11s  %s%s\n", (unsigned long long)row->number, time,
               audit_kind_name(entry->kind), place, row->sentence);
    return ERR_OK;
}

static enum err read_search(struct coordinator *c, struct search *search)
{
    struct cli *cli = search->cli;
    uint64_t length;
    int64_t last;
    if (cli_integer(cli, "last", 0, 1, INT64_MAX, &last) != ERR_OK ||
        audit_verify(c->store, &length, NULL) != ERR_OK)
        return err_code();
    search->from = last > 0 && (uint64_t)last < length ? length - (uint64_t)last + 1 : 1;
    for (size_t i = 0; i < cli_repeats(cli, "kind"); i++) {
        enum audit_kind kind;
        if (audit_kind_from_name(cli_text_at(cli, "kind", i), &kind) != ERR_OK)
            return err_hint("docs/formats.md, \"Audit record\", lists them");
        search->by_kind = search->kinds[kind] = true;
    }
    search->by_study = cli_given(cli, "study");
    return search->by_study
               ? coord_studies_find(c, cli_text(cli, "study", ""), search->study)
               : ERR_OK;
}

/* Opening has checked every hash. */
enum err command_audit_show(struct cli *cli)
{
    struct coordinator *c;
    if (coordinator_open(cli_directory(cli), &c) != ERR_OK)
        return err_code();
    struct search search = {.cli = cli, .list = json_new_array()};
    enum err result = read_search(c, &search);
    if (result == ERR_OK)
        result = audit_each(c->store, search.from, show_row, &search);
    struct json *json = json_new_object();
    json_set(json, "entries", search.list);
    if (result == ERR_OK)
        cli_result(cli, json);
    else
        json_destroy(&json);
    coordinator_destroy(&c);
    return result;
}
