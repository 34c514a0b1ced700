/* SipHash-1-3: a 64-bit hash of bytes from outside that nobody without the key can make collide. */
#ifndef COMMON_SIPHASH_H
#define COMMON_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key { uint64_t k0, k1; };

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t n);

#endif
