/* Real sockets in a directory of our own, all ends on one loop. */
#include "protocol/bus.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

struct end {
    struct bus *bus;
    struct bus_peer *peer;        /* the newest that came up and did not go */
    int ups, downs, messages;
    enum msg_type last;
    uint64_t number;              /* of the last requests set or unsupported */
    bool answer_status, greets;
};

static char dir[] = "/tmp/azp-bus-XXXXXX";
static struct loop *loop;
static bool expired;

static void on_peer(void *data, struct bus_peer *peer, bool up)
{
    struct end *end = data;
    if (up)
        end->peer = peer;
    else if (end->peer == peer)
        end->peer = NULL;
    *(up ? &end->ups : &end->downs) += 1;
    const struct msg leader = {.type = MSG_leader, .u.leader = {.leading = true}};
    if (up && end->greets)
        bus_reply(peer, &leader);
}

static void on_message(void *data, struct bus_peer *from, const struct msg *msg)
{
    struct end *end = data;
    end->messages++;
    end->last = msg->type;
    if (msg->type == MSG_requests)
        end->number = msg->u.requests.set;
    if (msg->type == MSG_unsupported)
        end->number = msg->u.unsupported.number;
    if (end->answer_status && msg->type == MSG_status) {
        struct msg reply = {.type = MSG_status_reply, .u.status_reply = {.role = "reaper", .last = true}};
        assert_int_equal(bus_reply(from, &reply), 0);
    }
}

static void open_end(struct end *end, enum role role, bool listen, unsigned dial)
{
    struct err err;
    *end = (struct end){.bus = NULL};
    struct bus_options options = {.run_dir = dir, .role = role, .build = "test", .instance = "i", .listen = listen, .dial = dial,
                                  .on_peer = on_peer, .on_message = on_message, .data = end};
    end->bus = bus_open(loop, &options, &err);
    if (!end->bus)
        fail_msg("%s", err.text);
}

static void stop(void *data)
{
    *(bool *)data = true;
    loop_stop(loop);
}

static void tick(void *data)
{
    (void)data;
    loop_stop(loop);
}

/* Runs the loop until *value is at least `want`; fails after 8 s. */
static void until(const int *value, int want)
{
    expired = false;
    struct loop_timer *limit = loop_timer_new(loop, stop, &expired), *poll = loop_timer_new(loop, tick, NULL);
    loop_timer_set(limit, mono_add_ms(clock_mono(), 8000));
    while (*value < want && !expired) {
        loop_timer_set(poll, mono_add_ms(clock_mono(), 5));
        loop_run(loop);
    }
    loop_timer_free(&limit);
    loop_timer_free(&poll);
    assert_true(*value >= want);
}

static void run_for(int64_t ms)
{
    struct loop_timer *limit = loop_timer_new(loop, tick, NULL);
    loop_timer_set(limit, mono_add_ms(clock_mono(), ms));
    loop_run(loop);
    loop_timer_free(&limit);
}

static struct msg a_set(uint64_t number, size_t n, const struct request_row *rows)
{
    return (struct msg){.type = MSG_requests,
                        .u.requests = {.pool_id = 1, .pool = "p", .full = true, .set = number, .last = true, .delay_ms = 1000, .rows = rows, .n_rows = n}};
}

static int setup(void **state)
{
    (void)state;
    loop = loop_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(&loop);
    return 0;
}

/* ---- a raw client ---- */

static int raw_dial(const char *role)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/%s/socket", dir, role);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void raw_send(int fd, const struct msg *msg)
{
    struct buf b;
    struct err err;
    buf_init(&b, 1 << 21);
    assert_int_equal(msg_encode(msg, &b, &err), 0);
    assert_int_equal(send(fd, b.data, b.len, MSG_NOSIGNAL), b.len);
    buf_done(&b);
}

