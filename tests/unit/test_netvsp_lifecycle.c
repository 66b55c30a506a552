/* SPDX-License-Identifier: BSD-3-Clause */
// From open to close and again: guest-abi §14, sleeping and waking (§9.1, §9.3), status.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ndis_compat/oid.h>

#include "model_guest.h"

static struct model_guest g;
static struct model_host h;

static const uint8_t frame[64] = {2, 0x15, 0x5d, 0, 0, 1};

static struct netvsp_status status(void)
{
	static struct netvsp_status s;

	netvsp_get_status(h.vsp, &s);
	return s;
}

static void exchange(uint32_t n_channels)
{
	for (uint32_t q = 0; q < n_channels; q++) {
		uint32_t n = g.n_frames, m = h.n_frames;

		assert_int_not_equal(model_send(&g, q, MODEL_SECTION, frame, 64, NULL, 0), 0);
		model_publish(&g, q);
		assert_true(model_drain(&g));
		assert_int_equal(h.n_frames, m + 1);
		assert_int_equal(model_host_send(&h, q, frame, 64, NULL), 0);
		model_turn(&g);
		assert_int_equal(g.n_frames, n + 1);
	}
}

// The steps of a guest that comes up
static void test_stages(void **)
{
	const struct model_options o = {};

	model_guest_init(&g, &o);
	g.pump = model_host_run;
	g.pump_arg = &h;
	assert_int_equal(model_host_start(&h, &g, false), 0);
	assert_int_equal(status().stage, NETVSP_CLOSED);
	model_open(&g, 0);
	assert_int_equal(status().stage, NETVSP_OPEN);
	model_init(&g);
	assert_int_equal(status().stage, NETVSP_NEGOTIATED);
	model_buffers(&g);
	assert_int_equal(status().stage, NETVSP_SEND_BUFFER);
	model_initialize(&g);
	assert_int_equal(status().stage, NETVSP_RNDIS);
	model_set_filter(&g, 0xd);
	assert_int_equal(status().stage, NETVSP_FILTER);
	assert_int_equal(status().ndis_major, 6);
	assert_int_equal(status().ndis_minor, 30);
	assert_int_equal(status().guest_mtu, 1500);
	assert_int_equal(status().receive_buffer, 2u << 20);
	assert_int_equal(status().receive_section, 1856);
	assert_int_equal(status().send_section, 6144);
	assert_true(h.n_changes >= 5);
	model_set_filter(&g, 0);
	assert_int_equal(status().stage, NETVSP_RNDIS);
	model_close(&g, 0);
	assert_int_equal(status().stage, NETVSP_CLOSED);
	assert_int_equal(status().nvsp_version, 0);
	model_part(&g, &h);
}

// §14: MTU, ring sizes and channels change by filter 0, HALT, REVOKE, close, and all over again
static void test_reconfigure(void **)
{
	const struct model_options o = {.n_channels = 3, .max_queues = 4, .receive_size = 4u << 20};
	static const uint32_t mtus[] = {1500, 9000, 1500, 4000};
	const uint8_t halt[12] = {3, 0, 0, 0, 12};

	model_pair(&g, &h, &o);
	for (unsigned i = 0; i < 4; i++) {
		struct nvsp_message m = {.type = NVSP_REVOKE_RECEIVE_BUFFER, .revoke = {0xcafe}};

		exchange(g.o.n_channels);
		model_set_filter(&g, 0);
		model_rndis_post(&g, 0, halt, sizeof(halt));
		assert_true(model_drain(&g));
		model_nvsp_post(&g, 0, &m, sizeof(m));
		m = (struct nvsp_message){.type = NVSP_REVOKE_SEND_BUFFER};
		model_nvsp_post(&g, 0, &m, sizeof(m));
		for (uint32_t q = g.o.n_channels; q-- > 0;)
			model_close(&g, q);
		atomic_store(&g.shared->wanted, 0);
		g.o.mtu = mtus[i];
		g.o.n_channels = 1 + i;
		model_connect(&g);
		assert_int_equal(status().guest_mtu, mtus[i]);
		assert_int_equal(status().n_queues, 1 + i);
	}
	exchange(4);
	model_part(&g, &h);
}

