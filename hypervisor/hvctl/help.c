/* SPDX-License-Identifier: BSD-3-Clause */
// The commands, and how they are explained.
#include "help.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
	{"list", "list", "show the machines there are",
		"Asks each of them how it is. One that has died without its socket being removed "
		"is "
		"shown as\ngone; one that does not answer within two seconds as silent. NICS says "
		"how "
		"many are\nattached to the switch, of how many.",
		"  hvctl list\n  hvctl --json list | jq -r '.machines[].name'\n", 0, cmd_list},
	{"show", "show NAME", "show what a machine is and does",
		"Its state, memory, processors, network cards, and how often the processors came "
		"back\n"
		"from the guest to hvhost, by reason.",
		"  hvctl show web1\n  hvctl --json show web1 | jq '.nics[] | {name, state}'\n", 1,
		cmd_show},
	{"stop", "stop NAME [--timeout S] [--now]", "press the power button, wait until it is off",
		"The guest is asked to shut down, as by the button of a PC. If it is still there "
		"after\n"
		"S seconds, its power is cut; without --timeout after those of hvhost "
		"--stop-timeout;\n"
		"0: never. --now cuts the power at once.",
		"  hvctl stop web1\n  hvctl stop web1 --timeout 120\n  hvctl stop web1 --now\n", 1,
		cmd_stop},
	{"reset", "reset NAME", "reset a machine, as by its button",
		"The guest is not asked: what it has not written is lost.", "  hvctl reset web1\n",
		1, cmd_reset},
	{"console", "console NAME [--log | --no-log]", "look at a machine's serial line and type",
		"Begins with what the guest said last, up to 64 KiB of it, and goes on until "
		"Ctrl-] is\n"
		"typed or the machine ends. Everything else that is typed is for the guest. "
		"Several\n"
		"may look and type at the same time.\n\n"
		"--log     only what was said, then leave\n"
		"--no-log  only what is said from now on",
		"  hvctl console web1\n  hvctl console web1 --log | grep -i error\n", 1,
		cmd_console},
	{"add-nic", "add-nic NAME port=PORT[,queues=N][,mac=MAC][,name=NIC]",
		"plug a network card in",
		"PORT is a port of the switch, made with vswitchctl add-port SWITCH PORT --type "
		"vmnic;\n"
		"as long as there is none, the card has no link. Without more the card is called "
		"nic0,\n"
		"nic1 and so on, has as many queues as the port, and a MAC address made of the "
		"names.",
		"  hvctl add-nic web1 port=web1-back\n"
		"  hvctl add-nic web1 port=web1-back,queues=2,mac=02:00:00:00:00:05,name=back\n",
		2, cmd_add_nic},
	{"del-nic", "del-nic NAME NIC", "pull a network card out",
		"The guest loses the interface with its addresses. Its port on the switch stays.",
		"  hvctl del-nic web1 nic1\n", 2, cmd_del_nic},
	{},
};

void help(void)
{
	puts("Usage: hvctl [OPTION]… COMMAND [NAME] [ARGUMENT]…\n\n"
	     "Shows and controls the virtual machines that hvhost runs on this host.\n");
	for (const struct command *c = commands; c->name != NULL; c++)
		printf("  %-9s %s\n", c->name, c->summary);
	puts("\n"
	     "  --json         print JSON\n"
	     "  --run-dir DIR  where hvhost has its control sockets (default /run/hvhost, and\n"
	     "                 $XDG_RUNTIME_DIR/hvhost for others than root)\n"
	     "  --help         of hvctl, or of a command with examples\n"
	     "  --version\n\n"
	     "Exit status: 0 done, 1 refused or failed, 2 bad usage.\n"
	     "Ports and switches: vswitchctl. The protocol: docs/hvhost-control.md.");
}

void help_command(const struct command *c)
{
	printf("Usage: hvctl %s\n\n%c%s.\n\n%s\n\nExamples:\n%s", c->usage,
		toupper((unsigned char)c->summary[0]), c->summary + 1, c->details, c->examples);
}

const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name != NULL; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

// What people say who know virsh, xl, docker, ip.
static const char *other_word(const char *name)
{
	static const char *const words[][2] = {{"ls", "list"}, {"ps", "list"}, {"status", "show"},
		{"info", "show"}, {"dominfo", "show"}, {"shutdown", "stop"}, {"halt", "stop"},
		{"poweroff", "stop"}, {"destroy", "stop NAME --now"}, {"kill", "stop NAME --now"},
		{"reboot", "reset"}, {"restart", "reset"}, {"attach", "console"},
		{"nic-add", "add-nic"}, {"nic-del", "del-nic"}, {"remove-nic", "del-nic"},
		{"start", NULL}, {"run", NULL}};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i][0], name) == 0)
			return words[i][1] != NULL ? words[i][1] : "";
	return NULL;
}

int fail_command(const char *name)
{
	const char *word = other_word(name);
	char remedy[64];

	if (word != NULL && word[0] == '\0') {
		fail("hvhost --name NAME --kernel FILE …, or: systemctl start hvhost@NAME",
			"hvctl starts no machines");
		return HVCTL_USAGE;
	}
	if (word == NULL)
		return usage("", "there is no command '%.40s'", name);
	snprintf(remedy, sizeof(remedy), "hvctl %s", word);
	fail(remedy, "there is no command '%.40s'", name);
	return HVCTL_USAGE;
}
