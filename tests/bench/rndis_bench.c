/* SPDX-License-Identifier: BSD-3-Clause */
// Cycles per call of what each frame of a guest costs in RNDIS: reading a message's header,
// writing one, hashing a frame (beside rte_thash.h in the same run).
//
//	rndis_bench [ROUNDS]
//
// A figure is the median over chunks of all rounds; the rows take turns within a round.

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include <rte_thash.h>

#include <ndis_compat/ndis_rss.h>
#include <ndis_compat/rndis_packet.h>

#define N_MESSAGES 64u // of a row: one burst
#define CHUNK      64u // bursts per sample
#define MAX_ROUNDS 100001u
#define FRAME      1500u

static uint8_t messages[N_MESSAGES][RNDIS_PACKET_HEADER_MAX] __attribute__((aligned(64)));
static uint8_t frames[N_MESSAGES][128] __attribute__((aligned(64)));
static struct ndis_packet_info infos[N_MESSAGES];
static struct toeplitz toeplitz;
static uint32_t be_key[NDIS_RSS_KEY_SIZE / 4];
static volatile uint32_t sink;

static void run_parse(void)
{
	uint32_t offset, len, sum = 0;
	struct ndis_packet_info info;

	for (unsigned i = 0; i < N_MESSAGES; i++) {
		if (rndis_packet_parse(
			    messages[i], sizeof(messages[i]), 65536, &offset, &len, &info) < 0)
			abort();
		sum += offset + info.flags;
	}
	sink = sum;
}

static void run_parse_indicated(void)
{
	uint32_t offset, len, sum = 0;
	struct ndis_packet_info info;

	for (unsigned i = 0; i < N_MESSAGES; i++) {
		if (rndis_packet_parse_indicated(
			    messages[i], sizeof(messages[i]), 65536, &offset, &len, &info) < 0)
			abort();
		sum += offset + info.flags;
	}
	sink = sum;
}

static void run_build(void)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < N_MESSAGES; i++)
		sum += rndis_packet_build(messages[i], FRAME, &infos[i]);
	sink = sum;
}

static void run_build_request(void)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < N_MESSAGES; i++)
		sum += rndis_packet_build_request(messages[i], FRAME, &infos[i]);
	sink = sum;
}

#define ALL_TYPES (NDIS_HASH_IP4 | NDIS_HASH_TCP_IP4 | NDIS_HASH_IP6 | NDIS_HASH_TCP_IP6)

static void run_hash(void)
{
	uint32_t hash, sum = 0;

	for (unsigned i = 0; i < N_MESSAGES; i++) {
		if (!toeplitz_frame(&toeplitz, ALL_TYPES, frames[i], sizeof(frames[i]), &hash))
			abort();
		sum += hash;
	}
	sink = sum;
}

// The peer is told where everything is: only the hash itself.
static void run_rte_hash4(void)
{
	uint32_t tuple[3], sum = 0;

	for (unsigned i = 0; i < N_MESSAGES; i++) {
		memcpy(tuple, frames[i] + 26, sizeof(tuple));
		for (unsigned w = 0; w < 3; w++)
			tuple[w] = __builtin_bswap32(tuple[w]);
		sum += rte_softrss_be(tuple, 3, (const uint8_t *)be_key);
	}
	sink = sum;
}

static void run_rte_hash6(void)
{
	uint32_t tuple[9], sum = 0;

	for (unsigned i = 0; i < N_MESSAGES; i++) {
		memcpy(tuple, frames[i] + 22, sizeof(tuple));
		for (unsigned w = 0; w < 9; w++)
			tuple[w] = __builtin_bswap32(tuple[w]);
		sum += rte_softrss_be(tuple, 9, (const uint8_t *)be_key);
	}
	sink = sum;
}

#define CSUM4  (NDIS_INFO_IP4 | NDIS_INFO_CSUM_TCP)
#define LSO4   (NDIS_INFO_IP4 | NDIS_INFO_LSO)
#define GOOD   (NDIS_INFO_IP_GOOD | NDIS_INFO_TCP_GOOD)
#define TAGGED (NDIS_INFO_VLAN | NDIS_INFO_HASH)

