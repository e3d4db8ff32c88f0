#include "numerics/elimination.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

/* to -= by from, or to *= by: offsets of rows, in doubles. */
struct elimination_step {
    uint32_t to, by, from;
};

/* What is done for one pivot: column below it, then the rest of the matrix. */
struct pivot {
    uint32_t at;
    size_t scaled_end, less_end; /* in `scaled`, in `less` */
};

struct elimination {
    enum simd simd;
    size_t states, entries, slots;
    uint32_t *order;      /* [states] pivots as they come */
    uint32_t *slot_of;    /* [states][states] a factor's row, NONE where there is none */
    uint32_t *entry_slot; /* [entries] offsets */
    struct pivot *pivots; /* [states] */
    struct elimination_step *scaled, *less;
    double *factors; /* [slots][LANES]; of a pivot its inverse */
};

struct elimination_plan {
    struct elimination_step *down, *up; /* `up` by pivots, last first */
    size_t down_count, rows;
    struct pivot_row {
        uint32_t row, at;
        size_t up_end;
    } * back; /* [rows] */
};

#define NONE UINT32_MAX

/* --- which factors there are -----------------------------------------------------------
 */

/* Products that a pivot would cost, among what is left. */
static size_t pivot_cost(const bool *there, const bool *gone, size_t n, size_t k)
{
    size_t below = 0, beside = 0;
    for (size_t i = 0; i < n; i++) {
        below += !gone[i] && i != k && there[i * n + k];
        beside += !gone[i] && i != k && there[k * n + i];
    }
    return below * beside;
}

static size_t cheapest(const bool *there, const bool *gone, size_t n)
{
    size_t best = n, least = SIZE_MAX;
    for (size_t k = 0; k < n; k++) {
        size_t cost = gone[k] ? SIZE_MAX : pivot_cost(there, gone, n, k);
        if (cost < least) {
            least = cost;
            best = k;
        }
    }
    return best;
}

/* The order, and in `there` [n][n] what it fills. */
static void choose_order(struct elimination *out, bool *there)
{
    size_t n = out->states;
    bool *gone = mem_new(n, sizeof *gone);
    for (size_t at = 0; at < n; at++) {
        size_t k = cheapest(there, gone, n);
        gone[k] = true;
        out->order[at] = (uint32_t)k;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                if (!gone[i] && !gone[j] && there[i * n + k] && there[k * n + j])
                    there[i * n + j] = true;
    }
    mem_free(gone);
}

static uint32_t slot(const struct elimination *elimination, size_t i, size_t j)
{
    return elimination->slot_of[i * elimination->states + j];
}

/* Every step of the elimination, in the order in which they are done. */
static void plan_factors(struct elimination *out)
{
    size_t n = out->states, scaled = 0, less = 0, room = 0, scaled_room = 0;
    for (size_t at = 0; at < n; at++) {
        size_t k = out->order[at];
        struct pivot *pivot = &out->pivots[at];
        pivot->at = slot(out, k, k);
        for (size_t row = at + 1; row < n; row++) {
            size_t i = out->order[row];
            if (slot(out, i, k) == NONE)
                continue;
            MEM_GROW(out->scaled, scaled + 1, &scaled_room);
            out->scaled[scaled++] =
                (struct elimination_step){slot(out, i, k), pivot->at, 0};
            for (size_t column = at + 1; column < n; column++) {
                size_t j = out->order[column];
                if (slot(out, k, j) == NONE)
                    continue;
                MEM_GROW(out->less, less + 1, &room);
                out->less[less++] = (struct elimination_step){
                    slot(out, i, j), slot(out, i, k), slot(out, k, j)};
            }
        }
        pivot->scaled_end = scaled;
        pivot->less_end = less;
    }
}

struct elimination *elimination_new(size_t states, const struct lanes_entry *entries,
                                    size_t count, enum simd simd)
{
    struct elimination *out = mem_new(1, sizeof *out);
    bool *there = mem_new(states * states, sizeof *there);
    out->simd = simd < simd_best() ? simd : simd_best();
    out->states = states;
    out->entries = count;
    out->order = mem_new(states, sizeof *out->order);
    out->slot_of = mem_new(states * states, sizeof *out->slot_of);
    out->entry_slot = mem_new(count, sizeof *out->entry_slot);
    out->pivots = mem_new(states, sizeof *out->pivots);
    for (size_t i = 0; i < states; i++)
        there[i * states + i] = true;
    for (size_t e = 0; e < count; e++)
        there[entries[e].row * states + entries[e].column] = true;
    choose_order(out, there);
    for (size_t i = 0; i < states * states; i++)
        out->slot_of[i] = there[i] ? (uint32_t)(out->slots++ * LANES) : NONE;
    for (size_t e = 0; e < count; e++)
        out->entry_slot[e] = slot(out, entries[e].row, entries[e].column);
    plan_factors(out);
    out->factors = lanes_rows_new(out->slots);
    mem_free(there);
    return out;
}

