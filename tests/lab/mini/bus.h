/* SPDX-License-Identifier: BSD-3-Clause */
// The guest's side of the VMBus. The first processor's only, but for bus_post().
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hypervisor/vmbus/proto.h>

#define BUS_MAX_OFFERS 64u
#define BUS_PATIENCE   15000000u // us, for an answer

struct bus_offer {
	bool here, nic, rescinded;
	uint32_t relid, connection_id, index; // index: 0 primary, else sub-channel
	uint8_t instance[16];
};

extern struct bus_offer bus_offers[BUS_MAX_OFFERS];
extern uint32_t bus_connection_id; // where messages go
extern uint32_t bus_version;       // 0: no contact

// HvPostMessage, once: its status. Any processor.
uint32_t bus_post_once(uint32_t connection_id, const void *message, size_t size);
// Goes on while the host has no room. NULL, or why not.
const char *bus_post(const void *message, size_t size);
// Takes what has come. True: something has.
bool bus_poll(void);
// What the messages that follow ask for: a type, and a channel or page list (0: none).
void bus_expect(uint32_t type, uint32_t id);
const char *bus_wait(uint32_t *value, uint32_t *value2);

const char *bus_contact(uint32_t version);
const char *bus_ask_offers(void);
const char *bus_unload(void);
// Connects as newly as the host can, and asks what there is, whatever was before.
const char *bus_start(void);

// Lends n pages from `at` on: the list's name, or 0.
uint32_t bus_lend(uint32_t relid, const uint8_t *at, uint32_t n);
const char *bus_take_back(uint32_t relid, uint32_t gpadl);
// Rings of `half` pages each, `half` of them to the host first.
const char *bus_open(uint32_t relid, uint32_t gpadl, uint32_t half, uint32_t target_vp);
const char *bus_close(uint32_t relid);
struct bus_offer *bus_find_nic(unsigned number, uint32_t index);
