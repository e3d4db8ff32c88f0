#ifndef TESTS_MODEL_DIABETIC_H
#define TESTS_MODEL_DIABETIC_H

/* diabetic - a virtual person with type 1 diabetes whom no twin knows: the minimal model
 * with parameters of their own, insulin sensitivity that drifts over the day and from day
 * to day, carbohydrates that were counted wrongly, and a sensor whose errors remember
 * (Vettoretti 2019), in steps of a minute by Runge and Kutta. */

#include "base/memory.h"
#include "base/normal.h"
#include "model/record.h"

enum { DIABETIC_STATES = 9 };

struct diabetic {
    double SI, Gb, SG, kabs, kd; /* true, with SI as it is on average */
    double walk, phase;          /* of log SI */
    double counting;             /* what is eaten of what is counted */
    double x[DIABETIC_STATES];   /* q1 q2 qg i1 i2 Ip X G IG */
    double meal, insulin;        /* entering now: g/min, mU/min */
    double noise[2];             /* of the sensor */
    uint64_t seed;
};

static inline double diabetic_draw(struct diabetic *d)
{
    d->seed = d->seed * 6364136223846793005u + 1442695040888963407u;
    return normal_quantile(((double)(d->seed >> 11) + 0.5) / 9007199254740992.0);
}

static inline struct diabetic diabetic_new(uint64_t seed)
{
    struct diabetic d = {.seed = seed * 7919};
    for (int i = 0; i < 8; i++)
        diabetic_draw(&d);
    d.SI = 1.03e-3 * exp(0.35 * diabetic_draw(&d));
    d.Gb = 119.13 + 8 * diabetic_draw(&d);
    d.SG = 0.0224 * exp(0.2 * diabetic_draw(&d));
    d.kabs = 0.012 * exp(0.3 * diabetic_draw(&d));
    d.kd = 0.026 * exp(0.2 * diabetic_draw(&d));
    d.phase = 6.28 * normal_cdf(diabetic_draw(&d));
    d.counting = exp(0.2 * diabetic_draw(&d));
    double usual = 1000.0 / 60, Ipb = usual / 70 / 0.127;
    double x[DIABETIC_STATES] = {0,   0, 0,    usual / d.kd, usual / 0.014,
                                 Ipb, 0, d.Gb, d.Gb};
    memcpy(d.x, x, sizeof x);
    return d;
}

static inline void diabetic_rate(const struct diabetic *d, double t, const double *x,
                                 double *dx)
{
    double SI = d->SI * exp(0.35 * sin(6.28318530718 * t / 1440 + d->phase) + d->walk);
    double usual = 1000.0 / 60, Ipb = usual / 70 / 0.127, G = x[7], risk = 1;
    if (G < d->Gb) {
        double off = pow(log(fmax(G, 60)), 0.8124) - pow(log(d->Gb), 0.8124);
        risk = 1 + 10 * 1.4407 * off * off;
    }
    dx[0] = d->meal - 0.18 * x[0];
    dx[1] = 0.18 * (x[0] - x[1]);
    dx[2] = 0.18 * x[1] - d->kabs * x[2];
    dx[3] = usual + d->insulin - d->kd * x[3];
    dx[4] = d->kd * x[3] - 0.014 * x[4];
    dx[5] = 0.014 * x[4] / 70 - 0.127 * x[5];
    dx[6] = -0.0121 * (x[6] - SI / 0.135 * (x[5] - Ipb));
    dx[7] = -(d->SG + risk * x[6]) * G + d->SG * d->Gb +
            0.9 * d->kabs * x[2] * 1000 / 70 / 1.45;
    dx[8] = (G - x[8]) / 7;
}

static inline void diabetic_minute(struct diabetic *d, double t)
{
    double k[4][DIABETIC_STATES], at[DIABETIC_STATES];
    static const double share[4] = {0, 0.5, 0.5, 1}, weight[4] = {1, 2, 2, 1};
    for (int s = 0; s < 4; s++) {
        for (int i = 0; i < DIABETIC_STATES; i++)
            at[i] = d->x[i] + (s ? share[s] * k[s - 1][i] : 0);
        diabetic_rate(d, t + share[s], at, k[s]);
    }
    for (int i = 0; i < DIABETIC_STATES; i++)
        for (int s = 0; s < 4; s++)
            d->x[i] += weight[s] * k[s][i] / 6;
    d->walk += 0.15 / sqrt(1440) * diabetic_draw(d);
}

/* The sensor, every five minutes: an AR(2) error around 8 mg/dL. */
static inline double diabetic_read(struct diabetic *d)
{
    double error = 1.26 * d->noise[0] - 0.402 * d->noise[1] + 3.25 * diabetic_draw(d);
    d->noise[1] = d->noise[0];
    d->noise[0] = error;
    return fmin(fmax(d->x[8] + error, 40), 400);
}

/* Three meals a day with their boluses; what is counted, and what is eaten. */
struct diabetic_meal {
    int at;
    double counted, eaten, units;
};

static inline void diabetic_day(struct diabetic *d, int day,
                                struct diabetic_meal meals[3])
{
    static const double clock[3] = {7 * 60, 12.5 * 60, 19 * 60}, size[3] = {45, 70, 65};
    for (int m = 0; m < 3; m++) {
        meals[m].at = day * 1440 + (int)(clock[m] + 20 * diabetic_draw(d));
        meals[m].counted = size[m] * exp(0.2 * diabetic_draw(d));
        meals[m].eaten = meals[m].counted * d->counting * exp(0.25 * diabetic_draw(d));
        meals[m].units = meals[m].counted / 12 * fmin(1.03e-3 / d->SI, 2);
    }
}

/* So many days, in minutes, as a hospital has them: a reading every five minutes, but of
 * the first days, to which a twin is fitted, every half hour: errors remember, and a fit
 * takes them for independent. */
static inline struct record *diabetic_record(uint64_t seed, int days, int fitted)
{
    struct diabetic d = diabetic_new(seed);
    struct diabetic_meal meals[3];
    struct record *record = record_new("1", "min");
    size_t order = 0;
    record_covariate(record, 0, "BW", NULL, 70, order++);
    for (int t = 0; t < days * 1440; t++) {
        if (t % 1440 == 0)
            diabetic_day(&d, t / 1440, meals);
        d.meal = d.insulin = 0;
        for (int m = 0; m < 3; m++) {
            const struct diabetic_meal *meal = &meals[m];
            if (t == meal->at) {
                record_dose(record, t, "meal", "g", meal->counted, -1, order++);
                record_dose(record, t, "insulin", "[iU]", meal->units, -1, order++);
            }
            d.meal += t >= meal->at && t < meal->at + 15 ? meal->eaten / 15 : 0;
            d.insulin += t == meal->at + 8 ? meal->units * 1000 : 0;
        }
        double read = t % 5 == 0 ? diabetic_read(&d) : 0;
        if (t % (t < fitted * 1440 ? 30 : 5) == 0)
            record_measurement(record, t, "cgm", "mg/dL", read, CENSORED_NOT, order++);
        diabetic_minute(&d, t);
    }
    record_sort(record);
    return record;
}

#endif
