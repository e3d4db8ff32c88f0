#include "sight.h"

#include <float.h>
#include <math.h>

#include "numerics/elementary.h"

/* Gauss' rule of 7 points inside Kronrod's of 15, and the ends of the piece. */
#define SAMPLES SIGHT_SAMPLES
static const double kronrod_nodes[] = {
    0.991455371120812639206854697526329, 0.949107912342758524526189684047851,
    0.864864423359769072789712788640926, 0.741531185599394439863864773280788,
    0.586087235467691130294144838258730, 0.405845151377397166906606412076961,
    0.207784955007898467600689403773245, 0};
static const double kronrod_weights[] = {
    0.022935322010529224963732008058970, 0.063092092629978553290700663189204,
    0.104790010322250183839876322541518, 0.140653259715525918745189590510238,
    0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
    0.204432940075298892414161999234649, 0.209482141084727828012999174891714};
static const double gauss_weights[] = {
    0, 0.129484966168869693270611432679082, 0, 0.279705391489276667901467771423780,
    0, 0.381830050505118944950369775488975, 0, 0.417959183673469387755102040816327};

/* Between an end and the node next to it neither rule looks. How far the value at the end
 * is from where the five nodes next to it would have it, by the polynomial through them,
 * says of a jump or a kink in there: to the nodes from an end on. */
static const double end_weights[] = {1.3547184258529001, -0.4595218362646137,
                                     0.12687734421730304, -0.02445575576182183,
                                     0.0023818219562323968};
#define END_NODES 5

/* Of sample i, in how far the first value is from there. */
static double end_weight(size_t i)
{
    return i == 0 ? 1 : i <= END_NODES ? -end_weights[i - 1] : 0;
}

void sight_times(double a, double b, double *t)
{
    t[0] = a;
    t[SAMPLES - 1] = b;
    for (size_t i = 0; i < 15; i++) {
        double node = i < 7 ? -kronrod_nodes[i] : kronrod_nodes[14 - i];
        t[i + 1] = (a + b) / 2 + (b - a) / 2 * node;
    }
}

/* --- rules, eight courses at once ----------------------------------------------------
 */

size_t sight_width(const struct model *model)
{
    return model->syntax->functional_count + 2 * model->program->comparison_count;
}

size_t sight_ruled(const struct model *model)
{
    return model->syntax->functional_count + model->program->comparison_count;
}

/* Of one value, or of its difference to the one behind it. */
LANES_INLINE void rule_of_rows(const double *t, const double *values, bool difference,
                               double *out, enum simd simd)
{
    double gauss[LANES] = {0}, kronrod[LANES] = {0}, size[LANES] = {0}, low[LANES],
           high[LANES], first[LANES] = {0}, last[LANES] = {0};
    (void)simd;
    ROW_LANES low[l] = INFINITY;
    ROW_LANES high[l] = -INFINITY;
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t node = i < 8 ? i - 1 : 15 - i;
        bool inside = i > 0 && i < SAMPLES - 1;
        double k = inside ? kronrod_weights[node] : 0,
               g = inside ? gauss_weights[node] : 0;
        const double begin = end_weight(i), end = end_weight(SAMPLES - 1 - i);
        const double *at = values + i * LANES, *other = at + SAMPLES * LANES;
        ROW_LANES
        {
            double one = difference ? at[l] - other[l] : at[l], large = fabs(one);
            kronrod[l] = fma(k, one, kronrod[l]);
            gauss[l] = fma(g, one, gauss[l]);
            first[l] = fma(begin, one, first[l]);
            last[l] = fma(end, one, last[l]);
            size[l] = elementary_if((large > size[l]) | (large != large), large, size[l]);
            low[l] = elementary_if(one < low[l], one, low[l]);
            high[l] = elementary_if(one > high[l], one, high[l]);
        }
    }
    ROW_LANES
    {
        double half = (t[(SAMPLES - 1) * LANES + l] - t[l]) / 2;
        double gap = t[LANES + l] - t[l];
        out[RULE_GAUSS * LANES + l] = half * gauss[l];
        out[RULE_ENDS * LANES + l] = gap * (fabs(first[l]) + fabs(last[l]));
        out[RULE_KRONROD * LANES + l] = half * kronrod[l];
        out[RULE_SIZE * LANES + l] = size[l];
        out[RULE_LOW * LANES + l] = low[l];
        out[RULE_HIGH * LANES + l] = high[l];
    }
}

