#include "node/node.h"
#include "node/exchange.h"
#include "node/heads.h"

#include <string.h>

#include "base/memory.h"
#include "node/consent.h"
#include "node/policies.h"
#include "node/keyring.h"
#include "node/signals.h"
#include "privacy/seal.h"
#include "privacy/random.h"
#include "wire/envelope.h"

static const struct conf_setting settings[] = {
    {"name", CONF_TEXT, NULL, 0, 0, "the hospital's name, as the consortium sees it"},
    {"slot_seconds", CONF_INTEGER, "10", 1, 3600,
     "a masked sum leaves at a whole multiple of so many seconds only, so that the time "
     "does "
     "not tell how long the twins took"},
    {"poll_seconds", CONF_INTEGER, "10", 1, 3600,
     "the longest pause between two questions to the coordinator"},
    {"answer_seconds", CONF_INTEGER, "30", 4, 600,
     "how long to wait for an answer of the coordinator"},
    {"threads", CONF_INTEGER, "0", 0, 256, "threads that fit twins; 0: one a processor"},
    {"control", CONF_PATH, "control.sock", 0, 0,
     "the socket at which a running daemon takes commands of this machine's users"},
    {"engineers", CONF_TEXT, "", 0, 0,
     "users who look after the daemon: names or numbers, or @group, with commas"},
    {"clinicians", CONF_TEXT, "", 0, 0, "users who see records and record consent"},
    {"officers", CONF_TEXT, "", 0, 0, "users who decide on studies and erase patients"},
    HOME_KEY_SETTING,
    {"keyring", CONF_PATH, "patients.keyring", 0, 0,
     "the file without which no backup opens and from which erased patients are gone: "
     "better on another disk"},
    {"anchor", CONF_TEXT, "", 0, 0,
     "a file on another disk that shows when the store was put back; empty: none"},
    {"prior_shift_max", CONF_REAL, "5", 0.1, 100,
     "refuse priors with a typical value or effect so many between-patient sds from the "
     "model's own"},
    {"prior_spread_max", CONF_REAL, "10", 1.5, 1000,
     "refuse priors with a spread or measurement error so many times as wide or narrow as "
     "the model's own"},
};

static const char schema_first[] = HOME_SCHEMA
    "CREATE TABLE patients (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " pseudonym BLOB NOT NULL UNIQUE, time_unit TEXT NOT NULL, added INTEGER NOT NULL);"
    "CREATE TABLE doses (id INTEGER PRIMARY KEY,"
    " patient INTEGER NOT NULL REFERENCES patients, time REAL NOT NULL,"
    " input TEXT NOT NULL, unit TEXT, amount REAL NOT NULL, duration REAL NOT NULL,"
    " rank INTEGER NOT NULL);"
    "CREATE INDEX doses_of ON doses (patient, time, rank);"
    "CREATE TABLE covariates (id INTEGER PRIMARY KEY,"
    " patient INTEGER NOT NULL REFERENCES patients, time REAL NOT NULL,"
    " name TEXT NOT NULL, unit TEXT, value REAL NOT NULL, rank INTEGER NOT NULL);"
    "CREATE INDEX covariates_of ON covariates (patient, time, rank);"
    "CREATE TABLE measurements (id INTEGER PRIMARY KEY,"
    " patient INTEGER NOT NULL REFERENCES patients, time REAL NOT NULL,"
    " quantity TEXT NOT NULL, unit TEXT, value REAL NOT NULL,"
    " censoring INTEGER NOT NULL, rank INTEGER NOT NULL);"
    "CREATE INDEX measurements_of ON measurements (patient, time, rank);"
    "CREATE TABLE imports (id INTEGER PRIMARY KEY, file TEXT NOT NULL,"
    " hash BLOB NOT NULL UNIQUE, imported INTEGER NOT NULL, rows INTEGER NOT NULL,"
    " patients INTEGER NOT NULL);"
    "CREATE TABLE studies (study BLOB PRIMARY KEY NOT NULL, hash BLOB NOT NULL,"
    " name TEXT NOT NULL, terms BLOB NOT NULL, state TEXT NOT NULL,"
    " received INTEGER NOT NULL, decided INTEGER);"
    "CREATE TABLE links (study BLOB NOT NULL, round INTEGER NOT NULL,"
    " link BLOB NOT NULL, hash BLOB NOT NULL, prior BLOB NOT NULL,"
    " PRIMARY KEY (study, round));"
    "CREATE TABLE outbox (study BLOB NOT NULL, round INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL, plan BLOB NOT NULL, nonce BLOB NOT NULL,"
    " frame BLOB NOT NULL, acknowledged INTEGER NOT NULL,"
    " PRIMARY KEY (study, round, attempt));"
    "CREATE TABLE twins (patient INTEGER NOT NULL REFERENCES patients,"
    " model BLOB NOT NULL, prior BLOB NOT NULL, fitted INTEGER NOT NULL,"
    " converged INTEGER NOT NULL, minus2_log_likelihood REAL NOT NULL,"
    " phi BLOB NOT NULL, covariance BLOB NOT NULL, PRIMARY KEY (patient, model));";

