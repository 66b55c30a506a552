/* SPDX-License-Identifier: BSD-3-Clause */
// What the files of the data path share: the worker and one burst on its way. Nothing here
// allocates (beyond mbufs), locks, logs or makes a system call while there is work.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include "counters.h"
#include "fdb.h"
#include "offload.h"
#include "port.h"
#include "switch.h"
#include "worker.h"

enum stage { STAGE_RX, STAGE_INGRESS, STAGE_LOOKUP, STAGE_FORWARD, STAGE_EGRESS, STAGE_TX };

// One frame's VLAN on the switch, and how its bytes say it:
// bits 0..11 VLAN id (0: the untagged domain); bit 12: the frame carries an 802.1Q tag with
// that very id. Without bit 12 the first tag, if any, is none of ours (802.1ad passes whole).
typedef uint16_t vlan_meta;
#define META_VID(meta) ((meta)&0xfff)
#define META_TAGGED    (1u << 12)

// Frames for one port, with what holds for all of them taken together.
struct tx_burst {
	uint16_t n;
	uint16_t segs_or; // > 1: some frame is a chain
	vlan_meta meta_first;
	vlan_meta meta_diff; // 0: all frames have meta_first
	uint32_t max_len;    // no frame is longer; there may be none as long
	uint64_t bytes;
	uint64_t ol_or;
	bool shared; // some frame may have refcnt > 1
	bool listed; // is in the worker's list of stages to flush
	struct rte_mbuf *pkt[VSW_BURST];
	vlan_meta meta[VSW_BURST];
};

// Frames of one source port on their way to a destination. There is none yet: that is what
// forwarding finds out, so there is no field for it.
struct rx_burst {
	struct vsw_port *src;
	struct vsw_switch *sw;
	const struct vsw_policy *policy;
	struct vsw_counters *ctr; // of src
	bool arp;                 // some frame may be ARP
	uint16_t n_words;         // out.n, or 1: the first pair of words stands for all frames
	struct tx_burst out;      // pkt[], meta[] and the sums, should all go to one port
	// Destination and source of each frame, and their entries: pairs of 16 bytes
	_Alignas(16) uint64_t key[2 * VSW_BURST];
	_Alignas(16) uint64_t word[2 * VSW_BURST];
};

struct poll_set {
	uint16_t n;    // polled queues (PORT_WAKE_ARMED, PORT_WAKE_TIMER)
	uint16_t n_fd; // queues that only epoll tells about
	uint16_t n_timer;
	struct {
		struct vsw_port *port;
		uint16_t queue;
	} q[];
};

// What a ring between two workers holds. The port stands beside the mbuf, not in it: a flooded
// one may be on its way to several ports.
struct crossing {
	struct rte_mbuf *m;
	uint64_t port;
};

#define SEEN_CACHE 256

struct worker {
	// Own cache lines: written by this worker only, at rate
	struct vsw_counters *ctr; // [VSW_MAX_PORTS + 1]
	struct worker_stats stats;
	struct rx_burst rx;
	uint16_t n_touched;
	uint16_t touched[VSW_MAX_PORTS + 1];
	struct vsw_port *flood_to[2][VSW_MAX_PORTS]; // one flood's ports: untagged, tagged
	uint64_t ip_seen[SEEN_CACHE];                // hashes of (IP, port) told lately
	uint64_t ip_seen_until;
	uint32_t ip_told; // since the cache was emptied
	uint64_t tsc_stage;

	// Read-mostly
	_Atomic(const struct poll_set *) set __rte_cache_aligned;
	struct tx_burst *_Atomic stage[VSW_MAX_PORTS + 1]; // where frames wait for the burst's end
	struct rte_ring *in[VSW_MAX_WORKERS]; // of struct crossing, from other workers; NULL: none
	struct offload_ctx *offload;
	struct rte_mempool *pool; // for copies
	uint16_t index;
	unsigned lcore;
	int epfd;
	int wake_fd; // eventfd
	bool poll, profile;
	_Atomic bool stop;

