/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <vswitch/nic/link_table.h>

static uint32_t buf[1024];
static char told[512]; // what the table told: "+eth0 -eth1 eth2>eth3 ~eth4"

static void tell(enum link_change change, const struct nic_link *link, const char *old_name, void *)
{
	size_t used = strlen(told);
	const char *blank = used > 0 ? " " : "";

	assert_int_equal(change == LINK_RENAMED, strcmp(old_name, link->ifname) != 0);
	if (change == LINK_RENAMED)
		snprintf(
			told + used, sizeof(told) - used, "%s%s>%s", blank, old_name, link->ifname);
	else
		snprintf(told + used, sizeof(told) - used, "%s%c%s", blank,
			change == LINK_ADDED     ? '+'
			: change == LINK_REMOVED ? '-'
						 : '~',
			link->ifname);
}

static const char *news(struct link_table *table)
{
	told[0] = '\0';
	link_table_tell(table, tell, NULL);
	return told;
}

static struct nlmsghdr *begin(uint16_t type, int index, unsigned flags)
{
	struct nlmsghdr *message;
	struct ifinfomsg *info;

	memset(buf, 0, sizeof(buf));
	message = mnl_nlmsg_put_header(buf);
	message->nlmsg_type = type;
	info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	info->ifi_index = index;
	info->ifi_type = ARPHRD_ETHER;
	info->ifi_flags = flags;
	return message;
}

// From memory of exactly that size, so that the sanitizer sees every byte too far.
static int take(struct link_table *table, const void *data, size_t len)
{
	void *copy = malloc(len > 0 ? len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, data, len);
	ret = link_table_take(table, copy, len);
	free(copy);
	return ret;
}

static void link_with(struct link_table *table, uint16_t type, int index, const char *name,
	unsigned flags, const char *alias, const char *kind)
{
	static const uint8_t mac[6] = {2, 0x77, 0, 0, 0, 1};
	struct nlmsghdr *message = begin(type, index, flags);
	struct nlattr *info;

	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	mnl_attr_put(message, IFLA_ADDRESS, 6, mac);
	if (alias != NULL)
		mnl_attr_put_strz(message, IFLA_IFALIAS, alias);
	if (kind != NULL) {
		info = mnl_attr_nest_start(message, IFLA_LINKINFO);
		mnl_attr_put_strz(message, IFLA_INFO_KIND, kind);
		mnl_attr_nest_end(message, info);
	}
	assert_int_equal(take(table, message, message->nlmsg_len), 0);
}

static void link_is(struct link_table *table, int index, const char *name, unsigned flags)
{
	link_with(table, RTM_NEWLINK, index, name, flags, NULL, NULL);
}

static void link_gone(struct link_table *table, int index, const char *name)
{
	link_with(table, RTM_DELLINK, index, name, 0, NULL, NULL);
}

static int end(struct link_table *table, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = begin(type, 0, 0);

	message->nlmsg_flags = flags;
	return take(table, message, message->nlmsg_len);
}

static void setup_listed(struct link_table **table)
{
	*table = link_table_create();
	assert_non_null(*table);
	link_table_expect_list(*table);
	link_is(*table, 2, "eth0", IFF_UP);
	link_is(*table, 3, "eth1", 0);
	assert_true(link_table_is_listing(*table));
	assert_int_equal(end(*table, NLMSG_DONE, 0), 0);
	assert_false(link_table_is_listing(*table));
	link_table_tell(*table, NULL, NULL);
}

static void tells_each_change_once(void **)
{
	struct link_table *table;

	setup_listed(&table);
	assert_string_equal(news(table), "");
	link_is(table, 4, "eth2", 0);
	link_is(table, 2, "eth0", IFF_UP | IFF_RUNNING);
	link_is(table, 2, "eth0", IFF_UP | IFF_RUNNING | IFF_PROMISC);
	assert_string_equal(news(table), "~eth0 +eth2");
	assert_string_equal(news(table), "");
	link_is(table, 3, "lan1", 0);
	assert_string_equal(news(table), "eth1>lan1");
	link_gone(table, 3, "lan1");
	link_gone(table, 3, "lan1");
	link_gone(table, 99, "eth9");
	assert_string_equal(news(table), "-lan1");
	link_table_destroy(table);
}

static void tells_a_return_as_two_changes(void **)
{
	struct link_table *table;

	setup_listed(&table);
	link_gone(table, 2, "eth0");
	link_is(table, 2, "eth0", IFF_UP); // the same index, yet another interface
	link_gone(table, 3, "eth1");
	link_is(table, 7, "eth1", 0);
	assert_string_equal(news(table), "-eth0 -eth1 +eth0 +eth1");
	// Come and gone before anybody asked.
	link_is(table, 8, "eth8", 0);
	link_gone(table, 8, "eth8");
	assert_string_equal(news(table), "");
	link_table_destroy(table);
}

