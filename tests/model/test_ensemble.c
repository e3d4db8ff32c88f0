#include "ensemble.h"

#include <math.h>

#include "base/memory.h"
#include "check.h"

#define PATIENTS 37
#define DIRECTIONS 5
#define TIMES 12

/* A cohort of glucose twins, each with meals, boluses and a basal rate of its own. */
struct cohort {
    struct model *model;
    struct schedule schedules[PATIENTS];
    struct dose doses[PATIENTS][4];
    struct change changes[PATIENTS];
    double covariates[PATIENTS][MODEL_COVARIATES_MAX],
        parameters[PATIENTS][MODEL_PARAMETERS_MAX];
    double times[TIMES];
    size_t observation[TIMES];
    double f[PATIENTS][TIMES], d_f[PATIENTS][TIMES][DIRECTIONS];
    bool moving[PATIENTS][DIRECTIONS];
    struct request requests[PATIENTS];
};

/* The i-th of a fixed sequence of numbers in (0, 1) without pattern. */
static double spread(size_t i)
{
    double whole;
    return modf(0.5 + 0.6180339887498949 * (double)(i + 1), &whole);
}

static struct cohort *cohort_new(void)
{
    struct cohort *c = mem_new(1, sizeof *c);
    assert_ok(model_load(SOURCE_DIR "/models/diabetes/glucose.twin", &c->model));
    assert_int_equal(model_directions(c->model), DIRECTIONS);
    for (size_t j = 0; j < TIMES; j++) {
        c->times[j] = 30 + 45 * (double)j;
        c->observation[j] = j % 2;
    }
    for (size_t i = 0; i < PATIENTS; i++) {
        for (size_t k = 0; k < 2; k++) {
            double at = 20 + 200 * spread(5 * i + k) + 250 * (double)k;
            c->doses[i][2 * k] =
                (struct dose){at, 40 + 50 * spread(i + k), -1, 0, 2 * k + 1};
            c->doses[i][2 * k + 1] =
                (struct dose){at - 5, 3 + 5 * spread(3 * i + k), -1, 1, 2 * k + 2};
        }
        c->changes[i] = (struct change){300 * spread(7 * i), 0.8, 1, 9};
        c->covariates[i][0] = 50 + 40 * spread(i);
        for (size_t k = 1; k < model_covariates(c->model); k++)
            c->covariates[i][k] = model_covariate(c->model, k)->default_value;
        for (size_t k = 0; k < model_parameters(c->model); k++) {
            const struct model_parameter *one = model_parameter(c->model, k);
            double phi = transform_forward(one, one->typical);
            c->parameters[i][k] =
                transform_back(one, phi + one->between_sd * (2 * spread(11 * i + k) - 1));
        }
        c->schedules[i] = (struct schedule){c->model, c->doses[i],     4, &c->changes[i],
                                            1,        c->covariates[i]};
        c->requests[i] = (struct request){.schedule = &c->schedules[i],
                                          .parameters = c->parameters[i],
                                          .reads = c->times,
                                          .read_count = TIMES,
                                          .observation = c->observation,
                                          .f = c->f[i],
                                          .d_f = &c->d_f[i][0][0],
                                          .moving = c->moving[i],
                                          .err = ERR_NUMERIC};
    }
    return c;
}

static void cohort_free(struct cohort *c)
{
    model_destroy(&c->model);
    mem_free(c);
}

/* An array of requests, one after the other. */
struct queue {
    struct request *next, *end;
};

static struct request *queue_next(void *context)
{
    struct queue *queue = context;
    return queue->next < queue->end ? queue->next++ : NULL;
}

static void queue_done(void *context, struct request *request)
{
    (void)context, (void)request;
}

static void run_all_of(struct ensemble *ensemble, struct request *requests, size_t count)
{
    struct queue queue = {requests, requests + count};
    ensemble_run(ensemble, &(struct supply){queue_next, queue_done, &queue});
}

/* --- the same bits, whatever is beside
 * ---------------------------------------------------- */

static void same_bits(const struct cohort *c, size_t i, const struct cohort *first)
{
    assert_ok(c->requests[i].err);
    assert_memory_equal(c->f[i], first->f[i], sizeof c->f[i]);
    assert_memory_equal(c->d_f[i], first->d_f[i], sizeof c->d_f[i]);
}

static void depends_on_nobody_else(enum lanes_method method)
{
    struct cohort *first = cohort_new();
    struct ensemble *one = ensemble_new(first->model, method, true, 1e-6, SIMD_SCALAR);
    for (size_t i = 0; i < PATIENTS; i++) /* each alone, in the first lane */
        run_all_of(one, &first->requests[i], 1);
    ensemble_destroy(&one);
    for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++)
        for (size_t shift = 0; shift < PATIENTS; shift += 9) {
            struct cohort *c = cohort_new();
            struct request queue[PATIENTS];
            struct ensemble *ensemble = ensemble_new(c->model, method, true, 1e-6, simd);
            for (size_t i = 0; i < PATIENTS;
                 i++) /* another order, every third backwards */
                queue[i] =
                    c->requests[(shift % 3 ? i + shift : 2 * PATIENTS - i - shift) %
                                PATIENTS];
            run_all_of(ensemble, queue, PATIENTS - shift); /* in two parts */
            run_all_of(ensemble, queue + PATIENTS - shift, shift);
            for (size_t i = 0; i < PATIENTS; i++)
                c->requests[(size_t)(queue[i].schedule - c->schedules)].err =
                    queue[i].err;
            for (size_t i = 0; i < PATIENTS; i++)
                same_bits(c, i, first);
            ensemble_destroy(&ensemble);
            cohort_free(c);
        }
    cohort_free(first);
}

