/* SPDX-License-Identifier: BSD-3-Clause */
// NVSP: guest-abi §11, rule by rule, and what peers' histories teach of it.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model_guest.h"

static struct model_guest g;
static struct model_host h;

static const uint32_t all_versions[] = {NVSP_VERSION_1, NVSP_VERSION_2, NVSP_VERSION_4,
	NVSP_VERSION_5, NVSP_VERSION_6, NVSP_VERSION_6_1};
#define N_VERSIONS (sizeof(all_versions) / sizeof(all_versions[0]))

// The primary is open, nothing said.
static void begin(const struct model_options *o)
{
	model_guest_init(&g, o);
	g.pump = model_host_run;
	g.pump_arg = &h;
	assert_int_equal(model_host_start(&h, &g, false), 0);
	model_open(&g, 0);
}

static void end(void)
{
	model_part(&g, &h);
}

static struct netvsp_status status(void)
{
	static struct netvsp_status s;

	netvsp_get_status(h.vsp, &s);
	return s;
}

static uint32_t init(uint32_t min, uint32_t max)
{
	struct nvsp_message m = {.type = NVSP_INIT, .init = {min, max}};

	assert_true(model_nvsp(&g, &m, sizeof(m)));
	assert_int_equal(g.completion.type, NVSP_INIT_COMPLETE);
	return g.completion.init_complete.status;
}

// Type of the answer to a message with one word of body; its status in *answer.
static uint32_t ask(uint32_t type, uint32_t a, uint32_t b, uint32_t *answer)
{
	struct nvsp_message m = {.type = type};

	memcpy(m.raw, &a, 4);
	memcpy(m.raw + 4, &b, 4);
	assert_true(model_nvsp(&g, &m, sizeof(m)));
	*answer = g.completion.rndis_complete.status;
	return g.completion.type;
}

// §11.1: each version is taken, and frames cross with it, on sub-channels too
static void test_each_version(void **)
{
	static const uint8_t frame[64] = {2, 0x15, 0x5d, 0, 0, 1};

	for (unsigned i = 0; i < N_VERSIONS; i++) {
		const struct model_options o = {
			.version = all_versions[i],
			.n_channels = all_versions[i] >= NVSP_VERSION_5 ? 3 : 1,
		};

		model_pair(&g, &h, &o);
		assert_int_equal(status().nvsp_version, all_versions[i]);
		assert_int_equal(status().stage, NETVSP_FILTER);
		for (uint32_t q = 0; q < o.n_channels; q++) {
			model_send(&g, q, MODEL_SECTION, frame, 64, NULL, 0);
			model_publish(&g, q);
			assert_true(model_drain(&g));
			assert_int_equal(h.n_frames, q + 1);
			assert_int_equal(model_host_send(&h, q, frame, 64, NULL), 0);
			model_turn(&g);
			assert_int_equal(g.n_frames, q + 1);
		}
		end();
	}
}

// §11.3: Linux tries 6.1 down to 1, until one is taken
static void test_unknown_versions_are_refused(void **)
{
	const struct model_options o = {};

	begin(&o);
	assert_int_not_equal(init(0x70000, 0x70000), NVSP_STATUS_SUCCESS);
	assert_int_equal(g.completion.init_complete.status, NVSP_STATUS_TOO_NEW);
	assert_int_not_equal(init(1, 1), NVSP_STATUS_SUCCESS);
	assert_int_not_equal(init(NVSP_VERSION_4 + 1, NVSP_VERSION_5 - 1), NVSP_STATUS_SUCCESS);
	assert_int_not_equal(init(UINT32_MAX, 0), NVSP_STATUS_SUCCESS);
	assert_int_equal(status().stage, NETVSP_OPEN);
	assert_int_equal(init(NVSP_VERSION_5, NVSP_VERSION_5), NVSP_STATUS_SUCCESS);
	assert_int_equal(status().stage, NETVSP_NEGOTIATED);
	end();
}

