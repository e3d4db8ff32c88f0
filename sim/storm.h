#ifndef SIM_STORM_H
#define SIM_STORM_H

#include "base/bytes.h"

/* storm - several rounds of secure sums in memory, under everything that can go wrong: a
 * clock, a network and disks that exist only here, and a list of operations that drop,
 * delay, repeat and reorder messages, crash and restore either side, lie, and change who
 * takes part.
 *
 * The nodes and the coordinator are the two cores (node/attempt, coordinator/collection);
 * around them is the least that programs must do: a node enters no attempt twice nor one
 * whose sum may be too near another's, pays before it sends, and stops when its ledger is
 * behind; a coordinator keeps what it took, closes phases by its clock, and calls those
 * whose sum may be out again. After every operation the invariants are checked, by an
 * observer who sees all that was ever sent. The same seed and list give the same bytes.
 */

#define STORM_LIST(X)                                                                    \
    X(WORK)      /* everybody asks, everything arrives, the clock goes on */             \
    X(ASK)       /* one node asks */                                                     \
    X(CARRY)     /* one message arrives, not always the oldest */                        \
    X(DROP)      /* one message is lost */                                               \
    X(REPEAT)    /* one message is there twice */                                        \
    X(DELAY)     /* one message goes behind all others */                                \
    X(CUT)       /* all messages of one node are lost */                                 \
    X(TICK)      /* the clock goes on a little */                                        \
    X(AHEAD)     /* the clock jumps past the deadline */                                 \
    X(BACK)      /* the clock jumps back */                                              \
    X(KILL)      /* a node crashes and starts again */                                   \
    X(FULL)      /* a node's next write fails */                                         \
    X(UNSURE)    /* a node's next write fails, but has happened */                       \
    X(POOR)      /* a node's next charge is refused */                                   \
    X(COPY)      /* a node's disk is copied */                                           \
    X(RESTORE)   /* and put back */                                                      \
    X(LIE)       /* a node's next message has a bit changed */                           \
    X(SLEEP)     /* a node stays away for some turns */                                  \
    X(ROTATE)    /* a member has another key from the next attempt on */                 \
    X(MEND)      /* nodes that were put back are put right by hand */                    \
    X(LEAVE)     /* a member leaves, or comes back, with the next attempt */             \
    X(DECLINE)   /* a node does not enter the next plan it is shown, and says so */      \
    X(KILL_C)    /* the coordinator crashes and starts again */                          \
    X(FULL_C)    /* its next write fails */                                              \
    X(COPY_C)    /* its disk is copied */                                                \
    X(RESTORE_C) /* and put back, by two attempts at most */                             \
    X(LIE_C)     /* its next answer has a bit changed */                                 \
    X(SWAP_C)    /* its next answer is the one before it */                              \
    X(OTHER_C)   /* its next answer is of another kind */                                \
    X(ANYBODY_C) /* its next attempt is of anybody, whatever sum is out */

enum storm_kind {
#define STORM_CODE(code) STORM_##code,
    STORM_LIST(STORM_CODE)
#undef STORM_CODE
        STORM_KINDS
};

/* `who` and `how` are taken modulo whatever there is. */
struct storm_op {
    enum storm_kind kind;
    uint32_t who, how;
};

struct storm_result {
    char failure[200]; /* empty: every invariant held */
    size_t at;         /* after which operation it failed; `count`: when faults stopped */
    size_t rounds, attempts, sent, refused;
    size_t declined, closed; /* plans that were not entered; studies that people closed */
    size_t longest; /* ticks of the clock from one round's sum to the next one's */
};

/* A list that follows from a seed; caller frees. */
struct storm_op *storm_draw(uint64_t seed, size_t count);

/* Turns in which every node asks and is answered, message by message, and before each
 * step a chance of one in `one_in` that a node or the coordinator is killed, that a
 * node's messages are lost or late, or that it stays away for a while. Caller frees. */
struct storm_op *storm_draw_weather(uint64_t seed, uint32_t members, uint32_t one_in,
                                    size_t count);

/* Play a list among `members` hospitals, eight at most; then faults stop, and a round
 * must come out. */
void storm_play(uint64_t seed, uint32_t members, const struct storm_op *ops, size_t count,
                struct storm_result *result);

/* Whether a list still fails, for storm_shrink. */
typedef bool storm_fails(void *context, const struct storm_op *ops, size_t count);

/* Leave out operations, in halves, quarters and so on (Zeller and Hildebrandt 2002,
 * ddmin), as long as it still fails: no single one can then be left out. The count of
 * what is left, at the beginning of `ops`. */
size_t storm_shrink(struct storm_op *ops, size_t count, storm_fails *fails,
                    void *context);

/* As the initialiser of a named case: "{STORM_DROP, 3, 1}, ...". Caller frees. */
char *storm_text(const struct storm_op *ops, size_t count);

#endif
