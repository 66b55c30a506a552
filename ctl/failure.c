/* SPDX-License-Identifier: BSD-3-Clause */
#include "failure.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "options.h"
#include "text.h"

#define JSONRPC_METHOD_NOT_FOUND (-32601)
#define JSONRPC_INVALID_PARAMS   (-32602)

int failure_set(struct failure *failure, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	failure->code = 0;
	va_start(ap, fmt);
	vsnprintf(failure->reason, sizeof(failure->reason), fmt, ap);
	va_end(ap);
	snprintf(failure->remedy, sizeof(failure->remedy), "%s", remedy ? remedy : "");
	return -1;
}

int failure_from_reply(struct failure *failure, const json_t *error)
{
	const char *message = json_string_value(json_object_get(error, "message"));
	const json_t *data = json_object_get(error, "data");
	const char *remedy = json_string_value(json_object_get(data, "remedy"));
	char *clean_message =
		text_clean(message ? message : "the daemon refused, without a reason");
	char *clean_remedy = text_clean(remedy ? remedy : "");

	failure_set(failure, clean_remedy, "%s", clean_message);
	failure->code = (int)json_integer_value(json_object_get(error, "code"));
	if (failure->code == JSONRPC_METHOD_NOT_FOUND && !remedy)
		snprintf(failure->remedy, sizeof(failure->remedy),
			"vswitchctl version (the daemon may be older than this vswitchctl)");
	free(clean_message);
	free(clean_remedy);
	return -1;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

// Every `from` that stands alone becomes `to`, as far as there is room.
static void replace(char *text, size_t size, const char *from, const char *to)
{
	size_t from_len = strlen(from), to_len = strlen(to);

	for (char *at = text; (at = strstr(at, from)) != NULL;) {
		size_t rest = strlen(at + from_len) + 1;

		if ((at > text && (is_word(at[-1]) || at[-1] == '\'')) || is_word(at[from_len]) ||
			(size_t)(at - text) + to_len + rest > size) {
			at += from_len;
			continue;
		}
		memmove(at + to_len, at + from_len, rest);
		memcpy(at, to, to_len);
		at += to_len;
	}
}

void failure_name_params(struct failure *failure, const struct cmd_spec *command)
{
	char quoted[96], rest[sizeof(failure->reason)];

	for (const struct cmd_param *param = command->params; param->name; param++) {
		const char *label = param_label(param);
		size_t len = strlen(param->name);

		snprintf(quoted, sizeof(quoted), "parameter '%s'", param->name);
		replace(failure->reason, sizeof(failure->reason), quoted, label);
		// A plain word means itself, but at the beginning.
		if (strncmp(failure->reason, param->name, len) == 0 &&
			failure->reason[len] == ':') {
			snprintf(rest, sizeof(rest), "%s", failure->reason + len);
			snprintf(failure->reason, sizeof(failure->reason), "%.96s%.900s", label,
				rest);
		} else if (strchr(param->name, '_')) {
			replace(failure->reason, sizeof(failure->reason), param->name, label);
			replace(failure->remedy, sizeof(failure->remedy), param->name, label);
		}
	}
}

// Most remedies say what to do; some only what is possible, and read badly after "try:".
static bool stands_alone(const char *remedy)
{
	static const char *const leads[] = {"one of", "it takes", "such as", "as in", "there are",
		"VLAN ids", "printable", "a "};

	if (isdigit((unsigned char)*remedy))
		return true;
	for (size_t i = 0; i < sizeof(leads) / sizeof(*leads); i++) {
		if (strncmp(remedy, leads[i], strlen(leads[i])) == 0)
			return true;
	}
	return false;
}

int failure_print(const struct failure *failure)
{
	const char *remedy = failure->remedy;

	fflush(stdout);
	fprintf(stderr, "vswitchctl: %s\n", failure->reason);
	// "see: vswitchctl list-ports", "use: vswitchctl del-port"
	if (strlen(remedy) > 5 && strncmp(remedy + 3, ": ", 2) == 0)
		remedy += 5;
	if (*remedy)
		fprintf(stderr, "  %s%s\n", stands_alone(remedy) ? "" : "try: ", remedy);
	return failure->code == JSONRPC_INVALID_PARAMS ? CTL_USAGE : CTL_FAILED;
}

int usage_error(const char *command, const char *fmt, ...)
{
	char *message, *clean;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&message, fmt, ap) < 0)
		message = NULL;
	va_end(ap);
	clean = text_clean(message ? message : "wrong usage");
	fflush(stdout);
	fprintf(stderr, "vswitchctl: %s\n  try: vswitchctl %s%s--help\n", clean,
		command ? command : "", command ? " " : "");
	free(clean);
	free(message);
	return CTL_USAGE;
}
