/* SPDX-License-Identifier: BSD-3-Clause */
// A provider that refuses a NIC, or talks nonsense.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hypervisor/vmbus/vsp_link_state.h>

#include "provider.h"

static void refusal_is_told_and_tried_again_slowly(void **)
{
	char reason[64];

	pr.refuse = HANDOVER_R_NAME;
	WORK_UNTIL(state_of() == VSP_LINK_REFUSED);
	vsp_link_state(link_of, reason, sizeof(reason));
	assert_string_equal(reason, "not today");
	assert_string_equal(told, "the provider refuses the NIC: not today\n");
	assert_int_equal(pr.n_deaths, 1);
	usleep(300000);
	settle();
	assert_int_equal(pr.n_deaths, 1);
	pr.refuse = 0;
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
}

static void open_channel_outlives_a_refusal(void **)
{
	uint32_t relid = attach_and_open();

	pr.refuse = HANDOVER_R_PERMISSION;
	provider_die();
	WORK_UNTIL(state_of() == VSP_LINK_REFUSED);
	take_nothing();
	post_modify(relid, 2);
	assert_int_equal(take_modified(relid), 0);
	pr.refuse = 0;
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	assert_true(pr.channel[0].resumed);
	assert_int_equal(pr.channel[0].vp, 2);
}

static void refused_record_with_nothing_open_is_replaced(void **)
{
	uint32_t relid = attach_and_meet();
	ino_t record = pr.record;

	pr.refuse = HANDOVER_R_RECORD;
	provider_die();
	WORK_UNTIL(state_of() == VSP_LINK_REFUSED);
	take_nothing();
	pr.refuse = 0;
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	assert_int_not_equal(pr.record, record);
	make_list(relid, RING_GPADL, 8, 8);
	post_open(relid, RING_GPADL);
	settle();
	assert_int_equal(take_open_result(relid), 0);
}

// The guest's sends, as it left them for a provider that does not take them.
static void put_sends(struct vmbus_ring *ring, uint64_t first, uint32_t type, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		// Number 0 wants no answer.
		uint8_t *at =
			vmbus_ring_put(ring, VMBUS_PACKET_IN_BAND, first != 0, first + i, 0, 40);

		assert_non_null(at);
		memset(at, 0, 40);
		memcpy(at, &type, 4);
	}
	vmbus_ring_publish_write(ring);
}

static void take_completion(
	struct vmbus_ring *ring, uint64_t transaction, uint32_t expected, uint32_t status_at)
{
	struct vmbus_packet p = {};
	uint32_t type, status;

	assert_int_equal(vmbus_ring_peek(ring, &p), 1);
	assert_int_equal(p.type, VMBUS_PACKET_COMPLETION);
	assert_int_equal(p.transaction, transaction);
	assert_int_equal(p.len, 40);
	memcpy(&type, p.body, 4);
	memcpy(&status, p.body + status_at, 4);
	assert_int_equal(type, expected);
	assert_int_equal(status, 2);
	vmbus_ring_take(ring, &p);
}

static void map_guests_rings(struct gpadl *g, struct vmbus_ring *out, struct vmbus_ring *in)
{
	make_gpadl(g, &mem, 8, 8, 1);
	assert_int_equal(vmbus_ring_map(out, &mem, g, 0, 4), 0);
	assert_int_equal(vmbus_ring_map(in, &mem, g, 4, 4), 0);
	vmbus_ring_be_writer(out);
	vmbus_ring_be_reader(in);
}

static void unmap_guests_rings(struct gpadl *g, struct vmbus_ring *out, struct vmbus_ring *in)
{
	vmbus_ring_unmap(out);
	vmbus_ring_unmap(in);
	gpadl_fini(g);
}

// Traps: netvsc_remove waits for each of its sends.
static void refused_record_of_an_open_channel_lets_the_guest_go(void **)
{
	// guest-abi 11.2
	static const struct {
		uint32_t request, completion, status_at;
	} nvsp[] = {{1, 2, 12}, {101, 102, 4}, {104, 105, 4}, {107, 108, 4}, {133, 133, 4}};
	uint32_t relid = attach_and_open(), again;
	struct vmbus_ring out, in;
	ino_t record = pr.record;
	struct gpadl g;

	map_guests_rings(&g, &out, &in);
	put_sends(&out, 70, 107, 3);
	put_sends(&out, 0, 100, 1);
	for (unsigned i = 0; i < 5; i++)
		put_sends(&out, 80 + i, nvsp[i].request, 1);
	pr.refuse = HANDOVER_R_RECORD;
	provider_die();
	WORK_UNTIL(n_sent > n_read);
	take_rescind(relid);
	WORK_UNTIL(out.hdr->read_index == out.at);
	for (unsigned i = 0; i < 3; i++)
		take_completion(&in, 70 + i, 108, 4);
	for (unsigned i = 0; i < 5; i++)
		take_completion(&in, 80 + i, nvsp[i].completion, nvsp[i].status_at);
	assert_true(read_fd(calls[0].fd) > 0);
	put_sends(&out, 90, 107, 1); // it needs some time to hear of it
	WORK_UNTIL(out.hdr->read_index == out.at);
	take_completion(&in, 90, 108, 4);
	pr.refuse = 0;
	assert_int_equal(state_of(), VSP_LINK_REFUSED);
	guest_close(relid, 0);
	post_teardown(relid, RING_GPADL);
	take_torndown(RING_GPADL);
	take_nothing();
	post_relid(VMBUS_RELID_RELEASED, relid);
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	assert_int_not_equal(pr.record, record);
	again = take_offer(0);
	assert_int_not_equal(again, relid);
	take_nothing();
	make_list(again, RING_GPADL, 8, 8);
	post_open(again, RING_GPADL);
	settle();
	assert_int_equal(take_open_result(again), 0);
	unmap_guests_rings(&g, &out, &in);
}

