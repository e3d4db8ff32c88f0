#ifndef NODE_COMMANDS_H
#define NODE_COMMANDS_H

#include "front/cli.h"
#include "node/studies.h"

/* commands - what each line of node/main.c's table runs, by file:
 *   command_home.c       init, status, enrol
 *   command_patients.c   import, patients show
 *   command_consent.c    patients list, consent, erase
 *   command_model.c      model list, check, show, fmt, explain
 *   command_simulate.c   model simulate, plot
 *   command_calibrate.c  calibrate
 *   command_forecast.c   forecast
 *   command_watch.c      watch
 *   command_policy.c     policy key, new, sign, show, check, install
 *   command_study.c      study fetch, list, show, entry, decline
 *   command_preview.c    study preview, approve
 *   command_budget.c     budget show, budget plan
 *   command_audit.c      audit show, verify, export
 *   command_report.c     report officer
 *   command_backup.c     backup create, verify, restore, keyring
 *   command_key.c        key rotate, adopt
 *   command_ledger.c     ledger show, anchor, request, sign, reanchor
 *   command_serve.c      serve, stop */

enum err command_init(struct cli *cli);
enum err command_status(struct cli *cli);
enum err command_enrol(struct cli *cli);

enum err command_import(struct cli *cli);
enum err command_patients_show(struct cli *cli);
enum err command_patients_repack(struct cli *cli);

enum err command_patients_list(struct cli *cli);
enum err command_patients_consent(struct cli *cli);
enum err command_patients_erase(struct cli *cli);

enum err command_model_list(struct cli *cli);
enum err command_model_check(struct cli *cli);
enum err command_model_show(struct cli *cli);
enum err command_model_fmt(struct cli *cli);
enum err command_model_simulate(struct cli *cli);
enum err command_model_plot(struct cli *cli);
enum err command_model_explain(struct cli *cli);

enum err command_calibrate(struct cli *cli);
enum err command_forecast(struct cli *cli);
enum err command_watch(struct cli *cli);
enum err command_whatif(struct cli *cli);

enum err command_policy_key(struct cli *cli);
enum err command_policy_new(struct cli *cli);
enum err command_policy_sign(struct cli *cli);
enum err command_policy_show(struct cli *cli);
enum err command_policy_check(struct cli *cli);
enum err command_policy_install(struct cli *cli);

enum err command_study_fetch(struct cli *cli);
enum err command_study_list(struct cli *cli);
enum err command_study_show(struct cli *cli);
enum err command_study_entry(struct cli *cli);
enum err command_study_preview(struct cli *cli);
enum err command_study_approve(struct cli *cli);
enum err command_study_decline(struct cli *cli);
/* The node, and the study named by the first argument; or NULL for the node: then the
 * running daemon was asked instead, which has said what there is to say, or an error. */
enum err command_study_open(struct cli *cli, struct node **node,
                            struct node_study **study);
/* A decision, shown. */
enum err command_study_decide(struct cli *cli, struct node *node,
                              struct node_study *study, enum node_study_state decision);

enum err command_budget_show(struct cli *cli);
enum err command_budget_plan(struct cli *cli);

enum err command_audit_show(struct cli *cli);
enum err command_audit_verify(struct cli *cli);
enum err command_audit_export(struct cli *cli);
enum err command_report_officer(struct cli *cli);

enum err command_backup_create(struct cli *cli);
enum err command_backup_verify(struct cli *cli);
enum err command_backup_restore(struct cli *cli);
enum err command_backup_keyring(struct cli *cli);

enum err command_key_rotate(struct cli *cli);
enum err command_key_adopt(struct cli *cli);

enum err command_ledger_show(struct cli *cli);
enum err command_ledger_anchor(struct cli *cli);
enum err command_ledger_request(struct cli *cli);
enum err command_ledger_sign(struct cli *cli);
enum err command_ledger_reanchor(struct cli *cli);

enum err command_serve(struct cli *cli);
enum err command_stop(struct cli *cli);

#endif
