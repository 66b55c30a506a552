/* SPDX-License-Identifier: BSD-3-Clause */
#include "handlers.h"

const struct rpc_binding control_handlers[] = {
	{"list-switches", handle_list_switches},
	{"show", handle_show},
	{"list-ports", handle_list_ports},
	{"show-port", handle_show_port},
	{"list-nics", handle_list_nics},
	{"show-fdb", handle_show_fdb},
	{"show-stats", handle_show_stats},
	{"show-workers", handle_show_workers},
	{"subscribe", handle_subscribe},
	{"version", handle_version},
	{"rpc.discover", rpc_discover},
	{},
};