// A range gets the highest of it
static void test_range_of_versions(void **)
{
	const struct model_options o = {};

	begin(&o);
	assert_int_equal(init(NVSP_VERSION_1, 0x7fffffff), NVSP_STATUS_SUCCESS);
	assert_int_equal(g.completion.init_complete.version, NVSP_VERSION_6_1);
	end();
}

// Trap 8: INIT_COMPLETE and RECV_BUF_COMPLETE have at least 28 bytes
static void test_completions_are_padded(void **)
{
	for (unsigned i = 0; i < N_VERSIONS; i++) {
		const struct model_options o = {.version = all_versions[i]};

		begin(&o);
		model_init(&g);
		assert_true(g.completion_len >= 28);
		model_buffers(&g);
		assert_true(g.completion_len >= 28);
		assert_int_equal(g.completion_len, all_versions[i] >= NVSP_VERSION_6_1 ? 40 : 32);
		end();
	}
}

// OpenVMM #3908, #4060: the size follows the version on every channel; the model guest counts a
// completion or packet of another size as an error
static void test_sizes_on_subchannels(void **)
{
	static const uint8_t frame[64] = {2, 0x15, 0x5d, 0, 0, 1};
	const struct model_options o = {.version = NVSP_VERSION_6, .n_channels = 4};

	model_pair(&g, &h, &o);
	for (uint32_t q = 0; q < 4; q++) {
		model_send(&g, q, MODEL_RANGES, frame, 64, NULL, 0);
		model_publish(&g, q);
		model_host_send(&h, q, frame, 64, NULL);
	}
	assert_true(model_drain(&g));
	assert_int_equal(g.completion_len, 32);
	assert_int_equal(g.n_frames, 4);
	end();
}

// §16: single-shot messages come once from open to close
static void test_single_shot_messages_come_once(void **)
{
	const struct model_options o = {.n_channels = 2};
	uint32_t answer;

	model_pair(&g, &h, &o);
	assert_int_equal(init(NVSP_VERSION_6_1, NVSP_VERSION_6_1), NVSP_STATUS_FAIL);
	assert_int_equal(ask(NVSP_SEND_RECEIVE_BUFFER, MODEL_RECEIVE, 0xcafe, &answer),
		NVSP_RECEIVE_BUFFER_COMPLETE);
	assert_int_equal(answer, NVSP_STATUS_FAIL);
	assert_int_equal(
		ask(NVSP_SEND_SEND_BUFFER, MODEL_SEND, 0, &answer), NVSP_SEND_BUFFER_COMPLETE);
	assert_int_equal(answer, NVSP_STATUS_FAIL);
	assert_int_equal(ask(NVSP_SUBCHANNEL, 1, 1, &answer), NVSP_SUBCHANNEL);
	assert_int_equal(answer, NVSP_STATUS_FAIL);
	ask(NVSP_SEND_NDIS_VERSION, 6, 30, &answer);
	assert_int_equal(answer, NVSP_STATUS_FAIL);
	ask(NVSP_SEND_NDIS_CONFIG, 9014, 0, &answer);
	assert_int_equal(answer, NVSP_STATUS_FAIL);
	assert_int_equal(status().guest_mtu, 1500);
	assert_int_equal(status().nvsp_version, NVSP_VERSION_6_1);
	assert_int_equal(status().bad_messages, 6);
	assert_int_equal(status().stage, NETVSP_FILTER);
	end();
}

// Nothing but INIT before a version is agreed upon
static void test_nothing_before_init(void **)
{
	static const uint32_t types[] = {NVSP_SEND_NDIS_VERSION, NVSP_SEND_RECEIVE_BUFFER,
		NVSP_REVOKE_RECEIVE_BUFFER, NVSP_SEND_SEND_BUFFER, NVSP_REVOKE_SEND_BUFFER,
		NVSP_SEND_NDIS_CONFIG, NVSP_SWITCH_DATA_PATH, NVSP_SUBCHANNEL, NVSP_OID_QUERY_EX,
		NVSP_PD_API};
	const struct model_options o = {};
	uint32_t answer;

	begin(&o);
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		ask(types[i], MODEL_RECEIVE, 0xcafe, &answer);
		assert_int_equal(answer, NVSP_STATUS_FAIL);
	}
	assert_int_equal(status().stage, NETVSP_OPEN);
	assert_int_equal(status().receive_buffer, 0);
	end();
}

