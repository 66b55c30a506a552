/* SPDX-License-Identifier: BSD-3-Clause */
// show: switches and their ports as a tree
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "grid.h"
#include "render.h"
#include "text.h"

#define IPS_SHOWN 6

struct branches {
	const char *port, *last_port; // leads to a port
	const char *under, *under_last;
};

static const struct branches utf8_branches = {"├─ ", "└─ ", "│    ", "     "};
static const struct branches ascii_branches = {"|- ", "`- ", "|    ", "     "};

static void rate(struct grid *grid, const json_t *rates, const char *direction)
{
	char pps[TEXT_SIZE], bps[TEXT_SIZE], key[16];
	double packets, bits;

	snprintf(key, sizeof(key), "%s_pps", direction);
	packets = field_number(rates, key);
	snprintf(key, sizeof(key), "%s_bps", direction);
	bits = field_number(rates, key);
	grid_cell(grid, "%s", direction);
	if (packets < 0.5) {
		grid_cell(grid, "idle");
		return;
	}
	grid_cell(grid, "%s", text_count(pps, packets, "pps"));
	grid_cell(grid, "%s", text_count(bps, bits, "bit/s"));
}

static void addresses(struct grid *grid, const json_t *port, const char *prefix)
{
	json_t *ips = json_object_get(port, "ips"), *ip;
	char line[64 * (IPS_SHOWN + 1)] = "";
	size_t i, len = 0, n = json_array_size(ips);

	json_array_foreach (ips, i, ip) {
		if (i == IPS_SHOWN)
			break;
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%.60s", i ? " " : "",
			field_text(ip, "ip"));
	}
	if (n > IPS_SHOWN)
		snprintf(line + len, sizeof(line) - len, " and %zu more", n - IPS_SHOWN);
	if (n)
		grid_note(grid, prefix, "%s", line);
}

static bool busy(const json_t *rates)
{
	return field_number(rates, "rx_pps") >= 0.5 || field_number(rates, "tx_pps") >= 0.5;
}

static void add_port(struct grid *grid, const json_t *port, const char *branch, const char *under,
	size_t vlan_list_max)
{
	const json_t *rates = json_object_get(port, "rates");
	const char *reason = field_text(json_object_get(port, "link"), "reason");
	const char *netns = field_text(port, "netns");
	char text[256];

	grid_row(grid, branch);
	grid_cell(grid, "%s", field_text(port, "name"));
	grid_cell(grid, "%s", field_text(port, "type"));
	grid_cell(grid, "%s", render_link(port, text, sizeof(text)));
	grid_cell(grid, "%s", render_vlan(port, vlan_list_max, text, sizeof(text)));
	if (busy(rates)) {
		rate(grid, rates, "rx");
		grid_row(grid, under);
		for (int i = 0; i < 4; i++)
			grid_cell(grid, "%s", "");
		rate(grid, rates, "tx");
	} else {
		grid_cell(grid, "idle");
	}
	if (*netns)
		grid_note(grid, under, "in namespace %s", netns);
	if (*reason && !field_true(json_object_get(port, "link"), "up"))
		grid_note(grid, under, "%s", reason);
	addresses(grid, port, under);
}

static void add_heading(struct grid *grid, const json_t *sw)
{
	const char *uplink = field_text(sw, "uplink"), *type = field_text(sw, "type");
	unsigned long long macs = field_count(sw, "macs"), loops;
	size_t n_ports = json_array_size(json_object_get(sw, "ports"));
	char note[48] = "";

	loops = field_count(sw, "loops");
	if (loops)
		snprintf(note, sizeof(note), ", %llu loops seen", loops);
	grid_note(grid, "", "%s (%s%s%s%s): %zu port%s, %llu MAC%s%s", field_text(sw, "name"), type,
		*uplink ? ", uplink " : "", uplink,
		!*uplink && strcmp(type, "external") == 0 ? ", no uplink" : "", n_ports,
		n_ports == 1 ? "" : "s", macs, macs == 1 ? "" : "s", note);
}

void render_tree(const json_t *result, const struct options *options)
{
	const struct branches *b = text_is_utf8() ? &utf8_branches : &ascii_branches;
	json_t *switches = json_object_get(result, "switches"), *sw, *port;
	size_t i, p;

	if (json_array_size(switches) == 0)
		puts("no switches yet; the first: vswitchctl add-switch NAME");
	json_array_foreach (switches, i, sw) {
		json_t *ports = json_object_get(sw, "ports");
		struct grid *grid = grid_create(render_width(options));

		grid_column(grid, NULL, GRID_SHRINK); // name
		grid_column(grid, NULL, GRID_LEFT);   // type
		grid_column(grid, NULL, GRID_LEFT);   // link
		grid_column(grid, NULL, GRID_SHRINK); // VLANs
		grid_column(grid, NULL, GRID_LEFT);   // rx or tx
		grid_column(grid, NULL, GRID_RIGHT);
		grid_column(grid, NULL, GRID_RIGHT);
		add_heading(grid, sw);
		json_array_foreach (ports, p, port) {
			bool last = p + 1 == json_array_size(ports);

			add_port(grid, port, last ? b->last_port : b->port,
				last ? b->under_last : b->under,
				options->wide ? SIZE_MAX : VLAN_LIST_TREE);
		}
		if (i)
			putchar('\n');
		grid_print(grid);
		grid_destroy(grid);
	}
}
