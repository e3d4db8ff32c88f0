#include "check.h"

#include "base/file.h"
#include "base/memory.h"
#include "language.h"
#include "model/dataset.h"
#include "scratch.h"

/* Everything a row can be checked against: a covariate of each hold, observations of each
 * kind, two inputs. */
static const char kinds_text[] = "model kinds version 1 \"t\"\n"
                                 "time h\n"
                                 "[parameters]\n"
                                 "k = 0.1 1/h (0.01, 1) lognormal cv 0.3\n"
                                 "V = 10 L (1, 100) lognormal cv 0.3\n"
                                 "[covariates]\n"
                                 "AGE a constant default 50\n"
                                 "WT kg locf\n"
                                 "TEMP 1 linear default 37\n"
                                 "CREA 1 locf default 1\n"
                                 "[doses]\n"
                                 "iv -> central mg over 2 h\n"
                                 "sc -> depot mg\n"
                                 "[equations]\n"
                                 "d/dt(depot) = -k*depot\n"
                                 "d/dt(central) = k*depot - k*central*WT/(70 kg)\n"
                                 "Cp = central/V unit mg/L\n"
                                 "p = exp(-central*0*TEMP*CREA*AGE/(1 mg*1 a))\n"
                                 "[observations]\n"
                                 "level : Cp ~ lognormal(0.2) lloq 0.5 mg/L\n"
                                 "log : Cp ~ lognormal(0.2)\n"
                                 "well : p ~ bernoulli\n"
                                 "plain : Cp ~ add(1 mg/L)\n";

static struct model *oral, *kinds;
static void *scratch;

static int setup(void **state)
{
    (void)state;
    if (scratch_setup(&scratch) == 0 &&
        model_parse(oral_text, strlen(oral_text), "oral", &oral) == ERR_OK &&
        model_parse(kinds_text, strlen(kinds_text), "kinds", &kinds) == ERR_OK)
        return 0;
    print_error("%s\n", err_text());
    return -1;
}

static int teardown(void **state)
{
    (void)state;
    model_destroy(&oral);
    model_destroy(&kinds);
    return scratch_teardown(&scratch);
}

static char *put(const char *name, const char *text)
{
    char *path = scratch_path(scratch, name);
    assert_ok(file_write(path, text, strlen(text), 0600));
    return path;
}

static enum err read_text(const struct model *model, const char *csv, const char *spec,
                          struct dataset **dataset)
{
    char *path = put("data.csv", csv), *spec_path = spec ? put("spec.csv", spec) : NULL;
    enum err err = dataset_read(path, spec_path, model, dataset);
    mem_free(path);
    mem_free(spec_path);
    return err;
}

static bool notes_say(const struct dataset *dataset, const char *part)
{
    for (size_t i = 0; i < dataset_notes(dataset); i++)
        if (strstr(dataset_note(dataset, i), part))
            return true;
    return false;
}

static void dataset__reads_the_usual_columns(void **state)
{
    (void)state;
    struct dataset *d;
    assert_ok(read_text(oral,
                        "ID,TIME,AMT,RATE,DV,MDV,EVID,CMT,WT,NOTE\r\n"
                        "a,0,320,0,.,1,1,1,70,x\r\n"
                        "a,0.5,.,.,2.5,0,0,2,70,x\r\n"
                        "b,0,100,50,.,1,1,iv,60,\"x,\"\"y\"\"\"\r\n"
                        "b,2,.,.,1.5,0,0,2,61,x\r\n",
                        NULL, &d));
    assert_int_equal(dataset_patients(d), 2);
    struct record *a = dataset_record(d, 0), *b = dataset_record(d, 1);
    assert_string_equal(a->doses[0].input, "oral");
    assert_near(a->doses[0].duration, 0, 0);
    assert_near(b->doses[0].duration, 2, 0);
    assert_string_equal(b->doses[0].input, "iv");
    assert_string_equal(a->measurements[0].quantity, "level");
    assert_int_equal(a->covariate_count, 1); /* the same weight again is no news */
    assert_int_equal(b->covariate_count, 2);
    assert_string_equal(dataset_column(d, 9)->role, "ignored");
    assert_int_equal(dataset_column(d, 4)->used, 2);
    assert_int_equal(dataset_column(d, 4)->missing, 0);
    assert_int_equal(dataset_rows(d), 4);
    assert_int_equal(dataset_doses(d), 2);
    assert_int_equal(dataset_measurements(d), 2);
    assert_int_equal(dataset_notes(d), 0);
    dataset_destroy(&d);
    assert_null(d);
}

