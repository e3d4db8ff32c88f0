#include "temper.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "proposal.h"

/* After a stage the crowd is worth this part of itself. */
#define WORTH_LEFT 0.5

/* Moves end where what stands now is correlated with what stood at the beginning of the
 * stage by no more than this, along any axis. */
#define REMEMBERED 0.8
#define REMEMBERED_AT_END 0.3
#define SWEEPS_MOST 40
#define STAGES_MOST 200

/* Of the moves, those from one mode to another. */
#define LEAPS 0.1

struct crowd {
    struct places *places;
    uint64_t number;
    size_t p, count;
    double power;                   /* of the likelihood */
    double *z, *begun, *tried;      /* [count][p] */
    double *likelihood, *objective; /* [count] -2 log of it; of what is tried */
    double *weights;                /* [count] */
};

static double square_of(const double *z, size_t p)
{
    double square = 0;
    for (size_t a = 0; a < p; a++)
        square += z[a] * z[a];
    return square;
}

/* --- a stage begins ----------------------------------------------------------------- */

/* Weights for `more` of the likelihood; returns what they leave of the crowd. */
static double weigh(struct crowd *c, double more)
{
    double least = INFINITY, sum = 0, squares = 0;
    for (size_t i = 0; i < c->count; i++)
        least = fmin(least, c->likelihood[i]);
    for (size_t i = 0; i < c->count; i++) {
        double own = exp(-0.5 * more * (c->likelihood[i] - least));
        c->weights[i] = isfinite(c->likelihood[i]) ? own : 0;
        sum += c->weights[i];
        squares += c->weights[i] * c->weights[i];
    }
    for (size_t i = 0; i < c->count; i++)
        c->weights[i] /= sum;
    return isfinite(least) ? sum * sum / squares / (double)c->count : 0;
}

/* As much more as leaves WORTH_LEFT, or all there is. */
static void raise_power(struct crowd *c)
{
    double low = 0, high = 1 - c->power;
    if (weigh(c, high) >= WORTH_LEFT) {
        c->power = 1;
        return;
    }
    for (int i = 0; i < 50; i++) {
        double middle = (low + high) / 2;
        if (weigh(c, middle) >= WORTH_LEFT)
            low = middle;
        else
            high = middle;
    }
    weigh(c, high);
    c->power += high;
}

/* Everybody by weight, at equal distances (Kitagawa 1996). */
static void resample(struct crowd *c)
{
    size_t p = c->p, from = 0;
    double *likelihood = mem_copy(c->likelihood, c->count * sizeof *likelihood);
    double until = c->weights[0], offset = proposal_uniform(c->number++);
    for (size_t i = 0; i < c->count; i++) {
        double at = ((double)i + offset) / (double)c->count;
        while (until < at && from + 1 < c->count)
            until += c->weights[++from];
        memcpy(c->begun + i * p, c->z + from * p, p * sizeof *c->z);
        c->likelihood[i] = likelihood[from];
    }
    memcpy(c->z, c->begun, c->count * p * sizeof *c->z);
    mem_free(likelihood);
}

/* --- moves -------------------------------------------------------------------------- */

/* A step along the difference of two of the other half. */
static void try_step(struct crowd *c, size_t i, double *to)
{
    size_t p = c->p, other = 1 - i % 2, half = (c->count - other + 1) / 2;
    double length = 2.38 / sqrt(2 * (double)p);
    size_t one = (size_t)(proposal_uniform(c->number++) * (double)half);
    size_t two = (size_t)(proposal_uniform(c->number++) * (double)(half - 1));
    two += two >= one;
    if (proposal_uniform(c->number++) < LEAPS)
        length = 1;
    else /* shorter ones, too, for where the posterior bends */
        length *= 2 * proposal_uniform(c->number++);
    const double *a = c->z + (2 * one + other) * p, *b = c->z + (2 * two + other) * p;
    for (size_t k = 0; k < p; k++)
        to[k] = c->z[i * p + k] + length * (a[k] - b[k]);
}

static void move_half(struct crowd *c, size_t first)
{
    size_t p = c->p, n = 0;
    for (size_t i = first; i < c->count; i += 2)
        try_step(c, i, c->tried + n++ * p);
    places_look(c->places, c->tried, n, c->objective);
    n = 0;
    for (size_t i = first; i < c->count; i += 2, n++) {
        double *z = c->z + i * p;
        const double *to = c->tried + n * p;
        double prior = square_of(to, p), likelihood = c->objective[n] - prior;
        double by = c->power * (likelihood - c->likelihood[i]) + prior - square_of(z, p);
        if (!(log(proposal_uniform(c->number++)) < -0.5 * by))
            continue;
        memcpy(z, to, p * sizeof *z);
        c->likelihood[i] = likelihood;
    }
}

/* The largest correlation along an axis between where the crowd stands and stood. */
static double remembered(const struct crowd *c)
{
    double most = 0, n = (double)c->count;
    for (size_t a = 0; a < c->p; a++) {
        double now = 0, then = 0, nn = 0, tt = 0, nt = 0;
        for (size_t i = 0; i < c->count; i++) {
            double x = c->z[i * c->p + a], y = c->begun[i * c->p + a];
            now += x / n;
            then += y / n;
            nn += x * x / n;
            tt += y * y / n;
            nt += x * y / n;
        }
        double variances = (nn - now * now) * (tt - then * then);
        if (variances > 0)
            most = fmax(most, (nt - now * then) / sqrt(variances));
        else
            most = 1;
    }
    return most;
}

/* Returns what is still remembered. */
static double move(struct crowd *c)
{
    double limit = c->power < 1 ? REMEMBERED : REMEMBERED_AT_END, still = 1;
    for (int sweep = 0; sweep < SWEEPS_MOST && still > limit; sweep++) {
        move_half(c, 0);
        move_half(c, 1);
        still = remembered(c);
    }
    return still;
}

/* --- from outside ------------------------------------------------------------------- */

static void gather(struct crowd *c)
{
    struct proposal *prior = proposal_new(c->p);
    for (size_t i = 0; i < c->count; i++)
        proposal_draw(prior, 0, c->number++, c->z + i * c->p);
    places_look(c->places, c->z, c->count, c->likelihood);
    for (size_t i = 0; i < c->count; i++)
        c->likelihood[i] -= square_of(c->z + i * c->p, c->p);
    proposal_destroy(&prior);
}

double temper_draw(struct places *places, uint64_t number, size_t count, double *z)
{
    size_t p = places->target.p;
    struct crowd c = {.places = places,
                      .number = number,
                      .p = p,
                      .count = count,
                      .z = z,
                      .begun = mem_new(count * p, sizeof *z),
                      .tried = mem_new(count * p, sizeof *z),
                      .likelihood = mem_new(count, sizeof *z),
                      .objective = mem_new(count, sizeof *z),
                      .weights = mem_new(count, sizeof *z)};
    double still = 1;
    gather(&c);
    bool any = weigh(&c, 0) > 0;
    for (int stage = 0; any && stage < STAGES_MOST && c.power < 1; stage++) {
        raise_power(&c);
        resample(&c);
        still = move(&c);
    }
    mem_free(c.begun);
    mem_free(c.tried);
    mem_free(c.likelihood);
    mem_free(c.objective);
    mem_free(c.weights);
    return any && c.power == 1 ? (double)count * (1 - still * still) : 0;
}
