#include "base/spelling.h"

#include "check.h"

/* The classic pairs of the literature, doubled because a whole edit counts 2. */
static void spelling__distance_is_damerau_levenshtein(void **state)
{
    (void)state;
    const struct {
        const char *a, *b;
        size_t distance;
    } rows[] = {
        {"", "", 0},
        {"abc", "abc", 0},
        {"", "abc", 6},
        {"kitten", "sitting", 6},
        {"saturday", "sunday", 6},
        {"flaw", "lawn", 4},
        {"prot", "port", 2},
        {"ca", "abc", 6}, /* alignment, not the full metric: 3 */
        {"Port", "port", 1},
        {"MG", "mg", 2},
        {"intention", "execution", 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *a = rows[i].a, *b = rows[i].b;
        assert_int_equal(spelling_distance(a, strlen(a), b, strlen(b)), rows[i].distance);
        assert_int_equal(spelling_distance(b, strlen(b), a, strlen(a)), rows[i].distance);
    }
    char longer[100];
    memset(longer, 'a', sizeof longer);
    assert_int_equal(spelling_distance(longer, 65, longer, 65), SPELLING_FAR);
    assert_int_equal(spelling_distance(longer, 64, longer, 64), 0);
    assert_int_equal(spelling_distance(longer, 64, longer, 0), 128);
}

static void spelling__nearest_is_near_or_nothing(void **state)
{
    (void)state;
    const char *const names[] = {"calibrate", "forecast", "port", "patients", "id"};
    assert_string_equal(spelling_nearest("calibrte", names, 5), "calibrate");
    assert_string_equal(spelling_nearest("prot", names, 5), "port");
    assert_string_equal(spelling_nearest("Patient", names, 5), "patients");
    assert_string_equal(spelling_nearest("ID", names, 5), "id");
    assert_string_equal(spelling_nearest("port", names, 5), "port");
    assert_null(spelling_nearest("wobble", names, 5));
    assert_null(spelling_nearest("x", names, 5));
    assert_null(
        spelling_nearest("y", (const char *const[]){"x"}, 1)); /* all of it changed */
    assert_null(spelling_nearest("", names, 5));
    assert_null(spelling_nearest("port", names, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spelling__distance_is_damerau_levenshtein),
        cmocka_unit_test(spelling__nearest_is_near_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