/* Covariates hold before the measurement is taken, and that comes before the dose; rows
 * of one time keep their order in the file. */
static void dataset__ranks_what_happens_at_one_time(void **state)
{
    (void)state;
    struct dataset *d;
    assert_ok(read_text(kinds,
                        "ID,TIME,AMT,CMT,plain,WT\n1,0,10,iv,3,70\n1,0,.,.,4,71\n"
                        "2,0,.,.,.,60\n1,0,20,iv,.,72\n",
                        NULL, &d));
    struct record *r = dataset_record(d, 0);
    assert_int_equal(r->dose_count, 2);
    assert_int_equal(r->measurement_count, 2);
    assert_int_equal(r->covariate_count, 3);
    const size_t ranks[] = {r->covariates[0].order,   r->measurements[0].order,
                            r->doses[0].order,        r->covariates[1].order,
                            r->measurements[1].order, r->covariates[2].order,
                            r->doses[1].order};
    for (size_t i = 1; i < sizeof ranks / sizeof *ranks; i++)
        assert_true(ranks[i - 1] < ranks[i]);
    dataset_destroy(&d);
}

static void dataset__keeps_of_a_covariate_what_its_hold_needs(void **state)
{
    (void)state;
    struct dataset *d;
    assert_ok(read_text(kinds,
                        "ID,TIME,plain,AGE,WT,TEMP,CREA\n1,0,1,50,70,37,1\n"
                        "1,1,1,50,70,37,1\n1,2,1,.,71,39,2\n1,3,1,50,71,39,2\n",
                        NULL, &d));
    struct record *r = dataset_record(d, 0);
    size_t linear = 0, stepping = 0, constant = 0;
    for (size_t i = 0; i < r->covariate_count; i++) {
        linear += strcmp(r->covariates[i].name, "TEMP") == 0;
        stepping += strcmp(r->covariates[i].name, "CREA") == 0;
        constant += strcmp(r->covariates[i].name, "AGE") == 0;
    }
    assert_int_equal(constant, 1);
    assert_int_equal(stepping, 2);
    assert_int_equal(linear, 4); /* the plateau is part of the line */
    dataset_destroy(&d);
}

static void dataset__writes_out_additional_doses(void **state)
{
    (void)state;
    struct dataset *d;
    assert_ok(read_text(oral,
                        "ID,TIME,AMT,DV,EVID,CMT,ADDL,II,WT\n1,0,10,.,1,1,3,12,70\n"
                        "1,40,.,1,0,.,.,.,70\n1,41,5,.,1,1,0,12,70\n",
                        NULL, &d));
    struct record *r = dataset_record(d, 0);
    assert_int_equal(r->dose_count, 5);
    for (size_t i = 0; i < 4; i++)
        assert_near(r->doses[i].time, 12.0 * (double)i, 0);
    assert_int_equal(dataset_doses(d), 5);
    assert_true(notes_say(d, "no additional ones (ADDL), taken as single: 1"));
    dataset_destroy(&d);
}

