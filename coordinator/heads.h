#ifndef COORDINATOR_HEADS_H
#define COORDINATOR_HEADS_H

#include "coordinator/studies.h"
#include "wire/heads.h"

/* heads - what members last signed of how far they have come, kept to be repeated to the
 * others of the study: none of them has to trust this program for that.
 *
 * Called by coordinator/exchange. */

/* Remember what a member's poll about a study shows, and that it has joined. */
enum err coord_heads_note(struct coordinator *coordinator,
                          const struct coord_study *study,
                          const uint8_t member[KEY_BYTES], const struct poll *poll);

/* Append the heads of the members of a study that follow `asker` by key, the least after
 * the greatest, at most WIRE_REPLY_HEADS_MAX of them. `views` point into `storage`. */
enum err coord_heads_gather(struct coordinator *coordinator,
                            const struct coord_study *study,
                            const uint8_t asker[KEY_BYTES], struct bytes *storage,
                            struct view views[WIRE_REPLY_HEADS_MAX], size_t *count);

#endif
