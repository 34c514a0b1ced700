/* For test_config*.c: an environment made of "NAME=value" strings over a good one, and what was warned about. */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H

#include "common/config_priv.h"
#include "common/mem.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* "-NAME" takes a variable away. */
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct {
    int n;
    char last[600];
} warned;

static void reset_warnings(void)
{
    warned.n = 0;
    warned.last[0] = '\0';
}

static void take_warning(void *data, const char *text)
{
    (void)data;
    warned.n++;
    snprintf(warned.last, sizeof warned.last, "%s", text);
}

static const char *find(const char *const *settings, const char *name, bool *taken_away)
{
    size_t n = strlen(name);
    for (; settings && *settings; settings++) {
        if (**settings == '-' && strcmp(*settings + 1, name) == 0)
            *taken_away = true;
        if (strncmp(*settings, name, n) == 0 && (*settings)[n] == '=')
            return *settings + n + 1;
    }
    return NULL;
}

static const char *const good_settings[] = {
    "ORG_URL=https://dev.azure.com/yourorg", "ORG_PAT=12345", "AGENT_POOLS=Pool1,Pool2", "JOB_IMAGE=x/y:latest", "JOB_NAMESPACE=ado", NULL,
};

static const char *fixture_getenv(void *data, const char *name)
{
    bool taken_away = false;
    const char *text = find(data, name, &taken_away);
    return text || taken_away ? text : find(good_settings, name, &taken_away);
}

static struct config *load(const char *const *settings, struct err *err)
{
    reset_warnings();
    void *data;
    memcpy(&data, &settings, sizeof data);
    return config_load(fixture_getenv, data, take_warning, NULL, err);
}

static inline struct config *load_good(const char *const *settings)
{
    struct err err = {0};
    struct config *c = load(settings, &err);
    if (!c)
        fail_msg("%s", err.text);
    return c;
}

static inline void assert_refused(const char *const *settings, const char *sentence)
{
    struct err err = {0};
    struct config *c = load(settings, &err);
    if (c)
        fail_msg("accepted, wanted: %s", sentence);
    assert_string_equal(err.text, sentence);
    assert_int_equal(err.code, ERR_CONFIG);
}

static inline void assert_refused_in_part(const char *const *settings, const char *part)
{
    struct err err = {0};
    struct config *c = load(settings, &err);
    if (c || !strstr(err.text, part))
        fail_msg("%s; wanted: %s", c ? "accepted" : err.text, part);
}

static inline void write_file(const char *path, const char *content)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(content, f);
    assert_int_equal(fclose(f), 0);
}

#endif
