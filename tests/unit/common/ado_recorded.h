/* For test_ado_*.c: replies of the real service, recorded; they lie beside the checkout, not in it. */
#ifndef TESTS_ADO_RECORDED_H
#define TESTS_ADO_RECORDED_H

#include "common/buf.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file's bytes, or one line that says why the test is skipped and NULL. The caller frees. */
static char *recorded(const char *name, size_t *ret_n)
{
    char path[512], chunk[4096];
    snprintf(path, sizeof path, "../shared/recorded/%s", name);
    FILE *f = fopen(path, "r");
    if (!f) {
        print_message("skipped: no %s\n", path);
        return NULL;
    }
    struct buf all;
    buf_init(&all, 16 << 20);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_append(&all, chunk, n);
    fclose(f);
    *ret_n = all.len;
    return buf_take(&all);
}

#endif
