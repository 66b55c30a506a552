/* SPDX-License-Identifier: BSD-3-Clause */
// The words of the command line, in their order: what this guest does. Each ends in a line
// "mini: ok WORD" or "mini: FAIL WORD: why".
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct word {
	const char *name;
	// With what follows "=", or "". NULL, or why it failed.
	const char *(*run)(const char *arg);
};

extern const struct word machine_words[], bus_words[], nic_words[], hostile_words[]; // end in {}

// Set by words, for others.
extern struct settings {
	uint64_t seed;
	uint32_t times;   // a hostile word does what it does
	uint64_t seconds; // how long the ones that take time do
} settings;

void words_run(const char *line);