// Trap 15: a guest that closes without a word (panic, kexec) and opens again
static void test_close_without_a_word(void **)
{
	const struct model_options o = {.n_channels = 2};

	model_pair(&g, &h, &o);
	for (int i = 0; i < 20; i++) {
		g.hold = true;
		for (int k = 0; k < 50; k++) {
			model_host_send(&h, k & 1, frame, 64, NULL);
			model_send(&g, k & 1, MODEL_SECTION, frame, 64, NULL, 0);
		}
		model_publish(&g, 0);
		g.hold = false;
		g.n_holding = 0;
		model_close(&g, 1);
		model_close(&g, 0);
		atomic_store(&g.shared->wanted, 0);
		model_connect(&g);
		exchange(2);
	}
	model_part(&g, &h);
}

// The primary goes first: sub-channels that are still open are of no use, and harmless
static void test_primary_closed_before_subchannels(void **)
{
	const struct model_options o = {.n_channels = 2};

	model_pair(&g, &h, &o);
	model_close(&g, 0);
	assert_int_equal(model_host_send(&h, 1, frame, 64, NULL), -ENETDOWN);
	g.sub_size = 0; // no version is agreed upon any more, nor a size
	model_send(&g, 1, MODEL_RANGES, frame, 64, NULL, 0);
	model_publish(&g, 1);
	model_turn(&g);
	assert_int_equal(h.n_frames, 0);
	model_close(&g, 1);
	model_part(&g, &h);
}

// §9.1: asleep, the guest signals with the next record; there is no gap in between
static void test_arm(void **)
{
	const struct model_options o = {.n_channels = 2};

	model_pair(&g, &h, &o);
	for (int i = 0; i < 10; i++)
		model_turn(&g);
	assert_true(netvsp_arm(h.vsp));
	for (uint32_t q = 0; q < 2; q++)
		assert_int_equal(atomic_load(&g.channel[q].out.hdr->interrupt_mask), 0);
	model_send(&g, 1, MODEL_SECTION, frame, 64, NULL, 0);
	assert_true(model_publish(&g, 1));
	netvsp_disarm(h.vsp);
	for (uint32_t q = 0; q < 2; q++)
		assert_int_equal(atomic_load(&g.channel[q].out.hdr->interrupt_mask), 1);
	// There is something already.
	assert_false(netvsp_arm(h.vsp));
	assert_int_equal(atomic_load(&g.channel[0].out.hdr->interrupt_mask), 1);
	assert_true(model_drain(&g));
	for (int i = 0; i < 10; i++)
		model_turn(&g);
	assert_true(netvsp_arm(h.vsp));
	netvsp_disarm(h.vsp);
	// News of the link are work, too.
	netvsp_set_link(h.vsp, false, 0);
	assert_false(netvsp_arm(h.vsp));
	model_turn(&g);
	model_turn(&g);
	assert_true(netvsp_arm(h.vsp));
	netvsp_disarm(h.vsp);
	model_part(&g, &h);
}

// Poll mode: the guest never signals (§9.1)
static void test_masked_from_the_start(void **)
{
	const struct model_options o = {.n_channels = 2};

	model_pair(&g, &h, &o);
	for (uint32_t q = 0; q < 2; q++) {
		assert_int_equal(atomic_load(&g.channel[q].out.hdr->interrupt_mask), 1);
		model_send(&g, q, MODEL_SECTION, frame, 64, NULL, 0);
		assert_false(model_publish(&g, q));
	}
	assert_true(model_drain(&g));
	model_part(&g, &h);
}

// §9.3: no room for completions: the guest's reader is asked to tell when there is
static void test_sleeping_without_room(void **)
{
	const struct model_options o = {.ring_pages = 4};
	struct vmbus_packet p;
	uint32_t n = 0;
	bool told = false;

	model_pair(&g, &h, &o);
	for (int i = 0; i < 10; i++)
		model_turn(&g);
	for (int i = 0; i < 40; i++) {
		while (model_send(&g, 0, MODEL_RANGES, frame, 64, NULL, 0) != 0)
			n++;
		model_publish(&g, 0);
		model_host_run(&h);
	}
	assert_int_equal(g.n_out, n);
	assert_true(netvsp_arm(h.vsp));
	assert_int_not_equal(atomic_load(&g.channel[0].in.hdr->pending_send_size), 0);
	// The guest reads, and sees that the host waits.
	while (!told && vmbus_ring_peek(&g.channel[0].in, &p) > 0) {
		g.tx[p.transaction].state = 2;
		g.n_out--;
		vmbus_ring_take(&g.channel[0].in, &p);
		told = vmbus_ring_publish_read(&g.channel[0].in);
	}
	assert_true(told);
	netvsp_disarm(h.vsp);
	assert_int_equal(atomic_load(&g.channel[0].in.hdr->pending_send_size), 0);
	assert_true(model_drain(&g));
	model_part(&g, &h);
}

