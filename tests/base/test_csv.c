#include "base/csv.h"

#include <unistd.h>

#include "base/memory.h"

#include "check.h"

/* Everything the reader said, as one text: "line:field|field;" a row. */
struct heard {
    char text[4096];
    size_t rows, stop_at;
};

static void hear(struct heard *heard, size_t line, size_t count,
                 const char *const *fields)
{
    size_t used = strlen(heard->text), room = sizeof heard->text;
    used += (size_t)snprintf(heard->text + used, room - used, "%zu:", line);
    for (size_t i = 0; i < count && used < room; i++)
        used += (size_t)snprintf(heard->text + used, room - used, "%s%s", i ? "|" : "",
                                 fields[i]);
    if (used < room)
        snprintf(heard->text + used, room - used, ";");
}

static enum err on_header(void *context, size_t line, size_t count,
                          const char *const *fields)
{
    hear(context, line, count, fields);
    return ERR_OK;
}

static enum err on_row(void *context, size_t line, size_t count,
                       const char *const *fields)
{
    struct heard *heard = context;
    hear(heard, line, count, fields);
    if (++heard->rows == heard->stop_at)
        return err_set(ERR_RANGE, "enough");
    return ERR_OK;
}

static enum err read_sized(struct heard *heard, const char *text, size_t size)
{
    *heard = (struct heard){.stop_at = heard->stop_at};
    return csv_read_text("t.csv", text, size, on_header, on_row, heard);
}

static enum err read_text(struct heard *heard, const char *text)
{
    return read_sized(heard, text, strlen(text));
}

static void csv__reads_rows_with_the_line_they_begin_on(void **state)
{
    (void)state;
    struct heard heard = {0};
    assert_ok(read_text(&heard, "A,B\n1,2\n\n3,4"));
    assert_string_equal(heard.text, "1:A|B;2:1|2;4:3|4;");
    assert_ok(read_text(&heard, "\xef\xbb\xbf"
                                "A,B\r\n1,\r\n  \r\n 3 ,\t4\r\n"));
    assert_string_equal(heard.text, "1:A|B;2:1|;4:3|4;");
    assert_ok(read_text(&heard, "\n\n\"A\",B\n\"x\n\ny\",\"a,\"\"b\"\" \"\nz,w\n"));
    assert_string_equal(heard.text, "3:A|B;4:x\n\ny|a,\"b\" ;7:z|w;");
    assert_ok(read_text(&heard, "A\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n"));
    assert_string_equal(heard.text, "1:A;2:\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80;");
}

static void csv__refuses_what_is_not_a_table(void **state)
{
    (void)state;
    struct heard heard = {0};
    assert_refused(ERR_FORMAT, "t.csv: empty", read_text(&heard, ""));
    assert_refused(ERR_FORMAT, "t.csv: empty", read_text(&heard, "\n \n"));
    assert_refused(ERR_FORMAT, "t.csv:2: 1 fields, but the header has 2",
                   read_text(&heard, "A,B\n1\n"));
    assert_refused(ERR_FORMAT, "t.csv:3: 3 fields",
                   read_text(&heard, "A,B\n1,2\n1,2,\n"));
    assert_refused(ERR_FORMAT, "t.csv:1: column 2 has no name",
                   read_text(&heard, "A,\n"));
    assert_refused(ERR_FORMAT, "t.csv:1: two columns are named A",
                   read_text(&heard, "A,B,A\n"));
    assert_refused(ERR_FORMAT, "t.csv:3: a quotation mark in this row is never closed",
                   read_text(&heard, "A\n1\n\"2\n3\n4\n"));
    assert_refused(ERR_FORMAT, "t.csv:2: a quotation mark inside",
                   read_text(&heard, "A\n1\"2\n"));
    assert_refused(ERR_FORMAT, "t.csv:2: a quotation mark inside",
                   read_text(&heard, "A\n\"1\"2\n"));
    assert_refused(ERR_FORMAT, "t.csv:1: a carriage return without",
                   read_text(&heard, "A,B\r1,2\r3,4\r"));
    assert_refused(ERR_FORMAT, "t.csv:2: a carriage return without",
                   read_text(&heard, "A,B\n1,2\r"));
    assert_refused(ERR_FORMAT, "t.csv:2: a NUL byte in column 2",
                   read_sized(&heard, "A,B\n1,\0\n", 9));
}

static void csv__refuses_bytes_that_are_not_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xe9t\xe9",        "\x80",     "\xc0\xaf",         "\xe0\x80\xaf",
        "\xed\xa0\x80",     "\xc3",     "\xf4\x90\x80\x80", "\xf0\x8f\xbf\xbf",
        "\xf8\x88\x80\x80", "a\xe2\x82"};
    struct heard heard = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[64];
        snprintf(text, sizeof text, "A,B\n1,%s\n", bad[i]);
        assert_refused(ERR_FORMAT, "t.csv:2: column 2 is not UTF-8",
                       read_text(&heard, text));
    }
}

static void csv__passes_on_what_the_row_refused(void **state)
{
    (void)state;
    struct heard heard = {.stop_at = 2};
    assert_refused(ERR_RANGE, "enough", read_text(&heard, "A\n1\n2\n3\n4\n"));
    assert_int_equal(heard.rows, 2);
}

