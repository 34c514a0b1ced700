/* What must be there before the first unit: the namespace, the agents' token, the volumes of the job files, and the API server's word that each template
 * is a valid Job. Steps in order, each retried with backoff and told once; only a template that can never work is fatal.
 * Afterwards it keeps the token's Secret equal to the PAT, and sees to the namespace again when told that it is lost. */
#ifndef PROVISIONER_SETUP_H
#define PROVISIONER_SETUP_H

#include "common/config.h"
#include "common/kube.h"
#include "common/loop.h"
#include "provisioner/template.h"

struct setup_options {
    struct loop *loop;
    struct kube *kube;
    const struct config *config;
    const struct templates *templates;
    const char *ns;
    bool check_only;              /* --check: nothing is written */
    void (*on_change)(void *data);                          /* ready or its trouble changed */
    void (*on_fatal)(void *data, const struct err *err);    /* a template or volume document is wrong: ERR_CONFIG */
    void *data;
};

struct setup;
struct setup *setup_start(const struct setup_options *options);
void setup_stop(struct setup **setup);
bool setup_ready(const struct setup *setup);
/* What it waits for at present, NULL = nothing; ret_code static. */
const char *setup_trouble(const struct setup *setup, const char **ret_code);
void setup_namespace_lost(struct setup *setup);
/* A unit misses something: somebody may have deleted the token's Secret or a claim. */
void setup_look_again(struct setup *setup);
uint64_t setup_calls(const struct setup *setup);

#endif
