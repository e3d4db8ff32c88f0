#ifndef TESTS_MODEL_RANDOM_TEXT_H
#define TESTS_MODEL_RANDOM_TEXT_H

/* random_text - texts of models that nobody wrote, from a grammar: equations with
 * everything the language has, doses with lags, fractions and durations that hang on
 * parameters, covariates and their effects, parameters of one and of all patients, of
 * occasions, quantities, switches at times that are parameters, several observations with
 * all kinds of errors, of windows of their own as well, and outcomes.
 * Whatever is drawn stays of the size of 1, so that every model can be solved. The same
 * seed gives the same text. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"

/* What a formula may hold. */
enum random_words {
    RANDOM_STATES = 1,
    RANDOM_TIME = 2,
    RANDOM_COVARIATES = 4,
    RANDOM_SWITCHES = 8,    /* at times that parameters say */
    RANDOM_KINKS = 16,      /* min, max, abs of states */
    RANDOM_JUMPS = 32,      /* conditions on states, floor */
    RANDOM_DRIFTS = 64,     /* a covariate that moves between its records */
    RANDOM_STEADY = 128,    /* the last state begins in its steady state */
    RANDOM_WINDOWS = 256,   /* an observation of what went before */
    RANDOM_OCCASIONS = 512, /* parameters that differ from occasion to occasion, drift */
    RANDOM_TURNS = 1024,    /* switches again and again: mod of time */
    RANDOM_FOLLOWED = 2048, /* nothing that decides once; readings say little */
    RANDOM_INDIVIDUAL = 4096, /* a quantity of parameters and covariates */
    RANDOM_DERIVED = 8192,    /* and one of states, with them */
    RANDOM_AFFINE = 16384,    /* rates are, in states, between two stops */
    RANDOM_SMOOTH = RANDOM_STATES | RANDOM_TIME | RANDOM_COVARIATES | RANDOM_SWITCHES |
                    RANDOM_INDIVIDUAL | RANDOM_DERIVED,
    RANDOM_AGAIN = RANDOM_OCCASIONS | RANDOM_TURNS,
};

struct random_text {
    uint64_t state;
    size_t parameters, covariates, states;
    struct bytes out;
};

static inline uint64_t random_draw(struct random_text *text, uint64_t below)
{
    text->state ^= text->state << 13;
    text->state ^= text->state >> 7;
    text->state ^= text->state << 17;
    return (text->state >> 11) % below;
}

static inline double random_share(struct random_text *text)
{
    return (double)(1 + random_draw(text, 998)) / 1000;
}

__attribute__((format(printf, 2, 3))) static inline void
random_say(struct random_text *text, const char *format, ...)
{
    char piece[400];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    bytes_append(&text->out, piece, (size_t)size);
}

static inline void random_leaf(struct random_text *text, unsigned words)
{
    switch (random_draw(text, 9)) {
    case 0:
        if (words & RANDOM_COVARIATES) {
            random_say(text, "c%u", (unsigned)random_draw(text, text->covariates));
            return;
        }
        break;
    case 6:
        if (words & RANDOM_INDIVIDUAL) {
            random_say(text, "own");
            return;
        }
        break;
    case 7:
        if (words & RANDOM_DERIVED && words & RANDOM_STATES) {
            random_say(text, "all");
            return;
        }
        break;
    case 8:
        if (words & RANDOM_OCCASIONS) {
            static const char *const names[] = {"week", "visit", "mood"};
            random_say(text, "%s", names[random_draw(text, 3)]);
            return;
        }
        break;
    case 1:
        if (words & RANDOM_TIME) {
            random_say(text, "sin(2*pi*time/%g [h])", 2 + 20 * random_share(text));
            return;
        }
        break;
    case 2:
        random_say(text, "%g", 2 * random_share(text));
        return;
    case 3:
    case 4:
        if (words & RANDOM_STATES) {
            random_say(text, "x%u", (unsigned)random_draw(text, text->states));
            return;
        }
        break;
    default:
        break;
    }
    random_say(text, "p%u", (unsigned)random_draw(text, text->parameters));
}

/* $ is a formula, # a number in (0, 1), % a parameter. */
static inline void random_fill(struct random_text *text, const char *form, unsigned words,
                               int depth);

