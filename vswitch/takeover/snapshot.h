/* SPDX-License-Identifier: BSD-3-Clause */
// What the kernel's network stack keeps for one interface, as data: taken from one interface, kept
// in a file, given to the same or another one. Only the caller's network namespace. One thread.
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <vswitch/error.h>

#define HOST_MAX_LLADDR   32
#define HOST_ALTNAME_SIZE 128
#define HOST_ALIAS_SIZE   256
#define HOST_KEY_SIZE     48
#define HOST_VALUE_SIZE   128

struct host_link {
	char name[IFNAMSIZ];
	char kind[16];  // of a virtual one: "veth"; else empty
	char qdisc[16]; // at the root, when somebody chose it
	char alias[HOST_ALIAS_SIZE];
	uint8_t mac[HOST_MAX_LLADDR];
	unsigned mac_size;
	uint8_t token[16]; // of IPv6's own addresses; zeros: none
	uint32_t mtu, txqueuelen, group;
	uint32_t flags; // of HOST_LINK_FLAGS
	size_t n_altnames;
	char (*altname)[HOST_ALTNAME_SIZE];
};

// A value of /proc/sys/net/DIR/IFNAME/KEY.
struct host_sysctl {
	uint8_t dir; // of host_sysctl_dirs
	char key[HOST_KEY_SIZE];
	char value[HOST_VALUE_SIZE];
};

#define HOST_N_SYSCTL_DIRS 4
extern const char *const host_sysctl_dirs[HOST_N_SYSCTL_DIRS];

struct host_maddr {
	uint8_t size;
	uint8_t bytes[HOST_MAX_LLADDR];
};

// In the order in which they can be made.
enum host_kind {
	HOST_ADDRESSES,
	HOST_NEXTHOPS,
	HOST_ROUTES,
	HOST_NEIGHBOURS,
	HOST_RULES,
	HOST_N_KINDS,
};

struct host_record; // record.h

struct host_records {
	struct host_record *record;
	size_t n, room;
};

struct host_snapshot {
	// When it was taken: lifetimes count down from then.
	char boot_id[40];
	int64_t boot_seconds, real_seconds;
	uint32_t ifindex; // 0: of nothing, as host_snapshot_create() makes it
	struct host_link link;
	struct host_records records[HOST_N_KINDS];
	size_t n_links; // other interfaces that its routes name
	char (*links)[IFNAMSIZ];
	size_t n_sysctls;
	struct host_sysctl *sysctl;
	size_t n_maddrs; // multicast link-layer addresses that somebody added by hand
	struct host_maddr *maddr;
	size_t n_left; // what stays behind, a sentence each: "bridge member of br0"
	char **left;
};

struct host_snapshot *host_snapshot_create(void); // empty; NULL: no memory
void host_snapshot_destroy(struct host_snapshot *snapshot);

// NULL with a vsw_fail() in err.
struct host_snapshot *host_snapshot_take(unsigned ifindex, struct vsw_error *err);

json_t *host_snapshot_pack(const struct host_snapshot *snapshot); // NULL: no memory
// Of a file that anybody may have written. NULL with a vsw_fail() in err.
struct host_snapshot *host_snapshot_unpack(const json_t *json, struct vsw_error *err);

#define HOST_WITH_NAMES 1u // its name and alternative names too: no other may have them then
#define HOST_WITH_MAC   2u

// Told about each change before it is made, in the words of `ip`. False ends the work there.
struct host_steps {
	bool (*before)(const char *line, void *arg);
	void *arg;
};

// Makes the interface have exactly what the snapshot says, by changing what differs. Goes on after
// a failure as far as it can; doing it again does what is missing. steps may be NULL. 0, or the
// first failure as a vsw_fail().
int host_snapshot_apply(const struct host_snapshot *snapshot, unsigned ifindex, unsigned flags,
	const struct host_steps *steps, struct vsw_error *err);
// What host_snapshot_apply() would do now, without doing it. Each line to steps->before.
int host_snapshot_diff(const struct host_snapshot *snapshot, unsigned ifindex, unsigned flags,
	const struct host_steps *steps, struct vsw_error *err);
// Takes addresses, routes, rules, next hops and neighbours off the interface. A multipath route
// keeps its other hops. flags: HOST_WITH_NAMES for the alternative names.
int host_snapshot_clear(
	unsigned ifindex, unsigned flags, const struct host_steps *steps, struct vsw_error *err);