// What came with a later version is not known to an earlier one
static void test_messages_of_later_versions(void **)
{
	const struct model_options o = {.version = NVSP_VERSION_2};
	uint32_t answer;

	begin(&o);
	model_init(&g);
	model_buffers(&g);
	ask(NVSP_SUBCHANNEL, 1, 1, &answer);
	assert_int_equal(answer, NVSP_STATUS_FAIL);
	ask(NVSP_SWITCH_DATA_PATH, 0, 0, &answer);
	assert_int_equal(answer, NVSP_STATUS_FAIL);
	end();
}

// §16: each type has a least length; shorter ones are refused and harm nothing
static void test_short_messages(void **)
{
	static const struct {
		uint32_t type, least;
	} cases[] = {
		{NVSP_INIT, 16},
		{NVSP_SEND_RECEIVE_BUFFER, 16},
		{NVSP_SEND_SEND_BUFFER, 16},
		{NVSP_SUBCHANNEL, 16},
		{NVSP_SEND_NDIS_CONFIG, 24},
	};
	const struct model_options o = {.max_queues = 4};

	begin(&o);
	model_init(&g);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (uint32_t len = 0; len < cases[i].least; len += 8) {
			struct nvsp_message m = {.type = cases[i].type};

			m.raw[0] = 1;
			assert_true(model_nvsp(&g, &m, len));
		}
	}
	assert_int_equal(status().receive_buffer, 0);
	assert_false(status().failed);
	end();
}

// Types that are none, or that only hosts send
static void test_unknown_types(void **)
{
	static const uint32_t types[] = {0, 2, 3, 99, 102, 105, 108, 109, 124, 126, 127, 128, 130,
		132, 134, 137, 0x7fffffff, UINT32_MAX};
	const struct model_options o = {};
	uint32_t answer;

	begin(&o);
	model_init(&g);
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		ask(types[i], 0, 0, &answer);
		assert_int_equal(answer, NVSP_STATUS_FAIL);
	}
	assert_int_equal(status().bad_messages, sizeof(types) / sizeof(types[0]));
	model_buffers(&g);
	end();
}

// §16: control only on the primary
static void test_control_on_a_subchannel(void **)
{
	const struct model_options o = {.n_channels = 2};
	struct nvsp_message m = {.type = NVSP_REVOKE_RECEIVE_BUFFER, .revoke = {0xcafe}};
	static const uint8_t frame[64] = {2, 0x15, 0x5d, 0, 0, 1};
	uint32_t id;

	model_pair(&g, &h, &o);
	model_nvsp_post(&g, 1, &m, sizeof(m));
	model_turn(&g);
	assert_int_not_equal(status().receive_buffer, 0);
	id = model_rndis_post(&g, 1, (const uint8_t[12]){3, 0, 0, 0, 12}, 12);
	assert_true(model_drain(&g));
	assert_int_equal(g.tx[id].status, NVSP_STATUS_INVALID_RNDIS);
	assert_int_equal(status().stage, NETVSP_FILTER);
	assert_int_equal(status().bad_messages, 2);
	assert_int_equal(model_host_send(&h, 1, frame, 64, NULL), 0);
	end();
}

// §11.3: sub_alloc_size follows the MTU told in NDIS_CONFIG; 36 bytes at its end stay unwritten
// (the model guest counts a range into them as an error)
static void test_section_size_follows_the_mtu(void **)
{
	static const struct {
		uint32_t mtu, size;
	} cases[] = {{1500, 1856}, {9000, 9344}, {576, 1856}, {65521, 65856}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct model_options o = {.mtu = cases[i].mtu, .receive_size = 16u << 20};

		begin(&o);
		model_init(&g);
		model_buffers(&g);
		assert_int_equal(g.sub_size, cases[i].size);
		assert_int_equal(g.sub_size % 64, 0);
		assert_int_equal(g.n_sections, o.receive_size / g.sub_size);
		assert_int_equal(g.section_size, 6144);
		end();
	}
}

