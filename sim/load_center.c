#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "coordinator/collection.h"
#include "coordinator/porter.h"
#include "privacy/identity.h"
#include "privacy/noise.h"
#include "sim/load_impl.h"
#include "wire/envelope.h"
#include "wire/terms.h"

/* A question whose answer is held back until its phase ends. */
struct held {
    bool waits;
    double since;
    struct porter_peer peer;
    struct envelope question; /* without its body */
};

struct center {
    const struct load_cast *cast;
    int pipe;
    struct identity *identity;
    struct porter *porter;
    struct bytes signed_plan;
    struct collection *collection;
    struct held *held; /* [members] */
    bool *met;         /* [members] asked once: connected */
    uint8_t *survived; /* [members] its input came */
    struct bytes body, answer;
    bool begun;
    double opened, start, phase_start, last_fresh, cpu_before;
    struct load_note end;
};

/* --- beginning
 * --------------------------------------------------------------------------------- */

static enum err sign_plan(struct center *center)
{
    const struct load_cast *cast = center->cast;
    const struct quorum *quorum = &cast->plan.quorum;
    size_t n = quorum->members;
    uint8_t *keys = mem_new(n, KEY_BYTES), *commitments = mem_new(n, HASH_BYTES);
    uint8_t seed[HASH_BYTES], hash[HASH_BYTES];
    struct plan plan = {
        .round = 1,
        .attempt = 1,
        .dimension = cast->plan.dimension,
        .step = 0x1p-20,
        .norm_max = 1,
        .noise_multiplier = 1,
        .noise_log2 = NOISE_LOG2,
        .deadline = WIRE_TIME_MAX,
        .participants = {keys, n},
        .colluders = quorum->colluders,
        .quorum = quorum->quorum,
        .threshold = quorum->threshold,
        .survivors = quorum->survivors,
        .degree = quorum->degree,
        .commitments = {commitments, quorum->degree < n - 1 ? n * HASH_BYTES : 0},
    };
    memcpy(plan.study, cast->study, STUDY_BYTES);
    for (size_t i = 0; i < n; i++) {
        memcpy(keys + i * KEY_BYTES, cast->members[i].key, KEY_BYTES);
        load_graph_seed(cast, i, seed);
        phase_seed_commitment(cast->study, cast->members[i].key, seed,
                              commitments + i * HASH_BYTES);
    }
    enum err result = plan_sign(center->identity, &plan, &center->signed_plan, hash);
    mem_free(keys);
    mem_free(commitments);
    return result;
}

static enum err open_porter(struct center *center, const struct bytes *curves)
{
    char *folder;
    if (file_program_folder(&folder) != ERR_OK)
        return err_code();
    char *program = file_join(folder, "gemel-porter");
    const struct porter_start start = {program, "tcp://127.0.0.1:*", center->identity,
                                       curves, LOAD_PORTER_BYTES};
    enum err result = porter_new(&start, &center->porter);
    mem_free(program);
    mem_free(folder);
    return result;
}

static enum err open_center(struct center *center)
{
    const struct load_cast *cast = center->cast;
    struct bytes curves = {0};
    for (size_t i = 0; i < cast->plan.quorum.members; i++)
        bytes_append(&curves, cast->members[i].curve, KEY_BYTES);
    enum err result = load_identity(cast, LOAD_COORDINATOR, &center->identity);
    if (result == ERR_OK)
        result = sign_plan(center);
    if (result == ERR_OK)
        result = collection_new(codec_view(&center->signed_plan), cast->coordinator_key,
                                NULL, &center->collection);
    if (result == ERR_OK)
        result = open_porter(center, &curves);
    bytes_free(&curves);
    if (result != ERR_OK)
        return result;
    struct load_note ready = {.kind = LOAD_READY};
    snprintf(ready.text, sizeof ready.text, "%s", porter_endpoint(center->porter));
    load_tell(center->pipe, &ready);
    return ERR_OK;
}

/* --- answers
 * ------------------------------------------------------------------------------------ */

static enum err send_answer(struct center *center, const struct held *held,
                            enum message_kind kind)
{
    center->answer.size = 0;
    if (envelope_answer(center->identity, &held->question, kind, &center->body,
                        &center->answer) != ERR_OK)
        return err_code();
    return porter_send(center->porter, &held->peer, &center->answer);
}

static enum err send_wait(struct center *center, struct held *held)
{
    const struct waiting waiting = {.retry_after_ms = 0, .what_for = "the other nodes"};
    const struct reply reply = {.waiting = "the other nodes", .now = 0};
    bool poll = held->question.kind == MESSAGE_POLL;
    center->body.size = 0;
    held->waits = false;
    enum err result = poll ? codec_encode_reply(&reply, &center->body)
                           : codec_encode_waiting(&waiting, &center->body);
    return result == ERR_OK
               ? send_answer(center, held, poll ? MESSAGE_REPLY : MESSAGE_WAIT)
               : result;
}

