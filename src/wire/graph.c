#include "wire/graph.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "privacy/mask.h"

_Static_assert(GRAPH_SEED_BYTES == MASK_SEED_BYTES, "both are a ChaCha20 key");

#define LOG2_SECRET (-41.0) /* exposed and split: 2^-40 together */
#define LOG2_ALIVE (-20.0)  /* starved */

/* Lists of neighbours are made when somebody asks for one: a member asks for its own, and
 * all of them are 4 MB at 1,000 members. */
struct graph {
    uint32_t count, degree;
    uint32_t *ring, *place; /* place[ring[i]] = i; NULL: complete */
    uint32_t **lists;       /* [count] NULL: not made yet */
};

static void check_member(const struct graph *graph, uint32_t member)
{
    if (member >= graph->count)
        abort();
}

/* --- the ring --- */

/* Public randomness, word by word. */
struct words {
    const uint8_t *seed;
    uint64_t *word;
    size_t count, at;
};

/* A mask on top of nothing is the keystream. */
static void words_fetch(struct words *words, size_t count)
{
    mem_free(words->word);
    words->word = mem_new(count, sizeof *words->word);
    words->count = count;
    mask_add(words->seed, words->word, count);
}

static uint64_t words_next(struct words *words)
{
    if (words->at == words->count)
        words_fetch(words, 2 * words->count);
    return words->word[words->at++];
}

static uint32_t words_up_to(struct words *words, uint32_t max)
{
    uint64_t bits = max;
    for (unsigned shift = 1; shift < 32; shift *= 2)
        bits |= bits >> shift;
    for (;;) {
        uint64_t number = words_next(words) & bits;
        if (number <= max)
            return (uint32_t)number;
    }
}

static void draw_ring(const uint8_t *seed, uint32_t *ring, uint32_t count)
{
    struct words words = {.seed = seed};
    words_fetch(&words, count);
    for (uint32_t i = 0; i < count; i++)
        ring[i] = i;
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t j = words_up_to(&words, i), member = ring[i];
        ring[i] = ring[j];
        ring[j] = member;
    }
    mem_free(words.word);
}

static void lay_ring(struct graph *graph, const uint8_t *seed)
{
    graph->ring = mem_new(graph->count, sizeof *graph->ring);
    graph->place = mem_new(graph->count, sizeof *graph->place);
    draw_ring(seed, graph->ring, graph->count);
    for (uint32_t at = 0; at < graph->count; at++)
        graph->place[graph->ring[at]] = at;
}

/* Mark them, then read the marks: they come out ascending. */
static uint32_t *list_of(const struct graph *graph, uint32_t member)
{
    uint32_t count = graph->count, found = 0, half = graph->degree / 2;
    uint32_t *list = mem_new(graph->degree, sizeof *list);
    bool *near = mem_new(count, sizeof *near);
    for (uint32_t step = 1; graph->ring && step <= half; step++) {
        near[graph->ring[(graph->place[member] + step) % count]] = true;
        near[graph->ring[(graph->place[member] + count - step) % count]] = true;
    }
    for (uint32_t other = 0; other < count; other++)
        if (graph->ring ? near[other] : other != member)
            list[found++] = other;
    mem_free(near);
    return list;
}

/* --- the graph --- */

enum err graph_new(uint32_t count, uint32_t degree, const uint8_t seed[GRAPH_SEED_BYTES],
                   struct graph **graph)
{
    if (count < 1)
        return err_set(ERR_RANGE, "a graph of no members");
    bool complete = degree >= count - 1;
    if (!complete && (degree < 2 || degree % 2 != 0))
        return err_set(ERR_RANGE,
                       "%u neighbours for each of %u members, expected an even number "
                       "from 2, or everybody",
                       degree, count);
    struct graph *fresh = mem_new(1, sizeof *fresh);
    fresh->count = count;
    fresh->degree = complete ? count - 1 : degree;
    fresh->lists = mem_new(count, sizeof *fresh->lists);
    if (!complete)
        lay_ring(fresh, seed);
    *graph = fresh;
    return ERR_OK;
}

void graph_destroy(struct graph **graph)
{
    if (!*graph)
        return;
    for (uint32_t i = 0; i < (*graph)->count; i++)
        mem_free((*graph)->lists[i]);
    mem_free((*graph)->lists);
    mem_free((*graph)->ring);
    mem_free((*graph)->place);
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
    check_member(graph, member);
    if (!graph->lists[member])
        graph->lists[member] = list_of(graph, member);
    *count = graph->degree;
    return graph->lists[member];
}

