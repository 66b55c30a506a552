/* SPDX-License-Identifier: BSD-3-Clause */
// One daemon at a time holds a NIC: a socket's name in the network namespace says so, and goes
// with the process however it ends. Main thread.
#pragma once

#include <vswitch/error.h>

#include "inventory.h"

// Claiming what is ours already is fine. 0 or a vsw_fail() that names the other process.
int nic_claim(const struct nic_info *nic, struct vsw_error *err);
void nic_unclaim(unsigned ifindex); // doing so twice is fine
