/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <hypervisor/kvm/vm.h>
#include <hypervisor/machine/layout.h>

#include "sandbox.h"
#include "usage.h"

#define MEMORY_STEP   (2ull << 20)
#define RUN_DIR       "/run/hvhost"
#define VSP_SOCKET    "/run/vswitch/vsp.sock"
#define STOP_SECONDS  30
#define MAX_STOP      86400
#define WHY_SIZE      128
#define NIC_TEXT_SIZE 256

enum {
	OPT_NAME = 256,
	OPT_MEMORY,
	OPT_HUGE_PAGES,
	OPT_CPUS,
	OPT_KERNEL,
	OPT_INITRD,
	OPT_APPEND,
	OPT_NIC,
	OPT_REQUIRE_PORT,
	OPT_VSP_SOCKET,
	OPT_CONSOLE,
	OPT_NO_REBOOT,
	OPT_STOP_TIMEOUT,
	OPT_RUN_DIR,
	OPT_USER,
	OPT_NO_SANDBOX,
	OPT_HELP,
	OPT_VERSION
};

static const struct option longopts[] = {
	{"name", required_argument, NULL, OPT_NAME},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"huge-pages", required_argument, NULL, OPT_HUGE_PAGES},
	{"cpus", required_argument, NULL, OPT_CPUS},
	{"kernel", required_argument, NULL, OPT_KERNEL},
	{"initrd", required_argument, NULL, OPT_INITRD},
	{"append", required_argument, NULL, OPT_APPEND},
	{"nic", required_argument, NULL, OPT_NIC},
	{"require-port", no_argument, NULL, OPT_REQUIRE_PORT},
	{"vsp-socket", required_argument, NULL, OPT_VSP_SOCKET},
	{"console", required_argument, NULL, OPT_CONSOLE},
	{"no-reboot", no_argument, NULL, OPT_NO_REBOOT},
	{"stop-timeout", required_argument, NULL, OPT_STOP_TIMEOUT},
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{"user", required_argument, NULL, OPT_USER},
	{"no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static int bad(const char *what, const char *value)
{
	fprintf(stderr, "hvhost: %s '%s'; try: hvhost --help\n", what, value);
	return -1;
}

// As the provider sees it, with which names are exchanged.
static bool name_is_good(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-:";

	return name[0] != '\0' && strlen(name) < HANDOVER_NAME_SIZE && name[0] != '.' &&
	       name[0] != '-' && name[strspn(name, good)] == '\0';
}

#define NAME_RULE "a name is 1 to 63 letters, digits, '.', '_', '-' or ':', unlike"

static int parse_name(const char *value, char name[HANDOVER_NAME_SIZE])
{
	if (!name_is_good(value))
		return bad(NAME_RULE, value);
	memcpy(name, value, strlen(value) + 1);
	return 0;
}

// Decimal, all of it. False: it is none, or outside of [min, max].
static bool parse_number(const char *value, unsigned long min, unsigned long max, unsigned long *n)
{
	char *end;

	errno = 0;
	*n = strtoul(value, &end, 10);
	return value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0 && *n >= min &&
	       *n <= max;
}

static int parse_memory(const char *value, uint64_t *bytes)
{
	static const char rule[] = "--memory takes 32M to 1024G in steps of 2M, not";
	char *end;
	unsigned long long n = strtoull(value, &end, 10);
	unsigned shift = 20;

	if (*end == 'G' || *end == 'g')
		shift = 30;
	if (*end != '\0' && strchr("MmGg", *end) != NULL)
		end++;
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || n > GUEST_MOST >> shift)
		return bad(rule, value);
	*bytes = (uint64_t)n << shift;
	return *bytes < GUEST_LEAST || *bytes % MEMORY_STEP != 0 ? bad(rule, value) : 0;
}

static int parse_pages(const char *value, enum ram_pages *pages)
{
	if (strcmp(value, "auto") == 0)
		*pages = RAM_PAGES_AUTO;
	else if (strcmp(value, "yes") == 0)
		*pages = RAM_PAGES_HUGE;
	else if (strcmp(value, "no") == 0)
		*pages = RAM_PAGES_SMALL;
	else
		return bad("--huge-pages takes auto, yes or no, not", value);
	return 0;
}

