#include "common/kube_exec.h"

#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN_MS = 60 * 1000, OUTPUT_MAX = 1 << 20 };

extern char **environ;

void kube_credential_done(struct kube_credential *c)
{
    secret_free(&c->token);
    secret_free(&c->cert_pem);
    secret_free(&c->key_pem);
}

static int read_status(const json_t *root, const char *api_version, struct kube_credential *ret, struct err *err)
{
    const json_t *status = json_object_get(root, "status");
    const char *expires = json_text(status, "expirationTimestamp");
    bool ok = true;
    if (strcmp(json_text(root, "kind"), "ExecCredential") || strcmp(json_text(root, "apiVersion"), api_version))
        return err_set(err, ERR_AUTH, "the plugin did not print an ExecCredential of %s", api_version);
    if (kube_config_text(status, "token", &ret->token, err) || kube_config_text(status, "clientCertificateData", &ret->cert_pem, err) ||
        kube_config_text(status, "clientKeyData", &ret->key_pem, err)) {
        if (err)
            err->code = ERR_AUTH;
        return err_prefix(err, "the plugin's status");
    }
    if (!ret->cert_pem != !ret->key_pem)
        return err_set(err, ERR_AUTH, "the plugin gave a client certificate without key, or a key without certificate");
    if (!ret->token && !ret->cert_pem)
        return err_set(err, ERR_AUTH, "the plugin gave neither a token nor a client certificate");
    if (ret->token && strpbrk(ret->token, "\r\n"))
        return err_set(err, ERR_AUTH, "the plugin's token holds a line break");
    if (*expires)
        ret->expires = wall_parse(expires, &ok);
    return ok ? 0 : err_set(err, ERR_AUTH, "the plugin's expirationTimestamp is not a time");
}

int kube_exec_read(const char *bytes, size_t n, const char *api_version, struct kube_credential *ret, struct err *err)
{
    *ret = (struct kube_credential){.token = NULL};
    struct err why;
    json_t *root = json_parse(bytes, n, &why);
    if (!root)
        return err_set(err, ERR_AUTH, "the plugin did not print JSON");
    int result = read_status(root, api_version, ret, err);
    if (result)
        kube_credential_done(ret);
    json_decref(root);
    return result;
}

char *kube_exec_info(const struct kube_exec_spec *spec)
{
    json_t *inner = json_pack("{s:b}", "interactive", 0);
    json_t *info = json_pack("{s:s, s:s, s:o}", "kind", "ExecCredential", "apiVersion", spec->api_version, "spec", inner);
    CHECK(info != NULL);
    if (spec->cluster)
        json_object_set(inner, "cluster", spec->cluster);
    char *text = json_dump(info);
    json_decref(info);
    return text;
}

/* ---- one run ---- */

struct kube_exec {
    struct loop *loop;
    const struct kube_exec_spec *spec;
    kube_exec_fn *fn;
    void *data;
    pid_t pid;                    /* 0 = not running */
    int fd;                       /* its stdout; -1 = closed */
    int wait_status;
    struct loop_io *io;
    struct loop_child *child;
    struct loop_timer *deadline;
    struct buf output;
    struct err err;
};

static void close_output(struct kube_exec *x)
{
    if (x->io)
        loop_io_free(&x->io);
    if (x->fd >= 0)
        close(x->fd);
    x->fd = -1;
}

/* The plugin leads a process group of its own, so that its helpers end with it. */
static void kill_group(struct kube_exec *x)
{
    if (x->pid > 0)
        kill(-x->pid, SIGKILL);
}

void kube_exec_stop(struct kube_exec **exec)
{
    struct kube_exec *x = *exec;
    *exec = NULL;
    if (!x)
        return;
    loop_post_cancel(x->loop, x);
    close_output(x);
    if (x->child)
        loop_child_free(&x->child);
    kill_group(x);
    if (x->pid > 0)
        waitpid(x->pid, NULL, 0);
    if (x->deadline)
        loop_timer_free(&x->deadline);
    buf_wipe(&x->output);
    free(x);
}

static int judge(struct kube_exec *x, struct kube_credential *ret)
{
    const char *name = x->spec->argv[0], *hint = str_or_empty(x->spec->install_hint);
    if (x->err.code == ERR_NONE && WIFSIGNALED(x->wait_status))
        err_set(&x->err, ERR_AUTH, "the plugin was ended by signal %d", WTERMSIG(x->wait_status));
    if (x->err.code == ERR_NONE && WEXITSTATUS(x->wait_status) != 0)
        err_set(&x->err, ERR_AUTH, "the plugin ended with exit code %d", WEXITSTATUS(x->wait_status));
    if (x->err.code == ERR_NONE && kube_exec_read(str_or_empty(x->output.data), x->output.len, x->spec->api_version, ret, &x->err) == 0)
        return 0;
    return err_prefix(&x->err, "exec plugin %s%s%s%s", name, *hint ? " (" : "", hint, *hint ? ")" : "");
}

