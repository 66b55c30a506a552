/* SPDX-License-Identifier: BSD-3-Clause */
// The running switch as the control side uses it: vswitch/switch.h, or a fake in tests.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vswitch/config.h>
#include <vswitch/error.h>

struct config;

struct live_ops {
	// Once, before any port is opened.
	void (*start)(const char *state_dir);
	int (*switch_add)(const struct switch_config *cfg, struct vsw_error *err);
	int (*switch_set)(const char *name, const struct switch_config *cfg, struct vsw_error *err);
	int (*switch_del)(const char *name, struct vsw_error *err);
	int (*port_add)(const struct port_config *cfg, struct vsw_error *err);
	int (*port_set)(const char *name, const struct port_config *cfg, struct vsw_error *err);
	int (*port_del)(const char *name, bool keep, struct vsw_error *err);
	int (*fdb_static_add)(const struct fdb_static_config *cfg, struct vsw_error *err);
	int (*fdb_static_del)(const struct fdb_static_config *cfg, struct vsw_error *err);
	// The address the port has now, chosen or set; zeros if none.
	void (*port_mac)(const char *name, uint8_t mac[6]);
	// Gives back NICs that are held though cfg does not have them: a crash came before their
	// ports were saved, or they were unbound while their ports were not open.
	void (*release_nics)(const struct config *cfg);
};
