#ifndef NODE_POLICIES_H
#define NODE_POLICIES_H

#include "node/node.h"
#include "wire/permit.h"

/* policies - the officers' policy in force here, all that came before it, and the latest
 * time this node has seen.
 *
 * Every policy ever installed is kept, and at every start each is held against the one
 * before it as on the day it was installed: nobody who can write into the store, but is
 * no officer, changes what is permitted. The first names the officers, who are pinned
 * from then on. Called by node/node, node/part and the commands. */

extern const char POLICIES_SCHEMA[];

/* Read and check them all: node->policy is the last, NULL when there is none. ERR_VERIFY
 * names the version that does not hold. */
enum err policies_open(struct node *node);

/* At which delta this hospital states what was spent: the policy's, or, where nothing may
 * be spent anyway because there is none, 1e-6. */
double policies_delta(const struct node *node);

/* Take a policy's file into force at `wall` (Unix seconds): of this hospital, newer,
 * signed by enough officers, not at its end. ERR_* of policy_new, amendment_check and
 * permit_now; then nothing has changed. */
enum err policies_install(struct node *node, const char *name, const void *file,
                          size_t size, uint64_t wall);

/* Whether a policy is in force. Time counts as the latest this node has ever seen, which
 * is kept, so that a clock set back brings no policy back. A policy signed by two begins
 * the count anew: two officers may also say that the clock had been wrong. */
enum reason policies_now(struct node *node, uint64_t wall);

#endif
