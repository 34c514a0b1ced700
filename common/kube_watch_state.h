/* How a reflector stays in step: which request comes next, from which resourceVersion, after which wait, and whether the picture can be
 * trusted. Pure: results in, plan out. resourceVersions are opaque text.
 *
 *   LIST -> PAGE* -> WATCH -> WATCH ...    a watch that ends well goes on from the last resourceVersion seen
 *   410 (HTTP on a list page, HTTP on a watch, ERROR event) -> LIST      a list restarts whole: a mixed snapshot would look like deletions
 *   no reply, any other refusal, an unreadable line -> wait -> LIST         429 -> wait -> WATCH */
#ifndef COMMON_KUBE_WATCH_STATE_H
#define COMMON_KUBE_WATCH_STATE_H

#include "common/err.h"
#include "common/mono.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum kube_watch_do { KUBE_DO_LIST, KUBE_DO_PAGE, KUBE_DO_WATCH };
enum kube_watch_health { KUBE_HEALTH_SAME, KUBE_HEALTH_WELL, KUBE_HEALTH_ILL };

struct kube_watch_plan {
    enum kube_watch_do what;
    int64_t delay_ms;
    enum kube_watch_health health;
    bool synced;                 /* the list is complete: what it did not name is gone */
};

struct kube_watch_state {
    char *rv;                    /* the next watch begins here */
    char *list_rv;               /* of the first page of the list under way */
    char *continue_token;        /* of the next page */
    int64_t first_wait_ms;       /* after one failure; 0 = 800. Doubles up to 30 s, forgotten after 2 minutes without failure */
    unsigned failures;
    struct mono failed_at;
    bool refused;                /* the last watch was refused: a good list alone does not prove that it will be let in */
};

void kube_watch_state_done(struct kube_watch_state *s);

/* A page came whole: its metadata. -1 with err when it cannot be one (then kube_watch_state_list_failed). */
int kube_watch_state_page(struct kube_watch_state *s, const char *rv, const char *continue_token, struct kube_watch_plan *ret,
                          struct err *err);
struct kube_watch_plan kube_watch_state_list_failed(struct kube_watch_state *s, enum err_code code, int64_t retry_after_ms, struct mono now,
                                                    uint64_t random);

struct kube_watch_end {
    int status;                  /* HTTP; 0 = no reply */
    enum err_code code;          /* ERR_NONE = a clean end; also the code of an ERROR event */
    int64_t retry_after_ms;      /* -1 = not said */
    unsigned events;
    struct mono opened;
};
struct kube_watch_plan kube_watch_state_ended(struct kube_watch_state *s, const struct kube_watch_end *end, struct mono now,
                                             uint64_t random);
/* The watch is open (health WELL): a line came, or it stood for KUBE_WATCH_OPEN_MS. A refusal comes sooner. */
enum { KUBE_WATCH_OPEN_MS = 2000 };
void kube_watch_state_open(struct kube_watch_state *s);

enum kube_event_kind { KUBE_EVENT_CHANGED, KUBE_EVENT_DELETED, KUBE_EVENT_NOTHING };
struct kube_event {
    enum kube_event_kind kind;
    json_t *object;              /* borrowed from the line */
    const char *name, *ns, *uid; /* name is never empty where kind is not NOTHING */
    int64_t retry_after_ms;      /* of an ERROR event */
};
/* One line of a watch. -1 with err: an ERROR event (its code), or a line that cannot be one (ERR_INVALID); the watch is over. */
int kube_watch_state_line(struct kube_watch_state *s, json_t *line, struct kube_event *ret, struct err *err);

/* timeoutSeconds of the next watch: 300 to 600. */
int kube_watch_timeout_s(uint64_t random);

#endif
