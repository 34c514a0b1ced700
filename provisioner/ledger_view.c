/* What people see of the ledger: read between passes. */
#include "provisioner/ledger_priv.h"

#include "common/mem.h"

#include <string.h>

static const struct pool_book *book_by_id(const struct ledger *l, uint32_t pool_id)
{
    for (size_t i = 0; i < l->n_pools; i++)
        if (l->pools[i].mirror && l->pools[i].mirror->id == pool_id)
            return &l->pools[i];
    return NULL;
}

bool ledger_request_view(const struct ledger *l, uint32_t pool_id, uint64_t request_id, struct ledger_view *ret)
{
    const struct pool_book *pool = book_by_id(l, pool_id);
    const struct request_memo *r = pool ? map_get_u64(pool->requests, request_id) : NULL;
    if (!r || !r->state)
        return false;
    *ret = (struct ledger_view){.state = r->state, .unit = r->unit ? r->unit->name : "", .code = r->code, .reason = str_or_empty(r->reason)};
    return true;
}

static const char *const state_names[] = {
    [STATE_CREATING] = "creating", [STATE_PENDING] = "pending", [STATE_STARTING] = "starting", [STATE_IDLE] = "idle",
    [STATE_BUSY] = "busy", [STATE_LEAVING] = "leaving", [STATE_RETIRING] = "retiring", [STATE_ENDED] = "ended",
};

bool ledger_unit_view(const struct ledger *l, const char *name, struct ledger_view *ret)
{
    const struct unit_memo *u = map_get(l->units, name);
    if (!u)
        return false;
    bool trouble = u->seen && u->seen->trouble != UNIT_FINE;
    *ret = (struct ledger_view){.state = state_names[u->state], .unit = u->name, .code = trouble ? unit_trouble_name(u->seen->trouble) : "",
                                .reason = trouble ? str_or_empty(u->seen->message) : "", .serves = u->serves};
    return true;
}

void ledger_pool_counts(const struct ledger *l, uint32_t pool_id, struct ledger_pool_counts *ret)
{
    const struct pool_book *pool = book_by_id(l, pool_id);
    *ret = pool ? pool->counts : (struct ledger_pool_counts){.note_code = "", .note = ""};
}

const char *ledger_next_creating(const struct ledger *l, size_t *cursor, uint32_t *ret_pool_id, uint64_t *ret_request)
{
    const struct unit_memo *u;
    while ((u = map_next(l->units, cursor, NULL))) {
        if (u->create == CREATE_NONE)
            continue;
        const struct mirror_pool *mirror = l->pools[u->pool].mirror;
        *ret_pool_id = mirror ? mirror->id : 0;
        *ret_request = u->request_id;
        return u->name;
    }
    return NULL;
}

size_t ledger_creating(const struct ledger *l)
{
    size_t cursor = 0, n = 0;
    const struct unit_memo *u;
    while ((u = map_next(l->units, &cursor, NULL)))
        n += u->create == CREATE_SENT || u->create == CREATE_WAITS;
    return n;
}

bool ledger_settled(const struct ledger *l)
{
    return l->settled;
}