static void dataset__takes_rates_and_durations(void **state)
{
    (void)state;
    static const struct {
        const char *columns, *values;
        double duration;
    } rows[] = {{"RATE", "50", 2},     {"RATE", "0", 0},  {"RATE", ".", -1},
                {"RATE", "-2", -1},    {"DUR", "3", 3},   {"DUR", "0", 0},
                {"DUR", ".", -1},      {"NOTE", "x", -1}, {"RATE,DUR", "-2,1.5", 1.5},
                {"RATE,DUR", ".,4", 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dataset *d;
        char *csv = mem_format("ID,TIME,AMT,CMT,plain,WT,%s\n1,0,100,iv,.,70,%s\n",
                               rows[i].columns, rows[i].values);
        assert_ok(read_text(kinds, csv, NULL, &d));
        assert_near(dataset_record(d, 0)->doses[0].duration, rows[i].duration, 0);
        dataset_destroy(&d);
        mem_free(csv);
    }
}

static void dataset__censored_values_carry_their_limit(void **state)
{
    (void)state;
    static const struct {
        const char *header, *row;
        enum censoring censoring;
        double value;
    } rows[] = {
        {"DV,CENS", "0.5,1", CENSORED_BELOW, 0.5},
        {"DV,CENS", "9,-1", CENSORED_ABOVE, 9},
        {"DV,CENS", "3,0", CENSORED_NOT, 3},
        {"DV,CENS,LIMIT", "3,0,0.1", CENSORED_NOT, 3},
        {"DV", "<0.1", CENSORED_BELOW, 0.1},
        {"level", ">7.5", CENSORED_ABOVE, 7.5},
        {"DV,CENS", "<0.1,1", CENSORED_BELOW, 0.1},
        {"DV,BLQ", ".,1", CENSORED_BELOW, 0.5}, /* the model's lloq */
        {"DV,BLQ,LLOQ", "0,1,0.2", CENSORED_BELOW, 0.2},
        {"DV,BLQ,LLOQ", "3,0,0.2", CENSORED_NOT, 3},
        {"DV,LLOQ", "0.1,0.2", CENSORED_BELOW, 0.2},
        {"DV,LLOQ", "0.2,0.2", CENSORED_NOT, 0.2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dataset *d;
        char *csv = mem_format("ID,TIME,%s,WT\n1,0,%s,70\n", rows[i].header, rows[i].row);
        assert_ok(read_text(oral, csv, NULL, &d));
        struct record *r = dataset_record(d, 0);
        assert_int_equal(r->measurement_count, 1);
        assert_int_equal(r->measurements[0].censoring, rows[i].censoring);
        assert_near(r->measurements[0].value, rows[i].value, 0);
        dataset_destroy(&d);
        mem_free(csv);
    }
}

/* Every bad row is named by line and column, none is repeated, and nothing comes of the
 * file. */
static void dataset__one_bad_row_refuses_the_file(void **state)
{
    (void)state;
    struct dataset *d = NULL;
    const struct dataset_reject *rejects;
    assert_refused(ERR_FORMAT, "data.csv:3: DV: not a number",
                   read_text(oral,
                             "ID,TIME,AMT,DV,EVID,CMT,WT\n"
                             "1,0,10,.,1,1,70\n"
                             "1,1,.,12x,0,.,70\n"
                             "1,,.,1,0,.,70\n"
                             ".,2,.,1,0,.,70\n"
                             "1,3,-77,.,1,1,70\n",
                             NULL, &d));
    assert_null(d);
    assert_string_equal(err_hint_text(), "4 rows are bad; nothing was read");
    assert_int_equal(dataset_rejects(&rejects), 4);
    assert_int_equal(rejects[1].line, 4);
    assert_string_equal(rejects[1].column, "TIME");
    assert_string_equal(rejects[2].column, "ID");
    assert_int_equal(rejects[3].line, 6);
    assert_string_equal(rejects[3].reason, "a negative dose");
    for (size_t i = 0; i < 4; i++)
        assert_null(strstr(rejects[i].reason, "77"));
    assert_ok(read_text(oral, "ID,TIME,DV,WT\n1,0,1,70\n", NULL, &d));
    assert_int_equal(dataset_rejects(&rejects), 0);
    dataset_destroy(&d);
}

static void dataset__refuses_rows_that_contradict_themselves(void **state)
{
    (void)state;
    /* Each is the last row of a patient who began at time 1. */
    static const struct {
        const char *header, *first, *row, *says;
    } rows[] = {
        {"DV,EVID", "1,0", "1,3", "a reset is not supported"},
        {"DV,EVID", "1,0", "1,4", "a reset is not supported"},
        {"DV,EVID", "1,0", "1,7", "EVID: 0 (measurement), 1 (dose)"},
        {"DV,EVID", "1,0", ".,0", "DV: a measurement is missing"},
        {"DV,EVID", "1,0", ".,1", "no column with amounts"},
        {"DV,MDV", "1,0", "1,2", "MDV: 0 or 1 is expected"},
        {"DV,EVID,AMT,CMT", "1,0,.,.", ".,1,.,1", "a dose without an amount"},
        {"DV,EVID,AMT,CMT", "1,0,.,.", ".,1,5,9", "no input into this compartment"},
        {"DV,EVID,AMT,CMT", "1,0,.,.", ".,0,5,1", "EVID says it is a measurement"},
        {"DV,EVID,AMT,CMT", "1,0,.,.", ".,2,5,1", "EVID says it is no dose"},
        {"DV,AMT,CMT,RATE", "1,.,.,.", ".,5,1,-1", "RATE: a rate is positive"},
        {"DV,AMT,CMT,RATE", "1,.,.,.", "1,.,.,5", "a rate without a dose"},
        {"DV,AMT,CMT,DUR", "1,.,.,.", ".,5,1,-1", "DUR: a duration is 0"},
        {"DV,AMT,CMT,RATE,DUR", "1,.,.,.,.", ".,5,1,2,3", "a rate and a duration"},
        {"DV,AMT,CMT,ADDL,II", "1,.,.,.,.", ".,5,1,3,.", "need an interval"},
        {"DV,AMT,CMT,ADDL,II", "1,.,.,.,.", ".,5,1,2.5,12", "a whole number"},
        {"DV,AMT,CMT,ADDL,II", "1,.,.,.,.", ".,5,1,10001,12", "a whole number"},
        {"DV,AMT,CMT,ADDL,II", "1,.,.,.,.", ".,5,1,-1,12", "a whole number"},
        {"DV,AMT,CMT,ADDL,II", "1,.,.,.,.", "1,.,.,3,12",
         "additional doses without a dose"},
        {"DV,AMT,CMT,SS,II", "1,.,.,.,.", ".,5,1,1,12", "steady state are not supported"},
        {"DV,AMT,CMT", "1,5,1", ".,5,1", "the same dose at the same time"},
        {"DV,CENS", "1,0", "1,2", "CENS: 0, 1 (below DV) or -1"},
        {"DV,CENS", "1,0", "<1,-1", "CENS: says otherwise than DV"},
        {"DV,CENS,LIMIT", "1,0,.", "1,1,0", "between two limits is not supported"},
        {"DV,BLQ", "1,0", "1,2", "BLQ: 0 or 1"},
        {"DV,NOTE", "1,x", "<,x", "DV: "},
        {"oral,DV", "5,.", "-5,.", "oral: a negative dose"},
    };
    struct dataset *d;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *csv = mem_format("ID,TIME,WT,%s\n1,1,70,%s\n1,1,70,%s\n", rows[i].header,
                               rows[i].first, rows[i].row);
        assert_refused(ERR_FORMAT, "data.csv:3: ", read_text(oral, csv, NULL, &d));
        if (!strstr(err_text(), rows[i].says))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err_text(), rows[i].says);
        mem_free(csv);
    }
}

