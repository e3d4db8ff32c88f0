/* Wards, emergency departments, ambulances, stays. */

#include "folder.h"
#include "course.h"

#define WARD(beds) "hospital/ward", "beds=" beds, ""
#define AT_ONCE VALUE, 0, 1, 0
#define DEPARTMENT(staff) "hospital/emergency", "staff=" staff, "", "number"
#define LAST_DAY 960, 0.25, 984
#define FLEET(size) "hospital/ambulance", "fleet=" size, ""
#define LOSS "Erlang's loss formula, a = 30"
#define DELAY "Erlang's delay formula, a = 30"
#define POISSON "Poisson's tail, a = 30"
#define PSFFA "fluid flow with the inverse from a table, 400 d"
#define INFINITE "linear response of M/M/infinity: cos(atan(w stay))"
#define JACKSON "Jackson's network: M/M/5, M/M/27 and M/M/6 by themselves"
#define KOLESAR "Kolesar and Blum 1973; Erlang's loss formula"
#define LOG_NORMAL "log-normal of mean 5 d and CV 1.2"

static const struct figure figures[] = {
    {WARD("32"), "full", AT_ONCE, 0.0963, 5e-5, 0, LOSS},
    {WARD("34"), "full", AT_ONCE, 0.0663, 5e-5, 0, LOSS},
    {WARD("36"), "full", AT_ONCE, 0.0429, 5e-5, 0, LOSS},
    {WARD("40"), "full", AT_ONCE, 0.0144, 5e-5, 0, LOSS},
    {WARD("32"), "occupancy", AT_ONCE, 0.847, 5e-4, 0, LOSS},
    {WARD("34"), "occupancy", AT_ONCE, 0.824, 5e-4, 0, LOSS},
    {WARD("36"), "occupancy", AT_ONCE, 0.798, 5e-4, 0, LOSS},
    {WARD("40"), "occupancy", AT_ONCE, 0.739, 5e-4, 0, LOSS},
    {WARD("34"), "wait_any", AT_ONCE, 0.376, 5e-4, 0, DELAY},
    {WARD("36"), "wait_any", AT_ONCE, 0.212, 5e-4, 0, DELAY},
    {WARD("38"), "wait_any", AT_ONCE, 0.112, 5e-4, 0, DELAY},
    {WARD("40"), "wait_any", AT_ONCE, 0.055, 5e-4, 0, DELAY},
    {WARD("34"), "wait_mean", AT_ONCE, 11.3, 0.05, 0, DELAY},
    {WARD("36"), "wait_mean", AT_ONCE, 4.24, 0.005, 0, DELAY},
    {WARD("38"), "wait_mean", AT_ONCE, 1.68, 0.005, 0, DELAY},
    {WARD("40"), "wait_mean", AT_ONCE, 0.66, 0.005, 0, DELAY},
    {WARD("36"), "wait_general", AT_ONCE, 5.17, 0.005, 0,
     "half of (1 + CV^2) times that"},
    {WARD("34"), "reached", AT_ONCE, 0.256, 5e-4, 0, POISSON},
    {WARD("38"), "reached", AT_ONCE, 0.089, 5e-4, 0, POISSON},
    {WARD("40"), "reached", AT_ONCE, 0.046, 5e-4, 0, POISSON},
    {"hospital/ward", "beds=6 stay=1", "", "full", AT_ONCE, 0.265, 5e-4, 0,
     "loss, a = 6"},
    {"hospital/ward", "beds=8 stay=1", "", "full", AT_ONCE, 0.122, 5e-4, 0,
     "loss, a = 6"},
    {"hospital/ward", "beds=10 stay=1", "", "full", AT_ONCE, 0.043, 5e-4, 0,
     "loss, a = 6"},
    {"hospital/ward", "beds=12 stay=1", "", "full", AT_ONCE, 0.011, 5e-4, 0,
     "loss, a = 6"},
    {"hospital/ward", "", "", "ward_rate1", AT_ONCE, 0.4, 1e-9, 0, "Coxian: 2/m"},
    {"hospital/ward", "", "", "ward_rate2", AT_ONCE, 0.1389, 5e-5, 0,
     "Coxian: 1/(m CV^2)"},
    {"hospital/ward", "", "", "ward_second", AT_ONCE, 0.347, 5e-4, 0,
     "Coxian: 1/(2 CV^2)"},
    {"hospital/ward", "census=10", "", "load", VALUE, 100, 1, 100, 30, 1e-4, 0,
     "arrivals times mean stay, whatever its CV"},
    /* With CV 1 the two phases are one exponential. */
    {"hospital/ward", "cv=1 day=0.5", "", "load", RANGE, 200, 1 / 96.0, 201, 30 * 0.0318,
     0.005, 0, INFINITE " = 0.0318 for a day"},
    {"hospital/ward", "cv=1 week=0.5", "", "load", RANGE, 203, 1 / 24.0, 210, 30 * 0.217,
     0.02, 0, INFINITE " = 0.217 for a week"},
    {"hospital/ward", "cv=1 day=0.5 rate=144 stay=0.0416666666666667", "", "load", RANGE,
     10, 1 / 960.0, 11, 6 * 0.9674, 0.001, 0, INFINITE " = 0.967"},
    {"hospital/ward", "cv=1 day=0.5 rate=144 stay=0.0416666666666667", "", "load",
     TIME_OF_LARGEST, 10, 1 / 960.0, 11, 10.6 + 0.98 / 24, 0.005 / 24, 0,
     "atan(w stay)/w = 0.98 h behind"},
    {DEPARTMENT("8"), MEAN, LAST_DAY, 10.2, 0.05, 0, PSFFA},
    {DEPARTMENT("10"), MEAN, LAST_DAY, 6.82, 0.05, 0, PSFFA},
    {DEPARTMENT("12"), MEAN, LAST_DAY, 6.15, 0.05, 0, PSFFA},
    {DEPARTMENT("8"), LARGEST, LAST_DAY, 18.5, 0.05, 0, PSFFA},
    {DEPARTMENT("10"), LARGEST, LAST_DAY, 11.5, 0.1, 0, PSFFA},
    {DEPARTMENT("12"), LARGEST, LAST_DAY, 9.5, 0.05, 0, PSFFA},
    {"hospital/emergency", "staff=8 day=0 census=9", "", "number", VALUE, 400, 1, 400,
     6 + 0.35699 * 3, 2e-4, 0, "M/M/8, a = 6: 6 + C 6/(8 - 6), C = 0.3570"},
    {"hospital/emergency", "staff=6 extra=4", "", "equilibrium", VALUE, 13, 1, 13, 9.8,
     30, 0, "finite after a change of staff"},
    {"hospital/flow", "day=0", "", "ed_number", VALUE, 2000, 1, 2000, 2.504773, 1e-4, 0,
     JACKSON},
    {"hospital/flow", "day=0", "", "ward_number", VALUE, 2000, 1, 2000, 22.374113, 1e-3,
     0, JACKSON},
    {"hospital/flow", "day=0", "", "icu_number", VALUE, 2000, 1, 2000, 2.875151, 1e-3, 0,
     JACKSON},
    {FLEET("5"), "response", AT_ONCE, 13.4, 0.05, 0, KOLESAR},
    {FLEET("10"), "response", AT_ONCE, 8.4, 0.05, 0, KOLESAR},
    {FLEET("20"), "response", AT_ONCE, 6.0, 0.05, 0, KOLESAR},
    {FLEET("5"), "none", AT_ONCE, 0.0697, 5e-5, 0, KOLESAR},
    {FLEET("10"), "none", AT_ONCE, 0.0002, 5e-5, 0, KOLESAR},
    {FLEET("20"), "none", AT_ONCE, 0, 5e-5, 0, KOLESAR},
    {"hospital/length_of_stay", "", "", "mean_stay", AT_ONCE, 5.0, 0.005, 0, LOG_NORMAL},
    {"hospital/length_of_stay", "", "", "long", AT_ONCE, 0.0232, 2e-4, 0, LOG_NORMAL},
    /* Outcomes; textbook queues. */
    {"hospital/ward", "beds=36", "", "blocked", OUTCOME, 0, 1, 10, 4.29, 0.005, 0, LOSS},
    {"hospital/ward", "beds=36", "", "beyond", OUTCOME, 0, 1, 10, 17.35, 0.02, 0,
     DELAY ", and an exponential beyond it"},
    {"hospital/ward", "beds=36", "", "longest", OUTCOME, 0, 1, 10, 4.24, 0.005, 0, DELAY},
    {"hospital/ward", "beds=32", "", "beds_used", OUTCOME, 0, 1, 10, 84.7, 0.05, 0, LOSS},
    {"hospital/ward", "beds=36", "", "strained", OUTCOME, 0, 1, 10, 0, 1e-09, 0,
     LOSS ": 79.8 %"},
    {"hospital/ward", "beds=36", "", "treated", OUTCOME, 0, 1, 10, 60, 1e-06, 0,
     "six a day"},
    {"hospital/emergency", "rate=6 treatment=0.333333333333 staff=3 day=0", "",
     "wait_mean", VALUE, 400, 1, 400, 60 * (8 / 9.0) / 6, 2e-3, 0,
     "Gross and Harris, Fundamentals of Queueing Theory: M/M/3, a = 2, 8/9 wait"},
    {"hospital/emergency", "rate=6 treatment=0.333333333333 staff=3 day=0", "", "number",
     VALUE, 400, 1, 400, 2 + 8 / 9.0, 1e-4, 0, "M/M/3, a = 2"},
    {"hospital/emergency", "rate=3 treatment=0.5 staff=2 day=0", "", "number", VALUE, 400,
     1, 400, 1.5 + 27 / 14.0, 1e-4, 0, "M/M/2, a = 1.5: C = 9/14, 27/14 wait"},
    {"hospital/emergency", "rate=3 treatment=0.5 staff=2 day=0", "", "beyond", OUTCOME,
     400, 1, 500, 1.17744, 0.01, 0, "M/M/2: C exp(-(c mu - lambda) t), 4 h"},
    {"hospital/ambulance", "fleet=5", "", "usual", OUTCOME, 0, 1, 1, 13.4, 0.05, 0,
     KOLESAR},
    {"hospital/ambulance", "fleet=5", "", "missed", OUTCOME, 0, 1, 1, 6.97, 0.005, 0,
     KOLESAR},
    {"hospital/ambulance", "fleet=10", "", "tardy", OUTCOME, 0, 1, 1, 53.58, 0.05, 0,
     "the normal integral"},
    {"hospital/length_of_stay", "", "", "weeks", OUTCOME, 0, 1, 1, 2.32, 0.02, 0,
     LOG_NORMAL},
    {"hospital/length_of_stay", "", "", "expected", OUTCOME, 0, 1, 1, 5, 0.005, 0,
     LOG_NORMAL},

    /* Tables of Erlang's B and C; one server; square of the CV of the Coxian stay:
       without arrivals the census falls, and its area is that of the stays that are left,
       E(T^2)/2 of each that came. */
    {"hospital/ward", "beds=10 rate=2 stay=5", "", "full", AT_ONCE, 0.2146, 5e-5, 0,
     "tables of Erlang B: 10 erlang, 10 servers"},
    {"hospital/ward", "beds=10 rate=1 stay=5", "", "full", AT_ONCE, 0.0184, 5e-5, 0,
     "tables of Erlang B: 5 erlang, 10 servers"},
    {"hospital/ward", "beds=30 rate=4 stay=5", "", "full", AT_ONCE, 0.0085, 5e-5, 0,
     "tables of Erlang B: 20 erlang, 30 servers"},
    {"hospital/ward", "beds=5 rate=1 stay=5", "", "full", AT_ONCE, 0.2849, 5e-5, 0,
     "tables of Erlang B: 5 erlang, 5 servers"},
    {"hospital/ward", "beds=20 rate=3 stay=5", "", "full", AT_ONCE, 0.0456, 5e-5, 0,
     "tables of Erlang B: 15 erlang, 20 servers"},
    {"hospital/ward", "beds=10 rate=8 stay=1", "", "wait_any", AT_ONCE, 0.4092, 5e-5, 0,
     "tables of Erlang C: 8 erlang, 10 servers"},
    {"hospital/ward", "beds=10 rate=8 stay=1", "", "wait_mean", AT_ONCE, 24 * 0.4092 / 2,
     1e-3, 0, "Erlang C: over the servers that the load leaves"},
    {"hospital/ward", "beds=40 rate=8 stay=4", "", "usual", OUTCOME, 0, 1, 30,
     32 * (1 - 0.0268384), 1e-3, 0, "Little's law: those who come in, times their stay"},
    {"hospital/ambulance", "fleet=10 area=1600", "", "way", AT_ONCE,
     2 * 0.627 * 7.3029674, 1e-6, 0, KOLESAR ": twice as far in four times the area"},
    {"hospital/ward", "beds=3 rate=2 stay=1", "", "wait_any", AT_ONCE, 4 / 9.0, 1e-9, 0,
     "Erlang C: 2 erlang, 3 servers"},
    {"hospital/ward", "beds=8 rate=5 stay=1", "", "wait_any", AT_ONCE, 0.1673, 5e-5, 0,
     "tables of Erlang C: 5 erlang, 8 servers"},
    {"hospital/ward", "beds=12 rate=10 stay=1", "", "wait_any", AT_ONCE, 0.4494, 5e-5, 0,
     "tables of Erlang C: 10 erlang, 12 servers"},
    {"hospital/ward", "beds=2 rate=1 stay=1", "", "wait_mean", AT_ONCE, 24 / 3.0, 1e-6, 0,
     "M/M/2, a = 1: a third waits, a third of a stay in the mean"},
    {"hospital/ward", "surge=0", "", "load", AREA, 0, 0.02, 200,
     6 * (5 * 5 * (1 + 1.44)) / 2, 1e-3, 0, "Coxian: square of the CV 1.44"},
    {"hospital/emergency", "rate=0.5 treatment=1 staff=1 day=0 census=3", "", "number",
     VALUE, 400, 1, 400, 1, 1e-6, 0, "M/M/1: 0.5/(1 - 0.5)"},
    {"hospital/emergency", "rate=0.9 treatment=1 staff=1 day=0 census=3", "", "number",
     VALUE, 4000, 1, 4000, 9, 1e-3, 0, "M/M/1: 0.9/(1 - 0.9)"},
    {"hospital/ambulance", "fleet=10 area=100", "", "way", AT_ONCE, 0.627 * 3.6514837,
     1e-6, 0, KOLESAR},
    {"hospital/ward", "beds=30 surge=1.3", "", "wait_mean", VALUE, 40, 1, 40, 8760, 1e-6,
     0, "no steady state: a year stands for it"},
};

