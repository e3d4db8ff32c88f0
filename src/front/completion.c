#include "completion.h"

#include <string.h>

#include "arguments.h"

#include "base/memory.h"

/* Stand for the program's name, and for the same as a shell's function may be called. The
 * word asked is the one typed first, so that ./build/gemel-node completes as itself. */
#define NAME "\1"
#define FUNCTION "\2"

static const char bash[] = "_" FUNCTION "() {\n"
                           "    local line\n"
                           "    COMPREPLY=()\n"
                           "    while IFS= read -r line; do\n"
                           "        COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
                           "    done < <(\"${COMP_WORDS[0]}\" help --complete -- "
                           "\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
                           "}\n"
                           "complete -o default -F _" FUNCTION " " NAME "\n";

static const char zsh[] =
    "#compdef " NAME "\n"
    "_" FUNCTION "() {\n"
    "    local -a found\n"
    "    found=(\"${(@f)$(\"${words[1]}\" help --complete -- "
    "\"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
    "    found=(\"${(@)found//:/\\\\:}\")\n"
    "    found=(\"${(@)found/$'\\t'/:}\")\n"
    "    if [[ -n $found ]]; then _describe " NAME " found; else _files; fi\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _" FUNCTION " ]; then _" FUNCTION
    " \"$@\"; else compdef _" FUNCTION " " NAME "; fi\n";

static const char fish[] = "function _" FUNCTION "\n"
                           "    set -l words (commandline -opc) (commandline -ct)\n"
                           "    $words[1] help --complete -- $words[2..-1] 2>/dev/null\n"
                           "end\n"
                           "complete -c " NAME " -f -a '(_" FUNCTION ")'\n"
                           "complete -c " NAME " -n 'test -z \"$(_" FUNCTION ")\"' -F\n";

enum err completion_script(FILE *out, const struct cli_program *program,
                           const char *shell)
{
    const char *script = strcmp(shell, "bash") == 0   ? bash
                         : strcmp(shell, "zsh") == 0  ? zsh
                         : strcmp(shell, "fish") == 0 ? fish
                                                      : NULL;
    if (!script) {
        err_set(ERR_USAGE, "no completion for the shell '%s'", shell);
        return err_hint("there is one for bash, zsh and fish");
    }
    for (const char *at = script; *at; at++) {
        if (*at != *NAME && *at != *FUNCTION)
            fputc(*at, out);
        for (const char *name = program->name; *name && *at == *NAME; name++)
            fputc(*name, out);
        for (const char *name = program->name; *name && *at == *FUNCTION; name++)
            fputc(*name == '-' ? '_' : *name, out);
    }
    return ERR_OK;
}

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The next words of the commands that `words` begin, each once: neighbours in the table
 * share their first words. */
static void offer_words(FILE *out, const struct cli_program *program, const char *words,
                        const char *start)
{
    size_t depth = strlen(words) + (*words ? 1 : 0), last_size = 0;
    const char *last = "";
    for (size_t i = 0; i < command_count(program); i++) {
        const char *full = command_at(program, i)->words;
        bool under = depth == 0 || (begins(full, words) && full[depth - 1] == ' ');
        if (!under || strlen(full) < depth || !begins(full + depth, start))
            continue;
        size_t size = strcspn(full + depth, " ");
        if (size == last_size && strncmp(full + depth, last, size) == 0)
            continue;
        bool whole = full[depth + size] == '\0';
        fprintf(out, "%.*s\t%s\n", (int)size, full + depth,
                whole ? command_at(program, i)->summary : "...");
        last = full + depth;
        last_size = size;
    }
}

static void offer_options(FILE *out, const struct arguments *before, const char *start)
{
    for (size_t i = 0; i < command_option_count(before->command); i++) {
        const struct cli_option *option = command_option_at(before->command, i);
        bool again = option->repeated || !arguments_have(before, option->name);
        if (begins(option->name, start) && again)
            fprintf(out, "--%s\t%s\n", option->name, option->help);
    }
}

/* Is `word` an option whose value comes next? */
static bool waits(const struct arguments *before, const char *word)
{
    if (word[0] != '-')
        return false;
    const struct cli_option *option =
        word[1] == '-' ? command_option(before->command, word + 2)
                       : command_option_letter(before->command, word[1]);
    return option && option->value && (word[1] == '-' || !word[2]);
}

void completion_candidates(FILE *out, const struct cli_program *program, size_t count,
                           const char *const *words)
{
    if (!count)
        return;
    /* What stands before is read as a line of its own, as far as it can be: it is not
     * complete yet, and that is no matter here. */
    const char *last = words[count - 1];
    char **argv = mem_new(count + 1, sizeof *argv);
    argv[0] = mem_text(program->name);
    for (size_t i = 1; i < count; i++)
        argv[i] = mem_text(words[i - 1]);
    struct arguments before;
    arguments_read(program, (int)count, argv, &before);
    if (!waits(&before, argv[count - 1]) && begins(last, "--"))
        offer_options(out, &before, last + 2);
    else if (!waits(&before, argv[count - 1]) && !before.count && *last != '-')
        offer_words(out, program, before.words, last);
    for (size_t i = 0; i < count; i++)
        mem_free(argv[i]);
    mem_free(argv);
    arguments_free(&before);
}
