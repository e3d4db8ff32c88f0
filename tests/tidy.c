/* tidy - the house rules as a test: `tidy ROOT` prints every offence as "path:line: what"
 * and exits 1 when there is one.
 *
 * It reads the source lists of CMakeLists.txt, which are the reading order, and the text
 * of the sources; it compiles nothing. What a compiler or a linker can refuse (a call
 * that climbs, a missing test) is theirs to refuse. tests/test_tidy.c plants every
 * offence. */

#include <ctype.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"

#define FUNCTION_LINES_MAX 70
#define README_LINES_MAX 60
#define LANGUAGE_LINES_MAX 150 /* models/README.md defines a language, on two pages */
#define FILE_BYTES_MAX ((size_t)4 << 20)

/* --- what is allowed --- */

/* Which floors' headers a floor may include; roofs, too. */
static const struct {
    const char *place, *sees;
} floors[] = {
    {"base", "base"},
    {"numerics", "base numerics"},
    {"model", "base numerics model"},
    {"privacy", "base privacy"},
    {"wire", "base privacy wire"},
    {"front", "base front"},
    {"node", "base numerics model privacy wire front node"},
    {"coordinator", "base numerics model privacy wire front coordinator"},
    {"sim", "base numerics model privacy wire front node coordinator sim"},
};

/* The patient half of the model floor: the coordinator could not read a patient if it
 * wanted to. */
static const char *const hidden_from_coordinator[] = {
    "model/twin.h", "model/fit.h", "model/forecast.h", "model/update.h",
    "model/outcome.h", "model/draw.h", "model/posterior.h"};

/* One door a dependency: a header beginning so is included by these files only. */
static const struct {
    const char *header, *files;
} doors[] = {
    {"sodium.h", "src/base/bytes.c src/privacy/random.c src/privacy/identity.c "
                 "src/privacy/share.c src/privacy/pairkey.c src/privacy/mask.c "
                 "src/privacy/seal.c"},
    {"sodium/", ""},
    {"sqlite3.h", "src/base/store.c tests/support/amnesia.h"},
    {"csv.h", "src/base/csv.c"},
    {"cyaml/", "src/base/conf.c"},
    {"cblas.h", "src/numerics/linalg.c"},
    {"lapacke.h", "src/numerics/linalg.c"},
    {"cvodes/", "src/numerics/ode.c bench/ordinary.c"},
    {"nvector/", "src/numerics/ode.c bench/ordinary.c"},
    {"sundials/", "src/numerics/ode.c"},
    {"sunlinsol/", "src/numerics/ode.c bench/ordinary.c"},
    {"sunmatrix/", "src/numerics/ode.c bench/ordinary.c"},
    {"sunnonlinsol/", "src/numerics/ode.c bench/ordinary.c"},
    {"zmq.h", "src/wire/transport.c"},
    {"gemel.pb-c.h", "src/wire/codec.c src/wire/shapes.c"},
    {"jansson.h", "src/front/json.c"},
    {"cairo", "src/front/pdf.c"},
    {"pango/", "src/front/pdf.c"},
};

/* Of C and POSIX. Anything else in <> is a dependency and needs a door above. */
static const char standard_headers[] =
    " assert.h ctype.h dirent.h dlfcn.h errno.h fcntl.h fenv.h float.h ftw.h getopt.h "
    "grp.h "
    "inttypes.h "
    "limits.h locale.h math.h poll.h pthread.h pwd.h sched.h setjmp.h signal.h spawn.h "
    "stdalign.h "
    "stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h "
    "string.h strings.h termios.h threads.h time.h unistd.h wchar.h arpa/inet.h netdb.h "
    "netinet/in.h sys/file.h sys/ioctl.h sys/mman.h sys/prctl.h sys/random.h "
    "sys/resource.h sys/select.h sys/socket.h sys/stat.h sys/statvfs.h sys/time.h "
    "sys/syscall.h sys/types.h sys/uio.h sys/un.h sys/utsname.h sys/wait.h "
    "linux/landlock.h ";

