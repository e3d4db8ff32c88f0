#include "completion.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#include "check.h"
#include "table.h"

enum err table_run(struct cli *cli)
{
    (void)cli;
    return ERR_OK;
}

/* The first column of the candidates for the last word of a line split at single spaces,
 * on one line. */
static char *candidates(const char *line)
{
    char *copy = mem_text(line), *rest = copy, *text, *list = mem_text("");
    const char *words[32];
    size_t count = 0, size;
    while (rest)
        words[count++] = strsep(&rest, " ");
    FILE *out = open_memstream(&text, &size);
    completion_candidates(out, &table, count, words);
    fclose(out);
    for (char *at = text, *one; (one = strsep(&at, "\n")) && *one;) {
        char *longer =
            mem_format("%s%s%.*s", list, *list ? " " : "", (int)strcspn(one, "\t"), one);
        mem_free(list);
        list = longer;
    }
    free(text);
    mem_free(copy);
    return list;
}

static void completion__offers_what_can_follow(void **state)
{
    (void)state;
    const struct {
        const char *line, *offered;
    } lines[] = {
        {"", "init model budget help"},
        {"b", "budget"},
        {"model ", "check show"},
        {"model c", "check"},
        {"-q model c", "check"},
        {"budget ", "plan"},
        {"budget plan --m", "--model"},
        {"model check --",
         "--level --set --fast --directory --json --quiet --help --version"},
        {"model check --level 3 --set a=b --l", ""},      /* given */
        {"model check --level 3 --set a=b --s", "--set"}, /* may be repeated */
        {"model check --level ", ""},                     /* a value */
        {"model check -l ", ""},
        {"model check -C ", ""},
        {"model check ", ""}, /* files: the shell's */
        {"model check a.twin ", ""},
        {"--q", "--quiet"},
        {"bogus ", "init model budget help"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char *offered = candidates(lines[i].line);
        if (strcmp(offered, lines[i].offered) != 0)
            fail_msg("'%s': offered '%s'", lines[i].line, offered);
        mem_free(offered);
    }
}

static char *script_of(const char *shell)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_ok(completion_script(out, &table, shell));
    fclose(out);
    return text;
}

/* A real bash loads the script and completes a line; the program is a stand-in that
 * prints the words it is asked about. */
static void completion__works_in_bash(void **state)
{
    (void)state;
    char folder[] = "/tmp/gemel-completion-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *tool = mem_format("%s/my-tool", folder), *load = mem_format("%s/load", folder);
    FILE *file = fopen(tool, "w");
    fputs("#!/bin/sh\n[ \"$1 $2 $3\" = 'help --complete --' ] || exit 1\nshift 3\n"
          "for word; do printf 'got<%s>\\ta sentence\\n' \"$word\"; done\n",
          file);
    fclose(file);
    chmod(tool, 0700);
    char *script = script_of("bash");
    file = fopen(load, "w");
    fputs(script, file);
    fprintf(file,
            "COMP_WORDS=(%s model 'a b' '' after); COMP_CWORD=3; _my_tool\n"
            "printf '%%s;' \"${COMPREPLY[@]}\"; complete -p my-tool\n",
            tool);
    fclose(file);
    char *command = mem_format("bash --norc -eu %s", load);
    FILE *bash = popen(command, "r");
    char said[300] = "";
    size_t size = fread(said, 1, sizeof said - 1, bash);
    said[size] = '\0';
    assert_int_equal(pclose(bash), 0);
    assert_string_equal(said, "got<model>;got<a b>;got<>;"
                              "complete -o default -F _my_tool my-tool\n");
    unlink(tool);
    unlink(load);
    rmdir(folder);
    free(script);
    mem_free(command);
    mem_free(tool);
    mem_free(load);
}

static void completion__has_three_shells(void **state)
{
    (void)state;
    char *zsh = script_of("zsh"), *fish = script_of("fish");
    assert_non_null(strstr(zsh, "#compdef my-tool\n_my_tool() {"));
    assert_non_null(strstr(fish, "complete -c my-tool -f -a '(_my_tool)'"));
    free(zsh);
    free(fish);
    assert_refused(ERR_USAGE, "shell 'tcsh'", completion_script(stdout, &table, "tcsh"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completion__offers_what_can_follow),
        cmocka_unit_test(completion__works_in_bash),
        cmocka_unit_test(completion__has_three_shells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
