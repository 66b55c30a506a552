/* SPDX-License-Identifier: BSD-3-Clause */
// Frames of any content through the whole data path: classification, VLANs, learning,
// snooping, flooding, unfinished work. Afterwards every frame must be accounted for and every
// buffer free.
//
// Input: a mode per port, then frames: a head of 12 bytes, then the frame's own.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_net.h>
#include <rte_eal.h>

#include <vswitch/datapath.h>
#include <vswitch/mbuf_pool.h>
#include <vswitch/notify.h>
#include <vswitch/switch_live.h>

#define PORTS  4
#define FRAMES 64
#define HEAD   12

struct head {
	uint8_t port; // bits 0..1; bit 2: a chain of small buffers
	uint8_t length[2];
	uint8_t claims[9]; // flags, gso type, hdr_len, gso_size, csum_start, csum_offset
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vsw_port *ports[PORTS];

static int null_open(struct vsw_port *port, struct vsw_error *)
{
	// Ports that can do ever less.
	static const uint32_t caps[PORTS] = {
		PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6 | PORT_TX_MULTI | PORT_TX_SHARED,
		PORT_TX_CSUM | PORT_TX_MULTI, PORT_TX_MULTI, 0};

	port->tx_caps = caps[port->id % PORTS];
	port->n_rx_queues = 1;
	port->n_tx_queues = PORT_TX_ANY;
	port->wake = PORT_WAKE_TIMER;
	port->is_local = port->id % PORTS == 0;
	return 0;
}

static void null_close(struct vsw_port *, bool)
{
}

static uint16_t null_rx(struct vsw_port *, uint16_t, struct rte_mbuf **, uint16_t)
{
	return 0;
}

static volatile uint8_t sink;

// Takes all but every eighth burst's last frame, and looks at each byte it takes.
static uint16_t null_tx(struct vsw_port *, uint16_t, struct rte_mbuf **pkts, uint16_t n)
{
	static unsigned bursts;

	if (bursts++ % 8 == 7)
		n--;
	for (uint16_t i = 0; i < n; i++) {
		for (struct rte_mbuf *m = pkts[i]; m != NULL; m = m->next)
			for (uint16_t k = 0; k < m->data_len; k++)
				sink ^= *rte_pktmbuf_mtod_offset(m, uint8_t *, k);
		rte_pktmbuf_free(pkts[i]);
	}
	return n;
}

static const struct vsw_port_ops null_ops = {
	.type = "null",
	.open = null_open,
	.close = null_close,
	.rx_burst = null_rx,
	.tx_burst = null_tx,
};

static void start(void)
{
	char *argv[] = {"fuzz", "--no-huge", "--no-shconf", "--no-pci", "-m", "128", "-l", "0",
		"--no-telemetry", "--log-level=*:error"};
	static const struct switch_config sw = {.name = "s", .ageing_s = 300, .mac_limit = 100};
	unsigned lcore = 0;

	if (rte_eal_init(RTE_DIM(argv), argv) < 0 || mbuf_pools_create(8191) < 0 ||
		notify_init() < 0)
		abort();
	if (workers_start(&(struct worker_options){
		    .lcores = &lcore, .n_workers = 1, .no_threads = true}) < 0 ||
		switch_add(&sw, NULL) < 0)
		abort();
	for (int i = 0; i < PORTS; i++) {
		struct port_config cfg = {.type = PORT_TAP,
			.mac = {2, 0, 0, 0, 0, i + 1},
			.switch_name = "s",
			.name = {'a' + i}};

		if (port_add_by(&null_ops, &cfg, NULL) < 0)
			abort();
		ports[i] = port_find(cfg.name);
	}
}

static void set_mode(struct vsw_port *port, uint8_t byte)
{
	struct port_config cfg = port->cfg;

	cfg.vlan = (struct vlan_config){
		.mode = byte % 3, .access_id = 10, .native_id = byte & 8 ? 20 : 0};
	cfg.link_down = (byte & 0xf0) == 0xf0;
	if (byte & 4)
		memset(cfg.vlan.allowed, 0xff, sizeof(cfg.vlan.allowed));
	if (port_set(port->cfg.name, &cfg, NULL) < 0)
		abort();
}

static struct rte_mbuf *make_frame(const uint8_t *p, size_t len, size_t step)
{
	struct rte_mbuf *first = NULL;

	do {
		struct rte_mbuf *m = rte_pktmbuf_alloc(mbuf_pool(SOCKET_ID_ANY));
		size_t part = RTE_MIN(len, step);

		if (m == NULL)
			abort();
		memcpy(rte_pktmbuf_append(m, part), p, part);
		p += part;
		len -= part;
		if (first == NULL)
			first = m;
		else if (rte_pktmbuf_chain(first, m) < 0)
			abort();
	} while (len > 0);
	return first;
}

static void claim(struct rte_mbuf *m, const uint8_t c[9])
{
	offload_from_virtio(m, c[0] & VIRTIO_NET_HDR_F_NEEDS_CSUM, c[1], c[2] << 8 | c[3],
		c[4] << 8 | c[5], c[6] << 8 | c[7], c[8]);
}

static void check_sum(void)
{
	uint64_t in = 0, out = 0;

	for (uint16_t id = 0; id <= VSW_MAX_PORTS; id++) {
		struct vsw_counters *c = &vsw_workers[0]->ctr[id];

		in += c->rx_packets + c->copies + c->segments;
		out += c->tx_packets;
		for (int i = 0; i < DROP_COUNT; i++)
			out += c->drops[i];
	}
	if (in != out || mbuf_in_use() != 0)
		abort();
}

static void feed(struct worker *w, const uint8_t *data, size_t size)
{
	uint8_t from = 0;
	uint16_t n = 0;

	while (size >= HEAD && n < FRAMES) {
		struct head head;
		size_t len;

		memcpy(&head, data, HEAD);
		len = RTE_MIN((size_t)(head.length[0] << 8 | head.length[1]), size - HEAD);
		if ((head.port & 3) != from && n > 0) {
			switch_input(w, ports[from], n);
			n = 0;
		}
		from = head.port & 3;
		w->rx.out.pkt[n] = make_frame(data + HEAD, len, head.port & 4 ? 64 : 2000);
		claim(w->rx.out.pkt[n++], head.claims);
		data += HEAD + len;
		size -= HEAD + len;
	}
	if (n > 0)
		switch_input(w, ports[from], n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (ports[0] == NULL)
		start();
	if (size < PORTS)
		return 0;
	for (int i = 0; i < PORTS; i++)
		set_mode(ports[i], data[i]);
	feed(vsw_workers[0], data + PORTS, size - PORTS);
	switch_drain_notifications(NULL);
	check_sum();
	return 0;
}
