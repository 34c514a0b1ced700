/* A request that vanished from the list is asked for by its id before anybody hears that it is gone. */
#include "watcher/shell_priv.h"

#include "common/clock.h"
#include "common/mem.h"

enum { TELL_AFTER_MS = 20 };

void ask_tell(void *data)
{
    struct watched *pool = data;
    pool->telling = false;
    if (pool->stale.code == ERR_NONE)     /* a delta says that the picture is fresh; the next good poll tells them otherwise */
        publish_delta(pool);
}

/* Answers that come close together are told together. */
static void tell_soon(struct watched *pool)
{
    if (!pool->telling)
        loop_timer_set(pool->tell_timer, mono_add_ms(loop_now(pool->watcher->loop), TELL_AFTER_MS));
    pool->telling = true;
}

static void take_answer(struct watched *pool, uint64_t id, uint32_t ticket, const struct ado_result *result, const struct ado_request *request)
{
    bool finished = request && (*request->result || request->finished_ms), unknown = result->err.code == ERR_NOT_FOUND;
    if (finished)
        core_answer(pool->core, id, ticket, ANSWER_GONE, request->result, request->agent_name, request->received_ms);
    else if (unknown)
        core_answer(pool->core, id, ticket, ANSWER_GONE, "", "", 0);
    else
        core_answer(pool->core, id, ticket, request ? ANSWER_UNFINISHED : ANSWER_FAILED, "", "", 0);
    if (!finished && !unknown)
        return;
    pool->watcher->counters.gone++;
    tell_soon(pool);
}

static void on_answer(void *data, const struct ado_result *result, const struct ado_request *request)
{
    struct question *question = data;
    struct watched *pool = question->pool;
    struct watcher *w = pool->watcher;
    enum err_code code = result->err.code == ERR_NOT_FOUND ? ERR_NONE : result->err.code;
    uint64_t id = question->id;
    question->id = 0;
    budget_note(&w->budget, loop_now(w->loop), code, result->wait_ms, clock_random());
    shell_note_budget(w, result);
    take_answer(pool, id, question->ticket, result, request);
    ask_vanished(pool);
}

static struct question *free_question(struct watched *pool)
{
    for (size_t i = 0; i < CORE_ASKS_MAX; i++)
        if (!pool->questions[i].id)
            return &pool->questions[i];
    mem_bug(__FILE__, __LINE__, "the core gives out no more than CORE_ASKS_MAX");
}

/* What is left when the budget is closed comes up again after the next poll. */
void ask_vanished(struct watched *pool)
{
    struct watcher *w = pool->watcher;
    uint64_t id;
    uint32_t ticket;
    while (pool->id && mono_reached(w->budget.closed_until, loop_now(w->loop)) && (id = core_ask(pool->core, &ticket)) != 0) {
        struct question *question = free_question(pool);
        *question = (struct question){.pool = pool, .id = id, .ticket = ticket};
        w->counters.asked++;
        ado_get_request(w->ado, pool->id, id, on_answer, question);
    }
}
