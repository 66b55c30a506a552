/* SPDX-License-Identifier: BSD-3-Clause */
// A generator, a sink and an echo. The generator writes its frames once, into the sections of
// the send buffer, and from then on only says which section is to be sent.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ndis_compat/rndis_packet.h>
#include <netvsp/nvsp_proto.h>

#include "endpoint.h"
#include "options.h"

#define BURST      32 // packets of a poll
#define ECHO_LEAST 14u
#define SECOND     1000000000ll
#define IP         14u
#define ID         18u // of the IP header
#define UDP        34u
#define DATA       42u
#define FIRST_PORT 1024u
#define MAX_FLOWS  65536u
#define NUMBERED   0x7668u     // as its ID; near enough to the beginning to cost nothing
#define MAGIC      0x73667668u // "hvfs"

// In frames that are written one by one: their place in their flow.
struct stamp {
	uint32_t magic, flow;
	uint64_t number; // from 1 on
};

struct queue {
	uint32_t n_messages, len; // in a section
	uint32_t next_flow;
	uint8_t *prepared; // by section
	int64_t next;      // when the next frame is due, with a rate
} __attribute__((aligned(64)));

struct pktgen {
	struct endpoint ep;
	const struct options *opt;
	struct vsc *vsc;
	_Atomic bool link;
	struct queue queue[VSC_MAX_QUEUES];
	// By flow. A flow is sent by one queue, and should come to one.
	uint64_t sent[MAX_FLOWS];
	_Atomic uint64_t received[MAX_FLOWS];
};

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static uint16_t ip_sum(const uint8_t *ip)
{
	uint32_t s = 0;

	for (int i = 0; i < 20; i += 2)
		s += ip[i] << 8 | ip[i + 1];
	s = (s & 0xffff) + (s >> 16);
	return ~(s + (s >> 16));
}

// UDP from 10.77.1.1 to 10.77.1.2 without a sum; flows differ by their source port.
static void write_frame(uint8_t *f, const struct pktgen *gen, uint32_t flow, uint16_t id)
{
	uint32_t size = gen->opt->size, port = FIRST_PORT + flow;
	uint16_t sum;

	memset(f, 0, size);
	memcpy(f, gen->opt->dst, 6);
	memcpy(f + 6, vsc_get_info(gen->vsc)->mac, 6);
	memcpy(f + 12, "\x08\x00\x45", 3);
	f[IP + 2] = (size - IP) >> 8;
	f[IP + 3] = (uint8_t)(size - IP);
	memcpy(f + ID, &id, sizeof(id));
	memcpy(f + IP + 8, "\x40\x11\0\0\x0a\x4d\x01\x01\x0a\x4d\x01\x02", 12);
	sum = ip_sum(f + IP);
	f[IP + 10] = sum >> 8;
	f[IP + 11] = (uint8_t)sum;
	f[UDP] = port >> 8;
	f[UDP + 1] = (uint8_t)port;
	f[UDP + 3] = 9; // discard
	f[UDP + 4] = (size - UDP) >> 8;
	f[UDP + 5] = (uint8_t)(size - UDP);
	for (uint32_t i = DATA; i < size; i++)
		f[i] = (uint8_t)i;
}

// A queue sends every n-th flow; with fewer flows than queues, some send the same.
static uint32_t next_flow(struct pktgen *gen, struct queue *pq)
{
	uint32_t flow = pq->next_flow;

	pq->next_flow += vsc_get_info(gen->vsc)->n_queues;
	if (pq->next_flow >= gen->opt->flows)
		pq->next_flow = (pq - gen->queue) % gen->opt->flows;
	return flow;
}

static void write_section(struct pktgen *gen, struct queue *pq, uint8_t *at)
{
	static const struct ndis_packet_info none;
	uint8_t header[RNDIS_PACKET_BUILD_MAX];
	uint32_t header_len = rndis_packet_build_request(header, gen->opt->size, &none);
	uint32_t each = pq->len / pq->n_messages;

	((struct rndis_packet_msg *)header)->len = each;
	for (uint32_t i = 0; i < pq->n_messages; i++, at += each) {
		memcpy(at, header, header_len);
		write_frame(at + header_len, gen, next_flow(gen, pq), 0);
	}
}

