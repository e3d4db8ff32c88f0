#include "node/control.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "privacy/audit.h"
#include "scratch.h"

enum { ENGINEER = 50001, CLINICIAN = 50002, OFFICER = 50003, STRANGER = 50004 };
enum { CLINIC = 60002 };

/* Who may do what, written down a second time. */
static const struct {
    const char *words;
    bool engineer, clinician, officer;
    const char *options;
} expected[] = {
    {"status", true, true, true, ""},
    {"stop", true, false, false, ""},
    {"patients list", true, true, true, "state"},
    {"patients show", false, true, true, ""},
    {"patients consent", false, true, true, "state reason"},
    {"patients erase", false, false, true, "reason"},
    {"study list", true, true, true, ""},
    {"study show", true, true, true, ""},
    {"study entry", false, false, true, "legal-basis output"},
    {"study preview", false, false, true, ""},
    {"study approve", false, false, true, ""},
    {"study decline", false, false, true, ""},
    {"policy show", true, true, true, ""},
    {"budget show", true, true, true, ""},
    {"ledger show", true, true, true, ""},
    {"audit show", false, false, true, "kind study patient last"},
    {"audit verify", false, false, true, ""},
    {"audit export", false, false, true, "output"},
    {"report officer", false, false, true, "output deployments"},
    {"forecast", false, true, true, "study until at"},
    {"watch", false, true, true, "study until ahead"},
    {"whatif", false, true, true, "study until at dose set sweep want draws show output"},
};
#define VERBS (sizeof expected / sizeof *expected)

static void control__every_role_and_every_verb(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERBS; i++) {
        const char *words = expected[i].words;
        assert_string_equal(control_verb_at(i)->words, words);
        for (unsigned roles = 0; roles < 16; roles++) {
            bool may = (roles & CONTROL_ENGINEER && expected[i].engineer) ||
                       (roles & CONTROL_CLINICIAN && expected[i].clinician) ||
                       (roles & CONTROL_OFFICER && expected[i].officer) ||
                       roles & CONTROL_OWNER;
            enum err err = control_permits(roles, words, "");
            assert_int_equal(err, may ? ERR_OK : ERR_DENIED);
        }
    }
    assert_null(control_verb_at(VERBS));
    static const char *const others[] = {
        "import",         "key rotate", "backup create", "serve",
        "policy install", "init",       "patients",      ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_refused(ERR_LOCKED, "beside the daemon",
                       control_permits(CONTROL_OWNER, others[i], ""));
}

/* No option but those on the table is given to the daemon: each alone, all of any
 * program's together with one, and names that begin or end alike. */
static void control__the_daemon_opens_no_file_for_others(void **state)
{
    static const char *const names[] = {
        "state", "reason",  "legal-basis", "output",  "kind",  "study", "patient", "last",
        "until", "at",      "deployments", "file",    "model", "prior", "spec",    "key",
        "out",   "outputs", "rejects",     "keyring", "stat",  "udy",   "a",       "to"};
    (void)state;
    for (size_t i = 0; i < VERBS; i++)
        for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
            char *in = mem_format(" %s ", expected[i].options),
                 *word = mem_format(" %s ", names[n]),
                 *alone = mem_format("%s ", names[n]),
                 *with = mem_format("%s%s%s ", expected[i].options,
                                    *expected[i].options ? " " : "", names[n]);
            enum err err = strstr(in, word) ? ERR_OK : ERR_DENIED;
            const char *words = expected[i].words;
            assert_int_equal(control_permits(CONTROL_OWNER, words, alone), err);
            assert_int_equal(control_permits(CONTROL_OWNER, words, with), err);
            if (err)
                assert_non_null(strstr(err_text(), "opens no file for others: --"));
            mem_free(in);
            mem_free(word);
            mem_free(alone);
            mem_free(with);
        }
}

/* --- a daemon and its askers
 * -------------------------------------------------------------------- */

struct place {
    void *directory;
    char *folder, *socket;
};

static int set_up(void **state)
{
    struct place *p = mem_new(1, sizeof *p);
    struct node *node;
    if (scratch_setup(&p->directory) != 0 || chmod(p->directory, 0711) != 0)
        return -1;
    p->folder = scratch_path(p->directory, "home");
    p->socket = scratch_path(p->directory, "socket");
    assert_ok(node_create(p->folder, "St Anna", &node));
    node_destroy(&node);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    free(p->socket);
    free(p->folder);
    int failed = scratch_teardown(&p->directory);
    mem_free(p);
    return failed;
}

