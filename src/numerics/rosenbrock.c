/* rosenbrock - a linearly implicit method for what is stiff: Rodas5P of Steinebach (BIT
 * Numer. Math. 63:27, 2023), of order 5 with an error estimate of order 4, L-stable, its
 * order not reduced by boundary conditions, with an interpolant of order 4. In the form
 * of Hairer and Wanner II, IV.7, which needs no product with the Jacobian:
 *
 *     (1/(gamma h) - F') u_i = F(t + node_i h, y + sum_j a_ij u_j)
 *                              + sum_j (c_ij / h) u_j + h d_i dF/dt.
 *
 * F is the rate of states x and of their derivatives s along directions, x' = f and
 * s' = J s + g. A Rosenbrock method keeps its order only with all of F', which is J along
 * the diagonal, and below it H, the derivatives of J s + g by x. So the linear systems
 * are solved one after the other with one factorisation of 1/(gamma h) - J: the states'
 * u, and then each direction's with H u on its right. That is the derivative of the
 * method's own result for x, to the last term (Sandu, Daescu, Carmichael, Atmos. Environ.
 * 37:5083, 2003), and not what would come of leaving H out, a method for which nobody has
 * order conditions above 1. */

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "lanes_impl.h"
#include "numerics/elimination.h"

#define STAGES ROSENBROCK_STAGES

static const double gamma_ = 0.21193756319429014;

static const double node[STAGES] = {0,
                                    0.6358126895828704,
                                    0.4095798393397535,
                                    0.9769306725060716,
                                    0.4288403609558664,
                                    1,
                                    1,
                                    1};

/* Of dF/dt. */
static const double by_time[STAGES] = {0.21193756319429014, -0.42387512638858027,
                                       -0.3384627126235924, 1.8046452872882734,
                                       2.325825639765069};

/* From the seventh on a stage is the one before and its u: what comes after the eighth's
 * is the result, and that u the error. */
static const double stage_weight[6][5] = {
    {0},
    {3.0},
    {2.849394379747939, 0.45842242204463923},
    {-6.954028509809101, 2.489845061869568, -10.358996098473584},
    {2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641},
    {-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
     0.030198172008377946},
};

static const double past_weight[STAGES][STAGES - 1] = {
    {0},
    {-14.155112264123755},
    {-17.97296035885952, -2.859693295451294},
    {147.12150275711716, -1.41221402718213, 71.68940251302358},
    {165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306},
    {24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125,
     -0.6610691825249471},
    {30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783,
     -19.097331116725623, -28.087943162872662},
    {37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047,
     -40.06618937091002, -54.66780262877968, -9.48861652309627},
};

/* Inside a step y + theta (next - y) + theta (1 - theta) sum_j u_j (e_0j + theta (e_1j +
 * theta e_2j)). */
static const double inside[3][STAGES] = {
    {25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204,
     0.524948541321073, 1.1241088310450404, 0.4272876194431874, -0.17202221070155493},
    {-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796,
     20.176138334709044, 15.98066361424651, -6.789040303419874, -6.710236069923372},
    {11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643,
     -52.072871366152654, -59.78993626266729, -0.15582684282751913, 4.883087185713722},
};

void rosenbrock_method(struct rosenbrock_method *method)
{
    *method = (struct rosenbrock_method){.gamma = gamma_};
    memcpy(method->node, node, sizeof node);
    memcpy(method->by_time, by_time, sizeof by_time);
    memcpy(method->inside, inside, sizeof inside);
    for (size_t i = 0; i <= STAGES; i++)
        for (size_t j = 0; j < STAGES; j++) {
            if (i < STAGES && j < i)
                method->c[i][j] = past_weight[i][j];
            if (j < i)
                method->a[i][j] = j < 5 ? stage_weight[i < 6 ? i : 5][j] : 1;
        }
}

/* --- what it knows of the system
 * --------------------------------------------------------- */

/* A slope of a direction's row by a state: rows and values as offsets in doubles. */
struct coupling {
    uint32_t to, by, from;
};

struct rosenbrock {
    size_t groups, coupling_count;
    struct elimination *elimination;
    struct elimination_plan **plans; /* [groups] */
    struct coupling *couplings;
    double *slopes;  /* [slope_count][LANES], and then */
    double *by_time; /* [rows][LANES] */
};

