/* SPDX-License-Identifier: BSD-3-Clause */
// Two ports joined by a loop, without the switch: shows what the drivers do on their own.
//
//	port_bridge [-b] TYPE:IFNAME[,key=value…] TYPE:IFNAME[,key=value…]
//
// TYPE: host, tap, packet, or nic, which finds and holds the interface first. Keys: netns, mtu,
// mac, queues, down=1; nic: driver=auto|af-xdp|af-packet, dir=JOURNALS. Says "ready" when both
// are open. SIGUSR1 prints links and counters, SIGTERM prints and removes the ports' interfaces,
// SIGINT prints and keeps them. -b: busy, never sleeps.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ether.h>

#include <vswitch/port.h>
#include <vswitch/port_nic.h>
#include <vswitch/offload.h>

struct side {
	struct vsw_port port;
	uint64_t frames, bytes, large, refused, bursts, wakes;
	uint32_t longest;
};

static struct side sides[2];
static struct offload_ctx *offload;
static volatile sig_atomic_t stop, report;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		report = 1;
	else
		stop = sig;
}

static void die(const char *what, const struct vsw_error *err)
{
	fprintf(stderr, "%s: %s (%s)\n", what, err->reason, err->remedy);
	exit(err->code == VSW_E_UNSUPPORTED ? 77 : 1);
}

static void set_key(struct port_config *cfg, char *pair)
{
	char *value = strchr(pair, '=');
	struct rte_ether_addr mac;

	if (value == NULL)
		return;
	*value++ = '\0';
	if (strcmp(pair, "netns") == 0)
		snprintf(cfg->netns, sizeof(cfg->netns), "%s", value);
	else if (strcmp(pair, "mtu") == 0)
		cfg->mtu = strtoul(value, NULL, 10);
	else if (strcmp(pair, "queues") == 0)
		cfg->queues = strtoul(value, NULL, 10);
	else if (strcmp(pair, "down") == 0)
		cfg->link_down = value[0] == '1';
	else if (strcmp(pair, "driver") == 0)
		cfg->nic.driver = strcmp(value, "af-xdp") == 0      ? NIC_DRIVER_AF_XDP
		                  : strcmp(value, "af-packet") == 0 ? NIC_DRIVER_AF_PACKET
		                                                    : NIC_DRIVER_AUTO;
	else if (strcmp(pair, "dir") == 0)
		port_nic_set_dir(value);
	else if (strcmp(pair, "mac") == 0 && rte_ether_unformat_addr(value, &mac) == 0)
		memcpy(cfg->mac, mac.addr_bytes, sizeof(cfg->mac));
}

static const struct vsw_port_ops *parse(struct port_config *cfg, char *spec)
{
	char *type = strtok(spec, ":"), *ifname = strtok(NULL, ","), *pair;

	if (type == NULL || ifname == NULL)
		return NULL;
	snprintf(cfg->ifname, sizeof(cfg->ifname), "%s", ifname);
	snprintf(cfg->name, sizeof(cfg->name), "%s", ifname);
	while ((pair = strtok(NULL, ",")) != NULL)
		set_key(cfg, pair);
	if (strcmp(type, "host") == 0) {
		cfg->type = PORT_HOST;
		return &port_host_ops;
	}
	if (strcmp(type, "tap") == 0) {
		cfg->type = PORT_TAP;
		return &port_tap_ops;
	}
	cfg->type = PORT_NIC;
	if (strcmp(type, "nic") == 0)
		return &port_nic_ops;
	cfg->nic.driver = NIC_DRIVER_AF_PACKET;
	return strcmp(type, "packet") == 0 ? &port_packet_ops : NULL;
}

static void open_side(struct side *side, uint16_t id, char *spec, struct rte_mempool *pool)
{
	struct vsw_error err = {};

	side->port.id = id;
	side->port.pool = pool;
	side->port.ops = parse(&side->port.cfg, spec);
	if (side->port.ops == NULL) {
		fprintf(stderr, "usage: port_bridge [-b] TYPE:IFNAME[,key=value…] (twice)\n");
		exit(2);
	}
	for (int i = 0; i < VSW_MAX_QUEUES; i++)
		side->port.queue[i].rx_fd = -1;
	if (side->port.ops->open(&side->port, &err) < 0)
		die(spec, &err);
}

static void add(void *, const char *key, const char *value)
{
	printf(" %s=\"%s\"", key, value);
}

