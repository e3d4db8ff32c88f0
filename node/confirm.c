#include <string.h>

#include "node/attempt_impl.h"

/* A survivor is a member that dealt and signed its input under the same plan, bundle and
 * dealers as this one; who saw others cannot be in the same sum. */
static enum err read_survivor(struct attempt *a, struct view bytes,
                              const struct input *input)
{
    size_t index = attempt_find(a, input->member);
    if (index == a->count || !a->dealer[index])
        return attempt_refuse(a, REASON_NOT_PARTICIPANT);
    if (memcmp(input->bundle, a->bundle, HASH_BYTES) != 0)
        return attempt_refuse(a, REASON_WRONG_BUNDLE);
    if (memcmp(input->dealers, a->dealers, HASH_BYTES) != 0)
        return attempt_refuse(a, REASON_WRONG_DEALERS);
    if (index == a->self && !codec_is(bytes, &a->input))
        return attempt_refuse(a, REASON_NOT_INCLUDED);
    a->survivor[index] = true;
    return ERR_OK;
}

static enum err read_survivors(struct attempt *a, const struct views *inputs,
                               struct arena *arena)
{
    if (inputs->count < a->plan.survivors)
        return attempt_refuse(a, REASON_TOO_FEW);
    a->survivor = mem_new(a->count, sizeof *a->survivor);
    struct input *read = mem_new(inputs->count, sizeof *read);
    enum reason reason = phase_open_all_input(inputs, a->context, arena, read);
    enum err result = reason == REASON_NONE ? ERR_OK : attempt_refuse(a, reason);
    for (size_t i = 0; result == ERR_OK && i < inputs->count; i++) {
        result = read_survivor(a, inputs->items[i], &read[i]);
        if (result == ERR_OK && i > 0 &&
            memcmp(read[i - 1].member, read[i].member, KEY_BYTES) >= 0)
            result = attempt_refuse(a, REASON_MALFORMED);
    }
    if (result == ERR_OK && !a->survivor[a->self])
        result = attempt_refuse(a, REASON_NOT_INCLUDED);
    if (result == ERR_OK)
        phase_survivors_hash(a->context, a->bundle, a->dealers, read, inputs->count,
                             a->survivors);
    mem_free(read);
    return result;
}

/* Phase 4: check whose inputs are in, and sign that set: once, since the phase never
 * comes back. */
enum err node_confirm(struct attempt *a, struct view body, struct arena *arena)
{
    struct survivors survivors;
    struct confirm confirm;
    if (codec_decode_survivors(body, arena, &survivors) != ERR_OK)
        return attempt_refuse(a, REASON_MALFORMED);
    if (read_survivors(a, &survivors.inputs, arena) != ERR_OK)
        return err_code();
    memcpy(confirm.plan, a->context, HASH_BYTES);
    memcpy(confirm.member, a->key, KEY_BYTES);
    memcpy(confirm.bundle, a->bundle, HASH_BYTES);
    memcpy(confirm.dealers, a->dealers, HASH_BYTES);
    memcpy(confirm.survivors, a->survivors, HASH_BYTES);
    bytes_free(&a->message);
    return phase_sign_confirm(a->world.identity, &confirm, &a->message);
}
