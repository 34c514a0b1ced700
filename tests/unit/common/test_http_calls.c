/* The life of a call: streams, cancelling, closing, the window. */
#include "http_fixture.h"

#include <ev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct http_options plain = {.user_agent = "test/1"};

#define assert_contains(text, part) do { if (!strstr((text), (part))) fail_msg("\"%s\" is not in: %s", (part), (text)); } while (0)

static struct http_request none(void)
{
    return (struct http_request){.method = NULL};
}

/* ---- streams ---- */

struct stream {
    struct world *w;
    struct buf got;
    struct http_call *self, *cancel;
    bool close, refuse;
};

static int on_data(void *data, const char *bytes, size_t n, struct err *err)
{
    struct stream *s = data;
    buf_append(&s->got, bytes, n);
    if (s->cancel)
        http_cancel(s->cancel);
    if (s->close)
        http_close(&s->w->http);
    s->cancel = NULL;
    return s->refuse ? err_set(err, ERR_INVALID, "row 1 is nonsense") : 0;
}

static void stream_done(void *data, const struct http_reply *reply)
{
    record(((struct stream *)data)->w, reply);
}

static struct stream stream_of(struct world *w)
{
    struct stream s = {.w = w};
    buf_init(&s.got, 100000);
    return s;
}

static void streams_2xx_and_keeps_the_rest(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    struct stream s = stream_of(w);
    get(w, "big?n=50000", (struct http_request){.on_data = on_data, .on_done = stream_done, .data = &s, .max_body = 10});
    assert_true(wait_for(w, 1));
    assert_int_equal(w->seen[0].err.code, ERR_NONE);
    assert_string_equal(w->seen[0].body, "");
    assert_int_equal(s.got.len, 50000);
    buf_reset(&s.got);
    get(w, "status?code=404&n=7", (struct http_request){.on_data = on_data, .on_done = stream_done, .data = &s});
    assert_true(wait_for(w, 2));
    assert_int_equal(w->seen[1].status, 404);
    assert_string_equal(w->seen[1].body, "xxxxxxx");
    assert_int_equal(s.got.len, 0);
    buf_done(&s.got);
    world_free(&w);
}

static void a_stream_can_be_refused(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    struct stream s = stream_of(w);
    s.refuse = true;
    get(w, "drip?n=3&gap=0.3", (struct http_request){.on_data = on_data, .on_done = stream_done, .data = &s});
    assert_true(wait_for(w, 1));
    assert_int_equal(w->seen[0].err.code, ERR_INVALID);
    assert_string_equal(w->seen[0].err.text, "row 1 is nonsense");
    assert_string_equal(s.got.data, "0\n");
    buf_done(&s.got);
    world_free(&w);
}

static void cancel_from_a_stream(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    struct stream s = stream_of(w);
    s.cancel = get(w, "drip?n=3&gap=0.1", (struct http_request){.on_data = on_data, .on_done = stream_done, .data = &s});   /* itself */
    let_pass(w, 250);
    assert_int_equal(w->n, 0);
    assert_string_equal(s.got.data, "0\n");
    assert_int_equal(http_in_flight(w->http), 0);
    s.cancel = get(w, "hello?wait=0.4", none());   /* another */
    get(w, "big?n=5", (struct http_request){.on_data = on_data, .on_done = stream_done, .data = &s});
    assert_true(wait_for(w, 1));
    assert_string_equal(s.got.data, "0\nbbbbb");
    let_pass(w, 450);
    assert_int_equal(w->n, 1);
    buf_done(&s.got);
    world_free(&w);
}

static void close_from_a_stream(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    struct stream s = stream_of(w);
    s.close = true;
    get(w, "drip?n=3&gap=0.05", (struct http_request){.on_data = on_data, .on_done = stream_done, .data = &s});
    get(w, "hello?wait=0.1", none());
    let_pass(w, 250);
    assert_int_equal(w->n, 0);
    assert_string_equal(s.got.data, "0\n");
    buf_done(&s.got);
    world_free(&w);
}

/* ---- cancelling and closing ---- */

static struct http_call *victims[3];

static void cancel_victims(void *data, const struct http_reply *reply)
{
    for (unsigned i = 0; i < ARRAY_SIZE(victims); i++)
        http_cancel(victims[i]);
    record(data, reply);
}

