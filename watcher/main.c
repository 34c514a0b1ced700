#include "common/daemon.h"
#include "watcher/shell.h"

int main(int argc, char **argv)
{
    static const struct daemon_ops ops = {
        .role = "watcher",
        .summary = "reads agent pools, job requests and agents from Azure DevOps and tells the provisioner and the reaper",
        .check = shell_check,
        .start = shell_start,
        .stop = shell_stop,
    };
    return daemon_main(argc, argv, &ops);
}
