#include "sim/consortium.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "sim/hospitals.h"
#include "sim/process.h"

#define STUDY "trial"
#define NEWCOMER "newcomer.csv"
#define POLL_MS 100
#define LOG_MAX ((size_t)1 << 26)

/* A folder and file names of the consortium, freed together. */
struct consortium {
    const struct consortium_plan *plan;
    const struct consortium_watch *watch;
    char *programs;
    char *coordinator, *coordinator_log; /* folder, log */
    char **nodes, **logs;                /* [hospitals] */
    struct process **running;            /* [hospitals + 1], the coordinator last */
};

static void say(const struct consortium *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct consortium *c, const char *format, ...)
{
    char sentence[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (c->watch->step)
        c->watch->step(c->watch->context, sentence);
}

static char *inside(const struct consortium *c, const char *name)
{
    return file_join(c->plan->directory, name);
}

static enum err refuse_when_stopped(const struct consortium *c)
{
    return c->watch->interrupted && c->watch->interrupted(c->watch->context)
               ? err_set(ERR_INTERRUPTED, "stopped")
               : ERR_OK;
}

static enum err run_program(const struct consortium *c, const char *const *arguments,
                            struct bytes *output)
{
    return refuse_when_stopped(c) == ERR_OK ? process_run(c->programs, arguments, output)
                                            : err_code();
}

#define NODE(c, h, output, ...)                                                          \
    run_program((c),                                                                     \
                (const char *const[]){"gemel-node", __VA_ARGS__, "-C", (c)->nodes[h],    \
                                      "--quiet", NULL},                                  \
                output)
#define COORDINATOR(c, output, ...)                                                      \
    run_program((c),                                                                     \
                (const char *const[]){"gemel-coordinator", __VA_ARGS__, "-C",            \
                                      (c)->coordinator, "--quiet", NULL},                \
                output)

/* --- settings and tables ----------------------------------------------------------- */

/* Replace the value of one setting in a program's own settings file. */
static enum err set(const char *folder, const char *file, const char *name,
                    const char *value)
{
    char *path = file_join(folder, file), *mark = mem_format("\n%s:", name);
    struct bytes old = {0}, text = {0};
    enum err err = file_read(path, LOG_MAX, &old);
    if (err == ERR_OK) {
        bytes_u8(&old, 0);
        const char *all = (const char *)old.data, *at = strstr(all, mark);
        const char *end = at ? strchr(at + 1, '\n') : NULL;
        if (!end) {
            err = err_set(ERR_CONFIG, "%s has no setting %s", path, name);
        } else {
            bytes_append(&text, all, (size_t)(at + 1 - all));
            bytes_append(&text, name, strlen(name));
            bytes_append(&text, ": ", 2);
            bytes_append(&text, value, strlen(value));
            bytes_append(&text, end, strlen(end));
            err = file_write(path, text.data, text.size, 0600);
        }
    }
    bytes_free(&old);
    bytes_free(&text);
    mem_free(path);
    mem_free(mark);
    return err;
}

/* The rows of every hospital, as its own table, and last those of the newcomer. */
struct dealing {
    const struct consortium_plan *plan;
    FILE **files; /* [hospitals + 1] */
    size_t id;    /* column of the patient */
};

static void write_row(FILE *file, size_t count, const char *const *fields)
{
    for (size_t i = 0; i < count; i++) {
        char *field = csv_quote(fields[i]);
        fprintf(file, "%s%s", i ? "," : "", field);
        mem_free(field);
    }
    fprintf(file, "\n");
}

static enum err deal_header(void *context, size_t line, size_t count,
                            const char *const *fields)
{
    struct dealing *dealing = context;
    (void)line;
    for (size_t h = 0; h <= dealing->plan->hospitals; h++)
        if (dealing->files[h])
            write_row(dealing->files[h], count, fields);
    for (size_t i = 0; i < count; i++)
        if (strcmp(dataset_column(dealing->plan->dataset, i)->role, "id") == 0)
            dealing->id = i;
    return ERR_OK;
}

static enum err deal_row(void *context, size_t line, size_t count,
                         const char *const *fields)
{
    struct dealing *dealing = context;
    const struct consortium_plan *plan = dealing->plan;
    size_t patient = dataset_patient(plan->dataset, fields[dealing->id]);
    (void)line;
    if (patient == SIZE_MAX) /* a row commented out */
        return ERR_OK;
    if (plan->hospital[patient] != HOSPITAL_NONE)
        write_row(dealing->files[plan->hospital[patient]], count, fields);
    else if (plan->clinic != SIZE_MAX && patient == plan->newcomer)
        write_row(dealing->files[plan->hospitals], count, fields);
    return ERR_OK;
}

static enum err open_table(const char *path, FILE **file)
{
    *file = fopen(path, "wxe");
    return *file ? ERR_OK : err_set(ERR_STORAGE, "%s: %s", path, strerror(errno));
}

static enum err deal(const struct consortium *c)
{
    const struct consortium_plan *plan = c->plan;
    struct dealing dealing = {.plan = plan,
                              .files = mem_new(plan->hospitals + 1, sizeof(FILE *))};
    enum err err = ERR_OK;
    for (size_t h = 0; err == ERR_OK && h < plan->hospitals; h++) {
        char *path = mem_format("%s.csv", c->nodes[h]);
        err = open_table(path, &dealing.files[h]);
        mem_free(path);
    }
    if (err == ERR_OK && plan->clinic != SIZE_MAX) {
        char *path = inside(c, NEWCOMER);
        err = open_table(path, &dealing.files[plan->hospitals]);
        mem_free(path);
    }
    if (err == ERR_OK)
        err = csv_read(plan->data_path, deal_header, deal_row, &dealing);
    for (size_t h = 0; h <= plan->hospitals; h++)
        if (dealing.files[h] && fclose(dealing.files[h]) != 0 && err == ERR_OK)
            err = err_set(ERR_STORAGE, "%s: a table could not be written: %s",
                          plan->directory, strerror(errno));
    mem_free(dealing.files);
    return err;
}

/* --- setting up -------------------------------------------------------------------- */

/* A port that nobody listens on now. */
static enum err free_port(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = descriptor >= 0 &&
                 bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0 &&
                 getsockname(descriptor, (struct sockaddr *)&address, &size) == 0;
    int why = errno;
    if (descriptor >= 0)
        close(descriptor);
    if (!bound)
        return err_set(ERR_STORAGE, "no free port on 127.0.0.1: %s", strerror(why));
    *port = ntohs(address.sin_port);
    return ERR_OK;
}

static enum err found(struct consortium *c)
{
    char *key = inside(c, "governance.key"), *invite = inside(c, "trial.invite");
    char endpoint[64];
    unsigned port = 0;
    struct bytes governance = {0};
    enum err err = free_port(&port);
    if (err == ERR_OK)
        err = run_program(c,
                          (const char *const[]){"gemel-coordinator", "roster", "key", key,
                                                "--quiet", NULL},
                          &governance);
    if (err == ERR_OK) {
        snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", port);
        ((char *)governance.data)[strcspn((char *)governance.data, "\n")] = '\0';
        err = COORDINATOR(c, NULL, "init", "--name", "simulated", "--endpoint", endpoint,
                          "--governance", (const char *)governance.data);
    }
    if (err == ERR_OK)
        err = set(c->coordinator, "gemel-coordinator.yaml", "retry_ms", "200");
    if (err == ERR_OK)
        err = COORDINATOR(c, NULL, "invite", "-o", invite);
    bytes_free(&governance);
    mem_free(key);
    mem_free(invite);
    return err;
}

static enum err import(struct consortium *c, size_t h, const char *table)
{
    const char *spec = c->plan->spec_path;
    return spec ? NODE(c, h, NULL, "import", table, "--model", c->plan->model_path,
                       "--spec", spec)
                : NODE(c, h, NULL, "import", table, "--model", c->plan->model_path);
}

static enum err join(struct consortium *c, size_t h)
{
    const struct consortium_plan *plan = c->plan;
    char *invite = inside(c, "trial.invite"),
         *request = mem_format("%s.request", c->nodes[h]),
         *table = mem_format("%s.csv", c->nodes[h]);
    enum err err = NODE(c, h, NULL, "init", "--name", plan->names[h]);
    if (err == ERR_OK)
        err = set(c->nodes[h], "gemel-node.yaml", "slot_seconds", "1");
    if (err == ERR_OK)
        err = import(c, h, table);
    if (err == ERR_OK)
        err = NODE(c, h, NULL, "enrol", invite, "-o", request);
    if (err == ERR_OK)
        err = COORDINATOR(c, NULL, "site", "add", request);
    mem_free(invite);
    mem_free(request);
    mem_free(table);
    return err == ERR_OK ? ERR_OK : err_wrap("%s", plan->names[h]);
}

static enum err sign_roster(struct consortium *c)
{
    char *draft = inside(c, "roster.draft"), *result = inside(c, "roster.signed"),
         *key = inside(c, "governance.key");
    enum err err = COORDINATOR(c, NULL, "roster", "draft", "-o", draft);
    if (err == ERR_OK)
        err = COORDINATOR(c, NULL, "roster", "sign", draft, "--key", key, "-o", result);
    if (err == ERR_OK)
        err = COORDINATOR(c, NULL, "roster", "install", result);
    mem_free(draft);
    mem_free(result);
    mem_free(key);
    return err;
}

static enum err offer_study(struct consortium *c)
{
    const struct consortium_plan *plan = c->plan;
    char epsilon[32], delta[32], rounds[16];
    snprintf(epsilon, sizeof epsilon, "%.15g", plan->epsilon);
    snprintf(delta, sizeof delta, "%.15g", plan->delta);
    snprintf(rounds, sizeof rounds, "%u", plan->rounds);
    return COORDINATOR(c, NULL, "study", "create", "--name", STUDY, "--purpose",
                       "A trial on one machine", "--model", plan->model_path, "--epsilon",
                       epsilon, "--delta", delta, "--rounds", rounds);
}

/* --- the officers' policy ------------------------------------------------------------
 */

#define OFFICERS 2

/* A key file for one of a hospital's officers; `digits` its public half. */
static enum err make_officer(struct consortium *c, const char *path, char digits[65])
{
    struct bytes printed = {0};
    enum err err = run_program(
        c, (const char *const[]){"gemel-node", "policy", "key", path, "--quiet", NULL},
        &printed);
    if (err == ERR_OK && printed.size < 64)
        err = err_set(ERR_FORMAT, "policy key printed no key");
    if (err == ERR_OK)
        snprintf(digits, 65, "%.64s", (const char *)printed.data);
    bytes_free(&printed);
    return err;
}

/* A text that approves the study, with the trial's epsilon and clinics of any size. */
static enum err write_policy(struct consortium *c, size_t h, const char *file,
                             const char *entry, char (*officers)[65])
{
    char *epsilon = mem_format("epsilon_max=%.15g", c->plan->epsilon);
    char *period = mem_format("period_epsilon_max=%.15g", c->plan->epsilon);
    char *delta = mem_format("delta=%.15g", c->plan->delta);
    enum err err = NODE(c, h, NULL, "study", "entry", STUDY, "--legal-basis",
                        "A trial on one machine", "-o", entry);
    if (err == ERR_OK)
        err = NODE(c, h, NULL, "policy", "new", "--hospital", c->plan->names[h],
                   "--officer", officers[0], "--officer", officers[1], "--set", epsilon,
                   "--set", period, "--set", delta, "--set", "patients_min=1", "--set",
                   "noise_multiplier_min=0.001", "--study", entry, "-o", file);
    mem_free(epsilon);
    mem_free(period);
    mem_free(delta);
    return err;
}

/* What a hospital's two officers do before anything may be approved. */
static enum err make_policy(struct consortium *c, size_t h)
{
    char *file = mem_format("%s.policy", c->nodes[h]),
         *entry = mem_format("%s.entry", c->nodes[h]), officers[OFFICERS][65],
         *keys[OFFICERS];
    enum err err = ERR_OK;
    for (size_t i = 0; i < OFFICERS; i++) {
        keys[i] = mem_format("%s.officer%zu.key", c->nodes[h], i + 1);
        if (err == ERR_OK)
            err = make_officer(c, keys[i], officers[i]);
    }
    if (err == ERR_OK)
        err = write_policy(c, h, file, entry, officers);
    for (size_t i = 0; i < OFFICERS; i++) {
        if (err == ERR_OK)
            err = NODE(c, h, NULL, "policy", "sign", file, "--key", keys[i]);
        mem_free(keys[i]);
    }
    if (err == ERR_OK)
        err = NODE(c, h, NULL, "policy", "install", file);
    mem_free(file);
    mem_free(entry);
    return err;
}

/* --- the rounds -------------------------------------------------------------------- */

static enum err start_all(struct consortium *c)
{
    size_t hospitals = c->plan->hospitals;
    enum err err = process_start(c->programs,
                                 (const char *const[]){"gemel-coordinator", "serve",
                                                       "--until-finished", "-C",
                                                       c->coordinator, "--quiet", NULL},
                                 c->coordinator_log, &c->running[hospitals]);
    for (size_t h = 0; err == ERR_OK && h < hospitals; h++) {
        err = NODE(c, h, NULL, "study", "fetch");
        if (err == ERR_OK)
            err = make_policy(c, h);
        if (err == ERR_OK)
            err = NODE(c, h, NULL, "study", "approve", STUDY, "--send");
        if (err != ERR_OK)
            err_wrap("%s", c->plan->names[h]);
    }
    /* A coordinator that gave up is why nobody reaches it. */
    bool ended;
    if (err != ERR_OK && process_poll(c->running[hospitals], &ended) != ERR_OK)
        return err_code();
    for (size_t h = 0; err == ERR_OK && h < hospitals; h++)
        err = process_start(c->programs,
                            (const char *const[]){"gemel-node", "serve", "--once", "-C",
                                                  c->nodes[h], "--quiet", NULL},
                            c->logs[h], &c->running[h]);
    return err;
}

#define PHASES 5 /* of a round: advertise, share, mask, confirm, unmask */

/* Phases closed so far, as the coordinator logs them. */
static size_t phases_closed(const struct consortium *c)
{
    struct bytes text = {0};
    size_t count = 0;
    if (file_read(c->coordinator_log, LOG_MAX, &text) == ERR_OK) {
        bytes_u8(&text, 0);
        for (const char *at = (const char *)text.data; (at = strstr(at, " closed with "));
             at++)
            count++;
    }
    bytes_free(&text);
    return count;
}

static enum err wait_all(struct consortium *c)
{
    const struct consortium_watch *watch = c->watch;
    const struct timespec pause = {0, POLL_MS * 1000000L};
    size_t hospitals = c->plan->hospitals, total = PHASES * c->plan->rounds;
    for (size_t left = 1; left > 0;) {
        left = 0;
        for (size_t i = 0; i <= hospitals; i++) {
            bool ended;
            if (process_poll(c->running[i], &ended) != ERR_OK)
                return err_wrap("%s",
                                i < hospitals ? c->plan->names[i] : "the coordinator");
            left += !ended;
        }
        size_t done = phases_closed(c);
        if (watch->advanced)
            watch->advanced(watch->context, done < total ? done : total, total);
        if (refuse_when_stopped(c) != ERR_OK)
            return err_code();
        if (left > 0)
            nanosleep(&pause, NULL);
    }
    return ERR_OK;
}

/* --- what came of it --------------------------------------------------------------- */

/* A command's JSON object. */
static enum err parse(enum err err, struct bytes *text, struct json **json)
{
    if (err == ERR_OK)
        err = json_parse((const char *)text->data, text->size, json);
    bytes_free(text);
    return err;
}

static struct json *copy_texts(const struct json *texts)
{
    struct json *copy = json_new_array();
    for (size_t i = 0; i < json_count(texts); i++)
        json_add(copy, json_new_text(json_as_text(json_at(texts, i))));
    return copy;
}

static enum err hospital_json(struct consortium *c, size_t h, struct json *list)
{
    struct bytes text = {0};
    struct json *status = NULL, *budget = NULL;
    enum err err = parse(NODE(c, h, &text, "status", "--json"), &text, &status);
    if (err == ERR_OK)
        err = parse(NODE(c, h, &text, "budget", "show", "--json"), &text, &budget);
    if (err == ERR_OK) {
        struct json *one = json_new_object();
        json_set_text(one, "name", c->plan->names[h]);
        json_set_integer(one, "patients", (int64_t)json_get_real(status, "patients"));
        json_set_integer(one, "measurements",
                         (int64_t)json_get_real(status, "measurements"));
        json_set_integer(one, "releases", (int64_t)json_get_real(budget, "releases"));
        json_set_real(one, "epsilon", json_get_real(budget, "epsilon_spent_most"));
        json_set(one, "alarms", copy_texts(json_get(status, "alarms")));
        json_add(list, one);
    }
    json_destroy(&status);
    json_destroy(&budget);
    return err;
}

/* What each round came to, a sentence each. */
static enum err add_rounds(struct consortium *c, struct json *result)
{
    struct bytes text = {0};
    struct json *study = NULL;
    enum err err =
        parse(COORDINATOR(c, &text, "study", "show", STUDY, "--json"), &text, &study);
    json_set(result, "rounds",
             err == ERR_OK ? copy_texts(json_get(study, "rounds")) : json_new_array());
    json_destroy(&study);
    return err;
}

static enum err tell(struct consortium *c, struct json **result)
{
    struct bytes text = {0};
    struct json *hospitals = json_new_array(), *terms = NULL;
    char *file = inside(c, CONSORTIUM_PRIOR);
    enum err err =
        parse(COORDINATOR(c, &text, "prior", "show", STUDY, "-o", file, "--json"), &text,
              result);
    mem_free(file);
    for (size_t h = 0; err == ERR_OK && h < c->plan->hospitals; h++)
        err = hospital_json(c, h, hospitals);
    if (err == ERR_OK)
        err = parse(NODE(c, 0, &text, "study", "show", STUDY, "--json"), &text, &terms);
    if (err != ERR_OK) {
        json_destroy(&hospitals);
        return err;
    }
    json_set(*result, "hospitals", hospitals);
    json_set(*result, "terms", terms);
    return add_rounds(c, *result);
}

/* --- a new patient ------------------------------------------------------------------ */

/* Somebody who taught nothing comes to the clinic: records in, forecasts out. */
static enum err admit(struct consortium *c, struct json *result)
{
    const struct consortium_plan *plan = c->plan;
    struct json *newcomer = NULL, *shared = NULL, *start = NULL;
    struct bytes text = {0};
    enum err err = ERR_OK;
    if (plan->clinic != SIZE_MAX) {
        size_t h = plan->clinic;
        const char *who = dataset_record(plan->dataset, plan->newcomer)->patient;
        char *table = inside(c, NEWCOMER),
             *until = mem_format("%.17g", plan->newcomer_until);
        say(c, "%s: a new patient comes", plan->names[h]);
        err = import(c, h, table);
        if (err == ERR_OK)
            err = parse(NODE(c, h, &text, "forecast", who, "--study", STUDY, "--until",
                             until, "--json"),
                        &text, &shared);
        if (err == ERR_OK)
            err = parse(NODE(c, h, &text, "forecast", who, "--model", plan->model_path,
                             "--until", until, "--json"),
                        &text, &start);
        mem_free(table);
        mem_free(until);
        newcomer = json_new_object();
        json_set_text(newcomer, "hospital", plan->names[h]);
        json_set(newcomer, "shared", shared ? shared : json_new_null());
        json_set(newcomer, "start", start ? start : json_new_null());
    }
    json_set(result, "newcomer", newcomer ? newcomer : json_new_null());
    return err;
}

/* --- the whole --------------------------------------------------------------------- */

static enum err live(struct consortium *c, struct json **result)
{
    const struct consortium_plan *plan = c->plan;
    say(c, "a coordinator and a governance key");
    enum err err = found(c);
    if (err == ERR_OK)
        err = deal(c);
    for (size_t h = 0; err == ERR_OK && h < plan->hospitals; h++) {
        say(c, "%s: a node with its own store and keys", plan->names[h]);
        err = join(c, h);
    }
    if (err == ERR_OK) {
        say(c, "the roster is signed, the study offered and approved");
        err = sign_roster(c);
    }
    if (err == ERR_OK)
        err = offer_study(c);
    if (err == ERR_OK)
        err = start_all(c);
    if (err == ERR_OK) {
        say(c, "%u rounds of %zu hospitals", plan->rounds, plan->hospitals);
        err = wait_all(c);
    }
    if (err == ERR_OK)
        err = tell(c, result);
    return err == ERR_OK ? admit(c, *result) : err;
}

enum err consortium_run(const struct consortium_plan *plan,
                        const struct consortium_watch *watch, struct json **result)
{
    struct consortium c = {.plan = plan, .watch = watch};
    enum err err = file_program_folder(&c.programs);
    c.coordinator = inside(&c, "coordinator");
    c.coordinator_log = inside(&c, "coordinator.log");
    c.nodes = mem_new(plan->hospitals, sizeof *c.nodes);
    c.logs = mem_new(plan->hospitals, sizeof *c.logs);
    c.running = mem_new(plan->hospitals + 1, sizeof(struct process *));
    for (size_t h = 0; h < plan->hospitals; h++) {
        char *name = mem_format("node-%s", plan->names[h]);
        c.nodes[h] = inside(&c, name);
        mem_free(name);
        c.logs[h] = mem_format("%s.log", c.nodes[h]);
    }
    *result = NULL;
    if (err == ERR_OK)
        err = live(&c, result);
    if (err != ERR_OK)
        json_destroy(result);
    for (size_t h = 0; h <= plan->hospitals; h++)
        process_stop(&c.running[h]);
    for (size_t h = 0; h < plan->hospitals; h++) {
        mem_free(c.nodes[h]);
        mem_free(c.logs[h]);
    }
    mem_free(c.nodes);
    mem_free(c.logs);
    mem_free(c.running);
    mem_free(c.programs);
    mem_free(c.coordinator);
    mem_free(c.coordinator_log);
    return err;
}