static void cancel_from_a_callback(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct http_options){.max_connections = 2});
    get(w, "hello", none());
    assert_true(wait_for(w, 1));                                                   /* now known to speak HTTP/1.1 only: two at a time */
    victims[0] = get(w, "hello?wait=0.05", (struct http_request){.on_done = cancel_victims});   /* itself */
    victims[1] = get(w, "hello?wait=0.5", none());                                 /* running */
    victims[2] = get(w, "hello", none());                                          /* queued */
    get(w, "big?n=4", none());
    assert_int_equal(http_in_flight(w->http), 2);
    assert_int_equal(http_queued(w->http), 2);
    assert_true(wait_for(w, 3));
    assert_string_equal(w->seen[2].body, "bbbb");
    let_pass(w, 100);
    assert_int_equal(w->n, 3);
    assert_int_equal(http_in_flight(w->http) + http_queued(w->http), 0);
    world_free(&w);
}

static void cancelled_call_gives_its_place_away(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct http_options){.max_connections = 1});
    get(w, "hello", none());
    assert_true(wait_for(w, 1));
    struct http_call *slow = get(w, "hello?wait=3", none());
    get(w, "big?n=4", none());
    assert_int_equal(http_queued(w->http), 1);
    http_cancel(slow);
    assert_true(wait_for(w, 2));
    assert_string_equal(w->seen[1].body, "bbbb");
    world_free(&w);
}

static void close_in_callback(void *data, const struct http_reply *reply)
{
    struct world *w = data;
    record(w, reply);
    http_close(&w->http);
}

static void close_from_a_callback_silences_the_rest(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    get(w, "hello", (struct http_request){.on_done = close_in_callback});
    get(w, "hello?wait=0.1", none());
    get(w, "hello?wait=0.1", none());
    assert_true(wait_for(w, 1));
    let_pass(w, 150);
    assert_int_equal(w->n, 1);
    assert_null(w->http);
    world_free(&w);
}

static void close_with_everything_under_way(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    for (unsigned i = 0; i < 40; i++)
        get(w, "hello?wait=0.2", none());
    http_send(w->http, &(struct http_request){.method = "GET", .url = "bad url", .on_done = record, .data = w});
    let_pass(w, 50);
    http_close(&w->http);
    let_pass(w, 50);
    for (unsigned i = 0; i < w->n; i++)
        assert_int_equal(w->seen[i].err.code, ERR_INVALID);
    world_free(&w);
}

static void send_again(void *data, const struct http_reply *reply)
{
    struct world *w = data;
    record(w, reply);
    get(w, "hello", none());
}

static void send_from_a_callback(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    get(w, "hello", (struct http_request){.on_done = send_again});
    assert_true(wait_for(w, 2));
    assert_int_equal(w->seen[1].status, 200);
    assert_int_equal(w->seen[0].connection, w->seen[1].connection);
    http_drop_connections(w->http);
    get(w, "hello", none());
    assert_true(wait_for(w, 3));
    assert_int_not_equal(w->seen[2].connection, w->seen[1].connection);
    world_free(&w);
}

/* ---- window ---- */

static void queue_drains_within_the_limits(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct http_options){.max_connections = 4});
    for (unsigned i = 0; i < 200; i++)
        get(w, "hello?wait=0.002&group=a", none());
    assert_int_equal(http_in_flight(w->http), 4);
    assert_int_equal(http_queued(w->http), 196);
    assert_true(wait_for(w, 200));
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(w->seen[i].status, 200);
    get(w, "most?group=a", none());
    assert_true(wait_for(w, 201));
    assert_in_range(atoi(w->seen[200].body), 2, 4);
    world_free(&w);
}

static void retry_after_holds_all_but_urgent_calls(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    get(w, "status?code=429&after=1", none());
    assert_true(wait_for(w, 1));
    assert_int_equal(w->seen[0].status, 429);
    assert_int_equal(w->seen[0].err.code, ERR_NONE);
    assert_int_equal(w->seen[0].retry_ms, 1000);
    get(w, "hello", none());
    get(w, "big?n=9", (struct http_request){.urgent = true});
    assert_int_equal(http_queued(w->http), 1);
    assert_int_equal(http_in_flight(w->http), 1);
    assert_true(wait_for(w, 2));
    assert_string_equal(w->seen[1].body, "bbbbbbbbb");
    assert_true(mono_ms_between(w->seen[0].ended, w->seen[1].ended) < 800);
    assert_true(wait_for(w, 3));
    int64_t waited = mono_ms_between(w->seen[0].ended, w->seen[2].began);
    assert_true(waited >= 999 && waited < 3000);
    world_free(&w);
}

