/* storm - random lists of everything that can go wrong, and what must hold all the same.
 *
 * test_sim_storm: 200 lists of 400 operations, 200 rounds of bad weather, and the named
 * cases. test_sim_storm nightly [SEED]: 20,000 lists from SEED, every tenth as long, the
 * others of 100, and weather as well; a quarter of an hour of one core.
 *
 * A list that fails is shrunk and printed as a named case; put it in `cases`. */

#include "sim/storm.h"

#include "base/memory.h"
#include "check.h"
#include "verified.h"
#include "wire/phase.h"

/* --- lists that failed once
 * ---------------------------------------------------------------- */

static const struct storm_case {
    const char *name;
    uint64_t seed;
    uint32_t members;
    struct storm_op ops[24];
} cases[] = {
    {"nothing happens", 1, 5, {{STORM_TICK, 0, 0}}},
    {"a store restored after its charge was seen",
     2,
     5,
     {{STORM_COPY, 1, 0},
      {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_RESTORE, 1, 0},
      {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0}}},
    {"a node that restarts in every phase",
     3,
     5,
     {{STORM_WORK, 0, 0},
      {STORM_KILL, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_KILL, 1, 0},
      {STORM_WORK, 0, 0},
      {STORM_KILL, 2, 0},
      {STORM_WORK, 0, 0},
      {STORM_KILL, 3, 0},
      {STORM_WORK, 0, 0},
      {STORM_KILL, 4, 0}}},
    {"a coordinator that restarts in every phase",
     4,
     5,
     {{STORM_WORK, 0, 0},
      {STORM_KILL_C, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_KILL_C, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_KILL_C, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_KILL_C, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_KILL_C, 0, 0},
      {STORM_WORK, 0, 0}}},
    {"a charge whose write failed and happened",
     5,
     5,
     {{STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_UNSURE, 2, 0},
      {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0}}},
    {"an older coordinator opens an attempt again",
     7,
     5,
     {{STORM_WORK, 0, 0},
      {STORM_COPY_C, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_KILL, 0, 0},
      {STORM_KILL, 1, 0},
      {STORM_AHEAD, 0, 0},
      {STORM_AHEAD, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_RESTORE_C, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0}}},
    {"a sum of four may be out, and the next attempt is theirs again",
     8,
     5,
     {{STORM_POOR, 0, 0}, {STORM_WORK, 0, 0}, {STORM_WORK, 0, 0}, {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0}, {STORM_WORK, 0, 0}, {STORM_WORK, 0, 0}, {STORM_AHEAD, 0, 0},
      {STORM_WORK, 0, 0}, {STORM_WORK, 0, 0}, {STORM_WORK, 0, 0}, {STORM_ASK, 1, 0},
      {STORM_ASK, 2, 0},  {STORM_ASK, 3, 0},  {STORM_ASK, 4, 0},  {STORM_DROP, 0, 0},
      {STORM_DROP, 0, 0}, {STORM_DROP, 0, 0}, {STORM_DROP, 0, 0}, {STORM_AHEAD, 0, 0},
      {STORM_TICK, 0, 0}}},
    {"a sum of four may be out, and the next attempt is everybody's",
     8,
     5,
     {{STORM_POOR, 0, 0}, {STORM_WORK, 0, 0},  {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0}, {STORM_WORK, 0, 0},  {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0}, {STORM_AHEAD, 0, 0}, {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0}, {STORM_WORK, 0, 0},  {STORM_ASK, 1, 0},
      {STORM_ASK, 2, 0},  {STORM_ASK, 3, 0},   {STORM_ASK, 4, 0},
      {STORM_DROP, 0, 0}, {STORM_DROP, 0, 0},  {STORM_DROP, 0, 0},
      {STORM_DROP, 0, 0}, {STORM_AHEAD, 0, 0}, {STORM_ANYBODY_C, 0, 0},
      {STORM_TICK, 0, 0}}},
    {"an older coordinator opens a phase again",
     6,
     5,
     {{STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_COPY_C, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_WORK, 0, 0},
      {STORM_RESTORE_C, 0, 0},
      {STORM_AHEAD, 0, 0},
      {STORM_WORK, 0, 0}}},
};

static size_t count_of(const struct storm_case *one)
{
    size_t count = sizeof one->ops / sizeof *one->ops;
    static const struct storm_op none;
    while (count > 0 && memcmp(&one->ops[count - 1], &none, sizeof none) == 0)
        count--;
    return count;
}

static void storm__named_cases_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct storm_result result;
        storm_play(cases[i].seed, cases[i].members, cases[i].ops, count_of(&cases[i]),
                   &result);
        if (*result.failure)
            fail_msg("%s: after operation %zu: %s", cases[i].name, result.at,
                     result.failure);
    }
}

/* --- random lists
 * -------------------------------------------------------------------------- */

struct list {
    uint64_t seed;
    uint32_t members;
};

static bool still_fails(void *context, const struct storm_op *ops, size_t count)
{
    const struct list *list = context;
    struct storm_result result;
    storm_play(list->seed, list->members, ops, count, &result);
    return *result.failure;
}

static void report(struct list list, struct storm_op *ops, size_t count,
                   const struct storm_result *result)
{
    if (result->at < count)
        count = result->at + 1;
    size_t left = storm_shrink(ops, count, still_fails, &list);
    char *text = storm_text(ops, left);
    fail_msg("seed %llu, after operation %zu: %s\n{\"name it\", %llu, %u, {%s}},",
             (unsigned long long)list.seed, result->at, result->failure,
             (unsigned long long)list.seed, list.members, text);
}

