#include "column.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "base/memory.h"
#include "base/spelling.h"
#include "model/unit.h"

static const struct {
    const char *word, *column;
} roles[ROLES] = {
#define COLUMN_ROLE(name, word, column) [ROLE_##name] = {word, column},
    COLUMN_ROLE_LIST(COLUMN_ROLE)
#undef COLUMN_ROLE
};

bool column_missing(const char *field)
{
    return *field == '\0' || strcmp(field, ".") == 0 || strcmp(field, "NA") == 0;
}

/* --- names of the model -------------------------------------------------------- */

static const struct model_covariate *find_covariate(const struct model *model,
                                                    const char *name)
{
    for (size_t i = 0; model && i < model_covariates(model); i++)
        if (strcmp(model_covariate(model, i)->name, name) == 0)
            return model_covariate(model, i);
    return NULL;
}

static const struct model_observation *find_observation(const struct model *model,
                                                        const char *name)
{
    for (size_t i = 0; model && i < model_observations(model); i++)
        if (strcmp(model_observation(model, i)->name, name) == 0)
            return model_observation(model, i);
    return NULL;
}

static const struct model_input *find_input(const struct model *model, const char *name)
{
    for (size_t i = 0; model && i < model_inputs(model); i++)
        if (strcmp(model_input(model, i)->name, name) == 0)
            return model_input(model, i);
    return NULL;
}

/* Why a column of this name is of no use: for the report. */
static char *why_ignored(const struct model *model, const char *name)
{
    const char *near = NULL;
    for (size_t i = 0; model && i < model_parameters(model); i++)
        if (strcmp(model_parameter(model, i)->name, name) == 0)
            return mem_text("a parameter of the model, which is learned, not read");
    for (size_t i = 0; model && i < model_covariates(model); i++)
        if (strcasecmp(model_covariate(model, i)->name, name) == 0)
            near = model_covariate(model, i)->name;
    for (size_t i = 0; model && i < model_observations(model); i++)
        if (strcasecmp(model_observation(model, i)->name, name) == 0)
            near = model_observation(model, i)->name;
    if (near)
        return mem_format("the model names no such thing, but %s", near);
    if (strcasecmp(name, "unit") == 0 || strcasecmp(name, "units") == 0)
        return mem_text("units are not read from rows: values are in the model's, or in "
                        "those that a spec names");
    return mem_text(model ? "the model names no such thing"
                          : "the spec does not name it");
}

/* --- the spec ------------------------------------------------------------------ */

struct spec_line {
    char *column, *name, *unit;
    enum role role;
    size_t line;
};

struct spec {
    const char *path;
    struct spec_line *lines;
    size_t count, capacity;
};

static enum err spec_header(void *context, size_t line, size_t count,
                            const char *const *fields)
{
    static const char *const expected[] = {"column", "role", "name", "unit"};
    struct spec *spec = context;
    for (size_t i = 0; i < 4; i++)
        if (count != 4 || strcmp(fields[i], expected[i]) != 0)
            return err_set(ERR_FORMAT, "%s:%zu: a spec begins with column,role,name,unit",
                           spec->path, line);
    return ERR_OK;
}

static enum err unknown_role(const struct spec *spec, size_t line, const char *role)
{
    const char *words[ROLES], *near;
    char list[400] = "";
    for (size_t i = 0; i < ROLES; i++) {
        words[i] = roles[i].word;
        strcat(strcat(list, i ? ", " : ""), roles[i].word); /* of words above */
    }
    near = spelling_nearest(role, words, ROLES);
    err_set(ERR_FORMAT, "%s:%zu: there is no role '%s'", spec->path, line, role);
    return near ? err_hint("did you mean %s? The roles are %s", near, list)
                : err_hint("the roles are %s", list);
}

static enum err spec_row(void *context, size_t line, size_t count,
                         const char *const *fields)
{
    struct spec *spec = context;
    struct unit unit;
    size_t role = 0;
    (void)count;
    while (role < ROLES && strcmp(roles[role].word, fields[1]) != 0)
        role++;
    if (role == ROLES)
        return unknown_role(spec, line, fields[1]);
    for (size_t i = 0; i < spec->count; i++)
        if (strcmp(spec->lines[i].column, fields[0]) == 0)
            return err_set(ERR_FORMAT, "%s:%zu: column %s has been given a role already",
                           spec->path, line, fields[0]);
    if (*fields[3] && unit_parse(fields[3], strlen(fields[3]), &unit) != ERR_OK)
        return err_wrap("%s:%zu", spec->path, line);
    MEM_GROW(spec->lines, spec->count + 1, &spec->capacity);
    spec->lines[spec->count++] = (struct spec_line){
        .column = mem_text(fields[0]),
        .role = (enum role)role,
        .name = *fields[2] ? mem_text(fields[2]) : NULL,
        .unit = *fields[3] ? mem_text(fields[3]) : NULL,
        .line = line,
    };
    return ERR_OK;
}

