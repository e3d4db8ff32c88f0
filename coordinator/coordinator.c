#include "coordinator/coordinator.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "wire/envelope.h"

#define DAY_SECONDS ((uint64_t)86400)

static const struct conf_setting settings[] = {
    {"endpoint", CONF_TEXT, NULL, 0, 0,
     "where nodes reach this coordinator, as tcp://host:port; part of every roster"},
    {"listen", CONF_TEXT, "", 0, 0,
     "the address to bind when it differs from endpoint, such as tcp://0.0.0.0:7443"},
    {"round_seconds", CONF_INTEGER, "86400", 5, 2592000,
     "how long hospitals have for fitting their twins in one attempt at a round"},
    {"phase_seconds", CONF_INTEGER, "300", 1, 86400,
     "how long hospitals have for each of the other phases of an attempt"},
    {"gather_seconds", CONF_INTEGER, "604800", 0, 31536000,
     "how long to wait for every participant to approve before a study starts without "
     "them"},
    {"porter_memory_mb", CONF_INTEGER, "512", 64, 65536,
     "memory, in MiB, that the process with the network's sockets may have before it is "
     "replaced"},
    {"retry_ms", CONF_INTEGER, "10000", 100, 3600000,
     "the pause a node is told to keep between two questions"},
    HOME_KEY_SETTING,
};

static const char schema_first[] = HOME_SCHEMA
    "CREATE TABLE requests (key BLOB PRIMARY KEY NOT NULL, name TEXT NOT NULL,"
    " curve BLOB NOT NULL, issued INTEGER NOT NULL);"
    "CREATE TABLE heads (member BLOB PRIMARY KEY NOT NULL, length INTEGER NOT NULL,"
    " head BLOB NOT NULL);"
    "CREATE TABLE studies (study BLOB PRIMARY KEY NOT NULL, hash BLOB NOT NULL,"
    " name TEXT NOT NULL, terms BLOB NOT NULL, state TEXT NOT NULL,"
    " created INTEGER NOT NULL);"
    "CREATE TABLE joined (study BLOB NOT NULL, member BLOB NOT NULL,"
    " PRIMARY KEY (study, member));"
    "CREATE TABLE attempts (study BLOB NOT NULL, round INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL, plan BLOB NOT NULL, hash BLOB NOT NULL,"
    " state TEXT NOT NULL, PRIMARY KEY (study, round, attempt));"
    "CREATE TABLE contributions (plan BLOB NOT NULL, member BLOB NOT NULL,"
    " hash BLOB NOT NULL, vector BLOB NOT NULL, ledger_length INTEGER NOT NULL,"
    " ledger_head BLOB NOT NULL, received INTEGER NOT NULL, PRIMARY KEY (plan, member));"
    "CREATE TABLE links (study BLOB NOT NULL, round INTEGER NOT NULL,"
    " link BLOB NOT NULL, hash BLOB NOT NULL, prior BLOB NOT NULL,"
    " sum BLOB NOT NULL, noise REAL NOT NULL, report TEXT NOT NULL,"
    " PRIMARY KEY (study, round));";

/* Sums have become secret: what members send in the phases of an attempt, in the order in
 * which it came, until the attempt has ended; a close of a phase has no place. */
static const char schema_phases[] =
    "CREATE TABLE collected (seq INTEGER PRIMARY KEY, plan BLOB NOT NULL,"
    " phase INTEGER NOT NULL, place INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE INDEX collected_for ON collected (plan);"
    "UPDATE attempts SET state = 'abandoned' WHERE state = 'open';"
    "ALTER TABLE joined ADD COLUMN seed_commitment BLOB NOT NULL DEFAULT x'';"
    "DROP TABLE contributions;";

/* The key of the member whose place a request asks for; NULL: a new member. */
static const char schema_rotations[] = "ALTER TABLE requests ADD COLUMN replaces BLOB;";

