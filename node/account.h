#ifndef NODE_ACCOUNT_H
#define NODE_ACCOUNT_H

#include "front/json.h"
#include "front/report.h"
#include "node/node.h"

/* account - what a hospital's data-protection officer answers for, as one object: what is
 * permitted, what patients' privacy has cost, what left, what was refused and decided,
 * and what was checked. And the same to read.
 *
 * What was spent, left, refused and decided follows from the ledger and the audit record
 * alone, as verify/gemel_verify.py recomputes from an export. It holds counts, no patient
 * and no pseudonym. Keys of the object: docs/formats.md, "Officer's report". Called by
 * node/command_report. */

/* ERR_VERIFY when a chain does not hold; otherwise the ledger's and studies' errors. */
enum err account_json(struct node *node, uint64_t wall, struct json **json);

/* One record a study that something was sent for, with the fields of the public registry
 * of deployments (Nanayakkara, Ghazi and Vadhan 2025; registry.opendp.org). */
struct json *account_deployments(const struct json *account);

/* To read; report_destroy frees. */
struct report *account_page(const struct json *account);

#endif
