/* SPDX-License-Identifier: BSD-3-Clause */
// A port whose far end is the test: frames put in come out of rx_burst, frames the switch
// sends wait in a ring.
#pragma once

#include <rte_mbuf.h>

#include <vswitch/config.h>
#include <vswitch/port.h>

struct fake_port {
	struct rte_ring *in, *out;
	uint32_t tx_caps;
	bool local;        // like a host port
	bool one_tx;       // only one transmit queue: bursts of other workers must cross
	bool wake_fd;      // epoll waits for its frames, as with a tap; else it is polled
	unsigned tx_room;  // frames taken per burst, the rest is refused; 0: all
	_Atomic bool hold; // transmitting waits until this is false again
	bool refuse_admin; // set_admin fails
	uint8_t mac[6];    // what set_mac and set_mtu have set
	uint16_t mtu;
	int fd;
	bool closed;
};

// EAL without root and huge pages, pools, `n` workers. Call once per process.
void fake_switch_start(unsigned n);
void fake_switch_stop(void);

// Adds a port of that name; mode untagged, MTU 1500, unless cfg says otherwise (may be NULL).
struct vsw_port *fake_port_add(
	const char *sw, const char *name, struct fake_port *fake, const struct port_config *cfg);

// A frame of `len` bytes: 48-bit addresses in transmission order; the payload after the type
// is a count.
struct rte_mbuf *fake_frame(uint64_t dst, uint64_t src, uint16_t type, unsigned len);
// The same with a tag (tpid, tci) in front of the type.
struct rte_mbuf *fake_tagged(
	uint64_t dst, uint64_t src, uint16_t tpid, uint16_t tci, uint16_t type, unsigned len);

void fake_send(struct fake_port *fake, struct rte_mbuf *m);
// Waits until every frame sent in is accounted for; fails the test after two seconds.
void fake_settle(void);
// The next frame the switch sent out, or NULL.
struct rte_mbuf *fake_take(struct fake_port *fake);
unsigned fake_drain(struct fake_port *fake); // frees all, returns how many

uint16_t frame_type_at(const struct rte_mbuf *m, unsigned at);
