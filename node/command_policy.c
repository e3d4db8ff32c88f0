#include "node/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "node/control.h"
#include "node/keyring.h"
#include "node/policies.h"
#include "wire/amendment.h"

#define DAY_SECONDS ((uint64_t)86400)
#define ENTRY_BYTES_MAX ((size_t)16384)

enum err command_policy_key(struct cli *cli)
{
    uint8_t key[KEY_BYTES];
    char digits[2 * KEY_BYTES + 1];
    const char *path = cli_argument(cli, 0);
    enum err result = identity_file_draw(path, key);
    if (result == ERR_OK) {
        bytes_to_hex(key, KEY_BYTES, digits);
        struct json *json = json_new_object();
        json_set_text(json, "file", path);
        json_set_text(json, "public_key", digits);
        cli_result(cli, json);
        if (!cli_is_json(cli))
            printf("%s\n", digits);
        cli_say(cli, "the officer's key is in %s (0400); keep it off the node's machine",
                path);
    }
    return result;
}

static enum err read_policy(const char *path, struct policy **policy)
{
    struct bytes file = {0};
    enum err result = file_read(path, POLICY_BYTES_MAX, &file);
    if (result == ERR_OK)
        result = policy_new(path, file.data, file.size, policy);
    bytes_free(&file);
    return result;
}

/* --- new
 * -------------------------------------------------------------------------------------------
 */

/* A text in the making: every value [POLICY_SETTINGS] and study, all ours. */
struct draft {
    char **values;
    char ***studies; /* [count][POLICY_STUDY_SETTINGS] */
    size_t count, capacity;
};

static void draft_clear(struct draft *draft)
{
    for (size_t i = 0; i < POLICY_SETTINGS; i++)
        mem_free(draft->values[i]);
    mem_free(draft->values);
    for (size_t i = 0; i < draft->count; i++) {
        for (size_t j = 0; j < POLICY_STUDY_SETTINGS; j++)
            mem_free(draft->studies[i][j]);
        mem_free(draft->studies[i]);
    }
    mem_free(draft->studies);
}

static void put(struct draft *draft, size_t place, const char *value)
{
    mem_free(draft->values[place]);
    draft->values[place] = mem_text(value);
}

static size_t place_of(const char *name, size_t size)
{
    size_t i = 0;
    while (i < POLICY_SETTINGS && (strlen(policy_settings[i].name) != size ||
                                   memcmp(policy_settings[i].name, name, size) != 0))
        i++;
    return i;
}

static void put_named(struct draft *draft, const char *name, const char *value)
{
    if (value)
        put(draft, place_of(name, strlen(name)), value);
}

/* In place of an approval of the same name, or after the others. */
static void put_study(struct draft *draft, const struct conf *study)
{
    size_t place = 0;
    while (place < draft->count &&
           strcmp(draft->studies[place][0], conf_text(study, "study")) != 0)
        place++;
    if (place == draft->count) {
        MEM_GROW(draft->studies, draft->count + 1, &draft->capacity);
        draft->studies[draft->count++] = mem_new(POLICY_STUDY_SETTINGS, sizeof(char *));
    }
    for (size_t i = 0; i < POLICY_STUDY_SETTINGS; i++) {
        mem_free(draft->studies[place][i]);
        draft->studies[place][i] =
            mem_text(conf_value(study, policy_study_settings[i].name));
    }
}

/* The presets, and an end in a year; or all of an older policy, with the next version. */
static enum err begin_draft(struct cli *cli, struct draft *draft)
{
    const char *from = cli_text(cli, "from", NULL);
    char text[CLOCK_TEXT_SIZE];
    struct policy *old = NULL;
    if (from && read_policy(from, &old) != ERR_OK)
        return err_code();
    for (size_t i = 0; i < POLICY_SETTINGS; i++) {
        const char *name = policy_settings[i].name;
        const char *value =
            old ? conf_value(policy_lines(old), name) : policy_preset(name);
        put(draft, i, value ? value : "");
    }
    clock_text(clock_wall(&clock_machine) + 365 * DAY_SECONDS, text);
    text[10] = '\0';
    if (!old)
        put_named(draft, "expires", text);
    for (size_t i = 0; old && i < policy_studies(old); i++)
        put_study(draft, policy_study(old, i));
    if (old) {
        snprintf(text, sizeof text, "%" PRIu64, policy_version(old) + 1);
        put_named(draft, "version", text);
    }
    policy_destroy(&old);
    return ERR_OK;
}

