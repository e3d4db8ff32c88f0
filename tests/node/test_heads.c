#include "check.h"
#include "hospital.h"

#include "node/heads.h"
#include "node/part.h"
#include "node/serve.h"

/* heads - two honest hospitals of one study, and a coordinator that tells each what it
 * likes: what it can say and do not find out. */

/* Hospital 0 and hospital 1 of one consortium, both of which approved the study. */
struct pair {
    struct hospital *one, other;
    struct node_study *study[2]; /* as each sees it */
};

static struct hospital *hospital_at(struct pair *p, size_t which)
{
    return which == 0 ? p->one : &p->other;
}

static int set_up(void **state)
{
    struct pair *p = mem_new(1, sizeof *p);
    void *first;
    if (hospital_set_up(&first) != 0)
        return -1;
    p->one = first;
    p->other = *p->one;
    p->other.folder = scratch_path(p->one->directory, "other");
    assert_ok(node_create(p->other.folder, p->one->c->members[0].name, &p->other.node));
    assert_ok(home_set(p->other.node->home, "identity",
                       identity_secret(p->one->c->hospitals[1]), IDENTITY_SECRET_BYTES));
    hospital_restart(&p->other);
    hospital_join(&p->other);
    p->other.policy = 0;
    hospital_policy(&p->other, NULL);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;
    void *first = p->one;
    for (size_t i = 0; i < 2; i++)
        if (p->study[i])
            node_study_destroy(&p->study[i]);
    node_destroy(&p->other.node);
    free(p->other.folder);
    mem_free(p);
    return hospital_tear_down(&first);
}

#define IN_PAIR(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void approve(struct pair *p)
{
    for (size_t i = 0; i < 2; i++)
        p->study[i] = hospital_approved(hospital_at(p, i));
}

/* --- the coordinator's mouth
 * ------------------------------------------------------------------------- */

/* What hospital `of` signs of how far it has come, taken from the poll it sends. */
static struct heads shown_by(struct pair *p, size_t of)
{
    struct hospital *h = hospital_at(p, of);
    struct node_exchange exchange;
    struct bytes frame = {0};
    struct poll poll;
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    assert_ok(node_exchange_ask(h->node, &exchange, p->study[of], &frame));
    struct envelope envelope = hospital_envelope(&frame, arena);
    assert_ok(codec_decode_poll(envelope.body, arena, &poll));
    struct heads heads = heads_shown(&poll, h->node->key);
    arena_destroy(&arena);
    bytes_free(&frame);
    return heads;
}

/* Hospital `to` polls; the answer has these links and heads. */
static enum err tell(struct pair *p, size_t to, const struct bytes *links, size_t count,
                     const struct heads *heads)
{
    struct hospital *h = hospital_at(p, to);
    struct node_exchange exchange;
    struct node_exchange_news news = {0};
    struct bytes frame = {0}, answer = {0}, shown = {0};
    struct view views[3], head;
    for (size_t i = 0; i < count; i++)
        views[i] = codec_view(&links[i]);
    if (heads)
        heads_write(heads, &shown);
    head = codec_view(&shown);
    const struct reply reply = {.retry_after_ms = 1000,
                                .waiting = "nothing",
                                .now = NOW,
                                .links = {views, count},
                                .heads = {&head, heads ? 1 : 0}};
    assert_ok(node_exchange_ask(h->node, &exchange, p->study[to], &frame));
    hospital_reply(h, &frame, &reply, &answer);
    enum err err =
        node_exchange_take(h->node, &h->clock, &exchange, p->study[to], &answer, &news);
    node_exchange_news_clear(&news);
    bytes_free(&frame);
    bytes_free(&answer);
    bytes_free(&shown);
    return err;
}

/* --- what it may say
 * ------------------------------------------------------------------------- */

/* What tells one link of a round from another. */
struct variant {
    double shift; /* of the prior's level */
    uint8_t sum, plan, survivors;
    uint32_t contributions;
};

