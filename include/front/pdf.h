#ifndef FRONT_PDF_H
#define FRONT_PDF_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "front/report.h"

/* pdf - a report on A4 paper: the same parts as its HTML, set with Pango and Cairo.
 *
 * Tables repeat their headings on every page, rows and pictures are not torn apart, pages
 * are numbered. The same report and `wall` give the same bytes where fonts and libraries
 * are the same. Called by the programs. */

/* Append it to `pdf`, which stays as it was on failure. `wall`, Unix seconds, is when the
 * file says it was made. ERR_NOT_FOUND where no font is installed. */
enum err pdf_report(const struct report *report, uint64_t wall, struct bytes *pdf);

/* Append it as a file of that name has it: as PDF where `path` ends in ".pdf", as HTML
 * otherwise. Nothing is written. Errors as above. */
enum err pdf_or_html(const struct report *report, uint64_t wall, const char *path,
                     struct bytes *file);

#endif
