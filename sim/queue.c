#include "sim/queue.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "privacy/random.h"

#define NONE SIZE_MAX

/* --- the declaration --------------------------------------------------------------- */

/* Where each number of a station stands among the model's quantities, or NONE. */
struct station {
    char *name;
    size_t rate1, second, rate2, arrivals, servers, places;
    size_t to[QUEUE_STATIONS_MAX];
};

struct queue {
    const struct model *model;
    size_t count;
    struct station stations[QUEUE_STATIONS_MAX];
    double hours, day; /* of the model's unit of time; of a day in it */
};

static size_t quantity(const struct model *model, const char *station, const char *suffix,
                       const char *other)
{
    char *name = mem_format("%s%s%s", station, suffix, other);
    size_t at = 0;
    while (at < model_derived(model) &&
           strcmp(model_derived_at(model, at)->name, name) != 0)
        at++;
    mem_free(name);
    return at < model_derived(model) ? at : NONE;
}

/* The name before "_rate1", or NULL. */
static char *station_name(const char *name)
{
    size_t size = strlen(name), tail = strlen("_rate1");
    bool is_one = size > tail && strcmp(name + size - tail, "_rate1") == 0;
    return is_one ? mem_text_n(name, size - tail) : NULL;
}

static enum err read_station(struct queue *queue, struct station *s)
{
    const struct model *model = queue->model;
    s->rate1 = quantity(model, s->name, "_rate1", "");
    s->second = quantity(model, s->name, "_second", "");
    s->rate2 = quantity(model, s->name, "_rate2", "");
    s->arrivals = quantity(model, s->name, "_arrivals", "");
    s->servers = quantity(model, s->name, "_servers", "");
    s->places = quantity(model, s->name, "_places", "");
    if ((s->second == NONE) != (s->rate2 == NONE))
        return err_set(ERR_FORMAT, "station %s: %s_second and %s_rate2 go together",
                       s->name, s->name, s->name);
    return ERR_OK;
}

static enum err read_routes(struct queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        for (size_t k = 0; k < queue->count; k++) {
            struct station *s = &queue->stations[i];
            s->to[k] = quantity(queue->model, s->name, "_to_", queue->stations[k].name);
            if (s->to[k] != NONE && k <= i)
                return err_set(ERR_FORMAT, "station %s: %s is not further down", s->name,
                               queue->stations[k].name);
        }
    return ERR_OK;
}

enum err queue_new(const struct model *model, struct queue **out)
{
    struct queue *queue = mem_new(1, sizeof *queue);
    double hours;
    enum err err = unit_convert(model_time_unit(model), "h", &hours);
    queue->model = model;
    queue->hours = hours;
    queue->day = 24 / hours;
    for (size_t i = 0; err == ERR_OK && i < model_derived(model); i++) {
        char *name = station_name(model_derived_at(model, i)->name);
        if (!name)
            continue;
        if (queue->count == QUEUE_STATIONS_MAX) {
            mem_free(name);
            err = err_set(ERR_RANGE, "%s has more than %zu stations", model_name(model),
                          QUEUE_STATIONS_MAX);
            break;
        }
        queue->stations[queue->count].name = name;
        err = read_station(queue, &queue->stations[queue->count++]);
    }
    if (err == ERR_OK && queue->count == 0) {
        err = err_set(ERR_NOT_FOUND, "%s declares no station", model_name(model));
        err_hint("a station has a quantity whose name ends in _rate1, as in hospital/ward");
    }
    if (err == ERR_OK)
        err = read_routes(queue);
    if (err != ERR_OK)
        queue_destroy(&queue);
    *out = queue;
    return err;
}

void queue_destroy(struct queue **queue)
{
    if (!*queue)
        return;
    for (size_t i = 0; i < (*queue)->count; i++)
        mem_free((*queue)->stations[i].name);
    mem_free(*queue);
    *queue = NULL;
}

size_t queue_stations(const struct queue *queue)
{
    return queue->count;
}

const char *queue_station(const struct queue *queue, size_t index)
{
    return queue->stations[index].name;
}

/* --- a world: what is there, and what happens next ------------------------------------
 */

