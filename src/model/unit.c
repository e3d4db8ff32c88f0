#include "model/unit.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/spelling.h"

const struct unit UNIT_ONE = {.scale = 1};

enum { MASS, LENGTH, TIME, AMOUNT, INTERNATIONAL, TEMPERATURE, CHARGE, EQUIVALENT };

/* One name of the table. Its size in base units (g, m, s, mol, iU, K, C, Eq) is
 * factor * 10^tens: powers of ten are kept apart, so that mg to ug is 1000 and not
 * 999.9999999999999. */
struct unit_name {
    const char *name;
    bool prefixed; /* takes the metric prefixes */
    double factor;
    int tens;
    signed char exponent[UNIT_DIMENSIONS];
};

#define DIM(...)                                                                         \
    {                                                                                    \
        __VA_ARGS__                                                                      \
    }
#define PRESSURE DIM([MASS] = 1, [LENGTH] = -1, [TIME] = -2)
#define ENERGY DIM([MASS] = 1, [LENGTH] = 2, [TIME] = -2)

/* Sources: SI brochure (9th edition), UCUM 2.1; the conventional millimetre of mercury is
 * 133.322387415 Pa, of water 9.80665 Pa; calorie: thermochemical; a: Julian year; mo: its
 * twelfth. */
static const struct unit_name names[] = {
    {"10", false, 1, 1, DIM(0)}, /* first: UNIT_TEN; second: UNIT_GRAM */
    {"g", true, 1, 0, DIM([MASS] = 1)},
    {"lb", false, 453.59237, 0, DIM([MASS] = 1)},
    {"[lb_av]", false, 453.59237, 0, DIM([MASS] = 1)},
    {"oz", false, 28.349523125, 0, DIM([MASS] = 1)},
    {"[oz_av]", false, 28.349523125, 0, DIM([MASS] = 1)},
    {"mcg", false, 1, -6, DIM([MASS] = 1)},
    {"m", true, 1, 0, DIM([LENGTH] = 1)},
    {"in", false, 254, -4, DIM([LENGTH] = 1)},
    {"[in_i]", false, 254, -4, DIM([LENGTH] = 1)},
    {"ft", false, 3048, -4, DIM([LENGTH] = 1)},
    {"[ft_i]", false, 3048, -4, DIM([LENGTH] = 1)},
    {"L", true, 1, -3, DIM([LENGTH] = 3)},
    {"l", true, 1, -3, DIM([LENGTH] = 3)},
    {"mcL", false, 1, -9, DIM([LENGTH] = 3)},
    {"cc", false, 1, -6, DIM([LENGTH] = 3)},
    {"s", true, 1, 0, DIM([TIME] = 1)},
    {"sec", false, 1, 0, DIM([TIME] = 1)},
    {"min", false, 60, 0, DIM([TIME] = 1)},
    {"h", false, 3600, 0, DIM([TIME] = 1)},
    {"hr", false, 3600, 0, DIM([TIME] = 1)},
    {"d", false, 86400, 0, DIM([TIME] = 1)},
    {"day", false, 86400, 0, DIM([TIME] = 1)},
    {"days", false, 86400, 0, DIM([TIME] = 1)},
    {"wk", false, 604800, 0, DIM([TIME] = 1)},
    {"week", false, 604800, 0, DIM([TIME] = 1)},
    {"weeks", false, 604800, 0, DIM([TIME] = 1)},
    {"mo", false, 2629800, 0, DIM([TIME] = 1)},
    {"month", false, 2629800, 0, DIM([TIME] = 1)},
    {"months", false, 2629800, 0, DIM([TIME] = 1)},
    {"a", false, 31557600, 0, DIM([TIME] = 1)},
    {"yr", false, 31557600, 0, DIM([TIME] = 1)},
    {"year", false, 31557600, 0, DIM([TIME] = 1)},
    {"years", false, 31557600, 0, DIM([TIME] = 1)},
    {"Hz", true, 1, 0, DIM([TIME] = -1)},
    {"bpm", false, 1.0 / 60, 0, DIM([TIME] = -1)},
    {"mol", true, 1, 0, DIM([AMOUNT] = 1)},
    {"osm", true, 1, 0, DIM([AMOUNT] = 1)},
    {"Osm", true, 1, 0, DIM([AMOUNT] = 1)},
    {"M", true, 1, 3, DIM([AMOUNT] = 1, [LENGTH] = -3)},
    {"Eq", true, 1, 0, DIM([EQUIVALENT] = 1)},
    {"eq", true, 1, 0, DIM([EQUIVALENT] = 1)},
    {"[iU]", true, 1, 0, DIM([INTERNATIONAL] = 1)},
    {"[IU]", true, 1, 0, DIM([INTERNATIONAL] = 1)},
    {"iU", true, 1, 0, DIM([INTERNATIONAL] = 1)},
    {"IU", true, 1, 0, DIM([INTERNATIONAL] = 1)},
    {"U", true, 1, 0, DIM([INTERNATIONAL] = 1)},
    {"K", true, 1, 0, DIM([TEMPERATURE] = 1)},
    {"C", true, 1, 0, DIM([CHARGE] = 1)},
    {"A", true, 1, 0, DIM([CHARGE] = 1, [TIME] = -1)},
    {"V", true, 1, 3, DIM([MASS] = 1, [LENGTH] = 2, [TIME] = -2, [CHARGE] = -1)},
    {"N", true, 1, 3, DIM([MASS] = 1, [LENGTH] = 1, [TIME] = -2)},
    {"dyn", false, 1, -2, DIM([MASS] = 1, [LENGTH] = 1, [TIME] = -2)},
    {"Pa", true, 1, 3, PRESSURE},
    {"bar", true, 1, 8, PRESSURE},
    {"atm", false, 101325, 3, PRESSURE},
    {"Torr", false, 133.322387415, 3, PRESSURE},
    {"mmHg", false, 133.322387415, 3, PRESSURE},
    {"m[Hg]", true, 133.322387415, 6, PRESSURE},
    {"cmH2O", false, 98.0665, 3, PRESSURE},
    {"m[H2O]", true, 98.0665, 5, PRESSURE},
    {"J", true, 1, 3, ENERGY},
    {"cal", true, 4184, 0, ENERGY},
    {"W", true, 1, 3, DIM([MASS] = 1, [LENGTH] = 2, [TIME] = -3)},
    {"Gy", true, 1, 0, DIM([LENGTH] = 2, [TIME] = -2)},
    {"Sv", true, 1, 0, DIM([LENGTH] = 2, [TIME] = -2)},
    {"Bq", true, 1, 0, DIM([TIME] = -1)},
    {"rad", false, 1, 0, DIM(0)},
    {"deg", false, 3.14159265358979323846 / 180, 0, DIM(0)},
    {"%", false, 1, -2, DIM(0)},
    {"ppm", false, 1, -6, DIM(0)},
    {"[ppm]", false, 1, -6, DIM(0)},
    {"ppb", false, 1, -9, DIM(0)},
    {"[ppb]", false, 1, -9, DIM(0)},
};
#define NAME_COUNT (sizeof names / sizeof names[0])
#define UNIT_TEN 0
#define UNIT_GRAM 1