static void set_roles(const struct place *p, const char *lines)
{
    char *path = file_join(p->folder, "gemel-node.yaml");
    char *text = mem_format("name: St Anna\ncontrol: %s\n%s", p->socket, lines);
    assert_ok(file_write(path, text, strlen(text), 0600));
    mem_free(text);
    mem_free(path);
}

static const char roles[] = "engineers: 50001\nclinicians: '@60002, 50099'\n"
                            "officers: 50003\n";

static void control__roles_are_users_and_groups_of_the_machine(void **state)
{
    struct place *p = *state;
    struct conf *conf;
    const gid_t clinic[] = {7, CLINIC};
    unsigned got;
    set_roles(p, roles);
    assert_ok(node_settings(p->folder, &conf));
    static const struct {
        uid_t user;
        size_t groups;
        unsigned roles;
    } people[] = {{ENGINEER, 0, CONTROL_ENGINEER},
                  {ENGINEER, 2, CONTROL_ENGINEER | CONTROL_CLINICIAN},
                  {STRANGER, 2, CONTROL_CLINICIAN},
                  {50099, 0, CONTROL_CLINICIAN},
                  {OFFICER, 1, CONTROL_OFFICER},
                  {STRANGER, 1, 0},
                  {0, 0, CONTROL_OWNER}};
    for (size_t i = 0; i < sizeof people / sizeof *people; i++) {
        assert_ok(control_roles(conf, people[i].user, clinic, people[i].groups, &got));
        assert_int_equal(got, people[i].roles);
    }
    conf_destroy(&conf);
    set_roles(p, "officers: root, nobody-of-that-name\n");
    assert_ok(node_settings(p->folder, &conf));
    assert_refused(ERR_CONFIG, "officers: this machine has no user nobody-of-that-name",
                   control_roles(conf, 1, NULL, 0, &got));
    conf_destroy(&conf);
    set_roles(p, "engineers: '@nobody-of-that-name'\n");
    assert_ok(node_settings(p->folder, &conf));
    assert_refused(ERR_CONFIG, "no group", control_roles(conf, 1, NULL, 0, &got));
    conf_destroy(&conf);
}

/* Stands for every command: says in whose name it ran, and writes it into the record. */
static enum err deed(struct cli *cli)
{
    struct node *node;
    const struct audit_entry entry = {.kind = AUDIT_EXPORT};
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    enum err err = audit_write_alone(node->store, &entry, "a deed");
    struct json *json = json_new_object();
    json_set_integer(json, "user", cli_user(cli));
    cli_result(cli, json);
    if (!cli_is_json(cli))
        printf("done for %u\n", cli_user(cli));
    cli_say(cli, "it is %s", "done");
    node_destroy(&node);
    return err;
}

static enum err refuse(struct cli *cli)
{
    struct node *node;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    node_destroy(&node);
    err_set(ERR_NOT_FOUND, "no such thing");
    return err_hint("look elsewhere");
}

static enum err serve(struct cli *cli)
{
    struct node *node;
    struct control *control;
    enum err err = node_open(cli_directory(cli), &node);
    if (err == ERR_OK)
        err = control_new(node, cli, &control);
    while (err == ERR_OK && !control_stopped(control)) {
        struct pollfd wake = {.fd = control_descriptor(control), .events = POLLIN};
        poll(&wake, 1, 20000);
        control_attend(control);
    }
    if (err == ERR_OK)
        control_destroy(&control);
    node_destroy(&node);
    return err;
}

/* Makes two files, the second with every byte there is. */
static enum err export(struct cli *cli) {
    struct node *node = NULL; struct json *json = NULL;
    enum err err = node_open(cli_directory(cli), &node); if (err == ERR_OK){
        struct bytes text = {0}, all = {0};
        const struct audit_entry entry = {.kind = AUDIT_EXPORT};
        bytes_append(&text, "of the record\n", 14);
        for (int i = 0; i < 256; i++) bytes_u8(&all, (uint8_t)i);
        cli_file(cli, "output", "", &text);
        if (cli_given(cli, "output")) cli_file(cli, "output", ".sig", &all);
        err = audit_write_alone(node->store, &entry, "a deed"); json = json_new_object();
        json_set_integer(json, "user", cli_user(cli));}
else
{
    err = control_ask(cli, &json);
}
if (err == ERR_OK)
    err = cli_write_files(cli);
cli_result(cli, json);
node_destroy(&node);
return err;
}

