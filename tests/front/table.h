#ifndef TESTS_FRONT_TABLE_H
#define TESTS_FRONT_TABLE_H

/* A small program's table, for the tests of everything that reads tables. */

#include "front/command.h"

enum err table_run(struct cli *cli); /* each test that runs something brings its own */

static const struct cli_option table_options[] = {
    {.name = "level", .letter = 'l', .value = "X", .help = "how loud, 0 to 5; preset 1"},
    {.name = "set",
     .value = "NAME=VALUE",
     .help = "change a value before the beginning, in the unit that the file gives it",
     .repeated = true},
    {.name = "fast", .letter = 'f', .help = "leave the slow parts out"},
};

static const struct cli_option table_required[] = {
    {.name = "model", .value = "FILE", .help = "the model's text", .required = true},
};

static const struct cli_command table_commands[] = {
    {.words = "init", .arguments = "", .summary = "set a place up", .run = table_run},
    {.words = "model check",
     .arguments = "FILE...",
     .summary = "check a model",
     .text =
         "It reads the file and checks the units of every expression, then says what is "
         "wrong.\n\n  kept -- as it is\n.dot\n\nThe end.",
     .examples = "tool model check a.twin\ntool model check --level 2 b.twin",
     .options = table_options,
     .option_count = 3,
     .run = table_run},
    {.words = "model show",
     .arguments = "FILE [NAME]",
     .summary = "show a model",
     .run = table_run},
    {.words = "budget",
     .arguments = "[STUDY]",
     .summary = "what is left",
     .run = table_run},
    {.words = "budget plan",
     .arguments = "",
     .summary = "what a study would cost",
     .options = table_required,
     .option_count = 1,
     .run = table_run},
};

static const struct cli_program table = {
    .name = "my-tool",
    .summary = "a tool that is only tested",
    .commands = table_commands,
    .command_count = sizeof table_commands / sizeof *table_commands,
};

#endif
