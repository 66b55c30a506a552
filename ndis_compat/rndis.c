/* SPDX-License-Identifier: BSD-3-Clause */
#include "rndis.h"

#include <errno.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

#define HEADER 8u // type and length; offsets on the wire count from behind it
#define WORD   4u

// What a word of a body stands for: a member of struct rndis_control, or one of these.
enum {
	END = 0, // the place of `type`, which no body holds
	ZERO = 0xf0,
	ONE, // device flags: connectionless
	OFFSET,
};

#define IN(member) offsetof(struct rndis_control, member)

static const struct layout {
	uint32_t type;
	uint8_t word[12];
} layouts[] = {
	{RNDIS_MSG_INITIALIZE, {IN(request_id), IN(major), IN(minor), IN(max_transfer)}},
	{RNDIS_MSG_INITIALIZE | RNDIS_MSG_COMPLETION,
		{IN(request_id), IN(status), IN(major), IN(minor), ONE, ZERO, IN(max_packets),
			IN(max_transfer), IN(align_factor), ZERO, ZERO}},
	{RNDIS_MSG_HALT, {IN(request_id)}},
	{RNDIS_MSG_QUERY, {IN(request_id), IN(oid), IN(data_len), OFFSET, ZERO}},
	{RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETION,
		{IN(request_id), IN(status), IN(data_len), OFFSET}},
	{RNDIS_MSG_SET, {IN(request_id), IN(oid), IN(data_len), OFFSET, ZERO}},
	{RNDIS_MSG_SET | RNDIS_MSG_COMPLETION, {IN(request_id), IN(status)}},
	{RNDIS_MSG_RESET, {ZERO}},
	{RNDIS_MSG_RESET | RNDIS_MSG_COMPLETION, {IN(status), ZERO}},
	{RNDIS_MSG_INDICATE, {IN(status), IN(data_len), OFFSET}},
	{RNDIS_MSG_KEEPALIVE, {IN(request_id)}},
	{RNDIS_MSG_KEEPALIVE | RNDIS_MSG_COMPLETION, {IN(request_id), IN(status)}},
};

static const struct layout *find_layout(uint32_t type)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].type == type)
			return &layouts[i];
	return NULL;
}

static uint32_t body_size(const struct layout *layout)
{
	uint32_t n = 0;

	while (layout->word[n] != END)
		n++;
	return n * WORD;
}

static uint32_t get_word(const uint8_t *from)
{
	uint32_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

int rndis_control_parse(const uint8_t *msg, uint32_t len, struct rndis_control *c)
{
	const struct layout *layout;
	uint32_t size, offset = 0;

	if (len < HEADER)
		return -EINVAL;
	layout = find_layout(get_word(msg));
	if (layout == NULL || get_word(msg + WORD) > len)
		return -EINVAL;
	len = get_word(msg + WORD);
	size = body_size(layout);
	if (len < HEADER + size)
		return -EINVAL;

	*c = (struct rndis_control){.type = layout->type};
	for (uint32_t at = 0; at < size; at += WORD) {
		uint8_t place = layout->word[at / WORD];

		if (place == OFFSET)
			offset = get_word(msg + HEADER + at);
		else if (place < ZERO)
			memcpy((uint8_t *)c + place, msg + HEADER + at, WORD);
	}
	// Where nothing is told to be does not matter.
	if (c->data_len == 0)
		offset = size;
	if (offset < size || (uint64_t)HEADER + offset + c->data_len > len)
		return -EINVAL;
	if (memchr(layout->word, OFFSET, sizeof(layout->word)) != NULL)
		c->data = msg + HEADER + offset;
	return 0;
}

int rndis_control_build(uint8_t *to, uint32_t size, const struct rndis_control *c)
{
	const struct layout *layout = find_layout(c->type);
	uint32_t body, word, data_len = 0;
	uint64_t len;

	if (layout == NULL)
		return -EINVAL;
	body = body_size(layout);
	if (memchr(layout->word, OFFSET, sizeof(layout->word)) != NULL)
		data_len = c->data_len;
	len = (uint64_t)HEADER + body + data_len;
	if (len > size || len > INT32_MAX)
		return -E2BIG;

	memcpy(to, &c->type, WORD);
	word = (uint32_t)len;
	memcpy(to + WORD, &word, WORD);
	for (uint32_t at = 0; at < body; at += WORD) {
		uint8_t place = layout->word[at / WORD];

		if (place == OFFSET)
			word = body;
		else if (place < ZERO)
			word = get_word((const uint8_t *)c + place);
		else
			word = place == ONE;
		memcpy(to + HEADER + at, &word, WORD);
	}
	if (data_len > 0)
		memcpy(to + HEADER + body, c->data, data_len);
	return (int)len;
}
