/* The reflector against scripted replies: what its user is told, and what it asks for next. */
#include "common/kube.h"

#include "common/json.h"
#include "common/kube_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kube_fixture.h"

#define assert_contains(text, part) do { if (!strstr((text), (part))) fail_msg("\"%s\" is not in: %s", (part), (text)); } while (0)

static const struct kube_right rights[] = {{KUBE_LIST, "jobs"}, {KUBE_WATCH, "jobs"}, {KUBE_GET, NULL}};

/* Everything the user was told, in order: "+a -b(uid) synced well ill:denied/rbac". */
static char told[8192];
static struct kube_watch *watch;
static const char *stop_at;

static void note(const char *text)
{
    size_t n = strlen(told);
    snprintf(told + n, sizeof told - n, "%s%s", n ? " " : "", text);
    if (stop_at && !strcmp(stop_at, text))
        kube_watch_stop(&watch);
}

static void on_object(void *data, json_t *object)
{
    (void)data;
    char text[128];
    snprintf(text, sizeof text, "+%s", json_text(object, "metadata.name"));
    note(text);
}

static void on_gone(void *data, const char *name, const char *uid)
{
    (void)data;
    char text[128];
    snprintf(text, sizeof text, "-%s(%s)", name, uid);
    note(text);
}

static void on_synced(void *data)
{
    (void)data;
    note("synced");
}

static void on_health(void *data, const struct err *err, enum kube_refusal refusal)
{
    (void)data;
    char text[128];
    snprintf(text, sizeof text, err->code == ERR_NONE ? "well" : "ill:%s/%s", err_code_name(err->code), kube_refusal_name(refusal));
    note(text);
}

static const char *awaited;
static bool is_told(void) { return strstr(told, awaited) != NULL; }

#define wait_told(text) do { awaited = (text); if (!wait_until(is_told)) fail_msg("\"%s\" never came: %s", (text), told); } while (0)

static size_t n_awaited;
static bool is_asked(void) { return world.n_requests >= n_awaited; }

static void wait_requests(size_t n)
{
    n_awaited = n;
    if (!wait_until(is_asked))
        fail_msg("only %zu requests; told: %s", world.n_requests, told);
}

static int begin(void **state)
{
    told[0] = '\0';
    stop_at = NULL;
    return world_begin(state);
}

static int end(void **state)
{
    kube_watch_stop(&watch);
    return world_end(state);
}

enum { FIRST_WAIT_MS = 60 };

static void start(void)
{
    world_open_as("token: t", rights);
    world.kube->first_wait_ms = FIRST_WAIT_MS;
    watch = kube_watch_start(world.kube, &(struct kube_watch_spec){
        .api = "apis/batch/v1", .ns = "ns1", .resource = "jobs", .label_selector = "app=x,pool in (a)",
        .on_object = on_object, .on_gone = on_gone, .on_synced = on_synced, .on_health = on_health,
    });
}

#define ITEM(name, uid) "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns1\",\"uid\":\"" uid "\"}}"
#define LIST(rv, token, items) "{\"kind\":\"JobList\",\"metadata\":{\"resourceVersion\":\"" rv "\",\"continue\":\"" token "\"},\"items\":[" items "]}"
#define EVENT(type, name, uid, rv) \
    "{\"type\":\"" type "\",\"object\":{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns1\",\"uid\":\"" uid "\",\"resourceVersion\":\"" rv "\"}}}\n"
#define BOOKMARK(rv) "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" rv "\"}}}\n"
#define EXPIRED "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"too old\",\"reason\":\"Expired\",\"code\":410}"
#define FORBIDDEN "{\"kind\":\"Status\",\"message\":\"jobs.batch is forbidden: User \\\"bob\\\" cannot watch resource\",\"reason\":\"Forbidden\",\"details\":{\"kind\":\"jobs\"},\"code\":403}"

#define A_LIST(...) script((struct step){.to = "/jobs?limit", .status = 200, .body = LIST(__VA_ARGS__)})
#define A_WATCH(text) script((struct step){.to = "/jobs?watch", .status = 200, .stream = true, .body = (text)})

static void list_pages_then_watch(void **state)
{
    (void)state;
    A_LIST("100", "t/1=", ITEM("a", "1") "," ITEM("b", "2"));
    A_LIST("101", "", ITEM("c", "3"));
    A_WATCH("");
    start();
    wait_requests(3);
    assert_string_equal(told, "+a +b +c synced well");
    assert_true(kube_watch_healthy(watch));
    const char *first = world.requests[0], *second = world.requests[1], *third = world.requests[2];
    assert_contains(first, "GET /base/apis/batch/v1/namespaces/ns1/jobs?limit=500&labelSelector=app%3Dx%2Cpool%20in%20%28a%29 HTTP/1.1\r\n");
    assert_contains(first, "gzip");
    assert_contains(second, "&continue=t%2F1%3D HTTP/1.1\r\n");
    assert_null(strstr(second, "resourceVersion"));
    assert_contains(third, "watch=1&resourceVersion=100&allowWatchBookmarks=true&timeoutSeconds=");
    assert_contains(third, "labelSelector=app%3Dx");
    assert_null(strstr(third, "gzip"));
    push(EVENT("ADDED", "d", "4", "102") "{\"type\":\"MODIF");
    run_for(30);
    push("IED\",\"object\":{\"metadata\":{\"name\":\"d\",\"uid\":\"4\",\"resourceVersion\":\"103\"}}}\n" EVENT("DELETED", "a", "1", "104"));
    wait_told("-a(1)");
    assert_string_equal(told, "+a +b +c synced well +d +d -a(1)");
}

