#include "protocol/azpctl/columns.h"
#include "protocol/azpctl/render.h"
#include "protocol/azpctl/text.h"

#include "common/clock.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* So that a screen of 80 columns holds a line, up to its last cell, and 500 waiting jobs do not push the pools off it. */
enum { WAITING_SHOWN = 20, UNITS_SHOWN = 50, REASONS_SHOWN = 10, POOL_WIDTH = 20, PIPELINE_WIDTH = 24 };

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

static const char *age(int64_t ms, char text[WALL_TEXT_MAX])
{
    return ms < 0 ? "-" : ms < 1000 ? "0s" : duration_format(ms, text);
}

/* Of the picture that the watcher, the provisioner and the reaper have. */
static void add_ages(struct columns *columns, const struct pool_view *pool)
{
    char texts[PROCESSES][WALL_TEXT_MAX];
    const char *ages[PROCESSES];
    for (size_t i = 0; i < PROCESSES; i++)
        ages[i] = age(pool->of[i] ? pool->of[i]->age_ms : -1, texts[i]);
    char *all = xasprintf("%s/%s/%s", ages[ROLE_WATCHER], ages[ROLE_PROVISIONER], ages[ROLE_REAPER]);
    columns_add(columns, all);
    free(all);
}

/* Without the provisioner nobody knows them. */
static void add_known(struct columns *columns, bool known, uint64_t number)
{
    if (known)
        columns_add_number(columns, number);
    else
        columns_add(columns, "-");
}

static void add_pool(struct columns *columns, const struct pool_view *view)
{
    const struct pool_status *pool = view->main;
    bool units = view->of[ROLE_PROVISIONER] == pool;
    columns_add(columns, pool->name);
    columns_add_number(columns, pool->queued);
    columns_add_number(columns, pool->running);
    const uint64_t numbers[] = {pool->pending, pool->starting, pool->busy, pool->ended};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        add_known(columns, units, numbers[i]);
    add_known(columns, pool->limit > 0, pool->limit);
    add_ages(columns, view);
    columns_add(columns, pool->state);
}

static void print_pool_reasons(const struct view *view, FILE *out)
{
    for (size_t i = 0; i < view->n_pools; i++) {
        const struct pool_status *pool = view->pools[i].main;
        if (*pool->reason)
            print_line(out, pool->name, pool->reason);
    }
}

static void print_pools(const struct view *view, FILE *out)
{
    static const char *const heads[] = {"POOL", "QUEUED", "RUNNING", "PEND", "START", "BUSY", "ENDED", "LIMIT", "SEEN", "STATE"};
    struct columns *columns = columns_new(ARRAY_SIZE(heads));
    columns_limit(columns, 0, POOL_WIDTH);
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
        columns_add(columns, heads[i]);
    for (size_t i = 0; i < view->n_pools; i++)
        add_pool(columns, &view->pools[i]);
    if (view->n_pools)
        columns_print(columns, out);
    else
        fprintf(out, "no pools are known yet\n");
    columns_free(&columns);
    print_pool_reasons(view, out);
}

/* ---- what waits ---- */

static bool waits(const struct request_status *request)
{
    return strcmp(request->state, "waiting") == 0 || strcmp(request->state, "assigned") == 0;
}

static const struct unit_status *unit_named(const struct view *view, const char *name)
{
    for (size_t i = 0; i < view->n_units; i++)
        if (strcmp(view->units[i]->name, name) == 0)
            return view->units[i];
    return NULL;
}

/* The caller frees. */
static char *why(const struct view *view, const struct request_status *request)
{
    if (*request->code && *request->reason)
        return xasprintf("%s: %s", request->code, request->reason);
    if (*request->code || *request->reason)
        return xstrdup(*request->code ? request->code : request->reason);
    if (!*request->unit)
        return xstrdup("");
    const struct unit_status *unit = unit_named(view, request->unit);
    return xasprintf("its unit is %s", unit ? unit->state : "being made");
}

static void add_request(struct columns *columns, const struct view *view, const struct request_status *request, struct wall now)
{
    char *reason = why(view, request);
    columns_add_number(columns, request->id);
    columns_add(columns, request->pool);
    columns_add(columns, request->state);
    add_duration(columns, request->queued_ms && now.ms > request->queued_ms ? now.ms - request->queued_ms : -1);
    columns_add(columns, request->definition);
    columns_add(columns, reason);
    free(reason);
}

static struct columns *new_waiting(void)
{
    static const char *const heads[] = {"REQUEST", "POOL", "STATE", "WAITED", "PIPELINE", "WHY"};
    struct columns *columns = columns_new(ARRAY_SIZE(heads));
    columns_limit(columns, 1, POOL_WIDTH);
    columns_limit(columns, 4, PIPELINE_WIDTH);
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
        columns_add(columns, heads[i]);
    return columns;
}

/* Those that were not listed one by one: how many there are of each pool and reason. */
struct rest { char *text; size_t n; };

static void count_rest(struct rest rest[REASONS_SHOWN], const struct view *view, const struct request_status *request)
{
    char *reason = why(view, request), *text = xasprintf("%s: %s", request->pool, *reason ? reason : "-");
    size_t i = 0;
    while (i < REASONS_SHOWN - 1 && rest[i].text && strcmp(rest[i].text, text) != 0)
        i++;
    if (!rest[i].text)
        rest[i].text = i < REASONS_SHOWN - 1 ? xstrdup(text) : xstrdup("other reasons (azpctl status --json has all)");
    rest[i].n++;
    free(reason);
    free(text);
}

static void print_rest(struct rest rest[REASONS_SHOWN], size_t n, FILE *out)
{
    if (n)
        fprintf(out, "... and %zu more that wait:\n", n);
    for (size_t i = 0; i < REASONS_SHOWN && rest[i].text; i++) {
        char *clean = text_clean(rest[i].text);
        fprintf(out, "%9zu  %s\n", rest[i].n, clean);
        free(clean);
        free(rest[i].text);
    }
}

static void print_waiting(const struct view *view, FILE *out)
{
    struct columns *columns = new_waiting();
    struct rest rest[REASONS_SHOWN] = {{.text = NULL}};
    size_t n = 0;
    for (size_t i = 0; i < view->n_requests; i++) {
        if (!waits(view->requests[i]))
            continue;
        if (n++ < WAITING_SHOWN)
            add_request(columns, view, view->requests[i], clock_wall());
        else
            count_rest(rest, view, view->requests[i]);
    }
    if (n) {
        fprintf(out, "\n");
        columns_print(columns, out);
    }
    print_rest(rest, n > WAITING_SHOWN ? n - WAITING_SHOWN : 0, out);
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
    columns_limit(columns, 1, POOL_WIDTH);
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
    print_pools(view, out);
    print_waiting(view, out);
    if (!answers->of[ROLE_PROVISIONER].whole)
        fprintf(out, "The provisioner does not answer: why a job waits is not known.\n");
    if (!brief)
        print_units(view, out);
    print_notes(answers, out);
}
