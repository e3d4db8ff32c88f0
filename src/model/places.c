#include "places.h"

#include <math.h>

#include "base/memory.h"
#include "twin_impl.h"

void places_init(struct places *places, const struct engine *like,
                 const struct twin *twin, const struct prior *prior)
{
    const struct engine_options options = {ENGINE_LANES, PLACES_TOLERANCE};
    *places = (struct places){
        .engine = engine_new(engine_model(like), engine_layout(like), &options)};
    target_init(&places->target, places->engine, twin, prior);
}

void places_clear(struct places *places)
{
    target_clear(&places->target);
    engine_destroy(&places->engine);
}

struct row {
    struct request *requests;
    size_t next, count;
};

static struct request *next_request(void *context)
{
    struct row *row = context;
    return row->next < row->count ? &row->requests[row->next++] : NULL;
}

static void answered(void *context, struct request *request)
{
    (void)context;
    (void)request; /* its sums are where they are looked for */
}

void places_look(struct places *places, const double *z, size_t count, double *objectives)
{
    const struct target *target = &places->target;
    size_t p = target->p, width = model_parameters(target->model);
    double *parameters = mem_new(count * width, sizeof *parameters);
    double *sums = mem_new(count, sizeof *sums), phi[MODEL_PARAMETERS_MAX];
    struct row row = {mem_new(count, sizeof *row.requests), 0, count};
    const struct supply supply = {next_request, answered, &row};
    for (size_t i = 0; i < count; i++) {
        struct request *one = &row.requests[i];
        target_phi(target, z + i * p, phi);
        twin_parameters(target->model, target->layout, phi, target->prior->population,
                        parameters + i * width);
        *one = twin_request(target->twin);
        one->parameters = parameters + i * width;
        one->subject = &target->subject;
        one->sums = sums + i;
        one->stiff = places->stiff;
    }
    engine_run(places->engine, ENGINE_VALUES, &supply);
    for (size_t i = 0; i < count; i++) {
        const struct request *one = &row.requests[i];
        double objective = target_objective(target, z + i * p, sums + i);
        places->stiff |= one->stiff;
        objectives[i] = one->err == ERR_OK && isfinite(objective) ? objective : INFINITY;
    }
    mem_free(row.requests);
    mem_free(parameters);
    mem_free(sums);
}
