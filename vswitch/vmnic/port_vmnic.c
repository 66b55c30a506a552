/* SPDX-License-Identifier: BSD-3-Clause */
// Port type vmnic: the synthetic NIC of a guest on VMBus. The port is there without its guest and
// stays when that goes; see nics.c for how they meet.
//
// A NIC has many channels, but one thread works on all of them, in both directions: to the switch
// that is one queue each way, of the same worker. Its wake-up descriptor is an epoll of the
// port's own, into which the present NIC's kick is put, edge-triggered: the hypervisor has that
// eventfd, too, so nobody here reads or writes it.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vswitch/address.h>
#include <vswitch/worker.h>

#include "nic.h"

void vmnic_wake(struct vmnic_port *v)
{
	const uint64_t one = 1;

	if (write(v->wake_fd, &one, sizeof(one)) < 0)
		return; // full: awake already
}

void vmnic_refresh_caps(struct vmnic_port *v)
{
	const struct netvsp *vsp = v->joined != NULL ? v->joined->vsp : NULL;
	uint32_t caps = PORT_TX_CSUM | PORT_TX_MULTI | PORT_TX_SHARED;

	if (vsp != NULL && netvsp_takes_large(vsp, false))
		caps |= PORT_TX_TSO4;
	if (vsp != NULL && netvsp_takes_large(vsp, true))
		caps |= PORT_TX_TSO6;
	// A worker that has just read the old ones may still bring a large frame: netvsp refuses
	// it.
	__atomic_store_n(&v->port->tx_caps, caps, __ATOMIC_RELAXED);
}

// Queues may have been opened or closed meanwhile.
static void count_queues(struct nic *nic)
{
	struct netvsp_status status;

	nic->n_queues = 1;
	netvsp_get_status(nic->vsp, &status);
	for (uint32_t q = 1; q < NETVSP_MAX_QUEUES; q++)
		if (status.queue[q].open)
			nic->n_queues = q + 1;
}

void vmnic_give(struct vmnic_port *v, struct nic *nic)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u32 = 1};

	count_queues(nic);
	epoll_ctl(v->epfd, EPOLL_CTL_ADD, attachment_kick_fd(nic->attachment), &ev);
	atomic_store_explicit(&v->nic, nic, memory_order_release);
	vmnic_refresh_caps(v);
	// It may sleep while there is work in the rings.
	vmnic_wake(v);
}

void vmnic_take(struct vmnic_port *v, struct nic *nic)
{
	atomic_store_explicit(&v->nic, NULL, memory_order_release);
	epoll_ctl(v->epfd, EPOLL_CTL_DEL, attachment_kick_fd(nic->attachment), NULL);
	workers_synchronize();
}

static bool vmnic_arm(struct vsw_port *port, uint16_t)
{
	struct vmnic_port *v = port->priv;
	struct nic *nic = atomic_load_explicit(&v->nic, memory_order_acquire);

	return nic == NULL || netvsp_arm(nic->vsp);
}

static void vmnic_disarm(struct vsw_port *port, uint16_t)
{
	struct vmnic_port *v = port->priv;
	struct nic *nic = atomic_load_explicit(&v->nic, memory_order_acquire);
	struct epoll_event ev[2];
	uint64_t count;
	int n;

	if (nic != NULL)
		netvsp_disarm(nic->vsp);
	n = epoll_wait(v->epfd, ev, RTE_DIM(ev), 0);
	for (int i = 0; i < n; i++)
		if (ev[i].data.u32 == 0 && read(v->wake_fd, &count, sizeof(count)) < 0)
			continue;
}

