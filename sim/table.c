#include "sim/table.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "model/unit.h"
#include "sim/heldout.h"

const char *table_cell(const struct table *table, size_t row, size_t column)
{
    return table->cells[row * table->columns + column];
}

void table_destroy(struct table **table)
{
    struct table *gone = *table;
    if (!gone)
        return;
    for (size_t i = 0; i < (1 + gone->rows) * gone->columns; i++)
        mem_free(gone->cells[i]);
    mem_free(gone->cells);
    mem_free(gone);
    *table = NULL;
}

static struct table *table_new(const char *const *headings, size_t columns)
{
    struct table *table = mem_new(1, sizeof *table);
    table->columns = columns;
    MEM_GROW(table->cells, columns, &table->capacity);
    for (size_t i = 0; i < columns; i++)
        table->cells[i] = mem_text(headings[i]);
    return table;
}

/* Takes the cells. */
static void add_row(struct table *table, char *const *cells)
{
    size_t at = (1 + table->rows) * table->columns;
    MEM_GROW(table->cells, at + table->columns, &table->capacity);
    memcpy(table->cells + at, cells, table->columns * sizeof *cells);
    table->rows++;
}

/* Empty for what is not known. */
static char *digits(int significant, double value)
{
    return isnan(value) ? mem_text("") : mem_format("%.*g", significant, value);
}

static char *decimals(int after, double value, const char *unit)
{
    return isnan(value) ? mem_text("") : mem_format("%.*f%s", after, value, unit);
}

#define HEADINGS(...) ((const char *const[]){__VA_ARGS__})

struct table *table_hospitals(const struct json *result)
{
    struct table *table =
        table_new(HEADINGS("hospital", "patients", "measurements", "epsilon"), 4);
    const struct json *list = json_get(result, "hospitals");
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *one = json_at(list, i);
        char *cells[] = {mem_text(json_get_text(one, "name")),
                         decimals(0, json_get_real(one, "patients"), ""),
                         decimals(0, json_get_real(one, "measurements"), ""),
                         digits(4, json_get_real(one, "epsilon"))};
        add_row(table, cells);
    }
    return table;
}

struct table *table_numbers(const struct json *result)
{
    struct table *table = table_new(
        HEADINGS("number", "start", "learned", "95 % interval", "pooled fit"), 5);
    const struct json *list = json_get(result, "comparison");
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *one = json_at(list, i);
        double low = json_get_real(one, "shared_low"),
               high = json_get_real(one, "shared_high");
        char *cells[] = {
            unit_label(json_get_text(one, "name"), json_get_text(one, "unit")),
            digits(4, json_get_real(one, "start")),
            digits(5, json_get_real(one, "shared")),
            isnan(low) ? mem_text("") : mem_format("%.4g to %.4g", low, high),
            digits(5, json_get_real(one, "pooled"))};
        add_row(table, cells);
    }
    return table;
}

char *table_prior_name(const struct json *result, const char *prior)
{
    const struct json *held = json_get(result, "held_out");
    if (strcmp(prior, "shared") == 0)
        return mem_text("shared");
    if (strcmp(prior, "start") == 0)
        return mem_text("model file");
    return mem_format("%s alone (%.0f)", json_get_text(held, "clinic"),
                      json_get_real(held, "clinic_patients"));
}

static void add_known(struct table *table, const struct json *result, size_t known)
{
    const struct json *list = json_get(json_get(result, "held_out"), "errors");
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *one = json_at(list, i);
        if ((size_t)json_get_real(one, "known") != known)
            continue;
        char *cells[] = {decimals(0, json_get_real(one, "known"), ""),
                         table_prior_name(result, json_get_text(one, "prior")),
                         mem_format("%s, %s", json_get_text(one, "quantity"),
                                    json_get_text(one, "scale")),
                         decimals(0, json_get_real(one, "count"), ""),
                         decimals(4, json_get_real(one, "rmse"), ""),
                         decimals(4, json_get_real(one, "mae"), ""),
                         decimals(1, 100 * json_get_real(one, "within_80"), " %"),
                         decimals(1, 100 * json_get_real(one, "within_95"), " %")};
        add_row(table, cells);
    }
}

struct table *table_held_out(const struct json *result)
{
    struct table *table =
        table_new(HEADINGS("known", "prior", "error of", "people", "rms error",
                           "mean abs.", "in 80 %", "in 95 %"),
                  8);
    for (size_t known = 0; known <= HELDOUT_KNOWN_MOST; known++)
        add_known(table, result, known);
    return table;
}
