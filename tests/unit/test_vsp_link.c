/* SPDX-License-Identifier: BSD-3-Clause */
// architecture §9, the hypervisor's side: a NIC, its provider, and what survives whom.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "provider.h"

static void hello_says_who_it_is_and_brings_all_memory(void **)
{
	WORK_UNTIL(pr.ready);
	assert_int_equal(pr.n_regions, mem.n);
	assert_int_equal(pr.hello.n_regions, mem.n);
	assert_int_equal(pr.hello.n_vps, N_VPS);
	assert_string_equal(pr.hello.partition, "vm1");
	assert_string_equal(pr.hello.nic, "eth0");
	assert_string_equal(pr.hello.port, "web1");
	assert_string_equal(pr.hello.software, "test 1");
	assert_memory_equal(&pr.hello.instance, &instance, 16);
	assert_int_equal(pr.hello.vmbus_version, 0);
	assert_int_equal(pr.hello.max_queues, 3);
}

static void welcome_may_say_that_the_port_is_missing(void **)
{
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	assert_false(vsp_link_lacks_port(link_of)); // said nothing
	provider_die();
	pr.welcome_flags = HANDOVER_TELLS_PORT;
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED && pr.n_attached == 2);
	assert_true(vsp_link_lacks_port(link_of));
	provider_die();
	pr.welcome_flags = HANDOVER_TELLS_PORT | HANDOVER_HAS_PORT;
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED && pr.n_attached == 3);
	assert_false(vsp_link_lacks_port(link_of));
}

static void first_offer_comes_after_the_first_attach(void **)
{
	pr.silent = true;
	WORK_UNTIL(pr.ready);
	connect_as(VMBUS_VERSION_5_3);
	post_plain(VMBUS_REQUESTOFFERS);
	take(VMBUS_ALLOFFERS_DELIVERED);
	say_welcome();
	settle();
	assert_int_equal(state_of(), VSP_LINK_ATTACHING);
	take_nothing();
	say_plain(HANDOVER_READY_DONE);
	settle();
	assert_int_equal(state_of(), VSP_LINK_ATTACHED);
	take_offer(0);
	take_nothing();
	assert_string_equal(told, "the provider serves the NIC\n");
}

static void provider_may_come_late(void **)
{
	char reason[64];

	provider_stop();
	WORK_UNTIL(told[0] != '\0');
	assert_int_equal(vsp_link_state(link_of, reason, sizeof(reason)), VSP_LINK_AWAY);
	assert_non_null(strstr(reason, "No such file"));
	usleep(250000);
	settle();
	provider_listen();
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	assert_int_equal(vsp_link_state(link_of, reason, sizeof(reason)), VSP_LINK_ATTACHED);
	assert_string_equal(reason, "");
	// Each reason is told once.
	assert_ptr_equal(strstr(told, "No such file"), strrchr(told, ':') + 2);
}

static void open_channel_signals_both_ways(void **)
{
	uint32_t relid = attach_and_open();

	assert_int_equal(pr.channel[0].relid, relid);
	assert_int_equal(pr.channel[0].vp, 1);
	assert_int_equal(read_fd(pr.kick_fd), 1); // for what came before the welcome
	assert_int_equal(read_fd(pr.kick_fd), 0);
	assert_int_equal(write(kick_of[relid], &(uint64_t){1}, 8), 8);
	assert_int_equal(read_fd(pr.kick_fd), 1);
	assert_int_equal(n_calls, 1);
	assert_int_equal(calls[0].vp, 1);
	assert_int_equal(calls[0].place->flag, relid);
	assert_int_equal(calls[0].place->enabled, 1);
	assert_int_equal(write(pr.channel[0].call_fd, &(uint64_t){1}, 8), 8);
	assert_int_equal(read_fd(calls[0].fd), 1);
	guest_close(relid, 0);
	assert_int_equal(kick_of[relid], -1);
	settle();
	assert_int_equal(n_calls, 0);
}

static void channel_without_interrupts_is_bound_nowhere(void **)
{
	uint32_t relid = attach_and_meet();
	struct vmbus_open_channel m = open_message(relid, RING_GPADL);

	make_list(relid, RING_GPADL, 8, 8);
	m.target_vp = UINT32_MAX;
	post(&m, sizeof(m));
	WORK_UNTIL(n_sent > n_read);
	assert_int_equal(take_open_result(relid), 0);
	assert_int_equal(n_calls, 0);
}