// A channel opened twice, closed twice, of no number
static void test_open_and_close_out_of_turn(void **)
{
	const struct model_options o = {};

	model_pair(&g, &h, &o);
	assert_int_equal(netvsp_open(h.vsp, 0, &h.channel[0], false), -EINVAL);
	netvsp_close(h.vsp, 1);
	netvsp_close(h.vsp, 64);
	netvsp_close(h.vsp, UINT32_MAX);
	exchange(1);
	model_part(&g, &h);
}

// 64 queues, as many as there can be
static void test_64_queues(void **)
{
	const struct model_options o = {
		.n_channels = 64, .ring_pages = 4, .receive_size = 8u << 20};

	model_pair(&g, &h, &o);
	assert_int_equal(status().n_queues, 64);
	exchange(64);
	model_part(&g, &h);
}

// §16: a flood of control costs other guests little: one message a poll, and then a share of time
static void test_control_flood_is_bounded(void **)
{
	const struct model_options o = {.ring_pages = 128};
	struct nvsp_message m = {.type = NVSP_SWITCH_DATA_PATH};
	struct netvsp_frame frames[NETVSP_BURST];
	uint64_t before, n = 0;

	model_pair(&g, &h, &o);
	model_turn(&g);
	while (model_send_record(&g, 0, VMBUS_PACKET_IN_BAND, false, NULL, 0, &m, sizeof(m)) != 0)
		n++;
	model_publish(&g, 0);
	before = status().control_messages;
	netvsp_poll_from_guest(h.vsp, 0, frames, NETVSP_BURST);
	netvsp_complete(h.vsp, 0);
	assert_int_equal(status().control_messages, before + 1);
	assert_false(netvsp_arm(h.vsp));
	assert_true(n > 1000);
	model_part(&g, &h);
}

// And so does a flood of garbage: a guest that sends nothing else is left alone for a while, then
// heard again
static void test_garbage_flood_is_bounded(void **)
{
	const struct model_options o = {.ring_pages = 128, .n_channels = 2};
	struct nvsp_message m = {.type = NVSP_RNDIS_PACKET};
	uint64_t before, after;
	int idle = 0;

	model_pair(&g, &h, &o);
	m.rndis.section = 12345678;
	for (int i = 0; i < 100000 && idle < 3; i++) {
		while (model_send_record(
			       &g, 1, VMBUS_PACKET_IN_BAND, false, NULL, 0, &m, sizeof(m)) != 0)
			;
		model_publish(&g, 1);
		before = status().bad_frames;
		model_host_run(&h);
		after = status().bad_frames;
		idle = after == before ? idle + 1 : 0;
	}
	assert_int_equal(idle, 3);
	assert_in_range(after, 4000, 1000000);
	assert_false(netvsp_arm(h.vsp));
	assert_true(model_wait(&g, status().bad_frames > after));
	// Opened again, it begins anew.
	model_close(&g, 1);
	model_close(&g, 0);
	atomic_store(&g.shared->wanted, 0);
	model_connect(&g);
	exchange(2);
	model_part(&g, &h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_reconfigure),
		cmocka_unit_test(test_close_without_a_word),
		cmocka_unit_test(test_primary_closed_before_subchannels),
		cmocka_unit_test(test_arm),
		cmocka_unit_test(test_masked_from_the_start),
		cmocka_unit_test(test_sleeping_without_room),
		cmocka_unit_test(test_open_and_close_out_of_turn),
		cmocka_unit_test(test_64_queues),
		cmocka_unit_test(test_control_flood_is_bounded),
		cmocka_unit_test(test_garbage_flood_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
