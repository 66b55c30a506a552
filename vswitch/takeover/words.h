/* SPDX-License-Identifier: BSD-3-Clause */
// A record in the words of `ip`.
#pragma once

#include "record.h"

struct words {
	char text[512]; // cut off when it is full
	size_t size;
	const struct target *target;
};

void words_add(struct words *words, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void words_ip(
	struct words *words, const char *before, unsigned family, const void *ip, size_t size);
void words_ip_of(
	struct words *words, const char *before, const struct host_record *record, int type);
void words_u32_of(
	struct words *words, const char *before, const struct host_record *record, int type);
void words_hex(struct words *words, const char *before, const void *data, size_t size);
const char *words_link(const struct words *words, uint32_t link);
void words_seconds(struct words *words, const char *before, uint32_t lifetime);

// "address add 10.77.0.2/24 dev eno2"
void record_words(struct words *words, const struct record_ops *ops, const char *verb,
	const struct host_record *record, const struct target *target);
