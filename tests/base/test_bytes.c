#include "base/bytes.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

#include "check.h"

static void bytes__grow_and_keep_every_byte(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    bytes_append(&bytes, NULL, 0);
    assert_int_equal(bytes.size, 0);
    for (unsigned i = 0; i < 5000; i++)
        bytes_u8(&bytes, (uint8_t)(i * 7));
    assert_int_equal(bytes.size, 5000);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(bytes.data[i], (uint8_t)(i * 7));
    bytes_free(&bytes);
    assert_null(bytes.data);
    assert_int_equal(bytes.size + bytes.capacity, 0);
}

static void bytes__stay_where_they_are_while_there_is_room(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    bytes_append(&bytes, "abc", 3);
    bytes_reserve(&bytes, 1000);
    const uint8_t *data = bytes.data;
    assert_int_equal(bytes.capacity, 1003);
    for (int i = 0; i < 1000; i++)
        bytes_u8(&bytes, 'd');
    assert_ptr_equal(bytes.data, data);
    assert_int_equal(bytes.size, 1003);
    assert_memory_equal(bytes.data, "abcd", 4);
    bytes_reserve(&bytes, 0);
    assert_ptr_equal(bytes.data, data);
    bytes_free(&bytes);
}

static void bytes__may_append_a_part_of_themselves(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    bytes_append(&bytes, "abc", 3);
    for (int i = 0; i < 6; i++)
        bytes_append(&bytes, bytes.data, bytes.size);
    assert_int_equal(bytes.size, 3 << 6);
    for (size_t i = 0; i < bytes.size; i++)
        assert_int_equal(bytes.data[i], "abc"[i % 3]);
    bytes_free(&bytes);
}

static void bytes__numbers_are_little_endian(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    bytes_u8(&bytes, 0xab);
    bytes_u32(&bytes, 0x01020304);
    bytes_u64(&bytes, 0x1122334455667788);
    bytes_i64(&bytes, -2);
    bytes_f64(&bytes, -0.0);
    bytes_text(&bytes, "hi");
    char hex[2 * 64 + 1];
    bytes_to_hex(bytes.data, bytes.size, hex);
    assert_string_equal(hex, "ab"
                             "04030201"
                             "8877665544332211"
                             "feffffffffffffff"
                             "0000000000000080"
                             "020000006869");
    bytes_free(&bytes);
}

static void cursor__reads_back_what_was_written(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    bytes_u8(&bytes, 200);
    bytes_u32(&bytes, UINT32_MAX);
    bytes_u64(&bytes, UINT64_MAX - 1);
    bytes_i64(&bytes, INT64_MIN);
    bytes_f64(&bytes, -1.5e-300);
    bytes_field(&bytes, "\0\1", 2);
    bytes_text(&bytes, "Größe");
    struct cursor cursor = {bytes.data, bytes.size, 0};
    uint8_t u8;
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    double f64;
    const uint8_t *view;
    size_t size;
    char *text;
    assert_ok(cursor_u8(&cursor, &u8));
    assert_ok(cursor_u32(&cursor, &u32));
    assert_ok(cursor_u64(&cursor, &u64));
    assert_ok(cursor_i64(&cursor, &i64));
    assert_ok(cursor_f64(&cursor, &f64));
    assert_ok(cursor_field(&cursor, &view, &size));
    assert_refused(ERR_FORMAT, "11 bytes too many", cursor_end(&cursor));
    assert_ok(cursor_text(&cursor, 7, &text));
    assert_ok(cursor_end(&cursor));
    assert_int_equal(u8, 200);
    assert_true(u32 == UINT32_MAX && u64 == UINT64_MAX - 1 && i64 == INT64_MIN);
    assert_true(f64 == -1.5e-300);
    assert_int_equal(size, 2);
    assert_memory_equal(view, "\0\1", 2);
    assert_string_equal(text, "Größe");
    mem_free(text);
    bytes_free(&bytes);
}

