/* Stays event by event, against what queueing theory has in closed form. */

#include "base/memory.h"
#include "check.h"
#include "model/library.h"
#include "sim/queue.h"

struct trial {
    struct model *model;
    struct queue *queue;
    struct queue_design design;
    double parameters[MODEL_PARAMETERS_MAX], covariates[MODEL_COVARIATES_MAX];
    struct queue_result result;
};

static void put(struct trial *trial, const char *name, double value)
{
    for (size_t i = 0; i < model_parameters(trial->model); i++)
        if (strcmp(model_parameter(trial->model, i)->name, name) == 0)
            trial->parameters[i] = value;
    for (size_t i = 0; i < model_covariates(trial->model); i++)
        if (strcmp(model_covariate(trial->model, i)->name, name) == 0)
            trial->covariates[i] = value;
}

/* `set`: "NAME=VALUE NAME=VALUE". */
static void open_model(struct trial *trial, struct model *model, const char *set)
{
    *trial = (struct trial){.model = model};
    assert_ok(queue_new(model, &trial->queue));
    for (size_t i = 0; i < model_parameters(model); i++)
        trial->parameters[i] = model_parameter(model, i)->typical;
    for (size_t i = 0; i < model_covariates(model); i++)
        trial->covariates[i] = model_covariate(model, i)->default_value;
    char *text = mem_text(set), *rest = text, *word;
    while ((word = strtok_r(rest, " ", &rest))) {
        char *value = strchr(word, '=');
        *value++ = 0;
        put(trial, word, strtod(value, NULL));
    }
    mem_free(text);
    trial->design = (struct queue_design){.parameters = trial->parameters,
                                          .covariates = trial->covariates,
                                          .days = 300,
                                          .warm_up = 50,
                                          .replications = 8,
                                          .seed = 1};
}

static void run(struct trial *trial, const char *name, const char *set, double days)
{
    struct model *model;
    assert_ok(library_load(name, &model));
    open_model(trial, model, set);
    trial->design.days = days;
    assert_ok(queue_run(trial->queue, &trial->design, &trial->result));
}

static void close_trial(struct trial *trial)
{
    queue_destroy(&trial->queue);
    model_destroy(&trial->model);
}

/* Within four standard errors, which are at most `slack`. */
static void check(const struct trial *trial, size_t station, enum tallied_measure measure,
                  double expected, double slack)
{
    double mean = trial->result.mean[station][measure];
    double se = trial->result.se[station][measure];
    if (!(fabs(mean - expected) <= 4 * se && 4 * se <= slack))
        fail_msg("%s is %g, se %g, not %g within %g", tallied_name[measure], mean, se,
                 expected, slack);
}

/* Erlang's loss formula, whatever the distribution of stays: a = 30. */
static void queue__loses_as_erlang_says(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        double full, beds;
    } rows[] = {{"beds=32", 0.0963, 32},
                {"beds=34", 0.0663, 34},
                {"beds=36", 0.0429, 36},
                {"beds=40", 0.0144, 40},
                {"beds=34 cv=2", 0.0663, 34}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trial trial;
        run(&trial, "hospital/ward", rows[i].set, 1000);
        check(&trial, 0, TALLIED_TURNED, rows[i].full, 0.03);
        check(&trial, 0, TALLIED_FULL, rows[i].full, 0.03);
        check(&trial, 0, TALLIED_OCCUPANCY, 30 * (1 - rows[i].full) / rows[i].beds, 0.03);
        close_trial(&trial);
    }
}

/* Erlang's delay formula; for stays with a CV of 1.2 no more than half of 1 + CV^2 times
 * that, the approximation for other stays, which is high by a fifth here (4.4 h in 90,000
 * days). */
