#include "watcher/pace.h"

#include "common/backoff.h"

/* A pause longer than this must not make an old picture look fresh for long. */
enum { TOLD_MAX_MS = 60 * 1000, BACKOFF_FIRST_MAX_MS = 10 * 1000 };

static const struct backoff throttle_backoff = {.first_ms = 2000, .max_ms = PACE_BACKOFF_MAX_MS};

void pace_init(struct pace *pace, int64_t delay_ms)
{
    *pace = (struct pace){.delay_ms = delay_ms, .soon = MONO_ZERO};
}

void pace_started(struct pace *pace, struct mono now)
{
    pace->busy = true;
    pace->asked = false;
    pace->started = now;
    pace->soon = MONO_NEVER;
}

void budget_note(struct budget *budget, struct mono now, enum err_code code, int64_t wait_ms, uint64_t random)
{
    if (code == ERR_THROTTLED && !wait_ms)
        wait_ms = backoff_delay(&throttle_backoff, ++budget->throttled, random);
    else if (code == ERR_NONE)
        budget->throttled = 0;
    if (wait_ms)
        budget->closed_until = mono_max(budget->closed_until, mono_add_ms(now, wait_ms));
}

void pace_ended(struct pace *pace, struct budget *budget, struct mono now, enum err_code code, int64_t wait_ms, uint64_t random)
{
    int64_t first = pace->delay_ms < BACKOFF_FIRST_MAX_MS ? pace->delay_ms : BACKOFF_FIRST_MAX_MS;
    const struct backoff backoff = {.first_ms = first, .max_ms = PACE_BACKOFF_MAX_MS};
    pace->busy = false;
    pace->ended = now;
    pace->took_ms = mono_ms_between(pace->started, now);
    pace->failures = code == ERR_NONE ? 0 : pace->failures + 1;
    pace->backoff_ms = pace->failures ? backoff_delay(&backoff, pace->failures, random) : 0;
    budget_note(budget, now, code, wait_ms, random);
}

void pace_ask(struct pace *pace)
{
    pace->asked = true;
}

void pace_wish(struct pace *pace, struct mono when)
{
    pace->soon = mono_min(pace->soon, when);
}

void pace_standby(struct pace *pace, bool standby)
{
    if (pace->standby && !standby)
        pace->asked = true;
    pace->standby = standby;
}

static int64_t regular_ms(const struct pace *pace)
{
    return pace->standby ? pace->delay_ms * PACE_STANDBY_FACTOR : pace->delay_ms;
}

struct mono pace_next(const struct pace *pace, const struct budget *budget)
{
    if (pace->busy)
        return MONO_NEVER;
    struct mono next;
    if (pace->failures) {
        next = mono_add_ms(pace->ended, pace->backoff_ms);
    } else {
        next = mono_min(mono_add_ms(pace->ended, regular_ms(pace)), pace->soon);
        if (pace->asked)
            next = mono_min(next, mono_add_ms(pace->started, PACE_ASKED_GAP_MS));
    }
    return mono_max(next, budget->closed_until);
}

int64_t pace_told_ms(const struct pace *pace, const struct budget *budget, struct mono now)
{
    struct mono next = pace_next(pace, budget);
    int64_t wait = (pace->busy ? 0 : mono_ms_between(now, next)) + pace->took_ms, regular = regular_ms(pace);
    if (wait > TOLD_MAX_MS)
        wait = TOLD_MAX_MS;
    return wait > regular ? wait : regular;
}
