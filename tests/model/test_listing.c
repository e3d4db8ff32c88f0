#include "model_impl.h"

#include "check.h"

static const char text[] = "model m version 1\n"
                           "time h\n"
                           "[parameters]\n"
                           "k = 2 1/h lognormal sd 0.3\n"
                           "F = 0.5 1 (0, 1) logitnormal sd 0.3\n"
                           "w = 3 1 fixed\n"
                           "[covariates]\n"
                           "q 1 locf default 1\n"
                           "[doses]\n"
                           "oral -> a mg fraction F\n"
                           "[equations]\n"
                           "d/dt(a) = -k*q*min(a, 5 mg)\n"
                           "c = w*a\n"
                           "[observations]\n"
                           "o : c ~ add(0.1 mg)\n";

/* By hand: F has slope F (1 - F) and k itself, S' = -k q (a < 5) S, and along k another
 * -k q min(a, 5). The twelve constants and leaves come first. */
static const char expected[] = "once for an individual, for derivatives\n"
                               "  r13 = 1 - F\n"
                               "  r14 = F * r13\n"
                               "when a covariate changes\n"
                               "  r15 = k * q\n"
                               "  r16 = -(r15)\n"
                               "initial values, with derivatives\n"
                               "  a at the start = 0\n"
                               "  a at the start by k = 0\n"
                               "  a at the start by F = 0\n"
                               "doses, with derivatives\n"
                               "  fraction of oral = F\n"
                               "  lag of oral = 0\n"
                               "  duration of oral = 0\n"
                               "  fraction of oral by F = r14\n"
                               "rates\n"
                               "  r17 = min(a, 5)\n"
                               "  r17 = r15 * r17\n"
                               "  r17 = -(r17)\n"
                               "  d/dt(a) = r17\n"
                               "rates, with derivatives\n"
                               "  r17 = a < 5\n"
                               "  r18 = min(a, 5)\n"
                               "  r18 = r15 * r18\n"
                               "  r19 = -(r18)\n"
                               "  r17 = if(r17, r16, 0)\n"
                               "  r20 = r17 * d(a; F)\n"
                               "  r18 = r17 * d(a; k) - r18\n"
                               "  d/dt(a) = r19\n"
                               "  d/dt(a) by k = r18\n"
                               "  d/dt(a) by F = r20\n"
                               "observations, with derivatives\n"
                               "  r17 = w * a\n"
                               "  r18 = w * d(a; k)\n"
                               "  r19 = w * d(a; F)\n"
                               "  o = r17\n"
                               "  o by k = r18\n"
                               "  o by F = r19\n"
                               "quantities and observations\n"
                               "  r17 = w * a\n"
                               "  c = r17\n"
                               "  o = r17\n";

static void listing__reads_as_the_formulas(void **state)
{
    (void)state;
    struct model *model;
    struct bytes listing = {0};
    assert_ok(model_parse(text, strlen(text), "m", &model));
    program_print(model, &listing);
    bytes_append(&listing, "", 1);
    const char *said = (const char *)listing.data;
    if (strcmp(said, expected) != 0)
        fail_msg("%s", said);
    bytes_free(&listing);
    model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listing__reads_as_the_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
