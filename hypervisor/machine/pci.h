/* SPDX-License-Identifier: BSD-3-Clause */
// A PCI bus with a host bridge and nothing else. No guest needs it; but Linux calls it fatal, on
// the console, if it finds no way to ask what is on the bus. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// All zeros after power on or reset.
struct pci {
	uint32_t address; // what is asked for next
};

// True if the port is one of its own. Ask power_access() first: PORT_RESET is among them.
bool pci_access(struct pci *pci, uint16_t port, bool write, uint8_t *data, unsigned size);
