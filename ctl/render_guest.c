/* SPDX-License-Identifier: BSD-3-Clause */
// list-guests, the guest's side of show-port, and diagnose-port
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "grid.h"
#include "render.h"
#include "text.h"

static void add_guest(struct grid *grid, const json_t *guest)
{
	const char *on = field_text(guest, "switch");

	grid_row(grid, "");
	grid_cell(grid, "%s", field_text(guest, "port"));
	grid_cell(grid, "%s", *on ? on : "-");
	grid_cell(grid, "%s", field_text(guest, "partition"));
	grid_cell(grid, "%s", field_text(guest, "nic"));
	grid_cell(grid, "%s", field_text(guest, "state"));
	grid_cell(grid, "%s", field_text(guest, "stage"));
	grid_cell(grid, "%s", field_text(guest, "mac"));
	grid_cell(grid, "%s", field_text(guest, "since"));
	grid_cell(grid, "%llu", (unsigned long long)field_count(guest, "pid"));
	if (*field_text(guest, "reason"))
		grid_note(grid, "  ", "%s", field_text(guest, "reason"));
}

void render_guests(const json_t *result, const struct options *options)
{
	json_t *guests = json_object_get(result, "guests"), *guest;
	struct grid *grid;
	size_t i;

	if (json_array_size(guests) == 0) {
		puts("no guest is attached; a guest's NIC asks for a port: vswitchctl add-port "
		     "SWITCH PORT --type vmnic");
		return;
	}
	grid = grid_create(render_width(options));
	grid_column(grid, "PORT", GRID_SHRINK);
	grid_column(grid, "SWITCH", GRID_SHRINK);
	grid_column(grid, "PARTITION", GRID_SHRINK);
	grid_column(grid, "NIC", GRID_SHRINK);
	grid_column(grid, "STATE", GRID_LEFT);
	grid_column(grid, "DRIVER", GRID_LEFT);
	grid_column(grid, "MAC", GRID_LEFT | GRID_OPTIONAL);
	grid_column(grid, "SINCE", GRID_LEFT | GRID_OPTIONAL);
	grid_column(grid, "PID", GRID_RIGHT | GRID_OPTIONAL);
	json_array_foreach (guests, i, guest)
		add_guest(grid, guest);
	grid_print(grid);
	grid_destroy(grid);
}

