/* SPDX-License-Identifier: BSD-3-Clause */
// The hash of one bit of the input is the 32 bits of the key from that bit on; all else is XOR.
// With the input's first bit as the lowest power of a polynomial over GF(2) and the key's first
// bit as the highest, the hash is a slice of their product: the processor multiplies carry-less.
#include "ndis_rss.h"

#include <assert.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

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

static inline uint32_t be16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t load32(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint64_t load64(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static enum toeplitz_isa best_isa(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") &&
		__builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("gfni"))
		return TOEPLITZ_WIDE;
	if (__builtin_cpu_supports("pclmul") && __builtin_cpu_supports("ssse3"))
		return TOEPLITZ_PRODUCT;
#endif
	return TOEPLITZ_PLAIN;
}

void toeplitz_init(struct toeplitz *t, const uint8_t key[NDIS_RSS_KEY_SIZE])
{
	// First those of even chunks, as the wide multiplication takes them.
	static const uint8_t chunks[4] = {0, 2, 1, 3};

	memcpy(t->key, key, sizeof(t->key));
	// 64 bits of input meet the key's next 95, of which the highest power is x^95: the hash is
	// what comes out from x^95 down to x^64.
	for (unsigned i = 0; i < 4; i++) {
		t->chunk[i].low = __builtin_bswap64(load64(key + chunks[i] * 8 + 4));
		t->chunk[i].high = __builtin_bswap32(load32(key + chunks[i] * 8));
	}
	// The ports begin at x^32 and meet 63.
	t->ports4 = __builtin_bswap64(load64(key + 8));
	t->ports6 = __builtin_bswap64(load64(key + 32));
	t->isa = best_isa();
}

// Of 4 bytes of the input.
static inline uint32_t hash_word(const uint8_t *key, uint32_t bytes)
{
	const uint64_t window = __builtin_bswap64(load64(key));
	uint32_t hash = 0;

	for (uint32_t bits = __builtin_bswap32(bytes); bits != 0; bits &= bits - 1)
		hash ^= (uint32_t)(window >> (1 + __builtin_ctz(bits)));
	return hash;
}

static uint32_t hash_plain(
	const struct toeplitz *t, const uint8_t *addresses, unsigned n, uint32_t ports)
{
	uint32_t hash = hash_word(t->key + n, ports);

	for (unsigned at = 0; at < n; at += 4)
		hash ^= hash_word(t->key + at, load32(addresses + at));
	return hash;
}

#if defined(__x86_64__)
#define PRODUCT __attribute__((target("pclmul,ssse3")))
#define WIDE    __attribute__((target("avx2,pclmul,vpclmulqdq,gfni")))

#define MIRROR 0x8040201008040201u // as a matrix

// The first bit of a byte is its highest: mirrors each.
PRODUCT static inline __m128i mirror(__m128i v)
{
	const __m128i nibbles = _mm_set_epi8(15, 7, 11, 3, 13, 5, 9, 1, 14, 6, 10, 2, 12, 4, 8, 0);
	const __m128i mask = _mm_set1_epi8(0x0f);
	__m128i low = _mm_shuffle_epi8(nibbles, _mm_and_si128(v, mask));
	__m128i high = _mm_shuffle_epi8(nibbles, _mm_and_si128(_mm_srli_epi16(v, 4), mask));

	return _mm_or_si128(_mm_slli_epi16(low, 4), high);
}

WIDE static inline __m128i mirror_wide(__m128i v)
{
	return _mm_gf2p8affine_epi64_epi8(v, _mm_set1_epi64x((int64_t)MIRROR), 0);
}

// Products with the keys' low halves and with their high ones are a lane apart.
#define SLICE(low, high) \
	((uint32_t)_mm_cvtsi128_si32(_mm_xor_si128(_mm_unpackhi_epi64(low, low), high)))

#define KEY(t, i) _mm_loadu_si128((const __m128i *)&(t)->chunk[i])

static inline __m128i load_ports(uint32_t ports)
{
	return _mm_cvtsi64_si128((int64_t)((uint64_t)ports << 32));
}

// The addresses of IPv4 and the ports.
static inline __m128i load4(const uint8_t *addresses, uint32_t ports)
{
	return _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)addresses), load_ports(ports));
}

PRODUCT static inline uint32_t multiply4(const struct toeplitz *t, __m128i input)
{
	const __m128i ports = _mm_loadl_epi64((const __m128i *)&t->ports4);
	__m128i low = _mm_xor_si128(_mm_clmulepi64_si128(input, KEY(t, 0), 0x00),
		_mm_clmulepi64_si128(input, ports, 0x01));

	return SLICE(low, _mm_clmulepi64_si128(input, KEY(t, 0), 0x10));
}

PRODUCT static uint32_t product4(const struct toeplitz *t, const uint8_t *addresses, uint32_t ports)
{
	return multiply4(t, mirror(load4(addresses, ports)));
}

