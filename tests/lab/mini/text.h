/* SPDX-License-Identifier: BSD-3-Clause */
// Bytes and words, as the C library would.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
bool text_is(const char *a, const char *b);
// Decimal or 0x…; goes on behind it. 0 if there is none.
uint64_t text_number(const char **s);
// "10.77.0.5" in network order as it lies in memory; false: none.
bool text_ip4(const char **s, uint8_t ip[4]);