LANES_KINDS(rule_of, simd,
            (const double *t, const double *values, bool difference, double *out,
             enum simd simd),
            t, values, difference, out, simd)

void sight_rules(const struct model *model, const bool *wanted, const double *t,
                 const double *values, double *rules, enum simd simd)
{
    size_t functionals = model->syntax->functional_count;
    for (size_t i = 0; i < sight_ruled(model); i++) {
        size_t value = i < functionals ? i : 2 * i - functionals;
        size_t of = i < functionals ? i : model->program->comparison_of[i - functionals];
        if (wanted[of])
            rule_of(t, values + value * SAMPLES * LANES, i >= functionals,
                    rules + i * RULES * LANES, simd);
    }
}

double sight_value(const struct sight *sight, size_t value, size_t i)
{
    return sight->values[(value * SAMPLES + i) * LANES];
}

double sight_rule(const struct sight *sight, size_t ruled, enum sight_rule rule)
{
    return sight->rules[(ruled * RULES + (size_t)rule) * LANES];
}

double sight_squares(const struct sight *sight, size_t value, double shift)
{
    double half = (sight->t[SAMPLES - 1] - sight->t[0]) / 2, sum = 0;
    for (size_t i = 0; i < 15; i++) {
        double one = sight_value(sight, value, i + 1) - shift;
        sum += kronrod_weights[i < 7 ? i : 14 - i] * one * one;
    }
    return half * sum;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

void sight_slopes(const struct sight *sight, size_t count, double *room,
                  struct sight_sums *sums)
{
    double half = (sight->t[SAMPLES - 1] - sight->t[0]) / 2,
           gap = sight->t[1] - sight->t[0];
    for (size_t k = 0; k < count; k++)
        sums[k] = (struct sight_sums){.size = sums[k].size};
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t node = i < 8 ? i - 1 : 15 - i;
        bool inside = i > 0 && i < SAMPLES - 1;
        double weight = inside ? half * kronrod_weights[node] : 0,
               less = inside ? weight - half * gauss_weights[node] : 0;
        sight->slopes(sight->context, sight->t[i], room);
        for (size_t k = 0; k < count; k++) {
            sums[k].integral += weight * room[k];
            sums[k].off += less * room[k];
            sums[k].first += gap * end_weight(i) * room[k];
            sums[k].last += gap * end_weight(SAMPLES - 1 - i) * room[k];
            sums[k].size = larger(fabs(room[k]), sums[k].size);
        }
    }
    for (size_t k = 0; k < count; k++)
        sums[k].off = fabs(sums[k].off) + fabs(sums[k].first) + fabs(sums[k].last);
}

static size_t functionals_of(const struct sight *sight)
{
    return sight->model->syntax->functional_count;
}

static double value_at(const struct sight *sight, double t, size_t functional)
{
    sight->look(sight->context, t, sight->probe);
    return sight->probe[functional];
}

/* Left minus right of a comparison. */
static double margin(const struct sight *sight, size_t comparison, size_t i)
{
    size_t side = functionals_of(sight) + 2 * comparison;
    return sight_value(sight, side, i) - sight_value(sight, side + 1, i);
}

/* --- extremes ----------------------------------------------------------------------- */

#define GOLDEN 0.3819660112501051

/* Between two times with a lower value between them: to the vertex of the parabola
 * through all three, or, every third time, and where that is not inside, by the golden
 * section. */
