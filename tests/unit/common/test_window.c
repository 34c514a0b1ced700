#include "common/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct mono at(int64_t ms)
{
    return (struct mono){ms * 1000000};
}

/* So many good calls of a latency, the window full each time. */
static int64_t good_calls(struct window *w, int64_t now, unsigned n, int64_t latency)
{
    for (unsigned i = 0; i < n; i++, now++) {
        window_began(w, window_size(w));
        window_ended(w, at(now), at(now + latency), false, -1);
    }
    return now + latency;
}

static void starts_open(void **state)
{
    (void)state;
    struct window w;
    window_init(&w);
    assert_int_equal(window_size(&w), 32);
    assert_true(window_open(&w, 31, at(0)));
    assert_false(window_open(&w, 32, at(0)));
}

static void grows_by_one_per_window(void **state)
{
    (void)state;
    struct window w;
    window_init(&w);
    good_calls(&w, 1000, 32, 5);
    assert_int_equal(window_size(&w), 32);
    good_calls(&w, 2000, 1, 5);
    assert_int_equal(window_size(&w), 33);
    good_calls(&w, 3000, 100000, 5);
    assert_int_equal(window_size(&w), WINDOW_MAX);
}

static void an_unused_window_does_not_grow(void **state)
{
    (void)state;
    struct window w;
    window_init(&w);
    for (unsigned i = 0; i < 10000; i++) {
        window_began(&w, 3);
        window_ended(&w, at(i), at(i + 5), false, -1);
    }
    assert_int_equal(window_size(&w), 32);
}

static void slow_replies_stop_the_growth(void **state)
{
    (void)state;
    struct window w;
    window_init(&w);
    int64_t now = good_calls(&w, 1000, 40, 10);
    unsigned before = window_size(&w);
    good_calls(&w, now, 200, 60);   /* beyond 3 x 10 + slack */
    assert_int_equal(window_size(&w), before);
    assert_true(w.best_ms >= 10 && w.best_ms < 12);
    good_calls(&w, now + 1000, 200, 35);
    assert_true(window_size(&w) > before);
}

static void trouble_halves_once_per_round_trip(void **state)
{
    (void)state;
    struct window w;
    window_init(&w);
    for (unsigned i = 0; i < 30; i++)
        window_ended(&w, at(1000), at(1100 + i), true, -1);   /* one burst, all refused */
    assert_int_equal(window_size(&w), 16);
    window_ended(&w, at(1099), at(1200), true, -1);           /* sent before the first refusal came back */
    assert_int_equal(window_size(&w), 16);
    window_ended(&w, at(1101), at(1201), true, -1);
    assert_int_equal(window_size(&w), 8);
    for (int64_t i = 1; i < 20; i++)
        window_ended(&w, at(2000 * i), at(2000 * i + 5), true, -1);
    assert_int_equal(window_size(&w), WINDOW_MIN);
    assert_true(window_open(&w, 0, at(100000)));
}

static void recovers_from_the_minimum(void **state)
{
    (void)state;
    struct window w;
    window_init(&w);
    for (int64_t i = 1; i < 20; i++)
        window_ended(&w, at(2000 * i), at(2000 * i + 5), true, -1);
    good_calls(&w, 100000, 1200, 5);
    assert_true(window_size(&w) >= 32);
}

static void a_server_that_became_slower_gets_its_window_back(void **state)
{
    (void)state;
    struct window w;
    window_init(&w);
    int64_t now = good_calls(&w, 1000, 40, 1);
    for (int64_t i = 1; i < 20; i++)
        window_ended(&w, at(now + 2000 * i), at(now + 2000 * i + 5), true, -1);
    assert_int_equal(window_size(&w), WINDOW_MIN);
    good_calls(&w, now + 100000, 300, 80);
    assert_true(window_size(&w) > 8);
}

static void retry_after_closes_it(void **state)
{
    (void)state;
    static const struct { int64_t pause, closed_until; } cases[] = {
        {-1, 0}, {0, 1010}, {1000, 2010}, {24 * 3600 * 1000, 301010}, {INT64_MAX, 301010},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct window w;
        window_init(&w);
        window_ended(&w, at(1000), at(1010), true, cases[i].pause);
        assert_int_equal(w.closed_until.ns, at(cases[i].closed_until).ns);
        assert_true(window_open(&w, 0, at(cases[i].closed_until)));
        if (cases[i].pause > 0)
            assert_false(window_open(&w, 0, at(cases[i].closed_until - 1)));
    }
}

static void a_shorter_pause_does_not_open_it(void **state)
{
    (void)state;
    struct window w;
    window_init(&w);
    window_ended(&w, at(1000), at(1010), true, 5000);
    window_ended(&w, at(1000), at(1020), true, 10);
    assert_int_equal(w.closed_until.ns, at(6010).ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_open),
        cmocka_unit_test(grows_by_one_per_window),
        cmocka_unit_test(an_unused_window_does_not_grow),
        cmocka_unit_test(slow_replies_stop_the_growth),
        cmocka_unit_test(trouble_halves_once_per_round_trip),
        cmocka_unit_test(recovers_from_the_minimum),
        cmocka_unit_test(a_server_that_became_slower_gets_its_window_back),
        cmocka_unit_test(retry_after_closes_it),
        cmocka_unit_test(a_shorter_pause_does_not_open_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
