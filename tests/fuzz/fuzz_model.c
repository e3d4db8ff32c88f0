/* fuzz_model - texts of strangers: what a hospital is asked to approve.
 *
 * A text is refused as ERR_FORMAT with its place, or it is a model. A model's canonical
 * text is read again as the same model, and it can be evaluated. */

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/model.h"
#include "../model/random_text.h"
#include "seeds.h"

#define RANDOM_SEEDS 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Texts that nobody wrote, of all words that the grammar has, beside those of the folder.
 */
bool fuzz_seed(size_t index, struct bytes *seed)
{
    static const unsigned words[] = {
        RANDOM_SMOOTH | RANDOM_KINKS | RANDOM_WINDOWS | RANDOM_AGAIN,
        RANDOM_SMOOTH | RANDOM_JUMPS | RANDOM_DRIFTS | RANDOM_STEADY | RANDOM_WINDOWS,
        RANDOM_SMOOTH | RANDOM_AFFINE | RANDOM_OCCASIONS};
    if (index >= RANDOM_SEEDS)
        return false;
    char *text = random_model_text(50000 + index, words[index % 3], RANDOM_JUMPS);
    bytes_append(seed, text, strlen(text));
    mem_free(text);
    return true;
}

static void try_again(const struct model *model)
{
    struct model *again = NULL;
    const char *canonical = model_canonical(model);
    if (model_parse(canonical, strlen(canonical), "canonical", &again) != ERR_OK ||
        strcmp(canonical, model_canonical(again)) != 0)
        abort();
    model_destroy(&again);
}

static void try_evaluation(const struct model *model)
{
    size_t parameters = model_parameters(model), states = model_states(model);
    double typical[MODEL_PARAMETERS_MAX], covariates[MODEL_COVARIATES_MAX] = {0};
    double x[MODEL_STATES_MAX] = {0}, rate[MODEL_STATES_MAX];
    double *s = mem_new(states * model_directions(model), sizeof(double));
    double *dsdt = mem_new(states * model_directions(model), sizeof(double));
    struct evaluator *evaluator = evaluator_new(model, true);
    for (size_t i = 0; i < parameters; i++)
        typical[i] = model_parameter(model, i)->typical;
    evaluator_individual(evaluator, typical, covariates);
    if (evaluator_initial(evaluator, 0, x, s) == ERR_OK)
        evaluator_rate_directions(evaluator, 0, x, s, rate, dsdt);
    evaluator_destroy(&evaluator);
    mem_free(s);
    mem_free(dsdt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *model = NULL;
    enum err err = model_parse((const char *)data, size, "fuzz", &model);
    if (err != ERR_OK) {
        if (err != ERR_FORMAT || strncmp(err_text(), "fuzz:", 5) != 0)
            abort();
        return 0;
    }
    try_again(model);
    try_evaluation(model);
    model_destroy(&model);
    return 0;
}
