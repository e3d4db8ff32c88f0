#include "sim/hospitals.h"

#include <string.h>

#include "base/memory.h"

enum err hospitals_read(const struct dataset *dataset, const char *path,
                        const char *column, size_t *hospital, size_t *hospitals,
                        char ***names)
{
    char **labels;
    size_t count = dataset_patients(dataset), distinct = 0;
    if (dataset_labels(dataset, path, column, &labels) != ERR_OK)
        return err_code();
    size_t *first = mem_new(count, sizeof *first); /* patient of each hospital */
    for (size_t i = 0; i < count; i++) {
        size_t h = 0;
        while (h < distinct && strcmp(labels[first[h]], labels[i]) != 0)
            h++;
        if (h == distinct)
            first[distinct++] = i;
        hospital[i] = h;
    }
    if (names) {
        *names = mem_new(distinct, sizeof **names);
        for (size_t h = 0; h < distinct; h++)
            (*names)[h] = mem_text(labels[first[h]]);
    }
    for (size_t i = 0; i < count; i++)
        mem_free(labels[i]);
    mem_free(labels);
    mem_free(first);
    *hospitals = distinct;
    return ERR_OK;
}