struct rosenbrock *rosenbrock_new(const struct lanes_system *system, enum simd simd)
{
    struct rosenbrock *out = mem_new(1, sizeof *out);
    size_t states = system->group_end[0], own = 0;
    while (own < system->slope_count && system->slopes[own].row < states)
        own++;
    out->groups = system->groups;
    out->elimination = elimination_new(states, system->slopes, own, simd);
    out->plans = mem_new(system->groups, sizeof(struct elimination_plan *));
    size_t *row_of = mem_new(states, sizeof *row_of);
    for (size_t g = 0, r = 0; g < system->groups; g++) {
        memset(row_of, 0xff, states * sizeof *row_of); /* ELIMINATION_NONE */
        for (; r < system->group_end[g]; r++)
            row_of[system->state[r]] = r;
        out->plans[g] = elimination_plan(out->elimination, row_of);
    }
    mem_free(row_of);
    out->coupling_count = system->slope_count - own;
    out->couplings = mem_new(out->coupling_count, sizeof *out->couplings);
    for (size_t i = 0; i < out->coupling_count; i++)
        out->couplings[i] = (struct coupling){system->slopes[own + i].row * LANES,
                                              (uint32_t)((own + i) * LANES),
                                              system->slopes[own + i].column * LANES};
    out->slopes = lanes_rows_new(system->slope_count + system->rows);
    out->by_time = out->slopes + system->slope_count * LANES;
    return out;
}

void rosenbrock_destroy(struct rosenbrock **rosenbrock)
{
    struct rosenbrock *gone = *rosenbrock;
    if (!gone)
        return;
    for (size_t g = 0; g < gone->groups; g++)
        elimination_plan_free(gone->plans[g]);
    mem_free(gone->plans);
    elimination_destroy(&gone->elimination);
    mem_free(gone->couplings);
    lanes_rows_free(gone->slopes);
    mem_free(gone);
    *rosenbrock = NULL;
}

/* --- loops over rows, as in lanes.c
 * ------------------------------------------------------- */

/* stage = y + sum over j < count of a_j u_j. */
LANES_INLINE void stage_rows(const struct lanes *lanes, size_t count, double *stage)
{
    const double *const *u = (const double *const *)lanes->k + 1, *y = lanes->y;
    const double *a = stage_weight[count];
#define STAGE_WEIGHT(j) a[j]
#define STAGE(n)                                                                         \
    case n:                                                                              \
        for (size_t i = 0; i < lanes->system.rows * LANES; i += LANES)                   \
            ROW_LANES stage[i + l] = SUM##n(y[i + l], STAGE_WEIGHT, u, i + l);           \
        break
    switch (count) {
        STAGE(1);
        STAGE(2);
        STAGE(3);
        STAGE(4);
    default:
        for (size_t i = 0; i < lanes->system.rows * LANES; i += LANES)
            ROW_LANES stage[i + l] = SUM5(y[i + l], STAGE_WEIGHT, u, i + l);
    }
#undef STAGE
}

/* to = from + more. */
LANES_INLINE void add_rows(const struct lanes *lanes, const double *from,
                           const double *more, double *to)
{
    for (size_t i = 0; i < lanes->system.rows * LANES; i++)
        to[i] = from[i] + more[i];
}

/* What the linear system of stage i has on its right, onto the rate that is there. */
LANES_INLINE void right_rows(const struct lanes *lanes, size_t i, const double *h,
                             const double *rate, double *right)
{
    const double *const *u = (const double *const *)lanes->k + 1;
    const double *by = lanes->rosenbrock->by_time;
    double w[STAGES - 1][LANES], late[LANES];
    ROW_LANES late[l] = by_time[i] * h[l];
    for (size_t j = 0; j < i; j++)
        ROW_LANES w[j][l] = past_weight[i][j] / h[l];
#define LANE_WEIGHT(j) w[j][l]
#define RIGHT(n)                                                                         \
    case n:                                                                              \
        for (size_t at = 0; at < lanes->system.rows * LANES; at += LANES)                \
            ROW_LANES right[at + l] =                                                    \
                SUM##n(fma(late[l], by[at + l], rate[at + l]), LANE_WEIGHT, u, at + l);  \
        break
    switch (i) {
    case 0:
        for (size_t at = 0; at < lanes->system.rows * LANES; at += LANES)
            ROW_LANES right[at + l] = fma(late[l], by[at + l], rate[at + l]);
        break;
        RIGHT(1);
        RIGHT(2);
        RIGHT(3);
        RIGHT(4);
        RIGHT(5);
        RIGHT(6);
    default:
        for (size_t at = 0; at < lanes->system.rows * LANES; at += LANES)
            ROW_LANES right[at + l] = SUM7(rate[at + l], LANE_WEIGHT, u, at + l);
    }
#undef RIGHT
}

/* Onto the directions' right sides, what the states' solution moves. */
LANES_INLINE void couple_rows(const struct lanes *lanes, double *u)
{
    const struct rosenbrock *rosenbrock = lanes->rosenbrock;
    for (size_t i = 0; i < rosenbrock->coupling_count; i++) {
        const struct coupling *one = &rosenbrock->couplings[i];
        double *to = u + one->to;
        const double *by = rosenbrock->slopes + one->by, *from = u + one->from;
        ROW_LANES to[l] = fma(by[l], from[l], to[l]);
    }
}

