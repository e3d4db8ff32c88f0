#include "node/account.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "node/questions.h"

#define RELEASES_LISTED ((size_t)60)
#define SAMPLE_LISTED ((size_t)5)
#define CELL 40 /* bytes of a number as text */

static const char *number(double value, char cell[CELL])
{
    if (isfinite(value))
        snprintf(cell, CELL, "%.4g", value);
    else
        snprintf(cell, CELL, "none");
    return cell;
}

static const char *text_or(const struct json *object, const char *key, const char *other)
{
    const char *text = json_get_text(object, key);
    return text && *text ? text : other;
}

/* --- the cost --- */

static void put_losses(struct report *report, const struct json *account)
{
    const struct json *losses = json_get(account, "losses");
    report_table(report, "Spent by the patient who has spent most, and permitted",
                 (const struct report_column[]){{"delta", true},
                                                {"epsilon spent", true},
                                                {"epsilon permitted", true}},
                 3);
    for (size_t i = 0; i < json_count(losses); i++) {
        char delta[CELL], spent[CELL], most[CELL];
        const struct json *one = json_at(losses, i);
        report_row(report, (const char *const[]){
                               number(json_get_real(one, "delta"), delta),
                               number(json_get_real(one, "epsilon_spent_most"), spent),
                               number(json_get_real(one, "epsilon_max"), most)});
    }
    report_paragraph(
        report,
        "As Gaussian differential privacy: mu %.4f. Somebody who knows everybody else's "
        "records, everything ever published and the method can tell members from others "
        "with an area under the curve of %.4f at most (0.5 is guessing), and finds %.2f "
        "%% of "
        "them at most at 1 %% false alarms. What is permitted holds whatever was decided "
        "after looking at earlier releases; what was spent, where their number was not "
        "(docs/privacy.md, claim 6).",
        json_get_real(account, "mu_spent_most"), json_get_real(account, "attack_auc"),
        100 * json_get_real(account, "attack_tpr_at_1pc_fpr"));
}

static void put_curve(struct report *report, const struct json *account)
{
    const struct json *releases = json_get(account, "releases");
    size_t count = json_count(releases);
    if (!count)
        return;
    double *x = mem_new(count + 1, sizeof *x), *y = mem_new(count + 1, sizeof *y);
    for (size_t i = 0; i < count; i++) {
        x[i + 1] = (double)(i + 1);
        y[i + 1] = json_get_real(json_at(releases, i), "epsilon_at_most");
    }
    struct plot *plot = plot_new("Privacy spent", "releases so far", "epsilon");
    plot_line(plot, "a patient who was in all of them", x, y, count + 1);
    double most = json_get_real(account, "epsilon_max");
    if (isfinite(most))
        plot_rule(plot, "permitted", most);
    report_plot(report, &plot,
                "Nobody has spent more than this line: a patient who was not "
                "in a release was not charged for it.");
    mem_free(x);
    mem_free(y);
}

static void put_policy(struct report *report, const struct json *account)
{
    const struct json *policy = json_get(account, "policy"),
                      *lines = json_get(policy, "lines");
    report_heading(report, "What is permitted");
    if (!lines) {
        report_notice(report, "There is no policy: nothing may be approved or sent.");
        return;
    }
    report_paragraph(report, "The officers' policy %s, with %.0f signature%s.",
                     json_get_text(policy, "hash"), json_get_real(policy, "signatures"),
                     json_get_real(policy, "signatures") > 1 ? "s" : "");
    report_table(report, NULL,
                 (const struct report_column[]){
                     {"line", false}, {"value", false}, {"meaning", false}},
                 3);
    for (size_t i = 0; i < json_count(lines); i++) {
        const struct json *line = json_at(lines, i);
        report_row(report, (const char *const[]){json_get_text(line, "name"),
                                                 json_get_text(line, "value"),
                                                 json_get_text(line, "meaning")});
    }
}

/* --- studies --- */

