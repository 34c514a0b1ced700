#include "watcher/shell_priv.h"

#include "common/daemon.h"
#include "common/mem.h"

#include <stdio.h>

static const char *credential(const struct config *config)
{
    return config->org_pat_file ? "ORG_PAT_FILE" : "ORG_PAT";
}

char *reason_text(const struct config *config, const char *pool, const struct ado_result *result)
{
    const char *why = result->err.text;
    switch (result->err.code) {
    case ERR_AUTH: return xasprintf("the credential in %s was rejected: %s", credential(config), why);
    case ERR_DENIED: return xasprintf("the credential in %s may not read agent pool \"%s\" (scope Agent Pools, Read): %s", credential(config), pool, why);
    case ERR_NOT_FOUND:
        if (result->status == 404)
            return xasprintf("ORG_URL %s is no organization or collection, or agent pool \"%s\" is gone: %s", config->org_url, pool, why);
        return xasprintf("AGENT_POOLS: %s", why);
    case ERR_IO:
    case ERR_TIMEOUT: return xasprintf("Azure DevOps cannot be reached: %s", why);
    case ERR_NONE:
    case ERR_CONFIG:
    case ERR_INVALID:
    case ERR_EXISTS:
    case ERR_CONFLICT:
    case ERR_GONE:
    case ERR_THROTTLED:
    case ERR_UNAVAILABLE:
    case ERR_TOO_LARGE:
    case ERR_CANCELLED: break;
    }
    return xstrdup(why);
}

struct ado_options reason_ado_options(const struct config *config, char *user_agent, size_t size)
{
    snprintf(user_agent, size, "ado-orchestrator-watcher/%s", daemon_build());
    return (struct ado_options){
        .org_url = config->org_url, .pat = config->org_pat, .pat_file = config->org_pat_file, .proxy = config->https_proxy,
        .no_proxy = config->no_proxy, .ca_file = config->ca_file, .user_agent = user_agent,
    };
}
