#include "common/clock.h"
#include "common/loop.h"
#include "common/mem.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    struct loop *loop;
    char trace[64];
    struct loop_timer *timer;
    struct loop_io *io;
    struct loop_child *child, *other;
    int pipe[2];
    int status, count;
    struct mono fired;
};

static struct world *world_new(void)
{
    struct world *w = xcalloc(1, sizeof *w);
    w->loop = loop_new();
    return w;
}

static void world_free(struct world *w)
{
    loop_timer_free(&w->timer);
    loop_io_free(&w->io);
    loop_child_free(&w->child);
    loop_child_free(&w->other);
    loop_free(&w->loop);
    assert_null(w->loop);
    free(w);
}

static void trace(struct world *w, char c)
{
    size_t n = strlen(w->trace);
    assert_true(n + 1 < sizeof w->trace);
    w->trace[n] = c;
}

/* ---- posts ---- */

static void post_a(void *data) { trace(data, 'a'); }
static void post_stop(void *data) { trace(data, '.'); loop_stop(((struct world *)data)->loop); }

static void post_b(void *data)
{
    struct world *w = data;
    trace(w, 'b');
    loop_post(w->loop, post_a, w);
    loop_post(w->loop, post_stop, w);
}

static void posts_run_in_order(void **state)
{
    (void)state;
    struct world *w = world_new();
    loop_post(w->loop, post_a, w);
    loop_post(w->loop, post_b, w);
    loop_post(w->loop, post_a, w);
    assert_string_equal(w->trace, "");
    loop_run(w->loop);
    assert_string_equal(w->trace, "abaa.");
    world_free(w);
}

static void post_cancel_all(void *data)
{
    struct world *w = data;
    trace(w, 'c');
    loop_post_cancel(w->loop, w);
    loop_post(w->loop, post_stop, w);
}

static void cancelled_posts_do_not_run(void **state)
{
    (void)state;
    struct world *w = world_new(), other = {.loop = w->loop};
    loop_post(w->loop, post_cancel_all, w);
    loop_post(w->loop, post_a, w);
    loop_post(w->loop, post_a, &other);
    loop_run(w->loop);
    assert_string_equal(w->trace, "c.");
    assert_string_equal(other.trace, "a");
    world_free(w);
}

static void at_rest(void *data) { trace(data, 'r'); }

static void tells_before_it_waits(void **state)
{
    (void)state;
    struct world *w = world_new();
    loop_on_rest(w->loop, at_rest, w);
    w->timer = loop_timer_new(w->loop, post_stop, w);
    loop_timer_set(w->timer, mono_add_ms(loop_now(w->loop), 20));
    loop_run(w->loop);
    assert_int_equal(w->trace[0], 'r');
    world_free(w);
}

static void post_for_ever(void *data)
{
    struct world *w = data;
    w->count++;
    loop_post(w->loop, post_for_ever, w);
}

static void stop_on_read(int fd, int events, void *data)
{
    struct world *w = data;
    char c;
    assert_int_equal(events, LOOP_READ);
    assert_int_equal(read(fd, &c, 1), 1);
    trace(w, c);
    loop_stop(w->loop);
}

static void posts_do_not_starve_sockets(void **state)
{
    (void)state;
    struct world *w = world_new();
    assert_int_equal(pipe(w->pipe), 0);
    w->io = loop_io_new(w->loop, w->pipe[0], LOOP_READ, stop_on_read, w);
    assert_int_equal(write(w->pipe[1], "x", 1), 1);
    loop_post(w->loop, post_for_ever, w);
    loop_run(w->loop);
    assert_string_equal(w->trace, "x");
    assert_true(w->count < 10);
    close(w->pipe[0]);
    close(w->pipe[1]);
    world_free(w);
}

static void post_from_read(int fd, int events, void *data)
{
    (void)events;
    struct world *w = data;
    char c;
    assert_int_equal(read(fd, &c, 1), 1);
    trace(w, c);
    loop_post(w->loop, c == 'z' ? post_stop : post_a, w);
}

static void busy_sockets_do_not_starve_posts(void **state)
{
    (void)state;
    struct world *w = world_new();
    assert_int_equal(pipe(w->pipe), 0);
    w->io = loop_io_new(w->loop, w->pipe[0], LOOP_READ, post_from_read, w);
    assert_int_equal(write(w->pipe[1], "xyz", 3), 3);
    loop_run(w->loop);
    assert_string_equal(w->trace, "xayaz.");
    close(w->pipe[0]);
    close(w->pipe[1]);
    world_free(w);
}

/* ---- timers ---- */

static void on_timer(void *data)
{
    struct world *w = data;
    w->fired = clock_mono();
    trace(w, 't');
    loop_stop(w->loop);
}

static void timer_is_never_early(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->timer = loop_timer_new(w->loop, on_timer, w);
    for (int ms = 0; ms < 20; ms += 3) {
        struct mono deadline = mono_add_ms(clock_mono(), ms);
        loop_timer_set(w->timer, deadline);
        loop_run(w->loop);
        assert_true(mono_reached(deadline, w->fired));
        assert_true(mono_ms_between(deadline, w->fired) < 500);
    }
    assert_string_equal(w->trace, "ttttttt");
    world_free(w);
}

