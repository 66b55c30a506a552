/* SPDX-License-Identifier: BSD-3-Clause */
// Rules of delivery: messages in order and one a slot, event flags, interrupts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <hypervisor/soft/guest_pages.h>
#include <hypervisor/soft/synic.h>

#define N_VPS 2

static struct guest_pages pages;
static struct synic *synic;
static uint64_t simp[N_VPS], siefp[N_VPS];

static int setup(void **)
{
	if (guest_pages_create(&pages, 8 << 20) < 0)
		return -1;
	synic = synic_create(&pages.mem, N_VPS);
	for (unsigned i = 0; i < N_VPS; i++) {
		simp[i] = guest_pages_alloc(&pages, 1, GUEST_PAGES_RING);
		siefp[i] = guest_pages_alloc(&pages, 1, GUEST_PAGES_RING);
	}
	return synic == NULL ? -1 : 0;
}

static int teardown(void **)
{
	synic_destroy(synic);
	guest_pages_destroy(&pages);
	return 0;
}

static void enable(void)
{
	for (unsigned i = 0; i < N_VPS; i++)
		assert_int_equal(synic_enable(synic, i, simp[i], siefp[i]), 0);
}

static int post(uint32_t vp, uint32_t value)
{
	return hv_synic_ops.post_message(synic_hv(synic), vp, &value, sizeof(value));
}

static void expect(uint32_t vp, uint32_t value)
{
	uint32_t msg[VMBUS_MESSAGE_MAX / 4];

	assert_int_equal(synic_take_message(synic, vp, msg), sizeof(uint32_t));
	assert_int_equal(msg[0], value);
}

static void expect_none(uint32_t vp)
{
	uint32_t msg[VMBUS_MESSAGE_MAX / 4];

	assert_int_equal(synic_take_message(synic, vp, msg), 0);
}

static void messages_come_in_order(void **)
{
	enable();
	for (uint32_t i = 1; i <= HV_SYNIC_QUEUE; i++)
		assert_int_equal(post(0, i), 0);
	expect_none(1);
	for (uint32_t i = 1; i <= HV_SYNIC_QUEUE; i++)
		expect(0, i);
	expect_none(0);
}

static void a_message_waits_until_the_pages_are_on(void **)
{
	assert_int_equal(post(1, 7), 0);
	expect_none(1);
	enable();
	assert_true(synic_ack(synic, 1) > 0);
	expect(1, 7);
}

static void stale_bytes_are_no_message(void **)
{
	memset(guest_pages_at(&pages, simp[0]), 0xff, GUEST_PAGE_SIZE);
	memset(guest_pages_at(&pages, siefp[0]), 0xff, GUEST_PAGE_SIZE);
	enable();
	expect_none(0);
	assert_int_equal(synic_take_events(synic, 0, NULL, NULL), 0);
	assert_int_equal(post(0, 3), 0);
	expect(0, 3);
}

static void count(void *arg)
{
	++*(unsigned *)arg;
}

static void a_full_queue_says_so_and_when_it_is_not(void **)
{
	unsigned room = 0;

	enable();
	synic_on_room(synic, count, &room);
	for (uint32_t i = 0; i <= HV_SYNIC_QUEUE; i++) // one is in the slot
		assert_int_equal(post(0, i), 0);
	assert_int_equal(post(0, 99), -EAGAIN);
	assert_int_equal(room, 0);
	expect(0, 0);
	assert_int_equal(room, 1);
	assert_int_equal(post(0, 99), 0);
	assert_int_equal(post(N_VPS, 1), -ENODEV);
}

static void each_message_interrupts(void **)
{
	enable();
	synic_ack(synic, 0);
	synic_ack(synic, 1);
	post(0, 1);
	assert_int_equal(synic_ack(synic, 0), 1);
	assert_int_equal(synic_ack(synic, 0), 0);
	assert_int_equal(synic_ack(synic, 1), 0);
}

static uint32_t seen[2048];

static void mark(void *, uint32_t flag)
{
	seen[flag]++;
}

static void set_flag(const struct vmbus_event_place *place, uint32_t flag)
{
	_Atomic uint64_t *word =
		(_Atomic uint64_t *)(guest_pages_at(&pages, place->gpa) + VMBUS_SINT * 256);

	atomic_fetch_or(&word[flag / 64], 1ull << flag % 64);
}

static void event_flags_are_taken_once(void **)
{
	struct vmbus_event_place place = {.flag = 2047};
	int fd = eventfd(0, EFD_NONBLOCK);

	enable();
	memset(seen, 0, sizeof(seen));
	assert_int_equal(hv_synic_ops.bind_interrupt(synic_hv(synic), 1, fd, &place), 0);
	assert_int_equal(place.enabled, 1);
	assert_int_equal(place.gpa, siefp[1]);
	assert_int_equal(place.target_vp, 1);
	assert_int_equal(place.seq % 2, 0);
	// What got lost while the place changed is made good.
	assert_int_equal(synic_take_events(synic, 1, NULL, NULL), 1);
	synic_ack(synic, 1);
	set_flag(&place, 0); // reserved: passed over
	set_flag(&place, 64);
	set_flag(&place, 2047);
	eventfd_write(fd, 1);
	assert_int_equal(synic_ack(synic, 1), 1);
	assert_int_equal(synic_take_events(synic, 1, mark, NULL), 2);
	assert_true(seen[64] == 1 && seen[2047] == 1 && seen[0] == 0);
	assert_int_equal(synic_take_events(synic, 1, mark, NULL), 0);
	close(fd);
}

