#include "node/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "front/pdf.h"
#include "node/account.h"
#include "node/control.h"

#define REPORT_TAG "gemel/report/1"

/* Takes the object. */
static void put_line(struct json *json, struct bytes *bytes)
{
    char *line = json_format(json);
    bytes_append(bytes, line, strlen(line));
    bytes_u8(bytes, '\n');
    mem_free(line);
    json_destroy(&json);
}

/* FILE.sig beside FILE: the node's signature over the file's bytes, one JSON object
 * (docs/formats.md, "Officer's report"). */
static enum err put_signature(struct node *node, const struct bytes *file,
                              struct bytes *beside)
{
    uint8_t signature[IDENTITY_SIGNATURE_BYTES];
    if (identity_sign(node->identity, REPORT_TAG, file->data, file->size, signature) !=
        ERR_OK)
        return err_code();
    struct json *json = json_new_object();
    json_set_text(json, "format", REPORT_TAG);
    json_set_hex(json, "key", node->key, KEY_BYTES);
    json_set_hex(json, "signature", signature, sizeof signature);
    put_line(json, beside);
    return ERR_OK;
}

/* What is signed is what is written. */
static enum err put_page(struct cli *cli, struct node *node, const struct json *account,
                         uint64_t wall)
{
    struct report *page = account_page(account);
    struct bytes file = {0}, beside = {0};
    enum err result = pdf_or_html(page, wall, cli_text(cli, "output", ""), &file);
    if (result == ERR_OK)
        result = put_signature(node, &file, &beside);
    report_destroy(&page);
    if (result == ERR_OK) {
        cli_file(cli, "output", "", &file);
        cli_file(cli, "output", ".sig", &beside);
    }
    bytes_free(&file);
    bytes_free(&beside);
    return result;
}

static enum err make(struct cli *cli, struct node *node, struct json **account)
{
    uint64_t wall = clock_wall(&clock_machine);
    struct bytes line = {0};
    enum err result = account_json(node, wall, account);
    if (result == ERR_OK && cli_given(cli, "output"))
        result = put_page(cli, node, *account, wall);
    if (result == ERR_OK && cli_given(cli, "deployments")) {
        struct json *json = json_new_object();
        json_set(json, "deployments", account_deployments(*account));
        put_line(json, &line);
        cli_file(cli, "deployments", "", &line);
    }
    return result;
}

static void print_account(const struct json *account)
{
    const struct json *checked = json_get(account, "verified");
    printf(
        "spent      epsilon %.4g at delta %g by the patient who spent most (mu %.4f)\n",
        json_get_real(account, "epsilon_spent_most"), json_get_real(account, "delta"),
        json_get_real(account, "mu_spent_most"));
    printf("releases   %zu; studies offered %zu\n",
           json_count(json_get(account, "releases")),
           json_count(json_get(account, "studies")));
    printf("refusals   %zu, decisions %zu\n", json_count(json_get(account, "refusals")),
           json_count(json_get(account, "decisions")));
    printf("checked    ledger, %.0f entries; audit record, %.0f entries: all hold\n",
           json_get_real(checked, "ledger_entries"),
           json_get_real(checked, "audit_entries"));
}

enum err command_report_officer(struct cli *cli)
{
    struct node *node = NULL;
    struct json *account = NULL;
    const char *path = cli_text(cli, "output", NULL);
    enum err result = node_open(cli_directory(cli), &node) == ERR_OK
                          ? make(cli, node, &account)
                          : control_ask(cli, &account);
    if (result == ERR_OK)
        result = cli_write_files(cli);
    if (result == ERR_OK && path)
        cli_say(cli, "report: %s, signed by this node in %s.sig", path, path);
    if (result == ERR_OK && !cli_is_json(cli))
        print_account(account);
    cli_result(cli, account);
    node_destroy(&node);
    return result;
}
