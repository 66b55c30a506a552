/* SPDX-License-Identifier: BSD-3-Clause */
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "takeover_fixture.h"

static bool entered;

static int setup(void **)
{
	if (entered)
		net_renew();
	return 0;
}

#define NEEDS_NET() \
	if (!entered) \
	skip()

static struct host_snapshot *through_a_file(struct host_snapshot *snapshot)
{
	json_t *json = host_snapshot_pack(snapshot), *read;
	char *text = json_dumps(json, JSON_INDENT(1));
	struct vsw_error err = {};
	struct host_snapshot *back;

	assert_non_null(text);
	read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	back = host_snapshot_unpack(read, &err);
	if (back == NULL)
		fail_msg("%s", err.reason);
	json_decref(json);
	json_decref(read);
	free(text);
	host_snapshot_destroy(snapshot);
	return back;
}

static void test_moves_all_to_another_interface(void **)
{
	struct host_snapshot *snapshot;
	char *before;

	NEEDS_NET();
	net_furnish();
	before = net_facts("tk0");
	snapshot = through_a_file(net_take("tk0"));
	net_clear_away();
	assert_int_not_equal(net_apply(snapshot, "tk1"), 0);
	net_assert_becomes(before, "tk0");
	assert_int_equal(net_diff(snapshot, "tk0"), 0);
	assert_int_equal(net_apply(snapshot, "tk0"), 0);
	free(before);
	host_snapshot_destroy(snapshot);
}

static void test_a_snapshot_of_itself_is_no_change(void **)
{
	struct host_snapshot *snapshot;
	char *before;

	NEEDS_NET();
	net_furnish();
	before = net_facts("tk0");
	snapshot = net_take("tk0");
	assert_int_equal(net_diff(snapshot, "tk0"), 0);
	assert_int_equal(net_apply(snapshot, "tk0"), 0);
	net_assert_becomes(before, "tk0");
	free(before);
	host_snapshot_destroy(snapshot);
}

static void test_diff_tells_and_changes_nothing(void **)
{
	struct host_snapshot *snapshot;
	char *before;

	NEEDS_NET();
	net_furnish();
	snapshot = net_take("tk0");
	before = net_facts("tk1");
	assert_int_not_equal(net_diff(snapshot, "tk1"), 0);
	net_assert_becomes(before, "tk1");
	free(before);
	host_snapshot_destroy(snapshot);
}

static void test_what_is_too_much_goes(void **)
{
	struct host_snapshot *snapshot;
	char *before;

	NEEDS_NET();
	net_furnish();
	before = net_facts("tk0");
	snapshot = net_take("tk0");
	net_run("set -e; ip addr add 10.77.44.1/24 dev tk0; ip addr del 10.77.0.2/24 dev tk0;"
		"ip route add 10.77.45.0/24 via 10.77.44.2; ip -6 route del fd77:9::/64;"
		"ip addr add fd77:44::1/64 dev tk0; ip rule add oif tk0 table 77;"
		"ip -6 route add fd77:45::/64 via fd77:44::2; ip link set tk0 mtu 1500;"
		"ip neigh add 10.77.44.3 lladdr 02:00:00:00:44:03 dev tk0 nud permanent;"
		"ip neigh replace 10.77.0.7 lladdr 02:00:00:00:44:07 dev tk0 nud permanent;"
		"ip maddr add 33:33:00:00:22:22 dev tk0; ip link set tk0 promisc on;"
		"ip link property add dev tk0 altname another;"
		"echo 0 > /proc/sys/net/ipv4/conf/tk0/rp_filter");
	assert_int_not_equal(net_apply(snapshot, "tk0"), 0);
	net_assert_becomes(before, "tk0");
	free(before);
	host_snapshot_destroy(snapshot);
}

// Which of them the host speaks with depends on it.
static void test_addresses_keep_their_order(void **)
{
	struct host_snapshot *snapshot;
	char *before;

	NEEDS_NET();
	net_furnish();
	before = net_facts("tk0");
	snapshot = net_take("tk0");
	net_run("set -e; ip addr del 10.77.1.9/24 dev tk0; ip addr del fd77::3 peer fd77::4/128 "
		"dev tk0; ip addr add 10.77.1.9/24 dev tk0 noprefixroute metric 50;"
		"ip addr add fd77::3 peer fd77::4/128 dev tk0");
	assert_int_not_equal(net_diff(snapshot, "tk0"), 0);
	net_apply(snapshot, "tk0");
	net_assert_becomes(before, "tk0");
	assert_int_equal(net_diff(snapshot, "tk0"), 0);
	free(before);
	host_snapshot_destroy(snapshot);
}

