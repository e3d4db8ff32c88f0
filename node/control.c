#include "node/control.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "privacy/audit.h"

#define LINE_BYTES_MAX ((uint32_t)65536)
#define WORDS_MAX 4096
#define ANSWER_BYTES_MAX ((uint32_t)256 << 20)
#define ASK_MS 500       /* for the whole line, once connected: the daemon waits for it */
#define TAKE_MS 2000     /* for the answer to be taken */
#define ANSWER_MS 600000 /* for it to be given: the daemon may be fitting twins */
#define PROMPTLY_MS 1000 /* for who would rather not wait until it has */
#define GROUPS_MAX 256

/* --- who may do what
 * -------------------------------------------------------------------------- */

#define ALL (CONTROL_ENGINEER | CONTROL_CLINICIAN | CONTROL_OFFICER)

static const struct control_verb verbs[] = {
    {"status", ALL, ""},
    {"stop", CONTROL_ENGINEER, ""},
    {"patients list", ALL, "state"},
    {"patients show", CONTROL_CLINICIAN | CONTROL_OFFICER, ""},
    {"patients consent", CONTROL_CLINICIAN | CONTROL_OFFICER, "state reason"},
    {"patients erase", CONTROL_OFFICER, "reason"},
    {"study list", ALL, ""},
    {"study show", ALL, ""},
    {"study entry", CONTROL_OFFICER, "legal-basis output"},
    {"study preview", CONTROL_OFFICER, ""},
    {"study approve", CONTROL_OFFICER, ""},
    {"study decline", CONTROL_OFFICER, ""},
    {"policy show", ALL, ""},
    {"budget show", ALL, ""},
    {"ledger show", ALL, ""},
    {"audit show", CONTROL_OFFICER, "kind study patient last"},
    {"audit verify", CONTROL_OFFICER, ""},
    {"audit export", CONTROL_OFFICER, "output"},
    {"report officer", CONTROL_OFFICER, "output deployments"},
    {"forecast", CONTROL_CLINICIAN | CONTROL_OFFICER, "study until at"},
    {"watch", CONTROL_CLINICIAN | CONTROL_OFFICER, "study until ahead"},
    {"whatif", CONTROL_CLINICIAN | CONTROL_OFFICER,
     "study until at dose set sweep want draws show output"},
};

const struct control_verb *control_verb_at(size_t index)
{
    return index < sizeof verbs / sizeof *verbs ? &verbs[index] : NULL;
}

/* Every one of `options` stands in the verb's: whatever else may be one of a file that
 * the daemon would open. */
static enum err permit_options(const struct control_verb *verb, const char *options)
{
    for (const char *at = options, *end; (end = strchr(at, ' ')); at = end + 1) {
        size_t size = (size_t)(end - at);
        const char *known = verb->options;
        while (*known && !(strncmp(known, at, size) == 0 && strchr(" ", known[size])))
            known += strcspn(known, " ") + (strchr(known, ' ') != NULL);
        if (!*known)
            return err_set(ERR_DENIED, "the daemon opens no file for others: --%.*s",
                           (int)size, at);
    }
    return ERR_OK;
}

enum err control_permits(unsigned roles, const char *words, const char *options)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].words, words) != 0)
            continue;
        if ((verbs[i].roles | CONTROL_OWNER) & roles)
            return permit_options(&verbs[i], options);
        err_set(ERR_DENIED, "this user may not run `%s` here", words);
        return err_hint("the settings engineers, clinicians and officers name who may do "
                        "what (docs/rights.md)");
    }
    err_set(ERR_LOCKED, "`%s` is not run beside the daemon", words);
    return err_hint("stop it first: gemel-node stop");
}

