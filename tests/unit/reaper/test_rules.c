/* Each row of the reaper's table: when it acts, and above all when it does not. */
#include "scene.h"

static void ado_stale(void)
{
    struct err err;
    const struct msg_requests requests = {.pool_id = POOL_ID, .pool = "linux", .set = ++scene.set, .last = true, .began_ns = (uint64_t)scene.now.ns,
                                          .stale = true, .reason = "offline", .delay_ms = 1000};
    assert_int_equal(mirror_requests(scene.mirror, scene.now, &requests, &err), 0);
}

/* ---- ended ---- */

static void ended_unit(const char *status)
{
    running("u", 1);
    request(1, "u")->received_ms = 3000;
    agent("u", 1);
    poll();
    expect_nothing();
    pod("u", status);
}

static void test_ended(void **state)
{
    (void)state;
    ended_unit(POD_DONE);
    expect_nothing();
    ado_empty();
    poll();
    expect_nothing();
    assert_true(reaper_deadline(scene.reaper).ns == mono_add_ms(units_get(scene.units, "u")->ended_seen, 120000).ns);
    scene.now = reaper_deadline(scene.reaper);
    poll_requests();
    expect_delete("u", RULE_ENDED, "ended");
    assert_false(scene.actions.list[0].same_version);
    answer_with(REAPER_OK);
    expect_nothing();
    assert_int_equal(reaper_deleted(scene.reaper, RULE_ENDED), 1);
}

static void test_ended_waits_for_its_request(void **state)
{
    (void)state;
    ended_unit(POD_DONE);
    wait_ms(200000);
    poll();                                   /* the request is still listed with its agent */
    expect_nothing();
    ado_empty();
    poll();
    expect_delete("u", RULE_ENDED, "ended");
}

static void test_ended_needs_a_later_poll(void **state)
{
    (void)state;
    running("u", 1);
    poll();                                   /* an empty list, from before the end */
    pod("u", POD_DONE);
    wait_ms(29000);
    scene.pool.retention_ms = 1000;
    expect_nothing();
    poll_requests();
    expect_delete("u", RULE_ENDED, "ended");
}

static void test_ended_badly_is_kept_longer(void **state)
{
    (void)state;
    ended_unit(POD_CRASHED);
    ado_empty();
    wait_ms(599000);
    poll();
    expect_nothing();
    wait_ms(1000);
    poll();
    expect_delete("u", RULE_FAILED, "failed");
}

/* Under a full quota it would wait for the unit, and the unit for it. */
static void test_a_waiting_request_holds_no_ended_unit(void **state)
{
    (void)state;
    job("u", 1);
    pod("u", POD_DONE);
    request(1, "");
    wait_ms(130000);
    poll();
    expect_delete("u", RULE_ENDED, "ended");
}

static void test_served_by_another(void **state)
{
    (void)state;
    job("u", 1);
    pod("u", POD_DONE);
    request(1, "foreign")->received_ms = 5000;
    wait_ms(130000);
    poll();
    expect_delete("u", RULE_ENDED, "ended");
}

static void test_ended_on_stale_pictures(void **state)
{
    (void)state;
    ended_unit(POD_DONE);
    ado_empty();
    wait_ms(130000);
    poll();
    ado_stale();
    expect_nothing();
    poll();
    wait_ms(31000);                           /* silence makes it stale, too */
    expect_nothing();
    poll();
    scene.world.units_fresh = false;
    expect_nothing();
    scene.world.units_fresh = true;
    expect_delete("u", RULE_ENDED, "ended");
}

static void test_ended_before_we_came(void **state)
{
    (void)state;
    job("u", 1);
    pod("u", POD_DONE);
    scene.world.server_now.ms = DONE_MS + 100000;
    wait_ms(1);
    poll();
    expect_nothing();
    scene.world.server_now.ms = DONE_MS + 121000;
    expect_delete("u", RULE_ENDED, "ended");
}

static void test_old_end_needs_no_second_poll(void **state)
{
    (void)state;
    poll();
    job("u", 1);                              /* first seen after the poll, but it ended long before it */
    pod("u", POD_DONE);
    wait_ms(10);
    scene.world.server_now.ms = DONE_MS + 190000;
    expect_delete("u", RULE_ENDED, "ended");
}

