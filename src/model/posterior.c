#include "model/posterior.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/normal.h"
#include "numerics/linalg.h"
#include "scatter.h"
#include "temper.h"

/* Draws of the prior, from the likeliest of which modes are looked for, and then places
 * around modes, with a few more of the prior. */
#define PRIOR_PLACES ((size_t)64)
#define MODE_PLACES ((size_t)128)
#define STARTS ((size_t)4)
#define STARTS_APART 1.0 /* in prior standard deviations */
#define PRIOR_SHARE 0.1

/* More of them where draws are made, by weight. Where these are worth less than this part
 * of independent ones, tempering makes others. */
#define PLACES_A_DRAW ((size_t)3)
#define WORTH_LEAST 0.8

/* A mode around which Laplace finds less than this of what is around the best one does
 * not count; one that does has this share of the places at least. */
#define MODE_LEAST 1e-3
#define MODE_SHARE 0.1
/* Two that are no further apart than a posterior standard deviation are one. */
#define MODES_APART 1.0

struct exploring {
    struct engine *engine;
    const struct twin *twin;
    const struct prior *prior;
    struct places places;
    struct posterior *out;
    size_t p;
    uint64_t numbers; /* where the patient's begin */

    double starts[STARTS][MODEL_PARAMETERS_MAX]; /* phi */
    struct fit *fits[1 + STARTS];                /* the first is the patient's */
    size_t start_count, next;

    struct scatter *scatter;
    double shares[PROPOSAL_PARTS_MAX]; /* of places around modes */
};

/* --- modes -------------------------------------------------------------------------- */

