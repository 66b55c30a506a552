/* SPDX-License-Identifier: BSD-3-Clause */
// The NICs that the kernel has told of, and what has changed since somebody was told. Fed with
// rtnetlink datagrams, whose lengths are not trusted. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vswitch/config.h>

struct nic_link {
	unsigned ifindex;
	char ifname[VSW_IFNAME_SIZE];
	uint8_t mac[6];
	uint8_t perm_mac[6]; // all zero: it has none
	bool physical;       // no interface made of software
	bool nic;            // Ethernet, not a port of ours, not a bridge or the like
	uint32_t flags;      // IFF_UP, IFF_RUNNING
};

enum link_change { LINK_ADDED, LINK_REMOVED, LINK_RENAMED, LINK_FLAGS };

// old_name differs from link->ifname with LINK_RENAMED only. It must not change the table.
typedef void (*link_change_fn)(
	enum link_change change, const struct nic_link *link, const char *old_name, void *arg);

struct link_table;

struct link_table *link_table_create(void); // NULL when out of memory
void link_table_destroy(struct link_table *table);

// A complete listing follows: what is not in it is gone.
void link_table_expect_list(struct link_table *table);
bool link_table_is_listing(const struct link_table *table);

// One datagram, 4-byte aligned. 0; -EAGAIN: the listing was no good, begin another.
int link_table_take(struct link_table *table, const void *data, size_t len);

// Tells what has changed since the last time, what went before what came. Interfaces that
// are no NICs are not told of. fn NULL: nobody needs to know.
void link_table_tell(struct link_table *table, link_change_fn fn, void *arg);
