/* bench/engine - how fast twins are calibrated and simulated, beside the same model, the
 * same patients and the same search by CVODES (the distribution's package) in the same
 * process.
 *
 *   build/bench/engine [--json]
 *
 * Virtual patients (tests/support/virtual.h): a day of glucose (bench/hovorka.twin: ten
 * states, six parameters, three meals, three boluses and three basal rates each, a
 * reading every five minutes), and an oral drug (models/drugs/theophylline.twin, ten
 * readings). A fit is the product's own: mode, Laplace covariance, and a look around the
 * mode. Processor time of one thread. The peers fit the first PEERS of ours, a fair
 * sample, as all are drawn alike; the objectives of those have to be equal, or there is
 * no row.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "bench/peak.h"
#include "model/fit.h"
#include "numerics/lanes.h"
#include "virtual.h"

#define PATIENTS 400 /* ours */
#define PEERS 20     /* of them, by CVODES */
#define REPEATS 3    /* ours, the best of which counts: the machine is not ours alone */
#define DAY 1440.0
#define READINGS 288
#define TRUTH_SPREAD 0.5

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* --- work ------------------------------------------------------------------------------
 */

struct pace {
    double each; /* seconds */
    double objective;
    double flops; /* additions and products a second */
};

static struct pace fit_study(const struct virtual_study *study,
                             const struct engine_options *options, size_t count)
{
    struct engine *engine = engine_new(study->model, &study->layout, options);
    struct fit **fits = mem_new(count, sizeof *fits);
    struct engine_work work;
    struct pace pace = {0};
    double begun = seconds();
    fit_all(engine, study->prior, (const struct twin *const *)study->twins, count, fits);
    pace.each = (seconds() - begun) / (double)count;
    for (size_t i = 0; i < count; i++) {
        if (!fits[i]->converged) {
            fprintf(stderr, "error: patient %zu: %s\n", i, fits[i]->reason);
            exit(1);
        }
        if (i < PEERS)
            pace.objective += fits[i]->objective;
        fit_destroy(&fits[i]);
    }
    engine_work(engine, &work);
    pace.flops = work.flops / (pace.each * (double)count);
    mem_free(fits);
    engine_destroy(&engine);
    return pace;
}

/* The whole of a day at each reading: every state, quantity and observation. */
static double times[READINGS];

static struct pace simulate(const struct virtual_study *study,
                            const struct engine_options *options, size_t count)
{
    const struct model *model = study->model;
    struct engine *engine = engine_new(model, &study->layout, options);
    size_t width = model_states(model) + model_derived(model) + model_observations(model);
    double *out = mem_new(count * READINGS * width, sizeof *out);
    struct twin_course *courses = mem_new(count, sizeof *courses);
    struct pace pace = {0};
    for (size_t i = 0; i < count; i++)
        courses[i] = (struct twin_course){study->twins[i], study->truth[i],
                                          out + i * READINGS * width, ERR_OK};
    double begun = seconds();
    twin_simulate_all(engine, courses, count, times, READINGS);
    pace.each = (seconds() - begun) / (double)count;
    for (size_t i = 0; i < PEERS; i++) {
        virtual_must(courses[i].err);
        for (size_t j = 0; j < READINGS; j++)
            pace.objective += courses[i].out[j * width + width - 1];
    }
    mem_free(courses);
    mem_free(out);
    engine_destroy(&engine);
    return pace;
}

typedef struct pace work_function(const struct virtual_study *study,
                                  const struct engine_options *options, size_t count);

static struct pace best_of(work_function *work, const struct virtual_study *study,
                           double tolerance, enum engine_solver solver)
{
    const struct engine_options options = {solver, tolerance};
    struct pace best = {.each = INFINITY};
    for (int i = 0; i < REPEATS; i++) {
        struct pace one = work(study, &options, study->count);
        best = one.each < best.each ? one : best;
    }
    return best;
}

/* --- rows ------------------------------------------------------------------------------
 */

static bool json, first_row = true;

/* Both solved the same problem to its tolerance. */
static void print_row(const char *work, const char *engine, const char *against,
                      struct pace ours, struct pace peer, double equal)
{
    if (!(fabs(ours.objective - peer.objective) <= equal * fabs(peer.objective))) {
        fprintf(stderr, "error: %s: objectives %.9g and %.9g\n", work, ours.objective,
                peer.objective);
        exit(1);
    }
    if (json)
        printf("%s\n  {\"work\": \"%s\", \"engine\": \"%s\", \"against\": "
               "\"%s_package\", \"ratio\": %.4g, \"ours\": %.4g, \"peer\": %.4g, "
               "\"unit\": \"us\"}",
               first_row ? "" : ",", work, engine, against, peer.each / ours.each,
               1e6 * ours.each, 1e6 * peer.each);
    else
        printf("%-17s %-12s %-13s %9.1f us %11.1f us %7.1f\n", work, engine, against,
               1e6 * ours.each, 1e6 * peer.each, peer.each / ours.each);
    first_row = false;
}

/* One kind of work by us, as the build made C of the model and by the interpreter, and by
 * CVODES; ours of the faster. */
