/* SPDX-License-Identifier: BSD-3-Clause */
// RNDIS data messages made word by word, and parsed from memory that ends where they do.
#pragma once

#include <stdlib.h>
#include <string.h>

#include <ndis_compat/rndis_packet.h>

#define HEADER sizeof(struct rndis_packet_msg)
#define FRAME  1500u

// A message under construction: header, records, then the frame.
struct message {
	uint8_t bytes[4096];
	uint32_t len;
};

static inline struct rndis_packet_msg *header(struct message *m)
{
	return (struct rndis_packet_msg *)m->bytes;
}

static inline void set_word(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline uint32_t word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline void start(struct message *m)
{
	memset(m, 0, sizeof(*m));
	m->len = HEADER;
	header(m)->type = RNDIS_MSG_PACKET;
	header(m)->ppi_offset = HEADER - RNDIS_PACKET_BODY;
}

static inline void add_raw(
	struct message *m, uint32_t size, uint32_t type, uint32_t offset, uint32_t value)
{
	uint8_t *at = m->bytes + m->len;

	set_word(at, size);
	set_word(at + 4, type);
	set_word(at + 8, offset);
	if (offset >= 12 && offset < 256)
		set_word(at + offset, value);
	m->len += size < 256 ? size : 16;
	header(m)->ppi_len = m->len - HEADER;
}

static inline void add(struct message *m, uint32_t type, uint32_t value)
{
	add_raw(m, 16, type, 12, value);
}

static inline void finish(struct message *m, uint32_t frame_len)
{
	header(m)->data_offset = m->len - RNDIS_PACKET_BODY;
	header(m)->data_len = frame_len;
	m->len += frame_len;
	header(m)->len = m->len;
}

static uint32_t at, len;
static struct ndis_packet_info info;

typedef int parse_fn(const uint8_t *head, uint32_t head_len, uint32_t avail, uint32_t *frame_offset,
	uint32_t *frame_len, struct ndis_packet_info *info);

// From a copy that ends where the head does, so that sanitizers see a byte too much.
static inline int parse_head(parse_fn *fn, const uint8_t *bytes, uint32_t head_len, uint32_t avail)
{
	uint8_t *head = malloc(head_len > 0 ? head_len : 1);
	int ret;

	assert_non_null(head);
	memcpy(head, bytes, head_len);
	ret = fn(head, head_len, avail, &at, &len, &info);
	free(head);
	if (ret == 0) {
		assert_true(at >= HEADER && at <= RNDIS_PACKET_HEADER_MAX);
		assert_true(len >= 1 && at + len <= avail);
	}
	return ret;
}

static inline int parse_with(parse_fn *fn, const struct message *m)
{
	const uint32_t max = RNDIS_PACKET_HEADER_MAX;

	return parse_head(fn, m->bytes, m->len < max ? m->len : max, m->len);
}
