/* The agents of one pool, sorted by id; a new set is gathered beside the old one. Pure. */
#ifndef WATCHER_AGENTS_H
#define WATCHER_AGENTS_H

#include "watcher/rows.h"

struct agents {
    struct watch_agent **rows;
    size_t n;
    struct watch_agent **staged;
    size_t n_staged, cap_staged;
    bool known;
    struct mono began;
};

void agents_begin(struct agents *agents);       /* also drops a half-gathered set */
void agents_row(struct agents *agents, const struct ado_agent *row);
void agents_commit(struct agents *agents, struct mono began);
bool agents_find(const struct agents *agents, uint64_t id);
void agents_done(struct agents *agents);        /* empty, as zeroed */

#endif