// §11.1: up to version 2 at most 15 MB of receive buffer
static void test_legacy_receive_buffer_limit(void **)
{
	static const struct {
		uint32_t version, size, status;
	} cases[] = {
		{NVSP_VERSION_1, 15u << 20, NVSP_STATUS_SUCCESS},
		{NVSP_VERSION_1, 16u << 20, NVSP_STATUS_FAIL},
		{NVSP_VERSION_2, 16u << 20, NVSP_STATUS_FAIL},
		{NVSP_VERSION_4, 16u << 20, NVSP_STATUS_SUCCESS},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct model_options o = {
			.version = cases[i].version, .receive_size = cases[i].size};
		uint32_t answer;

		begin(&o);
		model_init(&g);
		ask(NVSP_SEND_RECEIVE_BUFFER, MODEL_RECEIVE, 0xcafe, &answer);
		assert_int_equal(answer, cases[i].status);
		end();
	}
}

// Buffers that are no page list, or too small for anything
static void test_useless_buffers_are_refused(void **)
{
	const struct model_options o = {.receive_size = 8192, .send_size = 4096};
	const struct model_options good = {};
	uint32_t answer;

	begin(&o);
	model_init(&g);
	assert_int_equal(ask(NVSP_SEND_RECEIVE_BUFFER, MODEL_RECEIVE, 0xcafe, &answer),
		NVSP_RECEIVE_BUFFER_COMPLETE);
	assert_int_equal(answer, NVSP_STATUS_FAIL);
	assert_int_equal(
		ask(NVSP_SEND_SEND_BUFFER, MODEL_SEND, 0, &answer), NVSP_SEND_BUFFER_COMPLETE);
	assert_int_equal(answer, NVSP_STATUS_FAIL);
	end();
	begin(&good);
	model_init(&g);
	ask(NVSP_SEND_RECEIVE_BUFFER, 12345, 0xcafe, &answer);
	assert_int_equal(answer, NVSP_STATUS_FAIL);
	assert_int_equal(status().stage, NETVSP_NEGOTIATED);
	end();
}

// A page list that is still on its way: the message stays unread until it is there
static void test_late_page_list(void **)
{
	const struct model_options o = {};
	struct nvsp_message m = {.type = NVSP_SEND_RECEIVE_BUFFER};
	uint32_t id;

	begin(&o);
	model_init(&g);
	model_turn(&g);
	h.late = true;
	m.buffer.gpadl = MODEL_RECEIVE;
	m.buffer.id = NVSP_RECEIVE_BUFFER_ID;
	id = model_send_record(&g, 0, VMBUS_PACKET_IN_BAND, true, NULL, 0, &m, sizeof(m));
	model_publish(&g, 0);
	for (int i = 0; i < 20; i++)
		model_turn(&g);
	assert_int_equal(g.tx[id].state, 1);
	assert_false(netvsp_arm(h.vsp));
	h.late = false;
	assert_true(model_drain(&g));
	assert_int_equal(g.completion.receive_complete.status, NVSP_STATUS_SUCCESS);
	end();
}

// §11.3, §14: after REVOKE nothing is written there any more
static void test_revoke(void **)
{
	static const uint8_t frame[64] = {2, 0x15, 0x5d, 0, 0, 1};
	const struct model_options o = {.n_channels = 2};
	struct nvsp_message m = {.type = NVSP_REVOKE_RECEIVE_BUFFER, .revoke = {0xcafe}};
	uint32_t id;

	model_pair(&g, &h, &o);
	model_nvsp_post(&g, 0, &m, sizeof(m));
	m = (struct nvsp_message){.type = NVSP_REVOKE_SEND_BUFFER, .revoke = {0}};
	model_nvsp_post(&g, 0, &m, sizeof(m));
	model_turn(&g);
	model_turn(&g);
	assert_int_equal(status().receive_buffer, 0);
	assert_int_equal(status().send_buffer, 0);
	for (uint32_t q = 0; q < 2; q++)
		assert_int_equal(model_host_send(&h, q, frame, 64, NULL), -ENETDOWN);
	id = model_send(&g, 0, MODEL_SECTION, frame, 64, NULL, 0);
	model_publish(&g, 0);
	assert_true(model_drain(&g));
	assert_int_equal(g.tx[id].status, NVSP_STATUS_INVALID_RNDIS);
	// Control has no way back either, and says so.
	id = model_rndis_post(&g, 0, (const uint8_t[12]){8, 0, 0, 0, 12}, 12);
	assert_true(model_drain(&g));
	assert_int_equal(g.tx[id].status, NVSP_STATUS_INVALID_RNDIS);
	end();
}

