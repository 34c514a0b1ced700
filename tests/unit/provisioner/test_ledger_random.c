#include "tests/support/chaos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A failing world aborts with file:line; its number is printed before it runs when WORLD_TRACE is set. */
static void thousands_of_random_worlds_come_to_rest(void **state)
{
    (void)state;
    enum { WORLDS = 2000, STEPS = 400 };
    static uint8_t bytes[STEPS];
    for (uint64_t world = 1; world <= WORLDS; world++) {
        uint64_t x = world * 0x9E3779B97F4A7C15ull;
        size_t n = 20 + (size_t)(x >> 40) % (STEPS - 20);
        for (size_t i = 0; i < n; i++) {
            x = x * 6364136223846793005ull + 1442695040888963407ull;
            bytes[i] = (uint8_t)(x >> 56);
        }
        if (getenv("WORLD_TRACE"))
            fprintf(stderr, "world %llu\n", (unsigned long long)world);
        chaos_run(bytes, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(thousands_of_random_worlds_come_to_rest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
