/* Rows of the last poll, told by a keyed hash of their bytes: one that has not changed by a byte need not be parsed again. Pure. */
#ifndef WATCHER_KNOWN_H
#define WATCHER_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct known_row { uint64_t hash, id; };      /* hash 0: no entry; id 0: a finished row */
struct known_set { struct known_row *rows; size_t n, cap; };

/* Zeroed = empty. A poll gathers a set of its own, which replaces the last one when the poll is committed. */
struct known { struct known_set last, next; };

const struct known_row *known_find(const struct known *known, uint64_t hash);
void known_note(struct known *known, uint64_t hash, uint64_t id);
void known_commit(struct known *known);
void known_abandon(struct known *known);
void known_done(struct known *known);         /* empty, as zeroed */

#endif
