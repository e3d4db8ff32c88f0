/* ledger - what is charged and what leaves, while nodes die anywhere, stores and anchors
 * are put back or copied, and two officers re-anchor.
 *
 * One patient; every release costs 1 and the cap is CAP. A ledger is a chain: entry l has
 * the name head[l], never used twice, and sum[l] is what has been charged up to it. What
 * is checked:
 *
 *   RELEASED   no more leaves than CAP; with a clone at most 2 x ENTERED - 1 more, which
 *              both had under way before one of them was refused
 *   REFUSED    a node that was refused sends nothing before the officers have decided
 *   HONEST     where nothing is put back and nothing copied, nobody is refused
 *
 * As the product does it: node/part.c (commit, anchor, send, in this order; what is asked
 * of the coordinator before), privacy/anchor.c, privacy/ledger.c (reanchor). Sending and
 * being taken is one step: a coordinator notes the head in the transaction in which it
 * takes an input. Variants below are run by run.sh, and each must end as it says.
 *
 * world     LOCAL: an anchor file that nobody puts back; REMOTE: a coordinator that does
 *           not forget; RESTORE: stores are put back; CLONE: a second node starts from a
 *           copy
 * sabotage  each takes one rule away
 *
 *   variant holds   -DREMOTE -DRESTORE
 *   variant holds   -DLOCAL -DRESTORE
 *   variant holds   -DLOCAL -DREMOTE -DRESTORE
 *   variant holds   -DREMOTE -DCLONE
 *   variant holds   -DREMOTE -DCLONE -DENTERED=2
 *   variant holds   -DLOCAL -DREMOTE
 *   variant breaks  -DRESTORE
 *   variant breaks  -DREMOTE -DRESTORE -DSEND_FIRST
 *   variant breaks  -DLOCAL -DRESTORE -DSEND_BEFORE_ANCHOR
 *   variant breaks  -DLOCAL -DANCHOR_BEFORE_COMMIT
 *   variant breaks  -DLOCAL -DRESTORE -DANCHOR_UNREAD
 *   variant breaks  -DREMOTE -DRESTORE -DREPLY_UNREAD
 *   variant breaks  -DLOCAL -DREMOTE -DRESTORE -DREANCHOR_TAKES_OWN
 *   variant breaks  -DREMOTE -DRESTORE -DREANCHOR_TAKES_OWN
 *   variant breaks  -DREMOTE -DCLONE -DENTERED=2 -DREFUSAL_FORGOTTEN
 *   variant breaks  -DREMOTE -DCLONE -DHEADS_NOT_COMPARED
 */

#define LONGEST 6
#ifndef ENTERED
#define ENTERED 1 /* studies entered on one poll */
#endif
#ifdef CLONE
#define NODES 2
#define CAP 3
#define MOST (CAP + 2 * ENTERED - 1)
#define LIVES 1
#else
#define NODES 1
#define CAP 2
#define MOST CAP
#define LIVES 3
#endif

typedef chain {
    byte length;
    byte head[LONGEST + 1];
    byte sum[LONGEST + 1];
    bool refused;           /* kept in the store */
    byte seen_length, seen; /* what refused it */
    byte claimed_length, claimed; /* what the officers have accounted for */
};

chain disk[NODES];
chain saved;       /* a backup */
chain anchor;      /* the local one */
byte far_length, far; /* the coordinator's */
byte names = 0;    /* of entries */
byte released = 0;
byte lives = 0;    /* deaths are bounded, or nothing else would be */

inline copy(to, from)
{
    d_step {
        to.length = from.length;
        at = 0;
        do
        :: at > LONGEST -> break
        :: else -> to.head[at] = from.head[at]; to.sum[at] = from.sum[at]; at++
        od;
        to.refused = from.refused;
        to.seen_length = from.seen_length;
        to.seen = from.seen;
        to.claimed_length = from.claimed_length;
        to.claimed = from.claimed;
        at = 0
    }
}

/* A charge, or a re-anchoring at entry `to` that adds `cost`. */
inline append(to, cost)
{
    names++;
    disk[me].sum[to] = disk[me].sum[disk[me].length] + cost;
    disk[me].length = to;
    disk[me].head[to] = names
}

inline note_far()
{
    if
    :: disk[me].length > far_length -> far_length = disk[me].length;
                                       far = disk[me].head[disk[me].length]
    :: else
    fi
}