static void queue__waits_as_erlang_says(void **state)
{
    (void)state;
    struct trial trial;
    run(&trial, "hospital/ward", "beds=34 cv=1 loss=0", 1000);
    check(&trial, 0, TALLIED_WAITED, 0.376, 0.2);
    check(&trial, 0, TALLIED_WAIT, 11.3, 15);
    close_trial(&trial);
    run(&trial, "hospital/ward", "beds=36 cv=1 loss=0", 1000);
    check(&trial, 0, TALLIED_WAITED, 0.212, 0.12);
    check(&trial, 0, TALLIED_WAIT, 4.24, 4);
    check(&trial, 0, TALLIED_PRESENT, 30 + 0.212 * 30 / 6, 2.5);
    check(&trial, 0, TALLIED_TURNED, 0, 0);
    close_trial(&trial);
    run(&trial, "hospital/ward", "beds=36 loss=0", 1000);
    assert_in_range(trial.result.mean[0][TALLIED_WAIT] * 100,
                    424 - 400 * trial.result.se[0][TALLIED_WAIT], 517);
    close_trial(&trial);
}

/* M/M/1: P(wait > t) = rho exp(-(mu - lambda) t). */
static void queue__waits_have_the_tail_of_one_server(void **state)
{
    (void)state;
    struct trial trial;
    run(&trial, "hospital/ward", "beds=1 cv=1 loss=0 rate=16 stay=0.05", 1000);
    check(&trial, 0, TALLIED_WAITED, 0.8, 0.02);
    check(&trial, 0, TALLIED_WAIT, 24 * 0.8 / 4, 0.6);
    check(&trial, 0, TALLIED_WAIT_95, 24 * log(0.8 / 0.05) / 4, 2.5);
    check(&trial, 0, TALLIED_OVER_4H, exp(-4.0 / 24 * 4), 0.03);
    close_trial(&trial);
}

/* Without a limit the number there is Poisson's of mean 30: percentiles 30, 39, 43. */
static void queue__without_limit_is_poissons(void **state)
{
    (void)state;
    struct trial trial;
    run(&trial, "hospital/ward", "beds=900 loss=0", 1000);
    check(&trial, 0, TALLIED_PRESENT, 30, 1.5);
    assert_near(trial.result.mean[0][TALLIED_P50], 30, 0.75);
    assert_near(trial.result.mean[0][TALLIED_P95], 39, 0.75);
    assert_near(trial.result.mean[0][TALLIED_P99], 43, 1);
    assert_true(trial.result.mean[0][TALLIED_WAITED] == 0);
    close_trial(&trial);
}

/* M/M/infinity under a daily swing: damped by cos(atan(w stay)); within the hour of its
 * peak. */
static void queue__follows_the_day(void **state)
{
    (void)state;
    struct trial trial;
    run(&trial, "hospital/ward",
        "beds=900 loss=0 cv=1 rate=144 stay=0.0416666666666667 day=0.5", 100);
    check(&trial, 0, TALLIED_PRESENT, 6, 0.1);
    check(&trial, 0, TALLIED_PEAK, 6 * (1 + 0.5 * 0.9674 * 0.9971), 0.4);
    close_trial(&trial);
}

/* The mean number in a department and its largest mean in an hour of the day, from the
 * probabilities of every number there (Kolmogorov's equations, by small steps of Euler's
 * with Heun's correction), day after day until nothing changes. */
#define NUMBERS 200

static void flow(const double *p, double t, double staff, double *dp)
{
    double in = 6 * (1 + 0.5 * cos(2 * acos(-1) * t / 24));
    for (size_t n = 0; n < NUMBERS; n++)
        dp[n] = (n > 0 ? in * p[n - 1] : 0) - (n + 1 < NUMBERS ? in * p[n] : 0) -
                fmin((double)n, staff) * p[n] +
                (n + 1 < NUMBERS ? fmin((double)n + 1, staff) * p[n + 1] : 0);
}

static void kolmogorov(double staff, double *mean, double *peak)
{
    double p[NUMBERS] = {1}, a[NUMBERS], b[NUMBERS], next[NUMBERS], h = 0.01;
    double by_hour[24] = {0};
    for (size_t step = 0; step < 12 * 2400; step++) {
        flow(p, (double)step * h, staff, a);
        for (size_t n = 0; n < NUMBERS; n++)
            next[n] = p[n] + h * a[n];
        flow(next, (double)(step + 1) * h, staff, b);
        for (size_t n = 0; n < NUMBERS; n++) {
            if (step >= 11 * 2400)
                by_hour[step % 2400 / 100] += (double)n * p[n] / 100;
            p[n] += h / 2 * (a[n] + b[n]);
        }
    }
    *mean = *peak = 0;
    for (size_t hour = 0; hour < 24; hour++) {
        *mean += by_hour[hour] / 24;
        *peak = fmax(*peak, by_hour[hour]);
    }
}

