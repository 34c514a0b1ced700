#include "common/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct backoff seconds = {.first_ms = 1000, .max_ms = 60000};

static void doubles_to_the_cap(void **state)
{
    (void)state;
    static const struct { unsigned failures; int64_t most; } cases[] = {
        {1, 1000}, {2, 2000}, {3, 4000}, {6, 32000}, {7, 60000}, {8, 60000}, {64, 60000}, {UINT32_MAX, 60000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(backoff_delay(&seconds, cases[i].failures, 1023), cases[i].most);
        assert_int_equal(backoff_delay(&seconds, cases[i].failures, 0), cases[i].most / 2);
    }
}

static void jitter_stays_within_half(void **state)
{
    (void)state;
    int64_t low = INT64_MAX, high = 0;
    for (uint64_t random = 0; random < 5000; random += 7) {
        int64_t wait = backoff_delay(&seconds, 4, random * 0x9E3779B97F4A7C15ull);
        assert_true(wait >= 4000 && wait <= 8000);
        low = wait < low ? wait : low;
        high = wait > high ? wait : high;
    }
    assert_true(low < 4200 && high > 7800);
}

static void first_above_the_cap(void **state)
{
    (void)state;
    assert_int_equal(backoff_delay(&(struct backoff){.first_ms = 100, .max_ms = 10}, 1, 1023), 10);
    assert_int_equal(backoff_delay(&(struct backoff){.first_ms = 1, .max_ms = 1}, 9, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_to_the_cap),
        cmocka_unit_test(jitter_stays_within_half),
        cmocka_unit_test(first_above_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
