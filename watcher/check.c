/* --check: every pool is looked up with the credential; each problem is one clear sentence. */
#include "watcher/shell.h"

#include "common/buf.h"
#include "common/mem.h"
#include "watcher/shell_priv.h"

#include <stdlib.h>
#include <string.h>

enum { CHECK_MAX_MS = 60 * 1000 };

struct check {
    const struct config *config;
    struct loop *loop;
    size_t open;
    enum err_code worst;
    struct buf problems;
};

struct look_up {
    struct check *check;
    const char *name;
};

static void note_problem(struct check *check, const char *name, const struct ado_result *result)
{
    char *reason = reason_text(check->config, name, result);
    if (!check->problems.data || !strstr(check->problems.data, reason))   /* a bad credential is bad for every pool */
        buf_printf(&check->problems, "%s%s", check->problems.len ? "; " : "", reason);
    free(reason);
    bool setting = result->err.code == ERR_AUTH || result->err.code == ERR_DENIED || result->err.code == ERR_NOT_FOUND;
    check->worst = check->worst == ERR_CONFIG || setting ? ERR_CONFIG : ERR_UNAVAILABLE;
}

static void on_pool(void *data, const struct ado_result *result, const struct ado_pool *pool)
{
    struct look_up *look_up = data;
    struct check *check = look_up->check;
    if (!pool)
        note_problem(check, look_up->name, result);
    if (--check->open == 0)
        loop_stop(check->loop);
}

static void on_deadline(void *data)
{
    struct check *check = data;
    buf_printf(&check->problems, "%sAzure DevOps gave no answer within %d s", check->problems.len ? "; " : "", CHECK_MAX_MS / 1000);
    check->worst = ERR_UNAVAILABLE;
    loop_stop(check->loop);
}

static void look_up_all(struct check *check, struct ado *ado)
{
    struct look_up *look_ups = xcalloc(check->open, sizeof *look_ups);
    struct loop_timer *deadline = loop_timer_new(check->loop, on_deadline, check);
    loop_timer_set(deadline, mono_add_ms(loop_now(check->loop), CHECK_MAX_MS));
    for (size_t i = 0; i < check->config->n_pools; i++) {
        look_ups[i] = (struct look_up){.check = check, .name = check->config->pools[i].name};
        ado_find_pool(ado, look_ups[i].name, on_pool, &look_ups[i]);
    }
    loop_run(check->loop);
    loop_timer_free(&deadline);
    ado_close(&ado);
    free(look_ups);
}

int shell_check(const struct config *config, struct err *err)
{
    struct check check = {.config = config, .loop = loop_new(), .open = config->n_pools};
    char user_agent[128];
    struct ado_options options = reason_ado_options(config, user_agent, sizeof user_agent);
    struct ado *ado = ado_open(check.loop, &options, err);
    int result = ado ? 0 : -1;
    buf_init(&check.problems, 64 * 1024);
    if (ado)
        look_up_all(&check, ado);
    if (check.worst != ERR_NONE)
        result = err_set(err, check.worst, "%s", check.problems.data);
    buf_done(&check.problems);
    loop_free(&check.loop);
    return result;
}
