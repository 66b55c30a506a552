/* SPDX-License-Identifier: BSD-3-Clause */
#include "render.h"

#include <stdio.h>
#include <string.h>

#include "field.h"
#include "grid.h"
#include "text.h"

size_t render_width(const struct options *options)
{
	return options->wide ? 0 : grid_terminal_width();
}

const char *render_link(const json_t *port, char *buf, size_t size)
{
	const json_t *link = json_object_get(port, "link");
	char speed[TEXT_SIZE];

	if (!field_true(link, "up"))
		snprintf(buf, size,
			field_given(link, "admin_up") && !field_true(link, "admin_up") ? "set down"
										       : "down");
	else if (field_count(link, "speed_mbps"))
		snprintf(buf, size, "up %s", text_speed(speed, field_count(link, "speed_mbps")));
	else
		snprintf(buf, size, "up");
	return buf;
}

// Bytes of the list's beginning that end with a comma and leave room for an ellipsis.
static int list_head(const char *list, size_t max)
{
	size_t n = max - 1;

	while (n > 0 && list[n - 1] != ',')
		n--;
	return (int)(n ? n : max - 1);
}

const char *render_vlan(const json_t *port, size_t list_max, char *buf, size_t size)
{
	const json_t *vlan = json_object_get(port, "vlan");
	const char *mode = field_text(vlan, "mode"), *allowed = field_text(vlan, "allowed");
	unsigned long long native = field_count(vlan, "native");
	char native_text[32] = "";

	if (strcmp(mode, "access") == 0) {
		snprintf(buf, size, "access %llu", (unsigned long long)field_count(vlan, "access"));
		return buf;
	}
	if (strcmp(mode, "trunk") != 0) {
		snprintf(buf, size, "%s", *mode ? mode : "-");
		return buf;
	}
	if (native)
		snprintf(native_text, sizeof(native_text), " native %llu", native);
	if (strcmp(allowed, "1-4094") == 0)
		allowed = "all";
	if (strlen(allowed) <= list_max)
		snprintf(buf, size, "trunk %s%s", allowed, native_text);
	else
		snprintf(buf, size, "trunk %.*s%s%s", list_head(allowed, list_max), allowed,
			text_is_utf8() ? "\u2026" : "~", native_text);
	return buf;
}

// Prints the first len bytes of an action with its verb in the past.
static void print_past(const char *action, size_t len)
{
	static const char *const verbs[][2] = {{"add", "added"}, {"bind", "bound"},
		{"change", "changed"}, {"convert", "converted"}, {"create", "created"},
		{"delete", "deleted"}, {"flush", "flushed"}, {"forget", "forgot"},
		{"move", "moved"}, {"pin", "pinned"}, {"remove", "removed"}, {"rename", "renamed"},
		{"replace", "replaced"}, {"unbind", "unbound"}, {"update", "updated"}};
	size_t verb = strcspn(action, " ");

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strlen(verbs[i][0]) == verb && strncmp(action, verbs[i][0], verb) == 0) {
			fputs(verbs[i][1], stdout);
			action += verb;
			len -= verb;
			break;
		}
	}
	printf("%.*s", (int)len, action);
}

// The daemon tells actions as they would be done; what has been done is told as such.
static void print_done(const char *action)
{
	const char *end;

	while ((end = strstr(action, "; "))) {
		print_past(action, (size_t)(end - action));
		fputs("; ", stdout);
		action = end + 2;
	}
	print_past(action, strlen(action));
	putchar('\n');
}

void render_change(const json_t *result, const struct options *options, bool what_if)
{
	json_t *actions = json_object_get(result, "actions"), *action;
	size_t i;

	if (options->quiet && !what_if)
		return;
	if (json_array_size(actions) == 0)
		puts(field_true(result, "changed") ? "done" : "nothing to change");
	json_array_foreach (actions, i, action) {
		const char *text = json_string_value(action);

		if (what_if)
			printf("would %s\n", text ? text : "?");
		else
			print_done(text ? text : "?");
	}
}
