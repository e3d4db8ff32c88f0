#ifndef NODE_HEADS_H
#define NODE_HEADS_H

#include "node/studies.h"
#include "wire/heads.h"

/* heads - what the other hospitals of a study have signed of how far they have come, as
 * the coordinator repeats it, held against this hospital's own chain.
 *
 * Of any two hospitals that were told different priors, or of which one was not told of a
 * prior, the one that asks later finds out. Also kept here: the longest ledger that each
 * other hospital has shown, to be told to it in the next attempt. Called by node/exchange
 * and node/part. */

extern const char NODE_HEADS_SCHEMA[];

/* Check the heads in a reply, after its links were taken; `more_links`: it brought some,
 * so that others may follow. ERR_VERIFY with `contradicted` set for a head that is not on
 * the study's chain, or is ahead of all links there are; ERR_DENIED for a stranger's,
 * ERR_VERIFY for a signature. Inside the caller's transaction. */
enum err node_heads_check(struct node *node, const struct node_study *study,
                          const struct views *heads, bool more_links, bool *contradicted);

/* The note to another hospital: the longest ledger it has shown, or zeros. For struct
 * attempt_notes, with the node as context, like the next. */
void node_heads_tell(void *node, const uint8_t member[KEY_BYTES],
                     uint8_t note[HEADS_NOTE_BYTES]);

/* Another's note to this hospital. ERR_VERIFY, with a hint, when this hospital itself has
 * signed a ledger that is longer than the one it has, or another of the same length: an
 * older copy of the store was put back. It is then remembered. What this hospital has not
 * signed is no proof and is ignored. */
enum err node_heads_told(void *node, const uint8_t member[KEY_BYTES],
                         const uint8_t note[HEADS_NOTE_BYTES]);

/* ERR_VERIFY while a ledger is remembered that this one does not continue: nothing may
 * leave. */
enum err node_heads_ledger(struct node *node);

#endif
