/* collection - what members can do to the coordinator's part by lying: every exit of
 * every check of coordinator/ leaves the collection as it was, and the others' sum comes
 * out. */

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "digest.h"

#include "base/memory.h"
#include "node/attempt_impl.h"
#include "privacy/identity.h"
#include "sim/rehearsal.h"

enum { N = 5, LIAR = 2, DIM = 7 };

static struct rehearsal *five(void)
{
    struct quorum quorum;
    struct rehearsal *r;
    assert_ok(quorum_choose(N, 1, 0, &quorum));
    assert_ok(rehearsal_new(&quorum, DIM, 1, &r));
    assert_ok(rehearsal_open(r, 1, 1));
    return r;
}

/* Everybody's message of this phase, the answers, and so on to the beginning of `phase`.
 */
static void play_until(struct rehearsal *r, enum phase phase)
{
    bool moved;
    while (collection_phase(r->collection) < phase) {
        for (size_t i = 0; i < N; i++)
            assert_int_equal(rehearsal_send(r, i), REASON_NONE);
        assert_ok(collection_advance(r->collection, false, &moved));
        assert_true(moved);
        for (size_t i = 0; i < N; i++)
            assert_ok(rehearsal_receive(r, i));
    }
}

/* Said by this member, refused for this reason, and nothing has changed. */
static void assert_refused_for(struct rehearsal *r, const uint8_t *member, uint32_t kind,
                               const struct bytes *body, enum reason reason)
{
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    bool fresh;
    enum err failure;
    digest_collection(r->collection, before);
    assert_string_equal(reason_name(collection_take(r->collection, member, kind,
                                                    codec_view(body), &fresh, &failure)),
                        reason_name(reason));
    assert_false(fresh);
    assert_int_equal(failure, ERR_OK);
    digest_collection(r->collection, after);
    assert_memory_equal(before, after, HASH_BYTES);
}

static void say(const struct rehearsal *r, size_t member, uint32_t *kind,
                struct bytes *body)
{
    struct view view;
    assert_ok(attempt_message(r->members[member].attempt, kind, &view));
    bytes_free(body);
    bytes_append(body, view.data, view.size);
}

/* --- lies, phase by phase
 * -------------------------------------------------------------------- */

/* What is done to a signed object before it is signed again. */
enum lie {
    OTHER_PLAN,
    OTHER_MEMBER, /* somebody else's, as it is */
    OTHER_BUNDLE,
    OTHER_DEALERS,
    OTHER_SURVIVORS,
    OTHER_HASH, /* of the parcels or of the vector */
    ONE_MORE,   /* parcel or number */
    ONE_LESS,
    LIES
};

static void forge_claim(enum lie lie, uint8_t *plan, uint8_t *bundle, uint8_t *dealers,
                        uint8_t *survivors, uint8_t *hash)
{
    uint8_t *const fields[LIES] = {[OTHER_PLAN] = plan,
                                   [OTHER_BUNDLE] = bundle,
                                   [OTHER_DEALERS] = dealers,
                                   [OTHER_SURVIVORS] = survivors,
                                   [OTHER_HASH] = hash};
    if (fields[lie])
        fields[lie][9] ^= 1;
}

static void forge_advert(const struct identity *identity, enum lie lie, struct view said,
                         struct arena *arena, struct bytes *lied)
{
    struct advert advert;
    assert_ok(phase_read_advert(said, arena, &advert));
    forge_claim(lie, advert.plan, NULL, NULL, NULL, NULL);
    assert_ok(phase_sign_advert(identity, &advert, lied));
}

static void forge_shares(const struct identity *identity, enum lie lie, struct view said,
                         struct arena *arena, struct bytes *lied)
{
    struct shares shares;
    struct dealing dealing;
    struct view parcels[N + 1];
    struct bytes anew = {0};
    assert_ok(codec_decode_shares(said, arena, &shares));
    assert_ok(phase_read_dealing(shares.dealing, arena, &dealing));
    memcpy(parcels, shares.parcels.items, shares.parcels.count * sizeof *parcels);
    parcels[N - 1] = parcels[0];
    shares.parcels.items = parcels;
    shares.parcels.count += (size_t)((lie == ONE_MORE) - (lie == ONE_LESS));
    phase_parcels_hash(&shares.parcels, dealing.parcels_hash);
    forge_claim(lie, dealing.plan, dealing.bundle, NULL, NULL, dealing.parcels_hash);
    assert_ok(phase_sign_dealing(identity, &dealing, &anew));
    shares.dealing = codec_view(&anew);
    assert_ok(codec_encode_shares(&shares, lied));
    bytes_free(&anew);
}

