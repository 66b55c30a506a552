/* SPDX-License-Identifier: BSD-3-Clause */
// hvhost's control socket: JSON-RPC 2.0, one object a line, RUN_DIR/NAME.sock; what hvctl speaks
// (docs/hvhost-control.md). Needs SIGPIPE ignored. System calls once it runs: those of console.h,
// socket, connect, accept4, getsockopt, shutdown, getpid.
#pragma once

#include "console.h"
#include "partition.h"

struct control;

// Makes the socket; -EADDRINUSE with `why` if a machine of that name runs already. Before
// privileges are dropped. NULL + errno.
struct control *control_create(const struct options *opt, char why[PARTITION_WHY_SIZE]);
int control_start(struct control *c, struct partition *p, struct console *console);
void control_destroy(struct control *c); // removes the socket
