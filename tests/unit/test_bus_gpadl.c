/* SPDX-License-Identifier: BSD-3-Clause */
// guest-abi 8.4, 16: page lists from messages.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bus_fixture.h"

static uint32_t relid;

static int setup_met(void **state)
{
	setup(state);
	relid = meet(VMBUS_VERSION_5_3);
	return 0;
}

// A body message with n pages from page `first` on, and `extra` bytes behind them.
static void post_body(uint32_t id, uint32_t first, uint32_t n, size_t extra)
{
	uint8_t raw[VMBUS_MESSAGE_MAX] = {};
	struct vmbus_gpadl_body m = {.hdr.type = VMBUS_GPADL_BODY, .gpadl = id, .number = 77};

	memcpy(raw, &m, sizeof(m));
	for (uint32_t i = 0; i < n; i++) {
		uint64_t pfn = (first + i) % N_PAGES;

		memcpy(raw + sizeof(m) + 8 * i, &pfn, 8);
	}
	post(raw, sizeof(m) + 8 * n + extra);
}

static void list_in_one_message(void **)
{
	const struct gpadl *g;

	make_list(relid, 5, 3, 26);
	take_nothing();
	assert_string_equal(news(), "list5");
	g = vmbus_next_gpadl(nic, NULL);
	assert_int_equal(g->id, 5);
	assert_int_equal(g->n_pages, 26);
	for (uint32_t i = 0; i < 26; i++)
		assert_int_equal(g->pfn[i], 3 + i);
	assert_null(vmbus_next_gpadl(nic, g));
}

static void created_comes_after_the_last_page_only(void **)
{
	const uint32_t n = 26 + 28 + 28 + 1;
	const struct gpadl *g;

	post_gpadl(relid, 5, 0, n);
	post_body(5, 26, 28, 0);
	post_body(5, 54, 28, 0);
	take_nothing();
	assert_string_equal(news(), "");
	assert_null(vmbus_next_gpadl(nic, NULL));
	post_body(5, 82, 1, 0);
	assert_int_equal(take_created(relid, 5), 0);
	g = vmbus_next_gpadl(nic, NULL);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(g->pfn[i], i % N_PAGES);
}

static void largest_list_of_the_dpdk_driver_fits(void **)
{
	post_gpadl(relid, 5, 0, 7936);
	for (uint32_t at = 26; at < 7936; at += 28)
		post_body(5, at, 7936 - at < 28 ? 7936 - at : 28, 0);
	assert_int_equal(take_created(relid, 5), 0);
	post_gpadl(relid, 6, 0, GPADL_MAX_PAGES);
	for (uint32_t at = 26; at < GPADL_MAX_PAGES; at += 28)
		post_body(6, at, GPADL_MAX_PAGES - at < 28 ? GPADL_MAX_PAGES - at : 28, 0);
	assert_int_equal(take_created(relid, 6), 0);
}

static void bodies_of_several_lists_may_mingle(void **)
{
	post_gpadl(relid, 5, 0, 40);
	post_gpadl(relid, 6, 0, 30);
	post_body(6, 26, 4, 0);
	assert_int_equal(take_created(relid, 6), 0);
	post_body(5, 26, 14, 0);
	assert_int_equal(take_created(relid, 5), 0);
}

static void bytes_beyond_the_list_are_clamped(void **)
{
	struct gpadl_message m;

	fill_gpadl(&m, relid, 5, 0, 2);
	post(&m, sizeof(m));
	assert_int_equal(take_created(relid, 5), 0);
	assert_int_equal(vmbus_next_gpadl(nic, NULL)->n_pages, 2);
	post_gpadl(relid, 6, 0, 27);
	post_body(6, 26, 20, 3);
	assert_int_equal(take_created(relid, 6), 0);
	assert_int_equal(vmbus_next_gpadl(nic, vmbus_next_gpadl(nic, NULL))->n_pages, 27);
	// And the list is complete: no more bodies.
	post_body(6, 26, 1, 0);
	take_nothing();
}

static void header_without_pages_waits_for_bodies(void **)
{
	struct gpadl_message m;

	fill_gpadl(&m, relid, 5, 0, 2);
	post(&m, offsetof(struct gpadl_message, pfn));
	post_body(5, 0, 1, 0);
	take_nothing();
	post_body(5, 1, 1, 7);
	assert_int_equal(take_created(relid, 5), 0);
}

