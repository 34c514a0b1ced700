/* --check: the job files, the cluster's identity, and the API server's word on each template. Nothing is written. */
#include "common/mem.h"
#include "provisioner/setup.h"
#include "provisioner/shell.h"

struct check {
    struct loop *loop;
    struct setup *setup;
    struct err *err;
    bool failed;
};

static void end(struct check *c, enum err_code code, const char *text)
{
    c->failed = c->failed || code != ERR_NONE;
    if (code != ERR_NONE)
        err_set(c->err, code, "%s", text);
    loop_stop(c->loop);
}

static void on_change(void *data)
{
    struct check *c = data;
    const char *code, *trouble = setup_trouble(c->setup, &code);
    if (trouble)
        end(c, ERR_UNAVAILABLE, trouble);
    else if (setup_ready(c->setup))
        end(c, ERR_NONE, "");
}

static void on_fatal(void *data, const struct err *err)
{
    end(data, err->code, err->text);
}

static int ask_server(struct check *c, const struct config *config, struct kube *kube, const char *ns)
{
    struct templates *templates = shell_load_templates(config, ns, c->err);
    if (!templates)
        return -1;
    struct setup_options options = {.loop = c->loop, .kube = kube, .config = config, .templates = templates, .ns = ns, .check_only = true,
                                    .on_change = on_change, .on_fatal = on_fatal, .data = c};
    c->setup = setup_start(&options);
    loop_run(c->loop);
    setup_stop(&c->setup);
    templates_free(&templates);
    return c->failed ? -1 : 0;
}

int provisioner_check(const struct config *config, struct err *err)
{
    struct check c = {.loop = loop_new(), .err = err};
    struct kube *kube = shell_open_kube(c.loop, config, err);
    int failed = -1;
    if (kube)
        failed = ask_server(&c, config, kube, shell_namespace(config, kube));
    kube_close(&kube);
    loop_free(&c.loop);
    return failed;
}
