/* SPDX-License-Identifier: BSD-3-Clause */
// Where the control socket is, and who may use it.
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include "options.h"
#include "partition.h"

struct control_place {
	int dir, listen; // -1: none
	char file[HANDOVER_NAME_SIZE + 8];
	struct sockaddr_un addr;
	bool bound;
	uid_t uid; // who the machine runs as
	gid_t gid;
	bool group; // its members may, too
};

// Binds the socket and listens. 0 or -errno with `why`; -EADDRINUSE: such a machine runs.
int control_place_open(
	struct control_place *place, const struct options *opt, char why[PARTITION_WHY_SIZE]);
// Removes the socket, unless another machine has put its own there.
void control_place_close(struct control_place *place);
// Whether who is at the other end of `sock` may give orders.
bool control_place_admits(const struct control_place *place, int sock, uid_t *uid);
