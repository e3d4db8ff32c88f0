#include "node/commands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "node/newest.h"
#include "node/control.h"

#define REQUEST_LABEL "REANCHOR"
#define REQUEST_BYTES_MAX (REANCHOR_CLAIMS_MAX * 84 + 4096)

/* --- as it is
 * ----------------------------------------------------------------------------- */

static void print_state(struct node *node, const struct newest_state *state,
                        const char *head, const char *doubt)
{
    const char *anchor = conf_text(node->conf, "anchor");
    printf("charges    %llu, the last entry is number %llu\n",
           (unsigned long long)ledger_count(node->ledger),
           (unsigned long long)ledger_length(node->ledger));
    printf("head       %s\n", head);
    if (!*anchor)
        printf("anchor     none\n");
    else if (state->anchored)
        printf("anchor     %s, at entry %llu\n", anchor,
               (unsigned long long)state->anchor_length);
    else
        printf("anchor     %s does not hold\n", anchor);
    printf("newest     %s\n", doubt ? "no" : "as far as anybody knows");
}

enum err command_ledger_show(struct cli *cli)
{
    struct node *node;
    struct newest_state state;
    uint8_t head[HASH_BYTES];
    char digits[2 * HASH_BYTES + 1];
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    enum err checked = newest_check(node);
    char *doubt = checked == ERR_OK ? NULL : mem_text(err_text());
    char *hint = mem_text(err_hint_text());
    enum err result = checked == ERR_OK || checked == ERR_VERIFY
                          ? newest_state(node, &state)
                          : checked;
    if (result == ERR_OK) {
        ledger_head(node->ledger, head);
        bytes_to_hex(head, HASH_BYTES, digits);
        struct json *json = json_new_object();
        json_set_integer(json, "charges", (int64_t)ledger_count(node->ledger));
        json_set_integer(json, "length", (int64_t)ledger_length(node->ledger));
        json_set_text(json, "head", digits);
        json_set_text(json, "anchor",
                      state.anchored ? conf_text(node->conf, "anchor") : NULL);
        json_set_integer(json, "anchor_length", (int64_t)state.anchor_length);
        json_set_integer(json, "refused_length", (int64_t)state.refused_length);
        json_set_boolean(json, "newest", doubt == NULL);
        json_set_text(json, "doubt", doubt);
        cli_result(cli, json);
        if (!cli_is_json(cli))
            print_state(node, &state, digits, doubt);
        if (doubt) {
            result = err_set(ERR_VERIFY, "%s", doubt);
            err_hint("%s", hint);
        }
    }
    mem_free(doubt);
    mem_free(hint);
    node_destroy(&node);
    return result;
}

enum err command_ledger_anchor(struct cli *cli)
{
    struct node *node;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    enum err result = newest_anchor(node);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_text(json, "anchor", conf_text(node->conf, "anchor"));
        json_set_integer(json, "length", (int64_t)ledger_length(node->ledger));
        cli_result(cli, json);
        if (!cli_is_json(cli))
            printf("anchor     %s, at entry %llu\n", conf_text(node->conf, "anchor"),
                   (unsigned long long)ledger_length(node->ledger));
    }
    node_destroy(&node);
    return result;
}

/* --- to go on
 * ----------------------------------------------------------------------------- */

static enum err write_request(const char *path, const struct reanchor *request)
{
    struct bytes bytes = {0};
    reanchor_write(request, &bytes);
    char *text = bytes_to_armour(REQUEST_LABEL, bytes.data, bytes.size);
    enum err result = file_write(path, text, strlen(text), 0644);
    mem_free(text);
    bytes_free(&bytes);
    return result;
}