static void put_fact(struct report *report, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put_fact(struct report *report, const char *what, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    report_row(report, (const char *const[]){what, text});
    free(text);
}

static void put_study(struct report *report, const struct json *study)
{
    report_table(report, json_get_text(study, "name"),
                 (const struct report_column[]){{"", false}, {"", false}}, 2);
    put_fact(report, "state", "%s", json_get_text(study, "state"));
    put_fact(report, "purpose", "%s", json_get_text(study, "purpose"));
    put_fact(report, "legal basis", "%s", text_or(study, "legal_basis", "none stated"));
    put_fact(report, "model", "%s, %s", json_get_text(study, "model"),
             json_get_text(study, "model_hash"));
    put_fact(report, "hospitals", "%.0f invited, at least %.0f in every sum",
             json_get_real(study, "hospitals"), json_get_real(study, "hospitals_min"));
    put_fact(report, "rounds", "%.0f of %.0f published",
             json_get_real(study, "rounds_published"), json_get_real(study, "rounds"));
    put_fact(report, "leaves", "%.0f noised and masked numbers of 8 bytes an attempt",
             json_get_real(study, "numbers_a_round"));
    put_fact(report, "privacy", "epsilon %g at delta %g over all rounds (mu %.4f)",
             json_get_real(study, "epsilon"), json_get_real(study, "delta"),
             json_get_real(study, "mu"));
    put_fact(report, "holds against",
             "the coordinator together with %.0f other hospital%s",
             json_get_real(study, "colluders"),
             json_get_real(study, "colluders") > 1 ? "s" : "");
    put_fact(report, "if all others collude", "epsilon %.3g",
             json_get_real(study, "epsilon_if_all_others_collude"));
    if (json_get_real(study, "mu_spent_most") > 0)
        put_fact(report, "spent so far",
                 "epsilon %.4g, by the patient who has spent most in it",
                 json_get_real(study, "epsilon_spent_most"));
    else
        put_fact(report, "spent so far", "nothing: nobody was in a sum of it");
}

/* Nobody knows of a lost release what two officers claimed in its place. */
static const char *known(const struct json *release, const char *key, char cell[CELL])
{
    double value = json_get_real(release, key);
    snprintf(cell, CELL, isfinite(value) ? "%.0f" : "unknown", value);
    return cell;
}

static void put_release(struct report *report, const struct json *one)
{
    char cells[6][CELL], study[9];
    const char *number_of = json_get_text(one, "study");
    snprintf(study, sizeof study, "%s", number_of ? number_of : "lost");
    report_row(report, (const char *const[]){
                           known(one, "number", cells[0]), json_get_text(one, "time"),
                           study, known(one, "round", cells[1]),
                           known(one, "attempt", cells[2]),
                           number(json_get_real(one, "noise_multiplier"), cells[3]),
                           known(one, "bytes", cells[4]),
                           number_of ? known(one, "patients", cells[5]) : "everybody"});
}

/* As the audit record has them: what is said here stands in its chain. */
static void put_sample(struct report *report, const struct json *releases)
{
    size_t count = json_count(releases);
    report_table(report, "As they left: what the audit record keeps of the latest",
                 (const struct report_column[]){
                     {"number", true}, {"audit entry", true}, {"", false}},
                 3);
    for (size_t i = count > SAMPLE_LISTED ? count - SAMPLE_LISTED : 0; i < count; i++) {
        char cells[2][CELL];
        const struct json *one = json_at(releases, i);
        report_row(report, (const char *const[]){
                               known(one, "number", cells[0]),
                               known(one, "entry", cells[1]),
                               text_or(one, "sentence", "from before the record began, "
                                                        "or lost with an older store")});
    }
}

static void put_releases(struct report *report, const struct json *account)
{
    const struct json *releases = json_get(account, "releases");
    size_t count = json_count(releases),
           first = count > RELEASES_LISTED ? count - RELEASES_LISTED : 0;
    report_heading(report, "What left");
    report_paragraph(
        report,
        "%zu release%s. Each is a vector of integers modulo 2^64, of 8 bytes, with "
        "this hospital's noise and masks in every one; besides it, keys, shares "
        "and signatures, whose number and size depend on no record: study preview "
        "lists every message with its size. Noise: its standard deviation over the "
        "most that one patient can change the sum by.",
        count, count == 1 ? "" : "s");
    if (!count)
        return;
    if (first > 0)
        report_paragraph(report, "The latest %zu:", RELEASES_LISTED);
    report_table(report, NULL,
                 (const struct report_column[]){{"number", true},
                                                {"when", false},
                                                {"study", false},
                                                {"round", true},
                                                {"attempt", true},
                                                {"noise", true},
                                                {"bytes", true},
                                                {"patients", true}},
                 8);
    for (size_t i = first; i < count; i++)
        put_release(report, json_at(releases, i));
    put_sample(report, releases);
}

/* --- the record --- */

static void put_entries(struct report *report, const char *caption,
                        const struct json *entries)
{
    if (!json_count(entries)) {
        report_paragraph(report, "%s: none.", caption);
        return;
    }
    report_table(report, caption,
                 (const struct report_column[]){
                     {"entry", true}, {"when", false}, {"kind", false}, {"", false}},
                 4);
    for (size_t i = 0; i < json_count(entries); i++) {
        const struct json *one = json_at(entries, i);
        char cell[CELL];
        snprintf(cell, CELL, "%.0f", json_get_real(one, "number"));
        report_row(report, (const char *const[]){cell, json_get_text(one, "time"),
                                                 json_get_text(one, "kind"),
                                                 json_get_text(one, "sentence")});
    }
}

static void put_record(struct report *report, const struct json *account)
{
    const struct json *checked = json_get(account, "verified"),
                      *patients = json_get(account, "patients");
    report_heading(report, "What was refused and decided");
    put_entries(report, "Refusals", json_get(account, "refusals"));
    put_entries(report, "Decisions", json_get(account, "decisions"));
    report_paragraph(
        report,
        "Patients: %.0f in, %.0f withdrawn, %.0f erased. Withdrawn and erased "
        "patients are in no sum since; what they were charged for stays charged.",
        json_get_real(patients, "in"), json_get_real(patients, "withdrawn"),
        json_get_real(patients, "erased"));
    report_heading(report, "What was checked");
    report_paragraph(
        report,
        "For this report the ledger (%.0f entries, head %s) and the audit record "
        "(%.0f entries, head %s) were read from the first entry to the last: every "
        "number, hash and sum holds.",
        json_get_real(checked, "ledger_entries"), json_get_text(checked, "ledger_head"),
        json_get_real(checked, "audit_entries"), json_get_text(checked, "audit_head"));
    report_paragraph(
        report,
        "To check it without this program: gemel-node audit export --ledger writes "
        "both, and verify/gemel_verify.py, which shares no code with it, names the "
        "first entry that does not hold and recomputes mu and epsilon.");
}

/* Without the backquotes, and with commas between; caller frees. */
static char *plain_evidence(const char *evidence)
{
    char *plain = mem_new(2 * strlen(evidence) + 1, 1), *to = plain;
    for (const char *from = evidence; *from; from++) {
        if (from[0] == '`' && from[1] == ' ')
            *to++ = ',';
        else if (*from != '`')
            *to++ = *from;
    }
    return plain;
}

static void put_questions(struct report *report)
{
    const struct question *question;
    report_heading(report, "What is asked most");
    report_table(report, NULL,
                 (const struct report_column[]){{"question", false},
                                                {"answer", false},
                                                {"page, command or test", false}},
                 3);
    for (size_t i = 0; (question = questions_at(i)); i++) {
        char *evidence = plain_evidence(question->evidence);
        report_row(report,
                   (const char *const[]){question->asked, question->answer, evidence});
        mem_free(evidence);
    }
}

struct report *account_page(const struct json *account)
{
    const struct json *studies = json_get(account, "studies");
    char *title = mem_format("What patients' privacy has cost at %s",
                             json_get_text(account, "hospital"));
    char *subtitle =
        mem_format("%s, written %s; node %.16s", json_get_text(account, "program"),
                   json_get_text(account, "written"), json_get_text(account, "key"));
    struct report *report = report_new(title, subtitle);
    report_notice(
        report,
        "The patient who has spent most has spent epsilon %.4g at delta %g, over %zu "
        "releases in all studies together. Nothing is ever refunded.",
        json_get_real(account, "epsilon_spent_most"), json_get_real(account, "delta"),
        json_count(json_get(account, "releases")));
    report_heading(report, "What it has cost");
    put_losses(report, account);
    put_curve(report, account);
    put_policy(report, account);
    report_heading(report, "The studies");
    if (!json_count(studies))
        report_paragraph(report, "None has been offered.");
    for (size_t i = 0; i < json_count(studies); i++)
        put_study(report, json_at(studies, i));
    put_releases(report, account);
    put_record(report, account);
    put_questions(report);
    mem_free(title);
    mem_free(subtitle);
    return report;
}
