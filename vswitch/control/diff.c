/* SPDX-License-Identifier: BSD-3-Clause */
#include "diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_rules.h"
#include "syntax.h"

// What became of each element of the old configuration, and whether each of the new one is new.
struct match {
	const struct config *from, *to;
	const struct config_switch **switch_to; // by index in from; NULL: gone
	const struct config_port **port_to;
	const struct config_switch **switch_from; // by index in to; NULL: new
	const struct config_port **port_from;
	bool *port_first;   // gone, and in the way of something new: by index in from
	bool *switch_first; // likewise
};

static int uid_compare_switch(const void *a, const void *b)
{
	uint32_t x = (*(const struct config_switch *const *)a)->uid;
	uint32_t y = (*(const struct config_switch *const *)b)->uid;

	return x < y ? -1 : x > y;
}

static int uid_compare_port(const void *a, const void *b)
{
	uint32_t x = (*(const struct config_port *const *)a)->uid;
	uint32_t y = (*(const struct config_port *const *)b)->uid;

	return x < y ? -1 : x > y;
}

static int match_switches(struct match *m)
{
	const struct config_switch **sorted = calloc(m->to->n_switches + 1, sizeof(*sorted));

	if (sorted == NULL)
		return -1;
	for (unsigned i = 0; i < m->to->n_switches; i++)
		sorted[i] = &m->to->switches[i];
	qsort(sorted, m->to->n_switches, sizeof(*sorted), uid_compare_switch);
	for (unsigned i = 0; i < m->from->n_switches; i++) {
		const struct config_switch *key = &m->from->switches[i], **hit;

		hit = bsearch(&key, sorted, m->to->n_switches, sizeof(*sorted), uid_compare_switch);
		if (hit == NULL)
			continue;
		m->switch_to[i] = *hit;
		m->switch_from[*hit - m->to->switches] = key;
	}
	free(sorted);
	return 0;
}

static int match_ports(struct match *m)
{
	const struct config_port **sorted = calloc(m->to->n_ports + 1, sizeof(*sorted));

	if (sorted == NULL)
		return -1;
	for (unsigned i = 0; i < m->to->n_ports; i++)
		sorted[i] = &m->to->ports[i];
	qsort(sorted, m->to->n_ports, sizeof(*sorted), uid_compare_port);
	for (unsigned i = 0; i < m->from->n_ports; i++) {
		const struct config_port *key = &m->from->ports[i], **hit;

		hit = bsearch(&key, sorted, m->to->n_ports, sizeof(*sorted), uid_compare_port);
		if (hit == NULL)
			continue;
		m->port_to[i] = *hit;
		m->port_from[*hit - m->to->ports] = key;
	}
	free(sorted);
	return 0;
}

static bool port_renamed(const struct match *m, unsigned to_index)
{
	const struct config_port *from = m->port_from[to_index];

	return from != NULL && strcmp(from->cfg.name, m->to->ports[to_index].cfg.name) != 0;
}

// A new or renamed port wants what this old one has.
static bool port_in_the_way(const struct match *m, const struct config_port *old)
{
	for (unsigned i = 0; i < m->to->n_ports; i++) {
		const struct config_port *new = &m->to->ports[i];

		if (m->port_from[i] != NULL && !port_renamed(m, i))
			continue;
		if (strcmp(new->cfg.name, old->cfg.name) == 0 ||
			(m->port_from[i] == NULL && port_conflict(&new->cfg, &old->cfg) != NULL))
			return true;
	}
	return false;
}

static bool switch_in_the_way(const struct match *m, const struct config_switch *old)
{
	for (unsigned i = 0; i < m->to->n_switches; i++) {
		const struct config_switch *new = &m->to->switches[i];

		if (m->switch_from[i] != NULL &&
			strcmp(m->switch_from[i]->cfg.name, new->cfg.name) == 0)
			continue;
		if (strcmp(new->cfg.name, old->cfg.name) == 0)
			return true;
	}
	return false;
}