static void send_sections(struct pktgen *gen, struct queue *pq, struct vsc_queue *q, unsigned *n)
{
	uint32_t section;
	uint8_t *at;

	while (*n < BURST) {
		section = vsc_take_section(q, &at);
		if (section == NVSP_NO_SECTION)
			return;
		if (!pq->prepared[section]) {
			pq->prepared[section] = 1;
			write_section(gen, pq, at);
		}
		if (vsc_send_section(q, section, pq->len, pq->n_messages,
			    pq->n_messages * gen->opt->size) < 0) {
			vsc_return_section(q, section);
			return;
		}
		++*n;
	}
}

static void send_frame(struct pktgen *gen, struct queue *pq, struct vsc_queue *q)
{
	static const struct ndis_packet_info none;
	uint32_t flow = next_flow(gen, pq);
	uint8_t *at = vsc_buffer(q);

	bool numbered = gen->opt->flows >= vsc_get_info(gen->vsc)->n_queues;

	write_frame(at, gen, flow, numbered ? NUMBERED : 0);
	if (numbered) {
		const struct stamp stamp = {MAGIC, flow, ++gen->sent[flow]};

		memcpy(at + DATA, &stamp, sizeof(stamp));
	}
	vsc_send(q, at, gen->opt->size, &none);
}

static unsigned poll_rated(struct pktgen *gen, struct queue *pq, struct vsc_queue *q)
{
	int64_t interval = SECOND * vsc_get_info(gen->vsc)->n_queues / (int64_t)gen->opt->rate;
	int64_t t = now();
	unsigned n;

	// Who was held up does not make up for more than a tenth of a second.
	if (pq->next < t - SECOND / 10)
		pq->next = t;
	for (n = 0; n < BURST && pq->next <= t && vsc_ready(q); n++) {
		send_frame(gen, pq, q);
		pq->next += interval;
	}
	return n;
}

static unsigned pktgen_poll(struct endpoint *ep, struct vsc_queue *q, uint32_t index)
{
	struct pktgen *gen = (struct pktgen *)ep;
	struct queue *pq = &gen->queue[index];
	unsigned n = 0;

	if (gen->opt->pktgen != PKTGEN_TX ||
		!atomic_load_explicit(&gen->link, memory_order_relaxed))
		return 0;
	if (gen->opt->rate != 0)
		return poll_rated(gen, pq, q);
	if (pq->n_messages > 0) {
		send_sections(gen, pq, q, &n);
		return n;
	}
	for (; n < BURST && vsc_ready(q); n++) // too long for a section
		send_frame(gen, pq, q);
	return n;
}

// Some may be missing, yet none may come after one that was sent later.
static void check_order(struct pktgen *gen, uint32_t index, const struct vsc_frame *f)
{
	const uint8_t *at = f->seg[0].iov_base;
	struct stamp stamp;
	_Atomic uint64_t *last;
	uint16_t id;

	if (f->seg[0].iov_len < DATA + sizeof(stamp))
		return;
	memcpy(&id, at + ID, sizeof(id));
	if (id != NUMBERED)
		return;
	memcpy(&stamp, at + DATA, sizeof(stamp));
	if (stamp.magic != MAGIC || stamp.flow >= MAX_FLOWS)
		return;
	stat_add(&gen->ep.stats[index].numbered, 1);
	last = &gen->received[stamp.flow];
	if (stamp.number <= atomic_load_explicit(last, memory_order_relaxed))
		stat_add(&gen->ep.stats[index].out_of_order, 1);
	atomic_store_explicit(last, stamp.number, memory_order_relaxed);
}

