#include "node/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "front/pdf.h"
#include "node/account.h"

#define REPORT_TAG "gemel/report/1"

#define FILES_MAX 3 /* the report, its signature, the deployments */

/* What is to be written, all or nothing. */
struct files {
    struct bytes bytes[FILES_MAX];
    char *paths[FILES_MAX];
    size_t count;
};

/* A place for the content of another file. */
static struct bytes *files_add(struct files *files, const char *path, const char *ending)
{
    files->paths[files->count] = mem_format("%s%s", path, ending);
    return &files->bytes[files->count++];
}

static void files_clear(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        bytes_free(&files->bytes[i]);
        mem_free(files->paths[i]);
    }
}

static enum err files_write(const struct files *files)
{
    struct file_content contents[FILES_MAX];
    for (size_t i = 0; i < files->count; i++) {
        for (size_t j = 0; j < i; j++)
            if (strcmp(files->paths[i], files->paths[j]) == 0)
                return err_set(ERR_USAGE, "two files would be written to %s",
                               files->paths[i]);
        contents[i] = (struct file_content){files->paths[i], files->bytes[i].data,
                                            files->bytes[i].size};
    }
    return file_write_all(contents, files->count, 0600);
}

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
    put_line(json, beside);
    return ERR_OK;
}

/* What is signed is what is written. */
static enum err put_page(struct node *node, const struct json *account, uint64_t wall,
                         const char *path, struct files *files)
{
    struct report *page = account_page(account);
    struct bytes *file = files_add(files, path, ""),
                 *beside = files_add(files, path, ".sig");
    enum err result = pdf_or_html(page, wall, path, file);
    report_destroy(&page);
    return result == ERR_OK ? put_signature(node, file, beside) : result;
}

static enum err write_files(struct cli *cli, struct node *node,
                            const struct json *account, uint64_t wall)
{
    const char *path = cli_text(cli, "output", NULL),
               *deployments = cli_text(cli, "deployments", NULL);
    struct files files = {0};
    enum err result = ERR_OK;
    if (path)
        result = put_page(node, account, wall, path, &files);
    if (deployments) {
        struct json *json = json_new_object();
        json_set(json, "deployments", account_deployments(account));
        put_line(json, files_add(&files, deployments, ""));
    }
    if (result == ERR_OK)
        result = files_write(&files);
    files_clear(&files);
    if (result == ERR_OK && path)
        cli_say(cli, "report: %s, signed by this node in %s.sig", path, path);
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
