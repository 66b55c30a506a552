/* SPDX-License-Identifier: BSD-3-Clause */
// Which pages make a ring, and what a ring that lives already goes on with.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmbus_memory.h"

#define N_PAGES 1024

static struct guest_mem mem;
static struct gpadl list;
static struct vmbus_ring ring;

static int setup(void **)
{
	make_memory(&mem, N_PAGES);
	return 0;
}

static int teardown(void **)
{
	vmbus_ring_unmap(&ring);
	gpadl_fini(&list);
	guest_mem_clear(&mem);
	return 0;
}

static uint8_t *page(uint32_t n)
{
	return mem.region[0].host + n * (size_t)GUEST_PAGE_SIZE;
}

static void data_is_seen_twice_in_a_row(void **)
{
	// Pages 3, 2, 1, 0 as a guest may list them: the header is page 3.
	uint64_t pfn[] = {3, 2, 1, 0};

	assert_int_equal(gpadl_init(&list, &mem, 1, 0, 4 * GUEST_PAGE_SIZE, pfn, 4), 0);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 4), 0);
	assert_int_equal(ring.size, 3 * GUEST_PAGE_SIZE);
	assert_ptr_equal(ring.hdr, page(3));
	for (int i = 0; i < 3; i++)
		memset(page(2 - i), 'a' + i, GUEST_PAGE_SIZE);
	for (uint32_t i = 0; i < 2 * ring.size; i++)
		assert_int_equal(ring.data[i], 'a' + i / GUEST_PAGE_SIZE % 3);
	ring.data[ring.size + 5] = 'x';
	assert_int_equal(ring.data[5], 'x');
	assert_int_equal(page(2)[5], 'x');
}

static void pages_may_come_from_several_regions(void **)
{
	uint64_t pfn[] = {0, N_PAGES - 1, N_PAGES, N_PAGES + 1};
	int fd = sealed_memfd(16 * GUEST_PAGE_SIZE);

	// Next to the first, but from the middle of another file.
	assert_int_equal(guest_mem_add(&mem, N_PAGES * GUEST_PAGE_SIZE, 2 * GUEST_PAGE_SIZE, fd,
				 8 * GUEST_PAGE_SIZE),
		0);
	assert_int_equal(pwrite(fd, "eight", 5, 8 * GUEST_PAGE_SIZE), 5);
	assert_int_equal(pwrite(fd, "nine", 4, 9 * GUEST_PAGE_SIZE), 4);
	close(fd);
	memcpy(page(N_PAGES - 1), "last", 4);
	assert_int_equal(gpadl_init(&list, &mem, 1, 0, 4 * GUEST_PAGE_SIZE, pfn, 4), 0);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 4), 0);
	for (int i = 0; i < 2; i++) {
		assert_memory_equal(ring.data + i * ring.size, "last", 4);
		assert_memory_equal(ring.data + i * ring.size + GUEST_PAGE_SIZE, "eight", 5);
		assert_memory_equal(ring.data + i * ring.size + 2 * GUEST_PAGE_SIZE, "nine", 4);
	}
}

static void a_part_of_the_list_makes_a_ring(void **)
{
	make_gpadl(&list, &mem, 0, 8, 1);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 4, 4), 0);
	assert_ptr_equal(ring.hdr, page(4));
	memset(page(7), 7, 1);
	assert_int_equal(ring.data[2 * GUEST_PAGE_SIZE], 7);
}

static void too_few_pages_are_refused(void **)
{
	make_gpadl(&list, &mem, 0, 8, 1);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 0), -EINVAL);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 1), -EINVAL);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 9), -EINVAL);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 7, 2), -EINVAL);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 8, 2), -EINVAL);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, UINT32_MAX, 2), -EINVAL);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 2, UINT32_MAX), -EINVAL);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 6, 2), 0);
}

static void pages_not_whole_are_refused(void **)
{
	uint64_t pfn[] = {0, 1, 2, 3};

	assert_int_equal(gpadl_init(&list, &mem, 1, 8, 4 * GUEST_PAGE_SIZE - 8, pfn, 4), 0);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 4), -EINVAL);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 3), -EINVAL);
	gpadl_fini(&list);
	assert_int_equal(gpadl_init(&list, &mem, 1, 0, 4 * GUEST_PAGE_SIZE - 8, pfn, 4), 0);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 4), -EINVAL);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 3), 0);
}

static void scattered_pages_are_copied(void **)
{
	uint32_t n = 2 + VMBUS_RING_MAX_RUNS;

	make_gpadl(&list, &mem, 0, n, 2);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, n - 1), 0);
	assert_null(ring.pages);
	vmbus_ring_unmap(&ring);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, n), 0);
	assert_non_null(ring.pages);
	vmbus_ring_be_writer(&ring);
	memset(vmbus_ring_put(&ring, VMBUS_PACKET_IN_BAND, false, 1, 0, 8000), 7, 8000);
	assert_int_equal(*page(2), 0); // not before it must
	vmbus_ring_publish_write(&ring);
	assert_int_equal(*page(2), VMBUS_PACKET_IN_BAND);
	assert_int_equal(page(2)[16] + page(2)[4095] + page(4)[0] + page(4)[3919], 4 * 7);
	assert_int_equal(*page(3), 0);
}

