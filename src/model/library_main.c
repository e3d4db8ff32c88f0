/* shelve SOURCE.c FOLDER NAME... - the build's own program: the files FOLDER/NAME.twin as
 * the constant library_shelf (library_shelf.h), in the order given. */

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "model/library.h"

static void add(struct bytes *source, const char *text)
{
    bytes_append(source, text, strlen(text));
}

/* As C's literals, one a line. Whatever is not plain is written in octal, which takes
 * three digits at most and so cannot swallow what follows. */
static void add_literals(struct bytes *source, const struct bytes *text)
{
    add(source, "\"");
    for (size_t i = 0; i < text->size; i++) {
        unsigned char c = text->data[i];
        char octal[8];
        if (c >= ' ' && c < 127 && !strchr("\"\\?", c))
            snprintf(octal, sizeof octal, "%c", c);
        else
            snprintf(octal, sizeof octal, "\\%03o", c);
        add(source, octal);
        if (c == '\n')
            add(source, "\"\n\"");
    }
    add(source, "\"");
}

static enum err shelve(const char *folder, const char *name, struct bytes *source)
{
    struct bytes text = {0};
    char *path = mem_format("%s/%s.twin", folder, name);
    enum err err = file_read(path, MODEL_TEXT_MAX, &text);
    if (err == ERR_OK) {
        add(source, "{\"");
        add(source, name);
        add(source, "\",\n");
        add_literals(source, &text);
        add(source, "},\n");
    }
    mem_free(path);
    bytes_free(&text);
    return err;
}

int main(int count, char **arguments)
{
    struct bytes source = {0};
    if (count < 3) {
        fprintf(stderr, "usage: shelve SOURCE.c FOLDER NAME...\n");
        return 2;
    }
    add(&source, "/* The texts of models/, made by the build. */\n\n"
                 "#include \"library_shelf.h\"\n\n"
                 "const struct library_model library_shelf[] = {\n");
    enum err err = ERR_OK;
    for (int i = 3; i < count && err == ERR_OK; i++)
        err = shelve(arguments[2], arguments[i], &source);
    add(&source, "{NULL, NULL}};\n");
    if (err == ERR_OK)
        err = file_write(arguments[1], source.data, source.size, 0644);
    if (err != ERR_OK)
        fprintf(stderr, "error: %s\n", err_text());
    bytes_free(&source);
    return err != ERR_OK;
}
