/* One unit's operation, step by step: each call is made once, its answer decides the next. */
#include "reaper/rules.h"

#include "common/backoff.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

static const struct backoff RETRY = {.first_ms = 1000, .max_ms = 60 * 1000};
static const struct backoff CONFLICT = {.first_ms = 300, .max_ms = 10 * 1000};

static bool keeps_ended(enum reaper_rule rule)
{
    return rule == RULE_ENDED || rule == RULE_FAILED;
}

static void set_agent(struct record *record)
{
    if (!record->agent)
        return;
    record->agent_pool = record->pool->id;
    record->agent_id = record->agent->id;
    xstr_replace(&record->agent_name, record->agent->name);
}

static void begin(struct record *record, const struct verdict *v)
{
    static const enum step first[] = {
        [METHOD_KEEP] = STEP_NONE,
        [METHOD_DELETE] = STEP_DELETE,
        [METHOD_CHECK] = STEP_CHECK,
        [METHOD_DISABLE] = STEP_DISABLE,
        [METHOD_READ] = STEP_READ,
        [METHOD_ENABLE] = STEP_ENABLE,
    };
    record->step = first[v->method];
    record->rule = v->rule;
    record->disabled = v->method == METHOD_READ || v->method == METHOD_ENABLE;
    xstr_replace(&record->reason, v->reason);
    xstr_replace(&record->message, v->message);
    set_agent(record);
}

static void end(struct record *record)
{
    record->step = STEP_NONE;
    record->in_flight = record->disabled = false;
}

/* May it be deleted after all, now that the answers are in? What was asked a moment ago must still fit both pictures. */
static bool still_right(const struct reaper *reaper, const struct reaper_world *world, const struct unit *unit, const struct record *record)
{
    if (!world->units_fresh || unit->held || unit->deleting)
        return false;
    if (keeps_ended(record->rule))
        return unit->phase == UNIT_ENDED;
    if (!world->leading || unit->phase == UNIT_ENDED)
        return false;
    if (record->rule == RULE_OVERDUE)
        return record->busy && view_ado_fresh(reaper, record);
    if (view_busy(record))
        return false;
    return record->disabled ? view_ado_fresh(reaper, record) : true;
}

static struct reaper_action *emit(struct reaper_actions *out, enum reaper_action_kind kind, const struct unit *unit, const struct record *record)
{
    struct reaper_action *action = reaper_action_add(out);
    *action = (struct reaper_action){
        .kind = kind,
        .rule = record->rule,
        .reason = record->reason,
        .unit = unit,
        .pool_id = record->agent_pool,
        .agent_id = record->agent_id,
        .agent_name = record->agent_name,
        .others_may_run = unit->container_started,
    };
    return action;
}

static void emit_delete(const struct unit *unit, struct record *record, struct reaper_actions *out)
{
    if (record->message && !record->told) {
        emit(out, REAPER_TROUBLE, unit, record)->message = record->message;
        record->told = true;
    }
    emit(out, REAPER_DELETE_UNIT, unit, record)->same_version = unit->phase == UNIT_PENDING;
}

static void emit_step(struct reaper *reaper, const struct reaper_world *world, struct unit *unit, struct reaper_actions *out)
{
    struct record *record = unit->priv;
    if (record->step == STEP_DELETE && !still_right(reaper, world, unit, record)) {
        if (!record->disabled || unit->phase == UNIT_ENDED) {
            end(record);
            return;
        }
        record->step = STEP_ENABLE;
    }
    switch (record->step) {
    case STEP_NONE: return;
    case STEP_CHECK: emit(out, REAPER_CHECK_POD, unit, record); break;
    case STEP_DISABLE: emit(out, REAPER_DISABLE_AGENT, unit, record); break;
    case STEP_READ: emit(out, REAPER_READ_AGENT, unit, record); break;
    case STEP_ENABLE: emit(out, REAPER_ENABLE_AGENT, unit, record); break;
    case STEP_DELETE: emit_delete(unit, record, out); break;
    }
    record->in_flight = true;
}

/* Whoever finds its agent at work, or its end, has no use for the order any more; the provisioner gives it anew if it still means it. */
static void drop_order(struct reaper *reaper, const struct unit *unit, const struct record *record)
{
    if (!map_count(reaper->orders) || !(view_busy(record) || unit->phase == UNIT_ENDED))
        return;
    struct order *order = map_remove(reaper->orders, unit->uid);
    if (order)
        free(order->reason);
    free(order);
}

static void begin_if_due(struct reaper *reaper, const struct reaper_world *world, struct unit *unit, struct record *record)
{
    if (world->finishing || !world->units_fresh || unit->held || unit->deleting)
        return;
    struct verdict v = rules_judge(reaper, world, unit, record);
    if (v.method == METHOD_KEEP)
        reaper_wake_at(reaper, v.again);
    else if (!(record->dry & 1u << v.rule))
        begin(record, &v);
}

