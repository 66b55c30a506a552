/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_json.h"

#include <stdlib.h>
#include <string.h>

#include "config_rules.h"
#include "port_json.h"
#include "syntax.h"

#define AGEING_MAX 1000000

static int unknown_key(const char *key, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_INVALID, NULL, "%.60s: unknown key", key);
}

static int missing(const char *key, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_INVALID, NULL, "%s: missing", key);
}

static int switch_read(const json_t *obj, struct switch_config *sw, struct vsw_error *err)
{
	const char *key;
	json_t *value;
	uint64_t number;
	int index, ret;

	switch_config_init(sw, "", SWITCH_INTERNAL);
	json_object_foreach ((json_t *)obj, key, value) {
		if (strcmp(key, "name") == 0) {
			ret = json_copy_string(value, sw->name, sizeof(sw->name), err);
		} else if (strcmp(key, "type") == 0) {
			ret = json_copy_word(value, switch_type_names, &index, err);
			if (ret == 0)
				sw->type = index;
		} else if (strcmp(key, "ageing") == 0) {
			ret = json_copy_uint(value, 0, AGEING_MAX, &number, err);
			if (ret == 0)
				sw->ageing_s = number;
		} else if (strcmp(key, "mac_limit") == 0) {
			ret = json_copy_uint(value, 1, UINT32_MAX, &number, err);
			if (ret == 0)
				sw->mac_limit = number;
		} else {
			return unknown_key(key, err);
		}
		if (ret < 0)
			return error_prefix(err, "%s: ", key);
	}
	if (json_object_get(obj, "name") == NULL)
		return missing("name", err);
	return json_object_get(obj, "type") == NULL ? missing("type", err) : 0;
}

static int static_read(const json_t *obj, struct fdb_static_config *entry, struct vsw_error *err)
{
	static const char *const needed[] = {"switch", "mac", "port"};
	const char *key;
	json_t *value;
	uint64_t number;
	int ret;

	*entry = (struct fdb_static_config){};
	json_object_foreach ((json_t *)obj, key, value) {
		if (strcmp(key, "switch") == 0) {
			ret = json_copy_string(
				value, entry->switch_name, sizeof(entry->switch_name), err);
		} else if (strcmp(key, "port") == 0) {
			ret = json_copy_string(
				value, entry->port_name, sizeof(entry->port_name), err);
		} else if (strcmp(key, "mac") == 0) {
			ret = json_copy_mac(value, entry->mac, err);
		} else if (strcmp(key, "vlan") == 0) {
			ret = json_copy_uint(value, 0, VSW_VLAN_MAX, &number, err);
			if (ret == 0)
				entry->vlan = number;
		} else {
			return unknown_key(key, err);
		}
		if (ret < 0)
			return error_prefix(err, "%s: ", key);
	}
	for (unsigned i = 0; i < 3; i++)
		if (json_object_get(obj, needed[i]) == NULL)
			return missing(needed[i], err);
	return 0;
}

// Each reads one element into `named`, the document as it stands, before any rule.
static int take_switch(struct config *named, const json_t *obj, struct vsw_error *err)
{
	struct switch_config sw;
	int ret = switch_read(obj, &sw, err);

	if (ret < 0)
		return ret;
	if (config_find_switch(named, sw.name) != NULL)
		return vsw_fail(
			err, VSW_E_EXISTS, NULL, "switch '%s' is in the document twice", sw.name);
	return config_put_switch(named, &sw, err);
}

static int take_port(struct config *named, const json_t *obj, struct vsw_error *err)
{
	struct port_config port;
	int ret = port_from_json(obj, &port, err);

	if (ret < 0)
		return ret;
	if (config_find_port(named, port.name) != NULL)
		return vsw_fail(
			err, VSW_E_EXISTS, NULL, "port '%s' is in the document twice", port.name);
	return config_put_port(named, &port, err);
}

static int take_static(struct config *named, const json_t *obj, struct vsw_error *err)
{
	struct fdb_static_config entry;
	int ret = static_read(obj, &entry, err);

	if (ret < 0)
		return ret;
	if (config_find_static(named, entry.switch_name, entry.vlan, entry.mac) != NULL)
		return vsw_fail(err, VSW_E_EXISTS, NULL,
			"the same MAC of VLAN %u is in the document twice", entry.vlan);
	return config_put_static(named, &entry, err);
}

static int for_each(const json_t *doc, const char *key,
	int (*take)(struct config *cfg, const json_t *obj, struct vsw_error *err),
	struct config *cfg, struct vsw_error *err)
{
	const json_t *array = json_object_get(doc, key);
	size_t i;
	json_t *obj;

