/* SPDX-License-Identifier: BSD-3-Clause */
// list-ports and show-port
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "grid.h"
#include "render.h"
#include "text.h"

#define IPS_LISTED 4  // the rest shows as a number
#define IP_WIDTH   18 // longer addresses get a line of their own, uncut

static void no_cells(struct grid *grid, int n)
{
	while (n-- > 0)
		grid_cell(grid, "%s", "");
}

// What does not fit into the row of the port comes in lines of its own beneath.
static void add_more_ips(struct grid *grid, json_t *ips, size_t first)
{
	json_t *ip;
	size_t i;

	json_array_foreach (ips, i, ip) {
		const char *text = field_text(ip, "ip");

		if (i == first)
			continue;
		if (i >= IPS_LISTED) {
			grid_note(grid, "  ", "and %zu more addresses", json_array_size(ips) - i);
			return;
		}
		if (strlen(text) > IP_WIDTH) {
			grid_note(grid, "  ", "%s", text);
			continue;
		}
		grid_row(grid, "");
		no_cells(grid, 5);
		grid_cell(grid, "%s", text);
	}
}

// Every interface has a link-local address: it is worth a line only where there is no other.
static json_t *telling_ips(const json_t *port)
{
	json_t *ips = json_object_get(port, "ips"), *ip, *telling = json_array();
	size_t i;

	json_array_foreach (ips, i, ip) {
		if (strncmp(field_text(ip, "ip"), "fe80:", 5) != 0)
			json_array_append(telling, ip);
	}
	if (json_array_size(telling) == 0)
		json_array_extend(telling, ips);
	return telling;
}

static void add_port(struct grid *grid, const json_t *port, size_t vlan_list_max)
{
	json_t *ips = telling_ips(port), *ip;
	size_t i, first = json_array_size(ips);
	const char *shown = first ? "" : "-";
	char text[256];

	json_array_foreach (ips, i, ip) {
		if (i < IPS_LISTED && strlen(field_text(ip, "ip")) <= IP_WIDTH) {
			shown = field_text(ip, "ip");
			first = i;
			break;
		}
	}
	grid_row(grid, "");
	grid_cell(grid, "%s", field_text(port, "name"));
	grid_cell(grid, "%s", field_text(port, "switch"));
	grid_cell(grid, "%s", field_text(port, "type"));
	grid_cell(grid, "%s", render_link(port, text, sizeof(text)));
	grid_cell(grid, "%s", render_vlan(port, vlan_list_max, text, sizeof(text)));
	grid_cell(grid, "%s", shown);
	grid_cell(grid, "%s", field_text(port, "mac"));
	add_more_ips(grid, ips, first);
	json_decref(ips);
}

void render_ports(const json_t *result, const struct options *options)
{
	json_t *ports = json_object_get(result, "ports"), *port;
	struct grid *grid;
	size_t i;

	if (json_array_size(ports) == 0) {
		puts("no ports yet; the first: vswitchctl add-port SWITCH PORT --type tap");
		return;
	}
	grid = grid_create(render_width(options));
	grid_column(grid, "PORT", GRID_SHRINK);
	grid_column(grid, "SWITCH", GRID_SHRINK);
	grid_column(grid, "TYPE", GRID_LEFT);
	grid_column(grid, "LINK", GRID_LEFT);
	grid_column(grid, "VLAN", GRID_SHRINK);
	grid_column(grid, "IP", GRID_LEFT);
	grid_column(grid, "MAC", GRID_OPTIONAL);
	json_array_foreach (ports, i, port)
		add_port(grid, port, options->wide ? SIZE_MAX : VLAN_LIST_SHORT);
	grid_print(grid);
	grid_destroy(grid);
}

