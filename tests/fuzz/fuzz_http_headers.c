/* Reply headers as a server likes to send them: one line each, then what is read out of them. */
#include "common/http_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct http_headers headers;
    http_headers_init(&headers);
    const char *at = (const char *)bytes, *end = at + n;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline ? newline + 1 : end) - at);
        char *line = malloc(len);   /* exactly as long: reading past it is seen */
        assert(line);
        memcpy(line, at, len);
        int full = http_headers_line(&headers, line, len);
        free(line);
        if (full)
            break;
        at += len;
    }
    struct http_reply reply = {.headers = &headers};
    assert(http_retry_after_ms(&reply) >= -1);
    (void)http_is_json(&reply);
    const char *value = http_header(&reply, "Content-Type");
    assert(!value || strlen(value) <= headers.lines.len);
    http_headers_done(&headers);
    return 0;
}
