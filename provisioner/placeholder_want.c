/* What is registered for a template. */
#include "provisioner/placeholder_priv.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* So high that any `Agent.Version -gtVersion` of a task holds. */
static const char highest_version[] = "99.999.9";

enum { OWN_CAPABILITIES = 4 };

static const struct ado_capability *capability(const struct ado_capability *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

static void add(struct ado_capability *list, size_t *n, const char *name, const char *value)
{
    if (!capability(list, *n, name))
        list[(*n)++] = (struct ado_capability){name, str_or_empty(value)};
}

/* What the template declares is what its agents have; the rest is added where it says nothing. */
void want_init(struct want *want, struct placeholder_pool *pool, const struct config *config, const struct config_template *t)
{
    struct ado_capability *list = xcalloc(t->n_capabilities + OWN_CAPABILITIES, sizeof *list);
    size_t n = 0;
    add(list, &n, "ADO_ORCHESTRATOR_INSTANCE", config->instance);
    add(list, &n, "ADO_ORCHESTRATOR_PLACEHOLDER", "1");
    for (size_t i = 0; i < t->n_capabilities; i++)
        add(list, &n, t->capabilities[i].name, t->capabilities[i].value);
    add(list, &n, "Agent.OS", config->job_os == OS_WINDOWS ? "Windows_NT" : "Linux");
    add(list, &n, "Agent.Version", highest_version);
    *want = (struct want){.pool = pool};
    placeholder_name(want->name, config->instance, pool->config->name, t->name);
    want->agent = (struct ado_new_agent){
        .name = want->name, .version = highest_version, .os = "ado-orchestrator placeholder", .capabilities = list, .n_capabilities = n};
}

void want_done(struct want *want)
{
    union { const struct ado_capability *in; struct ado_capability *out; } list = {.in = want->agent.capabilities};
    free(list.out);
}

static bool holds_all(const struct ado_capability *some, size_t n_some, const struct ado_capability *all, size_t n_all, bool but_servers)
{
    for (size_t i = 0; i < n_some; i++) {
        const struct ado_capability *same = capability(all, n_all, some[i].name);
        bool servers = !same && but_servers && strncasecmp(some[i].name, "Agent.", 6) == 0;
        if (!servers && (!same || strcmp(same->value, some[i].value) != 0))
            return false;
    }
    return true;
}

bool want_matches(const struct want *want, const struct ado_found *found, bool *ret_narrows)
{
    const struct ado_new_agent *agent = &want->agent;
    *ret_narrows = !holds_all(found->capabilities, found->n_capabilities, agent->capabilities, agent->n_capabilities, true);
    return !*ret_narrows && holds_all(agent->capabilities, agent->n_capabilities, found->capabilities, found->n_capabilities, false);
}
