/* SPDX-License-Identifier: BSD-3-Clause */
// list-switches
#include <stdio.h>

#include "field.h"
#include "grid.h"
#include "render.h"
#include "text.h"

void render_switches(const json_t *result, const struct options *options)
{
	json_t *switches = json_object_get(result, "switches"), *sw;
	struct grid *grid;
	size_t i;

	if (json_array_size(switches) == 0) {
		puts("no switches yet; the first: vswitchctl add-switch NAME");
		return;
	}
	grid = grid_create(render_width(options));
	grid_column(grid, "SWITCH", GRID_SHRINK);
	grid_column(grid, "TYPE", GRID_LEFT);
	grid_column(grid, "UPLINK", GRID_SHRINK);
	grid_column(grid, "PORTS", GRID_RIGHT);
	grid_column(grid, "MACS", GRID_RIGHT);
	grid_column(grid, "STATIC", GRID_RIGHT);
	grid_column(grid, "LIMIT", GRID_RIGHT);
	grid_column(grid, "AGEING", GRID_RIGHT);
	grid_column(grid, "LOOPS", GRID_RIGHT);
	json_array_foreach (switches, i, sw) {
		const char *uplink = field_text(sw, "uplink");

		grid_row(grid, "");
		grid_cell(grid, "%s", field_text(sw, "name"));
		grid_cell(grid, "%s", field_text(sw, "type"));
		grid_cell(grid, "%s", *uplink ? uplink : "-");
		grid_cell(grid, "%llu", (unsigned long long)field_count(sw, "n_ports"));
		grid_cell(grid, "%llu", (unsigned long long)field_count(sw, "macs"));
		grid_cell(grid, "%llu", (unsigned long long)field_count(sw, "static_macs"));
		grid_cell(grid, "%llu", (unsigned long long)field_count(sw, "mac_limit"));
		if (field_count(sw, "ageing"))
			grid_cell(grid, "%llu s", (unsigned long long)field_count(sw, "ageing"));
		else
			grid_cell(grid, "never");
		grid_cell(grid, "%llu", (unsigned long long)field_count(sw, "loops"));
	}
	grid_print(grid);
	grid_destroy(grid);
}
