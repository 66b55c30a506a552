/* SPDX-License-Identifier: BSD-3-Clause */
// A guest that does what it likes with a NIC: records, messages and frames of any bytes, and any
// byte of its memory changed at any moment, also between a poll and its completion. What netvsp
// gives must lie in the guest's memory, and sections must not get lost. With NETVSP_SCRIBBLE in
// the environment a second thread rewrites the memory all the while.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <netvsp/record.h>
#include <tests/unit/model_guest.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct model_guest g;
static struct model_host h;
static bool made, two_threads;
static const uint8_t *in; // what is left of the input
static size_t left;
static _Atomic uint64_t scribble; // seed of the second thread; 0: it rests
static uint8_t frame_out[NETVSP_MAX_FRAME];

static uint32_t take(uint32_t n)
{
	uint32_t value = 0;

	if (n > left)
		n = left;
	memcpy(&value, in, n);
	in += n;
	left -= n;
	return value;
}

static void broken(const char *what)
{
	fprintf(stderr, "fuzz_netvsp: %s\n", what);
	abort();
}

static void *scribbler(void *)
{
	for (;;) {
		uint64_t x = atomic_load(&scribble);

		for (int i = 0; i < 1000 && x != 0 && atomic_load(&scribble) != 0; i++) {
			uint64_t page, where;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			// Rings and send buffer, mostly where something is.
			where = x >> 40;
			page = x & 1 ? model_ring_page(&g, where & 1, (x >> 8) % 34)
			             : g.send.pfn[(x >> 8) % 16];
			((volatile uint8_t *)model_at(&g, page))[where % 512] = x >> 32;
		}
		if (x == 0)
			usleep(10);
	}
	return NULL;
}

static void start(void)
{
	const struct model_options o = {.n_channels = 3, .scatter = true};
	pthread_t thread;

	model_guest_init(&g, &o);
	g.pump = model_host_run;
	g.pump_arg = &h;
	if (getenv("NETVSP_SCRIBBLE") != NULL &&
		pthread_create(&thread, NULL, scribbler, NULL) != 0)
		abort();
}

static void check_frame(const struct netvsp_frame *f)
{
	uint64_t end = (uint64_t)h.mem.region[0].host + h.mem.region[0].size;
	uint32_t sum = 0, bytes = 0;

	for (uint32_t i = 0; i < f->n_segs; i++) {
		const uint8_t *at = f->seg[i].iov_base;

		if (at < h.mem.region[0].host || (uint64_t)at + f->seg[i].iov_len > end)
			broken("a frame outside of the guest's memory");
		bytes += f->seg[i].iov_len;
		for (size_t k = 0; k < f->seg[i].iov_len; k += 61)
			sum += at[k];
	}
	if (bytes != f->len || f->len < 14 || f->len > NETVSP_MAX_FRAME)
		broken("a frame of another length than its pieces");
	if (f->info.flags & NDIS_INFO_LSO && f->info.mss == 0)
		broken("segments of no bytes");
	if (f->info.l4_offset >= f->len || sum == 0x12345679)
		broken("a header outside of the frame");
}

static void poll_queue(uint32_t q, unsigned max)
{
	struct netvsp_frame frames[NETVSP_BURST];
	int n = netvsp_poll_from_guest(h.vsp, q, frames, max);

	if (n > (int)max)
		broken("more frames than asked for");
	for (int i = 0; i < n; i++)
		check_frame(&frames[i]);
}

// Some bytes of the guest's memory: rings, buffers, scratch.
static void mutate(void)
{
	uint32_t what = take(1), at = take(3), n = 1 + take(1) % 16;
	uint64_t page;

	switch (what % 5) {
	case 0: page = model_ring_page(&g, what >> 3 & 3, what & 64 ? 17 : 0); break; // a header
	case 1: page = model_ring_page(&g, what >> 3 & 3, at / GUEST_PAGE_SIZE % 34); break;
	case 2: page = g.send.pfn[at / GUEST_PAGE_SIZE % g.send.n_pages]; break;
	case 3: page = g.receive.pfn[at / GUEST_PAGE_SIZE % g.receive.n_pages]; break;
	default: page = g.scratch + at / GUEST_PAGE_SIZE % 64; break;
	}
	while (n-- > 0)
		model_at(&g, page)[at++ % GUEST_PAGE_SIZE] = take(1);
}

