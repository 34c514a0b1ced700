#include "provisioner/placeholder_priv.h"

#include "common/backoff.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CHECK_MS = 60 * 60 * 1000, TAKEN_MS = 5 * 60 * 1000, REFUSED_MS = 60 * 1000 };

static const struct backoff while_denied = {.first_ms = 5 * 60 * 1000, .max_ms = 60 * 60 * 1000};
static const struct backoff while_failing = {.first_ms = 2 * 1000, .max_ms = 5 * 60 * 1000};

struct placeholders *placeholders_new(const struct config *config)
{
    struct placeholders *p = xcalloc(1, sizeof *p);
    p->config = config;
    p->n_pools = config->n_pools;
    p->pools = xcalloc(p->n_pools + 1, sizeof *p->pools);
    size_t n = 0;
    for (size_t i = 0; i < p->n_pools; i++)
        n += config->pools[i].n_templates;
    p->wants = xcalloc(n + 1, sizeof *p->wants);
    for (size_t i = 0; i < p->n_pools; i++) {
        const struct config_pool *pool = &config->pools[i];
        p->pools[i] = (struct placeholder_pool){.config = pool, .not_before = MONO_ZERO};
        for (size_t j = 0; config->placeholders && j < pool->n_templates; j++)
            want_init(&p->wants[p->n_wants++], &p->pools[i], config, &pool->templates[j]);
    }
    return p;
}

void placeholders_free(struct placeholders **placeholders)
{
    struct placeholders *p = *placeholders;
    *placeholders = NULL;
    if (!p)
        return;
    for (size_t i = 0; i < p->n_wants; i++)
        want_done(&p->wants[i]);
    free(p->wants);
    free(p->pools);
    free(p);
}

/* ---- what the pictures say ---- */

/* A request that has no agent yet may have been let in for one of our placeholders alone. Not knowing counts as yes. */
static bool requests_wait(const struct mirror_pool *pool, struct mono now)
{
    const struct mirror_request *request;
    if (!mirror_requests_fresh(pool, now))
        return true;
    for (size_t cursor = 0; (request = map_next(pool->requests, &cursor, NULL));)
        if (!request->received_ms)
            return true;
    return false;
}

static bool is_wanted(const struct placeholders *p, const struct placeholder_pool *pool, const char *name)
{
    for (size_t i = 0; i < p->n_wants; i++)
        if (p->wants[i].pool == pool && strcasecmp(p->wants[i].name, name) == 0)
            return true;
    return false;
}

/* The first one, by id, that was not dealt with in this picture. */
static const struct mirror_agent *find_unwanted(const struct placeholders *p, const struct placeholder_pool *pool, const struct mirror_pool *seen)
{
    uint64_t after = pool->picture.ns == seen->agents_began.ns ? pool->cursor : 0;
    const struct mirror_agent *first = NULL;
    for (size_t i = 0; i < seen->n_agents; i++) {
        const struct mirror_agent *agent = &seen->agents[i];
        if (agent->placeholder && agent->ours && !agent->online && agent->id > after && (!first || agent->id < first->id) &&
            !is_wanted(p, pool, agent->name))
            first = agent;
    }
    return first;
}

/* ---- what to do ---- */

static enum placeholder_kind step_of_want(const struct want *want, const struct mirror_pool *seen, struct mono now)
{
    if (!mono_reached(want->not_before, now))
        return PLACEHOLDER_NOTHING;
    switch (want->state) {
    case WANT_ABSENT: return PLACEHOLDER_ADD;
    case WANT_UNSURE:
    case WANT_THERE: return PLACEHOLDER_FIND;
    case WANT_DIFFERENT: return want->narrows && requests_wait(seen, now) ? PLACEHOLDER_NOTHING : PLACEHOLDER_REPLACE;
    case WANT_KEPT: break;
    }
    if (mono_before(want->sure, seen->agents_began) && !mirror_agent_by_name(seen, want->name))
        return PLACEHOLDER_ADD;
    return mono_reached(want->check_at, now) ? PLACEHOLDER_FIND : PLACEHOLDER_NOTHING;
}

static const struct mirror_pool *picture_of(const struct placeholder_pool *pool, const struct mirror *mirror, struct mono now)
{
    const struct mirror_pool *seen = mono_reached(pool->not_before, now) ? mirror_find(mirror, pool->config->name) : NULL;
    return seen && seen->have_agents && mirror_agents_fresh(seen, now) ? seen : NULL;
}