/* What members sign of how far they have come (coordinator/heads). */
static const char schema_heads[] =
    "ALTER TABLE joined ADD COLUMN heads BLOB NOT NULL DEFAULT x'';";

/* Of an attempt that was given up: the keys of those whose sum may be out all the same
 * (attempts_summed). */
static const char schema_sums[] = "ALTER TABLE attempts ADD COLUMN summed BLOB;";

static const char *const migrations[] = {schema_first,     schema_phases, AUDIT_SCHEMA,
                                         schema_rotations, schema_heads,  schema_sums};
static const struct store_schema schema = {"gemel-coord", migrations,
                                           sizeof migrations / sizeof *migrations};
static const struct home_kind kind = {"gemel-coordinator", settings,
                                      sizeof settings / sizeof *settings, &schema};

/* --- opening
 * ---------------------------------------------------------------------------- */

void coordinator_destroy(struct coordinator **coordinator)
{
    if (!*coordinator)
        return;
    if ((*coordinator)->attempts)
        (*coordinator)->forget_attempts(*coordinator);
    if ((*coordinator)->studies)
        (*coordinator)->forget_studies(*coordinator);
    roster_destroy(&(*coordinator)->roster);
    identity_destroy(&(*coordinator)->identity);
    home_destroy(&(*coordinator)->home);
    mem_free((*coordinator)->name);
    mem_free(*coordinator);
    *coordinator = NULL;
}

static struct coordinator *coordinator_around(struct home *home)
{
    struct coordinator *c = mem_new(1, sizeof *c);
    c->home = home;
    c->store = home_store(home);
    c->conf = home_conf(home);
    return c;
}

static void set_keys(struct coordinator *c)
{
    identity_public(c->identity, c->key);
    identity_curve(c->identity, c->curve);
    envelope_consortium(c->name, c->governance_key, c->consortium);
}

static enum err read_named(struct coordinator *c, const char *name, size_t size,
                           struct bytes *value)
{
    enum err result = home_get(c->home, name, value);
    if (result == ERR_OK && value->size != size)
        result = err_set(ERR_STORAGE, "the %s kept in the store has %zu bytes", name,
                         value->size);
    return result;
}

