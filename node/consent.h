#ifndef NODE_CONSENT_H
#define NODE_CONSENT_H

#include <stdint.h>

#include "node/node.h"

/* consent - whether a patient may be used: in, withdrawn or erased, since when, why and
 * by whose hand.
 *
 * A patient without a decision is in: what a hospital imports it may use. Withdrawn: the
 * record stays, is given out to the person and used for nothing (no twin, no forecast, no
 * round), and imports add nothing to it. Erased: record and name are gone, and what
 * is left is a pseudonym, with what was charged to it, and a keyed hash of the name, by
 * which the person is known again: an import that has them is refused, unless they have
 * agreed anew, and then goes on with the same pseudonym, so that nobody's budget is
 * refilled by being erased. The hash's key is in the store: whoever has the store key can
 * try names.
 *
 * Who may be used is read when a round's input is computed (node/part), in the same step
 * that charges for it. It does not ask anybody: commands do. */

#define CONSENT_MARK_BYTES 16

enum consent { CONSENT_IN, CONSENT_WITHDRAWN, CONSENT_ERASED, CONSENT_STATES };

/* As written in the store, on the command line and in results. */
const char *consent_name(enum consent state);
enum err consent_from_name(const char *name, enum consent *state); /* ERR_USAGE */

/* Why, from a closed list, because free text would sooner or later hold a patient's data.
 * The reasons of a state in order; NULL past the end. */
struct consent_reason {
    const char *code, *meaning;
    unsigned states; /* 1 << state of those it may stand for */
};
const struct consent_reason *consent_reason_at(enum consent state, size_t index);
enum err consent_reason_check(enum consent state, const char *code); /* ERR_USAGE */

/* A WHERE condition on the table patients: those who are in. */
#define CONSENT_GIVEN                                                                    \
    "pseudonym NOT IN (SELECT pseudonym FROM consents WHERE state <> 'in')"

extern const char CONSENT_SCHEMA[];

struct consent_decision {
    const char *reason; /* a code of the list */
    uint32_t user;      /* of the machine, in whose name */
    uint64_t wall;
};

/* Put `count` patients, by name, into CONSENT_IN or CONSENT_WITHDRAWN: all or none.
 * An erased person can only be put in: they are accepted by the next import. `changed`:
 * how many were in another state. ERR_NOT_FOUND gives the place in the list of the first
 * name that is not known, never the name. */
enum err consent_decide(struct node *node, const char *const *names, size_t count,
                        enum consent state, const struct consent_decision *decision,
                        size_t *changed);

/* What was erased, and what stays of it. */
struct consent_erased {
    size_t rows; /* doses, covariates and measurements */
    uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES];
    uint64_t releases;        /* sums the patient was in */
    struct privacy_loss loss; /* what those can have told, at the setting `delta` */
};

/* Erase one patient, durably, before it returns. The pages that held the rows are
 * overwritten with zeros (secure_delete). ERR_NOT_FOUND. */
enum err consent_erase(struct node *node, const char *name,
                       const struct consent_decision *decision,
                       struct consent_erased *erased);

/* What is known of a person by name who has no record here: never_seen false gives the
 * pseudonym of an erased one and the state. */
struct consent_known {
    bool never_seen;
    enum consent state;
    uint8_t mark[CONSENT_MARK_BYTES], pseudonym[LEDGER_PSEUDONYM_BYTES];
};
enum err consent_recall(struct node *node, const char *name, struct consent_known *known);

/* The state of a patient who has a record. */
enum err consent_of(struct node *node, int64_t id, enum consent *state);

/* How many have decided so, CONSENT_IN being those who came back to it. */
enum err consent_count(struct node *node, enum consent state, size_t *count);

/* Everybody in one of `states` (1 << state), those with a record first. */
struct consent_line {
    char *name; /* NULL: erased, or in again and not yet imported */
    uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES];
    enum consent state;
    char *reason; /* NULL: nothing was decided, and what follows is 0 */
    uint32_t user;
    uint64_t decided;
};
enum err consent_list(struct node *node, unsigned states, struct consent_line **lines,
                      size_t *count);
void consent_lines_free(struct consent_line *lines, size_t count);

#endif
