/* A little world for the ledger: jobs in one pool of Azure DevOps, units in a cluster, both with their own truth; the ledger sees them only through polls
 * (that begin at one moment and arrive at a later one) and through the objects of a watch. Everything is driven by the caller; nothing here decides. */
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include "common/mem.h"
#include "provisioner/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each user takes what it needs. */
#pragma GCC diagnostic ignored "-Wunused-function"

enum { WORLD_JOBS = 256, WORLD_UNITS = 1024, WORLD_POOL_ID = 7 };

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_CANCELLED };
enum place { PLACE_PENDING, PLACE_RUNNING, PLACE_ONLINE, PLACE_BUSY, PLACE_ENDED, PLACE_DELETED };

struct world_job {
    uint64_t id;
    enum job_state state;
    int unit;                    /* that serves it, -1 */
    int demand;                  /* index into world.demands, -1 = none */
};

struct world_unit {
    char name[64], uid[24], template_name[32];
    uint64_t request;
    uint32_t attempt;
    enum place place;
    int exit_code, job;
    bool served, retire_ordered;
};

struct world {
    struct config config;
    struct config_pool pool;
    struct config_template templates[4];
    struct ledger *ledger;
    struct mirror *mirror;
    struct units *units;
    struct ledger_actions actions;
    struct mono now;
    const char *demands[4];
    struct world_job jobs[WORLD_JOBS];
    size_t n_jobs;
    struct world_unit list[WORLD_UNITS];
    size_t n_units;
    size_t creations;            /* objects made in the cluster */
    uint64_t set, next_uid, random;
    /* the poll under way */
    bool polling;
    struct mono poll_began;
    struct request_row rows[WORLD_JOBS];
    const char *row_demand[WORLD_JOBS];
    size_t n_rows;
};

static inline void world_open(struct world *w)
{
    memset(w, 0, sizeof *w);
    static char name[] = "linux", template_name[] = "default", prefix[] = "agent-job-", instance[] = "i1", url[] = "https://dev.azure.com/org";
    w->templates[0] = (struct config_template){.name = template_name, .registration_deadline_ms = 600000};
    w->pool = (struct config_pool){.name = name, .idle_grace_ms = 60000, .templates = w->templates, .n_templates = 1};
    w->config = (struct config){.org_url = url, .instance = instance, .job_prefix = prefix, .pools = &w->pool, .n_pools = 1};
    w->now = (struct mono){1000000000000};
    w->mirror = mirror_new();
    w->units = units_new();
}

/* After the configuration has been shaped. */
static inline void world_start(struct world *w)
{
    w->ledger = ledger_new(&w->config);
}

static inline void world_close(struct world *w)
{
    ledger_free(&w->ledger);
    mirror_free(&w->mirror);
    units_free(&w->units);
    ledger_actions_done(&w->actions);
}

static inline void world_advance(struct world *w, int64_t ms)
{
    w->now = mono_add_ms(w->now, ms);
}

/* ---- Azure DevOps ---- */

static inline struct world_job *world_queue(struct world *w, int demand)
{
    CHECK(w->n_jobs < WORLD_JOBS);
    struct world_job *j = &w->jobs[w->n_jobs];
    *j = (struct world_job){.id = 100 + w->n_jobs, .unit = -1, .demand = demand};
    w->n_jobs++;
    return j;
}

static inline void world_poll_begin(struct world *w)
{
    w->polling = true;
    w->poll_began = w->now;
    w->n_rows = 0;
    for (size_t i = 0; i < w->n_jobs; i++) {
        const struct world_job *j = &w->jobs[i];
        if (j->state != JOB_QUEUED && j->state != JOB_RUNNING)
            continue;
        struct request_row *r = &w->rows[w->n_rows];
        *r = (struct request_row){.id = j->id, .queued_ms = (int64_t)j->id, .agent = "", .definition = "", .run = "", .url = ""};
        w->row_demand[w->n_rows] = j->demand >= 0 ? w->demands[j->demand] : NULL;
        r->demands = &w->row_demand[w->n_rows];
        r->n_demands = j->demand >= 0;
        if (j->state == JOB_RUNNING) {
            r->agent = w->list[j->unit].name;
            r->agent_id = (uint64_t)j->unit + 1;
            r->agent_online = true;
            r->assigned_ms = r->received_ms = 1;
        }
        w->n_rows++;
    }
}

