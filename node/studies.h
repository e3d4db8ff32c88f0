#ifndef NODE_STUDIES_H
#define NODE_STUDIES_H

#include <stdbool.h>
#include <stdint.h>

#include "front/json.h"
#include "model/prior.h"
#include "node/node.h"
#include "wire/archive.h"
#include "wire/terms.h"

/* studies - what was offered to this hospital, what it decided, and the priors each study
 * has published so far, as a chain every link of which was checked before it was stored.
 *
 * Offers arrive by node/exchange; a person approves or declines. Nothing is computed for
 * a study that is not approved. Model and prior are checked here before anybody uses
 * them. */

enum node_study_state { STUDY_OFFERED, STUDY_APPROVED, STUDY_DECLINED, STUDY_DISTRUSTED };
const char *node_study_state_name(enum node_study_state state); /* "offered", ... */

/* A study opened for use: everything below was verified against the pinned keys. */
struct node_study {
    struct arena *arena;
    struct terms terms; /* points into the arena */
    uint8_t hash[HASH_BYTES];
    enum node_study_state state;
    struct model *model;
    struct prior_layout layout;
    struct chain chain;
    struct prior *prior; /* of the chain's head, or the terms' */
};

/* Offers that may wait for a decision: an offer beyond is left with the coordinator, which
 * makes it again, and noted in the audit record. Its terms take WIRE_TERMS_MAX bytes at
 * most, so that offers fill no disk. */
#define STUDIES_OFFERED_MAX 64

/* Store an offer: signature, consortium, membership, model, prior and dimension must
 * hold. The same again is fine; other terms under a known study's number are ERR_VERIFY.
 */
enum err node_studies_offer(struct node *node, struct view signed_terms, uint64_t wall,
                            bool *fresh);

/* Open one by its number; caller destroys. ERR_NOT_FOUND. */
enum err node_studies_open(struct node *node, const uint8_t number[STUDY_BYTES],
                           struct node_study **study);
void node_study_destroy(struct node_study **study);

/* By name or by the first digits of its number. ERR_NOT_FOUND, ERR_RANGE (several). */
enum err node_studies_find(struct node *node, const char *text,
                           uint8_t number[STUDY_BYTES]);

/* A person's decision, approved or declined. ERR_VERIFY for a distrusted study. */
enum err node_studies_decide(struct node *node, const uint8_t number[STUDY_BYTES],
                             enum node_study_state decision, uint64_t wall);

/* Nothing is sent for the study any more; `why` is the audit record's sentence. */
enum err node_studies_distrust(struct node *node, const uint8_t number[STUDY_BYTES],
                               const char *why, uint64_t wall);

/* Check a published link against the chain. The next one is stored, `study` moves on to
 * its prior and `fresh` is set; one that is held already changes nothing. ERR_VERIFY with
 * `contradicted` set when it proves that the coordinator said two things, or names other
 * survivors than this hospital confirmed: the caller then makes the study distrusted. */
enum err node_studies_extend(struct node *node, struct node_study *study,
                             struct view link, bool *fresh, bool *contradicted);

/* The names of the distrusted studies, one a line; caller frees the bytes. */
enum err node_studies_distrusted(struct node *node, struct bytes *names);

/* Hashes of all terms held, ascending, as a poll names them; caller frees the bytes. */
enum err node_studies_known(struct node *node, struct bytes *hashes);

/* Whether this hospital's policy permits the study at `wall`; REASON_NONE, or the
 * sentence says which line does not. */
enum reason node_studies_permit(struct node *node, const struct node_study *study,
                                uint64_t wall);

/* mu of all rounds of the terms together; into how many shares a plan that a node accepts
 * divides their noise at most; the epsilon, at the terms' delta, that is left when all
 * other hospitals and the coordinator work together, one attempt a round, whatever they
 * plan (NaN: more than can be stated); and all with everything else that there is to say,
 * as `study show --json` prints it. */
double node_study_mu(const struct terms *terms);
uint32_t node_study_shares_most(const struct terms *terms);
double node_study_epsilon_alone(const struct terms *terms);
struct json *node_study_json(const struct node_study *study);

#endif
