/* SPDX-License-Identifier: BSD-3-Clause */
#include "identity.h"

#include <string.h>

// The name space of our names: a random UUID.
static const uint8_t name_space[16] = {0x5d, 0x0c, 0x8e, 0x1b, 0x6a, 0x37, 0x4f, 0x62, 0x9b, 0x1e,
	0x7c, 0x20, 0xd4, 0x4a, 0x93, 0xf5};

struct sha1 {
	uint32_t h[5];
	uint8_t block[64];
	uint64_t len;
};

static uint32_t rotate(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static void sha1_block(struct sha1 *s)
{
	uint32_t w[80], a = s->h[0], b = s->h[1], c = s->h[2], d = s->h[3], e = s->h[4];

	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)s->block[4 * i] << 24 | s->block[4 * i + 1] << 16 |
		       s->block[4 * i + 2] << 8 | s->block[4 * i + 3];
	for (int i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (int i = 0; i < 80; i++) {
		uint32_t f, k, t;

		if (i < 20)
			f = (b & c) | (~b & d), k = 0x5a827999;
		else if (i < 40)
			f = b ^ c ^ d, k = 0x6ed9eba1;
		else if (i < 60)
			f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
		else
			f = b ^ c ^ d, k = 0xca62c1d6;
		t = rotate(a, 5) + f + e + k + w[i];
		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = t;
	}
	s->h[0] += a;
	s->h[1] += b;
	s->h[2] += c;
	s->h[3] += d;
	s->h[4] += e;
}

static void sha1_add(struct sha1 *s, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len-- > 0) {
		s->block[s->len++ % 64] = *at++;
		if (s->len % 64 == 0)
			sha1_block(s);
	}
}

static void sha1_end(struct sha1 *s)
{
	uint64_t bits = s->len * 8;
	uint8_t tail[8];

	for (int i = 0; i < 8; i++)
		tail[i] = bits >> (56 - 8 * i);
	sha1_add(s, "\x80", 1);
	while (s->len % 64 != 56)
		sha1_add(s, "", 1);
	sha1_add(s, tail, sizeof(tail));
}

struct vmbus_guid identity_guid(const char *partition, const char *nic)
{
	struct sha1 s = {.h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
	// Wire order: the first three fields are little endian.
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	struct vmbus_guid guid;

	sha1_add(&s, name_space, sizeof(name_space));
	sha1_add(&s, partition, strlen(partition));
	sha1_add(&s, "/", 1);
	sha1_add(&s, nic, strlen(nic));
	sha1_end(&s);
	for (int i = 0; i < 16; i++) {
		uint8_t byte = s.h[order[i] / 4] >> (24 - 8 * (order[i] % 4));

		if (order[i] == 6)
			byte = (byte & 0x0f) | 0x50; // version
		if (order[i] == 8)
			byte = (byte & 0x3f) | 0x80; // variant
		guid.byte[i] = byte;
	}
	return guid;
}

void identity_mac(const struct vmbus_guid *guid, uint8_t mac[6])
{
	memcpy(mac, guid->byte + 10, 6);
	mac[0] = (mac[0] & 0xfc) | 2;
}
