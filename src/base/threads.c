#include "base/threads.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/memory.h"

struct hand {
    threads_work *work;
    void *context;
    size_t index;
    pthread_t thread;
    bool started;
};

size_t threads_wanted(size_t asked)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    size_t wanted = asked ? asked : online > 0 ? (size_t)online : 1;
    return wanted < THREADS_MAX ? wanted : THREADS_MAX;
}

static void *begin(void *context)
{
    const struct hand *hand = context;
    hand->work(hand->context, hand->index);
    return NULL;
}

void threads_run(size_t count, threads_work *work, void *context)
{
    struct hand *hands = mem_new(count, sizeof *hands);
    for (size_t i = 0; i < count; i++)
        hands[i] = (struct hand){.work = work, .context = context, .index = i};
    for (size_t i = 1; i < count; i++)
        hands[i].started = pthread_create(&hands[i].thread, NULL, begin, &hands[i]) == 0;
    for (size_t i = 0; i < count; i++)
        if (!hands[i].started)
            begin(&hands[i]);
    for (size_t i = 1; i < count; i++)
        if (hands[i].started)
            pthread_join(hands[i].thread, NULL);
    mem_free(hands);
}
