/* SPDX-License-Identifier: BSD-3-Clause */
#include "hex.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

static void write_hex(char *to, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	*to = '\0';
}

json_t *hex_pack(const void *data, size_t size)
{
	char *text = malloc(2 * size + 1);
	json_t *json;

	if (text == NULL)
		return NULL;
	write_hex(text, data, size);
	json = json_string(text);
	free(text);
	return json;
}

long hex_unpack(const char *text, void *to, size_t max)
{
	size_t len = strlen(text);
	uint8_t *bytes = to;

	if (len % 2 != 0 || len / 2 > max)
		return -1;
	for (size_t i = 0; i < len; i++) {
		const char *digit = strchr(digits, text[i]);

		if (digit == NULL)
			return -1;
		bytes[i / 2] = (uint8_t)((i % 2 == 0 ? 0 : bytes[i / 2] << 4) | (digit - digits));
	}
	return (long)(len / 2);
}

json_t *text_pack(const char *text)
{
	json_t *json = json_string(text);
	size_t len = strlen(text);
	char *marked;

	if (json != NULL)
		return json;
	marked = malloc(2 * len + 2);
	if (marked == NULL)
		return NULL;
	marked[0] = '\1';
	write_hex(marked + 1, text, len);
	json = json_string(marked);
	free(marked);
	return json;
}

int text_unpack(const json_t *json, char *to, size_t size)
{
	const char *text = json_string_value(json);
	long len;

	if (text == NULL || strlen(text) != json_string_length(json))
		return -1;
	if (text[0] != '\1') {
		if (strlen(text) >= size)
			return -1;
		memcpy(to, text, strlen(text) + 1);
		return 0;
	}
	len = hex_unpack(text + 1, to, size - 1);
	if (len < 0 || memchr(to, '\0', (size_t)len) != NULL)
		return -1;
	to[len] = '\0';
	return 0;
}
