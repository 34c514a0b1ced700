#include "common/kube_known.h"

#include "common/map.h"
#include "common/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    uint32_t list;        /* number of the list that named it last, or was the last one when a watch did */
    char uid[];
};

struct kube_known {
    struct map *entries;
    uint32_t list;
    kube_gone_fn *on_gone;
    void *data;
};

struct kube_known *kube_known_new(kube_gone_fn *on_gone, void *data)
{
    struct kube_known *k = xcalloc(1, sizeof *k);
    *k = (struct kube_known){.entries = map_new(), .on_gone = on_gone, .data = data};
    return k;
}

void kube_known_free(struct kube_known **known)
{
    struct kube_known *k = *known;
    *known = NULL;
    if (!k)
        return;
    size_t cursor = 0;
    for (void *entry; (entry = map_next(k->entries, &cursor, NULL)) != NULL;)
        free(entry);
    map_free(k->entries);
    free(k);
}

size_t kube_known_count(const struct kube_known *k)
{
    return map_count(k->entries);
}

static void tell_gone(const struct kube_known *k, const char *key, const char *uid)
{
    const char *slash = strchr(key, '/');
    k->on_gone(k->data, slash ? slash + 1 : key, uid);
}

void kube_known_list_begins(struct kube_known *k)
{
    k->list++;
}

void kube_known_seen(struct kube_known *k, const char *key, const char *uid)
{
    struct entry *entry = map_get(k->entries, key);
    if (entry && !strcmp(entry->uid, uid)) {
        entry->list = k->list;
        return;
    }
    size_t size = strlen(uid) + 1;
    struct entry *fresh = xcalloc(1, sizeof *fresh + size);
    fresh->list = k->list;
    memcpy(fresh->uid, uid, size);
    map_set(k->entries, key, fresh);
    if (entry)
        tell_gone(k, key, entry->uid);
    free(entry);
}

/* A deletion under another uid than the one shown is of an older object: events of one name come in order, so it was told before. */
void kube_known_deleted(struct kube_known *k, const char *key, const char *uid)
{
    struct entry *entry = map_get(k->entries, key);
    if (!entry || (*uid && strcmp(entry->uid, uid)))
        return;
    map_remove(k->entries, key);
    tell_gone(k, key, entry->uid);
    free(entry);
}

void kube_known_list_ends(struct kube_known *k)
{
    size_t cursor = 0;
    const char *key;
    for (struct entry *entry; (entry = map_next(k->entries, &cursor, &key)) != NULL;) {
        if (entry->list == k->list)
            continue;
        char *copy = xstrdup(key);
        map_remove(k->entries, key);
        tell_gone(k, copy, entry->uid);
        free(copy);
        free(entry);
    }
}