/* Below the programs these may print: log to its stream, memory when there is none left,
 * front because it is what people look at, a program of the build. */
static const char *const printers[] = {"src/base/log.c", "src/base/memory.c",
                                       "src/front/", "src/model/generate_main.c",
                                       "src/model/library_main.c"};
static const char printing_calls[] =
    "printf fprintf vprintf vfprintf puts putchar fputs fputc "
    "putc perror psignal dprintf vdprintf warn warnx";
static const char printing_streams[] = "stdout stderr";

/* Spelled in halves, or this file would offend. */
static const char *const unfinished[] = {"TO"
                                         "DO",
                                         "FIX"
                                         "ME",
                                         "X"
                                         "XX"};
static const char reserved_nouns[] = " manager managers helper helpers util utils common "
                                     "handler handlers context contexts ";

/* What is compared by bytes_equal alone, which takes as long whatever it finds. */
static const char secret_nouns[] = "secret tag mac scalar share shares agreed";

static const char *const fast_math[] = {"-ffast-math", "-Ofast", "-funsafe-math",
                                        "-fno-math"};

/* Debts: known, on their way out, never added to. */
static const struct {
    const char *path, *what;
} excused[] = {
    {"include/model/", "is not in the list of model"},
    {"include/privacy/ledger.h", "is not in the list of privacy"},
    {"include/wire/terms.h", "'plan_context' names nothing"},
    {"tests/wire/sample.h", "sample_messages has 73 lines"},
    {"docs/README.md", "missing"},
    {"src/front/README.md", "missing"},
    {"src/model/README.md", "missing"},
    {"src/numerics/README.md", "missing"},
};

/* --- the tree --- */

struct source {
    char *path; /* from the root */
    char *text; /* as it is */
    char *bare; /* comments blanked */
    char *code; /* strings blanked, too */
};

/* One floor() or roof() of CMakeLists.txt. */
struct list {
    char *name;
    char **nouns; /* in reading order */
    size_t count;
};