static struct row {
	const char *name;
	void (*run)(void);
	uint32_t flags;
	bool to_guest, ip6;
	double *cycles;
} rows[] = {
	{"parse, no records", run_parse, 0, false, false, NULL},
	{"parse, checksum", run_parse, CSUM4, false, false, NULL},
	{"parse, LSO", run_parse, LSO4, false, false, NULL},
	{"parse, hash and checksum", run_parse, NDIS_INFO_HASH | CSUM4, false, false, NULL},
	{"parse, hash, VLAN and LSO", run_parse, TAGGED | LSO4, false, false, NULL},
	{"build, no records", run_build, 0, true, false, NULL},
	{"build, checksum", run_build, GOOD, true, false, NULL},
	{"build, checksum and hash", run_build, GOOD | NDIS_INFO_HASH, true, false, NULL},
	{"build, checksum, VLAN and hash", run_build, GOOD | TAGGED, true, false, NULL},
	{"build, RSC", run_build, GOOD | TAGGED | NDIS_INFO_RSC, true, false, NULL},
	{"guest: build, checksum", run_build_request, CSUM4, false, false, NULL},
	{"guest: parse, checksum", run_parse_indicated, GOOD, true, false, NULL},
	{"hash, TCP over IPv4", run_hash, 0, false, false, NULL},
	{"hash, TCP over IPv6", run_hash, 0, false, true, NULL},
	{"rte_softrss_be, IPv4", run_rte_hash4, 0, false, false, NULL},
	{"rte_softrss_be, IPv6", run_rte_hash6, 0, false, true, NULL},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void make_frame(uint8_t *frame, bool ip6)
{
	for (unsigned i = 0; i < sizeof(frames[0]); i++)
		frame[i] = (uint8_t)rand();
	frame[12] = ip6 ? 0x86 : 0x08;
	frame[13] = ip6 ? 0xdd : 0x00;
	frame[14] = ip6 ? 0x60 : 0x45;
	frame[ip6 ? 20 : 23] = 6;
	if (!ip6)
		frame[20] = frame[21] = 0;
}

static void prepare(const struct row *row)
{
	for (unsigned i = 0; i < N_MESSAGES; i++) {
		infos[i] = (struct ndis_packet_info){.flags = row->flags,
			.vlan_tci = (uint16_t)i,
			.mss = 1448,
			.l4_offset = 34,
			.rsc_id = 1,
			.hash = i * 0x9e3779b1};
		if (row->to_guest)
			rndis_packet_build(messages[i], FRAME, &infos[i]);
		else
			rndis_packet_build_request(messages[i], FRAME, &infos[i]);
		make_frame(frames[i], row->ip6);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	const unsigned rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 501;

	if (rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: rndis_bench [ROUNDS 1..%u]\n", MAX_ROUNDS);
		return 2;
	}
	toeplitz_init(&toeplitz, ndis_rss_default_key);
	rte_convert_rss_key(
		(const uint32_t *)(const void *)ndis_rss_default_key, be_key, NDIS_RSS_KEY_SIZE);
	for (unsigned i = 0; i < N_ROWS; i++) {
		rows[i].cycles = calloc(rounds, sizeof(double));
		if (rows[i].cycles == NULL)
			return 1;
	}
	for (unsigned r = 0; r < rounds; r++) {
		for (unsigned i = 0; i < N_ROWS; i++) {
			uint64_t start;

			prepare(&rows[i]);
			rows[i].run();
			start = __rdtsc();
			for (unsigned n = 0; n < CHUNK; n++)
				rows[i].run();
			rows[i].cycles[r] = (double)(__rdtsc() - start) / (CHUNK * N_MESSAGES);
		}
	}
	printf("cycles (TSC) per call, median of %u rounds\n", rounds);
	for (unsigned i = 0; i < N_ROWS; i++) {
		qsort(rows[i].cycles, rounds, sizeof(double), compare);
		printf("%-32s %6.1f\n", rows[i].name, rows[i].cycles[rounds / 2]);
		free(rows[i].cycles);
	}
	return 0;
}