/* Both the end of the output and the end of the process are there (or it never began). */
static void finish(void *data)
{
    struct kube_exec *x = data;
    struct kube_credential credential = {.token = NULL};
    int result = judge(x, &credential);
    kube_exec_fn *fn = x->fn;
    void *fn_data = x->data;
    struct err err = x->err;
    kube_exec_stop(&x);
    fn(fn_data, result ? NULL : &credential, result ? &err : NULL);
    kube_credential_done(&credential);
}

static void finish_if_over(struct kube_exec *x)
{
    if (x->pid == 0 && x->fd < 0)
        finish(x);
}

static void fail_now(struct kube_exec *x, enum err_code code, const char *what)
{
    if (x->err.code == ERR_NONE)
        err_set(&x->err, code, "%s", what);
    close_output(x);
    kill_group(x);
}

static void on_output(int fd, int events, void *data)
{
    (void)events;
    struct kube_exec *x = data;
    char chunk[4096];
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0 && buf_append(&x->output, chunk, (size_t)n) == 0) {
        explicit_bzero(chunk, (size_t)n);
        return;
    }
    if (n > 0)
        fail_now(x, ERR_TOO_LARGE, "the plugin printed more than 1 MiB");
    else
        close_output(x);
    finish_if_over(x);
}

static void on_exit_of(pid_t pid, int wait_status, void *data)
{
    (void)pid;
    struct kube_exec *x = data;
    x->wait_status = wait_status;
    x->pid = 0;
    loop_child_free(&x->child);
    finish_if_over(x);
}

/* A helper that outlives the plugin may hold its stdout open: the deadline covers both. */
static void on_deadline(void *data)
{
    struct kube_exec *x = data;
    fail_now(x, ERR_TIMEOUT, "the plugin did not end within 60 s");
    finish_if_over(x);
}

static char **environment_of(const struct kube_exec_spec *spec, const char *info)
{
    size_t inherited = 0, own = 0, n = 0;
    while (environ[inherited])
        inherited++;
    while (spec->env && spec->env[own])
        own++;
    char **env = xcalloc(inherited + own + 2, sizeof *env);
    char *const info_text = xasprintf("KUBERNETES_EXEC_INFO=%s", info);
    env[n++] = info_text;
    for (size_t i = 0; i < own; i++)
        env[n++] = spec->env[i];
    for (size_t i = 0; i < inherited; i++) {
        size_t name_len = strcspn(environ[i], "=") + 1;
        bool replaced = false;
        for (size_t k = 0; k < own + 1 && !replaced; k++)
            replaced = !strncmp(env[k], environ[i], name_len);
        if (!replaced)
            env[n++] = environ[i];
    }
    return env;
}

static int spawn(const struct kube_exec_spec *spec, char **env, int out_fd, pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out_fd, 1);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int error = posix_spawnp(ret_pid, spec->argv[0], &files, &attr, spec->argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

static void run(struct kube_exec *x)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
        err_set(&x->err, ERR_IO, "cannot make a pipe: %s", strerror(errno));
        return;
    }
    fcntl(ends[1], F_SETFL, 0);
    char *info = kube_exec_info(x->spec), **env = environment_of(x->spec, info);
    int error = spawn(x->spec, env, ends[1], &x->pid);
    free(env[0]);
    free(env);
    free(info);
    close(ends[1]);
    x->fd = ends[0];
    if (error) {
        x->pid = 0;
        err_set(&x->err, ERR_AUTH, "cannot run it: %s", strerror(error));
        close_output(x);
        return;
    }
    x->child = loop_child_new(x->loop, x->pid, on_exit_of, x);
    x->io = loop_io_new(x->loop, x->fd, LOOP_READ, on_output, x);
    x->deadline = loop_timer_new(x->loop, on_deadline, x);
    loop_timer_set(x->deadline, mono_add_ms(loop_now(x->loop), RUN_MS));
}

struct kube_exec *kube_exec_start(struct loop *loop, const struct kube_exec_spec *spec, kube_exec_fn *fn, void *data)
{
    struct kube_exec *x = xcalloc(1, sizeof *x);
    *x = (struct kube_exec){.loop = loop, .spec = spec, .fn = fn, .data = data, .fd = -1};
    buf_init(&x->output, OUTPUT_MAX);
    run(x);
    if (x->pid == 0)
        loop_post(loop, finish, x);
    return x;
}