/* Append the links of rounds 1 to `count`, of which `variants` says how they are. */
static void make_links(const struct hospital *h, const struct variant *variants,
                       size_t count, struct bytes *links)
{
    uint8_t head[HASH_BYTES];
    memcpy(head, h->c->terms_hash, HASH_BYTES);
    for (size_t i = 0; i < count; i++) {
        const struct variant *v = &variants[i];
        struct bytes prior = {0};
        struct chain_link link = {.round = i + 1, .contributions = v->contributions};
        memcpy(link.study, h->c->terms.study, STUDY_BYTES);
        memcpy(link.previous, head, HASH_BYTES);
        memset(link.sum, v->sum, HASH_BYTES);
        memset(link.plan, v->plan, HASH_BYTES);
        memset(link.survivors, v->survivors, HASH_BYTES);
        h->prior->effects[0] += v->shift;
        prior_write(h->prior, &prior);
        h->prior->effects[0] -= v->shift;
        link.prior = codec_view(&prior);
        assert_ok(chain_sign(h->c->coordinator, &link, &links[i], head));
        bytes_free(&prior);
    }
}

/* Twenty stories: of each round, what hospital 0 is told and what hospital 1 is. */
struct story {
    const char *what;
    size_t lengths[2]; /* how many priors each is told */
    struct variant told[2][3];
    bool mutual; /* whoever of the two asks later finds out; else only hospital 1 does */
};

#define PRIOR                                                                            \
    {                                                                                    \
        0.2, 1, 1, 1, 3                                                                  \
    }
#define OTHER                                                                            \
    {                                                                                    \
        -0.3, 1, 1, 1, 3                                                                 \
    }
#define SUM                                                                              \
    {                                                                                    \
        0.1, 2, 1, 1, 3                                                                  \
    }
#define PLAN                                                                             \
    {                                                                                    \
        0.1, 1, 2, 1, 3                                                                  \
    }
#define SURVIVORS                                                                        \
    {                                                                                    \
        0.1, 1, 1, 2, 3                                                                  \
    }
#define FEWER                                                                            \
    {                                                                                    \
        0.1, 1, 1, 1, 4                                                                  \
    }

static const struct story stories[] = {
    {"two priors of round 1", {1, 1}, {{{0.1, 1, 1, 1, 3}}, {PRIOR}}, true},
    {"two priors of round 2", {2, 2}, {{PRIOR, PRIOR}, {PRIOR, OTHER}}, true},
    {"two priors of the last round",
     {3, 3},
     {{PRIOR, PRIOR, PRIOR}, {PRIOR, PRIOR, OTHER}},
     true},
    {"priors a hair apart", {1, 1}, {{PRIOR}, {{0.2 + 1e-12, 1, 1, 1, 3}}}, true},
    {"one prior of two sums", {1, 1}, {{PRIOR}, {SUM}}, true},
    {"one prior of two sums, last round",
     {3, 3},
     {{PRIOR, OTHER, SUM}, {PRIOR, OTHER, PLAN}},
     true},
    {"one prior of two plans", {2, 2}, {{PRIOR, PLAN}, {PRIOR, FEWER}}, true},
    {"one prior of other survivors", {2, 2}, {{PRIOR, SURVIVORS}, {PRIOR, PLAN}}, true},
    {"one prior of more hospitals", {1, 1}, {{FEWER}, {SUM}}, true},
    {"the old prior again, round 2", {2, 2}, {{PRIOR, OTHER}, {PRIOR, PRIOR}}, true},
    {"the old prior again, last round",
     {3, 3},
     {{PRIOR, OTHER, SUM}, {PRIOR, OTHER, OTHER}},
     true},
    {"the first prior again, last round",
     {3, 3},
     {{PRIOR, OTHER, SUM}, {PRIOR, OTHER, PRIOR}},
     true},
    {"a branch from the beginning", {2, 2}, {{PRIOR, SUM}, {OTHER, PLAN}}, true},
    {"a branch, one further than the other",
     {3, 2},
     {{PRIOR, SUM, SUM}, {OTHER, PLAN}},
     true},
    {"a branch that comes together again",
     {3, 3},
     {{PRIOR, SUM, PLAN}, {OTHER, SUM, PLAN}},
     true},
    {"the first prior withheld", {1, 0}, {{PRIOR}}, false},
    {"the second prior withheld", {2, 1}, {{PRIOR, OTHER}, {PRIOR}}, false},
    {"the last prior withheld", {3, 2}, {{PRIOR, OTHER, SUM}, {PRIOR, OTHER}}, false},
    {"two priors withheld", {3, 1}, {{PRIOR, OTHER, SUM}, {PRIOR}}, false},
    {"all priors withheld", {3, 0}, {{PRIOR, OTHER, SUM}}, false},
};
#define STORIES (sizeof stories / sizeof *stories)

