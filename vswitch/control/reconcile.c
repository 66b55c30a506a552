/* SPDX-License-Identifier: BSD-3-Clause */
#include "reconcile.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vswitch/log.h>

#include "act.h"
#include "diff.h"
#include "events.h"
#include "failures.h"
#include "state.h"

static const struct live_ops *live;
static struct state *state;
static struct config *current;
static struct failures failures;

static uint32_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

void config_set_live(const struct live_ops *ops)
{
	live = ops;
}

const struct config *config_current(void)
{
	return current;
}

static void tell_switch(const char *event, const struct config_switch *sw, const char *old_name)
{
	json_t *fields = json_pack("{s:s}", "switch", sw->cfg.name);

	if (old_name != NULL && strcmp(old_name, sw->cfg.name) != 0)
		json_object_set_new(fields, "old", json_string(old_name));
	events_publish(event, fields);
}

static void tell_port(const char *event, const struct config_port *port, const char *old_name)
{
	json_t *fields =
		json_pack("{s:s, s:s}", "switch", port->cfg.switch_name, "port", port->cfg.name);

	if (old_name != NULL && strcmp(old_name, port->cfg.name) != 0)
		json_object_set_new(fields, "old", json_string(old_name));
	events_publish(event, fields);
}

static void tell(const struct diff *diff)
{
	for (unsigned i = 0; i < diff->n; i++) {
		const struct action *action = &diff->action[i];

		switch (action->kind) {
		case ACTION_SWITCH_ADD:
			tell_switch("switch-added", action->new_switch, NULL);
			break;
		case ACTION_SWITCH_DEL:
			tell_switch("switch-removed", action->old_switch, NULL);
			break;
		case ACTION_SWITCH_SET:
			tell_switch(
				"switch-changed", action->new_switch, action->old_switch->cfg.name);
			break;
		case ACTION_PORT_ADD: tell_port("port-added", action->new_port, NULL); break;
		case ACTION_PORT_DEL: tell_port("port-removed", action->old_port, NULL); break;
		case ACTION_PORT_SET:
			tell_port("port-changed", action->new_port, action->old_port->cfg.name);
			break;
		case ACTION_FDB_ADD:
		case ACTION_FDB_DEL: break;
		}
	}
}

static json_t *texts_of(const struct diff *diff)
{
	json_t *array = json_array();
	char text[ACTION_TEXT_SIZE];

	for (unsigned i = 0; i < diff->n; i++) {
		action_text(&diff->action[i], text, sizeof(text));
		json_array_append_new(array, json_string(text));
	}
	return array;
}

// Live and on disk, or neither.
static int carry_out(struct config *next, struct diff *diff, struct vsw_error *err)
{
	uint32_t now = now_s();
	int ret = state_prepare(state, next, err);

	if (ret < 0)
		return ret;
	ret = act_do(live, diff, &failures, now, err);
	if (ret < 0) {
		state_discard(state);
		return ret;
	}
	ret = state_commit(state, err);
	if (ret == 0)
		return 0;
	act_undo(live, diff, diff->n, &failures, now);
	if (state_prepare(state, current, NULL) < 0 || state_commit(state, NULL) < 0)
		log_error("control", "the state on disk may not be the one in force");
	return ret;
}

// Ports that are not configured any more are not tried again. A NIC among them may still be
// held from before.
static void forget_deleted(void)
{
	bool deleted = false;

	for (unsigned i = failures.n; i-- > 0;) {
		if (config_port_by_uid(current, failures.list[i].uid) != NULL)
			continue;
		failure_drop(&failures, failures.list[i].uid);
		deleted = true;
	}
	if (deleted)
		live->release_nics(current);
}

int config_apply_change(
	struct config *next, bool what_if, json_t **actions, bool *changed, struct vsw_error *err)
{
	struct config *old = current;
	struct diff *diff = diff_create(current, next);
	int ret;