static void cursor__never_runs_past_the_end(void **state)
{
    (void)state;
    uint8_t data[16] = {0};
    uint8_t u8 = 77;
    uint32_t u32 = 77;
    uint64_t u64 = 77;
    struct cursor cursor = {data, 3, 0};
    assert_refused(ERR_FORMAT, "ends early", cursor_u32(&cursor, &u32));
    assert_refused(ERR_FORMAT, "ends early", cursor_u64(&cursor, &u64));
    assert_int_equal(cursor.at, 0);
    cursor.at = 3;
    assert_refused(ERR_FORMAT, "ends early", cursor_u8(&cursor, &u8));
    cursor.at = SIZE_MAX; /* a caller's slip must not wrap round */
    assert_refused(ERR_FORMAT, "ends early", cursor_u8(&cursor, &u8));
    assert_true(u8 == 77 && u32 == 77 && u64 == 77);
}

static void cursor__field_longer_than_the_rest_is_refused_and_nothing_moves(void **state)
{
    (void)state;
    uint8_t data[] = {5, 0, 0, 0, 'a', 'b', 'c', 'd', 0xff, 0xff, 0xff, 0xff};
    struct cursor cursor = {data, 8, 0};
    const uint8_t *view = NULL;
    size_t size = 77;
    assert_refused(ERR_FORMAT, "5 bytes wanted", cursor_field(&cursor, &view, &size));
    assert_int_equal(cursor.at, 0);
    assert_null(view);
    assert_int_equal(size, 77);
    cursor = (struct cursor){data, sizeof data, 8};
    assert_refused(ERR_FORMAT, "4294967295 bytes wanted",
                   cursor_field(&cursor, &view, &size));
}

