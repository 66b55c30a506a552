/* SPDX-License-Identifier: BSD-3-Clause */
// Any bytes as a data message, from a guest and to one. What is accepted must lie in the message
// and mean the same again after it was built anew. The same bytes as a frame have one hash.
//
// Input: a byte, odd if the carrier has more than what follows; the message's first bytes.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ndis_compat/ndis_rss.h>
#include <ndis_compat/rndis_packet.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int parse_fn(const uint8_t *head, uint32_t head_len, uint32_t avail, uint32_t *frame_offset,
	uint32_t *frame_len, struct ndis_packet_info *info);
typedef uint32_t build_fn(uint8_t *to, uint32_t frame_len, const struct ndis_packet_info *info);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check(
	parse_fn *parse, build_fn *build, const uint8_t *head, uint32_t head_len, uint32_t avail)
{
	struct ndis_packet_info info, again;
	uint32_t offset, len, built_offset, built_len, n;
	uint8_t built[RNDIS_PACKET_BUILD_MAX];

	if (parse(head, head_len, avail, &offset, &len, &info) < 0)
		return;
	must(offset >= sizeof(struct rndis_packet_msg) && offset <= RNDIS_PACKET_HEADER_MAX);
	must(len >= (info.flags & NDIS_INFO_RSC ? 1 : 14) && (uint64_t)offset + len <= avail);
	must(!(info.flags & NDIS_INFO_LSO) || info.mss > 0);
	must(info.l4_offset == 0 || info.l4_offset + 8u <= len);

	n = build(built, len, &info);
	must(n % 4 == 0 && n <= sizeof(built));
	must(parse(built, n, n + len, &built_offset, &built_len, &again) == 0);
	must(built_offset == n && built_len == len);
	must(memcmp(&info, &again, sizeof(info)) == 0);
}

// By every way that this processor knows: all must agree.
static void check_hash(const uint8_t *frame, uint32_t len)
{
	const uint32_t types =
		NDIS_HASH_IP4 | NDIS_HASH_TCP_IP4 | NDIS_HASH_IP6 | NDIS_HASH_TCP_IP6;
	struct toeplitz t;
	uint32_t wanted[2] = {}, hash[2] = {};
	bool hashed[2];
	enum toeplitz_isa best;

	toeplitz_init(&t, ndis_rss_default_key);
	best = t.isa;
	t.isa = TOEPLITZ_PLAIN;
	hashed[0] = toeplitz_frame(&t, types, frame, len, &wanted[0]);
	hashed[1] = toeplitz_frame(&t, NDIS_HASH_IP4 | NDIS_HASH_IP6, frame, len, &wanted[1]);
	must(hashed[0] == hashed[1]);
	while (t.isa++ < best) {
		must(toeplitz_frame(&t, types, frame, len, &hash[0]) == hashed[0]);
		must(toeplitz_frame(&t, NDIS_HASH_IP4 | NDIS_HASH_IP6, frame, len, &hash[1]) ==
			hashed[1]);
		must(hash[0] == wanted[0] && hash[1] == wanted[1]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t len, avail;
	uint8_t *copy;

	if (size == 0)
		return 0;
	len = (uint32_t)(size - 1);
	copy = malloc(len > 0 ? len : 1); // its end is the message's: sanitizers see one byte past
	must(copy != NULL);
	memcpy(copy, data + 1, len);
	check_hash(copy, len);
	avail = data[0] & 1 ? 65600 : len;
	if (len > RNDIS_PACKET_HEADER_MAX) {
		len = RNDIS_PACKET_HEADER_MAX;
		copy = realloc(copy, len);
		must(copy != NULL);
	}
	check(rndis_packet_parse, rndis_packet_build_request, copy, len, avail);
	check(rndis_packet_parse_indicated, rndis_packet_build, copy, len, avail);
	free(copy);
	return 0;
}
