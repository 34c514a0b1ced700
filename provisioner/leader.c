#include "provisioner/leader.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/lease.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/unit.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALL_MS_MAX = 5000 };

static const char api[] = "apis/coordination.k8s.io/v1";

struct leader {
    struct leader_options o;
    struct lease *lease;
    char *ns, name[LEASE_NAME_MAX], *identity;
    struct loop_timer *timer;
    struct kube_call *call;
    enum lease_want want;              /* of the call */
    json_t *object;                    /* the Lease as last answered: what others put into it stays */
    bool leading;                      /* as last told */
    enum err_code trouble_code;
    char *trouble;                     /* why the Lease cannot be used at present, NULL = it can */
    loop_fn *on_released;
    void *released_data;
    uint64_t calls;
};

/* ---- names ---- */

static const char *put_lower(char *out, size_t room, const char *text)
{
    size_t n = strlen(out);
    for (; *text && n + 1 < room; text++)
        out[n++] = isalnum((unsigned char)*text) ? (char)tolower((unsigned char)*text) : '-';
    out[n] = '\0';
    return out;
}

/* An instance is a label's value: capitals, '_' and '.' may be in it, but two that differ must not share a Lease. */
void leader_lease_name(char out[LEASE_NAME_MAX], const char *instance)
{
    snprintf(out, LEASE_NAME_MAX, "ado-orchestrator-");
    size_t begin = strlen(out);
    put_lower(out, LEASE_NAME_MAX, instance);
    if (strcmp(out + begin, instance) == 0)
        return;
    uint64_t hash = 0xcbf29ce484222325ull;
    for (const char *p = instance; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3ull;
    size_t end = strlen(out);
    snprintf(out + end, LEASE_NAME_MAX - end, "-%08" PRIx32, (uint32_t)(hash >> 32));
}

/* The pod's uid outlives its containers: a restarted one takes its own lease back at once. */
static char *make_identity(void)
{
    const char *uid = getenv("POD_UID");
    char host[65] = "";
    if (uid && *uid)
        return xstrdup(uid);
    gethostname(host, sizeof host - 1);
    return xasprintf("%s_%016" PRIx64, *host ? host : "unknown", clock_random());
}

/* ---- the object ---- */

static void read_record(const json_t *object, struct lease_record *r)
{
    *r = (struct lease_record){.duration_s = json_number(object, "spec.leaseDurationSeconds", 0), .transitions = json_number(object, "spec.leaseTransitions", 0)};
    snprintf(r->holder, sizeof r->holder, "%s", json_text(object, "spec.holderIdentity"));
    snprintf(r->acquired, sizeof r->acquired, "%s", json_text(object, "spec.acquireTime"));
    snprintf(r->renewed, sizeof r->renewed, "%s", json_text(object, "spec.renewTime"));
    snprintf(r->version, sizeof r->version, "%s", json_text(object, "metadata.resourceVersion"));
}

static json_t *new_object(const struct leader *l)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s, s:s}}, s:{}}", "apiVersion", "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name", l->name,
                     "namespace", l->ns, "labels", LABEL_MANAGED_BY, MANAGED_BY, LABEL_INSTANCE, l->o.config->instance, "spec");
}

static json_t *body_of(const struct leader *l, const struct lease_record *r)
{
    json_t *body = l->want == LEASE_UPDATE && l->object ? json_deep_copy(l->object) : new_object(l);
    json_t *spec = json_object_get(body, "spec"), *meta = json_object_get(body, "metadata");
    if (!json_is_object(spec)) {
        spec = json_object();
        json_object_set_new(body, "spec", spec);
    }
    json_object_del(meta, "managedFields");
    if (l->want == LEASE_UPDATE)
        json_object_set_new(meta, "resourceVersion", json_string(r->version));
    json_object_set_new(spec, "holderIdentity", json_string(r->holder));
    json_object_set_new(spec, "leaseDurationSeconds", json_integer(r->duration_s));
    json_object_set_new(spec, "renewTime", json_string(r->renewed));
    json_object_set_new(spec, "leaseTransitions", json_integer(r->transitions));
    if (*r->acquired)
        json_object_set_new(spec, "acquireTime", json_string(r->acquired));
    return body;
}

/* ---- what people see ---- */

static const char *holder(const struct leader *l)
{
    const struct lease_record *seen = lease_seen(l->lease);
    return seen ? seen->holder : "";
}

static void clear_trouble(struct leader *l)
{
    if (l->trouble)
        log_info("the Lease can be used again", kv_s("lease", l->name));
    free(l->trouble);
    l->trouble = NULL;
}

/* One line per kind of trouble, not one per try. */
static void set_trouble(struct leader *l, const struct err *err)
{
    bool known = l->trouble && l->trouble_code == err->code;
    const char *hint = err->code == ERR_DENIED ? "; allow get, create and update of leases there, or set LEADER_ELECTION=0 where one replica runs" : "";
    free(l->trouble);
    l->trouble = xasprintf("%s%s", err->text, hint);
    l->trouble_code = err->code;
    if (!known)
        log_warn("the Lease cannot be used", kv_s("lease", l->name), kv_s("namespace", l->ns), kv_s("error", l->trouble));
}

char *leader_note(const struct leader *l)
{
    if (!l)
        return NULL;
    char *trouble = xasprintf("%s%s", l->trouble ? "; the Lease cannot be used: " : "", str_or_empty(l->trouble)), *note;
    if (leader_leads(l))
        note = xasprintf("leader: holds the Lease %s/%s%s", l->ns, l->name, trouble);
    else if (*holder(l) && strcmp(holder(l), l->identity) != 0)
        note = xasprintf("standby: %s holds the Lease %s/%s%s", holder(l), l->ns, l->name, trouble);
    else
        note = xasprintf("standby: nobody holds the Lease %s/%s%s", l->ns, l->name, trouble);
    free(trouble);
    return note;
}