/* The server closes the window; what may not wait so long is never sent. */
static void a_call_that_waited_too_long_is_not_sent(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    get(w, "status?code=429&after=1", none());
    assert_true(wait_for(w, 1));
    struct mono now = clock_mono();
    get(w, "hello?wait=0.002&group=b", (struct http_request){.start_by = mono_add_ms(now, 500)});
    get(w, "big?n=9", (struct http_request){.start_by = mono_add_ms(now, 60000)});
    assert_true(wait_for(w, 3));
    unsigned refused = w->seen[1].status ? 2 : 1;
    assert_int_equal(w->seen[refused].status, 0);
    assert_int_equal(w->seen[refused].err.code, ERR_CANCELLED);
    assert_string_equal(w->seen[3 - refused].body, "bbbbbbbbb");
    get(w, "most?group=b", none());
    assert_true(wait_for(w, 4));
    assert_string_equal(w->seen[3].body, "0");     /* it never came */
    world_free(&w);
}

static void retry_after_as_a_date(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    get(w, "status?code=200&in=90", none());      /* 200: told, but the window stays open */
    get(w, "status?code=200&after=soon", none());
    get(w, "status?code=200&after=1x", none());
    get(w, "status?code=200&in=-5", none());
    assert_true(wait_for(w, 4));
    long in = 0, past = -2;
    unsigned nonsense = 0;
    for (unsigned i = 0; i < 4; i++) {
        in = w->seen[i].retry_ms > 0 ? w->seen[i].retry_ms : in;
        past = w->seen[i].retry_ms == 0 ? 0 : past;
        nonsense += w->seen[i].retry_ms == -1;
    }
    assert_true(in >= 88000 && in <= 91000);
    assert_int_equal(past, 0);
    assert_int_equal(nonsense, 2);
    world_free(&w);
}

static void quiet_when_nothing_is_under_way(void **state)
{
    (void)state;
    struct world *w = world_new(&plain);
    get(w, "hello", none());
    assert_true(wait_for(w, 1));
    let_pass(w, 20);
    unsigned before = ev_iteration(loop_ev(w->loop));
    let_pass(w, 600);
    assert_true(ev_iteration(loop_ev(w->loop)) - before <= 3);
    world_free(&w);
}

/* ---- long-lived ---- */

static void long_lived_calls_run_side_by_side(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct http_options){.long_lived = true, .max_connections = 1});
    for (unsigned i = 0; i < 12; i++)
        get(w, "hello?wait=0.1", (struct http_request){.deadline_ms = -1});
    assert_int_equal(http_in_flight(w->http), 12);
    assert_true(wait_for(w, 12));
    for (unsigned i = 1; i < 12; i++)
        assert_int_not_equal(w->seen[i].connection, w->seen[i - 1].connection);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_2xx_and_keeps_the_rest),
        cmocka_unit_test(a_stream_can_be_refused),
        cmocka_unit_test(cancel_from_a_stream),
        cmocka_unit_test(close_from_a_stream),
        cmocka_unit_test(cancel_from_a_callback),
        cmocka_unit_test(cancelled_call_gives_its_place_away),
        cmocka_unit_test(close_from_a_callback_silences_the_rest),
        cmocka_unit_test(close_with_everything_under_way),
        cmocka_unit_test(send_from_a_callback),
        cmocka_unit_test(queue_drains_within_the_limits),
        cmocka_unit_test(retry_after_holds_all_but_urgent_calls),
        cmocka_unit_test(a_call_that_waited_too_long_is_not_sent),
        cmocka_unit_test(retry_after_as_a_date),
        cmocka_unit_test(quiet_when_nothing_is_under_way),
        cmocka_unit_test(long_lived_calls_run_side_by_side),
    };
    return cmocka_run_group_tests(tests, server_start, server_stop);
}