WIDE static uint32_t wide4(const struct toeplitz *t, const uint8_t *addresses, uint32_t ports)
{
	return multiply4(t, mirror_wide(load4(addresses, ports)));
}

PRODUCT static uint32_t product6(const struct toeplitz *t, const uint8_t *addresses, uint32_t ports)
{
	__m128i low = _mm_clmulepi64_si128(
		mirror(load_ports(ports)), _mm_loadl_epi64((const __m128i *)&t->ports6), 0x00);
	__m128i high = _mm_setzero_si128();

	for (unsigned i = 0; i < 2; i++) {
		__m128i input = mirror(_mm_loadu_si128((const __m128i *)(addresses + i * 16)));

		low = _mm_xor_si128(low, _mm_clmulepi64_si128(input, KEY(t, i), 0x00));
		low = _mm_xor_si128(low, _mm_clmulepi64_si128(input, KEY(t, i + 2), 0x01));
		high = _mm_xor_si128(high, _mm_clmulepi64_si128(input, KEY(t, i), 0x10));
		high = _mm_xor_si128(high, _mm_clmulepi64_si128(input, KEY(t, i + 2), 0x11));
	}
	return SLICE(low, high);
}

WIDE static uint32_t wide6(const struct toeplitz *t, const uint8_t *addresses, uint32_t ports)
{
	const __m256i even = _mm256_loadu_si256((const __m256i *)&t->chunk[0]);
	const __m256i odd = _mm256_loadu_si256((const __m256i *)&t->chunk[2]);
	__m256i input =
		_mm256_gf2p8affine_epi64_epi8(_mm256_loadu_si256((const __m256i *)addresses),
			_mm256_set1_epi64x((int64_t)MIRROR), 0);
	__m256i low = _mm256_xor_si256(_mm256_clmulepi64_epi128(input, even, 0x00),
		_mm256_clmulepi64_epi128(input, odd, 0x01));
	__m256i high = _mm256_xor_si256(_mm256_clmulepi64_epi128(input, even, 0x10),
		_mm256_clmulepi64_epi128(input, odd, 0x11));
	__m128i low1 = _mm_clmulepi64_si128(
		mirror_wide(load_ports(ports)), _mm_loadl_epi64((const __m128i *)&t->ports6), 0x00);

	low1 = _mm_xor_si128(
		low1, _mm_xor_si128(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
	return SLICE(low1,
		_mm_xor_si128(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1)));
}

static inline uint32_t hash4(const struct toeplitz *t, const uint8_t *addresses, uint32_t ports)
{
	if (t->isa == TOEPLITZ_WIDE)
		return wide4(t, addresses, ports);
	if (t->isa == TOEPLITZ_PRODUCT)
		return product4(t, addresses, ports);
	return hash_plain(t, addresses, 8, ports);
}

static inline uint32_t hash6(const struct toeplitz *t, const uint8_t *addresses, uint32_t ports)
{
	if (t->isa == TOEPLITZ_WIDE)
		return wide6(t, addresses, ports);
	if (t->isa == TOEPLITZ_PRODUCT)
		return product6(t, addresses, ports);
	return hash_plain(t, addresses, 32, ports);
}
#else
static inline uint32_t hash4(const struct toeplitz *t, const uint8_t *addresses, uint32_t ports)
{
	return hash_plain(t, addresses, 8, ports);
}

static inline uint32_t hash6(const struct toeplitz *t, const uint8_t *addresses, uint32_t ports)
{
	return hash_plain(t, addresses, 32, ports);
}
#endif

// No ports are ports 0: a bit that is not set adds nothing.
static inline bool hash_ip4(
	const struct toeplitz *t, uint32_t types, const uint8_t *ip, uint32_t len, uint32_t *hash)
{
	uint32_t header, ports = 0;

	if (len < IP4_HEADER)
		return false;
	header = (ip[0] & 15u) * 4;
	if (ip[0] >> 4 != 4 || header < IP4_HEADER)
		return false;
	if (types & NDIS_HASH_TCP_IP4 && (ip[9] == TCP || ip[9] == UDP) &&
		!(be16(ip + 6) & IP4_FRAGMENT) && len >= header + PORTS)
		ports = load32(ip + header);
	else if (!(types & NDIS_HASH_IP4))
		return false;
	*hash = hash4(t, ip + IP4_ADDRESSES, ports);
	return true;
}

static inline bool hash_ip6(
	const struct toeplitz *t, uint32_t types, const uint8_t *ip, uint32_t len, uint32_t *hash)
{
	uint32_t ports = 0;

	if (len < IP6_HEADER || ip[0] >> 4 != 6)
		return false;
	if (types & NDIS_HASH_TCP_IP6 && (ip[6] == TCP || ip[6] == UDP) &&
		len >= IP6_HEADER + PORTS)
		ports = load32(ip + IP6_HEADER);
	else if (!(types & NDIS_HASH_IP6))
		return false;
	*hash = hash6(t, ip + IP6_ADDRESSES, ports);
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