static void channel_that_cannot_be_taken_up_lets_the_guest_go(void **)
{
	uint32_t relid = attach_and_open();

	pr.silent = true;
	provider_die();
	WORK_UNTIL(pr.ready);
	say_welcome();
	pr.was_open[0] = false;
	say_open_result(0, -EPROTO);
	settle();
	take_rescind(relid);
	pr.silent = false;
	post_relid(VMBUS_RELID_RELEASED, relid); // closes nothing itself
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	take_offer(0);
	take_nothing();
}

static void garbage_from_the_provider_ends_the_connection(void **)
{
	struct handover_id none = {.hdr = {99, sizeof(none)}};
	struct handover_hello hello = {.hdr = {HANDOVER_HELLO, sizeof(hello)}};
	struct handover_subchannels many = {
		.hdr = {HANDOVER_SUBCHANNELS, sizeof(many)}, .total = 64};
	struct handover_id far = {.hdr = {HANDOVER_CLOSE_DONE, sizeof(far)}, .id = 64};
	struct handover_open_result no_fd = {.hdr = {HANDOVER_OPEN_RESULT, sizeof(no_fd)}};
	struct handover_plain ready = {.hdr = {HANDOVER_READY_DONE, sizeof(ready)}};
	struct handover_plain detached = {.hdr = {HANDOVER_DETACH_DONE, sizeof(detached)}};
	const struct handover_header *bad[] = {
		&none.hdr, &hello.hdr, &many.hdr, &far.hdr, &ready.hdr, &detached.hdr};
	unsigned n = sizeof(bad) / sizeof(bad[0]);

	no_fd.index = HANDOVER_MAX_CHANNELS;
	for (unsigned i = 0; i < n; i++) {
		WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
		assert_int_equal(send(pr.sock, bad[i], bad[i]->len, MSG_NOSIGNAL), bad[i]->len);
		settle();
		assert_int_equal(state_of(), VSP_LINK_REFUSED);
		teardown_link(NULL);
		setup_link(NULL);
	}
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	say(&no_fd, sizeof(no_fd), -1);
	settle();
	assert_int_equal(state_of(), VSP_LINK_REFUSED);
}

static void answers_to_nothing_are_passed_over(void **)
{
	uint32_t relid = attach_and_open();
	int fd = pr.channel[0].call_fd;

	say_id(HANDOVER_CLOSE_DONE, 0);
	say_id(HANDOVER_CLOSE_DONE, 5);
	say_id(HANDOVER_MODIFY_DONE, 0);
	say_id(HANDOVER_GPADL_GONE, 77);
	say_open_result(0, 0);
	say_open_result(7, 0);
	settle();
	close(fd);
	assert_int_equal(state_of(), VSP_LINK_ATTACHED);
	take_nothing();
	post_modify(relid, 0);
	settle();
	assert_int_equal(take_modified(relid), 0);
}

static void welcome_without_the_eventfd_is_garbage(void **)
{
	struct handover_welcome m = {
		.hdr = {HANDOVER_WELCOME, sizeof(m)}, .version = HANDOVER_VERSION};

	pr.silent = true;
	WORK_UNTIL(pr.ready);
	say(&m, sizeof(m), -1);
	settle();
	assert_int_equal(state_of(), VSP_LINK_REFUSED);
}

// ---- a provider that has not let go yet: its worker may be in the guest's memory

static void it_refuses(void)
{
	say_refused(HANDOVER_R_MEMORY, "the guest's memory has holes");
}

static void it_says_nonsense(void)
{
	struct handover_plain none = {.hdr = {HANDOVER_HELLO, sizeof(none)}};

	assert_int_equal(send(pr.sock, &none, sizeof(none), MSG_NOSIGNAL), sizeof(none));
}