static void test_standby_still_clears_up(void **state)
{
    (void)state;
    scene.world.leading = false;
    ended_unit(POD_DONE);
    ado_empty();
    wait_ms(130000);
    poll();
    expect_delete("u", RULE_ENDED, "ended");
}

static void test_pool_no_longer_configured(void **state)
{
    (void)state;
    static char other[] = "windows";
    scene.pool.name = other;
    running("busy", 2);
    job("u", 1);
    pod("u", POD_DONE);
    wait_ms(599000);
    expect_nothing();
    wait_ms(1001);
    expect_delete("u", RULE_ENDED, "ended");
}

static void test_held(void **state)
{
    (void)state;
    job_with("u", 1, 1, ",\"ado-orchestrator.io/hold\":\"\"");
    pod("u", POD_DONE);
    wait_ms(700000);
    poll();
    expect_nothing();
}

/* ---- leaving ---- */

static void test_leaving(void **state)
{
    (void)state;
    running("u", 1);
    request(1, "u")->received_ms = 3000;
    agent("u", 1);
    poll();
    expect_nothing();
    ado_empty();
    agent("u", 0)->last = 1;
    poll();
    expect_nothing();
    wait_ms(59000);
    poll();
    expect_nothing();
    wait_ms(1000);
    poll();
    disable_and_delete("u", RULE_LEAVING, "leaving");
}

static void test_leaving_known_by_the_agent_alone(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0)->last = 1;                  /* we have just started: only ADO knows that it has served */
    poll();
    expect_nothing();
    wait_ms(60000);
    poll();
    expect(REAPER_DISABLE_AGENT);
}

static void test_left_without_its_container(void **state)
{
    (void)state;
    running("u", 1);
    request(1, "u")->received_ms = 3000;
    agent("u", 1);
    poll();
    expect_nothing();
    ado_empty();
    poll();
    expect_nothing();
    wait_ms(60001);
    poll();
    expect_delete("u", RULE_LEAVING, "leaving");
}

/* A job shorter than the time between two polls is seen by its end alone. */
static void test_leaving_after_a_short_job(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0);
    request(2, "");
    poll();
    expect_nothing();
    struct err err;
    const struct gone_row gone = {.id = 2, .result = "succeeded", .agent = "u", .received_ms = 4000};
    const struct msg_requests delta = {.pool_id = POOL_ID, .pool = "linux", .set = ++scene.set, .last = true, .began_ns = (uint64_t)scene.now.ns,
                                       .delay_ms = 1000, .reason = "", .gone = &gone, .n_gone = 1};
    assert_int_equal(mirror_requests(scene.mirror, scene.now, &delta, &err), 0);
    expect_nothing();
    scene.n_requests = 0;
    wait_ms(60000);
    poll();
    assert_int_equal(expect(REAPER_DISABLE_AGENT)->rule, RULE_LEAVING);
}

static void test_second_job_of_a_leaving_agent(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0)->last = 1;
    poll();
    expect_nothing();
    ado_empty();
    wait_ms(61000);
    agent("u", 2)->last = 1;
    request(2, "u");
    poll();
    expect_nothing();
}

/* ---- retire ---- */

static void test_retire_not_started(void **state)
{
    (void)state;
    job("u", 1);
    pod("u", POD_CREATING);
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "cancelled");
    const struct reaper_action *action = expect(REAPER_CHECK_POD);
    assert_false(action->others_may_run);
    answer_with(REAPER_OK);
    expect_delete("u", RULE_RETIRED, "cancelled");
    assert_true(scene.actions.list[0].same_version);
}

static void test_retire_started_meanwhile(void **state)
{
    (void)state;
    job("u", 1);
    pod("u", POD_CREATING);
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "cancelled");
    expect(REAPER_CHECK_POD);
    answer_with(REAPER_STARTED);
    expect_nothing();
    pod("u", POD_RUNNING);
    wait_ms(1000);
    poll();
    expect_nothing();                         /* it may be about to register */
    agent("u", 0);
    poll();
    disable_and_delete("u", RULE_RETIRED, "cancelled");
}

