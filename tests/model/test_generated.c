#include "generated.h"

#include "base/file.h"
#include "check.h"
#include "every_model.h"
#include "generate.h"
#include "same_streams.h"

static void compare_model(struct model *model)
{
    assert_int_equal(model_execution(model), EXECUTION_GENERATED);
    for (size_t i = 0; i < PROGRAM_STREAMS; i++) {
        const struct stream *stream = program_stream(model->program, i);
        const struct program *program = model->program;
        bool seldom = stream == &program->linear || stream == &program->linear_slopes ||
                      stream == &program->gap_by || stream == &program->gap_slopes;
        bool made =
            stream->count > 0 && stream->count <= GENERATE_INSTRUCTIONS_MAX && !seldom;
        assert_int_equal(stream->generated || stream->rates, made);
        if (stream->count > 0)
            compare_stream(model->program, stream, 40);
    }
}

static void generated__gives_the_interpreters_bits(void **state)
{
    (void)state;
    assert_true(every_model("models/*/*.twin", compare_model) >= 15);
    assert_true(every_model("bench/*.twin", compare_model) >= 1);
}

/* --- and only for what it was made of
 * ------------------------------------------------------ */

static struct model *changed(const char *from, const char *to)
{
    struct bytes text = {0};
    struct model *model;
    assert_ok(
        file_read(SOURCE_DIR "/models/drugs/theophylline.twin", MODEL_TEXT_MAX, &text));
    bytes_append(&text, "", 1);
    const char *at = strstr((const char *)text.data, from);
    assert_non_null(at);
    char *other = mem_format("%.*s%s%s", (int)(at - (const char *)text.data),
                             (const char *)text.data, to, at + strlen(from));
    assert_ok(model_parse(other, strlen(other), "changed", &model));
    mem_free(other);
    bytes_free(&text);
    return model;
}

static void generated__is_found_by_what_a_text_means(void **state)
{
    (void)state;
    struct model *model = changed("[doses]", "# a comment\n\n[doses]");
    assert_int_equal(model_execution(model), EXECUTION_GENERATED);
    assert_non_null(strstr(execution_name(model_execution(model)), "generated"));
    model_interpret(model);
    assert_int_equal(model_execution(model), EXECUTION_INTERPRETER);
    generated_attach(model, generated_models);
    assert_int_equal(model_execution(model), EXECUTION_GENERATED);
    model_destroy(&model);
    model = changed("CL = 3 ", "CL = 2.5 ");
    assert_int_equal(model_execution(model), EXECUTION_GENERATED);
    model_destroy(&model);
    model = changed("d/dt(depot)   = -", "d/dt(depot)   = -1.5*");
    assert_int_equal(model_execution(model), EXECUTION_INTERPRETER);
    model_destroy(&model);
}

/* As if another library had folded a constant otherwise. */
static void generated__is_not_run_for_another_program(void **state)
{
    (void)state;
    struct model *model = changed("[doses]", "[doses]");
    struct program *p = model->program;
    model_interpret(model);
    assert_true(p->constant_count > 1);
    p->image[1] = nextafter(p->image[1], INFINITY);
    generated_attach(model, generated_models);
    assert_int_equal(model_execution(model), EXECUTION_INTERPRETER);
    p->image[1] = nextafter(p->image[1], -INFINITY);
    generated_attach(model, generated_models);
    assert_int_equal(model_execution(model), EXECUTION_GENERATED);
    model_interpret(model);
    p->rate.instructions[0].op = OP_ADD;
    generated_attach(model, generated_models);
    assert_int_equal(model_execution(model), EXECUTION_INTERPRETER);
    model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated__gives_the_interpreters_bits),
        cmocka_unit_test(generated__is_found_by_what_a_text_means),
        cmocka_unit_test(generated__is_not_run_for_another_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
