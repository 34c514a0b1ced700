#include "watcher/known.h"

#include "common/mem.h"

#include <stdlib.h>

enum { FIRST_CAP = 64 };

static void set_done(struct known_set *set)
{
    free(set->rows);
    *set = (struct known_set){0};
}

/* The place of hash, or the free one where it belongs. */
static struct known_row *place_of(const struct known_set *set, uint64_t hash)
{
    for (size_t i = hash & (set->cap - 1);; i = (i + 1) & (set->cap - 1))
        if (!set->rows[i].hash || set->rows[i].hash == hash)
            return &set->rows[i];
}

static void resize(struct known_set *set, size_t cap)
{
    struct known_set bigger = {.rows = xcalloc(cap, sizeof *bigger.rows), .n = set->n, .cap = cap};
    for (size_t i = 0; i < set->cap; i++)
        if (set->rows[i].hash)
            *place_of(&bigger, set->rows[i].hash) = set->rows[i];
    free(set->rows);
    *set = bigger;
}

const struct known_row *known_find(const struct known *known, uint64_t hash)
{
    if (!known->last.cap)
        return NULL;
    const struct known_row *row = place_of(&known->last, hash);
    return row->hash ? row : NULL;
}

void known_note(struct known *known, uint64_t hash, uint64_t id)
{
    struct known_set *set = &known->next;
    if (set->n * 4 >= set->cap * 3)
        resize(set, set->cap ? set->cap * 2 : FIRST_CAP);
    struct known_row *row = place_of(set, hash);
    set->n += row->hash == 0;
    *row = (struct known_row){.hash = hash, .id = id};
}

void known_commit(struct known *known)
{
    set_done(&known->last);
    known->last = known->next;
    known->next = (struct known_set){0};
}

void known_abandon(struct known *known)
{
    set_done(&known->next);
}

void known_done(struct known *known)
{
    set_done(&known->last);
    set_done(&known->next);
}