	if (array == NULL)
		return 0;
	if (!json_is_array(array))
		return vsw_fail(err, VSW_E_INVALID, NULL, "%s: must be an array", key);
	json_array_foreach ((json_t *)array, i, obj) {
		if (!json_is_object(obj))
			return vsw_fail(
				err, VSW_E_INVALID, NULL, "%s[%zu]: must be an object", key, i);
		if (take(cfg, obj, err) < 0) {
			// "key: ..." belongs to the path, a sentence does not.
			size_t word = strcspn(err->reason, ": ");

			return error_prefix(
				err, err->reason[word] == ':' ? "%s[%zu]." : "%s[%zu]: ", key, i);
		}
	}
	return 0;
}

static int check_head(const json_t *doc, struct vsw_error *err)
{
	static const char *const known[] = {"version", "switches", "ports", "fdb"};
	const json_t *version = json_object_get(doc, "version");
	const char *key;
	json_t *value;

	if (!json_is_object(doc))
		return vsw_fail(
			err, VSW_E_INVALID, NULL, "the configuration must be a JSON object");
	json_object_foreach ((json_t *)doc, key, value) {
		unsigned i = 0;

		while (i < 4 && strcmp(known[i], key) != 0)
			i++;
		if (i == 4)
			return unknown_key(key, err);
	}
	if (version == NULL)
		return missing("version", err);
	if (!json_is_integer(version) || json_integer_value(version) != CONFIG_VERSION)
		return vsw_fail(err, VSW_E_UNSUPPORTED,
			"this build reads version 1; a later one wrote this",
			"version: unknown version of the configuration format");
	return 0;
}

static int read_document(struct config *named, const json_t *doc, struct vsw_error *err)
{
	int ret;

	if ((ret = check_head(doc, err)) < 0 ||
		(ret = for_each(doc, "switches", take_switch, named, err)) < 0 ||
		(ret = for_each(doc, "ports", take_port, named, err)) < 0)
		return ret;
	return for_each(doc, "fdb", take_static, named, err);
}

// Deletes what is not named, except switches that still have ports: those may move away yet.
static void prune_unnamed(struct config *cfg, const struct config *named)
{
	for (unsigned i = cfg->n_statics; i-- > 0;) {
		const struct fdb_static_config entry = cfg->statics[i];

		if (config_find_static(named, entry.switch_name, entry.vlan, entry.mac) == NULL)
			config_remove_static(cfg, &entry);
	}
	for (unsigned i = cfg->n_ports; i-- > 0;) {
		const struct config_port *port = &cfg->ports[i];

		if (config_find_port(named, port->cfg.name) == NULL)
			config_remove_port(cfg, port->cfg.name);
	}
	for (unsigned i = cfg->n_switches; i-- > 0;) {
		const struct config_switch *sw = &cfg->switches[i];

		if (config_find_switch(named, sw->cfg.name) == NULL &&
			config_count_ports(cfg, sw->cfg.name) == 0)
			config_remove_switch(cfg, sw->cfg.name);
	}
}

// A document need not say all of a NIC's identity; what it does not say is as it was. The
// interface's name is the least of it: it changes.
static void keep_identity(const struct config *cfg, struct port_config *port)
{
	const struct config_port *there = config_find_port(cfg, port->name);
	const struct port_config *is;

	if (port->type != PORT_NIC || there == NULL || there->cfg.type != PORT_NIC)
		return;
	is = &there->cfg;
	if (port->nic.pci[0] != '\0' || !mac_is_zero(port->nic.perm_mac)) {
		if (port->nic.pci[0] != '\0' && strcmp(port->nic.pci, is->nic.pci) != 0)
			return;
		if (!mac_is_zero(port->nic.perm_mac) &&
			memcmp(port->nic.perm_mac, is->nic.perm_mac, 6) != 0)
			return;
	} else if (strcmp(port->ifname, is->ifname) != 0) {
		return;
	}
	memcpy(port->ifname, is->ifname, sizeof(port->ifname));
	memcpy(port->nic.pci, is->nic.pci, sizeof(port->nic.pci));
	memcpy(port->nic.perm_mac, is->nic.perm_mac, sizeof(port->nic.perm_mac));
}

