#include "wire/heads.h"

#include "check.h"
#include "consortium.h"

/* A poll of hospital 0 about the study, signed. */
static struct poll shown(const struct consortium *c)
{
    struct poll poll = {.chain_length = 2, .ledger_length = 7};
    memcpy(poll.chain_head, c->terms_hash, HASH_BYTES);
    memcpy(poll.ledger_head, c->plan_hash, HASH_BYTES);
    assert_ok(heads_sign(c->hospitals[0], c->terms.study, &poll));
    return poll;
}

static void heads__are_those_the_member_signed(void **state)
{
    const struct consortium *c = *state;
    const struct poll poll = shown(c);
    const struct heads good = heads_shown(&poll, c->keys);
    struct heads heads = good;
    uint8_t study[STUDY_BYTES];
    memcpy(study, c->terms.study, STUDY_BYTES);
    assert_ok(heads_verify(&good, study));
#define WRONG(change)                                                                    \
    change;                                                                              \
    assert_int_equal(heads_verify(&heads, study), ERR_VERIFY);                           \
    heads = good
    WRONG(heads.member[3] ^= 1);
    WRONG(memcpy(heads.member, c->keys + KEY_BYTES, KEY_BYTES));
    WRONG(heads.chain_length++);
    WRONG(heads.chain_head[31] ^= 1);
    WRONG(heads.chain_signature[0] ^= 1);
    WRONG(heads.ledger_length--);
    WRONG(heads.ledger_head[0] ^= 1);
    WRONG(heads.ledger_signature[63] ^= 1);
    /* one is not the other */
    WRONG(memcpy(heads.chain_signature, good.ledger_signature, SIGNATURE_BYTES));
#undef WRONG
    study[0] ^= 1; /* a chain is its study's */
    assert_int_equal(heads_verify(&good, study), ERR_VERIFY);
}

static void heads__without_a_study_only_the_ledger_is_signed(void **state)
{
    const struct consortium *c = *state;
    struct poll poll = shown(c), none = poll;
    assert_ok(heads_sign(c->hospitals[0], NULL, &none));
    assert_true(bytes_are_zero(none.chain_signature, SIGNATURE_BYTES));
    assert_memory_equal(none.ledger_signature, poll.ledger_signature, SIGNATURE_BYTES);
}

static void heads__are_read_as_they_were_written(void **state)
{
    const struct consortium *c = *state;
    const struct poll poll = shown(c);
    const struct heads heads = heads_shown(&poll, c->keys);
    struct heads read;
    struct bytes bytes = {0};
    heads_write(&heads, &bytes);
    assert_int_equal(bytes.size, WIRE_HEADS_BYTES);
    assert_memory_equal(bytes.data, c->keys, KEY_BYTES);
    assert_int_equal(bytes.data[32], 2);
    assert_memory_equal(bytes.data + 40, c->terms_hash, HASH_BYTES);
    assert_int_equal(bytes.data[136], 7);
    assert_memory_equal(bytes.data + 144, c->plan_hash, HASH_BYTES);
    assert_ok(heads_read(codec_view(&bytes), &read));
    assert_memory_equal(&read, &heads, sizeof heads);
    /* a reminder is the end of it */
    uint8_t note[HEADS_NOTE_BYTES];
    struct heads reminded = {0};
    heads_note_write(&heads, note);
    assert_memory_equal(note, bytes.data + 136, HEADS_NOTE_BYTES);
    heads_note_read(note, &reminded);
    assert_int_equal(heads_verify_ledger(&reminded), ERR_VERIFY); /* whose? */
    memcpy(reminded.member, c->keys, KEY_BYTES);
    assert_ok(heads_verify_ledger(&reminded));
    bytes.size--;
    assert_refused(ERR_FORMAT, "239 bytes", heads_read(codec_view(&bytes), &read));
    bytes_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads__are_those_the_member_signed),
        cmocka_unit_test(heads__without_a_study_only_the_ledger_is_signed),
        cmocka_unit_test(heads__are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, consortium_set_up, consortium_tear_down);
}