static void a_watch_that_ends_goes_on(void **state)
{
    (void)state;
    A_LIST("100", "", ITEM("a", "1"));
    A_WATCH(EVENT("ADDED", "b", "2", "105") BOOKMARK("110"));
    A_WATCH("");
    start();
    wait_told("+b");
    end_streams();
    wait_requests(3);
    assert_contains(world.requests[2], "resourceVersion=110&");
    assert_string_equal(told, "+a synced well +b");
    assert_true(kube_watch_healthy(watch));
}

static void relist_tells_what_was_missed(void **state)
{
    (void)state;
    A_LIST("100", "", ITEM("a", "1") "," ITEM("b", "2") "," ITEM("c", "3"));
    A_WATCH(EVENT("ADDED", "d", "4", "101") "{\"type\":\"ERROR\",\"object\":" EXPIRED "}\n");
    A_LIST("200", "", ITEM("a", "1") "," ITEM("b", "22"));
    A_WATCH("");
    start();
    wait_requests(4);
    assert_contains(world.requests[3], "resourceVersion=200&");
    assert_string_equal(strstr(told, "+d"), "+d +a -b(2) +b -c(3) -d(4) synced");
}

static void all_shapes_of_410_list_again(void **state)
{
    (void)state;
    static const struct step shapes[] = {
        {.to = "/jobs?watch", .status = 410, .body = EXPIRED},
        {.to = "/jobs?watch", .status = 410, .body = "Gone"},
        {.to = "/jobs?watch", .status = 200, .body = "{\"type\":\"ERROR\",\"object\":" EXPIRED "}\n"},
        {.to = "/jobs?limit", .status = 410, .body = EXPIRED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
        bool of_list = strstr(shapes[i].to, "limit") != NULL;
        if (i > 0)
            begin(NULL);
        script((struct step){.to = "/jobs?limit", .status = 200, .body = of_list ? LIST("100", "t", ITEM("a", "1")) : LIST("100", "", ITEM("a", "1"))});
        script(shapes[i]);
        A_LIST("200", "", ITEM("b", "2"));
        A_WATCH("");
        start();
        wait_requests(4);
        assert_contains(world.requests[3], "resourceVersion=200&");
        assert_non_null(strstr(told, "+b -a(1) synced"));
        assert_null(strstr(told, "ill"));
        if (i + 1 < ARRAY_SIZE(shapes))
            end(NULL);
    }
}

static void a_cut_list_deletes_nothing(void **state)
{
    (void)state;
    static const struct step cuts[] = {
        {.to = "/jobs?limit", .status = 200, .body = "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[" ITEM("a", "1") ","},
        {.to = "/jobs?limit", .status = 200, .body = "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[" ITEM("a", "1") "]"},
        {.to = "/jobs?limit", .status = 200, .body = "<html>sign in</html>"},
        {.to = "/jobs?limit", .status = 200, .body = "{\"metadata\":{\"resourceVersion\":\"1\"}}"},
        {.to = "/jobs?limit", .status = 200, .body = "{\"metadata\":{},\"items\":[]}"},
        {.to = "/jobs?limit", .status = 200, .body = "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"metadata\":{}}]}"},
        {.to = "/jobs?limit", .status = 200, .body = ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
        if (i > 0)
            begin(NULL);
        A_LIST("100", "", ITEM("a", "1") "," ITEM("b", "2"));
        script((struct step){.to = "/jobs?watch", .status = 410, .body = EXPIRED});
        script(cuts[i]);
        start();
        wait_told("ill:invalid/none");
        assert_null(strstr(told, "-"));
        assert_false(kube_watch_healthy(watch));
        if (i + 1 < ARRAY_SIZE(cuts))
            end(NULL);
    }
}

static void null_items_are_an_empty_list(void **state)
{
    (void)state;
    script((struct step){.to = "/jobs?limit", .status = 200, .body = "{\"kind\":\"JobList\",\"metadata\":{\"resourceVersion\":\"5\"},\"items\":null}"});
    A_WATCH("");
    start();
    wait_requests(2);
    assert_string_equal(told, "synced well");
}

static void refused_list_and_recovery(void **state)
{
    (void)state;
    script((struct step){.to = "/jobs?limit", .status = 403, .body = FORBIDDEN});
    script((struct step){.to = "/jobs?limit", .status = 401, .body = "{\"kind\":\"Status\",\"code\":401}"});
    A_LIST("1", "", "");
    A_WATCH("");
    start();
    wait_told("well");
    assert_string_equal(told, "ill:denied/rbac ill:auth/none synced well");
}

/* Lists work, the watch is refused: one illness, no flapping, until a watch is let in. */
static void refused_watch_and_recovery(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        A_LIST("1", "", ITEM("a", "1"));
        script((struct step){.to = "/jobs?watch", .status = 403, .body = FORBIDDEN});
    }
    A_LIST("2", "", ITEM("a", "1"));
    A_WATCH("");
    start();
    wait_requests(6);
    assert_string_equal(told, "+a synced well ill:denied/rbac +a synced +a synced");
    assert_false(kube_watch_healthy(watch));
    struct mono asked = clock_mono();
    wait_told("synced well ill:denied/rbac +a synced +a synced well");
    assert_in_range(mono_ms_between(asked, clock_mono()), 1500, 4000);    /* no line came: it counts as open after 2 s */
}

static void unreachable_and_recovery(void **state)
{
    (void)state;
    A_LIST("1", "", ITEM("a", "1"));
    script((struct step){.to = "/jobs?watch"});
    script((struct step){.to = "/jobs?limit", .status = 503, .body = "no healthy upstream"});
    A_LIST("9", "", ITEM("a", "1"));
    A_WATCH(EVENT("MODIFIED", "a", "1", "10"));
    start();
    wait_told("+a synced well +a");
    assert_string_equal(told, "+a synced well ill:io/none ill:unavailable/none +a synced well +a");
}

static void very_short_watches_are_spaced(void **state)
{
    (void)state;
    A_LIST("1", "", "");
    for (int i = 0; i < 3; i++)
        script((struct step){.to = "/jobs?watch", .status = 200, .body = ""});
    struct mono began = clock_mono();
    start();
    wait_requests(4);
    assert_true(mono_ms_between(began, clock_mono()) >= FIRST_WAIT_MS / 2 + FIRST_WAIT_MS);
    wait_told("ill:unavailable/none");
    assert_string_equal(told, "synced well ill:unavailable/none");
    for (size_t i = 1; i < 4; i++)
        assert_contains(world.requests[i], "watch=1&resourceVersion=1&");
}

static void garbage_in_the_watch_lists_again(void **state)
{
    (void)state;
    A_LIST("1", "", ITEM("a", "1"));
    A_WATCH(EVENT("MODIFIED", "a", "1", "2") "}{ not json\n");
    A_LIST("3", "", "");
    A_WATCH("");
    start();
    wait_requests(4);
    assert_string_equal(told, "+a synced well +a ill:invalid/none -a(1) synced well");
}

static void throttled_watch_waits_as_told(void **state)
{
    (void)state;
    A_LIST("1", "", "");
    script((struct step){.to = "/jobs?watch", .status = 429, .body = "Too many requests", .headers = "Retry-After: 1\r\n"});
    A_WATCH(BOOKMARK("5"));
    start();
    wait_requests(2);
    struct mono told_to_wait = clock_mono();
    wait_requests(3);
    assert_true(mono_ms_between(told_to_wait, clock_mono()) >= 900);
    wait_told("ill:throttled/none well");
}

/* The user may stop it from within each of its callbacks. */
static void stopped_from_any_callback(void **state)
{
    (void)state;
    static const char *const where[] = {"+a", "synced", "well", "+b", "-a(1)", "-b(2)", "ill:denied/rbac"};
    for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
        if (i > 0)
            begin(NULL);
        stop_at = where[i];
        A_LIST("1", "", ITEM("a", "1"));
        A_WATCH(EVENT("ADDED", "b", "2", "2") EVENT("DELETED", "a", "1", "3") "{\"type\":\"ERROR\",\"object\":" EXPIRED "}\n");
        A_LIST("5", "", "");
        script((struct step){.to = "/jobs?watch", .status = 403, .body = FORBIDDEN});
        start();
        wait_told(where[i]);
        size_t n = strlen(told);
        assert_null(watch);
        run_for(30);
        assert_int_equal(strlen(told), n);
        if (i + 1 < ARRAY_SIZE(where))
            end(NULL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(list_pages_then_watch),
        TEST(a_watch_that_ends_goes_on),
        TEST(relist_tells_what_was_missed),
        TEST(all_shapes_of_410_list_again),
        TEST(a_cut_list_deletes_nothing),
        TEST(null_items_are_an_empty_list),
        TEST(refused_list_and_recovery),
        TEST(refused_watch_and_recovery),
        TEST(unreachable_and_recovery),
        TEST(very_short_watches_are_spaced),
        TEST(garbage_in_the_watch_lists_again),
        TEST(throttled_watch_waits_as_told),
        TEST(stopped_from_any_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
