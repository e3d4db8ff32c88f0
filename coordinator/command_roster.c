#include "coordinator/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "coordinator/coordinator.h"

#define ARMOURED_MAX (2 * WIRE_ROSTER_MAX)
#define LABEL_DRAFT "ROSTER DRAFT"
#define LABEL_ROSTER "ROSTER"

enum err command_roster_key(struct cli *cli)
{
    uint8_t key[KEY_BYTES];
    char digits[2 * KEY_BYTES + 1];
    const char *path = cli_argument(cli, 0);
    enum err result = identity_file_draw(path, key);
    if (result == ERR_OK) {
        bytes_to_hex(key, KEY_BYTES, digits);
        struct json *json = json_new_object();
        json_set_text(json, "file", path);
        json_set_text(json, "public_key", digits);
        cli_result(cli, json);
        if (!cli_is_json(cli))
            printf("%s\n", digits);
        cli_say(cli, "the governance key is in %s (0400); keep it off every server",
                path);
    }
    return result;
}

static enum err read_armoured(const char *path, const char *label, struct bytes *bytes)
{
    struct bytes text = {0};
    if (file_read(path, ARMOURED_MAX, &text) != ERR_OK)
        return err_code();
    enum err result = bytes_from_armour(label, (const char *)text.data, text.size, bytes);
    bytes_free(&text);
    return result == ERR_OK ? result : err_wrap("%s", path);
}

static enum err put_armoured(struct cli *cli, const char *label,
                             const struct bytes *bytes, const char *what)
{
    char *text = bytes_to_armour(label, bytes->data, bytes->size);
    const char *out = cli_text(cli, "output", NULL);
    enum err result = ERR_OK;
    if (out)
        result = file_write(out, text, strlen(text), 0644);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_text(json, what, text);
        cli_result(cli, json);
        if (!cli_is_json(cli) && !out)
            fputs(text, stdout);
    }
    mem_free(text);
    return result;
}

static void fingerprint_of(const struct member *m, char text[ROSTER_FINGERPRINT_SIZE])
{
    uint8_t keys[2 * KEY_BYTES];
    memcpy(keys, m->key, KEY_BYTES);
    memcpy(keys + KEY_BYTES, m->curve, KEY_BYTES);
    roster_fingerprint(keys, sizeof keys, text);
}

static void print_members(const struct roster_fields *fields)
{
    char text[CLOCK_TEXT_SIZE];
    for (size_t i = 0; i < fields->members.count; i++) {
        const struct member *m = &fields->members.items[i];
        char fingerprint[ROSTER_FINGERPRINT_SIZE];
        fingerprint_of(m, fingerprint);
        clock_text(m->valid_to, text);
        printf("%s  until %.10s  %s\n", fingerprint, text, m->name);
    }
}

static struct json *members_json(const struct roster_fields *fields)
{
    struct json *members = json_new_array();
    for (size_t i = 0; fields && i < fields->members.count; i++) {
        const struct member *m = &fields->members.items[i];
        struct json *member = json_new_object();
        char fingerprint[ROSTER_FINGERPRINT_SIZE], until[CLOCK_TEXT_SIZE];
        fingerprint_of(m, fingerprint);
        clock_text(m->valid_to, until);
        json_set_text(member, "name", m->name);
        json_set_hex(member, "key", m->key, KEY_BYTES);
        json_set_text(member, "fingerprint", fingerprint);
        json_set_text(member, "until", until);
        json_add(members, member);
    }
    return members;
}

enum err command_roster_draft(struct cli *cli)
{
    struct coordinator *c;
    struct bytes draft = {0};
    int64_t days;
    size_t added, removed = cli_repeats(cli, "remove");
    if (cli_integer(cli, "days", 365, 1, 3650, &days) != ERR_OK ||
        coordinator_open(cli_directory(cli), &c) != ERR_OK)
        return err_code();
    const char **names = mem_new(removed, sizeof *names);
    for (size_t i = 0; i < removed; i++)
        names[i] = cli_text_at(cli, "remove", i);
    enum err result = coordinator_draft(c, clock_wall(&clock_machine), (uint64_t)days,
                                        names, removed, &draft, &added);
    if (result == ERR_OK)
        result = put_armoured(cli, LABEL_DRAFT, &draft, "draft");
    if (result == ERR_OK)
        cli_say(cli,
                "%zu hospitals join, %zu leave; next: roster sign, on the machine that "
                "has the governance key",
                added, removed);
    mem_free(names);
    bytes_free(&draft);
    coordinator_destroy(&c);
    return result;
}

/* Runs where the governance key is; needs no home. */
enum err command_roster_sign(struct cli *cli)
{
    struct identity *governance;
    struct bytes draft = {0}, signed_roster = {0};
    struct roster_fields fields;
    if (identity_file_open(cli_text(cli, "key", ""), &governance) != ERR_OK)
        return err_code();
    enum err result = read_armoured(cli_argument(cli, 0), LABEL_DRAFT, &draft);
    struct arena *arena = codec_arena(draft.size);
    if (result == ERR_OK)
        result = codec_decode_roster_fields(codec_view(&draft), arena, &fields);
    if (result == ERR_OK)
        result = roster_sign(governance, &fields, &signed_roster);
    if (result == ERR_DENIED)
        err_hint(
            "it is the one whose public half `gemel-coordinator init --governance` was "
            "given");
    if (result == ERR_OK && !cli_is_json(cli) && cli_text(cli, "output", NULL))
        print_members(&fields);
    if (result == ERR_OK)
        result = put_armoured(cli, LABEL_ROSTER, &signed_roster, "roster");
    arena_destroy(&arena);
    bytes_free(&draft);
    bytes_free(&signed_roster);
    identity_destroy(&governance);
    return result;
}

