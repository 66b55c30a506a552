/* SPDX-License-Identifier: BSD-3-Clause */
// What a reader of the console gets: all that is kept, in order, and word of what it missed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <hypervisor/host/console_keys.h>
#include <hypervisor/host/console_ring.h>

static struct console_ring ring;

static void put(const char *text)
{
	console_ring_put(&ring, (const uint8_t *)text, strlen(text));
}

static void put_numbers(unsigned from, unsigned to) // 8 bytes each
{
	char text[16];

	for (unsigned i = from; i < to; i++) {
		snprintf(text, sizeof(text), "%07u ", i);
		put(text);
	}
}

static size_t get(struct console_reader *r, char *buf, size_t size)
{
	size_t n = console_reader_get(r, &ring, (uint8_t *)buf, size - 1);

	buf[n] = '\0';
	console_reader_advance(r, n);
	return n;
}

static int setup(void **)
{
	memset(&ring, 0xee, sizeof(ring));
	console_ring_init(&ring);
	return 0;
}

static void a_reader_gets_all_in_order(void **)
{
	struct console_reader r;
	char buf[64];

	put("one ");
	console_reader_init(&r, &ring, false);
	put("two");
	get(&r, buf, sizeof(buf));
	assert_string_equal(buf, "one two");
	assert_int_equal(get(&r, buf, sizeof(buf)), 0);
	put("three");
	get(&r, buf, 4);
	assert_string_equal(buf, "thr");
	get(&r, buf, sizeof(buf));
	assert_string_equal(buf, "ee");
	assert_int_equal(r.left_out, 0);
}

static void who_comes_late_gets_what_is_kept(void **)
{
	struct console_reader r;
	static char buf[CONSOLE_KEPT + 1];

	put_numbers(0, 10000); // 80 000 bytes: 1 808 numbers are gone
	console_reader_init(&r, &ring, false);
	assert_int_equal(console_reader_behind(&r, &ring), CONSOLE_KEPT);
	assert_int_equal(get(&r, buf, sizeof(buf)), CONSOLE_KEPT);
	assert_memory_equal(buf, "0001808 0001809 ", 16);
	assert_string_equal(buf + CONSOLE_KEPT - 8, "0009999 ");
	assert_int_equal(r.left_out, 0);
	console_reader_init(&r, &ring, true);
	assert_int_equal(get(&r, buf, sizeof(buf)), 0);
}

static void who_is_slow_is_told_what_it_missed(void **)
{
	struct console_reader r;
	static char buf[CONSOLE_KEPT + 1];

	console_reader_init(&r, &ring, false);
	put_numbers(0, 8193); // one too many
	get(&r, buf, sizeof(buf));
	assert_string_equal(buf, "\r\n[hvhost: 32776 bytes left out here]\r\n");
	get(&r, buf, sizeof(buf));
	assert_memory_equal(buf, "0004097 ", 8);
	assert_string_equal(buf + strlen(buf) - 8, "0008192 ");
	assert_int_equal(r.left_out, 32776);
}

static void a_miss_during_the_mark_is_told_too(void **)
{
	struct console_reader r;
	static char buf[CONSOLE_KEPT + 1];

	console_reader_init(&r, &ring, false);
	put_numbers(0, 10000);
	assert_true(console_reader_get(&r, &ring, (uint8_t *)buf, 5) == 5); // not taken
	put_numbers(10000, 20000);
	get(&r, buf, 6);
	assert_string_equal(buf, "\r\n[hv");
	put_numbers(20000, 40000); // the mark has been begun: it is ended as it is
	get(&r, buf, sizeof(buf));
	assert_string_equal(buf, "host: 127232 bytes left out here]\r\n");
	get(&r, buf, sizeof(buf));
	assert_string_equal(buf, "\r\n[hvhost: 160000 bytes left out here]\r\n");
	get(&r, buf, sizeof(buf));
	assert_string_equal(buf + strlen(buf) - 8, "0039999 ");
	assert_int_equal(r.left_out, 127232 + 160000);
}

static void more_at_once_than_is_kept(void **)
{
	static uint8_t big[3 * CONSOLE_KEPT + 5];
	struct console_reader r;
	static char buf[CONSOLE_KEPT + 1];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 'y';
	console_reader_init(&r, &ring, false);
	put("before");
	console_ring_put(&ring, big, sizeof(big));
	get(&r, buf, sizeof(buf));
	assert_non_null(strstr(buf, "left out"));
	assert_int_equal(get(&r, buf, sizeof(buf)), CONSOLE_KEPT / 2);
	assert_int_equal(buf[CONSOLE_KEPT / 2 - 1], 'y');
	assert_int_equal(r.left_out + CONSOLE_KEPT / 2, 6 + sizeof(big));
}

// --- the terminal's keys ---------------------------------------------------------------------

static enum console_key type(struct console_keys *keys, const char *text, char *rest)
{
	size_t n = strlen(text);
	enum console_key key;

	memcpy(rest, text, n);
	key = console_keys_take(keys, (uint8_t *)rest, &n);
	rest[n] = '\0';
	return key;
}

static void ctrl_a_begins_a_command(void **)
{
	struct console_keys keys = {};
	char rest[64];

	assert_int_equal(type(&keys, "ls\r", rest), CONSOLE_KEY_NONE);
	assert_string_equal(rest, "ls\r");
	assert_int_equal(type(&keys, "ab\001xcd", rest), CONSOLE_KEY_CUT);
	assert_string_equal(rest, "abcd");
	assert_int_equal(type(&keys, "\001", rest), CONSOLE_KEY_NONE);
	assert_string_equal(rest, "");
	assert_int_equal(type(&keys, "pz", rest), CONSOLE_KEY_BUTTON);
	assert_string_equal(rest, "z");
	assert_int_equal(type(&keys, "\001a\001\001\001", rest), CONSOLE_KEY_NONE);
	assert_string_equal(rest, "\001\001");
	assert_int_equal(type(&keys, "?", rest), CONSOLE_KEY_HELP);
	assert_string_equal(rest, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_reader_gets_all_in_order, setup),
		cmocka_unit_test_setup(who_comes_late_gets_what_is_kept, setup),
		cmocka_unit_test_setup(who_is_slow_is_told_what_it_missed, setup),
		cmocka_unit_test_setup(a_miss_during_the_mark_is_told_too, setup),
		cmocka_unit_test_setup(more_at_once_than_is_kept, setup),
		cmocka_unit_test(ctrl_a_begins_a_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