/* Every `often`-th list is of LONG operations, the others of SHORT. */
enum { LONG = 400, SHORT = 100 };

static void play_lists(uint64_t from, uint64_t lists, uint64_t often)
{
    size_t rounds = 0, attempts = 0, sent = 0, refused = 0, played = 0;
    size_t declined = 0, closed = 0;
    for (uint64_t seed = from; seed < from + lists; seed++) {
        size_t count = seed % often ? SHORT : LONG;
        struct storm_op *ops = storm_draw(seed, count);
        struct list list = {seed, (uint32_t)(5 + seed % 4)};
        struct storm_result result;
        storm_play(seed, list.members, ops, count, &result);
        if (*result.failure)
            report(list, ops, count, &result);
        rounds += result.rounds;
        attempts += result.attempts;
        sent += result.sent;
        refused += result.refused;
        declined += result.declined;
        closed += result.closed;
        played += count;
        mem_free(ops);
    }
    print_message("seeds %llu to %llu: %zu operations of %d kinds\n",
                  (unsigned long long)from, (unsigned long long)(from + lists - 1),
                  played, STORM_KINDS);
    print_message("%zu rounds of %zu attempts; %zu inputs sent, %zu answers refused, %zu "
                  "plans declined, %zu studies closed\n",
                  rounds, attempts, sent, refused, declined, closed);
    /* All these worlds were visited. */
    assert_true(rounds > lists && refused > lists / 2 && declined > lists / 2);
    assert_true(closed > lists / 50);
}

static void storm__two_hundred_lists_hold(void **state)
{
    (void)state;
    play_lists(1, 200, 1);
}

static uint64_t first_seed = 100000;

static void storm__twenty_thousand_lists_hold(void **state)
{
    (void)state;
    play_lists(first_seed, 20000, 10);
}

/* --- weather
 * ------------------------------------------------------------------------------ */

/* Turns a round needs when nothing happens: the poll, each phase and the next plan. */
enum { TURNS = PHASE_END + 2 };

static void weather(uint64_t seed, size_t rounds)
{
    enum { FIVE = 5 };
    size_t count = rounds * TURNS * (3 * FIVE + 1) * 5 / 2;
    struct storm_op *ops = storm_draw_weather(seed, FIVE, 100, count);
    struct list list = {seed, FIVE};
    struct storm_result result;
    storm_play(seed, FIVE, ops, count, &result);
    if (*result.failure)
        report(list, ops, count, &result);
    print_message(
        "seed %llu: %zu rounds of %zu attempts, %zu inputs sent; the longest took "
        "%zu ticks\n",
        (unsigned long long)seed, result.rounds, result.attempts, result.sent,
        result.longest);
    assert_true(result.rounds >= rounds);
    assert_true(result.attempts > rounds + rounds / 20); /* or there was no weather */
    /* Stuck would be for ever; an unlucky round is attempted a few times. */
    assert_true(result.longest <= 12 * TURNS);
    mem_free(ops);
}

/* One step in a hundred goes wrong, by a kill, a cut or a delay: none of 200 rounds is
 * stuck, every input that left was paid for once, every sum is its survivors'. */
static void storm__two_hundred_rounds_of_bad_weather(void **state)
{
    (void)state;
    weather(1, 200);
}

static void storm__a_thousand_rounds_of_bad_weather(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++)
        weather(first_seed + seed, 200);
}

/* The same list twice is the same, to the last refusal. */
static void storm__follows_from_its_seed(void **state)
{
    (void)state;
    struct storm_result one, other;
    struct storm_op *ops = storm_draw(7, 80);
    storm_play(7, 6, ops, 80, &one);
    storm_play(7, 6, ops, 80, &other);
    assert_memory_equal(&one, &other, sizeof one);
    mem_free(ops);
}

/* --- shrinking
 * ------------------------------------------------------------------------------ */

/* A list fails if a crash comes after a lie, and the clock went on twice. */
static bool planted(void *context, const struct storm_op *ops, size_t count)
{
    size_t ticks = 0, *calls = context;
    bool lied = false, crashed = false;
    ++*calls;
    for (size_t i = 0; i < count; i++) {
        ticks += ops[i].kind == STORM_TICK;
        lied = lied || ops[i].kind == STORM_LIE;
        crashed = crashed || (lied && ops[i].kind == STORM_KILL);
    }
    return crashed && ticks >= 2;
}

static void storm__a_list_shrinks_to_what_matters(void **state)
{
    (void)state;
    size_t calls = 0;
    struct storm_op *ops = storm_draw(3, 900);
    assert_true(planted(&calls, ops, 900));
    size_t left = storm_shrink(ops, 900, planted, &calls);
    assert_int_equal(left, 4);
    assert_true(planted(&calls, ops, left));
    char *text = storm_text(ops, left);
    assert_non_null(strstr(text, "{STORM_LIE, "));
    assert_true(calls < 1000);
    mem_free(text);
    mem_free(ops);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storm__named_cases_hold),
        cmocka_unit_test(storm__two_hundred_lists_hold),
        cmocka_unit_test(storm__two_hundred_rounds_of_bad_weather),
        cmocka_unit_test(storm__follows_from_its_seed),
        cmocka_unit_test(storm__a_list_shrinks_to_what_matters),
    };
    const struct CMUnitTest nightly[] = {
        cmocka_unit_test(storm__a_thousand_rounds_of_bad_weather),
        cmocka_unit_test(storm__twenty_thousand_lists_hold),
    };
    if (count > 2)
        first_seed = strtoull(arguments[2], NULL, 10);
    if (count > 1 && strcmp(arguments[1], "nightly") == 0)
        return cmocka_run_group_tests(nightly, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
