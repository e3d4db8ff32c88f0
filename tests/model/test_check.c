#include "check.h"

#include "language.h"
#include "model_impl.h"

static enum err check_text(const char *text, struct model **model)
{
    *model = mem_new(1, sizeof **model);
    if (syntax_parse(text, strlen(text), "f", &(*model)->syntax) != ERR_OK)
        return err_code();
    return model_check(*model);
}

static void release(struct model **model)
{
    syntax_destroy(&(*model)->syntax);
    mem_free((*model)->inserted);
    mem_free(*model);
    *model = NULL;
}

static void check__fills_what_the_model_promises(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(check_text(oral_text, &m));
    assert_int_equal(m->parameters[0].kind, PARAMETER_INDIVIDUAL);
    assert_near(m->parameters[0].between_sd, sqrt(log(1 + 0.35 * 0.35)), 1e-15);
    assert_int_equal(m->parameters[2].covariates, 1);
    assert_int_equal(m->parameters[4].kind, PARAMETER_POPULATION);
    assert_true(m->correlated[0][1] && m->correlated[1][0] && !m->correlated[0][2]);
    assert_near(m->correlation[1][0], 0.3, 0);
    assert_near(m->covariates[0].scale, 50, 0);
    assert_int_equal(m->inputs[1].state, 1);
    assert_near(m->inputs[1].default_duration, 0.5, 1e-15); /* 30 min, in h */
    assert_near(m->observations[0].additive, 0.3, 1e-15);   /* 300 ug/L, in mg/L */
    assert_near(m->observations[0].limit_low, 0.5, 0);
    assert_string_equal(m->states[1].unit, "mg");
    release(&m);
}

/* Per root of model time, in the unit of what moves. */
static void check__drift_and_noise_are_in_the_models_units(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(check_text("model m version 1 \"t\"\ntime min\n[parameters]\n"
                         "a = 1 1/min lognormal sd 0.3 drifts sd 0.6 per 1 h\n"
                         "b = 2 g normal sd 1 drifts sd 5 mg per 4 min back over 2 h\n"
                         "c = 2 g fixed\n"
                         "[equations]\nd/dt(A) = -a*A noise 6 mg per 9 min positive "
                         "init b unit g\nd/dt(B) = a*A/c\n",
                         &m));
    bool positive;
    assert_near(m->parameters[0].drift, 0.6 / sqrt(60), 1e-15);
    assert_near(m->parameters[0].drift_back, 0, 0);
    assert_near(m->parameters[1].drift, 0.0025, 1e-15);
    assert_near(m->parameters[1].drift_back, 120, 1e-12);
    assert_near(m->parameters[2].drift, 0, 0);
    assert_near(model_noise(m, 0, &positive), 0.002, 1e-15);
    assert_true(positive);
    assert_near(model_noise(m, 1, &positive), 0, 0);
    assert_true(!positive && model_drifts(m));
    release(&m);
}

