/* SPDX-License-Identifier: BSD-3-Clause */
// What can be asked of a machine.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control_rpc.h"

#define MAX_STOP_SECONDS 86400

static const char *string(const struct control_call *call, const char *name)
{
	return json_string_value(json_object_get(call->params, name));
}

static uint64_t number(const struct control_call *call, const char *name, uint64_t otherwise)
{
	const json_t *value = json_object_get(call->params, name);

	return value != NULL ? (uint64_t)json_integer_value(value) : otherwise;
}

static bool boolean(const struct control_call *call, const char *name, bool otherwise)
{
	const json_t *value = json_object_get(call->params, name);

	return value != NULL ? json_is_true(value) : otherwise;
}

// A machine that is off only has its last replies to give.
static int is_on(struct control_call *call)
{
	struct partition_info info;

	partition_get_info(call->subject->partition, &info);
	if (info.state == PARTITION_OFF)
		return control_fail(
			call, CONTROL_REFUSED, NULL, "machine '%s' is off already", info.name);
	return 0;
}

static enum control_code code_of(int ret)
{
	switch (-ret) {
	case EEXIST: return CONTROL_EXISTS;
	case ENOENT:
	case ENODEV: return CONTROL_NOT_FOUND;
	case EBUSY:
	case EADDRINUSE: return CONTROL_BUSY;
	case EINVAL: return CONTROL_INVALID;
	case EPERM:
	case EACCES: return CONTROL_REFUSED;
	case ENOSPC:
	case ENOMEM:
	case EMFILE: return CONTROL_LIMIT;
	case EOPNOTSUPP: return CONTROL_UNSUPPORTED;
	default: return CONTROL_INTERNAL;
	}
}

static int failed(struct control_call *call, const char *what, int ret, const char *why)
{
	if (why[0] != '\0')
		return control_fail(call, code_of(ret), NULL, "%s", why);
	return control_fail(call, code_of(ret), NULL, "%s: %s", what, strerror(-ret));
}

static int show(struct control_call *call)
{
	call->result = control_show(call->subject);
	return 0;
}

static int stop(struct control_call *call)
{
	unsigned seconds = number(call, "timeout", call->subject->stop_seconds);

	if (is_on(call) < 0)
		return -1;
	partition_stop(call->subject->partition, seconds);
	call->result = json_pack("{s:i}", "timeout", (int)seconds);
	return 0;
}

static int kill_machine(struct control_call *call)
{
	if (is_on(call) < 0)
		return -1;
	partition_kill(call->subject->partition);
	return 0;
}

static int reset(struct control_call *call)
{
	int ret = is_on(call);

	if (ret < 0)
		return ret;
	ret = partition_reset(call->subject->partition);
	return ret < 0 ? failed(call, "the machine cannot be reset", ret, "") : 0;
}

// "nic0" and so on: the first that is free.
static void name_nic(struct partition *p, char name[HANDOVER_NAME_SIZE])
{
	struct partition_info info;
	unsigned n = 0, i = 0;

	partition_get_info(p, &info);
	do {
		snprintf(name, HANDOVER_NAME_SIZE, "nic%u", n++);
		for (i = 0; i < info.n_nics && strcmp(info.nic[i].name, name) != 0; i++)
			;
	} while (i < info.n_nics);
}

static int add_nic(struct control_call *call)
{
	struct options_nic nic = {.queues = number(call, "queues", 0)};
	struct partition *p = call->subject->partition;
	char why[PARTITION_WHY_SIZE] = "";
	int ret = is_on(call);

	if (ret < 0)
		return ret;
	snprintf(nic.port, sizeof(nic.port), "%s", string(call, "port"));
	if (string(call, "name") != NULL)
		snprintf(nic.name, sizeof(nic.name), "%s", string(call, "name"));
	else
		name_nic(p, nic.name);
	if (string(call, "mac") != NULL)
		nic.mac_given = control_mac_parse(string(call, "mac"), nic.mac);
	ret = partition_add_nic(p, &nic, why);
	if (ret < 0)
		return failed(call, "the NIC cannot be added", ret, why);
	call->result = json_pack("{s:s}", "nic", nic.name);
	return 0;
}

static int del_nic(struct control_call *call)
{
	char why[PARTITION_WHY_SIZE] = "";
	int ret = is_on(call);

	if (ret < 0)
		return ret;
	ret = partition_del_nic(call->subject->partition, string(call, "nic"), why);
	return ret < 0 ? failed(call, "the NIC cannot be removed", ret, why) : 0;
}

static int console(struct control_call *call)
{
	if (console_viewers(call->subject->console) == CONSOLE_VIEWERS)
		return control_fail(call, CONTROL_BUSY, "leave one of them",
			"%u viewers look at this console already", CONSOLE_VIEWERS);
	call->is_console = true;
	call->skip_kept = !boolean(call, "kept", true);
	call->leave = !boolean(call, "follow", true);
	call->result = json_pack("{s:s}", "console", console_place(call->subject->console));
	return 0;
}

static int discover(struct control_call *call)
{
	call->result = control_discover();
	return 0;
}

static const struct control_param no_params[] = {{}};
static const struct control_param stop_params[] = {
	{"timeout", CONTROL_UINT, false, 0, MAX_STOP_SECONDS,
		"seconds until the power is cut if the guest has not gone off; 0: never; without "
		"it: as hvhost --stop-timeout says"},
	{},
};
static const struct control_param add_nic_params[] = {
	{"port", CONTROL_NAME, true, 0, 0, "port of the switch that it asks for"},
	{"name", CONTROL_NAME, false, 0, 0,
		"how it is called; without it: the first of nic0, nic1, … that is free"},
	{"queues", CONTROL_UINT, false, 1, HANDOVER_MAX_CHANNELS,
		"most channels; without it: as many as the port has"},
	{"mac", CONTROL_MAC, false, 0, 0,
		"its own address; without it: made of the names; the port's replaces it"},
	{},
};
static const struct control_param del_nic_params[] = {
	{"nic", CONTROL_NAME, true, 0, 0, "its name"},
	{},
};
static const struct control_param console_params[] = {
	{"kept", CONTROL_BOOL, false, 0, 0, "begin with what is kept; without it: true"},
	{"follow", CONTROL_BOOL, false, 0, 0,
		"go on with what comes, and take what is typed; without it: true"},
	{},
};

const struct control_method control_methods[] = {
	{"show", "Tell what the machine is and does.", no_params, show},
	{"stop", "Press the power button.", stop_params, stop},
	{"kill", "Cut the power: the machine ends at once.", no_params, kill_machine},
	{"reset", "Reset the machine, as its button does.", no_params, reset},
	{"add-nic", "Plug a network card in.", add_nic_params, add_nic},
	{"del-nic", "Pull a network card out.", del_nic_params, del_nic},
	{"console", "Turn this connection into the serial line, after the reply.", console_params,
		console},
	{"rpc.discover", "Tell what can be asked.", no_params, discover},
	{},
};
