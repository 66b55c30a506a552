/* SPDX-License-Identifier: BSD-3-Clause */
// The rules of the ring, one test each, with both ends of it in this process.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmbus_memory.h"

#define N_DATA 2u // data pages

static struct guest_mem mem;
static struct gpadl list;
static struct vmbus_ring writer, reader;

static int setup(void **)
{
	make_memory(&mem, 64);
	make_gpadl(&list, &mem, 0, 1 + N_DATA, 1);
	assert_int_equal(vmbus_ring_map(&writer, &mem, &list, 0, 1 + N_DATA), 0);
	assert_int_equal(vmbus_ring_map(&reader, &mem, &list, 0, 1 + N_DATA), 0);
	vmbus_ring_be_writer(&writer);
	vmbus_ring_be_reader(&reader);
	return 0;
}

static int teardown(void **)
{
	vmbus_ring_unmap(&writer);
	vmbus_ring_unmap(&reader);
	gpadl_fini(&list);
	guest_mem_clear(&mem);
	return 0;
}

// One record of `len` bytes, filled with `fill`; published.
static void put(uint8_t fill, uint32_t len)
{
	uint8_t *to = vmbus_ring_put(&writer, VMBUS_PACKET_IN_BAND, true, fill, 0, len);

	assert_non_null(to);
	memset(to, fill, len);
	vmbus_ring_publish_write(&writer);
}

static void take(uint8_t fill, uint32_t len)
{
	struct vmbus_packet p = {};

	assert_int_equal(vmbus_ring_peek(&reader, &p), 1);
	assert_int_equal(p.type, VMBUS_PACKET_IN_BAND);
	assert_true(p.wants_completion);
	assert_int_equal(p.transaction, fill);
	assert_int_equal(p.header_len, 0);
	assert_int_equal(p.len, (len + 7) & ~7u);
	assert_int_equal(p.total, vmbus_record_size(0, len));
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(p.body[i], fill);
	vmbus_ring_take(&reader, &p);
	vmbus_ring_publish_read(&reader);
}

static void record_crosses(void **)
{
	struct vmbus_packet p = {};

	assert_int_equal(vmbus_ring_peek(&reader, &p), 0);
	put(1, 13);
	put(2, 1600);
	take(1, 13);
	take(2, 1600);
	assert_int_equal(vmbus_ring_peek(&reader, &p), 0);
	for (int i = 0; i < 1000; i++) {
		put(i, i * 7 % 3000);
		take(i, i * 7 % 3000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(record_crosses, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