	atomic_bool sleeping __rte_cache_aligned; // read by others after each ring enqueue
};

extern struct worker *vsw_workers[VSW_MAX_WORKERS];
extern unsigned vsw_n_workers;
// Ports by id, NULL when there is none; readers: workers, until their next quiescent state.
extern _Atomic(struct vsw_port *) vsw_ports[VSW_MAX_PORTS + 1];

static inline struct vsw_port *port_of(uint16_t id)
{
	return atomic_load_explicit(&vsw_ports[id], memory_order_acquire);
}

static inline void drop(struct vsw_counters *ctr, enum vsw_drop reason, struct rte_mbuf *m)
{
	ctr->drops[reason]++;
	rte_pktmbuf_free(m);
}

static inline void stage_done(struct worker *w, enum stage stage)
{
	if (unlikely(w->profile)) {
		uint64_t now = rte_rdtsc();

		w->stats.stage_cycles[stage] += now - w->tsc_stage;
		w->tsc_stage = now;
	}
}

static inline void tx_burst_add(struct tx_burst *b, struct rte_mbuf *m, vlan_meta meta)
{
	if (b->n == 0)
		b->meta_first = meta;
	b->meta_diff |= meta ^ b->meta_first;
	b->segs_or |= m->nb_segs;
	b->max_len = RTE_MAX(b->max_len, m->pkt_len);
	b->bytes += m->pkt_len;
	b->ol_or |= m->ol_flags;
	b->meta[b->n] = meta;
	b->pkt[b->n++] = m;
}

static inline void tx_burst_clear(struct tx_burst *b)
{
	b->n = 0;
	b->segs_or = 0;
	b->meta_diff = 0;
	b->max_len = 0;
	b->bytes = 0;
	b->ol_or = 0;
	b->shared = false;
}

// meta[] is filled only where the frames differ.
static inline vlan_meta tx_burst_meta(const struct tx_burst *b, uint16_t i)
{
	return b->meta_diff != 0 ? b->meta[i] : b->meta_first;
}

// ingress.c: rx->out.pkt[0..n) into rx->out and rx->key, for what may come in.
void switch_ingress(struct rx_burst *rx, uint16_t n);

// forward.c: takes w->rx.out.pkt[0..n) as they came from the port.
void switch_input(struct worker *w, struct vsw_port *src, uint16_t n);
// Puts a frame into the destination's stage; flushed when full and at the burst's end.
void stage_add(
	struct worker *w, struct vsw_port *dst, struct rte_mbuf *m, vlan_meta meta, bool shared);

// flood.c: a frame for everybody in its VLAN but the source.
void flood(struct worker *w, struct rx_burst *rx, struct rte_mbuf *m, vlan_meta meta);

// egress.c: policy of the destination, unfinished work, then out. Leaves b cleared.
void port_output(struct worker *w, struct vsw_port *dst, struct tx_burst *b);
// Frames that another worker has put through port_output already.
void port_transmit(
	struct worker *w, struct vsw_port *dst, struct rte_mbuf **pkts, uint16_t n, uint64_t bytes);
uint64_t sum_bytes(struct rte_mbuf *const *pkts, uint16_t n);

// poll.c: the thread itself, an lcore function; arg: struct worker.
int worker_run(void *arg);

// What an epoll event of a worker stands for.
#define EVENT_WAKE UINT64_MAX
static inline uint64_t event_of(const struct vsw_port *port, uint16_t queue)
{
	return (uint64_t)port->id << 16 | queue;
}

extern struct rte_rcu_qsbr *vsw_rcu;

// learn.c: sources that the table did not know as seen here. True if the frame must go.
// at: place of the source's key and word.
bool learn(struct worker *w, struct rx_burst *rx, unsigned at);

// snoop.c: which IPs are behind which port, from ARP and neighbour discovery.
void snoop(struct worker *w, const struct vsw_port *src, const struct rte_mbuf *m, vlan_meta meta);