static void dataset__checks_values_against_the_model(void **state)
{
    (void)state;
    static const struct {
        const char *header, *rows, *says;
    } tables[] = {
        {"log,WT", "1,0,0,70", "log: 0 or less cannot have a lognormal error"},
        {"well,WT", "1,0,0.5,70", "well: 0 or 1 is expected"},
        {"well,WT", "1,0,<1,70", "well: 0 or 1 is expected"},
        {"plain,WT,AGE", "1,0,1,70,50\n1,1,1,70,51", "AGE: changes within the patient"},
        {"plain,WT", "1,0,1,.\n1,1,1,.", "data.csv:2: WT: no value in any row"},
        {"plain,WT", "1,0,1,70\n2,0,1,.", "data.csv:3: WT: no value in any row"},
        {"plain,WT", "1,1,1,70\n1,0,1,70", "TIME: goes back within the patient"},
        {"DV,WT", "1,1,1,70", "several observations, and no DVID"},
        {"AMT,plain,WT", "1,1,5,.,70", "several inputs, and no CMT"},
        {"DV,DVID,WT", "1,0,0,1,70\n1,1,0,2,70", "data.csv:3: DV: 0 or less"},
    };
    struct dataset *d;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char *csv = mem_format("ID,TIME,%s\n%s\n", tables[i].header, tables[i].rows);
        assert_refused(ERR_FORMAT, tables[i].says, read_text(kinds, csv, NULL, &d));
        mem_free(csv);
    }
    char *csv = mem_format("ID,TIME,plain,WT\n%0*d,0,1,70\n", 129, 7);
    assert_refused(ERR_FORMAT, "ID: an identifier of more than 128 bytes",
                   read_text(kinds, csv, NULL, &d));
    mem_free(csv);
    assert_refused(ERR_FORMAT, "has no rows",
                   read_text(kinds, "ID,TIME,plain,WT\n", NULL, &d));
    assert_refused(ERR_FORMAT, "2 fields, but the header has 4",
                   read_text(kinds, "ID,TIME,plain,WT\n1,2\n", NULL, &d));
}

