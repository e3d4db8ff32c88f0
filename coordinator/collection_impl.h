#ifndef COORDINATOR_COLLECTION_IMPL_H
#define COORDINATOR_COLLECTION_IMPL_H

#include "base/memory.h"
#include "coordinator/collection.h"
#include "privacy/pairkey.h"
#include "wire/graph.h"

/* What advertise, share, mask, confirm and unmask of coordinator/ work on together. */

/* One of the plan's participants. A message that came is known by its hash, a
 * large one by what is kept of it; what later
 * phases need of it is in `kept` (of an input only the signed part: vectors are added up
 * at once). */
struct collected {
    bool left;       /* nobody waits for it */
    enum reason why; /* as it says; REASON_NONE: it does not */
    bool came[PHASE_END];
    uint8_t hash[PHASE_END][HASH_BYTES];
    struct bytes kept[PHASE_END];
    uint8_t shown[2][KEY_BYTES]; /* mask and seal key, once its advert came */
    size_t index;                /* among those who advertised (U1) */
};

struct collection {
    struct collection_world world;
    bool restoring;
    struct arena *arena; /* the plan's */
    struct bytes signed_plan;
    struct plan plan;
    uint8_t context[HASH_BYTES];
    enum phase phase;
    enum reason reason;
    bool succeeded;
    struct collected *members; /* [participants] */
    size_t received;           /* in this phase */

    /* Once adverts are closed: U1 by index, places ascending. */
    struct advert *adverts;
    size_t *places;
    size_t count;
    struct graph *graph;
    uint8_t bundle[HASH_BYTES], dealers[HASH_BYTES], survivors[HASH_BYTES];
    /* What every member of a phase gets alike, once it is closed; not of PHASE_SHARE. */
    struct bytes answers[PHASE_END];
    size_t survivor_count;
    uint64_t *sum; /* [dimension]; masked until the end */
    struct words vector; /* of the input that is being taken; lies in its arena */
    size_t *blamed, blamed_count;
};

/* One a phase. `take` checks a message and, with REASON_NONE, leaves in `kept` what later
 * phases need of it; `close` turns the messages of a phase into what the next one needs.
 */
enum reason coord_advertise_take(struct collection *c, size_t place, struct view body,
                                 struct arena *arena, struct bytes *kept);
enum err coord_advertise_close(struct collection *c);
enum reason coord_share_take(struct collection *c, size_t place, struct view body,
                             struct arena *arena, struct bytes *kept);
enum err coord_share_close(struct collection *c);
enum err coord_share_answer(struct collection *c, size_t place, struct bytes *body);
enum reason coord_mask_take(struct collection *c, size_t place, struct view body,
                            struct arena *arena, struct bytes *kept);
/* Adds the vector of the message that was just taken. */
void coord_mask_add(struct collection *c);
enum err coord_mask_close(struct collection *c);
enum reason coord_confirm_take(struct collection *c, size_t place, struct view body,
                               struct arena *arena, struct bytes *kept);
enum err coord_confirm_close(struct collection *c);
enum reason coord_unmask_take(struct collection *c, size_t place, struct view body,
                              struct arena *arena, struct bytes *kept);
/* REASON_BAD_SHARE or REASON_TOO_FEW in c->reason when the masks do not come off. */
enum err coord_unmask_close(struct collection *c);

/* Whether the member at `place` got as far as this phase's message. */
bool collection_came(const struct collection *c, size_t place, enum phase phase);
/* Whether a signed claim is the sender's own. */
bool collection_is_of(const struct collection *c, size_t place,
                      const uint8_t member[KEY_BYTES]);

/* List what was kept of a phase, by place; caller frees. */
struct view *collection_list(const struct collection *c, enum phase phase, size_t *count);

#endif
