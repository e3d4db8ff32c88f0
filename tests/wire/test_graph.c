#include "wire/graph.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "check.h"
#include "golden.h"

static struct graph *sparse(uint32_t count, uint32_t degree, uint32_t number)
{
    uint8_t seed[GRAPH_SEED_BYTES] = {(uint8_t)number, (uint8_t)(number >> 8)};
    struct graph *graph;
    assert_ok(graph_new(count, degree, seed, &graph));
    return graph;
}

/* Neighbours ascend, exclude the member, and are mutual. */
static void assert_sound(const struct graph *graph, uint32_t degree)
{
    uint32_t members = graph_count(graph);
    for (uint32_t a = 0; a < members; a++) {
        size_t count;
        const uint32_t *neighbours = graph_neighbours(graph, a, &count);
        assert_int_equal(count, degree);
        for (size_t i = 0; i < count; i++) {
            assert_true(neighbours[i] < members && neighbours[i] != a);
            assert_true(i == 0 || neighbours[i - 1] < neighbours[i]);
            assert_true(graph_adjacent(graph, neighbours[i], a));
        }
        size_t adjacent = 0;
        for (uint32_t b = 0; b < members; b++)
            adjacent += graph_adjacent(graph, a, b);
        assert_int_equal(adjacent, degree);
    }
}

static void graph__everybody_is_a_neighbour_of_everybody(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 3, 4, 64, 256, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint32_t count = counts[i];
        struct graph *graph;
        assert_ok(graph_new(count, i % 2 ? UINT32_MAX : count - 1, NULL, &graph));
        assert_int_equal(graph_count(graph), count);
        assert_sound(graph, count - 1);
        graph_destroy(&graph);
        assert_null(graph);
        graph_destroy(&graph);
    }
}

static void graph__refuses_what_is_none(void **state)
{
    (void)state;
    uint8_t seed[GRAPH_SEED_BYTES] = {0};
    struct graph *graph = NULL;
    assert_refused(ERR_RANGE, "no members", graph_new(0, 0, seed, &graph));
    assert_refused(ERR_RANGE, "3 neighbours", graph_new(5, 3, seed, &graph));
    assert_refused(ERR_RANGE, "0 neighbours", graph_new(5, 0, seed, &graph));
    assert_null(graph);
}

/* Drawn by tests/wire/check_graph.py, which shares no code with ours. */
static void graph__rings_are_those_of_another_implementation(void **state)
{
    (void)state;
    struct golden golden = golden_open("graph_rings.csv");
    while (golden_next(&golden)) {
        uint32_t count = (uint32_t)golden_number(&golden, "count");
        uint32_t degree = (uint32_t)golden_number(&golden, "degree");
        uint8_t seed[GRAPH_SEED_BYTES], hash[HASH_BYTES];
        assert_ok(bytes_from_hex(golden_text(&golden, "seed"), seed, sizeof seed));
        struct graph *graph;
        assert_ok(graph_new(count, degree, seed, &graph));
        assert_sound(graph, degree);
        char first[128] = "", text[2 * HASH_BYTES + 1];
        struct bytes all = {0};
        for (uint32_t member = 0; member < count; member++) {
            size_t found;
            const uint32_t *neighbours = graph_neighbours(graph, member, &found);
            for (size_t i = 0; i < found; i++) {
                bytes_u32(&all, neighbours[i]);
                if (member == 0 && i < 8)
                    sprintf(first + strlen(first), "%s%u", i ? " " : "", neighbours[i]);
            }
        }
        assert_string_equal(first, golden_text(&golden, "first"));
        bytes_hash("graph", all.data, all.size, hash);
        bytes_to_hex(hash, sizeof hash, text);
        assert_string_equal(text, golden_text(&golden, "hash"));
        bytes_free(&all);
        graph_destroy(&graph);
    }
    assert_int_equal(golden.rows, 7);
}

/* --- the bounds, against a table --- */

/* Whether a degree has a threshold when chance alone decides who is missing, as in the
 * paper; the least one, and the largest that starves nobody. */
