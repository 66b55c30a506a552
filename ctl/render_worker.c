/* SPDX-License-Identifier: BSD-3-Clause */
// show-workers
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "grid.h"
#include "render.h"
#include "text.h"

// Cycles a packet, by stage, the dearest first in the daemon's order.
static void stages(struct grid *grid, const json_t *worker)
{
	json_t *stages = json_object_get(worker, "stages"), *cycles;
	double packets = field_number(worker, "packets");
	char line[512] = "";
	const char *name;
	size_t len = 0;

	if (packets < 1)
		return;
	json_object_foreach (stages, name, cycles) {
		if (json_number_value(cycles) == 0 || len > sizeof(line) - 80)
			continue;
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%.40s %.0f",
			len ? ", " : "", name, json_number_value(cycles) / packets);
	}
	if (len)
		grid_note(grid, "  ", "cycles a packet: %s", line);
}

static void queues(struct grid *grid, const json_t *worker)
{
	json_t *queues = json_object_get(worker, "queues"), *queue;
	char *line = NULL, *more;
	size_t i;

	json_array_foreach (queues, i, queue) {
		if (asprintf(&more, "%s%s%s/%llu", line ? line : "", line ? " " : "",
			    field_text(queue, "port"),
			    (unsigned long long)field_count(queue, "queue")) < 0)
			break;
		free(line);
		line = more;
		if (i == 31 && json_array_size(queues) > 32)
			break;
	}
	if (line && json_array_size(queues) > 32)
		grid_note(
			grid, "  ", "queues: %s and %zu more", line, json_array_size(queues) - 32);
	else if (line)
		grid_note(grid, "  ", "queues: %s", line);
	free(line);
}

void render_workers(const json_t *result, const struct options *options)
{
	json_t *workers = json_object_get(result, "workers"), *worker;
	struct grid *grid = grid_create(render_width(options));
	char n[TEXT_SIZE];
	size_t i;

	grid_column(grid, "WORKER", GRID_RIGHT);
	grid_column(grid, "CPU", GRID_RIGHT);
	grid_column(grid, "LOAD", GRID_RIGHT);
	grid_column(grid, "PACKETS", GRID_RIGHT);
	grid_column(grid, "SLEEPS", GRID_RIGHT);
	grid_column(grid, "RING IN", GRID_RIGHT);
	grid_column(grid, "RING OUT", GRID_RIGHT);
	json_array_foreach (workers, i, worker) {
		grid_row(grid, "");
		grid_cell(grid, "%llu", (unsigned long long)field_count(worker, "id"));
		grid_cell(grid, "%llu", (unsigned long long)field_count(worker, "cpu"));
		grid_cell(grid, "%.1f %%", field_number(worker, "load") * 100);
		grid_cell(grid, "%s", text_count(n, field_number(worker, "packets"), ""));
		grid_cell(grid, "%s", text_count(n, field_number(worker, "sleeps"), ""));
		grid_cell(grid, "%s", text_count(n, field_number(worker, "ring_in"), ""));
		grid_cell(grid, "%s", text_count(n, field_number(worker, "ring_out"), ""));
		stages(grid, worker);
		queues(grid, worker);
	}
	if (field_count(result, "mbufs") > 0)
		grid_note(grid, "", "packet buffers: %llu of %llu in use",
			(unsigned long long)field_count(result, "mbufs_in_use"),
			(unsigned long long)field_count(result, "mbufs"));
	grid_print(grid);
	grid_destroy(grid);
}
