/* A small world for the reaper's core, with its own truth; the core sees it only through polls (that begin at one moment and arrive later) and watch events
 * (that lag), and its calls are carried out later, fail, or lose their answers. Every call of the core is checked against picture and truth. */
#ifndef TESTS_SUPPORT_REAPER_SIM_H
#define TESTS_SUPPORT_REAPER_SIM_H

#include "common/mem.h"
#include "reaper/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNITS = 5, CALLS = 64, POOL_ID = 7, NAME_MAX_ = 32 };
enum place { ABSENT, PENDING, BROKEN, RUNNING, ENDED };

struct sim_unit {
    enum place place, shown;         /* truth; what the watch has told */
    unsigned generation, version, shown_version;
    bool failed, held, registered, enabled, deleted_ok;
    uint64_t request, assigned, last;
};

struct sim_request {
    bool open;
    int unit;                        /* whose agent has it, -1 */
};

struct call {
    struct reaper_action action;
    int unit;
    char uid[NAME_MAX_];
    unsigned version;
};

struct sim {
    const uint8_t *in;
    size_t left;
    struct config config;
    struct config_pool pool;
    struct config_template template;
    struct mirror *mirror;
    struct units *units;
    struct reaper *reaper;
    struct reaper_actions actions;
    struct reaper_world world;
    struct mono now, requests_began, agents_began;
    uint64_t set, next_request;
    struct sim_unit list[UNITS];
    struct sim_request requests[256];
    struct call calls[CALLS];
    size_t n_calls;
    struct request_row rows[256];
    size_t n_rows;
    struct agent_row agents[UNITS];
    size_t n_agents;
    bool polling, listing;
};

static const char *const NAMES[UNITS] = {"u0", "u1", "u2", "u3", "u4"};

static unsigned take(struct sim *s)
{
    if (!s->left)
        return 0;
    s->left--;
    return *s->in++;
}

static void uid_of(const struct sim *s, int i, char out[NAME_MAX_])
{
    snprintf(out, NAME_MAX_, "%s-%u", NAMES[i], s->list[i].generation);
}

/* ---- truth ---- */

static void create(struct sim *s, int i)
{
    struct sim_unit *u = &s->list[i];
    if (u->place != ABSENT || u->shown != ABSENT || s->next_request >= 255)
        return;
    *u = (struct sim_unit){.place = PENDING, .generation = u->generation + 1, .version = 1, .request = ++s->next_request, .enabled = true};
    s->requests[u->request] = (struct sim_request){.open = true, .unit = -1};
}

static void change(struct sim_unit *u, enum place place)
{
    u->place = place;
    u->version++;
}

static void assign(struct sim *s, int i)
{
    struct sim_unit *u = &s->list[i];
    if (!u->registered || !u->enabled || u->assigned || u->place != RUNNING)
        return;
    for (uint64_t id = 1; id <= s->next_request; id++) {
        if (!s->requests[id].open || s->requests[id].unit >= 0)
            continue;
        s->requests[id].unit = i;
        u->assigned = id;
        return;
    }
}

static void finish_job(struct sim *s, int i)
{
    struct sim_unit *u = &s->list[i];
    if (!u->assigned)
        return;
    s->requests[u->assigned].open = false;
    u->last = u->assigned;
    u->assigned = 0;
}

/* Its request stays reserved to the agent for as long as Azure DevOps believes in it. */
static void leave(struct sim_unit *u, bool failed)
{
    if (u->place != RUNNING && u->place != PENDING)
        return;
    u->failed = failed;
    change(u, ENDED);
    u->registered = false;
}

static void abandon(struct sim *s)
{
    for (uint64_t id = 1; id <= s->next_request; id++) {
        struct sim_request *r = &s->requests[id];
        struct sim_unit *u = r->unit >= 0 ? &s->list[r->unit] : NULL;
        if (!r->open || !u || u->registered)
            continue;
        r->open = false;
        if (u->assigned == id)
            u->assigned = 0;
    }
}

