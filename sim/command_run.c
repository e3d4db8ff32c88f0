#include "sim/commands.h"

#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "front/pdf.h"
#include "model/library.h"
#include "model/unit.h"
#include "sim/consortium.h"
#include "sim/heldout.h"
#include "sim/hospitals.h"
#include "sim/outcome.h"
#include "sim/page.h"
#include "sim/verdict.h"

#define NAME_BYTES_MAX 40

/* --- a folder for it ---------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *about, int kind,
                      struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

/* Named folders have to be new and stay; others are temporary. */
static enum err make_folder(struct cli *cli, char **folder)
{
    const char *named = cli_text(cli, "keep", NULL), *under = getenv("TMPDIR");
    if (named && file_exists(named))
        return err_set(ERR_STATE, "%s exists already", named);
    if (named) {
        *folder = mem_text(named);
        return file_make_directory(named, 0700);
    }
    *folder = mem_format("%s/gemel-run-XXXXXX", under && *under ? under : "/tmp");
    return mkdtemp(*folder) ? ERR_OK
                            : err_set(ERR_STORAGE, "%s: %s", *folder, strerror(errno));
}

/* --- names ------------------------------------------------------------------------- */

/* A label that is a number alone gets an H before it; names become folders. */
static enum err fit_names(char **names, size_t hospitals)
{
    for (size_t h = 0; h < hospitals; h++) {
        const char *label = names[h];
        bool sound = strlen(label) <= NAME_BYTES_MAX;
        for (const char *s = label; sound && *s; s++)
            sound = isalnum((unsigned char)*s) || strchr("-_", *s);
        if (!sound)
            return err_set(ERR_FORMAT,
                           "hospital %zu has a name of more than %d letters, digits, - "
                           "and _",
                           h + 1, NAME_BYTES_MAX);
        if (isdigit((unsigned char)*label)) {
            names[h] = mem_format("H%s", label);
            mem_free((char *)label);
        }
    }
    return ERR_OK;
}

/* --- telling ----------------------------------------------------------------------- */

static void show_step(void *context, const char *sentence)
{
    cli_say(context, "%s", sentence);
}

static void show_phases(void *context, size_t done, size_t total)
{
    cli_progress(context, "phases", done, total);
}

static bool interrupted(void *context)
{
    (void)context;
    return cli_interrupted();
}

static void show_progress(void *context, const char *what, size_t done, size_t total)
{
    cli_progress(context, what, done, total);
}

/* --- running ----------------------------------------------------------------------- */

static enum err read_plan(struct cli *cli, struct consortium_plan *plan)
{
    int64_t rounds;
    if (cli_real(cli, "epsilon", 1, 1e-3, 20, &plan->epsilon) != ERR_OK ||
        cli_real(cli, "delta", 1e-6, 1e-12, 1e-3, &plan->delta) != ERR_OK ||
        cli_integer(cli, "rounds", 8, 1, 1000, &rounds) != ERR_OK)
        return err_code();
    plan->rounds = (uint32_t)rounds;
    plan->model_path = cli_text(cli, "model", "");
    plan->data_path = cli_text(cli, "data", "");
    plan->spec_path = cli_text(cli, "spec", NULL);
    return ERR_OK;
}

/* What the report says stands in the result too. */
static enum err write_page(struct cli *cli, const struct json *result)
{
    const char *path = cli_text(cli, "report", NULL);
    if (!path)
        return ERR_OK;
    struct report *page = page_new(result);
    struct bytes file = {0};
    enum err err = pdf_or_html(page, clock_wall(&clock_machine), path, &file);
    if (err == ERR_OK)
        err = file_write(path, file.data, file.size, 0600);
    bytes_free(&file);
    report_destroy(&page);
    if (err == ERR_OK)
        cli_say(cli, "report: %s", path);
    return err;
}

static enum err judge(struct cli *cli, const struct model *model,
                      const struct consortium_plan *plan, size_t smallest,
                      struct json *result)
{
    char *prior = file_join(plan->directory, CONSORTIUM_PRIOR);
    const struct verdict_case verdict = {
        .model = model,
        .dataset = plan->dataset,
        .hospital = plan->hospital,
        .hospitals = plan->hospitals,
        .clinic = smallest,
        .clinic_name = plan->names[smallest],
        .prior_path = prior,
        .held_out = plan->clinic != SIZE_MAX,
        .watch = {.progress = show_progress, .interrupted = interrupted, .context = cli},
    };
    enum err err = verdict_add(&verdict, result);
    mem_free(prior);
    return err;
}

static enum err run(struct cli *cli, const struct model *model,
                    const struct consortium_plan *plan, size_t smallest)
{
    const struct consortium_watch watch = {show_step, show_phases, interrupted, cli};
    struct json *result;
    enum err err = consortium_run(plan, &watch, &result);
    if (err != ERR_OK)
        return err;
    cli_say(cli, "all records in one place, for comparison");
    err = judge(cli, model, plan, smallest, result);
    if (err == ERR_OK)
        err = write_page(cli, result);
    if (err == ERR_OK && !cli_is_json(cli))
        outcome_print(cli, result);
    if (err == ERR_OK)
        cli_result(cli, result);
    else
        json_destroy(&result);
    return err;
}

