/* SPDX-License-Identifier: BSD-3-Clause */
// The RNDIS device: guest-abi §12, rule by rule.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ndis_compat/oid.h>

#include "model_guest.h"

static struct model_guest g;
static struct model_host h;

static const uint8_t own_mac[6] = {0x02, 0x15, 0x5d, 0, 0, 1};

static int start(void **)
{
	const struct model_options o = {.max_queues = 4, .friendly_name = "web \xc3\xa9 1"};

	model_pair(&g, &h, &o);
	return 0;
}

static int stop(void **)
{
	model_part(&g, &h);
	return 0;
}

static struct netvsp_status status(void)
{
	static struct netvsp_status s;

	netvsp_get_status(h.vsp, &s);
	return s;
}

static uint32_t query_u32(uint32_t oid)
{
	uint32_t value = 0xdeadbeef;

	assert_int_equal(model_query(&g, oid, NULL, 0, &value, sizeof(value), NULL), 4);
	return value;
}

// §12: what INITIALIZE answers; 52 bytes in all
static void test_initialize(void **)
{
	struct rndis_control request = {.type = RNDIS_MSG_INITIALIZE, .major = 1}, answer;
	uint32_t words[13];

	assert_int_equal(model_rndis(&g, &request, &answer), 0);
	assert_int_equal(g.reply_len, 52);
	memcpy(words, g.reply, sizeof(words));
	assert_int_equal(words[3], NDIS_STATUS_SUCCESS);
	assert_int_equal(words[4], 1);          // major
	assert_int_equal(words[5], 0);          // minor
	assert_int_equal(words[6], 1);          // connectionless
	assert_int_equal(words[7], 0);          // 802.3
	assert_int_equal(words[8], 8);          // messages a packet
	assert_int_equal(words[9], 0xefffffff); // bytes
	assert_int_equal(words[10], 3);         // align to 8
}

// Before it, nothing is answered with success, and no filter opens
static void test_nothing_before_initialize(void **)
{
	const struct model_options o = {};
	struct model_guest g2;
	struct model_host h2;
	uint32_t filter = 0xd;
	ndis_status why;
	uint8_t mac[6];

	model_guest_init(&g2, &o);
	g2.pump = model_host_run;
	g2.pump_arg = &h2;
	assert_int_equal(model_host_start(&h2, &g2, false), 0);
	model_open(&g2, 0);
	model_init(&g2);
	model_buffers(&g2);
	assert_int_equal(model_query(&g2, OID_802_3_PERMANENT_ADDRESS, NULL, 0, mac, 6, &why), -1);
	assert_int_equal(why, NDIS_STATUS_FAILURE);
	assert_int_equal(
		model_set(&g2, OID_GEN_CURRENT_PACKET_FILTER, &filter, 4), NDIS_STATUS_FAILURE);
	assert_int_equal(model_host_send(&h2, 0, own_mac, 60, NULL), -ENETDOWN);
	model_part(&g2, &h2);
}

// §12: HALT has no answer, stops delivery at once, and lasts until the channel is closed
static void test_halt_stays_until_close(void **)
{
	const uint8_t halt[12] = {3, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0};
	struct rndis_control request = {.type = RNDIS_MSG_INITIALIZE, .major = 1}, answer;
	uint32_t replies, id;
	uint8_t frame[64] = {};

	memcpy(frame, own_mac, 6);
	assert_int_equal(model_host_send(&h, 0, frame, 64, NULL), 0);
	model_turn(&g);
	replies = g.n_replies;
	id = model_rndis_post(&g, 0, halt, sizeof(halt));
	assert_true(model_drain(&g));
	assert_int_equal(g.tx[id].status, NVSP_STATUS_SUCCESS);
	assert_int_equal(g.n_replies, replies);
	assert_int_equal(model_host_send(&h, 0, frame, 64, NULL), -ENETDOWN);
	// Frames that were on their way are completed, and go nowhere.
	id = model_send(&g, 0, MODEL_SECTION, frame, 64, NULL, 0);
	model_publish(&g, 0);
	assert_true(model_drain(&g));
	assert_int_equal(h.n_frames, 0);
	assert_int_equal(model_rndis(&g, &request, &answer), 0);
	assert_int_equal(answer.status, NDIS_STATUS_FAILURE);
	assert_int_equal(status().stage, NETVSP_SEND_BUFFER);
	model_close(&g, 0);
	model_connect(&g);
	assert_int_equal(model_host_send(&h, 0, frame, 64, NULL), 0);
}

