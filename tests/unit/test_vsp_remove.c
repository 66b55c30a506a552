/* SPDX-License-Identifier: BSD-3-Clause */
// Hot removal of a NIC, and the end of its hypervisor, with the provider in any state.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "provider.h"

static bool is_removed(void)
{
	return state_of() == VSP_LINK_REMOVED;
}

static void guest_lets_go(uint32_t relid)
{
	guest_close(relid, 0);
	post_teardown(relid, RING_GPADL);
	WORK_UNTIL(n_sent > n_read);
	take_torndown(RING_GPADL);
	assert_false(is_removed());
	post_relid(VMBUS_RELID_RELEASED, relid);
}

static void removed_while_open_serves_the_guest_to_the_end(void **)
{
	uint32_t relid = attach_and_open();

	vsp_link_remove(link_of);
	vsp_link_remove(link_of); // once
	take_rescind(relid);
	settle();
	assert_true(pr.channel[0].open); // it has sends under way
	assert_int_equal(state_of(), VSP_LINK_ATTACHED);
	guest_lets_go(relid);
	WORK_UNTIL(is_removed());
	assert_true(pr.detached);
	take_nothing();
}

static void provider_dies_and_returns_during_removal(void **)
{
	uint32_t relid = attach_and_open();

	vsp_link_remove(link_of);
	take_rescind(relid);
	provider_die();
	usleep(200000);
	settle();
	assert_int_equal(pr.n_attached, 1); // the guest is let go of without it
	guest_lets_go(relid);
	WORK_UNTIL(is_removed());
	take_nothing();
}

static void removed_while_the_provider_is_away(void **)
{
	uint32_t relid = attach_and_open();
	struct vmbus_ring out;
	struct gpadl g;
	uint8_t *at;

	provider_stop();
	settle();
	make_gpadl(&g, &mem, 8, 8, 1);
	assert_int_equal(vmbus_ring_map(&out, &mem, &g, 0, 4), 0);
	vmbus_ring_be_writer(&out);
	at = vmbus_ring_put(&out, VMBUS_PACKET_IN_BAND, true, 7, 0, 40);
	memset(at, 0, 40);
	vmbus_ring_publish_write(&out);
	vsp_link_remove(link_of);
	take_rescind(relid);
	WORK_UNTIL(out.hdr->read_index == out.at); // completed
	guest_lets_go(relid);
	WORK_UNTIL(is_removed());
	vmbus_ring_unmap(&out);
	gpadl_fini(&g);
}

static void removed_while_opening_and_the_provider_is_away(void **)
{
	uint32_t relid = attach_and_meet();

	provider_stop();
	settle();
	make_list(relid, RING_GPADL, 8, 8);
	post_open(relid, RING_GPADL);
	vsp_link_remove(link_of);
	assert_int_not_equal(take_open_result(relid), 0);
	take_rescind(relid);
	post_relid(VMBUS_RELID_RELEASED, relid);
	WORK_UNTIL(is_removed());
	take_nothing();
}

static void removed_while_refused(void **)
{
	uint32_t relid = attach_and_open();

	pr.refuse = HANDOVER_R_LIMIT;
	provider_die();
	WORK_UNTIL(state_of() == VSP_LINK_REFUSED);
	vsp_link_remove(link_of);
	take_rescind(relid);
	guest_lets_go(relid);
	WORK_UNTIL(is_removed());
}

static void removed_before_any_provider_came(void **)
{
	provider_stop();
	settle();
	vsp_link_remove(link_of);
	assert_true(is_removed());
	usleep(150000);
	settle();
	assert_true(is_removed());
}

static void removed_while_attaching(void **)
{
	pr.silent = true;
	WORK_UNTIL(pr.ready);
	vsp_link_remove(link_of);
	say_welcome();
	say_plain(HANDOVER_READY_DONE);
	settle();
	assert_true(pr.detached);
	assert_false(is_removed());
	say_plain(HANDOVER_DETACH_DONE);
	settle();
	assert_true(is_removed());
	assert_null(strstr(told, "refuses"));
	connect_as(VMBUS_VERSION_5_3);
	post_plain(VMBUS_REQUESTOFFERS);
	take(VMBUS_ALLOFFERS_DELIVERED);
	take_nothing();
}

