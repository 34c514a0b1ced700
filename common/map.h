/* A hash map from string or from u64 to pointer; keys of string maps are copied. Iteration order is insertion order until a removal.
 * The map never owns the values. */
#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(void);
void map_free(struct map *m);                       /* NULL is fine; values are not freed */
void *map_get(const struct map *m, const char *key);
void *map_set(struct map *m, const char *key, void *value);   /* value not NULL; returns the value replaced, or NULL */
void *map_remove(struct map *m, const char *key);   /* the value removed, or NULL */

void *map_get_u64(const struct map *m, uint64_t key);
void *map_set_u64(struct map *m, uint64_t key, void *value);
void *map_remove_u64(struct map *m, uint64_t key);

size_t map_count(const struct map *m);
/* Walks all entries: start with *cursor = 0, ends with NULL. The entry just returned may be removed while walking; adding is not allowed.
 * ret_key (may be NULL) gets the string key, which lives as long as its entry, or NULL for a u64 key. */
void *map_next(const struct map *m, size_t *cursor, const char **ret_key);

#endif
