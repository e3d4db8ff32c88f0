#include "arguments.h"

#include <ctype.h>
#include <string.h>

#include "base/memory.h"

struct reading {
    struct arguments *into;
    char **argv;
    size_t count, next;
    bool closed; /* no further word can belong to the command's name */
    bool ended;  /* `--` was read */
    size_t texts_capacity, given_capacity;
};

/* "gemel-node model check", "gemel-node" before a command is known. */
static char *full_name(const struct arguments *arguments)
{
    return mem_format("%s%s%s", arguments->program->name, *arguments->words ? " " : "",
                      arguments->words);
}

/* --- words
 * ------------------------------------------------------------------------------------ */

/* The command that has `word`, nearly, in the place after the words read so far; else the
 * one whose last word it nearly is. */
static const char *suggest_command(const struct arguments *arguments, const char *word)
{
    const struct cli_program *program = arguments->program;
    size_t size = strlen(arguments->words), depth = size + (size ? 1 : 0);
    const char *suggestion = NULL;
    for (int pass = 0; pass < 2 && !suggestion; pass++) {
        size_t count = 0;
        const char **parts = mem_new(command_count(program), sizeof *parts);
        const char **full = mem_new(command_count(program), sizeof *full);
        for (size_t i = 0; i < command_count(program); i++) {
            const char *words = command_at(program, i)->words,
                       *last = strrchr(words, ' ');
            bool under =
                strncmp(words, arguments->words, size) == 0 && strlen(words) > depth;
            if (pass == 0 && !under)
                continue;
            full[count] = words;
            parts[count++] = pass
                                 ? mem_text(last ? last + 1 : words)
                                 : mem_text_n(words + depth, strcspn(words + depth, " "));
        }
        const char *nearest = command_nearest(word, parts, count);
        for (size_t i = 0; i < count; i++) {
            if (parts[i] == nearest)
                suggestion = full[i];
        }
        for (size_t i = 0; i < count; i++)
            mem_free((char *)parts[i]);
        mem_free(parts);
        mem_free(full);
    }
    return suggestion;
}

static enum err unknown_command(const struct arguments *arguments, const char *word)
{
    const char *name = arguments->program->name;
    const char *suggestion = suggest_command(arguments, word);
    err_set(ERR_USAGE, "%s has no command '%s%s%s'", name, arguments->words,
            *arguments->words ? " " : "", word);
    if (suggestion)
        return err_hint("did you mean '%s %s'?", name, suggestion);
    return err_hint("'%s help' lists the commands", name);
}

static enum err read_text(struct reading *reading, const char *text)
{
    struct arguments *into = reading->into;
    if (!reading->closed && !reading->ended) {
        char *longer = mem_format("%s%s%s", into->words, *into->words ? " " : "", text);
        const struct cli_command *command = command_find(into->program, longer);
        if (command || (*text && command_opens(into->program, longer))) {
            mem_free(into->words);
            into->words = longer;
            into->command = command;
            return ERR_OK;
        }
        mem_free(longer);
    }
    if (!into->command)
        return unknown_command(into, text);
    reading->closed = true;
    MEM_GROW(into->texts, into->count + 1, &reading->texts_capacity);
    into->texts[into->count++] = text;
    return ERR_OK;
}

/* --- options
 * ---------------------------------------------------------------------------------- */

