/* SPDX-License-Identifier: BSD-3-Clause */
// The terminal that hvhost was started from, raw while the guest has it.
#include "console_place.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <termios.h>

static struct termios before;
static atomic_int terminal = -1;

void console_terminal_restore(void)
{
	int fd = atomic_exchange(&terminal, -1);

	if (fd >= 0)
		tcsetattr(fd, TCSANOW, &before);
}

// The handler is for one time: the signal then does what it always did.
static void on_fatal(int number)
{
	console_terminal_restore();
	raise(number);
}

static void catch (int number)
{
	struct sigaction act = {.sa_handler = on_fatal, .sa_flags = SA_RESETHAND | SA_NODEFER};
	struct sigaction old;

	sigemptyset(&act.sa_mask);
	if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		sigaction(number, &act, NULL);
}

int console_terminal_raw(int fd)
{
	static const int fatal[] = {
		SIGSEGV, SIGABRT, SIGILL, SIGFPE, SIGHUP, SIGQUIT, SIGTERM, SIGINT, SIGSYS};
	static bool registered;
	struct termios raw;

	if (tcgetattr(fd, &before) < 0)
		return -errno;
	if (!registered)
		atexit(console_terminal_restore);
	registered = true;
	raw = before;
	cfmakeraw(&raw);
	// What hvhost says itself still ends its lines well.
	raw.c_oflag |= OPOST;
	atomic_store(&terminal, fd);
	if (tcsetattr(fd, TCSANOW, &raw) < 0) {
		atomic_store(&terminal, -1);
		return -errno;
	}
	for (unsigned i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		catch (fatal[i]);
	return 0;
}
