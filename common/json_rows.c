/* A scanner that only tracks strings, escapes and depth cuts the elements out of the one array; jansson judges each element and, at the end, the
 * envelope (everything else, with the array left empty). Memory: one row and the envelope. */
#include "common/json.h"

#include "common/buf.h"
#include "common/json_text.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum { ENVELOPE_MAX = 1 << 20 };

enum state { START, TOP, BETWEEN, ROW, TAIL, LINES };

struct json_rows {
    enum state state;
    char *array;
    json_row_fn *on_row;
    json_known_fn *is_known;    /* NULL: none is */
    void *data;
    size_t max_row;
    uint64_t count;
    bool saw_array, failed;
    unsigned bom;               /* bytes of a byte order mark seen; 3 = it is over */
    struct json_scan scan;      /* of the row, or of the envelope outside it */
    bool want_key, in_key;      /* the next string, the present string is a member name of the top-level object */
    size_t key_at;              /* bytes of `array` matched so far; SIZE_MAX = no match */
    bool key_done, colon;       /* the array's name, then its colon have been read */
    bool want_element, comma;   /* between rows: an element may come, one must come */
    struct buf row, envelope_text;
    json_t *envelope;
};

struct json_rows *json_rows_new(const char *array, size_t max_row, json_row_fn *on_row, void *data)
{
    struct json_rows *r = xcalloc(1, sizeof *r);
    *r = (struct json_rows){.array = xstrdup(array), .on_row = on_row, .data = data, .max_row = max_row, .key_at = SIZE_MAX};
    buf_init(&r->row, max_row);
    buf_init(&r->envelope_text, ENVELOPE_MAX);
    return r;
}

void json_rows_free(struct json_rows **rows)
{
    struct json_rows *r = *rows;
    *rows = NULL;
    if (!r)
        return;
    free(r->array);
    buf_done(&r->row);
    buf_done(&r->envelope_text);
    json_decref(r->envelope);
    free(r);
}

void json_rows_set_known(struct json_rows *rows, json_known_fn *is_known)
{
    rows->is_known = is_known;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int deliver(struct json_rows *r, const char *bytes, size_t n, struct err *err)
{
    if (r->is_known && r->is_known(r->data, bytes, n)) {
        r->count++;
        return 0;
    }
    bool counted = r->array != NULL;
    json_t *row = counted || !json_too_deep(bytes, n, err) ? json_parse_text(bytes, n, 0, err) : NULL;
    if (!row)
        return err_prefix(err, "row %llu", (unsigned long long)r->count + 1);
    r->count++;
    int result = r->on_row(r->data, row, err);
    json_decref(row);
    return result;
}

/* Keeps a part of a row for the next chunk, or refuses a row that is too long. */
static int keep(struct json_rows *r, const char *bytes, size_t n, struct err *err)
{
    if (buf_append(&r->row, bytes, n) == 0)
        return 0;
    return err_set(err, ERR_TOO_LARGE, "row %llu is longer than %zu bytes", (unsigned long long)r->count + 1, r->max_row);
}

/* The row's last bytes are there: parse it in place when it lay in one chunk. */
static int finish_row(struct json_rows *r, const char *bytes, size_t n, struct err *err)
{
    if (r->row.len == 0 && n <= r->max_row)
        return deliver(r, bytes, n, err);
    if (keep(r, bytes, n, err))
        return -1;
    int result = deliver(r, r->row.data, r->row.len, err);
    buf_reset(&r->row);
    return result;
}

static int feed_row(struct json_rows *r, const char **p, const char *end, struct err *err)
{
    const char *start = *p, *after = json_scan_value(&r->scan, start, end);
    if (r->scan.too_deep)
        return err_set(err, ERR_INVALID, "row %llu is nested deeper than %d levels", (unsigned long long)r->count + 1, JSON_DEPTH_MAX);
    *p = after ? after : end;
    if (!after)
        return keep(r, start, (size_t)(end - start), err);
    r->state = BETWEEN;
    r->want_element = false;
    return finish_row(r, start, (size_t)(after - start), err);
}

static int bad_between(const struct json_rows *r, struct err *err)
{
    return err_set(err, ERR_INVALID, "a comma too many or missing after row %llu of \"%s\"", (unsigned long long)r->count, r->array);
}

static int feed_between(struct json_rows *r, const char **p, struct err *err)
{
    char c = **p;
    if (is_space(c)) {
        (*p)++;
    } else if (c == ',') {
        if (r->want_element)
            return bad_between(r, err);
        r->want_element = r->comma = true;
        (*p)++;
    } else if (c == ']') {
        if (r->want_element && r->comma)
            return bad_between(r, err);
        r->state = TOP;
        r->scan = (struct json_scan){.depth = 1};
        buf_puts(&r->envelope_text, "]");
        (*p)++;
    } else {
        if (!r->want_element)
            return bad_between(r, err);
        r->scan = (struct json_scan){0};
        r->state = ROW;
    }
    return 0;
}

static int enter_array(struct json_rows *r, struct err *err)
{
    if (r->saw_array)
        return err_set(err, ERR_INVALID, "\"%s\" appears twice", r->array);
    r->saw_array = true;
    r->state = BETWEEN;
    r->want_element = true;
    r->comma = false;
    return 0;
}

static void match_key(struct json_rows *r, char c)
{
    if (r->scan.in_string) {
        bool same = r->key_at < SIZE_MAX && r->array[r->key_at] == c && c != '\0';
        r->key_at = same ? r->key_at + 1 : SIZE_MAX;
        return;
    }
    r->in_key = false;
    r->key_done = r->key_at < SIZE_MAX && r->array[r->key_at] == '\0';
}

static void top_string_byte(struct json_rows *r, char c)
{
    if (r->scan.escaped)
        r->scan.escaped = false;
    else if (c == '\\')
        r->scan.escaped = true;
    else if (c == '"')
        r->scan.in_string = false;
    if (r->in_key)
        match_key(r, c);
}

static void top_string_start(struct json_rows *r)
{
    r->scan.in_string = true;
    r->in_key = r->want_key;
    r->want_key = r->key_done = r->colon = false;
    r->key_at = 0;
}

static int top_open(struct json_rows *r, char c, struct err *err)
{
    if (c == '[' && r->scan.depth == 1 && r->colon)
        return enter_array(r, err);
    r->key_done = r->colon = false;
    if (++r->scan.depth > JSON_DEPTH_MAX)
        return err_set(err, ERR_INVALID, "JSON is nested deeper than %d levels", JSON_DEPTH_MAX);
    return 0;
}

static int top_plain_byte(struct json_rows *r, char c, struct err *err)
{
    if (is_space(c))
        return 0;
    if (c == '"') {
        top_string_start(r);
        return 0;
    }
    if (c == '{' || c == '[')
        return top_open(r, c, err);
    if ((c == '}' || c == ']') && --r->scan.depth == 0)
        r->state = TAIL;
    r->want_key = c == ',' && r->scan.depth == 1;
    r->colon = c == ':' && r->key_done;
    r->key_done = false;
    return 0;
}

static int feed_top(struct json_rows *r, const char **p, struct err *err)
{
    char c = *(*p)++;
    if (buf_append(&r->envelope_text, &c, 1))
        return err_set(err, ERR_TOO_LARGE, "what surrounds \"%s\" is longer than %d bytes", r->array, ENVELOPE_MAX);
    if (!r->scan.in_string)
        return top_plain_byte(r, c, err);
    top_string_byte(r, c);
    return 0;
}

/* Skips a byte order mark (it may be cut between chunks) and white space. */
static int feed_start(struct json_rows *r, const char **p, struct err *err)
{
    static const char mark[] = "\xef\xbb\xbf";
    char c = **p;
    if (r->bom < 3 && c == mark[r->bom]) {
        r->bom++;
        (*p)++;
        return 0;
    }
    if (r->bom == 1 || r->bom == 2)
        return err_set(err, ERR_INVALID, "not JSON: it starts with half a byte order mark");
    r->bom = 3;
    if (!r->array) {
        r->state = LINES;
        return 0;
    }
    (*p)++;
    if (is_space(c))
        return 0;
    if (c != '{')
        return err_set(err, ERR_INVALID, "not a JSON object: it starts with byte 0x%02x", (unsigned char)c);
    buf_puts(&r->envelope_text, "{");
    r->scan.depth = 1;
    r->want_key = true;
    r->state = TOP;
    return 0;
}

static bool is_blank(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_space(bytes[i]))
            return false;
    return true;
}

