/* bench/store - what it costs to read patients' records from the encrypted store, packed
 * (node/signals) beside row by row (node/rows), and what the packed ones cost when
 * records come in.
 *
 *   build/bench/store [--json]
 *
 * The same patients, in one home under TMPDIR or /tmp, which is gone afterwards; both
 * readings alternate, in an order in which no patient stands beside the one before, and
 * give the same record. Processor time of one thread, the least of five times: what else
 * runs on the machine can only add. The disk's cache is hot, SQLite's (2 MB) is not. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "model/twin.h"
#include "node/patients.h"
#include "node/signals.h"

#define TIMES 5

static bool json, first_row = true;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void must(enum err err)
{
    if (err == ERR_OK)
        return;
    fprintf(stderr, "error: %s\n", err_text());
    exit(1);
}

/* --- records
 * ---------------------------------------------------------------------------------- */

static uint64_t chance = 88172645463325252u;

static double uniform(void)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (double)(chance >> 11) * 0x1p-53;
}

/* Days of bench/hovorka.twin: a reading every five minutes with so many decimals, three
 * meals, boluses and basal rates. */
static void glucose(struct record *record, size_t days, double decimals)
{
    size_t order = 0;
    must(record_covariate(record, 0, "BW", "kg", floor(60 + 30 * uniform()), order++));
    for (size_t d = 0; d < days; d++)
        for (size_t i = 0; i < 288; i++) {
            double time = 1440 * (double)d + 5 * (double)i;
            double value = 8 + 3 * sin((double)i / 40) + uniform();
            must(record_measurement(record, time, "cgm", "mmol/L",
                                    nearbyint(value * decimals) / decimals, CENSORED_NOT,
                                    order++));
            if (i % 96 != 84)
                continue;
            double meal = floor(40 + 40 * uniform());
            must(record_dose(record, time, "meal", "g", meal, 0, order++));
            must(record_dose(record, time, "insulin", "[iU]", floor(meal / 12), 0,
                             order++));
            must(record_covariate(record, time, "basal", "mU/min",
                                  floor(8 + 4 * uniform()), order++));
        }
}

static void day_of_a_sensor(struct record *record)
{
    glucose(record, 1, 10);
}

static void day_of_ten_digits(struct record *record)
{
    glucose(record, 1, 1e9);
}

static void month_of_a_sensor(struct record *record)
{
    glucose(record, 30, 10);
}

/* Ten visits in five years, of which each is a day of its own. */
static void visits(struct record *record)
{
    for (size_t i = 0; i < 10; i++)
        must(record_measurement(record,
                                nearbyint(500 * (double)i + 99 * uniform()) / 1000, "SBP",
                                "mm[Hg]", floor(110 + 50 * uniform()), CENSORED_NOT, i));
    must(record_covariate(record, 0, "AGE", "a", floor(40 + 40 * uniform()), 10));
    must(record_covariate(record, 0, "MALE", NULL, nearbyint(uniform()), 10));
}

static const struct work {
    const char *name, *model, *time_unit;
    size_t patients;
    void (*make)(struct record *record);
} works[] = {
    {"sensor_day", "bench/hovorka.twin", "min", 1000, day_of_a_sensor},
    {"sensor_day_ten_digits", "bench/hovorka.twin", "min", 1000, day_of_ten_digits},
    {"sensor_month", "bench/hovorka.twin", "min", 30, month_of_a_sensor},
    {"visits", "models/prevention/blood_pressure.twin", "a", 5000, visits},
};

/* --- a home
 * ------------------------------------------------------------------------------------ */

struct place {
    char *folder, *store;
    struct node *node;
};

static void open_place(struct place *place)
{
    const char *under = getenv("TMPDIR");
    place->folder = mem_format("%s/gemel-bench-XXXXXX", under && *under ? under : "/tmp");
    if (!mkdtemp(place->folder)) {
        fprintf(stderr, "error: no folder under %s\n", place->folder);
        exit(1);
    }
    must(node_create(place->folder, "bench", &place->node));
    place->store = file_join(place->folder, "gemel-node.db");
}

static void close_place(struct place *place)
{
    static const char *const files[] = {"gemel-node.db", "gemel-node.yaml", "store.key"};
    node_destroy(&place->node);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = file_join(place->folder, files[i]);
        unlink(path);
        mem_free(path);
    }
    rmdir(place->folder);
    mem_free(place->folder);
    mem_free(place->store);
}

static double store_bytes(const struct place *place)
{
    struct stat about;
    return stat(place->store, &about) == 0 ? (double)about.st_size : NAN;
}

/* --- in
 * ---------------------------------------------------------------------------------- */

