/* SPDX-License-Identifier: BSD-3-Clause */
// Once a second: rates, links, ageing; and the end of all ports.
#include <string.h>
#include <time.h>

#include "counters.h"
#include "switch_live.h"
#include "worker.h"

struct last {
	uint64_t ns; // 0: never
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
};

static struct last lasts[VSW_MAX_PORTS + 1];

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t per_second(uint64_t now, uint64_t then, uint64_t ns)
{
	return now >= then ? (uint64_t)((double)(now - then) * 1e9 / ns) : 0; // a new port: reset
}

// By its own clock: on a busy machine a while may pass between two ports.
static void rates(struct vsw_port *port)
{
	struct last *last = &lasts[port->id];
	uint64_t now = now_ns(), ns = now - last->ns;
	struct vsw_counters c;

	counters_sum(port->id, &c);
	if (last->ns != 0 && ns != 0) {
		port->rx_pps = per_second(c.rx_packets, last->rx_packets, ns);
		port->tx_pps = per_second(c.tx_packets, last->tx_packets, ns);
		port->rx_bps = 8 * per_second(c.rx_bytes, last->rx_bytes, ns);
		port->tx_bps = 8 * per_second(c.tx_bytes, last->tx_bytes, ns);
	}
	*last = (struct last){now, c.rx_packets, c.tx_packets, c.rx_bytes, c.tx_bytes};
}

void port_refresh_link(struct vsw_port *port, void (*on_link)(struct vsw_port *port))
{
	port_read_link(port, &port->link);
	if (on_link == NULL || port->link.up == port->link_told)
		return;
	port->link_told = port->link.up;
	on_link(port);
}

void switch_tick(void (*on_link)(struct vsw_port *port))
{
	workers_tick();
	for (struct vsw_port *p = port_next(NULL); p != NULL; p = port_next(p)) {
		rates(p);
		port_refresh_link(p, on_link);
	}
	switch_maintain();
}

void switch_shutdown(void)
{
	struct vsw_port *port;
	struct vsw_switch *sw;

	while ((port = port_next(NULL)) != NULL)
		if (port_del(port->cfg.name, true, NULL) < 0)
			return;
	while ((sw = switch_next(NULL)) != NULL)
		if (switch_del(sw->cfg.name, NULL) < 0)
			return;
}
