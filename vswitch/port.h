/* SPDX-License-Identifier: BSD-3-Clause */
// A place on the switch and the driver behind it.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_mbuf.h>

#include "config.h"
#include "error.h"

#define VSW_BURST 64

struct vsw_port;
struct vsw_switch;

// What tx_burst can take unfinished. A frame that needs more is finished in software first.
#define PORT_TX_CSUM   (1u << 0) // TCP/UDP checksum by RTE_MBUF_F_TX_{TCP,UDP}_CKSUM
#define PORT_TX_TSO4   (1u << 1) // RTE_MBUF_F_TX_TCP_SEG, IPv4
#define PORT_TX_TSO6   (1u << 2) // and IPv6
#define PORT_TX_USO    (1u << 3) // RTE_MBUF_F_TX_UDP_SEG, both families
#define PORT_TX_MULTI  (1u << 4) // chains of mbufs
#define PORT_TX_SHARED (1u << 5) // reads the mbufs only: refcnt > 1 is welcome, nothing is written
// The far end vouches for nothing (veth over AF_XDP): an L4 checksum field that holds just
// the pseudo-header's sum is unfinished and must be completed. Set by the driver; the
// driver's rx_burst marks such frames itself (see offload.h, offload_mark_partial()).

// How a worker learns that a queue has frames.
enum port_wake {
	PORT_WAKE_FD,    // rx_fd is readable exactly while there are frames: read only then
	PORT_WAKE_ARMED, // polled; before sleeping arm() makes rx_fd readable with the next frame
	PORT_WAKE_TIMER, // polled; nothing to wait on: the worker sleeps in short slices
};

struct port_queue {
	int rx_fd; // -1 if none
};

// The part of a port that workers read, replaced as a whole (RCU).
struct vsw_policy {
	struct vlan_config vlan;
	uint32_t max_frame; // bytes without FCS and tags (see vlan_tag_room()): mtu + 14
	uint32_t mac_limit;
	bool link_down;
};

struct port_link {
	bool up;             // carrier, or the peer connected
	uint32_t speed_mbps; // 0: unknown or none
	bool lost;           // until closed and opened again
	char reason[96];     // why not up; empty otherwise
};

struct vsw_port_ops {
	const char *type; // as in the protocol: "tap"
	// Main thread. Fills priv, mac, n_rx_queues, n_tx_queues, wake, queue[], tx_caps; may
	// lower or raise mtu only by failing. 0 or a vsw_fail().
	int (*open)(struct vsw_port *port, struct vsw_error *err);
	// Main thread, after no worker can call rx_burst or tx_burst any more. keep: the daemon
	// stops or restarts; what outlives it (persistent interfaces) stays.
	void (*close)(struct vsw_port *port, bool keep);
	// One worker per queue at a time. rx gives the caller its mbufs; offload state is as on
	// the way out (RTE_MBUF_F_TX_* with l2/l3/l4_len and tso_segsz for work not done yet,
	// RTE_MBUF_F_RX_L4_CKSUM_GOOD for vouched sums); VLAN tags are in the frame.
	uint16_t (*rx_burst)(
		struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
	// Takes the first <return>; the caller frees and counts the rest. One worker per queue at
	// a time, or any worker if n_tx_queues is PORT_TX_ANY.
	uint16_t (*tx_burst)(
		struct vsw_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
	// PORT_WAKE_ARMED: false when frames are waiting already (do not sleep). May be NULL.
	bool (*arm)(struct vsw_port *port, uint16_t queue);
	void (*disarm)(struct vsw_port *port, uint16_t queue);
	// Main thread, live, 0 or a vsw_fail(): the old value stays then. NULL: cannot change.
	int (*set_mtu)(struct vsw_port *port, uint16_t mtu, struct vsw_error *err);
	int (*set_mac)(struct vsw_port *port, const uint8_t mac[6], struct vsw_error *err);
	int (*set_admin)(struct vsw_port *port, bool up, struct vsw_error *err);
	// Main thread: cfg.name is another now. NULL: what is behind the port does not know it.
	void (*renamed)(struct vsw_port *port);
	// Main thread: about once a second and after events. NULL: always up.
	void (*get_link)(struct vsw_port *port, struct port_link *link);
	// Main thread: adds driver's own facts to the `driver` object of show-port, as pairs.
	void (*describe)(struct vsw_port *port,
		void (*add)(void *arg, const char *key, const char *value), void *arg);
	// Main thread: frames the driver or kernel lost before rx_burst or after tx_burst, for
	// show-stats; not part of the sum. May be NULL.
	void (*lost)(struct vsw_port *port, uint64_t *rx_missed, uint64_t *tx_lost);
};

#define PORT_TX_ANY UINT16_MAX

struct vsw_port {
	// Data path, constant while the port is published
	const struct vsw_port_ops *ops;
	void *priv; // the driver's
	uint16_t id;
	uint16_t n_rx_queues;
	uint16_t n_tx_queues; // fewer than workers: bursts cross to the owner
	uint16_t tx_owner;    // worker that transmits when n_tx_queues < workers
	uint32_t tx_caps;     // PORT_TX_*
	enum port_wake wake;
	bool is_local; // host: its MAC is our own
	// NULL: what tx_burst does not take is DROP_TX_FULL. Else why (enum vsw_drop), by its place
	// in pkts; one worker transmits.
	const uint8_t *tx_reasons;
	// Data path, replaced under traffic
	_Atomic(const struct vsw_policy *) policy;
	_Atomic(struct vsw_switch *) sw; // NULL while detached
	struct port_queue queue[VSW_MAX_QUEUES];

	// Control only
	uint8_t mac[6];   // all zero if the port has none of its own
	bool own_entry;   // is_local: the switch has put in the static entry of own_key
	uint64_t own_key; // its MAC and untagged VLAN when it did
	struct port_config cfg;
	struct port_link link;
	bool link_told;                          // up, as far as events tell
	uint64_t rx_pps, tx_pps, rx_bps, tx_bps; // over the last second; bps in bits
	struct rte_mempool *pool;                // for rx_burst
	int socket_id;                           // NUMA node
} __rte_cache_aligned;

// The drivers, by type; NULL where this build has none.
const struct vsw_port_ops *port_ops_of(enum port_type type);
extern const struct vsw_port_ops port_host_ops, port_tap_ops, port_vhost_ops, port_dpdk_ops;
extern const struct vsw_port_ops port_vmnic_ops;
// nic: its open() chooses one of the two below and puts it in its own place.
extern const struct vsw_port_ops port_nic_ops;
extern const struct vsw_port_ops port_packet_ops, port_xdp_ops;