static void send_record(uint32_t c)
{
	static const uint16_t types[] = {6, 9, 11, 6, 9, 7, 0, 10};
	uint8_t header[256], body[128];
	uint32_t header_len = (take(1) % 32) * 8, len = take(1) % sizeof(body);
	uint16_t type = types[take(1) % 8];

	for (uint32_t i = 0; i < header_len; i += 4)
		memcpy(header + i, &(uint32_t){take(4)}, 4);
	for (uint32_t i = 0; i < len; i++)
		body[i] = take(1);
	model_send_record(&g, c, type, take(1) & 1, header, header_len, body, len);
}

// NVSP messages and RNDIS, well enough formed to come far.
static void send_message(uint32_t c)
{
	struct nvsp_message m = {.type = take(1)};

	for (uint32_t i = 0; i < 5; i++)
		memcpy(m.raw + 4 * i, &(uint32_t){take(1) & 1 ? take(4) : take(1)}, 4);
	model_send_record(&g, c, VMBUS_PACKET_IN_BAND, true, NULL, 0, &m, 8 * (1 + take(1) % 5));
}

static void send_control(void)
{
	uint32_t words[64] = {take(1) % 10, 0, take(1)}, n = 7 + take(1) % 50;
	static const uint32_t oids[] = {0x10106, 0x1010e, 0xfc01020c, 0xfc01020d, 0x10203, 0x10204,
		0x1021b, 0x10101, 0x20106, 0x20216, 0x1010103, 0x101010a};

	words[1] = 4 * n;
	words[3] = oids[take(1) % 12];
	words[4] = 4 * n - 28; // all behind is its value
	words[5] = 20;
	for (uint32_t i = 7; i < n; i++)
		words[i] = take(1) & 3 ? take(1) : take(4);
	if (take(1) < 32)
		words[take(1) % n] = take(4);
	model_rndis_post(&g, 0, (const uint8_t *)words, 4 * n);
}

static void send_frames(uint32_t c)
{
	uint32_t n = take(1), e = n % 3, len = 44 + take(1) * 16;
	uint8_t bytes[6144];

	for (uint32_t at = 0; at < len;) {
		uint32_t size = 60 + take(1), words[11] = {1, size, 36, size - 44};

		if (size > len - at)
			size = len - at;
		for (uint32_t i = 0; i < 3 && take(1) < 64; i++)
			words[take(1) % 11] = take(4);
		memcpy(bytes + at, words, size < 44 ? size : 44);
		for (uint32_t i = 44; i < size; i++)
			bytes[at + i] = i < 100 ? take(1) : i;
		at += size;
	}
	model_send_bytes(&g, c, e, bytes, len, n >> 2 ? n >> 2 : 1);
}

static void to_guest(uint32_t c)
{
	uint32_t flags = take(1), len = take(2);
	const struct ndis_packet_info info = {.flags = flags << 2, .hash = flags};
	const uint32_t part = 1 + len / 3;
	struct iovec seg[4] = {{frame_out, part}, {frame_out + part, part},
		{frame_out + 2 * part, part}, {frame_out + 3 * part, part}};

	netvsp_send_to_guest(h.vsp, c, seg, 4, len, &info);
	if (flags & 1)
		netvsp_flush_to_guest(h.vsp, c);
}

// Takes all there is without believing any of it, and gives some packets back.
static void read_ring(uint32_t c)
{
	struct vmbus_ring *ring = &g.channel[c].in;
	uint32_t keep = take(1);
	struct vmbus_packet p;

	while (vmbus_ring_peek(ring, &p) > 0) {
		if (p.type == VMBUS_PACKET_XFER_PAGES && (keep & 1) == 0) {
			uint8_t *to = vmbus_ring_put(&g.channel[c].out, VMBUS_PACKET_COMPLETION,
				false, p.transaction, 0, 8);

			if (to != NULL)
				memcpy(to, &(uint64_t){NVSP_RNDIS_PACKET_COMPLETE}, 8);
		}
		keep = keep >> 1 | keep << 7;
		vmbus_ring_take(ring, &p);
		vmbus_ring_publish_read(ring);
	}
}

static void check_sections(void)
{
	struct netvsp_status s;

	netvsp_get_status(h.vsp, &s);
	for (uint32_t i = 0; i < 3; i++)
		if (s.queue[i].sections_lent > s.queue[i].sections)
			broken("more sections lent than there are");
}

