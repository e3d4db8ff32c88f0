/* Glucose, weight and insulin. */

#include "folder.h"

#define GLUCOSE                                                                          \
    "diabetes/glucose",                                                                  \
        "SI=7.14e-4 SG=0.025 kabs=0.012 kempt=0.18 kd=0.026 ka2=0.014 BW=70"
#define REPLAY "ReplayBG (Cappon et al. 2023) with its code's values, run independently"
#define STEADY "closed form: steady state"

static const struct figure figures[] = {
    /* Glucose: ReplayBG with its code's values, 70 kg, 1 U/h. */
    {GLUCOSE, "", "G", VALUE, 1440, 1, 1440, 119.13, 1e-7, 0, STEADY},
    {GLUCOSE, "insulin 1 U @ 0 min", "X", AREA, 0, 1, 1440, 0.5948, 0.006, 0, REPLAY},
    {GLUCOSE, "insulin 1 U @ 0 min", "Ip", TIME_OF_LARGEST, 0, 1, 300, 70, 5, 0, REPLAY},
    {GLUCOSE, "insulin 1 U @ 0 min", "G", SMALLEST, 0, 1, 400, 108.9, 0.3, 0, REPLAY},
    {GLUCOSE, "insulin 1 U @ 0 min", "G", TIME_OF_SMALLEST, 0, 1, 400, 185, 5, 0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min", "G", LARGEST, 0, 1, 360, 247.0, 1, 0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min", "G", TIME_OF_LARGEST, 0, 1, 360, 75, 2.5, 0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min", "G", VALUE, 360, 1, 360, 127.2, 1, 0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min; insulin 6 U @ 0 min", "G", LARGEST, 0, 1, 360, 220.0, 1,
     0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min; insulin 6 U @ 0 min", "G", TIME_OF_LARGEST, 0, 1, 360,
     60, 2.5, 0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min; insulin 6 U @ 0 min", "G", SMALLEST, 0, 1, 600, 91.9, 1,
     0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min; insulin 6 U @ 0 min", "G", TIME_OF_SMALLEST, 0, 1, 600,
     270, 5, 0, REPLAY},
};

static const struct courses_one courses[] = {
    {"diabetes/glucose",
     "BW=81 basal=1.1 usual=0.9",
     "meal 60 g @ 0 min; insulin 4 U @ 10 min; meal 20 g @ 100 min for 5 min",
     {4, 9, 30, 60, 101, 180, 360}},
};

int main(void)
{
    return folder_run(&(struct folder){
        .name = "diabetes",
        .figures = figures,
        .figure_count = FOLDER_COUNT(figures),
        .courses = courses,
        .course_count = FOLDER_COUNT(courses),
    });
}