static enum err send_plan(struct center *center, struct held *held)
{
    const struct reply reply = {.waiting = "", .plan = codec_view(&center->signed_plan)};
    center->body.size = 0;
    held->waits = false;
    enum err result = codec_encode_reply(&reply, &center->body);
    return result == ERR_OK ? send_answer(center, held, MESSAGE_REPLY) : result;
}

/* Every node's ledger has one entry here: load_nodes. */
static enum err write_receipt(struct center *center)
{
    struct receipt receipt = {.ledger_length = 1};
    memcpy(receipt.plan, collection_context(center->collection), HASH_BYTES);
    return codec_encode_receipt(&receipt, &center->body);
}

/* The answer of the collection's, unless its phase still lasts. */
static enum err try_answer(struct center *center, size_t place)
{
    struct held *held = &center->held[place];
    uint32_t kind;
    if (collection_answer(center->collection, center->cast->members[place].key,
                          held->question.kind, &kind, &center->body) != ERR_OK)
        return err_code();
    if (kind == MESSAGE_WAIT)
        return ERR_OK;
    if (kind == MESSAGE_RECEIPT && write_receipt(center) != ERR_OK)
        return err_code();
    held->waits = false;
    return send_answer(center, held, kind);
}

static enum err answer_all(struct center *center)
{
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < center->cast->plan.quorum.members; i++)
        if (center->held[i].waits && center->held[i].question.kind != MESSAGE_POLL)
            result = try_answer(center, i);
    return result;
}

/* Nobody is left without any answer for longer than it was told. */
static enum err answer_late(struct center *center)
{
    enum err result = ERR_OK;
    double now = load_now();
    for (size_t i = 0; result == ERR_OK && i < center->cast->plan.quorum.members; i++)
        if (center->held[i].waits && now - center->held[i].since >= 1e-3 * LOAD_HOLD_MS)
            result = send_wait(center, &center->held[i]);
    return result;
}

static double both_cpu_seconds(const struct center *center)
{
    return load_cpu_seconds() + load_cpu_seconds_of(porter_process(center->porter));
}

/* --- questions
 * --------------------------------------------------------------------------------- */

/* The round begins when all nodes are there and have asked what there is to do. */
static enum err take_poll(struct center *center, size_t place)
{
    size_t members = center->cast->plan.quorum.members, waiting = 0;
    if (center->begun)
        return send_plan(center, &center->held[place]);
    if (!center->met[place]) {
        center->met[place] = true;
        return send_wait(center, &center->held[place]);
    }
    for (size_t i = 0; i < members; i++)
        waiting += center->held[i].waits;
    if (waiting < members)
        return ERR_OK;
    center->begun = true;
    center->start = center->phase_start = center->last_fresh = load_now();
    center->cpu_before = both_cpu_seconds(center);
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < members; i++)
        result = send_plan(center, &center->held[i]);
    return result;
}

static enum err take_message(struct center *center, size_t place, uint32_t kind,
                             struct view body)
{
    bool fresh;
    enum err failure;
    enum reason reason =
        collection_take(center->collection, center->cast->members[place].key, kind, body,
                        &fresh, &failure);
    if (reason != REASON_NONE)
        return reason_set(reason);
    if (fresh)
        center->last_fresh = load_now();
    if (fresh && kind == MESSAGE_INPUT)
        center->survived[place] = 1;
    return failure == ERR_OK ? try_answer(center, place) : failure;
}

static enum reason admit(const void *who, const uint8_t sender[KEY_BYTES])
{
    const struct load_cast *cast = who;
    return load_place(cast, sender) < cast->plan.quorum.members ? REASON_NONE
                                                                : REASON_NOT_IN_ROSTER;
}

static enum err take_frame(struct center *center, const struct porter_peer *peer,
                           const struct bytes *frame)
{
    struct envelope_rule rule = {.kinds = 1U << MESSAGE_POLL, .admit = admit};
    struct envelope question;
    struct arena *arena = codec_arena(frame->size);
    enum err result = ERR_OK;
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        rule.kinds |= 1U << phase_question(phase);
    rule.who = center->cast;
    memcpy(rule.consortium, center->cast->consortium, HASH_BYTES);
    memcpy(rule.recipient, center->cast->coordinator_key, KEY_BYTES);
    enum reason reason = envelope_open(&rule, codec_view(frame), arena, &question);
    if (reason != REASON_NONE) {
        result = reason_set(reason);
    } else {
        size_t place = load_place(center->cast, question.sender);
        struct view body = question.body;
        question.body = (struct view){0};
        center->held[place] = (struct held){true, load_now(), *peer, question};
        result = question.kind == MESSAGE_POLL
                     ? take_poll(center, place)
                     : take_message(center, place, question.kind, body);
        center->end.frames++;
    }
    arena_destroy(&arena);
    return result;
}