// Decides what is deleted first. Also when old and new together would be too many.
static void find_obstacles(struct match *m)
{
	unsigned switches = m->from->n_switches, ports = m->from->n_ports;
	bool switches_full, ports_full;

	for (unsigned i = 0; i < m->to->n_switches; i++)
		switches += m->switch_from[i] == NULL;
	for (unsigned i = 0; i < m->to->n_ports; i++)
		ports += m->port_from[i] == NULL;
	switches_full = switches > VSW_MAX_SWITCHES;
	ports_full = ports > VSW_MAX_PORTS;
	for (unsigned i = 0; i < m->from->n_switches; i++)
		m->switch_first[i] = m->switch_to[i] == NULL &&
		                     (switches_full || switch_in_the_way(m, &m->from->switches[i]));
	for (unsigned i = 0; i < m->from->n_ports; i++) {
		const struct config_port *old = &m->from->ports[i];
		const struct config_switch *sw = config_find_switch(m->from, old->cfg.switch_name);

		m->port_first[i] = m->port_to[i] == NULL &&
		                   (ports_full || m->switch_first[sw - m->from->switches] ||
					   port_in_the_way(m, old));
	}
}

static struct action *push(struct diff *diff, enum action_kind kind)
{
	struct action *action = &diff->action[diff->n++];

	*action = (struct action){.kind = kind};
	return action;
}

static bool switch_differs(const struct switch_config *a, const struct switch_config *b)
{
	return strcmp(a->name, b->name) != 0 || a->type != b->type || a->ageing_s != b->ageing_s ||
	       a->mac_limit != b->mac_limit;
}

// What can be set live.
static bool port_differs(const struct port_config *a, const struct port_config *b)
{
	return strcmp(a->name, b->name) != 0 || a->mtu != b->mtu || a->mac_limit != b->mac_limit ||
	       a->link_down != b->link_down || memcmp(a->mac, b->mac, 6) != 0 ||
	       memcmp(&a->vlan, &b->vlan, sizeof(a->vlan)) != 0;
}

static bool port_moved(const struct match *m, unsigned from_index)
{
	const struct config_port *new = m->port_to[from_index];
	const struct config_switch *sw =
		config_find_switch(m->from, m->from->ports[from_index].cfg.switch_name);
	const struct config_switch *is = m->switch_to[sw - m->from->switches];

	return is == NULL || strcmp(is->cfg.name, new->cfg.switch_name) != 0;
}

// The same static MAC on the other side: same switch, same port, whatever they are called now.
static bool static_stays(const struct match *m, const struct fdb_static_config *old)
{
	const struct config_switch *sw = config_find_switch(m->from, old->switch_name);
	const struct config_port *port = config_find_port(m->from, old->port_name);
	const struct fdb_static_config *new;

	sw = m->switch_to[sw - m->from->switches];
	port = m->port_to[port - m->from->ports];
	if (sw == NULL || port == NULL)
		return false;
	new = config_find_static(m->to, sw->cfg.name, old->vlan, old->mac);
	return new != NULL &&strcmp(new->port_name, port->cfg.name) == 0;
}

static bool static_was(const struct match *m, const struct fdb_static_config *new)
{
	const struct config_switch *sw = config_find_switch(m->to, new->switch_name);
	const struct config_port *port = config_find_port(m->to, new->port_name);
	const struct fdb_static_config *old;

	sw = m->switch_from[sw - m->to->switches];
	port = m->port_from[port - m->to->ports];
	if (sw == NULL || port == NULL)
		return false;
	old = config_find_static(m->from, sw->cfg.name, new->vlan, new->mac);
	return old != NULL && strcmp(old->port_name, port->cfg.name) == 0;
}

static void push_static_dels(const struct match *m, struct diff *diff)
{
	for (unsigned i = 0; i < m->from->n_statics; i++) {
		const struct fdb_static_config *entry = &m->from->statics[i];
		struct action *action;

		if (static_stays(m, entry))
			continue;
		action = push(diff, ACTION_FDB_DEL);
		action->entry = entry;
		action->old_port = config_find_port(m->from, entry->port_name);
	}
}

static void push_static_adds(const struct match *m, struct diff *diff)
{
	for (unsigned i = 0; i < m->to->n_statics; i++) {
		const struct fdb_static_config *entry = &m->to->statics[i];
		struct action *action;

		if (static_was(m, entry))
			continue;
		action = push(diff, ACTION_FDB_ADD);
		action->entry = entry;
		action->new_port = config_find_port(m->to, entry->port_name);
	}
}

