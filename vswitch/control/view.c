/* SPDX-License-Identifier: BSD-3-Clause */
#include "view.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vswitch/worker.h>

#include "reconcile.h"
#include "syntax.h"

static int by_port_name(const void *a, const void *b)
{
	return strcmp(
		(*(struct vsw_port *const *)a)->cfg.name, (*(struct vsw_port *const *)b)->cfg.name);
}

static int by_switch_name(const void *a, const void *b)
{
	return strcmp((*(struct vsw_switch *const *)a)->cfg.name,
		(*(struct vsw_switch *const *)b)->cfg.name);
}

int view_ports(const struct vsw_switch *sw, struct vsw_port ***list)
{
	struct vsw_port *port = NULL;
	int n = 0;

	*list = calloc(VSW_MAX_PORTS, sizeof(**list));
	if (*list == NULL)
		return -ENOMEM;
	while ((port = port_next(port)) != NULL)
		if (sw == NULL || atomic_load(&port->sw) == sw)
			(*list)[n++] = port;
	qsort(*list, n, sizeof(**list), by_port_name);
	return n;
}

int view_switches(struct vsw_switch ***list)
{
	struct vsw_switch *sw = NULL;
	int n = 0;

	*list = calloc(VSW_MAX_SWITCHES, sizeof(**list));
	if (*list == NULL)
		return -ENOMEM;
	while ((sw = switch_next(sw)) != NULL)
		(*list)[n++] = sw;
	qsort(*list, n, sizeof(**list), by_switch_name);
	return n;
}

json_t *view_mac(const uint8_t mac[6])
{
	char text[MAC_TEXT_SIZE];

	if (mac_is_zero(mac))
		return json_null();
	mac_format(mac, text);
	return json_string(text);
}

json_t *view_switch(const struct vsw_switch *sw)
{
	const struct config *cfg = config_current();
	const struct config_port *up;
	const char *uplink = NULL;
	struct vsw_port *port = NULL;
	struct fdb_stats stats;
	int n_ports = 0;

	while ((port = port_next(port)) != NULL) {
		if (atomic_load(&port->sw) != sw)
			continue;
		n_ports++;
		if (port->cfg.type == PORT_NIC && port->cfg.nic.role == NIC_ROLE_UPLINK)
			uplink = port->cfg.name;
	}
	if (cfg != NULL && config_find_switch(cfg, sw->cfg.name) != NULL) {
		// Ports that are not open belong to it as well.
		n_ports = config_count_ports(cfg, sw->cfg.name);
		up = config_uplink(cfg, sw->cfg.name);
		uplink = up != NULL ? up->cfg.name : NULL;
	}
	fdb_get_stats(sw->fdb, &stats);
	return json_pack("{s:s, s:s, s:I, s:I, s:s?, s:i, s:I, s:I, s:I}", "name", sw->cfg.name,
		"type", switch_type_names[sw->cfg.type], "ageing", (json_int_t)sw->cfg.ageing_s,
		"mac_limit", (json_int_t)sw->cfg.mac_limit, "uplink", uplink, "n_ports", n_ports,
		"macs", (json_int_t)stats.entries, "static_macs", (json_int_t)stats.statics,
		"loops", (json_int_t)sw->loops);
}

// --- ports -----------------------------------------------------------------------------------

static json_t *vlan_json(const struct vlan_config *vlan)
{
	char *list;
	json_t *json;

	if (vlan->mode == VLAN_UNTAGGED)
		return json_pack("{s:s}", "mode", "untagged");
	if (vlan->mode == VLAN_ACCESS)
		return json_pack("{s:s, s:i}", "mode", "access", "access", (int)vlan->access_id);
	list = malloc(VLAN_LIST_TEXT_SIZE);
	if (list == NULL)
		return NULL;
	vlan_list_format(vlan->allowed, list, VLAN_LIST_TEXT_SIZE);
	if (strcmp(list, "all") == 0)
		strcpy(list, "1-4094"); // for programs: always ids and ranges
	json = json_pack("{s:s, s:i, s:s}", "mode", "trunk", "native", (int)vlan->native_id,
		"allowed", list);
	free(list);
	return json;
}

static json_t *ips_json(const struct vsw_port *port)
{
	struct port_ip ips[SWITCH_PORT_IPS];
	unsigned n = port_ips(port, ips, SWITCH_PORT_IPS), i;
	json_t *array = json_array();
	char text[INET6_ADDRSTRLEN];

	for (i = 0; i < n; i++) {
		if (inet_ntop(ips[i].family == 4 ? AF_INET : AF_INET6, ips[i].ip, text,
			    sizeof(text)) == NULL)
			continue;
		json_array_append_new(
			array, json_pack("{s:s, s:i, s:I}", "ip", text, "vlan", (int)ips[i].vlan,
				       "age", (json_int_t)ips[i].age_s));
	}
	return array;
}

static void add_fact(void *arg, const char *key, const char *value)
{
	json_object_set_new(arg, key, json_string(value));
}

json_t *view_driver(struct vsw_port *port)
{
	json_t *facts = json_object();

	if (port->ops->describe != NULL)
		port->ops->describe(port, add_fact, facts);
	return facts;
}

