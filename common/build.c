/* The one place that knows the version: the Makefile passes it to this file alone, so that a new commit rebuilds one object. */
#include "common/daemon.h"

#ifndef AZP_VERSION
#define AZP_VERSION "unknown"
#endif

const char *daemon_build(void)
{
    return AZP_VERSION;
}