static void spec_clear(struct spec *spec)
{
    for (size_t i = 0; i < spec->count; i++) {
        mem_free(spec->lines[i].column);
        mem_free(spec->lines[i].name);
        mem_free(spec->lines[i].unit);
    }
    mem_free(spec->lines);
}

static const struct spec_line *spec_for(const struct spec *spec, const char *column)
{
    for (size_t i = 0; i < spec->count; i++)
        if (strcmp(spec->lines[i].column, column) == 0)
            return &spec->lines[i];
    return NULL;
}

/* A unit the spec states has to be of the model's dimension. */
static enum err check_unit(const struct spec *spec, const struct spec_line *line,
                           const char *of, const char *model_unit)
{
    double factor;
    if (!line->unit || !model_unit ||
        unit_convert(line->unit, model_unit, &factor) == ERR_OK)
        return ERR_OK;
    return err_set(ERR_FORMAT, "%s:%zu: %s is in %s, but the model has %s in %s",
                   spec->path, line->line, line->column, line->unit, of, model_unit);
}

/* --- roles --------------------------------------------------------------------- */

static void role_by_name(const struct model *model, const char *name,
                         struct column *column)
{
    column->covariate = find_covariate(model, name);
    column->observation = find_observation(model, name);
    if (column->covariate)
        column->role = ROLE_COVARIATE;
    else if (column->observation)
        column->role = ROLE_MEASUREMENT;
    else if (find_input(model, name))
        column->role = ROLE_INPUT;
    if (column->role != ROLE_IGNORED) {
        column->public.name = mem_text(name);
        return;
    }
    for (int role = 0; role < ROLES; role++)
        if (roles[role].column && strcasecmp(roles[role].column, name) == 0) {
            column->role = (enum role)role;
            return;
        }
    column->public.name = why_ignored(model, name);
}

static enum err role_by_spec(const struct model *model, const struct spec *spec,
                             const struct spec_line *line, struct column *column)
{
    const struct model_input *input = NULL;
    const char *name = line->name ? line->name : line->column, *unit = NULL;
    column->role = line->role;
    column->public.unit = line->unit ? mem_text(line->unit) : NULL;
    if (line->role == ROLE_COVARIATE && (column->covariate = find_covariate(model, name)))
        unit = column->covariate->unit;
    if ((line->role == ROLE_MEASUREMENT || (line->role == ROLE_DV && line->name)) &&
        (column->observation = find_observation(model, name)))
        unit = column->observation->unit;
    if ((line->role == ROLE_INPUT || (line->role == ROLE_AMOUNT && line->name)) &&
        model) {
        input = find_input(model, name);
        if (!input)
            return err_set(ERR_FORMAT, "%s:%zu: model %s has no input '%s'", spec->path,
                           line->line, model_name(model), name);
        unit = input->accepted_unit;
    }
    if (line->role == ROLE_TIME && model)
        unit = model_time_unit(model);
    if (line->role == ROLE_IGNORED)
        column->public.name = mem_text("the spec says so");
    else if (line->role >= ROLE_COVARIATE || line->name)
        column->public.name = mem_text(name);
    return check_unit(spec, line, line->role == ROLE_TIME ? "time" : name, unit);
}

static enum err take_column(struct columns *columns, const char *path,
                            const struct spec *spec, const char *name, size_t index)
{
    struct column *column = &columns->list[index];
    const struct spec_line *line = spec_for(spec, name);
    column->public.column = mem_text(name);
    if (!line)
        role_by_name(columns->model, name, column);
    else if (role_by_spec(columns->model, spec, line, column) != ERR_OK)
        return err_code();
    column->public.role = roles[column->role].word;
    if (column->role == ROLE_IGNORED || column->role >= ROLE_COVARIATE)
        return ERR_OK;
    size_t *at = &columns->at[column->role];
    if (*at != SIZE_MAX)
        return err_set(ERR_FORMAT, "%s: columns %s and %s are both the %s", path,
                       columns->list[*at].public.column, name, column->public.role);
    *at = index;
    return ERR_OK;
}

/* --- cases --------------------------------------------------------------------- */

