#include "node/commands.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "node/preview.h"

static void fitted(void *context, size_t done, size_t total)
{
    cli_progress(context, "fitting twins", done, total);
}

static bool interrupted(void *context)
{
    (void)context;
    return cli_interrupted();
}

static enum err make(struct cli *cli, struct node *node, const struct node_study *study,
                     struct preview *preview)
{
    const struct crowd_progress progress = {fitted, interrupted, cli};
    return preview_make(node, study, &clock_machine, &progress, preview);
}

/* --- as JSON
 * ---------------------------------------------------------------------------------------
 */

static struct json *cost_json(const struct preview_cost *cost)
{
    struct json *json = json_new_object();
    json_set_real(json, "mu", cost->mu);
    json_set_reals(json, "epsilon", cost->epsilon, PREVIEW_DELTAS);
    return json;
}

static struct json *blocks_json(const struct node_study *study)
{
    struct json *list = json_new_array();
    struct statistic statistic;
    statistic_layout(&study->layout, false, &statistic);
    for (int block = 0; block < STATISTIC_BLOCKS; block++) {
        if (statistic.size[block] == 0)
            continue;
        struct json *one = json_new_object();
        json_set_integer(one, "from", (int64_t)statistic.offset[block]);
        json_set_integer(one, "numbers", (int64_t)statistic.size[block]);
        json_set_text(one, "what", preview_block((enum statistic_block)block));
        json_add(list, one);
    }
    return list;
}

static struct json *preview_json(const struct node_study *study,
                                 const struct preview *preview, bool approved)
{
    struct json *json = json_new_object(), *messages = json_new_array(),
                *sample = json_new_array();
    char word[17];
    for (size_t i = 0; i < PREVIEW_MESSAGES; i++) {
        struct json *one = json_new_object();
        json_set_text(one, "name", preview->messages[i].name);
        json_set_integer(one, "bytes", (int64_t)preview->messages[i].size);
        json_set_text(one, "what", preview->messages[i].what);
        json_add(messages, one);
    }
    for (size_t i = 0; i < preview->word_count; i++) {
        snprintf(word, sizeof word, "%016" PRIx64, preview->words[i]);
        json_add(sample, json_new_text(word));
    }
    json_set_text(json, "study", study->terms.name);
    json_set_boolean(json, "approved", approved);
    json_set_integer(json, "round", (int64_t)preview->round);
    json_set_integer(json, "hospitals", (int64_t)preview->plan.participants.count);
    json_set_integer(json, "survivors_min", preview->plan.survivors);
    json_set_integer(json, "colluders", preview->plan.colluders);
    json_set_integer(json, "patients", (int64_t)preview->patients);
    json_set_integer(json, "fits_failed",
                     (int64_t)(preview->report.stayed + preview->report.unusable));
    json_set(json, "messages", messages);
    json_set(json, "blocks", blocks_json(study));
    json_set(json, "sample", sample);
    json_set_reals(json, "deltas", preview_deltas, PREVIEW_DELTAS);
    json_set(json, "cost_of_round", cost_json(&preview->next));
    json_set(json, "cost_of_study", cost_json(&preview->study));
    json_set(json, "cost_at_worst", cost_json(&preview->attempts));
    json_set(json, "cost_if_all_others_collude", cost_json(&preview->alone));
    return json;
}

/* --- for people
 * ------------------------------------------------------------------------------------ */

static void print_cost(const char *what, const struct preview_cost *cost)
{
    printf("  %-38s %8.4g", what, cost->mu);
    for (size_t i = 0; i < PREVIEW_DELTAS; i++)
        if (isnan(cost->epsilon[i]))
            printf(" %10s", "over 100");
        else
            printf(" %10.4g", cost->epsilon[i]);
    printf("\n");
}

static void print_blocks(const struct node_study *study)
{
    struct statistic statistic;
    statistic_layout(&study->layout, false, &statistic);
    printf("numbers in the sum, 8 bytes each, all patients added up:\n");
    for (int block = 0; block < STATISTIC_BLOCKS; block++)
        if (statistic.size[block])
            printf("  %5zu to %-5zu %s\n", statistic.offset[block],
                   statistic.offset[block] + statistic.size[block] - 1,
                   preview_block((enum statistic_block)block));
}