static void dataset__what_is_not_used_is_said(void **state)
{
    (void)state;
    struct dataset *d;
    assert_ok(read_text(
        kinds,
        "C,ID,TIME,DV,DVID,SS,WT,HT,GLU\n"
        "C,1,0,1,4,.,70,.,5\n"
        ".,1,1,1,4,99,70,180,5\n"
        ".,1,1,1,4,99,70,180,5\n"
        ".,1,2,1,5,.,70,180,5\n",
        "column,role,name,unit\nHT,covariate,,\nGLU,measurement,glucose,\n", &d));
    assert_true(notes_say(d, "rows commented out: 1"));
    assert_true(
        notes_say(d, "steady state (SS) but no interval (II), taken as having none: 2"));
    assert_true(notes_say(d, "of what the model does not observe: 1"));
    assert_true(
        notes_say(d, "repeat one at the same time, all used: 2, the first in line 4"));
    assert_true(notes_say(d, "model kinds has no covariate 'HT': column HT is not used"));
    assert_true(notes_say(d, "no observation 'glucose': column GLU is not used"));
    assert_int_equal(dataset_record(d, 0)->measurement_count, 5);
    dataset_destroy(&d);
}

static void dataset__without_a_model_a_spec_names_everything(void **state)
{
    (void)state;
    struct dataset *d;
    assert_ok(read_text(NULL, "ID,WHEN,SBP,AGE,X\n1,0,120,50,7\n1,1,125,50,8\n",
                        "column,role,name,unit\nWHEN,time,,a\n"
                        "SBP,measurement,,mm[Hg]\nAGE,covariate,,a\n",
                        &d));
    struct record *r = dataset_record(d, 0);
    assert_string_equal(r->time_unit, "a");
    assert_string_equal(r->measurements[1].unit, "mm[Hg]");
    assert_string_equal(r->measurements[1].quantity, "SBP");
    assert_int_equal(r->covariate_count, 1);
    assert_string_equal(dataset_column(d, 4)->name, "the spec does not name it");
    dataset_destroy(&d);
}

static void dataset__labels_come_in_the_patients_order(void **state)
{
    (void)state;
    struct dataset *d;
    char **labels, *path;
    assert_ok(read_text(oral, "ID,TIME,DV,WT\nb,0,1,70\na,0,1,70\n", NULL, &d));
    assert_int_equal(dataset_patient(d, "a"), 1);
    assert_true(dataset_patient(d, "c") == SIZE_MAX);
    path = put("hospitals.csv", "ID,H,K\na,H1,1\nb,H2,.\nc,H3,3\n");
    static const char *const columns[] = {"H", NULL};
    for (size_t i = 0; i < 2; i++) {
        assert_ok(dataset_labels(d, path, columns[i], &labels));
        assert_string_equal(labels[0], "H2");
        assert_string_equal(labels[1], "H1");
        mem_free(labels[0]);
        mem_free(labels[1]);
        mem_free(labels);
    }
    assert_refused(ERR_NOT_FOUND, "nothing of 1 of 2",
                   dataset_labels(d, path, "K", &labels));
    assert_refused(ERR_NOT_FOUND, "no column L", dataset_labels(d, path, "L", &labels));
    mem_free(path);
    path = put("hospitals.csv", "ID,H\na,H1\nb,H1\na,H2\n");
    assert_refused(ERR_FORMAT, "hospitals.csv:4: names a patient a second time",
                   dataset_labels(d, path, "H", &labels));
    mem_free(path);
    path = put("hospitals.csv", "PATIENT,H\na,H1\n");
    assert_refused(ERR_NOT_FOUND, "no column ID", dataset_labels(d, path, "H", &labels));
    mem_free(path);
    dataset_destroy(&d);
}

/* --- public data: the counts their descriptions state ----------------------------- */

static void counts(const char *path, const char *model_text, const char *spec,
                   size_t patients, size_t measurements, size_t doses)
{
    struct model *model;
    struct dataset *d;
    char *spec_path = spec ? put("spec.csv", spec) : NULL;
    if (access(path, R_OK) != 0) {
        print_message("%s is not here: not read\n", path);
        mem_free(spec_path);
        return;
    }
    assert_ok(model_parse(model_text, strlen(model_text), "m", &model));
    assert_ok(dataset_read(path, spec_path, model, &d));
    assert_int_equal(dataset_patients(d), patients);
    assert_int_equal(dataset_measurements(d), measurements);
    assert_int_equal(dataset_doses(d), doses);
    dataset_destroy(&d);
    model_destroy(&model);
    mem_free(spec_path);
}