static inline void random_formula(struct random_text *text, unsigned words, int depth)
{
    static const char *const smooth[] = {
        "($ + $)",
        "($ - $)",
        "tanh($)*$",
        "$/(1 + ($)^2)",
        "exp(-($)^2)",
        "ln(1 + ($)^2)",
        "sqrt(1 + ($)^2)",
        "log10(2 + ($)^2)",
        "expit($)",
        "(1 + ($)^2)^#",
        "(1 + tanh($)/2)^%",
        "tanh($)^3",
        "logit(0.1 + 0.8*expit($))",
        "cos($)",
        "sin($)",
        "-($)",
        "($ - #*$)",
        "(%*$ + %*$)",
        "table(c1, \"b\": $, 0.4: $)",
        "table(c1, 0.4: $, else: $)",
    };
    static const char *const kinks[] = {"min($, $)", "max($, #, $)", "abs($)"};
    static const char *const jumps[] = {"if($ < $, $, $)", "floor(2*tanh($))",
                                        "if($ > # and not ($ <= # or $ == 1), $, $)",
                                        "piecewise($, $ >= #, $, $ != $, $)",
                                        "mod($, 1 + #)"};
    static const char *const switches[] = {"if(time < #*% [h], $, $)",
                                           "if(time >= 9*# [h], $, $)"};
    static const char *const turns[] = {
        "if(mod(time, 2 h + #*1 [h]) < (0.3 + expit(%))*1 [h], $, $)",
        "if(mod(time + %*1 [h], (1 + expit(%))*120 [min]) >= 45 min, $, $)",
        "(floor(time/3.1 [h] + #)*$)"};
    if (depth == 0) {
        random_leaf(text, words);
        return;
    }
    uint64_t kind = random_draw(text, 12);
    const char *form = smooth[random_draw(text, sizeof smooth / sizeof *smooth)];
    if (kind == 0 && words & RANDOM_KINKS)
        form = kinks[random_draw(text, sizeof kinks / sizeof *kinks)];
    else if (kind == 1 && words & RANDOM_JUMPS)
        form = jumps[random_draw(text, sizeof jumps / sizeof *jumps)];
    else if (kind == 2 && words & RANDOM_TURNS)
        form = turns[random_draw(text, sizeof turns / sizeof *turns)];
    else if (kind <= 3 && words & RANDOM_SWITCHES)
        form = switches[random_draw(text, sizeof switches / sizeof *switches)];
    random_fill(text, form, words, depth);
}

static inline void random_fill(struct random_text *text, const char *form, unsigned words,
                               int depth)
{
    for (; *form; form++) {
        if (*form == '$')
            random_formula(text, words, (int)random_draw(text, (uint64_t)depth));
        else if (*form == '#')
            random_say(text, "%g", random_share(text));
        else if (strncmp(form, "% [h]", 5) == 0) {
            random_say(text, "6*p%u*1 [h]",
                       (unsigned)random_draw(text, text->parameters));
            form += 4;
        } else if (strncmp(form, "# [h]", 5) == 0)
            random_say(text, "%g", random_share(text));
        else if (*form == '%')
            random_say(text, "p%u", (unsigned)random_draw(text, text->parameters));
        else
            random_say(text, "%c", *form);
    }
}