static void test_an_address_matters_more_than_its_label(void **)
{
	struct host_snapshot *snapshot;
	struct vsw_error err = {};

	NEEDS_NET();
	net_run("ip addr add 10.77.0.2/24 dev tk0 label tk0:a-long-one");
	snapshot = net_take("tk0");
	net_run("ip link set tk1 name tk1-is-long");
	if (host_snapshot_apply(snapshot, if_nametoindex("tk1-is-long"), 0, NULL, &err) < 0)
		fail_msg("%s", err.reason);
	net_run("ip addr show dev tk1-is-long | grep -q 10.77.0.2/24");
	net_run("ip link set tk1-is-long name tk1");
	host_snapshot_destroy(snapshot);
}

static void test_down_stays_down(void **)
{
	struct host_snapshot *snapshot;
	char *before;

	NEEDS_NET();
	net_run("ip addr add 10.77.0.2/24 dev tk0; ip link set tk0 down");
	before = net_facts("tk0");
	snapshot = net_take("tk0");
	net_clear_away();
	net_run("ip link set tk1 up; ip addr add 10.77.50.1/24 dev tk1");
	net_apply(snapshot, "tk1");
	net_assert_becomes(before, "tk0");
	assert_int_equal(net_diff(snapshot, "tk0"), 0);
	free(before);
	host_snapshot_destroy(snapshot);
}

static void test_clear_leaves_the_others_alone(void **)
{
	struct vsw_error err = {};
	char *before;
	struct host_snapshot *now;

	NEEDS_NET();
	before = net_facts("other");
	net_furnish();
	if (host_snapshot_clear(if_nametoindex("tk0"), HOST_WITH_NAMES, NULL, &err) < 0)
		fail_msg("%s", err.reason);
	// Half of a multipath route, and of a group.
	net_run("set -e; ip route del 10.77.12.0/24 via 10.77.5.3 dev other; ip nexthop del id 3;"
		"ip nexthop del id 6; ip -6 route del fd77:c::/64 via fd77:5::9 dev other;"
		"ip route del 10.77.17.0/24 dev other; ip -6 route del fd77:d::/64 dev other");
	net_assert_becomes(before, "other");
	now = net_take("tk0");
	for (unsigned kind = 0; kind < HOST_N_KINDS; kind++)
		assert_int_equal(now->records[kind].n, 0);
	assert_int_equal(now->link.n_altnames, 0);
	free(before);
	host_snapshot_destroy(now);
}

// --- time ------------------------------------------------------------------------------------

static unsigned told(const char *command)
{
	FILE *f = popen(command, "re");
	unsigned value = 0;

	assert_non_null(f);
	if (fscanf(f, "%u", &value) != 1)
		value = 0;
	pclose(f);
	return value;
}

static void test_lifetimes_count_down(void **)
{
	struct host_snapshot *snapshot;

	NEEDS_NET();
	net_run("ip addr add 10.77.0.2/24 dev tk0 valid_lft 1000 preferred_lft 300;"
		"ip addr add 10.77.0.3/24 dev tk0 valid_lft 350 preferred_lft 300;"
		"ip -6 route add fd77:9::/64 dev tk0 expires 1000;"
		"ip -6 route add fd77:a::/64 dev tk0 expires 350");
	snapshot = net_take("tk0");
	snapshot->boot_seconds -= 400;
	net_clear_away();
	net_apply(snapshot, "tk1");
	assert_in_range(
		told("ip addr show dev tk0 | sed -n 's/.*valid_lft \\([0-9]*\\)sec.*/\\1/p'"), 590,
		600);
	assert_int_equal(told("ip addr show dev tk0 | sed -n 's/.*preferred_lft "
			      "\\([0-9]*\\)sec.*/\\1/p'"),
		0);
	assert_in_range(
		told("ip -6 route show fd77:9::/64 | sed 's/.*expires \\([0-9]*\\)sec.*/\\1/'"),
		590, 601);
	net_run("! ip addr show dev tk0 | grep -q 10.77.0.3");
	net_run("! ip -6 route show | grep -q fd77:a::");
	assert_int_equal(net_diff(snapshot, "tk0"), 0);
	host_snapshot_destroy(snapshot);
}

