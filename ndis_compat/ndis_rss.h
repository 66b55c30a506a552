/* SPDX-License-Identifier: BSD-3-Clause */
// Receive-side scaling objects: NDIS_RECEIVE_SCALE_CAPABILITIES and _PARAMETERS.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NDIS_RSS_KEY_SIZE  40u
#define NDIS_RSS_TABLE_MAX 128u

#define NDIS_HASH_IP4     0x100u
#define NDIS_HASH_TCP_IP4 0x200u
#define NDIS_HASH_IP6     0x400u
#define NDIS_HASH_TCP_IP6 0x1000u

struct ndis_rss_caps {
	uint32_t n_queues;
	uint16_t n_indirection; // entries of the table
};

struct ndis_rss_params {
	bool enabled;
	uint32_t hash_types;               // NDIS_HASH_*
	uint16_t n_entries;                // power of two, 1..NDIS_RSS_TABLE_MAX
	uint8_t table[NDIS_RSS_TABLE_MAX]; // channel of each entry
	uint8_t key[NDIS_RSS_KEY_SIZE];
};

extern const uint8_t ndis_rss_default_key[NDIS_RSS_KEY_SIZE]; // Microsoft's

int ndis_rss_caps_build(uint8_t *to, uint32_t size, const struct ndis_rss_caps *caps); // length
int ndis_rss_caps_parse(const uint8_t *data, uint32_t len, struct ndis_rss_caps *caps);
// What the message leaves unchanged is kept from *p; of one that turns RSS off, all is. -EINVAL:
// arrays outside of the message, an entry (also a kept one) at or above n_channels, a key of
// another length, a table empty or no power of two or too long, another function than Toeplitz,
// nothing to hash. *p is then untouched. A key of zeros, which would hash all alike, is taken for
// the default one.
int ndis_rss_params_parse(
	const uint8_t *data, uint32_t len, uint32_t n_channels, struct ndis_rss_params *p);
int ndis_rss_params_build(uint8_t *to, uint32_t size, const struct ndis_rss_params *p); // length

enum toeplitz_isa { TOEPLITZ_PLAIN, TOEPLITZ_PRODUCT, TOEPLITZ_WIDE };

// The key of a Toeplitz hash, prepared for the hot path.
struct toeplitz {
	uint8_t key[NDIS_RSS_KEY_SIZE];
	struct {
		uint64_t low, high;
	} chunk[4];              // the key as each 8 bytes of addresses meet it
	uint64_t ports4, ports6; // and as the ports do
	enum toeplitz_isa isa;   // what the processor can; less may be set
};
void toeplitz_init(struct toeplitz *t, const uint8_t key[NDIS_RSS_KEY_SIZE]);
// Over an Ethernet frame's addresses and, of unfragmented TCP and UDP, ports, as `types` say
// (UDP as TCP's). False: nothing to hash. Reads only frame[0..len).
bool toeplitz_frame(const struct toeplitz *t, uint32_t types, const uint8_t *frame, uint32_t len,
	uint32_t *hash);
