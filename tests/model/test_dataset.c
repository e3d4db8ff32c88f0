#include "check.h"

#include "base/file.h"
#include "base/memory.h"
#include "language.h"
#include "model/dataset.h"
#include "scratch.h"

static struct model *model;
static void *scratch;

static int setup(void **state)
{
    (void)state;
    return model_parse(oral_text, strlen(oral_text), "oral", &model) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    model_destroy(&model);
    return 0;
}

static char *put(const char *name, const char *text)
{
    char *path = scratch_path(scratch, name);
    assert_ok(file_write(path, text, strlen(text), 0600));
    return path;
}

static enum err read_text(const char *csv, const char *spec, struct dataset **dataset)
{
    char *path = put("data.csv", csv), *spec_path = spec ? put("spec.csv", spec) : NULL;
    enum err err = dataset_read(path, spec_path, model, dataset);
    mem_free(path);
    mem_free(spec_path);
    return err;
}

static void dataset__reads_the_usual_columns(void **state)
{
    (void)state;
    struct dataset *d;
    assert_int_equal(scratch_setup(&scratch), 0);
    assert_ok(read_text("ID,TIME,AMT,RATE,DV,MDV,EVID,CMT,WT,NOTE\n"
                        "a,0,320,0,.,1,1,1,70,x\n"
                        "a,0.5,.,.,2.5,0,0,2,70,x\n"
                        "b,0,100,50,.,1,1,iv,60,x\n"
                        "b,2,.,.,1.5,0,0,2,61,x\n",
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
    dataset_destroy(&d);
    scratch_teardown(&scratch);
}

static void dataset__a_spec_names_columns_and_units(void **state)
{
    (void)state;
    struct dataset *d;
    assert_int_equal(scratch_setup(&scratch), 0);
    assert_ok(read_text("patient,minute,conc,kilos\n7,30,900,71\n",
                        "column,role,name,unit\npatient,id,,\nminute,time,,min\n"
                        "conc,measurement,level,ug/L\nkilos,covariate,WT,kg\n",
                        &d));
    struct record *r = dataset_record(d, 0);
    assert_string_equal(r->time_unit, "min");
    assert_string_equal(r->measurements[0].unit, "ug/L");
    assert_string_equal(r->covariates[0].name, "WT");
    dataset_destroy(&d);
    assert_refused(ERR_FORMAT, "role", read_text("ID,DV\n1,2\n",
                                                 "column,role,name,unit\nDV,value,,\n", &d));
    assert_refused(ERR_FORMAT, "no column KG",
                   read_text("ID,DV\n1,2\n", "column,role,name,unit\nKG,covariate,WT,kg\n",
                             &d));
    assert_refused(ERR_FORMAT, "no covariate",
                   read_text("ID,DV,X\n1,2,3\n", "column,role,name,unit\nX,covariate,,\n",
                             &d));
    scratch_teardown(&scratch);
}

static void dataset__additional_doses_are_written_out(void **state)
{
    (void)state;
    struct dataset *d;
    assert_int_equal(scratch_setup(&scratch), 0);
    assert_ok(read_text("ID,TIME,AMT,DV,EVID,CMT,ADDL,II,WT\n1,0,10,.,1,1,3,12,70\n"
                        "1,40,.,1,0,.,.,.,70\n", NULL, &d));
    struct record *r = dataset_record(d, 0);
    assert_int_equal(r->dose_count, 4);
    assert_near(r->doses[3].time, 36, 0);
    dataset_destroy(&d);
    scratch_teardown(&scratch);
}

static void dataset__censored_values_carry_their_limit(void **state)
{
    (void)state;
    struct dataset *d;
    assert_int_equal(scratch_setup(&scratch), 0);
    assert_ok(read_text("ID,TIME,DV,CENS,LIMIT,WT\n1,0,0,1,0.5,70\n1,1,9,-1,.,70\n"
                        "1,2,3,0,.,70\n", NULL, &d));
    struct record *r = dataset_record(d, 0);
    assert_int_equal(r->measurements[0].censoring, CENSORED_BELOW);
    assert_near(r->measurements[0].value, 0.5, 0);
    assert_int_equal(r->measurements[1].censoring, CENSORED_ABOVE);
    assert_near(r->measurements[1].value, 9, 0);
    assert_int_equal(r->measurements[2].censoring, CENSORED_NOT);
    dataset_destroy(&d);
    scratch_teardown(&scratch);
}

/* Every bad value is named by line and column, none is repeated, and nothing comes of the
 * file. */
static void dataset__one_bad_row_refuses_the_file(void **state)
{
    (void)state;
    struct dataset *d = NULL;
    const struct dataset_reject *rejects;
    assert_int_equal(scratch_setup(&scratch), 0);
    assert_refused(ERR_FORMAT, "4 bad values; the first in line 3, column DV",
                   read_text("ID,TIME,AMT,DV,EVID,CMT,WT\n"
                             "1,0,10,.,1,1,70\n"
                             "1,1,.,12x,0,.,70\n"
                             "1,,.,1,0,.,70\n"
                             ".,2,.,1,0,.,70\n"
                             "1,3,-77,.,1,1,70\n",
                             NULL, &d));
    assert_null(d);
    assert_int_equal(dataset_rejects(&rejects), 4);
    assert_int_equal(rejects[1].line, 4);
    assert_string_equal(rejects[1].column, "TIME");
    assert_int_equal(rejects[3].line, 6);
    for (size_t i = 0; i < 4; i++)
        assert_null(strstr(rejects[i].reason, "77"));
    scratch_teardown(&scratch);
}

static void dataset__unclear_tables_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *csv, *says;
    } rows[] = {
        {"TIME,DV\n1,2\n", "no column for the patient"},
        {"ID,TIME\n1,2\n", "no column with measurements"},
        {"ID,TIME,DV,WT\n", "no rows"},
        {"ID,TIME,DV,EVID,WT\n1,0,1,3,70\n", "EVID"},
        {"ID,TIME,DV,EVID,WT\n1,0,.,0,70\n", "missing"},
        {"ID,TIME,DV,EVID,AMT,CMT,WT\n1,0,.,1,5,9,70\n", "not clear which dose"},
        {"ID,TIME,DV,EVID,AMT,CMT,SS,II,WT\n1,0,.,1,5,1,1,12,70\n", "steady"},
        {"ID,TIME,DV,WT\n1,0,1\n", ""},
    };
    struct dataset *d;
    assert_int_equal(scratch_setup(&scratch), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_refused(ERR_FORMAT, rows[i].says, read_text(rows[i].csv, NULL, &d));
    scratch_teardown(&scratch);
}

static void dataset__labels_come_in_the_patients_order(void **state)
{
    (void)state;
    struct dataset *d;
    char **labels, *path;
    assert_int_equal(scratch_setup(&scratch), 0);
    assert_ok(read_text("ID,TIME,DV,WT\nb,0,1,70\na,0,1,70\n", NULL, &d));
    path = put("hospitals.csv", "ID,H\na,H1\nb,H2\nc,H3\n");
    assert_ok(dataset_labels(d, path, "H", &labels));
    assert_string_equal(labels[0], "H2");
    assert_string_equal(labels[1], "H1");
    mem_free(labels[0]);
    mem_free(labels[1]);
    mem_free(labels);
    assert_refused(ERR_NOT_FOUND, "columns ID and K", dataset_labels(d, path, "K", &labels));
    mem_free(path);
    path = put("hospitals.csv", "ID,H\na,H1\n");
    assert_refused(ERR_NOT_FOUND, "1 of 2", dataset_labels(d, path, "H", &labels));
    mem_free(path);
    dataset_destroy(&d);
    scratch_teardown(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dataset__reads_the_usual_columns),
        cmocka_unit_test(dataset__a_spec_names_columns_and_units),
        cmocka_unit_test(dataset__additional_doses_are_written_out),
        cmocka_unit_test(dataset__censored_values_carry_their_limit),
        cmocka_unit_test(dataset__one_bad_row_refuses_the_file),
        cmocka_unit_test(dataset__unclear_tables_are_refused),
        cmocka_unit_test(dataset__labels_come_in_the_patients_order),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
