#include "sim/spoils.h"

#include <string.h>

#include "base/memory.h"
#include "node/attempt_impl.h"

/* One-time secrets go by the commitment in the advert that showed them. */
typedef uint8_t life[HASH_BYTES];

enum kind { KIND_SELF, KIND_MASK, KINDS };

struct dealt {
    uint8_t bytes[SCALAR_BYTES];
    life of;
    uint8_t holder[KEY_BYTES];
    enum kind kind;
    bool out;
};

/* An input that was sent, by an honest member. */
struct sent {
    life own;
    uint8_t member[KEY_BYTES];
    uint8_t context[HASH_BYTES], bundle[HASH_BYTES];
    size_t threshold;
    life *peers; /* [peer_count] with whom it has masks in common */
    uint8_t (*keys)[KEY_BYTES];
    size_t peer_count;
    size_t component;
    bool bare; /* its self mask can be taken off */
};

struct spoils {
    struct dealt *dealt;
    size_t dealt_count, dealt_capacity;
    struct sent *sent;
    size_t sent_count, sent_capacity;
    uint8_t (*corrupt)[KEY_BYTES];
    size_t corrupt_count, corrupt_capacity;
};

struct spoils *spoils_new(void)
{
    return mem_new(1, sizeof(struct spoils));
}

void spoils_destroy(struct spoils **spoils)
{
    struct spoils *s = *spoils;
    if (!s)
        return;
    for (size_t i = 0; i < s->sent_count; i++) {
        mem_free(s->sent[i].peers);
        mem_free(s->sent[i].keys);
    }
    mem_free(s->sent);
    mem_free(s->dealt);
    mem_free(s->corrupt);
    mem_free(s);
    *spoils = NULL;
}

void spoils_corrupt(struct spoils *s, const uint8_t member[KEY_BYTES])
{
    MEM_GROW(s->corrupt, s->corrupt_count + 1, &s->corrupt_capacity);
    memcpy(s->corrupt[s->corrupt_count++], member, KEY_BYTES);
}

static bool is_corrupt(const struct spoils *s, const uint8_t member[KEY_BYTES])
{
    for (size_t i = 0; i < s->corrupt_count; i++)
        if (memcmp(s->corrupt[i], member, KEY_BYTES) == 0)
            return true;
    return false;
}

/* --- what was dealt and masked
 * ------------------------------------------------------------------ */

/* A colluder may have been dealt the same in several stories. */
static bool is_noted(const struct spoils *s, const struct dealt *dealt)
{
    for (size_t i = 0; i < s->dealt_count; i++)
        if (memcmp(&s->dealt[i], dealt, offsetof(struct dealt, out)) == 0)
            return true;
    return false;
}

static void note(struct spoils *s, const struct attempt *a, uint32_t of, enum kind kind)
{
    const struct pairkey_parcel *parcel = &attempt_pair(a, of)->dealt;
    struct dealt dealt = {.kind = kind, .out = is_corrupt(s, a->key)};
    memcpy(dealt.bytes, kind == KIND_SELF ? parcel->self_share : parcel->mask_share,
           SCALAR_BYTES);
    memcpy(dealt.of, a->adverts[of].commitment, HASH_BYTES);
    memcpy(dealt.holder, a->key, KEY_BYTES);
    if (is_noted(s, &dealt))
        return;
    MEM_GROW(s->dealt, s->dealt_count + 1, &s->dealt_capacity);
    s->dealt[s->dealt_count++] = dealt;
}

void spoils_watch(struct spoils *s, const struct attempt *a)
{
    struct sent sent = {.threshold = a->plan.threshold};
    memcpy(sent.own, a->adverts[a->self].commitment, HASH_BYTES);
    memcpy(sent.member, a->key, KEY_BYTES);
    memcpy(sent.context, a->context, HASH_BYTES);
    memcpy(sent.bundle, a->bundle, HASH_BYTES);
    sent.peers = mem_new(a->count, sizeof *sent.peers);
    sent.keys = mem_new(a->count, sizeof *sent.keys);
    for (uint32_t i = 0; i < a->count; i++) {
        bool own = i == a->self;
        if (!a->dealer[i] || (!own && !graph_adjacent(a->graph, a->self, i)))
            continue;
        note(s, a, i, KIND_SELF);
        note(s, a, i, KIND_MASK);
        if (own)
            continue;
        memcpy(sent.peers[sent.peer_count], a->adverts[i].commitment, HASH_BYTES);
        memcpy(sent.keys[sent.peer_count++], a->adverts[i].member, KEY_BYTES);
    }
    if (is_corrupt(s, a->key)) { /* its input is the adversary's already */
        mem_free(sent.peers);
        mem_free(sent.keys);
        return;
    }
    MEM_GROW(s->sent, s->sent_count + 1, &s->sent_capacity);
    s->sent[s->sent_count++] = sent;
}

static void look_for(struct spoils *s, const struct views *shares)
{
    for (size_t i = 0; i < shares->count; i++)
        for (size_t j = 0; j < s->dealt_count; j++)
            if (memcmp(s->dealt[j].bytes, shares->items[i].data, SCALAR_BYTES) == 0)
                s->dealt[j].out = true;
}