static int vmnic_open(struct vsw_port *port, struct vsw_error *err)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = 0};
	struct vmnic_port *v = calloc(1, sizeof(*v));
	int ret;

	if (v == NULL)
		return vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory");
	v->port = port;
	v->epfd = epoll_create1(EPOLL_CLOEXEC);
	v->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (v->epfd < 0 || v->wake_fd < 0 ||
		epoll_ctl(v->epfd, EPOLL_CTL_ADD, v->wake_fd, &ev) < 0) {
		ret = vsw_fail(err, VSW_E_LIMIT, "raise the limit of open files",
			"port '%s': no wake-up descriptors: %s", port->cfg.name, strerror(errno));
		goto fail;
	}
	port->priv = v;
	port->n_rx_queues = 1;
	port->n_tx_queues = 1;
	port->wake = PORT_WAKE_ARMED;
	port->queue[0].rx_fd = v->epfd;
	port->tx_reasons = v->refused;
	vmnic_refresh_caps(v);
	nics_port_opened(v);
	return 0;
fail:
	if (v->epfd >= 0)
		close(v->epfd);
	if (v->wake_fd >= 0)
		close(v->wake_fd);
	free(v);
	return ret;
}

static void vmnic_close(struct vsw_port *port, bool)
{
	struct vmnic_port *v = port->priv;

	nics_port_closed(v);
	close(v->epfd);
	close(v->wake_fd);
	port->priv = NULL;
	free(v);
}

// The switch holds frames to it; the guest is told when it opens its NIC the next time.
static int vmnic_set_mtu(struct vsw_port *port, uint16_t mtu, struct vsw_error *)
{
	const struct vmnic_port *v = port->priv;

	if (v->joined != NULL)
		netvsp_set_max_mtu(v->joined->vsp, mtu);
	return 0;
}

static int vmnic_set_mac(struct vsw_port *, const uint8_t[6], struct vsw_error *)
{
	return 0; // from the next attachment on
}

static int vmnic_set_admin(struct vsw_port *port, bool up, struct vsw_error *)
{
	const struct vmnic_port *v = port->priv;

	if (v->joined != NULL)
		nic_set_link(v->joined, up);
	return 0;
}

static void vmnic_renamed(struct vsw_port *port)
{
	nics_port_renamed(port->priv);
}

static void vmnic_get_link(struct vsw_port *port, struct port_link *link)
{
	const struct vmnic_port *v = port->priv;

	*link = (struct port_link){.up = v->joined != NULL};
	if (link->up)
		link->speed_mbps = NIC_SPEED_MBPS;
	else
		snprintf(link->reason, sizeof(link->reason), "no guest is attached");
}

static void vmnic_describe(struct vsw_port *port,
	void (*add)(void *arg, const char *key, const char *value), void *arg)
{
	const struct vmnic_port *v = port->priv;
	char text[32];

	add(arg, "guest", v->joined != NULL ? "attached" : "none");
	add(arg, "offloads",
		port->tx_caps & PORT_TX_TSO4
			? port->tx_caps & PORT_TX_TSO6 ? "checksum tso4 tso6" : "checksum tso4"
			: "checksum");
	snprintf(text, sizeof(text), "%lu",
		(unsigned long)atomic_load_explicit(&v->malformed, memory_order_relaxed));
	add(arg, "rx_malformed", text);
	snprintf(text, sizeof(text), "%lu",
		(unsigned long)atomic_load_explicit(&v->no_mbuf, memory_order_relaxed));
	add(arg, "rx_no_mbuf", text);
}

static void vmnic_lost(struct vsw_port *port, uint64_t *rx_missed, uint64_t *tx_lost)
{
	const struct vmnic_port *v = port->priv;

	*rx_missed = atomic_load_explicit(&v->malformed, memory_order_relaxed) +
	             atomic_load_explicit(&v->no_mbuf, memory_order_relaxed);
	*tx_lost = 0;
}

const struct vsw_port_ops port_vmnic_ops = {
	.type = "vmnic",
	.open = vmnic_open,
	.close = vmnic_close,
	.rx_burst = vmnic_rx,
	.tx_burst = vmnic_tx,
	.arm = vmnic_arm,
	.disarm = vmnic_disarm,
	.set_mtu = vmnic_set_mtu,
	.set_mac = vmnic_set_mac,
	.set_admin = vmnic_set_admin,
	.renamed = vmnic_renamed,
	.get_link = vmnic_get_link,
	.describe = vmnic_describe,
	.lost = vmnic_lost,
};
