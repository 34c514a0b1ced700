/* The skeleton of a process: options (--help, --version, --check), configuration, log, loop, signals, exit codes. main.c supplies the rest. */
#ifndef COMMON_DAEMON_H
#define COMMON_DAEMON_H

#include "common/config.h"
#include "common/err.h"
#include "common/loop.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 64, EXIT_UNAVAILABLE = 69, EXIT_CONFIG = 78 };

struct daemon_ops {
    const char *role;              /* "watcher": also the log's process name and the socket directory */
    const char *summary;           /* one line for --help */
    /* Validates what only this process can (files, credentials, API): --check. Prints nothing on success. May be NULL. */
    int (*check)(const struct config *config, struct err *err);
    /* Builds the process on the loop. NULL with err on failure (ERR_CONFIG exits 78, others 69). */
    void *(*start)(struct loop *loop, const struct config *config, struct err *err);
    void (*drain)(void *self);     /* SIGTERM, SIGINT: finish; call daemon_exit when done. A second signal ends at once. NULL = exit at once */
    void (*stop)(void *self);      /* frees everything */
};

int daemon_main(int argc, char **argv, const struct daemon_ops *ops);
void daemon_exit(int code);        /* from any callback: leave the loop; daemon_main returns this code */
const char *daemon_build(void);    /* version and commit, for hello, --version and User-Agent */

#endif