// The bus takes a page list back that the guest never revoked
static void test_page_list_taken_back(void **)
{
	static const uint8_t frame[64] = {2, 0x15, 0x5d, 0, 0, 1};
	const struct model_options o = {};

	model_pair(&g, &h, &o);
	netvsp_forget_gpadl(h.vsp, 4711);
	assert_int_equal(model_host_send(&h, 0, frame, 64, NULL), 0);
	netvsp_forget_gpadl(h.vsp, MODEL_RECEIVE);
	netvsp_forget_gpadl(h.vsp, MODEL_SEND);
	assert_int_equal(model_host_send(&h, 0, frame, 64, NULL), -ENETDOWN);
	assert_int_equal(status().send_buffer, 0);
	end();
}

// §11.2: SWITCH_DATA_PATH may come at any time and is completed
static void test_switch_data_path_is_completed(void **)
{
	const struct model_options o = {};
	uint32_t answer;

	model_pair(&g, &h, &o);
	for (uint32_t active = 0; active < 2; active++)
		ask(NVSP_SWITCH_DATA_PATH, active, 0, &answer);
	assert_int_equal(answer, NVSP_STATUS_SUCCESS);
	assert_int_equal(status().stage, NETVSP_FILTER);
	end();
}

// §11.2: PacketDirect and OID_QUERY_EX are refused, in their own words
static void test_what_is_not_there_is_refused(void **)
{
	const struct model_options o = {};
	uint32_t answer;

	model_pair(&g, &h, &o);
	assert_int_equal(ask(NVSP_OID_QUERY_EX, 0, 0, &answer), NVSP_OID_QUERY_EX_COMPLETE);
	assert_int_equal(answer, NVSP_STATUS_UNSUPPORTED);
	ask(NVSP_PD_API, 0, 0, &answer);
	assert_int_equal(answer, NVSP_STATUS_UNSUPPORTED);
	ask(NVSP_PD_POST_BATCH, 0, 0, &answer);
	assert_int_equal(answer, NVSP_STATUS_UNSUPPORTED);
	end();
}

// §11.5: as many as asked, the answer first, then the wish for so many offers
static void test_subchannels_answer_first_then_offers(void **)
{
	const struct model_options o = {.max_queues = 8};
	struct netvsp_frame frames[NETVSP_BURST];
	struct nvsp_message m = {.type = NVSP_SUBCHANNEL, .subchannel = {1, 3}};

	begin(&o);
	model_init(&g);
	model_buffers(&g);
	model_initialize(&g);
	model_send_record(&g, 0, VMBUS_PACKET_IN_BAND, true, NULL, 0, &m, sizeof(m));
	model_publish(&g, 0);
	netvsp_poll_from_guest(h.vsp, 0, frames, NETVSP_BURST);
	assert_int_equal(atomic_load(&g.shared->wanted), 0);
	netvsp_complete(h.vsp, 0);
	assert_int_equal(atomic_load(&g.shared->wanted), 3);
	model_poll(&g);
	assert_int_equal(g.completion.type, NVSP_SUBCHANNEL);
	assert_int_equal(g.completion.subchannel_complete.status, NVSP_STATUS_SUCCESS);
	assert_int_equal(g.completion.subchannel_complete.count, 3);
	assert_int_equal(status().n_granted, 3);
	end();
}

