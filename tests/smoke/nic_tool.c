/* SPDX-License-Identifier: BSD-3-Clause */
// Takes NICs and gives them back, without the switch:
//
//	nic_tool list
//	nic_tool find WHAT
//	nic_tool hold|crash NIC DIR af-xdp|af-packet [MTU]    crash: holds, then dies by SIGKILL
//	nic_tool release NIC DIR
//	nic_tool stale DIR [NIC]                              all of them but NIC
//	nic_tool foreign-xdp NIC                              attaches a program of its own
//
// Ends with 0, or with the error on stderr and 1.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <vswitch/nic/hold.h>
#include <vswitch/nic/inventory.h>

static int fail(const struct vsw_error *err)
{
	fprintf(stderr, "%s: %s (%s)\n", vsw_errc_name(err->code), err->reason, err->remedy);
	return 1;
}

static int list(void)
{
	struct nic_info *nics;
	size_t n;

	if (nic_list(&nics, &n) < 0)
		return 1;
	for (size_t i = 0; i < n; i++)
		printf("%s pci=%s driver=%s kind=%s mtu=%u link=%d reason=\"%s\"\n",
			nics[i].ifname[0] != '\0' ? nics[i].ifname : "-", nics[i].pci,
			nics[i].driver, nics[i].link_kind, nics[i].mtu, nics[i].link,
			nics[i].reason);
	free(nics);
	return 0;
}

static int hold(const struct nic_info *nic, int argc, char **argv, struct vsw_error *err)
{
	struct hold_options options = {.driver = NIC_DRIVER_AF_XDP, .queues = 1};

	if (strcmp(argv[4], "af-packet") == 0)
		options.driver = NIC_DRIVER_AF_PACKET;
	if (argc > 5)
		options.mtu = atoi(argv[5]);
	if (nic_check_takeover(nic, err) < 0 || nic_hold(nic, argv[3], &options, err) < 0)
		return -1;
	if (strcmp(argv[1], "crash") == 0)
		raise(SIGKILL);
	return 0;
}

// As some other program would: passes every frame.
static int attach_xdp(const struct nic_info *nic)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "somebody_else", "BSD", insns,
		sizeof(insns) / sizeof(insns[0]), NULL);

	return fd < 0 || bpf_xdp_attach((int)nic->ifindex, fd, 0, NULL) < 0;
}

static bool is_named(const struct nic_info *nic, void *arg)
{
	return arg != NULL && strcmp(nic->ifname, arg) == 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	struct vsw_error err = {};
	struct nic_info nic;

	if (strcmp(verb, "list") == 0)
		return list();
	if (strcmp(verb, "stale") == 0 && argc > 2) {
		printf("%d\n", nic_release_stale(argv[2], is_named, argc > 3 ? argv[3] : NULL));
		return 0;
	}
	if (argc < 3)
		return 2;
	if (nic_resolve(argv[2], &nic, &err) < 0)
		return fail(&err);
	if (strcmp(verb, "find") == 0)
		printf("%s\n", nic.ifname);
	else if (strcmp(verb, "foreign-xdp") == 0)
		return attach_xdp(&nic);
	else if (argc > 4 && (strcmp(verb, "hold") == 0 || strcmp(verb, "crash") == 0))
		return hold(&nic, argc, argv, &err) < 0 ? fail(&err) : 0;
	else if (argc > 3 && strcmp(verb, "release") == 0)
		return nic_release(&nic, argv[3], &err) < 0 ? fail(&err) : 0;
	else
		return 2;
	return 0;
}