/* Does a word of the setting, `name`, `number` or `@group`, stand for this user? */
static enum err word_means(const char *setting, const char *word, uid_t user,
                           const gid_t *groups, size_t count, bool *means)
{
    char *end;
    unsigned long number = strtoul(*word == '@' ? word + 1 : word, &end, 10);
    bool numeric = end != word && *end == '\0' && end[-1] >= '0' && end[-1] <= '9';
    if (*word == '@') {
        const struct group *group = numeric ? NULL : getgrnam(word + 1);
        if (!numeric && !group)
            return err_set(ERR_CONFIG, "%s: this machine has no group %s", setting,
                           word + 1);
        for (size_t i = 0; i < count; i++)
            *means |= groups[i] == (numeric ? (gid_t)number : group->gr_gid);
        return ERR_OK;
    }
    const struct passwd *person = numeric ? NULL : getpwnam(word);
    if (!numeric && !person)
        return err_set(ERR_CONFIG, "%s: this machine has no user %s", setting, word);
    *means |= user == (numeric ? (uid_t)number : person->pw_uid);
    return ERR_OK;
}

enum err control_roles(const struct conf *conf, uid_t user, const gid_t *groups,
                       size_t count, unsigned *roles)
{
    static const struct {
        const char *setting;
        enum control_role role;
    } settings[] = {{"engineers", CONTROL_ENGINEER},
                    {"clinicians", CONTROL_CLINICIAN},
                    {"officers", CONTROL_OFFICER}};
    *roles = user == 0 || user == geteuid() ? CONTROL_OWNER : 0;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char *list = mem_text(conf_text(conf, settings[i].setting)), *at = list, *word;
        enum err result = ERR_OK;
        while (result == ERR_OK && (word = strsep(&at, ", "))) {
            bool means = false;
            if (*word)
                result =
                    word_means(settings[i].setting, word, user, groups, count, &means);
            if (means)
                *roles |= settings[i].role;
        }
        mem_free(list);
        if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}

/* --- frames: u32 size, then so many bytes
 * ------------------------------------------------------ */

static bool ready(int fd, short events, uint64_t until_ms)
{
    uint64_t now = clock_steady_ms(&clock_machine);
    struct pollfd wait = {.fd = fd, .events = events};
    return now < until_ms && poll(&wait, 1, (int)(until_ms - now)) > 0;
}

