#ifndef NODE_CONTROL_H
#define NODE_CONTROL_H

#include <sys/types.h>

#include "front/cli.h"
#include "node/node.h"

/* control - the socket on this machine through which commands reach a running daemon, and
 * who may run which.
 *
 * The daemon holds the store; whoever wants something of it while it runs asks here, with
 * the command line as it was typed, and the daemon runs that command between two of its
 * own steps, in the name of whoever asked (SO_PEERCRED: the kernel's word, not theirs).
 * The settings engineers, clinicians and officers say whom the machine's users are: the
 * table in control.c says what each of them may do. Root and the daemon's own user hold
 * the key anyway and may do all of it. The daemon opens no file by a name that the asker
 * chose, for it would with its own rights: files to write are in the answer, and options
 * that are not on the table are refused. Nothing of this is on the network. */

enum control_role {
    CONTROL_ENGINEER = 1,
    CONTROL_CLINICIAN = 2,
    CONTROL_OFFICER = 4,
    CONTROL_OWNER = 8
};

/* The roles of a user of the machine with these groups. ERR_CONFIG names a setting with a
 * user or group that the machine does not have. */
enum err control_roles(const struct conf *conf, uid_t user, const gid_t *groups,
                       size_t count, unsigned *roles);

/* ERR_DENIED unless one of `roles` may run the command of these words, with values to
 * these of its options (cli_permit; "": none). */
enum err control_permits(unsigned roles, const char *words, const char *options);

/* The table, for showing and trying it: NULL past the end. `options`: those that may be
 * given a value. None has the daemon open a file; files to write are in the answer, and
 * whoever asks writes them (cli_file). */
struct control_verb {
    const char *words;
    unsigned roles;
    const char *options;
};
const struct control_verb *control_verb_at(size_t index);

/* --- the daemon's side */

struct control;
enum err control_new(struct node *node, struct cli *cli, struct control **control);
void control_destroy(struct control **control); /* removes the socket; NULL is fine */
int control_descriptor(const struct control *control); /* readable: somebody asks */

/* Answer everybody who asks now. What is wrong with one of them is said to them alone. */
void control_attend(struct control *control);
bool control_stopped(const struct control *control); /* somebody has said `stop` */

/* --- the other side */

/* After node_open was refused: if a daemon listens, have it run the command line of `cli`
 * and take its answer; otherwise the refusal stands. `more`: an option to add, or NULL.
 */
enum err control_elsewhere(struct cli *cli, const char *more);

/* The same, but ERR_GONE when the daemon is too busy to answer at once. */
enum err control_promptly(struct cli *cli);

/* The same, for a command that shows the result itself. */
enum err control_ask(struct cli *cli, struct json **result);

#endif
