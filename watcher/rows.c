#include "watcher/rows.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256, URL_MAX_BYTES = 1024, DEMAND_MAX_BYTES = 1024, INSTANCE_MAX_BYTES = 128, HEAD_TEXTS = 4 };

/* Stands for the demands that did not fit: nothing satisfies it. */
static const char too_many[] = "too-many-demands -refused";

/* At most max bytes, never half a UTF-8 character. */
static size_t cut_len(const char *text, size_t max)
{
    size_t n = strnlen(text, max + 1);
    if (n <= max)
        return n;
    for (n = max; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
        n--;
    return n;
}

static char *put(char *at, const char *text, size_t max)
{
    size_t n = cut_len(text, max);
    memcpy(at, text, n);
    at[n] = '\0';
    return at + n + 1;
}

static size_t text_room(const struct ado_request *row, size_t n_demands)
{
    size_t room = 3 * NAME_MAX_BYTES + URL_MAX_BYTES + HEAD_TEXTS;
    for (size_t i = 0; i < n_demands; i++)
        room += cut_len(row->demands[i], DEMAND_MAX_BYTES) + 1;
    return room + sizeof too_many;
}

static struct watch_request *room_for(struct watch_scratch *scratch, size_t text)
{
    size_t need = sizeof *scratch->block + text;
    if (need > scratch->cap) {
        scratch->block = xreallocarray(scratch->block, need, 1);
        scratch->cap = need;
    }
    memset(scratch->block, 0, sizeof *scratch->block);
    return scratch->block;
}

const struct watch_request *watch_request_pack(struct watch_scratch *scratch, const struct ado_request *row)
{
    bool cut = row->n_demands > DEMANDS_MAX;
    size_t kept = cut ? DEMANDS_MAX - 1 : row->n_demands;
    struct watch_request *r = room_for(scratch, text_room(row, kept));
    r->id = row->id;
    r->queued_ms = row->queued_ms;
    r->assigned_ms = row->assigned_ms;
    r->received_ms = row->received_ms;
    r->agent_id = row->agent_id;
    r->agent_online = row->agent_online;
    r->priority = row->priority;
    r->n_demands = (uint16_t)(kept + cut);
    char *at = put(r->text, row->agent_name, NAME_MAX_BYTES);
    at = put(at, row->definition, NAME_MAX_BYTES);
    at = put(at, row->run, NAME_MAX_BYTES);
    at = put(at, row->url, URL_MAX_BYTES);
    for (size_t i = 0; i < kept; i++)
        at = put(at, row->demands[i], DEMAND_MAX_BYTES);
    if (cut)
        at = put(at, too_many, DEMAND_MAX_BYTES);
    r->text_len = (uint32_t)(at - r->text);
    return r;
}

struct watch_request *watch_request_copy(const struct watch_request *request)
{
    size_t n = sizeof *request + request->text_len;
    struct watch_request *copy = xcalloc(1, n);
    memcpy(copy, request, n);
    return copy;
}

bool watch_request_same(const struct watch_request *a, const struct watch_request *b)
{
    size_t from = offsetof(struct watch_request, id), n = offsetof(struct watch_request, text) - from;
    return memcmp((const char *)a + from, (const char *)b + from, n) == 0 && memcmp(a->text, b->text, a->text_len) == 0;
}

static const char *next_text(const char **at)
{
    const char *text = *at;
    *at += strlen(text) + 1;
    return text;
}

void watch_request_row(const struct watch_request *r, struct request_row *ret, const char **demands)
{
    const char *at = r->text;
    *ret = (struct request_row){
        .id = r->id, .queued_ms = r->queued_ms, .assigned_ms = r->assigned_ms, .received_ms = r->received_ms, .agent_id = r->agent_id,
        .agent_online = r->agent_online, .priority = r->priority, .demands = demands, .n_demands = r->n_demands,
    };
    ret->agent = next_text(&at);
    ret->definition = next_text(&at);
    ret->run = next_text(&at);
    ret->url = next_text(&at);
    for (size_t i = 0; i < r->n_demands; i++)
        demands[i] = next_text(&at);
}

struct watch_agent *watch_agent_new(const struct ado_agent *row)
{
    size_t text = cut_len(row->name, NAME_MAX_BYTES) + cut_len(row->host_name, NAME_MAX_BYTES) + cut_len(row->instance, INSTANCE_MAX_BYTES) + 3;
    struct watch_agent *a = xcalloc(1, sizeof *a + text);
    a->id = row->id;
    a->assigned = row->assigned_request;
    a->last = row->last_request;
    a->online = row->online;
    a->enabled = row->enabled;
    a->placeholder = row->placeholder;
    char *at = put(a->text, row->name, NAME_MAX_BYTES);
    at = put(at, row->host_name, NAME_MAX_BYTES);
    put(at, row->instance, INSTANCE_MAX_BYTES);
    return a;
}

void watch_agent_row(const struct watch_agent *a, const char *our_instance, struct agent_row *ret)
{
    const char *at = a->text;
    *ret = (struct agent_row){
        .id = a->id, .online = a->online, .enabled = a->enabled, .assigned = a->assigned, .last = a->last, .placeholder = a->placeholder};
    ret->name = next_text(&at);
    ret->host = next_text(&at);
    const char *instance = next_text(&at);
    ret->ours = *our_instance && strcmp(instance, our_instance) == 0;
    ret->instance = ret->ours ? "" : instance;
}

char *watch_name_copy(const char *name)
{
    return xstrndup(name, cut_len(name, NAME_MAX_BYTES));
}
