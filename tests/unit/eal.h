/* SPDX-License-Identifier: BSD-3-Clause */
// EAL for a unit test: no root, no huge pages, no devices, no files shared.
#pragma once

#include <rte_eal.h>

static inline int eal_start(void)
{
	char *argv[] = {"unit", "--no-huge", "--no-shconf", "--no-pci", "-m", "64", "-l", "0",
		"--no-telemetry", "--log-level=3", NULL};

	return rte_eal_init(sizeof(argv) / sizeof(argv[0]) - 1, argv);
}
