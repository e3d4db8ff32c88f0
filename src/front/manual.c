#include "manual.h"

#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"

#define WIDTH_MAX 100 /* longer lines are hard to read */

static bool has(const char *text)
{
    return text && *text;
}

/* Is `command` listed under these words: itself, or any command they begin? */
static bool is_under(const struct cli_command *command, const char *words)
{
    size_t size = strlen(words);
    return size == 0 || (strncmp(command->words, words, size) == 0 &&
                         (command->words[size] == ' ' || command->words[size] == '\0'));
}

/* "--output FILE", with "-o, " before it where there is a letter. */
static char *option_form(const struct cli_option *option)
{
    char letter[] = {'-', option->letter, ',', ' ', '\0'};
    return mem_format("%s--%s%s%s", option->letter ? letter : "", option->name,
                      option->value ? " " : "", option->value ? option->value : "");
}

/* --- on a terminal
 * ---------------------------------------------------------------------------- */

/* Words are set one after the other; lines end before `width` and begin at `indent`. */
struct setting {
    FILE *out;
    size_t indent, width, at;
    bool begun; /* a word stands on this line */
};

static void set_line_end(struct setting *setting)
{
    if (setting->begun)
        fputc('\n', setting->out);
    setting->begun = false;
}

static void set_word(struct setting *setting, const char *word, size_t size)
{
    size_t wide = bytes_utf8_count(word, size);
    if (setting->begun && setting->at + 1 + wide > setting->width) {
        fputc('\n', setting->out);
        setting->begun = false;
        setting->at = 0;
    }
    if (setting->begun)
        fputc(' ', setting->out);
    else if (setting->at < setting->indent)
        fprintf(setting->out, "%*s", (int)(setting->indent - setting->at), "");
    if (!setting->begun)
        setting->at = setting->at > setting->indent ? setting->at : setting->indent;
    else
        setting->at++;
    fprintf(setting->out, "%.*s", (int)size, word);
    setting->at += wide;
    setting->begun = true;
}

/* Paragraphs end at empty lines; lines that begin with a space stay as they are. The
 * cursor stands at column `at`. */
static void set_text(FILE *out, const char *text, size_t at, size_t indent, size_t width)
{
    struct setting setting = {.out = out, .indent = indent, .width = width, .at = at};
    while (*text) {
        size_t size = strcspn(text, "\n");
        if (size == 0 || *text == ' ') {
            set_line_end(&setting);
            fprintf(out, "%*s%.*s\n", size ? (int)indent : 0, "", (int)size, text);
            setting.at = 0;
        }
        for (size_t i = 0; i < size && *text != ' ';) {
            size_t word = strcspn(text + i, " \n");
            if (word)
                set_word(&setting, text + i, word);
            i += word + 1;
        }
        text += size + (text[size] == '\n');
    }
    set_line_end(&setting);
}

/* Two columns, the left one `left` wide; longer entries get a line of their own. */
static void set_pair(FILE *out, const char *entry, const char *text, size_t left,
                     size_t width)
{
    fprintf(out, "  %s", entry);
    size_t at = 2 + bytes_utf8_count(entry, strlen(entry));
    if (at + 2 > left) {
        fputc('\n', out);
        at = 0;
    }
    set_text(out, text, at, left, width);
}

static void list_commands(FILE *out, const struct cli_program *program, const char *words,
                          size_t width)
{
    size_t left = 0;
    for (size_t i = 0; i < command_count(program); i++) {
        size_t wide = strlen(command_at(program, i)->words) + 4;
        if (is_under(command_at(program, i), words) && wide > left)
            left = wide;
    }
    for (size_t i = 0; i < command_count(program); i++) {
        if (is_under(command_at(program, i), words))
            set_pair(out, command_at(program, i)->words, command_at(program, i)->summary,
                     left, width);
    }
}

static void list_options(FILE *out, const struct cli_command *command, size_t width)
{
    const size_t left_max = 32;
    size_t left = 0, count = command_option_count(command);
    for (size_t i = 0; i < count; i++) {
        char *form = option_form(command_option_at(command, i));
        size_t wide = strlen(form) + 4;
        left = wide > left && wide <= left_max ? wide : left;
        mem_free(form);
    }
    for (size_t i = 0; i < count; i++) {
        const struct cli_option *option = command_option_at(command, i);
        char *form = option_form(option);
        char *text =
            mem_format("%s%s%s", option->help, option->required ? " (required)" : "",
                       option->repeated ? " (may be repeated)" : "");
        set_pair(out, form, text, left, width);
        mem_free(form);
        mem_free(text);
    }
}

static void help_command(FILE *out, const struct cli_program *program,
                         const struct cli_command *command, size_t width)
{
    fprintf(out, "usage: %s %s%s%s [options]\n\n", program->name, command->words,
            has(command->arguments) ? " " : "", command->arguments);
    set_text(out, command->summary, 0, 0, width);
    if (has(command->examples)) {
        fprintf(out, "\nexamples:\n");
        for (const char *line = command->examples; *line;) {
            size_t size = strcspn(line, "\n");
            fprintf(out, "  %.*s\n", (int)size, line);
            line += size + (line[size] == '\n');
        }
    }
    if (has(command->text)) {
        fputc('\n', out);
        set_text(out, command->text, 0, 0, width);
    }
    fprintf(out, "\noptions:\n");
    list_options(out, command, width);
}

void manual_help(FILE *out, const struct cli_program *program, const char *words,
                 size_t width)
{
    const struct cli_command *command = command_find(program, words);
    width = width > WIDTH_MAX ? WIDTH_MAX : width;
    if (command) {
        help_command(out, program, command, width);
    } else {
        fprintf(out, "usage: %s %s%sCOMMAND [arguments] [options]\n\n", program->name,
                words, has(words) ? " " : "");
        if (!has(words))
            set_text(out, program->summary, 0, 0, width);
    }
    if (command_opens(program, words)) {
        fprintf(out, "%scommands:\n", command || !has(words) ? "\n" : "");
        list_commands(out, program, words, width);
        fprintf(out, "\n'%s help COMMAND' explains one.\n", program->name);
    }
}

