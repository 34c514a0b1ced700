#include "watcher/core_priv.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

struct core *core_new(struct siphash_key key)
{
    struct core *core = xcalloc(1, sizeof *core);
    core->key = key;
    core->requests = map_new();
    core->buried = map_new();
    return core;
}

static void drop_requests(struct core *core)
{
    size_t cursor = 0;
    struct watch_request *r;
    while ((r = map_next(core->requests, &cursor, NULL)))
        free(r);
    map_free(core->requests);
    core->requests = map_new();
}

void core_forget(struct core *core)
{
    core_poll_abandon(core);
    core_told(core);
    drop_requests(core);
    core->n_ask = core->at_ask = 0;
    core->known = false;
    known_done(&core->known_rows);
    agents_done(&core->agents);
}

void core_free(struct core **core)
{
    struct core *c = *core;
    *core = NULL;
    if (!c)
        return;
    core_forget(c);
    map_free(c->requests);
    map_free(c->buried);
    free(c->scratch.block);
    free(c->staged);
    free(c->gone);
    free(c->to_ask);
    free(c);
}

/* ---- a poll ---- */

static void forget_buried(struct core *core)
{
    if (!map_count(core->buried))
        return;
    map_free(core->buried);
    core->buried = map_new();
}

void core_poll_begin(struct core *core)
{
    core_poll_abandon(core);
    core->poll++;
}

void core_poll_abandon(struct core *core)
{
    for (size_t i = 0; i < core->n_staged; i++)
        free(core->staged[i]);
    core->n_staged = 0;
    core->row_bytes = 0;
    known_abandon(&core->known_rows);
    forget_buried(core);
}

static void stage(struct core *core, const struct watch_request *row, uint64_t bytes)
{
    if (core->n_staged == core->cap_staged) {
        core->cap_staged = core->cap_staged ? core->cap_staged * 2 : 64;
        core->staged = xreallocarray(core->staged, core->cap_staged, sizeof *core->staged);
    }
    core->staged[core->n_staged] = watch_request_copy(row);
    core->staged[core->n_staged++]->bytes = bytes;
}

/* The hash is of this row and no other. */
static uint64_t note_bytes(struct core *core, uint64_t id)
{
    uint64_t bytes = core->row_bytes;
    core->row_bytes = 0;
    if (bytes)
        known_note(&core->known_rows, bytes, id);
    return bytes;
}

bool core_poll_known(struct core *core, const char *bytes, size_t n)
{
    core->row_bytes = siphash(&core->key, bytes, n);
    const struct known_row *known = core->row_bytes ? known_find(&core->known_rows, core->row_bytes) : NULL;
    struct watch_request *request = known && known->id ? map_get_u64(core->requests, known->id) : NULL;
    if (!known || (known->id && (!request || request->bytes != core->row_bytes)))
        return false;
    if (request)
        request->seen = core->poll;
    else
        core->finished_rows++;
    note_bytes(core, known->id);
    return true;
}

/* A row that is as it was costs no memory: its mark means nothing unless this poll is committed. */
void core_poll_row(struct core *core, const struct ado_request *row)
{
    bool finished = *row->result || row->finished_ms;
    uint64_t bytes = note_bytes(core, finished ? 0 : row->id);
    if (finished) {
        core->finished_rows++;
        return;
    }
    const struct watch_request *now = watch_request_pack(&core->scratch, row);
    struct watch_request *known = map_get_u64(core->requests, row->id);
    if (known && watch_request_same(known, now)) {
        known->seen = core->poll;
        known->bytes = bytes;
    } else {
        stage(core, now, bytes);
    }
}

static void apply(struct core *core, struct watch_request *row, struct core_change *change)
{
    if (map_get_u64(core->buried, row->id)) {
        free(row);
        return;
    }
    const struct watch_request *old = map_get_u64(core->requests, row->id);
    if (row->agent_id && (!old || old->agent_id != row->agent_id)) {
        change->assigned = true;
        change->unknown_agent |= !agents_find(&core->agents, row->agent_id);
    }
    row->seen = core->poll;
    row->dirty = true;
    row->asked = old ? old->asked : 0;
    change->upserts++;
    core->n_dirty++;
    free(map_set_u64(core->requests, row->id, row));
}

static void listed_again(struct watch_request *r)
{
    r->missing = r->tries = 0;
}

/* Counts the rows that this poll is the first not to list. */
static unsigned mark_missing(struct core *core)
{
    unsigned vanished = 0;
    size_t cursor = 0;
    struct watch_request *r;
    while ((r = map_next(core->requests, &cursor, NULL))) {
        if (r->seen == core->poll) {
            listed_again(r);
            continue;
        }
        vanished += r->missing == 0;
        if (r->missing < UINT8_MAX)
            r->missing++;
    }
    return vanished;
}

struct core_change core_poll_commit(struct core *core, struct mono began)
{
    struct core_change change = {0};
    size_t before = map_count(core->requests);
    for (size_t i = 0; i < core->n_staged; i++)
        apply(core, core->staged[i], &change);
    core->n_staged = 0;
    known_commit(&core->known_rows);
    forget_buried(core);
    change.vanished = mark_missing(core);
    core_plan_asks(core, change.vanished > CORE_MASS && (size_t)change.vanished * 2 > before);
    core->listed = began;
    if (!core->known)
        core->began = began;
    core->known = true;
    core_settle_began(core);
    return change;
}

/* ---- the picture ---- */

bool core_known(const struct core *core)
{
    return core->known;
}

struct mono core_began(const struct core *core)
{
    return core->began;
}

size_t core_count(const struct core *core)
{
    return map_count(core->requests);
}

const struct watch_request *core_find(const struct core *core, uint64_t id)
{
    return map_get_u64(core->requests, id);
}

const struct watch_request *core_next(const struct core *core, size_t *cursor)
{
    return map_next(core->requests, cursor, NULL);
}

uint64_t core_finished_rows(const struct core *core)
{
    return core->finished_rows;
}

const struct core_gone *core_gone(const struct core *core, size_t *ret_n)
{
    *ret_n = core->n_gone;
    return core->gone;
}

size_t core_dirty(const struct core *core)
{
    return core->n_dirty;
}

void core_told(struct core *core)
{
    struct watch_request *r;
    for (size_t cursor = 0; core->n_dirty && (r = map_next(core->requests, &cursor, NULL));)
        r->dirty = false;
    core->n_dirty = 0;
    for (size_t i = 0; i < core->n_gone; i++) {
        free(core->gone[i].result);
        free(core->gone[i].agent);
    }
    core->n_gone = 0;
}

/* ---- agents ---- */

void core_agents_begin(struct core *core)
{
    agents_begin(&core->agents);
}

void core_agents_row(struct core *core, const struct ado_agent *row)
{
    agents_row(&core->agents, row);
}

void core_agents_commit(struct core *core, struct mono began)
{
    agents_commit(&core->agents, began);
}

void core_agents_abandon(struct core *core)
{
    agents_begin(&core->agents);
}

bool core_agents_known(const struct core *core)
{
    return core->agents.known;
}

struct mono core_agents_began(const struct core *core)
{
    return core->agents.began;
}

const struct watch_agent *const *core_agents(const struct core *core, size_t *ret_n)
{
    *ret_n = core->agents.n;
    return (const struct watch_agent *const *)core->agents.rows;
}