static bool suffices_by_chance(uint32_t count, uint32_t corrupt, uint32_t dropped,
                               uint32_t degree, uint32_t *least, uint32_t *largest)
{
    *least = 1;
    while (graph_log2_exposed(count, 0, corrupt, degree, *least) > -41)
        ++*least;
    *largest = degree + 1;
    while (*largest > 0 && graph_log2_starved(count, dropped, degree, *largest) > -20)
        --*largest;
    return *least <= *largest &&
           graph_log2_split(count, corrupt + dropped, 0, degree) <= -41;
}

/* The table of another program, which follows google/federated-compute's rule. */
static void graph__bounds_agree_with_every_golden_row(void **state)
{
    (void)state;
    struct golden golden = golden_open("secagg_graph_parameters.csv");
    int compared = 0;
    while (golden_next(&golden)) {
        if (strcmp(golden_text(&golden, "mode"), "consistency_check") != 0)
            continue;
        double n = golden_number(&golden, "n");
        double fraction = golden_number(&golden, "corrupt_fraction");
        /* Written with four digits: a third is one. */
        fraction = fraction > 0.33 ? 1.0 / 3 : fraction;
        uint32_t count = (uint32_t)n, corrupt = (uint32_t)(fraction * n + 1e-9);
        uint32_t dropped =
            (uint32_t)(golden_number(&golden, "dropout_fraction") * n + 1e-9);
        uint32_t degree = 2, least, largest;
        while (!suffices_by_chance(count, corrupt, dropped, degree, &least, &largest))
            degree += 2;
        assert_int_equal(degree, golden_number(&golden, "degree_k"));
        assert_int_equal(least, golden_number(&golden, "shamir_t_min"));
        assert_int_equal(largest, golden_number(&golden, "shamir_t_max"));
        compared++;
    }
    assert_int_equal(compared, 77);
}

/* In whole numbers by tests/wire/check_graph.py. */
static void graph__parameters_are_those_of_exact_arithmetic(void **state)
{
    (void)state;
    struct golden golden = golden_open("graph_parameters.csv");
    while (golden_next(&golden)) {
        uint32_t count = (uint32_t)golden_number(&golden, "members");
        uint32_t corrupt = (uint32_t)golden_number(&golden, "colluders");
        uint32_t dropped = (uint32_t)golden_number(&golden, "missing"), degree, threshold;
        assert_ok(graph_parameters(count, corrupt, dropped, &degree, &threshold));
        assert_int_equal(degree, golden_number(&golden, "degree"));
        assert_int_equal(threshold, golden_number(&golden, "threshold"));
        assert_true(graph_suffices(count, corrupt, dropped, degree, threshold));
        assert_true(graph_suffices(count, corrupt, dropped, count - 1, count / 2 + 1));
        for (uint32_t t = 0; t <= degree; t++)
            assert_false(graph_suffices(count, corrupt, dropped, degree - 2, t));
        assert_false(graph_suffices(count, corrupt, dropped, degree + 1, threshold));
    }
    assert_int_equal(golden.rows, 14);
}

/* The same numbers hold however many of the missing are kept from advertising. */
static void graph__parameters_hold_for_every_number_of_adverts(void **state)
{
    (void)state;
    uint32_t degree, threshold;
    assert_ok(graph_parameters(1024, 300, 204, &degree, &threshold));
    for (uint32_t withheld = 0; withheld <= 204; withheld++)
        assert_true(
            graph_suffices(1024 - withheld, 300, 204 - withheld, degree, threshold));
}

