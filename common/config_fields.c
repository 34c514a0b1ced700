#include "common/config_priv.h"

#include "common/mem.h"

#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
#define DAY ((int64_t)24 * HOUR)

#define GLOBAL(member) .scope = SCOPE_GLOBAL, .offset = offsetof(struct config, member)
#define POOL(member) .scope = SCOPE_POOL, .offset = offsetof(struct config_pool, member)
#define TEMPLATE(member) .scope = SCOPE_TEMPLATE, .offset = offsetof(struct config_template, member)
#define SECONDS(least, most) .type = TYPE_DURATION, .unit_ms = SECOND, .min = (least), .max = (most)
#define UNITS .type = TYPE_COUNT, .min = 0, .max = 100000

/* In the order of --help: what everybody sets first. */
const struct config_field config_fields[] = {
    {"ORG_URL", .key = "org_url", GLOBAL(org_url), .check = config_check_org_url,
     .help = "the organisation or collection: https://dev.azure.com/yourorg, https://yourorg.visualstudio.com, "
             "https://server/tfs/Collection; required"},
    {"ORG_PAT", .key = "org_pat", GLOBAL(org_pat), .secret = true, .rival = "org_pat_file", .check = config_check_pat,
     .help = "personal access token with the scope Agent Pools (Read & manage); this or ORG_PAT_FILE is required"},
    {"ORG_PAT_FILE", .key = "org_pat_file", GLOBAL(org_pat_file), .rival = "org_pat", .check = config_check_pat_file,
     .help = "file that holds the token; read again when it changes"},
    {"AGENT_POOLS", .key = "agent_pools", .scope = SCOPE_GLOBAL, .type = TYPE_SPECIAL, .list = true, .check = config_check_agent_pools,
     .help = "names of the agent pools to serve, separated by commas: Pool1,Pool2; beside a CONFIG_FILE with pools it selects among them; "
             "required without one"},
    {"JOB_IMAGE", .key = "job_image", TEMPLATE(job_image), .rival = "job_definition_file", .rival_wins = true, .check = config_check_image,
     .help = "image of the agent; this or JOB_DEFINITION_FILE is required"},
    {"JOB_DEFINITION_FILE", .key = "job_definition_file", TEMPLATE(job_definition_file), .rival = "job_image",
     .check = config_check_job_file,
     .help = "YAML file with the Kubernetes Job to run (and volumes and claims beside it); wins over JOB_IMAGE"},
    {"JOB_NAMESPACE", .key = "job_namespace", GLOBAL(job_namespace), .check = config_check_namespace,
     .fallback_help = "the orchestrator's own",
     .help = "namespace the agents run in"},
    {"JOB_PREFIX", .key = "job_prefix", GLOBAL(job_prefix), .fallback = "agent-job-", .check = config_check_prefix,
     .help = "what names of Jobs begin with: a-z, 0-9 and -, at most 30 characters"},
    {"JOB_DOCKER_SOCKET_PATH", .key = "job_docker_socket_path", TEMPLATE(job_docker_socket_path), .check = config_check_socket,
     .help = "mount this docker socket of the node into the agent, for docker builds: /var/run/docker.sock"},
    {"JOB_HARDENING", .key = "job_hardening", TEMPLATE(job_hardening), .fallback = "baseline", .words = "baseline|restricted",
     .help = "restricted: the agent runs without root and capabilities; needs an image made for it"},
    {"JOB_OS", .key = "job_os", GLOBAL(job_os), .type = TYPE_WORD, .words = "linux|windows", .fallback = "linux",
     .help = "operating system of the agents: linux or windows"},
    {"POLLING_DELAY", .key = "polling_delay", GLOBAL(polling_delay_ms), .type = TYPE_DURATION, .unit_ms = 1, .min = 200, .max = HOUR,
     .fallback = "1000",
     .help = "wait between two looks at the queue; a plain number is milliseconds; at least 200"},
    {"RUN_ONCE", .key = "run_once", GLOBAL(run_once), .type = TYPE_FLAG, .fallback = "false",
     .help = "one complete round, then exit: for a cron job"},
    {"RUN_ONCE_DEADLINE", .key = "run_once_deadline", GLOBAL(run_once_deadline_ms), SECONDS(5 * SECOND, DAY), .fallback = "120",
     .help = "RUN_ONCE fails when its round takes longer"},
    {"MINIMUM_AGENT_COUNT", .key = "minimum_agent_count", POOL(minimum_agents), UNITS, .fallback = "0",
     .help = "units to keep per pool, busy ones included (the original program's default was 1)"},
    {"MINIMUM_IDLE_AGENT_COUNT", .key = "minimum_idle_agent_count", POOL(minimum_idle), UNITS, .fallback = "0",
     .help = "idle units to keep ready per pool"},
    {"MAXIMUM_AGENT_COUNT", .key = "maximum_agent_count", POOL(limit), UNITS, .fallback = "0",
     .help = "units per pool at once; 0 = no limit"},
    {"MAXIMUM_TOTAL_AGENT_COUNT", .key = "maximum_total_agent_count", GLOBAL(limit), UNITS, .fallback = "0",
     .help = "units of all pools at once; 0 = no limit"},
    {"JOB_RETENTION", .key = "job_retention", POOL(retention_ms), SECONDS(0, 30 * DAY), .fallback = "120",
     .help = "keep an ended unit for its logs"},
    {"FAILED_JOB_RETENTION", .key = "failed_job_retention", POOL(failed_retention_ms), SECONDS(0, 30 * DAY), .fallback = "10m",
     .help = "keep a failed unit"},
    {"IDLE_GRACE", .key = "idle_grace", POOL(idle_grace_ms), SECONDS(0, 7 * DAY), .fallback = "60",
     .help = "an agent nobody needs is ended after"},
    {"WARM_MAX_AGE", .key = "warm_max_age", POOL(warm_max_age_ms), SECONDS(MINUTE, 365 * DAY), .fallback = "24h",
     .help = "replace a warm unit older than"},
    {"MAX_JOB_DURATION", .key = "max_job_duration", POOL(max_job_duration_ms), SECONDS(0, 365 * DAY), .fallback = "0",
     .help = "delete a unit whose job runs longer; 0 = never"},
    {"REGISTRATION_DEADLINE", .key = "registration_deadline", TEMPLATE(registration_deadline_ms), SECONDS(10 * SECOND, DAY),
     .fallback = "10m",
     .help = "an agent must be online so long after its start"},
    {"AGENT_EXIT_GRACE", .key = "agent_exit_grace", GLOBAL(agent_exit_grace_ms), SECONDS(0, HOUR), .fallback = "60",
     .help = "an agent whose job is done may take so long to exit"},
    {"AGENTS_DELAY", .key = "agents_delay", GLOBAL(agents_delay_ms), SECONDS(SECOND, HOUR), .fallback = "15",
     .help = "wait between two lists of a pool's agents"},
    {"REAPER_DRY_RUN", .key = "reaper_dry_run", GLOBAL(reaper_dry_run), .type = TYPE_FLAG, .fallback = "false",
     .help = "the reaper only says what it would delete"},
    {"PLACEHOLDERS", .key = "placeholders", GLOBAL(placeholders), .type = TYPE_FLAG, .fallback = "true",
     .help = "keep an offline agent registered for each template: without any, Azure DevOps refuses jobs when they are queued"},
    {"INITIALIZE_NAMESPACE", .key = "initialize_namespace", GLOBAL(initialize_namespace), .type = TYPE_FLAG, .fallback = "true",
     .help = "create JOB_NAMESPACE if it is missing"},
    {"AGENT_TOKEN_SECRET", .key = "agent_token_secret", GLOBAL(agent_token_secret), .check = config_check_token_secret,
     .fallback_help = "made from ORG_PAT",
     .help = "a Secret of yours with the agents' own token: NAME (key \"token\") or NAME/KEY; a token with fewer rights than ORG_PAT is "
             "better"},
    {"INSTANCE", .key = "instance", GLOBAL(instance), .check = config_check_instance, .fallback_help = "a hash",
     .help = "name of this installation: marks what is ours; a hash of ORG_URL, JOB_NAMESPACE (or POD_NAMESPACE) and JOB_PREFIX if not "
             "set"},
    {"HOST_TYPE", .key = "host_type", GLOBAL(host), .type = TYPE_WORD, .words = "kubernetes", .fallback = "kubernetes",
     .check = config_check_host,
     .help = "where units run: kubernetes (or k8s)"},
    {"KUBECONFIG", .key = "kubeconfig", GLOBAL(kubeconfig), .fallback_help = "the pod's own", .help = "kubeconfig file, outside a cluster"},
    {"LEADER_ELECTION", .key = "leader_election", GLOBAL(leader_election), .type = TYPE_FLAG, .fallback = "auto",
     .check = config_check_election,
     .help = "of several replicas only the holder of a Lease makes units: true or false; auto: true in a pod that uses its own "
             "identity, false with KUBECONFIG; never with RUN_ONCE"},
    {"LEASE_DURATION", .key = "lease_duration", GLOBAL(lease_duration_ms), SECONDS(SECOND, HOUR), .fallback = "15",
     .help = "another replica takes the lead when the Lease was not renewed for so long"},
    {"LEASE_RENEW_DEADLINE", .key = "lease_renew_deadline", GLOBAL(lease_renew_ms), SECONDS(SECOND / 2, HOUR), .fallback = "10",
     .help = "the leader gives up when it could not renew for so long; less than LEASE_DURATION"},
    {"LEASE_RETRY", .key = "lease_retry", GLOBAL(lease_retry_ms), SECONDS(SECOND / 10, HOUR), .fallback = "2",
     .help = "wait between two renewals, or two looks of one that waits"},
    {"RUN_DIR", .key = "run_dir", GLOBAL(run_dir), .fallback = "/run/ado-orchestrator", .check = config_check_run_dir,
     .help = "directory the processes share for their sockets"},
    {"PEER_UIDS", .key = "peer_uids", GLOBAL(peer_uids), .check = config_check_peer_uids, .fallback_help = "own uid and root",
     .help = "which user each process runs as: watcher=10001,provisioner=10002,reaper=10003"},
    {"HTTPS_PROXY", "https_proxy", .key = "https_proxy", GLOBAL(https_proxy), .check = config_check_proxy,
     .help = "proxy for Azure DevOps and the Kubernetes API: http://proxy:3128"},
    {"NO_PROXY", "no_proxy", .key = "no_proxy", GLOBAL(no_proxy), .list = true,
     .help = "hosts and domains to reach without the proxy, separated by commas"},
    {"CA_FILE", .key = "ca_file", GLOBAL(ca_file), .check = config_check_ca_file, .fallback_help = "the system's",
     .help = "certificates (PEM) to trust for Azure DevOps"},
    {"LOG_LEVEL", .key = "log_level", GLOBAL(log_level), .type = TYPE_WORD, .words = "debug|info|warn|error", .fallback = "info",
     .help = "debug, info, warn or error"},
    {"LOG_FORMAT", .key = "log_format", GLOBAL(log_format), .type = TYPE_WORD, .words = "logfmt|json", .fallback = "logfmt",
     .help = "logfmt or json"},
    {"CONFIG_FILE", .scope = SCOPE_GLOBAL, .type = TYPE_SPECIAL,
     .help = "YAML file with any of these settings, and with pools and their templates: see below"},

    {.key = "pools", .scope = SCOPE_GLOBAL, .type = TYPE_SPECIAL,
     .help = "list of pools: name, templates, and any setting that is per pool or per template"},
    {.key = "name", POOL(name), .check = config_check_pool_name, .help = "of the agent pool, as Azure DevOps writes it"},
    {.key = "templates", .scope = SCOPE_POOL, .type = TYPE_SPECIAL,
     .help = "list of job definitions, the first that fits a request is used; without it one, named default, is made of the pool's "
             "settings"},
    {.key = "name", TEMPLATE(name), .check = config_check_template_name, .fallback_help = "default",
     .help = "a-z, 0-9 and -; may be left out for a pool's only template"},
    {.key = "limit", TEMPLATE(limit), UNITS, .fallback = "0", .help = "units of this template at once; 0 = no limit"},
    {.key = "capabilities", .scope = SCOPE_TEMPLATE, .type = TYPE_SPECIAL,
     .help = "what its agents have, to match demands: a map of names and values or a list of names; none = fits every request"},
};
const size_t config_n_fields = ARRAY_SIZE(config_fields);

bool config_field_fits(const struct config_field *field, enum config_scope level)
{
    return field->key && (field->scope == level || (field->env && field->scope > level));
}

const struct config_field *config_field_find(enum config_scope level, const char *key)
{
    for (size_t i = 0; i < config_n_fields; i++)
        if (config_field_fits(&config_fields[i], level) && strcmp(config_fields[i].key, key) == 0)
            return &config_fields[i];
    return NULL;
}
