#include "base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/memory.h"

#include "check.h"

static uint64_t fixed_wall(void *context)
{
    (void)context;
    return 1795554180;
}

static const struct clock at_nine = {fixed_wall, fixed_wall, NULL};

/* What was written to the stream since the last call. */
static char *written(FILE *stream)
{
    static char text[5000];
    rewind(stream);
    size_t size = fread(text, 1, sizeof text - 1, stream);
    text[size] = '\0';
    rewind(stream);
    assert_int_equal(ftruncate(fileno(stream), 0), 0);
    return text;
}

static void log__one_event_is_one_line_with_time_and_level(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    FILE *stream = tmpfile();
    log_setup(stream, LOG_LEVEL_INFO, &at_nine);
    log_event(LOG_LEVEL_INFO, "round.sent", "study=%s round=%u", "bp", 3u);
    assert_string_equal(written(stream),
                        "2026-11-24T21:03:00Z info round.sent study=bp round=3\n");
    log_event(LOG_LEVEL_WARNING, "started", "%s", "");
    assert_string_equal(written(stream), "2026-11-24T21:03:00Z warning started\n");
    log_event(LOG_LEVEL_ERROR, "x", "a=%s", "forged\n2026 info y\x1b[2J\x7f");
    assert_string_equal(written(stream),
                        "2026-11-24T21:03:00Z error x a=forged?2026 info y?[2J?\n");
    log_event(LOG_LEVEL_DEBUG, "quiet", "a=%d", 1);
    assert_string_equal(written(stream), "");
    log_setup(stream, LOG_LEVEL_DEBUG, &at_nine);
    log_event(LOG_LEVEL_DEBUG, "quiet", "a=%d", 1);
    assert_string_equal(written(stream), "2026-11-24T21:03:00Z debug quiet a=1\n");
    fclose(stream);
}

static void log__speaks_to_the_journal_when_it_is_connected_to_it(void **state)
{
    (void)state;
    FILE *stream = tmpfile();
    struct stat about;
    assert_int_equal(fstat(fileno(stream), &about), 0);
    char *journal =
        mem_format("%ju:%ju", (uintmax_t)about.st_dev, (uintmax_t)about.st_ino);
    setenv("JOURNAL_STREAM", journal, 1);
    log_setup(stream, LOG_LEVEL_DEBUG, &at_nine);
    log_event(LOG_LEVEL_ERROR, "e", "a=1");
    log_event(LOG_LEVEL_WARNING, "w", "a=1");
    log_event(LOG_LEVEL_INFO, "i", "a=1");
    log_event(LOG_LEVEL_DEBUG, "d", "a=1");
    assert_string_equal(written(stream), "<3>e a=1\n<4>w a=1\n<6>i a=1\n<7>d a=1\n");
    setenv("JOURNAL_STREAM", "1:2", 1); /* inherited, but this stream goes elsewhere */
    log_setup(stream, LOG_LEVEL_DEBUG, &at_nine);
    log_event(LOG_LEVEL_INFO, "i", "a=1");
    assert_string_equal(written(stream), "2026-11-24T21:03:00Z info i a=1\n");
    unsetenv("JOURNAL_STREAM");
    mem_free(journal);
    fclose(stream);
}

static void log__error_carries_code_sentence_and_hint(void **state)
{
    (void)state;
    FILE *stream = tmpfile();
    log_setup(stream, LOG_LEVEL_INFO, &at_nine);
    err_set(ERR_DENIED, "model \"x\" is not allowed");
    log_error(LOG_LEVEL_ERROR, "round.refused");
    assert_string_equal(written(stream),
                        "2026-11-24T21:03:00Z error round.refused code=ERR_DENIED "
                        "text=\"model \\\"x\\\" is not allowed\"\n");
    err_set(ERR_GONE, "late");
    err_hint("try again");
    log_error(LOG_LEVEL_WARNING, "peer");
    assert_string_equal(written(stream),
                        "2026-11-24T21:03:00Z warning peer code=ERR_GONE "
                        "text=late hint=\"try again\"\n");
    fclose(stream);
}

static void log__quote_escapes_what_could_mislead(void **state)
{
    (void)state;
    const char *rows[][2] = {
        {"plain-word_1.2/3:4", "plain-word_1.2/3:4"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"a\nb\tc\rd", "\"a\\nb\\tc\\x0dd\""},
        {"\x1b[2J\x7f", "\"\\x1b[2J\\x7f\""},
        {"Größe", "Größe"},
        {"\xff\xc3", "\"\\xff\\xc3\""},
        {"\xc2\x9b"
         "1m",
         "\"\\xc2\\x9b1m\""}, /* a control sequence in one character */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *quoted = log_quote(rows[i][0]);
        assert_string_equal(quoted, rows[i][1]);
        mem_free(quoted);
    }
}

static void log__quote_is_short_and_cuts_between_characters(void **state)
{
    (void)state;
    const char *const units[] = {"a", "é", "€", "\n", "\x01", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        char text[2001] = "";
        for (size_t at = 0; at + strlen(units[i]) < 2000; at += strlen(units[i]))
            memcpy(text + at, units[i], strlen(units[i]));
        char *quoted = log_quote(text);
        assert_in_range(strlen(quoted), 490, 500);
        assert_non_null(strstr(quoted, "..."));
        assert_true(bytes_are_utf8(quoted, strlen(quoted)));
        mem_free(quoted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log__one_event_is_one_line_with_time_and_level),
        cmocka_unit_test(log__speaks_to_the_journal_when_it_is_connected_to_it),
        cmocka_unit_test(log__error_carries_code_sentence_and_hint),
        cmocka_unit_test(log__quote_escapes_what_could_mislead),
        cmocka_unit_test(log__quote_is_short_and_cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
