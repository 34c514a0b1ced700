/* The event pump: messages and watch events change the pictures, a pass of the ledger turns them into actions, creator and bus carry them out. */
#ifndef PROVISIONER_SHELL_H
#define PROVISIONER_SHELL_H

#include "common/config.h"
#include "common/err.h"
#include "common/kube.h"
#include "common/loop.h"
#include "provisioner/template.h"

struct shell;
struct shell *shell_start(struct loop *loop, const struct config *config, struct err *err);
void shell_drain(struct shell *shell);     /* no more creates; leaves the loop when those under way are answered */
void shell_stop(struct shell *shell);

/* What shell and --check have in common. The namespace of the units lives as long as config and kube. */
struct kube *shell_open_kube(struct loop *loop, const struct config *config, struct err *err);
const char *shell_namespace(const struct config *config, const struct kube *kube);
struct templates *shell_load_templates(const struct config *config, const char *ns, struct err *err);

int provisioner_check(const struct config *config, struct err *err);   /* --check */

#endif
