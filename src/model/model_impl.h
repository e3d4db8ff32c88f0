#ifndef MODEL_MODEL_IMPL_H
#define MODEL_MODEL_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/memory.h"
#include "model/model.h"
#include "model/unit.h"
#include "numerics/lanes.h"

/* model_impl - the stages behind model/model.h, in the order a text passes them:
 *
 *   token.c       text to tokens; every refusal with number, place and caret
 *   parser.c      what statements are made of: names, numbers, units (parser.h)
 *   formula.c     expressions
 *   statement.c   a line of each section
 *   parse.c       tokens to a syntax tree
 *   print.c       the tree back to its canonical text
 *   names.c       what names stand for, in which order quantities come
 *   measure.c     units of formulas, with the factors between them
 *   check.c       values, spreads, doses, error models; what the model promises outside
 *   dag.c         one graph without repetitions, folded and simplified (dag.h)
 *   derivative.c  the chain rule on it
 *   switching.c   when conditions on time alone switch; what holds others meanwhile
 *   order.c       the order in which what moves of it runs
 *   compile.c     formulas to the graph (compiler.h)
 *   sensitivity.c nodes for their derivatives
 *   registers.c   nodes to streams of instructions over registers
 *   program.c     all of these, and the streams one by one
 *   listing.c     a program for people
 *   generated.c   finds the C that the build made of a program (generate.c)
 *   evaluator.c   runs a program for one patient
 *   model.c       loads, answers, explains
 *
 * Private to src/model/ and its tests. Nobody else may know how a model is kept. */

/* --- token ---------------------------------------------------------------------- */

struct source {
    const char *text, *file_name;
    size_t size;
};

/* The numbered errors: X(number, paragraph). First digit: 1 text, 2 names and order,
 * 3 units, 4 values. */
