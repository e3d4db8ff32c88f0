#include "target.h"

#include "trial.h"

static const char text[] =
    "model oral version 1 \"t\"\ntime h\n"
    "[parameters]\n"
    "ka = 1.5 1/h (0.01, 99) lognormal sd 0.6\n"
    "CL = 2.7 L/h (0.01, 99) lognormal sd 0.3\n"
    "V = 32 L (0.1, 999) estimated log\n"
    "[population]\ncorrelated ka, CL 0.4\n"
    "[doses]\noral -> depot mg\n"
    "[equations]\nd/dt(depot) = -ka*depot\n"
    "d/dt(central) = ka*depot - CL/V*central\n"
    "Cp = central/V\n"
    "[observations]\nlevel : Cp ~ combined2(add 0.3 mg/L, prop 0.1)\n";

struct one {
    struct request request;
    bool asked;
};

static struct request *next_one(void *context)
{
    struct one *one = context;
    bool asked = one->asked;
    one->asked = true;
    return asked ? NULL : &one->request;
}

static void done_one(void *context, struct request *request)
{
    (void)context;
    assert_ok(request->err);
}

static void sum_up(struct engine *engine, const struct target *target, const double *z,
                   const double *gamma, bool derivatives, double *sums)
{
    double phi[8], parameters[8];
    struct one one = {.request = twin_request(target->twin)};
    target_phi(target, z, phi);
    twin_parameters(target->model, target->layout, phi, gamma, parameters);
    one.request.parameters = parameters;
    one.request.subject = &target->subject;
    one.request.sums = sums;
    engine_run(engine, derivatives ? ENGINE_DERIVATIVES : ENGINE_VALUES,
               &(struct supply){next_one, done_one, &one});
}

/* Both ways to O, half its slope and its curvature agree, by lanes and by CVODES, and the
 * slope is O's. */
static void target__sums_and_details_agree(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    trial_model(&trial, text);
    trial_read(&trial, "theoph/data.csv", NULL);
    assert_ok(prior_from_model(trial.model, &prior));
    for (int solver = ENGINE_LANES; solver <= ENGINE_BDF; solver++) {
        struct engine_options options = {(enum engine_solver)solver, 1e-10};
        struct engine *engine = engine_new(trial.model, &trial.layout, &options);
        struct target target;
        target_init(&target, engine, trial.twins[3], prior);
        assert_int_equal(target.p, 2);
        assert_int_equal(target.q, 1);
        double z[] = {0.3, -0.4}, phi[2], sums[TALLY_SUMS(3)], value, h = 1e-4;
        const double *gamma = prior->population;
        struct detail detail = detail_new(&target);
        struct point point = point_new(2);
        target_phi(&target, z, phi);
        assert_ok(
            twin_predict(engine, target.twin, phi, gamma, detail.f, detail.jacobian));
        assert_ok(target_detail(&target, z, &detail));
        sum_up(engine, &target, z, gamma, true, sums);
        target_point(&target, z, sums, &point);
        assert_relative(point.objective, detail.point.objective, 1e-12);
        sum_up(engine, &target, z, gamma, false, &value);
        assert_relative(target_objective(&target, z, &value), point.objective, 1e-8);
        for (size_t a = 0; a < 2; a++) {
            double up[] = {z[0], z[1]}, down[] = {z[0], z[1]}, at[2];
            up[a] += h, down[a] -= h;
            sum_up(engine, &target, up, gamma, false, &value);
            at[0] = target_objective(&target, up, &value);
            sum_up(engine, &target, down, gamma, false, &value);
            at[1] = target_objective(&target, down, &value);
            assert_near(2 * point.gradient[a], (at[0] - at[1]) / (2 * h), 1e-3);
            assert_relative(point.gradient[a], detail.point.gradient[a], 1e-9);
            for (size_t b = 0; b < 2; b++)
                assert_near(point.curvature[2 * a + b], detail.point.curvature[2 * a + b],
                            1e-9);
        }
        assert_ok(target_whiten(&target, phi));
        for (size_t a = 0; a < 2; a++)
            assert_near(phi[a], z[a], 1e-14);
        detail_clear(&detail);
        point_clear(&point);
        target_clear(&target);
        engine_destroy(&engine);
    }
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* The effects of occasions stand behind the others and are independent of all, with the
 * prior's present sds. */
static void target__has_the_effects_of_occasions(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    struct target target;
    trial_model(&trial, "model m version 1 \"t\"\ntime h\n[parameters]\n"
                        "a = 1 mg normal sd 3 occasions 2 per 1 h sd 0.5\n"
                        "b = 1 mg normal sd 2\n"
                        "[population]\ncorrelated a, b 0.5\n"
                        "[observations]\ny : a + b ~ add(1 mg)\n");
    struct record *record = record_new("1", "h");
    trial_take(&trial, record);
    assert_ok(prior_from_model(trial.model, &prior));
    prior->residual[1] += log(3);
    target_init(&target, trial.engine, trial.twins[0], prior);
    const double omega[] = {9, 3, 0,    0, /* */
                            3, 4, 0,    0, /* */
                            0, 0, 2.25, 0, /* */
                            0, 0, 0,    2.25};
    assert_int_equal(target.p, 4);
    for (size_t a = 0; a < 4; a++)
        for (size_t b = 0; b < 4; b++) {
            double sum = 0;
            for (size_t c = 0; c < 4; c++)
                sum += target.whole.factor[a * 4 + c] * target.whole.factor[b * 4 + c];
            assert_near(target.whole.omega[a * 4 + b], omega[a * 4 + b], 1e-12);
            assert_near(sum, omega[a * 4 + b], 1e-12);
        }
    assert_near(target.centre[1], 1, 0);
    assert_near(target.centre[2], 0, 0);
    target_clear(&target);
    record_destroy(&record);
    prior_destroy(&prior);
    trial_clear(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target__sums_and_details_agree),
        cmocka_unit_test(target__has_the_effects_of_occasions),
    };
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
