/* SPDX-License-Identifier: BSD-3-Clause */
// DPDK's environment, found by ourselves: memory, cores, a private name.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "options.h"

#define EAL_MAX_WORKERS 32

struct eal_result {
	unsigned lcores[EAL_MAX_WORKERS]; // the workers'
	unsigned n_workers;
	bool huge;      // memory is in huge pages
	uint32_t mbufs; // what the memory was sized for
};

// Reserves huge pages as root if too few are free (given back by eal_stop), otherwise runs
// without. 0 or a vsw_fail().
int eal_start(const struct options *opt, struct eal_result *result, struct vsw_error *err);
void eal_stop(void);
