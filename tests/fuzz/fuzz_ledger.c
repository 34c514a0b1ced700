/* Property fuzzer of the ledger: see tests/support/chaos.h. */
#include "tests/support/chaos.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    chaos_run(bytes, n < 2000 ? n : 2000);
    return 0;
}
