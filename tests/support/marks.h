#ifndef TESTS_SUPPORT_MARKS_H
#define TESTS_SUPPORT_MARKS_H

/* marks - the fields of the suite's canaries, patients whose every field is found nowhere
 * else, looked for in bytes; support/look.h looks in files.
 *
 * A canary is called canary, a number or nothing, Qx7. Her values are looked for as they
 * are printed with six digits or more, as IEEE doubles, either byte first, and as
 * node/packed has them: decimal places, then a whole number. */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const double marks_values[] = {131.41592, 61.803398875, 1234.5678, 271.828125};
static const char *const marks_texts[] = {"131.4159", "131.416", "61.8034", "61.80339",
                                          "1234.567", "1234.57", "271.828"};
static const char marks_packed[][5] = {{5, 0x58, (char)0x86, (char)0xc8, 0x00},
                                       {4, 0x4e, 0x61, (char)0xbc, 0x00},
                                       {6, (char)0x9d, (char)0xc4, 0x33, 0x10}};
#define MARKS_COUNT(list) (sizeof(list) / sizeof *(list))

/* "Qx7" a few bytes behind "canary". */
static inline bool marks_name_in(const char *data, size_t size)
{
    const char *at = data;
    while ((at = memmem(at, size - (size_t)(at - data), "Qx7", 3))) {
        size_t before = (size_t)(at - data) < 12 ? (size_t)(at - data) : 12;
        if (memmem(at - before, before, "canary", 6))
            return true;
        at++;
    }
    return false;
}

static inline bool marks_value_in(const char *data, size_t size, double value)
{
    char little[sizeof value], big[sizeof value];
    memcpy(little, &value, sizeof value);
    for (size_t i = 0; i < sizeof value; i++)
        big[i] = little[sizeof value - 1 - i];
    return memmem(data, size, little, sizeof value) ||
           memmem(data, size, big, sizeof value);
}

/* The first mark that stands in the bytes; NULL: none does. */
static inline const char *marks_in(const void *data, size_t size)
{
    if (marks_name_in(data, size))
        return "a canary's name";
    for (size_t i = 0; i < MARKS_COUNT(marks_texts); i++)
        if (memmem(data, size, marks_texts[i], strlen(marks_texts[i])))
            return marks_texts[i];
    for (size_t i = 0; i < MARKS_COUNT(marks_values); i++)
        if (marks_value_in(data, size, marks_values[i]))
            return "a canary's value as a double";
    for (size_t i = 0; i < MARKS_COUNT(marks_packed); i++)
        if (memmem(data, size, marks_packed[i], sizeof marks_packed[i]))
            return "a canary's value, packed";
    return NULL;
}

#endif
