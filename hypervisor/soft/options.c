/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netvsp/nvsp_proto.h>

#include "usage.h"

enum {
	OPT_PORT = 256,
	OPT_VSP_SOCKET,
	OPT_NAME,
	OPT_NIC,
	OPT_MAC,
	OPT_MEMORY,
	OPT_TAP,
	OPT_NETNS,
	OPT_ADDRESS,
	OPT_UP,
	OPT_PKTGEN,
	OPT_SIZE,
	OPT_RATE,
	OPT_FLOWS,
	OPT_DST,
	OPT_SECONDS,
	OPT_QUEUES,
	OPT_NVSP,
	OPT_NO_OFFLOADS,
	OPT_NO_RSC,
	OPT_MTU,
	OPT_POLL,
	OPT_CPUS,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION
};

static const struct option longopts[] = {
	{"port", required_argument, NULL, OPT_PORT},
	{"vsp-socket", required_argument, NULL, OPT_VSP_SOCKET},
	{"name", required_argument, NULL, OPT_NAME},
	{"nic", required_argument, NULL, OPT_NIC},
	{"mac", required_argument, NULL, OPT_MAC},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"tap", required_argument, NULL, OPT_TAP},
	{"netns", required_argument, NULL, OPT_NETNS},
	{"address", required_argument, NULL, OPT_ADDRESS},
	{"up", no_argument, NULL, OPT_UP},
	{"pktgen", required_argument, NULL, OPT_PKTGEN},
	{"size", required_argument, NULL, OPT_SIZE},
	{"rate", required_argument, NULL, OPT_RATE},
	{"flows", required_argument, NULL, OPT_FLOWS},
	{"dst", required_argument, NULL, OPT_DST},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"queues", required_argument, NULL, OPT_QUEUES},
	{"nvsp", required_argument, NULL, OPT_NVSP},
	{"no-offloads", no_argument, NULL, OPT_NO_OFFLOADS},
	{"no-rsc", no_argument, NULL, OPT_NO_RSC},
	{"mtu", required_argument, NULL, OPT_MTU},
	{"poll", no_argument, NULL, OPT_POLL},
	{"cpus", required_argument, NULL, OPT_CPUS},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static int bad(const char *what, const char *value)
{
	fprintf(stderr, "hvsoft: %s '%s'\n  try: hvsoft --help\n", what, value);
	return -1;
}

static int copy(char *to, size_t size, const char *value, const char *what)
{
	if (value[0] == '\0' || strlen(value) >= size)
		return bad(what, value);
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

// Names cross the socket: what the other side takes.
static int parse_name(char to[HANDOVER_NAME_SIZE], const char *value)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-:";

	if (value[strspn(value, good)] != '\0')
		return bad("a name has letters, digits, '.', '_', '-' and ':', unlike", value);
	return copy(to, HANDOVER_NAME_SIZE, value, "names have 1 to 63 characters, unlike");
}

static int parse_number(
	const char *value, uint64_t min, uint64_t max, uint64_t *n, const char *what)
{
	char *end;

	errno = 0;
	*n = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || *n < min || *n > max)
		return bad(what, value);
	return 0;
}

static int parse_u32(const char *value, uint32_t min, uint32_t max, uint32_t *n, const char *what)
{
	uint64_t v;

	if (parse_number(value, min, max, &v, what) < 0)
		return -1;
	*n = v;
	return 0;
}

static int parse_memory(const char *value, uint64_t *bytes)
{
	char *end;
	unsigned long long n = strtoull(value, &end, 10);
	unsigned shift = 20;

	if (*end == 'G' || *end == 'g')
		shift = 30;
	if (*end != '\0' && strchr("MmGg", *end) != NULL)
		end++;
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || n > 1u << 20 ||
		n << shift < 32ull << 20 || n << shift > 64ull << 30)
		return bad("--memory takes 32M to 64G, not", value);
	*bytes = n << shift;
	return 0;
}

static int parse_mac(const char *value, uint8_t mac[6], const char *what)
{
	unsigned b[6];
	int end = 0;

	if (sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		    &end) != 6 ||
		value[end] != '\0' || strlen(value) != 17)
		return bad(what, value);
	for (int i = 0; i < 6; i++)
		mac[i] = b[i];
	return 0;
}

static int parse_nvsp(const char *value, uint32_t *version)
{
	static const struct {
		const char *name;
		uint32_t version;
	} known[] = {
		{"1", NVSP_VERSION_1},
		{"2", NVSP_VERSION_2},
		{"4", NVSP_VERSION_4},
		{"5", NVSP_VERSION_5},
		{"6", NVSP_VERSION_6},
		{"6.1", NVSP_VERSION_6_1},
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(value, known[i].name) == 0) {
			*version = known[i].version;
			return 0;
		}
	}
	return bad("--nvsp takes 1, 2, 4, 5, 6 or 6.1, not", value);
}

static int parse_cpus(const char *list, struct options *opt)
{
	const char *at = list;

	CPU_ZERO(&opt->cpus);
	do {
		char *end;
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (*at < '0' || *at > '9')
			return bad("--cpus takes a list like 2,4-6, not", list);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoul(end + 1, &end, 10);
		if (first > last || last >= CPU_SETSIZE || (*end != '\0' && *end != ','))
			return bad("--cpus takes a list like 2,4-6, not", list);
		for (unsigned long i = first; i <= last; i++)
			CPU_SET(i, &opt->cpus);
		at = end;
	} while (*at++ == ',');
	opt->n_cpus = CPU_COUNT(&opt->cpus);
	return 0;
}

