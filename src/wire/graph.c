#include "wire/graph.h"

#include <stdlib.h>

#include "base/memory.h"

struct graph {
    uint32_t count, degree;
    uint32_t
        *neighbours; /* `degree` of member 0, ascending, then those of member 1, ... */
};

static uint32_t *neighbours_of(const struct graph *graph, uint32_t member)
{
    if (member >= graph->count)
        abort();
    return graph->neighbours + (size_t)member * graph->degree;
}

static void fill_complete(struct graph *graph)
{
    for (uint32_t member = 0; member < graph->count; member++) {
        uint32_t *neighbours = neighbours_of(graph, member);
        for (uint32_t i = 0; i < graph->degree; i++)
            neighbours[i] = i < member ? i : i + 1;
    }
}

enum err graph_new(uint32_t count, uint32_t degree, const uint8_t seed[GRAPH_SEED_BYTES],
                   struct graph **graph)
{
    (void)seed;
    if (count < 1)
        return err_set(ERR_RANGE, "a graph of no members");
    if (degree < count - 1)
        return err_set(ERR_RANGE, "%u neighbours for each of %u members, expected %u",
                       degree, count, count - 1);
    struct graph *fresh = mem_new(1, sizeof *fresh);
    fresh->count = count;
    fresh->degree = count - 1;
    fresh->neighbours = mem_new((size_t)count * fresh->degree, sizeof *fresh->neighbours);
    fill_complete(fresh);
    *graph = fresh;
    return ERR_OK;
}

void graph_destroy(struct graph **graph)
{
    if (!*graph)
        return;
    mem_free((*graph)->neighbours);
    mem_free(*graph);
    *graph = NULL;
}

uint32_t graph_count(const struct graph *graph)
{
    return graph->count;
}

const uint32_t *graph_neighbours(const struct graph *graph, uint32_t member,
                                 size_t *count)
{
    *count = graph->degree;
    return neighbours_of(graph, member);
}

bool graph_adjacent(const struct graph *graph, uint32_t a, uint32_t b)
{
    const uint32_t *neighbours = neighbours_of(graph, a);
    uint32_t low = 0, high = graph->degree;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (neighbours[middle] < b)
            low = middle + 1;
        else
            high = middle;
    }
    return low < graph->degree && neighbours[low] == b;
}