// "  key   value", the value wrapped under itself.
static void line(struct grid *grid, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void line(struct grid *grid, const char *key, const char *fmt, ...)
{
	char value[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (!*value)
		return;
	grid_row(grid, "  ");
	grid_cell(grid, "%s", key);
	grid_cell(grid, "%s", value);
}

static void device_lines(struct grid *grid, const json_t *port)
{
	const json_t *nic = json_object_get(port, "nic"), *vhost = json_object_get(port, "vhost");

	line(grid, "interface", "%s", field_text(port, "ifname"));
	line(grid, "namespace", "%s", field_text(port, "netns"));
	line(grid, "devargs", "%s", field_text(port, "devargs"));
	line(grid, "user", "%s", field_text(port, "user"));
	if (nic) {
		line(grid, "NIC", "%s", field_text(nic, "name"));
		line(grid, "PCI", "%s", field_text(nic, "pci"));
		line(grid, "NIC MAC", "%s", field_text(nic, "mac"));
		line(grid, "role", "%s", field_text(nic, "role"));
		line(grid, "driver", "%s%s%s%s", field_text(nic, "driver_in_use"),
			*field_text(nic, "driver") ? " (asked for: " : "",
			field_text(nic, "driver"), *field_text(nic, "driver") ? ")" : "");
	}
	if (vhost) {
		line(grid, "socket", "%s", field_text(vhost, "socket"));
		line(grid, "socket mode", "%s", field_text(vhost, "mode"));
		line(grid, "owner", "%s", field_text(vhost, "owner"));
		// A client's socket is the other side's to own.
		if (strcmp(field_text(vhost, "mode"), "client") != 0)
			line(grid, "permissions", "%s", field_text(vhost, "perm"));
	}
}

static void config_lines(struct grid *grid, const json_t *port)
{
	const char *reason = field_text(json_object_get(port, "link"), "reason");
	json_t *workers = json_object_get(port, "workers"), *worker;
	char text[1024], list[128] = "";
	size_t i, len = 0;

	line(grid, "switch", "%s", field_text(port, "switch"));
	line(grid, "type", "%s", field_text(port, "type"));
	line(grid, "link", "%s%s%s", render_link(port, text, sizeof(text)), *reason ? ": " : "",
		reason);
	line(grid, "VLAN", "%s", render_vlan(port, SIZE_MAX, text, sizeof(text)));
	line(grid, "MAC", "%s", field_text(port, "mac"));
	line(grid, "MTU", "%llu", (unsigned long long)field_count(port, "mtu"));
	device_lines(grid, port);
	json_array_foreach (workers, i, worker) {
		if (len < sizeof(list) - 24)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%lld",
				i ? ", " : "", (long long)json_integer_value(worker));
	}
	line(grid, "queues", "%llu%s%s", (unsigned long long)field_count(port, "queues"),
		*list ? ", on worker " : "", list);
	if (field_count(port, "mac_limit"))
		line(grid, "MACs", "%llu of at most %llu",
			(unsigned long long)field_count(port, "macs"),
			(unsigned long long)field_count(port, "mac_limit"));
	else
		line(grid, "MACs", "%llu", (unsigned long long)field_count(port, "macs"));
}

static void ip_lines(struct grid *grid, const json_t *port)
{
	json_t *ips = json_object_get(port, "ips"), *ip;
	char age[TEXT_SIZE], vlan[32];
	size_t i;

	json_array_foreach (ips, i, ip) {
		snprintf(vlan, sizeof(vlan), ", VLAN %llu",
			(unsigned long long)field_count(ip, "vlan"));
		line(grid, i ? "" : "IPs", "%s (seen %s ago%s)", field_text(ip, "ip"),
			text_age(age, field_count(ip, "age")), field_count(ip, "vlan") ? vlan : "");
	}
}

static void traffic_lines(struct grid *grid, const json_t *port, const char *dir, const char *title)
{
	const json_t *counters = json_object_get(port, "counters");
	const json_t *rates = json_object_get(port, "rates");
	char bytes[TEXT_SIZE], pps[TEXT_SIZE], bps[TEXT_SIZE], key[4][16];
	static const char *const suffix[] = {"packets", "bytes", "pps", "bps"};

	for (int i = 0; i < 4; i++)
		snprintf(key[i], sizeof(key[i]), "%s_%s", dir, suffix[i]);
	line(grid, title, "%llu frames, %s; now %s, %s",
		(unsigned long long)field_count(counters, key[0]),
		text_count(bytes, field_number(counters, key[1]), "B"),
		text_count(pps, field_number(rates, key[2]), "pps"),
		text_count(bps, field_number(rates, key[3]), "bit/s"));
}

static void losses_heading(struct grid *grid, bool *printed)
{
	if (!*printed)
		grid_note(grid, "", "lost frames");
	*printed = true;
}

static void loss_lines(struct grid *grid, const json_t *port, const json_t *reasons)
{
	json_t *drops = json_object_get(json_object_get(port, "counters"), "drops");
	const json_t *lost = json_object_get(port, "lost");
	bool heading = false;
	const char *name;
	json_t *n;

	json_object_foreach (drops, name, n) {
		if (json_integer_value(n) == 0)
			continue;
		losses_heading(grid, &heading);
		line(grid, name, "%lld", (long long)json_integer_value(n));
		if (*field_text(reasons, name))
			grid_note(grid, "      ", "%s", field_text(reasons, name));
	}
	json_object_foreach ((json_t *)lost, name, n) {
		if (json_integer_value(n) == 0)
			continue;
		losses_heading(grid, &heading);
		line(grid, name, "%lld (%s, by the kernel or the device)",
			(long long)json_integer_value(n),
			strcmp(name, "rx_missed") == 0 ? "before the switch" : "after the switch");
	}
}

static struct grid *block(const struct options *options, const char *heading)
{
	struct grid *grid = grid_create(render_width(options));

	grid_column(grid, NULL, GRID_LEFT);
	grid_column(grid, NULL, GRID_SHRINK | GRID_WRAP);
	if (heading)
		grid_note(grid, "", "%s", heading);
	return grid;
}

void render_port(const json_t *result, const struct options *options)
{
	const json_t *port = json_object_get(result, "port"), *value;
	const json_t *counters = json_object_get(port, "counters");
	json_t *driver = json_object_get(port, "driver");
	struct grid *grid = block(options, field_text(port, "name"));
	const char *key;

	config_lines(grid, port);
	ip_lines(grid, port);
	grid_note(grid, "", "traffic (rx: into the switch, tx: out of it)");
	traffic_lines(grid, port, "rx", "rx");
	traffic_lines(grid, port, "tx", "tx");
	if (field_count(counters, "copies"))
		line(grid, "copies", "%llu (made by flooding)",
			(unsigned long long)field_count(counters, "copies"));
	if (field_count(counters, "segments"))
		line(grid, "segments", "%llu (made by segmentation)",
			(unsigned long long)field_count(counters, "segments"));
	loss_lines(grid, port, json_object_get(result, "reasons"));
	if (json_object_size(driver))
		grid_note(grid, "", "driver");
	json_object_foreach (driver, key, value) {
		if (json_is_string(value)) {
			line(grid, key, "%s", json_string_value(value));
		} else {
			char *text = json_dumps(
				value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);

			line(grid, key, "%s", text ? text : "");
			free(text);
		}
	}
	grid_print(grid);
	grid_destroy(grid);
	if (field_given(port, "guest"))
		render_guest(json_object_get(port, "guest"), options);
}