static void test_retire_changed_meanwhile(void **state)
{
    (void)state;
    job("u", 1);
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "cancelled");
    expect(REAPER_CHECK_POD);
    answer_with(REAPER_OK);
    expect_delete("u", RULE_RETIRED, "cancelled");
    answer_with(REAPER_CHANGED);
    expect_nothing();
    wait_ms(1000);
    expect(REAPER_CHECK_POD);                 /* from the beginning */
}

static void test_retire_got_work(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0);
    poll();
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "surplus");
    expect(REAPER_DISABLE_AGENT);
    answer_with(REAPER_OK);
    expect(REAPER_READ_AGENT);
    answer((struct reaper_result){.outcome = REAPER_OK, .agent_enabled = false, .agent_assigned = 9});
    expect(REAPER_ENABLE_AGENT);
    answer_with(REAPER_OK);
    wait_ms(5000);
    expect_nothing();                         /* the lists are from before that */
    ado_empty();
    agent("u", 9);
    request(9, "u");
    poll();
    expect_nothing();
    assert_int_equal(reaper_orders(scene.reaper), 0);
}

static void test_retire_busy_in_the_last_moment(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0);
    poll();
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "surplus");
    expect(REAPER_DISABLE_AGENT);
    answer_with(REAPER_OK);
    expect(REAPER_READ_AGENT);
    answer((struct reaper_result){.outcome = REAPER_OK});
    request(9, "u");
    poll();                                   /* both truths must agree: the list says busy */
    expect(REAPER_ENABLE_AGENT);
}

static void test_retire_waits_for_fresh_pictures(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0);
    poll();
    reaper_order(scene.reaper, scene.now, "u", "uid-u", "surplus");
    ado_stale();
    expect_nothing();
    poll();
    scene.world.leading = false;
    expect_nothing();
    scene.world.leading = true;
    expect(REAPER_DISABLE_AGENT);
}

static void test_order_is_forgotten(void **state)
{
    (void)state;
    reaper_order(scene.reaper, scene.now, "gone", "uid-gone", "surplus");
    reaper_order(scene.reaper, scene.now, "gone", "uid-gone", "surplus");
    assert_int_equal(reaper_orders(scene.reaper), 1);
    expect_nothing();
    wait_ms(11 * 60 * 1000);
    expect_nothing();
    assert_int_equal(reaper_orders(scene.reaper), 0);
}

/* ---- disabled ---- */

static void test_disabled_half_way(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 0)->enabled = false;
    poll();
    expect(REAPER_READ_AGENT);
    answer((struct reaper_result){.outcome = REAPER_OK});
    expect_delete("u", RULE_DISABLED, "disabled");
}

static void test_disabled_and_busy(void **state)
{
    (void)state;
    running("u", 1);
    agent("u", 1)->enabled = false;
    request(1, "u");
    poll();
    expect(REAPER_ENABLE_AGENT);
    answer_with(REAPER_OK);
    wait_ms(2000);
    expect_nothing();                         /* the list is older than what we did */
}

/* ---- never started ---- */

struct stuck_case {
    const char *status;
    int64_t after_ms;            /* -1 = never */
    const char *reason;
};

