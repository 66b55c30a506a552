/* SPDX-License-Identifier: BSD-3-Clause */
// Network namespaces by name (those of `ip netns`) or path.
#pragma once

#include <sys/types.h>

#include "error.h"

struct netns_id {
	dev_t dev;
	ino_t ino;
};

// Which namespace the name stands for now. Empty: this process's. 0 or a vsw_fail().
int netns_identify(const char *netns, struct netns_id *id, struct vsw_error *err);

// Calls fn inside the namespace, on a thread of its own: this thread's never changes. What fn
// returns, or a vsw_fail().
int netns_call(const char *netns, int (*fn)(void *arg), void *arg, struct vsw_error *err);
