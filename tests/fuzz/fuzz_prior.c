/* fuzz_prior - the bytes of a prior and of a re-anchoring: what the coordinator publishes,
 * and what lies in a file until two officers have signed it.
 *
 * The first byte says which; the rest is the input. What is read is written again as the
 * same bytes, and has only numbers that its reader promised. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/prior.h"
#include "privacy/reanchor.h"
#include "seeds.h"

static const char text[] =
    "model drug version 1 \"t\"\ntime h\n"
    "[parameters]\nka = 1.5 1/h (0.01, 20) lognormal sd 0.6\n"
    "V = 30 L (1, 1000) lognormal sd 0.2 on WT\n"
    "[covariates]\nWT kg centre 70 scale 30\n"
    "[doses]\noral -> depot mg\n"
    "[equations]\nd/dt(depot) = -ka*depot\n"
    "d/dt(central) = ka*depot - ka*central\nCp = central/V unit mg/L\n"
    "[observations]\nCP : Cp ~ add(0.7 mg/L)\n";

static struct model *model;
static struct prior_layout layout;

static void begin(void)
{
    if (!model && (model_parse(text, strlen(text), "drug", &model) != ERR_OK ||
                   prior_layout(model, &layout) != ERR_OK))
        abort();
}

static void same(const struct bytes *again, const uint8_t *data, size_t size)
{
    if (again->size != size || memcmp(again->data, data, size) != 0)
        abort();
}

static void try_prior(const uint8_t *data, size_t size)
{
    struct prior *prior = NULL;
    struct bytes again = {0};
    if (prior_read(&layout, data, size, &prior) != ERR_OK) {
        if (prior)
            abort();
        return;
    }
    for (size_t i = 0; i < prior->p * prior->k; i++)
        if (!isfinite(prior->effects[i]))
            abort();
    for (size_t i = 0; i < prior->p; i++)
        if (!(prior->omega[i * prior->p + i] > 0) ||
            !(prior->scale[i] >= 1 && prior->scale[i] <= PRIOR_SCALE_MOST))
            abort();
    prior_write(prior, &again);
    same(&again, data, size);
    bytes_free(&again);
    prior_destroy(&prior);
}

static void try_reanchor(const uint8_t *data, size_t size)
{
    struct reanchor reanchor = {0};
    struct bytes again = {0};
    if (reanchor_read(data, size, &reanchor) != ERR_OK)
        return;
    reanchor_check(&reanchor);
    reanchor_write(&reanchor, &again);
    same(&again, data, size);
    bytes_free(&again);
    reanchor_clear(&reanchor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    begin();
    if (data[0] % 2)
        try_reanchor(data + 1, size - 1);
    else
        try_prior(data + 1, size - 1);
    return 0;
}

bool fuzz_seed(size_t index, struct bytes *seed)
{
    struct prior *prior;
    struct reanchor_claim claims[] = {{5, {5}, 3.5, 35, 20}, {6, {6}, 0, 0, 0}};
    const struct reanchor reanchor = {
        .after = 2, .number = 7, .issued = 9, .claims = claims, .claim_count = 2,
        .signature_count = 2};
    begin();
    if (index > 1)
        return false;
    bytes_u8(seed, (uint8_t)index);
    if (index == 1) {
        reanchor_write(&reanchor, seed);
        return true;
    }
    if (prior_from_model(model, &prior) != ERR_OK)
        abort();
    prior_write(prior, seed);
    prior_destroy(&prior);
    return true;
}
