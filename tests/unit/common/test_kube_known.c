#include "common/kube_known.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char told[4096];

static void on_gone(void *data, const char *name, const char *uid)
{
    (void)data;
    size_t n = strlen(told);
    snprintf(told + n, sizeof told - n, "%s=%s ", name, uid);
}

static struct kube_known *begin(void)
{
    told[0] = '\0';
    struct kube_known *k = kube_known_new(on_gone, NULL);
    kube_known_list_begins(k);
    return k;
}

static void what_a_later_list_misses_is_gone(void **state)
{
    (void)state;
    struct kube_known *k = begin();
    kube_known_seen(k, "a", "1");
    kube_known_seen(k, "b", "2");
    kube_known_list_ends(k);
    kube_known_seen(k, "c", "3");       /* by the watch */
    assert_string_equal(told, "");
    kube_known_list_begins(k);
    kube_known_seen(k, "b", "2");
    kube_known_list_ends(k);
    assert_non_null(strstr(told, "a=1 "));
    assert_non_null(strstr(told, "c=3 "));
    assert_int_equal(strlen(told), 8);
    assert_int_equal(kube_known_count(k), 1);
    kube_known_free(&k);
}

static void another_uid_is_another_object(void **state)
{
    (void)state;
    struct kube_known *k = begin();
    kube_known_seen(k, "a", "1");
    kube_known_seen(k, "a", "2");
    assert_string_equal(told, "a=1 ");
    kube_known_deleted(k, "a", "1");
    assert_string_equal(told, "a=1 ");
    kube_known_deleted(k, "a", "2");
    assert_string_equal(told, "a=1 a=2 ");
    kube_known_deleted(k, "a", "2");
    kube_known_deleted(k, "never", "2");
    assert_string_equal(told, "a=1 a=2 ");
    kube_known_list_ends(k);
    assert_string_equal(told, "a=1 a=2 ");
    kube_known_free(&k);
}

static void an_abandoned_list_deletes_nothing(void **state)
{
    (void)state;
    struct kube_known *k = begin();
    kube_known_seen(k, "a", "1");
    kube_known_seen(k, "b", "2");
    kube_known_list_ends(k);
    kube_known_list_begins(k);
    kube_known_seen(k, "a", "1");
    kube_known_list_begins(k);          /* 410 on its second page */
    kube_known_seen(k, "b", "2");
    kube_known_list_ends(k);
    assert_string_equal(told, "a=1 ");
    kube_known_free(&k);
}

static void names_of_namespaces_do_not_mix(void **state)
{
    (void)state;
    struct kube_known *k = begin();
    kube_known_seen(k, "x/a", "1");
    kube_known_seen(k, "y/a", "2");
    kube_known_deleted(k, "y/a", "2");
    assert_string_equal(told, "a=2 ");
    kube_known_free(&k);
}

static void many(void **state)
{
    (void)state;
    struct kube_known *k = begin();
    char name[32];
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "agent-job-%d", i);
        kube_known_seen(k, name, "0c8f9d2e-0000-4000-8000-000000000000");
    }
    assert_int_equal(kube_known_count(k), 20000);
    kube_known_list_begins(k);
    kube_known_list_ends(k);
    assert_int_equal(kube_known_count(k), 0);
    kube_known_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_later_list_misses_is_gone),
        cmocka_unit_test(another_uid_is_another_object),
        cmocka_unit_test(an_abandoned_list_deletes_nothing),
        cmocka_unit_test(names_of_namespaces_do_not_mix),
        cmocka_unit_test(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
