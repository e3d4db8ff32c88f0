#ifndef SIM_LOAD_IMPL_H
#define SIM_LOAD_IMPL_H

#include <sys/types.h>

#include "sim/load.h"
#include "wire/transport.h"
#include "wire/phase.h"

/* What load, load_center and load_nodes of sim/ work on together. */

#define LOAD_HOLD_MS 2000   /* an answer waits so long for its phase to end */
#define LOAD_QUIET_MS 2000  /* after so long without a message a phase ends by time */
#define LOAD_DEADLINE_S 900 /* for the whole trial */
#define LOAD_TEXT_BYTES 400
#define LOAD_PORTER_BYTES ((size_t)512 << 20) /* as the coordinator's setting is */

/* Who takes part, ascending by key; the same in every process. */
struct load_member {
    uint8_t key[KEY_BYTES], curve[KEY_BYTES];
    uint64_t number; /* its keys and integers follow from the seed and this */
};
struct load_cast {
    struct load_plan plan;
    struct load_member *members; /* [quorum.members] */
    uint8_t coordinator_key[KEY_BYTES], coordinator_curve[KEY_BYTES];
    uint8_t consortium[HASH_BYTES], study[STUDY_BYTES];
};
#define LOAD_COORDINATOR UINT64_MAX

enum err load_identity(const struct load_cast *cast, uint64_t number,
                       struct identity **identity);
bool load_drops(const struct load_cast *cast, size_t place);
size_t load_place(const struct load_cast *cast, const uint8_t key[KEY_BYTES]);

/* What a member adds: its integers and its noise, modulo 2^64, onto sum [dimension]. */
enum err load_add(const struct load_cast *cast, size_t place, uint64_t *sum);
void load_graph_seed(const struct load_cast *cast, size_t place,
                     uint8_t seed[HASH_BYTES]);

/* What a child tells its parent through a pipe, whole or not at all. */
enum load_kind { LOAD_READY, LOAD_PHASE, LOAD_DONE, LOAD_FAILED };
struct load_note {
    enum load_kind kind;
    enum err code;              /* FAILED */
    char hint[LOAD_TEXT_BYTES]; /* FAILED; "": none */
    char text[LOAD_TEXT_BYTES]; /* READY: the endpoint; FAILED: the sentence */
    enum phase phase;           /* PHASE: the one that ended */
    size_t count;               /* PHASE: messages; DONE: nodes that ended well */
    double seconds;             /* PHASE: it took; DONE: the round took */
    double setup_seconds, waited_seconds; /* DONE, the coordinator's */
    double cpu_seconds; /* DONE: in the round; the coordinator's with its porter's */
    uint64_t frames, peak_kib; /* DONE, the coordinator's and its porter's together */
};
void load_tell(int pipe, const struct load_note *note);
double load_now(void);         /* seconds of the steady clock */
double load_cpu_seconds(void); /* of this process, all threads */
double load_cpu_seconds_of(pid_t process);

/* Children's main functions. After its last note the coordinator writes a byte for every
 * member (1: its input came) and the sum [dimension]. */
enum err load_center(const struct load_cast *cast, int pipe);
enum err load_nodes(const struct load_cast *cast, const char *endpoint, uint32_t process,
                    int pipe);

#endif
