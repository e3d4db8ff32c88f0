#ifndef TESTS_SUPPORT_GOLDEN_H
#define TESTS_SUPPORT_GOLDEN_H

/* golden - read a table of tests/golden: a header line, then rows of plain fields without
 * quotes. A missing file, column or row fails the test that asked. */

#include "check.h"

#define GOLDEN_COLUMNS 16

struct golden {
    FILE *file;
    char names[1024], line[1024];
    char *name[GOLDEN_COLUMNS], *field[GOLDEN_COLUMNS];
    size_t columns;
    int rows;
};

static inline size_t golden_split(char *line, char **fields)
{
    size_t count = 0;
    line[strcspn(line, "\r\n")] = 0;
    for (char *rest = line; rest && count < GOLDEN_COLUMNS;)
        fields[count++] = strsep(&rest, ",");
    return count;
}

static inline struct golden golden_open(const char *file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/%s", SOURCE_DIR, file);
    struct golden golden = {.file = fopen(path, "r")};
    assert_non_null(golden.file);
    assert_non_null(fgets(golden.names, sizeof golden.names, golden.file));
    return golden;
}

static inline int golden_next(struct golden *golden)
{
    if (golden->columns == 0)
        golden->columns = golden_split(golden->names, golden->name);
    if (!fgets(golden->line, sizeof golden->line, golden->file)) {
        fclose(golden->file);
        return 0;
    }
    assert_int_equal(golden_split(golden->line, golden->field), golden->columns);
    golden->rows++;
    return 1;
}

static inline const char *golden_text(const struct golden *golden, const char *name)
{
    for (size_t i = 0; i < golden->columns; i++)
        if (strcmp(golden->name[i], name) == 0)
            return golden->field[i];
    fail_msg("no column %s", name);
    return NULL;
}

static inline double golden_number(const struct golden *golden, const char *name)
{
    const char *text = golden_text(golden, name);
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end)
        fail_msg("%s: \"%s\" is not a number", name, text);
    return value;
}

#endif
