/* SPDX-License-Identifier: BSD-3-Clause */
// ACPI tables: who the processors are, how to power off and reset, and that there is a VMBus.
#pragma once

#include <stdint.h>

#include "ram.h"

// Writes the tables from GUEST_ACPI on. 0 or -errno; *rsdp: their root's guest physical address.
int acpi_write(struct ram *ram, uint32_t n_vcpus, uint64_t *rsdp);
