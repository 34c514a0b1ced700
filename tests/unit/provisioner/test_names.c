#include "provisioner/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void plain_names_are_readable(void **state)
{
    (void)state;
    char out[64];
    unit_name_for_request(out, "agent-job-", "linux", "i1", 90212, 1);
    assert_string_equal(out, "agent-job-linux-90212");
    unit_name_for_request(out, "agent-job-", "linux", "i1", 90212, 3);
    assert_string_equal(out, "agent-job-linux-90212-3");
    unit_name_for_warm(out, "agent-job-", "linux", "i1", 2, 17);
    assert_string_equal(out, "agent-job-linux-w2-17");
}

static void valid(const char *name)
{
    size_t n = strlen(name);
    assert_in_range(n, 1, UNIT_NAME_MAX);
    assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), n);
    assert_int_not_equal(name[n - 1], '-');
}

static void any_pool_name_gives_a_valid_name(void **state)
{
    (void)state;
    static const char *const pools[] = {
        "Pool 1", "pool-1", "Pool_1", "\xc3\x9c" "berpool", "---", "", "x", "UPPER",
        "a very long pool name that goes on and on until nothing of it would fit into the name of a job any more",
    };
    static const char *const prefixes[] = {"agent-job-", "a", "a-prefix-of-thirty-characters-", "metadata-name-from-a-file-that-is-really-rather-long-"};
    char out[64], again[64];
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++) {
            unit_name_for_request(out, prefixes[p], pools[i], "i1", 999999999999ull, 99999);
            valid(out);
            unit_name_for_request(again, prefixes[p], pools[i], "i1", 999999999999ull, 99999);
            assert_string_equal(out, again);
            unit_name_for_warm(out, prefixes[p], pools[i], "i1", UINT32_MAX, UINT32_MAX);
            valid(out);
        }
}

static void pools_that_look_alike_stay_apart(void **state)
{
    (void)state;
    static const char *const pools[] = {"pool-1", "Pool 1", "pool 1", "POOL-1", "pool--1"};
    char out[5][64];
    for (size_t i = 0; i < 5; i++)
        unit_name_for_request(out[i], "p-", pools[i], "i1", 1, 1);
    assert_string_equal(out[0], "p-pool-1-1");
    for (size_t i = 0; i < 5; i++)
        for (size_t k = i + 1; k < 5; k++)
            assert_string_not_equal(out[i], out[k]);
    char other[64];
    unit_name_for_request(other, "p-", "Pool 1", "i2", 1, 1);   /* another instance */
    assert_string_not_equal(out[1], other);
}

static void placeholders_are_told_apart(void **state)
{
    (void)state;
    static const char *const names[][3] = {
        {"i1", "linux", "default"}, {"i2", "linux", "default"}, {"i1", "Linux", "default"}, {"i1", "linux", "gpu"}, {"i1", "\xc3\x9c", "default"},
        {"an-instance-with-a-long-name-1", "a pool with a long name 1", "a-template-with-a-long-name-1"},
        {"an-instance-with-a-long-name-1", "a pool with a long name 2", "a-template-with-a-long-name-1"},
        {"an-instance-with-a-long-name-1", "a pool with a long name 1", "a-template-with-a-long-name-2"},
    };
    enum { N = sizeof names / sizeof *names };
    char out[N][PLACEHOLDER_NAME_MAX + 1];
    for (size_t i = 0; i < N; i++) {
        placeholder_name(out[i], names[i][0], names[i][1], names[i][2]);
        assert_int_equal(strspn(out[i], "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(out[i]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(out[i], out[k]);
    }
    assert_int_equal(strncmp(out[0], "i1-placeholder-linux-default-", 29), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_are_readable),
        cmocka_unit_test(any_pool_name_gives_a_valid_name),
        cmocka_unit_test(pools_that_look_alike_stay_apart),
        cmocka_unit_test(placeholders_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
