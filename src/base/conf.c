#include "base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "base/bytes.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/spelling.h"

#define FILE_BYTES_MAX ((size_t)65536)
#define VALUE_BYTES_MAX 4096

struct conf {
    const struct conf_setting *settings;
    size_t count;
    char **values; /* [count], checked */
    size_t *lines; /* [count], where they are given */
};

/* What libcyaml says while it reads: it has no other way to name the culprit. */
struct complaint {
    char words[200];
    char field[80];
    size_t line;
};

/* One reading: where the text came from, for sentences. */
struct source {
    const char *path;
    size_t lines_before; /* of the file, above the text */
    const uint8_t *text;
    size_t size;
};

__attribute__((format(printf, 3, 0))) static void
hear(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    struct complaint *complaint = context;
    char line[200];
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    if (level < CYAML_LOG_WARNING)
        return;
    const char *words = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
    const char *place = strstr(words, "(line: ");
    if (!complaint->words[0])
        snprintf(complaint->words, sizeof complaint->words, "%s", words);
    else if (place && complaint->line == 0) {
        sscanf(words, " in mapping field '%79[^']", complaint->field);
        sscanf(place, "(line: %zu", &complaint->line);
    }
}

/* The line on which `name` is set for the `occurrence`th time; 0 when it cannot be told,
 * as in {a: 1, b: 2}. libcyaml knows only where its parser stood. */
static size_t line_of(const struct source *source, const char *name, int occurrence)
{
    const char *at = (const char *)source->text, *end = at + source->size;
    size_t size = strlen(name);
    for (size_t line = source->lines_before + 1; at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        while (at < stop && strchr(" '\"", *at))
            at++;
        if ((size_t)(stop - at) > size && memcmp(at, name, size) == 0) {
            const char *rest = at + size;
            while (rest < stop && strchr(" '\"", *rest))
                rest++;
            if (rest < stop && *rest == ':' && --occurrence == 0)
                return line;
        }
        at = newline ? newline + 1 : end;
    }
    return 0;
}

/* "site.yaml, line 3" or "site.yaml"; caller frees. */
static char *place(const struct source *source, size_t line)
{
    return line ? mem_format("%s, line %zu", source->path, line) : mem_text(source->path);
}

