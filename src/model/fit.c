#include "model/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "moments_impl.h"
#include "numerics/linalg.h"
#include "resolution.h"
#include "search.h"
#include "target.h"

/* So many patients at once: enough to keep every lane busy while the last of a kind of
 * question are still being answered. */
#define SEATS 128

/* --- patients on their way ---------------------------------------------------------- */

enum stage {
    SEARCHING,   /* for the mode: search.h */
    DOUBTING,    /* whether what is read can be told there: resolution.h */
    AT_MODE,     /* everything there, for the moments: moments_impl.h */
    AROUND_MODE, /* and what is around it */
};

/* One place at which something is asked of an engine. */
struct inquiry {
    struct request request; /* first: an engine hands back its address */
    struct seat *seat;
    size_t index; /* of the seat's question */
    double *parameters, *sums;
    struct inquiry *behind; /* it in the line */
};

struct seat {
    bool taken;
    struct seat *behind; /* it among the empty ones */
    struct fit_patient patient;
    struct target target;
    enum stage stage;
    struct search search;
    struct survey survey;
    struct inquiry *inquiries; /* [room], which the next one finds there */
    size_t room, open;         /* not answered yet */
    double *f, *off;           /* [n] of the doubts; NULL: it has none */
    bool stiff;                /* some place was */
    char reason[200];          /* why there is nothing at the first place */
};

/* Inquiries that wait for an engine; first come, first served. */
struct line {
    struct inquiry *first, *last;
};

struct crowd {
    const struct fit_crowd *asked;
    struct engine *engine;
    struct line lines[ENGINE_WANTS];
    struct seat *seats[SEATS], *empty;
    size_t seats_made, seated;
    bool more, given_up;
};

/* --- the line ----------------------------------------------------------------------- */

static void line_join(struct line *line, struct inquiry *inquiry)
{
    inquiry->behind = NULL;
    if (line->last)
        line->last->behind = inquiry;
    else
        line->first = inquiry;
    line->last = inquiry;
}

static struct inquiry *line_take(struct line *line)
{
    struct inquiry *first = line->first;
    if (first)
        line->first = first->behind;
    if (!line->first)
        line->last = NULL;
    return first;
}

/* --- questions ---------------------------------------------------------------------- */

static void seat_room(struct seat *seat, size_t count)
{
    const struct target *target = &seat->target;
    if (count <= seat->room)
        return;
    seat->inquiries = mem_resize(seat->inquiries, count, sizeof *seat->inquiries);
    for (size_t i = seat->room; i < count; i++)
        seat->inquiries[i] = (struct inquiry){
            .seat = seat,
            .index = i,
            .parameters = mem_new(model_parameters(target->model), sizeof(double)),
            .sums = mem_new(TALLY_SUMS(target->p + target->q), sizeof(double))};
    seat->room = count;
}

/* What the seat's stage wants to know at its place `index`. */
static void fill_request(struct seat *seat, size_t index, const double *z,
                         const double *gamma)
{
    struct target *target = &seat->target;
    struct inquiry *inquiry = &seat->inquiries[index];
    struct request *request = &inquiry->request;
    double phi[MODEL_PARAMETERS_MAX];
    target_phi(target, z, phi);
    twin_parameters(target->model, target->layout, phi, gamma, inquiry->parameters);
    *request = twin_request(target->twin);
    request->parameters = inquiry->parameters;
    request->stiff = seat->stiff;
    if (seat->stage == AT_MODE) {
        request->f = seat->survey.here.f;
        request->d_f = seat->survey.here.jacobian;
    } else if (seat->stage == DOUBTING) {
        request->f = seat->f;
        request->off = seat->off;
    } else {
        request->subject = &target->subject;
        request->sums = inquiry->sums;
    }
    if (seat->stage == SEARCHING && seat->search.derivatives)
        request->moving = seat->search.moving;
}

static void ask(struct crowd *crowd, struct seat *seat)
{
    const struct target *target = &seat->target;
    size_t p = target->p, q = target->q;
    bool searching = seat->stage == SEARCHING, around = seat->stage == AROUND_MODE,
         doubting = seat->stage == DOUBTING;
    size_t count = searching ? seat->search.count : around ? seat->survey.count : 1;
    const double *z = searching  ? seat->search.z
                      : around   ? seat->survey.places
                      : doubting ? seat->search.mode
                                 : seat->survey.z;
    const double *gamma = around ? seat->survey.gammas : target->prior->population;
    bool glance = searching && !seat->search.derivatives,
         approach = searching && seat->search.coarse;
    enum engine_want want = glance     ? ENGINE_GLANCE
                            : approach ? ENGINE_APPROACH
                            : doubting ? ENGINE_VALUES
                                       : ENGINE_DERIVATIVES;
    seat_room(seat, count);
    seat->open = count;
    for (size_t i = 0; i < count; i++) {
        fill_request(seat, i, z + i * p, around ? gamma + i * q : gamma);
        line_join(&crowd->lines[want], &seat->inquiries[i]);
    }
}