static const struct cli_option file_option[] = {
    {"file", 0, "FILE", "a file", false, false},
    {"output", 'o', "FILE", "a file", false, false}};
#define DEED(words, run)                                                                 \
    {                                                                                    \
        words, "[A]...", "a deed", "", "", file_option, 2, run                           \
    }
static const struct cli_command commands[] = {
    DEED("status", deed),           DEED("stop", deed),
    DEED("patients list", deed),    DEED("patients show", refuse),
    DEED("patients consent", deed), DEED("patients erase", deed),
    DEED("study list", deed),       DEED("study show", deed),
    DEED("study entry", deed),      DEED("study preview", deed),
    DEED("study approve", deed),    DEED("study decline", deed),
    DEED("policy show", deed),      DEED("budget show", deed),
    DEED("ledger show", deed),      DEED("audit show", deed),
    DEED("audit verify", deed),     DEED("audit export", export),
    DEED("report officer", export), DEED("forecast", deed),
    DEED("watch", deed),            DEED("whatif", export),
    DEED("import", deed),           DEED("serve", serve)};
static const struct cli_program program = {"gemel-node", "a node", commands,
                                           sizeof commands / sizeof *commands};

/* A line as this user, in a process of its own; its exit code, with what it said. */
static char said[4096];

static pid_t start(const char *line, uid_t user, gid_t group, int out)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    char copy[600], *rest = copy, *argv[32] = {(char[]){"gemel-node"}};
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word; (word = strtok_r(rest, " ", &rest));)
        argv[argc++] = word;
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    if (user && (setgid(group) != 0 || setuid(user) != 0))
        _exit(99);
    _exit(cli_main(&program, argc, argv));
}

static int run(const char *line, uid_t user, gid_t group)
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = start(line, user, group, ends[1]);
    close(ends[1]);
    ssize_t size = 0, got;
    while ((got = read(ends[0], said + size, sizeof said - 1 - (size_t)size)) > 0)
        size += got;
    said[size] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static pid_t start_daemon(const struct place *p)
{
    char *line = mem_format("serve -C %s", p->folder);
    int nowhere = open("/dev/null", O_WRONLY);
    pid_t daemon = start(line, 0, 0, nowhere);
    close(nowhere);
    mem_free(line);
    for (int i = 0; i < 1000; i++) {
        struct stat about;
        if (stat(p->socket, &about) == 0 && (about.st_mode & 0777) == 0666)
            return daemon;
        usleep(10000);
    }
    fail_msg("the daemon does not listen");
    return -1;
}

static void stop_daemon(const struct place *p, pid_t daemon)
{
    int status;
    char *line = mem_format("stop -C %s", p->folder);
    assert_int_equal(run(line, 0, 0), 0);
    assert_int_equal(waitpid(daemon, &status, 0), daemon);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_false(file_exists(p->socket));
    mem_free(line);
}

/* In whose name the entries of deeds are. */
static enum err find_user(void *context, const struct audit_row *row)
{
    size_t *tally = context;
    if (row->entry.kind == AUDIT_EXPORT)
        for (uint32_t i = 0; i < 3; i++)
            tally[i] += row->user == ENGINEER + i;
    return ERR_OK;
}

static void control__asks_the_kernel_who_asks(void **state)
{
    struct place *p = *state;
    struct node *node;
    size_t tally[3] = {0}, allowed[3] = {0};
    if (geteuid() != 0)
        skip(); /* nobody else can become somebody else */
    set_roles(p, roles);
    pid_t daemon = start_daemon(p);
    for (size_t i = 0; i < VERBS; i++) {
        const bool may[] = {expected[i].engineer, expected[i].clinician,
                            expected[i].officer, false};
        if (strcmp(expected[i].words, "stop") == 0)
            continue;
        for (uid_t who = 0; who < 4; who++) {
            char *line = mem_format("%s x --json -C %s", expected[i].words, p->socket);
            gid_t group = ENGINEER + who == CLINICIAN ? CLINIC : 50000;
            int code = run(line, ENGINEER + who, group);
            bool refusing = strcmp(expected[i].words, "patients show") == 0;
            assert_int_equal(code, !may[who] ? 5 : refusing ? 4 : 0);
            if (may[who] && !refusing) {
                char *user = mem_format("\"user\": %u", ENGINEER + who);
                assert_non_null(strstr(said, user));
                mem_free(user);
                allowed[who]++;
            }
            mem_free(line);
        }
    }
    char *line = mem_format("stop -C %s", p->socket);
    assert_int_equal(run(line, CLINICIAN, CLINIC), 5);
    assert_int_equal(run(line, OFFICER, 50000), 5);
    assert_int_equal(run(line, STRANGER, 50000), 5);
    mem_free(line);
    stop_daemon(p, daemon);
    assert_ok(node_open(p->folder, &node));
    assert_ok(audit_each(node->store, 1, find_user, tally));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tally[i], allowed[i]); /* on record in the asker's name */
    node_destroy(&node);
}

