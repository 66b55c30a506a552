/* SPDX-License-Identifier: BSD-3-Clause */
// Bytes as text, and text of any bytes, in a JSON file.
#pragma once

#include <stddef.h>

#include <jansson.h>

json_t *hex_pack(const void *data, size_t size); // NULL: no memory
// How many bytes, at most max; -1: not hex, or more.
long hex_unpack(const char *text, void *to, size_t max);

// Kernel's names need not be UTF-8: those that are not go as hex behind a \u0001.
json_t *text_pack(const char *text);
// 0, or -1: no text, or longer than fits.
int text_unpack(const json_t *json, char *to, size_t size);