static json_t *nic_json(struct vsw_port *port)
{
	const struct port_config *cfg = &port->cfg;
	json_t *facts = view_driver(port), *json;
	const char *driver = json_string_value(json_object_get(facts, "driver"));

	json = json_pack("{s:s, s:s?, s:o, s:s, s:s, s:s}", "name", cfg->ifname, "pci",
		cfg->nic.pci[0] != '\0' ? cfg->nic.pci : NULL, "mac", view_mac(cfg->nic.perm_mac),
		"role", nic_role_names[cfg->nic.role], "driver", nic_driver_names[cfg->nic.driver],
		"driver_in_use", driver != NULL ? driver : port->ops->type);
	json_decref(facts);
	return json;
}

static json_t *vhost_json(const struct port_config *cfg)
{
	char perm[8];

	snprintf(perm, sizeof(perm), "%04o", cfg->vhost.perm != 0 ? cfg->vhost.perm : 0660);
	return json_pack("{s:s, s:s, s:s, s:s}", "socket", cfg->vhost.path, "mode",
		vhost_mode_names[cfg->vhost.mode], "owner", cfg->vhost.owner, "perm", perm);
}

static json_t *workers_json(const struct vsw_port *port)
{
	json_t *array = json_array();
	int queue;

	for (queue = 0; queue < port->n_rx_queues; queue++)
		json_array_append_new(array, json_integer(workers_owner(port, queue)));
	return array;
}

json_t *view_rates(const struct vsw_port *port)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "rx_pps", (json_int_t)port->rx_pps, "tx_pps",
		(json_int_t)port->tx_pps, "rx_bps", (json_int_t)port->rx_bps, "tx_bps",
		(json_int_t)port->tx_bps);
}

static json_t *link_json(const struct vsw_port *port)
{
	bool admin_up = !port->cfg.link_down;
	bool up = port->link.up && admin_up;
	const char *reason = up          ? ""
	                     : !admin_up ? "set down; up again with set-port --link up"
	                                 : port->link.reason;

	return json_pack("{s:b, s:b, s:I, s:s}", "up", up, "admin_up", admin_up, "speed_mbps",
		(json_int_t)port->link.speed_mbps, "reason", reason);
}

static void set_if_any(json_t *json, const char *key, const char *value)
{
	if (value[0] != '\0')
		json_object_set_new(json, key, json_string(value));
}

json_t *view_port(struct vsw_port *port)
{
	const struct vsw_switch *sw = atomic_load(&port->sw);
	const struct port_config *cfg = &port->cfg;
	json_t *json;

	json = json_pack("{s:s, s:i, s:s, s:s, s:o, s:i, s:o, s:o}", "name", cfg->name, "id",
		(int)port->id, "switch", cfg->switch_name, "type", port_type_names[cfg->type],
		"mac", view_mac(port->mac), "mtu", cfg->mtu != 0 ? (int)cfg->mtu : 1500, "link",
		link_json(port), "vlan", vlan_json(&cfg->vlan));
	set_if_any(json, "ifname", cfg->ifname);
	set_if_any(json, "netns", cfg->netns);
	set_if_any(json, "devargs", cfg->devargs);
	json_object_set_new(json, "queues",
		json_integer(port->id != 0                                 ? port->n_rx_queues
			     : cfg->queues != 0 && cfg->type != PORT_VMNIC ? cfg->queues
									   : 1));
	json_object_set_new(json, "mac_limit", json_integer(cfg->mac_limit));
	json_object_set_new(
		json, "macs", json_integer(sw != NULL ? fdb_port_entries(sw->fdb, port->id) : 0));
	if (cfg->type == PORT_NIC)
		json_object_set_new(json, "nic", nic_json(port));
	if (cfg->type == PORT_VHOST)
		json_object_set_new(json, "vhost", vhost_json(cfg));
	set_if_any(json, "user", cfg->vmnic.user);
	json_object_set_new(json, "ips", ips_json(port));
	json_object_set_new(json, "rates", view_rates(port));
	json_object_set_new(json, "workers", workers_json(port));
	return json;
}

json_t *view_down_port(const struct port_config *cfg, const char *reason)
{
	static const struct vsw_port_ops none = {.type = "none"};
	struct vsw_port port = {.ops = &none, .cfg = *cfg};

	memcpy(port.mac, cfg->mac, sizeof(port.mac));
	snprintf(port.link.reason, sizeof(port.link.reason), "%s", reason);
	return view_port(&port);
}

// --- counters --------------------------------------------------------------------------------

void view_counters(json_t *to, const struct vsw_counters *counters)
{
	json_t *drops = json_object();
	unsigned i;

	json_object_set_new(to, "rx_packets", json_integer(counters->rx_packets));
	json_object_set_new(to, "rx_bytes", json_integer(counters->rx_bytes));
	json_object_set_new(to, "tx_packets", json_integer(counters->tx_packets));
	json_object_set_new(to, "tx_bytes", json_integer(counters->tx_bytes));
	json_object_set_new(to, "copies", json_integer(counters->copies));
	json_object_set_new(to, "segments", json_integer(counters->segments));
	for (i = 0; i < DROP_COUNT; i++)
		if (counters->drops[i] != 0)
			json_object_set_new(
				drops, vsw_drop_names[i], json_integer(counters->drops[i]));
	json_object_set_new(to, "drops", drops);
}

json_t *view_lost(struct vsw_port *port)
{
	uint64_t rx_missed = 0, tx_lost = 0;

	if (port->ops->lost != NULL)
		port->ops->lost(port, &rx_missed, &tx_lost);
	return json_pack(
		"{s:I, s:I}", "rx_missed", (json_int_t)rx_missed, "tx_lost", (json_int_t)tx_lost);
}