static void control__answers_as_the_command_would(void **state)
{
    struct place *p = *state;
    set_roles(p, roles);
    pid_t daemon = start_daemon(p);
    char *line = mem_format("study list -C %s", p->folder);
    assert_int_equal(run(line, 0, 0), 0); /* the owner, by the folder */
    char *user = mem_format("done for %u\nit is done\n", (unsigned)getuid());
    assert_string_equal(said, user);
    mem_free(user);
    mem_free(line);
    line = mem_format("study list -q -C %s", p->folder);
    assert_int_equal(run(line, 0, 0), 0);
    user = mem_format("done for %u\n", (unsigned)getuid());
    assert_string_equal(said, user);
    mem_free(user);
    mem_free(line);
    line = mem_format("study list --json -C %s", p->folder);
    assert_int_equal(run(line, 0, 0), 0);
    user = mem_format("{\n  \"user\": %u\n}\n", (unsigned)getuid());
    assert_string_equal(said, user);
    mem_free(user);
    mem_free(line);
    line = mem_format("patients show 7 -C %s", p->folder);
    assert_int_equal(run(line, 0, 0), 4);
    assert_non_null(strstr(said, "error: no such thing\nhint: look elsewhere\n"));
    mem_free(line);
    line = mem_format("import x -C %s", p->folder);
    assert_int_equal(run(line, 0, 0), 11);
    assert_non_null(strstr(said, "not run beside the daemon"));
    mem_free(line);
    line = mem_format("patients consent --file /etc/hostname -C %s", p->folder);
    assert_int_equal(run(line, 0, 0), 5);
    assert_non_null(strstr(said, "opens no file for others"));
    mem_free(line);
    line = mem_format("patients consent --f /etc/hostname -C %s", p->folder);
    assert_int_not_equal(run(line, 0, 0), 0);
    mem_free(line);
    stop_daemon(p, daemon);
    line = mem_format("study list -C %s", p->folder); /* and without a daemon */
    assert_int_equal(run(line, 0, 0), 0);
    mem_free(line);
}

/* Files that a command makes are the asker's: with their rights, by the names they typed,
 * where they stand. */
static void control__files_are_written_by_whoever_asks(void **state)
{
    struct place *p = *state;
    struct bytes file = {0};
    struct stat about;
    if (geteuid() != 0)
        skip();
    set_roles(p, roles);
    pid_t daemon = start_daemon(p);
    char *theirs = scratch_path(p->directory, "theirs"),
         *out = file_join(theirs, "record"), *sig = file_join(theirs, "record.sig"),
         *closed = scratch_path(p->directory, "record");
    assert_ok(file_make_directory(theirs, 0700));
    assert_int_equal(chown(theirs, OFFICER, 50000), 0);
    char *line = mem_format("audit export -qo %s -C %s", out, p->socket);
    assert_int_equal(run(line, OFFICER, 50000), 0);
    mem_free(line);
    assert_int_equal(stat(out, &about), 0);
    assert_int_equal(about.st_uid, OFFICER);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_ok(file_read(sig, 1000, &file));
    assert_int_equal(file.size, 256);
    for (int i = 0; i < 256; i++)
        assert_int_equal(file.data[i], i);
    /* Where the daemon may write and they may not: nothing is. */
    line = mem_format("audit export -o %s -C %s", closed, p->socket);
    assert_int_not_equal(run(line, OFFICER, 50000), 0);
    assert_non_null(strstr(said, closed));
    assert_false(file_exists(closed));
    mem_free(line);
    line = mem_format("audit export -C %s", p->socket); /* on standard output */
    assert_int_equal(run(line, OFFICER, 50000), 0);
    assert_string_equal(said, "of the record\n");
    mem_free(line);
    line = mem_format("audit show -qo %s -C %s", out, p->socket);
    assert_int_equal(run(line, OFFICER, 50000), 5);
    assert_non_null(strstr(said, "opens no file for others: --output"));
    mem_free(line);
    stop_daemon(p, daemon);
    bytes_free(&file);
    free(closed);
    mem_free(sig);
    mem_free(out);
    free(theirs);
}

