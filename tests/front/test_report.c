#include "front/report.h"

#include "check.h"

static const char evil[] = "</p></td><script src=\"http://x\">'&";

/* Every element that is opened is closed, in order; no other element occurs than those a
 * report is made of. A reader of its own, which knows nothing of how the page was
 * written. */
static void check_nesting(const char *page)
{
    const char *empty[] = {"meta", "path"};
    const char *known[] = {"html",    "head",       "title", "style", "body",  "header",
                           "h1",      "p",          "main",  "h2",    "div",   "table",
                           "caption", "thead",      "tbody", "tr",    "th",    "td",
                           "figure",  "figcaption", "svg",   "text",  "footer"};
    char open[30][20], name[20];
    size_t depth = 0;
    for (const char *at = page; (at = strchr(at, '<')); at++) {
        bool closing = at[1] == '/', is_empty = false, is_known = false;
        if (at[1] == '!')
            continue;
        assert_int_equal(sscanf(at + 1 + closing, "%19[a-z0-9]", name), 1);
        for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
            is_empty |= strcmp(name, empty[i]) == 0;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known |= strcmp(name, known[i]) == 0;
        if (!is_empty && !is_known)
            fail_msg("unexpected element %s", name);
        if (is_empty)
            continue;
        if (closing)
            assert_string_equal(open[--depth], name);
        else
            strcpy(open[depth++], name);
        assert_in_range(depth, 0, 29);
    }
    assert_int_equal(depth, 0);
}

static struct report *full(void)
{
    struct report *report = report_new(evil, evil);
    const struct report_column columns[] = {{evil, false}, {"number", true}};
    const double x[] = {1, 2};
    struct plot *plot = plot_new(evil, evil, evil);
    plot_line(plot, evil, x, x, 2);
    report_heading(report, evil);
    report_paragraph(report, "%s %d %%", evil, 7);
    report_notice(report, "%s", evil);
    report_table(report, evil, columns, 2);
    report_row(report, (const char *const[]){evil, "1"});
    report_row(report, (const char *const[]){"a", NULL});
    report_table(report, NULL, columns, 1); /* closes the one before */
    report_row(report, (const char *const[]){"b"});
    report_plot(report, &plot, evil);
    assert_null(plot);
    report_table(report, NULL, columns, 2); /* closed by the end of the page */
    return report;
}

static void report__is_sound_and_whatever_is_said_stays_text(void **state)
{
    (void)state;
    struct report *report = full();
    char *page = report_html(report);
    check_nesting(page);
    assert_null(strstr(page, "<script"));
    assert_non_null(strstr(page,
                           "<td>&lt;/p&gt;&lt;/td&gt;&lt;script src=&quot;http://x&quot;"
                           "&gt;&#39;&amp;</td>\n<td class=\"number\">1</td>"));
    assert_non_null(strstr(page, " 7 %</p>"));
    free(page);
    report_destroy(&report);
    assert_null(report);
    report_destroy(&report);
}

static void report__stands_alone_and_says_what_it_is_not(void **state)
{
    (void)state;
    struct report *report = report_new("A title", NULL);
    report_paragraph(report, "text");
    char *page = report_html(report);
    assert_int_equal(strncmp(page, "<!DOCTYPE html>\n<html lang=\"en\">", 31), 0);
    const char *forbidden[] = {" src=", "href=", "url(", "@import", "http:", "https:"};
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        assert_null(strstr(page, forbidden[i]));
    assert_non_null(
        strstr(page, "content=\"default-src 'none'; style-src 'unsafe-inline'\""));
    assert_non_null(strstr(page, "not a medical device"));
    assert_non_null(strstr(page, "prefers-color-scheme:dark"));
    assert_non_null(strstr(page, "@media print"));
    free(page);
    report_heading(report, "More"); /* a report may go on after it was looked at */
    page = report_html(report);
    assert_non_null(strstr(page, "<p>text</p>\n<h2>More</h2>\n"));
    free(page);
    report_destroy(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report__is_sound_and_whatever_is_said_stays_text),
        cmocka_unit_test(report__stands_alone_and_says_what_it_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
