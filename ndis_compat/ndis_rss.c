/* SPDX-License-Identifier: BSD-3-Clause */
#include "ndis_rss.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

const uint8_t ndis_rss_default_key[NDIS_RSS_KEY_SIZE] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, //
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, //
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, //
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa, //
};

#define TYPE_CAPS     0x88
#define CAPS_REVISION 2
#define CAPS_SIZE_OLD 16u // revision 1: without the table's size, which is 128 then
// The flags say by which function and of which headers we hash: guests take no RSS without.
#define CAPS_TOEPLITZ 0x001u
#define CAPS_IP4      0x100u
#define CAPS_IP6      0x200u

#define TYPE_PARAMS     0x89
#define PARAMS_REVISION 2

#define HASH_FUNCTIONS 0xffu
#define HASH_TOEPLITZ  0x01u
// With a home address or routing header in place of the header's own address; without such a
// header they are the plain ones.
#define HASH_IP6_EX     0x0800u
#define HASH_TCP_IP6_EX 0x2000u
#define HASH_TYPES      (NDIS_HASH_IP4 | NDIS_HASH_TCP_IP4 | NDIS_HASH_IP6 | NDIS_HASH_TCP_IP6)

#define HASH_UNCHANGED  (1u << 1)
#define TABLE_UNCHANGED (1u << 2)
#define KEY_UNCHANGED   (1u << 3)
#define DISABLE         (1u << 4)

struct caps {
	uint8_t type, revision;
	uint16_t size;
	uint32_t flags, n_messages, n_queues;
	uint16_t n_indirection;
} __attribute__((packed));
static_assert(sizeof(struct caps) == 18);

struct params {
	uint8_t type, revision;
	uint16_t size;
	uint16_t flags, base_cpu;
	uint32_t hash;
	uint16_t table_size, pad1;
	uint32_t table_offset; // from the object's start
	uint16_t key_size, pad2;
	uint32_t key_offset;
	uint32_t mask_offset, n_masks, mask_size;
};
static_assert(sizeof(struct params) == 40);

int ndis_rss_caps_build(uint8_t *to, uint32_t size, const struct ndis_rss_caps *caps)
{
	const struct caps c = {
		.type = TYPE_CAPS,
		.revision = CAPS_REVISION,
		.size = sizeof(c),
		.flags = CAPS_TOEPLITZ | CAPS_IP4 | CAPS_IP6,
		.n_messages = caps->n_queues,
		.n_queues = caps->n_queues,
		.n_indirection = caps->n_indirection,
	};

	if (size < sizeof(c))
		return -E2BIG;
	memcpy(to, &c, sizeof(c));
	return sizeof(c);
}

int ndis_rss_caps_parse(const uint8_t *data, uint32_t len, struct ndis_rss_caps *caps)
{
	struct caps c = {.n_indirection = NDIS_RSS_TABLE_MAX};

	if (len < CAPS_SIZE_OLD)
		return -EINVAL;
	memcpy(&c, data, len < sizeof(c) ? CAPS_SIZE_OLD : sizeof(c));
	if (c.type != TYPE_CAPS || c.revision < 1 || c.size > len ||
		c.size < (c.revision == 1 ? CAPS_SIZE_OLD : sizeof(c)))
		return -EINVAL;
	caps->n_queues = c.n_queues;
	caps->n_indirection = c.revision == 1 ? NDIS_RSS_TABLE_MAX : c.n_indirection;
	return 0;
}

static bool is_inside(uint32_t offset, uint32_t size, uint32_t len)
{
	return offset >= sizeof(struct params) && (uint64_t)offset + size <= len;
}

static int read_hash(uint32_t hash, struct ndis_rss_params *p)
{
	if ((hash & HASH_FUNCTIONS) != HASH_TOEPLITZ)
		return -EINVAL;
	p->hash_types = hash & HASH_TYPES;
	if (hash & HASH_IP6_EX)
		p->hash_types |= NDIS_HASH_IP6;
	if (hash & HASH_TCP_IP6_EX)
		p->hash_types |= NDIS_HASH_TCP_IP6;
	return 0;
}

