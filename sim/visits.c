#include "sim/visits.h"

#include <math.h>

#include "base/memory.h"

struct round { /* of everybody's visits at one time */
    const struct reader *reader;
    size_t index;
    double time, dt; /* since the visit before; infinite: there was none */
    size_t observations, outputs;
};

/* What is read, by what is predicted [observations]; `errors` [observations] go on from
 * visit to visit. */
static enum err see(const struct round *round, struct visitor *visitor,
                    const double *predictions, double *errors, double *readings)
{
    const double *uniforms = visitor->uniforms + round->index * round->observations;
    bool changed = false;
    for (size_t o = 0; o < round->observations; o++) {
        struct reading reading;
        (void)reading_of(round->reader, o, predictions[o], uniforms[o], round->dt,
                         &errors[o], &reading);
        readings[o] = reading.value;
    }
    visitor->last = readings[visitor->observation];
    if (round->index == 0)
        visitor->first = visitor->last;
    enum err err = arm_visit(visitor->arm, visitor->covariates, round->time, readings,
                             visitor->record, &changed);
    if (err != ERR_OK || !changed)
        return err;
    struct twin *twin = NULL;
    visitor->changed = true;
    err = twin_new(round->reader->model, round->reader->layout, visitor->record, &twin);
    if (err != ERR_OK)
        return err;
    twin_destroy(&visitor->twin);
    visitor->twin = twin;
    return ERR_OK;
}

void visits_all(struct engine *engine, const struct reader *reader, const double *times,
                size_t count, struct visitor *visitors, size_t visitor_count)
{
    const struct model *model = reader->model;
    struct round round = {.reader = reader, .observations = model_observations(model)};
    round.outputs = model_states(model) + model_derived(model) + round.observations;
    struct twin_course *courses = mem_new(visitor_count + 1, sizeof *courses);
    double *out = mem_new(visitor_count * round.outputs + 1, sizeof *out);
    double *errors = mem_new(visitor_count * round.observations + 1, sizeof *errors);
    double *readings = mem_new(round.observations + 1, sizeof *readings);
    for (round.index = 0; round.index < count; round.index++) {
        round.time = times[round.index];
        round.dt = round.index ? round.time - times[round.index - 1] : INFINITY;
        const double before = nextafter(round.time, -INFINITY);
        for (size_t i = 0; i < visitor_count; i++)
            courses[i] = (struct twin_course){visitors[i].twin, visitors[i].parameters,
                                              out + i * round.outputs, ERR_OK};
        twin_simulate_all(engine, courses, visitor_count, &before, 1);
        for (size_t i = 0; i < visitor_count; i++) {
            struct visitor *one = &visitors[i];
            if (one->err == ERR_OK)
                one->err = courses[i].err;
            if (one->err == ERR_OK)
                one->err =
                    see(&round, one, courses[i].out + round.outputs - round.observations,
                        errors + i * round.observations, readings);
        }
    }
    mem_free(readings);
    mem_free(errors);
    mem_free(out);
    mem_free(courses);
}
