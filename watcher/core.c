#include "watcher/core.h"

#include "common/map.h"
#include "common/mem.h"
#include "watcher/agents.h"

#include <stdlib.h>
#include <string.h>

enum { RESULT_MAX_BYTES = 64, TRY_GAP_MAX = 32 };

struct core {
    struct map *requests;                 /* u64 id -> struct watch_request * */
    struct watch_scratch scratch;
    struct watch_request **staged;        /* new and changed rows of the poll under way */
    size_t n_staged, cap_staged;
    uint32_t poll;                        /* number of the poll under way, or the last */
    bool known;
    struct mono began;
    struct mono listed;                   /* of the last poll: newer than began while a row has vanished and no answer about it has come */
    size_t n_dirty;                       /* an upper bound: a dirty row may have left since */
    struct core_gone *gone;
    size_t n_gone, cap_gone;
    uint64_t *to_ask;                     /* vanished ones, due to be asked for; read from at_ask */
    size_t n_ask, at_ask, cap_ask;
    unsigned asks;                        /* without an answer yet */
    uint32_t ticket;                      /* the last one */
    uint64_t finished_rows;
    struct map *buried;                   /* confirmed as gone while a poll is under way that may still list them */
    struct agents agents;
};

struct core *core_new(void)
{
    struct core *core = xcalloc(1, sizeof *core);
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
    forget_buried(core);
}

static void stage(struct core *core, const struct watch_request *row)
{
    if (core->n_staged == core->cap_staged) {
        core->cap_staged = core->cap_staged ? core->cap_staged * 2 : 64;
        core->staged = xreallocarray(core->staged, core->cap_staged, sizeof *core->staged);
    }
    core->staged[core->n_staged++] = watch_request_copy(row);
}

/* A row that is as it was costs no memory: its mark means nothing unless this poll is committed. */
void core_poll_row(struct core *core, const struct ado_request *row)
{
    if (*row->result || row->finished_ms) {
        core->finished_rows++;
        return;
    }
    const struct watch_request *now = watch_request_pack(&core->scratch, row);
    struct watch_request *known = map_get_u64(core->requests, row->id);
    if (known && watch_request_same(known, now))
        known->seen = core->poll;
    else
        stage(core, now);
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

static void queue_ask(struct core *core, uint64_t id)
{
    if (core->n_ask == core->cap_ask) {
        core->cap_ask = core->cap_ask ? core->cap_ask * 2 : 16;
        core->to_ask = xreallocarray(core->to_ask, core->cap_ask, sizeof *core->to_ask);
    }
    core->to_ask[core->n_ask++] = id;
}

static void plan_asks(struct core *core, bool mass)
{
    core->n_ask = core->at_ask = 0;
    size_t cursor = 0;
    struct watch_request *r;
    while ((r = map_next(core->requests, &cursor, NULL))) {
        if (!r->missing)
            continue;
        if (r->missing == 1)
            r->polls_needed = mass ? 2 : 1;
        bool due = r->tries == 0 || (int32_t)(core->poll - r->try_at) >= 0;
        if (r->missing >= r->polls_needed && due && !r->asked)
            queue_ask(core, r->id);
    }
}

/* A row that has vanished is still told as it was. Told as newer than the poll that listed it last, it would be taken for a request that waits
 * again after the end of its unit. */
static void settle_began(struct core *core)
{
    size_t cursor = 0;
    const struct watch_request *r;
    while ((r = map_next(core->requests, &cursor, NULL)))
        if (r->missing && !r->tries)
            return;
    core->began = core->listed;
}

struct core_change core_poll_commit(struct core *core, struct mono began)
{
    struct core_change change = {0};
    size_t before = map_count(core->requests);
    for (size_t i = 0; i < core->n_staged; i++)
        apply(core, core->staged[i], &change);
    core->n_staged = 0;
    forget_buried(core);
    change.vanished = mark_missing(core);
    plan_asks(core, change.vanished > CORE_MASS && (size_t)change.vanished * 2 > before);
    core->listed = began;
    if (!core->known)
        core->began = began;
    core->known = true;
    settle_began(core);
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

/* ---- confirmation ---- */

uint64_t core_ask(struct core *core, uint32_t *ret_ticket)
{
    while (core->asks < CORE_ASKS_MAX && core->at_ask < core->n_ask) {
        struct watch_request *r = map_get_u64(core->requests, core->to_ask[core->at_ask++]);
        if (!r || r->asked || !r->missing)
            continue;
        core->ticket += core->ticket == UINT32_MAX ? 2 : 1;
        r->asked = *ret_ticket = core->ticket;
        core->asks++;
        return r->id;
    }
    return 0;
}

static void note_gone(struct core *core, const struct watch_request *r, const char *result, const char *agent, int64_t received_ms)
{
    if (core->n_gone == core->cap_gone) {
        core->cap_gone = core->cap_gone ? core->cap_gone * 2 : 16;
        core->gone = xreallocarray(core->gone, core->cap_gone, sizeof *core->gone);
    }
    struct request_row last;
    const char *demands[DEMANDS_MAX];
    watch_request_row(r, &last, demands);
    core->gone[core->n_gone++] = (struct core_gone){
        .id = r->id,
        .result = xstrndup(result, RESULT_MAX_BYTES),
        .agent = watch_name_copy(*agent ? agent : last.agent),
        .received_ms = received_ms ? received_ms : r->received_ms,
    };
}

void core_answer(struct core *core, uint64_t id, uint32_t ticket, enum core_answer answer, const char *result, const char *agent,
                 int64_t received_ms)
{
    CHECK(core->asks > 0);
    core->asks--;
    struct watch_request *r = map_get_u64(core->requests, id);
    if (!r || r->asked != ticket)
        return;
    r->asked = 0;
    if (!r->missing)
        return;
    switch (answer) {
    case ANSWER_GONE:
        note_gone(core, r, result, agent, received_ms);
        free(map_remove_u64(core->requests, id));
        map_set_u64(core->buried, id, core);
        break;
    case ANSWER_UNFINISHED:
        if (r->tries < UINT8_MAX)
            r->tries++;
        r->try_at = core->poll + (r->tries < 6 ? 1u << (r->tries - 1) : TRY_GAP_MAX);
        break;
    case ANSWER_FAILED:
        break;
    }
    if (!core->asks)
        settle_began(core);
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
