#include "wire/quorum.h"

#include "wire/graph.h"

/* With fewer honest inputs in a sum, who sees it subtracts their way to one hospital's.
 */

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

uint32_t quorum_colluders(uint32_t members)
{
    return larger(members / 6, 1);
}

/* The fewest who can have given the shares that open a sum: t of all, or, where each of u
 * secrets asks for t of the degree + 1 who hold a share of it, their even part. */
static uint64_t givers(const struct quorum *quorum)
{
    uint64_t holders = (uint64_t)quorum->degree + 1;
    if (holders >= quorum->members)
        return quorum->threshold;
    return ((uint64_t)quorum->survivors * quorum->threshold + holders - 1) / holders;
}

/* Whoever gave shares for one sum of a round enters no attempt at another that is too
 * near (node/sums). Of u who would have to, that is somebody honest for certain when
 * those who gave none, n - givers, and the colluders are fewer. */
static bool excludes_another(const struct quorum *quorum)
{
    return quorum->survivors + givers(quorum) >
           (uint64_t)quorum->members + quorum->colluders;
}

static enum err check_members(uint32_t members, uint32_t colluders)
{
    if (members > QUORUM_MEMBERS_MAX)
        return err_set(ERR_RANGE, "%u members, expected at most %u", members,
                       QUORUM_MEMBERS_MAX);
    if (colluders < 1) {
        err_set(ERR_RANGE, "no colluders allowed for, expected at least 1");
        return err_hint(
            "A hospital that sees the sum can subtract its own part; count it.");
    }
    if (members < QUORUM_HONEST_MIN + 1) {
        err_set(ERR_RANGE, "%u member%s, expected at least %u", members,
                members == 1 ? "" : "s", QUORUM_HONEST_MIN + 1);
        return err_hint("With fewer than two others, who sees the sum sees one "
                        "hospital's part; find another hospital.");
    }
    if (colluders > members - QUORUM_HONEST_MIN) {
        err_set(ERR_RANGE, "%u colluders among %u members leave fewer than %u honest",
                colluders, members, QUORUM_HONEST_MIN);
        return err_hint("Allow for at most %u colluders, or find more hospitals.",
                        members - QUORUM_HONEST_MIN);
    }
    return ERR_OK;
}

/* A threshold and who holds shares, for so many who stay. As u is at least q, n + c - u
 * is below q, and so the threshold of a complete graph at most q. */
static void choose_shares(struct quorum *chosen)
{
    uint32_t n = chosen->members, c = chosen->colluders, u = chosen->survivors;
    chosen->degree = n - 1;
    chosen->threshold = larger(larger(n / 2, c), n + c - u) + 1;
    if (n > QUORUM_COMPLETE_MAX)
        (void)graph_parameters(n, c, n - u, &chosen->degree, &chosen->threshold);
}

enum err quorum_choose(uint32_t members, uint32_t colluders, uint32_t survivors_min,
                       struct quorum *quorum)
{
    enum err code = check_members(members, colluders);
    if (code)
        return code;
    if (survivors_min > members)
        return err_set(ERR_RANGE, "at least %u inputs a sum, of %u members",
                       survivors_min, members);
    struct quorum chosen = {
        .members = members,
        .colluders = colluders,
        .quorum = (members + colluders) / 2 + 1,
        .degree = members - 1,
    };
    /* Nobody may be summed without a quorum; c <= n - 2 makes u_min - c at least 2. */
    chosen.survivors = larger(chosen.quorum, members - members / 5);
    chosen.survivors = larger(chosen.survivors, survivors_min);
    choose_shares(&chosen);
    while (!excludes_another(&chosen)) { /* of a complete graph it does */
        chosen.survivors++;
        choose_shares(&chosen);
    }
    *quorum = chosen;
    return ERR_OK;
}

/* Everybody is everybody's neighbour. */
static enum err check_complete(const struct quorum *plan)
{
    if (plan->threshold <= plan->colluders)
        return err_set(
            ERR_DENIED,
            "a threshold of %u shares, expected more than the %u colluders hold",
            plan->threshold, plan->colluders);
    if (plan->threshold > plan->quorum)
        return err_set(ERR_DENIED,
                       "a threshold of %u shares, expected at most the quorum of %u",
                       plan->threshold, plan->quorum);
    return ERR_OK;
}

static enum err check_graph(const struct quorum *plan)
{
    uint32_t everybody = plan->members - 1, missing = plan->members - plan->survivors;
    if (plan->degree == everybody)
        return check_complete(plan);
    if (plan->degree > everybody || plan->members <= QUORUM_COMPLETE_MAX)
        return err_set(ERR_DENIED, "a degree of %u among %u members, expected %u",
                       plan->degree, plan->members, everybody);
    if (!graph_suffices(plan->members, plan->colluders, missing, plan->degree,
                        plan->threshold))
        return err_set(
            ERR_DENIED,
            "a degree of %u with a threshold of %u shares is not enough for %u "
            "members, %u of them colluders and %u missing",
            plan->degree, plan->threshold, plan->members, plan->colluders, missing);
    return ERR_OK;
}

/* In 64 bits: the numbers come from outside. */
enum err quorum_check(const struct quorum *quorum)
{
    uint64_t members = quorum->members, colluders = quorum->colluders;
    uint64_t confirmed = quorum->quorum, survivors = quorum->survivors;
    if (members > QUORUM_MEMBERS_MAX)
        return err_set(ERR_DENIED, "%u members, expected at most %u", quorum->members,
                       QUORUM_MEMBERS_MAX);
    if (colluders < 1)
        return err_set(ERR_DENIED, "0 colluders, expected at least 1");
    if (2 * confirmed <= members + colluders)
        return err_set(ERR_DENIED,
                       "a quorum of %u, expected more than half of %u members "
                       "and %u colluders together",
                       quorum->quorum, quorum->members, quorum->colluders);
    if (survivors < confirmed)
        return err_set(ERR_DENIED,
                       "at least %u survivors, expected no fewer than the "
                       "quorum of %u",
                       quorum->survivors, quorum->quorum);
    if (survivors > members)
        return err_set(ERR_DENIED, "at least %u survivors of %u members",
                       quorum->survivors, quorum->members);
    if (survivors < colluders + QUORUM_HONEST_MIN)
        return err_set(ERR_DENIED,
                       "at least %u survivors with %u colluders among them, "
                       "expected %u more than colluders",
                       quorum->survivors, quorum->colluders, QUORUM_HONEST_MIN);
    if (check_graph(quorum) != ERR_OK)
        return err_code();
    if (!excludes_another(quorum))
        return err_set(
            ERR_DENIED,
            "at least %u survivors and a threshold of %u shares, expected more "
            "together, or two sums of a round could differ by a few members",
            quorum->survivors, quorum->threshold);
    return ERR_OK;
}
