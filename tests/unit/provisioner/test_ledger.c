#include "tests/support/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct world w;

static int open_world(void **state)
{
    (void)state;
    world_open(&w);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static void begin(void)
{
    world_start(&w);
    world_poll(&w);
    world_agents(&w);
}

static struct ledger_view view_of(const struct world_job *j)
{
    struct ledger_view v = {0};
    assert_true(ledger_request_view(w.ledger, WORLD_POOL_ID, j->id, &v));
    return v;
}

static void one_unit_for_one_request(void **state)
{
    (void)state;
    struct world_job *j = world_queue(&w, -1);
    begin();
    assert_int_equal(world_pass_ok(&w), 1);
    assert_string_equal(w.list[0].name, "agent-job-linux-100");
    assert_int_equal(w.list[0].request, 100);
    assert_int_equal(w.list[0].attempt, 1);
    for (int i = 0; i < 5; i++) {
        world_advance(&w, 1000);
        world_poll(&w);
        assert_int_equal(world_pass_ok(&w), 0);
    }
    assert_string_equal(view_of(j).unit, "agent-job-linux-100");
    assert_string_equal(view_of(j).code, "");
}

static void nothing_before_the_first_snapshots(void **state)
{
    (void)state;
    world_queue(&w, -1);
    world_start(&w);
    assert_int_equal(world_pass(&w), 0);
    world_poll(&w);
    assert_int_equal(world_pass(&w), 0);   /* the agents are not in yet */
    world_agents(&w);
    struct ledger_world view = {.mirror = w.mirror, .units = w.units, .units_fresh = false, .writes_allowed = true};
    ledger_pass(w.ledger, &view, w.now, 1, &w.actions);
    assert_int_equal(w.actions.n, 0);      /* nor the units */
    assert_int_equal(world_pass_ok(&w), 1);
}

static void a_stale_picture_creates_and_retires_nothing(void **state)
{
    (void)state;
    struct world_job *j = world_queue(&w, -1);
    begin();
    assert_int_equal(world_pass_ok(&w), 1);
    struct world_job *second = world_queue(&w, -1);
    world_poll(&w);
    j->state = JOB_CANCELLED;
    world_poll_fails(&w);
    assert_int_equal(world_pass(&w), 0);
    assert_string_equal(view_of(second).code, "stale");
    world_advance(&w, 100000);
    assert_int_equal(world_pass(&w), 0);
    world_poll(&w);
    world_agents(&w);
    /* the cancelled job's unit now stands for the second job */
    assert_int_equal(world_pass(&w), 0);
    assert_string_equal(view_of(second).unit, w.list[0].name);
}

static void silence_is_stale_by_our_own_clock(void **state)
{
    (void)state;
    begin();
    world_queue(&w, -1);
    world_poll(&w);
    world_advance(&w, 31000);
    assert_int_equal(world_pass(&w), 0);
}

static void a_cancelled_job_retires_its_unstarted_unit_at_once(void **state)
{
    (void)state;
    struct world_job *j = world_queue(&w, -1);
    begin();
    world_pass_ok(&w);
    j->state = JOB_CANCELLED;
    world_advance(&w, 1000);
    world_poll(&w);
    assert_int_equal(world_pass(&w), 1);
    assert_int_equal(w.actions.list[0].kind, LEDGER_RETIRE);
    assert_string_equal(w.actions.list[0].reason, "cancelled");
    assert_string_equal(w.actions.list[0].uid, w.list[0].uid);
    assert_int_equal(world_pass(&w), 0);   /* ordered once */
    ledger_reaper_connected(w.ledger);
    assert_int_equal(world_pass(&w), 1);   /* and again for a reaper that starts anew */
}

static void a_started_unit_is_surplus_only_after_the_grace(void **state)
{
    (void)state;
    struct world_job *j = world_queue(&w, -1);
    begin();
    world_pass_ok(&w);
    world_set(&w, 0, PLACE_ONLINE);
    world_agents(&w);
    j->state = JOB_CANCELLED;
    world_poll(&w);
    assert_int_equal(world_pass(&w), 0);
    for (int i = 0; i < 59; i++) {
        world_advance(&w, 1000);
        world_poll(&w);
        assert_int_equal(world_pass(&w), 0);
    }
    world_advance(&w, 1000);
    world_poll(&w);
    assert_int_equal(world_pass(&w), 1);
    assert_string_equal(w.actions.list[0].reason, "surplus");
}

static void a_stolen_job_moves_the_credit(void **state)
{
    (void)state;
    struct world_job *a = world_queue(&w, -1), *b = world_queue(&w, -1);
    begin();
    assert_int_equal(world_pass_ok(&w), 2);
    world_set(&w, 0, PLACE_ONLINE);
    world_agents(&w);
    world_take(&w, 0, b);                  /* a's unit takes b */
    world_poll(&w);
    assert_int_equal(world_pass(&w), 0);
    assert_string_equal(view_of(a).unit, w.list[1].name);
    assert_string_equal(view_of(b).unit, w.list[0].name);
    assert_string_equal(view_of(b).state, "running");
}

static void an_ended_unit_keeps_its_place_until_a_newer_poll(void **state)
{
    (void)state;
    struct world_job *j = world_queue(&w, -1);
    begin();
    world_pass_ok(&w);
    world_set(&w, 0, PLACE_ONLINE);
    world_poll_begin(&w);                  /* this picture still shows the job queued */
    world_advance(&w, 100);
    world_take(&w, 0, j);
    world_finish(&w, j, 0);
    world_advance(&w, 100);
    world_poll_deliver(&w);
    assert_int_equal(world_pass(&w), 0);
    world_advance(&w, 1000);
    world_poll(&w);
    assert_int_equal(world_pass(&w), 0);
}

static void a_crash_before_the_job_backs_off_and_tells_why(void **state)
{
    (void)state;
    struct world_job *j = world_queue(&w, -1);
    begin();
    world_pass_ok(&w);
    w.list[0].exit_code = 3;
    world_set(&w, 0, PLACE_ENDED);
    world_advance(&w, 10);
    world_poll(&w);
    assert_int_equal(world_pass(&w), 0);
    assert_string_equal(view_of(j).code, "crash");
    for (int i = 0; i < 11 && !world_pass_ok(&w); i++) {
        world_advance(&w, 1000);
        world_poll(&w);
    }
    assert_int_equal(w.n_units, 2);
    assert_string_equal(w.list[1].name, "agent-job-linux-100-2");
    assert_int_equal(w.list[1].attempt, 2);
}

static void an_unknown_outcome_is_tried_again_under_the_same_name(void **state)
{
    (void)state;
    struct world_job *j = world_queue(&w, -1);
    begin();
    assert_int_equal(world_pass(&w), 1);
    char name[64];
    memcpy(name, w.actions.list[0].name, sizeof name);
    ledger_created(w.ledger, w.now, 1, name, "", LEDGER_RETRY, "unavailable", "no reply");
    assert_int_equal(world_pass(&w), 0);
    assert_string_equal(view_of(j).code, "unavailable");
    world_advance(&w, 600);
    assert_int_equal(world_pass(&w), 1);
    assert_string_equal(w.actions.list[0].name, name);
}

static void quota_pauses_the_template_and_probes_with_one(void **state)
{
    (void)state;
    struct world_job *jobs[5];
    for (size_t i = 0; i < 5; i++)
        jobs[i] = world_queue(&w, -1);
    begin();
    assert_int_equal(world_pass(&w), 5);
    for (size_t i = 0; i < 5; i++)
        ledger_created(w.ledger, w.now, 1, w.actions.list[i].name, "", LEDGER_REFUSED_QUOTA, "quota", "exceeded quota: q");
    assert_int_equal(world_pass(&w), 0);
    assert_string_equal(view_of(jobs[4]).code, "quota");
    assert_string_equal(view_of(jobs[4]).reason, "exceeded quota: q");
    for (int i = 0; i < 30 && !world_pass(&w); i++) {
        world_advance(&w, 1000);
        world_poll(&w);
    }
    assert_int_equal(w.actions.n, 1);
    assert_string_equal(w.actions.list[0].name, "agent-job-linux-100");   /* the oldest, under its first name */
    ledger_created(w.ledger, w.now, 1, w.actions.list[0].name, "u1", LEDGER_OK, "", "");
    assert_int_equal(world_pass(&w), 4);
}

/* The reaper says that unit i is broken, and deletes it. */
static void break_unit(int i)
{
    ledger_trouble(w.ledger, w.now, w.list[i].name, w.list[i].uid, "image-pull", "no such image");
    world_delete(&w, i);
}

static void a_broken_template_makes_one_unit_at_a_time_until_an_agent_registers(void **state)
{
    (void)state;
    int made[3], probe = -1;
    for (size_t i = 0; i < 3; i++)
        world_queue(&w, -1);
    begin();
    assert_int_equal(world_pass(&w), 3);
    for (size_t i = 0; i < 3; i++) {
        made[i] = world_create(&w, &w.actions.list[i]);
        ledger_created(w.ledger, w.now, 1, w.actions.list[i].name, w.list[made[i]].uid, LEDGER_OK, "", "");
    }
    struct world_job *later = NULL;
    for (size_t i = 0; i < 10; i++)
        later = world_queue(&w, -1);
    for (size_t i = 0; i < 3; i++)
        break_unit(made[i]);
    world_advance(&w, 1000);
    world_poll(&w);
    assert_int_equal(world_pass(&w), 0);
    assert_string_equal(view_of(later).code, "image-pull");
    size_t probes = 0;
    for (int i = 0; i < 300; i++) {           /* five minutes: the image is still not there */
        world_advance(&w, 1000);
        world_poll(&w);
        size_t n = world_pass(&w);
        assert_true(n <= 1);
        if (!n)
            continue;
        probes++;
        probe = world_create(&w, &w.actions.list[0]);
        ledger_created(w.ledger, w.now, 1, w.actions.list[0].name, w.list[probe].uid, LEDGER_OK, "", "");
        assert_int_equal(world_pass(&w), 0);
        if (probes < 3)
            break_unit(probe);
    }
    assert_true(probes >= 3 && probes <= 5);
    world_set(&w, probe, PLACE_ONLINE);
    world_agents(&w);
    world_poll(&w);
    assert_true(world_pass(&w) >= 7);
}

static void a_pause_is_told_while_somebody_waits(void **state)
{
    (void)state;
    struct ledger_pool_counts counts;
    struct world_job *j = world_queue(&w, -1);
    begin();
    assert_int_equal(world_pass(&w), 1);
    ledger_created(w.ledger, w.now, 1, w.actions.list[0].name, "", LEDGER_REFUSED, "rbac", "no");
    assert_int_equal(world_pass(&w), 0);
    ledger_pool_counts(w.ledger, WORLD_POOL_ID, &counts);
    assert_string_equal(counts.note_code, "rbac");
    j->state = JOB_CANCELLED;
    world_advance(&w, 1000);
    world_poll(&w);
    assert_int_equal(world_pass(&w), 0);
    ledger_pool_counts(w.ledger, WORLD_POOL_ID, &counts);
    assert_string_equal(counts.note, "");
}

static void room_under_a_quota_is_noticed_when_a_unit_is_gone(void **state)
{
    (void)state;
    struct world_job *a = world_queue(&w, -1), *b = world_queue(&w, -1);
    begin();
    assert_int_equal(world_pass(&w), 2);
    int made = world_create(&w, &w.actions.list[0]);
    ledger_created(w.ledger, w.now, 1, w.actions.list[0].name, w.list[made].uid, LEDGER_OK, "", "");
    ledger_created(w.ledger, w.now, 1, w.actions.list[1].name, "", LEDGER_REFUSED_QUOTA, "quota", "exceeded quota: q");
    world_set(&w, made, PLACE_ONLINE);
    world_agents(&w);
    world_take(&w, made, a);
    world_poll(&w);
    assert_int_equal(world_pass(&w), 0);
    world_finish(&w, a, 0);
    world_advance(&w, 1000);
    world_poll(&w);
    assert_int_equal(world_pass(&w), 0);   /* ended, but its object still counts */
    assert_string_equal(view_of(b).code, "quota");
    world_delete(&w, made);
    world_advance(&w, 10);
    assert_int_equal(world_pass(&w), 1);
    assert_int_equal(w.actions.list[0].request_id, b->id);
}

static void limits_hold_back_the_youngest(void **state)
{
    (void)state;
    w.pool.limit = 2;
    struct world_job *a = world_queue(&w, -1), *b = world_queue(&w, -1), *c = world_queue(&w, -1);
    begin();
    assert_int_equal(world_pass_ok(&w), 2);
    assert_string_equal(view_of(a).code, "");
    assert_string_equal(view_of(b).code, "");
    assert_string_equal(view_of(c).code, "limit");
    world_set(&w, 0, PLACE_ONLINE);
    world_agents(&w);
    world_take(&w, 0, a);
    world_poll(&w);
    world_pass(&w);
    world_finish(&w, a, 0);
    world_advance(&w, 1000);
    world_poll(&w);
    assert_int_equal(world_pass_ok(&w), 1);
}

static void demands_choose_the_template_or_say_what_is_missing(void **state)
{
    (void)state;
    static char small[] = "small", gpu[] = "gpu", cuda[] = "cuda", team[] = "team", red[] = "red", empty[] = "";
    static struct capability small_caps[] = {{team, red}}, gpu_caps[] = {{cuda, empty}};
    w.templates[0] = (struct config_template){.name = small, .capabilities = small_caps, .n_capabilities = 1};
    w.templates[1] = (struct config_template){.name = gpu, .capabilities = gpu_caps, .n_capabilities = 1};
    w.pool.n_templates = 2;
    w.demands[0] = "cuda";
    w.demands[1] = "Team -equals RED";
    w.demands[2] = "java";
    w.demands[3] = "Agent.Name -equals mine";
    struct world_job *j[4];
    for (int i = 0; i < 4; i++)
        j[i] = world_queue(&w, i);
    begin();
    assert_int_equal(world_pass_ok(&w), 2);
    assert_string_equal(w.list[0].template_name, "gpu");
    assert_string_equal(w.list[1].template_name, "small");
    assert_string_equal(view_of(j[2]).code, "no-template");
    assert_string_equal(view_of(j[2]).reason, "template small: demand java missing; template gpu: demand java missing");
    assert_non_null(strstr(view_of(j[3]).reason, "pinned to agent mine"));
}

static void warm_units_are_kept_and_credited(void **state)
{
    (void)state;
    w.pool.minimum_idle = 2;
    begin();
    assert_int_equal(world_pass_ok(&w), 2);
    assert_string_equal(w.list[0].name, "agent-job-linux-w0-1");
    assert_string_equal(w.list[1].name, "agent-job-linux-w1-2");
    world_queue(&w, -1);
    world_poll(&w);
    assert_int_equal(world_pass_ok(&w), 1);   /* the job takes a warm one, which is replaced */
    assert_int_equal(w.list[2].request, 0);
    world_advance(&w, 1000);
    world_poll(&w);
    assert_int_equal(world_pass_ok(&w), 0);
}

static void an_image_that_does_nothing_is_slowed_down(void **state)
{
    (void)state;
    struct world_job *j = world_queue(&w, -1);
    begin();
    for (int i = 0; i < 60; i++) {
        world_pass_ok(&w);
        for (size_t u = 0; u < w.n_units; u++)
            if (w.list[u].place == PLACE_PENDING)
                world_set(&w, (int)u, PLACE_ENDED);
        world_advance(&w, 1000);
        world_poll(&w);
    }
    assert_in_range(w.n_units, 3, 8);
    assert_string_equal(view_of(j).code, "no-job");
}

static void a_deleted_unit_is_replaced_under_the_next_name(void **state)
{
    (void)state;
    world_queue(&w, -1);
    begin();
    world_pass_ok(&w);
    world_pass_ok(&w);
    world_delete(&w, 0);
    assert_int_equal(world_pass_ok(&w), 0);   /* an old picture */
    world_advance(&w, 1000);
    world_poll(&w);
    assert_int_equal(world_pass_ok(&w), 1);
    assert_string_equal(w.list[1].name, "agent-job-linux-100-2");
}

static void tell_of_a_free_agent(void)
{
    struct agent_row row = {.id = 9, .name = "old-faithful", .host = "vm", .online = true, .enabled = true, .instance = ""};
    struct msg_agents m = {.pool_id = WORLD_POOL_ID, .pool = "linux", .set = ++w.set, .last = true, .began_ns = (uint64_t)w.now.ns, .delay_ms = 15000,
                           .reason = "", .rows = &row, .n_rows = 1};
    struct err err;
    assert_int_equal(mirror_agents(w.mirror, w.now, &m, &err), 0);
}

/* What it can do is not told: when it does not take a request, it is not waited for with the next of that kind. */
static void a_free_agent_that_takes_nothing_is_not_waited_for_again(void **state)
{
    (void)state;
    w.demands[0] = "cuda";
    begin();
    tell_of_a_free_agent();
    struct world_job *a = world_queue(&w, 0);
    world_poll(&w);
    assert_int_equal(world_pass_ok(&w), 0);
    assert_string_equal(view_of(a).code, "other-agent");
    world_advance(&w, 10000);
    world_poll(&w);
    assert_int_equal(world_pass_ok(&w), 1);
    struct world_job *b = world_queue(&w, -1);
    world_queue(&w, 0);
    world_poll(&w);
    assert_int_equal(world_pass_ok(&w), 1);   /* at once; other demands are another matter */
    assert_string_equal(view_of(b).code, "other-agent");
    world_advance(&w, 11 * 60 * 1000);
    struct world_job *c = world_queue(&w, 0);
    tell_of_a_free_agent();
    world_poll(&w);
    world_pass_ok(&w);
    assert_string_equal(view_of(c).code, "other-agent");
}

static void a_free_agent_of_somebody_else_gets_ten_seconds(void **state)
{
    (void)state;
    begin();
    tell_of_a_free_agent();
    struct world_job *a = world_queue(&w, -1);
    world_queue(&w, -1);
    world_poll(&w);
    assert_int_equal(world_pass_ok(&w), 1);   /* one free agent: one of the two is left to it */
    assert_string_equal(view_of(a).code, "other-agent");
    world_advance(&w, 10000);
    world_poll(&w);
    assert_int_equal(world_pass_ok(&w), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_unit_for_one_request),
        TEST(nothing_before_the_first_snapshots),
        TEST(a_stale_picture_creates_and_retires_nothing),
        TEST(silence_is_stale_by_our_own_clock),
        TEST(a_cancelled_job_retires_its_unstarted_unit_at_once),
        TEST(a_started_unit_is_surplus_only_after_the_grace),
        TEST(a_stolen_job_moves_the_credit),
        TEST(an_ended_unit_keeps_its_place_until_a_newer_poll),
        TEST(a_crash_before_the_job_backs_off_and_tells_why),
        TEST(an_unknown_outcome_is_tried_again_under_the_same_name),
        TEST(quota_pauses_the_template_and_probes_with_one),
        TEST(a_broken_template_makes_one_unit_at_a_time_until_an_agent_registers),
        TEST(a_pause_is_told_while_somebody_waits),
        TEST(room_under_a_quota_is_noticed_when_a_unit_is_gone),
        TEST(limits_hold_back_the_youngest),
        TEST(demands_choose_the_template_or_say_what_is_missing),
        TEST(warm_units_are_kept_and_credited),
        TEST(an_image_that_does_nothing_is_slowed_down),
        TEST(a_deleted_unit_is_replaced_under_the_next_name),
        TEST(a_free_agent_of_somebody_else_gets_ten_seconds),
        TEST(a_free_agent_that_takes_nothing_is_not_waited_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