static void line(struct grid *grid, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void line(struct grid *grid, const char *key, const char *fmt, ...)
{
	char value[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	grid_row(grid, "  ");
	grid_cell(grid, "%s", key);
	grid_cell(grid, "%s", value);
}

static const char *words(const json_t *object, const char *key, char *text, size_t size)
{
	json_t *array = json_object_get(object, key), *word;
	size_t i, len = 0;

	snprintf(text, size, "none");
	json_array_foreach (array, i, word) {
		const char *w = json_string_value(word);

		if (w && len < size)
			len += (size_t)snprintf(text + len, size - len, "%s%s", i ? ", " : "", w);
	}
	return text;
}

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

static void buffer_line(struct grid *grid, const json_t *guest, const char *key, const char *title)
{
	const json_t *buffer = json_object_get(guest, key);
	char bytes[TEXT_SIZE];

	if (field_count(buffer, "bytes") == 0)
		line(grid, title, "none yet");
	else
		line(grid, title, "%s in sections of %llu bytes",
			text_count(bytes, field_number(buffer, "bytes"), "B"),
			(unsigned long long)field_count(buffer, "section"));
}

static unsigned percent(const json_t *queue, const char *used, const char *size)
{
	uint64_t of = field_count(queue, size);

	return of ? (unsigned)(field_count(queue, used) * 100 / of) : 0;
}

static void queue_lines(struct grid *grid, const json_t *guest)
{
	json_t *queues = json_object_get(guest, "queues"), *q;
	char key[32], rx[TEXT_SIZE], tx[TEXT_SIZE];
	size_t i;

	json_array_foreach (queues, i, q) {
		snprintf(key, sizeof(key), "queue %llu",
			(unsigned long long)field_count(q, "queue"));
		line(grid, key,
			"rx %s, ring %u%% full; tx %s, ring %u%%; %llu of %llu sections lent; "
			"%llu interrupts, %llu spared",
			text_count(rx, field_number(q, "rx_packets"), "frames"),
			percent(q, "rx_ring_used", "rx_ring_size"),
			text_count(tx, field_number(q, "tx_packets"), "frames"),
			percent(q, "tx_ring_used", "tx_ring_size"),
			(unsigned long long)field_count(q, "sections_lent"),
			(unsigned long long)field_count(q, "sections"),
			(unsigned long long)field_count(q, "interrupts"),
			(unsigned long long)field_count(q, "interrupts_spared"));
	}
}

static void identity_lines(struct grid *grid, const json_t *guest)
{
	char bytes[TEXT_SIZE];

	line(grid, "state", "%s%s%s", field_text(guest, "state"),
		*field_text(guest, "reason") ? ": " : "", field_text(guest, "reason"));
	line(grid, "attached", "%s%s", field_text(guest, "since"),
		field_true(guest, "resumed") ? ", taken over from an earlier run" : "");
	line(grid, "partition", "%s, NIC %s, %s of memory", field_text(guest, "partition"),
		field_text(guest, "nic"), text_count(bytes, field_number(guest, "memory"), "B"));
	line(grid, "hypervisor", "%s, process %llu of user %llu", field_text(guest, "software"),
		(unsigned long long)field_count(guest, "pid"),
		(unsigned long long)field_count(guest, "uid"));
	line(grid, "guest's MAC", "%s", field_text(guest, "mac"));
}

void render_guest(const json_t *guest, const struct options *options)
{
	struct grid *grid = grid_create(render_width(options));
	char text[256];

	grid_column(grid, NULL, GRID_LEFT);
	grid_column(grid, NULL, GRID_SHRINK | GRID_WRAP);
	grid_note(grid, "", "guest");
	identity_lines(grid, guest);
	line(grid, "driver", "%s; VMBus %s, NVSP %s, NDIS %s", field_text(guest, "stage"),
		or_dash(field_text(guest, "vmbus_version")),
		or_dash(field_text(guest, "nvsp_version")),
		or_dash(field_text(guest, "ndis_version")));
	line(grid, "link shown", "%s", field_true(guest, "link") ? "up" : "down");
	line(grid, "filter", "%s", words(guest, "filter", text, sizeof(text)));
	line(grid, "offloads", "%s", words(guest, "offloads", text, sizeof(text)));
	line(grid, "channels", "%zu of at most %llu, RSS %s",
		json_array_size(json_object_get(guest, "queues")),
		(unsigned long long)field_count(guest, "max_queues"),
		field_true(guest, "rss") ? "on" : "off");
	buffer_line(grid, guest, "receive_buffer", "receive buffer");
	buffer_line(grid, guest, "send_buffer", "send buffer");
	queue_lines(grid, guest);
	if (field_count(guest, "bad_messages") || field_count(guest, "bad_frames"))
		line(grid, "malformed", "%llu messages, %llu frames",
			(unsigned long long)field_count(guest, "bad_messages"),
			(unsigned long long)field_count(guest, "bad_frames"));
	grid_print(grid);
	grid_destroy(grid);
}

void render_diagnosis(const json_t *result, const struct options *options)
{
	json_t *steps = json_object_get(result, "steps"), *step;
	struct grid *grid = grid_create(render_width(options));
	size_t i;

	grid_column(grid, NULL, GRID_LEFT);
	grid_column(grid, NULL, GRID_SHRINK);
	grid_column(grid, NULL, GRID_SHRINK | GRID_WRAP);
	grid_note(grid, "", "%s: %s", field_text(result, "port"),
		field_true(result, "ok") ? "nothing is in the way" : "does not work yet");
	json_array_foreach (steps, i, step) {
		const char *state = field_text(step, "state");

		// What comes after the first fault says nothing.
		if (strcmp(state, "skipped") == 0)
			continue;
		grid_row(grid, "  ");
		grid_cell(grid, "%s", state);
		grid_cell(grid, "%s", field_text(step, "name"));
		grid_cell(grid, "%s", field_text(step, "detail"));
		if (*field_text(step, "remedy"))
			grid_note(grid, "      ", "%s", field_text(step, "remedy"));
	}
	grid_print(grid);
	grid_destroy(grid);
}