static void cursor__text_is_short_utf8_without_zero(void **state)
{
    (void)state;
    const struct {
        const char *text;
        size_t size;
        const char *part;
    } bad[] = {{"a\0b", 3, "not UTF-8"},
               {"\xff", 1, "not UTF-8"},
               {"123456789", 9, "limit is 8"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bytes bytes = {0};
        bytes_field(&bytes, bad[i].text, bad[i].size);
        struct cursor cursor = {bytes.data, bytes.size, 0};
        char *text = NULL;
        assert_refused(ERR_FORMAT, bad[i].part, cursor_text(&cursor, 8, &text));
        assert_null(text);
        assert_int_equal(cursor.at, 0);
        bytes_free(&bytes);
    }
}

static void bytes__utf8_follows_rfc_3629(void **state)
{
    (void)state;
    const char *good[] = {"",
                          "abc",
                          "\xc2\x80",
                          "\xdf\xbf",
                          "\xe0\xa0\x80",
                          "\xed\x9f\xbf",
                          "\xee\x80\x80",
                          "\xef\xbf\xbf",
                          "\xf0\x90\x80\x80",
                          "\xf4\x8f\xbf\xbf",
                          "µg/L ≤ 3"};
    const char *bad[] = {"\x80",
                         "\xc0\x80",
                         "\xc1\xbf",
                         "\xc2",
                         "\xc2x",
                         "\xe0\x9f\xbf",
                         "\xe2\x82",
                         "\xed\xa0\x80",
                         "\xf0\x8f\xbf\xbf",
                         "\xf4\x90\x80\x80",
                         "\xf5\x80\x80\x80",
                         "\xfe",
                         "ab\xe2\x28\xa1",
                         "\xf0\x90\x80"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(bytes_are_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (bytes_are_utf8(bad[i], strlen(bad[i])))
            fail_msg("bad sequence %zu passes", i);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char *same = bytes_to_utf8(good[i]);
        assert_string_equal(same, good[i]);
        mem_free(same);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *mended = bytes_to_utf8(bad[i]);
        assert_true(bytes_are_utf8(mended, strlen(mended)));
        assert_non_null(strstr(mended, "\xef\xbf\xbd"));
        mem_free(mended);
    }
    assert_int_equal(bytes_utf8_count("µg/L ≤ 3", strlen("µg/L ≤ 3")), 8);
    char *mended = bytes_to_utf8("ab\xe2\x28\xa1\xe2\x82");
    assert_string_equal(mended, "ab\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    mem_free(mended);
}

static void bytes__hex_is_exact(void **state)
{
    (void)state;
    uint8_t data[4] = {0};
    assert_ok(bytes_from_hex("00aBfF7e", data, 4));
    assert_memory_equal(data, "\x00\xab\xff\x7e", 4);
    assert_ok(bytes_from_hex("", data, 0));
    const char *bad[] = {"",         "00abff",     "00abff7e00", "00abff7g",
                         " 0abff7e", "00abff7e\n", "0x00abff",   "00:ab:ff:7e"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(ERR_FORMAT, "hexadecimal", bytes_from_hex(bad[i], data, 4));
    assert_memory_equal(data, "\x00\xab\xff\x7e", 4);
}

/* RFC 4648 section 10. */
static void bytes__base64_of_the_rfc(void **state)
{
    (void)state;
    const char *pairs[][2] = {{"", ""},
                              {"f", "Zg=="},
                              {"fo", "Zm8="},
                              {"foo", "Zm9v"},
                              {"foob", "Zm9vYg=="},
                              {"fooba", "Zm9vYmE="},
                              {"foobar", "Zm9vYmFy"},
                              {"\xfb\xff\xbe", "+/++"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t size = strlen(pairs[i][0]);
        char *text = bytes_to_base64((const uint8_t *)pairs[i][0], size);
        assert_string_equal(text, pairs[i][1]);
        struct bytes back = {0};
        assert_ok(bytes_from_base64(text, strlen(text), &back));
        assert_int_equal(back.size, size);
        if (size)
            assert_memory_equal(back.data, pairs[i][0], size);
        mem_free(text);
        bytes_free(&back);
    }
}

static void bytes__base64_has_one_spelling(void **state)
{
    (void)state;
    const char *bad[] = {
        "Z",     "Zg",    "Zg=",  "Zg===", "Zh==", "Zm9=",     "Zm9v\n",  " Zm9v",
        "Zm 9v", "Zm9v=", "====", "Z===",  "-_--", "Zg==Zg==", "Zm9v=m9v"};
    struct bytes back = {0};
    bytes_u8(&back, 7);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (bytes_from_base64(bad[i], strlen(bad[i]), &back) == ERR_OK)
            fail_msg("\"%s\" passes", bad[i]);
        assert_int_equal(err_code(), ERR_FORMAT);
        assert_int_equal(back.size, 1);
    }
    assert_refused(ERR_FORMAT, "base64", bytes_from_base64("Zm9v\0AAA", 8, &back));
    bytes_free(&back);
}

static void bytes__armour_carries_any_size_through_crlf_and_white_space(void **state)
{
    (void)state;
    for (size_t size = 0; size < 200; size += 1) {
        uint8_t data[200];
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)(i * 31 + size);
        char *text = bytes_to_armour("TEST PLAN", data, size);
        assert_memory_equal(text, "-----BEGIN GEMEL TEST PLAN-----\n", 32);
        struct bytes crlf = {0}, back = {0};
        bytes_append(&crlf, " \n\t", 3);
        for (const char *c = text; *c; c++)
            bytes_append(&crlf, *c == '\n' ? "\r\n" : c, *c == '\n' ? 2 : 1);
        bytes_append(&crlf, "\n  ", 3);
        assert_ok(bytes_from_armour("TEST PLAN", text, strlen(text), &back));
        assert_ok(bytes_from_armour("TEST PLAN", (char *)crlf.data, crlf.size, &back));
        assert_int_equal(back.size, 2 * size);
        if (size) {
            assert_memory_equal(back.data, data, size);
            assert_memory_equal(back.data + size, data, size);
        }
        mem_free(text);
        bytes_free(&crlf);
        bytes_free(&back);
    }
}

static void bytes__armour_refuses_every_change_of_its_frame(void **state)
{
    (void)state;
    uint8_t data[100] = {1, 2, 3};
    char *text = bytes_to_armour("PLAN", data, sizeof data);
    size_t size = strlen(text);
    struct bytes back = {0};
    assert_refused(ERR_FORMAT, "not a Gemel ROSTER but \"-----BEGIN GEMEL PLAN-----\"",
                   bytes_from_armour("ROSTER", text, size, &back));
    assert_refused(ERR_FORMAT, "not a Gemel PLAN: no",
                   bytes_from_armour("PLAN", "", 0, &back));
    for (size_t cut = 1; cut + 1 < size; cut++) /* without any part of its tail */
        assert_int_equal(bytes_from_armour("PLAN", text, cut, &back), ERR_FORMAT);
    char *twice = mem_format("%s%s", text, text);
    assert_refused(ERR_FORMAT, "text after the end",
                   bytes_from_armour("PLAN", twice, strlen(twice), &back));
    char *before = mem_format("x\n%s", text);
    assert_refused(ERR_FORMAT, "no \"-----BEGIN",
                   bytes_from_armour("PLAN", before, strlen(before), &back));
    char *gap = mem_text(text), *line = strchr(gap, '\n');
    memmove(line + 10, line + 11, strlen(line + 11) + 1); /* a character less in a line */
    assert_refused(ERR_FORMAT, "lines were changed",
                   bytes_from_armour("PLAN", gap, strlen(gap), &back));
    line = strchr(text, '\n');
    line[20] = '!';
    assert_refused(ERR_FORMAT, "not base64",
                   bytes_from_armour("PLAN", text, size, &back));
    assert_int_equal(back.size, 0);
    mem_free(text);
    mem_free(twice);
    mem_free(before);
    mem_free(gap);
}

/* Expected: python3, hashlib.blake2b(le32(len(tag)) + tag + le32(len(data)) + data,
 * digest_size=32). */
static void bytes__hash_is_blake2b_of_two_fields(void **state)
{
    (void)state;
    uint8_t ramp[1280];
    for (size_t i = 0; i < sizeof ramp; i++)
        ramp[i] = (uint8_t)i;
    const struct {
        const char *tag;
        const void *data;
        size_t size;
        const char *hex;
    } rows[] = {
        {"gemel.test", NULL, 0,
         "28eb7e4cf6dbbb3da6410e5d0b9d9a9b1b29eacb6f81dce2e131e2a983279d8f"},
        {"gemel.test", "abc", 3,
         "e5710ab2bb55161fef162ef1d0b90884060209f61c0b0e0df2174620421c5e00"},
        {"", ramp, sizeof ramp,
         "c1cc41d6e23587a1a156463e3cf9396827b030a2b7080f342e910ef67f54a302"},
        {"gemel.testa", "bc", 2,
         "59ff28ce6757c5dc5978256c0d64d4cb9c5df11edad6ade7a5cb50d2e79b6f0b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t hash[HASH_BYTES];
        char hex[2 * HASH_BYTES + 1];
        bytes_hash(rows[i].tag, rows[i].data, rows[i].size, hash);
        bytes_to_hex(hash, sizeof hash, hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

static void bytes__equal_and_wipe(void **state)
{
    (void)state;
    char a[] = "secret", b[] = "secreT";
    assert_true(bytes_equal(a, "secret", 6));
    assert_true(bytes_are_zero("\0\0\0x", 3));
    assert_false(bytes_are_zero("\0\0\0x", 4));
    assert_true(bytes_are_zero("x", 0));
    assert_true(bytes_equal(a, b, 5));
    assert_false(bytes_equal(a, b, 6));
    bytes_wipe(a, sizeof a);
    for (size_t i = 0; i < sizeof a; i++)
        assert_int_equal(a[i], 0);
}

/* Whether comparing reads the last bytes of two runs that differ in the first one: they
 * cannot be read, and whoever reads them ends. */
static bool reads_to_the_end(bool (*equal)(const void *a, const void *b, size_t size))
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *runs =
        mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(runs, MAP_FAILED);
    runs[0] = 1;
    assert_int_equal(mprotect(runs + page, page, PROT_NONE), 0);
    assert_int_equal(mprotect(runs + 3 * page, page, PROT_NONE), 0);
    int status;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        _exit(equal(runs, runs + 2 * page, 2 * page));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    munmap(runs, 4 * page);
    return WIFSIGNALED(status);
}

static bool equal_in_a_hurry(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

/* A comparison that ends early tells by its time how much of a tag or key was right. */
static void bytes__equal_looks_at_everything(void **state)
{
    (void)state;
    assert_true(reads_to_the_end(bytes_equal));
    assert_false(reads_to_the_end(equal_in_a_hurry)); /* or it would show nothing */
}

/* AddressSanitizer makes mlock do nothing, so there is nothing to see under it. */
#if defined(__SANITIZE_ADDRESS__)
#define LOCKING_WORKS false
#elif defined(__has_feature)
#define LOCKING_WORKS !__has_feature(address_sanitizer)
#else
#define LOCKING_WORKS true
#endif

static long locked_kib(void)
{
    long kib = -1;
    char line[200];
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "VmLck: %ld kB", &kib);
    if (status)
        fclose(status);
    return kib;
}

static void secret__is_locked_zeroed_and_given_back(void **state)
{
    (void)state;
    if (!LOCKING_WORKS)
        skip();
    secret_free(NULL);
    long before = locked_kib();
    void *secret = NULL;
    assert_ok(secret_new(5000, &secret));
    assert_in_range(locked_kib() - before, 5, 64);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(((char *)secret)[i], 0);
    memset(secret, 7, 5000);
    secret_free(secret);
    assert_int_equal(locked_kib(), before);
}

static void secret__writing_past_its_end_kills(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        void *secret = NULL;
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGSEGV, SIG_DFL);
        if (secret_new(32, &secret) == ERR_OK)
            ((volatile char *)secret)[32] = 1;
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* In a child that may not lock a byte. Root may lock past the limit, so it stops being
 * root first. */
static void secret__refuses_what_the_kernel_does_not_lock(void **state)
{
    (void)state;
    if (!LOCKING_WORKS)
        skip();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        void *secret = NULL;
        if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
            (geteuid() == 0 && setuid(65534) != 0))
            _exit(2);
        enum err err = secret_new(32, &secret);
        bool clear = strstr(err_text(), "will not lock") &&
                     strstr(err_hint_text(), "ulimit -l") &&
                     strstr(err_hint_text(), "LimitMEMLOCK");
        _exit(err == ERR_STORAGE && clear && !secret ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes__grow_and_keep_every_byte),
        cmocka_unit_test(bytes__may_append_a_part_of_themselves),
        cmocka_unit_test(bytes__stay_where_they_are_while_there_is_room),
        cmocka_unit_test(bytes__numbers_are_little_endian),
        cmocka_unit_test(cursor__reads_back_what_was_written),
        cmocka_unit_test(cursor__never_runs_past_the_end),
        cmocka_unit_test(cursor__field_longer_than_the_rest_is_refused_and_nothing_moves),
        cmocka_unit_test(cursor__text_is_short_utf8_without_zero),
        cmocka_unit_test(bytes__utf8_follows_rfc_3629),
        cmocka_unit_test(bytes__hex_is_exact),
        cmocka_unit_test(bytes__base64_of_the_rfc),
        cmocka_unit_test(bytes__base64_has_one_spelling),
        cmocka_unit_test(bytes__armour_carries_any_size_through_crlf_and_white_space),
        cmocka_unit_test(bytes__armour_refuses_every_change_of_its_frame),
        cmocka_unit_test(bytes__hash_is_blake2b_of_two_fields),
        cmocka_unit_test(bytes__equal_and_wipe),
        cmocka_unit_test(bytes__equal_looks_at_everything),
        cmocka_unit_test(secret__is_locked_zeroed_and_given_back),
        cmocka_unit_test(secret__writing_past_its_end_kills),
        cmocka_unit_test(secret__refuses_what_the_kernel_does_not_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