/* --- what comes of it
 * ------------------------------------------------------------------------- */

static void told(struct pair *p, const struct story *story)
{
    for (size_t i = 0; i < 2; i++) {
        struct bytes links[3] = {0};
        make_links(p->one, story->told[i], story->lengths[i], links);
        if (tell(p, i, links, story->lengths[i], NULL) != ERR_OK)
            fail_msg("%s: %s", story->what, err_text());
        assert_int_equal(p->study[i]->chain.length, story->lengths[i]);
        for (size_t k = 0; k < 3; k++)
            bytes_free(&links[k]);
    }
}

/* The study is distrusted, for good and on record once, and no plan for it is entered. */
static void finds_out(struct pair *p, size_t which, const struct heads *heads,
                      const char *what)
{
    struct hospital *h = hospital_at(p, which);
    struct plan plan = hospital_plan(h);
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    struct part *part;
    bool longer = heads->chain_length > p->study[which]->chain.length;
    if (tell(p, which, NULL, 0, heads) != ERR_VERIFY)
        fail_msg("%s: hospital %zu did not find out", what, which);
    assert_non_null(strstr(
        err_text(), reason_sentence(longer ? REASON_WITHHELD : REASON_EQUIVOCATION)));
    assert_non_null(strstr(err_hint_text(), "distrusted"));
    assert_int_equal(hospital_entries(h, AUDIT_DISTRUST), 1);
    assert_int_equal(hospital_entries(h, AUDIT_REFUSAL), 0);
    node_study_destroy(&p->study[which]);
    hospital_restart(h);
    p->study[which] = hospital_opened(h);
    assert_int_equal(p->study[which]->state, STUDY_DISTRUSTED);
    struct json *alarms = node_serve_alarms(h->node);
    assert_int_equal(json_count(alarms), 1);
    assert_non_null(strstr(json_as_text(json_at(alarms, 0)), "pressure is distrusted"));
    json_destroy(&alarms);
    plan.round = p->study[which]->chain.length + 1;
    memcpy(plan.chain_head, p->study[which]->chain.head, HASH_BYTES);
    assert_ok(plan_sign(h->c->coordinator, &plan, &bytes, hash));
    assert_refused(ERR_DENIED, "distrusted",
                   part_new(h->node, &h->clock, h->c->terms.study, codec_view(&bytes),
                            NULL, &part, NULL));
    bytes_free(&bytes);
}

static void run_story(const struct story *story)
{
    void *state;
    assert_int_equal(set_up(&state), 0);
    struct pair *p = state;
    approve(p);
    told(p, story);
    const struct heads first = shown_by(p, 0), second = shown_by(p, 1);
    finds_out(p, 1, &first, story->what);
    if (story->mutual)
        finds_out(p, 0, &second, story->what);
    else /* whoever has everything cannot know that another has not */
        assert_ok(tell(p, 0, NULL, 0, &second));
    assert_int_equal(tear_down(&state), 0);
}

static void heads__twenty_stories_are_found_out(void **state)
{
    (void)state;
    assert_int_equal(STORIES, 20);
    for (size_t i = 0; i < STORIES; i++)
        run_story(&stories[i]);
}

