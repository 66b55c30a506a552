/* SPDX-License-Identifier: BSD-3-Clause */
#include "words.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void words_add(struct words *words, const char *fmt, ...)
{
	size_t room = sizeof(words->text) - words->size;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(words->text + words->size, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		words->size += (size_t)n < room ? (size_t)n : room - 1;
}

void words_ip(struct words *words, const char *before, unsigned family, const void *ip, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (size == (family == AF_INET6 ? 16 : 4))
		inet_ntop(family == AF_INET6 ? AF_INET6 : AF_INET, ip, text, sizeof(text));
	words_add(words, "%s%s", before, text);
}

void words_ip_of(
	struct words *words, const char *before, const struct host_record *record, int type)
{
	const struct nlattr *attr = record_get(record, type);

	if (attr != NULL)
		words_ip(words, before, record->header.family, nla_data(attr),
			(size_t)nla_len(attr));
}

void words_u32_of(
	struct words *words, const char *before, const struct host_record *record, int type)
{
	if (record_get(record, type) != NULL)
		words_add(words, "%s%u", before, record_u32(record, type));
}

void words_hex(struct words *words, const char *before, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	words_add(words, "%s", before);
	for (size_t i = 0; i < size; i++)
		words_add(words, "%s%02x", i > 0 ? ":" : "", bytes[i]);
}

const char *words_link(const struct words *words, uint32_t link)
{
	if (words->target == NULL)
		return "?";
	return link == 0 ? words->target->name : words->target->of->links[link - 1];
}

void words_seconds(struct words *words, const char *before, uint32_t lifetime)
{
	uint32_t left = remaining(lifetime, words->target != NULL ? words->target->age : 0);

	if (left == RECORD_FOREVER)
		words_add(words, "%sforever", before);
	else
		words_add(words, "%s%usec", before, left);
}

void record_words(struct words *words, const struct record_ops *ops, const char *verb,
	const struct host_record *record, const struct target *target)
{
	*words = (struct words){.target = target};
	words_add(words, "%s %s", ops->noun, verb);
	ops->say(words, record);
}
