/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_model.h"
#include "config_rules.h"
#include "syntax.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int pinned_already(const struct fdb_static_config *there, struct vsw_error *err)
{
	char mac[MAC_TEXT_SIZE];

	mac_format(there->mac, mac);
	return vsw_fail(err, VSW_E_EXISTS, "delete it first: vswitchctl del-fdb",
		"static MAC %s in VLAN %u already exists on switch '%s', behind port '%s'", mac,
		there->vlan, there->switch_name, there->port_name);
}

int config_add_fdb(struct config *cfg, const struct fdb_static_config *entry, bool may_exist,
	struct vsw_error *err)
{
	const struct fdb_static_config *there;
	int ret = static_check(cfg, entry, err);

	if (ret < 0)
		return ret;
	there = config_find_static(cfg, entry->switch_name, entry->vlan, entry->mac);
	if (there == NULL)
		return config_put_static(cfg, entry, err);
	if (may_exist && strcmp(there->port_name, entry->port_name) == 0)
		return 0;
	return pinned_already(there, err);
}

int config_del_fdb(struct config *cfg, const struct fdb_static_config *entry, bool if_exists,
	struct vsw_error *err)
{
	char mac[MAC_TEXT_SIZE];

	mac_format(entry->mac, mac);
	if (config_find_switch(cfg, entry->switch_name) == NULL) {
		if (if_exists)
			return 0;
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-switches",
			"switch '%s' does not exist", entry->switch_name);
	}
	if (entry->vlan > VSW_VLAN_MAX)
		return vlan_check(entry->vlan, err);
	if (config_find_static(cfg, entry->switch_name, entry->vlan, entry->mac) == NULL) {
		if (if_exists)
			return 0;
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl show-fdb SWITCH",
			"switch '%s' has no MAC %s in VLAN %u", entry->switch_name, mac,
			entry->vlan);
	}
	config_remove_static(cfg, entry);
	return 0;
}

int config_rehome_statics(struct config *cfg, const char *old_switch, const char *port_name,
	const char *new_switch, struct vsw_error *err)
{
	struct fdb_static_config *moving = malloc((cfg->n_statics + 1) * sizeof(*moving));
	unsigned n_moving = 0, kept = 0;
	int ret = 0;

	if (moving == NULL)
		return vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory");
	for (unsigned i = 0; i < cfg->n_statics; i++) {
		const struct fdb_static_config *entry = &cfg->statics[i];

		if (strcmp(entry->switch_name, old_switch) == 0 &&
			(port_name == NULL || strcmp(entry->port_name, port_name) == 0))
			moving[n_moving++] = *entry;
		else
			cfg->statics[kept++] = *entry;
	}
	cfg->n_statics = kept;
	for (unsigned i = 0; i < n_moving && ret == 0; i++) {
		const struct fdb_static_config *there =
			config_find_static(cfg, new_switch, moving[i].vlan, moving[i].mac);

		snprintf(moving[i].switch_name, VSW_NAME_SIZE, "%s", new_switch);
		ret = there != NULL ? pinned_already(there, err)
		                    : config_put_static(cfg, &moving[i], err);
	}
	free(moving);
	return ret;
}
