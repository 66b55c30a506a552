/* SPDX-License-Identifier: BSD-3-Clause */
// Writes vswitchctl.1 from the table of commands: mdoc, one section a command.
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

// Running text: a sentence a line, as mdoc wants it, nothing taken for a request or an escape.
static void text(const char *s)
{
	bool line_start = true;

	for (; *s; s++) {
		if (line_start && (*s == '.' || *s == '\''))
			fputs("\\&", stdout);
		line_start = false;
		if (*s == '\\') {
			fputs("\\e", stdout);
		} else if (*s == '-') {
			fputs("\\-", stdout);
		} else if (*s == '\n') {
			// One new line begins a line, two a paragraph.
			puts(s[1] == '\n' ? "\n.Pp" : "\n.br");
			while (s[1] == '\n')
				s++;
			line_start = true;
		} else if (*s == ' ' && s[-1] == '.' && isupper((unsigned char)s[1])) {
			putchar('\n');
			line_start = true;
		} else {
			putchar(*s);
		}
	}
	putchar('\n');
}

static void literal(const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '-')
			printf("\\%c", *s == '-' ? '-' : 'e');
		else
			putchar(*s);
	}
	putchar('\n');
}

static void sentence(const char *s)
{
	char line[1024];

	snprintf(line, sizeof(line), "%c%s%s", toupper((unsigned char)*s), s + 1,
		s[strlen(s) - 1] == '.' ? "" : ".");
	text(line);
}

static void param(const struct cmd_param *p)
{
	if (!p->flag)
		printf(".It Ar %s\n", param_label(p));
	else if (p->type == CMD_BOOL)
		printf(".It Fl %s\n", p->flag + 1);
	else
		printf(".It Fl %s Ar %s\n", p->flag + 1, p->metavar ? p->metavar : "VALUE");
	sentence(p->help);
	if (p->values) {
		printf("%s of\n", p->type == CMD_ENUMS ? "Any" : "One");
		for (size_t i = 0; p->values[i]; i++)
			printf(".Cm %s%s\n", p->values[i], p->values[i + 1] ? " ," : " .");
	} else if ((p->type == CMD_UINT || p->type == CMD_VLAN) && p->max) {
		printf("From %llu to %llu.\n", (unsigned long long)p->min,
			(unsigned long long)p->max);
	}
	if (p->preset && *p->preset) {
		char preset[256];

		snprintf(preset, sizeof(preset), "Default: %s.", p->preset);
		text(preset);
	}
}

static void params(const struct cmd_param *p)
{
	if (!p || !p->name)
		return;
	puts(".Bl -tag -width Ds -compact");
	for (; p->name; p++)
		param(p);
	puts(".El");
}

static void command(const struct cmd_spec *c)
{
	const struct cmd_example *example;
	char usage[1024];

	printf(".Ss %s\n", c->name);
	puts(".Bd -ragged -offset indent -compact");
	snprintf(usage, sizeof(usage), "vswitchctl %s", c->usage);
	text(usage);
	puts(".Ed\n.Pp");
	sentence(c->summary);
	if (c->details && *c->details) {
		puts(".Pp");
		text(c->details);
	}
	if (c->params && c->params->name)
		puts(".Pp");
	params(c->params);
	if (!c->examples || !c->examples->command)
		return;
	puts(".Pp\n.Bd -literal -offset indent -compact");
	for (example = c->examples; example->command; example++) {
		char *line = command_fold(example->command);

		if (example->what && *example->what)
			printf("# %s\n", example->what);
		literal(line + 2);
		free(line);
	}
	puts(".Ed");
}

static void commands_section(void)
{
	const char *group = "";

	for (const struct cmd_spec *c = commands; c->name; c++) {
		if (!*c->name)
			continue;
		if (strcmp(group, c->group) != 0) {
			printf(".Sh ");
			for (const char *p = c->group; *p; p++)
				putchar(toupper((unsigned char)*p));
			putchar('\n');
		}
		group = c->group;
		command(c);
	}
}

static void words(const struct cmd_word *w, const char *title, const char *lead)
{
	printf(".Sh %s\n%s\n.Bl -tag -width \"loop-detected\" -compact\n", title, lead);
	for (; w->name; w++) {
		if (w->code)
			printf(".It %d %s\n", w->code, w->name);
		else
			printf(".It Cm %s\n", w->name);
		sentence(w->help);
	}
	puts(".El");
}

int main(void)
{
	puts(".\\\" SPDX-License-Identifier: BSD-3-Clause\n"
	     ".\\\" Generated from the tables of the control protocol.\n"
	     ".Dd November 1, 2026\n"
	     ".Dt VSWITCHCTL 1\n"
	     ".Os\n"
	     ".Sh NAME\n"
	     ".Nm vswitchctl\n"
	     ".Nd set up and show the virtual switches of vswitchd\n"
	     ".Sh SYNOPSIS\n"
	     ".Nm\n"
	     ".Op Ar options\n"
	     ".Ar command\n"
	     ".Op Ar arguments\n"
	     ".Sh DESCRIPTION\n"
	     ".Nm\n"
	     "asks\n"
	     ".Xr vswitchd 8\n"
	     "to do or to tell something, over its control socket.\n"
	     "A command that changes something takes effect as a whole or not at all, is on disk\n"
	     "before it returns, and with\n"
	     ".Fl -what-if\n"
	     "only says what it would do.\n"
	     ".Pp\n"
	     "Changing takes root or the group\n"
	     ".Cm vswitch ;\n"
	     "looking takes no more than the group\n"
	     ".Cm vswitch\\-ro .\n"
	     ".Pp\n"
	     "Throughout, rx is into the switch and tx out of it.\n"
	     ".Pp\n"
	     "These options go with every command, before or after it:\n"
	     ".Bl -tag -width Ds");
	for (const struct cmd_param *p = global_params; p->name; p++)
		param(p);
	puts(".El\n"
	     ".Pp\n"
	     "A value may also be joined to its option:\n"
	     ".Fl -mtu Ns = Ns Ar 9000 .\n"
	     "After\n"
	     ".Fl -\n"
	     "nothing is taken for an option.");
	commands_section();
	words(command_events, "EVENTS", "What\n.Cm monitor\ntells of:");
	puts(".Sh ENVIRONMENT\n"
	     ".Bl -tag -width Ds\n"
	     ".It Ev VSWITCH_SOCKET\n"
	     "The control socket, unless\n"
	     ".Fl -socket\n"
	     "names one.\n"
	     ".It Ev COLUMNS\n"
	     "The width of tables where the output is no terminal; otherwise 80.\n"
	     ".El\n"
	     ".Sh FILES\n"
	     ".Bl -tag -width Ds\n"
	     ".It Pa /run/vswitch/control.sock\n"
	     "The control socket.\n"
	     ".El\n"
	     ".Sh EXIT STATUS\n"
	     ".Bl -tag -width Ds -compact\n"
	     ".It 0\n"
	     "It was done, or with\n"
	     ".Fl -what-if\n"
	     "could be.\n"
	     ".It 1\n"
	     "The daemon refused or failed, or could not be asked.\n"
	     ".It 2\n"
	     "The command line is wrong.\n"
	     ".El");
	words(command_errors, "ERROR CODES",
		"The error objects that programs get over the control socket have one of these "
		"codes:");
	puts(".Sh SEE ALSO\n"
	     ".Xr vswitchd 8");
	return 0;
}
