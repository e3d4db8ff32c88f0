#include "sim/agreeable.h"

#include <string.h>

static enum err enter(void *context)
{
    struct agreeable *agreeable = context;
    agreeable->entered = true;
    return ERR_OK;
}

static enum err input(void *context, uint64_t *sum)
{
    const struct agreeable *agreeable = context;
    return agreeable->input ? agreeable->input(agreeable->context, sum) : ERR_OK;
}

static enum err charge(void *context, const uint64_t *masked, uint64_t *length,
                       uint8_t head[HASH_BYTES])
{
    struct agreeable *agreeable = context;
    (void)masked;
    *length = ++agreeable->charged;
    memset(head, 0, HASH_BYTES);
    return ERR_OK;
}

static enum err commit(void *context)
{
    (void)context;
    return ERR_OK;
}

static void cancel(void *context)
{
    struct agreeable *agreeable = context;
    agreeable->charged--;
}

struct attempt_world agreeable_world(struct agreeable *agreeable,
                                     const struct identity *identity,
                                     struct random *random)
{
    return (struct attempt_world){identity, random, enter,  input,
                                  charge,   commit, cancel, agreeable};
}
