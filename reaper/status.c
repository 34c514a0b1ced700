#include "reaper/shell_priv.h"

#include "common/daemon.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTES_MAX = 5 };

static int reply_part(void *data, const struct msg *part)
{
    return bus_reply(data, part);
}

static void note(const char *notes[NOTES_MAX], size_t *n, bool holds, const char *text)
{
    if (holds && text)
        notes[(*n)++] = text;
}

static size_t notes_of(const struct shell *s, const char *notes[NOTES_MAX])
{
    size_t n = 0;
    note(notes, &n, s->config->reaper_dry_run, "dry run: nothing is changed");
    note(notes, &n, s->standby, "standing by: only what has ended or is an orphan goes");
    note(notes, &n, !bus_up(s->bus, ROLE_WATCHER), "watcher not connected");
    note(notes, &n, s->jobs.trouble != NULL, s->jobs.trouble);
    note(notes, &n, s->pods.trouble != NULL, s->pods.trouble);
    return n;
}

static struct pool_status pool_row(const struct mirror_pool *pool, struct mono now)
{
    bool fresh = mirror_requests_fresh(pool, now);
    return (struct pool_status){
        .name = pool->name,
        .id = pool->id,
        .state = fresh ? "ok" : pool->have_requests ? "stale" : "starting",
        .reason = fresh ? "" : pool->stale_reason,
        .age_ms = pool->have_requests ? mono_ms_between(pool->began, now) : -1,
    };
}

/* What is being done with it; a unit that nothing is done with is listed only where somebody asks for its request. */
static bool unit_row(const struct unit *unit, struct mono now, uint64_t request, struct unit_status *ret)
{
    const char *reason = "", *step = reaper_unit_step(unit, &reason);
    if (request ? unit->request_id != request : !*step)
        return false;
    *ret = (struct unit_status){
        .name = unit->name,
        .pool = str_or_empty(unit->pool),
        .template = unit->template_name,
        .state = *step ? "retiring" : unit->phase == UNIT_ENDED ? "ended" : unit_phase_name(unit->phase),
        .request = unit->request_id,
        .trouble = *step ? reason : unit_trouble_name(unit->trouble),
        .message = *step ? step : unit->message,
        .age_ms = mono_ms_between(unit->seen, now),
    };
    return true;
}

static size_t unit_rows(const struct shell *s, uint64_t request, struct unit_status **ret)
{
    struct mono now = loop_now(s->loop);
    struct unit_status *rows = xcalloc(units_count(s->units) + 1, sizeof *rows);
    size_t n = 0, cursor = 0;
    for (const struct unit *unit; (unit = units_next(s->units, &cursor));)
        n += unit_row(unit, now, request, &rows[n]);
    *ret = rows;
    return n;
}

struct counters {
    char names[RULE_COUNT][64];
    struct counter_row rows[RULE_COUNT + 10];
    size_t n;
};

static void count(struct counters *c, const char *name, uint64_t value)
{
    c->rows[c->n++] = (struct counter_row){.name = name, .value = (int64_t)value};
}

static void fill_counters(const struct shell *s, struct counters *c)
{
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        snprintf(c->names[rule], sizeof c->names[rule], "reaped_%s", reaper_rule_name((enum reaper_rule)rule));
        for (char *dash = c->names[rule]; (dash = strchr(dash, '-'));)
            *dash = '_';
        count(c, c->names[rule], reaper_deleted(s->reaper, (enum reaper_rule)rule));
    }
    count(c, "races", reaper_races(s->reaper));
    count(c, "troubles", s->troubles);
    count(c, "units", units_count(s->units));
    count(c, "orders", reaper_orders(s->reaper));
    count(c, "under_way", reaper_under_way(s->reaper));
    count(c, "calls_queued", kube_queued(s->kube));
    count(c, "ado_calls", ado_calls(s->ado));
    count(c, "passes", s->passes);
}

void status_answer(struct shell *s, struct bus_peer *peer, uint64_t request)
{
    struct mono now = loop_now(s->loop);
    const char *notes[NOTES_MAX];
    struct counters counters = {.n = 0};
    struct unit_status *units;
    size_t n_pools = mirror_count(s->mirror), n_units = unit_rows(s, request, &units);
    struct pool_status *pools = xcalloc(n_pools + 1, sizeof *pools);
    for (size_t i = 0; i < n_pools; i++)
        pools[i] = pool_row(mirror_pool_at(s->mirror, i), now);
    fill_counters(s, &counters);
    const struct msg msg = {.type = MSG_status_reply, .u.status_reply = {
        .role = role_name(ROLE_REAPER), .build = daemon_build(), .instance = s->config->instance, .last = true,
        .uptime_ms = mono_ms_between(s->started, now),
        .notes = notes, .n_notes = notes_of(s, notes),
        .pools = pools, .n_pools = n_pools,
        .units = units, .n_units = n_units,
        .counters = counters.rows, .n_counters = counters.n,
    }};
    bus_in_parts(&msg, reply_part, peer);
    free(pools);
    free(units);
}
