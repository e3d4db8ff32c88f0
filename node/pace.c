#include "node/pace.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"

#define OVER_SLOT "pace_slot"
#define OVER_PHASE "pace_phase"

/* Keep the sentence under the name, or none (NULL); said when there was none before, and
 * when there is none any more. Written only when it changes. */
static enum err keep(struct node *node, const char *name, const char *sentence)
{
    struct bytes kept = {0};
    size_t size = sentence ? strlen(sentence) : 0;
    enum err result = home_get(node->home, name, &kept);
    if (result == ERR_NOT_FOUND)
        result = ERR_OK;
    bool same = kept.size == size && (!size || memcmp(kept.data, sentence, size) == 0);
    if (result == ERR_OK && !same)
        result = home_set(node->home, name, sentence ? sentence : "", size);
    if (result == ERR_OK && !kept.size != !size) {
        char *quoted = log_quote(sentence ? sentence : "it fits again");
        log_event(LOG_LEVEL_WARNING, name, "text=%s", quoted);
        mem_free(quoted);
    }
    bytes_free(&kept);
    return result;
}

enum err node_pace_computed(struct node *node, const char *study, uint64_t took_ms)
{
    int64_t slot = conf_integer(node->conf, "slot_seconds");
    char *sentence = NULL;
    if (took_ms > (uint64_t)slot * 1000)
        sentence = mem_format("computing the sum of %s takes longer than a slot of %lld "
                              "s: when it leaves tells how long; set slot_seconds above "
                              "what it takes, or give it more threads",
                              study, (long long)slot);
    enum err result = keep(node, OVER_SLOT, sentence);
    mem_free(sentence);
    return result;
}

enum err node_pace_answered(struct node *node, const char *study, bool late)
{
    char *sentence = NULL;
    if (late)
        sentence = mem_format("the sum of %s came when the coordinator had stopped "
                              "waiting for it: it is charged, and in no prior; give it "
                              "more threads, shorten slot_seconds, or have the "
                              "coordinator's round_seconds raised",
                              study);
    enum err result = keep(node, OVER_PHASE, sentence);
    mem_free(sentence);
    return result;
}

enum err node_pace_alarms(struct node *node, struct bytes *lines)
{
    static const char *const names[] = {OVER_SLOT, OVER_PHASE};
    struct bytes kept = {0};
    enum err result = ERR_OK;
    for (size_t i = 0; i < 2 && result == ERR_OK; i++) {
        result = home_get(node->home, names[i], &kept);
        if (result == ERR_NOT_FOUND)
            result = ERR_OK;
        bytes_append(lines, kept.data, kept.size);
        if (kept.size)
            bytes_u8(lines, '\n');
    }
    bytes_free(&kept);
    return result;
}