/* A fit in whitened coordinates: its mode, and V. */
static enum err whiten(const struct exploring *e, const struct fit *fit, double *centre,
                       double *spread)
{
    size_t p = e->p;
    const double *factor = e->places.target.whole.factor;
    double half[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    memcpy(centre, fit->phi, p * sizeof *centre);
    memcpy(half, fit->covariance, p * p * sizeof *half);
    enum err err = target_whiten(&e->places.target, centre);
    if (err == ERR_OK)
        err = linalg_solve(p, factor, p, half);
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            spread[a * p + b] = half[b * p + a];
    return err == ERR_OK ? linalg_solve(p, factor, p, spread) : err;
}

static bool next_start(void *context, struct fit_patient *patient)
{
    struct exploring *e = context;
    if (e->next == e->start_count)
        return false;
    *patient = (struct fit_patient){
        .twin = e->twin, .start = e->starts[e->next], .owner = &e->fits[1 + e->next]};
    e->next++;
    return true;
}

static bool take_fit(void *context, struct fit_patient *patient)
{
    (void)context;
    *(struct fit **)patient->owner = patient->fit;
    return true;
}

static double distance(const struct exploring *e, size_t i, size_t j)
{
    const double *z = e->scatter->z;
    double square = 0;
    for (size_t a = 0; a < e->p; a++)
        square += pow(z[i * e->p + a] - z[j * e->p + a], 2);
    return sqrt(square);
}

/* The search once more from the likeliest draws of the prior, no two near each other. */
static void search_again(struct exploring *e)
{
    const double *objective = e->scatter->objective;
    bool out[PRIOR_PLACES] = {false};
    while (e->start_count < STARTS) {
        size_t best = PRIOR_PLACES;
        for (size_t i = 0; i < PRIOR_PLACES; i++)
            if (!out[i] && isfinite(objective[i]) &&
                (best == PRIOR_PLACES || objective[i] < objective[best]))
                best = i;
        if (best == PRIOR_PLACES)
            break;
        target_phi(&e->places.target, e->scatter->z + best * e->p,
                   e->starts[e->start_count++]);
        for (size_t i = 0; i < PRIOR_PLACES; i++)
            out[i] |= distance(e, i, best) < STARTS_APART;
    }
    const struct fit_crowd crowd = {e->prior, false, next_start, take_fit, e};
    fit_crowd(e->places.engine, &crowd);
}

/* The square of how far off, in posterior standard deviations of whichever is wider along
 * the line between. */
static double apart(const struct proposal_part *part, size_t p, const double *centre,
                    const double *spread)
{
    double off[MODEL_PARAMETERS_MAX], own[MODEL_PARAMETERS_MAX], squares[2] = {0, 0};
    for (size_t a = 0; a < p; a++)
        own[a] = off[a] = centre[a] - part->centre[a];
    linalg_lower_solve(p, part->root, 1, off);
    bool solved = linalg_spd_solve(p, spread, 1, own) == ERR_OK;
    for (size_t a = 0; a < p; a++) {
        squares[0] += off[a] * off[a];
        squares[1] += own[a] * (centre[a] - part->centre[a]);
    }
    return solved ? fmin(squares[0], squares[1]) : 0;
}

/* A part of the proposal for every mode, with a share by the probability around it. */
static void add_modes(struct exploring *e)
{
    size_t p = e->p;
    double least = INFINITY, mass[1 + STARTS], sum = 0;
    double *spread = mem_new(p * p, sizeof *spread), centre[MODEL_PARAMETERS_MAX];
    struct proposal *out = e->scatter->proposal;
    for (size_t i = 0; i <= e->start_count; i++)
        if (e->fits[i]->converged)
            least = fmin(least, e->fits[i]->minus2_log_likelihood);
    for (size_t i = 0; i <= e->start_count; i++) {
        const struct fit *fit = e->fits[i];
        double own = exp(-0.5 * (fit->minus2_log_likelihood - least));
        bool is = fit->converged && (i == 0 || own >= MODE_LEAST) &&
                  whiten(e, fit, centre, spread) == ERR_OK;
        for (size_t k = 1; is && k < out->count; k++)
            is = apart(&out->parts[k], p, centre, spread) > MODES_APART * MODES_APART;
        if (is && proposal_add(out, centre, spread) == ERR_OK)
            sum += mass[out->count - 1] = fmax(own, MODE_SHARE);
    }
    e->out->modes = out->count - 1;
    for (size_t k = 1; k < out->count; k++)
        e->shares[k] = (1 - PRIOR_SHARE) * mass[k] / sum;
    e->shares[0] = out->count > 1 ? PRIOR_SHARE : 1;
    mem_free(spread);
}

static double shared_with_fit(const struct exploring *e)
{
    double *spread = mem_new(e->p * e->p, sizeof *spread), centre[MODEL_PARAMETERS_MAX];
    double shared = 0;
    if (whiten(e, e->fits[0], centre, spread) == ERR_OK && scatter_weigh(e->scatter))
        shared = scatter_shared(e->scatter, centre, spread);
    mem_free(spread);
    return shared;
}

/* --- all of it ---------------------------------------------------------------------- */

/* Every patient has numbers of their own, so that what is by chance in them is not in
 * everybody's; the same whenever the record is. */
static uint64_t numbers_of(const struct twin *twin)
{
    uint64_t mixed = 0;
    for (size_t i = 0; i < twin_measurements(twin); i++) {
        const struct twin_measurement *one = twin_measurement(twin, i);
        const double values[2] = {one->time, one->value};
        for (size_t k = 0; k < 2; k++) {
            uint64_t bits;
            memcpy(&bits, &values[k], sizeof bits);
            mixed = proposal_mix(mixed ^ bits);
        }
    }
    return mixed;
}

/* At least `wanted` draws z [count][p], which the caller frees; NULL: there are none. */
static double *draw(struct exploring *e, size_t wanted)
{
    struct posterior *out = e->out;
    size_t least = 4 * e->p;
    double *z = mem_new((wanted > least ? wanted : least) * e->p, sizeof *z);
    out->count = wanted;
    scatter_add(e->scatter, e->shares, PLACES_A_DRAW * wanted);
    if (scatter_weigh(e->scatter))
        out->effective = scatter_draw(e->scatter, wanted, z);
    if (out->effective >= WORTH_LEAST * (double)wanted)
        return z;
    out->count = wanted > least ? wanted : least;
    out->effective =
        temper_draw(&e->places, e->numbers + e->scatter->count + 1, out->count, z);
    if (out->effective > 0)
        return z;
    out->count = 0;
    mem_free(z);
    return NULL;
}

static void explore(struct exploring *e, size_t wanted)
{
    struct posterior *out = e->out;
    scatter_add(e->scatter, e->shares, PRIOR_PLACES);
    search_again(e);
    add_modes(e);
    scatter_add(e->scatter, e->shares, MODE_PLACES);
    out->shared = shared_with_fit(e);
    double *z = out->shared < POSTERIOR_SHARED_ENOUGH ? draw(e, wanted) : NULL;
    if (!z)
        return;
    out->normal = false;
    out->phi = mem_new(out->count * e->p, sizeof *z);
    for (size_t i = 0; i < out->count; i++)
        target_phi(&e->places.target, z + i * e->p, out->phi + i * e->p);
    mem_free(z);
}

struct posterior *posterior_new(struct engine *engine, const struct twin *twin,
                                const struct prior *prior, struct fit *fit, size_t wanted)
{
    struct posterior *out = mem_new(1, sizeof *out);
    *out = (struct posterior){
        .fit = fit, .normal = true, .shared = 1, .modes = fit->converged};
    if (!fit->converged || fit->n == 0 || fit->p == 0 || wanted == 0)
        return out;
    struct exploring *e = mem_new(1, sizeof *e);
    *e = (struct exploring){.engine = engine,
                            .twin = twin,
                            .prior = prior,
                            .out = out,
                            .p = fit->p,
                            .numbers = numbers_of(twin),
                            .fits = {fit},
                            .shares = {1}};
    places_init(&e->places, engine, twin, prior);
    e->scatter = scatter_new(&e->places, e->numbers);
    explore(e, wanted < TEMPER_MOST ? wanted : TEMPER_MOST);
    for (size_t i = 1; i <= STARTS; i++)
        fit_destroy(&e->fits[i]);
    scatter_destroy(&e->scatter);
    places_clear(&e->places);
    mem_free(e);
    return out;
}

void posterior_destroy(struct posterior **posterior)
{
    struct posterior *gone = *posterior;
    if (!gone)
        return;
    fit_destroy(&gone->fit);
    mem_free(gone->phi);
    mem_free(gone);
    *posterior = NULL;
}

/* Of draws: the middle of the place between two of them. */
double posterior_below(const struct posterior *posterior, size_t a, double phi)
{
    const struct fit *fit = posterior->fit;
    size_t below = 0, p = fit->p;
    if (posterior->normal)
        return normal_cdf((phi - fit->phi[a]) / sqrt(fit->covariance[a * p + a]));
    for (size_t i = 0; i < posterior->count; i++)
        below += posterior->phi[i * p + a] < phi;
    return ((double)below + 0.5) / (double)(posterior->count + 1);
}

static int by_size(const void *a, const void *b)
{
    double one = *(const double *)a, two = *(const double *)b;
    return (one > two) - (one < two);
}

/* Of draws: between two of them in proportion. */
double posterior_quantile(const struct posterior *posterior, size_t a, double probability)
{
    const struct fit *fit = posterior->fit;
    size_t p = fit->p, count = posterior->count;
    if (posterior->normal)
        return fit->phi[a] +
               normal_quantile(probability) * sqrt(fit->covariance[a * p + a]);
    double *row = mem_new(count, sizeof *row);
    for (size_t i = 0; i < count; i++)
        row[i] = posterior->phi[i * p + a];
    qsort(row, count, sizeof *row, by_size);
    double at = fmin(fmax(probability * (double)(count + 1) - 1, 0), (double)(count - 1));
    size_t low = (size_t)at, high = low + 1 < count ? low + 1 : low;
    double out = row[low] + (at - (double)low) * (row[high] - row[low]);
    mem_free(row);
    return out;
}
