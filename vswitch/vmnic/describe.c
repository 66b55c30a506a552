/* SPDX-License-Identifier: BSD-3-Clause */
// Guests' NICs as JSON, as in the table of objects.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ndis_compat/oid.h>
#include <netvsp/nvsp_proto.h>
#include <vswitch/address.h>
#include <vswitch/switch.h>

#include "guest.h"
#include "nic.h"
#include "nics.h"

const char *const guest_stage_names[] = {
	[NETVSP_CLOSED] = "closed",
	[NETVSP_OPEN] = "open",
	[NETVSP_NEGOTIATED] = "negotiated",
	[NETVSP_RECEIVE_BUFFER] = "receive-buffer",
	[NETVSP_SEND_BUFFER] = "send-buffer",
	[NETVSP_RNDIS] = "rndis",
	[NETVSP_FILTER] = "running",
};

static json_t *time_json(time_t t)
{
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *mac_json(const uint8_t mac[6])
{
	char text[MAC_TEXT_SIZE];

	mac_format(mac, text);
	return json_string(text);
}

// As VMBus, NVSP and NDIS write them: major in the upper half.
static json_t *version_json(uint32_t version)
{
	return version == 0 ? json_string("")
	                    : json_sprintf("%u.%u", version >> 16, version & 0xffff);
}

// NVSP's are what they are: 1 is 0x00002, 6.1 is 0x60001.
static json_t *nvsp_version_json(uint32_t version)
{
	switch (version) {
	case 0: return json_string("");
	case NVSP_VERSION_1: return json_string("1");
	case NVSP_VERSION_2: return json_string("2");
	default:
		return version & 0xffff ? json_sprintf("%u.%u", version >> 16, version & 0xffff)
		                        : json_sprintf("%u", version >> 16);
	}
}

void guest_reason(const struct nic *nic, const struct netvsp_status *s, char *text, size_t size)
{
	if (!nic->ready)
		snprintf(text, size, "its hypervisor has not told all yet");
	else if (s->failed)
		snprintf(text, size, "%s", s->error);
	else if (nic->port == NULL)
		snprintf(text, size, "there is no vmnic port '%s'", nic->info.hello.port);
	else if (s->stage == NETVSP_CLOSED)
		snprintf(text, size, "the guest has not opened the channel");
	else if (s->stage < NETVSP_FILTER)
		snprintf(text, size, "the guest's driver is not up");
	else if (nic->port->port->cfg.link_down)
		snprintf(text, size, "the port is set down");
	else
		text[0] = '\0';
}

static json_t *summary(const struct nic *nic, const struct netvsp_status *s)
{
	const struct handover_hello *h = &nic->info.hello;
	const struct vsw_port *port = nic->port != NULL ? nic->port->port : NULL;
	char reason[160];

	guest_reason(nic, s, reason, sizeof(reason));
	return json_pack("{s:s, s:s, s:s, s:s?, s:o, s:s, s:s, s:s, s:o, s:I, s:I}", "partition",
		h->partition, "nic", h->nic, "port", h->port, "switch",
		port != NULL ? port->cfg.switch_name : NULL, "mac",
		mac_json(s->stage > NETVSP_CLOSED ? s->guest_mac : nic->mac), "state",
		!nic->ready         ? "attaching"
		: s->failed         ? "failed"
		: nic->port == NULL ? "waiting"
				    : "connected",
		"stage", guest_stage_names[s->stage], "reason", reason, "since",
		time_json(nic->info.since), "uid", (json_int_t)nic->info.uid, "pid",
		(json_int_t)nic->info.pid);
}

struct word {
	const char *name;
	bool on;
};

static json_t *words_json(const struct word *words)
{
	json_t *array = json_array();

	for (; words->name != NULL; words++)
		if (words->on)
			json_array_append_new(array, json_string(words->name));
	return array;
}

static json_t *filter_json(uint32_t filter)
{
	const struct word words[] = {
		{"directed", filter & NDIS_PACKET_TYPE_DIRECTED},
		{"multicast", filter & NDIS_PACKET_TYPE_MULTICAST},
		{"all-multicast", filter & NDIS_PACKET_TYPE_ALL_MULTICAST},
		{"broadcast", filter & NDIS_PACKET_TYPE_BROADCAST},
		{"promiscuous", filter & NDIS_PACKET_TYPE_PROMISCUOUS},
		{},
	};

	return words_json(words);
}

static json_t *offloads_json(const struct netvsp_status *s)
{
	const struct word words[] = {
		{"checksum", s->tx_csum},
		{"lso4", s->lso4},
		{"lso6", s->lso6},
		{"rsc4", s->rsc4},
		{"rsc6", s->rsc6},
		{},
	};

	return words_json(words);
}

static json_t *queue_json(uint32_t number, const struct netvsp_queue_status *q)
{
	const struct {
		const char *name;
		uint64_t value;
	} fields[] = {
		{"queue", number},
		{"rx_packets", q->from_guest_frames},
		{"rx_bytes", q->from_guest_bytes},
		{"tx_packets", q->to_guest_frames},
		{"tx_bytes", q->to_guest_bytes},
		{"rx_ring_used", q->from_guest_used},
		{"rx_ring_size", q->from_guest_size},
		{"tx_ring_used", q->to_guest_used},
		{"tx_ring_size", q->to_guest_size},
		{"sections_lent", q->sections_lent},
		{"sections", q->sections},
		{"interrupts", q->interrupts},
		{"interrupts_spared", q->interrupts_spared},
		{"no_section", q->no_section},
		{"ring_full", q->ring_full},
		{"rsc_chains", q->rsc_chains},
	};
	json_t *json = json_object();

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		json_object_set_new(json, fields[i].name, json_integer(fields[i].value));
	return json;
}

static json_t *buffer_json(uint32_t bytes, uint32_t section)
{
	return json_pack("{s:I, s:I}", "bytes", (json_int_t)bytes, "section", (json_int_t)section);
}

static json_t *detail(const struct nic *nic)
{
	json_t *json, *queues = json_array();
	struct attachment_info info;
	struct attachment_terms terms;
	struct netvsp_status s;

	guest_status(nic, &s);
	attachment_get_info(nic->attachment, &info);
	nic_terms(&info.hello, &terms);
	json = summary(nic, &s);
	for (uint32_t i = 0; i < NETVSP_MAX_QUEUES; i++)
		if (s.queue[i].open)
			json_array_append_new(queues, queue_json(i, &s.queue[i]));
	json_object_update_new(
		json, json_pack("{s:s, s:b, s:I, s:o, s:o, s:o, s:I, s:b, s:o, s:o, s:b, s:I}",
			      "software", info.hello.software, "resumed", info.resumed, "memory",
			      (json_int_t)info.memory, "vmbus_version",
			      version_json(info.hello.vmbus_version), "nvsp_version",
			      nvsp_version_json(s.nvsp_version), "ndis_version",
			      version_json(s.ndis_major << 16 | s.ndis_minor), "mtu",
			      (json_int_t)s.guest_mtu, "link", s.link_up, "filter",
			      filter_json(s.filter), "offloads", offloads_json(&s), "rss", s.rss,
			      "max_queues", (json_int_t)terms.max_queues));
	json_object_update_new(json,
		json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "receive_buffer",
			buffer_json(s.receive_buffer, s.receive_section), "send_buffer",
			buffer_json(s.send_buffer, s.send_section), "control_messages",
			(json_int_t)s.control_messages, "bad_messages", (json_int_t)s.bad_messages,
			"bad_frames", (json_int_t)s.bad_frames, "filtered", (json_int_t)s.filtered,
			"dropped_waiting", (json_int_t)nic->parked_drops, "queues", queues));
	return json;
}