static enum err read_request(const char *path, struct reanchor *request)
{
    struct bytes text = {0}, bytes = {0};
    enum err result = file_read(path, REQUEST_BYTES_MAX, &text);
    if (result == ERR_OK)
        result = bytes_from_armour(REQUEST_LABEL, (const char *)text.data, text.size,
                                   &bytes);
    if (result == ERR_OK)
        result = reanchor_read(bytes.data, bytes.size, request);
    if (result == ERR_FORMAT)
        err_wrap("%s", path);
    bytes_free(&text);
    bytes_free(&bytes);
    return result;
}

/* What everybody is charged. */
static double claimed(const struct reanchor *request)
{
    double mu2 = 0;
    for (size_t i = 0; i < request->claim_count; i++)
        if (request->claims[i].noise_multiplier != 0)
            mu2 = accountant_sum(mu2,
                                 accountant_cost(request->claims[i].noise_multiplier));
    return mu2;
}

/* What is asked for or signed, for people and as JSON. */
static void tell(struct cli *cli, const char *path, const struct reanchor *request)
{
    char key[2 * KEY_BYTES + 1], issued[CLOCK_TEXT_SIZE];
    bytes_to_hex(request->node, KEY_BYTES, key);
    clock_text(request->issued, issued);
    double mu = sqrt(claimed(request));
    struct json *json = json_new_object();
    json_set_text(json, "file", path);
    json_set_text(json, "node", key);
    json_set_text(json, "issued", issued);
    json_set_integer(json, "after", (int64_t)request->after);
    json_set_integer(json, "number", (int64_t)request->number);
    json_set_integer(json, "claims", (int64_t)request->claim_count);
    json_set_real(json, "mu_everybody", mu);
    json_set_integer(json, "signatures", (int64_t)request->signature_count);
    cli_result(cli, json);
    if (cli_is_json(cli))
        return;
    printf("node       %s\n", key);
    printf("issued     %s\n", issued);
    printf("here       the ledger ends with entry %llu\n",
           (unsigned long long)request->after);
    printf("elsewhere  %zu entries that it does not have\n", request->claim_count);
    printf("charged    mu %.4g to everybody, whoever they named\n", mu);
    printf("goes on    with entry %llu\n", (unsigned long long)request->number);
    printf("signed     by %zu of %d officers\n", request->signature_count,
           REANCHOR_SIGNATURES);
}

enum err command_ledger_request(struct cli *cli)
{
    struct node *node;
    struct reanchor request = {0};
    const char *path = cli_text(cli, "output", NULL);
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    enum err result = newest_request(node, clock_wall(&clock_machine), &request);
    if (result == ERR_OK)
        result = write_request(path, &request);
    if (result == ERR_OK) {
        tell(cli, path, &request);
        cli_say(cli, "next: two officers sign it: gemel-node ledger sign %s --key FILE",
                path);
    }
    reanchor_clear(&request);
    node_destroy(&node);
    return result;
}

enum err command_ledger_sign(struct cli *cli)
{
    struct reanchor request = {0};
    struct identity *officer = NULL;
    const char *path = cli_argument(cli, 0), *out = cli_text(cli, "output", path);
    enum err result = read_request(path, &request);
    if (result == ERR_OK)
        result = identity_file_open(cli_text(cli, "key", NULL), &officer);
    if (result == ERR_OK)
        result = reanchor_sign(&request, officer);
    if (result == ERR_OK)
        result = write_request(out, &request);
    if (result == ERR_OK)
        tell(cli, out, &request);
    identity_destroy(&officer);
    reanchor_clear(&request);
    return result;
}

enum err command_ledger_reanchor(struct cli *cli)
{
    struct node *node = NULL;
    struct reanchor request = {0};
    const char *path = cli_argument(cli, 0);
    if (read_request(path, &request) != ERR_OK)
        return err_code();
    enum err result = node_open(cli_directory(cli), &node);
    if (result == ERR_OK)
        result = newest_reanchor(node, &request);
    if (result == ERR_OK)
        tell(cli, path, &request);
    node_destroy(&node);
    reanchor_clear(&request);
    return result;
}
