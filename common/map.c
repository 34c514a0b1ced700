/* Open addressing over an index table, entries in one dense array. A removed entry leaves a hole that the next change of size squeezes out; the
 * array shrinks too: when something is added after a burst has gone, and with the last entry. */
#include "common/map.h"

#include "common/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SHRINK_FROM = 64 };

struct entry {
    char *text;       /* NULL for a u64 key */
    uint64_t number;  /* the u64 key, or the hash of text */
    void *value;      /* NULL = hole */
};

struct map {
    struct entry *entries;
    uint32_t *slots;  /* index + 1 into entries; 0 = free */
    size_t used, live, cap, n_slots;
};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

static uint64_t hash_text(const char *s)
{
    uint64_t h = 0xcbf29ce484222325ull;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
    return h;
}

struct map *map_new(void)
{
    return xcalloc(1, sizeof(struct map));
}

void map_free(struct map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->used; i++)
        free(m->entries[i].text);
    free(m->entries);
    free(m->slots);
    free(m);
}

static bool same(const struct entry *e, const char *text, uint64_t number)
{
    if (e->number != number || !e->text != !text)
        return false;
    return !text || strcmp(e->text, text) == 0;
}

static struct entry *find(const struct map *m, const char *text, uint64_t number)
{
    if (!m->n_slots)
        return NULL;
    for (size_t i = mix(number) & (m->n_slots - 1);; i = (i + 1) & (m->n_slots - 1)) {
        if (!m->slots[i])
            return NULL;
        struct entry *e = &m->entries[m->slots[i] - 1];
        if (e->value && same(e, text, number))
            return e;
    }
}

static void place(struct map *m, size_t index)
{
    size_t i = mix(m->entries[index].number) & (m->n_slots - 1);
    while (m->slots[i])
        i = (i + 1) & (m->n_slots - 1);
    m->slots[i] = (uint32_t)index + 1;
}

static void squeeze(struct map *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->used; i++)
        if (m->entries[i].value)
            m->entries[kept++] = m->entries[i];
    m->used = kept;
}

static bool sparse(const struct map *m, size_t cap)
{
    return cap > SHRINK_FROM && m->live * 8 < cap;
}

static size_t wanted_cap(const struct map *m)
{
    size_t cap = m->cap ? m->cap : 8;
    while (m->live * 4 >= cap * 3)
        cap *= 2;
    while (sparse(m, cap))
        cap /= 2;
    return cap;
}

static void make_room(struct map *m)
{
    if (m->used < m->cap && !sparse(m, m->cap))
        return;
    squeeze(m);
    m->cap = wanted_cap(m);
    m->entries = xreallocarray(m->entries, m->cap, sizeof *m->entries);
    m->n_slots = m->cap * 2;
    free(m->slots);
    m->slots = xcalloc(m->n_slots, sizeof *m->slots);
    for (size_t i = 0; i < m->used; i++)
        place(m, i);
}

static void *set(struct map *m, const char *text, uint64_t number, void *value)
{
    CHECK(value != NULL);
    struct entry *e = find(m, text, number);
    if (e) {
        void *old = e->value;
        e->value = value;
        return old;
    }
    make_room(m);
    m->entries[m->used] = (struct entry){.text = xstrdup(text), .number = number, .value = value};
    place(m, m->used++);
    m->live++;
    return NULL;
}

static void give_up_room(struct map *m)
{
    free(m->entries);
    free(m->slots);
    *m = (struct map){0};
}

static void *drop(struct map *m, const char *text, uint64_t number)
{
    struct entry *e = find(m, text, number);
    if (!e)
        return NULL;
    void *old = e->value;
    free(e->text);
    e->text = NULL;
    e->value = NULL;
    m->live--;
    if (!m->live && m->cap > SHRINK_FROM)
        give_up_room(m);
    return old;
}

void *map_get(const struct map *m, const char *key)
{
    const struct entry *e = find(m, key, hash_text(key));
    return e ? e->value : NULL;
}

void *map_set(struct map *m, const char *key, void *value)
{
    return set(m, key, hash_text(key), value);
}

void *map_remove(struct map *m, const char *key)
{
    return drop(m, key, hash_text(key));
}

void *map_get_u64(const struct map *m, uint64_t key)
{
    const struct entry *e = find(m, NULL, key);
    return e ? e->value : NULL;
}

void *map_set_u64(struct map *m, uint64_t key, void *value)
{
    return set(m, NULL, key, value);
}

void *map_remove_u64(struct map *m, uint64_t key)
{
    return drop(m, NULL, key);
}

size_t map_count(const struct map *m)
{
    return m->live;
}

void *map_next(const struct map *m, size_t *cursor, const char **ret_key)
{
    while (*cursor < m->used) {
        const struct entry *e = &m->entries[(*cursor)++];
        if (!e->value)
            continue;
        if (ret_key)
            *ret_key = e->text;
        return e->value;
    }
    return NULL;
}