/* The events have exactly that; the equations of the same file are 1 to 8 % high. */
static void queue__is_a_department(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        double staff, simulated; /* by another simulation of 400 days */
    } rows[] = {{"staff=8", 8, 9.57}, {"staff=10", 10, 6.82}, {"staff=12", 12, 6.21}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trial trial;
        double mean, peak;
        kolmogorov(rows[i].staff, &mean, &peak);
        assert_near(mean, rows[i].simulated, 0.03 * mean);
        run(&trial, "hospital/emergency", rows[i].set, 250);
        check(&trial, 0, TALLIED_PRESENT, mean, 0.4);
        check(&trial, 0, TALLIED_PEAK, peak, 1);
        check(&trial, 0, TALLIED_ARRIVALS, 144, 2);
        close_trial(&trial);
    }
}

/* --- stations of its own
 * ------------------------------------------------------------------ */

static const char head[] = "model w version 1\ntime h\n[parameters]\n"
                           "speed = 1 1/h fixed\nflow = 1 1/h fixed\n[equations]\n";
static const char foot[] = "[observations]\no : speed*1 h ~ add(1 1)\n";

static struct model *written(const char *text)
{
    struct model *model;
    char *whole = mem_format("%s%s%s", head, text, foot);
    assert_ok(model_parse(whole, strlen(whole), "w.twin", &model));
    mem_free(whole);
    return model;
}

/* Two machines in a row with no room between them and always more work: two thirds of
 * what one does, and a half of a service is spent blocked (Hunt, Oper Res 4:674, 1956).
 */
static void queue__blocks_the_server_upstream(void **state)
{
    (void)state;
    struct trial trial;
    struct model *model =
        written("a_rate1 = speed\na_arrivals = 500*flow\na_servers = 1\na_places = 1\n"
                "a_to_b = 1\nb_rate1 = speed\nb_servers = 1\nb_places = 1\n");
    open_model(&trial, model, "");
    assert_ok(queue_run(trial.queue, &trial.design, &trial.result));
    check(&trial, 1, TALLIED_ARRIVALS, 24 * 2 / 3.0, 0.6);
    check(&trial, 0, TALLIED_BOARDED, 0.5, 0.05);
    check(&trial, 1, TALLIED_OCCUPANCY, 2 / 3.0, 0.03);
    close_trial(&trial);
}

/* Shares go where they should, servers change by the hour, and nobody is lost on the way.
 */
static void queue__routes_by_shares(void **state)
{
    (void)state;
    struct trial trial;
    struct model *model =
        written("a_rate1 = speed\na_arrivals = 2*flow\na_to_b = 0.25\na_to_c = 0.5\n"
                "b_rate1 = speed/4\nb_arrivals = 0.5*flow\nc_rate1 = 2*speed\n"
                "c_servers = if(mod(time, 24 h) < 12 h, 3, 2)\n");
    open_model(&trial, model, "");
    assert_int_equal(queue_stations(trial.queue), 3);
    assert_string_equal(queue_station(trial.queue, 2), "c");
    assert_ok(queue_run(trial.queue, &trial.design, &trial.result));
    check(&trial, 0, TALLIED_PRESENT, 2, 0.1);
    check(&trial, 1, TALLIED_ARRIVALS, 24, 0.5);
    check(&trial, 1, TALLIED_PRESENT, 4, 0.2);
    check(&trial, 2, TALLIED_ARRIVALS, 24, 0.5);
    check(&trial, 2, TALLIED_SERVED, 0.5, 0.02);
    check(&trial, 2, TALLIED_OCCUPANCY, 0.2, 0.02);
    close_trial(&trial);
}

