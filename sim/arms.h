#ifndef SIM_ARMS_H
#define SIM_ARMS_H

#include "model/model.h"
#include "model/record.h"

/* arms - what the arms of a virtual trial do, as a command line says it, and to one
 * patient.
 *
 * One phrase is "NAME: WHAT; WHAT; ..." or "NAME if CONDITION and CONDITION ...: WHAT;
 * ...". WHAT is a dose (model/regimen), NAME=VALUE, a parameter or covariate in the
 * model's unit, or a rule for visits (sim/rule). A CONDITION compares a covariate, as
 * drawn, with a number: =, <, <=, > or >=. Phrases of one name are one arm: whoever meets
 * several conditions gets all of what they say. A dose takes the place of the doses of
 * the same input that the patient came with; of two values for one name the later holds;
 * parameters that nobody sets stay as drawn, also where a covariate that they were drawn
 * with is set. Rules follow one another: each sees what those before it left. It draws
 * nobody and simulates nothing (sim/trial does). Called by sim/trial, sim/visits and
 * sim/command_trial. */

#define ARMS_MAX ((size_t)16)
#define ARMS_LINES_MAX ((size_t)256) /* phrases of an arm */

struct arm; /* opaque */
struct arms {
    struct arm *arm[ARMS_MAX]; /* [count], in the order of their first phrases */
    size_t count;
};

/* ERR_USAGE, ERR_NOT_FOUND or ERR_RANGE with the phrase's name and what is wrong with it;
 * `model` must outlive the arms. Free them in any case. */
enum err arms_add(struct arms *arms, const struct model *model, const char *phrase);
void arms_free(struct arms *arms);

/* Model time of the first dose that any arm gives; infinite: none does. */
double arms_start(const struct arms *arms);

const char *arm_name(const struct arm *arm);

/* What the arm makes of a patient with these covariates [covariates], who comes with this
 * record, in model time, and these parameters [parameters], natural scale; leaves the
 * record in order. `met`: one of its conditions holds, or there is none. */
enum err arm_apply(const struct arm *arm, const double *covariates, struct record *record,
                   double *parameters, bool *met);

/* Does what it does depend on readings at visits? */
bool arm_has_rules(const struct arm *arm);

/* What its rules make of the patient's record at a visit (model time) with these
 * readings [observations], NaN where there is none; `changed` becomes true when they
 * change anything. The record is in order, and stays so. */
enum err arm_visit(const struct arm *arm, const double *covariates, double time,
                   const double *readings, struct record *record, bool *changed);

#endif