static void cancel(struct sim *s, unsigned pick)
{
    struct sim_request *r = &s->requests[1 + pick % 255];
    if (r->unit < 0)
        r->open = false;
}

/* ---- what the core gets to see ---- */

static void poll_begin(struct sim *s)
{
    s->polling = true;
    s->requests_began = s->now;
    s->n_rows = 0;
    for (uint64_t id = 1; id <= s->next_request; id++) {
        const struct sim_request *r = &s->requests[id];
        if (!r->open)
            continue;
        s->rows[s->n_rows++] = (struct request_row){.id = id, .queued_ms = 1, .agent = r->unit >= 0 ? NAMES[r->unit] : "", .agent_id = (uint64_t)r->unit + 1,
                                                    .received_ms = r->unit >= 0, .definition = "", .run = "", .url = ""};
    }
}

static void poll_deliver(struct sim *s, bool fails)
{
    struct err err;
    if (!s->polling)
        return;
    s->polling = false;
    const struct msg_requests m = {.pool_id = POOL_ID, .pool = "linux", .full = !fails, .set = ++s->set, .last = true, .stale = fails, .delay_ms = 1000,
                                   .began_ns = (uint64_t)s->requests_began.ns, .reason = fails ? "offline" : "", .rows = s->rows,
                                   .n_rows = fails ? 0 : s->n_rows};
    mirror_requests(s->mirror, s->now, &m, &err);
}

static void agents_begin(struct sim *s)
{
    s->listing = true;
    s->agents_began = s->now;
    s->n_agents = 0;
    for (int i = 0; i < UNITS; i++) {
        const struct sim_unit *u = &s->list[i];
        if (u->registered)
            s->agents[s->n_agents++] = (struct agent_row){.id = (uint64_t)i + 1, .name = NAMES[i], .host = "", .online = true, .enabled = u->enabled,
                                                          .assigned = u->assigned, .last = u->last, .ours = true, .instance = ""};
    }
}

static void agents_deliver(struct sim *s)
{
    struct err err;
    if (!s->listing)
        return;
    s->listing = false;
    const struct msg_agents m = {.pool_id = POOL_ID, .pool = "linux", .set = ++s->set, .last = true, .delay_ms = 15000, .reason = "",
                                 .began_ns = (uint64_t)s->agents_began.ns, .rows = s->agents, .n_rows = s->n_agents};
    mirror_agents(s->mirror, s->now, &m, &err);
}

static void feed(struct sim *s, void (*take_object)(struct units *, struct mono, const json_t *), char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    CHECK(object);
    take_object(s->units, s->now, object);
    json_decref(object);
    free(text);
}

static void show_gone(struct sim *s, int i, const char *uid)
{
    char pod[NAME_MAX_ * 2];
    snprintf(pod, sizeof pod, "%s-p", uid);
    units_tick(s->units, s->now);
    struct unit *gone = units_job_gone(s->units, NAMES[i], uid);
    if (gone)
        reaper_unit_gone(s->reaper, gone);
    unit_free(&gone);
    units_pod_gone(s->units, s->now, pod, pod);
}

