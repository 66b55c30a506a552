/* SPDX-License-Identifier: BSD-3-Clause */
// A NIC of a partition, on its bus and at its provider: connects to the provider's socket,
// offers the NIC once it is there, passes on what the bus wants, and connects again, with all
// there is, when the provider has died. One thread, the bus's.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bus.h"
#include "handover.h"

struct vsp_link;

struct vsp_link_options {
	struct vmbus_bus *bus;
	const struct synic_ops *synic;
	void *synic_arg;
	struct guest_mem *mem;
	uint32_t n_vps;
	const char *socket_path;
	const char *partition, *nic, *port, *software;
	struct vmbus_guid instance;
	uint8_t mac[6];
	uint16_t max_queues; // of this NIC; 0: as many as its port has
	// Tells what happens, a sentence without a newline; warning: something is not as it
	// should be.
	void (*tell)(void *arg, bool warning, const char *text);
	void *tell_arg;
};

enum vsp_link_state {
	VSP_LINK_AWAY, // no provider; tries again on its own
	VSP_LINK_ATTACHING,
	VSP_LINK_ATTACHED,
	VSP_LINK_REFUSED, // told why; tries again, slowly
	VSP_LINK_REMOVED,
};

// NULL + errno. Does not wait for the provider.
struct vsp_link *vsp_link_create(const struct vsp_link_options *options);
// Hot removal: rescinds the NIC; `removed` when the guest and the provider have let go.
void vsp_link_remove(struct vsp_link *link);
// Before the bus. The guest is told that the NIC goes, and waited for no longer.
void vsp_link_destroy(struct vsp_link *link);
// An epoll descriptor that is readable when vsp_link_run() has something to do (its timers are
// in there).
int vsp_link_fd(const struct vsp_link *link);
void vsp_link_run(struct vsp_link *link);
// The provider that welcomed the NIC last said that there is no such port (yet).
bool vsp_link_lacks_port(const struct vsp_link *link);
enum vsp_link_state vsp_link_state(const struct vsp_link *link, char *reason, size_t size);