static struct {
    const char *root;
    struct source *sources;
    size_t count, room;
    struct list *lists;
    size_t list_count;
    size_t offences;
} tree;

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void offence(const char *path, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void offence(const char *path, size_t line, const char *format, ...)
{
    char what[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < sizeof excused / sizeof *excused; i++)
        if (starts(path, excused[i].path) && strstr(what, excused[i].what))
            return;
    if (line)
        printf("%s:%zu: %s\n", path, line, what);
    else
        printf("%s: %s\n", path, what);
    tree.offences++;
}

static bool ends(const char *text, const char *with)
{
    size_t size = strlen(text), tail = strlen(with);
    return size >= tail && strcmp(text + size - tail, with) == 0;
}

/* Whether `word` of `size` bytes is one of the words, which stand between blanks. */
static bool listed(const char *words, const char *word, size_t size)
{
    for (const char *at = words; *at;) {
        size_t length = strcspn(at, " ");
        if (length > 0 && length == size && memcmp(at, word, size) == 0)
            return true;
        at += length + (at[length] == ' ');
    }
    return false;
}

static const struct source *find(const char *path)
{
    for (size_t i = 0; i < tree.count; i++)
        if (strcmp(tree.sources[i].path, path) == 0)
            return &tree.sources[i];
    return NULL;
}

static size_t line_at(const char *text, const char *at)
{
    size_t line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

/* Blank comments, and with `strings` also what stands between quotes; lines stay. */
static char *blank(const char *text, bool strings)
{
    char *copy = mem_text(text), quote = 0;
    for (char *c = copy; *c; c++) {
        if (quote) {
            bool end = *c == quote;
            if (*c == '\\' && c[1]) {
                if (strings)
                    *c = ' ';
                c++;
            }
            if (strings && !end && *c != '\n')
                *c = ' ';
            if (end)
                quote = 0;
        } else if (*c == '"' || *c == '\'') {
            quote = *c;
        } else if (c[0] == '/' && (c[1] == '*' || c[1] == '/')) {
            const char *close = c[1] == '*' ? strstr(c + 2, "*/") : strchr(c, '\n');
            char *stop =
                close ? copy + (close - copy) + (c[1] == '*' ? 2 : 0) : c + strlen(c);
            for (; c < stop; c++)
                if (*c != '\n')
                    *c = ' ';
            c--;
        }
    }
    return copy;
}

static bool is_c(const char *path)
{
    return ends(path, ".c") || ends(path, ".h");
}

static bool is_text(const char *path)
{
    static const char *const kinds[] = {".c",  ".h",     ".md",   ".txt",
                                        ".sh", ".proto", ".twin", ".json",
                                        ".py", ".html",  ".cmake"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (ends(path, kinds[i]))
            return true;
    return false;
}

static int visit(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    const char *name = path + where->base;
    if (kind == FTW_D)
        return where->level > 0 && (*name == '.' || starts(name, "build"))
                   ? FTW_SKIP_SUBTREE
                   : FTW_CONTINUE;
    if (kind != FTW_F || !is_text(path))
        return FTW_CONTINUE;
    struct bytes bytes = {0};
    if (file_read(path, FILE_BYTES_MAX, &bytes) != ERR_OK) {
        offence(path, 0, "%s", err_text());
        return FTW_CONTINUE;
    }
    MEM_GROW(tree.sources, tree.count + 1, &tree.room);
    struct source *source = &tree.sources[tree.count++];
    source->path = mem_text(path + strlen(tree.root) + 1);
    source->text = mem_text_n(bytes.size ? (const char *)bytes.data : "", bytes.size);
    source->bare = is_c(path) ? blank(source->text, false) : NULL;
    source->code = is_c(path) ? blank(source->text, true) : NULL;
    bytes_free(&bytes);
    return FTW_CONTINUE;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct source *)a)->path, ((const struct source *)b)->path);
}

/* --- CMakeLists.txt --- */

static void add_noun(struct list *list, const char *noun, size_t size)
{
    list->nouns = mem_resize(list->nouns, list->count + 1, sizeof *list->nouns);
    list->nouns[list->count++] = mem_text_n(noun, size);
}

/* One call, from behind its parenthesis: the name, then the words after FILES. */
static void read_list(const char *at)
{
    tree.lists = mem_resize(tree.lists, tree.list_count + 1, sizeof *tree.lists);
    struct list *list = &tree.lists[tree.list_count++];
    *list = (struct list){0};
    bool files = false;
    for (;;) {
        at += strspn(at, " \t\n");
        size_t size = strcspn(at, " \t\n)");
        if (size == 0)
            return;
        bool heading = listed("ON FILES LINK TESTS GENERATED", at, size);
        if (!list->name)
            list->name = mem_text_n(at, size);
        else if (heading)
            files = starts(at, "FILES");
        else if (files)
            add_noun(list, at, size);
        at += size;
    }
}

static void read_lists(void)
{
    const struct source *cmake = find("CMakeLists.txt");
    for (const char *line = cmake ? cmake->text : ""; line && *line;) {
        if (starts(line, "floor(") || starts(line, "roof("))
            read_list(strchr(line, '(') + 1);
        line = strchr(line, '\n');
        line += line != NULL;
    }
}

static const struct list *list_of(const char *name, size_t size)
{
    for (size_t i = 0; i < tree.list_count; i++)
        if (strlen(tree.lists[i].name) == size &&
            memcmp(tree.lists[i].name, name, size) == 0)
            return &tree.lists[i];
    return NULL;
}

/* Where a noun stands in its list; the list's length when it does not. */
static size_t place_in(const struct list *list, const char *noun, size_t size)
{
    size_t i = 0;
    while (i < list->count &&
           (strlen(list->nouns[i]) != size || memcmp(list->nouns[i], noun, size) != 0))
        i++;
    return i;
}

