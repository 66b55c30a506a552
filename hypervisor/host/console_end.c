/* SPDX-License-Identifier: BSD-3-Clause */
#include "console_end.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK          4096
#define CHUNKS_AT_ONCE 16

static ssize_t put(const struct console_end *end, const uint8_t *buf, size_t len)
{
	if (end->way == CONSOLE_WAY_SEND)
		return send(end->out, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(end->out, buf, len);
}

static bool is_transient(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

// A full disk may have room again.
static bool is_over(const struct console_end *end, int error)
{
	return end->way != CONSOLE_WAY_FILE || (error != ENOSPC && error != EDQUOT);
}

enum console_flow console_end_flush(struct console_end *end, struct console_ring *ring)
{
	uint8_t buf[CHUNK];
	unsigned turns = end->way == CONSOLE_WAY_CAREFUL ? 1 : CHUNKS_AT_ONCE;
	ssize_t n;

	while (turns-- > 0) {
		size_t most = end->most < sizeof(buf) ? end->most : sizeof(buf), len;

		if (end->until_kept && end->reader.at >= end->until)
			return CONSOLE_FLOW_DONE;
		if (end->until_kept && end->until - end->reader.at < most)
			most = end->until - end->reader.at;
		len = console_reader_get(&end->reader, ring, buf, most);
		if (len == 0)
			return CONSOLE_FLOW_DONE;
		n = put(end, buf, len);
		if (n < 0 && is_transient(errno))
			return CONSOLE_FLOW_BLOCKED;
		if (n < 0) {
			if (is_over(end, errno))
				end->out = -1;
			return CONSOLE_FLOW_DONE;
		}
		console_reader_advance(&end->reader, n);
	}
	return end->way == CONSOLE_WAY_CAREFUL ? CONSOLE_FLOW_BLOCKED : CONSOLE_FLOW_MORE;
}

size_t console_end_read(struct console_end *end, uint8_t *buf, size_t size)
{
	ssize_t n;

	if (end->in < 0 || size == 0)
		return 0;
	n = end->viewer ? recv(end->in, buf, size, MSG_DONTWAIT) : read(end->in, buf, size);
	if (n > 0)
		return n;
	if (n == 0 || !is_transient(errno))
		end->in = -1;
	return 0;
}
