#ifndef NODE_BASIS_H
#define NODE_BASIS_H

#include "front/cli.h"
#include "node/node.h"
#include "node/studies.h"

/* basis - the model and prior that twins are made from, as a command line names them:
 * --study NAME (its model and newest prior), or --model MODEL with the file's own prior
 * or, where the command has the option, the one of --prior FILE. Called by the commands.
 */

struct basis {
    struct node_study *study; /* NULL: the files' */
    struct model *own_model;
    struct prior *own_prior;
    struct prior_layout own_layout;
    const struct model *model;
    const struct prior_layout *layout;
    const struct prior *prior;
    char *source; /* in words: "round 8 of sbp", "model FILE", "FILE" */
    uint8_t prior_hash[HASH_BYTES];
};

/* Zeroed before; cleared afterwards whatever came of it. */
enum err basis_open(const struct cli *cli, struct node *node, const char *prior_path,
                    struct basis *basis);
void basis_clear(struct basis *basis);

#endif
