/* SPDX-License-Identifier: BSD-3-Clause */
// RNDIS control, a request at a time.
#include <ndis_compat/oid.h>
#include <ndis_compat/rndis.h>

#include "bus.h"
#include "machine.h"
#include "nic.h"
#include "text.h"

#define CONTROL      0xc0de
#define MAX_TRANSFER 0x4000u
#define BODY         8u // where offsets count from
#define REQUEST_MAX  512u

// As QUERY and SET begin, and INITIALIZE has its length.
struct rndis_request {
	uint32_t type, len, id, oid, data_len, data_offset, vc;
	uint8_t data[REQUEST_MAX];
};

struct rndis_answer {
	uint32_t type, len, id, status, data_len, data_offset;
};

static bool settled(void)
{
	return nic.request_done && nic.rndis_reply_len > 0;
}

static bool done(void)
{
	return nic.request_done;
}

const char *rndis_put(const void *message, uint32_t len)
{
	struct nic_queue *q = &nic.queue[0];
	const struct nvsp_message m = {.type = NVSP_RNDIS_PACKET,
		.rndis.channel_type = NVSP_CHANNEL_CONTROL,
		.rndis.section = NVSP_NO_SECTION};
	struct {
		struct vmbus_gpa_header head;
		uint32_t len, offset;
		uint64_t pfn;
	} range = {.head.n_ranges = 1, .len = len, .pfn = gpa_of(nic.request) / PAGE};

	memcpy(nic.request, message, len);
	nic.request_done = false;
	nic.rndis_reply_len = 0;
	if (!ring_put(&q->out, VMBUS_PACKET_GPA_DIRECT, true, CONTROL, &range, sizeof(range), &m,
		    sizeof(m), &q->signal))
		return "no room in the ring";
	nic_flush(q);
	return NULL;
}

static const char *request(struct rndis_request *r, bool reply)
{
	const struct rndis_answer *a = (const void *)nic.rndis_reply;
	const char *why;

	r->id = ++nic.request_id;
	why = rndis_put(r, r->len);
	if (why == NULL)
		why = nic_wait(reply ? settled : done, BUS_PATIENCE);
	if (why == NULL && reply && a->status != 0)
		why = "RNDIS: refused";
	return why;
}

void rndis_take(const uint8_t *message, uint32_t len)
{
	const struct rndis_answer *a = (const void *)message;

	if (len < 16)
		return;
	if (a->type == RNDIS_MSG_INDICATE) {
		// Its status is where an answer has its id.
		if (a->id == NDIS_STATUS_MEDIA_CONNECT || a->id == NDIS_STATUS_MEDIA_DISCONNECT)
			nic.link = a->id == NDIS_STATUS_MEDIA_CONNECT;
		return;
	}
	if (a->id != nic.request_id || nic.rndis_reply_len != 0)
		return;
	if (len > sizeof(nic.rndis_reply))
		len = sizeof(nic.rndis_reply);
	memcpy(nic.rndis_reply, message, len);
	nic.rndis_reply_len = len;
}

const char *rndis_query(uint32_t oid, void *data, uint32_t size)
{
	struct rndis_request r = {.type = RNDIS_MSG_QUERY, .len = 28, .oid = oid};
	const struct rndis_answer *a = (const void *)nic.rndis_reply;
	const char *why = request(&r, true);

	if (why != NULL)
		return why;
	if (a->data_len > size || a->data_offset > sizeof(nic.rndis_reply) - BODY - size)
		return "RNDIS: strange answer";
	memcpy(data, nic.rndis_reply + BODY + a->data_offset, a->data_len);
	return NULL;
}

const char *rndis_set(uint32_t oid, const void *data, uint32_t len)
{
	struct rndis_request r = {.type = RNDIS_MSG_SET,
		.len = 28 + len,
		.oid = oid,
		.data_len = len,
		.data_offset = 20};

	memcpy(r.data, data, len);
	return request(&r, true);
}

const char *rndis_halt(void)
{
	struct rndis_request r = {.type = RNDIS_MSG_HALT, .len = 12};

	return request(&r, false);
}

const char *rndis_start(void)
{
	struct rndis_request r = {.type = RNDIS_MSG_INITIALIZE,
		.len = 24,
		.oid = RNDIS_MAJOR,
		.data_len = RNDIS_MINOR,
		.data_offset = MAX_TRANSFER};
	uint32_t state = 0;
	const char *why = request(&r, true);

	if (why == NULL)
		why = rndis_query(OID_802_3_PERMANENT_ADDRESS, nic.mac, sizeof(nic.mac));
	if (why == NULL)
		why = rndis_query(OID_GEN_MEDIA_CONNECT_STATUS, &state, sizeof(state));
	nic.link = state == 0;
	return why;
}