static bool receive(int fd, void *data, size_t size, uint64_t until_ms)
{
    for (size_t done = 0; done < size;) {
        if (!ready(fd, POLLIN, until_ms))
            return false;
        ssize_t got = recv(fd, (char *)data + done, size - done, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool send_all(int fd, const void *data, size_t size, uint64_t until_ms)
{
    for (size_t done = 0; done < size;) {
        if (!ready(fd, POLLOUT, until_ms))
            return false;
        ssize_t put =
            send(fd, (const char *)data + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        done += put > 0 ? (size_t)put : 0;
    }
    return true;
}

static bool receive_frame(int fd, uint32_t most, uint64_t until_ms, struct bytes *bytes)
{
    uint8_t front[4];
    uint32_t size;
    if (!receive(fd, front, sizeof front, until_ms))
        return false;
    struct cursor cursor = {front, sizeof front, 0};
    cursor_u32(&cursor, &size);
    if (size > most)
        return false;
    bytes_reserve(bytes, size + (size_t)1);
    if (!receive(fd, bytes->data + bytes->size, size, until_ms))
        return false;
    bytes->size += size;
    return true;
}

static bool send_frame(int fd, const void *data, size_t size, uint64_t until_ms)
{
    struct bytes frame = {0};
    bytes_field(&frame, data, size);
    bool sent = send_all(fd, frame.data, frame.size, until_ms);
    bytes_free(&frame);
    return sent;
}

/* --- the daemon's side
 * ------------------------------------------------------------------------ */

struct control {
    struct node *node;
    struct cli *cli;
    char *path;
    int fd;
    bool stopped;
};

static enum err address_of(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path)
        return err_set(ERR_CONFIG,
                       "%s is too long for a socket's path: at most %zu bytes", path,
                       sizeof address->sun_path - 1);
    strcpy(address->sun_path, path);
    return ERR_OK;
}

static char *path_of(const char *folder, const struct conf *conf)
{
    const char *path = conf_text(conf, "control");
    return path[0] == '/' ? mem_text(path) : file_join(folder, path);
}

/* Whoever holds the store is the only daemon: a socket that is there is left over.
 * Anybody may connect whom the folder lets through; what they may do is asked then. */
static enum err listen_at(struct control *c)
{
    struct sockaddr_un address;
    if (address_of(c->path, &address) != ERR_OK)
        return err_code();
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(c->path);
    if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(c->path, 0666) != 0 || listen(c->fd, 16) != 0)
        return err_set(ERR_STORAGE, "cannot listen at %s: %s", c->path, strerror(errno));
    return ERR_OK;
}

enum err control_new(struct node *node, struct cli *cli, struct control **control)
{
    struct control *c = mem_new(1, sizeof *c);
    unsigned roles;
    *c = (struct control){.node = node, .cli = cli, .fd = -1};
    c->path = path_of(home_folder(node->home), node->conf);
    /* Users and groups that are not there are found now, not when one of them asks. */
    enum err result = control_roles(node->conf, geteuid(), NULL, 0, &roles);
    if (result == ERR_OK)
        result = listen_at(c);
    if (result == ERR_OK) {
        node_lend(node);
        *control = c;
        return ERR_OK;
    }
    control_destroy(&c);
    return result;
}

void control_destroy(struct control **control)
{
    if (!*control)
        return;
    node_lend(NULL);
    if ((*control)->fd >= 0) {
        close((*control)->fd);
        unlink((*control)->path);
    }
    mem_free((*control)->path);
    mem_free(*control);
    *control = NULL;
}

int control_descriptor(const struct control *control)
{
    return control->fd;
}

bool control_stopped(const struct control *control)
{
    return control->stopped;
}

struct asker {
    struct control *control;
    unsigned roles;
};

static enum err permit(void *context, const char *words, const char *options,
                       uint32_t user)
{
    struct asker *asker = context;
    (void)user;
    enum err result = control_permits(asker->roles, words, options);
    if (result == ERR_OK && strcmp(words, "stop") == 0)
        asker->control->stopped = true;
    return result;
}

/* The words of a line; ERR_FORMAT for anything else. */
static enum err read_line(struct bytes *bytes, char **words, size_t *count)
{
    struct cursor cursor = {bytes->data, bytes->size, 0};
    *count = 0;
    while (cursor.at < cursor.size) {
        char *text;
        if (*count == WORDS_MAX)
            return err_set(ERR_FORMAT, "a line of more than %d words", WORDS_MAX);
        if (cursor_text(&cursor, LINE_BYTES_MAX, &text) != ERR_OK)
            return err_code();
        words[(*count)++] = text;
    }
    return ERR_OK;
}

/* What to tell somebody whose line was not even run. */
static char *refusal(enum err err)
{
    struct json *answer = json_new_object(), *error = json_new_object();
    json_set_text(error, "code", err_name(err));
    json_set_text(error, "message", err_text());
    json_set_text(error, "hint", *err_hint_text() ? err_hint_text() : NULL);
    json_set(answer, "error", error);
    char *text = json_format(answer);
    json_destroy(&answer);
    return text;
}

static char *answer_line(struct asker *asker, uint32_t user, struct bytes *line)
{
    char **words = mem_new(WORDS_MAX, sizeof *words);
    size_t count;
    enum err result = read_line(line, words, &count);
    char *answer;
    if (result == ERR_OK) {
        audit_act_for(&user);
        answer = cli_answer(asker->control->cli, words, count, user, permit, asker);
        audit_act_for(NULL);
    } else {
        answer = refusal(result);
    }
    if (strlen(answer) > ANSWER_BYTES_MAX) {
        free(answer);
        err_set(ERR_RANGE, "the answer is longer than %u MiB", ANSWER_BYTES_MAX >> 20);
        err_hint("stop the daemon for it: gemel-node stop");
        answer = refusal(ERR_RANGE);
    }
    for (size_t i = 0; i < count; i++)
        mem_free(words[i]);
    mem_free(words);
    return answer;
}

/* By the kernel's word: the user and all groups of whoever connected. */
static enum err roles_of(const struct control *c, int fd, uint32_t *user, unsigned *roles)
{
    struct ucred peer;
    gid_t groups[GROUPS_MAX + 1];
    socklen_t size = sizeof peer, groups_size = GROUPS_MAX * sizeof *groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return err_set(ERR_DENIED, "the kernel does not say who asks");
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_size) != 0)
        groups_size = 0; /* more than we know, or none: the first one counts */
    size_t count = groups_size / sizeof *groups;
    groups[count++] = peer.gid;
    *user = (uint32_t)peer.uid;
    return control_roles(c->node->conf, peer.uid, groups, count, roles);
}

