/* SPDX-License-Identifier: BSD-3-Clause */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suggest.h"

#define MAX_WORDS  128
#define FOLD_WIDTH 68

const struct cmd_param global_params[] = {
	{
		.name = "socket",
		.flag = "--socket",
		.type = CMD_STRING,
		.metavar = "PATH",
		.preset = "$VSWITCH_SOCKET, else /run/vswitch/control.sock",
		.help = "the daemon's control socket",
	},
	{
		.name = "json",
		.flag = "--json",
		.type = CMD_BOOL,
		.help = "print the daemon's result as JSON, on one line unless on a terminal",
	},
	{
		.name = "quiet",
		.flag = "--quiet",
		.type = CMD_BOOL,
		.help = "do not print what a changing command has done",
	},
	{
		.name = "wide",
		.flag = "--wide",
		.type = CMD_BOOL,
		.help = "never shorten text to the terminal's width",
	},
	{
		.name = "timeout",
		.flag = "--timeout",
		.type = CMD_UINT,
		.max = 86400,
		.metavar = "S",
		.preset = "30, or 300 if the command changes something",
		.help = "seconds to wait for the daemon's answer; 0: for ever",
	},
	{
		.name = "version",
		.flag = "--version",
		.type = CMD_BOOL,
		.help = "print this program's version",
	},
	{
		.name = "help",
		.flag = "--help",
		.type = CMD_BOOL,
		.help = "explain vswitchctl, or the command it stands with",
	},
	{},
};

const struct cmd_spec *const commands = cmd_specs;
const struct cmd_word *const command_events = cmd_events;
const struct cmd_word *const command_errors = cmd_errors;

const struct cmd_spec *command_find(const char *name)
{
	for (const struct cmd_spec *command = commands; command->name; command++) {
		if (*command->name && strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

const char *command_suggest(const char *typed)
{
	const char *words[MAX_WORDS];
	size_t n = 0;

	for (const struct cmd_spec *command = commands; command->name && n < MAX_WORDS; command++) {
		if (*command->name)
			words[n++] = command->name;
	}
	return suggest(typed, words, n);
}

const struct cmd_param *param_find(const struct cmd_param *params, const char *flag, size_t len)
{
	for (; params && params->name; params++) {
		if (params->flag && strlen(params->flag) == len &&
			memcmp(params->flag, flag, len) == 0)
			return params;
	}
	return NULL;
}

const char *param_suggest(const struct cmd_spec *command, const char *flag)
{
	const struct cmd_param *tables[] = {command ? command->params : NULL, global_params};
	const char *words[MAX_WORDS];
	size_t n = 0;

	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++) {
		for (const struct cmd_param *p = tables[t]; p && p->name && n < MAX_WORDS; p++) {
			if (p->flag)
				words[n++] = p->flag;
		}
	}
	return suggest(flag, words, n);
}

const char *param_label(const struct cmd_param *param)
{
	if (param->flag)
		return param->flag;
	return param->metavar ? param->metavar : param->name;
}

char *command_fold(const char *line)
{
	size_t size, at = 2;
	char *text = NULL;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort();
	fputs("  ", f);
	while (*line) {
		size_t len = strcspn(line, " ");

		if (at > 2 && at + 1 + len > FOLD_WIDTH) {
			fputs(" \\\n     ", f);
			at = 5;
		}
		at += (size_t)fprintf(f, "%s%.*s", at > 2 ? " " : "", (int)len, line);
		line += len;
		line += strspn(line, " ");
	}
	fclose(f);
	return text;
}
