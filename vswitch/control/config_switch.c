/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_model.h"
#include "config_rules.h"
#include "syntax.h"

#include <stdio.h>
#include <string.h>

void switch_config_init(struct switch_config *sw, const char *name, enum switch_type type)
{
	*sw = (struct switch_config){
		.type = type,
		.ageing_s = VSW_AGEING_DEFAULT,
		.mac_limit = VSW_MAC_LIMIT_DEFAULT,
	};
	snprintf(sw->name, sizeof(sw->name), "%s", name);
}

static int no_switch(const char *name, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-switches",
		"switch '%.80s' does not exist", name);
}

int config_add_switch(
	struct config *cfg, const struct switch_config *sw, bool may_exist, struct vsw_error *err)
{
	const struct config_switch *there = config_find_switch(cfg, sw->name);
	int ret;

	if (there == NULL) {
		ret = switch_check(cfg, sw, err);
		return ret < 0 ? ret : config_put_switch(cfg, sw, err);
	}
	if (!may_exist)
		return vsw_fail(err, VSW_E_EXISTS, "choose another name, or say --may-exist",
			"switch '%s' already exists", sw->name);
	if (there->cfg.type != sw->type)
		return vsw_fail(err, VSW_E_EXISTS, "convert it: vswitchctl set-switch",
			"switch '%s' already exists, but is %s, not %s", sw->name,
			switch_type_names[there->cfg.type], switch_type_names[sw->type]);
	if (there->cfg.ageing_s != sw->ageing_s)
		return vsw_fail(err, VSW_E_EXISTS, "change it: vswitchctl set-switch",
			"switch '%s' already exists, but its ageing is %u s, not %u", sw->name,
			there->cfg.ageing_s, sw->ageing_s);
	if (there->cfg.mac_limit != sw->mac_limit)
		return vsw_fail(err, VSW_E_EXISTS, "change it: vswitchctl set-switch",
			"switch '%s' already exists, but its MAC limit is %u, not %u", sw->name,
			there->cfg.mac_limit, sw->mac_limit);
	return 0;
}

int config_del_switch(
	struct config *cfg, const char *name, bool if_exists, bool force, struct vsw_error *err)
{
	const struct config_switch *sw = config_find_switch(cfg, name);
	unsigned n;

	if (sw == NULL)
		return if_exists ? 0 : no_switch(name, err);
	n = config_count_ports(cfg, name);
	if (n > 0 && !force)
		return vsw_fail(err, VSW_E_REFUSED,
			"delete or move them first, or say --force to delete them with it",
			"switch '%s' still has %u port%s", name, n, n == 1 ? "" : "s");
	config_remove_switch(cfg, name);
	return 0;
}

int config_set_switch(struct config *cfg, const char *name, const struct switch_config *values,
	unsigned set, struct vsw_error *err)
{
	struct config_switch *sw = config_find_switch(cfg, name);

	if (sw == NULL)
		return no_switch(name, err);
	if (set & SET_TYPE)
		sw->cfg.type = values->type;
	if (set & SET_AGEING)
		sw->cfg.ageing_s = values->ageing_s;
	if (set & SET_MAC_LIMIT)
		sw->cfg.mac_limit = values->mac_limit;
	return switch_check(cfg, &sw->cfg, err);
}

// Moves an element of a sorted array to where its new name belongs.
static void resettle_switch(struct config *cfg, struct config_switch *sw)
{
	struct config_switch moved = *sw, *end = cfg->switches + cfg->n_switches;

	for (; sw + 1 < end && strcmp(sw[1].cfg.name, moved.cfg.name) < 0; sw++)
		sw[0] = sw[1];
	for (; sw > cfg->switches && strcmp(sw[-1].cfg.name, moved.cfg.name) > 0; sw--)
		sw[0] = sw[-1];
	*sw = moved;
}

int config_rename_switch(
	struct config *cfg, const char *name, const char *new_name, struct vsw_error *err)
{
	struct config_switch *sw = config_find_switch(cfg, name);
	char old_name[VSW_NAME_SIZE];
	int ret;

	if (sw == NULL)
		return no_switch(name, err);
	if ((ret = name_check(new_name, "switch", err)) < 0)
		return ret;
	if (strcmp(name, new_name) == 0)
		return 0;
	if (config_find_switch(cfg, new_name) != NULL)
		return vsw_fail(err, VSW_E_EXISTS, "choose another name",
			"switch '%s' already exists", new_name);
	snprintf(old_name, sizeof(old_name), "%s", name);
	for (unsigned i = 0; i < cfg->n_ports; i++)
		if (strcmp(cfg->ports[i].cfg.switch_name, old_name) == 0)
			snprintf(cfg->ports[i].cfg.switch_name, VSW_NAME_SIZE, "%s", new_name);
	snprintf(sw->cfg.name, VSW_NAME_SIZE, "%s", new_name);
	resettle_switch(cfg, sw);
	return config_rehome_statics(cfg, old_name, NULL, new_name, err);
}
