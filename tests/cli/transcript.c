/* transcript - plays a transcript of commands and compares what they print and return.
 *
 *     transcript FILE           play it; print what differs; exit code 1 when anything
 * does transcript --write FILE   play it and write what was really printed into the file
 *
 * The form of transcripts is told in tests/cli/README.md. Each one runs in an empty
 * folder of its own, under a plain environment. */

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "look.h"

/* Lines of text, each with its final 0. */
struct lines {
    char **line;
    size_t count, capacity;
};

static void lines_add(struct lines *lines, char *line)
{
    MEM_GROW(lines->line, lines->count + 1, &lines->capacity);
    lines->line[lines->count++] = line;
}

static void lines_free(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        mem_free(lines->line[i]);
    mem_free(lines->line);
    *lines = (struct lines){0};
}

static struct lines lines_read(FILE *file)
{
    struct lines lines = {0};
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t size; (size = getline(&line, &capacity, file)) >= 0;)
        lines_add(&lines, mem_text_n(line, (size_t)size - (line[size - 1] == '\n')));
    free(line);
    return lines;
}

struct step {
    struct lines
        before;    /* comments and empty lines, kept when the file is written again */
    char *command; /* as typed, with its continuation lines */
    struct lines out, err;
    int code;
    size_t number; /* line of the command, from 1 */
};

struct steps {
    struct step *step;
    size_t count, capacity;
};

static void step_free(struct step *step)
{
    lines_free(&step->before);
    lines_free(&step->out);
    lines_free(&step->err);
    mem_free(step->command);
}

/* --- reading
 * ---------------------------------------------------------------------------------- */

static bool begins(const char *line, const char *start)
{
    return strncmp(line, start, strlen(start)) == 0;
}

static bool is_between(const char *line)
{
    return !*line || *line == '#';
}

/* The step at lines[*at], or only what stands `before` the end of the file. */
static struct step step_read(const struct lines *lines, size_t *at)
{
    struct step step = {.number = *at + 1};
    while (*at < lines->count && is_between(lines->line[*at]))
        lines_add(&step.before, mem_text(lines->line[(*at)++]));
    step.number = *at + 1;
    if (*at == lines->count)
        return step;
    if (!begins(lines->line[*at], "$ ")) {
        fprintf(stderr, "line %zu: a command was expected: $ ...\n", step.number);
        exit(2);
    }
    step.command = mem_text(lines->line[(*at)++] + 2);
    for (; *at < lines->count && *lines->line[*at] == '>'; (*at)++) {
        const char *more = lines->line[*at] + 1;
        char *longer = mem_format("%s\n%s", step.command, more + (*more == ' '));
        mem_free(step.command);
        step.command = longer;
    }
    for (; *at < lines->count && !begins(lines->line[*at], "$ "); (*at)++) {
        const char *line = lines->line[*at];
        if (is_between(line))
            break;
        if (begins(line, "? "))
            step.code = atoi(line + 2);
        else if (*line == '!')
            lines_add(&step.err, mem_text(line + 1 + (line[1] == ' ')));
        else
            lines_add(&step.out,
                      mem_text(line + (begins(line, "| ") ? 2 : *line == '|')));
    }
    return step;
}

/* Of a page only the indented blocks whose first line is a command stay; every other line
 * becomes a comment. */
static void keep_commands(struct lines *lines)
{
    bool inside = false;
    for (size_t i = 0; i < lines->count; i++) {
        const char *line = lines->line[i];
        inside = begins(line, "    ") && (inside || begins(line, "    $ "));
        char *kept = inside ? mem_text(line + 4) : mem_format("#%s", line);
        mem_free(lines->line[i]);
        lines->line[i] = kept;
    }
}

/* --- comparing
 * -------------------------------------------------------------------------------- */

/* "..." in a line stands for any text, also for none. */
static bool line_matches(const char *pattern, const char *text)
{
    const char *dots = strstr(pattern, "...");
    if (!dots)
        return strcmp(pattern, text) == 0;
    size_t size = (size_t)(dots - pattern);
    if (strncmp(pattern, text, size) != 0)
        return false;
    for (const char *rest = text + size;; rest++) {
        if (line_matches(dots + 3, rest))
            return true;
        if (!*rest)
            return false;
    }
}