#define MODEL_ERROR_LIST(X)                                                              \
    X(E1001,                                                                             \
      "A character that the language does not use, a control character, or bytes "       \
      "that are not UTF-8. Outside comments and labels in quotes a model consists "      \
      "of letters, digits, spaces and the signs + - * / ^ ( ) [ ] < > = ! : ~ , .")      \
    X(E1002,                                                                             \
      "A line does not continue as the language expects. The sentence says what was "    \
      "expected and what was found. A statement takes one line; inside open "            \
      "parentheses, and after a \\ at the end of a line, it goes on below.")             \
    X(E1003, "A label in double quotes has to end on the line on which it begins.")      \
    X(E1004, "A number cannot be read. Numbers look like 12, 0.5, .5 or 7.0e-4.")        \
    X(E1005, "An expression is nested too deep: parentheses go at most 200 deep and a "  \
             "formula may be at most 1000 operations high. Give parts of it a name of "  \
             "their own.")                                                               \
    X(E1006, "The text is larger than 65,536 bytes. A model is a page or two.")          \
    X(E1007,                                                                             \
      "An unknown section, or one that comes twice. The sections are [parameters], "     \
      "[population], [covariates], [individual], [doses], [equations], "                 \
      "[observations], [outcomes], [plausible] and [what-if], in any order; a model "    \
      "needs only those it uses.")                                                       \
    X(E1008, "A model begins with two lines: model NAME version N \"title\", then time " \
             "UNIT. Everything else belongs into a section.")                            \
    X(E1009,                                                                             \
      "A spelling of another language, or one that is ambiguous here. Powers are "       \
      "written ^, logarithms ln (natural) and log10, conditions and, or, not and ==. "   \
      "A power right after a number and its unit could mean either: write 1.73 [m^2] "   \
      "or (1.73 m)^2.")                                                                  \
    X(E2001, "A name is used that nothing declares. Parameters are declared under "      \
             "[parameters], covariates under [covariates], states by d/dt(NAME) under "  \
             "[equations], everything else by NAME = expression.")                       \
    X(E2002,                                                                             \
      "A name is declared twice. Parameters, covariates, quantities, states, doses "     \
      "and observations share one set of names, because all of them appear side by "     \
      "side in results.")                                                                \
    X(E2003,                                                                             \
      "A word of the language cannot serve as a name: time, pi, and, or, not, if, "      \
      "piecewise, otherwise, steady and the names of functions.")                        \
    X(E2004, "Quantities are defined by each other in a circle, so none of them can be " \
             "computed first. Lines may stand in any order, but some order must exist.") \
    X(E2005,                                                                             \
      "A name is used where it has no value. Lines under [individual] and what stands "  \
      "behind a dose (fraction, lag, over) see parameters, covariates and quantities "   \
      "that follow from them, not states and time; initial values see time too. Behind " \
      "a dose and in a period nothing may drift. Doses and observations have no value "  \
      "in any formula.")                                                                 \
    X(E2006,                                                                             \
      "An unknown function. There are exp, ln, log10, sqrt, abs, min, max, tanh, "       \
      "sin, cos, floor, mod, logit, expit, if and piecewise.")                           \
    X(E2007,                                                                             \
      "A function with the wrong number of arguments. if takes condition, value, "       \
      "other value; piecewise takes value, condition, ..., last value; min and max "     \
      "take two or more, mod two, the others one.")                                      \
    X(E2008, "A name is too long: at most 63 letters, digits and underscores.")          \
    X(E2009,                                                                             \
      "Only parameters that differ between patients (lognormal, logitnormal, normal) "   \
      "can be correlated, and a pair only once.")                                        \
    X(E2010,                                                                             \
      "A parameter is learned, and no formula names it: no record could say anything "   \
      "about it. Use it, or make it fixed, or take it out.")                             \
    X(E3001,                                                                             \
      "Two quantities of different dimension are added, compared, assigned or "          \
      "returned by one function. Units of the same dimension (mg and ug, h and min) "    \
      "are converted; mass and amount of substance are not, because that needs a "       \
      "molar mass: write it as a factor with a unit, as in 180.16 [g/mol].")             \
    X(E3002,                                                                             \
      "A function or a power needs a number without a dimension here. Divide by a "      \
      "reference value with the same unit, as in ln(G/(1 [mmol/L])).")                   \
    X(E3003,                                                                             \
      "The exponent of a quantity with a dimension has to be a constant number, "        \
      "because the unit of the result depends on it. Make the base dimensionless "       \
      "first, as in (WT/70 kg)^b.")                                                      \
    X(E3004,                                                                             \
      "A unit that is not in the table, or that cannot be read. Units look like mg, "    \
      "mg/L, mL/min/kg, 1/h, 10^9/L, mm[Hg]; in formulas a compound unit stands in "     \
      "brackets after its number: 5 [mg/L].")                                            \
    X(E3005,                                                                             \
      "The unit of a state follows from its dose, its initial value or its equation; "   \
      "here none of them says it. Add: unit U at the end of the line.")                  \
    X(E3006,                                                                             \
      "The right-hand side of d/dt(X) has to have the unit of X per unit of time.")      \
    X(E3007,                                                                             \
      "A dose arrives in another unit than that of its state. Give the molar mass or "   \
      "the like by: convert from UNIT by NUMBER (1 UNIT is NUMBER of the dose's unit); " \
      "a volume or a body surface is a fraction with a unit: mg/m2 fraction BSA. "       \
      "Between units that convert by themselves the number has to agree.")               \
    X(E3008,                                                                             \
      "A condition stands where a number is needed, or a number where a condition is "   \
      "needed. A 0/1 covariate becomes a condition by MALE == 1; a condition becomes "   \
      "a number by if(condition, 1, 0).")                                                \
    X(E3009,                                                                             \
      "A unit is composed of more than twelve different names or of powers above 99.")   \
    X(E4001,                                                                             \
      "A value lies outside its bounds, or the bounds are not in ascending order.")      \
    X(E4002,                                                                             \
      "The spread of a parameter does not fit: sd and cv are positive, lognormal "       \
      "needs a positive value and a lower bound of 0 or more, logitnormal two finite "   \
      "bounds with the value strictly between them; a fixed parameter has no "           \
      "covariates. Only what differs between patients varies between occasions: two "    \
      "or more, with an sd, each of a period or counted by a covariate that is locf; "   \
      "and only that drifts, without occasions, by a positive sd in a positive time.")   \
    X(E4003,                                                                             \
      "Too many: a model holds at most 64 parameters, 64 states, 32 covariates, 64 "     \
      "doses, 64 observations and 512 named quantities.")                                \
    X(E4004,                                                                             \
      "A number is too large for a double, or a constant formula has no finite value "   \
      "(a division by zero, a logarithm of a negative number).")                         \
    X(E4005,                                                                             \
      "Correlations lie strictly between -1 and 1, and together they have to form a "    \
      "positive definite matrix.")                                                       \
    X(E4006,                                                                             \
      "The residual error does not fit: its parameters are positive (a fixed one may "   \
      "be 0 beside a positive one), add has the unit of what is observed, and the "      \
      "errors of answers yes or no are not correlated in time.")                         \
    X(E4007, "Detection limits are in ascending order; bernoulli has none.")             \
    X(E4008,                                                                             \
      "A LOINC code is digits, a hyphen and a check digit. This one is not a LOINC "     \
      "code: the check digit does not fit, so a digit is mistyped.")                     \
    X(E4009,                                                                             \
      "A version is a whole number from 1; scales, steps and conversion numbers are "    \
      "positive; a centre and a default are plain numbers.")                             \
    X(E4010,                                                                             \
      "A covariate with a learned effect (on) enters as (value - centre) / scale, cut "  \
      "off at -1 and 1. Without a scale nearly every age or weight would be cut off, "   \
      "so a covariate with a unit needs one: AGE yr centre 50 scale 40.")                \
    X(E4011,                                                                             \
      "The levels of a covariate do not fit: they are different numbers, with "          \
      "different labels where they have any, at most 32 of them; a default is one of "   \
      "them, and what moves linearly has none. A record with another value is refused.") \
    X(E4012,                                                                             \
      "A table gives each value of a covariate its own: table(NAME, 0: A, 1: B, else: "  \
      "C). A row begins with a number or, in quotes, with the label of a level; no two " \
      "begin alike. What no row names is the else's; it is needed unless the "           \
      "covariate has levels and each has its row, and then it is too much.")             \
    X(E4013,                                                                             \
      "A dose that moves what is there (radiation Gy : V = V*exp(-a*dose)) names each "  \
      "state at most once; all its formulas see the states before it and the amount "    \
      "as dose. It happens at once, and fraction, lag and over are not for it.")         \
    X(E4014,                                                                             \
      "An outcome is a formula of what a whole course comes to: min(G), max(G), "        \
      "mean(G), sd(G), auc(G), start(G), end(G), time_of_min(G), time_of_max(G), "       \
      "fraction(G > 10 [mmol/L]), duration(...), first(...), last(...). None of them "   \
      "stands inside another. Outside of them there are parameters, covariates, "        \
      "quantities without states and time, and outcomes that stand above. Outcomes per " \
      "period are many, so that no other line can name them.")                           \
    X(E4015,                                                                             \
      "periodic T after N periods: the course is carried N times the period T before "   \
      "it begins, from what init says, so that it begins where it goes on repeating. N " \
      "is a whole number from 1 to 10000, T a time of parameters and covariates.")       \
    X(E4016,                                                                             \
      "d/dt(X) = ... noise 1 mg per 5 min: while a twin is followed, X gains so much "   \
      "more uncertainty in that time. Amount and time are positive, the unit is that "   \
      "of the state.")                                                                   \
    X(E4017,                                                                             \
      "An observation of what went before it, as a cuff's highest pressure of a beat, "  \
      "is made of min(X), max(X), mean(X) and auc(X) and says how far it looks back: "   \
      "max(P) over last 1/HR. The window ends with the reading and is a time of "        \
      "parameters and covariates; around functionals stand parameters, covariates and "  \
      "quantities without states and time.")

