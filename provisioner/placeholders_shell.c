/* Carries out what placeholder.c decides, one call at a time. */
#include "provisioner/shell_priv.h"

#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/mem.h"
#include "provisioner/placeholder.h"

#include <stdlib.h>

struct keeper {
    struct shell *shell;
    struct placeholders *core;
    struct ado *ado;              /* opened when it is first needed */
    char *user_agent;
    struct placeholder_step step; /* under way */
    enum err_code told;           /* the trouble that was logged last */
};

void keeper_start(struct shell *s)
{
    struct keeper *k = xcalloc(1, sizeof *k);
    k->shell = s;
    k->core = placeholders_new(s->config);
    k->user_agent = xasprintf("ado-orchestrator-provisioner/%s", daemon_build());
    s->keeper = k;
}

void keeper_stop(struct shell *s)
{
    struct keeper *k = s->keeper;
    s->keeper = NULL;
    if (!k)
        return;
    ado_close(&k->ado);
    placeholders_free(&k->core);
    free(k->user_agent);
    free(k);
}

/* ---- answers ---- */

static void log_done(const struct placeholder_step *step)
{
    switch (step->kind) {
    case PLACEHOLDER_NOTHING:
    case PLACEHOLDER_FIND: return;
    case PLACEHOLDER_ADD:
        log_info(step->again ? "placeholder agent was deleted by somebody; registered again" : "placeholder agent registered", kv_s("pool", step->pool),
                 kv_s("agent", step->name));
        return;
    case PLACEHOLDER_REPLACE: log_info("placeholder agent has new capabilities", kv_s("pool", step->pool), kv_s("agent", step->name)); return;
    case PLACEHOLDER_DELETE: log_info("placeholder agent without a template deleted", kv_s("pool", step->pool), kv_s("agent", step->name)); return;
    }
}

/* A trouble is told when it begins and when it is over, not each time it is met again. */
static void log_trouble(struct keeper *k)
{
    enum err_code code;
    char *text = placeholders_trouble(k->core, &code);
    bool news = k->told == ERR_NONE || (placeholders_denied(code) && !placeholders_denied(k->told));
    if (text && news)
        log_warn("scale to zero", kv_s("warning", text));
    else if (!text && k->told != ERR_NONE)
        log_info("placeholder agents are kept again", KV_NONE);
    if (!text || news)
        k->told = code;
    free(text);
}

static void on_found(void *data, const struct ado_result *result, const struct ado_found *found)
{
    struct keeper *k = data;
    struct shell *s = k->shell;
    if (result->err.code == ERR_NONE)
        log_done(&k->step);
    placeholders_answer(k->core, loop_now(s->loop), clock_random(), result, found);
    log_trouble(k);
    shell_dirty(s);
}

static void on_deleted(void *data, const struct ado_result *result)
{
    on_found(data, result, NULL);
}

/* ---- calls ---- */

static struct ado *open_ado(struct keeper *k)
{
    const struct config *config = k->shell->config;
    struct err err;
    struct ado_options options = {
        .org_url = config->org_url, .pat = config->org_pat, .pat_file = config->org_pat_file, .proxy = config->https_proxy, .no_proxy = config->no_proxy,
        .ca_file = config->ca_file, .user_agent = k->user_agent, .may = ADO_MAY_ADD | ADO_MAY_DELETE};
    if (!k->ado)
        k->ado = ado_open(k->shell->loop, &options, &err);
    if (!k->ado) {
        const struct ado_result result = {.err = err};
        placeholders_answer(k->core, loop_now(k->shell->loop), clock_random(), &result, NULL);
        log_trouble(k);
    }
    return k->ado;
}

void keeper_look(struct shell *s)
{
    struct keeper *k = s->keeper;
    struct placeholder_step *step = &k->step;
    if (!leader_leads(s->leader) || !placeholders_next(k->core, s->mirror, loop_now(s->loop), step) || !open_ado(k))
        return;
    switch (step->kind) {
    case PLACEHOLDER_NOTHING: return;
    case PLACEHOLDER_FIND: ado_find_agent(k->ado, step->pool_id, step->name, on_found, k); return;
    case PLACEHOLDER_ADD: ado_add_agent(k->ado, step->pool_id, step->agent, on_found, k); return;
    case PLACEHOLDER_REPLACE: ado_replace_agent(k->ado, step->pool_id, step->agent_id, step->agent, on_found, k); return;
    case PLACEHOLDER_DELETE: ado_delete_agent(k->ado, step->pool_id, step->agent_id, on_deleted, k); return;
    }
}

/* ---- for the others ---- */

bool keeper_busy(const struct shell *s)
{
    return leader_leads(s->leader) && placeholders_busy(s->keeper->core, s->mirror, loop_now(s->loop));
}

char *keeper_trouble(const struct shell *s)
{
    enum err_code code;
    return placeholders_trouble(s->keeper->core, &code);
}

int64_t keeper_kept(const struct shell *s)
{
    return (int64_t)placeholders_kept(s->keeper->core);
}

int64_t keeper_calls(const struct shell *s)
{
    return s->keeper->ado ? (int64_t)ado_calls(s->keeper->ado) : 0;
}
