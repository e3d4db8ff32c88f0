#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "model/unit.h"

/* model - a loaded .twin file: parameters, covariates, inputs, states, derived
 * quantities, observations, and the compiled program that evaluates them.
 *
 * Structure only: it holds no patient and no learned value but the file's own starting
 * prior. The language is defined in models/README.md. Compilation goes through the
 * private stages token to program (src/model/model_impl.h). Immutable once loaded, so
 * that any number of evaluators may share it. Called by model/, node/, coordinator/ and
 * sim/. */

struct model;

#define MODEL_TEXT_MAX ((size_t)65536)
#define MODEL_PARAMETERS_MAX 64
#define MODEL_STATES_MAX 64
#define MODEL_COVARIATES_MAX 32
#define MODEL_NAME_MAX 63

/* Errors are ERR_FORMAT with "file:line:column: E2003: ..." and the source line with a
 * caret below it in the sentence; the hint is the language's. */
enum err model_load(const char *path, struct model **model);
enum err model_parse(const char *text, size_t size, const char *file_name,
                     struct model **model);
void model_destroy(struct model **model);

const char *model_name(const struct model *model);
const char *model_title(const struct model *model);
uint32_t model_version(const struct model *model);
const char *model_time_unit(const struct model *model);
/* The length of its solver's steps, where its text gives one; 0: they find their own. */
double model_step(const struct model *model);
const char *model_question(const struct model *model); /* what it answers; or "" */
size_t model_sources(const struct model *model);       /* where it comes from */
const char *model_source(const struct model *model, size_t index);

/* The canonical text (model fmt): stable under formatting; a site approves its hash. */
const char *model_canonical(const struct model *model);
void model_hash(const struct model *model, uint8_t hash[HASH_BYTES]);

/* What runs its program in lanes: C that the build made of it, for the models that came
 * with this one, or the interpreter, for all others. The results are the same to every
 * bit. */
enum execution { EXECUTION_INTERPRETER, EXECUTION_GENERATED };
enum execution model_execution(const struct model *model);
const char *execution_name(enum execution execution); /* "interpreter", "generated" */
void model_interpret(struct model *model); /* from now on; for measurements and tests */

/* The page of a numbered error: "E2003" to a paragraph; NULL for an unknown one. */
const char *model_explain(const char *number);

/* --- parameters, in file order -------------------------------------------------------
 */

enum transform { TRANSFORM_IDENTITY, TRANSFORM_LOG, TRANSFORM_LOGIT };

enum parameter_kind {
    PARAMETER_FIXED,      /* the file's number, the same for everybody, never learned */
    PARAMETER_POPULATION, /* learned, the same for every patient (no between-patient sd)
                           */
    PARAMETER_INDIVIDUAL, /* learned, and differs between patients */
    PARAMETER_OCCASION,   /* how far an individual one is off on one occasion, on its
                             transformed scale: named "SI.3", behind all others */
};

enum provenance { /* of its number and its spread, as the text says */
                  PROVENANCE_UNSAID,
                  PROVENANCE_PUBLISHED,  /* as in a source */
                  PROVENANCE_CALIBRATED, /* chosen so that published figures come out */
                  PROVENANCE_WIDE, /* a guess, with a spread that lets data say otherwise
                                    */
};
const char *provenance_name(enum provenance provenance); /* as in a text; "" if unsaid */

struct model_parameter {
    const char *name, *unit, *label;
    enum provenance provenance;
    enum parameter_kind kind;
    enum transform transform; /* of INDIVIDUAL and POPULATION ones */
    double typical;           /* natural scale, in `unit` */
    double low, high;         /* natural scale; logit maps (low, high) to the real line */
    double between_sd;        /* of the transformed parameter; 0 unless INDIVIDUAL */
    uint32_t covariates;      /* bit c: covariate c has a learned effect on it */
    /* Of an individual one that varies between occasions (else 0), and of its
     * deviations: */
    size_t occasions;   /* how many there are */
    double occasion_sd; /* between them, of the transformed parameter */
    double period; /* of the clock, in model time: occasion i begins at (i - 1) period,
                      the first before that, too; 0: covariate `by` counts them from 1 */
    size_t by;
    size_t owner, occasion; /* of a deviation: its parameter, and from 1 which it is */
    /* While a twin is followed (model/track), and at no other time, an individual one is
     * off by L on its transformed scale, dL = -L/drift_back dt + drift dW, W Brownian in
     * model time: drift 0: it does not drift; drift_back 0: nothing calls it back. */
    double drift, drift_back;
};

size_t model_parameters(const struct model *model);
const struct model_parameter *model_parameter(const struct model *model, size_t index);

