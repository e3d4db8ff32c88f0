#include "model/regimen.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/csv.h"
#include "base/memory.h"
#include "model/unit.h"

#define WORDS_MAX 14
#define DOSES_MAX 10000 /* of one phrase */

static enum err bad_dose(const char *phrase)
{
    err_set(
        ERR_USAGE,
        "'%s' is not a dose: INPUT AMOUNT UNIT @ TIME UNIT [for DURATION UNIT] [every "
        "INTERVAL UNIT N times]",
        phrase);
    return err_hint(
        "as in 'oral 320 mg @ 0 h' or 'iv 100 mg @ 0 h for 30 min every 1 d 7 "
        "times'");
}

/* A number and its unit of time, in `time_unit`. */
static enum err span(const char *const *words, const char *time_unit, double *value)
{
    double factor;
    if (csv_real(words[0], value) != ERR_OK)
        return err_set(ERR_USAGE, "'%s' is not a number", words[0]);
    if (unit_convert(words[1], time_unit, &factor) != ERR_OK)
        return err_set(ERR_USAGE, "'%s' is not a unit of time", words[1]);
    *value *= factor;
    return ERR_OK;
}

struct phrase {
    const char *word[WORDS_MAX];
    size_t count;
    double amount, time, duration, interval;
    long long times;
};

static bool reads(const struct phrase *p, size_t at, const char *word)
{
    return at < p->count && strcmp(p->word[at], word) == 0;
}

static enum err read_phrase(const char *text, const char *time_unit, struct phrase *p)
{
    size_t at = 6;
    p->duration = -1;
    p->times = 1;
    if (p->count < 6 || !reads(p, 3, "@") || csv_real(p->word[1], &p->amount) != ERR_OK ||
        !(p->amount >= 0))
        return bad_dose(text);
    if (span(&p->word[4], time_unit, &p->time) != ERR_OK)
        return err_wrap("'%s'", text);
    if (reads(p, at, "for") && p->count >= at + 3) {
        if (span(&p->word[at + 1], time_unit, &p->duration) != ERR_OK)
            return err_wrap("'%s'", text);
        at += 3;
        if (!(p->duration >= 0))
            return bad_dose(text);
    }
    if (reads(p, at, "every") && reads(p, at + 4, "times")) {
        if (span(&p->word[at + 1], time_unit, &p->interval) != ERR_OK)
            return err_wrap("'%s'", text);
        if (csv_integer(p->word[at + 3], &p->times) != ERR_OK || p->times < 1 ||
            p->times > DOSES_MAX || !(p->interval > 0))
            return bad_dose(text);
        at += 5;
    }
    return at == p->count ? ERR_OK : bad_dose(text);
}

enum err regimen_dose(const char *phrase, size_t order, struct record *record)
{
    struct phrase p = {0};
    char *copy = mem_text(phrase), *rest = NULL;
    for (char *word = strtok_r(copy, " \t", &rest); word;
         word = strtok_r(NULL, " \t", &rest)) {
        if (p.count == WORDS_MAX) {
            mem_free(copy);
            return bad_dose(phrase);
        }
        p.word[p.count++] = word;
    }
    enum err err = read_phrase(phrase, record->time_unit, &p);
    for (long long i = 0; err == ERR_OK && i < p.times; i++)
        err = record_dose(record, p.time + (double)i * p.interval, p.word[0], p.word[2],
                          p.amount, p.duration, order + (size_t)i);
    mem_free(copy);
    return err;
}

/* --- times ------------------------------------------------------------------------ */

static enum err bad_times(const char *phrase)
{
    err_set(
        ERR_USAGE,
        "'%s' is not FROM:STEP:TO with a STEP above 0, nor a rising list of times, of "
        "at most %zu",
        phrase, REGIMEN_TIMES_MAX);
    return err_hint("as in 0:0.5:24 or 0,1,2,4,8,24");
}

/* The numbers between the separators, at most `max`; false when it is not that. */
static bool numbers(const char *text, char separator, double *values, size_t max,
                    size_t *count)
{
    char *copy = mem_text(text), *at = copy;
    bool sound = true;
    for (*count = 0; sound && at; ++*count) {
        char *end = strchr(at, separator);
        if (end)
            *end = '\0';
        sound = *count < max && csv_real(at, &values[*count]) == ERR_OK;
        at = end ? end + 1 : NULL;
    }
    mem_free(copy);
    return sound;
}

static enum err take_range(const char *phrase, double **times, size_t *count)
{
    double part[3];
    size_t parts;
    if (!numbers(phrase, ':', part, 3, &parts) || parts != 3 || !(part[1] > 0) ||
        !(part[2] >= part[0]) ||
        !((part[2] - part[0]) / part[1] < (double)REGIMEN_TIMES_MAX))
        return bad_times(phrase);
    /* An end that rounding puts just short of the last step is meant. */
    *count = (size_t)floor((part[2] - part[0]) / part[1] * (1 + 1e-12)) + 1;
    *times = mem_new(*count, sizeof **times);
    for (size_t i = 0; i < *count; i++)
        (*times)[i] = part[0] + (double)i * part[1];
    return ERR_OK;
}

enum err regimen_times(const char *phrase, double **times, size_t *count)
{
    if (strchr(phrase, ':'))
        return take_range(phrase, times, count);
    size_t size = 1;
    for (const char *s = phrase; *s; s++)
        size += *s == ',';
    if (size > REGIMEN_TIMES_MAX)
        return bad_times(phrase);
    double *list = mem_new(size, sizeof *list);
    bool sound = numbers(phrase, ',', list, size, count);
    for (size_t i = 1; sound && i < *count; i++)
        sound = list[i] > list[i - 1];
    if (!sound) {
        mem_free(list);
        return bad_times(phrase);
    }
    *times = list;
    return ERR_OK;
}
