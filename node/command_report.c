#include "node/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "front/pdf.h"
#include "node/account.h"

#define REPORT_TAG "gemel/report/1"

static enum err write_line(struct json *json, const char *path)
{
    char *line = json_format(json), *text = mem_format("%s\n", line);
    enum err result = file_write(path, text, strlen(text), 0600);
    mem_free(text);
    mem_free(line);
    json_destroy(&json);
    return result;
}

/* FILE.sig beside FILE: the node's signature over the file's bytes, one JSON object
 * (docs/formats.md, "Officer's report"). */
static enum err write_signature(struct node *node, const struct bytes *file,
                                const char *path)
{
    uint8_t signature[IDENTITY_SIGNATURE_BYTES];
    char key[2 * KEY_BYTES + 1], digits[2 * IDENTITY_SIGNATURE_BYTES + 1];
    if (identity_sign(node->identity, REPORT_TAG, file->data, file->size, signature) !=
        ERR_OK)
        return err_code();
    struct json *json = json_new_object();
    bytes_to_hex(node->key, KEY_BYTES, key);
    bytes_to_hex(signature, sizeof signature, digits);
    json_set_text(json, "format", REPORT_TAG);
    json_set_text(json, "key", key);
    json_set_text(json, "signature", digits);
    char *beside = mem_format("%s.sig", path);
    enum err result = write_line(json, beside);
    mem_free(beside);
    return result;
}

/* What is signed is what is written. */
static enum err write_page(struct node *node, const struct json *account, uint64_t wall,
                           const char *path)
{
    struct report *page = account_page(account);
    struct bytes file = {0};
    enum err result = pdf_or_html(page, wall, path, &file);
    report_destroy(&page);
    if (result == ERR_OK)
        result = file_write(path, file.data, file.size, 0600);
    if (result == ERR_OK)
        result = write_signature(node, &file, path);
    bytes_free(&file);
    return result;
}

static enum err write_deployments(const struct json *account, const char *path)
{
    struct json *json = json_new_object();
    json_set(json, "deployments", account_deployments(account));
    return write_line(json, path);
}

static enum err write_files(struct cli *cli, struct node *node,
                            const struct json *account, uint64_t wall)
{
    const char *path = cli_text(cli, "output", NULL),
               *deployments = cli_text(cli, "deployments", NULL);
    if (deployments && write_deployments(account, deployments) != ERR_OK)
        return err_code();
    if (!path)
        return ERR_OK;
    if (write_page(node, account, wall, path) != ERR_OK)
        return err_code();
    cli_say(cli, "report: %s, signed by this node in %s.sig", path, path);
    return ERR_OK;
}

static void print_account(const struct json *account)
{
    const struct json *checked = json_get(account, "verified");
    printf(
        "spent      epsilon %.4g at delta %g by the patient who spent most (mu %.4f)\n",
        json_get_real(account, "epsilon_spent_most"), json_get_real(account, "delta"),
        json_get_real(account, "mu_spent_most"));
    printf("releases   %zu, in %zu studies offered\n",
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
    struct node *node;
    struct json *account = NULL;
    uint64_t wall = clock_wall(&clock_machine);
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    enum err result = account_json(node, wall, &account);
    if (result == ERR_OK)
        result = write_files(cli, node, account, wall);
    if (result == ERR_OK) {
        if (!cli_is_json(cli))
            print_account(account);
        cli_result(cli, account);
    } else {
        json_destroy(&account);
    }
    node_destroy(&node);
    return result;
}
