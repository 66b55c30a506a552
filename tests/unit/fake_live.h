/* SPDX-License-Identifier: BSD-3-Clause */
// A switch that only remembers, with the rules of the real one, and fails where it is told to.
#pragma once

#include <vswitch/control/config_json.h>
#include <vswitch/control/config_rules.h>
#include <vswitch/control/live_ops.h>
#include <vswitch/control/syntax.h>

static struct config *fake;
static unsigned fake_steps;       // calls so far
static unsigned fake_fail_at;     // this call fails, counted from 1; 0: none
static const char *fake_broken;   // the port of this name cannot be opened
static uint8_t fake_macs[64][6];  // what each port really has, by uid
static unsigned fake_closed_keep; // ports closed with keep

static inline void fake_reset(void)
{
	config_destroy(fake);
	fake = config_create();
	fake_steps = fake_fail_at = fake_closed_keep = 0;
	fake_broken = NULL;
}

static inline int fake_step(struct vsw_error *error)
{
	if (++fake_steps == fake_fail_at)
		return vsw_fail(error, VSW_E_DEVICE, "try again", "the fake fails here");
	return 0;
}

static inline int fake_none(struct vsw_error *error, const char *name)
{
	return vsw_fail(error, VSW_E_NOT_FOUND, NULL, "the fake has no '%s'", name);
}

static inline int fake_switch_add(const struct switch_config *cfg, struct vsw_error *error)
{
	int ret = fake_step(error);

	if (ret < 0)
		return ret;
	if (config_find_switch(fake, cfg->name) != NULL)
		return vsw_fail(error, VSW_E_EXISTS, NULL, "the fake has '%s'", cfg->name);
	return config_put_switch(fake, cfg, error);
}

static inline int fake_switch_set(
	const char *name, const struct switch_config *cfg, struct vsw_error *error)
{
	int ret = fake_step(error);

	if (ret < 0 || (ret = config_rename_switch(fake, name, cfg->name, error)) < 0)
		return ret;
	return config_put_switch(fake, cfg, error);
}

static inline int fake_switch_del(const char *name, struct vsw_error *error)
{
	int ret = fake_step(error);

	if (ret < 0)
		return ret;
	return config_del_switch(fake, name, false, false, error);
}

static inline uint8_t *fake_mac_of(const char *name)
{
	return fake_macs[config_find_port(fake, name)->uid % 64];
}

static inline int fake_port_add(const struct port_config *cfg, struct vsw_error *error)
{
	int ret = fake_step(error);

	if (ret < 0)
		return ret;
	if (fake_broken != NULL && strcmp(cfg->name, fake_broken) == 0)
		return vsw_fail(error, VSW_E_DEVICE, NULL, "its device is gone");
	if (config_find_port(fake, cfg->name) != NULL)
		return vsw_fail(error, VSW_E_EXISTS, NULL, "the fake has '%s'", cfg->name);
	if (config_find_switch(fake, cfg->switch_name) == NULL)
		return fake_none(error, cfg->switch_name);
	for (unsigned i = 0; i < fake->n_ports; i++)
		if (port_conflict(&fake->ports[i].cfg, cfg) != NULL)
			return vsw_fail(error, VSW_E_BUSY, NULL, "'%s' and '%s' share a device",
				fake->ports[i].cfg.name, cfg->name);
	ret = config_put_port(fake, cfg, error);
	if (ret == 0 && mac_is_zero(cfg->mac))
		memcpy(fake_mac_of(cfg->name), (uint8_t[]){2, 0xff, 0, 0, 0, 1}, 6);
	else if (ret == 0)
		memcpy(fake_mac_of(cfg->name), cfg->mac, 6);
	return ret;
}

static inline int fake_port_set(
	const char *name, const struct port_config *cfg, struct vsw_error *error)
{
	struct config_port *port;
	int ret = fake_step(error);

	if (ret < 0)
		return ret;
	if (config_find_switch(fake, cfg->switch_name) == NULL)
		return fake_none(error, cfg->switch_name);
	if ((ret = config_rename_port(fake, name, cfg->name, error)) < 0)
		return ret;
	port = config_find_port(fake, cfg->name);
	if (port_is_rebuilt(&port->cfg, cfg))
		return vsw_fail(error, VSW_E_INTERNAL, NULL, "'%s' cannot be set so", name);
	for (unsigned i = fake->n_statics; i-- > 0;)
		if (strcmp(fake->statics[i].port_name, cfg->name) == 0 &&
			strcmp(port->cfg.switch_name, cfg->switch_name) != 0)
			return vsw_fail(error, VSW_E_INTERNAL, NULL, "'%s' leaves statics", name);
	if (!mac_is_zero(cfg->mac))
		memcpy(fake_mac_of(cfg->name), cfg->mac, 6);
	return config_put_port(fake, cfg, error);
}

static inline int fake_port_del(const char *name, bool keep, struct vsw_error *error)
{
	int ret = fake_step(error);

	if (ret < 0)
		return ret;
	if (config_find_port(fake, name) == NULL)
		return fake_none(error, name);
	fake_closed_keep += keep;
	config_remove_port(fake, name);
	return 0;
}

static inline int fake_static_add(const struct fdb_static_config *cfg, struct vsw_error *error)
{
	int ret = fake_step(error);

	if (ret < 0 || (ret = static_check(fake, cfg, error)) < 0)
		return ret;
	return config_put_static(fake, cfg, error);
}

static inline int fake_static_del(const struct fdb_static_config *cfg, struct vsw_error *error)
{
	int ret = fake_step(error);

	return ret < 0 ? ret : config_del_fdb(fake, cfg, false, error);
}

static inline void fake_port_mac(const char *name, uint8_t mac[6])
{
	memcpy(mac, fake_mac_of(name), 6);
}

static unsigned fake_releases; // of NICs that the configuration does not have

static inline void fake_start(const char *)
{
}

static inline void fake_release_nics(const struct config *)
{
	fake_releases++;
}

static const struct live_ops fake_ops = {
	.start = fake_start,
	.release_nics = fake_release_nics,
	.switch_add = fake_switch_add,
	.switch_set = fake_switch_set,
	.switch_del = fake_switch_del,
	.port_add = fake_port_add,
	.port_set = fake_port_set,
	.port_del = fake_port_del,
	.fdb_static_add = fake_static_add,
	.fdb_static_del = fake_static_del,
	.port_mac = fake_port_mac,
};

static inline char *text_of(const struct config *cfg)
{
	json_t *doc = config_to_json(cfg);
	char *text = json_dumps(doc, JSON_COMPACT);

	assert_non_null(text);
	json_decref(doc);
	return text;
}