static void show(struct sim *s, int i)
{
    static const char *const states[] = {
        [PENDING] = "{\"waiting\":{\"reason\":\"ContainerCreating\"}}",
        [BROKEN] = "{\"waiting\":{\"reason\":\"ErrImagePull\"}}",
        [RUNNING] = "{\"running\":{}}",
    };
    struct sim_unit *u = &s->list[i];
    char uid[NAME_MAX_], ended[64];
    uid_of(s, i, uid);
    u->shown = u->place;
    u->shown_version = u->version;
    if (u->place == ABSENT) {
        show_gone(s, i, uid);
        return;
    }
    snprintf(ended, sizeof ended, "{\"terminated\":{\"exitCode\":%d}}", u->failed);
    feed(s, units_job, xasprintf("{\"metadata\":{\"name\":\"%s\",\"uid\":\"%s\",\"resourceVersion\":\"%u\",\"labels\":{\"%s\":\"%d\"},\"annotations\":{\"%s\":\"linux\","
                                 "\"%s\":\"%llu\"%s}}}", NAMES[i], uid, u->version, LABEL_POOL_ID, POOL_ID, ANNOTATION_POOL, ANNOTATION_REQUEST,
                                 (unsigned long long)u->request, u->held ? ",\"ado-orchestrator.io/hold\":\"\"" : ""));
    feed(s, units_pod, xasprintf("{\"metadata\":{\"name\":\"%s-p\",\"uid\":\"%s-p\",\"ownerReferences\":[{\"uid\":\"%s\",\"controller\":true}]},"
                                 "\"spec\":{\"containers\":[{\"name\":\"a\"}]},\"status\":{\"containerStatuses\":[{\"name\":\"a\",\"state\":%s}]}}", uid, uid, uid,
                                 u->place == ENDED ? ended : states[u->place]));
}

/* ---- the core's calls ---- */

static bool picture_says_busy(const struct sim *s, int i)
{
    const struct mirror_pool *pool = mirror_find(s->mirror, "linux");
    size_t cursor = 0;
    for (const struct mirror_request *r; pool && (r = map_next(pool->requests, &cursor, NULL));)
        if (strcmp(r->agent, NAMES[i]) == 0)
            return true;
    return false;
}

static void check_delete(const struct sim *s, const struct reaper_action *a, int i)
{
    const struct mirror_pool *pool = mirror_find(s->mirror, "linux");
    bool requests_fresh = pool && mirror_requests_fresh(pool, s->now), agents_fresh = pool && mirror_agents_fresh(pool, s->now);
    bool over = a->rule == RULE_ENDED || a->rule == RULE_FAILED;
    CHECK(a->rule == RULE_OVERDUE || !picture_says_busy(s, i));
    CHECK(s->world.units_fresh && !a->unit->held && !a->unit->deleting);
    CHECK(over || s->world.leading);
    CHECK(over == (a->unit->phase == UNIT_ENDED));
    CHECK(!s->list[i].deleted_ok);
    CHECK(a->unit->phase == UNIT_PENDING || requests_fresh);
    CHECK(a->unit->phase != UNIT_RUNNING || agents_fresh);
}

static void note_actions(struct sim *s)
{
    for (size_t k = 0; k < s->actions.n; k++) {
        const struct reaper_action *a = &s->actions.list[k];
        CHECK(a->kind != REAPER_DELETE_POD);                 /* every pod here goes with its Job */
        int i = a->unit->name[1] - '0';
        if (a->kind == REAPER_DELETE_UNIT)
            check_delete(s, a, i);
        if (a->kind == REAPER_TROUBLE)
            continue;
        CHECK(s->n_calls < CALLS);
        struct call *call = &s->calls[s->n_calls++];
        *call = (struct call){.action = *a, .unit = i, .version = a->same_version ? (unsigned)atoi(a->unit->resource_version) : 0};
        snprintf(call->uid, sizeof call->uid, "%s", a->unit->uid);
        for (size_t other = 0; other + 1 < s->n_calls; other++)
            CHECK(strcmp(s->calls[other].uid, call->uid) != 0);     /* one call at a time for each unit */
    }
}

static void pass(struct sim *s)
{
    reaper_pass(s->reaper, &s->world, s->now, &s->actions);
    CHECK(mono_before(s->now, reaper_deadline(s->reaper)));
    note_actions(s);
}

static bool is_it(const struct sim *s, const struct call *call)
{
    char uid[NAME_MAX_];
    uid_of(s, call->unit, uid);
    return strcmp(uid, call->uid) == 0 && s->list[call->unit].place != ABSENT;
}

