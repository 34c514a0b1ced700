#include "common/lease.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum step {
    STEP_ASK,
    STEP_MAKE,      /* there is none */
    STEP_TAKE,      /* it is free, expired or ours, as far as we know: write it */
    STEP_OVER,      /* released */
};

struct lease {
    struct lease_terms terms;
    char identity[LEASE_IDENTITY_MAX + 1];
    enum step step;
    enum lease_want under_way;
    struct mono next_at, sent_at;
    uint64_t random;              /* of the last tick */
    bool blind;                   /* the write follows upon our own last one, not upon a GET */
    bool releasing;
    bool have;
    struct lease_record record, sent;
    struct mono seen_at;          /* when its version last changed for us */
    struct mono until;
};

bool lease_terms_good(const struct lease_terms *t)
{
    return t->retry_ms > 0 && t->renew_ms * 5 > t->retry_ms * 6 && t->duration_ms > t->renew_ms;
}

struct lease *lease_new(const struct lease_terms *terms, const char *identity)
{
    CHECK(lease_terms_good(terms) && *identity);
    struct lease *l = xcalloc(1, sizeof *l);
    l->terms = *terms;
    snprintf(l->identity, sizeof l->identity, "%s", identity);
    return l;
}

void lease_free(struct lease **lease)
{
    free(*lease);
    *lease = NULL;
}

/* ---- what is known ---- */

static bool is_ours(const struct lease *l)
{
    return l->have && strcmp(l->record.holder, l->identity) == 0;
}

static struct mono expiry(const struct lease *l)
{
    int64_t ms = l->record.duration_s > 0 ? l->record.duration_s * 1000 : l->terms.duration_ms;
    return mono_add_ms(l->seen_at, ms);
}


bool lease_leads(const struct lease *l, struct mono now)
{
    return mono_before(now, l->until);
}

struct mono lease_until(const struct lease *l)
{
    return l->until;
}

const struct lease_record *lease_seen(const struct lease *l)
{
    return l->have ? &l->record : NULL;
}

bool lease_over(const struct lease *l)
{
    return l->step == STEP_OVER;
}

/* ---- what to write ---- */

/* Differs from the last one whatever the wall clock does: the API server gives no new version to a write that changes nothing. */
static void stamp(const struct lease *l, struct wall wall, struct lease_record *r)
{
    char text[WALL_TEXT_MAX];
    wall_format_micro(wall, text);
    if (strcmp(text, l->record.renewed) == 0)
        wall_format_micro((struct wall){wall.ms + 1}, text);
    snprintf(r->renewed, sizeof r->renewed, "%s", text);
}

static void fill(const struct lease *l, struct wall wall, struct lease_record *r)
{
    *r = l->have ? l->record : (struct lease_record){.holder = ""};
    stamp(l, wall, r);
    r->duration_s = (l->terms.duration_ms + 999) / 1000;
    if (l->releasing) {
        r->holder[0] = '\0';
        r->duration_s = 1;
        return;
    }
    if (is_ours(l))
        return;
    snprintf(r->holder, sizeof r->holder, "%s", l->identity);
    memcpy(r->acquired, r->renewed, sizeof r->acquired);
    r->transitions = l->have ? l->record.transitions + 1 : 0;
}

enum lease_want lease_tick(struct lease *l, struct mono now, struct wall wall, uint64_t random, struct lease_record *ret_record)
{
    if (l->under_way != LEASE_WAIT || l->step == STEP_OVER || !mono_reached(l->next_at, now))
        return LEASE_WAIT;
    l->random = random;
    l->sent_at = now;
    switch (l->step) {
    case STEP_ASK: l->under_way = LEASE_GET; break;
    case STEP_MAKE: l->under_way = LEASE_CREATE; break;
    case STEP_TAKE: l->under_way = LEASE_UPDATE; break;
    case STEP_OVER: break;
    }
    if (l->under_way != LEASE_GET)
        fill(l, wall, &l->sent);
    *ret_record = l->sent;
    return l->under_way;
}

struct mono lease_deadline(const struct lease *l, struct mono now)
{
    struct mono next = l->under_way != LEASE_WAIT || l->step == STEP_OVER ? MONO_NEVER : l->next_at;
    return lease_leads(l, now) ? mono_min(next, l->until) : next;
}

/* ---- what came of it ---- */

static void go(struct lease *l, enum step step, struct mono at)
{
    l->step = step;
    l->next_at = at;
    l->blind = false;
}

/* Up to a fifth longer, so that those who wait do not all come at once. */
static struct mono after_a_while(const struct lease *l, struct mono now)
{
    return mono_add_ms(now, l->terms.retry_ms + (int64_t)(l->random % (uint64_t)(l->terms.retry_ms / 5 + 1)));
}

static void answered(struct lease *l, enum lease_want want)
{
    CHECK(l->under_way == want);
    l->under_way = LEASE_WAIT;
}

/* client-go compares the records; of two renewals stamped by a clock that was set back the second may look like the first. The version never does. */
static void note(struct lease *l, struct mono now, const struct lease_record *record)
{
    if (!l->have || strcmp(l->record.version, record->version) != 0)
        l->seen_at = now;
    l->have = true;
    l->record = *record;
}

void lease_found(struct lease *l, struct mono now, const struct lease_record *record)
{
    answered(l, LEASE_GET);
    note(l, now, record);
    bool ours = is_ours(l);
    if (!ours)
        l->until = MONO_ZERO;
    if (l->releasing && !ours)
        go(l, STEP_OVER, MONO_NEVER);
    else if (!ours && *record->holder && !mono_reached(expiry(l), now))
        go(l, STEP_ASK, mono_min(after_a_while(l, now), expiry(l)));
    else
        go(l, STEP_TAKE, now);
}

void lease_missing(struct lease *l, struct mono now)
{
    answered(l, LEASE_GET);
    l->have = false;
    l->until = MONO_ZERO;
    if (l->releasing)
        go(l, STEP_OVER, MONO_NEVER);
    else
        go(l, STEP_MAKE, now);
}

void lease_written(struct lease *l, struct mono now, const char *version)
{
    answered(l, l->step == STEP_MAKE ? LEASE_CREATE : LEASE_UPDATE);
    snprintf(l->sent.version, sizeof l->sent.version, "%s", version);
    note(l, now, &l->sent);
    if (!is_ours(l)) {            /* the write that gave it back */
        go(l, STEP_OVER, MONO_NEVER);
        return;
    }
    if (!l->releasing)
        l->until = mono_add_ms(l->sent_at, l->terms.renew_ms);
    go(l, STEP_TAKE, l->releasing ? now : mono_max(now, mono_add_ms(l->sent_at, l->terms.retry_ms)));
    l->blind = true;
}

/* Whatever it was, the Lease itself tells what holds: at once when only our idea of it may have been old. */
void lease_failed(struct lease *l, struct mono now)
{
    CHECK(l->under_way != LEASE_WAIT);
    l->under_way = LEASE_WAIT;
    go(l, STEP_ASK, l->blind ? now : after_a_while(l, now));
}

void lease_release(struct lease *l, struct mono now)
{
    l->releasing = true;
    l->until = MONO_ZERO;
    if (l->under_way == LEASE_WAIT && !is_ours(l))
        l->step = STEP_OVER;
    else
        l->next_at = now;
}
