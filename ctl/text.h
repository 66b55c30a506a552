/* SPDX-License-Identifier: BSD-3-Clause */
// Text for people: what may reach a terminal, how wide it is, and numbers as they are read.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <jansson.h>

// Reads the locale; before it is called, everything is ASCII.
void text_init(void);
bool text_is_utf8(void);

// A copy in which everything a terminal could act on is written out as \xNN or \uNNNN.
// To be freed. Never NULL: a program this small has no way on without memory.
char *text_clean(const char *s);

// The same for all strings and keys of a JSON value. Returns a new reference.
json_t *text_clean_json(const json_t *value);

size_t text_width(const char *s); // columns on the terminal

// A copy at most width columns wide; what is left out of the middle shows as an ellipsis, as
// the ends of names tell them apart. To be freed.
char *text_fit(const char *s, size_t width);

#define TEXT_SIZE 48 // enough for each of the following
const char *text_count(char buf[static TEXT_SIZE], double n, const char *unit); // 12.3 Mpps
const char *text_age(char buf[static TEXT_SIZE], uint64_t seconds);             // 12s 3m 5h 2d
const char *text_speed(char buf[static TEXT_SIZE], uint64_t mbps);              // 10G 2.5G 100M

// Prints as one line, or indented on a terminal; only ASCII, control characters escaped.
void text_print_json(const json_t *value, bool pretty);
