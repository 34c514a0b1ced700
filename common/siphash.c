/* One round for each 8 bytes, three at the end (Aumasson, Bernstein: SipHash). */
#include "common/siphash.h"

#include <string.h>

struct state { uint64_t a, b, c, d; };

static inline uint64_t rotate(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static inline void round_of(struct state *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = rotate(s->b, 13) ^ s->a;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a = rotate(s->a, 32) + s->d;
    s->c += s->b;
    s->d = rotate(s->d, 21) ^ s->a;
    s->b = rotate(s->b, 17) ^ s->c;
    s->c = rotate(s->c, 32);
}

static inline void take(struct state *s, uint64_t word)
{
    s->d ^= word;
    round_of(s);
    s->a ^= word;
}

/* Little-endian, as the reference has it, so that its test vectors hold anywhere. */
static inline uint64_t word_at(const unsigned char *p, size_t n)
{
    uint64_t word = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&word, p, n);
#else
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)p[i] << 8 * i;
#endif
    return word;
}

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    struct state s = {
        .a = key->k0 ^ 0x736f6d6570736575, .b = key->k1 ^ 0x646f72616e646f6d, .c = key->k0 ^ 0x6c7967656e657261, .d = key->k1 ^ 0x7465646279746573,
    };
    size_t tail = n & 7;
    for (const unsigned char *end = p + (n - tail); p < end; p += 8)
        take(&s, word_at(p, 8));
    take(&s, word_at(p, tail) | (uint64_t)n << 56);
    s.c ^= 0xff;
    for (int i = 0; i < 3; i++)
        round_of(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}
