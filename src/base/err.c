#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 1000

static _Thread_local struct {
    enum err code;
    char text[TEXT_MAX + 1];
    char hint[TEXT_MAX + 1];
} last;

enum err err_set(enum err code, const char *format, ...)
{
    /* The arguments may point into the old text: format aside, then copy. */
    char text[TEXT_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    last.code = code;
    memcpy(last.text, text, sizeof text);
    last.hint[0] = '\0';
    return code;
}

enum err err_wrap(const char *format, ...)
{
    char text[TEXT_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (used < 0 || (size_t)used >= sizeof text)
        used = TEXT_MAX;
    snprintf(text + used, sizeof text - (size_t)used, ": %s", last.text);
    memcpy(last.text, text, sizeof text);
    return last.code;
}

enum err err_hint(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last.hint, sizeof last.hint, format, arguments);
    va_end(arguments);
    return last.code;
}

enum err err_code(void)
{
    return last.code;
}

const char *err_text(void)
{
    return last.text;
}

const char *err_hint_text(void)
{
    return last.hint;
}

const char *err_name(enum err code)
{
    switch (code) {
    case ERR_OK:
        return "ERR_OK";
#define ERR_NAME(name, meaning)                                                          \
    case name:                                                                           \
        return #name;
        ERR_LIST(ERR_NAME)
#undef ERR_NAME
    }
    return "unknown";
}