static const struct prefix {
    const char *text;
    int tens;
} prefixes[] = {{"", 0},   {"T", 12},  {"G", 9},   {"M", 6},         {"k", 3},
                {"h", 2},  {"d", -1},  {"c", -2},  {"m", -3},        {"u", -6},
                {"n", -9}, {"p", -12}, {"f", -15}, {"\xc2\xb5", -6}, {"\xce\xbc", -6}};
#define PREFIX_KILO 4 /* its place in the list */
#define PREFIX_COUNT (sizeof prefixes / sizeof prefixes[0])

/* Laboratory habits that do not follow the grammar: here K, M, G and T count cells. */
static const struct habit {
    const char *written, *meant;
} habits[] = {
    {"K/uL", "10^3/uL"},  {"k/uL", "10^3/uL"}, {"K/\xc2\xb5L", "10^3/uL"},
    {"K/mcL", "10^3/uL"}, {"M/uL", "10^6/uL"}, {"M/\xc2\xb5L", "10^6/uL"},
    {"M/mcL", "10^6/uL"}, {"G/L", "10^9/L"},   {"T/L", "10^12/L"},
};

static int atom_of(size_t name, size_t prefix)
{
    return (int)(name * PREFIX_COUNT + prefix);
}

static const struct unit_name *atom_name(int atom)
{
    return &names[(size_t)atom / PREFIX_COUNT];
}

static const struct prefix *atom_prefix(int atom)
{
    return &prefixes[(size_t)atom % PREFIX_COUNT];
}

/* 10^n, exact where a double can hold it. */
static double ten_power(double n)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (n >= 0 && n <= 22 && n == floor(n))
        return exact[(int)n];
    return pow(10, n);
}

