#include "node/consent.h"

#include <string.h>

#include "base/memory.h"
#include "node/patients.h"
#include "node/policies.h"
#include "privacy/audit.h"
#include "privacy/random.h"

#define MARK_KEY "person_key" /* a named value: 32 bytes, drawn when first needed */

const char CONSENT_SCHEMA[] =
    "CREATE TABLE consents (mark BLOB PRIMARY KEY NOT NULL,"
    " pseudonym BLOB NOT NULL UNIQUE, state TEXT NOT NULL, reason TEXT NOT NULL,"
    " user INTEGER NOT NULL, decided INTEGER NOT NULL);";

/* --- words
 * --------------------------------------------------------------------------------- */

static const char *const names[CONSENT_STATES] = {"in", "withdrawn", "erased"};

#define FOR(state) (1u << CONSENT_##state)
static const struct consent_reason reasons[] = {
    {"signed", "a consent form was signed", FOR(IN)},
    {"renewed", "consent was given again after it had ended", FOR(IN)},
    {"patient", "the patient took consent back (GDPR 7.3, 17.1 b)",
     FOR(WITHDRAWN) | FOR(ERASED)},
    {"guardian", "whoever decides for the patient did (child, incapacity)",
     FOR(IN) | FOR(WITHDRAWN) | FOR(ERASED)},
    {"objection", "the patient objects (GDPR 21, 17.1 c)", FOR(WITHDRAWN) | FOR(ERASED)},
    {"unneeded", "the data are no longer needed (GDPR 17.1 a)",
     FOR(WITHDRAWN) | FOR(ERASED)},
    {"unlawful", "there was no legal basis (GDPR 17.1 d)", FOR(WITHDRAWN) | FOR(ERASED)},
    {"obligation", "a law asks for it (GDPR 17.1 e)", FOR(WITHDRAWN) | FOR(ERASED)},
    {"mistake", "what was recorded before was an error",
     FOR(IN) | FOR(WITHDRAWN) | FOR(ERASED)},
};

const char *consent_name(enum consent state)
{
    return names[state];
}

enum err consent_from_name(const char *name, enum consent *state)
{
    for (size_t i = 0; i < CONSENT_STATES; i++) {
        if (strcmp(name, names[i]) == 0) {
            *state = (enum consent)i;
            return ERR_OK;
        }
    }
    err_set(ERR_USAGE, "there is no state of consent \"%s\"", name);
    return err_hint("in, withdrawn or erased");
}

const struct consent_reason *consent_reason_at(enum consent state, size_t index)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if ((reasons[i].states & 1u << state) && index-- == 0)
            return &reasons[i];
    return NULL;
}

enum err consent_reason_check(enum consent state, const char *code)
{
    const struct consent_reason *reason;
    struct bytes known = {0};
    for (size_t i = 0; (reason = consent_reason_at(state, i)); i++) {
        if (strcmp(reason->code, code) == 0) {
            bytes_free(&known);
            return ERR_OK;
        }
        bytes_append(&known, i ? ", " : "", i ? 2 : 0);
        bytes_append(&known, reason->code, strlen(reason->code));
    }
    err_set(ERR_USAGE, "that is not a reason for being %s", names[state]);
    err_hint("one of %.*s", (int)known.size, (const char *)known.data);
    bytes_free(&known);
    return err_code();
}

/* --- knowing a person again
 * ---------------------------------------------------------------- */

static enum err mark_key(struct node *node, struct bytes *key)
{
    enum err result = home_get(node->home, MARK_KEY, key);
    if (result == ERR_OK && key->size != HASH_BYTES)
        result = err_set(ERR_STORAGE, "the key of names kept in the store has %zu bytes",
                         key->size);
    if (result != ERR_NOT_FOUND)
        return result;
    uint8_t fresh[HASH_BYTES];
    random_bytes(fresh, sizeof fresh);
    result = home_set(node->home, MARK_KEY, fresh, sizeof fresh);
    bytes_append(key, fresh, sizeof fresh);
    bytes_wipe(fresh, sizeof fresh);
    return result;
}

