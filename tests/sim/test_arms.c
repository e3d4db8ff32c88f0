#include "check.h"

#include "sim/arms.h"

static const char text[] = "model m version 1\ntime h\n"
                           "[parameters]\nk = 0.1 1/h (0.01, 1) lognormal sd 0.3\n"
                           "[covariates]\nGENE 1 default 0\nAGE year default 50\n"
                           "[doses]\niv -> A mg\noral -> D mg\n"
                           "[equations]\nd/dt(A) = -k*A\nd/dt(D) = -k*D\n"
                           "[observations]\nleft : A ~ add(1 mg)\n";

#include "of_text.h"

/* A patient who comes with 1 mg of each at 0 h. */
static struct record *patient(double gene, double age)
{
    struct record *record = record_new("p", "h");
    assert_ok(record_covariate(record, 0, "GENE", NULL, gene, 0));
    assert_ok(record_covariate(record, 0, "AGE", NULL, age, 1));
    assert_ok(record_dose(record, 0, "iv", "mg", 1, -1, 2));
    assert_ok(record_dose(record, 0, "oral", "mg", 1, -1, 3));
    return record;
}

static double given(const struct record *record, const char *input)
{
    double sum = 0;
    for (size_t i = 0; i < record->dose_count; i++)
        sum += strcmp(record->doses[i].input, input) == 0 ? record->doses[i].amount : 0;
    return sum;
}

/* What one arm gives whom: iv, whether a condition held. */
static double iv_of(const struct arm *arm, double gene, double age, bool *met)
{
    const double covariates[] = {gene, age};
    double parameters[] = {0.1};
    struct record *record = patient(gene, age);
    assert_ok(arm_apply(arm, covariates, record, parameters, met));
    double iv = given(record, "iv");
    assert_true(given(record, "oral") == 1); /* no arm gives it: it stays */
    record_destroy(&record);
    return iv;
}

static void arms__give_doses_by_covariates(void **state)
{
    (void)state;
    struct arms arms = {0};
    bool met;
    assert_ok(arms_add(&arms, model, "usual:"));
    assert_ok(
        arms_add(&arms, model, "by gene if GENE=0: iv 8 mg @ 1 h every 1 h 2 times"));
    assert_ok(arms_add(&arms, model, "by gene if GENE = 1 and AGE<75: iv 4 mg @ -2 h"));
    assert_ok(arms_add(&arms, model, "by gene if GENE=1 and AGE >= 75 : iv 2 mg @ 1 h"));
    assert_ok(arms_add(&arms, model, "by gene if AGE>90: iv 100 mg @ 1 h"));
    assert_int_equal(arms.count, 2);
    assert_string_equal(arm_name(arms.arm[1]), "by gene");
    assert_true(arms_start(&arms) == -2);
    assert_true(iv_of(arms.arm[0], 0, 50, &met) == 1 && met);
    assert_true(iv_of(arms.arm[1], 0, 50, &met) == 16 && met);
    assert_true(iv_of(arms.arm[1], 1, 74, &met) == 4 && met);
    assert_true(iv_of(arms.arm[1], 1, 75, &met) == 2 && met);
    assert_true(iv_of(arms.arm[1], 1, 91, &met) == 102 && met); /* what both say */
    assert_true(iv_of(arms.arm[1], 2, 50, &met) == 1 && !met);  /* nobody thought of it */
    arms_free(&arms);
}

static void arms__set_parameters_and_covariates(void **state)
{
    (void)state;
    struct arms arms = {0};
    const double covariates[] = {0, 50};
    double parameters[] = {0.1};
    bool met;
    assert_ok(arms_add(&arms, model, "a: k=0.5; AGE = 60"));
    assert_ok(arms_add(&arms, model, "a if AGE=50: k = 0.25"));
    assert_ok(arms_add(&arms, model, "a if AGE=60: k = 0.75")); /* as drawn, not as set */
    struct record *record = patient(0, 50);
    assert_ok(arm_apply(arms.arm[0], covariates, record, parameters, &met));
    assert_true(parameters[0] == 0.25);
    assert_int_equal(record->covariate_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(record->covariates[i].value ==
                    (strcmp(record->covariates[i].name, "AGE") == 0 ? 60 : 0));
    record_destroy(&record);
    arms_free(&arms);
}

static void arms__say_where_and_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        enum err code;
        const char *phrase, *part;
    } bad[] = {
        {ERR_USAGE, "iv 5 mg @ 0 h", "'iv 5 mg @ 0 h' does not say"},
        {ERR_USAGE, ": iv 5 mg @ 0 h", "does not say"},
        {ERR_USAGE, "a if GENE: k=1", "--arm a: 'GENE' is not a condition"},
        {ERR_USAGE, "a if GENE=x: k=1", "--arm a: 'x' is not a number"},
        {ERR_NOT_FOUND, "a if JEAN=1: k=1", "--arm a: model m has no covariate 'JEAN'"},
        {ERR_USAGE, "a: iv 5 mg", "--arm a: 'iv 5 mg' is neither a dose nor"},
        {ERR_NOT_FOUND, "a: q=1", "--arm a: model m has no parameter or covariate 'q'"},
        {ERR_NOT_FOUND, "a: im 5 mg @ 0 h", "--arm a: model m has no input 'im'"},
        {ERR_RANGE, "a: iv 5 mL @ 0 h", "--arm a: "},
        {ERR_RANGE, "a: k=2", "--arm a: k can be from 0.01 to 1 1/h, not 2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arms arms = {0};
        assert_refused(bad[i].code, bad[i].part, arms_add(&arms, model, bad[i].phrase));
        arms_free(&arms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arms__give_doses_by_covariates),
        cmocka_unit_test(arms__set_parameters_and_covariates),
        cmocka_unit_test(arms__say_where_and_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
