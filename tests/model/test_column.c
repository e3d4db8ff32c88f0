#include "column.h"

#include "check.h"

#include "base/file.h"
#include "base/memory.h"
#include "language.h"
#include "scratch.h"

/* Two inputs, two observations, no covariate that is needed. */
static const char two_text[] = "model two version 1 \"t\"\n"
                               "time h\n"
                               "[parameters]\n"
                               "ka = 1 1/h (0.1, 10) lognormal cv 0.3\n"
                               "ke = 0.1 1/h (0.01, 10) lognormal cv 0.3\n"
                               "V = 10 L (1, 100) lognormal cv 0.3\n"
    "C0 = 1 mg/L fixed\n"
                               "[doses]\n"
                               "iv -> central mg\n"
                               "oral -> depot mg\n"
                               "[equations]\n"
                               "d/dt(depot) = -ka*depot\n"
                               "d/dt(central) = ka*depot - ke*central\n"
                               "Cp = central/V unit mg/L\n"
                               "effect = 100*exp(-Cp/C0)\n"
                               "[observations]\n"
                               "level : Cp ~ add(1 mg/L)\n"
                               "pca : effect ~ add(5)\n";

static void *scratch;
static struct model *oral, *two;

static int setup(void **state)
{
    (void)state;
    if (scratch_setup(&scratch) == 0 &&
        model_parse(oral_text, strlen(oral_text), "oral", &oral) == ERR_OK &&
        model_parse(two_text, strlen(two_text), "two", &two) == ERR_OK)
        return 0;
    print_error("%s\n", err_text());
    return -1;
}

static int teardown(void **state)
{
    (void)state;
    model_destroy(&oral);
    model_destroy(&two);
    return scratch_teardown(&scratch);
}

#define NAMES_MAX 12

/* `header` is cut at commas; `spec` is what follows its first line, or NULL. */
static enum err assign(const struct model *model, const char *header, const char *spec,
                       struct columns **columns)
{
    char *copy = mem_text(header), *path = scratch_path(scratch, "spec.csv"), *rest;
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
        names[count++] = name;
    if (spec) {
        char *text = mem_format("column,role,name,unit\n%s", spec);
        assert_ok(file_write(path, text, strlen(text), 0600));
        mem_free(text);
    }
    enum err err = columns_new("t.csv", spec ? path : NULL, model, names, count, columns);
    mem_free(copy);
    mem_free(path);
    return err;
}

static void column__knows_the_usual_names_and_the_models(void **state)
{
    (void)state;
    struct columns *c;
    assert_ok(assign(oral, "id,TIME,Amt,DV,WT,level,iv,CL,wt,C,NOTE,Unit", NULL, &c));
    static const enum role expected[] = {ROLE_ID,      ROLE_TIME,      ROLE_AMOUNT,
                                         ROLE_DV,      ROLE_COVARIATE, ROLE_MEASUREMENT,
                                         ROLE_INPUT,   ROLE_IGNORED,   ROLE_IGNORED,
                                         ROLE_COMMENT, ROLE_IGNORED,   ROLE_IGNORED};
    for (size_t i = 0; i < c->count; i++)
        assert_int_equal(c->list[i].role, expected[i]);
    assert_string_equal(c->list[4].covariate->name, "WT");
    assert_string_equal(c->list[7].public.name,
                        "a parameter of the model, which is learned, not read");
    assert_string_equal(c->list[8].public.name, "the model names no such thing, but WT");
    assert_string_equal(c->list[10].public.name, "the model names no such thing");
    assert_true(strstr(c->list[11].public.name, "units are not read from rows"));
    assert_string_equal(c->time_unit, "h");
    columns_destroy(&c);
    assert_null(c);
}

static void column__a_spec_gives_roles_names_and_units(void **state)
{
    (void)state;
    struct columns *c;
    assert_ok(assign(oral, "patient,minute,conc,kilos,TIME",
                     "patient,id,,\nminute,time,,min\nconc,measurement,level,ug/L\n"
                     "kilos,covariate,WT,kg\nTIME,ignored,,\n",
                     &c));
    assert_int_equal(c->at[ROLE_TIME], 1);
    assert_string_equal(c->time_unit, "min");
    assert_string_equal(c->list[2].observation->name, "level");
    assert_string_equal(c->list[3].public.name, "WT");
    columns_destroy(&c);
    /* Without a model a spec has to say everything. */
    assert_ok(assign(NULL, "ID,TIME,DV,AMT",
                     "TIME,time,,h\nDV,dv,level,mg/L\nAMT,amount,oral,mg\n", &c));
    assert_string_equal(c->list[2].public.name, "level");
    columns_destroy(&c);
    assert_refused(ERR_FORMAT, "unit of the time",
                   assign(NULL, "ID,TIME,DV", "DV,dv,level,\n", &c));
    assert_refused(ERR_FORMAT, "has to name what DV is",
                   assign(NULL, "ID,TIME,DV", "TIME,time,,h\n", &c));
}

