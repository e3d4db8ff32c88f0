#include "front/command.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/spelling.h"

#define BEGINNING_MIN ((size_t)3) /* fewer letters begin too many words */

static const struct cli_option help_options[] = {
    {.name = "man", .help = "a manual page, as groff and man read it"},
    {.name = "completion",
     .value = "SHELL",
     .help = "a completion script for bash, zsh or fish"},
    {.name = "complete",
     .help = "what could complete the last WORD; the completion scripts ask this"},
};

const struct cli_command command_help = {
    .words = "help",
    .arguments = "[WORD]...",
    .summary = "explain a command",
    .text =
        "Without words it lists the commands; with the words of a command it explains "
        "that one.",
    .options = help_options,
    .option_count = sizeof help_options / sizeof *help_options,
};

static const struct cli_option common[] = {
    {.name = "directory", .letter = 'C', .value = "DIR", .help = "work in DIR, not in ."},
    {.name = "json", .help = "the result as one JSON object"},
    {.name = "quiet", .letter = 'q', .help = "no talk and no progress on stderr"},
    {.name = "help", .letter = 'h', .help = "explain the command and stop"},
    {.name = "version", .letter = 'V', .help = "print the version and stop"},
};
#define COMMON_COUNT (sizeof common / sizeof *common)

size_t command_count(const struct cli_program *program)
{
    return program->command_count + 1;
}

const struct cli_command *command_at(const struct cli_program *program, size_t index)
{
    return index < program->command_count ? &program->commands[index] : &command_help;
}

const struct cli_command *command_find(const struct cli_program *program,
                                       const char *words)
{
    for (size_t i = 0; i < command_count(program); i++) {
        if (strcmp(command_at(program, i)->words, words) == 0)
            return command_at(program, i);
    }
    return NULL;
}

bool command_opens(const struct cli_program *program, const char *words)
{
    size_t size = strlen(words);
    for (size_t i = 0; i < command_count(program); i++) {
        const char *full = command_at(program, i)->words;
        if (size == 0 || (strncmp(full, words, size) == 0 && full[size] == ' '))
            return true;
    }
    return false;
}

size_t command_option_count(const struct cli_command *command)
{
    return (command ? command->option_count : 0) + COMMON_COUNT;
}

const struct cli_option *command_option_at(const struct cli_command *command,
                                           size_t index)
{
    size_t own = command ? command->option_count : 0;
    return index < own ? &command->options[index] : &common[index - own];
}

const struct cli_option *command_option(const struct cli_command *command,
                                        const char *name)
{
    for (size_t i = 0; i < command_option_count(command); i++) {
        if (strcmp(command_option_at(command, i)->name, name) == 0)
            return command_option_at(command, i);
    }
    return NULL;
}

const struct cli_option *command_option_letter(const struct cli_command *command,
                                               char letter)
{
    for (size_t i = 0; i < command_option_count(command); i++) {
        if (letter && command_option_at(command, i)->letter == letter)
            return command_option_at(command, i);
    }
    return NULL;
}

/* --- argument lists
 * --------------------------------------------------------------------------- */

/* One item of an argument list: NAME, [NAME], NAME... or [NAME]... */
struct item {
    const char *name;
    size_t size;
    bool optional, repeated;
};

/* Reads the item at *list and moves past it; false at the end or at what is no item. */
static bool next_item(const char **list, struct item *item)
{
    const char *at = *list;
    *item = (struct item){.optional = *at == '['};
    at += item->optional;
    item->name = at;
    while (isupper((unsigned char)*at) || *at == '_' || *at == '-')
        at++;
    item->size = (size_t)(at - item->name);
    if (!item->size || (item->optional && *at++ != ']'))
        return false;
    item->repeated = strncmp(at, "...", 3) == 0;
    at += item->repeated ? 3 : 0;
    if (*at && *at++ != ' ')
        return false;
    *list = at;
    return true;
}