static int put_named(struct config *cfg, const struct config *named, struct vsw_error *err)
{
	int ret = 0;

	for (unsigned i = 0; i < named->n_switches && ret == 0; i++)
		ret = config_put_switch(cfg, &named->switches[i].cfg, err);
	for (unsigned i = 0; i < named->n_ports && ret == 0; i++) {
		struct port_config port = named->ports[i].cfg;

		keep_identity(cfg, &port);
		ret = config_put_port(cfg, &port, err);
	}
	for (unsigned i = 0; i < named->n_statics && ret == 0; i++)
		ret = config_put_static(cfg, &named->statics[i], err);
	return ret;
}

// The rules, in the document's order so that the first offender is named by its place.
static int check_switch(struct config *cfg, const json_t *obj, struct vsw_error *err)
{
	const char *name = json_string_value(json_object_get(obj, "name"));
	const struct config_switch *sw = config_find_switch(cfg, name);

	return switch_check(cfg, &sw->cfg, err);
}

static int check_port(struct config *cfg, const json_t *obj, struct vsw_error *err)
{
	const char *name = json_string_value(json_object_get(obj, "name"));

	return port_check(cfg, config_find_port(cfg, name), err);
}

static int check_static(struct config *cfg, const json_t *obj, struct vsw_error *err)
{
	struct fdb_static_config entry;
	int ret = static_read(obj, &entry, err);

	return ret < 0 ? ret : static_check(cfg, &entry, err);
}

int config_apply(struct config *cfg, const json_t *doc, bool prune, struct vsw_error *err)
{
	struct config *named = config_create();
	int ret;

	if (named == NULL)
		return vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory");
	ret = read_document(named, doc, err);
	if (ret < 0)
		goto out;
	if (prune)
		prune_unnamed(cfg, named);
	ret = put_named(cfg, named, err);
	if (ret < 0)
		goto out;
	// A port of the document that is on a switch to be pruned finds no switch below.
	for (unsigned i = cfg->n_switches; prune && i-- > 0;)
		if (config_find_switch(named, cfg->switches[i].cfg.name) == NULL)
			config_forget_switch(cfg, cfg->switches[i].cfg.name);
	if ((ret = for_each(doc, "ports", check_port, cfg, err)) < 0 ||
		(ret = for_each(doc, "switches", check_switch, cfg, err)) < 0)
		goto out;
	ret = for_each(doc, "fdb", check_static, cfg, err);
out:
	config_destroy(named);
	return ret;
}

struct config *config_from_json(const json_t *doc, struct vsw_error *err)
{
	struct config *cfg = config_create();

	if (cfg == NULL) {
		vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory");
		return NULL;
	}
	if (config_apply(cfg, doc, false, err) < 0) {
		config_destroy(cfg);
		return NULL;
	}
	return cfg;
}

static int append_switch(json_t *array, const struct switch_config *sw)
{
	json_t *obj =
		json_pack("{s:s, s:s}", "name", sw->name, "type", switch_type_names[sw->type]);

	if (obj == NULL)
		return -1;
	if ((sw->ageing_s != VSW_AGEING_DEFAULT &&
		    json_object_set_new(obj, "ageing", json_integer(sw->ageing_s)) < 0) ||
		(sw->mac_limit != VSW_MAC_LIMIT_DEFAULT &&
			json_object_set_new(obj, "mac_limit", json_integer(sw->mac_limit)) < 0)) {
		json_decref(obj);
		return -1;
	}
	return json_array_append_new(array, obj);
}

static int append_static(json_t *array, const struct fdb_static_config *entry)
{
	char mac[MAC_TEXT_SIZE];

	mac_format(entry->mac, mac);
	return json_array_append_new(
		array, json_pack("{s:s, s:i, s:s, s:s}", "switch", entry->switch_name, "vlan",
			       (int)entry->vlan, "mac", mac, "port", entry->port_name));
}

json_t *config_to_json(const struct config *cfg)
{
	json_t *switches = json_array(), *ports = json_array(), *statics = json_array();
	int ret = 0;

	for (unsigned i = 0; i < cfg->n_switches && ret == 0; i++)
		ret = append_switch(switches, &cfg->switches[i].cfg);
	for (unsigned i = 0; i < cfg->n_ports && ret == 0; i++)
		ret = json_array_append_new(ports, port_to_json(&cfg->ports[i].cfg));
	for (unsigned i = 0; i < cfg->n_statics && ret == 0; i++)
		ret = append_static(statics, &cfg->statics[i]);
	if (ret < 0 || switches == NULL || ports == NULL || statics == NULL) {
		json_decref(switches);
		json_decref(ports);
		json_decref(statics);
		return NULL;
	}
	return json_pack("{s:i, s:o, s:o, s:o}", "version", CONFIG_VERSION, "switches", switches,
		"ports", ports, "fdb", statics);
}
