/* SPDX-License-Identifier: BSD-3-Clause */
// Writes the part of bash's completion that is known from the table of commands: for each
// command its flags, its arguments and what can stand for them. The rest is copied from the
// file it is given.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

// A kind of name that the shell side knows how to list, or NULL where nothing can be offered.
static const char *kind(const struct cmd_spec *command, const struct cmd_param *param)
{
	const char *metavar = param->metavar ? param->metavar : "";

	// Names of things that do not exist yet cannot be offered.
	if (command && strncmp(command->name, "add-", 4) == 0 && param->position > 0 &&
		ends_with(command->name, param->name))
		return NULL;
	if (strcmp(metavar, "SWITCH") == 0)
		return "@switches";
	if (strcmp(metavar, "PORT") == 0)
		return "@ports";
	if (strncmp(metavar, "NIC", 3) == 0)
		return strchr(metavar, '|') ? "@nics @ports" : "@nics";
	if (strcmp(metavar, "FILE") == 0 || strcmp(metavar, "PATH") == 0)
		return "@files";
	if (strcmp(metavar, "NS") == 0)
		return "@netns";
	if (command && param->position == 1 && strncmp(command->name, "add-", 4) != 0)
		return ends_with(command->name, "-switch") ? "@switches"
		       : ends_with(command->name, "-port") ? "@ports"
		                                           : NULL;
	return NULL;
}

static void values(const struct cmd_spec *command, const struct cmd_param *param)
{
	const char *name = command ? command->name : "";
	const char *offered = kind(command, param);

	if (param->flag)
		printf("\t\"%s %s\") echo '", name, param->flag);
	else
		printf("\t\"%s %u\") echo '", name, param->position);
	if (param->type == CMD_ENUMS)
		fputs("@list ", stdout);
	for (size_t i = 0; param->values && param->values[i]; i++)
		printf("%s%s", i ? " " : "", param->values[i]);
	printf("%s' ;;\n", offered && !param->values ? offered : "");
}

static void flags(const struct cmd_param *param)
{
	for (; param && param->name; param++) {
		if (param->flag)
			printf("%s ", param->flag);
	}
}

static void write_commands(void)
{
	fputs("_vswitchctl_commands='", stdout);
	for (const struct cmd_spec *command = commands; command->name; command++)
		printf("%s%s", command->name, *command->name ? " " : "");
	fputs("help'\n_vswitchctl_global='", stdout);
	flags(global_params);
	puts("'\n\n# Flags of a command.\n_vswitchctl_flags() {\n\tcase $1 in");
	for (const struct cmd_spec *command = commands; command->name; command++) {
		if (!*command->name)
			continue;
		printf("\t%s) echo '", command->name);
		flags(command->params);
		puts("' ;;");
	}
	puts("\tesac\n}\n");
}

static void write_values(void)
{
	puts("# What can stand for a flag or, by number, an argument of a command.\n"
	     "_vswitchctl_values() {\n\tcase \"$1 $2\" in");
	for (const struct cmd_spec *command = commands; command->name; command++) {
		for (const struct cmd_param *param = command->params; param && param->name;
			param++) {
			if (*command->name && (!param->flag || param->type != CMD_BOOL))
				values(command, param);
		}
	}
	puts("\t\"help 1\") echo \"$_vswitchctl_commands\" ;;\n\t*\" --socket\") echo '@files' ;;\n"
	     "\tesac\n}\n");
}

static void write_valued(void)
{
	puts("# Whether a flag wants a value.\n_vswitchctl_valued() {\n\tcase \"$1 $2\" in");
	for (const struct cmd_spec *command = commands; command->name; command++) {
		for (const struct cmd_param *param = command->params; param && param->name;
			param++) {
			if (*command->name && param->flag && param->type != CMD_BOOL)
				printf("\t\"%s %s\") return 0 ;;\n", command->name, param->flag);
		}
	}
	for (const struct cmd_param *param = global_params; param->name; param++) {
		if (param->type != CMD_BOOL)
			printf("\t*\" %s\") return 0 ;;\n", param->flag);
	}
	puts("\tesac\n\treturn 1\n}\n");
}

int main(int argc, char **argv)
{
	FILE *rest = argc == 2 ? fopen(argv[1], "r") : NULL;
	int c;

	if (!rest) {
		fputs("usage: gen_completion REST\n", stderr);
		return 2;
	}
	puts("# Completion of vswitchctl's command lines for bash.");
	write_commands();
	write_values();
	write_valued();
	while ((c = getc(rest)) != EOF)
		putchar(c);
	fclose(rest);
	return 0;
}
