#include "bench/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "coordinator/collection.h"
#include "node/attempt.h"
#include "privacy/fixedpoint.h"
#include "privacy/mask.h"
#include "privacy/noise.h"
#include "sim/agreeable.h"

double measure_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

bool measure_in_place(uint32_t dim)
{
    return dim > WIRE_DIMENSION_MAX;
}

static uint32_t planned(uint32_t dim)
{
    return measure_in_place(dim) ? 1 : dim;
}

static void expect(bool held, const char *what)
{
    if (held)
        return;
    fprintf(stderr, "error: %s\n", what);
    exit(1);
}

/* --- a node
 * ---------------------------------------------------------------------------------- */

struct client {
    const struct identity *identity;
    struct random *random;
    struct attempt *attempt;
    struct agreeable world;
    double seconds;
};

/* The hospital's integers are zeros: what patients cost is another bench's. */
static void draw_noise(struct random *random, uint64_t *sum, size_t dim)
{
    int64_t *noise = mem_new(dim, sizeof *noise);
    bench_must(noise_fill(random, NOISE_LOG2, dim, noise));
    fixedpoint_add(sum, noise, dim);
    mem_free(noise);
}

static enum err give_noise(void *context, uint64_t *sum)
{
    const struct client *client = context;
    draw_noise(client->random, sum, attempt_plan(client->attempt)->dimension);
    return ERR_OK;
}

static struct view client_says(const struct client *client)
{
    uint32_t kind;
    struct view body;
    bench_must(attempt_message(client->attempt, &kind, &body));
    return body;
}

static void client_hears(struct client *client, uint32_t kind, struct bytes *body)
{
    double start = measure_now();
    bench_must(attempt_take(client->attempt, kind, codec_view(body)));
    client->seconds += measure_now() - start;
    bytes_free(body);
}

static void replace(struct bytes *bytes, struct view by)
{
    bytes->size = 0;
    bytes_append(bytes, by.data, by.size);
}

static void enter_attempt(struct client *client, const struct partners *p,
                          uint32_t member)
{
    client->world = (struct agreeable){.input = give_noise, .context = client};
    const struct attempt_world world =
        agreeable_world(&client->world, client->identity, client->random);
    const struct attempt_start start = {.signed_plan = codec_view(&p->signed_plan),
                                        .coordinator_key = p->coordinator_key,
                                        .seed = p->all[member].graph_seed};
    double before = measure_now();
    bench_must(attempt_new(&start, &world, &client->attempt));
    client->seconds += measure_now() - before;
}

/* Up to the member's input, which stands among the others' then. */
static void play_input(struct client *client, struct partners *p, uint32_t member)
{
    struct bytes body = {0};
    struct masked_input masked;
    uint8_t hash[HASH_BYTES];
    replace(&p->all[member].advert, client_says(client));
    partners_bind(p);
    partners_write_bundle(p, &body);
    client_hears(client, MESSAGE_BUNDLE, &body);
    partners_write_delivery(p, member, &body);
    client_hears(client, MESSAGE_DELIVERY, &body);
    struct view message = client_says(client);
    struct arena *arena = codec_arena(message.size);
    bench_must(codec_decode_masked_input(message, arena, &masked));
    for (uint32_t i = 0; i < p->quorum.members; i++) {
        random_fill(p->random, hash, sizeof hash);
        if (i == member)
            replace(&p->all[i].input, masked.input);
        else if (!p->all[i].dropped)
            partners_sign_input(p, i, hash);
    }
    arena_destroy(&arena);
}

