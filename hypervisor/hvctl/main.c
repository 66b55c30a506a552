/* SPDX-License-Identifier: BSD-3-Clause */
// hvctl: a client of hvhost's control sockets, and of nothing else. The command line.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "hvctl.h"
#include "machine.h"

struct line {
	struct args args;
	const struct command *command;
	const char *word[3]; // the command's, its name included
	unsigned n_words;
	const char *bad; // an option that does not go with the command
	bool help, version, names, nics;
};

static int parse_timeout(struct line *l, const char *value)
{
	char *end;

	l->args.timeout = strtol(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || l->args.timeout > 86400)
		return usage("stop", "--timeout takes seconds, 0 to 86400, not '%.40s'", value);
	return 0;
}

// Options with a value; *used: arguments that it took.
static int parse_valued(struct line *l, char **argv, int left, int *used)
{
	static const char *const names[] = {"--run-dir", "--timeout"};
	const char *value = NULL;
	unsigned i;

	for (i = 0; i < 2; i++) {
		size_t n = strlen(names[i]);

		if (strcmp(argv[0], names[i]) == 0) {
			*used = 2;
			value = left > 1 ? argv[1] : NULL;
			break;
		}
		if (strncmp(argv[0], names[i], n) == 0 && argv[0][n] == '=') {
			value = argv[0] + n + 1;
			break;
		}
	}
	if (i == 2)
		return usage(
			l->n_words > 0 ? l->word[0] : "", "there is no option '%.40s'", argv[0]);
	if (value == NULL || value[0] == '\0')
		return usage("", "%s needs a value", names[i]);
	if (i == 1)
		return parse_timeout(l, value);
	l->args.run_dir = value;
	return 0;
}

static int parse_option(struct line *l, char **argv, int left, int *used)
{
	struct {
		const char *name;
		bool *flag;
	} flags[] = {{"--json", &l->args.json}, {"--now", &l->args.now}, {"--log", &l->args.log},
		{"--no-log", &l->args.no_log}, {"--help", &l->help}, {"-h", &l->help},
		{"--version", &l->version}, {"--complete-names", &l->names},
		{"--complete-nics", &l->nics}};

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(argv[0], flags[i].name) == 0) {
			*flags[i].flag = true;
			return 0;
		}
	}
	return parse_valued(l, argv, left, used);
}

static int parse(struct line *l, int argc, char **argv)
{
	bool options = true;
	int ret, used;

	for (int i = 1; i < argc; i += used) {
		used = 1;
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
			continue;
		}
		if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
			ret = parse_option(l, argv + i, argc - i, &used);
			if (ret != 0)
				return ret;
			continue;
		}
		if (l->n_words == 3)
			return usage(l->word[0], "one word too many: '%.40s'", argv[i]);
		l->word[l->n_words++] = argv[i];
	}
	return 0;
}

// What the command's usage does not mention does not go with it.
static int check(struct line *l)
{
	const struct command *c = l->command;
	const char *bad = NULL;

	if (l->args.timeout >= 0 && strstr(c->usage, "--timeout") == NULL)
		bad = "--timeout";
	if (l->args.now && strstr(c->usage, "--now") == NULL)
		bad = "--now";
	if ((l->args.log || l->args.no_log) && strstr(c->usage, "--log") == NULL)
		bad = l->args.log ? "--log" : "--no-log";
	if (bad != NULL)
		return usage(c->name, "%s has no option %s", c->name, bad);
	if (l->args.log && l->args.no_log)
		return usage(c->name, "--log and --no-log exclude each other");
	if (l->args.now && l->args.timeout >= 0)
		return usage(c->name, "--now and --timeout exclude each other");
	if (l->n_words - 1 > c->n_words)
		return usage(c->name, "one word too many: '%.40s'", l->word[c->n_words + 1]);
	if (l->n_words - 1 < c->n_words)
		return usage(c->name, "%s needs %s: hvctl %s", c->name,
			l->n_words == 1 ? "the NAME of a machine" : "one word more", c->usage);
	l->args.name = l->word[1];
	l->args.extra = l->word[2];
	return 0;
}

// For the completion.
static int complete_names(const struct args *args)
{
	struct machine_name *list = calloc(MACHINES_MAX, sizeof(*list));
	size_t n = list != NULL ? machines_find(args->run_dir, list, MACHINES_MAX) : 0;

	for (size_t i = 0; i < n; i++)
		puts(list[i].name);
	free(list);
	return 0;
}

static int run(struct line *l)
{
	int ret;

	if (l->version) {
		puts("hvctl " VSW_VERSION);
		return 0;
	}
	if (l->names)
		return complete_names(&l->args);
	if (l->nics && l->n_words == 1) {
		l->args.name = l->word[0];
		return cmd_nic_names(&l->args);
	}
	if (l->n_words == 0) {
		if (!l->help)
			return usage("", "what is to be done?");
		help();
		return 0;
	}
	l->command = find_command(l->word[0]);
	if (l->command == NULL)
		return fail_command(l->word[0]);
	if (l->help) {
		help_command(l->command);
		return 0;
	}
	ret = check(l);
	return ret != 0 ? ret : l->command->run(&l->args);
}

// Output that could not be written is no success: a full disk, a closed pipe.
static int finish(int ret)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return ret;
	fprintf(stderr, "hvctl: cannot write the output: %s\n", strerror(errno));
	return ret == 0 ? HVCTL_FAILED : ret;
}

int main(int argc, char **argv)
{
	struct line l = {.args.timeout = -1};
	int ret = parse(&l, argc, argv);

	if (ret == 0)
		ret = run(&l);
	return finish(ret);
}
