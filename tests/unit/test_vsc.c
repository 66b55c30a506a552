/* SPDX-License-Identifier: BSD-3-Clause */
// The model guest against the real provider: coming up, going down, and what is said on the way.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vsc_fixture.h"

#include <ndis_compat/oid.h>

static struct netvsp_status status;

static const struct netvsp_status *host(void)
{
	netvsp_get_status(vsp, &status);
	return &status;
}

static void every_nvsp_version_comes_up(void **)
{
	static const uint32_t versions[] = {NVSP_VERSION_1, NVSP_VERSION_2, NVSP_VERSION_4,
		NVSP_VERSION_5, NVSP_VERSION_6, NVSP_VERSION_6_1};

	for (unsigned i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		setup(NULL);
		begin(&(struct vsc_options){.nvsp_version = versions[i]});
		assert_int_equal(host()->nvsp_version, versions[i]);
		assert_int_equal(host()->stage, NETVSP_FILTER);
		assert_int_equal(vsc_get_info(vsc)->nvsp_version, versions[i]);
		assert_memory_equal(vsc_get_info(vsc)->mac, "\x02\0\0\0\0\x07", 6);
		end();
		assert_int_equal(faults(), 0);
		assert_int_equal(host()->bad_messages, 0);
		if (i + 1 < sizeof(versions) / sizeof(versions[0]))
			teardown(NULL);
	}
}

static void the_newest_version_is_found(void **)
{
	begin(&(struct vsc_options){});
	assert_int_equal(vsc_get_info(vsc)->nvsp_version, NVSP_VERSION_6_1);
	assert_int_equal(vsc_get_info(vsc)->vmbus_version, VMBUS_VERSION_5_3);
	end();
	assert_int_equal(faults(), 0);
}

static void every_vmbus_version_comes_up(void **)
{
	static const uint32_t versions[] = {VMBUS_VERSION_3_0, VMBUS_VERSION_4_0, VMBUS_VERSION_4_1,
		VMBUS_VERSION_5_0, VMBUS_VERSION_5_1, VMBUS_VERSION_5_2, VMBUS_VERSION_5_3};
	unsigned n = sizeof(versions) / sizeof(versions[0]);

	for (unsigned i = 0; i < n; i++) {
		setup(NULL);
		begin(&(struct vsc_options){.vmbus_version = versions[i]});
		assert_int_equal(vmbus_bus_version(bus), versions[i]);
		end();
		assert_int_equal(faults(), 0);
		if (i + 1 < n)
			teardown(NULL);
	}
}

static void the_host_learns_what_linux_sets(void **)
{
	begin(&(struct vsc_options){.mtu = 9000});
	assert_int_equal(host()->guest_mtu, 9000);
	assert_int_equal(host()->filter, NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST |
						 NDIS_PACKET_TYPE_ALL_MULTICAST);
	assert_int_equal(host()->ndis_major, 6);
	assert_int_equal(host()->ndis_minor, 30);
	assert_true(
		host()->tx_csum && host()->lso4 && host()->lso6 && host()->rsc4 && host()->rsc6);
	assert_true(vsc_get_info(vsc)->offloads.lso4 && vsc_get_info(vsc)->udp_csum);
	assert_true(vsc_get_info(vsc)->max_packets > 1);
	end();
	assert_int_equal(host()->stage, NETVSP_CLOSED);
}

static void the_filter_follows_the_interface(void **)
{
	begin(&(struct vsc_options){});
	assert_int_equal(vsc_set_filter(vsc, VSC_FILTER_PROMISCUOUS), 0);
	assert_int_equal(host()->filter, NDIS_PACKET_TYPE_PROMISCUOUS);
	assert_int_equal(vsc_set_filter(vsc, VSC_FILTER_DOWN), 0);
	assert_int_equal(host()->filter, 0);
	// It holds over another opening.
	vsc_detach(vsc, true);
	assert_int_equal(vsc_attach(vsc), 0);
	assert_int_equal(host()->filter, 0);
	assert_int_equal(vsc_set_filter(vsc, VSC_FILTER_UP), 0);
	assert_int_not_equal(host()->filter, 0);
	end();
	assert_int_equal(faults(), 0);
}

static void another_address_is_told(void **)
{
	static const uint8_t mac[6] = {2, 0xab, 0, 0, 0xcd, 0x0f}, group[6] = {1, 0, 0, 0, 0, 1};

	begin(&(struct vsc_options){});
	assert_int_equal(vsc_set_mac(vsc, mac), 0);
	assert_memory_equal(host()->guest_mac, mac, 6);
	assert_memory_equal(vsc_get_info(vsc)->mac, mac, 6);
	assert_int_equal(vsc_set_mac(vsc, group), -EREMOTEIO);
	assert_memory_equal(vsc_get_info(vsc)->mac, mac, 6);
	end();
	assert_int_equal(faults(), 0);
}

static void without_offloads_none_are_on(void **)
{
	begin(&(struct vsc_options){.no_offloads = true, .no_rsc = true});
	assert_false(
		host()->tx_csum || host()->lso4 || host()->lso6 || host()->rsc4 || host()->rsc6);
	end();
}

