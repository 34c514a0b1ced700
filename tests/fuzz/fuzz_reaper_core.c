/* Property fuzzer of the reaper's core: the bytes drive the world of tests/support/reaper_sim.h; then it calms down and must become clean. */
#include "tests/support/reaper_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void truth_event(struct sim *s, unsigned what, int i, unsigned more)
{
    struct sim_unit *u = &s->list[i];
    switch (what) {
    case 0: create(s, i); break;
    case 1: if (u->place == PENDING) change(u, RUNNING); break;
    case 2: u->registered |= u->place == RUNNING && !u->last; break;
    case 3: assign(s, i); break;
    case 4: finish_job(s, i); break;
    case 5: leave(u, more & 1); break;
    case 6: abandon(s); break;
    case 7: cancel(s, more); break;
    case 8: if (u->place == PENDING) change(u, BROKEN); break;
    case 9: u->held = more & 1; u->version++; break;
    case 10: u->enabled &= !(more & 1); break;               /* by hand, in the browser */
    }
}

static void view_event(struct sim *s, unsigned what, int i, unsigned more)
{
    switch (what) {
    case 0: poll_begin(s); break;
    case 1: poll_deliver(s, false); break;
    case 2: poll_deliver(s, true); break;
    case 3: agents_begin(s); break;
    case 4: agents_deliver(s); break;
    case 5: show(s, i); break;
    case 6: s->now = mono_add_ms(s->now, more * more); break;
    case 7:
    case 8: pass(s); break;
    case 9:
    case 10: answer(s, more); break;
    case 11: order(s, i); break;
    case 12: s->world.leading = more & 3; break;
    case 13: s->world.units_fresh = more & 3; break;
    case 14: s->world.finishing = (more & 7) == 1; break;
    }
}

/* Several of these at once, as it mostly goes: without them the interesting states are too far away. */
static void poll_all(struct sim *s)
{
    poll_begin(s);
    agents_begin(s);
    s->now = mono_add_ms(s->now, 1);
    poll_deliver(s, false);
    agents_deliver(s);
}

static void start(struct sim *s, int i)
{
    create(s, i);
    truth_event(s, 1, i, 0);
    show(s, i);
}

static void usual_event(struct sim *s, unsigned what, int i, unsigned more)
{
    switch (what) {
    case 0:
    case 1: poll_all(s); break;
    case 2: start(s, i); break;
    case 3: start(s, i); truth_event(s, 2, i, 0); break;
    case 4: truth_event(s, 2, i, 0); assign(s, i); break;
    case 5: finish_job(s, i); poll_all(s); break;
    case 6: order(s, i); poll_all(s); pass(s); break;
    case 7: answer(s, more); pass(s); break;
    case 8: s->now = mono_add_ms(s->now, 31000); poll_all(s); pass(s); break;
    }
}

static bool all_gone(const struct sim *s)
{
    for (int i = 0; i < UNITS; i++)
        if (s->list[i].place != ABSENT)
            return false;
    return true;
}

/* Everybody behaves from now on: agents register, take what waits, serve, leave; nothing lags. */
static void calm(struct sim *s)
{
    for (int i = 0; i < UNITS; i++) {
        struct sim_unit *u = &s->list[i];
        u->held = false;
        u->version++;
        finish_job(s, i);
        if (u->place == RUNNING && u->last)
            leave(u, false);
    }
    abandon(s);
    for (uint64_t id = 1; id <= s->next_request; id++)
        s->requests[id].open = false;
    s->world.units_fresh = s->world.leading = true;
    s->world.finishing = false;
    for (int round = 0; round < 200 && !all_gone(s); round++) {
        s->now = mono_add_ms(s->now, 10000);
        poll_begin(s);
        poll_deliver(s, false);
        agents_begin(s);
        agents_deliver(s);
        for (int i = 0; i < UNITS; i++) {
            order(s, i);
            if (s->list[i].shown_version != s->list[i].version || s->list[i].shown != s->list[i].place)
                show(s, i);
        }
        for (int step = 0; step < 8; step++) {
            pass(s);
            while (s->n_calls)
                answer(s, 0);
            s->now = mono_add_ms(s->now, 400);
        }
    }
    CHECK(all_gone(s));                                      /* ended, retired, broken or unregistered: all gone */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sim s;
    memset(&s, 0, sizeof s);
    s.in = data;
    s.left = size < 400 ? size : 400;
    open_sim(&s);
    bool to_the_end = take(&s) % 4 == 0;
    while (s.left) {
        unsigned what = take(&s), more = take(&s);
        int i = (int)(what / 36 % UNITS);
        s.now = mono_add_ms(s.now, 1);
        what %= 36;
        if (what < 11)
            truth_event(&s, what, i, more);
        else if (what < 26)
            view_event(&s, what - 11, i, more);
        else
            usual_event(&s, what - 26, i, more);
    }
    if (to_the_end)
        calm(&s);
    close_sim(&s);
    return 0;
}