static bool find_want_step(const struct placeholders *p, const struct mirror *mirror, struct mono now, struct placeholder_step *ret, size_t *ret_index)
{
    for (size_t i = 0; i < p->n_wants; i++) {
        const struct want *want = &p->wants[i];
        const struct mirror_pool *seen = picture_of(want->pool, mirror, now);
        enum placeholder_kind kind = seen ? step_of_want(want, seen, now) : PLACEHOLDER_NOTHING;
        if (kind == PLACEHOLDER_NOTHING)
            continue;
        *ret = (struct placeholder_step){
            .kind = kind, .pool_id = seen->id, .agent_id = want->agent_id, .pool = seen->name, .name = want->name, .agent = &want->agent,
            .again = kind == PLACEHOLDER_ADD && want->state == WANT_KEPT,
        };
        *ret_index = i;
        return true;
    }
    return false;
}

static bool find_unwanted_step(const struct placeholders *p, const struct mirror *mirror, struct mono now, struct placeholder_step *ret, size_t *ret_index)
{
    for (size_t i = 0; i < p->n_pools; i++) {
        const struct placeholder_pool *pool = &p->pools[i];
        const struct mirror_pool *seen = picture_of(pool, mirror, now);
        const struct mirror_agent *agent = seen ? find_unwanted(p, pool, seen) : NULL;
        if (!agent || requests_wait(seen, now))
            continue;
        bool verified = agent->id == pool->doomed;
        *ret = (struct placeholder_step){
            .kind = verified ? PLACEHOLDER_DELETE : PLACEHOLDER_FIND, .pool_id = seen->id, .agent_id = agent->id, .pool = seen->name, .name = agent->name};
        *ret_index = i;
        return true;
    }
    return false;
}

static void begin_picture(struct placeholder_pool *pool, struct mono began)
{
    if (pool->picture.ns != began.ns)
        pool->cursor = 0;
    pool->picture = began;
}

bool placeholders_next(struct placeholders *p, const struct mirror *mirror, struct mono now, struct placeholder_step *ret)
{
    size_t i;
    if (p->flight.kind != PLACEHOLDER_NOTHING)
        return false;
    bool wanted = find_want_step(p, mirror, now, ret, &i);
    if (!wanted && !find_unwanted_step(p, mirror, now, ret, &i))
        return false;
    p->flight.kind = ret->kind;
    p->flight.want = wanted ? &p->wants[i] : NULL;
    p->flight.pool = wanted ? p->wants[i].pool : &p->pools[i];
    p->flight.agent_id = ret->agent_id;
    snprintf(p->flight.name, sizeof p->flight.name, "%s", ret->name);
    ret->name = p->flight.name;
    ret->pool = p->flight.pool->config->name;
    if (!wanted)
        begin_picture(p->flight.pool, mirror_find(mirror, ret->pool)->agents_began);
    return true;
}

bool placeholders_busy(const struct placeholders *p, const struct mirror *mirror, struct mono now)
{
    struct placeholder_step step;
    size_t i;
    return p->flight.kind != PLACEHOLDER_NOTHING || find_want_step(p, mirror, now, &step, &i) || find_unwanted_step(p, mirror, now, &step, &i);
}

/* ---- what came of it ---- */

bool placeholders_denied(enum err_code code)
{
    return code == ERR_DENIED || code == ERR_AUTH;
}

static void pool_fails(struct placeholder_pool *pool, struct mono now, uint64_t random, const struct ado_result *result)
{
    bool denied = placeholders_denied(result->err.code);
    if (denied != placeholders_denied(pool->trouble.code))
        pool->failures = 0;
    int64_t wait = backoff_delay(denied ? &while_denied : &while_failing, ++pool->failures, random);
    pool->not_before = mono_add_ms(now, wait > result->wait_ms ? wait : result->wait_ms);
    pool->trouble = result->err;
}

static void pool_is_well(struct placeholder_pool *pool, struct mono now, const struct ado_result *result)
{
    pool->failures = 0;
    pool->trouble = (struct err){.code = ERR_NONE};
    if (result->wait_ms)
        pool->not_before = mono_add_ms(now, result->wait_ms);
}

static bool is_placeholder_of(const struct placeholders *p, const struct ado_agent *agent)
{
    return agent->placeholder && !agent->online && strcmp(agent->instance, p->config->instance) == 0;
}

static void keep(struct want *want, struct mono now)
{
    want->state = WANT_KEPT;
    want->foreign = false;
    want->sure = now;
    want->check_at = mono_add_ms(now, CHECK_MS);
    if (want->refused)            /* a list that does not show it yet is no reason to ask at once again */
        want->not_before = mono_add_ms(now, REFUSED_MS);
    want->refused = false;
}

