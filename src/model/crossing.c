#include "crossing.h"

#include <float.h>
#include <math.h>

#include "base/memory.h"
#include "numerics/elementary.h"

/* A crossing is known to this share of the step, or to the last bits of time. */
#define KNOWN_SHARE 1e-13
#define KNOWN_ULPS 4
#define ROUNDS_MAX 100
/* A step is halved so often at most to see what a gap does. */
#define HALVES_MAX 10
/* A gap runs through the end of its span once, where it falls or rises from place to
 * place and a cubic knows one of them from the others to this share of how far it comes.
 */
#define PLAIN_SHARE 0.1

/* How far the gap in the middle place is from where the others would have it: by
 * Lagrange's weights. (Here and below the places are written out, so that what is made
 * of them is a constant.) */
#define AWAY(i, j, k, l)                                                                 \
    ((0.47 - (j)) * (0.47 - (k)) * (0.47 - (l)) /                                        \
     (((i) - (j)) * ((i) - (k)) * ((i) - (l))))
LANES_INLINE double missed(const double *gaps, size_t stride)
{
    double others = AWAY(0, 0.22, 0.74, 1) * gaps[0];
    others = fma(AWAY(0.22, 0, 0.74, 1), gaps[stride], others);
    others = fma(AWAY(0.74, 0, 0.22, 1), gaps[3 * stride], others);
    others = fma(AWAY(1, 0, 0.22, 0.74), gaps[4 * stride], others);
    return fabs(gaps[2 * stride] - others);
}

/* A polynomial of order 4 lies, all the way, between the least and the greatest of its
 * five coefficients by Bernstein, of which the first and the last are where it begins and
 * ends (Farouki, Comput. Aided Geom. Des. 29:379, 2012): the three between, by its values
 * in the five places. */
static const double inner[3][CROSSING_LOOKS] = {
    {-1.2561163678184954, 3.897704859243321, -2.420565889052441, 0.9569480723326877,
     -0.17797067470507238},
    {0.9399951208461846, -3.8431653816269202, 6.288316953377839, -2.981285032567084,
     0.59613833996998},
    {-0.351181452245282, 1.5442890442890442, -3.015299522726259, 3.8259413259413257,
     -1.0037493952588292},
};

LANES_INLINE double coefficient(const double *gaps, size_t stride, size_t i)
{
    double sum = inner[i][0] * gaps[0];
    sum = fma(inner[i][1], gaps[stride], sum);
    sum = fma(inner[i][2], gaps[2 * stride], sum);
    sum = fma(inner[i][3], gaps[3 * stride], sum);
    return fma(inner[i][4], gaps[4 * stride], sum);
}

/* 1 where it is in its span so that nothing near it is out of it. */
LANES_INLINE double stays(double from, double to, double gap, double near)
{
    return elementary_if((gap - near >= from) & (gap + near <= to), 1, 0);
}

/* Is it in all of the step? Of what is no such polynomial, or of another order, `missed`
 * says how far it is from one. */
LANES_INLINE double stays_in(double from, double to, const double *gaps, size_t stride)
{
    const double near = missed(gaps, stride);
    return stays(from, to, coefficient(gaps, stride, 0), near) *
           stays(from, to, coefficient(gaps, stride, 1), near) *
           stays(from, to, coefficient(gaps, stride, 2), near) *
           stays(from, to, gaps[4 * stride], near);
}

bool crossing_may(const struct mode_span *span, const double *gaps, size_t stride)
{
    return stays_in(span->from - span->slack, span->to + span->slack, gaps, stride) == 0;
}

LANES_INLINE void stay_rows(const double *from, const double *to, const double *gaps,
                            size_t stride, double *out, enum simd simd)
{
    (void)simd;
    ROW_LANES out[l] = stays_in(from[l], to[l], gaps + l, stride);
}

LANES_KINDS(stay, simd,
            (const double *from, const double *to, const double *gaps, size_t stride,
             double *out, enum simd simd),
            from, to, gaps, stride, out, simd)

lane_set crossing_may_in(const double *from, const double *to, const double *gaps,
                         size_t stride, enum simd simd)
{
    LANES_ALIGNED double out[LANES];
    lane_set set = 0;
    stay(from, to, gaps, stride, out, simd);
    EACH_LANE set |= (lane_set)(out[l] == 0) << l;
    return set;
}

/* --- one step, by itself ------------------------------------------------------------ */

struct seen {
    struct evaluator *evaluator;
    const struct mode_span *spans;
    double begun, end;
    crossing_look *look;
    void *context;
    double *x, *gaps; /* [modes] room */
};

static double gap_at(const struct seen *seen, size_t mode, double t)
{
    seen->look(seen->context, t, seen->x);
    evaluator_gaps(seen->evaluator, t, seen->x, seen->gaps);
    return seen->gaps[mode];
}

/* Between `in`, where the gap is in its span, and `out`, where it is not: by the false
 * position of which neither end stays for long (Illinois), and halves; no nearer to
 * either end than a quarter of what is known, so that the other comes as near. At the end
 * of the span, if that lies in between, and not where the slack ends: of a gap that is
 * flat there, as a third power, the two are far apart in time. */