static void open_that_the_provider_refuses_is_refused(void **)
{
	uint32_t relid = attach_and_meet();

	make_list(relid, RING_GPADL, 8, 8);
	pr.silent = true;
	post_open(relid, RING_GPADL);
	settle();
	take_nothing();
	say_open_result(0, -EPROTO);
	settle();
	assert_int_not_equal(take_open_result(relid), 0);
	assert_non_null(strstr(told, "channel 0 cannot be opened: it would not"));
	assert_int_equal(kick_of[relid], -1);
	pr.silent = false;
	post_open(relid, RING_GPADL);
	settle();
	assert_int_equal(take_open_result(relid), 0);
}

static void torndown_and_modify_wait_for_the_provider(void **)
{
	uint32_t relid = attach_and_open();

	pr.silent = true;
	post_modify(relid, 3);
	settle();
	assert_int_equal(pr.last, HANDOVER_MODIFY);
	assert_int_equal(calls[0].vp, 3); // the place has changed already
	take_nothing();
	say_id(HANDOVER_MODIFY_DONE, 0);
	settle();
	assert_int_equal(take_modified(relid), 0);
	guest_close(relid, 0);
	post_teardown(relid, RING_GPADL);
	settle();
	assert_int_equal(pr.last, HANDOVER_CLOSE);
	close_channel(0);
	say_id(HANDOVER_CLOSE_DONE, 0);
	settle();
	assert_int_equal(pr.last, HANDOVER_GPADL_TEARDOWN);
	take_nothing();
	say_id(HANDOVER_GPADL_GONE, RING_GPADL);
	settle();
	take_torndown(RING_GPADL);
	take_nothing();
}

static void unload_waits_for_the_provider(void **)
{
	attach_and_open();
	pr.silent = true;
	pr.was_open[0] = false;
	post_plain(VMBUS_UNLOAD);
	settle();
	take_nothing();
	close_channel(0);
	say_id(HANDOVER_CLOSE_DONE, 0);
	settle();
	take_nothing();
	say_id(HANDOVER_GPADL_GONE, RING_GPADL);
	settle();
	take(VMBUS_UNLOAD_RESPONSE);
}

static void unload_does_not_wait_for_a_provider_that_died(void **)
{
	attach_and_open();
	pr.silent = true;
	pr.was_open[0] = false;
	post_plain(VMBUS_UNLOAD);
	settle();
	take_nothing();
	provider_die();
	settle();
	take(VMBUS_UNLOAD_RESPONSE);
	pr.silent = false;
	attach_and_open();
}

static void long_list_is_told_in_pieces(void **)
{
	uint32_t relid = attach_and_meet();
	uint8_t raw[VMBUS_MESSAGE_MAX] = {};
	struct vmbus_gpadl_body m = {.hdr.type = VMBUS_GPADL_BODY, .gpadl = 5};
	unsigned before = pr.n_messages;

	post_gpadl(relid, 5, 0, 7936);
	memcpy(raw, &m, sizeof(m));
	for (uint32_t at = 26; at < 7936; at += 28)
		post(raw, sizeof(raw));
	assert_int_equal(take_created(relid, 5), 0);
	settle();
	assert_int_equal(pr.n_messages, before + 2);
	// And once more to one that has never heard of it, with more than a socket holds.
	for (uint32_t id = 6; id < 30; id++) {
		m.gpadl = id;
		memcpy(raw, &m, sizeof(m));
		post_gpadl(relid, id, 0, 7936);
		for (uint32_t at = 26; at < 7936; at += 28)
			post(raw, sizeof(raw));
	}
	// The guest hears of those only that are on their way.
	assert_true(n_sent - n_read < 24);
	WORK_UNTIL(pr.n_lists == 25);
	for (uint32_t id = 6; id < 30; id++)
		assert_int_equal(take_created(relid, id), 0);
	take_nothing();
	provider_die();
	WORK_UNTIL(pr.ready);
	assert_int_equal(pr.n_lists, 25);
}

