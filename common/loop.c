/* Posts need no system call: a dummy watcher of the lowest priority is fed into libev's pending list, so they run when the callbacks that
 * are due now are through. What posts themselves post waits for one round of I/O, so that a chain of posts cannot starve the sockets. */
#include "common/loop.h"

#include "common/clock.h"
#include "common/mem.h"

#include <ev.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PARENT(type, member, w) ((type *)(void *)((char *)(w) - offsetof(type, member)))

struct post {
    loop_fn *fn;      /* NULL = cancelled */
    void *data;
};

struct loop_signal_watch {
    ev_signal watcher;
    loop_signal_fn *fn;
    void *data;
    struct loop_signal_watch *next;
};

struct loop {
    struct ev_loop *ev;
    struct post *posts;   /* [first, first + n), plain array: it is emptied at every round */
    size_t first_post, n_posts, cap_posts;
    ev_prepare soon;      /* never started: only fed */
    ev_idle again;
    ev_prepare rest;
    loop_fn *on_rest;
    void *rest_data;
    ev_signal child_signal;
    struct loop_child *children;
    struct loop_signal_watch *signals;
    unsigned objects;     /* timers, ios and children alive */
};

struct loop_timer {
    ev_timer watcher;
    struct loop *loop;
    loop_fn *fn;
    void *data;
    struct mono deadline;
};

struct loop_io {
    ev_io watcher;
    struct loop *loop;
    loop_io_fn *fn;
    void *data;
};

struct loop_child {
    struct loop *loop;
    pid_t pid;
    loop_child_fn *fn;
    void *data;
    struct loop_child *next;
};

/* ---- posts ---- */

static void run_posts(struct loop *loop)
{
    size_t end = loop->n_posts;
    while (loop->first_post < end) {
        struct post post = loop->posts[loop->first_post++];
        if (post.fn)
            post.fn(post.data);
    }
    size_t left = loop->n_posts - end;
    memmove(loop->posts, loop->posts + end, left * sizeof *loop->posts);
    loop->n_posts = left;
    loop->first_post = 0;
    if (left)
        ev_idle_start(loop->ev, &loop->again);
}

static void on_soon(struct ev_loop *ev, ev_prepare *w, int events)
{
    (void)ev;
    (void)events;
    run_posts(PARENT(struct loop, soon, w));
}

static void on_again(struct ev_loop *ev, ev_idle *w, int events)
{
    (void)events;
    ev_idle_stop(ev, w);
    run_posts(PARENT(struct loop, again, w));
}

void loop_post(struct loop *loop, loop_fn *fn, void *data)
{
    if (loop->n_posts == loop->cap_posts) {
        loop->cap_posts = loop->cap_posts ? loop->cap_posts * 2 : 16;
        loop->posts = xreallocarray(loop->posts, loop->cap_posts, sizeof *loop->posts);
    }
    loop->posts[loop->n_posts++] = (struct post){.fn = fn, .data = data};
    if (loop->n_posts == 1)
        ev_feed_event(loop->ev, &loop->soon, EV_CUSTOM);
}

void loop_post_cancel(struct loop *loop, const void *data)
{
    for (size_t i = loop->first_post; i < loop->n_posts; i++)
        if (loop->posts[i].data == data)
            loop->posts[i].fn = NULL;
}

static void on_prepare(struct ev_loop *ev, ev_prepare *w, int events)
{
    (void)ev;
    (void)events;
    struct loop *loop = PARENT(struct loop, rest, w);
    loop->on_rest(loop->rest_data);
}

void loop_on_rest(struct loop *loop, loop_fn *fn, void *data)
{
    loop->on_rest = fn;
    loop->rest_data = data;
    ev_prepare_start(loop->ev, &loop->rest);
}

/* ---- the loop ---- */

static void on_child_signal(struct ev_loop *ev, ev_signal *w, int events);

