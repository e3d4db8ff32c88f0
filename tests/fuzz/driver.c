/* driver - a fuzz target without a fuzzer: its seeds, and so many mutations of them, the
 * same ones every time. What `ctest -R fuzz/` runs; tests/fuzz/README.md has the long way.
 *
 *     fuzz_policy 20000 [FOLDER of more seeds]
 *
 * The target aborts when a promise is broken; the last input is then in fuzz.input. */

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "seeds.h"

#define SEEDS_MAX ((size_t)4096)
#define SEED_BYTES_MAX ((size_t)1 << 20)

static struct bytes seeds[SEEDS_MAX], input;
static size_t seed_count;
static uint64_t state = 1;

static uint64_t draw(uint64_t below)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

/* --- seeds
 * --------------------------------------------------------------------------------------- */

static void read_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    if (!entries) {
        fprintf(stderr, "no folder %s\n", folder);
        exit(2);
    }
    for (struct dirent *entry; (entry = readdir(entries)) && seed_count < SEEDS_MAX;) {
        char *path = file_join(folder, entry->d_name);
        if (entry->d_name[0] != '.' &&
            file_read(path, SEED_BYTES_MAX, &seeds[seed_count]) == ERR_OK)
            seed_count++;
        mem_free(path);
    }
    closedir(entries);
}

/* For a target that has its seeds in a folder. */
__attribute__((weak)) bool fuzz_seed(size_t index, struct bytes *seed)
{
    (void)index;
    (void)seed;
    return false;
}

static void gather(const char *folder)
{
    while (seed_count < SEEDS_MAX && fuzz_seed(seed_count, &seeds[seed_count]))
        seed_count++;
    if (folder)
        read_folder(folder);
}

/* --- mutations
 * ----------------------------------------------------------------------------------- */

/* A number that readers trip over. */
static uint8_t edge(void)
{
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, '\n', ':', '"', '-', '9'};
    return edges[draw(sizeof edges)];
}

/* Part of another seed in place of a part. */
static void splice(void)
{
    const struct bytes *other = &seeds[draw(seed_count)];
    size_t at = draw(input.size + 1), from = draw(other->size + 1);
    size_t drop = draw(input.size - at + 1), take = draw(other->size - from + 1);
    struct bytes spliced = {0};
    bytes_append(&spliced, input.data, at);
    bytes_append(&spliced, other->data + from, take < 4096 ? take : 4096);
    bytes_append(&spliced, input.data + at + drop, input.size - at - drop);
    bytes_free(&input);
    input = spliced;
}

static void mutate(void)
{
    size_t at = input.size ? draw(input.size) : 0;
    switch (input.size ? draw(7) : 5) {
    case 0:
        input.data[at] ^= (uint8_t)(1 << draw(8));
        break;
    case 1:
        input.data[at] = edge();
        break;
    case 2:
        input.data[at] = (uint8_t)draw(256);
        break;
    case 3: /* a piece gone */
        memmove(input.data + at, input.data + at + 1, input.size - at - 1);
        input.size--;
        break;
    case 4:
        input.size = at;
        break;
    default:
        splice();
    }
}

/* --- the run
 * ------------------------------------------------------------------------------------- */

static void keep_input(int signal_number)
{
    FILE *out = fopen("fuzz.input", "wb");
    if (out) {
        fwrite(input.data, 1, input.size, out);
        fclose(out);
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void try_input(void)
{
    uint8_t *exact = mem_copy(input.data, input.size); /* a byte too far is seen */
    LLVMFuzzerTestOneInput(exact, input.size);
    mem_free(exact);
}

int main(int argc, char **argv)
{
    size_t wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    gather(argc > 2 ? argv[2] : NULL);
    if (wanted == 0 || seed_count == 0)
        return 2;
    signal(SIGABRT, keep_input);
    signal(SIGSEGV, keep_input);
    for (size_t i = 0; i < wanted; i++) {
        const struct bytes *seed = &seeds[i % seed_count];
        input.size = 0;
        bytes_append(&input, seed->data, seed->size);
        for (uint64_t left = i < seed_count ? 0 : 1 + draw(6); left > 0; left--)
            mutate();
        try_input();
    }
    printf("%zu inputs from %zu seeds\n", wanted, seed_count);
    return 0;
}
