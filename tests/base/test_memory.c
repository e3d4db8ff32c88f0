#include "base/memory.h"

#include "check.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory__new_is_zeroed_and_grows),
        cmocka_unit_test(arena__stops_at_its_budget),
        cmocka_unit_test(arena__gives_aligned_zeroed_room_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
