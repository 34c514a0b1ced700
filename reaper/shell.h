/* The event pump: messages and watch events change the pictures, a pass of the core turns them into actions, ops.h carries them out. */
#ifndef REAPER_SHELL_H
#define REAPER_SHELL_H

#include "common/config.h"
#include "common/err.h"
#include "common/loop.h"

void *shell_start(struct loop *loop, const struct config *config, struct err *err);
void shell_drain(void *shell);         /* begins nothing new; leaves the loop when what has begun is finished */
void shell_stop(void *shell);
int shell_check(const struct config *config, struct err *err);   /* --check: the cluster's identity opens and Jobs can be listed */

#endif
