#include "front/pdf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

#include "check.h"
#include "scratch.h"

/* The words of a PDF in reading order, found by a program that is not ours; caller frees.
 */
static char *words_of(void *state, const struct bytes *pdf)
{
    char *path = scratch_path(state, "page.pdf"), command[500];
    assert_ok(file_write(path, pdf->data, pdf->size, 0600));
    snprintf(command, sizeof command, "pdftotext -layout '%s' - 2>&1", path);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    char *words = calloc(1, 1 << 20);
    assert_non_null(words);
    size_t size = fread(words, 1, (1 << 20) - 1, out);
    words[size] = 0;
    if (pclose(out) != 0)
        fail_msg("pdftotext: %s", words);
    free(path);
    return words;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

static struct report *small(void)
{
    const double x[] = {1, 2, 3};
    const struct report_column columns[] = {{"hospital", false}, {"spent", true}};
    struct report *report = report_new("The title", "of 28 November");
    struct plot *plot = plot_new("A picture", "rounds", "epsilon");
    plot_line(plot, "a series", x, x, 3);
    report_heading(report, "First heading");
    report_paragraph(report, "A paragraph with <b>no markup</b> &amp; %d %%.", 7);
    report_notice(report, "Beware of \xce\xb5.");
    report_table(report, "A caption", columns, 2);
    report_row(report, (const char *const[]){"St Anna", "0.25"});
    report_row(report, (const char *const[]){NULL, "0.5"});
    report_plot(report, &plot, "Below the picture");
    return report;
}

static void pdf__says_what_the_report_says(void **state)
{
    static const char *const said[] = {
        "The title",
        "of 28 November",
        "First heading",
        "no markup</b> &amp; 7 %.",
        "Beware of ε.",
        "A caption",
        "hospital",
        "St Anna",
        "0.25",
        "A picture",
        "a series",
        "rounds",
        "Below the picture",
        "not a medical device",
    };
    struct report *report = small();
    struct bytes pdf = {0};
    assert_ok(pdf_report(report, 1764300000, &pdf));
    assert_memory_equal(pdf.data, "%PDF-", 5);
    char *words = words_of(*state, &pdf);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!strstr(words, said[i]))
            fail_msg("'%s' is not on the page:\n%s", said[i], words);
    free(words);
    bytes_free(&pdf);
    report_destroy(&report);
}

/* Every row once, headings on every page, pages numbered. */
static void pdf__long_tables_repeat_their_headings(void **state)
{
    const struct report_column columns[] = {{"theheading", false}, {"long", false}};
    struct report *report = report_new("t", NULL);
    report_table(report, NULL, columns, 2);
    char wide[600];
    memset(wide, 'x', sizeof wide - 1);
    wide[sizeof wide - 1] = 0;
    for (int i = 0; i < 150; i++) {
        char name[20];
        snprintf(name, sizeof name, "row%03d", i);
        report_row(report, (const char *const[]){name, i == 70 ? wide : "short"});
    }
    struct bytes pdf = {0};
    assert_ok(pdf_report(report, 0, &pdf));
    char *words = words_of(*state, &pdf);
    size_t pages = count_of(words, "\f");
    assert_in_range(pages, 3, 6);
    assert_int_equal(count_of(words, "theheading"), pages);
    assert_int_equal(count_of(words, "not a medical device"), pages);
    for (int i = 0; i < 150; i++) {
        char name[20];
        snprintf(name, sizeof name, "row%03d", i);
        assert_int_equal(count_of(words, name), 1);
    }
    size_t crosses = 0;
    for (const char *at = words; *at; at++)
        crosses += *at == 'x';
    assert_int_equal(crosses, sizeof wide - 1); /* nothing is cut off */
    free(words);
    bytes_free(&pdf);
    report_destroy(&report);
}

static void pdf__is_the_same_twice_and_loads_nothing(void **state)
{
    (void)state;
    struct report *report = small();
    struct bytes one = {0}, two = {0}, later = {0};
    assert_ok(pdf_report(report, 1764300000, &one));
    assert_ok(pdf_report(report, 1764300000, &two));
    assert_ok(pdf_report(report, 1764386400, &later));
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.data, two.data, one.size);
    assert_true(later.size != one.size || memcmp(later.data, one.data, one.size) != 0);
    assert_null(memmem(one.data, one.size, "/URI", 4));
    assert_null(memmem(one.data, one.size, "/JavaScript", 11));
    bytes_free(&one);
    bytes_free(&two);
    bytes_free(&later);
    report_destroy(&report);
}

static void pdf__or_html_as_the_name_says(void **state)
{
    (void)state;
    static const char *const begins[][2] = {
        {"a.pdf", "%PDF-"}, {"a.html", "<!DOCTYPE html>"}, {"pdf", "<!DOCTYPE html>"}};
    struct report *report = small();
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        struct bytes file = {0};
        assert_ok(pdf_or_html(report, 0, begins[i][0], &file));
        assert_memory_equal(file.data, begins[i][1], strlen(begins[i][1]));
        bytes_free(&file);
    }
    report_destroy(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pdf__says_what_the_report_says, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(pdf__long_tables_repeat_their_headings,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test(pdf__or_html_as_the_name_says),
        cmocka_unit_test(pdf__is_the_same_twice_and_loads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
