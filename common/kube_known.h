/* What a reflector has shown to its user: name -> uid and the list that named it last. Just enough to tell what is gone. Pure. */
#ifndef COMMON_KUBE_KNOWN_H
#define COMMON_KUBE_KNOWN_H

#include <stddef.h>

struct kube_known;
typedef void kube_gone_fn(void *data, const char *name, const char *uid);

struct kube_known *kube_known_new(kube_gone_fn *on_gone, void *data);
void kube_known_free(struct kube_known **known);
size_t kube_known_count(const struct kube_known *known);

/* key: unique in the collection ("name", or "ns/name" for a collection over all namespaces; on_gone gets the part after the slash). */
void kube_known_list_begins(struct kube_known *known);
void kube_known_seen(struct kube_known *known, const char *key, const char *uid);       /* on_gone when it was there under another uid */
void kube_known_deleted(struct kube_known *known, const char *key, const char *uid);    /* on_gone for what was shown */
void kube_known_list_ends(struct kube_known *known);                                    /* on_gone for all not seen since it began */

#endif
