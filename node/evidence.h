#ifndef NODE_EVIDENCE_H
#define NODE_EVIDENCE_H

#include <stdbool.h>

#include "node/node.h"

/* evidence - the audit record and, if wanted, the ledger as a file that can be checked
 * without this program: one JSON object a line, the node's signature over all lines
 * before it in the last.
 *
 * verify/gemel_verify.py checks it and shares no code with this. It has no patient's name
 * or value; with the ledger it has pseudonyms. Format: docs/formats.md, "Audit file". */

/* Append the file. The lists of all releases are in memory at once: 32 bytes a patient
 * and release. */
enum err evidence_write(struct node *node, bool with_ledger, uint64_t wall,
                        struct bytes *file);

#endif