static void test_keepalive_and_reset(void **)
{
	struct rndis_control request = {.type = RNDIS_MSG_KEEPALIVE}, answer;
	const uint8_t reset[12] = {6, 0, 0, 0, 12};
	uint32_t words[4], replies;

	assert_int_equal(model_rndis(&g, &request, &answer), 0);
	assert_int_equal(answer.status, NDIS_STATUS_SUCCESS);
	replies = g.n_replies;
	model_rndis_post(&g, 0, reset, sizeof(reset));
	assert_true(model_wait(&g, g.n_replies == replies + 1));
	memcpy(words, g.reply, sizeof(words));
	assert_int_equal(words[0], 0x80000006);
	assert_int_equal(words[2], NDIS_STATUS_SUCCESS);
	assert_int_equal(status().filter, 0xd);
}

// §12.1: the OIDs of a Linux probe
static void test_oids_of_linux(void **)
{
	uint8_t value[512];
	ndis_status why;
	int len;

	assert_int_equal(query_u32(OID_GEN_MAXIMUM_FRAME_SIZE), 9000);
	len = model_query(&g, OID_802_3_PERMANENT_ADDRESS, NULL, 0, value, 512, NULL);
	assert_int_equal(len, 6);
	assert_memory_equal(value, own_mac, 6);
	assert_int_equal(query_u32(OID_GEN_MEDIA_CONNECT_STATUS), 0);
	assert_int_equal(query_u32(OID_GEN_LINK_SPEED), 10000u * 10000u);
	len = model_query(&g, OID_GEN_FRIENDLY_NAME, NULL, 0, value, 512, &why);
	assert_int_equal(len, 14);
	assert_memory_equal(value, u"web \u00e9 1", 14);
}

// §12: an unsupported OID: status 0xC00000BB, length 0, offset 16
static void test_unsupported_oid(void **)
{
	static const uint32_t oids[] = {0, 0x00010211, 0xff010203, 0x0d010101, UINT32_MAX,
		OID_GEN_RECEIVE_SCALE_PARAMETERS, OID_PNP_QUERY_POWER};

	for (unsigned i = 0; i < sizeof(oids) / sizeof(oids[0]); i++) {
		uint32_t words[6];
		ndis_status why;
		uint8_t value[4];

		assert_int_equal(model_query(&g, oids[i], NULL, 0, value, 4, &why), -1);
		assert_int_equal(why, NDIS_STATUS_NOT_SUPPORTED);
		assert_int_equal(why, 0xc00000bb);
		assert_int_equal(g.reply_len, 24);
		memcpy(words, g.reply, sizeof(words));
		assert_int_equal(words[4], 0);
		assert_int_equal(words[5], 16);
	}
	assert_int_equal(model_set(&g, 0xff010203, "x", 1), NDIS_STATUS_NOT_SUPPORTED);
	assert_int_equal(
		model_set(&g, OID_GEN_MAXIMUM_FRAME_SIZE, "abcd", 4), NDIS_STATUS_NOT_SUPPORTED);
}

// What Windows asks: all that is listed can be asked for, or set
static void test_oids_of_windows(void **)
{
	uint32_t list[128];
	int len = model_query(&g, OID_GEN_SUPPORTED_LIST, NULL, 0, list, sizeof(list), NULL);

	assert_true(len >= 40 * 4);
	for (int i = 0; i < len / 4; i++) {
		uint8_t request[4], value[1024];
		uint32_t n = list[i] == OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES
		                     ? ndis_offload_build_request(request, 1)
		                     : 0;
		ndis_status why;

		assert_non_null(oid_name(list[i]));
		if (model_query(&g, list[i], request, n, value, sizeof(value), &why) < 0)
			assert_int_not_equal(
				model_set(&g, list[i], "", 0), NDIS_STATUS_NOT_SUPPORTED);
	}
	assert_int_equal(query_u32(OID_GEN_MAXIMUM_TOTAL_SIZE), 9014);
	assert_int_equal(query_u32(OID_GEN_MEDIA_SUPPORTED), 0);
	assert_int_equal(query_u32(OID_GEN_CURRENT_PACKET_FILTER), 0xd);
	assert_int_equal(query_u32(OID_GEN_MAXIMUM_SEND_PACKETS), 1);
}

