#include "provisioner/creator.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

struct order {
    struct order *next;
    struct creator *owner;
    struct template *t;
    char name[64];
    uint64_t request_id;
    uint32_t attempt, pool_id;
    size_t slot;                  /* while under way */
};

struct creator {
    struct creator_options o;
    struct order *first, **last;
    struct order *under_way[CREATOR_IN_FLIGHT];
    size_t queued, in_flight;
    bool allowed;
    uint64_t created;
    const char **refusals;        /* [template]: code of what refuses its units at present, NULL = nothing */
};

struct creator *creator_new(const struct creator_options *options)
{
    struct creator *c = xcalloc(1, sizeof *c);
    c->o = *options;
    c->last = &c->first;
    c->refusals = xcalloc(options->templates->n + 1, sizeof *c->refusals);
    return c;
}

static struct order *take_first(struct creator *c)
{
    struct order *order = c->first;
    c->first = order->next;
    if (!c->first)
        c->last = &c->first;
    c->queued--;
    return order;
}

void creator_free(struct creator **creator)
{
    struct creator *c = *creator;
    *creator = NULL;
    if (!c)
        return;
    while (c->first)
        free(take_first(c));
    for (size_t i = 0; i < CREATOR_IN_FLIGHT; i++)
        free(c->under_way[i]);
    free(c->refusals);
    free(c);
}

size_t creator_pending(const struct creator *creator)
{
    return creator->queued + creator->in_flight;
}

uint64_t creator_created(const struct creator *creator)
{
    return creator->created;
}

static void tell_ledger(struct creator *c, const struct order *order, const struct backend_result *result)
{
    ledger_created(c->o.ledger, loop_now(c->o.loop), clock_random(), order->name, result->uid, result->outcome.result, result->outcome.code, result->message);
}

/* ---- what a refusal means for those that wait behind it ---- */

static bool is_refusal(enum ledger_outcome outcome)
{
    switch (outcome) {
    case LEDGER_REFUSED:
    case LEDGER_REFUSED_QUOTA: return true;
    case LEDGER_OK:
    case LEDGER_SPENT:
    case LEDGER_TAKEN:
    case LEDGER_RETRY: break;
    }
    return false;
}

/* Queued units of t (NULL = of all) would be answered the same: they go back unsent, with the same reason. */
static void hand_back(struct creator *c, const struct template *t, const struct backend_result *why)
{
    struct backend_result told = *why;
    told.uid = "";
    struct order *rest = c->first;
    c->first = NULL;
    c->last = &c->first;
    c->queued = 0;
    while (rest) {
        struct order *order = rest;
        rest = order->next;
        order->next = NULL;
        if (t && order->t != t) {
            *c->last = order;
            c->last = &order->next;
            c->queued++;
            continue;
        }
        tell_ledger(c, order, &told);
        free(order);
    }
}

/* ---- log lines ---- */

static void log_created(const struct creator *c, const struct order *order)
{
    (void)c;
    log_info("unit created", kv_s("unit", order->name), kv_i("request", (int64_t)order->request_id), kv_s("pool", order->t->pool->name),
             kv_s("template", order->t->config->name));
}

static void log_outcome(struct creator *c, const struct order *order, const struct backend_result *result)
{
    const char **before = &c->refusals[order->t - c->o.templates->list];
    const char *code = result->outcome.result == LEDGER_OK || result->outcome.result == LEDGER_SPENT ? NULL : result->outcome.code;
    if (code && (!*before || strcmp(*before, code) != 0))
        log_warn("units cannot be created", kv_s("code", code), kv_s("pool", order->t->pool->name), kv_s("template", order->t->config->name),
                 kv_s("unit", order->name), kv_s("error", result->message));
    if (!code && *before)
        log_info("units can be created again", kv_s("pool", order->t->pool->name), kv_s("template", order->t->config->name));
    *before = code;
}

/* ---- sending ---- */

static void pump(struct creator *c);

static void on_result(void *data, const struct backend_result *result)
{
    struct order *order = data;
    struct creator *c = order->owner;
    c->in_flight--;
    c->under_way[order->slot] = NULL;
    log_outcome(c, order, result);
    if (result->outcome.result == LEDGER_OK) {
        c->created++;
        log_created(c, order);
    }
    tell_ledger(c, order, result);
    if (is_refusal(result->outcome.result))
        hand_back(c, order->t, result);
    free(order);
    if (result->outcome.namespace_lost)
        c->o.on_namespace_lost(c->o.data);
    pump(c);
    c->o.on_change(c->o.data);
}

/* False: the request left while its unit was queued, nothing is to be made for it any more. */
static bool find_request(const struct creator *c, const struct order *order, const struct mirror_request **ret)
{
    *ret = NULL;
    if (!order->request_id)
        return true;
    const struct mirror_pool *pool = mirror_find_id(c->o.mirror, order->pool_id);
    *ret = pool ? map_get_u64(pool->requests, order->request_id) : NULL;
    return *ret != NULL;
}

static void take_slot(struct creator *c, struct order *order)
{
    while (c->under_way[order->slot])
        order->slot++;
    c->under_way[order->slot] = order;
    c->in_flight++;
}

static void send_order(struct creator *c, struct order *order)
{
    const struct mirror_request *request;
    if (!find_request(c, order, &request)) {
        struct backend_result gone = {.outcome = {.result = LEDGER_RETRY, .code = "cancelled"}, .uid = "", .message = "the request left the queue"};
        tell_ledger(c, order, &gone);
        free(order);
        return;
    }
    struct jobspec_unit unit = {
        .name = order->name,
        .pool_id = order->pool_id,
        .request_id = order->request_id,
        .attempt = order->attempt,
        .queued_ms = request ? request->queued_ms : 0,
        .demands = request ? (const char *const *)request->demands : NULL,
        .n_demands = request ? request->n_demands : 0,
    };
    take_slot(c, order);
    c->o.backend->create(c->o.backend, order->t, &unit, on_result, order);
}

/* What waits in the client's own queue goes no later either. */
static bool may_send(struct creator *c)
{
    struct mono until = c->o.may_send_until ? c->o.may_send_until(c->o.data) : MONO_NEVER;
    c->o.backend->send_by = until;
    return mono_before(loop_now(c->o.loop), until);
}

static void pump(struct creator *c)
{
    static const struct backend_result not_ours = {.outcome = {.result = LEDGER_RETRY, .code = "standby"}, .uid = "", .message = "another replica leads"};
    while (c->allowed && c->first && c->in_flight < CREATOR_IN_FLIGHT) {
        if (!may_send(c)) {
            hand_back(c, NULL, &not_ours);
            return;
        }
        send_order(c, take_first(c));
    }
}

void creator_add(struct creator *creator, const struct ledger_action *action)
{
    struct order *order = xcalloc(1, sizeof *order);
    *order = (struct order){.owner = creator,
                            .t = templates_find(creator->o.templates, action->template),
                            .request_id = action->request_id,
                            .attempt = action->attempt,
                            .pool_id = action->pool_id};
    CHECK(order->t);
    memcpy(order->name, action->name, sizeof order->name);
    *creator->last = order;
    creator->last = &order->next;
    creator->queued++;
    pump(creator);
}

void creator_allow(struct creator *creator, bool allowed)
{
    creator->allowed = allowed;
    if (allowed) {
        pump(creator);
        return;
    }
    struct backend_result held = {.outcome = {.result = LEDGER_RETRY, .code = "starting"}, .uid = "", .message = "the namespace is being set up"};
    hand_back(creator, NULL, &held);
}
