/* Requests and agents as the watcher keeps them: one block each, texts packed behind the numbers, cut to what the protocol carries. Pure. */
#ifndef WATCHER_ROWS_H
#define WATCHER_ROWS_H

#include "common/ado.h"
#include "protocol/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEMANDS_MAX = 128 };

struct watch_request {
    uint64_t bytes;             /* hash of the row's bytes as they came last; 0 = not told */
    uint32_t seen;              /* the last poll that listed it */
    uint32_t asked;             /* ticket of the question whose answer is under way; 0 = none */
    uint32_t try_at;            /* missing: the poll after which to ask for it (again) */
    uint8_t missing;            /* polls in a row that did not list it (stays at 255) */
    uint8_t polls_needed;       /* before it is asked for */
    uint8_t tries;              /* it was asked for and is still unfinished */
    bool dirty;                 /* not told to the peers yet */
    /* from here on compared as bytes */
    uint64_t id;
    int64_t queued_ms, assigned_ms, received_ms;
    uint64_t agent_id;
    int32_t priority;
    uint16_t n_demands;
    bool agent_online;
    uint32_t text_len;
    char text[];                /* agent, definition, run, url, then the demands; each NUL-terminated */
};

/* Fills a block that is reused from row to row; watch_request_copy makes the one to keep. */
struct watch_scratch { struct watch_request *block; size_t cap; };
const struct watch_request *watch_request_pack(struct watch_scratch *scratch, const struct ado_request *row);
struct watch_request *watch_request_copy(const struct watch_request *request);
bool watch_request_same(const struct watch_request *a, const struct watch_request *b);
/* Borrows the texts; demands must have room for n_demands. */
void watch_request_row(const struct watch_request *request, struct request_row *ret, const char **demands);

struct watch_agent {
    uint64_t id, assigned, last;
    bool online, enabled, placeholder;
    char text[];                /* name, host, instance; each NUL-terminated */
};
/* A copy of a name, cut to what the protocol carries. */
char *watch_name_copy(const char *name);
struct watch_agent *watch_agent_new(const struct ado_agent *row);
void watch_agent_row(const struct watch_agent *agent, const char *our_instance, struct agent_row *ret);

#endif