enum model_error {
#define MODEL_ERROR_NUMBER(number, paragraph) number,
    MODEL_ERROR_LIST(MODEL_ERROR_NUMBER)
#undef MODEL_ERROR_NUMBER
        MODEL_ERROR_COUNT
};

/* ERR_FORMAT with place, number, sentence, source line and caret. */
enum err source_refuse(const struct source *source, size_t at, enum model_error number,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
void source_place(const struct source *source, size_t at, size_t *line, size_t *column);
const char *model_error_name(size_t index);      /* "E1001"; NULL past the last */
const char *model_error_paragraph(size_t index); /* likewise */

enum token_kind {
    TOKEN_END,
    TOKEN_NEWLINE,
    TOKEN_NUMBER,
    TOKEN_WORD,
    TOKEN_LABEL, /* "in quotes"; start and size without them */
    TOKEN_SIGN,  /* + - * / ^ ( ) [ ] < > = : ~ , and the double ones */
    TOKEN_BAD,   /* a character that only a unit may hold, or nothing may */
    TOKEN_OPEN_LABEL,
};

struct token {
    enum token_kind kind;
    size_t at, size; /* in the source */
    char sign[3];    /* of a TOKEN_SIGN: "+", "->", "..", "<=", "==", "!=", "**", "&&" */
    double number;
    size_t open_before; /* parentheses open before it */
};

struct lexer {
    const struct source *source;
    size_t at;
    size_t open; /* parentheses; inside them a new line is a space */
};

enum err source_check(const struct source *source); /* size, UTF-8, control characters */
/* ERR_OK always but for numbers that cannot be read. */
enum err token_next(struct lexer *lexer, struct token *token);
/* Go back to `token` and read a unit from there, up to a space, a comma, a quote or an
 * unpaired parenthesis; `atom`: one name or one bracket only, as after a number. */
void token_unit(struct lexer *lexer, const struct token *token, bool atom, size_t *size);
/* Go back and read up to a space, a comma or a bracket's end: codes, section names. */
void token_raw(struct lexer *lexer, const struct token *token, size_t *size);

/* --- parse ---------------------------------------------------------------------- */

#define EXPR_NESTING_MAX 200
#define EXPR_HEIGHT_MAX 1000
#define MODEL_QUANTITIES_MAX 512
#define MODEL_INPUTS_MAX 64
#define MODEL_OBSERVATIONS_MAX 64
#define MODEL_RANGES_MAX 96
#define LEVELS_MAX 32
#define MODEL_SOURCES_MAX 32
#define MODEL_OUTCOMES_MAX 64
#define MODEL_FUNCTIONALS_MAX 256
#define MODEL_COMPARISONS_MAX 512
#define NUMBER_TEXT_MAX 64

enum op {
    /* leaves */
    OP_NUMBER, /* value */
    OP_NAME,   /* syntax only */
    OP_PARAMETER,
    OP_COVARIATE,  /* since it last changed */
    OP_DRIFT,      /* slope of a covariate that moves linearly */
    OP_SINCE,      /* when covariates last changed */
    OP_FUNCTIONAL, /* what a course comes to; syntax: of its argument */
    OP_TIME,
    OP_STATE,
    OP_DOSE,        /* the amount of the dose that makes states jump */
    OP_MODE,        /* what a condition on states is between two of its turns */
    OP_SENSITIVITY, /* of a state along a direction */
    /* one argument */
    OP_NEGATE,
    OP_EXP,
    OP_LN,
    OP_LOG10,
    OP_SQRT,
    OP_ABS,
    OP_TANH,
    OP_SIN,
    OP_COS,
    OP_FLOOR,
    OP_LOGIT,
    OP_EXPIT,
    OP_NOT,
    /* two */
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_POWER,
    OP_MOD,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_EQUAL,
    OP_UNEQUAL,
    OP_AND,
    OP_OR,
    OP_MIN, /* syntax: two or more */
    OP_MAX,
    OP_STEEP, /* derivatives only: a product in which any factor times 0 is 0 */
    /* three: condition, then, else */
    OP_SELECT, /* syntax: if() */
    /* programs only: a b + c, a b - c and c - a b, rounded once */
    OP_FMA,
    OP_FMS,
    OP_FNMA,
    /* syntax only */
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_PIECEWISE,
    OP_TABLE, /* of a covariate: value, key, value, key, ..., and perhaps the else's value
               */
    OP_COUNT
};

struct unit_text {
    const char *text; /* as written, without its brackets in a formula; NULL: none */
    size_t at;
    struct unit unit;
};

enum type { TYPE_UNKNOWN, TYPE_ANY /* a bare 0 */, TYPE_UNIT, TYPE_CONDITION };

enum symbol_kind {
    SYMBOL_NONE,
    SYMBOL_PARAMETER,
    SYMBOL_COVARIATE,
    SYMBOL_QUANTITY,
    SYMBOL_STATE,
    SYMBOL_TIME,
    SYMBOL_PI,
    SYMBOL_INPUT,
    SYMBOL_OBSERVATION,
    SYMBOL_DOSE, /* of the input `index` */
    SYMBOL_OUTCOME,
};

/* What an outcome is made of. Those from FUNCTIONAL_FRACTION on are of a condition. */
enum functional {
    FUNCTIONAL_MIN,
    FUNCTIONAL_MAX,
    FUNCTIONAL_MEAN,
    FUNCTIONAL_SD,
    FUNCTIONAL_AUC,
    FUNCTIONAL_START,
    FUNCTIONAL_END,
    FUNCTIONAL_TIME_OF_MIN,
    FUNCTIONAL_TIME_OF_MAX,
    FUNCTIONAL_FRACTION,
    FUNCTIONAL_DURATION,
    FUNCTIONAL_FIRST,
    FUNCTIONAL_LAST,
    FUNCTIONALS
};

struct expr {
    enum op op;
    size_t at;
    size_t height;
    double number;          /* OP_NUMBER */
    struct unit_text *unit; /* OP_NUMBER with one */
    const char *name; /* OP_NAME, OP_TABLE; a table's key: its label, if it has one */
    size_t name_at;   /* OP_TABLE */
    enum functional functional; /* OP_FUNCTIONAL; `index` is its place in the syntax */
    size_t count;
    struct expr **arguments;
    /* check: */
    enum symbol_kind symbol; /* OP_NAME, OP_TABLE */
    size_t index;
    bool in_time; /* OP_NAME: of time, or of a parameter that varies between occasions */
    bool drifts;  /* OP_NAME: of a parameter that does */
    enum type type;
    struct unit of;
    double factor; /* inserted: what is above sees factor * value */
};

enum spread_kind { SPREAD_FIXED, SPREAD_POPULATION, SPREAD_INDIVIDUAL };

struct parameter_line {
    const char *name, *label;
    size_t at, value_at, low_at, spread_at;
    double value, low, high;
    bool bounded;
    struct unit_text unit;
    enum spread_kind spread;
    bool transform_said;
    enum transform transform;
    bool spread_is_cv;
    double spread_value;
    struct unit_text spread_unit;
    enum provenance provenance;
    bool used; /* check: a formula names it */
    struct place {
        const char *name;
        size_t at;
    } on[MODEL_COVARIATES_MAX];
    size_t on_count;
    size_t occasions, occasions_at; /* 0: does not vary between occasions */
    double occasion_sd, period;
    struct unit_text occasion_unit, period_unit;
    struct place by; /* the covariate that counts them; no name: a period of the clock */
    /* `drifts sd SD per TIME back over BACK`; drifts_at 0: does not drift */
    size_t drifts_at;
    double drift_sd, drift_time, drift_back; /* drift_back 0: a random walk */
    struct unit_text drift_unit, drift_time_unit, drift_back_unit;
    /* check: one of another's deviations, of its own line in no text */
    bool hidden;
    size_t owner;
};

struct correlated_line {
    struct place names[MODEL_PARAMETERS_MAX];
    size_t count, at;
    bool all, said;
    double correlation;
};

struct covariate_line {
    const char *name, *label;
    size_t at, scale_at;
    struct unit_text unit;
    bool hold_said;
    enum covariate_hold hold;
    bool has_default, has_centre, has_scale;
    double default_value, centre, scale;
    size_t levels_at, default_at;
    struct model_level *levels; /* [level_count] */
    size_t level_count;
};

struct quantity_line { /* NAME = expression */
    const char *name, *label;
    size_t at;
    struct expr *expr;
    struct unit_text unit;
    bool individual;
    /* check: */
    enum type type;
    struct unit of;
    bool uses_state, uses_time, drifts;
    int mark;
};

struct state_line { /* d/dt(NAME) = expression */
    const char *name, *label;
    size_t at;
    struct expr *rate, *init; /* init NULL: 0 */
    bool steady;
    size_t noise_at; /* `noise SD UNIT per TIME positive`; 0: none */
    double noise, noise_time;
    struct unit_text noise_unit, noise_time_unit;
    bool positive;
    struct unit_text unit;
    enum type type;
    struct unit of;
};

struct jump { /* STATE = expression, of a dose that moves what is there */
    const char *state;
    size_t at;
    struct expr *expr;
    size_t into; /* check: the state */
};

struct input_line {
    const char *name, *state, *label; /* state NULL: it jumps */
    size_t at, state_at, number_at;
    struct jump *jumps; /* [jump_count] */
    size_t jump_count;
    struct unit_text unit, from;
    struct expr *fraction, *lag, *over;
    bool converted;
    double number;
    size_t into; /* check: the state; of jumps the first */
};

struct observation_line {
    const char *name, *label, *loinc;
    size_t at, residual_at, loinc_at, limit_at;
    struct expr *expr;
    struct expr *over; /* how far its functionals look back; NULL: it has none */
    size_t over_at;
    size_t functional, functional_count; /* its first among the syntax' */
    struct unit_text unit;
    enum residual_kind residual;
    bool has_additive, has_proportional, additive_fixed, proportional_fixed;
    double additive, proportional;
    struct unit_text additive_unit;
    bool correlated, correlation_fixed;
    double correlation_time;
    size_t correlation_at;
    struct unit_text correlation_unit;
    bool has_low, has_high;
    double low, high;
    struct unit_text low_unit, high_unit;
};

enum window { WINDOW_RUN, WINDOW_SPAN, WINDOW_LAST, WINDOW_PER };

/* NAME = expression, under [outcomes]; or a condition, under [plausible]. */
struct outcome_line {
    const char *name, *label; /* name NULL: it has to be plausible */
    size_t at, window_at;
    struct expr *expr;
    struct unit_text unit;
    enum window window;
    struct expr *from, *to; /* of WINDOW_SPAN; others have their length in `to` */
    size_t functional, functional_count; /* its first among the syntax' */
    /* check: */
    enum type type;
    struct unit of;
};

struct range_line { /* [what-if] */
    const char *name;
    size_t at, step_at;
    double low, high, step;
    bool stepped;
    struct unit_text unit;
};

/* A parsed text. Everything it points to lives in its arena. */
/* solver rk4 step LENGTH UNIT */
struct step_line {
    size_t at; /* 0: there is none, and steps are as long as they can be */
    double length;
    struct unit_text unit;
};

struct syntax {
    struct source source;
    struct arena *arena;
    const char *name, *title;
    uint32_t version;
    struct unit_text time;
    struct expr *period; /* NULL: it begins where init says */
    size_t period_at;
    double periods; /* so many before it begins */
    struct step_line step;
    const char *question, *sources[MODEL_SOURCES_MAX];
    size_t source_count;
    struct parameter_line parameters[MODEL_PARAMETERS_MAX];
    struct correlated_line correlated[MODEL_PARAMETERS_MAX];
    struct covariate_line covariates[MODEL_COVARIATES_MAX];
    struct quantity_line quantities[MODEL_QUANTITIES_MAX];
    struct state_line states[MODEL_STATES_MAX];
    struct input_line inputs[MODEL_INPUTS_MAX];
    struct observation_line observations[MODEL_OBSERVATIONS_MAX];
    struct range_line ranges[MODEL_RANGES_MAX];
    struct outcome_line outcomes[MODEL_OUTCOMES_MAX], plausible[MODEL_OUTCOMES_MAX];
    struct expr *functionals[MODEL_FUNCTIONALS_MAX];
    size_t outcome_count, plausible_count, functional_count;
    size_t parameter_count, correlated_count, covariate_count, quantity_count,
        state_count, input_count, observation_count, range_count;
    uint32_t sections; /* seen */
    /* check: quantities in an order in which each sees only earlier ones */
    size_t order[MODEL_QUANTITIES_MAX];
};

/* A copy of the text is kept in the syntax. */
enum err syntax_parse(const char *text, size_t size, const char *file_name,
                      struct syntax **syntax);
void syntax_destroy(struct syntax **syntax);
char *syntax_print(const struct syntax *syntax); /* canonical text; caller frees */
void expr_print(const struct expr *expr, struct bytes *out);
void number_print(double number,
                  char text[NUMBER_TEXT_MAX]); /* shortest that reads back */
void *syntax_take(struct syntax *syntax, size_t size);
const char *function_name(enum op op); /* of a function or sign; for listings */
const char *functional_name(enum functional functional);

/* --- names ---------------------------------------------------------------------- */

struct named {
    const char *name;
    size_t at; /* of its declaration */
    enum symbol_kind kind;
    size_t index;
};

bool name_find(const struct syntax *syntax, const char *name, struct named *named);
/* E2001, with the nearest name of these kinds (bits 1 << enum symbol_kind). */
enum err name_refuse_unknown(const struct syntax *syntax, size_t at, const char *name,
                             unsigned kinds);
enum err names_check(const struct syntax *syntax); /* reserved words, doubles */
/* Sets symbol and index of every name in a formula, uses_state and uses_time of
 * quantities, and their order. */
enum err names_resolve(struct syntax *syntax);

/* --- measure -------------------------------------------------------------------- */

/* Sets type and unit of an expression, all names in it being resolved and measured. */
enum err measure(struct model *model, struct expr *expr);
/* What stands above sees this expression in `target` from now on; `what` needs it so. */
enum err measure_convert(struct model *model, struct expr *expr,
                         const struct unit *target, enum model_error number,
                         const char *what);
/* The unit of every state, from what the text says and from formulas. */
enum err measure_states(struct model *model);
const char *measure_text(const struct model *model, const struct unit *unit);

/* --- check ---------------------------------------------------------------------- */

/* A conversion the checker put in. */
struct inserted {
    size_t at;
    double factor;
    const char *from, *to;
};

struct program;

struct model {
    struct syntax *syntax;
    char *canonical;
    uint8_t hash[HASH_BYTES];
    struct model_parameter parameters[MODEL_PARAMETERS_MAX];
    struct model_covariate covariates[MODEL_COVARIATES_MAX];
    struct model_input inputs[MODEL_INPUTS_MAX];
    struct model_output states[MODEL_STATES_MAX];
    struct model_output
        derived[MODEL_QUANTITIES_MAX]; /* syntax->quantities, same index */
    struct model_observation observations[MODEL_OBSERVATIONS_MAX];
    struct model_range ranges[MODEL_RANGES_MAX];
    struct model_outcome outcomes[MODEL_OUTCOMES_MAX];
    struct model_plausible plausible[MODEL_OUTCOMES_MAX];
    bool correlated[MODEL_PARAMETERS_MAX][MODEL_PARAMETERS_MAX];
    double correlation[MODEL_PARAMETERS_MAX][MODEL_PARAMETERS_MAX];
    double noise[MODEL_STATES_MAX]; /* of states: model_noise */
    double step; /* of a solver with steps of one length, in the model's time; 0: none */
    struct inserted *inserted;
    size_t inserted_count, inserted_capacity;
    struct program *program;
};

/* Fill all of `model` but canonical text, hash and program from its syntax, and set the
 * checked fields of the syntax. */
enum err model_check(struct model *model);

/* --- program -------------------------------------------------------------------- */

/* registers[to] = op(registers[a], registers[b], registers[c]) */
struct instruction {
    enum op op;
    uint32_t run; /* so many instructions from here on have this operation */
    uint32_t to, a, b, c;
};

/* What a stream does to registers [registers][LANES], as C: results only, and what rests.
 */
typedef void generated_stream(double *registers, enum simd simd);
/* And of rates: the results into `out`, those that are fed onto `more`, both
 * [results][LANES], and nowhere else; none of the three is part of another. */
typedef void generated_rates(const double *registers, const double *more, double *out,
                             enum simd simd);

/* And of all stages of a step, whatever the registers of time, states and sensitivities
 * hold; time stays between `from` and `to` [LANES]. */
typedef void generated_step(const double *registers, const double *more,
                            const double *from, const double *to,
                            const struct lanes_stages *stages, enum simd simd);

/* Instructions in the order in which they run, and where their results then are. */
struct stream {
    struct instruction *instructions;
    size_t count;
    uint32_t *results; /* registers */
    size_t result_count;
    bool *fed; /* [result_count] of rates: doses can run into it; else NULL */
    generated_stream *generated; /* all NULL: it is interpreted */
    generated_rates *rates;
    generated_step *step;
};

/* When a condition on time alone switches: at slope t + offset = 0, or, if periodic,
 * whenever that is a whole number. Registers of what rests for an individual. */
struct switching {
    uint32_t slope, offset;
    uint32_t d_slope[MODEL_PARAMETERS_MAX], d_offset[MODEL_PARAMETERS_MAX];
    bool periodic;
};

enum modifier { MODIFIER_FRACTION, MODIFIER_LAG, MODIFIER_DURATION, MODIFIERS };

/* Where the condition that a mode stands for is written, in the syntax: first. */
struct mode_line {
    const struct expr *condition;         /* NULL: nowhere */
    const struct state_line *state;       /* in the rate of this one; NULL: */
    const struct quantity_line *quantity; /* in this one; NULL: in an observation */
};

/* A place in a matrix that can be different from zero. */
struct entry {
    uint32_t row, column;
};

/* A model as straight-line code over one array of registers:
 *
 *     constants | parameters | covariates, drifts, since | time | dose | functionals
 * | modes | states | sensitivities | what rests for an individual | what rests until a
 * covariate changes | the rest
 *
 * Whoever runs it fills in the second to the ninth and then runs streams: `individual`
 * for new parameters, `covariate` for these and for new covariates, the others as needed.
 * The last part is each stream's own: nothing in it outlives the stream's results.
 *
 * Each stream comes twice, bare and with the derivatives of its results along all
 * directions, found symbolically. A direction is a transformed parameter (model.h). A
 * sensitivity is the derivative of a state along a direction, for those pairs that can be
 * different from zero; the others do not exist.
 *
 * A mode stands in the rates for a condition that hangs on states (or on time other than
 * as t - T does) and makes them jump, and in what readings of a window look at, if it
 * makes that jump, and nowhere else: 1 as long as its gap is
 * positive, else 0; or for a floor: the whole number in [gap - 1, gap]. Between two turns
 * of modes all that is smooth, and whoever runs them has to turn the modes in time. A gap
 * depends on modes before its own alone. */
struct program {
    size_t registers;
    double *image; /* [registers] the constants in their places, 0 elsewhere */
    uint32_t parameters, covariates, drifts, since, time, states, sensitivities, rest;
    uint32_t dose; /* where states jump at doses; else there is none */
    uint32_t modes;
    size_t mode_count;
    bool *mode_counts;            /* [mode_count] it stands for a floor */
    struct mode_line *mode_lines; /* [mode_count] */
    size_t constant_count;

    size_t direction_count;
    size_t directions[MODEL_PARAMETERS_MAX]; /* the parameter of each */
    struct entry *sensitivity;               /* state, direction */
    size_t sensitivity_count;
    struct entry *jacobian_entry; /* rate, state */
    size_t jacobian_count;
    struct entry *bend_entry; /* a sensitivity's rate, state: J's own derivatives */
    size_t bend_count;

    struct stream individual, covariate; /* no results: they fill their own registers */
    struct stream individual_slopes, covariate_slopes; /* on top of these */
    struct stream init, init_slopes;                   /* states; then sensitivities */
    struct stream input, input_slopes; /* [inputs][MODIFIERS]; then each [directions] */
    struct stream rate, rate_slopes;   /* states; then sensitivities */
    struct stream jacobian;            /* rates; then entries */
    /* Everything a linear rate has beside its value: entries; then rates by time. With
     * derivatives: entries; bends; then rates and sensitivities' rates by time. Neither
     * has results where that would be too much to compile. */
    struct stream linear, linear_slopes;
    struct stream observe, observe_slopes; /* observations; then each [directions] */
    struct stream derive;                  /* quantities; then observations */
    struct stream jump, jump_slopes;       /* jumps; then each [directions] */
    struct stream period, period_slopes;   /* none or one; then [directions] */
    struct stream reach, reach_slopes;     /* observations; then each [directions] */
    struct stream course; /* what functionals look at, then the sides of comparisons */
    struct stream watch;  /* the watched of the course */
    struct stream course_slopes; /* of these, each [directions] */
    struct stream course_trends; /* of the same, by time; then each by [states] */
    struct stream window;  /* from and to of each outcome, then of each plausible line */
    struct stream outcome; /* outcomes, then what is plausible; of functionals */
    /* Of modes: gaps; the gaps by time, then each by [states]; each along [directions] */
    struct stream gap, gap_by, gap_slopes;

    uint32_t functionals; /* registers of what they come to */
    /* And of the derivatives of those that observations are made of, each [directions];
     * which these are. */
    uint32_t functional_slopes;
    size_t watched_count, watched[MODEL_FUNCTIONALS_MAX];
    /* An observation's among these: [watched_first[o]] to the next one's. */
    size_t watched_first[MODEL_OBSERVATIONS_MAX + 1];
    size_t comparison_count; /* in the conditions that functionals look at */
    size_t comparison_of[MODEL_COMPARISONS_MAX]; /* its functional */

    size_t *jump_states; /* [jump_first[inputs]] which state each sets */
    size_t
        jump_first[MODEL_INPUTS_MAX + 1]; /* of an input's; the next input's end them */

    size_t steady[MODEL_STATES_MAX]; /* states that begin in their steady state */
    size_t steady_count;
    struct switching *switchings;
    size_t switching_count;
};

#define PROGRAM_STREAMS 31

enum err program_new(const struct model *model, struct program **program);
void program_destroy(struct program **program);
/* Its streams, for whoever goes over all of them; names as in struct program. */
struct stream *program_stream(struct program *program, size_t index);
const char *program_stream_name(size_t index);
void program_print(const struct model *model, struct bytes *listing);

/* --- evaluator ------------------------------------------------------------------ */

/* What rests until the individual's covariates change, into registers [..][stride] of the
 * same places: parameters to time, and what is hoisted of them; and the piece of time of
 * evaluator_between. */
void evaluator_rest(const struct evaluator *evaluator, double *registers, size_t stride,
                    double *from, double *to);

/* Of a mode, the gaps with which it may rest, and by how much these may be off because
 * states are rounded: what is at rest at a threshold does not turn back and forth. */
struct mode_span {
    double from, to, slack;
};
static inline bool span_holds(const struct mode_span *span, double gap)
{
    return gap >= span->from - span->slack && gap <= span->to + span->slack;
}

/* Modes are as the place has them at which rates are asked for; or, once they are held,
 * as they were last settled or turned; `sizes` are the caller's, and may change. A new
 * individual has none, until they are settled. */
size_t evaluator_modes(const struct evaluator *evaluator);
void evaluator_hold(struct evaluator *evaluator, const double *sizes /* of states */);
/* Those whose gaps are out of their spans become what these gaps say. */
void evaluator_settle(struct evaluator *evaluator, double t, const double *x);
/* This mode turns, its gap rising or falling through its span's end, which it is at. */
void evaluator_turn(struct evaluator *evaluator, size_t mode, bool up, double gap);
/* All others stay as they are where these are the gaps, until modes are settled. */
void evaluator_tolerate(struct evaluator *evaluator, size_t mode, const double *gaps);
const struct mode_span *evaluator_spans(const struct evaluator *evaluator); /* [modes] */
void evaluator_gaps(struct evaluator *evaluator, double t, const double *x, double *gaps);
/* How fast a gap changes where states change as `rate` says; its derivatives
 * [directions].
 */
double evaluator_gap_rate(struct evaluator *evaluator, size_t mode, double t,
                          const double *x, const double *rate);
void evaluator_gap_slopes(struct evaluator *evaluator, size_t mode, double t,
                          const double *x, const double *s, double *slopes);

/* What functionals look at (conditions are 1 and 0) and the two sides of each comparison
 * in their conditions: values [functionals + 2 comparisons]. */
void evaluator_course(struct evaluator *evaluator, double t, const double *x,
                      double *values);
/* Of these only what the watched look at: the other values stay. */
void evaluator_watch(struct evaluator *evaluator, double t, const double *x,
                     double *values);
/* Derivatives of what the watched look at, each [directions]. */
void evaluator_course_slopes(struct evaluator *evaluator, double t, const double *x,
                             const double *s, double *slopes);
/* How fast it changes in time where states do by dxdt: [watched]. */
void evaluator_course_trends(struct evaluator *evaluator, double t, const double *x,
                             const double *dxdt, double *trends);
/* How far back each observation looks at t [observations], and with derivatives each
 * [directions]; 0 where it sees one moment. */
void evaluator_reach(struct evaluator *evaluator, double t, double *reach,
                     double *slopes);
/* What all functionals have come to, and with derivatives the watched, each
 * [directions]: observations are made of that from now on. */
void evaluator_functionals(struct evaluator *evaluator, const double *values,
                           const double *slopes);
/* From and to of every outcome's window, then of every plausible line's, by covariates as
 * they are at t. */
void evaluator_windows(struct evaluator *evaluator, double t, double *bounds);
/* Outcomes and plausible conditions of what the functionals came to, likewise. */
void evaluator_conclude(struct evaluator *evaluator, double t, const double *functionals,
                        double *outcomes);

void listing_add(struct bytes *listing, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* at most 511 bytes at once */

#endif