static void copies_are_limited(void **)
{
	static struct vmbus_ring rings[VMBUS_RING_MAX_COPIES / VMBUS_RING_MAX_COPY + 1];
	uint32_t n = VMBUS_RING_MAX_COPY / GUEST_PAGE_SIZE + 1;
	uint32_t last = sizeof(rings) / sizeof(*rings) - 1;
	uint64_t *pfn = calloc(n + 1, sizeof(*pfn)); // all the same page

	assert_int_equal(gpadl_init(&list, &mem, 1, 0, (n + 1) * GUEST_PAGE_SIZE, pfn, n + 1), 0);
	free(pfn);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, n + 1), -E2BIG);
	for (uint32_t i = 0; i < last; i++)
		assert_int_equal(vmbus_ring_map(&rings[i], &mem, &list, 0, n), 0);
	assert_int_equal(vmbus_ring_map(&rings[last], &mem, &list, 0, n), -ENOMEM);
	vmbus_ring_unmap(&rings[3]);
	assert_int_equal(vmbus_ring_map(&rings[last], &mem, &list, 0, n), 0);
	for (uint32_t i = 0; i <= last; i++)
		vmbus_ring_unmap(&rings[i]);
}

static void rings_are_copied_when_areas_are_used_up(void **)
{
	static struct vmbus_ring rings[VMBUS_RING_MAX_AREAS / (2 * VMBUS_RING_MAX_RUNS) + 1];
	uint32_t n = 1 + VMBUS_RING_MAX_RUNS, last = sizeof(rings) / sizeof(*rings) - 1;

	make_gpadl(&list, &mem, 0, n, 2);
	for (uint32_t i = 0; i < last; i++)
		assert_int_equal(vmbus_ring_map(&rings[i], &mem, &list, 0, n), 0);
	assert_null(rings[last - 1].pages);
	assert_int_equal(vmbus_ring_map(&rings[last], &mem, &list, 0, n), 0);
	assert_non_null(rings[last].pages);
	vmbus_ring_unmap(&rings[3]);
	vmbus_ring_unmap(&rings[last]);
	assert_int_equal(vmbus_ring_map(&rings[last], &mem, &list, 0, n), 0);
	assert_null(rings[last].pages);
	for (uint32_t i = 0; i <= last; i++)
		vmbus_ring_unmap(&rings[i]);
}

static void parts_of_huge_pages_are_copied(void **)
{
	make_gpadl(&list, &mem, 0, 4, 1);
	mem.region[0].page_size = 2u << 20; // as of a file of huge pages
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 4), 0);
	assert_non_null(ring.pages);
}

static void bad_indices_are_refused(void **)
{
	static const uint32_t bad[] = {4, 3 * GUEST_PAGE_SIZE, UINT32_MAX};
	uint32_t *index = (uint32_t *)page(0);

	make_gpadl(&list, &mem, 0, 4, 1);
	for (int i = 0; i < 3; i++) {
		for (int which = 0; which < 2; which++) {
			index[which] = bad[i];
			assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 4), -EPROTO);
			index[which] = 0;
		}
	}
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 4), 0);
}

static void indices_are_taken_over(void **)
{
	struct vmbus_packet p = {};

	make_gpadl(&list, &mem, 0, 4, 1);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 4), 0);
	vmbus_ring_be_writer(&ring);
	for (int i = 0; i < 3; i++)
		assert_non_null(vmbus_ring_put(&ring, VMBUS_PACKET_IN_BAND, false, i, 0, 8));
	vmbus_ring_publish_write(&ring);
	vmbus_ring_unmap(&ring);

	// Another reader takes one, and dies.
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 4), 0);
	vmbus_ring_be_reader(&ring);
	assert_int_equal(vmbus_ring_peek(&ring, &p), 1);
	vmbus_ring_take(&ring, &p);
	vmbus_ring_publish_read(&ring);
	vmbus_ring_unmap(&ring);

	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 4), 0);
	vmbus_ring_be_reader(&ring);
	assert_int_equal(vmbus_ring_peek(&ring, &p), 1);
	assert_int_equal(p.transaction, 1);
	vmbus_ring_be_writer(&ring);
	assert_int_equal(ring.at, 96);
	assert_int_equal(vmbus_ring_room(&ring, ring.size), ring.size - 8 - 64);
}

static void index_that_turned_bad_counts_as_0(void **)
{
	make_gpadl(&list, &mem, 0, 4, 1);
	assert_int_equal(vmbus_ring_map(&ring, &mem, &list, 0, 4), 0);
	ring.hdr->read_index = 12345;
	ring.hdr->write_index = UINT32_MAX;
	vmbus_ring_be_reader(&ring);
	assert_int_equal(ring.at, 0);
	vmbus_ring_be_writer(&ring);
	assert_int_equal(ring.at, 0);
	assert_int_equal(vmbus_ring_room(&ring, ring.size), ring.size - 8);
}

#define rule(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(data_is_seen_twice_in_a_row),
		rule(pages_may_come_from_several_regions),
		rule(a_part_of_the_list_makes_a_ring),
		rule(too_few_pages_are_refused),
		rule(pages_not_whole_are_refused),
		rule(scattered_pages_are_copied),
		rule(copies_are_limited),
		rule(rings_are_copied_when_areas_are_used_up),
		rule(parts_of_huge_pages_are_copied),
		rule(bad_indices_are_refused),
		rule(indices_are_taken_over),
		rule(index_that_turned_bad_counts_as_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
