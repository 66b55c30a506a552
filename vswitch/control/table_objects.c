/* SPDX-License-Identifier: BSD-3-Clause */
// The kinds of object that results are made of.
#include "table.h"

#define SWITCH_FIELDS \
	{.name = "name", .type = RPC_NAME, .help = "name"}, \
		{.name = "type", \
			.type = RPC_ENUM, \
			.values = RPC_WORDS("external", "internal", "private"), \
			.help = "type"}, \
		{.name = "ageing", .type = RPC_UINT, .help = "seconds; 0: never"}, \
		{.name = "mac_limit", .type = RPC_UINT, .help = "most MACs learned"}, \
		{.name = "uplink", \
			.type = RPC_NAME, \
			.nullable = true, \
			.help = "the uplink's port"}, \
		{.name = "n_ports", .type = RPC_UINT, .help = "number of ports"}, \
		{.name = "macs", .type = RPC_UINT, .help = "MACs known, static ones included"}, \
		{.name = "static_macs", .type = RPC_UINT, .help = "static MACs"}, \
	{ \
		.name = "loops", .type = RPC_UINT, .help = "loops seen" \
	}

#define PORT_FIELDS \
	{.name = "name", .type = RPC_NAME, .help = "name"}, \
		{.name = "id", .type = RPC_UINT, .help = "number inside the daemon"}, \
		{.name = "switch", .type = RPC_NAME, .help = "its switch"}, \
		{.name = "type", \
			.type = RPC_ENUM, \
			.values = RPC_WORDS("host", "tap", "nic", "vhost", "dpdk", "vmnic"), \
			.help = "type"}, \
		{.name = "mac", \
			.type = RPC_MAC, \
			.nullable = true, \
			.help = "address of its interface; null if it has none"}, \
		{.name = "mtu", .type = RPC_UINT, .help = "longest frame payload in bytes"}, \
		{.name = "link", .type = RPC_OBJECT, .of = "link", .help = "link"}, \
		{.name = "vlan", .type = RPC_OBJECT, .of = "vlan", .help = "VLANs"}, \
		{.name = "ifname", \
			.type = RPC_STRING, \
			.optional = true, \
			.help = "host, tap, nic: the interface"}, \
		{.name = "netns", \
			.type = RPC_STRING, \
			.optional = true, \
			.help = "tap: namespace of the interface"}, \
		{.name = "devargs", \
			.type = RPC_STRING, \
			.optional = true, \
			.help = "dpdk: the device"}, \
		{.name = "queues", .type = RPC_UINT, .help = "number of queues"}, \
		{.name = "mac_limit", .type = RPC_UINT, .help = "0: no limit"}, \
		{.name = "macs", .type = RPC_UINT, .help = "MACs learned behind it"}, \
		{.name = "nic", \
			.type = RPC_OBJECT, \
			.of = "port-nic", \
			.optional = true, \
			.help = "type nic only"}, \
		{.name = "vhost", \
			.type = RPC_OBJECT, \
			.of = "port-vhost", \
			.optional = true, \
			.help = "type vhost only"}, \
		{.name = "user", \
			.type = RPC_STRING, \
			.optional = true, \
			.help = "vmnic: whose hypervisor may attach, if there is somebody"}, \
		{.name = "ips", \
			.type = RPC_ARRAY, \
			.of = "port-ip", \
			.help = "IPs seen behind it in ARP and neighbour discovery"}, \
		{.name = "rates", \
			.type = RPC_OBJECT, \
			.of = "rates", \
			.help = "over the last second"}, \
	{ \
		.name = "workers", .type = RPC_ARRAY, .of = "uint", \
		.help = "the worker of each queue" \
	}

#define COUNTER_FIELDS \
	{.name = "rx_packets", .type = RPC_UINT, .help = "frames into the switch"}, \
		{.name = "rx_bytes", .type = RPC_UINT, .help = "without FCS"}, \
		{.name = "tx_packets", .type = RPC_UINT, .help = "frames out of the switch"}, \
		{.name = "tx_bytes", .type = RPC_UINT, .help = "without FCS"}, \
		{.name = "copies", \
			.type = RPC_UINT, \
			.help = "extra copies of frames that came in here, made by flooding"}, \
		{.name = "segments", \
			.type = RPC_UINT, \
			.help = "extra frames made on the way out here, by segmentation"}, \
	{ \
		.name = "drops", .type = RPC_OBJECT, \
		.help = "reason: number of frames, where it is not 0" \
	}

