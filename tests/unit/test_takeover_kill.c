/* SPDX-License-Identifier: BSD-3-Clause */
// Killed before any of its steps, done again: nothing is missing, nothing is there twice.
#include "takeover_fixture.h"

static bool entered;

struct killer {
	unsigned left;
};

static bool die_in_time(const char *, void *arg)
{
	struct killer *killer = arg;

	if (killer->left-- == 0)
		_exit(77);
	return true;
}

// True if it was killed, false if it came to its end before.
static bool apply_and_die(const struct host_snapshot *snapshot, unsigned at)
{
	struct killer killer = {.left = at};
	const struct host_steps steps = {.before = die_in_time, .arg = &killer};
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(host_snapshot_apply(snapshot, if_nametoindex("tk1"),
			      HOST_WITH_NAMES | HOST_WITH_MAC, &steps, NULL) < 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 77)
		assert_int_equal(WEXITSTATUS(status), 0);
	return WEXITSTATUS(status) == 77;
}

static void test_apply_after_kill_is_complete(void **)
{
	bool killed = true;

	if (!entered)
		skip();
	for (unsigned at = 0; killed; at++) {
		struct host_snapshot *snapshot;
		char *before;

		net_renew();
		net_furnish();
		before = net_facts("tk0");
		snapshot = net_take("tk0");
		net_clear_away();
		killed = apply_and_die(snapshot, at);
		// It may have its new name already.
		net_apply(snapshot, if_nametoindex("tk0") != 0 ? "tk0" : "tk1");
		net_assert_becomes(before, "tk0");
		free(before);
		host_snapshot_destroy(snapshot);
		assert_true(at < 500);
		assert_true(killed || at > 30);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apply_after_kill_is_complete),
	};

	entered = net_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
