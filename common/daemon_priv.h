/* Options of a process, apart from running it. */
#ifndef COMMON_DAEMON_PRIV_H
#define COMMON_DAEMON_PRIV_H

#include "common/daemon.h"

#include <stdio.h>

enum daemon_mode { MODE_RUN, MODE_CHECK, MODE_HELP, MODE_VERSION, MODE_USAGE };

/* What the command line asks for. MODE_USAGE: the sentence is in err. */
enum daemon_mode daemon_options(int argc, char *const *argv, struct err *err);
void daemon_help(const struct daemon_ops *ops, FILE *out);

#endif
