#include "protocol/azpctl/columns.h"
#include "protocol/azpctl/render.h"

#include "common/clock.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { WAITING_SHOWN = 50, UNITS_SHOWN = 200 };

static void add_duration(struct columns *columns, int64_t ms)
{
    char text[WALL_TEXT_MAX];
    columns_add(columns, ms < 0 ? "-" : duration_format(ms, text));
}

static void print_line(FILE *out, const char *who, const char *what)
{
    char *clean = text_clean(what);
    fprintf(out, "%s: %s\n", who, clean);
    free(clean);
}

void render_down(const struct answers *answers, FILE *out)
{
    for (size_t i = 0; i < PROCESSES; i++)
        if (answers->of[i].asked && !answers->of[i].whole)
            print_line(out, role_name((enum role)i), answers->of[i].err.text);
}

static void print_notes(const struct answers *answers, FILE *out)
{
    for (size_t i = 0; i < PROCESSES; i++) {
        const struct msg_status_reply *first = client_first(&answers->of[i]);
        for (size_t k = 0; first && k < first->n_notes; k++)
            print_line(out, role_name((enum role)i), first->notes[k]);
    }
}

/* ---- pools ---- */

static void add_ages(struct columns *columns, const struct pool_view *pool)
{
    for (size_t i = 0; i < PROCESSES; i++)
        add_duration(columns, pool->of[i] ? pool->of[i]->age_ms : -1);
}

static void add_pool(struct columns *columns, const struct pool_view *view)
{
    const struct pool_status *pool = view->main;
    columns_add(columns, pool->name);
    const uint64_t numbers[] = {pool->queued, pool->running, pool->pending, pool->starting, pool->busy, pool->ended};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        columns_add_number(columns, numbers[i]);
    if (pool->limit)
        columns_add_number(columns, pool->limit);
    else
        columns_add(columns, "-");
    add_ages(columns, view);
    char *state = *pool->reason ? xasprintf("%s: %s", pool->state, pool->reason) : xstrdup(pool->state);
    columns_add(columns, state);
    free(state);
}

static void print_pools(const struct view *view, FILE *out)
{
    static const char *const heads[] = {"POOL", "QUEUED", "RUNNING", "PENDING", "STARTING", "BUSY", "ENDED", "LIMIT", "SEEN:WATCHER", "PROVISIONER", "REAPER",
                                        "STATE"};
    struct columns *columns = columns_new(ARRAY_SIZE(heads));
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
        columns_add(columns, heads[i]);
    for (size_t i = 0; i < view->n_pools; i++)
        add_pool(columns, &view->pools[i]);
    if (view->n_pools)
        columns_print(columns, out);
    else
        fprintf(out, "no pools are known yet\n");
    columns_free(&columns);
}

/* ---- what waits ---- */

static int by_queue_time(const void *a, const void *b)
{
    const struct request_status *x = *(const struct request_status *const *)a, *y = *(const struct request_status *const *)b;
    if (x->queued_ms != y->queued_ms)
        return x->queued_ms < y->queued_ms ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool waits(const struct request_status *request)
{
    return strcmp(request->state, "waiting") == 0 || strcmp(request->state, "assigned") == 0;
}

static void add_request(struct columns *columns, const struct request_status *request, struct wall now)
{
    columns_add_number(columns, request->id);
    columns_add(columns, request->pool);
    columns_add(columns, request->state);
    add_duration(columns, request->queued_ms && now.ms > request->queued_ms ? now.ms - request->queued_ms : -1);
    columns_add(columns, request->unit);
    columns_add(columns, request->definition);
    columns_add(columns, *request->reason ? request->reason : request->code);
}

static void print_waiting(const struct view *view, FILE *out)
{
    static const char *const heads[] = {"REQUEST", "POOL", "STATE", "WAITED", "UNIT", "PIPELINE", "WHY"};
    struct columns *columns = columns_new(ARRAY_SIZE(heads));
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
        columns_add(columns, heads[i]);
    for (size_t i = 0; i < view->n_requests; i++)
        if (waits(view->requests[i]) && n++ < WAITING_SHOWN)
            add_request(columns, view->requests[i], clock_wall());
    if (n) {
        fprintf(out, "\n");
        columns_print(columns, out);
    }
    if (n > WAITING_SHOWN)
        fprintf(out, "... and %zu more that wait (azpctl status --json has all)\n", n - WAITING_SHOWN);
    columns_free(&columns);
}

/* ---- units ---- */

static void add_unit(struct columns *columns, const struct unit_status *unit)
{
    char serves[24] = "";
    if (unit->serves || unit->request)
        snprintf(serves, sizeof serves, "%llu", (unsigned long long)(unit->serves ? unit->serves : unit->request));
    columns_add(columns, unit->name);
    columns_add(columns, unit->pool);
    columns_add(columns, unit->template);
    columns_add(columns, unit->state);
    add_duration(columns, unit->age_ms);
    columns_add(columns, *serves ? serves : "warm");
    char *trouble = *unit->trouble && *unit->message ? xasprintf("%s: %s", unit->trouble, unit->message) : xstrdup(*unit->message ? unit->message : unit->trouble);
    columns_add(columns, trouble);
    free(trouble);
}

static void print_units(const struct view *view, FILE *out)
{
    static const char *const heads[] = {"UNIT", "POOL", "TEMPLATE", "STATE", "AGE", "REQUEST", "TROUBLE"};
    struct columns *columns = columns_new(ARRAY_SIZE(heads));
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
        columns_add(columns, heads[i]);
    for (size_t i = 0; i < view->n_units && i < UNITS_SHOWN; i++)
        add_unit(columns, view->units[i]);
    if (view->n_units) {
        fprintf(out, "\n");
        columns_print(columns, out);
    }
    if (view->n_units > UNITS_SHOWN)
        fprintf(out, "... and %zu more units (azpctl status --json has all)\n", view->n_units - UNITS_SHOWN);
    columns_free(&columns);
}

void render_text(const struct answers *answers, const struct view *view, bool brief, FILE *out)
{
    if (view->n_requests)
        qsort(view->requests, view->n_requests, sizeof(view->requests[0]), by_queue_time);
    print_pools(view, out);
    print_waiting(view, out);
    if (!brief)
        print_units(view, out);
    print_notes(answers, out);
}
