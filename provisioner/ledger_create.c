/* New units: for the candidates in order of service, then warm ones; or the reason why not. */
#include "provisioner/ledger_priv.h"

#include "common/mem.h"
#include "provisioner/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *prefix_of(const struct ledger *l, const struct config_template *t)
{
    return t->name_prefix ? t->name_prefix : l->config->job_prefix;
}

static void issue(struct ledger *l, struct pool_book *pool, struct unit_memo *u, const struct mirror_request *row, struct ledger_actions *out)
{
    u->create = CREATE_SENT;
    u->since = l->now;
    ledger_wake_at(l, mono_add_ms(l->now, CREATE_UNSEEN_MS));
    struct ledger_action *a = ledger_action_add(out);
    *a = (struct ledger_action){.kind = LEDGER_CREATE, .pool = pool->config, .template = &pool->config->templates[u->template_index],
                                .pool_id = pool->mirror->id, .request_id = u->request_id, .attempt = u->attempt, .request = row, .reason = ""};
    memcpy(a->name, u->name, sizeof a->name);
    pool->templates[u->template_index].in_flight++;
    template_sent(&pool->templates[u->template_index], l->now, ledger_random(l));
}

static struct unit_memo *new_unit(struct ledger *l, struct pool_book *pool, int t, const char *name, uint64_t request, uint32_t attempt)
{
    struct unit_memo *u = ledger_unit_memo(l, name);
    u->pool = (size_t)(pool - l->pools);
    u->template_index = t;
    u->request_id = request;
    u->attempt = attempt;
    u->state = STATE_CREATING;
    u->pass = l->pass;
    pool->templates[t].live++;
    pool->live++;
    pool->counts.pending++;
    l->live_total++;
    return u;
}

/* May one more unit of template t start? Otherwise *ret_code and text say why. */
static bool has_room(struct ledger *l, const struct pool_book *pool, size_t t, const char **ret_code, char *text, size_t n)
{
    const struct template_book *b = &pool->templates[t];
    *ret_code = "limit";
    if (l->config->limit && l->live_total >= (size_t)l->config->limit)
        snprintf(text, n, "MAXIMUM_TOTAL_AGENT_COUNT is reached (%d)", l->config->limit);
    else if (pool->config->limit && pool->live >= (size_t)pool->config->limit)
        snprintf(text, n, "MAXIMUM_AGENT_COUNT of pool %s is reached (%d)", pool->config->name, pool->config->limit);
    else if (b->config->limit && b->live >= (size_t)b->config->limit)
        snprintf(text, n, "the limit of template %s is reached (%d)", b->config->name, b->config->limit);
    else if (template_paused(b, l->now) || (b->probing && b->in_flight)) {
        *ret_code = b->pause_code;
        snprintf(text, n, "%s", str_or_empty(b->pause_reason));
        ledger_wake_at(l, b->paused_until);
    } else
        return true;
    return false;
}

static int choose_template(struct ledger *l, struct candidate *c)
{
    char text[512], first_text[512] = "";
    const char *code, *first_code = NULL;
    for (size_t t = 0; t < c->pool->config->n_templates; t++) {
        if (!c->request->class->fits[t])
            continue;
        if (has_room(l, c->pool, t, &code, text, sizeof text))
            return (int)t;
        if (!first_code) {
            first_code = code;
            snprintf(first_text, sizeof first_text, "%s", text);
        }
    }
    ledger_set_reason(c->request, first_code ? first_code : "no-template", first_text);
    return TEMPLATE_UNKNOWN;
}

/* Reasons that hold whatever the limits. */
static bool held_back(struct ledger *l, const struct ledger_world *world, struct candidate *c)
{
    struct request_memo *r = c->request;
    if (r->class->why_none)
        ledger_set_reason(r, "no-template", r->class->why_none);
    else if (!world->writes_allowed)
        ledger_set_reason(r, "standby", "another replica leads");
    else if (!c->pool->fresh)
        ledger_set_reason(r, "stale", "waiting for a fresh picture of Azure DevOps and of the cluster");
    else if (mono_before(l->now, r->retry_at)) {
        ledger_wake_at(l, r->retry_at);
        ledger_set_reason(r, r->last_failure_code, str_or_empty(r->last_failure));
    } else
        return false;
    return true;
}