static void forge_input(const struct identity *identity, enum lie lie, struct view said,
                        struct arena *arena, struct bytes *lied)
{
    struct masked_input masked;
    struct input input;
    uint64_t words[DIM + 1] = {0};
    struct bytes anew = {0};
    assert_ok(codec_decode_masked_input(said, arena, &masked));
    assert_ok(phase_read_input(masked.input, arena, &input));
    memcpy(words, masked.vector.items, DIM * sizeof *words);
    masked.vector.items = words;
    masked.vector.count += (size_t)((lie == ONE_MORE) - (lie == ONE_LESS));
    phase_vector_hash(&masked.vector, input.vector_hash);
    forge_claim(lie, input.plan, input.bundle, input.dealers, NULL, input.vector_hash);
    assert_ok(phase_sign_input(identity, &input, &anew));
    masked.input = codec_view(&anew);
    assert_ok(codec_encode_masked_input(&masked, lied));
    bytes_free(&anew);
}

static void forge_confirm(const struct identity *identity, enum lie lie, struct view said,
                          struct arena *arena, struct bytes *lied)
{
    struct confirm confirm;
    assert_ok(phase_read_confirm(said, arena, &confirm));
    forge_claim(lie, confirm.plan, confirm.bundle, confirm.dealers, confirm.survivors,
                NULL);
    assert_ok(phase_sign_confirm(identity, &confirm, lied));
}

static void forge_unmask(const struct identity *identity, enum lie lie, struct view said,
                         struct arena *arena, struct bytes *lied)
{
    struct unmask unmask;
    struct view shares[N + 1];
    (void)identity;
    assert_ok(codec_decode_unmask(said, arena, &unmask));
    memcpy(shares, unmask.self_shares.items, unmask.self_shares.count * sizeof *shares);
    shares[unmask.self_shares.count] = shares[0];
    unmask.self_shares.items = shares;
    unmask.self_shares.count += (size_t)((lie == ONE_MORE) - (lie == ONE_LESS));
    forge_claim(lie, unmask.plan, NULL, NULL, unmask.survivors, NULL);
    assert_ok(codec_encode_unmask(&unmask, lied));
}

static void (*const forge[])(const struct identity *, enum lie, struct view,
                             struct arena *, struct bytes *) = {
    forge_advert, forge_shares, forge_input, forge_confirm, forge_unmask};

/* What each lie is found out as; REASON_NONE: there is no such lie in this phase. */
static const enum reason found_out[PHASE_END][LIES] = {
    [PHASE_ADVERTISE] =
        {[OTHER_PLAN] = REASON_WRONG_PLAN, [OTHER_MEMBER] = REASON_BAD_SIGNATURE},
    [PHASE_SHARE] = {[OTHER_PLAN] = REASON_WRONG_PLAN,
                     [OTHER_MEMBER] = REASON_BAD_SIGNATURE,
                     [OTHER_BUNDLE] = REASON_WRONG_BUNDLE,
                     [OTHER_HASH] = REASON_BAD_SIGNATURE,
                     [ONE_MORE] = REASON_WRONG_LENGTH,
                     [ONE_LESS] = REASON_WRONG_LENGTH},
    [PHASE_MASK] = {[OTHER_PLAN] = REASON_WRONG_PLAN,
                    [OTHER_MEMBER] = REASON_BAD_SIGNATURE,
                    [OTHER_BUNDLE] = REASON_WRONG_BUNDLE,
                    [OTHER_DEALERS] = REASON_WRONG_DEALERS,
                    [OTHER_HASH] = REASON_BAD_SIGNATURE,
                    [ONE_MORE] = REASON_WRONG_LENGTH,
                    [ONE_LESS] = REASON_WRONG_LENGTH},
    [PHASE_CONFIRM] = {[OTHER_PLAN] = REASON_WRONG_PLAN,
                       [OTHER_MEMBER] = REASON_BAD_SIGNATURE,
                       [OTHER_BUNDLE] = REASON_WRONG_BUNDLE,
                       [OTHER_DEALERS] = REASON_WRONG_DEALERS,
                       [OTHER_SURVIVORS] = REASON_WRONG_SURVIVORS},
    [PHASE_UNMASK] = {[OTHER_PLAN] = REASON_WRONG_PLAN,
                      [OTHER_SURVIVORS] = REASON_WRONG_SURVIVORS,
                      [ONE_MORE] = REASON_WRONG_LENGTH,
                      [ONE_LESS] = REASON_WRONG_LENGTH},
};

