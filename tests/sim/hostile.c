/* hostile - what consortium.sh sets on its coordinator, in real rounds:
 *
 *     hostile proxy PORT TARGET        pass connections on and cut two of three, after 1
 * to 20,000 bytes of one direction hostile strangers PORT COUNT     so many connections
 * of nobody's hostile flood PORT FOLDER        a message of 200 MiB in frames every other
 * second, by the member whose home that is
 *
 * Each until it is ended; the proxy then says how many it cut. */

#include <stdio.h>

#include <zmq.h>

#include "node/node.h"
#include "proxy.h"
#include "strangers.h"

/* Sizes of all orders alike, from a fixed seed. */
static void plan(void *context, size_t listener, size_t before, struct proxy_cut *cut)
{
    (void)context;
    (void)listener;
    (void)before;
    size_t after = 1;
    for (int doublings = rand() % 16; doublings > 0; doublings--)
        after = 2 * after + (size_t)(rand() % 2);
    *cut = (struct proxy_cut){after, rand() % 2};
}

static struct proxy proxy = {.plan = plan};

static void stop(int number)
{
    (void)number;
    proxy.stop = true;
}

static int run_cuts(uint16_t port, uint16_t target)
{
    proxy.target = target;
    srand(3);
    signal(SIGTERM, stop);
    if (proxy_listen(&proxy, port) == 0)
        return 1;
    proxy_run(&proxy);
    printf("%lu connections, %lu cut\n", (unsigned long)proxy.connections,
           (unsigned long)proxy.cuts);
    return 0;
}

static int flood(const char *port, const char *folder)
{
    static const uint8_t part[65536];
    enum { PARTS = 3200 };
    struct node *node;
    uint8_t curve[KEY_BYTES];
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%s", port);
    if (node_open(folder, &node) != ERR_OK) {
        fprintf(stderr, "hostile: %s\n", err_text());
        return 1;
    }
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
    identity_curve(node->identity, curve);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, node->consortium.coordinator_curve,
                   KEY_BYTES);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, curve, KEY_BYTES);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, identity_curve_secret(node->identity),
                   KEY_BYTES);
    if (zmq_connect(socket, endpoint) != 0)
        return 1;
    for (;; poll(NULL, 0, 2000))
        for (int i = 1; i <= PARTS; i++)
            zmq_send(socket, part, sizeof part, i < PARTS ? ZMQ_SNDMORE : 0);
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc == 4 && strcmp(argv[1], "proxy") == 0)
        return run_cuts((uint16_t)atoi(argv[2]), (uint16_t)atoi(argv[3]));
    if (argc == 4 && strcmp(argv[1], "strangers") == 0)
        strangers_stay((uint16_t)atoi(argv[2]), atoi(argv[3]), STDERR_FILENO);
    if (argc == 4 && strcmp(argv[1], "flood") == 0)
        return flood(argv[2], argv[3]);
    return 2;
}
