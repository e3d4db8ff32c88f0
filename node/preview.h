#ifndef NODE_PREVIEW_H
#define NODE_PREVIEW_H

#include "base/clock.h"
#include "node/crowd.h"
#include "wire/phase.h"

/* preview - what a study's next round would make this hospital send, before it does: the
 * messages with their sizes, what stands in the masked sum, what it costs at the worst.
 *
 * The patients are chosen, fitted, bounded, rounded and added up, noise is drawn and a
 * mask put on, all as in a round; then everything but the first masked words is wiped.
 * Nothing is sent, charged or entered. The attempt is the one a coordinator would plan
 * with all participants. Called by the commands. */

#define PREVIEW_WORDS 8
#define PREVIEW_MESSAGES (1 + PHASE_END)
#define PREVIEW_DELTAS 3

struct preview_message {
    const char *name; /* "poll", and the phases */
    const char *what; /* in words */
    size_t size;      /* bytes of the frame, headers of the network aside */
};

/* Epsilon at each of the deltas; NaN: above 100, which protects nobody. */
struct preview_cost {
    double mu;
    double epsilon[PREVIEW_DELTAS];
};

struct preview {
    uint64_t round;
    struct plan plan; /* numbers only */
    size_t patients;
    struct contribute_report report;
    struct preview_message messages[PREVIEW_MESSAGES];
    uint64_t words[PREVIEW_WORDS]; /* the first ones, masked */
    size_t word_count;
    struct preview_cost next;     /* of this round alone */
    struct preview_cost study;    /* of all rounds, one attempt each */
    struct preview_cost attempts; /* of all rounds, attempts_max each, up to the cap */
    struct preview_cost alone;    /* of all rounds, if all others collude */
};

extern const double preview_deltas[PREVIEW_DELTAS];

/* The policy has to permit the study (node_studies_permit). ERR_DENIED for its other
 * lines, as in a round; ERR_STATE when all rounds are over. */
enum err preview_make(struct node *node, const struct node_study *study,
                      const struct clock *clock, const struct crowd_progress *progress,
                      struct preview *preview);

/* The same refusals, without computing what would be sent. */
enum err preview_permits(struct node *node, const struct node_study *study,
                         const struct clock *clock);

/* What a block of the sum says, for people. */
const char *preview_block(enum statistic_block block);

#endif