#define PK_HEAD                                                                          \
    "model m version 1 \"t\"\ntime h\n[parameters]\n"                                    \
    "k = 0.1 1/h (0.01, 1) lognormal cv 0.3\nV = 10 L (1, 100) lognormal cv 0.3\n"
#define PK_BODY                                                                          \
    "[doses]\noral -> depot mg\n[equations]\nd/dt(depot) = -k*depot\n"                   \
    "d/dt(central) = k*depot - k*central\nCp = central/V unit mg/L\n"                    \
    "[observations]\nlevel : Cp ~ add(1 mg/L)\n"

static void dataset__reads_public_data(void **state)
{
    (void)state;
    static const char pk[] = PK_HEAD PK_BODY,
                      two[] = PK_HEAD PK_BODY "pca : Cp ~ add(1 mg/L)\n",
                      line[] = "model m version 1 \"t\"\ntime a\n[parameters]\n"
                               "a = 1 1 normal sd 1\nb = 1 1 normal sd 1 on AGE, MALE\n"
                               "[covariates]\nAGE a centre 50 scale 40\nMALE 1\n[equations]\n"
                               "y = exp(a + b*time/(1 a))*1 mm[Hg]\n"
                               "[observations]\nSBP : y ~ lognormal(0.1)\n",
                      boys[] = "model m version 1 \"t\"\ntime a\n[parameters]\n"
                               "a = 1 cm normal sd 1\nb = 1 cm normal sd 1\n"
                               "[equations]\ny = a + b*time/(1 a)\n[observations]\n"
                               "height : y ~ add(1 cm)\n",
                      emax[] = "model m version 1 \"t\"\ntime h\n[parameters]\n"
                               "a = 1 1 normal sd 1\n[covariates]\nDOSE mg locf\n"
                               "GENDER 1\n[equations]\ny = a*DOSE/(1 mg)*GENDER\n"
                               "[observations]\neffect : y ~ add(1)\n";
#define HERE SOURCE_DIR "/tests/data/"
#define SHARED SOURCE_DIR "/../shared/data/"
    counts(HERE "theoph/data.csv", pk, NULL, 12, 132, 12);
    counts(HERE "oxboys/data.csv", boys, NULL, 26, 234, 0);
    counts(HERE "nafld_bp/data.csv", line, NULL, 7023, 24745, 0);
    counts(SHARED "warfarin/data.csv", pk, NULL, 32, 251, 32);
    counts(SHARED "warfarin/data.csv", two, NULL, 32, 483, 32);
    counts(SHARED "pkbench/data_Oral_1CPT_SD.csv", pk, NULL, 120, 2273, 120);
    counts(SHARED "pkbench/data_Bolus_2CPTMM_SD.csv", pk, NULL, 120, 2280, 120);
    counts(SHARED "pkbench/data_Infusion_2CPT_SD.csv", pk, NULL, 120, 2280, 120);
    counts(SHARED "pd_emax/data_PD1.csv", emax, NULL, 100, 300, 0);
    counts(SHARED "pd_emax/data_PD2.csv", emax,
           "column,role,name,unit\nDV,dv,effect,\nDOSE,covariate,DOSE,mg\n", 100, 300, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dataset__reads_the_usual_columns),
        cmocka_unit_test(dataset__ranks_what_happens_at_one_time),
        cmocka_unit_test(dataset__keeps_of_a_covariate_what_its_hold_needs),
        cmocka_unit_test(dataset__writes_out_additional_doses),
        cmocka_unit_test(dataset__takes_rates_and_durations),
        cmocka_unit_test(dataset__censored_values_carry_their_limit),
        cmocka_unit_test(dataset__one_bad_row_refuses_the_file),
        cmocka_unit_test(dataset__refuses_rows_that_contradict_themselves),
        cmocka_unit_test(dataset__checks_values_against_the_model),
        cmocka_unit_test(dataset__what_is_not_used_is_said),
        cmocka_unit_test(dataset__without_a_model_a_spec_names_everything),
        cmocka_unit_test(dataset__labels_come_in_the_patients_order),
        cmocka_unit_test(dataset__reads_public_data),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
