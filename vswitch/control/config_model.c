/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_model.h"

#include <stdlib.h>
#include <string.h>

#include "config_rules.h"
#include "syntax.h"

struct config *config_create(void)
{
	return calloc(1, sizeof(struct config));
}

static void *copy_array(const void *from, size_t n, size_t size)
{
	void *to = malloc(n * size + 1); // never asks for nothing

	if (to != NULL && n > 0)
		memcpy(to, from, n * size);
	return to;
}

struct config *config_copy(const struct config *cfg)
{
	struct config *copy = config_create();

	if (copy == NULL)
		return NULL;
	*copy = *cfg;
	copy->switches = copy_array(cfg->switches, cfg->n_switches, sizeof(*cfg->switches));
	copy->ports = copy_array(cfg->ports, cfg->n_ports, sizeof(*cfg->ports));
	copy->statics = copy_array(cfg->statics, cfg->n_statics, sizeof(*cfg->statics));
	copy->switch_room = cfg->n_switches;
	copy->port_room = cfg->n_ports;
	copy->static_room = cfg->n_statics;
	if (copy->switches == NULL || copy->ports == NULL || copy->statics == NULL) {
		config_destroy(copy);
		return NULL;
	}
	return copy;
}

void config_destroy(struct config *cfg)
{
	if (cfg == NULL)
		return;
	free(cfg->switches);
	free(cfg->ports);
	free(cfg->statics);
	free(cfg);
}

static int static_compare(const struct fdb_static_config *a, const struct fdb_static_config *b)
{
	int order = strcmp(a->switch_name, b->switch_name);

	if (order == 0)
		order = (int)a->vlan - (int)b->vlan;
	if (order == 0)
		order = memcmp(a->mac, b->mac, sizeof(a->mac));
	return order;
}

