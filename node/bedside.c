#include "node/bedside.h"

#include "base/memory.h"
#include "node/control.h"
#include "node/patients.h"

static enum err ask_here(struct cli *cli, struct node *node, const struct basis *basis,
                         bedside_question *question, struct json **answer)
{
    struct record *record = NULL;
    char digits[2 * HASH_BYTES + 1];
    int64_t id;
    enum err err = patients_find(node, cli_argument(cli, 0), &id);
    if (err == ERR_OK)
        err = patients_record(node, id, &record);
    if (err == ERR_OK)
        err = question(cli, basis, record, answer);
    if (err == ERR_OK) {
        bytes_to_hex(basis->prior_hash, HASH_BYTES, digits);
        json_set_text(*answer, "prior", basis->source);
        json_set_text(*answer, "prior_hash", digits);
    }
    record_destroy(&record);
    return err;
}

enum err bedside_ask(struct cli *cli, bedside_question *question, struct json **answer)
{
    struct node *node = NULL;
    struct basis *basis = mem_new(1, sizeof *basis);
    enum err err = node_open(cli_directory(cli), &node);
    if (err != ERR_OK)
        err = control_ask(cli, answer);
    else if ((err = basis_open(cli, node, cli_text(cli, "prior", NULL), basis)) == ERR_OK)
        err = ask_here(cli, node, basis, question, answer);
    node_destroy(&node);
    basis_clear(basis);
    mem_free(basis);
    return err;
}
