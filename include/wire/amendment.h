#ifndef WIRE_AMENDMENT_H
#define WIRE_AMENDMENT_H

#include "wire/policy.h"

/* amendment - what a policy changes of the one before it, line by line, and how many of
 * the officers have to sign for that.
 *
 * One signature is enough for a policy under which nothing may happen that the one before
 * did not permit, and for another approved study, which stays under the same floors and
 * caps. Two are needed to raise a cap, lower a floor, put off the end, or change who the
 * officers are: one officer's key, lost or forced, then opens nothing. The first policy
 * names its own officers and needs two of them. Called by node/. */

enum amendment_kind {
    AMENDMENT_STRICTER, /* less is permitted */
    AMENDMENT_LOOSER,   /* more is: two signatures */
    AMENDMENT_STUDY,    /* a study is approved, under the same floors and caps */
    AMENDMENT_OTHER,    /* nothing that is ever compared */
};
const char *amendment_kind_name(enum amendment_kind kind); /* "stricter", ... */

struct amendment {
    enum amendment_kind kind;
    size_t line;       /* of the new policy; 0: a study it no longer has */
    const char *name;  /* of the setting */
    const char *study; /* the name of the study; NULL: a line of the policy's own */
    const char *before, *after; /* values as written; NULL: there was, there is none */
};

/* In the order of the new policy, then what is gone. The entries point into both
 * policies; caller frees the array. */
void amendment_list(const struct policy *before, const struct policy *after,
                    struct amendment **list, size_t *count);

/* How many officers' signatures `after` needs; `before` NULL: it is the first. */
size_t amendment_signatures(const struct policy *before, const struct policy *after);

/* Whether it may take the place of `before`: of the same hospital, a later version,
 * signed by enough of the officers named before and by nobody else. ERR_STATE,
 * ERR_VERIFY, ERR_DENIED; the sentence says which and how many. */
enum err amendment_check(const struct policy *before, const struct policy *after);

#endif
