#include "sim/reading.h"

#include <math.h>

#include "base/normal.h"
#include "model/observe.h"

bool reading_of(const struct reader *reader, size_t observation, double prediction,
                double uniform, double dt, double *error, struct reading *reading)
{
    const struct model_observation *one = model_observation(reader->model, observation);
    struct residual residual;
    *reading = (struct reading){NAN, CENSORED_NOT};
    if (!isfinite(prediction))
        return false;
    if (one->residual == RESIDUAL_BERNOULLI) {
        reading->value = uniform < prediction;
        return true;
    }
    prior_residual(reader->model, reader->layout, reader->prior, observation, &residual);
    struct memory memory = observe_memory(&residual, dt);
    *error = memory.rho * *error + memory.s * normal_quantile(uniform);
    double off = observe_sd(&residual, prediction) * *error;
    double value =
        one->residual == RESIDUAL_LOGNORMAL ? prediction * exp(off) : prediction + off;
    if (!isfinite(value))
        return false;
    if (value <= one->limit_low)
        *reading = (struct reading){one->limit_low, CENSORED_BELOW};
    else if (value >= one->limit_high)
        *reading = (struct reading){one->limit_high, CENSORED_ABOVE};
    else
        reading->value = value;
    return true;
}
