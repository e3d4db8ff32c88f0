#ifndef TESTS_SUPPORT_PROXY_H
#define TESTS_SUPPORT_PROXY_H

/* proxy - a network between loopback ports that cuts connections where it is told: after
 * so many bytes of one direction, without a word.
 *
 * `plan` is asked at every connection: its place (which of `listeners` took it), how many
 * that one took before, and fills in the cut. Runs in a thread or process of its own
 * until `stop` is set. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROXY_LISTENERS_MAX 128
#define PROXY_CONNECTIONS_MAX 256

struct proxy_cut {
    size_t after;  /* bytes; SIZE_MAX: never */
    int direction; /* 0: towards the server, 1: back */
};

struct proxy {
    int listeners[PROXY_LISTENERS_MAX];
    size_t listener_count, taken[PROXY_LISTENERS_MAX];
    uint16_t target;
    void (*plan)(void *context, size_t listener, size_t before, struct proxy_cut *cut);
    void *context;
    atomic_bool stop;
    atomic_ulong connections, cuts;
};

static inline struct sockaddr_in proxy_address(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* Listen on a port more (0: any free one) and say which it is; 0: it cannot be. */
static inline uint16_t proxy_listen(struct proxy *proxy, uint16_t port)
{
    struct sockaddr_in address = proxy_address(port);
    socklen_t size = sizeof address;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (proxy->listener_count == PROXY_LISTENERS_MAX ||
        bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        close(fd);
        return 0;
    }
    proxy->listeners[proxy->listener_count++] = fd;
    return ntohs(address.sin_port);
}

struct proxy_connection {
    int ends[2]; /* the client's, the server's */
    struct proxy_cut cut;
};

static inline bool proxy_accept(struct proxy *proxy, size_t listener,
                                struct proxy_connection *connection)
{
    struct sockaddr_in address = proxy_address(proxy->target);
    int client = accept(proxy->listeners[listener], NULL, NULL);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0 || connect(server, (struct sockaddr *)&address, sizeof address) != 0) {
        if (client >= 0)
            close(client);
        close(server);
        return false;
    }
    *connection = (struct proxy_connection){{client, server}, {SIZE_MAX, 0}};
    proxy->plan(proxy->context, listener, proxy->taken[listener]++, &connection->cut);
    proxy->connections++;
    return true;
}

/* Pass on what came from one end; false: the connection is over. */
static inline bool proxy_pass(struct proxy *proxy, struct proxy_connection *connection,
                              int from)
{
    uint8_t data[4096];
    size_t most = sizeof data;
    bool counted = from == connection->cut.direction && connection->cut.after != SIZE_MAX;
    if (counted && connection->cut.after < most)
        most = connection->cut.after;
    ssize_t got = most ? recv(connection->ends[from], data, most, 0) : 0;
    if (got > 0) {
        for (ssize_t at = 0, sent; at < got; at += sent)
            if ((sent = send(connection->ends[1 - from], data + at, (size_t)(got - at),
                             MSG_NOSIGNAL)) <= 0)
                return false;
        if (counted)
            connection->cut.after -= (size_t)got;
    }
    if (!counted || connection->cut.after > 0)
        return got > 0;
    proxy->cuts++;
    return false;
}

static inline void proxy_run(struct proxy *proxy)
{
    static _Thread_local struct proxy_connection connections[PROXY_CONNECTIONS_MAX];
    static _Thread_local struct pollfd
        items[PROXY_LISTENERS_MAX + 2 * PROXY_CONNECTIONS_MAX];
    size_t count = 0, listeners = proxy->listener_count;
    while (!proxy->stop) {
        for (size_t i = 0; i < listeners; i++)
            items[i] = (struct pollfd){.fd = proxy->listeners[i], .events = POLLIN};
        for (size_t i = 0; i < 2 * count; i++)
            items[listeners + i] =
                (struct pollfd){.fd = connections[i / 2].ends[i % 2], .events = POLLIN};
        poll(items, listeners + 2 * count, 20);
        for (size_t i = count; i-- > 0;) {
            bool on = true;
            for (int end = 0; on && end < 2; end++)
                if (items[listeners + 2 * i + (size_t)end].revents)
                    on = proxy_pass(proxy, &connections[i], end);
            if (on)
                continue;
            close(connections[i].ends[0]);
            close(connections[i].ends[1]);
            connections[i] = connections[--count];
        }
        for (size_t i = 0; i < listeners; i++)
            if (items[i].revents && count < PROXY_CONNECTIONS_MAX)
                count += proxy_accept(proxy, i, &connections[count]);
    }
    for (size_t i = 0; i < count; i++) {
        close(connections[i].ends[0]);
        close(connections[i].ends[1]);
    }
    for (size_t i = 0; i < listeners; i++)
        close(proxy->listeners[i]);
}

#endif