#define NIC_DRIVERS RPC_WORDS("af-xdp", "af-packet")

#define STAGES \
	RPC_WORDS("closed", "open", "negotiated", "receive-buffer", "send-buffer", "rndis", \
		"running")

#define GUEST_FIELDS \
	{.name = "partition", \
		.type = RPC_STRING, \
		.help = "the guest, as its hypervisor calls it"}, \
		{.name = "nic", \
			.type = RPC_STRING, \
			.help = "the NIC's name in the guest's setup"}, \
		{.name = "port", .type = RPC_NAME, .help = "the port it asks for"}, \
		{.name = "switch", \
			.type = RPC_NAME, \
			.nullable = true, \
			.help = "that port's switch; null if there is no such port"}, \
		{.name = "mac", .type = RPC_MAC, .help = "the address that the guest sees"}, \
		{.name = "state", \
			.type = RPC_ENUM, \
			.values = RPC_WORDS("attaching", "waiting", "connected", "failed"), \
			.help = "attaching: still telling what it has; waiting: there is no such " \
				"port; connected: to its port; failed: the guest broke the " \
				"protocol"}, \
		{.name = "stage", \
			.type = RPC_ENUM, \
			.values = STAGES, \
			.help = "how far the guest's driver has come; running: it takes frames"}, \
		{.name = "reason", .type = RPC_STRING, .help = "why no frames pass, else empty"}, \
		{.name = "since", .type = RPC_STRING, .help = "attached; RFC 3339"}, \
		{.name = "uid", .type = RPC_UINT, .help = "the hypervisor's user"}, \
	{ \
		.name = "pid", .type = RPC_UINT, .help = "the hypervisor's process" \
	}

