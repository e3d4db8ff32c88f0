/* round - the life of one attempt at a secure sum (docs/protocol.md, section 6), for every order of
 * events there is: three honest members, a fourth that tells the coordinator everything and signs
 * anything, and a coordinator that shows whom it likes what it likes. Members crash and come back;
 * what is not shown was lost. Numbers are the least that are sound for four members of whom one
 * colludes: quorum 3, survivors at least 3, threshold 2.
 *
 * Secrets, shares and sums are counted, not computed. Left out are the graph (complete), keys and
 * signatures (nobody forges), and how dealers are bound (a bundle for all).
 *
 * What holds, and which rule of the node each needs, one taken away at a time:
 *
 *     variant holds
 *     variant holds  one_kind
 *     variant holds  enough
 *     variant holds  paid
 *     variant breaks one_kind -DNO_QUORUM
 *     variant breaks one_kind -DCONFIRM_OFTEN
 *     variant breaks one_kind -DSECRETS_SURVIVE
 *     variant breaks one_kind -DBOTH_KINDS
 *     variant breaks enough -DANY_SURVIVORS
 *     variant breaks paid -DPAY_LATER
 */

#define HONEST 3
#define MEMBERS 4
#define QUORUM 3
#define SURVIVORS 3
#define ALL 15

#define HAS(set, member) (((set) >> (member)) & 1)
#define SIZE(set) (HAS(set, 0) + HAS(set, 1) + HAS(set, 2) + HAS(set, 3))

mtype = { masked, confirmed, told, gone };

/* What the coordinator can know: which honest members gave it a share of which secret. With the
 * colluder's, one more makes the threshold. */
byte self_share[HONEST], mask_share[HONEST]; /* of member i: bit j, member j's secret */
byte confirms[HONEST];                       /* the sets that a member has signed, bit by set */
byte paid[HONEST], left[HONEST];
bool few;

/* Sets of survivors that the coordinator tells of: all, or all but one. */
#define SETS 5
#define SET(k) ((k) == 4 -> ALL : ALL - (1 << (k)))
#define SMALL 3 /* two members: a set that is too small */

inline out(i)
{
    left[i]++
}

/* Has a quorum signed set k? The colluder has. */
#define SIGNED(i, k) ((confirms[i] >> (k)) & 1)
#define QUORUM_OF(k) (1 + SIGNED(0, k) + SIGNED(1, k) + SIGNED(2, k) >= QUORUM)

inline give(i, set)
{
    d_step {
        self_share[i] = self_share[i] | set;
        mask_share[i] = mask_share[i] | (ALL - set);
#ifdef BOTH_KINDS
        mask_share[i] = ALL;
#endif
        few = few || SIZE(set) < SURVIVORS
    }
}

proctype member(byte i)
{
    mtype phase = gone;
    byte mine = SETS;
    byte crashes = 0;
    byte k;
    byte set;

    /* Its input leaves when it is paid for. */
#ifdef PAY_LATER
    out(i);
    if :: goto end :: skip fi; /* killed between the two */
    paid[i]++;
#else
    paid[i]++;
    if :: goto end :: skip fi;
    out(i);
#endif
    phase = masked;
    do
    :: phase == masked ->
        /* Shown whose inputs are in: any set with itself in it, that is large enough. */
        if
        :: k = 0 :: k = 1 :: k = 2 :: k = 3 :: k = 4
        fi;
        set = SET(k);
#ifdef ANY_SURVIVORS
        if :: set = SMALL :: skip fi;
#endif
        if
        :: HAS(set, i) ->
            mine = k;
            confirms[i] = confirms[i] | (1 << k);
            phase = confirmed
        :: else -> goto end
        fi
    :: phase == confirmed ->
        if
#ifdef NO_QUORUM
        :: true -> give(i, set); phase = told
#else
        :: QUORUM_OF(mine) -> give(i, set); phase = told
#endif
#ifdef CONFIRM_OFTEN
        :: phase = masked
#endif
        :: goto end /* never shown a quorum */
        fi
    :: phase == told -> break
    :: crashes == 0 && phase != told ->
        /* Killed and started again: what was secret is gone, and so is its part. */
        crashes++;
#ifdef SECRETS_SURVIVE
        phase = masked
#else
        goto end
#endif
    od;
end:
    skip
}

init {
    atomic {
        run member(0);
        run member(1);
        run member(2)
    }
}

#define GIVEN(of, j) (HAS(of[0], j) || HAS(of[1], j) || HAS(of[2], j))
#define BARED(j) (GIVEN(self_share, j) && GIVEN(mask_share, j))

ltl one_kind { [] (!BARED(0) && !BARED(1) && !BARED(2)) }
ltl enough { [] !few }
ltl paid { [] (left[0] <= paid[0] && left[1] <= paid[1] && left[2] <= paid[2]) }