static void search_least(const struct sight *sight, size_t functional, double sign,
                         size_t middle, struct lowest *lowest)
{
    size_t before = middle ? middle - 1 : middle,
           after = middle + 1 < SAMPLES ? middle + 1 : middle;
    double a = sight->t[before], x = sight->t[middle], b = sight->t[after];
    double at_a = sign * sight_value(sight, functional, before),
           at_x = sign * sight_value(sight, functional, middle),
           at_b = sign * sight_value(sight, functional, after);
    double near = 1e-8 * (b - a) + 8 * DBL_EPSILON * fabs(x);
    bool edge = before == middle || after == middle;
    if (edge) { /* does it still fall towards the inside? */
        double u = before == middle ? x + near / 4 : x - near / 4;
        if (!(sign * value_at(sight, u, functional) < at_x))
            return;
    }
    for (int i = 0; i < 80 && b - a > near; i++) {
        double left = (x - a) * (at_x - at_b), right = (x - b) * (at_x - at_a);
        double u = x - ((x - a) * left - (x - b) * right) / (2 * (left - right));
        if (i % 3 == 2 || !(u > a && u < b))
            u = x - a > b - x ? x - GOLDEN * (x - a) : x + GOLDEN * (b - x);
        if (fabs(u - x) < near / 4)
            u = x - a > b - x ? x - near / 4 : x + near / 4;
        double at_u = sign * value_at(sight, u, functional);
        bool lower = at_u < at_x, earlier = u < x;
        double end = lower ? x : u, at_end = lower ? at_x : at_u;
        if (lower == earlier) {
            b = end;
            at_b = at_end;
        } else {
            a = end;
            at_a = at_end;
        }
        x = lower ? u : x;
        at_x = lower ? at_u : at_x;
    }
    if (at_x < lowest->value) {
        lowest->value = at_x;
        lowest->time = x;
    }
}

/* Between neighbours a smooth value falls by no more than it differs from them. */
void sight_least(const struct sight *sight, size_t functional, double sign,
                 struct lowest *lowest)
{
    double seen[SAMPLES];
    double low = sight_rule(sight, functional, RULE_LOW),
           high = sight_rule(sight, functional, RULE_HIGH);
    if ((sign > 0 ? low : -high) - (high - low) > lowest->value)
        return;
    for (size_t i = 0; i < SAMPLES; i++) {
        seen[i] = sign * sight_value(sight, functional, i);
        if (seen[i] < lowest->value) {
            lowest->value = seen[i];
            lowest->time = sight->t[i];
        }
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        double value = seen[i], left = seen[i ? i - 1 : i],
               right = seen[i + 1 < SAMPLES ? i + 1 : i];
        bool bottom = value <= left && value <= right;
        bool may = value - larger(left - value, right - value) <= lowest->value;
        if (bottom && may && larger(left, right) > value)
            search_least(sight, functional, sign, i, lowest);
    }
}

/* --- conditions --------------------------------------------------------------------- */

/* Times of the piece at which a condition is known, ascending. */
struct known {
    double t[SIGHT_STRETCHES_MAX + 1];
    bool holds[SIGHT_STRETCHES_MAX + 1];
    size_t count;
};

static void know(struct known *known, double t, bool holds)
{
    size_t at = known->count++;
    for (; at > 0 && known->t[at - 1] > t; at--) {
        known->t[at] = known->t[at - 1];
        known->holds[at] = known->holds[at - 1];
    }
    known->t[at] = t;
    known->holds[at] = holds;
}

/* Is a margin further from 0 than it could come between samples? */
static bool is_far(const struct sight *sight, size_t ruled)
{
    double low = sight_rule(sight, ruled, RULE_LOW),
           high = sight_rule(sight, ruled, RULE_HIGH);
    return low > high - low || -high > high - low;
}

/* Where a margin comes near 0 between samples, and goes back: at the vertex of the
 * parabola through three of them it may have crossed. */
static void know_dips(const struct sight *sight, size_t functional, struct known *known)
{
    const double *t = sight->t;
    for (size_t c = 0; c < sight->model->program->comparison_count; c++) {
        if (sight->model->program->comparison_of[c] != functional ||
            is_far(sight, functionals_of(sight) + c))
            continue;
        for (size_t i = 1; i + 1 < SAMPLES && known->count < SIGHT_STRETCHES_MAX; i++) {
            double a = margin(sight, c, i - 1), b = margin(sight, c, i),
                   d = margin(sight, c, i + 1);
            bool dip = a * b > 0 && b * d > 0 && fabs(b) <= fabs(a) && fabs(b) <= fabs(d);
            double low = (b - a) / (t[i] - t[i - 1]), high = (d - b) / (t[i + 1] - t[i]);
            double bend = (high - low) / (t[i + 1] - t[i - 1]);
            double vertex = (t[i - 1] + t[i]) / 2 - low / (2 * bend);
            if (!dip || !(vertex > t[i - 1] && vertex < t[i + 1]) || vertex == t[i])
                continue;
            bool holds = value_at(sight, vertex, functional) != 0;
            know(known, vertex, holds);
        }
    }
}

