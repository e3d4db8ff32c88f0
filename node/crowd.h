#ifndef NODE_CROWD_H
#define NODE_CROWD_H

#include "base/clock.h"
#include "node/contribute.h"
#include "node/studies.h"
#include "privacy/ledger.h"
#include "wire/terms.h"

/* crowd - the patients who are in a release, and their sum.
 *
 * Whether a patient takes part depends on their consent and on what was charged to them
 * before, never on their records, so that leaving some out tells nothing. It decides by
 * the policy in force, which has to be there (policies_now). Called by node/part and
 * node/preview. */

struct crowd {
    struct patient *patients;
    size_t count;
    size_t *paying; /* [paying_count] indices of those who can pay */
    size_t paying_count;
    enum reason refused; /* why the release is not permitted; REASON_NONE */
};

/* What a release by this plan charges, now; without a nonce. */
struct ledger_entry crowd_entry(const struct plan *plan, const struct clock *clock);

/* Who can pay for the release that `entry` describes. ERR_DENIED, with the policy's line:
 * fewer than patients_min, or more than a period may cost. Clear it whatever came of it.
 */
enum err crowd_gather(struct node *node, const struct ledger_entry *entry,
                      struct crowd *crowd);
void crowd_clear(struct crowd *crowd);

/* Append the entry to the ledger, charged to them, in the caller's transaction. */
enum err crowd_charge(struct node *node, const struct ledger_entry *entry,
                      const struct crowd *crowd);

/* What fitting tells while it lasts. Either may be NULL. */
struct crowd_progress {
    void (*fitted)(void *context, size_t done, size_t total);
    bool (*interrupted)(void *context);
    void *context;
};

/* Their integers with this hospital's own noise, into sum [plan's dimension]: fitted
 * under the study's newest prior, bounded and rounded as the plan says. */
enum err crowd_sum(struct node *node, const struct node_study *study,
                   const struct plan *plan, const struct crowd *crowd,
                   struct random *random, const struct crowd_progress *progress,
                   uint64_t *sum, struct contribute_report *report);

#endif
