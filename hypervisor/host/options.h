/* SPDX-License-Identifier: BSD-3-Clause */
// hvhost's command line.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <hypervisor/machine/ram.h>
#include <hypervisor/vmbus/handover.h>

#define OPTIONS_MAX_NICS 16

struct options_nic {
	char name[HANDOVER_NAME_SIZE]; // "nic0" and so on, if not said
	char port[HANDOVER_NAME_SIZE];
	uint32_t queues; // at most; 0: as many as the port has
	bool mac_given;
	uint8_t mac[6];
};

enum console_kind { CONSOLE_NONE, CONSOLE_STDIO, CONSOLE_PTY, CONSOLE_FILE };

struct options {
	char name[HANDOVER_NAME_SIZE];
	uint64_t memory; // bytes
	enum ram_pages pages;
	uint32_t cpus;
	const char *kernel, *initrd, *append;
	unsigned n_nics;
	struct options_nic nic[OPTIONS_MAX_NICS];
	enum console_kind console;
	const char *console_path;
	const char *vsp_socket, *run_dir;
	const char *user; // to run as, when started by root
	bool require_port, no_sandbox, no_reboot;
	unsigned stop_seconds; // from SIGTERM to the power cut
};

// 0; 1: done already (--help, --version); -1: told what is wrong, exit code 2.
int options_parse(int argc, char **argv, struct options *opt);
// "port=NAME[,queues=N][,mac=M][,name=N]"; -EINVAL with `why`.
int options_parse_nic(const char *text, struct options_nic *nic, char why[128]);