/* --- who is where ------------------------------------------------------------------ */

static size_t smallest_hospital(const size_t *hospital, size_t patients, size_t hospitals)
{
    size_t *people = mem_new(hospitals, sizeof *people), smallest = 0;
    for (size_t i = 0; i < patients; i++)
        people[hospital[i]]++;
    for (size_t h = 1; h < hospitals; h++)
        smallest = people[h] < people[smallest] ? h : smallest;
    mem_free(people);
    return smallest;
}

/* Of those kept out, the person with the most measurements: the first two are known when
 * they come. */
static enum err choose_newcomer(const struct model *model, const size_t *hospital,
                                struct consortium_plan *plan)
{
    const struct record *most = NULL;
    for (size_t i = 0; i < dataset_patients(plan->dataset); i++) {
        const struct record *record = dataset_record(plan->dataset, i);
        if (hospital[i] != HOSPITAL_NONE ||
            (most && record->measurement_count <= most->measurement_count))
            continue;
        most = record;
        plan->newcomer = i;
    }
    if (!most || most->measurement_count <= HELDOUT_KNOWN_MOST) {
        err_set(ERR_RANGE, "nobody kept out has more than %zu measurements",
                HELDOUT_KNOWN_MOST);
        return err_hint("keep more people out, or none");
    }
    double unit;
    enum err err = unit_convert(most->time_unit, model_time_unit(model), &unit);
    plan->newcomer_until = unit * most->measurements[HELDOUT_KNOWN_MOST - 1].time;
    return err;
}

static enum err keep_out(struct cli *cli, const struct model *model, size_t *hospital,
                         size_t smallest, struct consortium_plan *plan)
{
    size_t patients = dataset_patients(plan->dataset);
    int64_t count;
    plan->clinic = SIZE_MAX;
    enum err err = cli_integer(cli, "held-out", 0, 0, (int64_t)patients, &count);
    if (err == ERR_OK && count > 0) {
        err =
            heldout_choose(hospital, patients, plan->hospitals, smallest, (size_t)count);
        plan->clinic = smallest;
        if (err == ERR_OK)
            err = choose_newcomer(model, hospital, plan);
    }
    return err;
}

static enum err deal_and_run(struct cli *cli, const struct model *model,
                             const struct dataset *dataset, struct consortium_plan *plan)
{
    size_t count = dataset_patients(dataset), smallest = 0,
           *hospital = mem_new(count, sizeof *hospital);
    char **names = NULL, *folder = NULL;
    enum err err =
        hospitals_read(dataset, cli_text(cli, "hospitals", ""),
                       cli_text(cli, "column", NULL), hospital, &plan->hospitals, &names);
    plan->dataset = dataset;
    plan->hospital = hospital;
    if (err == ERR_OK)
        err = fit_names(names, plan->hospitals);
    if (err == ERR_OK) {
        smallest = smallest_hospital(hospital, count, plan->hospitals);
        err = keep_out(cli, model, hospital, smallest, plan);
    }
    if (err == ERR_OK)
        err = make_folder(cli, &folder);
    if (err == ERR_OK) {
        plan->names = (const char *const *)names;
        plan->directory = folder;
        err = run(cli, model, plan, smallest);
        bool kept = cli_given(cli, "keep");
        if (!kept)
            nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        if (err == ERR_INTERRUPTED)
            err_set(err, "stopped; %s",
                    kept ? "the folder is left as it is" : "nothing was kept");
    }
    for (size_t h = 0; names && h < plan->hospitals; h++)
        mem_free(names[h]);
    mem_free(names);
    mem_free(folder);
    mem_free(hospital);
    return err;
}

/* A load trial needs none of these, so the table cannot insist on them. */
static enum err check_options(const struct cli *cli)
{
    static const char *const needed[] = {"model", "data", "hospitals"};
    static const char *const others[] = {"dimension", "degree", "drop"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!cli_given(cli, needed[i])) {
            err_set(ERR_USAGE, "--%s is missing", needed[i]);
            return err_hint("a run needs --model, --data and --hospitals; a load trial "
                            "needs only --nodes");
        }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (cli_given(cli, others[i]))
            return err_set(ERR_USAGE, "--%s goes with --nodes only", others[i]);
    return ERR_OK;
}

enum err command_run(struct cli *cli)
{
    if (cli_given(cli, "nodes"))
        return command_load(cli);
    if (check_options(cli) != ERR_OK)
        return err_code();
    struct consortium_plan plan = {0};
    struct model *model;
    struct dataset *dataset;
    if (read_plan(cli, &plan) != ERR_OK ||
        library_load(plan.model_path, &model) != ERR_OK)
        return err_code();
    enum err err = dataset_read(plan.data_path, plan.spec_path, model, &dataset);
    if (err == ERR_OK) {
        err = deal_and_run(cli, model, dataset, &plan);
        dataset_destroy(&dataset);
    }
    model_destroy(&model);
    return err;
}
