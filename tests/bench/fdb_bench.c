/* SPDX-License-Identifier: BSD-3-Clause */
// Cycles per key of the forwarding table, each instruction set, beside rte_hash in the same run.
//
//	fdb_bench [ROUNDS]
//
// Keys are looked up in random order in bursts, all of them hits unless the row says otherwise.
// A figure is the median over chunks of all rounds; the variants take turns within a round.

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

#include <vswitch/fdb.h>

#define BURST      64
#define MAX_ROUNDS 101
#define N_ISAS     3
#define LOOKUPS    (1u << 18) // per variant and round, at least one pass over the keys
#define CHUNK      (1u << 13) // per sample

static const char *const isas[N_ISAS] = {"avx512", "avx2", "plain"};

enum pattern { RANDOM, SEQUENTIAL, N_PATTERNS };
static const char *const pattern_names[] = {"random", "sequential"};

struct set {
	uint32_t n;
	uint64_t *keys;
	uint64_t *order; // the keys as they are looked up
	uint64_t *absent;
	const void **pointers; // into order
	struct fdb *fdb[N_ISAS];
	struct rte_hash *hash;
};

static uint64_t state = 88172645463325252u;

static uint64_t random_u64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1du;
}

static uint64_t make_key(enum pattern pattern, uint32_t i)
{
	uint64_t mac = 0x020000000000 + i;

	// Random ones carry their number, so that no two are equal.
	if (pattern == RANDOM)
		return fdb_key(0, (random_u64() & 0xfffff) << 28 | (uint64_t)i << 4 | 2);
	return fdb_key(0, __builtin_bswap64(mac) >> 16);
}

static void *need(void *p, const char *what)
{
	if (p)
		return p;
	fprintf(stderr, "fdb_bench: no memory for %s\n", what);
	exit(1);
}

static struct fdb *make_fdb(const struct set *s, const char *isa)
{
	struct fdb *fdb;
	uint16_t old;

	setenv("VSW_FDB_ISA", isa, 1);
	if (strcmp(fdb_isa(), isa) != 0)
		return NULL;
	fdb = need(fdb_create(300, 1u << 20), "the table");
	for (uint32_t i = 0; i < s->n; i++) {
		while (fdb_learn(fdb, s->keys[i], 0, i % 4095 + 1, 0, &old) == FDB_FULL)
			fdb_maintain(fdb, 0, NULL);
		if (fdb_wants_growth(fdb))
			fdb_maintain(fdb, 0, NULL);
	}
	return fdb;
}

static struct rte_hash *make_hash(const struct set *s)
{
	struct rte_hash_parameters params = {
		.name = "peer",
		.entries = s->n < 1024 ? 1024 : s->n + s->n / 8,
		.key_len = sizeof(uint64_t),
		.hash_func = rte_hash_crc,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
	};
	struct rte_hash *hash = need(rte_hash_create(&params), "rte_hash");

	for (uint32_t i = 0; i < s->n; i++) {
		if (rte_hash_add_key_data(hash, &s->keys[i], (void *)(uintptr_t)(i + 1)) != 0) {
			fprintf(stderr, "fdb_bench: rte_hash is full at %u\n", i);
			exit(1);
		}
	}
	return hash;
}

static void make_set(struct set *s, enum pattern pattern, uint32_t n)
{
	uint32_t total = n > BURST ? n : BURST;

	s->n = n;
	s->keys = need(calloc(n, sizeof(*s->keys)), "keys");
	s->order = need(calloc(total, sizeof(*s->order)), "keys");
	s->absent = need(calloc(total, sizeof(*s->absent)), "keys");
	s->pointers = need(calloc(total, sizeof(*s->pointers)), "keys");
	for (uint32_t i = 0; i < n; i++)
		s->keys[i] = make_key(pattern, i);
	for (uint32_t i = 0; i < total; i++)
		s->order[i] = s->keys[i % n];
	for (uint32_t i = total - 1; i > 0; i--) {
		uint32_t j = random_u64() % (i + 1);
		uint64_t key = s->order[i];

		s->order[i] = s->order[j];
		s->order[j] = key;
	}
	for (uint32_t i = 0; i < total; i++) {
		s->absent[i] = s->order[i] | 0xfffull << 48;
		s->pointers[i] = &s->order[i];
	}
	for (int i = 0; i < N_ISAS; i++)
		s->fdb[i] = make_fdb(s, isas[i]);
	s->hash = make_hash(s);
}

static void free_set(struct set *s)
{
	for (int i = 0; i < N_ISAS; i++)
		fdb_destroy(s->fdb[i]);
	rte_hash_free(s->hash);
	free(s->keys);
	free(s->order);
	free(s->absent);
	free(s->pointers);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

// Cycles per key, sampled in chunks so short that few of them meet an interrupt or another
// program on a busy machine.
struct samples {
	double *cycles;
	unsigned n;
};

static double median(const struct samples *s)
{
	qsort(s->cycles, s->n, sizeof(*s->cycles), compare);
	return s->cycles[s->n / 2];
}

static void expect(uint64_t found, uint64_t wanted, const char *what)
{
	if (found == wanted)
		return;
	fprintf(stderr, "fdb_bench: wrong answers from %s\n", what);
	exit(1);
}

static uint64_t fdb_burst(struct fdb *fdb, const uint64_t *keys, unsigned burst)
{
	uint64_t words[2 * FDB_BURST];

	fdb_lookup_bulk(fdb, keys, words, burst);
	return words[0] != 0;
}

// One turn: all keys unmeasured, so that the last one's turn does not count, then at least
// LOOKUPS.
static void time_fdb(struct samples *samples, struct fdb *fdb, const uint64_t *keys, uint32_t n,
	unsigned burst, bool hits)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < n; i += burst)
		fdb_burst(fdb, keys + i, burst);
	for (uint32_t done = 0; done < n || done < LOOKUPS; done += CHUNK) {
		uint64_t found = 0, start = __rdtsc();

		for (uint32_t i = 0; i < CHUNK; i += burst) {
			found += fdb_burst(fdb, keys + at, burst);
			at = at + burst < n ? at + burst : 0;
		}
		samples->cycles[samples->n++] = (double)(__rdtsc() - start) / CHUNK;
		expect(found, hits ? CHUNK / burst : 0, fdb_isa());
	}
}