/* BLAKE2b with the key before the name, each as a field: a keyed hash. */
static enum err mark_of(struct node *node, const char *name,
                        uint8_t mark[CONSENT_MARK_BYTES])
{
    struct bytes key = {0}, fields = {0};
    uint8_t hash[HASH_BYTES];
    enum err result = mark_key(node, &key);
    if (result == ERR_OK) {
        bytes_field(&fields, key.data, key.size);
        bytes_text(&fields, name);
        bytes_hash("gemel/person/1", fields.data, fields.size, hash);
        memcpy(mark, hash, CONSENT_MARK_BYTES);
    }
    bytes_free(&fields);
    bytes_free(&key);
    return result;
}

static enum err read_state(struct query *query, int column, enum consent *state)
{
    return consent_from_name(query_get_text(query, column), state) == ERR_OK
               ? ERR_OK
               : err_set(ERR_STORAGE, "the table of consents does not hold together");
}

static enum err read_pseudonym(struct query *query, int column,
                               uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES])
{
    size_t size;
    const void *data = query_get_blob(query, column, &size);
    if (size != LEDGER_PSEUDONYM_BYTES)
        return err_set(ERR_STORAGE, "a pseudonym kept in the store has %zu bytes", size);
    memcpy(pseudonym, data, LEDGER_PSEUDONYM_BYTES);
    return ERR_OK;
}