static void put_patient(struct node *node, const struct work *work, int64_t id,
                        struct record *record, bool packed)
{
    struct query *query;
    struct rows_added added;
    must(
        store_query(node->store,
                    "INSERT INTO patients (id, name, pseudonym, time_unit, added, packed)"
                    " VALUES (?, ?, randomblob(16), ?, 1, 0)",
                    &query));
    char *name = mem_format("%lld", (long long)id);
    query_int(query, 1, id);
    query_text(query, 2, name);
    query_text(query, 3, work->time_unit);
    must(query_run(query));
    mem_free(name);
    must(rows_add(node, id, true, record, &added));
    if (packed)
        must(signals_follow(node, id, added.spans));
}

/* Seconds to store them all, which is what an import takes beside reading its file. */
static double put_all(struct node *node, const struct work *work,
                      struct record *const *records, bool packed)
{
    double begun = seconds();
    must(store_begin(node->store));
    for (size_t i = 0; i < work->patients; i++)
        put_patient(node, work, (int64_t)i + 1, records[i], packed);
    must(store_commit(node->store));
    return seconds() - begun;
}

/* --- out
 * --------------------------------------------------------------------------------- */

typedef enum err reading(struct node *node, int64_t id, struct record **record);

/* Seconds a patient to read everybody, and what making twins of them takes besides. */
static void read_all(struct node *node, const struct work *work,
                     const struct model *model, reading *read, double *each,
                     double *twins)
{
    struct prior_layout layout;
    double all = 0, some = 0;
    must(prior_layout(model, &layout));
    for (size_t i = 0; i < work->patients; i++) {
        struct record *record;
        struct twin *twin;
        double begun = seconds();
        must(read(node, (int64_t)(i * 7919 % work->patients) + 1, &record));
        double have = seconds();
        must(twin_new(model, &layout, record, &twin));
        twin_destroy(&twin);
        double gone = seconds();
        record_destroy(&record);
        all += have - begun + seconds() - gone;
        some += gone - have;
    }
    *each = fmin(*each, all / (double)work->patients);
    *twins = fmin(*twins, some / (double)work->patients);
}

static void show(const struct work *work, double in[2], const double size[2],
                 const double out[2], double twin, double rows)
{
    double n = (double)work->patients;
    if (json)
        printf("%s\n  {\"work\": \"%s\", \"patients\": %zu, \"rows_a_patient\": %.0f, "
               "\"by_rows_us\": %.4g, \"packed_us\": %.4g, \"ratio\": %.3g, "
               "\"twin_us\": %.4g, \"import_rows_us\": %.4g, \"import_both_us\": %.4g, "
               "\"bytes_a_row\": %.3g, \"packed_bytes_a_row\": %.3g}",
               first_row ? "" : ",", work->name, work->patients, rows / n, 1e6 * out[0],
               1e6 * out[1], out[0] / out[1], 1e6 * twin, 1e6 * in[0] / n,
               1e6 * in[1] / n, size[0] / rows, size[1] / rows);
    else
        printf("%-22s %6.0f rows  read %7.1f us by row, %6.1f packed: %4.1f (twin %6.1f)"
               "  import %7.0f us, %7.0f with both  %3.0f and %4.1f bytes a row\n",
               work->name, rows / n, 1e6 * out[0], 1e6 * out[1], out[0] / out[1],
               1e6 * twin, 1e6 * in[0] / n, 1e6 * in[1] / n, size[0] / rows,
               size[1] / rows);
    fflush(stdout);
    first_row = false;
}

static void measure(const struct work *work)
{
    double in[2] = {INFINITY, INFINITY}, size[2], out[2] = {INFINITY, INFINITY};
    double twin = INFINITY, rows = 0;
    struct model *model;
    struct place place;
    struct record **records = mem_new(work->patients, sizeof *records);
    char *path = file_join(SOURCE_DIR, work->model);
    must(model_load(path, &model));
    for (size_t i = 0; i < work->patients; i++) {
        records[i] = record_new("p", work->time_unit);
        work->make(records[i]);
        record_sort(records[i]);
        for (enum record_kind kind = 0; kind < RECORD_KINDS; kind++)
            rows += (double)record_rows(records[i], kind);
    }
    for (size_t t = 0; t < 3; t++)
        for (size_t both = 0; both < 2; both++) {
            open_place(&place);
            double empty = store_bytes(&place);
            in[both] = fmin(in[both], put_all(place.node, work, records, both));
            size[both] = store_bytes(&place) - empty;
            if (t < 2 || !both)
                close_place(&place);
        }
    size[1] -= size[0];
    for (size_t t = 0; t < TIMES; t++) {
        read_all(place.node, work, model, patients_disclose, &out[0], &twin);
        read_all(place.node, work, model, patients_record, &out[1], &twin);
    }
    close_place(&place);
    show(work, in, size, out, twin, rows);
    for (size_t i = 0; i < work->patients; i++)
        record_destroy(&records[i]);
    mem_free(records);
    mem_free(path);
    model_destroy(&model);
}

int main(int argc, char **argv)
{
    json = argc > 1 && strcmp(argv[1], "--json") == 0;
    if (json)
        printf("{\"store\": \"%s\", \"rows\": [", store_library());
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        measure(&works[i]);
    if (json)
        printf("\n]}\n");
    return 0;
}