	if (diff == NULL) {
		config_destroy(next);
		return vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory");
	}
	*changed = diff->n > 0;
	*actions = texts_of(diff);
	if (what_if || diff->n == 0) {
		config_destroy(next);
		ret = 0;
		goto out;
	}
	ret = carry_out(next, diff, err);
	if (ret < 0) {
		config_destroy(next);
		json_decref(*actions);
		*actions = NULL;
		*changed = false;
		goto out;
	}
	current = next;
	forget_deleted();
	tell(diff);
	config_destroy(old);
out:
	diff_destroy(diff);
	return ret;
}

static void port_failed(const struct config_port *port, const char *reason)
{
	if (failure_note(&failures, port->uid, reason, now_s()))
		log_warn("control", "port is down, will be tried again port=%s reason=\"%s\"",
			port->cfg.name, reason);
}

// Opens a configured port and gives it its static MACs.
static int open_port(const struct config_port *port)
{
	struct vsw_error err = {};
	int ret = live->port_add(&port->cfg, &err);

	if (ret < 0) {
		port_failed(port, err.reason);
		return ret;
	}
	for (unsigned i = 0; i < current->n_statics; i++) {
		const struct fdb_static_config *entry = &current->statics[i];

		if (strcmp(entry->port_name, port->cfg.name) == 0 &&
			live->fdb_static_add(entry, &err) < 0)
			log_error("control", "static MAC is missing port=%s reason=\"%s\"",
				port->cfg.name, err.reason);
	}
	return 0;
}

int config_restore(const char *state_dir, struct vsw_error *err)
{
	int ret;

	state = state_open(state_dir, err);
	if (state == NULL)
		return -(int)err->code;
	current = state_load(state, err);
	if (current == NULL) {
		ret = -(int)err->code;
		goto fail;
	}
	live->start(state_dir);
	live->release_nics(current);
	for (unsigned i = 0; i < current->n_switches; i++)
		if ((ret = live->switch_add(&current->switches[i].cfg, err)) < 0)
			goto fail;
	for (unsigned i = 0; i < current->n_ports; i++)
		open_port(&current->ports[i]);
	log_info("control", "configuration restored switches=%u ports=%u down=%u statics=%u",
		current->n_switches, current->n_ports, failures.n, current->n_statics);
	return 0;
fail:
	config_close();
	return ret;
}

void config_close(void)
{
	state_close(state);
	state = NULL;
	config_destroy(current);
	current = NULL;
	failures_clear(&failures);
}

const char *config_port_failure(const char *port_name)
{
	const struct config_port *port;
	const struct failure *failure;

	port = current != NULL ? config_find_port(current, port_name) : NULL;
	if (port == NULL)
		return NULL;
	failure = failure_find(&failures, port->uid);
	return failure == NULL ? NULL : failure->reason;
}

int config_port_lost(const char *port_name, const char *reason, struct vsw_error *err)
{
	const struct config_port *port = config_find_port(current, port_name);
	int ret;

	if (port == NULL)
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
			"port '%.80s' does not exist", port_name);
	if (failure_find(&failures, port->uid) == NULL &&
		(ret = live->port_del(port_name, true, err)) < 0)
		return ret;
	port_failed(port, reason);
	return 0;
}

static void retry(bool all)
{
	uint32_t now = now_s();

	for (unsigned i = failures.n; i-- > 0;) {
		const struct failure *failure = &failures.list[i];
		const struct config_port *port;

		if (!all && (int32_t)(failure->next_s - now) > 0)
			continue;
		port = config_port_by_uid(current, failure->uid);
		if (open_port(port) < 0)
			continue;
		failure_drop(&failures, port->uid);
		log_info("control", "port is open again port=%s", port->cfg.name);
		tell_port("port-changed", port, NULL);
	}
}

void config_retry_tick(void)
{
	retry(false);
}

void config_retry_now(void)
{
	retry(true);
}
