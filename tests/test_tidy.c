#include <sys/stat.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"

#include "check.h"
#include "scratch.h"

/* A small tree without an offence; every planted one replaces or adds a file of it. */
static const struct {
    const char *path, *text;
} CLEAN[] = {
    {"CMakeLists.txt",
     "# Never -ffast-math here.\nadd_compile_options(-fno-math-errno)\n"
     "floor(base\n  FILES alpha\n    beta\n  LINK ${X})\n"
     "floor(model ON base FILES twin)\nfloor(privacy ON base FILES clip)\n"
     "roof(node LINK floor_model FILES open)\n"
     "roof(coordinator LINK floor_model FILES open TESTS open)\n"},
    {"include/base/alpha.h",
     "#ifndef BASE_ALPHA_H\n#define BASE_ALPHA_H\n"
     "#include <stddef.h>\nstruct alpha {\n    int x;\n};\n#endif\n"},
    {"include/base/beta.h", "#ifndef BASE_BETA_H\n#define BASE_BETA_H\n#endif\n"},
    {"include/model/twin.h", "#ifndef MODEL_TWIN_H\n#define MODEL_TWIN_H\n#endif\n"},
    {"include/privacy/clip.h",
     "#ifndef PRIVACY_CLIP_H\n#define PRIVACY_CLIP_H\n#endif\n"},
    {"src/base/alpha.c", "#include \"base/alpha.h\"\n#include \"alpha_impl.h\"\n"
                         "/* printf(\"not code\"); #include <zmq.h> */\n"
                         "int f(int x) __attribute__((format(printf, 1, 2)));\n"
                         "const char *s = \"printf( \\\" stderr #include <zmq.h>\";\n"},
    {"src/base/alpha_impl.h", "#include \"base/beta.h\"\n"},
    {"src/base/beta.c", "#include \"base/alpha.h\"\n#include \"base/beta.h\"\n"},
    {"src/base/README.md", "base\n"},
    {"src/model/twin.c", "#include \"base/beta.h\"\n#include \"model/twin.h\"\n"},
    {"src/model/README.md", "model\n"},
    {"src/privacy/clip.c", "#include \"base/beta.h\"\n#include \"privacy/clip.h\"\n"},
    {"src/privacy/README.md", "privacy\n"},
    {"node/main.c",
     "#include <stdio.h>\n#include \"model/twin.h\"\n#include \"node/open.h\"\n"
     "int main(void)\n{\n    printf(\"hello\");\n}\n"},
    {"node/open.c", "#include \"privacy/clip.h\"\n"
                    "static int f(void)\n{\n    return 1;\n}\n\n"
                    "int node_open_f(void)\n{\n    return f();\n}\n"},
    {"node/open.h", ""},
    {"node/README.md", "node\n"},
    {"coordinator/open.c", "#include \"base/alpha.h\"\n"},
    {"coordinator/main.c", "int main(void)\n{\n    return 0;\n}\n"},
    {"coordinator/README.md", "coordinator\n"},
    {"models/a.twin", "a\n"},
    {"models/README.md", "a.twin is one\n"},
    {"tests/base/test_alpha.c", "#include <zmq.h>\n"},
    {"tests/README.md", "tests\n"},
    {"build-x/node.c", "#include <zmq.h>\n"},
    {".hidden/node.c", "#include <zmq.h>\n"},
};

static void put(const char *root, const char *path, const char *text)
{
    char *whole = file_join(root, path);
    for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(whole, 0700); /* may be there; nothing here needs syncing */
        *slash = '/';
    }
    FILE *file = fopen(whole, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    mem_free(whole);
}

/* What tidy prints about the tree; its exit status in `status`. Caller frees. */
static char *tidy(const char *root, int *status)
{
    char *command = mem_format("'%s' '%s'", TIDY, root);
    FILE *pipe = popen(command, "re");
    struct bytes said = {0};
    char part[1000];
    for (size_t size; (size = fread(part, 1, sizeof part, pipe)) > 0;)
        bytes_append(&said, part, size);
    *status = WEXITSTATUS(pclose(pipe));
    char *text = mem_text_n(said.size ? (const char *)said.data : "", said.size);
    bytes_free(&said);
    mem_free(command);
    return text;
}