static struct pace compare(const char *name, work_function *work,
                           const struct virtual_study *study,
                           const struct virtual_study *interpreted, double tolerance)
{
    static const struct {
        const char *name;
        enum engine_solver solver;
    } peers[] = {{"cvodes_adams", ENGINE_ADAMS}, {"cvodes_bdf", ENGINE_BDF}};
    const struct virtual_study *ways[] = {study, interpreted};
    struct pace paces[2];
    for (size_t way = 0; way < 2; way++)
        paces[way] = best_of(work, ways[way], tolerance, ENGINE_LANES);
    for (size_t i = 0; i < 2; i++) {
        const struct engine_options options = {peers[i].solver, tolerance};
        struct pace peer = work(study, &options, PEERS);
        for (size_t way = 0; way < 2; way++)
            print_row(name, execution_name(model_execution(ways[way]->model)),
                      peers[i].name, paces[way], peer, 100 * tolerance);
    }
    return paces[0];
}

/* From the text of a model to the first fit of a patient. */
static double first_result(const struct virtual_study *study, const char *path)
{
    double begun = seconds();
    struct model *model;
    struct prior_layout layout;
    struct prior *prior;
    struct fit *fit;
    virtual_must(model_load(path, &model));
    virtual_must(prior_layout(model, &layout));
    virtual_must(prior_from_model(model, &prior));
    struct engine *engine = engine_new(model, &layout, NULL);
    double compiled = seconds() - begun;
    virtual_must(fit_new(engine, study->twins[0], prior, &fit));
    fit_destroy(&fit);
    engine_destroy(&engine);
    prior_destroy(&prior);
    model_destroy(&model);
    return compiled;
}

static const char *const works[] = {"glucose_map_1e-6", "glucose_map_1e-4", "pk_map_1e-6",
                                    "glucose_simulate"};

static void print_end(const struct pace *paces, double share)
{
    if (!json)
        printf("\n%-17s %s\n", "work", "patients a second and core");
    else
        printf("],\n \"patients_per_second\": {");
    for (size_t i = 0; i < 4; i++)
        if (json)
            printf("%s\"%s\": %.4g", i ? ", " : "", works[i], 1 / paces[i].each);
        else
            printf("%-17s %8.0f\n", works[i], 1 / paces[i].each);
    if (json)
        printf("}, \"peak_share\": %.3g}\n", share);
}

static const char glucose_path[] = SOURCE_DIR "/bench/hovorka.twin";

static void open_studies(struct virtual_study *glucose, struct virtual_study *oral)
{
    static const double hours[] = {0.25, 0.5, 1, 2, 3.5, 5, 7, 9, 12, 24};
    virtual_open(glucose, glucose_path, virtual_glucose_day, PATIENTS, TRUTH_SPREAD,
                 times, READINGS);
    virtual_open(oral, SOURCE_DIR "/models/drugs/theophylline.twin", virtual_oral_dose,
                 PATIENTS, TRUTH_SPREAD, hours, 10);
}

int main(int count, char **arguments)
{
    struct virtual_study glucose, oral, glucose_text, oral_text;
    json = count == 2 && strcmp(arguments[1], "--json") == 0;
    if (count > 1 && !json) {
        fprintf(stderr, "usage: engine [--json]\n");
        return 2;
    }
    for (size_t i = 0; i < READINGS; i++)
        times[i] = DAY / READINGS * (double)(i + 1);
    open_studies(&glucose, &oral);
    open_studies(&glucose_text, &oral_text);
    model_interpret(glucose_text.model);
    model_interpret(oral_text.model);
    if (json)
        printf("{\"simd\": \"%s\", \"rows\": [", simd_name(simd_best()));
    else
        printf("%-17s %-12s %-13s %12s %14s %7s   (%s)\n", "work", "engine", "against",
               "ours", "peer", "ratio", simd_name(simd_best()));
    const struct pace paces[] = {
        compare(works[0], fit_study, &glucose, &glucose_text, 1e-6),
        compare(works[1], fit_study, &glucose, &glucose_text, 1e-4),
        compare(works[2], fit_study, &oral, &oral_text, 1e-6),
        compare(works[3], simulate, &glucose, &glucose_text, 1e-6)};
    double peak = peak_flops(simd_best()), share = paces[0].flops / peak;
    print_end(paces, share);
    if (!json) {
        printf("\n%.1f Gflop/s of %.1f that fused products reach: %.0f %%\n",
               1e-9 * paces[0].flops, 1e-9 * peak, 100 * share);
        if (simd_best() == SIMD_AVX512)
            printf("with AVX2 instead, glucose_map_1e-6 runs at %.2f of the pace\n",
                   paces[0].each /
                       best_of(fit_study, &glucose, 1e-6, ENGINE_NARROW).each);
        printf("from a text to an engine for it: %.2f ms\n",
               1e3 * first_result(&glucose, glucose_path));
    }
    virtual_close(&glucose);
    virtual_close(&oral);
    virtual_close(&glucose_text);
    virtual_close(&oral_text);
    return 0;
}
