#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* conf - one flat YAML file of settings, read against a table: the only door to libcyaml.
 *
 * The table is the documentation: it gives every name, kind, limit, preset and sentence.
 * Unknown and doubled names are refused with the nearest known one. Values are read as
 * text and parsed strictly here, because libyaml readers take `1x` for a number.
 * ERR_CONFIG names file, line and setting. It holds no secret. Called by the programs. */

enum conf_kind { CONF_TEXT, CONF_PATH, CONF_INTEGER, CONF_REAL, CONF_BOOLEAN };

struct conf_setting {
    const char *name;
    enum conf_kind kind;
    const char *preset;   /* as it would be written; NULL: must be given */
    double low, high;     /* of numbers, both included; both 0: no limit */
    const char *sentence; /* one line for people */
};

struct conf;

enum err conf_read(const char *path, const struct conf_setting *settings, size_t count,
                   struct conf **conf);
void conf_destroy(struct conf **conf);

/* The same from memory, as a part of a file: `name` stands for its path in sentences, and
 * the text begins after `lines_before` of its lines. */
enum err conf_parse(const char *name, size_t lines_before, const void *text, size_t size,
                    const struct conf_setting *settings, size_t count,
                    struct conf **conf);

/* `name` must be in the table with that kind; anything else is a bug and aborts. */
const char *conf_text(const struct conf *conf,
                      const char *name); /* CONF_TEXT, CONF_PATH */
int64_t conf_integer(const struct conf *conf, const char *name);
double conf_real(const struct conf *conf, const char *name);
bool conf_boolean(const struct conf *conf, const char *name);

/* Every setting as it is in force, written as in the file: by index from 0, with its
 * name. NULL past the last. */
const char *conf_written(const struct conf *conf, size_t index, const char **name);

/* A value as it is written, of any kind. */
const char *conf_value(const struct conf *conf, const char *name);

/* The line of the file on which a setting is given, from 1; 0: it has its preset, or
 * stands on a line with others, as in {a: 1, b: 2}. */
size_t conf_line(const struct conf *conf, const char *name);

/* A commented file with every setting; `values` [count] override presets where not NULL.
 * What it writes, conf_read reads. Caller frees. */
char *conf_write(const struct conf_setting *settings, size_t count,
                 const char *const *values);

#endif