/* The clean tree with one file put into it: exactly the one offence, or none when
 * `expected` is NULL. */
static void check_tree(void *state, const char *path, const char *text,
                       const char *expected)
{
    static int number;
    char name[20];
    int status;
    snprintf(name, sizeof name, "tree-%d", number++);
    char *root = scratch_path(state, name);
    assert_int_equal(mkdir(root, 0700), 0);
    for (size_t i = 0; i < sizeof CLEAN / sizeof *CLEAN; i++)
        put(root, CLEAN[i].path, CLEAN[i].text);
    if (path)
        put(root, path, text);
    char *said = tidy(root, &status);
    if (status != (expected ? 1 : 0) || (expected && !strstr(said, expected)) ||
        !strstr(said, expected ? "offences: 1" : "offences: 0"))
        fail_msg("%s: expected \"%s\", got %d: %s", path ? path : "clean",
                 expected ? expected : "", status, said);
    mem_free(said);
    free(root);
}

static void tidy__passes_a_clean_tree(void **state)
{
    check_tree(*state, NULL, NULL, NULL);
}

static const struct {
    const char *path, *text, *expected;
} PLANTED[] = {
    /* floors */
    {"src/base/beta.c", "\n#include \"privacy/clip.h\"\n",
     "src/base/beta.c:2: 'base' may not include \"privacy/clip.h\""},
    {"include/base/beta.h",
     "#ifndef BASE_BETA_H\n#define BASE_BETA_H\n#include \"model/twin.h\"\n#endif\n",
     "include/base/beta.h:3: 'base' may not include \"model/twin.h\""},
    {"src/model/twin.c", "#include \"privacy/clip.h\"\n", "'model' may not include"},
    {"src/privacy/clip.c", "#include \"model/twin.h\"\n", "'privacy' may not include"},
    {"node/open.c", "#include \"coordinator/open.h\"\n", "'node' may not include"},
    {"coordinator/open.c", "#include \"node/open.h\"\n", "'coordinator' may not include"},
    {"coordinator/open.c", "#include \"model/twin.h\"\n",
     "the coordinator may not see \"model/twin.h\""},
    {"src/base/alpha.c", "#include \"base/beta.h\"\n",
     "\"base/beta.h\" stands later in CMakeLists.txt"},
    {"include/attic/old.h", "", "'attic' is neither a floor nor a roof"},
    /* sides */
    {"node/open.c", "int open_f(\n    int x)\n{\n    return x;\n}\n",
     "node/open.c:1: open_f begins with node_: coordinator/open.c is there, too"},
    {"coordinator/open.c", "\nvoid node_f(void)\n{\n}\n",
     "coordinator/open.c:2: node_f begins with coord_: node/open.c is there, too"},
    /* pairs */
    {"include/base/gamma.h", "#ifndef BASE_GAMMA_H\n",
     "'gamma' is not in the list of base"},
    {"src/base/gamma.c", "", "'gamma' is not in the list of base"},
    {"node/gamma.c", "", "'gamma' is not in the list of node"},
    {"include/base/alpha.h", "#ifndef ALPHA_H\n",
     "does not begin with #ifndef BASE_ALPHA_H"},
    /* doors */
    {"src/privacy/clip.c", "#include <sodium.h>\n", "sodium.h has one door"},
    {"src/base/beta.c", "#  include <sqlite3.h>\n",
     "sqlite3.h has one door: src/base/store.c"},
    {"src/base/beta.c", "#include <csv.h>\n", "csv.h has one door"},
    {"src/base/beta.c", "#include <cyaml/cyaml.h>\n", "cyaml/cyaml.h has one door"},
    {"src/model/twin.c", "#include <cblas.h>\n", "cblas.h has one door"},
    {"src/model/twin.c", "#include <lapacke.h>\n", "lapacke.h has one door"},
    {"src/model/twin.c", "#include <cvodes/cvodes.h>\n", "cvodes/cvodes.h has one door"},
    {"node/open.c", "#include <zmq.h>\n", "zmq.h has one door"},
    {"node/open.c", "#include \"gemel.pb-c.h\"\n", "gemel.pb-c.h has one door"},
    {"node/open.c", "#include <jansson.h>\n", "jansson.h has one door"},
    {"node/open.c", "#include <glib.h>\n", "<glib.h> is a dependency without a door"},
    /* printing */
    {"src/base/beta.c", "void f(void)\n{\n    printf(\"x\");\n}\n",
     "src/base/beta.c:3: printf: nothing prints here"},
    {"src/base/beta.c", "#define F(x) fprintf(x, \"a\")\n",
     "fprintf: nothing prints here"},
    {"src/base/beta.c", "int *x = (int *)stderr;\n", "stderr: nothing prints here"},
    /* words */
    {"src/base/beta.c",
     "/* TO"
     "DO: more */\n",
     "src/base/beta.c:1: TO"
     "DO"},
    {"node/README.md",
     "node\n\nFIX"
     "ME\n",
     "node/README.md:3: FIX"
     "ME"},
    {"models/a.twin",
     "# X"
     "XX\n",
     "models/a.twin:1: X"
     "XX"},
    {"node/helper.h", "", "the file's name names nothing"},
    {"node/open.h", "struct patient_manager {\n    int x;\n};\n",
     "node/open.h:1: 'patient_manager' names nothing"},
    {"node/open.h", "enum util\n{ A };\n", "'util' names nothing"},
    /* comparisons */
    {"node/open.c",
     "int node_open_f(void)\n{\n    return memcmp(f(a, b), own_secret, 32);\n}\n",
     "node/open.c:3: memcmp of 'own_secret': bytes_equal compares secrets"},
    /* flags */
    {"CMakePresets.json", "\"-O2 -ffast-math\"\n", "-ffast-math: arithmetic is IEEE's"},
    {"build.sh", "# fine: -Ofast\ncc -Ofast\n", "build.sh:2: -Ofast"},
    {"flags.cmake", "add_compile_options(-Ofast)\n", "flags.cmake:1: -Ofast"},
    /* pages */
    {"bench/x.md", "", "bench/README.md: missing"},
    {"src/wire/transport.h", "", "src/wire/README.md: missing"},
    {"models/b.twin", "", "models/b.twin: mentioned neither"},
};

