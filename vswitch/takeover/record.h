/* SPDX-License-Identifier: BSD-3-Clause */
// One address, route, rule, next hop or neighbour, as the header and the attributes of the
// kernel's message about it, without what the kernel counts or decides by itself. libnl-route's
// objects would lose some of it (RTA_VIA, IFA_PROTO, expiry of IPv6 routes).
//
// In place of an ifindex stands 0 for the snapshot's own interface, n for its links[n - 1]; so a
// record is good for any interface, and after a reboot.
#pragma once

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "kernel.h"
#include "snapshot.h"

#define RECORD_MAX_ATTRS 60000 // bytes
#define RECORD_FOREVER   UINT32_MAX

enum attr_kind {
	ATTR_DROP, // the kernel's own: not kept
	ATTR_U8,
	ATTR_U16,
	ATTR_U32,
	ATTR_U64,  // up to ATTR_VIA: compared byte by byte
	ATTR_FLAG, // no value
	ATTR_IP,   // of the header's family
	ATTR_VIA,  // struct rtvia
	ATTR_LINK,
	ATTR_IFNAME,   // empty: the own interface
	ATTR_LABEL,    // ":x" follows the own interface's name
	ATTR_LIFETIME, // struct ifa_cacheinfo, in seconds
	ATTR_EXPIRES,  // u32, seconds
	ATTR_LLADDR,
	ATTR_METRICS, // nested: u32 each, and a name of a congestion control
	ATTR_HOPS,    // struct rtnexthop each, with attributes
	ATTR_GROUP,   // struct nexthop_grp each
	ATTR_BLOB,    // nested, for the kernel only to understand
};

struct attr_rule {
	uint16_t type;
	uint16_t kind;
};

struct host_record {
	union {
		uint8_t bytes[12];
		uint8_t family;
		struct ifaddrmsg address;
		struct nhmsg nexthop;
		struct rtmsg route;
		struct ndmsg neighbour;
		struct fib_rule_hdr rule;
	} header;
	uint32_t size; // of attrs
	uint32_t hash; // of what must be equal in an equal one
	struct nlattr *attrs;
};

struct words;

// What is taken, and where it goes.
struct take {
	struct kernel *kernel;
	struct host_snapshot *into;
	enum host_kind kind;
	size_t n_left;                      // when the table's reading began
	const struct host_records *singles; // NULL: next hops first, their groups in a second round
};

struct record_ops {
	const char *noun; // as `ip` has it
	const char *key;  // of the list in a file
	int get, add, del;
	size_t header_size;
	const struct attr_rule *attrs; // ends with type 0
	// Is this one of the interface's, worth keeping? Brings it into its lasting form.
	bool (*keep)(struct take *take, const struct nlmsghdr *told, struct host_record *record);
	bool (*is_valid)(const struct host_record *record); // of a file; attributes are checked
	void (*say)(struct words *words, const struct host_record *record);
};

extern const struct record_ops address_ops, nexthop_ops, route_ops, neighbour_ops, rule_ops;
extern const struct record_ops *const record_ops[HOST_N_KINDS];

// --- attributes ------------------------------------------------------------------------------

enum attr_kind record_kind_of(const struct record_ops *ops, int type); // ATTR_DROP: unknown
bool record_knows(const struct record_ops *ops, int type);
const struct nlattr *record_get(const struct host_record *record, int type); // NULL: has none
uint32_t record_u32(const struct host_record *record, int type);             // 0: has none
int record_put(struct host_record *record, int type, const void *data, size_t size);
void record_remove(struct host_record *record, int type);
// The hops of ATTR_HOPS, first after NULL; NULL at the end.
struct rtnexthop *record_hop(const struct nlattr *hops, const struct rtnexthop *after);
int record_copy(const struct host_record *from, struct host_record *to); // 0 or -ENOMEM

// --- lists -----------------------------------------------------------------------------------

// Takes the record over, also on failure. 0 or -ENOMEM.
int records_append(struct host_records *list, struct host_record *record);
void records_clear(struct host_records *list);

// Reads the kernel's table into the snapshot. 0 or -errno.
int records_take(struct kernel *kernel, struct host_snapshot *into, enum host_kind kind);
// The number that stands for that interface, or -errno.
int snapshot_link(struct host_snapshot *snapshot, uint32_t ifindex);
void snapshot_leave(struct host_snapshot *snapshot, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void snapshot_stamp(struct host_snapshot *snapshot);         // taken now
uint32_t snapshot_age(const struct host_snapshot *snapshot); // in seconds

// --- comparing -------------------------------------------------------------------------------

uint32_t record_hash(const struct record_ops *ops, const struct host_record *record);
// The same, whatever interface each is for; lifetimes may be a few seconds apart.
bool record_equal(const struct record_ops *ops, const struct host_snapshot *of_a,
	const struct host_record *a, const struct host_snapshot *of_b, const struct host_record *b);
uint32_t remaining(uint32_t lifetime, uint32_t age);
bool record_is_over(const struct record_ops *ops, const struct host_record *record, uint32_t age);

// --- messages --------------------------------------------------------------------------------

struct target {
	const struct host_snapshot *of; // whose links the record names
	uint32_t ifindex;
	char name[IFNAMSIZ];
	uint32_t age;     // of lifetimes
	bool without_own; // hops through the own interface are left out
};

// NULL with errno: ENODEV when another interface that it names is not there.
struct nl_msg *record_message(const struct record_ops *ops, int type, int flags,
	const struct host_record *record, const struct target *target);

// --- files -----------------------------------------------------------------------------------

json_t *record_pack(const struct record_ops *ops, const struct host_snapshot *of,
	const struct host_record *record);
// 0 or a vsw_fail().
int record_unpack(const struct record_ops *ops, const struct host_snapshot *of, const json_t *json,
	struct host_record *record, struct vsw_error *err);
// NULL, or what is wrong with an attribute that claims to be of this kind.
const char *attr_fault(
	enum attr_kind kind, unsigned family, size_t n_links, const void *data, size_t size);
