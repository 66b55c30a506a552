/* SPDX-License-Identifier: BSD-3-Clause */
// A network namespace of the test's own, with an interface "tk0" that has a bit of everything,
// and "tk1" that has nothing:
//
//	far0 --- tk0      tk1 --- far1      other --- far2
//
// tk0's link-layer addresses and names are the kernel's to choose; addresses are of 10.77.0.0/16
// and fd77::/16.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include <vswitch/takeover/snapshot.h>

static inline bool net_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

// False, with a reason printed: this machine does not let the test have one.
static inline bool net_enter(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[32];

	if (system("ip -V > /dev/null 2>&1") != 0) {
		print_message("skipped: no ip command (iproute2)\n");
		return false;
	}
	if (unshare(CLONE_NEWNET) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		print_message("skipped: no network namespace of its own: %s\n", strerror(errno));
		return false;
	}
	net_write("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	net_write("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	net_write("/proc/self/gid_map", map);
	return true;
}

static inline void net_run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

// DAD is off: it would take seconds, and the far ends answer nobody.
static const char net_setup[] =
	"set -e; d=/proc/sys/net/ipv6/conf; echo 0 > $d/all/accept_dad;"
	"echo 0 > $d/default/accept_dad; ip link set lo up;"
	"ip link add tk0 type veth peer name far0; ip link add tk1 type veth peer name far1;"
	"ip link add other type veth peer name far2;"
	"for i in far0 far1 far2 tk0 other; do ip link set $i up; done;"
	"ip addr add 10.77.5.1/24 dev other; ip addr add fd77:5::1/64 dev other;"
	"ip route add 10.77.30.0/24 via 10.77.5.9; ip rule add oif other table 9 pref 900;"
	"ip neigh add 10.77.5.7 lladdr 02:00:00:00:05:07 dev other nud permanent";

static const char net_furniture[] =
	"set -e; ip link property add dev tk0 altname long-name-0;"
	"ip link set tk0 alias 'the host' mtu 1400 txqueuelen 77 allmulticast on;"
	"ip token set ::77 dev tk0;"
	"ip addr add 10.77.0.2/24 dev tk0 brd + label tk0:1 valid_lft 1000 preferred_lft 500;"
	"ip addr add 10.77.0.9/24 dev tk0; ip addr add 10.77.1.9/24 dev tk0 noprefixroute metric "
	"50;"
	"ip addr add 10.77.2.1 peer 10.77.2.2/32 dev tk0;"
	"ip addr add fd77::2/64 dev tk0 nodad mngtmpaddr valid_lft 1000 preferred_lft 500;"
	"ip addr add fd77::3 peer fd77::4/128 dev tk0;"
	"ip addr add fd77:1::5/64 dev tk0 noprefixroute;"
	"ip route add table 100 default via 10.77.0.1;"
	"ip route add default via 10.77.0.1 metric 5 mtu 1300 advmss 1000 initcwnd 20 src "
	"10.77.0.9;"
	"ip route add 10.77.9.0/24 via inet6 fd77::99 dev tk0;"
	"ip route add 10.77.10.0/24 nexthop via 10.77.0.1 weight 2 nexthop via 10.77.0.3 dev tk0;"
	"ip route add 10.77.12.0/24 nexthop via 10.77.0.1 weight 2 nexthop via 10.77.5.3 dev other;"
	"ip route add 10.77.1.0/24 dev tk0 proto kernel scope link src 10.77.1.9 metric 50;"
	"ip route add 10.77.13.0/24 via 10.77.99.9 dev tk0 onlink;"
	"ip route add 10.77.16.0/24 via 10.77.0.1 tos 0x10 realm 4;"
	"ip -6 route add fd77:9::/64 via fd77::1 expires 100;"
	"ip -6 route add fd77:a::/64 nexthop via fd77::1 nexthop via fd77::5;"
	"ip -6 route add fd77:c::/64 nexthop via fd77::1 nexthop via fd77:5::9;"
	"ip -6 route add fd77:d::/64 dev other metric 9; ip -6 route append fd77:d::/64 dev tk0 "
	"metric 9; ip route add 10.77.17.0/24 via 10.77.5.9; ip route append 10.77.17.0/24 via "
	"10.77.0.1; ip route append 10.77.17.0/24 via 10.77.0.3 mtu lock 1200;"
	"ip -6 route add default via fe80::1 dev tk0 proto ra metric 100 pref high;"
	"ip -6 route add fd77:b::/64 dev tk0 src fd77::2 table 300;"
	"ip nexthop add id 5 via 10.77.0.1 dev tk0; ip nexthop add id 6 via 10.77.5.7 dev other;"
	"ip nexthop add id 3 group 5/6,3; ip route add 10.77.11.0/24 nhid 5;"
	"ip route add 10.77.15.0/24 nhid 3;"
	"ip rule add iif tk0 table 100 pref 1000;"
	"ip -6 rule add not oif tk0 fwmark 5/7 table 100 pref 1001;"
	"ip rule add from 10.77.0.0/24 iif tk0 oif other ipproto tcp dport 5-9 table 7 pref 1002;"
	"ip neigh add 10.77.0.7 lladdr 02:00:00:00:00:07 dev tk0 nud permanent;"
	"ip neigh add fd77::77 lladdr 02:00:00:00:00:08 dev tk0 nud permanent router;"
	"ip neigh add proxy 10.77.0.8 dev tk0; ip -6 neigh add proxy fd77::88 dev tk0;"
	"ip maddr add 33:33:00:00:11:11 dev tk0;"
	"echo 2 > /proc/sys/net/ipv4/conf/tk0/rp_filter;"
	"echo 1 > /proc/sys/net/ipv6/conf/tk0/proxy_ndp;"
	"echo 7 > /proc/sys/net/ipv4/neigh/tk0/app_solicit";

// The kernel makes an IPv6 address usable by and by.
static inline void net_furnish(void)
{
	net_run(net_furniture);
	net_run("for i in fd77::2 fd77::3 fd77:1::5; do n=0;"
		"until ip -6 route show table local | grep -q \"^local $i \"; do n=$((n + 1));"
		"test $n -lt 200 || exit 1; sleep 0.01; done; done;"
		"n=0; while ip -6 addr show dev tk0 tentative | grep -q .; do n=$((n + 1));"
		"test $n -lt 200 || exit 1; sleep 0.01; done");
}

// As if nothing had been: kill() and the like leave namespaces in any state.
static inline void net_renew(void)
{
	int ignored = system("for i in tk0 tk1 other away; do ip link del $i; done 2> /dev/null;"
			     "ip rule flush; ip -6 rule flush; ip nexthop flush > /dev/null 2>&1;"
			     "ip rule add table main pref 32766;"
			     "ip -6 rule add table main pref 32766");

	(void)ignored;
	net_run(net_setup);
}

// --- what `ip` tells -------------------------------------------------------------------------

// What tells one interface from another, and what counts.
static const char *const net_dropped[] = {"ifindex", "link", "link_index", "link_netnsid",
	"valid_life_time", "preferred_life_time", "expires", "stable-privacy", NULL};

static inline void net_plain(json_t *json)
{
	json_t *value;
	const char *key;
	size_t i;

	if (json_is_object(json)) {
		for (i = 0; net_dropped[i] != NULL; i++)
			json_object_del(json, net_dropped[i]);
		json_object_foreach (json, key, value)
			net_plain(value);
	}
	if (json_is_array(json))
		json_array_foreach (json, i, value)
			net_plain(value);
}

static inline int net_by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

// Appends what one command tells of the interface, entry by entry. in_order: as it tells it.
static inline void net_tell(FILE *to, const char *command, const char *ifname, bool in_order)
{
	FILE *f = popen(command, "re");
	char name[IFNAMSIZ + 2], *lines[512];
	size_t n = 0, i;
	json_t *all, *entry;

	assert_non_null(f);
	all = json_loadf(f, 0, NULL);
	pclose(f);
	snprintf(name, sizeof(name), "\"%s\"", ifname);
	fprintf(to, "# %s\n", command);
	json_array_foreach (all, i, entry) {
		char *text;

		net_plain(entry);
		text = json_dumps(entry, JSON_SORT_KEYS | JSON_COMPACT);
		assert_non_null(text);
		if (strstr(text, name) != NULL && n < 512)
			lines[n++] = text;
		else
			free(text);
	}
	if (!in_order && n > 0)
		qsort(lines, n, sizeof(lines[0]), net_by_text);
	for (i = 0; i < n; i++) {
		fprintf(to, "%s\n", lines[i]);
		free(lines[i]);
	}
	json_decref(all);
}

static inline void net_copy(FILE *to, const char *command)
{
	FILE *f = popen(command, "re");
	char line[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		fputs(line, to);
	pclose(f);
}

// Everything of the interface, as `ip` and /proc/sys tell it. The caller frees it.
static inline char *net_facts(const char *ifname)
{
	static const char *const commands[] = {"ip -j -4 route show table all",
		"ip -j -6 route show table all", "ip -j rule", "ip -j -6 rule",
		"ip -j neigh show nud permanent", "ip -j neigh show proxy",
		"ip -j -6 neigh show proxy", "ip -j nexthop", NULL};
	char command[256], *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	snprintf(command, sizeof(command), "ip -d -j addr show dev %s", ifname);
	net_tell(to, command, ifname, true);
	for (unsigned i = 0; commands[i] != NULL; i++)
		net_tell(to, commands[i], ifname, false);
	snprintf(command, sizeof(command),
		"awk '$2 == \"%s\" && $4 > 0 { print $5 }' /proc/net/dev_mcast | sort", ifname);
	net_copy(to, command);
	snprintf(command, sizeof(command), "ip token get dev %s", ifname);
	net_copy(to, command);
	// Groups name no interface.
	net_copy(to, "ip nexthop | grep group");
	snprintf(command, sizeof(command), "cd /proc/sys/net; grep -s . ipv*/*/%s/*", ifname);
	net_copy(to, command);
	fclose(to);
	return text;
}

// Says which line is the first that differs.
static inline void net_assert_same(const char *expected, const char *got)
{
	while (*expected != '\0' || *got != '\0') {
		size_t a = strcspn(expected, "\n"), b = strcspn(got, "\n");

		if (a != b || memcmp(expected, got, a) != 0) {
			print_error("expected: %.*s\n", (int)a, expected);
			print_error("got:      %.*s\n", (int)b, got);
			fail();
		}
		expected += a + (expected[a] != '\0');
		got += b + (got[b] != '\0');
	}
}

// The kernel does some of it by and by.
static inline void net_assert_becomes(const char *expected, const char *ifname)
{
	char *got = net_facts(ifname);

	for (unsigned i = 0; i < 20 && strcmp(expected, got) != 0; i++) {
		free(got);
		usleep(50000);
		got = net_facts(ifname);
	}
	net_assert_same(expected, got);
	free(got);
}

// --- snapshots -------------------------------------------------------------------------------

static inline struct host_snapshot *net_take(const char *ifname)
{
	struct vsw_error err = {};
	struct host_snapshot *snapshot = host_snapshot_take(if_nametoindex(ifname), &err);

	if (snapshot == NULL)
		fail_msg("%s: %s", ifname, err.reason);
	return snapshot;
}

static inline bool net_count(const char *, void *arg)
{
	++*(unsigned *)arg;
	return true;
}

// Returns how many changes it made.
static inline unsigned net_apply(const struct host_snapshot *snapshot, const char *ifname)
{
	unsigned n = 0;
	const struct host_steps steps = {.before = net_count, .arg = &n};
	struct vsw_error err = {};

	if (host_snapshot_apply(snapshot, if_nametoindex(ifname), HOST_WITH_NAMES | HOST_WITH_MAC,
		    &steps, &err) < 0)
		fail_msg("%s", err.reason);
	return n;
}

static inline unsigned net_diff(const struct host_snapshot *snapshot, const char *ifname)
{
	unsigned n = 0;
	const struct host_steps steps = {.before = net_count, .arg = &n};
	struct vsw_error err = {};

	if (host_snapshot_diff(snapshot, if_nametoindex(ifname), HOST_WITH_NAMES | HOST_WITH_MAC,
		    &steps, &err) < 0)
		fail_msg("%s", err.reason);
	return n;
}

// The old interface steps aside.
static inline void net_clear_away(void)
{
	struct vsw_error err = {};

	net_run("ip link set tk0 name away 2> /dev/null ||"
		"{ ip link set tk0 down; ip link set tk0 name away; ip link set away up; }");
	if (host_snapshot_clear(if_nametoindex("away"), HOST_WITH_NAMES, NULL, &err) < 0)
		fail_msg("%s", err.reason);
}