static void raw_hello(int fd, const char *role, uint64_t version)
{
    struct msg msg = {.type = MSG_hello, .u.hello = {.version = version, .role = role}};
    raw_send(fd, &msg);
}

/* Reads until the other end closes (true) or 8 s have passed; counts frames and keeps the type of the last. */
static bool raw_drain(int fd, int *frames, enum msg_type *last)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    bool closed = false;
    for (struct mono end = mono_add_ms(clock_mono(), 8000); !closed && mono_before(clock_mono(), end);) {
        char chunk[65536];
        ssize_t n = recv(fd, chunk, sizeof chunk, 0);
        if (n > 0)
            buf_append(&b, chunk, (size_t)n);
        closed = n == 0 || (n < 0 && errno != EAGAIN);
        run_for(2);
    }
    *frames = 0;
    for (size_t at = 0; at + 4 <= b.len;) {
        const unsigned char *u = (const unsigned char *)b.data + at;
        size_t size = (size_t)u[0] << 24 | (size_t)u[1] << 16 | (size_t)u[2] << 8 | u[3];
        struct msg *msg;
        struct err err;
        assert_int_equal(msg_decode(u + 4, size, &msg, NULL, &err), 0);
        *last = msg->type;
        msg_free(&msg);
        at += 4 + size;
        (*frames)++;
    }
    buf_done(&b);
    return closed;
}

/* ---- the tests ---- */

static void any_start_order(void **state)
{
    (void)state;
    struct end watcher, reaper;
    open_end(&watcher, ROLE_WATCHER, true, 1u << ROLE_REAPER);
    run_for(150);
    assert_false(bus_up(watcher.bus, ROLE_REAPER));
    struct msg msg = a_set(1, 0, NULL);
    assert_int_equal(bus_send(watcher.bus, ROLE_REAPER, &msg), -1);
    open_end(&reaper, ROLE_REAPER, true, 0);
    until(&watcher.ups, 1);
    until(&reaper.ups, 1);
    assert_true(bus_up(reaper.bus, ROLE_WATCHER));
    assert_int_equal(bus_peer_role(reaper.peer), ROLE_WATCHER);
    for (uint64_t i = 1; i <= 3; i++) {
        msg.u.requests.set = i;
        assert_int_equal(bus_send(watcher.bus, ROLE_REAPER, &msg), 0);
    }
    until(&reaper.messages, 3);
    assert_int_equal(reaper.number, 3);
    assert_true(bus_flushed(watcher.bus));
    bus_close(&reaper.bus);
    until(&watcher.downs, 1);
    open_end(&reaper, ROLE_REAPER, true, 0);
    until(&watcher.ups, 2);
    bus_close(&watcher.bus);
    until(&reaper.downs, 1);
    bus_close(&reaper.bus);
}

static void who_may_send_is_checked(void **state)
{
    (void)state;
    struct end reaper;
    open_end(&reaper, ROLE_REAPER, true, 0);
    int fd = raw_dial("reaper"), frames;
    enum msg_type last;
    raw_hello(fd, "watcher", 1);
    until(&reaper.ups, 1);
    struct msg retire = {.type = MSG_retire, .u.retire = {.unit = "u", .uid = "1", .reason = "surplus"}};
    raw_send(fd, &retire);
    assert_true(raw_drain(fd, &frames, &last));
    until(&reaper.downs, 1);
    assert_int_equal(reaper.messages, 0);
    close(fd);
    bus_close(&reaper.bus);
}

static void another_version_is_told(void **state)
{
    (void)state;
    struct end reaper;
    open_end(&reaper, ROLE_REAPER, true, 0);
    int fd = raw_dial("reaper"), frames;
    enum msg_type last = MSG_poll;
    raw_hello(fd, "watcher", 99);
    assert_true(raw_drain(fd, &frames, &last));
    assert_int_equal(frames, 2);
    assert_int_equal(last, MSG_unsupported);
    assert_int_equal(reaper.ups, 0);
    close(fd);
    bus_close(&reaper.bus);
}

