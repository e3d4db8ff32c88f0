/* classic - the method of Runge and Kutta of order 4 (Kutta, Z. Math. Phys. 46:435, 1901)
 * in steps of one length, which end at that lane's start and whole numbers of it later:
 * for what repeats itself so that its step is known, as a heart's beat. A wall between
 * two of these places cuts a step in two. Inside a step Hermite's cubic through values
 * and rates of its ends, whose error is of order 4 as well.
 *
 * It has no estimate of its error: the step is the promise of whoever chose it. What is
 * not finite fails. */

#include <math.h>

#include "lanes_impl.h"

#define STAGES CLASSIC_STAGES

static const double node[STAGES] = {0, 0.5, 0.5, 1};

/* A place nearer to a step's end than this share of a step is that end. */
#define END_SHARE 1e-6

/* --- loops over rows, as in lanes.c
 * ----------------------------------------------------- */

LANES_INLINE void plan_rows(struct lanes *lanes)
{
    double step = lanes->system.step, *h = lanes->tried, *end = lanes->end;
    ROW_LANES
    {
        double next = fma(lanes->passed[l] + 1, step, lanes->origin[l]);
        double arrives = lanes->wall[l] <= next + END_SHARE * step ? lanes->moves[l] : 0;
        double to = arrives != 0 ? lanes->wall[l] : next;
        h[l] = lanes->moves[l] != 0 ? to - lanes->t[l] : 0;
        end[l] = lanes->moves[l] != 0 ? to : lanes->t[l];
    }
}

/* stage = y + share h k. */
LANES_INLINE void place_rows(const struct lanes *lanes, double share, const double *k,
                             double *stage)
{
    const double *y = lanes->y, *h = lanes->tried;
    double w[LANES];
    ROW_LANES w[l] = share * h[l];
    for (size_t i = 0; i < lanes->system.rows * LANES; i += LANES)
        ROW_LANES stage[i + l] = fma(w[l], k[i + l], y[i + l]);
}

/* The step's end, into `next` and `stage`; in lanes->error what is no number if it is not
 * finite, and 0. */
LANES_INLINE void finish_rows(struct lanes *lanes, double *stage)
{
    const double *h = lanes->tried, *y = lanes->y, *k0 = lanes->k[0], *k1 = lanes->k[1],
                 *k2 = lanes->k[2];
    const double *k3 = lanes->k[3];
    double *next = lanes->next, w[LANES], poison[LANES] = {0};
    ROW_LANES w[l] = h[l] / 6;
    for (size_t i = 0; i < lanes->system.rows * LANES; i += LANES)
        ROW_LANES
        {
            double inner = k1[i + l] + k2[i + l], outer = k0[i + l] + k3[i + l];
            double end = fma(w[l], fma(2, inner, outer), y[i + l]);
            next[i + l] = end;
            stage[i + l] = end;
            poison[l] += 0 * end;
        }
    ROW_LANES lanes->error[l] = poison[l];
}

LANES_INLINE void judge_rows(struct lanes *lanes)
{
    const double *h = lanes->tried, *end = lanes->end;
    double steps_max = (double)lanes->system.steps_max, step = lanes->system.step;
    ROW_LANES
    {
        double moves = lanes->moves[l], now = lanes->t[l];
        double stands = lanes->error[l] == 0 ? moves : 0;
        double next = fma(lanes->passed[l] + 1, step, lanes->origin[l]);
        double passes = end[l] >= next - END_SHARE * step ? stands : 0;
        lanes->passed[l] += passes;
        lanes->passes[l] = passes;
        lanes->begun[l] = stands != 0 ? now : lanes->begun[l];
        lanes->taken[l] = stands != 0 ? h[l] : lanes->taken[l];
        lanes->t[l] = stands != 0 ? end[l] : now;
        lanes->stepped[l] = stands;
        lanes->steps[l] += moves;
        double spent = lanes->steps[l] >= steps_max ? moves : 0;
        double failed = stands != 0 ? spent : moves;
        lanes->arrived[l] = end[l] == lanes->wall[l] ? stands : 0;
        lanes->halts[l] = lanes->arrived[l] + failed;
        lanes->moves[l] = lanes->halts[l] != 0 ? 0 : moves;
    }
}

LANES_INLINE void within_rows(const struct lanes *lanes, const double *t,
                              const size_t *rows, size_t count)
{
    double theta[LANES], first[LANES], last[LANES], *out = lanes->system.stage;
    const double *y = lanes->y, *next = lanes->next, *stepped = lanes->stepped;
    const double *before = lanes->k[0], *after = lanes->k[STAGES];
    ROW_LANES
    {
        double part = (t[l] - lanes->begun[l]) / lanes->taken[l];
        part = t[l] < lanes->t[l] ? part : 1;
        theta[l] = stepped[l] != 0 ? part : 1;
        first[l] = (theta[l] - 1) * lanes->taken[l];
        last[l] = theta[l] * lanes->taken[l];
    }
    for (size_t n = 0; n < count; n++) {
        size_t i = rows[n] * LANES;
        ROW_LANES
        {
            double end = stepped[l] != 0 ? next[i + l] : y[i + l];
            double rise = end - y[i + l], line = fma(theta[l], rise, y[i + l]);
            double bow = (1 - 2 * theta[l]) * rise + first[l] * before[i + l] +
                         last[l] * after[i + l];
            double within = fma(theta[l] * (theta[l] - 1), bow, line);
            out[i + l] = theta[l] < 1 ? within : end;
        }
    }
}

LANES_KINDS(plan, lanes->simd, (struct lanes * lanes), lanes)
LANES_KINDS(place, lanes->simd,
            (const struct lanes *lanes, double share, const double *k, double *stage),
            lanes, share, k, stage)
LANES_KINDS(finish, lanes->simd, (struct lanes * lanes, double *stage), lanes, stage)
LANES_KINDS(judge, lanes->simd, (struct lanes * lanes), lanes)
LANES_KINDS(within, lanes->simd,
            (const struct lanes *lanes, const double *t, const size_t *rows,
             size_t count),
            lanes, t, rows, count)

/* --- a step
 * ------------------------------------------------------------------------------- */

void classic_step(struct lanes *lanes)
{
    const struct lanes_system *system = &lanes->system;
    const double *h = lanes->tried, *end = lanes->end;
    double at[LANES];
    plan(lanes);
    for (size_t i = 1; i < STAGES; i++) {
        ROW_LANES at[l] = node[i] == 1 ? end[l] : lanes->t[l] + node[i] * h[l];
        place(lanes, node[i], lanes->k[i - 1], system->stage);
        system->rate(system->context, at, lanes->k[i]);
    }
    finish(lanes, system->stage);
    system->rate(system->context, end, lanes->k[STAGES]);
    judge(lanes);
}

void classic_between(struct lanes *lanes, const double *t, const size_t *rows,
                     size_t count)
{
    within(lanes, t, rows, count);
}

void classic_basis(struct lanes_basis *basis)
{
    *basis = (struct lanes_basis){
        .timed = true,
        .rise = {0, 3, -2},
        .by = {[0] = {1, -2, 1}, [STAGES] = {0, -1, 1}},
    };
}
