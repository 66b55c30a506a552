/* SPDX-License-Identifier: BSD-3-Clause */
// What workers tell the main thread: small messages over a bounded ring. A full ring loses
// messages, never frames; losses are counted.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum notify_kind {
	NOTIFY_LOOP,       // a loop was seen: port, other port, mac, vlan
	NOTIFY_IP_LEARNED, // ARP or neighbour discovery told which IP is behind a port
	NOTIFY_FDB_GROW,   // a switch's table wants to grow
	NOTIFY_GUEST,      // a guest's NIC has something to tell: see nics_poked()
};

struct notify {
	uint8_t kind;
	uint8_t family; // 4 or 6, for IP_LEARNED
	uint16_t switch_id;
	uint16_t port_id;
	uint16_t other_port_id;
	uint16_t vlan;
	uint8_t mac[6];
	uint8_t ip[16];
};

int notify_init(void);
void notify_fini(void);
int notify_fd(void);                        // readable while messages wait
void notify_post(const struct notify *msg); // any worker
bool notify_take(struct notify *msg);       // main thread
uint64_t notify_lost(void);