/* Jackson's network (Oper Res 5:518, 1957): each station as if it were alone. */
static void queue__is_jacksons_network(void **state)
{
    (void)state;
    struct trial trial;
    run(&trial, "hospital/flow", "day=0", 800);
    assert_int_equal(queue_stations(trial.queue), 3);
    check(&trial, 0, TALLIED_PRESENT, 2.5048, 0.1);
    check(&trial, 0, TALLIED_WAITED, 0.1135, 0.03);
    check(&trial, 1, TALLIED_PRESENT, 22.3741, 1.5);
    check(&trial, 1, TALLIED_WAITED, 0.1935, 0.06);
    check(&trial, 2, TALLIED_PRESENT, 2.8752, 0.4);
    check(&trial, 2, TALLIED_ARRIVALS, 24 * 1.2 * (0.02 + 0.25 * 0.05), 0.1);
    close_trial(&trial);
}

static void queue__is_the_same_for_the_same_seed(void **state)
{
    (void)state;
    struct trial trial[3];
    for (size_t i = 0; i < 3; i++) {
        struct model *model;
        assert_ok(library_load("hospital/ward", &model));
        open_model(&trial[i], model, "");
        trial[i].design.days = 20;
        trial[i].design.replications = 2;
        trial[i].design.seed = i == 2 ? 2 : 1;
        assert_ok(queue_run(trial[i].queue, &trial[i].design, &trial[i].result));
    }
    assert_true(memcmp(trial[0].result.mean, trial[1].result.mean,
                       sizeof trial[0].result.mean) == 0);
    assert_true(trial[0].result.mean[0][TALLIED_PRESENT] !=
                trial[2].result.mean[0][TALLIED_PRESENT]);
    for (size_t i = 0; i < 3; i++)
        close_trial(&trial[i]);
}

static bool stop(void *context, double share)
{
    (void)share;
    return ++*(size_t *)context < 3;
}

static void queue__refuses_what_is_no_ward(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"a = speed\n", "w declares no station"},
        {"a_rate1 = speed\na_second = 0.5\n",
         "station a: a_second and a_rate2 go together"},
        {"a_rate1 = speed\nb_rate1 = speed\nb_to_a = 1\n",
         "station b: a is not further down"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct queue *queue;
        struct model *model = written(rows[i].text);
        assert_true(queue_new(model, &queue) != ERR_OK);
        assert_string_equal(err_text(), rows[i].says);
        assert_null(queue);
        model_destroy(&model);
    }
}

static void queue__refuses_what_cannot_run(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"a_rate1 = speed\na_arrivals = -flow\n", "station a: arrivals is -1 at 0 h"},
        {"a_rate1 = speed\na_arrivals = flow\na_second = 1.5\na_rate2 = speed\n",
         "station a: second is 1.5 at"},
        {"a_rate1 = speed\na_arrivals = 1e6*flow\na_servers = 1\n",
         "a queue without end"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trial trial;
        open_model(&trial, written(rows[i].text), "");
        assert_int_equal(queue_run(trial.queue, &trial.design, &trial.result), ERR_RANGE);
        assert_non_null(strstr(err_text(), rows[i].says));
        close_trial(&trial);
    }
    struct trial trial;
    size_t asked = 0;
    open_model(&trial, written("a_rate1 = speed\na_arrivals = flow\n"), "");
    trial.design.progress = stop;
    trial.design.context = &asked;
    assert_int_equal(queue_run(trial.queue, &trial.design, &trial.result),
                     ERR_INTERRUPTED);
    assert_int_equal(asked, 3);
    close_trial(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue__loses_as_erlang_says),
        cmocka_unit_test(queue__waits_as_erlang_says),
        cmocka_unit_test(queue__waits_have_the_tail_of_one_server),
        cmocka_unit_test(queue__without_limit_is_poissons),
        cmocka_unit_test(queue__follows_the_day),
        cmocka_unit_test(queue__is_a_department),
        cmocka_unit_test(queue__blocks_the_server_upstream),
        cmocka_unit_test(queue__routes_by_shares),
        cmocka_unit_test(queue__is_jacksons_network),
        cmocka_unit_test(queue__is_the_same_for_the_same_seed),
        cmocka_unit_test(queue__refuses_what_is_no_ward),
        cmocka_unit_test(queue__refuses_what_cannot_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