static int read_table(
	const uint8_t *data, uint32_t len, const struct params *m, struct ndis_rss_params *p)
{
	const uint32_t n = m->table_size / sizeof(uint32_t);
	uint32_t entry;

	if (n == 0 || n > NDIS_RSS_TABLE_MAX || (n & (n - 1)) != 0 ||
		m->table_size % sizeof(uint32_t) != 0 ||
		!is_inside(m->table_offset, m->table_size, len))
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		memcpy(&entry, data + m->table_offset + i * sizeof(entry), sizeof(entry));
		if (entry > UINT8_MAX)
			return -EINVAL;
		p->table[i] = (uint8_t)entry;
	}
	p->n_entries = (uint16_t)n;
	return 0;
}

static int read_key(
	const uint8_t *data, uint32_t len, const struct params *m, struct ndis_rss_params *p)
{
	if (m->key_size != NDIS_RSS_KEY_SIZE || !is_inside(m->key_offset, m->key_size, len))
		return -EINVAL;
	memcpy(p->key, data + m->key_offset, sizeof(p->key));
	return 0;
}

// Linux (6.1) forgets its key when it goes down to one channel, and then sends none.
static void replace_key_of_zeros(struct ndis_rss_params *p)
{
	static const uint8_t zeros[NDIS_RSS_KEY_SIZE];

	if (memcmp(p->key, zeros, sizeof(zeros)) == 0)
		memcpy(p->key, ndis_rss_default_key, sizeof(p->key));
}

// What came of a message and of what it left unchanged.
static bool is_whole(const struct ndis_rss_params *p, uint32_t n_channels)
{
	if (p->hash_types == 0 || p->n_entries == 0)
		return false;
	for (uint32_t i = 0; i < p->n_entries; i++)
		if (p->table[i] >= n_channels)
			return false;
	return true;
}

int ndis_rss_params_parse(
	const uint8_t *data, uint32_t len, uint32_t n_channels, struct ndis_rss_params *p)
{
	struct ndis_rss_params found = *p;
	struct params m;

	if (len < sizeof(m))
		return -EINVAL;
	memcpy(&m, data, sizeof(m));
	if (m.type != TYPE_PARAMS || m.revision < PARAMS_REVISION || m.size < sizeof(m) ||
		m.size > len)
		return -EINVAL;
	// Either way to say "no RSS"; the rest is not looked at then.
	if (m.flags & DISABLE || (!(m.flags & HASH_UNCHANGED) && m.hash == 0)) {
		p->enabled = false;
		return 0;
	}
	if (!(m.flags & HASH_UNCHANGED) && read_hash(m.hash, &found) < 0)
		return -EINVAL;
	if (!(m.flags & TABLE_UNCHANGED) && read_table(data, len, &m, &found) < 0)
		return -EINVAL;
	if (!(m.flags & KEY_UNCHANGED) && read_key(data, len, &m, &found) < 0)
		return -EINVAL;
	if (!is_whole(&found, n_channels))
		return -EINVAL;
	replace_key_of_zeros(&found);
	found.enabled = true;
	*p = found;
	return 0;
}

int ndis_rss_params_build(uint8_t *to, uint32_t size, const struct ndis_rss_params *p)
{
	const uint16_t table_size = (uint16_t)(p->n_entries * sizeof(uint32_t));
	const struct params m = {
		.type = TYPE_PARAMS,
		.revision = PARAMS_REVISION,
		.size = sizeof(m),
		.flags = p->enabled ? 0 : DISABLE,
		.hash = HASH_TOEPLITZ | p->hash_types,
		.table_size = table_size,
		.table_offset = sizeof(m),
		.key_size = NDIS_RSS_KEY_SIZE,
		.key_offset = (uint32_t)sizeof(m) + table_size,
	};
	uint32_t entry;

	if (p->n_entries > NDIS_RSS_TABLE_MAX)
		return -EINVAL;
	if (size < m.key_offset + NDIS_RSS_KEY_SIZE)
		return -E2BIG;
	memcpy(to, &m, sizeof(m));
	for (uint32_t i = 0; i < p->n_entries; i++) {
		entry = p->table[i];
		memcpy(to + m.table_offset + i * sizeof(entry), &entry, sizeof(entry));
	}
	memcpy(to + m.key_offset, p->key, NDIS_RSS_KEY_SIZE);
	return (int)(m.key_offset + NDIS_RSS_KEY_SIZE);
}
