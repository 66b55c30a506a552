/* SPDX-License-Identifier: BSD-3-Clause */
// The XDP program attached to an interface.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct xdp_program {
	uint32_t id; // 0: none
	char name[16];
};

int xdp_program_query(unsigned ifindex, struct xdp_program *program); // 0 or -errno
// Takes exactly that program off, in whichever mode it is attached. 0 or -errno.
int xdp_program_detach(unsigned ifindex, uint32_t id);
// True for the names of programs that DPDK's AF_XDP driver has libxdp attach.
bool xdp_program_is_socket(const struct xdp_program *program);
