/* SPDX-License-Identifier: BSD-3-Clause */
// vswitchd's command line.
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "log.h"

struct options {
	char socket[VSW_PATH_SIZE];
	char vsp_socket[VSW_PATH_SIZE];
	char run_dir[VSW_PATH_SIZE];
	char state_dir[256];
	cpu_set_t cpus; // data cores
	bool cpus_given;
	bool no_huge;
	bool poll;
	bool profile;
	uint32_t mbufs; // packet buffers per NUMA node; 0: by the kind of memory
	enum log_level log_level;
};

// 0: go on. > 0: done (--help, --version), exit 0. < 0: bad usage, said on stderr, exit 2.
int options_parse(int argc, char **argv, struct options *opt);

// "1,3-5" into set. 0 or -EINVAL.
int cpu_list_parse(const char *list, cpu_set_t *set);