static void header_that_does_not_add_up_is_refused_with_an_answer(void **)
{
	// What is wrong with 4 pages of 4096 bytes each.
	static const struct {
		uint16_t buflen, count;
		uint32_t bytes, offset;
	} bad[] = {
		{40, 0, 16384, 0}, // no range
		{40, 2, 16384, 0}, // more than one
		{40, 65535, 16384, 0},
		{0, 1, 16384, 0},
		{7, 1, 16384, 0},
		{8, 1, 16384, 0}, // no pages
		{8, 1, 0, 0},
		{41, 1, 16384, 0}, // half a page number
		{65535, 1, 16384, 0},
		{65528, 1, 16384, 0}, // more pages than bytes
		{32, 1, 16384, 0},    // fewer
		{40, 1, 0, 0},
		{40, 1, 16384, 1},          // ends on a fifth page
		{40, 1, 16384, 4096},       // begins on the second
		{40, 1, 16384, UINT32_MAX}, // only in 32 bits does it add up
		{40, 1, UINT32_MAX, 16385},
		{16, 1, UINT32_MAX, 4095},
		{16, 1, UINT32_MAX, 2},
	};
	struct gpadl_message m;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fill_gpadl(&m, relid, 5, 0, 26);
		m.m.range_buflen = bad[i].buflen;
		m.m.range_count = bad[i].count;
		m.byte_count = bad[i].bytes;
		m.byte_offset = bad[i].offset;
		post(&m, sizeof(m));
		assert_int_equal(take_created(relid, 5), 0x8000ffff);
	}
	take_nothing();
	assert_string_equal(news(), "");
	// None of them is in the way of a good one.
	make_list(relid, 5, 0, 4);
}

static void page_that_is_not_memory_is_refused(void **)
{
	static const uint64_t bad[] = {N_PAGES, 1ull << 40, 1ull << 52, UINT64_MAX};
	struct gpadl_message m;
	size_t len;

	for (size_t i = 0; i < 4; i++) {
		len = fill_gpadl(&m, relid, 5, 0, 4);
		m.pfn[3] = bad[i];
		post(&m, len);
		assert_int_equal(take_created(relid, 5), 0x8000ffff);
	}
	assert_string_equal(news(), "");
}

static void list_that_the_device_refuses_is_refused(void **)
{
	gpadl_status = -ENOMEM;
	post_gpadl(relid, 5, 0, 4);
	assert_int_equal(take_created(relid, 5), 0x8000ffff);
	assert_null(vmbus_next_gpadl(nic, NULL));
	post_teardown(relid, 5);
	take_torndown(5);
	assert_string_equal(news(), "list5");
}

static void created_waits_for_a_device_that_says_so(void **)
{
	gpadl_status = -EINPROGRESS;
	post_gpadl(relid, 5, 0, 4);
	post_gpadl(relid, 6, 0, 4);
	post_gpadl(relid, 7, 0, 4);
	take_nothing();
	assert_string_equal(news(), "list5 list6 list7");
	post_teardown(relid, 6); // who cannot wait is told first
	assert_int_equal(take_created(relid, 6), 0);
	take_torndown(6);
	vmbus_gpadls_created_done(nic);
	assert_int_equal(take_created(relid, 5), 0);
	assert_int_equal(take_created(relid, 7), 0);
	vmbus_gpadls_created_done(nic);
	take_nothing();
	post_gpadl(relid, 8, 0, 4);
	post_plain(VMBUS_UNLOAD);
	take(VMBUS_UNLOAD_RESPONSE);
	take_nothing();
}

static void channel_that_was_not_offered_is_refused(void **)
{
	static const uint32_t bad[] = {0, 2, 2047, 2048, UINT32_MAX};

	for (size_t i = 0; i < 5; i++) {
		post_gpadl(bad[i], 5, 0, 4);
		assert_int_equal(take_created(bad[i], 5), 0x8000ffff);
	}
}

static void id_that_is_in_use_is_refused(void **)
{
	make_list(relid, 5, 0, 4);
	post_gpadl(relid, 5, 4, 4);
	assert_int_equal(take_created(relid, 5), 0x8000ffff);
	assert_int_equal(vmbus_next_gpadl(nic, NULL)->pfn[0], 0);
	post_gpadl(relid, 6, 0, 30);
	post_gpadl(relid, 6, 0, 30);
	assert_int_equal(take_created(relid, 6), 0x8000ffff);
	post_body(6, 26, 4, 0);
	assert_int_equal(take_created(relid, 6), 0);
}

static void body_of_no_list_is_counted(void **)
{
	uint64_t before = n_refused();

	post_body(5, 0, 4, 0);
	make_list(relid, 5, 0, 4);
	post_body(5, 0, 4, 0);
	post_gpadl(relid, 6, 0, 30);
	post_body(6, 0, 0, 7); // not one page number
	assert_int_equal(n_refused(), before + 3);
	take_nothing();
}

static void number_of_lists_is_capped(void **)
{
	uint32_t n = 0;

	for (;;) {
		post_gpadl(relid, n, 0, 1);
		if (take_created(relid, n) != 0)
			break;
		n++;
	}
	assert_int_equal(n, VMBUS_MAX_GPADLS);
	post_teardown(relid, 0);
	take_torndown(0);
	make_list(relid, n, 0, 1);
}

