/* SPDX-License-Identifier: BSD-3-Clause */
// What a guest's 8250 driver asks of a 16550A.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <hypervisor/machine/serial.h>

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH };

struct line {
	struct serial *serial;
	bool level;
	unsigned edges, rooms;
	char out[256];
	size_t n;
};

static void on_interrupt(void *arg, bool level)
{
	struct line *l = arg;

	assert_int_not_equal(level, l->level); // only changes are told
	l->level = level;
	l->edges += level;
}

static void on_output(void *arg, const uint8_t *data, size_t len)
{
	struct line *l = arg;

	assert_true(l->n + len < sizeof(l->out));
	memcpy(l->out + l->n, data, len);
	l->n += len;
}

static void on_room(void *arg)
{
	struct line *l = arg;

	l->rooms++;
}

static const struct serial_ops ops = {on_interrupt, on_output, on_room};

static uint8_t get(struct line *l, unsigned reg)
{
	uint8_t value = 0x5a;

	serial_access(l->serial, reg, false, &value);
	return value;
}

static void put(struct line *l, unsigned reg, uint8_t value)
{
	serial_access(l->serial, reg, true, &value);
}

static size_t type(struct line *l, const char *text)
{
	return serial_input(l->serial, (const uint8_t *)text, strlen(text));
}

static int begin(void **state)
{
	static struct line line;

	line = (struct line){};
	line.serial = serial_create(&ops, &line);
	*state = &line;
	return line.serial == NULL;
}

static int end(void **state)
{
	struct line *l = *state;

	serial_destroy(l->serial);
	return 0;
}

static void linux_finds_a_16550a(void **state)
{
	struct line *l = *state;
	uint8_t mcr;

	// Four bits of IER can be set, and are kept.
	put(l, IER, 0);
	assert_int_equal(get(l, IER) & 0x0f, 0);
	put(l, IER, 0x0f);
	assert_int_equal(get(l, IER), 0x0f);
	put(l, IER, 0xff);
	assert_int_equal(get(l, IER), 0x0f);
	put(l, IER, 0);
	// RTS and OUT2 looped back are CTS and DCD.
	mcr = get(l, MCR);
	put(l, MCR, 0x1a);
	assert_int_equal(get(l, MSR) & 0xf0, 0x90);
	put(l, MCR, mcr);
	assert_int_equal(get(l, MSR) & 0xf0, 0xb0);
	put(l, IIR, 1);
	assert_int_equal(get(l, IIR) >> 6, 3);
	// Neither an EFR, nor the 64 byte FIFO of a 16750.
	put(l, LCR, 0xbf);
	assert_int_not_equal(get(l, IIR), 0);
	put(l, LCR, 0x80);
	assert_int_not_equal(get(l, IIR), 0);
	put(l, IIR, 0x21);
	assert_int_equal(get(l, IIR) >> 5, 6);
	put(l, LCR, 0);
	put(l, SCRATCH, 0xa5);
	assert_int_equal(get(l, SCRATCH), 0xa5);
	put(l, IIR, 0);
	assert_int_equal(get(l, IIR) >> 6, 0);
}

static void the_divisor_is_behind_dlab(void **state)
{
	struct line *l = *state;

	put(l, LCR, 0x83);
	put(l, DATA, 0x34);
	put(l, IER, 0x12);
	assert_int_equal(get(l, DATA), 0x34);
	assert_int_equal(get(l, IER), 0x12);
	put(l, LCR, 0x03);
	assert_int_equal(get(l, IER), 0);
	assert_int_equal(l->n, 0);
	assert_int_equal(get(l, LCR), 0x03);
}

static void what_is_written_leaves_at_once_and_in_order(void **state)
{
	struct line *l = *state;

	for (const char *c = "hello"; *c != '\0'; c++) {
		assert_int_equal(get(l, LSR) & 0x60, 0x60);
		put(l, DATA, *c);
	}
	assert_string_equal(l->out, "hello");
	assert_false(l->level);
}

static void each_fifo_full_makes_a_new_edge(void **state)
{
	struct line *l = *state;

	put(l, IIR, 1);
	put(l, IER, 2);
	assert_true(l->level);
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(l->edges, i);
		assert_int_equal(get(l, IIR), 0xc2);
		assert_false(l->level); // seen
		for (int n = 0; n < 16; n++)
			put(l, DATA, 'x');
		assert_true(l->level);
	}
	put(l, IER, 0);
	assert_false(l->level);
}

static void enabling_thre_asks_again(void **state)
{
	struct line *l = *state;

	// The driver's test for chips that forget.
	put(l, IER, 2);
	assert_int_equal(get(l, IIR), 2);
	assert_int_equal(get(l, IIR), 1);
	put(l, IER, 0);
	put(l, IER, 2);
	assert_int_equal(get(l, IIR), 2);
	// It has been on: nothing new.
	put(l, IER, 2);
	assert_int_equal(get(l, IIR), 1);
}

