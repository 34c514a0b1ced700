#include "watcher/agents.h"

#include "common/mem.h"

#include <stdlib.h>

static void free_all(struct watch_agent **rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(rows[i]);
    free(rows);
}

void agents_begin(struct agents *a)
{
    free_all(a->staged, a->n_staged);
    a->staged = NULL;
    a->n_staged = a->cap_staged = 0;
}

void agents_row(struct agents *a, const struct ado_agent *row)
{
    if (a->n_staged == a->cap_staged) {
        a->cap_staged = a->cap_staged ? a->cap_staged * 2 : 32;
        a->staged = xreallocarray(a->staged, a->cap_staged, sizeof *a->staged);
    }
    a->staged[a->n_staged++] = watch_agent_new(row);
}

static int by_id(const void *left, const void *right)
{
    const struct watch_agent *a = *(struct watch_agent *const *)left, *b = *(struct watch_agent *const *)right;
    return a->id < b->id ? -1 : a->id > b->id;
}

void agents_commit(struct agents *a, struct mono began)
{
    if (a->n_staged)
        qsort(a->staged, a->n_staged, sizeof *a->staged, by_id);
    free_all(a->rows, a->n);
    a->rows = a->staged;
    a->n = a->n_staged;
    a->staged = NULL;
    a->n_staged = a->cap_staged = 0;
    a->known = true;
    a->began = began;
}

bool agents_find(const struct agents *a, uint64_t id)
{
    const struct watch_agent key = {.id = id}, *p = &key;
    return a->n && bsearch(&p, a->rows, a->n, sizeof *a->rows, by_id);
}

void agents_done(struct agents *a)
{
    agents_begin(a);
    free_all(a->rows, a->n);
    *a = (struct agents){0};
}