static void hostile_bytes_close_one_connection(void **state)
{
    (void)state;
    static const struct { const char *bytes; size_t n; } cases[] = {
        {"\x00\x00\x00\x00", 4},                             /* an empty frame */
        {"\x00\x10\x00\x01xxxx", 8},                         /* 1 MiB and one byte announced */
        {"\xff\xff\xff\xff", 4},
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"\x00\x00\x00\x05\xdf\xff\xff\xff\xff", 9},         /* a map of 4 Gi pairs */
        {"\x00\x00\x00\x04\x81\xa1t\x08", 8},                /* not a hello */
    };
    struct end watcher, reaper;
    open_end(&reaper, ROLE_REAPER, true, 0);
    open_end(&watcher, ROLE_WATCHER, false, 1u << ROLE_REAPER);
    until(&reaper.ups, 1);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int fd = raw_dial("reaper"), frames;
        enum msg_type last;
        assert_int_equal(send(fd, cases[i].bytes, cases[i].n, MSG_NOSIGNAL), cases[i].n);
        if (!raw_drain(fd, &frames, &last))
            fail_msg("case %zu: the connection stays", i);
        close(fd);
    }
    assert_true(bus_up(watcher.bus, ROLE_REAPER));
    assert_int_equal(reaper.downs, 0);
    bus_close(&watcher.bus);
    bus_close(&reaper.bus);
}

static void unknown_message_is_answered(void **state)
{
    (void)state;
    struct end azpctl, reaper;
    open_end(&reaper, ROLE_REAPER, true, 0);
    reaper.answer_status = true;
    open_end(&azpctl, ROLE_AZPCTL, false, 1u << ROLE_REAPER);
    until(&azpctl.ups, 1);
    struct msg status = {.type = MSG_status};
    assert_int_equal(bus_send(azpctl.bus, ROLE_REAPER, &status), 0);
    until(&azpctl.messages, 1);
    assert_int_equal(azpctl.last, MSG_status_reply);

    int fd = raw_dial("reaper");
    raw_hello(fd, "azpctl", 1);
    assert_int_equal(send(fd, "\x00\x00\x00\x06\x81\xa1t\xcd\x03\x09", 10, MSG_NOSIGNAL), 10);
    raw_send(fd, &status);
    struct buf b;
    buf_init(&b, 4096);
    for (int i = 0; i < 400 && b.len < 80; i++) {
        char chunk[4096];
        ssize_t n = recv(fd, chunk, sizeof chunk, 0);
        if (n > 0)
            buf_append(&b, chunk, (size_t)n);
        run_for(5);
    }
    assert_non_null(memmem(b.data, b.len, "\xa6number\xcd\x03\x09", 10));
    assert_non_null(memmem(b.data, b.len, "uptime_ms", 9));
    buf_done(&b);
    close(fd);
    bus_close(&azpctl.bus);
    bus_close(&reaper.bus);
}

static void the_newest_of_a_role_counts(void **state)
{
    (void)state;
    struct end reaper, first, second;
    open_end(&reaper, ROLE_REAPER, true, 0);
    open_end(&first, ROLE_PROVISIONER, false, 1u << ROLE_REAPER);
    until(&reaper.ups, 1);
    open_end(&second, ROLE_PROVISIONER, false, 1u << ROLE_REAPER);
    until(&reaper.ups, 2);
    assert_int_equal(reaper.downs, 1);
    assert_int_equal(bus_peers(reaper.bus, ROLE_PROVISIONER), 1);
    bus_close(&first.bus);
    bus_close(&second.bus);
    bus_close(&reaper.bus);
}

