#ifndef FRONT_REPORT_H
#define FRONT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "front/plot.h"

/* report - a page to read: headings, paragraphs, tables and plots, in the order of the
 * calls.
 *
 * As HTML it stands alone: it loads nothing, runs no script, prints well and follows the
 * reader's light or dark setting. front/pdf sets it on paper. Every text is text; there
 * is no way to hand in markup. Each page ends by saying that Gemel is for research and
 * not a medical device. Everything handed in is copied. Called by the programs. */

struct report;

/* `subtitle`: who, when, of what; NULL for none. */
struct report *report_new(const char *title, const char *subtitle);
void report_destroy(struct report **report);

void report_heading(struct report *report, const char *text);
void report_paragraph(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A paragraph that must not be overlooked, in a frame. */
void report_notice(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct report_column {
    const char *heading;
    bool is_number; /* set to the right */
};
/* A table is open until the next part begins; a row without one is a bug and aborts.
 * `cells` has one text a column; NULL is an empty cell. The caption stands above; NULL
 * for none. */
void report_table(struct report *report, const char *caption,
                  const struct report_column *columns, size_t count);
void report_row(struct report *report, const char *const *cells);

/* The report takes the plot and nulls the handle. The caption stands below; NULL for
 * none. */
void report_plot(struct report *report, struct plot **plot, const char *caption);

/* The page so far, complete. Caller frees. */
char *report_html(const struct report *report);

#endif
