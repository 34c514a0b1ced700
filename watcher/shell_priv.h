/* What the files of the watcher's shell share: shell.c (calls and timers), ask.c (vanished requests), publish.c (what peers are told), status.c, once.c (RUN_ONCE), reason.c. */
#ifndef WATCHER_SHELL_PRIV_H
#define WATCHER_SHELL_PRIV_H

#include "common/ado.h"
#include "common/config.h"
#include "common/loop.h"
#include "protocol/bus.h"
#include "watcher/core.h"
#include "watcher/pace.h"

struct watcher;

struct stale {
    enum err_code code;           /* ERR_NONE: fresh */
    char *reason;                 /* NULL or a sentence */
};

struct question {
    struct watched *pool;
    uint64_t id;                  /* 0 = not in use */
    uint32_t ticket;
};

struct watched {
    struct watcher *watcher;
    const char *name;             /* the configuration's */
    uint32_t id;                  /* 0 = to be resolved */
    uint32_t picture_id;          /* whose picture the core has */
    struct core *core;
    struct pace polls, agents;
    struct loop_timer *timer;
    struct stale stale, agents_stale;
    bool needs_full[ROLE_COUNT];  /* the peer knows nothing yet, or may have missed something */
    struct question questions[CORE_ASKS_MAX];
    struct loop_timer *tell_timer;
    bool telling;                 /* gone requests are about to be told */
    struct { bool requests, agents, failed; } once;   /* RUN_ONCE: read, or given up */
};

struct counters {
    uint64_t polls, polls_failed, agent_polls, agent_polls_failed, asked, gone, throttled;
};

struct watcher {
    struct loop *loop;
    const struct config *config;  /* outlives us */
    struct ado *ado;
    struct bus *bus;
    struct watched *pools;
    size_t n_pools;
    struct budget budget;
    bool throttle_told, standby;
    uint64_t set;                 /* number of the last set told */
    struct mono started;
    struct counters counters;
    struct {
        struct loop_timer *timer; /* the deadline, then the flush */
        struct mono deadline;
        bool told[ROLE_COUNT];
        bool ending;
        int code;
    } once;
};

/* shell.c: logs when the organization's budget closes and opens */
void shell_note_budget(struct watcher *watcher, const struct ado_result *result);

/* ask.c: as many as the core gives out and the budget allows */
void ask_vanished(struct watched *pool);
void ask_tell(void *pool);                            /* the tell timer */

/* publish.c */
void publish_delta(struct watched *pool);             /* after a good poll, or when vanished requests were confirmed; not while stale */
void publish_stale(struct watched *pool);
void publish_agents(struct watched *pool);
void publish_agents_stale(struct watched *pool);
void publish_everything(struct watcher *watcher, enum role role);    /* that peer is new */

/* status.c */
void status_answer(struct watcher *watcher, struct bus_peer *peer, const struct msg_status *question);

/* once.c: no-ops without RUN_ONCE */
void once_start(struct watcher *watcher);
void once_step(struct watcher *watcher);              /* something was read, given up or told */
void once_peer(struct watcher *watcher, enum role role, bool up);
void once_failed(struct watched *pool, enum err_code code, unsigned failures, bool *given_up);

/* reason.c: one sentence that names the setting to look at */
char *reason_text(const struct config *config, const char *pool, const struct ado_result *result);
/* Options for ado_open; strings are the configuration's. */
struct ado_options reason_ado_options(const struct config *config, char *user_agent, size_t size);

#endif
