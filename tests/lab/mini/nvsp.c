/* SPDX-License-Identifier: BSD-3-Clause */
// NVSP: version, configuration, shared buffers, more queues.
#include "bus.h"
#include "machine.h"
#include "nic.h"
#include "text.h"

#define MTU        1500u
#define ETHERNET   14u
#define NDIS_MAJOR 6u
#define NDIS_MINOR 30u
#define CONTROL    0xc0de // transaction of what is no frame

static bool has_reply(void)
{
	return nic.replied;
}

const char *nvsp_ask(const struct nvsp_message *m, bool answer)
{
	struct nic_queue *q = &nic.queue[0];

	nic.replied = false;
	if (!ring_put(&q->out, VMBUS_PACKET_IN_BAND, answer, answer ? CONTROL : 0, NULL, 0, m,
		    sizeof(*m), &q->signal))
		return "no room in the ring";
	nic_flush(q);
	return answer ? nic_wait(has_reply, BUS_PATIENCE) : NULL;
}

static const char *give_receive_buffer(void)
{
	struct nvsp_message m = {
		.type = NVSP_SEND_RECEIVE_BUFFER, .buffer.id = NVSP_RECEIVE_BUFFER_ID};
	const char *why;

	nic.receive_gpadl = bus_lend(nic.queue[0].relid, nic.receive, NIC_RECEIVE_PAGES);
	if (nic.receive_gpadl == 0)
		return "the receive buffer's pages are not taken";
	m.buffer.gpadl = nic.receive_gpadl;
	why = nvsp_ask(&m, true);
	if (why == NULL && (nic.reply.type != NVSP_RECEIVE_BUFFER_COMPLETE ||
				   nic.reply.receive_complete.status != NVSP_STATUS_SUCCESS))
		why = "the receive buffer is not taken";
	return why;
}

static const char *give_send_buffer(void)
{
	struct nvsp_message m = {.type = NVSP_SEND_SEND_BUFFER, .buffer.id = NVSP_SEND_BUFFER_ID};
	const char *why;

	nic.send_gpadl = bus_lend(nic.queue[0].relid, nic.send, NIC_SEND_PAGES);
	if (nic.send_gpadl == 0)
		return "the send buffer's pages are not taken";
	m.buffer.gpadl = nic.send_gpadl;
	why = nvsp_ask(&m, true);
	if (why != NULL)
		return why;
	if (nic.reply.type != NVSP_SEND_BUFFER_COMPLETE ||
		nic.reply.send_complete.status != NVSP_STATUS_SUCCESS ||
		nic.reply.send_complete.section_size == 0)
		return "the send buffer is not taken";
	nic.section_size = nic.reply.send_complete.section_size;
	nic.n_sections = NIC_SEND_PAGES * PAGE / nic.section_size;
	return NULL;
}

const char *nvsp_start(void)
{
	struct nvsp_message m = {
		.type = NVSP_INIT, .init.min = NVSP_VERSION_6_1, .init.max = NVSP_VERSION_6_1};
	const char *why = nvsp_ask(&m, true);

	if (why == NULL && (nic.reply.type != NVSP_INIT_COMPLETE ||
				   nic.reply.init_complete.status != NVSP_STATUS_SUCCESS))
		why = "no NVSP version in common";
	if (why != NULL)
		return why;
	m = (struct nvsp_message){.type = NVSP_SEND_NDIS_CONFIG,
		.ndis_config.mtu = MTU + ETHERNET,
		.ndis_config.capabilities = NVSP_CAP_8021Q};
	why = nvsp_ask(&m, false);
	m = (struct nvsp_message){.type = NVSP_SEND_NDIS_VERSION,
		.ndis_version.major = NDIS_MAJOR,
		.ndis_version.minor = NDIS_MINOR};
	if (why == NULL)
		why = nvsp_ask(&m, false);
	if (why == NULL)
		why = give_receive_buffer();
	return why != NULL ? why : give_send_buffer();
}

const char *nvsp_ask_queues(uint32_t n, uint32_t *granted)
{
	const struct nvsp_message m = {.type = NVSP_SUBCHANNEL,
		.subchannel.operation = NVSP_SUBCHANNEL_ALLOCATE,
		.subchannel.count = n};
	const char *why = nvsp_ask(&m, true);

	*granted = 0;
	if (why != NULL || nic.reply.type != NVSP_SUBCHANNEL ||
		nic.reply.subchannel_complete.status != NVSP_STATUS_SUCCESS)
		return why;
	if (nic.reply.subchannel_complete.count > n)
		return "more queues than asked for";
	*granted = nic.reply.subchannel_complete.count;
	return NULL;
}

void nvsp_stop(void)
{
	struct nvsp_message m = {
		.type = NVSP_REVOKE_RECEIVE_BUFFER, .revoke.id = NVSP_RECEIVE_BUFFER_ID};

	nvsp_ask(&m, false);
	m = (struct nvsp_message){
		.type = NVSP_REVOKE_SEND_BUFFER, .revoke.id = NVSP_SEND_BUFFER_ID};
	nvsp_ask(&m, false);
}