static void pktgen_receive(struct endpoint *ep, uint32_t index, struct vsc_frame *f)
{
	static const struct ndis_packet_info none;
	struct pktgen *gen = (struct pktgen *)ep;
	struct vsc_queue *q;
	uint8_t *at, *to;

	if (gen->opt->pktgen == PKTGEN_RX)
		check_order(gen, index, f);
	if (gen->opt->pktgen != PKTGEN_ECHO || f->seg[0].iov_len < ECHO_LEAST)
		return;
	q = vsc_queue(gen->vsc, index);
	if (!vsc_ready(q)) {
		stat_add(&ep->stats[index].dropped, 1);
		return;
	}
	at = to = vsc_buffer(q);
	for (unsigned i = 0; i < f->n_segs; i++) {
		memcpy(to, f->seg[i].iov_base, f->seg[i].iov_len);
		to += f->seg[i].iov_len;
	}
	memcpy(at, (uint8_t *)f->seg[0].iov_base + 6, 6);
	memcpy(at + 6, f->seg[0].iov_base, 6);
	vsc_send(q, at, f->len, &none);
}

static int pktgen_fd(const struct endpoint *, uint32_t)
{
	return -1;
}

static int64_t pktgen_due(const struct endpoint *ep, uint32_t index)
{
	const struct pktgen *gen = (const struct pktgen *)ep;
	int64_t left;

	if (gen->opt->pktgen != PKTGEN_TX || gen->opt->rate == 0 ||
		!atomic_load_explicit(&gen->link, memory_order_relaxed))
		return -1;
	left = gen->queue[index].next - now();
	return left > 0 ? left : 0;
}

static int pktgen_up(struct endpoint *ep, struct vsc *vsc)
{
	struct pktgen *gen = (struct pktgen *)ep;
	const struct vsc_info *info = vsc_get_info(vsc);
	static const struct ndis_packet_info none;
	uint8_t header[RNDIS_PACKET_BUILD_MAX];
	uint32_t each = rndis_packet_build_request(header, gen->opt->size, &none) + gen->opt->size;
	uint32_t fit;

	gen->vsc = vsc;
	if (gen->opt->pktgen == PKTGEN_TX && gen->opt->size > info->mtu + IP + 4)
		return -EMSGSIZE;
	each = (each + info->alignment - 1) & ~(info->alignment - 1);
	fit = (info->send_section - 1) / each;
	if (fit > info->max_packets)
		fit = info->max_packets;
	for (uint32_t i = 0; i < info->n_queues; i++) {
		struct queue *pq = &gen->queue[i];

		pq->n_messages = fit;
		pq->len = fit * each;
		pq->next_flow = i % gen->opt->flows;
		free(pq->prepared);
		pq->prepared = calloc(info->n_send, 1);
		if (pq->prepared == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void pktgen_link(struct endpoint *ep, bool up)
{
	atomic_store(&((struct pktgen *)ep)->link, up);
}

static void pktgen_wishes(struct endpoint *ep, struct endpoint_wishes *w)
{
	const struct pktgen *gen = (const struct pktgen *)ep;
	const struct vsc_info *info = gen->vsc != NULL ? vsc_get_info(gen->vsc) : NULL;

	w->mtu = info != NULL ? info->mtu : gen->opt->mtu;
	w->filter = VSC_FILTER_UP;
	if (info != NULL)
		memcpy(w->mac, info->mac, sizeof(w->mac));
}

static int pktgen_wishes_fd(const struct endpoint *)
{
	return -1;
}

static void pktgen_destroy(struct endpoint *ep)
{
	struct pktgen *gen = (struct pktgen *)ep;

	for (uint32_t i = 0; i < VSC_MAX_QUEUES; i++)
		free(gen->queue[i].prepared);
	free(gen);
}

static const struct endpoint_ops pktgen_ops = {
	.poll = pktgen_poll,
	.receive = pktgen_receive,
	.fd = pktgen_fd,
	.due = pktgen_due,
	.up = pktgen_up,
	.link = pktgen_link,
	.wishes = pktgen_wishes,
	.wishes_fd = pktgen_wishes_fd,
	.destroy = pktgen_destroy,
};

struct endpoint *pktgen_create(const struct options *opt)
{
	struct pktgen *gen = aligned_alloc(64, (sizeof(*gen) + 63) / 64 * 64);

	if (gen == NULL) {
		fputs("hvsoft: out of memory\n", stderr);
		return NULL;
	}
	memset(gen, 0, sizeof(*gen));
	gen->ep.ops = &pktgen_ops;
	gen->opt = opt;
	return &gen->ep;
}
