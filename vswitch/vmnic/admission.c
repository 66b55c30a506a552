/* SPDX-License-Identifier: BSD-3-Clause */
// Whose hypervisor may have which port, and on what terms. Main thread.
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vswitch/address.h>
#include <vswitch/switch.h>

#include "nic.h"

#define MAX_NICS         1024
#define MAX_NICS_OF_USER 128 // but root's and our own
#define MAX_NAMELESS     64  // of one user: those that have not said who they are
#define MAX_BANS         16  // at a time; more make the first ones end
#define BAN_USEC         600000000

static struct ban {
	uid_t uid;
	uint64_t until_us;
} bans[MAX_BANS];
static unsigned next_ban;

static bool is_trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

// By name or by number.
static bool is_user(const char *user, uid_t uid, const struct passwd *pw)
{
	unsigned long number;
	char *end;

	if (user[0] == '\0')
		return false;
	number = strtoul(user, &end, 10);
	if (*end == '\0')
		return number == uid;
	return pw != NULL && strcmp(user, pw->pw_name) == 0;
}

static bool may(uid_t uid, const struct port_config *port)
{
	return is_trusted(uid) || is_user(port->vmnic.user, uid, getpwuid(uid));
}

bool nic_is_welcome(uid_t uid)
{
	const struct vsw_port *port = NULL;
	const struct passwd *pw;

	if (is_trusted(uid))
		return true;
	pw = getpwuid(uid);
	while ((port = port_next(port)) != NULL)
		if (port->cfg.type == PORT_VMNIC && is_user(port->cfg.vmnic.user, uid, pw))
			return true;
	return false;
}

bool nic_ban(uid_t uid, uint64_t now_us)
{
	if (is_trusted(uid))
		return false;
	bans[next_ban++ % MAX_BANS] = (struct ban){.uid = uid, .until_us = now_us + BAN_USEC};
	return true;
}

const char *nic_no_room(uid_t uid, uint64_t now_us)
{
	unsigned all = 0, of_user = 0, nameless = 0;

	for (unsigned i = 0; i < MAX_BANS; i++)
		if (bans[i].uid == uid && now_us < bans[i].until_us)
			return "a hypervisor of this user made the switch block: ten minutes' ban";
	for (const struct nic *nic = nics_first(); nic != NULL; nic = nic->next) {
		all++;
		of_user += nic->info.uid == uid;
		nameless += !nic->named && nic->info.uid == uid;
	}
	if (nameless >= MAX_NAMELESS)
		return "too many connections that say nothing";
	if (!is_trusted(uid) && of_user >= MAX_NICS_OF_USER)
		return "too many NICs of this user";
	return all >= MAX_NICS ? "too many NICs" : NULL;
}

bool nic_may_join(const struct nic *nic, const struct vsw_port *port)
{
	return may(nic->info.uid, &port->cfg);
}

enum handover_refusal nic_admit(
	const struct handover_hello *hello, uid_t uid, char *reason, size_t size)
{
	const struct vsw_port *port = port_find(hello->port);

	if (port != NULL && port->cfg.type != PORT_VMNIC) {
		snprintf(reason, size, "port '%.60s' is of type %s, not vmnic", hello->port,
			port->ops->type);
		return HANDOVER_R_NAME;
	}
	// Without a port: it may become his.
	if (port == NULL || may(uid, &port->cfg))
		return 0;
	snprintf(reason, size, "user %u may not attach port '%.60s': see add-port --user",
		(unsigned)uid, hello->port);
	return HANDOVER_R_PERMISSION;
}

void nic_terms(const struct handover_hello *hello, struct attachment_terms *terms)
{
	const struct vsw_port *port = port_find(hello->port);
	const struct port_config *cfg = port != NULL ? &port->cfg : NULL;

	*terms = (struct attachment_terms){
		.max_mtu = cfg == NULL     ? VSW_MTU_MAX
	                   : cfg->mtu == 0 ? 1500
	                                   : cfg->mtu,
		.max_queues = cfg == NULL || cfg->queues == 0 ? VSW_CHANNELS_DEFAULT : cfg->queues,
		.has_port = port != NULL,
		.friendly_name = hello->nic,
	};
	// The guest's side may want fewer.
	if (hello->max_queues != 0 && hello->max_queues < terms->max_queues)
		terms->max_queues = hello->max_queues;
	memcpy(terms->mac, cfg != NULL && !mac_is_zero(cfg->mac) ? cfg->mac : hello->mac,
		sizeof(terms->mac));
}
