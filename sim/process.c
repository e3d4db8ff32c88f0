#include "sim/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define STOP_STEPS 100
#define STOP_STEP_MS 50
#define FOUND_PROBLEMS 8 /* docs/formats.md, "Exit codes" */

struct process {
    pid_t pid;
    char *program, *log;
    bool ended;
    int status;
};

/* What the exit codes of docs/formats.md stand for. */
static enum err code_of(int status)
{
    if (!WIFEXITED(status))
        return ERR_STATE;
    switch (WEXITSTATUS(status)) {
    case 2:
        return ERR_USAGE;
    case 4:
        return ERR_NOT_FOUND;
    case 5:
        return ERR_DENIED;
    case 6:
        return ERR_VERIFY;
    case 7:
        return ERR_GONE;
    case 9:
        return ERR_CONFIG;
    case 10:
        return ERR_UNINITIALISED;
    case 11:
        return ERR_LOCKED;
    case 12:
        return ERR_KEY;
    case 130:
        return ERR_INTERRUPTED;
    default:
        return ERR_STATE;
    }
}

/* The last line of `text` that begins with `mark`, without it; caller frees, NULL: none.
 */
static char *marked_line(const char *text, const char *mark)
{
    const char *found = NULL;
    for (const char *at = text; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, mark, strlen(mark)) == 0)
            found = at + strlen(mark);
    }
    return found ? mem_text_n(found, strcspn(found, "\n")) : NULL;
}

static enum err refuse(const char *program, int status, const char *text)
{
    char *error = marked_line(text, "error: "), *hint = marked_line(text, "hint: ");
    enum err err;
    if (error)
        err = err_set(code_of(status), "%s: %s", program, error);
    else if (WIFSIGNALED(status))
        err = err_set(ERR_STATE, "%s was ended by signal %d", program, WTERMSIG(status));
    else
        err = err_set(code_of(status), "%s ended with code %d", program,
                      WEXITSTATUS(status));
    if (hint)
        err_hint("%s", hint);
    mem_free(error);
    mem_free(hint);
    return err;
}

/* In the child: streams, and death with the parent, who hears Ctrl-C alone and ends the
 * child in its own time. */
static void become(const char *path, const char *const *arguments, int out, int error)
{
    char *list[PROCESS_ARGUMENTS_MAX + 1];
    size_t count = 0;
    for (; arguments[count] && count < PROCESS_ARGUMENTS_MAX; count++)
        list[count] = (char *)arguments[count];
    list[count] = NULL;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(path, list);
    _exit(127);
}

static enum err launch(const char *folder, const char *const *arguments, int out,
                       int error, pid_t *pid)
{
    char *path = file_join(folder, arguments[0]);
    enum err err = ERR_OK;
    if (access(path, X_OK) != 0)
        err = err_set(ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    else if ((*pid = fork()) < 0)
        err = err_set(ERR_STORAGE, "%s cannot be started: %s", path, strerror(errno));
    else if (*pid == 0)
        become(path, arguments, out, error);
    mem_free(path);
    return err;
}

/* Everything in the file from its beginning, as text. */
static void read_back(int descriptor, struct bytes *text)
{
    char piece[4096];
    ssize_t size;
    text->size = 0;
    lseek(descriptor, 0, SEEK_SET);
    while (text->size < PROCESS_OUTPUT_MAX &&
           (size = read(descriptor, piece, sizeof piece)) > 0)
        bytes_append(text, piece, (size_t)size);
    bytes_u8(text, 0);
}

static int scratch_file(void)
{
    FILE *file = tmpfile();
    int descriptor = file ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 3) : -1;
    if (file)
        fclose(file);
    return descriptor;
}

enum err process_run(const char *folder, const char *const *arguments,
                     struct bytes *output)
{
    struct bytes said = {0};
    int out = scratch_file(), error = scratch_file(), status = 0;
    pid_t pid;
    enum err err = ERR_OK;
    if (out < 0 || error < 0)
        err = err_set(ERR_STORAGE, "no temporary file: %s", strerror(errno));
    if (err == ERR_OK)
        err = launch(folder, arguments, out, error, &pid);
    if (err == ERR_OK) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        if (output) {
            read_back(out, output);
            output->size--; /* the 0 stays behind the text */
        }
        read_back(error, &said);
        if (!WIFEXITED(status) ||
            (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != FOUND_PROBLEMS))
            err = refuse(arguments[0], status, (const char *)said.data);
    }
    close(out);
    close(error);
    bytes_free(&said);
    return err;
}

enum err process_start(const char *folder, const char *const *arguments, const char *log,
                       struct process **process)
{
    int descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pid_t pid;
    if (descriptor < 0)
        return err_set(ERR_STORAGE, "%s: %s", log, strerror(errno));
    enum err err = launch(folder, arguments, descriptor, descriptor, &pid);
    close(descriptor);
    if (err != ERR_OK)
        return err;
    *process = mem_new(1, sizeof **process);
    **process = (struct process){
        .pid = pid, .program = mem_text(arguments[0]), .log = mem_text(log)};
    return ERR_OK;
}

enum err process_poll(struct process *process, bool *ended)
{
    if (!process->ended) {
        pid_t got = waitpid(process->pid, &process->status, WNOHANG);
        process->ended = got == process->pid || (got < 0 && errno != EINTR);
    }
    *ended = process->ended;
    if (!process->ended ||
        (WIFEXITED(process->status) && WEXITSTATUS(process->status) == 0))
        return ERR_OK;
    struct bytes text = {0};
    if (file_read(process->log, PROCESS_OUTPUT_MAX, &text) != ERR_OK)
        text.size = 0;
    bytes_u8(&text, 0);
    enum err err = refuse(process->program, process->status, (const char *)text.data);
    bytes_free(&text);
    return err;
}

void process_stop(struct process **process)
{
    struct process *gone = *process;
    const struct timespec step = {0, STOP_STEP_MS * 1000000L};
    if (!gone)
        return;
    if (!gone->ended)
        kill(gone->pid, SIGTERM);
    for (int i = 0; !gone->ended; i++) {
        if (waitpid(gone->pid, &gone->status, WNOHANG) != 0)
            break;
        if (i == STOP_STEPS)
            kill(gone->pid, SIGKILL);
        nanosleep(&step, NULL);
    }
    mem_free(gone->program);
    mem_free(gone->log);
    mem_free(gone);
    *process = NULL;
}
