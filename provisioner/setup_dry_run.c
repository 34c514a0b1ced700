/* Step 4: the API server reads each template's Job as it will read a unit's, and makes nothing. */
#include "common/log.h"
#include "common/mem.h"
#include "provisioner/names.h"
#include "provisioner/setup_priv.h"

#include <stdlib.h>
#include <string.h>

static void next_template(struct setup *s)
{
    s->index++;
    setup_dry_run(s);
}

/* Whatever is refused for another reason than the manifest will be refused again, or not, when a unit is made: then it is that request's reason. */
static bool is_for_later(const struct kube_result *result)
{
    switch (result->refusal) {
    case KUBE_QUOTA:
    case KUBE_ADMISSION:
    case KUBE_RBAC: return true;
    case KUBE_MANIFEST: return strstr(result->err.text, "does not support dry run") != NULL;
    case KUBE_NAMESPACE_TERMINATING:
    case KUBE_NAMESPACE_MISSING:
    case KUBE_API_MISSING:
    case KUBE_REFUSAL_NONE: break;
    }
    return false;
}

static void on_checked(void *data, const struct kube_result *result)
{
    struct setup *s = data;
    const struct template *t = &s->o.templates->list[s->index];
    if (*result->warning)
        log_warn("the API server warns about a template", kv_s("pool", t->pool->name), kv_s("template", t->config->name), kv_s("warning", result->warning));
    if (result->err.code == ERR_NONE || result->err.code == ERR_EXISTS) {
        next_template(s);
    } else if (is_for_later(result)) {
        log_warn("the API server did not check a template", kv_s("pool", t->pool->name), kv_s("template", t->config->name), kv_err(&result->err));
        next_template(s);
    } else if (result->refusal == KUBE_MANIFEST) {
        char *text = template_complaint(t, result->field, result->err.text);
        setup_fatal(s, text);
        free(text);
    } else {
        setup_failed(s, result, "cannot have a template checked", NULL);
    }
}

void setup_dry_run(struct setup *s)
{
    if (s->index == s->o.templates->n) {
        setup_done(s);
        return;
    }
    const struct template *t = &s->o.templates->list[s->index];
    char name[64];
    const char *prefix = t->config->name_prefix ? t->config->name_prefix : s->o.config->job_prefix;
    unit_name_for_request(name, prefix, t->pool->name, s->o.config->instance, 0, 1);
    struct jobspec_unit unit = {.name = name, .attempt = 1};
    struct kube_call_spec spec = {
        .verb = KUBE_CREATE,
        .api = "apis/batch/v1",
        .ns = s->ns,
        .resource = "jobs",
        .query = "dryRun=All&fieldValidation=Strict",
        .body = jobspec_body(t->spec, &unit),
    };
    setup_send(s, &spec, on_checked);
}
