#include "protocol/frame.h"

#include "protocol/msg.h"

int frame_peek(const char *bytes, size_t n, size_t *ret_body, struct err *err)
{
    if (n < FRAME_HEAD)
        return 0;
    const unsigned char *u = (const unsigned char *)bytes;
    size_t body = (size_t)u[0] << 24 | (size_t)u[1] << 16 | (size_t)u[2] << 8 | u[3];
    if (!body || body > PROTOCOL_FRAME_MAX)
        return err_set(err, ERR_INVALID, "a frame of %zu bytes: at most %d are allowed", body, PROTOCOL_FRAME_MAX);
    *ret_body = body;
    return n - FRAME_HEAD >= body;
}