static enum err take_case(struct columns *columns, const struct spec *spec,
                          const struct spec_line *line, const char *equals)
{
    struct column_case *one = &columns->cases[columns->case_count];
    const struct model_input *input = NULL;
    size_t size = (size_t)(equals - line->column), at = 0;
    while (at < columns->count &&
           (strncmp(columns->list[at].public.column, line->column, size) != 0 ||
            columns->list[at].public.column[size] != '\0'))
        at++;
    if (at == columns->count ||
        (columns->list[at].role != ROLE_DVID && columns->list[at].role != ROLE_CMT))
        return err_set(ERR_FORMAT,
                       "%s:%zu: %.*s is not a dvid or cmt column of the table",
                       spec->path, line->line, (int)size, line->column);
    if (line->role != ROLE_DV && line->role != ROLE_AMOUNT && line->role != ROLE_IGNORED)
        return err_set(ERR_FORMAT, "%s:%zu: the role of %s is dv, amount or ignored",
                       spec->path, line->line, line->column);
    if (line->role != ROLE_IGNORED && !line->name)
        return err_set(ERR_FORMAT, "%s:%zu: what %s stands for needs a name", spec->path,
                       line->line, line->column);
    *one = (struct column_case){.column = at, .role = line->role};
    one->code = mem_text(equals + 1);
    one->name = line->name ? mem_text(line->name) : NULL;
    one->unit = line->unit ? mem_text(line->unit) : NULL;
    columns->case_count++;
    if (line->role == ROLE_DV)
        one->observation = find_observation(columns->model, line->name);
    if (line->role == ROLE_AMOUNT && columns->model) {
        input = find_input(columns->model, line->name);
        if (!input)
            return err_set(ERR_FORMAT, "%s:%zu: model %s has no input '%s'", spec->path,
                           line->line, model_name(columns->model), line->name);
    }
    return check_unit(spec, line, line->name,
                      one->observation ? one->observation->unit
                      : input          ? input->accepted_unit
                                       : NULL);
}

static enum err take_cases(struct columns *columns, const char *path,
                           const struct spec *spec)
{
    columns->cases = mem_new(spec->count, sizeof *columns->cases);
    for (size_t i = 0; i < spec->count; i++) {
        const struct spec_line *line = &spec->lines[i];
        const char *equals = strchr(line->column, '='), *names[CSV_FIELDS_MAX];
        size_t at = 0;
        while (at < columns->count &&
               strcmp(columns->list[at].public.column, line->column) != 0) {
            names[at] = columns->list[at].public.column;
            at++;
        }
        if (at < columns->count)
            continue;
        if (equals && take_case(columns, spec, line, equals) != ERR_OK)
            return err_code();
        if (equals)
            continue;
        const char *near = spelling_nearest(line->column, names, columns->count);
        err_set(ERR_FORMAT, "%s:%zu: %s has no column %s", spec->path, line->line, path,
                line->column);
        return near ? err_hint("did you mean %s?", near) : err_code();
    }
    return ERR_OK;
}

/* --- the table as a whole ------------------------------------------------------ */

static bool has_case(const struct columns *columns, enum role role)
{
    for (size_t i = 0; i < columns->case_count; i++)
        if (columns->cases[i].role == role)
            return true;
    return false;
}

/* A DV or AMT column without a name of its own: the model's only one, or cases. */
static enum err check_single(struct columns *columns, const struct spec *spec,
                             enum role role, const char *path)
{
    size_t at = columns->at[role], count = 0;
    const struct model *model = columns->model;
    const char *only = NULL, *unit = NULL;
    if (at == SIZE_MAX || columns->list[at].public.name || has_case(columns, role))
        return ERR_OK;
    struct column *column = &columns->list[at];
    if (!model)
        return err_set(ERR_FORMAT, "%s: a spec has to name what %s is", path,
                       column->public.column);
    if (role == ROLE_DV && (count = model_observations(model)) == 1) {
        column->observation = model_observation(model, 0);
        only = column->observation->name;
        unit = column->observation->unit;
    } else if (role == ROLE_AMOUNT && (count = model_inputs(model)) == 1) {
        only = model_input(model, 0)->name;
        unit = model_input(model, 0)->accepted_unit;
    }
    const struct spec_line *line = spec_for(spec, column->public.column);
    if (only && line)
        return check_unit(spec, line, only, unit);
    if (column->public.unit && count > 1)
        return err_set(
            ERR_FORMAT,
            "%s:%zu: the unit of %s can only be stated together with its name; "
            "give every code a line of its own, like DVID=2",
            spec->path, line->line, column->public.column);
    return ERR_OK;
}

