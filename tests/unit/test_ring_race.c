/* SPDX-License-Identifier: BSD-3-Clause */
// Any sequence of puts and takes equals a queue: in one thread against a model, and between two
// threads that sleep whenever the rules let them. A lost signal shows as a sleep without end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "vmbus_memory.h"

#define N_DATA    (VMBUS_RING_MAX_RUNS + 1)
#define SIZE      (N_DATA * GUEST_PAGE_SIZE)
#define STEPS     300000u
#define RECORDS   200000u
#define PATIENCE  10000 // ms; what a lost signal costs
#define MAX_QUEUE (SIZE / 24)

static struct guest_mem mem;
static struct gpadl list;
static struct vmbus_ring writer, reader;
static bool copied;

static int setup(void **)
{
	make_memory(&mem, 2 * (1 + N_DATA));
	make_gpadl(&list, &mem, 0, 1 + N_DATA, copied ? 2 : 1);
	assert_int_equal(vmbus_ring_map(&writer, &mem, &list, 0, 1 + N_DATA), 0);
	vmbus_ring_be_writer(&writer);
	// The same mapping, so that sanitizers see both sides touch the same bytes; but a copy is
	// each side's own.
	if (copied)
		assert_int_equal(vmbus_ring_map(&reader, &mem, &list, 0, 1 + N_DATA), 0);
	else
		reader = writer;
	vmbus_ring_be_reader(&reader);
	return 0;
}

static int teardown(void **)
{
	vmbus_ring_unmap(&writer);
	if (copied)
		vmbus_ring_unmap(&reader);
	gpadl_fini(&list);
	guest_mem_clear(&mem);
	return 0;
}