static const struct courses_one courses[] = {
    {"hospital/ward", "census=12 surge=1 surge=1.4@20", "", {0.4, 2, 9, 30}},
    {"hospital/emergency", "staff=9 surge=1 surge=1.2@0.1", "", {0.1, 0.2}},
    {"hospital/flow", "surge=1 surge=1.2@0.2", "", {0.2, 0.4}},
    {"hospital/ambulance", "fleet=7", "", {1}},
    {"hospital/length_of_stay", "AGE=71", "", {1}},
};

/* Who came has gone or is here, at every hour, whatever happens to staff and arrivals. */
static void hospital__who_came_has_gone_or_is_here(void **state)
{
    (void)state;
    static const struct {
        const char *model, *set, *here;
        double step;
    } rows[] = {
        {"hospital/ward", "census=12 day=0.6 week=0.3 surge=1 surge=2@20.3", "load",
         0.37},
        {"hospital/emergency", "staff=6 extra=5 surge=1 surge=1.3@31", "number", 0.7},
        {"hospital/flow", "surge=1 surge=1.3@50", "everybody", 3.1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct course course;
        course_open(&course, rows[i].model, rows[i].set, "");
        double *came = course_run(&course, "came", 0, rows[i].step, 120);
        double *gone = course_run(&course, "gone", 0, rows[i].step, 120);
        double *here = course_run(&course, rows[i].here, 0, rows[i].step, 120);
        for (size_t k = 0; k < 120; k++)
            assert_near(came[k] - gone[k], here[k] - here[0], 1e-9 * (came[k] + here[k]));
        mem_free(came);
        mem_free(gone);
        mem_free(here);
        course_close(&course);
    }
}

/* The number in the department is the one that its utilisation holds in equilibrium,
 * through the day: the second state follows the first. */
static void hospital__utilisation_follows_the_number(void **state)
{
    (void)state;
    struct course course;
    course_open(&course, "hospital/emergency", "staff=8", "");
    double *number = course_run(&course, "number", 2, 0.5, 200);
    double *equilibrium = course_run(&course, "equilibrium", 2, 0.5, 200);
    for (size_t k = 0; k < 200; k++)
        assert_near(number[k], equilibrium[k], 1e-6 * number[k]);
    mem_free(number);
    mem_free(equilibrium);
    course_close(&course);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hospital__who_came_has_gone_or_is_here),
        cmocka_unit_test(hospital__utilisation_follows_the_number),
    };
    return folder_run(&(struct folder){
        .name = "hospital",
        .figures = figures,
        .figure_count = FOLDER_COUNT(figures),
        .courses = courses,
        .course_count = FOLDER_COUNT(courses),
        .tests = tests,
        .test_count = FOLDER_COUNT(tests),
    });
}
