/* Behind this interface a unit comes to be: a Kubernetes Job here; whatever else later brings its own file. */
#ifndef PROVISIONER_BACKEND_H
#define PROVISIONER_BACKEND_H

#include "common/kube.h"
#include "common/unit.h"
#include "provisioner/jobspec.h"
#include "provisioner/ledger.h"
#include "provisioner/outcome.h"
#include "provisioner/template.h"

struct backend_result {
    struct outcome outcome;
    const char *uid;              /* of the unit when OK, else "" */
    const char *message;          /* for people, "" when OK */
};
typedef void backend_done_fn(void *data, const struct backend_result *result);

struct backend {
    /* Makes one unit, under exactly this name, or tells why not; on_done once, never from within. spec and its texts are borrowed for the call. */
    void (*create)(struct backend *self, struct template *t, const struct jobspec_unit *unit, backend_done_fn *on_done, void *data);
    /* Ends what is under way: no on_done comes any more. */
    void (*close)(struct backend *self);
    struct mono send_by;          /* of the creates to come: what has not left by then never does (LEDGER_RETRY); set by the creator */
    uint64_t calls;               /* made since start */
};

struct backend *backend_job_open(struct kube *kube, const char *ns, const char *instance, const struct units *units);

#endif
