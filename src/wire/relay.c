#include "wire/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

/* --- a note's bytes
 * ---------------------------------------------------------------------------- */

enum part { TEXT = 1, SECRET = 2, CURVES = 4, PEER = 8, FRAME = 16, NUMBER = 32 };

static const unsigned parts_of[] = {
    [RELAY_START] = TEXT | SECRET | CURVES,
    [RELAY_ALLOW] = CURVES,
    [RELAY_ANSWER] = PEER | FRAME,
    [RELAY_READY] = TEXT | NUMBER,
    [RELAY_FAILED] = TEXT | NUMBER,
    [RELAY_QUESTION] = PEER | FRAME,
    [RELAY_ALIVE] = NUMBER,
};
#define KINDS (sizeof parts_of / sizeof *parts_of)

/* Whether what a kind has is within its limits; what it lacks is not looked at. */
static bool is_sound(const struct relay_note *note)
{
    unsigned parts = note->kind < KINDS ? parts_of[note->kind] : 0;
    return parts && (!(parts & TEXT) || note->text.size <= RELAY_TEXT_MAX) &&
           (!(parts & SECRET) || note->secret.size == KEY_BYTES) &&
           (!(parts & CURVES) || (note->curves.size % KEY_BYTES == 0 &&
                                  note->curves.size <= RELAY_CURVES_MAX)) &&
           (!(parts & PEER) || (note->peer.route_size >= 1 &&
                                note->peer.route_size <= sizeof note->peer.route)) &&
           (!(parts & FRAME) ||
            (note->frame.size >= 1 && note->frame.size <= WIRE_FRAME_MAX));
}

static void put_view(struct bytes *bytes, struct view view)
{
    bytes_field(bytes, view.data, view.size);
}

void relay_encode(const struct relay_note *note, struct bytes *bytes)
{
    if (!is_sound(note))
        abort();
    unsigned parts = parts_of[note->kind];
    bytes_u8(bytes, (uint8_t)note->kind);
    if (parts & TEXT)
        put_view(bytes, note->text);
    if (parts & SECRET)
        put_view(bytes, note->secret);
    if (parts & CURVES)
        put_view(bytes, note->curves);
    if (parts & PEER) {
        bytes_field(bytes, note->peer.route, note->peer.route_size);
        bytes_field(bytes, note->peer.curve, KEY_BYTES);
    }
    if (parts & FRAME)
        put_view(bytes, note->frame);
    if (parts & NUMBER)
        bytes_u64(bytes, note->number);
}

static enum err take_view(struct cursor *cursor, struct view *view)
{
    return cursor_field(cursor, &view->data, &view->size);
}

static enum err take_peer(struct cursor *cursor, struct transport_peer *peer)
{
    struct view route, curve;
    if (take_view(cursor, &route) != ERR_OK || take_view(cursor, &curve) != ERR_OK)
        return err_code();
    if (route.size > sizeof peer->route || curve.size != KEY_BYTES)
        return err_set(ERR_FORMAT, "a peer's route of %zu bytes and key of %zu",
                       route.size, curve.size);
    memcpy(peer->route, route.data, route.size);
    memcpy(peer->curve, curve.data, KEY_BYTES);
    peer->route_size = route.size;
    return ERR_OK;
}

static enum err take_parts(struct cursor *cursor, struct relay_note *note)
{
    unsigned parts = parts_of[note->kind];
    enum err result = ERR_OK;
    if (parts & TEXT)
        result = take_view(cursor, &note->text);
    if (result == ERR_OK && parts & SECRET)
        result = take_view(cursor, &note->secret);
    if (result == ERR_OK && parts & CURVES)
        result = take_view(cursor, &note->curves);
    if (result == ERR_OK && parts & PEER)
        result = take_peer(cursor, &note->peer);
    if (result == ERR_OK && parts & FRAME)
        result = take_view(cursor, &note->frame);
    if (result == ERR_OK && parts & NUMBER)
        result = cursor_u64(cursor, &note->number);
    return result == ERR_OK ? cursor_end(cursor) : result;
}

enum err relay_decode(struct view bytes, struct relay_note *note)
{
    struct cursor cursor = {.data = bytes.data, .size = bytes.size};
    uint8_t kind;
    *note = (struct relay_note){0};
    if (bytes.size > RELAY_NOTE_MAX || cursor_u8(&cursor, &kind) != ERR_OK ||
        kind >= KINDS || !parts_of[kind])
        return err_set(ERR_FORMAT, "a note of no kind");
    note->kind = kind;
    if (take_parts(&cursor, note) != ERR_OK)
        return err_wrap("a note of kind %u", kind);
    return is_sound(note)
               ? ERR_OK
               : err_set(ERR_FORMAT, "a note of kind %u out of its limits", kind);
}

