/* The visible state, for azpctl: pools, what waits and why, units, counters. */
#include "common/daemon.h"
#include "common/mem.h"
#include "provisioner/shell_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rows {
    struct pool_status *pools;
    struct request_status *requests;
    struct unit_status *units;
    size_t n_pools, n_requests, n_units, cap_requests, cap_units;
};

static struct request_status *add_request(struct rows *r)
{
    if (r->n_requests == r->cap_requests) {
        r->cap_requests = r->cap_requests ? r->cap_requests * 2 : 64;
        r->requests = xreallocarray(r->requests, r->cap_requests, sizeof *r->requests);
    }
    return &r->requests[r->n_requests++];
}

static struct unit_status *add_unit(struct rows *r)
{
    if (r->n_units == r->cap_units) {
        r->cap_units = r->cap_units ? r->cap_units * 2 : 64;
        r->units = xreallocarray(r->units, r->cap_units, sizeof *r->units);
    }
    return &r->units[r->n_units++];
}

/* ---- why nothing can be made at all ---- */

static const char *world_trouble(const struct shell *s, const char **ret_code)
{
    const char *text = setup_trouble(s->setup, ret_code);
    if (text && !setup_ready(s->setup))
        return text;
    *ret_code = "cluster";
    if (s->jobs.trouble || s->pods.trouble)
        return s->jobs.trouble ? s->jobs.trouble : s->pods.trouble;
    *ret_code = "starting";
    if (!setup_ready(s->setup))
        return "namespace, token and templates are being set up";
    if (!s->jobs.synced || !s->pods.synced)
        return "Jobs and pods are being listed";
    return NULL;
}

/* ---- pools ---- */

static void judge_pool(const struct shell *s, const struct mirror_pool *pool, const struct ledger_pool_counts *counts, struct pool_status *row)
{
    struct mono now = loop_now(s->loop);
    const char *code, *trouble = world_trouble(s, &code);
    row->state = "ok";
    if (!pool || !pool->have_requests || !pool->have_agents) {
        row->state = "starting";
        row->reason = bus_peers(s->bus, ROLE_WATCHER) ? "the watcher has not told of this pool yet" : "the watcher is not connected";
        if (pool && pool->stale_reason && *pool->stale_reason)
            row->reason = pool->stale_reason;
    } else if (!mirror_requests_fresh(pool, now)) {
        row->state = "stale";
        row->reason = pool->reported_stale ? pool->stale_reason : "nothing heard from the watcher";
    } else if (trouble) {
        row->state = strcmp(code, "cluster") == 0 ? "stale" : "starting";
        row->reason = trouble;
    } else if (*str_or_empty(counts->note)) {
        row->state = "paused";
        row->reason = counts->note;
    }
}

static void fill_pool(const struct shell *s, const struct config_pool *config, struct pool_status *row)
{
    const struct mirror_pool *pool = mirror_find(s->mirror, config->name);
    struct ledger_pool_counts counts = {0};
    if (pool)
        ledger_pool_counts(s->ledger, pool->id, &counts);
    *row = (struct pool_status){
        .name = config->name,
        .id = pool ? pool->id : 0,
        .age_ms = pool && pool->have_requests ? mono_ms_between(pool->began, loop_now(s->loop)) : -1,
        .queued = counts.queued,
        .running = counts.running,
        .pending = counts.pending,
        .starting = counts.starting,
        .busy = counts.busy,
        .ended = counts.ended,
        .limit = (uint64_t)config->limit,
        .created = counts.created,
        .done = pool ? pool->done : 0,
    };
    judge_pool(s, pool, &counts, row);
}

/* ---- requests ---- */

/* "stale" is the ledger's word for a picture that is not whole; here is known what it waits for. */
static void explain(const struct shell *s, struct request_status *row)
{
    const char *code, *trouble = strcmp(row->code, "stale") == 0 ? world_trouble(s, &code) : NULL;
    if (!trouble)
        return;
    row->code = code;
    row->reason = trouble;
}

static void fill_request(const struct shell *s, const struct mirror_pool *pool, const struct mirror_request *request, struct request_status *row)
{
    struct ledger_view view = {.state = "waiting", .unit = "", .code = "starting", .reason = "not looked at yet"};
    ledger_request_view(s->ledger, pool->id, request->id, &view);
    *row = (struct request_status){
        .id = request->id,
        .pool = pool->name,
        .state = view.state,
        .unit = view.unit,
        .code = str_or_empty(view.code),
        .reason = view.reason,
        .queued_ms = request->queued_ms,
        .definition = request->definition,
        .url = request->url,
    };
    explain(s, row);
}

static void add_gone(const struct mirror_pool *pool, uint64_t id, struct rows *rows)
{
    for (size_t i = 0; i < pool->n_gone; i++)
        if (pool->gone[i].id == id)
            *add_request(rows) = (struct request_status){.id = id, .pool = pool->name, .state = "gone", .reason = pool->gone[i].result};
}

static void collect_requests(const struct shell *s, uint64_t only, struct rows *rows)
{
    for (size_t i = 0; i < mirror_count(s->mirror); i++) {
        const struct mirror_pool *pool = mirror_pool_at(s->mirror, i);
        const struct mirror_request *request;
        for (size_t cursor = 0; !only && (request = map_next(pool->requests, &cursor, NULL));)
            fill_request(s, pool, request, add_request(rows));
        if (!only)
            continue;
        request = map_get_u64(pool->requests, only);
        if (request)
            fill_request(s, pool, request, add_request(rows));
        else
            add_gone(pool, only, rows);
    }
}

