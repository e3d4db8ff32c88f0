#include "interrupt.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* In a child: what becomes of a process that receives `signals` one after the other and
 * asks nothing, or asks after the first. */
static int status_after(const int *signals, size_t count, bool ask)
{
    pid_t child = fork();
    if (child == 0) {
        interrupt_watch();
        struct pollfd fd = {.fd = interrupt_descriptor(), .events = POLLIN};
        if (interrupt_came() || poll(&fd, 1, 0) != 0)
            _exit(1);
        for (size_t i = 0; i < count; i++)
            raise(signals[i]);
        if (ask && (!interrupt_came() || poll(&fd, 1, 0) != 1))
            _exit(2);
        _exit(42);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void interrupt__the_first_asks_and_the_second_ends(void **state)
{
    (void)state;
    const int signals[] = {SIGINT, SIGTERM, SIGINT};
    assert_int_equal(status_after(signals, 0, false), 42);
    assert_int_equal(status_after(signals, 1, true), 42);
    assert_int_equal(status_after(signals + 1, 1, true), 42); /* SIGTERM does the same */
    assert_int_equal(status_after(signals, 2, true), 130);
    assert_int_equal(status_after(signals + 1, 2, true), 130);
}

static void interrupt__the_descriptor_wakes_a_wait(void **state)
{
    (void)state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        interrupt_watch();
        if (write(ready[1], "!", 1) != 1)
            _exit(1);
        struct pollfd fd = {.fd = interrupt_descriptor(), .events = POLLIN};
        while (poll(&fd, 1, 10000) < 0)
            continue; /* EINTR */
        _exit(fd.revents & POLLIN ? 0 : 2);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(child, SIGINT);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupt__the_first_asks_and_the_second_ends),
        cmocka_unit_test(interrupt__the_descriptor_wakes_a_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
