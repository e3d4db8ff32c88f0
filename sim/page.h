#ifndef SIM_PAGE_H
#define SIM_PAGE_H

#include "front/json.h"

/* page - what came of a trial, as one HTML page that stands alone: tables and plots. It
 * computes nothing. Called by sim/command_run. */

char *page_html(const struct json *result); /* caller frees */

#endif
