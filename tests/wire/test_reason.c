#include "wire/reason.h"

#include <ctype.h>

#include "check.h"

static void reason__every_number_has_a_name_a_sentence_and_a_code(void **state)
{
    (void)state;
    for (uint32_t number = 1; number < REASON_COUNT; number++) {
        enum reason reason = REASON_NONE;
        assert_ok(reason_from_number(number, &reason));
        assert_int_equal(reason, number);
        const char *sentence = reason_sentence(reason);
        assert_true(strlen(sentence) > 15 && islower((unsigned char)sentence[0]));
        assert_true(sentence[strlen(sentence) - 1] != '.');
        assert_true(strlen(reason_name(reason)) >= 4);
        enum err code = reason_set(reason);
        assert_true(code != ERR_OK);
        assert_int_equal(code, err_code());
        assert_string_equal(err_text(), sentence);
        for (uint32_t other = 0; other < number; other++) {
            assert_string_not_equal(sentence, reason_sentence((enum reason)other));
            assert_string_not_equal(reason_name(reason), reason_name((enum reason)other));
        }
    }
}

static void reason__numbers_that_are_published_do_not_move(void **state)
{
    (void)state;
    assert_int_equal(REASON_MALFORMED, 1);
    assert_int_equal(REASON_BAD_SIGNATURE, 10);
    assert_int_equal(REASON_WRONG_PLAN, 19);
    assert_int_equal(REASON_BUSY, 28);
    assert_int_equal(REASON_ABANDONED, 41);
    assert_int_equal(REASON_POLICY_EXPIRED, 43);
    assert_string_equal(reason_name(REASON_WRONG_PLAN), "WRONG_PLAN");
}

static void reason__refuses_numbers_that_are_none(void **state)
{
    (void)state;
    enum reason reason = REASON_BUSY;
    assert_refused(ERR_RANGE, "0", reason_from_number(0, &reason));
    assert_refused(ERR_RANGE, "46", reason_from_number(REASON_COUNT, &reason));
    assert_refused(ERR_RANGE, "4294967295", reason_from_number(UINT32_MAX, &reason));
    assert_int_equal(reason, REASON_BUSY);
    assert_int_equal(reason_set(REASON_NONE), ERR_OK);
    assert_string_equal(reason_name((enum reason)999), "UNKNOWN");
    assert_int_equal(reason_set((enum reason)999), ERR_FORMAT);
}

/* The page an independent implementation is made from lists the same table. */
static void reason__table_stands_in_the_protocol_page(void **state)
{
    (void)state;
    FILE *file = fopen(SOURCE_DIR "/docs/protocol.md", "rb");
    assert_non_null(file);
    static char page[200000];
    size_t size = fread(page, 1, sizeof page - 1, file);
    fclose(file);
    page[size] = '\0';
    for (int number = 1; number < REASON_COUNT; number++) {
        char line[300];
        snprintf(line, sizeof line, "| %d | %s | %s |", number,
                 reason_name((enum reason)number), reason_sentence((enum reason)number));
        if (!strstr(page, line))
            fail_msg("docs/protocol.md lacks the line \"%s\"", line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reason__every_number_has_a_name_a_sentence_and_a_code),
        cmocka_unit_test(reason__numbers_that_are_published_do_not_move),
        cmocka_unit_test(reason__refuses_numbers_that_are_none),
        cmocka_unit_test(reason__table_stands_in_the_protocol_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
