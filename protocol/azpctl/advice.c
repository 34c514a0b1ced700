#include "protocol/azpctl/advice.h"

#include "common/mem.h"

#include <string.h>

static const struct { const char *code, *advice; } table[] = {
    {"starting", NULL},
    {"stale", "See the state of the pool in azpctl status: a refused token, a pool that does not exist, throttling"},
    {"cluster", "The API server cannot be followed: see the words above and the log of the provisioner"},
    {"standby", NULL},
    {"no-template", "Declare the capability (capabilities: in CONFIG_FILE) for a template whose image has it"},
    {"limit", "Wait, or raise the limit that is named"},
    {"quota", "Raise the ResourceQuota of the namespace; it is tried again by itself"},
    {"rbac", "Give the provisioner's service account the Role in manifests/pod.yaml"},
    {"admission", "Change what the policy or the webhook objects to, in the job file or in the policy"},
    {"namespace", "Create the namespace, or let INITIALIZE_NAMESPACE do it"},
    {"template", "Mend the job file where the API server's words point"},
    {"api", "The server has no such API: is KUBECONFIG the right cluster?"},
    {"auth", "The API server does not accept our credentials: renew the kubeconfig or the service account's token"},
    {"refused", "See the API server's words"},
    {"token", "Give the agents a token: ORG_PAT, ORG_PAT_FILE or the Secret of AGENT_TOKEN_SECRET"},
    {"throttled", NULL},
    {"unavailable", NULL},
    {"unreachable", NULL},
    {"conflict", NULL},
    {"spent", NULL},
    {"name-taken", "Remove the object of that name, or choose another JOB_PREFIX"},
    {"no-pod", "See the events of the Job: kubectl describe job"},
    {"unschedulable", "Add nodes or lower what the job asks for; the unit keeps its place"},
    {"image-pull", "Mend the image's name or its pull secret"},
    {"image-name", "Mend the image's name"},
    {"container-config", "Make the ConfigMap or Secret it names, or mend the job file"},
    {"crash", "Read the pod's log: kubectl logs job/UNIT"},
    {"oom", "Raise the memory limit of the agent's container"},
    {"evicted", "Raise the requests of the agent's container, or its node's room"},
    {"node-lost", NULL},
    {"deadline", "Raise activeDeadlineSeconds in the job file, or remove it"},
    {"registration-deadline", "Read the pod's log: a wrong token, an unreachable organisation; or raise REGISTRATION_DEADLINE"},
    {"unit-failed", "Read the pod's log: kubectl logs job/UNIT"},
    {"no-job", "Does the image run an agent? Read the pod's log: kubectl logs job/UNIT"},
    {"other-agent", NULL},
    {"overdue", "It ran longer than MAX_JOB_DURATION"},
};

const char *advice_for(const char *code)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strcmp(table[i].code, code) == 0)
            return table[i].advice;
    return NULL;
}
