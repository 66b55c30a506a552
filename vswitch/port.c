/* SPDX-License-Identifier: BSD-3-Clause */
// The life of a port: opened, published, changed under traffic, taken out in two phases.
#include "port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "address.h"
#include "datapath.h"
#include "ext_vlan.h"
#include "mbuf_pool.h"
#include "switch_live.h"

#define MTU_DEFAULT 1500
#define ETHER_HDR   14

struct vsw_port *live_ports[VSW_MAX_PORTS + 1];
static uint16_t last_id; // ids are reused as late as possible

const struct vsw_port_ops *port_ops_of(enum port_type type)
{
	switch (type) {
	case PORT_HOST: return &port_host_ops;
	case PORT_TAP: return &port_tap_ops;
	case PORT_NIC: return &port_nic_ops;
	case PORT_VHOST: return &port_vhost_ops;
	case PORT_DPDK: return &port_dpdk_ops;
	case PORT_VMNIC: return &port_vmnic_ops;
	}
	return NULL;
}

struct vsw_port *port_by_id(uint16_t id)
{
	return id <= VSW_MAX_PORTS ? live_ports[id] : NULL;
}

struct vsw_port *port_next(const struct vsw_port *prev)
{
	for (unsigned i = prev != NULL ? prev->id + 1u : 1; i <= VSW_MAX_PORTS; i++)
		if (live_ports[i] != NULL)
			return live_ports[i];
	return NULL;
}

struct vsw_port *port_find(const char *name)
{
	for (struct vsw_port *p = port_next(NULL); p != NULL; p = port_next(p))
		if (strcmp(p->cfg.name, name) == 0)
			return p;
	return NULL;
}

static uint16_t free_id(void)
{
	for (unsigned i = 0; i < VSW_MAX_PORTS; i++) {
		uint16_t id = 1 + (last_id + i) % VSW_MAX_PORTS;

		if (live_ports[id] == NULL) {
			last_id = id;
			return id;
		}
	}
	return 0;
}

static struct vsw_policy *make_policy(const struct port_config *cfg)
{
	struct vsw_policy *policy = rte_zmalloc("policy", sizeof(*policy), RTE_CACHE_LINE_SIZE);

	if (policy == NULL)
		return NULL;
	policy->vlan = cfg->vlan;
	policy->max_frame = (cfg->mtu != 0 ? cfg->mtu : MTU_DEFAULT) + ETHER_HDR;
	policy->mac_limit = cfg->mac_limit;
	policy->link_down = cfg->link_down;
	return policy;
}

void local_mac_add(struct vsw_port *port)
{
	struct vsw_switch *sw = atomic_load(&port->sw);
	uint64_t key = fdb_key_of(vlan_untagged_id(&port->cfg.vlan), port->mac), word = 0;

	if (!port->is_local || mac_is_zero(port->mac))
		return;
	fdb_lookup_bulk(sw->fdb, &key, &word, 1);
	if (word & FDB_STATIC)
		return;
	port->own_key = key;
	// A full table only costs the loop check.
	port->own_entry = fdb_add_static(sw->fdb, key, port->id) == 0;
}

void local_mac_del(struct vsw_port *port)
{
	struct vsw_switch *sw = atomic_load(&port->sw);

	if (port->own_entry)
		fdb_del(sw->fdb, port->own_key);
	port->own_entry = false;
}

void local_macs_refresh(const struct vsw_switch *sw)
{
	for (struct vsw_port *p = port_next(NULL); p != NULL; p = port_next(p))
		if (atomic_load(&p->sw) == sw && !p->own_entry)
			local_mac_add(p);
}

void port_read_link(struct vsw_port *port, struct port_link *link)
{
	*link = (struct port_link){.up = true};
	if (port->ops->get_link != NULL)
		port->ops->get_link(port, link);
	if (port->cfg.link_down) {
		link->up = false;
		snprintf(link->reason, sizeof(link->reason), "administratively down");
	}
}

static void destroy(struct vsw_port *port)
{
	rte_free((void *)(uintptr_t)atomic_load(&port->policy));
	rte_free(port);
}

static int attach(struct vsw_port *port, struct vsw_switch *sw)
{
	int ret;

	atomic_store(&port->sw, sw);
	live_ports[port->id] = port;
	ret = workers_attach(port);
	if (ret < 0)
		goto fail;
	ret = flood_list_rebuild(sw);
	if (ret < 0)
		goto fail_flood;
	local_mac_add(port);
	return 0;

fail_flood:
	atomic_store(&port->sw, NULL);
	workers_detach(port);
fail:
	// Its queues have been polled for a moment.
	fdb_flush(sw->fdb, port->id, -1, true);
	live_ports[port->id] = NULL;
	counters_retire(port->id);
	port_ips_forget(port->id);
	return ret;
}

