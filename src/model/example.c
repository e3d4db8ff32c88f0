#include "model/example.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

struct line {
    const char *text;
    size_t size, number;
};

/* The next line of a text's head, without its #; false where the head ends. */
static bool next_comment(const char *text, size_t size, size_t *at, struct line *line)
{
    if (*at >= size || text[*at] != '#')
        return false;
    const char *start = text + *at + 1, *end = memchr(start, '\n', size - *at - 1);
    line->text = start;
    line->size = end ? (size_t)(end - start) : size - *at - 1;
    line->number++;
    *at += line->size + 2;
    return true;
}

static bool starts(const struct line *line, const char *with)
{
    return line->size >= strlen(with) && memcmp(line->text, with, strlen(with)) == 0;
}

/* What a run is made of. A text may come from anybody: it names no file to be written. */
static bool is_of_a_run(const char *name, size_t size)
{
    static const char *const known[] = {"at",  "covariate", "dose", "observe",
                                        "set", "over",      "show"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == size && memcmp(known[i], name, size) == 0)
            return true;
    return false;
}

/* "--dose 'oral 320 mg @ 0 h'" to its name and value. */
static enum err read_option(const struct line *line, struct example *example)
{
    const char *at = line->text, *end = at + line->size;
    while (at < end && *at == ' ')
        at++;
    if (end - at < 3 || memcmp(at, "--", 2) != 0)
        return err_set(ERR_FORMAT,
                       "line %zu: an example's lines are options, --NAME VALUE",
                       line->number);
    const char *name = at += 2;
    while (at < end && *at != ' ')
        at++;
    if (!is_of_a_run(name, (size_t)(at - name)))
        return err_set(ERR_FORMAT, "line %zu: --%.*s is not for a file to say",
                       line->number, (int)(at - name), name);
    const char *value = at;
    while (value < end && *value == ' ')
        value++;
    if (value < end && *value == '\'') {
        if (end - value < 2 || end[-1] != '\'')
            return err_set(ERR_FORMAT, "line %zu: a quote is not closed", line->number);
        value++, end--;
    }
    example->options =
        mem_resize(example->options, example->count + 1, sizeof *example->options);
    example->options[example->count++] = (struct example_option){
        mem_text_n(name, (size_t)(at - name)), mem_text_n(value, (size_t)(end - value))};
    return ERR_OK;
}

enum err example_read(const char *text, size_t size, const char *heading,
                      struct example *example)
{
    static const char inset[] = "   ";
    char *opening = mem_format(" %s: ", heading);
    struct line line = {0};
    size_t at = 0;
    enum err err = ERR_OK;
    *example = (struct example){0};
    while (err == ERR_OK && next_comment(text, size, &at, &line)) {
        if (starts(&line, opening) && !example->caption)
            example->caption =
                mem_text_n(line.text + strlen(opening), line.size - strlen(opening));
        else if (example->caption && starts(&line, inset))
            err = read_option(&line, example);
        else if (example->caption)
            break;
    }
    if (err != ERR_OK)
        example_clear(example);
    mem_free(opening);
    return err;
}

void example_clear(struct example *example)
{
    for (size_t i = 0; i < example->count; i++) {
        mem_free(example->options[i].name);
        mem_free(example->options[i].value);
    }
    mem_free(example->options);
    mem_free(example->caption);
    *example = (struct example){0};
}
