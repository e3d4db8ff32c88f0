#ifndef TESTS_MODEL_EXAMPLE_COURSE_H
#define TESTS_MODEL_EXAMPLE_COURSE_H

/* example_course - a model's own example (model/example), as a course takes it. */

#include "course.h"
#include "model/example.h"
#include "model/library.h"

struct example_course {
    char *set, *doses; /* as course_open_text has them */
    double from, until;
};

/* "NAME=VALUE" or "NAME=VALUE @ TIME UNIT", of the model's unit. */
static inline void example_course_set(struct bytes *set, const char *value)
{
    const char *at = strchr(value, '@');
    bytes_append(set, value, strcspn(value, " "));
    if (at) {
        bytes_append(set, "@", 1);
        at += 1 + strspn(at + 1, " ");
        bytes_append(set, at, strcspn(at, " "));
    }
    bytes_append(set, " ", 1);
}

static inline struct example_course example_course_read(const struct library_model *one)
{
    struct example example;
    struct example_course out = {.from = 0, .until = 1};
    struct bytes set = {0}, doses = {0};
    assert_ok(example_read(one->text, strlen(one->text), "Example", &example));
    for (size_t i = 0; i < example.count; i++) {
        const char *name = example.options[i].name, *value = example.options[i].value;
        if (strcmp(name, "over") == 0) { /* where it begins */
            bytes_append(&set, value, strcspn(value, ":"));
            bytes_append(&set, " ", 1);
        } else if (strcmp(name, "set") == 0) {
            example_course_set(&set, value);
        } else if (strcmp(name, "dose") == 0) {
            bytes_append(&doses, value, strlen(value));
            bytes_append(&doses, ";", 1);
        } else if (strcmp(name, "at") == 0) {
            out.from = strtod(value, NULL);
            out.until = strtod(strrchr(value, ':') + 1, NULL);
        }
    }
    out.set = mem_format("%.*s", (int)set.size, set.size ? (const char *)set.data : "");
    out.doses =
        mem_format("%.*s", (int)doses.size, doses.size ? (const char *)doses.data : "");
    bytes_free(&set);
    bytes_free(&doses);
    example_clear(&example);
    return out;
}

static inline void example_course_free(struct example_course *course)
{
    mem_free(course->set);
    mem_free(course->doses);
}

#endif