static void play_end(struct client *client, struct partners *p, uint32_t member)
{
    struct bytes body = {0};
    struct receipt receipt = {.ledger_length = 1}; /* what charge() said */
    partners_bind_survivors(p);
    partners_write_survivors(p, &body);
    client_hears(client, MESSAGE_SURVIVORS, &body);
    for (uint32_t i = 0; i < p->quorum.members; i++)
        if (i == member)
            replace(&p->all[i].confirm, client_says(client));
        else if (!p->all[i].dropped)
            partners_sign_confirm(p, i);
    partners_write_confirms(p, &body);
    client_hears(client, MESSAGE_CONFIRMS, &body);
    memcpy(receipt.plan, p->context, HASH_BYTES);
    bench_must(codec_encode_receipt(&receipt, &body));
    client_hears(client, MESSAGE_RECEIPT, &body);
    expect(attempt_succeeded(client->attempt), "a node did not end its attempt");
}

/* What node_mask does to a vector, on all of it. */
static double client_vector(struct partners *p, uint32_t member, uint32_t dim)
{
    uint64_t *vector = mem_new(dim, sizeof *vector);
    uint8_t hash[HASH_BYTES], seed[MASK_SEED_BYTES];
    size_t count;
    const uint32_t *neighbours = graph_neighbours(p->graph, member, &count);
    random_fill(p->random, seed, sizeof seed);
    double start = measure_now();
    draw_noise(p->random, vector, dim);
    mask_add(seed, vector, dim);
    for (size_t i = 0; i < count; i++) {
        memcpy(seed, &neighbours[i], sizeof neighbours[i]);
        if (member < neighbours[i])
            mask_add(seed, vector, dim);
        else
            mask_subtract(seed, vector, dim);
    }
    phase_vector_hash(&(struct words){vector, dim}, hash);
    double seconds = measure_now() - start;
    mem_free(vector);
    return seconds;
}

static double one_client(struct partners *p, uint32_t dim, size_t dropped,
                         uint32_t member)
{
    struct client client = {.random = p->random};
    partners_plan(p, planned(dim), dropped);
    while (p->all[member].dropped)
        member--;
    client.identity = p->all[member].identity;
    enter_attempt(&client, p, member);
    play_input(&client, p, member);
    play_end(&client, p, member);
    if (measure_in_place(dim))
        client.seconds += client_vector(p, member, dim);
    attempt_destroy(&client.attempt);
    return client.seconds;
}

