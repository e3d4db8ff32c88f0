#include "sim/design.h"

#include <string.h>

#include "base/memory.h"
#include "model/example.h"
#include "model/library.h"
#include "model/regimen.h"

static enum err read_doses(struct cli *cli, struct record *doses)
{
    for (size_t i = 0; i < cli_repeats(cli, "dose"); i++)
        if (regimen_dose(cli_text_at(cli, "dose", i), doses->dose_count, doses) != ERR_OK)
            return err_code();
    record_sort(doses);
    return ERR_OK;
}

/* Among the others, by time. */
static enum err read_change(struct design *design, const char *phrase)
{
    struct cohort_design *cohort = &design->cohort;
    struct cohort_change one;
    if (cohort_change(design->model, phrase, &one) != ERR_OK)
        return err_code();
    const char *name = model_covariate(design->model, one.covariate)->name;
    if (cohort->change_count == DESIGN_CHANGES_MAX)
        return err_set(ERR_RANGE, "--covariate %s: more than %zu changes", name,
                       DESIGN_CHANGES_MAX);
    if (one.time <= design->times[0])
        return err_set(ERR_USAGE,
                       "--covariate %s: changes at %g, not after %g, the first time",
                       name, one.time, design->times[0]);
    size_t at = cohort->change_count++;
    for (; at > 0 && design->changes[at - 1].time >= one.time; at--) {
        const struct cohort_change *before = &design->changes[at - 1];
        if (before->time == one.time && before->covariate == one.covariate)
            return err_set(ERR_USAGE, "--covariate %s: told twice at %g", name, one.time);
        design->changes[at] = *before;
    }
    design->changes[at] = one;
    return ERR_OK;
}

/* Unless told otherwise a covariate has the model's default. */
static enum err read_covariates(struct cli *cli, struct design *design)
{
    const struct model *model = design->model;
    struct cohort_covariate *covariates = design->covariates;
    bool told[MODEL_COVARIATES_MAX] = {false};
    for (size_t i = 0; i < cli_repeats(cli, "covariate"); i++) {
        struct cohort_covariate one;
        size_t at;
        const char *phrase = cli_text_at(cli, "covariate", i);
        if (strchr(phrase, '@')) {
            if (read_change(design, phrase) != ERR_OK)
                return err_code();
            continue;
        }
        if (cohort_covariate(model, phrase, &at, &one) != ERR_OK)
            return err_code();
        if (told[at])
            return err_set(ERR_USAGE, "--covariate %s: told twice",
                           model_covariate(model, at)->name);
        told[at] = true;
        covariates[at] = one;
    }
    for (size_t c = 0; c < model_covariates(model); c++) {
        const struct model_covariate *one = model_covariate(model, c);
        if (told[c])
            continue;
        if (!one->has_default) {
            err_set(ERR_USAGE, "the model needs the covariate %s and has no default",
                    one->name);
            return err_hint("say how it is drawn, as in --covariate '%s normal 70 12'",
                            one->name);
        }
        covariates[c] = (struct cohort_covariate){.a = one->default_value};
    }
    return ERR_OK;
}

static enum err read_observed(struct cli *cli, const struct model *model, bool *observed)
{
    size_t count = model_observations(model);
    for (size_t o = 0; o < count; o++)
        observed[o] = !cli_given(cli, "observe");
    for (size_t i = 0; i < cli_repeats(cli, "observe"); i++) {
        const char *name = cli_text_at(cli, "observe", i);
        size_t o = 0;
        while (o < count && strcmp(model_observation(model, o)->name, name) != 0)
            o++;
        if (o == count)
            return err_set(ERR_NOT_FOUND, "model %s has no observation '%s'",
                           model_name(model), name);
        observed[o] = true;
    }
    return ERR_OK;
}

static enum err read_model(struct cli *cli, struct design *design)
{
    struct bytes text = {0};
    struct example study = {0};
    const char *which = cli_text(cli, "model", "");
    enum err err = library_read(which, &text);
    if (err == ERR_OK)
        err = model_parse((const char *)text.data, text.size, which, &design->model);
    if (err == ERR_OK)
        err = example_read((const char *)text.data, text.size, "Study", &study);
    for (size_t i = 0; i < study.count && err == ERR_OK; i++)
        if (design->measured || strcmp(study.options[i].name, "observe") != 0)
            err = cli_suggest(cli, study.options[i].name, study.options[i].value);
    if (err == ERR_OK && !cli_given(cli, "at")) {
        err = err_set(ERR_USAGE, "%s has no study, so --at is needed", which);
        err_hint("as in --at 0:1:24, in %s", model_time_unit(design->model));
    }
    example_clear(&study);
    bytes_free(&text);
    return err;
}

static enum err read_study(struct cli *cli, int64_t fewest, int64_t most,
                           struct design *design)
{
    int64_t patients, seed;
    const struct model *model = design->model;
    struct cohort_design *cohort = &design->cohort;
    design->doses = record_new("cohort", model_time_unit(model));
    design->observed = mem_new(model_observations(model), sizeof *design->observed);
    if (cli_integer(cli, "patients", 200, fewest, most, &patients) != ERR_OK ||
        cli_integer(cli, "seed", 1, 0, INT64_MAX, &seed) != ERR_OK ||
        regimen_times(cli_text(cli, "at", ""), &design->times, &cohort->time_count) !=
            ERR_OK ||
        read_doses(cli, design->doses) != ERR_OK ||
        read_covariates(cli, design) != ERR_OK ||
        (design->measured && read_observed(cli, model, design->observed) != ERR_OK))
        return err_code();
    cohort->patients = (size_t)patients;
    cohort->seed = (uint64_t)seed;
    cohort->doses = design->doses;
    cohort->times = design->times;
    cohort->observed = design->observed;
    cohort->covariates = design->covariates;
    cohort->changes = design->changes;
    return ERR_OK;
}

enum err design_read(struct cli *cli, int64_t fewest, int64_t most, struct design *design)
{
    *design = (struct design){.measured = true};
    enum err err = read_model(cli, design);
    return err == ERR_OK ? read_study(cli, fewest, most, design) : err;
}

enum err design_read_unmeasured(struct cli *cli, int64_t fewest, int64_t most,
                                struct design *design)
{
    *design = (struct design){.measured = false};
    enum err err = read_model(cli, design);
    return err == ERR_OK ? read_study(cli, fewest, most, design) : err;
}

void design_clear(struct design *design)
{
    mem_free(design->times);
    mem_free(design->observed);
    record_destroy(&design->doses);
    model_destroy(&design->model);
}
