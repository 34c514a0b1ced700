/* The inside of setup: the machine that runs the steps, and the steps, one file each. */
#ifndef PROVISIONER_SETUP_PRIV_H
#define PROVISIONER_SETUP_PRIV_H

#include "provisioner/setup.h"

enum setup_step { STEP_NAMESPACE, STEP_TOKEN, STEP_VOLUMES, STEP_DRY_RUN, STEP_COUNT };

struct setup {
    struct setup_options o;
    char *ns;
    unsigned todo;                /* 1u << step */
    enum setup_step step;         /* the one that runs */
    size_t index;                 /* within the step: which volume, which template */
    struct kube_call *call;       /* at most one under way */
    kube_done_fn *on_reply;
    struct loop_timer *retry, *token_timer;
    unsigned failures;
    bool ready;
    bool asked_anew;              /* the namespace was lost while steps ran */
    const char *code;             /* of the trouble, static */
    char *trouble;
    char *token;                  /* secret: what the Secret holds or is about to hold */
    uint64_t calls;
};

/* ---- the machine (setup.c) ---- */
/* Sends; the reply comes to on_reply with the setup as data. */
void setup_send(struct setup *s, struct kube_call_spec *spec, kube_done_fn *on_reply);
void setup_done(struct setup *s);                                   /* this step is done */
void setup_again(struct setup *s, const char *code, const char *text);   /* this step again, later */
/* By what the API server answered; also for a 401, 429, 5xx or no answer. hint may be NULL: what to do about it. */
void setup_failed(struct setup *s, const struct kube_result *result, const char *what, const char *hint);
void setup_fatal(struct setup *s, const char *text);

/* ---- the steps: begin, or begin again ---- */
void setup_namespace(struct setup *s);
void setup_token(struct setup *s);
void setup_volumes(struct setup *s);
void setup_dry_run(struct setup *s);

/* setup_token.c: the PAT differs from what the Secret was last made from. */
bool setup_token_changed(struct setup *s);

#endif
