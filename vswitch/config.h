/* SPDX-License-Identifier: BSD-3-Clause */
// What an administrator has asked for: switches, ports, static MACs, as plain data.
// No DPDK here: the control side, the state file and their fuzzers live without it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VSW_NAME_SIZE         64  // with the NUL; letters, digits, '.', '_', '-', ':'
#define VSW_IFNAME_SIZE       16  // IFNAMSIZ
#define VSW_PATH_SIZE         108 // sun_path
#define VSW_DEVARGS_SIZE      512
#define VSW_MAX_PORTS         4095 // port ids 1..4095: 12 bits in a forwarding-table word
#define VSW_MAX_SWITCHES      256
#define VSW_VLAN_MAX          4094
#define VSW_MTU_MIN           68
#define VSW_MTU_MAX           9216
#define VSW_AGEING_DEFAULT    300
#define VSW_MAC_LIMIT_DEFAULT (1u << 20)
#define VSW_MAX_QUEUES        16
#define VSW_MAX_CHANNELS      64 // queues of a guest's NIC: inside of its one port queue
#define VSW_CHANNELS_DEFAULT  8

enum switch_type { SWITCH_EXTERNAL, SWITCH_INTERNAL, SWITCH_PRIVATE };

struct switch_config {
	char name[VSW_NAME_SIZE];
	enum switch_type type;
	uint32_t ageing_s;  // 0: entries never age
	uint32_t mac_limit; // dynamic entries, whole switch
};

enum port_type { PORT_HOST, PORT_TAP, PORT_NIC, PORT_VHOST, PORT_DPDK, PORT_VMNIC };

// VLAN 0 is the untagged domain: frames that carry no VLAN anywhere on the switch.
enum vlan_mode {
	VLAN_UNTAGGED, // VLAN 0 in and out; tagged frames are dropped
	VLAN_ACCESS,   // untagged outside, access_id inside; tagged frames are dropped
	VLAN_TRUNK,    // tagged with an allowed id; untagged frames belong to native_id
};

struct vlan_config {
	enum vlan_mode mode;
	uint16_t access_id;   // 1..4094
	uint16_t native_id;   // 0: untagged frames stay in VLAN 0
	uint64_t allowed[64]; // bit per VLAN id; the native id need not be listed
};

enum nic_role { NIC_ROLE_UPLINK, NIC_ROLE_ACCESS };
enum nic_driver { NIC_DRIVER_AUTO, NIC_DRIVER_AF_XDP, NIC_DRIVER_AF_PACKET };
enum vhost_mode { VHOST_SERVER, VHOST_CLIENT };

struct port_config {
	char name[VSW_NAME_SIZE]; // unique among all ports of the daemon
	char switch_name[VSW_NAME_SIZE];
	enum port_type type;
	uint8_t mac[6];     // all zero: chosen by the port
	uint16_t mtu;       // frame payload, bytes; 0: the type's default (1500)
	uint16_t queues;    // 0: the type's default: one, vmnic: VSW_CHANNELS_DEFAULT
	uint32_t mac_limit; // dynamic entries behind this port; 0: no limit
	bool link_down;     // administratively down
	struct vlan_config vlan;
	char ifname[VSW_IFNAME_SIZE];   // host, tap: the kernel interface; nic: its name when bound
	char netns[VSW_PATH_SIZE];      // tap: name under /run/netns or absolute path; "" = ours
	char devargs[VSW_DEVARGS_SIZE]; // dpdk
	struct {
		enum nic_role role;
		enum nic_driver driver;
		char pci[16];        // "" for virtual interfaces
		uint8_t perm_mac[6]; // identity that survives a rename
	} nic;
	struct {
		char path[VSW_PATH_SIZE];
		enum vhost_mode mode;
		char owner[VSW_NAME_SIZE]; // "" or user[:group]: server socket's owner
		uint16_t perm;             // server socket's file mode; 0 = 0660
	} vhost;
	struct {
		// "": root's and the daemon's own only; else also of this user, by name or number
		char user[VSW_NAME_SIZE];
	} vmnic;
};

struct fdb_static_config {
	char switch_name[VSW_NAME_SIZE];
	char port_name[VSW_NAME_SIZE];
	uint8_t mac[6];
	uint16_t vlan;
};

static inline bool vlan_bit(const uint64_t map[64], uint16_t id)
{
	return map[id >> 6] >> (id & 63) & 1;
}

static inline void vlan_bit_set(uint64_t map[64], uint16_t id)
{
	map[id >> 6] |= 1ull << (id & 63);
}
