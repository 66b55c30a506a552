/* SPDX-License-Identifier: BSD-3-Clause */
// The serial line in this terminal, which passes on each key as it is until Ctrl-] is typed.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "machine.h"

#define ESCAPE 0x1d // Ctrl-]
#define CHUNK  65536

enum end { ON, LEFT, ENDED, INTERRUPTED, BROKEN };

static struct termios before;
static bool is_raw;
static volatile sig_atomic_t interrupted;

static void on_signal(int)
{
	interrupted = 1;
}

static void restore(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	is_raw = false;
}

static void set_raw(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction act = {.sa_handler = on_signal};
	struct termios raw;

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaction(ends[i], &act, NULL);
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return;
	raw = before;
	cfmakeraw(&raw);
	is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static enum end write_all(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n < 0 && errno != EINTR)
			return BROKEN;
		if (n < 0 && interrupted)
			return INTERRUPTED;
		data += n < 0 ? 0 : n;
		len -= n < 0 ? 0 : n;
	}
	return ON;
}

static enum end show(int fd)
{
	static char buf[CHUNK];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return ON;
	return n <= 0 ? ENDED : write_all(buf, n);
}

// What has been typed and not been taken by the guest yet.
struct typed {
	char buf[4096];
	size_t n;
	bool over; // nothing more will be typed
};

// A guest that does not read leaves no room: what is typed then is lost, but for the escape.
static enum end type(struct typed *t)
{
	char buf[sizeof(t->buf)];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
	const char *escape;
	size_t len;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return ON;
	if (n <= 0) {
		t->over = true;
		return is_raw ? LEFT : ON; // the terminal is gone
	}
	escape = is_raw ? memchr(buf, ESCAPE, n) : NULL;
	len = escape != NULL ? (size_t)(escape - buf) : (size_t)n;
	if (len > sizeof(t->buf) - t->n) {
		fputs("\a", stderr);
		len = sizeof(t->buf) - t->n;
	}
	memcpy(t->buf + t->n, buf, len);
	t->n += len;
	return escape != NULL ? LEFT : ON;
}

static void pass_on(int fd, struct typed *t)
{
	ssize_t n = send(fd, t->buf, t->n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		n = t->n; // the end is heard by reading
	if (n > 0) {
		t->n -= n;
		memmove(t->buf, t->buf + n, t->n);
	}
}

// The keyboard is read even while the guest takes nothing, so that one can always leave.
static enum end run(int fd, bool types)
{
	struct typed t = {.over = !types};
	bool told = !types;
	enum end end = ON;

	while (end == ON && !interrupted) {
		bool reads = !t.over && (t.n == 0 || is_raw);
		struct pollfd pfd[2] = {
			{.fd = fd, .events = t.n > 0 ? POLLIN | POLLOUT : POLLIN},
			{.fd = reads ? STDIN_FILENO : -1, .events = POLLIN},
		};

		if (poll(pfd, 2, -1) < 0)
			continue;
		if (pfd[0].revents & (POLLIN | POLLHUP | POLLERR))
			end = show(fd);
		if (end == ON && pfd[1].revents != 0)
			end = type(&t);
		if (t.n > 0)
			pass_on(fd, &t);
		if (t.over && t.n == 0 && !told) {
			shutdown(fd, SHUT_WR);
			told = true;
		}
	}
	return end == ON ? INTERRUPTED : end;
}

static int tell(const struct args *args, enum end end)
{
	const char *newline = isatty(STDOUT_FILENO) ? "\n" : "";

	switch (end) {
	case ENDED:
		if (!args->log)
			fprintf(stderr, "%shvctl: machine '%s' has ended\n", newline, args->name);
		return HVCTL_DONE;
	case LEFT:
		fprintf(stderr, "%shvctl: left the console of '%s', which runs on\n", newline,
			args->name);
		return HVCTL_DONE;
	case BROKEN: return fail(NULL, "cannot write the output: %s", strerror(errno));
	default: fputs(newline, stderr); return HVCTL_FAILED;
	}
}

int cmd_console(const struct args *args)
{
	struct machine m;
	int ret = machine_open(&m, args);
	json_t *result;
	enum end end;

	if (ret != 0)
		return ret;
	result = machine_call(&m, "console",
		json_pack("{s:b, s:b}", "kept", !args->no_log, "follow", !args->log));
	json_decref(result);
	if (result == NULL) {
		machine_close(&m);
		return HVCTL_FAILED;
	}
	if (!args->log && isatty(STDIN_FILENO)) {
		fprintf(stderr, "hvctl: console of '%s'; Ctrl-] leaves it\n", args->name);
		set_raw();
	}
	// The reply may have brought the first of it.
	end = write_all(m.buf + m.used, m.len - m.used);
	if (end == ON)
		end = run(m.fd, !args->log);
	restore();
	machine_close(&m);
	return tell(args, end);
}
