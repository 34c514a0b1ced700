#include "common/heap.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BLOCKS = 100000, BLOCK_BYTES = 100, KEPT_EVERY = 1000 };

/* 0 where a sanitizer's allocator counts nothing. */
static size_t anonymous_kib(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    assert_non_null(f);
    char line[256];
    size_t kib = 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %zu kB", &kib) == 1)
            break;
    fclose(f);
    return kib;
}

static void fill(char **blocks)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = xcalloc(1, BLOCK_BYTES);
        memset(blocks[i], 1, BLOCK_BYTES);
    }
}

static void empty(char **blocks, bool all)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        if (!blocks[i] || (!all && i % KEPT_EVERY == 0))
            continue;
        free(blocks[i]);
        blocks[i] = NULL;
    }
}

static struct mono at(int64_t ms) { return mono_add_ms(MONO_ZERO, ms); }

static void a_burst_is_given_back(void **unused)
{
    (void)unused;
    struct heap_watch watch = {0};
    char **blocks = xcalloc(BLOCKS, sizeof *blocks);
    fill(blocks);
    watch.sweep = at(12000);
    assert_false(heap_give_back(&watch, at(1000)));
    if (!watch.high) {                                    /* a sanitizer's own heap tells nothing */
        empty(blocks, true);
        free(blocks);
        skip();
    }
    size_t full = anonymous_kib();
    empty(blocks, false);
    assert_false(heap_give_back(&watch, at(1999)));      /* looks once a second */
    assert_true(heap_give_back(&watch, at(2000)));
    assert_true(anonymous_kib() + BLOCKS * BLOCK_BYTES / 1024 / 2 < full);
    assert_false(heap_give_back(&watch, at(3000)));      /* nothing more was freed */
    assert_true(heap_give_back(&watch, at(12000)));      /* a sweep now and then */
    empty(blocks, true);
    free(blocks);
}

static void little_is_not_worth_it(void **unused)
{
    (void)unused;
    struct heap_watch watch = {.sweep = at(5000)};
    char *block = xcalloc(1, 1000);
    assert_false(heap_give_back(&watch, at(1000)));
    free(block);
    assert_false(heap_give_back(&watch, at(2000)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_burst_is_given_back), cmocka_unit_test(little_is_not_worth_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