void spoils_hear(struct spoils *s, uint32_t kind, struct view body)
{
    struct unmask unmask;
    struct arena *arena = codec_arena(body.size);
    if (kind == MESSAGE_UNMASK && codec_decode_unmask(body, arena, &unmask) == ERR_OK) {
        look_for(s, &unmask.self_shares);
        look_for(s, &unmask.mask_shares);
    }
    arena_destroy(&arena);
}

/* --- what comes of it
 * --------------------------------------------------------------------------- */

static bool is_out(const struct spoils *s, const life of, enum kind kind,
                   size_t threshold)
{
    size_t out = 0;
    for (size_t i = 0; i < s->dealt_count; i++)
        out += s->dealt[i].out && s->dealt[i].kind == kind &&
               memcmp(s->dealt[i].of, of, HASH_BYTES) == 0;
    return out >= threshold;
}

static bool gave_both(const struct spoils *s, const life of)
{
    for (size_t i = 0; i + 1 < s->dealt_count; i++) {
        const struct dealt *self = &s->dealt[i], *mask = self + 1; /* noted together */
        if (self->kind == KIND_SELF && self->out && mask->out &&
            memcmp(self->of, of, HASH_BYTES) == 0 && !is_corrupt(s, self->holder))
            return true;
    }
    return false;
}

size_t spoils_bared(const struct spoils *s)
{
    size_t bared = 0;
    for (size_t i = 0; i < s->sent_count; i++) {
        const struct sent *sent = &s->sent[i];
        bared += gave_both(s, sent->own) ||
                 (is_out(s, sent->own, KIND_SELF, sent->threshold) &&
                  is_out(s, sent->own, KIND_MASK, sent->threshold));
    }
    return bared;
}

static bool has_peer(const struct sent *sent, const life peer)
{
    for (size_t i = 0; i < sent->peer_count; i++)
        if (memcmp(sent->peers[i], peer, HASH_BYTES) == 0)
            return true;
    return false;
}

/* Whose mask in common with `sent` cancels against it: its place, or the count. */
static size_t partner(const struct spoils *s, const struct sent *sent, const life peer)
{
    for (size_t i = 0; i < s->sent_count; i++)
        if (memcmp(s->sent[i].own, peer, HASH_BYTES) == 0 &&
            memcmp(s->sent[i].bundle, sent->bundle, HASH_BYTES) == 0 &&
            has_peer(&s->sent[i], sent->own))
            return i;
    return s->sent_count;
}

static void join(const struct spoils *s, size_t one, size_t other)
{
    size_t from = s->sent[one].component, to = s->sent[other].component;
    for (size_t i = 0; i < s->sent_count; i++)
        if (s->sent[i].component == from)
            s->sent[i].component = to;
}

/* An input is tied to every partner with whom it has a mask that nobody can compute; to
 * the last component, which never comes out, when that mask cancels against nothing. */
static void tie(const struct spoils *s, size_t at)
{
    const struct sent *sent = &s->sent[at];
    bool known = is_out(s, sent->own, KIND_MASK, sent->threshold);
    for (size_t i = 0; !known && i < sent->peer_count; i++) {
        if (is_corrupt(s, sent->keys[i]) ||
            is_out(s, sent->peers[i], KIND_MASK, sent->threshold))
            continue;
        size_t other = partner(s, sent, sent->peers[i]);
        if (other < s->sent_count)
            join(s, at, other);
        else
            s->sent[at].bare = false;
    }
}

static void find_components(const struct spoils *s)
{
    for (size_t i = 0; i < s->sent_count; i++) {
        s->sent[i].component = i;
        s->sent[i].bare = is_out(s, s->sent[i].own, KIND_SELF, s->sent[i].threshold);
    }
    for (size_t i = 0; i < s->sent_count; i++)
        tie(s, i);
}

/* How many inputs are in a component: 0 when one of them keeps a mask, so that none
 * comes out. */
static size_t size_of(const struct spoils *s, size_t component)
{
    size_t size = 0;
    for (size_t i = 0; i < s->sent_count; i++) {
        if (s->sent[i].component != component)
            continue;
        if (!s->sent[i].bare)
            return 0;
        size++;
    }
    return size;
}

size_t spoils_sums(const struct spoils *s, size_t *smallest)
{
    size_t sums = 0;
    *smallest = 0;
    find_components(s);
    for (size_t i = 0; i < s->sent_count; i++) {
        size_t size = size_of(s, i);
        sums += size > 0;
        if (size > 0 && (*smallest == 0 || size < *smallest))
            *smallest = size;
    }
    return sums;
}

bool spoils_sums_differ(const struct spoils *s)
{
    find_components(s);
    for (size_t i = 0; i < s->sent_count; i++)
        for (size_t j = i + 1; j < s->sent_count; j++)
            if (s->sent[i].component != s->sent[j].component &&
                size_of(s, s->sent[i].component) && size_of(s, s->sent[j].component) &&
                memcmp(s->sent[i].context, s->sent[j].context, HASH_BYTES) == 0)
                return true;
    return false;
}