static void tell_lies(struct rehearsal *r, enum phase phase)
{
    struct bytes said = {0}, lied = {0};
    uint32_t kind;
    for (enum lie lie = 0; lie < LIES; lie++) {
        if (found_out[phase][lie] == REASON_NONE)
            continue;
        struct arena *arena = codec_arena(WIRE_FRAME_MAX);
        say(r, lie == OTHER_MEMBER ? LIAR + 1 : LIAR, &kind, &said);
        if (lie == OTHER_MEMBER)
            bytes_append(&lied, said.data, said.size);
        else
            forge[phase](r->members[LIAR].identity, lie, codec_view(&said), arena, &lied);
        assert_refused_for(r, r->members[LIAR].key, kind, &lied, found_out[phase][lie]);
        bytes_free(&lied);
        arena_destroy(&arena);
    }
    bytes_free(&said);
}

/* A bit changed anywhere, but in a share, which nobody can know to be wrong. */
static void change_bits(struct rehearsal *r, enum phase phase)
{
    struct bytes said = {0};
    uint32_t kind;
    bool fresh;
    enum err failure;
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    say(r, LIAR, &kind, &said);
    digest_collection(r->collection, before);
    for (size_t i = 0; phase < PHASE_UNMASK && i < said.size; i += 3) {
        said.data[i] ^= (uint8_t)(1 << i % 8);
        assert_int_not_equal(collection_take(r->collection, r->members[LIAR].key, kind,
                                             codec_view(&said), &fresh, &failure),
                             REASON_NONE);
        said.data[i] ^= (uint8_t)(1 << i % 8);
    }
    digest_collection(r->collection, after);
    assert_memory_equal(before, after, HASH_BYTES);
    bytes_free(&said);
}

/* Another length, another kind, another sender, at another time. */
static void speak_out_of_turn(struct rehearsal *r, enum phase phase)
{
    const uint8_t *liar = r->members[LIAR].key;
    struct bytes said = {0};
    uint32_t kind;
    say(r, LIAR, &kind, &said);
    assert_refused_for(r, r->coordinator_key, kind, &said, REASON_NOT_PARTICIPANT);
    assert_refused_for(r, liar, phase_answer(phase), &said, REASON_WRONG_KIND);
    assert_refused_for(r, liar, MESSAGE_POLL, &said, REASON_WRONG_KIND);
    for (enum phase other = phase + 1; other < PHASE_END; other++)
        assert_refused_for(r, liar, phase_question(other), &said, REASON_WRONG_PHASE);
    for (enum phase other = 0; other < phase; other++)
        assert_refused_for(r, liar, phase_question(other), &said, REASON_ANSWERED);
    said.size--;
    assert_refused_for(r, liar, kind, &said, REASON_MALFORMED);
    said.size++;
    bytes_u8(&said, 0);
    assert_refused_for(r, liar, kind, &said, REASON_MALFORMED);
    said.size = 0;
    assert_refused_for(r, liar, kind, &said, REASON_MALFORMED);
    bytes_free(&said);
}

