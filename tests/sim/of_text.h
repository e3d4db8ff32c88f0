#ifndef TESTS_SIM_OF_TEXT_H
#define TESTS_SIM_OF_TEXT_H

/* of_text - one model for all tests of a program, read from the `text` that stands above
 * the include. */

#include "check.h"

#include "model/model.h"

static struct model *model;

static inline int begin(void **state)
{
    (void)state;
    return model_parse(text, strlen(text), "m", &model) != ERR_OK;
}

static inline int end(void **state)
{
    (void)state;
    model_destroy(&model);
    return 0;
}

#endif