static void graph__parameters_refuse_what_has_none(void **state)
{
    (void)state;
    uint32_t degree = 77, threshold = 77;
    static const uint32_t none[][3] = {{0, 0, 0},     {10, 5, 3},      {300, 300, 0},
                                       {300, 0, 300}, {300, 200, 100}, {300, 150, 149}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_refused(
            ERR_RANGE, "no degree",
            graph_parameters(none[i][0], none[i][1], none[i][2], &degree, &threshold));
    assert_int_equal(degree + threshold, 2 * 77);
    assert_false(graph_suffices(300, 50, 60, 104, 0));
    assert_false(graph_suffices(300, 50, 60, 104, 105));
    assert_false(graph_suffices(300, 200, 100, 299, 280));
}

/* --- the bounds, against graphs --- */

/* How many pieces the members fall into that are not gone. */
static uint32_t pieces(const struct graph *graph, const bool *gone)
{
    uint32_t members = graph_count(graph), found = 0, top = 0;
    uint32_t *stack = mem_new(members, sizeof *stack);
    bool *seen = mem_copy(gone, members * sizeof *seen);
    for (uint32_t start = 0; start < members; start++) {
        if (seen[start])
            continue;
        found++;
        for (seen[start] = true, stack[top++] = start; top > 0;) {
            size_t count;
            const uint32_t *neighbours = graph_neighbours(graph, stack[--top], &count);
            for (size_t i = 0; i < count; i++)
                if (!seen[neighbours[i]]) {
                    seen[neighbours[i]] = true;
                    stack[top++] = neighbours[i];
                }
        }
    }
    mem_free(stack);
    mem_free(seen);
    return found;
}

/* The ring behind a seed: that of degree 2, walked along. */
static void walk_ring(uint32_t count, uint32_t number, uint32_t *ring)
{
    struct graph *graph = sparse(count, 2, number);
    uint32_t from = UINT32_MAX, at = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t two;
        const uint32_t *next = graph_neighbours(graph, at, &two);
        ring[i] = at;
        at = next[0] == from ? next[1] : next[0];
        from = ring[i];
    }
    graph_destroy(&graph);
}

/* Every set of missing members of small graphs: the rest falls apart exactly when two
 * runs of degree/2 places without a survivor have survivors between them. */
static void graph__falls_apart_at_two_empty_runs_only(void **state)
{
    (void)state;
    static const uint32_t shapes[][2] = {{9, 2}, {10, 4}, {11, 6}, {12, 8}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        uint32_t count = shapes[s][0], half = shapes[s][1] / 2, ring[12];
        struct graph *graph = sparse(count, 2 * half, (uint32_t)s);
        walk_ring(count, (uint32_t)s, ring);
        for (uint32_t set = 0; set + 1 < 1u << count; set++) {
            bool gone[12];
            for (uint32_t i = 0; i < count; i++)
                gone[ring[i]] = set >> i & 1;
            uint32_t runs = 0; /* that begin behind a survivor and last long enough */
            for (uint32_t i = 0; i < count; i++) {
                uint32_t length = 0;
                while (length < half && gone[ring[(i + 1 + length) % count]])
                    length++;
                runs += !gone[ring[i]] && length == half;
            }
            assert_int_equal(pieces(graph, gone), runs < 2 ? 1 : runs);
        }
        graph_destroy(&graph);
    }
}

/* Means over many graphs: what the bounds count, counted. */
static void graph__bounds_are_what_is_counted_in_graphs(void **state)
{
    (void)state;
    enum { COUNT = 40, MARKED = 10, DEGREE = 6, GRAPHS = 4000 };
    bool marked[COUNT] = {false};
    memset(marked, true, MARKED);
    double starved = 0, exposed = 0, split = 0;
    for (uint32_t number = 0; number < GRAPHS; number++) {
        struct graph *graph = sparse(COUNT, DEGREE, number);
        for (uint32_t member = 0; member < COUNT; member++) {
            size_t count, hits = 0;
            const uint32_t *neighbours = graph_neighbours(graph, member, &count);
            for (size_t i = 0; i < count; i++)
                hits += marked[neighbours[i]];
            starved += DEGREE - hits < 3;
            exposed += !marked[member] && hits >= 4;
        }
        split += pieces(graph, marked) > 1;
        graph_destroy(&graph);
    }
    double bound = exp2(graph_log2_starved(COUNT, MARKED, DEGREE, 3));
    assert_relative(starved / GRAPHS, bound, 0.05);
    bound = exp2(graph_log2_exposed(COUNT, 0, MARKED, DEGREE, 4));
    assert_true(exposed / GRAPHS < bound);
    bound = exp2(graph_log2_exposed(COUNT - 1, 0, MARKED, DEGREE, 4)) / (COUNT - 1);
    assert_relative(exposed / GRAPHS, bound * (COUNT - MARKED), 0.05);
    bound = exp2(graph_log2_split(COUNT, MARKED, 0, DEGREE));
    assert_in_range(1000 * split / GRAPHS / bound, 400, 1000);
}

