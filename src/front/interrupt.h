#ifndef FRONT_INTERRUPT_H
#define FRONT_INTERRUPT_H

#include <stdbool.h>

/* interrupt - Ctrl-C and SIGTERM: the first asks, the second ends the process with 130.
 *
 * A pipe to itself becomes readable with the first, for whoever waits in poll. One a
 * process. */

void interrupt_watch(void);
void interrupt_say(void); /* from now on: one line on stderr when the first one comes */
bool interrupt_came(void);
int interrupt_descriptor(void); /* -1 before interrupt_watch */

#endif