static enum err check_covariates(const struct columns *columns, const char *path)
{
    for (size_t c = 0; columns->model && c < model_covariates(columns->model); c++) {
        const struct model_covariate *one = model_covariate(columns->model, c);
        size_t i = 0;
        while (i < columns->count && columns->list[i].covariate != one)
            i++;
        if (i < columns->count || one->has_default)
            continue;
        err_set(ERR_FORMAT, "%s has no column for the covariate %s of model %s", path,
                one->name, model_name(columns->model));
        return err_hint("name the column %s, or give it the role covariate in a spec",
                        one->name);
    }
    return ERR_OK;
}

/* Tables of other programs: one column, if one asks for commas. */
static enum err check_commas(const struct columns *columns, const char *path)
{
    const char *at =
        columns->count == 1 ? strpbrk(columns->list[0].public.column, ";\t|") : NULL;
    if (!at)
        return ERR_OK;
    err_set(ERR_FORMAT,
            "%s: columns are separated by commas, and the first line has none", path);
    return err_hint(
        "if they are separated by %s there: save the table as CSV with commas "
        "and decimal points",
        *at == ';'   ? "semicolons"
        : *at == '|' ? "bars"
                     : "tabs");
}

static enum err check_table(struct columns *columns, const struct spec *spec,
                            const char *path)
{
    if (check_commas(columns, path) != ERR_OK)
        return err_code();
    if (columns->at[ROLE_ID] == SIZE_MAX) {
        err_set(ERR_FORMAT, "%s has no column for the patient", path);
        return err_hint("call it ID, or give it the role id in a spec");
    }
    size_t time = columns->at[ROLE_TIME];
    if (time == SIZE_MAX && columns->model && model_moves(columns->model)) {
        err_set(ERR_FORMAT, "%s has no column for the time", path);
        return err_hint("call it TIME, or give it the role time in a spec");
    }
    const char *unit = time == SIZE_MAX ? NULL : columns->list[time].public.unit;
    if (!unit && columns->model)
        unit = model_time_unit(columns->model);
    if (!unit)
        return err_set(ERR_FORMAT, "%s: a spec has to state the unit of the time", path);
    columns->time_unit = mem_text(unit);
    size_t measured = 0;
    for (size_t i = 0; i < columns->count; i++)
        measured +=
            columns->list[i].role == ROLE_DV || columns->list[i].role == ROLE_MEASUREMENT;
    if (measured == 0) {
        err_set(ERR_FORMAT, "%s has no column with measurements", path);
        return err_hint("call it DV or like an observation of the model, or give it the "
                        "role dv or measurement in a spec");
    }
    if (check_single(columns, spec, ROLE_DV, path) != ERR_OK ||
        check_single(columns, spec, ROLE_AMOUNT, path) != ERR_OK)
        return err_code();
    return check_covariates(columns, path);
}

enum err columns_new(const char *path, const char *spec_path, const struct model *model,
                     const char *const *names, size_t count, struct columns **columns)
{
    struct spec spec = {.path = spec_path};
    struct columns *made = mem_new(1, sizeof *made);
    enum err err = ERR_OK;
    made->model = model;
    made->list = mem_new(count, sizeof *made->list);
    made->count = count;
    for (size_t role = 0; role < ROLES; role++)
        made->at[role] = SIZE_MAX;
    if (spec_path)
        err = csv_read(spec_path, spec_header, spec_row, &spec);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        err = take_column(made, path, &spec, names[i], i);
    if (err == ERR_OK)
        err = take_cases(made, path, &spec);
    if (err == ERR_OK)
        err = check_table(made, &spec, path);
    spec_clear(&spec);
    if (err == ERR_OK)
        *columns = made;
    else
        columns_destroy(&made);
    return err;
}

void columns_destroy(struct columns **columns)
{
    struct columns *gone = *columns;
    if (!gone)
        return;
    for (size_t i = 0; i < gone->count; i++) {
        mem_free((char *)gone->list[i].public.column);
        mem_free((char *)gone->list[i].public.name);
        mem_free((char *)gone->list[i].public.unit);
    }
    for (size_t i = 0; i < gone->case_count; i++) {
        mem_free(gone->cases[i].code);
        mem_free(gone->cases[i].name);
        mem_free(gone->cases[i].unit);
    }
    mem_free(gone->list);
    mem_free(gone->cases);
    mem_free(gone->time_unit);
    mem_free(gone->dose_code);
    mem_free(gone);
    *columns = NULL;
}

/* --- what a row's number is of ------------------------------------------------- */

