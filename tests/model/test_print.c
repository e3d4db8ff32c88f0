#include "check.h"

#include "language.h"
#include "model_impl.h"

static char *canonical(const char *text)
{
    struct syntax *s;
    assert_ok(syntax_parse(text, strlen(text), "f", &s));
    char *printed = syntax_print(s);
    syntax_destroy(&s);
    return printed;
}

static void print__canonical_text_is_a_fixed_point(void **state)
{
    (void)state;
    const char *const texts[] = {oral_text, glucose_text};
    for (size_t i = 0; i < 2; i++) {
        char *once = canonical(texts[i]), *again = canonical(once);
        assert_string_equal(once, again);
        assert_null(strchr(once, '#'));
        mem_free(once);
        mem_free(again);
    }
}

static void print__spacing_and_comments_do_not_matter(void **state)
{
    (void)state;
    char *a = canonical("model m version 1 \"t\"\ntime h\n[equations]\nq=1+2 # sum\n");
    char *b =
        canonical("model m   version 1 \"t\"\n\n\ntime h\n\n[equations]\n q = (1\n+2)");
    assert_string_equal(a, b);
    mem_free(a);
    mem_free(b);
}

static void print__numbers_read_back(void **state)
{
    (void)state;
    const double numbers[] = {0.1, 1.0 / 3, 7.0e-4, 1e300, 123456789, 5.5508, -2.5e-8};
    char text[NUMBER_TEXT_MAX];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        number_print(numbers[i], text);
        assert_true(strtod(text, NULL) == numbers[i]);
    }
    static const struct {
        double number;
        const char *text;
    } rows[] = {{0.1, "0.1"},     {70, "70"},         {1e-5, "1e-5"}, {1e20, "1e20"},
                {0.35, "0.35"},   {-1e-10, "-1e-10"}, {0, "0"},       {123456, "123456"},
                {1e100, "1e100"}, {100, "100"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        number_print(rows[i].number, text);
        assert_string_equal(text, rows[i].text);
    }
}

/* The page of the language shows this text: what people write is what they get back. */
static void print__lines_stand_under_each_other(void **state)
{
    (void)state;
    char *printed = canonical(oral_text);
    assert_string_equal(
        printed, "model theo_oral version 2  \"Theophylline: one compartment\"\n"
                 "time h\n"
                 "\n"
                 "[parameters]\n"
                 "CL = 2.8   L/h  (0.05, 200)  lognormal cv 0.35          \"clearance\"\n"
                 "V  = 32    L    (2, 1000)    lognormal cv 0.2           \"volume\"\n"
                 "ka = 1.5   1/h  (0.05, 10)   lognormal cv 0.6    on WT\n"
                 "Fo = 0.8   1    (0.05, 1)    logitnormal sd 0.3\n"
                 "tl = 0.25  h                 estimated log\n"
                 "\n"
                 "[population]\n"
                 "correlated CL, V 0.3\n"
                 "\n"
                 "[covariates]\n"
                 "WT kg  locf  default 70  centre 70  scale 50\n"
                 "\n"
                 "[individual]\n"
                 "CLi = CL*(WT/70 kg)^0.75\n"
                 "Vi  = V*(WT/70 kg)\n"
                 "\n"
                 "[doses]\n"
                 "oral -> depot    mg  fraction Fo  lag tl\n"
                 "iv   -> central  mg                       over 30 min\n"
                 "\n"
                 "[equations]\n"
                 "d/dt(depot)   = -ka*depot\n"
                 "d/dt(central) = ka*depot - CLi/Vi*central\n"
                 "Cp            = central/Vi\n"
                 "\n"
                 "[observations]\n"
                 "level : Cp  ~ combined2(add 300 ug/L, prop 0.12)  lloq 0.5 mg/L  loinc "
                 "4049-3\n");
    mem_free(printed);
}

/* Brackets stand around a unit where the lexer would not read it as one name. */
static void print__brackets_stand_where_units_need_them(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"1 mg", "1 mg"},
        {"1 [mg]", "1 mg"},
        {"1 [mg/L]", "1 [mg/L]"},
        {"1 mm[Hg]", "1 mm[Hg]"},
        {"1 [iU]", "1 [iU]"},
        {"1 [[iU]/L]", "1 [[iU]/L]"},
        {"1 m2", "1 m2"},
        {"1 [m^2]", "1 [m^2]"},
        {"5 %", "5 %"},
        {"1 [m-2]", "1 [m-2]"},
        {"(2 m)^2", "(2 m)^2"},
        {"(2 [m])^2*3", "(2 m)^2*3"},
        {"1 \xc2\xb5g", "1 \xc2\xb5g"},
        {"table(G,-1:(1+2)*3,\"two\" :4, else : 5)",
         "table(G, -1: (1 + 2)*3, \"two\": 4, else: 5)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = mem_format(HEAD "[equations]\nq = %s\n", rows[i][0]);
        char *expected = mem_format("q = %s\n", rows[i][1]);
        char *printed = canonical(text), *again = canonical(printed);
        if (!strstr(printed, expected))
            fail_msg("%s printed as %s", rows[i][0], printed);
        assert_string_equal(printed, again);
        mem_free(text);
        mem_free(expected);
        mem_free(printed);
        mem_free(again);
    }
}

