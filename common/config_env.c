/* The process environment: looked up, searched for settings that were meant to be ours, and rid of the token. */
#include "common/config_priv.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/nearest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_NAMES = 64 };

/* Names people bring from the agent's own image and from other scalers. */
static const struct { const char *theirs, *ours; } often_meant[] = {
    {"ORG_TOKEN", "ORG_PAT"}, {"AZP_URL", "ORG_URL"}, {"AZP_TOKEN", "ORG_PAT"}, {"AZP_TOKEN_FILE", "ORG_PAT_FILE"},
    {"AZP_POOL", "AGENT_POOLS"},
};

static const char *process_getenv(void *data, const char *name)
{
    (void)data;
    return getenv(name);
}

static const char *lookup(char *const *environment, const char *name, size_t n)
{
    for (; environment && *environment; environment++)
        if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
            return *environment + n + 1;
    return NULL;
}

/* Only names that begin as one of ours does, up to its first "_": PATH is no near miss of anything. */
static bool telling(const char *name, const char *ours)
{
    size_t n = strcspn(ours, "_");
    return ours[n] == '_' && strncmp(name, ours, n + 1) == 0;
}

static const char *meant(const char *name)
{
    const char *known[MAX_NAMES];
    size_t n = 0;
    for (size_t i = 0; i < config_n_fields; i++) {
        if (!config_fields[i].env)
            continue;
        if (strcmp(name, config_fields[i].env) == 0)
            return NULL;
        if (telling(name, config_fields[i].env))
            known[n++] = config_fields[i].env;
    }
    for (size_t i = 0; i < ARRAY_SIZE(often_meant); i++)
        if (strcmp(name, often_meant[i].theirs) == 0)
            return often_meant[i].ours;
    const char *near = nearest(name, known, n, 2);
    size_t tail = near ? strlen(strchr(near, '_')) - 1 : 0;
    return near && 2 * nearest_distance(name, near) <= tail ? near : NULL;   /* JOB_ID is not JOB_OS misspelt */
}

void config_near_misses(char *const *environment, void (*warn)(void *data, const char *text), void *data)
{
    for (char *const *e = environment; e && *e; e++) {
        char name[64], text[200];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*e, "="), *e);
        const char *ours = meant(name);
        const char *set = ours ? lookup(environment, ours, strlen(ours)) : NULL;
        if (!ours || (set && *set))
            continue;
        snprintf(text, sizeof text, "%s: is no setting; did you mean %s?", name, ours);
        warn(data, text);
    }
}

/* The string that the kernel shows as /proc/PID/environ is wiped, too. */
static void forget_token(void)
{
    char *token = getenv("ORG_PAT");
    if (token)
        explicit_bzero(token, strlen(token));
    unsetenv("ORG_PAT");
}

static void log_warning(void *data, const char *text)
{
    (void)data;
    log_warn("setting", kv_s("hint", text));
}

struct config *config_load_env(struct err *err)
{
    config_near_misses(environ, log_warning, NULL);
    struct config *config = config_load(process_getenv, NULL, log_warning, NULL, err);
    forget_token();
    return config;
}
