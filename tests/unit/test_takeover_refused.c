/* SPDX-License-Identifier: BSD-3-Clause */
// Refused by the kernel at any of its steps: the rest is done, the reason told; done again,
// nothing is missing.
#include <linux/capability.h>
#include <sys/syscall.h>

#include "takeover_fixture.h"

static bool entered;

static void set_net_admin(bool on)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {};

	syscall(SYS_capget, &header, data);
	if (on)
		data[0].effective |= 1u << CAP_NET_ADMIN;
	else
		data[0].effective &= ~(1u << CAP_NET_ADMIN);
	syscall(SYS_capset, &header, data);
}

struct refusal {
	unsigned at, n;
};

// The kernel says EPERM to one step's order.
static bool lose_right_once(const char *, void *arg)
{
	struct refusal *refusal = arg;

	set_net_admin(refusal->n++ != refusal->at);
	return true;
}

static void test_apply_after_refusal_is_complete(void **)
{
	bool refused = true;
	unsigned n_failed = 0;

	if (!entered)
		skip();
	for (unsigned at = 0; refused; at++) {
		struct refusal refusal = {.at = at};
		const struct host_steps steps = {.before = lose_right_once, .arg = &refusal};
		struct host_snapshot *snapshot;
		struct vsw_error err = {};
		char *before;

		net_renew();
		net_furnish();
		before = net_facts("tk0");
		snapshot = net_take("tk0");
		net_clear_away();
		// What can be tried again is, with the right back.
		if (host_snapshot_apply(snapshot, if_nametoindex("tk1"),
			    HOST_WITH_NAMES | HOST_WITH_MAC, &steps, &err) < 0) {
			assert_non_null(strstr(err.reason, strerror(EPERM)));
			n_failed++;
		}
		set_net_admin(true);
		refused = refusal.n > at;
		net_apply(snapshot, if_nametoindex("tk0") != 0 ? "tk0" : "tk1");
		net_assert_becomes(before, "tk0");
		free(before);
		host_snapshot_destroy(snapshot);
		assert_true(at < 500);
	}
	assert_in_range(n_failed, 5, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apply_after_refusal_is_complete),
	};

	entered = net_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
