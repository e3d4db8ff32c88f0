#include "node/basis.h"

#include "base/file.h"
#include "base/memory.h"
#include "model/library.h"

void basis_clear(struct basis *basis)
{
    node_study_destroy(&basis->study);
    prior_destroy(&basis->own_prior);
    model_destroy(&basis->own_model);
    mem_free(basis->source);
}

static enum err basis_of_study(struct node *node, const char *name, struct basis *basis)
{
    uint8_t number[STUDY_BYTES];
    if (node_studies_find(node, name, number) != ERR_OK ||
        node_studies_open(node, number, &basis->study) != ERR_OK)
        return err_code();
    basis->model = basis->study->model;
    basis->layout = &basis->study->layout;
    basis->prior = basis->study->prior;
    basis->source =
        mem_format("round %llu of %s", (unsigned long long)basis->study->chain.length,
                   basis->study->terms.name);
    return ERR_OK;
}

static enum err read_prior(const char *path, struct basis *basis)
{
    struct bytes bytes = {0};
    enum err err = file_read(path, PRIOR_BYTES_MAX, &bytes);
    if (err == ERR_OK) {
        err = prior_read(&basis->own_layout, bytes.data, bytes.size, &basis->own_prior);
        if (err != ERR_OK)
            err_wrap("%s is no prior of the model %s", path,
                     model_name(basis->own_model));
    }
    bytes_free(&bytes);
    return err;
}

static enum err basis_of_file(const char *path, const char *prior_path,
                              struct basis *basis)
{
    if (library_load(path, &basis->own_model) != ERR_OK ||
        prior_layout(basis->own_model, &basis->own_layout) != ERR_OK ||
        (prior_path ? read_prior(prior_path, basis)
                    : prior_from_model(basis->own_model, &basis->own_prior)) != ERR_OK)
        return err_code();
    basis->model = basis->own_model;
    basis->layout = &basis->own_layout;
    basis->prior = basis->own_prior;
    basis->source = prior_path ? mem_text(prior_path) : mem_format("model %s", path);
    return ERR_OK;
}

enum err basis_open(const struct cli *cli, struct node *node, const char *prior_path,
                    struct basis *basis)
{
    const char *model = cli_text(cli, "model", NULL),
               *study = cli_text(cli, "study", NULL);
    if (!model == !study) {
        err_set(ERR_USAGE, "give either --model MODEL or --study NAME");
        return err_hint("a model is a file or a name of `gemel-node model list`; a study "
                        "brings its model and its newest prior");
    }
    if (study && prior_path)
        return err_set(ERR_USAGE, "--prior goes with --model: a study brings its own");
    enum err result = study ? basis_of_study(node, study, basis)
                            : basis_of_file(model, prior_path, basis);
    if (result == ERR_OK) {
        struct bytes bytes = {0};
        prior_write(basis->prior, &bytes);
        bytes_hash("gemel/prior/1", bytes.data, bytes.size, basis->prior_hash);
        bytes_free(&bytes);
    }
    return result;
}