/* --- answers ------------------------------------------------------------------------ */

static void take_answer(struct seat *seat, const struct inquiry *inquiry)
{
    const struct target *target = &seat->target;
    struct search *search = &seat->search;
    enum err err = inquiry->request.err;
    size_t i = inquiry->index, p = target->p;
    seat->stiff |= inquiry->request.stiff;
    if (seat->stage == AT_MODE || seat->stage == DOUBTING) {
        seat->patient.err = err;
        snprintf(seat->reason, sizeof seat->reason, "%s",
                 err == ERR_OK ? "" : err_text());
        return;
    }
    if (seat->stage == SEARCHING && !search->derivatives) {
        search->objectives[i] =
            err == ERR_OK ? target_objective(target, search->z + i * p, inquiry->sums)
                          : INFINITY;
        return;
    }
    bool searching = seat->stage == SEARCHING;
    struct point *point = searching ? &search->answer : &seat->survey.answers[i];
    const double *z = searching ? search->z : seat->survey.places + i * p;
    point->err = err;
    if (err == ERR_OK)
        target_point(target, z, inquiry->sums, point);
    else if (searching && search->evaluations == 1)
        snprintf(seat->reason, sizeof seat->reason, "%s", err_text());
}

static struct fit *fit_on_prior(const struct target *target, const char *reason)
{
    size_t p = target->p;
    struct fit *fit = mem_new(1, sizeof *fit);
    fit->p = p;
    fit->n = target->n;
    fit->phi = mem_copy(target->centre, p * sizeof(double));
    fit->covariance = mem_copy(target->whole.omega, p * p * sizeof(double));
    fit->objective = fit->minus2_log_likelihood = NAN;
    snprintf(fit->reason, sizeof fit->reason, "%s", reason);
    return fit;
}

