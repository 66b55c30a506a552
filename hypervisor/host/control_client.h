/* SPDX-License-Identifier: BSD-3-Clause */
// One connection to the control socket: lines in, replies out, one at a time. Main thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control_rpc.h"

struct control_client {
	int fd; // -1: free
	const struct control_subject *subject;
	uint64_t active_us; // when something was last read or written
	bool eof;           // nothing more will come
	bool closing;       // once the reply is out
	bool to_console;    // then
	bool skip_kept, leave;
	char *out; // the reply on its way
	size_t out_len, out_sent;
	size_t in_len;
	char in[CONTROL_LINE_MAX + 1];
};

// Joins the main loop; fd is taken over. 0 or -errno.
int control_client_open(
	struct control_client *client, const struct control_subject *subject, int fd);
void control_client_close(struct control_client *client);
uint64_t control_now_us(void);
