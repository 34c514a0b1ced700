#include "common/nearest.h"

#include "common/mem.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void distances_are_counted_in_edits(void **state)
{
    (void)state;
    static const struct { const char *a, *b; unsigned distance; } rows[] = {
        {"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "ABC", 0}, {"abc", "abd", 1}, {"abc", "ac", 1}, {"abc", "acb", 1},
        {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"a_cuont", "a_count", 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(nearest_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(nearest_distance(rows[i].b, rows[i].a), rows[i].distance);
    }
    char longer[100];
    memset(longer, 'a', 99);
    longer[99] = '\0';
    assert_int_equal(nearest_distance(longer, longer), UINT_MAX);
    longer[63] = '\0';
    assert_int_equal(nearest_distance(longer, longer), 0);
}

static void the_nearest_word_is_found(void **state)
{
    (void)state;
    static const char *const words[] = {"org_url", "org_pat", "limit", "pools"};
    static const struct { const char *text, *found; unsigned max; } rows[] = {
        {"org_ulr", "org_url", 2}, {"org_pat", "org_pat", 2}, {"limits", "limit", 2}, {"lim", "limit", 2}, {"limitless", NULL, 2}, {"", NULL, 5},
        {"x", NULL, 5}, {"pol", "pools", 2}, {"org", NULL, 2},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *found = nearest(rows[i].text, words, ARRAY_SIZE(words), rows[i].max);
        if (rows[i].found)
            assert_string_equal(found, rows[i].found);
        else
            assert_null(found);
    }
    assert_null(nearest("x", NULL, 0, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_counted_in_edits),
        cmocka_unit_test(the_nearest_word_is_found),
    };
    return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