static enum err read_roster(struct coordinator *c, struct bytes *value)
{
    enum err result = home_get(c->home, "roster", value);
    if (result == ERR_OK)
        result = roster_new(codec_view(value), c->governance_key, &c->roster);
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

enum err coordinator_open(const char *folder, struct coordinator **coordinator)
{
    struct home *home;
    if (home_open(folder, &kind, &home) != ERR_OK)
        return err_code();
    struct coordinator *c = coordinator_around(home);
    struct bytes value = {0};
    enum err result = audit_open(c->store, c->conf, 0, NULL);
    if (result == ERR_OK)
        result = read_named(c, "identity", IDENTITY_SECRET_BYTES, &value);
    if (result == ERR_OK)
        result = identity_read(value.data, &c->identity);
    if (result == ERR_OK)
        result = read_named(c, "governance", KEY_BYTES, &value);
    if (result == ERR_OK) {
        memcpy(c->governance_key, value.data, KEY_BYTES);
        result = home_get(home, "consortium", &value);
    }
    if (result == ERR_OK) {
        c->name = mem_text_n((const char *)value.data, value.size);
        set_keys(c);
        result = read_roster(c, &value);
    }
    bytes_free(&value);
    if (result != ERR_OK) {
        coordinator_destroy(&c);
        return result;
    }
    *coordinator = c;
    return ERR_OK;
}

enum err coordinator_create(const char *folder, const char *name, const char *endpoint,
                            const uint8_t governance_key[KEY_BYTES],
                            struct coordinator **coordinator)
{
    size_t size = strlen(name);
    if (size == 0 || size > WIRE_NAME_BYTES_MAX)
        return err_set(ERR_RANGE, "a consortium's name has 1 to %d bytes, not %zu",
                       WIRE_NAME_BYTES_MAX, size);
    if (strncmp(endpoint, "tcp://", 6) != 0 || !strchr(endpoint + 6, ':'))
        return err_set(ERR_RANGE, "%s is not of the form tcp://host:port", endpoint);
    const char *values[sizeof settings / sizeof *settings] = {endpoint};
    struct home *home;
    if (home_create(folder, &kind, values, &home) != ERR_OK)
        return err_code();
    struct coordinator *c = coordinator_around(home);
    c->name = mem_text(name);
    memcpy(c->governance_key, governance_key, KEY_BYTES);
    enum err result = identity_new(&c->identity);
    if (result == ERR_OK)
        result = home_set(home, "identity", identity_secret(c->identity),
                          IDENTITY_SECRET_BYTES);
    if (result == ERR_OK)
        result = home_set(home, "governance", governance_key, KEY_BYTES);
    if (result == ERR_OK)
        result = home_set(home, "consortium", name, size);
    if (result == ERR_OK)
        result = audit_open(c->store, c->conf, 0, NULL);
    if (result != ERR_OK) {
        coordinator_destroy(&c);
        return result;
    }
    set_keys(c);
    *coordinator = c;
    return ERR_OK;
}

/* --- the roster
 * ------------------------------------------------------------------------------ */

/* A ledger belongs to a hospital, not to a key: what was seen of it stays known under the
 * new one. */
static enum err carry_head(struct coordinator *c, const struct member *member)
{
    struct query *query;
    if (store_query(c->store,
                    "UPDATE OR REPLACE heads SET member = ?1 WHERE member ="
                    " (SELECT replaces FROM requests WHERE key = ?1 AND curve = ?2)",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, member->key, KEY_BYTES);
    query_blob(query, 2, member->curve, KEY_BYTES);
    return query_run(query);
}

/* A request whose keys a roster has is settled; kept, it would bring a removed member
 * back. */
static enum err settle_requests(struct coordinator *c, const struct members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        struct query *query;
        const struct member *member = &members->items[i];
        if (carry_head(c, member) != ERR_OK ||
            store_query(c->store,
                        "DELETE FROM requests WHERE key = ?"
                        " AND (replaces IS NULL OR curve = ?)",
                        &query) != ERR_OK)
            return err_code();
        query_blob(query, 1, member->key, KEY_BYTES);
        query_blob(query, 2, member->curve, KEY_BYTES);
        if (query_run(query) != ERR_OK)
            return err_code();
    }
    return ERR_OK;
}

static enum err note_roster(struct coordinator *c, const struct roster *roster)
{
    const struct roster_fields *fields = roster_fields(roster);
    const struct audit_entry entry = {.kind = AUDIT_ROSTER,
                                      .object = roster_hash(roster)};
    return audit_write(c->store, &entry, "version %llu is in force, with %zu hospitals",
                       (unsigned long long)fields->version, fields->members.count);
}

enum err coordinator_roster(struct coordinator *c, struct view signed_roster)
{
    struct roster *next;
    if (roster_new(signed_roster, c->governance_key, &next) != ERR_OK)
        return err_code();
    const struct roster_fields *fields = roster_fields(next);
    enum err result = roster_follows(c->roster, next);
    if (result == ERR_OK &&
        memcmp(roster_consortium(next), c->consortium, HASH_BYTES) != 0)
        result = err_set(ERR_DENIED, "the roster is another consortium's");
    if (result == ERR_OK && (memcmp(fields->coordinator_key, c->key, KEY_BYTES) != 0 ||
                             memcmp(fields->coordinator_curve, c->curve, KEY_BYTES) != 0))
        result = err_set(ERR_DENIED, "the roster names another coordinator");
    if (result == ERR_OK && (result = store_begin(c->store)) == ERR_OK) {
        result = home_set(c->home, "roster", signed_roster.data, signed_roster.size);
        if (result == ERR_OK)
            result = settle_requests(c, &fields->members);
        if (result == ERR_OK &&
            !(c->roster &&
              memcmp(roster_hash(c->roster), roster_hash(next), HASH_BYTES) == 0))
            result = note_roster(c, next);
        if (result == ERR_OK)
            result = store_commit(c->store);
        else
            store_rollback(c->store);
    }
    if (result != ERR_OK) {
        roster_destroy(&next);
        return result;
    }
    roster_destroy(&c->roster);
    c->roster = next;
    return ERR_OK;
}

/* `replaces` NULL: to join. */
static enum err keep_request(struct coordinator *c, const struct enrol_request *request,
                             const uint8_t *replaces)
{
    struct query *query;
    if (store_query(c->store,
                    "REPLACE INTO requests (key, name, curve, issued, replaces)"
                    " VALUES (?, ?, ?, ?, ?)",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, request->key, KEY_BYTES);
    query_text(query, 2, request->name);
    query_blob(query, 3, request->curve, KEY_BYTES);
    query_int(query, 4, (int64_t)request->issued);
    if (replaces)
        query_blob(query, 5, replaces, KEY_BYTES);
    return query_run(query);
}

enum err coordinator_add_request(struct coordinator *c, const char *text, size_t size,
                                 struct arena *arena, struct enrol_request *request)
{
    if (roster_request_read(text, size, arena, request) != ERR_OK)
        return err_code();
    if (memcmp(request->consortium, c->consortium, HASH_BYTES) != 0)
        return err_set(ERR_DENIED, "the request is addressed to another consortium");
    bool own;
    const struct audit_entry entry = {.kind = AUDIT_ADMISSION, .object = request->key};
    if (store_join(c->store, &own) != ERR_OK)
        return err_code();
    enum err result = keep_request(c, request, NULL);
    if (result == ERR_OK)
        result = audit_write(c->store, &entry,
                             "the request of %s to join was taken for the next roster",
                             request->name);
    return store_leave(c->store, own, result);
}

static enum err check_rotation(const struct coordinator *c,
                               const struct enrol_request *request,
                               const uint8_t present[KEY_BYTES])
{
    const struct member *member = c->roster ? roster_by_key(c->roster, present) : NULL;
    if (memcmp(request->consortium, c->consortium, HASH_BYTES) != 0)
        return err_set(ERR_DENIED, "the request is addressed to another consortium");
    if (!member)
        return err_set(ERR_DENIED, "no member of the roster signed the request");
    if (strcmp(member->name, request->name) != 0)
        return err_set(ERR_DENIED, "the request is in the name of %s, signed by %s",
                       request->name, member->name);
    if (memcmp(request->key, present, KEY_BYTES) != 0 &&
        roster_by_key(c->roster, request->key))
        return err_set(ERR_DENIED, "the request's new key is another member's");
    return ERR_OK;
}

enum err coordinator_add_rotation(struct coordinator *c, const char *text, size_t size,
                                  struct arena *arena, struct enrol_request *request)
{
    uint8_t present[KEY_BYTES];
    if (roster_rotation_read(text, size, arena, request, present) != ERR_OK ||
        check_rotation(c, request, present) != ERR_OK || store_begin(c->store) != ERR_OK)
        return err_code();
    const struct audit_entry entry = {.kind = AUDIT_ADMISSION, .object = request->key};
    enum err result = keep_request(c, request, present);
    if (result == ERR_OK)
        result = audit_write(c->store, &entry, "%s asks for new keys", request->name);
    if (result == ERR_OK)
        return store_commit(c->store);
    store_rollback(c->store);
    return result;
}

static int by_key(const void *a, const void *b)
{
    return memcmp(((const struct member *)a)->key, ((const struct member *)b)->key,
                  KEY_BYTES);
}

static bool among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Does a request ask for this member's place? */
static enum err is_replaced(struct coordinator *c, const struct member *member,
                            bool *replaced)
{
    struct query *query;
    if (store_query(c->store, "SELECT 1 FROM requests WHERE replaces = ?", &query) !=
        ERR_OK)
        return err_code();
    query_blob(query, 1, member->key, KEY_BYTES);
    enum err result = query_step(query, replaced);
    query_reset(query);
    return result;
}

/* Members in force but for the removed and for those who take new keys, into `members`;
 * all removed ones must exist. */
static enum err keep_members(struct coordinator *c, const char *const *removed,
                             size_t removed_count, struct member *members, size_t *count)
{
    size_t gone = 0;
    const struct members *held = &roster_fields(c->roster)->members;
    for (size_t i = 0; i < held->count; i++) {
        bool replaced = false;
        if (is_replaced(c, &held->items[i], &replaced) != ERR_OK)
            return err_code();
        if (among(held->items[i].name, removed, removed_count))
            gone++;
        else if (!replaced)
            members[(*count)++] = held->items[i];
    }
    if (gone < removed_count)
        return err_set(ERR_NOT_FOUND,
                       "the roster has only %zu of the %zu names to remove", gone,
                       removed_count);
    return ERR_OK;
}

static enum err add_requests(struct coordinator *c, struct arena *arena, uint64_t wall,
                             uint64_t days, struct member *members, size_t *count,
                             size_t *added)
{
    struct query *query;
    bool row;
    enum err result = store_query(
        c->store, "SELECT key, name, curve, replaces FROM requests ORDER BY key", &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
        size_t size;
        struct member member = {.valid_from = wall,
                                .valid_to = wall + days * DAY_SECONDS};
        const char *name = query_get_text(query, 1);
        memcpy(member.key, query_get_blob(query, 0, &size), KEY_BYTES);
        memcpy(member.curve, query_get_blob(query, 2, &size), KEY_BYTES);
        if (query_get_null(query, 3) && c->roster && roster_by_key(c->roster, member.key))
            continue;
        if (*count == WIRE_PARTICIPANTS_MAX) {
            query_reset(query);
            return err_set(ERR_RANGE, "a roster has at most %d members",
                           WIRE_PARTICIPANTS_MAX);
        }
        member.name = arena_text(arena, name, strlen(name));
        members[(*count)++] = member;
        (*added)++;
    }
    return result;
}

enum err coordinator_draft(struct coordinator *c, uint64_t wall, uint64_t days,
                           const char *const *removed, size_t removed_count,
                           struct bytes *draft, size_t *added)
{
    struct member *members = mem_new(WIRE_PARTICIPANTS_MAX, sizeof *members);
    struct arena *arena =
        arena_new(WIRE_PARTICIPANTS_MAX * (size_t)(WIRE_NAME_BYTES_MAX + 32));
    struct roster_fields fields = {.consortium_name = c->name, .version = 1};
    size_t count = 0;
    enum err result = ERR_OK;
    *added = 0;
    if (c->roster) {
        fields.version = roster_fields(c->roster)->version + 1;
        memcpy(fields.previous, roster_hash(c->roster), HASH_BYTES);
        result = keep_members(c, removed, removed_count, members, &count);
    } else if (removed_count) {
        result = err_set(ERR_NOT_FOUND, "there is no roster to remove anybody from");
    }
    if (result == ERR_OK)
        result = add_requests(c, arena, wall, days, members, &count, added);
    if (result == ERR_OK) {
        qsort(members, count, sizeof *members, by_key);
        memcpy(fields.governance_key, c->governance_key, KEY_BYTES);
        memcpy(fields.coordinator_key, c->key, KEY_BYTES);
        memcpy(fields.coordinator_curve, c->curve, KEY_BYTES);
        fields.issued = wall;
        fields.endpoint = conf_text(c->conf, "endpoint");
        fields.members = (struct members){members, count};
        result = codec_encode_roster_fields(&fields, draft);
    }
    arena_destroy(&arena);
    mem_free(members);
    return result;
}

const char *coordinator_member_name(const struct coordinator *c,
                                    const uint8_t key[KEY_BYTES])
{
    const struct member *member = c->roster ? roster_by_key(c->roster, key) : NULL;
    return member ? member->name : "?";
}