// The first place whose name is not before `name`.
static unsigned switch_place(const struct config *cfg, const char *name)
{
	unsigned low = 0, high = cfg->n_switches;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (strcmp(cfg->switches[mid].cfg.name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static unsigned port_place(const struct config *cfg, const char *name)
{
	unsigned low = 0, high = cfg->n_ports;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (strcmp(cfg->ports[mid].cfg.name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static unsigned static_place(const struct config *cfg, const struct fdb_static_config *entry)
{
	unsigned low = 0, high = cfg->n_statics;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (static_compare(&cfg->statics[mid], entry) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct config_switch *config_find_switch(const struct config *cfg, const char *name)
{
	unsigned i = switch_place(cfg, name);

	return i < cfg->n_switches && strcmp(cfg->switches[i].cfg.name, name) == 0
	               ? &cfg->switches[i]
	               : NULL;
}

struct config_port *config_find_port(const struct config *cfg, const char *name)
{
	unsigned i = port_place(cfg, name);

	return i < cfg->n_ports && strcmp(cfg->ports[i].cfg.name, name) == 0 ? &cfg->ports[i]
	                                                                     : NULL;
}

const struct config_switch *config_switch_by_uid(const struct config *cfg, uint32_t uid)
{
	for (unsigned i = 0; i < cfg->n_switches; i++)
		if (cfg->switches[i].uid == uid)
			return &cfg->switches[i];
	return NULL;
}

const struct config_port *config_port_by_uid(const struct config *cfg, uint32_t uid)
{
	for (unsigned i = 0; i < cfg->n_ports; i++)
		if (cfg->ports[i].uid == uid)
			return &cfg->ports[i];
	return NULL;
}

struct fdb_static_config *config_find_static(
	const struct config *cfg, const char *switch_name, uint16_t vlan, const uint8_t mac[6])
{
	struct fdb_static_config key = {.vlan = vlan};
	unsigned i;

	strncpy(key.switch_name, switch_name, sizeof(key.switch_name) - 1);
	memcpy(key.mac, mac, sizeof(key.mac));
	i = static_place(cfg, &key);
	return i < cfg->n_statics && static_compare(&cfg->statics[i], &key) == 0 ? &cfg->statics[i]
	                                                                         : NULL;
}

const struct config_port *config_find_nic(
	const struct config *cfg, const char *token, bool *ambiguous)
{
	const struct config_port *found = NULL;
	char pci[PCI_TEXT_SIZE];
	uint8_t mac[6];
	bool is_pci = pci_parse(token, pci) == 0;
	bool is_mac = mac_parse(token, mac) == 0;

	if (ambiguous != NULL)
		*ambiguous = false;
	for (unsigned i = 0; i < cfg->n_ports; i++) {
		const struct port_config *port = &cfg->ports[i].cfg;

		if (port->type != PORT_NIC)
			continue;
		if (strcmp(port->name, token) != 0 && strcmp(port->ifname, token) != 0 &&
			!(is_pci && strcmp(port->nic.pci, pci) == 0) &&
			!(is_mac && memcmp(port->nic.perm_mac, mac, 6) == 0))
			continue;
		if (found != NULL) {
			if (ambiguous != NULL)
				*ambiguous = true;
			return NULL;
		}
		found = &cfg->ports[i];
	}
	return found;
}

const struct config_port *config_uplink(const struct config *cfg, const char *switch_name)
{
	for (unsigned i = 0; i < cfg->n_ports; i++) {
		const struct port_config *port = &cfg->ports[i].cfg;

		if (port->type == PORT_NIC && port->nic.role == NIC_ROLE_UPLINK &&
			strcmp(port->switch_name, switch_name) == 0)
			return &cfg->ports[i];
	}
	return NULL;
}

unsigned config_count_ports(const struct config *cfg, const char *switch_name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < cfg->n_ports; i++)
		n += strcmp(cfg->ports[i].cfg.switch_name, switch_name) == 0;
	return n;
}

// Opens a gap at `place` of an array of n elements; the array may move.
static void *open_gap(void *array, unsigned *n, unsigned *room, size_t size, unsigned place)
{
	char *base = array;

	if (*n == *room) {
		unsigned more = *room + *room / 2 + 8;

		base = realloc(array, more * size);
		if (base == NULL)
			return NULL;
		*room = more;
	}
	memmove(base + (place + 1) * size, base + place * size, (*n - place) * size);
	(*n)++;
	return base;
}

static void close_gap(void *array, unsigned *n, size_t size, unsigned place)
{
	char *base = array;

	(*n)--;
	memmove(base + place * size, base + (place + 1) * size, (*n - place) * size);
}

static int out_of_memory(struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_LIMIT, NULL, "out of memory");
}

int config_put_switch(struct config *cfg, const struct switch_config *sw, struct vsw_error *err)
{
	unsigned place = switch_place(cfg, sw->name);
	struct config_switch *there = config_find_switch(cfg, sw->name), *array;

	if (there != NULL) {
		there->cfg = *sw;
		return 0;
	}
	if (cfg->n_switches == VSW_MAX_SWITCHES)
		return vsw_fail(err, VSW_E_LIMIT, "delete a switch first",
			"there are %u switches already: no room for '%s'", cfg->n_switches,
			sw->name);
	array = open_gap(cfg->switches, &cfg->n_switches, &cfg->switch_room, sizeof(*array), place);
	if (array == NULL)
		return out_of_memory(err);
	cfg->switches = array;
	array[place] = (struct config_switch){.uid = ++cfg->last_uid, .cfg = *sw};
	return 0;
}

int config_put_port(struct config *cfg, const struct port_config *port, struct vsw_error *err)
{
	unsigned place = port_place(cfg, port->name);
	struct config_port *there = config_find_port(cfg, port->name), *array;
	int ret;

	if (there != NULL) {
		if (strcmp(there->cfg.switch_name, port->switch_name) != 0 &&
			(ret = config_rehome_statics(cfg, there->cfg.switch_name, port->name,
				 port->switch_name, err)) < 0)
			return ret;
		if (port_is_rebuilt(&there->cfg, port))
			there->uid = ++cfg->last_uid;
		there->cfg = *port;
		return 0;
	}
	if (cfg->n_ports == VSW_MAX_PORTS)
		return vsw_fail(err, VSW_E_LIMIT, "delete a port first",
			"there are %u ports already: no room for '%s'", cfg->n_ports, port->name);
	array = open_gap(cfg->ports, &cfg->n_ports, &cfg->port_room, sizeof(*array), place);
	if (array == NULL)
		return out_of_memory(err);
	cfg->ports = array;
	array[place] = (struct config_port){.uid = ++cfg->last_uid, .cfg = *port};
	return 0;
}

int config_put_static(
	struct config *cfg, const struct fdb_static_config *entry, struct vsw_error *err)
{
	unsigned place = static_place(cfg, entry);
	struct fdb_static_config *array;

	if (place < cfg->n_statics && static_compare(&cfg->statics[place], entry) == 0) {
		cfg->statics[place] = *entry;
		return 0;
	}
	if (cfg->n_statics == CONFIG_MAX_STATICS)
		return vsw_fail(err, VSW_E_LIMIT, "delete a static MAC first",
			"there are %u static MACs already", cfg->n_statics);
	array = open_gap(cfg->statics, &cfg->n_statics, &cfg->static_room, sizeof(*array), place);
	if (array == NULL)
		return out_of_memory(err);
	cfg->statics = array;
	array[place] = *entry;
	return 0;
}

void config_remove_static(struct config *cfg, const struct fdb_static_config *entry)
{
	unsigned place = static_place(cfg, entry);

	if (place < cfg->n_statics && static_compare(&cfg->statics[place], entry) == 0)
		close_gap(cfg->statics, &cfg->n_statics, sizeof(*cfg->statics), place);
}

void config_remove_port(struct config *cfg, const char *name)
{
	const struct config_port *port = config_find_port(cfg, name);
	unsigned kept = 0;

	if (port == NULL)
		return;
	for (unsigned i = 0; i < cfg->n_statics; i++)
		if (strcmp(cfg->statics[i].port_name, port->cfg.name) != 0)
			cfg->statics[kept++] = cfg->statics[i];
	cfg->n_statics = kept;
	close_gap(cfg->ports, &cfg->n_ports, sizeof(*cfg->ports), port - cfg->ports);
}

void config_forget_switch(struct config *cfg, const char *name)
{
	const struct config_switch *sw = config_find_switch(cfg, name);

	if (sw != NULL)
		close_gap(cfg->switches, &cfg->n_switches, sizeof(*cfg->switches),
			sw - cfg->switches);
}

void config_remove_switch(struct config *cfg, const char *name)
{
	const struct config_switch *sw = config_find_switch(cfg, name);

	if (sw == NULL)
		return;
	for (unsigned i = cfg->n_ports; i-- > 0;)
		if (strcmp(cfg->ports[i].cfg.switch_name, sw->cfg.name) == 0)
			config_remove_port(cfg, cfg->ports[i].cfg.name);
	config_forget_switch(cfg, name);
}