struct stay {
    double arrived, finished; /* at the station where it is; finished: NaN while served */
    size_t station, after;    /* where it wants to go on to; NONE: home */
    size_t next;              /* in the list it stands in */
    unsigned phase;
    bool counts; /* it arrived when days count */
};

struct line { /* of stays, first come first */
    size_t first, last;
};

struct event {
    double time;
    uint64_t order;
    size_t stay; /* NONE: somebody comes from outside, to `station` */
    size_t station;
};

struct place { /* a station as it is */
    double servers, places;
    size_t here, served;
    struct line waiting, knocking; /* knocking: finished elsewhere, no place here yet */
    struct tallied *tallied;
};

struct service { /* how stays at a station go on, at some moment */
    double rate1, second, rate2, to[QUEUE_STATIONS_MAX];
};

struct moment { /* what a station has at the beginning of a quarter of an hour */
    double arrivals, servers, places;
};

/* What the whole time looks like: of `moments` [quarters + 1][stations], and how stays go
 * on where that is always the same. */
struct outlook {
    struct moment *moments;
    bool steady[QUEUE_STATIONS_MAX];
    struct service services[QUEUE_STATIONS_MAX];
};

struct world {
    const struct queue *queue;
    const struct outlook *outlook; /* NULL: none yet */
    struct random *random;
    struct evaluator *evaluator;
    double *x, *f, *derived;        /* states at the beginning; what the model says now */
    double now, begin, end, looked; /* the last at: when the model was last asked */
    struct event *heap;
    size_t events, heap_size;
    uint64_t order;
    struct stay *stays;
    size_t stay_size, stay_count, unused, alive;
    struct place places[QUEUE_STATIONS_MAX];
    enum err err;
};

static double uniform(struct random *random)
{
    return ldexp((double)random_bits(random, 52) + 0.5, -52);
}

static double exponential(struct random *random, double rate)
{
    return -log(uniform(random)) / rate;
}

/* The model's quantities at a time, all of which are stationary or of time alone. */
static void look(struct world *world, double t)
{
    if (t == world->looked)
        return;
    world->looked = t;
    if (evaluator_outputs(world->evaluator, t, world->x, NULL, world->f, NULL,
                          world->derived) != 0 &&
        world->err == ERR_OK)
        world->err = err_set(ERR_NUMERIC, "the model has no value at %g %s", t,
                             model_time_unit(world->queue->model));
}

static double read_at(struct world *world, const struct station *s, size_t at,
                      double preset, double most, const char *what)
{
    if (at == NONE)
        return preset;
    double value = world->derived[at];
    if ((!(value >= 0) || value > most) && world->err == ERR_OK)
        world->err = err_set(ERR_RANGE, "station %s: %s is %g at %g %s", s->name, what,
                             value, world->now, model_time_unit(world->queue->model));
    return world->err == ERR_OK ? value : preset;
}

static bool earlier(const struct event *a, const struct event *b)
{
    return a->time < b->time || (a->time == b->time && a->order < b->order);
}

static void plan(struct world *world, double time, size_t stay, size_t station)
{
    MEM_GROW(world->heap, world->events + 1, &world->heap_size);
    struct event event = {time, world->order++, stay, station};
    size_t at = world->events++;
    while (at > 0 && earlier(&event, &world->heap[(at - 1) / 2])) {
        world->heap[at] = world->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->heap[at] = event;
}

static struct event next_event(struct world *world)
{
    struct event first = world->heap[0], last = world->heap[--world->events];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < world->events) {
        child += child + 1 < world->events &&
                 earlier(&world->heap[child + 1], &world->heap[child]);
        if (!earlier(&world->heap[child], &last))
            break;
        world->heap[at] = world->heap[child];
        at = child;
    }
    world->heap[at] = last;
    return first;
}

static void append(struct world *world, struct line *line, size_t stay)
{
    world->stays[stay].next = NONE;
    if (line->first == NONE)
        line->first = stay;
    else
        world->stays[line->last].next = stay;
    line->last = stay;
}

static size_t take(struct world *world, struct line *line)
{
    size_t stay = line->first;
    line->first = world->stays[stay].next;
    return stay;
}