static void print(struct side *side)
{
	struct port_link link = {.up = true};
	uint64_t missed = 0, lost = 0;
	const uint8_t *mac = side->port.mac;

	if (side->port.ops->get_link != NULL)
		side->port.ops->get_link(&side->port, &link);
	if (side->port.ops->lost != NULL)
		side->port.ops->lost(&side->port, &missed, &lost);
	printf("port %s mac=%02x:%02x:%02x:%02x:%02x:%02x link=%s reason=\"%s\" frames=%lu "
	       "bytes=%lu "
	       "large=%lu longest=%u refused=%lu missed=%lu lost=%lu bursts=%lu wakes=%lu",
		side->port.cfg.ifname, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
		link.up ? "up" : "down", link.reason, side->frames, side->bytes, side->large,
		side->longest, side->refused, missed, lost, side->bursts, side->wakes);
	if (side->port.ops->describe != NULL)
		side->port.ops->describe(&side->port, add, NULL);
	printf("\n");
	fflush(stdout);
}

// Cut and summed in software, for a port that cannot.
static void send_resolved(struct side *to, uint16_t queue, struct rte_mbuf *m)
{
	struct rte_mbuf *out[OFFLOAD_MAX_SEGS];
	int n = offload_resolve(offload, m, to->port.tx_caps, out, OFFLOAD_MAX_SEGS), sent;

	if (n < 0) {
		to->refused++;
		return;
	}
	for (sent = 0; sent < n; sent++)
		if (to->port.ops->tx_burst(&to->port, queue, &out[sent], 1) == 0)
			break;
	to->refused += n - sent;
	rte_pktmbuf_free_bulk(out + sent, n - sent);
}

static uint16_t forward(struct side *from, struct side *to, uint16_t queue)
{
	struct rte_mbuf *pkts[VSW_BURST];
	uint16_t n = from->port.ops->rx_burst(&from->port, queue, pkts, VSW_BURST), sent = 0;

	if (n == 0)
		return 0;
	from->bursts++;
	for (uint16_t i = 0; i < n; i++) {
		from->frames++;
		from->bytes += pkts[i]->pkt_len;
		from->large += pkts[i]->pkt_len > 1514;
		if (pkts[i]->pkt_len > from->longest)
			from->longest = pkts[i]->pkt_len;
	}
	if (from->port.tx_caps == to->port.tx_caps)
		sent = to->port.ops->tx_burst(&to->port, queue, pkts, n);
	else
		for (uint16_t i = 0; i < n; i++, sent++)
			if (!offload_fits(pkts[i], to->port.tx_caps))
				send_resolved(to, queue, pkts[i]);
			else if (to->port.ops->tx_burst(&to->port, queue, &pkts[i], 1) == 0)
				break;
	to->refused += n - sent;
	rte_pktmbuf_free_bulk(pkts + sent, n - sent);
	return n;
}

static void poll_once(bool busy)
{
	struct pollfd fds[2 * VSW_MAX_QUEUES];
	int n = 0, timeout = busy ? 0 : 300; // a signal may hit another thread

	for (int s = 0; s < 2; s++) {
		struct vsw_port *port = &sides[s].port;

		for (uint16_t q = 0; q < port->n_rx_queues; q++) {
			if (port->ops->arm != NULL && !port->ops->arm(port, q))
				timeout = 0;
			fds[n++] = (struct pollfd){.fd = port->queue[q].rx_fd, .events = POLLIN};
		}
	}
	if (poll(fds, n, timeout) < 0)
		return;
	n = 0;
	for (int s = 0; s < 2; s++)
		for (uint16_t q = 0; q < sides[s].port.n_rx_queues; q++, n++) {
			sides[s].wakes += fds[n].revents != 0;
			if (fds[n].revents != 0 || sides[s].port.wake != PORT_WAKE_FD)
				forward(&sides[s], &sides[!s], q);
		}
}

int main(int argc, char **argv)
{
	char *eal[] = {"port_bridge", "--no-huge", "--no-shconf", "--no-pci", "-m", "160",
		"--lcores", "0@(0-1)", "--no-telemetry", "--log-level=error", NULL};
	bool busy = argc == 4 && strcmp(argv[1], "-b") == 0;
	struct rte_mempool *pool;

	if (argc != 3 + busy) {
		fprintf(stderr, "usage: port_bridge [-b] TYPE:IFNAME[,key=value…] (twice)\n");
		return 2;
	}
	if (rte_eal_init(10, eal) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("bridge", 16383, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (pool == NULL)
		return 1;
	offload = offload_create(pool, 0);
	if (offload == NULL)
		return 1;
	signal(SIGUSR1, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	for (int s = 0; s < 2; s++)
		open_side(&sides[s], s + 1, argv[1 + busy + s], pool);
	printf("ready\n");
	fflush(stdout);
	while (!stop) {
		poll_once(busy);
		if (report || stop)
			for (int s = 0; s < 2; s++)
				print(&sides[s]);
		report = 0;
	}
	for (int s = 0; s < 2; s++)
		sides[s].port.ops->close(&sides[s].port, stop == SIGINT);
	return 0;
}
