/* The Job of JOB_IMAGE: safe defaults that every agent image can live with. */
#include "common/mem.h"
#include "provisioner/jobspec.h"

#include <string.h>

enum { TERMINATION_GRACE_S = 60 };   /* the agent unregisters in it */

static void add_docker_socket(json_t *pod, json_t *container, const char *path, enum config_os os)
{
    const char *inside = os == OS_WINDOWS ? path : "/var/run/docker.sock";
    json_t *volume = json_pack("{s:s, s:{s:s}}", "name", "docker-socket", "hostPath", "path", path);
    if (os == OS_LINUX)
        json_object_set_new(json_object_get(volume, "hostPath"), "type", json_string("Socket"));
    json_object_set_new(pod, "volumes", json_pack("[o]", volume));
    json_object_set_new(container, "volumeMounts", json_pack("[{s:s, s:s}]", "name", "docker-socket", "mountPath", inside));
}

/* Windows pods must not carry Linux-only fields. */
static void harden(json_t *pod, json_t *container, enum config_os os)
{
    json_object_set_new(json_object_get(pod, "securityContext"), "runAsNonRoot", json_true());
    if (os == OS_LINUX)
        json_object_set_new(container, "securityContext", json_pack("{s:b, s:{s:[s]}}", "allowPrivilegeEscalation", 0, "capabilities", "drop", "ALL"));
}

static void set_os(json_t *pod, enum config_os os)
{
    json_t *security = json_object();
    if (os == OS_WINDOWS)
        json_object_set_new(pod, "os", json_pack("{s:s}", "name", "windows"));
    else
        json_object_set_new(security, "seccompProfile", json_pack("{s:s}", "type", "RuntimeDefault"));
    json_object_set_new(pod, "securityContext", security);
    json_object_set_new(pod, "nodeSelector", json_pack("{s:s}", "kubernetes.io/os", os == OS_WINDOWS ? "windows" : "linux"));
}

static json_t *default_pod(const struct config *config, const struct config_template *t)
{
    json_t *container = json_pack("{s:s, s:s?, s:s}", "name", "agent", "image", t->job_image, "terminationMessagePolicy", "FallbackToLogsOnError");
    json_t *pod = json_pack("{s:s, s:b, s:i, s:[O]}", "restartPolicy", "Never", "automountServiceAccountToken", 0, "terminationGracePeriodSeconds",
                            TERMINATION_GRACE_S, "containers", container);
    CHECK(container && pod);
    set_os(pod, config->job_os);
    if (t->job_docker_socket_path)
        add_docker_socket(pod, container, t->job_docker_socket_path, config->job_os);
    if (t->job_hardening && strcmp(t->job_hardening, "restricted") == 0)
        harden(pod, container, config->job_os);
    json_decref(container);
    return pod;
}

json_t *jobspec_default(const struct config *config, const struct config_template *t)
{
    json_t *annotations = json_pack("{s:s, s:s}", "cluster-autoscaler.kubernetes.io/safe-to-evict", "false", "karpenter.sh/do-not-disrupt", "true");
    json_t *job = json_pack("{s:s, s:s, s:{}, s:{s:i, s:i, s:i, s:{s:{s:o}, s:o}}}", "apiVersion", "batch/v1", "kind", "Job", "metadata", "spec",
                            "backoffLimit", 0, "completions", 1, "parallelism", 1, "template", "metadata", "annotations", annotations, "spec",
                            default_pod(config, t));
    CHECK(job);
    return job;
}