void elimination_destroy(struct elimination **elimination)
{
    struct elimination *gone = *elimination;
    if (!gone)
        return;
    mem_free(gone->order);
    mem_free(gone->slot_of);
    mem_free(gone->entry_slot);
    mem_free(gone->pivots);
    mem_free(gone->scaled);
    mem_free(gone->less);
    lanes_rows_free(gone->factors);
    mem_free(gone);
    *elimination = NULL;
}

size_t elimination_factors(const struct elimination *elimination)
{
    return elimination->slots;
}

/* --- factors
 * ---------------------------------------------------------------------------- */

LANES_INLINE void factor_rows(struct elimination *elimination, const double *shift,
                              const double *values)
{
    double *f = elimination->factors;
    size_t scaled = 0, less = 0;
    memset(f, 0, elimination->slots * LANES * sizeof *f);
    for (size_t k = 0; k < elimination->states; k++) {
        double *pivot = f + elimination->pivots[k].at;
        ROW_LANES pivot[l] = shift[l];
    }
    for (size_t e = 0; e < elimination->entries; e++) {
        double *to = f + elimination->entry_slot[e];
        const double *value = values + e * LANES;
        ROW_LANES to[l] -= value[l];
    }
    for (size_t k = 0; k < elimination->states; k++) {
        const struct pivot *at = &elimination->pivots[k];
        double *pivot = f + at->at;
        ROW_LANES pivot[l] = 1 / pivot[l];
        for (; scaled < at->scaled_end; scaled++) {
            double *to = f + elimination->scaled[scaled].to;
            ROW_LANES to[l] *= pivot[l];
        }
        for (; less < at->less_end; less++) {
            const struct elimination_step *step = &elimination->less[less];
            double *to = f + step->to;
            const double *by = f + step->by, *from = f + step->from;
            ROW_LANES to[l] = fma(-by[l], from[l], to[l]);
        }
    }
}

LANES_KINDS(factor, elimination->simd,
            (struct elimination * elimination, const double *shift, const double *values),
            elimination, shift, values)

void elimination_factor(struct elimination *elimination, const double *shift,
                        const double *values)
{
    factor(elimination, shift, values);
}

/* --- solving
 * ---------------------------------------------------------------------------- */

struct elimination_plan *elimination_plan(const struct elimination *elimination,
                                          const size_t *row_of)
{
    struct elimination_plan *out = mem_new(1, sizeof *out);
    size_t n = elimination->states, room = 0, up = 0, up_room = 0;
    out->back = mem_new(n, sizeof *out->back);
    for (size_t at = 0; at < n; at++) {
        size_t k = elimination->order[at];
        for (size_t row = at + 1; row < n && row_of[k] != ELIMINATION_NONE; row++) {
            size_t i = elimination->order[row];
            if (slot(elimination, i, k) == NONE || row_of[i] == ELIMINATION_NONE)
                continue;
            MEM_GROW(out->down, out->down_count + 1, &room);
            out->down[out->down_count++] = (struct elimination_step){
                (uint32_t)(row_of[i] * LANES), slot(elimination, i, k),
                (uint32_t)(row_of[k] * LANES)};
        }
    }
    for (size_t at = n; at-- > 0;) {
        size_t k = elimination->order[at];
        if (row_of[k] == ELIMINATION_NONE)
            continue;
        uint32_t to = (uint32_t)(row_of[k] * LANES);
        for (size_t column = at + 1; column < n; column++) {
            size_t j = elimination->order[column];
            if (slot(elimination, k, j) == NONE || row_of[j] == ELIMINATION_NONE)
                continue;
            MEM_GROW(out->up, up + 1, &up_room);
            out->up[up++] = (struct elimination_step){to, slot(elimination, k, j),
                                                      (uint32_t)(row_of[j] * LANES)};
        }
        out->back[out->rows++] = (struct pivot_row){to, slot(elimination, k, k), up};
    }
    return out;
}

void elimination_plan_free(struct elimination_plan *plan)
{
    if (!plan)
        return;
    mem_free(plan->down);
    mem_free(plan->up);
    mem_free(plan->back);
    mem_free(plan);
}

LANES_INLINE void subtract(const double *f, const struct elimination_step *step,
                           double *rows)
{
    double *to = rows + step->to;
    const double *by = f + step->by, *from = rows + step->from;
    ROW_LANES to[l] = fma(-by[l], from[l], to[l]);
}

LANES_INLINE void solve_rows(const struct elimination *elimination,
                             const struct elimination_plan *plan, double *rows)
{
    const double *f = elimination->factors;
    size_t up = 0;
    for (size_t i = 0; i < plan->down_count; i++)
        subtract(f, &plan->down[i], rows);
    for (size_t k = 0; k < plan->rows; k++) {
        const struct pivot_row *back = &plan->back[k];
        for (; up < back->up_end; up++)
            subtract(f, &plan->up[up], rows);
        double *to = rows + back->row;
        const double *inverse = f + back->at;
        ROW_LANES to[l] *= inverse[l];
    }
}

LANES_KINDS(solve, elimination->simd,
            (const struct elimination *elimination, const struct elimination_plan *plan,
             double *rows),
            elimination, plan, rows)

void elimination_solve(const struct elimination *elimination,
                       const struct elimination_plan *plan, double *rows)
{
    solve(elimination, plan, rows);
}