/* A comparison of a condition, and by how much its sides differ where it is searched. */
struct crossing {
    size_t left_side; /* among what is shown; 0: more than one turns here, or none */
    double at_left, at_right;
};

static struct crossing find_crossing(const struct sight *sight, size_t functional,
                                     double left, double right)
{
    struct crossing out = {0};
    double at_left[MODEL_COMPARISONS_MAX];
    size_t turns = 0;
    (void)value_at(sight, left, functional);
    const double *sides = sight->probe + functionals_of(sight);
    for (size_t c = 0; c < sight->model->program->comparison_count; c++)
        at_left[c] = sides[2 * c] - sides[2 * c + 1];
    (void)value_at(sight, right, functional);
    for (size_t c = 0; c < sight->model->program->comparison_count; c++) {
        double at_right = sides[2 * c] - sides[2 * c + 1];
        if (sight->model->program->comparison_of[c] != functional ||
            (at_left[c] > 0) == (at_right > 0))
            continue;
        turns++;
        out = (struct crossing){functionals_of(sight) + 2 * c, at_left[c], at_right};
    }
    return turns == 1 ? out : (struct crossing){0};
}

/* When between two times the condition turns from what it is at the first: by false
 * position on the comparison that turns (the end that stays counts half: Illinois), or,
 * every third time, and where that is not one, by the middle. */
static double turn(const struct sight *sight, size_t functional, double left,
                   double right, bool at_left)
{
    struct crossing one = find_crossing(sight, functional, left, right);
    double near = 1e-14 * (right - left) + 8 * DBL_EPSILON * fabs(right);
    int moved = 0;
    for (int i = 0; i < 200 && right - left > near; i++) {
        double share = one.at_left / (one.at_left - one.at_right);
        bool straight = one.left_side && i % 3 != 2 && share > 0 && share < 1;
        double t = left + (straight ? share : 0.5) * (right - left);
        t = fmin(fmax(t, left + near / 4), right - near / 4);
        if (!(t > left && t < right))
            break;
        bool same = (value_at(sight, t, functional) != 0) == at_left;
        double off = one.left_side
                         ? sight->probe[one.left_side] - sight->probe[one.left_side + 1]
                         : 0;
        if (same) {
            left = t;
            one.at_left = off;
            one.at_right /= moved > 0 ? 2 : 1;
        } else {
            right = t;
            one.at_right = off;
            one.at_left /= moved < 0 ? 2 : 1;
        }
        moved = same ? 1 : -1;
    }
    return right;
}

/* Does nothing turn in this piece? */
static bool is_settled(const struct sight *sight, size_t functional)
{
    bool settled = sight_rule(sight, functional, RULE_LOW) ==
                   sight_rule(sight, functional, RULE_HIGH);
    for (size_t c = 0; settled && c < sight->model->program->comparison_count; c++)
        settled = sight->model->program->comparison_of[c] != functional ||
                  is_far(sight, functionals_of(sight) + c);
    return settled;
}

size_t sight_holds(const struct sight *sight, size_t functional, struct stretch *holds)
{
    struct known known = {.count = 0};
    size_t count = 0;
    if (is_settled(sight, functional)) {
        holds[0] = (struct stretch){sight->t[0], sight->t[SAMPLES - 1]};
        return sight_value(sight, functional, 0) != 0;
    }
    for (size_t i = 0; i < SAMPLES; i++)
        know(&known, sight->t[i], sight_value(sight, functional, i) != 0);
    know_dips(sight, functional, &known);
    for (size_t i = 0; i + 1 < known.count; i++) {
        double from = known.t[i], to = known.t[i + 1];
        bool before = known.holds[i], after = known.holds[i + 1];
        double at = before == after ? to : turn(sight, functional, from, to, before);
        if (before)
            holds[count++] = (struct stretch){from, at};
        else if (after)
            holds[count++] = (struct stretch){at, to};
    }
    return count;
}
