#include "reaper/record.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { ORDERS_MAX = 20000, ORDER_KEEP_MS = 10 * 60 * 1000 };

const char *reaper_rule_name(enum reaper_rule rule)
{
    switch (rule) {
    case RULE_ENDED: return "ended";
    case RULE_FAILED: return "failed";
    case RULE_LEAVING: return "leaving";
    case RULE_RETIRED: return "retired";
    case RULE_DISABLED: return "disabled";
    case RULE_NEVER_STARTED: return "never-started";
    case RULE_UNREGISTERED: return "registration-deadline";
    case RULE_OVERDUE: return "overdue";
    case RULE_ORPHAN: return "orphan";
    case RULE_COUNT: break;
    }
    return "";
}

struct reaper_action *reaper_action_add(struct reaper_actions *actions)
{
    if (actions->n == actions->cap) {
        actions->cap = actions->cap ? actions->cap * 2 : 16;
        actions->list = xreallocarray(actions->list, actions->cap, sizeof *actions->list);
    }
    return &actions->list[actions->n++];
}

void reaper_actions_done(struct reaper_actions *actions)
{
    free(actions->list);
    *actions = (struct reaper_actions){0};
}

struct reaper *reaper_new(const struct config *config)
{
    struct reaper *reaper = xcalloc(1, sizeof *reaper);
    *reaper = (struct reaper){.config = config, .orders = map_new(), .orphans = map_new(), .freed = map_new(), .deadline = MONO_NEVER};
    return reaper;
}

static void order_free(struct order *order)
{
    if (order)
        free(order->reason);
    free(order);
}

static void free_values(struct map *map)
{
    size_t cursor = 0;
    for (void *value; (value = map_next(map, &cursor, NULL));)
        free(value);
    map_free(map);
}

void reaper_free(struct reaper **reaper)
{
    if (!*reaper)
        return;
    size_t cursor = 0;
    for (struct order *order; (order = map_next((*reaper)->orders, &cursor, NULL));)
        order_free(order);
    map_free((*reaper)->orders);
    free_values((*reaper)->orphans);
    free_values((*reaper)->freed);
    free((*reaper)->pools);
    free(*reaper);
    *reaper = NULL;
}

void reaper_wake_at(struct reaper *reaper, struct mono when)
{
    if (!mono_reached(when, reaper->now))
        reaper->deadline = mono_min(reaper->deadline, when);
}

struct pool_memo *reaper_pool_memo(struct reaper *reaper, uint32_t id)
{
    for (size_t i = 0; i < reaper->n_pools; i++)
        if (reaper->pools[i].id == id)
            return &reaper->pools[i];
    reaper->pools = xreallocarray(reaper->pools, reaper->n_pools + 1, sizeof *reaper->pools);
    struct pool_memo *memo = &reaper->pools[reaper->n_pools++];
    *memo = (struct pool_memo){.id = id};
    return memo;
}

static void record_free(struct record *record)
{
    if (!record)
        return;
    free(record->uid);
    free(record->reason);
    free(record->message);
    free(record->agent_name);
    free(record);
}

/* Made at first sight; the same name under another uid starts afresh. */
struct record *record_of(struct unit *unit)
{
    struct record *record = unit->priv;
    if (record && strcmp(record->uid, unit->uid) == 0)
        return record;
    record_free(record);
    record = xcalloc(1, sizeof *record);
    *record = (struct record){.uid = xstrdup(unit->uid), .left_at = MONO_NEVER};
    unit->priv = record;
    return record;
}

void reaper_unit_gone(struct reaper *reaper, struct unit *unit)
{
    order_free(map_remove(reaper->orders, unit->uid));
    record_free(unit->priv);
    unit->priv = NULL;
}

void reaper_order(struct reaper *reaper, struct mono now, const char *unit, const char *uid, const char *reason)
{
    (void)unit;
    struct order *order = map_get(reaper->orders, uid);
    if (!order && map_count(reaper->orders) >= ORDERS_MAX)
        return;                                     /* the provisioner repeats it */
    if (!order) {
        order = xcalloc(1, sizeof *order);
        map_set(reaper->orders, uid, order);
    }
    xstr_replace(&order->reason, reason);
    order->told = now;
}

/* An order that nobody repeats has been forgotten by whoever gave it, or its unit was gone before the order came. */
static void expire_orders(struct reaper *reaper)
{
    size_t cursor = 0;
    const char *uid;
    for (struct order *order; (order = map_next(reaper->orders, &cursor, &uid));) {
        if (mono_ms_between(order->told, reaper->now) < ORDER_KEEP_MS)
            continue;
        map_remove(reaper->orders, uid);
        order_free(order);
    }
}

void reaper_pass(struct reaper *reaper, const struct reaper_world *world, struct mono now, struct reaper_actions *out)
{
    out->n = 0;
    reaper->pass++;
    reaper->now = now;
    reaper->deadline = MONO_NEVER;
    reaper->under_way = 0;
    expire_orders(reaper);
    view_settle(reaper, world);
    size_t cursor = 0;
    for (struct unit *unit; (unit = units_next(world->units, &cursor));)
        steps_advance(reaper, world, unit, out);
    orphans_pass(reaper, world, out);
}

struct mono reaper_deadline(const struct reaper *reaper)
{
    return reaper->deadline;
}

void reaper_result(struct reaper *reaper, const struct units *units, struct mono now, uint64_t random, const struct reaper_result *result)
{
    reaper->now = now;
    if (result->kind == REAPER_DELETE_POD) {
        orphans_result(reaper, random, result);
        return;
    }
    struct unit *unit = units_get(units, result->name);
    if (unit && strcmp(unit->uid, result->uid) == 0)
        steps_result(reaper, unit, random, result);
    else if (result->kind == REAPER_DELETE_UNIT && result->outcome == REAPER_OK)
        reaper->deleted[result->rule]++;
}

size_t reaper_under_way(const struct reaper *reaper)
{
    return reaper->under_way;
}

size_t reaper_orders(const struct reaper *reaper)
{
    return map_count(reaper->orders);
}

uint64_t reaper_deleted(const struct reaper *reaper, enum reaper_rule rule)
{
    return reaper->deleted[rule];
}

uint64_t reaper_races(const struct reaper *reaper)
{
    return reaper->races;
}
