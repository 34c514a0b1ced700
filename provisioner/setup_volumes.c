/* Step 3: the volumes of the job files: made once where absent, never changed. */
#include "common/log.h"
#include "common/mem.h"
#include "provisioner/setup_priv.h"

#include <stdlib.h>

struct found { const struct jobfile *file; const struct jobfile_volume *volume; };

/* The index-th volume over all files. */
static bool find(const struct setup *s, struct found *ret)
{
    size_t left = s->index;
    for (size_t i = 0; i < s->o.templates->n_files; i++) {
        const struct jobfile *file = s->o.templates->files[i];
        if (left < file->n_volumes) {
            *ret = (struct found){.file = file, .volume = &file->volumes[left]};
            return true;
        }
        left -= file->n_volumes;
    }
    return false;
}

static const char *kind_of(const struct jobfile_volume *volume)
{
    return volume->claim ? "PersistentVolumeClaim" : "PersistentVolume";
}

static struct kube_call_spec spec_for(const struct setup *s, const struct jobfile_volume *volume, enum kube_verb verb)
{
    return (struct kube_call_spec){
        .verb = verb,
        .api = "api/v1",
        .ns = volume->claim ? s->ns : NULL,
        .resource = volume->claim ? "persistentvolumeclaims" : "persistentvolumes",
        .name = verb == KUBE_GET ? volume->name : NULL,
        .query = verb == KUBE_GET ? NULL : "fieldValidation=Strict",
        .body = verb == KUBE_GET ? NULL : volume->object,
    };
}

static void next_volume(struct setup *s)
{
    s->index++;
    setup_volumes(s);
}

static void refused(struct setup *s, const struct found *f, const struct kube_result *result)
{
    char field[256];
    template_field_in_message(result->err.text, field);
    char *text = jobfile_complaint(f->file, f->volume->root, *result->field ? result->field : field, result->err.text);
    setup_fatal(s, text);
    free(text);
}

/* Whoever may not make volumes may have had them made: the claim tells. */
static void not_allowed(struct setup *s, const struct found *f, const struct kube_result *result)
{
    log_warn("a volume of the job file cannot be made; it must exist already", kv_s("kind", kind_of(f->volume)), kv_s("name", f->volume->name), kv_err(&result->err));
    next_volume(s);
}

static void on_made(void *data, const struct kube_result *result)
{
    struct setup *s = data;
    struct found f = {0};
    CHECK(find(s, &f));
    if (result->err.code == ERR_NONE)
        log_info("volume created", kv_s("kind", kind_of(f.volume)), kv_s("name", f.volume->name));
    if (result->err.code == ERR_NONE || result->err.code == ERR_EXISTS)
        next_volume(s);
    else if (result->refusal == KUBE_RBAC)
        not_allowed(s, &f, result);
    else if (result->refusal == KUBE_MANIFEST)
        refused(s, &f, result);
    else
        setup_failed(s, result, "cannot create a volume of the job file", NULL);
}

static void on_got(void *data, const struct kube_result *result)
{
    struct setup *s = data;
    struct found f = {0};
    CHECK(find(s, &f));
    bool missing = result->err.code == ERR_NOT_FOUND && result->refusal == KUBE_REFUSAL_NONE;
    if (result->err.code == ERR_NONE) {
        next_volume(s);
    } else if (missing || result->err.code == ERR_DENIED) {
        struct kube_call_spec spec = spec_for(s, f.volume, KUBE_CREATE);
        setup_send(s, &spec, on_made);
    } else {
        setup_failed(s, result, "cannot look for a volume of the job file", NULL);
    }
}

void setup_volumes(struct setup *s)
{
    struct found f;
    if (!find(s, &f)) {
        setup_done(s);
        return;
    }
    struct kube_call_spec spec = spec_for(s, f.volume, KUBE_GET);
    setup_send(s, &spec, on_got);
}
