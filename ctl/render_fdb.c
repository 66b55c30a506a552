/* SPDX-License-Identifier: BSD-3-Clause */
// show-fdb
#include <stdio.h>

#include "field.h"
#include "grid.h"
#include "render.h"
#include "text.h"

void render_fdb(const json_t *result, const struct options *options)
{
	json_t *entries = json_object_get(result, "entries"), *entry;
	const json_t *stats = json_object_get(result, "stats");
	struct grid *grid = grid_create(render_width(options));
	char age[TEXT_SIZE];
	size_t i;

	grid_column(grid, "MAC", GRID_LEFT);
	grid_column(grid, "VLAN", GRID_RIGHT);
	grid_column(grid, "PORT", GRID_SHRINK);
	grid_column(grid, "KIND", GRID_LEFT);
	grid_column(grid, "SEEN", GRID_RIGHT);
	json_array_foreach (entries, i, entry) {
		bool fixed = field_true(entry, "static");

		grid_row(grid, "");
		grid_cell(grid, "%s", field_text(entry, "mac"));
		if (field_count(entry, "vlan"))
			grid_cell(grid, "%llu", (unsigned long long)field_count(entry, "vlan"));
		else
			grid_cell(grid, "-");
		grid_cell(grid, "%s", field_text(entry, "port"));
		grid_cell(grid, "%s", fixed ? "static" : "learned");
		if (fixed)
			grid_cell(grid, "-");
		else
			grid_cell(grid, "%s ago", text_age(age, field_count(entry, "age")));
	}
	if (i)
		grid_print(grid);
	grid_destroy(grid);
	if (i)
		putchar('\n');
	grid = grid_create(render_width(options));
	grid_note(grid, "",
		"%zu shown; in the table: %llu of at most %llu, %llu static; since the start: %llu "
		"learned, %llu moved, %llu aged, %llu refused",
		i, (unsigned long long)field_count(stats, "entries"),
		(unsigned long long)field_count(stats, "limit"),
		(unsigned long long)field_count(stats, "static"),
		(unsigned long long)field_count(stats, "learned"),
		(unsigned long long)field_count(stats, "moved"),
		(unsigned long long)field_count(stats, "aged"),
		(unsigned long long)field_count(stats, "refused"));
	grid_print(grid);
	grid_destroy(grid);
}
