#include "common/daemon.h"
#include "reaper/shell.h"

int main(int argc, char **argv)
{
    static const struct daemon_ops ops = {
        .role = "reaper",
        .summary = "deletes units that have served, failed, or are no longer wanted; never creates anything",
        .check = shell_check,
        .start = shell_start,
        .drain = shell_drain,
        .stop = shell_stop,
    };
    return daemon_main(argc, argv, &ops);
}