static void provider_that_dies_of_the_detach_is_done_as_well(void **)
{
	attach_and_meet();
	pr.silent = true;
	vsp_link_remove(link_of);
	n_read = n_sent;
	vmbus_bus_reset(bus);
	settle();
	assert_true(pr.detached);
	provider_die();
	settle();
	assert_true(is_removed());
}

static void guest_resets_during_removal(void **)
{
	uint32_t relid = attach_and_open();

	vsp_link_remove(link_of);
	take_rescind(relid);
	pr.was_open[0] = false;
	contact_vp(VMBUS_VERSION_5_3, 0);
	WORK_UNTIL(is_removed());
	take(VMBUS_VERSION_RESPONSE);
	take_nothing();
}

static void guest_resets_while_it_lets_go_alone(void **)
{
	uint32_t relid = attach_and_open();

	pr.refuse = HANDOVER_R_RECORD;
	provider_die();
	WORK_UNTIL(n_sent > n_read);
	take_rescind(relid);
	pr.refuse = 0;
	pr.was_open[0] = false;
	vmbus_bus_reset(bus);
	WORK_UNTIL(state_of() == VSP_LINK_ATTACHED);
	attach_and_open();
}

static void removed_while_it_lets_go_alone(void **)
{
	uint32_t relid = attach_and_open();

	pr.refuse = HANDOVER_R_RECORD;
	provider_die();
	WORK_UNTIL(n_sent > n_read);
	take_rescind(relid);
	vsp_link_remove(link_of);
	take_nothing();
	guest_lets_go(relid);
	WORK_UNTIL(is_removed());
}

// The hypervisor goes down, with the guest still at it; the bus goes last.
static void destroyed_in_any_state(void **)
{
	for (unsigned state = 0; state < 6; state++) {
		uint32_t relid = state >= 2 ? attach_and_open() : 0;

		pr.silent = state == 3;
		if (state == 1)
			WORK_UNTIL(pr.ready);
		if (state == 3)
			post_modify(relid, 0);
		if (state == 4) {
			provider_stop();
			settle();
		}
		if (state == 5)
			vsp_link_remove(link_of);
		n_read = n_sent;
		provider_stop();
		vsp_link_destroy(link_of);
		link_of = NULL;
		if (state == 3)
			take_modified(relid);
		if (state == 2)
			take_rescind(relid);
		n_read = n_sent;
		if (relid != 0) {
			post_relid(VMBUS_CLOSECHANNEL, relid);
			post_teardown(relid, RING_GPADL);
			take_torndown(RING_GPADL);
			post_relid(VMBUS_RELID_RELEASED, relid);
		}
		take_nothing();
		teardown_link(NULL);
		setup_link(NULL);
	}
}

static void options_that_are_no_good_are_refused(void **)
{
	struct vsp_link_options o = {
		.bus = bus,
		.synic = &synic,
		.mem = &mem,
		.n_vps = N_VPS,
		.socket_path = pr.path,
		.partition = "vm1",
		.nic = "eth0",
		.port = "web1",
		.software = "test 1",
	};
	char long_name[200];

	memset(long_name, 'x', sizeof(long_name));
	long_name[199] = '\0';
	o.port = long_name;
	assert_null(vsp_link_create(&o));
	assert_int_equal(errno, EINVAL);
	o.port = "";
	assert_null(vsp_link_create(&o));
	o.port = "web1";
	o.socket_path = long_name;
	assert_null(vsp_link_create(&o));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup_link, teardown_link)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(removed_while_open_serves_the_guest_to_the_end),
		T(provider_dies_and_returns_during_removal),
		T(removed_while_the_provider_is_away),
		T(removed_while_opening_and_the_provider_is_away),
		T(removed_while_refused),
		T(removed_before_any_provider_came),
		T(removed_while_attaching),
		T(provider_that_dies_of_the_detach_is_done_as_well),
		T(guest_resets_during_removal),
		T(guest_resets_while_it_lets_go_alone),
		T(removed_while_it_lets_go_alone),
		T(destroyed_in_any_state),
		T(options_that_are_no_good_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