inline refuse(by_length, by)
{
    disk[me].seen_length = by_length;
    disk[me].seen = by;
#ifndef REFUSAL_FORGOTTEN
    disk[me].refused = true;
#endif
    refused = true;
#ifndef RESTORE
#ifndef CLONE
    assert(false) /* HONEST */
#endif
#endif
}

/* Does the store account for a head? */
#ifdef HEADS_NOT_COMPARED
#define accounts(length_, head_) (length_ <= disk[me].length)
#else
#define accounts(length_, head_)                                                         \
    (length_ == 0 || (length_ <= disk[me].length && disk[me].head[length_] == head_) ||  \
     (length_ == disk[me].claimed_length && head_ == disk[me].claimed))
#endif

/* Two officers sign: the amount is exact if the anchor knows the head that refused. */
inline reanchor()
{
    d_step {
        to = disk[me].length;
        cost = CAP;
#ifdef LOCAL
        if
        :: anchor.length > to -> to = anchor.length
        :: else
        fi;
        if
        :: disk[me].seen_length <= anchor.length &&
           anchor.head[disk[me].seen_length] == disk[me].seen ->
            at = anchor.length;
            do
            :: at == 0 || (at <= disk[me].length && anchor.head[at] == disk[me].head[at]) -> break
            :: else -> at--
            od;
            cost = anchor.sum[anchor.length] - anchor.sum[at];
            at = 0
        :: else
        fi;
#endif
        if
        :: disk[me].seen_length > to -> to = disk[me].seen_length
        :: else
        fi;
#ifdef REANCHOR_TAKES_OWN
        cost = 0;
#endif
        to++;
        append(to, cost);
        disk[me].claimed_length = disk[me].seen_length;
        disk[me].claimed = disk[me].seen;
        disk[me].refused = false;
        refused = false;
        to = 0;
        cost = 0
    }
}

#define room (names < LONGEST && disk[me].length < LONGEST && far_length < LONGEST)

#define dies                                                                             \
    if                                                                                   \
    :: lives > 0 -> lives--; goto dead                                                   \
    :: skip                                                                              \
    fi

proctype node(byte me)
{
    byte at = 0, to = 0, cost = 0, entered = 0;
    bool refused = false;
dead:
    entered = 0;
#ifdef RESTORE
    if
    :: copy(disk[me], saved)
    :: copy(saved, disk[me])
    :: skip
    fi;
#endif
    do
    :: !room -> goto end
    :: room ->
       /* a poll, which shows the head and is answered with the longest shown before */
       atomic {
           skip;
#ifdef LOCAL
#ifndef ANCHOR_UNREAD
           if
           :: !accounts(anchor.length, anchor.head[anchor.length]) ->
              refuse(anchor.length, anchor.head[anchor.length])
           :: else
           fi;
#endif
#endif
#ifdef REMOTE
#ifndef REPLY_UNREAD
           if
           :: !accounts(far_length, far) -> refuse(far_length, far)
           :: else
           fi;
#endif
           note_far();
#endif
       }
       if
       :: disk[me].refused ->
          if
          :: reanchor();
#ifdef LOCAL
             copy(anchor, disk[me])
#endif
          :: goto end
          fi
       :: !disk[me].refused && disk[me].sum[disk[me].length] >= CAP -> goto end
       :: else ->
          entered = ENTERED;
          do
          :: break
          :: entered > 0 && disk[me].sum[disk[me].length] < CAP && room ->
             entered--;
#ifdef SEND_FIRST
             released++;
             dies;
#endif
#ifdef ANCHOR_BEFORE_COMMIT
             d_step {
                 copy(anchor, disk[me]);
                 anchor.length++;
                 anchor.head[anchor.length] = names + 1;
                 anchor.sum[anchor.length] = anchor.sum[anchor.length - 1] + 1
             }
             dies;
#endif
             to = disk[me].length + 1;
             d_step { append(to, 1); to = 0 }
             dies;
#ifndef SEND_BEFORE_ANCHOR
#ifdef LOCAL
             copy(anchor, disk[me]);
             dies;
#endif
#endif
             /* sent, and taken */
             d_step {
                 assert(!refused); /* REFUSED */
#ifndef SEND_FIRST
                 released++;
#endif
#ifdef REMOTE
                 note_far();
#endif
             }
             assert(released <= MOST); /* RELEASED */
             dies;
#ifdef SEND_BEFORE_ANCHOR
             copy(anchor, disk[me]);
#endif
          od
       fi
    od;
end:
    skip
}

init
{
    atomic {
        lives = LIVES;
        run node(0);
#ifdef CLONE
        run node(1)
#endif
    }
}
