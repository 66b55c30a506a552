/* SPDX-License-Identifier: BSD-3-Clause */
#include "act.h"

#include <string.h>

#include <vswitch/log.h>

#include "syntax.h"

static bool is_down(const struct failures *failures, const struct config_port *port)
{
	return failure_find(failures, port->uid) != NULL;
}

static int do_one(const struct live_ops *live, struct action *action,
	const struct failures *failures, struct vsw_error *err)
{
	int ret;

	switch (action->kind) {
	case ACTION_FDB_DEL:
		if (is_down(failures, action->old_port))
			return 0;
		// Somebody flushed it: what was wanted is so.
		ret = live->fdb_static_del(action->entry, err);
		return ret == -VSW_E_NOT_FOUND ? 0 : ret;
	case ACTION_FDB_ADD:
		if (is_down(failures, action->new_port))
			return 0;
		return live->fdb_static_add(action->entry, err);
	case ACTION_PORT_DEL:
		if (is_down(failures, action->old_port))
			return 0;
		return live->port_del(action->old_port->cfg.name, false, err);
	case ACTION_PORT_SET:
		if (is_down(failures, action->old_port))
			return 0;
		live->port_mac(action->old_port->cfg.name, action->old_mac);
		return live->port_set(action->old_port->cfg.name, &action->new_port->cfg, err);
	case ACTION_PORT_ADD: return live->port_add(&action->new_port->cfg, err);
	case ACTION_SWITCH_ADD: return live->switch_add(&action->new_switch->cfg, err);
	case ACTION_SWITCH_DEL: return live->switch_del(action->old_switch->cfg.name, err);
	case ACTION_SWITCH_SET:
		return live->switch_set(
			action->old_switch->cfg.name, &action->new_switch->cfg, err);
	}
	return 0;
}

// "No address of its own" cannot be set: the one it had is given back first.
static int unset_port(
	const struct live_ops *live, const struct action *action, struct vsw_error *err)
{
	const struct port_config *old = &action->old_port->cfg, *new = &action->new_port->cfg;
	const char *name = new->name;
	int ret;

	if (mac_is_zero(old->mac) && !mac_is_zero(new->mac) && !mac_is_zero(action->old_mac)) {
		struct port_config with = *new;

		memcpy(with.mac, action->old_mac, sizeof(with.mac));
		if ((ret = live->port_set(name, &with, err)) < 0)
			return ret;
	}
	return live->port_set(name, old, err);
}

static void undo_one(const struct live_ops *live, const struct action *action,
	struct failures *failures, uint32_t now_s)
{
	struct vsw_error err = {};
	char text[ACTION_TEXT_SIZE];
	int ret = 0;

	switch (action->kind) {
	case ACTION_FDB_DEL:
		if (!is_down(failures, action->old_port))
			ret = live->fdb_static_add(action->entry, &err);
		break;
	case ACTION_FDB_ADD:
		if (!is_down(failures, action->new_port))
			ret = live->fdb_static_del(action->entry, &err);
		break;
	case ACTION_PORT_DEL:
		if (is_down(failures, action->old_port))
			return;
		ret = live->port_add(&action->old_port->cfg, &err);
		if (ret < 0)
			failure_note(failures, action->old_port->uid, err.reason, now_s);
		break;
	case ACTION_PORT_ADD: ret = live->port_del(action->new_port->cfg.name, false, &err); break;
	case ACTION_PORT_SET:
		if (!is_down(failures, action->old_port))
			ret = unset_port(live, action, &err);
		break;
	case ACTION_SWITCH_ADD: ret = live->switch_del(action->new_switch->cfg.name, &err); break;
	case ACTION_SWITCH_DEL: ret = live->switch_add(&action->old_switch->cfg, &err); break;
	case ACTION_SWITCH_SET:
		ret = live->switch_set(
			action->new_switch->cfg.name, &action->old_switch->cfg, &err);
		break;
	}
	if (ret < 0) {
		action_text(action, text, sizeof(text));
		log_error("control", "cannot undo action=\"%s\" reason=\"%s\"", text, err.reason);
	}
}

void act_undo(const struct live_ops *live, const struct diff *diff, unsigned n,
	struct failures *failures, uint32_t now_s)
{
	while (n-- > 0)
		undo_one(live, &diff->action[n], failures, now_s);
}

int act_do(const struct live_ops *live, struct diff *diff, struct failures *failures,
	uint32_t now_s, struct vsw_error *err)
{
	for (unsigned i = 0; i < diff->n; i++) {
		int ret = do_one(live, &diff->action[i], failures, err);

		if (ret < 0) {
			act_undo(live, diff, i, failures, now_s);
			return ret;
		}
	}
	return 0;
}