/* The product of atom sizes to their powers, `sign` -1 for a divisor. Equal names have
 * been cancelled, whole powers of factors are collected above and below the line. */
struct size {
    double above, below, tens;
    double power[NAME_COUNT];
};

static void size_add(struct size *size, const struct unit *unit, double sign)
{
    for (size_t i = 0; i < unit->atom_count; i++) {
        int atom = unit->atoms[i].atom;
        double power = sign * unit->atoms[i].power;
        size->power[(size_t)atom / PREFIX_COUNT] += power;
        size->tens += power * (atom_prefix(atom)->tens + atom_name(atom)->tens);
    }
}

static double size_value(struct size *size)
{
    size->above = size->below = 1;
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (size->power[i] == 0 || names[i].factor == 1)
            continue;
        if (size->power[i] > 0)
            size->above *= pow(names[i].factor, size->power[i]);
        else
            size->below *= pow(names[i].factor, -size->power[i]);
    }
    double tens = size->tens;
    if (fabs(tens - nearbyint(tens)) < 1e-9)
        tens = nearbyint(tens);
    if (tens >= 0)
        return size->above * ten_power(tens) / size->below;
    return size->above / (size->below * ten_power(-tens));
}

static void rescale(struct unit *unit)
{
    struct size size = {0};
    size_add(&size, unit, 1);
    unit->scale = size_value(&size);
}

static enum err add_atom(struct unit *unit, int atom, double power)
{
    size_t at = 0;
    while (at < unit->atom_count && unit->atoms[at].atom != atom)
        at++;
    if (at == unit->atom_count) {
        if (at == UNIT_ATOMS_MAX)
            return err_set(ERR_RANGE, "a unit of more than %d different names",
                           UNIT_ATOMS_MAX);
        unit->atoms[at].atom = atom;
        unit->atoms[at].power = 0;
        unit->atom_count++;
    }
    if (fabs(unit->atoms[at].power + power) > 99)
        return err_set(ERR_RANGE, "a unit with an exponent above 99");
    unit->atoms[at].power += power;
    for (int d = 0; d < UNIT_DIMENSIONS; d++)
        unit->exponent[d] += power * atom_name(atom)->exponent[d];
    if (fabs(unit->atoms[at].power) < 1e-12) {
        for (size_t i = at + 1; i < unit->atom_count; i++)
            unit->atoms[i - 1] = unit->atoms[i];
        unit->atom_count--;
        unit->atoms[unit->atom_count].atom = 0;
        unit->atoms[unit->atom_count].power = 0;
    }
    return ERR_OK;
}

/* --- reading -------------------------------------------------------------------- */

struct reader {
    const char *text, *end, *at;
    int depth;
    struct unit unit;
};

#define SHOWN(r) (int)((r)->end - (r)->text > 60 ? 60 : (r)->end - (r)->text), (r)->text

static bool is_name_byte(char c)
{
    return isalpha((unsigned char)c) || c == '_' || c == '%' || (unsigned char)c >= 0x80;
}

/* Suggestions stay with the prefixes of the ward: nobody means a megagram. */
static bool is_common_prefix(const char *prefix)
{
    return strlen(prefix) < 2 && !strpbrk(prefix, "TGMhf");
}

static enum err unknown_name(const char *name, size_t size)
{
    char best[32] = "";
    size_t least = 5;
    for (size_t n = 1; n < NAME_COUNT; n++)
        for (size_t p = 0; p < (names[n].prefixed ? PREFIX_COUNT : 1); p++) {
            char full[32];
            if (!is_common_prefix(prefixes[p].text))
                continue;
            snprintf(full, sizeof full, "%s%s", prefixes[p].text, names[n].name);
            size_t distance = spelling_distance(name, size, full, strlen(full));
            if (distance < least && distance < 2 * size) {
                least = distance;
                snprintf(best, sizeof best, "%s", full);
            }
        }
    static const char *const words[][2] = {
        {"hour", "h"},       {"hours", "h"},   {"hrs", "h"},       {"minute", "min"},
        {"minutes", "min"},  {"mins", "min"},  {"second", "s"},    {"seconds", "s"},
        {"gram", "g"},       {"grams", "g"},   {"litre", "L"},     {"litres", "L"},
        {"liter", "L"},      {"liters", "L"},  {"metre", "m"},     {"meter", "m"},
        {"percent", "%"},    {"kilo", "kg"},   {"kilogram", "kg"}, {"milligram", "mg"},
        {"microgram", "ug"}, {"gm", "g"},      {"yrs", "yr"},      {"units", "[iU]"},
        {"Cel", "K"},        {"celsius", "K"}, {"degC", "K"},      {"mgs", "mg"},
    };
    err_set(ERR_FORMAT, "'%.*s' is not a known unit", (int)(size > 40 ? 40 : size), name);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i][0]) == size && strncasecmp(words[i][0], name, size) == 0)
            return err_hint(
                strcmp(words[i][1], "K") == 0
                    ? "temperatures are kept in %s: degrees Celsius have another "
                      "zero"
                    : "write %s",
                words[i][1]);
    if (best[0])
        return err_hint("the nearest known name is %s", best);
    return err_hint("words that only say what is counted go in braces: {beats}/min");
}