static void print_preview(const struct node_study *study, const struct preview *preview)
{
    size_t total = 0;
    printf("round %" PRIu64 " of %s, as it would be with all %zu hospitals\n",
           preview->round, study->terms.name, preview->plan.participants.count);
    printf("patients   %zu, of whom %zu twins do not fit and teach nothing\n",
           preview->patients, preview->report.stayed + preview->report.unusable);
    printf("leaves     bytes\n");
    for (size_t i = 0; i < PREVIEW_MESSAGES; i++) {
        const struct preview_message *message = &preview->messages[i];
        printf("  %-9s %8zu  %s\n", message->name, message->size, message->what);
        total += message->size;
    }
    printf("  %-9s %8zu  signed and encrypted; polls come again while it waits\n",
           "total", total);
    print_blocks(study);
    printf("its first words, as the coordinator would see them (hexadecimal):\n ");
    for (size_t i = 0; i < preview->word_count; i++)
        printf(" %016" PRIx64 "%s", preview->words[i], i == 3 ? "\n " : "");
    printf("\ncosts each patient                             mu  epsilon at delta\n");
    printf("  %-38s %8s", "", "");
    for (size_t i = 0; i < PREVIEW_DELTAS; i++)
        printf(" %10g", preview_deltas[i]);
    printf("\n");
    print_cost("this round", &preview->next);
    print_cost("all rounds", &preview->study);
    print_cost("all rounds, every attempt of each used", &preview->attempts);
    print_cost("all rounds, if all others collude", &preview->alone);
}

static void show(struct cli *cli, const struct node_study *study,
                 const struct preview *preview)
{
    cli_result(cli, preview_json(study, preview, false));
    if (!cli_is_json(cli)) {
        print_preview(study, preview);
        printf("nothing was sent, and nothing charged\n");
    }
}

/* --- the commands
 * ---------------------------------------------------------------------------------- */

static enum err permit(struct node *node, const struct node_study *study)
{
    const struct audit_entry about = {.study = study->terms.study, .object = study->hash};
    return node_studies_permit(node, study, clock_wall(&clock_machine)) == REASON_NONE
               ? ERR_OK
               : node_refuse(node, &about);
}

enum err command_study_preview(struct cli *cli)
{
    struct node *node;
    struct node_study *study;
    struct preview preview;
    enum err result = command_study_open(cli, &node, &study);
    if (!node)
        return result;
    result = permit(node, study);
    if (result == ERR_OK)
        result = make(cli, node, study, &preview);
    if (result == ERR_OK)
        show(cli, study, &preview);
    node_study_destroy(&study);
    node_destroy(&node);
    return result;
}

/* On record, since somebody saw what would be sent before deciding, or did not. */
static enum err note_rehearsal(struct node *node, const struct node_study *study,
                               const struct preview *preview)
{
    const struct audit_entry entry = {.kind = AUDIT_DECISION,
                                      .study = study->terms.study,
                                      .round = preview->round,
                                      .object = study->hash};
    return audit_write_alone(node->store, &entry,
                             "%s rehearsed: %u numbers of %zu patients computed, nothing "
                             "sent or charged",
                             study->terms.name, preview->plan.dimension,
                             preview->patients);
}

static enum err rehearse(struct cli *cli, struct node *node,
                         const struct node_study *study)
{
    struct preview preview;
    if (make(cli, node, study, &preview) != ERR_OK ||
        note_rehearsal(node, study, &preview) != ERR_OK)
        return err_code();
    show(cli, study, &preview);
    cli_say(cli,
            "a rehearsal: the study is not approved; to take part: gemel-node study "
            "approve %s --send",
            study->terms.name);
    return ERR_OK;
}

/* It may be approved before its budget is there: another policy can bring that. */
static enum err approve(struct cli *cli, struct node *node, struct node_study *study)
{
    enum err result = command_study_decide(cli, node, study, STUDY_APPROVED);
    if (result == ERR_OK &&
        preview_permits(node, study, &clock_machine) == ERR_DENIED)
        cli_say(cli, "as things are it takes part in no round: %s", err_text());
    return result;
}

enum err command_study_approve(struct cli *cli)
{
    struct node *node;
    struct node_study *study;
    enum err result = command_study_open(cli, &node, &study);
    if (!node)
        return result;
    result = permit(node, study);
    if (result == ERR_OK)
        result = cli_given(cli, "send") ? approve(cli, node, study)
                                        : rehearse(cli, node, study);
    node_study_destroy(&study);
    node_destroy(&node);
    return result;
}