static uint64_t hash_burst(const struct rte_hash *hash, const void **keys)
{
	void *data[BURST];
	uint64_t mask;

	rte_hash_lookup_bulk_data(hash, keys, BURST, &mask, data);
	return mask & 1;
}

static void time_hash(struct samples *samples, const struct set *s)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < s->n; i += BURST)
		hash_burst(s->hash, s->pointers + i);
	for (uint32_t done = 0; done < s->n || done < LOOKUPS; done += CHUNK) {
		uint64_t found = 0, start = __rdtsc();

		for (uint32_t i = 0; i < CHUNK; i += BURST) {
			found += hash_burst(s->hash, s->pointers + at);
			at = at + BURST < s->n ? at + BURST : 0;
		}
		samples->cycles[samples->n++] = (double)(__rdtsc() - start) / CHUNK;
		expect(found, CHUNK / BURST, "rte_hash");
	}
}

// The columns: each ISA in bursts of 64, then of 128, then misses, and rte_hash.
#define N_COLUMNS (3 * N_ISAS + 1)

static void run_set(const struct set *s, const char *pattern, unsigned rounds)
{
	uint32_t turn = (s->n > LOOKUPS ? s->n : LOOKUPS) / CHUNK;
	struct samples samples[N_COLUMNS] = {};
	struct fdb_stats stats;

	for (int i = 0; i < N_COLUMNS; i++)
		samples[i].cycles = need(calloc((size_t)rounds * turn, sizeof(double)), "samples");
	for (unsigned r = 0; r < rounds; r++) {
		for (int i = 0; i < N_ISAS; i++) {
			if (!s->fdb[i])
				continue;
			time_fdb(&samples[3 * i], s->fdb[i], s->order, s->n, 64, true);
			time_fdb(&samples[3 * i + 1], s->fdb[i], s->order, s->n, 128, true);
			time_fdb(&samples[3 * i + 2], s->fdb[i], s->absent, s->n, 64, false);
		}
		time_hash(&samples[3 * N_ISAS], s);
	}
	fdb_get_stats(s->fdb[N_ISAS - 1], &stats);
	printf("%9u %8u %-11s", s->n, stats.slots, pattern);
	for (int i = 0; i < N_COLUMNS; i++) {
		if (samples[i].n)
			printf(" %6.1f", median(&samples[i]));
		else
			printf(" %6s", "-");
		if (i % 3 == 2)
			printf("  ");
		free(samples[i].cycles);
	}
	printf("\n");
	fflush(stdout);
}

static void start_eal(const char *program)
{
	// Huge pages for the peer if there are enough, as our own table asks for them too.
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	char *with[] = {(char *)program, "--in-memory", "-m", "320", "--no-pci", "-l", NULL,
		"--no-telemetry", "--log-level=error"};
	char *without[] = {(char *)program, "--no-huge", "--no-shconf", "-m", "320", "--no-pci",
		"-l", NULL, "--no-telemetry", "--log-level=error"};
	char cpu[16];
	int pages = 0, r;

	if (f && fscanf(f, "%d", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	snprintf(cpu, sizeof(cpu), "%d", sched_getcpu());
	with[6] = cpu;
	without[7] = cpu;
	r = pages >= 200 ? rte_eal_init(9, with) : rte_eal_init(10, without);
	if (r < 0) {
		fprintf(stderr, "fdb_bench: EAL: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	printf("rte_hash on %s\n", pages >= 200 ? "2 MiB pages" : "4 KiB pages");
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = {256, 4096, 65536, 1u << 20};
	unsigned rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 15;

	if (rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: fdb_bench [ROUNDS 1..%d]\n", MAX_ROUNDS);
		return 2;
	}
	start_eal(argv[0]);
	printf("cycles (TSC) per key, median of %u rounds\n", rounds);
	printf("%30s", "");
	for (int i = 0; i < N_ISAS; i++)
		printf(" %-22s", isas[i]);
	printf("   rte_hash\n%9s %8s %-11s", "keys", "slots", "MACs");
	for (int i = 0; i < N_ISAS; i++)
		printf(" %6s %6s %6s  ", "b64", "b128", "miss");
	printf(" %6s\n", "b64");
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (int p = 0; p < N_PATTERNS; p++) {
			struct set set = {};

			make_set(&set, p, sizes[i]);
			run_set(&set, pattern_names[p], rounds);
			free_set(&set);
		}
	}
	return rte_eal_cleanup() < 0;
}