/* phi = h(theta) and back. Logit: theta = low + (high - low) / (1 + e^-phi). */
double transform_forward(const struct model_parameter *parameter, double theta);
double transform_back(const struct model_parameter *parameter, double phi);

/* Directions, along which derivatives are taken: the transformed parameters that are
 * learned, those that differ between patients first, then what they are off on occasions,
 * then those of the population, in file order each, as prior_layout has them. */
size_t model_directions(const struct model *model);
size_t model_direction(const struct model *model, size_t index); /* its parameter */

/* Pairs of INDIVIDUAL parameters whose random effects may correlate (declared with
 * `correlated`); all others have covariance zero. `correlation` is the file's start. */
bool model_correlated(const struct model *model, size_t a, size_t b, double *correlation);

/* --- covariates ------------------------------------------------------------------------
 */

enum covariate_hold { COVARIATE_CONSTANT, COVARIATE_LOCF, COVARIATE_LINEAR };

struct model_level { /* one of the few values that a covariate may have */
    double value;
    const char *label; /* or NULL */
};

struct model_covariate {
    const char *name, *unit, *label;
    enum covariate_hold hold; /* how it moves between its records */
    bool has_default;
    double default_value;
    double centre, scale; /* the public scaling of a learned effect: x = clip((value -
                             centre) / scale, -1, 1); centre 0 and scale 1 unless said */
    const struct model_level *levels; /* [level_count]; none: any value */
    size_t level_count;
};

/* May a record give it this value? */
bool model_covariate_admits(const struct model_covariate *covariate, double value);

size_t model_covariates(const struct model *model);
const struct model_covariate *model_covariate(const struct model *model, size_t index);

/* --- inputs, states, outputs
 * ------------------------------------------------------------ */

struct model_input {
    const char *name, *unit, *label; /* the state's unit, in which amounts enter it */
    size_t state;                    /* the first, where it jumps */
    bool jumps; /* states are set anew from what they are and the amount, in `unit`; no
                   modifiers */
    const char *accepted_unit; /* the unit a record's amount is written in */
    double accepted_factor;    /* amount in `unit` = fraction * factor * amount in
                                  `accepted_unit` */
    double default_duration; /* model time; 0: a bolus, or one that the evaluator knows */
};

size_t model_inputs(const struct model *model);
const struct model_input *model_input(const struct model *model, size_t index);

struct model_output { /* states, then derived quantities, then observations */
    const char *name, *unit, *label;
};

size_t model_states(const struct model *model);
const struct model_output *model_state(const struct model *model, size_t index);
/* What a state gains in uncertainty while a twin is followed: the standard deviation
 * after one of model time, in its unit, growing with the root of time; 0: none.
 * `positive`: what is learned never moves it below 0. */
double model_noise(const struct model *model, size_t state, bool *positive);
/* Does anything drift, or has noise? */
bool model_drifts(const struct model *model);
size_t model_derived(const struct model *model);
const struct model_output *model_derived_at(const struct model *model, size_t index);

/* False: no state, and no quantity or error that depends on time. Its observations follow
 * from parameters and covariates alone, in whatever order they were taken. */
bool model_moves(const struct model *model);

enum residual_kind {
    RESIDUAL_ADDITIVE,     /* sd = a */
    RESIDUAL_PROPORTIONAL, /* sd = b |f| */
    RESIDUAL_COMBINED1,    /* sd = a + b |f| */
    RESIDUAL_COMBINED2,    /* sd^2 = a^2 + b^2 f^2 */
    RESIDUAL_LOGNORMAL,    /* log y ~ N(log f, a^2) */
    RESIDUAL_BERNOULLI,    /* y in {0, 1}, f its probability; no residual parameter */
};

struct model_observation {
    const char *name, *unit, *label, *loinc;
    enum residual_kind residual;
    double additive, proportional; /* the file's start; in `unit`, and as a fraction */
    bool additive_fixed, proportional_fixed;
    double correlation_time; /* of errors, the file's start, in model time: their
                                correlation falls by e in it; 0: none */
    bool correlation_fixed;
    double limit_low, limit_high; /* detection limits in `unit`; -inf and +inf for none */
};

size_t model_observations(const struct model *model);
const struct model_observation *model_observation(const struct model *model,
                                                  size_t index);
/* Is it of a window that ends with the reading, as a beat's highest pressure is? */
bool model_looks_back(const struct model *model, size_t observation);

/* --- what a course comes to (model/outcome), in file order
 * ------------------------------- */

struct model_outcome {
    const char *name, *unit, *label;
    bool series; /* one value per period */
};

size_t model_outcomes(const struct model *model);
const struct model_outcome *model_outcome(const struct model *model, size_t index);

struct model_plausible { /* a condition that every patient has to meet */
    const char *text, *label;
};

