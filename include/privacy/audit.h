#ifndef PRIVACY_AUDIT_H
#define PRIVACY_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/store.h"

/* audit - what was done and decided here, one entry each: append-only, hash-chained, in
 * the store of the program whose doings it records.
 *
 * An entry is written in the transaction of what it records, so that there is neither a
 * change without its entry nor an entry without its change. It says when, what kind, of
 * which study, round, attempt, patient (by pseudonym) and object (by hash), by which user
 * of the machine, and one sentence. Never a patient's value or name. The chain shows an
 * entry changed, inserted, removed or moved; the last one's number and hash are kept in a
 * table of their own, so that a tail cut off shows as well. Whoever holds the store's key
 * can write another record: an exported one, signed, shows that (docs/formats.md).
 *
 * It keeps nothing in memory: a rollback takes back what was written, and nothing has to
 * be told. It is not the log. Called by node/ and coordinator/. Not thread-safe. */

#define AUDIT_STUDY_BYTES 16
#define AUDIT_PATIENT_BYTES 16
#define AUDIT_SENTENCE_MAX 500 /* bytes; longer ones are cut */

/* Further refusals on one day (UTC) are counted as omitted: whoever sends nonsense all
 * day does not fill the disk. */
#define AUDIT_REFUSALS_A_DAY 100

/* Names are hashed and exported: none ever changes its meaning. */
#define AUDIT_KIND_LIST(X)                                                               \
    X(AUDIT_BEGIN, "begin")       /* the record begins; object: the ledger's head */     \
    X(AUDIT_START, "start")       /* of the daemon */                                    \
    X(AUDIT_STOP, "stop")         /* of the daemon, when it was not killed */            \
    X(AUDIT_SETTINGS, "settings") /* one changed, or seen for the first time */          \
    X(AUDIT_POLICY, "policy")                                                            \
    X(AUDIT_KEY, "key")                                                                  \
    X(AUDIT_CONSORTIUM, "consortium") /* an invitation pinned; object: consortium */     \
    X(AUDIT_ROSTER, "roster")         /* a newer one in force; object: its hash */       \
    X(AUDIT_ADMISSION, "admission")   /* a request to join taken; object: its key */     \
    X(AUDIT_STUDY, "study")       /* offered or created; object: hash of the terms */    \
    X(AUDIT_DECISION, "decision") /* a person's, about a study */                        \
    X(AUDIT_DISTRUST, "distrust") /* a study whose coordinator contradicted itself */    \
    X(AUDIT_PRIOR, "prior")       /* published and taken; object: hash of the link */    \
    X(AUDIT_RELEASE, "release")   /* object: the plan's hash */                          \
    X(AUDIT_REFUSAL, "refusal")   /* object: of what was refused, if it has a hash */    \
    X(AUDIT_OMITTED, "omitted")   /* refusals from here to the end of the day */         \
    X(AUDIT_IMPORT, "import")     /* object: the file's hash */                          \
    X(AUDIT_CALIBRATION, "calibration") /* object: the model's hash */                   \
    X(AUDIT_CONSENT, "consent")                                                          \
    X(AUDIT_ERASURE, "erasure")                                                          \
    X(AUDIT_BACKUP, "backup")                                                            \
    X(AUDIT_RESTORE, "restore")                                                          \
    X(AUDIT_ANCHOR, "anchor")                                                            \
    X(AUDIT_EXPORT, "export") /* of this record */                                       \
    X(AUDIT_PLAN, "plan")     /* an attempt opened; object: the plan's hash */           \
    X(AUDIT_ABANDONED, "abandoned")                                                      \
    X(AUDIT_BLAME, "blame") /* shares that do not hold; object: the member's key */      \
    X(AUDIT_PUBLICATION, "publication") /* object: hash of the link */

enum audit_kind {
#define AUDIT_KIND(kind, name) kind,
    AUDIT_KIND_LIST(AUDIT_KIND)
#undef AUDIT_KIND
        AUDIT_KIND_COUNT
};

const char *audit_kind_name(enum audit_kind kind);
enum err audit_kind_from_name(const char *name,
                              enum audit_kind *kind); /* ERR_NOT_FOUND */

/* What an entry is about; NULL and 0 where it is about none. */
struct audit_entry {
    enum audit_kind kind;
    uint64_t wall;        /* Unix seconds; 0: now, by the machine's clock */
    const uint8_t *study; /* [AUDIT_STUDY_BYTES] */
    uint64_t round;
    uint32_t attempt;
    const uint8_t *patient; /* [AUDIT_PATIENT_BYTES], a pseudonym */
    const uint8_t *object;  /* [HASH_BYTES], a hash or a public key */
    const uint32_t *user;   /* in whose name; NULL: the user this process runs as */
};

/* The statements that make its tables, for the program's schema. */
extern const char AUDIT_SCHEMA[];

/* From here on entries without a user of their own are in this one's name (NULL: that of
 * the process again): for a daemon that does what somebody else asked for. */
void audit_act_for(const uint32_t *user);

/* Append an entry, inside the caller's open transaction, else ERR_STATE. The sentence is
 * for people: control characters and what is not UTF-8 become '?'. ERR_RANGE for numbers
 * above 2^63 - 1. */
enum err audit_write(struct store *store, const struct audit_entry *entry,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same in the caller's transaction or one of its own: for what changes nothing else.
 */
enum err audit_write_alone(struct store *store, const struct audit_entry *entry,
                           const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Enter a refusal (entry->kind is not looked at), in a transaction of its own or the
 * caller's: once for the same study, round, attempt, object and sentence however often
 * it happens, and at most AUDIT_REFUSALS_A_DAY on one day, after which one entry says
 * that the day's others are omitted. */
enum err audit_refuse(struct store *store, const struct audit_entry *entry,
                      const char *sentence);

/* Open the record: check it whole, begin it if there is none (`object`: what AUDIT_BEGIN
 * names, NULL none), and enter every setting that is not as it was. ERR_VERIFY names the
 * first entry that does not hold. */
enum err audit_open(struct store *store, const struct conf *conf, uint64_t wall,
                    const uint8_t *object);

/* Check every number, field and hash. `length` and `head` (zeros: empty) may be NULL. */
enum err audit_verify(struct store *store, uint64_t *length, uint8_t head[HASH_BYTES]);

/* An entry as it is kept; pointers are never NULL (zeros: none), valid in the callback.
 */
struct audit_row {
    uint64_t number; /* from 1 */
    struct audit_entry entry;
    uint32_t user;
    const char *sentence;
    const uint8_t *hash; /* [HASH_BYTES], the head after this entry */
};

/* In order, from entry `first` on, until there are no more or `visit` fails, whose error
 * comes back. It must not touch the record. */
typedef enum err audit_visit(void *context, const struct audit_row *row);
enum err audit_each(struct store *store, uint64_t first, audit_visit *visit,
                    void *context);

#endif
