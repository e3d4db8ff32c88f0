#ifndef NUMERICS_LANES_IMPL_H
#define NUMERICS_LANES_IMPL_H

#include "numerics/lanes.h"

/* lanes_impl - a block of lanes as its methods see it: lanes.c, which has the control of
 * steps and Tsitouras' method, rosenbrock.c and classic.c. */

#define LANES_RATES_MAX 9

/* The polynomial of a step: of the power m + 1 of its share that has passed, rise[m]
 * times its rise, and by[j][m] times k_j, or, `timed`, k_j times its length. */
struct lanes_basis {
    bool timed;
    double rise[LANES_DEGREE], by[LANES_RATES_MAX][LANES_DEGREE];
};

struct lanes {
    struct lanes_system system;
    enum simd simd;
    struct lanes_basis basis;
    size_t *group_end;
    double *group_share; /* 1 / rows of each */
    double *block;       /* in which these are: */
    double *y, *next; /* [rows][LANES] at the beginning and at the end of the last step */
    double *k[LANES_RATES_MAX]; /* rates in it: the first at its beginning */
    size_t stages;              /* of k */
    double *terms;    /* of LANES_SERIES: [rows][LANES_POWERS][LANES] coefficients */
    size_t last;      /* the one at its end, the next step's first; 0: there is none */
    double *absolute; /* tolerances */
    double *wrong;    /* what all rates of a step but the last say of its error, or, of
                         LANES_SERIES, a rate */
    LANES_ALIGNED double t[LANES];     /* now */
    double begun[LANES], taken[LANES]; /* the last step that stands: where, how long */
    double h[LANES], wall[LANES];      /* to try next; where to stop */
    double tried[LANES], end[LANES];   /* the step being tried; where it ends */
    double error[LANES];               /* square of the norm */
    double factor[LANES];              /* of h, by that */
    double steps[LANES];
    enum lane_state state[LANES];
    /* Looks for stiffness: when the next is, in steps, and how many have found it. */
    double look_at[LANES];
    unsigned hits[LANES];
    struct lanes_entry *entries; /* [entry_count] of J; NULL: nobody looks */
    size_t entry_count;
    double *slopes, *look; /* room for them */
    /* 1 or 0: */
    double moves[LANES];   /* LANE_MOVING */
    double arrived[LANES]; /* with the last step */
    double stepped[LANES]; /* `next` and the last rate come after y and the first */
    double refused[LANES]; /* the last step did not stand */
    double forces[LANES];  /* the next step stands if it is finite */
    double forced[LANES];  /* the last one that stood did so, whatever its error */
    double halts[LANES];   /* moves no more since */
    double looks[LANES];   /* is to be looked at */
    lane_set jumped;       /* whose first rate is not known */
    lane_set sized;        /* whose h means something */
    struct rosenbrock *rosenbrock; /* of that method */
    /* Of steps of one length: where they are counted from, how many have been passed, and
     * how many of them with the last one, 1 or 0. Of LANES_SERIES: steps of this piece.
     */
    double origin[LANES], passed[LANES], passes[LANES];
};

/* --- sums -----------------------------------------------------------------------------
 */

/* start + sum over j < n of w(j) k_j, written out so that it stays in registers. */
#define SUM1(start, w, k, at) fma(w(0), k[0][at], start)
#define SUM2(start, w, k, at) fma(w(1), k[1][at], SUM1(start, w, k, at))
#define SUM3(start, w, k, at) fma(w(2), k[2][at], SUM2(start, w, k, at))
#define SUM4(start, w, k, at) fma(w(3), k[3][at], SUM3(start, w, k, at))
#define SUM5(start, w, k, at) fma(w(4), k[4][at], SUM4(start, w, k, at))
#define SUM6(start, w, k, at) fma(w(5), k[5][at], SUM5(start, w, k, at))
#define SUM7(start, w, k, at) fma(w(6), k[6][at], SUM6(start, w, k, at))
#define SUM8(start, w, k, at) fma(w(7), k[7][at], SUM7(start, w, k, at))

/* --- Rosenbrock's method (rosenbrock.c)
 * ------------------------------------------------- */

#define ROSENBROCK_STAGES 8

struct rosenbrock *rosenbrock_new(const struct lanes_system *system, enum simd simd);
void rosenbrock_destroy(struct rosenbrock **rosenbrock);
/* Rates and their slopes where all lanes are. */
void rosenbrock_linearise(struct lanes *lanes);
/* `next`, and its error in the last of k. */
void rosenbrock_stages(struct lanes *lanes);
void rosenbrock_between(struct lanes *lanes, const double *t, const size_t *rows,
                        size_t count);
void rosenbrock_basis(struct lanes_basis *basis);

/* The method's coefficients, for whoever checks them against the conditions of its order:
 * (I/gamma - Gamma^-1)_ij = c, alpha Gamma^-1 = a, of the last row the result's. */
struct rosenbrock_method {
    double gamma, node[ROSENBROCK_STAGES], by_time[ROSENBROCK_STAGES];
    double a[ROSENBROCK_STAGES + 1][ROSENBROCK_STAGES],
        c[ROSENBROCK_STAGES][ROSENBROCK_STAGES];
    double inside[3][ROSENBROCK_STAGES];
};
void rosenbrock_method(struct rosenbrock_method *method);

/* --- steps of one length (classic.c)
 * ---------------------------------------------------- */

#define CLASSIC_STAGES 4

/* A step from rates that are known, judged as well. */
void classic_step(struct lanes *lanes);
void classic_between(struct lanes *lanes, const double *t, const size_t *rows,
                     size_t count);
void classic_basis(struct lanes_basis *basis);

/* --- Taylor's series (series.c)
 * -------------------------------------------------------- */

/* Pieces begin in `fresh`. */
void series_step(struct lanes *lanes, lane_set fresh);
void series_between(struct lanes *lanes, const double *t, const size_t *rows,
                    size_t count);

#endif
