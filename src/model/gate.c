#include "model/gate.h"

#include <math.h>

#include "base/memory.h"
#include "numerics/linalg.h"

/* What a parameter without a spread counts as: a coefficient of variation. */
#define POPULATION_SPREAD 0.5

struct gate {
    const struct model *model;
    const struct prior_layout *layout;
    const struct prior *start, *prior;
    const struct gate_limits *limits;
};

static const struct model_parameter *individual(const struct gate *gate, size_t row)
{
    return model_parameter(gate->model, gate->layout->individual[row]);
}

/* --- typical values
 * --------------------------------------------------------------------- */

static enum err check_bounds(const struct model_parameter *parameter, double phi)
{
    double value = transform_back(parameter, phi);
    if (value >= parameter->low && value <= parameter->high)
        return ERR_OK;
    return err_set(
        ERR_DENIED,
        "a typical %s of %.4g %s is outside of %.4g to %.4g, the model's bounds",
        parameter->name, value, parameter->unit, parameter->low, parameter->high);
}

static enum err check_shift(const struct gate *gate,
                            const struct model_parameter *parameter, double shift,
                            double spread, const char *what)
{
    double sds = fabs(shift) / spread;
    if (sds <= gate->limits->shift_most)
        return ERR_OK;
    return err_set(
        ERR_DENIED,
        "%s %s is %.3g between-patient sds from the model's; at most %g may be", what,
        parameter->name, sds, gate->limits->shift_most);
}

static enum err check_effects(const struct gate *gate, size_t row)
{
    const struct model_parameter *parameter = individual(gate, row);
    const double *now = gate->prior->effects + row * gate->layout->k;
    const double *start = gate->start->effects + row * gate->layout->k;
    enum err result = check_bounds(parameter, now[0]);
    if (result == ERR_OK)
        result = check_shift(gate, parameter, now[0] - start[0], parameter->between_sd,
                             "a typical");
    for (size_t c = 1; result == ERR_OK && c < gate->layout->k; c++)
        result = check_shift(gate, parameter, now[c] - start[c], parameter->between_sd,
                             "a covariate's effect on");
    return result;
}

static enum err check_population(const struct gate *gate, size_t row)
{
    const struct model_parameter *parameter =
        model_parameter(gate->model, gate->layout->population[row]);
    double now = gate->prior->population[row], start = gate->start->population[row];
    double spread = POPULATION_SPREAD;
    if (parameter->transform == TRANSFORM_IDENTITY && start != 0)
        spread *= fabs(start);
    enum err result = check_bounds(parameter, now);
    return result == ERR_OK
               ? check_shift(gate, parameter, now - start, spread, "a common")
               : result;
}

/* --- spreads
 * ------------------------------------------------------------------------------ */

static enum err check_spread(const struct gate *gate, const char *what, const char *name,
                             double ratio)
{
    double most = gate->limits->spread_most;
    if (ratio <= most && ratio >= 1 / most)
        return ERR_OK;
    return err_set(
        ERR_DENIED,
        "%s %s is %.3g times the model's; at most %g times as wide or narrow may "
        "be",
        what, name, ratio, most);
}

/* The prior's variances relative to the text's, along directions that are uncorrelated
 * under both: eigenvalues of C^-1 Omega C^-T, C C' the text's. */
static enum err check_directions(const struct gate *gate)
{
    size_t p = gate->layout->p;
    double *c = mem_copy(gate->start->omega, p * p * sizeof *c);
    double *values = mem_new(p, sizeof *values),
           *vectors = mem_new(p * p, sizeof *vectors);
    enum err result = linalg_cholesky(p, c);
    if (result == ERR_OK)
        result = linalg_eigen_relative(p, c, gate->prior->omega, values, vectors);
    for (size_t i = 0; result == ERR_OK && i < p; i++)
        result = check_spread(gate, "the spread of", "patients, taken together,",
                              values[i] > 0 ? sqrt(values[i]) : 0);
    mem_free(c);
    mem_free(values);
    mem_free(vectors);
    return result;
}

static enum err check_spreads(const struct gate *gate)
{
    enum err result = ERR_OK;
    for (size_t a = 0; result == ERR_OK && a < gate->layout->p; a++) {
        size_t at = a * (gate->layout->p + 1);
        result = check_spread(gate, "the spread of", individual(gate, a)->name,
                              sqrt(gate->prior->omega[at] / gate->start->omega[at]));
    }
    if (result == ERR_OK && gate->layout->p)
        result = check_directions(gate);
    for (size_t i = 0; result == ERR_OK && i < gate->layout->m; i++) {
        bool occasions = gate->layout->residual[i].which == 3;
        const char *name =
            occasions
                ? model_parameter(gate->model, gate->layout->residual[i].parameter)->name
                : model_observation(gate->model, gate->layout->residual[i].observation)
                      ->name;
        result = check_spread(
            gate,
            occasions ? "the spread between occasions of" : "the measurement error of",
            name, exp(gate->prior->residual[i] - gate->start->residual[i]));
    }
    return result;
}

enum err gate_check(const struct model *model, const struct prior_layout *layout,
                    const struct prior *prior, const struct gate_limits *limits)
{
    struct prior *start;
    if (prior_from_model(model, &start) != ERR_OK)
        return err_code();
    const struct gate gate = {model, layout, start, prior, limits};
    enum err result = ERR_OK;
    for (size_t a = 0; result == ERR_OK && a < layout->p; a++)
        result = check_effects(&gate, a);
    for (size_t i = 0; result == ERR_OK && i < layout->q; i++)
        result = check_population(&gate, i);
    if (result == ERR_OK)
        result = check_spreads(&gate);
    prior_destroy(&start);
    return result;
}