/* Without heads, too, the two never make a sum together again: a plan that continues what
 * one was told is refused by the other. */
static void heads__a_fork_never_meets_again(void **state)
{
    struct pair *p = *state;
    struct plan plan = hospital_plan(p->one);
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    struct part *part;
    approve(p);
    hospital_patients(p->one, PATIENTS);
    hospital_patients(&p->other, PATIENTS);
    told(p, &stories[0]);
    plan.round = 2;
    memcpy(plan.chain_head, p->study[0]->chain.head, HASH_BYTES);
    assert_ok(plan_sign(p->one->c->coordinator, &plan, &bytes, hash));
    assert_ok(part_new(p->one->node, &p->one->clock, p->one->c->terms.study,
                       codec_view(&bytes), NULL, &part, NULL));
    part_destroy(&part);
    assert_refused(ERR_VERIFY, reason_sentence(REASON_WRONG_CHAIN),
                   part_new(p->other.node, &p->other.clock, p->one->c->terms.study,
                            codec_view(&bytes), NULL, &part, NULL));
    assert_int_equal(hospital_entries(&p->other, AUDIT_REFUSAL), 1);
    bytes_free(&bytes);
}

/* Other terms, with another starting prior, under the number of the same study. */
static void heads__other_terms_are_found_out(void **state)
{
    struct pair *p = *state;
    struct consortium *c = p->one->c;
    bool fresh;
    p->study[0] = hospital_approved(p->one);
    c->terms.purpose = "something else";
    c->terms_bytes.size = 0;
    assert_ok(terms_sign(c->coordinator, &c->terms, &c->terms_bytes, c->terms_hash));
    p->study[1] = hospital_approved(&p->other);
    const struct heads first = shown_by(p, 0), second = shown_by(p, 1);
    assert_refused(ERR_VERIFY, reason_sentence(REASON_EQUIVOCATION),
                   tell(p, 1, NULL, 0, &first));
    assert_refused(ERR_VERIFY, reason_sentence(REASON_EQUIVOCATION),
                   tell(p, 0, NULL, 0, &second));
    assert_refused(
        ERR_VERIFY, "other terms under the number",
        node_studies_offer(p->one->node, codec_view(&c->terms_bytes), NOW, &fresh));
}

/* --- what is no lie
 * ------------------------------------------------------------------------- */

static void heads__one_chain_raises_no_alarm(void **state)
{
    struct pair *p = *state;
    struct bytes links[3] = {0};
    const struct variant variants[3] = {PRIOR, OTHER, SUM};
    struct heads older;
    approve(p);
    make_links(p->one, variants, 3, links);
    for (size_t length = 0; length <= 3; length++) {
        if (length)
            assert_ok(tell(p, 0, &links[length - 1], 1, NULL));
        const struct heads ahead = shown_by(p, 0);
        if (length) { /* behind, and brought up by the same answer */
            assert_ok(tell(p, 1, NULL, 0, &older));
            assert_ok(tell(p, 1, &links[length - 1], 1, &ahead));
        }
        const struct heads level = shown_by(p, 1);
        assert_ok(tell(p, 0, NULL, 0, &level));
        assert_ok(tell(p, 1, NULL, 0, &ahead));
        older = ahead;
    }
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(hospital_entries(hospital_at(p, i), AUDIT_DISTRUST), 0);
    for (size_t i = 0; i < 3; i++)
        bytes_free(&links[i]);
}

/* More links than fit an answer: whoever is on its way up is not told of what is missing.
 */
static void heads__links_may_take_several_answers(void **state)
{
    struct pair *p = *state;
    struct bytes links[3] = {0};
    const struct variant variants[3] = {PRIOR, OTHER, SUM};
    approve(p);
    make_links(p->one, variants, 3, links);
    assert_ok(tell(p, 0, links, 3, NULL));
    const struct heads ahead = shown_by(p, 0);
    for (size_t i = 0; i < 3; i++)
        assert_ok(tell(p, 1, &links[i], 1, &ahead));
    assert_ok(tell(p, 1, NULL, 0, &ahead));
    for (size_t i = 0; i < 3; i++)
        bytes_free(&links[i]);
}

