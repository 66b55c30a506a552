/* SPDX-License-Identifier: BSD-3-Clause */
// What the parts of the bus share. Nobody else includes it.
//
// Devices may answer from within a request. So that nothing vanishes under a function's feet,
// each entry to the bus is between bus_enter() and bus_leave(); answers only leave a mark, and
// the outermost bus_leave() does what has become possible (bus_settle()): the one place where
// channels, lists and devices are freed once the guest has gone.
#pragma once

#include <sys/queue.h>

#include "bus.h"

#define BUS_MAX_HALF_BUILT 16 // lists of which pages are still to come
// Answers waiting for the guest to make room: past this, its requests have to wait, too.
#define BUS_MAX_WAITING 64
// MODIFYCHANNELs of one channel that wait for their answer.
#define BUS_MAX_MODIFY 8

#define BUS_STATUS_OK      0u
#define BUS_STATUS_FAILURE 0x8000ffffu
#define BUS_STATUS_REFUSED 0xc0000236u // STATUS_CONNECTION_REFUSED

#define BUS_NO_INTERRUPTS UINT32_MAX // target_vp of a channel that wants none

enum bus_state {
	BUS_DISCONNECTED, // no contact, or no version agreed on
	BUS_CONNECTED,
	BUS_OFFERED,   // connected, and the guest has asked for offers
	BUS_RESETTING, // devices are letting go of the guest's memory
	BUS_N_STATES,
};

enum bus_answer { BUS_ANSWER_NONE, BUS_ANSWER_CONTACT, BUS_ANSWER_UNLOAD };

struct bus_message {
	STAILQ_ENTRY(bus_message) next;
	uint32_t vp;
	uint32_t len;
	uint8_t data[VMBUS_MESSAGE_MAX];
};

struct bus_gpadl {
	TAILQ_ENTRY(bus_gpadl) next;
	struct bus_channel *channel; // on which it was made
	uint32_t id;
	uint32_t byte_offset, byte_count, n_pages;
	uint32_t n_received; // pages told so far
	uint64_t *pfn;       // NULL once complete
	struct gpadl list;   // once complete
	bool untold;         // complete, but the guest must not know yet
	bool leaving;        // to be torn down
	bool asked;          // the device has been asked to
	bool gone;           // and has said that it touches nothing any more
	bool owes_answer;    // the guest waits for GPADL_TORNDOWN
};

struct bus_channel {
	TAILQ_ENTRY(bus_channel) next;
	struct vmbus_device *device;
	uint32_t index, relid;
	enum vmbus_channel_state state; // OFFERED (closed), OPENING, OPEN or CLOSING
	bool told;                      // the guest knows it
	bool rescinded;
	bool released; // the guest has said RELID_RELEASED
	bool close_done;
	uint32_t open_id;
	struct vmbus_open_params params; // unless OFFERED
	bool reopen;                     // the guest did not wait for our closing
	struct vmbus_open_channel next_open;
	uint32_t n_modify; // answers owed; the device has one of the requests
	bool modify_again; // to `next_vp`
	uint32_t next_vp;
};

struct vmbus_device {
	TAILQ_ENTRY(vmbus_device) next;
	struct vmbus_bus *bus;
	struct vmbus_guid class, instance;
	const struct vmbus_device_ops *ops;
	void *dev;
	bool rescinded;
	bool reset;          // released() is owed
	uint32_t n_channels; // with those rescinded that the guest still holds
	struct bus_channel *channel[1 + VMBUS_MAX_SUBCHANNELS]; // by index
};

struct vmbus_bus {
	const struct synic_ops *synic;
	void *synic_arg;
	struct guest_mem *mem;
	uint32_t n_vps;
	enum bus_state state;
	enum bus_answer answer; // when reset
	uint32_t version;       // agreed on; 0: none
	uint32_t wanted_version, wanted_vp;
	uint32_t target_vp; // of all we send
	unsigned depth;     // entries not yet left
	bool unsettled;     // bus_settle() may find something to do
	TAILQ_HEAD(, vmbus_device) devices;
	TAILQ_HEAD(, bus_channel) channels;
	TAILQ_HEAD(, bus_gpadl) gpadls;
	STAILQ_HEAD(, bus_message) waiting;
	uint32_t n_channels, n_gpadls, n_half_built, n_waiting;
	uint64_t gpadl_bytes;
	uint32_t last_relid;
	struct bus_channel *by_relid[VMBUS_MAX_RELID + 1];
	struct vmbus_bus_stats stats;
};

// ---- bus.c
void bus_enter(struct vmbus_bus *bus);
void bus_leave(struct vmbus_bus *bus);
void bus_refuse(struct vmbus_bus *bus); // counts a message out of turn

// ---- bus_send.c
void bus_send(struct vmbus_bus *bus, const void *msg, size_t len);
void bus_drop_waiting(struct vmbus_bus *bus);

// ---- bus_offer.c
// The channel that the guest means, or NULL: it was never offered that one.
struct bus_channel *bus_find(const struct vmbus_bus *bus, uint32_t relid);
uint32_t bus_connection_of(uint32_t relid);
void bus_request_offers(struct vmbus_bus *bus, const void *msg, size_t len);
void bus_request_offers_again(struct vmbus_bus *bus, const void *msg, size_t len);
void bus_relid_released(struct vmbus_bus *bus, const void *msg, size_t len);
// For good; close: without waiting for the guest to close them.
void bus_rescind_subchannels(struct vmbus_device *device, bool close);
// Frees what nobody holds any more. Each: true if it did something, and may be called again.
bool bus_settle_releases(struct vmbus_bus *bus);

// ---- bus_channel.c
void bus_open(struct vmbus_bus *bus, const void *msg, size_t len);
void bus_close(struct vmbus_bus *bus, const void *msg, size_t len);
void bus_modify(struct vmbus_bus *bus, const void *msg, size_t len);
// Has the device stop, if it is in use. Open and modify requests are answered: refused.
void bus_channel_close(struct bus_channel *c);
bool bus_settle_channels(struct vmbus_bus *bus);

// ---- bus_gpadl.c
void bus_gpadl_header(struct vmbus_bus *bus, const void *msg, size_t len);
void bus_gpadl_body(struct vmbus_bus *bus, const void *msg, size_t len);
void bus_gpadl_teardown(struct vmbus_bus *bus, const void *msg, size_t len);
// The complete list of that id made on that channel, unless it is being torn down.
const struct gpadl *bus_gpadl_of(const struct bus_channel *c, uint32_t id);
// Starts tearing down what was made on the channel (NULL: on any). True: some are left.
bool bus_gpadls_leave(struct vmbus_bus *bus, const struct bus_channel *c);
bool bus_settle_gpadls(struct vmbus_bus *bus);
void bus_gpadl_free(struct vmbus_bus *bus, struct bus_gpadl *g);
