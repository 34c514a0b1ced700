/* The watcher as a process: asks Azure DevOps at the pace that pace.h sets, keeps the pictures of core.h, tells the peers. Writes nothing anywhere. */
#ifndef WATCHER_SHELL_H
#define WATCHER_SHELL_H

#include "common/config.h"
#include "common/loop.h"

/* For struct daemon_ops. */
void *shell_start(struct loop *loop, const struct config *config, struct err *err);
void shell_stop(void *watcher);
int shell_check(const struct config *config, struct err *err);

#endif
