/* Kubernetes Events on our Jobs, for people who look with kubectl: sent and forgotten, a few per second at most. */
#include "common/clock.h"
#include "common/mem.h"
#include "provisioner/shell_priv.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BURST = 25, REFILL_MS = 1000, NOTE_MAX = 1000 };

struct events {
    struct loop *loop;
    struct kube *kube;
    char *ns;
    char host[128];
    int tokens;
    struct mono refilled;
    uint64_t calls;
};

struct events *events_new(struct loop *loop, struct kube *kube, const char *ns, const char *instance)
{
    struct events *e = xcalloc(1, sizeof *e);
    *e = (struct events){.loop = loop, .kube = kube, .ns = xstrdup(ns), .tokens = BURST, .refilled = loop_now(loop)};
    if (gethostname(e->host, sizeof e->host - 1) != 0)
        snprintf(e->host, sizeof e->host, "%s", instance);
    return e;
}

void events_free(struct events **events)
{
    struct events *e = *events;
    *events = NULL;
    if (!e)
        return;
    free(e->ns);
    free(e);
}

uint64_t events_calls(const struct events *events)
{
    return events->calls;
}

static bool take_token(struct events *e)
{
    struct mono now = loop_now(e->loop);
    int64_t more = mono_ms_between(e->refilled, now) / REFILL_MS;
    if (more > 0) {
        e->tokens = e->tokens + more > BURST ? BURST : (int)(e->tokens + more);
        e->refilled = mono_add_ms(e->refilled, more * REFILL_MS);
    }
    return e->tokens > 0 && e->tokens-- > 0;
}

/* "image-pull" -> "ImagePull", as kubectl's column expects it. */
static void camel(char out[64], const char *cause)
{
    size_t n = 0;
    bool upper = true;
    for (; *cause && n < 63; cause++) {
        if (!isalnum((unsigned char)*cause)) {
            upper = true;
            continue;
        }
        out[n++] = upper ? (char)toupper((unsigned char)*cause) : *cause;
        upper = false;
    }
    out[n] = '\0';
}

/* At most NOTE_MAX bytes, not cut within a character; NULL becomes the cause. */
static json_t *note_of(const char *cause, const char *message)
{
    size_t n = strlen(message);
    if (n > NOTE_MAX)
        for (n = NOTE_MAX; n > 0 && ((unsigned char)message[n] & 0xc0) == 0x80;)
            n--;
    json_t *note = n ? json_stringn(message, n) : NULL;
    return note ? note : json_string(cause);
}

static json_t *event_body(const struct events *e, const char *unit, const char *uid, const char *cause, const char *message)
{
    char reason[64], when[WALL_TEXT_MAX];
    camel(reason, cause);
    struct wall now = clock_wall();
    char *name = xasprintf("%s.%" PRIx64, unit, (uint64_t)now.ms << 20 | (clock_random() & 0xfffff));
    json_t *body = json_pack("{s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s}}", "apiVersion", "events.k8s.io/v1", "kind",
                             "Event", "metadata", "name", name, "namespace", e->ns, "eventTime", wall_format_micro(now, when), "type", "Warning", "reason",
                             *reason ? reason : "Trouble", "note", note_of(cause, message), "action", "Reap", "reportingController",
                             "ado-orchestrator.io/provisioner", "reportingInstance", e->host, "regarding", "apiVersion", "batch/v1", "kind", "Job", "namespace",
                             e->ns, "name", unit, "uid", uid);
    free(name);
    return body;
}

static void on_sent(void *data, const struct kube_result *result)
{
    (void)data;
    (void)result;
}

void events_warn(struct events *events, const char *unit, const char *uid, const char *cause, const char *message)
{
    if (!take_token(events))
        return;
    json_t *body = event_body(events, unit, uid, cause, message);
    struct kube_call_spec spec = {
        .verb = KUBE_CREATE, .api = "apis/events.k8s.io/v1", .ns = events->ns, .resource = "events", .body = body, .deadline_ms = 10000, .on_done = on_sent};
    if (body) {
        events->calls++;
        kube_send(events->kube, &spec);
    }
    json_decref(body);
}