// §12.2: revisions 3, 2 and 1 by the request's header
static void test_offload_capabilities(void **)
{
	static const uint32_t sizes[] = {0, 112, 144, 156};

	for (uint8_t revision = 1; revision <= 3; revision++) {
		struct ndis_offload_caps caps;
		uint8_t request[16], value[256];
		uint32_t n = ndis_offload_build_request(request, revision);
		int len = model_query(&g, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, request, n, value,
			sizeof(value), NULL);

		assert_int_equal(len, sizes[revision]);
		assert_int_equal(ndis_offload_parse(value, len, &caps), 0);
		assert_true(caps.tx_csum && caps.rx_csum && caps.lso4 && caps.lso6);
		assert_int_equal(caps.lso_max, 0xf53c);
		assert_int_equal(caps.rsc, revision == 3); // its bytes came with it
	}
}

static void test_offload_capabilities_of_nonsense(void **)
{
	static const uint8_t bad[][4] = {{0, 1, 112, 0}, {0xa7, 0, 112, 0}};
	uint8_t value[256];
	ndis_status why;

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(model_query(&g, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, bad[i], 4,
					 value, 256, &why),
			-1);
		assert_int_equal(why, NDIS_STATUS_INVALID_DATA);
	}
	assert_int_equal(
		model_query(&g, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, NULL, 0, value, 256, &why),
		-1);
}

// RSC is offered from NVSP 6.1 on, to guests that know it
static void test_rsc_only_for_those_who_know_it(void **)
{
	const struct model_options cases[] = {{.version = NVSP_VERSION_6}, {.no_rsc = true}};

	for (unsigned i = 0; i < 2; i++) {
		struct model_guest g2;
		struct model_host h2;
		struct ndis_offload_caps caps;
		struct ndis_offload_params p = {.rsc4 = NDIS_OFFLOAD_ON, .rsc6 = NDIS_OFFLOAD_ON};
		uint8_t request[16], value[256];
		uint32_t n = ndis_offload_build_request(request, 3);

		model_pair(&g2, &h2, &cases[i]);
		assert_int_equal(model_query(&g2, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, request, n,
					 value, 256, NULL),
			156);
		assert_int_equal(ndis_offload_parse(value, 156, &caps), 0);
		assert_false(caps.rsc);
		// OpenVMM #2005: what we cannot do stays off, whatever is asked for
		n = ndis_offload_params_build(value, &p, true);
		assert_int_equal(
			model_set(&g2, OID_TCP_OFFLOAD_PARAMETERS, value, n), NDIS_STATUS_SUCCESS);
		assert_false(netvsp_takes_large(h2.vsp, false));
		model_part(&g2, &h2);
	}
}

// §12.3, OpenVMM #3234: 0 changes nothing, 1 turns off, 2 on
static void test_offload_parameters(void **)
{
	struct ndis_offload_params p = {.lso4 = NDIS_OFFLOAD_OFF, .tcp4_tx = NDIS_OFFLOAD_OFF};
	uint8_t value[64];
	uint32_t n;

	assert_true(status().lso4 && status().lso6 && status().tx_csum && status().rsc4);
	n = ndis_offload_params_build(value, &p, true);
	assert_int_equal(model_set(&g, OID_TCP_OFFLOAD_PARAMETERS, value, n), NDIS_STATUS_SUCCESS);
	assert_false(status().lso4);
	assert_false(status().tx_csum);
	assert_true(status().lso6);
	assert_true(status().rsc4);
	p = (struct ndis_offload_params){.lso4 = NDIS_OFFLOAD_ON, .rsc4 = NDIS_OFFLOAD_OFF};
	n = ndis_offload_params_build(value, &p, true);
	assert_int_equal(model_set(&g, OID_TCP_OFFLOAD_PARAMETERS, value, n), NDIS_STATUS_SUCCESS);
	assert_true(status().lso4);
	assert_false(status().rsc4);
	assert_true(status().rsc6);
	assert_int_equal(
		model_set(&g, OID_TCP_OFFLOAD_PARAMETERS, value, 3), NDIS_STATUS_INVALID_DATA);
}

