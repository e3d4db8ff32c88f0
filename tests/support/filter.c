/* filter - a test's name as the first argument of its program: only that test is run.
 * What another argument means (nightly) is the program's to say. Linked into every test.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Before main, with main's arguments, as the C library calls what is linked so. */
__attribute__((constructor)) static void filter(int count, char **arguments)
{
    if (count > 1 && strstr(arguments[1], "__"))
        cmocka_set_test_filter(arguments[1]);
}
