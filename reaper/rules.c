#include "reaper/rules.h"

#include "common/mem.h"

#include <string.h>

enum {
    START_GRACE_MS = 30 * 1000,             /* a registry or a Secret may come back */
    PULLS_ENOUGH = 3,
    FAILED_RETENTION_MS = 10 * 60 * 1000,   /* of pools that are no longer configured */
    REGISTRATION_DEADLINE_MS = 10 * 60 * 1000,
    STAMP_MARGIN_MS = 60 * 1000,            /* how far a node's clock may be off */
};

struct subject {
    struct reaper *reaper;
    const struct reaper_world *world;
    const struct unit *unit;
    struct record *record;
    const struct config_pool *pool;         /* NULL: not configured (any more) */
    struct mono now;
};

static struct verdict keep_until(struct mono again)
{
    return (struct verdict){.method = METHOD_KEEP, .again = again};
}

static struct verdict keep(void)
{
    return keep_until(MONO_NEVER);
}

static struct verdict act(enum method method, enum reaper_rule rule, const char *reason)
{
    return (struct verdict){.method = method, .rule = rule, .reason = reason, .again = MONO_NEVER};
}

/* ---- ended ---- */

static bool seen_ended_at_first_sight(const struct unit *unit)
{
    return unit->ended_seen.ns == unit->seen.ns && unit->ended.ms > 0;
}

/* When the unit ended, by our clock: observed, or, for one that had ended before we looked, from the server's stamps. */
static struct mono ended_at(const struct subject *s)
{
    int64_t now_ms = s->world->server_now.ms;
    if (!now_ms || !seen_ended_at_first_sight(s->unit) || now_ms <= s->unit->ended.ms)
        return s->unit->ended_seen;
    return mono_min(s->unit->ended_seen, mono_add_ms(s->now, s->unit->ended.ms - now_ms));
}

/* Did the poll begin after the end? Where only stamps tell, with a margin for the node's clock. */
static bool picture_is_later(const struct subject *s)
{
    const struct mirror_pool *picture = s->record->pool;
    if (mono_before(s->unit->ended_seen, picture->began))
        return true;
    return seen_ended_at_first_sight(s->unit) && mono_before(mono_add_ms(ended_at(s), STAMP_MARGIN_MS), picture->began);
}

/* The request its agent had has left. That the one it was made for still waits is no reason to keep it: under a full quota the two would wait for each other. */
static bool request_has_left(const struct subject *s)
{
    const struct mirror_pool *picture = s->record->pool;
    if (!picture || !picture->have_agents || !mirror_requests_fresh(picture, s->now) || !picture_is_later(s))
        return false;
    return !view_busy(s->record);
}

static struct verdict rule_ended(const struct subject *s)
{
    bool well = s->unit->trouble == UNIT_FINE;
    int64_t retention = !s->pool ? FAILED_RETENTION_MS : well ? s->pool->retention_ms : s->pool->failed_retention_ms;
    struct mono due = mono_add_ms(ended_at(s), retention);
    if (!mono_reached(due, s->now))
        return keep_until(due);
    if (s->pool && !request_has_left(s))
        return keep();
    return act(METHOD_DELETE, well ? RULE_ENDED : RULE_FAILED, well ? "ended" : "failed");
}

/* ---- MAX_JOB_DURATION ---- */

static struct verdict rule_overdue(const struct subject *s)
{
    const struct mirror_request *request = s->record->busy;
    int64_t limit = s->pool ? s->pool->max_job_duration_ms : 0;
    if (limit <= 0 || !request || !request->received_ms || !view_ado_fresh(s->reaper, s->record))
        return keep();
    int64_t left = request->received_ms + limit - view_ado_now(s->reaper, s->record->pool->id);
    return left > 0 ? keep_until(mono_add_ms(s->now, left)) : act(METHOD_DELETE, RULE_OVERDUE, "overdue");
}

/* ---- never started ---- */

static int64_t registration_limit(const struct subject *s)
{
    for (size_t i = 0; s->pool && i < s->pool->n_templates; i++)
        if (strcmp(s->pool->templates[i].name, str_or_empty(s->unit->template_name)) == 0)
            return s->pool->templates[i].registration_deadline_ms;
    return REGISTRATION_DEADLINE_MS;
}

/* How long this state is put up with; -1 = for ever: a unit without a place is not broken (deleting it would lose its turn). */
static int64_t patience(const struct subject *s)
{
    switch (s->unit->trouble) {
    case UNIT_IMAGE_NAME:
        return 0;
    case UNIT_IMAGE_PULL:
        return s->record->pulls >= PULLS_ENOUGH ? 0 : START_GRACE_MS;
    case UNIT_CONTAINER_CONFIG:
    case UNIT_CRASH:
        return START_GRACE_MS;
    case UNIT_FINE:
        return registration_limit(s) > 0 ? registration_limit(s) : -1;
    case UNIT_NO_POD:
    case UNIT_UNSCHEDULABLE:
    case UNIT_OOM:
    case UNIT_EVICTED:
    case UNIT_NODE_LOST:
    case UNIT_DEADLINE:
        return -1;
    }
    return -1;
}

