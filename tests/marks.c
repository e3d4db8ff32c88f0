/* marks - look for the canaries' fields (support/look.h) in files and under folders.
 *
 *     marks PATH...   names each file with one, says how much was looked into, and exits
 *                     with 1 if there is one */

#include "look.h"

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        look_under(argv[i]);
    printf("%zu files, %zu bytes: %zu with a patient's field\n", looked.files,
           looked.bytes, looked.found);
    size_t found = looked.found;
    look_note();
    return found != 0;
}