static void step(uint32_t op)
{
	uint32_t c = op >> 4 & 3;

	if (c == 3)
		c = 0;
	if (g.channel[c].out.hdr == NULL)
		c = 0;
	switch (op & 15) {
	case 0: poll_queue(c, NETVSP_BURST); break;
	case 1:
		poll_queue(c, NETVSP_MAX_TX_BATCH);
		mutate();
		netvsp_complete(h.vsp, c);
		break;
	case 2: mutate(); break;
	case 3: send_record(c); break;
	case 4: send_message(c); break;
	case 5: send_control(); break;
	case 6:
	case 7: send_frames(c); break;
	case 8:
	case 9: to_guest(c); break;
	case 10: read_ring(c); break;
	case 11:
		netvsp_arm(h.vsp);
		netvsp_disarm(h.vsp);
		break;
	case 12: netvsp_set_link(h.vsp, take(1) & 1, take(2)); break;
	case 13: netvsp_forget_gpadl(h.vsp, MODEL_RECEIVE + take(1) % 2); break;
	case 14:
		atomic_store_explicit(
			&g.channel[c].out.hdr->write_index, take(3), memory_order_release);
		break;
	default:
		poll_queue(c, NETVSP_BURST);
		netvsp_complete(h.vsp, c);
		return;
	}
	model_publish(&g, c);
	if ((op & 64) != 0) {
		poll_queue(c, NETVSP_BURST);
		netvsp_complete(h.vsp, c);
	}
}

// A ring whose indices are none cannot be mapped: that is its guest's own loss.
static void mend_rings(void)
{
	for (uint32_t i = 0; i < 3; i++) {
		struct vmbus_ring *rings[] = {&g.channel[i].out, &g.channel[i].in};

		for (int k = 0; k < 2 && rings[k]->hdr != NULL; k++) {
			_Atomic uint32_t *index[] = {
				&rings[k]->hdr->read_index, &rings[k]->hdr->write_index};

			for (int n = 0; n < 2; n++)
				if (!vmbus_ring_index_is_good(rings[k], atomic_load(index[n])))
					atomic_store(index[n], 0);
		}
	}
}

static void begin(uint32_t how)
{
	if (h.vsp == NULL && model_host_start(&h, &g, false) != 0)
		abort();
	netvsp_set_link(h.vsp, true, 10000);
	if ((how & 3) != 0) {
		model_connect(&g);
		return;
	}
	model_open(&g, 0);
	if (how & 4)
		model_init(&g);
}

static void end(void)
{
	atomic_store(&scribble, 0);
	atomic_store(&g.shared->open, 0);
	atomic_store(&g.shared->wanted, 0);
	model_host_run(&h); // closes
	for (uint32_t i = 0; i < h.n_frames; i++)
		free(h.frames[i].bytes);
	h.n_frames = 0;
	memset(g.tx, 0, (g.n_tx + 1) * sizeof(*g.tx));
	memset(g.send_used, 0, 65536);
	memset(g.held, 0, 65536);
	model_forget_frames(&g);
	g.n_tx = g.n_out = g.n_holding = g.n_open = g.n_errors = g.sub_size = 0;
	for (uint32_t i = 0; i < MODEL_CHANNELS; i++)
		vmbus_ring_unmap(&g.channel[i].out), vmbus_ring_unmap(&g.channel[i].in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t how;

	if (!made)
		start();
	made = true;
	in = data;
	left = size;
	how = take(1);
	memcpy(frame_out, (const uint8_t[]){2, 0x15, 0x5d, 0, 0, 1}, 6);
	begin(how);
	if (g.n_errors != 0)
		broken(g.error);
	atomic_store(&scribble, 1 + size * 0x9e3779b97f4a7c15ull);
	// The successor of one that died finds what the guest has made of it.
	for (unsigned n = 0; left > 0 && n < 300; n++) {
		uint32_t op = take(1);
		int rc;

		if (op == 0xff) {
			model_host_abandon(&h);
			atomic_store(&scribble, 0);
			if (two_threads)
				usleep(100);
			mend_rings();
			rc = model_host_start(&h, &g, true);
			if (rc != 0)
				broken(strerror(-rc));
			continue;
		}
		step(op);
	}
	for (int i = 0; i < 3; i++)
		model_host_run(&h);
	check_sections();
	end();
	return 0;
}
