/* Requests that vanished from the list: when to ask for them, and what the answers mean. */
#include "watcher/core_priv.h"

#include "common/mem.h"

#include <stdlib.h>

enum { RESULT_MAX_BYTES = 64, TRY_GAP_MAX = 32 };

static void queue_ask(struct core *core, uint64_t id)
{
    if (core->n_ask == core->cap_ask) {
        core->cap_ask = core->cap_ask ? core->cap_ask * 2 : 16;
        core->to_ask = xreallocarray(core->to_ask, core->cap_ask, sizeof *core->to_ask);
    }
    core->to_ask[core->n_ask++] = id;
}

void core_plan_asks(struct core *core, bool mass)
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
void core_settle_began(struct core *core)
{
    size_t cursor = 0;
    const struct watch_request *r;
    while ((r = map_next(core->requests, &cursor, NULL)))
        if (r->missing && !r->tries)
            return;
    core->began = core->listed;
}

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
        core_settle_began(core);
}
