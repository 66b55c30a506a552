/* SPDX-License-Identifier: BSD-3-Clause */
#include "xdp_program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

int xdp_program_query(unsigned ifindex, struct xdp_program *program)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);
	int fd, ret;

	*program = (struct xdp_program){};
	ret = bpf_xdp_query_id((int)ifindex, 0, &program->id);
	if (ret < 0 || program->id == 0)
		return ret;
	fd = bpf_prog_get_fd_by_id(program->id);
	if (fd < 0)
		return fd;
	ret = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (ret == 0)
		snprintf(program->name, sizeof(program->name), "%s", info.name);
	return ret;
}

int xdp_program_detach(unsigned ifindex, uint32_t id)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	LIBBPF_OPTS(bpf_xdp_attach_opts, attach);
	int fd, ret = bpf_xdp_query((int)ifindex, 0, &query);

	if (ret < 0)
		return ret;
	if (query.drv_prog_id != id && query.skb_prog_id != id && query.hw_prog_id != id)
		return 0;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return fd;
	// The kernel compares: a program that somebody attached meanwhile stays.
	attach.old_prog_fd = fd;
	ret = bpf_xdp_detach((int)ifindex,
		query.drv_prog_id == id   ? XDP_FLAGS_DRV_MODE
		: query.skb_prog_id == id ? XDP_FLAGS_SKB_MODE
					  : XDP_FLAGS_HW_MODE,
		&attach);
	close(fd);
	return ret;
}

bool xdp_program_is_socket(const struct xdp_program *program)
{
	// The second: libxdp's dispatcher, where a bpf file system is mounted.
	return strncmp(program->name, "xsk_def_prog", 12) == 0 ||
	       strcmp(program->name, "xdp_dispatcher") == 0;
}
