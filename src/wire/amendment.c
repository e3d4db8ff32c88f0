#include "wire/amendment.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"

#define SIGNATURES_FIRST 2
#define SIGNATURES_LOOSER 2
#define SIGNATURES_LEAST 1

const char *amendment_kind_name(enum amendment_kind kind)
{
    static const char *const names[] = {"stricter", "looser", "study", "other"};
    return names[kind];
}

/* Which way a line is looser; a line in neither list is no floor and no cap. */
static const char *const floors[] = {
    "period_releases", "hospitals_min", "survivors_min",        "quorum_min",
    "threshold_min",   "colluders_min", "noise_multiplier_min", "patients_min"};
static const char *const caps[] = {"epsilon_max", "delta", "period_epsilon_max",
                                   "attempts_max"};
static const char *const persons[] = {"hospital", "officer_1", "officer_2", "officer_3"};

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}
#define IS_ONE_OF(name, names) is_one_of(name, names, sizeof(names) / sizeof *(names))

static double number_of(const struct policy *policy, const struct conf_setting *setting)
{
    return setting->kind == CONF_INTEGER
               ? (double)conf_integer(policy_lines(policy), setting->name)
               : conf_real(policy_lines(policy), setting->name);
}

/* Whether a line says something else than before: numbers by value, the rest as written.
 */
static enum amendment_kind compare_line(const struct policy *before,
                                        const struct policy *after,
                                        const struct conf_setting *setting, bool *same)
{
    const char *name = setting->name;
    if (setting->kind == CONF_TEXT) {
        *same = strcmp(conf_text(policy_lines(before), name),
                       conf_text(policy_lines(after), name)) == 0;
        if (strcmp(name, "expires") == 0)
            return policy_end(after) < policy_end(before) ? AMENDMENT_STRICTER
                                                          : AMENDMENT_LOOSER;
        return IS_ONE_OF(name, persons) ? AMENDMENT_LOOSER : AMENDMENT_OTHER;
    }
    double was = number_of(before, setting), is = number_of(after, setting);
    *same = was == is;
    if (IS_ONE_OF(name, floors))
        return is > was ? AMENDMENT_STRICTER : AMENDMENT_LOOSER;
    if (IS_ONE_OF(name, caps))
        return is < was ? AMENDMENT_STRICTER : AMENDMENT_LOOSER;
    return AMENDMENT_OTHER;
}

struct changes {
    struct amendment *items;
    size_t count, capacity;
};

static void add(struct changes *changes, struct amendment amendment)
{
    MEM_GROW(changes->items, changes->count + 1, &changes->capacity);
    changes->items[changes->count++] = amendment;
}

static void compare_lines(const struct policy *before, const struct policy *after,
                          struct changes *changes)
{
    for (size_t i = 0; i < POLICY_SETTINGS; i++) {
        const struct conf_setting *setting = &policy_settings[i];
        bool same;
        enum amendment_kind kind = compare_line(before, after, setting, &same);
        if (!same)
            add(changes,
                (struct amendment){kind, conf_line(policy_lines(after), setting->name),
                                   setting->name, NULL,
                                   conf_value(policy_lines(before), setting->name),
                                   conf_value(policy_lines(after), setting->name)});
    }
}

/* A study of which anything else is said is another study; its legal basis binds nobody
 * but people. */
static void compare_study(const struct conf *was, const struct conf *is,
                          struct changes *changes)
{
    for (size_t i = 0; i < POLICY_STUDY_SETTINGS; i++) {
        const char *name = policy_study_settings[i].name;
        const char *before = conf_value(was, name), *after = conf_value(is, name);
        if (strcmp(before, after) != 0)
            add(changes,
                (struct amendment){
                    strcmp(name, "legal_basis") == 0 ? AMENDMENT_OTHER : AMENDMENT_STUDY,
                    conf_line(is, name), name, conf_text(is, "study"), before, after});
    }
}

void amendment_list(const struct policy *before, const struct policy *after,
                    struct amendment **list, size_t *count)
{
    struct changes changes = {0};
    compare_lines(before, after, &changes);
    for (size_t i = 0; i < policy_studies(after); i++) {
        const struct conf *study = policy_study(after, i);
        const char *name = conf_text(study, "study");
        size_t place = policy_find(before, name);
        if (place < policy_studies(before))
            compare_study(policy_study(before, place), study, &changes);
        else
            add(&changes, (struct amendment){AMENDMENT_STUDY, conf_line(study, "study"),
                                             "study", name, NULL, name});
    }
    for (size_t i = 0; i < policy_studies(before); i++) {
        const char *name = conf_text(policy_study(before, i), "study");
        if (policy_find(after, name) == policy_studies(after))
            add(&changes,
                (struct amendment){AMENDMENT_STRICTER, 0, "study", name, name, NULL});
    }
    *list = changes.items;
    *count = changes.count;
}

size_t amendment_signatures(const struct policy *before, const struct policy *after)
{
    struct amendment *list;
    size_t count, needed = SIGNATURES_LEAST;
    if (!before)
        return SIGNATURES_FIRST;
    amendment_list(before, after, &list, &count);
    for (size_t i = 0; i < count; i++)
        if (list[i].kind == AMENDMENT_LOOSER)
            needed = SIGNATURES_LOOSER;
    mem_free(list);
    return needed;
}

static enum err check_signers(const struct policy *before, const struct policy *after)
{
    const struct policy *pinned = before ? before : after;
    size_t needed = amendment_signatures(before, after), found = policy_signers(after);
    for (size_t i = 0; i < found; i++)
        if (!policy_has_officer(pinned, policy_signer(after, i)))
            return err_set(ERR_VERIFY,
                           "signature %zu of the policy is by a key that is no officer's "
                           "of this hospital",
                           i + 1);
    if (found >= needed)
        return ERR_OK;
    if (before && needed > SIGNATURES_LEAST) {
        err_set(ERR_DENIED,
                "the policy permits more than the one in force: %zu officers must sign "
                "it, %zu did",
                needed, found);
        return err_hint("`gemel-node policy check` lists the lines that do");
    }
    return err_set(ERR_DENIED, "%zu officer%s must sign the policy, %zu did", needed,
                   needed == 1 ? "" : "s", found);
}

enum err amendment_check(const struct policy *before, const struct policy *after)
{
    if (before) {
        const char *mine = conf_text(policy_lines(before), "hospital");
        const char *theirs = conf_text(policy_lines(after), "hospital");
        if (strcmp(mine, theirs) != 0)
            return err_set(ERR_DENIED, "the policy is for %s, the one in force for %s",
                           theirs, mine);
        if (policy_version(after) <= policy_version(before))
            return err_set(ERR_STATE,
                           "the policy is version %" PRIu64 ", version %" PRIu64
                           " is in force",
                           policy_version(after), policy_version(before));
    }
    return check_signers(before, after);
}