static void test_never_started(void **state)
{
    static const struct stuck_case cases[] = {
        {POD_WAITING("InvalidImageName"), 0, "image-name"},
        {POD_WAITING("ImagePullBackOff"), 30000, "image-pull"},
        {POD_WAITING("CreateContainerConfigError"), 30000, "container-config"},
        {POD_CREATING, 600000, "registration-deadline"},
        {POD_UNSCHEDULABLE, -1, NULL},
        {NULL, -1, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct stuck_case *c = &cases[i];
        scene_close(state);
        scene_open(state);
        job("u", 1);
        if (c->status)
            pod("u", c->status);
        if (c->after_ms) {
            wait_ms(c->after_ms < 0 ? 3600000 : c->after_ms - 1);
            expect_nothing();
            wait_ms(1);
        }
        if (c->after_ms < 0) {
            expect_nothing();
            continue;
        }
        expect(REAPER_CHECK_POD);
        answer_with(REAPER_OK);
        const struct reaper_action *trouble = expect(REAPER_TROUBLE);
        assert_string_equal(trouble->reason, c->reason);
        assert_int_equal(scene.actions.n, 2);
        assert_int_equal(scene.actions.list[1].kind, REAPER_DELETE_UNIT);
        answer_with(REAPER_OK);
        expect_nothing();
    }
}

static void test_three_pulls(void **state)
{
    (void)state;
    job("u", 1);
    for (int i = 0; i < 3; i++) {
        pod("u", POD_CREATING);
        wait_ms(1000);
        expect_nothing();
        pod("u", POD_WAITING("ErrImagePull"));
        if (i < 2)
            expect_nothing();
    }
    expect(REAPER_CHECK_POD);
}

static void test_never_started_but_sidecar_runs(void **state)
{
    (void)state;
    job("u", 1);
    pod("u", "{\"containerStatuses\":[{\"name\":\"side\",\"state\":{\"running\":{}}},{\"name\":\"agent\",\"state\":{\"waiting\":{\"reason\":\"InvalidImageName\"}}}]}");
    expect_nothing();                         /* only Azure DevOps can tell that no agent is at work in it */
    poll();
    assert_true(expect(REAPER_CHECK_POD)->others_may_run);
}

/* ---- registration ---- */

static void test_registration_deadline(void **state)
{
    (void)state;
    running("u", 1);
    wait_ms(599000);
    poll();
    expect_nothing();
    wait_ms(1000);
    expect_nothing();                         /* the list of agents is from before the deadline */
    poll();
    assert_string_equal(expect(REAPER_TROUBLE)->reason, "registration-deadline");
    assert_int_equal(scene.actions.list[1].kind, REAPER_DELETE_UNIT);
}

static void test_registered(void **state)
{
    (void)state;
    running("u", 1);
    scene.n_agents = 0;
    agent("WHATEVER", 0)->host = "U-abcde";
    wait_ms(700000);
    poll();
    expect_nothing();
}

static void test_agent_under_an_unknown_name(void **state)
{
    (void)state;
    running("u", 1);
    agent("who-is-this", 5);                  /* of our instance, fits no unit: it may be this one's */
    wait_ms(700000);
    poll();
    expect_nothing();
    scene.agents[0].ours = false;
    poll();
    expect(REAPER_TROUBLE);
}

/* ---- MAX_JOB_DURATION ---- */

static void test_overdue(void **state)
{
    (void)state;
    running("u", 1);
    request(1, "u")->received_ms = 1000000;
    request(2, "")->queued_ms = 1000000;
    agent("u", 1);
    poll();
    wait_ms(3600000);
    poll();
    expect_nothing();                         /* off by default */
    scene.pool.max_job_duration_ms = 3600000 + 10000;
    expect_nothing();
    scene.requests[1].queued_ms = 1000000 + 3600000 + 10001;      /* the service's own clock, as its stamps tell it */
    poll();
    expect_delete("u", RULE_OVERDUE, "overdue");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ended), TEST(test_ended_waits_for_its_request), TEST(test_ended_needs_a_later_poll), TEST(test_ended_badly_is_kept_longer),
        TEST(test_a_waiting_request_holds_no_ended_unit), TEST(test_served_by_another), TEST(test_ended_on_stale_pictures), TEST(test_ended_before_we_came),
        TEST(test_old_end_needs_no_second_poll), TEST(test_standby_still_clears_up), TEST(test_pool_no_longer_configured), TEST(test_held),
        TEST(test_leaving), TEST(test_leaving_known_by_the_agent_alone), TEST(test_left_without_its_container), TEST(test_leaving_after_a_short_job), TEST(test_second_job_of_a_leaving_agent),
        TEST(test_retire_not_started), TEST(test_retire_started_meanwhile), TEST(test_retire_changed_meanwhile), TEST(test_retire_got_work),
        TEST(test_retire_busy_in_the_last_moment), TEST(test_retire_waits_for_fresh_pictures), TEST(test_order_is_forgotten),
        TEST(test_disabled_half_way), TEST(test_disabled_and_busy), TEST(test_never_started), TEST(test_three_pulls),
        TEST(test_never_started_but_sidecar_runs), TEST(test_registration_deadline), TEST(test_registered), TEST(test_agent_under_an_unknown_name),
        TEST(test_overdue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
