/* Leader election: whether, and in what time. */
#include "common/config_priv.h"

#include "common/lease.h"
#include "common/mem.h"

#include <strings.h>

static bool is_set(const struct config_loader *l, const char *name)
{
    const char *text = l->get(l->get_data, name);
    return text && *text;
}

/* Asked for the default before the other settings are in. */
static bool has_kubeconfig(const struct config_loader *l)
{
    const struct yaml_node *in_file = l->doc ? yaml_get(yaml_root(l->doc, 0), "kubeconfig") : NULL;
    return is_set(l, "KUBECONFIG") || (in_file && in_file->kind != YAML_NULL);
}

/* Elsewhere than in a pod there is no namespace of our own, and as a rule no second replica. */
int config_check_election(const struct config_setting *s, char **text, struct err *err)
{
    const struct config_loader *l = s->loader;
    (void)err;
    if (strcasecmp(*text, "auto") == 0)
        xstr_replace(text, !has_kubeconfig(l) && (is_set(l, "POD_NAMESPACE") || is_set(l, "KUBERNETES_SERVICE_HOST")) ? "true" : "false");
    return 0;
}

int config_check_lease(const struct config *c, struct err *err)
{
    struct lease_terms terms = {.duration_ms = c->lease_duration_ms, .renew_ms = c->lease_renew_ms, .retry_ms = c->lease_retry_ms};
    if (lease_terms_good(&terms))
        return 0;
    char duration[WALL_TEXT_MAX], renew[WALL_TEXT_MAX], retry[WALL_TEXT_MAX];
    return err_set(err, ERR_CONFIG, "LEASE_DURATION (%s) must be longer than LEASE_RENEW_DEADLINE (%s), and that longer than 1.2 times LEASE_RETRY (%s): "
                                    "15s, 10s and 2s are usual",
                   duration_format(terms.duration_ms, duration), duration_format(terms.renew_ms, renew), duration_format(terms.retry_ms, retry));
}