const struct rpc_object rpc_objects[] = {
	{"switch", "a switch", RPC_FIELDS(SWITCH_FIELDS)},
	{"switch-tree", "a switch with its ports",
		RPC_FIELDS(SWITCH_FIELDS, {.name = "ports",
						  .type = RPC_ARRAY,
						  .of = "port",
						  .help = "sorted by name"})},
	{"port", "a port", RPC_FIELDS(PORT_FIELDS)},
	{"port-detail", "a port with everything known about it",
		RPC_FIELDS(PORT_FIELDS,
			{.name = "counters",
				.type = RPC_OBJECT,
				.of = "counters",
				.help = "counters"},
			{.name = "lost",
				.type = RPC_OBJECT,
				.of = "lost",
				.help = "lost outside the switch"},
			{.name = "driver",
				.type = RPC_OBJECT,
				.help = "what the driver says of itself, as pairs of strings"},
			{.name = "guest",
				.type = RPC_OBJECT,
				.of = "guest-detail",
				.nullable = true,
				.optional = true,
				.help = "vmnic only: the guest that asks for this port, or null"})},
	{"link", "a port's link",
		RPC_FIELDS({.name = "up",
				   .type = RPC_BOOL,
				   .help = "carrier, or the other side is connected"},
			{.name = "admin_up",
				.type = RPC_BOOL,
				.help = "false: set-port --link down"},
			{.name = "speed_mbps", .type = RPC_UINT, .help = "0: unknown or none"},
			{.name = "reason", .type = RPC_STRING, .help = "why not up, else empty"})},
	{"vlan", "a port's VLANs",
		RPC_FIELDS({.name = "mode",
				   .type = RPC_ENUM,
				   .values = RPC_WORDS("untagged", "access", "trunk"),
				   .help = "mode"},
			{.name = "access",
				.type = RPC_VLAN,
				.optional = true,
				.help = "mode access: the VLAN"},
			{.name = "native",
				.type = RPC_VLAN,
				.optional = true,
				.help = "mode trunk: VLAN of untagged frames; 0: untagged domain"},
			{.name = "allowed",
				.type = RPC_VLAN_LIST,
				.optional = true,
				.help = "mode trunk: \"10,20,30-40\""})},
	{"port-nic", "the network card of a port",
		RPC_FIELDS({.name = "name", .type = RPC_STRING, .help = "name when it was bound"},
			{.name = "pci",
				.type = RPC_STRING,
				.nullable = true,
				.help = "PCI address; null if virtual"},
			{.name = "mac", .type = RPC_MAC, .help = "permanent address"},
			{.name = "role",
				.type = RPC_ENUM,
				.values = RPC_WORDS("uplink", "access"),
				.help = "role"},
			{.name = "driver",
				.type = RPC_ENUM,
				.values = RPC_WORDS("auto", "af-xdp", "af-packet"),
				.help = "as configured"},
			{.name = "driver_in_use", .type = RPC_STRING, .help = "as chosen"})},
	{"port-vhost", "the vhost-user socket of a port",
		RPC_FIELDS({.name = "socket", .type = RPC_STRING, .help = "path"},
			{.name = "mode",
				.type = RPC_ENUM,
				.values = RPC_WORDS("server", "client"),
				.help = "who makes the socket"},
			{.name = "owner", .type = RPC_STRING, .help = "user[:group], or empty"},
			{.name = "perm", .type = RPC_STRING, .help = "file mode, octal"})},
	{"port-ip", "an IP address behind a port",
		RPC_FIELDS({.name = "ip", .type = RPC_STRING, .help = "IPv4 or IPv6 address"},
			{.name = "vlan", .type = RPC_UINT, .help = "0: the untagged domain"},
			{.name = "age", .type = RPC_UINT, .help = "seconds since it was seen"})},
	{"rates", "frames and bits a second",
		RPC_FIELDS({.name = "rx_pps", .type = RPC_UINT, .help = "frames in"},
			{.name = "tx_pps", .type = RPC_UINT, .help = "frames out"},
			{.name = "rx_bps", .type = RPC_UINT, .help = "bits in"},
			{.name = "tx_bps", .type = RPC_UINT, .help = "bits out"})},
	{"nic", "a network card of the host",
		RPC_FIELDS({.name = "name", .type = RPC_STRING, .help = "interface name"},
			{.name = "pci",
				.type = RPC_STRING,
				.nullable = true,
				.help = "PCI address; null if virtual"},
			{.name = "mac", .type = RPC_MAC, .help = "permanent address"},
			{.name = "kernel_driver",
				.type = RPC_STRING,
				.help = "the kernel's driver"},
			{.name = "link", .type = RPC_BOOL, .help = "carrier"},
			{.name = "speed_mbps", .type = RPC_UINT, .help = "0: unknown"},
			{.name = "mtu", .type = RPC_UINT, .help = "as set now"},
			{.name = "state",
				.type = RPC_ENUM,
				.values = RPC_WORDS("free", "bound", "in-use", "unusable"),
				.help = "whether bind-nic can have it"},
			{.name = "reason", .type = RPC_STRING, .help = "why not free, else empty"},
			{.name = "switch",
				.type = RPC_NAME,
				.nullable = true,
				.help = "bound: its switch"},
			{.name = "port",
				.type = RPC_NAME,
				.nullable = true,
				.help = "bound: its port"},
			{.name = "role",
				.type = RPC_ENUM,
				.values = RPC_WORDS("uplink", "access"),
				.nullable = true,
				.help = "bound: its role"},
			{.name = "drivers",
				.type = RPC_ENUMS,
				.values = NIC_DRIVERS,
				.help = "what bind-nic --driver could use"})},
	{"fdb-entry", "an entry of a forwarding table",
		RPC_FIELDS({.name = "mac", .type = RPC_MAC, .help = "address"},
			{.name = "vlan", .type = RPC_UINT, .help = "0: the untagged domain"},
			{.name = "port", .type = RPC_NAME, .help = "where it is"},
			{.name = "static", .type = RPC_BOOL, .help = "set by add-fdb"},
			{.name = "age", .type = RPC_UINT, .help = "seconds since it was seen"})},
	{"fdb-stats", "a forwarding table as a whole",
		RPC_FIELDS({.name = "entries", .type = RPC_UINT, .help = "learned and static"},
			{.name = "static", .type = RPC_UINT, .help = "static"},
			{.name = "slots", .type = RPC_UINT, .help = "size; grows by itself"},
			{.name = "limit", .type = RPC_UINT, .help = "most learned entries"},
			{.name = "learned", .type = RPC_UINT, .help = "learned since creation"},
			{.name = "moved", .type = RPC_UINT, .help = "seen at another port"},
			{.name = "aged", .type = RPC_UINT, .help = "forgotten by age"},
			{.name = "refused", .type = RPC_UINT, .help = "not learned: a limit"})},
	{"counters", "counters of a port", RPC_FIELDS(COUNTER_FIELDS)},
	{"port-stats", "counters of a port with its name",
		RPC_FIELDS({.name = "name", .type = RPC_NAME, .help = "port"},
			{.name = "switch", .type = RPC_NAME, .help = "its switch"}, COUNTER_FIELDS,
			{.name = "lost",
				.type = RPC_OBJECT,
				.of = "lost",
				.help = "lost outside the switch"},
			{.name = "rates",
				.type = RPC_OBJECT,
				.of = "rates",
				.help = "over the last second"})},
	{"lost", "frames that the kernel or a device lost; no part of the sum",
		RPC_FIELDS({.name = "rx_missed", .type = RPC_UINT, .help = "before the switch"},
			{.name = "tx_lost", .type = RPC_UINT, .help = "after the switch"})},
	{"stats-sum", "received + copies + segments = delivered + dropped",
		RPC_FIELDS({.name = "received", .type = RPC_UINT, .help = "frames in"},
			{.name = "copies", .type = RPC_UINT, .help = "made by flooding"},
			{.name = "segments", .type = RPC_UINT, .help = "made by segmentation"},
			{.name = "delivered", .type = RPC_UINT, .help = "frames out"},
			{.name = "dropped", .type = RPC_UINT, .help = "for any reason"},
			{.name = "balanced", .type = RPC_BOOL, .help = "whether it holds now"})},
	{"guest", "a guest's NIC, attached by its hypervisor", RPC_FIELDS(GUEST_FIELDS)},
	{"guest-detail", "the guest's side of a vmnic port",
		RPC_FIELDS(GUEST_FIELDS,
			{.name = "software",
				.type = RPC_STRING,
				.help = "the hypervisor, as it calls itself"},
			{.name = "resumed",
				.type = RPC_BOOL,
				.help = "taken over from an earlier run of the daemon"},
			{.name = "memory", .type = RPC_UINT, .help = "guest memory, bytes"},
			{.name = "vmbus_version",
				.type = RPC_STRING,
				.help = "\"5.3\"; empty: not agreed on yet"},
			{.name = "nvsp_version",
				.type = RPC_STRING,
				.help = "\"6.1\"; empty: not agreed on yet"},
			{.name = "ndis_version",
				.type = RPC_STRING,
				.help = "\"6.30\"; empty: not told yet"},
			{.name = "mtu",
				.type = RPC_UINT,
				.help = "as the guest has told; 0: not yet"},
			{.name = "link", .type = RPC_BOOL, .help = "as the guest was told"},
			{.name = "filter",
				.type = RPC_ENUMS,
				.values = RPC_WORDS("directed", "multicast", "all-multicast",
					"broadcast", "promiscuous"),
				.help = "what the guest wants to receive; empty: nothing"},
			{.name = "offloads",
				.type = RPC_ENUMS,
				.values = RPC_WORDS("checksum", "lso4", "lso6", "rsc4", "rsc6"),
				.help = "what the guest has chosen"},
			{.name = "rss", .type = RPC_BOOL, .help = "frames are spread over queues"},
			{.name = "max_queues", .type = RPC_UINT, .help = "channels it may have"},
			{.name = "receive_buffer",
				.type = RPC_OBJECT,
				.of = "guest-buffer",
				.help = "where frames for the guest go"},
			{.name = "send_buffer",
				.type = RPC_OBJECT,
				.of = "guest-buffer",
				.help = "where small frames of the guest are"},
			{.name = "control_messages",
				.type = RPC_UINT,
				.help = "NVSP and RNDIS messages answered"},
			{.name = "bad_messages", .type = RPC_UINT, .help = "refused"},
			{.name = "bad_frames",
				.type = RPC_UINT,
				.help = "frames of the guest that were malformed"},
			{.name = "filtered",
				.type = RPC_UINT,
				.help = "frames that the guest did not want"},
			{.name = "dropped_waiting",
				.type = RPC_UINT,
				.help = "frames of the guest while there was no port"},
			{.name = "queues",
				.type = RPC_ARRAY,
				.of = "guest-queue",
				.help = "open channels"})},
	{"guest-buffer", "a buffer that a guest shares",
		RPC_FIELDS({.name = "bytes", .type = RPC_UINT, .help = "size; 0: none yet"},
			{.name = "section", .type = RPC_UINT, .help = "bytes of a section"})},
	{"guest-queue", "a channel of a guest's NIC",
		RPC_FIELDS({.name = "queue", .type = RPC_UINT, .help = "number; 0: the primary"},
			{.name = "rx_packets", .type = RPC_UINT, .help = "frames from the guest"},
			{.name = "rx_bytes", .type = RPC_UINT, .help = "their bytes"},
			{.name = "tx_packets", .type = RPC_UINT, .help = "frames to the guest"},
			{.name = "tx_bytes", .type = RPC_UINT, .help = "their bytes"},
			{.name = "rx_ring_used",
				.type = RPC_UINT,
				.help = "bytes in the ring from the guest, now"},
			{.name = "rx_ring_size", .type = RPC_UINT, .help = "bytes of it"},
			{.name = "tx_ring_used",
				.type = RPC_UINT,
				.help = "bytes in the ring to the guest, now"},
			{.name = "tx_ring_size", .type = RPC_UINT, .help = "bytes of it"},
			{.name = "sections_lent",
				.type = RPC_UINT,
				.help = "receive sections that the guest has not given back"},
			{.name = "sections", .type = RPC_UINT, .help = "receive sections"},
			{.name = "interrupts",
				.type = RPC_UINT,
				.help = "interrupts sent to the guest"},
			{.name = "interrupts_spared",
				.type = RPC_UINT,
				.help = "not sent: the guest was awake"},
			{.name = "no_section",
				.type = RPC_UINT,
				.help = "frames refused: no receive section was free"},
			{.name = "ring_full",
				.type = RPC_UINT,
				.help = "frames refused: the ring was full"},
			{.name = "rsc_chains",
				.type = RPC_UINT,
				.help = "large frames given as chains"})},
	{"diagnosis-step", "one link of the chain from a port to its first frame",
		RPC_FIELDS({.name = "name", .type = RPC_STRING, .help = "what was looked at"},
			{.name = "state",
				.type = RPC_ENUM,
				.values = RPC_WORDS("ok", "stopped", "unknown", "skipped"),
				.help = "stopped: here it ends; unknown: nothing can be said; "
					"skipped: comes after what is stopped"},
			{.name = "detail", .type = RPC_STRING, .help = "what was found"},
			{.name = "remedy",
				.type = RPC_STRING,
				.help = "what to do about it; empty: nothing"})},
	{"worker", "a data core",
		RPC_FIELDS({.name = "id", .type = RPC_UINT, .help = "number"},
			{.name = "cpu", .type = RPC_UINT, .help = "CPU it runs on"},
			{.name = "load",
				.type = RPC_NUMBER,
				.help = "busy share of the last second, 0 to 1"},
			{.name = "queues",
				.type = RPC_ARRAY,
				.of = "worker-queue",
				.help = "what it polls"},
			{.name = "packets", .type = RPC_UINT, .help = "frames handled"},
			{.name = "sleeps", .type = RPC_UINT, .help = "times it slept"},
			{.name = "busy_cycles", .type = RPC_UINT, .help = "with frames"},
			{.name = "idle_cycles", .type = RPC_UINT, .help = "without"},
			{.name = "ring_in", .type = RPC_UINT, .help = "frames from other workers"},
			{.name = "ring_out", .type = RPC_UINT, .help = "frames to other workers"},
			{.name = "stages",
				.type = RPC_OBJECT,
				.help = "cycles by stage; 0 unless the daemon profiles"})},
	{"worker-queue", "a queue of a port",
		RPC_FIELDS({.name = "port", .type = RPC_NAME, .help = "port"},
			{.name = "queue", .type = RPC_UINT, .help = "number"})},
	{"config", "the whole configuration; sorted by name, defaults left out",
		RPC_FIELDS({.name = "version", .type = RPC_UINT, .help = "1"},
			{.name = "switches",
				.type = RPC_ARRAY,
				.help = "name, type, ageing, mac_limit"},
			{.name = "ports",
				.type = RPC_ARRAY,
				.help = "name, switch, type, and what differs from the default"},
			{.name = "fdb",
				.type = RPC_ARRAY,
				.help = "static entries: switch, vlan, mac, port"})},
	{},
};
