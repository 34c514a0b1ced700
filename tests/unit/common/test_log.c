#include "common/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Runs with stderr going to a pipe; the line without its time stamp is left in `line`. */
static char line[20000];
static int saved, reading;

static void capture(void)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    saved = dup(STDERR_FILENO);
    reading = fds[0];
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
}

static void release(void)
{
    ssize_t n = read(reading, line, sizeof line - 1);
    line[n > 0 ? n : 0] = '\0';
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(reading);
}

static const char *after(const char *part)
{
    char *at = strstr(line, part);
    if (!at)
        fail_msg("no \"%s\" in: %s", part, line);
    return at;
}

static void logfmt(void **state)
{
    (void)state;
    struct err err = {.code = ERR_IO, .text = "broken pipe"};
    log_open("watcher", LOG_INFO, LOG_LOGFMT);
    capture();
    log_warn("poll failed", kv_s("pool", "Default"), kv_i("n", -5), kv_s("none", NULL), kv_s("empty", ""), kv_err(&err));
    release();
    assert_memory_equal(line, "time=2", 6);
    assert_string_equal(after("Z level"), "Z level=warn process=watcher msg=\"poll failed\" pool=Default n=-5 error=\"broken pipe\"\n");
}

static void json(void **state)
{
    (void)state;
    log_open("reaper", LOG_INFO, LOG_JSON);
    capture();
    log_error("x", kv_s("a", "q\"\\"), kv_i("n", 7));
    release();
    assert_memory_equal(line, "{\"time\":\"2", 10);
    assert_string_equal(after(",\"level\""), ",\"level\":\"error\",\"process\":\"reaper\",\"msg\":\"x\",\"a\":\"q\\\"\\\\\",\"n\":7}\n");
}

static void control_bytes_are_escaped(void **state)
{
    (void)state;
    log_open("p", LOG_INFO, LOG_LOGFMT);
    capture();
    log_info("m", kv_s("v", "a\nlevel=error \x1b[31m\x7f=\t"), KV_NONE);
    release();
    assert_string_equal(after(" v="), " v=\"a\\nlevel=error \\u001b[31m\\u007f=\\u0009\"\n");
}

static void long_values_are_cut(void **state)
{
    (void)state;
    static char big[5000];
    memset(big, 'x', sizeof big - 1);
    log_open("p", LOG_INFO, LOG_LOGFMT);
    capture();
    log_info("m", kv_s("v", big), kv_i("end", 1));
    release();
    assert_int_equal(strspn(after("xxx"), "x"), 2000);
    after("x...\" end=1\n");
}

static void quiet_below_the_level(void **state)
{
    (void)state;
    log_open("p", LOG_WARN, LOG_LOGFMT);
    capture();
    log_info("m", KV_NONE);
    log_debug("m", KV_NONE);
    release();
    assert_string_equal(line, "");
    assert_false(log_on(LOG_INFO));
    assert_true(log_on(LOG_ERROR));
}

static void names_are_parsed(void **state)
{
    (void)state;
    enum log_level level = LOG_INFO;
    enum log_format format = LOG_LOGFMT;
    assert_int_equal(log_level_parse("DEBUG", &level), 0);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_level_parse("error", &level), 0);
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(log_level_parse("loud", &level), -1);
    assert_int_equal(log_level_parse("", &level), -1);
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(log_format_parse("json", &format), 0);
    assert_int_equal(format, LOG_JSON);
    assert_int_equal(log_format_parse("xml", &format), -1);
}

static void foreign_bytes_stay_harmless(void **state)
{
    (void)state;
    log_open("watcher", LOG_INFO, LOG_JSON);
    capture();
    log_info("x", kv_s("name", "\xc3\xbc\xe2\x82\xac \xc2\x9b" "31m \x1b[2J \xff \xc0\xaf \xed\xa0\x80"));
    release();
    assert_non_null(strstr(line, "\"name\":\"\xc3\xbc\xe2\x82\xac \\u00c2\\u009b31m \\u001b[2J \\u00ff \\u00c0\\u00af \\u00ed\\u00a0\\u0080\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_bytes_stay_harmless),
        cmocka_unit_test(logfmt),
        cmocka_unit_test(json),
        cmocka_unit_test(control_bytes_are_escaped),
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(quiet_below_the_level),
        cmocka_unit_test(names_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