static void push_dels(const struct match *m, struct diff *diff, bool first)
{
	for (unsigned i = 0; i < m->from->n_ports; i++)
		if (m->port_to[i] == NULL && m->port_first[i] == first)
			push(diff, ACTION_PORT_DEL)->old_port = &m->from->ports[i];
	for (unsigned i = 0; i < m->from->n_switches; i++)
		if (m->switch_to[i] == NULL && m->switch_first[i] == first)
			push(diff, ACTION_SWITCH_DEL)->old_switch = &m->from->switches[i];
}

static void push_switches(const struct match *m, struct diff *diff)
{
	for (unsigned i = 0; i < m->from->n_switches; i++) {
		const struct config_switch *old = &m->from->switches[i], *new = m->switch_to[i];
		struct action *action;

		if (new == NULL || !switch_differs(&old->cfg, &new->cfg))
			continue;
		action = push(diff, ACTION_SWITCH_SET);
		action->old_switch = old;
		action->new_switch = new;
	}
	for (unsigned i = 0; i < m->to->n_switches; i++)
		if (m->switch_from[i] == NULL)
			push(diff, ACTION_SWITCH_ADD)->new_switch = &m->to->switches[i];
}

static void push_ports(const struct match *m, struct diff *diff)
{
	for (unsigned i = 0; i < m->from->n_ports; i++) {
		const struct config_port *old = &m->from->ports[i], *new = m->port_to[i];
		struct action *action;

		if (new == NULL || (!port_differs(&old->cfg, &new->cfg) && !port_moved(m, i)))
			continue;
		action = push(diff, ACTION_PORT_SET);
		action->old_port = old;
		action->new_port = new;
	}
	for (unsigned i = 0; i < m->to->n_ports; i++)
		if (m->port_from[i] == NULL)
			push(diff, ACTION_PORT_ADD)->new_port = &m->to->ports[i];
}

static void match_free(struct match *m)
{
	free(m->switch_to);
	free(m->port_to);
	free(m->switch_from);
	free(m->port_from);
	free(m->port_first);
	free(m->switch_first);
}

static int match_make(struct match *m, const struct config *from, const struct config *to)
{
	*m = (struct match){
		.from = from,
		.to = to,
		.switch_to = calloc(from->n_switches + 1, sizeof(*m->switch_to)),
		.port_to = calloc(from->n_ports + 1, sizeof(*m->port_to)),
		.switch_from = calloc(to->n_switches + 1, sizeof(*m->switch_from)),
		.port_from = calloc(to->n_ports + 1, sizeof(*m->port_from)),
		.port_first = calloc(from->n_ports + 1, sizeof(*m->port_first)),
		.switch_first = calloc(from->n_switches + 1, sizeof(*m->switch_first)),
	};
	if (m->switch_to == NULL || m->port_to == NULL || m->switch_from == NULL ||
		m->port_from == NULL || m->port_first == NULL || m->switch_first == NULL)
		return -1;
	if (match_switches(m) < 0 || match_ports(m) < 0)
		return -1;
	find_obstacles(m);
	return 0;
}

struct diff *diff_create(const struct config *from, const struct config *to)
{
	// Each element is deleted, set or added at most once.
	size_t most = (size_t)from->n_switches + from->n_ports + from->n_statics + to->n_switches +
	              to->n_ports + to->n_statics;
	struct diff *diff = calloc(1, sizeof(*diff));
	struct match m = {};

	if (diff == NULL)
		return NULL;
	diff->action = malloc((most + 1) * sizeof(*diff->action));
	if (diff->action == NULL || match_make(&m, from, to) < 0) {
		match_free(&m);
		diff_destroy(diff);
		return NULL;
	}
	push_static_dels(&m, diff);
	push_dels(&m, diff, true);
	push_switches(&m, diff);
	push_ports(&m, diff);
	push_static_adds(&m, diff);
	push_dels(&m, diff, false);
	match_free(&m);
	return diff;
}

void diff_destroy(struct diff *diff)
{
	if (diff == NULL)
		return;
	free(diff->action);
	free(diff);
}
