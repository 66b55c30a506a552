/* SPDX-License-Identifier: BSD-3-Clause */
// list-guests, diagnose-port.
#include "handlers.h"

#include <vswitch/switch.h>
#include <vswitch/vmnic/nics.h>

#include "reconcile.h"

int handle_list_guests(struct rpc_call *call)
{
	call->result = json_pack("{s:o}", "guests", nics_list());
	return 0;
}

// A port that could not be opened ends at its first step.
static json_t *closed_port(const char *reason)
{
	return json_pack("[{s:s, s:s, s:s, s:s}]", "name", "port", "state", "stopped", "detail",
		reason, "remedy", "remove the cause: it is tried again every few seconds");
}

int handle_diagnose_port(struct rpc_call *call)
{
	const char *name = rpc_string(call, "port"), *reason = config_port_failure(name);
	struct vsw_port *port = port_find(name);
	bool ok = false;
	json_t *steps;

	if (port == NULL && reason == NULL)
		return vsw_fail(&call->err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
			"port '%s' does not exist", name);
	steps = port != NULL ? port_diagnose(port, &ok) : closed_port(reason);
	call->result = json_pack("{s:s, s:b, s:o}", "port", name, "ok", ok, "steps", steps);
	return 0;
}
