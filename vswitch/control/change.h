/* SPDX-License-Identifier: BSD-3-Clause */
// What the handlers of all changing methods share.
#pragma once

#include "config_model.h"
#include "rpc.h"

// A copy of the configuration to transform. NULL after a vsw_fail() on call->err.
struct config *change_begin(struct rpc_call *call);
// Takes over next. ret: the transforms' outcome; if they went well, carries the change out (or
// with what_if only tells) and fills the result.
int change_end(struct rpc_call *call, struct config *next, int ret);

// Says in port which NIC `token` names: ifname, pci, perm_mac, and the MTU it has. Bound NICs
// are known also when the kernel does not show them any more; for others it is checked that
// they are ours to take.
int nic_identify(const struct config *cfg, const char *token, struct port_config *port,
	struct vsw_error *err);
