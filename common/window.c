#include "common/window.h"

enum { PAUSE_MAX_MS = 300000, LATENCY_FACTOR = 3, LATENCY_SLACK_MS = 10 };

void window_init(struct window *w)
{
    *w = (struct window){.size = WINDOW_START, .shrunk = MONO_ZERO, .closed_until = MONO_ZERO};
}

unsigned window_size(const struct window *w)
{
    return (unsigned)w->size;
}

void window_began(struct window *w, unsigned in_flight)
{
    if (in_flight > w->used)
        w->used = in_flight;
}

/* Falls fast. Rises only where the window is small, so that the latency is the server's own: were it to follow a latency that we cause, the
 * growth would excuse itself; did it never rise, a server that became slower would keep a small window small. */
static void note_latency(struct window *w, double ms)
{
    if (w->best_ms <= 0)
        w->best_ms = ms;
    else
        w->best_ms += (ms - w->best_ms) * (ms < w->best_ms ? 0.5 : 1 / (16 * w->size * w->size));
}

static void shrink(struct window *w, struct mono sent, struct mono now)
{
    if (mono_before(sent, w->shrunk))
        return;
    w->size = w->size / 2 < WINDOW_MIN ? WINDOW_MIN : w->size / 2;
    w->shrunk = now;
    w->used = 0;
}

static void grow(struct window *w, double ms)
{
    bool full = w->used + 1 >= window_size(w);   /* a window that was never filled says nothing about a larger one */
    if (!full || ms > w->best_ms * LATENCY_FACTOR + LATENCY_SLACK_MS || w->size >= WINDOW_MAX)
        return;
    unsigned before = window_size(w);
    w->size += 1 / w->size;
    if (window_size(w) > before)
        w->used = 0;
}

void window_ended(struct window *w, struct mono sent, struct mono now, bool trouble, int64_t pause_ms)
{
    if (pause_ms > PAUSE_MAX_MS)
        pause_ms = PAUSE_MAX_MS;
    if (pause_ms >= 0)
        w->closed_until = mono_max(w->closed_until, mono_add_ms(now, pause_ms));
    if (trouble) {
        shrink(w, sent, now);
        return;
    }
    double ms = (double)(now.ns - sent.ns) / 1e6;
    note_latency(w, ms);
    grow(w, ms);
}

bool window_open(const struct window *w, unsigned in_flight, struct mono now)
{
    return !mono_before(now, w->closed_until) && in_flight < window_size(w);
}
