/* SPDX-License-Identifier: BSD-3-Clause */
// Who a NIC is, made of its names: the same ones give the same NIC, always.
#pragma once

#include <stdint.h>

#include "proto.h"

// A version 5 UUID of "partition/nic", in wire order.
struct vmbus_guid identity_guid(const char *partition, const char *nic);
// A local, individual address made of that.
void identity_mac(const struct vmbus_guid *guid, uint8_t mac[6]);
