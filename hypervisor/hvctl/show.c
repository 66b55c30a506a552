/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "text.h"

static void line(const char *key, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void line(const char *key, const char *fmt, ...)
{
	va_list ap;

	printf("  %-9s ", key);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void console_line(const json_t *m)
{
	uint64_t viewers = number_of(m, "viewers"), left_out = number_of(m, "console_left_out");
	char place[TEXT_SIZE], more[64] = "";

	if (left_out > 0)
		snprintf(more, sizeof(more), ", %" PRIu64 " bytes left out for slow readers",
			left_out);
	line("console", "%s, %" PRIu64 " viewer%s%s", text_of(m, "console", place), viewers,
		viewers == 1 ? "" : "s", more);
}

static void exits_line(const json_t *m)
{
	const json_t *exits = json_object_get(m, "exits");
	const char *reason;
	char text[512] = "";
	size_t used = 0;
	json_t *value;

	json_object_foreach ((json_t *)exits, reason, value) {
		json_int_t n = json_integer_value(value);

		if (n != 0 && strcmp(reason, "returns") != 0 && used < sizeof(text))
			used += snprintf(text + used, sizeof(text) - used, "%s%s %lld",
				used > 0 ? ", " : "", reason, (long long)n);
	}
	line("exits", "%" PRIu64 "%s%s", number_of(exits, "returns"), used > 0 ? ": " : "", text);
}

static void show_nics(const json_t *m)
{
	static const char *const titles[] = {"NIC", "PORT", "MAC", "STATE", NULL};
	json_t *nics = json_object_get(m, "nics"), *nic;
	char name[TEXT_SIZE], port[TEXT_SIZE], mac[TEXT_SIZE], state[TEXT_SIZE], reason[TEXT_SIZE];
	struct table *t;
	size_t i;

	if (json_array_size(nics) == 0) {
		line("NICs", "none; hvctl add-nic %s port=PORT adds one", text_of(m, "name", name));
		return;
	}
	putchar('\n');
	t = table_create(titles);
	json_array_foreach (nics, i, nic) {
		table_row(t, (const char *const[]){text_of(nic, "name", name),
				     text_of(nic, "port", port), text_of(nic, "mac", mac),
				     text_of(nic, "state", state)});
		if (*text_of(nic, "reason", reason) != '\0')
			table_note(t, reason);
	}
	table_print_and_free(t);
}

static void show_text(const json_t *m)
{
	char name[TEXT_SIZE], state[TEXT_SIZE], age[TEXT_SIZE], memory[TEXT_SIZE],
		version[TEXT_SIZE], software[TEXT_SIZE];

	printf("machine %s: %s, up %s\n", text_of(m, "name", name), text_of(m, "state", state),
		text_age(number_of(m, "uptime"), age));
	line("process", "%" PRIu64 ", %s", number_of(m, "pid"), text_of(m, "software", software));
	line("memory", "%s in %s pages", text_bytes(number_of(m, "memory"), memory),
		json_is_true(json_object_get(m, "huge_pages")) ? "huge" : "small");
	line("CPUs", "%" PRIu64, number_of(m, "vcpus"));
	line("VMBus", "%s",
		*text_of(m, "vmbus_version", version) != '\0' ? version
							      : "no contact with the guest yet");
	line("resets", "%" PRIu64, number_of(m, "resets"));
	console_line(m);
	exits_line(m);
	show_nics(m);
}

int cmd_show(const struct args *args)
{
	struct machine m;
	int ret = machine_open(&m, args);
	json_t *result;

	if (ret != 0)
		return ret;
	result = machine_call(&m, "show", NULL);
	machine_close(&m);
	if (result == NULL)
		return HVCTL_FAILED;
	if (args->json)
		print_json(result);
	else
		show_text(result);
	json_decref(result);
	return HVCTL_DONE;
}
