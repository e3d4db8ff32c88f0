#ifndef FRONT_REPORT_IMPL_H
#define FRONT_REPORT_IMPL_H

/* What a report holds, for those who set it: report_html and front/pdf. */

#include "front/report.h"

enum part_kind { PART_HEADING, PART_PARAGRAPH, PART_NOTICE, PART_TABLE, PART_PLOT };

struct part {
    enum part_kind kind;
    char *text; /* a table's or plot's caption may be NULL */
    /* of a table: [columns], [rows * columns] row by row */
    size_t columns, rows, cells_capacity;
    char **headings, **cells; /* NULL: an empty cell */
    bool *numbers;
    struct plot *plot; /* of a plot */
};

struct report {
    char *title, *subtitle; /* subtitle may be NULL */
    struct part *parts;
    size_t count, capacity;
};

/* What stands at the end of each page of a report. */
#define REPORT_FOOTER                                                                    \
    "Written by Gemel " GEMEL_VERSION ". For research; not a medical device."

#endif