static inline void random_parameters(struct random_text *text, unsigned words)
{
    static const char *const spreads[] = {"(0.01, 9) lognormal sd 0.3",
                                          "(0, 2) logitnormal sd 0.4", "normal sd 0.2"};
    static const char *const marks[] = {"", " on e0", " published", " wide"};
    random_say(text,
               "question \"What is it of?\"\nsource \"Nobody, 2026\"\n[parameters]\n");
    for (size_t i = 0; i < text->parameters; i++)
        random_say(text, "p%zu = %g 1 %s%s\n", i, 0.3 + random_share(text),
                   spreads[random_draw(text, 3)], marks[random_draw(text, 4)]);
    random_say(text, "all_alike = %g 1 (0.1, 9) estimated\nnever = %g 1 fixed\n",
               0.3 + random_share(text), random_share(text));
    if (words & RANDOM_OCCASIONS)
        random_say(text,
                   "week = %g 1 %s occasions 4 per 5 h sd 0.2\n"
                   "visit = %g 1 %s occasions 2 by v0 sd 0.15\n"
                   "mood = 1 1 lognormal sd 0.1 drifts sd 0.1 per 1 d back over 2 d\n",
                   0.3 + random_share(text), spreads[random_draw(text, 3)],
                   0.3 + random_share(text), spreads[random_draw(text, 3)]);
    random_say(text, "[population]\ncorrelated p0, p1 0.3\n[covariates]\n");
    for (size_t i = 0; i < text->covariates; i++)
        random_say(text, "c%zu 1 %s default 0.%zu\n", i,
                   i % 2                   ? "constant levels 0.4, 0.6 = \"b\""
                   : words & RANDOM_DRIFTS ? "linear"
                                           : "locf",
                   i + 3);
    random_say(text, "e0 kg constant default 70 centre 60 scale 50\n");
    if (words & RANDOM_OCCASIONS)
        random_say(text, "v0 1 locf default 1\n");
    random_say(text, "[individual]\nown = ");
    random_fill(text, "tanh($)*all_alike + never*e0/70 [kg]\n", 0, 2);
}

static inline void random_doses(struct random_text *text, unsigned words)
{
    bool held = words & RANDOM_FOLLOWED;
    if (words & RANDOM_OCCASIONS) /* they are not for doses */
        words &= ~(unsigned)(RANDOM_OCCASIONS | RANDOM_DERIVED);
    random_say(text, "[doses]\nd0 -> x0 1 fraction ");
    random_fill(text, held ? "#" : "expit($)", 0, 2);
    random_say(text, " lag ");
    random_fill(text, held ? "#*1 [h]" : "#*exp(-%)*1 [h]", 0, 1);
    random_say(text, "\nd1 -> x%u 1 over ", (unsigned)random_draw(text, text->states));
    random_fill(text, held ? "(1 + #)*1 [h]\n" : "(1 + %^2)*1 [h]\n", 0, 1);
    random_say(text, "d2 1 : x0 = ");
    random_fill(text, "x0*exp(-dose*expit($))", words, 2);
    if (text->states > 1)
        random_fill(text, ", x1 = x1 + x0*(1 - exp(-dose*%^2)) + tanh($)", words, 2);
    random_say(text, "\n");
}

/* Rates pull each state back: 0.2 to 1.2 times itself an hour; or, affine, by more than
 * all others push it together. */
static inline void random_rate(struct random_text *text, unsigned words, size_t state)
{
    unsigned resting = words & (RANDOM_COVARIATES | RANDOM_INDIVIDUAL);
    random_say(text, "d/dt(x%zu) = 1 [1/h]*(", state);
    if (words & RANDOM_AFFINE) {
        for (size_t j = 0; j < text->states; j++) {
            random_fill(text, "0.3*tanh($)*", resting, 3);
            random_say(text, "x%zu + ", j);
        }
        random_fill(text, "$ - (1.3 + expit($))*", resting, 2);
    } else {
        random_say(text, "2*tanh(");
        random_formula(text, words, 3);
        random_fill(text, ") - (0.2 + expit($))*", words & ~(unsigned)RANDOM_STATES, 2);
    }
    random_say(text, "x%zu) init ", state);
}

static inline void random_equations(struct random_text *text, unsigned words)
{
    random_say(text, "[equations]\n");
    if (words & RANDOM_DERIVED)
        random_fill(text, "all = 0.5*tanh($)\n", words & ~(unsigned)RANDOM_DERIVED, 3);
    for (size_t i = 0; i < text->states; i++) {
        random_rate(text, words, i);
        if (words & RANDOM_STEADY && i + 1 == text->states)
            random_say(text, "steady unit 1");
        else
            random_fill(text, "1 + tanh($)", words & RANDOM_COVARIATES, 2);
        random_say(text, words & RANDOM_OCCASIONS ? " noise 0.1 1 per 30 min\n" : "\n");
    }
}

