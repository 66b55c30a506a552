/* SPDX-License-Identifier: BSD-3-Clause */
#include "switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "datapath.h"
#include "notify.h"
#include "switch_live.h"

#define DRAIN_MAX           256 // messages a turn: workers may post faster than we read
#define LOOPS_TOLD_A_SECOND 8

struct vsw_switch *live_switches[VSW_MAX_SWITCHES];

static uint32_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

struct vsw_switch *switch_by_id(uint16_t id)
{
	return id < VSW_MAX_SWITCHES ? live_switches[id] : NULL;
}

struct vsw_switch *switch_next(const struct vsw_switch *prev)
{
	for (unsigned i = prev != NULL ? prev->id + 1u : 0; i < VSW_MAX_SWITCHES; i++)
		if (live_switches[i] != NULL)
			return live_switches[i];
	return NULL;
}

struct vsw_switch *switch_find(const char *name)
{
	for (struct vsw_switch *sw = switch_next(NULL); sw != NULL; sw = switch_next(sw))
		if (strcmp(sw->cfg.name, name) == 0)
			return sw;
	return NULL;
}

static int not_found(const char *name, struct vsw_error *err)
{
	return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-switches",
		"switch '%s' does not exist", name);
}

int switch_add(const struct switch_config *cfg, struct vsw_error *err)
{
	struct flood_list *none;
	struct vsw_switch *sw;
	uint16_t id = 0;

	if (switch_find(cfg->name) != NULL)
		return vsw_fail(err, VSW_E_EXISTS, NULL, "switch '%s' already exists", cfg->name);
	while (id < VSW_MAX_SWITCHES && live_switches[id] != NULL)
		id++;
	if (id == VSW_MAX_SWITCHES)
		return vsw_fail(err, VSW_E_LIMIT, NULL,
			"there are %d switches already: no more fit", VSW_MAX_SWITCHES);
	sw = calloc(1, sizeof(*sw));
	none = calloc(1, sizeof(*none));
	if (sw == NULL || none == NULL)
		goto fail;
	sw->fdb = fdb_create(cfg->ageing_s, cfg->mac_limit);
	if (sw->fdb == NULL)
		goto fail;
	sw->id = id;
	sw->cfg = *cfg;
	atomic_store(&sw->flood, none);
	live_switches[id] = sw;
	return 0;
fail:
	free(none);
	free(sw);
	return vsw_fail(err, VSW_E_INTERNAL, NULL, "no memory for switch '%s'", cfg->name);
}

int switch_set(const char *name, const struct switch_config *cfg, struct vsw_error *err)
{
	struct vsw_switch *sw = switch_find(name);

	if (sw == NULL)
		return not_found(name, err);
	for (struct vsw_port *p = port_next(NULL); p != NULL; p = port_next(p))
		if (atomic_load(&p->sw) == sw)
			memcpy(p->cfg.switch_name, cfg->name, sizeof(p->cfg.switch_name));
	sw->cfg = *cfg;
	fdb_set_limits(sw->fdb, cfg->ageing_s, cfg->mac_limit);
	return 0;
}

int switch_del(const char *name, struct vsw_error *err)
{
	struct vsw_switch *sw = switch_find(name);

	if (sw == NULL)
		return not_found(name, err);
	for (struct vsw_port *p = port_next(NULL); p != NULL; p = port_next(p))
		if (atomic_load(&p->sw) == sw)
			return vsw_fail(err, VSW_E_BUSY, NULL, "switch '%s' still has port '%s'",
				name, p->cfg.name);
	live_switches[sw->id] = NULL;
	workers_synchronize();
	fdb_destroy(sw->fdb);
	free((void *)(uintptr_t)atomic_load(&sw->flood));
	free(sw);
	return 0;
}

int flood_list_rebuild(struct vsw_switch *sw)
{
	const struct flood_list *old = atomic_load(&sw->flood);
	struct flood_list *list;
	uint16_t n = 0;

	for (struct vsw_port *p = port_next(NULL); p != NULL; p = port_next(p))
		n += atomic_load(&p->sw) == sw;
	list = calloc(1, sizeof(*list) + n * sizeof(list->port[0]));
	if (list == NULL)
		return -ENOMEM;
	for (struct vsw_port *p = port_next(NULL); p != NULL; p = port_next(p))
		if (atomic_load(&p->sw) == sw)
			list->port[list->n++] = p;
	atomic_store_explicit(&sw->flood, list, memory_order_release);
	workers_synchronize();
	free((void *)(uintptr_t)old);
	return 0;
}