/* What ecosystem's glucose model declares, in the units its lines say or imply. */
static void check__units_are_carried_through(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(check_text(glucose_text, &m));
    static const char *const units[] = {"mU", "mU", "mU/L", "1/min", "mmol/L"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(m->states[i].unit, units[i]);
    assert_near(m->inputs[0].accepted_factor, 1000, 1e-12);
    assert_string_equal(m->inputs[0].accepted_unit, "[iU]");
    release(&m);
}

/* A dose in mg/m2 with the body surface as its fraction; mass to amount by a molar mass;
 * both ways of saying the same conversion. */
static void check__doses_arrive_in_the_unit_of_their_state(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(check_text(HEAD "[covariates]\nBSA m2\n[doses]\n"
                              "a -> A mg/m2 fraction BSA over 30 min\n"
                              "b -> A ug fraction 50 %\n"
                              "c -> B mmol convert from g by 5.5508\n"
                              "d -> C mg\n"
                              "[equations]\nd/dt(A) = -A/(1 h)\nd/dt(B) = -B/(1 h)\n"
                              "d/dt(C) = -C/(1 h) unit g\n",
                         &m));
    assert_near(m->inputs[0].accepted_factor, 1, 1e-15);
    assert_near(m->inputs[0].default_duration, 0.5, 1e-15);
    assert_string_equal(m->inputs[0].unit, "mg");
    assert_near(m->inputs[1].accepted_factor, 1e-3, 1e-18);
    assert_near(m->syntax->inputs[1].fraction->factor, 0.01, 1e-17);
    assert_near(m->inputs[2].accepted_factor, 5.5508, 1e-15);
    assert_string_equal(m->inputs[2].accepted_unit, "g");
    assert_near(m->inputs[3].accepted_factor, 1e-3, 1e-18);
    release(&m);
}

static void check__spreads_are_those_of_the_transformed_parameter(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(check_text(HEAD "[parameters]\n"
                              "a = 1 L lognormal cv 50 %\n"
                              "b = 1 L lognormal sd 0.5\n"
                              "c = 5 L normal sd 200 mL\n"
                              "d = 0.5 1 (0, 1) logitnormal sd 0.7\n"
                              "e = 3 L (0, 9) estimated\n"
                              "f = -3 L estimated\n"
                              "g = 1 L (-5, 5) estimated\n"
                              "[population]\ncorrelated all\n"
                              "[equations]\nq = a + b + c + d*e + f + g\n",
                         &m));
    assert_near(m->parameters[0].between_sd, sqrt(log(1.25)), 1e-15);
    assert_near(m->parameters[1].between_sd, 0.5, 0);
    assert_near(m->parameters[2].between_sd, 0.2, 1e-16);
    assert_near(m->parameters[3].between_sd, 0.7, 0);
    assert_int_equal(m->parameters[4].transform, TRANSFORM_LOG);
    assert_int_equal(m->parameters[4].kind, PARAMETER_POPULATION);
    assert_int_equal(m->parameters[5].transform, TRANSFORM_IDENTITY);
    assert_int_equal(m->parameters[6].transform, TRANSFORM_IDENTITY);
    assert_true(m->correlated[0][3] && m->correlated[2][1] && !m->correlated[0][4]);
    assert_near(m->parameters[0].low, 0, 0);
    release(&m);
}

static void check__observations_are_kept_in_one_unit(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(check_text(HEAD
                         "[observations]\n"
                         "a : 1 [mg/L] ~ combined1(add 100 ug/L fixed, prop 5 %)"
                         " limits 500 .. 9000 ug/L\n"
                         "b : 1 [mg/L] ~ add(1 mg/L) unit ng/mL uloq 2 mg/L lloq 3 ug/L\n"
                         "c : 1 [mg/L] ~ lognormal(0.2)\n"
                         "d : 50 % ~ bernoulli\n",
                         &m));
    const struct model_observation *o = m->observations;
    assert_near(o[0].additive, 0.1, 1e-16);
    assert_near(o[0].proportional, 0.05, 1e-17);
    assert_true(o[0].additive_fixed && !o[0].proportional_fixed);
    assert_near(o[0].limit_low, 0.5, 1e-15);
    assert_near(o[0].limit_high, 9, 1e-15);
    assert_string_equal(o[1].unit, "ng/mL");
    assert_near(o[1].additive, 1000, 1e-12);
    assert_near(o[1].limit_low, 3, 1e-15);
    assert_near(o[1].limit_high, 2000, 1e-12);
    assert_near(o[2].additive, 0.2, 0);
    assert_true(isinf(o[2].limit_low) && isinf(o[2].limit_high));
    assert_near(m->syntax->observations[3].expr->factor, 0.01, 1e-17);
    release(&m);
}

static void check__correlation_times_are_the_models(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(check_text(HEAD "[observations]\n"
                              "a : 1 [mg/L] ~ add(1 mg/L) correlated over 30 min\n"
                              "b : 1 [mg/L] ~ prop(0.1) uloq 9 mg/L correlated over 2 d "
                              "fixed \"b\"\n"
                              "c : 1 [mg/L] ~ lognormal(0.2)\n",
                         &m));
    const struct model_observation *o = m->observations;
    assert_near(o[0].correlation_time, 0.5, 1e-16);
    assert_false(o[0].correlation_fixed);
    assert_near(o[1].correlation_time, 48, 1e-13);
    assert_true(o[1].correlation_fixed);
    assert_near(o[1].limit_high, 9, 0);
    assert_near(o[2].correlation_time, 0, 0);
    release(&m);
}

/* --- the table of mistakes ------------------------------------------------------ */

static char *file_text(const char *name)
{
    char path[500];
    snprintf(path, sizeof path, SOURCE_DIR "/tests/language/%s", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s cannot be opened", path);
    char *text = mem_new(1 << 17, 1);
    size_t size = fread(text, 1, (1 << 17) - 1, file);
    assert_in_range(size, 1, (1 << 17) - 2);
    fclose(file);
    return text;
}

/* The caret stands under the column that the sentence names. */
static bool caret_fits(const char *refusal)
{
    unsigned line, column;
    const char *caret = strrchr(refusal, '\n');
    return sscanf(refusal, "f:%u:%u:", &line, &column) == 2 && caret &&
           strspn(caret + 1, " ") == column - 1 && strcmp(caret + column, "^") == 0;
}

/* `entry`: NUMBER LINE:COLUMN SENTENCE, perhaps a line => HINT, then the text. */
static void check_mistake(char *entry)
{
    char number[6], place[20], expected[500], text[4000], *sentence;
    int used = 0;
    char *body = strchr(entry, '\n');
    *body++ = 0;
    const char *hint = "";
    if (strncmp(body, "=> ", 3) == 0) {
        hint = body + 3;
        body = strchr(body, '\n');
        *body++ = 0;
    }
    assert_int_equal(sscanf(entry, "%5s %19s %n", number, place, &used), 2);
    sentence = entry + used;
    snprintf(text, sizeof text, "%s%s", strncmp(body, "model", 5) ? HEAD : "", body);
    snprintf(expected, sizeof expected, "f:%s: %s: %s\n", place, number, sentence);
    struct model *m;
    if (check_text(text, &m) == ERR_OK)
        fail_msg("accepted, expected %s%s", expected, body);
    if (strncmp(err_text(), expected, strlen(expected)) != 0 || !caret_fits(err_text()))
        fail_msg("expected %s%s\ngot %s", expected, body, err_text());
    if (strcmp(err_hint_text(), hint) != 0)
        fail_msg("expected %s%s\nhint \"%s\", got \"%s\"", expected, body, hint,
                 err_hint_text());
    release(&m);
}

static void check__every_mistake_has_its_number_place_and_hint(void **state)
{
    (void)state;
    char *text = file_text("mistakes.txt");
    size_t seen[MODEL_ERROR_COUNT] = {0}, count = 0;
    char *entry = strstr(text, "\n== ");
    while (entry) {
        char *next = strstr(entry + 1, "\n== ");
        if (next)
            next[1] = 0;
        for (size_t i = 0; i < MODEL_ERROR_COUNT; i++)
            seen[i] += strncmp(entry + 4, model_error_name(i), 5) == 0;
        check_mistake(entry + 4);
        count++;
        if (next)
            next[1] = '=';
        entry = next;
    }
    assert_in_range(count, 100, 1000);
    for (size_t i = 0; i < MODEL_ERROR_COUNT; i++)
        if (!seen[i] && i != E1005 && i != E1006 &&
            i != E4003) /* test_formula.c, test_parse.c */
            fail_msg("%s is in no entry", model_error_name(i));
    mem_free(text);
}

/* --- programs that use the language --------------------------------------------- */

static const char *unit_of(const struct model *m, const char *name)
{
    const struct syntax *s = m->syntax;
    for (size_t i = 0; i < s->state_count; i++)
        if (strcmp(m->states[i].name, name) == 0)
            return m->states[i].unit;
    for (size_t i = 0; i < s->quantity_count; i++)
        if (strcmp(m->derived[i].name, name) == 0)
            return m->derived[i].unit;
    for (size_t i = 0; i < s->observation_count; i++)
        if (strcmp(m->observations[i].name, name) == 0)
            return m->observations[i].unit;
    for (size_t i = 0; i < s->outcome_count; i++)
        if (strcmp(m->outcomes[i].name, name) == 0)
            return m->outcomes[i].unit;
    fail_msg("nothing is called %s", name);
    return NULL;
}

/* Models of other fields than the library's, with the units that a reader expects of
 * their states, quantities and observations in comments: #: NAME UNIT. */
static void check__programs_have_the_units_that_their_readers_expect(void **state)
{
    (void)state;
    static const char *const programs[] = {
        "asthma.twin",       "beats.twin", "emax.twin", "heart.twin",
        "radiotherapy.twin", "tgi.twin",   "whig.twin", "toenail.twin"};
    size_t compared = 0;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        char *text = file_text(programs[i]), name[64], unit[64];
        struct model *m;
        if (check_text(text, &m) != ERR_OK)
            fail_msg("%s: %s", programs[i], err_text());
        for (const char *at = strstr(text, "\n#: "); at; at = strstr(at + 1, "\n#: ")) {
            double factor = 0;
            assert_int_equal(sscanf(at, "\n#: %63s %63s", name, unit), 2);
            if (unit_convert(unit_of(m, name), unit, &factor) != ERR_OK || factor != 1)
                fail_msg("%s: %s is in %s, not in %s", programs[i], name,
                         unit_of(m, name), unit);
            compared++;
        }
        char *once = syntax_print(m->syntax);
        release(&m);
        assert_ok(check_text(once, &m));
        char *again = syntax_print(m->syntax);
        assert_string_equal(once, again);
        release(&m);
        mem_free(once);
        mem_free(again);
        mem_free(text);
    }
    assert_in_range(compared, 30, 100);
}

/* Every model and every refusal that the page of the language shows is one. */
static void check__the_page_of_the_language_is_true(void **state)
{
    (void)state;
    char *page = file_text("../../models/README.md");
    char *example = strstr(page, "```\nmodel ") + 4, *end = strstr(example, "```");
    assert_non_null(end);
    char *text = mem_text_n(example, (size_t)(end - example));
    struct model *m;
    assert_ok(check_text(text, &m));
    release(&m);
    char *line = strstr(text, "ka*depot - CLi/Vi*central");
    char *spoilt = mem_format("%.*ska*depot - CLi*central/Vi/Vi%s", (int)(line - text),
                              text, strchr(line, '\n'));
    assert_int_equal(check_text(spoilt, &m), ERR_FORMAT);
    char *shown = mem_format("oral.twin%s\nhint: %s\n", err_text() + 1, err_hint_text());
    if (!strstr(page, shown))
        fail_msg("models/README.md does not show\n%s", shown);
    release(&m);
    mem_free(shown);
    mem_free(spoilt);
    mem_free(text);
    mem_free(page);
}

static void check__the_second_page_shows_models(void **state)
{
    (void)state;
    char *page = file_text("../../docs/language.md");
    size_t count = 0;
    for (char *at = page; (at = strstr(at, "```\nmodel ")); count++) {
        char *end = strstr(at + 4, "```");
        assert_non_null(end);
        char *text = mem_text_n(at + 4, (size_t)(end - at - 4));
        struct model *m;
        if (check_text(text, &m) != ERR_OK)
            fail_msg("docs/language.md: %s", err_text());
        release(&m);
        mem_free(text);
        at = end + 3;
    }
    assert_in_range(count, 1, 20);
    mem_free(page);
}

/* --- damage --------------------------------------------------------------------- */

/* A damaged text is read or refused, never more; what is read has a canonical text that
 * is read as well and says the same. Under the sanitizers this is the stages' memory
 * test. */
static size_t try_damaged(const char *text)
{
    struct model *m;
    if (check_text(text, &m) != ERR_OK) {
        assert_true(strlen(err_text()) > 12);
        release(&m);
        return 0;
    }
    char *once = syntax_print(m->syntax);
    release(&m);
    if (check_text(once, &m) != ERR_OK)
        fail_msg("%s\nis read, its canonical text is not: %s", text, err_text());
    char *again = syntax_print(m->syntax);
    assert_string_equal(once, again);
    release(&m);
    mem_free(once);
    mem_free(again);
    return 1;
}

static void check__damaged_texts_are_read_or_refused(void **state)
{
    (void)state;
    static const char swaps[] = "(\n\"^[9e.\x80~)-0 ,%=";
    static const char *const words[] = {" and ",  "-1e308", "[mg",       "d/dt(",
                                        " unit ", "\\\n",   " init ",    "(((",
                                        "0*",     "^9",     "\xc2\xb5g", "table(WT, 1: "};
    char *texts[] = {
        mem_text(oral_text),     mem_text(glucose_text),         file_text("whig.twin"),
        file_text("heart.twin"), file_text("radiotherapy.twin"), file_text("beats.twin")};
    size_t survived = 0;
    unsigned seed = 1;
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        size_t size = strlen(texts[t]);
        for (size_t i = 0; i < size; i++) {
            char *text = mem_text(texts[t]);
            text[i] = swaps[(i + t) % (sizeof swaps - 1)];
            survived += try_damaged(text);
            if (i % 3 == 0) {
                text[i] = 0;
                survived += try_damaged(text);
            }
            mem_free(text);
            seed = seed * 1103515245 + 12345;
            size_t from = (seed >> 16) % size, cut = (seed >> 8) % 20;
            text = mem_format("%.*s%s%s", (int)i, texts[t], words[i % 12],
                              texts[t] + (i + cut < size ? i + cut : from));
            survived += try_damaged(text);
            mem_free(text);
        }
        mem_free(texts[t]);
    }
    assert_in_range(survived, 50, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check__fills_what_the_model_promises),
        cmocka_unit_test(check__drift_and_noise_are_in_the_models_units),
        cmocka_unit_test(check__units_are_carried_through),
        cmocka_unit_test(check__doses_arrive_in_the_unit_of_their_state),
        cmocka_unit_test(check__spreads_are_those_of_the_transformed_parameter),
        cmocka_unit_test(check__observations_are_kept_in_one_unit),
        cmocka_unit_test(check__correlation_times_are_the_models),
        cmocka_unit_test(check__every_mistake_has_its_number_place_and_hint),
        cmocka_unit_test(check__programs_have_the_units_that_their_readers_expect),
        cmocka_unit_test(check__the_page_of_the_language_is_true),
        cmocka_unit_test(check__the_second_page_shows_models),
        cmocka_unit_test(check__damaged_texts_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
