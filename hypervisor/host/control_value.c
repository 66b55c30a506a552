/* SPDX-License-Identifier: BSD-3-Clause */
// How values are written on the control socket, and the reply to "show".
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control_rpc.h"

const char *control_type_name(enum control_type type)
{
	static const char *const names[] = {
		[CONTROL_NAME] = "name",
		[CONTROL_UINT] = "uint",
		[CONTROL_BOOL] = "bool",
		[CONTROL_MAC] = "mac",
	};

	return names[type];
}

bool control_name_is_valid(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-:";
	size_t len = strlen(name);

	return len > 0 && len < HANDOVER_NAME_SIZE && name[strspn(name, good)] == '\0' &&
	       name[0] != '-' && name[0] != '.';
}

bool control_mac_parse(const char *text, uint8_t mac[6])
{
	static const char digits[] = "0123456789abcdefABCDEF";
	unsigned b[6], sum = 0;

	if (strlen(text) != 17)
		return false;
	for (unsigned i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' : strchr(digits, text[i]) == NULL)
			return false;
	sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]);
	for (unsigned i = 0; i < 6; i++)
		sum |= mac[i] = b[i];
	return sum != 0 && (mac[0] & 1) == 0;
}

static json_t *nic_json(const struct partition_nic_info *nic)
{
	static const char *const states[] = {
		[VSP_LINK_AWAY] = "away",
		[VSP_LINK_ATTACHING] = "attaching",
		[VSP_LINK_ATTACHED] = "attached",
		[VSP_LINK_REFUSED] = "refused",
		[VSP_LINK_REMOVED] = "removed",
	};
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", nic->mac[0], nic->mac[1],
		nic->mac[2], nic->mac[3], nic->mac[4], nic->mac[5]);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:b}", "name", nic->name, "port",
		nic->port, "mac", mac, "instance", nic->instance, "state",
		nic->removing ? "removing" : states[nic->link], "reason", control_text(nic->reason),
		"removing", nic->removing);
}

static json_t *exits_json(const struct vm_stats *exits)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "returns",
		(json_int_t)exits->returns, "port", (json_int_t)exits->port, "mmio",
		(json_int_t)exits->mmio, "synic", (json_int_t)exits->synic, "hypercall",
		(json_int_t)exits->hypercall, "signal", (json_int_t)exits->signal, "other",
		(json_int_t)exits->other);
}

static json_int_t uptime(uint64_t started_us)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - (json_int_t)(started_us / 1000000);
}

json_t *control_show(const struct control_subject *subject)
{
	static const char *const states[] = {
		[PARTITION_RUNNING] = "running",
		[PARTITION_STOPPING] = "stopping",
		[PARTITION_CRASHED] = "crashed",
		[PARTITION_OFF] = "off",
	};
	json_t *nics = json_array();
	struct partition_info info;
	char version[16] = "";

	partition_get_info(subject->partition, &info);
	if (info.vmbus_version != 0)
		snprintf(version, sizeof(version), "%u.%u", info.vmbus_version >> 16,
			info.vmbus_version & 0xffff);
	for (unsigned i = 0; i < info.n_nics; i++)
		json_array_append_new(nics, nic_json(&info.nic[i]));
	return json_pack("{s:s, s:s, s:i, s:s, s:I, s:I, s:b, s:I, s:s, s:I, s:o, s:I, s:I, s:o, "
			 "s:o}",
		"name", info.name, "state", states[info.state], "pid", (int)getpid(), "software",
		"hvhost " VSW_VERSION, "uptime", uptime(info.started_us), "memory",
		(json_int_t)info.memory, "huge_pages", info.huge, "vcpus", (json_int_t)info.n_vcpus,
		"vmbus_version", version, "resets", (json_int_t)info.n_resets, "console",
		control_text(info.console), "viewers",
		(json_int_t)console_viewers(subject->console), "console_left_out",
		(json_int_t)console_left_out(subject->console), "exits", exits_json(&info.exits),
		"nics", nics);
}
