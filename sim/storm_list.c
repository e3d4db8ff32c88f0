#include "sim/storm_impl.h"

#include <string.h>

struct random *storm_stream(uint64_t seed, const char *what)
{
    uint8_t hash[HASH_BYTES];
    struct bytes bytes = {0};
    bytes_u64(&bytes, seed);
    bytes_text(&bytes, what);
    bytes_hash("gemel/storm/1", bytes.data, bytes.size, hash);
    bytes_free(&bytes);
    return random_new_seeded(hash);
}

/* Most of it work, or nothing would ever get far; the rest anything. */
struct storm_op *storm_draw(uint64_t seed, size_t count)
{
    struct random *random = storm_stream(seed, "list");
    struct storm_op *ops = mem_new(count, sizeof *ops);
    for (size_t i = 0; i < count; i++)
        ops[i] = (struct storm_op){
            random_below(random, 5) ? STORM_WORK
                                    : (enum storm_kind)random_below(random, STORM_KINDS),
            (uint32_t)random_below(random, 1000), (uint32_t)random_below(random, 1000)};
    random_destroy(&random);
    return ops;
}

/* One turn: each node asks, its question arrives, the answer arrives, the clock goes on.
 */
static struct storm_op step_of(size_t step, uint32_t members)
{
    size_t within = step % (3 * members + 1);
    if (within == 3 * members)
        return (struct storm_op){STORM_TICK, 0, 0};
    return within % 3 ? (struct storm_op){STORM_CARRY, 0, 0}
                      : (struct storm_op){STORM_ASK, (uint32_t)(within / 3), 0};
}

struct storm_op *storm_draw_weather(uint64_t seed, uint32_t members, uint32_t one_in,
                                    size_t count)
{
    static const enum storm_kind mishaps[] = {STORM_KILL, STORM_KILL_C, STORM_CUT,
                                              STORM_DELAY, STORM_SLEEP};
    struct random *random = storm_stream(seed, "weather");
    struct storm_op *ops = mem_new(count, sizeof *ops);
    for (size_t i = 0, step = 0; i < count; i++)
        ops[i] =
            random_below(random, one_in)
                ? step_of(step++, members)
                : (struct storm_op){
                      mishaps[random_below(random, sizeof mishaps / sizeof *mishaps)],
                      (uint32_t)random_below(random, members),
                      (uint32_t)random_below(random, 1000)};
    random_destroy(&random);
    return ops;
}

size_t storm_shrink(struct storm_op *ops, size_t count, storm_fails *fails, void *context)
{
    struct storm_op *rest = mem_new(count, sizeof *rest);
    size_t size = count > 1 ? count / 2 : count;
    while (size > 0) {
        bool shorter = false;
        for (size_t from = 0; from + size <= count;) {
            memcpy(rest, ops, from * sizeof *ops);
            memcpy(rest + from, ops + from + size, (count - from - size) * sizeof *ops);
            if (fails(context, rest, count - size)) {
                count -= size;
                memcpy(ops, rest, count * sizeof *ops);
                shorter = true;
            } else {
                from += size;
            }
        }
        if (size > 1 || !shorter)
            size /= 2;
    }
    mem_free(rest);
    return count;
}

char *storm_text(const struct storm_op *ops, size_t count)
{
    static const char *const names[] = {
#define STORM_NAME(code) #code,
        STORM_LIST(STORM_NAME)
#undef STORM_NAME
    };
    struct bytes text = {0};
    for (size_t i = 0; i < count; i++) {
        char *op = mem_format("{STORM_%s, %u, %u},\n", names[ops[i].kind], ops[i].who,
                              ops[i].how);
        bytes_append(&text, op, strlen(op));
        mem_free(op);
    }
    bytes_u8(&text, 0);
    char *copy = mem_text((const char *)text.data);
    bytes_free(&text);
    return copy;
}
