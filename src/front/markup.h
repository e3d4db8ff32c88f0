#ifndef FRONT_MARKUP_H
#define FRONT_MARKUP_H

#include <stdio.h>

/* markup - text inside HTML and SVG, so that it stays text. */

/* Escapes & < > " and '; what is not UTF-8, and control characters that XML does not
 * allow, become U+FFFD. Good for content and for quoted attributes. */
void markup_text(FILE *out, const char *text);

#endif
