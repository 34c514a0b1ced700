/* The credential of one identity while time passes: token and certificate files read again, an exec plugin run again. */
#ifndef COMMON_KUBE_IDENTITY_H
#define COMMON_KUBE_IDENTITY_H

#include "common/kube_config.h"
#include "common/loop.h"

struct kube_identity;

/* NOW: go on. LATER: on_ready comes, once, for all who wait. NEVER: there is nothing to try. */
enum kube_ready { KUBE_READY_NOW, KUBE_READY_LATER, KUBE_READY_NEVER };
typedef void kube_ready_fn(void *data, const struct err *err);     /* NULL = the credential is there */

/* config's contents are taken over. ERR_CONFIG when a file it names cannot be read. */
struct kube_identity *kube_identity_new(struct loop *loop, struct kube_config *config, kube_ready_fn *on_ready, void *data,
                                        struct err *err);
void kube_identity_free(struct kube_identity **identity);
const struct kube_config *kube_identity_config(const struct kube_identity *identity);

/* Before each request: reads or renews what is due. Never NEVER. */
enum kube_ready kube_identity_prepare(struct kube_identity *identity);
/* A request sent with that generation got 401. NOW: there is another credential, LATER: one is being fetched, NEVER: there is none to try. */
enum kube_ready kube_identity_refused(struct kube_identity *identity, uint64_t generation);

/* "Authorization: Bearer ..."; NULL = none. Also NULL where the server is plain http beyond loopback. */
const char *kube_identity_authorization(const struct kube_identity *identity);
uint64_t kube_identity_generation(const struct kube_identity *identity);          /* changes with the credential */

/* The client certificate; NULL = none. */
void kube_identity_certificate(const struct kube_identity *identity, const char **ret_cert_pem, const char **ret_key_pem);
uint64_t kube_identity_certificate_generation(const struct kube_identity *identity);

/* True for "http://127.0.0.1:8080", "http://[::1]/", "http://localhost". */
bool kube_server_is_loopback(const char *server);

#endif
