/* SPDX-License-Identifier: BSD-3-Clause */
// show-stats: totals and rates of each port, and the matrix of drops
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "grid.h"
#include "render.h"
#include "text.h"

#define NAME_WIDTH 20

static uint64_t dropped(const json_t *counters)
{
	json_t *n;
	const char *reason;
	uint64_t sum = 0;

	json_object_foreach (json_object_get(counters, "drops"), reason, n)
		sum += (uint64_t)json_integer_value(n);
	return sum;
}

static uint64_t lost(const json_t *counters)
{
	const json_t *l = json_object_get(counters, "lost");

	return field_count(l, "rx_missed") + field_count(l, "tx_lost");
}

static const json_t *same_port(const json_t *previous, const char *name)
{
	json_t *port;
	size_t i;

	json_array_foreach (json_object_get(previous, "ports"), i, port) {
		if (strcmp(field_text(port, "name"), name) == 0)
			return port;
	}
	return NULL;
}

static void add_totals(struct grid *grid, const json_t *port)
{
	char n[TEXT_SIZE];

	grid_cell(grid, "%llu", (unsigned long long)field_count(port, "rx_packets"));
	grid_cell(grid, "%s", text_count(n, field_number(port, "rx_bytes"), "B"));
	grid_cell(grid, "%llu", (unsigned long long)field_count(port, "tx_packets"));
	grid_cell(grid, "%s", text_count(n, field_number(port, "tx_bytes"), "B"));
	grid_cell(grid, "%llu", (unsigned long long)dropped(port));
	grid_cell(grid, "%llu", (unsigned long long)lost(port));
}

// Rates are the daemon's; drops are counted from one picture to the next.
static void add_rates(struct grid *grid, const json_t *port, const json_t *before)
{
	const json_t *rates = json_object_get(port, "rates");
	uint64_t drops = dropped(port), earlier = before ? dropped(before) : drops;
	char n[TEXT_SIZE];

	grid_cell(grid, "%s", text_count(n, field_number(rates, "rx_pps"), "pps"));
	grid_cell(grid, "%s", text_count(n, field_number(rates, "rx_bps"), "bit/s"));
	grid_cell(grid, "%s", text_count(n, field_number(rates, "tx_pps"), "pps"));
	grid_cell(grid, "%s", text_count(n, field_number(rates, "tx_bps"), "bit/s"));
	grid_cell(grid, "%s", text_count(n, drops > earlier ? (double)(drops - earlier) : 0, "/s"));
	grid_cell(grid, "%llu", (unsigned long long)lost(port));
}

static void print_sum(const json_t *result, const struct options *options)
{
	const json_t *sum = json_object_get(result, "sum");
	struct grid *grid = grid_create(render_width(options));

	grid_note(grid, "",
		"all ports: received %llu + copies %llu + segments %llu = delivered %llu + dropped "
		"%llu%s",
		(unsigned long long)field_count(sum, "received"),
		(unsigned long long)field_count(sum, "copies"),
		(unsigned long long)field_count(sum, "segments"),
		(unsigned long long)field_count(sum, "delivered"),
		(unsigned long long)field_count(sum, "dropped"),
		field_true(sum, "balanced") ? "" : " (not yet: frames are on their way)");
	grid_print(grid);
	grid_destroy(grid);
}

void render_stats(const json_t *result, const json_t *previous, const struct options *options)
{
	json_t *ports = json_object_get(result, "ports"), *port;
	struct grid *grid = grid_create(render_width(options));
	bool rates = options->watch;
	size_t i;

	grid_column(grid, "PORT", GRID_SHRINK);
	grid_column(grid, "SWITCH", GRID_SHRINK | GRID_OPTIONAL);
	grid_column(grid, rates ? "RX" : "RX FRAMES", GRID_RIGHT);
	grid_column(grid, rates ? "" : "RX BYTES", GRID_RIGHT);
	grid_column(grid, rates ? "TX" : "TX FRAMES", GRID_RIGHT);
	grid_column(grid, rates ? "" : "TX BYTES", GRID_RIGHT);
	grid_column(grid, "DROPS", GRID_RIGHT);
	grid_column(grid, "LOST", GRID_RIGHT | GRID_OPTIONAL);
	json_array_foreach (ports, i, port) {
		grid_row(grid, "");
		grid_cell(grid, "%s", field_text(port, "name"));
		grid_cell(grid, "%s", field_text(port, "switch"));
		if (rates)
			add_rates(grid, port, same_port(previous, field_text(port, "name")));
		else
			add_totals(grid, port);
	}
	if (i)
		grid_print(grid);
	else
		puts("no ports yet; the first: vswitchctl add-port SWITCH PORT --type tap");
	grid_destroy(grid);
	putchar('\n');
	print_sum(result, options);
}