static void create_for_request(struct ledger *l, struct candidate *c, struct ledger_actions *out)
{
    struct request_memo *r = c->request;
    int t = choose_template(l, c);
    if (t == TEMPLATE_UNKNOWN)
        return;
    char name[64];
    uint32_t attempt = r->highest_attempt + 1;
    unit_name_for_request(name, prefix_of(l, &c->pool->config->templates[t]), c->pool->config->name, l->config->instance, r->id, attempt);
    if (map_get(l->units, name)) {   /* a name that still stands for something: its end will be put to account first */
        r->highest_attempt = attempt;
        ledger_set_reason(r, "starting", "a unit of this name is being cleared away");
        ledger_wake_at(l, mono_add_ms(l->now, 1000));
        return;
    }
    struct unit_memo *u = new_unit(l, c->pool, t, name, r->id, attempt);
    r->highest_attempt = attempt;
    r->unit = u;
    u->stands_for = r;
    ledger_set_reason(r, "", NULL);
    issue(l, c->pool, u, r->row, out);
}

static int by_service(const void *a, const void *b)
{
    return ledger_service_order(((const struct candidate *)a)->request->row, ((const struct candidate *)b)->request->row);
}

/* What was put off is sent again only for its own request: it would be made in that one's name. The request it stood for gets a unit of its own. */
static void give_up(struct ledger *l, struct unit_memo *u)
{
    u->create = CREATE_NONE;
    u->ended_at = u->since;
    u->state = STATE_ENDED;
    if (!u->stands_for)
        return;
    u->stands_for->unit = NULL;
    u->stands_for = NULL;
    ledger_wake_at(l, mono_add_ms(l->now, 1));
}

/* Creates whose outcome was unknown or put off: the same name again, as long as its request or a warm place stands behind it. */
static void create_again(struct ledger *l, struct pool_book *pool, struct ledger_actions *out)
{
    for (size_t i = 0; i < pool->n_units; i++) {
        struct unit_memo *u = pool->units[i];
        if (u->create != CREATE_WAITS)
            continue;
        if (u->request_id && (!u->stands_for || u->stands_for->id != u->request_id)) {
            give_up(l, u);
            continue;
        }
        if (!mono_reached(u->retry_at, l->now)) {
            ledger_wake_at(l, u->retry_at);
            continue;
        }
        issue(l, pool, u, u->stands_for ? u->stands_for->row : NULL, out);
    }
}

size_t ledger_warm_wanted(const struct pool_book *pool)
{
    size_t unmatched = 0;
    for (size_t i = 0; i < pool->n_units; i++) {
        const struct unit_memo *u = pool->units[i];
        unmatched += unit_is_live(u) && unit_is_available(u, pool) && !u->stands_for;
    }
    size_t others = pool->live > unmatched ? pool->live - unmatched : 0;
    size_t idle = (size_t)pool->config->minimum_idle, least = (size_t)pool->config->minimum_agents;
    size_t for_least = least > others ? least - others : 0;
    return idle > for_least ? idle : for_least;
}

static bool slot_in_use(const struct pool_book *pool, uint32_t slot)
{
    char mark[24];
    snprintf(mark, sizeof mark, "-w%u-", slot);
    for (size_t i = 0; i < pool->n_units; i++)
        if (!pool->units[i]->request_id && unit_is_live(pool->units[i]) && strstr(pool->units[i]->name, mark))
            return true;
    return false;
}

static void create_warm(struct ledger *l, struct pool_book *pool, struct ledger_actions *out)
{
    size_t have = 0, wanted = ledger_warm_wanted(pool);
    for (size_t i = 0; i < pool->n_units; i++) {
        const struct unit_memo *u = pool->units[i];
        have += unit_is_live(u) && unit_is_available(u, pool) && !u->stands_for;
    }
    char text[512], name[64];
    const char *code;
    for (uint32_t slot = 0; have < wanted; slot++) {
        if (slot_in_use(pool, slot))
            continue;
        if (!has_room(l, pool, 0, &code, text, sizeof text))
            return;
        uint32_t generation = ++pool->warm_generation;
        unit_name_for_warm(name, prefix_of(l, &pool->config->templates[0]), pool->config->name, l->config->instance, slot, generation);
        if (map_get(l->units, name))
            continue;
        issue(l, pool, new_unit(l, pool, 0, name, 0, generation), NULL, out);
        have++;
    }
}

void ledger_create_units(struct ledger *l, const struct ledger_world *world, struct ledger_actions *out)
{
    if (l->n_candidates)
        qsort(l->candidates, l->n_candidates, sizeof *l->candidates, by_service);
    for (size_t i = 0; i < l->n_candidates; i++)
        if (!held_back(l, world, &l->candidates[i]))
            create_for_request(l, &l->candidates[i], out);
    for (size_t i = 0; i < l->n_pools; i++) {
        struct pool_book *pool = &l->pools[i];
        if (!pool->fresh || !world->writes_allowed)
            continue;
        create_again(l, pool, out);
        if (!world->final_round)
            create_warm(l, pool, out);
    }
}
