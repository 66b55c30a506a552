/* SPDX-License-Identifier: BSD-3-Clause */
// The methods' handlers, and the one table that binds them to their names.
#pragma once

#include "rpc.h"

extern const struct rpc_binding control_handlers[]; // ends with an empty one

// Changing methods
int handle_add_switch(struct rpc_call *call);
int handle_del_switch(struct rpc_call *call);
int handle_set_switch(struct rpc_call *call);
int handle_rename_switch(struct rpc_call *call);
int handle_add_port(struct rpc_call *call);
int handle_del_port(struct rpc_call *call);
int handle_set_port(struct rpc_call *call);
int handle_rename_port(struct rpc_call *call);
int handle_move_port(struct rpc_call *call);
int handle_bind_nic(struct rpc_call *call);
int handle_unbind_nic(struct rpc_call *call);
int handle_add_fdb(struct rpc_call *call);
int handle_del_fdb(struct rpc_call *call);
int handle_flush_fdb(struct rpc_call *call);
int handle_export_config(struct rpc_call *call);
int handle_apply_config(struct rpc_call *call);

// Reading ones
int handle_list_switches(struct rpc_call *call);
int handle_show(struct rpc_call *call);
int handle_list_ports(struct rpc_call *call);
int handle_show_port(struct rpc_call *call);
int handle_list_nics(struct rpc_call *call);
int handle_list_guests(struct rpc_call *call);
int handle_diagnose_port(struct rpc_call *call);
int handle_show_fdb(struct rpc_call *call);
int handle_show_stats(struct rpc_call *call);
int handle_show_workers(struct rpc_call *call);
int handle_subscribe(struct rpc_call *call);
int handle_version(struct rpc_call *call);

// When the daemon started, for `version`.
void version_init(bool poll);
