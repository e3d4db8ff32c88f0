#ifndef COORDINATOR_COMMANDS_H
#define COORDINATOR_COMMANDS_H

#include "front/cli.h"

/* commands - what each line of coordinator/main.c's table runs, by file:
 *   command_home.c    init, status, invite, serve
 *   command_roster.c  roster key, draft, sign, install, show; site add, site list
 *   command_study.c   study create, list, show, close; prior show
 *   command_audit.c   audit show */

enum err command_init(struct cli *cli);
enum err command_status(struct cli *cli);
enum err command_invite(struct cli *cli);
enum err command_serve(struct cli *cli);

enum err command_roster_key(struct cli *cli);
enum err command_roster_draft(struct cli *cli);
enum err command_roster_sign(struct cli *cli);
enum err command_roster_install(struct cli *cli);
enum err command_roster_show(struct cli *cli);
enum err command_site_add(struct cli *cli);
enum err command_site_replace(struct cli *cli);
enum err command_site_list(struct cli *cli);

enum err command_study_create(struct cli *cli);
enum err command_study_list(struct cli *cli);
enum err command_study_show(struct cli *cli);
enum err command_study_close(struct cli *cli);
enum err command_prior_show(struct cli *cli);

enum err command_audit_show(struct cli *cli);

#endif
