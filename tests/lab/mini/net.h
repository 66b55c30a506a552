/* SPDX-License-Identifier: BSD-3-Clause */
// As little of IPv4 as answers ARP, pings and UDP, and pings itself.
#pragma once

#include <stdbool.h>
#include <stdint.h>

extern uint8_t net_address[4]; // zeros: answers nobody

struct net_ping {
	uint32_t sent, got;
	uint64_t worst_us;
};

// Pings `n` times (0: until the power button, or settings.seconds), each answered or lost after
// five seconds. NULL, or why not a single one could be sent.
const char *net_ping(const uint8_t to[4], uint32_t n, uint64_t every_us, struct net_ping *result);
