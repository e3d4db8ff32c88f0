#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t came, saying;
static int ends[2] = {-1, -1};

static void note(int number)
{
    static const char sentence[] =
        "\nstopping as soon as it is safe; once more ends it at once\n";
    (void)number;
    int before = errno;
    if (came)
        _exit(130);
    came = 1;
    ssize_t written = write(ends[1], "!", 1);
    if (saying)
        written = write(STDERR_FILENO, sentence, sizeof sentence - 1);
    (void)written; /* nobody to tell */
    errno = before;
}

void interrupt_watch(void)
{
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        abort(); /* not one descriptor left at the start of a process */
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void interrupt_say(void)
{
    saying = 1;
}

bool interrupt_came(void)
{
    return came;
}

int interrupt_descriptor(void)
{
    return ends[0];
}
