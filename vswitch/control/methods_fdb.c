/* SPDX-License-Identifier: BSD-3-Clause */
// show-fdb. A table may hold a million entries: the reply is written as text, not built of
// json_t, which would take ten times the memory.
#include "handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vswitch/switch.h>

#include "syntax.h"

// What to list, and what was found.
struct listing {
	const struct vsw_port *port;
	int vlan; // -1: all
	const uint8_t *mac;
	bool statics_only;
	struct fdb_entry *entries;
	size_t n, room;
	bool failed;
};

static bool collect(const struct fdb_entry *entry, void *arg)
{
	struct listing *list = arg;
	struct fdb_entry *entries;

	if ((list->port != NULL && entry->port != list->port->id) ||
		(list->vlan >= 0 && entry->vlan != list->vlan) ||
		(list->mac != NULL && memcmp(entry->mac, list->mac, 6) != 0) ||
		(list->statics_only && !entry->is_static))
		return true;
	if (list->n == list->room) {
		list->room = list->room == 0 ? 256 : 2 * list->room;
		entries = realloc(list->entries, list->room * sizeof(*entries));
		if (entries == NULL) {
			list->failed = true;
			return false;
		}
		list->entries = entries;
	}
	list->entries[list->n++] = *entry;
	return true;
}

static int by_vlan_and_mac(const void *a, const void *b)
{
	const struct fdb_entry *x = a, *y = b;

	if (x->vlan != y->vlan)
		return x->vlan < y->vlan ? -1 : 1;
	return memcmp(x->mac, y->mac, 6);
}

#define ENTRY_TEXT_SIZE (96 + VSW_NAME_SIZE) // an entry's text at its longest
#define STATS_TEXT_SIZE 320

static char *put_text(char *at, const char *text)
{
	size_t len = strlen(text);

	memcpy(at, text, len);
	return at + len;
}

static char *put_number(char *at, uint32_t number)
{
	char digits[10];
	unsigned n = 0;

	do
		digits[n++] = '0' + number % 10;
	while ((number /= 10) != 0);
	while (n > 0)
		*at++ = digits[--n];
	return at;
}

static char *put_mac(char *at, const uint8_t mac[6])
{
	unsigned i;

	for (i = 0; i < 6; i++) {
		*at++ = "0123456789abcdef"[mac[i] >> 4];
		*at++ = "0123456789abcdef"[mac[i] & 15];
		*at++ = ':';
	}
	return at - 1;
}

// By hand: printf would hold up the main thread for more than a second per million entries.
static char *put_entry(char *at, const struct fdb_entry *entry)
{
	const struct vsw_port *port = port_by_id(entry->port);

	at = put_mac(put_text(at, "{\"mac\":\""), entry->mac);
	at = put_number(put_text(at, "\",\"vlan\":"), entry->vlan);
	// Port names need no escapes: their characters are plain.
	at = put_text(put_text(at, ",\"port\":\""), port != NULL ? port->cfg.name : "");
	at = put_text(at,
		entry->is_static ? "\",\"static\":true,\"age\":" : "\",\"static\":false,\"age\":");
	return put_text(put_number(at, entry->age_s), "},");
}

static char *write_text(const struct listing *list, const struct fdb_stats *stats)
{
	char *text = malloc(list->n * ENTRY_TEXT_SIZE + STATS_TEXT_SIZE), *at = text;
	size_t i;

	if (text == NULL)
		return NULL;
	at = put_text(at, "{\"entries\":[");
	for (i = 0; i < list->n; i++)
		at = put_entry(at, &list->entries[i]);
	if (list->n > 0)
		at--; // the last comma
	snprintf(at, STATS_TEXT_SIZE - 16,
		"],\"stats\":{\"entries\":%u,\"static\":%u,\"slots\":%u,\"limit\":%u,"
		"\"learned\":%" PRIu64 ",\"moved\":%" PRIu64 ",\"aged\":%" PRIu64
		",\"refused\":%" PRIu64 "}}",
		stats->entries, stats->statics, stats->slots, stats->limit, stats->learned,
		stats->moved, stats->aged, stats->refused);
	return text;
}

static int find_port(struct rpc_call *call, const struct vsw_switch *sw, struct listing *list)
{
	const char *name = rpc_string(call, "port");

	if (name == NULL)
		return 0;
	list->port = port_find(name);
	if (list->port == NULL || atomic_load(&list->port->sw) != sw)
		return vsw_fail(&call->err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
			"switch '%s' has no port '%s'", sw->cfg.name, name);
	return 0;
}

int handle_show_fdb(struct rpc_call *call)
{
	const char *name = rpc_string(call, "switch"), *mac_text = rpc_string(call, "mac");
	struct vsw_switch *sw = switch_find(name);
	struct listing list = {.vlan = -1, .statics_only = rpc_bool(call, "static")};
	struct fdb_stats stats;
	struct timespec now;
	uint8_t mac[6];
	int ret;

	if (sw == NULL)
		return vsw_fail(&call->err, VSW_E_NOT_FOUND, "see: vswitchctl list-switches",
			"switch '%s' does not exist", name);
	ret = find_port(call, sw, &list);
	if (ret < 0)
		return ret;
	if (rpc_has(call, "vlan"))
		list.vlan = rpc_uint(call, "vlan", 0);
	if (mac_text != NULL && mac_parse(mac_text, mac) == 0)
		list.mac = mac;
	clock_gettime(CLOCK_MONOTONIC, &now);
	fdb_walk(sw->fdb, now.tv_sec, collect, &list);
	if (list.n > 0)
		qsort(list.entries, list.n, sizeof(*list.entries), by_vlan_and_mac);
	fdb_get_stats(sw->fdb, &stats);
	if (!list.failed)
		call->result_text = write_text(&list, &stats);
	free(list.entries);
	return call->result_text != NULL
	               ? 0
	               : vsw_fail(&call->err, VSW_E_LIMIT, "narrow it: vlan, port or mac",
				 "out of memory for the table of '%s'", name);
}