static enum err unknown_setting(const struct source *source, const char *name,
                                const struct conf_setting *settings, size_t count)
{
    const char **names = mem_new(count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = settings[i].name;
    const char *nearest = spelling_nearest(name, names, count);
    char *where = place(source, line_of(source, name, 1));
    enum err err = err_set(ERR_CONFIG, "%s: '%s' is not a setting", where, name);
    if (nearest)
        err = err_hint("did you mean '%s'?", nearest);
    mem_free(where);
    mem_free(names);
    return err;
}

/* libcyaml's refusal in our words where we know what it means. */
static enum err refuse(const struct source *source, const struct complaint *complaint,
                       cyaml_err_t code, const struct conf_setting *settings,
                       size_t count)
{
    char name[80];
    if (sscanf(complaint->words, "Unexpected key: %79[^\n]", name) == 1)
        return unknown_setting(source, name, settings, count);
    bool twice =
        sscanf(complaint->words, "Mapping field already seen: %79[^\n]", name) == 1;
    if (!twice)
        snprintf(name, sizeof name, "%s", complaint->field);
    size_t line = name[0] ? line_of(source, name, twice ? 2 : 1) : 0;
    if (line == 0 && complaint->line)
        line = source->lines_before + complaint->line;
    char *where = place(source, line);
    const char *words = complaint->words;
    if (strncmp(words, "libyaml: ", 9) == 0)
        words += 9;
    if (twice)
        err_set(ERR_CONFIG, "%s: '%s' is set twice", where, name);
    else if (code == CYAML_ERR_ALIAS)
        err_set(ERR_CONFIG, "%s: aliases are not used here", where);
    else if (name[0] &&
             (code == CYAML_ERR_INVALID_VALUE || code == CYAML_ERR_STRING_LENGTH_MAX))
        err_set(ERR_CONFIG, "%s: '%s' takes one value of at most %d bytes", where, name,
                VALUE_BYTES_MAX);
    else if (code == CYAML_ERR_INVALID_VALUE)
        err_set(ERR_CONFIG, "%s: not lines of 'name: value'", where);
    else
        err_set(ERR_CONFIG, "%s: %s", where, words[0] ? words : cyaml_strerror(code));
    mem_free(where);
    return ERR_CONFIG;
}

/* Every setting as optional text; values[i] stays NULL where the file does not set it. */
static enum err read_values(const struct source *source,
                            const struct conf_setting *settings, size_t count,
                            char **values)
{
    cyaml_schema_field_t *fields = mem_new(count + 1, sizeof *fields);
    for (size_t i = 0; i < count; i++) {
        fields[i].key = settings[i].name;
        fields[i].data_offset = (uint32_t)(i * sizeof *values);
        fields[i].value.type = CYAML_STRING;
        fields[i].value.flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL;
        fields[i].value.data_size = 1;
        fields[i].value.string.max = VALUE_BYTES_MAX;
    }
    cyaml_schema_value_t mapping = {.type = CYAML_MAPPING,
                                    .flags = CYAML_FLAG_POINTER,
                                    .data_size = (uint32_t)(count * sizeof *values),
                                    .mapping = {.fields = fields}};
    struct complaint complaint = {0};
    cyaml_config_t config = {.log_fn = hear,
                             .log_ctx = &complaint,
                             .log_level = CYAML_LOG_WARNING,
                             .mem_fn = cyaml_mem,
                             .flags = CYAML_CFG_NO_ALIAS};
    char **loaded = NULL;
    cyaml_err_t code = cyaml_load_data(source->text, source->size, &config, &mapping,
                                       (cyaml_data_t **)&loaded, NULL);
    enum err err = ERR_OK;
    /* A mere warning, too: it says that something in the file was passed over. */
    if (code != CYAML_OK || complaint.words[0])
        err = refuse(source, &complaint, code, settings, count);
    for (size_t i = 0; loaded && i < count; i++)
        if (loaded[i])
            values[i] = mem_text(loaded[i]);
    cyaml_free(&config, &mapping, loaded, 0);
    mem_free(fields);
    return err;
}

/* "from 1 to 65535"; empty without limits. */
static void limits_text(const struct conf_setting *setting, char *text, size_t room)
{
    text[0] = '\0';
    if (setting->low != 0 || setting->high != 0)
        snprintf(text, room, " from %.15g to %.15g", setting->low, setting->high);
}

static bool within(const struct conf_setting *setting, double value)
{
    return (setting->low == 0 && setting->high == 0) ||
           (value >= setting->low && value <= setting->high);
}

/* NULL when `value` is of the setting's kind and within its limits; else what it takes.
 */
static const char *misfit(const struct conf_setting *setting, const char *value)
{
    long long integer;
    double real;
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return "text on one line";
    switch (setting->kind) {
    case CONF_TEXT:
        return NULL;
    case CONF_PATH:
        return *value ? NULL : "a path";
    case CONF_INTEGER:
        return csv_integer(value, &integer) == ERR_OK && within(setting, (double)integer)
                   ? NULL
                   : "a whole number";
    case CONF_REAL:
        return csv_real(value, &real) == ERR_OK && within(setting, real) ? NULL
                                                                         : "a number";
    case CONF_BOOLEAN:
        return strcmp(value, "true") == 0 || strcmp(value, "false") == 0
                   ? NULL
                   : "true or false";
    }
    abort();
}

static enum err check_value(const struct source *source,
                            const struct conf_setting *setting, const char *value)
{
    const char *wanted = misfit(setting, value);
    if (!wanted)
        return ERR_OK;
    char limits[80];
    limits_text(setting, limits, sizeof limits);
    char *where = place(source, line_of(source, setting->name, 1));
    err_set(ERR_CONFIG, "%s: '%s' takes %s%s, not '%.100s'", where, setting->name, wanted,
            limits, value);
    mem_free(where);
    return ERR_CONFIG;
}

static enum err complete(const struct source *source, struct conf *conf)
{
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < conf->count; i++) {
        const struct conf_setting *setting = &conf->settings[i];
        if (!conf->values[i] && !setting->preset)
            return err_set(ERR_CONFIG, "%s: '%s' must be given: %s", source->path,
                           setting->name, setting->sentence);
        if (conf->values[i])
            conf->lines[i] = line_of(source, setting->name, 1);
        else
            conf->values[i] = mem_text(setting->preset);
        err = check_value(source, setting, conf->values[i]);
    }
    return err;
}

