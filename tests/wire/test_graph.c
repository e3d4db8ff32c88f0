#include "wire/graph.h"

#include "check.h"

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
    struct graph *graph = NULL;
    assert_refused(ERR_RANGE, "no members", graph_new(0, 0, NULL, &graph));
    assert_refused(ERR_RANGE, "3 neighbours", graph_new(5, 3, NULL, &graph));
    assert_null(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graph__everybody_is_a_neighbour_of_everybody),
        cmocka_unit_test(graph__refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