static enum err take_options(struct cli *cli, struct draft *draft)
{
    static const char *const officers[] = {"officer_1", "officer_2", "officer_3"};
    put_named(draft, "hospital", cli_text(cli, "hospital", NULL));
    put_named(draft, "expires", cli_text(cli, "expires", NULL));
    size_t keys = cli_repeats(cli, "officer");
    if (keys > POLICY_OFFICERS_MAX ||
        (keys < POLICY_OFFICERS_MIN && (keys > 0 || !cli_given(cli, "from")))) {
        err_set(ERR_USAGE, "--officer is given %d or %d times, not %zu",
                POLICY_OFFICERS_MIN, POLICY_OFFICERS_MAX, keys);
        return err_hint(
            "each is a public key, as `gemel-node policy key FILE` prints it");
    }
    for (size_t i = 0; keys > 0 && i < POLICY_OFFICERS_MAX; i++)
        put_named(draft, officers[i], i < keys ? cli_text_at(cli, "officer", i) : "");
    for (size_t i = 0; i < cli_repeats(cli, "set"); i++) {
        const char *text = cli_text_at(cli, "set", i), *equals = strchr(text, '=');
        size_t place = equals ? place_of(text, (size_t)(equals - text)) : SIZE_MAX;
        if (place >= POLICY_SETTINGS) {
            err_set(ERR_USAGE, "--set %s: expected a line of a policy as NAME=VALUE",
                    text);
            return err_hint("`gemel-node policy new` without --set shows them all");
        }
        put(draft, place, equals + 1);
    }
    return ERR_OK;
}

static enum err take_entries(struct cli *cli, struct draft *draft)
{
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < cli_repeats(cli, "study"); i++) {
        const char *path = cli_text_at(cli, "study", i);
        struct bytes text = {0};
        struct conf *study = NULL;
        result = file_read(path, ENTRY_BYTES_MAX, &text);
        if (result == ERR_OK)
            result = conf_parse(path, 0, text.data, text.size, policy_study_settings,
                                POLICY_STUDY_SETTINGS, &study);
        if (result == ERR_OK)
            put_study(draft, study);
        conf_destroy(&study);
        bytes_free(&text);
    }
    return result;
}

/* Officers' work is not written over. */
static enum err keep_signed(const char *path)
{
    struct policy *there = NULL;
    size_t signers = 0;
    if (read_policy(path, &there) == ERR_OK)
        signers = policy_signers(there);
    policy_destroy(&there);
    if (signers == 0)
        return ERR_OK;
    err_set(ERR_STATE, "%s is there already, with %zu signatures", path, signers);
    return err_hint("give the new text another name, or delete that one first");
}

static enum err put_text(struct cli *cli, const char *text)
{
    struct policy *policy = NULL;
    const char *out = cli_text(cli, "output", NULL);
    enum err result = policy_new(out ? out : "the policy", text, strlen(text), &policy);
    if (result == ERR_OK && out)
        result = keep_signed(out);
    if (result == ERR_OK && out)
        result = file_write(out, text, strlen(text), 0644);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_integer(json, "version", (int64_t)policy_version(policy));
        json_set_text(json, "policy", text);
        cli_result(cli, json);
        if (!cli_is_json(cli) && !out)
            fputs(text, stdout);
        cli_say(cli, "next: read and edit it, then policy sign by two officers");
    }
    policy_destroy(&policy);
    return result;
}

enum err command_policy_new(struct cli *cli)
{
    struct draft draft = {.values = mem_new(POLICY_SETTINGS, sizeof(char *))};
    enum err result = begin_draft(cli, &draft);
    if (result == ERR_OK)
        result = take_options(cli, &draft);
    if (result == ERR_OK)
        result = take_entries(cli, &draft);
    if (result == ERR_OK) {
        char *text = policy_write((const char *const *)draft.values,
                                  (const char *const *const *)draft.studies, draft.count);
        result = put_text(cli, text);
        mem_free(text);
    }
    draft_clear(&draft);
    return result;
}

/* --- sign
 * ------------------------------------------------------------------------------------------
 */

/* Runs where the officer's key is; needs no home. */
enum err command_policy_sign(struct cli *cli)
{
    struct identity *officer;
    struct policy *policy = NULL;
    struct bytes file = {0};
    uint8_t key[KEY_BYTES];
    const char *path = cli_argument(cli, 0);
    if (identity_file_open(cli_text(cli, "key", ""), &officer) != ERR_OK)
        return err_code();
    identity_public(officer, key);
    enum err result = read_policy(path, &policy);
    if (result == ERR_OK)
        result = policy_sign(policy, officer, &file);
    if (result == ERR_OK)
        result = file_write(cli_text(cli, "output", path), file.data, file.size, 0644);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_text(json, "file", cli_text(cli, "output", path));
        json_set_integer(json, "signatures", (int64_t)policy_signers(policy) + 1);
        json_set_boolean(json, "officer", policy_has_officer(policy, key));
        cli_result(cli, json);
        if (!policy_has_officer(policy, key))
            cli_say(cli,
                    "this key is none of the officers' in it: it counts only where a "
                    "policy in force names it");
        if (!cli_is_json(cli))
            printf("%s: %zu of the officers' signatures\n", cli_text(cli, "output", path),
                   policy_signers(policy) + 1);
    }
    identity_destroy(&officer);
    policy_destroy(&policy);
    bytes_free(&file);
    return result;
}