size_t graph_slot(const struct graph *graph, uint32_t member, uint32_t other)
{
    size_t low = 0, high;
    const uint32_t *neighbours = graph_neighbours(graph, member, &high);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (neighbours[middle] < other)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool graph_adjacent(const struct graph *graph, uint32_t a, uint32_t b)
{
    check_member(graph, a);
    if (b >= graph->count || a == b)
        return false;
    if (!graph->ring)
        return true;
    uint32_t one = graph->place[a], other = graph->place[b];
    uint32_t way = one > other ? one - other : other - one;
    return way <= graph->degree / 2 || graph->count - way <= graph->degree / 2;
}

/* --- what a degree and a threshold are good for --- */

static double ln_choose(double n, double k)
{
    int sign;
    return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign);
}

/* log2 of the probability that `draws` of `count`, `marked` of which are marked, hold at
 * least `least` marked ones: the hypergeometric tail. 0, a bound, up to the mean. Behind
 * the mean the terms fall, each by a larger factor than the one before. */
static double log2_tail(uint32_t count, uint32_t marked, uint32_t draws, uint32_t least)
{
    double n = count, m = marked, k = draws < count ? draws : count, x = least;
    if (x * n <= k * m)
        return 0;
    if (x > k || x > m)
        return -INFINITY;
    double first = ln_choose(m, x) + ln_choose(n - m, k - x) - ln_choose(n, k);
    double term = 1, sum = 1;
    for (; term > 0x1p-60 * sum; x++) {
        term *= (m - x) * (k - x) / ((x + 1) * (n - m - k + x + 1));
        sum += term;
    }
    return (first + log(sum)) / log(2);
}

double graph_log2_exposed(uint32_t count, uint32_t withheld, uint32_t corrupt,
                          uint32_t degree, uint32_t threshold)
{
    return log2(count) + log2_tail(count - withheld, corrupt, degree, threshold);
}

double graph_log2_split(uint32_t count, uint32_t random, uint32_t chosen, uint32_t degree)
{
    if (degree + 1 >= count)
        return -INFINITY; /* everybody is everybody's neighbour */
    uint32_t least = degree > chosen ? degree - chosen : 0;
    return log2(0.5 * count * (count - degree - 1)) +
           log2_tail(count, random, degree, least);
}

double graph_log2_starved(uint32_t count, uint32_t dropped, uint32_t degree,
                          uint32_t threshold)
{
    uint32_t least = degree >= threshold ? degree - threshold + 1 : 0;
    return log2(count) + log2_tail(count, dropped, degree, least);
}

/* Somebody honest is left whatever happens. */
static bool possible(uint32_t count, uint32_t corrupt, uint32_t dropped)
{
    return dropped < count && corrupt < count - dropped;
}

bool graph_suffices(uint32_t count, uint32_t corrupt, uint32_t dropped, uint32_t degree,
                    uint32_t threshold)
{
    if (!possible(count, corrupt, dropped) || (degree < count - 1 && degree % 2 != 0))
        return false;
    return graph_log2_exposed(count, dropped, corrupt, degree, threshold) <=
               LOG2_SECRET &&
           graph_log2_split(count, corrupt, dropped, degree) <= LOG2_SECRET &&
           graph_log2_starved(count, dropped, degree, threshold) <= LOG2_ALIVE;
}

/* The least threshold that keeps `degree` from exposing; `degree` when none does. */
static uint32_t least_threshold(uint32_t count, uint32_t corrupt, uint32_t dropped,
                                uint32_t degree)
{
    uint32_t threshold = 1;
    while (threshold < degree &&
           graph_log2_exposed(count, dropped, corrupt, degree, threshold) > LOG2_SECRET)
        threshold++;
    return threshold;
}

enum err graph_parameters(uint32_t count, uint32_t corrupt, uint32_t dropped,
                          uint32_t *degree, uint32_t *threshold)
{
    for (uint32_t k = 2; possible(count, corrupt, dropped) && k + 1 < count; k += 2) {
        if (graph_log2_split(count, corrupt, dropped, k) > LOG2_SECRET)
            continue;
        uint32_t t = least_threshold(count, corrupt, dropped, k), half = k / 2 + 1;
        if (!graph_suffices(count, corrupt, dropped, k, t))
            continue;
        *degree = k;
        *threshold =
            half > t && graph_suffices(count, corrupt, dropped, k, half) ? half : t;
        return ERR_OK;
    }
    return err_set(
        ERR_RANGE,
        "no degree below %u is enough for %u members, %u of them corrupt and %u "
        "missing",
        count - 1, count, corrupt, dropped);
}