// §12.3: followed by what is in force now
static void test_offloads_are_indicated(void **)
{
	struct ndis_offload_caps caps;
	bool found = false;

	model_set_rsc(&g, false);
	for (int i = 0; i < 4; i++)
		model_turn(&g);
	for (uint32_t i = 0; i < g.n_indications; i++) {
		if (g.indication[i].status != NDIS_STATUS_OFFLOAD_CONFIG)
			continue;
		assert_int_equal(
			ndis_offload_parse(g.indication[i].data, g.indication[i].len, &caps), 0);
		found = true;
	}
	assert_true(found);
	assert_false(caps.rsc);
	assert_true(caps.lso4);
}

// Indications of the link, without the others
static uint32_t link_indications(ndis_status *list, uint32_t most)
{
	uint32_t n = 0;

	for (int i = 0; i < 6; i++)
		model_turn(&g);
	for (uint32_t i = 0; i < g.n_indications; i++)
		if (g.indication[i].status != NDIS_STATUS_OFFLOAD_CONFIG && n < most)
			list[n++] = g.indication[i].status;
	g.n_indications = 0;
	return n;
}

// §12.5: the link goes and comes; what was told by asking is not indicated
static void test_link_indications_in_order(void **)
{
	ndis_status list[8];
	uint32_t speed;

	assert_int_equal(link_indications(list, 8), 0);
	netvsp_set_link(h.vsp, false, 10000);
	assert_int_equal(link_indications(list, 8), 1);
	assert_int_equal(list[0], NDIS_STATUS_MEDIA_DISCONNECT);
	assert_false(status().link_up);
	assert_int_equal(query_u32(OID_GEN_MEDIA_CONNECT_STATUS), 1);
	netvsp_set_link(h.vsp, true, 10000);
	assert_int_equal(link_indications(list, 8), 1);
	assert_int_equal(list[0], NDIS_STATUS_MEDIA_CONNECT);
	netvsp_set_link(h.vsp, true, 25000);
	for (int i = 0; i < 4; i++)
		model_turn(&g);
	assert_int_equal(g.n_indications, 1);
	assert_int_equal(g.indication[0].status, NDIS_STATUS_LINK_SPEED_CHANGE);
	memcpy(&speed, g.indication[0].data, 4);
	assert_int_equal(speed, 250000000);
}

// A link that is down when the guest comes up: it asks, and is told when it comes
static void test_link_down_at_probe(void **)
{
	ndis_status list[8];

	model_set_filter(&g, 0);
	netvsp_set_link(h.vsp, false, 10000);
	assert_int_equal(link_indications(list, 8), 0); // it does not listen now
	assert_int_equal(query_u32(OID_GEN_MEDIA_CONNECT_STATUS), 1);
	model_set_filter(&g, 0xd);
	assert_int_equal(link_indications(list, 8), 0);
	netvsp_set_link(h.vsp, true, 10000);
	assert_int_equal(link_indications(list, 8), 1);
	assert_int_equal(list[0], NDIS_STATUS_MEDIA_CONNECT);
}

// Indications never take the sections that answers need, however often the link changes
static void test_indications_leave_room_for_answers(void **)
{
	g.hold = true;
	for (int i = 0; i < 100; i++) {
		netvsp_set_link(h.vsp, i & 1, 10000);
		model_turn(&g);
	}
	assert_int_equal(query_u32(OID_GEN_MAXIMUM_FRAME_SIZE), 9000);
	assert_true(g.n_indications <= 16);
	g.hold = false;
	for (int i = 0; i < 4; i++)
		model_turn(&g);
	assert_true(status().link_up);
}

// A guest that gives nothing back can still ask for a while, and then is refused: what it gives
// back comes behind, and is taken
static void test_requests_without_sections_are_refused(void **)
{
	static const uint8_t keepalive[12] = {8, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0};
	uint8_t frame[64] = {0x02, 0x15, 0x5d, 0, 0, 1};
	uint32_t n = 0, replies = g.n_replies, id;

	g.hold = true;
	while (model_host_send(&h, 0, frame, 64, NULL) == 0)
		model_poll(&g);
	do {
		id = model_rndis_post(&g, 0, keepalive, 12);
		assert_true(model_drain(&g));
	} while (g.tx[id].status == NVSP_STATUS_SUCCESS && n++ < 100);
	assert_in_range(n, 8, 99);
	assert_int_equal(g.tx[id].status, NVSP_STATUS_BUSY);
	assert_int_equal(g.n_replies, replies + n);
	id = model_rndis_post(&g, 0, keepalive, 12);
	g.hold = false;
	model_release(&g, UINT32_MAX);
	assert_true(model_drain(&g));
	assert_int_equal(g.tx[id].status, NVSP_STATUS_BUSY);
	assert_true(model_wait(&g, netvsp_arm(h.vsp)));
	netvsp_disarm(h.vsp);
	assert_int_equal(query_u32(OID_GEN_MEDIA_CONNECT_STATUS), 0);
	assert_int_equal(model_host_send(&h, 0, frame, 64, NULL), 0);
	assert_int_equal(status().bad_messages, 2);
}

