#include "common/map.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static int values[5000];

static void strings(void **state)
{
    (void)state;
    struct map *m = map_new();
    char key[] = "one";
    assert_null(map_get(m, "one"));
    assert_null(map_remove(m, "one"));
    assert_null(map_set(m, key, &values[1]));
    key[0] = 'X';   /* copied */
    assert_ptr_equal(map_get(m, "one"), &values[1]);
    assert_null(map_get(m, "Xne"));
    assert_null(map_set(m, "", &values[0]));
    assert_ptr_equal(map_get(m, ""), &values[0]);
    assert_ptr_equal(map_set(m, "one", &values[2]), &values[1]);
    assert_int_equal(map_count(m), 2);
    assert_ptr_equal(map_remove(m, "one"), &values[2]);
    assert_null(map_get(m, "one"));
    assert_int_equal(map_count(m), 1);
    map_free(m);
    map_free(NULL);
}

static void numbers(void **state)
{
    (void)state;
    static const uint64_t keys[] = {0, 1, UINT32_MAX, UINT64_MAX, 1ull << 63};
    struct map *m = map_new();
    for (size_t i = 0; i < 5; i++)
        assert_null(map_set_u64(m, keys[i], &values[i]));
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(map_get_u64(m, keys[i]), &values[i]);
    assert_null(map_get_u64(m, 2));
    assert_ptr_equal(map_remove_u64(m, 0), &values[0]);
    assert_null(map_get_u64(m, 0));
    assert_int_equal(map_count(m), 4);
    map_free(m);
}

static void walk_goes_in_order_of_insertion(void **state)
{
    (void)state;
    static const char *const keys[] = {"c", "a", "b", "d"};
    struct map *m = map_new();
    for (size_t i = 0; i < 4; i++)
        map_set(m, keys[i], &values[i]);
    map_set(m, "a", &values[9]);   /* replaced in place */
    size_t cursor = 0;
    const char *key;
    for (size_t i = 0; i < 4; i++) {
        void *value = map_next(m, &cursor, &key);
        assert_string_equal(key, keys[i]);
        assert_ptr_equal(value, i == 1 ? &values[9] : &values[i]);
    }
    assert_null(map_next(m, &cursor, &key));
    map_free(m);
}

static void entries_may_be_removed_while_walking(void **state)
{
    (void)state;
    struct map *m = map_new();
    for (uint64_t i = 0; i < 1000; i++)
        map_set_u64(m, i, &values[i]);
    size_t cursor = 0, walked = 0;
    for (int *v; (v = map_next(m, &cursor, NULL)); walked++)
        if ((v - values) % 3)
            assert_ptr_equal(map_remove_u64(m, (uint64_t)(v - values)), v);
    assert_int_equal(walked, 1000);
    assert_int_equal(map_count(m), 334);
    for (uint64_t i = 0; i < 1000; i++)
        assert_ptr_equal(map_get_u64(m, i), i % 3 ? NULL : &values[i]);
    map_free(m);
}

/* Against a plain array, through many sets and removals. */
static void agrees_with_a_model(void **state)
{
    (void)state;
    struct map *m = map_new();
    void *model[5000] = {NULL};
    uint64_t x = 88172645463325252ull;
    size_t live = 0;
    for (int step = 0; step < 200000; step++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        size_t at = x % (step < 100000 ? 5000 : 40);
        char key[16];
        snprintf(key, sizeof key, "k%zu", at);
        if (x >> 40 & 1) {
            assert_ptr_equal(map_set(m, key, &values[at]), model[at]);
            live += !model[at];
            model[at] = &values[at];
        } else {
            assert_ptr_equal(map_remove(m, key), model[at]);
            live -= model[at] != NULL;
            model[at] = NULL;
        }
        assert_int_equal(map_count(m), live);
    }
    for (size_t i = 0; i < 5000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%zu", i);
        assert_ptr_equal(map_get(m, key), model[i]);
    }
    map_free(m);
}

/* What a burst leaves is not kept: neither keys nor room. The sizes are the C library's own count. */
static void a_burst_leaves_nothing(void **state)
{
    (void)state;
    struct map *m = map_new();
    map_set(m, "stays", &values[0]);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    char key[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "a-key-of-some-length-%d", i);
        map_set(m, key, &values[i]);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "a-key-of-some-length-%d", i);
        assert_ptr_equal(map_remove(m, key), &values[i]);
    }
    map_set(m, "next", &values[1]);
    assert_true(mallinfo2().uordblks + mallinfo2().hblkhd <= before + 8192);
    assert_ptr_equal(map_get(m, "stays"), &values[0]);
    assert_ptr_equal(map_get(m, "next"), &values[1]);
    assert_int_equal(map_count(m), 2);
    map_free(m);
}

static void all_may_be_removed_while_walking(void **state)
{
    (void)state;
    struct map *m = map_new();
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (uint64_t i = 0; i < 5000; i++)
        map_set_u64(m, i, &values[i]);
    size_t cursor = 0, walked = 0;
    for (int *v; (v = map_next(m, &cursor, NULL)); walked++)
        assert_ptr_equal(map_remove_u64(m, (uint64_t)(v - values)), v);
    assert_int_equal(walked, 5000);
    assert_true(mallinfo2().uordblks + mallinfo2().hblkhd <= before + 8192);
    assert_null(map_get_u64(m, 1));
    assert_null(map_set_u64(m, 1, &values[1]));
    assert_ptr_equal(map_get_u64(m, 1), &values[1]);
    map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),
        cmocka_unit_test(numbers),
        cmocka_unit_test(walk_goes_in_order_of_insertion),
        cmocka_unit_test(entries_may_be_removed_while_walking),
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(a_burst_leaves_nothing),
        cmocka_unit_test(all_may_be_removed_while_walking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