/* Sums have become secret: what was sent is no longer kept, only that an attempt was
 * entered and what was charged for. */
static const char schema_attempts[] =
    "CREATE TABLE attempts (study BLOB NOT NULL, round INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL, plan BLOB NOT NULL, entered INTEGER NOT NULL,"
    " message BLOB, survivors BLOB, PRIMARY KEY (study, round, attempt));"
    "INSERT INTO attempts (study, round, attempt, plan, entered)"
    " SELECT study, round, attempt, plan, 0 FROM outbox;"
    "DROP TABLE outbox;";

/* Of an attempt at the round last entered: the keys of those whose sum may be out
 * (node/sums). */
static const char schema_sums[] = "ALTER TABLE attempts ADD COLUMN summed BLOB;";

/* A twin is fitted when it is asked for: one of an older record or prior is nobody's. */
static const char schema_twins[] = "DROP TABLE twins;";

static const char *const migrations[] = {
    schema_first,   LEDGER_SCHEMA,       schema_attempts,
    CONSENT_SCHEMA, AUDIT_SCHEMA,        POLICIES_SCHEMA,
    KEYRING_SCHEMA, NODE_HEADS_SCHEMA,   LEDGER_SCHEMA_REANCHORS,
    schema_sums,    NODE_EXCHANGE_SCHEMA, SIGNALS_SCHEMA,
    schema_twins};
static const struct store_schema schema = {"gemel-node", migrations,
                                           sizeof migrations / sizeof *migrations};
static const struct home_kind kind = {"gemel-node", settings,
                                      sizeof settings / sizeof *settings, &schema};

/* --- opening
 * ---------------------------------------------------------------------------- */

static void consortium_clear(struct node_consortium *consortium)
{
    mem_free(consortium->name);
    mem_free(consortium->endpoint);
    roster_destroy(&consortium->roster);
    *consortium = (struct node_consortium){0};
}

static struct node *lent;

void node_lend(struct node *node)
{
    lent = node;
}

bool node_is_lent(const struct node *node)
{
    return node ? node == lent : lent != NULL;
}

void node_destroy(struct node **node)
{
    if (*node && *node == lent)
        *node = NULL;
    if (!*node)
        return;
    consortium_clear(&(*node)->consortium);
    policy_destroy(&(*node)->policy);
    ledger_destroy(&(*node)->ledger);
    identity_destroy(&(*node)->identity);
    home_destroy(&(*node)->home);
    mem_free(*node);
    *node = NULL;
}

static enum err read_identity(struct node *node)
{
    struct bytes secret = {0};
    enum err result = home_get(node->home, "identity", &secret);
    if (result == ERR_OK && secret.size != IDENTITY_SECRET_BYTES)
        result = err_set(ERR_STORAGE, "the identity kept in the store has %zu bytes",
                         secret.size);
    if (result == ERR_OK)
        result = identity_read(secret.data, &node->identity);
    bytes_free(&secret);
    if (result == ERR_OK)
        identity_public(node->identity, node->key);
    return result;
}