static bool find_name(const char *name, size_t size, int *atom)
{
    for (size_t p = 0; p < PREFIX_COUNT; p++) {
        size_t skip = strlen(prefixes[p].text);
        if (skip >= size || memcmp(name, prefixes[p].text, skip) != 0)
            continue;
        for (size_t n = 1; n < NAME_COUNT; n++)
            if ((p == 0 || names[n].prefixed) && strlen(names[n].name) == size - skip &&
                memcmp(name + skip, names[n].name, size - skip) == 0) {
                *atom = atom_of(n, p);
                return true;
            }
    }
    return false;
}

/* An exponent, written m2, m-2, m^2, kg^0.75 or 10*3. Exponents beyond 99 are refused. */
static enum err read_exponent(struct reader *r, bool ten, double *power)
{
    const char *p = r->at;
    bool marked =
        p < r->end && (*p == '^' || (ten && (*p == '*' || *p == 'e' || *p == 'E')));
    if (marked)
        p++;
    double sign = 1, value = 0, divisor = 1;
    if (p < r->end && (*p == '-' || *p == '+'))
        sign = *p++ == '-' ? -1 : 1;
    const char *digits = p;
    for (; p < r->end && isdigit((unsigned char)*p) && p - digits < 3; p++)
        value = 10 * value + (*p - '0');
    if (p == digits) {
        if (marked || sign < 0)
            return err_set(ERR_FORMAT, "unit '%.*s' has an exponent without a number",
                           SHOWN(r));
        return ERR_OK;
    }
    if (marked && p + 1 < r->end && *p == '.' && isdigit((unsigned char)p[1]))
        for (p++; p < r->end && isdigit((unsigned char)*p) && divisor < 1e12; p++) {
            value = 10 * value + (*p - '0');
            divisor *= 10;
        }
    value /= divisor;
    if (value > 99 || (p < r->end && isdigit((unsigned char)*p)))
        return err_set(ERR_FORMAT, "unit '%.*s' has an exponent that cannot be read",
                       SHOWN(r));
    *power = sign * value;
    r->at = p;
    return ERR_OK;
}

static enum err read_number(struct reader *r, double sign)
{
    const char *digits = r->at;
    double power = 0;
    while (r->at < r->end && isdigit((unsigned char)*r->at))
        r->at++;
    size_t count = (size_t)(r->at - digits);
    bool tens = digits[0] == '1' && count <= 20;
    for (size_t i = 1; i < count; i++)
        tens = tens && digits[i] == '0';
    if (!tens || (r->at < r->end && *r->at == '.' && r->at + 1 < r->end &&
                  isdigit((unsigned char)r->at[1]))) {
        err_set(ERR_FORMAT, "unit '%.*s' holds a number that is no power of ten",
                SHOWN(r));
        return err_hint("a norm such as 1.73 m2 goes in braces: mL/min/{1.73_m2}");
    }
    power = (double)(count - 1);
    if (count == 2) {
        double written = 1;
        enum err refused = read_exponent(r, true, &written);
        if (refused)
            return refused;
        power = written;
    }
    return power != 0 ? add_atom(&r->unit, atom_of(UNIT_TEN, 0), sign * power) : ERR_OK;
}

static enum err read_term(struct reader *r, double sign);

