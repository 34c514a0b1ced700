#include "common/daemon_priv.h"

#include "common/buf.h"
#include "common/heap.h"
#include "common/mem.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_OPEN_FILES = 65536, MAX_POOL_NAMES_BYTES = 1000 };

/* The one process that runs here; daemon_exit and the signals have no other way to it. */
static struct {
    const struct daemon_ops *ops;
    struct loop *loop;
    void *self;
    int exit_code;
    bool leaving;     /* daemon_exit was called, perhaps before the loop ran */
    bool signalled;
    struct heap_watch heap;
} state;

void daemon_exit(int code)
{
    if (!state.leaving)
        state.exit_code = code;
    state.leaving = true;
    if (state.loop)
        loop_stop(state.loop);
}

static void on_terminate(int signo, void *data)
{
    (void)data;
    if (state.signalled) {
        log_warn("second signal: ending at once", kv_i("signal", signo));
        _exit(EXIT_FAILED);
    }
    state.signalled = true;
    log_info("stopping", kv_s("signal", signo == SIGTERM ? "SIGTERM" : "SIGINT"));
    if (state.ops->drain && state.self)
        state.ops->drain(state.self);
    else
        daemon_exit(EXIT_OK);
}

static void on_hangup(int signo, void *data)
{
    (void)data;
    log_info("configuration reload comes with a restart", kv_i("signal", signo));
}

static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t wanted = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > MAX_OPEN_FILES ? MAX_OPEN_FILES : limit.rlim_max;
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void at_rest(void *data)
{
    heap_give_back(data, loop_now(state.loop));
}

static void log_start(const struct config *config)
{
    struct buf pools;
    buf_init(&pools, MAX_POOL_NAMES_BYTES);
    for (size_t i = 0; i < config->n_pools; i++)
        buf_printf(&pools, "%s%s", i ? "," : "", config->pools[i].name);
    const char *host = strstr(config->org_url, "://");
    host = host ? host + 3 : config->org_url;
    char org[256];
    snprintf(org, sizeof org, "%.*s", (int)strcspn(host, "/"), host);
    log_info("started", kv_s("build", daemon_build()), kv_s("instance", config->instance), kv_s("org", org), kv_s("pools", pools.data),
             kv_s("namespace", config->job_namespace), kv_s("config", config->config_file));
    buf_done(&pools);
}

static int exit_code_for(const struct err *err)
{
    return err->code == ERR_CONFIG ? EXIT_CONFIG : EXIT_UNAVAILABLE;
}

static void loop_until_exit(const struct config *config)
{
    log_start(config);
    if (!state.leaving)
        loop_run(state.loop);
    log_info("stopped", kv_i("code", state.exit_code));
    if (state.ops->stop)
        state.ops->stop(state.self);
}

static int run(const struct daemon_ops *ops, const struct config *config)
{
    struct err err = {0};
    prctl(PR_SET_DUMPABLE, 0);   /* no core file and no other process of our user may read the secrets */
    raise_open_files();
    state.ops = ops;
    state.loop = loop_new();
    loop_signal(state.loop, SIGTERM, on_terminate, NULL);
    loop_signal(state.loop, SIGINT, on_terminate, NULL);
    loop_signal(state.loop, SIGHUP, on_hangup, NULL);
    loop_on_rest(state.loop, at_rest, &state.heap);
    state.self = ops->start(state.loop, config, &err);
    if (state.self) {
        loop_until_exit(config);
    } else {
        log_error("cannot start", kv_err(&err));
        state.exit_code = exit_code_for(&err);
    }
    state.self = NULL;
    loop_free(&state.loop);
    return state.exit_code;
}

static int check(const struct daemon_ops *ops, const struct config *config)
{
    struct err err = {0};
    if (ops->check && ops->check(config, &err) != 0) {
        fprintf(stderr, "azp-%s: %s\n", ops->role, err.text);
        return exit_code_for(&err);
    }
    config_print(config, stdout);
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

static int run_configured(const struct daemon_ops *ops, bool only_check)
{
    struct err err = {0};
    enum log_format format = LOG_LOGFMT;   /* for what is said before the settings are read */
    if (getenv("LOG_FORMAT"))
        log_format_parse(getenv("LOG_FORMAT"), &format);
    log_open(ops->role, LOG_INFO, format);
    struct config *config = config_load_env(&err);
    if (!config) {
        fprintf(stderr, "azp-%s: %s\n", ops->role, err.text);
        return EXIT_CONFIG;
    }
    log_open(ops->role, config->log_level, config->log_format);
    int code = only_check ? check(ops, config) : run(ops, config);
    config_free(&config);
    return code;
}

int daemon_main(int argc, char **argv, const struct daemon_ops *ops)
{
    struct err err = {0};
    heap_tune();
    enum daemon_mode mode = daemon_options(argc, argv, &err);
    switch (mode) {
    case MODE_HELP:
        daemon_help(ops, stdout);
        return EXIT_OK;
    case MODE_VERSION:
        printf("azp-%s %s\n", ops->role, daemon_build());
        return EXIT_OK;
    case MODE_USAGE:
        fprintf(stderr, "azp-%s: %s\n", ops->role, err.text);
        return EXIT_USAGE;
    case MODE_RUN:
    case MODE_CHECK:
        break;
    }
    return run_configured(ops, mode == MODE_CHECK);
}
