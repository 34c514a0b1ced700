/* A unit as a batch/v1 Job: POST, and where the name is taken a GET that tells by whom. */
#include "common/json.h"
#include "common/mem.h"
#include "provisioner/backend.h"

#include <stdlib.h>
#include <string.h>

struct creation {
    struct backend_job *owner;
    struct creation *previous, *next;     /* of those under way */
    struct template *t;
    struct kube_call *call;
    char name[64];
    uint64_t request_id;
    uint32_t attempt;
    backend_done_fn *on_done;
    void *data;
};

struct backend_job {
    struct backend base;
    struct kube *kube;
    char *ns, *instance;
    const struct units *units;
    struct creation *first;
};

static void creation_free(struct creation *c)
{
    if (c->previous)
        c->previous->next = c->next;
    else
        c->owner->first = c->next;
    if (c->next)
        c->next->previous = c->previous;
    free(c);
}

static void finish(struct creation *c, const struct outcome *outcome, const struct kube_result *result, const char *message)
{
    struct backend_result told = {.outcome = *outcome, .uid = "", .message = message};
    if (outcome->result == LEDGER_OK)
        told.uid = json_text(result->object, "metadata.uid");
    backend_done_fn *on_done = c->on_done;
    void *data = c->data;
    creation_free(c);
    on_done(data, &told);
}

static const char *message_of_existing(const struct outcome *outcome, const struct kube_result *result)
{
    switch (outcome->result) {
    case LEDGER_OK: return "";
    case LEDGER_SPENT: return "the Job of this name has ended or is being deleted";
    case LEDGER_TAKEN: return "a Job of this name exists and is not of this instance, pool and request";
    case LEDGER_REFUSED_QUOTA:
    case LEDGER_REFUSED:
    case LEDGER_RETRY: break;
    }
    return result->err.code == ERR_NONE ? "" : result->err.text;
}

static void on_existing(void *data, const struct kube_result *result)
{
    struct creation *c = data;
    struct outcome_identity us = {.instance = c->owner->instance, .pool = c->t->pool->name, .request_id = c->request_id, .attempt = c->attempt};
    struct outcome outcome = outcome_of_existing(result, &us, units_get(c->owner->units, c->name));
    finish(c, &outcome, result, message_of_existing(&outcome, result));
}

static void ask_who(struct creation *c)
{
    struct kube_call_spec spec = {
        .verb = KUBE_GET, .api = "apis/batch/v1", .ns = c->owner->ns, .resource = "jobs", .name = c->name, .on_done = on_existing, .data = c};
    c->owner->base.calls++;
    c->call = kube_send(c->owner->kube, &spec);
}

static void on_created(void *data, const struct kube_result *result)
{
    struct creation *c = data;
    struct outcome outcome = outcome_of_create(result);
    if (outcome.exists) {
        ask_who(c);
        return;
    }
    char *complaint = NULL;
    if (result->refusal == KUBE_MANIFEST)
        complaint = template_complaint(c->t, result->field, result->err.text);
    finish(c, &outcome, result, complaint ? complaint : result->err.code == ERR_NONE ? "" : result->err.text);
    free(complaint);
}

static void job_create(struct backend *self, struct template *t, const struct jobspec_unit *unit, backend_done_fn *on_done, void *data)
{
    struct backend_job *b = (struct backend_job *)self;
    struct creation *c = xcalloc(1, sizeof *c);
    *c = (struct creation){.owner = b, .next = b->first, .t = t, .request_id = unit->request_id, .attempt = unit->attempt, .on_done = on_done, .data = data};
    strncpy(c->name, unit->name, sizeof c->name - 1);
    if (b->first)
        b->first->previous = c;
    b->first = c;
    struct kube_call_spec spec = {
        .verb = KUBE_CREATE,
        .api = "apis/batch/v1",
        .ns = b->ns,
        .resource = "jobs",
        .query = "fieldValidation=Strict",
        .body = jobspec_body(t->spec, unit),
        .start_by = self->send_by,
        .on_done = on_created,
        .data = c,
    };
    b->base.calls++;
    c->call = kube_send(b->kube, &spec);
}

static void job_close(struct backend *self)
{
    struct backend_job *b = (struct backend_job *)self;
    while (b->first) {
        kube_cancel(b->first->call);
        creation_free(b->first);
    }
    free(b->ns);
    free(b->instance);
    free(b);
}

struct backend *backend_job_open(struct kube *kube, const char *ns, const char *instance, const struct units *units)
{
    struct backend_job *b = xcalloc(1, sizeof *b);
    *b = (struct backend_job){
        .base = {.create = job_create, .close = job_close}, .kube = kube, .ns = xstrdup(ns), .instance = xstrdup(instance), .units = units};
    return &b->base;
}
