#include "common/yaml_priv.h"

#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int __attribute__((format(printf, 5, 0)))
refuse(const struct yaml_doc *doc, int line, int column, struct err *err, const char *format, va_list args)
{
    char text[ERR_TEXT_MAX];
    vsnprintf(text, sizeof text, format, args);
    return err_set(err, ERR_CONFIG, "%s:%d:%d: %s", doc->name, line, column, text);
}

int yaml_refuse(const struct yaml_doc *doc, int line, int column, struct err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = refuse(doc, line, column, err, format, args);
    va_end(args);
    return result;
}

int yaml_error(const struct yaml_doc *doc, const struct yaml_node *at, struct err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = refuse(doc, at->line, at->column, err, format, args);
    va_end(args);
    return result;
}

void yaml_doc_free(struct yaml_doc **doc)
{
    if (*doc) {
        yaml_wipe_chunks(*doc);
        free((*doc)->roots);
        free((*doc)->name);
        free(*doc);
    }
    *doc = NULL;
}

static ssize_t read_all(int fd, char *bytes, size_t max)
{
    size_t n = 0;
    while (n < max) {
        ssize_t got = read(fd, bytes + n, max - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -1 : (ssize_t)n;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static struct yaml_doc *read_fd(int fd, const char *path, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        err_set(err, ERR_CONFIG, "%s: not a file", path);
        return NULL;
    }
    size_t room = YAML_MAX_BYTES + 1;
    if (st.st_size >= 0 && st.st_size < YAML_MAX_BYTES)
        room = (size_t)st.st_size + 1;
    char *bytes = xcalloc(1, room);
    ssize_t n = read_all(fd, bytes, room);
    struct yaml_doc *doc = NULL;
    if (n < 0)
        err_set(err, ERR_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
    else
        doc = yaml_parse(path, bytes, (size_t)n, err);
    explicit_bzero(bytes, room);
    free(bytes);
    return doc;
}

struct yaml_doc *yaml_read_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        err_set(err, ERR_CONFIG, "%s: cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    struct yaml_doc *doc = read_fd(fd, path, err);
    close(fd);
    return doc;
}

size_t yaml_count(const struct yaml_doc *doc)
{
    return doc->n_roots;
}

const struct yaml_node *yaml_root(const struct yaml_doc *doc, size_t i)
{
    return i < doc->n_roots ? doc->roots[i] : NULL;
}

const char *yaml_name(const struct yaml_doc *doc)
{
    return doc->name;
}

static const struct yaml_node *get_n(const struct yaml_node *map, const char *key, size_t len)
{
    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->n; i++)
        if (strncmp(map->keys[i]->text, key, len) == 0 && !map->keys[i]->text[len])
            return map->values[i];
    return NULL;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    return get_n(map, key, strlen(key));
}

/* "[2]" of a list; "[any.key]" of a map, as the API server writes map keys. */
static const struct yaml_node *get_bracket(const struct yaml_node *node, const char *inside, size_t len)
{
    char *end;
    unsigned long i = strtoul(inside, &end, 10);
    if (node->kind == YAML_LIST)
        return end == inside + len && len > 0 && i < node->n ? node->values[i] : NULL;
    return get_n(node, inside, len);
}

const struct yaml_node *yaml_nearest(const struct yaml_node *root, const char *path)
{
    const struct yaml_node *node = root;
    while (node && *path) {
        size_t len;
        const struct yaml_node *next;
        if (*path == '[') {
            len = strcspn(path, "]");
            next = get_bracket(node, path + 1, len - 1);
            len += path[len] == ']';
        } else {
            path += *path == '.';
            len = strcspn(path, ".[");
            next = get_n(node, path, len);
        }
        if (!next)
            break;
        node = next;
        path += len;
    }
    return node;
}

/* Kubernetes wants whole numbers as such: 1.0 is 1, as Go prints it. */
static json_t *real_to_json(double real)
{
    if (real == floor(real) && fabs(real) < 9e18)
        return json_integer((json_int_t)real);
    return json_real(real);
}

static json_t *list_to_json(const struct yaml_node *node)
{
    json_t *array = json_array();
    for (size_t i = 0; i < node->n; i++)
        json_array_append_new(array, yaml_to_json(node->values[i]));
    return array;
}

static json_t *map_to_json(const struct yaml_node *node)
{
    json_t *object = json_object();
    for (size_t i = 0; i < node->n; i++)
        json_object_set_new(object, node->keys[i]->text, yaml_to_json(node->values[i]));
    return object;
}

static json_t *kind_to_json(const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_NULL: return json_null();
    case YAML_BOOL: return json_boolean(node->boolean);
    case YAML_INT: return json_integer(node->integer);
    case YAML_REAL: return real_to_json(node->real);
    case YAML_TEXT: return json_string(node->text);
    case YAML_LIST: return list_to_json(node);
    case YAML_MAP: return map_to_json(node);
    }
    return NULL;
}

json_t *yaml_to_json(const struct yaml_node *node)
{
    json_t *json = kind_to_json(node);
    CHECK(json != NULL);   /* texts are UTF-8: checked as bytes, and libyaml refuses escapes that are not */
    return json;
}