/* --- the rules of one C file --- */

/* A path of ours taken apart: its floor or roof, its noun. */
struct where {
    const char *place, *noun;
    size_t place_size, noun_size;
    bool tests, public_header, private_header;
};

static bool locate(const char *path, struct where *where)
{
    *where = (struct where){0};
    where->tests = starts(path, "tests/") || starts(path, "bench/");
    where->public_header = starts(path, "include/");
    if (where->public_header || starts(path, "src/"))
        path = strchr(path, '/') + 1;
    const char *slash = strchr(path, '/'), *last = strrchr(path, '/');
    if (!slash)
        return false;
    where->place = path;
    where->place_size = (size_t)(slash - path);
    where->noun = last + 1;
    where->noun_size = strcspn(last + 1, ".");
    where->private_header = !where->public_header && ends(path, ".h");
    return true;
}

static const char *sees(const struct where *where)
{
    for (size_t i = 0; i < sizeof floors / sizeof *floors; i++)
        if (strlen(floors[i].place) == where->place_size &&
            memcmp(floors[i].place, where->place, where->place_size) == 0)
            return floors[i].sees;
    return NULL;
}

static bool at_door(const struct source *source, const char *header, size_t line)
{
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++) {
        if (!starts(header, doors[i].header))
            continue;
        if (!listed(doors[i].files, source->path, strlen(source->path)))
            offence(source->path, line, "%s has one door: %s", header,
                    doors[i].files[0] ? doors[i].files : "none");
        return true;
    }
    return false;
}

static void check_own_include(const struct source *source, const struct where *where,
                              const char *header, size_t line)
{
    const char *slash = strchr(header, '/');
    if (!slash)
        return; /* a private header beside it */
    size_t floor_size = (size_t)(slash - header);
    if (!listed(sees(where), header, floor_size)) {
        offence(source->path, line, "'%.*s' may not include \"%s\"",
                (int)where->place_size, where->place, header);
        return;
    }
    if (starts(source->path, "coordinator/"))
        for (size_t i = 0; i < 3; i++)
            if (strcmp(header, hidden_from_coordinator[i]) == 0)
                offence(source->path, line, "the coordinator may not see \"%s\"", header);
    const struct list *list = list_of(where->place, where->place_size);
    bool own_floor =
        floor_size == where->place_size && memcmp(header, where->place, floor_size) == 0;
    if (!own_floor || !list || where->private_header || !starts(source->path, "src/"))
        return;
    size_t noun_size = strcspn(slash + 1, ".");
    if (place_in(list, slash + 1, noun_size) >
        place_in(list, where->noun, where->noun_size))
        offence(source->path, line, "\"%s\" stands later in CMakeLists.txt", header);
}

static void check_include(const struct source *source, const struct where *where,
                          const char *directive, size_t line)
{
    char header[120], open;
    directive += strspn(directive, " \t");
    if (*directive != '#' ||
        sscanf(directive, "# include %c%119[^\">\n]", &open, header) != 2)
        return;
    if (at_door(source, header, line))
        return;
    if (open == '<' && !listed(standard_headers, header, strlen(header)))
        offence(source->path, line, "<%s> is a dependency without a door", header);
    else if (open == '"')
        check_own_include(source, where, header, line);
}

static void check_includes(const struct source *source, const struct where *where)
{
    size_t number = 1;
    for (const char *line = source->bare; line; number++) {
        check_include(source, where, line, number);
        line = strchr(line, '\n');
        line += line != NULL;
    }
}

/* The next identifier at or after `at`; NULL at the end. */
static const char *next_word(const char *at, size_t *size)
{
    while (*at && !isalpha((unsigned char)*at) && *at != '_')
        at +=
            isdigit((unsigned char)*at) ? strspn(at, "0123456789abcdefxABCDEFXuUlL.") : 1;
    *size = 0;
    while (isalnum((unsigned char)at[*size]) || at[*size] == '_')
        ++*size;
    return *size ? at : NULL;
}