static inline void world_poll_deliver(struct world *w)
{
    struct msg_requests m = {.pool_id = WORLD_POOL_ID, .pool = "linux", .full = true, .set = ++w->set, .last = true, .began_ns = (uint64_t)w->poll_began.ns,
                             .delay_ms = 1000, .reason = "", .rows = w->rows, .n_rows = w->n_rows};
    struct err err;
    CHECK(mirror_requests(w->mirror, w->now, &m, &err) == 0);
    w->polling = false;
}

static inline void world_poll_fails(struct world *w)
{
    struct msg_requests m = {.pool_id = WORLD_POOL_ID, .pool = "linux", .set = ++w->set, .last = true, .began_ns = (uint64_t)w->now.ns, .stale = true,
                             .reason = "credential rejected", .delay_ms = 1000};
    struct err err;
    CHECK(mirror_requests(w->mirror, w->now, &m, &err) == 0);
    w->polling = false;
}

static inline void world_agents(struct world *w)
{
    static struct agent_row rows[WORLD_UNITS];
    size_t n = 0;
    for (size_t i = 0; i < w->n_units; i++) {
        const struct world_unit *u = &w->list[i];
        if (u->place != PLACE_ONLINE && u->place != PLACE_BUSY)
            continue;
        rows[n++] = (struct agent_row){.id = i + 1, .name = u->name, .host = "", .online = true, .enabled = true, .ours = true, .instance = "",
                                       .assigned = u->place == PLACE_BUSY ? w->jobs[u->job].id : 0};
    }
    struct msg_agents m = {.pool_id = WORLD_POOL_ID, .pool = "linux", .set = ++w->set, .last = true, .began_ns = (uint64_t)w->now.ns, .delay_ms = 15000,
                           .reason = "", .rows = rows, .n_rows = n};
    struct err err;
    CHECK(mirror_agents(w->mirror, w->now, &m, &err) == 0);
}

static inline void world_poll(struct world *w)
{
    world_poll_begin(w);
    world_poll_deliver(w);
}

/* ---- the cluster ---- */