static void leaves_out_what_is_no_nic(void **)
{
	struct link_table *table;
	struct nlmsghdr *message;
	struct ifinfomsg *info;

	setup_listed(&table);
	link_is(table, 1, "lo", IFF_UP | IFF_LOOPBACK);
	link_with(table, RTM_NEWLINK, 5, "br0", 0, NULL, "bridge");
	// A tap gets its alias a moment after it was made.
	link_with(table, RTM_NEWLINK, 6, "t0", 0, NULL, "tun");
	link_with(table, RTM_NEWLINK, 6, "t0", 0, "vswitch port t0", "tun");
	link_with(table, RTM_NEWLINK, 9, "t1", 0, "vswitch", "tun");
	message = begin(RTM_NEWLINK, 10, 0);
	info = mnl_nlmsg_get_payload(message);
	info->ifi_type = ARPHRD_PPP;
	mnl_attr_put_strz(message, IFLA_IFNAME, "ppp0");
	take(table, message, message->nlmsg_len);
	assert_string_equal(news(table), "+t1");
	link_gone(table, 1, "lo");
	link_gone(table, 5, "br0");
	link_gone(table, 6, "t0");
	assert_string_equal(news(table), "");
	// That a bridge let go of a member does not remove it.
	message = begin(RTM_DELLINK, 2, 0);
	info = mnl_nlmsg_get_payload(message);
	info->ifi_family = AF_BRIDGE;
	mnl_attr_put_strz(message, IFLA_IFNAME, "eth0");
	take(table, message, message->nlmsg_len);
	assert_string_equal(news(table), "");
	link_table_destroy(table);
}

static void makes_up_for_losses(void **)
{
	struct link_table *table;

	setup_listed(&table);
	link_table_expect_list(table);
	link_is(table, 2, "wan", IFF_UP);
	link_is(table, 5, "eth5", 0);
	assert_int_equal(end(table, NLMSG_DONE, 0), 0);
	assert_string_equal(news(table), "-eth1 eth0>wan +eth5");

	// A list that changed while it was read shows no absence.
	link_table_expect_list(table);
	assert_int_equal(end(table, NLMSG_DONE, NLM_F_DUMP_INTR), -EAGAIN);
	assert_false(link_table_is_listing(table));
	assert_string_equal(news(table), "");
	link_table_expect_list(table);
	assert_int_equal(end(table, NLMSG_ERROR, 0), 0);
	assert_false(link_table_is_listing(table));
	assert_string_equal(news(table), "");
	// Without a list there is no end of one.
	assert_int_equal(end(table, NLMSG_DONE, 0), 0);
	assert_string_equal(news(table), "");
	link_table_destroy(table);
}

// Every length in a message, one after the other, takes every small and some large values.
static void survives_any_length(void **)
{
	struct link_table *table;
	struct nlmsghdr *message = begin(RTM_NEWLINK, 3, 0);
	uint8_t good[256], bad[256];
	struct nlattr *info;
	size_t len;

	mnl_attr_put_strz(message, IFLA_IFNAME, "a-name-too-long-for-any-interface");
	mnl_attr_put_strz(message, IFLA_IFALIAS, "vswitch port x");
	mnl_attr_put_u32(message, IFLA_ADDRESS, 1);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "a-kind-that-is-longer-than-its-room");
	mnl_attr_nest_end(message, info);
	len = message->nlmsg_len;
	assert_true(len <= sizeof(good));
	memcpy(good, message, len);

	setup_listed(&table);
	for (size_t cut = 0; cut <= len; cut++) {
		take(table, good, cut);
		memcpy(bad, good, len);
		((struct nlmsghdr *)bad)->nlmsg_len = cut; // shorter than what was sent
		take(table, bad, len);
		take(table, bad, cut);
	}
	for (size_t at = 0; at + 2 <= len; at += 2) {
		for (unsigned value = 0; value < 300; value++) {
			uint16_t word = value < 280 ? value : UINT16_MAX - (value - 280);

			memcpy(bad, good, len);
			memcpy(bad + at, &word, sizeof(word));
			take(table, bad, len);
		}
	}
	news(table);
	link_table_destroy(table);
}

static void ignores_what_says_nothing(void **)
{
	struct link_table *table;
	struct nlmsghdr *message;

	setup_listed(&table);
	message = begin(RTM_NEWLINK, 0, 0); // no index
	mnl_attr_put_strz(message, IFLA_IFNAME, "eth9");
	take(table, message, message->nlmsg_len);
	message = begin(RTM_NEWLINK, -5, 0);
	mnl_attr_put_strz(message, IFLA_IFNAME, "eth9");
	take(table, message, message->nlmsg_len);
	message = begin(RTM_NEWLINK, 9, 0); // no name
	take(table, message, message->nlmsg_len);
	message = begin(RTM_NEWLINK, 9, 0);
	mnl_attr_put(message, IFLA_IFNAME, 0, "");
	take(table, message, message->nlmsg_len);
	message = begin(RTM_DELLINK, 2, 0); // too short to be believed
	message->nlmsg_len = NLMSG_LENGTH(4);
	take(table, message, message->nlmsg_len);
	assert_string_equal(news(table), "");
	link_table_destroy(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_each_change_once),
		cmocka_unit_test(tells_a_return_as_two_changes),
		cmocka_unit_test(leaves_out_what_is_no_nic),
		cmocka_unit_test(makes_up_for_losses),
		cmocka_unit_test(survives_any_length),
		cmocka_unit_test(ignores_what_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