/* --- notes through a descriptor
 * ---------------------------------------------------------------- */

#define LENGTH_BYTES 4

struct relay {
    int descriptor;
    struct bytes in; /* the length, then the note */
    size_t wanted;   /* bytes of `in` until there is something to do */
    struct bytes out;
    size_t sent; /* of `out` */
};

struct relay *relay_new(int descriptor)
{
    struct relay *relay = mem_new(1, sizeof *relay);
    relay->descriptor = descriptor;
    relay->wanted = LENGTH_BYTES;
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    return relay;
}

void relay_destroy(struct relay **relay)
{
    if (!*relay)
        return;
    close((*relay)->descriptor);
    bytes_free(&(*relay)->in);
    bytes_free(&(*relay)->out);
    mem_free(*relay);
    *relay = NULL;
}

int relay_descriptor(const struct relay *relay)
{
    return relay->descriptor;
}

static enum err ended(void)
{
    return err_set(ERR_STATE, "the other process has closed");
}

/* Read until `in` has `wanted` bytes. */
static enum err fill(struct relay *relay)
{
    struct bytes *in = &relay->in;
    bytes_reserve(in, relay->wanted - in->size);
    while (in->size < relay->wanted) {
        ssize_t got =
            read(relay->descriptor, in->data + in->size, relay->wanted - in->size);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return ended();
        if (got < 0 && errno == EAGAIN)
            return err_set(ERR_GONE, "no note yet");
        in->size += got > 0 ? (size_t)got : 0;
    }
    return ERR_OK;
}

/* The length comes alone, so that no byte is read that is not of the note at hand, and
 * whoever waits on the descriptor waits for all there is. */
enum err relay_take(struct relay *relay, struct relay_note *note)
{
    struct bytes *in = &relay->in;
    enum err result = ERR_OK;
    if (relay->wanted == in->size) { /* the last one */
        in->size = 0;
        relay->wanted = LENGTH_BYTES;
    }
    if (relay->wanted == LENGTH_BYTES && (result = fill(relay)) == ERR_OK) {
        struct cursor cursor = {.data = in->data, .size = in->size};
        uint32_t size = 0;
        (void)cursor_u32(&cursor, &size);
        if (size < 1 || size > RELAY_NOTE_MAX)
            return err_set(ERR_FORMAT, "a note of %u bytes", size);
        relay->wanted += size;
    }
    if (result == ERR_OK)
        result = fill(relay);
    if (result != ERR_OK)
        return result;
    return relay_decode((struct view){in->data + LENGTH_BYTES, in->size - LENGTH_BYTES},
                        note);
}

void relay_wipe(struct relay *relay)
{
    bytes_free(&relay->in);
    bytes_free(&relay->out);
    relay->wanted = LENGTH_BYTES;
    relay->sent = 0;
}

void relay_put(struct relay *relay, const struct relay_note *note)
{
    struct bytes *out = &relay->out;
    if (!relay_is_idle(relay))
        abort();
    out->size = relay->sent = 0;
    bytes_u32(out, 0);
    relay_encode(note, out);
    uint32_t size = (uint32_t)(out->size - LENGTH_BYTES);
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        out->data[i] = (uint8_t)(size >> (8 * i));
}

enum err relay_flush(struct relay *relay, unsigned timeout_ms)
{
    struct bytes *out = &relay->out;
    uint64_t until = clock_steady_ms(&clock_machine) + timeout_ms;
    while (relay->sent < out->size) {
        ssize_t went = send(relay->descriptor, out->data + relay->sent,
                            out->size - relay->sent, MSG_NOSIGNAL);
        if (went >= 0) {
            relay->sent += (size_t)went;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return ended();
        uint64_t now = clock_steady_ms(&clock_machine);
        if (now >= until)
            return err_set(ERR_GONE, "a note was not taken within %u ms", timeout_ms);
        struct pollfd item = {.fd = relay->descriptor, .events = POLLOUT};
        poll(&item, 1, (int)(until - now));
    }
    return ERR_OK;
}

bool relay_is_idle(const struct relay *relay)
{
    return relay->sent == relay->out.size;
}