static void ensemble__results_depend_on_nobody_else(void **state)
{
    (void)state;
    depends_on_nobody_else(LANES_TSITOURAS);
    depends_on_nobody_else(LANES_ROSENBROCK);
}

/* Doses that move in time, infusions, a covariate that steps: both methods come to the
 * same values and slopes. */
static void ensemble__methods_agree(void **state)
{
    (void)state;
    struct cohort *c[2] = {cohort_new(), cohort_new()};
    for (size_t i = 0; i < 2; i++) {
        struct ensemble *ensemble = ensemble_new(
            c[i]->model, i ? LANES_ROSENBROCK : LANES_TSITOURAS, true, 1e-9, simd_best());
        run_all_of(ensemble, c[i]->requests, PATIENTS);
        ensemble_destroy(&ensemble);
    }
    for (size_t i = 0; i < PATIENTS; i++)
        for (size_t j = 0; j < TIMES; j++) {
            assert_relative(c[1]->f[i][j], c[0]->f[i][j], 1e-6);
            for (size_t k = 0; k < 4; k++)
                assert_near(c[1]->d_f[i][j][k], c[0]->d_f[i][j][k],
                            1e-6 * (fabs(c[0]->d_f[i][j][k]) + fabs(c[0]->f[i][j])));
        }
    cohort_free(c[0]);
    cohort_free(c[1]);
}

/* Without derivatives the steps are others, so that values agree to the tolerance. */
static void ensemble__values_need_no_derivatives(void **state)
{
    (void)state;
    struct cohort *with = cohort_new(), *without = cohort_new();
    struct ensemble *ensemble =
        ensemble_new(with->model, LANES_TSITOURAS, true, 1e-9, simd_best());
    run_all_of(ensemble, with->requests, PATIENTS);
    ensemble_destroy(&ensemble);
    ensemble = ensemble_new(without->model, LANES_TSITOURAS, false, 1e-9, simd_best());
    run_all_of(ensemble, without->requests, PATIENTS);
    ensemble_destroy(&ensemble);
    for (size_t i = 0; i < PATIENTS; i++)
        for (size_t j = 0; j < TIMES; j++)
            assert_relative(with->f[i][j], without->f[i][j], 1e-6);
    cohort_free(with);
    cohort_free(without);
}

/* --- what lanes are not for
 * ---------------------------------------------------------------- */

static const char stiff_text[] = "model stiff version 1\n"
                                 "time h\n"
                                 "[parameters]\n"
                                 "k = 1 1/h lognormal sd 0.3\n"
                                 "fast = 1e7 1/h fixed\n"
                                 "[equations]\n"
                                 "d/dt(x) = -k*x init 1 unit 1\n"
                                 "d/dt(y) = fast*(x - y)\n"
                                 "[observations]\n"
                                 "o : y ~ add(0.1)\n";

/* What is stiff comes back undone, and its neighbour is not held up. */
static void ensemble__returns_what_is_stiff(void **state)
{
    (void)state;
    struct model *model;
    assert_ok(model_parse(stiff_text, strlen(stiff_text), "stiff", &model));
    struct schedule schedule = {model, NULL, 0, NULL, 0, NULL};
    double stiff[] = {1, 1e7}, mild[] = {1, 10}, time = 5, f[2] = {0}, d_f[2];
    size_t observation = 0;
    struct request requests[] = {
        {.schedule = &schedule, .parameters = stiff, .f = &f[0], .d_f = &d_f[0]},
        {.schedule = &schedule, .parameters = mild, .f = &f[1], .d_f = &d_f[1]}};
    for (size_t i = 0; i < 2; i++) {
        requests[i].reads = &time;
        requests[i].read_count = 1;
        requests[i].observation = &observation;
    }
    struct ensemble *ensemble =
        ensemble_new(model, LANES_TSITOURAS, true, 1e-9, simd_best());
    run_all_of(ensemble, requests, 2);
    assert_int_equal(requests[0].err, ERR_NUMERIC);
    assert_true(requests[0].stiff && !requests[1].stiff);
    assert_ok(requests[1].err);
    assert_true(ensemble_work(ensemble).steps < 4000);
    /* y = 10/9 (e^-t - e^-10t) */
    assert_relative(f[1], 10.0 / 9 * (exp(-5) - exp(-50)), 1e-7);
    ensemble_destroy(&ensemble);
    /* For the other it is easy: y = fast/(fast - 1) (e^-t - e^-(fast t)), and its slope
     * along log k = 0 is -t y but for some 1e-7 of it. */
    ensemble = ensemble_new(model, LANES_ROSENBROCK, true, 1e-9, simd_best());
    run_all_of(ensemble, requests, 1);
    assert_ok(requests[0].err);
    assert_relative(f[0], exp(-5) / (1 - 1e-7), 1e-7);
    assert_relative(d_f[0], -5 * exp(-5), 1e-6);
    assert_true(ensemble_work(ensemble).steps < 500);
    ensemble_destroy(&ensemble);
    model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ensemble__results_depend_on_nobody_else),
        cmocka_unit_test(ensemble__methods_agree),
        cmocka_unit_test(ensemble__values_need_no_derivatives),
        cmocka_unit_test(ensemble__returns_what_is_stiff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