uint64_t leader_transitions(const struct leader *l)
{
    const struct lease_record *seen = l ? lease_seen(l->lease) : NULL;
    return seen && seen->transitions > 0 ? (uint64_t)seen->transitions : 0;
}

uint64_t leader_calls(const struct leader *l)
{
    return l ? l->calls : 0;
}

/* ---- the machine carried out ---- */

static void look(void *data);

static void tell_change(struct leader *l)
{
    bool leads = leader_leads(l);
    if (leads == l->leading)
        return;
    l->leading = leads;
    if (leads)
        log_info("this replica leads", kv_s("lease", l->name), kv_s("identity", l->identity), kv_i("transitions", (int64_t)leader_transitions(l)));
    else if (l->on_released)
        log_info("the Lease is given back", kv_s("lease", l->name));
    else
        log_warn("this replica leads no longer", kv_s("lease", l->name), kv_s("holder", holder(l)), kv_s("error", l->trouble));
    l->o.on_change(l->o.data);
}

static void on_reply(void *data, const struct kube_result *result)
{
    struct leader *l = data;
    struct mono now = loop_now(l->o.loop);
    struct lease_record record;
    read_record(result->object, &record);
    bool good = result->err.code == ERR_NONE && *record.version;
    bool missing = l->want == LEASE_GET && result->err.code == ERR_NOT_FOUND && result->refusal == KUBE_REFUSAL_NONE;
    bool raced = l->want != LEASE_GET && (result->err.code == ERR_CONFLICT || result->err.code == ERR_EXISTS);
    l->call = NULL;
    if (good || missing || raced)
        clear_trouble(l);
    else
        set_trouble(l, &result->err);
    if (good) {
        json_decref(l->object);
        l->object = json_deep_copy(result->object);
    }
    if (good && l->want == LEASE_GET)
        lease_found(l->lease, now, &record);
    else if (good)
        lease_written(l->lease, now, record.version);
    else if (missing)
        lease_missing(l->lease, now);
    else
        lease_failed(l->lease, now);
    look(l);
}

static void send_call(struct leader *l, const struct lease_record *record)
{
    static const enum kube_verb verbs[] = {[LEASE_GET] = KUBE_GET, [LEASE_CREATE] = KUBE_CREATE, [LEASE_UPDATE] = KUBE_UPDATE};
    int64_t patience = l->o.config->lease_renew_ms / 2;
    json_t *body = l->want == LEASE_GET ? NULL : body_of(l, record);
    struct kube_call_spec spec = {
        .verb = verbs[l->want], .api = api, .ns = l->ns, .resource = "leases", .name = l->want == LEASE_CREATE ? NULL : l->name, .body = body,
        .deadline_ms = patience < CALL_MS_MAX ? patience : CALL_MS_MAX, .urgent = true, .on_done = on_reply, .data = l,
    };
    l->calls++;
    l->call = kube_send(l->o.kube, &spec);
    json_decref(body);
}

static void tell_released(struct leader *l)
{
    loop_fn *fn = l->on_released;
    l->on_released = NULL;
    if (fn)
        fn(l->released_data);
}

static void look(void *data)
{
    struct leader *l = data;
    struct lease_record record;
    tell_change(l);               /* before anything is sent */
    enum lease_want want = lease_tick(l->lease, loop_now(l->o.loop), clock_wall(), clock_random(), &record);
    if (want != LEASE_WAIT) {
        l->want = want;
        send_call(l, &record);
    }
    loop_timer_set(l->timer, lease_deadline(l->lease, loop_now(l->o.loop)));
    if (lease_over(l->lease))
        tell_released(l);
}

/* ---- life ---- */

struct leader *leader_start(const struct leader_options *options)
{
    const struct config *c = options->config;
    if (!c->leader_election || c->run_once)
        return NULL;
    struct leader *l = xcalloc(1, sizeof *l);
    struct lease_terms terms = {.duration_ms = c->lease_duration_ms, .renew_ms = c->lease_renew_ms, .retry_ms = c->lease_retry_ms};
    l->o = *options;
    l->ns = xstrdup(kube_namespace(options->kube));
    l->identity = make_identity();
    l->lease = lease_new(&terms, l->identity);
    leader_lease_name(l->name, c->instance);
    l->timer = loop_timer_new(options->loop, look, l);
    loop_timer_set(l->timer, loop_now(options->loop));
    return l;
}

void leader_stop(struct leader **leader)
{
    struct leader *l = *leader;
    *leader = NULL;
    if (!l)
        return;
    if (l->call)
        kube_cancel(l->call);
    loop_timer_free(&l->timer);
    lease_free(&l->lease);
    json_decref(l->object);
    free(l->trouble);
    free(l->identity);
    free(l->ns);
    free(l);
}

bool leader_leads(const struct leader *l)
{
    return !l || lease_leads(l->lease, loop_now(l->o.loop));
}

struct mono leader_until(const struct leader *l)
{
    return l ? lease_until(l->lease) : MONO_NEVER;
}

void leader_release(struct leader *l, loop_fn *on_released, void *data)
{
    if (!l) {
        on_released(data);
        return;
    }
    l->on_released = on_released;
    l->released_data = data;
    lease_release(l->lease, loop_now(l->o.loop));
    look(l);
}
