/* Whether this replica leads: a Lease in the orchestrator's own namespace, common/lease.h carried out. Without election every function takes NULL for a
 * leader that always leads. */
#ifndef PROVISIONER_LEADER_H
#define PROVISIONER_LEADER_H

#include "common/config.h"
#include "common/kube.h"
#include "common/loop.h"

struct leader;

struct leader_options {
    struct loop *loop;
    struct kube *kube;
    const struct config *config;
    void (*on_change)(void *data);     /* leads, or leads no longer */
    void *data;
};
struct leader *leader_start(const struct leader_options *options);   /* NULL: the settings ask for none */
void leader_stop(struct leader **leader);

bool leader_leads(const struct leader *leader);                      /* at this very instant */
/* A write that leaves before this instant is covered; MONO_ZERO = none may, MONO_NEVER = always. */
struct mono leader_until(const struct leader *leader);

/* Gives the Lease back; on_released comes once, perhaps from within. The caller has a deadline of its own: the API server may not answer. */
void leader_release(struct leader *leader, loop_fn *on_released, void *data);

/* For people; the caller frees. NULL = no election. */
char *leader_note(const struct leader *leader);
uint64_t leader_transitions(const struct leader *leader);            /* changes of holder that the Lease has counted */
uint64_t leader_calls(const struct leader *leader);

/* The name of the Lease, for one instance: at most 253 characters of a DNS name. Pure. */
enum { LEASE_NAME_MAX = 128 };
void leader_lease_name(char out[LEASE_NAME_MAX], const char *instance);

#endif