static void it_refuses_the_record(void)
{
	say_refused(HANDOVER_R_RECORD, "damaged");
}

static void guest_gets_nothing_back_before_the_provider_lets_go(void **)
{
	void (*const ends[])(void) = {it_refuses, it_says_nonsense, it_refuses_the_record};

	for (unsigned i = 0; i < 3; i++) {
		uint32_t relid = attach_and_open();

		make_list(relid, 5, 0, 8);
		settle();
		pr.silent = pr.holds_on = true;
		post_teardown(relid, 5);
		settle();
		assert_int_equal(pr.last, HANDOVER_GPADL_TEARDOWN);
		ends[i]();
		settle();
		assert_int_equal(state_of(), VSP_LINK_REFUSED);
		assert_true(pr.hears_end);
		take_nothing();
		// What it says now counts for nothing, and what is asked now waits as well.
		say_id(HANDOVER_GPADL_GONE, 5);
		it_says_nonsense();
		guest_close(relid, 0);
		post_teardown(relid, RING_GPADL);
		post_gpadl(relid, 6, 16, 8);
		settle();
		take_nothing();
		assert_int_equal(pr.last, HANDOVER_GPADL_TEARDOWN);
		assert_int_equal(n_calls, 1);
		provider_die();
		settle();
		assert_int_equal(take_created(relid, 6), 0);
		take_torndown(RING_GPADL);
		take_torndown(5);
		take_nothing(); // no rescind either: nothing is open
		assert_int_equal(n_calls, 0);
		teardown_link(NULL);
		setup_link(NULL);
	}
}

// Two would write to one ring.
static void rings_are_not_drained_before_the_provider_lets_go(void **)
{
	uint32_t relid = attach_and_open();
	struct vmbus_ring out, in;
	struct gpadl g;

	map_guests_rings(&g, &out, &in);
	put_sends(&out, 70, 107, 1);
	pr.silent = pr.holds_on = true;
	it_refuses_the_record();
	settle();
	vsp_link_arm(link_of, 0);
	usleep(1000);
	settle();
	take_nothing();
	assert_int_not_equal(out.hdr->read_index, out.at);
	provider_die();
	settle();
	take_rescind(relid);
	WORK_UNTIL(out.hdr->read_index == out.at);
	take_completion(&in, 70, 108, 4);
	unmap_guests_rings(&g, &out, &in);
}

static void reset_waits_for_a_provider_that_refused(void **)
{
	attach_and_open();
	pr.silent = pr.holds_on = true;
	it_refuses();
	settle();
	vmbus_bus_reset(bus);
	settle();
	assert_true(vmbus_bus_is_resetting(bus));
	provider_die();
	pr.was_open[0] = false;
	settle();
	assert_false(vmbus_bus_is_resetting(bus));
	pr.silent = pr.holds_on = false;
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	attach_and_open();
}

static void removal_waits_for_a_provider_that_refused(void **)
{
	uint32_t relid = attach_and_open();

	pr.silent = pr.holds_on = true;
	it_refuses();
	settle();
	vsp_link_remove(link_of);
	take_rescind(relid);
	guest_close(relid, 0);
	post_teardown(relid, RING_GPADL);
	post_relid(VMBUS_RELID_RELEASED, relid);
	settle();
	take_nothing();
	assert_int_equal(state_of(), VSP_LINK_REFUSED);
	provider_die();
	settle();
	take_torndown(RING_GPADL);
	assert_int_equal(state_of(), VSP_LINK_REMOVED);
	take_nothing();
}

static void provider_that_never_lets_go_is_named(void **)
{
	attach_and_open();
	pr.silent = pr.holds_on = true;
	it_refuses();
	settle();
	vsp_link_arm(link_of, 0); // as if it were later
	usleep(1000);
	settle();
	assert_non_null(strstr(told, "has not let go of the guest's memory"));
	assert_non_null(strstr(told, pr.path));
	assert_int_equal(state_of(), VSP_LINK_REFUSED);
	assert_int_equal(pr.n_deaths, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup_link, teardown_link)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(refusal_is_told_and_tried_again_slowly),
		T(open_channel_outlives_a_refusal),
		T(refused_record_with_nothing_open_is_replaced),
		T(refused_record_of_an_open_channel_lets_the_guest_go),
		T(channel_that_cannot_be_taken_up_lets_the_guest_go),
		T(garbage_from_the_provider_ends_the_connection),
		T(answers_to_nothing_are_passed_over),
		T(welcome_without_the_eventfd_is_garbage),
		T(guest_gets_nothing_back_before_the_provider_lets_go),
		T(rings_are_not_drained_before_the_provider_lets_go),
		T(reset_waits_for_a_provider_that_refused),
		T(removal_waits_for_a_provider_that_refused),
		T(provider_that_never_lets_go_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