/* V = L A^-1 L'. */
static void covariance_at(const struct target *target, const double *curvature,
                          double *covariance)
{
    size_t p = target->p;
    double inverse[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    double half[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    if (p == 0 || linalg_spd_inverse(p, curvature, inverse) != ERR_OK)
        return;
    linalg_multiply(p, p, p, target->whole.factor, inverse, half);
    linalg_multiply_nt(p, p, p, half, target->whole.factor, covariance);
}

static struct fit *fit_found(const struct target *target, const struct search *search,
                             const char *reason)
{
    if (!search->found && search->evaluations > 1)
        reason = "the search for the mode did not come to rest";
    struct fit *out = fit_on_prior(target, reason);
    out->evaluations = search->evaluations;
    out->converged = search->found;
    if (!search->found)
        return out;
    target_phi(target, search->mode, out->phi);
    out->objective = search->at_mode.objective;
    out->minus2_log_likelihood = search_mass(target->p, &search->at_mode);
    covariance_at(target, search->at_mode.curvature, out->covariance);
    return out;
}

/* --- doubts ------------------------------------------------------------------------- */

/* May there be readings of which the prediction is less than the solver can tell? */
static bool may_doubt(const struct seat *seat, const struct engine *engine)
{
    const struct target *target = &seat->target;
    bool matters = false, read = false;
    for (size_t o = 0; o < model_observations(target->model); o++)
        matters |= resolution_matters(&target->errors[o].residual);
    for (size_t j = 0; matters && j < target->n; j++) {
        const struct twin_measurement *y = twin_measurement(target->twin, j);
        read |= resolution_matters(&target->errors[y->observation].residual);
    }
    return read && engine_adapts(engine);
}

static void refuse(struct seat *seat, const char *reason)
{
    struct fit *on_prior = fit_on_prior(&seat->target, reason);
    on_prior->evaluations = seat->patient.fit->evaluations;
    fit_destroy(&seat->patient.fit);
    seat->patient.fit = on_prior;
}

/* A reading of nothing but the solver's error makes the fit one on the prior. */
static void doubt(struct seat *seat)
{
    const struct target *target = &seat->target;
    char reason[sizeof seat->reason];
    for (size_t j = 0; j < target->n; j++) {
        const struct twin_measurement *y = twin_measurement(target->twin, j);
        const struct residual *residual = &target->errors[y->observation].residual;
        if (resolution_suffices(residual, y->value, y->censoring, seat->f[j],
                                seat->off[j]))
            continue;
        snprintf(reason, sizeof reason,
                 "%s at time %g is predicted to be less than the solver can tell from "
                 "nothing: give it an lloq or an additive error",
                 model_observation(target->model, y->observation)->name, y->time);
        refuse(seat, reason);
        return;
    }
}

/* --- seats -------------------------------------------------------------------------- */

static struct seat *sit(struct crowd *crowd, const struct fit_patient *patient)
{
    struct seat *seat = crowd->empty;
    if (seat)
        crowd->empty = seat->behind;
    else
        seat = crowd->seats[crowd->seats_made++] = mem_new(1, sizeof *seat);
    *seat = (struct seat){.taken = true,
                          .patient = *patient,
                          .inquiries = seat->inquiries,
                          .room = seat->room};
    crowd->seated++;
    target_init(&seat->target, crowd->engine, patient->twin, crowd->asked->prior);
    return seat;
}

static void leave(struct crowd *crowd, struct seat *seat)
{
    crowd->seated--;
    if (!crowd->asked->done(crowd->asked->context, &seat->patient))
        crowd->given_up = true;
    search_clear(&seat->search);
    survey_clear(&seat->survey);
    target_clear(&seat->target);
    mem_free(seat->f);
    mem_free(seat->off);
    seat->taken = false;
    seat->behind = crowd->empty;
    crowd->empty = seat;
}

static void take_seat_away(struct crowd *crowd, struct seat *seat)
{
    if (seat->taken)
        leave(crowd, seat);
    for (size_t i = 0; i < seat->room; i++) {
        mem_free(seat->inquiries[i].parameters);
        mem_free(seat->inquiries[i].sums);
    }
    mem_free(seat->inquiries);
    mem_free(seat);
}

/* From the fit to its moments, where there are any to ask for. */
static void go_to_mode(struct crowd *crowd, struct seat *seat)
{
    const struct fit *fit = seat->patient.fit;
    const struct prior *prior = crowd->asked->prior;
    if (crowd->asked->moments && fit->converged && fit->n > 0) {
        seat->stage = AT_MODE;
        seat->patient.err = survey_begin(&seat->survey, &seat->target, fit->phi,
                                         engine_tolerance(crowd->engine));
        if (seat->patient.err == ERR_OK) {
            ask(crowd, seat);
            return;
        }
    } else if (crowd->asked->moments) {
        seat->patient.moments = moments_nothing(prior->p, prior->q, prior->m);
    }
    leave(crowd, seat);
}

static void begin_doubts(struct crowd *crowd, struct seat *seat)
{
    seat->stage = DOUBTING;
    seat->f = mem_new(seat->target.n, sizeof *seat->f);
    seat->off = mem_new(seat->target.n, sizeof *seat->off);
    ask(crowd, seat);
}

/* All of the seat's inquiries are answered. */
static void go_on(struct crowd *crowd, struct seat *seat)
{
    struct fit_patient *patient = &seat->patient;
    switch (seat->stage) {
    case SEARCHING:
        if (search_go_on(&seat->search)) {
            ask(crowd, seat);
            return;
        }
        patient->fit = fit_found(&seat->target, &seat->search, seat->reason);
        if (patient->fit->converged && may_doubt(seat, crowd->engine)) {
            begin_doubts(crowd, seat);
            return;
        }
        go_to_mode(crowd, seat);
        return;
    case DOUBTING:
        if (patient->err == ERR_OK)
            doubt(seat);
        else
            refuse(seat, seat->reason);
        patient->err = ERR_OK;
        go_to_mode(crowd, seat);
        return;
    case AT_MODE:
        if (patient->err == ERR_OK)
            patient->err = survey_go_on(&seat->survey);
        if (patient->err == ERR_OK && seat->survey.count) {
            seat->stage = AROUND_MODE;
            ask(crowd, seat);
            return;
        }
        break;
    case AROUND_MODE:
        break;
    }
    if (patient->err == ERR_OK)
        patient->moments = survey_end(&seat->survey);
    leave(crowd, seat);
}

/* --- between engine and crowd ------------------------------------------------------- */

static void admit(struct crowd *crowd)
{
    struct fit_patient patient = {0};
    crowd->more = crowd->asked->next(crowd->asked->context, &patient);
    if (!crowd->more)
        return;
    double start[MODEL_PARAMETERS_MAX] = {0};
    struct seat *seat = sit(crowd, &patient);
    size_t p = seat->target.p;
    if (patient.start) {
        memcpy(start, patient.start, p * sizeof *start);
        if (target_whiten(&seat->target, start) != ERR_OK)
            memset(start, 0, p * sizeof *start);
    }
    search_begin(&seat->search, &seat->target.whole, patient.start ? start : NULL,
                 engine_tolerance(crowd->engine), engine_coarse_tolerance(crowd->engine));
    ask(crowd, seat);
}

/* What one kind of wants asks, and hears. */
struct desk {
    struct crowd *crowd;
    enum engine_want want;
    bool admits; /* newcomers ask here first */
};

/* Nobody is admitted while somebody in the room has a question. */
static struct request *next_question(void *context)
{
    const struct desk *desk = context;
    struct crowd *crowd = desk->crowd;
    struct line *line = &crowd->lines[desk->want];
    if (crowd->given_up)
        return NULL;
    if (desk->admits && !line->first && crowd->more && crowd->seated < SEATS)
        admit(crowd);
    struct inquiry *first = line_take(line);
    return first ? &first->request : NULL;
}

static void answered(void *context, struct request *request)
{
    struct crowd *crowd = ((const struct desk *)context)->crowd;
    struct inquiry *inquiry = (struct inquiry *)(void *)request;
    struct seat *seat = inquiry->seat;
    take_answer(seat, inquiry);
    if (--seat->open == 0 && !crowd->given_up)
        go_on(crowd, seat);
}

static void crowd_run(struct crowd *crowd)
{
    struct engine *engine = crowd->engine;
    bool approaches = engine_coarse_tolerance(engine) > engine_tolerance(engine);
    struct desk desks[] = {{crowd, ENGINE_APPROACH, approaches},
                           {crowd, ENGINE_DERIVATIVES, !approaches},
                           {crowd, ENGINE_VALUES, false},
                           {crowd, ENGINE_GLANCE, false}};
    while (!crowd->given_up && (crowd->more || crowd->seated))
        for (size_t i = 0; i < sizeof desks / sizeof desks[0]; i++) {
            const struct supply supply = {next_question, answered, &desks[i]};
            engine_run(engine, desks[i].want, &supply);
        }
    for (size_t i = 0; i < crowd->seats_made; i++)
        take_seat_away(crowd, crowd->seats[i]);
}

/* --- from outside ------------------------------------------------------------------- */

void fit_crowd(struct engine *engine, const struct fit_crowd *asked)
{
    struct crowd crowd = {.asked = asked, .engine = engine, .more = true};
    crowd_run(&crowd);
}

/* An array's patients; `owner` is where the fit goes. */
struct row {
    const struct twin *const *twins;
    const double *start;
    struct fit **fits;
    size_t next, count;
};

static bool row_next(void *context, struct fit_patient *patient)
{
    struct row *row = context;
    if (row->next == row->count)
        return false;
    patient->twin = row->twins[row->next];
    patient->start = row->start;
    patient->owner = &row->fits[row->next++];
    return true;
}

static bool row_done(void *context, struct fit_patient *patient)
{
    (void)context;
    *(struct fit **)patient->owner = patient->fit;
    return true;
}

void fit_all(struct engine *engine, const struct prior *prior,
             const struct twin *const *twins, size_t count, const double *start,
             struct fit **fits)
{
    struct row row = {twins, start, fits, 0, count};
    const struct fit_crowd crowd = {prior, false, row_next, row_done, &row};
    fit_crowd(engine, &crowd);
}

enum err fit_new(struct engine *engine, const struct twin *twin,
                 const struct prior *prior, struct fit **fit)
{
    fit_all(engine, prior, &twin, 1, NULL, fit);
    return ERR_OK;
}

static bool keep_moments(void *context, struct fit_patient *patient)
{
    *(struct fit_patient *)context = *patient;
    return true;
}

enum err fit_moments(struct engine *engine, const struct twin *twin,
                     const struct prior *prior, const struct fit *fit,
                     struct moments **moments)
{
    struct fit known = *fit;
    struct fit_patient patient = {.twin = twin, .fit = &known};
    const struct fit_crowd asked = {prior, true, NULL, keep_moments, &patient};
    struct crowd crowd = {.asked = &asked, .engine = engine};
    go_to_mode(&crowd, sit(&crowd, &patient));
    crowd_run(&crowd);
    *moments = patient.moments;
    return patient.err;
}

void fit_destroy(struct fit **fit)
{
    if (!*fit)
        return;
    mem_free((*fit)->phi);
    mem_free((*fit)->covariance);
    mem_free(*fit);
    *fit = NULL;
}