static int find_both(const struct fdb_static_config *cfg, struct vsw_switch **sw,
	struct vsw_port **port, struct vsw_error *err)
{
	*sw = switch_find(cfg->switch_name);
	if (*sw == NULL)
		return not_found(cfg->switch_name, err);
	*port = port_find(cfg->port_name);
	if (*port == NULL || atomic_load(&(*port)->sw) != *sw)
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
			"switch '%s' has no port '%s'", cfg->switch_name, cfg->port_name);
	return 0;
}

// The local port whose own address has that entry, put in by the switch itself.
static struct vsw_port *own_entry_of(const struct vsw_switch *sw, uint64_t key)
{
	for (struct vsw_port *p = port_next(NULL); p != NULL; p = port_next(p))
		if (atomic_load(&p->sw) == sw && p->own_entry && p->own_key == key)
			return p;
	return NULL;
}

int fdb_static_add(const struct fdb_static_config *cfg, struct vsw_error *err)
{
	struct vsw_switch *sw = NULL;
	struct vsw_port *port = NULL;
	uint64_t key = fdb_key_of(cfg->vlan, cfg->mac);
	int ret = find_both(cfg, &sw, &port, err);

	if (ret < 0)
		return ret;
	if (fdb_add_static(sw->fdb, key, port->id) < 0)
		return vsw_fail(err, VSW_E_LIMIT, "delete static entries: vswitchctl del-fdb",
			"no room for another static entry on switch '%s'", cfg->switch_name);
	port = own_entry_of(sw, key);
	if (port != NULL)
		port->own_entry = false;
	return 0;
}

int fdb_static_del(const struct fdb_static_config *cfg, struct vsw_error *err)
{
	struct vsw_switch *sw = switch_find(cfg->switch_name);
	uint64_t key = fdb_key_of(cfg->vlan, cfg->mac);

	if (sw == NULL)
		return not_found(cfg->switch_name, err);
	if (own_entry_of(sw, key) != NULL || fdb_del(sw->fdb, key) < 0)
		return vsw_fail(err, VSW_E_NOT_FOUND, "see: vswitchctl show-fdb",
			"switch '%s' has no such entry", cfg->switch_name);
	local_macs_refresh(sw);
	return 0;
}

void switch_maintain(void)
{
	for (struct vsw_switch *sw = switch_next(NULL); sw != NULL; sw = switch_next(sw))
		fdb_maintain(sw->fdb, now_s(), workers_synchronize);
}

// Several workers see the same loop: it is one for a second. A real one shows with many stations,
// and guests can make up as many as they like.
static bool is_new_loop(struct vsw_switch *sw, const struct notify *msg)
{
	const uint32_t now = now_s();

	if (memcmp(sw->loop_mac, msg->mac, sizeof(sw->loop_mac)) == 0 && now - sw->loop_at_s <= 1)
		return false;
	if (sw->loop_at_s != now)
		sw->loops_told = 0;
	if (++sw->loops_told > LOOPS_TOLD_A_SECOND)
		return false;
	memcpy(sw->loop_mac, msg->mac, sizeof(sw->loop_mac));
	sw->loop_at_s = now;
	sw->loops++;
	return true;
}

void switch_drain_notifications(void (*on_loop)(struct vsw_switch *sw, struct vsw_port *port,
	struct vsw_port *other, const uint8_t mac[6], uint16_t vlan))
{
	struct notify msg;

	for (unsigned i = 0; i < DRAIN_MAX && notify_take(&msg); i++) {
		struct vsw_switch *sw = switch_by_id(msg.switch_id);
		struct vsw_port *port = port_by_id(msg.port_id);

		switch (msg.kind) {
		case NOTIFY_FDB_GROW:
			if (sw != NULL && fdb_wants_growth(sw->fdb))
				fdb_maintain(sw->fdb, now_s(), workers_synchronize);
			break;
		case NOTIFY_IP_LEARNED:
			if (port != NULL)
				port_ip_note(msg.port_id, msg.family, msg.ip, msg.vlan);
			break;
		case NOTIFY_LOOP:
			if (sw == NULL || port == NULL || !is_new_loop(sw, &msg))
				break;
			if (on_loop != NULL)
				on_loop(sw, port, port_by_id(msg.other_port_id), msg.mac, msg.vlan);
			break;
		case NOTIFY_GUEST: break; // the caller looks
		}
	}
}
