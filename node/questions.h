#ifndef NODE_QUESTIONS_H
#define NODE_QUESTIONS_H

#include <stddef.h>

/* questions - what data-protection officers and security officers of hospitals ask, and
 * where the answer is. Evidence in backquotes is a test, a sabotaged build or a command
 * that exists (house/evidence). Called by node/account_page. */

struct question {
    const char *asked, *answer, *evidence;
};

const struct question *questions_at(size_t index); /* NULL past the end */

#endif