/* The fewest honest members a coordinator that sees the ring must call missing to part
 * the rest; members below `corrupt` are its own. Where: `runs`. */
static uint32_t cheapest_cut(const uint32_t *ring, uint32_t count, uint32_t corrupt,
                             uint32_t degree, uint32_t apart, uint32_t runs[2])
{
    uint32_t half = degree / 2, least = UINT32_MAX;
    uint32_t *cost = mem_new(count, sizeof *cost);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < half; j++)
            cost[i] += ring[(i + j) % count] >= corrupt;
    for (uint32_t a = 0; a < count; a++)
        for (uint32_t b = a + half + apart; b < count && b + half + apart <= a + count;
             b++)
            if (cost[a] + cost[b] < least) {
                least = cost[a] + cost[b];
                runs[0] = a;
                runs[1] = b;
            }
    mem_free(cost);
    return least;
}

/* Why chance is not assumed: numbers that suffice when it is (the table's, for 1000
 * members, a fifth corrupt and a fifth missing) let a coordinator that sees the ring part
 * the honest survivors, and nobody would notice by their own neighbours. Ours do not. */
static void graph__withstands_a_coordinator_that_chooses_who_is_missing(void **state)
{
    (void)state;
    enum { COUNT = 1000, CORRUPT = 200, DROPPED = 200, DEGREE = 98, THRESHOLD = 54 };
    uint32_t ring[COUNT], runs[2], degree, threshold;
    assert_true(graph_log2_split(COUNT, CORRUPT + DROPPED, 0, DEGREE) < -41);
    assert_false(graph_suffices(COUNT, CORRUPT, DROPPED, DEGREE, THRESHOLD));
    assert_ok(graph_parameters(COUNT, CORRUPT, DROPPED, &degree, &threshold));
    for (uint32_t number = 0; number < 5; number++) {
        walk_ring(COUNT, number, ring);
        assert_true(cheapest_cut(ring, COUNT, CORRUPT, degree, 1, runs) > DROPPED);
        assert_true(cheapest_cut(ring, COUNT, CORRUPT, DEGREE, DEGREE / 2, runs) <
                    DROPPED / 2);
        bool missing[COUNT] = {false}, gone[COUNT] = {false};
        for (uint32_t i = 0; i < DEGREE; i++) {
            uint32_t member = ring[(runs[i % 2] + i / 2) % COUNT];
            missing[member] = member >= CORRUPT;
        }
        for (uint32_t member = 0; member < COUNT; member++)
            gone[member] = missing[member] || member < CORRUPT;
        struct graph *graph = sparse(COUNT, DEGREE, number);
        assert_true(pieces(graph, gone) > 1);
        for (uint32_t member = 0; member < COUNT; member++) {
            size_t count, alive = 0;
            const uint32_t *neighbours = graph_neighbours(graph, member, &count);
            for (size_t i = 0; i < count; i++)
                alive += !missing[neighbours[i]];
            assert_true(missing[member] || alive >= THRESHOLD);
        }
        graph_destroy(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graph__everybody_is_a_neighbour_of_everybody),
        cmocka_unit_test(graph__refuses_what_is_none),
        cmocka_unit_test(graph__rings_are_those_of_another_implementation),
        cmocka_unit_test(graph__bounds_agree_with_every_golden_row),
        cmocka_unit_test(graph__parameters_are_those_of_exact_arithmetic),
        cmocka_unit_test(graph__parameters_hold_for_every_number_of_adverts),
        cmocka_unit_test(graph__parameters_refuse_what_has_none),
        cmocka_unit_test(graph__falls_apart_at_two_empty_runs_only),
        cmocka_unit_test(graph__bounds_are_what_is_counted_in_graphs),
        cmocka_unit_test(graph__withstands_a_coordinator_that_chooses_who_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
