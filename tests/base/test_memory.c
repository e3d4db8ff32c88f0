#include "base/memory.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "check.h"
#include "scratch.h"

static void memory__new_is_zeroed_and_grows(void **state)
{
    (void)state;
    int *numbers = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 1000; i++) {
        MEM_GROW(numbers, i + 1, &capacity);
        numbers[i] = (int)i;
    }
    assert_int_equal(numbers[999], 999);
    mem_free(numbers);
    char *zero = mem_new(64, 1);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(zero[i], 0);
    mem_free(zero);
    char *text = mem_format("%d of %s", 3, "five");
    assert_string_equal(text, "3 of five");
    mem_free(text);
}

static void arena__stops_at_its_budget(void **state)
{
    (void)state;
    struct arena *arena = arena_new(100000);
    size_t taken = 0;
    while (arena_take(arena, 999))
        taken += 999;
    assert_in_range(taken, 90000, 100000);
    assert_null(arena_take(arena, SIZE_MAX));
    arena_destroy(&arena);
    assert_null(arena);
    arena_destroy(&arena);
}

static void arena__gives_aligned_zeroed_room_of_any_size(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    for (size_t size = 1; size < 40000; size = size * 3 + 1) {
        unsigned char *room = arena_take(arena, size);
        assert_non_null(room);
        assert_int_equal((uintptr_t)room % _Alignof(max_align_t), 0);
        assert_int_equal(room[size - 1], 0);
        memset(room, 1, size);
    }
    assert_string_equal(arena_text(arena, "abcdef", 3), "abc");
    arena_destroy(&arena);
}

/* Whether a process that crashes leaves a core, in a directory where it may. */
static bool leaves_a_core(const char *directory, bool private)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit;
        getrlimit(RLIMIT_CORE, &limit);
        limit.rlim_cur = limit.rlim_max;
        signal(SIGSEGV, SIG_DFL);
        if (chdir(directory) != 0 || setrlimit(RLIMIT_CORE, &limit) != 0)
            _exit(1);
        if (private) {
            mem_keep_private();
            getrlimit(RLIMIT_CORE, &limit);
            if (limit.rlim_max != 0 || prctl(PR_GET_DUMPABLE) != 0)
                _exit(1);
        }
        raise(SIGSEGV);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return WCOREDUMP(status);
}

static void memory__kept_private_goes_into_no_core(void **state)
{
    if (!leaves_a_core(*state, false))
        skip(); /* nobody's does here */
    assert_false(leaves_a_core(*state, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory__new_is_zeroed_and_grows),
        cmocka_unit_test_setup_teardown(memory__kept_private_goes_into_no_core,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test(arena__stops_at_its_budget),
        cmocka_unit_test(arena__gives_aligned_zeroed_room_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
