#include "wire/reason.h"

#include <stddef.h>

static const struct reason_row {
    const char *name;
    enum err code;
    const char *sentence;
} rows[] = {
#define REASON_ROW(name, number, code, sentence) [number] = {#name, code, sentence},
    REASON_LIST(REASON_ROW)
#undef REASON_ROW
};

_Static_assert(sizeof rows / sizeof rows[0] == REASON_COUNT, "numbers without gaps");

static const struct reason_row unknown = {
    "REASON_UNKNOWN", ERR_FORMAT, "refused for a reason this version does not know"};

static const struct reason_row *row_of(enum reason reason)
{
    size_t index = (size_t)reason;
    return index < REASON_COUNT ? &rows[index] : &unknown;
}

const char *reason_name(enum reason reason)
{
    return row_of(reason)->name + sizeof "REASON_" - 1;
}

const char *reason_sentence(enum reason reason)
{
    return row_of(reason)->sentence;
}

enum err reason_from_number(uint32_t number, enum reason *reason)
{
    if (number == REASON_NONE || number >= REASON_COUNT)
        return err_set(ERR_RANGE, "%u is not the number of a reason", number);
    *reason = (enum reason)number;
    return ERR_OK;
}

enum err reason_set(enum reason reason)
{
    const struct reason_row *row = row_of(reason);
    return row->code == ERR_OK ? ERR_OK : err_set(row->code, "%s", row->sentence);
}