static enum err read_product(struct reader *r, double sign)
{
    double side = sign;
    if (r->at < r->end && *r->at == '/') {
        side = -sign;
        r->at++;
    }
    for (;;) {
        enum err refused = read_term(r, side);
        if (refused)
            return refused;
        if (r->at == r->end || *r->at == ')')
            return ERR_OK;
        if (*r->at != '/' && *r->at != '*' && *r->at != '.')
            return err_set(ERR_FORMAT, "unit '%.*s' cannot be read after '%.*s'",
                           SHOWN(r), (int)(r->at - r->text > 40 ? 40 : r->at - r->text),
                           r->text);
        side = *r->at == '/' ? -sign : sign;
        r->at++;
    }
}

static enum err read_name(struct reader *r, double sign)
{
    const char *name = r->at;
    for (int inside = 0; r->at < r->end; r->at++) {
        inside += *r->at == '[';
        if (!inside && !is_name_byte(*r->at)) {
            /* cmH2O has a digit inside. */
            if (!(r->end - r->at >= 2 && r->at > name && r->at[-1] == 'H' &&
                  r->at[0] == '2' && r->at[1] == 'O'))
                break;
        }
        inside -= *r->at == ']';
    }
    int atom = 0;
    double power = 1;
    if (!find_name(name, (size_t)(r->at - name), &atom))
        return unknown_name(name, (size_t)(r->at - name));
    enum err refused = read_exponent(r, false, &power);
    if (refused)
        return refused;
    return power != 0 ? add_atom(&r->unit, atom, sign * power) : ERR_OK;
}

static enum err read_braces(struct reader *r)
{
    while (r->at < r->end && *r->at != '}')
        r->at++;
    if (r->at == r->end)
        return err_set(ERR_FORMAT, "unit '%.*s' lacks a closing brace", SHOWN(r));
    r->at++;
    return ERR_OK;
}

static enum err read_term(struct reader *r, double sign)
{
    enum err refused = ERR_OK;
    if (r->at == r->end)
        return err_set(ERR_FORMAT, "unit '%.*s' ends where a name is missing", SHOWN(r));
    if (*r->at == '(') {
        if (++r->depth > 8)
            return err_set(ERR_FORMAT, "unit '%.*s' is nested too deep", SHOWN(r));
        r->at++;
        refused = read_product(r, sign);
        if (!refused && (r->at == r->end || *r->at != ')'))
            return err_set(ERR_FORMAT, "unit '%.*s' lacks a closing parenthesis",
                           SHOWN(r));
        r->at++;
        r->depth--;
    } else if (isdigit((unsigned char)*r->at)) {
        refused = read_number(r, sign);
    } else if (*r->at == '{') {
        return read_braces(r);
    } else if (is_name_byte(*r->at) || *r->at == '[') {
        refused = read_name(r, sign);
    } else {
        return err_set(ERR_FORMAT, "unit '%.*s' cannot be read", SHOWN(r));
    }
    if (!refused && r->at < r->end && *r->at == '{')
        return read_braces(r);
    return refused;
}

enum err unit_parse(const char *text, size_t size, struct unit *unit)
{
    if (size == 0 || size > 120)
        return err_set(ERR_FORMAT, "a unit of %zu characters, 1 to 120 are read", size);
    for (size_t i = 0; i < sizeof habits / sizeof habits[0]; i++)
        if (strlen(habits[i].written) == size && !memcmp(habits[i].written, text, size)) {
            text = habits[i].meant;
            size = strlen(text);
            break;
        }
    struct reader r = {text, text + size, text, 0, UNIT_ONE};
    enum err refused = read_product(&r, 1);
    if (refused)
        return refused;
    if (r.at != r.end)
        return err_set(ERR_FORMAT, "unit '%.*s' has an unpaired parenthesis", SHOWN(&r));
    rescale(&r.unit);
    *unit = r.unit;
    return ERR_OK;
}

/* --- arithmetic ----------------------------------------------------------------- */

bool unit_same_dimension(const struct unit *a, const struct unit *b)
{
    for (int d = 0; d < UNIT_DIMENSIONS; d++)
        if (fabs(a->exponent[d] - b->exponent[d]) > 1e-9)
            return false;
    return true;
}

enum err unit_factor(const struct unit *from, const struct unit *to, double *factor)
{
    if (!unit_same_dimension(from, to)) {
        char a[128], b[128];
        unit_format(from, a, sizeof a);
        unit_format(to, b, sizeof b);
        return err_set(ERR_RANGE, "%s cannot be converted to %s", a, b);
    }
    struct size size = {0};
    size_add(&size, from, 1);
    size_add(&size, to, -1);
    *factor = size_value(&size);
    return ERR_OK;
}