/* "..." as a whole line stands for any number of lines. */
static bool lines_match(char **pattern, size_t pattern_count, char **line, size_t count)
{
    if (!pattern_count)
        return count == 0;
    if (strcmp(*pattern, "...") != 0)
        return count && line_matches(*pattern, *line) &&
               lines_match(pattern + 1, pattern_count - 1, line + 1, count - 1);
    for (size_t skipped = 0; skipped <= count; skipped++) {
        if (lines_match(pattern + 1, pattern_count - 1, line + skipped, count - skipped))
            return true;
    }
    return false;
}

static bool matches(const struct lines *expected, const struct lines *got)
{
    return lines_match(expected->line, expected->count, got->line, got->count);
}

/* --- playing
 * ---------------------------------------------------------------------------------- */

/* Groups of processes, to end what a command left running in the background. */
static struct {
    pid_t *pid;
    size_t count, capacity;
} groups;

/* What a program says of how far it is where that takes long (front/terminal.c), as "label:
 * 3 of 9, 0.1/s, 1 min left" or "label: 9 in 1 min": how long depends on the machine. */
static bool is_progress(const char *line)
{
    const char *colon = strstr(line, ": ");
    unsigned long long done, total;
    int end = 0;
    if (!colon)
        return false;
    if (sscanf(colon, ": %llu of %llu%n", &done, &total, &end) == 2 && end)
        return colon[end] == '\0' || colon[end] == ',';
    return sscanf(colon, ": %llu in %llu%n", &done, &total, &end) == 2 && end;
}

static void drop_progress(struct lines *lines)
{
    size_t kept = 0;
    for (size_t i = 0; i < lines->count; i++) {
        if (is_progress(lines->line[i]))
            mem_free(lines->line[i]);
        else
            lines->line[kept++] = lines->line[i];
    }
    lines->count = kept;
}

