/* --check: the cluster's identity opens, and Jobs and pods of the units' namespace can be listed. */
#include "reaper/shell_priv.h"

#include "common/mem.h"

#include <stdlib.h>

enum { CHECK_MAX_MS = 30 * 1000 };

struct check {
    struct loop *loop;
    struct err *err;
    int result;
    unsigned open;
};

static void on_listed(void *data, const struct kube_result *result)
{
    struct check *check = data;
    if (result->err.code != ERR_NONE && check->result == 0)
        check->result = err_set(check->err, result->err.code == ERR_DENIED ? ERR_CONFIG : result->err.code, "%s%s", result->err.text,
                                result->refusal == KUBE_RBAC ? "; give the reaper's service account the Role in manifests/" : "");
    if (--check->open == 0)
        loop_stop(check->loop);
}

static void list_one(struct check *check, struct kube *kube, const char *ns, const char *api, const char *resource)
{
    const struct kube_call_spec spec = {
        .verb = KUBE_LIST, .api = api, .ns = ns, .resource = resource, .query = "limit=1", .deadline_ms = CHECK_MAX_MS, .on_done = on_listed, .data = check};
    check->open++;
    kube_send(kube, &spec);
}

int shell_check(const struct config *config, struct err *err)
{
    struct check check = {.loop = loop_new(), .err = err};
    char *user_agent = shell_user_agent();
    struct kube *kube = shell_open_kube(check.loop, config, user_agent, err);
    if (kube) {
        const char *ns = shell_namespace(config, kube);
        list_one(&check, kube, ns, "apis/batch/v1", "jobs");
        list_one(&check, kube, ns, "api/v1", "pods");
        loop_run(check.loop);
        kube_close(&kube);
    } else {
        check.result = -1;
    }
    loop_free(&check.loop);
    free(user_agent);
    return check.result;
}
