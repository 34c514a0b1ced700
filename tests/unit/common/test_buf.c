#include "common/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void appends_and_terminates(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    assert_null(b.data);
    assert_int_equal(buf_append(&b, "", 0), 0);
    assert_string_equal(b.data, "");
    assert_int_equal(buf_puts(&b, "one "), 0);
    assert_int_equal(buf_printf(&b, "%d-%s", 2, "x"), 0);
    assert_int_equal(buf_append(&b, "\0z", 2), 0);
    assert_int_equal(b.len, 9);
    assert_memory_equal(b.data, "one 2-x\0z", 10);
    buf_done(&b);
    assert_null(b.data);
}

static void maximum_is_exact_and_sticky(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(buf_append(&b, "0123456789", 10), 0);
    assert_int_equal(buf_append(&b, "", 0), 0);
    assert_false(b.failed);
    assert_int_equal(buf_append(&b, "x", 1), -1);
    assert_true(b.failed);
    assert_string_equal(b.data, "0123456789");   /* what was in stays */
    buf_consume(&b, 5);
    assert_int_equal(buf_append(&b, "y", 1), -1);
    buf_reset(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
    assert_int_equal(buf_printf(&b, "%010d", 7), 0);
    assert_int_equal(buf_printf(&b, "%d", 7), -1);
    buf_done(&b);
}

static void huge_lengths_do_not_wrap(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    assert_int_equal(buf_puts(&b, "abc"), 0);
    assert_int_equal(buf_append(&b, "abc", SIZE_MAX - 2), -1);
    assert_string_equal(b.data, "abc");
    buf_done(&b);
}

static void consumes_at_the_front(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_consume(&b, 0);
    buf_puts(&b, "line1\nline2");
    buf_consume(&b, 6);
    assert_string_equal(b.data, "line2");
    buf_consume(&b, 5);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

static void take_hands_the_bytes_over(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    char *empty = buf_take(&b);
    assert_string_equal(empty, "");
    buf_puts(&b, "12345");
    char *full = buf_take(&b);
    assert_string_equal(full, "12345");
    assert_null(b.data);
    assert_int_equal(b.max, 5);
    assert_int_equal(buf_puts(&b, "again"), 0);
    buf_wipe(&b);
    assert_null(b.data);
    free(empty);
    free(full);
}

static void grows_to_a_megabyte(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 1 << 20; i++)
        assert_int_equal(buf_append(&b, &(char){(char)i}, 1), 0);
    assert_int_equal(b.len, 1 << 20);
    assert_int_equal(b.data[77], 77);
    assert_int_equal(b.data[b.len], 0);
    assert_true(b.cap <= 1 << 21);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_terminates),
        cmocka_unit_test(maximum_is_exact_and_sticky),
        cmocka_unit_test(huge_lengths_do_not_wrap),
        cmocka_unit_test(consumes_at_the_front),
        cmocka_unit_test(take_hands_the_bytes_over),
        cmocka_unit_test(grows_to_a_megabyte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