static void subchannels_are_offered_as_the_provider_says(void **)
{
	uint32_t primary = attach_and_open(), sub;

	say_subchannels(2);
	settle();
	sub = take_offer(1);
	take_offer(2);
	take_nothing();
	make_list(sub, 5, 16, 8);
	post_open(sub, 5);
	settle();
	assert_int_equal(take_open_result(sub), 0);
	assert_true(pr.channel[1].open);
	// All come back, and only those that were open.
	provider_die();
	WORK_UNTIL(pr.ready);
	assert_true(pr.channel[0].resumed && pr.channel[1].resumed && !pr.channel[2].open);
	say_subchannels(2);
	settle();
	take_nothing();
	pr.was_open[1] = false;
	guest_close(primary, 0);
	take_rescind(sub);
	settle();
	assert_false(pr.channel[0].open || pr.channel[1].open);
	say_subchannels(2); // too late
	settle();
	assert_int_equal(state_of(), VSP_LINK_ATTACHED);
}

static void channel_error_is_told(void **)
{
	struct handover_open_result m = {.hdr = {HANDOVER_CHANNEL_ERROR, sizeof(m)}};

	attach_and_open();
	memset(m.reason, 'x', sizeof(m.reason)); // no NUL
	say(&m, sizeof(m), -1);
	settle();
	assert_non_null(strstr(told, "channel 0 stands still: xxx"));
	assert_int_equal(state_of(), VSP_LINK_ATTACHED);
}

// ---- the provider dies and comes back

static void open_channel_lives_through_the_providers_death(void **)
{
	uint32_t relid = attach_and_open();
	ino_t record = pr.record;

	read_fd(pr.kick_fd);
	provider_die();
	settle();
	assert_int_equal(state_of(), VSP_LINK_AWAY);
	take_nothing(); // the guest sees none of it
	assert_int_not_equal(kick_of[relid], -1);
	WORK_UNTIL(pr.ready && state_of() == VSP_LINK_ATTACHED);
	assert_int_equal(pr.hello.flags, HANDOVER_RESUME);
	assert_int_equal(pr.hello.vmbus_version, VMBUS_VERSION_5_3);
	assert_int_equal(pr.record, record);
	assert_true(pr.channel[0].resumed);
	assert_int_equal(pr.channel[0].relid, relid);
	take_nothing();
	// Signals go to the new ones, and each side is woken once.
	assert_int_equal(read_fd(pr.kick_fd), 1);
	assert_int_equal(write(kick_of[relid], &(uint64_t){1}, 8), 8);
	assert_int_equal(read_fd(pr.kick_fd), 1);
	assert_int_equal(n_calls, 1);
	assert_int_equal(calls[0].place->flag, relid);
	assert_int_equal(read_fd(calls[0].fd), 1);
}

static void open_waits_for_the_provider_to_come_back(void **)
{
	uint32_t relid = attach_and_meet();

	provider_stop();
	settle();
	make_list(relid, RING_GPADL, 8, 8);
	post_open(relid, RING_GPADL);
	settle();
	take_nothing();
	provider_listen();
	WORK_UNTIL(n_sent > n_read);
	assert_int_equal(take_open_result(relid), 0);
	assert_int_equal(pr.hello.flags, 0);
	assert_false(pr.channel[0].resumed);
	take_nothing();
}

static void close_and_teardown_do_not_wait(void **)
{
	uint32_t relid = attach_and_open();
	ino_t record = pr.record;

	provider_stop();
	settle();
	post_modify(relid, 0);
	assert_int_equal(take_modified(relid), 0);
	assert_int_equal(calls[0].vp, 0);
	guest_close(relid, 0);
	post_teardown(relid, RING_GPADL);
	take_torndown(RING_GPADL);
	assert_int_equal(n_calls, 0);
	provider_listen();
	WORK_UNTIL(pr.ready);
	// Nothing of the past is left to take up.
	assert_int_equal(pr.hello.flags, 0);
	assert_int_equal(pr.n_lists, 0);
	assert_int_not_equal(pr.record, record);
	take_nothing();
}

static void guest_resets_while_the_provider_is_away(void **)
{
	attach_and_open();
	provider_stop();
	settle();
	pr.was_open[0] = false;
	contact_vp(VMBUS_VERSION_5_1, 0);
	take(VMBUS_VERSION_RESPONSE);
	provider_listen();
	WORK_UNTIL(pr.ready);
	assert_int_equal(pr.hello.vmbus_version, VMBUS_VERSION_5_1);
	assert_int_equal(pr.hello.flags, 0);
	assert_int_equal(pr.n_lists, 0);
	attach_and_open();
}

