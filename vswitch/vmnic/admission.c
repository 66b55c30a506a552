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
		.friendly_name = hello->nic,
	};
	memcpy(terms->mac, cfg != NULL && !mac_is_zero(cfg->mac) ? cfg->mac : hello->mac,
		sizeof(terms->mac));
}
