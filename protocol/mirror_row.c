/* One request of the mirror: a single block with its strings behind it. Thousands of requests share a handful of demand lists: those are kept once. */
#include "protocol/mirror_parts.h"

#include "common/buf.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

struct demand_set {
    size_t refs;
    char *key;
    char *list[];                 /* the texts lie behind it, in the same block */
};

static char *pack(char **at, const char *text)
{
    size_t n = strlen(text) + 1;
    char *place = memcpy(*at, text, n);
    *at += n;
    return place;
}

/* Lengths first, so that no two lists have the same key. */
static char *demand_key(const struct request_row *row)
{
    struct buf key;
    buf_init(&key, PROTOCOL_FRAME_MAX * 2);
    for (size_t i = 0; i < row->n_demands; i++)
        buf_printf(&key, "%zu:%s", strlen(row->demands[i]), row->demands[i]);
    return buf_take(&key);
}

static struct demand_set *demand_set_new(const struct request_row *row, char *key)
{
    size_t size = 0;
    for (size_t i = 0; i < row->n_demands; i++)
        size += strlen(row->demands[i]) + 1;
    struct demand_set *set = xcalloc(1, sizeof *set + row->n_demands * sizeof(char *) + size);
    char *at = (char *)(set->list + row->n_demands);
    for (size_t i = 0; i < row->n_demands; i++)
        set->list[i] = pack(&at, row->demands[i]);
    set->key = key;
    return set;
}

static char **share_demands(struct pool *pool, const struct request_row *row)
{
    if (!row->n_demands)
        return NULL;
    char *key = demand_key(row);
    struct demand_set *set = map_get(pool->demand_sets, key);
    if (set) {
        free(key);
    } else {
        set = demand_set_new(row, key);
        map_set(pool->demand_sets, key, set);
    }
    set->refs++;
    return set->list;
}

static void unshare_demands(struct pool *pool, char **list)
{
    if (!list)
        return;
    struct demand_set *set = (struct demand_set *)(void *)((char *)list - offsetof(struct demand_set, list));
    if (--set->refs)
        return;
    map_remove(pool->demand_sets, set->key);
    free(set->key);
    free(set);
}

struct mirror_request *request_new(struct pool *pool, const struct request_row *row)
{
    size_t size = strlen(row->agent) + strlen(row->definition) + strlen(row->run) + strlen(row->url) + 4;
    struct mirror_request *r = xcalloc(1, sizeof *r + size);
    char *at = (char *)(r + 1);
    *r = (struct mirror_request){
        .id = row->id, .queued_ms = row->queued_ms, .assigned_ms = row->assigned_ms, .received_ms = row->received_ms,
        .agent_id = row->agent_id, .agent_online = row->agent_online, .priority = row->priority, .n_demands = row->n_demands,
    };
    r->agent = pack(&at, row->agent);
    r->definition = pack(&at, row->definition);
    r->run = pack(&at, row->run);
    r->url = pack(&at, row->url);
    r->demands = share_demands(pool, row);
    return r;
}

void request_free(struct pool *pool, struct mirror_request *request)
{
    if (!request)
        return;
    unshare_demands(pool, request->demands);
    free(request);
}
