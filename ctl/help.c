/* SPDX-License-Identifier: BSD-3-Clause */
#include "help.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH    79
#define HELP_AT  24 // column where the explanation of an option begins
#define NAME_AT  2
#define NAMES_AT 18 // column of a command's summary

// Prints text word by word from column `at` on; further lines begin at column indent. Blanks
// inside brackets do not end a word when whole is set, so that "[--mtu BYTES]" stays together.
static void wrap(const char *text, size_t at, size_t indent, bool whole)
{
	bool first = true;

	while (*text) {
		size_t len = 0;
		int depth = 0;

		while (text[len] && text[len] != '\n' &&
			(text[len] != ' ' || (whole && depth > 0))) {
			depth += (text[len] == '[') - (text[len] == ']');
			len++;
		}
		if (!first && at + 1 + len > WIDTH) {
			printf("\n%*s", (int)indent, "");
			at = indent;
			first = true;
		}
		printf("%s%.*s", first ? "" : " ", (int)len, text);
		at += len + !first;
		first = false;
		text += len;
		if (*text == '\n' && text[1]) {
			printf("\n%s%*s", text[1] == '\n' ? "\n" : "",
				text[1] == '\n' ? 0 : (int)indent, "");
			while (*text == '\n')
				text++;
			at = indent;
			first = true;
		}
		while (*text == ' ' || *text == '\n')
			text++;
	}
	putchar('\n');
}

// The explanation with the facts that the table keeps apart from it.
static char *explain(const struct cmd_param *param)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort();
	fputs(param->help, f);
	if (param->values) {
		fputs(param->type == CMD_ENUMS ? "; of: " : "; one of: ", f);
		for (size_t i = 0; param->values[i]; i++)
			fprintf(f, "%s%s", i ? ", " : "", param->values[i]);
	} else if ((param->type == CMD_UINT || param->type == CMD_VLAN) && param->max) {
		fprintf(f, "; %llu to %llu", (unsigned long long)param->min,
			(unsigned long long)param->max);
	}
	if (param->required && param->flag)
		fputs(" (required)", f);
	if (param->preset && *param->preset)
		fprintf(f, " (default: %s)", param->preset);
	fclose(f);
	return text;
}

static void describe(const struct cmd_param *param)
{
	bool valued = param->flag && param->type != CMD_BOOL;
	char *text = explain(param);
	int n = printf("  %s%s%s", param_label(param), valued ? " " : "",
		valued ? (param->metavar ? param->metavar : "VALUE") : "");

	if (n > HELP_AT - 2)
		printf("\n%*s", HELP_AT, "");
	else
		printf("%*s", HELP_AT - n, "");
	wrap(text, HELP_AT, HELP_AT, false);
	free(text);
}

static void describe_all(const struct cmd_param *params, bool flags, const char *title)
{
	bool any = false;

	for (; params && params->name; params++) {
		if (!!params->flag != flags)
			continue;
		if (!any)
			printf("\n%s:\n", title);
		any = true;
		describe(params);
	}
}

void help_overview(void)
{
	const char *group = "";

	puts("Usage: vswitchctl [OPTIONS] COMMAND [ARGUMENTS]\n\n"
	     "Sets up and shows the virtual switches of vswitchd.");
	for (const struct cmd_spec *command = commands; command->name; command++) {
		if (!*command->name)
			continue;
		if (strcmp(group, command->group) != 0)
			printf("\n%s:\n", command->group);
		group = command->group;
		printf("  %-*s ", NAMES_AT - NAME_AT - 1, command->name);
		wrap(command->summary, NAMES_AT, NAMES_AT, false);
	}
	describe_all(global_params, true, "Options, before or after the command");
	puts("\nExit status: 0 done, 1 refused or failed, 2 wrong usage.\n"
	     "More: vswitchctl COMMAND --help, man vswitchctl.");
}

void help_command(const struct cmd_spec *command)
{
	const struct cmd_example *example = command->examples;
	char *text;

	printf("Usage: vswitchctl ");
	wrap(command->usage, strlen("Usage: vswitchctl "), 8, true);
	printf("\n%c%s.\n", toupper((unsigned char)*command->summary), command->summary + 1);
	if (command->details && *command->details) {
		putchar('\n');
		wrap(command->details, 0, 0, false);
	}
	describe_all(command->params, false, "Arguments");
	describe_all(command->params, true, "Options");
	puts("\nThe options of all commands (--json, --socket, ...): vswitchctl --help");
	if (!example || !example->command)
		return;
	puts("\nExamples:");
	for (; example->command; example++) {
		if (example->what && *example->what)
			printf("  # %s\n", example->what);
		text = command_fold(example->command);
		printf("%s\n", text);
		free(text);
	}
}
