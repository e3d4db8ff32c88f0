#include "check.h"

#include "every_model.h"
#include "follow.h"
#include "language.h"

static struct model *parse(const char *text)
{
    struct model *model;
    assert_ok(model_parse(text, strlen(text), "f", &model));
    return model;
}

/* Every transform, one of them behind an [individual] line; another parameter with
 * occasions; a dose that moves what is there. */
static const char text[] =
    HEAD "[parameters]\n"
         "a = 0.3 1/h (0.01, 9) lognormal sd 0.3 drifts sd 0.5 per 1 d\n"
         "b = 0.6 1 (0.1, 0.9) logitnormal sd 0.4 drifts sd 0.2 per 1 h back over 3 h\n"
         "c = 2 mg normal sd 0.4 mg drifts sd 100 ug per 1 h\n"
         "k = 0.2 1/h lognormal sd 0.2 occasions 2 per 4 h sd 0.1\n"
         "v = 3 L estimated log\n"
         "[covariates]\nW kg linear default 70\n"
         "[individual]\nai = a*(W/70 kg)^0.75\n"
         "[doses]\noral -> A mg fraction W/70 kg\n"
         "hit Gy : B = B*exp(-b*dose/1 [Gy])\n"
         "[equations]\n"
         "d/dt(A) = -ai*A init 5 mg noise 1 mg per 1 h\n"
         "d/dt(B) = b*ai*A - k*B init c\n"
         "share = b*B/(A + c)\n"
         "periodic 1 h after 2 periods\n"
         "[observations]\ny : (B + c)/v ~ add(1 mg/L)\n"
         "[outcomes]\nmost = max(B)\n";

/* With L off the transformed scale, rates and outputs are those of the model whose
 * parameter is moved so far. */
static void follow__moves_the_parameter_on_its_scale(void **state)
{
    (void)state;
    struct model *model = parse(text);
    struct follow *follow;
    assert_ok(follow_new(model, &follow));
    assert_int_equal(follow->states, 5);
    assert_int_equal(follow->drifts, 3);
    assert_int_equal(follow->written, 5);
    double parameters[7] = {0.3, 0.6, 2, 0.2, 3, 0.07, -0.05}, moved[7];
    double z[5] = {4, 1.5, 0.4, -0.7, 0.3}, covariates[1] = {82}, set[12];
    assert_int_equal(model_parameters(follow->model), 12);
    memcpy(moved, parameters, sizeof moved);
    for (size_t i = 0; i < 3; i++) {
        const struct model_parameter *one = model_parameter(model, follow->moves[i]);
        moved[follow->moves[i]] = transform_back(
            one, transform_forward(one, moved[follow->moves[i]]) + z[2 + i]);
    }
    follow_parameters(follow, model, parameters, z, set);
    struct evaluator *own = evaluator_new(model, false),
                     *filters = evaluator_new(follow->model, true);
    evaluator_individual(own, moved, covariates);
    evaluator_individual(filters, set, covariates);
    double rate[2], rates[5], f, seen, begin[5];
    assert_ok(evaluator_initial(filters, 0, begin, NULL));
    assert_memory_equal(begin, z, sizeof z);
    for (double t = 1; t < 8; t += 5) { /* on both occasions */
        assert_int_equal(evaluator_rate(own, t, z, rate), 0);
        assert_int_equal(evaluator_rate(filters, t, z, rates), 0);
        for (size_t i = 0; i < 2; i++)
            assert_relative(rates[i], rate[i], 1e-14);
        evaluator_outputs(own, t, z, NULL, &f, NULL, NULL);
        evaluator_outputs(filters, t, z, NULL, &seen, NULL, NULL);
        assert_relative(seen, f, 1e-14);
    }
    double lead;
    assert_ok(evaluator_lead(own, &lead, NULL));
    assert_near(lead, 2, 0);
    assert_ok(evaluator_lead(filters, &lead, NULL));
    assert_near(lead, 0, 0);
    assert_near(rates[2], 0, 0);
    assert_near(rates[3], 0.7 / 3, 1e-15);
    assert_near(rates[4], 0, 0);
    double x[5], y[5];
    memcpy(x, z, sizeof x);
    memcpy(y, z, sizeof y);
    evaluator_jump(own, 1, 1, 0.5, x, NULL);
    evaluator_jump(filters, 1, 1, 0.5, y, NULL);
    assert_relative(y[1], x[1], 1e-14);
    evaluator_destroy(&own);
    evaluator_destroy(&filters);
    follow_destroy(&follow);
    model_destroy(&model);
}

