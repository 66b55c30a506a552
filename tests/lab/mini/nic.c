/* SPDX-License-Identifier: BSD-3-Clause */
// Channels of an adapter, and the order in which it is set up and taken down.
#include "nic.h"

#include <ndis_compat/oid.h>

#include "bus.h"
#include "hyperv.h"
#include "machine.h"
#include "text.h"

struct nic nic;

static bool alloc_pages(void)
{
	if (nic.receive != NULL)
		return true;
	nic.receive = memory_pages(NIC_RECEIVE_PAGES + NIC_SEND_PAGES + 1);
	if (nic.receive == NULL)
		return false;
	nic.send = nic.receive + NIC_RECEIVE_PAGES * PAGE;
	nic.request = nic.send + NIC_SEND_PAGES * PAGE;
	return true;
}

const char *nic_open_queue(uint32_t index)
{
	struct nic_queue *q = &nic.queue[index];
	const struct bus_offer *o = bus_find_nic(nic.number, index);
	const char *why;

	if (o == NULL)
		return "no such channel is offered";
	if (q->rings == NULL)
		q->rings = memory_pages(2 * NIC_RING_PAGES + NIC_SLOTS);
	if (q->rings == NULL)
		return "no memory";
	q->slots = q->rings + 2 * NIC_RING_PAGES * PAGE;
	q->index = index;
	q->relid = o->relid;
	q->connection_id = o->connection_id;
	q->vp = index % n_cpus;
	q->busy = 0;
	q->signal = false;
	ring_init(&q->out, q->rings, NIC_RING_PAGES);
	ring_init(&q->in, q->rings + NIC_RING_PAGES * PAGE, NIC_RING_PAGES);
	q->gpadl = bus_lend(q->relid, q->rings, 2 * NIC_RING_PAGES);
	if (q->gpadl == 0)
		return "the ring's pages are not taken";
	why = bus_open(q->relid, q->gpadl, NIC_RING_PAGES, q->vp);
	q->open = why == NULL;
	return why;
}

void nic_flush(struct nic_queue *q)
{
	if (!q->signal)
		return;
	q->signal = false;
	hyperv_signal(q->connection_id);
}

static bool all_offered(void)
{
	return bus_find_nic(nic.number, nic.n_queues - 1) != NULL;
}

static const char *open_subchannels(uint32_t n)
{
	uint32_t granted;
	const char *why = nvsp_ask_queues(n - 1, &granted);

	if (why != NULL)
		return why;
	nic.n_queues = 1 + granted;
	why = nic_wait(all_offered, BUS_PATIENCE);
	for (uint32_t i = 1; i <= granted && why == NULL; i++)
		why = nic_open_queue(i);
	return why;
}

const char *nic_open(uint32_t number, uint32_t n_queues)
{
	const uint32_t filter = NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_ALL_MULTICAST |
	                        NDIS_PACKET_TYPE_BROADCAST;
	const char *why;

	if (nic.open)
		return NULL;
	if (!alloc_pages())
		return "no memory";
	nic.number = number;
	nic.n_queues = 1;
	why = nic_open_queue(0);
	if (why == NULL)
		why = nvsp_start();
	if (why == NULL)
		why = rndis_start();
	if (why == NULL && n_queues > 1)
		why = open_subchannels(n_queues < NIC_MAX_QUEUES ? n_queues : NIC_MAX_QUEUES);
	if (why == NULL)
		why = rndis_set(OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof(filter));
	nic.open = why == NULL;
	return why;
}

const char *nic_close(void)
{
	const uint32_t filter = 0;
	const char *why = rndis_set(OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof(filter));

	if (why == NULL)
		why = rndis_halt();
	nvsp_stop();
	nic.open = false;
	for (uint32_t i = nic.n_queues; i-- > 0;) {
		struct nic_queue *q = &nic.queue[i];

		if (!q->open)
			continue;
		q->open = false;
		bus_close(q->relid);
		if (bus_take_back(q->relid, q->gpadl) != NULL && why == NULL)
			why = "the ring does not come back";
	}
	if ((bus_take_back(nic.queue[0].relid, nic.receive_gpadl) != NULL ||
		    bus_take_back(nic.queue[0].relid, nic.send_gpadl) != NULL) &&
		why == NULL)
		why = "a buffer does not come back";
	return why;
}

void nic_forget(void)
{
	nic.open = false;
	for (uint32_t i = 0; i < NIC_MAX_QUEUES; i++)
		nic.queue[i].open = false;
}
