/* SPDX-License-Identifier: BSD-3-Clause */
// The least a running switch must do to get from one configuration to another, in an order
// that works. What is deleted goes last, so that a change that fails has destroyed nothing;
// only what stands in the way of something new goes first.
#pragma once

#include <stddef.h>

#include "config_model.h"

enum action_kind {
	ACTION_FDB_DEL,
	ACTION_PORT_DEL,
	ACTION_SWITCH_DEL,
	ACTION_SWITCH_ADD,
	ACTION_SWITCH_SET,
	ACTION_PORT_SET,
	ACTION_PORT_ADD,
	ACTION_FDB_ADD,
};

struct action {
	enum action_kind kind;
	// Into the two configurations, which must outlive the diff. The kind says which are set.
	const struct config_switch *old_switch, *new_switch;
	const struct config_port *old_port, *new_port; // fdb: the port it is behind
	const struct fdb_static_config *entry;
	uint8_t old_mac[6]; // port set: the address it really had, noted when it is carried out
};

struct diff {
	struct action *action;
	unsigned n;
};

#define ACTION_TEXT_SIZE 400

// NULL when out of memory. No action: nothing to do.
struct diff *diff_create(const struct config *from, const struct config *to);
void diff_destroy(struct diff *diff);
// For people: "create port 'web1' (tap) on 'lan'".
void action_text(const struct action *action, char *text, size_t size);
