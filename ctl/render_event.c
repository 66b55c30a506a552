/* SPDX-License-Identifier: BSD-3-Clause */
// monitor: one line an event
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "render.h"

// 2026-03-01T12:34:56.789Z reads better without the T.
static void print_time(const char *time)
{
	for (const char *p = time; *p; p++)
		putchar(*p == 'T' ? ' ' : *p);
}

void render_event(const json_t *event, const struct options *options)
{
	const char *name = field_text(event, "event"), *key;
	json_t *value;

	print_time(field_text(event, "time"));
	printf("  %-15s", name);
	if (strcmp(name, "overflow") == 0) {
		printf(" %llu events were lost: this reader is too slow\n",
			(unsigned long long)field_count(event, "lost"));
		return;
	}
	json_object_foreach ((json_t *)event, key, value) {
		char *text;

		if (strcmp(key, "seq") == 0 || strcmp(key, "time") == 0 ||
			strcmp(key, "event") == 0)
			continue;
		if (json_is_string(value)) {
			const char *quote = strchr(json_string_value(value), ' ') ? "\"" : "";

			printf(" %s=%s%s%s", key, quote, json_string_value(value), quote);
			continue;
		}
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
		printf(" %s=%s", key, text ? text : "");
		free(text);
	}
	putchar('\n');
}
