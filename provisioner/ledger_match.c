/* One pass's matching of a pool: waiting requests to available units, own units preferred; who is left becomes a candidate for a new unit. */
#include "provisioner/ledger_priv.h"

#include "common/mem.h"
#include "provisioner/matching.h"

#include <stdlib.h>


static void pair(struct request_memo *r, struct unit_memo *u)
{
    u->stands_for = r;
    r->unit = u;
    if (u->create == CREATE_WAITS)
        ledger_set_reason(r, u->wait_code, u->wait_text);
    else if (u->seen && u->seen->trouble != UNIT_FINE && unit_is_live(u))
        ledger_set_reason(r, unit_trouble_name(u->seen->trouble), u->seen->message);
    else
        ledger_set_reason(r, "", NULL);
}

/* A unit of a template that the configuration no longer has serves its own request and no other that we could know of. */
static void pair_unknown(struct pool_book *pool)
{
    for (size_t i = 0; i < pool->n_waiting; i++) {
        struct request_memo *r = pool->waiting[i];
        r->unit = NULL;
        if (r->own && r->own->template_index == TEMPLATE_UNKNOWN)
            pair(r, r->own);
    }
}

static size_t number_classes(struct ledger *l, struct pool_book *pool, struct request_class **list)
{
    size_t n = 0;
    for (size_t i = 0; i < pool->n_waiting; i++) {
        struct request_class *k = pool->waiting[i]->class;
        if (pool->waiting[i]->unit || k->pass == l->pass)
            continue;
        k->pass = l->pass;
        k->index = n;
        list[n++] = k;
    }
    return n;
}

static bool own_fits(const struct request_memo *r)
{
    return r->own && r->own->template_index != TEMPLATE_UNKNOWN && r->class->fits[r->own->template_index];
}

static void fill(struct matching *m, struct pool_book *pool, struct request_class **list)
{
    for (size_t c = 0; c < m->n_classes; c++)
        m->fits[c] = list[c]->fits;
    for (size_t i = 0; i < pool->n_units; i++) {
        const struct unit_memo *u = pool->units[i];
        if (u->template_index != TEMPLATE_UNKNOWN && unit_is_available(u, pool))
            m->supply[u->template_index]++;
    }
    for (size_t i = 0; i < pool->n_waiting; i++) {
        const struct request_memo *r = pool->waiting[i];
        if (r->unit)
            continue;
        m->demand[r->class->index]++;
        if (own_fits(r))
            m->flow[r->class->index * m->n_templates + (size_t)r->own->template_index]++;
    }
}

static void pair_own(struct matching *m, struct pool_book *pool)
{
    for (size_t i = 0; i < pool->n_waiting; i++) {
        struct request_memo *r = pool->waiting[i];
        if (r->unit || !own_fits(r))
            continue;
        uint32_t *left = &m->flow[r->class->index * m->n_templates + (size_t)r->own->template_index];
        if (!*left)
            continue;
        --*left;
        pair(r, r->own);
    }
}

static struct unit_memo *next_free(struct pool_book *pool, size_t *cursor, int template_index)
{
    while (*cursor < pool->n_units) {
        struct unit_memo *u = pool->units[(*cursor)++];
        if (u->template_index == template_index && !u->stands_for && unit_is_available(u, pool))
            return u;
    }
    return NULL;
}

static void pair_rest(struct matching *m, struct pool_book *pool)
{
    size_t *cursor = xcalloc(m->n_templates, sizeof *cursor);
    for (size_t i = 0; i < pool->n_waiting; i++) {
        struct request_memo *r = pool->waiting[i];
        for (size_t t = 0; t < m->n_templates && !r->unit; t++) {
            uint32_t *left = &m->flow[r->class->index * m->n_templates + t];
            struct unit_memo *u = *left ? next_free(pool, &cursor[t], (int)t) : NULL;
            if (!u)
                continue;
            --*left;
            pair(r, u);
        }
    }
    free(cursor);
}

static void add_candidate(struct ledger *l, struct pool_book *pool, struct request_memo *r)
{
    if (l->n_candidates == l->cap_candidates) {
        l->cap_candidates = l->cap_candidates ? l->cap_candidates * 2 : 64;
        l->candidates = xreallocarray(l->candidates, l->cap_candidates, sizeof *l->candidates);
    }
    l->candidates[l->n_candidates++] = (struct candidate){.pool = pool, .request = r};
}

static void add_unmatched(struct ledger *l, struct pool_book *pool)
{
    size_t foreign = pool->free_foreign;
    for (size_t i = 0; i < pool->n_waiting; i++) {
        struct request_memo *r = pool->waiting[i];
        if (r->unit)
            r->held_since = MONO_ZERO;
        else if (!ledger_left_to_others(l, pool, r, &foreign))
            add_candidate(l, pool, r);
    }
}

void ledger_match(struct ledger *l, struct pool_book *pool)
{
    pair_unknown(pool);
    struct request_class **list = xcalloc(pool->n_waiting, sizeof *list);
    struct matching m = {.n_templates = pool->config->n_templates};
    m.n_classes = number_classes(l, pool, list);
    m.demand = xcalloc(m.n_classes, sizeof *m.demand);
    m.supply = xcalloc(m.n_templates, sizeof *m.supply);
    m.fits = xcalloc(m.n_classes, sizeof *m.fits);
    m.flow = xcalloc(m.n_classes * m.n_templates, sizeof *m.flow);
    fill(&m, pool, list);
    matching_solve(&m);
    pair_own(&m, pool);
    pair_rest(&m, pool);
    add_unmatched(l, pool);
    free(m.demand);
    free(m.supply);
    free(m.fits);
    free(m.flow);
    free(list);
}
