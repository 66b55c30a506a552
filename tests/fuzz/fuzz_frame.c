/* SPDX-License-Identifier: BSD-3-Clause */
// Frames and what is claimed of them, as a guest could make them: through a driver's words,
// through the search for unfinished sums, and straight as metadata. Nothing may be touched out
// of bounds, nothing leak, and what comes out must fit the port.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <vswitch/offload.h>
#include <vswitch/port.h>

#define FRAME_MAX 66000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct claims {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
	uint8_t tx_caps;
	uint8_t piece;   // frame cut into mbufs of 32 times as many bytes, 0: as large as they are
	uint8_t stretch; // times 256: zeros behind the frame
	uint8_t tx_flags;
	uint64_t tx_offload;
} __attribute__((packed));

static struct rte_mempool *pool;
static struct offload_ctx *ctx;

static void start(void)
{
	char *argv[] = {"fuzz", "--no-huge", "--no-shconf", "--no-pci", "-m", "64", "-l", "0",
		"--no-telemetry", "--log-level=3", NULL};

	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]) - 1, argv) < 0)
		abort();
	pool = rte_pktmbuf_pool_create("frame", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	ctx = pool != NULL ? offload_create(pool, 0) : NULL;
	if (ctx == NULL)
		abort();
}

static void free_outside(void *, void *opaque)
{
	free(opaque);
}

// Outside the pool every byte has a sanitizer's fence around it; such mbufs are never private.
static struct rte_mbuf *piece_of(const uint8_t *bytes, uint16_t n, bool outside)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_mbuf_ext_shared_info *info;
	uint8_t *buf;

	if (m == NULL)
		abort();
	if (!outside) {
		memcpy(rte_pktmbuf_append(m, n), bytes, n);
		return m;
	}
	info = malloc(sizeof(*info) + n);
	buf = (uint8_t *)(info + 1);
	info->free_cb = free_outside;
	info->fcb_opaque = info;
	rte_mbuf_ext_refcnt_set(info, 1);
	memcpy(buf, bytes, n);
	rte_pktmbuf_attach_extbuf(m, buf, (uintptr_t)buf, n, info);
	m->data_off = 0;
	m->data_len = m->pkt_len = n;
	return m;
}

static struct rte_mbuf *make(const uint8_t *bytes, uint32_t len, uint8_t piece, bool outside)
{
	uint32_t most = piece == 0 ? RTE_MBUF_DEFAULT_DATAROOM
	                           : RTE_MIN(piece * 32u, RTE_MBUF_DEFAULT_DATAROOM);
	struct rte_mbuf *head = NULL, *last = NULL;

	for (uint32_t at = 0; at < len || head == NULL;) {
		uint32_t n = RTE_MIN(len - at, most);
		struct rte_mbuf *m = piece_of(bytes + at, n, outside);

		at += n;
		if (head == NULL) {
			head = m;
		} else {
			last->next = m;
			head->nb_segs++;
			head->pkt_len += n;
		}
		last = m;
	}
	return head;
}

static void resolve(struct rte_mbuf *m, uint32_t caps)
{
	struct rte_mbuf *out[OFFLOAD_MAX_SEGS];
	int n = offload_resolve(ctx, m, caps, out, OFFLOAD_MAX_SEGS);
	const char *why;

	for (int i = 0; i < n; i++) {
		if (rte_mbuf_check(out[i], 1, &why) != 0 || !offload_fits(out[i], caps))
			abort();
		rte_pktmbuf_free(out[i]);
	}
	if (n == 0 || n > OFFLOAD_MAX_SEGS || rte_mempool_in_use_count(pool) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t frame[FRAME_MAX];
	struct claims c;
	struct rte_mbuf *m;
	uint32_t len;

	if (pool == NULL)
		start();
	if (size < sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	len = RTE_MIN(size - sizeof(c), sizeof(frame));
	memcpy(frame, data + sizeof(c), len);
	memset(frame + len, 0, RTE_MIN(c.stretch * 256u, sizeof(frame) - len));
	len += RTE_MIN(c.stretch * 256u, sizeof(frame) - len);

	for (int outside = 0; outside < 2; outside++) {
		m = make(frame, len, c.piece, outside);
		if (offload_from_virtio(m, c.flags, c.gso_type, c.hdr_len, c.gso_size, c.csum_start,
			    c.csum_offset) == 0)
			resolve(m, c.tx_caps);
		else
			rte_pktmbuf_free(m);

		m = make(frame, len, c.piece, outside);
		offload_mark_partial(m);
		resolve(m, c.tx_caps);

		m = make(frame, len, c.piece, outside);
		m->ol_flags |=
			(uint64_t)c.tx_flags << 50 | (c.tx_flags & 1 ? RTE_MBUF_F_TX_UDP_SEG : 0);
		m->tx_offload = c.tx_offload;
		resolve(m, c.tx_caps);
	}
	return 0;
}