static int no_memory(const char *name, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_INTERNAL,
		"give the daemon more memory: huge pages, or its limits", "no memory for port '%s'",
		name);
}

static int open_port(struct vsw_port *port, struct vsw_error *err)
{
	const struct port_config *cfg = &port->cfg;
	int ret = port->ops->open(port, err);

	if (ret < 0)
		return ret;
	if (cfg->link_down && port->ops->set_admin != NULL) {
		ret = port->ops->set_admin(port, false, err);
		if (ret < 0)
			port->ops->close(port, false);
	}
	return ret;
}

int port_add_by(
	const struct vsw_port_ops *ops, const struct port_config *cfg, struct vsw_error *err)
{
	struct vsw_switch *sw = switch_find(cfg->switch_name);
	struct vsw_port *port;
	uint16_t id = free_id();
	int ret;

	if (sw == NULL)
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-switches",
			"switch '%s' does not exist", cfg->switch_name);
	if (port_find(cfg->name) != NULL)
		return vsw_fail(err, VSW_E_EXISTS, NULL, "port '%s' already exists", cfg->name);
	if (id == 0)
		return vsw_fail(err, VSW_E_LIMIT, "delete ports that are no longer used",
			"there are %d ports already: no more fit", VSW_MAX_PORTS);
	port = rte_zmalloc("port", sizeof(*port), RTE_CACHE_LINE_SIZE);
	if (port == NULL)
		return no_memory(cfg->name, err);
	port->id = id;
	port->cfg = *cfg;
	port->ops = ops;
	port->socket_id = SOCKET_ID_ANY;
	port->pool = mbuf_pool(SOCKET_ID_ANY);
	memcpy(port->mac, cfg->mac, sizeof(port->mac));
	for (unsigned q = 0; q < VSW_MAX_QUEUES; q++)
		port->queue[q].rx_fd = -1;
	atomic_store(&port->policy, make_policy(cfg));
	if (atomic_load(&port->policy) == NULL) {
		rte_free(port);
		return no_memory(cfg->name, err);
	}
	ret = open_port(port, err);
	if (ret < 0) {
		destroy(port);
		return ret;
	}
	port_refresh_link(port, NULL);
	ret = attach(port, sw);
	if (ret < 0) {
		port->ops->close(port, false);
		destroy(port);
		return no_memory(cfg->name, err);
	}
	return 0;
}

int port_add(const struct port_config *cfg, struct vsw_error *err)
{
	const struct vsw_port_ops *ops = port_ops_of(cfg->type);

	if (ops == NULL)
		return vsw_fail(err, VSW_E_UNSUPPORTED, NULL,
			"this build has no driver for ports of the type of '%s'", cfg->name);
	return port_add_by(ops, cfg, err);
}

// Takes the port out of its switch: no flood reaches it, no entry points to it.
static int leave_switch(struct vsw_port *port)
{
	struct vsw_switch *sw = atomic_load(&port->sw);

	local_mac_del(port);
	atomic_store_explicit(&port->sw, NULL, memory_order_release);
	if (flood_list_rebuild(sw) < 0) {
		atomic_store_explicit(&port->sw, sw, memory_order_release);
		local_mac_add(port);
		return -ENOMEM;
	}
	// No worker learns for it on this switch any more: what is flushed now stays away.
	fdb_flush(sw->fdb, port->id, -1, true);
	local_macs_refresh(sw);
	return 0;
}

int port_del(const char *name, bool keep, struct vsw_error *err)
{
	struct vsw_port *port = port_find(name);

	if (port == NULL)
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
			"port '%s' does not exist", name);
	if (leave_switch(port) < 0)
		return no_memory(name, err);
	workers_detach(port);
	live_ports[port->id] = NULL;
	port->ops->close(port, keep);
	counters_retire(port->id);
	port_ips_forget(port->id);
	destroy(port);
	return 0;
}

static int join_switch(struct vsw_port *port, struct vsw_switch *sw)
{
	atomic_store_explicit(&port->sw, sw, memory_order_release);
	return flood_list_rebuild(sw);
}

static void set_policy(struct vsw_port *port, const struct vsw_policy *policy)
{
	atomic_store_explicit(&port->policy, policy, memory_order_release);
	workers_synchronize();
}

