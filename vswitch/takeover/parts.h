/* SPDX-License-Identifier: BSD-3-Clause */
// The parts of a snapshot that are no records, and the work on them.
#pragma once

#include "kernel.h"
#include "record.h"

#define HOST_LINK_FLAGS (IFF_UP | IFF_PROMISC | IFF_ALLMULTI | IFF_MULTICAST | IFF_NOARP)

// One run of changes on one interface.
struct work {
	struct kernel *kernel;
	const struct host_snapshot *wanted;
	struct target target;
	unsigned flags;
	const struct host_steps *steps; // may be NULL
	bool only_tell;
	bool in_order; // addresses out of place are made anew
	bool stopped;
	unsigned n_done;       // changes made
	int ret;               // the first failure
	struct vsw_error *err; // of it
};

// Tells the step. May it be done?
bool work_may(struct work *work, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// Notes how it went: 0 or -errno, with the kernel's words if it had any.
void work_note(struct work *work, int ret, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
// Both, around one order. Frees msg. Returns the order's result.
int work_order(struct work *work, struct nl_msg *msg, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

int link_take(struct kernel *kernel, struct host_snapshot *into); // 0 or -errno
void link_free(struct host_link *link);
void link_apply(struct work *work, const struct host_snapshot *now);
void link_apply_flags(struct work *work, const struct host_snapshot *now);
void link_drop_altnames(struct work *work, const struct host_snapshot *now);

int qdisc_take(struct kernel *kernel, struct host_snapshot *into); // 0 or -errno
void qdisc_apply(struct work *work, const struct host_snapshot *now);

int sysctls_take(struct host_snapshot *into); // 0 or -errno
bool sysctl_key_is_valid(const char *key);
void sysctls_apply(struct work *work, const struct host_snapshot *now);

int maddrs_take(struct host_snapshot *into); // 0 or -errno
void maddrs_apply(struct work *work, const struct host_snapshot *now);

// Children, masters, packet sockets: what only its owner can move. 0 or -errno.
int left_take(struct kernel *kernel, struct host_snapshot *into);

// The records of one kind. Returns how many of the wanted ones were missing.
size_t sync_records(struct work *work, enum host_kind kind, bool is_last_try);