static void an_interrupt_moves_with_its_place(void **)
{
	struct vmbus_event_place place = {.flag = 1};
	int fd = eventfd(0, EFD_NONBLOCK), other = eventfd(0, EFD_NONBLOCK);

	enable();
	assert_int_equal(hv_synic_ops.bind_interrupt(synic_hv(synic), 0, fd, &place), 0);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic_hv(synic), 1, fd, &place), 0);
	assert_int_equal(place.gpa, siefp[1]);
	synic_ack(synic, 0);
	// Whoever moves here looks at its flags again, whatever got lost before.
	assert_true(synic_ack(synic, 1) > 0);
	eventfd_write(fd, 1);
	assert_int_equal(synic_ack(synic, 0), 0);
	assert_int_equal(synic_ack(synic, 1), 1);
	// Another descriptor for the same place: the old one is no more.
	assert_int_equal(hv_synic_ops.bind_interrupt(synic_hv(synic), 1, other, &place), 0);
	synic_ack(synic, 1);
	eventfd_write(fd, 1);
	assert_int_equal(synic_ack(synic, 1), 0);
	eventfd_write(other, 1);
	assert_int_equal(synic_ack(synic, 1), 1);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic_hv(synic), UINT32_MAX, other, NULL), 0);
	assert_int_equal(place.enabled, 0);
	eventfd_write(other, 1);
	assert_int_equal(synic_ack(synic, 1), 0);
	assert_int_equal(hv_synic_ops.bind_interrupt(synic_hv(synic), N_VPS, fd, &place), -ENODEV);
	close(fd);
	close(other);
}

static void signals_go_to_their_connection(void **)
{
	int a = eventfd(0, EFD_NONBLOCK), b = eventfd(0, EFD_NONBLOCK);
	uint64_t n;

	assert_int_equal(synic_signal(synic, 0x2001), -ENOENT);
	assert_int_equal(hv_synic_ops.bind_connection(synic_hv(synic), 0x2001, a), 0);
	assert_int_equal(hv_synic_ops.bind_connection(synic_hv(synic), 0x2002, b), 0);
	assert_int_equal(synic_signal(synic, 0x2002), 0);
	assert_int_equal(eventfd_read(a, &n), -1);
	assert_int_equal(eventfd_read(b, &n), 0);
	assert_int_equal(hv_synic_ops.bind_connection(synic_hv(synic), 0x2001, b), 0); // replaces
	assert_int_equal(synic_signal(synic, 0x2001), 0);
	assert_int_equal(eventfd_read(b, &n), 0);
	assert_int_equal(hv_synic_ops.bind_connection(synic_hv(synic), 0x2001, -1), 0);
	assert_int_equal(synic_signal(synic, 0x2001), -ENOENT);
	assert_int_equal(synic_signal(synic, 0x2002), 0);
	close(a);
	close(b);
}

static void bad_pages_are_refused(void **)
{
	assert_int_equal(synic_enable(synic, 0, 0, siefp[0]), -EINVAL);
	assert_int_equal(synic_enable(synic, 0, simp[0] + 8, siefp[0]), -EINVAL);
	assert_int_equal(synic_enable(synic, 0, simp[0], 1ull << 40), -EINVAL);
	assert_int_equal(synic_enable(synic, N_VPS, simp[0], siefp[0]), -EINVAL);
}

static void pages_are_given_once_and_come_back_clean(void **)
{
	uint64_t a = guest_pages_alloc(&pages, 16, GUEST_PAGES_BUFFER);
	uint64_t b = guest_pages_alloc(&pages, 16, GUEST_PAGES_BUFFER);

	assert_true(a != 0 && b >= a + 16 * GUEST_PAGE_SIZE);
	memset(guest_pages_at(&pages, a), 0xee, GUEST_PAGE_SIZE);
	guest_pages_free(&pages, a, 16);
	assert_int_equal(guest_pages_alloc(&pages, 16, GUEST_PAGES_RING), a);
	assert_int_equal(*guest_pages_at(&pages, a), 0);
	assert_int_equal(guest_pages_alloc(&pages, 1 << 20, GUEST_PAGES_BUFFER), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(messages_come_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_message_waits_until_the_pages_are_on, setup, teardown),
		cmocka_unit_test_setup_teardown(stale_bytes_are_no_message, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_full_queue_says_so_and_when_it_is_not, setup, teardown),
		cmocka_unit_test_setup_teardown(each_message_interrupts, setup, teardown),
		cmocka_unit_test_setup_teardown(event_flags_are_taken_once, setup, teardown),
		cmocka_unit_test_setup_teardown(an_interrupt_moves_with_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_go_to_their_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_pages_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			pages_are_given_once_and_come_back_clean, setup, teardown),
	};

	return cmocka_run_group_tests_name("soft_synic", tests, NULL, NULL);
}
