/* Exec credential plugins: one run of the command on the loop, and the PURE reading of what it printed. */
#ifndef COMMON_KUBE_EXEC_H
#define COMMON_KUBE_EXEC_H

#include "common/kube_config.h"
#include "common/loop.h"
#include "common/mono.h"

/* What a plugin gave. Secrets; wiped by kube_credential_done. */
struct kube_credential {
    char *token, *cert_pem, *key_pem;     /* a token, or both PEM texts, or all */
    struct wall expires;                  /* {0} = never */
};
void kube_credential_done(struct kube_credential *c);

/* Pure. Reads an ExecCredential of that apiVersion. */
int kube_exec_read(const char *bytes, size_t n, const char *api_version, struct kube_credential *ret, struct err *err);

/* The value of KUBERNETES_EXEC_INFO; the caller frees. */
char *kube_exec_info(const struct kube_exec_spec *spec);

struct kube_exec;
/* Once: credential is filled (the callee takes its contents over), or NULL with err. Never from within kube_exec_start. */
typedef void kube_exec_fn(void *data, struct kube_credential *credential, const struct err *err);

/* Runs the command without a shell, stdin empty, stderr ours; killed after 60 s or 1 MiB of output. spec must outlive it. */
struct kube_exec *kube_exec_start(struct loop *loop, const struct kube_exec_spec *spec, kube_exec_fn *fn, void *data);
void kube_exec_stop(struct kube_exec **exec);     /* kills it; no callback. NULL is fine */

#endif