static size_t stay_new(struct world *world)
{
    size_t stay = world->unused;
    if (stay != NONE)
        world->unused = world->stays[stay].next;
    else {
        MEM_GROW(world->stays, world->stay_count + 1, &world->stay_size);
        stay = world->stay_count++;
    }
    if (++world->alive > QUEUE_HERE_MAX && world->err == ERR_OK)
        world->err =
            err_set(ERR_RANGE, "more than %zu are there at once: a queue without end",
                    QUEUE_HERE_MAX);
    return stay;
}

static void stay_over(struct world *world, size_t stay)
{
    world->stays[stay].next = world->unused;
    world->unused = stay;
    world->alive--;
}

/* --- what happens ---------------------------------------------------------------------
 */

static void note(struct world *world, size_t station)
{
    struct place *place = &world->places[station];
    bool full =
        (double)place->served >= place->servers || (double)place->here >= place->places;
    tallied_until(place->tallied, world->now, place->here, place->served, place->servers,
                  full);
}

static struct service service_now(struct world *world, size_t station)
{
    const struct station *s = &world->queue->stations[station];
    struct service service;
    if (world->outlook && world->outlook->steady[station])
        return world->outlook->services[station];
    look(world, world->now);
    service.rate1 = read_at(world, s, s->rate1, 1, HUGE_VAL, "rate1");
    service.second = read_at(world, s, s->second, 0, 1, "second");
    service.rate2 = read_at(world, s, s->rate2, 1, HUGE_VAL, "rate2");
    for (size_t k = 0; k < QUEUE_STATIONS_MAX; k++)
        service.to[k] =
            k < world->queue->count ? read_at(world, s, s->to[k], 0, 1, "a share") : 0;
    return service;
}

static void begin_phase(struct world *world, size_t stay, unsigned phase)
{
    struct service service = service_now(world, world->stays[stay].station);
    double rate = phase == 1 ? service.rate1 : service.rate2;
    world->stays[stay].phase = phase;
    plan(world, world->now + exponential(world->random, rate), stay, NONE);
}

static void serve_who_waits(struct world *world, size_t station)
{
    struct place *place = &world->places[station];
    while (place->waiting.first != NONE && (double)place->served < place->servers) {
        size_t stay = take(world, &place->waiting);
        note(world, station);
        place->served++;
        if (world->stays[stay].counts)
            tallied_wait(place->tallied, world->now - world->stays[stay].arrived);
        begin_phase(world, stay, 1);
    }
}

static void enter(struct world *world, size_t stay, size_t station)
{
    struct place *place = &world->places[station];
    struct stay *one = &world->stays[stay];
    note(world, station);
    *one = (struct stay){.arrived = world->now,
                         .finished = NAN,
                         .station = station,
                         .after = NONE,
                         .next = NONE,
                         .counts = world->now >= world->begin};
    place->here++;
    if (one->counts)
        tallied_arrival(place->tallied);
    append(world, &place->waiting, stay);
    serve_who_waits(world, station);
}

static void move_on(struct world *world, size_t stay);

/* A place became free: who knocked first comes in, and so on up the stream. */
static void let_in(struct world *world, size_t station)
{
    struct place *place = &world->places[station];
    while (place->knocking.first != NONE && (double)place->here < place->places)
        move_on(world, take(world, &place->knocking));
}

/* It leaves the station where it is, for `after` or home. */
static void move_on(struct world *world, size_t stay)
{
    struct stay was = world->stays[stay];
    struct place *place = &world->places[was.station];
    note(world, was.station);
    place->here--;
    place->served--;
    if (was.counts)
        tallied_left(place->tallied, world->now - was.arrived, world->now - was.finished);
    if (was.after == NONE)
        stay_over(world, stay);
    else
        enter(world, stay, was.after);
    serve_who_waits(world, was.station);
    let_in(world, was.station);
}

static size_t choose(struct world *world, const struct service *service)
{
    double u = uniform(world->random), sum = 0;
    for (size_t k = 0; k < world->queue->count; k++) {
        sum += service->to[k];
        if (u < sum)
            return k;
    }
    return NONE;
}