enum err consent_recall(struct node *node, const char *name, struct consent_known *known)
{
    struct query *query;
    bool row;
    *known = (struct consent_known){.never_seen = true};
    if (mark_of(node, name, known->mark) != ERR_OK ||
        store_query(node->store, "SELECT pseudonym, state FROM consents WHERE mark = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, known->mark, CONSENT_MARK_BYTES);
    enum err result = query_step(query, &row);
    if (result == ERR_OK && row) {
        known->never_seen = false;
        result = read_pseudonym(query, 0, known->pseudonym);
        if (result == ERR_OK)
            result = read_state(query, 1, &known->state);
        query_reset(query);
    }
    return result;
}

enum err consent_of(struct node *node, int64_t id, enum consent *state)
{
    struct query *query;
    bool row;
    *state = CONSENT_IN;
    if (store_query(node->store,
                    "SELECT state FROM consents WHERE pseudonym ="
                    " (SELECT pseudonym FROM patients WHERE id = ?)",
                    &query) != ERR_OK)
        return err_code();
    query_int(query, 1, id);
    enum err result = query_step(query, &row);
    if (result == ERR_OK && row) {
        result = read_state(query, 0, state);
        query_reset(query);
    }
    return result;
}

/* --- deciding
 * ------------------------------------------------------------------------------ */

static enum err keep(struct node *node, const struct consent_known *person,
                     enum consent state, const struct consent_decision *decision)
{
    struct query *query;
    if (store_query(
            node->store,
            "REPLACE INTO consents (mark, pseudonym, state, reason, user, decided)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, person->mark, CONSENT_MARK_BYTES);
    query_blob(query, 2, person->pseudonym, LEDGER_PSEUDONYM_BYTES);
    query_text(query, 3, names[state]);
    query_text(query, 4, decision->reason);
    query_int(query, 5, decision->user);
    query_int(query, 6, (int64_t)decision->wall);
    return query_run(query);
}

/* Who a name stands for: somebody with a record (`id` above 0), or a person known from
 * before. */
static enum err identify(struct node *node, const char *name, int64_t *id,
                         struct consent_known *person)
{
    struct query *query;
    bool row;
    *id = 0;
    if (consent_recall(node, name, person) != ERR_OK ||
        store_query(node->store, "SELECT id, pseudonym FROM patients WHERE name = ?",
                    &query) != ERR_OK)
        return err_code();
    query_text(query, 1, name);
    enum err result = query_step(query, &row);
    if (result != ERR_OK)
        return result;
    if (row) {
        *id = query_get_int(query, 0);
        result = read_pseudonym(query, 1, person->pseudonym);
        query_reset(query);
    } else if (person->never_seen) {
        err_set(ERR_NOT_FOUND, "there is no patient of that name");
        result = err_hint("`gemel-node patients list` names those who are here");
    }
    return result;
}

static enum err delete_of(struct node *node, const char *table, int64_t id, size_t *count)
{
    struct query *query;
    char *sql = mem_format("DELETE FROM %s WHERE patient = ?", table);
    enum err result = store_query(node->store, sql, &query);
    mem_free(sql);
    if (result != ERR_OK)
        return result;
    query_int(query, 1, id);
    result = query_run(query);
    if (result == ERR_OK && count)
        *count += (size_t)store_rows_changed(node->store);
    return result;
}

static enum err decide_one(struct node *node, const char *name, enum consent state,
                           const struct consent_decision *decision, size_t *changed)
{
    struct consent_known person;
    int64_t id;
    enum err result = identify(node, name, &id, &person);
    if (result != ERR_OK)
        return result;
    if (id == 0 && state != CONSENT_IN)
        return err_set(ERR_STATE, "that person was erased here");
    enum consent before = person.never_seen ? CONSENT_IN : person.state;
    if (before == state)
        return ERR_OK;
    ++*changed;
    result = keep(node, &person, state, decision);
    const struct audit_entry entry = {.kind = AUDIT_CONSENT,
                                      .wall = decision->wall,
                                      .patient = person.pseudonym,
                                      .user = &decision->user};
    return result == ERR_OK ? audit_write(node->store, &entry, "%s, was %s: %s",
                                          names[state], names[before], decision->reason)
                            : result;
}

enum err consent_decide(struct node *node, const char *const *people, size_t count,
                        enum consent state, const struct consent_decision *decision,
                        size_t *changed)
{
    size_t other = 0;
    if (state == CONSENT_ERASED)
        return err_set(ERR_USAGE, "erasing is a command of its own");
    if (consent_reason_check(state, decision->reason) != ERR_OK ||
        store_begin(node->store) != ERR_OK)
        return err_code();
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < count; i++)
        if ((result = decide_one(node, people[i], state, decision, &other)) != ERR_OK)
            err_wrap("patient %zu of the list", i + 1);
    if (result == ERR_OK)
        result = store_commit(node->store);
    else
        store_rollback(node->store);
    if (result == ERR_OK)
        *changed = other;
    return result;
}

/* --- erasing
 * ------------------------------------------------------------------------------- */

/* The list of imported files goes as well: their names may be the patient's, and should
 * consent be given anew, the same file has to be read again. */
static enum err delete_all(struct node *node, int64_t id, struct consent_erased *erased)
{
    for (const char *const *table = patients_tables; *table; table++) {
        size_t count = 0;
        if (delete_of(node, *table, id, &count) != ERR_OK)
            return err_code();
        if (strcmp(*table, "signals") != 0 && strcmp(*table, "patient_keys") != 0)
            erased->rows += count;
    }
    struct query *query;
    if (store_query(node->store, "DELETE FROM patients WHERE id = ?", &query) != ERR_OK)
        return err_code();
    query_int(query, 1, id);
    if (query_run(query) != ERR_OK)
        return err_code();
    return store_execute(node->store, "DELETE FROM imports");
}

static enum err what_remains(struct node *node, struct consent_erased *erased)
{
    double mu2;
    struct discretisation lattice;
    for (uint64_t i = 0; i < ledger_count(node->ledger); i++) {
        bool charged;
        if (ledger_charged(node->ledger, i, erased->pseudonym, &charged) != ERR_OK)
            return err_code();
        erased->releases += charged;
    }
    if (ledger_spent(node->ledger, erased->pseudonym, &mu2) != ERR_OK ||
        ledger_discretisation(node->ledger, &lattice) != ERR_OK)
        return err_code();
    return accountant_loss(mu2, &lattice, policies_delta(node), &erased->loss);
}

static enum err erase_inside(struct node *node, const char *name,
                             const struct consent_decision *decision,
                             struct consent_erased *erased)
{
    struct consent_known person;
    int64_t id;
    enum err result = identify(node, name, &id, &person);
    if (result == ERR_OK && id == 0)
        result = err_set(ERR_NOT_FOUND, "there is no record of that person");
    if (result != ERR_OK)
        return result;
    memcpy(erased->pseudonym, person.pseudonym, LEDGER_PSEUDONYM_BYTES);
    result = what_remains(node, erased);
    if (result == ERR_OK)
        result = delete_all(node, id, erased);
    if (result == ERR_OK)
        result = keep(node, &person, CONSENT_ERASED, decision);
    const struct audit_entry entry = {.kind = AUDIT_ERASURE,
                                      .wall = decision->wall,
                                      .patient = person.pseudonym,
                                      .user = &decision->user};
    return result == ERR_OK ? audit_write(node->store, &entry, "%zu rows erased: %s",
                                          erased->rows, decision->reason)
                            : result;
}

enum err consent_erase(struct node *node, const char *name,
                       const struct consent_decision *decision,
                       struct consent_erased *erased)
{
    struct consent_erased fresh = {0};
    if (consent_reason_check(CONSENT_ERASED, decision->reason) != ERR_OK ||
        store_begin(node->store) != ERR_OK)
        return err_code();
    enum err result = erase_inside(node, name, decision, &fresh);
    if (result == ERR_OK)
        result = store_commit(node->store);
    else
        store_rollback(node->store);
    if (result == ERR_OK)
        *erased = fresh;
    return result;
}

/* --- listing
 * ------------------------------------------------------------------------------- */

static char *text_or_null(struct query *query, int column)
{
    return query_get_null(query, column) ? NULL : mem_text(query_get_text(query, column));
}

static void clear_line(struct consent_line *line)
{
    mem_free(line->name);
    mem_free(line->reason);
}

static enum err read_line(struct query *query, struct consent_line *line)
{
    line->name = text_or_null(query, 0);
    line->reason = text_or_null(query, 3);
    line->user = (uint32_t)query_get_int(query, 4);
    line->decided = (uint64_t)query_get_int(query, 5);
    if (read_pseudonym(query, 1, line->pseudonym) != ERR_OK)
        return err_code();
    return line->reason ? read_state(query, 2, &line->state) : ERR_OK;
}

enum err consent_list(struct node *node, unsigned states, struct consent_line **lines,
                      size_t *count)
{
    static const char *const sql[] = {
        "SELECT p.name, p.pseudonym, c.state, c.reason, c.user, c.decided FROM patients p"
        " LEFT JOIN consents c ON c.pseudonym = p.pseudonym ORDER BY p.id",
        "SELECT NULL, pseudonym, state, reason, user, decided FROM consents"
        " WHERE pseudonym NOT IN (SELECT pseudonym FROM patients)"
        " ORDER BY decided, pseudonym",
    };
    struct consent_line *list = NULL;
    size_t used = 0, room = 0;
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < 2; i++) {
        struct query *query;
        bool row = false;
        result = store_query(node->store, sql[i], &query);
        while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
            MEM_GROW(list, used + 1, &room);
            list[used] = (struct consent_line){0};
            result = read_line(query, &list[used++]);
            if (result == ERR_OK && !(states & 1u << list[used - 1].state))
                clear_line(&list[--used]);
        }
        if (row)
            query_reset(query);
    }
    if (result != ERR_OK) {
        consent_lines_free(list, used);
        return result;
    }
    *lines = list;
    *count = used;
    return ERR_OK;
}

enum err consent_count(struct node *node, enum consent state, size_t *count)
{
    struct query *query;
    bool row;
    if (store_query(node->store, "SELECT count(*) FROM consents WHERE state = ?",
                    &query) != ERR_OK)
        return err_code();
    query_text(query, 1, names[state]);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    *count = (size_t)query_get_int(query, 0);
    query_reset(query);
    return ERR_OK;
}

void consent_lines_free(struct consent_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        clear_line(&lines[i]);
    mem_free(lines);
}
