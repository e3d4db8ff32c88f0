#include <string.h>

#include "coordinator/collection_impl.h"

/* Phase 4: confirmations in, a quorum of them out. */
enum reason coord_confirm_take(struct collection *c, size_t place, struct view body,
                               struct arena *arena, struct bytes *kept)
{
    struct confirm confirm;
    enum reason reason = phase_open_confirm(body, c->context, arena, &confirm);
    if (reason != REASON_NONE)
        return reason;
    if (!collection_is_of(c, place, confirm.member))
        return REASON_BAD_SIGNATURE;
    if (memcmp(confirm.bundle, c->bundle, HASH_BYTES) != 0)
        return REASON_WRONG_BUNDLE;
    if (memcmp(confirm.dealers, c->dealers, HASH_BYTES) != 0)
        return REASON_WRONG_DEALERS;
    if (memcmp(confirm.survivors, c->survivors, HASH_BYTES) != 0)
        return REASON_WRONG_SURVIVORS;
    bytes_append(kept, body.data, body.size);
    return REASON_NONE;
}

/* As many as the quorum: more would only be more to check for everybody. */
enum err coord_confirm_close(struct collection *c)
{
    size_t count;
    struct view *views = collection_list(c, PHASE_CONFIRM, &count);
    struct confirms confirms = {{views, c->plan.quorum}};
    enum err result = codec_encode_confirms(&confirms, &c->answers[PHASE_CONFIRM]);
    mem_free(views);
    return result;
}