/* `shown` as typed: --name or -n. */
static enum err unknown_option(const struct arguments *arguments, const char *shown,
                               const char *name)
{
    size_t count = command_option_count(arguments->command);
    const char **names = mem_new(count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = command_option_at(arguments->command, i)->name;
    const char *best = command_nearest(name, names, count);
    mem_free(names);
    char *full = full_name(arguments);
    if (arguments->command) {
        err_set(ERR_USAGE, "%s has no option %s", full, shown);
        if (best)
            err_hint("did you mean --%s?", best);
        else
            err_hint("'%s --help' lists the options", full);
    } else {
        err_set(ERR_USAGE, "option %s stands before a command that could have it", shown);
        err_hint("write the command first; '%s help' lists them",
                 arguments->program->name);
    }
    mem_free(full);
    return ERR_USAGE;
}

static enum err give(struct reading *reading, const struct cli_option *option,
                     const char *value)
{
    struct arguments *into = reading->into;
    if (option->value && !option->repeated && arguments_have(into, option->name))
        return err_set(ERR_USAGE, "--%s is given twice", option->name);
    MEM_GROW(into->given, into->given_count + 1, &reading->given_capacity);
    into->given[into->given_count++] = (struct given){option, value, NULL};
    return ERR_OK;
}

/* An option that takes a value: `attached`, or the next one of argv. Something like
 * --json is not taken for a value: it is more likely that the value was forgotten. */
static enum err give_value(struct reading *reading, const struct cli_option *option,
                           const char *attached)
{
    if (attached)
        return give(reading, option, attached);
    const char *next =
        reading->next < reading->count ? reading->argv[reading->next] : NULL;
    if (!next || strncmp(next, "--", 2) == 0) {
        err_set(ERR_USAGE, "--%s needs a value: --%s %s", option->name, option->name,
                option->value);
        if (next && next[2])
            err_hint("if '%s' is the value, write --%s=%s", next, option->name, next);
        return ERR_USAGE;
    }
    reading->next++;
    return give(reading, option, next);
}

static enum err read_long(struct reading *reading, const char *text)
{
    const char *equals = strchr(text, '=');
    char *name =
        equals ? mem_text_n(text + 2, (size_t)(equals - text) - 2) : mem_text(text + 2);
    const struct cli_option *option = command_option(reading->into->command, name);
    enum err err;
    if (!option) {
        char *shown = mem_format("--%s", name);
        err = unknown_option(reading->into, shown, name);
        mem_free(shown);
    } else if (option->value) {
        err = give_value(reading, option, equals ? equals + 1 : NULL);
    } else if (equals) {
        err = err_set(ERR_USAGE, "--%s takes no value, but got '%s'", name, equals + 1);
    } else {
        err = give(reading, option, NULL);
    }
    mem_free(name);
    return err;
}

static enum err read_letters(struct reading *reading, const char *text)
{
    if (text[2] && command_option(reading->into->command, text + 1))
        return unknown_option(reading->into, text, text + 1); /* a dash is missing */
    for (const char *letter = text + 1; *letter; letter++) {
        const struct cli_option *option =
            command_option_letter(reading->into->command, *letter);
        if (!option && letter == text + 1 && letter[1])
            return unknown_option(reading->into, text, text + 1);
        if (!option) {
            char shown[] = {'-', *letter, '\0'};
            return unknown_option(reading->into, shown, "");
        }
        if (option->value)
            return give_value(reading, option, letter[1] ? letter + 1 : NULL);
        enum err err = give(reading, option, NULL);
        if (err)
            return err;
    }
    return ERR_OK;
}

/* Is it an option at all? "-" is a file by custom, "-5" and "-.5" are numbers. */
static bool is_option(const char *text)
{
    return text[0] == '-' && text[1] && !isdigit((unsigned char)text[1]) &&
           text[1] != '.';
}

static enum err read_option(struct reading *reading, const char *text)
{
    return text[1] == '-' ? read_long(reading, text) : read_letters(reading, text);
}

/* --- the whole
 * -------------------------------------------------------------------------------- */

static enum err check_complete(const struct arguments *arguments)
{
    const struct cli_command *command = arguments->command;
    size_t least, most, size;
    command_arguments(command, &least, &most);
    enum err err = ERR_OK;
    if (arguments->count < least) {
        const char *name = command_argument(command, arguments->count, &size);
        err = err_set(ERR_USAGE, "%.*s is missing", (int)size, name);
    } else if (arguments->count > most) {
        err = err_set(ERR_USAGE, "'%s' is one argument too many", arguments->texts[most]);
    }
    for (size_t i = 0; i < command->option_count && !err; i++) {
        const struct cli_option *option = &command->options[i];
        if (option->required && !arguments_have(arguments, option->name))
            err = err_set(ERR_USAGE, "--%s %s is missing", option->name, option->value);
    }
    if (err) {
        err_hint("usage: %s %s%s%s [options]", arguments->program->name, command->words,
                 *command->arguments ? " " : "", command->arguments);
        err_wrap("%s", command->words);
    }
    return err;
}

enum err arguments_read(const struct cli_program *program, int argc, char **argv,
                        struct arguments *arguments)
{
    *arguments = (struct arguments){.program = program, .words = mem_text("")};
    struct reading reading = {
        .into = arguments, .argv = argv, .count = argc > 0 ? (size_t)argc : 0, .next = 1};
    while (reading.next < reading.count) {
        const char *text = argv[reading.next++];
        enum err err = ERR_OK;
        if (!reading.ended && strcmp(text, "--") == 0)
            reading.ended = true;
        else if (!reading.ended && is_option(text))
            err = read_option(&reading, text);
        else
            err = read_text(&reading, text);
        if (err)
            return err;
    }
    if (!arguments->command || arguments_have(arguments, "help") ||
        arguments_have(arguments, "version"))
        return ERR_OK;
    return check_complete(arguments);
}

enum err arguments_suggest(struct arguments *arguments, const char *option,
                           const char *value)
{
    const struct cli_option *known = command_option(arguments->command, option);
    if (!known || !known->value || !*value)
        return err_set(ERR_USAGE, "--%s %s is no option of this command", option, value);
    for (size_t i = 0; i < arguments->given_count; i++) {
        const struct given *given = &arguments->given[i];
        if (given->option != known)
            continue;
        if (!given->suggested)
            return ERR_OK;
        if (!known->repeated)
            return err_set(ERR_USAGE, "--%s is given twice", option);
    }
    char *copy = mem_text(value);
    arguments->given = mem_resize(arguments->given, arguments->given_count + 1,
                                  sizeof *arguments->given);
    arguments->given[arguments->given_count++] = (struct given){known, copy, copy};
    return ERR_OK;
}

void arguments_free(struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->given_count; i++)
        mem_free(arguments->given[i].suggested);
    mem_free(arguments->words);
    mem_free(arguments->texts);
    mem_free(arguments->given);
    *arguments = (struct arguments){0};
}

bool arguments_have(const struct arguments *arguments, const char *option)
{
    return arguments_repeats(arguments, option) > 0;
}

size_t arguments_repeats(const struct arguments *arguments, const char *option)
{
    size_t count = 0;
    for (size_t i = 0; i < arguments->given_count; i++)
        count += strcmp(arguments->given[i].option->name, option) == 0;
    return count;
}

const char *arguments_value(const struct arguments *arguments, const char *option,
                            size_t index)
{
    for (size_t i = 0; i < arguments->given_count; i++) {
        if (strcmp(arguments->given[i].option->name, option) == 0 && index-- == 0)
            return arguments->given[i].value;
    }
    return NULL;
}