static double close_in(const struct seen *seen, size_t mode, double in, double here,
                       double out, double there)
{
    const struct mode_span *span = &seen->spans[mode];
    double level = there > span->to ? span->to : span->from;
    double known = KNOWN_SHARE * (seen->end - seen->begun) +
                   KNOWN_ULPS * DBL_EPSILON * fmax(fabs(in), fabs(out));
    there -= level;
    here -= level;
    for (int round = 0; round < ROUNDS_MAX && out - in > known; round++) {
        double share = here / (here - there);
        bool halves = round % 3 == 2 || !(share > 0 && share < 1);
        double t = in + (halves ? 0.5 : share) * (out - in);
        t = fmin(fmax(t, in + known / 4), out - known / 4);
        double gap = gap_at(seen, mode, t);
        bool between = here * there < 0;
        if (between ? (gap - level) * here > 0 : span_holds(span, gap)) {
            in = t;
            here = gap - level;
            there /= 2;
        } else {
            out = t;
            there = gap - level;
            here /= 2;
        }
    }
    return out;
}

/* The last place, too, is exactly where the step ends. */
static double place_in(double from, double to, size_t i)
{
    double share = crossing_places[i];
    return share < 1 ? from + share * (to - from) : to;
}

/* The first place out of the span, the first not asked about; CROSSING_LOOKS: none. */
static size_t first_out(const struct mode_span *span, const double *gaps)
{
    size_t i = 1;
    while (i < CROSSING_LOOKS && span_holds(span, gaps[i]))
        i++;
    return i;
}

static bool is_plain(const double *gaps)
{
    double rise = gaps[CROSSING_LOOKS - 1] - gaps[0];
    bool plain = missed(gaps, 1) <= PLAIN_SHARE * fabs(rise);
    for (size_t i = 1; i < CROSSING_LOOKS; i++)
        plain &= (gaps[i] - gaps[i - 1]) * rise > 0;
    return plain;
}

/* All gaps, in all places [CROSSING_LOOKS][modes]. */
static void look_at_all(const struct seen *seen, double from, double to, double *gaps)
{
    size_t modes = evaluator_modes(seen->evaluator);
    for (size_t i = 0; i < CROSSING_LOOKS; i++) {
        double t = place_in(from, to, i);
        seen->look(seen->context, t, seen->x);
        evaluator_gaps(seen->evaluator, t, seen->x, gaps + i * modes);
    }
}

static bool find_half(const struct seen *seen, size_t mode, double from, double to,
                      int halves, struct crossing *crossing);

/* The first of this mode between two times, its gap in all places known. */
static bool find_of(const struct seen *seen, size_t mode, double from, double to,
                    const double *gaps, int halves, struct crossing *crossing)
{
    const struct mode_span *span = &seen->spans[mode];
    double middle = from + (to - from) / 2;
    if (!crossing_may(span, gaps, 1))
        return false;
    size_t out = first_out(span, gaps);
    if (halves < HALVES_MAX && !(out < CROSSING_LOOKS && is_plain(gaps)))
        return find_half(seen, mode, from, middle, halves + 1, crossing) ||
               find_half(seen, mode, middle, to, halves + 1, crossing);
    if (out == CROSSING_LOOKS)
        return false;
    double time = close_in(seen, mode, place_in(from, to, out - 1), gaps[out - 1],
                           place_in(from, to, out), gaps[out]);
    if (time < crossing->time)
        *crossing = (struct crossing){mode, gaps[out] > span->to, time};
    return true;
}

static bool find_half(const struct seen *seen, size_t mode, double from, double to,
                      int halves, struct crossing *crossing)
{
    double gaps[CROSSING_LOOKS];
    for (size_t i = 0; i < CROSSING_LOOKS; i++)
        gaps[i] = gap_at(seen, mode, place_in(from, to, i));
    return find_of(seen, mode, from, to, gaps, halves, crossing);
}

bool crossing_find(struct evaluator *evaluator, double begun, double end,
                   crossing_look *look, void *context, double *x,
                   struct crossing *crossing)
{
    size_t modes = evaluator_modes(evaluator);
    *crossing = (struct crossing){.time = INFINITY};
    if (modes == 0 || !(end > begun))
        return false;
    double *room = mem_new((CROSSING_LOOKS + 1) * modes, sizeof *room);
    double *all = room + modes, gaps[CROSSING_LOOKS];
    const struct seen seen = {
        evaluator, evaluator_spans(evaluator), begun, end, look, context, x, room};
    look_at_all(&seen, begun, end, all);
    for (size_t m = 0; m < modes; m++) {
        for (size_t i = 0; i < CROSSING_LOOKS; i++)
            gaps[i] = all[i * modes + m];
        find_of(&seen, m, begun, end, gaps, 0, crossing);
    }
    mem_free(room);
    return crossing->time <= end;
}

/* --- a solver of its own steps -------------------------------------------------------
 */

void watch_begin(struct watch *watch, double t)
{
    watch->ahead = t;
    watch->turns = false;
}

static void look_within(void *context, double t, double *x)
{
    if (context)
        ode_within(context, t, x, NULL);
}

enum err watch_step(struct watch *watch, double wall)
{
    double begun = watch->ahead;
    enum err err = watch->ode ? ode_step(watch->ode, wall, &watch->ahead) : ERR_OK;
    if (err != ERR_OK)
        return err;
    watch->ahead = watch->ode ? fmin(watch->ahead, wall) : fmax(begun, wall);
    watch->turns = crossing_find(watch->evaluator, begun, watch->ahead, look_within,
                                 watch->ode, watch->x, &watch->next);
    if (watch->turns)
        watch->ahead = watch->next.time;
    return ERR_OK;
}

enum err watch_advance(struct watch *watch, double to, double wall, double *reached)
{
    enum err err = ERR_OK;
    *reached = to;
    if (evaluator_modes(watch->evaluator) == 0)
        return ERR_OK;
    while (err == ERR_OK && !watch->turns && watch->ahead < to)
        err = watch_step(watch, wall);
    *reached = fmin(to, watch->ahead);
    return err;
}
