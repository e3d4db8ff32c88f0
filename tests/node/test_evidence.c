#include "check.h"
#include "hospital.h"

#include "node/evidence.h"

/* test_node_evidence write FILE makes an export for tests/node/check_evidence.py and
 * prints what the node says of it. */

static size_t lines_with(const struct bytes *file, const char *part)
{
    size_t count = 0;
    char *text = mem_text_n((const char *)file->data, file->size);
    for (const char *at = text; (at = strstr(at, part)); at++)
        count++;
    mem_free(text);
    return count;
}

static void evidence__has_every_entry_once(void **state)
{
    struct hospital *h = *state;
    struct bytes bare = {0}, whole = {0};
    uint64_t length;
    hospital_release(h, 1, 3, 4);
    hospital_release(h, 2, 4097, 4); /* a list of two lines */
    assert_ok(audit_verify(h->node->store, &length, NULL));
    assert_ok(evidence_write(h->node, false, NOW, &bare));
    assert_ok(evidence_write(h->node, true, NOW, &whole));
    assert_int_equal(lines_with(&bare, "{\"audit\": "), length);
    assert_int_equal(lines_with(&bare, "{\"ledger\": "), 0);
    assert_int_equal(lines_with(&whole, "{\"audit\": "), length);
    assert_int_equal(lines_with(&whole, "{\"ledger\": "), 2);
    assert_int_equal(lines_with(&whole, "{\"charged\": "), 3);
    assert_int_equal(lines_with(&whole, "\n"), 1 + length + 5 + 1);
    bytes_free(&bare);
    bytes_free(&whole);
}

static void evidence__is_signed_by_the_node(void **state)
{
    struct hospital *h = *state;
    struct bytes file = {0};
    uint8_t signature[IDENTITY_SIGNATURE_BYTES];
    assert_ok(evidence_write(h->node, true, NOW, &file));
    file.size--; /* the last line's end */
    char *text = mem_text_n((const char *)file.data, file.size);
    char *last = strrchr(text, '\n') + 1;
    size_t signed_size = file.size - strlen(last);
    assert_memory_equal(last, "{\"signature\": \"", 15);
    char digits[2 * IDENTITY_SIGNATURE_BYTES + 1];
    memcpy(digits, last + 15, sizeof digits - 1);
    digits[sizeof digits - 1] = '\0';
    assert_ok(bytes_from_hex(digits, signature, sizeof signature));
    assert_ok(identity_verify(h->node->key, "gemel/audit-file/1", file.data, signed_size,
                              signature));
    mem_free(text);
    bytes_free(&file);
}

/* No patient by name, none by value. */
static void evidence__names_nobody(void **state)
{
    struct hospital *h = *state;
    struct bytes file = {0};
    hospital_patients(h, PATIENTS);
    assert_ok(evidence_write(h->node, true, NOW, &file));
    assert_int_equal(lines_with(&file, "\"" HOSPITAL_PATIENT(0) "\""), 0);
    assert_int_equal(lines_with(&file, "patients.csv"), 0);
    assert_int_equal(lines_with(&file, "\"import\""), 1);
    bytes_free(&file);
}

/* Whatever was claimed stands with the re-anchoring, and no number is there twice. */
static void evidence__goes_on_behind_a_reanchoring(void **state)
{
    struct hospital *h = *state;
    struct bytes bare = {0}, whole = {0};
    hospital_reanchored(h);
    hospital_restart(h);
    assert_int_equal(ledger_length(h->node->ledger), 42);
    assert_ok(evidence_write(h->node, false, NOW, &bare));
    assert_ok(evidence_write(h->node, true, NOW, &whole));
    assert_int_equal(lines_with(&bare, "{\"reanchor\": "), 0);
    assert_int_equal(lines_with(&whole, "{\"ledger\": "), 4);
    assert_int_equal(lines_with(&whole, "{\"reanchor\": "), 2);
    assert_int_equal(lines_with(&whole, "{\"claimed\": "), 4);
    assert_int_equal(lines_with(&whole, "{\"officer\": "), 4);
    assert_int_equal(lines_with(&whole, "{\"ledger\": 6,"), 1);
    assert_int_equal(lines_with(&whole, "{\"ledger\": 42,"), 1);
    bytes_free(&bare);
    bytes_free(&whole);
}

static void write_export(struct hospital *h, const char *path, const char *ending)
{
    struct bytes file = {0};
    char *whole = mem_format("%s%s", path, ending);
    assert_ok(evidence_write(h->node, true, NOW, &file));
    assert_ok(file_write(whole, file.data, file.size, 0600));
    mem_free(whole);
    bytes_free(&file);
}

/* Two more exports, by another key: before the record names it, and after. */
static void write_under_another_key(struct hospital *h, const char *path)
{
    const struct audit_entry entry = {.kind = AUDIT_KEY, .object = h->c->stranger_key};
    assert_ok(home_set(h->node->home, "identity", identity_secret(h->c->stranger),
                       IDENTITY_SECRET_BYTES));
    hospital_restart(h);
    write_export(h, path, ".unnamed");
    assert_ok(audit_write_alone(h->node->store, &entry, "new keys are in force"));
    write_export(h, path, ".named");
}

/* What the node says the most is that any patient has spent. */
static void print_most(struct hospital *h)
{
    struct discretisation lattice;
    struct privacy_loss loss;
    double mu2;
    assert_ok(ledger_spent_most(h->node->ledger, NULL, &mu2));
    assert_ok(ledger_discretisation(h->node->ledger, &lattice));
    assert_ok(accountant_loss(mu2, &lattice, 1e-6, &loss));
    printf("%.17g %.17g\n", loss.mu, loss.epsilon);
}

static int write_example(const char *path)
{
    void *state;
    assert_int_equal(hospital_set_up(&state), 0);
    struct hospital *h = state;
    hospital_release(h, 1, 3, 11.5);
    hospital_release(h, 2, 5, 3.25);
    hospital_release(h, 3, 2, 2.2300000000000004);
    write_export(h, path, "");
    print_most(h);
    write_under_another_key(h, path);
    assert_int_equal(hospital_tear_down(&state), 0);
    assert_int_equal(hospital_set_up(&state), 0);
    h = state;
    hospital_reanchored(h);
    write_export(h, path, ".reanchored");
    print_most(h);
    return hospital_tear_down(&state);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(evidence__has_every_entry_once),
        IN_HOSPITAL(evidence__is_signed_by_the_node),
        IN_HOSPITAL(evidence__names_nobody),
        IN_HOSPITAL(evidence__goes_on_behind_a_reanchoring),
    };
    if (count == 3 && strcmp(arguments[1], "write") == 0)
        return write_example(arguments[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