/* --- phases
 * -------------------------------------------------------------------------------------
 */

static uint64_t peak_kib(pid_t process)
{
    char line[200];
    unsigned long peak = 0;
    snprintf(line, sizeof line, "/proc/%d/status", (int)process);
    FILE *file = fopen(line, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %lu kB", &peak) == 1)
            break;
    if (file)
        fclose(file);
    return peak;
}

static void tell_end(struct center *center)
{
    size_t members = center->cast->plan.quorum.members;
    center->end.kind = LOAD_DONE;
    center->end.seconds = load_now() - center->start;
    center->end.setup_seconds = center->start - center->opened;
    center->end.cpu_seconds = both_cpu_seconds(center) - center->cpu_before;
    center->end.peak_kib = peak_kib(getpid()) + peak_kib(porter_process(center->porter));
    center->end.count = collection_survivor_count(center->collection);
    load_tell(center->pipe, &center->end);
    const uint64_t *sum = collection_sum(center->collection);
    FILE *stream = fdopen(dup(center->pipe), "w");
    if (stream) {
        fwrite(center->survived, 1, members, stream);
        fwrite(sum, sizeof *sum, center->cast->plan.dimension, stream);
        fclose(stream);
    }
}

/* End the phase once everybody has spoken, or, where nodes drop out, once everybody else
 * has and a while has passed. A node that is only slow is waited for. */
static enum err advance(struct center *center)
{
    struct load_note note = {.kind = LOAD_PHASE,
                             .phase = collection_phase(center->collection),
                             .count = collection_received(center->collection)};
    bool moved = false;
    double quiet = load_now() - center->last_fresh;
    if (!center->begun || note.phase == PHASE_END)
        return ERR_OK;
    const struct load_plan *plan = &center->cast->plan;
    bool late = quiet >= 1e-3 * LOAD_QUIET_MS && note.phase == PHASE_MASK &&
                note.count == plan->quorum.members - plan->dropped;
    if (collection_advance(center->collection, late, &moved) != ERR_OK)
        return err_code();
    if (!moved)
        return ERR_OK;
    if (late)
        center->end.waited_seconds += quiet;
    if (collection_phase(center->collection) == PHASE_END &&
        !collection_succeeded(center->collection))
        return reason_set(collection_reason(center->collection));
    enum err result = answer_all(center);
    note.seconds = load_now() - center->phase_start;
    center->phase_start = center->last_fresh = load_now();
    load_tell(center->pipe, &note);
    if (result == ERR_OK && collection_phase(center->collection) == PHASE_END)
        tell_end(center);
    return result;
}

/* Also after the end, for nodes that ask once more, until the parent ends the process. */
static enum err serve(struct center *center)
{
    struct porter_peer peer;
    struct bytes frame = {0};
    enum err result = ERR_OK;
    while (result == ERR_OK) {
        result = porter_receive(center->porter, 100, -1, &peer, &frame);
        if (result == ERR_OK)
            result = take_frame(center, &peer, &frame);
        else if (result == ERR_GONE)
            result = ERR_OK;
        if (result == ERR_OK)
            result = advance(center);
        if (result == ERR_OK)
            result = answer_late(center);
        if (load_now() - center->opened > LOAD_DEADLINE_S)
            result =
                err_set(ERR_GONE, "the trial did not end within %d s", LOAD_DEADLINE_S);
    }
    bytes_free(&frame);
    return result;
}

enum err load_center(const struct load_cast *cast, int pipe)
{
    size_t members = cast->plan.quorum.members;
    struct center center = {.cast = cast,
                            .pipe = pipe,
                            .held = mem_new(members, sizeof *center.held),
                            .met = mem_new(members, sizeof *center.met),
                            .survived = mem_new(members, 1),
                            .opened = load_now()};
    enum err result = open_center(&center);
    if (result == ERR_OK)
        result = serve(&center);
    porter_destroy(&center.porter);
    collection_destroy(&center.collection);
    identity_destroy(&center.identity);
    bytes_free(&center.signed_plan);
    bytes_free(&center.body);
    bytes_free(&center.answer);
    mem_free(center.held);
    mem_free(center.met);
    mem_free(center.survived);
    return result;
}
