/* One pool, a few units, both pictures as the reaper gets them; time moves only when a test says so. */
#ifndef TESTS_UNIT_REAPER_SCENE_H
#define TESTS_UNIT_REAPER_SCENE_H

#include "common/mem.h"
#include "reaper/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POOL_ID = 7, ROWS_MAX = 8 };

struct scene {
    struct config config;
    struct config_pool pool;
    struct config_template template;
    struct mirror *mirror;
    struct units *units;
    struct reaper *reaper;
    struct reaper_world world;
    struct reaper_actions actions;
    struct mono now;
    uint64_t set;
    struct request_row requests[ROWS_MAX];
    size_t n_requests;
    struct agent_row agents[ROWS_MAX];
    size_t n_agents;
};

static struct scene scene;

static int scene_open(void **state)
{
    (void)state;
    static char name[] = "linux", template_name[] = "default";
    scene = (struct scene){.now = {1000000000000}};
    scene.template = (struct config_template){.name = template_name, .registration_deadline_ms = 600000};
    scene.pool = (struct config_pool){.name = name, .retention_ms = 120000, .failed_retention_ms = 600000, .templates = &scene.template, .n_templates = 1};
    scene.config = (struct config){.agent_exit_grace_ms = 60000, .pools = &scene.pool, .n_pools = 1};
    scene.mirror = mirror_new();
    scene.units = units_new();
    scene.reaper = reaper_new(&scene.config);
    scene.world = (struct reaper_world){.mirror = scene.mirror, .units = scene.units, .units_fresh = true, .leading = true};
    return 0;
}

static int scene_close(void **state)
{
    (void)state;
    size_t cursor = 0;
    for (struct unit *unit; (unit = units_next(scene.units, &cursor));)
        reaper_unit_gone(scene.reaper, unit);
    reaper_free(&scene.reaper);
    reaper_actions_done(&scene.actions);
    units_free(&scene.units);
    mirror_free(&scene.mirror);
    return 0;
}

static void wait_ms(int64_t ms)
{
    scene.now = mono_add_ms(scene.now, ms);
}

/* ---- Azure DevOps ---- */

static struct request_row *request(uint64_t id, const char *agent)
{
    struct request_row *row = &scene.requests[scene.n_requests++];
    *row = (struct request_row){.id = id, .queued_ms = 1000, .agent = agent, .definition = "", .run = "", .url = "", .agent_id = *agent ? 50 : 0, .assigned_ms = *agent ? 2000 : 0};
    return row;
}

static struct agent_row *agent(const char *name, uint64_t assigned)
{
    struct agent_row *row = &scene.agents[scene.n_agents];
    *row = (struct agent_row){.id = 50 + scene.n_agents, .name = name, .host = "", .online = true, .enabled = true, .assigned = assigned, .ours = true,
                              .instance = ""};
    scene.n_agents++;
    return row;
}

static void poll_agents(void)
{
    struct err err;
    const struct msg_agents agents = {.pool_id = POOL_ID, .pool = "linux", .set = ++scene.set, .last = true, .began_ns = (uint64_t)scene.now.ns,
                                      .delay_ms = 15000, .reason = "", .rows = scene.agents, .n_rows = scene.n_agents};
    assert_int_equal(mirror_agents(scene.mirror, scene.now, &agents, &err), 0);
}

static void poll_requests(void)
{
    struct err err;
    const struct msg_requests requests = {.pool_id = POOL_ID, .pool = "linux", .full = true, .set = ++scene.set, .last = true,
                                          .began_ns = (uint64_t)scene.now.ns, .delay_ms = 1000, .reason = "", .rows = scene.requests,
                                          .n_rows = scene.n_requests};
    assert_int_equal(mirror_requests(scene.mirror, scene.now, &requests, &err), 0);
}

/* Both lists, a moment after whatever was before. */
static void poll(void)
{
    wait_ms(1);
    poll_requests();
    poll_agents();
    wait_ms(1);
}

static void ado_empty(void)
{
    scene.n_requests = scene.n_agents = 0;
}

/* ---- the cluster ---- */

static void feed(void (*take)(struct units *, struct mono, const json_t *), char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    take(scene.units, scene.now, object);
    json_decref(object);
    free(text);
}

