/* SPDX-License-Identifier: BSD-3-Clause */
// Holding a kernel NIC: its settings are the switch's until it is released; then they are what
// they were, also when the daemon was killed in between. Main thread.
//
// A NIC that vanished while held took its changed settings along: its journal entry is dropped,
// with a line in the log, and if it returns it is taken anew.
#pragma once

#include <stdbool.h>

#include <vswitch/error.h>

#include "inventory.h"
#include "settings.h"

// dir is the journal's, made if need be. Holding again, with the same or another driver, keeps
// the values from before the first time. 0 or a vsw_fail(): then everything is as it was.
int nic_hold(const struct nic_info *nic, const char *dir, const struct hold_options *options,
	struct vsw_error *err);
// Puts into the journal which XDP program is ours, once it is attached. 0 or a vsw_fail().
int nic_hold_xdp(const struct nic_info *nic, const char *dir, struct vsw_error *err);
// Releasing what is not held does nothing. 0 or a vsw_fail(): the journal stays then.
int nic_release(const struct nic_info *nic, const char *dir, struct vsw_error *err);

// Releases each held NIC that is_wanted() does not want any more. Returns how many.
int nic_release_stale(
	const char *dir, bool (*is_wanted)(const struct nic_info *nic, void *arg), void *arg);

// The interface that was held under that name and not released, whatever its name is now. 0 or
// -ENOENT.
int nic_find_held(const char *dir, const char *ifname, struct nic_info *nic);