static int feed_line(struct json_rows *r, const char **p, const char *end, struct err *err)
{
    const char *start = *p, *newline = memchr(start, '\n', (size_t)(end - start));
    if (!newline) {
        *p = end;
        return keep(r, start, (size_t)(end - start), err);
    }
    *p = newline + 1;
    size_t n = (size_t)(newline - start);
    if (is_blank(start, n) && is_blank(r->row.data, r->row.len)) {
        buf_reset(&r->row);
        return 0;
    }
    return finish_row(r, start, n, err);
}

static int step(struct json_rows *r, const char **p, const char *end, struct err *err)
{
    switch (r->state) {
    case START: return feed_start(r, p, err);
    case TOP: return feed_top(r, p, err);
    case BETWEEN: return feed_between(r, p, err);
    case ROW: return feed_row(r, p, end, err);
    case LINES: return feed_line(r, p, end, err);
    case TAIL:
        if (is_space(*(*p)++))
            return 0;
        return err_set(err, ERR_INVALID, "bytes follow the end of the JSON object");
    }
    return 0;
}

int json_rows_feed(struct json_rows *r, const char *bytes, size_t n, struct err *err)
{
    if (r->failed)
        return err_set(err, ERR_INVALID, "the reply was already refused");
    for (const char *p = bytes, *end = bytes + n; p < end;)
        if (step(r, &p, end, err)) {
            r->failed = true;
            return -1;
        }
    return 0;
}

int json_rows_end(struct json_rows *r, struct err *err)
{
    if (r->failed)
        return err_set(err, ERR_INVALID, "the reply was already refused");
    if (!r->array)
        return is_blank(r->row.data, r->row.len) ? 0 : err_set(err, ERR_INVALID, "the stream ended inside a line");
    if (r->state != TAIL)
        return err_set(err, ERR_INVALID, r->state == START ? "the reply is empty" : "the reply was cut off before its end");
    if (!r->envelope)
        r->envelope = json_parse_text(r->envelope_text.data, r->envelope_text.len, 0, err);
    return r->envelope ? 0 : -1;
}

const json_t *json_rows_envelope(const struct json_rows *r)
{
    return r->envelope;
}

uint64_t json_rows_count(const struct json_rows *r)
{
    return r->count;
}

bool json_rows_saw_array(const struct json_rows *r)
{
    return r->saw_array;
}
