/* SPDX-License-Identifier: BSD-3-Clause */
// show-stats, show-workers.
#include "handlers.h"

#include <stdlib.h>
#include <string.h>

#include <vswitch/mbuf_pool.h>
#include <vswitch/worker.h>

#include "reconcile.h"
#include "view.h"

struct totals {
	uint64_t received, copies, segments, delivered, dropped;
};

static void add_up(struct totals *totals, const struct vsw_counters *counters)
{
	unsigned i;

	totals->received += counters->rx_packets;
	totals->copies += counters->copies;
	totals->segments += counters->segments;
	totals->delivered += counters->tx_packets;
	for (i = 0; i < DROP_COUNT; i++)
		totals->dropped += counters->drops[i];
}

static json_t *totals_json(const struct totals *totals)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "received", (json_int_t)totals->received,
		"copies", (json_int_t)totals->copies, "segments", (json_int_t)totals->segments,
		"delivered", (json_int_t)totals->delivered, "dropped", (json_int_t)totals->dropped,
		"balanced",
		totals->received + totals->copies + totals->segments ==
			totals->delivered + totals->dropped);
}

static json_t *port_json(struct vsw_port *port, const struct vsw_counters *counters)
{
	json_t *json =
		json_pack("{s:s, s:s}", "name", port->cfg.name, "switch", port->cfg.switch_name);

	view_counters(json, counters);
	json_object_set_new(json, "lost", view_lost(port));
	json_object_set_new(json, "rates", view_rates(port));
	return json;
}

// A configured port that could not be opened has nothing to count.
static json_t *down_port_json(const struct port_config *cfg)
{
	static const struct vsw_port_ops ops = {.type = "none"};
	const struct vsw_counters none = {};
	struct vsw_port port = {.ops = &ops, .cfg = *cfg};

	return port_json(&port, &none);
}

// From *at on, as far as their names come before that one (NULL: all).
static void append_down_ports(json_t *array, const char *only, unsigned *at, const char *before)
{
	const struct config *cfg = config_current();

	for (; cfg != NULL && *at < cfg->n_ports; ++*at) {
		const struct port_config *port = &cfg->ports[*at].cfg;

		if (before != NULL && strcmp(port->name, before) >= 0)
			return;
		if (config_port_failure(port->name) != NULL &&
			(only == NULL || strcmp(port->name, only) == 0))
			json_array_append_new(array, down_port_json(port));
	}
}

static json_t *reasons_json(void)
{
	json_t *json = json_object();
	unsigned i;

	for (i = 0; i < DROP_COUNT; i++)
		json_object_set_new(json, vsw_drop_names[i], json_string(vsw_drop_help[i]));
	return json;
}

int handle_show_stats(struct rpc_call *call)
{
	const char *name = rpc_string(call, "port");
	unsigned at = 0;
	json_t *array, *deleted;
	struct vsw_counters counters;
	struct totals totals = {};
	struct vsw_port **ports;
	int n, i;

	if (name != NULL && port_find(name) == NULL && config_port_failure(name) == NULL)
		return vsw_fail(&call->err, VSW_E_NOT_FOUND, "see: vswitchctl list-ports",
			"port '%s' does not exist", name);
	n = view_ports(NULL, &ports);
	if (n < 0)
		return vsw_fail(&call->err, VSW_E_LIMIT, NULL, "out of memory");
	array = json_array();
	deleted = json_object();
	for (i = 0; i < n; i++) {
		append_down_ports(array, name, &at, ports[i]->cfg.name);
		counters_sum(ports[i]->id, &counters);
		add_up(&totals, &counters);
		if (name == NULL || strcmp(ports[i]->cfg.name, name) == 0)
			json_array_append_new(array, port_json(ports[i], &counters));
	}
	append_down_ports(array, name, &at, NULL);
	free(ports);
	counters_sum(0, &counters); // deleted ports'
	add_up(&totals, &counters);
	view_counters(deleted, &counters);
	call->result = json_pack(
		"{s:o, s:o, s:o}", "ports", array, "deleted", deleted, "sum", totals_json(&totals));
	if (rpc_bool(call, "drops"))
		json_object_set_new(call->result, "reasons", reasons_json());
	return 0;
}

static json_t *queues_json(unsigned worker)
{
	json_t *array = json_array();
	struct vsw_port *port = NULL;
	int queue;

	while ((port = port_next(port)) != NULL)
		for (queue = 0; queue < port->n_rx_queues; queue++)
			if (workers_owner(port, queue) == (int)worker)
				json_array_append_new(
					array, json_pack("{s:s, s:i}", "port", port->cfg.name,
						       "queue", queue));
	return array;
}

static json_t *stages_json(const struct worker_stats *stats)
{
	json_t *json = json_object();
	unsigned i;

	for (i = 0; i < sizeof(worker_stage_names) / sizeof(worker_stage_names[0]); i++)
		json_object_set_new(
			json, worker_stage_names[i], json_integer(stats->stage_cycles[i]));
	return json;
}

int handle_show_workers(struct rpc_call *call)
{
	json_t *array = json_array();
	struct worker_stats stats;
	unsigned i;

	for (i = 0; i < workers_count(); i++) {
		workers_get_stats(i, &stats);
		json_array_append_new(array,
			json_pack("{s:i, s:i, s:f, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "id",
				(int)i, "cpu", (int)stats.cpu, "load", stats.load, "queues",
				queues_json(i), "packets", (json_int_t)stats.packets, "sleeps",
				(json_int_t)stats.sleeps, "busy_cycles",
				(json_int_t)stats.busy_cycles, "idle_cycles",
				(json_int_t)stats.idle_cycles, "ring_in", (json_int_t)stats.ring_in,
				"ring_out", (json_int_t)stats.ring_out, "stages",
				stages_json(&stats)));
	}
	call->result = json_pack("{s:o, s:I, s:I}", "workers", array, "mbufs",
		(json_int_t)mbuf_total(), "mbufs_in_use", (json_int_t)mbuf_in_use());
	return 0;
}
