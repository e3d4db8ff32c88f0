#include "crossing.h"

#include <float.h>
#include <math.h>

#include "base/memory.h"

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

/* How far the gap in the middle place is from where the others would have it. */
static double missed(const double *gaps, size_t stride)
{
    const double *at = crossing_places;
    size_t middle = CROSSING_LOOKS / 2;
    double miss = gaps[middle * stride];
    for (size_t i = 0; i < CROSSING_LOOKS; i++) {
        double weight = i != middle;
        for (size_t j = 0; j < CROSSING_LOOKS; j++)
            if (j != i && j != middle)
                weight *= (at[middle] - at[j]) / (at[i] - at[j]);
        miss -= weight * gaps[i * stride];
    }
    return fabs(miss);
}

/* And how far each is from the line through those beside it. */
static double bent(const double *gaps, size_t stride, size_t i)
{
    const double *at = crossing_places;
    double before = gaps[(i - 1) * stride], after = gaps[(i + 1) * stride];
    double share = (at[i] - at[i - 1]) / (at[i + 1] - at[i - 1]);
    return fabs(gaps[i * stride] - before - share * (after - before));
}

bool crossing_may(const struct mode_span *span, const double *gaps, size_t stride)
{
    double miss = 2 * missed(gaps, stride);
    bool may = false;
    for (size_t i = 1; i < CROSSING_LOOKS; i++) {
        size_t inner = i + 1 < CROSSING_LOOKS ? i : i - 1;
        double gap = gaps[i * stride], near = miss + bent(gaps, stride, inner);
        may |= !(span_holds(span, gap - near) && span_holds(span, gap + near));
    }
    return may;
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
 * position of which neither end stays for long (Illinois), and halves. At the end of the
 * span, if that lies in between, and not where the slack ends: of a gap that is flat
 * there, as a third power, the two are far apart in time. */
static double close_in(const struct seen *seen, size_t mode, double in, double out)
{
    const struct mode_span *span = &seen->spans[mode];
    double there = gap_at(seen, mode, out), here = gap_at(seen, mode, in);
    double level = there > span->to ? span->to : span->from;
    double known = KNOWN_SHARE * (seen->end - seen->begun) +
                   KNOWN_ULPS * DBL_EPSILON * fmax(fabs(in), fabs(out));
    there -= level;
    here -= level;
    for (int round = 0; round < ROUNDS_MAX && out - in > known; round++) {
        double share = here / (here - there);
        bool halves = round % 3 == 2 || !(share > 0 && share < 1);
        double t = halves ? in + (out - in) / 2 : in + share * (out - in);
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

/* The first of this mode between two times. */
static bool find_of(const struct seen *seen, size_t mode, double from, double to,
                    int halves, struct crossing *crossing)
{
    const struct mode_span *span = &seen->spans[mode];
    double gaps[CROSSING_LOOKS], middle = from + (to - from) / 2;
    for (size_t i = 0; i < CROSSING_LOOKS; i++)
        gaps[i] = gap_at(seen, mode, place_in(from, to, i));
    if (!crossing_may(span, gaps, 1))
        return false;
    size_t out = first_out(span, gaps);
    if (halves < HALVES_MAX && !(out < CROSSING_LOOKS && is_plain(gaps)))
        return find_of(seen, mode, from, middle, halves + 1, crossing) ||
               find_of(seen, mode, middle, to, halves + 1, crossing);
    if (out == CROSSING_LOOKS)
        return false;
    double in = place_in(from, to, out - 1), beyond = place_in(from, to, out);
    double time = close_in(seen, mode, in, beyond);
    if (time < crossing->time)
        *crossing = (struct crossing){mode, gaps[out] > span->to, time};
    return true;
}

bool crossing_find(struct evaluator *evaluator, double begun, double end,
                   crossing_look *look, void *context, double *x,
                   struct crossing *crossing)
{
    size_t modes = evaluator_modes(evaluator);
    *crossing = (struct crossing){.time = INFINITY};
    if (modes == 0 || !(end > begun))
        return false;
    double *gaps = mem_new(modes, sizeof *gaps);
    const struct seen seen = {
        evaluator, evaluator_spans(evaluator), begun, end, look, context, x, gaps};
    for (size_t m = 0; m < modes; m++)
        find_of(&seen, m, begun, end, 0, crossing);
    mem_free(gaps);
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
    ode_within(context, t, x, NULL);
}

enum err watch_step(struct watch *watch, double wall)
{
    double begun = watch->ahead;
    enum err err = ode_step(watch->ode, wall, &watch->ahead);
    if (err != ERR_OK)
        return err;
    watch->ahead = fmin(watch->ahead, wall);
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
