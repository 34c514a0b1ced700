/* What is known of one pool: the picture of its unfinished requests and its agents, what of it the peers have not been told, and which vanished
 * requests must be asked for before they count as gone. Pure: no clock, no I/O, no log. */
#ifndef WATCHER_CORE_H
#define WATCHER_CORE_H

#include "common/siphash.h"
#include "watcher/rows.h"

enum { CORE_ASKS_MAX = 8, CORE_MASS = 10 };

struct core_gone {
    uint64_t id;
    char *result, *agent;
    int64_t received_ms;
};

struct core;
struct core *core_new(struct siphash_key key);          /* random: of the hash that rows are known again by */
void core_free(struct core **core);
void core_forget(struct core *core);      /* the name means another pool now: no picture */

/* One poll: begin, rows as they stream in, then commit (the reply was whole) or abandon: it never happened. Finished rows are ignored and counted. */
struct core_change {
    unsigned upserts, vanished;
    bool assigned;                        /* a request got another agent */
    bool unknown_agent;                   /* ... one that is not among the agents known */
};
void core_poll_begin(struct core *core);
bool core_poll_known(struct core *core, const char *bytes, size_t n);    /* optional, before each row: true = as in the last poll, nothing else to do */
void core_poll_row(struct core *core, const struct ado_request *row);
struct core_change core_poll_commit(struct core *core, struct mono began);
void core_poll_abandon(struct core *core);

bool core_known(const struct core *core);               /* there is a picture */
struct mono core_began(const struct core *core);        /* of the poll it comes from */
size_t core_count(const struct core *core);
const struct watch_request *core_find(const struct core *core, uint64_t id);
const struct watch_request *core_next(const struct core *core, size_t *cursor);
uint64_t core_finished_rows(const struct core *core);

/* What the peers do not know yet: rows with .dirty, and these. core_told settles both. */
size_t core_dirty(const struct core *core);
const struct core_gone *core_gone(const struct core *core, size_t *ret_n);
void core_told(struct core *core);

/* A request that vanished is kept until it is confirmed: ask for each id given out here (0 = none now; at most CORE_ASKS_MAX at once) and answer
 * exactly once, with its ticket: an answer about the pool that was forgotten says nothing about the present one. When more than half of the pool and
 * more than CORE_MASS vanish at once, a second poll must agree first. */
uint64_t core_ask(struct core *core, uint32_t *ret_ticket);
enum core_answer { ANSWER_GONE, ANSWER_UNFINISHED, ANSWER_FAILED };
void core_answer(struct core *core, uint64_t id, uint32_t ticket, enum core_answer answer, const char *result, const char *agent,
                 int64_t received_ms);

/* Agents: always the whole pool. */
void core_agents_begin(struct core *core);
void core_agents_row(struct core *core, const struct ado_agent *row);
void core_agents_commit(struct core *core, struct mono began);
void core_agents_abandon(struct core *core);
bool core_agents_known(const struct core *core);
struct mono core_agents_began(const struct core *core);
const struct watch_agent *const *core_agents(const struct core *core, size_t *ret_n);

#endif