static void collection__is_not_changed_by_what_it_refuses(void **state)
{
    (void)state;
    struct rehearsal *r = five();
    struct bytes said = {0};
    uint32_t kind;
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        play_until(r, phase);
        assert_int_equal(rehearsal_send(r, LIAR + 1), REASON_NONE);
        speak_out_of_turn(r, phase);
        tell_lies(r, phase);
        change_bits(r, phase);
        /* The truth once; then it is answered, and another word is not taken. */
        say(r, LIAR, &kind, &said);
        assert_int_equal(rehearsal_send(r, LIAR), REASON_NONE);
        assert_refused_for(r, r->members[LIAR].key, kind, &said, REASON_NONE);
        said.data[said.size - 1] ^= 1;
        assert_refused_for(r, r->members[LIAR].key, kind, &said, REASON_ANSWERED);
    }
    play_until(r, PHASE_END);
    assert_true(rehearsal_sum_is_exact(r, NULL));
    bytes_free(&said);
    rehearsal_destroy(&r);
}

/* Messages of one attempt in the next, of the same round or of another. */
static void collection__takes_nothing_of_another_attempt(void **state)
{
    (void)state;
    struct bytes said[PHASE_END] = {0};
    struct rehearsal *r = five();
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        uint32_t kind;
        play_until(r, phase);
        say(r, LIAR, &kind, &said[phase]);
    }
    for (uint64_t round = 1; round <= 2; round++) {
        assert_ok(rehearsal_open(r, round, 2));
        for (enum phase phase = 0; phase < PHASE_END; phase++) {
            play_until(r, phase);
            assert_refused_for(r, r->members[LIAR].key, phase_question(phase),
                               &said[phase], REASON_WRONG_PLAN);
        }
    }
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        bytes_free(&said[phase]);
    rehearsal_destroy(&r);
}

/* Nobody who is not in the plan is in the attempt, and so nobody else can leave it. */
static void collection__is_left_by_its_members_only(void **state)
{
    (void)state;
    struct rehearsal *r = five();
    uint8_t member[KEY_BYTES], stranger[KEY_BYTES] = {9};
    enum reason why;
    assert_int_equal(rehearsal_send(r, 0), REASON_NONE);
    collection_leave(r->collection, stranger, REASON_POLICY);
    assert_false(collection_has_left(r->collection, stranger));
    assert_int_equal(collection_declined(r->collection, stranger), REASON_NONE);
    assert_int_equal(collection_leavers(r->collection, member, &why), 0);
    assert_int_equal(collection_expected(r->collection), N);
    collection_leave(r->collection, r->members[1].key, REASON_NONE); /* it polled */
    assert_int_equal(collection_leavers(r->collection, member, &why), 0);
    assert_int_equal(collection_expected(r->collection), N - 1);
    collection_leave(r->collection, r->members[2].key, REASON_BUDGET);
    collection_leave(r->collection, r->members[0].key, REASON_BAD_PARCEL);
    assert_int_equal(collection_leavers(r->collection, member, &why), 2);
    assert_memory_equal(member, r->members[0].key, KEY_BYTES);
    assert_int_equal(why, REASON_BAD_PARCEL);
    assert_int_equal(collection_declined(r->collection, r->members[0].key),
                     REASON_NONE); /* it had entered */
    assert_int_equal(collection_declined(r->collection, r->members[2].key),
                     REASON_BUDGET);
    assert_int_equal(collection_expected(r->collection), N - 2);
    rehearsal_destroy(&r);
}

#ifndef __SANITIZE_ADDRESS__ /* which turns mlock into nothing */
/* In a child that may not lock a byte (root may, and stops being it): no share of a
 * secret is dealt from memory that could be written to a disk; the attempt ends. */
static void collection__deals_nothing_from_memory_that_is_not_locked(void **state)
{
    (void)state;
    struct rehearsal *r = five();
    bool moved;
    for (size_t i = 0; i < N; i++)
        assert_int_equal(rehearsal_send(r, i), REASON_NONE);
    assert_ok(collection_advance(r->collection, false, &moved));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
            (geteuid() == 0 && setuid(65534) != 0))
            _exit(2);
        enum err err = rehearsal_receive(r, 0);
        const struct attempt *attempt = r->members[0].attempt;
        _exit(err == ERR_STORAGE && attempt_phase(attempt) == PHASE_END &&
                      attempt_reason(attempt) == REASON_NONE
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    rehearsal_destroy(&r);
}
#endif

