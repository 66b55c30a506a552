/* SPDX-License-Identifier: BSD-3-Clause */
// What a user can say that concerns every command, and the exit codes all of them share.
#pragma once

#include <stdbool.h>

#define CTL_SOCKET_DEFAULT "/run/vswitch/control.sock"
// A large document may ask for thousands of interfaces.
#define CTL_TIMEOUT_READ   30
#define CTL_TIMEOUT_CHANGE 300

enum ctl_exit {
	CTL_DONE = 0,
	CTL_FAILED = 1, // refused by the daemon, or it could not be asked
	CTL_USAGE = 2,  // the command line itself is wrong
};

struct options {
	const char *socket;
	unsigned timeout_s; // per request; 0: wait for ever
	bool json;          // print the daemon's result object and nothing else
	bool quiet;         // changing commands say nothing when they succeed
	bool wide;          // never shorten text to fit the terminal
	bool watch;         // show-stats: again each second
	bool reconnect;     // monitor: outlive the daemon
	const char *file;   // export-config, apply-config; NULL or "-": the standard stream
};
