#ifndef SIM_PAGE_H
#define SIM_PAGE_H

#include "front/json.h"
#include "front/report.h"

/* page - what came of a trial, to read: tables and plots. It computes nothing. Called by
 * sim/command_run. */

struct report *page_new(const struct json *result); /* report_destroy frees */

#endif
