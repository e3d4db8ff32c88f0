#include "sim/outcome.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "node/outlook.h"
#include "sim/picture.h"
#include "sim/table.h"

static void heading(const struct cli *cli, const char *text)
{
    printf("\n%s%s%s\n", cli_style(cli, CLI_BOLD), text, cli_style(cli, CLI_PLAIN));
}

/* The first column to the left, all others to the right. */
static void print_table(const struct cli *cli, struct table *table)
{
    size_t width[TABLE_COLUMNS_MAX] = {0};
    for (size_t r = 0; r <= table->rows; r++)
        for (size_t c = 0; c < table->columns; c++) {
            size_t size = strlen(table_cell(table, r, c));
            width[c] = size > width[c] ? size : width[c];
        }
    for (size_t r = 0; r <= table->rows; r++) {
        fputs(r ? "" : cli_style(cli, CLI_DIM), stdout);
        for (size_t c = 0; c < table->columns; c++)
            printf("%s%*s", c ? "  " : "", c ? (int)width[c] : -(int)width[c],
                   table_cell(table, r, c));
        printf("%s\n", r ? "" : cli_style(cli, CLI_PLAIN));
    }
    table_destroy(&table);
}

static void print_alarms(const struct json *hospitals)
{
    for (size_t h = 0; h < json_count(hospitals); h++) {
        const struct json *one = json_at(hospitals, h), *alarms = json_get(one, "alarms");
        for (size_t i = 0; i < json_count(alarms); i++)
            printf("ALARM      %s: %s\n", json_get_text(one, "name"),
                   json_as_text(json_at(alarms, i)));
    }
}

static void print_terms(const struct cli *cli, const struct json *result)
{
    const struct json *terms = json_get(result, "terms"),
                      *rounds = json_get(result, "rounds");
    heading(cli, "The study");
    printf("model      %s, %.12s\n", json_get_text(terms, "model"),
           json_get_text(terms, "model_hash"));
    printf("leaves     %.0f noised and masked numbers a round and hospital, of which the "
           "coordinator\n           learns the sum over the hospitals\n",
           json_get_real(terms, "numbers_a_round"));
    printf("privacy    epsilon %g at delta %g for each patient over %.0f rounds (mu "
           "%.4f),\n           also if the coordinator and %.0f other hospital%s work "
           "together; if all do, epsilon %.3g\n",
           json_get_real(terms, "epsilon"), json_get_real(terms, "delta"),
           json_get_real(terms, "rounds"), json_get_real(terms, "mu"),
           json_get_real(terms, "colluders"),
           json_get_real(terms, "colluders") == 1 ? "" : "s",
           json_get_real(terms, "epsilon_if_all_others_collude"));
    for (size_t i = 0; i < json_count(rounds); i++)
        printf("round %-4zu %s\n", i + 1, json_as_text(json_at(rounds, i)));
}

static void print_pictures(const struct cli *cli, const struct json *result)
{
    const char *quantity;
    for (size_t i = 0; (quantity = picture_quantity(result, i)); i++) {
        struct plot *plot = picture_errors(result, quantity);
        printf("\n");
        cli_sketch(cli, plot);
        plot_destroy(&plot);
    }
}

static void print_held_out(const struct cli *cli, const struct json *result)
{
    const struct json *held = json_get(result, "held_out");
    if (!json_get(held, "errors"))
        return;
    heading(cli,
            "New patients: the last measurement of people kept out, from their first");
    print_table(cli, table_held_out(result));
    printf("%.0f people kept out; those with a measurement after the first two count\n",
           json_get_real(held, "people"));
    if (json_get_text(held, "clinic_note"))
        printf("%s alone learned nothing: %s\n", json_get_text(held, "clinic"),
               json_get_text(held, "clinic_note"));
    print_pictures(cli, result);
}

static void print_newcomer(const struct cli *cli, const struct json *result)
{
    const struct json *newcomer = json_get(result, "newcomer"),
                      *forecast = json_get(newcomer, "shared");
    if (!forecast)
        return;
    char *text = mem_format("One of them, come to %s when the study was over",
                            json_get_text(newcomer, "hospital"));
    heading(cli, text);
    mem_free(text);
    outlook_print(cli, forecast);
}

void outcome_print(const struct cli *cli, const struct json *result)
{
    const struct json *pooled = json_get(result, "pooled");
    printf("prior after round %.0f, taught by about %.0f patients\n",
           json_get_real(result, "round"), json_get_real(result, "patients"));
    heading(cli, "The hospitals, and what it cost their patients");
    print_table(cli, table_hospitals(result));
    printf("epsilon at delta %g, of the patient who spent most\n",
           json_get_real(json_get(result, "terms"), "delta"));
    print_alarms(json_get(result, "hospitals"));
    print_terms(cli, result);
    heading(cli, "What they learned, beside the fit of all records in one place");
    print_table(cli, table_numbers(result));
    printf("pooled fit: -2 log L %.2f after %.0f rounds without noise, which no hospital "
           "would allow\n",
           json_get_real(pooled, "minus2_log_likelihood"),
           json_get_real(pooled, "rounds"));
    print_held_out(cli, result);
    print_newcomer(cli, result);
    printf("\nresearch use only; not a medical device\n");
}