/* However many azpctl come: a process of ours gets in, and stays. */
static void a_flood_of_connections(void **state)
{
    (void)state;
    struct end reaper, watcher;
    int fds[80];
    open_end(&reaper, ROLE_REAPER, true, 0);
    for (size_t i = 0; i < 40; i++) {
        fds[i] = raw_dial("reaper");
        raw_hello(fds[i], "azpctl", 1);
        run_for(1);
    }
    open_end(&watcher, ROLE_WATCHER, false, 1u << ROLE_REAPER);
    until(&watcher.ups, 1);
    for (size_t i = 40; i < 80; i++) {
        fds[i] = raw_dial("reaper");
        run_for(1);
    }
    run_for(20);
    assert_true(bus_up(reaper.bus, ROLE_WATCHER));
    assert_int_equal(watcher.downs, 0);
    assert_in_range(bus_peers(reaper.bus, ROLE_AZPCTL), 0, 32);
    for (size_t i = 0; i < 80; i++)
        close(fds[i]);
    bus_close(&watcher.bus);
    bus_close(&reaper.bus);
}

static void who_does_not_read_is_dropped(void **state)
{
    (void)state;
    struct end provisioner;
    open_end(&provisioner, ROLE_PROVISIONER, true, 0);
    int fd = raw_dial("provisioner");
    raw_hello(fd, "watcher", 1);
    until(&provisioner.ups, 1);
    char pool[200];
    memset(pool, 'p', sizeof pool);
    pool[199] = '\0';
    struct msg poll = {.type = MSG_poll, .u.poll = {.pool = pool}};
    size_t sent = 0;
    while (bus_send(provisioner.bus, ROLE_WATCHER, &poll) == 0)
        sent++;
    assert_in_range(sent * 214, 8 << 20, 9 << 20);
    assert_false(bus_up(provisioner.bus, ROLE_WATCHER));
    assert_int_equal(provisioner.downs, 0);                  /* never from within the owner's call */
    until(&provisioner.downs, 1);
    close(fd);
    bus_close(&provisioner.bus);
}

static void no_hello(void **state)
{
    (void)state;
    struct end reaper;
    open_end(&reaper, ROLE_REAPER, true, 0);
    int fd = raw_dial("reaper"), frames;
    enum msg_type last;
    struct mono begin = clock_mono();
    assert_true(raw_drain(fd, &frames, &last));
    assert_in_range(mono_ms_between(begin, clock_mono()), 4500, 7000);
    assert_int_equal(frames, 1);
    close(fd);
    bus_close(&reaper.bus);
}

static int part_to_bus(void *data, const struct msg *part)
{
    struct end *end = data;
    return bus_send(end->bus, ROLE_REAPER, part);
}

static void a_large_set_goes_through(void **state)
{
    (void)state;
    struct end reaper, watcher;
    open_end(&reaper, ROLE_REAPER, true, 0);
    open_end(&watcher, ROLE_WATCHER, false, 1u << ROLE_REAPER);
    until(&watcher.ups, 1);
    struct request_row *rows = xcalloc(20000, sizeof *rows);
    for (size_t i = 0; i < 20000; i++)
        rows[i] = (struct request_row){.id = i + 1, .url = "https://dev.azure.com/org/project/_build/results?buildId=1234567890123456789012345678901234567890"};
    struct msg msg = a_set(5, 20000, rows);
    assert_int_equal(bus_in_parts(&msg, part_to_bus, &watcher), 0);
    int flushed = 0;
    while (!flushed) {
        run_for(5);
        flushed = bus_flushed(watcher.bus);
    }
    until(&reaper.messages, 15);
    assert_int_equal(reaper.number, 5);
    assert_int_equal(reaper.downs, 0);
    free(rows);
    bus_close(&watcher.bus);
    bus_close(&reaper.bus);
}

/* ---- paths ---- */

static void try_open(const char *run_dir, enum role role, struct err *err, struct bus **ret)
{
    struct bus_options options = {.run_dir = run_dir, .role = role, .listen = true, .on_peer = on_peer, .on_message = on_message};
    *err = (struct err){.code = ERR_NONE};
    *ret = bus_open(loop, &options, err);
}