static int double_order(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

double measure_client(struct partners *p, uint32_t dim, size_t dropped, size_t samples)
{
    double *seconds = mem_new(samples, sizeof *seconds);
    for (size_t i = 0; i < samples; i++)
        seconds[i] = one_client(
            p, dim, dropped, (uint32_t)((2 * i + 1) * p->quorum.members / samples / 2));
    qsort(seconds, samples, sizeof *seconds, double_order);
    double median = seconds[samples / 2];
    mem_free(seconds);
    return median;
}

/* --- the coordinator
 * ------------------------------------------------------------------------- */

struct server {
    struct collection *collection;
    double seconds;
};

static void server_hears(struct server *server, const struct partner *partner,
                         uint32_t kind, struct view body)
{
    bool fresh;
    enum err failure;
    double start = measure_now();
    enum reason reason =
        collection_take(server->collection, partner->key, kind, body, &fresh, &failure);
    server->seconds += measure_now() - start;
    expect(reason == REASON_NONE && fresh, err_text());
}

/* Close the phase, by time where somebody's message never comes, and write everybody's
 * answer. */
static void server_answers(struct server *server, const struct partners *p, uint32_t kind)
{
    struct bytes body = {0};
    uint32_t answer;
    bool moved;
    double start = measure_now();
    bench_must(collection_advance(server->collection, true, &moved));
    expect(moved, "a phase did not end");
    for (uint32_t i = 0; i < p->quorum.members; i++)
        if (kind == MESSAGE_ADVERT || kind == MESSAGE_SHARES || !p->all[i].dropped)
            bench_must(collection_answer(server->collection, p->all[i].key, kind, &answer,
                                         &body));
    server->seconds += measure_now() - start;
    bytes_free(&body);
}

typedef void write_body(struct partners *p, uint32_t member, struct bytes *body);

static void server_phase(struct server *server, struct partners *p, uint32_t kind,
                         write_body *write)
{
    struct bytes body = {0};
    for (uint32_t i = 0; i < p->quorum.members; i++) {
        if (kind != MESSAGE_SHARES && p->all[i].dropped)
            continue;
        body.size = 0;
        write(p, i, &body);
        server_hears(server, &p->all[i], kind, codec_view(&body));
    }
    bytes_free(&body);
}

/* The phase of confirmations is written and heard alike. */
static void write_confirm(struct partners *p, uint32_t member, struct bytes *body)
{
    partners_sign_confirm(p, member);
    bytes_append(body, p->all[member].confirm.data, p->all[member].confirm.size);
}

/* What coordinator/mask and unmask do to vectors, on all of them: check and add each, and
 * take self masks off, and the pair masks of those who dropped out. */
static double server_vectors(struct partners *p, uint32_t dim, size_t dropped,
                             double *unmask)
{
    uint64_t *vector = mem_new(dim, sizeof *vector), *sum = mem_new(dim, sizeof *sum);
    uint8_t hash[HASH_BYTES], seed[MASK_SEED_BYTES];
    size_t degree = p->quorum.degree, survivors = p->quorum.members - dropped, pairs = 0;
    for (uint32_t i = 0; i < p->quorum.members; i++) {
        size_t count;
        const uint32_t *neighbours = graph_neighbours(p->graph, i, &count);
        for (size_t j = 0; p->all[i].dropped && j < degree; j++)
            pairs += !p->all[neighbours[j]].dropped;
    }
    random_fill(p->random, seed, sizeof seed);
    random_fill(p->random, vector, dim * sizeof *vector);
    double start = measure_now();
    for (size_t i = 0; i < survivors; i++)
        phase_vector_hash(&(struct words){vector, dim}, hash);
    double hashed = measure_now();
    for (size_t i = 0; i < survivors; i++)
        fixedpoint_add_ring(sum, vector, dim);
    for (size_t i = 0; i < survivors + pairs; i++) {
        memcpy(seed, &i, sizeof i);
        mask_subtract(seed, sum, dim);
    }
    double end = measure_now();
    *unmask += end - hashed;
    mem_free(vector);
    mem_free(sum);
    return end - start;
}

double measure_server(struct partners *p, uint32_t dim, size_t dropped, double *unmask)
{
    struct server server = {0};
    partners_plan(p, planned(dim), dropped);
    partners_bind(p);
    partners_deal(p);
    double start = measure_now();
    bench_must(collection_new(codec_view(&p->signed_plan), p->coordinator_key, NULL,
                              &server.collection));
    server.seconds += measure_now() - start;
    for (uint32_t i = 0; i < p->quorum.members; i++)
        server_hears(&server, &p->all[i], MESSAGE_ADVERT, codec_view(&p->all[i].advert));
    server_answers(&server, p, MESSAGE_ADVERT);
    server_phase(&server, p, MESSAGE_SHARES, partners_write_shares);
    server_answers(&server, p, MESSAGE_SHARES);
    server_phase(&server, p, MESSAGE_INPUT, partners_write_input);
    partners_bind_survivors(p);
    server_answers(&server, p, MESSAGE_INPUT);
    server_phase(&server, p, MESSAGE_CONFIRM, write_confirm);
    server_answers(&server, p, MESSAGE_CONFIRM);
    *unmask = -server.seconds;
    server_phase(&server, p, MESSAGE_UNMASK, partners_write_unmask);
    server_answers(&server, p, MESSAGE_UNMASK);
    *unmask += server.seconds;
    const uint64_t *sum = collection_sum(server.collection);
    expect(sum && memcmp(sum, p->expected, p->dimension * sizeof *sum) == 0,
           "the sum is not the survivors'");
    start = measure_now();
    collection_destroy(&server.collection);
    server.seconds += measure_now() - start;
    if (measure_in_place(dim))
        server.seconds += server_vectors(p, dim, dropped, unmask);
    return server.seconds;
}
