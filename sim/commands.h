#ifndef SIM_COMMANDS_H
#define SIM_COMMANDS_H

#include "front/cli.h"

/* commands - what each line of sim/main.c's table runs. */

enum err command_pooled(struct cli *cli);      /* command_estimate.c */
enum err command_federate(struct cli *cli);    /* command_estimate.c */
enum err command_run(struct cli *cli);         /* command_run.c */
enum err command_load(struct cli *cli);        /* command_load.c: run --nodes */
enum err command_cohort(struct cli *cli);      /* command_cohort.c */
enum err command_calibration(struct cli *cli); /* command_calibration.c */
enum err command_trial(struct cli *cli);       /* command_trial.c */
enum err command_beats(struct cli *cli);       /* command_beats.c */
enum err command_ward(struct cli *cli);        /* command_ward.c */

#endif