static void reset_while_opening_and_the_provider_is_away(void **)
{
	uint32_t relid = attach_and_meet();

	provider_stop();
	settle();
	make_list(relid, RING_GPADL, 8, 8);
	post_open(relid, RING_GPADL);
	vmbus_bus_reset(bus);
	provider_listen();
	WORK_UNTIL(pr.ready);
	assert_false(pr.channel[0].open);
	take_nothing();
	attach_and_open();
}

// Whoever loads a guest anew waits for that: until then its memory is still written to.
static void reset_lasts_until_the_provider_has_let_go(void **)
{
	attach_and_open();
	pr.silent = true;
	vmbus_bus_reset(bus);
	settle();
	assert_true(vmbus_bus_is_resetting(bus));
	close_channel(0);
	pr.was_open[0] = false;
	say_id(HANDOVER_CLOSE_DONE, 0);
	settle();
	assert_int_equal(pr.last, HANDOVER_GPADL_TEARDOWN);
	assert_true(vmbus_bus_is_resetting(bus));
	say_id(HANDOVER_GPADL_GONE, RING_GPADL);
	settle();
	assert_false(vmbus_bus_is_resetting(bus));
	pr.silent = false;
}

// What a guest does, while the provider dies at its n-th message, before or after its answer.
static void live(unsigned lives, bool dies_answering)
{
	uint32_t primary, sub;

	pr.lives = lives;
	pr.dies_answering = dies_answering;
	primary = attach_and_meet();
	make_list(primary, RING_GPADL, 8, 8);
	make_list(primary, 5, 0, 8);
	post_open(primary, RING_GPADL);
	WORK_UNTIL(n_sent > n_read);
	assert_int_equal(take_open_result(primary), 0);
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	say_subchannels(1);
	settle();
	sub = take_offer(1);
	make_list(sub, RING_GPADL + 1, 16, 8);
	post_open(sub, RING_GPADL + 1);
	WORK_UNTIL(n_sent > n_read);
	assert_int_equal(take_open_result(sub), 0);
	post_modify(primary, 3);
	WORK_UNTIL(n_sent > n_read);
	assert_int_equal(take_modified(primary), 0);
	guest_close(sub, 1);
	post_teardown(sub, RING_GPADL + 1);
	WORK_UNTIL(n_sent > n_read);
	take_torndown(RING_GPADL + 1);
	guest_close(primary, 0);
	take_rescind(sub);
	post_teardown(primary, 5);
	post_teardown(primary, RING_GPADL);
	WORK_UNTIL(n_sent == n_read + 2);
	n_read += 2;
	post_relid(VMBUS_RELID_RELEASED, sub);
	post_plain(VMBUS_UNLOAD);
	WORK_UNTIL(n_sent > n_read);
	take(VMBUS_UNLOAD_RESPONSE);
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	take_nothing();
	assert_int_equal(pr.n_lists, 0);
	assert_int_equal(n_calls, 0);
}

static void provider_dies_in_every_step(void **)
{
	for (unsigned lives = 1;; lives++) {
		for (int answering = 0; answering < 2; answering++) {
			if (lives > 1 || answering > 0) {
				teardown_link(NULL);
				setup_link(NULL);
			}
			live(lives, answering);
		}
		if (pr.n_deaths == 0) {
			assert_true(lives > 12);
			return;
		}
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup_link, teardown_link)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(hello_says_who_it_is_and_brings_all_memory),
		T(welcome_may_say_that_the_port_is_missing),
		T(reset_lasts_until_the_provider_has_let_go),
		T(first_offer_comes_after_the_first_attach),
		T(provider_may_come_late),
		T(open_channel_signals_both_ways),
		T(channel_without_interrupts_is_bound_nowhere),
		T(open_that_the_provider_refuses_is_refused),
		T(torndown_and_modify_wait_for_the_provider),
		T(unload_waits_for_the_provider),
		T(unload_does_not_wait_for_a_provider_that_died),
		T(long_list_is_told_in_pieces),
		T(subchannels_are_offered_as_the_provider_says),
		T(channel_error_is_told),
		T(open_channel_lives_through_the_providers_death),
		T(open_waits_for_the_provider_to_come_back),
		T(close_and_teardown_do_not_wait),
		T(guest_resets_while_the_provider_is_away),
		T(reset_while_opening_and_the_provider_is_away),
		T(provider_dies_in_every_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