static enum err combine(const struct unit *a, const struct unit *b, double sign,
                        struct unit *result)
{
    struct unit c = *a;
    for (size_t i = 0; i < b->atom_count; i++) {
        enum err refused = add_atom(&c, b->atoms[i].atom, sign * b->atoms[i].power);
        if (refused)
            return refused;
    }
    rescale(&c);
    *result = c;
    return ERR_OK;
}

enum err unit_multiply(const struct unit *a, const struct unit *b, struct unit *product)
{
    return combine(a, b, 1, product);
}

enum err unit_divide(const struct unit *a, const struct unit *b, struct unit *quotient)
{
    return combine(a, b, -1, quotient);
}

enum err unit_power(const struct unit *a, double power, struct unit *result)
{
    struct unit c = UNIT_ONE;
    if (!(fabs(power) <= 99))
        return err_set(ERR_RANGE, "a unit to the power %g, at most 99 is kept", power);
    for (size_t i = 0; power != 0 && i < a->atom_count; i++) {
        enum err refused = add_atom(&c, a->atoms[i].atom, a->atoms[i].power * power);
        if (refused)
            return refused;
    }
    rescale(&c);
    *result = c;
    return ERR_OK;
}

/* Two names for the same thing, one of which can go. A kilogram under a line is as a rule
 * a person's: mg/kg is no share of a million. Shares and counts (%, 10^9) are themselves.
 */
static bool is_duplicate(int atom, int other)
{
    static const signed char none[UNIT_DIMENSIONS];
    const struct unit_name *a = atom_name(atom), *b = atom_name(other);
    bool kilogram = atom == atom_of(UNIT_GRAM, PREFIX_KILO) ||
                    other == atom_of(UNIT_GRAM, PREFIX_KILO);
    return memcmp(a->exponent, b->exponent, sizeof a->exponent) == 0 &&
           memcmp(a->exponent, none, sizeof none) != 0 && !kilogram;
}

enum err unit_tidy(const struct unit *a, struct unit *tidied)
{
    struct unit c = UNIT_ONE;
    for (size_t i = 0; i < a->atom_count; i++) {
        int atom = a->atoms[i].atom;
        for (size_t j = 0; j < i; j++)
            if (is_duplicate(atom, a->atoms[j].atom)) {
                atom = a->atoms[j].atom;
                break;
            }
        enum err refused = add_atom(&c, atom, a->atoms[i].power);
        if (refused)
            return refused;
    }
    rescale(&c);
    *tidied = c;
    return ERR_OK;
}

/* --- writing -------------------------------------------------------------------- */

static size_t write_side(const struct unit *unit, double sign, char *text, size_t size)
{
    size_t at = 0;
    text[0] = 0;
    for (size_t i = 0; i < unit->atom_count; i++) {
        int atom = unit->atoms[i].atom;
        double power = sign * unit->atoms[i].power;
        if (power <= 0 || at + 40 > size)
            continue;
        at += (size_t)snprintf(text + at, size - at, "%s%s%s", at ? "*" : "",
                               atom_prefix(atom)->text, atom_name(atom)->name);
        if (power != 1)
            at += (size_t)snprintf(text + at, size - at, "^%.10g", power);
    }
    return at;
}

void unit_format(const struct unit *unit, char *text, size_t size)
{
    char above[400], below[400];
    size_t over = write_side(unit, 1, above, sizeof above);
    size_t under = write_side(unit, -1, below, sizeof below);
    if (!under)
        snprintf(text, size, "%s", over ? above : "1");
    else if (strchr(below, '*'))
        snprintf(text, size, "%s/(%s)", over ? above : "1", below);
    else
        snprintf(text, size, "%s/%s", over ? above : "1", below);
}

const char *unit_shown(const char *unit)
{
    return strcmp(unit, "1") == 0 ? "" : unit;
}

char *unit_number(double value, const char *unit)
{
    const char *shown = unit_shown(unit);
    return mem_format(*shown ? "%.4g %s" : "%.4g", value, shown);
}

char *unit_label(const char *name, const char *unit)
{
    const char *shown = unit_shown(unit);
    return mem_format(*shown ? "%s (%s)" : "%s", name, shown);
}

enum err unit_convert(const char *from, const char *to, double *factor)
{
    struct unit a, b;
    enum err refused = unit_parse(from, strlen(from), &a);
    if (!refused)
        refused = unit_parse(to, strlen(to), &b);
    return refused ? refused : unit_factor(&a, &b, factor);
}