void steps_advance(struct reaper *reaper, const struct reaper_world *world, struct unit *unit, struct reaper_actions *out)
{
    struct record *record = unit->priv;
    drop_order(reaper, unit, record);
    if (record->deleted)
        return;
    if (!record->in_flight) {
        if (!mono_reached(record->not_before, reaper->now)) {
            reaper_wake_at(reaper, record->not_before);
            reaper->under_way += record->step != STEP_NONE;
            return;
        }
        if (record->step == STEP_NONE)
            begin_if_due(reaper, world, unit, record);
        emit_step(reaper, world, unit, out);
    }
    reaper->under_way += record->step != STEP_NONE;
}

static void retry_later(struct reaper *reaper, struct record *record, const struct backoff *backoff, uint64_t random)
{
    record->not_before = mono_add_ms(reaper->now, backoff_delay(backoff, ++record->failures, random) + 1);
}

/* What to ask again before the same step may be tried again. */
static enum step step_after_error(const struct record *record)
{
    switch (record->step) {
    case STEP_READ:
    case STEP_ENABLE:
        return record->step;
    case STEP_DELETE:
        return record->disabled ? STEP_READ : STEP_NONE;
    case STEP_NONE:
    case STEP_CHECK:
    case STEP_DISABLE:
        return STEP_NONE;
    }
    return STEP_NONE;
}

static void after_read(struct reaper *reaper, struct record *record, uint64_t random, const struct reaper_result *result)
{
    if (result->agent_assigned) {
        record->step = STEP_ENABLE;
        record->disabled = true;
    } else if (result->agent_enabled) {             /* somebody enabled it meanwhile: it may get work any time */
        record->settled_at = reaper->now;
        end(record);
        retry_later(reaper, record, &RETRY, random);
    } else {
        record->step = STEP_DELETE;
        record->disabled = true;
    }
}

static void after_success(struct reaper *reaper, struct unit *unit, uint64_t random, const struct reaper_result *result)
{
    struct record *record = unit->priv;
    record->failures = 0;
    switch (record->step) {
    case STEP_NONE:
        break;
    case STEP_CHECK:
        record->step = STEP_DELETE;
        break;
    case STEP_DISABLE:
        record->step = STEP_READ;
        record->disabled = true;
        break;
    case STEP_READ:
        after_read(reaper, record, random, result);
        break;
    case STEP_ENABLE:
        record->settled_at = reaper->now;
        end(record);
        retry_later(reaper, record, &RETRY, random);
        break;
    case STEP_DELETE:
        record->deleted = true;
        reaper->deleted[record->rule]++;
        if (record->disabled || record->rule == RULE_UNREGISTERED || record->rule == RULE_LEAVING)
            view_freed(reaper, unit);
        end(record);
        break;
    }
}

static enum step step_of(enum reaper_action_kind kind)
{
    switch (kind) {
    case REAPER_DELETE_UNIT: return STEP_DELETE;
    case REAPER_CHECK_POD: return STEP_CHECK;
    case REAPER_DISABLE_AGENT: return STEP_DISABLE;
    case REAPER_READ_AGENT: return STEP_READ;
    case REAPER_ENABLE_AGENT: return STEP_ENABLE;
    case REAPER_DELETE_POD:
    case REAPER_TROUBLE: return STEP_NONE;
    }
    return STEP_NONE;
}

void steps_result(struct reaper *reaper, struct unit *unit, uint64_t random, const struct reaper_result *result)
{
    struct record *record = record_of(unit);
    if (!record->in_flight || record->step != step_of(result->kind))
        return;
    record->in_flight = false;
    switch (result->outcome) {
    case REAPER_OK:
        after_success(reaper, unit, random, result);
        return;
    case REAPER_ABSENT:
        record->deleted |= record->step == STEP_DELETE;
        end(record);
        retry_later(reaper, record, &RETRY, random);
        return;
    case REAPER_STARTED:
    case REAPER_CHANGED:
        end(record);
        retry_later(reaper, record, &CONFLICT, random);
        return;
    case REAPER_ERROR:
        record->step = step_after_error(record);
        record->disabled &= record->step != STEP_NONE;
        retry_later(reaper, record, &RETRY, random);
        return;
    case REAPER_DRY:
        record->dry |= 1u << record->rule;
        end(record);
        return;
    }
}

const char *reaper_unit_step(const struct unit *unit, const char **ret_reason)
{
    static const char *const names[] = {
        [STEP_NONE] = "",
        [STEP_CHECK] = "checking",
        [STEP_DISABLE] = "disabling",
        [STEP_READ] = "re-reading",
        [STEP_ENABLE] = "enabling",
        [STEP_DELETE] = "deleting",
    };
    const struct record *record = unit->priv;
    if (ret_reason)
        *ret_reason = record ? str_or_empty(record->reason) : "";
    if (!record)
        return "";
    return record->deleted ? "deleted" : names[record->step];
}