static void column__faults_of_a_spec_name_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *says, *hint;
    } faults[] = {
        {"DV,value,,\n", "spec.csv:2: there is no role 'value'",
         "the roles are ignored, id"},
        {"DV,measurment,,\n", "no role 'measurment'", "did you mean measurement?"},
        {"DV,dv,,\nDV,dv,,\n", "spec.csv:3: column DV has been given", ""},
        {"DV,dv,level,furlong\n", "spec.csv:2: ", ""},
        {"DV,dv,level,mg\n", "spec.csv:2: DV is in mg, but the model has level in mg/L",
         ""},
        {"TIME,time,,mg\n", "TIME is in mg, but the model has time in h", ""},
        {"AMT,amount,oral,mL\n", "AMT is in mL, but the model has oral in mg", ""},
        {"AMT,amount,oarl,mg\n", "has no input 'oarl'", ""},
        {"WTT,covariate,WT,kg\n", "spec.csv:2: t.csv has no column WTT",
         "did you mean WT?"},
        {"DVID=2,dv,level,\n", "DVID is not a dvid or cmt column", ""},
        {"CMT=2,time,,\n", "the role of CMT=2 is dv, amount or ignored", ""},
        {"CMT=2,dv,,\n", "what CMT=2 stands for needs a name", ""},
        {"ID,time,,\n", "columns ID and TIME are both the time", ""},
    };
    struct columns *c;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        assert_refused(ERR_FORMAT, faults[i].says,
                       assign(oral, "ID,TIME,AMT,DV,CMT,WT", faults[i].spec, &c));
        if (!strstr(err_hint_text(), faults[i].hint))
            fail_msg("\"%s\" does not hint \"%s\"", err_hint_text(), faults[i].hint);
    }
}

static void column__a_table_lacks_nothing_that_is_needed(void **state)
{
    (void)state;
    static const char needs_text[] = "model needs version 1 \"t\"\ntime h\n[parameters]\n"
                                     "a = 1 1 normal sd 1\n[covariates]\nX 1\n"
                                     "[equations]\nf = a*X\n[observations]\n"
                                     "y : f ~ add(1)\n";
    struct columns *c;
    struct model *needs;
    assert_refused(ERR_FORMAT, "no column for the patient",
                   assign(oral, "TIME,DV", NULL, &c));
    assert_refused(ERR_FORMAT, "no column for the time", assign(oral, "ID,DV", NULL, &c));
    assert_refused(ERR_FORMAT, "no column with measurements",
                   assign(oral, "ID,TIME", NULL, &c));
    assert_ok(model_parse(needs_text, strlen(needs_text), "needs", &needs));
    assert_refused(ERR_FORMAT, "no column for the covariate X of model needs",
                   assign(needs, "ID,DV", NULL, &c));
    /* Nothing moves in this model: it does not ask when. */
    assert_false(model_moves(needs));
    assert_ok(assign(needs, "ID,X,DV", NULL, &c));
    columns_destroy(&c);
    model_destroy(&needs);
    /* This one does, in the formula of what is observed. */
    char *moves_text = mem_format("%.*sy : f + (1 + time/(1 h))^2 ~ add(1)\n",
                                  (int)(strstr(needs_text, "y : f") - needs_text),
                                  needs_text);
    assert_ok(model_parse(moves_text, strlen(moves_text), "needs", &needs));
    assert_refused(ERR_FORMAT, "no column for the time",
                   assign(needs, "ID,X,DV", NULL, &c));
    model_destroy(&needs);
    mem_free(moves_text);
}

static const char *quantity_of(const struct columns *c, const char *code,
                               const char **why)
{
    const char *fields[] = {"7", "0", code, "1"};
    struct column_target target;
    *why = columns_quantity(c, fields, &target);
    return target.name;
}

