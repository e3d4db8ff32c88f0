#include "sim/page.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "front/report.h"
#include "node/outlook.h"
#include "sim/picture.h"
#include "sim/table.h"

/* As its first row has it. */
static bool is_number(const struct table *table, size_t column)
{
    const char *cell = table->rows ? table_cell(table, 1, column) : "";
    return strchr("+-.0123456789", *cell) != NULL;
}

static void put_table(struct report *report, const char *caption, struct table *table)
{
    struct report_column columns[TABLE_COLUMNS_MAX];
    for (size_t c = 0; c < table->columns; c++)
        columns[c] = (struct report_column){table_cell(table, 0, c), is_number(table, c)};
    report_table(report, caption, columns, table->columns);
    for (size_t r = 1; r <= table->rows; r++)
        report_row(report, (const char *const *)table->cells + r * table->columns);
    table_destroy(&table);
}

static void put_study(struct report *report, const struct json *result)
{
    const struct json *terms = json_get(result, "terms"),
                      *rounds = json_get(result, "rounds");
    report_heading(report, "The study");
    report_paragraph(report,
                     "Model %s (%s). Each of %.0f hospitals sent %.0f noised and masked "
                     "numbers a round, for all its patients together. The coordinator "
                     "learned their sum over the hospitals, and nothing else.",
                     json_get_text(terms, "model"), json_get_text(terms, "model_hash"),
                     json_get_real(terms, "hospitals"),
                     json_get_real(terms, "numbers_a_round"));
    report_paragraph(
        report,
        "Privacy: epsilon %g at delta %g for each patient over %.0f rounds "
        "(mu %.4f). It holds even if the coordinator and %.0f other hospital%s work "
        "together; if all of them do, what is left is epsilon %.3g.",
        json_get_real(terms, "epsilon"), json_get_real(terms, "delta"),
        json_get_real(terms, "rounds"), json_get_real(terms, "mu"),
        json_get_real(terms, "colluders"),
        json_get_real(terms, "colluders") == 1 ? "" : "s",
        json_get_real(terms, "epsilon_if_all_others_collude"));
    put_table(report, "What the patient of each hospital who spent most has spent",
              table_hospitals(result));
    report_table(report, "Rounds",
                 (const struct report_column[]){{"round", true}, {"came to", false}}, 2);
    for (size_t i = 0; i < json_count(rounds); i++) {
        char round[24];
        snprintf(round, sizeof round, "%zu", i + 1);
        report_row(report,
                   (const char *const[]){round, json_as_text(json_at(rounds, i))});
    }
}

static void put_numbers(struct report *report, const struct json *result)
{
    const struct json *pooled = json_get(result, "pooled");
    report_heading(report, "What they learned");
    put_table(report, "Beside the fit of all records in one place",
              table_numbers(result));
    report_paragraph(
        report,
        "Typical values and residual errors are on the natural scale, effects and "
        "spreads "
        "on the transformed one. Start: the model file's own prior. The pooled fit (-2 "
        "log "
        "L %.2f, %.0f rounds) has all records and no noise, which no hospital would "
        "allow; "
        "it is here because this is a trial. Noise and the bound on each patient's share "
        "are what the learned numbers differ by.",
        json_get_real(pooled, "minus2_log_likelihood"), json_get_real(pooled, "rounds"));
}

/* --- people kept out -----------------------------------------------------------------
 */

static void put_pictures(struct report *report, const struct json *result)
{
    const char *quantity;
    for (size_t i = 0; (quantity = picture_quantity(result, i)); i++) {
        struct plot *errors = picture_errors(result, quantity),
                    *coverage = picture_coverage(result, quantity);
        report_plot(report, &errors,
                    "By how many of the person's first measurements were known. Lower is "
                    "better.");
        if (coverage)
            report_plot(report, &coverage,
                        "Below the line an interval is too narrow, above it too wide.");
    }
}

static void put_held_out(struct report *report, const struct json *result)
{
    const struct json *held = json_get(result, "held_out"),
                      *errors = json_get(held, "errors");
    if (!errors)
        return;
    report_heading(report, "New patients");
    report_paragraph(report,
                     "%.0f people took no part in the study. Their last measurements are "
                     "forecast from the first few, by twins that start from different "
                     "priors. An interval of 80 %% should hold for 80 %% of them.",
                     json_get_real(held, "people"));
    put_table(report, "Errors of forecasts, and how often intervals held",
              table_held_out(result));
    if (json_get_text(held, "clinic_note"))
        report_paragraph(report, "%s alone learned nothing: %s.",
                         json_get_text(held, "clinic"),
                         json_get_text(held, "clinic_note"));
    put_pictures(report, result);
}

static void put_forecast(struct report *report, const struct json *forecast)
{
    const struct json *curves = json_get(forecast, "curves");
    for (size_t i = 0; i < json_count(curves); i++) {
        const char *quantity = json_get_text(json_at(curves, i), "quantity");
        char *title = mem_format("%s, under the prior of %s", quantity,
                                 json_get_text(forecast, "prior"));
        struct plot *plot = outlook_plot(forecast, quantity, title);
        report_plot(report, &plot, NULL);
        mem_free(title);
    }
}

static void put_newcomer(struct report *report, const struct json *result)
{
    const struct json *newcomer = json_get(result, "newcomer");
    if (!json_get(newcomer, "shared"))
        return;
    report_heading(report, "One of them");
    report_paragraph(
        report,
        "The person with the most measurements of those kept out, come to %s "
        "when the study was over. The twin knows %.0f measurements; what was "
        "measured later shows whether it was right.",
        json_get_text(newcomer, "hospital"),
        json_get_real(json_get(newcomer, "shared"), "known"));
    put_forecast(report, json_get(newcomer, "shared"));
    put_forecast(report, json_get(newcomer, "start"));
}

struct report *page_new(const struct json *result)
{
    const struct json *hospitals = json_get(result, "hospitals");
    char *subtitle = mem_format("%zu hospitals learned a prior together; about %.0f "
                                "patients taught it",
                                json_count(hospitals), json_get_real(result, "patients"));
    struct report *report = report_new("A consortium's trial", subtitle);
    report_notice(report,
                  "A trial on one machine: real programs, real noise, real ledgers, but "
                  "all keys in one place and all records known to whoever ran it.");
    put_study(report, result);
    put_numbers(report, result);
    put_held_out(report, result);
    put_newcomer(report, result);
    mem_free(subtitle);
    return report;
}
