#include "common/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_the_authors_vectors(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb, 0xcf75576088d38328, 0xdef9d52f49533b67,
        0xc50d2b50c59f22a7, 0xd3927d989bb11140, 0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
        0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956, 0xcc4fdd1a7d908b66, 0x9cf2689063dbd80c,
    };
    const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    unsigned char bytes[64];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)i;
    for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_true(siphash(&key, bytes, i) == expected[i]);
}

static void test_the_key_matters(void **state)
{
    (void)state;
    assert_true(siphash(&(struct siphash_key){1, 2}, "row", 3) != siphash(&(struct siphash_key){1, 3}, "row", 3));
    assert_true(siphash(&(struct siphash_key){1, 2}, "row", 3) != siphash(&(struct siphash_key){2, 2}, "row", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_authors_vectors), cmocka_unit_test(test_the_key_matters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
