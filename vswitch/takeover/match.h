/* SPDX-License-Identifier: BSD-3-Clause */
// Which records of two lists say the same.
#pragma once

#include "record.h"

struct match {
	bool *missing; // of the wanted list: the other has no such record
	bool *extra;   // of the list of now
};

// 0 or -ENOMEM. Wanted records whose lifetime is over are not missing. in_order: addresses whose
// place in the list is wrong are missing and extra.
int match_records(enum host_kind kind, bool in_order, const struct host_snapshot *wanted,
	struct host_snapshot *now, struct match *match);
void match_free(struct match *match);

// It is there, yet has to be made anew: its place in the list is wrong, or nobody may use it yet.
bool address_is_unfit(const struct host_record *address);

// Will the kernel make that route by itself, with one of the snapshot's addresses?
bool route_is_connected(const struct host_snapshot *of, const struct host_record *route);
// The same thing, though with other properties: what one can be changed into.
bool record_is_same_thing(
	enum host_kind kind, const struct host_record *a, const struct host_record *b);
// Does a multipath route also leave by other interfaces?
bool route_is_shared(const struct host_record *route);