struct loop *loop_new(void)
{
    struct loop *loop = xcalloc(1, sizeof *loop);
    signal(SIGPIPE, SIG_IGN);
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    CHECK(loop->ev != NULL);
    ev_ref(loop->ev);   /* an empty loop waits for loop_stop too */
    ev_prepare_init(&loop->soon, on_soon);
    ev_set_priority(&loop->soon, EV_MINPRI);
    ev_prepare_init(&loop->rest, on_prepare);
    ev_idle_init(&loop->again, on_again);
    ev_set_priority(&loop->again, EV_MAXPRI);   /* an idle watcher waits for all of higher priority: busy sockets must not hold posts up */
    ev_signal_init(&loop->child_signal, on_child_signal, SIGCHLD);
    return loop;
}

void loop_free(struct loop **ploop)
{
    struct loop *loop = *ploop;
    *ploop = NULL;
    if (!loop)
        return;
    CHECK(loop->objects == 0);
    while (loop->signals) {
        struct loop_signal_watch *s = loop->signals;
        loop->signals = s->next;
        ev_signal_stop(loop->ev, &s->watcher);
        free(s);
    }
    ev_clear_pending(loop->ev, &loop->soon);
    ev_prepare_stop(loop->ev, &loop->rest);
    ev_idle_stop(loop->ev, &loop->again);
    ev_loop_destroy(loop->ev);
    free(loop->posts);
    free(loop);
}

void loop_run(struct loop *loop)
{
    ev_run(loop->ev, 0);
}

void loop_stop(struct loop *loop)
{
    ev_break(loop->ev, EVBREAK_ALL);
}

struct mono loop_now(struct loop *loop)
{
    (void)loop;
    return clock_mono();
}

struct ev_loop *loop_ev(struct loop *loop)
{
    return loop->ev;
}

/* ---- timers ---- */

static void arm(struct loop_timer *timer)
{
    double seconds = (double)(timer->deadline.ns - clock_mono().ns) / 1e9;
    ev_timer_stop(timer->loop->ev, &timer->watcher);
    ev_now_update(timer->loop->ev);   /* libev counts from its cached time, which a long callback makes old */
    ev_timer_set(&timer->watcher, seconds > 0 ? seconds : 0., 0.);
    ev_timer_start(timer->loop->ev, &timer->watcher);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events)
{
    (void)ev;
    (void)events;
    struct loop_timer *timer = PARENT(struct loop_timer, watcher, w);
    if (!mono_reached(timer->deadline, clock_mono())) {
        arm(timer);   /* a hair early: a callback may rely on its deadline having passed */
        return;
    }
    timer->deadline = MONO_NEVER;
    timer->fn(timer->data);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *data)
{
    struct loop_timer *timer = xcalloc(1, sizeof *timer);
    *timer = (struct loop_timer){.loop = loop, .fn = fn, .data = data, .deadline = MONO_NEVER};
    ev_timer_init(&timer->watcher, on_timer, 0., 0.);
    loop->objects++;
    return timer;
}

void loop_timer_set(struct loop_timer *timer, struct mono deadline)
{
    if (timer->deadline.ns == deadline.ns)
        return;
    timer->deadline = deadline;
    if (deadline.ns == MONO_NEVER.ns)
        ev_timer_stop(timer->loop->ev, &timer->watcher);
    else
        arm(timer);
}

void loop_timer_free(struct loop_timer **ptimer)
{
    struct loop_timer *timer = *ptimer;
    *ptimer = NULL;
    if (!timer)
        return;
    ev_timer_stop(timer->loop->ev, &timer->watcher);
    timer->loop->objects--;
    free(timer);
}

/* ---- file descriptors ---- */

static int to_ev(int events)
{
    return (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0);
}

static void on_io(struct ev_loop *ev, ev_io *w, int events)
{
    (void)ev;
    struct loop_io *io = PARENT(struct loop_io, watcher, w);
    io->fn(w->fd, (events & EV_READ ? LOOP_READ : 0) | (events & EV_WRITE ? LOOP_WRITE : 0), io->data);
}