/* What a text says of itself is part of it, and of its hash. */
static void print__step_is_kept(void **state)
{
    (void)state;
    char *text = canonical("model m version 1\ntime s\n\nsolver rk4  step 2.0 ms # grid\n"
                           "[equations]\nd/dt(x) = -x/(1 s) init 1 unit 1\n");
    assert_non_null(strstr(text, "\ntime s\nsolver rk4 step 2 ms\n\n["));
    mem_free(text);
}

static void print__question_sources_and_marks_are_kept(void **state)
{
    (void)state;
    char *printed =
        canonical(HEAD "source \"A 1999\"\n\nsource \"B\"\nquestion \"why?\"\n"
                       "[parameters]\na = 1 L fixed wide\n"
                       "b = 1 L published normal sd 2 L \"x\"\n");
    assert_string_equal(strchr(printed, '\n'),
                        "\ntime h\nquestion \"why?\"\nsource \"A 1999\"\n"
                        "source \"B\"\n\n[parameters]\n"
                        "a = 1  L  fixed          wide\n"
                        "b = 1  L  normal sd 2 L  published  \"x\"\n");
    char *again = canonical(printed);
    assert_string_equal(printed, again);
    mem_free(printed);
    mem_free(again);
}

static void print__doses_that_move_stand_in_one_cell(void **state)
{
    (void)state;
    char *printed = canonical(HEAD "[doses]\nray Gy:V=V/(1+dose/(2 Gy)),D = D+(V) \"x\"\n"
                                   "oral -> V mL\n[equations]\nd/dt(V)=0\nd/dt(D)=0\n");
    char *again = canonical(printed);
    assert_non_null(strstr(printed, "\nray  Gy : V = V/(1 + dose/2 Gy), D = D + V  "
                                    "\"x\"\n"));
    assert_string_equal(printed, again);
    mem_free(printed);
    mem_free(again);
}

/* Whatever the order of sections and clauses in a file, and wherever lines are broken. */
static void print__one_text_for_one_model(void **state)
{
    (void)state;
    char *a = canonical(HEAD "[equations]\nd/dt(A) = -k*A init 2 mg unit mg \"a\"\n"
                             "[parameters]\nk = 1 1/h on W \"k\" lognormal sd 1\n"
                             "[covariates]\nW kg scale 2 centre 1 default 3\n");
    char *b = canonical(HEAD "[covariates]\nW kg constant default 3 centre 1 scale 2\n"
                             "[parameters]\nk = 1 1/h lognormal sd 1 on W \"k\"\n"
                             "[equations]\nd/dt(A) = (-k)*A \"a\" unit mg init 2 mg\n");
    char *c = canonical(HEAD "[covariates]\nW kg centre 1 scale 2 default 3.0\n"
                             "[parameters]\nk = 1.0 1/h lognormal \\\n sd 1 on W \"k\"\n"
                             "[equations]\nd/dt(A) = -k*(\nA) unit mg init 2 mg \"a\"\n");
    assert_string_equal(a, c);
    assert_string_equal(a, b);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    a = canonical(HEAD "[observations]\ny : 1 ~ add(1 1) lloq 0 1 correlated over 5 min "
                       "fixed\n");
    b = canonical(HEAD "[observations]\ny : 1 ~ add(1) correlated over 5.0 min fixed "
                       "lloq 0 1\n");
    assert_non_null(strstr(a, " correlated over 5 min fixed"));
    assert_non_null(strstr(b, "add(1) correlated over 5 min fixed"));
    mem_free(a);
    mem_free(b);
    a = canonical(HEAD
                  "[parameters]\nk = 1 1/h occasions 3 per 1 d sd 0.5 lognormal sd 1\n"
                  "j = 2 mg normal sd 1 occasions 2 by V sd 0.1 ug \"j\"\n");
    b = canonical(a);
    assert_non_null(strstr(a, "  occasions 3 per 1 d sd 0.5\n"));
    assert_non_null(strstr(a, "  occasions 2 by V sd 0.1 ug  \"j\"\n"));
    assert_string_equal(a, b);
    mem_free(a);
    mem_free(b);
    a = canonical(HEAD "[covariates]\nW 1\n[parameters]\n"
                       "k = 1 1/h drifts sd 0.50 per 1 d lognormal sd 1 on W\n"
                       "j = 2 mg normal sd 1 drifts sd 1 ug per 5 min back over 7.0 d\n"
                       "[equations]\n"
                       "d/dt(A) = -k*A noise 1 mg per 5 min init j\n"
                       "d/dt(B) = k*A noise 2 ug per 1 h positive unit mg\n");
    b = canonical(a);
    assert_non_null(strstr(a, "  on W  drifts sd 0.5 per 1 d\n"));
    assert_non_null(strstr(a, "  drifts sd 1 ug per 5 min back over 7 d\n"));
    assert_non_null(strstr(a, "  init j  noise 1 mg per 5 min\n"));
    assert_non_null(strstr(a, "  noise 2 ug per 1 h positive  "));
    assert_string_equal(a, b);
    mem_free(a);
    mem_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print__canonical_text_is_a_fixed_point),
        cmocka_unit_test(print__spacing_and_comments_do_not_matter),
        cmocka_unit_test(print__numbers_read_back),
        cmocka_unit_test(print__lines_stand_under_each_other),
        cmocka_unit_test(print__brackets_stand_where_units_need_them),
        cmocka_unit_test(print__step_is_kept),
        cmocka_unit_test(print__question_sources_and_marks_are_kept),
        cmocka_unit_test(print__doses_that_move_stand_in_one_cell),
        cmocka_unit_test(print__one_text_for_one_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
