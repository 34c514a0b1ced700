/* Templates: what they can serve, and whether they are paused. */
#include "provisioner/ledger_priv.h"

#include "common/backoff.h"
#include "common/buf.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BREAKER_FIRST_MS = 30 * 1000, BREAKER_MAX_MS = 5 * 60 * 1000 };

static bool declares(const struct config_template *c, const char *name)
{
    for (size_t i = 0; i < c->n_capabilities; i++)
        if (strcasecmp(c->capabilities[i].name, name) == 0)
            return true;
    return false;
}

/* Agent.OS is true of every unit, so that a template need not say it. */
void template_book_init(struct template_book *t, const struct config *config, const struct config_template *c)
{
    *t = (struct template_book){.config = c, .pause_code = ""};
    t->caps = xcalloc(c->n_capabilities + 1, sizeof *t->caps);
    for (size_t i = 0; i < c->n_capabilities; i++)
        t->caps[t->n_caps++] = c->capabilities[i];
    static char os_name[] = "Agent.OS", linux_name[] = "Linux", windows_name[] = "Windows_NT";
    if (!declares(c, os_name))
        t->caps[t->n_caps++] = (struct capability){.name = os_name, .value = config->job_os == OS_WINDOWS ? windows_name : linux_name};
}

void template_book_done(struct template_book *t)
{
    free(t->caps);
    free(t->pause_reason);
}

void template_pause(struct template_book *t, struct mono now, int64_t first_ms, int64_t max_ms, uint64_t random, const char *code, const char *reason)
{
    if (template_paused(t, now)) {
        /* refusals of creates that were already under way do not lengthen the pause */
        return;
    }
    struct backoff b = {.first_ms = first_ms, .max_ms = max_ms};
    t->pauses++;
    t->paused_until = mono_add_ms(now, backoff_delay(&b, t->pauses, random));
    t->probing = true;
    t->pause_code = code;
    xstr_replace(&t->pause_reason, reason);
}

void template_break(struct template_book *t, struct mono now, uint64_t random, const char *code, const char *reason)
{
    t->broken = true;
    template_pause(t, now, BREAKER_FIRST_MS, BREAKER_MAX_MS, random, code, reason);
}

/* That the API server takes a unit says nothing about whether it can run: while the breaker is open, each pause ends with one unit, and the next begins. */
void template_sent(struct template_book *t, struct mono now, uint64_t random)
{
    if (!t->broken)
        return;
    const struct backoff b = {.first_ms = BREAKER_FIRST_MS, .max_ms = BREAKER_MAX_MS};
    t->paused_until = mono_add_ms(now, backoff_delay(&b, ++t->pauses, random));
}

void template_accepted(struct template_book *t)
{
    if (t->probing && !t->broken)
        template_reopen(t);
}

void template_registered(struct template_book *t)
{
    t->bad_ends = 0;
    if (t->broken)
        template_reopen(t);
}

void template_reopen(struct template_book *t)
{
    t->paused_until = MONO_ZERO;
    t->pauses = 0;
    t->probing = t->broken = false;
    t->bad_ends = 0;
    t->pause_code = "";
    xstr_replace(&t->pause_reason, NULL);
}

bool template_paused(const struct template_book *t, struct mono now)
{
    return mono_before(now, t->paused_until);
}

/* ---- classes: requests with the same demands are alike ---- */

static char *class_key(const struct mirror_request *row)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < row->n_demands; i++) {
        buf_puts(&b, row->demands[i]);
        buf_append(&b, "\x1f", 1);
    }
    return buf_take(&b);
}

static const char *pinned_to(const struct request_class *k)
{
    for (size_t i = 0; i < k->n_demands; i++) {
        const char *agent = NULL;
        if (demand_pins_agent(k->demands[i], &agent))
            return agent ? agent : "?";
    }
    return NULL;
}

static const char *missing_demand(const struct request_class *k, const struct template_book *t)
{
    if (t->config->n_capabilities == 0)
        return NULL;
    return demand_first_missing((const char *const *)k->demands, k->n_demands, t->caps, t->n_caps, true);
}

/* Settles which templates fit and, when none does, the sentence that says why. */
static void judge_class(struct request_class *k, const struct pool_book *pool)
{
    const char *agent = pinned_to(k);
    if (agent) {
        k->why_none = xasprintf("pinned to agent %s by its Agent.Name demand", agent);
        return;
    }
    struct buf why;
    bool any = false;
    buf_init(&why, 4096);
    for (size_t t = 0; t < pool->config->n_templates; t++) {
        const char *missing = missing_demand(k, &pool->templates[t]);
        k->fits[t] = missing == NULL;
        any = any || !missing;
        if (missing)
            buf_printf(&why, "%stemplate %s: demand %s missing", why.len ? "; " : "", pool->config->templates[t].name, missing);
    }
    if (!any)
        k->why_none = buf_take(&why);
    buf_done(&why);
}

static struct request_class *class_new(const struct pool_book *pool, const struct mirror_request *row, char *key)
{
    struct request_class *k = xcalloc(1, sizeof *k);
    k->key = key;
    k->n_demands = row->n_demands;
    k->demands = xcalloc(row->n_demands, sizeof *k->demands);
    for (size_t i = 0; i < row->n_demands; i++)
        k->demands[i] = xstrdup(row->demands[i]);
    k->fits = xcalloc(pool->config->n_templates, sizeof *k->fits);
    judge_class(k, pool);
    return k;
}

struct request_class *request_class_for(struct pool_book *pool, const struct mirror_request *row)
{
    char *key = class_key(row);
    struct request_class *k = map_get(pool->classes, key);
    if (k) {
        free(key);
    } else {
        k = class_new(pool, row, key);
        map_set(pool->classes, k->key, k);
    }
    k->users++;
    return k;
}

void request_class_free(struct request_class *k)
{
    for (size_t i = 0; i < k->n_demands; i++)
        free(k->demands[i]);
    free(k->demands);
    free(k->fits);
    free(k->why_none);
    free(k->key);
    free(k);
}

void request_class_release(struct pool_book *pool, struct request_class *k)
{
    CHECK(k->users > 0);
    if (--k->users)
        return;
    map_remove(pool->classes, k->key);
    request_class_free(k);
}