/* `wall` 0: it was taken in time, long ago. */
static enum err take_invite(struct node *node, const char *text, size_t size,
                            uint64_t wall)
{
    struct arena *arena = codec_arena(size);
    struct enrol_invite invite;
    enum err result = roster_invite_read(text, size, arena, &invite);
    if (result == ERR_OK && wall >= invite.expires) {
        err_set(ERR_DENIED, "the invitation has expired");
        result = err_hint("ask the operator for a new one: gemel-coordinator invite");
    }
    if (result == ERR_OK) {
        struct node_consortium *c = &node->consortium;
        c->known = true;
        c->name = mem_text(invite.consortium_name);
        c->endpoint = mem_text(invite.endpoint);
        memcpy(c->governance_key, invite.governance_key, KEY_BYTES);
        memcpy(c->coordinator_key, invite.coordinator_key, KEY_BYTES);
        memcpy(c->coordinator_curve, invite.coordinator_curve, KEY_BYTES);
        envelope_consortium(c->name, c->governance_key, c->id);
    }
    arena_destroy(&arena);
    return result;
}

static enum err read_consortium(struct node *node)
{
    struct bytes kept = {0};
    enum err result = home_get(node->home, "invite", &kept);
    if (result == ERR_OK)
        result = take_invite(node, (const char *)kept.data, kept.size, 0);
    if (result == ERR_OK && (result = home_get(node->home, "roster", &kept)) == ERR_OK)
        result = roster_new(codec_view(&kept), node->consortium.governance_key,
                            &node->consortium.roster);
    bytes_free(&kept);
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

static struct node *node_around(struct home *home)
{
    struct node *node = mem_new(1, sizeof *node);
    random_bytes(node->graph_secret, HASH_BYTES);
    node->home = home;
    node->store = home_store(home);
    node->conf = home_conf(home);
    return node;
}

/* --- ledger and audit record
 * -------------------------------------------------------------------- */

/* Both are written in one transaction: entry by entry from where the record begins, each
 * charge of the ledger is a release of the record. What was claimed in a re-anchoring is
 * not: whatever recorded it is lost. */
struct releases {
    struct ledger *ledger;
    uint64_t next;             /* index in the ledger of the one that must come next */
    uint8_t begin[HASH_BYTES]; /* the ledger's head where the record begins */
    uint64_t count;
};

static enum err count_release(void *context, const struct audit_row *row)
{
    struct releases *releases = context;
    if (row->entry.kind == AUDIT_BEGIN)
        memcpy(releases->begin, row->entry.object, HASH_BYTES);
    releases->count += row->entry.kind == AUDIT_RELEASE;
    return ERR_OK;
}

/* The ledger's next charge that is no claim; false at the end. */
static bool next_charge(struct releases *releases, struct ledger_entry *entry)
{
    uint64_t patients = LEDGER_EVERYBODY;
    while (patients == LEDGER_EVERYBODY)
        if (releases->next == ledger_count(releases->ledger) ||
            ledger_read(releases->ledger, releases->next++, entry, &patients) != ERR_OK)
            return false;
    return true;
}

static enum err match_release(void *context, const struct audit_row *row)
{
    struct releases *releases = context;
    struct ledger_entry entry;
    if (row->entry.kind != AUDIT_RELEASE)
        return ERR_OK;
    if (next_charge(releases, &entry) && row->entry.round == entry.round &&
        row->entry.attempt == entry.attempt &&
        memcmp(row->entry.study, entry.study, STUDY_BYTES) == 0)
        return ERR_OK;
    return err_set(ERR_VERIFY, "audit entry %llu is not the release of ledger entry %llu",
                   (unsigned long long)row->number, (unsigned long long)releases->next);
}

static enum err check_releases(const struct node *node)
{
    struct releases releases = {.ledger = node->ledger};
    struct ledger_entry entry;
    uint64_t charges = 0;
    if (audit_each(node->store, 1, count_release, &releases) != ERR_OK)
        return err_code();
    bool begun = ledger_index_after(node->ledger, releases.begin, &releases.next) == ERR_OK;
    struct releases rest = releases;
    while (begun && next_charge(&rest, &entry))
        charges++;
    if (!begun || charges != releases.count)
        return err_set(ERR_VERIFY,
                       "the audit record has %llu releases, which are not those of the "
                       "ledger's %llu entries",
                       (unsigned long long)releases.count,
                       (unsigned long long)ledger_length(node->ledger));
    return audit_each(node->store, 1, match_release, &releases);
}

enum err node_check_records(struct node *node)
{
    uint64_t length;
    uint8_t head[HASH_BYTES];
    if (ledger_reload(node->ledger) != ERR_OK ||
        audit_verify(node->store, &length, head) != ERR_OK)
        return err_code();
    return check_releases(node);
}

/* Who began the rotation that put the store under another key; nobody: NULL. */
static enum err read_rotator(struct node *node, uint32_t *user, const uint32_t **rotator)
{
    struct bytes kept = {0};
    *rotator = NULL;
    enum err result = home_get(node->home, HOME_ROTATOR, &kept);
    struct cursor cursor = {kept.data, kept.size, 0};
    if (result == ERR_OK && (result = cursor_u32(&cursor, user)) == ERR_OK)
        *rotator = user;
    bytes_free(&kept);
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

/* In the caller's transaction. */
static enum err enter_store_key(struct node *node, const uint8_t name[SEAL_NAME_BYTES],
                                bool first, const uint32_t *rotator)
{
    const struct audit_entry entry = {.kind = AUDIT_KEY, .user = rotator};
    enum err result = home_set(node->home, "store_key_name", name, SEAL_NAME_BYTES);
    return result == ERR_OK ? audit_write(node->store, &entry, "the store %s",
                                          first     ? "is under its first key"
                                          : rotator ? "was put under another key"
                                                    : "is under another key, and no "
                                                      "rotation was begun here")
                            : result;
}

/* A key can be changed by a process that was killed right after, or by hand: whoever
 * opens the store first under another one enters it, in the name of whoever began it. A
 * rotation that did not come so far is forgotten. */
static enum err note_store_key(struct node *node)
{
    uint8_t name[SEAL_NAME_BYTES];
    uint32_t user;
    const uint32_t *rotator;
    struct bytes known = {0};
    seal_key_name(home_key(node->home), name);
    enum err result = home_get(node->home, "store_key_name", &known);
    bool first = result == ERR_NOT_FOUND;
    bool same = result == ERR_OK && known.size == sizeof name &&
                memcmp(known.data, name, sizeof name) == 0;
    bytes_free(&known);
    if ((result != ERR_OK && !first) || read_rotator(node, &user, &rotator) != ERR_OK)
        return err_code();
    if (same && !rotator)
        return ERR_OK;
    if (store_begin(node->store) != ERR_OK)
        return err_code();
    result = same ? ERR_OK : enter_store_key(node, name, first, rotator);
    if (result == ERR_OK && rotator)
        result = store_execute(node->store,
                               "DELETE FROM named WHERE name = '" HOME_ROTATOR "'");
    if (result == ERR_OK)
        return store_commit(node->store);
    store_rollback(node->store);
    return result;
}

static enum err open_records(struct node *node)
{
    uint8_t head[HASH_BYTES];
    if (ledger_new(node->store, &node->ledger) != ERR_OK)
        return err_code();
    ledger_head(node->ledger, head);
    if (audit_open(node->store, node->conf, 0, head) != ERR_OK)
        return err_code();
    if (check_releases(node) != ERR_OK || signals_open(node) != ERR_OK)
        return err_code();
    return note_store_key(node);
}

enum err node_open(const char *folder, struct node **node)
{
    struct home *home;
    if (lent) {
        *node = lent;
        return ERR_OK;
    }
    if (home_open(folder, &kind, &home) != ERR_OK) {
        if (err_code() == ERR_LOCKED)
            err_hint("if it is the daemon: `gemel-node stop`, and `serve` again afterwards");
        return err_code();
    }
    struct node *opened = node_around(home);
    enum err result = read_identity(opened);
    if (result == ERR_OK)
        result = open_records(opened);
    if (result == ERR_OK)
        result = policies_open(opened);
    if (result == ERR_OK)
        result = read_consortium(opened);
    if (result != ERR_OK) {
        node_destroy(&opened);
        return result;
    }
    *node = opened;
    return ERR_OK;
}

const struct home_kind *node_kind(void)
{
    return &kind;
}

enum err node_create_keyed(const char *folder, const char *name, const char *store_key,
                           struct node **node)
{
    size_t size = strlen(name);
    if (size == 0 || size > WIRE_NAME_BYTES_MAX)
        return err_set(ERR_RANGE, "a hospital's name has 1 to %d bytes, not %zu",
                       WIRE_NAME_BYTES_MAX, size);
    const char *values[sizeof settings / sizeof *settings] = {name};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(settings[i].name, "store_key") == 0)
            values[i] = store_key;
    struct home *home;
    if (home_create(folder, &kind, values, &home) != ERR_OK)
        return err_code();
    struct node *made = node_around(home);
    enum err result = identity_new(&made->identity);
    if (result == ERR_OK) {
        identity_public(made->identity, made->key);
        result = home_set(home, "identity", identity_secret(made->identity),
                          IDENTITY_SECRET_BYTES);
    }
    if (result == ERR_OK)
        result = open_records(made);
    if (result != ERR_OK) {
        node_destroy(&made);
        return result;
    }
    *node = made;
    return ERR_OK;
}

enum err node_create(const char *folder, const char *name, struct node **node)
{
    return node_create_keyed(folder, name, NULL, node);
}

enum err node_settings(const char *folder, struct conf **conf)
{
    return home_settings(folder, &kind, conf);
}

enum err node_refuse(struct node *node, const struct audit_entry *about)
{
    enum err code = err_code();
    if (code != ERR_RANGE && code != ERR_FORMAT && code != ERR_NOT_FOUND &&
        code != ERR_DENIED && code != ERR_VERIFY && code != ERR_STATE)
        return code;
    char *text = mem_text(err_text()), *hint = mem_text(err_hint_text());
    enum err result = audit_refuse(node->store, about, text);
    if (result == ERR_OK) {
        result = err_set(code, "%s", text);
        if (*hint)
            err_hint("%s", hint);
    }
    mem_free(text);
    mem_free(hint);
    return result;
}

/* --- the consortium
 * ------------------------------------------------------------------------ */

/* A named value and the entry that says so, in the caller's transaction or one of its
 * own. */
static enum err keep(struct node *node, const char *name, const void *value, size_t size,
                     const struct audit_entry *entry, const char *sentence)
{
    bool own;
    if (store_join(node->store, &own) != ERR_OK)
        return err_code();
    enum err result = home_set(node->home, name, value, size);
    if (result == ERR_OK)
        result = audit_write(node->store, entry, "%s", sentence);
    return store_leave(node->store, own, result);
}

static enum err keep_invite(struct node *node, const char *text, size_t size,
                            uint64_t wall)
{
    const struct node_consortium *c = &node->consortium;
    const struct audit_entry entry = {
        .kind = AUDIT_CONSORTIUM, .wall = wall, .object = c->id};
    char *sentence =
        mem_format("invited by the consortium %s at %s", c->name, c->endpoint);
    enum err result = keep(node, "invite", text, size, &entry, sentence);
    mem_free(sentence);
    return result;
}

static enum err keep_roster(struct node *node, struct view bytes,
                            const struct roster *roster)
{
    const struct audit_entry entry = {.kind = AUDIT_ROSTER,
                                      .object = roster_hash(roster)};
    const struct roster_fields *fields = roster_fields(roster);
    char *sentence =
        mem_format("version %llu is in force, with %zu hospitals",
                   (unsigned long long)fields->version, fields->members.count);
    enum err result = keep(node, "roster", bytes.data, bytes.size, &entry, sentence);
    mem_free(sentence);
    return result;
}

enum err node_pin(struct node *node, const char *text, size_t size, uint64_t wall)
{
    struct node_consortium before = node->consortium;
    node->consortium = (struct node_consortium){0};
    enum err result = take_invite(node, text, size, wall);
    if (result == ERR_OK && before.known &&
        (memcmp(before.id, node->consortium.id, HASH_BYTES) != 0 ||
         memcmp(before.coordinator_key, node->consortium.coordinator_key, KEY_BYTES) !=
             0))
        result = err_set(ERR_STATE, "this node belongs to the consortium %s already",
                         before.name);
    if (result == ERR_OK)
        result = keep_invite(node, text, size, wall);
    if (result != ERR_OK) {
        consortium_clear(&node->consortium);
        node->consortium = before;
        return result;
    }
    node->consortium.roster = before.roster;
    before.roster = NULL;
    consortium_clear(&before);
    return ERR_OK;
}

enum err node_roster(struct node *node, struct view signed_roster,
                     struct roster **replaced)
{
    struct node_consortium *c = &node->consortium;
    struct roster *next;
    if (roster_new(signed_roster, c->governance_key, &next) != ERR_OK)
        return err_code();
    enum err result = roster_follows(c->roster, next);
    if (result == ERR_OK && memcmp(roster_consortium(next), c->id, HASH_BYTES) != 0)
        result = err_set(ERR_DENIED, "the roster is another consortium's");
    if (result == ERR_OK &&
        memcmp(roster_fields(next)->coordinator_key, c->coordinator_key, KEY_BYTES) != 0)
        result = err_set(ERR_DENIED, "the roster names another coordinator than the one "
                                     "this node was invited by");
    if (result == ERR_OK && !(c->roster && memcmp(roster_hash(c->roster),
                                                  roster_hash(next), HASH_BYTES) == 0))
        result = keep_roster(node, signed_roster, next);
    if (result != ERR_OK) {
        roster_destroy(&next);
        return result;
    }
    *replaced = c->roster;
    c->roster = next;
    return ERR_OK;
}

/* --- new keys
 * -------------------------------------------------------------------------------- */

/* The keys asked for and not yet in force. ERR_NOT_FOUND. */
static enum err read_next(struct node *node, struct identity **next)
{
    struct bytes secret = {0};
    enum err result = home_get(node->home, "identity_next", &secret);
    if (result == ERR_OK && secret.size != IDENTITY_SECRET_BYTES)
        result = err_set(ERR_STORAGE, "the next identity kept in the store has %zu bytes",
                         secret.size);
    if (result == ERR_OK)
        result = identity_read(secret.data, next);
    bytes_free(&secret);
    return result;
}

/* A fresh identity; for the network alone with the present signing key, whose seed is the
 * first half of the secret. */
static enum err draw_next(const struct node *node, enum node_next which,
                          struct identity **next)
{
    struct identity *fresh;
    void *mixed;
    if (identity_new(&fresh) != ERR_OK)
        return err_code();
    if (which == NODE_NEXT_IDENTITY) {
        *next = fresh;
        return ERR_OK;
    }
    enum err result = secret_new(IDENTITY_SECRET_BYTES, &mixed);
    if (result == ERR_OK) {
        size_t half = IDENTITY_SECRET_BYTES / 2;
        memcpy(mixed, identity_secret(node->identity), half);
        memcpy((uint8_t *)mixed + half, identity_secret(fresh) + half, half);
        result = identity_read(mixed, next);
        secret_free(mixed);
    }
    identity_destroy(&fresh);
    return result;
}

static enum err keep_next(struct node *node, const struct identity *next, uint64_t wall)
{
    uint8_t key[KEY_BYTES];
    const struct audit_entry entry = {.kind = AUDIT_KEY, .wall = wall, .object = key};
    identity_public(next, key);
    return keep(node, "identity_next", identity_secret(next), IDENTITY_SECRET_BYTES,
                &entry, "new keys were drawn, and are not in force yet");
}

static enum err next_of(struct node *node, enum node_next which, uint64_t wall,
                        struct identity **next)
{
    uint8_t key[KEY_BYTES];
    enum err result = read_next(node, next);
    if (result == ERR_NOT_FOUND) {
        result = draw_next(node, which, next);
        return result == ERR_OK ? keep_next(node, *next, wall) : result;
    }
    if (result != ERR_OK)
        return result;
    identity_public(*next, key);
    if ((memcmp(key, node->key, KEY_BYTES) == 0) == (which == NODE_NEXT_NETWORK))
        return ERR_OK;
    err_set(ERR_STATE, "new keys of another kind were asked for and are not in force");
    return err_hint("take the roster that has them first: gemel-node key adopt ROSTER");
}

enum err node_rotate(struct node *node, enum node_next which, uint64_t wall, char **text)
{
    struct identity *next = NULL;
    struct enrol_request request = {.name = conf_text(node->conf, "name"),
                                    .issued = wall};
    if (!node->consortium.known) {
        err_set(ERR_STATE, "this node belongs to no consortium that knows its keys");
        return err_hint("a node made anew has new keys: gemel-node init");
    }
    enum err result = next_of(node, which, wall, &next);
    if (result == ERR_OK) {
        memcpy(request.consortium, node->consortium.id, HASH_BYTES);
        identity_curve(next, request.curve);
        result = roster_rotation_text(node->identity, next, &request, text);
    }
    identity_destroy(&next);
    return result;
}

static enum err check_next(struct view signed_roster, const struct node *node,
                           const struct identity *next)
{
    struct roster *roster;
    uint8_t key[KEY_BYTES], curve[KEY_BYTES];
    identity_public(next, key);
    identity_curve(next, curve);
    if (roster_new(signed_roster, node->consortium.governance_key, &roster) != ERR_OK)
        return err_code();
    const struct member *member = roster_by_key(roster, key);
    bool there = member && memcmp(member->curve, curve, KEY_BYTES) == 0;
    roster_destroy(&roster);
    return there ? ERR_OK
                 : err_set(ERR_DENIED, "the roster does not have this node's new keys");
}

/* In the caller's transaction. */
static enum err put_in_force(struct node *node, const struct identity *next)
{
    uint8_t key[KEY_BYTES];
    const struct audit_entry entry = {.kind = AUDIT_KEY, .object = key};
    identity_public(next, key);
    if (keep(node, "identity", identity_secret(next), IDENTITY_SECRET_BYTES, &entry,
             "new keys are in force") != ERR_OK)
        return err_code();
    return store_execute(node->store, "DELETE FROM named WHERE name = 'identity_next'");
}

enum err node_adopt(struct node *node, struct view signed_roster)
{
    struct identity *next = NULL;
    struct roster *replaced = NULL;
    enum err result = read_next(node, &next);
    if (result == ERR_NOT_FOUND)
        result = err_set(ERR_STATE, "no new keys were asked for");
    if (result == ERR_OK)
        result = check_next(signed_roster, node, next);
    if (result == ERR_OK)
        result = store_begin(node->store);
    if (result != ERR_OK) {
        identity_destroy(&next);
        return result;
    }
    struct roster *before = node->consortium.roster;
    result = node_roster(node, signed_roster, &replaced);
    if (result == ERR_OK)
        result = put_in_force(node, next);
    if (result == ERR_OK)
        result = store_commit(node->store);
    else
        store_rollback(node->store);
    if (result != ERR_OK) {
        if (node->consortium.roster != before) {
            roster_destroy(&node->consortium.roster);
            node->consortium.roster = before;
        }
        identity_destroy(&next);
        return result;
    }
    roster_destroy(&replaced);
    identity_destroy(&node->identity);
    node->identity = next;
    identity_public(next, node->key);
    return ERR_OK;
}