/* --- show
 * ------------------------------------------------------------------------------------------
 */

static struct json *lines_json(const struct conf *conf,
                               const struct conf_setting *settings, size_t count)
{
    struct json *json = json_new_object();
    for (size_t i = 0; i < count; i++) {
        const char *name = settings[i].name;
        if (settings[i].kind == CONF_INTEGER)
            json_set_integer(json, name, conf_integer(conf, name));
        else if (settings[i].kind == CONF_REAL)
            json_set_real(json, name, conf_real(conf, name));
        else
            json_set_text(json, name, conf_text(conf, name));
    }
    return json;
}

static struct json *policy_json(const struct policy *policy)
{
    struct json *json =
        lines_json(policy_lines(policy), policy_settings, POLICY_SETTINGS);
    struct json *studies = json_new_array(), *signers = json_new_array();
    char digits[2 * HASH_BYTES + 1];
    for (size_t i = 0; i < policy_studies(policy); i++)
        json_add(studies, lines_json(policy_study(policy, i), policy_study_settings,
                                     POLICY_STUDY_SETTINGS));
    for (size_t i = 0; i < policy_signers(policy); i++) {
        bytes_to_hex(policy_signer(policy, i), KEY_BYTES, digits);
        json_add(signers, json_new_text(digits));
    }
    bytes_to_hex(policy_hash(policy), HASH_BYTES, digits);
    json_set(json, "studies", studies);
    json_set(json, "signed_by", signers);
    json_set_text(json, "hash", digits);
    return json;
}

static void print_line(const struct conf *conf, const char *name, const char *sentence)
{
    printf("%4zu  %-21s %-12s %s\n", conf_line(conf, name), name, conf_value(conf, name),
           sentence);
}

static void print_policy(const struct policy *policy)
{
    const struct conf *lines = policy_lines(policy);
    char digits[2 * HASH_BYTES + 1];
    bytes_to_hex(policy_hash(policy), HASH_BYTES, digits);
    printf("policy     version %" PRIu64 " of %s, until %s\n", policy_version(policy),
           conf_text(lines, "hospital"), conf_text(lines, "expires"));
    printf("hash       %s\n", digits);
    for (size_t i = 0; i < policy_officers(policy); i++) {
        bool has = false;
        for (size_t j = 0; j < policy_signers(policy); j++)
            has |= memcmp(policy_signer(policy, j), policy_officer(policy, i),
                          KEY_BYTES) == 0;
        bytes_to_hex(policy_officer(policy, i), KEY_BYTES, digits);
        printf("officer    %s%s\n", digits, has ? ", signed" : "");
    }
    printf("line\n");
    for (size_t i = 0; i < POLICY_SETTINGS; i++)
        if (policy_settings[i].kind != CONF_TEXT)
            print_line(lines, policy_settings[i].name, policy_settings[i].sentence);
    for (size_t i = 0; i < policy_studies(policy); i++) {
        const struct conf *study = policy_study(policy, i);
        printf("study      %s (line %zu): %s\n", conf_text(study, "study"),
               conf_line(study, "study"), conf_text(study, "purpose"));
        printf("           legal basis: %s\n", conf_text(study, "legal_basis"));
        printf("           model %s\n", conf_text(study, "model"));
        printf("           terms %s\n",
               *conf_text(study, "terms") ? conf_text(study, "terms") : "any");
    }
    if (policy_studies(policy) == 0)
        printf("study      none is approved\n");
}

static void show(struct cli *cli, const struct policy *policy)
{
    cli_result(cli, policy_json(policy));
    if (!cli_is_json(cli))
        print_policy(policy);
}

enum err command_policy_show(struct cli *cli)
{
    struct policy *policy = NULL;
    struct node *node;
    if (cli_argument(cli, 0)) {
        if (node_is_lent(NULL))
            return err_set(ERR_DENIED, "the daemon opens no file for others: %s",
                           cli_argument(cli, 0));
        if (read_policy(cli_argument(cli, 0), &policy) != ERR_OK)
            return err_code();
        show(cli, policy);
        policy_destroy(&policy);
        return ERR_OK;
    }
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    enum err result = ERR_OK;
    if (node->policy) {
        show(cli, node->policy);
    } else {
        reason_set(REASON_NO_POLICY);
        result = err_hint("officers make one: gemel-node policy key, new, sign, install");
    }
    node_destroy(&node);
    return result;
}

