/* Random sends, cancels, closes and dropped connections from everywhere it is allowed, while libcurl now and then loses its state: each call
 * must end exactly once, by its callback, by being cancelled or by http_close. Of most use with the sanitizers. */
#include "http_fixture.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SLOTS = 200, STORM_MS = 700 };

struct slot {
    struct http_call *call;   /* NULL: ended */
};

static struct storm {
    struct loop *loop;
    struct http *http;
    struct loop_timer *timer;
    struct mono until;
    struct slot slots[SLOTS];
    uint64_t random;
    bool tls, lossy;
    unsigned sent, done, cancelled, good;
} storm;

static unsigned pick(unsigned n)
{
    storm.random ^= storm.random << 13, storm.random ^= storm.random >> 7, storm.random ^= storm.random << 17;
    return (unsigned)(storm.random >> 11) % n;
}

/* Stands in front of libcurl's own. */
CURLMcode curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int events, int *running)
{
    static CURLMcode (*real)(CURLM *, curl_socket_t, int, int *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "curl_multi_socket_action");
    CURLMcode code = real(multi, fd, events, running);
    return storm.lossy && pick(100) == 0 ? CURLM_INTERNAL_ERROR : code;
}

static void act(void);

static void on_done(void *data, const struct http_reply *reply)
{
    struct slot *slot = data;
    assert_non_null(slot->call);
    struct http_call *self = slot->call;
    slot->call = NULL;
    storm.done++;
    storm.good += reply->status == 200 && reply->err.code == ERR_NONE;
    if (pick(40) == 0)
        http_cancel(self);   /* too late, and harmless */
    if (pick(3) == 0)
        act();
}

static int on_data(void *data, const char *bytes, size_t n, struct err *err)
{
    (void)bytes;
    (void)n;
    struct slot *slot = data;
    assert_non_null(slot->call);
    if (pick(4) == 0)
        act();
    return pick(10) == 0 ? err_set(err, ERR_INVALID, "refused") : 0;
}

static void send_one(void)
{
    static const char *const paths[] = {
        "hello", "hello?wait=0.02", "big?n=200000", "drip?n=3&gap=0.01", "cut", "nothing", "status?code=503", "echo",
    };
    struct slot *slot = &storm.slots[pick(SLOTS)];
    if (slot->call)
        return;
    const char *url = pick(50) ? url_of(storm.tls ? "https" : "http", paths[pick(ARRAY_SIZE(paths))]) : "http://127.0.0.1:1/";
    bool post = pick(2);
    storm.sent++;
    slot->call = http_send(storm.http, &(struct http_request){
        .method = post ? "POST" : "GET", .url = url, .body = post ? "abc" : NULL, .body_len = post ? 3 : 0, .urgent = pick(10) == 0,
        .deadline_ms = pick(4) ? 0 : 20, .idle_ms = pick(4) ? 0 : 10, .on_data = pick(2) ? on_data : NULL, .on_done = on_done, .data = slot});
}

static void cancel_one(void)
{
    struct slot *slot = &storm.slots[pick(SLOTS)];
    if (!slot->call)
        return;
    struct http_call *call = slot->call;
    slot->call = NULL;
    storm.cancelled++;
    http_cancel(call);
}

static void close_all(void)
{
    http_close(&storm.http);
    for (unsigned i = 0; i < SLOTS; i++) {
        storm.cancelled += storm.slots[i].call != NULL;
        storm.slots[i].call = NULL;
    }
}

static void act(void)
{
    if (!storm.http)
        return;
    unsigned what = pick(100);
    if (what < 75)
        send_one();
    else if (what < 96)
        cancel_one();
    else if (what < 99)
        http_drop_connections(storm.http);
    else
        close_all();
}

static void on_tick(void *data)
{
    (void)data;
    struct err err;
    if (!storm.http)
        storm.http = http_open(storm.loop, &(struct http_options){.insecure = true, .max_connections = 4}, &err);
    assert_non_null(storm.http);
    for (unsigned i = pick(20); i; i--)
        act();
    struct mono now = clock_mono();
    if (mono_reached(storm.until, now))
        loop_stop(storm.loop);
    else
        loop_timer_set(storm.timer, mono_add_ms(now, 2));
}

static void run_storm(uint64_t seed, bool tls, bool lossy)
{
    storm = (struct storm){.loop = loop_new(), .random = seed, .tls = tls, .lossy = lossy, .until = mono_add_ms(clock_mono(), STORM_MS)};
    storm.timer = loop_timer_new(storm.loop, on_tick, NULL);
    loop_timer_set(storm.timer, MONO_ZERO);
    loop_run(storm.loop);
    close_all();
    assert_true(storm.good > 0);
    assert_int_equal(storm.done + storm.cancelled, storm.sent);
    loop_timer_free(&storm.timer);
    loop_free(&storm.loop);
}

static void plain_storm(void **state)
{
    (void)state;
    run_storm(clock_random() | 1, false, false);
}

static void tls_storm(void **state)
{
    (void)state;
    run_storm(clock_random() | 1, true, false);
}

static void storm_with_lost_state(void **state)
{
    (void)state;
    run_storm(clock_random() | 1, false, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_storm),
        cmocka_unit_test(tls_storm),
        cmocka_unit_test(storm_with_lost_state),
    };
    return cmocka_run_group_tests(tests, server_start, server_stop);
}