// --- failures --------------------------------------------------------------------------------

static void test_goes_on_after_a_failure(void **)
{
	struct host_snapshot *snapshot;
	struct vsw_error err = {};
	char *before;

	NEEDS_NET();
	net_furnish();
	snapshot = net_take("tk0");
	net_run("ip nexthop del id 3; ip nexthop del id 6; ip rule del pref 1002;"
		"ip route del 10.77.12.0/24; ip -6 route del fd77:c::/64");
	before = net_facts("tk0");
	net_clear_away();
	net_run("ip link del other");
	// Its multipath route and its group cannot be made any more.
	assert_int_not_equal(host_snapshot_apply(snapshot, if_nametoindex("tk1"),
				     HOST_WITH_NAMES | HOST_WITH_MAC, NULL, &err),
		0);
	assert_non_null(strstr(err.reason, "nexthop add id 3"));
	net_run("ip rule del pref 1002");
	net_assert_becomes(before, "tk0");
	free(before);
	host_snapshot_destroy(snapshot);
}

static bool stop_at_third(const char *, void *arg)
{
	return ++*(unsigned *)arg < 3;
}

static void test_stops_where_told_to(void **)
{
	unsigned n = 0;
	const struct host_steps steps = {.before = stop_at_third, .arg = &n};
	struct host_snapshot *snapshot;
	struct vsw_error err = {};

	NEEDS_NET();
	net_furnish();
	snapshot = net_take("tk0");
	assert_int_not_equal(
		host_snapshot_apply(snapshot, if_nametoindex("tk1"), 0, &steps, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(err.code, VSW_E_DEVICE);
	host_snapshot_destroy(snapshot);
}

static void test_refuses_what_is_not_there(void **)
{
	struct vsw_error err = {};

	NEEDS_NET();
	assert_null(host_snapshot_take(99999, &err));
	assert_int_equal(err.code, VSW_E_NOT_FOUND);
	assert_int_equal(host_snapshot_clear(99999, 0, NULL, &err), -VSW_E_NOT_FOUND);
}

// --- what stays ------------------------------------------------------------------------------

static bool is_left(const struct host_snapshot *snapshot, const char *sentence)
{
	for (size_t i = 0; i < snapshot->n_left; i++)
		if (strcmp(snapshot->left[i], sentence) == 0)
			return true;
	return false;
}

static void test_names_what_it_cannot_move(void **)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	struct host_snapshot *snapshot;
	int fd;

	NEEDS_NET();
	net_run("ip link add br77 type bridge; ip link set tk0 master br77");
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	to.sll_ifindex = (int)if_nametoindex("tk0");
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	snapshot = net_take("tk0");
	assert_true(is_left(snapshot, "member of br77"));
	assert_true(is_left(snapshot, "1 packet socket of programs"));
	host_snapshot_destroy(snapshot);
	close(fd);
	snapshot = net_take("br77");
	assert_true(is_left(snapshot, "member tk0 of it"));
	host_snapshot_destroy(snapshot);
	net_run("ip link del br77");

	if (system("ip link add link tk0 name mv77 type macvlan 2> /dev/null") != 0)
		return; // this kernel has none
	snapshot = net_take("tk0");
	assert_true(is_left(snapshot, "macvlan interface mv77 on it"));
	host_snapshot_destroy(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_moves_all_to_another_interface, setup),
		cmocka_unit_test_setup(test_a_snapshot_of_itself_is_no_change, setup),
		cmocka_unit_test_setup(test_diff_tells_and_changes_nothing, setup),
		cmocka_unit_test_setup(test_what_is_too_much_goes, setup),
		cmocka_unit_test_setup(test_addresses_keep_their_order, setup),
		cmocka_unit_test_setup(test_an_address_matters_more_than_its_label, setup),
		cmocka_unit_test_setup(test_down_stays_down, setup),
		cmocka_unit_test_setup(test_clear_leaves_the_others_alone, setup),
		cmocka_unit_test_setup(test_lifetimes_count_down, setup),
		cmocka_unit_test_setup(test_goes_on_after_a_failure, setup),
		cmocka_unit_test_setup(test_stops_where_told_to, setup),
		cmocka_unit_test_setup(test_refuses_what_is_not_there, setup),
		cmocka_unit_test_setup(test_names_what_it_cannot_move, setup),
	};

	entered = net_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