// OpenVMM #2430, #2799: more than there are queues are refused
static void test_too_many_subchannels_are_refused(void **)
{
	static const struct {
		uint32_t operation, asked, status;
	} cases[] = {
		{1, 3, NVSP_STATUS_SUCCESS},
		{1, 0, NVSP_STATUS_SUCCESS},
		{1, 4, NVSP_STATUS_FAIL},
		{1, UINT32_MAX, NVSP_STATUS_FAIL},
		{0, 1, NVSP_STATUS_FAIL},
		{2, 1, NVSP_STATUS_FAIL},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct model_options o = {.max_queues = 4};
		uint32_t answer;

		begin(&o);
		model_init(&g);
		model_buffers(&g);
		assert_int_equal(ask(NVSP_SUBCHANNEL, cases[i].operation, cases[i].asked, &answer),
			NVSP_SUBCHANNEL);
		assert_int_equal(answer, cases[i].status);
		assert_int_equal(g.completion.subchannel_complete.count,
			answer == NVSP_STATUS_SUCCESS ? cases[i].asked : 0);
		end();
	}
}

// A receive buffer too small for so many queues: fewer are granted
static void test_fewer_subchannels_than_asked(void **)
{
	const struct model_options o = {.max_queues = 64, .receive_size = 128u << 10};
	uint32_t answer;

	begin(&o);
	model_init(&g);
	model_buffers(&g);
	ask(NVSP_SUBCHANNEL, 1, 63, &answer);
	assert_int_equal(answer, NVSP_STATUS_SUCCESS);
	assert_true(g.completion.subchannel_complete.count < 4);
	assert_true(model_wait(
		&g, atomic_load(&g.shared->wanted) == g.completion.subchannel_complete.count));
	end();
}

// §11.5: a sub-channel that nobody granted, or before there are buffers, is not opened
static void test_subchannels_out_of_turn(void **)
{
	const struct model_options o = {.max_queues = 4};
	uint32_t answer;

	begin(&o);
	assert_int_equal(netvsp_open(h.vsp, 1, &h.channel[1], false), -EINVAL);
	model_init(&g);
	model_buffers(&g);
	assert_int_equal(netvsp_open(h.vsp, 1, &h.channel[1], false), -EINVAL);
	ask(NVSP_SUBCHANNEL, 1, 1, &answer);
	model_open(&g, 1);
	assert_int_equal(netvsp_open(h.vsp, 1, &h.channel[1], false), -EINVAL);
	assert_int_equal(netvsp_open(h.vsp, 2, &h.channel[2], false), -EINVAL);
	assert_int_equal(netvsp_open(h.vsp, 4, &h.channel[4], false), -EINVAL);
	assert_int_equal(netvsp_open(h.vsp, UINT32_MAX, &h.channel[4], false), -EINVAL);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_version),
		cmocka_unit_test(test_unknown_versions_are_refused),
		cmocka_unit_test(test_range_of_versions),
		cmocka_unit_test(test_completions_are_padded),
		cmocka_unit_test(test_sizes_on_subchannels),
		cmocka_unit_test(test_single_shot_messages_come_once),
		cmocka_unit_test(test_nothing_before_init),
		cmocka_unit_test(test_messages_of_later_versions),
		cmocka_unit_test(test_short_messages),
		cmocka_unit_test(test_unknown_types),
		cmocka_unit_test(test_control_on_a_subchannel),
		cmocka_unit_test(test_section_size_follows_the_mtu),
		cmocka_unit_test(test_legacy_receive_buffer_limit),
		cmocka_unit_test(test_useless_buffers_are_refused),
		cmocka_unit_test(test_late_page_list),
		cmocka_unit_test(test_revoke),
		cmocka_unit_test(test_page_list_taken_back),
		cmocka_unit_test(test_switch_data_path_is_completed),
		cmocka_unit_test(test_what_is_not_there_is_refused),
		cmocka_unit_test(test_subchannels_answer_first_then_offers),
		cmocka_unit_test(test_too_many_subchannels_are_refused),
		cmocka_unit_test(test_fewer_subchannels_than_asked),
		cmocka_unit_test(test_subchannels_out_of_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
