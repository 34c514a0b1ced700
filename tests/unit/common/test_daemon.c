/* A process from its options to its exit code, run as a child. */
#include "common/daemon.h"
#include "common/log.h"
#include "common/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    struct loop *loop;
    bool check_offline, check_wrong, start_fails, exit_in_start;
    int drained;
} role;

static int check(const struct config *config, struct err *err)
{
    assert_non_null(config->org_url);
    if (role.check_offline)
        return err_set(err, ERR_UNAVAILABLE, "the server is away");
    return role.check_wrong ? err_set(err, ERR_CONFIG, "JOB_IMAGE: it is wrong") : 0;
}

static void say_ready(void *data)
{
    (void)data;
    char ready[64];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    int n = snprintf(ready, sizeof ready, "ready dumpable=%d files=%d\n", prctl(PR_GET_DUMPABLE), files.rlim_cur >= 256);
    if (write(STDOUT_FILENO, ready, (size_t)n) != n)
        daemon_exit(99);
}

static void *start(struct loop *loop, const struct config *config, struct err *err)
{
    (void)config;
    role.loop = loop;
    if (role.start_fails)
        return err_set(err, ERR_UNAVAILABLE, "no socket today"), NULL;
    if (role.exit_in_start)
        daemon_exit(7);
    loop_post(loop, say_ready, NULL);
    return &role;
}

static void drain(void *self)
{
    assert_ptr_equal(self, &role);
    role.drained++;
    log_info("draining", KV_NONE);
}

static void stop(void *self)
{
    assert_ptr_equal(self, &role);
    log_info("role stopped", KV_NONE);
}

static void leave(void *data)
{
    (void)data;
    daemon_exit(5);
}

static void drain_and_leave(void *self)
{
    (void)self;
    loop_post(role.loop, leave, NULL);
}

/* ---- running it ---- */

struct child {
    pid_t pid;
    int out;
};
enum { TEXT_MAX = 32 * 1024 };

static const char *const good[][2] = {
    {"ORG_URL", "https://dev.azure.com/o"}, {"ORG_PAT", "s3cret"}, {"AGENT_POOLS", "A,B"}, {"JOB_IMAGE", "x"}, {"JOB_NAMESPACE", "ado"},
};

static struct child run(const struct daemon_ops *ops, const char *option, bool settings)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        clearenv();
        for (size_t i = 0; settings && i < ARRAY_SIZE(good); i++)
            setenv(good[i][0], good[i][1], 1);
        char name[] = "azp-test", *argument = option ? xstrdup(option) : NULL;
        char *argv[] = {name, argument, NULL};
        setvbuf(stdout, NULL, _IOFBF, 64 * 1024);
        int code = daemon_main(option ? 2 : 1, argv, ops);
        fflush(stdout);
        _exit(code);
    }
    close(ends[1]);
    return (struct child){.pid = pid, .out = ends[0]};
}