static void few_bytes_are_told_by_timeout_many_by_level(void **state)
{
	struct line *l = *state;

	put(l, IIR, 0x81); // trigger at 8
	put(l, IER, 1);
	assert_int_equal(type(l, "abc"), 3);
	assert_true(l->level);
	assert_int_equal(get(l, IIR), 0xcc);
	assert_int_equal(type(l, "defgh"), 5);
	assert_int_equal(get(l, IIR), 0xc4);
	for (const char *c = "abcdefgh"; *c != '\0'; c++) {
		assert_true(l->level);
		assert_int_equal(get(l, LSR), 0x61);
		assert_int_equal(get(l, DATA), *c);
	}
	assert_false(l->level);
	assert_int_equal(get(l, LSR), 0x60);
	assert_int_equal(get(l, IIR), 0xc1);
}

static void room_is_told_once_to_those_who_were_refused(void **state)
{
	struct line *l = *state;

	assert_int_equal(type(l, "ab"), 1); // no FIFO yet
	assert_int_equal(l->rooms, 0);
	assert_int_equal(get(l, DATA), 'a');
	assert_int_equal(l->rooms, 1);
	put(l, IIR, 1);
	assert_int_equal(type(l, "0123456789abcdefgh"), 16);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(l->rooms, 1);
		get(l, DATA);
	}
	assert_int_equal(l->rooms, 2);
	assert_int_equal(type(l, "x"), 1);
	get(l, DATA);
	assert_int_equal(l->rooms, 2);
	// Emptied by the guest, or by a reset.
	assert_int_equal(type(l, "0123456789abcdefgh"), 16);
	put(l, IIR, 3);
	assert_int_equal(l->rooms, 3);
	assert_int_equal(get(l, LSR), 0x60);
	assert_int_equal(type(l, "0123456789abcdefgh"), 16);
	serial_reset(l->serial);
	assert_int_equal(l->rooms, 4);
}

static void looped_back_nothing_goes_out_or_comes_in(void **state)
{
	struct line *l = *state;

	put(l, IIR, 1);
	put(l, MCR, 0x10);
	assert_int_equal(type(l, "z"), 0);
	for (int i = 0; i < 17; i++)
		put(l, DATA, 'a' + i);
	assert_int_equal(l->n, 0);
	put(l, IER, 4);
	assert_int_equal(get(l, IIR), 0xc6); // one was too many
	assert_int_equal(get(l, LSR), 0x63);
	assert_int_equal(get(l, LSR), 0x61);
	for (int i = 0; i < 16; i++)
		assert_int_equal(get(l, DATA), 'a' + i);
	assert_int_equal(l->rooms, 0);
	put(l, MCR, 0);
	assert_int_equal(l->rooms, 1);
	assert_int_equal(type(l, "z"), 1);
}

static void changed_lines_are_told_until_read(void **state)
{
	struct line *l = *state;

	get(l, MSR);
	put(l, IER, 8);
	assert_false(l->level);
	put(l, MCR, 0x10); // CTS, DSR and DCD go
	assert_true(l->level);
	assert_int_equal(get(l, IIR), 0);
	assert_int_equal(get(l, MSR), 0x0b);
	assert_false(l->level);
	put(l, MCR, 0x14);
	assert_int_equal(get(l, MSR), 0x40); // a ring begins: not told
	put(l, MCR, 0x10);
	assert_int_equal(get(l, MSR), 0x04); // it ends
}

static void errors_go_before_bytes_before_room_before_lines(void **state)
{
	struct line *l = *state;

	put(l, MCR, 0x10);
	put(l, DATA, 'a');
	put(l, DATA, 'b');
	put(l, IER, 0x0f);
	assert_int_equal(get(l, IIR), 6);
	get(l, LSR);
	assert_int_equal(get(l, IIR), 4);
	get(l, DATA);
	assert_int_equal(get(l, IIR), 2);
	assert_int_equal(get(l, IIR), 0);
	get(l, MSR);
	assert_int_equal(get(l, IIR), 1);
	assert_false(l->level);
}

static void a_reset_lowers_the_line(void **state)
{
	struct line *l = *state;

	put(l, IER, 3);
	type(l, "a");
	assert_true(l->level);
	serial_reset(l->serial);
	assert_false(l->level);
	assert_int_equal(get(l, IER), 0);
	assert_int_equal(get(l, LSR), 0x60);
}

#define rule(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(linux_finds_a_16550a),
		rule(the_divisor_is_behind_dlab),
		rule(what_is_written_leaves_at_once_and_in_order),
		rule(each_fifo_full_makes_a_new_edge),
		rule(enabling_thre_asks_again),
		rule(few_bytes_are_told_by_timeout_many_by_level),
		rule(room_is_told_once_to_those_who_were_refused),
		rule(looped_back_nothing_goes_out_or_comes_in),
		rule(changed_lines_are_told_until_read),
		rule(errors_go_before_bytes_before_room_before_lines),
		rule(a_reset_lowers_the_line),
	};

	return cmocka_run_group_tests_name("serial", tests, NULL, NULL);
}
