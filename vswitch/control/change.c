/* SPDX-License-Identifier: BSD-3-Clause */
#include "change.h"

#include "reconcile.h"

struct config *change_begin(struct rpc_call *call)
{
	struct config *next = config_copy(config_current());

	if (next == NULL)
		vsw_fail(&call->err, VSW_E_LIMIT, NULL, "out of memory");
	return next;
}

int change_end(struct rpc_call *call, struct config *next, int ret)
{
	json_t *actions = NULL;
	bool changed = false;

	if (ret < 0) {
		config_destroy(next);
		return ret;
	}
	ret = config_apply_change(next, call->what_if, &actions, &changed, &call->err);
	if (ret < 0)
		return ret;
	call->result = json_pack("{s:b, s:o}", "changed", (int)changed, "actions", actions);
	return 0;
}