/* A coordinator cannot make one hospital distrust it in another's name. */
static void heads__nobody_can_sign_for_another(void **state)
{
    struct pair *p = *state;
    approve(p);
    const struct heads good = shown_by(p, 0);
    struct heads heads = good;
    struct poll poll = {.chain_length = 0};
#define REFUSED(change, reason)                                                          \
    change;                                                                              \
    assert_refused(reason == REASON_NOT_PARTICIPANT ? ERR_DENIED : ERR_VERIFY,           \
                   reason_sentence(reason), tell(p, 1, NULL, 0, &heads));                \
    heads = good
    REFUSED(heads.chain_length++, REASON_BAD_SIGNATURE);
    REFUSED(heads.chain_head[0] ^= 1, REASON_BAD_SIGNATURE);
    REFUSED(heads.ledger_length++, REASON_BAD_SIGNATURE);
    REFUSED(memcpy(heads.member, p->one->c->keys + 2 * KEY_BYTES, KEY_BYTES),
            REASON_BAD_SIGNATURE);
    assert_ok(heads_sign(p->one->c->stranger, p->one->c->terms.study, &poll));
    REFUSED(heads = heads_shown(&poll, p->one->c->stranger_key), REASON_NOT_PARTICIPANT);
#undef REFUSED
    assert_int_equal(hospital_entries(&p->other, AUDIT_DISTRUST), 0);
    assert_int_equal(hospital_entries(&p->other, AUDIT_REFUSAL), 2); /* causes */
    assert_ok(tell(p, 1, NULL, 0, &good));
}

/* What another has shown is told to it again, the longest of it, and to nobody else. */
static void heads__remember_the_longest_ledger(void **state)
{
    struct pair *p = *state;
    struct hospital *h = p->one;
    const uint64_t lengths[] = {3, 7, 5};
    const uint8_t *other = p->other.node->key;
    uint8_t note[HEADS_NOTE_BYTES] = {0}, expected[HEADS_NOTE_BYTES];
    approve(p);
    node_heads_tell(h->node, other, note);
    assert_true(bytes_are_zero(note, sizeof note));
    for (size_t i = 0; i < 3; i++) {
        struct poll poll = {.ledger_length = lengths[i]};
        memset(poll.ledger_head, (int)lengths[i], HASH_BYTES);
        memcpy(poll.chain_head, h->c->terms_hash, HASH_BYTES);
        assert_ok(heads_sign(h->c->hospitals[1], h->c->terms.study, &poll));
        const struct heads heads = heads_shown(&poll, other);
        assert_ok(tell(p, 0, NULL, 0, &heads));
        if (lengths[i] == 7)
            heads_note_write(&heads, expected);
    }
    hospital_restart(h);
    node_heads_tell(h->node, other, note);
    assert_memory_equal(note, expected, sizeof note);
    assert_refused(ERR_VERIFY, "another hospital has seen one of 7 entries",
                   node_heads_told(p->other.node, h->node->key, note));
    assert_refused(ERR_VERIFY, "another hospital has seen one of 7 entries",
                   node_heads_ledger(p->other.node));
    assert_ok(node_heads_told(h->node, other, note)); /* it is not its own */
    memset(note, 0, sizeof note);
    node_heads_tell(h->node, h->c->keys + 2 * KEY_BYTES, note);
    assert_true(bytes_are_zero(note, sizeof note));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads__twenty_stories_are_found_out),
        IN_PAIR(heads__a_fork_never_meets_again),
        IN_PAIR(heads__other_terms_are_found_out),
        IN_PAIR(heads__one_chain_raises_no_alarm),
        IN_PAIR(heads__links_may_take_several_answers),
        IN_PAIR(heads__nobody_can_sign_for_another),
        IN_PAIR(heads__remember_the_longest_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