static int parse_console(const char *value, struct options *opt)
{
	opt->console_path = NULL;
	if (strcmp(value, "stdio") == 0) {
		opt->console = CONSOLE_STDIO;
	} else if (strcmp(value, "pty") == 0) {
		opt->console = CONSOLE_PTY;
	} else if (strcmp(value, "none") == 0) {
		opt->console = CONSOLE_NONE;
	} else if (strncmp(value, "file:", 5) == 0 && value[5] != '\0') {
		opt->console = CONSOLE_FILE;
		opt->console_path = value + 5;
	} else {
		return bad("--console takes stdio, pty, file:FILE or none, not", value);
	}
	return 0;
}

static bool parse_mac(const char *value, uint8_t mac[6])
{
	unsigned b[6], any = 0;
	int end = 0;

	if (sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		    &end) != 6 ||
		value[end] != '\0' || strlen(value) != 17)
		return false;
	for (int i = 0; i < 6; i++) {
		mac[i] = b[i];
		any |= b[i];
	}
	return any != 0 && (mac[0] & 1) == 0;
}

static int parse_nic_word(char *word, struct options_nic *nic, char why[WHY_SIZE])
{
	char *value = strchr(word, '=');
	unsigned long n;

	if (value != NULL)
		*value++ = '\0';
	if (value != NULL && (strcmp(word, "port") == 0 || strcmp(word, "name") == 0)) {
		char *to = word[0] == 'p' ? nic->port : nic->name;

		if (!name_is_good(value)) {
			snprintf(why, WHY_SIZE, NAME_RULE " '%.20s'", value);
			return -EINVAL;
		}
		memcpy(to, value, strlen(value) + 1);
	} else if (value != NULL && strcmp(word, "queues") == 0) {
		if (!parse_number(value, 1, HANDOVER_MAX_CHANNELS, &n)) {
			snprintf(why, WHY_SIZE, "queues= takes 1 to %u, not '%.20s'",
				HANDOVER_MAX_CHANNELS, value);
			return -EINVAL;
		}
		nic->queues = n;
	} else if (value != NULL && strcmp(word, "mac") == 0) {
		if (!parse_mac(value, nic->mac)) {
			snprintf(why, WHY_SIZE, "mac= takes the MAC address of a card, not '%.20s'",
				value);
			return -EINVAL;
		}
		nic->mac_given = true;
	} else {
		snprintf(why, WHY_SIZE,
			"a NIC is port=PORT[,queues=N][,mac=MAC][,name=NIC], unlike '%.40s'", word);
		return -EINVAL;
	}
	return 0;
}

int options_parse_nic(const char *text, struct options_nic *nic, char why[WHY_SIZE])
{
	char copy[NIC_TEXT_SIZE], *rest = copy, *word;
	int ret = 0;

	*nic = (struct options_nic){};
	if (strlen(text) >= sizeof(copy)) {
		snprintf(why, WHY_SIZE, "a NIC takes fewer words than '%.40s…'", text);
		return -EINVAL;
	}
	strcpy(copy, text);
	while (ret == 0 && (word = strsep(&rest, ",")) != NULL)
		ret = parse_nic_word(word, nic, why);
	if (ret == 0 && nic->port[0] == '\0') {
		snprintf(why, WHY_SIZE, "a NIC has a port=PORT, unlike '%.40s'", text);
		ret = -EINVAL;
	}
	return ret;
}

static int add_nic(const char *value, struct options *opt)
{
	char why[WHY_SIZE];

	if (opt->n_nics == OPTIONS_MAX_NICS)
		return bad("there may be 16 NICs, which leaves none for", value);
	if (options_parse_nic(value, &opt->nic[opt->n_nics], why) < 0) {
		fprintf(stderr, "hvhost: --nic %s: %s; try: hvhost --help\n", value, why);
		return -1;
	}
	opt->n_nics++;
	return 0;
}

static int parse_count(
	const char *value, unsigned long min, unsigned long max, unsigned *n, const char *rule)
{
	unsigned long v;

	if (!parse_number(value, min, max, &v))
		return bad(rule, value);
	*n = v;
	return 0;
}

static int parse_path(const char *value, const char **path, const char *rule)
{
	struct sockaddr_un addr;

	if (value[0] == '\0' || strlen(value) >= sizeof(addr.sun_path))
		return bad(rule, value);
	*path = value;
	return 0;
}

