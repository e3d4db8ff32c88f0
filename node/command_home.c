#include "node/commands.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "node/restore.h"
#include "node/control.h"
#include "node/patients.h"
#include "node/serve.h"

#define INVITE_FILE_MAX ((size_t)65536)
#define STATUS_FILE_MAX ((size_t)65536)

static void fingerprint_of(const struct node *node, char text[ROSTER_FINGERPRINT_SIZE])
{
    uint8_t keys[2 * KEY_BYTES];
    memcpy(keys, node->key, KEY_BYTES);
    identity_curve(node->identity, keys + KEY_BYTES);
    roster_fingerprint(keys, sizeof keys, text);
}

enum err command_init(struct cli *cli)
{
    struct node *node;
    char fingerprint[ROSTER_FINGERPRINT_SIZE];
    const char *store_key = cli_text(cli, "store-key", NULL);
    if (node_create_keyed(cli_directory(cli), cli_text(cli, "name", ""), store_key,
                          &node) != ERR_OK)
        return err_code();
    fingerprint_of(node, fingerprint);
    struct json *json = json_new_object();
    json_set_text(json, "folder", cli_directory(cli));
    json_set_text(json, "name", conf_text(node->conf, "name"));
    json_set_text(json, "fingerprint", fingerprint);
    cli_result(cli, json);
    if (!cli_is_json(cli)) {
        printf("node       %s\n", conf_text(node->conf, "name"));
        printf("folder     %s\n", cli_directory(cli));
        printf("identity   %s\n", fingerprint);
        if (!store_key || strcmp(store_key, "file") == 0)
            cli_say(cli, "the key of the encrypted store is store.key in that folder "
                         "(0400); keep a copy apart from backups");
        cli_say(cli, "next: gemel-node enrol INVITATION, gemel-node import FILE.csv");
    }
    node_destroy(&node);
    return ERR_OK;
}

enum err command_enrol(struct cli *cli)
{
    struct node *node;
    struct bytes invite = {0};
    char mine[ROSTER_FINGERPRINT_SIZE], theirs[ROSTER_FINGERPRINT_SIZE];
    char *request = NULL;
    const char *out = cli_text(cli, "output", NULL);
    if (file_read(cli_argument(cli, 0), INVITE_FILE_MAX, &invite) != ERR_OK)
        return err_code();
    enum err result = node_open(cli_directory(cli), &node);
    if (result != ERR_OK) {
        bytes_free(&invite);
        return result;
    }
    result = node_pin(node, (const char *)invite.data, invite.size,
                      clock_wall(&clock_machine));
    if (result == ERR_OK) {
        struct enrol_request fields = {.name = conf_text(node->conf, "name"),
                                       .issued = clock_wall(&clock_machine)};
        memcpy(fields.consortium, node->consortium.id, HASH_BYTES);
        memcpy(fields.key, node->key, KEY_BYTES);
        identity_curve(node->identity, fields.curve);
        result = roster_request_text(node->identity, &fields, &request);
    }
    if (result == ERR_OK && out)
        result = file_write(out, request, strlen(request), 0644);
    if (result == ERR_OK) {
        uint8_t keys[3 * KEY_BYTES];
        memcpy(keys, node->consortium.governance_key, KEY_BYTES);
        memcpy(keys + KEY_BYTES, node->consortium.coordinator_key, KEY_BYTES);
        memcpy(keys + 2 * KEY_BYTES, node->consortium.coordinator_curve, KEY_BYTES);
        roster_fingerprint(keys, sizeof keys, theirs);
        fingerprint_of(node, mine);
        struct json *json = json_new_object();
        json_set_text(json, "consortium", node->consortium.name);
        json_set_text(json, "endpoint", node->consortium.endpoint);
        json_set_text(json, "invitation_fingerprint", theirs);
        json_set_text(json, "request_fingerprint", mine);
        json_set_text(json, "request", request);
        cli_result(cli, json);
        if (!cli_is_json(cli)) {
            if (!out)
                fputs(request, stdout);
            cli_say(cli, "consortium  %s at %s", node->consortium.name,
                    node->consortium.endpoint);
            cli_say(cli, "invitation  %s   compare by telephone with the operator",
                    theirs);
            cli_say(cli, "request     %s   the operator compares this one", mine);
        }
    }
    mem_free(request);
    node_destroy(&node);
    bytes_free(&invite);
    return result;
}

/* Known or not: nobody should have to look for these. */
static void show_alarms(struct cli *cli, const struct json *alarms)
{
    for (size_t i = 0; i < json_count(alarms); i++) {
        if (!cli_is_json(cli))
            printf("ALARM      %s\n", json_as_text(json_at(alarms, i)));
        cli_problems(cli);
    }
}

/* What the daemon of this folder said last: `daemon` and `alarms` of a result. NULL when
 * none runs; one that was killed leaves its file behind. */
static struct json *last_said(const char *folder)
{
    char *path = node_serve_status_path(folder);
    struct bytes text = {0};
    struct json *said = NULL;
    if (file_read(path, STATUS_FILE_MAX, &text) == ERR_OK &&
        json_parse((const char *)text.data, text.size, &said) == ERR_OK) {
        double pid = json_get_real(json_get(said, "daemon"), "pid");
        if (!(pid > 0) || (kill((pid_t)pid, 0) != 0 && errno == ESRCH))
            json_destroy(&said);
    }
    bytes_free(&text);
    mem_free(path);
    return said;
}

