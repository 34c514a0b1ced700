#include "common/mono.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void arithmetic(void **state)
{
    (void)state;
    struct mono t = {5000000000};
    assert_int_equal(mono_add_ms(t, 250).ns, 5250000000);
    assert_int_equal(mono_add_ms(t, -250).ns, 4750000000);
    assert_int_equal(mono_add_ms(MONO_NEVER, -1000).ns, MONO_NEVER.ns);
    assert_int_equal(mono_add_ms(t, INT64_MAX).ns, MONO_NEVER.ns);
    assert_int_equal(mono_add_ms(t, INT64_MIN).ns, 0);
    assert_int_equal(mono_ms_between(t, mono_add_ms(t, 1999)), 1999);
    assert_int_equal(mono_ms_between(mono_add_ms(t, 10), t), -10);
    assert_int_equal(mono_min(t, MONO_NEVER).ns, t.ns);
    assert_int_equal(mono_max(t, MONO_ZERO).ns, t.ns);
    assert_true(mono_before(MONO_ZERO, t));
    assert_false(mono_before(t, t));
    assert_true(mono_reached(t, t));
    assert_false(mono_reached(mono_add_ms(t, 1), t));
    assert_false(mono_reached(MONO_NEVER, MONO_NEVER));
}

static void stamps_are_read(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t ms; } cases[] = {
        {"1970-01-01T00:00:01Z", 1000},
        {"2026-03-01T08:15:02.500Z", 1772352902500},
        {"2026-03-01T08:15:02.5Z", 1772352902500},
        {"2026-03-01T08:15:02.123456789Z", 1772352902123},
        {"2026-03-01T08:15:02.1234567Z", 1772352902123},   /* .NET's seven digits */
        {"2026-03-01T10:15:02+02:00", 1772352902000},
        {"2026-03-01T02:45:02-0530", 1772352902000},
        {"2026-03-01 08:15:02z", 1772352902000},
        {"2024-02-29T00:00:00Z", 1709164800000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool ok = false;
        assert_int_equal(wall_parse(cases[i].text, &ok).ms, cases[i].ms);
        assert_true(ok);
    }
}

static void nonsense_is_no_stamp(void **state)
{
    (void)state;
    static const char *const cases[] = {
        NULL, "", "2026", "2026-03-01", "2026-03-01T08:15:02", "2026-03-01T08:15:02.5", "2026-13-01T08:15:02Z", "2026-03-32T08:15:02Z",
        "2026-03-01T24:15:02Z", "2026-03-01T08:60:02Z", "2026-03-01T08:15:61Z", "2026-03-01T08:15:02Zx", "26-03-01T08:15:02Z",
        "+026-03-01T08:15:02Z",
        "2026-03-01T08:15:02+0", " 2026-03-01T08:15:02Z", "2026-00-10T08:15:02Z", "2026-03-00T08:15:02Z",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool ok = true;
        assert_int_equal(wall_parse(cases[i], &ok).ms, 0);
        assert_false(ok);
        assert_int_equal(wall_parse(cases[i], NULL).ms, 0);
    }
}

static void stamps_are_written(void **state)
{
    (void)state;
    char out[WALL_TEXT_MAX];
    assert_string_equal(wall_format((struct wall){1772352902050}, out), "2026-03-01T08:15:02.050Z");
    assert_string_equal(wall_format((struct wall){0}, out), "");
    assert_string_equal(wall_format_micro((struct wall){1772352902050}, out), "2026-03-01T08:15:02.050000Z");
    assert_string_equal(wall_format_micro((struct wall){0}, out), "1970-01-01T00:00:00.000000Z");
}

static void durations_are_written(void **state)
{
    (void)state;
    static const struct { int64_t ms; const char *text; } cases[] = {
        {0, "0ms"}, {999, "999ms"}, {1000, "1s"}, {59999, "59s"}, {61000, "1m1s"}, {3600000, "1h0m"}, {3720000, "1h2m"}, {90000000, "1d1h"},
    };
    char out[WALL_TEXT_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(duration_format(cases[i].ms, out), cases[i].text);
}

static void durations_are_read(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t ms; } cases[] = {
        {"90", 90000}, {"0", 0}, {"500ms", 500}, {"30s", 30000}, {"10m", 600000}, {"2h", 7200000}, {"1d", 86400000},
        {"1h30m", 5400000}, {"1m500ms", 60500},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = -1;
        assert_int_equal(duration_parse(cases[i].text, 1000, &ms), 0);
        assert_int_equal(ms, cases[i].ms);
    }
    int64_t ms = -1;
    assert_int_equal(duration_parse("1500", 1, &ms), 0);
    assert_int_equal(ms, 1500);
}

static void nonsense_is_no_duration(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "", "-1", "s", "1x", "1 s", " 1", "1.5s", "99999999999999999999", "9223372036854775807s", "106752d", "1s ", "ten", "1S",
        "1sm",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 42;
        assert_int_equal(duration_parse(cases[i], 1000, &ms), -1);
        assert_int_equal(ms, 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(stamps_are_read),
        cmocka_unit_test(nonsense_is_no_stamp),
        cmocka_unit_test(stamps_are_written),
        cmocka_unit_test(durations_are_written),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(nonsense_is_no_duration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
