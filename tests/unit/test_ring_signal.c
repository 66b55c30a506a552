/* SPDX-License-Identifier: BSD-3-Clause */
// Two threads that act at the same instant: one gives, the other goes to sleep. Either the giver
// signals or the sleeper has seen what was given; without the fences neither does, once in some
// thousand times.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "vmbus_memory.h"

#define N_DATA 2u
#define ROUNDS 100000u

static struct guest_mem mem;
static struct gpadl list;
static struct vmbus_ring writer, reader;

static _Alignas(64) _Atomic uint32_t arrived;
static _Alignas(64) _Atomic uint32_t wrong, signals, seen;
static _Alignas(64) _Atomic bool signalled;

static int setup(void **)
{
	make_memory(&mem, 1 + N_DATA);
	make_gpadl(&list, &mem, 0, 1 + N_DATA, 1);
	assert_int_equal(vmbus_ring_map(&writer, &mem, &list, 0, 1 + N_DATA), 0);
	vmbus_ring_be_writer(&writer);
	reader = writer;
	vmbus_ring_be_reader(&reader);
	arrived = wrong = signals = seen = 0;
	return 0;
}

static int teardown(void **)
{
	vmbus_ring_unmap(&writer);
	gpadl_fini(&list);
	guest_mem_clear(&mem);
	return 0;
}

// Both threads go on as nearly at once as can be; each round meets twice.
static void meet(uint32_t n)
{
	uint32_t spins = 0;

	atomic_fetch_add(&arrived, 1);
	while (atomic_load(&arrived) < 2 * n) {
		if (++spins % 1024 == 0)
			sched_yield();
	}
}

static void judge(bool saw)
{
	signals += signalled;
	seen += saw;
	wrong += !signalled && !saw;
}

static void *publish_records(void *)
{
	for (uint32_t n = 0; n < ROUNDS; n++) {
		vmbus_ring_put(&writer, VMBUS_PACKET_IN_BAND, false, n, 0, 8);
		meet(2 * n + 1);
		signalled = vmbus_ring_publish_write(&writer);
		meet(2 * n + 2);
	}
	return NULL;
}

static void fall_asleep(void)
{
	struct vmbus_packet p = {};

	for (uint32_t n = 0; n < ROUNDS; n++) {
		bool empty;

		vmbus_ring_mask(&reader);
		meet(2 * n + 1);
		empty = vmbus_ring_unmask(&reader);
		meet(2 * n + 2);
		judge(!empty);
		while (vmbus_ring_peek(&reader, &p) == 1)
			vmbus_ring_take(&reader, &p);
		vmbus_ring_publish_read(&reader);
	}
}

static void reader_that_falls_asleep_is_woken_or_sees(void **)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, publish_records, NULL), 0);
	fall_asleep();
	pthread_join(thread, NULL);
	printf("%u signals, %u seen, of %u\n", signals, seen, ROUNDS);
	assert_int_equal(wrong, 0);
}

#define HALF (N_DATA * GUEST_PAGE_SIZE / 2)

static void *give_room(void *)
{
	struct vmbus_packet p = {};

	for (uint32_t n = 0; n < ROUNDS; n++) {
		meet(2 * n + 1);
		if (vmbus_ring_peek(&reader, &p) == 1)
			vmbus_ring_take(&reader, &p);
		signalled = vmbus_ring_publish_read(&reader);
		meet(2 * n + 2);
	}
	return NULL;
}

static void wait_for_room(void)
{
	for (uint32_t n = 0; n < ROUNDS; n++) {
		bool room;

		// Full but for less than half; the reader gives the half back.
		vmbus_ring_want_room(&writer, 0);
		if (vmbus_ring_put(&writer, VMBUS_PACKET_IN_BAND, false, n, 0, HALF) == NULL)
			wrong++;
		vmbus_ring_publish_write(&writer);
		meet(2 * n + 1);
		vmbus_ring_want_room(&writer, HALF);
		room = vmbus_ring_room(&writer, HALF) >= HALF;
		meet(2 * n + 2);
		judge(room);
	}
}

static void writer_that_waits_for_room_is_woken_or_sees(void **)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, give_room, NULL), 0);
	wait_for_room();
	pthread_join(thread, NULL);
	printf("%u signals, %u seen, of %u\n", signals, seen, ROUNDS);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			reader_that_falls_asleep_is_woken_or_sees, setup, teardown),
		cmocka_unit_test_setup_teardown(
			writer_that_waits_for_room_is_woken_or_sees, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
