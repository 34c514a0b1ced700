/* A hostile API server: the first bytes choose how the list went and how chunks are cut, the rest is the stream of a watch. Whatever comes, the
 * state machine goes on: it has a resourceVersion to watch from, waits stay bounded, and what it said is gone was shown before. */
#include "common/json.h"
#include "common/kube_known.h"
#include "common/kube_status.h"
#include "common/kube_watch_state.h"
#include "common/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct run {
    struct kube_watch_state state;
    struct kube_known *known;
    unsigned events, gone, shown;
};

static void on_gone(void *data, const char *name, const char *uid)
{
    struct run *run = data;
    CHECK(name && uid);
    run->gone++;
    CHECK(run->gone <= run->shown);
}

static int on_line(void *data, json_t *line, struct err *err)
{
    struct run *run = data;
    struct kube_event event;
    if (kube_watch_state_line(&run->state, line, &event, err)) {
        CHECK(err->code != ERR_NONE);
        return -1;
    }
    CHECK(run->state.rv && *run->state.rv);
    run->events++;
    if (event.kind == KUBE_EVENT_NOTHING)
        return 0;
    CHECK(*event.name);
    run->shown += event.kind == KUBE_EVENT_CHANGED;
    if (event.kind == KUBE_EVENT_CHANGED)
        kube_known_seen(run->known, event.name, event.uid);
    else
        kube_known_deleted(run->known, event.name, event.uid);
    return 0;
}

static int on_item(void *data, json_t *item, struct err *err)
{
    (void)err;
    struct run *run = data;
    run->shown++;
    kube_known_seen(run->known, json_text(item, "metadata.name"), json_text(item, "metadata.uid"));
    return 0;
}

static enum err_code feed(struct json_rows *rows, const uint8_t *bytes, size_t n, size_t cut)
{
    struct err err = {.code = ERR_NONE};
    for (size_t at = 0; at < n; at += cut)
        if (json_rows_feed(rows, (const char *)bytes + at, n - at < cut ? n - at : cut, &err))
            break;
    return err.code;
}

static void check_plan(const struct kube_watch_plan *plan)
{
    CHECK(plan->delay_ms >= 0 && plan->delay_ms <= 60 * 1000);
    CHECK(!plan->synced || plan->what == KUBE_DO_WATCH);
}

static void list(struct run *run, const uint8_t *bytes, size_t n, size_t cut)
{
    struct json_rows *rows = json_rows_new("items", 1 << 16, on_item, run);
    struct kube_watch_plan plan;
    kube_known_list_begins(run->known);
    struct err err = {.code = feed(rows, bytes, n, cut)};
    const json_t *envelope = err.code == ERR_NONE && json_rows_end(rows, &err) == 0 ? json_rows_envelope(rows) : NULL;
    const char *rv = json_text(envelope, "metadata.resourceVersion"), *token = json_text(envelope, "metadata.continue");
    if (!envelope || kube_watch_state_page(&run->state, rv, token, &plan, &err))
        plan = kube_watch_state_list_failed(&run->state, err.code, -1, (struct mono){1}, n);
    check_plan(&plan);
    CHECK(!plan.synced || run->state.rv);
    if (plan.synced)
        kube_known_list_ends(run->known);
    json_rows_free(&rows);
}

static void watch(struct run *run, const uint8_t *bytes, size_t n, size_t cut)
{
    struct json_rows *rows = json_rows_new(NULL, 1 << 16, on_line, run);
    struct kube_watch_end end = {.status = n % 3 ? 200 : 500, .retry_after_ms = -1, .opened = {1}};
    end.code = feed(rows, bytes, n, cut);
    end.events = run->events;
    struct kube_watch_plan plan = kube_watch_state_ended(&run->state, &end, (struct mono){(int64_t)n * 1000000}, n);
    check_plan(&plan);
    CHECK(end.code != ERR_GONE || plan.what == KUBE_DO_LIST);
    json_rows_free(&rows);
}

static void status(const uint8_t *bytes, size_t n)
{
    json_t *body = json_parse((const char *)bytes, n, NULL);
    for (int code = 100; code < 600; code += 7) {
        struct kube_reply reply = {.method = "POST", .resource = "jobs", .status = code, .body = body, .text = "x", .retry_after_ms = -1};
        struct kube_result result;
        kube_status_decode(&reply, &result);
        CHECK((result.err.code == ERR_NONE) == (code >= 200 && code < 300));
    }
    json_decref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n < 2)
        return 0;
    struct run run = {.state = {.rv = xstrdup("1")}};
    run.known = kube_known_new(on_gone, &run);
    size_t cut = (size_t)bytes[0] + 1;
    if (bytes[1] & 1)
        list(&run, bytes + 2, n - 2, cut);
    watch(&run, bytes + 2, n - 2, cut);
    if (bytes[1] & 2)
        status(bytes + 2, n - 2);
    kube_known_free(&run.known);
    kube_watch_state_done(&run.state);
    return 0;
}
