#include "common/kube_priv.h"

#include "common/buf.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { URL_MAX = 64 * 1024 };

/* The API server takes no such segment either; "." and ".." would be resolved away on the way to it. */
static bool is_segment(const char *text)
{
    return *text && strcmp(text, ".") && strcmp(text, "..") && !strpbrk(text, "/%");
}

static int add_segment(struct buf *url, const char *text)
{
    if (!is_segment(text))
        return -1;
    char *escaped = http_escape(text);
    int result = buf_printf(url, "/%s", escaped);
    free(escaped);
    return result;
}

/* "pods/log" + "x" = /pods/x/log */
static int add_resource(struct buf *url, const char *resource, const char *name)
{
    const char *sub = strchr(resource, '/');
    char *plain = sub ? xstrndup(resource, (size_t)(sub - resource)) : xstrdup(resource);
    int result = add_segment(url, plain);
    free(plain);
    if (result == 0 && name)
        result = add_segment(url, name);
    return result == 0 && sub ? add_segment(url, sub + 1) : result;
}

char *kube_url(const char *server, const struct kube_path *path, const char *query)
{
    struct buf url;
    buf_init(&url, URL_MAX);
    buf_printf(&url, "%s/%s", server, path->api);
    int result = 0;
    if (path->ns) {
        buf_puts(&url, "/namespaces");
        result = add_segment(&url, path->ns);
    }
    if (result == 0)
        result = add_resource(&url, path->resource, path->name);
    if (query && *query)
        buf_printf(&url, "?%s", query);
    if (result == 0 && !url.failed)
        return buf_take(&url);
    buf_done(&url);
    return NULL;
}