static void read_until(const struct child *c, char *text, const char *part)
{
    size_t n = strlen(text);
    while (!part || !strstr(text, part)) {
        ssize_t got = read(c->out, text + n, TEXT_MAX - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        text[n] = '\0';
    }
    if (part && !strstr(text, part))
        fail_msg("wanted <%s> in <%s>", part, text);
}

static int exit_code(const struct child *c, char *text)
{
    int status;
    read_until(c, text, NULL);
    close(c->out);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_ends(const struct daemon_ops *ops, const char *option, bool settings, int code, const char *part)
{
    char text[TEXT_MAX] = "";
    struct child c = run(ops, option, settings);
    assert_int_equal(exit_code(&c, text), code);
    if (!strstr(text, part))
        fail_msg("wanted <%s> in <%s>", part, text);
}

static const struct daemon_ops plain = {.role = "test", .summary = "is a test", .check = check, .start = start, .stop = stop};
static const struct daemon_ops draining = {.role = "test", .summary = "is a test", .start = start, .drain = drain, .stop = stop};
static const struct daemon_ops leaving = {.role = "test", .summary = "is a test", .start = start, .drain = drain_and_leave, .stop = stop};

static void options_are_answered(void **state)
{
    (void)state;
    char version[200];
    snprintf(version, sizeof version, "azp-test %s\n", daemon_build());
    assert_ends(&plain, "--version", false, EXIT_OK, version);
    assert_ends(&plain, "--help", false, EXIT_OK, "azp-test: is a test");
    assert_ends(&plain, "-h", false, EXIT_OK, "  POLLING_DELAY              1000");
    assert_ends(&plain, "--help", false, EXIT_OK, "78 a setting is missing or wrong");
    assert_ends(&plain, "--chekc", false, EXIT_USAGE, "azp-test: unknown option --chekc; did you mean --check?\n");
    assert_ends(&plain, "pool", false, EXIT_USAGE, "azp-test: unknown option pool; settings are environment variables, see --help\n");
}

static void check_tells_by_its_exit_code(void **state)
{
    (void)state;
    assert_ends(&plain, "--check", true, EXIT_OK, "# org_pat: ***\n");
    assert_ends(&draining, "--check", true, EXIT_OK, "  - name: \"B\"\n");
    assert_ends(&plain, "--check", false, EXIT_CONFIG, "azp-test: ORG_URL is not set: ");
    role.check_offline = true;
    assert_ends(&plain, "--check", true, EXIT_UNAVAILABLE, "azp-test: the server is away\n");
    role.check_offline = false;
    role.check_wrong = true;
    assert_ends(&plain, "--check", true, EXIT_CONFIG, "azp-test: JOB_IMAGE: it is wrong\n");
    role.check_wrong = false;
}

static void a_start_that_fails_is_told(void **state)
{
    (void)state;
    assert_ends(&plain, NULL, false, EXIT_CONFIG, "azp-test: ORG_URL is not set: ");
    role.start_fails = true;
    assert_ends(&plain, NULL, true, EXIT_UNAVAILABLE, "msg=\"cannot start\" error=\"no socket today\"");
    role.start_fails = false;
    role.exit_in_start = true;
    assert_ends(&plain, NULL, true, 7, "msg=\"role stopped\"");
    role.exit_in_start = false;
}

static void a_signal_ends_it(void **state)
{
    (void)state;
    char text[TEXT_MAX] = "";
    struct child c = run(&plain, NULL, true);
    read_until(&c, text, "ready dumpable=0 files=1\n");
    read_until(&c, text, "org=dev.azure.com pools=A,B namespace=ado");
    kill(c.pid, SIGHUP);
    read_until(&c, text, "configuration reload comes with a restart");
    kill(c.pid, SIGTERM);
    assert_int_equal(exit_code(&c, text), EXIT_OK);
    assert_non_null(strstr(text, "msg=stopping signal=SIGTERM"));
    assert_non_null(strstr(text, "msg=stopped code=0"));
    assert_non_null(strstr(text, "msg=\"role stopped\""));
    assert_null(strstr(text, "s3cret"));
}

static void the_first_signal_drains_the_second_ends(void **state)
{
    (void)state;
    char text[TEXT_MAX] = "";
    struct child c = run(&draining, NULL, true);
    read_until(&c, text, "ready");
    kill(c.pid, SIGINT);
    read_until(&c, text, "msg=draining");
    kill(c.pid, SIGTERM);
    assert_int_equal(exit_code(&c, text), EXIT_FAILED);
    assert_non_null(strstr(text, "second signal: ending at once"));
    assert_null(strstr(text, "role stopped"));
}

static void a_drain_ends_with_its_own_code(void **state)
{
    (void)state;
    char text[TEXT_MAX] = "";
    struct child c = run(&leaving, NULL, true);
    read_until(&c, text, "ready");
    kill(c.pid, SIGTERM);
    assert_int_equal(exit_code(&c, text), 5);
    assert_non_null(strstr(text, "msg=\"role stopped\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_answered),
        cmocka_unit_test(check_tells_by_its_exit_code),
        cmocka_unit_test(a_start_that_fails_is_told),
        cmocka_unit_test(a_signal_ends_it),
        cmocka_unit_test(the_first_signal_drains_the_second_ends),
        cmocka_unit_test(a_drain_ends_with_its_own_code),
    };
    alarm(60);
    return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