static int parse_rest(int c, struct options *opt)
{
	switch (c) {
	case OPT_REQUIRE_PORT: opt->require_port = true; return 0;
	case OPT_NO_REBOOT: opt->no_reboot = true; return 0;
	case OPT_NO_SANDBOX: opt->no_sandbox = true; return 0;
	case OPT_USER: opt->user = optarg; return 0;
	case OPT_VSP_SOCKET:
		return parse_path(optarg, &opt->vsp_socket,
			"--vsp-socket takes a path of 1 to 107 characters, not");
	case OPT_RUN_DIR:
		return parse_path(optarg, &opt->run_dir,
			"--run-dir takes a path of 1 to 107 characters, not");
	case OPT_STOP_TIMEOUT:
		return parse_count(optarg, 0, MAX_STOP, &opt->stop_seconds,
			"--stop-timeout takes seconds, 0 to 86400, not");
	case OPT_HELP: fputs(hvhost_usage, stdout); return 1;
	case OPT_VERSION:
		printf("hvhost %s\nsystem calls allowed: %u\n", VSW_VERSION, sandbox_n_calls());
		return 1;
	default: fputs("hvhost: bad usage; try: hvhost --help\n", stderr); return -1;
	}
}

static int parse_one(int c, struct options *opt)
{
	switch (c) {
	case OPT_NAME: return parse_name(optarg, opt->name);
	case OPT_MEMORY: return parse_memory(optarg, &opt->memory);
	case OPT_HUGE_PAGES: return parse_pages(optarg, &opt->pages);
	case OPT_CPUS:
		return parse_count(
			optarg, 1, VM_MAX_VCPUS, &opt->cpus, "--cpus takes 1 to 64, not");
	case OPT_KERNEL: opt->kernel = optarg; return 0;
	case OPT_INITRD: opt->initrd = optarg; return 0;
	case OPT_APPEND:
		if (strlen(optarg) >= GUEST_CMDLINE_MAX)
			return bad("--append takes 4095 characters at most, not", optarg);
		opt->append = optarg;
		return 0;
	case OPT_NIC: return add_nic(optarg, opt);
	case OPT_CONSOLE: return parse_console(optarg, opt);
	default: return parse_rest(c, opt);
	}
}

static bool has_nic(const struct options *opt, const char *name)
{
	for (unsigned i = 0; i < opt->n_nics; i++)
		if (strcmp(opt->nic[i].name, name) == 0)
			return true;
	return false;
}

// Names those that have none, and sees that no two are the same.
static int check_nics(struct options *opt)
{
	for (unsigned i = 0; i < opt->n_nics; i++) {
		struct options_nic *nic = &opt->nic[i];
		char name[HANDOVER_NAME_SIZE];

		for (unsigned n = 0; nic->name[0] == '\0'; n++) {
			snprintf(name, sizeof(name), "nic%u", n);
			if (!has_nic(opt, name))
				memcpy(nic->name, name, sizeof(name));
		}
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(nic->name, opt->nic[k].name) == 0)
				return bad("each NIC needs a name=NIC of its own, but two have",
					nic->name);
			if (strcmp(nic->port, opt->nic[k].port) == 0)
				return bad("each NIC needs a port=PORT of its own, but two have",
					nic->port);
		}
	}
	return 0;
}

static const char *default_run_dir(void)
{
	static char path[PATH_MAX];
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0 || dir == NULL || dir[0] == '\0')
		return RUN_DIR;
	snprintf(path, sizeof(path), "%s/hvhost", dir);
	return path;
}

static int check(struct options *opt)
{
	if (opt->name[0] == '\0')
		return bad("which virtual machine is this? give it a", "--name NAME");
	if (opt->kernel == NULL)
		return bad("what shall it run? give", "--kernel FILE");
	if (opt->run_dir == NULL)
		opt->run_dir = default_run_dir();
	return check_nics(opt);
}

int options_parse(int argc, char **argv, struct options *opt)
{
	int c;

	*opt = (struct options){
		.memory = 512ull << 20,
		.cpus = 1,
		.append = "",
		.console = CONSOLE_STDIO,
		.vsp_socket = VSP_SOCKET,
		.stop_seconds = STOP_SECONDS,
	};
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		int ret = parse_one(c, opt);

		if (ret != 0)
			return ret;
	}
	if (optind < argc)
		return bad("unexpected argument", argv[optind]);
	return check(opt);
}