static inline int world_find(const struct world *w, const char *name)
{
    for (size_t i = 0; i < w->n_units; i++)
        if (w->list[i].place != PLACE_DELETED && strcmp(w->list[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* Shows the unit to the watch: its Job and its pod as the API server would. */
static inline void world_show(struct world *w, const struct world_unit *u)
{
    static const char *const phases[] = {[PLACE_PENDING] = "Pending", [PLACE_RUNNING] = "Running", [PLACE_ONLINE] = "Running", [PLACE_BUSY] = "Running"};
    char request[24], attempt[16], pool_id[16], pod[80];
    snprintf(request, sizeof request, "%llu", (unsigned long long)u->request);
    snprintf(attempt, sizeof attempt, "%u", u->attempt);
    snprintf(pool_id, sizeof pool_id, "%d", WORLD_POOL_ID);
    snprintf(pod, sizeof pod, "%s-x", u->name);
    json_t *labels = json_pack("{ssssssss}", LABEL_MANAGED_BY, MANAGED_BY, LABEL_INSTANCE, "i1", LABEL_POOL_ID, pool_id, LABEL_TEMPLATE, u->template_name);
    json_t *notes = json_pack("{ssssss}", ANNOTATION_POOL, "linux", ANNOTATION_REQUEST, request, ANNOTATION_ATTEMPT, attempt);
    if (!u->request)
        json_object_del(notes, ANNOTATION_REQUEST);
    json_t *job = json_pack("{s{ssssss sO sO ss}}", "metadata", "name", u->name, "namespace", "ado", "uid", u->uid, "labels", labels, "annotations", notes,
                            "creationTimestamp", "2026-03-01T08:00:00Z");
    json_t *status = u->place == PLACE_PENDING ? json_pack("{ss}", "phase", "Pending")
                     : u->place == PLACE_ENDED
                         ? json_pack("{ss s[{ss s{s{si ss}}}]}", "phase", u->exit_code ? "Failed" : "Succeeded", "containerStatuses", "name", "agent", "state",
                                     "terminated", "exitCode", u->exit_code, "finishedAt", "2026-03-01T08:10:00Z")
                         : json_pack("{ss s[{ss s{s{}}}]}", "phase", phases[u->place], "containerStatuses", "name", "agent", "state", "running");
    json_t *p = json_pack("{s{ss ss ss ss sO sO s[{ss ss ss sb}]} s{s[{ss}]} so}", "metadata", "name", pod, "namespace", "ado", "uid", pod, "creationTimestamp",
                          "2026-03-01T08:00:00Z", "labels", labels, "annotations", notes, "ownerReferences", "apiVersion", "batch/v1", "kind", "Job", "uid",
                          u->uid, "controller", 1, "spec", "containers", "name", "agent", "status", status);
    CHECK(job && p);
    units_job(w->units, w->now, job);
    units_pod(w->units, w->now, p);
    json_decref(job);
    json_decref(p);
    json_decref(labels);
    json_decref(notes);
}

static inline void world_set(struct world *w, int i, enum place place)
{
    w->list[i].place = place;
    world_show(w, &w->list[i]);
}

static inline void world_delete(struct world *w, int i)
{
    struct world_unit *u = &w->list[i];
    char pod[80];
    snprintf(pod, sizeof pod, "%s-x", u->name);
    u->place = PLACE_DELETED;
    units_pod_gone(w->units, w->now, pod, pod);
    struct unit *gone = units_job_gone(w->units, u->name, u->uid);
    unit_free(&gone);
}

/* The POST of a CREATE action reaches the API server. -1 = AlreadyExists. */
static inline int world_create(struct world *w, const struct ledger_action *a)
{
    if (world_find(w, a->name) >= 0)
        return -1;
    CHECK(w->n_units < WORLD_UNITS);
    struct world_unit *u = &w->list[w->n_units];
    *u = (struct world_unit){.request = a->request_id, .attempt = a->attempt, .job = -1};
    snprintf(u->name, sizeof u->name, "%s", a->name);
    snprintf(u->uid, sizeof u->uid, "u%llu", (unsigned long long)++w->next_uid);
    snprintf(u->template_name, sizeof u->template_name, "%s", a->template->name);
    w->creations++;
    return (int)w->n_units++;
}

/* One pass; the actions are in w->actions. */
static inline size_t world_pass(struct world *w)
{
    struct ledger_world view = {.mirror = w->mirror, .units = w->units, .units_fresh = true, .writes_allowed = true};
    ledger_pass(w->ledger, &view, w->now, ++w->random * 7919, &w->actions);
    CHECK(mono_before(w->now, ledger_deadline(w->ledger)));
    return w->actions.n;
}

/* One pass whose creates all succeed and show at once. Returns the number of units made. */
static inline size_t world_pass_ok(struct world *w)
{
    size_t made = 0;
    world_pass(w);
    for (size_t k = 0; k < w->actions.n; k++) {
        const struct ledger_action *a = &w->actions.list[k];
        if (a->kind == LEDGER_RETIRE) {
            int i = world_find(w, a->name);
            CHECK(i >= 0);
            w->list[i].retire_ordered = true;
            continue;
        }
        int i = world_create(w, a);
        CHECK(i >= 0);
        ledger_created(w->ledger, w->now, 1, a->name, w->list[i].uid, LEDGER_OK, "", "");
        world_show(w, &w->list[i]);
        made++;
    }
    return made;
}

/* The agent of unit i takes this job. */
static inline void world_take(struct world *w, int i, struct world_job *j)
{
    CHECK(w->list[i].place == PLACE_ONLINE && j->state == JOB_QUEUED);
    j->state = JOB_RUNNING;
    j->unit = i;
    w->list[i].place = PLACE_BUSY;
    w->list[i].job = (int)(j - w->jobs);
    w->list[i].served = true;
}

static inline void world_finish(struct world *w, struct world_job *j, int exit_code)
{
    j->state = JOB_DONE;
    w->list[j->unit].exit_code = exit_code;
    world_set(w, j->unit, PLACE_ENDED);
}

#endif
