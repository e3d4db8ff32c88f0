/* bench/engine - how fast twins are calibrated and simulated, beside the same model, the
 * same patients and the same search by the distribution's CVODES, as its manual has it
 * (bench/ordinary.c, in a program next to this one: `package`) and as the house uses it
 * (numerics/ode, in the same process: `stacked`); beside the latter with CVODES built
 * anew for this processor, by another program, if the build found its source (`rebuilt`);
 * and two populations beside nlmixr2's seconds, if their data are there. What is absent
 * is said.
 *
 *   build/bench/engine [--json]
 *
 * Virtual patients (tests/support/virtual.h): a day of glucose (bench/hovorka.twin: ten
 * states, six parameters, three meals, three boluses and three basal rates each, a
 * reading every five minutes), and an oral drug (models/drugs/theophylline.twin, ten
 * readings). `map` is one descent from the prior's centre to a mode, with the Laplace
 * covariance there; `fit` the product's own, which looks around the mode and begins anew
 * from whatever it then sees to be lower; `outcomes` is what such a day comes to.
 * Processor time of one thread. The peers fit the first PEERS of ours, a fair sample, as
 * all are drawn alike; the objectives of those have to be equal, or there is no row.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "bench/peak.h"
#include "bench/population.h"
#include "model/fit.h"
#include "model/outcome.h"
#include "numerics/lanes.h"
#include "virtual.h"

#define PATIENTS 400 /* ours */
#define PEERS 20     /* of them, by CVODES */
#define REPEATS                                                                          \
    3              /* of both, the best of which counts: the machine is not ours alone;  \
                    */
#define ENOUGH 2.0 /* or so many seconds, if that is more */
#define DAY 1440.0
#define READINGS 288
#define TRUTH_SPREAD 0.5
#define OBJECTIVE_WORSE 0.01 /* of -2 log L: rounding in a reference's printing */

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

