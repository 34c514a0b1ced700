/* The collection: Jobs and pods in any order. */
#include "common/unit.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct units *units;

static int setup(void **state)
{
    (void)state;
    units = units_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    units_free(&units);
    return 0;
}

static struct mono at(int64_t ms)
{
    return mono_add_ms(MONO_ZERO, ms);
}

static void feed(void (*take)(struct units *, struct mono, const json_t *), int64_t ms, char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    take(units, at(ms), object);
    json_decref(object);
    free(text);
}

static void job(int64_t ms, const char *name, const char *uid, const char *extra)
{
    feed(units_job, ms, xasprintf("{\"metadata\":{\"name\":\"%s\",\"uid\":\"%s\"%s}", name, uid, extra));
}

static void pod(int64_t ms, const char *name, const char *uid, const char *owner, const char *created, const char *status)
{
    feed(units_pod, ms,
         xasprintf("{\"metadata\":{\"name\":\"%s\",\"uid\":\"%s\",\"creationTimestamp\":\"2026-03-01T08:00:%sZ\","
                   "\"ownerReferences\":[{\"uid\":\"%s\",\"controller\":true}]},"
                   "\"spec\":{\"containers\":[{\"name\":\"agent\"},{\"name\":\"side\"}]},\"status\":%s}", name, uid, created, owner, status));
}

#define PENDING "{\"phase\":\"Pending\"}"
#define RUNNING "{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"agent\",\"state\":{\"running\":{}}}]}"
#define DONE "{\"phase\":\"Succeeded\",\"containerStatuses\":[{\"name\":\"agent\",\"state\":{\"terminated\":{\"exitCode\":0}}}]}"
#define COMPLETE "},\"status\":{\"conditions\":[{\"type\":\"Complete\",\"status\":\"True\"}]}"
#define FAILED "},\"status\":{\"conditions\":[{\"type\":\"Failed\",\"status\":\"True\",\"message\":\"gave up\",\"lastTransitionTime\":\"2026-03-01T08:15:02Z\"}]}"

static void test_life(void **state)
{
    (void)state;
    job(1, "u", "j", "}");
    struct unit *unit = units_get(units, "u");
    assert_int_equal(unit->phase, UNIT_PENDING);
    assert_int_equal(unit->trouble, UNIT_NO_POD);
    assert_true(unit->seen.ns == at(1).ns);
    int mine;
    unit->priv = &mine;
    pod(2, "u-a", "p", "j", "01", PENDING);
    assert_int_equal(unit->trouble, UNIT_FINE);
    assert_string_equal(unit->pod, "u-a");
    pod(3, "u-a", "p", "j", "01", RUNNING);
    assert_int_equal(unit->phase, UNIT_RUNNING);
    assert_true(unit->changed.ns == at(3).ns);
    assert_true(unit->container_started);
    pod(4, "u-a", "p", "j", "01", RUNNING);
    assert_true(unit->changed.ns == at(3).ns);
    assert_true(unit->ended_seen.ns == MONO_NEVER.ns);
    pod(5, "u-a", "p", "j", "01", DONE);
    assert_int_equal(unit->phase, UNIT_ENDED);
    assert_int_equal(unit->exit_code, 0);
    assert_true(unit->ended_seen.ns == at(5).ns);
    job(6, "u", "j", COMPLETE);
    assert_true(unit->ended_seen.ns == at(5).ns);
    assert_ptr_equal(unit->priv, &mine);
    units_pod_gone(units, at(7), "u-a", "p");
    assert_int_equal(unit->phase, UNIT_ENDED);
    assert_int_equal(unit->trouble, UNIT_FINE);
    assert_null(unit->pod);
    assert_null(units_job_gone(units, "u", "other"));
    struct unit *gone = units_job_gone(units, "u", "j");
    assert_ptr_equal(gone, unit);
    assert_int_equal(units_count(units), 0);
    unit_free(&gone);
    assert_null(gone);
}

