/* All fields of all rows, walked by the protocol's tables: a new field appears here by itself. */
#include "protocol/azpctl/render.h"
#include "protocol/table.h"

#include "common/mem.h"

#include <jansson.h>
#include <string.h>

static json_t *value_of(const struct field *field, const char *from)
{
    const void *at = from + field->offset;
    switch (field->kind) {
    case FIELD_U64:
    case FIELD_I64: return json_integer(*(const int64_t *)at);
    case FIELD_BOOL: return *(const bool *)at ? json_true() : json_false();
    case FIELD_STR: return json_string(*(const char *const *)at);
    case FIELD_STRS:
    case FIELD_ROWS: break;       /* no status row has lists */
    }
    return json_null();
}

/* from: one row of that list of status_reply */
static json_t *row(const char *list_name, const void *from)
{
    const struct record *reply = &table_find(MSG_status_reply)->body;
    json_t *object = json_object();
    const struct field *list = table_field(reply, list_name, strlen(list_name));
    CHECK(object && list && list->rows);
    for (size_t i = 0; i < list->rows->n_fields; i++)
        json_object_set_new(object, list->rows->fields[i].name, value_of(&list->rows->fields[i], from));
    return object;
}

static json_t *counters(const struct answer *answer)
{
    json_t *object = json_object();
    for (size_t k = 0; k < answer->n; k++) {
        const struct msg_status_reply *part = &answer->parts[k]->u.status_reply;
        for (size_t i = 0; i < part->n_counters; i++)
            json_object_set_new(object, part->counters[i].name, json_integer(part->counters[i].value));
    }
    return object;
}

static json_t *process(const struct answer *answer)
{
    json_t *object = json_object(), *notes = json_array();
    const struct msg_status_reply *first = client_first(answer);
    json_object_set_new(object, "up", json_boolean(answer->whole));
    if (!answer->whole)
        json_object_set_new(object, "error", json_string(answer->err.text));
    for (size_t i = 0; first && i < first->n_notes; i++)
        json_array_append_new(notes, json_string(first->notes[i]));
    if (first) {
        json_object_set_new(object, "build", json_string(first->build));
        json_object_set_new(object, "instance", json_string(first->instance));
        json_object_set_new(object, "uptime_ms", json_integer(first->uptime_ms));
        json_object_set_new(object, "counters", counters(answer));
    }
    json_object_set_new(object, "notes", notes);
    return object;
}

static json_t *pool(const struct pool_view *view)
{
    json_t *object = row("pools", view->main), *ages = json_object();
    for (size_t i = 0; i < PROCESSES; i++)
        if (view->of[i])
            json_object_set_new(ages, role_name((enum role)i), json_integer(view->of[i]->age_ms));
    json_object_set_new(object, "ages_ms", ages);
    return object;
}

void render_json(const struct answers *answers, const struct view *view, FILE *out)
{
    json_t *root = json_object(), *processes = json_object(), *pools = json_array(), *requests = json_array(), *units = json_array();
    for (size_t i = 0; i < PROCESSES; i++)
        if (answers->of[i].asked)
            json_object_set_new(processes, role_name((enum role)i), process(&answers->of[i]));
    for (size_t i = 0; i < view->n_pools; i++)
        json_array_append_new(pools, pool(&view->pools[i]));
    for (size_t i = 0; i < view->n_requests; i++)
        json_array_append_new(requests, row("requests", view->requests[i]));
    for (size_t i = 0; i < view->n_units; i++)
        json_array_append_new(units, row("units", view->units[i]));
    json_object_set_new(root, "processes", processes);
    json_object_set_new(root, "pools", pools);
    json_object_set_new(root, "requests", requests);
    json_object_set_new(root, "units", units);
    json_dumpf(root, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(root);
}