static void tidy__notices_every_planted_offence(void **state)
{
    for (size_t i = 0; i < sizeof PLANTED / sizeof *PLANTED; i++)
        check_tree(*state, PLANTED[i].path, PLANTED[i].text, PLANTED[i].expected);
}

/* `lines` lines in all, between the signature's and the closing brace's. */
static char *function_of(size_t lines)
{
    struct bytes text = {0};
    const char head[] = "static int x;\n\nstatic int a_long_one(int a,\n    int b)\n{\n";
    bytes_append(&text, head, strlen(head));
    for (size_t i = 4; i < lines; i++)
        bytes_append(&text, "    x++;\n", 9);
    bytes_append(&text, "}\n", 2);
    char *copy = mem_text_n((const char *)text.data, text.size);
    bytes_free(&text);
    return copy;
}

static void tidy__counts_lines_of_functions_and_pages(void **state)
{
    char *longest = function_of(70), *longer = function_of(71);
    check_tree(*state, "src/base/beta.c", longest, NULL);
    check_tree(*state, "src/base/beta.c", longer,
               "src/base/beta.c:3: a_long_one has 71 lines; the limit is 70");
    mem_free(longest);
    mem_free(longer);
    char page[62] = "";
    memset(page, '\n', 60);
    check_tree(*state, "node/README.md", page, NULL);
    page[60] = '\n';
    check_tree(*state, "node/README.md", page, "node/README.md: longer than 60 lines");
}

#define IN_SCRATCH(test)                                                                 \
    cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(tidy__passes_a_clean_tree),
        IN_SCRATCH(tidy__notices_every_planted_offence),
        IN_SCRATCH(tidy__counts_lines_of_functions_and_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
