/* SPDX-License-Identifier: BSD-3-Clause */
// Why a port carries nothing: the chain from the port to its first frame, up to where it breaks.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vswitch/counters.h>
#include <vswitch/switch.h>

#include "guest.h"
#include "nic.h"
#include "nics.h"

struct walk {
	json_t *steps;
	bool stopped;
};

enum verdict { STEP_OK, STEP_STOPPED, STEP_UNKNOWN };

static void step(struct walk *w, const char *name, enum verdict verdict, const char *remedy,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void step(struct walk *w, const char *name, enum verdict verdict, const char *remedy,
	const char *fmt, ...)
{
	static const char *const states[] = {"ok", "stopped", "unknown"};
	char detail[256] = "";
	va_list ap;

	if (!w->stopped) {
		va_start(ap, fmt);
		vsnprintf(detail, sizeof(detail), fmt, ap);
		va_end(ap);
	}
	json_array_append_new(
		w->steps, json_pack("{s:s, s:s, s:s, s:s}", "name", name, "state",
				  w->stopped ? "skipped" : states[verdict], "detail", detail,
				  "remedy", w->stopped || verdict == STEP_OK ? "" : remedy));
	w->stopped |= verdict == STEP_STOPPED;
}

static void step_port(struct walk *w, const struct vsw_port *port)
{
	char remedy[128];

	snprintf(remedy, sizeof(remedy), "vswitchctl set-port %s --link up", port->cfg.name);
	if (port->cfg.link_down)
		step(w, "port", STEP_STOPPED, remedy, "on switch '%s', but set down",
			port->cfg.switch_name);
	else
		step(w, "port", STEP_OK, "", "on switch '%s', %s", port->cfg.switch_name,
			port->cfg.vlan.mode == VLAN_TRUNK    ? "trunk"
			: port->cfg.vlan.mode == VLAN_ACCESS ? "access"
							     : "untagged");
}

static void step_traffic(struct walk *w, const struct vsw_port *port)
{
	struct vsw_counters c;
	unsigned worst = 0;

	counters_sum(port->id, &c);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		if (c.drops[i] > c.drops[worst])
			worst = i;
	if (c.rx_packets == 0)
		step(w, "first frame", STEP_UNKNOWN,
			"send something from the other side, or look whether it has an address",
			"none has come in; %llu went out", (unsigned long long)c.tx_packets);
	else if (c.drops[worst] > 0)
		step(w, "first frame", STEP_OK, "", "%llu in, %llu out; most losses: %llu %s (%s)",
			(unsigned long long)c.rx_packets, (unsigned long long)c.tx_packets,
			(unsigned long long)c.drops[worst], vsw_drop_names[worst],
			vsw_drop_help[worst]);
	else
		step(w, "first frame", STEP_OK, "", "%llu in, %llu out",
			(unsigned long long)c.rx_packets, (unsigned long long)c.tx_packets);
}

// --- vmnic -----------------------------------------------------------------------------------

static void step_hypervisor(struct walk *w, const struct vsw_port *port, const struct nic *nic)
{
	if (nic == NULL)
		step(w, "hypervisor", STEP_STOPPED,
			"start the guest with a NIC that asks for this port by name; if it runs, "
			"look at its log, and at ours for 'guest refused'",
			"none has attached a NIC for port '%s'", port->cfg.name);
	else if (!nic->ready)
		step(w, "hypervisor", STEP_STOPPED, "wait; it is ended after 10 seconds",
			"process %d is connected, but has not told all yet", (int)nic->info.pid);
	else
		step(w, "hypervisor", STEP_OK, "", "%s, process %d of user %u, partition '%s'",
			nic->info.hello.software, (int)nic->info.pid, (unsigned)nic->info.uid,
			nic->info.hello.partition);
}

static void step_offer(struct walk *w, const struct nic *nic, const struct netvsp_status *s)
{
	struct attachment_info info = {};
	uint32_t version;

	if (nic != NULL)
		attachment_get_info(nic->attachment, &info);
	version = info.hello.vmbus_version;
	if (version == 0 && s->stage == NETVSP_CLOSED)
		step(w, "offer", STEP_STOPPED,
			"look at the guest's console: it needs a kernel with hv_vmbus",
			"the guest has not spoken to its bus when the NIC was attached");
	else if (version == 0)
		step(w, "offer", STEP_OK, "", "taken by the guest");
	else
		step(w, "offer", STEP_OK, "", "VMBus %u.%u", version >> 16, version & 0xffff);
}

static void step_stage(struct walk *w, const struct netvsp_status *s, enum netvsp_stage needed,
	const char *name, const char *remedy)
{
	if (s->failed)
		step(w, name, STEP_STOPPED,
			"the guest's driver broke the protocol: reload it, or restart the guest",
			"%s", s->error);
	else if (s->stage >= needed)
		step(w, name, STEP_OK, "", "%s", "done");
	else
		step(w, name, STEP_STOPPED, remedy, "the guest has come to: %s",
			guest_stage_names[s->stage]);
}

static void walk_guest(struct walk *w, const struct vsw_port *port)
{
	const struct nic *nic = nic_find(port->cfg.name);
	struct netvsp_status s = {};

	if (nic != NULL)
		guest_status(nic, &s);
	step_hypervisor(w, port, nic);
	step_offer(w, nic, &s);
	step_stage(w, &s, NETVSP_OPEN, "channel",
		"look in the guest whether hv_netvsc is loaded and bound to the device");
	step_stage(w, &s, NETVSP_NEGOTIATED, "NVSP version",
		"look at the guest's kernel log for hv_netvsc");
	step_stage(w, &s, NETVSP_RECEIVE_BUFFER, "receive buffer",
		"look at the guest's kernel log: it may be out of memory");
	step_stage(w, &s, NETVSP_SEND_BUFFER, "send buffer",
		"look at the guest's kernel log: it may be out of memory");
	step_stage(w, &s, NETVSP_RNDIS, "RNDIS", "look at the guest's kernel log for hv_netvsc");
	step_stage(w, &s, NETVSP_FILTER, "filter",
		"set the interface up in the guest: ip link set DEVICE up");
}

// --- the other types -------------------------------------------------------------------------

static void walk_netdev(struct walk *w, const struct vsw_port *port)
{
	struct port_link link = {};
	const char *remedy = "see the log";

	port->ops->get_link((struct vsw_port *)port, &link);
	if (strstr(link.reason, "deleted") != NULL)
		remedy = port->cfg.type == PORT_TAP && port->cfg.netns[0] != '\0'
		                 ? "make the namespace; the port comes back by itself"
		                 : "wait: it is made again within seconds";
	else if (strstr(link.reason, "moved") != NULL)
		remedy = "move the interface back, or delete the port and add it with --netns";
	else if (strstr(link.reason, "is down") != NULL)
		remedy = "ip link set INTERFACE up, in its namespace";
	if (link.up)
		step(w, "interface", STEP_OK, "", "%s%s%s is up", port->cfg.ifname,
			port->cfg.netns[0] != '\0' ? " in namespace " : "", port->cfg.netns);
	else
		step(w, "interface", STEP_STOPPED, remedy, "%s", link.reason);
}

static void walk_link(struct walk *w, const struct vsw_port *port)
{
	struct port_link link = {.up = true};
	const char *remedy = port->cfg.type == PORT_VHOST
	                             ? "start the guest, with this port's socket"
	                             : "look at the cable and at the other end";

	if (port->ops->get_link != NULL)
		port->ops->get_link((struct vsw_port *)port, &link);
	step(w, "driver", STEP_OK, "", "%s", port->ops->type);
	if (link.up)
		step(w, "link", STEP_OK, "", "up");
	else
		step(w, "link", STEP_STOPPED, remedy, "%s", link.reason);
}

json_t *port_diagnose(struct vsw_port *port, bool *ok)
{
	struct walk w = {.steps = json_array()};

	step_port(&w, port);
	switch (port->cfg.type) {
	case PORT_VMNIC: walk_guest(&w, port); break;
	case PORT_HOST:
	case PORT_TAP: walk_netdev(&w, port); break;
	default: walk_link(&w, port); break;
	}
	step_traffic(&w, port);
	*ok = !w.stopped;
	return w.steps;
}
