/* SPDX-License-Identifier: BSD-3-Clause */
// The bus of one partition: versions, offers, GPADLs, open, close, modify, rescind, unload.
// Table-driven; nothing a guest sends can do more than lose its own channels. One thread.
//
// What a device must do before the guest may be told (open results, pages no longer touched) it
// does when it can, and says so by the vmbus_*_done() calls: a guest waits for ever, so each
// request must get its call, even to refuse. Calls may come from within the request.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpadl.h"
#include "proto.h"
#include "synic_ops.h"

#define VMBUS_MAX_CHANNELS    256 // of one partition
#define VMBUS_MAX_SUBCHANNELS 63  // of one device
#define VMBUS_MAX_GPADLS      1024
#define VMBUS_MAX_GPADL_BYTES (1280ull << 20) // of one partition

struct vmbus_bus;
struct vmbus_device;

struct vmbus_open_params {
	uint32_t ring_gpadl, downstream_page, target_vp;
	uint32_t relid, connection_id;
};

struct vmbus_device_ops {
	// A list is complete and its pages are memory. May refuse with -errno. It stays where it
	// is until torn down. -EINPROGRESS: the guest, which may use it once it hears of it, has
	// to wait for vmbus_gpadls_created_done().
	int (*gpadl_created)(void *dev, const struct gpadl *g);
	// Stop using it, then vmbus_gpadl_torndown_done().
	void (*gpadl_teardown)(void *dev, uint32_t gpadl);
	// Then vmbus_open_done().
	void (*open)(void *dev, uint32_t index, const struct vmbus_open_params *params);
	// Stop using the ring, then vmbus_close_done(). Also before the answer to open(), which
	// then counts no more.
	void (*close)(void *dev, uint32_t index);
	// Signal another VP, then vmbus_modify_done().
	void (*modify)(void *dev, uint32_t index, uint32_t target_vp);
	// After a rescind: the guest has let go and the device is no longer on the bus. Also
	// called when the guest resets, with the device still offered (again) if offered is true.
	void (*released)(void *dev, bool offered);
};

struct vmbus_bus_stats {
	uint64_t messages, refused; // from the guest; refused: malformed or out of turn
};

struct vmbus_bus *vmbus_bus_create(
	const struct synic_ops *synic, void *synic_arg, struct guest_mem *mem, uint32_t n_vps);
void vmbus_bus_destroy(struct vmbus_bus *bus);

// HvPostMessage: 0, or -EAGAIN to be answered "insufficient buffers", -ENXIO "invalid
// connection id", -EINVAL "invalid parameter".
int vmbus_bus_message(struct vmbus_bus *bus, uint32_t connection_id, const void *msg, size_t len);
// The guest resets: an unload nobody answers. Devices stay and are offered again on request.
void vmbus_bus_reset(struct vmbus_bus *bus);
// Some device has yet to let go of the memory of a guest that resets, unloads or makes contact.
bool vmbus_bus_is_resetting(const struct vmbus_bus *bus);
// Sends what post_message refused with -EAGAIN. True while some is left.
bool vmbus_bus_flush(struct vmbus_bus *bus);
uint32_t vmbus_bus_version(const struct vmbus_bus *bus); // 0: no contact yet
void vmbus_bus_get_stats(const struct vmbus_bus *bus, struct vmbus_bus_stats *stats);

// Puts a device on the bus; offered at once if the guest has asked for offers. NULL + errno;
// EEXIST: that instance is there, or the guest has not let go of it yet.
struct vmbus_device *vmbus_offer(struct vmbus_bus *bus, const struct vmbus_guid *class,
	const struct vmbus_guid *instance, const struct vmbus_device_ops *ops, void *dev);
// Offers sub-channels until there are `total`; more than that are left alone. 0 or -errno;
// -ENOTCONN: the primary is not open.
int vmbus_offer_subchannels(struct vmbus_device *device, uint32_t total);
// Takes the device off the bus, sub-channels first; ops->released() follows. Until the guest
// closes them, channels stay open: it waits for what it has under way.
void vmbus_rescind(struct vmbus_device *device);
// The same for an owner that goes away at once: touches nothing of the guest's any more and is
// called no more.
void vmbus_abandon(struct vmbus_device *device);

void vmbus_open_done(struct vmbus_device *device, uint32_t index, int status);
void vmbus_close_done(struct vmbus_device *device, uint32_t index);
void vmbus_modify_done(struct vmbus_device *device, uint32_t index, int status);
void vmbus_gpadls_created_done(struct vmbus_device *device); // all lists so far
void vmbus_gpadl_torndown_done(struct vmbus_device *device, uint32_t gpadl);

// What a device has, for handing it over again: NULL ends.
const struct gpadl *vmbus_next_gpadl(const struct vmbus_device *device, const struct gpadl *prev);
// True and its parameters if the channel is open (opened by the guest, and not refused).
bool vmbus_channel_is_open(
	const struct vmbus_device *device, uint32_t index, struct vmbus_open_params *params);
uint32_t vmbus_n_subchannels(const struct vmbus_device *device); // offered

enum vmbus_channel_state {
	VMBUS_CHANNEL_NONE,
	VMBUS_CHANNEL_OFFERED,
	VMBUS_CHANNEL_OPENING,
	VMBUS_CHANNEL_OPEN,
	VMBUS_CHANNEL_CLOSING,
	VMBUS_CHANNEL_RESCINDED,
};
enum vmbus_channel_state vmbus_channel_state(const struct vmbus_device *device, uint32_t index);
