/* SPDX-License-Identifier: BSD-3-Clause */
// What a guest must not be able to hurt anybody with but itself.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct hostile {
	const char *name;
	void (*run)(uint32_t times);
	bool needs_nic; // open, and is not good for anything afterwards
	bool deadly;    // to this guest: not for the mixture
	bool anywhere;  // on other processors too, without spoiling what the first does
};

extern const struct hostile hostile_calls[], hostile_synic[], hostile_gpadl[], hostile_channel[],
	hostile_ring[], hostile_nvsp[], hostile_ports[], hostile_deadly[]; // end in {}

// ---- chance; any processor
uint64_t chance(void);
uint32_t chance_of(uint32_t n); // below n
uint64_t chance_number(void);   // likely one that is special
uint64_t chance_address(void);  // of memory, of none, of devices, unaligned, across pages
// As it is, unless it is a page that this guest cannot do without.
uint64_t spare_ours(uint64_t address);
void chance_fill(void *at, uint32_t n);
uint8_t *hostile_pages(void); // HOSTILE_PAGES to do anything with

#define HOSTILE_PAGES 64u
