#include "wire/endpoint.h"

#include "check.h"

static void endpoint__takes_names_and_numbers_with_a_port(void **state)
{
    (void)state;
    static const char *const fine[] = {
        "tcp://127.0.0.1:7400",
        "tcp://gemel.example-hospital.org:1",
        "tcp://GEMEL:65535",
        "tcp://[::1]:7400",
        "tcp://[2001:db8::ffff:192.0.2.1]:80",
    };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        assert_ok(endpoint_check(fine[i], false));
        assert_ok(endpoint_check(fine[i], true));
    }
}

static void endpoint__lets_only_a_listener_leave_things_open(void **state)
{
    (void)state;
    static const char *const open[] = {"tcp://*:7400", "tcp://127.0.0.1:*",
                                       "tcp://127.0.0.1:0", "tcp://*:*"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        assert_ok(endpoint_check(open[i], true));
        assert_refused(ERR_RANGE, open[i], endpoint_check(open[i], false));
    }
}

static void endpoint__refuses_everything_else(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "tcp",
        "tcp://",
        "tcp://:7400",
        "tcp://host",
        "tcp://host:",
        "tcp://host:65536",
        "tcp://host:070",
        "tcp://host:7a",
        "tcp://host:-1",
        "tcp://host:00",
        "tcp://host: 1",
        "tcp://ho st:1",
        "tcp://host\n:1",
        "tcp://eth0;host:1",
        "tcp://::1:7400",
        "tcp://[]:1",
        "tcp://[::1:1",
        "tcp://[host]:1",
        "tcp://[fe80::1%eth0]:1",
        "tcp://-host:1",
        "tcp://.:1",
        "tcp://h\xc3\xb6st:1",
        "TCP://host:1",
        "ipc:///tmp/x:1",
        "inproc://host:1",
        "pgm://host:1",
        "tcp://host:1/",
        "tcp://**:1",
        "tcp://host:**",
        "http://host:1",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_refused(ERR_RANGE, "address", endpoint_check(wrong[i], false));
        assert_refused(ERR_RANGE, "address", endpoint_check(wrong[i], true));
    }
}

static void endpoint__bounds_its_length_before_it_reads(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'h', sizeof text);
    memcpy(text, "tcp://", 6);
    text[6 + 253] = '\0';
    strcat(text, ":1");
    assert_ok(endpoint_check(text, false));
    memmove(text + 7, text + 6, strlen(text + 6) + 1);
    assert_refused(ERR_RANGE, "no proper host", endpoint_check(text, false));
    memset(text, 'h', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_refused(ERR_RANGE, "more than 300", endpoint_check(text, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoint__takes_names_and_numbers_with_a_port),
        cmocka_unit_test(endpoint__lets_only_a_listener_leave_things_open),
        cmocka_unit_test(endpoint__refuses_everything_else),
        cmocka_unit_test(endpoint__bounds_its_length_before_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