// §12.1: MAC change by RNDIS_CONFIG_PARAMETER "NetworkAddress", as Linux sends it
static uint32_t build_config(uint8_t *to, const char *name, const char *value)
{
	uint32_t n = strlen(name), v = strlen(value);
	uint32_t head[5] = {20, 2 * n, 2, 20 + 2 * n, 2 * v};

	memcpy(to, head, 20);
	for (uint32_t i = 0; i < n + v; i++) {
		to[20 + 2 * i] = i < n ? name[i] : value[i - n];
		to[21 + 2 * i] = 0;
	}
	return 20 + 2 * (n + v);
}

static void test_mac_change(void **)
{
	static const uint8_t other[6] = {0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee};
	uint8_t value[512], mac[6], frame[64] = {};
	uint32_t changes = h.n_changes, n = build_config(value, "NetworkAddress", "02aABbCCddee");

	assert_int_equal(
		model_set(&g, OID_GEN_RNDIS_CONFIG_PARAMETER, value, n), NDIS_STATUS_SUCCESS);
	assert_memory_equal(status().guest_mac, other, 6);
	assert_true(h.n_changes > changes);
	model_query(&g, OID_802_3_CURRENT_ADDRESS, NULL, 0, mac, 6, NULL);
	assert_memory_equal(mac, other, 6);
	model_query(&g, OID_802_3_PERMANENT_ADDRESS, NULL, 0, mac, 6, NULL);
	assert_memory_equal(mac, own_mac, 6);
	memcpy(frame, own_mac, 6);
	assert_int_equal(model_host_send(&h, 0, frame, 64, NULL), -EADDRNOTAVAIL);
	memcpy(frame, other, 6);
	assert_int_equal(model_host_send(&h, 0, frame, 64, NULL), 0);
}

// §16: names and values of at most 255 bytes, inside of the message; addresses that are some
static void test_bad_config_parameters(void **)
{
	static const char *const bad[] = {"", "02", "0233445566", "02334455667788", "01aabbccddee",
		"000000000000", "02aabbccddeg", "02aabbccdde", "02:aa:bb:cc:dd"};
	uint8_t value[1024];
	uint32_t n, word;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		n = build_config(value, "NetworkAddress", bad[i]);
		assert_int_equal(model_set(&g, OID_GEN_RNDIS_CONFIG_PARAMETER, value, n),
			NDIS_STATUS_INVALID_DATA);
	}
	n = build_config(value, "NetworkAddresz", "02aabbccddee");
	assert_int_equal(
		model_set(&g, OID_GEN_RNDIS_CONFIG_PARAMETER, value, n), NDIS_STATUS_NOT_SUPPORTED);
	for (uint32_t at = 0; at < 20; at += 4) {
		static const uint32_t words[] = {UINT32_MAX, 0x80000000, 257, 1, 0xfffffffe};

		for (unsigned i = 0; i < 5; i++) {
			n = build_config(value, "NetworkAddress", "02aabbccddee");
			word = words[i];
			memcpy(value + at, &word, 4);
			assert_int_not_equal(
				model_set(&g, OID_GEN_RNDIS_CONFIG_PARAMETER, value, n),
				NDIS_STATUS_SUCCESS);
		}
	}
	for (uint32_t len = 0; len < 20; len++)
		assert_int_equal(model_set(&g, OID_GEN_RNDIS_CONFIG_PARAMETER, value, len),
			NDIS_STATUS_INVALID_LENGTH);
	assert_memory_equal(status().guest_mac, own_mac, 6);
}