/* Who is late is late, and who comes after it was given up hears that. */
static void collection__takes_nothing_late(void **state)
{
    (void)state;
    struct rehearsal *r = five();
    struct bytes said = {0};
    uint32_t kind;
    bool moved;
    say(r, LIAR, &kind, &said);
    for (size_t i = 0; i < N; i++)
        if (i != LIAR)
            assert_int_equal(rehearsal_send(r, i), REASON_NONE);
    assert_ok(collection_advance(r->collection, false, &moved));
    assert_false(moved);
    assert_ok(collection_advance(r->collection, true, &moved));
    assert_true(moved);
    assert_refused_for(r, r->members[LIAR].key, kind, &said, REASON_LATE);
    assert_refused_for(r, r->members[LIAR].key, MESSAGE_SHARES, &said, REASON_LATE);
    assert_ok(collection_advance(r->collection, true, &moved)); /* nobody dealt */
    assert_int_equal(collection_phase(r->collection), PHASE_END);
    assert_int_equal(collection_reason(r->collection), REASON_TOO_FEW);
    assert_refused_for(r, r->members[LIAR].key, kind, &said, REASON_ABANDONED);
    assert_null(collection_sum(r->collection));
    bytes_free(&said);
    rehearsal_destroy(&r);
}

/* --- a disk that refuses
 * ---------------------------------------------------------------------- */

struct disk {
    size_t until; /* refuse from here on */
    size_t written;
};

static enum err keep(void *context, enum phase phase, size_t place, struct view body)
{
    struct disk *disk = context;
    (void)phase;
    (void)place;
    (void)body;
    if (disk->written >= disk->until)
        return err_set(ERR_STORAGE, "the disk is full");
    disk->written++;
    return ERR_OK;
}

static enum err end_phase(void *context, enum phase phase)
{
    return keep(context, phase, 0, (struct view){NULL, 0});
}

/* What could not be kept was not taken: asked again it is as new. */
static void collection__takes_nothing_that_was_not_kept(void **state)
{
    (void)state;
    struct rehearsal *r = five();
    struct disk disk = {0};
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    const struct collection_world world = {keep, end_phase, &disk};
    collection_destroy(&r->collection);
    assert_ok(collection_new(codec_view(&r->signed_plan), r->coordinator_key, &world,
                             &r->collection));
    for (size_t writes = 0; collection_phase(r->collection) != PHASE_END; writes++) {
        bool moved = false, fresh = false;
        enum err failure = ERR_OK;
        disk.until = writes;
        size_t i = collection_received(r->collection);
        digest_collection(r->collection, before);
        for (int again = 0; again < 2; again++) {
            if (i < N) {
                uint32_t kind;
                struct bytes said = {0};
                say(r, i, &kind, &said);
                collection_take(r->collection, r->members[i].key, kind, codec_view(&said),
                                &fresh, &failure);
                bytes_free(&said);
            } else {
                failure = collection_advance(r->collection, false, &moved);
            }
            digest_collection(r->collection, after);
            assert_int_equal(failure, again ? ERR_OK : ERR_STORAGE);
            assert_int_equal(memcmp(before, after, HASH_BYTES) == 0, !again);
            assert_int_equal(fresh, again && i < N);
            disk.until++;
        }
        for (size_t k = 0; moved && k < N; k++)
            assert_ok(rehearsal_receive(r, k));
    }
    assert_true(rehearsal_sum_is_exact(r, NULL));
    rehearsal_destroy(&r);
}

/* --- wrong shares
 * ----------------------------------------------------------------------- */

/* All unmask but those not in `senders`; those in `liars` with their share of the secret
 * of member `of` changed. */
static void unmask_with(struct rehearsal *r, unsigned senders, unsigned liars, size_t of)
{
    bool moved;
    assert_ok(rehearsal_open(r, 1, 1));
    play_until(r, PHASE_UNMASK);
    for (size_t i = 0; i < N; i++) {
        struct bytes said = {0};
        uint32_t kind;
        bool fresh;
        enum err failure;
        say(r, i, &kind, &said);
        if (liars >> i & 1) /* shares are at the end, in order, two bytes before each */
            said.data[said.size - (N - of) * (SCALAR_BYTES + 2) + 2] ^= 1;
        if (senders >> i & 1)
            assert_int_equal(collection_take(r->collection, r->members[i].key, kind,
                                             codec_view(&said), &fresh, &failure),
                             REASON_NONE);
        bytes_free(&said);
    }
    assert_ok(collection_advance(r->collection, true, &moved));
    assert_int_equal(collection_phase(r->collection), PHASE_END);
}