static void phase_ends(struct world *world, size_t stay)
{
    struct stay *one = &world->stays[stay];
    struct service service = service_now(world, one->station);
    if (one->phase == 1 && uniform(world->random) < service.second) {
        begin_phase(world, stay, 2);
        return;
    }
    one->finished = world->now;
    one->after = choose(world, &service);
    struct place *next = one->after == NONE ? NULL : &world->places[one->after];
    if (next && (double)next->here >= next->places)
        append(world, &next->knocking, stay);
    else
        move_on(world, stay);
}

static void somebody_comes(struct world *world, size_t station)
{
    struct place *place = &world->places[station];
    bool turned = (double)place->here >= place->places;
    if (world->now >= world->begin)
        tallied_outside(place->tallied, turned);
    if (!turned)
        enter(world, stay_new(world), station);
}

/* Who comes from outside in the hour that begins with this quarter: candidates at a rate
 * that is never less than the model's, as far as five looks tell, each with the
 * probability that is right. */
static void plan_arrivals(struct world *world, size_t station, size_t quarter,
                          double until)
{
    const struct station *s = &world->queue->stations[station];
    double most = 0;
    for (size_t i = 0; i <= 4; i++)
        most =
            fmax(most, 1.25 * world->outlook
                                  ->moments[(quarter + i) * world->queue->count + station]
                                  .arrivals);
    for (double t = world->now; most > 0 && world->err == ERR_OK;) {
        t += exponential(world->random, most);
        if (t >= until)
            break;
        look(world, t);
        double rate = read_at(world, s, s->arrivals, 0, HUGE_VAL, "arrivals");
        if (uniform(world->random) * most < rate)
            plan(world, t, NONE, station);
    }
}

/* A quarter of an hour: servers and places as they now are, then what happens in it. */
static void pass(struct world *world, size_t quarter, double until)
{
    const struct moment *moments =
        world->outlook->moments + quarter * world->queue->count;
    for (size_t i = 0; i < world->queue->count; i++) {
        note(world, i);
        world->places[i].servers = moments[i].servers;
        world->places[i].places = moments[i].places;
    }
    for (size_t i = 0; i < world->queue->count; i++) {
        serve_who_waits(world, i);
        let_in(world, i);
    }
    while (world->err == ERR_OK && world->events > 0 && world->heap[0].time < until) {
        struct event event = next_event(world);
        world->now = event.time;
        if (event.stay == NONE)
            somebody_comes(world, event.station);
        else
            phase_ends(world, event.stay);
    }
    world->now = until;
}

/* --- replications
 * -------------------------------------------------------------------------- */

static void world_open(struct world *world, const struct queue *queue,
                       const struct queue_design *design, size_t replication)
{
    const struct model *model = queue->model;
    uint8_t seed[RANDOM_SEED_BYTES] = {0};
    double slopes[MODEL_COVARIATES_MAX] = {0};
    memcpy(seed, &design->seed, sizeof design->seed);
    memcpy(seed + sizeof design->seed, &replication, sizeof replication);
    *world = (struct world){.queue = queue, .unused = NONE, .looked = NAN};
    world->random = random_new_seeded(seed);
    world->evaluator = evaluator_new(model, false);
    world->x = mem_new(model_states(model) + 1, sizeof(double));
    world->f = mem_new(model_observations(model) + 1, sizeof(double));
    world->derived = mem_new(model_derived(model) + 1, sizeof(double));
    world->begin = design->warm_up * queue->day;
    world->end = world->begin + design->days * queue->day;
    evaluator_individual(world->evaluator, design->parameters, design->covariates);
    evaluator_covariates(world->evaluator, 0, design->covariates, slopes);
    world->err = evaluator_initial(world->evaluator, 0, world->x, NULL);
    for (size_t i = 0; i < queue->count; i++) {
        struct place *place = &world->places[i];
        place->waiting = place->knocking = (struct line){NONE, NONE};
        place->tallied = tallied_new(world->begin, queue->hours);
    }
}