// The policy changes while the port is on neither switch: it never has one's VLANs on the other.
static int move(struct vsw_port *port, struct vsw_switch *sw, const struct vsw_policy *policy)
{
	struct vsw_switch *from = atomic_load(&port->sw);
	const struct vsw_policy *old = atomic_load(&port->policy);

	if (leave_switch(port) < 0)
		return -ENOMEM;
	port_ips_forget(port->id);
	set_policy(port, policy);
	if (join_switch(port, sw) == 0)
		return 0;
	// Back to where it was: half moved it would be on no switch at all.
	set_policy(port, old);
	while (join_switch(port, from) < 0)
		usleep(1000);
	return -ENOMEM;
}

// What the driver must do; each step is undone if a later one fails.
static int set_driver(struct vsw_port *port, const struct port_config *from,
	const struct port_config *to, struct vsw_error *err)
{
	const uint16_t old_mtu = from->mtu != 0 ? from->mtu : MTU_DEFAULT;
	const uint16_t mtu = to->mtu != 0 ? to->mtu : MTU_DEFAULT;
	const bool new_mac = memcmp(from->mac, to->mac, 6) != 0 && !mac_is_zero(to->mac);
	uint8_t old_mac[6];
	int ret;

	memcpy(old_mac, port->mac, sizeof(old_mac));
	if (mtu != old_mtu && port->ops->set_mtu == NULL)
		return vsw_fail(err, VSW_E_UNSUPPORTED, "delete the port and add it with --mtu",
			"port '%s' (%s) cannot change its MTU live", port->cfg.name,
			port->ops->type);
	if (new_mac && port->ops->set_mac == NULL)
		return vsw_fail(err, VSW_E_UNSUPPORTED,
			to->type == PORT_NIC ? "a NIC keeps its own address while it is bound"
					     : "delete the port and add it with --mac",
			"port '%s' (%s) cannot change its MAC live", port->cfg.name,
			port->ops->type);
	if (mtu != old_mtu) {
		ret = port->ops->set_mtu(port, mtu, err);
		if (ret < 0)
			return ret;
	}
	if (new_mac) {
		ret = port->ops->set_mac(port, to->mac, err);
		if (ret < 0)
			goto undo_mtu;
	}
	if (to->link_down != from->link_down && port->ops->set_admin != NULL) {
		ret = port->ops->set_admin(port, !to->link_down, err);
		if (ret < 0)
			goto undo_mac;
	}
	return 0;
undo_mac:
	if (new_mac)
		port->ops->set_mac(port, old_mac, NULL);
undo_mtu:
	if (mtu != old_mtu)
		port->ops->set_mtu(port, old_mtu, NULL);
	return ret;
}

int port_set(const char *name, const struct port_config *cfg, struct vsw_error *err)
{
	struct vsw_port *port = port_find(name);
	struct vsw_switch *sw = switch_find(cfg->switch_name);
	const struct vsw_policy *old;
	struct port_config before;
	struct vsw_policy *policy;
	bool renamed;
	int ret;

	if (port == NULL)
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
			"port '%s' does not exist", name);
	if (sw == NULL)
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-switches",
			"switch '%s' does not exist", cfg->switch_name);
	policy = make_policy(cfg);
	if (policy == NULL)
		return no_memory(name, err);
	old = atomic_load(&port->policy);
	before = port->cfg;
	if (memcmp(before.mac, cfg->mac, sizeof(before.mac)) != 0)
		memcpy(before.mac, port->mac, sizeof(before.mac)); // chosen by the port, maybe
	ret = set_driver(port, &before, cfg, err);
	if (ret < 0)
		goto fail;
	local_mac_del(port);
	if (sw == atomic_load(&port->sw))
		set_policy(port, policy);
	else
		ret = move(port, sw, policy);
	if (ret < 0)
		goto fail_move;
	rte_free((void *)(uintptr_t)old);
	if (memcmp(&port->cfg.vlan, &cfg->vlan, sizeof(cfg->vlan)) != 0)
		fdb_flush(sw->fdb, port->id, -1, false);
	if (!mac_is_zero(cfg->mac))
		memcpy(port->mac, cfg->mac, sizeof(port->mac));
	renamed = strcmp(port->cfg.name, cfg->name) != 0;
	port->cfg = *cfg;
	if (renamed && port->ops->renamed != NULL)
		port->ops->renamed(port);
	local_macs_refresh(sw);
	port_refresh_link(port, NULL);
	return 0;

fail_move:
	set_driver(port, cfg, &before, NULL);
	local_mac_add(port);
	ret = no_memory(name, err);
fail:
	rte_free(policy);
	return ret;
}
