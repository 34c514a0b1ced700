/* Steps, answers, orphans, races. */
#include "scene.h"

static void orphan_of(const char *name)
{
    feed(units_pod, xasprintf("{\"metadata\":{\"name\":\"%s-abcde\",\"uid\":\"pod-%s\",\"namespace\":\"ns\"},\"spec\":{\"containers\":[{\"name\":\"agent\"}]},\"status\":%s}", name, name,
                              POD_RUNNING));
}

static void orphan(void)
{
    orphan_of("u");
}

static void test_orphan(void **state)
{
    (void)state;
    orphan();
    expect_nothing();
    wait_ms(30000);
    expect_nothing();                         /* Azure DevOps is not in sight: its agent may be at work */
    poll();
    const struct reaper_action *action = expect(REAPER_DELETE_POD);
    assert_string_equal(action->orphan->pod, "u-abcde");
    answer_with(REAPER_ERROR);
    expect_nothing();
    wait_ms(5000);
    expect(REAPER_DELETE_POD);
    answer_with(REAPER_OK);
    wait_ms(5000);
    poll();
    expect_nothing();
    assert_int_equal(reaper_deleted(scene.reaper, RULE_ORPHAN), 1);
}

static void test_busy_orphan(void **state)
{
    (void)state;
    orphan();
    request(1, "U");                          /* the unit whose pod it was gave the agent its name */
    wait_ms(40000);
    poll();
    expect_nothing();
    ado_empty();
    agent("other", 1)->host = "u-ABCDE";
    poll();
    expect_nothing();
    ado_empty();
    poll();
    expect(REAPER_DELETE_POD);
}

static void collected(const char *name)
{
    char pod[64], uid[64];
    snprintf(pod, sizeof pod, "%s-abcde", name);
    snprintf(uid, sizeof uid, "pod-%s", name);
    units_pod_gone(scene.units, scene.now, pod, uid);
}

static void test_the_collector_is_at_work(void **state)
{
    (void)state;
    orphan();
    orphan_of("v");
    expect_nothing();
    wait_ms(29000);
    collected("v");
    expect_nothing();
    wait_ms(28000);
    poll();
    expect_nothing();                         /* it took another one less than 30 s ago */
    wait_ms(3000);
    poll();
    expect(REAPER_DELETE_POD);
}

static void test_the_collector_leaves_one_for_ever(void **state)
{
    (void)state;
    orphan();
    for (int s = 0; s < 300; s += 20) {
        orphan_of("v");
        poll();
        expect_nothing();
        collected("v");
        expect_nothing();
        wait_ms(20000);
    }
    poll();
    const struct reaper_action *action = expect(REAPER_DELETE_POD);
    assert_string_equal(action->orphan->pod, "u-abcde");
}

static void test_errors_are_tried_again(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0);
    poll();
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "surplus");
    expect(REAPER_DISABLE_AGENT);
    answer_with(REAPER_ERROR);
    expect_nothing();
    wait_ms(1100);
    expect(REAPER_DISABLE_AGENT);
    answer_with(REAPER_OK);
    expect(REAPER_READ_AGENT);
    answer_with(REAPER_ERROR);
    wait_ms(1100);
    expect(REAPER_READ_AGENT);
    answer((struct reaper_result){.outcome = REAPER_OK});
    expect_delete("u", RULE_RETIRED, "surplus");
    answer_with(REAPER_ERROR);                /* what was read is old by now */
    assert_int_equal(reaper_deleted(scene.reaper, RULE_RETIRED), 0);
    wait_ms(1100);
    poll();
    expect(REAPER_READ_AGENT);
    answer((struct reaper_result){.outcome = REAPER_OK});
    expect_delete("u", RULE_RETIRED, "surplus");
    answer_with(REAPER_ABSENT);
    expect_nothing();
}

static void test_somebody_enabled_it(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0);
    poll();
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "surplus");
    expect(REAPER_DISABLE_AGENT);
    answer_with(REAPER_OK);
    expect(REAPER_READ_AGENT);
    answer((struct reaper_result){.outcome = REAPER_OK, .agent_enabled = true});
    expect_nothing();
    assert_int_equal(reaper_under_way(scene.reaper), 0);
}

static void test_no_second_action_while_one_is_open(void **state)
{
    (void)state;
    job("u", 1);
    pod("u", POD_WAITING("InvalidImageName"));
    expect(REAPER_CHECK_POD);
    assert_int_equal(reaper_under_way(scene.reaper), 1);
    expect_nothing();
    wait_ms(60000);
    expect_nothing();
}