static void csv__bounds_columns_and_fields(void **state)
{
    (void)state;
    struct heard heard = {0};
    size_t size = 2 * (CSV_FIELDS_MAX + 1);
    char *text = mem_new(size + 1, 1);
    for (size_t i = 0; i < size; i++)
        text[i] = i % 2 ? ',' : 'x';
    assert_refused(ERR_FORMAT, "more than 4096 columns", read_sized(&heard, text, size));
    mem_free(text);
    size = 8 * CSV_FIELD_BYTES_MAX;
    text = mem_new(size, 1);
    memset(text, 'x', size);
    assert_refused(ERR_FORMAT, "a field of more than 65536 bytes",
                   read_sized(&heard, text, size));
    text[CSV_FIELD_BYTES_MAX + 1] = ',';
    assert_refused(ERR_FORMAT, "a field of more than 65536 bytes",
                   read_sized(&heard, text, CSV_FIELD_BYTES_MAX + 2));
    text[CSV_FIELD_BYTES_MAX] = '\n';
    assert_ok(read_sized(&heard, text, CSV_FIELD_BYTES_MAX + 1));
    mem_free(text);
}

static enum err count_row(void *context, size_t line, size_t count,
                          const char *const *fields)
{
    size_t *rows = context;
    (void)count;
    ++*rows;
    long long number;
    assert_ok(csv_integer(fields[0], &number));
    if ((size_t)number != *rows || line != 2 * *rows)
        fail_msg("row %zu on line %zu reads %lld", *rows, line, number);
    return ERR_OK;
}

static enum err skip_header(void *context, size_t line, size_t count,
                            const char *const *fields)
{
    (void)context, (void)line, (void)count, (void)fields;
    return ERR_OK;
}

static void csv__reads_files_longer_than_its_buffer(void **state)
{
    (void)state;
    char path[] = "/tmp/test_csv_XXXXXX";
    int descriptor = mkstemp(path);
    FILE *file = fdopen(descriptor, "w");
    fprintf(file, "N,A\r\n");
    for (size_t i = 1; i <= 30000; i++)
        fprintf(file, "%zu,\"%0*d\r\n\"\r\n", i, (int)(i % 40) + 1, 7);
    fclose(file);
    size_t rows = 0;
    assert_ok(csv_read(path, skip_header, count_row, &rows));
    assert_int_equal(rows, 30000);
    unlink(path);
    assert_refused(ERR_NOT_FOUND, path, csv_read(path, skip_header, count_row, &rows));
    assert_refused(ERR_STORAGE, "/tmp", csv_read("/tmp", skip_header, count_row, &rows));
}

static void csv__numbers_are_whole_fields(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        double value;
    } good[] = {{"0", 0},      {"-1.5", -1.5}, {"+2", 2},    {".5", 0.5},  {"5.", 5},
                {"1e3", 1000}, {"2E-2", 0.02}, {"007", 7.0}, {"1e-400", 0}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = NAN;
        assert_ok(csv_real(good[i].field, &value));
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",     ".",     "-",   "1x",    " 1",    "1 ",
                                      "0x10", "inf",   "nan", "1e",    "1e+",   "1,5",
                                      "--1",  "1e400", "e5",  "1.2.3", "1_000", "NaN"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 42;
        assert_refused(ERR_FORMAT, "number", csv_real(bad[i], &value));
        assert_true(value == 42);
    }
    static const struct {
        const char *field, *sentence;
    } shapes[] = {{"1,5", "the decimal sign is a point"},
                  {"-1,5", "the decimal sign is a point"},
                  {"2024-01-05", "a date or a time"},
                  {"2024-01-05 08:00", "a date or a time"},
                  {"5/1/24", "a date or a time"},
                  {"05.01.2024", "a date or a time"},
                  {"8:00", "a date or a time"},
                  {"08:00:30", "a date or a time"},
                  {"1,500,000", "not a number"},
                  {"3:1x", "not a number"},
                  {"5-6", "not a number"}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        double value;
        assert_refused(ERR_FORMAT, shapes[i].sentence, csv_real(shapes[i].field, &value));
        if (strcmp(shapes[i].sentence, "not a number") == 0)
            assert_string_equal(err_text(), "not a number");
    }
    long long whole = 0;
    assert_ok(csv_integer("-12", &whole));
    assert_int_equal(whole, -12);
    assert_refused(ERR_FORMAT, "whole number", csv_integer("1.0", &whole));
    assert_refused(ERR_FORMAT, "whole number", csv_integer("", &whole));
    assert_refused(ERR_FORMAT, "too large", csv_integer("9223372036854775808", &whole));
}

static void csv__what_it_quotes_reads_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"plain",  "",           "a,b",  "say \"so\"",
                                        " blank", "two\nlines", "tab\t"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *quoted = csv_quote(texts[i]), *table = mem_format("A,B\n%s,x\n", quoted);
        char *expected = mem_format("1:A|B;2:%s|x;", texts[i]);
        struct heard heard = {0};
        assert_ok(read_text(&heard, table));
        assert_string_equal(heard.text, expected);
        mem_free(quoted), mem_free(table), mem_free(expected);
    }
    char *plain = csv_quote("plain");
    assert_string_equal(plain, "plain");
    mem_free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv__reads_rows_with_the_line_they_begin_on),
        cmocka_unit_test(csv__refuses_what_is_not_a_table),
        cmocka_unit_test(csv__refuses_bytes_that_are_not_utf8),
        cmocka_unit_test(csv__passes_on_what_the_row_refused),
        cmocka_unit_test(csv__bounds_columns_and_fields),
        cmocka_unit_test(csv__reads_files_longer_than_its_buffer),
        cmocka_unit_test(csv__numbers_are_whole_fields),
        cmocka_unit_test(csv__what_it_quotes_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
