#ifndef MODEL_REGIMEN_H
#define MODEL_REGIMEN_H

#include <stddef.h>

#include "base/err.h"
#include "model/record.h"

/* regimen - doses and times as a person writes them on a command line.
 *
 * It reads phrases, not tables (model/dataset). Every number is followed by its unit, so
 * that nothing is assumed. Errors are ERR_USAGE with the phrase and an example; whether
 * the model has the input is the twin's question. Called by node/ and sim/. */

#define REGIMEN_TIMES_MAX ((size_t)1000000)

/* "INPUT AMOUNT UNIT @ TIME UNIT [for DURATION UNIT] [every INTERVAL UNIT N times]":
 * appends one dose, or N. Times are converted to the record's time unit; without a
 * duration it is the input's own. The first dose gets rank `order`, the others the ranks
 * after it. */
enum err regimen_dose(const char *phrase, size_t order, struct record *record);

/* Ascending times: "FROM:STEP:TO", both ends included, or a list "0,0.5,1,24". Caller
 * frees `times`. */
enum err regimen_times(const char *phrase, double **times, size_t *count);

#endif