static void the_mtu_is_what_both_can(void **)
{
	host_begin(1500);
	guest_begin(&(struct vsc_options){.mtu = 9000});
	assert_int_equal(vsc_connect(vsc), 0);
	assert_int_equal(vsc_attach(vsc), 0);
	assert_int_equal(vsc_get_info(vsc)->mtu, 1500);
	end();
}

static void another_mtu_takes_another_opening(void **)
{
	uint32_t before;

	begin(&(struct vsc_options){.n_queues = N_QUEUES});
	before = vsc_get_info(vsc)->receive_section;
	for (unsigned i = 0; i < 3; i++) {
		vsc_detach(vsc, true);
		vsc_set_mtu(vsc, i == 2 ? 1500 : 9000);
		assert_int_equal(vsc_attach(vsc), 0);
		assert_int_equal(host()->guest_mtu, i == 2 ? 1500 : 9000);
		assert_int_equal(vsc_get_info(vsc)->n_queues, N_QUEUES);
	}
	assert_int_equal(vsc_get_info(vsc)->receive_section, before);
	end();
	assert_int_equal(faults(), 0);
}

static void as_many_subchannels_are_offered_as_granted(void **)
{
	begin(&(struct vsc_options){.n_queues = N_QUEUES});
	assert_int_equal(vsc_get_info(vsc)->n_queues, N_QUEUES);
	assert_int_equal(host()->n_queues, N_QUEUES);
	assert_true(host()->rss);
	for (uint32_t q = 0; q < N_QUEUES; q++)
		assert_true(channel_open[q]);
	end();
	assert_int_equal(faults(), 0);
}

static void old_versions_have_one_queue(void **)
{
	begin(&(struct vsc_options){.n_queues = N_QUEUES, .nvsp_version = NVSP_VERSION_4});
	assert_int_equal(vsc_get_info(vsc)->n_queues, 1);
	assert_false(vsc_get_info(vsc)->udp_csum);
	end();
	assert_int_equal(faults(), 0);
}

static void link_changes_are_told(void **)
{
	begin(&(struct vsc_options){});
	run_all();
	assert_true(link_is_up);
	netvsp_set_link(vsp, false, 0);
	run_all();
	assert_false(link_is_up);
	netvsp_set_link(vsp, true, 10000);
	run_all();
	assert_true(link_is_up);
	end();
	assert_int_equal(faults(), 0);
}

static void a_nic_without_a_port_has_no_link(void **)
{
	host_begin(1500);
	netvsp_set_link(vsp, false, 0);
	guest_begin(&(struct vsc_options){});
	assert_int_equal(vsc_connect(vsc), 0);
	assert_int_equal(vsc_attach(vsc), 0);
	run_all();
	assert_false(link_is_up);
	end();
}

static void a_nic_that_is_taken_away_may_come_back(void **)
{
	begin(&(struct vsc_options){.n_queues = N_QUEUES});
	vmbus_rescind(device);
	assert_int_equal(vsc_run(vsc), -ENODEV);
	vsc_detach(vsc, false);
	assert_int_equal(vsc_run(vsc), 0);
	assert_true(released);
	assert_false(link_is_up);
	offer_nic();
	assert_int_equal(vsc_attach(vsc), 0);
	assert_int_equal(vsc_get_info(vsc)->n_queues, N_QUEUES);
	end();
	assert_int_equal(faults(), 0);
}

static void a_refused_open_leaves_nothing_behind(void **)
{
	host_begin(1500);
	guest_begin(&(struct vsc_options){});
	refuse_open = -EBUSY;
	assert_int_equal(vsc_connect(vsc), 0);
	assert_true(vsc_attach(vsc) < 0);
	for (unsigned i = 0; i < MAX_LISTS; i++)
		assert_null(lists[i]);
	refuse_open = 0;
	assert_int_equal(vsc_attach(vsc), 0);
	end();
}

static void the_host_may_be_away_at_the_end(void **)
{
	begin(&(struct vsc_options){});
	host_stands_still = true;
	waits = PATIENCE - 100;
	vsc_excuse(vsc, true);
	vsc_detach(vsc, true);
	assert_int_equal(vsc_get_stats(vsc, 0)->lost, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_nvsp_version_comes_up, teardown),
		cmocka_unit_test_setup_teardown(the_newest_version_is_found, setup, teardown),
		cmocka_unit_test_teardown(every_vmbus_version_comes_up, teardown),
		cmocka_unit_test_setup_teardown(the_host_learns_what_linux_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(the_filter_follows_the_interface, setup, teardown),
		cmocka_unit_test_setup_teardown(another_address_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(without_offloads_none_are_on, setup, teardown),
		cmocka_unit_test_setup_teardown(the_mtu_is_what_both_can, setup, teardown),
		cmocka_unit_test_setup_teardown(another_mtu_takes_another_opening, setup, teardown),
		cmocka_unit_test_setup_teardown(
			as_many_subchannels_are_offered_as_granted, setup, teardown),
		cmocka_unit_test_setup_teardown(old_versions_have_one_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(link_changes_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_nic_without_a_port_has_no_link, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_nic_that_is_taken_away_may_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_refused_open_leaves_nothing_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(the_host_may_be_away_at_the_end, setup, teardown),
	};

	return cmocka_run_group_tests_name("vsc", tests, NULL, NULL);
}
