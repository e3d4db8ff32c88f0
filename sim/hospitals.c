#include "sim/hospitals.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* H2 comes before H10. */
static int by_name(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

/* The different labels, sorted; the caller frees the list, not the texts. */
static char **distinct(char *const *labels, size_t count, size_t *found)
{
    char **all = mem_copy(labels, count * sizeof *labels);
    qsort(all, count, sizeof *all, by_name);
    *found = 0;
    for (size_t i = 0; i < count; i++)
        if (*found == 0 || strcmp(all[*found - 1], all[i]) != 0)
            all[(*found)++] = all[i];
    return all;
}

static enum err read_labels(const struct dataset *dataset, const char *path,
                            const char *column, char ***labels)
{
    enum err err = dataset_labels(dataset, path, column, labels);
    if (err == ERR_NOT_FOUND && !column)
        err_hint("--hospitals is a table (docs/formats.md), or a number of hospitals to "
                 "which patients are dealt in turn");
    return err;
}

/* "H1", "H2", ..., "H1" again. */
static enum err deal(const struct dataset *dataset, const char *number,
                     const char *column, char ***labels)
{
    size_t patients = dataset_patients(dataset);
    unsigned long long hospitals = strtoull(number, NULL, 10);
    if (column)
        return err_set(ERR_USAGE,
                       "--column is a hospitals table's; --hospitals is a number");
    if (hospitals < 1 || hospitals > patients)
        return err_set(ERR_USAGE, "--hospitals: %s, with %zu patients", number, patients);
    *labels = mem_new(patients, sizeof **labels);
    for (size_t i = 0; i < patients; i++)
        (*labels)[i] = mem_format("H%llu", i % hospitals + 1);
    return ERR_OK;
}

enum err hospitals_read(const struct dataset *dataset, const char *where,
                        const char *column, size_t *hospital, size_t *hospitals,
                        char ***names)
{
    char **labels;
    size_t count = dataset_patients(dataset);
    bool is_number = *where && strspn(where, "0123456789") == strlen(where);
    if ((is_number ? deal(dataset, where, column, &labels)
                   : read_labels(dataset, where, column, &labels)) != ERR_OK)
        return err_code();
    char **different = distinct(labels, count, hospitals);
    for (size_t i = 0; i < count; i++) {
        char **found =
            bsearch(&labels[i], different, *hospitals, sizeof *different, by_name);
        hospital[i] = (size_t)(found - different);
    }
    if (names) {
        *names = mem_new(*hospitals, sizeof **names);
        for (size_t h = 0; h < *hospitals; h++)
            (*names)[h] = mem_text(different[h]);
    }
    for (size_t i = 0; i < count; i++)
        mem_free(labels[i]);
    mem_free(labels);
    mem_free(different);
    return ERR_OK;
}