static void column__dvid_says_what_was_measured(void **state)
{
    (void)state;
    struct columns *c;
    const char *why;
    assert_ok(assign(two, "ID,TIME,DVID,DV", NULL, &c));
    assert_string_equal(quantity_of(c, "2", &why), "pca");
    assert_string_equal(quantity_of(c, "pca", &why), "pca");
    assert_null(why);
    assert_null(quantity_of(c, "3", &why)); /* not of this model, and not wrong */
    assert_null(why);
    quantity_of(c, ".", &why);
    assert_non_null(strstr(why, "several observations"));
    quantity_of(c, "0", &why);
    assert_non_null(strstr(why, "from 1"));
    columns_destroy(&c);

    assert_ok(assign(two, "ID,TIME,DVID,DV",
                     "DVID=10,dv,level,ng/mL\nDVID=cp,dv,pca,%\nDVID=9,ignored,,\n", &c));
    const char *fields[] = {"7", "0", "10.0", "1"};
    struct column_target target;
    assert_null(columns_quantity(c, fields, &target));
    assert_string_equal(target.name, "level");
    assert_string_equal(target.unit, "ng/mL");
    assert_string_equal(quantity_of(c, "cp", &why), "pca");
    assert_null(quantity_of(c, "9", &why));
    assert_null(why);
    quantity_of(c, "11", &why);
    assert_non_null(strstr(why, "the spec does not say"));
    columns_destroy(&c);

    assert_ok(assign(two, "ID,TIME,CMT,DV", NULL, &c));
    assert_string_equal(quantity_of(c, "level", &why), "level");
    quantity_of(c, "1", &why); /* a compartment's number is no observation's */
    assert_non_null(why);
    columns_destroy(&c);
    assert_refused(ERR_FORMAT, "together with its name",
                   assign(two, "ID,TIME,DVID,DV", "DV,dv,,mg/L\n", &c));
}

static const char *input_of(struct columns *c, const char *code, const char **why)
{
    const char *fields[] = {"7", "0", code, "1", "."};
    struct column_target target;
    *why = columns_input(c, fields, &target);
    return target.name;
}

static void column__cmt_says_where_a_dose_goes(void **state)
{
    (void)state;
    static const char one_text[] = "model one version 1 \"t\"\ntime h\n[parameters]\n"
                                   "k = 1 1/h (0.1, 10) lognormal cv 0.3\n[doses]\n"
                                   "iv -> a mg\n[equations]\nd/dt(b) = k*a - k*b\n"
                                   "d/dt(a) = -k*a\n[observations]\ny : b ~ add(1 mg)\n";
    struct columns *c;
    struct model *one;
    const char *why;
    assert_ok(assign(two, "ID,TIME,CMT,AMT,DV", "DV,dv,level,mg/L\n", &c));
    assert_string_equal(input_of(c, "1", &why), "oral"); /* depot is the first state */
    assert_string_equal(input_of(c, "2", &why), "iv");
    assert_string_equal(input_of(c, "iv", &why), "iv");
    assert_null(why);
    input_of(c, "3", &why);
    assert_non_null(strstr(why, "no input into this compartment"));
    input_of(c, ".", &why);
    assert_non_null(strstr(why, "no CMT says"));
    columns_destroy(&c);

    assert_ok(assign(two, "ID,TIME,CMT,AMT,DV",
                     "DV,dv,level,\nCMT=1,amount,iv,g\nCMT=4,ignored,,\n", &c));
    assert_string_equal(input_of(c, "1", &why), "iv");
    assert_null(input_of(c, "4", &why));
    assert_null(why);
    input_of(c, "2", &why);
    assert_non_null(strstr(why, "the spec does not say which input"));
    columns_destroy(&c);

    /* One input takes all doses of one compartment, whatever its number. */
    assert_ok(model_parse(one_text, strlen(one_text), "one", &one));
    assert_ok(assign(one, "ID,TIME,CMT,AMT,DV", NULL, &c));
    assert_string_equal(input_of(c, "1", &why), "iv");
    assert_null(why);
    input_of(c, "2", &why);
    assert_non_null(strstr(why, "different compartments"));
    columns_destroy(&c);
    model_destroy(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(column__knows_the_usual_names_and_the_models),
        cmocka_unit_test(column__a_spec_gives_roles_names_and_units),
        cmocka_unit_test(column__faults_of_a_spec_name_its_line),
        cmocka_unit_test(column__a_table_lacks_nothing_that_is_needed),
        cmocka_unit_test(column__dvid_says_what_was_measured),
        cmocka_unit_test(column__cmt_says_where_a_dose_goes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
