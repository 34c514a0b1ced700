/* The effective configuration: CONFIG_FILE (YAML), then the environment over it, then defaults. Read once at start; the same for all three processes.
 * Every problem is one sentence that names the setting (with file:line:column where it came from the file) and what to do. */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include "common/demand.h"
#include "common/err.h"
#include "common/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct config_template {
    char *name;                    /* "default" for the one made of plain settings; [a-z0-9-], unique in its pool */
    char *job_image;               /* JOB_IMAGE; NULL with a definition file */
    char *job_definition_file;     /* JOB_DEFINITION_FILE */
    const char *name_prefix;       /* what units made of it are named with; NULL = job_prefix. Set and owned by the provisioner, from the file's metadata.name */
    char *job_docker_socket_path;  /* JOB_DOCKER_SOCKET_PATH */
    char *job_hardening;           /* JOB_HARDENING: "baseline" (default) or "restricted" */
    struct capability *capabilities;
    size_t n_capabilities;
    int limit;                     /* units of this template at once; 0 = no limit */
    int64_t registration_deadline_ms;  /* REGISTRATION_DEADLINE, 10 min */
};

struct config_pool {
    char *name;                    /* as ADO writes it */
    int limit;                     /* MAXIMUM_AGENT_COUNT of the pool; 0 = none */
    int minimum_agents;            /* MINIMUM_AGENT_COUNT, 0 */
    int minimum_idle;              /* MINIMUM_IDLE_AGENT_COUNT, 0 */
    int64_t retention_ms;          /* JOB_RETENTION, 120 s */
    int64_t failed_retention_ms;   /* FAILED_JOB_RETENTION, 10 min */
    int64_t idle_grace_ms;         /* IDLE_GRACE, 60 s */
    int64_t warm_max_age_ms;       /* WARM_MAX_AGE, 24 h */
    int64_t max_job_duration_ms;   /* MAX_JOB_DURATION, 0 = off */
    struct config_template *templates;
    size_t n_templates;            /* at least 1 */
};

enum config_host { HOST_KUBERNETES };
enum config_os { OS_LINUX, OS_WINDOWS };

struct config {
    char *org_url;                 /* normalised */
    char *org_pat;                 /* secret, NULL when org_pat_file is set; wiped by config_free */
    char *org_pat_file;
    char *instance;                /* INSTANCE or the hash of (org_url, namespace, prefix) */
    char *run_dir;                 /* RUN_DIR, /run/ado-orchestrator */
    char *peer_uids;               /* PEER_UIDS: "watcher=10001,provisioner=10002,reaper=10003"; NULL = only our own uid and root */
    enum config_host host;
    enum config_os job_os;         /* JOB_OS */
    int64_t polling_delay_ms;      /* POLLING_DELAY, 1000, at least 200 */
    int64_t agents_delay_ms;       /* AGENTS_DELAY, 15 s: how often the agents are listed */
    bool run_once;                 /* RUN_ONCE */
    int64_t run_once_deadline_ms;  /* RUN_ONCE_DEADLINE, 120 s */
    char *job_prefix;              /* JOB_PREFIX, agent-job- */
    char *job_namespace;           /* JOB_NAMESPACE; NULL = the kube identity's own */
    bool initialize_namespace;     /* INITIALIZE_NAMESPACE, true */
    char *agent_token_secret;      /* AGENT_TOKEN_SECRET: name of the user's own Secret, key "token" (or NAME/KEY); NULL = ours */
    int limit;                     /* MAXIMUM_TOTAL_AGENT_COUNT, 0 = none */
    bool reaper_dry_run;           /* REAPER_DRY_RUN */
    bool placeholders;             /* PLACEHOLDERS, true: one registered offline agent per template, so that jobs can be queued on an empty pool */
    int64_t agent_exit_grace_ms;   /* AGENT_EXIT_GRACE, 60 s */
    bool leader_election;          /* LEADER_ELECTION: "auto" is true in a pod that uses its own identity */
    int64_t lease_duration_ms, lease_renew_ms, lease_retry_ms;   /* LEASE_DURATION 15 s, LEASE_RENEW_DEADLINE 10 s, LEASE_RETRY 2 s */
    char *kubeconfig;              /* KUBECONFIG as given, NULL; the kube client interprets it */
    char *https_proxy, *no_proxy, *ca_file;
    enum log_level log_level;      /* LOG_LEVEL */
    enum log_format log_format;    /* LOG_FORMAT */
    struct config_pool *pools;
    size_t n_pools;                /* at least 1 */
    char *config_file;             /* NULL = none */
};

/* getenv-like lookup, so that tests need no process environment. */
typedef const char *config_getenv_fn(void *data, const char *name);

/* NULL with err (ERR_CONFIG) on the first problem. warn, if not NULL, gets one sentence per thing that was tolerated (trailing slash...). */
struct config *config_load(config_getenv_fn *get, void *data, void (*warn)(void *data, const char *text), void *warn_data, struct err *err);
struct config *config_load_env(struct err *err);            /* the process environment; warnings are logged */
void config_free(struct config **config);
void config_print(const struct config *config, FILE *out);  /* the effective configuration as YAML that CONFIG_FILE accepts, secrets masked */
void config_print_settings(FILE *out);                      /* the table of all settings for --help: name, default, meaning */
const struct config_pool *config_find_pool(const struct config *config, const char *name);

#endif
