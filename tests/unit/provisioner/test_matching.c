#include "provisioner/matching.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { C = 4, T = 3 };

struct problem {
    uint32_t demand[C], supply[T], flow[C * T];
    uint8_t fits[C][T];
};

/* The maximum, by Hall's theorem in its deficiency form: demand minus the worst shortfall over all sets of classes. */
static uint32_t maximum(const struct problem *p)
{
    uint32_t total = 0, worst = 0;
    for (size_t c = 0; c < C; c++)
        total += p->demand[c];
    for (unsigned set = 0; set < 1u << C; set++) {
        uint32_t wanted = 0, have = 0;
        uint8_t reach[T] = {0};
        for (size_t c = 0; c < C; c++) {
            if (!(set >> c & 1))
                continue;
            wanted += p->demand[c];
            for (size_t t = 0; t < T; t++)
                reach[t] |= p->fits[c][t];
        }
        for (size_t t = 0; t < T; t++)
            have += reach[t] ? p->supply[t] : 0;
        if (wanted > have && wanted - have > worst)
            worst = wanted - have;
    }
    return total - worst;
}

static uint32_t solve(struct problem *p)
{
    const uint8_t *fits[C];
    for (size_t c = 0; c < C; c++)
        fits[c] = p->fits[c];
    struct matching m = {.n_classes = C, .n_templates = T, .demand = p->demand, .supply = p->supply, .fits = fits, .flow = p->flow};
    matching_solve(&m);
    uint32_t used[T] = {0}, total = 0;
    for (size_t c = 0; c < C; c++) {
        uint32_t served = 0;
        for (size_t t = 0; t < T; t++) {
            uint32_t n = p->flow[c * T + t];
            assert_true(n == 0 || p->fits[c][t]);
            served += n;
            used[t] += n;
        }
        assert_true(served <= p->demand[c]);
        total += served;
    }
    for (size_t t = 0; t < T; t++)
        assert_true(used[t] <= p->supply[t]);
    return total;
}

static unsigned next(unsigned *seed, unsigned n)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % n;
}

static void random_problems_are_solved_to_the_maximum(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        struct problem p = {0};
        for (size_t c = 0; c < C; c++) {
            p.demand[c] = next(&seed, 5);
            for (size_t t = 0; t < T; t++)
                p.fits[c][t] = next(&seed, 2) != 0;
        }
        for (size_t t = 0; t < T; t++)
            p.supply[t] = next(&seed, 6);
        uint32_t spare[T];
        memcpy(spare, p.supply, sizeof spare);
        for (size_t c = 0; c < C; c++) {   /* some pairs to begin with */
            size_t t = next(&seed, T);
            if (p.fits[c][t] && p.demand[c] && spare[t]) {
                p.flow[c * T + t] = 1;
                spare[t]--;
            }
        }
        uint32_t want = maximum(&p);
        assert_int_equal(solve(&p), want);
    }
}

static void a_pair_moves_aside_when_that_serves_more(void **state)
{
    (void)state;
    struct problem p = {.demand = {1, 1}, .supply = {1, 1}, .fits = {{1, 1}, {1, 0}}};
    p.flow[0 * T + 0] = 1;               /* class 0 sits on the only template that class 1 can use */
    assert_int_equal(solve(&p), 2);
    assert_int_equal(p.flow[0 * T + 1], 1);
    assert_int_equal(p.flow[1 * T + 0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_problems_are_solved_to_the_maximum),
        cmocka_unit_test(a_pair_moves_aside_when_that_serves_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