static void test_pod_first(void **state)
{
    (void)state;
    pod(1, "u-a", "p", "j", "01", RUNNING);
    size_t cursor = 0;
    const struct unit_orphan *orphan = units_next_orphan(units, &cursor);
    assert_string_equal(orphan->pod, "u-a");
    assert_string_equal(orphan->owner_uid, "j");
    assert_true(orphan->seen.ns == at(1).ns);
    job(2, "u", "j", "}");
    assert_int_equal(units_get(units, "u")->phase, UNIT_RUNNING);
    cursor = 0;
    assert_null(units_next_orphan(units, &cursor));
}

static void test_held_pod_keeps_its_containers(void **state)
{
    (void)state;
    pod(1, "u-a", "p", "j", "01",
        "{\"containerStatuses\":[{\"name\":\"side\",\"state\":{\"running\":{}}},{\"name\":\"agent\",\"state\":{\"terminated\":{\"exitCode\":1}}}]}");
    job(2, "u", "j", ",\"annotations\":{\"ado-orchestrator.io/agent-container\":\"side\"}}");
    assert_int_equal(units_get(units, "u")->phase, UNIT_RUNNING);
}

static void test_newest_pod_counts(void **state)
{
    (void)state;
    job(1, "u", "j", "}");
    pod(2, "u-b", "p2", "j", "05", RUNNING);
    pod(3, "u-a", "p1", "j", "01", DONE);
    struct unit *unit = units_get(units, "u");
    assert_string_equal(unit->pod, "u-b");
    assert_int_equal(unit->phase, UNIT_RUNNING);
    units_pod_gone(units, at(4), "u-a", "p1");
    assert_int_equal(unit->phase, UNIT_RUNNING);
    pod(5, "u-c", "p3", "j", "09", PENDING);
    assert_int_equal(unit->phase, UNIT_PENDING);
    assert_false(unit->container_started);
    assert_ptr_equal(units_by_agent(units, "u-c", NULL), unit);
    assert_null(units_by_agent(units, "u-b", NULL));
}

static void test_pod_vanishes(void **state)
{
    (void)state;
    job(1, "u", "j", "}");
    pod(2, "u-a", "p", "j", "01", PENDING);
    units_pod_gone(units, at(3), "u-a", "p");
    struct unit *unit = units_get(units, "u");
    assert_int_equal(unit->phase, UNIT_PENDING);
    assert_int_equal(unit->trouble, UNIT_NO_POD);
    pod(4, "u-b", "q", "j", "02", RUNNING);
    units_pod_gone(units, at(5), "u-b", "");
    assert_int_equal(unit->phase, UNIT_ENDED);
    assert_int_equal(unit->trouble, UNIT_NODE_LOST);
    assert_string_equal(unit->message, "its pod was deleted while it ran");
    assert_true(unit->ended_seen.ns == at(5).ns);
    job(6, "u", "j", FAILED);
    assert_int_equal(unit->trouble, UNIT_NODE_LOST);
    assert_true(unit->ended.ms == 1772352902000);
    assert_ptr_equal(units_by_agent(units, "u-b", NULL), unit);       /* its agent may still be listed */
    job(7, "u", "j", COMPLETE);                                         /* only the last news of the pod was missed */
    assert_int_equal(unit->trouble, UNIT_FINE);
}

static void test_evicted_pod_keeps_its_reason(void **state)
{
    (void)state;
    job(1, "u", "j", "}");
    pod(2, "u-a", "p", "j", "01",
        "{\"phase\":\"Running\",\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\",\"reason\":\"EvictionByEvictionAPI\",\"message\":\"drained\"}],"
        "\"containerStatuses\":[{\"name\":\"agent\",\"state\":{\"running\":{}}}]}");
    units_pod_gone(units, at(3), "u-a", "p");
    struct unit *unit = units_get(units, "u");
    assert_int_equal(unit->phase, UNIT_ENDED);
    assert_int_equal(unit->trouble, UNIT_EVICTED);
    assert_string_equal(unit->message, "drained");
}

static void test_job_speaks_without_a_pod(void **state)
{
    (void)state;
    job(1, "u", "j", FAILED);
    struct unit *unit = units_get(units, "u");
    assert_int_equal(unit->phase, UNIT_ENDED);
    assert_int_equal(unit->trouble, UNIT_CRASH);
    assert_string_equal(unit->message, "gave up");
    pod(2, "u-a", "p", "j", "01", RUNNING);                             /* a pod that is there knows better */
    assert_int_equal(unit->phase, UNIT_RUNNING);
    assert_true(unit->ended_seen.ns == MONO_NEVER.ns);
}