static void attend_one(struct control *c, int fd)
{
    uint64_t until = clock_steady_ms(&clock_machine) + ASK_MS;
    struct bytes line = {0};
    struct asker asker = {.control = c};
    uint32_t user;
    char *answer = NULL;
    /* Read in any case: closing on a line unread would take the answer back. */
    bool whole = receive_frame(fd, LINE_BYTES_MAX, until, &line);
    if (whole && roles_of(c, fd, &user, &asker.roles) != ERR_OK)
        answer = refusal(err_code());
    else if (whole && asker.roles == 0)
        answer = refusal(err_set(ERR_DENIED, "this user has no role here"));
    else if (whole)
        answer = answer_line(&asker, user, &line);
    if (answer)
        send_frame(fd, answer, strlen(answer), clock_steady_ms(&clock_machine) + TAKE_MS);
    free(answer);
    bytes_free(&line);
}

void control_attend(struct control *c)
{
    int fd;
    while ((fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        attend_one(c, fd);
        close(fd);
    }
}

/* --- the other side
 * --------------------------------------------------------------------------- */

/* Where the daemon of this command listens: a socket in place of the folder is it. NULL:
 * the folder cannot be read. */
static char *find_socket(const char *folder)
{
    struct stat about;
    struct conf *conf;
    if (stat(folder, &about) == 0 && S_ISSOCK(about.st_mode))
        return mem_text(folder);
    if (node_settings(folder, &conf) != ERR_OK)
        return NULL;
    char *path = path_of(folder, conf);
    conf_destroy(&conf);
    return path;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address;
    if (address_of(path, &address) != ERR_OK)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static enum err ask(struct cli *cli, int fd, const char *more, uint64_t patience_ms,
                    struct json **json)
{
    struct bytes line = {0}, answer = {0};
    char *const *words;
    size_t count = cli_line(cli, &words);
    uint64_t now = clock_steady_ms(&clock_machine);
    for (size_t i = 0; i < count; i++) {
        if (more && strcmp(words[i], "--") == 0) {
            bytes_text(&line, more);
            more = NULL;
        }
        bytes_text(&line, words[i]);
    }
    if (more)
        bytes_text(&line, more);
    enum err result = ERR_OK;
    if (!send_frame(fd, line.data, line.size, now + TAKE_MS) ||
        !receive_frame(fd, ANSWER_BYTES_MAX, now + patience_ms, &answer))
        result = err_set(ERR_GONE, "the daemon did not answer");
    else
        result = cli_take_answer(cli, (const char *)answer.data, answer.size, json);
    bytes_free(&line);
    bytes_free(&answer);
    return result;
}

static enum err find_and_ask(struct cli *cli, const char *more, uint64_t patience_ms,
                             struct json **answer)
{
    enum err refused = err_code();
    char *text = mem_text(err_text()), *hint = mem_text(err_hint_text());
    char *path = find_socket(cli_directory(cli));
    int fd = path ? connect_to(path) : -1;
    enum err result;
    if (fd >= 0) {
        result = ask(cli, fd, more, patience_ms, answer);
        close(fd);
    } else {
        result = err_set(refused, "%s", text);
        if (*hint)
            err_hint("%s", hint);
    }
    mem_free(path);
    mem_free(hint);
    mem_free(text);
    return result;
}

enum err control_ask(struct cli *cli, struct json **result)
{
    return find_and_ask(cli, cli_is_json(cli) ? NULL : "--json", ANSWER_MS, result);
}

static enum err take_over(struct cli *cli, const char *more, uint64_t patience_ms)
{
    struct json *answer;
    enum err result = find_and_ask(cli, more, patience_ms, &answer);
    if (result == ERR_OK && answer)
        cli_result(cli, answer);
    return result;
}

enum err control_elsewhere(struct cli *cli, const char *more)
{
    return take_over(cli, more, ANSWER_MS);
}

enum err control_promptly(struct cli *cli)
{
    return take_over(cli, NULL, PROMPTLY_MS);
}