static void show(struct cli *cli, const struct coordinator *c)
{
    const struct roster_fields *fields = roster_fields(c->roster);
    struct json *json = json_new_object();
    json_set_integer(json, "version", (int64_t)fields->version);
    json_set(json, "members", members_json(fields));
    cli_result(cli, json);
    if (!cli_is_json(cli)) {
        printf("roster version %llu of %s\n", (unsigned long long)fields->version,
               c->name);
        print_members(fields);
    }
}

enum err command_roster_install(struct cli *cli)
{
    struct coordinator *c;
    struct bytes roster = {0};
    if (coordinator_open(cli_directory(cli), &c) != ERR_OK)
        return err_code();
    enum err result = read_armoured(cli_argument(cli, 0), LABEL_ROSTER, &roster);
    if (result == ERR_OK)
        result = coordinator_roster(c, codec_view(&roster));
    if (result == ERR_OK)
        show(cli, c);
    bytes_free(&roster);
    coordinator_destroy(&c);
    return result;
}

enum err command_roster_show(struct cli *cli)
{
    struct coordinator *c;
    if (coordinator_open(cli_directory(cli), &c) != ERR_OK)
        return err_code();
    enum err result = ERR_OK;
    if (c->roster)
        show(cli, c);
    else
        result = err_set(ERR_NOT_FOUND, "no roster has been installed yet");
    coordinator_destroy(&c);
    return result;
}

typedef enum err take_request(struct coordinator *c, const char *text, size_t size,
                              struct arena *arena, struct enrol_request *request);

static enum err add_from_file(struct cli *cli, take_request *take)
{
    struct coordinator *c;
    struct bytes text = {0};
    struct enrol_request request;
    if (coordinator_open(cli_directory(cli), &c) != ERR_OK)
        return err_code();
    enum err result = file_read(cli_argument(cli, 0), ARMOURED_MAX, &text);
    struct arena *arena = codec_arena(text.size);
    if (result == ERR_OK)
        result = take(c, (const char *)text.data, text.size, arena, &request);
    if (result == ERR_OK) {
        uint8_t keys[2 * KEY_BYTES];
        char fingerprint[ROSTER_FINGERPRINT_SIZE];
        memcpy(keys, request.key, KEY_BYTES);
        memcpy(keys + KEY_BYTES, request.curve, KEY_BYTES);
        roster_fingerprint(keys, sizeof keys, fingerprint);
        struct json *json = json_new_object();
        json_set_text(json, "name", request.name);
        json_set_text(json, "fingerprint", fingerprint);
        cli_result(cli, json);
        if (!cli_is_json(cli))
            printf("%s  %s\n", fingerprint, request.name);
        cli_say(cli,
                "compare it with the hospital by telephone before the roster is signed");
    }
    arena_destroy(&arena);
    bytes_free(&text);
    coordinator_destroy(&c);
    return result;
}

enum err command_site_add(struct cli *cli)
{
    return add_from_file(cli, coordinator_add_request);
}

enum err command_site_replace(struct cli *cli)
{
    return add_from_file(cli, coordinator_add_rotation);
}

/* As roster_fingerprint's callers have it: both keys, one behind the other. */
static void report_request(struct cli *cli, struct query *query, struct json *pending)
{
    uint8_t keys[2 * KEY_BYTES] = {0};
    char fingerprint[ROSTER_FINGERPRINT_SIZE];
    for (int i = 0; i < 2; i++) {
        size_t size;
        const void *key = query_get_blob(query, i + 1, &size);
        if (size == KEY_BYTES)
            memcpy(keys + i * KEY_BYTES, key, KEY_BYTES);
    }
    roster_fingerprint(keys, sizeof keys, fingerprint);
    struct json *one = json_new_object();
    json_set_text(one, "name", query_get_text(query, 0));
    json_set_text(one, "fingerprint", fingerprint);
    json_add(pending, one);
    if (!cli_is_json(cli))
        printf("%s  asks to join      %s\n", fingerprint, query_get_text(query, 0));
}

enum err command_site_list(struct cli *cli)
{
    struct coordinator *c;
    struct query *query;
    bool row;
    if (coordinator_open(cli_directory(cli), &c) != ERR_OK)
        return err_code();
    struct json *json = json_new_object(), *pending = json_new_array();
    enum err result = store_query(
        c->store, "SELECT name, key, curve FROM requests ORDER BY name", &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row)
        report_request(cli, query, pending);
    if (c->roster && !cli_is_json(cli))
        print_members(roster_fields(c->roster));
    if (result == ERR_OK && !c->roster && json_count(pending) == 0)
        cli_say(cli, "nobody yet: gemel-coordinator invite, then site add REQUEST");
    json_set(json, "members", members_json(c->roster ? roster_fields(c->roster) : NULL));
    json_set(json, "pending", pending);
    if (result == ERR_OK)
        cli_result(cli, json);
    else
        json_destroy(&json);
    coordinator_destroy(&c);
    return result;
}