static uint32_t random_u32(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

// Sizes and bytes of record n, the same on both sides. Mostly small, some nearly a ring long.
static void shape(uint64_t n, uint32_t *header_len, uint32_t *len)
{
	uint64_t state = n * 0x9e3779b97f4a7c15u;
	uint32_t kind = random_u32(&state) % 16;

	*header_len = random_u32(&state) % 4 * 8;
	*len = random_u32(&state) % (kind == 0 ? SIZE - 8 - 24 - 24 : kind < 6 ? 1600 : 80);
}

static bool put(uint64_t n)
{
	uint32_t header_len, len;
	uint8_t *to;

	shape(n, &header_len, &len);
	to = vmbus_ring_put(&writer, VMBUS_PACKET_IN_BAND, n & 1, n, header_len, len);
	if (to == NULL)
		return false;
	for (uint32_t i = 0; i < header_len + len; i++)
		to[i] = n + i;
	return true;
}

static uint32_t record_size(uint64_t n)
{
	uint32_t header_len, len;

	shape(n, &header_len, &len);
	return vmbus_record_size(header_len, len);
}

// Whether p is record n and nothing else.
static bool is_record(const struct vmbus_packet *p, uint64_t n)
{
	uint32_t header_len, len;

	shape(n, &header_len, &len);
	if (p->transaction != n || p->wants_completion != (n & 1) || p->header_len != header_len ||
		p->len != ((len + 7) & ~7u) || p->total != vmbus_record_size(header_len, len) ||
		p->body != p->header + header_len)
		return false;
	for (uint32_t i = 0; i < header_len + len; i++) {
		if (p->header[i] != (uint8_t)(n + i))
			return false;
	}
	return true;
}

static void any_sequence_equals_a_queue(void **)
{
	uint64_t state = 42, n_put = 0, n_shown = 0, n_taken = 0, n_free = 0, full = 0, empty = 0;
	uint32_t used = 0; // as the writer must see it: all not yet given back

	for (uint32_t step = 0; step < STEPS; step++) {
		struct vmbus_packet p = {};

		switch (random_u32(&state) % 8) {
		case 0:
		case 1:
		case 2:
			// Strictly more must be free than is needed.
			if (SIZE - used > record_size(n_put)) {
				used += record_size(n_put);
				assert_true(put(n_put++));
			} else {
				assert_false(put(n_put));
				full++;
			}
			break;
		case 3: // published when it was empty: a signal
			assert_int_equal(vmbus_ring_publish_write(&writer),
				n_put > n_shown && n_free == n_shown);
			n_shown = n_put;
			break;
		case 4:
		case 5:
		case 6:
			// The reader may see only what was published; it looks at the index when
			// it has read all it knows of.
			if (vmbus_ring_peek(&reader, &p) == 1) {
				assert_true(n_taken < n_shown);
				assert_true(is_record(&p, n_taken));
				vmbus_ring_take(&reader, &p);
				n_taken++;
			} else {
				assert_int_equal(n_taken, n_shown);
				empty++;
			}
			break;
		default:
			assert_false(vmbus_ring_publish_read(&reader));
			for (; n_free < n_taken; n_free++)
				used -= record_size(n_free);
		}
		assert_true(n_put - n_taken <= MAX_QUEUE);
	}
	// Both ends must have been met, often.
	assert_true(full > STEPS / 100 && empty > STEPS / 100 && n_taken > STEPS / 10);
}

static struct side {
	int fd; // signalled by the other side
	uint64_t sleeps, wrong;
	bool lost;
} from_reader, from_writer;

static void signal_side(struct side *side)
{
	uint64_t one = 1;

	if (write(side->fd, &one, sizeof(one)) != sizeof(one))
		side->wrong++;
}

static bool sleep_for(struct side *side)
{
	struct pollfd p = {.fd = side->fd, .events = POLLIN};
	uint64_t n;

	side->sleeps++;
	if (poll(&p, 1, PATIENCE) != 1 || read(side->fd, &n, sizeof(n)) != sizeof(n))
		side->lost = true;
	return !side->lost;
}

static void publish_write(void)
{
	if (vmbus_ring_publish_write(&writer))
		signal_side(&from_writer);
}

static void *write_all(void *)
{
	uint64_t state = 1;

	for (uint64_t n = 0; n < RECORDS;) {
		for (uint32_t burst = random_u32(&state) % 40 + 1; burst > 0 && n < RECORDS;
			burst--) {
			if (put(n)) {
				n++;
				continue;
			}
			publish_write();
			vmbus_ring_want_room(&writer, record_size(n));
			if (vmbus_ring_room(&writer, record_size(n)) < record_size(n) &&
				!sleep_for(&from_reader))
				return NULL;
			vmbus_ring_want_room(&writer, 0);
		}
		publish_write();
	}
	return NULL;
}

static void *read_all(void *)
{
	uint64_t state = 2;

	vmbus_ring_mask(&reader);
	for (uint64_t n = 0; n < RECORDS;) {
		struct vmbus_packet p;
		int r = 0;

		for (uint32_t burst = random_u32(&state) % 40 + 1; burst > 0; burst--) {
			r = vmbus_ring_peek(&reader, &p);
			if (r != 1)
				break;
			from_writer.wrong += !is_record(&p, n++);
			vmbus_ring_take(&reader, &p);
		}
		if (vmbus_ring_publish_read(&reader))
			signal_side(&from_reader);
		if (r < 0) {
			from_writer.wrong++;
			return NULL;
		}
		if (r == 0 && n < RECORDS && vmbus_ring_unmask(&reader) && !sleep_for(&from_writer))
			return NULL;
		vmbus_ring_mask(&reader);
	}
	return NULL;
}

static void two_threads_that_sleep_lose_no_signal(void **)
{
	pthread_t threads[2];

	from_reader = (struct side){.fd = eventfd(0, EFD_CLOEXEC)};
	from_writer = (struct side){.fd = eventfd(0, EFD_CLOEXEC)};
	assert_int_equal(pthread_create(&threads[0], NULL, read_all, NULL), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, write_all, NULL), 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	printf("%u records; the reader slept %lu times, the writer %lu\n", RECORDS,
		from_writer.sleeps, from_reader.sleeps);
	assert_false(from_writer.lost);
	assert_false(from_reader.lost);
	assert_int_equal(from_writer.wrong + from_reader.wrong, 0);
	assert_int_equal(reader.at, writer.at);
	assert_true(from_writer.sleeps > 0 && from_reader.sleeps > 0);
	close(from_reader.fd);
	close(from_writer.fd);
}

static _Atomic bool stop;

// A guest that writes anywhere in its ring, header and all, while we work on it.
static void *scribble(void *)
{
	uint64_t state = 7;

	while (!stop) {
		uint32_t n = random_u32(&state), page = n % 4 == 0 ? 0 : n / 4 % (1 + N_DATA);
		uint64_t *words = (uint64_t *)list.page[page], value;

		// Indices and descriptors that are nearly right, and any bits.
		value = n & 64    ? random_u32(&state) % (2 * SIZE) & ~7u
		        : n & 128 ? 6 | 2 << 16 | (uint64_t)(random_u32(&state) % 40) << 32
		                  : (uint64_t)random_u32(&state) << 32 | random_u32(&state);
		__atomic_store_n(
			&words[page == 0 ? n / 1024 % 9 : n / 1024 % 512], value, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void guest_that_rewrites_its_ring_is_contained(void **)
{
	uint64_t taken = 0, refused = 0;
	pthread_t thread;

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
	skip(); // what it does is a race
#endif
#endif
	stop = false;
	assert_int_equal(pthread_create(&thread, NULL, scribble, NULL), 0);
	for (uint32_t i = 0; i < STEPS; i++) {
		struct vmbus_packet p = {};
		uint8_t *to;
		int r = vmbus_ring_peek(&reader, &p);

		if (r == 1) {
			// All that is said of it stays inside the ring, whatever its bytes are now.
			assert_true(p.header >= reader.data && p.total < SIZE && p.total >= 24);
			assert_int_equal(p.total, 24 + p.header_len + p.len);
			assert_true(p.body + p.len + 8 <= reader.data + 2 * SIZE);
			assert_ptr_equal(p.body, p.header + p.header_len);
			vmbus_ring_take(&reader, &p);
			vmbus_ring_publish_read(&reader);
			taken++;
		} else if (r < 0) {
			vmbus_ring_be_reader(&reader); // as if opened again
			refused++;
		}
		assert_true(vmbus_ring_index_is_good(&reader, reader.at));
		assert_true(vmbus_ring_room(&writer, SIZE) <= SIZE - 8);
		to = vmbus_ring_put(&writer, VMBUS_PACKET_IN_BAND, true, i, 0, i % 3000);
		if (to != NULL) {
			assert_true(to >= writer.data + 16);
			assert_true(to + i % 3000 + 8 <= writer.data + 2 * SIZE);
			memset(to, 0, i % 3000);
		}
		vmbus_ring_publish_write(&writer);
		assert_true(vmbus_ring_index_is_good(&writer, writer.at));
	}
	stop = true;
	pthread_join(thread, NULL);
	printf("%lu records taken, %lu times refused\n", taken, refused);
	assert_true(taken > 0 && refused > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_sequence_equals_a_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(
			two_threads_that_sleep_lose_no_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(
			guest_that_rewrites_its_ring_is_contained, setup, teardown),
	};

	int failed = cmocka_run_group_tests_name("mapped", tests, NULL, NULL);

	copied = true;
	return failed + cmocka_run_group_tests_name("copied", tests, NULL, NULL);
}
