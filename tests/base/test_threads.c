#include "base/threads.h"

#include <pthread.h>
#include <unistd.h>

#include "check.h"

struct book {
    unsigned done[THREADS_MAX];
    pthread_barrier_t all;
    bool together;
};

static void write_down(void *context, size_t index)
{
    struct book *book = context;
    if (book->together)
        pthread_barrier_wait(&book->all);
    book->done[index]++;
}

/* Nobody goes on before all are there: they do run at the same time. */
static void threads__work_at_the_same_time_each_once(void **state)
{
    (void)state;
    for (size_t count = 0; count <= 9; count += 3) {
        struct book book = {.together = count > 0};
        if (count)
            pthread_barrier_init(&book.all, NULL, (unsigned)count);
        threads_run(count, write_down, &book);
        for (size_t i = 0; i < THREADS_MAX; i++)
            assert_int_equal(book.done[i], i < count);
        if (count)
            pthread_barrier_destroy(&book.all);
    }
}

static void threads__are_as_many_as_asked_for_or_as_processors(void **state)
{
    (void)state;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    assert_int_equal(threads_wanted(0),
                     (size_t)online < THREADS_MAX ? (size_t)online : THREADS_MAX);
    assert_int_equal(threads_wanted(3), 3);
    assert_int_equal(threads_wanted(1000000), THREADS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads__work_at_the_same_time_each_once),
        cmocka_unit_test(threads__are_as_many_as_asked_for_or_as_processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
