/* Carries out the core's actions: one call each, and its answer in the core's terms. A dry run ends where something would change. */
#ifndef REAPER_OPS_H
#define REAPER_OPS_H

#include "common/ado.h"
#include "common/kube.h"
#include "reaper/core.h"

struct ops;

struct ops_options {
    struct loop *loop;
    struct kube *kube;
    struct ado *ado;
    bool dry_run;
    void (*on_result)(void *data, const struct reaper_result *result);
    /* Deleted, before on_result: who and why. request 0 = none. */
    void (*on_deleted)(void *data, const struct reaper_result *result, uint64_t request, const char *reason);
    void (*on_server_time)(void *data, int64_t server_ms);
    void *data;
};

struct ops *ops_new(const struct ops_options *options);
void ops_free(struct ops **ops);                     /* after kube_close and ado_close: what was under way is forgotten */
/* TROUBLE is not for it. Every other action ends in one on_result, never before this returns. */
void ops_run(struct ops *ops, const struct reaper_action *action);
size_t ops_under_way(const struct ops *ops);

#endif
