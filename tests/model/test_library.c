#include "model/library.h"

#include <glob.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "scratch.h"

static void library__holds_every_file_to_the_byte(void **state)
{
    (void)state;
    glob_t found;
    size_t folder = strlen(SOURCE_DIR "/models/");
    assert_int_equal(glob(SOURCE_DIR "/models/*/*.twin", 0, NULL, &found), 0);
    assert_int_equal(library_models(), found.gl_pathc);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct bytes file = {0};
        const struct library_model *model = library_model(i);
        char *name = mem_format("%s.twin", model->name);
        assert_string_equal(name, found.gl_pathv[i] + folder);
        assert_ok(file_read(found.gl_pathv[i], MODEL_TEXT_MAX, &file));
        assert_int_equal(strlen(model->text), file.size);
        assert_memory_equal(model->text, file.data, file.size);
        bytes_free(&file);
        mem_free(name);
    }
    globfree(&found);
}

static void library__knows_a_model_by_its_name_with_or_without_folder(void **state)
{
    (void)state;
    struct model *short_name, *long_name, *file;
    assert_ok(library_load("theophylline", &short_name));
    assert_ok(library_load("drugs/theophylline", &long_name));
    assert_ok(library_load(SOURCE_DIR "/models/drugs/theophylline.twin", &file));
    assert_string_equal(model_canonical(short_name), model_canonical(file));
    assert_string_equal(model_canonical(long_name), model_canonical(file));
    model_destroy(&short_name);
    model_destroy(&long_name);
    model_destroy(&file);
}

static void library__names_are_short_names_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < library_models(); i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(strrchr(library_model(i)->name, '/'),
                                    strrchr(library_model(k)->name, '/'));
}

static void library__prefers_a_file(void **state)
{
    static const char text[] = "model mine version 1 \"Mine\"\n";
    struct bytes read = {0};
    char *path = scratch_path(*state, "theophylline");
    assert_ok(file_write(path, text, strlen(text), 0644));
    assert_ok(library_read(path, &read));
    assert_int_equal(read.size, strlen(text));
    bytes_free(&read);
    free(path);
}

static void library__says_what_may_have_been_meant(void **state)
{
    (void)state;
    struct bytes read = {0};
    assert_refused(ERR_NOT_FOUND, "theophyline is neither a file nor a model",
                   library_read("theophyline", &read));
    assert_string_equal(err_hint_text(), "did you mean theophylline?");
    assert_refused(ERR_NOT_FOUND, "qqqqqqqq", library_read("no/qqqqqqqq", &read));
    assert_non_null(strstr(err_hint_text(), "model list"));
    assert_int_equal(read.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(library__holds_every_file_to_the_byte),
        cmocka_unit_test(library__knows_a_model_by_its_name_with_or_without_folder),
        cmocka_unit_test(library__names_are_short_names_once),
        cmocka_unit_test_setup_teardown(library__prefers_a_file, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test(library__says_what_may_have_been_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