static struct unit *job_with(const char *name, uint64_t request_id, int attempt, const char *annotations)
{
    feed(units_job, xasprintf("{\"metadata\":{\"name\":\"%s\",\"uid\":\"uid-%s\",\"resourceVersion\":\"5\",\"namespace\":\"ns\",\"labels\":{\"%s\":\"%d\",\"%s\":\"default\"},"
                              "\"annotations\":{\"%s\":\"linux\",\"%s\":\"%llu\",\"%s\":\"%d\"%s}}}", name, name, LABEL_POOL_ID, POOL_ID, LABEL_TEMPLATE, ANNOTATION_POOL,
                              ANNOTATION_REQUEST, (unsigned long long)request_id, ANNOTATION_ATTEMPT, attempt, annotations));
    return units_get(scene.units, name);
}

static struct unit *job(const char *name, uint64_t request_id)
{
    return job_with(name, request_id, 1, "");
}

static void pod(const char *unit, const char *status)
{
    feed(units_pod, xasprintf("{\"metadata\":{\"name\":\"%s-abcde\",\"uid\":\"pod-%s\",\"namespace\":\"ns\",\"ownerReferences\":[{\"uid\":\"uid-%s\",\"controller\":true}]},"
                              "\"spec\":{\"containers\":[{\"name\":\"agent\"}]},\"status\":%s}", unit, unit, unit, status));
}

#define POD_STATE(phase, state) "{\"phase\":\"" phase "\",\"containerStatuses\":[{\"name\":\"agent\",\"state\":" state "}]}"
#define POD_CREATING POD_STATE("Pending", "{\"waiting\":{\"reason\":\"ContainerCreating\"}}")
#define POD_WAITING(reason) POD_STATE("Pending", "{\"waiting\":{\"reason\":\"" reason "\",\"message\":\"because\"}}")
#define POD_RUNNING POD_STATE("Running", "{\"running\":{}}")
#define POD_DONE POD_STATE("Succeeded", "{\"terminated\":{\"exitCode\":0,\"finishedAt\":\"2026-03-01T08:00:00Z\"}}")
#define POD_CRASHED POD_STATE("Failed", "{\"terminated\":{\"exitCode\":1,\"reason\":\"Error\"}}")
#define POD_UNSCHEDULABLE "{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"Unschedulable\"}]}"
#define DONE_MS 1772352000000

static struct unit *running(const char *name, uint64_t request_id)
{
    struct unit *unit = job(name, request_id);
    pod(name, POD_RUNNING);
    return unit;
}

/* ---- passes ---- */

static const struct reaper_action *pass(void)
{
    reaper_pass(scene.reaper, &scene.world, scene.now, &scene.actions);
    assert_true(mono_before(scene.now, reaper_deadline(scene.reaper)));
    return scene.actions.n ? scene.actions.list : NULL;
}

static const struct reaper_action *expect(enum reaper_action_kind kind)
{
    const struct reaper_action *action = pass();
    if (!action || action->kind != kind)
        fail_msg("action %d expected, got %d", (int)kind, action ? (int)action->kind : -1);
    return action;
}

static void expect_nothing(void)
{
    const struct reaper_action *action = pass();
    if (action)
        fail_msg("nothing expected, got action %d (%s)", (int)action->kind, action->reason);
}

static void expect_delete(const char *unit, enum reaper_rule rule, const char *reason)
{
    const struct reaper_action *action = expect(REAPER_DELETE_UNIT);
    assert_int_equal(scene.actions.n, 1);
    assert_string_equal(action->unit->name, unit);
    assert_int_equal(action->rule, rule);
    assert_string_equal(action->reason, reason);
}

static void answer(struct reaper_result result)
{
    const struct reaper_action *action = &scene.actions.list[scene.actions.n - 1];
    result.kind = action->kind;
    result.rule = action->rule;
    result.name = action->unit ? action->unit->name : action->orphan->pod;
    result.uid = action->unit ? action->unit->uid : action->orphan->uid;
    reaper_result(scene.reaper, scene.units, scene.now, 1, &result);
}

static void answer_with(enum reaper_outcome outcome)
{
    answer((struct reaper_result){.outcome = outcome});
}

/* From DISABLE to DELETE: the agent stays free. */
static void disable_and_delete(const char *unit, enum reaper_rule rule, const char *reason)
{
    expect(REAPER_DISABLE_AGENT);
    answer_with(REAPER_OK);
    expect(REAPER_READ_AGENT);
    answer((struct reaper_result){.outcome = REAPER_OK, .agent_enabled = false});
    expect_delete(unit, rule, reason);
    answer_with(REAPER_OK);
    expect_nothing();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

#endif
