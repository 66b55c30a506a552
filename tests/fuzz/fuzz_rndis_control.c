/* SPDX-License-Identifier: BSD-3-Clause */
// Any bytes as a control message, and what it carries as each kind of object. What is accepted
// must lie in the message and mean the same again after it was built anew.
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ndis_compat/ndis_offload.h>
#include <ndis_compat/ndis_rss.h>
#include <ndis_compat/oid.h>
#include <ndis_compat/rndis.h>

#define N_CHANNELS 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_offload(const uint8_t *data, uint32_t len)
{
	const struct ndis_offload_caps some = {.tx_csum = true, .lso6 = true, .lso_max = 62780};
	struct ndis_offload_caps caps;
	uint8_t reply[156], small[112];
	int n;

	n = ndis_offload_build(reply, sizeof(reply), data, len, &some);
	if (n >= 0) {
		must(n == 156 || n == 144 || n == 112);
		must(ndis_offload_parse(reply, n, &caps) == 0);
		must(caps.tx_csum && caps.lso6 && !caps.lso4 && !caps.rsc);
		must(ndis_offload_build(small, sizeof(small), data, len, &some) ==
			(n == 112 ? 112 : -E2BIG));
	}
	if (ndis_offload_parse(data, len, &caps) == 0)
		must(len >= 112);
}

static void check_offload_params(const uint8_t *data, uint32_t len)
{
	struct ndis_offload_params p, again;
	uint8_t object[28];

	if (ndis_offload_params_parse(data, len, &p) < 0)
		return;
	must(ndis_offload_params_build(object, &p, true) == sizeof(object));
	must(ndis_offload_params_parse(object, sizeof(object), &again) == 0);
	must(memcmp(&p, &again, sizeof(p)) == 0);
}

static void check_rss_caps(const uint8_t *data, uint32_t len)
{
	struct ndis_rss_caps caps, again;
	uint8_t object[18];

	if (ndis_rss_caps_parse(data, len, &caps) < 0)
		return;
	must(ndis_rss_caps_build(object, sizeof(object), &caps) == sizeof(object));
	must(ndis_rss_caps_parse(object, sizeof(object), &again) == 0);
	must(caps.n_queues == again.n_queues && caps.n_indirection == again.n_indirection);
}

// Onto nothing, and onto parameters in force.
static void check_rss_params(const uint8_t *data, uint32_t len)
{
	const struct ndis_rss_params old[] = {
		{},
		{.enabled = true,
			.hash_types = NDIS_HASH_IP4,
			.n_entries = 4,
			.table = {3, 2, 1, 0}},
	};
	uint8_t object[40 + 4 * NDIS_RSS_TABLE_MAX + NDIS_RSS_KEY_SIZE];

	for (unsigned i = 0; i < 2; i++) {
		struct ndis_rss_params p = old[i], again = {};
		int n;

		if (ndis_rss_params_parse(data, len, N_CHANNELS, &p) < 0) {
			must(memcmp(&p, &old[i], sizeof(p)) == 0);
			continue;
		}
		if (!p.enabled)
			continue;
		must(p.n_entries > 0 && p.n_entries <= NDIS_RSS_TABLE_MAX);
		must((p.n_entries & (p.n_entries - 1)) == 0 && p.hash_types != 0);
		for (unsigned e = 0; e < p.n_entries; e++)
			must(p.table[e] < N_CHANNELS);
		n = ndis_rss_params_build(object, sizeof(object), &p);
		must(n > 0);
		must(ndis_rss_params_parse(object, n, N_CHANNELS, &again) == 0);
		must(again.enabled && again.hash_types == p.hash_types);
		must(again.n_entries == p.n_entries);
		must(memcmp(again.table, p.table, p.n_entries) == 0);
		must(memcmp(again.key, p.key, sizeof(p.key)) == 0);
	}
}

static void check_message(const uint8_t *msg, uint32_t len, const struct rndis_control *c)
{
	struct rndis_control again;
	uint8_t *built = malloc(len);
	int n;

	must(built != NULL);
	must(c->data_len == 0 || (c->data >= msg + 8 && c->data + c->data_len <= msg + len));
	n = rndis_control_build(built, len, c);
	must(n >= 12 && (uint32_t)n <= len);
	must(rndis_control_build(built, n - 1, c) == -E2BIG);
	must(rndis_control_parse(built, n, &again) == 0);
	must(c->type == again.type && c->request_id == again.request_id);
	must(c->status == again.status && c->oid == again.oid);
	must(c->max_transfer == again.max_transfer && c->align_factor == again.align_factor);
	must(c->major == again.major && c->minor == again.minor);
	must(c->max_packets == again.max_packets && c->data_len == again.data_len);
	must((c->data == NULL) == (again.data == NULL));
	must(c->data_len == 0 || memcmp(c->data, again.data, c->data_len) == 0);
	free(built);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rndis_control c;
	uint8_t *copy;

	if (rndis_control_parse(data, (uint32_t)size, &c) < 0)
		return 0;
	check_message(data, (uint32_t)size, &c);
	oid_name(c.oid);
	// Once more where it ends with its data: sanitizers see one byte past.
	copy = malloc(c.data_len > 0 ? c.data_len : 1);
	must(copy != NULL);
	if (c.data_len > 0)
		memcpy(copy, c.data, c.data_len);
	check_offload(copy, c.data_len);
	check_offload_params(copy, c.data_len);
	check_rss_caps(copy, c.data_len);
	check_rss_params(copy, c.data_len);
	free(copy);
	return 0;
}
