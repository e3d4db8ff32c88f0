#ifndef SIM_STORM_IMPL_H
#define SIM_STORM_IMPL_H

#include "coordinator/collection.h"
#include "node/attempt_impl.h"
#include "privacy/identity.h"
#include "sim/spoils.h"
#include "sim/storm.h"
#include "wire/quorum.h"

/* What storm and its rooms work on together: storm_node and storm_center play the parts,
 * storm_watch sees everything and says what does not hold, storm_list makes the lists. */

#define DIMENSION 3
#define MEMBERS_MIN 4
#define MEMBERS_MAX 8
#define COLLUDERS 1
#define PHASE_TICKS 4  /* how long the coordinator waits in each phase */
#define RESTORED_MAX 2 /* attempts that it can be put back; each costs one more */

struct storm_frame {
    size_t node;
    uint64_t nonce;
    bool answer;
    uint64_t round; /* of the attempt that it is about; 0: a poll, or its answer */
    uint32_t attempt, kind;
    uint64_t ledger;
    struct bytes body;
};

/* Whose inputs a sum of a round has; a round belongs to a study. */
struct storm_summed {
    uint8_t study;
    uint64_t round;
    size_t count; /* 0: of nobody */
    uint8_t keys[MEMBERS_MAX * KEY_BYTES];
};

/* What the observer knows of one attempt of one node. */
struct storm_life {
    size_t node, serial; /* of the attempt's plan */
    uint8_t mask_key[KEY_BYTES], seal_key[KEY_BYTES];
    bool said[PHASE_END];
    uint8_t hash[PHASE_END][HASH_BYTES];
    uint64_t integers[DIMENSION];
    bool received; /* the coordinator has its input */
};

#define SUMS_MAX 4 /* of one round that are all far enough apart, and more */

struct storm_node_disk {
    uint64_t round, ledger;
    uint32_t attempt;
    struct storm_summed sums[SUMS_MAX]; /* for which it may have given shares */
};

struct storm_node {
    struct storm *storm;
    struct identity *identity;
    uint8_t key[KEY_BYTES];
    struct random *random; /* the kernel's: no crash and no copy brings it back */
    bool away, rotates;
    uint32_t sleeps;
    struct storm_node_disk disk, copy, entering;
    bool full, unsure, poor, lies, declines;
    /* In memory. */
    struct attempt *attempt;
    size_t life;
    uint64_t nonce, pending;
    bool behind;
};

struct storm_kept {
    enum phase phase;
    size_t place;
    struct bytes body; /* of a message; empty: the phase was closed */
};

struct storm_center_disk {
    uint8_t study;
    uint64_t round;
    uint32_t attempt;
    struct storm_summed
        summed; /* of an attempt that was given up when it may have been out */
    struct bytes plan;
    struct storm_kept *kept;
    size_t count, capacity;
};

/* A plan as it was signed, for the observer. */
struct storm_plan_seen {
    uint8_t hash[HASH_BYTES];
    struct quorum quorum;
    struct spoils *spoils;
    bool told;      /* a message of unmasking since the last look at the spoils */
    bool confirmed; /* by a quorum: whose inputs are in (h3) */
    uint8_t survivors[HASH_BYTES];
    bool out; /* the sum: all its masks come off */
    struct storm_summed summed;
};

struct storm {
    struct random *random;
    struct identity *identity; /* the coordinator's */
    uint8_t key[KEY_BYTES];
    struct storm_node *nodes;
    uint32_t count;
    struct storm_center_disk disk, copy;
    bool full, lies, swaps, misnames, calls_anybody;
    struct bytes last_answer;
    uint64_t *heads; /* [count] the longest ledger each has shown */
    struct collection *collection;
    bool astray; /* the coordinator has lied about whom it calls, or lost its memory */
    bool refused_for_difference; /* its last attempt, by somebody */
    uint64_t now, deadline, nonce, published, published_at;
    uint32_t attempts_lost;
    struct storm_frame *frames;
    size_t frame_count, frame_capacity;
    struct storm_life *lives;
    size_t life_count, life_capacity;
    struct storm_plan_seen *plans;
    size_t plan_count, plan_capacity;
    struct storm_result *result;
};

/* --- storm: the network, randomness --- */

void storm_post(struct storm *s, struct storm_frame frame, struct view body);

/* A member's or the coordinator's keys; one that was there goes. */
void storm_draw_identity(struct random *random, struct identity **identity,
                         uint8_t key[KEY_BYTES]);

/* A stream of its own for every use of one seed (storm_list). */
struct random *storm_stream(uint64_t seed, const char *what);

/* --- storm_watch: what must hold --- */

/* The first thing that did not hold is the storm's result. */
void storm_fail(struct storm *s, const char *what);
#define HOLDS(s, condition, what)                                                        \
    do {                                                                                 \
        if (!(condition))                                                                \
            storm_fail(s, what);                                                         \
    } while (0)

/* What a node says, a sum that came out, and all that was ever said, after each
 * operation. */
void storm_see(struct storm *s, const struct storm_node *node, enum phase phase,
               uint32_t kind, struct view body);
void storm_see_sum(struct storm *s);
void storm_look_at_spoils(struct storm *s);

/* Sums, by whose inputs they have; in how many members two of a round differ. */
struct keys storm_keys_of(const struct storm_summed *summed);
struct storm_summed storm_summed_of(uint8_t study, uint64_t round,
                                    const struct bytes *keys);
bool storm_same_round(const struct storm_summed *a, const struct storm_summed *b);
size_t storm_difference(const struct storm_summed *a, const struct storm_summed *b);

/* Which of the plans that were signed. */
size_t storm_serial_of(const struct storm *s, const struct bytes *plan);

/* --- storm_node: a hospital --- */

/* All that it has in memory goes. */
void storm_node_forget(struct storm_node *node);
void storm_node_ask(struct storm *s, size_t index);
void storm_node_take(struct storm *s, const struct storm_frame *frame);

/* --- storm_center: the coordinator --- */

void storm_center_clear(struct storm_center_disk *disk);
void storm_center_copy(const struct storm_center_disk *from,
                       struct storm_center_disk *to);

/* Start, or start again, from the disk alone. */
void storm_center_start(struct storm *s);
void storm_center_open(struct storm *s, uint64_t round, uint32_t attempt);

/* The clock has gone on. */
void storm_center_step(struct storm *s);
void storm_center_take(struct storm *s, const struct storm_frame *question);

#endif