static void check_printing(const struct source *source)
{
    if (!starts(source->path, "src/"))
        return;
    for (size_t i = 0; i < sizeof printers / sizeof *printers; i++)
        if (starts(source->path, printers[i]))
            return;
    size_t size;
    for (const char *at = source->code; (at = next_word(at, &size)); at += size)
        if (listed(printing_streams, at, size) ||
            (listed(printing_calls, at, size) && at[size] == '('))
            offence(source->path, line_at(source->code, at), "%.*s: nothing prints here",
                    (int)size, at);
}

/* Whether a part of the name, between underscores, is one of the words. */
static bool has_part(const char *words, const char *name, size_t size)
{
    for (size_t from = 0; from < size;) {
        size_t part = 0;
        while (from + part < size && name[from + part] != '_')
            part++;
        if (listed(words, name + from, part))
            return true;
        from += part + 1;
    }
    return false;
}

/* Whether nobody can tell it from another. */
static bool names_nothing(const char *name, size_t size)
{
    return has_part(reserved_nouns, name, size);
}

/* memcmp ends at the first difference, and how soon it did can be measured. The model
 * floor has no secrets, the simulator nobody to keep them from. */
static void check_comparisons(const struct source *source)
{
    size_t size;
    if (starts(source->path, "src/model/") || starts(source->path, "sim/"))
        return;
    for (const char *at = source->code; (at = next_word(at, &size)); at += size) {
        if (size != 6 || !starts(at, "memcmp("))
            continue;
        size_t within, open = 0, end = 6;
        do
            open += (at[end] == '(') - (size_t)(at[end] == ')');
        while (open > 0 && at[++end]);
        for (const char *word = at + 7;
             (word = next_word(word, &within)) && word < at + end; word += within)
            if (has_part(secret_nouns, word, within))
                offence(source->path, line_at(source->code, at),
                        "memcmp of '%.*s': bytes_equal compares secrets", (int)within,
                        word);
    }
}

/* Types: the word after struct, union or enum where it is followed by a brace. */
static void check_type_names(const struct source *source)
{
    size_t size;
    for (const char *at = source->code; (at = next_word(at, &size)); at += size) {
        if (!listed("struct union enum", at, size))
            continue;
        size_t name_size;
        const char *name = next_word(at + size, &name_size);
        if (!name)
            return;
        if (name[name_size + strspn(name + name_size, " \n")] == '{' &&
            names_nothing(name, name_size))
            offence(source->path, line_at(source->code, name), "'%.*s' names nothing",
                    (int)name_size, name);
    }
}

/* A function's first line: up from its brace in the first column to what ends before. */
static const char *first_line(const char *code, const char *brace)
{
    const char *line = brace;
    while (line > code) {
        const char *before = line - 1;
        while (before > code && before[-1] != '\n')
            before--;
        const char *last = line - 1;
        while (last > before && isspace((unsigned char)last[-1]))
            last--;
        if (last == before || strchr(";}", last[-1]) || *before == '#')
            break;
        line = before;
    }
    return line;
}

/* node/ and coordinator/ call their files alike, and gemel-sim links both: where the
 * other side has the file, too, the functions of this one begin with the side. */
static void check_side(const struct source *source, const char *first, const char *name,
                       size_t size)
{
    static const char *const sides[][2] = {{"node/", "node_"},
                                           {"coordinator/", "coord_"}};
    const char *slash = strchr(source->path, '/');
    if (!slash || starts(first, "static ") || starts(slash, "/command_") ||
        starts(slash, "/main.c"))
        return;
    for (size_t i = 0; i < 2; i++) {
        if (!starts(source->path, sides[i][0]))
            continue;
        char *twin = mem_format("%s%s", sides[1 - i][0], slash + 1);
        if (find(twin) && !starts(name, sides[i][1]))
            offence(source->path, line_at(source->code, first),
                    "%.*s begins with %s: %s is there, too", (int)size, name, sides[i][1],
                    twin);
        mem_free(twin);
    }
}