void command_arguments(const struct cli_command *command, size_t *least, size_t *most)
{
    const char *list = command->arguments;
    struct item item;
    *least = *most = 0;
    while (next_item(&list, &item)) {
        *least += !item.optional;
        *most = item.repeated ? SIZE_MAX : *most + 1;
    }
}

const char *command_argument(const struct cli_command *command, size_t index,
                             size_t *size)
{
    const char *list = command->arguments;
    struct item item;
    for (size_t i = 0; next_item(&list, &item); i++) {
        if (i == index || item.repeated) {
            *size = item.size;
            return item.name;
        }
    }
    *size = 0;
    return "";
}

/* --- checking a table
 * --------------------------------------------------------------------------- */

static bool is_word_list(const char *words)
{
    for (const char *at = words; *at; at++) {
        bool edge = at == words || at[1] == '\0' || at[1] == ' ';
        if (!islower((unsigned char)*at) && !isdigit((unsigned char)*at) && *at != '-' &&
            (*at != ' ' || edge))
            return false;
    }
    return *words != '\0';
}

static bool is_line(const char *text)
{
    return text && *text && !strchr(text, '\n');
}

static enum err check_options(const struct cli_command *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        if (!option->name || !is_word_list(option->name) || strchr(option->name, ' '))
            return err_set(ERR_USAGE, "command '%s': option %zu has no usable name",
                           command->words, i);
        if (!is_line(option->help))
            return err_set(ERR_USAGE, "command '%s': --%s has no line of help",
                           command->words, option->name);
        if ((option->required || option->repeated) && !option->value)
            return err_set(ERR_USAGE,
                           "command '%s': --%s is a flag, so neither required "
                           "nor repeated",
                           command->words, option->name);
        for (size_t j = i + 1; j < command_option_count(command); j++) {
            const struct cli_option *other = command_option_at(command, j);
            if (strcmp(option->name, other->name) == 0 ||
                (option->letter && option->letter == other->letter))
                return err_set(ERR_USAGE,
                               "command '%s': --%s and --%s cannot be told apart",
                               command->words, option->name, other->name);
        }
    }
    return ERR_OK;
}

static enum err check_arguments(const struct cli_command *command)
{
    if (!command->arguments)
        return err_set(ERR_USAGE, "command '%s' has no argument list", command->words);
    const char *list = command->arguments;
    struct item item = {0}, last = {0};
    for (; *list; last = item) {
        if (!next_item(&list, &item))
            return err_set(ERR_USAGE,
                           "command '%s': argument list '%s' does not parse at '%s'",
                           command->words, command->arguments, list);
        if (last.repeated || (last.optional && !item.optional))
            return err_set(ERR_USAGE,
                           "command '%s': in '%s' an argument follows one that may be "
                           "missing or repeated",
                           command->words, command->arguments);
    }
    return ERR_OK;
}

enum err command_check(const struct cli_program *program)
{
    for (size_t i = 0; i < command_count(program); i++) {
        const struct cli_command *command = command_at(program, i);
        if (!command->words || !is_word_list(command->words))
            return err_set(ERR_USAGE, "command %zu has no usable words", i);
        if (command_find(program, command->words) != command)
            return err_set(ERR_USAGE, "there are two commands '%s'", command->words);
        if (!is_line(command->summary))
            return err_set(ERR_USAGE, "command '%s' has no summary of one line",
                           command->words);
        if (!command->run && command != &command_help)
            return err_set(ERR_USAGE, "command '%s' does nothing", command->words);
        enum err err = check_arguments(command);
        if (!err)
            err = check_options(command);
        if (err)
            return err;
    }
    return ERR_OK;
}

const char *command_nearest(const char *typed, const char *const *names, size_t count)
{
    size_t size = strlen(typed);
    for (size_t i = 0; i < count && size >= BEGINNING_MIN; i++) {
        if (strncmp(typed, names[i], size) == 0)
            return names[i];
    }
    return spelling_nearest(typed, names, count);
}
