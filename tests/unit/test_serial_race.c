/* SPDX-License-Identifier: BSD-3-Clause */
// A guest's processor that only wakes by interrupts, and somebody who types and only goes on when
// told of room: no byte is lost or swapped, nobody waits for good.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <hypervisor/machine/serial.h>

#define TOTAL 40000u
#define LATE  10000 // ms

enum { DATA, IER, IIR, LCR, MCR, LSR };

static struct serial *serial;
static int interrupt_fd, room_fd;
static unsigned heard, written;

static void raise_fd(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		_exit(1);
}

static bool wait_fd(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};
	uint64_t n;

	return poll(&p, 1, LATE) == 1 && read(fd, &n, sizeof(n)) == sizeof(n);
}

// As KVM has it: only the edge counts.
static void on_interrupt(void *, bool level)
{
	if (level)
		raise_fd(interrupt_fd);
}

static void on_output(void *, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] == (uint8_t)(written * 7))
			written++;
}

static void on_room(void *)
{
	raise_fd(room_fd);
}

static const struct serial_ops ops = {on_interrupt, on_output, on_room};

static uint8_t get(unsigned reg)
{
	uint8_t value;

	serial_access(serial, reg, false, &value);
	return value;
}

static void put(unsigned reg, uint8_t value)
{
	serial_access(serial, reg, true, &value);
}

// The handler of a driver: as long as something is owed.
static void handle(unsigned *sent)
{
	while ((get(IIR) & 1) == 0) {
		while (get(LSR) & 1)
			if (get(DATA) == (uint8_t)heard)
				heard++;
		for (int i = 0; i < 16 && *sent < TOTAL; i++)
			put(DATA, (*sent)++ * 7);
		if (*sent == TOTAL)
			put(IER, 1);
	}
}

static void *guest(void *)
{
	unsigned sent = 0;

	while ((heard < TOTAL || sent < TOTAL) && wait_fd(interrupt_fd))
		handle(&sent);
	return NULL;
}

static void everything_arrives_and_nobody_waits_for_good(void **)
{
	pthread_t thread;
	unsigned typed = 0;

	serial = serial_create(&ops, NULL);
	interrupt_fd = eventfd(0, EFD_CLOEXEC);
	room_fd = eventfd(0, EFD_CLOEXEC);
	assert_non_null(serial);
	assert_true(interrupt_fd >= 0 && room_fd >= 0);
	// Turning the FIFO on empties it: before anybody types.
	put(IIR, 0x81);
	put(IER, 3);
	assert_int_equal(pthread_create(&thread, NULL, guest, NULL), 0);
	while (typed < TOTAL) {
		uint8_t text[100];
		size_t len = TOTAL - typed < sizeof(text) ? TOTAL - typed : sizeof(text), n;

		for (size_t i = 0; i < len; i++)
			text[i] = typed + i;
		n = serial_input(serial, text, len);
		typed += n;
		if (n < len && !wait_fd(room_fd))
			break;
	}
	pthread_join(thread, NULL);
	assert_int_equal(typed, TOTAL);
	assert_int_equal(heard, TOTAL);
	assert_int_equal(written, TOTAL);
	serial_destroy(serial);
	close(interrupt_fd);
	close(room_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_and_nobody_waits_for_good),
	};

	return cmocka_run_group_tests_name("serial_race", tests, NULL, NULL);
}
