/* Carries out the ledger's CREATE actions, in their order: a limited number under way, the rest queued, so that each body is built when it is sent.
 * What each came to goes back to the ledger; one log line per unit made and per change of what refuses them. */
#ifndef PROVISIONER_CREATOR_H
#define PROVISIONER_CREATOR_H

#include "common/loop.h"
#include "provisioner/backend.h"
#include "provisioner/ledger.h"

enum { CREATOR_IN_FLIGHT = 64 };

struct creator_options {
    struct loop *loop;
    struct backend *backend;
    struct ledger *ledger;
    const struct mirror *mirror;
    const struct templates *templates;
    /* Something was told to the ledger: a pass is due. */
    void (*on_change)(void *data);
    /* The API server says that the namespace of the units is missing or ends. */
    void (*on_namespace_lost)(void *data);
    /* A create that leaves before this instant is ours to make: asked right before each is sent. NULL = always. */
    struct mono (*may_send_until)(void *data);
    void *data;
};

struct creator;
struct creator *creator_new(const struct creator_options *options);
void creator_free(struct creator **creator);              /* the backend must be closed before: no answer may come any more */
void creator_add(struct creator *creator, const struct ledger_action *action);
/* false: nothing more is sent and what is queued is handed back to the ledger. Also while may_send_until has passed. */
void creator_allow(struct creator *creator, bool allowed);
size_t creator_pending(const struct creator *creator);    /* queued and under way */
uint64_t creator_created(const struct creator *creator);  /* units made since start */

#endif
