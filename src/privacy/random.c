#include "privacy/random.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/memory.h"

#define BLOCK_BYTES 32768
#define BLOCK_WORDS (BLOCK_BYTES / sizeof(uint64_t))
#define SEED_WORDS (RANDOM_SEED_BYTES / sizeof(uint64_t))

struct random {
    uint64_t block[BLOCK_WORDS];
    size_t at;            /* next unread word; words before it are wiped */
    uint64_t spare;       /* unread bits of the last word, in the low end; above: 0 */
    unsigned spare_count; /* how many, below 64 */
    uint8_t seed[RANDOM_SEED_BYTES]; /* of the next block */
    bool seeded;         /* reproducible: not locked, not renewed after a fork */
    unsigned generation; /* of the process that filled the block */
    pid_t process;
};

static pthread_once_t random_once = PTHREAD_ONCE_INIT;
static volatile unsigned random_generation;

static void random_forked(void)
{
    random_generation++;
}

static void random_start(void)
{
    if (sodium_init() < 0 || pthread_atfork(NULL, NULL, random_forked) != 0)
        abort(); /* no randomness or no fork watch: fail closed */
}

void random_bytes(void *data, size_t size)
{
    pthread_once(&random_once, random_start);
    randombytes_buf(data, size);
}

static void random_renew(struct random *random)
{
    randombytes_buf(random->seed, sizeof random->seed);
    random->at = BLOCK_WORDS;
    random->spare = 0;
    random->spare_count = 0;
    random->generation = random_generation;
    random->process = getpid();
}

enum err random_new(struct random **random)
{
    pthread_once(&random_once, random_start);
    void *memory;
    enum err code = secret_new(sizeof(struct random), &memory);
    if (code)
        return err_wrap("random stream");
    struct random *fresh = memory;
    memset(fresh, 0, sizeof *fresh);
    random_renew(fresh);
    *random = fresh;
    return ERR_OK;
}

struct random *random_new_seeded(const uint8_t seed[RANDOM_SEED_BYTES])
{
    pthread_once(&random_once, random_start);
    struct random *random = mem_new(1, sizeof *random);
    memcpy(random->seed, seed, RANDOM_SEED_BYTES);
    random->at = BLOCK_WORDS;
    random->seeded = true;
    return random;
}

void random_destroy(struct random **random)
{
    if (!*random)
        return;
    bool seeded = (*random)->seeded;
    bytes_wipe(*random, sizeof **random);
    if (seeded)
        mem_free(*random);
    else
        secret_free(*random);
    *random = NULL;
}

/* A nonce never repeats under one key because a key makes one block and is then gone. */
static void random_refill(struct random *random)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    crypto_stream_chacha20((unsigned char *)random->block, BLOCK_BYTES, nonce,
                           random->seed);
    memcpy(random->seed, random->block, RANDOM_SEED_BYTES);
    bytes_wipe(random->block, RANDOM_SEED_BYTES);
    random->at = SEED_WORDS;
}

/* The counter sees every fork() at once; the process id, looked at once a block because
 * it is a system call, also sees a bare clone(). */
static uint64_t random_word(struct random *random)
{
    if (!random->seeded && (random->generation != random_generation ||
                            (random->at == BLOCK_WORDS && random->process != getpid())))
        random_renew(random);
    if (random->at == BLOCK_WORDS)
        random_refill(random);
    uint8_t bytes[sizeof(uint64_t)];
    memcpy(bytes, &random->block[random->at], sizeof bytes);
    random->block[random->at++] = 0;
    uint64_t word = 0;
    for (unsigned i = 0; i < sizeof bytes; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t random_u64(struct random *random)
{
    return random_word(random);
}

void random_fill(struct random *random, void *data, size_t size)
{
    uint8_t *bytes = data;
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++) {
        word = i % sizeof word == 0 ? random_word(random) : word >> 8;
        bytes[i] = (uint8_t)word;
    }
}

/* Bits come from `spare`, lowest first; what is missing from a new word's low end. The
 * spare bits left from before a fork are dropped by asking for the generation first. */
uint64_t random_bits(struct random *random, unsigned count)
{
    assert(count <= 64);
    if (!random->seeded && random->generation != random_generation)
        random_renew(random);
    if (count <= random->spare_count) { /* below 64 */
        uint64_t bits = random->spare & (((uint64_t)1 << count) - 1);
        random->spare_count -= count;
        random->spare >>= count;
        return bits;
    }
    unsigned have = random->spare_count, lacking = count - have; /* 1 .. 64 */
    uint64_t bits = random->spare;
    random->spare_count = 0;
    uint64_t word = random_word(random);
    bits |= (word & (UINT64_MAX >> (64 - lacking))) << have; /* have <= 63 */
    random->spare_count = 64 - lacking;
    random->spare = lacking == 64 ? 0 : word >> lacking;
    return bits;
}

uint64_t random_below(struct random *random, uint64_t n)
{
    assert(n >= 1);
    unsigned width = n == 1 ? 0 : 64 - (unsigned)__builtin_clzll(n - 1);
    for (;;) {
        uint64_t draw = random_bits(random, width);
        if (draw < n)
            return draw;
    }
}