static void timer_moves_and_stops(void **state)
{
    (void)state;
    struct world *w = world_new(), second = {.loop = w->loop};
    w->timer = loop_timer_new(w->loop, on_timer, w);
    second.timer = loop_timer_new(w->loop, on_timer, &second);
    loop_timer_set(w->timer, mono_add_ms(clock_mono(), 5));
    loop_timer_set(w->timer, MONO_NEVER);
    loop_timer_set(second.timer, mono_add_ms(clock_mono(), 60000));
    loop_timer_set(second.timer, mono_add_ms(clock_mono(), 30));
    loop_run(w->loop);
    assert_string_equal(w->trace, "");
    assert_string_equal(second.trace, "t");
    loop_timer_set(w->timer, MONO_ZERO);   /* long past: at once */
    loop_run(w->loop);
    assert_string_equal(w->trace, "t");
    loop_timer_free(&second.timer);
    world_free(w);
}

static void free_own_timer(void *data)
{
    struct world *w = data;
    loop_timer_free(&w->timer);
    loop_stop(w->loop);
}

static void timer_may_be_freed_by_its_callback(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->timer = loop_timer_new(w->loop, free_own_timer, w);
    loop_timer_set(w->timer, MONO_ZERO);
    loop_run(w->loop);
    assert_null(w->timer);
    world_free(w);
}

/* ---- file descriptors ---- */

static void note_io(int fd, int events, void *data)
{
    (void)fd;
    struct world *w = data;
    trace(w, (char)('0' + events));
    if (events & LOOP_WRITE)
        loop_io_set(w->io, LOOP_READ);
    else
        loop_io_free(&w->io);
    loop_post(w->loop, post_stop, w);
}

static void io_changes_its_interest(void **state)
{
    (void)state;
    struct world *w = world_new();
    assert_int_equal(pipe(w->pipe), 0);
    w->io = loop_io_new(w->loop, w->pipe[1], 0, note_io, w);
    loop_post(w->loop, post_stop, w);
    loop_run(w->loop);
    assert_string_equal(w->trace, ".");
    loop_io_set(w->io, LOOP_WRITE);
    loop_run(w->loop);
    assert_string_equal(w->trace, ".2.");
    loop_io_free(&w->io);
    w->io = loop_io_new(w->loop, w->pipe[0], LOOP_READ, note_io, w);
    assert_int_equal(write(w->pipe[1], "x", 1), 1);
    loop_run(w->loop);
    assert_string_equal(w->trace, ".2.1.");
    close(w->pipe[0]);
    close(w->pipe[1]);
    world_free(w);
}

/* ---- signals and children ---- */

static void on_signal(int signo, void *data)
{
    struct world *w = data;
    w->status = signo;
    loop_stop(w->loop);
}

static void signals_arrive(void **state)
{
    (void)state;
    struct world *w = world_new();
    loop_signal(w->loop, SIGUSR1, on_signal, w);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGPIPE);   /* ignored */
    loop_run(w->loop);
    assert_int_equal(w->status, SIGUSR1);
    world_free(w);
}

static pid_t child_that_exits(int code, int after_ms)
{
    pid_t pid = fork();
    if (pid == 0) {
        usleep((useconds_t)after_ms * 1000);
        _exit(code);
    }
    return pid;
}

static void on_child(pid_t pid, int status, void *data)
{
    struct world *w = data;
    assert_true(pid > 0);
    w->status = status;
    trace(w, 'k');
    loop_child_free(&w->child);
    loop_stop(w->loop);
}

static void child_is_waited_for(void **state)
{
    (void)state;
    static const int delays[] = {0, 30};
    for (unsigned i = 0; i < ARRAY_SIZE(delays); i++) {
        struct world *w = world_new();
        pid_t foreign = child_that_exits(9, 0), pid = child_that_exits(7, delays[i]);
        if (!delays[i])
            usleep(20000);   /* ended before it is watched */
        w->child = loop_child_new(w->loop, pid, on_child, w);
        loop_run(w->loop);
        assert_true(WIFEXITED(w->status));
        assert_int_equal(WEXITSTATUS(w->status), 7);
        int status;
        assert_int_equal(waitpid(foreign, &status, 0), foreign);   /* left alone */
        assert_int_equal(WEXITSTATUS(status), 9);
        world_free(w);
    }
}

static void a_freed_child_is_not_reported(void **state)
{
    (void)state;
    struct world *w = world_new();
    pid_t forgotten = child_that_exits(1, 0), pid = child_that_exits(2, 20);
    w->other = loop_child_new(w->loop, forgotten, on_child, w);
    w->child = loop_child_new(w->loop, pid, on_child, w);
    loop_child_free(&w->other);
    loop_run(w->loop);
    assert_string_equal(w->trace, "k");
    assert_int_equal(WEXITSTATUS(w->status), 2);
    waitpid(forgotten, NULL, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_run_in_order),
        cmocka_unit_test(cancelled_posts_do_not_run), cmocka_unit_test(tells_before_it_waits),
        cmocka_unit_test(posts_do_not_starve_sockets),
        cmocka_unit_test(busy_sockets_do_not_starve_posts),
        cmocka_unit_test(timer_is_never_early),
        cmocka_unit_test(timer_moves_and_stops),
        cmocka_unit_test(timer_may_be_freed_by_its_callback),
        cmocka_unit_test(io_changes_its_interest),
        cmocka_unit_test(signals_arrive),
        cmocka_unit_test(child_is_waited_for),
        cmocka_unit_test(a_freed_child_is_not_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
