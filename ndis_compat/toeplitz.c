/* SPDX-License-Identifier: BSD-3-Clause */
#include "ndis_rss.h"

#include <string.h>

#define ETHER_ADDRESSES 12u
#define ETHER_IP4       0x0800u
#define ETHER_IP6       0x86ddu
#define ETHER_VLAN      0x8100u
#define VLAN_TAG        4u

#define IP4_HEADER    20u
#define IP4_FRAGMENT  0x3fffu // more of it, or not its beginning
#define IP4_ADDRESSES 12u     // where they are
#define IP6_HEADER    40u
#define IP6_ADDRESSES 8u
#define PORTS         4u // source and destination
#define TCP           6
#define UDP           17

// The hash of one bit set is the 32 bits of the key from that bit on; all else is XOR.
void toeplitz_init(struct toeplitz *t, const uint8_t key[NDIS_RSS_KEY_SIZE])
{
	for (unsigned at = 0; at < 36; at++) {
		uint64_t window = 0;

		for (unsigned i = 0; i < 5; i++)
			window = window << 8 | key[at + i];
		t->table[at][0] = 0;
		for (unsigned bit = 0; bit < 8; bit++)
			t->table[at][1u << bit] = (uint32_t)(window >> (bit + 1));
		for (unsigned value = 1; value < 256; value++)
			t->table[at][value] =
				t->table[at][value & (value - 1)] ^ t->table[at][value & -value];
	}
}

static inline uint32_t be16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t hash_bytes(
	const struct toeplitz *t, unsigned from, const uint8_t *bytes, unsigned n)
{
	uint32_t hash = 0;

	for (unsigned i = 0; i < n; i++)
		hash ^= t->table[from + i][bytes[i]];
	return hash;
}

static bool hash_ip4(
	const struct toeplitz *t, uint32_t types, const uint8_t *ip, uint32_t len, uint32_t *hash)
{
	uint32_t header;

	if (len < IP4_HEADER)
		return false;
	header = (ip[0] & 15u) * 4;
	if (ip[0] >> 4 != 4 || header < IP4_HEADER)
		return false;
	if (types & NDIS_HASH_TCP_IP4 && (ip[9] == TCP || ip[9] == UDP) &&
		!(be16(ip + 6) & IP4_FRAGMENT) && len >= header + PORTS) {
		*hash = hash_bytes(t, 0, ip + IP4_ADDRESSES, 8) ^
		        hash_bytes(t, 8, ip + header, PORTS);
		return true;
	}
	if (!(types & NDIS_HASH_IP4))
		return false;
	*hash = hash_bytes(t, 0, ip + IP4_ADDRESSES, 8);
	return true;
}

static bool hash_ip6(
	const struct toeplitz *t, uint32_t types, const uint8_t *ip, uint32_t len, uint32_t *hash)
{
	if (len < IP6_HEADER || ip[0] >> 4 != 6)
		return false;
	if (types & NDIS_HASH_TCP_IP6 && (ip[6] == TCP || ip[6] == UDP) &&
		len >= IP6_HEADER + PORTS) {
		*hash = hash_bytes(t, 0, ip + IP6_ADDRESSES, 32 + PORTS);
		return true;
	}
	if (!(types & NDIS_HASH_IP6))
		return false;
	*hash = hash_bytes(t, 0, ip + IP6_ADDRESSES, 32);
	return true;
}

bool toeplitz_frame(const struct toeplitz *t, uint32_t types, const uint8_t *frame, uint32_t len,
	uint32_t *hash)
{
	uint32_t at = ETHER_ADDRESSES, type;

	if (len < ETHER_ADDRESSES + VLAN_TAG + 2)
		return false;
	type = be16(frame + at);
	// Tags are out of band; one that is not is looked through.
	if (type == ETHER_VLAN) {
		at += VLAN_TAG;
		type = be16(frame + at);
	}
	at += 2;
	if (type == ETHER_IP4)
		return hash_ip4(t, types, frame + at, len - at, hash);
	if (type == ETHER_IP6)
		return hash_ip6(t, types, frame + at, len - at, hash);
	return false;
}
