#ifndef WIRE_ENDPOINT_H
#define WIRE_ENDPOINT_H

#include <stdbool.h>

#include "base/err.h"

/* endpoint - an address as it stands in rosters, invitations and settings, read strictly.
 *
 * tcp://HOST:PORT and nothing else: no other transport of the socket library, no source
 * address, no white space. HOST is a DNS name or an IPv4 address (letters, digits, dots,
 * hyphens; at most 253) or an IPv6 address in brackets; PORT is 1 to 65535 without
 * leading zeros. It resolves nothing. Called by wire/codec, wire/transport and the
 * programs' settings. */

#define ENDPOINT_TEXT_MAX 300

/* ERR_RANGE names the text and what is wrong with it. `to_bind` also permits the host `*`
 * (every address of the machine) and the ports `*` and 0 (any free one). */
enum err endpoint_check(const char *text, bool to_bind);

#endif