static void test_answer_after_the_unit_is_gone(void **state)
{
    (void)state;
    job("u", 1);
    pod("u", POD_DONE);
    wait_ms(130000);
    poll();
    expect_delete("u", RULE_ENDED, "ended");
    struct unit *gone = units_job_gone(scene.units, "u", "uid-u");
    reaper_unit_gone(scene.reaper, gone);
    unit_free(&gone);
    const struct reaper_result late = {.kind = REAPER_DELETE_UNIT, .rule = RULE_ENDED, .name = "u", .uid = "uid-u", .outcome = REAPER_OK};
    reaper_result(scene.reaper, scene.units, scene.now, 1, &late);
    assert_int_equal(reaper_deleted(scene.reaper, RULE_ENDED), 1);
}

static void test_unit_ends_on_the_way(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0);
    poll();
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "surplus");
    expect(REAPER_DISABLE_AGENT);
    answer_with(REAPER_OK);
    pod("u", POD_DONE);
    expect(REAPER_READ_AGENT);
    answer((struct reaper_result){.outcome = REAPER_OK});
    expect_nothing();                         /* retention decides now */
    assert_int_equal(reaper_under_way(scene.reaper), 0);
}

static void test_finishing(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0);
    poll();
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "surplus");
    expect(REAPER_DISABLE_AGENT);
    running("v", 2);
    reaper_order(scene.reaper, scene.now, "v", "uid-v", "surplus");
    scene.world.finishing = true;
    answer_with(REAPER_OK);
    expect(REAPER_READ_AGENT);
    answer((struct reaper_result){.outcome = REAPER_OK});
    expect_delete("u", RULE_RETIRED, "surplus");
    answer_with(REAPER_OK);
    expect_nothing();
    assert_int_equal(reaper_under_way(scene.reaper), 0);
}

static void test_dry_run_says_it_once(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0);
    poll();
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "surplus");
    expect(REAPER_DISABLE_AGENT);
    answer_with(REAPER_DRY);
    expect_nothing();
    ado_empty();
    pod("u", POD_DONE);
    wait_ms(130000);
    poll();
    expect_delete("u", RULE_ENDED, "ended");  /* another rule, said once as well */
    answer_with(REAPER_DRY);
    expect_nothing();
}

static void test_race_is_counted(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0);
    poll();
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "surplus");
    disable_and_delete("u", RULE_RETIRED, "surplus");
    struct unit *gone = units_job_gone(scene.units, "u", "uid-u");
    reaper_unit_gone(scene.reaper, gone);
    unit_free(&gone);
    poll();
    pass();
    assert_int_equal(reaper_races(scene.reaper), 0);
    request(3, "u");
    poll();
    pass();
    assert_int_equal(reaper_races(scene.reaper), 1);
    poll();
    pass();
    assert_int_equal(reaper_races(scene.reaper), 1);
}

static void test_new_unit_of_the_same_name(void **state)
{
    (void)state;
    job("u", 1);
    pod("u", POD_DONE);
    wait_ms(130000);
    poll();
    expect_delete("u", RULE_ENDED, "ended");
    answer_with(REAPER_OK);
    feed(units_job, xstrdup("{\"metadata\":{\"name\":\"u\",\"uid\":\"other\",\"annotations\":{\"ado-orchestrator.io/pool\":\"linux\"}}}"));
    expect_nothing();
    const char *reason;
    assert_string_equal(reaper_unit_step(units_get(scene.units, "u"), &reason), "");
}

static void test_many_at_once(void **state)
{
    (void)state;
    char name[16];
    for (unsigned i = 1; i <= 1000; i++) {
        snprintf(name, sizeof name, "u%u", i);
        job(name, i);
        pod(name, POD_DONE);
    }
    wait_ms(130000);
    poll();
    pass();
    assert_int_equal(scene.actions.n, 1000);
    pass();
    assert_int_equal(scene.actions.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_orphan), TEST(test_busy_orphan), TEST(test_the_collector_is_at_work), TEST(test_the_collector_leaves_one_for_ever),
        TEST(test_errors_are_tried_again), TEST(test_somebody_enabled_it),
        TEST(test_no_second_action_while_one_is_open), TEST(test_answer_after_the_unit_is_gone), TEST(test_unit_ends_on_the_way), TEST(test_finishing),
        TEST(test_dry_run_says_it_once), TEST(test_race_is_counted), TEST(test_new_unit_of_the_same_name), TEST(test_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
