/* What the files of the reaper's shell share. */
#ifndef REAPER_SHELL_PRIV_H
#define REAPER_SHELL_PRIV_H

#include "common/ado.h"
#include "common/kube.h"
#include "protocol/bus.h"
#include "protocol/mirror.h"
#include "reaper/core.h"
#include "reaper/ops.h"
#include "reaper/shell.h"

struct follow {                     /* one followed collection */
    struct shell *shell;
    const char *resource;
    struct kube_watch *watch;
    bool synced;
    char *trouble;                  /* why it cannot be followed at present, NULL = it is */
};

struct once {                       /* RUN_ONCE */
    struct loop_timer *timer;
    struct mono deadline, look_until;
    bool heard, complete, last_pass;
};

struct shell {
    struct loop *loop;
    const struct config *config;
    struct kube *kube;
    struct ado *ado;
    const char *ns;
    char *user_agent;
    struct bus *bus;
    struct mirror *mirror;
    struct units *units;
    struct reaper *reaper;
    struct reaper_actions actions;
    struct ops *ops;
    struct follow jobs, pods;
    struct loop_timer *timer;       /* the next pass */
    struct mono pass_ended, drain_until;
    int64_t gap_ms;                 /* least time between two passes */
    bool dirty, draining, standby;
    int64_t server_ms;              /* the API server's clock at server_at; 0 = not known yet */
    struct mono server_at, started;
    struct once once;
    uint64_t passes, troubles;
};

/* shell.c */
void shell_dirty(struct shell *s);                       /* something changed: a pass is due */
bool shell_units_fresh(const struct shell *s);
struct kube *shell_open_kube(struct loop *loop, const struct config *config, const char *user_agent, struct err *err);
const char *shell_namespace(const struct config *config, const struct kube *kube);
char *shell_user_agent(void);

/* follow.c */
void follow_start(struct shell *s);
void follow_stop(struct shell *s);

/* peers.c */
int peers_open(struct shell *s, struct err *err);
void peers_trouble(struct shell *s, const struct reaper_action *action);
void peers_reaped(struct shell *s, const char *unit, const char *uid, const char *reason);

/* status.c */
void status_answer(struct shell *s, struct bus_peer *peer, uint64_t request);

/* once.c */
void once_start(struct shell *s);
void once_stop(struct shell *s);
void once_heard(struct shell *s, bool complete);
void once_passed(struct shell *s);                       /* after each pass */
bool once_finishing(const struct shell *s);              /* the last pass has been: nothing new is begun */

#endif