/* Where another container has run already, only Azure DevOps knows that no agent is at work. */
static bool surely_idle(const struct subject *s)
{
    return !s->unit->container_started || (view_ado_fresh(s->reaper, s->record) && !s->record->agent);
}

static struct verdict rule_never_started(const struct subject *s)
{
    if (s->unit->phase != UNIT_PENDING || patience(s) < 0 || view_busy(s->record))
        return keep();
    struct mono due = mono_add_ms(s->unit->changed, patience(s));
    if (!mono_reached(due, s->now))
        return keep_until(due);
    if (!surely_idle(s))
        return keep();
    bool broken = s->unit->trouble != UNIT_FINE;
    struct verdict v = act(METHOD_CHECK, broken ? RULE_NEVER_STARTED : RULE_UNREGISTERED, broken ? unit_trouble_name(s->unit->trouble) : "registration-deadline");
    v.message = broken ? str_or_empty(s->unit->message) : "the agent's container was not started in time";
    return v;
}

static struct verdict rule_unregistered(const struct subject *s)
{
    const struct record *record = s->record;
    int64_t limit = registration_limit(s);
    if (limit <= 0 || s->unit->phase != UNIT_RUNNING || record->agent || record->served || view_busy(record) || !view_ado_fresh(s->reaper, record))
        return keep();
    struct mono due = mono_add_ms(mono_max(s->unit->changed, record->agent_seen), limit);
    if (!mono_reached(due, s->now))
        return keep_until(due);
    bool list_is_later = !mono_before(record->pool->agents_began, due);
    if (!list_is_later || reaper_pool_memo(s->reaper, record->pool->id)->stray)
        return keep();                              /* an agent of ours that fits no unit may be this one */
    struct verdict v = act(METHOD_DELETE, RULE_UNREGISTERED, "registration-deadline");
    v.message = "its container runs, but its agent did not come online in time";
    return v;
}

/* ---- agents ---- */

/* Both lists, and the requests as they were after the last time we touched its agent. */
static bool ado_current(const struct subject *s)
{
    return view_ado_fresh(s->reaper, s->record) && mono_before(s->record->settled_at, s->record->pool->began);
}

static struct verdict rule_disabled(const struct subject *s)
{
    const struct record *record = s->record;
    if (!record->agent || record->agent->enabled || !view_ado_fresh(s->reaper, record) || !mono_before(record->settled_at, record->pool->agents_began))
        return keep();
    return act(view_busy(record) ? METHOD_ENABLE : METHOD_READ, RULE_DISABLED, "disabled");
}

static struct verdict rule_leaving(const struct subject *s)
{
    const struct record *record = s->record;
    if (s->unit->phase != UNIT_RUNNING || record->left_at.ns == MONO_NEVER.ns || view_busy(record) || !ado_current(s))
        return keep();
    struct mono due = mono_add_ms(record->left_at, s->reaper->config->agent_exit_grace_ms);
    if (!mono_reached(due, s->now))
        return keep_until(due);
    if (record->agent)
        return act(METHOD_DISABLE, RULE_LEAVING, "leaving");
    return mono_before(record->left_at, record->pool->agents_began) ? act(METHOD_DELETE, RULE_LEAVING, "leaving") : keep();
}

static struct verdict rule_retired(const struct subject *s)
{
    const struct order *order = map_count(s->reaper->orders) ? map_get(s->reaper->orders, s->unit->uid) : NULL;
    if (!order || view_busy(s->record))
        return keep();
    if (s->unit->phase == UNIT_PENDING)
        return surely_idle(s) ? act(METHOD_CHECK, RULE_RETIRED, order->reason) : keep();
    if (!s->record->agent || !ado_current(s))
        return keep();                              /* it may be about to register and be given work: its deadline decides */
    return act(METHOD_DISABLE, RULE_RETIRED, order->reason);
}

typedef struct verdict rule_fn(const struct subject *s);
static rule_fn *const LIVE_RULES[] = {rule_overdue, rule_disabled, rule_never_started, rule_leaving, rule_retired, rule_unregistered};

struct verdict rules_judge(struct reaper *reaper, const struct reaper_world *world, const struct unit *unit, struct record *record)
{
    struct subject s = {
        .reaper = reaper,
        .world = world,
        .unit = unit,
        .record = record,
        .pool = config_find_pool(reaper->config, str_or_empty(unit->pool)),
        .now = reaper->now,
    };
    if (unit->phase == UNIT_ENDED)
        return rule_ended(&s);
    struct mono again = MONO_NEVER;
    for (size_t i = 0; world->leading && s.pool && i < ARRAY_SIZE(LIVE_RULES); i++) {
        struct verdict v = LIVE_RULES[i](&s);
        if (v.method != METHOD_KEEP)
            return v;
        again = mono_min(again, v.again);
    }
    return keep_until(again);
}
