#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

/* check - what every test program includes: cmocka's headers in the order it wants,
 * comparisons of doubles that print both sides, and refusals, whose sentence never has a
 * patient's field. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "marks.h"

#define assert_ok(call)                                                                  \
    do {                                                                                 \
        if ((call) != ERR_OK)                                                            \
            fail_msg("%s: %s: %s", #call, err_name(err_code()), err_text());             \
    } while (0)

/* The call refuses with this code and its sentence contains `part`. */
#define assert_refused(code, part, call)                                                 \
    do {                                                                                 \
        enum err got_ = (call);                                                          \
        if (got_ != (code))                                                              \
            fail_msg("%s: expected %s, got %s", #call, #code, err_name(got_));           \
        if (!strstr(err_text(), (part)))                                                 \
            fail_msg("%s: \"%s\" does not say \"%s\"", #call, err_text(), (part));       \
        if (marks_in(err_text(), strlen(err_text())))                                    \
            fail_msg("%s: the error shows a patient's field", #call);                    \
    } while (0)

#define assert_near(got, expected, tolerance)                                            \
    do {                                                                                 \
        double got_ = (got), expected_ = (expected), tolerance_ = (tolerance);           \
        if (!(fabs(got_ - expected_) <= tolerance_))                                     \
            fail_msg("%s = %.17g, expected %.17g within %g (off by %g)", #got, got_,     \
                     expected_, tolerance_, got_ - expected_);                           \
    } while (0)

#define assert_relative(got, expected, tolerance)                                        \
    assert_near(got, expected, (tolerance) * fabs(expected))

#endif
