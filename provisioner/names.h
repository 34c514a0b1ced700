/* Deterministic unit names: a retry, a lost reply and a second replica all collapse into 409 AlreadyExists. Pure. */
#ifndef PROVISIONER_NAMES_H
#define PROVISIONER_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum { PLACEHOLDER_NAME_MAX = 64 };
enum { UNIT_NAME_MAX = 57 };      /* a Job's pods add 6 characters, and both go into labels of at most 63 */

/* <prefix><pool slug>-<request>[-attempt]; [a-z0-9-] only, hashed where too long. The instance and the pool's exact name are in the hash that
 * the slug carries when it is not the pool's name itself. */
void unit_name_for_request(char out[64], const char *prefix, const char *pool, const char *instance, uint64_t request, uint32_t attempt);
/* <prefix><pool slug>-w<slot>-<generation> */
void unit_name_for_warm(char out[64], const char *prefix, const char *pool, const char *instance, uint32_t slot, uint32_t generation);
/* <instance>-placeholder-<pool slug>-<template>-<hash of the three>, each cut to its share. */
void placeholder_name(char out[PLACEHOLDER_NAME_MAX + 1], const char *instance, const char *pool, const char *template);

#endif
