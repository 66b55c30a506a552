/* SPDX-License-Identifier: BSD-3-Clause */
// What a fuzz target takes its choices from, byte by byte; zeros once it is used up.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct input {
	const uint8_t *at, *end;
};

static inline void require(bool held)
{
	if (!held)
		abort();
}

static inline uint8_t next(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

// Little endian.
static inline uint64_t next_value(struct input *in, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)next(in) << 8 * i;
	return value;
}
