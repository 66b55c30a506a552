/* SPDX-License-Identifier: BSD-3-Clause */
// What hvsoft tells of itself.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "guest.h"

struct stats_extra {
	double seconds;
	uint64_t reconnects; // of the provider
	const char *link;    // to the provider
	bool ended;
};

void stats_write(FILE *to, const struct guest *guest, const struct stats_extra *extra);
// How often the host broke the protocol.
uint64_t stats_faults(const struct guest *guest);
