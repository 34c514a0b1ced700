#include "common/ado_auth.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/test_ado_auth.XXXXXX";
static char file[64], next[64];

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* As a Secret's volume does it: another file takes the name. */
static void replace(const char *text)
{
    write_file(next, text);
    assert_int_equal(rename(next, file), 0);
}

static void expect_header(const struct ado_auth *auth, const char *expected)
{
    char *header = ado_auth_header(auth);
    assert_string_equal(header, expected);
    secret_free(&header);
    assert_null(header);
}

static void test_given(void **state)
{
    (void)state;
    struct err err;
    struct ado_auth *auth = ado_auth_open(" sesame\r\n", NULL, &err);
    expect_header(auth, "Authorization: Basic OnNlc2FtZQ==");
    assert_int_equal(ado_auth_refresh(auth, true), 0);
    ado_auth_close(&auth);
    assert_null(auth);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const pats[] = {"", " \n", "a b", "a\nb", "a\x01", "\xc3\xa9"};
    for (size_t i = 0; i < ARRAY_SIZE(pats); i++) {
        struct err err = {.code = ERR_NONE};
        assert_null(ado_auth_open(pats[i], NULL, &err));
        assert_int_equal(err.code, ERR_CONFIG);
        assert_non_null(strstr(err.text, "ORG_PAT"));
        replace(pats[i]);
        assert_null(ado_auth_open(NULL, file, &err));
        assert_non_null(strstr(err.text, "ORG_PAT_FILE"));
    }
    struct err err;
    assert_null(ado_auth_open(NULL, NULL, &err));
    assert_null(ado_auth_open(NULL, "/nonexistent/pat", &err));
    assert_int_equal(err.code, ERR_CONFIG);
    char *big = xcalloc(10001, 1);
    memset(big, 'x', 10000);
    replace(big);
    assert_null(ado_auth_open(NULL, file, &err));
    free(big);
}

static void test_file_replaced(void **state)
{
    (void)state;
    struct err err;
    replace("one\n");
    struct ado_auth *auth = ado_auth_open(NULL, file, &err);
    expect_header(auth, "Authorization: Basic Om9uZQ==");
    assert_int_equal(ado_auth_refresh(auth, false), 0);
    assert_int_equal(ado_auth_refresh(auth, true), 0);
    replace("two\n");
    assert_int_equal(ado_auth_refresh(auth, false), 1);
    expect_header(auth, "Authorization: Basic OnR3bw==");
    replace("two\n");             /* another file, the same PAT */
    assert_int_equal(ado_auth_refresh(auth, false), 1);
    ado_auth_close(&auth);
}

static void test_file_unusable_for_a_moment(void **state)
{
    (void)state;
    struct err err;
    replace("one\n");
    struct ado_auth *auth = ado_auth_open(NULL, file, &err);
    unlink(file);
    assert_int_equal(ado_auth_refresh(auth, true), 0);
    replace("");
    assert_int_equal(ado_auth_refresh(auth, false), 0);
    expect_header(auth, "Authorization: Basic Om9uZQ==");
    replace("three");
    assert_int_equal(ado_auth_refresh(auth, false), 1);
    expect_header(auth, "Authorization: Basic OnRocmVl");
    ado_auth_close(&auth);
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/pat", dir);
    snprintf(next, sizeof next, "%s/next", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given), cmocka_unit_test(test_refused), cmocka_unit_test(test_file_replaced),
        cmocka_unit_test(test_file_unusable_for_a_moment),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