size_t model_plausibles(const struct model *model);
const struct model_plausible *model_plausible(const struct model *model, size_t index);

/* --- what may be tried on a twin, in file order
 * ------------------------------------------ */

enum range_of { RANGE_OF_INPUT, RANGE_OF_PARAMETER, RANGE_OF_COVARIATE };

struct model_range {
    enum range_of of;
    size_t index;     /* of that input, parameter or covariate */
    const char *unit; /* its own; an input's is the accepted one */
    double low, high; /* low < high */
    double step;      /* 0: anything between */
};

size_t model_ranges(const struct model *model);
const struct model_range *model_range(const struct model *model, size_t index);

/* Human listing of units, inserted factors and (program true) the compiled program. */
char *model_describe(const struct model *model, bool program); /* caller frees */

/* --- evaluation
 * --------------------------------------------------------------------------
 *
 * An evaluator holds the registers of one patient. Derivatives are exact, compiled from
 * the formulas, along all directions of the model at once: every d-array is
 * [thing][direction], row-major. Order of use: individual first; the rest see its
 * parameters until the next individual. */

struct evaluator;

struct evaluator *evaluator_new(const struct model *model, bool derivatives);
void evaluator_destroy(struct evaluator **evaluator);

/* Parameters on the natural scale [parameters], covariates [covariates]. Evaluates all
 * that depends on nothing else. */
void evaluator_individual(struct evaluator *evaluator, const double *parameters,
                          const double *covariates);

/* Covariates that vary in time change: everything behind them is evaluated again. For
 * COVARIATE_LINEAR ones `slopes` [covariates] gives d/dt from `t` on (else 0). */
void evaluator_covariates(struct evaluator *evaluator, double t, const double *covariates,
                          const double *slopes);

/* The times strictly between `from` and `to` at which the rate switches by itself,
 * because of a condition, min, max, abs, floor or mod on time and on parameters and
 * constant covariates, ascending, with their derivatives [count][directions] (NULL in an
 * evaluation of values only). The integration stops at each of them; where d_time is not
 * 0, S jumps by (f- - f+) d_time. Both arrays live until the next call. ERR_RANGE for a
 * period so short that the breaks are more than anybody could mean. */
enum err evaluator_breaks(struct evaluator *evaluator, double from, double to,
                          size_t *count, const double **times, const double **d_times);

/* From now on rates are asked for between these two times only, neighbouring breaks as a
 * rule: conditions on time keep the branch that they have inside, even at the very ends.
 * Infinite ends until said; a new individual makes them infinite again. */
void evaluator_between(struct evaluator *evaluator, double from, double to);

/* Initial states x [states] and dx [states][directions] at `t`; steady states are solved
 * by Newton, their derivatives by the implicit function theorem. ERR_NUMERIC when Newton
 * fails. dx may be NULL. */
enum err evaluator_initial(struct evaluator *evaluator, double t, double *x, double *dx);

/* How long before its beginning a course begins, to go on repeating itself (periodic),
 * and its derivatives [directions] (may be NULL): 0 and nothing for other models.
 * ERR_NUMERIC for a period that is not positive. */
enum err evaluator_lead(struct evaluator *evaluator, double *lead, double *d_lead);

/* dx/dt without the inputs' contributions. Return 1 when a value is not finite. The
 * directional form takes s [direction][state] (CVODES' layout, as numerics/ode has it)
 * and writes ds/dt likewise. */
int evaluator_rate(struct evaluator *evaluator, double t, const double *x, double *dxdt);
int evaluator_rate_directions(struct evaluator *evaluator, double t, const double *x,
                              const double *s, double *dxdt, double *dsdt);
int evaluator_jacobian(struct evaluator *evaluator, double t, const double *x,
                       double *dfdx /* [row][col] */);

/* An input's modifiers under the present parameters: fraction (bioavailability), lag and
 * duration of an infusion without one of its own, with derivatives [directions] (may be
 * NULL). */
struct input_modifiers {
    double fraction, lag, duration;
};
void evaluator_input(struct evaluator *evaluator, size_t input,
                     struct input_modifiers *modifiers, double *d_fraction, double *d_lag,
                     double *d_duration);

/* A dose of an input that jumps: x [states] and s [direction][state] (NULL without
 * derivatives) as they are after it. Returns 1 when a value is not finite. */
int evaluator_jump(struct evaluator *evaluator, size_t input, double t, double amount,
                   double *x, double *s);

/* Predictions of all observations f [observations], d_f [observations][directions], and
 * of all derived quantities (may be NULL) at (t, x, s). Return 1 when not finite. */
int evaluator_outputs(struct evaluator *evaluator, double t, const double *x,
                      const double *s, double *f, double *d_f, double *derived);

#endif