enum err conf_parse(const char *name, size_t lines_before, const void *text, size_t size,
                    const struct conf_setting *settings, size_t count, struct conf **conf)
{
    const struct source source = {name, lines_before, text, size};
    struct conf *read = mem_new(1, sizeof *read);
    *read = (struct conf){settings, count, mem_new(count, sizeof *read->values),
                          mem_new(count, sizeof *read->lines)};
    enum err err = ERR_OK;
    if (size > 0)
        err = read_values(&source, settings, count, read->values);
    if (!err)
        err = complete(&source, read);
    if (err)
        conf_destroy(&read);
    else
        *conf = read;
    return err;
}

enum err conf_read(const char *path, const struct conf_setting *settings, size_t count,
                   struct conf **conf)
{
    struct bytes text = {0};
    enum err err = file_read(path, FILE_BYTES_MAX, &text);
    if (!err)
        err = conf_parse(path, 0, text.data, text.size, settings, count, conf);
    bytes_free(&text);
    return err;
}

void conf_destroy(struct conf **conf)
{
    if (!*conf)
        return;
    for (size_t i = 0; i < (*conf)->count; i++)
        mem_free((*conf)->values[i]);
    mem_free((*conf)->values);
    mem_free((*conf)->lines);
    mem_free(*conf);
    *conf = NULL;
}

static size_t place_of(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->count; i++)
        if (strcmp(conf->settings[i].name, name) == 0)
            return i;
    abort();
}

static const char *value_of(const struct conf *conf, const char *name, bool text,
                            enum conf_kind kind)
{
    size_t i = place_of(conf, name);
    enum conf_kind found = conf->settings[i].kind;
    if (found != kind && !(text && found == CONF_PATH))
        abort();
    return conf->values[i];
}

const char *conf_value(const struct conf *conf, const char *name)
{
    return conf->values[place_of(conf, name)];
}

size_t conf_line(const struct conf *conf, const char *name)
{
    return conf->lines[place_of(conf, name)];
}

const char *conf_text(const struct conf *conf, const char *name)
{
    return value_of(conf, name, true, CONF_TEXT);
}

int64_t conf_integer(const struct conf *conf, const char *name)
{
    long long value = 0;
    csv_integer(value_of(conf, name, false, CONF_INTEGER), &value);
    return value;
}

double conf_real(const struct conf *conf, const char *name)
{
    double value = 0;
    csv_real(value_of(conf, name, false, CONF_REAL), &value);
    return value;
}

bool conf_boolean(const struct conf *conf, const char *name)
{
    return strcmp(value_of(conf, name, false, CONF_BOOLEAN), "true") == 0;
}

const char *conf_written(const struct conf *conf, size_t index, const char **name)
{
    if (index >= conf->count)
        return NULL;
    *name = conf->settings[index].name;
    return conf->values[index];
}

static void write_text(struct bytes *file, const char *text)
{
    bytes_append(file, text, strlen(text));
}

/* Text in single quotes, in which YAML knows no escape but the doubled quote. */
static void write_value(struct bytes *file, enum conf_kind kind, const char *value)
{
    bool quoted = kind == CONF_TEXT || kind == CONF_PATH;
    if (quoted)
        write_text(file, "'");
    for (const char *c = value; *c; c++)
        bytes_append(file, *c == '\'' ? "''" : c, *c == '\'' ? 2 : 1);
    write_text(file, quoted ? "'\n" : "\n");
}

char *conf_write(const struct conf_setting *settings, size_t count,
                 const char *const *values)
{
    static const char *const kinds[] = {[CONF_TEXT] = "text",
                                        [CONF_PATH] = "a path",
                                        [CONF_INTEGER] = "a whole number",
                                        [CONF_REAL] = "a number",
                                        [CONF_BOOLEAN] = "true or false"};
    struct bytes file = {0};
    for (size_t i = 0; i < count; i++) {
        const struct conf_setting *setting = &settings[i];
        const char *value = values && values[i] ? values[i] : setting->preset;
        char limits[80];
        limits_text(setting, limits, sizeof limits);
        char *head = mem_format("%s# %s\n# %s%s%s\n%s%s: ", i ? "\n" : "",
                                setting->sentence, kinds[setting->kind], limits,
                                setting->preset ? "" : ", must be given",
                                value ? "" : "#", setting->name);
        write_text(&file, head);
        write_value(&file, setting->kind, value ? value : "");
        mem_free(head);
    }
    char *copy = mem_text_n((const char *)file.data, file.size);
    bytes_free(&file);
    return copy;
}
