/* random_texts SEED FILE - the text of a random model (random_text.h), for the build. */

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "random_text.h"

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    char *text = random_model_text(
        strtoull(arguments[1], NULL, 10),
        RANDOM_SMOOTH | RANDOM_KINKS | RANDOM_WINDOWS | RANDOM_AGAIN, RANDOM_JUMPS);
    enum err err = file_write(arguments[2], text, strlen(text), 0644);
    if (err != ERR_OK)
        fprintf(stderr, "error: %s\n", err_text());
    mem_free(text);
    return err != ERR_OK;
}