struct reasons {
	const char **names;
	size_t n;
};

static void reason_add(struct reasons *reasons, const json_t *counters)
{
	const char *name;
	json_t *n;

	json_object_foreach (json_object_get(counters, "drops"), name, n) {
		size_t i = 0;

		while (i < reasons->n && strcmp(reasons->names[i], name) != 0)
			i++;
		if (json_integer_value(n) == 0 || i < reasons->n)
			continue;
		reasons->names =
			realloc(reasons->names, (reasons->n + 1) * sizeof(*reasons->names));
		if (!reasons->names)
			abort();
		reasons->names[reasons->n++] = name;
	}
}

static void add_drops(
	struct grid *grid, const char *name, const json_t *counters, const char **reasons, size_t n)
{
	const json_t *drops = json_object_get(counters, "drops");
	bool any = false;

	for (size_t r = 0; r < n; r++)
		any |= field_count(drops, reasons[r]) > 0;
	if (!any)
		return;
	grid_row(grid, "");
	grid_cell(grid, "%s", name);
	for (size_t r = 0; r < n; r++) {
		if (field_count(drops, reasons[r]))
			grid_cell(grid, "%llu", (unsigned long long)field_count(drops, reasons[r]));
		else
			grid_cell(grid, "-");
	}
}

static size_t matrix(
	const json_t *result, const struct options *options, const char **reasons, size_t n)
{
	size_t width = options->wide ? SIZE_MAX : render_width(options), used = NAME_WIDTH,
	       fits = 0, i;
	struct grid *grid = grid_create(render_width(options));
	json_t *port;

	grid_column(grid, "PORT", GRID_SHRINK);
	// 15 more columns are the most a grid has room for beside the name.
	for (; fits < n && fits < 15; fits++) {
		size_t column = strlen(reasons[fits]);

		used += 2 + (column < 10 ? 10 : column);
		if (fits && used > width)
			break;
		grid_column(grid, reasons[fits], GRID_RIGHT);
	}
	json_array_foreach (json_object_get(result, "ports"), i, port)
		add_drops(grid, field_text(port, "name"), port, reasons, fits);
	add_drops(grid, "(deleted ports)", json_object_get(result, "deleted"), reasons, fits);
	grid_print(grid);
	grid_destroy(grid);
	putchar('\n');
	return fits;
}

void render_drops(const json_t *result, const struct options *options)
{
	const json_t *help = json_object_get(result, "reasons");
	struct reasons reasons = {};
	struct grid *grid;
	json_t *port;
	size_t i;

	json_array_foreach (json_object_get(result, "ports"), i, port)
		reason_add(&reasons, port);
	reason_add(&reasons, json_object_get(result, "deleted"));
	if (reasons.n == 0)
		puts("no drops\n");
	for (i = 0; i < reasons.n;)
		i += matrix(result, options, reasons.names + i, reasons.n - i);
	grid = grid_create(render_width(options));
	grid_column(grid, NULL, GRID_LEFT);
	grid_column(grid, NULL, GRID_SHRINK);
	for (i = 0; i < reasons.n; i++) {
		if (!*field_text(help, reasons.names[i]))
			continue;
		grid_row(grid, "");
		grid_cell(grid, "%s", reasons.names[i]);
		grid_cell(grid, "%s", field_text(help, reasons.names[i]));
	}
	grid_print(grid);
	grid_destroy(grid);
	if (reasons.n)
		putchar('\n');
	print_sum(result, options);
	free(reasons.names);
}
