#include "bench/population.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "model/dataset.h"
#include "sim/estimate.h"

#define DATA SOURCE_DIR "/../shared/data/"

const struct population populations[2] = {
    {"leucocytes", "oncology/leucocytes", "wbcsim", "friberg,nlmixr2_focei"},
    {"warfarin_pkpd", "drugs/warfarin_pkpd", "warfarin", "pkpd_turnover,nlmixr2_focei"},
};

static void must(enum err err)
{
    if (err == ERR_OK)
        return;
    fprintf(stderr, "error: %s\n", err_text());
    exit(1);
}

/* model,tool,logLik,m2LL,npar,nobs,seconds,... */
static bool read_reference(const struct population *population,
                           struct population_pace *pace)
{
    char *path = mem_format(DATA "%s/reference_fits.csv", population->data), line[512];
    size_t size = strlen(population->reference);
    bool found = false;
    FILE *file = fopen(path, "r");
    mem_free(path);
    if (!file)
        return false;
    while (!found && fgets(line, sizeof line, file))
        found = strncmp(line, population->reference, size) == 0 &&
                sscanf(line + size, ",%*f,%lf,%*d,%*d,%lf",
                       &pace->peer_minus2_log_likelihood, &pace->peer_seconds) == 2;
    fclose(file);
    return found;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

bool population_measure(const struct population *population, int repeats,
                        struct population_pace *pace)
{
    const struct estimate_options options = {
        .rounds = ESTIMATE_ROUNDS_EXACT, .start_factor = 1, .threads = 1};
    const struct estimate_watch watch = {0};
    struct model *model;
    struct dataset *dataset;
    if (!read_reference(population, pace))
        return false;
    char *path = mem_format(SOURCE_DIR "/models/%s.twin", population->model);
    must(model_load(path, &model));
    mem_free(path);
    path = mem_format(DATA "%s/data.csv", population->data);
    must(dataset_read(path, NULL, model, &dataset));
    mem_free(path);
    size_t *hospital = mem_new(dataset_patients(dataset), sizeof *hospital);
    pace->seconds = INFINITY;
    for (int i = 0; i < repeats; i++) {
        struct estimate estimate = {0};
        double begun = seconds();
        must(estimate_run(model, dataset, hospital, 1, &options, &watch, &estimate));
        pace->seconds = fmin(pace->seconds, seconds() - begun);
        pace->minus2_log_likelihood = estimate.minus2_log_likelihood;
        estimate_clear(&estimate);
    }
    mem_free(hospital);
    dataset_destroy(&dataset);
    model_destroy(&model);
    return true;
}
