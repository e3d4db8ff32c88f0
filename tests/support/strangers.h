#ifndef TESTS_SUPPORT_STRANGERS_H
#define TESTS_SUPPORT_STRANGERS_H

/* strangers - connections that are nobody's: silent, with half a greeting, with one byte
 * of it a second, or with garbage; whoever is shown out comes back. For a process of its
 * own. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* -1 where this process or the network has no room for one more. */
static inline int strangers_connect(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* What the one in this place does in this second. */
static inline void strangers_act(int fd, int place, size_t second)
{
    static const uint8_t greeting[] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1};
    ssize_t went = 0;
    if (place % 4 == 1 && second < sizeof greeting)
        went = send(fd, greeting + second, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (place % 4 == 2 && second == 0)
        went = send(fd, greeting, sizeof greeting, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (place % 4 == 3)
        went = send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)went;
}

/* Never returns. Tells how many they are through the descriptor `tells`. */
static inline void strangers_stay(uint16_t port, int count, int tells)
{
    struct rlimit limit;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int *held = calloc((size_t)count, sizeof *held), made = 0;
    while (held && made < count && (held[made] = strangers_connect(port)) >= 0)
        made++;
    if (write(tells, &made, sizeof made) != sizeof made)
        _exit(1);
    for (size_t second = 0;; second++) {
        for (int i = 0; i < made; i++) {
            char data[256];
            if (held[i] < 0 || recv(held[i], data, sizeof data, MSG_DONTWAIT) == 0) {
                if (held[i] >= 0)
                    close(held[i]);
                held[i] = strangers_connect(port);
            }
            strangers_act(held[i], i, second);
        }
        poll(NULL, 0, 1000);
    }
}

#endif
