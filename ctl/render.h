/* SPDX-License-Identifier: BSD-3-Clause */
// Replies as people read them, one file per noun. A reply's strings are clean (text.h).
#pragma once

#include <jansson.h>

#include "options.h"

typedef void render_fn(const json_t *result, const struct options *options);

// render_change.c: what a changing command did or would do
void render_change(const json_t *result, const struct options *options, bool what_if);
// render_switch.c
render_fn render_switches;
// render_tree.c
render_fn render_tree;
// render_port.c
render_fn render_ports;
render_fn render_port;
// render_nic.c
render_fn render_nics;
// render_guest.c
render_fn render_guests;
render_fn render_diagnosis;
void render_guest(const json_t *guest, const struct options *options); // part of show-port
// render_fdb.c
render_fn render_fdb;
// render_stats.c; previous is the reply a second ago, or NULL
render_fn render_drops;
void render_stats(const json_t *result, const json_t *previous, const struct options *options);
// render_worker.c
render_fn render_workers;
// render_event.c: one line
render_fn render_event;

// The width tables are laid out for; 0: as wide as they get.
size_t render_width(const struct options *options);

// Parts of a port that several tables show. The text is in buf.
const char *render_link(const json_t *port, char *buf, size_t size); // "up 10G", "down (reason)"
// "trunk 10,20,30-40 native 10"; of a list longer than list_max only the beginning.
const char *render_vlan(const json_t *port, size_t list_max, char *buf, size_t size);
#define VLAN_LIST_SHORT 12
#define VLAN_LIST_TREE  8
