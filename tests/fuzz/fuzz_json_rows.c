/* First byte: size of the chunks and which mode. What the streamer accepts, jansson must accept whole, with the same rows; and chunks must not matter. */
#include "common/json.h"

#include "common/mem.h"

#include <string.h>

enum { ROW_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    int code;
    enum err_code why;
    json_t *rows;
    json_t *envelope;
};

static int on_row(void *data, json_t *row, struct err *err)
{
    struct outcome *outcome = data;
    (void)err;
    return json_array_append(outcome->rows, row);
}

static struct outcome run(const char *array, const char *text, size_t n, size_t chunk)
{
    struct outcome o = {.rows = json_array()};
    struct err err = {.code = ERR_NONE};
    struct json_rows *rows = json_rows_new(array, ROW_MAX, on_row, &o);
    for (size_t at = 0; at < n && o.code == 0; at += chunk)
        o.code = json_rows_feed(rows, text + at, n - at < chunk ? n - at : chunk, &err);
    if (o.code == 0)
        o.code = json_rows_end(rows, &err);
    CHECK((o.code == 0) == (err.code == ERR_NONE));
    CHECK(json_rows_count(rows) == json_array_size(o.rows));
    o.why = err.code;
    o.envelope = o.code == 0 ? json_deep_copy(json_rows_envelope(rows)) : NULL;
    json_rows_free(&rows);
    return o;
}

static void done(struct outcome *o)
{
    json_decref(o->rows);
    json_decref(o->envelope);
}

static void compare_with_whole(const struct outcome *o, const char *text, size_t n)
{
    size_t skip = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    json_t *whole = json_loadb(text + skip, n - skip, JSON_ALLOW_NUL, NULL);
    CHECK(json_is_object(whole));
    json_t *list = json_object_get(whole, "value");
    if (json_array_size(o->rows))
        CHECK(json_equal(list, o->rows));
    if (json_is_array(list) && json_array_size(o->rows))
        CHECK(json_array_clear(list) == 0);
    if (json_is_array(json_object_get(o->envelope, "value")))
        CHECK(json_equal(whole, o->envelope));
    json_decref(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const char *text = (const char *)data + 1, *array = data[0] & 1 ? NULL : "value";
    struct outcome whole = run(array, text, size - 1, size), cut = run(array, text, size - 1, 1 + (data[0] >> 1));
    CHECK(whole.code == cut.code && whole.why == cut.why);
    if (whole.code == 0)
        CHECK(json_equal(whole.rows, cut.rows));
    if (whole.code == 0 && array)
        compare_with_whole(&whole, text, size - 1);
    done(&whole);
    done(&cut);
    return 0;
}
