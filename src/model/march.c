#include "model/march.h"

#include <string.h>

#include "base/memory.h"
#include "flow.h"
#include "model_impl.h"
#include "vector.h"

struct march {
    const struct model *model;
    const struct program *program;
    enum simd simd;
    size_t states;
    double step;
    double *registers;             /* [program->registers][LANES] */
    double *x, *slope, *sum;       /* [states][LANES] */
    double *nothing;               /* [states][LANES] of zeros: no inflow */
    size_t taken;                  /* steps: time is that often the step */
    double from[LANES], to[LANES]; /* not used: nothing switches */
    struct flow flow;
};

enum err march_new(const struct model *model, double step, enum simd simd,
                   struct march **march)
{
    if (model_states(model) == 0)
        return err_set(ERR_USAGE, "%s has no states to carry", model_name(model));
    const struct program *program = model->program;
    struct march *out = mem_new(1, sizeof *out);
    out->model = model;
    out->program = program;
    out->simd = simd;
    out->states = model_states(model);
    out->step = step;
    out->registers = lanes_rows_new(program->registers);
    for (size_t i = 0; i < program->registers; i++)
        EACH_LANE out->registers[i * LANES + l] = program->image[i];
    out->x = lanes_rows_new(out->states);
    out->slope = lanes_rows_new(out->states);
    out->sum = lanes_rows_new(out->states);
    out->nothing = lanes_rows_new(out->states);
    memset(out->nothing, 0, out->states * LANES * sizeof(double));
    flow_init(&out->flow, model, false);
    *march = out;
    return ERR_OK;
}

void march_destroy(struct march **march)
{
    struct march *gone = *march;
    if (!gone)
        return;
    flow_clear(&gone->flow);
    lanes_rows_free(gone->registers);
    lanes_rows_free(gone->x);
    lanes_rows_free(gone->slope);
    lanes_rows_free(gone->sum);
    lanes_rows_free(gone->nothing);
    mem_free(gone);
    *march = NULL;
}

enum err march_begin(struct march *march, size_t lane, const double *parameters,
                     const double *covariates, double until)
{
    struct schedule schedule = {.model = march->model};
    struct run run;
    schedule.covariates =
        mem_copy(covariates, model_covariates(march->model) * sizeof *covariates);
    enum err err = run_begin(&run, &march->flow, &schedule, parameters, 0);
    if (err == ERR_OK)
        err = run_plan(&run, &until, NULL, 1);
    if (err == ERR_OK && run.break_count)
        err = err_set(ERR_USAGE, "%s switches at time %g, which equal steps step over",
                      model_name(march->model), run.breaks[0]);
    if (err == ERR_OK) {
        evaluator_rest(march->flow.evaluator, march->registers + lane, LANES,
                       &march->from[lane], &march->to[lane]);
        for (size_t i = 0; i < march->states; i++)
            march->x[i * LANES + lane] = march->flow.x[i];
        march->taken = 0;
    }
    run_clear(&run);
    mem_free(schedule.covariates);
    return err;
}

/* States x + share of the slope, and the time, to where streams look for them. */
static void place(struct march *march, double share, double late)
{
    double *states = march->registers + march->program->states * (size_t)LANES;
    double *time = march->registers + march->program->time * (size_t)LANES;
    double now = march->step * ((double)march->taken + late);
    for (size_t i = 0; i < march->states * LANES; i++)
        states[i] = march->x[i] + share * march->slope[i];
    EACH_LANE time[l] = now;
}

static void stage(struct march *march, double share, double late)
{
    place(march, share, late);
    vector_rates(&march->program->rate, march->registers, march->nothing, march->slope,
                 march->simd);
}

void march_steps(struct march *march, size_t count)
{
    size_t n = march->states * LANES;
    double h = march->step, *x = march->x, *slope = march->slope, *sum = march->sum;
    for (size_t k = 0; k < count; k++) {
        stage(march, 0, 0);
        for (size_t i = 0; i < n; i++)
            sum[i] = slope[i];
        stage(march, h / 2, 0.5);
        for (size_t i = 0; i < n; i++)
            sum[i] += 2 * slope[i];
        stage(march, h / 2, 0.5);
        for (size_t i = 0; i < n; i++)
            sum[i] += 2 * slope[i];
        stage(march, h, 1);
        for (size_t i = 0; i < n; i++)
            x[i] += h / 6 * (sum[i] + slope[i]);
        march->taken++;
    }
}

const double *march_states(const struct march *march)
{
    return march->x;
}

void march_observe(struct march *march, double *out)
{
    const struct stream *stream = &march->program->observe;
    place(march, 0, 0);
    vector_run(stream, march->registers, march->simd);
    for (size_t i = 0; i < stream->result_count; i++)
        EACH_LANE out[i * LANES + l] = march->registers[stream->results[i] * LANES + l];
}
