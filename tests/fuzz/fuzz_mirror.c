/* Random sets, parts, deltas and disconnects of one pool against a model of a few lines: what the mirror shows is always the last whole picture. */
#include "protocol/mirror.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { IDS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct model {
    bool shown[IDS], part[IDS], gone[IDS];      /* the picture; what the open set says so far */
    bool open, full, synced;
    uint64_t number;
};

static void apply(struct model *m)
{
    for (size_t i = 0; i < IDS; i++) {
        if (m->full || m->gone[i])
            m->shown[i] = false;
        if (m->part[i])
            m->shown[i] = true;
    }
    m->open = false;
    m->synced = true;
}

static void forget(struct model *m)
{
    memset(m->part, 0, sizeof m->part);
    memset(m->gone, 0, sizeof m->gone);
    m->open = false;
}

static void disconnect(struct model *m, struct mirror *mirror, struct mono now)
{
    mirror_disconnected(mirror, now);
    forget(m);
    m->synced = false;
    m->number = 0;
}

static void compare(const struct model *m, const struct mirror *mirror)
{
    const struct mirror_pool *pool = mirror_find(mirror, "p");
    size_t shown = 0;
    if (!pool)
        return;
    for (uint64_t i = 0; i < IDS; i++) {
        const struct mirror_request *r = map_get_u64(pool->requests, i + 1);
        CHECK(!r == !m->shown[i]);
        CHECK(!r || (r->id == i + 1 && r->n_demands == i % 3));
        shown += m->shown[i];
    }
    CHECK(map_count(pool->requests) == shown);
    for (size_t i = 1; i < pool->n_gone; i++)
        CHECK(!mono_before(pool->gone[i].seen, pool->gone[i - 1].seen));
    for (size_t i = 0; i < pool->n_gone; i++)
        CHECK(mirror_gone_find(pool, pool->gone[i].id) == &pool->gone[i]);
}

/* op: 1 full, 2 last, 4 next number, 8 stale; 16 rows from a mask of two bytes, 32 gone from the same. */
static void step(struct model *m, struct mirror *mirror, struct mono now, uint8_t op, unsigned mask)
{
    static const char *const demands[] = {"a", "b"};
    struct request_row rows[IDS];
    struct gone_row gone[IDS];
    struct err err;
    size_t n_rows = 0, n_gone = 0;
    for (uint64_t i = 0; i < IDS; i++) {
        if (op & 16 && mask & 1u << i)
            rows[n_rows++] = (struct request_row){.id = i + 1, .agent = "", .definition = "d", .run = "", .url = "", .demands = demands, .n_demands = i % 3};
        if (op & 32 && mask & 1u << i)
            gone[n_gone++] = (struct gone_row){.id = i + 1, .result = "", .agent = ""};
    }
    bool full = op & 1, last = op & 2, stale = op & 8;
    uint64_t number = m->number + (op & 4 || !m->number);
    struct msg_requests msg = {.pool = "p", .pool_id = 1, .full = full, .last = last, .set = number, .stale = stale, .reason = "", .delay_ms = 1000,
                               .began_ns = (uint64_t)now.ns, .rows = rows, .n_rows = n_rows, .gone = gone, .n_gone = n_gone};
    bool next = number > m->number;
    bool fits = stale ? !m->open && next && !n_rows && !n_gone : (m->open ? number == m->number && full == m->full : next && (full || m->synced));
    int result = mirror_requests(mirror, now, &msg, &err);
    CHECK((result == 0) == fits);
    if (result) {
        disconnect(m, mirror, now);
        return;
    }
    m->number = number;
    if (stale)
        return;
    if (!m->open)
        forget(m);
    m->open = true;
    m->full = full;
    for (size_t i = 0; i < n_rows; i++)
        m->part[rows[i].id - 1] = true;
    for (size_t i = 0; i < n_gone; i++)
        m->gone[gone[i].id - 1] = true;
    if (last)
        apply(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct mirror *mirror = mirror_new();
    struct model model = {.number = 0};
    struct mono now = {1000000000};
    for (size_t i = 0; i + 4 <= n; i += 4) {
        now = mono_add_ms(now, bytes[i] * 1000);
        if (bytes[i + 1] & 64)
            disconnect(&model, mirror, now);
        else
            step(&model, mirror, now, bytes[i + 1], (unsigned)bytes[i + 2] | (unsigned)bytes[i + 3] << 8);
        compare(&model, mirror);
    }
    mirror_free(&mirror);
    return 0;
}
