/* Property fuzzer of the watcher's core: polls that list any subset of 64 requests, whole or cut, answers that come at any time. A peer is simulated
 * that hears only deltas; it must know exactly the picture after each of them, and no request may leave without an answer that says so. */
#include "common/mem.h"
#include "watcher/core.h"

#include <string.h>

enum { IDS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct core *core;
    bool told[IDS + 1];           /* what the peer knows */
    uint32_t asked[IDS + 1];      /* tickets */
    struct { uint64_t id; uint32_t ticket; } orphans[CORE_ASKS_MAX];   /* asked before the pool became another: the answers say nothing any more */
    unsigned n_orphans;
    bool confirmed[IDS + 1];      /* an answer said gone since it was last listed */
    bool listed[IDS + 1];         /* by the poll under way */
    bool polling;
    int64_t now;
};

static void list(struct world *w, uint8_t id, uint8_t agent)
{
    const struct ado_request r = {
        .id = 1 + id % IDS, .agent_id = agent % 4, .agent_name = "a", .result = agent == 255 ? "failed" : "", .definition = "", .run = "", .url = "",
    };
    if (!w->polling)
        core_poll_begin(w->core);
    w->polling = true;
    const char bytes[3] = {(char)r.id, (char)r.agent_id, *r.result};
    const struct watch_request *before = core_find(w->core, r.id);
    if (agent % 2 == 0 || !core_poll_known(w->core, bytes, sizeof bytes))
        core_poll_row(w->core, &r);
    else
        CHECK(*r.result || before->agent_id == r.agent_id);
    w->listed[r.id] |= !*r.result;
}

static void check_picture(const struct world *w)
{
    const struct watch_request *r;
    size_t n = 0;
    for (size_t cursor = 0; (r = core_next(w->core, &cursor)); n++)
        CHECK(r->id >= 1 && r->id <= IDS && core_find(w->core, r->id) == r);
    CHECK(n == core_count(w->core));
}

static void tell(struct world *w)
{
    size_t n;
    const struct core_gone *gone = core_gone(w->core, &n);
    for (size_t i = 0; i < n; i++) {
        CHECK(w->confirmed[gone[i].id]);
        w->told[gone[i].id] = false;
    }
    const struct watch_request *r;
    for (size_t cursor = 0; (r = core_next(w->core, &cursor));)
        w->told[r->id] |= r->dirty;
    core_told(w->core);
    for (uint64_t id = 1; id <= IDS; id++)
        CHECK(w->told[id] == (core_find(w->core, id) != NULL));
}

static void end_poll(struct world *w, bool whole)
{
    bool before[IDS + 1];
    for (uint64_t id = 1; id <= IDS; id++)
        before[id] = core_find(w->core, id) != NULL;
    if (!w->polling)
        core_poll_begin(w->core);
    if (whole)
        core_poll_commit(w->core, (struct mono){++w->now});
    else
        core_poll_abandon(w->core);
    for (uint64_t id = 1; id <= IDS; id++) {
        bool after = core_find(w->core, id) != NULL;
        CHECK(!before[id] || after);                       /* a poll alone makes nothing leave */
        CHECK(whole || before[id] == after);
        CHECK(!whole || !w->listed[id] || after || w->confirmed[id]);
    }
    memset(w->listed, 0, sizeof w->listed);
    w->polling = false;
    if (whole)
        tell(w);
    for (uint64_t id = 1; id <= IDS; id++)
        w->confirmed[id] &= core_find(w->core, id) == NULL;
}

static unsigned asks(const struct world *w)
{
    unsigned n = w->n_orphans;
    for (size_t i = 1; i <= IDS; i++)
        n += w->asked[i] != 0;
    return n;
}

static void ask(struct world *w)
{
    uint32_t ticket = 0;
    uint64_t id = core_ask(w->core, &ticket);
    CHECK(!id || (id <= IDS && !w->asked[id] && ticket && core_find(w->core, id)));
    if (id)
        w->asked[id] = ticket;
    CHECK(asks(w) <= CORE_ASKS_MAX);
}

static void answer_orphan(struct world *w)
{
    w->n_orphans--;
    uint64_t id = w->orphans[w->n_orphans].id;
    bool before = core_find(w->core, id) != NULL;
    core_answer(w->core, id, w->orphans[w->n_orphans].ticket, ANSWER_GONE, "", "", 0);
    CHECK(before == (core_find(w->core, id) != NULL));
}

static void answer(struct world *w, uint8_t pick, uint8_t what)
{
    if (w->n_orphans && pick % 2) {
        answer_orphan(w);
        return;
    }
    for (size_t i = 0; i < IDS; i++) {
        uint64_t id = 1 + (pick + i) % IDS;
        if (!w->asked[id])
            continue;
        bool before = core_find(w->core, id) != NULL;
        core_answer(w->core, id, w->asked[id], (enum core_answer)(what % 3), "succeeded", "", 0);
        w->asked[id] = 0;
        bool after = core_find(w->core, id) != NULL;
        CHECK(what % 3 == ANSWER_GONE || before == after);
        w->confirmed[id] |= before && !after;
        return;
    }
}

static void forget(struct world *w)
{
    core_forget(w->core);
    for (size_t i = 1; i <= IDS; i++) {
        if (!w->asked[i])
            continue;
        w->orphans[w->n_orphans].id = i;
        w->orphans[w->n_orphans++].ticket = w->asked[i];
        w->asked[i] = 0;
    }
    memset(w->told, 0, sizeof w->told);
    memset(w->listed, 0, sizeof w->listed);
    w->polling = false;
    CHECK(core_count(w->core) == 0 && !core_known(w->core));
}

static void step(struct world *w, uint8_t op, uint8_t a, uint8_t b)
{
    switch (op % 8) {
    case 0:
    case 1: list(w, a, b); break;
    case 2: end_poll(w, true); break;
    case 3: end_poll(w, b % 4 != 0); break;
    case 4: ask(w); break;
    case 5: answer(w, a, b); break;
    case 6:
        for (unsigned i = 0; i < b % IDS; i++)
            list(w, (uint8_t)(a + i), 0);
        break;
    case 7:
        if (a == 0)
            forget(w);
        else
            tell(w);
        break;
    }
    check_picture(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.core = core_new((struct siphash_key){1, 2})};
    for (size_t i = 0; i + 2 < size && i < 3000; i += 3)
        step(&w, data[i], data[i + 1], data[i + 2]);
    core_free(&w.core);
    return 0;
}
