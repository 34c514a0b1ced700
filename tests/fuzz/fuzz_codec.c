/* Any bytes: decoding ends with a message or an error. A message that was understood is written and understood again as the same. */
#include "tests/unit/protocol/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct msg *msg = NULL, *again = NULL;
    struct err err = {.code = ERR_NONE};
    uint64_t number;
    if (msg_decode(bytes, n, &msg, &number, &err)) {
        CHECK(err.code == ERR_INVALID || err.code == ERR_NOT_FOUND);
        return 0;
    }
    struct buf out;
    buf_init(&out, 8 << 20);
    CHECK(msg_encode(msg, &out, &err) == 0);
    CHECK(out.len <= n + 4 + 9);   /* never more than what came, but for wider headers of the same numbers */
    CHECK(msg_decode(out.data + 4, out.len - 4, &again, &number, &err) == 0);
    CHECK(again->type == msg->type && sample_same(&table_find(msg->type)->body, (char *)&msg->u, (char *)&again->u));
    msg_free(&msg);
    msg_free(&again);
    buf_done(&out);
    return 0;
}