/* --- check and install
 * ----------------------------------------------------------------------------- */

static void print_change(const struct amendment *change)
{
    char line[24] = "gone";
    bool whole = change->study && strcmp(change->name, "study") == 0;
    if (change->line)
        snprintf(line, sizeof line, "%zu", change->line);
    printf("line %-5s %-9s %s%s%s: %s -> %s\n", line, amendment_kind_name(change->kind),
           change->study ? change->study : "", change->study && !whole ? " " : "",
           whole ? "" : change->name,
           whole ? change->before ? "approved" : "not approved" : change->before,
           whole ? change->after ? "approved" : "not approved" : change->after);
}

static struct json *changes_json(const struct amendment *list, size_t count)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < count; i++) {
        struct json *one = json_new_object();
        json_set_integer(one, "line", (int64_t)list[i].line);
        json_set_text(one, "change", amendment_kind_name(list[i].kind));
        json_set_text(one, "study", list[i].study);
        json_set_text(one, "name", list[i].name);
        json_set_text(one, "before", list[i].before);
        json_set_text(one, "after", list[i].after);
        json_add(array, one);
    }
    return array;
}

/* What it changes and whether it could be installed. */
static void compare(struct cli *cli, const struct policy *before,
                    const struct policy *after)
{
    struct amendment *list = NULL;
    size_t count = 0, needed = amendment_signatures(before, after);
    if (before)
        amendment_list(before, after, &list, &count);
    struct json *json = json_new_object();
    json_set_integer(json, "version", (int64_t)policy_version(after));
    if (before)
        json_set_integer(json, "in_force", (int64_t)policy_version(before));
    else
        json_set(json, "in_force", json_new_null());
    json_set(json, "changes", changes_json(list, count));
    json_set_integer(json, "signatures_needed", (int64_t)needed);
    json_set_integer(json, "signatures", (int64_t)policy_signers(after));
    if (!cli_is_json(cli)) {
        if (!before)
            printf("the first policy: nothing to compare with\n");
        for (size_t i = 0; i < count; i++)
            print_change(&list[i]);
        printf("signatures %zu needed, %zu there\n", needed, policy_signers(after));
    }
    bool ready = amendment_check(before, after) == ERR_OK &&
                 permit_now(after, clock_wall(&clock_machine)) == REASON_NONE;
    json_set_boolean(json, "ready", ready);
    json_set_text(json, "reason", ready ? NULL : err_text());
    if (!cli_is_json(cli))
        printf("%s%s\n", ready ? "ready      it can be installed" : "not yet    ",
               ready ? "" : err_text());
    if (!ready)
        cli_problems(cli);
    cli_result(cli, json);
    mem_free(list);
}

enum err command_policy_check(struct cli *cli)
{
    struct policy *after = NULL, *before = NULL;
    struct node *node = NULL;
    const char *against = cli_text(cli, "against", NULL);
    enum err result = read_policy(cli_argument(cli, 0), &after);
    if (result == ERR_OK && against)
        result = read_policy(against, &before);
    else if (result == ERR_OK)
        result = node_open(cli_directory(cli), &node);
    if (result == ERR_OK)
        compare(cli, node ? node->policy : before, after);
    policy_destroy(&after);
    policy_destroy(&before);
    node_destroy(&node);
    return result;
}

enum err command_policy_install(struct cli *cli)
{
    struct node *node;
    struct bytes file = {0};
    const char *path = cli_argument(cli, 0);
    if (file_read(path, POLICY_BYTES_MAX, &file) != ERR_OK)
        return err_code();
    enum err result = node_open(cli_directory(cli), &node);
    if (result == ERR_LOCKED)
        err_hint("a policy is put in force while the daemon is stopped: gemel-node stop "
                 "-C %s, install, and serve again",
                 cli_directory(cli));
    if (result == ERR_OK) {
        bool first = !node->policy;
        result = policies_install(node, path, file.data, file.size,
                                  clock_wall(&clock_machine));
        if (result == ERR_OK) {
            show(cli, node->policy);
            if (keyring_follow(node) != ERR_OK)
                cli_say(cli, "the keyring could not be written: %s", err_text());
            if (first)
                cli_say(cli, "its officers are pinned now: compare their keys with what "
                             "they tell you");
        }
        node_destroy(&node);
    }
    bytes_free(&file);
    return result;
}
