/* SPDX-License-Identifier: BSD-3-Clause */
// A kernel network interface seen and changed over rtnetlink. The socket belongs to the
// namespace of the thread that opened it, so one process reaches interfaces of many.
// Main thread.
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct mnl_socket;

struct kernel_link {
	int index;
	char name[IFNAMSIZ];
	char kind[32];  // "veth", "tun", …; empty for hardware
	char alias[96]; // cut
	uint32_t flags; // IFF_*
	bool carrier;
	uint16_t arp_type; // ARPHRD_*
	uint32_t mtu, max_mtu;
	uint8_t mac[6];
	uint64_t rx_dropped, tx_dropped; // as the kernel counts: tx leaves its stack
	// kind "tun" only
	bool is_tap, persistent, multi_queue;
	uint32_t attached; // fds on it
};

struct mnl_socket *kernel_link_open(void); // NULL + errno
// By name, or by index if name is NULL. -ENODEV: no such interface.
int kernel_link_get(struct mnl_socket *nl, const char *name, int index, struct kernel_link *link);
int kernel_link_set_mtu(struct mnl_socket *nl, int index, uint32_t mtu);
int kernel_link_set_mac(struct mnl_socket *nl, int index, const uint8_t mac[6]);
int kernel_link_set_alias(struct mnl_socket *nl, int index, const char *alias);
int kernel_link_set_up(struct mnl_socket *nl, int index, bool up);
