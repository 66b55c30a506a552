/* SPDX-License-Identifier: BSD-3-Clause */
// Cycles per record of a ring, in bursts of 32, each side for itself.
//
//	ring_bench [ROUNDS]
//
// "bare" leaves bodies alone, "copy" writes each and reads it out again; "copied ring" is what a
// guest on huge pages gets. With one thread the sides take turns, so that all is in this core's
// cache; with two, each record crosses from core to core and a figure is the slower side's.

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#include <hypervisor/vmbus/ring.h>

#define BURST      32
#define N_PAGES    128u // a direction, as Linux makes them
#define MAX_ROUNDS 101
#define BURSTS     2048u      // per round
#define CROSSING   (1u << 19) // records per round between threads
#define CHUNK      1024u

enum side { WRITE, READ };

static struct guest_mem mem;
static struct vmbus_ring writer, reader;
static uint8_t bytes[4096], sink[4096];

static void fail(const char *what)
{
	fprintf(stderr, "ring_bench: %s\n", what);
	exit(1);
}

static void make_ring(bool copied)
{
	uint64_t pfn[N_PAGES];
	struct gpadl list;

	// Every second page: too many pieces to map.
	for (uint32_t i = 0; i < N_PAGES; i++)
		pfn[i] = copied ? 2 * i : i;
	if (gpadl_init(&list, &mem, 1, 0, sizeof(pfn) / 8 * GUEST_PAGE_SIZE, pfn, N_PAGES) != 0)
		fail("no list");
	memset(list.page[0], 0, GUEST_PAGE_SIZE);
	if (vmbus_ring_map(&writer, &mem, &list, 0, N_PAGES) != 0 ||
		(copied && vmbus_ring_map(&reader, &mem, &list, 0, N_PAGES) != 0))
		fail("cannot map the ring");
	vmbus_ring_be_writer(&writer);
	// One mapping for both: some cores are slow to find the same line by another address.
	if (!copied)
		reader = writer;
	vmbus_ring_be_reader(&reader);
	vmbus_ring_mask(&reader);
	gpadl_fini(&list);
}

static void drop_ring(bool copied)
{
	vmbus_ring_unmap(&writer);
	if (copied)
		vmbus_ring_unmap(&reader);
}

// How many of a burst there was room for; `len` is constant where it is inlined.
static inline __attribute__((always_inline)) unsigned write_burst(uint32_t len, bool copy)
{
	unsigned n;

	for (n = 0; n < BURST; n++) {
		uint8_t *to = vmbus_ring_put(&writer, VMBUS_PACKET_IN_BAND, true, n, 0, len);

		if (to == NULL)
			break;
		if (copy)
			memcpy(to, bytes, len);
	}
	vmbus_ring_publish_write(&writer);
	return n;
}

static inline __attribute__((always_inline)) unsigned read_burst(uint32_t len, bool copy)
{
	struct vmbus_packet p;
	unsigned n;

	for (n = 0; n < BURST; n++) {
		if (vmbus_ring_peek(&reader, &p) != 1)
			break;
		if (p.len != len)
			fail("a record was not what was written");
		if (copy) {
			memcpy(sink, p.body, len);
			__asm__ volatile("" : : "r"(sink) : "memory");
		}
		vmbus_ring_take(&reader, &p);
	}
	vmbus_ring_publish_read(&reader);
	return n;
}

// Own functions, so that each is compiled for its length.
#define SIDES(name, len, copy) \
	static __attribute__((noinline)) unsigned write_##name(void) \
	{ \
		return write_burst(len, copy); \
	} \
	static __attribute__((noinline)) unsigned read_##name(void) \
	{ \
		return read_burst(len, copy); \
	}

// Descriptor and trailer are 24 bytes.
SIDES(80_bare, 56, false)
SIDES(80_copy, 56, true)
SIDES(1600_bare, 1576, false)
SIDES(1600_copy, 1576, true)

static const struct variant {
	const char *name;
	unsigned (*write)(void);
	unsigned (*read)(void);
} variants[] = {
	{"80 bare", write_80_bare, read_80_bare},
	{"80 copy", write_80_copy, read_80_copy},
	{"1600 bare", write_1600_bare, read_1600_bare},
	{"1600 copy", write_1600_copy, read_1600_copy},
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

static void one_thread(const struct variant *v, unsigned rounds)
{
	static double samples[2][MAX_ROUNDS * BURSTS];
	unsigned n = 0;

	for (unsigned r = 0; r < rounds; r++) {
		for (unsigned i = 0; i < BURSTS; i++, n++) {
			uint64_t start = __rdtsc(), middle;

			if (v->write() != BURST)
				fail("no room");
			middle = __rdtsc();
			if (v->read() != BURST)
				fail("records are missing");
			samples[WRITE][n] = (double)(middle - start) / BURST;
			samples[READ][n] = (double)(__rdtsc() - middle) / BURST;
		}
	}
	printf("  %8.1f %8.1f", median(samples[WRITE], n), median(samples[READ], n));
}

static void *write_all(void *arg)
{
	const struct variant *v = arg;

	for (uint32_t n = 0; n < CROSSING;) {
		unsigned done = v->write();

		n += done;
		if (done < BURST)
			sched_yield();
	}
	return NULL;
}

// Timed in chunks so short that few of them meet another program on a busy machine.
static void two_threads(const struct variant *v, unsigned rounds)
{
	static double samples[MAX_ROUNDS * (CROSSING / CHUNK)];
	unsigned n_samples = 0;

	for (unsigned r = 0; r < rounds; r++) {
		uint32_t n = 0, mark = 0;
		pthread_t thread;
		uint64_t start;

		if (pthread_create(&thread, NULL, write_all, (void *)v) != 0)
			fail("no thread");
		start = __rdtsc();
		while (n < CROSSING) {
			unsigned done = v->read();

			n += done;
			if (done == 0)
				sched_yield();
			if (n - mark >= CHUNK) {
				uint64_t now = __rdtsc();

				samples[n_samples++] = (double)(now - start) / (n - mark);
				start = now;
				mark = n;
			}
		}
		pthread_join(thread, NULL);
		while (v->read() != 0)
			;
	}
	printf("  %8.1f", median(samples, n_samples));
}

int main(int argc, char **argv)
{
	const uint64_t size = 2ull * N_PAGES * GUEST_PAGE_SIZE;
	unsigned rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 11;
	int fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: ring_bench [ROUNDS 1..%d]\n", MAX_ROUNDS);
		return 2;
	}
	if (fd < 0 || ftruncate(fd, size) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0 ||
		guest_mem_add(&mem, 0, size, fd, 0) != 0)
		fail("no memory");
	printf("cycles (TSC) per record, bursts of %d, ring of %u pages, median of %u rounds\n",
		BURST, N_PAGES, rounds);
	printf("%-12s %-12s  %8s %8s  %8s\n", "ring", "record", "write", "read", "crossing");
	for (int copied = 0; copied < 2; copied++) {
		for (unsigned i = 0; i < sizeof(variants) / sizeof(*variants); i++) {
			printf("%-12s %-12s", copied ? "copied" : "mapped", variants[i].name);
			make_ring(copied);
			one_thread(&variants[i], rounds);
			two_threads(&variants[i], rounds);
			drop_ring(copied);
			printf("\n");
			fflush(stdout);
		}
	}
	guest_mem_clear(&mem);
	return 0;
}