static void show_daemon(const struct json *daemon)
{
    printf("daemon     running, process %.0f, as of %s\n", json_get_real(daemon, "pid"),
           json_get_text(daemon, "time"));
    printf("study      %s\n", json_get_text(daemon, "study"));
    printf("waiting    %s\n", json_get_text(daemon, "waiting"));
}

/* Somebody else has the store: a daemon that answers, or is at work and left word. */
static enum err status_elsewhere(struct cli *cli)
{
    enum err result = control_promptly(cli);
    struct json *said = result == ERR_GONE ? last_said(cli_directory(cli)) : NULL;
    if (!said)
        return result;
    cli_say(cli, "the daemon is at work; this is what it said last");
    show_alarms(cli, json_get(said, "alarms"));
    if (!cli_is_json(cli))
        show_daemon(json_get(said, "daemon"));
    cli_result(cli, said);
    return ERR_OK;
}

/* What somebody should know, or do something about. */
struct attention {
    size_t withdrawn, erased;
    struct keyring_state keyring;
    bool unproven; /* restored, and its ledger not yet compared */
    uint64_t since;
};

static enum err read_attention(struct node *node, struct attention *a)
{
    if (consent_count(node, CONSENT_WITHDRAWN, &a->withdrawn) != ERR_OK ||
        consent_count(node, CONSENT_ERASED, &a->erased) != ERR_OK ||
        keyring_state(node, &a->keyring) != ERR_OK)
        return err_code();
    return restore_is_unproven(node, &a->unproven, &a->since);
}

static void report_attention(struct cli *cli, const struct node *node,
                             const struct attention *a, struct json *json)
{
    char since[CLOCK_TEXT_SIZE];
    const char *source = conf_text(node->conf, "store_key");
    clock_text(a->since, since);
    json_set_integer(json, "patients_withdrawn", (int64_t)a->withdrawn);
    json_set_integer(json, "patients_erased", (int64_t)a->erased);
    json_set_text(json, "store_key", source);
    json_set_text(json, "keyring",
                  !a->keyring.used ? "none"
                  : a->keyring.due ? "behind"
                                   : "follows");
    json_set_text(json, "restored_unproven", a->unproven ? since : NULL);
    if (cli_is_json(cli))
        return;
    if (a->withdrawn || a->erased)
        printf("consent    %zu withdrawn, %zu erased\n", a->withdrawn, a->erased);
    printf("store key  %s\n", strcmp(source, "file") == 0
                                  ? "store.key, on the same disk as what it opens"
                                  : source);
    if (a->keyring.used && a->keyring.due)
        printf("keyring    behind the latest decisions: gemel-node backup keyring\n");
    if (a->unproven)
        printf("restored   from a backup of %s; in no round before its ledger was "
               "compared\n",
               since);
}

static void print_status(struct cli *cli, struct node *node, size_t patients,
                         size_t measurements, double mu2, const struct attention *a)
{
    char fingerprint[ROSTER_FINGERPRINT_SIZE];
    const struct node_consortium *c = &node->consortium;
    fingerprint_of(node, fingerprint);
    bool member = c->roster && roster_by_key(c->roster, node->key);
    struct json *json = last_said(home_folder(node->home)); /* we are that daemon */
    bool daemon = json != NULL;
    if (!daemon) {
        json = json_new_object();
        json_set(json, "daemon", json_new_null());
        json_set(json, "alarms", node_serve_alarms(node));
    }
    json_set_text(json, "name", conf_text(node->conf, "name"));
    json_set_text(json, "fingerprint", fingerprint);
    json_set_text(json, "consortium", c->known ? c->name : NULL);
    json_set_boolean(json, "member", member);
    json_set_integer(json, "patients", (int64_t)patients);
    json_set_integer(json, "measurements", (int64_t)measurements);
    json_set_integer(json, "ledger_entries", (int64_t)ledger_count(node->ledger));
    json_set_real(json, "mu_spent_most", mu2);
    json_set_text(json, "store", store_library());
    show_alarms(cli, json_get(json, "alarms"));
    if (cli_is_json(cli)) {
        report_attention(cli, node, a, json);
        cli_result(cli, json);
        return;
    }
    printf("node       %s\n", conf_text(node->conf, "name"));
    printf("identity   %s\n", fingerprint);
    printf("consortium %s%s\n", c->known ? c->name : "none yet",
           !c->known ? ""
           : member  ? ", member"
                     : ", not in a roster this node has seen");
    printf("patients   %zu with %zu measurements\n", patients, measurements);
    printf("ledger     %llu releases charged\n",
           (unsigned long long)ledger_count(node->ledger));
    printf("store      %s\n", store_library());
    report_attention(cli, node, a, json);
    if (daemon)
        show_daemon(json_get(json, "daemon"));
    cli_result(cli, json);
    printf("research use only; not a medical device\n");
}

enum err command_status(struct cli *cli)
{
    struct node *node;
    size_t patients, measurements;
    double mu2;
    struct attention attention;
    enum err result = node_open(cli_directory(cli), &node);
    if (result != ERR_OK)
        return status_elsewhere(cli);
    result = patients_count(node, &patients);
    if (result == ERR_OK)
        result = patients_measurements(node, &measurements);
    if (result == ERR_OK)
        result = ledger_spent_most(node->ledger, NULL, &mu2);
    if (result == ERR_OK)
        result = read_attention(node, &attention);
    if (result == ERR_OK)
        print_status(cli, node, patients, measurements, mu2 > 0 ? sqrt(mu2) : 0,
                     &attention);
    node_destroy(&node);
    return result;
}