/* One wrong share of five, three of which are enough: the sum is exact, and who sent it
 * is known whenever its share was used. */
static void collection__finds_out_one_wrong_share(void **state)
{
    (void)state;
    struct rehearsal *r = five();
    for (size_t liar = 0; liar < N; liar++)
        for (size_t of = 0; of < N; of++) {
            size_t count;
            unmask_with(r, 0x1f, 1u << liar, of);
            assert_true(rehearsal_sum_is_exact(r, NULL));
            const size_t *blamed = collection_blamed(r->collection, &count);
            assert_int_equal(count, liar < r->quorum.threshold);
            if (count)
                assert_int_equal(blamed[0], liar);
        }
    rehearsal_destroy(&r);
}

/* More than can be told from the true ones: no sum, and no wrong one. */
static void collection__gives_up_on_too_many_wrong_shares(void **state)
{
    (void)state;
    static const struct {
        unsigned senders, liars;
    } cases[] = {{0x1f, 0x07}, {0x1f, 0x15}, {0x1f, 0x1f}, {0x07, 0x02}, {0x0b, 0x08}};
    struct rehearsal *r = five();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unmask_with(r, cases[i].senders, cases[i].liars, 3);
        assert_false(collection_succeeded(r->collection));
        assert_int_equal(collection_reason(r->collection), REASON_BAD_SHARE);
        assert_null(collection_sum(r->collection));
    }
    unmask_with(r, 0x03, 0, 0);
    assert_int_equal(collection_reason(r->collection), REASON_TOO_FEW);
    rehearsal_destroy(&r);
}

/* Two of sixteen, wherever they stand, of whom nine are enough. */
static void collection__finds_out_all_that_may_collude(void **state)
{
    (void)state;
    enum { MANY = 16 };
    struct quorum quorum;
    struct rehearsal *r;
    assert_ok(quorum_choose(MANY, 2, 0, &quorum));
    assert_ok(rehearsal_new(&quorum, DIM, 3, &r));
    for (size_t other = 1; other < MANY; other += 5) {
        size_t count;
        bool moved;
        assert_ok(rehearsal_open(r, 1, 1));
        while (collection_phase(r->collection) < PHASE_END) {
            bool last = collection_phase(r->collection) == PHASE_UNMASK;
            for (size_t i = 0; i < MANY; i++) {
                struct bytes *message = &r->members[i].attempt->message;
                if (last && (i == 0 || i == other))
                    message->data[message->size - 1 - SCALAR_BYTES / 2] ^= 1;
                assert_int_equal(rehearsal_send(r, i), REASON_NONE);
            }
            assert_ok(collection_advance(r->collection, false, &moved));
            for (size_t i = 0; !last && i < MANY; i++)
                assert_ok(rehearsal_receive(r, i));
        }
        assert_true(rehearsal_sum_is_exact(r, NULL));
        const size_t *blamed = collection_blamed(r->collection, &count);
        assert_int_equal(count, 2);
        assert_int_equal(blamed[0], 0);
        assert_int_equal(blamed[1], other);
    }
    rehearsal_destroy(&r);
}

/* A dealer whose shares are not those of what it committed to: no sum, and it is known
 * whose fault that is. */
static void collection__finds_out_who_dealt_something_else(void **state)
{
    (void)state;
    struct rehearsal *r = five();
    struct bytes *message = &r->members[LIAR].attempt->message;
    struct arena *arena = codec_arena(message->size);
    struct advert advert;
    size_t count;
    assert_ok(phase_read_advert(codec_view(message), arena, &advert));
    advert.commitment[0] ^= 1;
    bytes_free(message);
    assert_ok(phase_sign_advert(r->members[LIAR].identity, &advert, message));
    assert_ok(rehearsal_play(r, NULL));
    assert_int_equal(collection_reason(r->collection), REASON_BAD_SHARE);
    assert_null(collection_sum(r->collection));
    const size_t *blamed = collection_blamed(r->collection, &count);
    assert_int_equal(count, 1);
    assert_int_equal(blamed[0], LIAR);
    arena_destroy(&arena);
    rehearsal_destroy(&r);
}

