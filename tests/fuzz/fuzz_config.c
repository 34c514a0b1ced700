/* Input: lines NAME=value (the environment), an empty line, then the CONFIG_FILE. Either one sentence, or a configuration
 * that prints and loads again as the same. */
#include "common/config.h"
#include "common/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct environment {
    char *lines;       /* as given, NUL-terminated */
    char *config;      /* path of the file, NULL */
    char *values[64];
    size_t n_values;
};

/* Values live until the end of the round: the loader copies at once. */
static const char *lookup(void *data, const char *name)
{
    struct environment *e = data;
    size_t len = strlen(name);
    if (strcmp(name, "CONFIG_FILE") == 0)
        return e->config;
    for (const char *line = e->lines; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, name, len) != 0 || line[len] != '=' || e->n_values == ARRAY_SIZE(e->values))
            continue;
        return e->values[e->n_values++] = xstrndup(line + len + 1, strcspn(line + len + 1, "\n"));
    }
    return strcmp(name, "ORG_PAT") == 0 ? "12345" : NULL;
}

static void ignore(void *data, const char *text)
{
    (void)data;
    CHECK(text[0]);
}

static struct config *load(const char *lines, const void *file, size_t n)
{
    struct err err = {0};
    int fd = memfd_create("config", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, file, n) == (ssize_t)n);
    struct environment e = {.lines = xstrdup(lines), .config = n > 0 ? xasprintf("/proc/self/fd/%d", fd) : NULL};
    struct config *c = config_load(lookup, &e, ignore, NULL, &err);
    CHECK(c || (err.code == ERR_CONFIG && err.text[0]));
    CHECK(!c || (c->n_pools > 0 && c->pools[0].n_templates > 0 && c->instance && c->org_url));
    for (size_t i = 0; i < e.n_values; i++)
        free(e.values[i]);
    free(e.lines);
    free(e.config);
    close(fd);
    return c;
}

static char *printed(const struct config *c, size_t *n)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, n);
    config_print(c, out);
    fclose(out);
    return text;
}

static void check_round_trip(const struct config *c)
{
    size_t n, again_n;
    char *text = printed(c, &n);
    struct config *again = load("", text, n);
    bool masked = strstr(text, "# https_proxy");
    CHECK(again != NULL);
    char *again_text = printed(again, &again_n);
    CHECK(masked || strcmp(text, again_text) == 0);
    config_free(&again);
    free(text);
    free(again_text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *text = xcalloc(n + 1, 1);
    memcpy(text, bytes, n);
    char *gap = strstr(text, "\n\n");
    const char *file = gap ? gap + 2 : "";
    size_t file_n = gap ? n - (size_t)(file - text) : 0;
    char *lines = xstrndup(text, gap ? (size_t)(gap - text) : n);
    struct config *c = load(lines, file, file_n);
    if (c && !c->org_pat_file)
        check_round_trip(c);
    config_free(&c);
    free(lines);
    free(text);
    return 0;
}
