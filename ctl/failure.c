/* SPDX-License-Identifier: BSD-3-Clause */
#include "failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

int failure_print(const struct failure *failure)
{
	const char *remedy = failure->remedy;

	fflush(stdout);
	fprintf(stderr, "vswitchctl: %s\n", failure->reason);
	// Remedies are written either as "see: CMD" or as the bare command.
	if (strncmp(remedy, "see: ", 5) == 0)
		remedy += 5;
	if (strncmp(remedy, "try: ", 5) == 0)
		remedy += 5;
	if (*remedy)
		fprintf(stderr, "  try: %s\n", remedy);
	return failure->code == JSONRPC_INVALID_PARAMS ? CTL_USAGE : CTL_FAILED;
}

int usage_error(const char *command, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("vswitchctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n  try: vswitchctl %s%s--help\n", command ? command : "",
		command ? " " : "");
	return CTL_USAGE;
}
