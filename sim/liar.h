#ifndef SIM_LIAR_H
#define SIM_LIAR_H

#include "sim/rehearsal.h"
#include "sim/spoils.h"

/* liar - a coordinator that says whatever it is told to, together with members that tell
 * it everything: the adversary of secure aggregation.
 *
 * It shows each member whatever it likes of what anybody ever sent: other adverts, other
 * dealers, other inputs, other confirmations, in any order and as often as it likes. A
 * colluder takes part in every `scene`, with the same keys, and signs there whatever the
 * scene needs; an honest member has one attempt, its home scene's. What the
 * adversary has in the end is in `spoils`. Up to 64 members, complete graph. */

#define LIAR_SCENES 5

/* Which members are in it, bit i for member i of the rehearsal. */
struct liar_view {
    uint64_t adverts, dealers, inputs, confirms;
};

struct liar_part {
    struct attempt *attempt; /* an honest member's is the rehearsal's own */
    struct random *random;   /* a colluder's: the same in every scene */
    struct agreeable world;  /* a colluder's */
    struct bytes said[PHASE_END];
    bool watched;
};

struct liar {
    struct rehearsal *rehearsal;
    struct spoils *spoils;
    uint64_t corrupt;
    struct liar_part *parts[LIAR_SCENES]; /* [members] */
    size_t home[64];                      /* of honest members */
};

/* Over a rehearsal of which nobody has entered an attempt. */
struct liar *liar_new(struct rehearsal *rehearsal, uint64_t corrupt);
void liar_destroy(struct liar **liar); /* NULL is fine; nulls */

/* Have a member enter the plan that the rehearsal signed last: an honest one in this
 * scene for good. */
enum err liar_enter(struct liar *liar, size_t scene, size_t member);

/* Have all members enter the plan: honest ones in scene 0, colluders in scenes 0 and 1.
 */
enum err liar_enter_all(struct liar *liar);

struct liar_part *liar_part(struct liar *liar, size_t scene, size_t member);

/* The answer that ends `phase` for a member: as the view has it, from what members said
 * in this scene, honest ones wherever they said it. `body` is overwritten. */
enum err liar_compose(struct liar *liar, size_t scene, size_t member, enum phase phase,
                      const struct liar_view *view, struct bytes *body);

/* Hand a member a body as the answer to its present phase, and keep what it says next.
 * REASON_NONE: it moved on. */
enum reason liar_hand(struct liar *liar, size_t scene, size_t member, struct view body);

/* Compose and hand. */
enum reason liar_tell(struct liar *liar, size_t scene, size_t member,
                      const struct liar_view *view);

/* Tell the members of `whom` everything up to and including the answer that ends `last`,
 * phase by phase. The reason of the first that refused. */
enum reason liar_lead(struct liar *liar, size_t scene, uint64_t whom,
                      const struct liar_view *view, enum phase last);

#endif
