/* What core.c (polls, the picture, agents) and core_ask.c (vanished requests) share; nobody else includes this. */
#ifndef WATCHER_CORE_PRIV_H
#define WATCHER_CORE_PRIV_H

#include "common/map.h"
#include "watcher/agents.h"
#include "watcher/core.h"
#include "watcher/known.h"

struct core {
    struct map *requests;                 /* u64 id -> struct watch_request * */
    struct watch_scratch scratch;
    struct watch_request **staged;        /* new and changed rows of the poll under way */
    size_t n_staged, cap_staged;
    uint32_t poll;                        /* number of the poll under way, or the last */
    bool known;
    struct mono began;
    struct mono listed;                   /* of the last poll: newer than began while a row has vanished and no answer about it has come */
    size_t n_dirty;                       /* an upper bound: a dirty row may have left since */
    struct core_gone *gone;
    size_t n_gone, cap_gone;
    uint64_t *to_ask;                     /* vanished ones, due to be asked for; read from at_ask */
    size_t n_ask, at_ask, cap_ask;
    unsigned asks;                        /* without an answer yet */
    uint32_t ticket;                      /* the last one */
    uint64_t finished_rows;
    struct siphash_key key;
    struct known known_rows;
    uint64_t row_bytes;                   /* hash of the row that comes next; 0 = not told */
    struct map *buried;                   /* confirmed as gone while a poll is under way that may still list them */
    struct agents agents;
};

/* core_ask.c, after each poll */
void core_plan_asks(struct core *core, bool mass);
void core_settle_began(struct core *core);

#endif