/* Functions by their braces in the first column, as .clang-format sets them. */
static void check_functions(const struct source *source)
{
    for (const char *brace = source->code; (brace = strstr(brace, "\n{\n")); brace++) {
        const char *open = brace + 1, *close = strstr(open, "\n}");
        const char *first = first_line(source->code, open);
        const char *bracket = memchr(first, '(', (size_t)(open - first));
        if (!close || !bracket)
            continue;
        const char *name = bracket;
        while (name > first && (isalnum((unsigned char)name[-1]) || name[-1] == '_'))
            name--;
        size_t lines = line_at(first, close + 1), size = (size_t)(bracket - name);
        check_side(source, first, name, size);
        if (lines > FUNCTION_LINES_MAX)
            offence(source->path, line_at(source->code, first),
                    "%.*s has %zu lines; the limit is %d", (int)size, name, lines,
                    FUNCTION_LINES_MAX);
    }
}

/* --- the rules of the tree --- */

static void check_pairing(const struct source *source, const struct where *where)
{
    const struct list *list = list_of(where->place, where->place_size);
    if (where->public_header) {
        char *guard = mem_format("#ifndef %.*s_%.*s_H\n", (int)where->place_size,
                                 where->place, (int)where->noun_size, where->noun);
        for (char *c = guard + 8; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        if (!starts(source->text, guard))
            offence(source->path, 1, "does not begin with %.*s",
                    (int)strcspn(guard, "\n"), guard);
        mem_free(guard);
    }
    bool counted = where->public_header || (!where->tests && ends(source->path, ".c"));
    const char *file = strrchr(source->path, '/') + 1; /* programs are no nouns */
    if (!counted || strcmp(file, "main.c") == 0 || ends(file, "_main.c"))
        return;
    if (!list || place_in(list, where->noun, where->noun_size) == list->count)
        offence(source->path, 0, "'%.*s' is not in the list of %.*s in CMakeLists.txt",
                (int)where->noun_size, where->noun, (int)where->place_size, where->place);
}

static void check_words(const struct source *source)
{
    size_t size;
    for (const char *at = source->text; (at = next_word(at, &size)); at += size)
        for (size_t i = 0; i < 3; i++)
            if (strlen(unfinished[i]) == size && memcmp(at, unfinished[i], size) == 0)
                offence(source->path, line_at(source->text, at),
                        "%s: finish it or leave it", unfinished[i]);
    const char *name = strrchr(source->path, '/');
    name = name ? name + 1 : source->path;
    if (names_nothing(name, strcspn(name, ".")))
        offence(source->path, 0, "the file's name names nothing");
}

/* Compiler flags wherever the build is described; a comment may warn of them. */
static void check_flags(const struct source *source)
{
    if (!ends(source->path, "CMakeLists.txt") && !ends(source->path, ".cmake") &&
        !ends(source->path, ".sh") && strcmp(source->path, "CMakePresets.json") != 0)
        return;
    size_t number = 1;
    for (const char *line = source->text; *line; number++) {
        size_t size = strcspn(line, "\n"), shown = strcspn(line, "#\n");
        char *text = mem_text_n(line, shown);
        for (size_t i = 0; i < sizeof fast_math / sizeof *fast_math; i++) {
            const char *flag = strstr(text, fast_math[i]);
            /* errno is nobody's arithmetic */
            if (flag && !starts(flag, "-fno-math-errno"))
                offence(source->path, number, "%s: arithmetic is IEEE's here",
                        fast_math[i]);
        }
        mem_free(text);
        line += size + (line[size] == '\n');
    }
}

/* The folder a reader opens: every floor's, and every one at the top but those that only
 * mirror or hold folders. */
static char *folder_of(const char *path)
{
    const char *slash = strchr(path, '/');
    if (!slash || starts(path, "include/"))
        return NULL;
    if (starts(path, "src/") || starts(path, "tests/")) {
        const char *second = strchr(slash + 1, '/');
        if (starts(path, "src/"))
            return second ? mem_text_n(path, (size_t)(second - path)) : NULL;
    }
    return mem_text_n(path, (size_t)(slash - path));
}

static void check_folders(void)
{
    char *last = mem_text("");
    for (size_t i = 0; i < tree.count; i++) {
        char *folder = folder_of(tree.sources[i].path);
        if (folder && strcmp(folder, last) != 0) {
            char *readme = mem_format("%s/README.md", folder);
            const struct source *page = find(readme);
            size_t most =
                strcmp(folder, "models") == 0 ? LANGUAGE_LINES_MAX : README_LINES_MAX;
            if (!page)
                offence(readme, 0, "missing: what the folder is, is not, where to begin");
            else if (line_at(page->text, page->text + strlen(page->text)) > most + 1)
                offence(readme, 0, "longer than %zu lines", most);
            mem_free(readme);
            mem_free(last);
            last = folder;
        } else {
            mem_free(folder);
        }
    }
    mem_free(last);
}

static void check_models(void)
{
    for (size_t i = 0; i < tree.count; i++) {
        const char *path = tree.sources[i].path, *name = strrchr(path, '/');
        if (!starts(path, "models/") || !ends(path, ".twin"))
            continue;
        bool mentioned = false;
        for (size_t j = 0; j < tree.count && !mentioned; j++) {
            const char *page = tree.sources[j].path;
            mentioned = ends(page, ".md") &&
                        (starts(page, "models/") || starts(page, "docs/")) &&
                        strstr(tree.sources[j].text, name + 1);
        }
        if (!mentioned)
            offence(path, 0, "mentioned neither in models/README.md nor in docs/");
    }
}

static void check_file(const struct source *source)
{
    struct where where;
    check_words(source);
    check_flags(source);
    if (!is_c(source->path) || !locate(source->path, &where))
        return;
    check_functions(source);
    check_type_names(source);
    if (where.tests)
        return;
    if (!sees(&where)) {
        offence(source->path, 0, "'%.*s' is neither a floor nor a roof",
                (int)where.place_size, where.place);
        return;
    }
    check_includes(source, &where);
    check_printing(source);
    check_comparisons(source);
    check_pairing(source, &where);
}

static void forget_tree(void)
{
    for (size_t i = 0; i < tree.count; i++) {
        mem_free(tree.sources[i].path);
        mem_free(tree.sources[i].text);
        mem_free(tree.sources[i].bare);
        mem_free(tree.sources[i].code);
    }
    for (size_t i = 0; i < tree.list_count; i++) {
        for (size_t j = 0; j < tree.lists[i].count; j++)
            mem_free(tree.lists[i].nouns[j]);
        mem_free(tree.lists[i].nouns);
        mem_free(tree.lists[i].name);
    }
    mem_free(tree.sources);
    mem_free(tree.lists);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: tidy ROOT\n");
        return 2;
    }
    tree.root = argv[1];
    if (nftw(tree.root, visit, 16, FTW_PHYS | FTW_ACTIONRETVAL) != 0) {
        fprintf(stderr, "tidy: cannot read %s\n", tree.root);
        return 2;
    }
    if (tree.count > 0)
        qsort(tree.sources, tree.count, sizeof *tree.sources, by_path);
    read_lists();
    for (size_t i = 0; i < tree.count; i++)
        check_file(&tree.sources[i]);
    check_folders();
    check_models();
    printf("%zu files read, offences: %zu\n", tree.count, tree.offences);
    forget_tree();
    return tree.offences > 0;
}
