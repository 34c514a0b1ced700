/* When to call Azure DevOps next. Pure. One pace per pool and kind of call; the organization's budget is shared by all of them. */
#ifndef WATCHER_PACE_H
#define WATCHER_PACE_H

#include "common/err.h"
#include "common/mono.h"

#include <stdbool.h>
#include <stdint.h>

enum { PACE_ASKED_GAP_MS = 200, PACE_BACKOFF_MAX_MS = 60 * 1000, PACE_STANDBY_FACTOR = 10 };

struct budget {
    struct mono closed_until;   /* no call before: Retry-After, X-RateLimit-Delay, or 429 without a word */
    unsigned throttled;         /* 429s in a row that told no time */
};

struct pace {
    int64_t delay_ms;           /* from the end of a round to the start of the next */
    bool standby;               /* every tenth round only */
    bool busy, asked;
    unsigned failures;          /* in a row */
    int64_t backoff_ms;
    struct mono started, ended;
    struct mono soon;           /* MONO_NEVER, or earlier than the delay would have it */
    int64_t took_ms;
};

void pace_init(struct pace *pace, int64_t delay_ms);
void pace_started(struct pace *pace, struct mono now);
/* code: how the round ended; wait_ms as in struct ado_result. */
void pace_ended(struct pace *pace, struct budget *budget, struct mono now, enum err_code code, int64_t wait_ms, uint64_t random);
/* The same for a call outside the rounds: only the budget is affected. */
void budget_note(struct budget *budget, struct mono now, enum err_code code, int64_t wait_ms, uint64_t random);
void pace_ask(struct pace *pace);                       /* one round now; never more often than PACE_ASKED_GAP_MS, never into a backoff */
void pace_wish(struct pace *pace, struct mono when);    /* a round at `when` if none is due before */
void pace_standby(struct pace *pace, bool standby);     /* leaving standby asks for a round */
struct mono pace_next(const struct pace *pace, const struct budget *budget);     /* MONO_NEVER while a round runs */
/* What peers are told: how long they may have to wait for the next news. */
int64_t pace_told_ms(const struct pace *pace, const struct budget *budget, struct mono now);

#endif