/* ---- units ---- */

/* Made for it, serving it, or the one it waits for, which may have been made for another. */
static bool concerns(const struct unit *unit, const struct ledger_view *view, uint64_t request, const struct rows *rows)
{
    if (unit->request_id == request || view->serves == request)
        return true;
    for (size_t i = 0; i < rows->n_requests; i++)
        if (rows->requests[i].id == request && strcmp(str_or_empty(rows->requests[i].unit), unit->name) == 0)
            return true;
    return false;
}

static void add_seen_units(const struct shell *s, uint64_t only, struct rows *rows)
{
    const struct unit *unit;
    for (size_t cursor = 0; (unit = units_next(s->units, &cursor));) {
        struct ledger_view view = {.state = unit_phase_name(unit->phase), .code = "", .reason = ""};
        ledger_unit_view(s->ledger, unit->name, &view);
        if (only && !concerns(unit, &view, only, rows))
            continue;
        *add_unit(rows) = (struct unit_status){
            .name = unit->name,
            .pool = str_or_empty(unit->pool),
            .template = unit->template_name,
            .state = view.state,
            .request = unit->request_id,
            .serves = view.serves,
            .trouble = view.code,
            .message = view.reason,
            .age_ms = mono_ms_between(unit->seen, loop_now(s->loop)),
        };
    }
}

static void add_unseen_units(const struct shell *s, uint64_t only, struct rows *rows)
{
    const char *name;
    uint32_t pool_id;
    uint64_t request;
    for (size_t cursor = 0; (name = ledger_next_creating(s->ledger, &cursor, &pool_id, &request));) {
        const struct mirror_pool *pool = mirror_find_id(s->mirror, pool_id);
        if (units_get(s->units, name) || (only && request != only))
            continue;
        *add_unit(rows) = (struct unit_status){.name = name, .pool = pool ? pool->name : "", .state = "creating", .request = request};
    }
}

/* ---- the process as a whole ---- */

enum { NOTES_MAX = 6 };

static size_t collect_notes(const struct shell *s, char *texts[NOTES_MAX])
{
    size_t n = 0;
    const char *code, *setup = setup_trouble(s->setup, &code);
    texts[n] = leader_note(s->leader);
    n += texts[n] != NULL;
    if (setup)
        texts[n++] = xasprintf("setup waits (%s): %s", code, setup);
    if (s->jobs.trouble)
        texts[n++] = xasprintf("Kubernetes cannot be followed (Jobs): %s", s->jobs.trouble);
    if (s->pods.trouble)
        texts[n++] = xasprintf("Kubernetes cannot be followed (pods): %s", s->pods.trouble);
    if (!bus_peers(s->bus, ROLE_WATCHER))
        texts[n++] = xstrdup("the watcher is not connected: nothing new is known of Azure DevOps");
    if (!bus_up(s->bus, ROLE_REAPER))
        texts[n++] = xstrdup("the reaper is not connected: nothing is cleaned up");
    if ((texts[n] = keeper_trouble(s)))
        n++;
    return n;
}

static int send_part(void *data, const struct msg *part)
{
    return bus_reply(data, part);
}

static void send_reply(struct shell *s, struct bus_peer *peer, const struct rows *rows)
{
    char *notes[NOTES_MAX];
    size_t n_notes = collect_notes(s, notes);
    const struct counter_row counters[] = {
        {.name = "kube_calls", .value = (int64_t)(s->backend->calls + setup_calls(s->setup) + events_calls(s->events) + leader_calls(s->leader))},
        {.name = "units_created", .value = (int64_t)creator_created(s->creator)},
        {.name = "creates_pending", .value = (int64_t)creator_pending(s->creator)},
        {.name = "ado_calls", .value = keeper_calls(s)},
        {.name = "placeholders", .value = keeper_kept(s)},
        {.name = "passes", .value = (int64_t)s->passes},
        {.name = "retired", .value = (int64_t)s->retired},
        {.name = "troubles", .value = (int64_t)s->troubles},
        {.name = "reaped", .value = (int64_t)s->reaped},
        {.name = "lease_transitions", .value = (int64_t)leader_transitions(s->leader)},
    };
    struct msg msg = {.type = MSG_status_reply};
    msg.u.status_reply = (struct msg_status_reply){
        .role = role_name(ROLE_PROVISIONER),
        .build = daemon_build(),
        .instance = s->config->instance,
        .uptime_ms = mono_ms_between(s->started, loop_now(s->loop)),
        .notes = (const char *const *)notes,
        .n_notes = n_notes,
        .pools = rows->pools,
        .n_pools = rows->n_pools,
        .requests = rows->requests,
        .n_requests = rows->n_requests,
        .units = rows->units,
        .n_units = rows->n_units,
        .counters = counters,
        .n_counters = ARRAY_SIZE(counters),
    };
    bus_in_parts(&msg, send_part, peer);
    for (size_t i = 0; i < n_notes; i++)
        free(notes[i]);
}

void status_answer(struct shell *s, struct bus_peer *peer, uint64_t request)
{
    struct rows rows = {.pools = xcalloc(s->config->n_pools, sizeof *rows.pools)};
    for (size_t i = 0; i < s->config->n_pools; i++)
        fill_pool(s, &s->config->pools[i], &rows.pools[rows.n_pools++]);
    collect_requests(s, request, &rows);
    add_seen_units(s, request, &rows);
    add_unseen_units(s, request, &rows);
    send_reply(s, peer, &rows);
    free(rows.pools);
    free(rows.requests);
    free(rows.units);
}
