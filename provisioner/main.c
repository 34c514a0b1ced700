/* azp-provisioner: makes one unit for every queued job. It never deletes one. */
#include "common/daemon.h"
#include "provisioner/shell.h"

static void *start(struct loop *loop, const struct config *config, struct err *err)
{
    return shell_start(loop, config, err);
}

static void drain(void *self)
{
    shell_drain(self);
}

static void stop(void *self)
{
    shell_stop(self);
}

int main(int argc, char **argv)
{
    static const struct daemon_ops ops = {
        .role = "provisioner",
        .summary = "makes one Kubernetes Job with an agent for every job that waits in an Azure DevOps pool",
        .check = provisioner_check,
        .start = start,
        .drain = drain,
        .stop = stop,
    };
    return daemon_main(argc, argv, &ops);
}
