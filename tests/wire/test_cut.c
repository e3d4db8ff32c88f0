/* cut - the connection between a node and the coordinator, cut after any byte of the
 * handshake, of the question or of the answer, in either direction: the question is sent
 * again over the next connection and answered. With `nightly` after every byte. */

#include <pthread.h>

#include "base/clock.h"
#include "check.h"
#include "consortium.h"
#include "proxy.h"
#include "wire/transport.h"

#define CLIENTS 64
#define QUESTION_BYTES 700
#define BACK_MS 5000

static bool nightly;

struct scene {
    const struct consortium *c;
    struct identity *members[CLIENTS];
    struct transport_server *server;
    struct proxy proxy;
    uint16_t ports[CLIENTS];
    struct proxy_cut cuts[CLIENTS]; /* of this round */
    uint64_t waited[CLIENTS];
    atomic_bool stop;
    atomic_ulong questions;
    size_t unanswered;
};

static void plan(void *context, size_t listener, size_t before, struct proxy_cut *cut)
{
    const struct scene *scene = context;
    (void)before;
    *cut = scene->cuts[listener];
    if (cut->after !=
        SIZE_MAX) /* the first connection of the round, the next are left alone */
        ((struct scene *)context)->cuts[listener].after = SIZE_MAX;
}

static void *run_proxy(void *argument)
{
    proxy_run(&((struct scene *)argument)->proxy);
    return NULL;
}

static void *run_echo(void *argument)
{
    struct scene *scene = argument;
    struct transport_peer peer;
    struct bytes frame = {0};
    while (!scene->stop)
        if (transport_server_receive(scene->server, 20, -1, &peer, &frame) == ERR_OK) {
            scene->questions++;
            (void)transport_server_send(scene->server, &peer, codec_view(&frame));
        }
    bytes_free(&frame);
    return NULL;
}

struct caller {
    struct scene *scene;
    size_t place;
    pthread_t thread;
    bool answered;
};

static void *call(void *argument)
{
    struct caller *caller = argument;
    struct scene *scene = caller->scene;
    struct transport_client *client = NULL;
    struct bytes question = {0}, answer = {0};
    char endpoint[64];
    for (size_t i = 0; i < QUESTION_BYTES; i++)
        bytes_u8(&question, (uint8_t)(i + caller->place));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u",
             scene->ports[caller->place]);
    uint64_t before = clock_steady_ms(&clock_machine);
    caller->answered =
        transport_client_new(endpoint, scene->c->fields.coordinator_curve,
                             scene->members[caller->place], &client) == ERR_OK &&
        transport_client_ask(client, &question, 8000, -1, &answer) == ERR_OK &&
        answer.size == question.size &&
        memcmp(answer.data, question.data, answer.size) == 0;
    scene->waited[caller->place] = clock_steady_ms(&clock_machine) - before;
    transport_client_destroy(&client);
    bytes_free(&question);
    bytes_free(&answer);
    return NULL;
}

static void scene_set_up(struct scene *scene, const struct consortium *c)
{
    struct bytes curves = {0};
    memset(scene, 0, sizeof *scene);
    scene->c = c;
    for (unsigned i = 0; i < CLIENTS; i++) {
        uint8_t curve[KEY_BYTES];
        scene->members[i] = consortium_identity(100 + i);
        identity_curve(scene->members[i], curve);
        bytes_append(&curves, curve, KEY_BYTES);
        assert_true((scene->ports[i] = proxy_listen(&scene->proxy, 0)) != 0);
    }
    assert_ok(transport_server_new("tcp://127.0.0.1:*",
                                   identity_curve_secret(c->coordinator), &curves,
                                   &scene->server));
    scene->proxy.target =
        (uint16_t)atoi(strrchr(transport_server_endpoint(scene->server), ':') + 1);
    scene->proxy.plan = plan;
    scene->proxy.context = scene;
    bytes_free(&curves);
}

/* One cut each for as many members as there are, all at once; the longest wait. */
static uint64_t cut_all(struct scene *scene, size_t first, size_t step, int direction)
{
    struct caller callers[CLIENTS];
    uint64_t longest = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        scene->cuts[i] = (struct proxy_cut){first + i * step, direction};
        callers[i] = (struct caller){.scene = scene, .place = i};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        pthread_join(callers[i].thread, NULL);
        if (!callers[i].answered) {
            print_message("cut after byte %zu of direction %d: no answer\n",
                          first + i * step, direction);
            scene->unanswered++;
        }
        longest = scene->waited[i] > longest ? scene->waited[i] : longest;
    }
    return longest;
}

/* CURVE's handshake has 64 + 202 bytes and then INITIATE towards the server, 64 + 170 and
 * READY back; with the message about 1,200 and 1,000 bytes pass. */
static void cut__after_any_byte_the_question_is_answered(void **state)
{
    const struct consortium *c = *state;
    static struct scene scene;
    pthread_t proxy, echo;
    uint64_t longest = 0;
    const size_t last[] = {1200, 1000};
    scene_set_up(&scene, c);
    assert_int_equal(pthread_create(&proxy, NULL, run_proxy, &scene), 0);
    assert_int_equal(pthread_create(&echo, NULL, run_echo, &scene), 0);
    for (int direction = 0; direction < 2; direction++) {
        size_t step = nightly ? 1 : last[direction] / CLIENTS;
        for (size_t at = 0; at < last[direction] && !scene.unanswered;
             at += CLIENTS * step) {
            uint64_t waited = cut_all(&scene, at, step, direction);
            longest = waited > longest ? waited : longest;
        }
    }
    scene.stop = scene.proxy.stop = true;
    pthread_join(proxy, NULL);
    pthread_join(echo, NULL);
    print_message("%lu connections cut, the longest wait %d ms, %lu questions\n",
                  (unsigned long)scene.proxy.cuts, (int)longest,
                  (unsigned long)scene.questions);
    transport_server_destroy(&scene.server);
    for (size_t i = 0; i < CLIENTS; i++)
        identity_destroy(&scene.members[i]);
    assert_int_equal(scene.unanswered, 0);
    assert_true(longest < BACK_MS);
    assert_true(scene.proxy.cuts >= (nightly ? 2000 : 110));
}

int main(int argc, char **argv)
{
    nightly = argc > 1 && strcmp(argv[1], "nightly") == 0;
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(cut__after_any_byte_the_question_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
