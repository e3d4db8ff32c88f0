/* ending - that attempts end, and that one of them ends with a sum, once members have stopped to
 * crash, messages to be lost and clocks to run out: three members and an honest coordinator, all
 * orders of events. round.pml has what a lying one can learn.
 *
 * A member asks with the message of its phase until it is answered; who crashed has lost its part,
 * comes back, and waits for the next attempt. The coordinator ends a phase when everybody's message
 * is there or when its time is over, and opens another attempt after one that was lost. Who gave
 * shares for a sum of some members enters no attempt at the same round that could end with others
 * (node/sums), and the coordinator plans accordingly. Numbers: two of three must stay; the same
 * three or two when their shares may be out.
 *
 * Faults are CRASHES, LOSSES and phases that end TOO_EARLY for somebody who is only slow, at any
 * moment. Fairness: whoever can always do something does it at last (weak, of processes); run.sh
 * asks for it where a claim's name begins with "fair:".
 *
 *     variant holds
 *     variant holds  fair:ends
 *     variant holds  fair:sums
 *     variant breaks fair:ends -DNO_DEADLINE
 *     variant breaks fair:ends -DASKED_ONCE
 *     variant breaks fair:ends -DUNANSWERED
 *     variant breaks fair:sums -DNO_OTHER_ATTEMPT
 *     variant breaks fair:sums -DCALLS_ANYBODY
 *     variant breaks  -DENTERS_ANYTHING -DCALLS_ANYBODY
 */

#define MEMBERS 3
#define STAY 2
#define ALL 7
#ifndef CRASHES
#define CRASHES 2
#define LOSSES 1
#define TOO_EARLY 1
#endif
#define END 5 /* after advertise, share, mask, confirm, unmask: 0 to 4 */
#define MASK 2
#define UNMASK 4
#define NONE 8 /* no sum */

#define HAS(set, member) (((set) >> (member)) & 1)
#define SIZE(set) (HAS(set, 0) + HAS(set, 1) + HAS(set, 2))

bool first = true;                     /* the attempt that goes on is the first */
byte called = ALL, least = STAY;       /* the plan in force */
byte phase = 0;                               /* of the coordinator */
byte came[END];                               /* whose message was taken, by phase */
bool summed = false;
byte shared = NONE; /* since a quorum's confirmations went out: whose sum may be out */
byte crashes = CRASHES, losses = LOSSES, early = TOO_EARLY;

byte at[MEMBERS];    /* phase of its part; END: it has none */
bool past[MEMBERS];  /* which is one in an earlier attempt */
bool entered[MEMBERS]; /* the attempt that goes on, durable */
byte given[MEMBERS]; /* whose sum it gave shares for, durable */
bool stuck[MEMBERS]; /* it waits for an answer that never comes */

/* Who may send in a phase: as coordinator/collection. */
inline expect(p, set)
{
    if
    :: p == 0 -> set = called
    :: p == 1 || p == MASK -> set = came[p - 1]
    :: else -> set = came[MASK]
    fi
}

/* Lost its part in the attempt that is going on. */
#define GONE(i) (entered[i] && (past[i] || at[i] == END))

/* A question and what it is answered with; a lost one, or a lost answer, is asked again. */
inline ask(i, set)
{
    d_step {
        if
        :: past[i] || phase == END -> /* the coordinator knows how that ended */
#ifdef UNANSWERED
           stuck[i] = true
#else
           at[i] = END
#endif
        :: else ->
           expect(at[i], set);
           if
           :: at[i] == phase && HAS(set, i) -> came[phase] = came[phase] | (1 << i)
           :: at[i] < phase && HAS(came[at[i]], i) ->
              at[i]++;
              if
              :: at[i] == UNMASK ->
                 /* what leaves next are shares, for a sum over those whose input came */
                 assert(given[i] == NONE || given[i] == came[MASK]);
                 given[i] = came[MASK]
              :: else
              fi
           :: at[i] < phase && !HAS(came[at[i]], i) -> at[i] = END /* too late */
           :: else
           fi
        fi;
        set = 0
    }
}

/* Whether the plan can only end with the sum that it gave shares for. */
#define SAME(i) (given[i] == NONE || (called == given[i] && least == SIZE(called)))

proctype member(byte i)
{
    byte set = 0;
    do
    :: atomic {
           at[i] == END && phase < END && !entered[i] && HAS(called, i) ->
           entered[i] = true;
           if
#ifndef ENTERS_ANYTHING
           :: !SAME(i) -> skip /* refused */
#endif
           :: else -> at[i] = 0; past[i] = false
           fi
       }
    :: atomic { at[i] < END && !stuck[i] -> ask(i, set) }
    :: atomic {
           at[i] < END && !stuck[i] && losses > 0 ->
           losses--;
#ifdef ASKED_ONCE
           stuck[i] = true
#endif
       }
    :: atomic { at[i] < END && crashes > 0 -> crashes--; at[i] = END; stuck[i] = false }
    :: summed && at[i] == END -> break
    od
}

inline close_phase()
{
    if
    :: SIZE(came[phase]) >= (phase < 3 -> least : STAY) ->
       if
       :: phase == 3 -> shared = came[MASK]
       :: phase == UNMASK -> summed = true
       :: else
       fi;
       phase++
    :: else -> phase = END
    fi
}

inline open_attempt()
{
    first = false;
    past[0] = true; past[1] = true; past[2] = true;
    entered[0] = false; entered[1] = false; entered[2] = false;
    came[0] = 0; came[1] = 0; came[2] = 0; came[3] = 0; came[4] = 0;
    called = ALL;
    least = STAY;
#ifndef CALLS_ANYBODY
    if
    :: shared != NONE -> called = shared; least = SIZE(shared)
    :: else
    fi;
#endif
    phase = 0
}

active proctype coordinator()
{
    byte set = 0;
    at[0] = END; at[1] = END; at[2] = END;
    given[0] = NONE; given[1] = NONE; given[2] = NONE;
    atomic { run member(0); run member(1); run member(2) }
    do
    :: summed -> break
    :: !summed && phase == END ->
#ifdef NO_OTHER_ATTEMPT
       break
#else
       d_step { open_attempt() }
#endif
    :: atomic {
           phase < END && !summed ->
           expect(phase, set);
           if
           :: (set & ~came[phase]) == 0 -> close_phase()
#ifndef NO_DEADLINE
           :: (HAS(set & ~came[phase], 0) && GONE(0)) || (HAS(set & ~came[phase], 1) && GONE(1)) ||
                  (HAS(set & ~came[phase], 2) && GONE(2)) -> close_phase()
#endif
           :: (set & ~came[phase]) != 0 && early > 0 -> early--; close_phase()
           :: else -> skip /* it waits */
           fi;
           set = 0
       }
    od
}

/* Of a member: it has no part in the first attempt any more. */
#define OUT(i) (at[i] == END || (past[i] && !first))

/* The first attempt, and everybody's part in it. */
ltl ends { <> ((!first || phase == END) && (at[0] == END || (!first && !past[0])) &&
               (at[1] == END || (!first && !past[1])) && (at[2] == END || (!first && !past[2]))) }
ltl sums { <> summed }
