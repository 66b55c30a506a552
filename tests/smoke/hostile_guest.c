/* SPDX-License-Identifier: BSD-3-Clause */
// A guest and its hypervisor that mean harm, for vmnic_hostile.sh:
//
//	hostile_guest SOCKET PORT MODE SECONDS
//
// Comes up as a NIC like any other and then, by MODE:
//	floods      asks and asks: control messages as fast as the ring takes them, good and bad
//	keeps       takes what comes and never completes it
//	deaf        reads nothing any more
//	absurd      records and messages with sizes and places that cannot be, again and again
//	scribbles   a thread rewrites both rings, headers and all, while they are being worked on
//	storms      signals without an end
//	blocks      has the descriptor that interrupts it block its writer
//	reopens     closes its channel and opens it, again and again
//	returns     attaches and goes, again and again
// Comes back when it is thrown out. One line at the end says how often it asked for what, and
// was thrown out; 0 unless it could not even begin.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndis_compat/oid.h>

#include "hostile_nic.h"

enum { KICK_OFTEN = 64 };

static uint64_t any(void)
{
	static _Thread_local uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void floods(void)
{
	static uint8_t junk[512];
	const struct rndis_control ask[] = {
		{.type = RNDIS_MSG_QUERY, .request_id = 3, .oid = OID_GEN_SUPPORTED_LIST},
		{.type = RNDIS_MSG_QUERY, .request_id = 4, .oid = OID_GEN_STATISTICS},
		{.type = RNDIS_MSG_SET,
			.request_id = 5,
			.oid = 0xdeadbeef,
			.data = junk,
			.data_len = sizeof(junk)},
		{.type = RNDIS_MSG_KEEPALIVE, .request_id = 6},
	};
	struct nvsp_message bad = {.type = NVSP_SUBCHANNEL, .subchannel = {1, 63}};

	while (!over() && !t.failed) {
		for (unsigned i = 0; i < KICK_OFTEN; i++) {
			bad.type = i & 1 ? NVSP_SUBCHANNEL : (uint32_t)any();
			if (!(i & 7 ? put_control(&ask[i % 4]) : put_in_band(&bad)))
				break;
		}
		take();
		kick();
		listen_to(0);
	}
}

static void keeps(void)
{
	t.keeps = true;
	while (!over() && !t.failed) {
		take();
		usleep(100);
		listen_to(0);
	}
	t.keeps = false;
}

static void deaf(void)
{
	while (!over() && !t.failed)
		listen_to(100);
}

static void storms(void)
{
	while (!over() && !t.failed)
		for (int i = 0; i < 10000; i++)
			kick();
}

// A record as no guest writes it: any word of it may be anything.
static void put_absurd(void)
{
	static const uint32_t sizes[] = {0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0,
		65536, 4096, 0x10000000};
	const uint32_t n = sizeof(sizes) / sizeof(sizes[0]);
	uint8_t *page = guest_pages_at(&t.pages, t.scratch);
	struct direct d = {
		.head.n_ranges = any() % 3 ? 1 : sizes[any() % n],
		.range = {any() % 2 ? 512 : sizes[any() % n], any() % 2 ? 0 : sizes[any() % n]},
		.pfn = any() % 2 ? t.scratch >> GUEST_PAGE_SHIFT : any(),
	};
	struct nvsp_message m = {
		.type = NVSP_RNDIS_PACKET, .rndis = {any() % 3, any() % 200, sizes[any() % n]}};
	uint32_t at = t.out.at;

	for (unsigned i = 0; i < 16; i++)
		((uint32_t *)page)[i] = any() % 3 ? 44 : sizes[any() % n];
	((uint32_t *)page)[0] = any() % 9;
	if (any() % 2 ? put_direct(&d, any() % 2) : put_in_band(&m))
		t.transaction = any() % (1u << 20);
	// Now and then the descriptor itself.
	if (any() % 64 == 0 && t.out.at != at)
		((uint16_t *)(t.out.data + at))[any() % 4] = any();
}

static void absurd(void)
{
	while (!over() && !t.failed) {
		uint64_t errors = t.errors;

		for (int i = 0; i < 16; i++)
			put_absurd();
		take();
		kick();
		usleep(100);
		listen_to(0);
		if (t.errors != errors && !reopen())
			return;
	}
}

static void *scribble(void *)
{
	uint32_t *out = (uint32_t *)t.out.hdr, *in = (uint32_t *)t.in.hdr;
	const uint32_t words = RING_PAGES * GUEST_PAGE_SIZE / 4;

	while (!atomic_load(&t.stop)) {
		for (int i = 0; i < 64; i++)
			__atomic_store_n(&out[1024 + any() % (words - 1024)],
				any() % 4 ? any() % 64 : any(), __ATOMIC_RELAXED);
		if (any() % 16 == 0)
			__atomic_store_n(&out[any() % 4], any() % 131072 & ~7u, __ATOMIC_RELAXED);
		if (any() % 16 == 0)
			__atomic_store_n(&in[any() % 4], any() % 131072 & ~7u, __ATOMIC_RELAXED);
		if (any() % 256 == 0)
			usleep(100);
	}
	return NULL;
}

static void scribbles(void)
{
	while (!over() && !t.failed) {
		uint64_t until = now() + 20000000;
		pthread_t thread;

		atomic_store(&t.stop, false);
		if (pthread_create(&thread, NULL, scribble, NULL) != 0)
			return;
		while (now() < until) {
			kick();
			usleep(100);
			listen_to(0);
		}
		atomic_store(&t.stop, true);
		pthread_join(thread, NULL);
		if (!t.failed && !reopen())
			return;
	}
}

// Writers of a full eventfd that is not O_NONBLOCK wait for its reader; there is none.
static void blocks(void)
{
	const uint64_t full = UINT64_MAX - 1;
	const struct rndis_control ask = {
		.type = RNDIS_MSG_QUERY, .request_id = 3, .oid = OID_GEN_STATISTICS};

	while (!over() && !t.failed) {
		fcntl(t.call_fd, F_SETFL, O_NONBLOCK);
		if (write(t.call_fd, &full, sizeof(full)) < 0)
			errno = 0; // it is full already
		fcntl(t.call_fd, F_SETFL, 0);
		clear_flag();
		put_control(&ask);
		take();
		kick();
		usleep(100);
		listen_to(0);
	}
}

static void reopens(void)
{
	while (!over() && reopen())
		;
}

static void returns(void)
{
	t.failed = true; // at once
}

static const struct {
	const char *name;
	void (*harm)(void);
} modes[] = {
	{"floods", floods},
	{"keeps", keeps},
	{"deaf", deaf},
	{"absurd", absurd},
	{"scribbles", scribbles},
	{"storms", storms},
	{"blocks", blocks},
	{"reopens", reopens},
	{"returns", returns},
};

int main(int argc, char **argv)
{
	void (*harm)(void) = NULL;

	for (unsigned i = 0; argc == 5 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[3], modes[i].name) == 0)
			harm = modes[i].harm;
	if (harm == NULL || !make_memory()) {
		fprintf(stderr, "usage: hostile_guest SOCKET PORT MODE SECONDS\n");
		return 2;
	}
	t.end = now() + (uint64_t)(atof(argv[4]) * 1e9);
	while (!over()) {
		if (attach(argv[1], argv[2]))
			harm();
		else
			usleep(10000);
	}
	printf("%s: attached %lu times, thrown out %lu, channel errors %lu, received %lu, "
	       "asked %lu\n",
		argv[3], t.attached, t.thrown_out, t.errors, t.received, t.transaction);
	return t.attached > 0 ? 0 : 1;
}
