#include "provisioner/outcome.h"
#include "provisioner/setup_priv.h"

#include "common/backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TOKEN_CHECK_MS = 10 * 1000 };
static const struct backoff step_backoff = {.first_ms = 500, .max_ms = 15 * 1000};

static void run(void *data);
static void check_token(void *data);

/* ---- trouble ---- */

static void clear_trouble(struct setup *s)
{
    if (s->trouble)
        log_info("setup goes on", kv_s("after", s->code));
    free(s->trouble);
    s->trouble = NULL;
    s->code = NULL;
    s->failures = 0;
}

/* One line per kind of trouble, not one per try. */
static void set_trouble(struct setup *s, const char *code, const char *text)
{
    bool known = s->trouble && strcmp(s->code, code) == 0;
    s->code = code;
    xstr_replace(&s->trouble, text);
    if (!known)
        log_warn("setup waits", kv_s("code", code), kv_s("error", text));
    s->o.on_change(s->o.data);
}

const char *setup_trouble(const struct setup *setup, const char **ret_code)
{
    *ret_code = setup->trouble ? setup->code : NULL;
    return setup->trouble;
}

/* ---- the machine ---- */

static bool next_step(struct setup *s)
{
    for (unsigned i = 0; i < STEP_COUNT; i++)
        if (s->todo & 1u << i) {
            s->step = (enum setup_step)i;
            return true;
        }
    return false;
}

static void set_ready(struct setup *s)
{
    if (s->ready)
        return;
    s->ready = true;
    if (!s->o.check_only)
        log_info("setup done", kv_s("namespace", s->ns));
    s->o.on_change(s->o.data);
}

static void run(void *data)
{
    struct setup *s = data;
    if (s->call)
        return;
    if (!next_step(s)) {
        set_ready(s);
        return;
    }
    switch (s->step) {
    case STEP_NAMESPACE: setup_namespace(s); break;
    case STEP_TOKEN: setup_token(s); break;
    case STEP_VOLUMES: setup_volumes(s); break;
    case STEP_DRY_RUN: setup_dry_run(s); break;
    case STEP_COUNT: break;
    }
}

static void run_soon(struct setup *s)
{
    loop_timer_set(s->retry, loop_now(s->o.loop));
}

void setup_done(struct setup *s)
{
    s->todo &= ~(1u << s->step);
    s->index = 0;
    clear_trouble(s);
    if (s->asked_anew) {
        s->asked_anew = false;
        s->todo |= 1u << STEP_NAMESPACE | 1u << STEP_TOKEN | 1u << STEP_VOLUMES;
    }
    run_soon(s);
}

void setup_again(struct setup *s, const char *code, const char *text)
{
    s->failures++;
    set_trouble(s, code, text);
    loop_timer_set(s->retry, mono_add_ms(loop_now(s->o.loop), backoff_delay(&step_backoff, s->failures, clock_random())));
}

static const char *code_of(const struct kube_result *result)
{
    switch (result->refusal) {
    case KUBE_QUOTA: return "quota";
    case KUBE_RBAC: return "rbac";
    case KUBE_ADMISSION: return "admission";
    case KUBE_NAMESPACE_TERMINATING:
    case KUBE_NAMESPACE_MISSING: return "namespace";
    case KUBE_API_MISSING: return "api";
    case KUBE_MANIFEST: return "template";
    case KUBE_REFUSAL_NONE: break;
    }
    return outcome_of_create(result).code;
}

void setup_failed(struct setup *s, const struct kube_result *result, const char *what, const char *hint)
{
    char *text = xasprintf("%s: %s%s%s", what, result->err.text, hint ? "; " : "", str_or_empty(hint));
    if (result->refusal == KUBE_NAMESPACE_MISSING || result->refusal == KUBE_NAMESPACE_TERMINATING)
        s->todo |= 1u << STEP_NAMESPACE;
    setup_again(s, code_of(result), text);
    free(text);
}

void setup_fatal(struct setup *s, const char *text)
{
    struct err err = {0};
    err_set(&err, ERR_CONFIG, "%s", text);
    s->o.on_fatal(s->o.data, &err);
}

static void on_reply(void *data, const struct kube_result *result)
{
    struct setup *s = data;
    s->call = NULL;
    s->on_reply(s, result);
}

void setup_send(struct setup *s, struct kube_call_spec *spec, kube_done_fn *fn)
{
    s->on_reply = fn;
    s->calls++;
    spec->on_done = on_reply;
    spec->data = s;
    s->call = kube_send(s->o.kube, spec);
}

/* ---- life ---- */

static bool watches_token_file(const struct setup *s)
{
    return s->o.config->org_pat_file && s->o.templates->needs_token && s->o.templates->token_is_ours && !s->o.check_only;
}

static void check_token(void *data)
{
    struct setup *s = data;
    if (s->ready && setup_token_changed(s)) {
        s->todo |= 1u << STEP_TOKEN;
        run_soon(s);
    }
    loop_timer_set(s->token_timer, mono_add_ms(loop_now(s->o.loop), TOKEN_CHECK_MS));
}

struct setup *setup_start(const struct setup_options *options)
{
    struct setup *s = xcalloc(1, sizeof *s);
    s->o = *options;
    s->ns = xstrdup(options->ns);
    s->todo = 1u << STEP_NAMESPACE | 1u << STEP_DRY_RUN;
    if (!options->check_only)
        s->todo |= 1u << STEP_TOKEN | 1u << STEP_VOLUMES;
    s->retry = loop_timer_new(options->loop, run, s);
    s->token_timer = loop_timer_new(options->loop, check_token, s);
    if (watches_token_file(s))
        loop_timer_set(s->token_timer, mono_add_ms(loop_now(options->loop), TOKEN_CHECK_MS));
    run_soon(s);
    return s;
}

void setup_stop(struct setup **setup)
{
    struct setup *s = *setup;
    *setup = NULL;
    if (!s)
        return;
    if (s->call)
        kube_cancel(s->call);
    loop_timer_free(&s->retry);
    loop_timer_free(&s->token_timer);
    secret_free(&s->token);
    free(s->trouble);
    free(s->ns);
    free(s);
}

bool setup_ready(const struct setup *setup)
{
    return setup->ready;
}

uint64_t setup_calls(const struct setup *setup)
{
    return setup->calls;
}

/* A namespace made anew has neither the token nor the claims. */
void setup_namespace_lost(struct setup *setup)
{
    setup->ready = false;
    if (setup->todo) {
        setup->asked_anew = true;
        return;
    }
    setup->todo |= 1u << STEP_NAMESPACE | 1u << STEP_TOKEN | 1u << STEP_VOLUMES;
    run_soon(setup);
}

void setup_look_again(struct setup *setup)
{
    if (!setup->ready || setup->todo)
        return;
    setup->todo |= 1u << STEP_TOKEN | 1u << STEP_VOLUMES;
    run_soon(setup);
}
