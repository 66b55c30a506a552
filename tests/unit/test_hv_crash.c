/* SPDX-License-Identifier: BSD-3-Clause */
// What a guest says when it panics becomes a few printable lines, whatever it says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include <hypervisor/hyperv/crash.h>

#include "vmbus_memory.h"

#define PAGES 4
#define BOTH  (HV_CRASH_NOTIFY | HV_CRASH_NOTIFY_TEXT)

static struct guest_mem mem;
static char text[HV_CRASH_TEXT_MAX];

static int setup(void **)
{
	make_memory(&mem, PAGES);
	memset(text, 'x', sizeof(text));
	return 0;
}

static int teardown(void **)
{
	guest_mem_clear(&mem);
	return 0;
}

static void put(uint64_t gpa, const char *bytes, size_t len)
{
	memcpy(guest_mem_at(&mem, gpa, len), bytes, len);
}

static void tell(uint64_t gpa, uint64_t len)
{
	const uint64_t param[5] = {0, 0, 0, gpa, len};

	hv_crash_text(&mem, param, BOTH, text, sizeof(text));
}

static void text_is_at_p3_as_long_as_p4(void **)
{
	put(4096, "<0>[ 1.2] Kernel panic\n<0>[ 1.3] end\nleft over", 46);
	tell(4096, 37);
	assert_string_equal(text, "<0>[ 1.2] Kernel panic\n<0>[ 1.3] end");
}

static void text_ends_at_its_nul(void **)
{
	put(4096, "panic\0behind", 12);
	tell(4096, 12);
	assert_string_equal(text, "panic");
}

static void without_the_flag_there_is_no_text(void **)
{
	const uint64_t param[5] = {0xe, 0x8100060100000000, 0xffffffff81000000, 4096, 5};

	put(4096, "panic", 5);
	hv_crash_text(&mem, param, HV_CRASH_NOTIFY, text, sizeof(text));
	assert_string_equal(
		text, "P0 0xe P1 0x8100060100000000 P2 0xffffffff81000000 P3 0x1000 P4 0x5");
}

static void terminals_obey_no_guest(void **)
{
	put(0, "a\x1b[2Jb\r\n\tc\x7f\x80\xff", 13);
	tell(0, 13);
	assert_string_equal(text, "a?[2Jb\n c???");
}

static void text_outside_of_memory_is_none(void **)
{
	static const struct {
		uint64_t gpa, len;
	} bad[] = {{PAGES * 4096, 10}, {1ull << 40, 10}, {UINT64_MAX, 10}, {UINT64_MAX - 4, 10},
		{0, 0}, {UINT64_MAX, UINT64_MAX}};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tell(bad[i].gpa, bad[i].len);
		assert_memory_equal(text, "P0 0 ", 5);
	}
}

static void text_that_leaves_memory_is_cut_there(void **)
{
	memset(guest_mem_at(&mem, 0, PAGES * 4096), 'y', PAGES * 4096);
	tell(PAGES * 4096 - 10, 4096);
	assert_string_equal(text, "yyyyyyyyyy");
}

static void length_is_bounded(void **)
{
	memset(guest_mem_at(&mem, 0, PAGES * 4096), 'y', PAGES * 4096);
	tell(100, UINT64_MAX);
	assert_int_equal(strlen(text), HV_CRASH_TEXT_MAX - 1);
}

static void small_buffer_is_kept_to(void **)
{
	const uint64_t param[5] = {0, 0, 0, 4096, 5};
	char small[5] = {0, 0, 0, 0, 'z'};

	put(4096, "panic", 5);
	hv_crash_text(&mem, param, BOTH, small, 4);
	assert_memory_equal(small, "pan\0z", 5);
	hv_crash_text(&mem, param, 0, small, 4);
	assert_memory_equal(small, "P0 \0z", 5);
	hv_crash_text(&mem, param, BOTH, small, 0);
	assert_memory_equal(small, "P0 \0z", 5);
}

static void any_bytes_become_printable(void **)
{
	for (unsigned i = 0; i < 256; i++)
		*guest_mem_at(&mem, i, 1) = i + 1;
	tell(0, 256);
	assert_true(strlen(text) > 100);
	for (const char *c = text; *c != '\0'; c++)
		assert_true(isprint(*c) || *c == '\n');
}

#define rule(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(text_is_at_p3_as_long_as_p4),
		rule(text_ends_at_its_nul),
		rule(without_the_flag_there_is_no_text),
		rule(terminals_obey_no_guest),
		rule(text_outside_of_memory_is_none),
		rule(text_that_leaves_memory_is_cut_there),
		rule(length_is_bounded),
		rule(small_buffer_is_kept_to),
		rule(any_bytes_become_printable),
	};

	return cmocka_run_group_tests_name("hv_crash", tests, NULL, NULL);
}