static void expect_refusal(const char *run_dir, enum role role, const char *text)
{
    struct err err;
    struct bus *bus;
    try_open(run_dir, role, &err, &bus);
    assert_null(bus);
    assert_int_equal(err.code, ERR_CONFIG);
    if (!strstr(err.text, text) || !strstr(err.text, "RUN_DIR"))
        fail_msg("\"%s\"", err.text);
}

static void paths_that_cannot_be(void **state)
{
    (void)state;
    char path[300], sub[200];
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    expect_refusal(path, ROLE_REAPER, "choose a shorter RUN_DIR");

    struct end reaper;
    open_end(&reaper, ROLE_REAPER, true, 0);
    expect_refusal(dir, ROLE_REAPER, "another process already listens on");
    bus_close(&reaper.bus);

    snprintf(sub, sizeof sub, "%s/file", dir);
    close(open(sub, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    expect_refusal(sub, ROLE_REAPER, "Not a directory");
    unlink(sub);

    snprintf(sub, sizeof sub, "%s/odd", dir);
    mkdir(sub, 0700);
    snprintf(path, sizeof path, "%s/watcher", sub);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    expect_refusal(sub, ROLE_WATCHER, "is not a directory");
    unlink(path);
    mkdir(path, 0700);
    strncat(path, "/socket", sizeof path - strlen(path) - 1);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    expect_refusal(sub, ROLE_WATCHER, "is not a socket");
}

static void modes_and_old_sockets(void **state)
{
    (void)state;
    char run_dir[200], path[300];
    struct stat st;
    snprintf(run_dir, sizeof run_dir, "%s/a/b", dir);
    struct err err;
    struct bus *bus;
    mode_t mask = umask(077);
    try_open(run_dir, ROLE_REAPER, &err, &bus);
    umask(mask);
    assert_non_null(bus);
    snprintf(path, sizeof path, "%s/reaper", run_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
    strncat(path, "/socket", sizeof path - strlen(path) - 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    bus_close(&bus);
    assert_int_equal(stat(path, &st), -1);

    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/reaper/socket", run_dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    close(fd);                                               /* as a killed process leaves it */
    try_open(run_dir, ROLE_REAPER, &err, &bus);
    assert_non_null(bus);
    bus_close(&bus);
}

static int remove_dir(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

/* RUN_ONCE: a watcher says all it has to say and is gone before anybody reads it. */
static void last_words_are_heard(void **state)
{
    (void)state;
    struct end p;
    open_end(&p, ROLE_PROVISIONER, true, 0);
    p.greets = true;
    const struct msg hello = {.type = MSG_hello, .u.hello = {.version = PROTOCOL_VERSION, .role = "watcher"}}, set = a_set(5, 0, NULL);
    const struct msg done = {.type = MSG_done, .u.done = {.complete = true}};
    int fd = raw_dial("provisioner");
    raw_send(fd, &hello);
    raw_send(fd, &set);
    raw_send(fd, &done);
    close(fd);
    until(&p.downs, 1);
    assert_int_equal(p.messages, 2);
    assert_int_equal(p.number, 5);
    assert_int_equal(p.last, MSG_done);
    bus_close(&p.bus);
}

int main(void)
{
    assert_non_null(mkdtemp(dir));
    log_open("test", LOG_ERROR, LOG_LOGFMT);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(last_words_are_heard, setup, teardown),
        TEST(any_start_order), TEST(who_may_send_is_checked), TEST(another_version_is_told), TEST(hostile_bytes_close_one_connection),
        TEST(unknown_message_is_answered), TEST(the_newest_of_a_role_counts), TEST(a_flood_of_connections), TEST(who_does_not_read_is_dropped),
        TEST(no_hello), TEST(a_large_set_goes_through), TEST(paths_that_cannot_be), TEST(modes_and_old_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, remove_dir);
}
