/* generate MODEL.twin SOURCE.c - the build's own program: a model as C (generate.h), as
 * the constant generated_MODEL. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "generate.h"
#include "generated.h"

/* There is none yet. */
const struct generated *const generated_models[] = {NULL};

/* The file's name without folder and ending, if C can call something so. */
static enum err symbol_of(const char *path, char **symbol)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t size = strcspn(name, ".");
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return err_set(ERR_FORMAT, "%s: a C name has no '%c'", path, name[i]);
    *symbol = mem_format("generated_%.*s", (int)size, name);
    return ERR_OK;
}

int main(int count, char **arguments)
{
    struct model *model = NULL;
    struct bytes source = {0};
    char *symbol = NULL;
    if (count != 3) {
        fprintf(stderr, "usage: generate MODEL.twin SOURCE.c\n");
        return 2;
    }
    enum err err = symbol_of(arguments[1], &symbol);
    if (err == ERR_OK)
        err = model_load(arguments[1], &model);
    if (err == ERR_OK) {
        generate(model, symbol, &source);
        err = file_write(arguments[2], source.data, source.size, 0644);
    }
    if (err != ERR_OK)
        fprintf(stderr, "error: %s\n", err_text());
    bytes_free(&source);
    mem_free(symbol);
    model_destroy(&model);
    return err != ERR_OK;
}