static enum reaper_outcome delete_unit(struct sim *s, const struct call *call)
{
    struct sim_unit *u = &s->list[call->unit];
    if (!is_it(s, call))
        return REAPER_ABSENT;
    if (call->version && call->version != u->version)
        return REAPER_CHANGED;
    /* Its agent was asked and could get nothing new, or has ended, or has never been seen: of these only the last may be wrong. */
    bool race = call->action.rule == RULE_UNREGISTERED || (call->action.rule == RULE_LEAVING && !call->action.agent_name);
    CHECK(!u->assigned || u->place == ENDED || race);
    *u = (struct sim_unit){.place = ABSENT, .shown = u->shown, .generation = u->generation, .version = u->version + 1, .deleted_ok = true};
    return REAPER_OK;
}

static struct reaper_result carry_out(struct sim *s, const struct call *call)
{
    struct sim_unit *u = &s->list[call->unit];
    struct reaper_result r = {.outcome = REAPER_OK};
    bool there = is_it(s, call);
    switch (call->action.kind) {
    case REAPER_DELETE_UNIT: r.outcome = delete_unit(s, call); break;
    case REAPER_CHECK_POD:
        r.outcome = !there ? REAPER_ABSENT : u->place == PENDING || u->place == BROKEN ? REAPER_OK : REAPER_STARTED;
        break;
    case REAPER_DISABLE_AGENT:
    case REAPER_ENABLE_AGENT:
        r.outcome = u->registered ? REAPER_OK : REAPER_ABSENT;
        u->enabled = call->action.kind == REAPER_ENABLE_AGENT;
        break;
    case REAPER_READ_AGENT:
        r.outcome = u->registered ? REAPER_OK : REAPER_ABSENT;
        r.agent_enabled = u->enabled;
        r.agent_assigned = u->assigned;
        break;
    case REAPER_DELETE_POD:
    case REAPER_TROUBLE: break;
    }
    return r;
}

static void answer(struct sim *s, unsigned how)
{
    if (!s->n_calls)
        return;
    struct call call = s->calls[0];
    memmove(s->calls, s->calls + 1, --s->n_calls * sizeof *s->calls);
    struct reaper_result r = {.outcome = REAPER_ERROR};
    if (how % 8 != 1)                                        /* 1: it never arrives; 2: it does, its answer does not */
        r = carry_out(s, &call);
    if (how % 8 == 2)
        r.outcome = REAPER_ERROR;
    r.kind = call.action.kind;
    r.rule = call.action.rule;
    r.name = NAMES[call.unit];
    r.uid = call.uid;
    bool accepted = r.kind == REAPER_DELETE_UNIT && r.outcome == REAPER_OK;
    s->list[call.unit].deleted_ok &= accepted || s->list[call.unit].place != ABSENT;
    reaper_result(s->reaper, s->units, s->now, how, &r);
}

static void order(struct sim *s, int i)
{
    char uid[NAME_MAX_];
    uid_of(s, i, uid);
    reaper_order(s->reaper, s->now, NAMES[i], uid, "surplus");
}

/* ---- life ---- */

static void open_sim(struct sim *s)
{
    static char name[] = "linux", template_name[] = "default";
    s->now = (struct mono){1000000000000};
    s->template = (struct config_template){.name = template_name, .registration_deadline_ms = 600000};
    s->pool = (struct config_pool){.name = name, .retention_ms = 20000, .failed_retention_ms = 60000, .templates = &s->template, .n_templates = 1};
    s->config = (struct config){.agent_exit_grace_ms = 30000, .pools = &s->pool, .n_pools = 1};
    s->mirror = mirror_new();
    s->units = units_new();
    s->reaper = reaper_new(&s->config);
    s->world = (struct reaper_world){.mirror = s->mirror, .units = s->units, .units_fresh = true, .leading = true};
}

static void close_sim(struct sim *s)
{
    size_t cursor = 0;
    for (struct unit *unit; (unit = units_next(s->units, &cursor));)
        reaper_unit_gone(s->reaper, unit);
    reaper_free(&s->reaper);
    reaper_actions_done(&s->actions);
    units_free(&s->units);
    mirror_free(&s->mirror);
}

#endif
