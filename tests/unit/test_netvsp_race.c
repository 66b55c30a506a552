/* SPDX-License-Identifier: BSD-3-Clause */
// Threads around a NIC: the guest on its own processor rewrites what it can while its frames are
// looked at; others ask for the status and change the link. The guest's mapping is another, so
// that a thread sanitizer watches only what is ours.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <ndis_compat/oid.h>

#include "model_guest.h"

#define CHANNELS 3

static struct model_guest g;
static struct model_host h;
static _Atomic bool over;

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void *ask(void *)
{
	struct netvsp_status s;
	uint32_t n = 0;

	while (!atomic_load(&over)) {
		netvsp_get_status(h.vsp, &s);
		if (s.stage > NETVSP_FILTER)
			abort();
		netvsp_takes_large(h.vsp, n & 1);
		n++;
		netvsp_set_link(h.vsp, n & 1, 1000 * (n % 7));
		usleep(50);
	}
	return NULL;
}

// What it sends is whatever the memory holds; sometimes it is a frame.
static void *scribble(void *)
{
	uint64_t x = 88172645463325252ull;
	uint8_t frame[200] = {2, 0x15, 0x5d, 0, 0, 1};

	for (uint32_t i = 0; !atomic_load(&over); i++) {
		uint32_t c = i % CHANNELS;
		uint64_t where = next(&x), page;

		if (i % 8 == 0) {
			struct vmbus_ring *ring = &g.channel[c].out;
			uint32_t size = vmbus_record_size(8 + 24 * (where >> 8 & 3), 40);

			if (where & 1)
				model_send(
					&g, c, where >> 1 & 1, frame, 60 + (where & 63), NULL, 0);
			else if (vmbus_ring_room(ring, size) >= size)
				vmbus_ring_put(ring, where & 16 ? 9 : 6, true, i, size - 72, 40);
			vmbus_ring_publish_write(ring);
			memset(g.send_used, 0, g.n_send);
			g.n_tx = g.n_out = 0;
		}
		if (i % 64 == 0) {
			struct vmbus_packet p;

			while (vmbus_ring_peek(&g.channel[c].in, &p) > 0)
				vmbus_ring_take(&g.channel[c].in, &p);
			vmbus_ring_publish_read(&g.channel[c].in);
		}
		// Not the descriptors, most times: the channel would be at its end.
		page = where & 1 ? g.send.pfn[(where >> 8) % 16]
		                 : model_ring_page(&g, c, 1 + (where >> 8) % 16);
		((volatile uint8_t *)model_at(&g, page))[where >> 20 & 4095] = where >> 40;
	}
	return NULL;
}

static void look(struct model_host *, uint32_t, const struct netvsp_frame *f)
{
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < f->n_segs; i++)
		bytes += f->seg[i].iov_len;
	assert_int_equal(bytes, f->len);
	assert_true(f->len >= 14);
	assert_true(f->info.l4_offset < f->len);
}

static void run(void *(*other)(void *), double seconds)
{
	static const uint8_t frame[1000] = {2, 0x15, 0x5d, 0, 0, 1};
	const struct ndis_packet_info ip4 = {.flags = NDIS_INFO_IP4};
	double end = now() + seconds;
	pthread_t threads[2];
	bool sleep = false;

	atomic_store(&over, false);
	assert_int_equal(pthread_create(&threads[0], NULL, ask, NULL), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, other, NULL), 0);
	for (uint32_t i = 0; now() < end; i++) {
		model_host_run(&h);
		for (uint32_t q = 0; q < CHANNELS; q++)
			model_host_send(&h, q, frame, 60 + i % 900, &ip4);
		sleep = netvsp_arm(h.vsp) || sleep;
		netvsp_disarm(h.vsp);
	}
	atomic_store(&over, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

// §16: everything that the guest reaches changes between two looks
static void test_memory_changes_while_it_is_looked_at(void **)
{
	for (int round = 0; round < 8; round++) {
		const struct model_options o = {.n_channels = CHANNELS, .scatter = round & 1};

		model_pair(&g, &h, &o);
		h.take = look;
		run(scribble, 0.15);
		g.n_errors = 0;
		model_part(&g, &h);
	}
}

static void *exchange(void *)
{
	uint8_t frame[200] = {2, 0x15, 0x5d, 0, 0, 1};

	g.pump = NULL;
	for (uint32_t i = 0; !atomic_load(&over); i++) {
		// A fast machine sends more in a second than the model keeps in mind.
		for (int k = 0; k < 10 && g.n_tx + 10 < MODEL_TX; k++)
			model_send(&g, i % CHANNELS, k % 3, frame, 60 + i % 100, NULL, 0);
		model_publish(&g, i % CHANNELS);
		model_poll(&g);
		model_forget_frames(&g);
	}
	return NULL;
}

// An honest guest on another processor: its books stay in order
static void test_guest_in_another_thread(void **)
{
	const struct model_options o = {.n_channels = CHANNELS, .scatter = true};

	model_pair(&g, &h, &o);
	h.take = look;
	run(exchange, 1);
	g.pump = model_host_run;
	assert_true(model_drain(&g));
	assert_true(g.n_tx > 50);
	model_part(&g, &h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_changes_while_it_is_looked_at),
		cmocka_unit_test(test_guest_in_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