struct loop_io *loop_io_new(struct loop *loop, int fd, int events, loop_io_fn *fn, void *data)
{
    struct loop_io *io = xcalloc(1, sizeof *io);
    *io = (struct loop_io){.loop = loop, .fn = fn, .data = data};
    ev_io_init(&io->watcher, on_io, fd, to_ev(events));
    if (events)
        ev_io_start(loop->ev, &io->watcher);
    loop->objects++;
    return io;
}

void loop_io_set(struct loop_io *io, int events)
{
    int wanted = to_ev(events);
    bool active = ev_is_active(&io->watcher);
    if (active ? (io->watcher.events & (EV_READ | EV_WRITE)) == wanted : !wanted)
        return;
    ev_io_stop(io->loop->ev, &io->watcher);
    if (!wanted)
        return;
    ev_io_set(&io->watcher, io->watcher.fd, wanted);
    ev_io_start(io->loop->ev, &io->watcher);
}

void loop_io_free(struct loop_io **pio)
{
    struct loop_io *io = *pio;
    *pio = NULL;
    if (!io)
        return;
    ev_io_stop(io->loop->ev, &io->watcher);
    io->loop->objects--;
    free(io);
}

/* ---- signals and children ---- */

static void on_signal(struct ev_loop *ev, ev_signal *w, int events)
{
    (void)ev;
    (void)events;
    struct loop_signal_watch *s = PARENT(struct loop_signal_watch, watcher, w);
    s->fn(w->signum, s->data);
}

void loop_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *data)
{
    struct loop_signal_watch *s = xcalloc(1, sizeof *s);
    *s = (struct loop_signal_watch){.fn = fn, .data = data, .next = loop->signals};
    loop->signals = s;
    ev_signal_init(&s->watcher, on_signal, signo);
    ev_signal_start(loop->ev, &s->watcher);
}

static void unlink_child(struct loop_child *child)
{
    struct loop_child **p = &child->loop->children;
    while (*p && *p != child)
        p = &(*p)->next;
    if (*p)
        *p = child->next;
    if (!child->loop->children)
        ev_signal_stop(child->loop->ev, &child->loop->child_signal);
}

static struct loop_child *find_ended(struct loop *loop, int *ret_status)
{
    for (struct loop_child *c = loop->children; c; c = c->next) {
        pid_t got = waitpid(c->pid, ret_status, WNOHANG);
        if (got == 0)
            continue;
        if (got < 0)
            *ret_status = -1;   /* somebody else reaped it: the status is lost */
        return c;
    }
    return NULL;
}

/* Each child is waited for by its id: libev's own ev_child would reap everybody's. The callback may free any child. */
static void reap(void *data)
{
    struct loop *loop = data;
    struct loop_child *child;
    int status;
    while ((child = find_ended(loop, &status))) {
        unlink_child(child);
        child->fn(child->pid, status, child->data);
    }
}

static void on_child_signal(struct ev_loop *ev, ev_signal *w, int events)
{
    (void)ev;
    (void)events;
    reap(PARENT(struct loop, child_signal, w));
}

struct loop_child *loop_child_new(struct loop *loop, pid_t pid, loop_child_fn *fn, void *data)
{
    struct loop_child *child = xcalloc(1, sizeof *child);
    *child = (struct loop_child){.loop = loop, .pid = pid, .fn = fn, .data = data, .next = loop->children};
    loop->children = child;
    loop->objects++;
    ev_signal_start(loop->ev, &loop->child_signal);
    loop_post(loop, reap, loop);   /* it may have ended before the signal was watched */
    return child;
}

void loop_child_free(struct loop_child **pchild)
{
    struct loop_child *child = *pchild;
    *pchild = NULL;
    if (!child)
        return;
    unlink_child(child);
    child->loop->objects--;
    free(child);
}
