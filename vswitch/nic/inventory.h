/* SPDX-License-Identifier: BSD-3-Clause */
// Every NIC of this network namespace, who uses it and which driver could take it. No DPDK.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vswitch/address.h>
#include <vswitch/config.h>
#include <vswitch/error.h>

#define NIC_XDP_MTU 3498 // a page less headrooms (mempool, mbuf, DPDK, XDP), Ethernet, two tags

// What the kernel's alias of an interface that is a host or tap port begins with.
#define NIC_OWN_ALIAS "vswitch port "

enum nic_kind {
	NIC_PHYSICAL, // has a device behind it
	NIC_VETH,
	NIC_VIRTUAL, // every other interface made of software
};

struct nic_info {
	char ifname[VSW_IFNAME_SIZE]; // "": the kernel has no interface for it
	unsigned ifindex;             // 0: likewise
	char altnames[256];           // separated by spaces
	char pci[PCI_TEXT_SIZE];      // "0000:03:00.0"; "" for software interfaces
	uint8_t mac[6];
	uint8_t perm_mac[6]; // all zero: it has none
	char driver[32];     // the kernel driver bound to it now; "" if none
	enum nic_kind kind;
	char link_kind[16]; // the kernel's own word: "veth", "bridge", "tun"; "" for physical ones
	uint32_t mtu;
	bool up;   // administratively
	bool link; // carrier
	uint32_t speed_mbps;
	int numa;        // -1: unknown
	uint32_t xdp_id; // the XDP program attached to it, 0: none

	// Who uses it
	bool loopback;
	bool ethernet;
	bool wireless;
	bool own; // a host or tap port of a switch
	char master[VSW_IFNAME_SIZE];
	char master_kind[16];        // "bridge", "bond", "vrf", ...
	char upper[VSW_IFNAME_SIZE]; // an interface stacked on it: VLAN, macvlan, ...
	unsigned n_addresses;        // link-local ones do not count
	char address[64];            // the first of them
	unsigned n_routes;           // those that the kernel did not make by itself
	char route[64];              // the first of them; "default" before any other

	uint32_t drivers; // bit per enum nic_driver that could take it
	char reason[192]; // why it cannot be taken; empty: it can
};

// Interfaces by index, then NICs that the kernel has no interface for. The caller frees *list.
// 0 or -errno.
int nic_list(struct nic_info **list, size_t *n);

// what: interface name, altname, PCI address with or without its domain, or MAC. 0 or a
// vsw_fail().
int nic_resolve(const char *what, struct nic_info *out, struct vsw_error *err);
int nic_resolve_index(unsigned ifindex, struct nic_info *out); // 0 or -ENODEV
// The same choice in a given list.
int nic_match(const struct nic_info *list, size_t n, const char *what, struct nic_info *out,
	struct vsw_error *err);

// The kernel's word for a kind of interface that never is a NIC, such as "bridge".
bool nic_is_kind_unfit(const char *link_kind);
// Refuses what is not ours to take: 0 or a vsw_fail(), with the remedy.
int nic_check_takeover(const struct nic_info *nic, struct vsw_error *err);