// §16: control messages that do not add up are completed as invalid, and nothing else happens
static void test_malformed_control(void **)
{
	static const struct {
		uint32_t word[7];
		uint32_t len;
	} cases[] = {
		{{4, 28, 1, 0x10106, 4, 20, 0}, 4},
		{{4, 28, 1, 0x10106, 4, 20, 0}, 0},
		{{4, 29, 1, 0x10106, 4, 20, 0}, 28},
		{{4, 28, 1, 0x10106, 4, 20, 0}, 28},
		{{4, 28, 1, 0x10106, 4, 0xfffffffc, 0}, 28},
		{{4, 28, 1, 0x10106, UINT32_MAX, 20, 0}, 28},
		{{5, 28, 1, 0x1010e, 4, UINT32_MAX, 0}, 28},
		{{1, 28, 1, 0, 0, 0, 0}, 28},
		{{0x80000004, 28, 1, 0, 0, 0, 0}, 28},
		{{7, 28, 1, 0, 0, 0, 0}, 28},
		{{99, 28, 1, 0, 0, 0, 0}, 28},
		{{2, 8, 1, 0, 0, 0, 0}, 28},
	};
	uint32_t replies = g.n_replies;
	uint8_t large[2 * 4096] = {8, 0, 0, 0, 0, 0x20};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		model_rndis_post(&g, 0, (const uint8_t *)cases[i].word, cases[i].len);
		assert_true(model_drain(&g));
	}
	model_rndis_post(&g, 0, large, sizeof(large));
	assert_true(model_drain(&g));
	model_turn(&g);
	assert_int_equal(g.n_replies, replies);
	assert_int_equal(status().bad_messages, sizeof(cases) / sizeof(cases[0]) + 1);
	assert_int_equal(query_u32(OID_GEN_MAXIMUM_FRAME_SIZE), 9000);
}

static void test_short_filter(void **)
{
	for (uint32_t len = 0; len < 4; len++)
		assert_int_equal(model_set(&g, OID_GEN_CURRENT_PACKET_FILTER, "abcd", len),
			NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(status().filter, 0xd);
}

// Counters of the NIC are what the guest is told
static void test_statistics(void **)
{
	uint64_t value[19];
	uint8_t frame[100] = {};

	memcpy(frame, own_mac, 6);
	for (int i = 0; i < 5; i++)
		model_host_send(&h, 0, frame, 100, NULL);
	for (int i = 0; i < 3; i++)
		model_send(&g, 0, MODEL_SECTION, frame, 60, NULL, 0);
	model_publish(&g, 0);
	assert_true(model_drain(&g));
	assert_int_equal(query_u32(OID_GEN_XMIT_OK), 3);
	assert_int_equal(query_u32(OID_GEN_RCV_OK), 5);
	assert_int_equal(query_u32(OID_GEN_RCV_NO_BUFFER), 0);
	assert_int_equal(
		model_query(&g, OID_GEN_STATISTICS, NULL, 0, value, sizeof(value), NULL), 152);
	assert_int_equal(value[3], 500); // bytes in
	assert_int_equal(value[7], 180); // and out
}

// The answer and the completion of what carried the question are two, and both come
static void test_answer_and_completion_both_come(void **)
{
	const uint8_t keepalive[12] = {8, 0, 0, 0, 12, 0, 0, 0, 7, 0, 0, 0};
	uint32_t replies = g.n_replies, id = model_rndis_post(&g, 0, keepalive, 12);

	model_host_run(&h);
	model_poll(&g);
	assert_int_equal(g.tx[id].state, 2);
	assert_int_equal(g.tx[id].status, NVSP_STATUS_SUCCESS);
	assert_int_equal(g.n_replies, replies + 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_initialize),
		cmocka_unit_test(test_nothing_before_initialize),
		TEST(test_halt_stays_until_close),
		TEST(test_keepalive_and_reset),
		TEST(test_oids_of_linux),
		TEST(test_unsupported_oid),
		TEST(test_oids_of_windows),
		TEST(test_offload_capabilities),
		TEST(test_offload_capabilities_of_nonsense),
		cmocka_unit_test(test_rsc_only_for_those_who_know_it),
		TEST(test_offload_parameters),
		TEST(test_offloads_are_indicated),
		TEST(test_link_indications_in_order),
		TEST(test_link_down_at_probe),
		TEST(test_indications_leave_room_for_answers),
		TEST(test_requests_without_sections_are_refused),
		TEST(test_mac_change),
		TEST(test_bad_config_parameters),
		TEST(test_malformed_control),
		TEST(test_short_filter),
		TEST(test_statistics),
		TEST(test_answer_and_completion_both_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