/* The unit matrix in the place of sensitivities gives derivatives by the states. */
static void follow__directions_are_the_states(void **state)
{
    (void)state;
    struct model *model = parse(text);
    struct follow *follow;
    assert_ok(follow_new(model, &follow));
    size_t d = model_directions(follow->model), n = follow->states;
    double parameters[7] = {0.3, 0.6, 2, 0.2, 3, 0.07, -0.05}, set[12],
           covariates[] = {82};
    double z[5] = {4, 1.5, 0.4, -0.7, 0.3}, side[5], f, up, down;
    double *s = mem_new(d * n, sizeof *s), *d_f = mem_new(d, sizeof *d_f);
    follow_parameters(follow, model, parameters, z, set);
    struct evaluator *evaluator = evaluator_new(follow->model, true);
    evaluator_individual(evaluator, set, covariates);
    for (size_t i = 0; i < n; i++)
        s[(follow->first + i) * n + i] = 1;
    assert_int_equal(evaluator_outputs(evaluator, 1, z, s, &f, d_f, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        double step = 1e-5;
        memcpy(side, z, sizeof z);
        side[i] = z[i] + step;
        evaluator_outputs(evaluator, 1, side, NULL, &up, NULL, NULL);
        side[i] = z[i] - step;
        evaluator_outputs(evaluator, 1, side, NULL, &down, NULL, NULL);
        assert_near(d_f[follow->first + i], (up - down) / (2 * step), 1e-9);
    }
    double x[5];
    memcpy(x, z, sizeof x);
    assert_int_equal(evaluator_jump(evaluator, 1, 1, 0.5, x, s), 0);
    double b = 0.1 + 0.8 / (1 + exp(-(log(0.5 / 0.3) - 0.7)));
    double d_b = (b - 0.1) * (0.9 - b) / 0.8;
    assert_relative(s[(follow->first + 1) * n + 1], exp(-b * 0.5), 1e-13);
    assert_relative(s[(follow->first + 3) * n + 1], -0.5 * d_b * z[1] * exp(-b * 0.5),
                    1e-13);
    assert_near(s[(follow->first + 0) * n + 0], 1, 0);
    evaluator_destroy(&evaluator);
    mem_free(s);
    mem_free(d_f);
    follow_destroy(&follow);
    model_destroy(&model);
}

/* 40 parameters and 24 states fit without a drift, and not with one. */
static void follow__knows_its_limits(void **state)
{
    (void)state;
    for (int drifts = 0; drifts < 2; drifts++) {
        struct bytes text_of = {0};
        const char *tail = drifts ? " drifts sd 1 per 1 d\n" : "\n";
        char line[200];
#define ADD(...)                                                                         \
    do {                                                                                 \
        snprintf(line, sizeof line, __VA_ARGS__);                                        \
        bytes_append(&text_of, line, strlen(line));                                      \
    } while (0)
        ADD(HEAD "[parameters]\nk = 1 1/h lognormal sd 1%s", tail);
        for (int i = 1; i < 40; i++)
            ADD("p%d = 1 1 fixed\n", i);
        ADD("[equations]\n");
        for (int i = 0; i < 24; i++)
            ADD("d/dt(x%d) = -k*x%d unit mg\n", i, i);
        struct model *model;
        struct follow *follow;
        assert_ok(model_parse((const char *)text_of.data, text_of.size, "f", &model));
        if (drifts)
            assert_refused(ERR_RANGE, "too large to be followed",
                           follow_new(model, &follow));
        else
            assert_ok(follow_new(model, &follow));
        if (!drifts)
            follow_destroy(&follow);
        model_destroy(&model);
        bytes_free(&text_of);
    }
}

/* What decides once is not moved, nor what has occasions; what drifts comes first. */
static void follow__moves_what_it_can(void **state)
{
    (void)state;
    struct model *model =
        parse(HEAD "[parameters]\n"
                   "F = 0.5 1 (0, 1) logitnormal sd 1\n"
                   "tl = 1 h lognormal sd 0.1\n"
                   "CL = 2 L/h lognormal sd 0.3\n"
                   "sw = 9 h lognormal sd 0.2\n"
                   "o = 1 1/h lognormal sd 0.2 occasions 2 per 9 h sd 0.1\n"
                   "e = 3 L estimated\n"
                   "V = 9 L lognormal sd 0.2 drifts sd 0.1 per 1 d\n"
                   "[individual]\nshare = 0.9*F\n"
                   "[doses]\noral -> A mg fraction share lag tl\n"
                   "[equations]\nd/dt(A) = -(CL/V + if(time < sw, o, CL/e))*A\n"
                   "[observations]\ny : A/V ~ add(1 mg/L)\n");
    struct follow *follow;
    assert_ok(follow_new(model, &follow));
    assert_int_equal(follow->drifts, 1);
    assert_int_equal(follow->moved, 2);
    assert_string_equal(model_parameter(model, follow->moves[0])->name, "V");
    assert_string_equal(model_parameter(model, follow->moves[1])->name, "CL");
    assert_string_equal(model_state(follow->model, 2)->name, "CL.off");
    follow_destroy(&follow);
    model_destroy(&model);
}

static void visit(struct model *model)
{
    struct follow *follow;
    assert_ok(follow_new(model, &follow));
    assert_true(follow->states >= model_states(model));
    follow_destroy(&follow);
}

static void follow__takes_every_model_of_the_house(void **state)
{
    (void)state;
    assert_in_range(every_model("models/*/*.twin", visit), 60, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follow__moves_the_parameter_on_its_scale),
        cmocka_unit_test(follow__directions_are_the_states),
        cmocka_unit_test(follow__knows_its_limits),
        cmocka_unit_test(follow__moves_what_it_can),
        cmocka_unit_test(follow__takes_every_model_of_the_house),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
