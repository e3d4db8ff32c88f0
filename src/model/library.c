#include "model/library.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/spelling.h"
#include "library_shelf.h"

size_t library_models(void)
{
    size_t count = 0;
    while (library_shelf[count].name)
        count++;
    return count;
}

const struct library_model *library_model(size_t index)
{
    return &library_shelf[index];
}

/* "theophylline" of "drugs/theophylline". */
static const char *without_folder(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

static const struct library_model *find(const char *name)
{
    for (const struct library_model *m = library_shelf; m->name; m++)
        if (strcmp(m->name, name) == 0 || strcmp(without_folder(m->name), name) == 0)
            return m;
    return NULL;
}

static enum err nowhere(const char *which)
{
    size_t count = library_models();
    const char **names = mem_new(count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = without_folder(library_shelf[i].name);
    const char *nearest = spelling_nearest(without_folder(which), names, count);
    mem_free(names);
    err_set(ERR_NOT_FOUND, "%s is neither a file nor a model of the library", which);
    return nearest ? err_hint("did you mean %s?", nearest)
                   : err_hint("gemel-node model list shows the library");
}

enum err library_read(const char *which, struct bytes *text)
{
    struct stat status;
    if (stat(which, &status) == 0)
        return file_read(which, MODEL_TEXT_MAX, text);
    const struct library_model *model = find(which);
    if (!model)
        return nowhere(which);
    bytes_append(text, model->text, strlen(model->text));
    return ERR_OK;
}

enum err library_load(const char *which, struct model **model)
{
    struct bytes text = {0};
    enum err err = library_read(which, &text);
    if (err == ERR_OK)
        err = model_parse((const char *)text.data, text.size, which, model);
    bytes_free(&text);
    return err;
}