static void world_close(struct world *world)
{
    for (size_t i = 0; i < world->queue->count; i++)
        tallied_destroy(&world->places[i].tallied);
    mem_free(world->x);
    mem_free(world->f);
    mem_free(world->derived);
    mem_free(world->heap);
    mem_free(world->stays);
    evaluator_destroy(&world->evaluator);
    random_destroy(&world->random);
}

/* Whole hours. */
static size_t quarters_of(const struct queue_design *design)
{
    return 4 * (size_t)ceil(24 * (design->warm_up + design->days));
}

/* The whole time in quarters of an hour; what cannot be is found before anybody comes. */
static enum err survey(const struct queue *queue, const struct queue_design *design,
                       struct outlook *outlook)
{
    struct world world;
    world_open(&world, queue, design, 0);
    for (size_t i = 0; i <= quarters_of(design) && world.err == ERR_OK; i++) {
        world.now = 0.25 / queue->hours * (double)i;
        look(&world, world.now);
        for (size_t k = 0; k < queue->count; k++) {
            const struct station *s = &queue->stations[k];
            struct service service = service_now(&world, k);
            outlook->steady[k] =
                i == 0 || (outlook->steady[k] &&
                           memcmp(&service, &outlook->services[k], sizeof service) == 0);
            outlook->services[k] = service;
            outlook->moments[i * queue->count + k] = (struct moment){
                read_at(&world, s, s->arrivals, 0, HUGE_VAL, "arrivals"),
                read_at(&world, s, s->servers, HUGE_VAL, HUGE_VAL, "servers"),
                read_at(&world, s, s->places, HUGE_VAL, HUGE_VAL, "places")};
        }
    }
    enum err err = world.err;
    world_close(&world);
    return err;
}

static enum err replicate(const struct queue *queue, const struct queue_design *design,
                          const struct outlook *outlook, size_t replication,
                          double (*out)[TALLIED_MEASURES])
{
    struct world world;
    world_open(&world, queue, design, replication);
    double step = 0.25 / queue->hours;
    size_t quarters = quarters_of(design);
    world.outlook = outlook;
    for (size_t i = 0; i < quarters && world.err == ERR_OK; i++) {
        for (size_t k = 0; i % 4 == 0 && k < queue->count; k++)
            plan_arrivals(&world, k, i, step * (double)(i + 4));
        pass(&world, i, step * (double)(i + 1));
        double share = ((double)replication + (double)i / (double)quarters) /
                       (double)design->replications;
        if (i % 96 == 0 && design->progress && !design->progress(design->context, share))
            world.err = err_set(ERR_INTERRUPTED, "stopped after %zu of %zu replications",
                                replication, design->replications);
    }
    for (size_t i = 0; world.err == ERR_OK && i < queue->count; i++) {
        note(&world, i);
        tallied_measures(world.places[i].tallied, out[i]);
    }
    enum err err = world.err;
    world_close(&world);
    return err;
}

enum err queue_run(const struct queue *queue, const struct queue_design *design,
                   struct queue_result *result)
{
    double n = (double)design->replications;
    double(*all)[QUEUE_STATIONS_MAX][TALLIED_MEASURES] =
        mem_new(design->replications, sizeof *all);
    struct outlook outlook = {.moments = mem_new((quarters_of(design) + 1) * queue->count,
                                                 sizeof *outlook.moments)};
    enum err err = survey(queue, design, &outlook);
    for (size_t r = 0; err == ERR_OK && r < design->replications; r++)
        err = replicate(queue, design, &outlook, r, all[r]);
    for (size_t i = 0; err == ERR_OK && i < queue->count; i++)
        for (size_t m = 0; m < TALLIED_MEASURES; m++) {
            double sum = 0, squares = 0;
            for (size_t r = 0; r < design->replications; r++)
                sum += all[r][i][m];
            for (size_t r = 0; r < design->replications; r++)
                squares += pow(all[r][i][m] - sum / n, 2);
            result->mean[i][m] = sum / n;
            result->se[i][m] = n > 1 ? sqrt(squares / (n - 1) / n) : NAN;
        }
    mem_free(outlook.moments);
    mem_free(all);
    return err;
}