static void bytes_of_lists_are_capped(void **)
{
	const uint64_t each = (uint64_t)GPADL_MAX_PAGES * GUEST_PAGE_SIZE;
	uint32_t n = 0;

	for (;; n++) {
		post_gpadl(relid, n, 0, GPADL_MAX_PAGES);
		if (n_sent != n_read)
			break;
		for (uint32_t at = 26; at < GPADL_MAX_PAGES; at += 28)
			post_body(n, at, GPADL_MAX_PAGES - at < 28 ? GPADL_MAX_PAGES - at : 28, 0);
		assert_int_equal(take_created(relid, n), 0);
	}
	assert_int_equal(take_created(relid, n), 0x8000ffff);
	assert_int_equal(n, VMBUS_MAX_GPADL_BYTES / each);
}

static void half_built_lists_are_capped(void **)
{
	uint32_t n = 0;

	for (; n_sent == n_read; n++)
		post_gpadl(relid, n, 0, 30);
	assert_int_equal(take_created(relid, n - 1), 0x8000ffff);
	assert_in_range(n, 8, 64);
	post_body(0, 26, 4, 0);
	assert_int_equal(take_created(relid, 0), 0);
	post_gpadl(relid, n, 0, 30);
	take_nothing();
}

static void torndown_comes_when_the_device_has_let_go(void **)
{
	make_list(relid, 5, 0, 4);
	hold_answers = true;
	post_teardown(relid, 5);
	take_nothing();
	post_teardown(relid, 5); // one answer for both
	assert_null(vmbus_next_gpadl(nic, NULL));
	vmbus_gpadl_torndown_done(nic, 6);
	take_nothing();
	vmbus_gpadl_torndown_done(nic, 5);
	take_torndown(5);
	vmbus_gpadl_torndown_done(nic, 5);
	take_nothing();
	assert_string_equal(news(), "list5 forget5");
	make_list(relid, 5, 0, 4); // the id is free again
}

static void teardown_is_always_answered(void **)
{
	post_teardown(relid, 5); // never made
	take_torndown(5);
	post_teardown(99, 5); // no such channel
	take_torndown(5);
	post_gpadl(relid, 5, 0, 30);
	post_teardown(relid, 5); // half-built
	take_torndown(5);
	take_nothing();
	assert_string_equal(news(), "");
	post_body(5, 26, 4, 0);
	take_nothing();
}

static void id_is_not_free_before_torndown(void **)
{
	make_list(relid, 5, 0, 4);
	hold_answers = true;
	post_teardown(relid, 5);
	post_gpadl(relid, 5, 0, 4);
	assert_int_equal(take_created(relid, 5), 0x8000ffff);
	vmbus_gpadl_torndown_done(nic, 5);
	take_torndown(5);
}

static void lists_go_with_contact(void **)
{
	make_list(relid, 5, 0, 4);
	post_gpadl(relid, 6, 0, 30);
	news();
	contact_vp(VMBUS_VERSION_5_3, 0);
	assert_string_equal(news(), "forget5 released1");
	take(VMBUS_VERSION_RESPONSE);
	post_body(6, 26, 4, 0);
	take_nothing();
}

static void teardown_under_way_is_not_answered_after_contact(void **)
{
	make_list(relid, 5, 0, 4);
	hold_answers = true;
	post_teardown(relid, 5);
	contact_vp(VMBUS_VERSION_5_3, 0);
	take_nothing();
	vmbus_gpadl_torndown_done(nic, 5);
	take(VMBUS_VERSION_RESPONSE);
	take_nothing();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup_met, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(list_in_one_message),
		T(created_comes_after_the_last_page_only),
		T(largest_list_of_the_dpdk_driver_fits),
		T(bodies_of_several_lists_may_mingle),
		T(bytes_beyond_the_list_are_clamped),
		T(header_without_pages_waits_for_bodies),
		T(header_that_does_not_add_up_is_refused_with_an_answer),
		T(page_that_is_not_memory_is_refused),
		T(list_that_the_device_refuses_is_refused),
		T(created_waits_for_a_device_that_says_so),
		T(channel_that_was_not_offered_is_refused),
		T(id_that_is_in_use_is_refused),
		T(body_of_no_list_is_counted),
		T(number_of_lists_is_capped),
		T(bytes_of_lists_are_capped),
		T(half_built_lists_are_capped),
		T(torndown_comes_when_the_device_has_let_go),
		T(teardown_is_always_answered),
		T(id_is_not_free_before_torndown),
		T(lists_go_with_contact),
		T(teardown_under_way_is_not_answered_after_contact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