static void judge_found(const struct placeholders *p, struct want *want, struct mono now, const struct ado_found *found)
{
    want->foreign = !is_placeholder_of(p, &found->agent);
    if (want->foreign) {
        want->state = WANT_THERE;
        want->not_before = mono_add_ms(now, TAKEN_MS);
    } else if (want_matches(want, found, &want->narrows)) {
        keep(want, now);
    } else {
        want->state = WANT_DIFFERENT;
        want->agent_id = found->agent.id;
    }
}

static void missing(struct want *want, struct mono now)
{
    want->state = WANT_ABSENT;
    want->foreign = false;
    if (want->refused)            /* the name is taken and yet not there */
        want->not_before = mono_add_ms(now, REFUSED_MS);
}

/* True when it is no failure. */
static bool answer_of_want(struct placeholders *p, struct want *want, struct mono now, enum err_code code, const struct ado_found *found)
{
    enum placeholder_kind kind = p->flight.kind;
    bool exists = kind == PLACEHOLDER_ADD && (code == ERR_EXISTS || code == ERR_CONFLICT);
    bool gone = (kind == PLACEHOLDER_FIND || kind == PLACEHOLDER_REPLACE) && code == ERR_NOT_FOUND;
    if (exists) {
        want->state = WANT_THERE;
        want->refused = true;
    } else if (gone) {
        missing(want, now);
    } else if (code == ERR_NONE && kind == PLACEHOLDER_FIND) {
        judge_found(p, want, now, found);
    } else if (code == ERR_NONE) {
        want->refused = false;
        keep(want, now);
    }
    return exists || gone || code == ERR_NONE;
}

static bool answer_of_unwanted(struct placeholders *p, struct placeholder_pool *pool, enum err_code code, const struct ado_found *found)
{
    uint64_t id = p->flight.agent_id;
    bool gone = p->flight.kind == PLACEHOLDER_FIND && code == ERR_NOT_FOUND;
    pool->doomed = 0;
    if (code != ERR_NONE && !gone)
        return false;
    bool verified = found && found->agent.id == id && is_placeholder_of(p, &found->agent) && !found->agent.assigned_request;
    if (verified)
        pool->doomed = id;
    else
        pool->cursor = id;
    return true;
}

void placeholders_answer(struct placeholders *p, struct mono now, uint64_t random, const struct ado_result *result, const struct ado_found *found)
{
    struct placeholder_pool *pool = p->flight.pool;
    struct want *want = p->flight.want;
    enum err_code code = result->err.code;
    if (p->flight.kind != PLACEHOLDER_FIND)
        found = NULL;
    bool well = want ? answer_of_want(p, want, now, code, found) : answer_of_unwanted(p, pool, code, found);
    p->flight.kind = PLACEHOLDER_NOTHING;
    if (well)
        pool_is_well(pool, now, result);
    else
        pool_fails(pool, now, random, result);
}

/* ---- for people ---- */

size_t placeholders_kept(const struct placeholders *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_wants; i++)
        n += p->wants[i].state == WANT_KEPT;
    return n;
}

static char *trouble_of_pool(const struct placeholders *p, const struct placeholder_pool *pool, enum err_code *ret_code)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_pools; i++)
        n += p->pools[i].trouble.code != ERR_NONE;
    char *more = n > 1 ? xasprintf(" and %zu more", n - 1) : xstrdup("");
    bool denied = placeholders_denied(pool->trouble.code);
    char *text = xasprintf("placeholder agents cannot be kept in pool \"%s\"%s: %s%s", pool->config->name, more, pool->trouble.text,
                           denied ? "; jobs queued while no agent is registered fail at once: let the credential manage the pool's agents "
                                    "(Agent Pools: Read & manage; administrator of the pool), or set PLACEHOLDERS=0" : "");
    free(more);
    *ret_code = pool->trouble.code;
    return text;
}

char *placeholders_trouble(const struct placeholders *p, enum err_code *ret_code)
{
    for (size_t i = 0; i < p->n_pools; i++)
        if (p->pools[i].trouble.code != ERR_NONE)
            return trouble_of_pool(p, &p->pools[i], ret_code);
    *ret_code = ERR_NONE;
    for (size_t i = 0; i < p->n_wants; i++) {
        const struct want *want = &p->wants[i];
        if (!want->foreign)
            continue;
        *ret_code = ERR_EXISTS;
        return xasprintf("a placeholder agent cannot be registered in pool \"%s\": the agent \"%s\" there is not ours", want->pool->config->name, want->name);
    }
    return NULL;
}