LANES_INLINE void within_rows(const struct lanes *lanes, const double *t,
                              const size_t *rows, size_t count)
{
    double theta[LANES], w[STAGES][LANES], *out = lanes->system.stage;
    const double *const *u = (const double *const *)lanes->k + 1;
    const double *y = lanes->y, *next = lanes->next, *stepped = lanes->stepped;
    ROW_LANES
    {
        double part = (t[l] - lanes->begun[l]) / lanes->taken[l];
        part = t[l] < lanes->t[l] ? part : 1;
        theta[l] = stepped[l] != 0 ? part : 1;
    }
    for (size_t j = 0; j < STAGES; j++)
        ROW_LANES
        {
            double square =
                fma(theta[l], fma(theta[l], inside[2][j], inside[1][j]), inside[0][j]);
            w[j][l] = theta[l] * (1 - theta[l]) * square;
        }
    for (size_t n = 0; n < count; n++) {
        size_t i = rows[n] * LANES;
        ROW_LANES
        {
            double end = stepped[l] != 0 ? next[i + l] : y[i + l];
            double line = fma(theta[l], end - y[i + l], y[i + l]);
            double within = SUM8(line, LANE_WEIGHT, u, i + l);
            out[i + l] = theta[l] < 1 ? within : end;
        }
    }
}

LANES_KINDS(stage, lanes->simd, (const struct lanes *lanes, size_t count, double *to),
            lanes, count, to)
LANES_KINDS(add, lanes->simd,
            (const struct lanes *lanes, const double *from, const double *more,
             double *to),
            lanes, from, more, to)
LANES_KINDS(right, lanes->simd,
            (const struct lanes *lanes, size_t i, const double *h, const double *rate,
             double *to),
            lanes, i, h, rate, to)
LANES_KINDS(couple, lanes->simd, (const struct lanes *lanes, double *u), lanes, u)
LANES_KINDS(within, lanes->simd,
            (const struct lanes *lanes, const double *t, const size_t *rows,
             size_t count),
            lanes, t, rows, count)

/* --- a step
 * ------------------------------------------------------------------------------- */

void rosenbrock_linearise(struct lanes *lanes)
{
    const struct lanes_system *system = &lanes->system;
    struct rosenbrock *rosenbrock = lanes->rosenbrock;
    memcpy(system->stage, lanes->y, system->rows * LANES * sizeof(double));
    system->rate(system->context, lanes->t, lanes->k[0]);
    system->linear(system->context, lanes->t, rosenbrock->slopes);
}

void rosenbrock_stages(struct lanes *lanes)
{
    const double *h = lanes->tried, *end = lanes->end;
    const struct lanes_system *system = &lanes->system;
    struct rosenbrock *rosenbrock = lanes->rosenbrock;
    double shift[LANES], step[LANES];
    ROW_LANES
    {
        step[l] = h[l] > 0 ? h[l] : 1;
        shift[l] = 1 / (gamma_ * step[l]);
    }
    elimination_factor(rosenbrock->elimination, shift, rosenbrock->slopes);
    for (size_t i = 0; i < STAGES; i++) {
        double at[LANES], *u = lanes->k[i + 1];
        ROW_LANES at[l] = node[i] == 1 ? end[l] : lanes->t[l] + node[i] * h[l];
        if (i > 5)
            add(lanes, system->stage, lanes->k[i], system->stage);
        else if (i > 0)
            stage(lanes, i, system->stage);
        if (i > 0)
            system->rate(system->context, at, u);
        right(lanes, i, step, i > 0 ? u : lanes->k[0], u);
        elimination_solve(rosenbrock->elimination, rosenbrock->plans[0], u);
        couple(lanes, u);
        for (size_t g = 1; g < rosenbrock->groups; g++)
            elimination_solve(rosenbrock->elimination, rosenbrock->plans[g], u);
    }
    add(lanes, system->stage, lanes->k[STAGES], lanes->next);
}

void rosenbrock_between(struct lanes *lanes, const double *t, const size_t *rows,
                        size_t count)
{
    within(lanes, t, rows, count);
}

/* theta (1 - theta) (e_0 + theta (e_1 + theta e_2)) by powers. */
void rosenbrock_basis(struct lanes_basis *basis)
{
    *basis = (struct lanes_basis){.rise = {1}};
    for (size_t j = 0; j < STAGES; j++)
        for (size_t m = 0; m < LANES_DEGREE; m++)
            basis->by[j + 1][m] =
                (m < 3 ? inside[m][j] : 0) - (m > 0 ? inside[m - 1][j] : 0);
}