/* A share is a number below the order of the field. */
static void collection__takes_canonical_shares_only(void **state)
{
    (void)state;
    struct rehearsal *r = five();
    struct bytes said = {0};
    uint32_t kind;
    play_until(r, PHASE_UNMASK);
    say(r, LIAR, &kind, &said);
    memset(said.data + said.size - SCALAR_BYTES, 0xff, SCALAR_BYTES);
    assert_refused_for(r, r->members[LIAR].key, kind, &said, REASON_BAD_SHARE);
    bytes_free(&said);
    rehearsal_destroy(&r);
}

/* --- what the programs around it could do wrong
 * ---------------------------------------------------- */

static bool disk_is_full;

static enum err close_or_not(void *context, enum phase phase)
{
    (void)context;
    (void)phase;
    return disk_is_full ? err_set(ERR_STORAGE, "the disk is full") : ERR_OK;
}

/* Nothing of who sent nothing, no phase closed that is not the one in progress or that
 * the disk does not know of, no message of nobody, and no plan of somebody else's. */
static void collection__does_nothing_out_of_order(void **state)
{
    (void)state;
    struct rehearsal *r = five();
    struct collection *other = NULL;
    const struct collection_world world = {NULL, close_or_not, NULL};
    struct arena *arena = codec_arena(WIRE_SIGNED_SMALL_MAX);
    struct input input;
    struct bytes body = {0};
    uint32_t answer;
    bool moved;
    const struct view nothing = {(const uint8_t *)"", 0};
    assert_refused(ERR_STATE, "no input of this member",
                   collection_input(r->collection, r->members[0].key, arena, &input));
    assert_refused(ERR_STATE, "no message of this kind",
                   collection_answer(r->collection, r->members[0].key, MESSAGE_ADVERT,
                                     &answer, &body));
    assert_refused(ERR_VERIFY, "is of nobody",
                   collection_restore(r->collection, PHASE_ADVERTISE, N, nothing));
    assert_refused(ERR_VERIFY, "is of nobody",
                   collection_restore(r->collection, PHASE_END, 0, nothing));
    assert_refused(ERR_VERIFY, "were not closed in order",
                   collection_restore_close(r->collection, PHASE_SHARE));
    assert_refused(
        ERR_VERIFY, "",
        collection_new(codec_view(&r->signed_plan), r->members[0].key, NULL, &other));
    assert_null(other);
    collection_destroy(&r->collection);
    assert_ok(collection_new(codec_view(&r->signed_plan), r->coordinator_key, &world,
                             &r->collection));
    for (size_t i = 0; i < N; i++)
        assert_int_equal(rehearsal_send(r, i), REASON_NONE);
    disk_is_full = true;
    assert_refused(ERR_STORAGE, "full", collection_advance(r->collection, false, &moved));
    assert_int_equal(collection_phase(r->collection), PHASE_ADVERTISE);
    disk_is_full = false;
    for (size_t i = 0; i < N; i++)
        assert_ok(rehearsal_receive(r, i)); /* told to wait */
    assert_ok(rehearsal_play(r, NULL));
    assert_true(rehearsal_sum_is_exact(r, NULL));
    arena_destroy(&arena);
    bytes_free(&body);
    rehearsal_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collection__does_nothing_out_of_order),
        cmocka_unit_test(collection__is_not_changed_by_what_it_refuses),
        cmocka_unit_test(collection__takes_nothing_of_another_attempt),
        cmocka_unit_test(collection__is_left_by_its_members_only),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(collection__deals_nothing_from_memory_that_is_not_locked),
#endif
        cmocka_unit_test(collection__takes_nothing_late),
        cmocka_unit_test(collection__takes_nothing_that_was_not_kept),
        cmocka_unit_test(collection__finds_out_one_wrong_share),
        cmocka_unit_test(collection__finds_out_all_that_may_collude),
        cmocka_unit_test(collection__finds_out_who_dealt_something_else),
        cmocka_unit_test(collection__gives_up_on_too_many_wrong_shares),
        cmocka_unit_test(collection__takes_canonical_shares_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
