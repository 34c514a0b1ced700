/* The event loop: timers on our monotonic clock, file descriptors, signals, children and a queue of posted functions.
 * The only user of libev besides http_ev.c. Callbacks run on one thread and must not block. */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include "common/mono.h"

#include <sys/types.h>

struct loop;
struct loop_timer;
struct loop_io;
struct loop_child;
struct ev_loop;

typedef void loop_fn(void *data);
typedef void loop_io_fn(int fd, int events, void *data);
typedef void loop_signal_fn(int signo, void *data);
typedef void loop_child_fn(pid_t pid, int wait_status, void *data);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop *loop_new(void);               /* also ignores SIGPIPE */
void loop_free(struct loop **loop);        /* every timer, io and child must be freed before */
void loop_run(struct loop *loop);          /* until loop_stop */
void loop_stop(struct loop *loop);
struct mono loop_now(struct loop *loop);   /* read afresh */
struct ev_loop *loop_ev(struct loop *loop);

/* Runs fn(data) after the current callbacks, in order. loop_post_cancel drops all posts with this data. */
void loop_post(struct loop *loop, loop_fn *fn, void *data);
void loop_post_cancel(struct loop *loop, const void *data);

/* Runs fn(data) each time before the loop waits: it must be quick. One for each loop, as long as it lives. */
void loop_on_rest(struct loop *loop, loop_fn *fn, void *data);

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *data);
void loop_timer_set(struct loop_timer *timer, struct mono deadline);   /* MONO_NEVER stops it; setting the same deadline costs nothing */
void loop_timer_free(struct loop_timer **timer);

struct loop_io *loop_io_new(struct loop *loop, int fd, int events, loop_io_fn *fn, void *data);
void loop_io_set(struct loop_io *io, int events);                      /* 0 = paused */
void loop_io_free(struct loop_io **io);                                /* does not close fd */

void loop_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *data);   /* lives as long as the loop */

struct loop_child *loop_child_new(struct loop *loop, pid_t pid, loop_child_fn *fn, void *data);
void loop_child_free(struct loop_child **child);

#endif
