#ifndef SIM_CONSORTIUM_H
#define SIM_CONSORTIUM_H

#include "front/json.h"
#include "model/dataset.h"

/* consortium - a whole consortium on this machine: one gemel-coordinator and a gemel-node
 * for every hospital, as processes with a folder, keys and an encrypted store of their
 * own, going the way that people go: init, invite, enrol, roster, study, approve, serve.
 *
 * It does nothing that the programs' own commands do not do, and sees nothing but what
 * they print. Noise and ledgers are the real ones; there is no exact form here. The
 * governance key lies beside the rest, which is fit for trials only. Called by
 * sim/command_run. */

struct consortium_plan {
    const char *directory;                          /* exists and is empty */
    const char *model_path, *data_path, *spec_path; /* spec may be NULL */
    const struct dataset *dataset;
    const size_t *hospital;   /* [patients]; HOSPITAL_NONE: kept out */
    const char *const *names; /* [hospitals], fit for folders */
    size_t hospitals;
    double epsilon, delta;
    uint32_t rounds;
    size_t newcomer;       /* of those kept out, who comes when the study is over; */
    size_t clinic;         /* to this hospital, SIZE_MAX: nobody comes */
    double newcomer_until; /* and has been measured up to then, model time */
};

#define CONSORTIUM_PRIOR "trial.prior" /* in the directory: the published prior */

/* What to tell whoever waits; every function may be NULL. */
struct consortium_watch {
    void (*step)(void *context, const char *sentence);
    void (*advanced)(void *context, size_t done, size_t total);
    bool (*interrupted)(void *context);
    void *context;
};

/* One object: the published prior as `gemel-coordinator prior show` tells it; per
 * hospital `name`, `patients`, `measurements`, `releases`, `epsilon`; `terms` as
 * `gemel-node study show` tells them; `rounds`, a sentence each; and `newcomer` (null:
 * nobody), the forecasts of `gemel-node forecast` at that hospital under the `shared` and
 * the `start`ing prior. Whatever happens, no process is left running. Errors are the
 * programs' own, or ERR_INTERRUPTED. */
enum err consortium_run(const struct consortium_plan *plan,
                        const struct consortium_watch *watch, struct json **result);

#endif