/* Of what lies in its window: smooth, or jumping where something comes to something. */
static inline void random_window(struct random_text *text, unsigned words)
{
    static const char *const forms[] = {"max($) - %*min($)", "mean($)", "auc($)/(1 [h])",
                                        "(max($) + mean($))/(2 + tanh(auc($)/(1 [h])))",
                                        "%*mean($) + tanh(min($))*max($)"};
    unsigned seen = random_draw(text, 2) ? words | RANDOM_JUMPS : words;
    random_say(text, "o2 : ");
    random_fill(text, forms[random_draw(text, sizeof forms / sizeof *forms)], seen, 3);
    random_fill(text, " over last (0.3 + expit(%)*c0)*1 [h] ~ add(0.1 1)\n", 0, 1);
}

/* What is measured of all kinds. */
static inline void random_observations(struct random_text *text, unsigned words)
{
    static const char *const errors[] = {
        "add(0.1 1)", "combined1(add 0.1 1, prop 0.1)",
        "combined2(add 0.1 1, prop 0.1) correlated over 90 min",
        "add(0.2 1) correlated over 2 h fixed limits -3 .. 3 1",
        "add(0.1 1 fixed) uloq 2 1"};
    static const char *const positive[] = {"prop(0.2)", "lognormal(0.2) lloq 0.3 1",
                                           "prop(0.2) limits 0.2 .. 5 1",
                                           "lognormal(0.1) correlated over 1 h",
                                           "combined2(add 0.05 1, prop 0.2) lloq 0.3 1"};
    random_say(text, "[observations]\no0 : ");
    random_formula(text, words, 3);
    bool followed = words & RANDOM_FOLLOWED;
    random_say(text,
               " ~ %s\no1 : ", followed ? "add(1000 1)" : errors[random_draw(text, 5)]);
    random_fill(text, "1 + 0.5*tanh($) + exp(-0.1*(all_alike", words, 3);
    for (size_t i = 0; i < text->parameters; i++) /* none may be without use */
        random_say(text, " + p%zu", i);
    random_say(text, "%s)) ~ %s loinc 4049-3\n",
               words & RANDOM_OCCASIONS ? " + week + visit + mood" : "",
               followed ? "add(1000 1)" : positive[random_draw(text, 5)]);
    if (words & RANDOM_WINDOWS)
        random_window(text, words);
}

/* Of a course, by all functionals. */
static inline void random_outcomes(struct random_text *text, unsigned words)
{
    random_say(text, "[outcomes]\nm = ");
    random_fill(text, "max($) - p0*min($)", words, 2);
    random_say(text, " over last ");
    random_fill(text, "(1 + %^2)*1 [h]", 0, 1);
    random_fill(text, "\nheld = m + fraction($ < $ or not $ > #)", words, 2);
    random_fill(text, "\narea = auc($)/(1 [h])", words, 2);
    random_fill(text, " per 3 h\nmany = sd($) + mean($) - start($)*end($)", words, 2);
    random_fill(text, " over 1 h .. 7 h\nwhen = time_of_min($) - time_of_max($)", words,
                2);
    random_fill(text, "\nturns = first($ > #) + last($ < #) - duration($ < $)", words, 2);
    random_say(text,
               " unit min\n[plausible]\nm < 9\n[what-if]\nd0 range 0 .. 2 1 step 0.5\n"
               "p0 range 0.1 .. 2 1\n");
}

/* The text of this seed; `words` of its rates, and of its observations besides. Caller
 * frees. */
static inline char *random_model_text(uint64_t seed, unsigned words, unsigned besides)
{
    struct random_text text = {.state = 0x9e3779b97f4a7c15u * (seed + 1)};
    for (size_t i = 0; i < 8; i++)
        random_draw(&text, 2);
    text.parameters = 2 + random_draw(&text, 3);
    text.covariates = 2;
    text.states = 1 + random_draw(&text, 4);
    random_say(&text, "model random%u version 1\ntime h\n", (unsigned)seed);
    random_parameters(&text, words);
    random_doses(&text, words);
    random_equations(&text, words);
    if (random_draw(&text, 3) == 0 && !(words & RANDOM_STEADY))
        random_fill(&text, "periodic (0.2 + expit(%))*1 [h] after 3 periods\n", 0, 1);
    random_observations(&text, words | besides);
    random_outcomes(&text, words | besides);
    bytes_u8(&text.out, 0);
    return (char *)text.out.data;
}

#endif
