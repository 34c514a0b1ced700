/* The inside of the shell, shared by its files. */
#ifndef PROVISIONER_SHELL_PRIV_H
#define PROVISIONER_SHELL_PRIV_H

#include "protocol/bus.h"
#include "protocol/mirror.h"
#include "provisioner/creator.h"
#include "provisioner/leader.h"
#include "provisioner/ledger.h"
#include "provisioner/setup.h"
#include "provisioner/shell.h"

/* One followed collection. */
struct follow {
    struct shell *shell;
    struct kube_watch *watch;
    bool synced;
    char *trouble;                /* why it cannot be followed at present, NULL = it is */
};

/* RUN_ONCE */
struct once {
    struct loop_timer *deadline;
    bool heard, complete;         /* the watcher said done */
    bool finished, told;
    const char *reason;           /* static */
    int code;
    struct mono linger_until;     /* for the reaper to hear of it */
};

struct events;
struct keeper;

struct shell {
    struct loop *loop;
    const struct config *config;
    struct kube *kube;
    const char *ns;
    struct templates *templates;
    struct mirror *mirror;
    struct units *units;
    struct ledger *ledger;
    struct backend *backend;
    struct creator *creator;
    struct setup *setup;
    struct leader *leader;        /* NULL = no election: always leads */
    struct events *events;
    struct keeper *keeper;        /* of the placeholder agents */
    struct bus *bus;
    struct follow jobs, pods;
    struct ledger_actions actions;
    struct loop_timer *timer;     /* the next pass */
    struct mono pass_ended;
    int64_t gap_ms;               /* least time between two passes */
    bool dirty;
    bool draining;
    struct once once;
    struct mono started;
    uint64_t passes, retired, troubles, reaped;
};

/* shell.c */
void shell_dirty(struct shell *s);                 /* a picture changed: a pass is due */
bool shell_units_fresh(const struct shell *s);     /* Jobs and pods are listed and followed, and setup is done */

/* follow.c */
void follow_start(struct shell *s);
void follow_stop(struct shell *s);

/* peers.c */
int peers_open(struct shell *s, struct err *err);
void peers_tell_leading(struct shell *s);          /* watcher and reaper */
void peers_retire(struct shell *s, const struct ledger_action *action);

/* status.c */
void status_answer(struct shell *s, struct bus_peer *peer, uint64_t request);

/* once.c */
void once_start(struct shell *s);
void once_stop(struct shell *s);
void once_heard(struct shell *s, const struct msg_done *done);
void once_look(struct shell *s);                   /* after each pass and each change of the bus */

/* placeholders_shell.c */
void keeper_start(struct shell *s);
void keeper_stop(struct shell *s);
void keeper_look(struct shell *s);                 /* after each pass: the next call, if this replica leads */
bool keeper_busy(const struct shell *s);
char *keeper_trouble(const struct shell *s);       /* NULL = none; the caller frees it */
int64_t keeper_kept(const struct shell *s);
int64_t keeper_calls(const struct shell *s);       /* to Azure DevOps */

/* events.c */
struct events *events_new(struct loop *loop, struct kube *kube, const char *ns, const char *instance);
void events_free(struct events **events);
/* A Warning about a unit's Job; dropped when there are too many. */
void events_warn(struct events *events, const char *unit, const char *uid, const char *cause, const char *message);
uint64_t events_calls(const struct events *events);

#endif
