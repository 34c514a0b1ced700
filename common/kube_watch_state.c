#include "common/kube_watch_state.h"

#include "common/backoff.h"
#include "common/json.h"
#include "common/kube_status.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_WAIT_MS = 800, LONGEST_WAIT_MS = 30 * 1000, FORGET_MS = 120 * 1000, RETRY_AFTER_MAX_MS = 60 * 1000, VERY_SHORT_MS = 1000 };
enum { RV_MAX = 256, TOKEN_MAX = 16384 };

static void forget_list(struct kube_watch_state *s)
{
    xstr_replace(&s->list_rv, NULL);
    xstr_replace(&s->continue_token, NULL);
}

void kube_watch_state_done(struct kube_watch_state *s)
{
    forget_list(s);
    free(s->rv);
    *s = (struct kube_watch_state){.rv = NULL};
}

static int64_t next_wait(struct kube_watch_state *s, int64_t retry_after_ms, struct mono now, uint64_t random)
{
    if (s->failures && mono_ms_between(s->failed_at, now) > FORGET_MS)
        s->failures = 0;
    s->failures++;
    s->failed_at = now;
    struct backoff waits = {.first_ms = s->first_wait_ms ? s->first_wait_ms : FIRST_WAIT_MS, .max_ms = LONGEST_WAIT_MS};
    int64_t wait = backoff_delay(&waits, s->failures, random);
    if (retry_after_ms > RETRY_AFTER_MAX_MS)
        retry_after_ms = RETRY_AFTER_MAX_MS;
    return wait > retry_after_ms ? wait : retry_after_ms;
}

int kube_watch_state_page(struct kube_watch_state *s, const char *rv, const char *continue_token, struct kube_watch_plan *ret,
                          struct err *err)
{
    if (!s->list_rv && (!*rv || strlen(rv) > RV_MAX))
        return err_set(err, ERR_INVALID, "the list carries no resourceVersion");
    if (strlen(continue_token) > TOKEN_MAX || (s->continue_token && !strcmp(s->continue_token, continue_token)))
        return err_set(err, ERR_INVALID, "the list does not end: its continue token is the one just used");
    if (!s->list_rv)
        s->list_rv = xstrdup(rv);
    if (*continue_token) {
        xstr_replace(&s->continue_token, continue_token);
        *ret = (struct kube_watch_plan){.what = KUBE_DO_PAGE};
        return 0;
    }
    xstr_replace(&s->rv, s->list_rv);
    forget_list(s);
    enum kube_watch_health health = s->refused ? KUBE_HEALTH_SAME : KUBE_HEALTH_WELL;
    *ret = (struct kube_watch_plan){.what = KUBE_DO_WATCH, .synced = true, .health = health};
    return 0;
}

/* One 410 is part of life (etcd compacts every 5 minutes); a second in a row means that the picture only follows from list to list. */
static enum kube_watch_health health_after_gone(const struct kube_watch_state *s)
{
    return s->failures > 1 ? KUBE_HEALTH_ILL : KUBE_HEALTH_SAME;
}

struct kube_watch_plan kube_watch_state_list_failed(struct kube_watch_state *s, enum err_code code, int64_t retry_after_ms, struct mono now,
                                                    uint64_t random)
{
    forget_list(s);
    struct kube_watch_plan plan = {.what = KUBE_DO_LIST, .delay_ms = next_wait(s, retry_after_ms, now, random)};
    plan.health = code == ERR_GONE ? health_after_gone(s) : KUBE_HEALTH_ILL;
    return plan;
}

/* The watch stood and came to its end, by itself or because a connection was lost. */
static struct kube_watch_plan ended_open(struct kube_watch_state *s, const struct kube_watch_end *end, struct mono now,
                                             uint64_t random)
{
    bool very_short = end->events == 0 && mono_ms_between(end->opened, now) < VERY_SHORT_MS;
    struct kube_watch_plan plan = {.what = KUBE_DO_WATCH};
    if (end->code == ERR_NONE && !very_short)
        return plan;
    plan.delay_ms = next_wait(s, -1, now, random);
    plan.health = very_short && s->failures > 1 ? KUBE_HEALTH_ILL : KUBE_HEALTH_SAME;
    return plan;
}

struct kube_watch_plan kube_watch_state_ended(struct kube_watch_state *s, const struct kube_watch_end *end, struct mono now, uint64_t random)
{
    bool open = end->status >= 200 && end->status < 300;
    bool by_transport = end->code == ERR_NONE || end->code == ERR_IO || end->code == ERR_TIMEOUT;
    if (open && by_transport)
        return ended_open(s, end, now, random);
    s->refused = end->status != 0 && !open && end->code != ERR_GONE;
    struct kube_watch_plan plan = {.what = KUBE_DO_LIST, .health = KUBE_HEALTH_ILL};
    plan.delay_ms = next_wait(s, end->retry_after_ms, now, random);
    if (end->code == ERR_THROTTLED)
        plan.what = KUBE_DO_WATCH;
    else if (end->code == ERR_GONE)
        plan.health = health_after_gone(s);
    return plan;
}

void kube_watch_state_open(struct kube_watch_state *s)
{
    s->refused = false;
}

static void advance(struct kube_watch_state *s, const json_t *object)
{
    const char *rv = json_text(object, "metadata.resourceVersion");
    if (*rv && strlen(rv) <= RV_MAX)
        xstr_replace(&s->rv, rv);
}

static int read_object(json_t *object, struct kube_event *ret, struct err *err)
{
    ret->object = object;
    ret->name = json_text(object, "metadata.name");
    ret->ns = json_text(object, "metadata.namespace");
    ret->uid = json_text(object, "metadata.uid");
    return *ret->name ? 0 : err_set(err, ERR_INVALID, "a watch event names no object");
}

int kube_watch_state_line(struct kube_watch_state *s, json_t *line, struct kube_event *ret, struct err *err)
{
    const char *type = json_text(line, "type");
    json_t *object = json_object_get(line, "object");
    *ret = (struct kube_event){.kind = KUBE_EVENT_NOTHING, .retry_after_ms = -1};
    if (!strcmp(type, "ERROR")) {
        kube_status_event(object, err, &ret->retry_after_ms);
        return -1;
    }
    if (!*type || !json_is_object(object))
        return err_set(err, ERR_INVALID, "a line of the watch is no event");
    bool deleted = !strcmp(type, "DELETED");
    if (deleted || !strcmp(type, "ADDED") || !strcmp(type, "MODIFIED")) {
        if (read_object(object, ret, err))
            return -1;
        ret->kind = deleted ? KUBE_EVENT_DELETED : KUBE_EVENT_CHANGED;
    } else if (strcmp(type, "BOOKMARK")) {
        return 0;
    }
    advance(s, object);
    return 0;
}

int kube_watch_timeout_s(uint64_t random)
{
    return 300 + (int)(random % 301);
}
