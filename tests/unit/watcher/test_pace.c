#include "watcher/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct mono at(int64_t ms)
{
    return mono_add_ms(MONO_ZERO, 1000000 + ms);
}

static int64_t next_ms(const struct pace *pace, const struct budget *budget)
{
    struct mono next = pace_next(pace, budget);
    return next.ns == INT64_MAX ? -1 : mono_ms_between(at(0), next);
}

static void round_of(struct pace *pace, struct budget *budget, int64_t from, int64_t to, enum err_code code, int64_t wait)
{
    pace_started(pace, at(from));
    pace_ended(pace, budget, at(to), code, wait, 1023);
}

static void test_delay_counts_from_the_end(void **state)
{
    (void)state;
    struct pace p;
    struct budget b = {0};
    pace_init(&p, 1000);
    assert_true(mono_reached(pace_next(&p, &b), at(0)));
    pace_started(&p, at(0));
    assert_int_equal(next_ms(&p, &b), -1);
    pace_ended(&p, &b, at(300), ERR_NONE, 0, 0);
    assert_int_equal(next_ms(&p, &b), 1300);
    assert_int_equal(pace_told_ms(&p, &b, at(300)), 1300);
}

static void test_failures_back_off(void **state)
{
    (void)state;
    struct pace p;
    struct budget b = {0};
    pace_init(&p, 1000);
    int64_t expected[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        round_of(&p, &b, 0, 0, ERR_UNAVAILABLE, 0);
        assert_int_equal(next_ms(&p, &b), expected[i]);
    }
    pace_ask(&p);
    assert_int_equal(next_ms(&p, &b), 60000);
    assert_int_equal(pace_told_ms(&p, &b, at(0)), 60000);
    round_of(&p, &b, 0, 0, ERR_NONE, 0);
    assert_int_equal(next_ms(&p, &b), 1000);
    round_of(&p, &b, 0, 0, ERR_TIMEOUT, 0);
    assert_int_equal(next_ms(&p, &b), 1000);
}

static void test_jitter(void **state)
{
    (void)state;
    struct pace p;
    struct budget b = {0};
    pace_init(&p, 1000);
    pace_started(&p, at(0));
    pace_ended(&p, &b, at(0), ERR_IO, 0, 0);
    assert_int_equal(next_ms(&p, &b), 500);
}

static void test_asked(void **state)
{
    (void)state;
    struct pace p;
    struct budget b = {0};
    pace_init(&p, 5000);
    pace_started(&p, at(0));
    pace_ask(&p);
    assert_int_equal(next_ms(&p, &b), -1);
    pace_ended(&p, &b, at(50), ERR_NONE, 0, 0);
    assert_int_equal(next_ms(&p, &b), 200);
    pace_ask(&p);
    assert_int_equal(next_ms(&p, &b), 200);
    round_of(&p, &b, 200, 250, ERR_NONE, 0);
    assert_int_equal(next_ms(&p, &b), 5250);
}

static void test_pause_is_shared(void **state)
{
    (void)state;
    struct pace p, other;
    struct budget b = {0};
    pace_init(&p, 1000);
    pace_init(&other, 1000);
    round_of(&other, &b, 0, 0, ERR_NONE, 0);
    round_of(&p, &b, 0, 0, ERR_NONE, 7000);
    assert_int_equal(next_ms(&p, &b), 7000);
    assert_int_equal(next_ms(&other, &b), 7000);
    pace_ask(&other);
    pace_wish(&other, at(10));
    assert_int_equal(next_ms(&other, &b), 7000);
    round_of(&other, &b, 0, 1, ERR_NONE, 3000);     /* a shorter pause does not cut the longer one */
    assert_int_equal(next_ms(&p, &b), 7000);
    assert_int_equal(pace_told_ms(&p, &b, at(1000)), 6000);
    round_of(&p, &b, 7000, 7000, ERR_NONE, 600000);
    assert_int_equal(pace_told_ms(&p, &b, at(7000)), 60000);
}

static void test_throttled_without_a_word(void **state)
{
    (void)state;
    struct budget b = {0};
    int64_t expected[] = {2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        budget_note(&b, at(0), ERR_THROTTLED, 0, 1023);
        assert_int_equal(mono_ms_between(at(0), b.closed_until), expected[i]);
    }
    budget_note(&b, at(0), ERR_UNAVAILABLE, 0, 1023);
    assert_int_equal(b.throttled, 7);
    budget_note(&b, at(100000), ERR_NONE, 0, 1023);
    budget_note(&b, at(100000), ERR_THROTTLED, 0, 1023);
    assert_int_equal(mono_ms_between(at(100000), b.closed_until), 2000);
}

static void test_standby(void **state)
{
    (void)state;
    struct pace p;
    struct budget b = {0};
    pace_init(&p, 1000);
    pace_standby(&p, true);
    round_of(&p, &b, 0, 0, ERR_NONE, 0);
    assert_int_equal(next_ms(&p, &b), 10000);
    assert_int_equal(pace_told_ms(&p, &b, at(0)), 10000);
    pace_standby(&p, true);
    assert_int_equal(next_ms(&p, &b), 10000);
    pace_standby(&p, false);
    assert_int_equal(next_ms(&p, &b), 200);
}

static void test_wish(void **state)
{
    (void)state;
    struct pace p;
    struct budget b = {0};
    pace_init(&p, 15000);
    round_of(&p, &b, 0, 0, ERR_NONE, 0);
    pace_wish(&p, at(5000));
    pace_wish(&p, at(7000));
    assert_int_equal(next_ms(&p, &b), 5000);
    pace_wish(&p, at(2000));
    assert_int_equal(next_ms(&p, &b), 2000);
    pace_started(&p, at(2000));
    pace_ended(&p, &b, at(2000), ERR_NONE, 0, 0);
    assert_int_equal(next_ms(&p, &b), 17000);
    pace_wish(&p, at(90000));
    assert_int_equal(next_ms(&p, &b), 17000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay_counts_from_the_end), cmocka_unit_test(test_failures_back_off), cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_asked), cmocka_unit_test(test_pause_is_shared), cmocka_unit_test(test_throttled_without_a_word),
        cmocka_unit_test(test_standby), cmocka_unit_test(test_wish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