static int parse_pktgen(const char *value, enum pktgen_mode *mode)
{
	if (strcmp(value, "tx") == 0)
		*mode = PKTGEN_TX;
	else if (strcmp(value, "rx") == 0)
		*mode = PKTGEN_RX;
	else if (strcmp(value, "echo") == 0)
		*mode = PKTGEN_ECHO;
	else
		return bad("--pktgen takes tx, rx or echo, not", value);
	return 0;
}

static int parse_seconds(const char *value, double *seconds)
{
	char *end;

	*seconds = strtod(value, &end);
	if (*end != '\0' || end == value || !(*seconds > 0 && *seconds < 1e9))
		return bad("--seconds takes a positive number, not", value);
	return 0;
}

static int parse_generator(int c, struct options *opt)
{
	switch (c) {
	case OPT_PKTGEN: return parse_pktgen(optarg, &opt->pktgen);
	case OPT_SIZE:
		return parse_u32(optarg, 60, 9018, &opt->size, "--size takes 60 to 9018, not");
	case OPT_RATE:
		return parse_number(optarg, 1, 1000000000, &opt->rate,
			"--rate takes frames a second, 1 to 1000000000, not");
	case OPT_FLOWS:
		return parse_u32(optarg, 1, 65535, &opt->flows, "--flows takes 1 to 65535, not");
	case OPT_DST: return parse_mac(optarg, opt->dst, "--dst takes a MAC address, not");
	case OPT_SECONDS: return parse_seconds(optarg, &opt->seconds);
	default: fputs("  try: hvsoft --help\n", stderr); return -1;
	}
}

static int parse_tap(int c, struct options *opt)
{
	switch (c) {
	case OPT_TAP:
		return copy(opt->tap, sizeof(opt->tap), optarg,
			"interface names have 1 to 15 characters, unlike");
	case OPT_NETNS:
		return copy(opt->netns, sizeof(opt->netns), optarg, "no name of a namespace:");
	case OPT_ADDRESS:
		if (opt->n_addresses == MAX_ADDRESSES)
			return bad("too many addresses at", optarg);
		opt->address[opt->n_addresses++] = optarg;
		return 0;
	case OPT_UP: opt->up = true; return 0;
	default: return parse_generator(c, opt);
	}
}

static int parse_one(int c, struct options *opt)
{
	switch (c) {
	case OPT_PORT: return parse_name(opt->port, optarg);
	case OPT_NAME: return parse_name(opt->partition, optarg);
	case OPT_NIC: return parse_name(opt->nic, optarg);
	case OPT_VSP_SOCKET:
		return copy(opt->vsp_socket, sizeof(opt->vsp_socket), optarg, "path too long:");
	case OPT_MAC:
		opt->mac_given = true;
		if (parse_mac(optarg, opt->mac, "--mac takes a MAC address, not") < 0)
			return -1;
		return opt->mac[0] & 1 ? bad("--mac takes no group address:", optarg) : 0;
	case OPT_MEMORY: return parse_memory(optarg, &opt->memory);
	case OPT_QUEUES:
		return parse_u32(optarg, 1, HANDOVER_MAX_CHANNELS, &opt->queues,
			"--queues takes 1 to 64, not");
	case OPT_NVSP: return parse_nvsp(optarg, &opt->nvsp_version);
	case OPT_NO_OFFLOADS: opt->no_offloads = true; return 0;
	case OPT_NO_RSC: opt->no_rsc = true; return 0;
	case OPT_MTU:
		return parse_u32(optarg, 68, 65521, &opt->mtu, "--mtu takes 68 to 65521, not");
	case OPT_POLL: opt->poll = true; return 0;
	case OPT_CPUS: return parse_cpus(optarg, opt);
	case OPT_JSON: opt->json = true; return 0;
	case OPT_HELP: fputs(hvsoft_usage, stdout); return 1;
	case OPT_VERSION: puts("hvsoft " VSW_VERSION); return 1;
	default: return parse_tap(c, opt);
	}
}

static int check(struct options *opt)
{
	if (opt->port[0] == '\0')
		return bad("which port of the switch? give", "--port NAME");
	if ((opt->tap[0] != '\0') == (opt->pktgen != PKTGEN_NONE))
		return bad("one other end is needed:", "--tap IFNAME or --pktgen MODE");
	if (opt->tap[0] == '\0' && (opt->netns[0] != '\0' || opt->n_addresses > 0 || opt->up))
		return bad("--netns, --address and --up are for", "--tap");
	if (opt->partition[0] == '\0')
		memcpy(opt->partition, opt->port, sizeof(opt->partition));
	return 0;
}

int options_parse(int argc, char **argv, struct options *opt)
{
	int c;

	*opt = (struct options){
		.nic = "nic0",
		.vsp_socket = "/run/vswitch/vsp.sock",
		.memory = 128ull << 20,
		.size = 60,
		.flows = 1,
		.dst = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		.queues = 1,
		.mtu = 1500,
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