/* In the daemon's place: take one line, and answer this. */
static pid_t pretend(const struct place *p, const char *answer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct bytes frame = {0};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", p->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    bytes_field(&frame, answer, strlen(answer));
    pid_t child = fork();
    if (child == 0) {
        char line[4096];
        int asker = accept(fd, NULL, NULL);
        ssize_t got = recv(asker, line, sizeof line, 0);
        got = got > 0 ? send(asker, frame.data, frame.size, MSG_NOSIGNAL) : 0;
        _exit(got == (ssize_t)frame.size ? 0 : 1);
    }
    close(fd);
    bytes_free(&frame);
    return child;
}

/* Whoever answers chooses no file's name: what nobody asked for is not written. */
static void control__takes_only_the_files_it_asked_for(void **state)
{
    static const char *const files[] = {
        "{\"option\":\"output\",\"ending\":\"\",\"bytes\":\"6f6b\"}",
        "{\"option\":\"key\",\"ending\":\"\",\"bytes\":\"00\"}",
        "{\"option\":\"output\",\"ending\":\"/../x\",\"bytes\":\"00\"}",
        "{\"option\":\"output\",\"ending\":\".a/b\",\"bytes\":\"00\"}",
        "{\"option\":\"output\",\"ending\":\".muchtoolong\",\"bytes\":\"00\"}",
        "{\"option\":\"output\",\"ending\":\"\",\"bytes\":\"0\"}",
        "{\"option\":\"output\",\"ending\":\"\",\"bytes\":\"zz\"}",
        "{\"option\":\"output\",\"bytes\":\"00\"}",
        "7"};
    struct place *p = *state;
    struct bytes got = {0};
    char *out = scratch_path(p->directory, "out");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int status;
        char *answer = mem_format("{\"exit\":0,\"result\":{},\"files\":[%s]}", files[i]),
             *line = mem_format("audit export -o %s -C %s", out, p->socket);
        pid_t daemon = pretend(p, answer);
        int code = run(line, 0, 0);
        assert_int_equal(code == 0, i == 0);
        assert_int_equal(waitpid(daemon, &status, 0), daemon);
        assert_int_equal(file_exists(out), i == 0);
        if (i == 0) {
            assert_ok(file_read(out, 10, &got));
            assert_int_equal(got.size, 2);
            assert_memory_equal(got.data, "ok", 2);
        }
        unlink(out);
        unlink(p->socket);
        mem_free(answer);
        mem_free(line);
    }
    bytes_free(&got);
    free(out);
}

/* Nonsense, silence and half a line are dropped, and the next asker is answered. */
static void control__survives_whoever_talks_nonsense(void **state)
{
    struct place *p = *state;
    set_roles(p, roles);
    pid_t daemon = start_daemon(p);
    static const char *const nonsense[] = {"",
                                           "x",
                                           "\xff\xff\xff\xff",
                                           "\x08\0\0\0half",
                                           "\x04\0\0\0\xff\xff\xff\xff",
                                           "\x05\0\0\0\x01\0\0\0\xff"};
    static const size_t sizes[] = {0, 1, 4, 8, 8, 9};
    for (size_t i = 0; i < 6; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", p->socket);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        if (sizes[i])
            assert_int_equal(send(fd, nonsense[i], sizes[i], MSG_NOSIGNAL), sizes[i]);
        close(fd);
    }
    char *line = mem_format("status -C %s", p->folder);
    assert_int_equal(run(line, 0, 0), 0);
    mem_free(line);
    stop_daemon(p, daemon);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control__every_role_and_every_verb),
        cmocka_unit_test(control__the_daemon_opens_no_file_for_others),
        IN_PLACE(control__roles_are_users_and_groups_of_the_machine),
        IN_PLACE(control__asks_the_kernel_who_asks),
        IN_PLACE(control__answers_as_the_command_would),
        IN_PLACE(control__files_are_written_by_whoever_asks),
        IN_PLACE(control__takes_only_the_files_it_asked_for),
        IN_PLACE(control__survives_whoever_talks_nonsense),
    };
    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
