/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"Usage: vswitchd [OPTION]…\n"
	"\n"
	"A software switch after Hyper-V's: takes network interfaces, forwards between\n"
	"them, this host and its guests. Stays in the foreground and logs to stderr;\n"
	"drive it with vswitchctl.\n"
	"\n"
	"  --run-dir DIR     sockets and locks (default /run/vswitch)\n"
	"  --socket PATH     control socket (default RUN-DIR/control.sock)\n"
	"  --vsp-socket PATH where hypervisors attach their guests' NICs (default\n"
	"                    RUN-DIR/vsp.sock)\n"
	"  --state-dir DIR   configuration that survives (default /var/lib/vswitch)\n"
	"  --cpus LIST       data cores, one worker each: 2,4-6 (default: all the daemon\n"
	"                    may run on but the first, at most 8; at least one)\n"
	"  --poll            never sleep: the last microsecond for a core a worker\n"
	"  --no-huge         run without huge pages\n"
	"  --mbufs N         packet buffers per NUMA node (default 65536 in huge pages,\n"
	"                    32768 without)\n"
	"  --profile         count cycles per stage for `vswitchctl show-workers`\n"
	"  --log-level L     error, warn, info (default) or debug\n"
	"  --help, --version\n"
	"\n"
	"Examples:\n"
	"  vswitchd                                as a service, see vswitchd.service\n"
	"  vswitchd --cpus 2-3 --poll              two dedicated cores\n"
	"  vswitchd --run-dir /tmp/a --state-dir /tmp/a/state --no-huge\n"
	"                                          another instance beside the first\n"
	"  vswitchctl --socket /tmp/a/control.sock show\n";

enum {
	OPT_RUN_DIR = 256,
	OPT_SOCKET,
	OPT_VSP_SOCKET,
	OPT_STATE_DIR,
	OPT_CPUS,
	OPT_POLL,
	OPT_NO_HUGE,
	OPT_MBUFS,
	OPT_PROFILE,
	OPT_LOG_LEVEL,
	OPT_HELP,
	OPT_VERSION
};

static const struct option longopts[] = {
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"vsp-socket", required_argument, NULL, OPT_VSP_SOCKET},
	{"state-dir", required_argument, NULL, OPT_STATE_DIR},
	{"cpus", required_argument, NULL, OPT_CPUS},
	{"poll", no_argument, NULL, OPT_POLL},
	{"no-huge", no_argument, NULL, OPT_NO_HUGE},
	{"mbufs", required_argument, NULL, OPT_MBUFS},
	{"profile", no_argument, NULL, OPT_PROFILE},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

int cpu_list_parse(const char *list, cpu_set_t *set)
{
	CPU_ZERO(set);
	do {
		char *end;
		unsigned long first, last;

		if (*list < '0' || *list > '9')
			return -EINVAL;
		first = last = strtoul(list, &end, 10);
		if (*end == '-') {
			if (end[1] < '0' || end[1] > '9')
				return -EINVAL;
			last = strtoul(end + 1, &end, 10);
		}
		if (first > last || last >= CPU_SETSIZE || (*end != '\0' && *end != ','))
			return -EINVAL;
		for (unsigned long i = first; i <= last; i++)
			CPU_SET(i, set);
		list = end;
	} while (*list++ == ',');
	return 0;
}

static int bad(const char *what, const char *value)
{
	fprintf(stderr, "vswitchd: %s '%s'\n  try: vswitchd --help\n", what, value);
	return -1;
}

static int copy(char *to, size_t size, const char *value, const char *what)
{
	if (value[0] == '\0' || strlen(value) >= size)
		return bad(what, value);
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

static int parse_mbufs(const char *value, uint32_t *n)
{
	char *end;
	unsigned long v = strtoul(value, &end, 10);

	if (*end != '\0' || v < 4096 || v > 16u << 20)
		return bad("--mbufs takes 4096 to 16777216, not", value);
	*n = v;
	return 0;
}

static int parse_one(int c, struct options *opt)
{
	int level;

	switch (c) {
	case OPT_RUN_DIR: return copy(opt->run_dir, sizeof(opt->run_dir), optarg, "path too long:");
	case OPT_SOCKET: return copy(opt->socket, sizeof(opt->socket), optarg, "path too long:");
	case OPT_VSP_SOCKET:
		return copy(opt->vsp_socket, sizeof(opt->vsp_socket), optarg, "path too long:");
	case OPT_STATE_DIR:
		return copy(opt->state_dir, sizeof(opt->state_dir), optarg, "path too long:");
	case OPT_CPUS:
		opt->cpus_given = true;
		if (cpu_list_parse(optarg, &opt->cpus) < 0)
			return bad("--cpus takes a list like 2,4-6, not", optarg);
		return 0;
	case OPT_POLL: opt->poll = true; return 0;
	case OPT_NO_HUGE: opt->no_huge = true; return 0;
	case OPT_MBUFS: return parse_mbufs(optarg, &opt->mbufs);
	case OPT_PROFILE: opt->profile = true; return 0;
	case OPT_LOG_LEVEL:
		level = log_level_parse(optarg);
		if (level < 0)
			return bad("--log-level takes error, warn, info or debug, not", optarg);
		opt->log_level = level;
		return 0;
	case OPT_HELP: fputs(usage, stdout); return 1;
	case OPT_VERSION: puts("vswitchd " VSW_VERSION); return 1;
	default: fputs("  try: vswitchd --help\n", stderr); return -1;
	}
}

static int default_path(char *path, size_t size, const char *run_dir, const char *name)
{
	if (path[0] == '\0' && snprintf(path, size, "%s/%s", run_dir, name) >= (int)size)
		return bad("path too long:", run_dir);
	return 0;
}

int options_parse(int argc, char **argv, struct options *opt)
{
	int c;

	memset(opt, 0, sizeof(*opt));
	opt->log_level = LOG_LVL_INFO;
	strcpy(opt->run_dir, "/run/vswitch");
	strcpy(opt->state_dir, "/var/lib/vswitch");
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		int ret = parse_one(c, opt);

		if (ret != 0)
			return ret;
	}
	if (optind < argc)
		return bad("unexpected argument", argv[optind]);
	if (default_path(opt->socket, sizeof(opt->socket), opt->run_dir, "control.sock") < 0)
		return -1;
	return default_path(opt->vsp_socket, sizeof(opt->vsp_socket), opt->run_dir, "vsp.sock");
}
