#ifndef TESTS_NODE_CANARY_H
#define TESTS_NODE_CANARY_H

/* canary - a hospital with a patient whose every field is found nowhere else, and where
 * to look for them: in the decrypted pages of the store, or in any bytes. */

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "node/patients.h"
#include "pages.h"
#include "privacy/audit.h"
#include "scratch.h"

static const char canary_model[] =
    "model drug version 1 \"t\"\ntime h\n"
    "[parameters]\nka = 1.5 1/h (0.01, 20) lognormal sd 0.6\n"
    "V = 30 L (1, 1000) lognormal sd 0.2 on WT\n"
    "[covariates]\nWT kg centre 70 scale 30\n"
    "[doses]\noral -> depot mg\n"
    "[equations]\nd/dt(depot) = -ka*depot\n"
    "d/dt(central) = ka*depot - ka*central\nCp = central/V unit mg/L\n"
    "[observations]\nCP : Cp ~ add(0.7 mg/L)\n";

/* Every field of hers is found nowhere else. */
#define CANARY "canary-Qx7Zw"
#define CANARY_TIME 1234.5678
#define CANARY_VALUE 131.41592
#define CANARY_DOSE 271.828125
#define CANARY_WEIGHT 61.803398875
static const char canary_table[] =
    "ID,TIME,AMT,CP,WT\n"
    "anna,0,100,.,70\nanna,1.5,.,3.25,70\n" CANARY
    ",0.25,271.828125,.,61.803398875\n" CANARY ",1234.5678,.,131.41592,61.803398875\n"
    "bert,0,100,.,80\nbert,2.5,.,2.75,80\n";

struct canary {
    void *directory;
    char *folder;
    struct node *node;
};

static inline int canary_set_up(void **state)
{
    struct canary *h = mem_new(1, sizeof *h);
    if (scratch_setup(&h->directory) != 0)
        return -1;
    h->folder = scratch_path(h->directory, "home");
    assert_ok(node_create(h->folder, "St Anna", &h->node));
    *state = h;
    return 0;
}

static inline int canary_tear_down(void **state)
{
    struct canary *h = *state;
    node_destroy(&h->node);
    free(h->folder);
    int failed = scratch_teardown(&h->directory);
    mem_free(h);
    return failed;
}

static inline enum err canary_import(struct canary *h, const char *text,
                                     struct patients_import *report)
{
    char *csv = scratch_path(h->directory, "t.csv");
    struct model *model;
    struct dataset *dataset;
    uint8_t hash[HASH_BYTES];
    assert_ok(file_write(csv, text, strlen(text), 0600));
    assert_ok(model_parse(canary_model, strlen(canary_model), "drug", &model));
    assert_ok(dataset_read(csv, NULL, model, &dataset));
    bytes_hash("gemel/import/1", text, strlen(text), hash);
    enum err err = patients_import(h->node, dataset, "t.csv", hash, 1764000000, false,
                                   NULL, NULL, report);
    dataset_destroy(&dataset);
    model_destroy(&model);
    free(csv);
    return err;
}

static inline void canary_import_table(struct canary *h)
{
    struct patients_import report;
    assert_ok(canary_import(h, canary_table, &report));
    assert_int_equal(report.patients_new, 3);
}

static inline int64_t canary_id(struct canary *h, const char *name)
{
    int64_t id;
    assert_ok(patients_find(h->node, name, &id));
    return id;
}

/* Charge a release to everybody who may be used, as node/part does. */
static inline void canary_charge(struct node *node, uint64_t round)
{
    static const uint8_t study[LEDGER_STUDY_BYTES];
    struct patient *patients;
    size_t count;
    const struct ledger_entry entry = {.round = round,
                                       .attempt = 1,
                                       .noise_multiplier = 40,
                                       .wall = 1764000000,
                                       .dimension = 35,
                                       .noise_log2 = 20};
    const struct audit_entry about = {.kind = AUDIT_RELEASE,
                                      .wall = entry.wall,
                                      .study = study,
                                      .round = round,
                                      .attempt = 1};
    assert_ok(patients_list(node, &patients, &count));
    uint8_t(*pseudonyms)[LEDGER_PSEUDONYM_BYTES] = mem_new(count, sizeof *pseudonyms);
    for (size_t i = 0; i < count; i++)
        memcpy(pseudonyms[i], patients[i].pseudonym, LEDGER_PSEUDONYM_BYTES);
    assert_ok(store_begin(node->store));
    assert_ok(ledger_charge(node->ledger, &entry,
                            (const uint8_t(*)[LEDGER_PSEUDONYM_BYTES])pseudonyms, count,
                            100));
    assert_ok(audit_write(node->store, &about, "charged"));
    assert_ok(store_commit(node->store));
    mem_free(pseudonyms);
    patients_free(patients, count);
}

static inline void canary_pages(struct canary *h, struct bytes *plain)
{
    char *store = file_join(h->folder, "gemel-node.db");
    char *path = file_join(h->folder, "store.key");
    void *key;
    node_destroy(&h->node);
    assert_ok(file_read_secret(path, STORE_KEY_BYTES, &key));
    pages_decrypt(store, key, plain);
    secret_free(key);
    assert_ok(node_open(h->folder, &h->node));
    free(store);
    free(path);
}

/* How many of the canary's fields stand in `bytes`. */
static inline size_t canary_count(const struct bytes *bytes)
{
    static const double reals[] = {CANARY_TIME, CANARY_VALUE, CANARY_DOSE, CANARY_WEIGHT};
    size_t found = pages_hold(bytes, CANARY, strlen(CANARY));
    for (size_t i = 0; i < 4; i++) {
        uint8_t little[8];
        memcpy(little, &reals[i], sizeof little);
        found += pages_hold_real(bytes, reals[i]) || pages_hold(bytes, little, 8);
    }
    for (size_t i = 0; i < MARKS_COUNT(marks_packed); i++) /* and once more, packed */
        found += pages_hold(bytes, marks_packed[i], sizeof marks_packed[i]);
    return found;
}

/* In the decrypted pages of the store. */
static inline size_t canary_markers(struct canary *h)
{
    struct bytes plain = {0};
    canary_pages(h, &plain);
    size_t found = canary_count(&plain);
    assert_true(pages_hold(&plain, "anna", 4)); /* the others are still there */
    bytes_free(&plain);
    return found;
}

#endif
