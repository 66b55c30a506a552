/* SPDX-License-Identifier: BSD-3-Clause */
// The port type `nic`: finds the NIC, holds it, and has the driver that suits it do the rest.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <vswitch/nic/inventory.h>
#include "port.h"

// Where the journals of held NICs are: <state-dir>/nics. Before the first port is opened.
void port_nic_set_dir(const char *dir);
const char *port_nic_dir(void);

// Which driver for that NIC and MTU (0: the default); why gets a reason to show or log. 0, or
// a -VSW_E_* when the wanted one cannot do it.
int nic_choose_driver(const struct nic_info *nic, uint16_t mtu, enum nic_driver wanted,
	enum nic_driver *use, char *why, size_t why_size);

// Of an open nic port.
enum nic_driver port_nic_driver(const struct vsw_port *port);
const char *nic_driver_name(enum nic_driver driver); // "af-xdp", "af-packet", "auto"
// For the drivers: the other end is software that may leave checksums to be finished.
bool port_nic_is_software(const struct vsw_port *port);
// The open port that holds the interface, or NULL.
struct vsw_port *port_nic_by_index(unsigned ifindex);
unsigned port_nic_index(const struct vsw_port *port); // 0: it holds none