/* --- a page for man
 * ----------------------------------------------------------------------------- */

/* Text as roff sets it literally: no control lines, no escapes, hyphens that can be
 * copied. */
static void roff(FILE *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((text[i] == '.' || text[i] == '\'') && (i == 0 || text[i - 1] == '\n'))
            fputs("\\&", out);
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            fputc(text[i], out);
    }
}

static void roff_line(FILE *out, const char *request, const char *text)
{
    fputs(request, out);
    roff(out, text, strlen(text));
    fputc('\n', out);
}

static void roff_text(FILE *out, const char *text)
{
    bool kept = false;
    while (*text) {
        size_t size = strcspn(text, "\n");
        if (kept != (*text == ' ')) {
            kept = !kept;
            fputs(kept ? ".PP\n.nf\n" : ".fi\n", out);
        }
        if (size == 0) {
            fputs(".PP\n", out);
        } else {
            roff(out, text, size);
            fputc('\n', out);
        }
        text += size + (text[size] == '\n');
    }
    if (kept)
        fputs(".fi\n", out);
}

static void page_options(FILE *out, const struct cli_command *command)
{
    for (size_t i = 0; i < command_option_count(command); i++) {
        const struct cli_option *option = command_option_at(command, i);
        char *form = option_form(option);
        roff_line(out, ".TP\n.B ", form);
        fprintf(out, "%s%s", option->required ? "Required: " : "",
                option->repeated ? "May be repeated: " : "");
        roff_line(out, option->required || option->repeated ? "" : "\\&", option->help);
        mem_free(form);
    }
}

static void page_command(FILE *out, const struct cli_program *program,
                         const struct cli_command *command)
{
    char *usage = mem_format("%s %s%s%s [options]", program->name, command->words,
                             has(command->arguments) ? " " : "", command->arguments);
    roff_line(out, ".PP\n.B ", usage);
    mem_free(usage);
    roff_line(out, ".PP\n", command->summary);
    if (has(command->text)) {
        fputs(".PP\n", out);
        roff_text(out, command->text);
    }
    page_options(out, command);
    if (has(command->examples)) {
        fputs(".PP\nExamples:\n.PP\n.nf\n.RS\n", out);
        roff_line(out, "", command->examples);
        fputs(".RE\n.fi\n", out);
    }
}

void manual_page(FILE *out, const struct cli_program *program, const char *words)
{
    const struct cli_command *command = command_find(program, words);
    char *name = mem_format("%s%s%s", program->name, has(words) ? "-" : "", words);
    for (char *at = name; *at; at++)
        *at = *at == ' ' ? '-' : *at;
    fprintf(out, ".TH \"");
    roff(out, name, strlen(name));
    fprintf(out, "\" 1 \"\" \"Gemel " GEMEL_VERSION "\"\n.SH NAME\n");
    roff(out, name, strlen(name));
    roff_line(out, " \\- ", command ? command->summary : program->summary);
    if (command) {
        fputs(".SH SYNOPSIS AND DESCRIPTION\n", out);
        page_command(out, program, command);
    } else {
        fputs(".SH SYNOPSIS\n.B ", out);
        roff(out, program->name, strlen(program->name));
        fputs("\n.I COMMAND\n[arguments] [options]\n.SH COMMANDS\n", out);
        for (size_t i = 0; i < command_count(program); i++) {
            command = command_at(program, i);
            if (!is_under(command, words))
                continue;
            roff_line(out, ".SS ", command->words);
            page_command(out, program, command);
        }
    }
    fputs(
        ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 3 done in part, 4 not found, "
        "5 "
        "refused by policy or budget, 6 verification failed, 7 peer not reachable, 8 "
        "checks "
        "found problems, 9 wrong configuration, 10 not initialised, 11 locked by another "
        "process, 12 wrong key, 130 interrupted.\n",
        out);
    mem_free(name);
}

/* --- an object for programs
 * --------------------------------------------------------------------- */

static struct json *json_options(const struct cli_command *command)
{
    struct json *options = json_new_array();
    for (size_t i = 0; i < command_option_count(command); i++) {
        const struct cli_option *option = command_option_at(command, i);
        char letter[] = {option->letter, '\0'};
        struct json *one = json_new_object();
        json_set_text(one, "name", option->name);
        json_set_text(one, "letter", option->letter ? letter : NULL);
        json_set_text(one, "value", option->value);
        json_set_text(one, "help", option->help);
        json_set_boolean(one, "required", option->required);
        json_set_boolean(one, "repeated", option->repeated);
        json_add(options, one);
    }
    return options;
}

struct json *manual_json(const struct cli_program *program, const char *words)
{
    struct json *object = json_new_object(), *commands = json_new_array();
    json_set_text(object, "program", program->name);
    json_set_text(object, "version", GEMEL_VERSION);
    json_set_text(object, "summary", program->summary);
    json_set(object, "commands", commands);
    for (size_t i = 0; i < command_count(program); i++) {
        const struct cli_command *command = command_at(program, i);
        if (!is_under(command, words))
            continue;
        struct json *one = json_new_object();
        json_set_text(one, "words", command->words);
        json_set_text(one, "arguments", command->arguments);
        json_set_text(one, "summary", command->summary);
        json_set_text(one, "text", command->text);
        json_set_text(one, "examples", command->examples);
        json_set(one, "options", json_options(command));
        json_add(commands, one);
    }
    return object;
}
