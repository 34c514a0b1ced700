/* The words of Kubernetes for what can go wrong with a pod, as our few codes. */
#include "common/unit_parse.h"

#include "common/mem.h"

#include <string.h>

const char *unit_trouble_name(enum unit_trouble trouble)
{
    switch (trouble) {
    case UNIT_FINE: return "";
    case UNIT_NO_POD: return "no-pod";
    case UNIT_UNSCHEDULABLE: return "unschedulable";
    case UNIT_IMAGE_PULL: return "image-pull";
    case UNIT_IMAGE_NAME: return "image-name";
    case UNIT_CONTAINER_CONFIG: return "container-config";
    case UNIT_CRASH: return "crash";
    case UNIT_OOM: return "oom";
    case UNIT_EVICTED: return "evicted";
    case UNIT_NODE_LOST: return "node-lost";
    case UNIT_DEADLINE: return "deadline";
    }
    return "";
}

const char *unit_phase_name(enum unit_phase phase)
{
    switch (phase) {
    case UNIT_PENDING: return "pending";
    case UNIT_RUNNING: return "running";
    case UNIT_ENDED: return "ended";
    }
    return "";
}

struct word {
    const char *text;
    enum unit_trouble trouble;
};

static enum unit_trouble look_up(const struct word *words, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i].text, text) == 0)
            return words[i].trouble;
    return UNIT_FINE;
}

enum unit_trouble unit_trouble_of_waiting(const char *reason)
{
    static const struct word words[] = {
        {"ErrImagePull", UNIT_IMAGE_PULL},
        {"ImagePullBackOff", UNIT_IMAGE_PULL},
        {"RegistryUnavailable", UNIT_IMAGE_PULL},
        {"ErrImageNeverPull", UNIT_IMAGE_PULL},
        {"ImageInspectError", UNIT_IMAGE_PULL},
        {"SignatureValidationFailed", UNIT_IMAGE_PULL},
        {"InvalidImageName", UNIT_IMAGE_NAME},
        {"CreateContainerConfigError", UNIT_CONTAINER_CONFIG},
        {"CreateContainerError", UNIT_CONTAINER_CONFIG},
        {"PreCreateHookError", UNIT_CONTAINER_CONFIG},
        {"RunContainerError", UNIT_CONTAINER_CONFIG},
        {"PreStartHookError", UNIT_CONTAINER_CONFIG},
        {"PostStartHookError", UNIT_CONTAINER_CONFIG},
        {"StartError", UNIT_CONTAINER_CONFIG},
        {"CrashLoopBackOff", UNIT_CRASH},
    };
    return look_up(words, ARRAY_SIZE(words), reason);
}

enum unit_trouble unit_trouble_of_disruption(const char *reason)
{
    static const struct word words[] = {
        {"DeletionByPodGC", UNIT_NODE_LOST},          /* the node is gone, or out of service */
        {"PreemptionByScheduler", UNIT_EVICTED},
        {"DeletionByTaintManager", UNIT_EVICTED},
        {"EvictionByEvictionAPI", UNIT_EVICTED},
        {"TerminationByKubelet", UNIT_EVICTED},
    };
    enum unit_trouble trouble = look_up(words, ARRAY_SIZE(words), reason);
    return trouble == UNIT_FINE ? UNIT_EVICTED : trouble;
}

enum unit_trouble unit_trouble_of_pod_reason(const char *reason)
{
    static const struct word words[] = {
        {"Evicted", UNIT_EVICTED},
        {"Preempting", UNIT_EVICTED},
        {"NodeLost", UNIT_NODE_LOST},
        {"NodeShutdown", UNIT_NODE_LOST},
        {"Shutdown", UNIT_NODE_LOST},
        {"Terminated", UNIT_NODE_LOST},               /* graceful node shutdown */
        {"DeadlineExceeded", UNIT_DEADLINE},
        {"OOMKilled", UNIT_OOM},
    };
    return look_up(words, ARRAY_SIZE(words), reason);
}

bool unit_never_ran(const char *terminated_reason)
{
    return strcmp(terminated_reason, "StartError") == 0 || strcmp(terminated_reason, "ContainerCannotRun") == 0;
}
