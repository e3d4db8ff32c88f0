#ifndef MODEL_UNIT_H
#define MODEL_UNIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* unit - a closed table of the units of medicine, products and powers of them, and exact
 * conversion factors.
 *
 * It never guesses: what is not in the table is refused with the nearest known name. It
 * does not convert between mass and amount of substance (that needs a molar mass, which
 * the model file states). Called by the model language and by the importers. */

#define UNIT_DIMENSIONS                                                                  \
    8 /* mass, length, time, amount, international unit, temperature,                    \
         charge, energy equivalents are derived from these */
#define UNIT_ATOMS_MAX 12

struct unit {
    double scale; /* in base units */
    double exponent[UNIT_DIMENSIONS];
    /* The written form, for people: atom indices into the table and their powers. */
    struct {
        int atom;
        double power;
    } atoms[UNIT_ATOMS_MAX];
    size_t atom_count;
};

extern const struct unit UNIT_ONE;

/* "mg/L", "mL/min/kg", "1/h", "10^9/L", "mm[Hg]", "kg/m2", "[iU]", "%", "1". ERR_FORMAT.
 */
enum err unit_parse(const char *text, size_t size, struct unit *unit);
bool unit_same_dimension(const struct unit *a, const struct unit *b);
/* value in `to` = factor * value in `from`; ERR_RANGE when the dimensions differ. */
enum err unit_factor(const struct unit *from, const struct unit *to, double *factor);
/* ERR_RANGE when the product needs more than UNIT_ATOMS_MAX different names. */
enum err unit_multiply(const struct unit *a, const struct unit *b, struct unit *product);
enum err unit_divide(const struct unit *a, const struct unit *b, struct unit *quotient);
enum err unit_power(const struct unit *a, double power, struct unit *result);
/* A unit of the same dimension in which no two names measure the same: mg*min/h becomes mg,
 * L/(h*mL) 1/h. What counts or is a share (10^9, %) stays, and so does a kilogram: mg/kg. */
enum err unit_tidy(const struct unit *a, struct unit *tidied);
void unit_format(const struct unit *unit, char *text, size_t size); /* "mg/(L*h)"-like */

/* Units for people, who are told none of a plain number. */
const char *unit_shown(const char *unit);             /* "mg/L"; of "1" "" */
char *unit_number(double value, const char *unit);    /* "5.92 mg/L"; caller frees */
char *unit_label(const char *name, const char *unit); /* "level (mg/L)"; caller frees */

/* As unit_factor, from texts: the importers' and the command line's way. */
enum err unit_convert(const char *from, const char *to, double *factor);

#endif
