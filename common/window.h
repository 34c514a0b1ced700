/* How many calls may be under way at once: starts at 32, grows by one per window of good replies while latency holds, halves on trouble
 * (at most once per round trip). Pure. */
#ifndef COMMON_WINDOW_H
#define COMMON_WINDOW_H

#include "common/mono.h"

#include <stdbool.h>

enum { WINDOW_START = 32, WINDOW_MIN = 1, WINDOW_MAX = 256 };

struct window {
    double size;
    double best_ms;            /* smoothed lowest latency */
    unsigned used;             /* most calls under way at once since the last change of size: only a full window grows */
    struct mono shrunk;        /* calls sent before this do not shrink it again */
    struct mono closed_until;  /* Retry-After */
};

void window_init(struct window *w);
unsigned window_size(const struct window *w);
/* A call was sent; in_flight counts it. */
void window_began(struct window *w, unsigned in_flight);
/* One call ended. trouble: 429, 5xx, timeout. pause_ms: Retry-After, -1 = none; more than 5 min counts as 5 min. */
void window_ended(struct window *w, struct mono sent, struct mono now, bool trouble, int64_t pause_ms);
bool window_open(const struct window *w, unsigned in_flight, struct mono now);

#endif
