/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <ndis_compat/ndis_rss.h>

#define ALL_TYPES (NDIS_HASH_IP4 | NDIS_HASH_TCP_IP4 | NDIS_HASH_IP6 | NDIS_HASH_TCP_IP6)
#define TCP       6
#define UDP       17

static struct toeplitz toeplitz;

// Microsoft's "Verifying the RSS hash calculation", all rows.
static const struct vector {
	const char *from;
	uint16_t from_port;
	const char *to;
	uint16_t to_port;
	uint32_t ip, tcp;
} vectors[] = {
	{"66.9.149.187", 2794, "161.142.100.80", 1766, 0x323e8fc2, 0x51ccc178},
	{"199.92.111.2", 14230, "65.69.140.83", 4739, 0xd718262a, 0xc626b0ea},
	{"24.19.198.95", 12898, "12.22.207.184", 38024, 0xd2d0a5de, 0x5c2b394a},
	{"38.27.205.30", 48228, "209.142.163.6", 2217, 0x82989176, 0xafc7327f},
	{"153.39.163.191", 44251, "202.188.127.2", 1303, 0x5d1809c5, 0x10e828a2},
	{"3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x2cc18cd5, 0x40207d3d},
	{"3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0x0f0c461c, 0xdde51bbf},
	{"3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, "fe80::200:f8ff:fe21:67cf", 38024,
		0x4b61e985, 0x02d1feef},
};
#define N_VECTORS (sizeof(vectors) / sizeof(vectors[0]))

struct frame {
	uint8_t bytes[256];
	uint32_t len;
	uint8_t *ip, *l4;
};

// From a vector: `tag` bytes before the type, `options` bytes behind the IP header's fixed part.
static void make(
	struct frame *f, const struct vector *v, uint8_t protocol, unsigned tag, unsigned options)
{
	const bool is6 = strchr(v->from, ':') != NULL;
	const uint16_t ports[] = {htons(v->from_port), htons(v->to_port)};

	memset(f, 0, sizeof(*f));
	for (unsigned at = 12; at < 12 + tag; at += 4) {
		f->bytes[at] = 0x81;
		f->bytes[at + 3] = 10;
	}
	f->ip = f->bytes + 14 + tag;
	f->ip[-2] = is6 ? 0x86 : 0x08;
	f->ip[-1] = is6 ? 0xdd : 0x00;
	if (is6) {
		f->ip[0] = 0x60;
		f->ip[6] = protocol;
		assert_int_equal(inet_pton(AF_INET6, v->from, f->ip + 8), 1);
		assert_int_equal(inet_pton(AF_INET6, v->to, f->ip + 24), 1);
		f->l4 = f->ip + 40 + options;
	} else {
		f->ip[0] = 0x45 + options / 4;
		f->ip[9] = protocol;
		assert_int_equal(inet_pton(AF_INET, v->from, f->ip + 12), 1);
		assert_int_equal(inet_pton(AF_INET, v->to, f->ip + 16), 1);
		f->l4 = f->ip + 20 + options;
	}
	memset(f->ip + (is6 ? 40 : 20), 0xee, options);
	memcpy(f->l4, ports, sizeof(ports));
	f->len = (uint32_t)(f->l4 + 20 - f->bytes);
}

// From a copy that ends where the frame does. -1: nothing to hash.
static int64_t hash_of(const struct frame *f, uint32_t types)
{
	uint8_t *copy = malloc(f->len > 0 ? f->len : 1);
	uint32_t hash;
	bool hashed;

	assert_non_null(copy);
	memcpy(copy, f->bytes, f->len);
	hashed = toeplitz_frame(&toeplitz, types, copy, f->len, &hash);
	free(copy);
	return hashed ? (int64_t)hash : -1;
}

static void test_published_vectors(void **)
{
	struct frame f;

	for (unsigned i = 0; i < N_VECTORS; i++) {
		make(&f, &vectors[i], TCP, 0, 0);
		assert_int_equal(hash_of(&f, ALL_TYPES), vectors[i].tcp);
		assert_int_equal(
			hash_of(&f, NDIS_HASH_TCP_IP4 | NDIS_HASH_TCP_IP6), vectors[i].tcp);
		assert_int_equal(hash_of(&f, NDIS_HASH_IP4 | NDIS_HASH_IP6), vectors[i].ip);
	}
}

static void test_udp_hashes_as_tcp(void **)
{
	struct frame f;

	for (unsigned i = 0; i < N_VECTORS; i++) {
		make(&f, &vectors[i], UDP, 0, 0);
		assert_int_equal(hash_of(&f, ALL_TYPES), vectors[i].tcp);
	}
}

static void test_other_protocols_hash_by_address(void **)
{
	struct frame f;

	for (unsigned i = 0; i < N_VECTORS; i++) {
		for (unsigned protocol = 0; protocol < 256; protocol++) {
			if (protocol == TCP || protocol == UDP)
				continue;
			make(&f, &vectors[i], (uint8_t)protocol, 0, 0);
			assert_int_equal(hash_of(&f, ALL_TYPES), vectors[i].ip);
		}
	}
}

static void test_types_decide(void **)
{
	struct frame four, six;

	make(&four, &vectors[0], TCP, 0, 0);
	make(&six, &vectors[5], TCP, 0, 0);
	assert_int_equal(hash_of(&four, 0), -1);
	assert_int_equal(hash_of(&four, NDIS_HASH_IP6 | NDIS_HASH_TCP_IP6), -1);
	assert_int_equal(hash_of(&six, 0), -1);
	assert_int_equal(hash_of(&six, NDIS_HASH_IP4 | NDIS_HASH_TCP_IP4), -1);
	four.ip[9] = 1;
	six.ip[6] = 58;
	assert_int_equal(hash_of(&four, NDIS_HASH_TCP_IP4), -1);
	assert_int_equal(hash_of(&six, NDIS_HASH_TCP_IP6), -1);
}

static void test_one_tag_in_band_is_looked_through(void **)
{
	struct frame f;

	for (unsigned i = 0; i < N_VECTORS; i++) {
		make(&f, &vectors[i], TCP, 4, 0);
		assert_int_equal(hash_of(&f, ALL_TYPES), vectors[i].tcp);
		make(&f, &vectors[i], TCP, 8, 0);
		assert_int_equal(hash_of(&f, ALL_TYPES), -1);
	}
}

static void test_ipv4_options_are_stepped_over(void **)
{
	struct frame f;

	for (unsigned options = 4; options <= 40; options += 4) {
		make(&f, &vectors[1], TCP, 0, options);
		assert_int_equal(hash_of(&f, ALL_TYPES), vectors[1].tcp);
	}
}

static void test_ipv4_fragments_hash_by_address(void **)
{
	static const uint8_t fields[][2] = {{0x20, 0}, {0, 1}, {0x1f, 0xff}, {0x20, 0xb9}};
	struct frame f;

	for (unsigned i = 0; i < 4; i++) {
		make(&f, &vectors[0], TCP, 0, 0);
		memcpy(f.ip + 6, fields[i], 2);
		assert_int_equal(hash_of(&f, ALL_TYPES), vectors[0].ip);
		assert_int_equal(hash_of(&f, NDIS_HASH_TCP_IP4), -1);
	}
	// "Do not fragment" is no fragment.
	f.ip[6] = 0x40;
	f.ip[7] = 0;
	assert_int_equal(hash_of(&f, ALL_TYPES), vectors[0].tcp);
}

static void test_ipv6_extension_headers_hash_by_address(void **)
{
	static const uint8_t headers[] = {0, 43, 44, 51, 60, 135};
	struct frame f;

	for (unsigned i = 0; i < sizeof(headers); i++) {
		make(&f, &vectors[5], TCP, 0, 8);
		f.ip[6] = headers[i];
		f.ip[40] = TCP;
		f.ip[41] = 0;
		assert_int_equal(hash_of(&f, ALL_TYPES), vectors[5].ip);
		assert_int_equal(hash_of(&f, NDIS_HASH_TCP_IP6), -1);
	}
}

static void test_what_is_not_ip_has_no_hash(void **)
{
	struct frame f;

	make(&f, &vectors[0], TCP, 0, 0);
	f.ip[-1] = 6; // ARP
	assert_int_equal(hash_of(&f, ALL_TYPES), -1);
	f.ip[-1] = 0;
	f.ip[0] = 0x65;
	assert_int_equal(hash_of(&f, ALL_TYPES), -1);
	f.ip[0] = 0x44;
	assert_int_equal(hash_of(&f, ALL_TYPES), -1);
	make(&f, &vectors[5], TCP, 0, 0);
	f.ip[0] = 0x45;
	assert_int_equal(hash_of(&f, ALL_TYPES), -1);
}

static void test_truncated_frames_hash_what_is_there(void **)
{
	struct frame f;

	for (unsigned i = 0; i < N_VECTORS; i++) {
		for (unsigned tag = 0; tag <= 4; tag += 4) {
			uint32_t ip_end, ports_end;

			make(&f, &vectors[i], TCP, tag, 0);
			ip_end = (uint32_t)(f.l4 - f.bytes);
			ports_end = ip_end + 4;
			for (uint32_t len = f.len; len-- > 0;) {
				f.len = len;
				if (len < ip_end)
					assert_int_equal(hash_of(&f, ALL_TYPES), -1);
				else if (len < ports_end)
					assert_int_equal(hash_of(&f, ALL_TYPES), vectors[i].ip);
				else
					assert_int_equal(hash_of(&f, ALL_TYPES), vectors[i].tcp);
			}
		}
	}
	// Options that reach past the end.
	make(&f, &vectors[0], TCP, 0, 0);
	f.ip[0] = 0x4f;
	assert_int_equal(hash_of(&f, ALL_TYPES), vectors[0].ip);
}

// Bit by bit, as it is defined.
static uint32_t hash_slowly(const uint8_t *key, const uint8_t *input, unsigned n)
{
	uint32_t hash = 0;

	for (unsigned bit = 0; bit < n * 8; bit++) {
		uint64_t window = 0;

		for (unsigned i = 0; i < 5; i++)
			window = window << 8 | key[bit / 8 + i];
		if (input[bit / 8] & 0x80 >> bit % 8)
			hash ^= (uint32_t)(window >> (8 - bit % 8));
	}
	return hash;
}

static void test_any_key_and_frame_as_defined(void **)
{
	struct toeplitz *t = malloc(sizeof(*t));
	uint8_t key[NDIS_RSS_KEY_SIZE];
	uint32_t hash, seed = 1;

	assert_non_null(t);
	for (unsigned round = 0; round < 200; round++) {
		struct frame f;

		for (unsigned i = 0; i < sizeof(key); i++)
			key[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
		toeplitz_init(t, key);
		t->isa = toeplitz.isa;
		for (unsigned is6 = 0; is6 < 2; is6++) {
			const unsigned addresses = is6 ? 32 : 8;

			make(&f, &vectors[is6 ? 5 : 0], TCP, 0, 0);
			for (uint8_t *at = f.l4 - addresses; at < f.l4 + 4; at++)
				*at = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
			assert_true(toeplitz_frame(t, ALL_TYPES, f.bytes, f.len, &hash));
			assert_int_equal(hash, hash_slowly(key, f.l4 - addresses, addresses + 4));
			assert_true(toeplitz_frame(
				t, NDIS_HASH_IP4 | NDIS_HASH_IP6, f.bytes, f.len, &hash));
			assert_int_equal(hash, hash_slowly(key, f.l4 - addresses, addresses));
		}
	}
	free(t);
}

static enum toeplitz_isa isa;

static int set_up(void **)
{
	toeplitz_init(&toeplitz, ndis_rss_default_key);
	assert_true(isa <= toeplitz.isa);
	toeplitz.isa = isa;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_vectors),
		cmocka_unit_test(test_udp_hashes_as_tcp),
		cmocka_unit_test(test_other_protocols_hash_by_address),
		cmocka_unit_test(test_types_decide),
		cmocka_unit_test(test_one_tag_in_band_is_looked_through),
		cmocka_unit_test(test_ipv4_options_are_stepped_over),
		cmocka_unit_test(test_ipv4_fragments_hash_by_address),
		cmocka_unit_test(test_ipv6_extension_headers_hash_by_address),
		cmocka_unit_test(test_what_is_not_ip_has_no_hash),
		cmocka_unit_test(test_truncated_frames_hash_what_is_there),
		cmocka_unit_test(test_any_key_and_frame_as_defined),
	};

	int failed = 0;

	// By every way that this processor knows.
	toeplitz_init(&toeplitz, ndis_rss_default_key);
	for (enum toeplitz_isa best = toeplitz.isa; isa <= best; isa++)
		failed += cmocka_run_group_tests(tests, set_up, NULL);
	return failed;
}
