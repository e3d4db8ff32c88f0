#include "base/spelling.h"

#include <ctype.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t change(char a, char b)
{
    if (a == b)
        return 0;
    return tolower((unsigned char)a) == tolower((unsigned char)b) ? 1 : 2;
}

size_t spelling_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    if (a_size > SPELLING_WORD_MAX || b_size > SPELLING_WORD_MAX)
        return SPELLING_FAR;
    /* rows[i % 3][j]: from the first i letters of a to the first j of b. */
    size_t rows[3][SPELLING_WORD_MAX + 1];
    for (size_t i = 0; i <= a_size; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3],
               *second = rows[(i + 1) % 3];
        row[0] = 2 * i;
        for (size_t j = 1; j <= b_size; j++) {
            if (i == 0) {
                row[j] = 2 * j;
                continue;
            }
            row[j] = least(above[j - 1] + change(a[i - 1], b[j - 1]),
                           least(above[j], row[j - 1]) + 2);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], second[j - 2] + 2);
        }
    }
    return rows[a_size % 3][b_size];
}

const char *spelling_nearest(const char *word, const char *const *names, size_t count)
{
    size_t size = strlen(word), limit = size < 3 ? 2 : 2 * size / 3;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = spelling_distance(word, size, names[i], strlen(names[i]));
        if (distance <= limit && distance < 2 * size) {
            nearest = names[i];
            if (distance == 0)
                break;
            limit = distance - 1;
        }
    }
    return nearest;
}