/* From `centre` by one descent, or, NULL, as the product does. */
static struct pace pace_of_fits(const struct virtual_study *study, const double *centre,
                                const struct engine_options *options, size_t count)
{
    struct engine *engine = engine_new(study->model, &study->layout, options);
    struct fit **fits = mem_new(count, sizeof *fits);
    struct engine_work work;
    struct pace pace = {0};
    double begun = seconds();
    fit_all(engine, study->prior, (const struct twin *const *)study->twins, count, centre,
            fits);
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

static struct pace map_study(const struct virtual_study *study,
                             const struct engine_options *options, size_t count)
{
    double centre[MODEL_PARAMETERS_MAX];
    for (size_t a = 0; a < study->prior->p; a++)
        centre[a] = study->prior->effects[a * study->prior->k];
    return pace_of_fits(study, centre, options, count);
}

static struct pace fit_study(const struct virtual_study *study,
                             const struct engine_options *options, size_t count)
{
    return pace_of_fits(study, NULL, options, count);
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

/* From the truth: every reading and its derivatives. */
static struct pace solve(const struct virtual_study *study,
                         const struct engine_options *options, size_t count)
{
    struct engine *engine = engine_new(study->model, &study->layout, options);
    size_t p = study->prior->p;
    struct twin_point *points = mem_new(count, sizeof *points);
    double *phi = mem_new(count * p, sizeof *phi);
    double *f = mem_new(count * READINGS * (1 + p), sizeof *f);
    struct engine_work work;
    struct pace pace = {0};
    for (size_t i = 0; i < count; i++) {
        double *own = f + i * READINGS * (1 + p);
        for (size_t a = 0; a < p; a++)
            phi[i * p + a] = log(study->truth[i][a]);
        points[i] = (struct twin_point){.twin = study->twins[i],
                                        .phi = phi + i * p,
                                        .f = own,
                                        .jacobian = own + READINGS};
    }
    double begun = seconds();
    twin_predict_all(engine, points, count, true);
    pace.each = (seconds() - begun) / (double)count;
    for (size_t i = 0; i < count; i++)
        virtual_must(points[i].err);
    engine_work(engine, &work);
    pace.flops = work.flops / (pace.each * (double)count);
    mem_free(points);
    mem_free(phi);
    mem_free(f);
    engine_destroy(&engine);
    return pace;
}

/* What the day comes to: time in range, mean, variation, extremes. */
static struct pace outcomes(const struct virtual_study *study,
                            const struct engine_options *options, size_t count)
{
    const struct model *model = study->model;
    struct engine *engine = engine_new(model, &study->layout, options);
    struct outcome_course *courses = mem_new(count, sizeof *courses);
    struct pace pace = {0};
    for (size_t i = 0; i < count; i++)
        courses[i] = (struct outcome_course){.twin = study->twins[i],
                                             .parameters = study->truth[i],
                                             .from = 0,
                                             .until = DAY};
    double begun = seconds();
    outcomes_all(engine, courses, count);
    pace.each = (seconds() - begun) / (double)count;
    for (size_t i = 0; i < count; i++) {
        virtual_must(courses[i].err);
        for (size_t o = 0; i < PEERS && o < model_outcomes(model); o++)
            pace.objective += courses[i].outcomes->of[o].values[0];
        outcomes_destroy(model, &courses[i].outcomes);
    }
    mem_free(courses);
    engine_destroy(&engine);
    return pace;
}

typedef struct pace work_function(const struct virtual_study *study,
                                  const struct engine_options *options, size_t count);

static struct pace best_of(work_function *work, const struct virtual_study *study,
                           double tolerance, enum engine_solver solver, size_t count)
{
    const struct engine_options options = {solver, tolerance};
    struct pace best = {.each = INFINITY};
    double spent = 0;
    for (int i = 0; i < REPEATS || spent < ENOUGH; i++) {
        struct pace one = work(study, &options, count);
        best = one.each < best.each ? one : best;
        spent += one.each * (double)count;
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
               "\"%s\", \"ratio\": %.4g, \"ours\": %.4g, \"peer\": %.4g, "
               "\"unit\": \"us\"}",
               first_row ? "" : ",", work, engine, against, peer.each / ours.each,
               1e6 * ours.each, 1e6 * peer.each);
    else
        printf("%-17s %-12s %-21s %9.1f us %11.1f us %7.1f\n", work, engine, against,
               1e6 * ours.each, 1e6 * peer.each, peer.each / ours.each);
    first_row = false;
}

static const struct {
    const char *name;
    enum engine_solver solver;
} peers[] = {{"cvodes_adams", ENGINE_ADAMS}, {"cvodes_bdf", ENGINE_BDF}};
#define PEER_KINDS (sizeof peers / sizeof peers[0])

/* How CVODES is built and used. */
enum build { BUILD_PACKAGE, BUILD_STACKED, BUILD_REBUILT, BUILDS };
static const char *const builds[BUILDS] = {"package", "stacked", "rebuilt"};

/* One kind of work. */
struct task {
    const char *name;
    work_function *work;
    const struct virtual_study *study, *interpreted;
    double tolerance;
    struct pace paces[2]; /* ours, as C and by the interpreter */
    struct pace peers[BUILDS][PEER_KINDS];
};
#define TASKS 8
#define FIRST_MORE 4 /* of what stands beside the rows */

static struct pace peer_pace(const struct task *task, size_t kind)
{
    return best_of(task->work, task->study, task->tolerance, peers[kind].solver, PEERS);
}

static void print_rows(const struct task *task, size_t kind, enum build build)
{
    const struct virtual_study *ways[] = {task->study, task->interpreted};
    char against[64];
    snprintf(against, sizeof against, "%s_%s", peers[kind].name, builds[build]);
    for (size_t way = 0; way < 2; way++)
        print_row(task->name, execution_name(model_execution(ways[way]->model)), against,
                  task->paces[way], task->peers[build][kind], 100 * task->tolerance);
}

/* By us, as the build made C of the model and by the interpreter, and by CVODES. */
static void compare(struct task *task, bool rebuilt)
{
    const struct virtual_study *ways[] = {task->study, task->interpreted};
    for (size_t way = 0; way < 2; way++)
        task->paces[way] = best_of(task->work, ways[way], task->tolerance, ENGINE_LANES,
                                   ways[way]->count);
    for (size_t kind = 0; kind < PEER_KINDS; kind++)
        task->peers[BUILD_STACKED][kind] = peer_pace(task, kind);
    for (enum build build = 0; build < (rebuilt ? BUILDS : BUILD_REBUILT); build++)
        for (size_t kind = 0; kind < PEER_KINDS; kind++)
            print_rows(task, kind, build);
}

/* --- CVODES in other programs ----------------------------------------------------------
 */

/* What the program next to this one says, and this one reads. */
static int say_peers(const struct task *tasks)
{
    for (size_t i = 0; i < TASKS; i++)
        for (size_t kind = 0; kind < PEER_KINDS; kind++) {
            struct pace pace = peer_pace(&tasks[i], kind);
            printf("%.17g %.17g\n", pace.each, pace.objective);
        }
    return 0;
}

static void hear_peers(struct task *tasks, enum build build, const char *program)
{
    char *command = mem_format("%s --peers", program);
    FILE *heard = popen(command, "r");
    bool all = heard;
    for (size_t i = 0; all && i < TASKS; i++)
        for (size_t kind = 0; all && kind < PEER_KINDS; kind++) {
            struct pace *pace = &tasks[i].peers[build][kind];
            all = fscanf(heard, "%lf %lf", &pace->each, &pace->objective) == 2;
        }
    if (!heard || pclose(heard) != 0 || !all) {
        fprintf(stderr, "error: %s failed\n", program);
        exit(1);
    }
    mem_free(command);
}

/* False: there is no such program. */
static bool hear_rebuilt(struct task *tasks)
{
#ifdef REBUILT
    hear_peers(tasks, BUILD_REBUILT, REBUILT);
    return true;
#else
    (void)tasks;
    fprintf(stderr, "absent: cvodes_adams_rebuilt and cvodes_bdf_rebuilt: the build had "
                    "no SUNDIALS_SOURCE\n");
    return false;
#endif
}

/* --- the rest --------------------------------------------------------------------------
 */

/* From the text of a model to an engine for it, and to its first patient's fit, alone. */
struct first {
    double engine, fit; /* seconds */
};

static struct first first_result(const struct virtual_study *study, const char *path)
{
    const struct engine_options options = {ENGINE_LANES, 1e-6};
    struct first best = {INFINITY, INFINITY};
    for (int i = 0; i < REPEATS; i++) {
        double begun = seconds();
        struct model *model;
        struct prior_layout layout;
        struct prior *prior;
        struct fit *fit;
        virtual_must(model_load(path, &model));
        virtual_must(prior_layout(model, &layout));
        virtual_must(prior_from_model(model, &prior));
        struct engine *engine = engine_new(model, &layout, &options);
        best.engine = fmin(best.engine, seconds() - begun);
        virtual_must(fit_new(engine, study->twins[0], prior, &fit));
        best.fit = fmin(best.fit, seconds() - begun);
        fit_destroy(&fit);
        engine_destroy(&engine);
        prior_destroy(&prior);
        model_destroy(&model);
    }
    return best;
}

static void print_paces(const struct task *tasks)
{
    if (!json)
        printf("\n%-17s %s\n", "work", "patients a second and core");
    else
        printf(",\n \"patients_per_second\": {");
    for (size_t i = 0; i < TASKS; i++)
        if (json)
            printf("%s\"%s\": %.4g", i ? ", " : "", tasks[i].name,
                   1 / tasks[i].paces[0].each);
        else
            printf("%-17s %8.0f\n", tasks[i].name, 1 / tasks[i].paces[0].each);
}

/* One row of a whole population; its objective is no worse than the peer's. */
static void print_populations(void)
{
    bool first = true;
    if (json)
        printf(",\n \"populations\": [");
    for (size_t i = 0; i < sizeof populations / sizeof populations[0]; i++) {
        struct population_pace pace;
        const char *name = populations[i].name;
        if (!population_measure(&populations[i], REPEATS, &pace)) {
            fprintf(stderr, "absent: population %s: no ../shared/data/%s\n", name,
                    populations[i].data);
            continue;
        }
        double ours = pace.minus2_log_likelihood, peer = pace.peer_minus2_log_likelihood;
        if (!(ours <= peer + OBJECTIVE_WORSE)) {
            fprintf(stderr, "error: population %s: -2 log L %.4f, nlmixr2's is %.4f\n",
                    name, ours, peer);
            exit(1);
        }
        if (json)
            printf("%s\n  {\"population\": \"%s\", \"against\": \"nlmixr2_focei\", "
                   "\"ratio\": %.4g, \"ours\": %.4g, \"peer\": %.4g, \"unit\": \"s\", "
                   "\"minus2_log_likelihood\": %.8g, \"peer_minus2_log_likelihood\": "
                   "%.8g}",
                   first ? "" : ",", name, pace.peer_seconds / pace.seconds, pace.seconds,
                   pace.peer_seconds, ours, peer);
        else
            printf("%s%-17s %8.2f s, nlmixr2 %.1f s: %.0f; -2 log L %.2f, nlmixr2 %.2f\n",
                   first ? "\nwhole populations\n" : "", name, pace.seconds,
                   pace.peer_seconds, pace.peer_seconds / pace.seconds, ours, peer);
        first = false;
    }
    if (json)
        printf("]");
}

static void print_end(const struct task *glucose, double narrow, struct first first)
{
    double flops = glucose->paces[0].flops, peak = peak_flops(simd_best());
    double solved = best_of(solve, glucose->study, 1e-6, ENGINE_LANES, PATIENTS).flops;
    if (json) {
        printf(",\n \"avx2_pace\": %.3g, \"text_to_engine_ms\": %.3g, "
               "\"text_to_fit_ms\": %.3g",
               narrow, 1e3 * first.engine, 1e3 * first.fit);
        printf(",\n \"peak_share\": %.3g, \"peak_share_of_map\": %.3g}\n", solved / peak,
               flops / peak);
        return;
    }
    printf("\nof %.1f Gflop/s that fused products reach %.0f %% in a solve with "
           "derivatives, "
           "%.0f %% in a descent\n",
           1e-9 * peak, 100 * solved / peak, 100 * flops / peak);
    if (simd_best() == SIMD_AVX512)
        printf("with AVX2 instead, %s runs at %.2f of the pace\n", glucose->name, narrow);
    printf(
        "from a text to an engine for it %.2f ms, to its first patient's fit %.2f ms\n",
        1e3 * first.engine, 1e3 * first.fit);
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
    bool only_peers = count == 2 && strcmp(arguments[1], "--peers") == 0;
    json = count == 2 && strcmp(arguments[1], "--json") == 0;
    if (count > 1 && !json && !only_peers) {
        fprintf(stderr, "usage: engine [--json]\n");
        return 2;
    }
    for (size_t i = 0; i < READINGS; i++)
        times[i] = DAY / READINGS * (double)(i + 1);
    open_studies(&glucose, &oral);
    open_studies(&glucose_text, &oral_text);
    model_interpret(glucose_text.model);
    model_interpret(oral_text.model);
    struct task tasks[TASKS] = {
        {.name = "glucose_map_1e-6", .tolerance = 1e-6},
        {.name = "glucose_map_1e-4", .tolerance = 1e-4},
        {.name = "pk_map_1e-6", .tolerance = 1e-6},
        {.name = "glucose_simulate", .tolerance = 1e-6, .work = simulate},
        {.name = "glucose_fit_1e-6", .tolerance = 1e-6},
        {.name = "glucose_fit_1e-4", .tolerance = 1e-4},
        {.name = "pk_fit_1e-6", .tolerance = 1e-6},
        {.name = "glucose_outcomes", .tolerance = 1e-6, .work = outcomes},
    };
    for (size_t i = 0; i < TASKS; i++) {
        bool drug = tasks[i].name[0] == 'p';
        if (!tasks[i].work)
            tasks[i].work = i < FIRST_MORE ? map_study : fit_study;
        tasks[i].study = drug ? &oral : &glucose;
        tasks[i].interpreted = drug ? &oral_text : &glucose_text;
    }
    if (only_peers)
        return say_peers(tasks);
    bool rebuilt = hear_rebuilt(tasks);
    hear_peers(tasks, BUILD_PACKAGE, ORDINARY);
    if (json)
        printf("{\"simd\": \"%s\", \"rows\": [", simd_name(simd_best()));
    else
        printf("%-17s %-12s %-21s %12s %14s %7s   (%s)\n", "work", "engine", "against",
               "ours", "peer", "ratio", simd_name(simd_best()));
    for (size_t i = 0; i < TASKS; i++) {
        if (json && i == FIRST_MORE)
            printf("],\n \"more\": [");
        first_row |= i == FIRST_MORE;
        compare(&tasks[i], rebuilt);
    }
    if (json)
        printf("]");
    print_paces(tasks);
    if (json)
        printf("}");
    print_populations();
    print_end(tasks,
              tasks[0].paces[0].each /
                  best_of(map_study, &glucose, 1e-6, ENGINE_NARROW, PATIENTS).each,
              first_result(&glucose, glucose_path));
    virtual_close(&glucose);
    virtual_close(&oral);
    virtual_close(&glucose_text);
    virtual_close(&oral_text);
    return 0;
}