static int play(const char *command, struct lines *out, struct lines *err)
{
    FILE *files[] = {tmpfile(), tmpfile()};
    if (!files[0] || !files[1]) {
        perror("temporary file");
        exit(2);
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        if (!freopen("/dev/null", "r", stdin))
            _exit(127);
        dup2(fileno(files[0]), STDOUT_FILENO);
        dup2(fileno(files[1]), STDERR_FILENO);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    MEM_GROW(groups.pid, groups.count + 1, &groups.capacity);
    groups.pid[groups.count++] = child;
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    for (int i = 0; i < 2; i++) {
        rewind(files[i]);
        *(i ? err : out) = lines_read(files[i]);
        fclose(files[i]);
    }
    drop_progress(err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A line of output that would be read as something else is written behind "| ". */
static void write_lines(FILE *file, const char *mark, const struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        const char *line = lines->line[i];
        bool masked = !*mark && (!*line || strchr("#!?|>$", *line));
        fprintf(file, "%s%s%s\n", mark, !masked ? "" : *line ? "| " : "|", line);
    }
}

static void write_step(FILE *file, const struct step *step)
{
    for (size_t i = 0; i < step->before.count; i++)
        fprintf(file, "%s\n", step->before.line[i]);
    if (!step->command)
        return;
    fputs("$ ", file);
    for (const char *at = step->command; *at; at++) {
        fputc(*at, file);
        if (*at == '\n')
            fputs("> ", file);
    }
    fputc('\n', file);
    write_lines(file, "", &step->out);
    write_lines(file, "! ", &step->err);
    if (step->code)
        fprintf(file, "? %d\n", step->code);
}

static void show(const char *title, const struct lines *lines, const struct lines *other)
{
    printf("  %s\n", title);
    for (size_t i = 0; i < lines->count; i++) {
        bool same = i < other->count && strcmp(lines->line[i], other->line[i]) == 0;
        printf("    %s %s\n", same ? " " : "*", lines->line[i]);
    }
}

/* True when the step went as written; otherwise says what differs and puts the truth in.
 */
static bool check_step(const char *path, struct step *step)
{
    struct lines out, err;
    int code = play(step->command, &out, &err);
    bool out_same = matches(&step->out, &out), err_same = matches(&step->err, &err);
    bool same = out_same && err_same && code == step->code;
    if (!same)
        printf("%s:%zu: $ %s\n", path, step->number, step->command);
    if (code != step->code)
        printf("  exit code %d, expected %d\n", code, step->code);
    for (int i = 0; i < 2; i++) {
        struct lines *expected = i ? &step->err : &step->out, *got = i ? &err : &out;
        bool this_same = i ? err_same : out_same;
        if (!this_same) {
            show(i ? "expected on stderr" : "expected on stdout", expected, got);
            show(i ? "got on stderr" : "got on stdout", got, expected);
            struct lines old = *expected;
            *expected = *got;
            *got = old;
        }
    }
    lines_free(&out);
    lines_free(&err);
    step->code = code;
    return same;
}

/* --- the folder and the environment
 * ----------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *status, int kind,
                        struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static void enter_empty_folder(char *folder)
{
    char *path = mem_format("%s:%s", BINARY_DIR, getenv("PATH"));
    const char *values[][2] = {
        {"PATH", path},   {"SOURCE", SOURCE_DIR},        {"BUILD", BINARY_DIR},
        {"HOME", folder}, {"LC_ALL", "C.UTF-8"},         {"TZ", "UTC"},
        {"TERM", "dumb"}, {"OPENBLAS_NUM_THREADS", "1"}, {"TMPDIR", folder},
    };
    if (!mkdtemp(folder) || chdir(folder) != 0) {
        perror(folder);
        exit(2);
    }
    clearenv();
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        setenv(values[i][0], values[i][1], 1);
    mem_free(path);
}

/* Pages show commands as typed in the repository: what is there is here, too. Files that
 * the commands write do not get there. */
static void link_repository(void)
{
    DIR *directory = opendir(SOURCE_DIR);
    if (!directory || symlink(BINARY_DIR, "build") != 0) {
        perror(SOURCE_DIR);
        exit(2);
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        char *path = mem_format("%s/%s", SOURCE_DIR, entry->d_name);
        bool skipped = *entry->d_name == '.' || strcmp(entry->d_name, "build") == 0;
        if (!skipped && symlink(path, entry->d_name) != 0) {
            perror(path);
            exit(2);
        }
        mem_free(path);
    }
    closedir(directory);
}

/* How many files have a patient's field; `under` is what TMPDIR was. */
static size_t leave(const char *folder, const char *under)
{
    for (size_t i = 0; i < groups.count; i++)
        kill(-groups.pid[i], SIGKILL);
    mem_free(groups.pid);
    size_t marked = look_under(folder);
    setenv("TMPDIR", under, 1);
    look_note();
    if (chdir("/") != 0 || nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        perror(folder);
    return marked;
}

static bool is_page(const char *path)
{
    size_t size = strlen(path);
    return size > 3 && strcmp(path + size - 3, ".md") == 0;
}

static size_t play_all(const char *path, bool page, struct steps *steps, size_t *played)
{
    char *under = mem_text(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    char *folder = mem_format("%s/gemel-transcript-XXXXXX", under);
    size_t wrong = 0;
    enter_empty_folder(folder);
    if (page)
        link_repository();
    *played = 0;
    for (size_t i = 0; i < steps->count; i++) {
        if (steps->step[i].command) {
            wrong += !check_step(path, &steps->step[i]);
            ++*played;
        }
    }
    wrong += leave(folder, under);
    mem_free(folder);
    mem_free(under);
    printf("%zu commands, %zu not as written\n", *played, wrong);
    return wrong;
}

static void write_all(const char *path, const struct steps *steps)
{
    FILE *file = fopen(path, "w");
    if (!file) {
        perror(path);
        exit(2);
    }
    for (size_t i = 0; i < steps->count; i++)
        write_step(file, &steps->step[i]);
    fclose(file);
}

int main(int argc, char **argv)
{
    bool writing = argc == 3 && strcmp(argv[1], "--write") == 0;
    if (argc != 2 + writing) {
        fprintf(stderr, "usage: transcript [--write] FILE\n");
        return 2;
    }
    bool page = is_page(argv[argc - 1]);
    if (page && writing) {
        fprintf(stderr, "a page is not written again: change it by hand\n");
        return 2;
    }
    char *path = realpath(argv[argc - 1], NULL);
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) {
        perror(argv[argc - 1]);
        return 2;
    }
    struct lines lines = lines_read(file);
    fclose(file);
    if (page)
        keep_commands(&lines);
    struct steps steps = {0};
    for (size_t at = 0; at < lines.count;) {
        MEM_GROW(steps.step, steps.count + 1, &steps.capacity);
        steps.step[steps.count++] = step_read(&lines, &at);
    }
    size_t played, wrong = play_all(path, page, &steps, &played);
    if (writing)
        write_all(path, &steps);
    for (size_t i = 0; i < steps.count; i++)
        step_free(&steps.step[i]);
    mem_free(steps.step);
    lines_free(&lines);
    free(path);
    return (wrong && !writing) || !played;
}
