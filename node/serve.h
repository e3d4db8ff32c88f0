#ifndef NODE_SERVE_H
#define NODE_SERVE_H

#include "front/cli.h"
#include "node/studies.h"
#include "wire/transport.h"

/* serve - the daemon's loop and the single question: the only part of the node that
 * talks.
 *
 * Outbound only. It asks the coordinator, believes what node/exchange believes, answers
 * plans, and sleeps. Losing the coordinator is not an error: it says so once and asks
 * again. A refusal of policy or budget is logged and that study is left alone until the
 * next plan. */

/* Ask once for rosters and new studies. */
enum err node_serve_fetch(struct node *node, size_t *studies);

/* Until interrupted; or, `once`, until every approved study is finished or cannot go on.
 */
enum err node_serve_run(struct node *node, struct cli *cli, bool once);

/* What somebody has to see to, a sentence each; caller owns the array. */
struct json *node_serve_alarms(struct node *node);

/* The file that tells `status` about a running daemon, as `status --json` has it
 * (`daemon` and `alarms`): DIR/status.json, no patient data. */
char *node_serve_status_path(const char *folder); /* caller frees */

#endif
