/* SPDX-License-Identifier: BSD-3-Clause */
// version, subscribe.
#include "handlers.h"

#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_version.h>

#include <vswitch/fdb.h>
#include <vswitch/worker.h>

#include "events.h"

static struct timespec started;
static bool polls;

void version_init(bool poll)
{
	clock_gettime(CLOCK_MONOTONIC, &started);
	polls = poll;
}

int handle_version(struct rpc_call *call)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	call->result = json_pack("{s:s, s:i, s:s, s:s, s:i, s:b, s:b, s:i, s:I}", "version",
		VSW_VERSION, "protocol", RPC_PROTOCOL_VERSION, "dpdk", rte_version(), "fdb_isa",
		fdb_isa(), "workers", (int)workers_count(), "huge_pages", rte_eal_has_hugepages(),
		"poll", polls, "pid", (int)getpid(), "uptime",
		(json_int_t)(now.tv_sec - started.tv_sec));
	return 0;
}

int handle_subscribe(struct rpc_call *call)
{
	json_t *names = json_object_get(call->params, "events"), *name;
	uint32_t mask = names == NULL ? UINT32_MAX : 0;
	size_t i;
	int ret;

	json_array_foreach (names, i, name)
		mask |= 1u << rpc_event_index(json_string_value(name));
	if (call->peer->subscribe == NULL)
		return vsw_fail(&call->err, VSW_E_UNSUPPORTED, NULL,
			"events cannot be sent over this connection");
	ret = call->peer->subscribe(call->peer, mask, &call->err);
	if (ret < 0)
		return ret;
	call->result = json_pack("{s:b, s:I}", "subscribed", true, "seq", (json_int_t)events_seq());
	return 0;
}
