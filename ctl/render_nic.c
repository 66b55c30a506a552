/* SPDX-License-Identifier: BSD-3-Clause */
// list-nics
#include <stdio.h>

#include "field.h"
#include "grid.h"
#include "render.h"
#include "text.h"

static void cell_or_dash(struct grid *grid, const char *text)
{
	grid_cell(grid, "%s", *text ? text : "-");
}

static void add_nic(struct grid *grid, const json_t *nic)
{
	char speed[TEXT_SIZE];

	grid_row(grid, "");
	cell_or_dash(grid, field_text(nic, "name"));
	cell_or_dash(grid, field_text(nic, "pci"));
	cell_or_dash(grid, field_text(nic, "mac"));
	if (!field_true(nic, "link"))
		grid_cell(grid, "down");
	else if (field_count(nic, "speed_mbps"))
		grid_cell(grid, "up %s", text_speed(speed, field_count(nic, "speed_mbps")));
	else
		grid_cell(grid, "up");
	grid_cell(grid, "%s", field_text(nic, "state"));
	cell_or_dash(grid, field_text(nic, "switch"));
	cell_or_dash(grid, field_text(nic, "port"));
	cell_or_dash(grid, field_text(nic, "role"));
	cell_or_dash(grid, field_text(nic, "kernel_driver"));
	grid_cell(grid, "%llu", (unsigned long long)field_count(nic, "mtu"));
	if (*field_text(nic, "reason"))
		grid_note(grid, "  ", "%s", field_text(nic, "reason"));
}

void render_nics(const json_t *result, const struct options *options)
{
	json_t *nics = json_object_get(result, "nics"), *nic;
	struct grid *grid;
	size_t i;

	if (json_array_size(nics) == 0) {
		puts("no network cards found");
		return;
	}
	grid = grid_create(render_width(options));
	grid_column(grid, "NIC", GRID_SHRINK);
	grid_column(grid, "PCI", GRID_LEFT);
	grid_column(grid, "MAC", GRID_LEFT);
	grid_column(grid, "LINK", GRID_LEFT);
	grid_column(grid, "STATE", GRID_LEFT);
	grid_column(grid, "SWITCH", GRID_SHRINK);
	grid_column(grid, "PORT", GRID_SHRINK | GRID_OPTIONAL);
	grid_column(grid, "ROLE", GRID_LEFT | GRID_OPTIONAL);
	grid_column(grid, "DRIVER", GRID_LEFT | GRID_OPTIONAL);
	grid_column(grid, "MTU", GRID_RIGHT | GRID_OPTIONAL);
	json_array_foreach (nics, i, nic)
		add_nic(grid, nic);
	grid_print(grid);
	grid_destroy(grid);
}