void guest_status(const struct nic *nic, struct netvsp_status *status)
{
	memset(status, 0, sizeof(*status));
	if (nic->vsp != NULL)
		netvsp_get_status(nic->vsp, status);
	if ((unsigned)status->stage > NETVSP_FILTER)
		status->stage = NETVSP_FILTER;
}

json_t *nics_detail(const char *port_name)
{
	const struct nic *nic = nic_find(port_name);

	return nic != NULL ? detail(nic) : json_null();
}

static int by_port(const void *a, const void *b)
{
	return strcmp((*(const struct nic *const *)a)->info.hello.port,
		(*(const struct nic *const *)b)->info.hello.port);
}

json_t *nics_list(void)
{
	const struct nic **list;
	json_t *array = json_array();
	size_t n = 0, i = 0;

	for (const struct nic *nic = nics_first(); nic != NULL; nic = nic->next)
		n += nic->named && !nic->over;
	list = calloc(n + 1, sizeof(*list));
	if (list == NULL)
		return array;
	for (const struct nic *nic = nics_first(); nic != NULL; nic = nic->next)
		if (nic->named && !nic->over)
			list[i++] = nic;
	qsort(list, n, sizeof(*list), by_port);
	for (i = 0; i < n; i++) {
		struct netvsp_status s;

		guest_status(list[i], &s);
		json_array_append_new(array, summary(list[i], &s));
	}
	free(list);
	return array;
}