static void test_agents(void **state)
{
    (void)state;
    job(1, "u-1", "j", "}");
    pod(2, "u-1-xyz", "p", "j", "01", RUNNING);
    struct unit *unit = units_get(units, "u-1");
    assert_ptr_equal(units_by_agent(units, "U-1", NULL), unit);
    assert_ptr_equal(units_by_agent(units, "U-1-XYZ", ""), unit);
    assert_ptr_equal(units_by_agent(units, "whatever", "u-1-Xyz"), unit);
    assert_null(units_by_agent(units, "u-1-xy", "u"));
    assert_null(units_by_agent(units, NULL, NULL));
    char longer[400];
    memset(longer, 'u', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_null(units_by_agent(units, longer, longer));
}

static void test_orphans(void **state)
{
    (void)state;
    job(1, "u", "j", "}");
    pod(2, "u-a", "p", "j", "01", RUNNING);
    units_tick(units, at(50));
    struct unit *gone = units_job_gone(units, "u", "j");
    unit_free(&gone);
    size_t cursor = 0;
    const struct unit_orphan *orphan = units_next_orphan(units, &cursor);
    assert_string_equal(orphan->uid, "p");
    assert_true(orphan->seen.ns == at(50).ns);
    pod(60, "u-a", "p", "j", "01", RUNNING);                            /* news of it do not make it younger */
    cursor = 0;
    assert_true(units_next_orphan(units, &cursor)->seen.ns == at(50).ns);
    units_pod_gone(units, at(70), "u-a", "p");
    cursor = 0;
    assert_null(units_next_orphan(units, &cursor));
}

static void test_owner_taken_away(void **state)
{
    (void)state;
    job(1, "u", "j", "}");
    pod(2, "u-a", "p", "j", "01", RUNNING);
    feed(units_pod, 3, xstrdup("{\"metadata\":{\"name\":\"u-a\",\"uid\":\"p\"},\"status\":" RUNNING "}"));
    assert_null(units_get(units, "u")->pod);
    size_t cursor = 0;
    assert_null(units_next_orphan(units, &cursor)->owner_uid);
}

static void test_same_name_other_job(void **state)
{
    (void)state;
    job(1, "u", "j1", "}");
    pod(2, "u-a", "p", "j1", "01", DONE);
    struct unit *unit = units_get(units, "u");
    int mine;
    unit->priv = &mine;
    job(3, "u", "j2", "}");
    assert_ptr_equal(units_get(units, "u"), unit);
    assert_string_equal(unit->uid, "j2");
    assert_int_equal(unit->phase, UNIT_PENDING);
    assert_ptr_equal(unit->priv, &mine);
    assert_null(units_job_gone(units, "u", "j1"));
    assert_null(units_by_agent(units, "u-a", NULL));
}

static void test_many(void **state)
{
    (void)state;
    char name[32], uid[32], pod_name[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "u-%d", i);
        snprintf(uid, sizeof uid, "j%d", i);
        snprintf(pod_name, sizeof pod_name, "u-%d-p", i);
        pod(1, pod_name, name, uid, "01", RUNNING);
        job(2, name, uid, "}");
    }
    assert_int_equal(units_count(units), 5000);
    size_t cursor = 0, running = 0;
    for (struct unit *unit; (unit = units_next(units, &cursor));)
        running += unit->phase == UNIT_RUNNING;
    assert_int_equal(running, 5000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_life),
        TEST(test_pod_first),
        TEST(test_held_pod_keeps_its_containers),
        TEST(test_newest_pod_counts),
        TEST(test_pod_vanishes),
        TEST(test_evicted_pod_keeps_its_reason),
        TEST(test_job_speaks_without_a_pod),
        TEST(test_agents),
        TEST(test_orphans),
        TEST(test_owner_taken_away),
        TEST(test_same_name_other_job),
        TEST(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