/* Codes are the same as texts or as numbers: "2" and "2.0". */
static bool same_code(const char *a, const char *b)
{
    double x, y;
    return strcmp(a, b) == 0 ||
           (csv_real(a, &x) == ERR_OK && csv_real(b, &y) == ERR_OK && x == y);
}

/* True when a case decides: the target is set, or stays NULL for what is ignored. What a
 * DVID leaves out is a measurement, never a dose. */
static bool by_case(const struct columns *columns, const char *const *fields,
                    enum role role, struct column_target *target)
{
    for (size_t i = 0; i < columns->case_count; i++) {
        const struct column_case *one = &columns->cases[i];
        bool left_out = one->role == ROLE_IGNORED &&
                        (role == ROLE_DV || columns->list[one->column].role == ROLE_CMT);
        if ((one->role != role && !left_out) ||
            !same_code(fields[one->column], one->code))
            continue;
        *target = (struct column_target){one->name, one->unit, one->observation};
        return true;
    }
    return false;
}

static const char *given(const struct columns *columns, const char *const *fields,
                         enum role role)
{
    size_t at = columns->at[role];
    return at == SIZE_MAX || column_missing(fields[at]) ? NULL : fields[at];
}

const char *columns_quantity(const struct columns *columns, const char *const *fields,
                             struct column_target *target)
{
    const struct column *dv = &columns->list[columns->at[ROLE_DV]];
    const struct model *model = columns->model;
    const char *dvid = given(columns, fields, ROLE_DVID);
    const char *cmt = given(columns, fields, ROLE_CMT);
    long long index;
    *target = (struct column_target){0};
    if (by_case(columns, fields, ROLE_DV, target))
        return NULL;
    if (dv->public.name) {
        *target =
            (struct column_target){dv->public.name, dv->public.unit, dv->observation};
        return NULL;
    }
    if (has_case(columns, ROLE_DV))
        return "the spec does not say what is measured under this code";
    target->unit = dv->public.unit;
    if (dvid && csv_integer(dvid, &index) == ERR_OK) {
        if (index < 1)
            return "DVID counts the observations of the model from 1";
        if ((size_t)index <= model_observations(model))
            target->observation = model_observation(model, (size_t)index - 1);
    } else if (dvid) {
        target->observation = find_observation(model, dvid);
    } else if (model_observations(model) == 1) {
        target->observation = dv->observation;
    } else if (!cmt || !(target->observation = find_observation(model, cmt))) {
        return "the model has several observations, and no DVID says which this is";
    }
    target->name = target->observation ? target->observation->name : NULL;
    return NULL;
}

/* With one input every dose is of it, whatever number the table gives its compartment, as
 * long as it gives all doses the same. */
static const char *only_input(struct columns *columns, const char *cmt)
{
    const struct model_input *input = model_input(columns->model, 0);
    if (!cmt || strcmp(cmt, input->name) == 0)
        return NULL;
    if (!columns->dose_code)
        columns->dose_code = mem_text(cmt);
    return same_code(cmt, columns->dose_code)
               ? NULL
               : "doses go to different compartments, but the model has one input";
}

const char *columns_input(struct columns *columns, const char *const *fields,
                          struct column_target *target)
{
    const struct column *amount = &columns->list[columns->at[ROLE_AMOUNT]];
    const struct model *model = columns->model;
    const char *cmt = given(columns, fields, ROLE_CMT);
    long long state;
    *target = (struct column_target){.unit = amount->public.unit};
    if (by_case(columns, fields, ROLE_AMOUNT, target))
        return NULL;
    if (amount->public.name) {
        target->name = amount->public.name;
        return NULL;
    }
    if (has_case(columns, ROLE_AMOUNT))
        return "the spec does not say which input this code means";
    if (model_inputs(model) == 0)
        return "a dose, but the model has no input";
    if (model_inputs(model) == 1) {
        target->name = model_input(model, 0)->name;
        return only_input(columns, cmt);
    }
    if (!cmt)
        return "the model has several inputs, and no CMT says which this dose is of";
    bool number = csv_integer(cmt, &state) == ERR_OK;
    for (size_t i = 0; i < model_inputs(model); i++) {
        const struct model_input *input = model_input(model, i);
        if (number ? input->jumps || (long long)input->state + 1 != state
                   : strcmp(input->name, cmt) != 0)
            continue;
        if (target->name)
            return "two inputs of the model enter this compartment; name them in a spec";
        target->name = input->name;
    }
    return target->name ? NULL : "the model has no input into this compartment";
}
